/* A data set as NumPy holds it: any element type, any strides. Read sample by sample, never copied whole. */
#ifndef FASTNN_DATA_H
#define FASTNN_DATA_H
#include "kernels.h"

enum { FASTNN_MAX_DIMS = 32 };

typedef struct {
    const char *data;
    fastnn_source_type type;
    int itemsize;
    int64_t samples, sample_stride; /* strides in bytes */
    int64_t size;                   /* elements in a sample */
    int dims;                       /* of one sample, after neighbouring dimensions were merged; at least 1 */
    int64_t shape[FASTNN_MAX_DIMS], stride[FASTNN_MAX_DIMS];
} fastnn_source;

/* A sparse matrix by rows: row i is entries starts[i] to starts[i + 1] of `columns` (int64 where `wide`, else int32) and
 * of `values` (of the kernels' dtype). All columns are within the matrix. */
typedef struct {
    const int64_t *starts;
    const void *columns, *values;
    int wide, sorted; /* the columns of a row ascend */
    int64_t samples;
} fastnn_csr;

/* dst[i, n] <- row order[i] (or first + i) as an ordinary row, like fastnn_source_read */
void fastnn_csr_read(const fastnn_csr *matrix, const fastnn_kernels *kernels, const int64_t *order, int64_t first,
                     int64_t count, int64_t n, void *dst, int64_t dst_row);

/* Describes an array of `dims` dimensions, samples first. */
void fastnn_source_init(fastnn_source *source, const void *data, fastnn_source_type type, int itemsize, int dims,
                        const int64_t *shape, const int64_t *strides);

/* dst[i] <- sample order[i] (or first + i where order is NULL), for i in [0, count); rows of dst are dst_row elements
 * apart. A sample of several rows fills `size` elements in a run. */
void fastnn_source_read(const fastnn_source *source, const fastnn_kernels *kernels, const int64_t *order, int64_t first,
                        int64_t count, void *dst, int64_t dst_row);

/* The samples' own memory, where it can serve as rows of the kernels' dtype without conversion; else NULL. */
const void *fastnn_source_in_place(const fastnn_source *source, const fastnn_kernels *kernels);

/* Position of the first element that is NaN or infinite as a real of `itemsize` bytes, counted in C order; -1 if all are
 * finite. */
int64_t fastnn_source_first_not_finite(const fastnn_source *source, int itemsize);

/* Smallest and largest element, as doubles, and whether all are whole numbers. Of no elements: NaN, NaN, 1. */
void fastnn_source_range(const fastnn_source *source, double *low, double *high, int *whole);

#endif
