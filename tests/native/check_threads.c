/* Checks the worker pool by itself, for a thread sanitizer to watch: regions of all sizes, several callers at once,
 * sleeping workers, and, where there are such, children of fork() and the control groups that decide how many threads
 * there are. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "threads.h"

void check_pace(void);

enum { MOST_TASKS = 200, CALLERS = 4, REGIONS = 3000 };

static void expect(int holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "check_threads: %s\n", what);
    _Exit(1);
}

static void sleep_us(long us) {
    const struct timespec t = {.tv_nsec = us * 1000};
    nanosleep(&t, NULL);
}

/* Plain memory on purpose: that each task is run once, by one thread, before the region ends, is what is checked. */
typedef struct {
    int runs[MOST_TASKS];
    int busy[FASTNN_MAX_THREADS]; /* a worker's number is nobody else's while a task runs */
    int threads;
} region;

static void count(void *context, int64_t task, int worker) {
    region *r = context;
    expect(worker >= 0 && worker < r->threads, "a worker has a number below `threads`");
    expect(!r->busy[worker]++, "two tasks with one worker's number at once");
    r->runs[task]++;
    r->busy[worker]--;
}

static unsigned next_random(unsigned *seed) { return (*seed = *seed * 1103515245u + 12345u) >> 16; }

static void open_regions(unsigned seed, int regions) {
    for (int i = 0; i < regions; ++i) {
        region r = {.threads = 1 + (int)(next_random(&seed) % 8)};
        const int64_t tasks = next_random(&seed) % MOST_TASKS;
        fastnn_parallel(count, &r, tasks, r.threads);
        for (int64_t t = 0; t < MOST_TASKS; ++t) expect(r.runs[t] == (t < tasks), "each task is run once");
        if (i % 100 == 0) sleep_us(next_random(&seed) % 200); /* the workers fall asleep, or are about to */
    }
}

static void *call(void *seed) {
    fastnn_begin_work();
    expect(fastnn_free_threads() >= 1, "the caller itself is always free");
    open_regions((unsigned)(uintptr_t)seed, REGIONS);
    fastnn_end_work();
    return NULL;
}

static void check_callers(void) {
    pthread_t callers[CALLERS];
    fastnn_set_num_threads(3);
    fastnn_begin_work();
    expect(fastnn_free_threads() == 3, "a caller alone has all threads");
    fastnn_begin_work();
    expect(fastnn_free_threads() == 2, "another one takes a thread away");
    fastnn_end_work();
    fastnn_end_work();
    for (int i = 0; i < CALLERS; ++i)
        expect(!pthread_create(&callers[i], NULL, call, (void *)(uintptr_t)(i + 1)), "a thread");
    for (int i = 0; i < CALLERS; ++i) pthread_join(callers[i], NULL);
    fastnn_begin_work();
    expect(fastnn_free_threads() == 3, "all callers have left");
    fastnn_end_work();
}

/* Tasks that run at once, and how many there were at most. */
static atomic_int running, most_running;

static void occupy(void *context, int64_t task, int worker) {
    (void)context, (void)task, (void)worker;
    const int now = atomic_fetch_add(&running, 1) + 1;
    int most = atomic_load(&most_running);
    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now)) {
    }
    sleep_us(100); /* others get to their tasks, however few CPUs there are */
    atomic_fetch_sub(&running, 1);
}

static atomic_int at_work, done;

static void *train(void *count) {
    fastnn_begin_work();
    atomic_fetch_add(&at_work, 1);
    while (atomic_load(&at_work) < (int)(intptr_t)count) sleep_us(20);
    for (int i = 0; i < 20; ++i) fastnn_parallel(occupy, NULL, 12, fastnn_free_threads());
    atomic_fetch_add(&done, 1);
    while (atomic_load(&done) < (int)(intptr_t)count) sleep_us(20); /* nobody leaves work to the others */
    fastnn_end_work();
    return NULL;
}

/* So many callers, of whom each alone may use so many threads: how many tasks run at once. */
static int at_once(int count, int threads) {
    pthread_t callers[2 * CALLERS];
    fastnn_set_num_threads(threads);
    atomic_store(&most_running, 0), atomic_store(&at_work, 0), atomic_store(&done, 0);
    for (int i = 0; i < count; ++i)
        expect(!pthread_create(&callers[i], NULL, train, (void *)(intptr_t)count), "a thread");
    for (int i = 0; i < count; ++i) pthread_join(callers[i], NULL);
    return atomic_load(&most_running);
}

static void check_crowd(void) {
    int alone = 0;
    for (int i = 0; i < 100 && alone < 4; ++i) alone = at_once(1, 4); /* workers may be late where others are busy */
    expect(alone == 4, "a caller alone uses all threads");
    expect(at_once(2, 4) <= 4, "two callers use no more than one of them would");
    expect(at_once(4, 4) <= 4, "as many callers as threads: one each");
    expect(at_once(6, 4) <= 6, "more callers than threads: no workers beside them");
    fastnn_set_num_threads(3);
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check_idle(void) {
    open_regions(1, 10);
    sleep_us(50000); /* time to fall asleep */
    const double before = cpu_seconds();
    for (int i = 0; i < 5; ++i) sleep_us(100000);
    expect(cpu_seconds() - before < 0.05, "idle workers use no time: half a second cost more than a tenth of it");
}

#ifdef _WIN32
static void check_fork(void) {}
static void check_groups(void) {}
#else
static _Atomic int stop;

static void *open_until_stopped(void *context) {
    (void)context;
    while (!atomic_load(&stop)) call((void *)(uintptr_t)9);
    return NULL;
}

/* While another thread is in the midst of its regions, whose locks no one in the child will ever give back. */
static void check_fork(void) {
    pthread_t other;
    expect(!pthread_create(&other, NULL, open_until_stopped, NULL), "a thread");
    for (int i = 0; i < 20; ++i) {
        sleep_us(500);
        const pid_t child = fork();
        if (child == 0) {
            alarm(60);
            fastnn_begin_work();
            expect(fastnn_free_threads() == 3, "a child starts without the callers of its parent");
            open_regions((unsigned)i, 50);
            _Exit(0);
        }
        int status;
        expect(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child opens regions of its own");
    }
    atomic_store(&stop, 1);
    pthread_join(other, NULL);
}

static void write_file(const char *folder, const char *name, const char *text) {
    char path[512], command[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(command, sizeof command, "mkdir -p \"$(dirname '%s')\"", path);
    expect(!system(command), "a folder");
    FILE *file = fopen(path, "w");
    expect(file != NULL, "a file");
    fputs(text, file);
    fclose(file);
}

static int quota_of(const char *folder, const char *groups) {
    char path[512];
    write_file(folder, "groups", groups);
    snprintf(path, sizeof path, "%s/groups", folder);
    return fastnn_cgroup_quota(path, folder);
}

static void check_groups(void) {
    char folder[] = "/tmp/check_threads_XXXXXX", command[600];
    expect(mkdtemp(folder) != NULL, "a folder");
    write_file(folder, "a/cpu.max", "150000 100000\n");
    write_file(folder, "a/b/cpu.max", "max 100000\n");
    write_file(folder, "c/cpu.max", "max 100000\n");
    write_file(folder, "cpu/d/cpu.cfs_quota_us", "300000\n");
    write_file(folder, "cpu/d/cpu.cfs_period_us", "100000\n");
    write_file(folder, "cpu/cpu.cfs_quota_us", "-1\n");
    write_file(folder, "cpu/cpu.cfs_period_us", "100000\n");
    expect(quota_of(folder, "0::/a/b\n") == 2, "the limit of a group above, rounded up");
    expect(quota_of(folder, "0::/c\n") == FASTNN_MAX_THREADS, "no limit");
    expect(quota_of(folder, "0::/none\n") == FASTNN_MAX_THREADS, "a group that is not to be seen");
    expect(quota_of(folder, "4:cpuset:/a\n3:cpuacct,cpu:/d/e\n0::/\n") == 3, "version 1");
    expect(quota_of(folder, "3:cpuset,cpuacct:/d\n") == FASTNN_MAX_THREADS, "another controller of version 1");
    expect(quota_of(folder, "3:cpu:/d\n0::/a\n") == 2, "the least of both versions");
    write_file(folder, "cpu.max", "100000 100000\n");
    expect(quota_of(folder, "0::/\n") == 1, "a namespace of its own: the limit lies at the root");
    expect(quota_of(folder, "") == FASTNN_MAX_THREADS, "no groups");
    expect(fastnn_cgroup_quota("/nowhere", folder) == FASTNN_MAX_THREADS, "no file of groups");
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    expect(!system(command), "a folder is removed");
}

#endif

int main(int count, char **arguments) {
    const int watched =
        count > 1 && !strcmp(arguments[1], "--watched"); /* a sanitizer cannot follow a fork, nor time */
    check_groups();
    check_pace();
    open_regions(1, REGIONS);
    check_callers();
    check_crowd();
    if (!watched) {
        check_fork();
        check_idle();
    }
    puts("the worker pool: all checks passed");
    return 0;
}
