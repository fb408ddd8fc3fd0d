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

/* ---- nodes ---- */

static bool has_nodes(void) {
    hone_cpu_set nodes;
    return hone_numa_nodes(&nodes) == HONE_OK && hone_cpu_set_count(&nodes) > 0;
}

static void test_a_node_that_is_not_there(void **state) {
    (void)state;
    if (!has_nodes()) {
        skip();
    }
    hone_cpu_set there, both;
    char list[160];
    assert_int_equal(hone_numa_nodes(&there), HONE_OK);
    (void)hone_cpu_set_format(&there, list, sizeof list);
    uint32_t missing = 0;
    while (hone_cpu_set_has(&there, missing)) {
        missing++;
    }
    both = there;
    hone_cpu_set_add(&both, missing);
    static const hone_numa_policy policies[] = {HONE_NUMA_BIND, HONE_NUMA_INTERLEAVE};
    for (size_t i = 0; i < 2; i++) {
        hone_budget *budget = NULL;
        hone_budget_options of_budget = {.name = "blocks", .limit_bytes = 16 * MIB};
        assert_int_equal(hone_budget_create(&of_budget, NULL, &budget), HONE_OK);
        hone_page_block block = {0};
        hone_diag diag = {0};
        hone_page_block_options options = {
            .size_bytes = MIB, .placement = policies[i], .nodes = &both, .budget = budget};
        assert_int_equal(hone_page_block_init(&block, &options, &diag), HONE_STATUS_ABSENT);
        assert_non_null(strstr(diag.message, list));
        assert_null(block.data);
        assert_int_equal(hone_budget_read_usage(budget).held_bytes, 0);
        options.nodes = NULL;
        assert_int_equal(hone_page_block_init(&block, &options, &diag),
                         HONE_STATUS_INVALID_ARGUMENT);
        assert_int_equal(hone_budget_destroy(budget, NULL), HONE_OK);
    }
    hone_page_block block;
    hone_diag diag = {0};
    hone_page_block_options options = {.size_bytes = MIB, .is_prefaulted = true};
    assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
    assert_int_equal(hone_page_block_migrate(&block, missing, &diag), HONE_STATUS_ABSENT);
    assert_non_null(strstr(diag.message, list));
    assert_int_equal(block.placement, HONE_NUMA_DEFAULT);
    assert_int_equal(hone_page_block_migrate(&block, UINT32_MAX, &diag), HONE_STATUS_ABSENT);
    hone_page_block_deinit(&block);
}

/* Every policy that this machine can have puts pages where it says. */
static void test_placements(void **state) {
    (void)state;
    hone_cpu_set there, first = {{0}};
    if (!has_nodes()) {
        skip();
    }
    assert_int_equal(hone_numa_nodes(&there), HONE_OK);
    uint32_t node = hone_cpu_set_next(&there, 0);
    hone_cpu_set_add(&first, node);
    const struct {
        hone_numa_policy policy;
        const hone_cpu_set *nodes;
    } cases[] = {{HONE_NUMA_DEFAULT, NULL},
                 {HONE_NUMA_LOCAL, NULL},
                 {HONE_NUMA_BIND, &first},
                 {HONE_NUMA_INTERLEAVE, &there}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_page_block block;
        hone_page_placement placement;
        hone_page_block_options options = {
            .size_bytes = 3 * MIB, .placement = cases[i].policy, .nodes = cases[i].nodes};
        assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
        hone_status status = hone_page_block_placement(&block, &placement);
        if (status == HONE_STATUS_FORBIDDEN || status == HONE_STATUS_UNSUPPORTED) {
            hone_page_block_deinit(&block);
            skip();
        }
        assert_int_equal(status, HONE_OK);
        assert_int_equal(placement.resident_count, 0);
        assert_true(placement.hit_rate < 0);
        assert_int_equal(hone_page_block_prefault(&block), HONE_OK);
        memset(block.data, 5, block.size_bytes);
        assert_int_equal(hone_page_block_placement(&block, &placement), HONE_OK);
        assert_int_equal(placement.pages_count, block.size_bytes / hone_pages_size_bytes());
        assert_int_equal(placement.resident_count, placement.pages_count);
        uint64_t sum = placement.other_count;
        for (size_t n = 0; n < HONE_PAGE_PLACEMENT_NODES_MAX; n++) {
            sum += placement.node_counts[n];
        }
        assert_int_equal(sum, placement.resident_count);
        bool is_asked = cases[i].policy != HONE_NUMA_DEFAULT;
        assert_true(is_asked ? placement.hit_rate > 0.99 : placement.hit_rate < 0);
        assert_int_equal(hone_page_block_migrate(&block, node, NULL), HONE_OK);
        assert_int_equal(hone_page_block_placement(&block, &placement), HONE_OK);
        assert_int_equal(placement.hit_count, placement.pages_count);
        for (size_t b = 0; b < block.size_bytes; b++) {
            if (((uint8_t *)block.data)[b] != 5) {
                fail_msg("byte %zu was lost", b);
            }
        }
        hone_page_block_deinit(&block);
    }
}

static void test_prefaulted(void **state) {
    (void)state;
    for (int kind = HONE_HUGE_PAGES_OFF; kind <= HONE_HUGE_PAGES_EXPLICIT; kind++) {
        hone_page_block block;
        hone_page_placement placement;
        hone_page_block_options options = {
            .size_bytes = 5 * MIB, .huge_pages = (hone_huge_pages)kind, .is_prefaulted = true};
        assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
        if (hone_page_block_placement(&block, &placement) == HONE_OK) {
            assert_int_equal(placement.resident_count, placement.pages_count);
        }
        hone_page_block_deinit(&block);
    }
}

static void test_advised(void **state) {
    (void)state;
    hone_huge_page_offer offer;
    hone_huge_page_offer_read(&offer);
    static const hone_huge_page_figures gaining = {200, 100, 1e10, 1e10, 2e6, 1e6};
    static const hone_huge_page_figures level = {100, 100, 1e10, 1e10, 1e6, 1e6};
    static const hone_huge_page_figures broken = {0};
    hone_page_block block = {0};
    hone_diag diag = {0};
    hone_page_block_options options = {.size_bytes = 64 * MIB,
                                       .huge_pages = HONE_HUGE_PAGES_ADVISED};
    assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
    assert_int_equal(block.obtained, HONE_HUGE_PAGES_OFF); /* not calibrated, and below 256 MiB */
    assert_int_equal(block.refusal, HONE_OK);
    hone_page_block_deinit(&block);
    options.figures = &level;
    assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
    assert_int_equal(block.obtained, HONE_HUGE_PAGES_OFF);
    hone_page_block_deinit(&block);
    options.figures = &gaining;
    assert_int_equal(hone_page_block_init(&block, &options, NULL), HONE_OK);
    if (offer.is_transparent_allowed && offer.reserved_free_bytes < 64 * MIB) {
        assert_int_equal(block.obtained, HONE_HUGE_PAGES_TRANSPARENT);
    }
    hone_page_block_deinit(&block);
    options.figures = &broken;
    assert_int_equal(hone_page_block_init(&block, &options, &diag), HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "not positive"));
    assert_null(block.data);
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
        cmocka_unit_test(test_a_node_that_is_not_there),
        cmocka_unit_test(test_placements),
        cmocka_unit_test(test_prefaulted),
        cmocka_unit_test(test_advised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
