/* SPDX-License-Identifier: Apache-2.0 */
/* Whom workers steal from, on machines that are only described. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler_internal.h"

#define MACHINES HONE_SOURCE_DIR "/tests/fixtures/machines/"

enum { WORKERS_MAX = 8 };

typedef struct fake {
    hone_scheduler scheduler;
    hn_worker workers[WORKERS_MAX];
    hone_cpu_layout layout;
} fake;

/* One worker on each of the first `count` CPUs. */
static void make(fake *it, const char *machine, uint32_t count, bool is_pinned) {
    *it = (fake){0};
    assert_int_equal(hone_cpu_layout_read(machine, NULL, NULL, &it->layout), HONE_OK);
    it->scheduler.workers = it->workers;
    it->scheduler.workers_count = count;
    for (uint32_t i = 0; i < count; i++) {
        it->workers[i] = (hn_worker){.scheduler = &it->scheduler,
                                     .index = i,
                                     .cpu = is_pinned ? it->layout.places[i].cpu : UINT32_MAX,
                                     .random_state = i + 1};
    }
    assert_int_equal(hn_victims_init(&it->scheduler, is_pinned ? &it->layout : NULL), HONE_OK);
}

static void drop(fake *it) {
    hn_victims_deinit(&it->scheduler);
    hone_cpu_layout_deinit(&it->layout);
}

static uint32_t distance_to(const fake *it, const hn_worker *thief, uint32_t place) {
    const hone_cpu_place *own = hone_cpu_layout_find(&it->layout, thief->cpu);
    const hone_cpu_place *other =
        hone_cpu_layout_find(&it->layout, it->workers[thief->victims[place]].cpu);
    return hone_cpu_layout_distance(&it->layout, own, other);
}

static void assert_everybody_else_once(const hn_worker *thief, uint32_t count) {
    uint32_t seen = 1u << thief->index;
    for (uint32_t i = 0; i + 1 < count; i++) {
        assert_false(seen & 1u << thief->victims[i]);
        seen |= 1u << thief->victims[i];
    }
    assert_int_equal(seen, (1u << count) - 1);
}

static void near_ones_come_first(void **state) {
    (void)state;
    static const char *const machines[] = {MACHINES "server-two-sockets", MACHINES "arm-board"};
    for (size_t m = 0; m < sizeof machines / sizeof *machines; m++) {
        hone_cpu_layout layout;
        assert_int_equal(hone_cpu_layout_read(machines[m], NULL, NULL, &layout), HONE_OK);
        uint32_t count = layout.cpus_count < WORKERS_MAX ? layout.cpus_count : WORKERS_MAX;
        hone_cpu_layout_deinit(&layout);
        static fake it;
        make(&it, machines[m], count, true);
        for (uint32_t w = 0; w < count; w++) {
            hn_worker *thief = &it.workers[w];
            for (int round = 0; round < 50; round++) {
                assert_everybody_else_once(thief, count);
                for (uint32_t i = 1; i + 1 < count; i++) {
                    assert_true(distance_to(&it, thief, i - 1) <= distance_to(&it, thief, i));
                }
                hn_victims_shuffle(thief);
            }
        }
        drop(&it);
    }
}

static void rings_are_the_distances(void **state) {
    (void)state;
    static fake it;
    make(&it, MACHINES "server-two-sockets", 8, true);
    /* a sibling, two CPUs of the same cache, four on the other socket */
    const hn_worker *thief = &it.workers[0];
    assert_int_equal(thief->rings_count, 3);
    assert_int_equal(thief->rings[1], 1);
    assert_int_equal(thief->rings[2], 3);
    assert_int_equal(thief->rings[3], 7);
    drop(&it);
    make(&it, MACHINES "server-two-sockets", 8, false); /* not pinned: one ring */
    assert_int_equal(it.workers[3].rings_count, 1);
    assert_everybody_else_once(&it.workers[3], 8);
    drop(&it);
}

static void the_order_within_a_ring_changes(void **state) {
    (void)state;
    static fake it;
    make(&it, MACHINES "server-two-sockets", 8, false);
    hn_worker *thief = &it.workers[0];
    uint32_t firsts = 0;
    for (int round = 0; round < 200; round++) {
        hn_victims_shuffle(thief);
        firsts |= 1u << thief->victims[0];
    }
    assert_int_equal(firsts, 0xFE); /* each has been the first */
    drop(&it);
}

static void a_lone_worker_has_no_victims(void **state) {
    (void)state;
    static fake it;
    make(&it, MACHINES "server-two-sockets", 1, true);
    assert_int_equal(it.workers[0].rings_count, 0);
    hn_victims_shuffle(&it.workers[0]);
    drop(&it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_ones_come_first),
        cmocka_unit_test(rings_are_the_distances),
        cmocka_unit_test(the_order_within_a_ring_changes),
        cmocka_unit_test(a_lone_worker_has_no_victims),
    };
    return cmocka_run_group_tests_name("victims", tests, NULL, NULL);
}
