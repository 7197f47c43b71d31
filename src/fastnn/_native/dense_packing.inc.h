/* Matrices rearranged for the tiles: whole ones, kept from step to step, and blocks of a product on its way. */

/* Columns [0, cols) of b into rows of TILE_COLS, the rest zero. */
static void pack_panel(int64_t k, int64_t cols, const real *b, int64_t b_row, real *packed) {
    for (int64_t p = 0; p < k; ++p, b += b_row, packed += TILE_COLS) {
        if (cols == TILE_COLS) {
    UNROLL for (int j = 0; j < TILE_VECS; ++j) v_store(packed + j * LANES, v_load(b + j * LANES));
        } else {
            UNROLL for (int j = 0; j < TILE_VECS; ++j)
                v_store(packed + j * LANES, v_load_n(b + j * LANES, max64(0, min64(LANES, cols - j * LANES))));
        }
    }
}

static int64_t gemm_packed(int64_t n, int64_t k) { return (n + TILE_COLS - 1) / TILE_COLS * TILE_COLS * k; }

/* to[p,r] = from[r,p] of up to LANES rows of `from` and any number of its columns. */
static void transpose_rows(int64_t rows, int64_t cols, const real *from, int64_t from_row, real *to, int64_t to_row) {
    if (cols == 1)
        for (int64_t r = 0; r < rows; ++r) to[r] = from[r * from_row];
    else for (int64_t p = 0; p < cols; p += LANES) {
        const int64_t width = min64(LANES, cols - p);
        V v[LANES], w[LANES];
        /* beyond the last row, that one again: nobody looks at those lanes */
        if (width == LANES)
            UNROLL for (int r = 0; r < LANES; ++r) v[r] = v_load(from + min64(r, rows - 1) * from_row + p);
        else
            UNROLL for (int r = 0; r < LANES; ++r) v[r] = v_load_n(from + min64(r, rows - 1) * from_row + p, width);
        /* zipping the first half of the vectors with the second is a step of a rotation of the bits of (row, lane) */
        UNROLL for (int half = 1; half < LANES; half *= 2) {
            UNROLL for (int r = 0; r < LANES / 2; ++r) {
                w[2 * r] = v_zip_low(v[r], v[r + LANES / 2]);
                w[2 * r + 1] = v_zip_high(v[r], v[r + LANES / 2]);
            }
            UNROLL for (int r = 0; r < LANES; ++r) v[r] = w[r];
        }
        UNROLL for (int r = 0; r < LANES; ++r) {
            if (r < width) store_first(to + (p + r) * to_row, v[r], rows);
        }
    }
}

static void pack(int64_t k, int64_t n, const void *b, int64_t b_row, void *packed) {
    for (int64_t j = 0; j < n; j += TILE_COLS)
        pack_panel(k, min64(n - j, TILE_COLS), (const real *)b + j, b_row, (real *)packed + j * k);
}

static void pack_transposed(int64_t k, int64_t row0, int64_t row1, int64_t col0, int64_t col1, const void *b,
                            int64_t b_row, void *packed) {
    for (int64_t r0 = row0, r1; r0 < row1; r0 = r1) {
        r1 = min64(row1, (r0 / LANES + 1) * LANES);
        transpose_rows(r1 - r0, col1 - col0, (const real *)b + r0 * b_row + col0, b_row,
                       (real *)packed + r0 / TILE_COLS * TILE_COLS * k + col0 * TILE_COLS + r0 % TILE_COLS, TILE_COLS);
    }
}

/* A block of a product: rows [i, i + m) of c, products [p, p + k) of their sums. */
typedef struct {
    int64_t i, m, p, k;
} block;

/* Columns of a that lie in a line, in tiles. Each is read once, whole: the next may lie a page away. */
static void pack_columns(const fastnn_gemm *g, const block *w, const real *from, real *to) {
    const tiling tiles = tiling_of(w->m);
    for (int64_t p = 0; p < w->k; ++p, from += g->a_col) {
        const real *a = from;
        real *tile = to;
        for (int64_t t = 0; t < tiles.count; ++t) {
            const int64_t rows = tiles.low + (t < tiles.higher);
            for (int64_t r = 0; r < rows; r += LANES) {
                const int64_t count = min64(LANES, rows - r);
                store_first(tile + p * rows + r, load_first(a + r, count), count);
            }
            a += rows;
            tile += rows * w->k;
        }
    }
}

/* Rows of a that lie in a line, in tiles. */
static void pack_rows(const fastnn_gemm *g, const block *w, const real *from, real *to) {
    const tiling tiles = tiling_of(w->m);
    for (int64_t t = 0; t < tiles.count; ++t) {
        const int64_t rows = tiles.low + (t < tiles.higher);
        for (int64_t r = 0; r < rows; r += LANES)
            transpose_rows(min64(LANES, rows - r), w->k, from + r * g->a_row, g->a_row, to + r, rows);
        from += rows * g->a_row;
        to += rows * w->k;
    }
}

/* a rearranged so that a tile reads what it needs in a line, tile after tile: packed[p][row]. */
static void pack_tiles(const fastnn_gemm *g, const block *w, real *to) {
    const real *from = (const real *)g->a + w->i * g->a_row + w->p * g->a_col;
    (g->a_col == 1 ? pack_rows : pack_columns)(g, w, from, to);
}

/* Columns [j, j + cols) of b in the products of a block, into panels one after the other. By rows, since what lies in a
 * line is fetched ahead, and so are the next lines here: at 32x2048x2048 1.15 times the speed of panel by panel. */
static void pack_strip(const fastnn_gemm *g, const block *w, int64_t j, int64_t cols, real *packed) {
    enum { LINES_AHEAD = 4 };
    const real *b = (const real *)g->b + w->p * g->b_row + j;
    for (int64_t p = 0; p < w->k; ++p, b += g->b_row, packed += TILE_COLS)
        for (int64_t c = 0; c < cols; c += LANES) {
            __builtin_prefetch(b + LINES_AHEAD * g->b_row + c, 0, 3);
            v_store(packed + c / TILE_COLS * TILE_COLS * w->k + c % TILE_COLS,
                    load_first(b + c, min64(LANES, cols - c)));
        }
}

/* The same of a transposed b. What pads the last panel is not written: nobody looks at what comes of it. */
static void pack_transposed_strip(const fastnn_gemm *g, const block *w, int64_t j, int64_t cols, real *packed) {
    const real *b = (const real *)g->b + w->p + j * g->b_col;
    for (int64_t c = 0; c < cols; c += LANES)
        transpose_rows(min64(LANES, cols - c), w->k, b + c * g->b_col, g->b_col,
                       packed + c / TILE_COLS * TILE_COLS * w->k + c % TILE_COLS, TILE_COLS);
}
