/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Performance counters of the calling thread: cycles, instructions, cache and branch misses from
 * the hardware (perf_event_open, one group, so that they count the same time), context switches,
 * migrations and page faults from the kernel.
 *
 * Contract: confined to the thread that opened them. A counter is one of three things: ok,
 * unsupported with a reason a person can act on, or multiplexed (the hardware had to share its few
 * counters: the value is scaled and says for which share of the time it counted). A missing counter
 * is never 0. Opening cannot fail as a whole. Cost: start and stop are a few system calls; nothing
 * in between.
 */
#ifndef HONE_PLATFORM_COUNTERS_H
#define HONE_PLATFORM_COUNTERS_H

#include <stdint.h>

#include "hone/base/status.h"

typedef enum hone_counter_id {
    HONE_COUNTER_CYCLES,
    HONE_COUNTER_INSTRUCTIONS,
    HONE_COUNTER_CACHE_REFERENCES,
    HONE_COUNTER_CACHE_MISSES,
    HONE_COUNTER_BRANCHES,
    HONE_COUNTER_BRANCH_MISSES,
    HONE_COUNTER_CONTEXT_SWITCHES,
    HONE_COUNTER_MIGRATIONS,
    HONE_COUNTER_PAGE_FAULTS,
    HONE_COUNTERS_COUNT
} hone_counter_id;

typedef enum hone_counter_state {
    HONE_COUNTER_UNSUPPORTED,
    HONE_COUNTER_OK,
    HONE_COUNTER_MULTIPLEXED
} hone_counter_state;

typedef struct hone_counter {
    hone_counter_state state;
    uint64_t value;       /* between start and stop; scaled where multiplexed; meaningless where
                             unsupported */
    double counted_share; /* of the time between start and stop; 1 unless multiplexed */
    char reason[160];     /* why it is unsupported; "" otherwise */
} hone_counter;

typedef struct hone_counters {
    hone_counter counters[HONE_COUNTERS_COUNT];
    int fds[HONE_COUNTERS_COUNT]; /* -1: not counted by perf */
    int leaders[2];               /* descriptor of the hardware and of the software group, or -1 */
    uint64_t switches_at_start;   /* where getrusage stands in for perf */
    uint64_t faults_at_start;
} hone_counters;

/* "cycles", "cache-misses" ... as perf names them. */
const char *hone_counter_name(hone_counter_id id);

void hone_counters_open(hone_counters *counters);

/* Counting happens between start and stop; stop fills counters[]. A second start begins again at
 * zero. */
void hone_counters_start(hone_counters *counters);
void hone_counters_stop(hone_counters *counters);

/* A zeroed object must not be closed: descriptor 0 is somebody's. */
void hone_counters_close(hone_counters *counters);

#endif
