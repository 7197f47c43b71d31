/* Conversion of a data set's elements, of any type, stride and alignment, to the table's dtype.
 *
 * One loop serves every source type: `type` is a constant wherever it is inlined, so the switch disappears and what is
 * left of it is a load and a conversion, which the compiler vectorises where elements are contiguous. */

/* An IEEE half as a real, without subnormal intermediate results: those would be flushed to zero */
static inline real real_of_half(uint16_t h) {
    const uint32_t magnitude = h & 0x7fffu, sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t normal = (magnitude << 13) + (112u << 23);
    const uint32_t special = (magnitude << 13) | 0x7f800000u;
    const float tiny = (float)(int32_t)magnitude * 0x1p-24f;
    uint32_t bits;
    memcpy(&bits, &tiny, sizeof bits);
    bits = (magnitude < 0x0400u ? bits : magnitude >= 0x7c00u ? special : normal) | sign;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (real)value;
}

static inline int64_t source_size(fastnn_source_type type) {
    switch (type) {
        case FASTNN_BOOL:
        case FASTNN_I8:
        case FASTNN_U8: return 1;
        case FASTNN_I16:
        case FASTNN_U16:
        case FASTNN_F16: return 2;
        case FASTNN_I32:
        case FASTNN_U32:
        case FASTNN_F32: return 4;
        default: return 8;
    }
}

/* the element at p, which may lie at any address: memcpy, because a dereference would promise alignment */
static inline __attribute__((always_inline)) real load_element(const char *p, fastnn_source_type type) {
    union {
        int8_t i8;
        uint8_t u8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
    } e;
    memcpy(&e, p, (size_t)source_size(type));
    switch (type) {
        case FASTNN_BOOL: return e.u8 ? (real)1 : (real)0;
        case FASTNN_I8: return (real)e.i8;
        case FASTNN_U8: return (real)e.u8;
        case FASTNN_I16: return (real)e.i16;
        case FASTNN_U16: return (real)e.u16;
        case FASTNN_I32: return (real)e.i32;
        case FASTNN_U32: return (real)e.u32;
        case FASTNN_I64: return (real)e.i64;
        case FASTNN_U64: return (real)e.u64;
        case FASTNN_F16: return real_of_half(e.u16);
        case FASTNN_F32: return (real)e.f32;
        default: return (real)e.f64;
    }
}

/* Rows of a few vectors, of the table's own dtype: a masked load is less than a call of memcpy. */
static inline __attribute__((always_inline)) void gather_short_rows(const fastnn_gather *g, const int vecs) {
    const int64_t last = g->n - (vecs - 1) * LANES;
    real *to = g->to;
    for (int64_t i = 0; i < g->rows; i++, to += g->to_row) {
        const real *from = (const real *)(g->source + (g->order ? g->order[i] : g->first + i) * g->sample_stride);
        for (int v = 0; v < vecs - 1; ++v) v_store(to + v * LANES, v_load(from + v * LANES));
        v_store_n(to + (vecs - 1) * LANES, v_load_n(from + (vecs - 1) * LANES, last), last);
    }
}

static inline __attribute__((always_inline)) void gather_rows(const fastnn_gather *g, fastnn_source_type type) {
    const int64_t size = source_size(type), n = g->n, stride = g->stride;
    const int own = type == (sizeof(real) == 4 ? FASTNN_F32 : FASTNN_F64);
    real *to = g->to;
    const int aligned = ((uintptr_t)g->source | (uintptr_t)g->sample_stride) % sizeof(real) == 0;
    if (own && aligned && stride == size && n > 1 && n <= 2 * LANES) {
        if (n <= LANES)
            gather_short_rows(g, 1);
        else
            gather_short_rows(g, 2);
        return;
    }
    if (n == 1 && g->order) {
        for (int64_t i = 0; i < g->rows; i++)
            to[i * g->to_row] = load_element(g->source + g->order[i] * g->sample_stride, type);
        return;
    }
    for (int64_t i = 0; i < g->rows; i++, to += g->to_row) {
        const char *from = g->source + (g->order ? g->order[i] : g->first + i) * g->sample_stride;
        if (stride == size && own)
            memcpy(to, from, (size_t)n * sizeof(real));
        else if (stride == size)
            for (int64_t j = 0; j < n; j++) to[j] = load_element(from + j * size, type);
        else
            for (int64_t j = 0; j < n; j++) to[j] = load_element(from + j * stride, type);
    }
}

static void gather_bool(const fastnn_gather *g) { gather_rows(g, FASTNN_BOOL); }
static void gather_i8(const fastnn_gather *g) { gather_rows(g, FASTNN_I8); }
static void gather_u8(const fastnn_gather *g) { gather_rows(g, FASTNN_U8); }
static void gather_i16(const fastnn_gather *g) { gather_rows(g, FASTNN_I16); }
static void gather_u16(const fastnn_gather *g) { gather_rows(g, FASTNN_U16); }
static void gather_i32(const fastnn_gather *g) { gather_rows(g, FASTNN_I32); }
static void gather_u32(const fastnn_gather *g) { gather_rows(g, FASTNN_U32); }
static void gather_i64(const fastnn_gather *g) { gather_rows(g, FASTNN_I64); }
static void gather_u64(const fastnn_gather *g) { gather_rows(g, FASTNN_U64); }
static void gather_f16(const fastnn_gather *g) { gather_rows(g, FASTNN_F16); }
static void gather_f32(const fastnn_gather *g) { gather_rows(g, FASTNN_F32); }
static void gather_f64(const fastnn_gather *g) { gather_rows(g, FASTNN_F64); }

static void (*const gather[FASTNN_SOURCE_TYPES])(const fastnn_gather *g) = {
    gather_bool, gather_i8,  gather_u8,  gather_i16, gather_u16, gather_i32,
    gather_u32,  gather_i64, gather_u64, gather_f16, gather_f32, gather_f64,
};
