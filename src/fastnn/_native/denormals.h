/* Flush-to-zero around every entry into C: as a network converges its squared gradients underflow, and arithmetic on
 * denormals is 2 to 7 times slower. The caller's mode comes back on the way out, so NumPy never notices. */
#ifndef FASTNN_DENORMALS_H
#define FASTNN_DENORMALS_H
#include <stdint.h>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
typedef unsigned int fastnn_fp_mode;
static inline fastnn_fp_mode fastnn_flush_denormals(void) {
    const fastnn_fp_mode before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* FTZ | DAZ */
    return before;
}
static inline void fastnn_restore_denormals(fastnn_fp_mode before) { _mm_setcsr(before); }
#elif defined(__aarch64__)
typedef uint64_t fastnn_fp_mode;
static inline fastnn_fp_mode fastnn_flush_denormals(void) {
    fastnn_fp_mode before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" ::"r"(before | ((uint64_t)1 << 24)));
    return before;
}
static inline void fastnn_restore_denormals(fastnn_fp_mode before) { __asm__ volatile("msr fpcr, %0" ::"r"(before)); }
#else
typedef int fastnn_fp_mode;
static inline fastnn_fp_mode fastnn_flush_denormals(void) { return 0; }
static inline void fastnn_restore_denormals(fastnn_fp_mode before) { (void)before; }
#endif

#endif
