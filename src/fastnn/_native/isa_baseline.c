/* Any x86-64: the verbs, then the bodies. Compiled once per dtype (FASTNN_REAL = 32 or 64);
 * empty on another architecture. */
#if defined(__x86_64__)
#include "simd_baseline.h"
#if FASTNN_REAL == 32
#define KERNELS fastnn_baseline_f32
#else
#define KERNELS fastnn_baseline_f64
#endif
#include "bodies.inc.h"
#endif
