/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fork and join: recursive parallelism at the price of a function call. A call is *forked*: noted
 * on the caller's fork stack, where an idle worker may steal it; when it is *joined* and nobody
 * stole it, the caller simply makes it. Nothing is allocated, and while nobody steals no atomic
 * read-modify-write is done, so that fork and join can go down to the smallest pieces.
 *
 *     typedef struct fib_call { long n, result; } fib_call;
 *
 *     static void run_fib(hone_fork_point at, void *context) {
 *         fib_call *call = context;
 *         call->result = fib(at, call->n);
 *     }
 *     static long fib(hone_fork_point at, long n) {
 *         if (n < 2) {
 *             return n;
 *         }
 *         fib_call first = {.n = n - 1};
 *         hone_fork_point after = hone_fork(at, run_fib, &first);   // may run elsewhere from now
 *         long second = fib(after, n - 2);
 *         hone_join(at, run_fib, &first);                           // first.result is there
 *         return first.result + second;
 *     }
 *     ...
 *     hone_fork_point at = hone_fork_enter(scheduler);
 *     long result = fib(at, 30);
 *     hone_fork_leave(at);
 *
 * A fork point says where the next fork is noted. A function that forks takes one and passes on the
 * one that its last fork gave. Forks are joined in the reverse order, each at the point it was
 * forked at and with the same function and context, before the function returns.
 *
 * Contract
 *   Threads    a point belongs to the thread it was given to: by enter, or as a forked function's
 *              argument. Enter may be called by any thread, workers or not; a thread that is no
 *              worker takes part in its own region only.
 *   Ownership  the context of a forked call is the caller's and stays until it is joined. What
 *              was written before the fork is seen by the call, what the call wrote after the join.
 *   Waiting    a join whose call was stolen runs what the thief has forked meanwhile, else sleeps
 *              after some microseconds. Other tasks wait meanwhile: a region is one long task to
 *              them.
 *   Limits     32000 forks that are not joined at a time on one thread; those beyond run at their
 *              join. 8 regions that are not the outermost one of a worker at a time; those beyond
 *              run on their thread alone (figure `lone_regions` tells how many did).
 *   Errors     none.
 *   Cost       some instructions for a fork with its join (suite `scheduler`, fib); stealing takes
 *              atomic exchanges and a wake-up where the thief sleeps.
 *
 * Sources: T. van Dijk, J. van de Pol, Lace: non-blocking split deque for work-stealing, 2014 (the
 * split deque); K.-F. Faxén, Wool, 2008; D. Wagner, B. Calder, Leapfrogging, PPoPP 1993.
 */
#ifndef HONE_SCHEDULER_FORK_H
#define HONE_SCHEDULER_FORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hone/base/hints.h"
#include "hone/scheduler/scheduler.h"

typedef struct hone_fork_slot hone_fork_slot;

typedef struct hone_fork_point {
    hone_fork_slot *next;
} hone_fork_point;

typedef void hone_fork_function(hone_fork_point at, void *context);

/* Begins a region of forks on the calling thread. Every enter has its leave, on the same thread and
 * in reverse order. Cost: two atomic exchanges, some more elsewhere than on a worker. */
hone_fork_point hone_fork_enter(hone_scheduler *scheduler);

/* `at` is the point that enter gave; everything forked in the region is joined. */
void hone_fork_leave(hone_fork_point at);

/* ---- what the two below are made of; not for use ---- */

struct hone_fork_slot {
    _Alignas(32) hone_fork_function *run;
    void *context;
    _Atomic uint32_t state;
};

/* A fork stack fills an aligned piece of this size, this in front: so a point needs one word. */
enum { HONE_FORK_STACK_BYTES = 1 << 20 };

#define HONE_FORK_ASKED ((hone_fork_slot *)UINTPTR_MAX)

typedef struct hone_fork_head {
    _Atomic(hone_fork_slot *) limit;        /* at or past it a fork takes the slow way: the end of
                                               the stack, or NULL when somebody asks for work */
    _Atomic(hone_fork_slot *) private_from; /* before it a join does: where nobody else may take,
                                               or HONE_FORK_ASKED when somebody asks for work */
} hone_fork_head;

static HONE_ALWAYS_INLINE hone_fork_head *hone_fork_head_of(hone_fork_point at) {
    return (hone_fork_head *)((uintptr_t)at.next & ~((uintptr_t)HONE_FORK_STACK_BYTES - 1));
}

hone_fork_point hone_fork_slowly(hone_fork_point at, hone_fork_function *run, void *context);
bool hone_join_slowly(hone_fork_point at);

/* ---- ---- */

/* Notes the call run(point, context) and gives the point for what is forked next. */
static HONE_ALWAYS_INLINE hone_fork_point hone_fork(hone_fork_point at, hone_fork_function *run,
                                                    void *context) {
    /* relaxed: only a hint; the calls are published by hone_fork_slowly */
    if (HONE_UNLIKELY(at.next >=
                      atomic_load_explicit(&hone_fork_head_of(at)->limit, memory_order_relaxed))) {
        return hone_fork_slowly(at, run, context);
    }
    at.next->run = run;
    at.next->context = context;
    return (hone_fork_point){at.next + 1};
}

/* Returns when the call that was forked at `at` has run: here, when nobody stole it. */
static HONE_ALWAYS_INLINE void hone_join(hone_fork_point at, hone_fork_function *run,
                                         void *context) {
    if (HONE_LIKELY(at.next >= atomic_load_explicit(&hone_fork_head_of(at)->private_from,
                                                    memory_order_relaxed)) ||
        hone_join_slowly(at)) {
        run(at, context);
    }
}

#endif
