/* Activations and softmax, forward and backward. */
#include "checking.h"

static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double gauss(double x) { return exp(-x * x / 2) / sqrt(2 * M_PI); }
static double normal(double x) { return erfc(-x / M_SQRT2) / 2; }

/* y = f(x) and *d = f'(x), with the default parameters */
static double activation(const char *name, double x, double *d) {
    const double s = sigmoid(x), t = tanh(x);
    if (!strcmp(name, "linear")) return *d = 1, x;
    if (!strcmp(name, "relu")) return *d = x > 0, fmax(x, 0);
    if (!strcmp(name, "clipped_relu")) return *d = x > 0, fmax(x, 0);
    if (!strcmp(name, "leaky_relu")) return *d = x > 0 ? 1 : 0.2, x > 0 ? x : 0.2 * x;
    if (!strcmp(name, "elu")) return *d = x > 0 ? 1 : exp(x), x > 0 ? x : expm1(x);
    if (!strcmp(name, "selu")) {
        const double scale = 1.0507009873554805, alpha = 1.6732632423543772;
        return *d = scale * (x > 0 ? 1 : alpha * exp(x)), scale * (x > 0 ? x : alpha * expm1(x));
    }
    if (!strcmp(name, "gelu")) return *d = normal(x) + x * gauss(x), x * normal(x);
    if (!strcmp(name, "gelu_tanh")) {
        const double c = sqrt(2 / M_PI), u = tanh(c * (x + 0.044715 * x * x * x));
        *d = 0.5 * (1 + u) + 0.5 * x * (1 - u * u) * c * (1 + 3 * 0.044715 * x * x);
        return 0.5 * x * (1 + u);
    }
    if (!strcmp(name, "silu")) return *d = s + x * s * (1 - s), x * s;
    if (!strcmp(name, "sigmoid")) return *d = s * (1 - s), s;
    if (!strcmp(name, "hard_sigmoid")) return *d = fabs(x) < 3 ? 1.0 / 6 : 0, fmin(fmax(x / 6 + 0.5, 0), 1);
    if (!strcmp(name, "tanh")) return *d = 1 - t * t, t;
    if (!strcmp(name, "softplus")) return *d = s, softplus(x);
    if (!strcmp(name, "softsign")) return *d = 1 / ((1 + fabs(x)) * (1 + fabs(x))), x / (1 + fabs(x));
    if (!strcmp(name, "exponential")) return *d = exp(x), exp(x);
    if (!strcmp(name, "mish")) {
        const double u = tanh(softplus(x));
        return *d = u + x * s * (1 - u * u), x * u;
    }
    if (!strcmp(name, "hard_silu"))
        return *d = x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5, x * fmin(fmax(x / 6 + 0.5, 0), 1);
    if (!strcmp(name, "hard_tanh")) return *d = fabs(x) < 1, fmin(fmax(x, -1), 1);
    if (!strcmp(name, "hard_shrink")) return *d = fabs(x) > 0.5, fabs(x) > 0.5 ? x : 0;
    if (!strcmp(name, "soft_shrink")) return *d = fabs(x) > 0.5, fabs(x) > 0.5 ? x - copysign(0.5, x) : 0;
    if (!strcmp(name, "threshold")) return *d = x > 0, fmax(x, 0);
    if (!strcmp(name, "sparse_sigmoid")) return *d = fabs(x) < 1 ? 0.5 : 0, fmin(fmax((x + 1) / 2, 0), 1);
    if (!strcmp(name, "sparse_plus"))
        return *d = fmin(fmax((x + 1) / 2, 0), 1), x <= -1 ? 0 : x >= 1 ? x : (x + 1) * (x + 1) / 4;
    if (!strcmp(name, "celu")) return *d = x > 0 ? 1 : exp(x), x > 0 ? x : expm1(x);
    if (!strcmp(name, "log_sigmoid")) return *d = sigmoid(-x), -softplus(-x);
    if (!strcmp(name, "squareplus")) return *d = (1 + x / sqrt(x * x + 4)) / 2, (x + sqrt(x * x + 4)) / 2;
    if (!strcmp(name, "tanh_shrink")) return *d = t * t, x - t;
    if (!strcmp(name, "linear_map")) return *d = 1, x;
    if (!strcmp(name, "absolute")) return *d = copysign(1, x), fabs(x);
    if (!strcmp(name, "square")) return *d = 2 * x, x * x;
    if (!strcmp(name, "square_root")) return *d = 0.5 / sqrt(x), sqrt(x);
    if (!strcmp(name, "reciprocal")) return *d = -1 / (x * x), 1 / x;
    if (!strcmp(name, "logarithm")) return *d = 1 / x, log(x);
    if (!strcmp(name, "logarithm_plus_one")) return *d = 1 / (1 + x), log1p(x);
    if (!strcmp(name, "sign")) return *d = 0, (x > 0) - (x < 0);
    if (!strcmp(name, "positive")) return *d = 0, x > 0;
    if (!strcmp(name, "not_negative")) return *d = 0, x >= 0;
    if (!strcmp(name, "is_zero")) return *d = 0, x == 0;
    fail("no plain form of the activation %s", name);
    return *d = NAN;
}

void check_activations(void) {
    for (const fastnn_activation *f = table->activations; f->name; ++f)
        for (int64_t n = 0; n <= 4 * table->lanes + 1; n = n < 3 ? n + 1 : 2 * n - 1) {
            const int above_zero =
                !strcmp(f->name, "square_root") || !strcmp(f->name, "reciprocal") || !strncmp(f->name, "logarithm", 9);
            array x = above_zero ? filled(n, 0.25, 6) : filled(n, -6, 6), y = make(n), dy = filled(n, -2, 2),
                  dx = make(n), same = copied(x);
            f->forward(n, x.data, y.data, NULL);
            f->forward(n, same.data, same.data, NULL);
            f->backward(n, f->needs_input ? x.data : y.data, dy.data, dx.data, NULL);
            for (int64_t i = 0; i < n; ++i) {
                double d;
                const double wanted = activation(f->name, get(x.data, i), &d);
                expect(f->name, i, get(y.data, i), wanted, 0.25, 16);
                expect(f->name, i, get(same.data, i), get(y.data, i), 0, 0);
                expect(f->name, i, get(dx.data, i), d * get(dy.data, i), 2, 40);
            }
            drop(x, f->name), drop(y, f->name), drop(dy, f->name), drop(dx, f->name), drop(same, f->name);
        }
}

void check_softmax(void) {
    for (int64_t n = 1; n <= 2 * table->lanes + 3; ++n) {
        const int64_t m = 5, row = n + 2;
        array x = filled(m * row, -9, 9), y = make(m * row), z = make(m * row), dy = filled(m * row, -2, 2);
        array dx = make(m * row), dz = make(m * row);
        table->softmax(m, n, x.data, row, y.data, row);
        table->log_softmax(m, n, x.data, row, z.data, row);
        table->softmax_backward(m, n, y.data, row, dy.data, row, dx.data, row);
        table->log_softmax_backward(m, n, z.data, row, dy.data, row, dz.data, row);
        for (int64_t i = 0; i < m; ++i) {
            double top = -INFINITY, sum = 0, dot = 0, total = 0;
            for (int64_t j = 0; j < n; ++j) top = fmax(top, get(x.data, i * row + j));
            for (int64_t j = 0; j < n; ++j) sum += exp(get(x.data, i * row + j) - top);
            for (int64_t j = 0; j < n; ++j) {
                dot += get(dy.data, i * row + j) * exp(get(x.data, i * row + j) - top) / sum;
                total += get(dy.data, i * row + j);
            }
            for (int64_t j = 0; j < n; ++j) {
                const int64_t at = i * row + j;
                const double log_p = get(x.data, at) - top - log(sum), p = exp(log_p), d = get(dy.data, at);
                expect("softmax", at, get(y.data, at), p, 0, 32);
                expect("log_softmax", at, get(z.data, at), log_p, 1, 32);
                expect("softmax_backward", at, get(dx.data, at), p * (d - dot), 1, 32);
                expect("log_softmax_backward", at, get(dz.data, at), d - p * total, 2 * n, 32);
            }
            for (int64_t j = n; j < row; ++j) expect("softmax", i * row + j, get(y.data, i * row + j), MARK, 0, 0);
        }
        drop(x, "softmax"), drop(y, "softmax"), drop(z, "log_softmax"), drop(dy, "softmax");
        drop(dx, "softmax_backward"), drop(dz, "log_softmax_backward");
    }
}
