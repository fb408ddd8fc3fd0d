/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's sleeping in every order of its steps: two workers and the program's thread, on a
 * simulated platform. A task that nobody comes for leaves everybody waiting, which the exploration
 * reports.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "hone/scheduler/fork.h"
#include "hone/scheduler/loop.h"
#include "interleave.h"

enum { TASKS_MAX = 4, WORKERS = 2 };

typedef struct scheduler_run scheduler_run;

typedef struct counted_task {
    hone_task task;
    scheduler_run *run;
    uint32_t runs_count;
    uint32_t children_count; /* submitted by this one, the tasks that follow it */
    bool is_next;            /* by submit_next */
    bool is_forking;         /* forks the task that follows, and waits for it before it joins */
    bool is_looping;         /* a loop over two items, where the first waits for the second */
    bool is_sharing;         /* a loop whose items are all claimed once both workers are in it */
    uint32_t awaited_count;  /* of the tasks that follow: the other worker must come */
} counted_task;

struct scheduler_run {
    hone_scheduler *scheduler;
    uint32_t tasks_count;
    uint32_t submitted_count; /* by the program's thread */
    bool is_one_by_one;       /* each waits for the one before it */
    bool is_stop_explored;
    counted_task tasks[TASKS_MAX];
    counted_task shape[TASKS_MAX]; /* what tasks begin as */
};

static bool has_run(void *context) {
    return ((const counted_task *)context)->runs_count > 0;
}

static void run_forked(hone_fork_point at, void *context) {
    (void)at;
    ((counted_task *)context)->runs_count++;
}

static void fork_and_wait(counted_task *it) {
    hone_fork_point at = hone_fork_enter(it->run->scheduler);
    (void)hone_fork(at, run_forked, &it[1]);
    interleave_block(has_run, &it[1]);
    hone_join(at, run_forked, &it[1]);
    hone_fork_leave(at);
}

/* Item 0 waits for item 1, which another must take; what follows is counted. */
static void loop_body(void *context, size_t begin, size_t end) {
    counted_task *it = context;
    for (size_t i = begin; i < end; i++) {
        if (i == 1) {
            it[1].runs_count++;
        } else {
            interleave_block(has_run, &it[1]);
        }
    }
}

enum { SHARED_ITEMS = 5 };

typedef struct shared_loop {
    uint32_t runs_counts[SHARED_ITEMS];
    uint32_t claims_count;
} shared_loop;

static bool have_both_claimed(void *context) {
    return ((const shared_loop *)context)->claims_count >= 2;
}

/* Each begins with the first item of its slice: when both have, the race for the rest begins. */
static void shared_body(void *context, size_t begin, size_t end) {
    shared_loop *it = context;
    for (size_t i = begin; i < end; i++) {
        it->runs_counts[i]++;
    }
    if (++it->claims_count == 2) {
        interleave_set_exploring(true);
    }
    interleave_block(have_both_claimed, it);
}

/* The whole of it from claiming to closing: the caller returns when all items are done, not
 * before. */
static void share_loop(const counted_task *task) {
    shared_loop it = {.claims_count = 0};
    hone_loop_options options = {.chunk_min = 1, .is_chunk_fixed = true};
    interleave_set_exploring(false);
    hone_scheduler_for_with(task->run->scheduler, SHARED_ITEMS, &options, shared_body, &it);
    for (int i = 0; i < SHARED_ITEMS; i++) {
        interleave_check(it.runs_counts[i] == 1, "an item was not run once");
    }
}

static void task_run(void *context) {
    counted_task *it = context;
    if (it->is_sharing) {
        share_loop(it);
    }
    if (it->is_forking) {
        fork_and_wait(it);
    }
    if (it->is_looping) {
        hone_loop_options options = {.chunk_min = 1, .is_chunk_fixed = true};
        hone_scheduler_for_with(it->run->scheduler, 2, &options, loop_body, it);
    }
    for (uint32_t i = 1; i <= it->children_count; i++) {
        if (it->is_next) {
            hone_scheduler_submit_next(it->run->scheduler, &it[i].task);
        } else {
            hone_scheduler_submit(it->run->scheduler, &it[i].task);
        }
    }
    for (uint32_t i = 1; i <= it->awaited_count; i++) {
        interleave_block(has_run, &it[i]);
    }
    it->runs_count++;
}

static void scheduler_begin(void *context) {
    scheduler_run *it = context;
    for (uint32_t i = 0; i < it->tasks_count; i++) {
        it->tasks[i] = it->shape[i];
        it->tasks[i].run = it;
        it->tasks[i].task = (hone_task){.run = task_run, .context = &it->tasks[i]};
    }
}

/* The program's thread. Starting is not explored: both workers sleep when the submits begin. */
static void scheduler_step(void *context, uint32_t thread) {
    scheduler_run *it = context;
    (void)thread;
    hone_scheduler_options options = {
        .workers_count = WORKERS, .timers_max = 4, .power = {.is_spinning_off = true}};
    interleave_set_exploring(false);
    interleave_check(hone_scheduler_create(&options, NULL, &it->scheduler) == HONE_OK,
                     "the scheduler could not be created");
    interleave_set_exploring(true);
    for (uint32_t i = 0; i < it->submitted_count; i++) {
        hone_scheduler_submit(it->scheduler, &it->tasks[i].task);
        if (it->is_one_by_one) {
            interleave_block(has_run, &it->tasks[i]);
        }
    }
    for (uint32_t i = 0; i < it->tasks_count; i++) {
        interleave_block(has_run, &it->tasks[i]);
    }
    interleave_set_exploring(it->is_stop_explored);
    hone_scheduler_destroy(it->scheduler);
}

static void scheduler_end(void *context) {
    scheduler_run *it = context;
    for (uint32_t i = 0; i < it->tasks_count; i++) {
        assert_int_equal(it->tasks[i].runs_count, 1);
    }
}

static void explore(const char *name, scheduler_run *it, uint32_t preemptions_max) {
    interleave_program program = {.name = name,
                                  .threads_count = 1,
                                  .preemptions_max = preemptions_max,
                                  .executions_max = 200000,
                                  .begin = scheduler_begin,
                                  .run = scheduler_step,
                                  .end = scheduler_end,
                                  .context = it};
    uint64_t executions = interleave_explore(&program);
    assert_true(executions > 20);
    print_message("%s: %llu executions\n", name, (unsigned long long)executions);
}

static void no_submit_is_slept_through(void **state) {
    (void)state;
    scheduler_run it = {.tasks_count = 3, .submitted_count = 3};
    explore("three submits", &it, 2);
    scheduler_run pair = {.tasks_count = 2, .submitted_count = 2, .shape = {{.awaited_count = 1}}};
    explore("a submit that the one before waits for", &pair, 2);
    scheduler_run slow = {.tasks_count = 2, .submitted_count = 2, .is_one_by_one = true};
    explore("one submit after the other", &slow, 2);
}

static void children_of_a_busy_worker_are_fetched(void **state) {
    (void)state;
    scheduler_run it = {.tasks_count = 2,
                        .submitted_count = 1,
                        .shape = {{.children_count = 1, .awaited_count = 1}}};
    explore("a child that its parent waits for", &it, 2);
    scheduler_run chain = {
        .tasks_count = 4, .submitted_count = 1, .shape = {{.children_count = 3, .is_next = true}}};
    explore("children that displace each other", &chain, 1);
}

static void work_of_a_region_is_fetched(void **state) {
    (void)state;
    scheduler_run fork = {.tasks_count = 2, .submitted_count = 1, .shape = {{.is_forking = true}}};
    explore("a fork that its forker waits for", &fork, 2);
    scheduler_run loop = {.tasks_count = 2, .submitted_count = 1, .shape = {{.is_looping = true}}};
    explore("an item that another waits for", &loop, 2);
}

static void items_of_a_shared_loop_run_once(void **state) {
    (void)state;
    scheduler_run it = {.tasks_count = 1, .submitted_count = 1, .shape = {{.is_sharing = true}}};
    explore("a loop that two share", &it, 2);
}

static void stopping_reaches_every_worker(void **state) {
    (void)state;
    scheduler_run it = {.tasks_count = 1, .submitted_count = 1, .is_stop_explored = true};
    explore("stop", &it, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_submit_is_slept_through),
        cmocka_unit_test(children_of_a_busy_worker_are_fetched),
        cmocka_unit_test(work_of_a_region_is_fetched),
        cmocka_unit_test(items_of_a_shared_loop_run_once),
        cmocka_unit_test(stopping_reaches_every_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
