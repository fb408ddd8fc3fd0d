/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/platform/numa.h"
#include "hone/platform/pages.h"
#include "machine_test_internal.h"

enum { PAGES = 16 };

static hone_cpu_set set_of(const char *list) {
    hone_cpu_set set;
    assert_int_equal(hone_cpu_set_parse(hone_text_of(list), &set), HONE_OK);
    return set;
}

/* A node that this machine does not have. */
static hone_cpu_set missing_node(void) {
    hone_cpu_set there, missing = {{0}};
    assert_int_equal(hone_numa_nodes(&there), HONE_OK);
    for (uint32_t node = 0; node < HONE_CPUS_MAX; node++) {
        if (!hone_cpu_set_has(&there, node)) {
            hone_cpu_set_add(&missing, node);
            break;
        }
    }
    return missing;
}

static bool has_nodes(void) {
    hone_cpu_set nodes;
    return hone_numa_nodes(&nodes) == HONE_OK && hone_cpu_set_count(&nodes) > 0;
}

static void test_check(void **state) {
    (void)state;
    hone_diag diag = {0};
    hone_cpu_set none = {{0}}, zero = set_of("0");
    for (int i = HONE_NUMA_DEFAULT; i <= HONE_NUMA_INTERLEAVE; i++) {
        bool wants = i >= HONE_NUMA_BIND;
        hone_numa_policy policy = (hone_numa_policy)i;
        assert_int_equal(hone_numa_check(policy, &none, &diag),
                         wants ? HONE_STATUS_INVALID_ARGUMENT : HONE_OK);
        assert_int_equal(hone_numa_check(policy, NULL, NULL),
                         wants ? HONE_STATUS_INVALID_ARGUMENT : HONE_OK);
        if (!wants) {
            assert_int_equal(hone_numa_check(policy, &zero, NULL), HONE_STATUS_INVALID_ARGUMENT);
        }
    }
    assert_int_equal(hone_numa_check((hone_numa_policy)9, NULL, &diag),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_string_equal(hone_numa_policy_name((hone_numa_policy)9), "unknown");
    if (!has_nodes()) {
        skip();
    }
    hone_cpu_set missing = missing_node(), there;
    char list[160];
    assert_int_equal(hone_numa_nodes(&there), HONE_OK);
    (void)hone_cpu_set_format(&there, list, sizeof list);
    assert_int_equal(hone_numa_check(HONE_NUMA_BIND, &missing, &diag), HONE_STATUS_ABSENT);
    assert_non_null(strstr(diag.message, "there are: "));
    assert_non_null(strstr(diag.message, list));
    assert_int_equal(hone_numa_check(HONE_NUMA_INTERLEAVE, &there, &diag), HONE_OK);
}

static void test_pages(void **state) {
    (void)state;
    if (!has_nodes()) {
        skip();
    }
    size_t page = hone_pages_size_bytes();
    void *block, *pages[PAGES];
    int32_t nodes[PAGES];
    hone_cpu_set there, missing = missing_node();
    assert_int_equal(hone_numa_nodes(&there), HONE_OK);
    assert_int_equal(hone_pages_map(PAGES * page, page, &block), HONE_OK);
    for (size_t i = 0; i < PAGES; i++) {
        pages[i] = (uint8_t *)block + i * page;
    }
    hone_status status = hone_numa_locate(pages, PAGES, nodes);
    if (status == HONE_STATUS_FORBIDDEN || status == HONE_STATUS_UNSUPPORTED) {
        hone_pages_unmap(block, PAGES * page);
        skip(); /* a sandbox; an emulator that does not know the call */
    }
    assert_int_equal(status, HONE_OK);
    for (size_t i = 0; i < PAGES; i++) {
        assert_int_equal(nodes[i], HONE_NUMA_NODE_NONE);
    }
    assert_int_equal(hone_numa_place(block, PAGES * page, HONE_NUMA_BIND, &missing, false, NULL),
                     HONE_STATUS_ABSENT);
    assert_int_equal(
        hone_numa_place(block, PAGES * page, HONE_NUMA_INTERLEAVE, &there, false, NULL), HONE_OK);
    assert_int_equal(hone_pages_populate(block, PAGES * page), HONE_OK);
    assert_int_equal(hone_numa_locate(pages, PAGES, nodes), HONE_OK);
    for (size_t i = 0; i < PAGES; i++) {
        assert_true(nodes[i] >= 0 && hone_cpu_set_has(&there, (uint32_t)nodes[i]));
    }
    memset(block, 7, PAGES * page);
    hone_cpu_set first = {{0}};
    hone_cpu_set_add(&first, hone_cpu_set_next(&there, 0));
    assert_int_equal(hone_numa_place(block, PAGES * page, HONE_NUMA_BIND, &first, true, NULL),
                     HONE_OK);
    assert_int_equal(hone_numa_locate(pages, PAGES, nodes), HONE_OK);
    for (size_t i = 0; i < PAGES; i++) {
        assert_int_equal(nodes[i], hone_cpu_set_next(&there, 0));
        assert_int_equal(*(uint8_t *)pages[i], 7); /* moved, not lost */
    }
    assert_int_equal(hone_numa_place(block, PAGES * page, HONE_NUMA_LOCAL, NULL, false, NULL),
                     HONE_OK);
    assert_int_equal(hone_numa_locate(pages, 513, nodes), HONE_STATUS_INVALID_ARGUMENT);
    hone_pages_unmap(block, PAGES * page);
}

static void test_populate_keeps_content(void **state) {
    (void)state;
    size_t page = hone_pages_size_bytes();
    void *block;
    assert_int_equal(hone_pages_map(4 * page, page, &block), HONE_OK);
    memset(block, 9, 2 * page);
    assert_int_equal(hone_pages_populate(block, 4 * page), HONE_OK);
    for (size_t i = 0; i < 4 * page; i++) {
        assert_int_equal(((uint8_t *)block)[i], i < 2 * page ? 9 : 0);
    }
    hone_pages_unmap(block, 4 * page);
}

static void test_thread(void **state) {
    (void)state;
    hone_numa_policy policy;
    hone_cpu_set nodes, there, missing;
    hone_diag diag = {0};
    if (!has_nodes() || hone_numa_get_thread(&policy, &nodes) != HONE_OK) {
        skip();
    }
    missing = missing_node();
    assert_int_equal(hone_numa_nodes(&there), HONE_OK);
    assert_int_equal(hone_numa_set_thread(HONE_NUMA_INTERLEAVE, &there, NULL), HONE_OK);
    assert_int_equal(hone_numa_set_thread(HONE_NUMA_BIND, &missing, &diag), HONE_STATUS_ABSENT);
    assert_int_equal(hone_numa_get_thread(&policy, &nodes), HONE_OK);
    assert_int_equal(policy, HONE_NUMA_INTERLEAVE); /* the bad one changed nothing */
    assert_memory_equal(&nodes, &there, sizeof nodes);
    assert_int_equal(hone_numa_set_thread(HONE_NUMA_LOCAL, NULL, NULL), HONE_OK);
    assert_int_equal(hone_numa_get_thread(&policy, &nodes), HONE_OK);
    assert_int_equal(policy, HONE_NUMA_LOCAL);
    assert_int_equal(hone_numa_set_thread(HONE_NUMA_DEFAULT, NULL, NULL), HONE_OK);
    assert_int_equal(hone_numa_get_thread(&policy, &nodes), HONE_OK);
    assert_int_equal(policy, HONE_NUMA_DEFAULT);
}

/* ---- calls that fail ---- */

enum { NO_FILTER = 77, ADVICE_POPULATE_WRITE = 23 };

/* From now on this process gets `error` from the system call (for madvise: from populating). */
static bool deny_call(uint32_t number, uint32_t error) {
    bool is_populating = number == SYS_madvise;
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ADVICE_POPULATE_WRITE, 0, is_populating ? 1 : 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* Runs in a child, whose exit code it is: 0 for right. */
static void run_denied(uint32_t number, uint32_t error, int (*run)(void *pages, hone_status wanted),
                       hone_status wanted) {
    int result;
    void *pages;
    size_t page = hone_pages_size_bytes();
    assert_int_equal(hone_pages_map(PAGES * page, page, &pages), HONE_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(deny_call(number, error) ? run(pages, wanted) : NO_FILTER);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    hone_pages_unmap(pages, PAGES * page);
    assert_true(WIFEXITED(result));
    if (WEXITSTATUS(result) == NO_FILTER) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(result), 0);
}

static int ask_nodes(void *pages, hone_status wanted) {
    hone_cpu_set nodes, zero = {{1}};
    hone_diag diag = {0};
    if (hone_numa_nodes(&nodes) != wanted ||
        hone_numa_check(HONE_NUMA_BIND, &zero, &diag) != wanted || !diag.message[0]) {
        return 1;
    }
    /* The others need no nodes, and so no answer. */
    return hone_numa_place(pages, hone_pages_size_bytes(), HONE_NUMA_LOCAL, NULL, false, NULL);
}

static int place_pages(void *pages, hone_status wanted) {
    hone_diag diag = {0};
    hone_status status =
        hone_numa_place(pages, hone_pages_size_bytes(), HONE_NUMA_LOCAL, NULL, false, &diag);
    return status != wanted || !strstr(diag.message, "mbind");
}

static int locate_pages(void *pages, hone_status wanted) {
    int32_t node = 5;
    return hone_numa_locate(&pages, 1, &node) != wanted || node != 5;
}

static int populate_pages(void *pages, hone_status wanted) {
    size_t page = hone_pages_size_bytes();
    if (hone_pages_populate(pages, PAGES * page) != wanted) {
        return 1;
    }
    for (size_t i = 0; i < PAGES; i++) {
        void *at = (uint8_t *)pages + i * page;
        int32_t node;
        if (wanted == HONE_OK && hone_numa_locate(&at, 1, &node) == HONE_OK &&
            node == HONE_NUMA_NODE_NONE) {
            return 2; /* the fallback did not touch it */
        }
    }
    return 0;
}

/* Absent, forbidden and unsupported are three answers. */
static void test_denied(void **state) {
    (void)state;
    if (!has_nodes()) {
        skip();
    }
    run_denied(SYS_get_mempolicy, EPERM, ask_nodes, HONE_STATUS_FORBIDDEN);
    run_denied(SYS_get_mempolicy, ENOSYS, ask_nodes, HONE_STATUS_UNSUPPORTED);
    run_denied(SYS_mbind, EPERM, place_pages, HONE_STATUS_FORBIDDEN);
    run_denied(SYS_mbind, ENOSYS, place_pages, HONE_STATUS_UNSUPPORTED);
    run_denied(SYS_mbind, ENOMEM, place_pages, HONE_STATUS_OUT_OF_MEMORY);
    run_denied(SYS_move_pages, EPERM, locate_pages, HONE_STATUS_FORBIDDEN);
    run_denied(SYS_move_pages, ENOSYS, locate_pages, HONE_STATUS_UNSUPPORTED);
    run_denied(SYS_madvise, EINVAL, populate_pages, HONE_OK); /* a kernel before 5.14 */
    run_denied(SYS_madvise, ENOMEM, populate_pages, HONE_STATUS_OUT_OF_MEMORY);
}

static const char *const two_nodes[] = {"10 21", "21 10"};
static const char *const four_nodes[] = {"10 16 32 32", "16 10 32 32", "32 32 10 16",
                                         "32 32 16 10"};
static const char *const one_node[] = {"10"};

static void test_strategies(void **state) {
    (void)state;
    static const struct {
        test_shape shape;
        const char *allowed;
        hone_numa_workload workload;
        uint32_t threads;
        hone_numa_policy policy;
        const char *nodes;
    } cases[] = {
        {{1, 1, 4, 2, one_node}, "0-7", HONE_NUMA_WORKLOAD_THREADS, 8, HONE_NUMA_DEFAULT, ""},
        {{1, 1, 4, 2, one_node}, "0-7", HONE_NUMA_WORKLOAD_PIPELINE, 8, HONE_NUMA_DEFAULT, ""},
        {{2, 1, 4, 1, two_nodes}, "0-7", HONE_NUMA_WORKLOAD_THREADS, 0, HONE_NUMA_BIND, "0"},
        {{2, 1, 4, 1, two_nodes}, "0-7", HONE_NUMA_WORKLOAD_THREADS, 1, HONE_NUMA_BIND, "0"},
        {{2, 1, 4, 1, two_nodes}, "0-7", HONE_NUMA_WORKLOAD_THREADS, 4, HONE_NUMA_BIND, "0"},
        {{2, 1, 4, 1, two_nodes},
         "0-7",
         HONE_NUMA_WORKLOAD_THREADS,
         5,
         HONE_NUMA_INTERLEAVE,
         "0-1"},
        {{2, 1, 4, 1, two_nodes},
         "0-7",
         HONE_NUMA_WORKLOAD_THREADS,
         99,
         HONE_NUMA_INTERLEAVE,
         "0-1"},
        {{2, 1, 4, 1, two_nodes}, "4-7", HONE_NUMA_WORKLOAD_THREADS, 8, HONE_NUMA_DEFAULT, ""},
        {{2, 1, 4, 1, two_nodes}, "3-7", HONE_NUMA_WORKLOAD_THREADS, 1, HONE_NUMA_BIND, "0"},
        {{2, 1, 4, 1, two_nodes}, "0-7", HONE_NUMA_WORKLOAD_PIPELINE, 2, HONE_NUMA_LOCAL, ""},
        {{4, 1, 2, 1, four_nodes},
         "0-7",
         HONE_NUMA_WORKLOAD_THREADS,
         5,
         HONE_NUMA_INTERLEAVE,
         "0-2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char root[512];
        hone_cpu_layout layout;
        hone_numa_strategy strategy;
        hone_cpu_set expected = set_of(cases[i].nodes);
        hn_test_make_folder(root, sizeof root);
        hn_test_write_shape(root, &cases[i].shape, cases[i].allowed);
        assert_int_equal(hone_cpu_layout_read(root, NULL, NULL, &layout), HONE_OK);
        hone_numa_choose(&layout, cases[i].workload, cases[i].threads, &strategy);
        assert_int_equal(strategy.policy, cases[i].policy);
        assert_memory_equal(&strategy.nodes, &expected, sizeof expected);
        assert_int_equal(strategy.is_pinning, cases[i].policy != HONE_NUMA_DEFAULT);
        assert_true(strategy.reason[strlen(strategy.reason) - 1] == '.');
        hone_cpu_layout_deinit(&layout);
        hn_test_remove_folder(root);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_populate_keeps_content),
        cmocka_unit_test(test_thread),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_strategies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
