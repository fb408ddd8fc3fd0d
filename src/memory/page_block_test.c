/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/memory/page_block.h"
#include "hone/platform/pages.h"

enum { MIB = 1 << 20 };

static void test_bad_options_are_refused(void **state) {
    (void)state;
    const struct {
        hone_page_block_options options;
        hone_status status;
    } cases[] = {
        {{.size_bytes = 0}, HONE_STATUS_INVALID_ARGUMENT},
        {{.size_bytes = 1, .alignment = 3}, HONE_STATUS_INVALID_ARGUMENT},
        {{.size_bytes = 1, .huge_pages = (hone_huge_pages)9}, HONE_STATUS_INVALID_ARGUMENT},
        {{.size_bytes = SIZE_MAX}, HONE_STATUS_OVERFLOW},
        {{.size_bytes = SIZE_MAX - 8192}, HONE_STATUS_OVERFLOW},
        {{.size_bytes = SIZE_MAX / 4}, HONE_STATUS_OUT_OF_MEMORY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_page_block block = {0};
        hone_diag diag = {0};
        assert_int_equal(hone_page_block_init(&block, &cases[i].options, &diag), cases[i].status);
        assert_true(diag.message[0] != '\0');
        assert_null(block.data);
    }
}

static void test_shapes_of_small_pages(void **state) {
    (void)state;
    size_t page = hone_pages_size_bytes();
    static const size_t alignments[] = {0, 1, 4096, 65536, 16 * MIB};
    static const size_t sizes[] = {1, 4096, 4097, 3 * MIB + 5};
    for (size_t a = 0; a < sizeof alignments / sizeof *alignments; a++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            hone_page_block block;
            hone_page_block_options options = {.size_bytes = sizes[s], .alignment = alignments[a]};
            assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
            assert_int_equal(block.obtained, HONE_HUGE_PAGES_OFF);
            assert_int_equal(block.refusal, HONE_OK);
            assert_int_equal(block.page_bytes, page);
            assert_int_equal(block.size_bytes, (sizes[s] + page - 1) / page * page);
            assert_int_equal((uintptr_t)block.data % (alignments[a] ? alignments[a] : page), 0);
            uint8_t *bytes = block.data;
            for (size_t i = 0; i < block.size_bytes; i += page) {
                assert_int_equal(bytes[i], 0);
            }
            memset(bytes, 1, block.size_bytes);
            hone_page_block_deinit(&block);
            assert_null(block.data);
            hone_page_block_deinit(&block); /* zeroed: allowed */
        }
    }
}

/* What was obtained is either what was asked, or less with a reason; and the kernel's own figures
 * do not contradict it. */
static void check_kind(hone_huge_pages wanted, bool is_required) {
    hone_page_block block = {0};
    hone_diag diag = {0};
    hone_page_block_options options = {
        .size_bytes = 5 * MIB, .huge_pages = wanted, .is_required = is_required};
    hone_status status = hone_page_block_init(&block, &options, &diag);
    if (status != HONE_OK) {
        assert_true(is_required && wanted != HONE_HUGE_PAGES_OFF);
        assert_true(diag.message[0] != '\0');
        assert_null(block.data);
        return;
    }
    assert_true(block.obtained <= wanted);
    assert_int_equal(block.refusal == HONE_OK, block.obtained == wanted);
    assert_true(!is_required || block.obtained == wanted);
    assert_true(block.size_bytes >= 5 * MIB);
    memset(block.data, 1, block.size_bytes);
    size_t huge_bytes = SIZE_MAX;
    if (hone_page_block_measure(&block, &huge_bytes) == HONE_OK) {
        assert_true(huge_bytes <= block.size_bytes);
        assert_true(block.obtained != HONE_HUGE_PAGES_OFF || huge_bytes == 0);
        assert_true(block.obtained != HONE_HUGE_PAGES_EXPLICIT || huge_bytes == block.size_bytes);
    }
    if (block.obtained != HONE_HUGE_PAGES_OFF) {
        assert_int_equal((uintptr_t)block.data % block.page_bytes, 0);
    }
    hone_page_block_deinit(&block);
}

static void test_every_kind_is_reported_as_it_is(void **state) {
    (void)state;
    for (int kind = HONE_HUGE_PAGES_OFF; kind <= HONE_HUGE_PAGES_EXPLICIT; kind++) {
        check_kind((hone_huge_pages)kind, false);
        check_kind((hone_huge_pages)kind, true);
    }
}

static void test_discard_gives_zeroes(void **state) {
    (void)state;
    size_t page = hone_pages_size_bytes();
    hone_page_block block;
    hone_page_block_options options = {.size_bytes = 4 * page};
    assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
    uint8_t *bytes = block.data;
    memset(bytes, 1, 4 * page);
    /* From within page 0 to within page 3: whole are pages 1 and 2. */
    assert_int_equal(hone_page_block_discard(&block, 1, 3 * page), HONE_OK);
    for (size_t i = 0; i < 4 * page; i++) {
        assert_int_equal(bytes[i], i < page || i >= 3 * page);
    }
    assert_int_equal(hone_page_block_discard(&block, page + 1, page - 2), HONE_OK);
    assert_int_equal(hone_page_block_discard(&block, 4 * page, 0), HONE_OK);
    assert_int_equal(hone_page_block_discard(&block, page, 3 * page + 1),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_page_block_discard(&block, SIZE_MAX, 2), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_page_block_discard(&block, SIZE_MAX - 5, 5),
                     HONE_STATUS_INVALID_ARGUMENT);
    hone_page_block_deinit(&block);
}

static void test_budget_holds_the_block(void **state) {
    (void)state;
    size_t page = hone_pages_size_bytes();
    hone_budget *budget = NULL;
    hone_budget_options of_budget = {.name = "blocks", .limit_bytes = 3 * page};
    assert_int_equal(hone_budget_create(&of_budget, NULL, &budget), HONE_OK);
    hone_page_block block;
    hone_page_block_options options = {.size_bytes = 2 * page + 1, .budget = budget};
    assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, 3 * page);
    hone_page_block second = {0};
    hone_diag diag = {0};
    assert_int_equal(hone_page_block_init(&second, &options, &diag), HONE_STATUS_BUDGET);
    assert_string_equal(diag.subject, "blocks");
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, 3 * page);
    hone_page_block_deinit(&block);
    /* The lease of a try that failed is given back. */
    assert_int_equal(hone_budget_set_limit(budget, SIZE_MAX, NULL), HONE_OK);
    options.size_bytes = SIZE_MAX / 4;
    assert_int_equal(hone_page_block_init(&second, &options, NULL), HONE_STATUS_OUT_OF_MEMORY);
    options.huge_pages = HONE_HUGE_PAGES_EXPLICIT;
    assert_int_equal(hone_page_block_init(&second, &options, NULL), HONE_STATUS_OUT_OF_MEMORY);
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, 0);
    assert_int_equal(hone_budget_destroy(budget, NULL), HONE_OK);
}

/* Runs `touch` in a child and tells whether the child died of a signal. A sanitizer turns the
 * signal into an exit of its own, which is not 0 either. */
static bool is_fatal(uint8_t *address) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)close(STDERR_FILENO);
        (void)signal(SIGSEGV, SIG_DFL); /* the test runner's handler would carry on */
        (void)signal(SIGBUS, SIG_DFL);
        *(volatile uint8_t *)address = 1;
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    return !(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void test_overruns_fault(void **state) {
    (void)state;
    hone_page_block block;
    hone_page_block_options options = {.size_bytes = 100000, .alignment = 65536};
    assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
    uint8_t *bytes = block.data;
    assert_false(is_fatal(bytes));
    assert_false(is_fatal(bytes + block.size_bytes - 1));
    assert_true(is_fatal(bytes - 1));
    assert_true(is_fatal(bytes + block.size_bytes));
    hone_page_block_deinit(&block);
}

static void test_the_seam_checks_its_arguments(void **state) {
    (void)state;
    void *pages = NULL;
    size_t page = hone_pages_size_bytes();
    assert_int_equal(hone_pages_map(0, page, &pages), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_pages_map(page + 1, page, &pages), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_pages_map(page, page / 2, &pages), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_pages_map(page, 3 * page, &pages), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_pages_map(page, SIZE_MAX / 2 + 1, &pages), HONE_STATUS_OVERFLOW);
    size_t huge = hone_pages_reserved_huge_bytes();
    hone_status status = hone_pages_map_huge(huge + page, &pages);
    assert_int_equal(status, huge ? HONE_STATUS_INVALID_ARGUMENT : HONE_STATUS_ABSENT);
    assert_null(pages);
    hone_pages_unmap(NULL, page);
    hone_pages_unmap_huge(NULL, page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_options_are_refused),
        cmocka_unit_test(test_shapes_of_small_pages),
        cmocka_unit_test(test_every_kind_is_reported_as_it_is),
        cmocka_unit_test(test_discard_gives_zeroes),
        cmocka_unit_test(test_budget_holds_the_block),
        cmocka_unit_test(test_overruns_fault),
        cmocka_unit_test(test_the_seam_checks_its_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
