/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts: is the new one slower than the old one? Of a report against a named baseline, and of
 * two commands run in turns.
 *
 * All changes are given as slowdown: the cost of new over the cost of old, above 1 is worse,
 * whether the unit counts time or throughput. With a threshold t (0.05 is 5 %):
 *   regressed     the whole interval lies above 1 + t, and the ranks differ (Mann-Whitney, Holm)
 *   improved      the whole interval lies below 1 / (1 + t), and the ranks differ
 *   same          the whole interval lies between those two
 *   inconclusive  anything else: too noisy, or too close to the threshold, or the machine itself
 *                 has changed its speed so much that it could be the reason
 *
 * Contract: confined; results live in the arena given.
 */
#ifndef HONE_MEASURE_COMPARE_H
#define HONE_MEASURE_COMPARE_H

#include "hone/measure/bench.h"

typedef enum hone_verdict {
    HONE_VERDICT_SAME,
    HONE_VERDICT_IMPROVED,
    HONE_VERDICT_REGRESSED,
    HONE_VERDICT_INCONCLUSIVE
} hone_verdict;

const char *hone_verdict_name(hone_verdict verdict);

typedef struct hone_comparison {
    const char *name, *unit;
    double old_median, new_median; /* in the unit */
    hone_estimate slowdown;        /* 95 % */
    double p_value;                /* Mann-Whitney, adjusted by Holm over all cases compared */
    double cliff_delta;            /* of the costs: 1 when every new sample is worse */
    double machine_shift; /* the reference loop, new over old; 1 where it was the same run */
    hone_verdict verdict;
    const char *note; /* why it is inconclusive, or "" */
} hone_comparison;

typedef struct hone_comparisons {
    hone_comparison *items;
    uint32_t count;
    const char **missing_names; /* cases of the baseline that were not run now */
    uint32_t missing_count;
} hone_comparisons;

hone_verdict hone_verdict_of(const hone_estimate *slowdown, double p_value, double threshold);

/* Judges the hone variants of `fresh` against those of `old` (a baseline, loaded). INVALID_ARGUMENT
 * when the hosts differ: the message says in what; or when no case is in both. */
HONE_MUST_USE hone_status hone_compare_reports(const hone_bench_report *old,
                                               const hone_bench_report *fresh, double threshold,
                                               hone_arena *arena, hone_diag *diag,
                                               hone_comparisons *out_comparisons);

/* Judges two variants of one case that ran in turns: `new_index` against `old_index`. UNSUPPORTED
 * when one of them is absent. */
HONE_MUST_USE hone_status hone_compare_variants(const hone_bench_result *result, uint32_t old_index,
                                                uint32_t new_index, double threshold, uint64_t seed,
                                                hone_arena *arena, hone_diag *diag,
                                                hone_comparison *out_comparison);

typedef struct hone_compare_commands_options {
    const char *const *old_argv; /* end with NULL */
    const char *const *new_argv;
    double threshold;         /* 0 means 0.05 */
    hone_bench_options bench; /* seed, is_quick, precision, time_max_ns, blocks_* */
} hone_compare_commands_options;

/* Runs two programs in turns, pairwise, until the interval of their wall times is narrow or the
 * time limit (20 s unless given) is reached. *out_report has the cases "command" and "command/rss"
 * with the new one in hone's place and the peer "old"; *out_comparisons has a verdict for each that
 * is not absent. As hone_process_run, and INVALID_ARGUMENT when a program exits with a code other
 * than 0. */
HONE_MUST_USE hone_status hone_compare_commands(const hone_compare_commands_options *options,
                                                hone_arena *arena, hone_diag *diag,
                                                hone_bench_report *out_report,
                                                hone_comparisons *out_comparisons);

/* Splits a command line at blanks; 'single' and "double" quotes and backslashes keep them. No
 * variables, no globs. The result ends with NULL. SYNTAX for an open quote or an empty line. */
HONE_MUST_USE hone_status hone_command_split(hone_text line, hone_arena *arena, hone_diag *diag,
                                             const char ***out_argv);

/* 0 ok, 1 something regressed, 2 inconclusive (only where is_strict). */
int hone_compare_exit_code(const hone_comparisons *comparisons, bool is_strict);

#endif
