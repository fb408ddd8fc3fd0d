/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one pool of worker threads of a process: detached tasks, timers, readiness of descriptors,
 * parallel loops. fork.h has recursive parallelism on the same workers.
 *
 * A task is a few words in the caller's own storage; submitting one never allocates. Workers take
 * from their own deque first, then from the common queue, then steal; with nothing to do they sleep
 * in the kernel until there is a task, a timer is due or a watched descriptor is ready. Nothing
 * spins while idle; after parallel work a worker looks for more for some microseconds (spin_ns),
 * and not even that while other programs compete for its CPU.
 *
 * Contract
 *   Threads    shared: every call may come from any thread, workers included, unless it says
 *              otherwise.
 *   Ownership  a task, timer or watch is the caller's memory and must stay until it has run or was
 *              cancelled. A task is in at most one queue: submit it again only from its own run
 *              function or after that has begun.
 *   Tasks      should return within about a millisecond and must not block on other tasks; long
 *              work belongs into hone_scheduler_for or fork.h. Order between tasks is not promised.
 *   Partitions each gets its share of the workers' CPU time while it has work, and what the others
 *              leave: see hone_partition_options. Without any all tasks are equal.
 *   Errors     only create, arm, watch and the queries by index can fail.
 *   Limits     HONE_WORKERS_MAX workers, timers_max timers, HONE_PARTITIONS_MAX partitions,
 *              64 loops at a time (those beyond run on their caller alone).
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
#include "hone/platform/cpu_layout.h"

typedef struct hone_scheduler hone_scheduler;

enum {
    HONE_WORKERS_MAX = 1024,
    HONE_PARTITIONS_MAX = 16,
    HONE_PARTITION_NAME_BYTES_MAX = 31,
    HONE_LONE_LOOP_NS_MAX = 1000000000,
    HONE_SPIN_NS_MAX = 1000000,
};

#define HONE_PARTITION_SHARE_MIN 1e-4

typedef struct hone_task {
    void (*run)(void *context);
    void *context;
    struct hone_task *next; /* the scheduler's while the task is queued */
    uint32_t partition;     /* that pays for it: an index into the options' partitions; the first
                               for one that does not exist */
    bool is_critical;       /* goes first while the critical share lasts */
} hone_task;

typedef struct hone_timer {
    hone_task *task;      /* run when the time has come */
    uint64_t deadline_ns; /* monotonic; may change at any time, counts from the next arm */
    uint64_t armed_ns;    /* the scheduler's: the deadline it was armed with */
    uint32_t heap_index;  /* the scheduler's; 0 = not armed */
} hone_timer;

/* A named CPU budget. Shares are of the time of all workers together. While every partition has
 * work each gets its share (over some windows); one without work leaves its time to the others in
 * proportion to theirs. Critical tasks run before all others while their partition has used less
 * than its critical share in the present window; what they overdraw is paid back later. */
typedef struct hone_partition_options {
    const char *name;      /* copied; unique */
    double share;          /* from HONE_PARTITION_SHARE_MIN; all together at most 1 */
    double critical_share; /* from `share` to 1; 0: the same as `share` */
} hone_partition_options;

/* How the workers are put on the CPUs that this process may use (hone/platform/cpu_layout.h). */
typedef enum hone_pinning {
    HONE_PINNING_NONE,    /* the kernel moves them as it likes */
    HONE_PINNING_COMPACT, /* near each other: for workers that share data */
    HONE_PINNING_SCATTER, /* far from each other: for workers that need cache and bandwidth */
} hone_pinning;

/* How eager the workers are, a trade of latency for power; may change at any time. Zeroed: as eager
 * as can be without spinning while idle. */
typedef struct hone_scheduler_power {
    uint64_t spin_ns;        /* look for more after parallel work; 0: 30 us; at most
                                HONE_SPIN_NS_MAX, more counts as that */
    bool is_spinning_off;    /* sleep at once instead */
    uint64_t timer_slack_ns; /* a timer may run so much later, together with the next */
    uint32_t wake_backlog;   /* queued tasks from which on one more worker is woken; the first
                                is woken for any. 0: 1 */
} hone_scheduler_power;

typedef struct hone_scheduler_options {
    uint32_t workers_count; /* 0: one per CPU this thread may run on, or per core where
                               is_one_per_core */
    hone_pinning pinning;
    bool is_one_per_core;       /* leaves hyper-threads alone; LIMIT with more workers than cores */
    uint32_t deque_capacity;    /* tasks on a worker's own deque, a power of two from 16 to 65536;
                                more go to the common queue. 0: 256 */
    uint32_t steal_threshold;   /* only a deque with so many tasks is stolen from, at most
                                   deque_capacity; 0: 1 */
    uint32_t steal_attempts;    /* rounds over all victims before a worker sleeps; 0: 1 */
    bool is_victim_order_fixed; /* victims by distance and number; else random among equally near */
    hone_scheduler_power power;
    double reserved_share; /* of a CPU, 0 to 1, that the kernel promises each worker before all
                               ordinary programs (SCHED_DEADLINE, in periods of 10 ms); needs the
                               permission, and no pinning. 0: none. Partitions share out what the
                               scheduler gets, this is what it gets at least */
    const hone_partition_options *partitions; /* tasks of index 0 and up */
    uint32_t partitions_count;
    uint64_t partition_window_ns; /* over which shares are held; 1 ms to 10 s; 0: 100 ms */
    uint64_t lone_loop_ns; /* a loop shorter than that stays with its caller, since waking somebody
                              costs as much; at most HONE_LONE_LOOP_NS_MAX. 0: 5 us. See
                              hone/measure/calibration.h */
    uint32_t timers_max;   /* 0: 1024 */
    const hone_cpu_layout *layout;   /* borrowed by create; NULL: this machine's */
    const hone_allocator *allocator; /* NULL: libc; used by create and destroy only */
} hone_scheduler_options;

/* Figures of the whole scheduler or of one worker, since create. */
typedef struct hone_scheduler_stats {
    uint64_t tasks_run;
    uint64_t steals_tried; /* looks at another worker's deque or fork stack */
    uint64_t steals_won;
    uint64_t sleeps_count;
    uint64_t idle_ns;          /* time spent in the kernel waiting for work */
    uint64_t search_ns;        /* time spent looking for more after parallel work */
    uint64_t elapsed_ns;       /* since the workers started, times their number */
    uint64_t queue_length;     /* of the common queue (totals) or the own deque (one worker), now */
    uint64_t queue_length_max; /* the longest seen when something was queued */
    uint64_t calls_shared;     /* forks that went the slow way, to offer work */
    uint64_t calls_stolen;     /* forked calls run for others */
    uint64_t joins_waited;     /* joins whose call was stolen */
    uint64_t loops_helped;     /* loops of others taken part in */
    uint64_t wakes_count;      /* sleepers woken; totals only */
    uint64_t lone_regions;     /* fork regions without a stack of their own; totals only */
    uint64_t lone_loops;       /* loops that ran on their caller alone; totals only */
    bool is_crowded;           /* others compete for the CPUs, as far as is known; totals only */
} hone_scheduler_stats;

/* What share of the time the workers were busy, 0 to 1. */
double hone_scheduler_utilisation(const hone_scheduler_stats *stats);

/* Starts the workers. NULL options: all defaults. OUT_OF_MEMORY, LIMIT (threads, descriptors, cores
 * with is_one_per_core), FORBIDDEN (pinning, reserved_share),
 * ABSENT (pinning), UNSUPPORTED (reserved_share), INVALID_ARGUMENT (an option out of its
 * range: the diag names it). On failure nothing is left running. */
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

/* New figures for `power`; workers that sleep already wake by the old ones. */
void hone_scheduler_set_power(hone_scheduler *scheduler, const hone_scheduler_power *power);

/* Calls run(context) as critical work of the partition and returns when it has run: at once on a
 * worker, else on the next one that is free. INVALID_ARGUMENT when there is no such partition. */
HONE_MUST_USE hone_status hone_scheduler_run_critical(hone_scheduler *scheduler, uint32_t partition,
                                                      void (*run)(void *context), void *context);

/* Sums over all workers, or one worker's own figures (INVALID_ARGUMENT when there is no such).
 * Live values; each is exact at some recent moment. */
void hone_scheduler_stats_total(const hone_scheduler *scheduler, hone_scheduler_stats *out_stats);
HONE_MUST_USE hone_status hone_scheduler_stats_worker(const hone_scheduler *scheduler,
                                                      uint32_t worker_index,
                                                      hone_scheduler_stats *out_stats);

typedef struct hone_partition_stats {
    const char *name; /* valid as long as the scheduler */
    double share, critical_share;
    uint64_t cpu_ns;      /* CPU time of workers on its behalf, as the kernel counts it */
    uint64_t critical_ns; /* of that, as critical work */
    uint64_t window_ns;   /* of that, in the last full window or so */
    uint64_t tasks_run;
} hone_partition_stats;

/* What a partition has used. Billed when a worker changes the partition, every millisecond or so,
 * and before it sleeps. INVALID_ARGUMENT when there is no such partition. The index
 * partitions_count is what the workers used on nobody's behalf: looking for work and going to
 * sleep. Together they are the CPU time of all workers. Without partitions nothing is billed. */
HONE_MUST_USE hone_status hone_scheduler_stats_partition(const hone_scheduler *scheduler,
                                                         uint32_t partition,
                                                         hone_partition_stats *out_stats);

#endif
