/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "hone/memory/budget.h"
#include "hone/memory/failing.h"

static hone_budget *make(const char *name, size_t limit_bytes, hone_budget *parent) {
    hone_budget *budget = NULL;
    hone_budget_options options = {.name = name, .limit_bytes = limit_bytes, .parent = parent};
    assert_int_equal(hone_budget_create(&options, NULL, &budget), HONE_OK);
    return budget;
}

static void drop(hone_budget *budget) {
    hone_diag diag = {0};
    if (hone_budget_destroy(budget, &diag) != HONE_OK) {
        fail_msg("%s", diag.message);
    }
}

static size_t held(const hone_budget *budget) {
    return hone_budget_read_usage(budget).held_bytes;
}

static void test_create_refuses_bad_options(void **state) {
    (void)state;
    char long_name[HONE_BUDGET_NAME_BYTES_MAX + 2];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        hone_budget_options options;
        hone_status status;
    } cases[] = {
        {{.name = NULL, .limit_bytes = 1}, HONE_STATUS_INVALID_ARGUMENT},
        {{.name = "", .limit_bytes = 1}, HONE_STATUS_INVALID_ARGUMENT},
        {{.name = "n", .limit_bytes = 0}, HONE_STATUS_INVALID_ARGUMENT},
        {{.name = long_name, .limit_bytes = 1}, HONE_STATUS_LIMIT},
        {{.name = long_name + 1, .limit_bytes = 1}, HONE_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_diag diag = {0};
        hone_budget *budget = NULL;
        assert_int_equal(hone_budget_create(&cases[i].options, &diag, &budget), cases[i].status);
        assert_int_equal(budget != NULL, cases[i].status == HONE_OK);
        assert_int_equal(diag.message[0] != '\0', cases[i].status != HONE_OK);
        drop(budget);
    }
}

static void test_depth_is_bounded(void **state) {
    (void)state;
    hone_budget *chain[HONE_BUDGET_DEPTH_MAX];
    for (int i = 0; i < HONE_BUDGET_DEPTH_MAX; i++) {
        chain[i] = make("level", 100, i ? chain[i - 1] : NULL);
    }
    hone_budget *deeper = NULL;
    hone_budget_options options = {
        .name = "deeper", .limit_bytes = 1, .parent = chain[HONE_BUDGET_DEPTH_MAX - 1]};
    assert_int_equal(hone_budget_create(&options, NULL, &deeper), HONE_STATUS_LIMIT);
    hone_budget *leaf = chain[HONE_BUDGET_DEPTH_MAX - 1];
    assert_int_equal(hone_budget_lease(leaf, 100, NULL), HONE_OK);
    assert_int_equal(held(chain[0]), 100);
    hone_budget_return(leaf, 100);
    for (int i = HONE_BUDGET_DEPTH_MAX - 1; i >= 0; i--) {
        drop(chain[i]);
    }
}

static void test_refusal_names_the_full_node_and_changes_nothing(void **state) {
    (void)state;
    hone_budget *root = make("node", 1000, NULL);
    hone_budget *left = make("left", 800, root);
    hone_budget *right = make("right", 800, root);
    assert_int_equal(hone_budget_lease(left, 700, NULL), HONE_OK);
    hone_diag diag = {0};
    assert_int_equal(hone_budget_lease(right, 301, &diag), HONE_STATUS_BUDGET);
    assert_string_equal(diag.subject, "node");
    assert_int_equal(diag.status, HONE_STATUS_BUDGET);
    static const char *const parts[] = {"'node'", "1000", "700", "301", "'right'"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(diag.message, parts[i])) {
            fail_msg("'%s' is not in: %s", parts[i], diag.message);
        }
    }
    hone_budget_usage usage = hone_budget_read_usage(right);
    assert_int_equal(usage.held_bytes, 0);
    assert_int_equal(usage.peak_bytes, 0);
    assert_int_equal(usage.refused_count, 1);
    assert_int_equal(hone_budget_explain(right, 301, &diag), HONE_STATUS_BUDGET);
    assert_int_equal(hone_budget_explain(right, 300, NULL), HONE_OK);
    assert_int_equal(hone_budget_lease(right, 300, NULL), HONE_OK);
    assert_int_equal(hone_budget_lease(right, SIZE_MAX, NULL), HONE_STATUS_BUDGET);
    assert_int_equal(hone_budget_lease(right, 0, NULL), HONE_OK);
    hone_budget_return(left, 700);
    hone_budget_return(right, 300);
    assert_int_equal(hone_budget_read_usage(root).peak_bytes, 1000);
    drop(left);
    drop(right);
    drop(root);
}

static void test_unlimited_counts_without_overflow(void **state) {
    (void)state;
    hone_budget *root = make("all", HONE_BUDGET_UNLIMITED, NULL);
    assert_int_equal(hone_budget_lease(root, SIZE_MAX - 1, NULL), HONE_OK);
    assert_int_equal(hone_budget_lease(root, 1, NULL), HONE_OK);
    assert_int_equal(hone_budget_lease(root, 1, NULL), HONE_STATUS_BUDGET);
    hone_budget_return(root, SIZE_MAX);
    drop(root);
}

static void test_limit_below_held_is_refused(void **state) {
    (void)state;
    hone_budget *root = make("node", 1000, NULL);
    assert_int_equal(hone_budget_lease(root, 600, NULL), HONE_OK);
    hone_diag diag = {0};
    assert_int_equal(hone_budget_set_limit(root, 599, &diag), HONE_STATUS_BUDGET);
    assert_non_null(strstr(diag.message, "600"));
    assert_int_equal(hone_budget_read_usage(root).limit_bytes, 1000);
    assert_int_equal(hone_budget_set_limit(root, 0, &diag), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_budget_set_limit(root, 600, NULL), HONE_OK);
    assert_int_equal(hone_budget_lease(root, 1, NULL), HONE_STATUS_BUDGET);
    assert_int_equal(hone_budget_set_limit(root, 601, NULL), HONE_OK);
    assert_int_equal(hone_budget_lease(root, 1, NULL), HONE_OK);
    hone_budget_return(root, 601);
    drop(root);
}

/* ---- evictables ---- */

typedef struct cache {
    hone_budget_evictable evictable;
    hone_budget *budget;
    size_t bytes;
    size_t step_bytes; /* gives at most this much a call; 0: all that is asked */
    int calls_count;
    int *turn; /* the order in which caches were asked */
    int asked_at;
    hone_budget_evictable *other; /* to be registered from the callback */
    hone_status inner_status;
} cache;

static size_t cache_size(void *self) {
    return ((cache *)self)->bytes;
}

static size_t cache_shrink(void *self, size_t bytes) {
    cache *it = self;
    it->calls_count++;
    if (it->turn) {
        it->asked_at = ++*it->turn;
    }
    if (it->other) {
        it->inner_status = hone_budget_register(it->budget, it->other, NULL);
    }
    size_t given = bytes < it->bytes ? bytes : it->bytes;
    given = it->step_bytes && given > it->step_bytes ? it->step_bytes : given;
    it->bytes -= given;
    hone_budget_return(it->budget, given);
    return given;
}

static void cache_fill(cache *it, hone_budget *budget, size_t bytes, uint32_t priority,
                       uint32_t cost) {
    it->evictable = (hone_budget_evictable){.name = "cache",
                                            .priority = priority,
                                            .cost = cost,
                                            .size_bytes = cache_size,
                                            .shrink = cache_shrink,
                                            .self = it};
    it->budget = budget;
    it->bytes = bytes;
    assert_int_equal(hone_budget_lease(budget, bytes, NULL), HONE_OK);
    assert_int_equal(hone_budget_register(budget, &it->evictable, NULL), HONE_OK);
}

static void cache_drop(cache *it) {
    hone_budget_unregister(&it->evictable);
    hone_budget_return(it->budget, it->bytes);
}

static void test_eviction_goes_by_priority_then_cost(void **state) {
    (void)state;
    int turn = 0;
    hone_budget *root = make("node", 1000, NULL);
    cache caches[4] = {{.turn = &turn}, {.turn = &turn}, {.turn = &turn}, {.turn = &turn}};
    cache_fill(&caches[0], root, 100, 1, 5);
    cache_fill(&caches[1], root, 100, 0, 9);
    cache_fill(&caches[2], root, 100, 0, 2);
    cache_fill(&caches[3], root, 100, 2, 0);
    assert_int_equal(hone_budget_lease(root, 850, NULL), HONE_OK); /* 250 are missing */
    assert_int_equal(caches[2].asked_at, 1);
    assert_int_equal(caches[1].asked_at, 2);
    assert_int_equal(caches[0].asked_at, 3);
    assert_int_equal(caches[0].bytes, 50);
    assert_int_equal(caches[3].asked_at, 0);
    hone_budget_usage usage = hone_budget_read_usage(root);
    assert_int_equal(usage.held_bytes, 1000);
    assert_int_equal(usage.evicted_bytes, 250);
    assert_int_equal(usage.refused_count, 0);
    hone_budget_return(root, 850);
    for (size_t i = 0; i < 4; i++) {
        cache_drop(&caches[i]);
    }
    drop(root);
}

static void test_nothing_is_evicted_in_vain(void **state) {
    (void)state;
    hone_budget *root = make("node", 1000, NULL);
    hone_budget *child = make("child", 500, root);
    cache it = {0};
    cache_fill(&it, child, 400, 0, 0);
    assert_int_equal(hone_budget_lease(root, 400, NULL), HONE_OK);
    assert_int_equal(hone_budget_lease(child, 501, NULL), HONE_STATUS_BUDGET);
    assert_int_equal(hone_budget_lease(root, 601, NULL), HONE_STATUS_BUDGET);
    assert_int_equal(it.calls_count, 0);
    assert_int_equal(hone_budget_try_lease(root, 201, NULL), HONE_STATUS_BUDGET);
    assert_int_equal(it.calls_count, 0);
    assert_int_equal(hone_budget_lease(root, 600, NULL), HONE_OK);
    assert_int_equal(it.bytes, 0);
    hone_budget_return(root, 1000);
    cache_drop(&it);
    drop(child);
    drop(root);
}

static void test_only_evictables_below_the_full_node_are_asked(void **state) {
    (void)state;
    hone_budget *root = make("node", 1000, NULL);
    hone_budget *left = make("left", 300, root);
    hone_budget *right = make("right", 300, root);
    cache in_left = {0}, in_right = {0};
    cache_fill(&in_left, left, 200, 0, 0);
    cache_fill(&in_right, right, 200, 1, 0);
    assert_int_equal(hone_budget_lease(right, 250, NULL), HONE_OK);
    assert_int_equal(in_left.calls_count, 0);
    assert_int_equal(in_right.bytes, 50);
    assert_int_equal(hone_budget_lease(root, 650, NULL), HONE_OK); /* here both are below */
    assert_int_equal(in_left.bytes, 50);
    assert_int_equal(in_right.bytes, 50);
    hone_budget_return(right, 250);
    hone_budget_return(root, 650);
    cache_drop(&in_left);
    cache_drop(&in_right);
    drop(left);
    drop(right);
    drop(root);
}

static void test_two_full_levels_are_both_relieved(void **state) {
    (void)state;
    hone_budget *root = make("node", 500, NULL);
    hone_budget *child = make("child", 300, root);
    cache in_root = {0}, in_child = {.step_bytes = 30};
    cache_fill(&in_root, root, 150, 0, 0);
    cache_fill(&in_child, child, 250, 1, 0);
    assert_int_equal(hone_budget_lease(root, 100, NULL), HONE_OK);
    /* The child lacks 50 bytes, which its own cache gives in two steps; that leaves the root 50
     * short. */
    assert_int_equal(hone_budget_lease(child, 100, NULL), HONE_OK);
    assert_int_equal(in_child.calls_count, 2);
    assert_int_equal(in_child.bytes, 200);
    assert_int_equal(in_root.bytes, 100);
    assert_int_equal(held(child), 300);
    assert_int_equal(held(root), 500);
    hone_budget_return(child, 100);
    hone_budget_return(root, 100);
    cache_drop(&in_root);
    cache_drop(&in_child);
    drop(child);
    drop(root);
}

static void test_evict_on_request(void **state) {
    (void)state;
    hone_budget *root = make("node", 1000, NULL);
    cache first = {0}, second = {0};
    cache_fill(&first, root, 100, 0, 0);
    cache_fill(&second, root, 100, 1, 0);
    assert_int_equal(hone_budget_evict(root, 130), 130);
    assert_int_equal(first.bytes, 0);
    assert_int_equal(second.bytes, 70);
    assert_int_equal(hone_budget_evict(root, SIZE_MAX), 70);
    assert_int_equal(hone_budget_evict(root, 1), 0);
    cache_drop(&first);
    cache_drop(&second);
    drop(root);
}

static void test_registration_is_checked(void **state) {
    (void)state;
    hone_budget *root = make("node", 100, NULL);
    cache it = {0}, other = {0};
    cache_fill(&other, root, 0, 0, 0);
    cache_fill(&it, root, 60, 0, 0);
    hone_diag diag = {0};
    assert_int_equal(hone_budget_register(root, &it.evictable, &diag), HONE_STATUS_DUPLICATE);
    hone_budget_evictable bare = {.name = "bare"};
    assert_int_equal(hone_budget_register(root, &bare, &diag), HONE_STATUS_INVALID_ARGUMENT);
    cache_drop(&other);
    it.other = &other.evictable;
    assert_int_equal(hone_budget_lease(root, 50, NULL), HONE_OK);
    assert_int_equal(it.calls_count, 1);
    assert_int_equal(it.inner_status, HONE_STATUS_INVALID_ARGUMENT);
    hone_budget_return(root, 50);
    assert_int_equal(hone_budget_destroy(root, &diag), HONE_STATUS_INTERNAL);
    cache_drop(&it);
    hone_budget_unregister(&it.evictable); /* twice is allowed */
    drop(root);
}

/* A callback that needs memory itself: its lease is refused rather than evicting again. */
typedef struct needy {
    hone_budget *budget;
    hone_status inner_lease;
    size_t inner_evicted;
    hone_status inner_limit;
} needy;

static size_t needy_size(void *self) {
    (void)self;
    return 100;
}

static size_t needy_shrink(void *self, size_t bytes) {
    needy *it = self;
    (void)bytes;
    it->inner_lease = hone_budget_lease(it->budget, 1, NULL);
    it->inner_evicted = hone_budget_evict(it->budget, 1);
    it->inner_limit = hone_budget_set_limit(it->budget, 2000, NULL);
    hone_budget_return(it->budget, 100);
    return 100;
}

static void test_a_callback_does_not_wait_for_itself(void **state) {
    (void)state;
    hone_budget *root = make("node", 100, NULL);
    needy it = {.budget = root, .inner_lease = HONE_OK, .inner_evicted = 7};
    hone_budget_evictable evictable = {
        .name = "needy", .size_bytes = needy_size, .shrink = needy_shrink, .self = &it};
    assert_int_equal(hone_budget_lease(root, 100, NULL), HONE_OK);
    assert_int_equal(hone_budget_register(root, &evictable, NULL), HONE_OK);
    assert_int_equal(hone_budget_lease(root, 40, NULL), HONE_OK);
    assert_int_equal(it.inner_lease, HONE_STATUS_BUDGET);
    assert_int_equal(it.inner_evicted, 0);
    assert_int_equal(it.inner_limit, HONE_STATUS_INVALID_ARGUMENT);
    hone_budget_unregister(&evictable);
    hone_budget_return(root, 40);
    drop(root);
}

/* ---- life ---- */

static void test_destroy_refuses_what_is_in_use(void **state) {
    (void)state;
    hone_diag diag = {0};
    hone_budget *root = make("node", 100, NULL);
    hone_budget *child = make("child", 100, root);
    assert_int_equal(hone_budget_lease(child, 10, NULL), HONE_OK);
    assert_int_equal(hone_budget_destroy(child, &diag), HONE_STATUS_INTERNAL);
    assert_non_null(strstr(diag.message, "'child'"));
    assert_non_null(strstr(diag.message, "10 bytes"));
    hone_budget_return(child, 10);
    assert_int_equal(hone_budget_destroy(root, &diag), HONE_STATUS_INTERNAL);
    assert_non_null(strstr(diag.message, "1 children"));
    drop(child);
    drop(root);
    assert_int_equal(hone_budget_destroy(NULL, NULL), HONE_OK);
}

static void test_allocator_accounts_every_byte(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        hone_budget *budget = NULL;
        hone_budget_options options = {
            .name = "node", .limit_bytes = 1000, .allocator = &failing.allocator};
        if (hone_budget_create(&options, NULL, &budget) == HONE_OK) {
            size_t node_bytes = (size_t)hone_failing_read_stats(&failing).live_bytes;
            const hone_allocator *allocator = hone_budget_allocator(budget);
            char *block = hone_allocate(allocator, 100, 64);
            assert_int_equal(held(budget), block ? 100 : 0);
            size_t size = block ? 100 : 0;
            static const size_t sizes[] = {400, 1000, 1001, 50};
            for (size_t i = 0; block && i < 4; i++) {
                char *resized = hone_reallocate(allocator, block, size, sizes[i], 64);
                assert_true(!resized || sizes[i] <= 1000);
                block = resized ? resized : block;
                size = resized ? sizes[i] : size;
                assert_int_equal(held(budget), size);
                assert_int_equal(hone_failing_read_stats(&failing).live_bytes, node_bytes + size);
            }
            hone_release(allocator, block, size, 64);
            assert_null(hone_allocate(allocator, 1001, 1));
            assert_int_equal(held(budget), 0);
            drop(budget);
        }
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_true(n > 4); /* the node, the block and the resizes were all reached */
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_refuses_bad_options),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_refusal_names_the_full_node_and_changes_nothing),
        cmocka_unit_test(test_unlimited_counts_without_overflow),
        cmocka_unit_test(test_limit_below_held_is_refused),
        cmocka_unit_test(test_eviction_goes_by_priority_then_cost),
        cmocka_unit_test(test_nothing_is_evicted_in_vain),
        cmocka_unit_test(test_only_evictables_below_the_full_node_are_asked),
        cmocka_unit_test(test_two_full_levels_are_both_relieved),
        cmocka_unit_test(test_evict_on_request),
        cmocka_unit_test(test_registration_is_checked),
        cmocka_unit_test(test_a_callback_does_not_wait_for_itself),
        cmocka_unit_test(test_destroy_refuses_what_is_in_use),
        cmocka_unit_test(test_allocator_accounts_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
