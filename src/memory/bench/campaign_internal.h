/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budget campaign: a budget of 64 MB, caches under it and users of memory that cannot be
 * evicted, and a workload that wants 1 GB of it. Everything is allocated for real. The test
 * compares each step with a naive twin, the bench says how fast it goes and where the bytes went.
 */
#ifndef HN_MEMORY_BENCH_CAMPAIGN_INTERNAL_H
#define HN_MEMORY_BENCH_CAMPAIGN_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/status.h"
#include "hone/memory/budget.h"

enum { CAMPAIGN_CACHES = 4, CAMPAIGN_THREADS_MAX = 8 };

/* What a step of the workload did. `cache` below CAMPAIGN_CACHES: that one wanted an entry of
 * `size_bytes`; CAMPAIGN_CACHES: a block that cannot be evicted was wanted; above it: such blocks
 * were given back, of that size in all. */
typedef struct campaign_step {
    uint32_t cache;
    size_t size_bytes;
    bool is_granted;
} campaign_step;

typedef struct campaign_options {
    size_t limit_bytes, wanted_bytes;
    double soft_share;
    double pinned_share; /* of the limit: blocks that cannot be evicted rise up to it and fall */
    uint32_t threads_count;
    uint64_t seed;
    /* After each step, if there is one thread; may be NULL. */
    void (*after_step)(void *self, hone_budget *root, const campaign_step *step);
    void *self;
} campaign_options;

typedef struct campaign_result {
    size_t peak_bytes;    /* the most the budget ever held */
    size_t held_bytes;    /* at the end, by the budget */
    size_t counted_bytes; /* at the end, by adding up what is there */
    uint64_t granted_count, refused_count;
    uint64_t over_count; /* looks at a budget above its limit */
    uint64_t passes_count;
    size_t evicted_bytes;
    bool is_clean; /* all of it could be given back */
} campaign_result;

/* INVALID_ARGUMENT, OUT_OF_MEMORY. */
HONE_MUST_USE hone_status campaign_run(const campaign_options *options, hone_diag *diag,
                                       campaign_result *out_result);

/* The sizes of the workload: 1 KiB to 256 KiB, small ones more often. */
size_t campaign_size(uint64_t *random);

#endif
