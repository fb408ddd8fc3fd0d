/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one pool of worker threads of a process: detached tasks, timers, readiness of descriptors,
 * parallel loops.
 *
 * A task is a few words in the caller's own storage; submitting one never allocates. Workers take
 * from their own deque first, then from the common queue, then steal; with nothing to do they sleep
 * in the kernel until there is a task, a timer is due or a watched descriptor is ready. Nothing
 * spins while idle.
 *
 * Contract
 *   Threads    shared: every call may come from any thread, workers included, unless it says
 *              otherwise.
 *   Ownership  a task, timer or watch is the caller's memory and must stay until it has run or was
 *              cancelled. A task is in at most one queue: submit it again only from its own run
 *              function or after that has begun.
 *   Tasks      should return within about a millisecond and must not block on other tasks; long
 *              work belongs into hone_scheduler_for. Order between tasks is not promised.
 *   Errors     only create, arm and watch can fail.
 *   Limits     1024 workers, timers_max timers.
 *
 * Sources: D. Chase, Y. Lev, Dynamic circular work-stealing deque, SPAA 2005; N. M. Le et al.,
 * PPoPP 2013.
 */
#ifndef HONE_SCHEDULER_SCHEDULER_H
#define HONE_SCHEDULER_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/allocator.h"
#include "hone/base/status.h"

typedef struct hone_scheduler hone_scheduler;

typedef struct hone_task {
    void (*run)(void *context);
    void *context;
    struct hone_task *next; /* the scheduler's while the task is queued */
} hone_task;

typedef struct hone_timer {
    hone_task *task;      /* run when the time has come */
    uint64_t deadline_ns; /* monotonic; may change at any time, counts from the next arm */
    uint64_t armed_ns;    /* the scheduler's: the deadline it was armed with */
    uint32_t heap_index;  /* the scheduler's; 0 = not armed */
} hone_timer;

typedef struct hone_scheduler_options {
    uint32_t workers_count;          /* 0: one per CPU this thread may run on */
    bool is_pinned;                  /* bind worker i to the i-th of these CPUs */
    uint32_t timers_max;             /* 0: 1024 */
    const hone_allocator *allocator; /* NULL: libc; used by create and destroy only */
} hone_scheduler_options;

typedef struct hone_scheduler_stats {
    uint64_t tasks_run;
    uint64_t steals_tried;
    uint64_t steals_won;
    uint64_t sleeps_count;
    uint64_t idle_ns;      /* time spent in the kernel waiting for work */
    uint64_t queue_length; /* of the common queue (totals) or the own deque (one worker), now */
} hone_scheduler_stats;

/* Starts the workers. NULL options: all defaults. OUT_OF_MEMORY, LIMIT (threads, descriptors),
 * FORBIDDEN or ABSENT (pinning), INVALID_ARGUMENT (more than 1024 workers). On failure nothing is
 * left running. */
HONE_MUST_USE hone_status hone_scheduler_create(const hone_scheduler_options *options,
                                                hone_diag *diag, hone_scheduler **out_scheduler);

/* Stops the workers after the task each is running, and joins them. Tasks still queued are
 * forgotten, not run. NULL is allowed. Not from a worker. */
void hone_scheduler_destroy(hone_scheduler *scheduler);

uint32_t hone_scheduler_workers_count(const hone_scheduler *scheduler);

/* Queues a task: on the own deque when called by a worker, else on the common queue. Wakes a
 * sleeping worker if no other is about to look for work. Cost: some 10 ns, and a system call when
 * it wakes. */
void hone_scheduler_submit(hone_scheduler *scheduler, hone_task *task);

/* Queues a task to run next on this worker, when the present task returns: for the consumer of what
 * was just produced, while its input is still in the cache. A task that held that place moves to
 * the deque. Elsewhere as submit. */
void hone_scheduler_submit_next(hone_scheduler *scheduler, hone_task *task);

/* Queues a task behind all others: for a task that has more to do but has had its turn. */
void hone_scheduler_submit_last(hone_scheduler *scheduler, hone_task *task);

/* Runs timer->task on a worker at timer->deadline_ns or soon after, without queueing it: it should
 * be brief, and submit what is not. An armed timer is moved. LIMIT at timers_max. */
HONE_MUST_USE hone_status hone_scheduler_arm(hone_scheduler *scheduler, hone_timer *timer);

/* True when the timer was armed and now is not; false when its task runs or has run already. */
bool hone_scheduler_disarm(hone_scheduler *scheduler, hone_timer *timer);

/* Runs `task` on a worker once when `fd` can be read (or written), without queueing it, as a
 * timer's. UNSUPPORTED for regular files, which are always ready; INVALID_ARGUMENT when it is not
 * open; LIMIT. Call unwatch before the
 * descriptor is closed; the task may still come once after it. */
HONE_MUST_USE hone_status hone_scheduler_watch(hone_scheduler *scheduler, int fd, bool is_write,
                                               hone_task *task);
void hone_scheduler_unwatch(hone_scheduler *scheduler, int fd);

/* Runs body(context, begin, end) over disjoint pieces that cover [0, count), each at least `grain`
 * long but the last, and returns when all are done. The caller takes part and finishes alone if
 * nobody comes to help, so the call is safe from tasks, nested, and on a busy machine. Pieces run
 * in any order, on any thread. Cost: below two pieces a plain call. */
void hone_scheduler_for(hone_scheduler *scheduler, size_t count, size_t grain,
                        void (*body)(void *context, size_t begin, size_t end), void *context);

/* Sums over all workers, or one worker's own figures. Live values; each is exact at some recent
 * moment. */
void hone_scheduler_stats_total(const hone_scheduler *scheduler, hone_scheduler_stats *out_stats);
HONE_MUST_USE hone_status hone_scheduler_stats_worker(const hone_scheduler *scheduler,
                                                      uint32_t worker_index,
                                                      hone_scheduler_stats *out_stats);

#endif
