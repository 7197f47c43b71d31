/* Sums, scalings and reductions over contiguous elements: whole vectors, then one partial vector.
 *
 * Bounds are given to v_max and v_min as the first operand: both return the second one when either is NaN, so a NaN in
 * the data comes through. */

static inline V load_first(const real *p, int64_t count) { return count == LANES ? v_load(p) : v_load_n(p, count); }

static inline void store_first(real *p, V a, int64_t count) {
    if (count == LANES)
        v_store(p, a);
    else
        v_store_n(p, a, count);
}

/* lanes 0 .. count-1 of a, zero in the others */
static inline V first_lanes(V a, int64_t count) { return count == LANES ? a : v_select(m_first(count), a, v_set1(0)); }

/* c[n] = a[n] + b[n] */
static void add(int64_t n, const void *a, const void *b, void *c) {
    const real *x = a, *y = b;
    real *z = c;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(z + i, v_add(v_load(x + i), v_load(y + i)));
    if (i < n) v_store_n(z + i, v_add(v_load_n(x + i, n - i), v_load_n(y + i, n - i)), n - i);
}

/* y[m,n] = x[m,n] · scale[n] + shift[n] */
static void affine(int64_t m, int64_t n, const void *x, int64_t x_row, const void *scale, const void *shift, void *y,
                   int64_t y_row) {
    const real *factor = scale, *offset = shift;
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V a = factor ? load_first(factor + j, count) : v_set1(1);
        const V b = offset ? load_first(offset + j, count) : v_set1(0);
        const real *from = (const real *)x + j;
        real *to = (real *)y + j;
        if (count == LANES)
            for (int64_t i = 0; i < m; i++) v_store(to + i * y_row, v_fma(v_load(from + i * x_row), a, b));
        else
            for (int64_t i = 0; i < m; i++)
                v_store_n(to + i * y_row, v_fma(v_load_n(from + i * x_row, count), a, b), count);
    }
}

/* g[n] = g · factor */
static void scale(int64_t n, void *g, double factor) {
    real *x = g;
    const V f = v_set1((real)factor);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(x + i, v_mul(v_load(x + i), f));
    if (i < n) v_store_n(x + i, v_mul(v_load_n(x + i, n - i), f), n - i);
}

/* g[n] = min(max(g, -limit), limit) */
static void clip(int64_t n, void *g, double limit) {
    real *x = g;
    const V high = v_set1((real)limit), low = v_set1((real)-limit);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(x + i, v_min(high, v_max(low, v_load(x + i))));
    if (i < n) v_store_n(x + i, v_min(high, v_max(low, v_load_n(x + i, n - i))), n - i);
}

/* Eight running sums, element i in sum i % 8, folded as a tree: the compiler makes vectors of doubles of them, and the
 * order of the additions depends on n alone. */
enum { SUMS = 8 };

static inline double fold_sums(const double *s) {
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* Σ g², in double: a square of the largest float32 fits */
static double sum_of_squares(int64_t n, const void *g) {
    const real *x = g;
    double sums[SUMS] = {0};
    int64_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int k = 0; k < SUMS; k++) sums[k] += (double)x[i + k] * (double)x[i + k];
    for (int k = 0; i + k < n; k++) sums[k] += (double)x[i + k] * (double)x[i + k];
    return fold_sums(sums);
}

/* max |a[n] - b[n]|; NaN if any difference is NaN, 0 for no elements */
static double max_abs_difference(int64_t n, const void *a, const void *b) {
    const real *x = a, *y = b;
    V largest = v_set1(0), nans = v_set1(0);
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = min64(LANES, n - i);
        const V d = v_abs(v_sub(load_first(x + i, count), load_first(y + i, count)));
        largest = v_max(d, largest);
        nans = v_select(v_isnan(d), d, nans);
    }
    return (double)v_max_lane(largest) + (double)v_sum(nans);
}
