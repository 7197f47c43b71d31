/* SSE2, which every x86-64 has: the vector verbs, as simd_avx512.h describes them. Four float32 or two float64 to a
 * vector. There is no fused multiply-add here: v_fma rounds the product, then the sum. */
#ifndef FASTNN_SIMD_H
#define FASTNN_SIMD_H
#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

#define ISA_NAME "baseline"
#define TILE_ROWS 4
#define TILE_VECS 2

#if FASTNN_REAL == 32

typedef float real;
typedef int32_t itype;
typedef __m128 V;
typedef __m128 M; /* a lane is all ones or all zeros */
#define LANES 4

static inline V v_load(const real *p) { return _mm_loadu_ps(p); }
static inline void v_store(real *p, V a) { _mm_storeu_ps(p, a); }
static inline V load_two(const real *p) {
    double two;
    memcpy(&two, p, sizeof(two));
    return _mm_castpd_ps(_mm_set_sd(two));
}
static inline void store_two(real *p, V a) {
    double two = _mm_cvtsd_f64(_mm_castps_pd(a));
    memcpy(p, &two, sizeof(two));
}
static inline M m_first(int64_t n) {
    return _mm_castsi128_ps(_mm_cmpgt_epi32(_mm_set1_epi32((int)n), _mm_setr_epi32(0, 1, 2, 3)));
}
static inline V v_load_n(const real *p, int64_t n) {
    switch (n) {
        case 0: return _mm_setzero_ps();
        case 1: return _mm_load_ss(p);
        case 2: return load_two(p);
        case 3: return _mm_movelh_ps(load_two(p), _mm_load_ss(p + 2));
        default: return v_load(p);
    }
}
static inline void v_store_n(real *p, V a, int64_t n) {
    switch (n) {
        case 0: return;
        case 1: _mm_store_ss(p, a); return;
        case 2: store_two(p, a); return;
        case 3:
            store_two(p, a);
            _mm_store_ss(p + 2, _mm_movehl_ps(a, a));
            return;
        default: v_store(p, a);
    }
}
static inline V v_set1(real a) { return _mm_set1_ps(a); }

static inline V v_add(V a, V b) { return _mm_add_ps(a, b); }
static inline V v_sub(V a, V b) { return _mm_sub_ps(a, b); }
static inline V v_mul(V a, V b) { return _mm_mul_ps(a, b); }
static inline V v_div(V a, V b) { return _mm_div_ps(a, b); }
static inline V v_ratio(V a, V b) { return v_div(a, b); }
static inline V v_sqrt(V a) { return _mm_sqrt_ps(a); }
static inline V v_max(V a, V b) { return _mm_max_ps(a, b); }
static inline V v_min(V a, V b) { return _mm_min_ps(a, b); }
static inline V v_abs(V a) { return _mm_andnot_ps(v_set1(-0.0f), a); }
static inline V v_neg(V a) { return _mm_xor_ps(a, v_set1(-0.0f)); }
static inline V v_copysign(V a, V b) { return _mm_or_ps(v_abs(a), _mm_and_ps(b, v_set1(-0.0f))); }

static inline M v_lt(V a, V b) { return _mm_cmplt_ps(a, b); }
static inline M v_le(V a, V b) { return _mm_cmple_ps(a, b); }
static inline M v_eq(V a, V b) { return _mm_cmpeq_ps(a, b); }
static inline M v_isnan(V a) { return _mm_cmpunord_ps(a, a); }
static inline V v_select(M m, V yes, V no) { return _mm_or_ps(_mm_and_ps(m, yes), _mm_andnot_ps(m, no)); }
static inline M m_and(M a, M b) { return _mm_and_ps(a, b); }
static inline M m_or(M a, M b) { return _mm_or_ps(a, b); }
static inline M m_not(M a) { return _mm_xor_ps(a, _mm_castsi128_ps(_mm_set1_epi32(-1))); }
static inline int m_any(M a) { return _mm_movemask_ps(a) != 0; }
static inline int m_count(M a) { return __builtin_popcount((unsigned)_mm_movemask_ps(a)); }

static inline V v_iota(void) { return _mm_setr_ps(0, 1, 2, 3); }
static inline V v_pow2(V t) { return _mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(t), 23)); }
static inline V v_split(V x, V *exponent) {
    __m128i bits = _mm_castps_si128(x);
    __m128i e = _mm_srai_epi32(_mm_sub_epi32(bits, _mm_set1_epi32(0x3f400000)), 23);
    *exponent = _mm_cvtepi32_ps(e);
    return _mm_castsi128_ps(_mm_sub_epi32(bits, _mm_slli_epi32(e, 23)));
}

static inline V v_zip_low(V a, V b) { return _mm_unpacklo_ps(a, b); }
static inline V v_zip_high(V a, V b) { return _mm_unpackhi_ps(a, b); }
static inline real v_sum(V a) {
    __m128 two = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
static inline real v_max_lane(V a) {
    __m128 two = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#else

typedef double real;
typedef int64_t itype;
typedef __m128d V;
typedef __m128d M;
#define LANES 2

static inline V v_load(const real *p) { return _mm_loadu_pd(p); }
static inline void v_store(real *p, V a) { _mm_storeu_pd(p, a); }
static inline M m_first(int64_t n) { return _mm_castsi128_pd(_mm_set_epi64x(n > 1 ? -1 : 0, n > 0 ? -1 : 0)); }
static inline V v_load_n(const real *p, int64_t n) {
    return n == 0 ? _mm_setzero_pd() : n == 1 ? _mm_load_sd(p) : v_load(p);
}
static inline void v_store_n(real *p, V a, int64_t n) {
    if (n == 1)
        _mm_store_sd(p, a);
    else if (n == 2)
        v_store(p, a);
}
static inline V v_set1(real a) { return _mm_set1_pd(a); }

static inline V v_add(V a, V b) { return _mm_add_pd(a, b); }
static inline V v_sub(V a, V b) { return _mm_sub_pd(a, b); }
static inline V v_mul(V a, V b) { return _mm_mul_pd(a, b); }
static inline V v_div(V a, V b) { return _mm_div_pd(a, b); }
static inline V v_ratio(V a, V b) { return v_div(a, b); }
static inline V v_sqrt(V a) { return _mm_sqrt_pd(a); }
static inline V v_max(V a, V b) { return _mm_max_pd(a, b); }
static inline V v_min(V a, V b) { return _mm_min_pd(a, b); }
static inline V v_abs(V a) { return _mm_andnot_pd(v_set1(-0.0), a); }
static inline V v_neg(V a) { return _mm_xor_pd(a, v_set1(-0.0)); }
static inline V v_copysign(V a, V b) { return _mm_or_pd(v_abs(a), _mm_and_pd(b, v_set1(-0.0))); }

static inline M v_lt(V a, V b) { return _mm_cmplt_pd(a, b); }
static inline M v_le(V a, V b) { return _mm_cmple_pd(a, b); }
static inline M v_eq(V a, V b) { return _mm_cmpeq_pd(a, b); }
static inline M v_isnan(V a) { return _mm_cmpunord_pd(a, a); }
static inline V v_select(M m, V yes, V no) { return _mm_or_pd(_mm_and_pd(m, yes), _mm_andnot_pd(m, no)); }
static inline M m_and(M a, M b) { return _mm_and_pd(a, b); }
static inline M m_or(M a, M b) { return _mm_or_pd(a, b); }
static inline M m_not(M a) { return _mm_xor_pd(a, _mm_castsi128_pd(_mm_set1_epi32(-1))); }
static inline int m_any(M a) { return _mm_movemask_pd(a) != 0; }
static inline int m_count(M a) { return __builtin_popcount((unsigned)_mm_movemask_pd(a)); }

static inline V v_iota(void) { return _mm_setr_pd(0, 1); }
static inline V v_pow2(V t) { return _mm_castsi128_pd(_mm_slli_epi64(_mm_castpd_si128(t), 52)); }
/* There is no conversion from 64-bit integers to doubles here: 2^52 in place of the exponent makes a double of one. */
static inline V v_split(V x, V *exponent) {
    __m128i bits = _mm_castpd_si128(x);
    __m128i shifted = _mm_sub_epi64(bits, _mm_set1_epi64x(0x3fe8000000000000LL - (1024LL << 52)));
    __m128i e = _mm_srli_epi64(shifted, 52); /* exponent + 1024 */
    __m128d e_real = _mm_castsi128_pd(_mm_or_si128(e, _mm_castpd_si128(v_set1(0x1p52))));
    *exponent = _mm_sub_pd(e_real, v_set1(0x1p52 + 1024));
    __m128i e_bits = _mm_slli_epi64(_mm_sub_epi64(e, _mm_set1_epi64x(1024)), 52);
    return _mm_castsi128_pd(_mm_sub_epi64(bits, e_bits));
}

static inline V v_zip_low(V a, V b) { return _mm_unpacklo_pd(a, b); }
static inline V v_zip_high(V a, V b) { return _mm_unpackhi_pd(a, b); }
static inline real v_sum(V a) { return _mm_cvtsd_f64(_mm_add_sd(a, _mm_unpackhi_pd(a, a))); }
static inline real v_max_lane(V a) { return _mm_cvtsd_f64(_mm_max_sd(a, _mm_unpackhi_pd(a, a))); }

#endif

static inline V v_fma(V a, V b, V c) { return v_add(v_mul(a, b), c); }
static inline V v_fnma(V a, V b, V c) { return v_sub(c, v_mul(a, b)); }

/* From 2^23 (2^52) upwards there are no fractions, and adding that much rounds them away below it. */
static inline V v_round(V a) {
    V big = v_set1(sizeof(real) == 4 ? (real)0x1p23 : (real)0x1p52);
    V rounded = v_copysign(v_sub(v_add(v_abs(a), big), big), a);
    return v_select(v_lt(v_abs(a), big), rounded, a);
}

static inline V v_unknown(V a) {
    __asm__("" : "+x"(a));
    return a;
}
#endif
