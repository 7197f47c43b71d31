/* The optimizers' updates of w[n] from g[n]: how they run over weights, and the oldest of them.
 *
 * Every update first shrinks w by h[0]. Square roots are the exact ones, and quotients but for the ends of their range:
 * they hide behind the loads and stores of w, g and the slots. A step of an update is one inline function of vectors,
 * applied to whole vectors and then to one partial vector, whose missing lanes hold zeros and are not written. */

/* w[n], slots[s][n] <- step(w, g, slots); `constants` holds the scalars as vectors */
typedef V (*update_step)(V w, V g, V *slot, const V *constants);

static inline __attribute__((always_inline)) void apply_update(int64_t n, void *w, const void *g, void *const *slots,
                                                               int slot_count, const V *constants, update_step step) {
    real *weights = w;
    const real *gradient = g;
    real *slot[FASTNN_MAX_SLOTS];
    V values[FASTNN_MAX_SLOTS];
    for (int s = 0; s < slot_count; s++) slot[s] = slots[s];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int s = 0; s < slot_count; s++) values[s] = v_load(slot[s] + i);
        v_store(weights + i, step(v_mul(v_load(weights + i), constants[0]), v_load(gradient + i), values, constants));
        for (int s = 0; s < slot_count; s++) v_store(slot[s] + i, values[s]);
    }
    if (i < n) {
        const int64_t count = n - i;
        for (int s = 0; s < slot_count; s++) values[s] = v_load_n(slot[s] + i, count);
        const V shrunk = v_mul(v_load_n(weights + i, count), constants[0]);
        v_store_n(weights + i, step(shrunk, v_load_n(gradient + i, count), values, constants), count);
        for (int s = 0; s < slot_count; s++) v_store_n(slot[s] + i, values[s], count);
    }
}

/* the scalars h[count] as vectors */
static inline void spread(const double *h, int count, V *constants) {
    for (int k = 0; k < count; k++) constants[k] = v_set1((real)h[k]);
}

/* sgd: h = decay, lr.  w -= lr · g */
static inline V sgd_step(V w, V g, V *slot, const V *c) {
    (void)slot;
    return v_fnma(c[1], g, w);
}

static void sgd(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[2];
    spread(h, 2, c);
    apply_update(n, w, g, slots, 0, c, sgd_step);
}

/* momentum: h = decay, lr, momentum; slots = velocity.  v = momentum · v - lr · g;  w += v */
static inline V momentum_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fnma(c[1], g, v_mul(c[2], slot[0]));
    return v_add(w, slot[0]);
}

static void momentum(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[3];
    spread(h, 3, c);
    apply_update(n, w, g, slots, 1, c, momentum_step);
}

/* nesterov: h and slots as for momentum.  v = momentum · v - lr · g;  w += momentum · v - lr · g */
static inline V nesterov_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fnma(c[1], g, v_mul(c[2], slot[0]));
    return v_add(w, v_fnma(c[1], g, v_mul(c[2], slot[0])));
}

static void nesterov(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[3];
    spread(h, 3, c);
    apply_update(n, w, g, slots, 1, c, nesterov_step);
}

/* adam: h = decay, alpha, 1 - b1, 1 - b2, epsilon; slots = m, v; alpha = lr · sqrt(1 - b2^t) / (1 - b1^t).
 * m += (g - m) · (1 - b1);  v += (g² - v) · (1 - b2);  w -= alpha · m / (sqrt(v) + epsilon) */
static inline V adam_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fma(v_sub(g, slot[0]), c[2], slot[0]);
    slot[1] = v_fma(v_sub(v_mul(g, g), slot[1]), c[3], slot[1]);
    return v_sub(w, v_ratio(v_mul(slot[0], c[1]), v_add(v_sqrt(slot[1]), c[4])));
}

static void adam(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[5];
    spread(h, 5, c);
    apply_update(n, w, g, slots, 2, c, adam_step);
}

/* amsgrad: h as for adam; slots = m, v, vhat.  m and v as in adam;  vhat = max(vhat, v);
 * w -= alpha · m / (sqrt(vhat) + epsilon) */
static inline V amsgrad_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fma(v_sub(g, slot[0]), c[2], slot[0]);
    slot[1] = v_fma(v_sub(v_mul(g, g), slot[1]), c[3], slot[1]);
    slot[2] = v_max(slot[2], slot[1]);
    return v_sub(w, v_ratio(v_mul(slot[0], c[1]), v_add(v_sqrt(slot[2]), c[4])));
}

static void amsgrad(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[5];
    spread(h, 5, c);
    apply_update(n, w, g, slots, 3, c, amsgrad_step);
}

/* rmsprop: h = decay, lr, rho, epsilon[, momentum].  Slots: velocity v, [momentum p], [average gradient a].
 * v = rho · v + (1 - rho) · g²;  a = rho · a + (1 - rho) · g;  d = v + epsilon, or v - a² + epsilon when centered;
 * w -= lr · g / sqrt(d), or  p = momentum · p + lr · g / sqrt(d);  w -= p.
 * The constants are decay, lr, rho, epsilon, momentum, 1 - rho. */
static inline V rmsprop_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fma(c[2], slot[0], v_mul(c[5], v_mul(g, g)));
    return v_sub(w, v_ratio(v_mul(c[1], g), v_sqrt(v_add(slot[0], c[3]))));
}

static inline V rmsprop_momentum_step(V w, V g, V *slot, const V *c) {
    slot[0] = v_fma(c[2], slot[0], v_mul(c[5], v_mul(g, g)));
    slot[1] = v_fma(c[4], slot[1], v_ratio(v_mul(c[1], g), v_sqrt(v_add(slot[0], c[3]))));
    return v_sub(w, slot[1]);
}

/* lr · g / sqrt(v - a² + epsilon), with v and a updated before */
static inline V centered_increment(V g, V *v, V *a, const V *c) {
    *v = v_fma(c[2], *v, v_mul(c[5], v_mul(g, g)));
    *a = v_fma(c[2], *a, v_mul(c[5], g));
    return v_ratio(v_mul(c[1], g), v_sqrt(v_add(v_sub(*v, v_mul(*a, *a)), c[3])));
}

static inline V rmsprop_centered_step(V w, V g, V *slot, const V *c) {
    return v_sub(w, centered_increment(g, &slot[0], &slot[1], c));
}

static inline V rmsprop_centered_momentum_step(V w, V g, V *slot, const V *c) {
    slot[1] = v_fma(c[4], slot[1], centered_increment(g, &slot[0], &slot[2], c));
    return v_sub(w, slot[1]);
}

static void rmsprop(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[6];
    spread(h, 4, c);
    c[5] = v_set1((real)(1 - h[2]));
    apply_update(n, w, g, slots, 1, c, rmsprop_step);
}

static void rmsprop_momentum(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[6];
    spread(h, 5, c);
    c[5] = v_set1((real)(1 - h[2]));
    apply_update(n, w, g, slots, 2, c, rmsprop_momentum_step);
}

static void rmsprop_centered(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[6];
    spread(h, 4, c);
    c[5] = v_set1((real)(1 - h[2]));
    apply_update(n, w, g, slots, 2, c, rmsprop_centered_step);
}

static void rmsprop_centered_momentum(int64_t n, void *w, const void *g, void *const *slots, const double *h) {
    V c[6];
    spread(h, 5, c);
    c[5] = v_set1((real)(1 - h[2]));
    apply_update(n, w, g, slots, 3, c, rmsprop_centered_momentum_step);
}
