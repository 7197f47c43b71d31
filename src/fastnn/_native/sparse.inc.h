/* Products with rows that are mostly zero: only what is there is multiplied. A row is `count` values with their columns,
 * in any order; a column that stands twice counts twice. Columns are int64 where `wide`, else int32. */

static inline int64_t column_of(const void *columns, int wide, int64_t k) {
    return wide ? ((const int64_t *)columns)[k] : ((const int32_t *)columns)[k];
}

/* sum[0..vectors) += Σ values[k] · w[columns[k], ·], in registers; the last vector may be a part of one */
static inline __attribute__((always_inline)) void sparse_block(int64_t count, const real *values, const void *columns,
                                                               int wide, int64_t n, const real *w, int vectors,
                                                               int64_t last, const real *bias, real *y) {
    V sum[4];
    for (int v = 0; v < vectors; v++) {
        const int64_t lanes = v == vectors - 1 ? last : LANES;
        sum[v] = bias ? load_first(bias + v * LANES, lanes) : v_set1(0);
    }
    for (int64_t k = 0; k < count; k++) {
        const V x = v_set1(values[k]);
        const real *row = w + column_of(columns, wide, k) * n;
        for (int v = 0; v < vectors; v++)
            sum[v] = v_fma(x, load_first(row + v * LANES, v == vectors - 1 ? last : LANES), sum[v]);
    }
    for (int v = 0; v < vectors; v++) store_first(y + v * LANES, sum[v], v == vectors - 1 ? last : LANES);
}

/* y[n] = bias[n] + Σ values[k] · w[columns[k], n]; bias may be NULL */
static void sparse_row(int64_t count, const void *values, const void *columns, int wide, int64_t n, const void *w,
                       const void *bias, void *y) {
    int64_t j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES)
        sparse_block(count, values, columns, wide, n, (const real *)w + j, 4, LANES,
                     bias ? (const real *)bias + j : NULL, (real *)y + j);
    for (; j < n; j += LANES)
        sparse_block(count, values, columns, wide, n, (const real *)w + j, 1, min64(LANES, n - j),
                     bias ? (const real *)bias + j : NULL, (real *)y + j);
}

/* g[columns[k] - row0, n] += values[k] · dy[n] for the columns in [row0, row1) */
static void sparse_row_gradient(int64_t count, const void *values_in, const void *columns, int wide, int64_t row0,
                                int64_t row1, int64_t n, const void *dy_in, void *g) {
    const real *values = values_in, *dy = dy_in;
    for (int64_t k = 0; k < count; k++) {
        const int64_t row = column_of(columns, wide, k);
        if (row < row0 || row >= row1) continue;
        real *to = (real *)g + (row - row0) * n;
        const V x = v_set1(values[k]);
        for (int64_t j = 0; j < n; j += LANES)
            store_row(to, v_fma(x, load_row(dy, j, n, 0), load_row(to, j, n, 0)), j, n);
    }
}
