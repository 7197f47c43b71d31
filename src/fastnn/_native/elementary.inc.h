/* Elementary functions of a vector: exp, expm1, log, log1p, tanh, sigmoid, erf, softplus.
 *
 * Each is an argument reduction with a polynomial behind it. The polynomials are minimax fits made for this file (Remez
 * exchange in 50 digits, weighted for the relative error of the function's result); the reductions are the classical
 * ones: Cody and Waite's two-part ln 2 for exp, x = m · 2^e with m in [0.75, 1.5) for log.
 *
 * Every function covers the whole range: NaN gives NaN, infinities give the limits, results beyond the largest number
 * are infinite, results below the smallest normal number may be zero. A denormal argument counts as zero: the callers
 * have denormals switched off.
 *
 * Largest error measured, in units in the last place (float32 sigmoid and erf: all numbers; else some five million):
 *            exp   expm1  log   log1p  tanh  sigmoid  erf   softplus
 *   float32  0.98  1.25   0.84  0.87   1.23  2.00     1.77  1.58
 *   float64  0.98  1.58   0.95  0.90   1.21  2.00     1.78  1.61
 * and up to 1.89 for erf where there is no fused multiply-add. */

#define COUNT(array) ((int)(sizeof(array) / sizeof(array[0])))

#if FASTNN_REAL == 32

#define REAL_MAX 0x1.fffffep127f
#define REAL_MIN 0x1p-126f
/* ln 2 as a sum: the upper part has so few bits that its product with any exponent is exact. */
static const real LN2_HIGH = 0x1.63p-1f, LN2_LOW = -0x1.bd0106p-13f;
/* n + this, for an integer n, holds n in its lowest bits: adding and subtracting it rounds to an integer. */
static const real ROUNDER = 0x1.8p23f;
/* exp is 0 below EXP_LOWEST and infinite above EXP_HIGHEST; beyond ±EXP_NORMAL the exponents of exp end. */
static const real EXP_LOWEST = -104.0f, EXP_HIGHEST = 89.0f, EXP_NORMAL = 87.5f;
static const real EXPM1_LOWEST = -20.0f; /* expm1 is -1 from here on */
static const real TINY = 0x1p-25f;       /* expm1(x) and log1p(x) are x below */
static const real TANH_HIGHEST = 10.0f;  /* tanh is 1 from here on */
static const real ERF_HIGHEST = 3.95f;   /* erf is 1 from here on */

/* (e^r - 1 - r) / r² for |r| <= ln 2 / 2, to 2^-31 of e^r - 1 */
static const real EXP_TAIL[] = {0x1.000000p-1f, 0x1.555556p-3f,  0x1.5554acp-5f,
                                0x1.11108ep-7f, 0x1.6d75e0p-10f, 0x1.a1a378p-13f};
/* (log(1 + f) - f + f²/2) / f³ for -1/4 <= f <= 1/2, to 2^-30 of log(1 + f) */
static const real LOG_TAIL[] = {0x1.555558p-2f,  -0x1.000070p-2f, 0x1.9998d6p-3f,  -0x1.551ab8p-3f, 0x1.24408ap-3f,
                                -0x1.046822p-3f, 0x1.e0e3c4p-4f,  -0x1.7b4d3cp-4f, 0x1.3e37dcp-5f};
/* (tanh(x) - x) / x³ as a polynomial in x², for |x| <= 5/8, to 2^-28 of tanh(x) */
static const real TANH_TAIL[] = {-0x1.555534p-2f, 0x1.11076ep-3f, -0x1.b844cap-5f, 0x1.52596cp-6f, -0x1.76b55ep-8f};
/* erf(x) / x - 1 as a polynomial in x², for |x| <= 1, to 2^-30 of erf(x) */
static const real ERF_TAIL[] = {0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2d20p-4f, -0x1.b7fbb6p-6f,
                                0x1.5419fap-8f, -0x1.a485f8p-11f, 0x1.4ae4c6p-14f};
/* -log(1 - erf(1 + t)) for 0 <= t <= ERF_HIGHEST - 1, to 2^-30 of erf */
static const real ERFC_LOG[] = {0x1.d97fc0p+0f,  0x1.51c9aap+1f,  0x1.afad1cp-1f,  0x1.53ff24p-5f,
                                -0x1.44411cp-7f, 0x1.df8faap-10f, -0x1.86dd36p-13f};

#else

#define REAL_MAX 0x1.fffffffffffffp1023
#define REAL_MIN 0x1p-1022
static const real LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33;
static const real ROUNDER = 0x1.8p52;
static const real EXP_LOWEST = -746.0, EXP_HIGHEST = 710.0, EXP_NORMAL = 708.5;
static const real EXPM1_LOWEST = -40.0;
static const real TINY = 0x1p-54;
static const real TANH_HIGHEST = 20.0;
static const real ERF_HIGHEST = 5.95;

/* to 2^-61 */
static const real EXP_TAIL[] = {0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.555555555555ap-5,
                                0x1.111111110f649p-7,  0x1.6c16c16c143bfp-10, 0x1.a01a01b012dfep-13,
                                0x1.a01a01b0e4b4dp-16, 0x1.71ddf7d424dfbp-19, 0x1.27e4c53e7527fp-22,
                                0x1.af5fb0d9057c0p-26, 0x1.1f95fc3f265edp-29};
/* to 2^-56 */
static const real LOG_TAIL[] = {
    0x1.555555555558dp-2,  -0x1.0000000000810p-2, 0x1.999999998fe65p-3,  -0x1.555555544b79ep-3, 0x1.24924927c953ap-3,
    -0x1.00000065f83cbp-3, 0x1.c71c71a2963d4p-4,  -0x1.999973513ffc5p-4, 0x1.745cd4bfe3985p-4,  -0x1.5559047915478p-4,
    0x1.3b2061e267c5cp-4,  -0x1.246af964a7468p-4, 0x1.1016bf201e3c8p-4,  -0x1.ff8338c1dfc01p-5, 0x1.f1c4cbfd32ac1p-5,
    -0x1.ea60b2a2f6ab7p-5, 0x1.a42fe4221468dp-5,  -0x1.ec24eccc7d834p-6, 0x1.1191af669945bp-7};
/* to 2^-56 */
static const real TANH_TAIL[] = {-0x1.5555555555504p-2,  0x1.111111110b185p-3,  -0x1.ba1ba1b537ba6p-5,
                                 0x1.664f4782f28f5p-6,   -0x1.226e16efd1022p-7, 0x1.d6cf3f072b18ap-9,
                                 -0x1.7d69800bc258ap-10, 0x1.336b64d0f55dbp-11, -0x1.df7e2c7a88151p-13,
                                 0x1.43e90aa571858p-14,  -0x1.0e4b14598c222p-16};
/* to 2^-57 */
static const real ERF_TAIL[] = {0x1.06eba8214db68p-3,   -0x1.812746b0379c2p-2,  0x1.ce2f21a041018p-4,
                                -0x1.b82ce312062bcp-6,  0x1.565bccfa9a825p-8,   -0x1.c02db072f3fe0p-11,
                                0x1.f9a2bf73f0c68p-14,  -0x1.f4ca94990cb86p-17, 0x1.b9827b1885f9bp-20,
                                -0x1.5c16e30fb0d45p-23, 0x1.d784936618cc2p-27,  -0x1.acdff90b8ebd8p-31};
/* to 2^-57 */
static const real ERFC_LOG[] = {0x1.d97fbf27aa2a1p+0,   0x1.51c9b0006c21ep+1,   0x1.afabc11a2acf5p-1,
                                0x1.5477f099ef0fdp-5,   -0x1.48c9d3888d3d1p-7,  0x1.033f5ae38172ap-9,
                                -0x1.f1b07c6106eccp-13, -0x1.b929ccec5cf11p-16, 0x1.c84b3e64a8fcap-16,
                                -0x1.4470c9a06b3bdp-17, 0x1.1dd8d0dea6b1ap-19,  -0x1.b476f04d05734p-23,
                                -0x1.f946f69b2adfap-25, 0x1.216bc316d92ebp-25,  -0x1.276743126bf64p-27,
                                0x1.6e51a9e92db93p-30,  -0x1.09744a31cc60dp-33, 0x1.5ad648a5bddcep-38};

#endif

/* c[0] + c[1] x + .. + c[n-1] x^(n-1), even and odd powers apart: two chains of half the length. */
static inline __attribute__((always_inline)) V polynomial(V x, const real *c, int n) {
    V square = v_mul(x, x);
    V last = v_set1(c[n - 1]), before = v_set1(c[n - 2]);
    for (int i = n - 3; i > 0; i -= 2) {
        last = v_fma(last, square, v_set1(c[i]));
        before = v_fma(before, square, v_set1(c[i - 1]));
    }
    if (n % 2 == 0) return v_fma(last, x, before);
    return v_fma(before, x, v_fma(last, square, v_set1(c[0])));
}

/* x = n · ln 2 + r with |r| <= ln 2 / 2; returns r. */
static inline __attribute__((always_inline)) V exp_reduce(V x, V *n) {
    V rounder = v_set1(ROUNDER);
    *n = v_sub(v_fma(x, v_set1((real)1.4426950408889634074), rounder), rounder);
    return v_fnma(*n, v_set1(LN2_LOW), v_fnma(*n, v_set1(LN2_HIGH), x));
}

/* e^r - 1 - r for |r| <= ln 2 / 2 */
static inline __attribute__((always_inline)) V exp_tail(V r) {
    return v_mul(v_mul(r, r), polynomial(r, EXP_TAIL, COUNT(EXP_TAIL)));
}

static inline __attribute__((always_inline)) V v_exp(V x) {
    V n, r = exp_reduce(v_max(v_set1(EXP_LOWEST), v_min(v_set1(EXP_HIGHEST), x)), &n);
    return v_scale(v_add(v_set1(1), v_add(r, exp_tail(r))), n);
}

/* 2^n + (2^n (e^r - 1) + 1) = e^x + 1 for |x| < EXP_NORMAL: rounding the sum instead of the exponential as well saves
 * half a unit in the last place, which sigmoid needs. */
static inline __attribute__((always_inline)) V exp_plus_one(V x) {
    V n, r = exp_reduce(x, &n), power = v_pow2(n);
    return v_add(power, v_fma(power, v_add(r, exp_tail(r)), v_set1(1)));
}

/* e^x - 1 = (2^n - 1) + 2^n r + 2^n (e^r - 1 - r), from the largest term to the smallest */
static inline __attribute__((always_inline)) V v_expm1(V x) {
    V n, r = exp_reduce(v_max(v_set1(EXPM1_LOWEST), v_min(v_set1(EXP_HIGHEST), x)), &n);
    V half = v_pow2(v_sub(n, v_set1(1))); /* 2^n itself may be out of range */
    V sum = v_fma(half, exp_tail(r), v_fma(half, r, v_sub(half, v_set1((real)0.5))));
    return v_select(v_lt(v_abs(x), v_set1(TINY)), x, v_add(sum, sum));
}

/* exponent · ln 2 + log(1 + f) for -1/4 <= f <= 1/2 */
static inline __attribute__((always_inline)) V log_sum(V exponent, V f) {
    V square = v_mul(f, f);
    V tail = v_mul(v_mul(f, square), polynomial(f, LOG_TAIL, COUNT(LOG_TAIL)));
    tail = v_fma(exponent, v_set1(LN2_LOW), tail);
    tail = v_fnma(v_set1((real)0.5), square, tail);
    return v_fma(exponent, v_set1(LN2_HIGH), v_add(f, tail));
}

static inline __attribute__((always_inline)) V v_log(V x) {
    V exponent, mantissa = v_split(x, &exponent);
    V y = log_sum(exponent, v_sub(mantissa, v_set1(1)));
    y = v_select(v_le(x, v_set1(REAL_MAX)), y, x); /* infinity and NaN */
    y = v_select(v_lt(x, v_set1(REAL_MIN)), v_set1(-INFINITY), y);
    return v_select(v_lt(x, v_set1(0)), v_set1(NAN), y);
}

/* log(1 + x) for x > -1, finite: with u = 1 + x rounded, what the rounding lost goes back into the mantissa of u. */
static inline __attribute__((always_inline)) V log1p_finite(V x) {
    V one = v_set1(1), u = v_add(one, x);
    V lost = v_sub(x, v_sub(u, one));
    V exponent, mantissa = v_split(u, &exponent);
    /* The loss only matters where u is small; the bound keeps the power a normal number. */
    V power = v_pow2(v_max(v_set1(-100), v_neg(exponent)));
    return log_sum(exponent, v_fma(lost, power, v_sub(mantissa, one)));
}

static inline __attribute__((always_inline)) V v_log1p(V x) {
    V y = v_select(v_le(x, v_set1(REAL_MAX)), log1p_finite(x), x);
    y = v_select(v_lt(v_abs(x), v_set1(TINY)), x, y);
    y = v_select(v_le(x, v_set1(-1)), v_set1(-INFINITY), y);
    return v_select(v_lt(x, v_set1(-1)), v_set1(NAN), y);
}

/* tanh|x| = 1 - 2 / (e^(2|x|) + 1); by a polynomial for small |x|, where this would cancel */
static inline __attribute__((always_inline)) V v_tanh(V x) {
    V a = v_abs(x), square = v_mul(a, a);
    V small = v_fma(v_mul(a, square), polynomial(square, TANH_TAIL, COUNT(TANH_TAIL)), a);
    V bounded = v_min(v_set1(TANH_HIGHEST), a);
    V large = v_sub(v_set1(1), v_div(v_set1(2), exp_plus_one(v_add(bounded, bounded))));
    return v_copysign(v_select(v_lt(a, v_set1((real)0.625)), small, large), x);
}

/* 1 / (1 + e^-x) */
static inline __attribute__((always_inline)) V v_sigmoid(V x) {
    V limit = v_set1(EXP_NORMAL);
    V bounded = v_max(v_neg(limit), v_min(limit, x));
    V y = v_div(v_set1(1), exp_plus_one(v_neg(bounded)));
    return v_select(v_lt(x, v_neg(limit)), v_set1(0), y);
}

/* x + x · P(x²) up to 1, then 1 - e^-Q(|x| - 1) */
static inline __attribute__((always_inline)) V v_erf(V x) {
    V a = v_abs(x), square = v_mul(a, a);
    V small = v_mul(a, v_add(v_set1(1), polynomial(square, ERF_TAIL, COUNT(ERF_TAIL))));
    V above = v_sub(v_min(v_set1(ERF_HIGHEST), a), v_set1(1));
    V n, r = exp_reduce(v_neg(polynomial(above, ERFC_LOG, COUNT(ERFC_LOG))), &n);
    V power = v_pow2(n);
    V large = v_fnma(power, v_add(r, exp_tail(r)), v_sub(v_set1(1), power));
    return v_copysign(v_select(v_lt(a, v_set1(1)), small, large), x);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
static inline __attribute__((always_inline)) V v_softplus(V x) {
    return v_add(v_max(v_set1(0), x), log1p_finite(v_exp(v_neg(v_abs(x)))));
}
