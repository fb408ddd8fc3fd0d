/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "hone/memory/budget.h"
#include "hone/memory/failing.h"
#include "hone/memory/shared_pool.h"
#include "hone/platform/thread.h"
#include "random_test.h"

enum { THREADS = 4, ROUNDS = 60000, OBJECTS_MAX = 64, SLOTS = 16 };

/* Objects go from thread to thread through these slots. */
typedef struct market {
    hone_shared_pool *pool;
    _Atomic(uint64_t *) slots[SLOTS];
    _Atomic uint64_t bad_count;
} market;

typedef struct worker {
    market *market;
    uint64_t random;
    bool has_magazine;
} worker;

static void check_and_release(market *it, hone_pool_magazine *magazine, uint64_t *object) {
    /* Both words were written by whoever acquired it; anyone else's write would show. */
    if (object && object[0] != ~object[1]) {
        atomic_fetch_add_explicit(&it->bad_count, 1, memory_order_relaxed);
    }
    if (magazine) {
        hone_pool_magazine_release(magazine, object);
    } else {
        hone_shared_pool_release(it->pool, object);
    }
}

static void worker_run(void *context) {
    worker *it = context;
    market *shared = it->market;
    hone_pool_magazine magazine = {0}, *own = it->has_magazine ? &magazine : NULL;
    if (own) {
        hone_pool_magazine_init(own, shared->pool);
    }
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t *object =
            own ? hone_pool_magazine_acquire(own) : hone_shared_pool_acquire(shared->pool);
        if (object) {
            object[0] = random_next(&it->random);
            object[1] = ~object[0];
        }
        /* acq_rel: hands our object over and takes another thread's. */
        size_t slot = random_below(&it->random, SLOTS);
        object = atomic_exchange_explicit(&shared->slots[slot], object, memory_order_acq_rel);
        check_and_release(shared, own, object);
        if (random_below(&it->random, 1000) == 0) {
            (void)hone_shared_pool_try_shrink(shared->pool, SIZE_MAX);
        }
    }
    hone_pool_magazine_deinit(&magazine);
}

/* Every `magazines_each`-th thread has a magazine; 0: none has. */
static void cross_threads(size_t objects_max, int magazines_each) {
    hone_failing counting;
    hone_failing_init(&counting, NULL, 0, false);
    market shared = {0};
    hone_pool_options options = {.object_bytes = 16,
                                 .objects_max = objects_max,
                                 .objects_per_slab = 4,
                                 .allocator = &counting.allocator};
    assert_int_equal(hone_shared_pool_create(&options, NULL, &shared.pool), HONE_OK);
    worker workers[THREADS];
    hone_thread threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){&shared, (uint64_t)i, magazines_each && i % magazines_each == 0};
        assert_int_equal(hone_thread_create("pool", worker_run, &workers[i], &threads[i]), HONE_OK);
    }
    for (int i = 0; i < THREADS; i++) {
        hone_thread_join(threads[i]);
    }
    for (int i = 0; i < SLOTS; i++) {
        check_and_release(&shared, NULL, atomic_load(&shared.slots[i]));
    }
    assert_int_equal(atomic_load(&shared.bad_count), 0);
    hone_pool_stats stats = hone_shared_pool_read_stats(shared.pool);
    assert_int_equal(stats.live_count, 0);
    assert_true(stats.live_count_max <= objects_max);
    assert_int_equal(hone_shared_pool_spare_bytes(shared.pool), stats.held_bytes);
    assert_int_equal(hone_shared_pool_try_shrink(shared.pool, SIZE_MAX), stats.held_bytes);
    hone_shared_pool_destroy(shared.pool);
    assert_int_equal(hone_failing_read_stats(&counting).live_bytes, 0);
}

static void test_objects_cross_threads(void **state) {
    (void)state;
    cross_threads(OBJECTS_MAX, 0);
    cross_threads(OBJECTS_MAX, 2);
    cross_threads(20, 1); /* too few for magazines */
    cross_threads(100000, 1);
    cross_threads(100000, 2);
}

/* What lies in the shared magazine of one thread is found by another when the maximum is out. */
static void acquire_all(void *context) {
    hone_shared_pool *pool = context;
    void *objects[1000];
    for (int i = 0; i < 1000; i++) {
        objects[i] = hone_shared_pool_acquire(pool);
        assert_non_null(objects[i]);
    }
    assert_null(hone_shared_pool_acquire(pool));
    assert_int_equal(hone_shared_pool_read_stats(pool).live_count, 1000);
    for (int i = 0; i < 1000; i++) {
        hone_shared_pool_release(pool, objects[i]);
    }
    assert_int_equal(hone_shared_pool_read_stats(pool).live_count, 0);
}

static void test_magazines_hide_nothing(void **state) {
    (void)state;
    hone_shared_pool *pool = NULL;
    hone_pool_options options = {.object_bytes = 16, .objects_max = 1000};
    assert_int_equal(hone_shared_pool_create(&options, NULL, &pool), HONE_OK);
    for (int i = 0; i < 6; i++) {
        hone_thread thread;
        acquire_all(pool);
        assert_int_equal(hone_thread_create("pool", acquire_all, pool, &thread), HONE_OK);
        hone_thread_join(thread);
    }
    hone_pool_magazine magazine;
    hone_pool_magazine_init(&magazine, pool);
    void *object = hone_pool_magazine_acquire(&magazine);
    assert_true(hone_shared_pool_read_stats(pool).live_count > 1); /* what it holds counts, too */
    hone_pool_magazine_release(&magazine, object);
    hone_pool_magazine_deinit(&magazine);
    assert_int_equal(hone_shared_pool_read_stats(pool).live_count, 0);
    hone_shared_pool_destroy(pool);
}

/* A magazine takes what is there; it is no reason to grow. */
static void test_magazines_do_not_grow_the_pool(void **state) {
    (void)state;
    hone_shared_pool *pool = NULL;
    hone_pool_options options = {.object_bytes = 100, .objects_max = 10000, .objects_per_slab = 3};
    assert_int_equal(hone_shared_pool_create(&options, NULL, &pool), HONE_OK);
    for (size_t n = 1; n <= 100; n++) {
        assert_non_null(hone_shared_pool_acquire(pool));
        hone_pool_stats stats = hone_shared_pool_read_stats(pool);
        size_t per_slab = stats.capacity_count / stats.slabs_count;
        assert_int_equal(stats.slabs_count, (n + per_slab - 1) / per_slab);
    }
    hone_shared_pool_destroy(pool);
}

static size_t pool_spare(void *self) {
    return hone_shared_pool_spare_bytes(self);
}

static size_t pool_shrink(void *self, size_t bytes) {
    return hone_shared_pool_try_shrink(self, bytes);
}

/* Two pools under one budget that holds the slabs of one: the idle one makes room for the other,
 * and one that grows is not asked to shrink itself while it does. */
static void test_pools_evict_each_other(void **state) {
    (void)state;
    hone_budget *budget = NULL;
    hone_budget_options of_budget = {.name = "node", .limit_bytes = 40000};
    assert_int_equal(hone_budget_create(&of_budget, NULL, &budget), HONE_OK);
    hone_pool_options options = {.object_bytes = 1000,
                                 .objects_max = 1000,
                                 .objects_per_slab = 3,
                                 .allocator = hone_budget_allocator(budget)};
    hone_shared_pool *pools[2];
    hone_budget_evictable evictables[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hone_shared_pool_create(&options, NULL, &pools[i]), HONE_OK);
        evictables[i] = (hone_budget_evictable){
            .name = "pool", .size_bytes = pool_spare, .shrink = pool_shrink, .self = pools[i]};
        assert_int_equal(hone_budget_register(budget, &evictables[i], NULL), HONE_OK);
    }
    for (int round = 0; round < 6; round++) {
        hone_shared_pool *pool = pools[round % 2];
        void *objects[100];
        size_t count = 0;
        while (count < 100 && (objects[count] = hone_shared_pool_acquire(pool))) {
            count++;
        }
        assert_true(count >= 24 && count < 40); /* nearly the whole budget, every time */
        while (count > 0) {
            hone_shared_pool_release(pool, objects[--count]);
        }
        assert_true(hone_budget_read_usage(budget).held_bytes <= 40000);
    }
    assert_true(hone_budget_read_usage(budget).evicted_bytes > 0);
    for (int i = 0; i < 2; i++) {
        hone_budget_unregister(&evictables[i]);
        hone_shared_pool_destroy(pools[i]);
    }
    assert_int_equal(hone_budget_destroy(budget, NULL), HONE_OK);
}

static void test_every_failed_allocation_is_survived(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        hone_pool_options options = {
            .object_bytes = 32, .objects_max = 10, .allocator = &failing.allocator};
        hone_diag diag = {0};
        hone_shared_pool *pool = NULL;
        hone_status status = hone_shared_pool_create(&options, &diag, &pool);
        assert_int_equal(status, n == 1 ? HONE_STATUS_OUT_OF_MEMORY : HONE_OK);
        if (pool) {
            assert_int_equal(hone_shared_pool_acquire(pool) == NULL, n == 2);
            assert_non_null(hone_shared_pool_acquire(pool));
        }
        hone_shared_pool_destroy(pool);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(n, 3);
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_cross_threads),
        cmocka_unit_test(test_magazines_hide_nothing),
        cmocka_unit_test(test_magazines_do_not_grow_the_pool),
        cmocka_unit_test(test_pools_evict_each_other),
        cmocka_unit_test(test_every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
