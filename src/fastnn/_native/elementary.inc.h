/* Elementary functions of a vector: exp, expm1, log, log1p, tanh, sigmoid, softplus, and the normal distribution's tail.
 *
 * Each is an argument reduction with a polynomial behind it, or a quotient of two. These are minimax fits made for this
 * file (Remez exchange, and Lawson's weights for the quotients and for coefficients beside a rounded one, in 40 digits or
 * more, weighted for the relative error of the function's result); the reductions are the classical ones: Cody and Waite's
 * two-part ln 2 for exp, x = m · 2^e with m in [0.75, 1.5) for log. One rational function x P(x²) / Q(x²) for all of tanh
 * would take four fifths of the time, but is 5 units in the last place off, and above 1 in places.
 *
 * Every function covers the whole range: NaN gives NaN, infinities give the limits, results beyond the largest number
 * are infinite, results below the smallest normal number may be zero. A denormal argument counts as zero: the callers
 * have denormals switched off.
 *
 * Largest error measured, in units in the last place (float32 tanh and sigmoid: all numbers; else some five million):
 *            exp   expm1  log   log1p  tanh  sigmoid  softplus
 *   float32  1.08  1.25   0.84  0.87   1.97  2.00     1.64
 *   float64  1.05  1.46   0.95  0.90   1.42  2.00     1.60
 * and up to 1.99 for tanh where there is no fused multiply-add. The tail is a step of gelu, which is up to 5 units off, and
 * x² more below 0. */

#define COUNT(array) ((int)(sizeof(array) / sizeof(array[0])))

#if FASTNN_REAL == 32

#define REAL_MAX 0x1.fffffep127f
#define REAL_MIN 0x1p-126f
/* ln 2 as a sum: the upper part has so few bits that its product with any exponent is exact. */
static const real LN2_HIGH = 0x1.63p-1f, LN2_LOW = -0x1.bd0106p-13f;
/* n + this, for an integer n, has the biased exponent of 2^n in its lowest bits, where v_pow2 takes it from; and adding
 * it rounds to an integer. */
static const real EXPONENT_MAX = 127, ROUNDER = 0x1.8p23f + 127;
/* exp is 0 at EXP_LOWEST, where 2^n is, and infinite at EXP_HIGHEST. */
static const real EXP_LOWEST = -88.0f, EXP_HIGHEST = 89.0f;
static const real EXPM1_LOWEST = -20.0f;   /* expm1 is -1 from here on */
static const real TINY = 0x1p-25f;         /* expm1(x) and log1p(x) are x below */
static const real TANH_HIGHEST = 10.0f;    /* tanh is 1 from here on */
static const real NORMAL_HIGHEST = 13.25f; /* e^(-x²/2) has its lowest exponent here, and counts as 0 */

/* (e^r - 1 - r) / r² for |r| <= ln 2 / 2, to 2^-26 of e^r - 1 */
static const real EXP_TAIL[] = {0x1.fffffep-2f, 0x1.5554aap-3f, 0x1.55579ep-5f, 0x1.122c8ap-7f, 0x1.6ab0b4p-10f};
/* (log(1 + f) - f + f²/2) / f³ for -1/4 <= f <= 1/2, to 2^-30 of log(1 + f) */
static const real LOG_TAIL[] = {0x1.555558p-2f,  -0x1.000070p-2f, 0x1.9998d6p-3f,  -0x1.551ab8p-3f, 0x1.24408ap-3f,
                                -0x1.046822p-3f, 0x1.e0e3c4p-4f,  -0x1.7b4d3cp-4f, 0x1.3e37dcp-5f};
/* P(a) / Q(a) = e^(a²/2) · (the part of the normal distribution above a), to 2^-24 · (1 + a²/2); the factor of Q(0) = 2
 * P(0) is free, and is such that Q(a) is rounded little for a near 0 */
static const real NORMAL_P[] = {0x1.566774p-1f, 0x1.d2ac68p-2f, 0x1.2663dcp-3f, 0x1.37d348p-6f};
static const real NORMAL_Q[] = {0x1.566774p+0f, 0x1.fa88eep+0f, 0x1.328fd8p+0f, 0x1.7067e8p-2f, 0x1.86f390p-5f};

#else

#define REAL_MAX 0x1.fffffffffffffp1023
#define REAL_MIN 0x1p-1022
static const real LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33;
static const real EXPONENT_MAX = 1023, ROUNDER = 0x1.8p52 + 1023;
static const real EXP_LOWEST = -709.0, EXP_HIGHEST = 710.0;
static const real EXPM1_LOWEST = -40.0;
static const real TINY = 0x1p-54;
static const real TANH_HIGHEST = 20.0;
static const real NORMAL_HIGHEST = 37.66;

/* to 2^-55 */
static const real EXP_TAIL[] = {
    0x1.0000000000000p-1,  0x1.5555555555464p-3,  0x1.5555555553143p-5,  0x1.111111114a3fdp-7,  0x1.6c16c17d03d62p-10,
    0x1.a01a007c67e56p-13, 0x1.a019aa5e7b89bp-16, 0x1.71e0926a56a36p-19, 0x1.28a059054feabp-22, 0x1.ab5bfc30671fbp-26};
/* to 2^-56 */
static const real LOG_TAIL[] = {
    0x1.555555555558dp-2,  -0x1.0000000000810p-2, 0x1.999999998fe65p-3,  -0x1.555555544b79ep-3, 0x1.24924927c953ap-3,
    -0x1.00000065f83cbp-3, 0x1.c71c71a2963d4p-4,  -0x1.999973513ffc5p-4, 0x1.745cd4bfe3985p-4,  -0x1.5559047915478p-4,
    0x1.3b2061e267c5cp-4,  -0x1.246af964a7468p-4, 0x1.1016bf201e3c8p-4,  -0x1.ff8338c1dfc01p-5, 0x1.f1c4cbfd32ac1p-5,
    -0x1.ea60b2a2f6ab7p-5, 0x1.a42fe4221468dp-5,  -0x1.ec24eccc7d834p-6, 0x1.1191af669945bp-7};
/* (tanh(x) - x) / x³ as a polynomial in x², for |x| <= 5/8, to 2^-56 of tanh(x) */
static const real TANH_TAIL[] = {-0x1.5555555555504p-2,  0x1.111111110b185p-3,  -0x1.ba1ba1b537ba6p-5,
                                 0x1.664f4782f28f5p-6,   -0x1.226e16efd1022p-7, 0x1.d6cf3f072b18ap-9,
                                 -0x1.7d69800bc258ap-10, 0x1.336b64d0f55dbp-11, -0x1.df7e2c7a88151p-13,
                                 0x1.43e90aa571858p-14,  -0x1.0e4b14598c222p-16};
/* to 2^-58 · (1 + a²/2) */
static const real NORMAL_P[] = {
    0x1.4dee8f952b5d2p-1, 0x1.f8b0660a4048ap-1, 0x1.7a473370a27d3p-1,  0x1.683c6a03f6f01p-2,  0x1.db28d6a876accp-4,
    0x1.bff1f2efefd2fp-6, 0x1.2d8c5f859e298p-8, 0x1.183b8091a352bp-11, 0x1.482fcb31d8775p-15, 0x1.753ccbc3364c7p-20};
static const real NORMAL_Q[] = {0x1.4dee8f952b5d2p+0,  0x1.819067202239ap+1, 0x1.9d4aadea43264p+1,
                                0x1.0f714b57d5517p+1,  0x1.e5393e3d067c7p-1, 0x1.355f25071410ep-2,
                                0x1.1e2acf6f5671dp-4,  0x1.7d25f28bfc4ddp-7, 0x1.60220639505b1p-10,
                                0x1.9b522e993e57cp-14, 0x1.d3c8a821dd4a4p-19};

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

/* x = n · ln 2 + r with |r| <= ln 2 / 2; returns r, and holds n + ROUNDER. */
static inline __attribute__((always_inline)) V exp_reduce(V x, V *held) {
    *held = v_fma(x, v_set1((real)1.4426950408889634074), v_set1(ROUNDER));
    V n = v_sub(*held, v_set1(ROUNDER));
    return v_fnma(n, v_set1(LN2_LOW), v_fnma(n, v_set1(LN2_HIGH), x));
}

/* The same with an error of r that grows with n, for functions to which r then matters less. */
static inline __attribute__((always_inline)) V rough_reduce(V x, V *held) {
    *held = v_fma(x, v_set1((real)1.4426950408889634074), v_set1(ROUNDER));
    return v_fnma(v_sub(*held, v_set1(ROUNDER)), v_set1((real)0.69314718055994530942), x);
}

/* e^r - 1 for |r| <= ln 2 / 2 */
static inline __attribute__((always_inline)) V exp_rest(V r) {
    return v_fma(v_mul(r, r), polynomial(r, EXP_TAIL, COUNT(EXP_TAIL)), r);
}

#ifndef HAS_SCALE
/* a · 2^n in two steps, as 2^n alone may be out of range: the second is 2 for the largest n, else 1 */
static inline V v_scale(V a, V n) {
    V bounded = v_min(n, v_set1(EXPONENT_MAX));
    return v_mul(v_mul(a, v_pow2(v_add(bounded, v_set1(ROUNDER)))), v_add(v_set1(1), v_sub(n, bounded)));
}
#endif

static inline __attribute__((always_inline)) V v_exp(V x) {
    V held, r = exp_reduce(v_max(v_set1(EXP_LOWEST), v_min(v_set1(EXP_HIGHEST), x)), &held);
    V y = v_add(v_set1(1), exp_rest(r));
    return v_scale(y, v_sub(held, v_set1(ROUNDER)));
}

/* e^x - 1 = (2^n - 1) + 2^n r + 2^n (e^r - 1 - r), from the largest term to the smallest */
static inline __attribute__((always_inline)) V v_expm1(V x) {
    V held, r = exp_reduce(v_max(v_set1(EXPM1_LOWEST), v_min(v_set1(EXP_HIGHEST), x)), &held);
    V half = v_pow2(v_sub(held, v_set1(1))); /* 2^n itself may be out of range */
    V tail = v_mul(v_mul(r, r), polynomial(r, EXP_TAIL, COUNT(EXP_TAIL)));
    V sum = v_fma(half, tail, v_fma(half, r, v_sub(half, v_set1((real)0.5))));
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
    V power = v_pow2(v_max(v_set1(ROUNDER - 100), v_sub(v_set1(ROUNDER), exponent)));
    return log_sum(exponent, v_fma(lost, power, v_sub(mantissa, one)));
}

static inline __attribute__((always_inline)) V v_log1p(V x) {
    V y = v_select(v_le(x, v_set1(REAL_MAX)), log1p_finite(x), x);
    y = v_select(v_lt(v_abs(x), v_set1(TINY)), x, y);
    y = v_select(v_le(x, v_set1(-1)), v_set1(-INFINITY), y);
    return v_select(v_lt(x, v_set1(-1)), v_set1(NAN), y);
}

/* 2^n + (2^n (e^r - 1) + 1) = e^x + 1 for x = n · ln 2 + r, n <= EXPONENT_MAX: rounding the sum instead of the exponential
 * as well saves half a unit in the last place, which sigmoid needs. */
static inline __attribute__((always_inline)) V exp_plus_one(V held, V r) {
    V power = v_pow2(held);
    return v_add(power, v_fma(power, exp_rest(r), v_set1(1)));
}

#if FASTNN_REAL == 32
/* tanh|x| = (1 - e) / (1 + e) with e = e^(-2|x|) = 2^n + 2^n (e^r - 1): where |x| is small n is 0, and 1 - e loses no
 * digit. In float64, where so many more numbers have their chance, some would be 2.1 units in the last place off. */
static inline __attribute__((always_inline)) V v_tanh(V x) {
    V a = v_max(v_set1(-TANH_HIGHEST), v_neg(v_abs(x))), one = v_set1(1);
    V held, r = rough_reduce(v_add(a, a), &held), power = v_pow2(held), rest = exp_rest(r);
    return v_copysign(v_div(v_fnma(power, rest, v_sub(one, power)), v_fma(power, rest, v_add(one, power))), x);
}
#else
/* tanh|x| = 1 - 2 / (e^(2|x|) + 1); by a polynomial for small |x|, where this would cancel */
static inline __attribute__((always_inline)) V v_tanh(V x) {
    V a = v_abs(x), square = v_mul(a, a);
    V small = v_fma(v_mul(a, square), polynomial(square, TANH_TAIL, COUNT(TANH_TAIL)), a);
    V bounded = v_min(v_set1(TANH_HIGHEST), a);
    V held, r = rough_reduce(v_add(bounded, bounded), &held);
    V large = v_sub(v_set1(1), v_div(v_set1(2), exp_plus_one(held, r)));
    return v_copysign(v_select(v_lt(a, v_set1((real)0.625)), small, large), x);
}
#endif

/* 1 / (1 + e^-x); at the lower end that is denormal, and so 0 */
static inline __attribute__((always_inline)) V v_sigmoid(V x) {
    V held, r = exp_reduce(v_neg(v_max(v_set1(EXP_LOWEST), v_min(v_set1(-EXP_LOWEST), x))), &held);
    return v_div(v_set1(1), exp_plus_one(held, r));
}

/* e^(-a²/2), and its product with P(a) / Q(a): the part of the normal distribution above a, for 0 <= a < NORMAL_HIGHEST
 * (and at that 0). */
static inline __attribute__((always_inline)) V normal_tail(V a, V *bell) {
    V held, r = rough_reduce(v_mul(v_mul(a, a), v_set1((real)-0.5)), &held), power = v_pow2(held);
    V rest = exp_rest(r), above = v_mul(power, polynomial(a, NORMAL_P, COUNT(NORMAL_P)));
    *bell = v_fma(power, rest, power);
    return v_div(v_fma(above, rest, above), polynomial(a, NORMAL_Q, COUNT(NORMAL_Q)));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
static inline __attribute__((always_inline)) V v_softplus(V x) {
    return v_add(v_max(v_set1(0), x), log1p_finite(v_exp(v_neg(v_abs(x)))));
}
