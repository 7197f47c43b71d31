/* Features in front of the first product: numbers into bins, category numbers into rows of zeros and ones. */

/* More boundaries than this are searched by halves: below, comparing with all of them in whole vectors is faster. */
enum { MOST_COMPARED = 16 * LANES };

/* k - (how many of boundaries[k] are > x), for each lane: NaN is greater than all */
static inline V bins_of(V x, int64_t k, const real *boundaries) {
    const V one = v_set1(1);
    V above = v_set1(0);
    for (int64_t b = 0; b < k; b++) above = v_add(above, v_select(v_lt(x, v_set1(boundaries[b])), one, v_set1(0)));
    return v_sub(v_set1((real)k), above);
}

/* The same for one element, by halves; a step is a sum and no branch, which would be guessed wrong every other time */
static inline real bin_of(real x, int64_t k, const real *boundaries) {
    const real *from = boundaries;
    for (; k > 1; k -= k / 2) from += k / 2 * !(x < from[k / 2 - 1]);
    return (real)(from - boundaries + !(x < *from));
}

/* y[m,n] = the bin of x[m,n]: how many of boundaries[k], which ascend, are not above it */
static void discretize(int64_t m, int64_t n, const void *x, int64_t x_row, int64_t k, const void *boundaries, void *y,
                       int64_t y_row) {
    for (int64_t i = 0; i < m; i++) {
        const real *from = (const real *)x + i * x_row;
        real *to = (real *)y + i * y_row;
        if (k > MOST_COMPARED)
            for (int64_t j = 0; j < n; j++) to[j] = bin_of(from[j], k, boundaries);
        else
            for (int64_t j = 0; j < n; j += LANES) {
                const int64_t count = min64(LANES, n - j);
                store_first(to + j, bins_of(load_first(from + j, count), k, boundaries), count);
            }
    }
}

/* y[m,depth] = 1 in the columns that are among x[m,n], else 0; with `count` how often each is. Fractions are cut off;
 * numbers outside of [0, depth), NaN too, leave no mark. */
static void encode(int64_t m, int64_t n, const void *x, int64_t x_row, int64_t depth, int count, void *y,
                   int64_t y_row) {
    for (int64_t i = 0; i < m; i++) {
        const real *from = (const real *)x + i * x_row;
        real *to = (real *)y + i * y_row;
        memset(to, 0, (size_t)depth * sizeof(real));
        for (int64_t j = 0; j < n; j++)
            if (from[j] > -1 && from[j] < (real)depth) {
                real *cell = &to[(int64_t)from[j]];
                *cell = count ? *cell + 1 : 1;
            }
    }
}
