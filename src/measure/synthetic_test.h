/* SPDX-License-Identifier: Apache-2.0 */
/* Reports made up for the tests of measure. */
#ifndef HONE_MEASURE_SYNTHETIC_TEST_H
#define HONE_MEASURE_SYNTHETIC_TEST_H

#include "harness_internal.h"

enum { SYNTHETIC_SCRATCH = 100000 };

/* One variant of `runs` runs with `count` samples each around `level`, a relative noise of `noise`.
 */
static inline hone_bench_variant_result synthetic_variant(hone_arena *arena, const char *name,
                                                          uint32_t runs, uint32_t count,
                                                          double level, double noise,
                                                          uint64_t seed) {
    static double scratch[SYNTHETIC_SCRATCH];
    hone_random random;
    hone_random_init(&random, seed);
    hone_bench_variant_result made = {
        .name = name,
        .values = HONE_ARENA_NEW_ARRAY(arena, double, (size_t)runs *count),
        .disturbances = HONE_ARENA_NEW_ARRAY(arena, uint8_t, (size_t)runs * count),
        .run_counts = HONE_ARENA_NEW_ARRAY(arena, uint32_t, runs),
        .run_references_ns = HONE_ARENA_NEW_ARRAY(arena, double, runs),
        .run_others = HONE_ARENA_NEW_ARRAY(arena, double, runs),
        .runs_count = runs,
        .iterations = 7,
        .is_steady = true,
    };
    for (uint32_t run = 0; run < runs; run++) {
        made.run_counts[run] = count;
        made.run_references_ns[run] = 50000;
        for (uint32_t i = 0; i < count; i++) {
            double off = (double)hone_random_below(&random, 2000001) / 1e6 - 1;
            made.disturbances[made.count] = i % 10 == 9 ? 1u << HONE_BENCH_PREEMPTED : 0;
            made.values[made.count++] = level * (1 + noise * off) * (i % 10 == 9 ? 3 : 1);
        }
    }
    hn_variant_summarize(&made, scratch);
    return made;
}

/* A report of one case "work" whose hone variant is as above. */
static inline hone_bench_report synthetic_report(hone_arena *arena, uint32_t runs, uint32_t count,
                                                 double level, double noise, uint64_t seed) {
    hone_bench_report report = {
        .suite = "synthetic",
        .results = HONE_ARENA_NEW(arena, hone_bench_result),
        .results_count = 1,
        .seed = seed,
    };
    report.results[0] = (hone_bench_result){
        .name = "work",
        .unit = "us",
        .better = HONE_BENCH_LOWER,
        .time_factor = 1e3,
        .variants_count = 1,
        .variants = HONE_ARENA_NEW_ARRAY(arena, hone_bench_variant_result, 3),
        .ratios = HONE_ARENA_NEW_ARRAY(arena, hone_estimate, 3),
        .pairs_counts = HONE_ARENA_NEW_ARRAY(arena, uint32_t, 3),
        .reference_ns = 50000,
    };
    report.results[0].variants[0] =
        synthetic_variant(arena, "hone", runs, count, level, noise, seed);
    hone_bench_host_read(NULL, &report.host);
    return report;
}

#endif
