/* Numbers as vectors: waves of learned frequencies, and pieces of a line that fill up bin by bin. For each of F features
 * there are K numbers; rows of x hold the features, rows of y [F, K] or, of waves with sines, [F, 2 K]. */

/* sin(2πr) / r = 2π + r² · p(r²) and cos(2πr) = 1 + r² · p(r²) for |r| <= 1/8, to 2^-28 and 2^-26, and 2^-57 and 2^-54 of
 * the result: Chebyshev fits in 60 digits. In turns, not radians, the argument is reduced without any error. */
#if FASTNN_REAL == 32
static const real TURN_HIGH = 0x1.921fb6p+2f, TURN_LOW = -0x1.777a5cp-23f;
static const real SINE_TAIL[] = {-0x1.4abbcep+5f, 0x1.466bc2p+6f, -0x1.32ce1ep+6f, 0x1.4cb762p+5f};
static const real COSINE_TAIL[] = {-0x1.3bd3ccp+4f, 0x1.03c1eap+6f, -0x1.55cb98p+6f, 0x1.db6492p+5f};
#else
static const real TURN_HIGH = 0x1.921fb54442d18p+2, TURN_LOW = 0x1.1a62633145c07p-52;
static const real SINE_TAIL[] = {-0x1.4abbce625be53p+5, 0x1.466bc6775aae2p+6,  -0x1.32d2cce62bd85p+6,
                                 0x1.50783487ee37dp+5,  -0x1.e3074fdd8bbb6p+3, 0x1.e8f432b4ce4c9p+1,
                                 -0x1.6fab3c3eb25c4p-1, 0x1.a7da70b1f459cp-4};
static const real COSINE_TAIL[] = {-0x1.3bd3cc9be45dep+4, 0x1.03c1f081b5ac4p+6,  -0x1.55d3c7e3cbff7p+6,
                                   0x1.e1f506891ae95p+5,  -0x1.a6d1f2a086c90p+4, 0x1.f9d3870871194p+2,
                                   -0x1.b6de8b8e9ba08p+0, 0x1.1e745e5e09f6dp-2};
#endif

/* sin and cos of v turns, of any v: quarters of a turn are exact, and so is what is left of v beside them. */
static inline __attribute__((always_inline)) V turn(V v, V *cosine) {
    const V one = v_set1(1), t = v_sub(v, v_round(v)), quarters = v_round(v_mul(t, v_set1(4)));
    const V r = v_fnma(quarters, v_set1((real)0.25), t), u = v_mul(r, r);
    const V s =
        v_fma(r, v_set1(TURN_HIGH), v_mul(r, v_fma(u, polynomial(u, SINE_TAIL, COUNT(SINE_TAIL)), v_set1(TURN_LOW))));
    const V c = v_fma(u, polynomial(u, COSINE_TAIL, COUNT(COSINE_TAIL)), one);
    const M odd = v_eq(v_abs(quarters), one), half = v_lt(one, v_abs(quarters));
    const V sine = v_select(odd, v_mul(c, quarters), v_select(half, v_neg(s), s));
    *cosine = v_select(odd, v_mul(v_neg(s), quarters), v_select(half, v_neg(c), c));
    return sine;
}

/* turns of the waves of a feature: c · x + b / 2π; b may be absent */
static inline __attribute__((always_inline)) V turns_of(V x, V c, V phase) {
    return v_fma(phase, v_set1((real)0.15915494309189533577), v_mul(c, x));
}

/* y[m,F,·] = cos(2π c[F,K] · x[m,F] + b[F,K]), and with `sines` the sines behind them */
static void waves(int64_t m, int64_t features, int64_t k, const void *x_in, int64_t x_row, const void *c_in,
                  const void *b_in, int sines, void *y_out) {
    const real *c = c_in, *b = b_in;
    const int64_t each = sines ? 2 * k : k;
    for (int64_t i = 0; i < m; i++)
        for (int64_t f = 0; f < features; f++) {
            const V x = v_set1(((const real *)x_in)[i * x_row + f]);
            real *y = (real *)y_out + (i * features + f) * each;
            for (int64_t j = 0; j < k; j += LANES) {
                const V phase = b ? load_row(b + f * k, j, k, 0) : v_set1(0);
                V cosine, sine = turn(turns_of(x, load_row(c + f * k, j, k, 0), phase), &cosine);
                store_row(y, cosine, j, k);
                if (sines) store_row(y + k, sine, j, k);
            }
        }
}

/* dt[m,F,K] = the gradient by the radians, in the place of the first K of dy[m,F,·]; and dx[m,F] = 2π Σ c · dt, unless dx
 * is NULL */
static void waves_backward(int64_t m, int64_t features, int64_t k, const void *x_in, int64_t x_row, const void *c_in,
                           const void *b_in, int sines, const void *y_in, void *dy_in, void *dx_out, int64_t dx_row) {
    const real *c = c_in, *b = b_in;
    const int64_t each = sines ? 2 * k : k;
    for (int64_t i = 0; i < m; i++)
        for (int64_t f = 0; f < features; f++) {
            const V x = v_set1(((const real *)x_in)[i * x_row + f]);
            const real *y = (const real *)y_in + (i * features + f) * each;
            real *dy = (real *)dy_in + (i * features + f) * each;
            V sum = v_set1(0);
            for (int64_t j = 0; j < k; j += LANES) {
                const V frequency = load_row(c + f * k, j, k, 0), dcosine = load_row(dy, j, k, 0);
                V dt;
                if (sines) {
                    dt = v_fnma(dcosine, load_row(y + k, j, k, 0),
                                v_mul(load_row(dy + k, j, k, 0), load_row(y, j, k, 0)));
                } else {
                    V cosine,
                        sine = turn(turns_of(x, frequency, b ? load_row(b + f * k, j, k, 0) : v_set1(0)), &cosine);
                    dt = v_mul(v_neg(sine), dcosine);
                }
                store_row(dy, dt, j, k);
                sum = v_fma(frequency, dt, sum);
            }
            if (dx_out) ((real *)dx_out)[i * dx_row + f] = v_sum(sum) * TURN_HIGH;
        }
}

/* dc[F,K] (+)= 2π Σ x · dt, or with x NULL db[F,K] (+)= Σ dt, of features [feature0, feature1), over rows in order; dt as
 * above, its rows `dt_row` apart and features `each` */
static void waves_gradient(int64_t m, int64_t feature0, int64_t feature1, int64_t k, const void *x_in, int64_t x_row,
                           const void *dt_in, int64_t dt_row, int64_t each, int accumulate, void *gradient) {
    const V by = v_set1(x_in ? TURN_HIGH : 1);
    for (int64_t f = feature0; f < feature1; f++) {
        real *g = (real *)gradient + (f - feature0) * k;
        for (int64_t j = 0; j < k; j += LANES) {
            V sum = v_set1(0);
            for (int64_t i = 0; i < m; i++) {
                const V dt = load_row((const real *)dt_in + i * dt_row + f * each, j, k, 0);
                sum = x_in ? v_fma(v_set1(((const real *)x_in)[i * x_row + f]), dt, sum) : v_add(sum, dt);
            }
            sum = v_mul(sum, by);
            store_row(g, accumulate ? v_add(load_row(g, j, k, 0), sum) : sum, j, k);
        }
    }
}

/* y[m,F,K] = (x[m,F] - left[F,K]) · factor[F,K], cut to [low[F,K], high[F,K]]; NaN stays NaN */
static void pieces(int64_t m, int64_t features, int64_t k, const void *x_in, int64_t x_row, const void *left,
                   const void *factor, const void *low, const void *high, void *y_out) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t f = 0; f < features; f++) {
            const V x = v_set1(((const real *)x_in)[i * x_row + f]);
            real *y = (real *)y_out + (i * features + f) * k;
            for (int64_t j = 0; j < k; j += LANES) {
                const V piece = v_mul(v_sub(x, load_row((const real *)left + f * k, j, k, 0)),
                                      load_row((const real *)factor + f * k, j, k, 0));
                const V cut = v_min(load_row((const real *)high + f * k, j, k, 0),
                                    v_max(load_row((const real *)low + f * k, j, k, 0), piece));
                store_row(y, v_select(v_isnan(piece), piece, cut), j, k);
            }
        }
}

/* dx[m,F] = Σ dy · factor where y is strictly between low and high */
static void pieces_backward(int64_t m, int64_t features, int64_t k, const void *factor, const void *low,
                            const void *high, const void *y_in, const void *dy_in, void *dx_out, int64_t dx_row) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t f = 0; f < features; f++) {
            const real *y = (const real *)y_in + (i * features + f) * k;
            const real *dy = (const real *)dy_in + (i * features + f) * k;
            V sum = v_set1(0);
            for (int64_t j = 0; j < k; j += LANES) {
                const V at = load_row(y, j, k, 0);
                const M within = m_and(v_lt(load_row((const real *)low + f * k, j, k, 0), at),
                                       v_lt(at, load_row((const real *)high + f * k, j, k, 0)));
                const V term = v_mul(load_row(dy, j, k, 0), load_row((const real *)factor + f * k, j, k, 0));
                sum = v_add(sum, v_select(within, term, v_set1(0)));
            }
            ((real *)dx_out)[i * dx_row + f] = v_sum(sum);
        }
}
