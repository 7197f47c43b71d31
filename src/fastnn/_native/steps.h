/* What the files of steps share: the ops that each offers to the list in steps.c, and short words for what they read. */
#ifndef FASTNN_STEPS_H
#define FASTNN_STEPS_H
#include "program.h"

extern const fastnn_op fastnn_dense_op, fastnn_normalized_dense_op, fastnn_sparse_dense_op;
extern const fastnn_op fastnn_activation_op, fastnn_softmax_op, fastnn_log_softmax_op, fastnn_prelu_op,
    fastnn_dropout_op;
extern const fastnn_op fastnn_moving_normalization_op, fastnn_batch_normalization_op;
extern const fastnn_op fastnn_normalization_op, fastnn_rescaling_op, fastnn_discretization_op;
extern const fastnn_op fastnn_one_hot_op, fastnn_multi_hot_op, fastnn_count_op;
extern const fastnn_op fastnn_mask_op, fastnn_gaussian_noise_op;
extern const fastnn_op fastnn_scale_op, fastnn_embedding_op, fastnn_mean_pooling_op, fastnn_max_pooling_op;
extern const fastnn_op fastnn_loss_op, fastnn_counted_loss_op, fastnn_value_loss_op, fastnn_counted_value_loss_op,
    fastnn_metric_op, fastnn_activity_regularization_op;
extern const fastnn_op fastnn_group_normalization_op;
extern const fastnn_op fastnn_branch_op, fastnn_copy_op, fastnn_zero_op, fastnn_pull_op;
extern const fastnn_op fastnn_binary_op, fastnn_sum_op, fastnn_max_op, fastnn_rearrange_op;
extern const fastnn_op fastnn_waves_op, fastnn_pieces_op, fastnn_feature_dense_op;
extern const fastnn_op fastnn_python_op, fastnn_python_loss_op;

/* Kernels' arguments. */
static inline const fastnn_value *value(const fastnn_program *p, int index) { return &p->values[index]; }

static inline const fastnn_value *value_or_null(const fastnn_program *p, int index) {
    return index == FASTNN_NONE ? NULL : &p->values[index];
}

static inline const fastnn_parameter *parameter(const fastnn_program *p, const fastnn_step *s, int which) {
    return s->parameters[which] == FASTNN_NONE ? NULL : &p->parameters[s->parameters[which]];
}

/* Where a parameter's data lies; NULL where the step has none. */
static inline void *weights(const fastnn_program *p, const fastnn_step *s, int which) {
    return s->parameters[which] == FASTNN_NONE ? NULL : p->parameters[s->parameters[which]].data;
}

static inline const double *params(const fastnn_step *s) { return s->default_params ? NULL : s->params; }

static inline double get(const fastnn_program *p, const void *data, int64_t i) {
    return p->kernels->itemsize == 4 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static inline void set(const fastnn_program *p, void *data, int64_t i, double x) {
    if (p->kernels->itemsize == 4)
        ((float *)data)[i] = (float)x;
    else
        ((double *)data)[i] = x;
}

/* For `fits`: two values cut their samples alike. */
static inline int same_rows(const fastnn_value *x, const fastnn_value *y) { return x->per_sample == y->per_sample; }

static inline int same_shape(const fastnn_value *x, const fastnn_value *y) {
    return same_rows(x, y) && x->width == y->width;
}

/* For `fits`: there is no such parameter, or it is a vector of this length. */
static inline int is_vector(const fastnn_parameter *q, int64_t length) {
    return !q || (q->rows == 1 && q->cols == length);
}

/* Factors and summands of columns that are normalized by moving statistics; gamma and beta may be NULL. */
void fastnn_moving_affine(const fastnn_program *p, int64_t n, double epsilon, const void *gamma, const void *beta,
                          const void *mean, const void *variance, void *scales, void *shifts);

/* `forward_batch` of what is written in Python. */
int fastnn_python_forward(fastnn_program *p, fastnn_step *s);

/* `fits` of the ops that make y from x in x's shape. */
int fastnn_fits_elementwise(const fastnn_program *p, const fastnn_step *s);

/* Calls an elementwise kernel on rows of equal width: once where they lie end to end, else row by row. */
void fastnn_activate_rows(const fastnn_program *p, const fastnn_step *s, const char *x, int64_t x_row, char *y,
                          int64_t y_row, int64_t m, int64_t n);
void fastnn_activate_rows_backward(const fastnn_program *p, const fastnn_step *s, const char *xy, int64_t xy_row,
                                   const char *dy, int64_t dy_row, char *dx, int64_t dx_row, int64_t m, int64_t n);

#endif
