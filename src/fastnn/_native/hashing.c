/* Hashes of byte strings, as their publications define them; words are read as little-endian on every machine. */
#include "hashing.h"

static uint64_t rotate_right(uint64_t x, int by) { return x >> by | x << (64 - by); }
static uint64_t rotate_left(uint64_t x, int by) { return x << by | x >> (64 - by); }
static uint64_t fold(uint64_t x) { return x ^ (x >> 47); }

/* The word of `n` bytes at s, its least significant byte first. */
static uint64_t word(const char *s, int n) {
    uint64_t x = 0;
    for (int i = n - 1; i >= 0; --i) x = x << 8 | (unsigned char)s[i];
    return x;
}

static uint64_t word8(const char *s) { return word(s, 8); }
static uint64_t word4(const char *s) { return word(s, 4); }

/* --- Fingerprint64: one formula for each range of lengths ---------------------------------------------------------- */

static const uint64_t K0 = 0xc3a5c85c97cb3127u, K1 = 0xb492b66fbe98f273u, K2 = 0x9ae16a3b2f90404fu;

static uint64_t mix(uint64_t u, uint64_t v, uint64_t by) {
    const uint64_t a = fold((u ^ v) * by);
    return fold((v ^ a) * by) * by;
}

static uint64_t up_to_16(const char *s, uint64_t n) {
    const uint64_t by = K2 + 2 * n;
    if (n >= 8) {
        const uint64_t a = word8(s) + K2, b = word8(s + n - 8);
        return mix(rotate_right(b, 37) * by + a, (rotate_right(a, 25) + b) * by, by);
    }
    if (n >= 4) return mix(n + (word4(s) << 3), word4(s + n - 4), by);
    if (n > 0) {
        const uint32_t first = (unsigned char)s[0], middle = (unsigned char)s[n / 2], last = (unsigned char)s[n - 1];
        return fold((first + (middle << 8)) * K2 ^ ((uint32_t)n + (last << 2)) * K0) * K2;
    }
    return K2;
}

static uint64_t up_to_32(const char *s, uint64_t n) {
    const uint64_t by = K2 + 2 * n;
    const uint64_t a = word8(s) * K1, b = word8(s + 8), c = word8(s + n - 8) * by, d = word8(s + n - 16) * K2;
    return mix(rotate_right(a + b, 43) + rotate_right(c, 30) + d, a + rotate_right(b + K2, 18) + c, by);
}

static uint64_t up_to_64(const char *s, uint64_t n) {
    const uint64_t by = K2 + 2 * n;
    const uint64_t a = word8(s) * K2, b = word8(s + 8), c = word8(s + n - 8) * by, d = word8(s + n - 16) * K2;
    const uint64_t y = rotate_right(a + b, 43) + rotate_right(c, 30) + d;
    const uint64_t z = mix(y, a + rotate_right(b + K2, 18) + c, by);
    const uint64_t e = word8(s + 16) * by, f = word8(s + 24);
    const uint64_t g = (y + word8(s + n - 32)) * by, h = (z + word8(s + n - 24)) * by;
    return mix(rotate_right(e + f, 43) + rotate_right(g, 30) + h, e + rotate_right(f + a, 18) + g, by);
}

typedef struct {
    uint64_t first, second;
} pair;

/* 32 bytes at s stirred into two words */
static pair stir(const char *s, uint64_t a, uint64_t b) {
    const uint64_t z = word8(s + 24);
    a += word8(s);
    b = rotate_right(b + a + z, 21);
    const uint64_t before = a;
    a += word8(s + 8) + word8(s + 16);
    b += rotate_right(a, 44);
    return (pair){a + z, b + before};
}

typedef struct {
    uint64_t x, y, z;
    pair v, w;
} state;

/* 64 bytes at s; `heavy` is how much of v and w goes in, more at the end */
static void absorb(state *q, const char *s, uint64_t by, uint64_t heavy) {
    q->x = rotate_right(q->x + q->y + q->v.first + word8(s + 8), 37) * by;
    q->y = rotate_right(q->y + q->v.second + word8(s + 48), 42) * by;
    q->x ^= q->w.second * heavy;
    q->y += q->v.first * heavy + word8(s + 40);
    q->z = rotate_right(q->z + q->w.first, 33) * by;
    q->v = stir(s, q->v.second * by, q->x + q->w.first);
    q->w = stir(s + 32, q->z + q->w.second, q->y + word8(s + 16));
    const uint64_t x = q->x;
    q->x = q->z;
    q->z = x;
}

uint64_t fastnn_fingerprint64(const char *s, uint64_t n) {
    if (n <= 16) return up_to_16(s, n);
    if (n <= 32) return up_to_32(s, n);
    if (n <= 64) return up_to_64(s, n);
    const uint64_t seed = 81, y = seed * K1 + 113;
    state q = {.x = seed * K2 + word8(s), .y = y, .z = fold(y * K2 + 113) * K2};
    const uint64_t whole = (n - 1) / 64 * 64, rest = (n - 1) & 63;
    for (uint64_t at = 0; at < whole; at += 64) absorb(&q, s + at, K1, 1);
    const uint64_t by = K1 + ((q.z & 255) << 1);
    q.w.first += rest;
    q.v.first += q.w.first;
    q.w.first += q.v.first;
    absorb(&q, s + n - 64, by, 9);
    return mix(mix(q.v.first, q.w.first, by) + fold(q.y) * K0 + q.z, mix(q.v.second, q.w.second, by) + q.x, by);
}

/* --- SipHash-2-4 ---------------------------------------------------------------------------------------------------- */

static void sip_rounds(uint64_t v[4], int rounds) {
    for (int i = 0; i < rounds; ++i) {
        v[0] += v[1], v[2] += v[3];
        v[1] = rotate_left(v[1], 13) ^ v[0], v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[1], v[0] += v[3];
        v[1] = rotate_left(v[1], 17) ^ v[2], v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] = rotate_left(v[2], 32);
    }
}

uint64_t fastnn_siphash64(const char *s, uint64_t n, uint64_t key0, uint64_t key1) {
    uint64_t v[4] = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du, key0 ^ 0x6c7967656e657261u,
                     key1 ^ 0x7465646279746573u};
    const uint64_t whole = n / 8 * 8;
    for (uint64_t at = 0; at <= whole; at += 8) {
        /* the last word holds the bytes that are left, and the length in its highest byte */
        const uint64_t m = at < whole ? word8(s + at) : (n << 56 | word(s + at, (int)(n - whole)));
        v[3] ^= m;
        sip_rounds(v, 2);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
