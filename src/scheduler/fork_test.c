/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fork and join on real threads: results against plain calls, from workers and from threads that
 * are none, nested, with more forks than a stack holds and more regions than there are stacks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fork_internal.h"
#include "hone/platform/clock.h"
#include "hone/platform/thread.h"
#include "hone/scheduler/fork.h"
#include "hone/scheduler/loop.h"

static hone_scheduler *start(uint32_t workers_count) {
    hone_scheduler *scheduler = NULL;
    hone_scheduler_options options = {.workers_count = workers_count};
    assert_int_equal(hone_scheduler_create(&options, NULL, &scheduler), HONE_OK);
    return scheduler;
}

/* ---- fib ---- */

typedef struct fib_call {
    long n, result;
} fib_call;

static long fib(hone_fork_point at, long n);

static void run_fib(hone_fork_point at, void *context) {
    fib_call *call = context;
    call->result = fib(at, call->n);
}

static long fib(hone_fork_point at, long n) {
    if (n < 2) {
        return n;
    }
    fib_call first = {.n = n - 1};
    hone_fork_point after = hone_fork(at, run_fib, &first);
    long second = fib(after, n - 2);
    hone_join(at, run_fib, &first);
    return first.result + second;
}

static void recursion_from_outside(void **state) {
    (void)state;
    for (uint32_t workers = 1; workers <= 5; workers++) {
        hone_scheduler *scheduler = start(workers);
        for (int round = 0; round < 20; round++) {
            hone_fork_point at = hone_fork_enter(scheduler);
            assert_int_equal(fib(at, 20), 6765);
            hone_fork_leave(at);
        }
        hone_scheduler_destroy(scheduler);
    }
}

typedef struct region_task {
    hone_task task;
    hone_scheduler *scheduler;
    _Atomic uint32_t *done;
    long result;
} region_task;

static void run_region(void *context) {
    region_task *it = context;
    hone_fork_point at = hone_fork_enter(it->scheduler);
    it->result = fib(at, 16);
    hone_fork_leave(at);
    atomic_fetch_add(it->done, 1);
    hone_futex_wake(it->done, 1);
}

static void wait_for(_Atomic uint32_t *counter, uint32_t target) {
    uint32_t now;
    while ((now = atomic_load(counter)) < target) {
        hone_futex_wait(counter, now, UINT64_MAX);
    }
}

static void many_regions_at_once(void **state) {
    (void)state;
    enum { TASKS = 100 };
    static region_task tasks[TASKS];
    hone_scheduler *scheduler = start(4);
    _Atomic uint32_t done = 0;
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (region_task){
            .task = {.run = run_region, .context = &tasks[i]},
            .scheduler = scheduler,
            .done = &done,
        };
        hone_scheduler_submit(scheduler, &tasks[i].task);
    }
    wait_for(&done, TASKS);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(tasks[i].result, 987);
    }
    hone_scheduler_stats stats;
    hone_scheduler_stats_total(scheduler, &stats);
    assert_true(stats.calls_shared >= TASKS);
    hone_scheduler_destroy(scheduler);
}

static void guest_main(void *context) {
    for (int i = 0; i < 30; i++) {
        run_region(context);
    }
}

static void more_guests_than_stacks(void **state) {
    (void)state;
    enum { GUESTS = 12 };
    hone_scheduler *scheduler = start(2);
    hone_thread threads[GUESTS];
    region_task regions[GUESTS];
    _Atomic uint32_t done = 0;
    for (int i = 0; i < GUESTS; i++) {
        regions[i] = (region_task){.scheduler = scheduler, .done = &done};
        assert_int_equal(hone_thread_create("guest", guest_main, &regions[i], &threads[i]),
                         HONE_OK);
    }
    for (int i = 0; i < GUESTS; i++) {
        hone_thread_join(threads[i]);
        assert_int_equal(regions[i].result, 987);
    }
    hone_scheduler_destroy(scheduler);
}

/* ---- regions within regions ---- */

typedef struct nested_call {
    hone_scheduler *scheduler;
    int depth;
    long result;
} nested_call;

static void run_nested(hone_fork_point at, void *context) {
    nested_call *it = context;
    fib_call outer = {.n = 8};
    (void)hone_fork(at, run_fib, &outer);
    hone_fork_point inner = hone_fork_enter(it->scheduler);
    long sum = fib(inner, 8);
    if (it->depth > 0) {
        nested_call next = {it->scheduler, it->depth - 1, 0};
        run_nested(inner, &next);
        sum += next.result;
    }
    hone_fork_leave(inner);
    hone_join(at, run_fib, &outer);
    it->result = sum + outer.result;
}

static void regions_within_regions(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(2);
    nested_call call = {scheduler, 20, 0};
    hone_fork_point at = hone_fork_enter(scheduler);
    run_nested(at, &call);
    hone_fork_leave(at);
    assert_int_equal(call.result, 21 * (21 + 21));
    hone_scheduler_stats stats;
    hone_scheduler_stats_total(scheduler, &stats);
    assert_int_equal(stats.lone_regions, 22 - 8); /* 8 spare stacks, 22 regions at a time */
    hone_scheduler_destroy(scheduler);
}

/* ---- a full stack ---- */

typedef struct count_call {
    uint32_t runs_count;
} count_call;

static void run_count(hone_fork_point at, void *context) {
    (void)at;
    ((count_call *)context)->runs_count++;
}

static void a_full_stack_runs_the_rest_at_the_join(void **state) {
    (void)state;
    enum { CALLS = 40000 }; /* more than the 32000 that fit */
    hone_scheduler *scheduler = start(2);
    count_call *calls = calloc(CALLS, sizeof *calls);
    hone_fork_point *points = calloc(CALLS + 1, sizeof *points);
    assert_true(calls && points);
    points[0] = hone_fork_enter(scheduler);
    for (int i = 0; i < CALLS; i++) {
        points[i + 1] = hone_fork(points[i], run_count, &calls[i]);
    }
    assert_ptr_equal(points[CALLS].next, points[CALLS - 1].next);
    for (int i = CALLS; i-- > 0;) {
        hone_join(points[i], run_count, &calls[i]);
        assert_int_equal(calls[i].runs_count, 1);
    }
    hone_fork_leave(points[0]);
    free(points);
    free(calls);
    hone_scheduler_destroy(scheduler);
}

/* ---- loops within forks, forks within loops ---- */

typedef struct mixed {
    hone_scheduler *scheduler;
    _Atomic uint64_t sum;
} mixed;

static void mixed_body(void *context, size_t begin, size_t end) {
    mixed *it = context;
    hone_fork_point at = hone_fork_enter(it->scheduler);
    for (size_t i = begin; i < end; i++) {
        atomic_fetch_add(&it->sum, (uint64_t)fib(at, 10));
    }
    hone_fork_leave(at);
}

static void run_mixed(hone_fork_point at, void *context) {
    (void)at;
    mixed *it = context;
    hone_scheduler_for(it->scheduler, 50, 1, mixed_body, it);
}

static void loops_and_forks_within_each_other(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(3);
    mixed first = {.scheduler = scheduler}, second = {.scheduler = scheduler};
    hone_fork_point at = hone_fork_enter(scheduler);
    hone_fork_point after = hone_fork(at, run_mixed, &first);
    run_mixed(after, &second);
    hone_join(at, run_mixed, &first);
    hone_fork_leave(at);
    assert_int_equal(atomic_load(&first.sum), 50 * 55);
    assert_int_equal(atomic_load(&second.sum), 50 * 55);
    hone_scheduler_destroy(scheduler);
}

/* ---- work really moves: a call that its forker waits for must be stolen ---- */

typedef struct awaited_call {
    _Atomic uint32_t has_run;
} awaited_call;

static void run_awaited(hone_fork_point at, void *context) {
    (void)at;
    awaited_call *it = context;
    atomic_store(&it->has_run, 1);
    hone_futex_wake(&it->has_run, 1);
}

static void a_forked_call_is_fetched_from_who_waits(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        hone_scheduler *scheduler = start(2);
        hone_fork_point at = hone_fork_enter(scheduler);
        for (int i = 0; i < 5; i++) {
            awaited_call call = {0};
            (void)hone_fork(at, run_awaited, &call);
            while (!atomic_load(&call.has_run)) {
                hone_futex_wait(&call.has_run, 0, UINT64_MAX);
            }
            hone_join(at, run_awaited, &call);
        }
        hone_fork_leave(at);
        hone_scheduler_stats stats; /* the forks of a thread that is no worker count, too */
        hone_scheduler_stats_total(scheduler, &stats);
        assert_int_equal(stats.calls_shared, 5);
        assert_int_equal(stats.calls_stolen, 5);
        assert_int_equal(stats.joins_waited, 5);
        hone_scheduler_destroy(scheduler);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recursion_from_outside),
        cmocka_unit_test(many_regions_at_once),
        cmocka_unit_test(more_guests_than_stacks),
        cmocka_unit_test(regions_within_regions),
        cmocka_unit_test(a_full_stack_runs_the_rest_at_the_join),
        cmocka_unit_test(loops_and_forks_within_each_other),
        cmocka_unit_test(a_forked_call_is_fetched_from_who_waits),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
