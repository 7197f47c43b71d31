/* Functions of arithmetic, in the frame of activations.inc.h: what `fastnn.ops` and symbolic tensors compute with. */

/* linear_map (scale, shift): y = scale · x + shift; dx = scale · dy */
static inline V linear_map(V x, parameters c) { return v_fma(x, c.p[0], c.p[1]); }
static inline V linear_map_back(V y, V dy, parameters c) {
    (void)y;
    return v_mul(dy, c.p[0]);
}

/* absolute: y = |x|; dx = dy · sign(x), 0 at 0 */
static inline V absolute(V x, parameters c) {
    (void)c;
    return v_abs(x);
}
static inline V absolute_back(V x, V dy, parameters c) {
    (void)c;
    const V below = v_select(v_lt(x, v_set1(0)), v_sub(v_set1(0), dy), v_set1(0));
    return v_select(v_lt(v_set1(0), x), dy, below);
}

/* square: y = x²; dx = 2 x dy */
static inline V square(V x, parameters c) {
    (void)c;
    return v_mul(x, x);
}
static inline V square_back(V x, V dy, parameters c) {
    (void)c;
    return v_mul(v_add(x, x), dy);
}

/* square_root: y = √x; dx = dy / (2 y) */
static inline V square_root(V x, parameters c) {
    (void)c;
    return v_sqrt(x);
}
static inline V square_root_back(V y, V dy, parameters c) {
    (void)c;
    return v_div(dy, v_add(y, y));
}

/* reciprocal: y = 1 / x; dx = -dy · y² */
static inline V reciprocal(V x, parameters c) {
    (void)c;
    return v_div(v_set1(1), x);
}
static inline V reciprocal_back(V y, V dy, parameters c) {
    (void)c;
    return v_sub(v_set1(0), v_mul(dy, v_mul(y, y)));
}

/* logarithm: y = ln x; dx = dy / x */
static inline __attribute__((always_inline)) V logarithm(V x, parameters c) {
    (void)c;
    return v_log(x);
}
static inline V logarithm_back(V x, V dy, parameters c) {
    (void)c;
    return v_div(dy, x);
}

/* logarithm_plus_one: y = ln(1 + x); dx = dy / (1 + x) */
static inline __attribute__((always_inline)) V logarithm_plus_one(V x, parameters c) {
    (void)c;
    return v_log1p(x);
}
static inline V logarithm_plus_one_back(V x, V dy, parameters c) {
    (void)c;
    return v_div(dy, v_add(v_set1(1), x));
}

/* sign: y = 1, 0, -1; positive: y = 1 where x > 0, else 0; not_negative: where x >= 0; is_zero: where x = 0. Truth is 1
 * and falsehood 0; NaN is none of these. They are flat: dx = 0. */
static inline V sign(V x, parameters c) {
    (void)c;
    return v_select(m_or(v_isnan(x), v_eq(x, v_set1(0))), x, v_copysign(v_set1(1), x));
}
static inline V positive(V x, parameters c) {
    (void)c;
    return v_select(v_lt(v_set1(0), x), v_set1(1), v_set1(0));
}
static inline V not_negative(V x, parameters c) {
    (void)c;
    return v_select(v_le(v_set1(0), x), v_set1(1), v_set1(0));
}
static inline V is_zero(V x, parameters c) {
    (void)c;
    return v_select(v_eq(x, v_set1(0)), v_set1(1), v_set1(0));
}
static inline V flat_back(V y, V dy, parameters c) {
    (void)y, (void)dy, (void)c;
    return v_set1(0);
}

static const double LINEAR_MAP[] = {1, 0};

static void linear_map_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : LINEAR_MAP, 2, linear_map);
}
static void linear_map_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : LINEAR_MAP, 2, linear_map_back);
}
static void absolute_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, absolute);
}
static void absolute_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, absolute_back);
}
static void square_forward(int64_t n, const void *x, void *y, const double *params) { map(n, x, y, params, 0, square); }
static void square_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, square_back);
}
static void square_root_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, square_root);
}
static void square_root_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, square_root_back);
}
static void reciprocal_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, reciprocal);
}
static void reciprocal_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, reciprocal_back);
}
static void logarithm_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, logarithm);
}
static void logarithm_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, logarithm_back);
}
static void logarithm_plus_one_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, logarithm_plus_one);
}
static void logarithm_plus_one_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, logarithm_plus_one_back);
}
static void sign_forward(int64_t n, const void *x, void *y, const double *params) { map(n, x, y, params, 0, sign); }
static void sign_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, flat_back);
}
static void positive_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, positive);
}
static void positive_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, flat_back);
}
static void not_negative_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, not_negative);
}
static void not_negative_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, flat_back);
}
static void is_zero_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, is_zero);
}
static void is_zero_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, flat_back);
}
