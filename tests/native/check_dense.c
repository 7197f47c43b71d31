/* Products of matrices, how they are packed, sums of columns, and the multiply-adds that the peak is measured by. */
#include "checking.h"

enum { AS_IT_LIES, PACKED, ACROSS }; /* how b is given */

static void check_gemm(int64_t m, int64_t n, int64_t k, int64_t gap, int transposed, int given, int accumulate,
                       int relu, int bias) {
    const int packed = given == PACKED, across = given == ACROSS;
    const int64_t a_row = (transposed ? m : k) + gap, b_line = (across ? k : n) + gap, c_row = n + 2 * gap;
    const int64_t b_row = across ? 1 : b_line, b_col = across ? b_line : 1;
    array a = filled_whole((transposed ? k : m) * a_row, 4), b = filled_whole((across ? n : k) * b_line, 4);
    array c = make(m * c_row), soon = filled_whole(m * n, 9), soon_before = copied(soon);
    array bias_row = filled_whole(n, 9), p = make(table->gemm_packed(n, k)),
          scratch = make(table->gemm_scratch(transposed ? m : 0));
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) put(c.data, i * c_row + j, whole(9));
    array before = copied(c);
    if (packed) table->pack(k, n, b.data, b_row, p.data);
    const fastnn_gemm call = {
        .m = m,
        .n = n,
        .k = k,
        .a = a.data,
        .a_row = transposed ? 1 : a_row,
        .a_col = transposed ? a_row : 1,
        .b = packed ? p.data : b.data,
        .b_row = b_row,
        .b_col = across ? b_col : 0,
        .bias = bias ? bias_row.data : NULL,
        .c = c.data,
        .c_row = c_row,
        .accumulate = accumulate,
        .relu = relu,
        .packed = packed,
        .scratch = across || (m + n) % 2 ? scratch.data : NULL,
        .rows_across = transposed ? m : 0,
        .soon = {packed && n % 2 ? soon.data : NULL},
        .soon_shared = 1,
        .soon_rows = m,
        .soon_row = n * table->itemsize,
        .soon_bytes = n * table->itemsize,
    };
    table->gemm(&call);
    for (int64_t i = 0; i < m * n; ++i) expect("soon", i, get(soon.data, i), get(soon_before.data, i), 0, 0);
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < c_row; ++j) {
            const int64_t at = i * c_row + j;
            double sum = get(before.data, at);
            if (j < n) {
                if (!accumulate) sum = bias ? get(bias_row.data, j) : 0;
                for (int64_t q = 0; q < k; ++q)
                    sum += get(a.data, i * call.a_row + q * call.a_col) * get(b.data, q * b_row + j * b_col);
                if (relu) sum = sum > 0 ? sum : 0;
            }
            if (get(c.data, at) != sum) {
                fail("gemm %lldx%lldx%lld transposed %d given %d accumulate %d relu %d bias %d [%lld,%lld]: %g, not %g",
                     (long long)m, (long long)n, (long long)k, transposed, given, accumulate, relu, bias, (long long)i,
                     (long long)j, get(c.data, at), sum);
                i = m;
                break;
            }
            ++checks;
        }
    drop(a, "gemm"), drop(b, "gemm"), drop(c, "gemm"), drop(bias_row, "gemm"), drop(p, "pack"), drop(scratch, "gemm");
    drop(before, "gemm"), drop(soon, "gemm"), drop(soon_before, "gemm");
}

void check_dense(void) {
    const int64_t rows = table->tile_rows, cols = table->tile_cols, lanes = table->lanes;
    const int64_t ms[] = {1, 2, rows - 1, rows, rows + 1, 2 * rows + 3};
    const int64_t ns[] = {1, 3, lanes - 1, lanes, lanes + 1, cols - 1, cols, cols + 1, 2 * cols + lanes + 1};
    const int64_t ks[] = {0, 1, 2, 7, 33};
    for (size_t x = 0; x < sizeof ms / sizeof *ms; ++x)
        for (size_t y = 0; y < sizeof ns / sizeof *ns; ++y)
            for (size_t z = 0; z < sizeof ks / sizeof *ks; ++z)
                for (int mode = 0; mode < 24; ++mode) {
                    const int transposed = mode % 2, given = mode / 2 % 3, end = mode / 6;
                    const int accumulate = end == 3, relu = end >= 2, bias = end == 1 || end == 2;
                    check_gemm(ms[x], ns[y], ks[z], 0, transposed, given, accumulate, relu, bias);
                    check_gemm(ms[x], ns[y], ks[z], 3, transposed, given, accumulate, relu, bias);
                }
    check_gemm(0, 5, 3, 1, 0, 0, 0, 0, 1);
    check_gemm(3 * rows + 1, 5 * cols + 3, 300, 1, 0, 1, 0, 1, 1);
    check_gemm(3 * rows + 1, 5 * cols + 3, 300, 1, 1, 0, 1, 0, 0);
    check_gemm(rows + 1, 6 * cols, 1200, 1, 0, 0, 0, 1, 1); /* so few tiles that they cannot copy all of a panel */
    check_gemm(505, 6 * cols, 300, 1, 0, 0, 0, 0, 1);       /* a last block of one row */
    check_gemm(2 * rows + 1, 9 * cols + 1, 1200, 0, 0, AS_IT_LIES, 0, 0, 1);
    check_gemm(2 * rows + 1, 9 * cols + 1, 1200, 0, 1, ACROSS, 1, 0, 0);
    check_gemm(5 * rows, 9 * cols, 1200, 0, 1, ACROSS, 0, 1, 1);
    check_gemm(5 * rows, 9 * cols + 1, 70, 0, 1, PACKED, 0, 0, 0); /* a is packed, too */
    for (int given = 0; given < 3; ++given) /* many rows, strips of columns, sums in several parts */
        for (int transposed = 0; transposed < 2; ++transposed) {
            const int64_t k = (given == PACKED ? 4096 : 2048) / table->itemsize + 3, odd = 394 + lanes;
            check_gemm(323, odd - odd % 2, k, 1, transposed, given, 0, 1, 1);
            check_gemm(323, 8 * cols + 2, k - 3, 0, transposed, given, 1, 0, 0);
        }
    for (int mode = 0; mode < 8; ++mode) /* few columns: rows go into the lanes, a part of each sum at a time */
        for (int64_t few = 2; few <= lanes / 2 + 2; ++few)
            check_gemm(2 * cols + 3, few, 129 + mode, mode % 3, mode % 2, AS_IT_LIES, mode / 4, mode / 2 % 2, mode < 4);
    check_gemm(320, 8 * cols + 1, 1024, 0, 0, AS_IT_LIES, 0, 0, 1); /* the rows of a share cache sets */
    check_gemm(2021, 4 * cols, 131072 / (4 * cols) / table->itemsize + 1, 0, 1, AS_IT_LIES, 0, 0,
               1); /* two blocks of rows */
    check_gemm(321, 4, 0, 1, 1, ACROSS, 0, 0, 1);

    for (size_t y = 0; y < sizeof ns / sizeof *ns; ++y) { /* packing b[n,k]ᵀ piece by piece, against packing bᵀ whole */
        const int64_t n = ns[y], k = 37, b_row = k + 3, size = table->gemm_packed(n, k);
        array b = filled_whole(n * b_row, 99), turned = make(k * n), whole_pack = make(size), pieces = make(size);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < k; ++j) put(turned.data, j * n + i, get(b.data, i * b_row + j));
        table->pack(k, n, turned.data, n, whole_pack.data);
        for (int64_t from = 0; from < n; from += 5) {
            table->pack_transposed(k, from, from + 5 < n ? from + 5 : n, 0, 7, b.data, b_row, pieces.data);
            table->pack_transposed(k, from, from + 5 < n ? from + 5 : n, 7, k, b.data, b_row, pieces.data);
        }
        for (int64_t j = 0; j < n; ++j) /* columns beyond n are zero in `pack`, and nobody's in the pieces */
            for (int64_t q = 0; q < k; ++q) {
                const int64_t at = j / cols * k * cols + q * cols + j % cols;
                expect("pack_transposed", at, get(pieces.data, at), get(whole_pack.data, at), 0, 0);
            }
        drop(b, "pack_transposed"), drop(turned, "pack"), drop(whole_pack, "pack"), drop(pieces, "pack_transposed");
    }
    for (int accumulate = 0; accumulate < 2; ++accumulate)
        for (size_t y = 0; y < sizeof ns / sizeof *ns; ++y) {
            const int64_t m = 29, n = ns[y], a_row = n + 1;
            array a = filled_whole(m * a_row, 99), sums = filled_whole(n, 9), before = copied(sums);
            table->column_sums(m, n, a.data, a_row, accumulate, sums.data);
            for (int64_t j = 0; j < n; ++j) {
                double sum = accumulate ? get(before.data, j) : 0;
                for (int64_t i = 0; i < m; ++i) sum += get(a.data, i * a_row + j);
                expect("column_sums", j, get(sums.data, j), sum, 0, 0);
            }
            drop(a, "column_sums"), drop(sums, "column_sums"), drop(before, "column_sums");
        }
}

/* every product is 1/8, and a multiply-add is two operations */
void check_peak(void) {
    array sum = make(1);
    const int64_t rounds = 200, operations = table->multiply_adds(rounds, sum.data);
    expect("multiply_adds", rounds, get(sum.data, 0), (double)operations / 16, 0, 0);
    if (operations < 2 * rounds * table->lanes) fail("multiply_adds: too few operations");
    drop(sum, "multiply_adds");
}
