/* Hashes of byte strings that never change: the same on every machine, in every version. */
#ifndef FASTNN_HASHING_H
#define FASTNN_HASHING_H
#include <stdint.h>

/* FarmHash's Fingerprint64 (G. Pike, "FarmHash", 2014): well mixed, with no key. */
uint64_t fastnn_fingerprint64(const char *bytes, uint64_t length);

/* SipHash-2-4 (J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012) with a key of two words. */
uint64_t fastnn_siphash64(const char *bytes, uint64_t length, uint64_t key0, uint64_t key1);

#endif
