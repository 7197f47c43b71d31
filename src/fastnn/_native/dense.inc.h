/* The matrix product with bias: which way each is taken; and column sums. */

/* How many products there are to a vector of what is needed soon: a power of two. */
static int64_t products_to_fetch(const fastnn_gemm *g) {
    int64_t vectors = 1, every = 1;
    for (int i = 0; i < FASTNN_SOON && g->soon[i]; ++i) vectors += g->soon_rows * g->soon_bytes / (int64_t)sizeof(V);
    const int64_t products = tiling_of(g->m).count * (g->n / TILE_COLS) * g->k;
    while (2 * every * vectors <= products) every *= 2;
    while (g->k / every * (int64_t)sizeof(V) > g->soon_bytes) every *= 2; /* a tile stays in one row */
    return every;
}

static void gemm(const fastnn_gemm *g) {
    assert(g->a_row == 1 || g->a_col == 1 || g->m <= 1 || g->k <= 1);
    if (g->m <= 0 || g->n <= 0) return;
    if (g->n == 1 && !g->packed && !g->b_col) {
        /* One column leaves every lane but one idle: put the other dimension in the lanes. Whatever m, or the bits would
         * depend on how rows are cut into blocks. */
        if (g->a_col == 1 && g->b_row == 1) {
            dots(g);
            return;
        }
        if (g->a_row == 1 && g->c_row == 1 && g->m > 1 && !g->bias) {
            fastnn_gemm turned = {.m = 1,
                                  .n = g->m,
                                  .k = g->k,
                                  .a = g->b,
                                  .a_row = 1,
                                  .a_col = g->b_row,
                                  .b = g->a,
                                  .b_row = g->a_col,
                                  .c = g->c,
                                  .c_row = g->m,
                                  .accumulate = g->accumulate,
                                  .relu = g->relu};
            gemm(&turned);
            return;
        }
    }
    if (g->m == 1 && !g->packed && !g->b_col) {
        row_times_matrix(g);
        return;
    }
    if (flips(g)) {
        flipped(g);
        return;
    }
    /* Long sums of wide matrices are taken in blocks, which stay close at hand: b packed panel by panel, and a too where
     * its rows would drive each other out of the cache, or where many panels meet a that lies across (220 GFLOP/s instead
     * of 200 at 784x128x512, where one core's peak is 245; but 190 instead of 205 at 128x64x128). Sums go on in c between
     * blocks, exactly, so blocks do not change the bits. */
    const int wide = g->n >= 4 * TILE_COLS, across = g->a_col != 1 && g->n >= 8 * TILE_COLS;
    const int pack_a = g->scratch && wide && (across || aliases(g->a_col == 1 ? g->a_row : g->a_col));
    const int pack_b = g->b_col || (g->scratch && !g->packed && g->m > TILE_ROWS && wide &&
                                    g->k * g->b_row * (int64_t)sizeof(real) > PACKED_BYTES);
    const int blocked_b = pack_b || (g->packed && g->k > 2 * BLOCK_PRODUCTS);
    if (g->scratch && blocked_b && g->m >= MANY_ROWS && (g->a_col == 1 || g->rows_across >= MANY_ROWS)) {
        gemm_of_many_rows(g);
        return;
    }
    const int few = pack_b && g->m <= 3 * TILE_ROWS; /* rows: too few tiles to copy the next panel on the way */
    const int blocked = pack_a || blocked_b;
    const int64_t products = blocked ? even_share(g->k, BLOCK_PRODUCTS / (few ? 2 : 1)) : max64(g->k, 1);
    const int64_t rows = blocked ? even_share(g->m, BLOCK_ROWS) : g->m;
    real *packed_b = pack_b ? g->scratch : NULL,
         *packed_a = pack_a ? (real *)g->scratch + 2 * TILE_COLS * BLOCK_PRODUCTS : NULL;
    const int writes = g->soon[0] && g->packed && g->a_col != 1;
    stream soon = {.every = writes ? products_to_fetch(g) : 1};
    block w;
    for (w.p = 0; w.p == 0 || w.p < g->k; w.p += products) {
        w.k = min64(products, g->k - w.p);
        for (w.i = 0; w.i < g->m; w.i += rows) {
            w.m = min64(rows, g->m - w.i);
            if (pack_a) pack_tiles(g, &w, packed_a);
            if (few || g->b_col)
                gemm_block_by_strips(g, &w, packed_a, packed_b);
            else
                gemm_block(g, &w, packed_a, packed_b, writes ? &soon : NULL);
        }
    }
}

/* sums[j] = Σ_i a[i,j], rows in order */
static void column_sums(int64_t m, int64_t n, const void *a_, int64_t a_row, int accumulate, void *sums_) {
    const real *a = a_;
    real *sums = sums_;
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t cols = min64(LANES, n - j);
        V sum = accumulate ? v_load_n(sums + j, cols) : v_set1(0);
        if (cols == LANES)
            for (int64_t i = 0; i < m; ++i) sum = v_add(sum, v_load(a + i * a_row + j));
        else
            for (int64_t i = 0; i < m; ++i) sum = v_add(sum, v_load_n(a + i * a_row + j, cols));
        v_store_n(sums + j, sum, cols);
    }
}
