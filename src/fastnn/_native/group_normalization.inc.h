/* Normalization of rows, or of groups of a row's columns, each by its own statistics. See fastnn_groups in kernels.h.
 *
 * A group's sums run lane by lane down its lines and across the lanes at the end: the order depends on its size alone. */

static inline const real *line_of(const fastnn_groups *a, const void *base, int64_t row, int64_t i, int64_t g,
                                  int64_t line) {
    return (const real *)base + i * row + (line * a->groups + g) * a->n;
}

/* mean and 1 / deviation of group g of row i: statistics[i, g, 2] */
static void group_statistics(const fastnn_groups *a, int64_t i, int64_t g) {
    const int64_t n = a->n;
    const real count = (real)(a->lines * n);
    V sum = v_set1(0), squares = v_set1(0);
    real mean = 0;
    if (a->kind == FASTNN_CENTRED) {
        for (int64_t line = 0; line < a->lines; line++) {
            const real *x = line_of(a, a->x, a->x_row, i, g, line);
            for (int64_t j = 0; j < n; j += LANES) sum = v_add(sum, load_row(x, j, n, 0));
        }
        mean = v_sum(sum) / count;
    }
    for (int64_t line = 0; line < a->lines; line++) {
        const real *x = line_of(a, a->x, a->x_row, i, g, line);
        for (int64_t j = 0; j < n; j += LANES) {
            const V d = v_sub(load_row(x, j, n, mean), v_set1(mean));
            squares = v_fma(d, d, squares);
        }
    }
    const real total = v_sum(squares), epsilon = (real)a->epsilon;
    real *statistics = (real *)a->statistics + (i * a->groups + g) * 2;
    statistics[0] = mean;
    if (a->kind == FASTNN_UNIT) {
        const real length = (real)sqrt(total);
        statistics[1] = 1 / (length > epsilon ? length : epsilon);
    } else {
        statistics[1] = (real)(1 / sqrt(total / count + epsilon));
    }
}

/* y = (x - mean) · inverse · gamma + beta */
static void normalize_groups(const fastnn_groups *a) {
    const int64_t n = a->n;
    for (int64_t i = 0; i < a->m; i++)
        for (int64_t g = 0; g < a->groups; g++) {
            group_statistics(a, i, g);
            const real *statistics = (const real *)a->statistics + (i * a->groups + g) * 2;
            const V mean = v_set1(statistics[0]), inverse = v_set1(statistics[1]);
            const real *gamma = a->gamma ? (const real *)a->gamma + g * n : NULL;
            const real *beta = a->beta ? (const real *)a->beta + g * n : NULL;
            for (int64_t line = 0; line < a->lines; line++) {
                const real *x = line_of(a, a->x, a->x_row, i, g, line);
                real *y = (real *)line_of(a, a->y, a->y_row, i, g, line);
                for (int64_t j = 0; j < n; j += LANES) {
                    V z = v_mul(v_sub(load_row(x, j, n, 0), mean), inverse);
                    if (gamma) z = v_mul(z, load_row(gamma, j, n, 0));
                    if (beta) z = v_add(z, load_row(beta, j, n, 0));
                    store_row(y, z, j, n);
                }
            }
        }
}

/* dx = inverse · (dz - Σ dz / N - xhat · Σ (dz · xhat) / N), dz = dy · gamma, over the N elements of a group. Without a
 * mean its term is left out; vectors of unit length have N = 1, and no second term where epsilon was the divisor. */
static void normalize_groups_backward(const fastnn_groups *a) {
    const int64_t n = a->n;
    const real count = a->kind == FASTNN_UNIT ? 1 : (real)(a->lines * n);
    for (int64_t i = 0; i < a->m; i++)
        for (int64_t g = 0; g < a->groups; g++) {
            const real *statistics = (const real *)a->statistics + (i * a->groups + g) * 2;
            const V mean = v_set1(statistics[0]), inverse = v_set1(statistics[1]);
            const real *gamma = a->gamma ? (const real *)a->gamma + g * n : NULL;
            V sum = v_set1(0), products = v_set1(0);
            for (int64_t line = 0; line < a->lines; line++) {
                const real *x = line_of(a, a->x, a->x_row, i, g, line);
                const real *dy = line_of(a, a->dy, a->dy_row, i, g, line);
                for (int64_t j = 0; j < n; j += LANES) {
                    V dz = load_row(dy, j, n, 0);
                    if (gamma) dz = v_mul(dz, load_row(gamma, j, n, 0));
                    sum = v_add(sum, dz);
                    products = v_fma(dz, v_mul(v_sub(load_row(x, j, n, 0), mean), inverse), products);
                }
            }
            const int bounded = a->kind == FASTNN_UNIT && statistics[1] >= 1 / (real)a->epsilon;
            const V shift = v_set1(a->kind == FASTNN_CENTRED ? v_sum(sum) / count : 0);
            const V slope = v_set1(bounded ? 0 : v_sum(products) / count);
            for (int64_t line = 0; line < a->lines; line++) {
                const real *x = line_of(a, a->x, a->x_row, i, g, line);
                const real *dy = line_of(a, a->dy, a->dy_row, i, g, line);
                real *dx = (real *)line_of(a, a->dx, a->dx_row, i, g, line);
                for (int64_t j = 0; j < n; j += LANES) {
                    V dz = load_row(dy, j, n, 0);
                    if (gamma) dz = v_mul(dz, load_row(gamma, j, n, 0));
                    const V xhat = v_mul(v_sub(load_row(x, j, n, 0), mean), inverse);
                    store_row(dx, v_mul(inverse, v_fnma(xhat, slope, v_sub(dz, shift))), j, n);
                }
            }
        }
}

/* (+)= Σ dy · xhat (of gamma), or Σ dy (of beta) with `plain`, for columns [column0, column1) of [groups, n], over rows
 * and lines in order */
static void normalize_groups_gradient(const fastnn_groups *a, int plain, int64_t column0, int64_t column1,
                                      int accumulate, void *gradient) {
    real *out = gradient;
    for (int64_t g = column0 / a->n; g * a->n < column1; g++) {
        const int64_t first = max64(column0, g * a->n) - g * a->n, last = min64(column1, (g + 1) * a->n) - g * a->n;
        for (int64_t j = first; j < last; j += LANES) {
            V sum = v_set1(0);
            for (int64_t i = 0; i < a->m; i++) {
                const real *statistics = (const real *)a->statistics + (i * a->groups + g) * 2;
                const V mean = v_set1(statistics[0]), inverse = v_set1(statistics[1]);
                for (int64_t line = 0; line < a->lines; line++) {
                    const V dy = load_row(line_of(a, a->dy, a->dy_row, i, g, line), j, last, 0);
                    const V x = load_row(line_of(a, a->x, a->x_row, i, g, line), j, last, 0);
                    sum = plain ? v_add(sum, dy) : v_fma(dy, v_mul(v_sub(x, mean), inverse), sum);
                }
            }
            real *to = out + g * a->n - column0;
            if (accumulate) sum = v_add(sum, load_row(to, j, last, 0));
            store_row(to, sum, j, last);
        }
    }
}
