/* Two operands, sums along an axis, and elements in another order; each with its way back. */

/* --- two operands: y[n] = a ∘ b; da[n] = dy · ∂y/∂a, db[n] = dy · ∂y/∂b, of which either may be NULL ------------------ */

typedef V binary_verb(V a, V b);
/* ∂y/∂a or ∂y/∂b, times dy */
typedef V binary_slope(V a, V b, V y, V dy);

static inline __attribute__((always_inline)) void combine(binary_verb *verb, int64_t n, const real *a, const real *b,
                                                          real *y) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(y + i, verb(v_load(a + i), v_load(b + i)));
    if (i < n) v_store_n(y + i, verb(v_load_n(a + i, n - i), v_load_n(b + i, n - i)), n - i);
}

static inline __attribute__((always_inline)) void pass_back(binary_slope *slope, int64_t n, const real *a,
                                                            const real *b, const real *y, const real *dy, real *dx) {
    int64_t i = 0;
    if (!dx) return;
    for (; i + LANES <= n; i += LANES)
        v_store(dx + i, slope(v_load(a + i), v_load(b + i), v_load(y + i), v_load(dy + i)));
    if (i < n)
        v_store_n(
            dx + i,
            slope(v_load_n(a + i, n - i), v_load_n(b + i, n - i), v_load_n(y + i, n - i), v_load_n(dy + i, n - i)),
            n - i);
}

static inline V add_verb(V a, V b) { return v_add(a, b); }
static inline V add_slope(V a, V b, V y, V dy) {
    (void)a, (void)b, (void)y;
    return dy;
}

static inline V subtract_verb(V a, V b) { return v_sub(a, b); }
static inline V subtract_slope(V a, V b, V y, V dy) {
    (void)a, (void)b, (void)y;
    return v_sub(v_set1(0), dy);
}

static inline V multiply_verb(V a, V b) { return v_mul(a, b); }
static inline V multiply_slope_a(V a, V b, V y, V dy) {
    (void)a, (void)y;
    return v_mul(dy, b);
}
static inline V multiply_slope_b(V a, V b, V y, V dy) {
    (void)b, (void)y;
    return v_mul(dy, a);
}

static inline V divide_verb(V a, V b) { return v_div(a, b); }
static inline V divide_slope_a(V a, V b, V y, V dy) {
    (void)a, (void)y;
    return v_div(dy, b);
}
static inline V divide_slope_b(V a, V b, V y, V dy) { /* -a / b² = -y / b */
    (void)a;
    return v_sub(v_set1(0), v_div(v_mul(dy, y), b));
}

/* Where both are equal, each gets half. */
static inline V share(M first, V a, V b, V dy) {
    const V half = v_mul(dy, v_set1((real)0.5)), none = v_set1(0);
    return v_select(first, dy, v_select(m_or(v_lt(a, b), v_lt(b, a)), none, half));
}

/* NaN where either operand is, as in NumPy */
static inline V maximum_verb(V a, V b) { return v_select(v_isnan(a), a, v_max(a, b)); }
static inline V maximum_slope_a(V a, V b, V y, V dy) {
    (void)y;
    return share(v_lt(b, a), a, b, dy);
}
static inline V maximum_slope_b(V a, V b, V y, V dy) {
    (void)y;
    return share(v_lt(a, b), a, b, dy);
}

static inline V minimum_verb(V a, V b) { return v_select(v_isnan(a), a, v_min(a, b)); }
static inline V minimum_slope_a(V a, V b, V y, V dy) {
    (void)y;
    return share(v_lt(a, b), a, b, dy);
}
static inline V minimum_slope_b(V a, V b, V y, V dy) {
    (void)y;
    return share(v_lt(b, a), a, b, dy);
}

/* a where b is true, which is what is not 0; else 0, whatever a is: NaN and infinities are left out, too */
static inline V where_verb(V a, V b) { return v_select(v_eq(b, v_set1(0)), v_set1(0), a); }
static inline V where_slope_a(V a, V b, V y, V dy) {
    (void)a, (void)y;
    return v_select(v_eq(b, v_set1(0)), v_set1(0), dy);
}
static inline V where_slope_b(V a, V b, V y, V dy) {
    (void)a, (void)b, (void)y, (void)dy;
    return v_set1(0);
}

/* The verbs are known when it is compiled, so they are inlined into these. */
static void add_forward(int64_t n, const void *a, const void *b, void *y) { combine(add_verb, n, a, b, y); }
static void add_backward(int64_t n, const void *a, const void *b, const void *y, const void *dy, void *da, void *db) {
    pass_back(add_slope, n, a, b, y, dy, da);
    pass_back(add_slope, n, a, b, y, dy, db);
}
static void subtract_forward(int64_t n, const void *a, const void *b, void *y) { combine(subtract_verb, n, a, b, y); }
static void subtract_backward(int64_t n, const void *a, const void *b, const void *y, const void *dy, void *da,
                              void *db) {
    pass_back(add_slope, n, a, b, y, dy, da);
    pass_back(subtract_slope, n, a, b, y, dy, db);
}
static void multiply_forward(int64_t n, const void *a, const void *b, void *y) { combine(multiply_verb, n, a, b, y); }
static void multiply_backward(int64_t n, const void *a, const void *b, const void *y, const void *dy, void *da,
                              void *db) {
    pass_back(multiply_slope_a, n, a, b, y, dy, da);
    pass_back(multiply_slope_b, n, a, b, y, dy, db);
}
static void divide_forward(int64_t n, const void *a, const void *b, void *y) { combine(divide_verb, n, a, b, y); }
static void divide_backward(int64_t n, const void *a, const void *b, const void *y, const void *dy, void *da,
                            void *db) {
    pass_back(divide_slope_a, n, a, b, y, dy, da);
    pass_back(divide_slope_b, n, a, b, y, dy, db);
}
static void maximum_forward(int64_t n, const void *a, const void *b, void *y) { combine(maximum_verb, n, a, b, y); }
static void maximum_backward(int64_t n, const void *a, const void *b, const void *y, const void *dy, void *da,
                             void *db) {
    pass_back(maximum_slope_a, n, a, b, y, dy, da);
    pass_back(maximum_slope_b, n, a, b, y, dy, db);
}
static void minimum_forward(int64_t n, const void *a, const void *b, void *y) { combine(minimum_verb, n, a, b, y); }
static void minimum_backward(int64_t n, const void *a, const void *b, const void *y, const void *dy, void *da,
                             void *db) {
    pass_back(minimum_slope_a, n, a, b, y, dy, da);
    pass_back(minimum_slope_b, n, a, b, y, dy, db);
}

static void where_forward(int64_t n, const void *a, const void *b, void *y) { combine(where_verb, n, a, b, y); }
static void where_backward(int64_t n, const void *a, const void *b, const void *y, const void *dy, void *da, void *db) {
    pass_back(where_slope_a, n, a, b, y, dy, da);
    pass_back(where_slope_b, n, a, b, y, dy, db);
}

static const fastnn_binary binaries[] = {
    {"add", add_forward, add_backward},
    {"subtract", subtract_forward, subtract_backward},
    {"multiply", multiply_forward, multiply_backward},
    {"divide", divide_forward, divide_backward},
    {"maximum", maximum_forward, maximum_backward},
    {"minimum", minimum_forward, minimum_backward},
    {"where", where_forward, where_backward},
    {NULL, NULL, NULL},
};

/* --- along an axis: y[m,inner] = factor · Σ_j x[m,n,inner], and the largest of them ---------------------------------- */

static void reduce_sum(int64_t m, int64_t n, int64_t inner, const void *x, double factor, void *y) {
    const real *from = x;
    real *to = y;
    for (int64_t i = 0; i < m; ++i, from += n * inner, to += inner)
        for (int64_t k = 0; k < inner; ++k) {
            double sum = 0;
            for (int64_t j = 0; j < n; ++j) sum += (double)from[j * inner + k];
            to[k] = (real)(sum * factor);
        }
}

/* dx[m,n,inner] = factor · dy[m,inner] */
static void reduce_sum_backward(int64_t m, int64_t n, int64_t inner, const void *dy, double factor, void *dx) {
    const real *from = dy;
    real *to = dx;
    for (int64_t i = 0; i < m; ++i, from += inner)
        for (int64_t j = 0; j < n; ++j, to += inner)
            for (int64_t k = 0; k < inner; ++k) to[k] = (real)((double)from[k] * factor);
}

static void reduce_max(int64_t m, int64_t n, int64_t inner, const void *x, void *y) {
    const real *from = x;
    real *to = y;
    for (int64_t i = 0; i < m; ++i, from += n * inner, to += inner)
        for (int64_t k = 0; k < inner; ++k) {
            real largest = from[k];
            for (int64_t j = 1; j < n; ++j) {
                const real next = from[j * inner + k];
                if (next > largest || next != next) largest = next;
            }
            to[k] = largest;
        }
}

/* dx = dy where x is the largest, in equal parts where several are */
static void reduce_max_backward(int64_t m, int64_t n, int64_t inner, const void *x, const void *y, const void *dy,
                                void *dx) {
    const real *from = x, *largest = y, *slope = dy;
    real *to = dx;
    for (int64_t i = 0; i < m; ++i, from += n * inner, to += n * inner, largest += inner, slope += inner)
        for (int64_t k = 0; k < inner; ++k) {
            int64_t count = 0;
            for (int64_t j = 0; j < n; ++j) count += from[j * inner + k] == largest[k];
            for (int64_t j = 0; j < n; ++j)
                to[j * inner + k] = from[j * inner + k] == largest[k] ? slope[k] / (real)count : 0;
        }
}

/* --- elements in another order: y[m,n_y] = x[m,n_x] at index[n_y]; dx is the sum over where an element went ---------- */

static void rearrange(int64_t m, int64_t n_x, int64_t n_y, const int64_t *index, const void *x, void *y) {
    const real *from = x;
    real *to = y;
    for (int64_t i = 0; i < m; ++i, from += n_x, to += n_y)
        for (int64_t j = 0; j < n_y; ++j) to[j] = from[index[j]];
}

static void rearrange_backward(int64_t m, int64_t n_x, int64_t n_y, const int64_t *index, const void *dy, void *dx) {
    const real *from = dy;
    real *to = dx;
    memset(dx, 0, (size_t)(m * n_x) * sizeof(real));
    for (int64_t i = 0; i < m; ++i, from += n_y, to += n_x)
        for (int64_t j = 0; j < n_y; ++j) to[index[j]] += from[j];
}
