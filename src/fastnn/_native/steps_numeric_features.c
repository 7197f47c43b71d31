/* Numbers as vectors (Gorishniy, Rubachev and Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep
 * Learning"): waves, pieces of a line, and a dense layer of its own for every feature. */
#include "steps.h"

/* --- waves: y[F, K or 2 K] = cos(2π c · x + b), and sines behind them; parameters c[F,K] and b[F,K], which may be absent.
 * params[0]: whether there are sines. On the way back the gradient by the radians takes the place of that of y. --- */

enum { FREQUENCIES, PHASES };
enum { SINES };

static void waves_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->waves(row1 - row0, x->width, parameter(p, s, FREQUENCIES)->cols, fastnn_row(p, x, x->data, row0),
                      x->row, weights(p, s, FREQUENCIES), weights(p, s, PHASES), s->params[SINES] != 0,
                      fastnn_row(p, y, y->data, row0));
}

static void waves_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->waves_backward(
        row1 - row0, x->width, parameter(p, s, FREQUENCIES)->cols, fastnn_row(p, x, x->data, row0), x->row,
        weights(p, s, FREQUENCIES), weights(p, s, PHASES), s->params[SINES] != 0, fastnn_row(p, y, y->data, row0),
        fastnn_row(p, y, y->gradient, row0), x->gradient ? fastnn_row(p, x, x->gradient, row0) : NULL, x->row);
}

static void waves_gradient(fastnn_program *p, const fastnn_step *s, int which, int64_t row0, int64_t row1,
                           void *gradient, int accumulate, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->waves_gradient(p->rows, row0, row1, parameter(p, s, FREQUENCIES)->cols,
                               which == FREQUENCIES ? x->data : NULL, x->row, y->gradient, y->per_sample * y->width,
                               y->width, accumulate, gradient);
}

static int same_matrix(const fastnn_parameter *a, const fastnn_parameter *b) {
    return a && b && a->rows == b->rows && a->cols == b->cols;
}

/* x has a number for each feature, y a row, and that lie end to end. */
static int features_fit(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    return x && y && x->per_sample == 1 && y->per_sample == x->width && y->row == y->width && parameter(p, s, 0) &&
           parameter(p, s, 0)->rows == x->width;
}

static int waves_fit(const fastnn_program *p, const fastnn_step *s) {
    if (!features_fit(p, s) || s->default_params) return 0;
    const fastnn_parameter *phases = parameter(p, s, PHASES);
    return value(p, s->output)->width == parameter(p, s, FREQUENCIES)->cols * (s->params[SINES] != 0 ? 2 : 1) &&
           (!phases || same_matrix(phases, parameter(p, s, FREQUENCIES)));
}

static int64_t waves_flops(const fastnn_program *p, const fastnn_step *s) {
    return 30 * parameter(p, s, FREQUENCIES)->rows * parameter(p, s, FREQUENCIES)->cols;
}

/* --- pieces: y[F,K] = (x - left) · factor, cut to [low, high]; parameters left, factor, low and high, all [F,K] ------- */

enum { LEFT, FACTOR, LOW, HIGH, PIECES };

static void pieces_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->pieces(row1 - row0, x->width, y->width, fastnn_row(p, x, x->data, row0), x->row, weights(p, s, LEFT),
                       weights(p, s, FACTOR), weights(p, s, LOW), weights(p, s, HIGH), fastnn_row(p, y, y->data, row0));
}

static void pieces_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->pieces_backward(row1 - row0, x->width, y->width, weights(p, s, FACTOR), weights(p, s, LOW),
                                weights(p, s, HIGH), fastnn_row(p, y, y->data, row0),
                                fastnn_row(p, y, y->gradient, row0), fastnn_row(p, x, x->gradient, row0), x->row);
}

static int pieces_fit(const fastnn_program *p, const fastnn_step *s) {
    if (!features_fit(p, s) || value(p, s->output)->width != parameter(p, s, LEFT)->cols) return 0;
    for (int i = FACTOR; i < PIECES; ++i)
        if (!same_matrix(parameter(p, s, i), parameter(p, s, LEFT))) return 0;
    return 1;
}

static int64_t pieces_flops(const fastnn_program *p, const fastnn_step *s) {
    return 4 * parameter(p, s, LEFT)->rows * parameter(p, s, LEFT)->cols;
}

/* --- feature_dense: row f of a sample, y[f,·] = act(x[f,·] · kernel[f] + bias[f]); kernel [F · inputs, units] and bias
 * [F, units], which may be absent ------------------------------------------------------------------------------------- */

enum { KERNEL, BIAS };

static void feature_dense_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t itemsize = p->kernels->itemsize, features = x->per_sample, m = row1 - row0;
    const char *kernel = weights(p, s, KERNEL), *bias = weights(p, s, BIAS), *in = fastnn_row(p, x, x->data, row0);
    char *out = fastnn_row(p, y, y->data, row0);
    for (int64_t f = 0; f < features; ++f) {
        const fastnn_gemm g = {.m = m,
                               .n = y->width,
                               .k = x->width,
                               .a = in + f * x->width * itemsize,
                               .a_row = features * x->width,
                               .a_col = 1,
                               .b = kernel + f * x->width * y->width * itemsize,
                               .b_row = y->width,
                               .bias = bias ? bias + f * y->width * itemsize : NULL,
                               .c = out + f * y->width * itemsize,
                               .c_row = features * y->width,
                               .scratch = p->workers[worker].scratch};
        p->kernels->gemm(&g);
    }
    if (s->activation) fastnn_activate_rows(p, s, out, y->row, out, y->row, m * features, y->width);
}

/* dz = dy · act'(y), in place; dx[f,·] = dz[f,·] · kernel[f]ᵀ, which each worker packs for itself */
static void feature_dense_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t itemsize = p->kernels->itemsize, features = x->per_sample, m = row1 - row0;
    char *dy = fastnn_row(p, y, y->gradient, row0), *data = fastnn_row(p, y, y->data, row0);
    if (s->activation)
        fastnn_activate_rows_backward(p, s, data, y->row, dy, y->row, dy, y->row, m * features, y->width);
    if (!x->gradient) return;
    fastnn_worker *w = &p->workers[worker];
    w->packed_step = NULL; /* what was packed there is gone */
    for (int64_t f = 0; f < features; ++f) {
        const char *kernel = (const char *)weights(p, s, KERNEL) + f * x->width * y->width * itemsize;
        p->kernels->pack_transposed(y->width, 0, x->width, kernel, y->width, w->packed);
        const fastnn_gemm g = {.m = m,
                               .n = x->width,
                               .k = y->width,
                               .a = dy + f * y->width * itemsize,
                               .a_row = features * y->width,
                               .a_col = 1,
                               .b = w->packed,
                               .packed = 1,
                               .scratch = w->scratch,
                               .c = fastnn_row(p, x, x->gradient, row0) + f * x->width * itemsize,
                               .c_row = features * x->width};
        p->kernels->gemm(&g);
    }
}

/* dkernel[f] = x[f]ᵀ · dz[f] and dbias[f] = Σ dz[f], over all rows of the batch in order */
static void feature_dense_gradient(fastnn_program *p, const fastnn_step *s, int which, int64_t row0, int64_t row1,
                                   void *gradient, int accumulate, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t itemsize = p->kernels->itemsize, features = x->per_sample;
    if (which == BIAS) { /* the rows of all features that are wanted lie side by side */
        p->kernels->column_sums(p->rows, (row1 - row0) * y->width, y->gradient + row0 * y->width * itemsize,
                                features * y->width, accumulate, gradient);
        return;
    }
    for (int64_t row = row0; row < row1;) {
        const int64_t f = row / x->width, end = (f + 1) * x->width < row1 ? (f + 1) * x->width : row1;
        const fastnn_gemm g = {.m = end - row,
                               .n = y->width,
                               .k = p->rows,
                               .a = x->data + row * itemsize, /* feature by feature, as the kernel's rows are */
                               .a_row = 1,
                               .a_col = features * x->width,
                               .b = y->gradient + f * y->width * itemsize,
                               .b_row = features * y->width,
                               .c = (char *)gradient + (row - row0) * y->width * itemsize,
                               .c_row = y->width,
                               .accumulate = accumulate,
                               .scratch = p->workers[worker].scratch};
        p->kernels->gemm(&g);
        row = end;
    }
}

static int feature_dense_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    const fastnn_parameter *kernel = parameter(p, s, KERNEL), *bias = parameter(p, s, BIAS);
    return x && y && kernel && same_rows(x, y) && x->row == x->width && y->row == y->width &&
           kernel->rows == x->per_sample * x->width && kernel->cols == y->width &&
           (!bias || (bias->rows == x->per_sample && bias->cols == y->width));
}

static int64_t feature_dense_packed(const fastnn_program *p, const fastnn_step *s) {
    return p->kernels->gemm_packed(value(p, s->inputs[0])->width, value(p, s->output)->width);
}

static int64_t feature_dense_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    return 2 * x->per_sample * x->width * y->width;
}

const fastnn_op fastnn_waves_op = {.name = "waves",
                                   .fits = waves_fit,
                                   .forward = waves_forward,
                                   .backward = waves_backward,
                                   .gradient = waves_gradient,
                                   .flops = waves_flops};
const fastnn_op fastnn_pieces_op = {.name = "pieces",
                                    .fits = pieces_fit,
                                    .forward = pieces_forward,
                                    .backward = pieces_backward,
                                    .flops = pieces_flops};
const fastnn_op fastnn_feature_dense_op = {.name = "feature_dense",
                                           .fits = feature_dense_fits,
                                           .forward = feature_dense_forward,
                                           .backward = feature_dense_backward,
                                           .gradient = feature_dense_gradient,
                                           .packed = feature_dense_packed,
                                           .flops = feature_dense_flops};
