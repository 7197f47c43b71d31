/* One dense product on all threads: see linear.h. */
#include "linear.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "cuts.h"
#include "denormals.h"
#include "system.h"
#include "threads.h"

enum {
    SHARED_FLOPS = 3000000,  /* less is not worth waking anybody for */
    SHARED_ELEMENTS = 50000, /* the same, of an activation */
    ROWS = 1008,             /* of a task, at most: what is packed for one of them serves so many */
    ELEMENTS = 16384
};

typedef struct {
    const fastnn_kernels *kernels;
    const fastnn_gemm *gemm;
    const fastnn_activation *activation;
    const double *params;
    int64_t rows;          /* of a task */
    fastnn_columns across; /* tasks side by side */
    int64_t rows_across, scratch_bytes;
    atomic_int failed; /* a task found no memory */
} product;

/* A thread's memory to pack in stays with it: getting it anew, page by page, takes longer than most products. */
static fastnn_key scratch_key;
static fastnn_once scratch_once = FASTNN_ONCE_INIT;
static void make_scratch_key(void) { fastnn_key_init(&scratch_key, fastnn_aligned_free); }

/* Those bytes, or NULL. */
static void *own_scratch(int64_t bytes) {
    typedef struct {
        _Alignas(64) int64_t bytes;
        _Alignas(64) char data[];
    } scratch;
    fastnn_call_once(&scratch_once, make_scratch_key);
    scratch *own = fastnn_key_get(scratch_key);
    if (own && own->bytes >= bytes) return own->data;
    scratch *larger = fastnn_aligned_alloc(64, sizeof *larger + (size_t)(bytes + 63) / 64 * 64);
    if (!larger || !fastnn_key_set(scratch_key, larger)) {
        fastnn_aligned_free(larger);
        return NULL;
    }
    fastnn_aligned_free(own);
    larger->bytes = bytes;
    return larger->data;
}

static void run_product(void *context, int64_t task, int worker) {
    product *w = context;
    (void)worker;
    const int64_t size = w->kernels->itemsize, i = task / w->across.count * w->rows;
    const int64_t part = task % w->across.count, j = part * w->across.block;
    fastnn_gemm g = *w->gemm;
    g.m = min64(g.m - i, w->rows);
    g.n = fastnn_columns_end(&w->across, part) - j;
    g.a = (const char *)g.a + i * g.a_row * size;
    g.b = (const char *)g.b + (g.b_col ? j * g.b_col : j) * size;
    if (g.bias) g.bias = (const char *)g.bias + j * size;
    g.c = (char *)g.c + (i * g.c_row + j) * size;
    g.rows_across = w->rows_across;
    g.scratch = w->scratch_bytes ? own_scratch(w->scratch_bytes) : NULL;
    if (g.b_col && !g.scratch) { /* all others can be read as they lie */
        w->failed = 1;
        return;
    }
    w->kernels->gemm(&g);
    if (!w->activation) return;
    if (g.c_row == g.n) {
        w->activation->forward(g.m * g.n, g.c, g.c, w->params);
        return;
    }
    for (int64_t r = 0; r < g.m; ++r) {
        void *row = (char *)g.c + r * g.c_row * size;
        w->activation->forward(g.n, row, row, w->params);
    }
}

/* By columns, where there are more of them than rows, since a task reads all of b's rows of its columns and all of a's
 * columns of its rows. */
static void cut(product *w, int threads) {
    const fastnn_gemm *g = w->gemm;
    const int64_t rows = threads * w->kernels->tile_rows;
    const int by_columns = threads > 1 && (g->n > g->m || g->m < rows);
    w->across = fastnn_cut_columns(w->kernels, g->n, by_columns ? threads : 1);
    const int64_t tiles = (g->m + rows - 1) / rows,
                  tasks = (tiles * w->kernels->tile_rows + ROWS - 1) / ROWS; /* of a thread */
    w->rows = threads > 1 && !by_columns ? (tiles + tasks - 1) / tasks * w->kernels->tile_rows : g->m;
}

int fastnn_linear(const fastnn_kernels *kernels, const fastnn_gemm *g, const fastnn_activation *activation,
                  const double *params) {
    const double flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    const int shared = flops >= SHARED_FLOPS;
    product w = {.kernels = kernels, .gemm = g, .activation = activation, .params = params};
    if (g->m <= 0 || g->n <= 0) return 0;
    if (shared) fastnn_begin_work();
    const int threads = shared ? fastnn_free_threads() : 1;
    const fastnn_fp_mode mode = fastnn_flush_denormals();
    cut(&w, threads);
    w.rows_across = g->a_col != 1 ? w.rows : 0;
    if (g->b_col || g->n >= 4 * kernels->tile_cols)
        w.scratch_bytes = kernels->gemm_scratch(w.rows_across) * kernels->itemsize;
    fastnn_parallel(run_product, &w, (g->m + w.rows - 1) / w.rows * w.across.count, threads);
    if (shared) fastnn_end_work();
    fastnn_restore_denormals(mode);
    return w.failed ? -1 : 0;
}

typedef struct {
    int64_t n, itemsize;
    const fastnn_activation *activation;
    const char *x, *dy;
    char *out;
    const double *params;
} elements;

static void run_elements(void *context, int64_t task, int worker) {
    const elements *e = context;
    const int64_t at = task * ELEMENTS, n = min64(ELEMENTS, e->n - at), byte = at * e->itemsize;
    (void)worker;
    if (e->dy)
        e->activation->backward(n, e->x + byte, e->dy + byte, e->out + byte, e->params);
    else
        e->activation->forward(n, e->x + byte, e->out + byte, e->params);
}

static void share_elements(elements *e) {
    const int shared = e->n >= SHARED_ELEMENTS;
    if (shared) fastnn_begin_work();
    const fastnn_fp_mode mode = fastnn_flush_denormals();
    fastnn_parallel(run_elements, e, (e->n + ELEMENTS - 1) / ELEMENTS, shared ? fastnn_free_threads() : 1);
    if (shared) fastnn_end_work();
    fastnn_restore_denormals(mode);
}

void fastnn_activate(const fastnn_kernels *kernels, const fastnn_activation *activation, int64_t n, const void *x,
                     void *y, const double *params) {
    elements e = {.n = n, .itemsize = kernels->itemsize, .activation = activation, .x = x, .out = y, .params = params};
    share_elements(&e);
}

void fastnn_activate_backward(const fastnn_kernels *kernels, const fastnn_activation *activation, int64_t n,
                              const void *x_or_y, const void *dy, void *dx, const double *params) {
    elements e = {.n = n,
                  .itemsize = kernels->itemsize,
                  .activation = activation,
                  .x = x_or_y,
                  .dy = dy,
                  .out = dx,
                  .params = params};
    share_elements(&e);
}
