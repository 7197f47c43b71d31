/* The list of ops: what steps can do. Each op has its file; see program.h for what it says of itself. */
#include "steps.h"

#include <string.h>

static const fastnn_op *const ops[] = {
    &fastnn_dense_op,
    &fastnn_normalized_dense_op,
    &fastnn_sparse_dense_op,
    &fastnn_activation_op,
    &fastnn_softmax_op,
    &fastnn_log_softmax_op,
    &fastnn_prelu_op,
    &fastnn_dropout_op,
    &fastnn_mask_op,
    &fastnn_gaussian_noise_op,
    &fastnn_branch_op,
    &fastnn_copy_op,
    &fastnn_zero_op,
    &fastnn_pull_op,
    &fastnn_binary_op,
    &fastnn_sum_op,
    &fastnn_max_op,
    &fastnn_rearrange_op,
    &fastnn_normalization_op,
    &fastnn_rescaling_op,
    &fastnn_discretization_op,
    &fastnn_one_hot_op,
    &fastnn_multi_hot_op,
    &fastnn_count_op,
    &fastnn_waves_op,
    &fastnn_pieces_op,
    &fastnn_feature_dense_op,
    &fastnn_moving_normalization_op,
    &fastnn_batch_normalization_op,
    &fastnn_group_normalization_op,
    &fastnn_scale_op,
    &fastnn_embedding_op,
    &fastnn_mean_pooling_op,
    &fastnn_max_pooling_op,
    &fastnn_activity_regularization_op,
    &fastnn_loss_op,
    &fastnn_counted_loss_op,
    &fastnn_value_loss_op,
    &fastnn_counted_value_loss_op,
    &fastnn_metric_op,
    &fastnn_python_op,
    &fastnn_python_loss_op,
};

const fastnn_op *fastnn_find_op(const char *name) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; ++i)
        if (strcmp(ops[i]->name, name) == 0) return ops[i];
    return NULL;
}
