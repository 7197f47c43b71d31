/* What the checks of the kernels share: arrays of the table's dtype between guards, random numbers that repeat, and
 * comparisons that are counted. */
#ifndef FASTNN_CHECKING_H
#define FASTNN_CHECKING_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

extern const fastnn_kernels *table; /* the one that is being checked */
extern int failures, checks;        /* of all tables; of this one */

/* From here on this table is checked, with the same random numbers as every other. */
void start(const fastnn_kernels *which);

/* ---- arrays of the table's dtype ---- */

enum { GUARD = 32 };

static inline double get(const void *p, int64_t i) {
    return table->itemsize == 4 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static inline void put(void *p, int64_t i, double value) {
    if (table->itemsize == 4)
        ((float *)p)[i] = (float)value;
    else
        ((double *)p)[i] = value;
}

/* n elements with guards of a value that no kernel makes; off by a few elements from any alignment */
typedef struct {
    char *memory, *data;
    int64_t n;
} array;

static const double MARK = -7777.0;

array make(int64_t n);
array filled(int64_t n, double low, double high);
array filled_whole(int64_t n, int limit);
array copied(array from);
void drop(array a, const char *what); /* fails where the guards were written to */

double uniform(double low, double high);
double whole(int limit); /* from -limit to limit */

/* ---- comparisons ---- */

void fail(const char *format, ...);

/* `scale` is the size of the terms that were added up; `units` how many epsilons of it are allowed */
void expect(const char *what, int64_t i, double found, double wanted, double scale, double units);

/* ---- plain forms that several checks use ---- */

static inline double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* ---- the checks, file by file ---- */

void check_dense(void);
void check_peak(void);
void check_sparse_rows(void);
void check_activations(void);
void check_softmax(void);
void check_elementwise(void);
void check_columns(void);
void check_encoding(void);
void check_numeric_features(void);
void check_updates(void);
void check_losses(void);
void check_metrics(void);
void check_dropout(void);
void check_convert(void);

#endif
