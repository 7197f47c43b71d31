/* The two phases of a batch. Each returns 0, or -1: a Python step, or a signal's handler amid the rows, raised. */
#ifndef FASTNN_RUN_H
#define FASTNN_RUN_H
#include "program.h"

int fastnn_run_rows(fastnn_program *, int threads);
int fastnn_run_weights(fastnn_program *, int threads);

#endif
