/* SPDX-License-Identifier: Apache-2.0 */
/* Every task runs once, timers come in order and not early, descriptors wake, loops cover their
 * range, idle costs nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hone/platform/clock.h"
#include "hone/platform/thread.h"
#include "hone/scheduler/loop.h"
#include "hone/scheduler/scheduler.h"

static hone_scheduler *start(uint32_t workers_count) {
    hone_scheduler *scheduler = NULL;
    hone_diag diag = {0};
    hone_scheduler_options options = {.workers_count = workers_count, .timers_max = 64};
    assert_int_equal(hone_scheduler_create(&options, &diag, &scheduler), HONE_OK);
    return scheduler;
}

static void wait_for(_Atomic uint32_t *counter, uint32_t target) {
    uint64_t end_ns = hone_clock_monotonic_ns() + 20000000000u;
    while (atomic_load(counter) < target) {
        assert_true(hone_clock_monotonic_ns() < end_ns);
        uint32_t now = atomic_load(counter);
        if (now < target) {
            hone_futex_wait(counter, now, 1000000);
        }
    }
}

/* --- tasks --- */

typedef struct chain {
    hone_scheduler *scheduler;
    hone_task task;
    uint32_t left;
    int way;
    _Atomic uint32_t *finished;
} chain;

static void chain_run(void *context) {
    chain *link = context;
    static void (*const ways[3])(hone_scheduler *, hone_task *) = {
        hone_scheduler_submit, hone_scheduler_submit_next, hone_scheduler_submit_last};
    if (link->left-- == 0) {
        atomic_fetch_add(link->finished, 1);
        return;
    }
    ways[(link->way++) % 3](link->scheduler, &link->task);
}

static void every_task_runs(void **state) {
    (void)state;
    enum { CHAINS_COUNT = 200, LINKS_COUNT = 300 };
    for (uint32_t workers = 1; workers <= 4; workers++) {
        hone_scheduler *scheduler = start(workers);
        static chain chains[CHAINS_COUNT];
        _Atomic uint32_t finished = 0;
        for (int i = 0; i < CHAINS_COUNT; i++) {
            chains[i] = (chain){
                scheduler, {.run = chain_run, .context = &chains[i]}, LINKS_COUNT, i, &finished};
            hone_scheduler_submit(scheduler, &chains[i].task);
        }
        wait_for(&finished, CHAINS_COUNT);
        hone_scheduler_destroy(scheduler);
    }
}

static void figures_add_up(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(2);
    _Atomic uint32_t finished = 0;
    chain link = {scheduler, {.run = chain_run, .context = &link}, 99, 0, &finished};
    hone_scheduler_submit(scheduler, &link.task);
    wait_for(&finished, 1);
    hone_scheduler_stats total = {0}, one = {0};
    uint64_t sum = 0;
    for (int tries = 0; tries < 1000 && sum < 100;
         tries++) { /* the last task is counted just after it has run */
        usleep(1000);
        sum = 0;
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(hone_scheduler_stats_worker(scheduler, i, &one), HONE_OK);
            sum += one.tasks_run;
        }
    }
    hone_scheduler_stats_total(scheduler, &total);
    assert_int_equal(sum, 100);
    assert_int_equal(total.tasks_run, 100);
    assert_int_equal(hone_scheduler_stats_worker(scheduler, 2, &one), HONE_STATUS_INVALID_ARGUMENT);
    hone_scheduler_destroy(scheduler);
}

/* --- timers --- */

typedef struct alarm_clock {
    hone_task task;
    hone_timer timer;
    _Atomic uint32_t *fired;
    uint64_t at_ns;
} alarm_clock;

static void alarm_run(void *context) {
    alarm_clock *alarm = context;
    alarm->at_ns = hone_clock_monotonic_ns();
    atomic_fetch_add(alarm->fired, 1);
}

static void timers_fire_and_can_be_disarmed(void **state) {
    (void)state;
    enum { ALARMS_COUNT = 40 };
    hone_scheduler *scheduler = start(2);
    static alarm_clock alarms[ALARMS_COUNT];
    _Atomic uint32_t fired = 0;
    uint64_t now_ns = hone_clock_monotonic_ns();
    for (int i = 0; i < ALARMS_COUNT; i++) {
        alarms[i] = (alarm_clock){.task = {alarm_run, &alarms[i], NULL}, .fired = &fired};
        alarms[i].timer.task = &alarms[i].task;
        alarms[i].timer.deadline_ns =
            now_ns + 200000000u + (uint64_t)(i * 7 % ALARMS_COUNT) * 1000000u;
        assert_int_equal(hone_scheduler_arm(scheduler, &alarms[i].timer), HONE_OK);
    }
    for (int i = 0; i < ALARMS_COUNT; i += 2) {
        assert_true(hone_scheduler_disarm(scheduler, &alarms[i].timer));
        assert_false(hone_scheduler_disarm(scheduler, &alarms[i].timer));
    }
    alarms[1].timer.deadline_ns = now_ns + 1; /* moved forward while armed */
    assert_int_equal(hone_scheduler_arm(scheduler, &alarms[1].timer), HONE_OK);
    wait_for(&fired, ALARMS_COUNT / 2);
    for (int i = 0; i < ALARMS_COUNT; i++) {
        if (i % 2 == 0) {
            assert_int_equal(alarms[i].at_ns, 0);
        } else {
            assert_true(alarms[i].at_ns >= alarms[i].timer.deadline_ns);
        }
    }
    assert_true(alarms[1].at_ns < alarms[3].at_ns);
    hone_scheduler_destroy(scheduler);
}

/* Setting the next deadline of an armed timer moves nothing until the timer is armed with it. */
static void a_deadline_counts_from_arm(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(1);
    _Atomic uint32_t fired = 0;
    alarm_clock late = {.task = {alarm_run, &late, NULL}, .fired = &fired};
    alarm_clock soon = {.task = {alarm_run, &soon, NULL}, .fired = &fired};
    late.timer = (hone_timer){.task = &late.task, .deadline_ns = UINT64_MAX / 2};
    assert_int_equal(hone_scheduler_arm(scheduler, &late.timer), HONE_OK);
    late.timer.deadline_ns = 1;
    soon.timer =
        (hone_timer){.task = &soon.task, .deadline_ns = hone_clock_monotonic_ns() + 1000000u};
    assert_int_equal(hone_scheduler_arm(scheduler, &soon.timer), HONE_OK);
    wait_for(&fired, 1);
    assert_true(soon.at_ns >= soon.timer.deadline_ns);
    assert_true(hone_scheduler_disarm(scheduler, &late.timer));
    hone_scheduler_destroy(scheduler);
    assert_int_equal(late.at_ns, 0);
}

static void too_many_timers_are_refused(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(1);
    static alarm_clock alarms[65];
    _Atomic uint32_t fired = 0;
    for (int i = 0; i < 65; i++) {
        alarms[i] = (alarm_clock){.task = {alarm_run, &alarms[i], NULL}, .fired = &fired};
        alarms[i].timer = (hone_timer){.task = &alarms[i].task, .deadline_ns = UINT64_MAX / 2};
        assert_int_equal(hone_scheduler_arm(scheduler, &alarms[i].timer),
                         i < 64 ? HONE_OK : HONE_STATUS_LIMIT);
    }
    hone_scheduler_destroy(scheduler);
}

/* --- descriptors --- */

static void descriptors_wake(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(2);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    _Atomic uint32_t fired = 0;
    alarm_clock reader = {.task = {alarm_run, &reader, NULL}, .fired = &fired};
    for (uint32_t round = 1; round <= 3; round++) {
        char byte = 'x';
        assert_int_equal(hone_scheduler_watch(scheduler, ends[0], false, &reader.task), HONE_OK);
        usleep(2000);
        assert_int_equal(atomic_load(&fired), round - 1);
        assert_int_equal(write(ends[1], &byte, 1), 1);
        wait_for(&fired, round);
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    hone_scheduler_unwatch(scheduler, ends[0]);
    close(ends[0]);
    close(ends[1]);
    hone_scheduler_destroy(scheduler);
}

/* --- loops --- */

typedef struct sum_loop {
    hone_scheduler *scheduler;
    uint8_t *seen;
    size_t inner_count;
    _Atomic uint64_t total;
} sum_loop;

static void inner_body(void *context, size_t begin, size_t end) {
    atomic_fetch_add((_Atomic uint64_t *)context, end - begin);
}

static void sum_body(void *context, size_t begin, size_t end) {
    sum_loop *sum = context;
    for (size_t i = begin; i < end; i++) {
        sum->seen[i]++;
        if (sum->inner_count && i % 1000 == 0) {
            hone_scheduler_for(sum->scheduler, sum->inner_count, 1, inner_body, &sum->total);
        }
    }
}

static void loops_cover_their_range_once(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 7, 64, 1000, 100003};
    for (uint32_t workers = 1; workers <= 4; workers++) {
        hone_scheduler *scheduler = start(workers);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (size_t grain = 0; grain <= 100; grain += 50) {
                sum_loop sum = {
                    .scheduler = scheduler, .seen = calloc(counts[c] + 1, 1), .inner_count = 33};
                hone_scheduler_for(scheduler, counts[c], grain, sum_body, &sum);
                for (size_t i = 0; i < counts[c]; i++) {
                    assert_int_equal(sum.seen[i], 1);
                }
                assert_int_equal(atomic_load(&sum.total), (counts[c] + 999) / 1000 * 33);
                free(sum.seen);
            }
        }
        hone_scheduler_destroy(scheduler);
    }
}

/* No claim may wrap around: that would run a piece twice. */
static void a_huge_loop_is_covered_once(void **state) {
    (void)state;
    static const size_t counts[] = {SIZE_MAX / 4, SIZE_MAX / 2, SIZE_MAX};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        hone_scheduler *scheduler = start(3);
        _Atomic uint64_t total = 0;
        hone_scheduler_for(scheduler, counts[c], SIZE_MAX / 4, inner_body, &total);
        usleep(20000); /* helpers that come late have run, too */
        hone_scheduler_destroy(scheduler);
        assert_true(atomic_load(&total) == counts[c]);
    }
}

/* --- life --- */

static void idle_costs_nothing(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(4);
    usleep(20000);
    uint64_t before_ns = hone_clock_process_cpu_ns();
    usleep(300000);
    assert_true(hone_clock_process_cpu_ns() - before_ns < 30000000u);
    hone_scheduler_destroy(scheduler);
}

static void start_and_stop_many_times(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        _Atomic uint32_t finished = 0;
        hone_scheduler *scheduler = start(3);
        chain link = {scheduler, {.run = chain_run, .context = &link}, 5, i, &finished};
        hone_scheduler_submit(scheduler, &link.task);
        wait_for(&finished, 1);
        hone_scheduler_destroy(scheduler);
    }
    hone_scheduler_destroy(NULL);
}

static void absurd_options_are_refused(void **state) {
    (void)state;
    hone_scheduler *scheduler = NULL;
    hone_diag diag = {0};
    hone_scheduler_options options = {.workers_count = 1000000};
    assert_int_equal(hone_scheduler_create(&options, &diag, &scheduler),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_null(scheduler);
    assert_non_null(strstr(diag.message, "1000000"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs),
        cmocka_unit_test(figures_add_up),
        cmocka_unit_test(timers_fire_and_can_be_disarmed),
        cmocka_unit_test(a_deadline_counts_from_arm),
        cmocka_unit_test(too_many_timers_are_refused),
        cmocka_unit_test(descriptors_wake),
        cmocka_unit_test(loops_cover_their_range_once),
        cmocka_unit_test(a_huge_loop_is_covered_once),
        cmocka_unit_test(idle_costs_nothing),
        cmocka_unit_test(start_and_stop_many_times),
        cmocka_unit_test(absurd_options_are_refused),
    };
    return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
