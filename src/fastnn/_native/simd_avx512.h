/* AVX-512 (F, DQ, VL, BW): the vector verbs. Sixteen float32 or eight float64 to a vector.
 *
 * Every simd_*.h defines the same names, and nothing above this file knows more than they say:
 *   real, itype          the element, and the signed integer of its width
 *   V, M, LANES          a vector of reals, a mask of lanes, the number of lanes
 *   TILE_ROWS, TILE_VECS the register tile of the matrix product: rows x vectors of accumulators
 *   v_fma, v_fnma        a·b + c and c - a·b, rounded once where the ISA can
 *   v_ratio(a, b)        a / b, where an ISA has something better to do with its divider: to the last bit but where a quotient
 *                        or what is left of a after it is denormal, and for |b| < 2^126 (float64: 2^1022)
 *   v_neg                flips the sign bit
 *   v_copysign(a, b)     the magnitude of a with the sign of b
 *   v_iota               0, 1, 2 .. LANES - 1
 *   v_round              to the nearest integer, ties to even
 *   v_pow2(t)            2^n for t = n + 1.5 · 2^23 + 127 (float64: 1.5 · 2^52 + 1023), whose lowest bits hold the biased
 *                        exponent of 2^n: for integral n in the range of normal exponents, and 0 for the n below it
 *   v_scale(a, n)        a · 2^n for integral n, with HAS_SCALE, where an ISA has an instruction for it
 *   v_split(x, &e)       x = mantissa · 2^e for positive normal x, with 0.75 <= mantissa < 1.5; returns the mantissa
 *   v_zip_low(a, b)      a0, b0, a1, b1 .. of their lower halves; v_zip_high: of their upper halves
 *   v_sum, v_max_lane    over all lanes, always in the same order
 *   v_unknown            the same, but the compiler may not know that
 *   m_first(n)           the mask of the first n lanes, 0 <= n <= LANES
 *   m_and, m_or, m_not   lane by lane; m_any: is one lane set; m_count: how many are
 * Comparisons are ordered (false for NaN). v_max(a, b) and v_min(a, b) return b when either is NaN.
 * v_load_n / v_store_n touch the first n lanes only, 0 <= n <= LANES; the other lanes load as zero. */
#ifndef FASTNN_SIMD_H
#define FASTNN_SIMD_H
#include <immintrin.h>
#include <stdint.h>

#define ISA_NAME "avx512"
#define TILE_ROWS 14
#define TILE_VECS 2
#define HAS_SCALE 1

#if FASTNN_REAL == 32

typedef float real;
typedef int32_t itype;
typedef __m512 V;
typedef __mmask16 M;
#define LANES 16

static inline V v_load(const real *p) { return _mm512_loadu_ps(p); }
static inline void v_store(real *p, V a) { _mm512_storeu_ps(p, a); }
static inline M m_first(int64_t n) { return (M)((1u << n) - 1); }
static inline V v_load_n(const real *p, int64_t n) { return _mm512_maskz_loadu_ps(m_first(n), p); }
static inline void v_store_n(real *p, V a, int64_t n) { _mm512_mask_storeu_ps(p, m_first(n), a); }
static inline V v_set1(real a) { return _mm512_set1_ps(a); }

static inline V v_add(V a, V b) { return _mm512_add_ps(a, b); }
static inline V v_sub(V a, V b) { return _mm512_sub_ps(a, b); }
static inline V v_mul(V a, V b) { return _mm512_mul_ps(a, b); }
static inline V v_div(V a, V b) { return _mm512_div_ps(a, b); }
static inline V v_sqrt(V a) { return _mm512_sqrt_ps(a); }
/* Newton's step on an estimate of 1 / b, then one on the quotient: 14 cycles for Adam's step where the exact division
 * takes 21 (Emerald Rapids), for the divider has the root to draw. */
static inline V v_ratio(V a, V b) {
    const V estimate = _mm512_rcp14_ps(b), rough = _mm512_mul_ps(a, estimate);
    const V inverse = _mm512_fmadd_ps(estimate, _mm512_fnmadd_ps(b, estimate, _mm512_set1_ps(1)), estimate);
    const V quotient = _mm512_mul_ps(a, inverse);
    const M ends =
        _mm512_fpclass_ps_mask(b, 0x1e) | _mm512_fpclass_ps_mask(quotient, 0x18); /* 0 or infinite; infinite */
    return _mm512_mask_mov_ps(_mm512_fmadd_ps(_mm512_fnmadd_ps(b, quotient, a), inverse, quotient), ends, rough);
}
static inline V v_fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
static inline V v_fnma(V a, V b, V c) { return _mm512_fnmadd_ps(a, b, c); }
static inline V v_max(V a, V b) { return _mm512_max_ps(a, b); }
static inline V v_min(V a, V b) { return _mm512_min_ps(a, b); }
static inline V v_abs(V a) { return _mm512_abs_ps(a); }
static inline V v_neg(V a) { return _mm512_xor_ps(a, v_set1(-0.0f)); }
static inline V v_copysign(V a, V b) { return _mm512_or_ps(v_abs(a), _mm512_and_ps(b, v_set1(-0.0f))); }

static inline M v_lt(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline M v_le(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline M v_eq(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline M v_isnan(V a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
static inline V v_select(M m, V yes, V no) { return _mm512_mask_blend_ps(m, no, yes); }
static inline M m_and(M a, M b) { return a & b; }
static inline M m_or(M a, M b) { return a | b; }
static inline M m_not(M a) { return (M)~a; }
static inline int m_any(M a) { return a != 0; }
static inline int m_count(M a) { return __builtin_popcount(a); }

static inline V v_iota(void) { return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
static inline V v_round(V a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline V v_pow2(V t) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(t), 23)); }
static inline V v_scale(V a, V n) { return _mm512_scalef_ps(a, n); }
static inline V v_split(V x, V *exponent) {
    __m512i bits = _mm512_castps_si512(x);
    __m512i e = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(0x3f400000)), 23);
    *exponent = _mm512_cvtepi32_ps(e);
    return _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(e, 23)));
}

static inline V v_zip_low(V a, V b) {
    const __m512i of = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_ps(a, of, b);
}
static inline V v_zip_high(V a, V b) {
    const __m512i of = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return _mm512_permutex2var_ps(a, of, b);
}
static inline real v_sum(V a) { return _mm512_reduce_add_ps(a); }
static inline real v_max_lane(V a) { return _mm512_reduce_max_ps(a); }

#else

typedef double real;
typedef int64_t itype;
typedef __m512d V;
typedef __mmask8 M;
#define LANES 8

static inline V v_load(const real *p) { return _mm512_loadu_pd(p); }
static inline void v_store(real *p, V a) { _mm512_storeu_pd(p, a); }
static inline M m_first(int64_t n) { return (M)((1u << n) - 1); }
static inline V v_load_n(const real *p, int64_t n) { return _mm512_maskz_loadu_pd(m_first(n), p); }
static inline void v_store_n(real *p, V a, int64_t n) { _mm512_mask_storeu_pd(p, m_first(n), a); }
static inline V v_set1(real a) { return _mm512_set1_pd(a); }

static inline V v_add(V a, V b) { return _mm512_add_pd(a, b); }
static inline V v_sub(V a, V b) { return _mm512_sub_pd(a, b); }
static inline V v_mul(V a, V b) { return _mm512_mul_pd(a, b); }
static inline V v_div(V a, V b) { return _mm512_div_pd(a, b); }
static inline V v_sqrt(V a) { return _mm512_sqrt_pd(a); }
static inline V v_ratio(V a, V b) {
    const V estimate = _mm512_rcp14_pd(b), rough = _mm512_mul_pd(a, estimate), one = _mm512_set1_pd(1);
    const V better = _mm512_fmadd_pd(estimate, _mm512_fnmadd_pd(b, estimate, one), estimate);
    const V inverse = _mm512_fmadd_pd(better, _mm512_fnmadd_pd(b, better, one), better);
    const V quotient = _mm512_mul_pd(a, inverse);
    const M ends = _mm512_fpclass_pd_mask(b, 0x1e) | _mm512_fpclass_pd_mask(quotient, 0x18);
    return _mm512_mask_mov_pd(_mm512_fmadd_pd(_mm512_fnmadd_pd(b, quotient, a), inverse, quotient), ends, rough);
}
static inline V v_fma(V a, V b, V c) { return _mm512_fmadd_pd(a, b, c); }
static inline V v_fnma(V a, V b, V c) { return _mm512_fnmadd_pd(a, b, c); }
static inline V v_max(V a, V b) { return _mm512_max_pd(a, b); }
static inline V v_min(V a, V b) { return _mm512_min_pd(a, b); }
static inline V v_abs(V a) { return _mm512_abs_pd(a); }
static inline V v_neg(V a) { return _mm512_xor_pd(a, v_set1(-0.0)); }
static inline V v_copysign(V a, V b) { return _mm512_or_pd(v_abs(a), _mm512_and_pd(b, v_set1(-0.0))); }

static inline M v_lt(V a, V b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
static inline M v_le(V a, V b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
static inline M v_eq(V a, V b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
static inline M v_isnan(V a) { return _mm512_cmp_pd_mask(a, a, _CMP_UNORD_Q); }
static inline V v_select(M m, V yes, V no) { return _mm512_mask_blend_pd(m, no, yes); }
static inline M m_and(M a, M b) { return a & b; }
static inline M m_or(M a, M b) { return a | b; }
static inline M m_not(M a) { return (M)~a; }
static inline int m_any(M a) { return a != 0; }
static inline int m_count(M a) { return __builtin_popcount(a); }

static inline V v_iota(void) { return _mm512_setr_pd(0, 1, 2, 3, 4, 5, 6, 7); }
static inline V v_round(V a) { return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline V v_pow2(V t) { return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(t), 52)); }
static inline V v_scale(V a, V n) { return _mm512_scalef_pd(a, n); }
static inline V v_split(V x, V *exponent) {
    __m512i bits = _mm512_castpd_si512(x);
    __m512i e = _mm512_srai_epi64(_mm512_sub_epi64(bits, _mm512_set1_epi64(0x3fe8000000000000LL)), 52);
    *exponent = _mm512_cvtepi64_pd(e);
    return _mm512_castsi512_pd(_mm512_sub_epi64(bits, _mm512_slli_epi64(e, 52)));
}

static inline V v_zip_low(V a, V b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b);
}
static inline V v_zip_high(V a, V b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b);
}
static inline real v_sum(V a) { return _mm512_reduce_add_pd(a); }
static inline real v_max_lane(V a) { return _mm512_reduce_max_pd(a); }

#endif

static inline V v_unknown(V a) {
    __asm__("" : "+v"(a));
    return a;
}
#endif
