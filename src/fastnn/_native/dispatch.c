/* THE list of instruction sets: what was compiled in, and what this machine can run. */
#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

static int xcr0(void) { /* which registers the operating system saves */
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (int)a;
}

static int runs_baseline(void) { return 1; }

static int runs_avx2(void) {
    unsigned a, b, c, d, features;
    if (!__get_cpuid(1, &a, &b, &features, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (xcr0() & 0x6) == 0x6 && (features & bit_FMA) && (features & bit_F16C) && (b & bit_AVX2);
}

static int runs_avx512(void) {
    const unsigned wanted = bit_AVX512F | bit_AVX512DQ | bit_AVX512VL | bit_AVX512BW;
    unsigned a, b, c, d;
    return runs_avx2() && (xcr0() & 0xe6) == 0xe6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & wanted) == wanted;
}
#elif defined(__aarch64__)
static int runs_neon(void) { return 1; }
#endif

extern const fastnn_kernels fastnn_baseline_f32, fastnn_baseline_f64, fastnn_avx2_f32, fastnn_avx2_f64,
    fastnn_avx512_f32, fastnn_avx512_f64, fastnn_neon_f32, fastnn_neon_f64;

static const struct {
    const char *name;
    int (*runs)(void);
    const fastnn_kernels *f32, *f64;
} isas[] = {
#ifdef FASTNN_HAVE_BASELINE
    {"baseline", runs_baseline, &fastnn_baseline_f32, &fastnn_baseline_f64},
#endif
#ifdef FASTNN_HAVE_AVX2
    {"avx2", runs_avx2, &fastnn_avx2_f32, &fastnn_avx2_f64},
#endif
#ifdef FASTNN_HAVE_AVX512
    {"avx512", runs_avx512, &fastnn_avx512_f32, &fastnn_avx512_f64},
#endif
#ifdef FASTNN_HAVE_NEON
    {"neon", runs_neon, &fastnn_neon_f32, &fastnn_neon_f64},
#endif
};

int fastnn_isa_count(void) { return (int)(sizeof isas / sizeof *isas); }

const char *fastnn_isa_name(int index) { return isas[index].name; }

int fastnn_isa_available(int index) { return isas[index].runs(); }

const fastnn_kernels *fastnn_isa_kernels(int index, int itemsize) {
    if (!isas[index].runs()) return NULL;
    return itemsize == 4 ? isas[index].f32 : itemsize == 8 ? isas[index].f64 : NULL;
}
