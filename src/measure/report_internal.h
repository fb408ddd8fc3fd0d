/* SPDX-License-Identifier: Apache-2.0 */
/* Private to measure: figures as text, the same in every report. */
#ifndef HONE_MEASURE_REPORT_INTERNAL_H
#define HONE_MEASURE_REPORT_INTERNAL_H

#include "hone/base/buffer.h"
#include "hone/measure/bench.h"

enum { HN_FIGURE_BYTES = 96 };

/* Four significant digits without an exponent where that is readable. */
void hn_figure(double value, char out_text[HN_FIGURE_BYTES]);

/* The same, or "n/a". */
void hn_figure_or_none(double value, bool is_known, char out_text[HN_FIGURE_BYTES]);

/* "1.234 [1.2, 1.3]"; "n/a" for an unknown bound or estimate. */
void hn_figure_estimate(const hone_estimate *estimate, char out_text[HN_FIGURE_BYTES]);

/* "97 %" */
void hn_figure_share(uint32_t part, uint32_t whole, char out_text[HN_FIGURE_BYTES]);

/* What a reader must know of a variant's samples ("reached no steady state in 0.30 s", "of 300
 * samples 40 % were disturbed: ..."), or nothing. Returns whether anything was written. */
bool hn_variant_notes(const hone_bench_variant_result *variant, hone_buffer *out);

/* What the figures of a table rest on, as sentences joined by "; " that do not end: which samples,
 * what a ratio is, and why figures are missing, as far as it matters in this report. */
void hn_legend(const hone_bench_report *report, hone_buffer *out);

/* One line on the hardware counters: that there are some, or why not. */
void hn_counters_note(const hone_bench_report *report, hone_buffer *out);

/* The first present variant with counters, or NULL. */
const hone_bench_variant_result *hn_counted_variant(const hone_bench_report *report);

#endif
