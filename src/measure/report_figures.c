/* SPDX-License-Identifier: Apache-2.0 */
#include "report_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void hn_figure(double value, char out_text[HN_FIGURE_BYTES]) {
    double size = fabs(value);
    if (size >= 1e9) {
        (void)snprintf(out_text, HN_FIGURE_BYTES, "%.3e", value);
    } else if (size >= 1) {
        int decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
        (void)snprintf(out_text, HN_FIGURE_BYTES, "%.*f", decimals, value);
    } else {
        (void)snprintf(out_text, HN_FIGURE_BYTES, "%.4g", value);
    }
}

void hn_figure_or_none(double value, bool is_known, char out_text[HN_FIGURE_BYTES]) {
    if (is_known && isfinite(value)) {
        hn_figure(value, out_text);
    } else {
        memcpy(out_text, "n/a", sizeof "n/a");
    }
}

void hn_figure_estimate(const hone_estimate *estimate, char out_text[HN_FIGURE_BYTES]) {
    char value[HN_FIGURE_BYTES], low[HN_FIGURE_BYTES], high[HN_FIGURE_BYTES];
    hn_figure(estimate->value, value);
    hn_figure_or_none(estimate->low, estimate->is_low_known, low);
    hn_figure_or_none(estimate->high, estimate->is_high_known, high);
    (void)snprintf(out_text, HN_FIGURE_BYTES, "%.24s [%.24s, %.24s]", value, low, high);
}

void hn_figure_share(uint32_t part, uint32_t whole, char out_text[HN_FIGURE_BYTES]) {
    double share = whole ? 100.0 * part / whole : 0;
    (void)snprintf(out_text, HN_FIGURE_BYTES, "%.0f %%", part < whole && share > 99 ? 99 : share);
}

static void note_disturbances(const hone_bench_variant_result *variant, hone_buffer *out) {
    static const char *const words[HONE_BENCH_CAUSES_COUNT] = {"preempted", "migrated", "delayed",
                                                               "stolen"};
    hone_buffer_format(out, "%s%u of %u samples were disturbed (", out->size ? "; " : "",
                       variant->count - variant->clean_count, variant->count);
    bool is_first = true;
    for (int cause = 0; cause < HONE_BENCH_CAUSES_COUNT; cause++) {
        if (variant->caused_counts[cause]) {
            hone_buffer_format(out, "%s%s %u", is_first ? "" : ", ", words[cause],
                               variant->caused_counts[cause]);
            is_first = false;
        }
    }
    hone_buffer_append_text(
        out, variant->is_clean_used ? HONE_TEXT(")")
             : variant->clean_count == 0
                 ? HONE_TEXT("): none was clean, the figures are of all of them and have in them "
                             "what disturbed them")
                 : HONE_TEXT("): too many, the figures are of all of them"));
}

static bool has_interval(const hone_bench_variant_result *variant) {
    return variant->summary.median.is_low_known && variant->summary.median.is_high_known;
}

bool hn_variant_notes(const hone_bench_variant_result *variant, hone_buffer *out) {
    hone_buffer notes;
    if (variant->absent || variant->count == 0) {
        return false;
    }
    hone_buffer_init(&notes, NULL, 4096);
    if (!variant->is_clean_used || variant->clean_count * 2 < variant->count) {
        note_disturbances(variant, &notes);
    }
    if (!has_interval(variant)) {
        hone_buffer_format(&notes, "%s%zu sample%s, too few for an interval",
                           notes.size ? "; " : "", variant->summary.count,
                           variant->summary.count == 1 ? "" : "s");
    }
    if (!variant->is_steady && variant->counters_count) {
        hone_buffer_format(&notes, "%swas not steady after a warm-up of %.2f s",
                           notes.size ? "; " : "", (double)variant->warm_up_ns * 1e-9);
    }
    bool has_notes = notes.size > 0;
    hone_buffer_append_text(out, hone_buffer_text(&notes));
    hone_buffer_deinit(&notes);
    return has_notes;
}

/* What a legend depends on. */
typedef struct legend_needs {
    bool has_all_used; /* a variant whose figures are of all samples */
    bool has_ratios, has_missing_ratio, has_missing_figure;
} legend_needs;

static void look_at_variant(const hone_bench_result *result, uint32_t index, legend_needs *needs) {
    const hone_bench_variant_result *variant = &result->variants[index];
    if (variant->absent || variant->count == 0) {
        return;
    }
    needs->has_all_used = needs->has_all_used || !variant->is_clean_used;
    needs->has_missing_figure = needs->has_missing_figure || !has_interval(variant) ||
                                !variant->summary.has_p95 || !variant->summary.has_p99;
    if (index > 0 && !result->variants[0].absent) {
        needs->has_ratios = true;
        needs->has_missing_ratio = needs->has_missing_ratio || result->pairs_counts[index] == 0;
    }
}

void hn_legend(const hone_bench_report *report, hone_buffer *out) {
    legend_needs needs = {0};
    for (uint32_t i = 0; i < report->results_count; i++) {
        for (uint32_t v = 0; v < report->results[i].variants_count; v++) {
            look_at_variant(&report->results[i], v, &needs);
        }
    }
    hone_buffer_append_text(out,
                            HONE_TEXT("clean: the share of the samples that nothing disturbed"));
    if (needs.has_all_used) {
        hone_buffer_append_text(out,
                                HONE_TEXT("; figures are of the clean samples, and of all where "
                                          "fewer than 20 and less than half are clean"));
    }
    if (needs.has_ratios) {
        hone_buffer_append_text(
            out, HONE_TEXT("; a ratio is the median over pairs of samples taken side by side, of "
                           "clean ones where both have enough, and need not be the quotient of the "
                           "medians"));
    }
    if (needs.has_missing_figure) {
        hone_buffer_append_text(out, HONE_TEXT("; n/a: too few samples, an interval needs 6, p95 "
                                               "needs 59 and p99 needs 299"));
    }
    if (needs.has_missing_ratio) {
        hone_buffer_append_text(out, HONE_TEXT("; a ratio is n/a where no pair has two usable "
                                               "samples"));
    }
}

const hone_bench_variant_result *hn_counted_variant(const hone_bench_report *report) {
    for (uint32_t i = 0; i < report->results_count; i++) {
        const hone_bench_variant_result *variant = &report->results[i].variants[0];
        if (!variant->absent && variant->counters_count) {
            return variant;
        }
    }
    return NULL;
}

void hn_counters_note(const hone_bench_report *report, hone_buffer *out) {
    const hone_bench_variant_result *variant = hn_counted_variant(report);
    if (!variant) {
        hone_buffer_format(out, "hardware counters: n/a (no case ran in this process)");
        return;
    }
    const hone_counter *cycles = &variant->counters[HONE_COUNTER_CYCLES];
    if (cycles->state == HONE_COUNTER_UNSUPPORTED) {
        hone_buffer_format(out, "hardware counters: n/a (%s)", cycles->reason);
    } else {
        hone_buffer_format(out, "hardware counters: available%s",
                           cycles->state == HONE_COUNTER_MULTIPLEXED ? ", multiplexed" : "");
    }
}
