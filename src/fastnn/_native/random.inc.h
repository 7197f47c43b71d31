/* Random numbers by counting: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", 2011).
 *
 * Element e of a stream is word e % 4 of the block whose counter is (e / 4 low, e / 4 high, counter low, counter high)
 * and whose key is (key low, key high): a function of (key, counter, e) alone. Many blocks go through the rounds side by
 * side in plain arrays, and the compiler makes vectors of them: the number of blocks must not be a constant, or gcc
 * takes the loop over them apart first and leaves scalars. */
enum { PHILOX_BLOCKS = 64, PHILOX_WORDS = 4 * PHILOX_BLOCKS };

/* words[4 * blocks] <- the blocks block, block + 1, ... of the stream; blocks <= PHILOX_BLOCKS */
static void philox(uint64_t key, uint64_t counter, uint64_t block, int blocks, uint32_t *words) {
    uint32_t c0[PHILOX_BLOCKS], c1[PHILOX_BLOCKS], c2[PHILOX_BLOCKS], c3[PHILOX_BLOCKS];
    for (int b = 0; b < blocks; b++) {
        c0[b] = (uint32_t)(block + (uint64_t)b);
        c1[b] = (uint32_t)((block + (uint64_t)b) >> 32);
        c2[b] = (uint32_t)counter;
        c3[b] = (uint32_t)(counter >> 32);
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        for (int b = 0; b < blocks; b++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * c0[b], p1 = (uint64_t)0xCD9E8D57u * c2[b];
            c0[b] = (uint32_t)(p1 >> 32) ^ c1[b] ^ k0;
            c1[b] = (uint32_t)p1;
            c2[b] = (uint32_t)(p0 >> 32) ^ c3[b] ^ k1;
            c3[b] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int b = 0; b < blocks; b++) {
        words[4 * b] = c0[b];
        words[4 * b + 1] = c1[b];
        words[4 * b + 2] = c2[b];
        words[4 * b + 3] = c3[b];
    }
}

/* order[n] <- the numbers below n in an order that is as likely as any other: Fisher and Yates, from the front. Where the
 * i-th goes is a word times i + 1, shifted; words that would make some places likelier are passed over (Lemire, "Fast
 * random integer generation in an interval", 2019). */
static void shuffle(int64_t n, uint64_t key, uint64_t counter, int64_t *order) {
    uint32_t words[PHILOX_WORDS];
    uint64_t block = 0;
    int at = PHILOX_WORDS;
    assert(n <= (int64_t)1 << 32);
    for (int64_t i = 0; i < n; i++) {
        const uint64_t places = (uint64_t)i + 1;
        uint64_t product;
        do {
            if (at == PHILOX_WORDS) {
                philox(key, counter, block, PHILOX_BLOCKS, words);
                block += PHILOX_BLOCKS;
                at = 0;
            }
            product = words[at++] * places;
        } while ((uint32_t)product < places && (uint32_t)product < ((uint64_t)1 << 32) % places);
        const int64_t place = (int64_t)(product >> 32);
        order[i] = order[place];
        order[place] = i;
    }
}

static inline void keep_or_drop(int64_t n, const uint32_t *words, uint32_t threshold, real factor, const real *x,
                                real *y) {
    for (int64_t i = 0; i < n; i++) y[i] = words[i] >= threshold ? x[i] * factor : (real)0;
}

/* y[n] = x[n] / (1 - rate) where word (first + i) >= rate · 2^32, else 0 */
static void dropout(int64_t n, int64_t first, uint64_t key, uint64_t counter, double rate, const void *x, void *y) {
    const real *from = x;
    real *to = y;
    if (rate >= 1) {
        for (int64_t i = 0; i < n; i++) to[i] = 0;
        return;
    }
    const uint32_t threshold = (uint32_t)(rate * 4294967296.0);
    const real factor = (real)(1 / (1 - rate));
    uint64_t block = (uint64_t)first / 4;
    int64_t skip = first % 4; /* words of the first block that belong to earlier elements */
    for (int64_t i = 0; i < n;) {
        uint32_t words[PHILOX_WORDS];
        const int64_t count = min64(PHILOX_WORDS - skip, n - i);
        /* blocks in sixteens: whole vectors */
        philox(key, counter, block, (int)min64((skip + count + 63) / 64 * 16, PHILOX_BLOCKS), words);
        keep_or_drop(count, words + skip, threshold, factor, from + i, to + i);
        i += count;
        block += PHILOX_BLOCKS;
        skip = 0;
    }
}
