// The rate of independent multiply-adds on registers: what no kernel of this instruction set can exceed.
// Compiled with -DREAL=float or double, -DBYTES= a vector's, -DCHAINS= accumulators (enough to hide the latency of the
// pipes, few enough for the registers), -DREGISTER= the constraint of a vector register, and -ffp-contract=fast, which
// makes a + x * y one instruction where there is such an instruction.
// Usage: peak THREADS SECONDS. Prints GFLOP/s.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef REAL vector __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / sizeof(REAL), ROUNDS = 2000 };

static atomic_int waiting;
static double end;
static atomic_llong rounds_done;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void burn(void) {
    vector a[CHAINS], x = (vector){0} + (REAL)1e-3;
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++) a[i] = x;
    for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 32
        for (int i = 0; i < CHAINS; i++) {
            a[i] = a[i] + x * x;
            // Nothing is known of the sum or of x from here on: no product can be moved out of the loop or left out.
            __asm__ volatile("" : "+" REGISTER(a[i]), "+" REGISTER(x));
        }
    }
}

static void *work(void *unused) {
    atomic_fetch_sub(&waiting, 1);
    while (atomic_load(&waiting) > 0) {
    }
    for (int i = 0; i < 8; i++) burn();  // caches and clock settle
    long long rounds = 0;
    for (; now() < end; rounds += ROUNDS) burn();
    atomic_fetch_add(&rounds_done, rounds);
    return unused;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    int threads = atoi(arguments[1]);
    double seconds = atof(arguments[2]);
    if (threads < 1 || threads > 4096 || !(seconds > 0)) return 2;
    atomic_store(&waiting, threads);
    pthread_t others[4096];
    double first = now();
    end = first + seconds;
    for (int i = 1; i < threads; i++)
        if (pthread_create(&others[i], NULL, work, NULL)) return 1;
    work(NULL);
    for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
    printf("%.3f\n", 2.0 * LANES * CHAINS * (double)atomic_load(&rounds_done) / seconds / 1e9);
    return 0;
}
