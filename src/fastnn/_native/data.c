/* Reading data sets: see data.h. */
#include "data.h"

#include <math.h>
#include <string.h>

void fastnn_source_init(fastnn_source *source, const void *data, fastnn_source_type type, int itemsize, int dims,
                        const int64_t *shape, const int64_t *strides) {
    *source = (fastnn_source){.data = data,
                              .type = type,
                              .itemsize = itemsize,
                              .samples = shape[0],
                              .sample_stride = strides[0],
                              .size = 1,
                              .dims = 0};
    for (int d = 1; d < dims; ++d) {
        source->size *= shape[d];
        if (shape[d] == 1) continue;
        const int last = source->dims - 1;
        if (last >= 0 && source->stride[last] == shape[d] * strides[d]) { /* the two lie as one */
            source->shape[last] *= shape[d];
            source->stride[last] = strides[d];
        } else {
            source->shape[source->dims] = shape[d];
            source->stride[source->dims++] = strides[d];
        }
    }
    if (source->dims == 0) {
        source->shape[0] = source->size;
        source->stride[0] = itemsize;
        source->dims = 1;
    }
}

/* Calls visit(context, run of `n` elements `stride` bytes apart, its position) for each innermost run of a sample. */
typedef int (*visitor)(void *context, const char *run, int64_t n, int64_t stride, int64_t position);

static int visit_sample(const fastnn_source *s, int64_t sample, visitor visit, void *context) {
    int64_t index[FASTNN_MAX_DIMS] = {0}, position = 0;
    const int inner = s->dims - 1;
    const char *run = s->data + sample * s->sample_stride;
    if (s->size == 0) return 0;
    for (;;) {
        if (visit(context, run, s->shape[inner], s->stride[inner], position)) return 1;
        position += s->shape[inner];
        int d = inner - 1;
        for (; d >= 0; --d) {
            run += s->stride[d];
            if (++index[d] < s->shape[d]) break;
            run -= s->stride[d] * s->shape[d];
            index[d] = 0;
        }
        if (d < 0) return 0;
    }
}

typedef struct {
    void (*gather)(const fastnn_gather *g);
    char *to;
    int itemsize;
} reading;

static int read_run(void *context, const char *run, int64_t n, int64_t stride, int64_t position) {
    const reading *r = context;
    const fastnn_gather g = {.rows = 1, .n = n, .source = run, .stride = stride, .to = r->to + position * r->itemsize};
    r->gather(&g);
    return 0;
}

void fastnn_source_read(const fastnn_source *s, const fastnn_kernels *kernels, const int64_t *order, int64_t first,
                        int64_t count, void *dst, int64_t dst_row) {
    fastnn_gather g = {.rows = count,
                       .n = s->size,
                       .source = s->data,
                       .order = order,
                       .first = first,
                       .sample_stride = s->sample_stride,
                       .stride = s->stride[0],
                       .to = dst,
                       .to_row = dst_row};
    if (s->dims == 1) {
        if (!order && dst_row == s->size && s->sample_stride == s->size * s->stride[0]) { /* one run after another */
            g.source += first * s->sample_stride;
            g.rows = 1;
            g.n = count * s->size;
            g.first = 0;
        }
        kernels->gather[s->type](&g);
        return;
    }
    reading r = {.gather = kernels->gather[s->type], .to = dst, .itemsize = kernels->itemsize};
    for (int64_t i = 0; i < count; ++i, r.to += dst_row * kernels->itemsize)
        visit_sample(s, order ? order[i] : first + i, read_run, &r);
}

const void *fastnn_source_in_place(const fastnn_source *s, const fastnn_kernels *kernels) {
    const fastnn_source_type own = kernels->itemsize == 4 ? FASTNN_F32 : FASTNN_F64;
    const int lies_flat = s->type == own && s->dims == 1 && s->stride[0] == kernels->itemsize &&
                          s->sample_stride == s->size * kernels->itemsize;
    return lies_flat && (uintptr_t)s->data % (uintptr_t)kernels->itemsize == 0 ? s->data : NULL;
}

/* A float is not finite when its exponent bits are all set: integer tests that every compiler turns into vectors. */
static int64_t first_not_finite_16(int64_t n, const char *p, int64_t stride, double limit) {
    (void)limit;
    for (int64_t i = 0; i < n; ++i, p += stride) {
        uint16_t bits;
        memcpy(&bits, p, sizeof bits);
        if ((bits & 0x7c00) == 0x7c00) return i;
    }
    return -1;
}

enum { CHUNK = 1024 };

static int64_t first_not_finite_32(int64_t n, const char *p, int64_t stride, double limit) {
    (void)limit;
    for (int64_t i = 0; i < n; i += CHUNK) {
        const int64_t end = n - i < CHUNK ? n - i : CHUNK;
        uint32_t bits, bad = 0;
        if (stride == sizeof bits) {
            for (int64_t j = 0; j < end; ++j) {
                memcpy(&bits, p + (i + j) * (int64_t)sizeof bits, sizeof bits);
                bad |= (bits & 0x7f800000u) == 0x7f800000u;
            }
            if (!bad) continue;
        }
        for (int64_t j = 0; j < end; ++j) {
            memcpy(&bits, p + (i + j) * stride, sizeof bits);
            if ((bits & 0x7f800000u) == 0x7f800000u) return i + j;
        }
    }
    return -1;
}

/* Doubles that are to become floats must stay below the number from which on these are infinite. */
static int64_t first_not_finite_64(int64_t n, const char *p, int64_t stride, double limit) {
    for (int64_t i = 0; i < n; i += CHUNK) {
        const int64_t end = n - i < CHUNK ? n - i : CHUNK;
        double x;
        if (stride == sizeof x) {
            int64_t bad = 0;
            for (int64_t j = 0; j < end; ++j) {
                memcpy(&x, p + (i + j) * (int64_t)sizeof x, sizeof x);
                bad |= !(fabs(x) < limit);
            }
            if (!bad) continue;
        }
        for (int64_t j = 0; j < end; ++j) {
            memcpy(&x, p + (i + j) * stride, sizeof x);
            if (!(fabs(x) < limit)) return i + j;
        }
    }
    return -1;
}

typedef struct {
    int64_t (*first)(int64_t n, const char *p, int64_t stride, double limit);
    double limit;
    int64_t found;
} search;

static int search_run(void *context, const char *run, int64_t n, int64_t stride, int64_t position) {
    search *s = context;
    const int64_t at = s->first(n, run, stride, s->limit);
    if (at >= 0) s->found = position + at;
    return at >= 0;
}

int64_t fastnn_source_first_not_finite(const fastnn_source *s, int itemsize) {
    /* half a unit in the last place above the largest float, doubles round to infinity */
    search looking = {.found = -1, .limit = itemsize == 4 ? 0x1.ffffffp127 : INFINITY};
    switch (s->type) {
        case FASTNN_F16: looking.first = first_not_finite_16; break;
        case FASTNN_F32: looking.first = first_not_finite_32; break;
        case FASTNN_F64: looking.first = first_not_finite_64; break;
        default: return -1; /* integers are finite */
    }
    if (s->dims == 1 && s->sample_stride == s->size * s->stride[0])
        return looking.first(s->samples * s->size, s->data, s->stride[0], looking.limit);
    for (int64_t i = 0; i < s->samples; ++i)
        if (visit_sample(s, i, search_run, &looking)) return i * s->size + looking.found;
    return -1;
}

typedef struct {
    fastnn_source_type type;
    double low, high;
    int whole;
} extent;

static double half_value(uint16_t bits) {
    const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                             : exponent == 0 ? ldexp(fraction, -24)
                                             : ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

static double element(fastnn_source_type type, const char *p) {
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
    switch (type) {
        case FASTNN_BOOL: memcpy(&e.u8, p, 1); return e.u8 != 0;
        case FASTNN_I8: memcpy(&e.i8, p, 1); return e.i8;
        case FASTNN_U8: memcpy(&e.u8, p, 1); return e.u8;
        case FASTNN_I16: memcpy(&e.i16, p, 2); return e.i16;
        case FASTNN_U16: memcpy(&e.u16, p, 2); return e.u16;
        case FASTNN_I32: memcpy(&e.i32, p, 4); return e.i32;
        case FASTNN_U32: memcpy(&e.u32, p, 4); return e.u32;
        case FASTNN_I64: memcpy(&e.i64, p, 8); return (double)e.i64;
        case FASTNN_U64: memcpy(&e.u64, p, 8); return (double)e.u64;
        case FASTNN_F16: memcpy(&e.u16, p, 2); return half_value(e.u16);
        case FASTNN_F32: memcpy(&e.f32, p, 4); return e.f32;
        default: memcpy(&e.f64, p, 8); return e.f64;
    }
}

static int extend_run(void *context, const char *run, int64_t n, int64_t stride, int64_t position) {
    extent *x = context;
    (void)position;
    for (int64_t i = 0; i < n; ++i) {
        const double value = element(x->type, run + i * stride);
        if (!(value >= x->low)) x->low = value;
        if (!(value <= x->high)) x->high = value;
        x->whole &= value == floor(value);
    }
    return 0;
}

void fastnn_source_range(const fastnn_source *s, double *low, double *high, int *whole) {
    extent x = {.type = s->type, .low = NAN, .high = NAN, .whole = 1};
    for (int64_t i = 0; i < s->samples; ++i) visit_sample(s, i, extend_run, &x);
    *low = x.low;
    *high = x.high;
    *whole = x.whole;
}

void fastnn_csr_read(const fastnn_csr *matrix, const fastnn_kernels *kernels, const int64_t *order, int64_t first,
                     int64_t count, int64_t n, void *dst, int64_t dst_row) {
    char *to = dst;
    for (int64_t i = 0; i < count; ++i, to += dst_row * kernels->itemsize) {
        const int64_t row = order ? order[i] : first + i;
        memset(to, 0, (size_t)(n * kernels->itemsize));
        for (int64_t k = matrix->starts[row]; k < matrix->starts[row + 1]; ++k) {
            const int64_t j =
                matrix->wide ? ((const int64_t *)matrix->columns)[k] : ((const int32_t *)matrix->columns)[k];
            if (kernels->itemsize == 4)
                ((float *)to)[j] += ((const float *)matrix->values)[k];
            else
                ((double *)to)[j] += ((const double *)matrix->values)[k];
        }
    }
}
