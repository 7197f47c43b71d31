/* Steps written in Python: they see the whole batch, on the calling thread, with the GIL. */
#include <string.h>

#include "steps.h"

int fastnn_python_forward(fastnn_program *p, fastnn_step *s) {
    return fastnn_call_python(p, s->python, FASTNN_FORWARD);
}

static int python_backward(fastnn_program *p, fastnn_step *s) {
    return fastnn_call_python(p, s->python, FASTNN_BACKWARD);
}

/* A Python layer leaves its gradients in the kept ones. */
static void python_gradient(fastnn_program *p, const fastnn_step *s, int which, const fastnn_tile *tile, void *gradient,
                            int accumulate, int worker) {
    const fastnn_parameter *q = &p->parameters[s->parameters[which]];
    const char *kept = (const char *)q->gradient + tile->row0 * q->cols * p->kernels->itemsize;
    const int64_t n = (tile->row1 - tile->row0) * q->cols;
    (void)worker;
    if (kept == gradient) return;
    if (accumulate)
        p->kernels->add(n, gradient, kept, gradient);
    else
        memcpy(gradient, kept, (size_t)(n * p->kernels->itemsize));
}

static int python_fits(const fastnn_program *p, const fastnn_step *s) {
    for (int i = 0; i < FASTNN_MAX_PARAMETERS; ++i) {
        const fastnn_parameter *q = parameter(p, s, i);
        if (s->backward && q && q->trainable && !q->keep) return 0;
    }
    return s->python != FASTNN_NONE;
}

const fastnn_op fastnn_python_op = {.name = "python",
                                    .fits = python_fits,
                                    .forward_batch = fastnn_python_forward,
                                    .backward_batch = python_backward,
                                    .gradient = python_gradient};
