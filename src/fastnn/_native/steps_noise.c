/* Noise of training: masks that axes may share, and normal numbers. All of it is a function of the seed, the iteration,
 * the step's stream and the element's place in the batch, and drawn again on the way back. */
#include "steps.h"

static uint64_t key_of(const fastnn_program *p, const fastnn_step *s) {
    return p->seed ^ (s->stream * 0x9e3779b97f4a7c15u);
}

/* --- mask: y = x · factor + shift where kept, else `dropped`; dx = dy · factor where kept, else 0 ------------------- */

/* params. A sample is outer · n · inner elements, and has n words, or none of its own. */
enum { FACTOR, SHIFT, DROPPED, OUTER, INNER, SAME_FOR_ALL };

static void mask_rows(fastnn_program *p, const fastnn_step *s, const double *values, char *from, char *to, int64_t row0,
                      int64_t row1) {
    const fastnn_value *v = value(p, s->output);
    const int64_t outer = (int64_t)s->params[OUTER], inner = (int64_t)s->params[INNER];
    const int64_t n = v->width / (outer * inner);
    if (s->params[SAME_FOR_ALL] == 0) {
        p->kernels->mask(row1 - row0, outer, n, inner, row0, key_of(p, s), p->iteration, s->rate, values,
                         fastnn_row(p, v, from, row0), fastnn_row(p, v, to, row0));
        return;
    }
    for (int64_t i = row0; i < row1; ++i)
        p->kernels->mask(1, outer, n, inner, 0, key_of(p, s), p->iteration, s->rate, values, fastnn_row(p, v, from, i),
                         fastnn_row(p, v, to, i));
}

static void mask_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    (void)worker;
    mask_rows(p, s, s->params, value(p, s->inputs[0])->data, value(p, s->output)->data, row0, row1);
}

static void mask_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const double values[] = {s->params[FACTOR], 0, 0};
    (void)worker;
    if (!value(p, s->inputs[0])->gradient) return;
    mask_rows(p, s, values, value(p, s->output)->gradient, value(p, s->inputs[0])->gradient, row0, row1);
}

/* Only where what is kept is scaled up, and the rest is zero. */
static void mask_new_rate(fastnn_step *s) { s->params[FACTOR] = 1 / (1 - s->rate); }

static int mask_fits(const fastnn_program *p, const fastnn_step *s) {
    const double outer = s->params[OUTER], inner = s->params[INNER];
    if (!fastnn_fits_elementwise(p, s) || s->default_params || !(s->rate >= 0 && s->rate < 1)) return 0;
    if (!(outer >= 1 && inner >= 1 && outer <= 0x1p31 && inner <= 0x1p31)) return 0;
    const fastnn_value *y = value(p, s->output);
    return y->per_sample == 1 && y->width % ((int64_t)outer * (int64_t)inner) == 0;
}

/* --- gaussian_noise: y = x + rate · z, or x · (1 + rate · z) with params[0] ----------------------------------------- */

static void draw_rows(fastnn_program *p, const fastnn_step *s, char *from, char *to, int64_t row0, int64_t row1) {
    const fastnn_value *v = value(p, s->output);
    const int64_t each = v->per_sample * v->width;
    p->kernels->gaussian_noise((row1 - row0) * each, row0 * each, key_of(p, s), p->iteration, s->rate,
                               s->params[0] != 0, fastnn_row(p, v, from, row0), fastnn_row(p, v, to, row0));
}

static void gaussian_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    (void)worker;
    draw_rows(p, s, value(p, s->inputs[0])->data, value(p, s->output)->data, row0, row1);
}

static void gaussian_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    if (s->params[0] != 0)
        draw_rows(p, s, y->gradient, x->gradient, row0, row1);
    else
        p->kernels->affine((row1 - row0) * x->per_sample, x->width, fastnn_row(p, y, y->gradient, row0), y->row, NULL,
                           NULL, fastnn_row(p, x, x->gradient, row0), x->row);
}

static int gaussian_fits(const fastnn_program *p, const fastnn_step *s) {
    return fastnn_fits_elementwise(p, s) && !s->default_params && s->rate >= 0;
}

static int64_t noise_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]);
    return 30 * x->per_sample * x->width;
}

const fastnn_op fastnn_mask_op = {.name = "mask",
                                  .fits = mask_fits,
                                  .new_rate = mask_new_rate,
                                  .forward = mask_forward,
                                  .backward = mask_backward,
                                  .flops = noise_flops};
const fastnn_op fastnn_gaussian_noise_op = {.name = "gaussian_noise",
                                            .fits = gaussian_fits,
                                            .forward = gaussian_forward,
                                            .backward = gaussian_backward,
                                            .flops = noise_flops};
