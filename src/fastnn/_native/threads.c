/* The worker pool: see threads.h.
 *
 * One region at a time. `door` holds a generation (high bits), whether the region is open, and how many workers are
 * inside. A worker enters an open region of a generation it has not seen, takes tasks from a shared counter until none
 * is left, and leaves. The caller takes tasks too; when they run out it closes the door and waits only for the workers
 * inside, so a worker that was slow to wake costs nothing. Idle workers spin for a few microseconds (the next phase of a
 * step usually follows at once), then sleep.
 *
 * A child after fork() has no workers: a handler forgets the pool there, and the next region starts new ones. */
#define _GNU_SOURCE
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "denormals.h"

#define OPEN ((uint64_t)1 << 16)
#define INSIDE (OPEN - 1)
#define GENERATION ((uint64_t)1 << 17)

static struct {
    atomic_uint_fast64_t door;
    _Alignas(64) atomic_int_fast64_t next; /* on a line of its own: every worker writes it */
    _Alignas(64) fastnn_task task;
    void *context;
    int64_t tasks;
    int wanted; /* workers that may enter this region: numbers 1 .. wanted */
    atomic_int sleeping;
    int started;
    pthread_mutex_t sleep_lock;
    pthread_cond_t wake;
    pthread_mutex_t in_use; /* held by the caller for the length of its region */
} pool = {
    .sleep_lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .in_use = PTHREAD_MUTEX_INITIALIZER};

static atomic_int num_threads; /* 0: not asked yet */

enum { SPINS = 2000, SPINS_BEFORE_YIELD = 20000 };

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int quota_of_cgroup(void) {
    long quota, period;
    int cpus = FASTNN_MAX_THREADS;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (!file) return cpus;
    if (fscanf(file, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0)
        cpus = (int)((quota + period - 1) / period);
    fclose(file);
    return cpus;
}

static int cpus(void) {
    int count;
#ifdef __linux__
    cpu_set_t set;
    count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
#else
    count = (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
    const int quota = quota_of_cgroup();
    return count < quota ? count : quota;
}

static int clamp(long threads) {
    return threads < 1 ? 1 : threads > FASTNN_MAX_THREADS ? FASTNN_MAX_THREADS : (int)threads;
}

int fastnn_get_num_threads(void) {
    int threads = atomic_load(&num_threads);
    if (threads == 0) {
        const char *asked = getenv("FASTNN_NUM_THREADS");
        if (!asked || atoi(asked) < 1) asked = getenv("OMP_NUM_THREADS");
        threads = clamp(asked && atoi(asked) > 0 ? atoi(asked) : cpus());
        atomic_store(&num_threads, threads);
    }
    return threads;
}

void fastnn_set_num_threads(int threads) { atomic_store(&num_threads, clamp(threads)); }

static void take_tasks(int worker) {
    const fastnn_task task = pool.task;
    void *const context = pool.context;
    const int64_t tasks = pool.tasks;
    for (;;) {
        const int64_t t = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed);
        if (t >= tasks) return;
        task(context, t, worker);
    }
}

static int is_new(uint64_t door, uint64_t seen) { return (door & OPEN) && door / GENERATION != seen; }

static void *work(void *number) {
    const int worker = (int)(intptr_t)number;
    uint64_t seen = 0;
    fastnn_flush_denormals();
    for (;;) {
        uint64_t door = atomic_load_explicit(&pool.door, memory_order_acquire);
        for (int spin = 0; spin < SPINS && !is_new(door, seen); ++spin) {
            relax();
            door = atomic_load_explicit(&pool.door, memory_order_acquire);
        }
        if (!is_new(door, seen)) {
            pthread_mutex_lock(&pool.sleep_lock);
            atomic_fetch_add(&pool.sleeping, 1);
            while (!is_new(door = atomic_load(&pool.door), seen)) pthread_cond_wait(&pool.wake, &pool.sleep_lock);
            atomic_fetch_sub(&pool.sleeping, 1);
            pthread_mutex_unlock(&pool.sleep_lock);
        }
        /* Enter, unless the door closed meanwhile. Only inside are the fields of the region safe to read. */
        while (is_new(door, seen) && !atomic_compare_exchange_weak_explicit(
                                         &pool.door, &door, door + 1, memory_order_acq_rel, memory_order_acquire)) {
        }
        if (!is_new(door, seen)) continue;
        seen = door / GENERATION;
        if (worker <= pool.wanted) take_tasks(worker);
        atomic_fetch_sub_explicit(&pool.door, 1, memory_order_release);
    }
    return NULL;
}

static void forget_workers(void) { /* in the child after fork() */
    pool.started = 0;
    atomic_store(&pool.sleeping, 0);
    atomic_store(&pool.door, 0);
    pthread_mutex_init(&pool.sleep_lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_mutex_init(&pool.in_use, NULL);
}

static void start_workers(int workers) {
    static int registered;
    if (!registered) registered = pthread_atfork(NULL, NULL, forget_workers) == 0;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigset_t all, before; /* signals are for the interpreter's threads: workers inherit a mask that takes none */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.started < workers) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, work, (void *)(intptr_t)(pool.started + 1))) break;
        ++pool.started;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

void fastnn_parallel(fastnn_task task, void *context, int64_t tasks, int threads) {
    if (threads > tasks) threads = (int)tasks;
    if (threads <= 1 || pthread_mutex_trylock(&pool.in_use)) {
        for (int64_t t = 0; t < tasks; ++t) task(context, t, 0);
        return;
    }
    if (pool.started < threads - 1) start_workers(threads - 1);
    pool.task = task;
    pool.context = context;
    pool.tasks = tasks;
    pool.wanted = threads - 1;
    atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
    const uint64_t generation = atomic_load(&pool.door) / GENERATION + 1;
    atomic_store(&pool.door, generation * GENERATION | OPEN);
    if (atomic_load(&pool.sleeping)) {
        pthread_mutex_lock(&pool.sleep_lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.sleep_lock);
    }
    take_tasks(0);
    atomic_fetch_and(&pool.door, ~OPEN);
    for (int spin = 0; atomic_load_explicit(&pool.door, memory_order_acquire) & INSIDE; ++spin) {
        if (spin < SPINS_BEFORE_YIELD)
            relax();
        else
            sched_yield();
    }
    pthread_mutex_unlock(&pool.in_use);
}
