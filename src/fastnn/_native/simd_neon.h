/* NEON (arm64): the vector verbs, as simd_avx512.h describes them. Four float32 or two float64 to a vector. */
#ifndef FASTNN_SIMD_H
#define FASTNN_SIMD_H
#include <arm_neon.h>
#include <stdint.h>

#define ISA_NAME "neon"
/* 24 accumulators, 4 vectors of b and 1 of a fit into 32 registers; 8 x 3 would load more per product. */
#define TILE_ROWS 6
#define TILE_VECS 4

#if FASTNN_REAL == 32

typedef float real;
typedef int32_t itype;
typedef float32x4_t V;
typedef uint32x4_t M; /* a lane is all ones or all zeros */
#define LANES 4

static inline V v_load(const real *p) { return vld1q_f32(p); }
static inline void v_store(real *p, V a) { vst1q_f32(p, a); }
static inline V v_set1(real a) { return vdupq_n_f32(a); }
static inline M m_first(int64_t n) {
    static const uint32_t lane[LANES] = {0, 1, 2, 3};
    return vcltq_u32(vld1q_u32(lane), vdupq_n_u32((uint32_t)n));
}
static inline V v_load_n(const real *p, int64_t n) {
    V zero = v_set1(0);
    switch (n) {
        case 0: return zero;
        case 1: return vld1q_lane_f32(p, zero, 0);
        case 2: return vcombine_f32(vld1_f32(p), vget_low_f32(zero));
        case 3: return vcombine_f32(vld1_f32(p), vld1_lane_f32(p + 2, vget_low_f32(zero), 0));
        default: return v_load(p);
    }
}
static inline void v_store_n(real *p, V a, int64_t n) {
    switch (n) {
        case 0: return;
        case 1: vst1q_lane_f32(p, a, 0); return;
        case 2: vst1_f32(p, vget_low_f32(a)); return;
        case 3:
            vst1_f32(p, vget_low_f32(a));
            vst1q_lane_f32(p + 2, a, 2);
            return;
        default: v_store(p, a);
    }
}

static inline V v_add(V a, V b) { return vaddq_f32(a, b); }
static inline V v_sub(V a, V b) { return vsubq_f32(a, b); }
static inline V v_mul(V a, V b) { return vmulq_f32(a, b); }
static inline V v_div(V a, V b) { return vdivq_f32(a, b); }
static inline V v_ratio(V a, V b) { return v_div(a, b); }
static inline V v_sqrt(V a) { return vsqrtq_f32(a); }
static inline V v_fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
static inline V v_fnma(V a, V b, V c) { return vfmsq_f32(c, a, b); }
/* By comparison, as the instructions for minima and maxima return a NaN wherever it stands. */
static inline V v_max(V a, V b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline V v_min(V a, V b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline V v_abs(V a) { return vabsq_f32(a); }
static inline V v_neg(V a) { return vnegq_f32(a); }
static inline V v_copysign(V a, V b) { return vbslq_f32(vdupq_n_u32(0x80000000u), b, a); }

static inline M v_lt(V a, V b) { return vcltq_f32(a, b); }
static inline M v_le(V a, V b) { return vcleq_f32(a, b); }
static inline M v_eq(V a, V b) { return vceqq_f32(a, b); }
static inline M v_isnan(V a) { return vmvnq_u32(vceqq_f32(a, a)); }
static inline V v_select(M m, V yes, V no) { return vbslq_f32(m, yes, no); }
static inline M m_and(M a, M b) { return vandq_u32(a, b); }
static inline M m_or(M a, M b) { return vorrq_u32(a, b); }
static inline M m_not(M a) { return vmvnq_u32(a); }
static inline int m_count(M a) { return (int)vaddvq_u32(vshrq_n_u32(a, 31)); }
static inline int m_any(M a) { return vmaxvq_u32(a) != 0; }

static inline V v_iota(void) {
    static const real lane[LANES] = {0, 1, 2, 3};
    return vld1q_f32(lane);
}
static inline V v_round(V a) { return vrndnq_f32(a); }
static inline V v_pow2(V t) { return vreinterpretq_f32_s32(vshlq_n_s32(vreinterpretq_s32_f32(t), 23)); }
static inline V v_split(V x, V *exponent) {
    int32x4_t bits = vreinterpretq_s32_f32(x);
    int32x4_t e = vshrq_n_s32(vsubq_s32(bits, vdupq_n_s32(0x3f400000)), 23);
    *exponent = vcvtq_f32_s32(e);
    return vreinterpretq_f32_s32(vsubq_s32(bits, vshlq_n_s32(e, 23)));
}

static inline V v_zip_low(V a, V b) { return vzip1q_f32(a, b); }
static inline V v_zip_high(V a, V b) { return vzip2q_f32(a, b); }
static inline real v_sum(V a) { return vaddvq_f32(a); }
static inline real v_max_lane(V a) { return vmaxvq_f32(a); }

#else

typedef double real;
typedef int64_t itype;
typedef float64x2_t V;
typedef uint64x2_t M;
#define LANES 2

static inline V v_load(const real *p) { return vld1q_f64(p); }
static inline void v_store(real *p, V a) { vst1q_f64(p, a); }
static inline V v_set1(real a) { return vdupq_n_f64(a); }
static inline M m_first(int64_t n) {
    static const uint64_t lane[LANES] = {0, 1};
    return vcltq_u64(vld1q_u64(lane), vdupq_n_u64((uint64_t)n));
}
static inline V v_load_n(const real *p, int64_t n) {
    return n == 0 ? v_set1(0) : n == 1 ? vld1q_lane_f64(p, v_set1(0), 0) : v_load(p);
}
static inline void v_store_n(real *p, V a, int64_t n) {
    if (n == 1)
        vst1q_lane_f64(p, a, 0);
    else if (n == 2)
        v_store(p, a);
}

static inline V v_add(V a, V b) { return vaddq_f64(a, b); }
static inline V v_sub(V a, V b) { return vsubq_f64(a, b); }
static inline V v_mul(V a, V b) { return vmulq_f64(a, b); }
static inline V v_div(V a, V b) { return vdivq_f64(a, b); }
static inline V v_ratio(V a, V b) { return v_div(a, b); }
static inline V v_sqrt(V a) { return vsqrtq_f64(a); }
static inline V v_fma(V a, V b, V c) { return vfmaq_f64(c, a, b); }
static inline V v_fnma(V a, V b, V c) { return vfmsq_f64(c, a, b); }
static inline V v_max(V a, V b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
static inline V v_min(V a, V b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
static inline V v_abs(V a) { return vabsq_f64(a); }
static inline V v_neg(V a) { return vnegq_f64(a); }
static inline V v_copysign(V a, V b) { return vbslq_f64(vdupq_n_u64(0x8000000000000000u), b, a); }

static inline M v_lt(V a, V b) { return vcltq_f64(a, b); }
static inline M v_le(V a, V b) { return vcleq_f64(a, b); }
static inline M v_eq(V a, V b) { return vceqq_f64(a, b); }
static inline M m_and(M a, M b) { return vandq_u64(a, b); }
static inline M m_or(M a, M b) { return vorrq_u64(a, b); }
static inline M m_not(M a) { return veorq_u64(a, vdupq_n_u64(~(uint64_t)0)); }
static inline int m_count(M a) { return (int)vaddvq_u64(vshrq_n_u64(a, 63)); }
static inline int m_any(M a) { return m_count(a) != 0; }
static inline M v_isnan(V a) { return m_not(vceqq_f64(a, a)); }
static inline V v_select(M m, V yes, V no) { return vbslq_f64(m, yes, no); }

static inline V v_iota(void) {
    static const real lane[LANES] = {0, 1};
    return vld1q_f64(lane);
}
static inline V v_round(V a) { return vrndnq_f64(a); }
static inline V v_pow2(V t) { return vreinterpretq_f64_s64(vshlq_n_s64(vreinterpretq_s64_f64(t), 52)); }
static inline V v_split(V x, V *exponent) {
    int64x2_t bits = vreinterpretq_s64_f64(x);
    int64x2_t e = vshrq_n_s64(vsubq_s64(bits, vdupq_n_s64(0x3fe8000000000000LL)), 52);
    *exponent = vcvtq_f64_s64(e);
    return vreinterpretq_f64_s64(vsubq_s64(bits, vshlq_n_s64(e, 52)));
}

static inline V v_zip_low(V a, V b) { return vzip1q_f64(a, b); }
static inline V v_zip_high(V a, V b) { return vzip2q_f64(a, b); }
static inline real v_sum(V a) { return vaddvq_f64(a); }
static inline real v_max_lane(V a) { return vmaxvq_f64(a); }

#endif

static inline V v_unknown(V a) {
    __asm__("" : "+w"(a));
    return a;
}
#endif
