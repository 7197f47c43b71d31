/* Every algorithm, for the ISA and the dtype whose verbs were included before; and the table that exports them. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels.h"

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

#include "elementary.inc.h"
#include "activations.inc.h"
#include "softmax.inc.h"
#include "elementwise.inc.h"
#include "dense.inc.h"
#include "normalization.inc.h"
#include "losses.inc.h"
#include "metrics.inc.h"
#include "updates.inc.h"
#include "constraints.inc.h"
#include "random.inc.h"
#include "gather.inc.h"

const fastnn_kernels KERNELS = {
    .isa = ISA_NAME,
    .dtype = sizeof(real) == 4 ? "float32" : "float64",
    .itemsize = sizeof(real),
    .lanes = LANES,
    .tile_rows = TILE_ROWS,
    .tile_cols = TILE_COLS,
    .gemm_scratch = gemm_scratch,
    .gemm = gemm,
    .gemm_packed = gemm_packed,
    .pack = pack,
    .pack_transposed = pack_transposed,
    .column_sums = column_sums,
    .activations = activations,
    .softmax = softmax,
    .log_softmax = log_softmax,
    .softmax_backward = softmax_backward,
    .log_softmax_backward = log_softmax_backward,
    .add = add,
    .affine = affine,
    .moments = moments,
    .normalization_sums = normalization_sums,
    .normalization_backward = normalization_backward,
    .losses = losses,
    .metrics = metrics,
    .updates = updates,
    .regularize = regularize,
    .clip = clip,
    .scale = scale,
    .sum_of_squares = sum_of_squares,
    .max_abs_difference = max_abs_difference,
    .constrain_columns = constrain_columns,
    .constrain_rows = constrain_rows,
    .constrain_positive = constrain_positive,
    .dropout = dropout,
    .gather = gather,
};
