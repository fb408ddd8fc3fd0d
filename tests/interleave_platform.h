/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts simulated threads, locks and sleeping in the place of platform's, for code that is compiled
 * with this header included first (-include).
 */
#ifndef HONE_TESTS_INTERLEAVE_PLATFORM_H
#define HONE_TESTS_INTERLEAVE_PLATFORM_H

#include "hone/platform/barrier.h"
#include "hone/platform/clock.h"
#include "hone/platform/poller.h"
#include "hone/platform/shared_page.h"
#include "hone/platform/thread.h"
#include "interleave_atomics.h"

hone_status interleave_thread_create(const char *name, void (*run)(void *context), void *context,
                                     hone_thread *out_thread);
void interleave_thread_join(hone_thread thread);
void interleave_mutex_init(hone_mutex *mutex);
void interleave_mutex_lock(hone_mutex *mutex);
void interleave_mutex_unlock(hone_mutex *mutex);
hone_status interleave_barrier_prepare(void);
void interleave_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void interleave_futex_wake(_Atomic uint32_t *word, uint32_t count);
hone_status interleave_poller_init(hone_poller *poller);
void interleave_poller_deinit(hone_poller *poller);
void interleave_poller_wake(hone_poller *poller);
void interleave_poller_set_deadline(hone_poller *poller, uint64_t deadline_ns);
uint32_t interleave_poller_wait(hone_poller *poller, bool is_blocking, void **out_tokens,
                                uint32_t tokens_max);
uint64_t interleave_clock_ns(void);

#define hone_thread_create interleave_thread_create
#define hone_thread_join interleave_thread_join
#define hone_mutex_init interleave_mutex_init
#define hone_mutex_deinit(mutex) ((void)(mutex))
#define hone_mutex_lock interleave_mutex_lock
#define hone_mutex_unlock interleave_mutex_unlock
#define hone_futex_wait interleave_futex_wait
#define hone_futex_wake interleave_futex_wake
#define hone_futex_wait_shared interleave_futex_wait
#define hone_futex_wake_shared interleave_futex_wake
#define hone_barrier_prepare interleave_barrier_prepare
#define hone_barrier_everywhere() ((void)0) /* one thread runs at a time: nothing is reordered */
#define hone_process_start(pid) ((uint64_t)(pid))
#define hone_poller_init interleave_poller_init
#define hone_poller_deinit interleave_poller_deinit
#define hone_poller_wake interleave_poller_wake
#define hone_poller_set_deadline interleave_poller_set_deadline
#define hone_poller_wait interleave_poller_wait
#define hone_clock_monotonic_ns interleave_clock_ns
#define hone_thread_cpu() 0u
#define hone_thread_leave_cpu() HONE_STATUS_ABSENT

#endif
