/* Random numbers, and numbers of every type that a batch may come from. */
#include "checking.h"

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

void check_dropout(void) {
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

void check_convert(void) {
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
