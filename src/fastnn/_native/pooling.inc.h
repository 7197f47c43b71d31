/* Maxima of columns, and where their gradient goes. */

/* y[n] = max over the m rows of x; NaN where there is one */
static void column_maxima(int64_t m, int64_t n, const void *x_in, int64_t x_row, void *y_out) {
    const real *x = x_in;
    real *y = y_out;
    for (int64_t j = 0; j < n; j += LANES) {
        V largest = v_set1(-INFINITY), nans = v_set1(0);
        for (int64_t i = 0; i < m; i++) {
            const V a = load_row(x + i * x_row, j, n, 0);
            largest = v_max(a, largest);
            nans = v_select(v_isnan(a), a, nans);
        }
        store_row(y, v_add(largest, nans), j, n);
    }
}

/* dx[m,n] = dy[n] where x is the maximum y[n], in equal parts where several are, else 0 */
static void column_maxima_backward(int64_t m, int64_t n, const void *x_in, int64_t x_row, const void *y_in,
                                   const void *dy_in, void *dx_out, int64_t dx_row) {
    const real *x = x_in, *y = y_in, *dy = dy_in;
    real *dx = dx_out;
    for (int64_t j = 0; j < n; j += LANES) {
        const V top = load_row(y, j, n, 0), one = v_set1(1), zero = v_set1(0);
        V count = zero;
        for (int64_t i = 0; i < m; i++)
            count = v_add(count, v_select(v_eq(load_row(x + i * x_row, j, n, 0), top), one, zero));
        const V part = v_div(load_row(dy, j, n, 0), v_max(one, count));
        for (int64_t i = 0; i < m; i++)
            store_row(dx + i * dx_row, v_select(v_eq(load_row(x + i * x_row, j, n, 0), top), part, zero), j, n);
    }
}
