/* Further activations of Keras's, in the frame of activations.inc.h: those of straight and quadratic pieces, then the
 * smooth ones. Where a piece begins, f' is that of the outer side for the shrinking ones. */

/* hard_silu: y = x · hard_sigmoid(x); dx = dy · (0 below -3, 1 above 3, x / 3 + 1/2 between) */
static inline V hard_silu(V x, parameters c) { return v_mul(v_max(v_set1(-REAL_MAX), x), hard_sigmoid(x, c)); }
static inline V hard_silu_back(V x, V dy, parameters c) {
    (void)c;
    const V inside = v_fma(x, v_set1((real)(1.0 / 3)), v_set1((real)0.5));
    const V slope = v_select(v_le(v_set1(3), x), v_set1(1), inside);
    return v_mul(dy, v_select(v_le(x, v_set1(-3)), v_set1(0), slope));
}

/* hard_tanh: y = min(max(x, -1), 1); dx = dy where -1 < y < 1, else 0 */
static inline V hard_tanh(V x, parameters c) {
    (void)c;
    return within(x, 1);
}
static inline V hard_tanh_back(V y, V dy, parameters c) {
    (void)c;
    return v_select(v_le(v_set1(1), v_abs(y)), v_set1(0), dy);
}

/* hard_shrink (threshold): y = 0 where |x| <= threshold, else x; dx = dy where y is not 0, else 0 */
static inline V hard_shrink(V x, parameters c) { return v_select(v_le(v_abs(x), c.p[0]), v_set1(0), x); }
static inline V shrink_back(V y, V dy, parameters c) {
    (void)c;
    return v_select(v_eq(y, v_set1(0)), v_set1(0), dy);
}

/* soft_shrink (threshold): y = 0 where |x| <= threshold, else x moved by threshold towards 0; dx as for hard_shrink */
static inline V soft_shrink(V x, parameters c) {
    return v_select(v_le(v_abs(x), c.p[0]), v_set1(0), v_sub(x, v_copysign(c.p[0], x)));
}

/* threshold (threshold, default_value): y = x where x > threshold, else default_value; dx = dy there, else 0 */
static inline V threshold(V x, parameters c) { return v_select(v_le(x, c.p[0]), c.p[1], x); }
static inline V threshold_back(V x, V dy, parameters c) { return v_select(v_le(x, c.p[0]), v_set1(0), dy); }

/* sparse_sigmoid: y = min(max((x + 1) / 2, 0), 1); dx = dy / 2 where 0 < y < 1, else 0 */
static inline V sparse_sigmoid(V x, parameters c) {
    (void)c;
    const V line = v_fma(x, v_set1((real)0.5), v_set1((real)0.5));
    return v_min(v_set1(1), v_max(v_set1(0), line));
}
static inline V sparse_sigmoid_back(V y, V dy, parameters c) {
    (void)c;
    const M outside = m_or(v_le(y, v_set1(0)), v_le(v_set1(1), y));
    return v_select(outside, v_set1(0), v_mul(dy, v_set1((real)0.5)));
}

/* sparse_plus: y = 0 below -1, x above 1, (x + 1)² / 4 between; dx = dy · sparse_sigmoid(x) */
static inline V sparse_plus(V x, parameters c) {
    (void)c;
    const V root = v_max(v_set1(0), v_fma(x, v_set1((real)0.5), v_set1((real)0.5)));
    return v_select(v_le(v_set1(1), x), x, v_mul(root, root));
}
static inline V sparse_plus_back(V x, V dy, parameters c) { return v_mul(dy, sparse_sigmoid(x, c)); }

/* celu (alpha): y = x where x > 0, else alpha · (e^(x / alpha) - 1); dx = dy · (1 where y > 0, else y / alpha + 1) */
static inline __attribute__((always_inline)) V celu(V x, parameters c) {
    return v_select(v_lt(v_set1(0), x), x, v_mul(c.p[0], v_expm1(v_div(x, c.p[0]))));
}
static inline V celu_back(V y, V dy, parameters c) {
    return v_select(v_lt(v_set1(0), y), dy, v_mul(dy, v_add(v_div(y, c.p[0]), v_set1(1))));
}

/* log_sigmoid: y = -softplus(-x); dx = dy · (1 - e^y) */
static inline __attribute__((always_inline)) V log_sigmoid(V x, parameters c) {
    (void)c;
    return v_neg(v_softplus(v_neg(x)));
}
static inline __attribute__((always_inline)) V log_sigmoid_back(V y, V dy, parameters c) {
    (void)c;
    return v_mul(dy, v_neg(v_expm1(y)));
}

/* squareplus (b): y = (x + s) / 2, s = √(x² + b), which for x < 0 is b / 2(s - x), without the loss of digits;
 * dx = dy · y / s */
static const real SQUARED = FASTNN_REAL == 32 ? (real)1e18 : (real)1e150; /* beyond it, x² has no room */
static inline V squareplus_root(V x, V b) { return v_sqrt(v_fma(x, x, b)); }
static inline V squareplus_of(V x, V s, V b) {
    const V half = v_set1((real)0.5);
    return v_select(v_lt(x, v_set1(0)), v_mul(half, v_div(b, v_sub(s, x))), v_mul(half, v_add(x, s)));
}
static inline V squareplus(V x, parameters c) {
    const V bounded = within(x, SQUARED);
    const V y = squareplus_of(x, squareplus_root(bounded, c.p[0]), c.p[0]);
    return v_select(v_lt(v_set1(SQUARED), x), x, y);
}
static inline V squareplus_back(V x, V dy, parameters c) {
    x = within(x, SQUARED);
    const V s = squareplus_root(x, c.p[0]);
    return v_mul(dy, v_div(squareplus_of(x, s, c.p[0]), s));
}

/* tanh_shrink: y = x - tanh(x); dx = dy · tanh²(x) */
static inline __attribute__((always_inline)) V tanh_shrink(V x, parameters c) {
    (void)c;
    return v_sub(x, v_tanh(x));
}
static inline __attribute__((always_inline)) V tanh_shrink_back(V x, V dy, parameters c) {
    (void)c;
    const V t = v_tanh(x);
    return v_mul(dy, v_mul(t, t));
}

/* The functions of the table, as in activations.inc.h. */
static const double CELU[] = {1}, SHRINK[] = {0.5}, SQUAREPLUS[] = {4}, THRESHOLD[] = {0, 0};

static void celu_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : CELU, 1, celu);
}
static void celu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : CELU, 1, celu_back);
}
static void hard_silu_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, hard_silu);
}
static void hard_silu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, hard_silu_back);
}
static void hard_tanh_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, hard_tanh);
}
static void hard_tanh_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, hard_tanh_back);
}
static void hard_shrink_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : SHRINK, 1, hard_shrink);
}
static void hard_shrink_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : SHRINK, 1, shrink_back);
}
static void soft_shrink_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : SHRINK, 1, soft_shrink);
}
static void soft_shrink_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : SHRINK, 1, shrink_back);
}
static void log_sigmoid_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, log_sigmoid);
}
static void log_sigmoid_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, log_sigmoid_back);
}
static void sparse_plus_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, sparse_plus);
}
static void sparse_plus_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, sparse_plus_back);
}
static void sparse_sigmoid_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, sparse_sigmoid);
}
static void sparse_sigmoid_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, sparse_sigmoid_back);
}
static void squareplus_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : SQUAREPLUS, 1, squareplus);
}
static void squareplus_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : SQUAREPLUS, 1, squareplus_back);
}
static void tanh_shrink_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, tanh_shrink);
}
static void tanh_shrink_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, tanh_shrink_back);
}
static void threshold_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : THRESHOLD, 2, threshold);
}
static void threshold_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : THRESHOLD, 2, threshold_back);
}
