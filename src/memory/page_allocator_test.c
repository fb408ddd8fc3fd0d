/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "hone/base/arena.h"
#include "hone/memory/page_allocator.h"
#include "hone/platform/pages.h"
#include "hone/platform/thread.h"

static void test_shapes(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 64, 4096, 4097, 1 << 20, (3 << 20) + 5};
    static const size_t alignments[] = {1, 64, 4096, 1 << 16, 1 << 22};
    hone_page_allocator pages;
    for (int kind = HONE_HUGE_PAGES_OFF; kind <= HONE_HUGE_PAGES_TRANSPARENT; kind++) {
        hone_page_allocator_options options = {.huge_pages = (hone_huge_pages)kind};
        assert_int_equal(hone_page_allocator_init(&pages, &options, NULL), HONE_OK);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (size_t a = 0; a < sizeof alignments / sizeof *alignments; a++) {
                uint8_t *block = hone_allocate(&pages.allocator, sizes[s], alignments[a]);
                assert_non_null(block);
                assert_int_equal((uintptr_t)block % alignments[a], 0);
                assert_int_equal(block[sizes[s] - 1], 0);
                memset(block, 1, sizes[s]);
                assert_true(hone_page_allocator_live_bytes(&pages) >= sizes[s]);
                hone_release(&pages.allocator, block, sizes[s], alignments[a]);
                assert_int_equal(hone_page_allocator_live_bytes(&pages), 0);
            }
        }
        assert_null(hone_allocate(&pages.allocator, SIZE_MAX, 1));
        assert_null(hone_allocate(&pages.allocator, SIZE_MAX / 4, 1));
        assert_int_equal(hone_page_allocator_live_bytes(&pages), 0);
    }
}

static void test_resize(void **state) {
    (void)state;
    hone_page_allocator pages;
    size_t page = hone_pages_size_bytes();
    assert_int_equal(hone_page_allocator_init(&pages, NULL, NULL), HONE_OK);
    uint8_t *block = hone_allocate(&pages.allocator, 100, 64);
    assert_non_null(block);
    memset(block, 7, 100);
    assert_ptr_equal(hone_reallocate(&pages.allocator, block, 100, page, 64), block);
    uint8_t *larger = hone_reallocate(&pages.allocator, block, page, 5 * page + 1, 64);
    assert_non_null(larger);
    assert_int_equal(hone_page_allocator_live_bytes(&pages), 6 * page);
    assert_int_equal(larger[99], 7);
    assert_int_equal(larger[100], 0);
    assert_null(hone_reallocate(&pages.allocator, larger, 5 * page + 1, SIZE_MAX, 64));
    uint8_t *smaller = hone_reallocate(&pages.allocator, larger, 5 * page + 1, 50, 64);
    assert_non_null(smaller);
    assert_int_equal(smaller[49], 7);
    hone_release(&pages.allocator, smaller, 50, 64);
    assert_int_equal(hone_page_allocator_live_bytes(&pages), 0);
}

static void test_budget(void **state) {
    (void)state;
    size_t page = hone_pages_size_bytes();
    hone_budget *budget = NULL;
    hone_page_allocator pages;
    hone_budget_options of_budget = {.name = "pages", .limit_bytes = 4 * page};
    assert_int_equal(hone_budget_create(&of_budget, NULL, &budget), HONE_OK);
    hone_page_allocator_options options = {.budget = budget};
    assert_int_equal(hone_page_allocator_init(&pages, &options, NULL), HONE_OK);
    void *block = hone_allocate(&pages.allocator, 2 * page + 1, 1);
    assert_non_null(block);
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, 3 * page);
    assert_null(hone_allocate(&pages.allocator, 2 * page, 1));
    assert_null(hone_reallocate(&pages.allocator, block, 2 * page + 1, 4 * page, 1));
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, 3 * page);
    hone_release(&pages.allocator, block, 2 * page + 1, 1);
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, 0);
    assert_int_equal(hone_budget_destroy(budget, NULL), HONE_OK);
}

static void test_bad_options(void **state) {
    (void)state;
    hone_page_allocator pages;
    hone_diag diag = {0};
    hone_page_allocator_options huge = {.huge_pages = HONE_HUGE_PAGES_EXPLICIT};
    hone_page_allocator_options none = {.placement = HONE_NUMA_BIND};
    assert_int_equal(hone_page_allocator_init(&pages, &huge, &diag), HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "page block"));
    assert_int_equal(hone_page_allocator_init(&pages, &none, &diag), HONE_STATUS_INVALID_ARGUMENT);
}

/* An arena whose chunks come from each node that there is lies on that node. */
static void test_an_arena_on_each_node(void **state) {
    (void)state;
    hone_cpu_set there;
    if (hone_numa_nodes(&there) != HONE_OK || hone_cpu_set_count(&there) == 0) {
        skip();
    }
    for (uint32_t node = hone_cpu_set_next(&there, 0); node < HONE_CPUS_MAX;
         node = hone_cpu_set_next(&there, node + 1)) {
        hone_page_allocator pages;
        hone_arena arena;
        hone_cpu_set one = {{0}};
        hone_cpu_set_add(&one, node);
        hone_page_allocator_options options = {.placement = HONE_NUMA_BIND, .nodes = &one};
        assert_int_equal(hone_page_allocator_init(&pages, &options, NULL), HONE_OK);
        hone_arena_init(&arena, &pages.allocator, 8 << 20);
        for (size_t i = 0; i < 100; i++) {
            void *block = hone_arena_allocate(&arena, 10000, 64);
            int32_t found = 0;
            assert_non_null(block);
            memset(block, 1, 10000);
            hone_status status = hone_numa_locate(&block, 1, &found);
            assert_true(status != HONE_OK || found == (int32_t)node);
        }
        assert_true(hone_page_allocator_live_bytes(&pages) >= 1000000);
        hone_arena_deinit(&arena);
        assert_int_equal(hone_page_allocator_live_bytes(&pages), 0);
    }
}

enum { THREADS_COUNT = 4, ROUNDS_COUNT = 200 };

static void allocate_often(void *context) {
    hone_page_allocator *pages = context;
    for (size_t i = 1; i <= ROUNDS_COUNT; i++) {
        uint8_t *block = hone_allocate(&pages->allocator, i * 100, 64);
        if (block) {
            block[0] = block[i * 100 - 1] = 1;
            hone_release(&pages->allocator, block, i * 100, 64);
        }
    }
}

static void test_threads(void **state) {
    (void)state;
    hone_page_allocator pages;
    hone_thread threads[THREADS_COUNT];
    assert_int_equal(hone_page_allocator_init(&pages, NULL, NULL), HONE_OK);
    for (int i = 0; i < THREADS_COUNT; i++) {
        assert_int_equal(hone_thread_create("pages", allocate_often, &pages, &threads[i]), HONE_OK);
    }
    for (int i = 0; i < THREADS_COUNT; i++) {
        hone_thread_join(threads[i]);
    }
    assert_int_equal(hone_page_allocator_live_bytes(&pages), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_an_arena_on_each_node),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
