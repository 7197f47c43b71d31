/* Updates of weights, with their slots. */
#include "checking.h"

/* One step of an update for a single weight; slots as the kernels order them */
static double update(const char *name, double w, double g, double *s, const double *h) {
    w *= h[0];
    if (!strcmp(name, "sgd")) return w - h[1] * g;
    if (!strcmp(name, "momentum")) return s[0] = h[2] * s[0] - h[1] * g, w + s[0];
    if (!strcmp(name, "nesterov")) return s[0] = h[2] * s[0] - h[1] * g, w + h[2] * s[0] - h[1] * g;
    if (!strcmp(name, "adam") || !strcmp(name, "amsgrad")) {
        s[0] += (g - s[0]) * h[2];
        s[1] += (g * g - s[1]) * h[3];
        const int largest = !strcmp(name, "amsgrad");
        if (largest) s[2] = fmax(s[2], s[1]);
        return w - h[1] * s[0] / (sqrt(s[largest ? 2 : 1]) + h[4]);
    }
    if (!strncmp(name, "rmsprop", 7)) {
        const int centered = strstr(name, "centered") != NULL, momentum = strstr(name, "momentum") != NULL;
        double *average = &s[1 + momentum];
        s[0] = h[2] * s[0] + (1 - h[2]) * g * g;
        if (centered) *average = h[2] * *average + (1 - h[2]) * g;
        const double step = h[1] * g / sqrt(s[0] - (centered ? *average * *average : 0) + h[3]);
        return momentum ? (s[1] = h[4] * s[1] + step, w - s[1]) : w - step;
    }
    if (!strcmp(name, "adagrad")) return s[0] += g * g, w - h[1] * g / sqrt(s[0] + h[2]);
    if (!strcmp(name, "adadelta")) {
        s[0] = h[2] * s[0] + (1 - h[2]) * g * g;
        const double d = g * sqrt(s[1] + h[3]) / sqrt(s[0] + h[3]);
        return s[1] = h[2] * s[1] + (1 - h[2]) * d * d, w - h[1] * d;
    }
    if (!strcmp(name, "adamax"))
        return s[0] += (g - s[0]) * h[2], s[1] = fmax(h[3] * s[1], fabs(g)), w - h[1] * s[0] / (s[1] + h[4]);
    if (!strcmp(name, "nadam")) {
        s[0] += (g - s[0]) * h[2];
        s[1] += (g * g - s[1]) * h[3];
        return w - h[1] * (h[4] * s[0] + h[5] * g) / (sqrt(h[6] * s[1]) + h[7]);
    }
    if (!strcmp(name, "lion")) {
        const double mixed = h[2] * s[0] + (1 - h[2]) * g;
        return s[0] = h[3] * s[0] + (1 - h[3]) * g, w - h[1] * (mixed > 0) + h[1] * (mixed < 0);
    }
    if (!strcmp(name, "ftrl")) {
        const double sum = s[0] + g * g, power = pow(sum, -h[2]);
        s[1] += g + h[5] * w - (power - pow(s[0], -h[2])) / h[1] * w;
        s[0] = sum;
        return (fmin(fmax(s[1], -h[3]), h[3]) - s[1]) / (power / h[1] + h[4]);
    }
    if (!strcmp(name, "schedule_free_adamw")) {
        const double x = (w - (1 - h[2]) * s[0]) / h[2];
        s[1] += (g * g - s[1]) * h[3];
        s[0] -= h[1] * g / (sqrt(s[1] * h[4]) + h[5]);
        return (1 - h[2]) * s[0] + h[2] * (x + (s[0] - x) * h[6]);
    }
    fail("no plain form of the update %s", name);
    return NAN;
}

void check_updates(void) {
    for (const fastnn_update *u = table->updates; u->name; ++u)
        for (int64_t n = 1; u->apply && n <= 4 * table->lanes + 1; n += n < 3 ? 1 : n - 1) {
            const int adam = !strcmp(u->name, "adam") || !strcmp(u->name, "amsgrad");
            const double h_adam[] = {0.99, 0.01, 0.1, 0.01, 0.125},
                         h_other[] = {0.99, 0.01, 0.75, 0.125, 0.5, 0.25, 2, 0.125},
                         h_ftrl[] = {0.99, 0.25, -0.5, 0.125, 0.5, 0.25};
            const double *h = adam ? h_adam : !strcmp(u->name, "ftrl") ? h_ftrl : h_other;
            array w = filled(n, -1, 1), g = filled(n, -1, 1), w0 = copied(w), slot[FASTNN_MAX_SLOTS],
                  before[FASTNN_MAX_SLOTS];
            void *slots[FASTNN_MAX_SLOTS];
            for (int k = 0; k < u->slots; ++k) {
                slot[k] = filled(n, 0.25, 0.5); /* positive: some are squares; and v - a² stays so */
                before[k] = copied(slot[k]);
                slots[k] = slot[k].data;
            }
            u->apply(n, w.data, g.data, slots, h);
            for (int64_t i = 0; i < n; ++i) {
                double s[FASTNN_MAX_SLOTS] = {0};
                for (int k = 0; k < u->slots; ++k) s[k] = get(before[k].data, i);
                const double wanted = update(u->name, get(w0.data, i), get(g.data, i), s, h);
                expect(u->name, i, get(w.data, i), wanted, 1, 8);
                for (int k = 0; k < u->slots; ++k) expect(u->name, i, get(slot[k].data, i), s[k], 1, 8);
            }
            for (int k = 0; k < u->slots; ++k) drop(slot[k], u->name), drop(before[k], u->name);
            drop(w, u->name), drop(g, u->name), drop(w0, u->name);
        }
}
