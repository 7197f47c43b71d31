/* Every algorithm, for the ISA and the dtype whose verbs were included before; and the table that exports them. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels.h"

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

#include "elementary.inc.h"
#include "activations.inc.h"
#include "activations_further.inc.h"
#include "activations_arithmetic.inc.h"
#include "activations_table.inc.h"
#include "softmax.inc.h"
#include "elementwise.inc.h"
#include "prelu.inc.h"
#include "arithmetic.inc.h"
#include "dense_tiles.inc.h"
#include "dense_packing.inc.h"
#include "dense_narrow.inc.h"
#include "dense_blocks.inc.h"
#include "dense.inc.h"
#include "sparse.inc.h"
#include "normalization.inc.h"
#include "encoding.inc.h"
#include "numeric_features.inc.h"
#include "loss_frames.inc.h"
#include "loss_errors.inc.h"
#include "loss_binary.inc.h"
#include "loss_classes.inc.h"
#include "loss_robust.inc.h"
#include "loss_rows.inc.h"
#include "group_normalization.inc.h"
#include "pooling.inc.h"
#include "losses.inc.h"
#include "metrics.inc.h"
#include "updates_steps.inc.h"
#include "updates_adaptive.inc.h"
#include "updates_whole.inc.h"
#include "updates.inc.h"
#include "constraints.inc.h"
#include "random.inc.h"
#include "noise.inc.h"
#include "gather.inc.h"
#include "peak.inc.h"

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
    .sparse_row = sparse_row,
    .sparse_row_gradient = sparse_row_gradient,
    .activations = activations,
    .softmax = softmax,
    .log_softmax = log_softmax,
    .softmax_backward = softmax_backward,
    .log_softmax_backward = log_softmax_backward,
    .prelu = prelu,
    .prelu_backward = prelu_backward,
    .prelu_slopes = prelu_slopes,
    .binaries = binaries,
    .reduce_sum = reduce_sum,
    .reduce_sum_backward = reduce_sum_backward,
    .reduce_max = reduce_max,
    .reduce_max_backward = reduce_max_backward,
    .rearrange = rearrange,
    .rearrange_backward = rearrange_backward,
    .add = add,
    .affine = affine,
    .moments = moments,
    .normalization_sums = normalization_sums,
    .normalization_backward = normalization_backward,
    .discretize = discretize,
    .encode = encode,
    .waves = waves,
    .waves_backward = waves_backward,
    .waves_gradient = waves_gradient,
    .pieces = pieces,
    .pieces_backward = pieces_backward,
    .column_maxima = column_maxima,
    .column_maxima_backward = column_maxima_backward,
    .normalize_groups = normalize_groups,
    .normalize_groups_backward = normalize_groups_backward,
    .normalize_groups_gradient = normalize_groups_gradient,
    .losses = losses,
    .metrics = metrics,
    .updates = updates,
    .follow = follow,
    .regularize = regularize,
    .clip = clip,
    .scale = scale,
    .sum_of_squares = sum_of_squares,
    .max_abs_difference = max_abs_difference,
    .constrain_columns = constrain_columns,
    .constrain_rows = constrain_rows,
    .constrain_positive = constrain_positive,
    .dropout = dropout,
    .shuffle = shuffle,
    .mask = mask,
    .gaussian_noise = gaussian_noise,
    .gather = gather,
    .multiply_adds = multiply_adds,
};
