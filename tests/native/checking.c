#include "checking.h"

#include <stdarg.h>
#include <stdio.h>

const fastnn_kernels *table;
int failures, checks;
static uint64_t state;

void start(const fastnn_kernels *which) {
    table = which;
    checks = 0;
    state = 1;
}

static double epsilon(void) { return table->itemsize == 4 ? 0x1p-23 : 0x1p-52; }

double uniform(double low, double high) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (double)(state >> 11) * 0x1p-53;
}
double whole(int limit) { return floor(uniform(-limit, limit + 1)); }

array make(int64_t n) {
    static int shift;
    shift = (shift + 1) % 5;
    array a = {malloc((size_t)(n + 2 * GUARD + 8) * (size_t)table->itemsize), NULL, n};
    if (!a.memory) exit(2);
    a.data = a.memory + (GUARD + shift) * table->itemsize;
    for (int64_t i = -GUARD; i < n + GUARD; ++i) put(a.data, i, MARK);
    return a;
}

array filled(int64_t n, double low, double high) {
    array a = make(n);
    for (int64_t i = 0; i < n; ++i) put(a.data, i, uniform(low, high));
    return a;
}

array filled_whole(int64_t n, int limit) {
    array a = make(n);
    for (int64_t i = 0; i < n; ++i) put(a.data, i, whole(limit));
    return a;
}

array copied(array from) {
    array a = make(from.n);
    memcpy(a.data, from.data, (size_t)(from.n * table->itemsize));
    return a;
}

void fail(const char *format, ...) {
    if (++failures > 40) return;
    va_list arguments;
    va_start(arguments, format);
    printf("  FAILED %s %s: ", table->isa, table->dtype);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void drop(array a, const char *what) {
    for (int64_t i = 1; i <= GUARD; ++i)
        if (get(a.data, -i) != MARK || get(a.data, a.n - 1 + i) != MARK) {
            fail("%s wrote beside its output", what);
            break;
        }
    free(a.memory);
}

void expect(const char *what, int64_t i, double found, double wanted, double scale, double units) {
    ++checks;
    if (isnan(wanted) ? isnan(found) : found == wanted) return;
    if (fabs(found - wanted) <= units * epsilon() * fmax(fabs(wanted), scale)) return;
    fail("%s [%lld]: %.17g, expected %.17g", what, (long long)i, found, wanted);
}
