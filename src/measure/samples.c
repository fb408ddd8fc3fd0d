/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to figures. Disturbed samples are set aside where enough clean ones are left; where
 * not, all are used and the result says so, because the few that slipped through would be a biased
 * choice. A ratio uses the same kind of samples on both sides: clean ones against all would favour
 * the side that had more luck. Within a block it is of the usable samples at hand; a block in which
 * one of the two has none is left out.
 */
#include <math.h>

#include "harness_internal.h"

enum { CLEAN_ENOUGH = 20 };

static bool is_enough_clean(uint32_t clean_count, uint32_t count) {
    return clean_count >= CLEAN_ENOUGH || clean_count * 2 >= count;
}

uint32_t hn_variant_values(const hone_bench_variant_result *variant, double *out_values) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < variant->count; i++) {
        if (!variant->is_clean_used || variant->disturbances[i] == 0) {
            out_values[kept++] = variant->values[i];
        }
    }
    hone_sort_doubles(out_values, kept);
    return kept;
}

void hn_variant_summarize(hone_bench_variant_result *variant, double *scratch) {
    variant->clean_count = 0;
    for (int cause = 0; cause < HONE_BENCH_CAUSES_COUNT; cause++) {
        variant->caused_counts[cause] = 0;
    }
    for (uint32_t i = 0; i < variant->count; i++) {
        variant->clean_count += variant->disturbances[i] == 0;
        for (int cause = 0; cause < HONE_BENCH_CAUSES_COUNT; cause++) {
            variant->caused_counts[cause] += variant->disturbances[i] >> cause & 1;
        }
    }
    variant->is_clean_used =
        variant->clean_count > 0 && is_enough_clean(variant->clean_count, variant->count);
    uint32_t kept = hn_variant_values(variant, scratch);
    if (kept) {
        hone_summarize(scratch, kept, scratch + kept, &variant->summary);
    }
}

/* The mean of the usable samples of a block, or NaN. */
static double block_value(const hone_bench_variant_result *variant, uint32_t block,
                          bool is_clean_used) {
    double sum = 0;
    int kept = 0;
    for (uint32_t i = 2 * block; i < 2 * block + 2 && i < variant->count; i++) {
        if (!is_clean_used || variant->disturbances[i] == 0) {
            sum += variant->values[i];
            kept++;
        }
    }
    return kept ? sum / kept : NAN;
}

uint32_t hn_block_ratios(const hone_bench_result *result, uint32_t a, uint32_t b,
                         double *out_ratios) {
    const hone_bench_variant_result *ours = &result->variants[a], *theirs = &result->variants[b];
    uint32_t blocks = (ours->count < theirs->count ? ours->count : theirs->count) / 2, kept = 0;
    bool is_clean_used = ours->is_clean_used && theirs->is_clean_used;
    for (uint32_t block = 0; block < blocks; block++) {
        double mine = block_value(ours, block, is_clean_used);
        double other = block_value(theirs, block, is_clean_used);
        double ratio = result->better == HONE_BENCH_LOWER ? other / mine : mine / other;
        if (isfinite(ratio) && ratio > 0) {
            out_ratios[kept++] = ratio;
        }
    }
    return kept;
}

hone_estimate hn_block_ratio_estimate(const hone_bench_result *result, uint32_t a, uint32_t b,
                                      uint64_t seed, double *scratch, uint32_t *out_pairs_count) {
    uint32_t pairs = hn_block_ratios(result, a, b, scratch);
    *out_pairs_count = pairs;
    if (pairs == 0) {
        return (hone_estimate){0};
    }
    const hone_bootstrap_options options = {
        .confidence = 0.95, .resamples_count = HN_RESAMPLES_COUNT, .seed = seed};
    return hone_bootstrap_median(scratch, pairs, &options, scratch + pairs);
}
