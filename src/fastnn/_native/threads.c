/* The worker pool: see threads.h.
 *
 * One region at a time. `door` holds a generation (high bits), whether the region is open, and how many workers are
 * inside. A worker enters an open region of a generation it has not seen, takes tasks until none is left, and leaves. The
 * caller takes tasks too; when they run out it closes the door and waits only for the workers inside, so a worker that was
 * slow to wake costs nothing. Each worker has a share of the tasks, the same one in every region of as many: what it wrote
 * in the last step is still in its cache. Who is done with his own takes from those of the others. Idle workers spin for a while (the next phase of a step usually
 * follows at once), then sleep: see SPIN_SECONDS.
 *
 * Callers that find the pool in use do their work alone, and each of them takes a place away from the regions that the
 * others open: several Python threads that train at once run on as many CPUs as one of them would.
 *
 * A child after fork() has no workers: a handler forgets the pool there, and the next region starts new ones. */
#include "threads.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "denormals.h"
#include "system.h"

#define OPEN ((uint64_t)1 << 16)
#define INSIDE (OPEN - 1)
#define GENERATION ((uint64_t)1 << 17)

static struct {
    atomic_uint_fast64_t door;
    struct {
        _Alignas(64) atomic_int_fast64_t next; /* task of a worker's share; on a line of its own */
    } shares[FASTNN_MAX_THREADS];
    _Alignas(64) fastnn_task task;
    void *context;
    int64_t tasks;
    int wanted; /* workers that may enter this region: numbers 1 .. wanted */
    atomic_int sleeping;
    int started;
    fastnn_mutex sleep_lock;
    fastnn_condition wake;
    fastnn_mutex in_use; /* held by the caller for the length of its region */
} pool = {.sleep_lock = FASTNN_MUTEX_INIT, .wake = FASTNN_CONDITION_INIT, .in_use = FASTNN_MUTEX_INIT};

static atomic_int num_threads; /* 0: not asked yet */
static atomic_int callers;     /* threads of the process between begin_work and end_work */

static void forget_workers(void);
static void prepare(void) { fastnn_call_after_fork(forget_workers); }
static fastnn_once prepared = FASTNN_ONCE_INIT;

/* How long a worker waits awake for the next region. One that spins starts 0.13 us after a region opens; one that
 * sleeps after 13 to 25 us, and waking it costs the caller some 5 us. So it spins for about as long as both lose by its
 * falling asleep too soon, which also spans the Python between two batches where callbacks listen. By the clock: a
 * `pause` takes 25 ns on one CPU, 4 or 45 on others.
 *
 * Whoever spins gives way now and then, since it may have been put on the CPU of the very thread it waits for. Where all
 * CPUs were busy with other programs, a region of two tasks of 20 us took 99 us without that, 40 with it. */
#define SPIN_SECONDS 50e-6
enum { SPINS_BEFORE_YIELD = 64 };

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* --- how many threads ------------------------------------------------------------------------------------------ */

/* CPUs' worth of time that a group may use, from a file with "quota period" (v2) or from one file for each (v1). */
static int read_quota(const char *folder, const char *quota_file, const char *period_file) {
    char path[4096];
    long quota = -1, period = -1;
    snprintf(path, sizeof path, "%s/%s", folder, quota_file);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%ld %ld", &quota, &period) < 1) quota = -1; /* "max 100000": no limit */
        fclose(file);
    }
    snprintf(path, sizeof path, "%s/%s", folder, period_file ? period_file : "");
    file = period_file ? fopen(path, "r") : NULL;
    if (file) {
        if (fscanf(file, "%ld", &period) < 1) period = -1;
        fclose(file);
    }
    if (quota <= 0 || period <= 0) return FASTNN_MAX_THREADS;
    const long cpus = (quota + period - 1) / period;
    return cpus < FASTNN_MAX_THREADS ? (int)cpus : FASTNN_MAX_THREADS;
}

/* The least quota of a group and of those it is in: folder/group, and upwards to folder. */
static int least_quota(const char *folder, const char *group, const char *quota_file, const char *period_file) {
    char path[3072];
    const size_t top = (size_t)snprintf(path, sizeof path, "%s", folder);
    if (top >= sizeof path || (size_t)snprintf(path, sizeof path, "%s%s", folder, group) >= sizeof path)
        return FASTNN_MAX_THREADS;
    for (int least = FASTNN_MAX_THREADS;;) {
        const int quota = read_quota(path, quota_file, period_file);
        if (quota < least) least = quota;
        char *slash = strrchr(path, '/');
        if (!slash || slash < path + top) return least;
        *slash = 0;
    }
}

/* Whether `name` is one of a list that commas divide. */
static int is_listed(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0)) return 1;
    return 0;
}

int fastnn_cgroup_quota(const char *groups, const char *mounted) {
    char line[2048], folder[2560];
    int least = FASTNN_MAX_THREADS;
    FILE *file = fopen(groups, "r");
    if (!file) return least;
    while (fgets(line, sizeof line, file)) { /* "0::/group" of v2, "3:cpu,cpuacct:/group" of v1 */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        ++controllers;
        int quota = FASTNN_MAX_THREADS;
        if (!*controllers) {
            quota = least_quota(mounted, group, "cpu.max", NULL);
        } else if (is_listed(controllers, "cpu")) {
            snprintf(folder, sizeof folder, "%s/cpu", mounted); /* a link, where it shares its mount */
            quota = least_quota(folder, group, "cpu.cfs_quota_us", "cpu.cfs_period_us");
        }
        if (quota < least) least = quota;
    }
    fclose(file);
    return least;
}

static int cpus(void) {
    const int count = fastnn_system_cpus(), quota = fastnn_cgroup_quota("/proc/self/cgroup", "/sys/fs/cgroup");
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

void fastnn_begin_work(void) {
    fastnn_call_once(&prepared, prepare);
    atomic_fetch_add(&callers, 1);
}

void fastnn_end_work(void) { atomic_fetch_sub(&callers, 1); }

int fastnn_free_threads(void) {
    const int others = atomic_load_explicit(&callers, memory_order_relaxed) - 1;
    return clamp(fastnn_get_num_threads() - (others > 0 ? others : 0));
}

/* --- the workers ----------------------------------------------------------------------------------------------- */

/* The tasks [first_of(w), first_of(w + 1)) are worker w's. */
static int64_t first_of(int worker) { return pool.tasks * worker / (pool.wanted + 1); }

static void take_tasks(int worker) {
    const fastnn_task task = pool.task;
    void *const context = pool.context;
    const int workers = pool.wanted + 1;
    for (int i = 0; i < workers; ++i) {
        const int owner = (worker + i) % workers;
        const int64_t end = first_of(owner + 1);
        int64_t t;
        while ((t = atomic_fetch_add_explicit(&pool.shares[owner].next, 1, memory_order_relaxed)) < end)
            task(context, t, worker);
    }
}

static int is_new(uint64_t door, uint64_t seen) { return (door & OPEN) && door / GENERATION != seen; }

/* Spins until a region opens, or for so long that sleeping is better. */
static uint64_t await_region(uint64_t seen) {
    double until = 0;
    for (int spin = 1;; ++spin) {
        const uint64_t door = atomic_load_explicit(&pool.door, memory_order_acquire);
        if (is_new(door, seen)) return door;
        relax();
        if (spin % SPINS_BEFORE_YIELD) continue;
        fastnn_give_way();
        if (until == 0)
            until = fastnn_now() + SPIN_SECONDS;
        else if (fastnn_now() >= until)
            return door;
    }
}

static fastnn_thread_end work(void *number) {
    const int worker = (int)(intptr_t)number;
    uint64_t seen = 0;
    fastnn_flush_denormals();
    for (;;) {
        uint64_t door = await_region(seen);
        if (!is_new(door, seen)) {
            fastnn_lock(&pool.sleep_lock);
            atomic_fetch_add(&pool.sleeping, 1);
            /* Once woken, awake: where it came too late, the next region may be as short, and it would miss that, too. */
            if (!is_new(atomic_load(&pool.door), seen)) fastnn_wait(&pool.wake, &pool.sleep_lock);
            door = atomic_load(&pool.door);
            atomic_fetch_sub(&pool.sleeping, 1);
            fastnn_unlock(&pool.sleep_lock);
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
    return 0;
}

static void forget_workers(void) { /* in the child after fork(), which has no other threads */
    atomic_store(&callers, 0);
    pool.started = 0;
    atomic_store(&pool.sleeping, 0);
    atomic_store(&pool.door, 0);
    fastnn_mutex_init(&pool.sleep_lock);
    fastnn_condition_init(&pool.wake);
    fastnn_mutex_init(&pool.in_use);
}

void fastnn_parallel(fastnn_task task, void *context, int64_t tasks, int threads) {
    if (threads > tasks) threads = (int)tasks;
    if (threads <= 1 || !fastnn_try_lock(&pool.in_use)) {
        for (int64_t t = 0; t < tasks; ++t) task(context, t, 0);
        return;
    }
    fastnn_call_once(&prepared, prepare);
    while (pool.started < threads - 1 && fastnn_start_thread(work, (void *)(intptr_t)(pool.started + 1)))
        ++pool.started;
    pool.task = task;
    pool.context = context;
    pool.tasks = tasks;
    pool.wanted = threads - 1;
    for (int w = 0; w < threads; ++w) atomic_store_explicit(&pool.shares[w].next, first_of(w), memory_order_relaxed);
    const uint64_t generation = atomic_load(&pool.door) / GENERATION + 1;
    atomic_store(&pool.door, generation * GENERATION | OPEN);
    if (atomic_load(&pool.sleeping)) {
        fastnn_lock(&pool.sleep_lock);
        fastnn_wake_all(&pool.wake);
        fastnn_unlock(&pool.sleep_lock);
    }
    take_tasks(0);
    atomic_fetch_and(&pool.door, ~OPEN);
    for (int spin = 1; atomic_load_explicit(&pool.door, memory_order_acquire) & INSIDE; ++spin) {
        relax();
        if (spin % SPINS_BEFORE_YIELD == 0) fastnn_give_way();
    }
    fastnn_unlock(&pool.in_use);
}
