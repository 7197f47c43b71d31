/* Products of large matrices, in blocks that stay close at hand. Sums go on in c between blocks, exactly, so blocks do
 * not change the bits. */

/* Blocks of a product: so many of its rows, and so many of the products that make up a sum, are packed at a time. */
enum { BLOCK_ROWS = 504, BLOCK_PRODUCTS = 2048 / sizeof(real) };

/* From this size on b is packed, a panel of a block at a time. Measured on Zen 4: +20% at 512x2048x2048, -6% at
 * 128x512x784. */
enum { PACKED_BYTES = 1 << 17, CLOSE_BYTES = 1 << 15 /* up to this size b is in L1 by itself */ };

/* Products of many rows: so many columns of b stay in L2 (768 KiB) while all rows of a block pass. */
enum { MANY_ROWS = 320, MANY_PRODUCTS = 2048 / sizeof(real), STRIP_COLS = 384, ROWS_ACROSS = 2016 };
_Static_assert(STRIP_COLS % TILE_COLS == 0, "whole panels");

static int64_t gemm_scratch(int64_t rows_across) {
    const int64_t rows = rows_across < MANY_ROWS ? 0 : min64(rows_across, ROWS_ACROSS);
    return max64((2 * TILE_COLS + BLOCK_ROWS) * BLOCK_PRODUCTS, (STRIP_COLS + rows) * MANY_PRODUCTS);
}

/* The length of blocks of nearly one length, `most` at most, that make up n. */
static int64_t even_share(int64_t n, int64_t most) {
    const int64_t blocks = max64(1, (n + most - 1) / most);
    return max64(1, (n + blocks - 1) / blocks);
}

/* What the tiles of `panel_before_others` did not copy: each of them copies one vector of every row, and there may be few. */
static void copy_rest(int64_t m, int64_t k, const real *from, int64_t from_row, real *to) {
    const int64_t done = tiling_of(m).count;
    for (int64_t v = done; v < TILE_VECS; ++v)
        for (int64_t p = 0; p < k; ++p)
            v_store(to + p * TILE_COLS + v * LANES, v_load(from + p * from_row + v * LANES));
}

/* The columns [j, j + TILE_COLS) of c, as far as there are any, in a block. */
static inline tile_args tile_args_of(const fastnn_gemm *g, const block *w, const real *packed_a, int64_t j) {
    return (tile_args){.k = w->k,
                       .n = min64(g->n - j, TILE_COLS),
                       .a = packed_a ? packed_a : (const real *)g->a + w->i * g->a_row + w->p * g->a_col,
                       .a_row = g->a_row,
                       .a_col = g->a_col,
                       .packed_rows = packed_a != NULL,
                       .bias = g->bias ? (const real *)g->bias + j : NULL,
                       .c = (real *)g->c + w->i * g->c_row + j,
                       .c_row = g->c_row,
                       .accumulate = g->accumulate || w->p > 0,
                       .far_c = w->k < g->k,
                       .relu = g->relu && w->p + w->k == g->k};
}

/* packed_a and packed_b are NULL where a and b are read as they lie; packed_b has room for two panels. soon: NULL, or a
 * is transposed. */
static void gemm_block(const fastnn_gemm *g, const block *w, const real *packed_a, real *packed_b, stream *soon) {
    const int transposed = packed_a || g->a_col != 1, in_panels = packed_b || g->packed;
    real *next = packed_b ? packed_b + TILE_COLS * BLOCK_PRODUCTS : NULL;
    const int far_b = g->k * g->n * (int64_t)sizeof(real) > CLOSE_BYTES;
    int packed = 0;
    for (int64_t j = 0; j < g->n; j += TILE_COLS) {
        const real *b =
            g->packed ? (const real *)g->b + j * g->k + w->p * TILE_COLS : (const real *)g->b + w->p * g->b_row + j;
        tile_args t = tile_args_of(g, w, packed_a, j);
        const int64_t vecs = (t.n + LANES - 1) / LANES;
        const int whole = t.n == TILE_COLS;
        t.b = b;
        t.b_row = in_panels ? TILE_COLS : g->b_row;
        t.from_row = in_panels && !packed_b ? TILE_COLS : g->b_row;
        const real *after = b + (g->packed ? TILE_COLS * g->k : TILE_COLS); /* where the next panel lies */
        if (packed_b) {
            if (!packed) pack_panel(w->k, t.n, b, g->b_row, packed_b);
            t.b = packed_b;
            packed = j + 2 * TILE_COLS <= g->n;
            if (packed) {
                t.from = after;
                t.to = next;
                next = packed_b;
                packed_b = t.to;
                after += TILE_COLS;
            }
        }
        if (far_b && whole && j + (packed ? 3 : 2) * TILE_COLS <= g->n) t.fetch = after;
        if (soon && whole) {
            panel_before_writing(w->m, g, soon, &t);
        } else if (t.from || t.fetch) {
            (transposed ? panel_of_transpose_before_others : panel_of_matrix_before_others)(w->m, &t);
            if (packed) copy_rest(w->m, w->k, t.from, t.from_row, t.to);
        } else {
            const int padded = in_panels || t.n == vecs * LANES;
            (transposed ? panel_of_transpose : panel_of_matrix)(w->m, (int)vecs, padded, &t);
        }
    }
}

/* A block, b packed some panels at a time, as many as there is room for. */
static void gemm_block_by_strips(const fastnn_gemm *g, const block *w, const real *packed_a, real *packed_b) {
    const int64_t width = 2 * BLOCK_PRODUCTS / max64(w->k, 1) * TILE_COLS;
    for (int64_t j = 0; j < g->n; j += width) {
        const int64_t cols = min64(g->n - j, width);
        (g->b_col ? pack_transposed_strip : pack_strip)(g, w, j, cols, packed_b);
        for (int64_t c = 0; c < cols; c += TILE_COLS) {
            tile_args t = tile_args_of(g, w, packed_a, j + c);
            t.b = packed_b + c * w->k;
            t.b_row = TILE_COLS;
            (packed_a || g->a_col != 1 ? panel_of_transpose : panel_of_matrix)(w->m, (int)((t.n + LANES - 1) / LANES),
                                                                               1, &t);
        }
    }
}

/* Whether rows so far apart share cache sets: more of them than there are ways cannot stay in L1 together. */
static int aliases(int64_t stride) { return stride * (int64_t)sizeof(real) % 4096 == 0; }

/* Rows of a that lie in a line but share cache sets, to where they do not: rows of MANY_PRODUCTS and a vector. */
enum { COPIED_ROW = MANY_PRODUCTS + LANES };
_Static_assert(STRIP_COLS *MANY_PRODUCTS + TILE_ROWS * COPIED_ROW <= (2 * TILE_COLS + BLOCK_ROWS) * BLOCK_PRODUCTS,
               "room for a strip and a tile's rows");

static void copy_rows(int64_t rows, int64_t k, const real *a, int64_t a_row, real *to) {
    for (int64_t r = 0; r < rows; ++r, a += a_row, to += COPIED_ROW)
        for (int64_t p = 0; p < k; p += LANES)
            store_first(to + p, load_first(a + p, min64(LANES, k - p)), min64(LANES, k - p));
}

/* Some columns of b, which are close at hand now, for all rows of a block. panel: from one panel of them to the next. */
static void strip_times_rows(const fastnn_gemm *g, const block *w, int64_t j, const real *strip, int64_t panel,
                             const real *packed_a, real *copied) {
    const tiling tiles = tiling_of(w->m);
    const int64_t end = min64(g->n, j + STRIP_COLS);
    block tile = *w;
    for (int64_t i = 0; i < tiles.count; ++i) {
        tile.m = tiles.low + (i < tiles.higher);
        if (copied) copy_rows(tile.m, w->k, (const real *)g->a + tile.i * g->a_row + w->p, g->a_row, copied);
        const real *b = strip;
        for (int64_t col = j; col < end; col += TILE_COLS, b += panel) {
            tile_args t = tile_args_of(g, &tile, packed_a, col);
            t.b = b;
            t.b_row = TILE_COLS;
            t.far_c = 0;
            if (copied) {
                t.a = copied;
                t.a_row = COPIED_ROW;
            }
            if (col + TILE_COLS < end)
                for (int64_t r = 0; r < tile.m; ++r) UNROLL for (int v = 0; v < TILE_VECS; ++v)
                        __builtin_prefetch(t.c + r * t.c_row + TILE_COLS + v * LANES, 1, 2);
            (packed_a ? panel_of_transpose : panel_of_matrix)(tile.m, (int)((t.n + LANES - 1) / LANES), 1, &t);
        }
        tile.i += tile.m;
        if (packed_a) packed_a += tile.m * w->k;
    }
}

/* Many rows: a strip of b is packed once for all of them, and c is read and written along its rows. */
static void gemm_of_many_rows(const fastnn_gemm *g) {
    const int across = g->a_col != 1;
    const int64_t products = even_share(g->k, MANY_PRODUCTS);
    const int64_t rows = across ? even_share(g->m, min64(g->rows_across, ROWS_ACROSS)) : g->m;
    real *strip = g->scratch, *of_a = strip + STRIP_COLS * MANY_PRODUCTS;
    block w;
    for (w.p = 0; w.p == 0 || w.p < g->k; w.p += products) {
        w.k = min64(products, g->k - w.p);
        for (w.i = 0; w.i < g->m; w.i += rows) {
            w.m = min64(rows, g->m - w.i);
            if (across) pack_tiles(g, &w, of_a);
            for (int64_t j = 0; j < g->n; j += STRIP_COLS) {
                const int64_t cols = min64(STRIP_COLS, g->n - j);
                if (!g->packed) (g->b_col ? pack_transposed_strip : pack_strip)(g, &w, j, cols, strip);
                strip_times_rows(g, &w, j, g->packed ? (const real *)g->b + j * g->k + w.p * TILE_COLS : strip,
                                 TILE_COLS * (g->packed ? g->k : w.k), across ? of_a : NULL,
                                 !across && aliases(g->a_row) ? of_a : NULL);
            }
        }
    }
}
