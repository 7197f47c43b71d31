/* Sparse rows, by matrices and for their gradients. */
#include "checking.h"

static void check_sparse(int64_t n, int64_t count, int wide, int has_bias) {
    const int64_t rows = 9;
    array values = filled_whole(count, 3), w = filled_whole(rows * n, 3), bias = filled_whole(n, 3), y = make(n);
    array dy = filled_whole(n, 3), g = filled_whole(4 * n, 3), before = copied(g);
    int64_t longs[16];
    int32_t ints[16];
    for (int64_t k = 0; k < count; ++k) longs[k] = ints[k] = (int32_t)uniform(0, (double)rows);
    const void *columns = wide ? (const void *)longs : (const void *)ints;
    table->sparse_row(count, values.data, columns, wide, n, w.data, has_bias ? bias.data : NULL, y.data);
    table->sparse_row_gradient(count, values.data, columns, wide, 2, 6, n, dy.data, g.data);
    for (int64_t j = 0; j < n; ++j) {
        double sum = has_bias ? get(bias.data, j) : 0;
        for (int64_t k = 0; k < count; ++k) sum += get(values.data, k) * get(w.data, longs[k] * n + j);
        expect("sparse_row", j, get(y.data, j), sum, 0, 0);
        for (int64_t row = 2; row < 6; ++row) {
            double by = get(before.data, (row - 2) * n + j);
            for (int64_t k = 0; k < count; ++k)
                if (longs[k] == row) by += get(values.data, k) * get(dy.data, j);
            expect("sparse_row_gradient", j, get(g.data, (row - 2) * n + j), by, 0, 0);
        }
    }
    drop(values, "sparse_row"), drop(w, "sparse_row"), drop(bias, "sparse_row"), drop(y, "sparse_row");
    drop(dy, "sparse_row_gradient"), drop(g, "sparse_row_gradient"), drop(before, "copied");
}

void check_sparse_rows(void) {
    for (int64_t n = 1; n <= 6 * table->lanes; n += n < 3 ? 1 : table->lanes / 2 + 1)
        for (int64_t count = 0; count <= 16; count += 4)
            for (int form = 0; form < 4; ++form) check_sparse(n, count, form & 1, form >> 1);
}
