/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bucket of a value: below 128 the value itself; above, the 7 bits behind the leading one, in a row
 * of 128 per power of two. Rows follow each other without a gap, so index and value rise together.
 *
 * The writer uses plain relaxed loads and stores, not read-modify-write: there is one writer, and
 * readers only need each word whole.
 */
#include "hone/measure/histogram.h"

#include <assert.h>
#include <string.h>

static uint64_t load(const _Atomic uint64_t *word) {
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void store(_Atomic uint64_t *word, uint64_t value) {
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static void add_saturated(_Atomic uint64_t *word, uint64_t more) {
    uint64_t sum;
    store(word, __builtin_add_overflow(load(word), more, &sum) ? UINT64_MAX : sum);
}

static uint32_t bucket_of(uint64_t value) {
    if (value < HONE_HISTOGRAM_SUB_BUCKETS) {
        return (uint32_t)value;
    }
    if (value > HONE_HISTOGRAM_VALUE_MAX) {
        return HONE_HISTOGRAM_BUCKETS - 1;
    }
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - HONE_HISTOGRAM_SUB_BITS;
    return (shift << HONE_HISTOGRAM_SUB_BITS) + (uint32_t)(value >> shift);
}

static uint64_t bucket_low(uint32_t index) {
    if (index < 2 * HONE_HISTOGRAM_SUB_BUCKETS) {
        return index;
    }
    uint32_t shift = (index >> HONE_HISTOGRAM_SUB_BITS) - 1;
    return (uint64_t)(index - (shift << HONE_HISTOGRAM_SUB_BITS)) << shift;
}

static uint64_t bucket_high(uint32_t index) {
    return index + 1 == HONE_HISTOGRAM_BUCKETS ? UINT64_MAX : bucket_low(index + 1) - 1;
}

void hone_histogram_clear(hone_histogram *histogram) {
    store(&histogram->count, 0);
    store(&histogram->sum, 0);
    store(&histogram->max, 0);
    store(&histogram->complement, 0);
    for (uint32_t i = 0; i < HONE_HISTOGRAM_BUCKETS; i++) {
        store(&histogram->buckets[i], 0);
    }
}

static void widen(hone_histogram *histogram, uint64_t low, uint64_t high) {
    if (high > load(&histogram->max)) {
        store(&histogram->max, high);
    }
    if (UINT64_MAX - low > load(&histogram->complement)) {
        store(&histogram->complement, UINT64_MAX - low);
    }
}

void hone_histogram_add(hone_histogram *histogram, uint64_t value, uint64_t weight) {
    if (weight == 0) {
        return;
    }
    uint64_t product;
    if (__builtin_mul_overflow(value, weight, &product)) {
        product = UINT64_MAX;
    }
    widen(histogram, value, value);
    add_saturated(&histogram->sum, product);
    add_saturated(&histogram->count, weight);
    add_saturated(&histogram->buckets[bucket_of(value)], weight);
}

void hone_histogram_merge(hone_histogram *into, const hone_histogram *from) {
    if (load(&from->count) == 0) {
        return;
    }
    widen(into, hone_histogram_min(from), hone_histogram_max(from));
    add_saturated(&into->sum, load(&from->sum));
    add_saturated(&into->count, load(&from->count));
    for (uint32_t i = 0; i < HONE_HISTOGRAM_BUCKETS; i++) {
        uint64_t more = load(&from->buckets[i]);
        if (more) {
            add_saturated(&into->buckets[i], more);
        }
    }
}

uint64_t hone_histogram_count(const hone_histogram *histogram) {
    return load(&histogram->count);
}

double hone_histogram_mean(const hone_histogram *histogram) {
    uint64_t count = load(&histogram->count);
    return count ? (double)load(&histogram->sum) / (double)count : 0.0;
}

uint64_t hone_histogram_min(const hone_histogram *histogram) {
    return load(&histogram->count) ? UINT64_MAX - load(&histogram->complement) : 0;
}

uint64_t hone_histogram_max(const hone_histogram *histogram) {
    return load(&histogram->max);
}

static uint64_t clamp_to_seen(const hone_histogram *histogram, uint64_t value) {
    uint64_t low = hone_histogram_min(histogram), high = hone_histogram_max(histogram);
    if (low > high) {
        return value; /* caught between the writer's first stores */
    }
    return value < low ? low : value > high ? high : value;
}

uint64_t hone_histogram_quantile(const hone_histogram *histogram, double quantile) {
    /* The total is taken from the buckets themselves: `count` may be ahead of them while the writer
     * is at work. */
    double total = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < HONE_HISTOGRAM_BUCKETS; i++) {
        uint64_t here = load(&histogram->buckets[i]);
        total += (double)here;
        last = here ? i : last;
    }
    if (total == 0) {
        return 0;
    }
    double share = quantile > 0 ? (quantile < 1 ? quantile : 1) : 0;
    double wanted = share * total < 1 ? 1 : share * total;
    double seen = 0;
    uint32_t index = 0;
    for (; index < last; index++) {
        seen += (double)load(&histogram->buckets[index]);
        if (seen >= wanted) {
            break;
        }
    }
    if (index + 1 == HONE_HISTOGRAM_BUCKETS) {
        return hone_histogram_max(histogram); /* open to above: its middle means nothing */
    }
    uint64_t low = bucket_low(index), high = bucket_high(index);
    return clamp_to_seen(histogram, low + (high - low) / 2);
}

uint64_t hone_histogram_bucket(const hone_histogram *histogram, uint32_t index, uint64_t *out_low,
                               uint64_t *out_high) {
    assert(index < HONE_HISTOGRAM_BUCKETS);
    *out_low = bucket_low(index);
    *out_high = bucket_high(index);
    return load(&histogram->buckets[index]);
}
