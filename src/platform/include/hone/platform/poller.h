/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for file descriptors, a deadline and a wake-up at once (epoll, timerfd, eventfd): the one
 * place where an idle process sleeps.
 *
 * Contract: shared but for init and deinit. Any number of threads may wait; an event, a deadline or
 * a wake-up ends the wait of at least one of them. Watches are one-shot: after an event they stay
 * silent until hone_poller_watch arms them again. Limits: as the kernel's.
 */
#ifndef HONE_PLATFORM_POLLER_H
#define HONE_PLATFORM_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/status.h"

typedef struct hone_poller {
    int epoll_fd, timer_fd, wake_fd;
} hone_poller;

/* LIMIT when the process may not open more descriptors. A zeroed or failed poller may be
 * deinitialised. */
HONE_MUST_USE hone_status hone_poller_init(hone_poller *poller);
void hone_poller_deinit(hone_poller *poller);

/* One event for `fd` when it can be read (or written): hone_poller_wait gives `token` back.
 * UNSUPPORTED for regular files, which are always ready; INVALID_ARGUMENT when `fd` is not open;
 * LIMIT when the kernel takes no more. A second watch of a descriptor replaces the first; call
 * unwatch before the descriptor is closed. */
HONE_MUST_USE hone_status hone_poller_watch(hone_poller *poller, int fd, bool is_write,
                                            void *token);

/* As watch, for a descriptor that tells of something out of the ordinary (EPOLLPRI), as the one of
 * hone_memory_pressure_watch. */
HONE_MUST_USE hone_status hone_poller_watch_urgent(hone_poller *poller, int fd, void *token);
void hone_poller_unwatch(hone_poller *poller, int fd);

/* The wait returns at this monotonic time at the latest; 0 takes the deadline away. */
void hone_poller_set_deadline(hone_poller *poller, uint64_t deadline_ns);

/* Makes the current or the next blocking wait return; a look without blocking leaves the wake-up to
 * others. Async-signal-safe. */
void hone_poller_wake(hone_poller *poller);

/* Sleeps (or, with is_blocking false, looks only) until a watched descriptor is ready, the deadline
 * passes, or wake. Writes up to tokens_max tokens and returns their number. */
uint32_t hone_poller_wait(hone_poller *poller, bool is_blocking, void **out_tokens,
                          uint32_t tokens_max);

#endif
