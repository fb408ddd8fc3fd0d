/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parallel loops and reductions on the scheduler's workers.
 *
 * A loop's range is cut into a slice for each who may take part, and slices are claimed in chunks:
 * the caller begins at once and never waits for anybody to come; idle workers begin with slices of
 * their own and then take from the end of others'. A thread has the same slice in every loop over
 * the same range, so what a loop leaves in its cache is of use to the next. Chunks are as long as
 * makes claiming one cheap beside running it, by the time that the chunks before took. What an item
 * of a body costs is remembered: a loop that is over before a sleeper could be awake runs on its
 * caller alone, without any cost but two looks at the clock.
 *
 * Contract
 *   Threads    shared: may be called from any thread, from tasks and from bodies (nested).
 *   Ownership  body and context are used until the call returns, not longer.
 *   Errors     none: what cannot be shared is done by the caller.
 *   Items      must not wait for each other: they may all run one after the other on one thread.
 *   Waiting    at the end for chunks that others have begun; they sleep-wait after some us.
 *   Cost       two looks at the clock for a loop that is not shared (suite `scheduler`, for-1000).
 */
#ifndef HONE_SCHEDULER_LOOP_H
#define HONE_SCHEDULER_LOOP_H

#include "hone/scheduler/scheduler.h"

typedef void hone_loop_body(void *context, size_t begin, size_t end);

typedef struct hone_loop_options {
    size_t chunk_min;     /* items; no chunk but the last is shorter. 0: 1 */
    size_t chunk_max;     /* items; 0: no limit. Less than chunk_min counts as chunk_min */
    bool is_chunk_fixed;  /* all chunks of chunk_min items, whatever they cost */
    bool is_always_alone; /* on the caller only: for comparison, and for debugging a body */
} hone_loop_options;

/* Runs body(context, begin, end) over disjoint pieces that cover [0, count), each at least `grain`
 * long but the last, and returns when all are done. Pieces run in any order, on any thread. */
void hone_scheduler_for(hone_scheduler *scheduler, size_t count, size_t grain, hone_loop_body *body,
                        void *context);
void hone_scheduler_for_with(hone_scheduler *scheduler, size_t count,
                             const hone_loop_options *options, hone_loop_body *body, void *context);

enum { HONE_REDUCTION_BYTES_MAX = 64, HONE_REDUCTION_PARTS = 128 };

/* A sum of any kind. The range is cut into at most HONE_REDUCTION_PARTS parts that depend on count
 * and grain only, and the partial results are combined in the order of the parts: so the result is
 * the same on any number of workers, to the last bit. */
typedef struct hone_reduction {
    size_t size_bytes;    /* of a result; at most HONE_REDUCTION_BYTES_MAX */
    const void *identity; /* what every partial result begins as */
    void (*fold)(void *context, size_t begin, size_t end, void *partial);
    void (*combine)(void *context, void *into, const void *partial);
    void *context;
} hone_reduction;

/* *out_result = the reduction over [0, count). INVALID_ARGUMENT for a size of 0 or above the limit,
 * or a function that is missing. */
HONE_MUST_USE hone_status hone_scheduler_reduce(hone_scheduler *scheduler, size_t count,
                                                size_t grain, const hone_reduction *reduction,
                                                void *out_result);

#endif
