/* SPDX-License-Identifier: Apache-2.0 */
/* Private to measure: runs a bench executable again, in processes of their own. */
#ifndef HONE_MEASURE_REPEAT_INTERNAL_H
#define HONE_MEASURE_REPEAT_INTERNAL_H

#include "hone/measure/bench.h"

typedef struct hn_repeat {
    const char *program; /* argv[0] of the bench executable */
    const char *suite;
    const char *filter; /* or NULL */
    const char *directory;
    uint64_t seed;
    bool is_quick;
    void (*progress)(uint32_t index, uint32_t count); /* before each; or NULL */
} hn_repeat;

/* Runs it `count` times with fewer blocks, each saving a baseline under `directory`, loads these
 * into out_reports[0 .. count) and removes them. As hone_process_run and hone_baseline_load. */
HONE_MUST_USE hone_status hn_repeat_runs(const hn_repeat *repeat, uint32_t count, hone_arena *arena,
                                         hone_diag *diag, hone_bench_report *out_reports);

#endif
