/* Element by element, and whole columns. */
#include "checking.h"

void check_elementwise(void) {
    for (int64_t n = 1; n <= 4 * table->lanes + 1; n += n < 3 ? 1 : n - 1) {
        array a = filled_whole(n, 99), b = filled_whole(n, 99), c = make(n);
        double squares = 0, difference = 0, absolute = 0;
        table->add(n, a.data, b.data, c.data);
        for (int64_t i = 0; i < n; ++i) {
            const double p = get(a.data, i), q = get(b.data, i);
            expect("add", i, get(c.data, i), p + q, 0, 0);
            squares += p * p;
            absolute += fabs(p);
            difference = fmax(difference, fabs(p - q));
        }
        expect("sum_of_squares", n, table->sum_of_squares(n, a.data), squares, 0, 0);
        expect("max_abs_difference", n, table->max_abs_difference(n, a.data, b.data), difference, 0, 0);

        array g = copied(b), clipped = copied(a), scaled = copied(a);
        const double penalty = table->regularize(n, a.data, g.data, 0.5, 0.25);
        expect("regularize", n, penalty, 0.5 * absolute + 0.25 * squares, 0, 4);
        table->clip(n, clipped.data, 20);
        table->scale(n, scaled.data, 0.5);
        for (int64_t i = 0; i < n; ++i) {
            const double w = get(a.data, i), sign = (w > 0) - (w < 0);
            expect("regularize", i, get(g.data, i), get(b.data, i) + 0.5 * sign + 0.5 * w, 0, 2);
            expect("clip", i, get(clipped.data, i), fmin(fmax(w, -20), 20), 0, 0);
            expect("scale", i, get(scaled.data, i), w / 2, 0, 0);
        }
        drop(a, "regularize"), drop(b, "add"), drop(c, "add"), drop(g, "regularize"), drop(clipped, "clip");
        drop(scaled, "scale");
    }
}

void check_columns(void) {
    for (int64_t n = 1; n <= 4 * table->lanes + 1; n += n < 3 ? 1 : n - 1) {
        const int64_t m = 23, row = n + 3;
        array x = filled(m * row, -3, 3), dy = filled(m * row, -2, 2), mean = make(n), variance = make(n),
              inv = make(n);
        array s1 = make(n), s2 = make(n), gamma = filled(n, 0.5, 2), beta = filled(n, -1, 1), dx = make(m * row);
        array y = make(m * row);
        table->moments(m, n, x.data, row, mean.data, variance.data);
        for (int64_t j = 0; j < n; ++j) put(inv.data, j, 1 / sqrt(get(variance.data, j) + 1e-3));
        table->normalization_sums(m, n, x.data, row, dy.data, row, mean.data, inv.data, s1.data, s2.data);
        table->normalization_backward(m, n, m, x.data, row, dy.data, row, mean.data, inv.data, gamma.data, s1.data,
                                      s2.data, dx.data, row);
        table->affine(m, n, x.data, row, gamma.data, beta.data, y.data, row);
        for (int64_t j = 0; j < n; ++j) {
            double sum = 0, squares = 0, dsum = 0, dhat = 0;
            for (int64_t i = 0; i < m; ++i) sum += get(x.data, i * row + j);
            for (int64_t i = 0; i < m; ++i) {
                const double centred = get(x.data, i * row + j) - sum / m, d = get(dy.data, i * row + j);
                squares += centred * centred;
                dsum += d;
                dhat += d * centred * get(inv.data, j);
            }
            expect("moments", j, get(mean.data, j), sum / m, 3, 32);
            expect("moments", j, get(variance.data, j), squares / m, 9, 32);
            expect("normalization_sums", j, get(s1.data, j), dsum, 2 * m, 32);
            expect("normalization_sums", j, get(s2.data, j), dhat, 4 * m, 32);
            for (int64_t i = 0; i < m; ++i) {
                const int64_t at = i * row + j;
                const double hat = (get(x.data, at) - sum / m) * get(inv.data, j);
                const double wanted =
                    get(gamma.data, j) * get(inv.data, j) * (get(dy.data, at) - dsum / m - hat * dhat / m);
                expect("normalization_backward", at, get(dx.data, at), wanted, 8, 64);
                expect("affine", at, get(y.data, at), get(x.data, at) * get(gamma.data, j) + get(beta.data, j), 6, 4);
            }
        }
        drop(x, "moments"), drop(dy, "normalization"), drop(mean, "moments"), drop(variance, "moments");
        drop(inv, "normalization"), drop(s1, "normalization"), drop(s2, "normalization"), drop(gamma, "affine");
        drop(beta, "affine"), drop(dx, "normalization_backward"), drop(y, "affine");
    }
}
