/* Losses with their gradients, and metrics, some of which are means of losses. */
#include "checking.h"

enum { CLASSES_MAX = 64 };

/* Whether the name ends in this. */
static int ends(const char *name, const char *with) {
    const size_t n = strlen(name), m = strlen(with);
    return n >= m && !strcmp(name + n - m, with);
}

static int of_logits(const char *name) { return !strncmp(name, "sigmoid_", 8) || !strncmp(name, "softmax_", 8); }

/* Loss of one row p[n] with its targets, the gradient d and, from logits, the probabilities q; params as below */
static double row_loss(const fastnn_loss *loss, int64_t n, const double *p, const double *target, const double *params,
                       double *d, double *q) {
    const char *name = loss->name;
    const int binary = strstr(name, "binary") != NULL, logits = of_logits(name),
              entropy = strstr(name, "entropy") != NULL;
    const double first = params[0], gamma = params[2], alpha = params[3], half = (double)n / 2, log_2pi = log(2 * M_PI);
    double t[CLASSES_MAX], sum = 0, value = 0, total = 0, pp = 0, tt = 0, pt = 0;
    for (int64_t j = 0; j < n; ++j) {
        t[j] = loss->targets == FASTNN_LABEL ? j == (int64_t)target[0] : target[loss->targets == FASTNN_EACH ? j : 0];
        if (entropy && loss->targets == FASTNN_EACH) t[j] = t[j] * (1 - first) + first / (double)(binary ? 2 : n);
        sum += logits ? exp(p[j]) : p[j];
        pp += p[j] * p[j], tt += t[j] * t[j], pt += p[j] * t[j];
    }
    for (int64_t j = 0; j < n; ++j)
        q[j] = !entropy ? p[j] : binary ? (logits ? sigmoid(p[j]) : p[j]) : (logits ? exp(p[j]) : p[j]) / sum;
    for (int64_t j = 0; j < n; ++j) {
        const double e = p[j] - t[j], each = 1 / (double)n, side = t[j] == 0 ? -1 : t[j], margin = 1 - side * p[j];
        if (!strcmp(name, "mean_squared_error")) {
            value += e * e * each;
            d[j] = 2 * e * each;
        } else if (!strcmp(name, "mean_absolute_error")) {
            value += fabs(e) * each;
            d[j] = ((e > 0) - (e < 0)) * each;
        } else if (!strcmp(name, "mean_absolute_percentage_error")) {
            value += 100 * fabs(e) / fmax(fabs(t[j]), first) * each;
            d[j] = 100 * ((e > 0) - (e < 0)) / fmax(fabs(t[j]), first) * each;
        } else if (!strcmp(name, "mean_squared_logarithmic_error")) {
            const double l = log(1 + fmax(p[j], first)) - log(1 + fmax(t[j], first));
            value += l * l * each;
            d[j] = p[j] < first ? 0 : 2 * l / (1 + p[j]) * each;
        } else if (!strcmp(name, "huber")) {
            value += (fabs(e) <= first ? e * e / 2 : first * (fabs(e) - first / 2)) * each;
            d[j] = fmin(fmax(e, -first), first) * each;
        } else if (!strcmp(name, "log_cosh")) {
            value += log(cosh(e)) * each;
            d[j] = tanh(e) * each;
        } else if (ends(name, "pinball")) {
            value += (e < 0 ? -first * e : (1 - first) * e) * each;
            d[j] = (e < 0 ? -first : e > 0 ? 1 - first : 0) * each;
        } else if (!strcmp(name, "poisson")) {
            value += (p[j] - t[j] * log(p[j] + first)) * each;
            d[j] = (1 - t[j] / (p[j] + first)) * each;
        } else if (!strcmp(name, "hinge")) {
            value += fmax(margin, 0) * each;
            d[j] = margin > 0 ? -side * each : 0;
        } else if (!strcmp(name, "squared_hinge")) {
            value += fmax(margin, 0) * fmax(margin, 0) * each;
            d[j] = -2 * side * fmax(margin, 0) * each;
        } else if (!strcmp(name, "categorical_hinge")) {
            int64_t best = 0;
            for (int64_t i = 1; i < n; ++i)
                if ((1 - t[i]) * p[i] > (1 - t[best]) * p[best]) best = i;
            value = fmax((1 - t[best]) * p[best] - pt + 1, 0);
            d[j] = value > 0 ? (j == best) * (1 - t[j]) - t[j] : 0;
        } else if (!strcmp(name, "kl_divergence")) {
            const double y = fmax(t[j], first), c = fmax(p[j], first);
            value += y * log(y / c);
            d[j] = p[j] < first ? 0 : -y / c;
        } else if (!strcmp(name, "cosine_similarity")) {
            const double u = 1 / fmax(sqrt(pp), first), v = 1 / fmax(sqrt(tt), first);
            value = -u * v * pt;
            d[j] = -u * v * t[j] - (sqrt(pp) < first ? 0 : u * u * value * p[j]);
        } else if (!strcmp(name, "gaussian_negative_log_likelihood")) {
            const int64_t i = j % (n / 2);
            const double error = p[i] - target[i], s = p[i + n / 2];
            if (j < n / 2) value += (s + error * error * exp(-s) + log_2pi) / 2 / half;
            d[j] = (j < n / 2 ? error * exp(-s) : (1 - error * error * exp(-s)) / 2) / half;
        } else if (binary) {
            const double w = strstr(name, "weighted") ? params[2] : 1, chain = logits ? q[j] * (1 - q[j]) : 1;
            const double term = -(w * t[j] * log(q[j]) + (1 - t[j]) * log(1 - q[j]));
            const double slope = (1 - t[j]) / (1 - q[j]) - w * t[j] / q[j], miss = t[j] + q[j] - 2 * t[j] * q[j];
            const int focal = strstr(name, "focal") != NULL;
            const double b = alpha > 0 ? t[j] * alpha + (1 - t[j]) * (1 - alpha) : 1;
            const double factor = focal ? b * pow(miss, gamma) : 1;
            const double outer = focal ? b * gamma * pow(miss, gamma - 1) * (1 - 2 * t[j]) * term : 0;
            value += factor * term * each;
            d[j] = (factor * slope + outer) * chain * each;
        } else if (strstr(name, "generalized")) {
            const double right = q[(int64_t)target[0]] * (logits ? 1 : sum);
            value = (1 - pow(right, first)) / first;
            d[j] = logits ? pow(right, first) * (q[j] - t[j]) : -t[j] * pow(right, first - 1);
        } else if (strstr(name, "categorical")) {
            const int focal = strstr(name, "focal") != NULL;
            const double factor = focal ? alpha * pow(1 - q[j], gamma) : 1;
            const double outer = focal ? alpha * gamma * pow(1 - q[j], gamma - 1) * log(q[j]) : 0;
            value -= t[j] * factor * log(q[j]);
            d[j] = t[j] * (outer - factor / q[j]); /* by q, so far */
            total += d[j] * q[j];
        } else {
            fail("no plain form of the loss %s", name);
            return NAN;
        }
    }
    if (strstr(name, "categorical_") && entropy && !strstr(name, "generalized"))
        for (int64_t j = 0; j < n; ++j) d[j] = logits ? q[j] * (d[j] - total) : (d[j] - total) / sum;
    return value;
}

/* What the checks give to a loss: its first parameter, the clip, and those of the focal and weighted ones */
static void loss_params(const char *name, double *params) {
    params[0] = strstr(name, "sparse") ? 1e-7 : strstr(name, "generalized") ? 0.75 : 0.125;
    params[1] = strstr(name, "sparse") ? 0 : 1e-7;
    params[2] = 1.5;
    params[3] = 0.75;
}

void check_losses(void) {
    for (const fastnn_loss *loss = table->losses; loss->name; ++loss)
        for (int64_t n = 1 + (strstr(loss->name, "categorical") != NULL); n <= 2 * table->lanes + 3; ++n)
            for (int mode = 0; mode < 4 && fastnn_target_columns(loss->targets, n) > 0; ++mode) {
                const int weighted = mode & 1, gap = mode & 2; /* rows one after the other, or apart */
                const int64_t m = 2 * table->lanes + 3, p_row = n + gap, t_n = fastnn_target_columns(loss->targets, n),
                              t_row = t_n + gap;
                const int logits = of_logits(loss->name);
                double params[4];
                loss_params(loss->name, params);
                array p = filled(m * p_row, logits ? -4 : 0.05, logits ? 4 : 0.95), t = make(m * t_row);
                array weight = filled(m, 0.5, 2), value = make(m), gradient = make(m * p_row), output = make(m * p_row);
                for (int64_t i = 0; i < m; ++i)
                    for (int64_t j = 0; j < t_n; ++j) {
                        const int64_t hot = i * 7 % n;
                        put(t.data, i * t_row + j,
                            loss->targets == FASTNN_LABEL ? (double)hot : (double)(n == 1 ? i % 2 : j == hot));
                    }
                const fastnn_loss_args call = {
                    .m = m,
                    .n = n,
                    .prediction = p.data,
                    .prediction_row = p_row,
                    .target = t.data,
                    .target_row = t_row,
                    .weight = weighted ? weight.data : NULL,
                    .scale = 0.5,
                    .params = params,
                    .row_loss = value.data,
                    .gradient = gradient.data,
                    .gradient_row = p_row,
                    .output = logits ? output.data : NULL,
                    .output_row = p_row,
                };
                loss->rows(&call);
                for (int64_t i = 0; i < m; ++i) {
                    double x[CLASSES_MAX], y[CLASSES_MAX], d[CLASSES_MAX], q[CLASSES_MAX];
                    for (int64_t j = 0; j < n; ++j) x[j] = get(p.data, i * p_row + j);
                    for (int64_t j = 0; j < t_n; ++j) y[j] = get(t.data, i * t_row + j);
                    const double wanted = row_loss(loss, n, x, y, params, d, q);
                    const double factor = weighted ? get(weight.data, i) : 1;
                    expect(loss->name, i, get(value.data, i), factor * wanted, 4, 64);
                    for (int64_t j = 0; j < n; ++j) {
                        const int64_t at = i * p_row + j;
                        const double least = strcmp(loss->name, "cosine_similarity") ? 0.1 : 20; /* 1 / |p| */
                        expect(loss->name, at, get(gradient.data, at), 0.5 * factor * d[j], fmax(fabs(d[j]), least),
                               64);
                        if (logits) expect(loss->name, at, get(output.data, at), q[j], 0.1, 32);
                    }
                    for (int64_t j = n; j < p_row; ++j)
                        expect(loss->name, i * p_row + j, get(gradient.data, i * p_row + j), MARK, 0, 0);
                }
                drop(p, loss->name), drop(t, loss->name), drop(weight, loss->name), drop(value, loss->name);
                drop(gradient, loss->name), drop(output, loss->name);
            }
}

/* The first largest of n numbers */
static int64_t largest(int64_t n, const double *x) {
    int64_t best = 0;
    for (int64_t j = 1; j < n; ++j)
        if (x[j] > x[best]) best = j;
    return best;
}

/* Value of one row for a metric that is a mean over rows */
static double row_value(const char *name, int64_t n, const double *p, const double *target, double parameter) {
    for (const fastnn_loss *loss = table->losses; loss->name; ++loss) {
        double d[CLASSES_MAX], q[CLASSES_MAX], params[4];
        loss_params(name, params);
        if (!strcmp(loss->name, name)) return row_loss(loss, n, p, target, params, d, q);
    }
    const int sparse = !strncmp(name, "sparse", 6);
    if (strstr(name, "categorical")) {
        const int64_t wanted = sparse ? (int64_t)target[0] : largest(n, target);
        int64_t above = 0;
        for (int64_t j = 0; j < n; ++j) above += p[j] > p[wanted];
        return strstr(name, "top_k") ? above < parameter : largest(n, p) == wanted;
    }
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) {
        if (!strcmp(name, "binary_accuracy"))
            sum += (p[j] > parameter) == (target[j] != 0);
        else if (!strcmp(name, "accuracy"))
            sum += p[j] == target[j];
        else
            return fail("no plain form of the metric %s", name), NAN;
    }
    return sum / (double)n;
}

/* One metric; of the metric "loss", with the loss it is the mean of */
static void check_metric(const fastnn_metric *metric, const fastnn_loss *loss) {
    const char *name = loss ? loss->name : metric->name;
    const fastnn_targets targets = loss ? loss->targets : metric->targets;
    for (int64_t n = 1 + (strstr(name, "categorical") != NULL); n <= 2 * table->lanes + 3; ++n)
        for (int mode = 0; mode < 4 && fastnn_target_columns(targets, n) > 0; ++mode) {
            enum { ROWS = 71, THRESHOLDS = 9 };
            const int weighted = mode & 1, gap = mode & 2, area = !strcmp(name, "auc");
            const int sparse = targets == FASTNN_LABEL, logits = of_logits(name);
            const double parameter = area ? THRESHOLDS : strstr(name, "top_k") ? 2 : 0.5;
            double params[4] = {parameter};
            if (loss) loss_params(name, params);
            const int64_t p_row = n + gap, t_n = fastnn_target_columns(targets, n), t_row = t_n + gap;
            array p = filled(ROWS * p_row, logits ? -4 : 0.05, logits ? 4 : 0.95), t = make(ROWS * t_row);
            array weight = filled_whole(ROWS, 3);
            double found[2 * THRESHOLDS] = {0}, wanted[2 * THRESHOLDS] = {0};
            for (int64_t i = 0; i < ROWS; ++i) {
                put(weight.data, i, fabs(get(weight.data, i)));
                for (int64_t j = 0; j < t_n; ++j) {
                    const int64_t hot = i * 7 % n;
                    put(t.data, i * t_row + j, sparse ? (double)hot : (double)(n == 1 ? i % 2 : j == hot));
                }
                if (!strcmp(name, "accuracy")) put(p.data, i * p_row, get(t.data, i * t_row));
            }
            for (int64_t from = 0; from < ROWS; from += 40) { /* two batches go into one state */
                const fastnn_metric_args call = {
                    .m = from + 40 < ROWS ? 40 : ROWS - from,
                    .n = n,
                    .prediction = p.data + from * p_row * table->itemsize,
                    .prediction_row = p_row,
                    .target = t.data + from * t_row * table->itemsize,
                    .target_row = t_row,
                    .target_n = t_n,
                    .weight = weighted ? weight.data + from * table->itemsize : NULL,
                    .params = params,
                    .loss = loss,
                    .state = found,
                };
                metric->fold(&call);
            }
            for (int64_t i = 0; i < ROWS; ++i) {
                double x[CLASSES_MAX], y[CLASSES_MAX];
                const double w = weighted ? get(weight.data, i) : 1;
                for (int64_t j = 0; j < n; ++j) x[j] = get(p.data, i * p_row + j);
                for (int64_t j = 0; j < t_n; ++j) y[j] = get(t.data, i * t_row + j);
                if (area) {
                    for (int64_t j = 0; j < n; ++j) /* bucket b: threshold b < x <= threshold b + 1 */
                        wanted[(y[j] != 0 ? 0 : THRESHOLDS) + (int)ceil(x[j] * (THRESHOLDS - 1)) - 1] += w;
                } else {
                    wanted[0] += w * row_value(name, n, x, y, parameter);
                    wanted[1] += w;
                }
            }
            for (int k = 0; k < 2 * THRESHOLDS; ++k)
                expect(name, k, found[k], wanted[k], area ? 0 : ROWS, area ? 0 : 64);
            drop(p, name), drop(t, name), drop(weight, name);
        }
}

void check_metrics(void) {
    for (const fastnn_metric *metric = table->metrics; metric->name; ++metric) {
        if (strcmp(metric->name, "loss")) {
            check_metric(metric, NULL);
            continue;
        }
        for (const fastnn_loss *loss = table->losses; loss->name; ++loss) check_metric(metric, loss);
    }
}
