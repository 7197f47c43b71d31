/* Noise drawn by counting, as in random.inc.h: masks that are shared along axes, and normal numbers.
 *
 * The same bits on every ISA: what is computed here is added, multiplied, divided and rooted, each rounded once, and
 * nowhere by a fused multiply-add. */

/* Σ c[i] x^i, without fused operations */
static inline __attribute__((always_inline)) V plain_polynomial(V x, const double *c, int n) {
    V sum = v_set1((real)c[n - 1]);
    for (int i = n - 2; i >= 0; i--) sum = v_add(v_mul(sum, x), v_set1((real)c[i]));
    return sum;
}

/* sin(2π t) and cos(2π t): with t = q / 4 + r, |r| <= 1/8, Taylor's series of 2π r, turned by q quarters. |t| must leave
 * room for a fraction; it is exact in t. */
static inline __attribute__((always_inline)) void v_sincos_turns(V t, V *sine, V *cosine) {
    static const double SINE[] = {
        1, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000};
    static const double COSINE[] = {1,
                                    -1.0 / 2,
                                    1.0 / 24,
                                    -1.0 / 720,
                                    1.0 / 40320,
                                    -1.0 / 3628800,
                                    1.0 / 479001600,
                                    -1.0 / 87178291200,
                                    1.0 / 20922789888000};
    const V f = v_sub(t, v_round(t)); /* [-1/2, 1/2] */
    const V quarters = v_round(v_mul(f, v_set1(4)));
    const V a = v_mul(v_sub(f, v_mul(quarters, v_set1((real)0.25))), v_set1((real)6.28318530717958647693));
    const V square = v_mul(a, a);
    const V s = v_mul(a, plain_polynomial(square, SINE, FASTNN_REAL == 32 ? 5 : 8));
    const V c = plain_polynomial(square, COSINE, FASTNN_REAL == 32 ? 6 : 9);
    const V size = v_abs(quarters);
    const M odd = v_eq(size, v_set1(1)), half = v_eq(size, v_set1(2));
    const V sine_of_quarter = v_select(v_lt(quarters, v_set1(0)), v_neg(c), c); /* q = ±1 */
    const V cosine_of_quarter = v_select(v_lt(quarters, v_set1(0)), s, v_neg(s));
    *sine = v_select(odd, sine_of_quarter, v_select(half, v_neg(s), s));
    *cosine = v_select(odd, cosine_of_quarter, v_select(half, v_neg(c), c));
}

/* log x for normal 0 < x <= 1: x = m 2^e, log m = 2 artanh((m - 1) / (m + 1)) */
static inline __attribute__((always_inline)) V plain_log(V x) {
    static const double ARTANH[] = {2.0,      2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                                    2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23};
    V exponent;
    const V m = v_split(x, &exponent), one = v_set1(1);
    const V s = v_div(v_sub(m, one), v_add(m, one));
    const V log_m = v_mul(s, plain_polynomial(v_mul(s, s), ARTANH, FASTNN_REAL == 32 ? 6 : 12));
    return v_add(v_mul(exponent, v_set1((real)0.69314718055994530942)), log_m);
}

enum { PAIRS = PHILOX_WORDS / 2 };

/* numbers[2 · pairs] <- normal numbers (Box and Muller, "A note on the generation of random normal deviates", 1958):
 * √(-2 log u) · (cos, sin)(2π v), u and v from neighbouring words */
static void normals(int pairs, const uint32_t *words, real *numbers) {
    real u[PAIRS], v[PAIRS];
    for (int i = 0; i < pairs; i++) {
        /* as many bits as the element holds; u in (0, 1], v in [0, 1) */
        if (FASTNN_REAL == 32) {
            u[i] = (real)((int32_t)(words[2 * i] >> 8) + 1) * (real)0x1p-24;
            v[i] = (real)(int32_t)(words[2 * i + 1] >> 8) * (real)0x1p-24;
        } else {
            u[i] = (real)((int64_t)words[2 * i] + 1) * (real)0x1p-32;
            v[i] = (real)(int64_t)words[2 * i + 1] * (real)0x1p-32;
        }
    }
    for (int i = 0; i < pairs; i += LANES) { /* PAIRS is a multiple of LANES; what pads the last vector is not used */
        const int count = (int)min64(LANES, pairs - i);
        V sine, cosine;
        v_sincos_turns(load_first(v + i, count), &sine, &cosine);
        const V logarithm =
            plain_log(count == LANES ? v_load(u + i) : v_select(m_first(count), v_load_n(u + i, count), v_set1(1)));
        const V radius = v_sqrt(v_mul(v_set1(-2), logarithm));
        store_first(u + i, v_mul(radius, cosine), count);
        store_first(v + i, v_mul(radius, sine), count);
    }
    for (int i = 0; i < pairs; i++) {
        numbers[2 * i] = u[i];
        numbers[2 * i + 1] = v[i];
    }
}

/* y[n] = x + stddev · z, or x · (1 + stddev · z) with `relative`; z: normal numbers `first` and on. In place allowed. */
static void gaussian_noise(int64_t n, int64_t first, uint64_t key, uint64_t counter, double stddev, int relative,
                           const void *x, void *y) {
    const real *from = x, size = (real)stddev;
    real *to = y, numbers[PHILOX_WORDS];
    uint32_t words[PHILOX_WORDS];
    uint64_t block = (uint64_t)first / 4;
    int64_t skip = first % 4;
    for (int64_t i = 0; i < n; block += PHILOX_BLOCKS, skip = 0) {
        const int64_t count = min64(PHILOX_WORDS - skip, n - i);
        const int blocks = (int)min64((skip + count + 63) / 64 * 16, PHILOX_BLOCKS);
        philox(key, counter, block, blocks, words);
        normals(2 * blocks, words, numbers);
        const real *z = numbers + skip;
        if (relative)
            for (int64_t k = 0; k < count; k++) to[i + k] = from[i + k] * ((real)1 + size * z[k]);
        else
            for (int64_t k = 0; k < count; k++) to[i + k] = from[i + k] + size * z[k];
        i += count;
    }
}

static inline void mask_run(int64_t n, const uint32_t *words, uint32_t threshold, real factor, real shift, real dropped,
                            const real *x, real *y) {
    for (int64_t i = 0; i < n; i++) y[i] = words[i] >= threshold ? x[i] * factor + shift : dropped;
}

/* y[m, outer · n · inner] = x · factor + shift where word ((first + i) · n + j) >= rate · 2^32, else `dropped`: one word
 * for the elements (i, ·, j, ·). rate < 1. In place allowed. */
static void mask(int64_t m, int64_t outer, int64_t n, int64_t inner, int64_t first, uint64_t key, uint64_t counter,
                 double rate, const double *factor_shift_dropped, const void *x, void *y) {
    const uint32_t threshold = (uint32_t)(rate * 0x1p32);
    const real factor = (real)factor_shift_dropped[0], shift = (real)factor_shift_dropped[1];
    const real dropped = (real)factor_shift_dropped[2];
    uint32_t words[PHILOX_WORDS];
    first *= n;                                      /* in words */
    if (outer == 1 && inner == 1) n *= m, m = n > 0; /* one run */
    for (int64_t i = 0; i < m; i++) {
        const int64_t start = first + i * n;
        uint64_t block = (uint64_t)start / 4;
        int64_t skip = start % 4;
        for (int64_t j = 0; j < n; block += PHILOX_BLOCKS, skip = 0) {
            const int64_t count = min64(PHILOX_WORDS - skip, n - j);
            philox(key, counter, block, (int)min64((skip + count + 63) / 64 * 16, PHILOX_BLOCKS), words);
            for (int64_t o = 0; o < outer; o++) {
                const int64_t at = ((i * outer + o) * n + j) * inner;
                const real *from = (const real *)x + at;
                real *to = (real *)y + at;
                if (inner == 1)
                    mask_run(count, words + skip, threshold, factor, shift, dropped, from, to);
                else
                    for (int64_t k = 0; k < count * inner; k++)
                        to[k] = words[skip + k / inner] >= threshold ? from[k] * factor + shift : dropped;
            }
            j += count;
        }
    }
}
