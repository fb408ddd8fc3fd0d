/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics of the lab: robust summaries with intervals, and tests of whether two sets of
 * samples differ. Everything works on arrays of finite doubles.
 *
 * Contract: confined, no state, no allocation: scratch memory is the caller's. Functions over
 * "sorted" values want them in ascending order. Random resampling is seeded, so that a report can
 * be made again bit for bit. What the number of samples cannot support is marked as unknown.
 * Sources: Hyndman & Fan 1996 (quantiles, type 7); David & Nagaraja 2003, 7.1 (order-statistic
 * intervals); Tukey 1977 (fences); Efron 1979 (percentile bootstrap); Mann & Whitney 1947;
 * Holm 1979; Cliff 1993; Blackman & Vigna 2019 (xoshiro256**).
 */
#ifndef HONE_MEASURE_STATISTICS_H
#define HONE_MEASURE_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/status.h"

/* Random numbers for resampling and shuffling; not for secrets. */
typedef struct hone_random {
    uint64_t state[4];
} hone_random;

void hone_random_init(hone_random *random, uint64_t seed);
uint64_t hone_random_next(hone_random *random);

/* Uniform in 0 .. bound - 1, without bias; bound > 0. */
uint64_t hone_random_below(hone_random *random, uint64_t bound);

/* Ascending. Cost: n log n also in the worst case; NaN must not occur. */
void hone_sort_doubles(double *values, size_t count);

/* A figure with the interval that holds the true one with the confidence asked for. A bound that
 * the samples cannot give is not known. */
typedef struct hone_estimate {
    double value, low, high;
    bool is_low_known, is_high_known;
} hone_estimate;

/* Type-7 quantile (linear interpolation) of sorted values; count > 0, 0 <= quantile <= 1. */
double hone_quantile(const double *sorted, size_t count, double quantile);

/* The same with its order-statistic interval, which assumes nothing about the distribution. With
 * confidence 0.95 an upper bound of p95 needs 72 samples, one of p99 needs 367. */
hone_estimate hone_quantile_estimate(const double *sorted, size_t count, double quantile,
                                     double confidence);

/* True when `count` samples are enough to speak of this quantile at all: with one-sided confidence
 * some sample lies beyond it (0.95: p95 from 59 samples, p99 from 299). */
bool hone_quantile_is_supported(size_t count, double quantile, double confidence);

typedef struct hone_summary {
    size_t count;
    double mean, deviation, min, max; /* deviation: sample standard deviation, n - 1 */
    double deviation_absolute;        /* median absolute deviation from the median, unscaled */
    hone_estimate median, p95, p99;   /* p95 and p99: see has_p95, has_p99 */
    bool has_p95, has_p99;
    double fence_low, fence_high; /* Tukey: 1.5 interquartile ranges beyond the quartiles */
    size_t outliers_mild_count;   /* beyond the fences; counted, never dropped */
    size_t outliers_severe_count; /* beyond 3 interquartile ranges */
} hone_summary;

/* `sorted` has `count` > 0 values; `scratch` has room for as many. Intervals are of 95 %. */
void hone_summarize(const double *sorted, size_t count, double *scratch, hone_summary *out_summary);

typedef struct hone_bootstrap_options {
    double confidence;        /* as 0.95 */
    uint32_t resamples_count; /* as 10000 */
    uint64_t seed;
} hone_bootstrap_options;

/* Interval of the median by percentile bootstrap. `scratch`: room for count + resamples_count. */
hone_estimate hone_bootstrap_median(const double *values, size_t count,
                                    const hone_bootstrap_options *options, double *scratch);

/* Interval of median(a) / median(b), both resampled apart from each other. `scratch`: room for
 * a_count + b_count + resamples_count. The medians of b must not be 0. */
hone_estimate hone_bootstrap_ratio(const double *a, size_t a_count, const double *b, size_t b_count,
                                   const hone_bootstrap_options *options, double *scratch);

/* Two-sided p of the hypothesis that neither of two sorted sets tends to be larger: exact for up to
 * 20 values each without ties, else the normal approximation with tie and continuity correction. */
double hone_mann_whitney(const double *sorted_a, size_t a_count, const double *sorted_b,
                         size_t b_count);

/* P(a > b) - P(a < b) of two sorted sets: -1 .. 1. Cost: linear. */
double hone_cliff_delta(const double *sorted_a, size_t a_count, const double *sorted_b,
                        size_t b_count);

/* Makes `count` p-values of one family comparable to one alpha, in place (Holm's
 * step-down). `scratch`: room for `count`. */
void hone_holm_adjust(double *p_values, size_t count, double *scratch);

#endif
