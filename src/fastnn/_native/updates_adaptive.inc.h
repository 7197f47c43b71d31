/* Updates with a step width for each weight, beside Adam and RMSprop. */

/* adagrad: h = decay, lr, epsilon; slots = a.  a += g²;  w -= lr · g / sqrt(a + epsilon) */
static inline V adagrad_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fma(g, g, slot[0]);
    return v_sub(w, v_ratio(v_mul(c[1], g), v_sqrt(v_add(slot[0], c[2]))));
}

static void adagrad(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[3];
    spread(h, 3, c);
    apply_update(n, w, g, slots, 1, c, adagrad_step);
}

/* adadelta: h = decay, lr, rho, epsilon; slots = a, x.
 * a = rho · a + (1 - rho) · g²;  d = g · sqrt(x + epsilon) / sqrt(a + epsilon);  x = rho · x + (1 - rho) · d²;
 * w -= lr · d.  The constants are decay, lr, rho, epsilon, 1 - rho. */
static inline V adadelta_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fma(c[2], slot[0], v_mul(c[4], v_mul(g, g)));
    const V d = v_ratio(v_mul(v_sqrt(v_add(slot[1], c[3])), g), v_sqrt(v_add(slot[0], c[3])));
    slot[1] = v_fma(c[2], slot[1], v_mul(c[4], v_mul(d, d)));
    return v_fnma(c[1], d, w);
}

static void adadelta(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[5];
    spread(h, 4, c);
    c[4] = v_set1((real)(1 - h[2]));
    apply_update(n, w, g, slots, 2, c, adadelta_step);
}

/* adamax: h = decay, alpha, 1 - b1, b2, epsilon; slots = m, u; alpha = lr / (1 - b1^t).
 * m += (g - m) · (1 - b1);  u = max(b2 · u, |g|);  w -= alpha · m / (u + epsilon) */
static inline V adamax_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fma(v_sub(g, slot[0]), c[2], slot[0]);
    slot[1] = v_max(v_mul(c[3], slot[1]), v_abs(g));
    return v_sub(w, v_ratio(v_mul(c[1], slot[0]), v_add(slot[1], c[4])));
}

static void adamax(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[5];
    spread(h, 5, c);
    apply_update(n, w, g, slots, 2, c, adamax_step);
}

/* nadam: h = decay, lr, 1 - b1, 1 - b2, a, b, c, epsilon; slots = m, v, with a, b and c from the step's number:
 * m += (g - m) · (1 - b1);  v += (g² - v) · (1 - b2);  w -= lr · (a · m + b · g) / (sqrt(c · v) + epsilon) */
static inline V nadam_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fma(v_sub(g, slot[0]), c[2], slot[0]);
    slot[1] = v_fma(v_sub(v_mul(g, g), slot[1]), c[3], slot[1]);
    const V ahead = v_fma(c[4], slot[0], v_mul(c[5], g));
    return v_sub(w, v_ratio(v_mul(c[1], ahead), v_add(v_sqrt(v_mul(c[6], slot[1])), c[7])));
}

static void nadam(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[8];
    spread(h, 8, c);
    apply_update(n, w, g, slots, 2, c, nadam_step);
}

/* lion: h = decay, lr, b1, b2; slots = m.  w -= lr · sign(b1 · m + (1 - b1) · g);  m = b2 · m + (1 - b2) · g.
 * The constants are decay, lr, b1, b2, 1 - b1, 1 - b2. */
static inline V lion_step(V w, V g, V *slot, const V *c) {
    const V mixed = v_fma(c[2], slot[0], v_mul(c[4], g)), zero = v_set1(0);
    const V step = v_select(v_lt(zero, v_abs(mixed)), v_copysign(c[1], mixed), mixed); /* zero and NaN as they are */
    slot[0] = v_fma(c[3], slot[0], v_mul(c[5], g));
    return v_sub(w, step);
}

static void lion(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[6];
    spread(h, 4, c);
    c[4] = v_set1((real)(1 - h[2]));
    c[5] = v_set1((real)(1 - h[3]));
    apply_update(n, w, g, slots, 1, c, lion_step);
}

/* ftrl: h = decay, lr, power, l1, 2 · l2 + beta / lr, 2 · shrinkage; slots = a, z, with p = -power:
 * b = a + g²;  z += g + 2 · shrinkage · w - (b^p - a^p) / lr · w;  a = b;
 * w = (clip(z, -l1, l1) - z) / (b^p / lr + 2 · l2 + beta / lr).
 * The constants are decay, lr, p, l1, -l1, 2 · l2 + beta / lr, 2 · shrinkage. */
static inline V ftrl_with_powers(V w, V g, V *slot, const V *c, V sum, V powered, V powered_before) {
    const V slope = v_ratio(v_sub(powered, powered_before), c[1]);
    slot[1] = v_add(slot[1], v_fnma(slope, w, v_fma(c[6], w, g)));
    slot[0] = sum;
    const V clipped = v_min(c[3], v_max(c[4], slot[1]));
    return v_ratio(v_sub(clipped, slot[1]), v_add(v_ratio(powered, c[1]), c[5]));
}

static inline V ftrl_step(V w, V g, V *slot, const V *c) {
    const V sum = v_fma(g, g, slot[0]);
    return ftrl_with_powers(w, g, slot, c, sum, v_sqrt(sum), v_sqrt(slot[0]));
}

static inline V raised(V a, V exponent) {
    real x[LANES], p[LANES];
    v_store(x, a);
    v_store(p, exponent);
    for (int k = 0; k < LANES; k++) x[k] = (real)pow((double)x[k], (double)p[k]);
    return v_load(x);
}

/* any power but the usual one: rare, so lane by lane */
static inline V ftrl_power_step(V w, V g, V *slot, const V *c) {
    const V sum = v_fma(g, g, slot[0]);
    return ftrl_with_powers(w, g, slot, c, sum, raised(sum, c[2]), raised(slot[0], c[2]));
}

static void ftrl(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    const V c[7] = {v_set1((real)h[0]),  v_set1((real)h[1]), v_set1((real)-h[2]), v_set1((real)h[3]),
                    v_set1((real)-h[3]), v_set1((real)h[4]), v_set1((real)h[5])};
    apply_update(n, w, g, slots, 2, c, h[2] == -0.5 ? ftrl_step : ftrl_power_step);
}

/* schedule_free_adamw: h = decay, lr, b1, 1 - b2, 1 / (1 - b2^t), epsilon, 1 / t; slots = z, v.
 * v += (g² - v) · (1 - b2);  x = (w - (1 - b1) · z) / b1;  z -= lr · g / (sqrt(v / (1 - b2^t)) + epsilon);
 * x += (z - x) / t;  w = (1 - b1) · z + b1 · x.  The constants are those of h and 1 - b1. */
static inline V schedule_free_adamw_step(V w, V g, V *slot, const V *c) {
    slot[1] = v_fma(v_sub(v_mul(g, g), slot[1]), c[3], slot[1]);
    const V x = v_ratio(v_fnma(c[7], slot[0], w), c[2]);
    slot[0] = v_sub(slot[0], v_ratio(v_mul(c[1], g), v_add(v_sqrt(v_mul(slot[1], c[4])), c[5])));
    return v_fma(c[7], slot[0], v_mul(c[2], v_fma(v_sub(slot[0], x), c[6], x)));
}

static void schedule_free_adamw(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[8];
    spread(h, 7, c);
    c[7] = v_set1((real)(1 - h[2]));
    apply_update(n, w, g, slots, 2, c, schedule_free_adamw_step);
}
