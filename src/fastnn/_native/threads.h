/* The worker pool: a few threads of our own, shared by the whole process. */
#ifndef FASTNN_THREADS_H
#define FASTNN_THREADS_H
#include <stdint.h>

#include "system.h"

enum { FASTNN_MAX_THREADS = 256 };

/* One task of a parallel region; `worker` in [0, threads) is nobody else's while the task runs. */
typedef void (*fastnn_task)(void *context, int64_t task, int worker);

/* Threads a parallel region may use, the calling one included. Starts as FASTNN_NUM_THREADS, else OMP_NUM_THREADS, else
 * the CPUs this process may run on (affinity and cgroup). threadpoolctl knows the library by these names. */
FASTNN_EXPORTED int fastnn_get_num_threads(void);
FASTNN_EXPORTED void fastnn_set_num_threads(int threads);

/* Around a stretch of work that opens regions; and how many threads such a region should use: one less for each other
 * thread of the process that is at work. */
void fastnn_begin_work(void);
void fastnn_end_work(void);
int fastnn_free_threads(void);

/* CPUs that the control groups of a process leave it, rounded up: `groups` as /proc/self/cgroup, `mounted` as
 * /sys/fs/cgroup; FASTNN_MAX_THREADS where there is no limit. */
int fastnn_cgroup_quota(const char *groups, const char *mounted);

/* Calls task(context, t, worker) once for each t in [0, tasks), in any order, and returns when all are done. With
 * threads <= 1, or while another thread of the process uses the pool, the caller does them all, in order. */
void fastnn_parallel(fastnn_task task, void *context, int64_t tasks, int threads);

#endif
