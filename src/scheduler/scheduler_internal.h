/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's inside, shared by scheduler.c, timers.c and loops.c. */
#ifndef HONE_SCHEDULER_SCHEDULER_INTERNAL_H
#define HONE_SCHEDULER_SCHEDULER_INTERNAL_H

#include <stdatomic.h>

#include "deque_internal.h"
#include "hone/platform/poller.h"
#include "hone/platform/thread.h"
#include "hone/scheduler/scheduler.h"

typedef struct hn_worker {
    hn_deque deque;
    _Alignas(64) hone_task *next; /* owner only: runs before anything else */
    hone_scheduler *scheduler;
    hone_thread thread;
    uint32_t index;
    uint32_t cpu;          /* to be pinned to */
    uint32_t ticks_count;  /* tasks since the common queue was looked at */
    uint32_t next_in_row;  /* tasks taken from `next` in a row */
    uint64_t random_state; /* xorshift, never 0 */
    hone_status start_status;
    /* figures: written by the owner, read by anybody, relaxed */
    _Atomic uint64_t tasks_run, steals_tried, steals_won, sleeps_count, idle_ns;
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

typedef struct hn_loop hn_loop;

struct hone_scheduler {
    const hone_allocator *allocator;
    hn_worker *workers;
    uint32_t workers_count;
    uint32_t threads_count; /* started so far */
    hone_poller poller;
    hn_queue queue;
    hn_timers timers;
    hn_loop *loops; /* fixed set of loop descriptors */
    _Alignas(64) _Atomic uint32_t sleepers_count;
    _Atomic uint32_t
        is_wake_pending; /* a wake-up is on its way and its receiver has not looked for work yet */
    _Atomic uint32_t is_stopping;
    _Atomic uint32_t ready_count; /* workers that have started (or failed to) */
};

/* The worker that the calling thread is, if it belongs to this scheduler; else NULL. */
hn_worker *hn_worker_current(const hone_scheduler *scheduler);

/* Wakes one sleeper unless a wake-up is on its way already. */
void hn_scheduler_wake(hone_scheduler *scheduler);

HONE_MUST_USE hone_status hn_timers_init(hn_timers *timers, const hone_allocator *allocator,
                                         uint32_t count_max);
void hn_timers_deinit(hn_timers *timers, const hone_allocator *allocator);

/* Runs the tasks of all timers that are due. */
void hn_timers_fire(hone_scheduler *scheduler);

HONE_MUST_USE hone_status hn_loops_init(hone_scheduler *scheduler);
void hn_loops_deinit(hone_scheduler *scheduler);

#endif
