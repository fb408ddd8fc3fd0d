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

#include "hone/memory/failing.h"
#include "hone/platform/clock.h"
#include "hone/platform/thread.h"
#include "scheduler_internal.h"

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
    static const struct {
        hone_scheduler_options options;
        const char *word; /* in the message */
    } cases[] = {
        {{.workers_count = 1000000}, "1000000"},
        {{.workers_count = 1, .deque_capacity = 8}, "8"},
        {{.workers_count = 1, .deque_capacity = 100}, "100"},
        {{.workers_count = 1, .deque_capacity = 1 << 17}, "131072"},
        {{.workers_count = 1, .steal_threshold = 257}, "257"},
        {{.workers_count = 1, .deque_capacity = 16, .steal_threshold = 17}, "17"},
        {{.workers_count = 1, .steal_attempts = 1001}, "1001"},
        {{.workers_count = 1, .pinning = (hone_pinning)7}, "7"},
        {{.workers_count = 1, .lone_loop_ns = 1000000001}, "1000000001"},
        {{.workers_count = 1, .reserved_share = -0.5}, "-0.5"},
        {{.workers_count = 1, .reserved_share = 1.5}, "1.5"},
        {{.workers_count = 1, .reserved_share = 0.5, .pinning = HONE_PINNING_SCATTER}, "pinning"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_scheduler *scheduler = NULL;
        hone_diag diag = {0};
        assert_int_equal(hone_scheduler_create(&cases[i].options, &diag, &scheduler),
                         HONE_STATUS_INVALID_ARGUMENT);
        assert_null(scheduler);
        assert_non_null(strstr(diag.message, cases[i].word));
    }
}

static void more_workers_than_cores_are_refused(void **state) {
    (void)state;
    hone_scheduler *scheduler = NULL;
    hone_diag diag = {0};
    hone_scheduler_options options = {.workers_count = 1024, .is_one_per_core = true};
    assert_int_equal(hone_scheduler_create(&options, &diag, &scheduler), HONE_STATUS_LIMIT);
    assert_non_null(strstr(diag.message, "1024"));
    options.workers_count = 0; /* as many as there are */
    assert_int_equal(hone_scheduler_create(&options, &diag, &scheduler), HONE_OK);
    assert_true(hone_scheduler_workers_count(scheduler) <= hone_thread_cpus_allowed_count());
    hone_scheduler_destroy(scheduler);
}

typedef struct where {
    hone_task task;
    _Atomic uint32_t is_done;
    uint32_t cpus_count, cpu;
} where;

static void note_where(void *context) {
    where *it = context;
    it->cpus_count = hone_thread_cpus_allowed_count();
    it->cpu = hone_thread_cpu_allowed(0);
    atomic_store(&it->is_done, 1);
    hone_futex_wake(&it->is_done, 1);
}

typedef struct parting {
    hone_scheduler *scheduler;
    uint32_t moves_count;
    _Atomic uint32_t is_done;
} parting;

/* More often than a worker moves: most calls must leave it where it is. */
static void part(void *context) {
    parting *it = context;
    hn_worker *worker = hn_worker_current(it->scheduler);
    for (int i = 0; i < 100; i++) {
        uint64_t before_ns = worker->parted_ns;
        hn_worker_part_from(worker, hone_thread_cpu());
        it->moves_count += worker->parted_ns != before_ns;
        hn_worker_part_from(worker, UINT32_MAX);
        usleep(100);
    }
    atomic_store(&it->is_done, 1);
    hone_futex_wake(&it->is_done, 1);
}

static void helpers_leave_the_cpu_of_whom_they_help(void **state) {
    (void)state;
    for (int is_pinned = 0; is_pinned < 2; is_pinned++) {
        hone_scheduler_options options = {
            .workers_count = 1, .pinning = is_pinned ? HONE_PINNING_SCATTER : HONE_PINNING_NONE};
        parting it = {0};
        assert_int_equal(hone_scheduler_create(&options, NULL, &it.scheduler), HONE_OK);
        hone_task task = {.run = part, .context = &it};
        hone_scheduler_submit(it.scheduler, &task);
        wait_for(&it.is_done, 1);
        hone_scheduler_destroy(it.scheduler);
        assert_true(is_pinned ? it.moves_count == 0 : it.moves_count > 0);
    }
}

static void pinned_workers_stay_on_their_cpu(void **state) {
    (void)state;
    for (hone_pinning pinning = HONE_PINNING_COMPACT; pinning <= HONE_PINNING_SCATTER; pinning++) {
        hone_scheduler *scheduler = NULL;
        hone_scheduler_options options = {.workers_count = 1, .pinning = pinning};
        assert_int_equal(hone_scheduler_create(&options, NULL, &scheduler), HONE_OK);
        where it = {.task = {.run = note_where, .context = &it}};
        hone_scheduler_submit(scheduler, &it.task);
        wait_for(&it.is_done, 1);
        assert_int_equal(it.cpus_count, 1);
        assert_int_equal(it.cpu, hone_thread_cpu_allowed(0));
        hone_scheduler_destroy(scheduler);
    }
}

/* Where the kernel permits it; else it says so, and nothing is left running. */
static void workers_can_reserve_cpu_time(void **state) {
    (void)state;
    hone_scheduler *scheduler = NULL;
    hone_diag diag = {0};
    hone_scheduler_options options = {.workers_count = 1, .reserved_share = 0.2};
    hone_status status = hone_scheduler_create(&options, &diag, &scheduler);
    if (status != HONE_OK) {
        assert_true(status == HONE_STATUS_FORBIDDEN || status == HONE_STATUS_LIMIT ||
                    status == HONE_STATUS_UNSUPPORTED);
        assert_non_null(strstr(diag.message, "reserved CPU time"));
        assert_null(scheduler);
        skip();
    }
    _Atomic uint32_t finished = 0;
    chain link = {scheduler, {.run = chain_run, .context = &link}, 99, 0, &finished};
    hone_scheduler_submit(scheduler, &link.task);
    wait_for(&finished, 1);
    hone_scheduler_destroy(scheduler);
    /* more than the machine has */
    hone_scheduler *second = NULL;
    options.reserved_share = 1;
    options.workers_count = 512;
    status = hone_scheduler_create(&options, &diag, &second);
    assert_int_equal(status, HONE_STATUS_LIMIT);
    assert_null(second);
}

/* Every allocation of create fails once; each time nothing is left. */
static void create_survives_failing_allocations(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        static const hone_partition_options partitions[] = {{.name = "a", .share = 1}};
        hone_scheduler *scheduler = NULL;
        hone_diag diag = {0};
        hone_scheduler_options options = {
            .workers_count = 2,
            .pinning = HONE_PINNING_SCATTER,
            .partitions = partitions,
            .partitions_count = 1,
            .allocator = &failing.allocator,
        };
        hone_status status = hone_scheduler_create(&options, &diag, &scheduler);
        if (status == HONE_OK) {
            hone_scheduler_destroy(scheduler);
        } else {
            assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
            assert_true(diag.message[0] != '\0');
            assert_null(scheduler);
        }
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_true(n > 10);
            break;
        }
    }
}

/* --- power --- */

static void note_run(void *context) {
    atomic_fetch_add((_Atomic uint32_t *)context, 1);
    hone_futex_wake(context, 1);
}

/* With slack one wake-up serves both; without, each timer has its own. */
static void timers_with_slack_share_a_wake_up(void **state) {
    (void)state;
    uint64_t sleeps[2];
    for (int with_slack = 0; with_slack < 2; with_slack++) {
        hone_scheduler *scheduler = start(1);
        hone_scheduler_power power = {.timer_slack_ns = with_slack ? 60000000 : 0};
        hone_scheduler_set_power(scheduler, &power);
        usleep(20000);
        hone_scheduler_stats before, after;
        hone_scheduler_stats_total(scheduler, &before);
        _Atomic uint32_t fired = 0;
        hone_task task = {.run = note_run, .context = &fired};
        hone_timer timers[3];
        uint64_t now_ns = hone_clock_monotonic_ns();
        for (uint32_t i = 0; i < 3; i++) {
            timers[i] =
                (hone_timer){.task = &task, .deadline_ns = now_ns + 50000000 + i * 20000000};
            assert_int_equal(hone_scheduler_arm(scheduler, &timers[i]), HONE_OK);
        }
        wait_for(&fired, 3);
        hone_scheduler_stats_total(scheduler, &after);
        sleeps[with_slack] = after.sleeps_count - before.sleeps_count;
        hone_scheduler_destroy(scheduler);
    }
    assert_true(sleeps[1] < sleeps[0]);
}

typedef struct backlog_run {
    hone_scheduler *scheduler;
    hone_task tasks[8];
    _Atomic uint32_t done;
} backlog_run;

static void submit_eight(void *context) {
    backlog_run *it = context;
    for (int i = 0; i < 8; i++) {
        it->tasks[i] = (hone_task){.run = note_run, .context = &it->done};
        hone_scheduler_submit(it->scheduler, &it->tasks[i]);
    }
}

/* A short queue is left to who is awake. */
static void a_backlog_decides_when_more_are_woken(void **state) {
    (void)state;
    for (uint32_t backlog = 1; backlog <= 64; backlog *= 64) {
        hone_scheduler *scheduler = start(4);
        hone_scheduler_power power = {.wake_backlog = backlog};
        hone_scheduler_set_power(scheduler, &power);
        usleep(20000);
        hone_scheduler_stats before, after;
        hone_scheduler_stats_total(scheduler, &before);
        backlog_run it = {.scheduler = scheduler};
        hone_task all = {.run = submit_eight, .context = &it};
        hone_scheduler_submit(scheduler, &all);
        wait_for(&it.done, 8);
        hone_scheduler_stats_total(scheduler, &after);
        uint64_t wakes = after.wakes_count - before.wakes_count;
        if (backlog == 1 ? wakes < 2 : wakes != 1) {
            fail_msg("%llu woken with a backlog of %u", (unsigned long long)wakes, backlog);
        }
        hone_scheduler_destroy(scheduler);
    }
}

/* --- figures --- */

static void utilisation_tells_idle_from_busy(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(2);
    usleep(50000);
    hone_scheduler_stats stats;
    hone_scheduler_stats_total(scheduler, &stats);
    assert_true(hone_scheduler_utilisation(&stats) < 0.2);
    assert_true(stats.elapsed_ns >= 2 * 50000000u);
    hone_scheduler_stats worker;
    assert_int_equal(hone_scheduler_stats_worker(scheduler, 1, &worker), HONE_OK);
    assert_true(worker.elapsed_ns >= 50000000u && worker.elapsed_ns < stats.elapsed_ns * 2);
    assert_int_equal(hone_scheduler_stats_worker(scheduler, 2, &worker),
                     HONE_STATUS_INVALID_ARGUMENT);
    hone_scheduler_destroy(scheduler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs),
        cmocka_unit_test(figures_add_up),
        cmocka_unit_test(timers_fire_and_can_be_disarmed),
        cmocka_unit_test(a_deadline_counts_from_arm),
        cmocka_unit_test(too_many_timers_are_refused),
        cmocka_unit_test(descriptors_wake),
        cmocka_unit_test(idle_costs_nothing),
        cmocka_unit_test(start_and_stop_many_times),
        cmocka_unit_test(absurd_options_are_refused),
        cmocka_unit_test(more_workers_than_cores_are_refused),
        cmocka_unit_test(pinned_workers_stay_on_their_cpu),
        cmocka_unit_test(helpers_leave_the_cpu_of_whom_they_help),
        cmocka_unit_test(workers_can_reserve_cpu_time),
        cmocka_unit_test(create_survives_failing_allocations),
        cmocka_unit_test(timers_with_slack_share_a_wake_up),
        cmocka_unit_test(a_backlog_decides_when_more_are_woken),
        cmocka_unit_test(utilisation_tells_idle_from_busy),
    };
    return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
