/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "hone/memory/checking.h"
#include "hone/memory/failing.h"
#include "hone/memory/pool.h"
#include "random_test.h"

enum { OBJECTS_MAX = 300 };

static void test_init_refuses_bad_options(void **state) {
    (void)state;
    const struct {
        hone_pool_options options;
        hone_status status;
    } cases[] = {
        {{.object_bytes = 0, .objects_max = 1}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 8, .objects_max = 0}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 8, .objects_max = 1, .alignment = 3}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 8, .objects_max = 1, .alignment = 8192}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = SIZE_MAX, .objects_max = 1}, HONE_STATUS_OVERFLOW},
        {{.object_bytes = SIZE_MAX / 8, .objects_max = 1, .objects_per_slab = 1}, HONE_OK},
        {{.object_bytes = SIZE_MAX / 16, .objects_max = 99, .objects_per_slab = 99},
         HONE_STATUS_OVERFLOW},
        {{.object_bytes = 1, .objects_max = SIZE_MAX}, HONE_OK},
        {{.object_bytes = 1, .objects_max = 1, .growth = 4, .shrink_below = 1}, HONE_OK},
        {{.object_bytes = 1, .objects_max = 1, .growth = 4.5}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 1, .objects_max = 1, .growth = -1}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 1, .objects_max = 1, .growth = 0.5}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 1, .objects_max = 1, .growth = 1e-9}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 1, .objects_max = 1, .growth = NAN}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 1, .objects_max = 1, .growth = 1}, HONE_OK},
        {{.object_bytes = 1, .objects_max = 1, .shrink_below = 1.1}, HONE_STATUS_INVALID_ARGUMENT},
        {{.object_bytes = 1, .objects_max = 1, .shrink_below = NAN}, HONE_STATUS_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_diag diag = {0};
        hone_pool pool = {0};
        assert_int_equal(hone_pool_init(&pool, &cases[i].options, &diag), cases[i].status);
        assert_int_equal(diag.message[0] != '\0', cases[i].status != HONE_OK);
        hone_pool_deinit(&pool);
    }
}

static void test_shapes(void **state) {
    (void)state;
    const hone_pool_options shapes[] = {
        {.object_bytes = 1, .objects_max = OBJECTS_MAX},
        {.object_bytes = 24, .objects_max = OBJECTS_MAX, .objects_per_slab = 10},
        {.object_bytes = 100, .alignment = 64, .objects_max = OBJECTS_MAX, .objects_per_slab = 1},
        {.object_bytes = 1, .alignment = 1, .objects_max = OBJECTS_MAX, .objects_per_slab = 7},
        {.object_bytes = 5000, .alignment = 4096, .objects_max = OBJECTS_MAX},
        {.object_bytes = 100000, .objects_max = OBJECTS_MAX},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        hone_pool pool;
        assert_int_equal(hone_pool_init(&pool, &shapes[i], NULL), HONE_OK);
        size_t alignment = shapes[i].alignment ? shapes[i].alignment : _Alignof(max_align_t);
        uint8_t *objects[OBJECTS_MAX];
        for (int n = 0; n < OBJECTS_MAX; n++) {
            objects[n] = hone_pool_acquire(&pool);
            assert_non_null(objects[n]);
            assert_int_equal((uintptr_t)objects[n] % alignment, 0);
            memset(objects[n], n & 0xFF, shapes[i].object_bytes);
        }
        assert_null(hone_pool_acquire(&pool));
        hone_pool_stats stats = hone_pool_read_stats(&pool);
        assert_int_equal(stats.live_count, OBJECTS_MAX);
        assert_int_equal(stats.capacity_count, OBJECTS_MAX);
        for (int n = 0; n < OBJECTS_MAX; n++) {
            assert_int_equal(objects[n][0], n & 0xFF);
            assert_int_equal(objects[n][shapes[i].object_bytes - 1], n & 0xFF);
            hone_pool_release(&pool, objects[n]);
        }
        assert_int_equal(hone_pool_shrink(&pool, SIZE_MAX), stats.held_bytes);
        assert_int_equal(hone_pool_read_stats(&pool).held_bytes, 0);
        hone_pool_deinit(&pool);
    }
}

static void test_small_pools_take_small_slabs(void **state) {
    (void)state;
    hone_pool pool;
    hone_pool_options options = {.object_bytes = 64, .objects_max = 4};
    assert_int_equal(hone_pool_init(&pool, &options, NULL), HONE_OK);
    void *object = hone_pool_acquire(&pool);
    assert_true(hone_pool_read_stats(&pool).held_bytes <= 512);
    hone_pool_release(&pool, object);
    assert_ptr_equal(hone_pool_acquire(&pool), object); /* last in, first out */
    hone_pool_release(&pool, NULL);
    assert_int_equal(hone_pool_read_stats(&pool).live_count, 1);
    hone_pool_deinit(&pool); /* takes the live one along */
}

/* ---- property: every object acquired is alone, whatever the order ---- */

typedef struct model {
    hone_pool pool;
    uint64_t *objects[OBJECTS_MAX];
    uint64_t marks[OBJECTS_MAX];
    size_t live_count;
    size_t live_count_max;
} model;

static void model_acquire(model *it, uint64_t mark) {
    uint64_t *object = hone_pool_acquire(&it->pool);
    assert_int_equal(object != NULL, it->live_count < OBJECTS_MAX);
    if (!object) {
        return;
    }
    object[0] = mark;
    object[2] = ~mark;
    it->objects[it->live_count] = object;
    it->marks[it->live_count++] = mark;
    it->live_count_max = it->live_count > it->live_count_max ? it->live_count : it->live_count_max;
}

static void model_release(model *it, size_t victim) {
    assert_int_equal(it->objects[victim][0], it->marks[victim]);
    assert_int_equal(it->objects[victim][2], ~it->marks[victim]);
    hone_pool_release(&it->pool, it->objects[victim]);
    it->live_count--;
    it->objects[victim] = it->objects[it->live_count];
    it->marks[victim] = it->marks[it->live_count];
}

static void model_shrink(model *it, size_t bytes) {
    hone_pool_stats before = hone_pool_read_stats(&it->pool);
    size_t given = hone_pool_shrink(&it->pool, bytes);
    hone_pool_stats after = hone_pool_read_stats(&it->pool);
    assert_int_equal(before.held_bytes - after.held_bytes, given);
    assert_int_equal(after.live_count, it->live_count);
    size_t slab_bytes = before.slabs_count ? before.held_bytes / before.slabs_count : 1;
    assert_true(bytes == SIZE_MAX || given < bytes + slab_bytes);
    if (bytes == SIZE_MAX) {
        assert_true(after.slabs_count <= it->live_count);
        assert_int_equal(hone_pool_shrink(&it->pool, SIZE_MAX), 0);
    }
}

static void test_random_use_matches_a_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        uint64_t random = seed;
        hone_checking *checking = NULL;
        assert_int_equal(hone_checking_create(NULL, 1000, &checking), HONE_OK);
        model it = {0};
        hone_pool_options options = {.object_bytes = 24,
                                     .objects_max = OBJECTS_MAX,
                                     .objects_per_slab = 1 + random_below(&random, 20),
                                     .growth = 1 + (double)random_below(&random, 3) / 2,
                                     .allocator = hone_checking_allocator(checking)};
        assert_int_equal(hone_pool_init(&it.pool, &options, NULL), HONE_OK);
        for (int step = 0; step < 30000; step++) {
            /* Waves, so that the pool fills up and empties. */
            uint64_t leaning = (step / 2000) % 2 ? 7 : 3;
            if (random_below(&random, 10) < leaning) {
                model_acquire(&it, random_next(&random));
            } else if (it.live_count > 0) {
                model_release(&it, random_below(&random, it.live_count));
            }
            if (random_below(&random, 200) == 0) {
                model_shrink(&it,
                             random_below(&random, 2) ? SIZE_MAX : random_below(&random, 5000));
            }
        }
        hone_pool_stats stats = hone_pool_read_stats(&it.pool);
        assert_int_equal(stats.live_count, it.live_count);
        assert_int_equal(stats.live_count_max, it.live_count_max);
        assert_int_equal(it.live_count_max, OBJECTS_MAX); /* the maximum was met */
        hone_pool_deinit(&it.pool);
        hone_diag diag = {0};
        if (hone_checking_verify(checking, &diag) != HONE_OK) {
            fail_msg("%s", diag.message);
        }
        hone_checking_destroy(checking);
    }
}

/* A slab cut short by the maximum, shrinking around it, growing again. */
static void test_a_cut_slab_is_given_back(void **state) {
    (void)state;
    hone_pool pool;
    hone_pool_options options = {.object_bytes = 64, .objects_max = 10, .objects_per_slab = 7};
    assert_int_equal(hone_pool_init(&pool, &options, NULL), HONE_OK);
    for (int round = 0; round < 3; round++) {
        void *objects[10];
        for (int i = 0; i < 10; i++) {
            objects[i] = hone_pool_acquire(&pool);
            assert_non_null(objects[i]);
        }
        assert_null(hone_pool_acquire(&pool));
        assert_int_equal(hone_pool_read_stats(&pool).slabs_count, 2);
        /* Empties one of the two slabs, another one each time. */
        for (int i = round % 2 ? 7 : 0; i < (round % 2 ? 10 : 7); i++) {
            hone_pool_release(&pool, objects[i]);
        }
        assert_true(hone_pool_shrink(&pool, 1) > 0);
        assert_int_equal(hone_pool_read_stats(&pool).slabs_count, 1);
        size_t again = 0;
        while (hone_pool_acquire(&pool)) {
            again++;
        }
        assert_int_equal(again, round % 2 ? 3 : 7);
        assert_int_equal(hone_pool_read_stats(&pool).live_count, 10);
        hone_pool_deinit(&pool);
        assert_int_equal(hone_pool_init(&pool, &options, NULL), HONE_OK);
    }
    hone_pool_deinit(&pool);
}

static void test_failed_growth_leaves_the_pool_usable(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, true);
        hone_pool pool;
        hone_pool_options options = {.object_bytes = 1000,
                                     .objects_max = 20,
                                     .objects_per_slab = 3,
                                     .allocator = &failing.allocator};
        assert_int_equal(hone_pool_init(&pool, &options, NULL), HONE_OK);
        void *objects[20];
        size_t got = 0;
        while (got < 20 && (objects[got] = hone_pool_acquire(&pool))) {
            got++;
        }
        assert_int_equal(got, hone_pool_read_stats(&pool).capacity_count);
        for (size_t i = 0; i < got; i++) {
            hone_pool_release(&pool, objects[i]);
        }
        assert_int_equal(hone_pool_acquire(&pool) != NULL, got > 0);
        hone_pool_deinit(&pool);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(got, 20);
            break;
        }
    }
}

/* ---- policy ---- */

static void test_slabs_grow_by_the_factor(void **state) {
    (void)state;
    static const struct {
        double growth;
        size_t slabs_counts[6]; /* after each growth */
    } cases[] = {{0, {1, 2, 3, 4, 5, 6}}, {1.5, {1, 2, 3, 4, 6, 9}}, {3, {1, 3, 9, 27, 81, 100}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_pool pool;
        hone_pool_options options = {.object_bytes = 128,
                                     .objects_per_slab = 7,
                                     .objects_max = 700,
                                     .growth = cases[i].growth};
        assert_int_equal(hone_pool_init(&pool, &options, NULL), HONE_OK);
        for (int step = 0; step < 6; step++) {
            size_t held_bytes = hone_pool_read_stats(&pool).held_bytes;
            do {
                assert_non_null(hone_pool_acquire(&pool));
            } while (hone_pool_read_stats(&pool).held_bytes == held_bytes);
            assert_int_equal(hone_pool_read_stats(&pool).slabs_count, cases[i].slabs_counts[step]);
        }
        hone_pool_deinit(&pool);
    }
}

static void test_trim_acts_below_its_share(void **state) {
    (void)state;
    enum { OBJECTS = 700, PER_SLAB = 7 };
    hone_pool pool;
    hone_pool_options options = {.object_bytes = 128,
                                 .objects_per_slab = PER_SLAB,
                                 .objects_max = OBJECTS,
                                 .shrink_below = 0.3};
    assert_int_equal(hone_pool_init(&pool, &options, NULL), HONE_OK);
    void *objects[OBJECTS];
    for (int i = 0; i < OBJECTS; i++) {
        objects[i] = hone_pool_acquire(&pool);
        assert_non_null(objects[i]);
    }
    for (int left = OBJECTS; left > 0; left--) {
        size_t slabs_count = hone_pool_read_stats(&pool).slabs_count;
        size_t capacity_count = slabs_count * PER_SLAB;
        size_t given = hone_pool_trim(&pool);
        hone_pool_stats stats = hone_pool_read_stats(&pool);
        if ((double)left >= 0.3 * (double)capacity_count) {
            assert_int_equal(given, 0);
        } else {
            /* All but the last slab of those that the share allows are needed for it. */
            assert_true((double)left >= 0.3 * (double)(stats.capacity_count - PER_SLAB));
            assert_true((double)left <= 0.3 * (double)stats.capacity_count);
        }
        hone_pool_release(&pool, objects[left - 1]);
    }
    assert_true(hone_pool_trim(&pool) > 0);
    assert_int_equal(hone_pool_read_stats(&pool).held_bytes, 0);
    hone_pool_deinit(&pool);
}

/* Objects live for a random time in a pool that is a quarter full: with compaction now and then the
 * sparse slabs run empty, without it hardly any does. */
static size_t slabs_after_churn(bool is_compacted) {
    enum { OBJECTS = 7000, LIVE = OBJECTS / 4 };
    static void *objects[OBJECTS];
    uint64_t random = 7;
    hone_pool pool;
    hone_pool_options options = {
        .object_bytes = 128, .objects_per_slab = 7, .objects_max = OBJECTS};
    assert_int_equal(hone_pool_init(&pool, &options, NULL), HONE_OK);
    for (int i = 0; i < OBJECTS; i++) {
        objects[i] = hone_pool_acquire(&pool);
    }
    for (int left = OBJECTS; left > LIVE; left--) {
        size_t victim = random_below(&random, (uint64_t)left);
        hone_pool_release(&pool, objects[victim]);
        objects[victim] = objects[left - 1];
    }
    for (int round = 0; round < 10; round++) {
        void *next[LIVE / 2];
        for (int i = 0; i < LIVE / 2; i++) {
            size_t victim = random_below(&random, LIVE);
            next[i] = objects[victim];
            objects[victim] = NULL;
            if (next[i]) {
                hone_pool_release(&pool, next[i]);
            }
        }
        if (is_compacted) {
            (void)hone_pool_shrink(&pool, SIZE_MAX);
        }
        for (int i = 0; i < LIVE; i++) {
            objects[i] = objects[i] ? objects[i] : hone_pool_acquire(&pool);
            assert_non_null(objects[i]);
        }
    }
    (void)hone_pool_shrink(&pool, SIZE_MAX);
    size_t slabs_count = hone_pool_read_stats(&pool).slabs_count;
    hone_pool_deinit(&pool);
    return slabs_count;
}

static void test_compaction_empties_sparse_slabs(void **state) {
    (void)state;
    size_t compacted = slabs_after_churn(true), sparse = slabs_after_churn(false);
    assert_true(compacted * 2 < sparse);
    assert_true(compacted < 7000 / 7 / 3); /* a quarter is the least there can be */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_refuses_bad_options),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_small_pools_take_small_slabs),
        cmocka_unit_test(test_random_use_matches_a_model),
        cmocka_unit_test(test_a_cut_slab_is_given_back),
        cmocka_unit_test(test_failed_growth_leaves_the_pool_usable),
        cmocka_unit_test(test_slabs_grow_by_the_factor),
        cmocka_unit_test(test_trim_acts_below_its_share),
        cmocka_unit_test(test_compaction_empties_sparse_slabs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
