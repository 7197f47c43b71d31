/* Numbers as bins, as one-hot rows and as vectors. */
#include "checking.h"

void check_encoding(void) {
    for (int64_t n = 1; n <= 3 * table->lanes; n += 5)
        for (int64_t k = 1; k <= 40 * table->lanes; k = 3 * k + 1) {
            const int64_t m = 3, x_row = n + 2, y_row = k + 1;
            array x = filled_whole(m * x_row, 40), boundaries = filled_whole(k, 30);
            for (int64_t b = 1; b < k; ++b) put(boundaries.data, b, get(boundaries.data, b - 1) + uniform(0, 2));
            put(x.data, 0, NAN);
            array bins = make(m * x_row), rows = make(m * y_row);
            table->discretize(m, n, x.data, x_row, k, boundaries.data, bins.data, x_row);
            for (int64_t i = 0; i < m * x_row; ++i) {
                double wanted = 0;
                for (int64_t b = 0; b < k; ++b) wanted += !(get(x.data, i) < get(boundaries.data, b));
                expect("discretize", i, get(bins.data, i), i % x_row < n ? wanted : MARK, 0, 0);
            }
            for (int count = 0; count <= 1; ++count) {
                table->encode(m, n, x.data, x_row, k, count, rows.data, y_row);
                for (int64_t i = 0; i < m * y_row; ++i) {
                    double wanted = 0;
                    for (int64_t j = 0; j < n; ++j) wanted += get(x.data, i / y_row * x_row + j) == i % y_row;
                    if (!count) wanted = wanted > 0;
                    expect("encode", i, get(rows.data, i), i % y_row < k ? wanted : MARK, 0, 0);
                }
            }
            drop(x, "encode"), drop(boundaries, "discretize"), drop(bins, "discretize"), drop(rows, "encode");
        }
}

/* ---- numbers as vectors ---- */

static void check_waves(int64_t k, int sines, int has_phases) {
    const int64_t m = 3, features = 2, x_row = 3, each = sines ? 2 * k : k, n = m * features * each;
    const double turn = 6.283185307179586476925;
    array x = filled(m * x_row, -2, 2), c = filled(features * k, -3, 3), b = filled(features * k, -3, 3);
    array y = make(n), dy = filled(n, -1, 1), before = copied(dy), dx = make(m * x_row), dc = make(features * k);
    void *phases = has_phases ? b.data : NULL;
    table->waves(m, features, k, x.data, x_row, c.data, phases, sines, y.data);
    table->waves_backward(m, features, k, x.data, x_row, c.data, phases, sines, y.data, dy.data, dx.data, x_row);
    for (int64_t i = 0; i < m; ++i)
        for (int64_t f = 0; f < features; ++f) {
            double sum = 0, scale = 0;
            for (int64_t j = 0; j < k; ++j) {
                const int64_t at = (i * features + f) * each + j;
                const double angle = turn * get(c.data, f * k + j) * get(x.data, i * x_row + f) +
                                     (has_phases ? get(b.data, f * k + j) : 0);
                const double dt =
                    -sin(angle) * get(before.data, at) + (sines ? cos(angle) * get(before.data, at + k) : 0);
                expect("waves", at, get(y.data, at), cos(angle), 40, 3); /* the angle is rounded */
                if (sines) expect("waves: sines", at, get(y.data, at + k), sin(angle), 40, 3);
                expect("waves_backward: dt", at, get(dy.data, at), dt, 40, 4);
                sum += turn * get(c.data, f * k + j) * dt;
                scale += turn * fabs(get(c.data, f * k + j)) * 40;
            }
            expect("waves_backward", i, get(dx.data, i * x_row + f), sum, scale, 3);
        }
    for (int by_phase = 0; by_phase <= 1; ++by_phase) {
        array start = copied(dc);
        table->waves_gradient(m, 0, features, k, by_phase ? NULL : x.data, x_row, dy.data, features * each, each,
                              by_phase, dc.data);
        for (int64_t g = 0; g < features * k; ++g) {
            double sum = by_phase ? get(start.data, g) : 0;
            for (int64_t i = 0; i < m; ++i)
                sum += get(dy.data, (i * features + g / k) * each + g % k) *
                       (by_phase ? 1 : turn * get(x.data, i * x_row + g / k));
            expect("waves_gradient", g, get(dc.data, g), sum, 60, 3);
        }
        drop(start, "copied");
    }
    drop(x, "waves"), drop(c, "waves"), drop(b, "waves"), drop(y, "waves"), drop(dy, "waves_backward");
    drop(before, "copied"), drop(dx, "waves_backward"), drop(dc, "waves_gradient");
}

static void check_pieces(int64_t k) {
    const int64_t m = 5, features = 2, x_row = 3, n = m * features * k;
    array x = filled_whole(m * x_row, 6), left = filled_whole(features * k, 6), factor = filled_whole(features * k, 3);
    array low = filled_whole(features * k, 2), high = make(features * k), y = make(n), dy = filled_whole(n, 4);
    array dx = make(m * x_row);
    for (int64_t j = 0; j < features * k; ++j) put(high.data, j, get(low.data, j) + (j % 3));
    put(low.data, 0, -INFINITY), put(high.data, features * k - 1, INFINITY), put(x.data, 0, NAN);
    table->pieces(m, features, k, x.data, x_row, left.data, factor.data, low.data, high.data, y.data);
    table->pieces_backward(m, features, k, factor.data, low.data, high.data, y.data, dy.data, dx.data, x_row);
    for (int64_t i = 0; i < m; ++i)
        for (int64_t f = 0; f < features; ++f) {
            double sum = 0;
            for (int64_t j = 0; j < k; ++j) {
                const int64_t at = (i * features + f) * k + j, g = f * k + j;
                const double piece = (get(x.data, i * x_row + f) - get(left.data, g)) * get(factor.data, g);
                const double cut = fmin(get(high.data, g), fmax(get(low.data, g), piece));
                expect("pieces", at, get(y.data, at), isnan(piece) ? piece : cut, 0, 0);
                if (get(low.data, g) < piece && piece < get(high.data, g))
                    sum += get(dy.data, at) * get(factor.data, g);
            }
            expect("pieces_backward", i, get(dx.data, i * x_row + f), sum, 0, 0);
        }
    drop(x, "pieces"), drop(left, "pieces"), drop(factor, "pieces"), drop(low, "pieces"), drop(high, "pieces");
    drop(y, "pieces"), drop(dy, "pieces_backward"), drop(dx, "pieces_backward");
}

void check_numeric_features(void) {
    for (int64_t k = 1; k <= 3 * table->lanes; k += k < 2 ? 1 : table->lanes - 1) {
        for (int form = 0; form < 4; ++form) check_waves(k, form & 1, form >> 1);
        check_pieces(k);
    }
}
