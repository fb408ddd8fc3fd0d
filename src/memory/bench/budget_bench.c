/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases and the budget campaign.
 */
#include <stdlib.h>

#include "bench_internal.h"
#include "campaign_internal.h"
#include "hone/platform/clock.h"

enum { LEVELS = 3, CAMPAIGN_MB = 1000 };

/* ---- leases ---- */

typedef struct budget_run {
    hone_budget *levels[LEVELS];
} budget_run;

void drop_budgets(void *context) {
    budget_run *it = context;
    for (int i = LEVELS - 1; i >= 0; i--) {
        (void)hone_budget_destroy(it->levels[i], NULL);
    }
    free(it);
}

hone_status make_budgets(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    budget_run *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_status status = HONE_OK;
    for (int i = 0; i < LEVELS && status == HONE_OK; i++) {
        hone_budget_options options = {
            .name = "bench", .limit_bytes = 1 << 20, .parent = i ? it->levels[i - 1] : NULL};
        status = hone_budget_create(&options, diag, &it->levels[i]);
    }
    if (status != HONE_OK) {
        drop_budgets(it);
        return status;
    }
    *out_context = it;
    return HONE_OK;
}

void run_lease(void *context, uint64_t iterations) {
    hone_budget *budget = ((budget_run *)context)->levels[LEVELS - 1];
    for (uint64_t i = 0; i < iterations; i++) {
        hone_status status = hone_budget_lease(budget, OBJECT_BYTES, NULL);
        hone_bench_consume(&status);
        hone_budget_return(budget, OBJECT_BYTES);
    }
}

void run_accounted(void *context, uint64_t iterations) {
    const hone_allocator *allocator =
        hone_budget_allocator(((budget_run *)context)->levels[LEVELS - 1]);
    for (uint64_t i = 0; i < iterations; i++) {
        void *block = hone_allocate(allocator, OBJECT_BYTES, 8);
        hone_bench_consume(block);
        hone_release(allocator, block, OBJECT_BYTES, 8);
    }
}

/* ---- the campaign ---- */

static const campaign_options campaign = {
    .limit_bytes = 64 * 1000 * 1000,
    .wanted_bytes = (size_t)CAMPAIGN_MB * 1000 * 1000,
    .soft_share = 0.7,
    .pinned_share = 0.4,
    .threads_count = 2,
    .seed = 1,
};

/* Once before it is measured, to see whether it holds. */
hone_status make_campaign(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    campaign_result result;
    hone_status status = campaign_run(&campaign, diag, &result);
    if (status != HONE_OK) {
        return status;
    }
    *out_context = NULL;
    if (result.over_count > 0 || result.peak_bytes > campaign.limit_bytes ||
        result.held_bytes != result.counted_bytes || !result.is_clean) {
        return hone_diag_set(diag, HONE_STATUS_INTERNAL,
                             "the budget did not hold: %zu bytes at most of %zu, %zu held at the "
                             "end where %zu are there",
                             result.peak_bytes, campaign.limit_bytes, result.held_bytes,
                             result.counted_bytes);
    }
    return HONE_OK;
}

static campaign_result run_campaign(void) {
    campaign_result result = {0};
    (void)!campaign_run(&campaign, NULL, &result); /* it went well in the setup */
    return result;
}

double measure_campaign_rate(void *context) {
    (void)context;
    uint64_t start_ns = hone_clock_monotonic_ns();
    (void)run_campaign();
    return CAMPAIGN_MB * 1e9 / (double)(hone_clock_monotonic_ns() - start_ns);
}

double measure_campaign_peak(void *context) {
    (void)context;
    return (double)run_campaign().peak_bytes;
}

double measure_campaign_evicted(void *context) {
    (void)context;
    return (double)run_campaign().evicted_bytes;
}

double measure_campaign_passes(void *context) {
    (void)context;
    return (double)run_campaign().passes_count;
}
