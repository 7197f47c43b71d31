/* AVX2 and FMA: the vector verbs, as simd_avx512.h describes them. Eight float32 or four float64 to a vector. */
#ifndef FASTNN_SIMD_H
#define FASTNN_SIMD_H
#include <immintrin.h>
#include <stdint.h>

#define ISA_NAME "avx2"
#define TILE_ROWS 6
#define TILE_VECS 2

#if FASTNN_REAL == 32

typedef float real;
typedef int32_t itype;
typedef __m256 V;
typedef __m256 M; /* a lane is all ones or all zeros */
#define LANES 8

static inline __m256i lanes_below(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline V v_load(const real *p) { return _mm256_loadu_ps(p); }
static inline void v_store(real *p, V a) { _mm256_storeu_ps(p, a); }
static inline M m_first(int64_t n) { return _mm256_castsi256_ps(lanes_below(n)); }
static inline V v_load_n(const real *p, int64_t n) { return _mm256_maskload_ps(p, lanes_below(n)); }
static inline void v_store_n(real *p, V a, int64_t n) { _mm256_maskstore_ps(p, lanes_below(n), a); }
static inline V v_set1(real a) { return _mm256_set1_ps(a); }

static inline V v_add(V a, V b) { return _mm256_add_ps(a, b); }
static inline V v_sub(V a, V b) { return _mm256_sub_ps(a, b); }
static inline V v_mul(V a, V b) { return _mm256_mul_ps(a, b); }
static inline V v_div(V a, V b) { return _mm256_div_ps(a, b); }
static inline V v_ratio(V a, V b) { return v_div(a, b); }
static inline V v_sqrt(V a) { return _mm256_sqrt_ps(a); }
static inline V v_fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
static inline V v_fnma(V a, V b, V c) { return _mm256_fnmadd_ps(a, b, c); }
static inline V v_max(V a, V b) { return _mm256_max_ps(a, b); }
static inline V v_min(V a, V b) { return _mm256_min_ps(a, b); }
static inline V v_abs(V a) { return _mm256_andnot_ps(v_set1(-0.0f), a); }
static inline V v_neg(V a) { return _mm256_xor_ps(a, v_set1(-0.0f)); }
static inline V v_copysign(V a, V b) { return _mm256_or_ps(v_abs(a), _mm256_and_ps(b, v_set1(-0.0f))); }

static inline M v_lt(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline M v_le(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline M v_eq(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline M v_isnan(V a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
static inline V v_select(M m, V yes, V no) { return _mm256_blendv_ps(no, yes, m); }
static inline M m_and(M a, M b) { return _mm256_and_ps(a, b); }
static inline M m_or(M a, M b) { return _mm256_or_ps(a, b); }
static inline M m_not(M a) { return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))); }
static inline int m_any(M a) { return _mm256_movemask_ps(a) != 0; }
static inline int m_count(M a) { return __builtin_popcount((unsigned)_mm256_movemask_ps(a)); }

static inline V v_iota(void) { return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7); }
static inline V v_round(V a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline V v_pow2(V t) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(t), 23)); }
static inline V v_split(V x, V *exponent) {
    __m256i bits = _mm256_castps_si256(x);
    __m256i e = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f400000)), 23);
    *exponent = _mm256_cvtepi32_ps(e);
    return _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(e, 23)));
}

static inline V v_zip_low(V a, V b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
static inline V v_zip_high(V a, V b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
static inline real v_sum(V a) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
static inline real v_max_lane(V a) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#else

typedef double real;
typedef int64_t itype;
typedef __m256d V;
typedef __m256d M;
#define LANES 4

static inline __m256i lanes_below(int64_t n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
static inline V v_load(const real *p) { return _mm256_loadu_pd(p); }
static inline void v_store(real *p, V a) { _mm256_storeu_pd(p, a); }
static inline M m_first(int64_t n) { return _mm256_castsi256_pd(lanes_below(n)); }
static inline V v_load_n(const real *p, int64_t n) { return _mm256_maskload_pd(p, lanes_below(n)); }
static inline void v_store_n(real *p, V a, int64_t n) { _mm256_maskstore_pd(p, lanes_below(n), a); }
static inline V v_set1(real a) { return _mm256_set1_pd(a); }

static inline V v_add(V a, V b) { return _mm256_add_pd(a, b); }
static inline V v_sub(V a, V b) { return _mm256_sub_pd(a, b); }
static inline V v_mul(V a, V b) { return _mm256_mul_pd(a, b); }
static inline V v_div(V a, V b) { return _mm256_div_pd(a, b); }
static inline V v_ratio(V a, V b) { return v_div(a, b); }
static inline V v_sqrt(V a) { return _mm256_sqrt_pd(a); }
static inline V v_fma(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
static inline V v_fnma(V a, V b, V c) { return _mm256_fnmadd_pd(a, b, c); }
static inline V v_max(V a, V b) { return _mm256_max_pd(a, b); }
static inline V v_min(V a, V b) { return _mm256_min_pd(a, b); }
static inline V v_abs(V a) { return _mm256_andnot_pd(v_set1(-0.0), a); }
static inline V v_neg(V a) { return _mm256_xor_pd(a, v_set1(-0.0)); }
static inline V v_copysign(V a, V b) { return _mm256_or_pd(v_abs(a), _mm256_and_pd(b, v_set1(-0.0))); }

static inline M v_lt(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
static inline M v_le(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_LE_OQ); }
static inline M v_eq(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_EQ_OQ); }
static inline M v_isnan(V a) { return _mm256_cmp_pd(a, a, _CMP_UNORD_Q); }
static inline V v_select(M m, V yes, V no) { return _mm256_blendv_pd(no, yes, m); }
static inline M m_and(M a, M b) { return _mm256_and_pd(a, b); }
static inline M m_or(M a, M b) { return _mm256_or_pd(a, b); }
static inline M m_not(M a) { return _mm256_xor_pd(a, _mm256_castsi256_pd(_mm256_set1_epi32(-1))); }
static inline int m_any(M a) { return _mm256_movemask_pd(a) != 0; }
static inline int m_count(M a) { return __builtin_popcount((unsigned)_mm256_movemask_pd(a)); }

static inline V v_iota(void) { return _mm256_setr_pd(0, 1, 2, 3); }
static inline V v_round(V a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline V v_pow2(V t) { return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(t), 52)); }
/* There is no conversion from 64-bit integers to doubles here: 2^52 in place of the exponent makes a double of one. */
static inline V v_split(V x, V *exponent) {
    __m256i bits = _mm256_castpd_si256(x);
    __m256i shifted = _mm256_sub_epi64(bits, _mm256_set1_epi64x(0x3fe8000000000000LL - (1024LL << 52)));
    __m256i e = _mm256_srli_epi64(shifted, 52); /* exponent + 1024 */
    __m256d e_real = _mm256_castsi256_pd(_mm256_or_si256(e, _mm256_castpd_si256(v_set1(0x1p52))));
    *exponent = _mm256_sub_pd(e_real, v_set1(0x1p52 + 1024));
    __m256i e_bits = _mm256_slli_epi64(_mm256_sub_epi64(e, _mm256_set1_epi64x(1024)), 52);
    return _mm256_castsi256_pd(_mm256_sub_epi64(bits, e_bits));
}

static inline V v_zip_low(V a, V b) {
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x20);
}
static inline V v_zip_high(V a, V b) {
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x31);
}
static inline real v_sum(V a) {
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}
static inline real v_max_lane(V a) {
    __m128d two = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
}

#endif

static inline V v_unknown(V a) {
    __asm__("" : "+x"(a));
    return a;
}
#endif
