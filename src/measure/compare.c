/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts. Two variants of one run are compared within their blocks. Against a baseline the
 * samples are of other processes at another time. Two things come in between then. A process
 * differs from the next by where it lies in memory: the interval is a bootstrap over processes and
 * over the samples in them (run_ratio.c). And the machine itself may run faster or slower than it
 * did (boost clocks, neighbours): the reference loop beside each run tells by how much. Whether the
 * costs follow that loop is seen in how they spread over the runs; where it cannot be seen, the
 * verdict must hold with and without the correction, else it is inconclusive.
 */
#include "hone/measure/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness_internal.h"

static const double alpha = 0.05;
static const double busy_change_max = 0.3; /* CPUs */

const char *hone_verdict_name(hone_verdict verdict) {
    switch (verdict) {
    case HONE_VERDICT_SAME: return "same";
    case HONE_VERDICT_IMPROVED: return "improved";
    case HONE_VERDICT_REGRESSED: return "regressed";
    case HONE_VERDICT_INCONCLUSIVE: break;
    }
    return "inconclusive";
}

hone_verdict hone_verdict_of(const hone_estimate *slowdown, double p_value, double threshold) {
    double worst = 1 + threshold, best = 1 / (1 + threshold);
    if (!slowdown->is_low_known || !slowdown->is_high_known) {
        return HONE_VERDICT_INCONCLUSIVE;
    }
    if (slowdown->low > worst && p_value < alpha) {
        return HONE_VERDICT_REGRESSED;
    }
    if (slowdown->high < best && p_value < alpha) {
        return HONE_VERDICT_IMPROVED;
    }
    return slowdown->low >= best && slowdown->high <= worst ? HONE_VERDICT_SAME
                                                            : HONE_VERDICT_INCONCLUSIVE;
}

/* The usable samples of a variant as costs: what is better when higher is turned over. Sorted. */
static uint32_t costs_of(const hone_bench_variant_result *variant, hone_bench_better better,
                         bool is_clean_used, double *out_costs) {
    hone_bench_variant_result chosen = *variant;
    chosen.is_clean_used = is_clean_used;
    uint32_t count = hn_variant_values(&chosen, out_costs);
    if (better == HONE_BENCH_HIGHER) {
        for (uint32_t i = 0; i < count; i++) {
            out_costs[i] = 1 / out_costs[i];
        }
        hone_sort_doubles(out_costs, count);
    }
    return count;
}

static hone_status no_memory(hone_diag *diag) {
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory to compare the samples");
}

/* Both sets of costs in one array of the arena, with room for the bootstrap behind them. */
typedef struct cost_sets {
    double *old, *fresh, *scratch;
    uint32_t old_count, fresh_count;
} cost_sets;

static bool gather(const hone_bench_variant_result *old, const hone_bench_variant_result *fresh,
                   hone_bench_better better, hone_arena *arena, cost_sets *out_sets) {
    size_t count = (size_t)old->count + fresh->count;
    double *values = HONE_ARENA_NEW_ARRAY(arena, double, 4 * count + HN_RESAMPLES_COUNT);
    if (!values) {
        return false;
    }
    *out_sets = (cost_sets){.old = values, .fresh = values + old->count, .scratch = values + count};
    /* The same kind of samples on both sides: see samples.c. */
    bool is_clean_used = old->is_clean_used && fresh->is_clean_used;
    out_sets->old_count = costs_of(old, better, is_clean_used, out_sets->old);
    out_sets->fresh_count = costs_of(fresh, better, is_clean_used, out_sets->fresh);
    return true;
}

static void fill_tests(const cost_sets *sets, const hone_bench_variant_result *old,
                       const hone_bench_variant_result *fresh, hone_comparison *comparison) {
    comparison->old_median = old->summary.median.value;
    comparison->new_median = fresh->summary.median.value;
    comparison->p_value =
        hone_mann_whitney(sets->fresh, sets->fresh_count, sets->old, sets->old_count);
    comparison->cliff_delta =
        hone_cliff_delta(sets->fresh, sets->fresh_count, sets->old, sets->old_count);
}

static const char *note_of(const hone_comparison *comparison, double threshold) {
    if (comparison->verdict != HONE_VERDICT_INCONCLUSIVE) {
        return "";
    }
    double width = comparison->slowdown.high - comparison->slowdown.low;
    return width > threshold ? "too noisy: the interval is wider than the threshold"
                             : "the interval reaches over the threshold";
}

hone_status hone_compare_variants(const hone_bench_result *result, uint32_t old_index,
                                  uint32_t new_index, double threshold, uint64_t seed,
                                  hone_arena *arena, hone_diag *diag,
                                  hone_comparison *out_comparison) {
    if (old_index >= result->variants_count || new_index >= result->variants_count) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no such variant");
    }
    const hone_bench_variant_result *old = &result->variants[old_index];
    const hone_bench_variant_result *fresh = &result->variants[new_index];
    const hone_bench_variant_result *missing = old->absent ? old : fresh->absent ? fresh : NULL;
    if (missing) {
        hone_diag_about(diag, missing->name);
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED, "%s", missing->absent);
    }
    hone_comparison comparison = {.name = result->name, .unit = result->unit, .machine_shift = 1};
    hone_arena_savepoint before = hone_arena_save(arena);
    cost_sets sets;
    uint32_t pairs;
    if (!gather(old, fresh, result->better, arena, &sets)) {
        return no_memory(diag);
    }
    fill_tests(&sets, old, fresh, &comparison);
    comparison.slowdown =
        hn_block_ratio_estimate(result, old_index, new_index, seed, sets.scratch, &pairs);
    hone_arena_reset(arena, before);
    comparison.verdict = hone_verdict_of(&comparison.slowdown, comparison.p_value, threshold);
    comparison.note = note_of(&comparison, threshold);
    *out_comparison = comparison;
    return HONE_OK;
}

static const hone_bench_result *find_result(const hone_bench_report *report, const char *name) {
    for (uint32_t i = 0; i < report->results_count; i++) {
        if (strcmp(report->results[i].name, name) == 0) {
            return &report->results[i];
        }
    }
    return NULL;
}

static bool is_comparable(const hone_bench_result *old, const hone_bench_result *fresh) {
    return old && fresh && !old->variants[0].absent && !fresh->variants[0].absent &&
           old->variants[0].count && fresh->variants[0].count && old->better == fresh->better &&
           strcmp(old->unit, fresh->unit) == 0;
}

static hone_status check_hosts(const hone_bench_host *old, const hone_bench_host *fresh,
                               hone_diag *diag) {
    if (old->fingerprint == fresh->fingerprint) {
        return HONE_OK;
    }
    return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                         "the baseline is of another machine: '%s' (%u CPUs, kernel %s), this is "
                         "'%s' (%u CPUs, kernel %s); save a new one here",
                         old->cpu, old->cpus_count, old->kernel, fresh->cpu, fresh->cpus_count,
                         fresh->kernel);
}

/* How the two ways to see the change look: as measured, and per step of the reference loop. */
typedef struct views {
    hone_estimate plain, corrected;
    hn_spread_choice choice;
} views;

static bool compare_runs(const hone_bench_result *old, const hone_bench_result *fresh,
                         uint64_t seed, hone_arena *arena, hone_comparison *out_comparison,
                         views *out_views) {
    hone_comparison comparison = {.name = fresh->name, .unit = fresh->unit};
    hone_arena_savepoint before = hone_arena_save(arena);
    cost_sets sets;
    hn_run_costs old_runs, fresh_runs;
    if (!gather(&old->variants[0], &fresh->variants[0], fresh->better, arena, &sets) ||
        !hn_run_costs_of(&old->variants[0], old->better, arena, &old_runs) ||
        !hn_run_costs_of(&fresh->variants[0], fresh->better, arena, &fresh_runs)) {
        return false;
    }
    fill_tests(&sets, &old->variants[0], &fresh->variants[0], &comparison);
    out_views->plain = hn_run_ratio(&fresh_runs, &old_runs, false, seed, sets.scratch);
    out_views->corrected = hn_run_ratio(&fresh_runs, &old_runs, true, seed, sets.scratch);
    out_views->choice = hn_run_spread(&fresh_runs, &old_runs);
    comparison.machine_shift = hn_run_shift(&fresh_runs, &old_runs);
    comparison.slowdown =
        out_views->choice == HN_SPREAD_CORRECTED ? out_views->corrected : out_views->plain;
    hone_arena_reset(arena, before);
    *out_comparison = comparison;
    return true;
}

/* By how many CPUs other programs were busier in the new runs than in the old: on most machines two
 * CPUs share something that no counter of this process shows. */
static double busy_change(const hone_bench_variant_result *old,
                          const hone_bench_variant_result *fresh) {
    double change = 0;
    for (uint32_t i = 0; i < fresh->runs_count; i++) {
        change += fresh->run_others[i] / fresh->runs_count;
    }
    for (uint32_t i = 0; i < old->runs_count; i++) {
        change -= old->run_others[i] / old->runs_count;
    }
    return change;
}

static void judge(const hone_bench_result *old, const hone_bench_result *fresh, const views *seen,
                  double threshold, hone_comparison *comparison) {
    hone_verdict plain = hone_verdict_of(&seen->plain, comparison->p_value, threshold);
    hone_verdict corrected = hone_verdict_of(&seen->corrected, comparison->p_value, threshold);
    comparison->verdict = seen->choice == HN_SPREAD_CORRECTED ? corrected : plain;
    comparison->note = note_of(comparison, threshold);
    if (!old->variants[0].is_clean_used || !fresh->variants[0].is_clean_used) {
        comparison->verdict = HONE_VERDICT_INCONCLUSIVE;
        comparison->note = "too few clean samples: the machine was too busy";
    } else if (fabs(busy_change(&old->variants[0], &fresh->variants[0])) > busy_change_max &&
               comparison->verdict != HONE_VERDICT_SAME) {
        comparison->verdict = HONE_VERDICT_INCONCLUSIVE;
        comparison->note = "other programs kept the machine busy in one of the two runs only";
    } else if (seen->choice == HN_SPREAD_UNKNOWN && plain != corrected) {
        comparison->verdict = HONE_VERDICT_INCONCLUSIVE;
        comparison->note = "the machine itself runs at another speed than at the baseline";
    }
}

hone_status hone_compare_reports(const hone_bench_report *old, const hone_bench_report *fresh,
                                 double threshold, hone_arena *arena, hone_diag *diag,
                                 hone_comparisons *out_comparisons) {
    hone_status status = check_hosts(&old->host, &fresh->host, diag);
    if (status != HONE_OK) {
        return status;
    }
    size_t fresh_count = fresh->results_count;
    hone_comparisons all = {
        .items = HONE_ARENA_NEW_ARRAY(arena, hone_comparison, fresh_count),
        .missing_names = HONE_ARENA_NEW_ARRAY(arena, const char *, old->results_count),
    };
    double *p_values = HONE_ARENA_NEW_ARRAY(arena, double, 2 * fresh_count);
    views *seen = HONE_ARENA_NEW_ARRAY(arena, views, fresh_count);
    if (!all.items || !all.missing_names || !p_values || !seen) {
        return no_memory(diag);
    }
    for (uint32_t i = 0; i < old->results_count; i++) {
        const hone_bench_result *before = &old->results[i];
        const hone_bench_result *now = find_result(fresh, before->name);
        if (!is_comparable(before, now)) {
            all.missing_names[all.missing_count++] = before->name;
            continue;
        }
        if (!compare_runs(before, now, fresh->seed, arena, &all.items[all.count],
                          &seen[all.count])) {
            return no_memory(diag);
        }
        p_values[all.count] = all.items[all.count].p_value;
        all.count++;
    }
    if (all.count == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "no case is both in the baseline and in this run");
    }
    hone_holm_adjust(p_values, all.count, p_values + fresh_count);
    for (uint32_t i = 0; i < all.count; i++) {
        all.items[i].p_value = p_values[i];
        judge(find_result(old, all.items[i].name), find_result(fresh, all.items[i].name), &seen[i],
              threshold, &all.items[i]);
    }
    *out_comparisons = all;
    return HONE_OK;
}

int hone_compare_exit_code(const hone_comparisons *comparisons, bool is_strict) {
    int code = 0;
    for (uint32_t i = 0; i < comparisons->count; i++) {
        if (comparisons->items[i].verdict == HONE_VERDICT_REGRESSED) {
            return 1;
        }
        if (comparisons->items[i].verdict == HONE_VERDICT_INCONCLUSIVE && is_strict) {
            code = 2;
        }
    }
    return code;
}
