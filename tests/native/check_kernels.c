/* Every kernel of every available table against plain loops in double. Needs no Python, so that an ISA can be checked
 * under an emulator. Small whole numbers where sums must come out exactly; else a tolerance in units of the dtype's
 * epsilon. Every output lies between guards. Prints a line for each table; exits with 1 after any difference. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static const fastnn_kernels *table;
static int failures, checks;

/* ---- arrays of the table's dtype ---- */

enum { GUARD = 32 };

static double get(const void *p, int64_t i) {
    return table->itemsize == 4 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static void put(void *p, int64_t i, double value) {
    if (table->itemsize == 4)
        ((float *)p)[i] = (float)value;
    else
        ((double *)p)[i] = value;
}

static double epsilon(void) { return table->itemsize == 4 ? 0x1p-23 : 0x1p-52; }

static uint64_t state = 1;
static double uniform(double low, double high) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (double)(state >> 11) * 0x1p-53;
}
static double whole(int limit) { return floor(uniform(-limit, limit + 1)); }

/* n elements with guards of a value that no kernel makes; off by `shift` elements from any alignment */
typedef struct {
    char *memory, *data;
    int64_t n;
} array;

static const double MARK = -7777.0;

static array make(int64_t n) {
    static int shift;
    shift = (shift + 1) % 5;
    array a = {malloc((size_t)(n + 2 * GUARD + 8) * (size_t)table->itemsize), NULL, n};
    if (!a.memory) exit(2);
    a.data = a.memory + (GUARD + shift) * table->itemsize;
    for (int64_t i = -GUARD; i < n + GUARD; ++i) put(a.data, i, MARK);
    return a;
}

static array filled(int64_t n, double low, double high) {
    array a = make(n);
    for (int64_t i = 0; i < n; ++i) put(a.data, i, uniform(low, high));
    return a;
}

static array filled_whole(int64_t n, int limit) {
    array a = make(n);
    for (int64_t i = 0; i < n; ++i) put(a.data, i, whole(limit));
    return a;
}

static array copied(array from) {
    array a = make(from.n);
    memcpy(a.data, from.data, (size_t)(from.n * table->itemsize));
    return a;
}

static void fail(const char *format, ...) {
    if (++failures > 40) return;
    va_list arguments;
    va_start(arguments, format);
    printf("  FAILED %s %s: ", table->isa, table->dtype);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

static void drop(array a, const char *what) {
    for (int64_t i = 1; i <= GUARD; ++i)
        if (get(a.data, -i) != MARK || get(a.data, a.n - 1 + i) != MARK) {
            fail("%s wrote beside its output", what);
            break;
        }
    free(a.memory);
}

/* `scale` is the size of the terms that were added up; `units` how many epsilons of it are allowed */
static void expect(const char *what, int64_t i, double found, double wanted, double scale, double units) {
    ++checks;
    if (isnan(wanted) ? isnan(found) : found == wanted) return;
    if (fabs(found - wanted) <= units * epsilon() * fmax(fabs(wanted), scale)) return;
    fail("%s [%lld]: %.17g, expected %.17g", what, (long long)i, found, wanted);
}

/* ---- dense ---- */

enum { AS_IT_LIES, PACKED, ACROSS }; /* how b is given */

static void check_gemm(int64_t m, int64_t n, int64_t k, int64_t gap, int transposed, int given, int accumulate,
                       int relu, int bias) {
    const int packed = given == PACKED, across = given == ACROSS;
    const int64_t a_row = (transposed ? m : k) + gap, b_line = (across ? k : n) + gap, c_row = n + 2 * gap;
    const int64_t b_row = across ? 1 : b_line, b_col = across ? b_line : 1;
    array a = filled_whole((transposed ? k : m) * a_row, 4), b = filled_whole((across ? n : k) * b_line, 4);
    array c = make(m * c_row), soon = make(m * n);
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
        .soon_rows = m,
        .soon_row = n * table->itemsize,
        .soon_bytes = n * table->itemsize,
    };
    table->gemm(&call);
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
    drop(before, "gemm"), drop(soon, "gemm");
}

static void check_dense(void) {
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

/* ---- activations ---- */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double gauss(double x) { return exp(-x * x / 2) / sqrt(2 * M_PI); }
static double normal(double x) { return erfc(-x / M_SQRT2) / 2; }

/* y = f(x) and *d = f'(x), with the default parameters */
static double activation(const char *name, double x, double *d) {
    const double s = sigmoid(x), t = tanh(x);
    if (!strcmp(name, "linear")) return *d = 1, x;
    if (!strcmp(name, "relu")) return *d = x > 0, fmax(x, 0);
    if (!strcmp(name, "clipped_relu")) return *d = x > 0, fmax(x, 0);
    if (!strcmp(name, "leaky_relu")) return *d = x > 0 ? 1 : 0.2, x > 0 ? x : 0.2 * x;
    if (!strcmp(name, "elu")) return *d = x > 0 ? 1 : exp(x), x > 0 ? x : expm1(x);
    if (!strcmp(name, "selu")) {
        const double scale = 1.0507009873554805, alpha = 1.6732632423543772;
        return *d = scale * (x > 0 ? 1 : alpha * exp(x)), scale * (x > 0 ? x : alpha * expm1(x));
    }
    if (!strcmp(name, "gelu")) return *d = normal(x) + x * gauss(x), x * normal(x);
    if (!strcmp(name, "gelu_tanh")) {
        const double c = sqrt(2 / M_PI), u = tanh(c * (x + 0.044715 * x * x * x));
        *d = 0.5 * (1 + u) + 0.5 * x * (1 - u * u) * c * (1 + 3 * 0.044715 * x * x);
        return 0.5 * x * (1 + u);
    }
    if (!strcmp(name, "silu")) return *d = s + x * s * (1 - s), x * s;
    if (!strcmp(name, "sigmoid")) return *d = s * (1 - s), s;
    if (!strcmp(name, "hard_sigmoid")) return *d = fabs(x) < 3 ? 1.0 / 6 : 0, fmin(fmax(x / 6 + 0.5, 0), 1);
    if (!strcmp(name, "tanh")) return *d = 1 - t * t, t;
    if (!strcmp(name, "softplus")) return *d = s, softplus(x);
    if (!strcmp(name, "softsign")) return *d = 1 / ((1 + fabs(x)) * (1 + fabs(x))), x / (1 + fabs(x));
    if (!strcmp(name, "exponential")) return *d = exp(x), exp(x);
    if (!strcmp(name, "mish")) {
        const double u = tanh(softplus(x));
        return *d = u + x * s * (1 - u * u), x * u;
    }
    if (!strcmp(name, "hard_silu"))
        return *d = x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5, x * fmin(fmax(x / 6 + 0.5, 0), 1);
    if (!strcmp(name, "hard_tanh")) return *d = fabs(x) < 1, fmin(fmax(x, -1), 1);
    if (!strcmp(name, "hard_shrink")) return *d = fabs(x) > 0.5, fabs(x) > 0.5 ? x : 0;
    if (!strcmp(name, "soft_shrink")) return *d = fabs(x) > 0.5, fabs(x) > 0.5 ? x - copysign(0.5, x) : 0;
    if (!strcmp(name, "threshold")) return *d = x > 0, fmax(x, 0);
    if (!strcmp(name, "sparse_sigmoid")) return *d = fabs(x) < 1 ? 0.5 : 0, fmin(fmax((x + 1) / 2, 0), 1);
    if (!strcmp(name, "sparse_plus"))
        return *d = fmin(fmax((x + 1) / 2, 0), 1), x <= -1 ? 0 : x >= 1 ? x : (x + 1) * (x + 1) / 4;
    if (!strcmp(name, "celu")) return *d = x > 0 ? 1 : exp(x), x > 0 ? x : expm1(x);
    if (!strcmp(name, "log_sigmoid")) return *d = sigmoid(-x), -softplus(-x);
    if (!strcmp(name, "squareplus")) return *d = (1 + x / sqrt(x * x + 4)) / 2, (x + sqrt(x * x + 4)) / 2;
    if (!strcmp(name, "tanh_shrink")) return *d = t * t, x - t;
    if (!strcmp(name, "linear_map")) return *d = 1, x;
    if (!strcmp(name, "absolute")) return *d = copysign(1, x), fabs(x);
    if (!strcmp(name, "square")) return *d = 2 * x, x * x;
    if (!strcmp(name, "square_root")) return *d = 0.5 / sqrt(x), sqrt(x);
    if (!strcmp(name, "reciprocal")) return *d = -1 / (x * x), 1 / x;
    if (!strcmp(name, "logarithm")) return *d = 1 / x, log(x);
    if (!strcmp(name, "logarithm_plus_one")) return *d = 1 / (1 + x), log1p(x);
    if (!strcmp(name, "sign")) return *d = 0, (x > 0) - (x < 0);
    if (!strcmp(name, "positive")) return *d = 0, x > 0;
    if (!strcmp(name, "not_negative")) return *d = 0, x >= 0;
    if (!strcmp(name, "is_zero")) return *d = 0, x == 0;
    fail("no plain form of the activation %s", name);
    return *d = NAN;
}

static void check_activations(void) {
    for (const fastnn_activation *f = table->activations; f->name; ++f)
        for (int64_t n = 0; n <= 4 * table->lanes + 1; n = n < 3 ? n + 1 : 2 * n - 1) {
            const int above_zero =
                !strcmp(f->name, "square_root") || !strcmp(f->name, "reciprocal") || !strncmp(f->name, "logarithm", 9);
            array x = above_zero ? filled(n, 0.25, 6) : filled(n, -6, 6), y = make(n), dy = filled(n, -2, 2),
                  dx = make(n), same = copied(x);
            f->forward(n, x.data, y.data, NULL);
            f->forward(n, same.data, same.data, NULL);
            f->backward(n, f->needs_input ? x.data : y.data, dy.data, dx.data, NULL);
            for (int64_t i = 0; i < n; ++i) {
                double d;
                const double wanted = activation(f->name, get(x.data, i), &d);
                expect(f->name, i, get(y.data, i), wanted, 0.25, 16);
                expect(f->name, i, get(same.data, i), get(y.data, i), 0, 0);
                expect(f->name, i, get(dx.data, i), d * get(dy.data, i), 2, 40);
            }
            drop(x, f->name), drop(y, f->name), drop(dy, f->name), drop(dx, f->name), drop(same, f->name);
        }
}

static void check_softmax(void) {
    for (int64_t n = 1; n <= 2 * table->lanes + 3; ++n) {
        const int64_t m = 5, row = n + 2;
        array x = filled(m * row, -9, 9), y = make(m * row), z = make(m * row), dy = filled(m * row, -2, 2);
        array dx = make(m * row), dz = make(m * row);
        table->softmax(m, n, x.data, row, y.data, row);
        table->log_softmax(m, n, x.data, row, z.data, row);
        table->softmax_backward(m, n, y.data, row, dy.data, row, dx.data, row);
        table->log_softmax_backward(m, n, z.data, row, dy.data, row, dz.data, row);
        for (int64_t i = 0; i < m; ++i) {
            double top = -INFINITY, sum = 0, dot = 0, total = 0;
            for (int64_t j = 0; j < n; ++j) top = fmax(top, get(x.data, i * row + j));
            for (int64_t j = 0; j < n; ++j) sum += exp(get(x.data, i * row + j) - top);
            for (int64_t j = 0; j < n; ++j) {
                dot += get(dy.data, i * row + j) * exp(get(x.data, i * row + j) - top) / sum;
                total += get(dy.data, i * row + j);
            }
            for (int64_t j = 0; j < n; ++j) {
                const int64_t at = i * row + j;
                const double log_p = get(x.data, at) - top - log(sum), p = exp(log_p), d = get(dy.data, at);
                expect("softmax", at, get(y.data, at), p, 0, 32);
                expect("log_softmax", at, get(z.data, at), log_p, 1, 32);
                expect("softmax_backward", at, get(dx.data, at), p * (d - dot), 1, 32);
                expect("log_softmax_backward", at, get(dz.data, at), d - p * total, 2 * n, 32);
            }
            for (int64_t j = n; j < row; ++j) expect("softmax", i * row + j, get(y.data, i * row + j), MARK, 0, 0);
        }
        drop(x, "softmax"), drop(y, "softmax"), drop(z, "log_softmax"), drop(dy, "softmax");
        drop(dx, "softmax_backward"), drop(dz, "log_softmax_backward");
    }
}

/* ---- element by element, and whole columns ---- */

static void check_elementwise(void) {
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

static void check_columns(void) {
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

/* ---- updates ---- */

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

static void check_updates(void) {
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

/* ---- losses and metrics ---- */

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

static void check_losses(void) {
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

static void check_metrics(void) {
    for (const fastnn_metric *metric = table->metrics; metric->name; ++metric) {
        if (strcmp(metric->name, "loss")) {
            check_metric(metric, NULL);
            continue;
        }
        for (const fastnn_loss *loss = table->losses; loss->name; ++loss) check_metric(metric, loss);
    }
}

/* ---- random numbers and data ---- */

/* Word `element` of the Philox 4x32-10 stream */
static uint32_t philox_word(uint64_t key, uint64_t counter, uint64_t element) {
    const uint64_t block = element / 4;
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)counter, (uint32_t)(counter >> 32)};
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1,
                                  (uint32_t)p0};
        memcpy(c, next, sizeof c);
    }
    return c[element % 4];
}

static void check_dropout(void) {
    const double rate = 0.3;
    for (int64_t first = 0; first < 9; first += 1 + first / 2) {
        const int64_t n = 1000;
        array x = filled(n, 0.5, 2), y = make(n);
        table->dropout(n, first, 0x0123456789abcdefu, 77, rate, x.data, y.data);
        for (int64_t i = 0; i < n; ++i) {
            const int kept = philox_word(0x0123456789abcdefu, 77, (uint64_t)(first + i)) >= rate * 0x1p32;
            expect("dropout", i, get(y.data, i), kept ? get(x.data, i) / (1 - rate) : 0, 0, 2);
        }
        drop(x, "dropout"), drop(y, "dropout");
    }
}

static void check_convert(void) {
    enum { COUNT = 70 };
    const double bound[FASTNN_SOURCE_TYPES] = {1, 127, 255, 32767, 65535, 1e6, 1e6, 1e6, 1e6, 2048, 1e6, 1e6};
    const int size[FASTNN_SOURCE_TYPES] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8};
    for (int type = 0; type < FASTNN_SOURCE_TYPES; ++type)
        for (int64_t stride = size[type]; stride <= 3 * size[type]; stride += size[type] + 1)
            for (int64_t n = 0; n <= COUNT; n += 1 + n / 3) {
                const int has_sign = type == FASTNN_I8 || type == FASTNN_I16 || type == FASTNN_I32 ||
                                     type == FASTNN_I64 || type >= FASTNN_F16;
                char source[COUNT * 24 + 1];
                double wanted[COUNT];
                array y = make(n);
                for (int64_t i = 0; i < n; ++i) {
                    char *at = source + 1 + i * stride; /* nothing is aligned */
                    const double v = wanted[i] = floor(uniform(has_sign ? -bound[type] : 0, bound[type] + 1));
                    const uint64_t bits = (uint64_t)(int64_t)v; /* little-endian: the low bytes come first */
                    const float f = (float)v;
                    if (type == FASTNN_F64)
                        memcpy(at, &v, 8);
                    else if (type == FASTNN_F32)
                        memcpy(at, &f, 4);
                    else if (type == FASTNN_F16) {
                        uint32_t w;
                        memcpy(&w, &f, 4); /* whole numbers up to 2048 are halves, but for zero all of them normal */
                        const uint32_t half =
                            v == 0 ? 0 : (w >> 16 & 0x8000u) | ((w & 0x7fffffffu) - (112u << 23)) >> 13;
                        memcpy(at, &half, 2);
                    } else
                        memcpy(at, &bits, (size_t)size[type]);
                }
                const fastnn_gather g = {.rows = 1, .n = n, .source = source + 1, .stride = stride, .to = y.data};
                table->gather[type](&g);
                for (int64_t i = 0; i < n; ++i) expect("gather", type * 1000 + i, get(y.data, i), wanted[i], 0, 0);
                drop(y, "gather");
            }
}

/* every product is 1/8, and a multiply-add is two operations */
static void check_peak(void) {
    array sum = make(1);
    const int64_t rounds = 200, operations = table->multiply_adds(rounds, sum.data);
    expect("multiply_adds", rounds, get(sum.data, 0), (double)operations / 16, 0, 0);
    if (operations < 2 * rounds * table->lanes) fail("multiply_adds: too few operations");
    drop(sum, "multiply_adds");
}

/* ---- features ---- */

static void check_encoding(void) {
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

static void check_numeric_features(void) {
    for (int64_t k = 1; k <= 3 * table->lanes; k += k < 2 ? 1 : table->lanes - 1) {
        for (int form = 0; form < 4; ++form) check_waves(k, form & 1, form >> 1);
        check_pieces(k);
    }
}

/* ---- sparse rows ---- */

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

static void check_sparse_rows(void) {
    for (int64_t n = 1; n <= 6 * table->lanes; n += n < 3 ? 1 : table->lanes / 2 + 1)
        for (int64_t count = 0; count <= 16; count += 4)
            for (int form = 0; form < 4; ++form) check_sparse(n, count, form & 1, form >> 1);
}

int main(int count, char **names) {
    /* the tables named on the command line must be there; without names, all that this machine can run are checked */
    int seen = 0;
    for (int isa = 0; isa < fastnn_isa_count(); ++isa) {
        int wanted = count == 1;
        for (int i = 1; i < count; ++i) wanted |= !strcmp(names[i], fastnn_isa_name(isa));
        if (!wanted || !fastnn_isa_available(isa)) continue;
        ++seen;
        for (int itemsize = 4; itemsize <= 8; itemsize += 4) {
            table = fastnn_isa_kernels(isa, itemsize);
            const int failures_before = failures;
            checks = 0;
            state = 1;
            if (strcmp(table->isa, fastnn_isa_name(isa)) || table->itemsize != itemsize)
                fail("the table says it is another");
            check_dense();
            check_activations();
            check_softmax();
            check_elementwise();
            check_columns();
            check_encoding();
            check_sparse_rows();
            check_numeric_features();
            check_updates();
            check_losses();
            check_metrics();
            check_dropout();
            check_convert();
            check_peak();
            printf("%s %s: %d comparisons, %d failed\n", table->isa, table->dtype, checks, failures - failures_before);
        }
    }
    if (count == 1 ? !seen : seen != count - 1) {
        printf("not every table that was asked for is available here\n");
        return 1;
    }
    return failures != 0;
}
