/* SPDX-License-Identifier: Apache-2.0 */
/* The deque against a naive twin on one thread, and the promise that each task comes out exactly
 * once, under thieves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deque_internal.h"
#include "hone/platform/thread.h"

enum { CAPACITY = 256, THIEVES_COUNT = 3, ROUNDS_COUNT = 40000 };

static void matches_a_naive_twin(void **state) {
    (void)state;
    static hn_deque deque;
    static hone_task tasks[CAPACITY * 2];
    int64_t low = 0, high = 0; /* the twin: tasks[low .. high) are inside */
    uint32_t random = 12345;
    static hn_deque_place places[CAPACITY];
    hn_deque_init(&deque, places, CAPACITY);
    for (int step = 0; step < 200000; step++) {
        random = random * 1664525u + 1013904223u;
        uint32_t choice = random >> 28;
        if (choice < 7) {
            bool is_room = high - low < CAPACITY;
            assert_int_equal(hn_deque_push(&deque, &tasks[high % (CAPACITY * 2)]), is_room);
            high += is_room;
        } else if (choice < 12) {
            hone_task *expected = high > low ? &tasks[(high - 1) % (CAPACITY * 2)] : NULL;
            assert_ptr_equal(hn_deque_pop(&deque), expected);
            high -= expected != NULL;
        } else {
            hone_task *expected = high > low ? &tasks[low % (CAPACITY * 2)] : NULL;
            assert_ptr_equal(hn_deque_steal(&deque), expected);
            low += expected != NULL;
        }
        assert_int_equal(hn_deque_length(&deque), high - low);
    }
}

typedef struct stress {
    hn_deque deque;
    hn_deque_place places[CAPACITY];
    hone_task tasks[ROUNDS_COUNT];
    _Atomic uint32_t seen[ROUNDS_COUNT];
    _Atomic bool is_over;
} stress;

static void note(stress *run, const hone_task *task) {
    atomic_fetch_add(&run->seen[task - run->tasks], 1);
}

static void thief_main(void *context) {
    stress *run = context;
    while (!atomic_load(&run->is_over)) {
        hone_task *task = hn_deque_steal(&run->deque);
        if (task) {
            note(run, task);
        }
    }
}

static void each_task_comes_out_once(void **state) {
    (void)state;
    static stress run;
    hn_deque_init(&run.deque, run.places, CAPACITY);
    hone_thread thieves[THIEVES_COUNT];
    for (int i = 0; i < THIEVES_COUNT; i++) {
        assert_int_equal(hone_thread_create("thief", thief_main, &run, &thieves[i]), HONE_OK);
    }
    for (int i = 0; i < ROUNDS_COUNT; i++) {
        while (!hn_deque_push(&run.deque, &run.tasks[i])) {
            hone_task *task = hn_deque_pop(&run.deque);
            if (task) {
                note(&run, task);
            }
        }
        if (i % 3 == 0) {
            hone_task *task = hn_deque_pop(&run.deque);
            if (task) {
                note(&run, task);
            }
        }
    }
    for (hone_task *task; (task = hn_deque_pop(&run.deque));) {
        note(&run, task);
    }
    atomic_store(&run.is_over, true);
    for (int i = 0; i < THIEVES_COUNT; i++) {
        hone_thread_join(thieves[i]);
    }
    for (int i = 0; i < ROUNDS_COUNT; i++) {
        assert_int_equal(atomic_load(&run.seen[i]), 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_a_naive_twin),
        cmocka_unit_test(each_task_comes_out_once),
    };
    return cmocka_run_group_tests_name("deque", tests, NULL, NULL);
}
