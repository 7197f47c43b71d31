/* One dense product on all threads, for callers outside a program. */
#ifndef FASTNN_LINEAR_H
#define FASTNN_LINEAR_H
#include "kernels.h"

/* Runs the product `g` (its scratch is ignored), then the activation on each row of c; NULL: none. Cut by rows, or by
 * columns where rows are few; each element is computed as in one piece, so the bits do not depend on the cut. 0, or -1: no
 * memory for what has to be rearranged. */
int fastnn_linear(const fastnn_kernels *kernels, const fastnn_gemm *g, const fastnn_activation *activation,
                  const double *params);

/* y = f(x), or dx = dy · f', over n elements. */
void fastnn_activate(const fastnn_kernels *kernels, const fastnn_activation *activation, int64_t n, const void *x,
                     void *y, const double *params);
void fastnn_activate_backward(const fastnn_kernels *kernels, const fastnn_activation *activation, int64_t n,
                              const void *x_or_y, const void *dy, void *dx, const double *params);

#endif
