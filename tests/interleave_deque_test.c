/* SPDX-License-Identifier: Apache-2.0 */
/* The work-stealing deque in every order of its steps: each task comes out exactly once. */
#include "interleave_atomics.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "deque_internal.h"

enum { TASKS = 4, CAPACITY = 16 };

typedef struct deque_run {
    hn_deque deque;
    hn_deque_place places[CAPACITY];
    uint32_t pushes_first; /* before the owner begins to pop */
    uint32_t start;        /* position in the deque's memory to begin at */
    hone_task tasks[TASKS];
    uint32_t taken_counts[TASKS];
    uint64_t stolen_count; /* over all executions */
    uint64_t lost_races;
} deque_run;

static void deque_begin(void *context) {
    deque_run *it = context;
    hn_deque_init(&it->deque, it->places, CAPACITY);
    memset(it->taken_counts, 0, sizeof it->taken_counts);
    for (uint32_t i = 0; i < it->start; i++) {
        (void)hn_deque_push(&it->deque, &it->tasks[0]);
        (void)hn_deque_steal(&it->deque);
    }
}

static void note_taken(deque_run *it, const hone_task *task) {
    if (task) {
        it->taken_counts[task - it->tasks]++;
    }
}

static void owner(deque_run *it) {
    uint32_t pushed = 0;
    while (pushed < it->pushes_first) {
        interleave_check(hn_deque_push(&it->deque, &it->tasks[pushed++]), "the deque is full");
    }
    while (pushed < TASKS) {
        note_taken(it, hn_deque_pop(&it->deque));
        interleave_check(hn_deque_push(&it->deque, &it->tasks[pushed++]), "the deque is full");
    }
    note_taken(it, hn_deque_pop(&it->deque));
    note_taken(it, hn_deque_pop(&it->deque));
}

static void thief(deque_run *it) {
    for (int i = 0; i < 2; i++) {
        hone_task *task = hn_deque_steal(&it->deque);
        note_taken(it, task);
        it->stolen_count += task != NULL;
        it->lost_races += task == NULL && hn_deque_length(&it->deque) > 0;
    }
}

static void deque_step(void *context, uint32_t thread) {
    if (thread == 0) {
        owner(context);
    } else {
        thief(context);
    }
}

static void deque_end(void *context) {
    deque_run *it = context;
    hone_task *task;
    while ((task = hn_deque_pop(&it->deque))) {
        note_taken(it, task);
    }
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(it->taken_counts[i], 1);
    }
}

static void each_task_comes_out_once(void **state) {
    (void)state;
    static const uint32_t firsts[] = {1, 2, TASKS};
    for (uint32_t thieves = 1; thieves <= 2; thieves++) {
        for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
            deque_run it = {.pushes_first = firsts[i], .start = CAPACITY - 1};
            interleave_program program = {.name = "deque",
                                          .threads_count = 1 + thieves,
                                          .preemptions_max = thieves == 1 ? 4 : 2,
                                          .executions_max = 100000,
                                          .begin = deque_begin,
                                          .run = deque_step,
                                          .end = deque_end,
                                          .context = &it};
            uint64_t executions = interleave_explore(&program);
            assert_true(executions > 100);
            assert_true(it.stolen_count > 0 && it.lost_races > 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_task_comes_out_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
