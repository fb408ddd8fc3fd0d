/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hone/measure/statistics.h"

enum { COUNT_MAX = 2000, RESAMPLES = 2000 };

static double scratch[2 * COUNT_MAX + 10000];

static void assert_near(double got, double wanted, double tolerance) {
    if (!(fabs(got - wanted) <= tolerance)) {
        fail_msg("got %.12g, wanted %.12g within %g", got, wanted, tolerance);
    }
}

static double uniform(hone_random *random) {
    return (double)(hone_random_next(random) >> 11) * 0x1p-53;
}

static double normal(hone_random *random) {
    double radius = sqrt(-2 * log(1 - uniform(random)));
    return radius * cos(6.283185307179586 * uniform(random));
}

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void test_sort_equals_qsort(void **state) {
    (void)state;
    static double mine[COUNT_MAX], twin[COUNT_MAX];
    hone_random random;
    hone_random_init(&random, 3);
    for (int round = 0; round < 600; round++) {
        size_t count = hone_random_below(&random, round % 7 == 0 ? COUNT_MAX : 70);
        int shape = round % 6;
        for (size_t i = 0; i < count; i++) {
            double steps[] = {uniform(&random),
                              (double)i,
                              -(double)i,
                              1,
                              (double)hone_random_below(&random, 4),
                              i < count / 2 ? (double)i : (double)(count - i)};
            mine[i] = twin[i] = steps[shape];
        }
        hone_sort_doubles(mine, count);
        qsort(twin, count, sizeof twin[0], compare_doubles);
        assert_memory_equal(mine, twin, count * sizeof mine[0]);
    }
}

/* An order that makes the middle-of-three pivot fail at every level (Musser 1997). */
static void test_sort_survives_the_median_of_three_killer(void **state) {
    (void)state;
    static double values[COUNT_MAX];
    size_t half = COUNT_MAX / 2;
    for (size_t i = 0; i < half; i++) {
        values[i] = i % 2 ? (double)(half + i) : (double)(i + 1);
        values[half + i] = (double)(2 * (i + 1));
    }
    hone_sort_doubles(values, COUNT_MAX);
    for (size_t i = 1; i < COUNT_MAX; i++) {
        assert_true(values[i - 1] <= values[i]);
    }
}

static void test_quantiles_of_type_7(void **state) {
    (void)state;
    const double values[] = {1, 2, 4, 8, 16};
    assert_near(hone_quantile(values, 5, 0), 1, 0);
    assert_near(hone_quantile(values, 5, 0.25), 2, 0);
    assert_near(hone_quantile(values, 5, 0.5), 4, 0);
    assert_near(hone_quantile(values, 5, 0.9), 12.8, 1e-12);
    assert_near(hone_quantile(values, 5, 1), 16, 0);
    assert_near(hone_quantile(values, 4, 0.5), 3, 0);
    assert_near(hone_quantile(values, 1, 0.99), 1, 0);
}

static void test_what_a_count_supports(void **state) {
    (void)state;
    assert_false(hone_quantile_is_supported(58, 0.95, 0.95));
    assert_true(hone_quantile_is_supported(59, 0.95, 0.95));
    assert_false(hone_quantile_is_supported(298, 0.99, 0.95));
    assert_true(hone_quantile_is_supported(299, 0.99, 0.95));
    assert_false(hone_quantile_is_supported(0, 0.5, 0.95));
}

/* Ranks from the tables of the sign test: n = 10, 95 %: the 2nd and the 9th value. */
static void test_order_statistic_interval(void **state) {
    (void)state;
    double values[400];
    for (int i = 0; i < 400; i++) {
        values[i] = i + 1;
    }
    hone_estimate median = hone_quantile_estimate(values, 10, 0.5, 0.95);
    assert_true(median.is_low_known && median.is_high_known);
    assert_near(median.low, 2, 0);
    assert_near(median.high, 9, 0);
    hone_estimate few = hone_quantile_estimate(values, 5, 0.5, 0.95);
    assert_false(few.is_low_known || few.is_high_known);
    assert_false(hone_quantile_estimate(values, 71, 0.95, 0.95).is_high_known);
    assert_true(hone_quantile_estimate(values, 72, 0.95, 0.95).is_high_known);
    assert_false(hone_quantile_estimate(values, 366, 0.99, 0.95).is_high_known);
    assert_true(hone_quantile_estimate(values, 368, 0.99, 0.95).is_high_known);
}

/* Property: the interval holds the true quantile at least as often as promised. */
static void test_interval_coverage(void **state) {
    (void)state;
    static const double quantiles[] = {0.5, 0.9};
    hone_random random;
    hone_random_init(&random, 11);
    for (int q = 0; q < 2; q++) {
        int held = 0;
        for (int round = 0; round < 1000; round++) {
            double values[80];
            for (int i = 0; i < 80; i++) {
                values[i] = pow(uniform(&random), 3);
            }
            hone_sort_doubles(values, 80);
            hone_estimate got = hone_quantile_estimate(values, 80, quantiles[q], 0.95);
            double truth = pow(quantiles[q], 3);
            held += got.low <= truth && truth <= got.high;
        }
        assert_in_range(held, 935, 1000);
    }
}

static void test_summary_of_known_values(void **state) {
    (void)state;
    double values[] = {2, 4, 4, 4, 5, 5, 7, 9, 12, 40};
    hone_summary summary;
    hone_summarize(values, 10, scratch, &summary);
    assert_near(summary.mean, 9.2, 1e-12);
    assert_near(summary.deviation, sqrt(1129.6 / 9), 1e-9);
    assert_near(summary.median.value, 5, 0);
    assert_near(summary.deviation_absolute, 1.5, 1e-12);
    assert_near(summary.min, 2, 0);
    assert_near(summary.max, 40, 0);
    assert_near(summary.fence_high, 8.5 + 1.5 * 4.5, 1e-12); /* quartiles 4 and 8.5 */
    assert_near(summary.fence_low, 4 - 1.5 * 4.5, 1e-12);
    assert_int_equal(summary.outliers_mild_count, 0);
    assert_int_equal(summary.outliers_severe_count, 1);
    assert_false(summary.has_p95 || summary.has_p99);
}

static void test_random_is_the_published_generator(void **state) {
    (void)state;
    hone_random random = {{1, 2, 3, 4}};
    static const uint64_t first[] = {11520, 0, 1509978240, 1215971899390074240u};
    for (int i = 0; i < 4; i++) {
        assert_true(hone_random_next(&random) == first[i]);
    }
    int counts[3] = {0};
    for (int i = 0; i < 30000; i++) {
        counts[hone_random_below(&random, 3)]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_in_range(counts[i], 9600, 10400);
    }
}

static const hone_bootstrap_options plain = {
    .confidence = 0.95, .resamples_count = RESAMPLES, .seed = 5};

static void test_bootstrap_is_seeded_and_holds_the_truth(void **state) {
    (void)state;
    double a[60], b[50];
    int held = 0;
    hone_random random;
    hone_random_init(&random, 21);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 60; i++) {
            a[i] = 110 + 3 * normal(&random);
        }
        for (int i = 0; i < 50; i++) {
            b[i] = 100 + 3 * normal(&random);
        }
        hone_estimate ratio = hone_bootstrap_ratio(a, 60, b, 50, &plain, scratch);
        assert_true(ratio.low <= ratio.value && ratio.value <= ratio.high);
        assert_true(ratio.high - ratio.low < 0.06);
        held += ratio.low <= 1.1 && 1.1 <= ratio.high;
    }
    assert_in_range(held, 88, 100);
    hone_estimate one = hone_bootstrap_ratio(a, 60, b, 50, &plain, scratch);
    hone_estimate two = hone_bootstrap_ratio(a, 60, b, 50, &plain, scratch);
    assert_memory_equal(&one.low, &two.low, sizeof one.low);
    assert_memory_equal(&one.high, &two.high, sizeof one.high);
}

static void test_bootstrap_of_a_median(void **state) {
    (void)state;
    double values[101], sorted[101];
    hone_random random;
    hone_random_init(&random, 4);
    for (int i = 0; i < 101; i++) {
        sorted[i] = values[i] = normal(&random);
    }
    hone_sort_doubles(sorted, 101);
    hone_estimate got = hone_bootstrap_median(values, 101, &plain, scratch);
    assert_near(got.value, sorted[50], 0);
    hone_estimate ranks = hone_quantile_estimate(sorted, 101, 0.5, 0.95);
    assert_near(got.low, ranks.low, 0.15); /* two ways to the same interval */
    assert_near(got.high, ranks.high, 0.15);
    double constant[4] = {3, 3, 3, 3};
    hone_estimate flat = hone_bootstrap_median(constant, 4, &plain, scratch);
    assert_near(flat.low, 3, 0);
    assert_near(flat.high, 3, 0);
}

static double mann_whitney_twin(const double *a, size_t a_count, const double *b, size_t b_count) {
    double u = 0; /* over all splits of the pooled values: the share at least as extreme */
    double pooled[12];
    size_t all = a_count + b_count, extreme = 0, total = 0;
    for (size_t i = 0; i < a_count; i++) {
        pooled[i] = a[i];
        for (size_t j = 0; j < b_count; j++) {
            u += a[i] > b[j];
        }
    }
    memcpy(pooled + a_count, b, b_count * sizeof *b);
    double middle = (double)(a_count * b_count) / 2;
    for (unsigned mask = 0; mask < 1u << all; mask++) {
        if ((size_t)__builtin_popcount(mask) != a_count) {
            continue;
        }
        double here = 0;
        for (size_t i = 0; i < all; i++) {
            for (size_t j = 0; j < all && (mask >> i & 1); j++) {
                here += !(mask >> j & 1) && pooled[i] > pooled[j];
            }
        }
        total++;
        extreme += fabs(here - middle) >= fabs(u - middle);
    }
    return (double)extreme / (double)total;
}

static void test_mann_whitney_exact_equals_enumeration(void **state) {
    (void)state;
    hone_random random;
    hone_random_init(&random, 8);
    for (int round = 0; round < 60; round++) {
        double a[6], b[6];
        size_t a_count = 1 + hone_random_below(&random, 6),
               b_count = 1 + hone_random_below(&random, 6);
        for (size_t i = 0; i < a_count; i++) {
            a[i] = uniform(&random) + (round % 3) * 0.3;
        }
        for (size_t i = 0; i < b_count; i++) {
            b[i] = uniform(&random);
        }
        hone_sort_doubles(a, a_count);
        hone_sort_doubles(b, b_count);
        assert_near(hone_mann_whitney(a, a_count, b, b_count),
                    mann_whitney_twin(a, a_count, b, b_count), 1e-12);
    }
}

static void test_mann_whitney_with_ties_and_large_sets(void **state) {
    (void)state;
    /* By hand: U = 1.5 of 25; tie groups 2 2 and 3 3: variance 25/12 (11 - 12/90). */
    const double a[] = {1, 2, 2, 3, 3.5}, b[] = {3, 4, 5, 6, 7};
    double variance = 25.0 / 12 * (11 - 12.0 / 90);
    assert_near(hone_mann_whitney(a, 5, b, 5), erfc((12.5 - 1.5 - 0.5) / sqrt(2 * variance)),
                1e-12);
    const double same[] = {1, 1, 1};
    assert_near(hone_mann_whitney(same, 3, same, 3), 1, 0);
    static double large[2][500];
    int alarms = 0;
    hone_random random;
    hone_random_init(&random, 77);
    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < 500; i++) {
            large[0][i] = floor(100 * uniform(&random));
            large[1][i] = floor(100 * uniform(&random));
        }
        hone_sort_doubles(large[0], 500);
        hone_sort_doubles(large[1], 500);
        alarms += hone_mann_whitney(large[0], 500, large[1], 500) < 0.05;
    }
    assert_in_range(alarms, 5, 36); /* 20 expected */
}

static void test_cliff_delta(void **state) {
    (void)state;
    const double low[] = {1, 2, 3}, high[] = {4, 5}, mixed[] = {2, 2, 9};
    assert_near(hone_cliff_delta(high, 2, low, 3), 1, 0);
    assert_near(hone_cliff_delta(low, 3, high, 2), -1, 0);
    assert_near(hone_cliff_delta(low, 3, low, 3), 0, 0);
    assert_near(hone_cliff_delta(mixed, 3, low, 3), 3.0 / 9, 1e-12); /* 5 above, 2 below */
}

static void test_holm(void **state) {
    (void)state;
    double p[] = {0.01, 0.04, 0.03, 0.005};
    hone_holm_adjust(p, 4, scratch);
    assert_near(p[0], 0.03, 1e-12);
    assert_near(p[1], 0.06, 1e-12);
    assert_near(p[2], 0.06, 1e-12);
    assert_near(p[3], 0.02, 1e-12);
    double tiny[] = {1e-30, 1, 1e-30};
    hone_holm_adjust(tiny, 3, scratch);
    assert_near(tiny[0], 3e-30, 1e-40);
    assert_near(tiny[1], 1, 0);
    assert_near(tiny[2], 3e-30, 1e-40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort_equals_qsort),
        cmocka_unit_test(test_sort_survives_the_median_of_three_killer),
        cmocka_unit_test(test_quantiles_of_type_7),
        cmocka_unit_test(test_what_a_count_supports),
        cmocka_unit_test(test_order_statistic_interval),
        cmocka_unit_test(test_interval_coverage),
        cmocka_unit_test(test_summary_of_known_values),
        cmocka_unit_test(test_random_is_the_published_generator),
        cmocka_unit_test(test_bootstrap_is_seeded_and_holds_the_truth),
        cmocka_unit_test(test_bootstrap_of_a_median),
        cmocka_unit_test(test_mann_whitney_exact_equals_enumeration),
        cmocka_unit_test(test_mann_whitney_with_ties_and_large_sets),
        cmocka_unit_test(test_cliff_delta),
        cmocka_unit_test(test_holm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
