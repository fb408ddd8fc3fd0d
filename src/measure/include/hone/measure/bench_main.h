/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main program of a bench executable, and the same front end for two commands. The only part of
 * measure that prints: the table to standard output, errors and progress (a line a case, where it
 * is no terminal) to standard error.
 *
 * Contract: called once, from main. Exit codes: 0 ok, 1 something regressed, 2 inconclusive (only
 * with --strict), 3 error: a wrong command line, a filter that leaves no case, or a failure.
 */
#ifndef HONE_MEASURE_BENCH_MAIN_H
#define HONE_MEASURE_BENCH_MAIN_H

#include "hone/measure/bench.h"
#include "hone/measure/compare.h"

enum {
    HONE_BENCH_EXIT_OK = 0,
    HONE_BENCH_EXIT_REGRESSED = 1,
    HONE_BENCH_EXIT_INCONCLUSIVE = 2,
    HONE_BENCH_EXIT_ERROR = 3,
};

/* Understands --peers --quick --filter --details --list --seed --json --google-json --markdown
 * --html --save --compare --baselines --processes --blocks --threshold --strict --quiet --help, in
 * full; unknown options are errors. --save and --compare run the program itself (argv[0]) in four
 * more processes. */
int hone_bench_main(int argc, char **argv, const hone_bench_suite *suite);

typedef struct hone_bench_front_options {
    double threshold; /* 0 means 0.05 */
    bool is_quick;
    bool is_strict;
    uint64_t seed;         /* 0 means 1 */
    const char *json_path; /* NULL: none; "-" is standard output, then no table is printed */
    const char *markdown_path;
    const char *html_path;
} hone_bench_front_options;

/* `hone bench --old CMD --new CMD`: compares two command lines, prints, and returns the exit code.
 * `options` may be NULL. */
int hone_bench_compare_main(const char *old_command, const char *new_command,
                            const hone_bench_front_options *options);

#endif
