/* SPDX-License-Identifier: Apache-2.0 */
/* Private to measure: what the parts of the harness share. */
#ifndef HONE_MEASURE_HARNESS_INTERNAL_H
#define HONE_MEASURE_HARNESS_INTERNAL_H

#include "hone/measure/bench.h"
#include "hone/platform/process.h"
#include "hone/platform/usage.h"

enum { HN_RESAMPLES_COUNT = 5000 };

typedef struct hn_sampler {
    hone_usage_probe probe;
    uint64_t clock_cost_ns; /* of reading the clock twice; taken off each sample */
} hn_sampler;

typedef struct hn_sample {
    uint64_t wall_ns;
    double value;           /* in the case's unit */
    double rss_mib;         /* commands only */
    const char *rss_absent; /* why rss_mib is not known; static text */
    uint8_t disturbances;   /* a bit (1 << cause) per cause */
} hn_sample;

/* One variant while its case runs. */
typedef struct hn_competitor {
    const hone_bench_variant *spec;
    void *context;
    bool is_set_up;
    uint64_t iterations;
    hone_bench_variant_result *result;
    hone_bench_variant_result *rss_result; /* commands only */
} hn_competitor;

void hn_sampler_open(hn_sampler *sampler);
void hn_sampler_close(hn_sampler *sampler);

/* Takes one sample of `iterations`. Fails for commands that do, and for values that are not > 0. */
HONE_MUST_USE hone_status hn_sampler_take(const hn_sampler *sampler, const hone_bench_case *spec,
                                          const hn_competitor *competitor, hone_diag *diag,
                                          hn_sample *out_sample);

/* Which causes disturbed work of `wall_ns` between two readings. */
uint8_t hn_sample_judge(const hone_usage *before, const hone_usage *after, uint64_t wall_ns);

/* The same for a whole process, which may be too long to be free of switches and may sleep for
 * reasons of its own: it is disturbed when it was switched out against its will and was off the CPU
 * for more than 1/32 of its time, or was so more than once in 5 ms (a parallel program's CPU time
 * says nothing), or when a hundredth of its time was stolen. */
uint8_t hn_process_judge(const hone_process_result *process, uint64_t stolen_ns);

/* The wall time of the reference loop: a chain of dependent multiplications, the same work on every
 * machine and in every version. */
uint64_t hn_reference_sample(void);

/* Counts what is clean and summarises. `scratch`: room for 2 x count. */
void hn_variant_summarize(hone_bench_variant_result *variant, double *scratch);

/* The values a summary is of, sorted, into `out_values` (room for count); returns how many. */
uint32_t hn_variant_values(const hone_bench_variant_result *variant, double *out_values);

/* The ratio of the costs of variant `b` over variant `a` in each block where both have a usable
 * sample: above 1 means that `a` is better. Returns how many were written (at most blocks). */
uint32_t hn_block_ratios(const hone_bench_result *result, uint32_t a, uint32_t b,
                         double *out_ratios);

/* The costs of a variant by process: usable samples, turned over where higher is better. */
typedef struct hn_run_costs {
    uint32_t runs_count;
    uint32_t *starts; /* runs_count + 1: run i has costs[starts[i] .. starts[i + 1]) */
    double *costs;
    double *references_ns;
    uint32_t largest; /* samples of the largest run */
} hn_run_costs;

/* False when the arena is exhausted. Runs without a usable sample are left out. */
HONE_MUST_USE bool hn_run_costs_of(const hone_bench_variant_result *variant,
                                   hone_bench_better better, hone_arena *arena,
                                   hn_run_costs *out_costs);

/* The mean of the medians of the runs of `fresh` over that of `old`, with an interval from
 * resampling runs and the samples in them; `is_corrected`: each cost per reference loop. `scratch`:
 * room for HN_RESAMPLES_COUNT + the largest run. */
hone_estimate hn_run_ratio(const hn_run_costs *fresh, const hn_run_costs *old, bool is_corrected,
                           uint64_t seed, double *scratch);

/* The mean reference of `fresh` over that of `old`. */
double hn_run_shift(const hn_run_costs *fresh, const hn_run_costs *old);

/* Which view has clearly less spread between the runs of either side. */
typedef enum hn_spread_choice {
    HN_SPREAD_UNKNOWN,
    HN_SPREAD_PLAIN,
    HN_SPREAD_CORRECTED
} hn_spread_choice;

hn_spread_choice hn_run_spread(const hn_run_costs *fresh, const hn_run_costs *old);

/* The median of `count` > 0 values, which change their order. */
double hn_median_of(double *values, size_t count);

/* Bootstraps the median of the block ratios. `scratch`: room for 2 x blocks + HN_RESAMPLES_COUNT.
 */
hone_estimate hn_block_ratio_estimate(const hone_bench_result *result, uint32_t a, uint32_t b,
                                      uint64_t seed, double *scratch, uint32_t *out_pairs_count);

#endif
