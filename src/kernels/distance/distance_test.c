/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every variant that this machine can run gives what ref gives: the same integers, and floats
 * within the bound of the header. Method: random rows of every length up to 200 and some longer
 * ones, gathered in random order with repetitions from any alignment of the element, each ending at
 * the end of a mapping, so that a read beyond a row faults; output poisoned and checked behind. The
 * halves are checked against a plain reading of their bits, all 65536 of them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hone/kernels/distance.h"
#include "hone/platform/isa.h"

enum { ROWS_MAX = 11, DIMS_MAX = 1100, POISON = 0xA5 };

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static float next_float(uint64_t *state) {
    return (float)((double)(next_random(state) >> 11) * 0x1p-52 - 1);
}

/* Rows that end where the mapping ends: each in a place of its own. */
typedef struct places {
    uint8_t *map;
    size_t place_bytes, page_bytes;
} places;

static places make_places(void) {
    places made = {.page_bytes = (size_t)sysconf(_SC_PAGESIZE)};
    made.place_bytes = (DIMS_MAX * sizeof(float) / made.page_bytes + 2) * made.page_bytes;
    made.map = mmap(NULL, (ROWS_MAX + 1) * made.place_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(made.map != MAP_FAILED);
    for (size_t i = 0; i <= ROWS_MAX; i++) {
        uint8_t *guard = made.map + (i + 1) * made.place_bytes - made.page_bytes;
        assert_int_equal(mprotect(guard, made.page_bytes, PROT_NONE), 0);
    }
    return made;
}

static void drop_places(const places *made) {
    assert_int_equal(munmap(made->map, (ROWS_MAX + 1) * made->place_bytes), 0);
}

/* `size` bytes at the end of the index-th place. */
static void *place_of(const places *made, size_t index, size_t size) {
    return made->map + (index + 1) * made->place_bytes - made->page_bytes - size;
}

/* Every length up to 200, then some that are no multiples of anything. */
static size_t dims_of(int round) {
    static const size_t longer[] = {255, 256, 257, 511, 768, 784, 1023, 1024, 1025, 1100};
    return round <= 200 ? (size_t)round : longer[(size_t)round % 10];
}

enum { ROUNDS = 211 };

static void fill_row(void *row, size_t dims, hone_distance_element element, uint64_t *seed) {
    for (size_t i = 0; i < dims; i++) {
        float value = next_float(seed);
        switch (element) {
        case HONE_DISTANCE_F16: ((uint16_t *)row)[i] = hone_distance_f16_of(value); break;
        case HONE_DISTANCE_BF16: ((uint16_t *)row)[i] = hone_distance_bf16_of(value); break;
        default: ((float *)row)[i] = value;
        }
    }
}

static void check_floats(const hone_distance_variant *variant, const places *made, int metric,
                         int element) {
    const hone_distance_variant *ref = hone_distance_best(0);
    uint64_t seed = 7 + (uint64_t)(metric * 3 + element);
    for (int round = 0; round < ROUNDS; round++) {
        size_t dims = dims_of(round), rows_count = (size_t)round % (ROWS_MAX + 1);
        size_t element_bytes = element == HONE_DISTANCE_F32 ? 4 : 2;
        const void *rows[ROWS_MAX];
        float got[ROWS_MAX + 1], expected[ROWS_MAX], poison;
        float *query = place_of(made, ROWS_MAX, dims * sizeof(float));
        fill_row(query, dims, HONE_DISTANCE_F32, &seed);
        for (size_t i = 0; i < rows_count; i++) {
            void *row = place_of(made, i, dims * element_bytes);
            fill_row(row, dims, (hone_distance_element)element, &seed);
            rows[i] = i && next_random(&seed) % 4 == 0 ? rows[i - 1] : row;
        }
        memset(got, POISON, sizeof got);
        memset(&poison, POISON, sizeof poison);
        ref->floats[metric][element](query, rows, rows_count, dims, expected);
        variant->floats[metric][element](query, rows, rows_count, dims, got);
        /* terms are at most 1, squared differences 4; cosines divide sums that are about dims / 3
         */
        double bound = (double)dims * 0x1p-23 * (metric == HONE_DISTANCE_L2 ? 4.0 : 1.0) *
                       (double)(metric == HONE_DISTANCE_COSINE ? 8 : dims);
        for (size_t i = 0; i < rows_count; i++) {
            assert_true(fabs((double)got[i] - (double)expected[i]) <= bound);
        }
        assert_memory_equal(&got[rows_count], &poison, sizeof poison);
    }
}

static void check_bytes(const hone_distance_variant *variant, const places *made) {
    uint64_t seed = 5;
    for (int round = 0; round < ROUNDS; round++) {
        size_t dims = dims_of(round), rows_count = (size_t)round % (ROWS_MAX + 1);
        const void *rows[ROWS_MAX];
        int32_t got[ROWS_MAX + 1], poison;
        int8_t *query = place_of(made, ROWS_MAX, dims);
        bool is_extreme = round % 5 == 0;
        for (size_t i = 0; i < dims; i++) {
            query[i] = is_extreme ? -127 : (int8_t)((int)(next_random(&seed) % 255) - 127);
        }
        for (size_t r = 0; r < rows_count; r++) {
            int8_t *row = place_of(made, r, dims);
            for (size_t i = 0; i < dims; i++) {
                row[i] = is_extreme ? -128 : (int8_t)next_random(&seed);
            }
            rows[r] = row;
        }
        memset(got, POISON, sizeof got);
        memset(&poison, POISON, sizeof poison);
        variant->dot_i8(query, rows, rows_count, dims, got);
        for (size_t r = 0; r < rows_count; r++) {
            int64_t expected = 0;
            for (size_t i = 0; i < dims; i++) {
                expected += query[i] * ((const int8_t *)rows[r])[i];
            }
            assert_int_equal(got[r], expected);
        }
        assert_memory_equal(&got[rows_count], &poison, sizeof poison);
    }
}

static void check_longest_bytes(const hone_distance_variant *variant) {
    int8_t *extreme = malloc(HONE_DISTANCE_I8_DIMS_MAX);
    int32_t sum;
    assert_non_null(extreme);
    memset(extreme, -127, HONE_DISTANCE_I8_DIMS_MAX);
    const void *row = extreme;
    variant->dot_i8(extreme, &row, 1, HONE_DISTANCE_I8_DIMS_MAX, &sum);
    assert_int_equal(sum, 127 * 127 * HONE_DISTANCE_I8_DIMS_MAX);
    free(extreme);
}

static void check_bits(const hone_distance_variant *variant, const places *made) {
    uint64_t seed = 3;
    for (int round = 0; round < ROUNDS; round++) {
        size_t words_count = (size_t)round % 70, rows_count = (size_t)round % (ROWS_MAX + 1);
        const void *rows[ROWS_MAX];
        uint32_t got[ROWS_MAX + 1], poison;
        uint64_t *query = place_of(made, ROWS_MAX, words_count * 8);
        for (size_t i = 0; i < words_count; i++) {
            query[i] = round % 5 ? next_random(&seed) : UINT64_MAX;
        }
        for (size_t r = 0; r < rows_count; r++) {
            uint64_t *row = place_of(made, r, words_count * 8);
            for (size_t i = 0; i < words_count; i++) {
                row[i] = round % 5 ? next_random(&seed) : 0;
            }
            rows[r] = row;
        }
        memset(got, POISON, sizeof got);
        memset(&poison, POISON, sizeof poison);
        variant->hamming(query, rows, rows_count, words_count, got);
        for (size_t r = 0; r < rows_count; r++) {
            uint32_t expected = 0;
            for (size_t i = 0; i < 64 * words_count; i++) {
                uint64_t differ = query[i / 64] ^ ((const uint64_t *)rows[r])[i / 64];
                expected += (uint32_t)(differ >> i % 64 & 1);
            }
            assert_int_equal(got[r], expected);
        }
        assert_memory_equal(&got[rows_count], &poison, sizeof poison);
    }
}

static void variants_agree_with_ref(void **state) {
    (void)state;
    size_t count, checked = 0;
    const hone_distance_variant *variants = hone_distance_variants(&count);
    hone_isa_mask features = hone_isa_detect();
    places made = make_places();
    assert_string_equal(variants[0].name, "ref");
    for (size_t i = 0; i < count; i++) {
        if (!hone_isa_has(features, variants[i].needed)) {
            print_message("%s: this machine cannot run it, not checked\n", variants[i].name);
            continue;
        }
        for (int metric = 0; metric < HONE_DISTANCE_METRICS_COUNT; metric++) {
            for (int element = 0; element < HONE_DISTANCE_ELEMENTS_COUNT; element++) {
                check_floats(&variants[i], &made, metric, element);
            }
        }
        check_bytes(&variants[i], &made);
        check_longest_bytes(&variants[i]);
        check_bits(&variants[i], &made);
        checked++;
    }
    assert_true(checked >= 1);
    drop_places(&made);
}

/* By hand: the reference itself is right. */
static void ref_gives_known_distances(void **state) {
    (void)state;
    const float query[3] = {1, 2, 3}, row[3] = {4, -5, 6}, none[3] = {0};
    const void *rows[2] = {row, none};
    size_t count;
    const hone_distance_variant *variants = hone_distance_variants(&count);
    hone_isa_mask features = hone_isa_detect();
    for (size_t i = 0; i < count; i++) {
        float out[2];
        if (!hone_isa_has(features, variants[i].needed)) {
            continue;
        }
        variants[i].floats[HONE_DISTANCE_L2][HONE_DISTANCE_F32](query, rows, 2, 3, out);
        assert_true(out[0] == 67 && out[1] == 14);
        variants[i].floats[HONE_DISTANCE_DOT][HONE_DISTANCE_F32](query, rows, 2, 3, out);
        assert_true(out[0] == 12 && out[1] == 0);
        variants[i].floats[HONE_DISTANCE_COSINE][HONE_DISTANCE_F32](query, rows, 2, 3, out);
        assert_true(fabsf(out[0] - (1 - 12 / sqrtf(14 * 77))) < 1e-6f && out[1] == 1);
    }
}

/* A NaN or an infinity anywhere in a row, the tail included, must show in that row alone. */
static void nan_and_infinity_go_through(void **state) {
    (void)state;
    size_t count;
    const hone_distance_variant *variants = hone_distance_variants(&count);
    hone_isa_mask features = hone_isa_detect();
    for (size_t i = 0; i < count; i++) {
        if (!hone_isa_has(features, variants[i].needed)) {
            continue;
        }
        for (size_t at = 0; at < 37; at++) {
            float query[37], bad[37], good[37], out[3];
            for (size_t k = 0; k < 37; k++) {
                query[k] = good[k] = bad[k] = 1;
            }
            bad[at] = NAN;
            const void *rows[3] = {good, bad, good};
            variants[i].floats[HONE_DISTANCE_L2][HONE_DISTANCE_F32](query, rows, 3, 37, out);
            assert_true(out[0] == 0 && isnan(out[1]) && out[2] == 0);
            bad[at] = INFINITY;
            variants[i].floats[HONE_DISTANCE_DOT][HONE_DISTANCE_F32](query, rows, 3, 37, out);
            assert_true(out[0] == 37 && isinf(out[1]) && out[2] == 37);
        }
    }
}

static double plain_f16(uint16_t half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return half & 0x8000 ? -value : value;
}

static void halves_round_trip_and_round_to_even(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits <= UINT16_MAX; bits++) {
        uint16_t half = (uint16_t)bits;
        float value = hone_distance_f16_value(half), wide = hone_distance_bf16_value(half);
        if ((bits & 0x7FFF) > 0x7C00) {
            assert_true(isnan(value) &&
                        isnan(hone_distance_f16_value(hone_distance_f16_of(value))));
        } else {
            assert_int_equal(hone_distance_f16_of(value), half);
            assert_true((bits & 0x7FFF) == 0x7C00 || (double)value == plain_f16(half));
        }
        if ((bits & 0x7FFF) > 0x7F80) {
            assert_true(isnan(wide) &&
                        isnan(hone_distance_bf16_value(hone_distance_bf16_of(wide))));
        } else {
            assert_int_equal(hone_distance_bf16_of(wide), half);
        }
    }
    /* half way between neighbours: to the even one; a little more: to the upper */
    for (uint16_t half = 0; half < 0x7BFF; half++) {
        float middle = (float)((plain_f16(half) + plain_f16(half + 1)) / 2);
        assert_int_equal(hone_distance_f16_of(middle), half + (half & 1));
        assert_int_equal(hone_distance_f16_of(nextafterf(middle, INFINITY)), half + 1);
        assert_int_equal(hone_distance_f16_of(-nextafterf(middle, 0)), half | 0x8000);
    }
    assert_int_equal(hone_distance_f16_of(65519.9f), 0x7BFF);
    assert_int_equal(hone_distance_f16_of(65520), 0x7C00);
    assert_int_equal(hone_distance_f16_of(-INFINITY), 0xFC00);
    assert_int_equal(hone_distance_bf16_of(1.00390625f), 0x3F80);
    assert_int_equal(hone_distance_bf16_of(1.01171875f), 0x3F82);
    assert_int_equal(hone_distance_bf16_of(3.4e38f), 0x7F80);
}

static void table_takes_the_best_allowed(void **state) {
    (void)state;
    size_t count;
    const hone_distance_variant *variants = hone_distance_variants(&count);
    assert_ptr_equal(hone_distance_best(0), &variants[0]);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(hone_distance_best(variants[i].needed), &variants[i]);
    }
    assert_ptr_equal(hone_distance_best(~(hone_isa_mask)0), &variants[count - 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_agree_with_ref),
        cmocka_unit_test(ref_gives_known_distances),
        cmocka_unit_test(nan_and_infinity_go_through),
        cmocka_unit_test(halves_round_trip_and_round_to_even),
        cmocka_unit_test(table_takes_the_best_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
