/* Updates that look at a whole parameter w[rows,cols] at once: at norms and means over it, or at it as a matrix.
 * They run as one task, so the order of their sums depends on the shape alone. */

static int64_t one_matrix(int64_t rows, int64_t cols) { return rows * cols; }

/* w[n] -= rate · d[n] */
static void descend(int64_t n, real *w, const real *d, double rate) {
    const V step = v_set1((real)rate);
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = min64(LANES, n - i);
        store_first(w + i, v_fnma(step, load_first(d + i, count), load_first(w + i, count)), count);
    }
}

/* lamb: h = decay, lr, 1 - b1, 1 - b2, 1 / (1 - b1^t), 1 / (1 - b2^t), epsilon; slots = m, v; scratch = u.
 * m += (g - m) · (1 - b1);  v += (g² - v) · (1 - b2);  u = (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon);
 * w -= lr · (‖w‖ / ‖u‖) · u, where a norm of zero makes the ratio one */
static void lamb(const fastnn_whole *p, const double *h) {
    const int64_t n = p->rows * p->cols;
    const real *g = p->g;
    real *m = p->slots[0], *v = p->slots[1], *u = p->scratch;
    V c[7];
    spread(h, 7, c);
    if (h[0] != 1) scale(n, p->w, h[0]);
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = min64(LANES, n - i);
        const V gradient = load_first(g + i, count), m0 = load_first(m + i, count), v0 = load_first(v + i, count);
        const V m1 = v_fma(v_sub(gradient, m0), c[2], m0);
        const V v1 = v_fma(v_sub(v_mul(gradient, gradient), v0), c[3], v0);
        store_first(m + i, m1, count);
        store_first(v + i, v1, count);
        store_first(u + i, v_div(v_mul(m1, c[4]), v_add(v_sqrt(v_mul(v1, c[5])), c[6])), count);
    }
    const double weights = sqrt(sum_of_squares(n, p->w)), moves = sqrt(sum_of_squares(n, u));
    descend(n, p->w, u, h[1] * (weights > 0 && moves > 0 ? weights / moves : 1));
}

/* w[n] -= alpha · u / max(1, rms(u) / threshold), with alpha = max(epsilon_2, rms(w)) · rate */
static void adafactor_descend(int64_t n, void *w, const real *u, double rate, double epsilon_2, double threshold) {
    const double size = sqrt(sum_of_squares(n, w) / (double)n), moves = sqrt(sum_of_squares(n, u) / (double)n);
    const double alpha = rate * (size > epsilon_2 ? size : epsilon_2), excess = moves / threshold;
    descend(n, w, u, excess > 1 ? alpha / excess : alpha);
}

/* adafactor: h = decay, rate, b2_t, epsilon_1, epsilon_2, threshold; slots = r[rows], c[cols], v; scratch = u.
 * r and c are running means, kept at b2_t, of the means of g² + epsilon_1 over each row and each column;
 * v = r cᵀ / mean(r);  u = g / sqrt(v); then w as above */
static void adafactor(const fastnn_whole *p, const double *h) {
    const int64_t rows = p->rows, cols = p->cols;
    const real *g = p->g;
    real *r = p->slots[0], *c = p->slots[1], *v = p->slots[2], *u = p->scratch;
    const double kept = h[2], added = 1 - h[2];
    if (h[0] != 1) scale(rows * cols, p->w, h[0]);
    double mean = 0;
    for (int64_t i = 0; i < rows; i++) {
        const double squares = sum_of_squares(cols, g + i * cols) / (double)cols + h[3];
        r[i] = (real)(kept * (double)r[i] + added * squares);
        mean += (double)r[i];
    }
    mean /= (double)rows;
    const V share = v_set1((real)(added / (double)rows)), keep = v_set1((real)kept),
            least = v_set1((real)(added * h[3]));
    for (int64_t j = 0; j < cols; j += LANES) {
        const int64_t count = min64(LANES, cols - j);
        V squares = v_set1(0);
        for (int64_t i = 0; i < rows; i++) {
            const V x = load_first(g + i * cols + j, count);
            squares = v_fma(x, x, squares);
        }
        const V before = v_mul(keep, load_first(c + j, count));
        store_first(c + j, v_add(before, v_fma(share, squares, least)), count);
    }
    for (int64_t i = 0; i < rows; i++) {
        const V row = v_set1((real)((double)r[i] / mean));
        for (int64_t j = 0; j < cols; j += LANES) {
            const int64_t count = min64(LANES, cols - j), at = i * cols + j;
            const V square = v_mul(row, load_first(c + j, count));
            store_first(v + at, square, count);
            store_first(u + at, v_div(load_first(g + at, count), v_sqrt(square)), count);
        }
    }
    adafactor_descend(rows * cols, p->w, u, h[1], h[4], h[5]);
}

/* adafactor_vector: h as for adafactor; slots = v; scratch = u.  v = b2_t · v + (1 - b2_t) · (g² + epsilon_1) */
static void adafactor_vector(const fastnn_whole *p, const double *h) {
    const int64_t n = p->rows * p->cols;
    const real *g = p->g;
    real *v = p->slots[0], *u = p->scratch;
    const V kept = v_set1((real)h[2]), added = v_set1((real)(1 - h[2])), epsilon_1 = v_set1((real)h[3]);
    if (h[0] != 1) scale(n, p->w, h[0]);
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = min64(LANES, n - i);
        const V gradient = load_first(g + i, count);
        const V square = v_fma(kept, load_first(v + i, count), v_mul(added, v_fma(gradient, gradient, epsilon_1)));
        store_first(v + i, square, count);
        store_first(u + i, v_div(gradient, v_sqrt(square)), count);
    }
    adafactor_descend(n, p->w, u, h[1], h[4], h[5]);
}

/* y[n] = factor · x[n] */
static void scaled(int64_t n, const real *x, double factor, real *y) {
    const V f = v_set1((real)factor);
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = min64(LANES, n - i);
        store_first(y + i, v_mul(f, load_first(x + i, count)), count);
    }
}

/* at[cols,rows] = a[rows,cols]ᵀ */
static void transposed(int64_t rows, int64_t cols, const real *a, real *at) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) at[j * rows + i] = a[i * cols + j];
}

/* two of the matrix, three of the square one of its shorter side, and what gemm wants */
static int64_t muon_scratch(int64_t rows, int64_t cols) {
    const int64_t side = min64(rows, cols);
    return 2 * rows * cols + 3 * side * side + gemm_scratch(0);
}

/* muon: h = decay, lr, rms_rate (0: none), momentum, nesterov, steps, a, b, c; slots = m.
 * m = momentum · m + g;  x = g + momentum · m with nesterov, else m;  x = x / (‖x‖ + 1e-7), then `steps` times
 * A = xᵀ x;  x = a · x + x · (b · A + c · A A);  w -= lr · sqrt(max(rows, cols)) · rms_rate · x.
 * x lies with its longer side upright, as its transpose where need be, so that A is as small as can be. */
static void muon(const fastnn_whole *p, const double *h) {
    const int64_t n = p->rows * p->cols, m = max64(p->rows, p->cols), k = min64(p->rows, p->cols);
    real *x = p->scratch, *next = x + n, *square = next + n, *factor = square + k * k, *sum = factor + k * k;
    real *slot = p->slots[0];
    void *scratch = sum + k * k;
    const int wide = p->rows < p->cols;
    if (h[0] != 1) scale(n, p->w, h[0]);
    scale(n, slot, h[3]);
    add(n, slot, p->g, slot);
    real *first = wide ? next : x;
    memcpy(first, h[4] != 0 ? p->g : slot, (size_t)n * sizeof *first);
    if (h[4] != 0) descend(n, first, slot, -h[3]);
    scale(n, first, 1 / (sqrt(sum_of_squares(n, first)) + 1e-7));
    if (wide) transposed(p->rows, p->cols, first, x);
    for (int step = 0; step < (int)h[5]; step++) {
        const fastnn_gemm squared = {.m = k,
                                     .n = k,
                                     .k = m,
                                     .a = x,
                                     .a_row = 1,
                                     .a_col = k,
                                     .b = x,
                                     .b_row = k,
                                     .c = square,
                                     .c_row = k,
                                     .scratch = scratch};
        gemm(&squared);
        scaled(k * k, square, h[7], sum);
        scaled(k * k, square, h[8], factor);
        const fastnn_gemm quartic = {.m = k,
                                     .n = k,
                                     .k = k,
                                     .a = factor,
                                     .a_row = k,
                                     .a_col = 1,
                                     .b = square,
                                     .b_row = k,
                                     .c = sum,
                                     .c_row = k,
                                     .accumulate = 1,
                                     .scratch = scratch};
        gemm(&quartic);
        scaled(n, x, h[6], next);
        const fastnn_gemm moved = {.m = m,
                                   .n = k,
                                   .k = k,
                                   .a = x,
                                   .a_row = k,
                                   .a_col = 1,
                                   .b = sum,
                                   .b_row = k,
                                   .c = next,
                                   .c_row = k,
                                   .accumulate = 1,
                                   .scratch = scratch};
        gemm(&moved);
        real *swapped = x;
        x = next;
        next = swapped;
    }
    if (wide) transposed(p->cols, p->rows, x, next);
    descend(n, p->w, wide ? next : x, h[2] != 0 ? h[1] * sqrt((double)m) * h[2] : h[1]);
}
