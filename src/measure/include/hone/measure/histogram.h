/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-linear histogram of whole numbers (durations in ns, sizes in bytes): 128 sub-buckets per
 * power of two, so that any value read back is within 0.4 % of one that was added. For latencies of
 * single operations, where keeping every sample would cost too much.
 *
 * Contract: fixed size (about 38 KiB), no pointers: it may lie in memory shared between processes,
 * and a zeroed one is empty and ready. One writer at a time; any number of readers, also in other
 * processes, may query it meanwhile: they see each counter whole, but not all counters of one
 * instant. Adding costs a few ns and never fails: values from HONE_HISTOGRAM_VALUE_MAX upwards
 * count in the last bucket (max() still has the true one), and totals stop at UINT64_MAX.
 * Source: the idea of HdrHistogram (G. Tene); the layout is our own.
 */
#ifndef HONE_MEASURE_HISTOGRAM_H
#define HONE_MEASURE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#include "hone/base/status.h"

enum {
    HONE_HISTOGRAM_SUB_BITS = 7,
    HONE_HISTOGRAM_SUB_BUCKETS = 1 << HONE_HISTOGRAM_SUB_BITS,
    HONE_HISTOGRAM_VALUE_BITS = 44, /* 2^44 ns are almost five hours */
    HONE_HISTOGRAM_BUCKETS = (HONE_HISTOGRAM_VALUE_BITS - HONE_HISTOGRAM_SUB_BITS + 1)
                             << HONE_HISTOGRAM_SUB_BITS,
};
#define HONE_HISTOGRAM_VALUE_MAX ((UINT64_C(1) << HONE_HISTOGRAM_VALUE_BITS) - 1)

typedef struct hone_histogram {
    _Atomic uint64_t count; /* of all weights */
    _Atomic uint64_t sum;   /* of value x weight */
    _Atomic uint64_t max;
    _Atomic uint64_t complement; /* UINT64_MAX - min, so that zero means "nothing yet" */
    _Atomic uint64_t buckets[HONE_HISTOGRAM_BUCKETS];
} hone_histogram;

/* Empties it. Writer only. */
void hone_histogram_clear(hone_histogram *histogram);

/* `weight` occurrences of `value`. Writer only. */
void hone_histogram_add(hone_histogram *histogram, uint64_t value, uint64_t weight);

/* Adds all of `from` to `into`: the same as if every value had been added to `into`. Writer of
 * `into`. Cost: one pass over the buckets, about 5 us. */
void hone_histogram_merge(hone_histogram *into, const hone_histogram *from);

uint64_t hone_histogram_count(const hone_histogram *histogram);

/* Exact, unless the sum reached UINT64_MAX. 0 when empty. */
double hone_histogram_mean(const hone_histogram *histogram);

/* The exact smallest and largest value; 0 when empty. */
uint64_t hone_histogram_min(const hone_histogram *histogram);
uint64_t hone_histogram_max(const hone_histogram *histogram);

/* The value that a share `quantile` (0 to 1) of all added values does not exceed: the middle of its
 * bucket, never beyond min and max. 0 when empty. Cost: one pass over the buckets. */
uint64_t hone_histogram_quantile(const hone_histogram *histogram, double quantile);

/* What bucket `index` (< HONE_HISTOGRAM_BUCKETS) holds: values from *out_low to *out_high, both
 * included, and how many. For plots and exporters. */
uint64_t hone_histogram_bucket(const hone_histogram *histogram, uint32_t index, uint64_t *out_low,
                               uint64_t *out_high);

#endif
