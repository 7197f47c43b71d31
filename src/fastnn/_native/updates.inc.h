/* The list of the optimizers' updates; and what goes with any of them: regularizers before, running means after. */

static const fastnn_update updates[] = {
    {.name = "sgd", .slots = 0, .scalars = 2, .apply = sgd},
    {.name = "momentum", .slots = 1, .scalars = 3, .apply = momentum},
    {.name = "nesterov", .slots = 1, .scalars = 3, .apply = nesterov},
    {.name = "adam", .slots = 2, .scalars = 5, .apply = adam},
    {.name = "amsgrad", .slots = 3, .scalars = 5, .apply = amsgrad},
    {.name = "rmsprop", .slots = 1, .scalars = 4, .apply = rmsprop},
    {.name = "rmsprop_momentum", .slots = 2, .scalars = 5, .apply = rmsprop_momentum},
    {.name = "rmsprop_centered", .slots = 2, .scalars = 4, .apply = rmsprop_centered},
    {.name = "rmsprop_centered_momentum", .slots = 3, .scalars = 5, .apply = rmsprop_centered_momentum},
    {.name = "adagrad", .slots = 1, .scalars = 3, .apply = adagrad},
    {.name = "adadelta", .slots = 2, .scalars = 4, .apply = adadelta},
    {.name = "adamax", .slots = 2, .scalars = 5, .apply = adamax},
    {.name = "nadam", .slots = 2, .scalars = 8, .apply = nadam},
    {.name = "lion", .slots = 1, .scalars = 4, .apply = lion},
    {.name = "ftrl", .slots = 2, .scalars = 6, .apply = ftrl},
    {.name = "schedule_free_adamw", .slots = 2, .scalars = 7, .apply = schedule_free_adamw},
    {.name = "lamb", .slots = 2, .scalars = 7, .whole = lamb, .scratch = one_matrix},
    {.name = "adafactor",
     .slots = 3,
     .scalars = 6,
     .whole = adafactor,
     .scratch = one_matrix,
     .shapes = {FASTNN_PER_ROW, FASTNN_PER_COLUMN}},
    {.name = "adafactor_vector", .slots = 1, .scalars = 6, .whole = adafactor_vector, .scratch = one_matrix},
    {.name = "muon", .slots = 1, .scalars = 9, .whole = muon, .scratch = muon_scratch},
    {.name = NULL},
};

/* average[n] += (w - average) · share */
static void follow(int64_t n, const void *w, void *average, double share) {
    const real *weights = w;
    real *mean = average;
    const V s = v_set1((real)share);
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = min64(LANES, n - i);
        const V a = load_first(mean + i, count);
        store_first(mean + i, v_fma(v_sub(load_first(weights + i, count), a), s, a), count);
    }
}

/* g[n] += l1 · sign(w) + 2 · l2 · w; g may be NULL. Returns l1 · Σ|w| + l2 · Σ w², summed in double. */
static double regularize(int64_t n, const void *w, void *g, double l1, double l2) {
    const real *weights = w;
    real *gradient = g;
    const V zero = v_set1(0), slope1 = v_set1((real)l1), slope2 = v_set1((real)(2 * l2));
    for (int64_t i = 0; gradient && i < n; i += LANES) {
        const int64_t count = min64(LANES, n - i);
        const V x = load_first(weights + i, count);
        const V sign = v_select(v_eq(x, zero), zero, v_copysign(slope1, x));
        const V sum = v_add(load_first(gradient + i, count), v_fma(slope2, x, sign));
        store_first(gradient + i, sum, count);
    }
    double magnitudes[SUMS] = {0};
    int64_t i = 0;
    if (l1 != 0) {
        for (; i + SUMS <= n; i += SUMS)
            for (int k = 0; k < SUMS; k++) magnitudes[k] += fabs((double)weights[i + k]);
        for (int k = 0; i + k < n; k++) magnitudes[k] += fabs((double)weights[i + k]);
    }
    return (l1 != 0 ? l1 * fold_sums(magnitudes) : 0) + (l2 != 0 ? l2 * sum_of_squares(n, w) : 0);
}
