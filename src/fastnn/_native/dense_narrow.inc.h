/* Products too narrow for tiles as they lie: one column, one row, or few columns. */

/* c[i] = start + Σ_p a[i,p] · b[p], both contiguous along p: lanes share a sum, so its order depends on k alone. */
static void dots(const fastnn_gemm *g) {
    const real *a = g->a, *b = g->b, *bias = g->bias;
    real *c = g->c;
    const real lowest = g->relu ? 0 : -(real)INFINITY; /* no branch on a sum's sign, which none can foresee */
    if (g->k <= LANES) {                               /* all of b stays in a register */
        const V row = v_load_n(b, g->k);
        const real start = bias ? *bias : 0;
        for (int64_t i = 0; i < g->m; ++i, a += g->a_row, c += g->c_row) {
            const real sum = v_sum(v_mul(v_load_n(a, g->k), row)) + (g->accumulate ? *c : start);
            *c = sum < lowest ? lowest : sum;
        }
        return;
    }
    for (int64_t i = 0; i < g->m; ++i, a += g->a_row, c += g->c_row) {
        V s0 = v_set1(0), s1 = s0, s2 = s0, s3 = s0;
        int64_t p = 0;
        for (; p + 4 * LANES <= g->k; p += 4 * LANES) {
            s0 = v_fma(v_load(a + p), v_load(b + p), s0);
            s1 = v_fma(v_load(a + p + LANES), v_load(b + p + LANES), s1);
            s2 = v_fma(v_load(a + p + 2 * LANES), v_load(b + p + 2 * LANES), s2);
            s3 = v_fma(v_load(a + p + 3 * LANES), v_load(b + p + 3 * LANES), s3);
        }
        for (; p < g->k; p += LANES) {
            const int64_t left = min64(LANES, g->k - p);
            s0 = v_fma(v_load_n(a + p, left), v_load_n(b + p, left), s0);
        }
        const real sum = v_sum(v_add(v_add(s0, s1), v_add(s2, s3))) + (g->accumulate ? *c : bias ? *bias : 0);
        *c = sum < lowest ? lowest : sum;
    }
}

/* A single row needs many vectors of columns side by side, or the latency of one multiply-add after another would show.
 * The products of each column are added in the same order as in a tile. */
enum { ROW_VECS = 8 };

static inline __attribute__((always_inline)) void row_panel(const int vecs, int64_t cols, const fastnn_gemm *g,
                                                            const real *b, const real *bias, real *c) {
    const real *a = g->a;
    const int64_t last = cols - (vecs - 1) * LANES, k = g->k, a_col = g->a_col, b_row = g->b_row;
    V acc[ROW_VECS];
    UNROLL for (int v = 0; v < vecs; ++v) {
        const int64_t n = v == vecs - 1 ? last : LANES;
        acc[v] = g->accumulate ? v_load_n(c + v * LANES, n) : bias ? v_load_n(bias + v * LANES, n) : v_set1(0);
    }
    for (int64_t p = 0; p < k; ++p, b += b_row) {
        const V x = v_set1(a[p * a_col]);
        UNROLL for (int v = 0; v < vecs - 1; ++v) acc[v] = v_fma(x, v_load(b + v * LANES), acc[v]);
        acc[vecs - 1] = v_fma(x, v_load_n(b + (vecs - 1) * LANES, last), acc[vecs - 1]);
    }
    UNROLL for (int v = 0; v < vecs; ++v)
        v_store_n(c + v * LANES, g->relu ? v_max(v_set1(0), acc[v]) : acc[v], v == vecs - 1 ? last : LANES);
}

static void row_times_matrix(const fastnn_gemm *g) {
    for (int64_t j = 0; j < g->n; j += ROW_VECS * LANES) {
        const int64_t cols = min64(g->n - j, ROW_VECS * LANES);
        const real *b = (const real *)g->b + j, *bias = g->bias ? (const real *)g->bias + j : NULL;
        real *c = (real *)g->c + j;
        switch ((cols + LANES - 1) / LANES) {
            case 1: row_panel(1, cols, g, b, bias, c); break;
            case 2: row_panel(2, cols, g, b, bias, c); break;
            case 3: row_panel(3, cols, g, b, bias, c); break;
            case 4: row_panel(4, cols, g, b, bias, c); break;
            case 5: row_panel(5, cols, g, b, bias, c); break;
            case 6: row_panel(6, cols, g, b, bias, c); break;
            case 7: row_panel(7, cols, g, b, bias, c); break;
            default: row_panel(ROW_VECS, cols, g, b, bias, c);
        }
    }
}

/* Few columns leave most lanes of a tile idle. So rows of c go into the lanes, TILE_COLS at a time: what a tile computes is
 * c transposed. The products of an element are added in the same order as in any other tile, to the same bits. */
enum { FLIPPED_PRODUCTS = 128 }; /* of rows of a that are transposed at a time: 16 KiB of them */

/* Whether that pays, counted in multiply-adds of a vector. Rows of a that lie in a line are transposed, which costs as much
 * as 6 to 9 of them for each vector (Zen 4, 16 lanes: 6.6, 8 lanes: 5.5; more where a core has two multipliers). */
static int flips(const fastnn_gemm *g) {
    enum { TURNED_ROWS = 2 * LANES }; /* of c, in and out */
    if (g->packed || g->b_col || g->n > TILE_COLS) return 0;
    const int64_t lying = g->a_col == 1 ? 4 + LANES / 4 : 0;
    const int64_t as_it_is = g->m * ((g->n + LANES - 1) / LANES) * g->k;
    return (g->m + LANES - 1) / LANES * ((g->n + lying) * g->k + TURNED_ROWS) < as_it_is;
}

/* Rows [i, i + rows) of c. */
static void flipped_rows(const fastnn_gemm *g, int64_t i, int64_t rows) {
    _Alignas(64) real across[FLIPPED_PRODUCTS * TILE_COLS], turned[TILE_COLS * TILE_COLS];
    const real *a = (const real *)g->a + i * g->a_row, *bias = g->bias;
    real *c = (real *)g->c + i * g->c_row;
    const int vecs = (int)((rows + LANES - 1) / LANES), lies = g->a_col == 1;
    const int64_t most = lies ? FLIPPED_PRODUCTS : max64(g->k, 1);
    tile_args t = {.n = rows, .c = turned, .c_row = TILE_COLS, .a_row = 1, .a_col = g->b_row, .accumulate = 1};
    for (int64_t j = 0; j < g->n; ++j)
        UNROLL for (int v = 0; v < TILE_VECS; ++v)
            v_store(turned + j * TILE_COLS + v * LANES, v_set1(bias ? bias[j] : 0));
    for (int64_t r = 0; g->accumulate && r < rows; r += LANES)
        transpose_rows(min64(LANES, rows - r), g->n, c + r * g->c_row, g->c_row, turned + r, TILE_COLS);
    for (int64_t p = 0; p == 0 || p < g->k; p += most) {
        t.k = min64(most, g->k - p);
        for (int64_t r = 0; lies && r < rows; r += LANES)
            transpose_rows(min64(LANES, rows - r), t.k, a + r * g->a_row + p, g->a_row, across + r, TILE_COLS);
        t.a = (const real *)g->b + p * g->b_row;
        t.b = lies ? across : a + p * g->a_col;
        t.b_row = lies ? TILE_COLS : g->a_col;
        t.relu = g->relu && p + t.k == g->k;
        panel_of_transpose(g->n, vecs, lies || rows == vecs * LANES, &t);
    }
    for (int64_t j = 0; j < g->n; j += LANES)
        transpose_rows(min64(LANES, g->n - j), rows, turned + j * TILE_COLS, TILE_COLS, c + j, g->c_row);
}

static void flipped(const fastnn_gemm *g) {
    for (int64_t i = 0; i < g->m; i += TILE_COLS) flipped_rows(g, i, min64(TILE_COLS, g->m - i));
}
