/* One dense product on all threads: see linear.h. */
#include "linear.h"

#include <stdlib.h>

#include "denormals.h"
#include "threads.h"

enum {
    SHARED_FLOPS = 3000000,  /* less is not worth waking anybody for */
    SHARED_ELEMENTS = 50000, /* the same, of an activation */
    TASKS = 2,               /* of a thread, at least: one that is held up does fewer */
    ROWS = 504,              /* of a task, at most: what is packed for one of them serves so many */
    PACKED_FLOPS = 30000000, /* less is done before memory to pack in is got */
    ELEMENTS = 16384
};

typedef struct {
    const fastnn_kernels *kernels;
    const fastnn_gemm *gemm;
    const fastnn_activation *activation;
    const double *params;
    int64_t rows, columns; /* of a task */
    int64_t across;        /* tasks side by side */
    char *scratch;
    int64_t scratch_bytes;
} product;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

static void run_product(void *context, int64_t task, int worker) {
    const product *w = context;
    const int64_t size = w->kernels->itemsize, i = task / w->across * w->rows, j = task % w->across * w->columns;
    fastnn_gemm g = *w->gemm;
    g.m = min64(g.m - i, w->rows);
    if (task % w->across < w->across - 1)
        g.n = w->columns;
    else
        g.n -= j;
    g.a = (const char *)g.a + i * g.a_row * size;
    g.b = (const char *)g.b + (g.packed ? j * g.k : j) * size;
    if (g.bias) g.bias = (const char *)g.bias + j * size;
    g.c = (char *)g.c + (i * g.c_row + j) * size;
    g.scratch = w->scratch ? w->scratch + worker * w->scratch_bytes : NULL;
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

/* Cuts a product into tasks: by columns, where there are more of them than rows, since a task reads all of b's rows of its
 * columns and all of a's columns of its rows. No task is narrower than a register tile: its sums would have another order. */
static void cut(product *w, int threads) {
    const fastnn_gemm *g = w->gemm;
    const int64_t tasks = TASKS * threads, rows = w->kernels->tile_rows, columns = w->kernels->tile_cols;
    w->rows = g->m;
    w->columns = g->n;
    if (threads > 1 && (g->n > g->m || g->m < threads * rows))
        w->columns = (g->n + tasks * columns - 1) / (tasks * columns) * columns;
    else if (threads > 1)
        w->rows = min64(ROWS, (g->m + tasks * rows - 1) / (tasks * rows) * rows);
    w->across = g->n / w->columns + (g->n % w->columns >= columns);
    if (w->across < 1) w->across = 1;
}

void fastnn_linear(const fastnn_kernels *kernels, const fastnn_gemm *g, const fastnn_activation *activation,
                   const double *params) {
    const double flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    const int shared = flops >= SHARED_FLOPS;
    product w = {.kernels = kernels, .gemm = g, .activation = activation, .params = params};
    if (g->m <= 0 || g->n <= 0) return;
    if (shared) fastnn_begin_work();
    const int threads = shared ? fastnn_free_threads() : 1;
    const fastnn_fp_mode mode = fastnn_flush_denormals();
    cut(&w, threads);
    w.scratch_bytes = kernels->gemm_scratch() * kernels->itemsize;
    /* without the memory the product still runs, on a and b as they lie */
    if (flops > PACKED_FLOPS && g->n >= 4 * kernels->tile_cols)
        w.scratch = aligned_alloc(64, (size_t)(w.scratch_bytes * threads + 63) / 64 * 64);
    fastnn_parallel(run_product, &w, (g->m + w.rows - 1) / w.rows * w.across, threads);
    if (shared) fastnn_end_work();
    free(w.scratch);
    fastnn_restore_denormals(mode);
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
