/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Costs of several processes against those of several others. Two levels vary: from process to
 * process, and from sample to sample in one. Both are resampled (Kalibera & Jones 2013): processes
 * with replacement, then the samples of each; the figure of a side is the mean of its processes'
 * medians.
 */
#include <math.h>

#include "harness_internal.h"

enum { RUNS_FOR_SPREAD = 3 };
static const double clearly_less = 0.7;

bool hn_run_costs_of(const hone_bench_variant_result *variant, hone_bench_better better,
                     hone_arena *arena, hn_run_costs *out_costs) {
    size_t runs = variant->runs_count;
    hn_run_costs made = {
        .starts = HONE_ARENA_NEW_ARRAY(arena, uint32_t, runs + 1),
        .costs = HONE_ARENA_NEW_ARRAY(arena, double, variant->count),
        .references_ns = HONE_ARENA_NEW_ARRAY(arena, double, runs),
    };
    if (!made.starts || !made.costs || !made.references_ns) {
        return false;
    }
    uint32_t sample = 0, kept = 0;
    for (size_t run = 0; run < runs; run++) {
        uint32_t end = sample + variant->run_counts[run], before = kept;
        for (; sample < end; sample++) {
            if (!variant->is_clean_used || variant->disturbances[sample] == 0) {
                double value = variant->values[sample];
                made.costs[kept++] = better == HONE_BENCH_LOWER ? value : 1 / value;
            }
        }
        if (kept > before) {
            made.references_ns[made.runs_count] = variant->run_references_ns[run];
            made.starts[++made.runs_count] = kept;
            made.largest = kept - before > made.largest ? kept - before : made.largest;
        }
    }
    *out_costs = made;
    return true;
}

static double cost_unit(const hn_run_costs *self, uint32_t run, bool is_corrected) {
    return is_corrected ? self->references_ns[run] : 1;
}

/* The median of a run; resampled where `random` is given. */
static double run_median(const hn_run_costs *self, uint32_t run, hone_random *random,
                         double *scratch) {
    const double *costs = self->costs + self->starts[run];
    uint32_t count = self->starts[run + 1] - self->starts[run];
    for (uint32_t i = 0; i < count; i++) {
        scratch[i] = costs[random ? hone_random_below(random, count) : i];
    }
    return hn_median_of(scratch, count);
}

static double side_mean(const hn_run_costs *self, bool is_corrected, hone_random *random,
                        double *scratch) {
    double sum = 0;
    for (uint32_t i = 0; i < self->runs_count; i++) {
        uint32_t run = random ? (uint32_t)hone_random_below(random, self->runs_count) : i;
        sum += run_median(self, run, random, scratch) / cost_unit(self, run, is_corrected);
    }
    return sum / self->runs_count;
}

hone_estimate hn_run_ratio(const hn_run_costs *fresh, const hn_run_costs *old, bool is_corrected,
                           uint64_t seed, double *scratch) {
    if (fresh->runs_count == 0 || old->runs_count == 0) {
        return (hone_estimate){0};
    }
    hone_random random;
    hone_random_init(&random, seed);
    double *room = scratch + HN_RESAMPLES_COUNT;
    for (int i = 0; i < HN_RESAMPLES_COUNT; i++) {
        double above = side_mean(fresh, is_corrected, &random, room);
        scratch[i] = above / side_mean(old, is_corrected, &random, room);
    }
    hone_sort_doubles(scratch, HN_RESAMPLES_COUNT);
    return (hone_estimate){
        .value =
            side_mean(fresh, is_corrected, NULL, room) / side_mean(old, is_corrected, NULL, room),
        .low = hone_quantile(scratch, HN_RESAMPLES_COUNT, 0.025),
        .high = hone_quantile(scratch, HN_RESAMPLES_COUNT, 0.975),
        .is_low_known = true,
        .is_high_known = true,
    };
}

double hn_run_shift(const hn_run_costs *fresh, const hn_run_costs *old) {
    double above = 0, below = 0;
    for (uint32_t i = 0; i < fresh->runs_count; i++) {
        above += fresh->references_ns[i] / fresh->runs_count;
    }
    for (uint32_t i = 0; i < old->runs_count; i++) {
        below += old->references_ns[i] / old->runs_count;
    }
    return below > 0 && above > 0 ? above / below : 1;
}

/* The variance of the logarithms of the runs' medians. The medians are taken in place, which
 * changes the order of the costs in a run; nobody needs it: they are only ever resampled. */
static double log_variance(const hn_run_costs *self, bool is_corrected) {
    double mean = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t run = 0; run < self->runs_count; run++) {
            double *costs = self->costs + self->starts[run];
            double median = hn_median_of(costs, self->starts[run + 1] - self->starts[run]);
            double value = log(median / cost_unit(self, run, is_corrected));
            if (pass == 0) {
                mean += value / self->runs_count;
            } else {
                squares += (value - mean) * (value - mean);
            }
        }
    }
    return squares / (self->runs_count - 1);
}

hn_spread_choice hn_run_spread(const hn_run_costs *fresh, const hn_run_costs *old) {
    if (fresh->runs_count < RUNS_FOR_SPREAD || old->runs_count < RUNS_FOR_SPREAD) {
        return HN_SPREAD_UNKNOWN;
    }
    double plain = sqrt(log_variance(fresh, false) + log_variance(old, false));
    double corrected = sqrt(log_variance(fresh, true) + log_variance(old, true));
    return corrected < clearly_less * plain   ? HN_SPREAD_CORRECTED
           : plain < clearly_less * corrected ? HN_SPREAD_PLAIN
                                              : HN_SPREAD_UNKNOWN;
}
