/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of a bench run, each written into a buffer: a table for people, JSON for programs,
 * google-benchmark's JSON for its tools, Markdown, and one HTML file with plots.
 *
 * Contract: pure functions of the report; nothing is printed. A failed append shows in
 * hone_buffer_status(). A figure that the samples do not support is "n/a" (JSON: null).
 */
#ifndef HONE_MEASURE_BENCH_REPORT_H
#define HONE_MEASURE_BENCH_REPORT_H

#include "hone/base/buffer.h"
#include "hone/measure/bench.h"
#include "hone/measure/compare.h"

/* Case, unit, hone, each peer, ratio with its interval; below it what was noisy, and the counters
 * or why there are none. `with_color` wants a terminal. */
void hone_bench_write_table(const hone_bench_report *report, bool with_color, hone_buffer *out);

/* Per case and variant: mean, deviation, smallest, largest, median absolute deviation, outliers,
 * numbers of samples and iterations, length of the warm-up, and every counter per iteration or why
 * there is none. */
void hone_bench_write_details(const hone_bench_report *report, hone_buffer *out);

/* Case, old, new, slowdown with its interval, verdict; then the names of what regressed. */
void hone_bench_write_comparisons(const hone_comparisons *comparisons, double threshold,
                                  bool with_color, hone_buffer *out);

/* {"suite", "host", "cases": [{"case", "unit", "better", "hone": {"median", "p95", "p99", "ci",
 * "clean"}, "peers": {NAME: the same, or {"absent": reason}}, "ratio": {NAME: [estimate, low,
 * high]}}]}. A ratio above 1 means that hone is better. "clean" is the share of clean samples. */
void hone_bench_write_json(const hone_bench_report *report, hone_buffer *out);

/* Rows of mean, median and deviation as google-benchmark writes them, for compare.py and others;
 * names are SUITE/CASE/VARIANT. Cases that measure no time are left out; cpu_time repeats
 * real_time, which for clean samples is the same. */
void hone_bench_write_google_json(const hone_bench_report *report, hone_buffer *out);

void hone_bench_write_markdown(const hone_bench_report *report, hone_buffer *out);

/* One file without references to others: light and dark, a plot of the distribution per case. */
void hone_bench_write_html(const hone_bench_report *report, hone_buffer *out);

#endif
