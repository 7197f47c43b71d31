/* Activations: y = f(x), and dx = dy · f'(·) with f' from y where that is possible, else from x (`needs_input`).
 *
 * Each is a pair of small functions of a vector, f beside its derivative; the loops over the elements stand once, above
 * them. NaN goes through; where a product such as x · sigmoid(x) would be infinity times zero, its limit is taken. */

/* What an activation takes besides x. */
typedef struct {
    V p[3];
} parameters;
typedef V (*function)(V x, parameters c);
typedef V (*gradient)(V x_or_y, V dy, parameters c);

static inline __attribute__((always_inline)) parameters broadcast(const double *params, int count) {
    parameters c;
    for (int i = 0; i < 3; i++) c.p[i] = v_set1(i < count ? (real)params[i] : 0);
    return c;
}

static inline __attribute__((always_inline)) void map(int64_t n, const void *in, void *out, const double *params,
                                                      int count, function f) {
    const real *x = in;
    real *y = out;
    parameters c = broadcast(params, count);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(y + i, f(v_load(x + i), c));
    if (i < n) v_store_n(y + i, f(v_load_n(x + i, n - i), c), n - i);
}

static inline __attribute__((always_inline)) void map_back(int64_t n, const void *in, const void *dy_in, void *out,
                                                           const double *params, int count, gradient f) {
    const real *x = in, *dy = dy_in;
    real *dx = out;
    parameters c = broadcast(params, count);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(dx + i, f(v_load(x + i), v_load(dy + i), c));
    if (i < n) v_store_n(dx + i, f(v_load_n(x + i, n - i), v_load_n(dy + i, n - i), c), n - i);
}

/* x within ±limit; NaN stays */
static inline V within(V x, real limit) { return v_max(v_set1(-limit), v_min(v_set1(limit), x)); }

/* Beyond this, sigmoid and the normal distribution are at 0 or 1, and x times the distance to them is 0. */
static const real SATURATED = FASTNN_REAL == 32 ? 120 : 800;

/* linear: y = x; dx = dy */
static inline V linear(V x, parameters c) {
    (void)c;
    return x;
}
static inline V linear_back(V y, V dy, parameters c) {
    (void)y, (void)c;
    return dy;
}

/* relu: y = max(x, 0); dx = dy where y > 0, else 0 */
static inline V relu(V x, parameters c) {
    (void)c;
    return v_max(v_set1(0), x);
}
static inline V relu_back(V y, V dy, parameters c) {
    (void)c;
    return v_select(v_le(y, v_set1(0)), v_set1(0), dy);
}

/* clipped_relu (negative_slope, max_value, threshold): y = min(x, max_value) where x > threshold,
 * else negative_slope · (x - threshold); dx = dy · (1 between threshold and max_value, 0 above, the slope below) */
static inline V clipped_relu(V x, parameters c) {
    V below = v_mul(c.p[0], v_sub(x, c.p[2]));
    return v_select(v_lt(c.p[2], x), v_min(x, c.p[1]), below);
}
static inline V clipped_relu_back(V x, V dy, parameters c) {
    V above = v_select(v_lt(x, c.p[1]), dy, v_set1(0));
    return v_select(v_lt(c.p[2], x), above, v_mul(c.p[0], dy));
}

/* leaky_relu (negative_slope > 0): y = x where x > 0, else negative_slope · x;
 * dx = dy · (1 where y > 0, else the slope) */
static inline V leaky_relu(V x, parameters c) { return v_select(v_lt(v_set1(0), x), x, v_mul(c.p[0], x)); }
static inline V leaky_relu_back(V y, V dy, parameters c) { return v_select(v_lt(v_set1(0), y), dy, v_mul(c.p[0], dy)); }

/* elu (alpha): y = x where x > 0, else alpha · (e^x - 1); dx = dy · (1 where y > 0, else y + alpha) */
static inline __attribute__((always_inline)) V elu(V x, parameters c) {
    return v_select(v_lt(v_set1(0), x), x, v_mul(c.p[0], v_expm1(x)));
}
static inline V elu_back(V y, V dy, parameters c) {
    return v_select(v_lt(v_set1(0), y), dy, v_mul(dy, v_add(y, c.p[0])));
}

/* selu: y = scale · elu(x), with the scale and alpha at which layers normalize themselves (Klambauer et al., 2017);
 * dx = dy · (scale where y > 0, else y + scale · alpha) */
static const double SELU_ALPHA = 1.6732632423543772848, SELU_SCALE = 1.0507009873554804934;
static inline __attribute__((always_inline)) V selu(V x, parameters c) {
    (void)c;
    V below = v_mul(v_set1((real)(SELU_SCALE * SELU_ALPHA)), v_expm1(x));
    return v_select(v_lt(v_set1(0), x), v_mul(v_set1((real)SELU_SCALE), x), below);
}
static inline V selu_back(V y, V dy, parameters c) {
    (void)c;
    V below = v_add(y, v_set1((real)(SELU_SCALE * SELU_ALPHA)));
    return v_mul(dy, v_select(v_lt(v_set1(0), y), v_set1((real)SELU_SCALE), below));
}

/* gelu: y = x · P(x) = max(x, 0) - |x| · P(-|x|) with the normal distribution function P;
 * dx = dy · (P(x) + x · p(x)), p(x) = e^(-x²/2) / √(2π) */
static inline __attribute__((always_inline)) V gelu(V x, parameters c) {
    (void)c;
    V bell, a = v_min(v_set1(NORMAL_HIGHEST), v_abs(x));
    return v_fnma(a, normal_tail(a, &bell), v_max(v_set1(0), x));
}
static inline __attribute__((always_inline)) V gelu_back(V x, V dy, parameters c) {
    (void)c;
    V bell, bounded = within(x, NORMAL_HIGHEST), tail = normal_tail(v_abs(bounded), &bell);
    V distribution = v_select(v_lt(x, v_set1(0)), tail, v_sub(v_set1(1), tail));
    return v_mul(dy, v_fma(bounded, v_mul(bell, v_set1((real)0.39894228040143267794)), distribution));
}

/* gelu_tanh: y = x · (1 + tanh(u)) / 2 = x · s with s = sigmoid(2u), 2u = √(8/π) · (x + 0.044715 x³);
 * dx = dy · (s + x · s · (1 - s) · (2u)') */
static const double GELU_TANH_LINEAR = 1.5957691216057307117, GELU_TANH_CUBIC = 0.044715;
static inline __attribute__((always_inline)) V gelu_tanh_sigmoid(V x) {
    V cubic = v_set1((real)(GELU_TANH_LINEAR * GELU_TANH_CUBIC)), linear = v_set1((real)GELU_TANH_LINEAR);
    return v_sigmoid(v_mul(x, v_fma(v_mul(x, x), cubic, linear)));
}
static inline __attribute__((always_inline)) V gelu_tanh(V x, parameters c) {
    (void)c;
    return v_mul(v_max(v_set1(-REAL_MAX), x), gelu_tanh_sigmoid(x));
}
static inline __attribute__((always_inline)) V gelu_tanh_back(V x, V dy, parameters c) {
    (void)c;
    x = within(x, SATURATED);
    V cubic = v_set1((real)(3 * GELU_TANH_LINEAR * GELU_TANH_CUBIC)), linear = v_set1((real)GELU_TANH_LINEAR);
    V s = gelu_tanh_sigmoid(x), slope = v_fma(v_mul(x, x), cubic, linear);
    return v_mul(dy, v_fma(v_mul(x, slope), v_fnma(s, s, s), s));
}

/* silu: y = x · s with s = sigmoid(x); dx = dy · (s + x · s · (1 - s)) */
static inline __attribute__((always_inline)) V silu(V x, parameters c) {
    (void)c;
    return v_mul(v_max(v_set1(-REAL_MAX), x), v_sigmoid(x));
}
static inline __attribute__((always_inline)) V silu_back(V x, V dy, parameters c) {
    (void)c;
    x = within(x, SATURATED);
    V s = v_sigmoid(x);
    return v_mul(dy, v_fma(x, v_fnma(s, s, s), s));
}

/* sigmoid: y = 1 / (1 + e^-x); dx = dy · y · (1 - y) */
static inline __attribute__((always_inline)) V sigmoid(V x, parameters c) {
    (void)c;
    return v_sigmoid(x);
}
static inline V sigmoid_back(V y, V dy, parameters c) {
    (void)c;
    return v_mul(dy, v_fnma(y, y, y));
}

/* hard_sigmoid: y = min(max(x / 6 + 1/2, 0), 1); dx = dy / 6 where 0 < y < 1, else 0 */
static inline V hard_sigmoid(V x, parameters c) {
    (void)c;
    V line = v_fma(x, v_set1((real)(1.0 / 6)), v_set1((real)0.5));
    return v_min(v_set1(1), v_max(v_set1(0), line));
}
static inline V hard_sigmoid_back(V y, V dy, parameters c) {
    (void)c;
    M outside = m_or(v_le(y, v_set1(0)), v_le(v_set1(1), y));
    return v_select(outside, v_set1(0), v_mul(dy, v_set1((real)(1.0 / 6))));
}

/* tanh: y = tanh(x); dx = dy · (1 - y²) */
static inline __attribute__((always_inline)) V hyperbolic_tangent(V x, parameters c) {
    (void)c;
    return v_tanh(x);
}
static inline V hyperbolic_tangent_back(V y, V dy, parameters c) {
    (void)c;
    return v_mul(dy, v_fnma(y, y, v_set1(1)));
}

/* softplus: y = log(1 + e^x); dx = dy · (1 - e^-y) */
static inline __attribute__((always_inline)) V softplus(V x, parameters c) {
    (void)c;
    return v_softplus(x);
}
static inline __attribute__((always_inline)) V softplus_back(V y, V dy, parameters c) {
    (void)c;
    return v_mul(dy, v_neg(v_expm1(v_neg(y))));
}

/* softsign: y = x / (1 + |x|); dx = dy · (1 - |y|)² */
static inline V softsign(V x, parameters c) {
    (void)c;
    x = within(x, REAL_MAX);
    return v_div(x, v_add(v_set1(1), v_abs(x)));
}
static inline V softsign_back(V y, V dy, parameters c) {
    (void)c;
    V distance = v_sub(v_set1(1), v_abs(y));
    return v_mul(dy, v_mul(distance, distance));
}

/* exponential: y = e^x; dx = dy · y */
static inline __attribute__((always_inline)) V exponential(V x, parameters c) {
    (void)c;
    return v_exp(x);
}
static inline V exponential_back(V y, V dy, parameters c) {
    (void)c;
    return v_mul(dy, y);
}

/* mish: y = x · tanh(softplus(x)) = x · w / (w + 2) with w = e (e + 2), e = e^x;
 * dx = dy · (w + 4x · e (e + 1) / (w + 2)) / (w + 2) */
static const real MISH_HIGHEST = FASTNN_REAL == 32 ? 20 : 40; /* mish(x) is x from here on */
static inline __attribute__((always_inline)) V mish(V x, parameters c) {
    (void)c;
    V e = v_exp(v_min(v_set1(MISH_HIGHEST), x)), w = v_mul(e, v_add(e, v_set1(2)));
    return v_mul(v_max(v_set1(-REAL_MAX), x), v_div(w, v_add(w, v_set1(2))));
}
static inline __attribute__((always_inline)) V mish_back(V x, V dy, parameters c) {
    (void)c;
    x = v_min(v_set1(MISH_HIGHEST), v_max(v_set1(-SATURATED), x));
    V e = v_exp(x), w = v_mul(e, v_add(e, v_set1(2)));
    V inverse = v_div(v_set1(1), v_add(w, v_set1(2)));
    V change = v_mul(v_mul(v_mul(v_set1(4), x), v_fma(e, e, e)), inverse);
    return v_mul(dy, v_mul(v_add(w, change), inverse));
}

/* The functions of the table: one loop each. params may be NULL, and then the defaults hold. */
static const double CLIPPED_RELU[] = {0, INFINITY, 0}, LEAKY_RELU[] = {0.2}, ELU[] = {1};

static void linear_forward(int64_t n, const void *x, void *y, const double *params) { map(n, x, y, params, 0, linear); }
static void linear_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, linear_back);
}
static void relu_forward(int64_t n, const void *x, void *y, const double *params) { map(n, x, y, params, 0, relu); }
static void relu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, relu_back);
}
static void clipped_relu_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : CLIPPED_RELU, 3, clipped_relu);
}
static void clipped_relu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : CLIPPED_RELU, 3, clipped_relu_back);
}
static void leaky_relu_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : LEAKY_RELU, 1, leaky_relu);
}
static void leaky_relu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : LEAKY_RELU, 1, leaky_relu_back);
}
static void elu_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params ? params : ELU, 1, elu);
}
static void elu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params ? params : ELU, 1, elu_back);
}
static void selu_forward(int64_t n, const void *x, void *y, const double *params) { map(n, x, y, params, 0, selu); }
static void selu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, selu_back);
}
static void gelu_forward(int64_t n, const void *x, void *y, const double *params) { map(n, x, y, params, 0, gelu); }
static void gelu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, gelu_back);
}
static void gelu_tanh_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, gelu_tanh);
}
static void gelu_tanh_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, gelu_tanh_back);
}
static void silu_forward(int64_t n, const void *x, void *y, const double *params) { map(n, x, y, params, 0, silu); }
static void silu_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, silu_back);
}
static void sigmoid_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, sigmoid);
}
static void sigmoid_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, sigmoid_back);
}
static void hard_sigmoid_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, hard_sigmoid);
}
static void hard_sigmoid_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, hard_sigmoid_back);
}
static void hyperbolic_tangent_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, hyperbolic_tangent);
}
static void hyperbolic_tangent_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, hyperbolic_tangent_back);
}
static void softplus_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, softplus);
}
static void softplus_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, softplus_back);
}
static void softsign_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, softsign);
}
static void softsign_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, softsign_back);
}
static void exponential_forward(int64_t n, const void *x, void *y, const double *params) {
    map(n, x, y, params, 0, exponential);
}
static void exponential_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, exponential_back);
}
static void mish_forward(int64_t n, const void *x, void *y, const double *params) { map(n, x, y, params, 0, mish); }
static void mish_backward(int64_t n, const void *xy, const void *dy, void *dx, const double *params) {
    map_back(n, xy, dy, dx, params, 0, mish_back);
}
