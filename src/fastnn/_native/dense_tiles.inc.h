/* The register tile of all products of matrices, and panels of tiles.
 *
 * One tile computes forward y = x·w + b, backward dx = dy·wᵀ (w packed transposed) and dw = xᵀ·dy (x read through its
 * strides). It is rows x vecs vectors of accumulators; both are constants wherever `tile` is inlined, so the
 * accumulators live in registers. */

#define TILE_COLS (TILE_VECS * LANES)
#define UNROLL _Pragma("GCC unroll 16")

/* Rows of b that are fetched before they are copied: they lie too far apart for the hardware to foresee. Measured on
 * Zen 4 at 32x2048x2048: 1.35 times the speed of float32, 1.27 times that of float64. */
enum { ROWS_AHEAD = 24 };

/* What a tile does beside its products: copy what the next panel needs, a vector after each of them; or bring closer, a
 * vector after every few, what is read after that; or claim what will be written: then no other core keeps a copy. */
enum { ALONE, COPYING, FETCHING, CLAIMING };

/* Makes the cache line at p this core's own, before much is written to it. A prefetch for writing does so on some machines;
 * on others (Zen 4) it leaves a line that is here already as it is, shared, and only a write helps. */
static inline void claim(real *p) {
    enum { AHEAD = 16 * LANES };
    __builtin_prefetch(p + AHEAD, 1, 3);
    volatile real *own = p;
    *own = *own;
}

/* Where a product is in what will be written soon. */
typedef struct {
    int array;
    int64_t row, byte;
    int64_t every; /* products to a vector */
} stream;

typedef struct {
    int64_t k, n; /* products to add; columns, at most vecs * LANES */
    const real *a;
    int64_t a_row, a_col;
    const real *b;
    int64_t b_row;
    const real *bias; /* or NULL */
    real *c;
    int64_t c_row;
    int accumulate, relu;
    int packed_rows;  /* a is what pack_tiles wrote, tile after tile */
    int far_c;        /* c is not close at hand: the next tile's part of it is fetched */
    const real *from; /* what `tile` copies on the way, a vector a product: to rows of TILE_COLS; or NULL */
    real *to;
    int64_t from_row;
    const real *fetch;             /* what it brings closer, or NULL */
    const real *fetch_end;         /* of what it may claim */
    int64_t fetch_row, fetch_mask; /* a vector every `fetch_mask` + 1 products, `fetch_row` after the last */
} tile_args;

/* beside: COPYING: t->from is copied to t->to; FETCHING, CLAIMING: t->fetch is brought closer.
 * padded: rows of b may be read up to vecs * LANES columns, whatever n. transposed: a_row is 1, else a_col is 1. */
static inline __attribute__((always_inline)) void tile(const int rows, const int vecs, const int padded,
                                                       const int transposed, const int beside, const tile_args *t) {
    V acc[TILE_ROWS][TILE_VECS];
    const int64_t tail = t->n - (vecs - 1) * LANES;
    const int64_t a_row = t->a_row, b_row = t->b_row, k = t->k, c_row = t->c_row;
    const real *a = t->a, *b = t->b;
    real *c = t->c;
    const real *from = beside == COPYING ? t->from : t->fetch;
    const int64_t from_row = beside == COPYING ? t->from_row : t->fetch_row, mask = t->fetch_mask;
    real *to = t->to;

    UNROLL for (int j = 0; j < vecs; ++j) {
        const int64_t n = j == vecs - 1 ? tail : LANES;
        V start = t->bias ? v_load_n(t->bias + j * LANES, n) : v_set1(0);
        UNROLL for (int i = 0; i < rows; ++i)
            acc[i][j] = t->accumulate ? v_load_n(c + i * c_row + j * LANES, n) : start;
    }
    for (int64_t p = 0; p < k; ++p) {
        V bv[TILE_VECS];
        UNROLL for (int j = 0; j < vecs; ++j)
            bv[j] = padded || j < vecs - 1 ? v_load(b + j * LANES) : v_load_n(b + j * LANES, tail);
        UNROLL for (int i = 0; i < rows; ++i) {
            V av = v_set1(transposed ? a[i] : a[i * a_row]);
            UNROLL for (int j = 0; j < vecs; ++j) acc[i][j] = v_fma(av, bv[j], acc[i][j]);
        }
        a += transposed ? t->a_col : 1;
        b += b_row;
        if (beside == COPYING) {
            __builtin_prefetch(from + ROWS_AHEAD * from_row, 0, 3);
            v_store(to, v_load(from));
            from += from_row;
            to += TILE_COLS;
        } else if (beside != ALONE && (p & mask) == 0) {
            if (beside == FETCHING) __builtin_prefetch(from, 0, 2);
            else if (from < t->fetch_end) claim((real *)from);
            from += from_row;
        }
    }
    if (t->relu) {
        /* max(0, z) keeps a NaN in z: v_max returns its second operand then */
        UNROLL for (int i = 0; i < rows; ++i) {
            UNROLL for (int j = 0; j < vecs; ++j) acc[i][j] = v_max(v_set1(0), acc[i][j]);
        }
    }
    UNROLL for (int i = 0; i < rows; ++i) {
        UNROLL for (int j = 0; j < vecs; ++j) {
            if (j < vecs - 1 || tail == LANES)
                v_store(c + i * c_row + j * LANES, acc[i][j]);
            else
                v_store_n(c + i * c_row + j * LANES, acc[i][j], tail);
        }
    }
}

/* The tile for a number of rows known only now. */
static inline __attribute__((always_inline)) void tile_of_rows(int64_t rows, const int vecs, const int padded,
                                                               const int transposed, const int beside, const tile_args *t) {
    switch (rows) {
        case 1: tile(1, vecs, padded, transposed, beside, t); break;
        case 2: tile(2, vecs, padded, transposed, beside, t); break;
        case 3: tile(3, vecs, padded, transposed, beside, t); break;
        case 4: tile(4, vecs, padded, transposed, beside, t); break;
#if TILE_ROWS > 4
        case 5: tile(5, vecs, padded, transposed, beside, t); break;
        case 6: tile(6, vecs, padded, transposed, beside, t); break;
#endif
#if TILE_ROWS > 6
        case 7: tile(7, vecs, padded, transposed, beside, t); break;
        case 8: tile(8, vecs, padded, transposed, beside, t); break;
#endif
#if TILE_ROWS > 8
        case 9: tile(9, vecs, padded, transposed, beside, t); break;
        case 10: tile(10, vecs, padded, transposed, beside, t); break;
        case 11: tile(11, vecs, padded, transposed, beside, t); break;
        case 12: tile(12, vecs, padded, transposed, beside, t); break;
#endif
#if TILE_ROWS > 12
        case 13: tile(13, vecs, padded, transposed, beside, t); break;
        case 14: tile(14, vecs, padded, transposed, beside, t); break;
#endif
    }
    _Static_assert(TILE_ROWS == 4 || TILE_ROWS == 6 || TILE_ROWS == 8 || TILE_ROWS == 12 || TILE_ROWS == 14, "cases");
}

/* Rows cut into tiles whose heights differ by one at most: `higher` of them have low + 1 rows, the others low. */
typedef struct {
    int64_t count, low, higher;
} tiling;

static inline tiling tiling_of(int64_t m) {
    const int64_t count = (m + TILE_ROWS - 1) / TILE_ROWS;
    return (tiling){count, m / count, m % count};
}

/* The next piece of what is needed soon, for the products of a tile to fetch; NULL: there is no more. */
static void next_piece(const fastnn_gemm *g, stream *s, tile_args *t) {
    t->fetch = t->fetch_end = NULL;
    if (s->array == FASTNN_SOON || !g->soon[s->array]) return;
    const char *row = (const char *)g->soon[s->array] + s->row * g->soon_row;
    t->fetch = (const real *)(row + s->byte);
    if (s->array < g->soon_shared) t->fetch_end = (const real *)(row + g->soon_bytes);
    s->byte += t->k / s->every * (int64_t)sizeof(V);
    if (s->byte >= g->soon_bytes) {
        s->byte = 0;
        if (++s->row == g->soon_rows) {
            s->row = 0;
            ++s->array;
        }
    }
}

static inline void start_tile(tile_args *t, int64_t rows, int another) {
    if (t->packed_rows) t->a_col = rows;
    if (t->far_c && another)
        for (int64_t r = rows; r < 2 * rows; ++r)
            UNROLL for (int v = 0; v < TILE_VECS; ++v) __builtin_prefetch(t->c + r * t->c_row + v * LANES, 1, 2);
}

static inline void end_tile(tile_args *t, int64_t rows) {
    t->a += t->packed_rows ? rows * t->k : rows * t->a_row;
    t->c += rows * t->c_row;
}

/* All rows of one panel of columns, tile by tile. */
static inline __attribute__((always_inline)) void panel(int64_t m, const int vecs, const int padded, const int transposed,
                                                        tile_args t) {
    const tiling tiles = tiling_of(m);
    for (int64_t i = 0; i < tiles.count; ++i) {
        const int64_t rows = tiles.low + (i < tiles.higher);
        start_tile(&t, rows, i + 1 < tiles.count);
        tile_of_rows(rows, vecs, padded, transposed, ALONE, &t);
        end_tile(&t, rows);
    }
}

static __attribute__((noinline)) void panel_of_matrix(int64_t m, int vecs, int padded, const tile_args *t) {
    _Static_assert(TILE_VECS <= 4, "cases");
#if TILE_VECS > 2
    if (vecs == 4 && TILE_VECS == 4) { padded ? panel(m, TILE_VECS, 1, 0, *t) : panel(m, TILE_VECS, 0, 0, *t); return; }
    if (vecs == 3) { padded ? panel(m, 3, 1, 0, *t) : panel(m, 3, 0, 0, *t); return; }
#endif
    if (vecs == 2) padded ? panel(m, 2, 1, 0, *t) : panel(m, 2, 0, 0, *t);
    else padded ? panel(m, 1, 1, 0, *t) : panel(m, 1, 0, 0, *t);
}

static __attribute__((noinline)) void panel_of_transpose(int64_t m, int vecs, int padded, const tile_args *t) {
#if TILE_VECS > 2
    if (vecs == 4 && TILE_VECS == 4) { padded ? panel(m, TILE_VECS, 1, 1, *t) : panel(m, TILE_VECS, 0, 1, *t); return; }
    if (vecs == 3) { padded ? panel(m, 3, 1, 1, *t) : panel(m, 3, 0, 1, *t); return; }
#endif
    if (vecs == 2) padded ? panel(m, 2, 1, 1, *t) : panel(m, 2, 0, 1, *t);
    else padded ? panel(m, 1, 1, 1, *t) : panel(m, 1, 0, 1, *t);
}

/* The same for a whole panel, while the next ones come closer: the first tiles copy the next one, if it is to be copied,
 * a vector of every row each; the others fetch the one after that. */
static inline __attribute__((always_inline)) void panel_before_others(int64_t m, const int transposed, tile_args t) {
    const tiling tiles = tiling_of(m);
    const int64_t copying = t.from ? TILE_VECS : 0;
    const real *fetch = t.fetch;
    int64_t every = 1;
    while (2 * every * TILE_VECS <= tiles.count - copying) every *= 2;
    t.fetch_row = every * t.from_row;
    t.fetch_mask = every - 1;
    for (int64_t i = 0; i < tiles.count; ++i) {
        const int64_t rows = tiles.low + (i < tiles.higher), turn = i - copying;
        start_tile(&t, rows, i + 1 < tiles.count);
        if (turn < 0) {
            tile_of_rows(rows, TILE_VECS, 1, transposed, COPYING, &t);
            t.from += LANES;
            t.to += LANES;
        } else if (fetch && turn < every * TILE_VECS) {
            t.fetch = fetch + turn / TILE_VECS * t.from_row + turn % TILE_VECS * LANES;
            tile_of_rows(rows, TILE_VECS, 1, transposed, FETCHING, &t);
        } else {
            tile_of_rows(rows, TILE_VECS, 1, transposed, ALONE, &t);
        }
        end_tile(&t, rows);
    }
}

static __attribute__((noinline)) void panel_of_matrix_before_others(int64_t m, const tile_args *t) {
    panel_before_others(m, 0, *t);
}

static __attribute__((noinline)) void panel_of_transpose_before_others(int64_t m, const tile_args *t) {
    panel_before_others(m, 1, *t);
}

/* The same for a whole panel, while what will be written soon comes closer, piece by piece. */
static __attribute__((noinline)) void panel_before_writing(int64_t m, const fastnn_gemm *g, stream *soon,
                                                           const tile_args *args) {
    const tiling tiles = tiling_of(m);
    tile_args t = *args;
    t.fetch_row = LANES;
    t.fetch_mask = soon->every - 1;
    for (int64_t i = 0; i < tiles.count; ++i) {
        const int64_t rows = tiles.low + (i < tiles.higher);
        start_tile(&t, rows, i + 1 < tiles.count);
        next_piece(g, soon, &t);
        if (t.fetch_end)
            tile_of_rows(rows, TILE_VECS, 1, 1, CLAIMING, &t);
        else if (t.fetch)
            tile_of_rows(rows, TILE_VECS, 1, 1, FETCHING, &t);
        else
            tile_of_rows(rows, TILE_VECS, 1, 1, ALONE, &t);
        end_tile(&t, rows);
    }
}
