/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's inside, shared by the files of this folder. */
#ifndef HONE_SCHEDULER_SCHEDULER_INTERNAL_H
#define HONE_SCHEDULER_SCHEDULER_INTERNAL_H

#include <stdatomic.h>

#include "deque_internal.h"
#include "figure_internal.h"
#include "fork_internal.h"
#include "hone/platform/poller.h"
#include "hone/platform/thread.h"
#include "hone/scheduler/loop.h"
#include "hone/scheduler/scheduler.h"

enum {
    HN_RESERVED_PERIOD_NS = 10000000,
    HN_SPARE_STACKS = 8, /* for threads that are no workers, and for regions within regions */
    HN_LOOPS_COUNT = 64,
    HN_SEARCHER = 1 << 16,           /* see idlers */
    HN_NOBODY = HONE_PARTITIONS_MAX, /* the "partition" of what is done on nobody's behalf */
};

/* --- who pays --- */

/* What one worker is doing on whose behalf; owner only. */
typedef struct hn_billing {
    uint32_t partition; /* or HN_NOBODY */
    bool is_critical;
    uint64_t cpu_ns;         /* of the thread, when it was billed last */
    uint64_t quantum_end_ns; /* until then it stays with its partition */
} hn_billing;

/* --- workers --- */

typedef struct hn_worker {
    hn_deque *deques;             /* one for each partition */
    _Alignas(64) hone_task *next; /* owner only: runs before anything else */
    hone_scheduler *scheduler;
    hn_fork_stack *stack; /* its own */
    uint32_t *victims;    /* the other workers, near ones first */
    uint32_t *rings;      /* victims [rings[i], rings[i + 1]) are equally near */
    uint32_t rings_count;
    hone_thread thread;
    uint32_t index;
    uint32_t cpu;                    /* to be pinned to; UINT32_MAX: anywhere */
    uint32_t ticks_count;            /* tasks since the common queue was looked at */
    uint32_t next_in_row;            /* tasks taken from `next` in a row */
    uint64_t random_state;           /* xorshift, never 0 */
    uint64_t crowd_ns, crowd_cpu_ns; /* when it was looked for others last */
    uint64_t parted_ns;              /* when it left somebody's CPU last */
    bool is_in_region;               /* its own fork stack is in use */
    bool has_lost_cpu;               /* in the last sample of that */
    bool is_hot;                     /* has done parallel work since it slept */
    bool has_found; /* was woken, or its search was successful: may have to wake another */
    hn_billing billing;
    hone_status start_status;
    /* figures: written by the owner, read by anybody, relaxed */
    _Alignas(64) _Atomic uint64_t tasks_run, steals_tried, steals_won, sleeps_count, idle_ns;
    _Atomic uint64_t search_ns, loops_helped, queue_length_max;
    _Atomic uint64_t asleep_since_ns; /* 0: awake */
} hn_worker;

/* First in, first out; guarded by a lock, with its length readable without. */
typedef struct hn_queue {
    hone_mutex lock;
    hone_task *first, *last;
    _Atomic uint64_t length;
} hn_queue;

/* A binary heap by deadline; heap[1] is the earliest. */
typedef struct hn_timers {
    hone_mutex lock;
    hone_timer **heap;
    uint32_t count, count_max;
    _Atomic uint64_t earliest_ns; /* heap[1]'s armed_ns or UINT64_MAX; a hint that needs no lock */
} hn_timers;

enum { HN_WINDOW_SLICES = 10 };

typedef struct hn_partition {
    char name[HONE_PARTITION_NAME_BYTES_MAX + 1];
    double share, critical_share;
    hn_queue queue;          /* the common queue of its tasks */
    hn_queue critical_queue; /* those that go first */
    /* under the scheduler's billing_lock, mirrored for who only looks */
    uint64_t slices_ns[HN_WINDOW_SLICES]; /* used in the last slices of time; a ring */
    _Atomic uint64_t window_ns;           /* their sum */
    _Atomic uint64_t virtual_us;          /* used, divided by its share: the least goes first */
    double virtual_rest_us;               /* less than one, not in that yet */
    _Atomic uint64_t cpu_ns, critical_ns, tasks_run;
} hn_partition;

typedef struct hn_loop hn_loop;
typedef struct hn_loop_site hn_loop_site;

struct hone_scheduler {
    const hone_allocator *allocator;
    /* what a short loop looks at stands together: it may find nothing of it in the cache */
    hn_worker *workers;
    hn_loop *loops;
    hn_loop_site *loop_sites;
    uint64_t lone_loop_ns;
    uint32_t workers_count;
    uint32_t threads_count; /* started so far */
    uint32_t steal_threshold, steal_attempts;
    uint32_t deque_capacity;
    uint64_t reserved_ns; /* of CPU time for each worker in HN_RESERVED_PERIOD_NS; 0: none */
    bool is_victim_order_fixed;
    uint64_t started_ns;
    hone_poller poller;
    hn_timers timers;
    hn_partition *partitions;
    uint32_t partitions_count; /* at least 1: without options, one that is never billed */
    bool is_billing;
    hn_partition nobody;
    hone_mutex billing_lock;
    uint64_t slice_ns, slice_number;  /* length and number of the present slice of time */
    _Atomic uint64_t virtual_now_us;  /* the virtual time of the last that got its turn */
    _Atomic uint32_t critical_count;  /* critical tasks queued */
    _Atomic(hn_fork_stack *) *stacks; /* workers_count + HN_SPARE_STACKS; spare ones when needed */
    _Atomic uint32_t *stack_owners;   /* of the spare ones: 1 while taken */
    _Alignas(64) _Atomic uint32_t stacks_open; /* that are in use */
    _Atomic uint32_t guests_count;  /* threads that are no workers, in a region of forks */
    _Atomic uint32_t thieves_count; /* workers that run stolen calls */
    _Atomic uint64_t loops_open;    /* a bit for each loop that can be helped */
    _Atomic uint64_t loops_used;
    _Alignas(64) _Atomic uint32_t idlers; /* sleepers + HN_SEARCHER x searchers */
    _Atomic uint32_t
        is_wake_pending; /* a wake-up is on its way and its receiver has not looked for work yet */
    _Atomic uint32_t is_stopping;
    _Atomic uint32_t ready_count; /* workers that have started (or failed to) */
    _Alignas(64) _Atomic uint64_t spin_ns, timer_slack_ns, wake_backlog;
    _Atomic uint64_t crowded_until_ns;
    _Atomic uint64_t wakes_count, lone_regions, lone_loops;
};

/* --- scheduler.c --- */

/* The worker that the calling thread is, if it belongs to this scheduler; else NULL. */
hn_worker *hn_worker_current(const hone_scheduler *scheduler);
void hn_worker_set_current(hn_worker *worker);

/* Wakes one sleeper unless a wake-up is on its way already. */
void hn_scheduler_wake(hone_scheduler *scheduler);

/* The same for a queue of `length` tasks, which may be too few to wake one more for. */
void hn_scheduler_wake_for(hone_scheduler *scheduler, uint64_t length);

/* seq_cst: see worker.c's head. */
static inline uint32_t hn_sleepers_count(const hone_scheduler *scheduler) {
    return atomic_load_explicit(&scheduler->idlers, memory_order_seq_cst) % HN_SEARCHER;
}

/* An index that does not exist is the first: tasks are not checked by a status. */
static inline uint32_t hn_partition_of(const hone_scheduler *scheduler, const hone_task *task) {
    return task->partition < scheduler->partitions_count ? task->partition : 0;
}

void hn_queue_push(hn_queue *queue, hone_task *task);
hone_task *hn_queue_pop(hn_queue *queue);

/* --- worker.c --- */

/* `context` is the worker. */
void hn_worker_main(void *context);

/* Runs a task for its partition. */
void hn_worker_run(hn_worker *worker, hone_task *task);

/* `looks_max`, or 0 where spinning is off or others compete for the CPUs: waiting must not keep
 * them from running. */
uint32_t hn_scheduler_looks_max(const hone_scheduler *scheduler, uint32_t looks_max);

/* Before helping somebody who works on `cpu`: there is no help in taking turns with it. A wake-up
 * can put the worker there, and while both are busy the kernel sees no reason to part them. */
void hn_worker_part_from(hn_worker *worker, uint32_t cpu);

/* For who has waited within a task: that time is nobody else's. */
void hn_worker_has_slept(const hone_scheduler *scheduler);

/* --- victims.c --- */

/* Fills the victims of every worker. The CPUs are those that the workers are pinned to; without,
 * all are equally near. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hn_victims_init(hone_scheduler *scheduler, const hone_cpu_layout *layout);
void hn_victims_deinit(hone_scheduler *scheduler);

/* Changes the order within each ring a little. */
void hn_victims_shuffle(hn_worker *worker);

/* --- partitions.c --- */

HONE_MUST_USE hone_status hn_partitions_init(hone_scheduler *scheduler,
                                             const hone_scheduler_options *options,
                                             hone_diag *diag);
void hn_partitions_deinit(hone_scheduler *scheduler);

/* From now on the worker works for `partition`; bills what it did until now when that changes or
 * its quantum is over. Only with is_billing. */
void hn_billing_enter(hn_worker *worker, uint32_t partition, bool is_critical);

/* Bills now. Only with is_billing. */
void hn_billing_settle(hn_worker *worker);

/* The partition that is to go next among those not in `tried`, a mask; HN_NOBODY when all are. */
uint32_t hn_partitions_best(const hone_scheduler *scheduler, uint32_t tried);

/* A critical task whose partition may still use its critical share, or NULL. */
hone_task *hn_partitions_take_critical(hone_scheduler *scheduler);

/* --- timers.c --- */

HONE_MUST_USE hone_status hn_timers_init(hn_timers *timers, const hone_allocator *allocator,
                                         uint32_t count_max);
void hn_timers_deinit(hn_timers *timers, const hone_allocator *allocator);

/* Runs the tasks of all timers that are due, on this worker. */
void hn_timers_fire(hn_worker *worker);

/* --- loops.c --- */

HONE_MUST_USE hone_status hn_loops_init(hone_scheduler *scheduler);
void hn_loops_deinit(hone_scheduler *scheduler);

/* Takes part in a loop of somebody's; false when none has anything left. */
bool hn_loops_help(hn_worker *worker);

/* Whether a loop is open that one more may take part in. */
bool hn_loops_want_help(hone_scheduler *scheduler);

/* --- forks.c --- */

HONE_MUST_USE hone_status hn_forks_init(hone_scheduler *scheduler);
void hn_forks_deinit(hone_scheduler *scheduler);

/* The stack by its number; it is there, for somebody has used it. */
static inline hn_fork_stack *hn_fork_stack_at(const hone_scheduler *scheduler, uint32_t index) {
    /* acquire: pairs with the exchange that puts it there */
    return atomic_load_explicit(&scheduler->stacks[index], memory_order_acquire);
}

/* Wakes somebody for a call that is shared now, if one more may steal. */
void hn_forks_wake(hone_scheduler *scheduler);

/* Whether one more worker may run stolen calls. */
bool hn_forks_have_room(const hone_scheduler *scheduler);

/* Steals a forked call and runs it; false when none is shared, then all owners are asked. */
bool hn_forks_help(hn_worker *worker);

/* Whether a call is shared anywhere; asks all owners before it looks. For who is about to sleep. */
bool hn_forks_ask_and_look(hone_scheduler *scheduler);

#endif
