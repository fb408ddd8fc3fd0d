/* SPDX-License-Identifier: Apache-2.0 */
/* Several runs of one suite as one report, their samples one behind the other. */
#include <string.h>

#include "harness_internal.h"

static const hone_bench_result *find_same(const hone_bench_report *report,
                                          const hone_bench_result *like) {
    for (uint32_t i = 0; i < report->results_count; i++) {
        const hone_bench_result *result = &report->results[i];
        if (strcmp(result->name, like->name) == 0 && !result->variants[0].absent &&
            result->variants[0].count && result->better == like->better &&
            strcmp(result->unit, like->unit) == 0) {
            return result;
        }
    }
    return NULL;
}

/* What all runs have together; false when one of them lacks the case. */
static bool count_all(const hone_bench_report *reports, uint32_t count,
                      const hone_bench_result *like, size_t *out_samples, size_t *out_runs) {
    *out_samples = *out_runs = 0;
    for (uint32_t i = 0; i < count; i++) {
        const hone_bench_result *result = find_same(&reports[i], like);
        if (!result) {
            return false;
        }
        *out_samples += result->variants[0].count;
        *out_runs += result->variants[0].runs_count;
    }
    return true;
}

static void append_runs(hone_bench_variant_result *into, const hone_bench_variant_result *from) {
    memcpy(into->values + into->count, from->values, from->count * sizeof from->values[0]);
    memcpy(into->disturbances + into->count, from->disturbances, from->count);
    memcpy(into->run_counts + into->runs_count, from->run_counts,
           from->runs_count * sizeof from->run_counts[0]);
    memcpy(into->run_references_ns + into->runs_count, from->run_references_ns,
           from->runs_count * sizeof from->run_references_ns[0]);
    memcpy(into->run_others + into->runs_count, from->run_others,
           from->runs_count * sizeof from->run_others[0]);
    into->count += from->count;
    into->runs_count += from->runs_count;
}

static bool merge_case(const hone_bench_report *reports, uint32_t count,
                       const hone_bench_result *like, size_t samples, size_t runs,
                       hone_arena *arena, hone_bench_result *out_result) {
    hone_bench_variant_result *merged = HONE_ARENA_NEW(arena, hone_bench_variant_result);
    if (!merged) {
        return false;
    }
    *merged = like->variants[0];
    merged->count = merged->runs_count = 0;
    merged->values = HONE_ARENA_NEW_ARRAY(arena, double, samples);
    merged->disturbances = HONE_ARENA_NEW_ARRAY(arena, uint8_t, samples);
    merged->run_counts = HONE_ARENA_NEW_ARRAY(arena, uint32_t, runs);
    merged->run_references_ns = HONE_ARENA_NEW_ARRAY(arena, double, runs);
    merged->run_others = HONE_ARENA_NEW_ARRAY(arena, double, runs);
    double *scratch = HONE_ARENA_NEW_ARRAY(arena, double, 2 * samples);
    if (!merged->values || !merged->disturbances || !merged->run_counts ||
        !merged->run_references_ns || !merged->run_others || !scratch) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        append_runs(merged, &find_same(&reports[i], like)->variants[0]);
    }
    hn_variant_summarize(merged, scratch);
    *out_result = *like;
    out_result->variants = merged;
    out_result->variants_count = 1;
    return true;
}

hone_status hone_bench_merge(const hone_bench_report *reports, uint32_t count, hone_arena *arena,
                             hone_diag *diag, hone_bench_report *out_report) {
    if (count == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no report to merge");
    }
    hone_bench_report merged = reports[0];
    merged.results_count = 0;
    merged.results = HONE_ARENA_NEW_ARRAY(arena, hone_bench_result, reports[0].results_count);
    bool is_done = merged.results != NULL;
    for (uint32_t i = 0; i < reports[0].results_count && is_done; i++) {
        size_t samples, runs;
        const hone_bench_result *like = &reports[0].results[i];
        if (count_all(reports, count, like, &samples, &runs)) {
            is_done = merge_case(reports, count, like, samples, runs, arena,
                                 &merged.results[merged.results_count++]);
        }
    }
    if (!is_done) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory to merge the runs");
    }
    *out_report = merged;
    return HONE_OK;
}
