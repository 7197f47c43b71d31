/* How work is cut into tasks. */
#ifndef FASTNN_CUTS_H
#define FASTNN_CUTS_H
#include "kernels.h"

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* Columns of a product, cut into `count` tasks of `block` columns; the last takes what is left. */
typedef struct {
    int64_t columns, block, count;
} fastnn_columns;

/* Whole panels to each of the `parts`. No task is narrower than a panel: its sums would have another order. */
static inline fastnn_columns fastnn_cut_columns(const fastnn_kernels *kernels, int64_t columns, int parts) {
    const int64_t panel = kernels->tile_cols, wide = parts * panel;
    const int64_t block = (columns + wide - 1) / wide * panel;
    const int64_t count = columns / block + (columns % block >= panel);
    return (fastnn_columns){columns, block, count > 0 ? count : 1};
}

/* The task's columns are [task * block, this). */
static inline int64_t fastnn_columns_end(const fastnn_columns *c, int64_t task) {
    return task < c->count - 1 ? (task + 1) * c->block : c->columns;
}

#endif
