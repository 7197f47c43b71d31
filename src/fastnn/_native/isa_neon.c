/* NEON: the verbs, then the bodies. Compiled once per dtype (FASTNN_REAL = 32 or 64);
 * empty on another architecture. */
#if defined(__aarch64__)
#include "simd_neon.h"
#if FASTNN_REAL == 32
#define KERNELS fastnn_neon_f32
#else
#define KERNELS fastnn_neon_f64
#endif
#include "bodies.inc.h"
#endif
