/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a baseline: a message, or a report whose figures can be compared with themselves. */
#include <stdlib.h>

#include "hone/measure/baseline.h"
#include "hone/measure/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_arena arena;
    hone_diag diag = {0};
    hone_bench_report report;
    hone_comparisons all;
    hone_arena_init(&arena, NULL, 64 << 20);
    hone_text text = {(const char *)data, size};
    hone_status status = hone_baseline_parse(text, "fuzz.json", &arena, &diag, &report);
    if (status != HONE_OK && diag.message[0] == '\0') {
        abort();
    }
    if (status == HONE_OK && report.results_count && report.results[0].variants[0].count < 50) {
        report.results_count = 1;
        status = hone_compare_reports(&report, &report, 0.05, &arena, &diag, &all);
        bool is_sound = status != HONE_OK || all.items[0].verdict != HONE_VERDICT_REGRESSED;
        if (!is_sound) {
            abort(); /* nothing is slower than itself */
        }
    }
    hone_arena_deinit(&arena);
    return 0;
}
