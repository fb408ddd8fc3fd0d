/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fork stack in every order of its steps: each forked call runs exactly once, before its join
 * returns, whoever runs it; and nobody waits for ever.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "interleave.h"
#include "scheduler_internal.h"

enum { CALLS_MAX = 8, STACKS = 3 };

typedef struct fork_run fork_run;

typedef struct call {
    fork_run *run;
    uint32_t forks_count; /* of its own, the calls that follow it */
    uint32_t runs_count;
    uint32_t runner; /* the thread */
} call;

struct fork_run {
    hone_scheduler scheduler;
    hn_fork_stack *stacks[STACKS];
    void (*program)(fork_run *it, hone_fork_point at);
    uint32_t steals_max; /* of each thief */
    uint32_t calls_count;
    uint32_t forks_counts[CALLS_MAX]; /* what calls begin with */
    call calls[CALLS_MAX];
    uint64_t stolen_count; /* over all executions */
    uint64_t kept_count;
};

/* ---- what fork.c needs of the rest ---- */

void hn_forks_wake(hone_scheduler *scheduler) {
    (void)scheduler; /* the thieves of this test do not sleep */
}

uint32_t hn_scheduler_looks_max(const hone_scheduler *scheduler, uint32_t looks_max) {
    (void)scheduler;
    (void)looks_max;
    return 0; /* sleep at once: looking again and again would only be longer */
}

void hn_worker_has_slept(const hone_scheduler *scheduler) {
    (void)scheduler;
}

/* ---- calls ---- */

static void run_call(hone_fork_point at, void *context) {
    call *it = context;
    uint32_t index = hn_fork_stack_of(at)->index;
    hone_fork_point points[CALLS_MAX] = {at};
    for (uint32_t i = 0; i < it->forks_count; i++) {
        points[i + 1] = hone_fork(points[i], run_call, &it[i + 1]);
    }
    for (uint32_t i = it->forks_count; i-- > 0;) {
        hone_join(points[i], run_call, &it[i + 1]);
        interleave_check(it[i + 1].runs_count == 1, "a join returned before its call had run");
    }
    it->runs_count++;
    it->runner = index;
}

/* One call after the other: the stack is empty in between. */
static void fork_one_by_one(fork_run *it, hone_fork_point at) {
    for (uint32_t i = 0; i < it->calls_count; i++) {
        (void)hone_fork(at, run_call, &it->calls[i]);
        hone_join(at, run_call, &it->calls[i]);
        interleave_check(it->calls[i].runs_count == 1, "a join returned too early");
    }
}

/* Goes up to the last call, with a step down and up again on each level. */
static void fork_in_waves(fork_run *it, hone_fork_point at) {
    hone_fork_point points[CALLS_MAX + 1] = {at};
    uint32_t half = it->calls_count / 2;
    for (uint32_t i = 0; i < half; i++) {
        points[i + 1] = hone_fork(points[i], run_call, &it->calls[i]);
    }
    for (uint32_t i = half; i < it->calls_count; i++) {
        (void)hone_fork(points[half], run_call, &it->calls[i]);
        hone_join(points[half], run_call, &it->calls[i]);
    }
    for (uint32_t i = half; i-- > 0;) {
        hone_join(points[i], run_call, &it->calls[i]);
    }
}

/* After a join that may have helped, more on the same place of the stack. */
static void fork_first_then_last(fork_run *it, hone_fork_point at) {
    call *last = &it->calls[it->calls_count - 1];
    (void)hone_fork(at, run_call, &it->calls[0]);
    hone_join(at, run_call, &it->calls[0]);
    (void)hone_fork(at, run_call, last);
    hone_join(at, run_call, last);
    interleave_check(last->runs_count == 1, "a join returned too early");
}

/* ---- the program ---- */

static void fork_begin(void *context) {
    fork_run *it = context;
    for (uint32_t i = 0; i < STACKS; i++) {
        memset(it->stacks[i], 0, sizeof *it->stacks[i] + 64 * sizeof(hone_fork_slot));
        hn_fork_stack_init(it->stacks[i], &it->scheduler, i);
        /* thieves have to ask once the first has been shared */
        atomic_init(&it->stacks[i]->head.limit, NULL);
    }
    memset(it->calls, 0, sizeof it->calls);
    for (uint32_t i = 0; i < it->calls_count; i++) {
        it->calls[i].run = it;
        it->calls[i].forks_count = it->forks_counts[i];
    }
}

static void fork_step(void *context, uint32_t thread) {
    fork_run *it = context;
    hone_fork_point at = hn_fork_bottom(it->stacks[thread]);
    if (thread == 0) {
        it->program(it, at);
        return;
    }
    for (uint32_t i = 0; i < it->steals_max; i++) {
        hone_fork_slot *slot = hn_fork_steal(it->stacks[0]);
        if (slot) {
            hn_fork_run_stolen(at, slot);
        } else {
            hn_fork_ask(it->stacks[0]);
        }
    }
}

static void fork_end(void *context) {
    fork_run *it = context;
    for (uint32_t i = 0; i < it->calls_count; i++) {
        assert_int_equal(it->calls[i].runs_count, 1);
        it->stolen_count += it->calls[i].runner != 0;
        it->kept_count += it->calls[i].runner == 0;
    }
    assert_false(hn_fork_has_shared(it->stacks[0]));
}

static void explore(const char *name, fork_run *it, uint32_t thieves, uint32_t preemptions_max) {
    _Atomic(hn_fork_stack *) stacks[STACKS];
    for (uint32_t i = 0; i < STACKS; i++) {
        it->stacks[i] = aligned_alloc(HONE_FORK_STACK_BYTES, HONE_FORK_STACK_BYTES);
        assert_non_null(it->stacks[i]);
        atomic_init(&stacks[i], it->stacks[i]);
    }
    it->scheduler.stacks = stacks;
    interleave_program program = {.name = name,
                                  .threads_count = 1 + thieves,
                                  .preemptions_max = preemptions_max,
                                  .executions_max = 200000,
                                  .begin = fork_begin,
                                  .run = fork_step,
                                  .end = fork_end,
                                  .context = it};
    uint64_t executions = interleave_explore(&program);
    print_message("%s: %llu executions, %llu calls stolen, %llu kept\n", name,
                  (unsigned long long)executions, (unsigned long long)it->stolen_count,
                  (unsigned long long)it->kept_count);
    assert_true(executions > 100);
    assert_true(it->stolen_count > 0 && it->kept_count > 0);
    for (uint32_t i = 0; i < STACKS; i++) {
        free(it->stacks[i]);
    }
}

static void every_call_runs_once(void **state) {
    (void)state;
    fork_run single = {.program = fork_one_by_one, .steals_max = 3, .calls_count = 3};
    explore("one by one", &single, 1, 4);
    fork_run waves = {.program = fork_in_waves, .steals_max = 4, .calls_count = 6};
    explore("waves", &waves, 1, 3);
    fork_run two = {.program = fork_in_waves, .steals_max = 2, .calls_count = 4};
    explore("waves, two thieves", &two, 2, 2);
}

static void a_waiting_join_is_told(void **state) {
    (void)state;
    /* The stolen call forks three more, which the waiting owner may take back. */
    fork_run nested = {
        .program = fork_first_then_last, .steals_max = 2, .calls_count = 5, .forks_counts = {3}};
    explore("leapfrog", &nested, 1, 3);
    fork_run deep = {
        .program = fork_first_then_last, .steals_max = 1, .calls_count = 4, .forks_counts = {1, 1}};
    explore("leapfrog, twice", &deep, 1, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_runs_once),
        cmocka_unit_test(a_waiting_join_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
