/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads, mutual exclusion and waiting on an address (futex): what the scheduler is built from.
 *
 * Contract: shared. A hone_thread is joined exactly once by whoever created it. hone_mutex is a
 * plain sleeping lock; it is not recursive. Waits may wake without a reason: test the condition
 * again.
 */
#ifndef HONE_PLATFORM_THREAD_H
#define HONE_PLATFORM_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hone/base/status.h"
#include "hone/platform/cpu_set.h"

typedef struct hone_thread {
    pthread_t handle;
} hone_thread;

typedef struct hone_mutex {
    pthread_mutex_t handle;
} hone_mutex;

/* A sleeping lock that many may hold to read, or one to write; a writer that waits goes before
 * readers that come later. Not recursive, either way. */
typedef struct hone_rwlock {
    pthread_rwlock_t handle;
} hone_rwlock;

#define HONE_MUTEX_INIT \
    { PTHREAD_MUTEX_INITIALIZER }

/* Starts a thread that runs run(context), all signals blocked, so that they go to the program's own
 * threads. `name` is cut to 15 bytes. OUT_OF_MEMORY, LIMIT (no more threads allowed), FORBIDDEN. */
HONE_MUST_USE hone_status hone_thread_create(const char *name, void (*run)(void *context),
                                             void *context, hone_thread *out_thread);
void hone_thread_join(hone_thread thread);

/* Tells the calling thread from all others that live; never 0. */
static inline uintptr_t hone_thread_self_id(void) {
    return (uintptr_t)pthread_self();
}

/* Binds the calling thread to one logical CPU, or to those of a set that this process may use.
 * FORBIDDEN, or ABSENT when there is no such CPU for this process. */
HONE_MUST_USE hone_status hone_thread_pin(uint32_t cpu);
HONE_MUST_USE hone_status hone_thread_pin_set(const hone_cpu_set *cpus);

/* Asks the kernel for `runtime_ns` of CPU time in every `period_ns` for the calling thread, before
 * all ordinary threads of the machine (SCHED_DEADLINE); what others leave it may use beyond that.
 * INVALID_ARGUMENT (no runtime, more than the period, a period outside 100 us to 4 s), FORBIDDEN
 * (no permission: CAP_SYS_NICE; or bound to some CPUs only, which the kernel does not allow), LIMIT
 * (the machine cannot promise so much), UNSUPPORTED. Threads that it starts are ordinary ones. */
HONE_MUST_USE hone_status hone_thread_reserve(uint64_t runtime_ns, uint64_t period_ns);

/* The logical CPUs the calling thread may run on: their number (at least 1), and the index-th of
 * them, counted around when there are fewer. */
uint32_t hone_thread_cpus_allowed_count(void);
uint32_t hone_thread_cpu_allowed(uint32_t index);

/* The logical CPU the calling thread is on right now; only a hint. */
uint32_t hone_thread_cpu(void);

/* Moves the calling thread to another of the CPUs that it may run on, the kernel says which; where
 * it may run stays as it is. ABSENT when there is no other, FORBIDDEN: also when the way back was
 * refused twice, and then it may no longer run on the CPU that it left. Costs some microseconds. A
 * change of where this thread may run that somebody else makes at that moment may be lost. */
HONE_MUST_USE hone_status hone_thread_leave_cpu(void);

void hone_mutex_init(hone_mutex *mutex);
void hone_mutex_deinit(hone_mutex *mutex);
void hone_mutex_lock(hone_mutex *mutex);
bool hone_mutex_try_lock(hone_mutex *mutex);
void hone_mutex_unlock(hone_mutex *mutex);

void hone_rwlock_init(hone_rwlock *lock);
void hone_rwlock_deinit(hone_rwlock *lock);
void hone_rwlock_lock_shared(hone_rwlock *lock);
void hone_rwlock_unlock_shared(hone_rwlock *lock);
void hone_rwlock_lock(hone_rwlock *lock);
void hone_rwlock_unlock(hone_rwlock *lock);

/* Sleeps while *word is `expected`, at most `timeout_ns` (UINT64_MAX: for ever). Returns when
 * woken, on a signal, on time-out, or at once when *word differs. */
void hone_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);

/* Wakes up to `count` threads that wait on the word. Async-signal-safe. */
void hone_futex_wake(_Atomic uint32_t *word, uint32_t count);

/* The same for a word in memory that several processes have mapped. */
void hone_futex_wait_shared(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void hone_futex_wake_shared(_Atomic uint32_t *word, uint32_t count);

/* One pause of a spinning loop. */
static inline void hone_cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Lets other threads run on this CPU. */
void hone_thread_yield(void);

#endif
