/* The matrix product with bias, and the packing and column sums that go with it.
 *
 * One register tile computes all of them: forward y = x·w + b, backward dx = dy·wᵀ (w packed transposed) and
 * dw = xᵀ·dy (x read through its strides). A tile is rows x vecs vectors of accumulators; both are constants wherever
 * `tile` is inlined, so the accumulators live in registers. */

#define TILE_COLS (TILE_VECS * LANES)
#define UNROLL _Pragma("GCC unroll 16")

/* Rows of b that are fetched before they are copied: they lie too far apart for the hardware to foresee. Measured on
 * Zen 4 at 32x2048x2048: 1.35 times the speed of float32, 1.27 times that of float64. */
enum { ROWS_AHEAD = 24 };

/* What a tile does beside its products: copy what the next panel needs, a vector after each of them; or bring closer, a
 * vector after every few, what is read after that, or what will be written: then no other core keeps a copy. */
enum { ALONE, COPYING, FETCHING, CLAIMING };

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
            else __builtin_prefetch(from, 1, 2);
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

/* The next piece of what is needed soon, for a tile of k products to fetch; NULL: there is no more. */
static const real *next_piece(const fastnn_gemm *g, stream *s, int64_t k) {
    if (s->array == FASTNN_SOON || !g->soon[s->array]) return NULL;
    const char *at = (const char *)g->soon[s->array] + s->row * g->soon_row + s->byte;
    s->byte += k / s->every * (int64_t)sizeof(V);
    if (s->byte >= g->soon_bytes) {
        s->byte = 0;
        if (++s->row == g->soon_rows) {
            s->row = 0;
            ++s->array;
        }
    }
    return (const real *)at;
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
        t.fetch = next_piece(g, soon, t.k);
        if (t.fetch)
            tile_of_rows(rows, TILE_VECS, 1, 1, CLAIMING, &t);
        else
            tile_of_rows(rows, TILE_VECS, 1, 1, ALONE, &t);
        end_tile(&t, rows);
    }
}

/* Columns [0, cols) of b into rows of TILE_COLS, the rest zero. */
static void pack_panel(int64_t k, int64_t cols, const real *b, int64_t b_row, real *packed) {
    for (int64_t p = 0; p < k; ++p, b += b_row, packed += TILE_COLS) {
        if (cols == TILE_COLS) {
            UNROLL for (int j = 0; j < TILE_VECS; ++j) v_store(packed + j * LANES, v_load(b + j * LANES));
        } else {
            UNROLL for (int j = 0; j < TILE_VECS; ++j)
                v_store(packed + j * LANES, v_load_n(b + j * LANES, max64(0, min64(LANES, cols - j * LANES))));
        }
    }
}

static int64_t gemm_packed(int64_t n, int64_t k) { return (n + TILE_COLS - 1) / TILE_COLS * TILE_COLS * k; }

/* to[p,r] = from[r,p] of up to LANES rows of `from` and any number of its columns. */
static void transpose_rows(int64_t rows, int64_t cols, const real *from, int64_t from_row, real *to, int64_t to_row) {
    if (cols == 1)
        for (int64_t r = 0; r < rows; ++r) to[r] = from[r * from_row];
    else for (int64_t p = 0; p < cols; p += LANES) {
        const int64_t width = min64(LANES, cols - p);
        V v[LANES], w[LANES];
        /* beyond the last row, that one again: nobody looks at those lanes */
        if (width == LANES)
            UNROLL for (int r = 0; r < LANES; ++r) v[r] = v_load(from + min64(r, rows - 1) * from_row + p);
        else
            UNROLL for (int r = 0; r < LANES; ++r) v[r] = v_load_n(from + min64(r, rows - 1) * from_row + p, width);
        /* zipping the first half of the vectors with the second is a step of a rotation of the bits of (row, lane) */
        UNROLL for (int half = 1; half < LANES; half *= 2) {
            UNROLL for (int r = 0; r < LANES / 2; ++r) {
                w[2 * r] = v_zip_low(v[r], v[r + LANES / 2]);
                w[2 * r + 1] = v_zip_high(v[r], v[r + LANES / 2]);
            }
            UNROLL for (int r = 0; r < LANES; ++r) v[r] = w[r];
        }
        UNROLL for (int r = 0; r < LANES; ++r) {
            if (r < width) store_first(to + (p + r) * to_row, v[r], rows);
        }
    }
}

/* Blocks of a product: so many of its rows, and so many of the products that make up a sum, are packed at a time. */
enum { BLOCK_ROWS = 504, BLOCK_PRODUCTS = 2048 / sizeof(real) };

static int64_t gemm_scratch(void) { return (2 * TILE_COLS + BLOCK_ROWS) * BLOCK_PRODUCTS; }

static void pack(int64_t k, int64_t n, const void *b, int64_t b_row, void *packed) {
    for (int64_t j = 0; j < n; j += TILE_COLS)
        pack_panel(k, min64(n - j, TILE_COLS), (const real *)b + j, b_row, (real *)packed + j * k);
}

static void pack_transposed(int64_t k, int64_t row0, int64_t row1, int64_t col0, int64_t col1, const void *b,
                            int64_t b_row, void *packed) {
    for (int64_t r0 = row0, r1; r0 < row1; r0 = r1) {
        r1 = min64(row1, (r0 / LANES + 1) * LANES);
        transpose_rows(r1 - r0, col1 - col0, (const real *)b + r0 * b_row + col0, b_row,
                       (real *)packed + r0 / TILE_COLS * TILE_COLS * k + col0 * TILE_COLS + r0 % TILE_COLS, TILE_COLS);
    }
}

/* c[i] = start + Σ_p a[i,p] · b[p], both contiguous along p: lanes share a sum, so its order depends on k alone. */
static void dots(const fastnn_gemm *g) {
    const real *a = g->a, *b = g->b, *bias = g->bias;
    real *c = g->c;
    const real lowest = g->relu ? 0 : -(real)INFINITY; /* no branch on a sum's sign, which none can foresee */
    if (g->k <= LANES) { /* all of b stays in a register */
        const V row = v_load_n(b, g->k);
        const real start = bias ? *bias : 0;
        for (int64_t i = 0; i < g->m; ++i, a += g->a_row, c += g->c_row) {
            const real sum = v_sum(v_mul(v_load_n(a, g->k), row)) + (g->accumulate ? *c : start);
            *c = sum < lowest ? lowest : sum;
        }
        return;
    }
    for (int64_t i = 0; i < g->m; ++i, a += g->a_row, c += g->c_row) {
        V s0 = v_set1(0), s1 = s0, s2 = s0, s3 = s0;
        int64_t p = 0;
        for (; p + 4 * LANES <= g->k; p += 4 * LANES) {
            s0 = v_fma(v_load(a + p), v_load(b + p), s0);
            s1 = v_fma(v_load(a + p + LANES), v_load(b + p + LANES), s1);
            s2 = v_fma(v_load(a + p + 2 * LANES), v_load(b + p + 2 * LANES), s2);
            s3 = v_fma(v_load(a + p + 3 * LANES), v_load(b + p + 3 * LANES), s3);
        }
        for (; p < g->k; p += LANES) {
            const int64_t left = min64(LANES, g->k - p);
            s0 = v_fma(v_load_n(a + p, left), v_load_n(b + p, left), s0);
        }
        const real sum = v_sum(v_add(v_add(s0, s1), v_add(s2, s3))) + (g->accumulate ? *c : bias ? *bias : 0);
        *c = sum < lowest ? lowest : sum;
    }
}

/* A single row needs many vectors of columns side by side, or the latency of one multiply-add after another would show.
 * The products of each column are added in the same order as in a tile. */
enum { ROW_VECS = 8 };

static inline __attribute__((always_inline)) void row_panel(const int vecs, int64_t cols, const fastnn_gemm *g,
                                                            const real *b, const real *bias, real *c) {
    const real *a = g->a;
    const int64_t last = cols - (vecs - 1) * LANES, k = g->k, a_col = g->a_col, b_row = g->b_row;
    V acc[ROW_VECS];
    UNROLL for (int v = 0; v < vecs; ++v) {
        const int64_t n = v == vecs - 1 ? last : LANES;
        acc[v] = g->accumulate ? v_load_n(c + v * LANES, n) : bias ? v_load_n(bias + v * LANES, n) : v_set1(0);
    }
    for (int64_t p = 0; p < k; ++p, b += b_row) {
        const V x = v_set1(a[p * a_col]);
        UNROLL for (int v = 0; v < vecs - 1; ++v) acc[v] = v_fma(x, v_load(b + v * LANES), acc[v]);
        acc[vecs - 1] = v_fma(x, v_load_n(b + (vecs - 1) * LANES, last), acc[vecs - 1]);
    }
    UNROLL for (int v = 0; v < vecs; ++v)
        v_store_n(c + v * LANES, g->relu ? v_max(v_set1(0), acc[v]) : acc[v], v == vecs - 1 ? last : LANES);
}

static void row_times_matrix(const fastnn_gemm *g) {
    for (int64_t j = 0; j < g->n; j += ROW_VECS * LANES) {
        const int64_t cols = min64(g->n - j, ROW_VECS * LANES);
        const real *b = (const real *)g->b + j, *bias = g->bias ? (const real *)g->bias + j : NULL;
        real *c = (real *)g->c + j;
        switch ((cols + LANES - 1) / LANES) {
            case 1: row_panel(1, cols, g, b, bias, c); break;
            case 2: row_panel(2, cols, g, b, bias, c); break;
            case 3: row_panel(3, cols, g, b, bias, c); break;
            case 4: row_panel(4, cols, g, b, bias, c); break;
            case 5: row_panel(5, cols, g, b, bias, c); break;
            case 6: row_panel(6, cols, g, b, bias, c); break;
            case 7: row_panel(7, cols, g, b, bias, c); break;
            default: row_panel(ROW_VECS, cols, g, b, bias, c);
        }
    }
}

/* Whether rows so far apart share cache sets: more of them than there are ways cannot stay in L1 together. */
static int aliases(int64_t stride) { return stride * (int64_t)sizeof(real) % 4096 == 0; }

/* From this size on b is packed, a panel of a block at a time. Measured on Zen 4: +20% at 512x2048x2048, -6% at
 * 128x512x784. */
enum { PACKED_BYTES = 1 << 17, CLOSE_BYTES = 1 << 15 /* up to this size b is in L1 by itself */ };

/* A block of a product: rows [i, i + m) of c, products [p, p + k) of their sums. */
typedef struct {
    int64_t i, m, p, k;
} block;

/* Columns of a that lie in a line, in tiles. Each is read once, whole: the next may lie a page away. */
static void pack_columns(const fastnn_gemm *g, const block *w, const real *from, real *to) {
    const tiling tiles = tiling_of(w->m);
    for (int64_t p = 0; p < w->k; ++p, from += g->a_col) {
        const real *a = from;
        real *tile = to;
        for (int64_t t = 0; t < tiles.count; ++t) {
            const int64_t rows = tiles.low + (t < tiles.higher);
            for (int64_t r = 0; r < rows; r += LANES) {
                const int64_t count = min64(LANES, rows - r);
                store_first(tile + p * rows + r, load_first(a + r, count), count);
            }
            a += rows;
            tile += rows * w->k;
        }
    }
}

/* Rows of a that lie in a line, in tiles. */
static void pack_rows(const fastnn_gemm *g, const block *w, const real *from, real *to) {
    const tiling tiles = tiling_of(w->m);
    for (int64_t t = 0; t < tiles.count; ++t) {
        const int64_t rows = tiles.low + (t < tiles.higher);
        for (int64_t r = 0; r < rows; r += LANES)
            transpose_rows(min64(LANES, rows - r), w->k, from + r * g->a_row, g->a_row, to + r, rows);
        from += rows * g->a_row;
        to += rows * w->k;
    }
}

/* a rearranged so that a tile reads what it needs in a line, tile after tile: packed[p][row]. */
static void pack_tiles(const fastnn_gemm *g, const block *w, real *to) {
    const real *from = (const real *)g->a + w->i * g->a_row + w->p * g->a_col;
    (g->a_col == 1 ? pack_rows : pack_columns)(g, w, from, to);
}

/* What the tiles of `panel_before_others` did not copy: each of them copies one vector of every row, and there may be few. */
static void copy_rest(int64_t m, int64_t k, const real *from, int64_t from_row, real *to) {
    const int64_t done = tiling_of(m).count;
    for (int64_t v = done; v < TILE_VECS; ++v)
        for (int64_t p = 0; p < k; ++p) v_store(to + p * TILE_COLS + v * LANES, v_load(from + p * from_row + v * LANES));
}

/* The columns [j, j + TILE_COLS) of c, as far as there are any, in a block. */
static inline tile_args tile_args_of(const fastnn_gemm *g, const block *w, const real *packed_a, int64_t j) {
    return (tile_args){.k = w->k,
                       .n = min64(g->n - j, TILE_COLS),
                       .a = packed_a ? packed_a : (const real *)g->a + w->i * g->a_row + w->p * g->a_col,
                       .a_row = g->a_row,
                       .a_col = g->a_col,
                       .packed_rows = packed_a != NULL,
                       .bias = g->bias ? (const real *)g->bias + j : NULL,
                       .c = (real *)g->c + w->i * g->c_row + j,
                       .c_row = g->c_row,
                       .accumulate = g->accumulate || w->p > 0,
                       .far_c = w->k < g->k,
                       .relu = g->relu && w->p + w->k == g->k};
}

/* packed_a and packed_b are NULL where a and b are read as they lie; packed_b has room for two panels. soon: NULL, or a
 * is transposed. */
static void gemm_block(const fastnn_gemm *g, const block *w, const real *packed_a, real *packed_b, stream *soon) {
    const int transposed = packed_a || g->a_col != 1, in_panels = packed_b || g->packed;
    real *next = packed_b ? packed_b + TILE_COLS * BLOCK_PRODUCTS : NULL;
    const int far_b = g->k * g->n * (int64_t)sizeof(real) > CLOSE_BYTES;
    int packed = 0;
    for (int64_t j = 0; j < g->n; j += TILE_COLS) {
        const real *b = g->packed ? (const real *)g->b + j * g->k + w->p * TILE_COLS
                                  : (const real *)g->b + w->p * g->b_row + j;
        tile_args t = tile_args_of(g, w, packed_a, j);
        const int64_t vecs = (t.n + LANES - 1) / LANES;
        const int whole = t.n == TILE_COLS;
        t.b = b;
        t.b_row = in_panels ? TILE_COLS : g->b_row;
        t.from_row = in_panels && !packed_b ? TILE_COLS : g->b_row;
        const real *after = b + (g->packed ? TILE_COLS * g->k : TILE_COLS); /* where the next panel lies */
        if (packed_b) {
            if (!packed) pack_panel(w->k, t.n, b, g->b_row, packed_b);
            t.b = packed_b;
            packed = j + 2 * TILE_COLS <= g->n;
            if (packed) {
                t.from = after;
                t.to = next;
                next = packed_b;
                packed_b = t.to;
                after += TILE_COLS;
            }
        }
        if (far_b && whole && j + (packed ? 3 : 2) * TILE_COLS <= g->n) t.fetch = after;
        if (soon && whole) {
            panel_before_writing(w->m, g, soon, &t);
        } else if (t.from || t.fetch) {
            (transposed ? panel_of_transpose_before_others : panel_of_matrix_before_others)(w->m, &t);
            if (packed) copy_rest(w->m, w->k, t.from, t.from_row, t.to);
        } else {
            const int padded = in_panels || t.n == vecs * LANES;
            (transposed ? panel_of_transpose : panel_of_matrix)(w->m, (int)vecs, padded, &t);
        }
    }
}

/* Columns [j, j + cols) of b in the products of a block, into panels one after the other. By rows, since what lies in a
 * line is fetched ahead, and so are the next lines here: at 32x2048x2048 1.15 times the speed of panel by panel. */
static void pack_strip(const fastnn_gemm *g, const block *w, int64_t j, int64_t cols, real *packed) {
    enum { LINES_AHEAD = 4 };
    const real *b = (const real *)g->b + w->p * g->b_row + j;
    for (int64_t p = 0; p < w->k; ++p, b += g->b_row, packed += TILE_COLS)
        for (int64_t c = 0; c < cols; c += LANES) {
            __builtin_prefetch(b + LINES_AHEAD * g->b_row + c, 0, 3);
            v_store(packed + c / TILE_COLS * TILE_COLS * w->k + c % TILE_COLS,
                    load_first(b + c, min64(LANES, cols - c)));
        }
}

/* The same of a transposed b. What pads the last panel is not written: nobody looks at what comes of it. */
static void pack_transposed_strip(const fastnn_gemm *g, const block *w, int64_t j, int64_t cols, real *packed) {
    const real *b = (const real *)g->b + w->p + j * g->b_col;
    for (int64_t c = 0; c < cols; c += LANES)
        transpose_rows(min64(LANES, cols - c), w->k, b + c * g->b_col, g->b_col,
                       packed + c / TILE_COLS * TILE_COLS * w->k + c % TILE_COLS, TILE_COLS);
}

/* A block, b packed some panels at a time, as many as there is room for. */
static void gemm_block_by_strips(const fastnn_gemm *g, const block *w, const real *packed_a, real *packed_b) {
    const int64_t width = 2 * BLOCK_PRODUCTS / max64(w->k, 1) * TILE_COLS;
    for (int64_t j = 0; j < g->n; j += width) {
        const int64_t cols = min64(g->n - j, width);
        (g->b_col ? pack_transposed_strip : pack_strip)(g, w, j, cols, packed_b);
        for (int64_t c = 0; c < cols; c += TILE_COLS) {
            tile_args t = tile_args_of(g, w, packed_a, j + c);
            t.b = packed_b + c * w->k;
            t.b_row = TILE_COLS;
            (packed_a || g->a_col != 1 ? panel_of_transpose : panel_of_matrix)(w->m, (int)((t.n + LANES - 1) / LANES), 1, &t);
        }
    }
}

/* The length of blocks of nearly one length, `most` at most, that make up n. */
static int64_t even_share(int64_t n, int64_t most) {
    const int64_t blocks = max64(1, (n + most - 1) / most);
    return max64(1, (n + blocks - 1) / blocks);
}

/* How many products there are to a vector of what is needed soon: a power of two. */
static int64_t products_to_fetch(const fastnn_gemm *g) {
    int64_t vectors = 1, every = 1;
    for (int i = 0; i < FASTNN_SOON && g->soon[i]; ++i) vectors += g->soon_rows * g->soon_bytes / (int64_t)sizeof(V);
    const int64_t products = tiling_of(g->m).count * (g->n / TILE_COLS) * g->k;
    while (2 * every * vectors <= products) every *= 2;
    while (g->k / every * (int64_t)sizeof(V) > g->soon_bytes) every *= 2; /* a tile stays in one row */
    return every;
}

static void gemm(const fastnn_gemm *g) {
    assert(g->a_row == 1 || g->a_col == 1 || g->m <= 1 || g->k <= 1);
    if (g->m <= 0 || g->n <= 0) return;
    if (g->n == 1 && !g->packed && !g->b_col) {
        /* One column leaves every lane but one idle: put the other dimension in the lanes. Whatever m, or the bits would
         * depend on how rows are cut into blocks. */
        if (g->a_col == 1 && g->b_row == 1) {
            dots(g);
            return;
        }
        if (g->a_row == 1 && g->c_row == 1 && g->m > 1 && !g->bias) {
            fastnn_gemm flipped = {.m = 1, .n = g->m, .k = g->k, .a = g->b, .a_row = 1, .a_col = g->b_row, .b = g->a,
                                   .b_row = g->a_col, .c = g->c, .c_row = g->m, .accumulate = g->accumulate,
                                   .relu = g->relu};
            gemm(&flipped);
            return;
        }
    }
    if (g->m == 1 && !g->packed && !g->b_col) {
        row_times_matrix(g);
        return;
    }
    /* Long sums of wide matrices are taken in blocks, which stay close at hand: b packed panel by panel, and a too where
     * its rows would drive each other out of the cache, or where many panels meet a that lies across (220 GFLOP/s instead
     * of 200 at 784x128x512, where one core's peak is 245; but 190 instead of 205 at 128x64x128). Sums go on in c between
     * blocks, exactly, so blocks do not change the bits. */
    const int wide = g->n >= 4 * TILE_COLS, across = g->a_col != 1 && g->n >= 8 * TILE_COLS;
    const int pack_a = g->scratch && wide && (across || aliases(g->a_col == 1 ? g->a_row : g->a_col));
    const int pack_b = g->b_col || (g->scratch && !g->packed && g->m > TILE_ROWS && wide &&
                                    g->k * g->b_row * (int64_t)sizeof(real) > PACKED_BYTES);
    const int few = pack_b && g->m <= 3 * TILE_ROWS; /* rows: too few tiles to copy the next panel on the way */
    const int blocked = pack_a || pack_b || (g->packed && g->k > 2 * BLOCK_PRODUCTS);
    const int64_t products = blocked ? even_share(g->k, BLOCK_PRODUCTS / (few ? 2 : 1)) : max64(g->k, 1);
    const int64_t rows = blocked ? even_share(g->m, BLOCK_ROWS) : g->m;
    real *packed_b = pack_b ? g->scratch : NULL, *packed_a = pack_a ? (real *)g->scratch + 2 * TILE_COLS * BLOCK_PRODUCTS : NULL;
    const int writes = g->soon[0] && g->packed && g->a_col != 1;
    stream soon = {.every = writes ? products_to_fetch(g) : 1};
    block w;
    for (w.p = 0; w.p == 0 || w.p < g->k; w.p += products) {
        w.k = min64(products, g->k - w.p);
        for (w.i = 0; w.i < g->m; w.i += rows) {
            w.m = min64(rows, g->m - w.i);
            if (pack_a) pack_tiles(g, &w, packed_a);
            if (few || g->b_col)
                gemm_block_by_strips(g, &w, packed_a, packed_b);
            else
                gemm_block(g, &w, packed_a, packed_b, writes ? &soon : NULL);
        }
    }
}

/* sums[j] = Σ_i a[i,j], rows in order */
static void column_sums(int64_t m, int64_t n, const void *a_, int64_t a_row, int accumulate, void *sums_) {
    const real *a = a_;
    real *sums = sums_;
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t cols = min64(LANES, n - j);
        V sum = accumulate ? v_load_n(sums + j, cols) : v_set1(0);
        if (cols == LANES)
            for (int64_t i = 0; i < m; ++i) sum = v_add(sum, v_load(a + i * a_row + j));
        else
            for (int64_t i = 0; i < m; ++i) sum = v_add(sum, v_load_n(a + i * a_row + j, cols));
        v_store_n(sums + j, sum, cols);
    }
}
