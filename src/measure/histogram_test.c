/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hone/measure/histogram.h"

enum { VALUES_COUNT = 20000 };

static hone_histogram first, second, both;

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 11;
}

static void clear_all(void) {
    hone_histogram_clear(&first);
    hone_histogram_clear(&second);
    hone_histogram_clear(&both);
}

static void test_zeroed_memory_is_empty(void **state) {
    (void)state;
    hone_histogram *zeroed = calloc(1, sizeof *zeroed);
    assert_non_null(zeroed);
    assert_int_equal(hone_histogram_count(zeroed), 0);
    assert_int_equal(hone_histogram_quantile(zeroed, 0.5), 0);
    assert_int_equal(hone_histogram_min(zeroed), 0);
    assert_int_equal(hone_histogram_max(zeroed), 0);
    hone_histogram_add(zeroed, 0, 1);
    assert_int_equal(hone_histogram_count(zeroed), 1);
    assert_int_equal(hone_histogram_min(zeroed), 0);
    free(zeroed);
}

static void test_buckets_tile_the_range(void **state) {
    (void)state;
    uint64_t expected_low = 0;
    for (uint32_t i = 0; i < HONE_HISTOGRAM_BUCKETS; i++) {
        uint64_t low, high;
        (void)hone_histogram_bucket(&first, i, &low, &high);
        assert_int_equal(low, expected_low);
        assert_true(high >= low);
        if (i + 1 < HONE_HISTOGRAM_BUCKETS) {
            assert_true((double)(high - low) <= (double)low / HONE_HISTOGRAM_SUB_BUCKETS);
        }
        expected_low = high + 1;
    }
    assert_int_equal(expected_low, 0); /* the last one ends at UINT64_MAX */
}

static void test_each_value_lands_in_its_bucket(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 3000; i++) {
        uint64_t value = next_random(&seed) >> (next_random(&seed) % 53), low, high;
        uint32_t found = 0;
        clear_all();
        hone_histogram_add(&first, value, 3);
        for (uint32_t bucket = 0; bucket < HONE_HISTOGRAM_BUCKETS; bucket++) {
            if (hone_histogram_bucket(&first, bucket, &low, &high)) {
                assert_in_range(value, low, high);
                found++;
            }
        }
        assert_int_equal(found, 1);
        assert_int_equal(hone_histogram_quantile(&first, 0.5), value); /* min and max clamp it */
    }
}

static int compare_u64(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void test_quantiles_are_within_one_percent(void **state) {
    (void)state;
    static uint64_t values[VALUES_COUNT];
    static const double quantiles[] = {0, 0.001, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1};
    uint64_t seed = 7;
    clear_all();
    double sum = 0;
    for (int i = 0; i < VALUES_COUNT; i++) {
        values[i] = next_random(&seed) >> (20 + next_random(&seed) % 30);
        hone_histogram_add(&first, values[i], 1);
        sum += (double)values[i];
    }
    qsort(values, VALUES_COUNT, sizeof values[0], compare_u64);
    for (size_t q = 0; q < sizeof quantiles / sizeof quantiles[0]; q++) {
        size_t rank = (size_t)ceil(quantiles[q] * VALUES_COUNT);
        double truth = (double)values[rank ? rank - 1 : 0];
        double got = (double)hone_histogram_quantile(&first, quantiles[q]);
        assert_true(fabs(got - truth) <= truth * 0.004 + 0.5);
    }
    assert_int_equal(hone_histogram_min(&first), values[0]);
    assert_int_equal(hone_histogram_max(&first), values[VALUES_COUNT - 1]);
    assert_true(fabs(hone_histogram_mean(&first) - sum / VALUES_COUNT) < 1e-6 * sum);
}

static void test_merge_equals_adding_everything_to_one(void **state) {
    (void)state;
    uint64_t seed = 99;
    clear_all();
    for (int i = 0; i < VALUES_COUNT; i++) {
        uint64_t value = next_random(&seed) >> (next_random(&seed) % 40);
        uint64_t weight = next_random(&seed) % 5;
        hone_histogram_add(i % 3 ? &first : &second, value, weight);
        hone_histogram_add(&both, value, weight);
    }
    hone_histogram_merge(&first, &second);
    assert_memory_equal(&first, &both, sizeof both);
    clear_all();
    hone_histogram_merge(&first, &second);
    assert_memory_equal(&first, &second, sizeof first);
}

static void test_limits_saturate(void **state) {
    (void)state;
    clear_all();
    hone_histogram_add(&first, UINT64_MAX, 2);
    hone_histogram_add(&first, 5, 0);
    assert_int_equal(hone_histogram_count(&first), 2);
    assert_true(hone_histogram_max(&first) == UINT64_MAX);
    assert_true(hone_histogram_quantile(&first, 0.5) == UINT64_MAX);
    hone_histogram_add(&first, 1, UINT64_MAX);
    assert_true(hone_histogram_count(&first) == UINT64_MAX);
    assert_int_equal(hone_histogram_quantile(&first, -3), 1);
    assert_int_equal(hone_histogram_quantile(&first, NAN), 1);
}

static void *write_many(void *unused) {
    for (uint64_t i = 0; i < 200000; i++) {
        hone_histogram_add(&first, 1000 + i % 1000, 1);
    }
    return unused;
}

static void test_a_reader_may_look_while_it_is_written(void **state) {
    (void)state;
    pthread_t writer;
    clear_all();
    assert_int_equal(pthread_create(&writer, NULL, write_many, NULL), 0);
    for (int i = 0; i < 200; i++) {
        uint64_t median = hone_histogram_quantile(&first, 0.5);
        assert_true(median == 0 || (median >= 1000 && median < 2000));
    }
    pthread_join(writer, NULL);
    assert_int_equal(hone_histogram_count(&first), 200000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_memory_is_empty),
        cmocka_unit_test(test_buckets_tile_the_range),
        cmocka_unit_test(test_each_value_lands_in_its_bucket),
        cmocka_unit_test(test_quantiles_are_within_one_percent),
        cmocka_unit_test(test_merge_equals_adding_everything_to_one),
        cmocka_unit_test(test_limits_saturate),
        cmocka_unit_test(test_a_reader_may_look_while_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
