/* The one file that knows the operating system: POSIX (Linux, macOS and their like) and Windows. What differs between
 * processors is not here. */
#ifndef FASTNN_SYSTEM_H
#define FASTNN_SYSTEM_H

#ifdef _WIN32
#ifndef _WIN64
#error "fastnn needs a 64-bit Windows"
#endif
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <malloc.h>
#include <process.h>
#include <windows.h>

#define FASTNN_EXPORTED __declspec(dllexport)

static inline double fastnn_now(void) { /* seconds of a clock that never goes back */
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}

/* Memory to be given back by fastnn_aligned_free alone, or NULL. */
static inline void *fastnn_aligned_alloc(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }
static inline void fastnn_aligned_free(void *memory) { _aligned_free(memory); }

static inline int fastnn_system_cpus(void) { /* that this process may run on */
    DWORD_PTR own, all;
    if (GetProcessAffinityMask(GetCurrentProcess(), &own, &all) && own) return __builtin_popcountll(own);
    return (int)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}

typedef SRWLOCK fastnn_mutex;
#define FASTNN_MUTEX_INIT SRWLOCK_INIT
static inline void fastnn_mutex_init(fastnn_mutex *mutex) { InitializeSRWLock(mutex); }
static inline void fastnn_lock(fastnn_mutex *mutex) { AcquireSRWLockExclusive(mutex); }
static inline int fastnn_try_lock(fastnn_mutex *mutex) { return TryAcquireSRWLockExclusive(mutex); }
static inline void fastnn_unlock(fastnn_mutex *mutex) { ReleaseSRWLockExclusive(mutex); }

typedef CONDITION_VARIABLE fastnn_condition;
#define FASTNN_CONDITION_INIT CONDITION_VARIABLE_INIT
static inline void fastnn_condition_init(fastnn_condition *condition) { InitializeConditionVariable(condition); }
static inline void fastnn_wait(fastnn_condition *condition, fastnn_mutex *mutex) {
    SleepConditionVariableSRW(condition, mutex, INFINITE, 0);
}
static inline void fastnn_wake_all(fastnn_condition *condition) { WakeAllConditionVariable(condition); }

typedef INIT_ONCE fastnn_once;
#define FASTNN_ONCE_INIT INIT_ONCE_STATIC_INIT
static inline BOOL CALLBACK fastnn_once_call(INIT_ONCE *once, void *call, void **context) {
    (void)once, (void)context;
    ((void (*)(void))call)();
    return TRUE;
}
static inline void fastnn_call_once(fastnn_once *once, void (*call)(void)) {
    InitOnceExecuteOnce(once, fastnn_once_call, (void *)call, NULL);
}

typedef DWORD fastnn_key; /* one pointer for each thread; `forget` gets it when its thread ends */
static inline void fastnn_key_init(fastnn_key *key, void (*forget)(void *)) { *key = FlsAlloc(forget); }
static inline void *fastnn_key_get(fastnn_key key) { return FlsGetValue(key); }
static inline int fastnn_key_set(fastnn_key key, void *value) { return FlsSetValue(key, value); } /* false: it failed */

typedef unsigned fastnn_thread_end; /* what the body of a thread returns: 0 */
static inline int fastnn_start_thread(fastnn_thread_end (*body)(void *), void *argument) { /* false: it failed */
    const uintptr_t thread = _beginthreadex(NULL, 0, body, argument, 0, NULL);
    return thread && CloseHandle((HANDLE)thread);
}
static inline void fastnn_give_way(void) { SwitchToThread(); }
static inline void fastnn_call_after_fork(void (*call)(void)) { (void)call; } /* there is no fork */

#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FASTNN_EXPORTED __attribute__((visibility("default")))

static inline double fastnn_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void *fastnn_aligned_alloc(size_t alignment, size_t bytes) { /* aligned_alloc is new to macOS 10.15 */
    void *memory;
    return posix_memalign(&memory, alignment, bytes) ? NULL : memory;
}
static inline void fastnn_aligned_free(void *memory) { free(memory); }

static inline int fastnn_system_cpus(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

typedef pthread_mutex_t fastnn_mutex;
#define FASTNN_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
static inline void fastnn_mutex_init(fastnn_mutex *mutex) { pthread_mutex_init(mutex, NULL); }
static inline void fastnn_lock(fastnn_mutex *mutex) { pthread_mutex_lock(mutex); }
static inline int fastnn_try_lock(fastnn_mutex *mutex) { return pthread_mutex_trylock(mutex) == 0; }
static inline void fastnn_unlock(fastnn_mutex *mutex) { pthread_mutex_unlock(mutex); }

typedef pthread_cond_t fastnn_condition;
#define FASTNN_CONDITION_INIT PTHREAD_COND_INITIALIZER
static inline void fastnn_condition_init(fastnn_condition *condition) { pthread_cond_init(condition, NULL); }
static inline void fastnn_wait(fastnn_condition *condition, fastnn_mutex *mutex) {
    pthread_cond_wait(condition, mutex);
}
static inline void fastnn_wake_all(fastnn_condition *condition) { pthread_cond_broadcast(condition); }

typedef pthread_once_t fastnn_once;
#define FASTNN_ONCE_INIT PTHREAD_ONCE_INIT
static inline void fastnn_call_once(fastnn_once *once, void (*call)(void)) { pthread_once(once, call); }

typedef pthread_key_t fastnn_key;
static inline void fastnn_key_init(fastnn_key *key, void (*forget)(void *)) { pthread_key_create(key, forget); }
static inline void *fastnn_key_get(fastnn_key key) { return pthread_getspecific(key); }
static inline int fastnn_key_set(fastnn_key key, void *value) { return pthread_setspecific(key, value) == 0; }

typedef void *fastnn_thread_end;
static inline int fastnn_start_thread(fastnn_thread_end (*body)(void *), void *argument) {
    pthread_t thread;
    sigset_t all, before; /* signals are for the interpreter's threads: this one inherits a mask that takes none */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&thread, NULL, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !failed && pthread_detach(thread) == 0;
}
static inline void fastnn_give_way(void) { sched_yield(); }
static inline void fastnn_call_after_fork(void (*call)(void)) { pthread_atfork(NULL, NULL, call); } /* in the child */
#endif

#endif
