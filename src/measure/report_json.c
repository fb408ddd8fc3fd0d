/* SPDX-License-Identifier: Apache-2.0 */
/* Reports for programs: our own JSON, and google-benchmark's. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness_internal.h"
#include "hone/measure/bench_report.h"
#include "json_internal.h"

enum { DIGITS = 7, NAME_BYTES = 256 };

static json_t *variant_tree(const hone_bench_variant_result *variant) {
    if (variant->absent) {
        return json_pack("{s:s}", "absent", variant->absent);
    }
    const hone_summary *summary = &variant->summary;
    return json_pack("{s:o, s:o, s:o, s:[o,o], s:o}", "median",
                     hn_json_number(summary->median.value, true), "p95",
                     hn_json_number(summary->p95.value, summary->has_p95), "p99",
                     hn_json_number(summary->p99.value, summary->has_p99), "ci",
                     hn_json_number(summary->median.low, summary->median.is_low_known),
                     hn_json_number(summary->median.high, summary->median.is_high_known), "clean",
                     hn_json_number((double)variant->clean_count / variant->count, true));
}

static json_t *case_tree(const hone_bench_result *result) {
    json_t *peers = json_object(), *ratios = json_object();
    for (uint32_t i = 1; i < result->variants_count; i++) {
        const hone_bench_variant_result *peer = &result->variants[i];
        (void)json_object_set_new(peers, peer->name, variant_tree(peer));
        if (!peer->absent && result->pairs_counts[i]) {
            const hone_estimate *ratio = &result->ratios[i];
            (void)json_object_set_new(ratios, peer->name,
                                      json_pack("[o,o,o]", hn_json_number(ratio->value, true),
                                                hn_json_number(ratio->low, ratio->is_low_known),
                                                hn_json_number(ratio->high, ratio->is_high_known)));
        }
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "case", result->name, "unit", result->unit,
                     "better", hn_better_name(result->better), "hone",
                     variant_tree(&result->variants[0]), "peers", peers, "ratio", ratios);
}

void hone_bench_write_json(const hone_bench_report *report, hone_buffer *out) {
    json_t *cases = json_array();
    for (uint32_t i = 0; i < report->results_count; i++) {
        (void)json_array_append_new(cases, case_tree(&report->results[i]));
    }
    hn_json_write(json_pack("{s:s, s:o, s:o}", "suite", report->suite, "host",
                            hn_json_host(&report->host), "cases", cases),
                  JSON_INDENT(1) | JSON_REAL_PRECISION(DIGITS), out);
}

static double iteration_ns(const hone_bench_result *result, double value) {
    return result->better == HONE_BENCH_LOWER ? value * result->time_factor
                                              : result->time_factor / value;
}

/* What the rows of one variant share. */
typedef struct google_family {
    json_t *rows;
    const hone_bench_variant_result *variant;
    char name[NAME_BYTES];
    int index;
} google_family;

static json_t *google_row(const google_family *self, const char *suffix, double time_ns) {
    char name[NAME_BYTES + 16];
    (void)snprintf(name, sizeof name, "%s%s", self->name, suffix);
    return json_pack("{s:s, s:i, s:s, s:i, s:i, s:I, s:o, s:o, s:s}", "name", name, "family_index",
                     self->index, "run_name", self->name, "repetitions", (int)self->variant->count,
                     "threads", 1, "iterations", (json_int_t)self->variant->iterations, "real_time",
                     hn_json_number(time_ns, true), "cpu_time", hn_json_number(time_ns, true),
                     "time_unit", "ns");
}

static json_t *google_aggregate(const google_family *self, const char *which, double time_ns) {
    char suffix[16];
    (void)snprintf(suffix, sizeof suffix, "_%s", which);
    json_t *row = google_row(self, suffix, time_ns);
    (void)json_object_set_new(row, "run_type", json_string("aggregate"));
    (void)json_object_set_new(row, "aggregate_name", json_string(which));
    (void)json_object_set_new(row, "aggregate_unit", json_string("time"));
    (void)json_array_append_new(self->rows, row);
    return row;
}

static void google_counters(const hone_bench_variant_result *variant, json_t *row) {
    for (uint32_t id = 0; id < variant->counters_count; id++) {
        if (variant->counters[id].state != HONE_COUNTER_UNSUPPORTED) {
            (void)json_object_set_new(row, hone_counter_name((hone_counter_id)id),
                                      hn_json_number(variant->counter_values[id], true));
        }
    }
}

static void google_variant(const hone_bench_result *result, google_family *self) {
    const hone_bench_variant_result *variant = self->variant;
    double sum = 0, squares = 0;
    int kept = 0;
    for (uint32_t i = 0; i < variant->count; i++) {
        if (variant->is_clean_used && variant->disturbances[i]) {
            continue;
        }
        double time_ns = iteration_ns(result, variant->values[i]);
        json_t *row = google_row(self, "", time_ns);
        (void)json_object_set_new(row, "run_type", json_string("iteration"));
        (void)json_object_set_new(row, "repetition_index", json_integer(kept));
        (void)json_array_append_new(self->rows, row);
        sum += time_ns;
        squares += time_ns * time_ns;
        kept++;
    }
    if (kept < 2) {
        return;
    }
    double mean = sum / kept, variance = (squares - sum * mean) / (kept - 1);
    (void)google_aggregate(self, "mean", mean);
    json_t *median =
        google_aggregate(self, "median", iteration_ns(result, variant->summary.median.value));
    google_counters(variant, median);
    (void)google_aggregate(self, "stddev", sqrt(fmax(0, variance)));
}

void hone_bench_write_google_json(const hone_bench_report *report, hone_buffer *out) {
    json_t *rows = json_array();
    int family = 0;
    for (uint32_t i = 0; i < report->results_count; i++) {
        const hone_bench_result *result = &report->results[i];
        for (uint32_t v = 0; v < result->variants_count && result->time_factor > 0; v++) {
            google_family self = {.rows = rows, .variant = &result->variants[v], .index = family};
            if (self.variant->absent) {
                continue;
            }
            (void)snprintf(self.name, sizeof self.name, "%s/%s/%s", report->suite, result->name,
                           self.variant->name);
            google_variant(result, &self);
            family++;
        }
    }
    json_t *load =
        report->host.load_average >= 0 ? json_pack("[f]", report->host.load_average) : json_array();
    json_t *context = json_pack(
        "{s:s, s:s, s:i, s:o, s:s}", "executable", report->suite, "host_name", report->host.cpu,
        "num_cpus", (int)report->host.cpus_count, "load_avg", load, "library_build_type",
        strncmp(report->host.build, "optimised", 9) == 0 ? "release" : "debug");
    hn_json_write(json_pack("{s:o, s:o}", "context", context, "benchmarks", rows),
                  JSON_INDENT(1) | JSON_REAL_PRECISION(DIGITS), out);
}
