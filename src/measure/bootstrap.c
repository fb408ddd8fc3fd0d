/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded random numbers (xoshiro256**, seeded by splitmix64) and the percentile bootstrap of
 * medians. A resampled median needs no full sort: the middle elements are selected (Hoare's
 * quickselect), which makes 10 000 resamples of 300 values a matter of tens of milliseconds.
 */
#include <assert.h>

#include "harness_internal.h"
#include "hone/measure/statistics.h"

static uint64_t rotate(uint64_t word, int by) {
    return (word << by) | (word >> (64 - by));
}

void hone_random_init(hone_random *random, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
        random->state[i] = mixed ^ (mixed >> 31);
    }
}

uint64_t hone_random_next(hone_random *random) {
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9, kept = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= kept;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t hone_random_below(hone_random *random, uint64_t bound) {
    assert(bound > 0);
    uint64_t surplus = (0 - bound) % bound, value; /* 2^64 mod bound values would be favoured */
    do {
        value = hone_random_next(random);
    } while (value < surplus);
    return value % bound;
}

/* Puts the element of this rank in its place, smaller ones before and larger ones behind it. */
static double select_rank(double *values, size_t count, size_t rank) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        size_t left = low, right = high;
        for (;;) {
            while (values[left] < pivot) {
                left++;
            }
            while (values[right] > pivot) {
                right--;
            }
            if (left >= right) {
                break;
            }
            double kept = values[left];
            values[left++] = values[right];
            values[right--] = kept;
        }
        size_t cut = left == low ? low + 1 : left; /* [low, cut) <= [cut, high] */
        if (rank < cut) {
            high = cut - 1;
        } else {
            low = cut;
        }
    }
    return values[rank];
}

double hn_median_of(double *values, size_t count) {
    double upper = select_rank(values, count, count / 2);
    if (count % 2) {
        return upper;
    }
    double lower = values[0];
    for (size_t i = 1; i < count / 2; i++) {
        lower = values[i] > lower ? values[i] : lower;
    }
    return lower + (upper - lower) / 2;
}

static double resampled_median(const double *values, size_t count, hone_random *random,
                               double *scratch) {
    for (size_t i = 0; i < count; i++) {
        scratch[i] = values[hone_random_below(random, count)];
    }
    return hn_median_of(scratch, count);
}

static double plain_median(const double *values, size_t count, double *scratch) {
    for (size_t i = 0; i < count; i++) {
        scratch[i] = values[i];
    }
    return hn_median_of(scratch, count);
}

static hone_estimate percentiles_of(double value, double *resampled,
                                    const hone_bootstrap_options *options) {
    double alpha = (1 - options->confidence) / 2;
    hone_sort_doubles(resampled, options->resamples_count);
    return (hone_estimate){
        .value = value,
        .low = hone_quantile(resampled, options->resamples_count, alpha),
        .high = hone_quantile(resampled, options->resamples_count, 1 - alpha),
        .is_low_known = true,
        .is_high_known = true,
    };
}

hone_estimate hone_bootstrap_median(const double *values, size_t count,
                                    const hone_bootstrap_options *options, double *scratch) {
    assert(count > 0 && options->resamples_count > 0);
    hone_random random;
    hone_random_init(&random, options->seed);
    double *resampled = scratch + count;
    for (uint32_t i = 0; i < options->resamples_count; i++) {
        resampled[i] = resampled_median(values, count, &random, scratch);
    }
    return percentiles_of(plain_median(values, count, scratch), resampled, options);
}

hone_estimate hone_bootstrap_ratio(const double *a, size_t a_count, const double *b, size_t b_count,
                                   const hone_bootstrap_options *options, double *scratch) {
    assert(a_count > 0 && b_count > 0 && options->resamples_count > 0);
    hone_random random;
    hone_random_init(&random, options->seed);
    double *room = scratch + options->resamples_count;
    for (uint32_t i = 0; i < options->resamples_count; i++) {
        double above = resampled_median(a, a_count, &random, room);
        scratch[i] = above / resampled_median(b, b_count, &random, room);
    }
    double value = plain_median(a, a_count, room) / plain_median(b, b_count, room + a_count);
    return percentiles_of(value, scratch, options);
}
