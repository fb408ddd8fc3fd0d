/* SPDX-License-Identifier: Apache-2.0 */
/* The allocators for tests, tested: each must see what it is there to see. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "hone/base/arena.h"
#include "hone/base/buffer.h"
#include "hone/memory/checking.h"
#include "hone/memory/failing.h"
#include "random_test.h"

static hone_checking *make(size_t blocks_max) {
    hone_checking *checking = NULL;
    assert_int_equal(hone_checking_create(NULL, blocks_max, &checking), HONE_OK);
    return checking;
}

/* Verifies, expects `status` and, in the message, `part`. Destroys. */
static void expect(hone_checking *checking, hone_status status, const char *part) {
    hone_diag diag = {0};
    assert_int_equal(hone_checking_verify(checking, &diag), status);
    if (part && !strstr(diag.message, part)) {
        fail_msg("'%s' is not in: %s", part, diag.message);
    }
    hone_checking_destroy(checking);
}

static void test_clean_use_is_clean(void **state) {
    (void)state;
    hone_checking *checking = make(4);
    const hone_allocator *allocator = hone_checking_allocator(checking);
    uint8_t *block = hone_allocate(allocator, 10, 64);
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_int_equal(block[0], 0xCD);
    memcpy(block, "0123456789", 10);
    block = hone_reallocate(allocator, block, 10, 100, 64);
    assert_memory_equal(block, "0123456789", 10);
    block = hone_reallocate(allocator, block, 100, 4, 64);
    assert_memory_equal(block, "0123", 4);
    hone_release(allocator, block, 4, 64);
    expect(checking, HONE_OK, NULL);
}

static void test_each_fault_is_seen(void **state) {
    (void)state;
    hone_checking *checking = make(4);
    const hone_allocator *allocator = hone_checking_allocator(checking);
    void *block = hone_allocate(allocator, 10, 8);
    hone_release(allocator, block, 10, 8);
    hone_release(allocator, block, 10, 8);
    expect(checking, HONE_STATUS_CORRUPT, "released twice");

    checking = make(4);
    allocator = hone_checking_allocator(checking);
    hone_release(allocator, hone_allocate(allocator, 10, 8), 11, 8);
    expect(checking, HONE_STATUS_CORRUPT, "given back with 11 at 8");

    checking = make(4);
    allocator = hone_checking_allocator(checking);
    hone_release(allocator, hone_allocate(allocator, 10, 8), 10, 16);
    expect(checking, HONE_STATUS_CORRUPT, "given back with 10 at 16");

    checking = make(4);
    allocator = hone_checking_allocator(checking);
    char *overrun = hone_allocate(allocator, 10, 8);
    overrun[10] = 1;
    hone_release(allocator, overrun, 10, 8);
    expect(checking, HONE_STATUS_CORRUPT, "behind its end");

    checking = make(4);
    allocator = hone_checking_allocator(checking);
    char *live_overrun = hone_allocate(allocator, 10, 8);
    live_overrun[10] = 1;
    expect(checking, HONE_STATUS_CORRUPT, "behind its end");

    checking = make(1);
    allocator = hone_checking_allocator(checking);
    block = hone_allocate(allocator, 10, 8);
    assert_null(hone_allocate(allocator, 10, 8));
    hone_release(allocator, block, 10, 8);
    expect(checking, HONE_STATUS_CORRUPT, "more than 1 blocks");

    checking = make(4);
    allocator = hone_checking_allocator(checking);
    assert_null(hone_allocate(allocator, 10, 3));
    expect(checking, HONE_STATUS_CORRUPT, "not a power of two");

    checking = make(4);
    allocator = hone_checking_allocator(checking);
    assert_non_null(hone_allocate(allocator, 77, 8));
    assert_non_null(hone_allocate(allocator, 10, 8));
    expect(checking, HONE_STATUS_INTERNAL,
           "2 blocks were not released; the oldest is block 1 of 77");
}

static void test_the_table_holds_under_churn(void **state) {
    (void)state;
    enum { BLOCKS = 500 };
    hone_checking *checking = make(BLOCKS);
    const hone_allocator *allocator = hone_checking_allocator(checking);
    void *blocks[BLOCKS] = {0};
    size_t sizes[BLOCKS] = {0};
    uint64_t random = 7;
    for (int step = 0; step < 50000; step++) {
        size_t i = random_below(&random, BLOCKS);
        if (blocks[i]) {
            hone_release(allocator, blocks[i], sizes[i], 8);
            blocks[i] = NULL;
        } else {
            sizes[i] = 1 + random_below(&random, 64);
            blocks[i] = hone_allocate(allocator, sizes[i], 8);
            assert_non_null(blocks[i]);
        }
    }
    for (int i = 0; i < BLOCKS; i++) {
        hone_release(allocator, blocks[i], sizes[i], 8);
    }
    expect(checking, HONE_OK, NULL);
}

static void test_creation_survives_failures(void **state) {
    (void)state;
    hone_checking *checking = NULL;
    assert_int_equal(hone_checking_create(NULL, 0, &checking), HONE_STATUS_INVALID_ARGUMENT);
    for (uint64_t n = 1; n <= 2; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        assert_int_equal(hone_checking_create(&failing.allocator, 10, &checking),
                         HONE_STATUS_OUT_OF_MEMORY);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
    }
    hone_checking_destroy(NULL);
}

static void test_failing_counts_and_fails(void **state) {
    (void)state;
    for (int is_lasting = 0; is_lasting < 2; is_lasting++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, 3, is_lasting != 0);
        const hone_allocator *allocator = &failing.allocator;
        void *first = hone_allocate(allocator, 10, 8);
        first = hone_reallocate(allocator, first, 10, 30, 8);
        assert_non_null(first);
        assert_false(hone_failing_has_failed(&failing));
        assert_null(hone_reallocate(allocator, first, 30, 50, 8));
        assert_true(hone_failing_has_failed(&failing));
        void *fourth = hone_allocate(allocator, 5, 8);
        assert_int_equal(fourth == NULL, is_lasting);
        hone_failing_stats stats = hone_failing_read_stats(&failing);
        assert_int_equal(stats.calls_count, 4);
        assert_int_equal(stats.failed_count, 1 + is_lasting);
        assert_int_equal(stats.live_count, 2 - is_lasting);
        assert_int_equal(stats.live_bytes, is_lasting ? 30 : 35);
        hone_release(allocator, first, 30, 8);
        hone_release(allocator, fourth, 5, 8);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
    }
}

/* Arena and buffer over both: every allocation fails once, nothing is lost or given back wrongly.
 */
static void test_containers_of_base_survive_every_failure(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        hone_checking *checking = make(100);
        hone_failing failing;
        hone_failing_init(&failing, hone_checking_allocator(checking), n, false);
        hone_arena arena;
        hone_arena_init(&arena, &failing.allocator, 1 << 20);
        hone_buffer buffer;
        hone_buffer_init(&buffer, &failing.allocator, 1 << 20);
        hone_status expected = HONE_OK;
        for (size_t i = 1; i < 40; i++) {
            hone_arena_savepoint before = hone_arena_save(&arena);
            if (!hone_arena_allocate_zeroed(&arena, i, 100, 8)) {
                hone_arena_reset(&arena, before);
            }
            uint64_t failed = hone_failing_read_stats(&failing).failed_count;
            hone_buffer_format(&buffer, "%0*d", (int)i * 10, 7);
            if (hone_failing_read_stats(&failing).failed_count > failed) {
                expected = HONE_STATUS_OUT_OF_MEMORY;
            }
        }
        assert_int_equal(hone_buffer_status(&buffer), expected);
        hone_buffer_deinit(&buffer);
        hone_arena_deinit(&arena);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        expect(checking, HONE_OK, NULL);
        if (!hone_failing_has_failed(&failing)) {
            assert_true(n > 10);
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_use_is_clean),
        cmocka_unit_test(test_each_fault_is_seen),
        cmocka_unit_test(test_the_table_holds_under_churn),
        cmocka_unit_test(test_creation_survives_failures),
        cmocka_unit_test(test_failing_counts_and_fails),
        cmocka_unit_test(test_containers_of_base_survive_every_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
