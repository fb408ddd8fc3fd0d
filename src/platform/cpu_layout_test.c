/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "hone/platform/cpu_layout.h"
#include "hone/platform/detect.h"
#include "hone/platform/thread.h"
#include "machine_test_internal.h"

static hone_cpu_layout read_machine(const char *name) {
    char root[512];
    hone_cpu_layout layout;
    (void)snprintf(root, sizeof root, MACHINES_FOLDER "%s", name);
    assert_int_equal(hone_cpu_layout_read(root, NULL, NULL, &layout), HONE_OK);
    return layout;
}

/* "0,1,2": the CPUs of an order. */
static void format_order(const hone_cpu_layout *layout, hone_cpu_order order, bool is_one_per_core,
                         uint32_t count, char *out_text, size_t size) {
    uint32_t cpus[64];
    size_t used = 0;
    assert_true(count <= 64);
    assert_int_equal(hone_cpu_layout_place(layout, order, is_one_per_core, count, NULL, cpus),
                     HONE_OK);
    for (uint32_t i = 0; i < count; i++) {
        used += (size_t)snprintf(out_text + used, size - used, "%s%u", i ? "," : "", cpus[i]);
    }
}

static uint32_t distance(const hone_cpu_layout *layout, uint32_t a, uint32_t b) {
    const hone_cpu_place *x = hone_cpu_layout_find(layout, a), *y = hone_cpu_layout_find(layout, b);
    assert_non_null(x);
    assert_non_null(y);
    uint32_t there = hone_cpu_layout_distance(layout, x, y);
    assert_int_equal(there, hone_cpu_layout_distance(layout, y, x));
    return there;
}

typedef struct expected_layout {
    const char *machine;
    uint32_t cpus, cores, packages, caches, nodes;
    const char *compact, *scatter, *one_per_core; /* the last one compact */
} expected_layout;

static const expected_layout expected_layouts[] = {
    /* siblings 0,4 1,5 2,6 3,7; node 0 has the even ones */
    {"server-two-sockets", 8, 4, 2, 2, 2, "0,4,2,6,1,5,3,7", "0,1,2,3,4,5,6,7", "0,2,1,3"},
    {"laptop-on-battery", 4, 2, 1, 1, 1, "0,1,2,3", "0,2,1,3", "0,2"},
};

static void test_machines(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof expected_layouts / sizeof *expected_layouts; i++) {
        const expected_layout *expected = &expected_layouts[i];
        hone_cpu_layout layout = read_machine(expected->machine);
        char text[256];
        assert_int_equal(layout.cpus_count, expected->cpus);
        assert_int_equal(layout.cores_count, expected->cores);
        assert_int_equal(layout.packages_count, expected->packages);
        assert_int_equal(layout.cache_groups_count, expected->caches);
        assert_int_equal(layout.nodes_count, expected->nodes);
        assert_int_equal(layout.cores.value.number, expected->cores);
        format_order(&layout, HONE_CPU_ORDER_COMPACT, false, expected->cpus, text, sizeof text);
        assert_string_equal(text, expected->compact);
        format_order(&layout, HONE_CPU_ORDER_SCATTER, false, expected->cpus, text, sizeof text);
        assert_string_equal(text, expected->scatter);
        format_order(&layout, HONE_CPU_ORDER_COMPACT, true, expected->cores, text, sizeof text);
        assert_string_equal(text, expected->one_per_core);
        hone_cpu_layout_deinit(&layout);
    }
}

static void test_server(void **state) {
    (void)state;
    hone_cpu_layout layout = read_machine("server-two-sockets");
    assert_int_equal(distance(&layout, 0, 0), HONE_CPU_SAME_CORE);
    assert_int_equal(distance(&layout, 0, 4), HONE_CPU_SAME_CORE);
    assert_int_equal(distance(&layout, 0, 2), HONE_CPU_SAME_CACHE);
    assert_int_equal(distance(&layout, 0, 1), HONE_CPU_REMOTE);
    assert_int_equal(hone_cpu_layout_find(&layout, 5)->sibling, 1);
    assert_int_equal(hone_cpu_layout_find(&layout, 5)->package, 1);
    assert_null(hone_cpu_layout_find(&layout, 8));
    assert_int_equal(layout.nodes[1].number, 1);
    assert_int_equal(layout.nodes[1].cpus_count, 4);

    hone_diag diag;
    uint32_t cpus[16];
    hone_diag_clear(&diag);
    memset(cpus, 0xFF, sizeof cpus);
    assert_int_equal(hone_cpu_layout_place(&layout, HONE_CPU_ORDER_SCATTER, true, 5, &diag, cpus),
                     HONE_STATUS_LIMIT);
    assert_non_null(strstr(diag.message, "5 workers"));
    assert_non_null(strstr(diag.message, "8 CPUs on 4 cores"));
    assert_int_equal(cpus[0], UINT32_MAX);
    assert_int_equal(hone_cpu_layout_place(&layout, (hone_cpu_order)7, true, 1, &diag, cpus),
                     HONE_STATUS_INVALID_ARGUMENT);
    char text[256];
    format_order(&layout, HONE_CPU_ORDER_SCATTER, false, 10, text, sizeof text);
    assert_string_equal(text, "0,1,2,3,4,5,6,7,0,1"); /* begins again */
    format_order(&layout, HONE_CPU_ORDER_COMPACT, false, 0, text, sizeof text);
    hone_cpu_layout_deinit(&layout);
}

/* Two clusters of unlike cores that share no cache and tell of no nodes. */
static void test_board(void **state) {
    (void)state;
    hone_cpu_layout layout = read_machine("arm-board");
    assert_int_equal(layout.cores_count, layout.cpus_count);
    assert_true(layout.cache_groups_count >= 1);
    assert_int_equal(layout.nodes_count, 1);
    if (layout.cache_groups_count > 1) {
        assert_int_equal(distance(&layout, 0, layout.places[layout.cpus_count - 1].cpu),
                         HONE_CPU_SAME_NODE);
    }
    hone_cpu_layout_deinit(&layout);
}

static void test_flat(void **state) {
    (void)state;
    hone_cpu_layout layout = read_machine("nothing-readable");
    assert_int_equal(layout.cpus_count, 1);
    assert_int_equal(layout.usable.state, HONE_FACT_ABSENT);
    assert_int_equal(layout.nodes_count, 1);
    assert_int_equal(layout.nodes[0].cpus_count, 1);
    const hone_fact *facts[] = {&layout.cores, &layout.packages, &layout.cache_groups,
                                &layout.numa_nodes, &layout.usable};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        assert_int_equal(facts[i]->state, HONE_FACT_ABSENT);
        assert_true(strlen(facts[i]->reason) > 0);
    }
    hone_cpu_layout_deinit(&layout);

    layout = read_machine("container-v2"); /* a list of CPUs, and nothing about them */
    assert_int_equal(layout.usable.state, HONE_FACT_PRESENT);
    assert_true(layout.cpus_count > 1);
    assert_int_equal(layout.cores_count, layout.cpus_count);
    assert_int_equal(layout.cores.state, HONE_FACT_ABSENT);
    assert_int_equal(distance(&layout, layout.places[0].cpu, layout.places[1].cpu),
                     HONE_CPU_SAME_NODE);
    hone_cpu_layout_deinit(&layout);
}

static void test_nonsense(void **state) {
    (void)state;
    hone_cpu_layout layout = read_machine("nonsense-topology");
    assert_int_equal(layout.cpus_count, 2);
    assert_int_equal(layout.cores_count, 1);
    assert_int_equal(layout.packages.state, HONE_FACT_ABSENT);
    assert_int_equal(layout.nodes_count, 2);
    assert_int_equal(layout.nodes[0].cpus_count, 2); /* told by no node */
    assert_int_equal(distance(&layout, 0, 1), HONE_CPU_SAME_CORE);
    hone_cpu_layout_deinit(&layout);
    layout = read_machine("nonsense");
    assert_true(layout.cpus_count >= 1);
    hone_cpu_layout_deinit(&layout);
    hone_diag diag;
    hone_diag_clear(&diag);
    assert_int_equal(hone_cpu_layout_read("/nowhere", NULL, &diag, &layout),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "/nowhere"));
}

/* ---- machines made here ---- */

static const char *const four_nodes[] = {"10 16 32 32", "16 10 32 32", "32 32 10 16",
                                         "32 32 16 10"};
static const char *const two_nodes[] = {"10 21", "21 10"};

static void test_distances(void **state) {
    (void)state;
    char root[512];
    hone_cpu_layout layout;
    test_shape shape = {4, 2, 1, 1, four_nodes};
    hn_test_make_folder(root, sizeof root);
    hn_test_write_shape(root, &shape, "0-7");
    assert_int_equal(hone_cpu_layout_read(root, NULL, NULL, &layout), HONE_OK);
    assert_int_equal(distance(&layout, 0, 1), HONE_CPU_SAME_NODE);
    assert_int_equal(distance(&layout, 0, 2), HONE_CPU_REMOTE);
    assert_int_equal(distance(&layout, 0, 4), HONE_CPU_REMOTE + 1);
    assert_int_equal(distance(&layout, 7, 5), HONE_CPU_REMOTE);
    assert_int_equal(distance(&layout, 7, 2), HONE_CPU_REMOTE + 1);
    hone_cpu_layout_deinit(&layout);
    hn_test_remove_folder(root);
}

/* What the orders promise, on a machine with every level. */
static void check_orders(const hone_cpu_layout *layout) {
    uint32_t compact[64], scatter[64], count = layout->cpus_count;
    bool is_seen[64] = {false};
    assert_int_equal(
        hone_cpu_layout_place(layout, HONE_CPU_ORDER_COMPACT, false, count, NULL, compact),
        HONE_OK);
    assert_int_equal(
        hone_cpu_layout_place(layout, HONE_CPU_ORDER_SCATTER, false, count, NULL, scatter),
        HONE_OK);
    for (uint32_t i = 0; i < count; i++) {
        assert_false(is_seen[compact[i]]);
        is_seen[compact[i]] = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_true(is_seen[scatter[i]]); /* the same CPUs, each once */
        is_seen[scatter[i]] = false;
    }
    /* Compact: no later worker is nearer to the first one than an earlier one is. */
    for (uint32_t i = 1; i < count; i++) {
        assert_true(distance(layout, compact[0], compact[i - 1]) <=
                    distance(layout, compact[0], compact[i]));
    }
    /* Scatter: the first workers have a node each; one core each until the cores are used up. */
    for (uint32_t i = 0; i < layout->cores_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            uint32_t apart = distance(layout, scatter[i], scatter[j]);
            assert_true(apart > HONE_CPU_SAME_CORE);
            assert_true(i >= layout->nodes_count || apart >= HONE_CPU_REMOTE);
            assert_true(i >= layout->cache_groups_count || apart > HONE_CPU_SAME_CACHE);
        }
    }
}

static void test_orders(void **state) {
    (void)state;
    test_shape shapes[] = {
        {2, 2, 3, 2, two_nodes}, {4, 1, 2, 2, four_nodes}, {2, 3, 1, 4, two_nodes}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char root[512], allowed[32];
        hone_cpu_layout layout;
        hn_test_make_folder(root, sizeof root);
        (void)snprintf(allowed, sizeof allowed, "0-%u", hn_test_shape_cpus(&shapes[i]) - 1);
        hn_test_write_shape(root, &shapes[i], allowed);
        assert_int_equal(hone_cpu_layout_read(root, NULL, NULL, &layout), HONE_OK);
        assert_int_equal(layout.cpus_count, hn_test_shape_cpus(&shapes[i]));
        assert_int_equal(layout.cores_count, hn_test_shape_cpus(&shapes[i]) / shapes[i].siblings);
        check_orders(&layout);
        hone_cpu_layout_deinit(&layout);
        hn_test_remove_folder(root);
    }
}

/* Only some CPUs may be used: ranks and siblings are those of the usable ones. */
static void test_affinity(void **state) {
    (void)state;
    char root[512], text[64];
    hone_cpu_layout layout;
    test_shape shape = {2, 1, 2, 2, two_nodes};
    hn_test_make_folder(root, sizeof root);
    hn_test_write_shape(root, &shape, "1,5-7");
    assert_int_equal(hone_cpu_layout_read(root, NULL, NULL, &layout), HONE_OK);
    assert_int_equal(layout.cpus_count, 4);
    assert_int_equal(layout.cores_count, 3);
    assert_int_equal(hone_cpu_layout_find(&layout, 1)->sibling, 0);
    assert_int_equal(layout.nodes[0].cpus_count, 1);
    assert_int_equal(layout.nodes[1].cpus_count, 3);
    format_order(&layout, HONE_CPU_ORDER_SCATTER, false, 4, text, sizeof text);
    assert_string_equal(text, "1,5,6,7");
    format_order(&layout, HONE_CPU_ORDER_COMPACT, true, 3, text, sizeof text);
    assert_string_equal(text, "1,5,6");
    hone_cpu_layout_deinit(&layout);
    hn_test_remove_folder(root);
}

static void test_this_machine(void **state) {
    (void)state;
    hone_cpu_layout layout;
    assert_int_equal(hone_cpu_layout_read(NULL, NULL, NULL, &layout), HONE_OK);
    assert_int_equal(layout.usable.state, HONE_FACT_PRESENT);
    assert_true(layout.cpus_count <= hone_thread_cpus_allowed_count());
    uint32_t on_nodes = 0;
    for (uint32_t i = 0; i < layout.nodes_count; i++) {
        on_nodes += layout.nodes[i].cpus_count;
    }
    assert_int_equal(on_nodes, layout.cpus_count);
    for (uint32_t i = 0; i < layout.cpus_count; i++) {
        assert_ptr_equal(hone_cpu_layout_find(&layout, layout.places[i].cpu), &layout.places[i]);
        assert_true(layout.places[i].core < layout.cores_count);
        assert_true(layout.places[i].cache_group < layout.cache_groups_count);
    }
    /* What hwloc counts (where it is built in) is of the whole machine. */
    hone_platform platform;
    assert_int_equal(hone_platform_detect(NULL, NULL, &platform), HONE_OK);
    bool is_whole = hone_cpu_set_count(&platform.online_cpus) == layout.cpus_count;
    if (is_whole && layout.cores.state == HONE_FACT_PRESENT) {
        assert_int_equal(platform.cores.value.number, layout.cores_count);
    }
    if (is_whole && layout.packages.state == HONE_FACT_PRESENT) {
        assert_int_equal(platform.sockets.value.number, layout.packages_count);
    }
    if (layout.numa_nodes.state == HONE_FACT_PRESENT) {
        assert_int_equal(platform.nodes_count, layout.nodes_count);
    }
    hone_platform_deinit(&platform);
    hone_cpu_layout_deinit(&layout);
}

static void test_failing_allocations(void **state) {
    (void)state;
    hone_cpu_layout layout;
    size_t fail_at = 0;
    for (;; fail_at++) {
        test_allocator test;
        hn_test_allocator_init(&test, fail_at);
        hone_status status = hone_cpu_layout_read(MACHINES_FOLDER "server-two-sockets",
                                                  &test.allocator, NULL, &layout);
        if (status == HONE_OK) {
            hone_cpu_layout_deinit(&layout);
            assert_int_equal(test.held_bytes, 0);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
        assert_int_equal(test.held_bytes, 0);
    }
    assert_true(fail_at > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machines),     cmocka_unit_test(test_server),
        cmocka_unit_test(test_board),        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_nonsense),     cmocka_unit_test(test_distances),
        cmocka_unit_test(test_orders),       cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_this_machine), cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
