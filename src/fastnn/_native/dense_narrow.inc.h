/* Products too narrow for tiles: one column, or one row. */

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
