/* Rectifier with slopes that learn: m rows of n slopes x `inner` elements, each slope shared by its `inner` neighbours. */

static inline V prelu_of(V x, V slope) { return v_select(v_le(x, v_set1(0)), v_mul(x, slope), x); }
static inline V prelu_back(V x, V dy, V slope) { return v_select(v_le(x, v_set1(0)), v_mul(dy, slope), dy); }
static inline V prelu_by_slope(V x, V dy) { return v_select(v_le(x, v_set1(0)), v_mul(dy, x), v_set1(0)); }

/* y[m, n · inner] = x where x > 0, else slopes[n] · x */
static void prelu(int64_t m, int64_t n, int64_t inner, const void *x_in, int64_t x_row, const void *slopes_in,
                  void *y_out, int64_t y_row) {
    const real *slopes = slopes_in;
    for (int64_t i = 0; i < m; i++) {
        const real *x = (const real *)x_in + i * x_row;
        real *y = (real *)y_out + i * y_row;
        if (inner == 1) {
            for (int64_t j = 0; j < n; j += LANES)
                store_row(y, prelu_of(load_row(x, j, n, 0), load_row(slopes, j, n, 0)), j, n);
            continue;
        }
        for (int64_t j = 0; j < n; j++, x += inner, y += inner)
            for (int64_t k = 0; k < inner; k += LANES)
                store_row(y, prelu_of(load_row(x, k, inner, 0), v_set1(slopes[j])), k, inner);
    }
}

/* dx[m, n · inner] = dy where x > 0, else slopes[n] · dy; dx may be dy */
static void prelu_backward(int64_t m, int64_t n, int64_t inner, const void *x_in, int64_t x_row, const void *dy_in,
                           int64_t dy_row, const void *slopes_in, void *dx_out, int64_t dx_row) {
    const real *slopes = slopes_in;
    for (int64_t i = 0; i < m; i++) {
        const real *x = (const real *)x_in + i * x_row, *dy = (const real *)dy_in + i * dy_row;
        real *dx = (real *)dx_out + i * dx_row;
        if (inner == 1) {
            for (int64_t j = 0; j < n; j += LANES)
                store_row(dx, prelu_back(load_row(x, j, n, 0), load_row(dy, j, n, 0), load_row(slopes, j, n, 0)), j, n);
            continue;
        }
        for (int64_t j = 0; j < n; j++, x += inner, dy += inner, dx += inner)
            for (int64_t k = 0; k < inner; k += LANES)
                store_row(dx, prelu_back(load_row(x, k, inner, 0), load_row(dy, k, inner, 0), v_set1(slopes[j])), k,
                          inner);
    }
}

/* dslopes[n] (+)= Σ dy · x where x <= 0, over the rows in order, and over each row's `inner` elements */
static void prelu_slopes(int64_t m, int64_t n, int64_t inner, const void *x_in, int64_t x_row, const void *dy_in,
                         int64_t dy_row, int accumulate, void *dslopes_out) {
    const real *x = x_in, *dy = dy_in;
    real *dslopes = dslopes_out;
    if (inner == 1) {
        for (int64_t j = 0; j < n; j += LANES) {
            V sum = v_set1(0);
            for (int64_t i = 0; i < m; i++)
                sum = v_add(sum, prelu_by_slope(load_row(x + i * x_row, j, n, 0), load_row(dy + i * dy_row, j, n, 0)));
            if (accumulate) sum = v_add(load_row(dslopes, j, n, 0), sum);
            store_row(dslopes, sum, j, n);
        }
        return;
    }
    for (int64_t j = 0; j < n; j++) {
        V sum = v_set1(0);
        for (int64_t i = 0; i < m; i++) {
            const real *row = x + i * x_row + j * inner, *slope = dy + i * dy_row + j * inner;
            for (int64_t k = 0; k < inner; k += LANES)
                sum = v_add(sum, prelu_by_slope(load_row(row, k, inner, 0), load_row(slope, k, inner, 0)));
        }
        dslopes[j] = v_sum(sum) + (accumulate ? dslopes[j] : 0);
    }
}
