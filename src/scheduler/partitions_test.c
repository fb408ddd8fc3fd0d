/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions: shares hold while all have work, spare time goes to who has, bills add up to what
 * the kernel counts, critical work goes first. All in CPU time, so other load does not matter.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hone/platform/clock.h"
#include "hone/platform/thread.h"
#include "hone/scheduler/scheduler.h"

enum { BURNERS_MAX = 16 };

/* Emulated or instrumented machines get less done in a second, not less precisely. */
#define RUN_NS 1500000000u

static hone_scheduler *start(const hone_partition_options *partitions, uint32_t count,
                             uint32_t workers_count) {
    hone_scheduler *scheduler = NULL;
    hone_diag diag = {0};
    hone_scheduler_options options = {
        .workers_count = workers_count, .partitions = partitions, .partitions_count = count};
    assert_int_equal(hone_scheduler_create(&options, &diag, &scheduler), HONE_OK);
    return scheduler;
}

/* ---- work that never ends until it is told to ---- */

typedef struct burner {
    hone_task task;
    hone_scheduler *scheduler;
    _Atomic bool *is_over;
    _Atomic uint32_t *alive;
    uint64_t run_ns; /* a time */
} burner;

static void burn(uint64_t cpu_ns) {
    uint64_t end_ns = hone_clock_thread_cpu_ns() + cpu_ns;
    while (hone_clock_thread_cpu_ns() < end_ns) {
    }
}

static void run_burner(void *context) {
    burner *it = context;
    burn(it->run_ns);
    if (atomic_load(it->is_over)) {
        atomic_fetch_sub(it->alive, 1);
        hone_futex_wake(it->alive, 1);
        return;
    }
    hone_scheduler_submit(it->scheduler, &it->task);
}

typedef struct load {
    hone_scheduler *scheduler;
    _Atomic bool is_over;
    _Atomic uint32_t alive;
    burner burners[BURNERS_MAX];
    uint32_t burners_count;
} load;

static void add_task(load *it, uint32_t partition, uint64_t run_ns, bool is_critical) {
    burner *one = &it->burners[it->burners_count++];
    *one = (burner){
        .task = {.run = run_burner,
                 .context = one,
                 .partition = partition,
                 .is_critical = is_critical},
        .scheduler = it->scheduler,
        .is_over = &it->is_over,
        .alive = &it->alive,
        .run_ns = run_ns,
    };
    atomic_fetch_add(&it->alive, 1);
    hone_scheduler_submit(it->scheduler, &one->task);
}

static void add_burner(load *it, uint32_t partition, uint64_t run_ns) {
    add_task(it, partition, run_ns, false);
}

static void rest(uint64_t ns) {
    _Atomic uint32_t never = 0;
    uint64_t end_ns = hone_clock_monotonic_ns() + ns;
    for (uint64_t now_ns; (now_ns = hone_clock_monotonic_ns()) < end_ns;) {
        hone_futex_wait(&never, 0, end_ns - now_ns);
    }
}

static void end_load(load *it) {
    uint32_t alive;
    atomic_store(&it->is_over, true);
    while ((alive = atomic_load(&it->alive)) > 0) {
        hone_futex_wait(&it->alive, alive, UINT64_MAX);
    }
}

static uint64_t cpu_of(const hone_scheduler *scheduler, uint32_t partition) {
    hone_partition_stats stats;
    assert_int_equal(hone_scheduler_stats_partition(scheduler, partition, &stats), HONE_OK);
    return stats.cpu_ns;
}

static void assert_share(double share, double expected) {
    if (share < expected - 0.02 || share > expected + 0.02) {
        fail_msg("a share of %.4f instead of %.4f", share, expected);
    }
}

/* ---- tests ---- */

static const hone_partition_options seventy_thirty[] = {
    {.name = "radio", .share = 0.7},
    {.name = "logs", .share = 0.3},
};

/* The partition with the small share has more tasks, and longer ones. */
static void shares_hold_under_load(void **state) {
    (void)state;
    for (uint32_t workers = 1; workers <= 2; workers++) {
        load it = {.scheduler = start(seventy_thirty, 2, workers)};
        for (int i = 0; i < 3; i++) {
            add_burner(&it, 0, 50000);
        }
        for (int i = 0; i < 9; i++) {
            add_burner(&it, 1, 200000);
        }
        rest(RUN_NS);
        uint64_t radio_ns = cpu_of(it.scheduler, 0), logs_ns = cpu_of(it.scheduler, 1);
        end_load(&it);
        assert_share((double)radio_ns / (double)(radio_ns + logs_ns), 0.7);
        hone_scheduler_destroy(it.scheduler);
    }
}

static void spare_time_is_used_and_given_back(void **state) {
    (void)state;
    load it = {.scheduler = start(seventy_thirty, 2, 2)};
    for (int i = 0; i < 4; i++) {
        add_burner(&it, 1, 100000);
    }
    rest(RUN_NS / 3);
    uint64_t alone_ns = cpu_of(it.scheduler, 1);
    assert_true(alone_ns > 0);
    assert_int_equal(cpu_of(it.scheduler, 0), 0);
    for (int i = 0; i < 4; i++) {
        add_burner(&it, 0, 100000);
    }
    rest(RUN_NS / 3); /* what it may have saved up, a window, is spent in this time */
    uint64_t radio_ns = cpu_of(it.scheduler, 0), logs_ns = cpu_of(it.scheduler, 1);
    rest(RUN_NS);
    radio_ns = cpu_of(it.scheduler, 0) - radio_ns;
    logs_ns = cpu_of(it.scheduler, 1) - logs_ns;
    end_load(&it);
    assert_share((double)radio_ns / (double)(radio_ns + logs_ns), 0.7);
    hone_scheduler_destroy(it.scheduler);
}

/* Everything that the process used but for this thread is on some bill, "nobody" included. */
static void bills_add_up(void **state) {
    (void)state;
    uint64_t before_ns = hone_clock_process_cpu_ns() - hone_clock_thread_cpu_ns();
    load it = {.scheduler = start(seventy_thirty, 2, 2)};
    for (int i = 0; i < 4; i++) {
        add_burner(&it, (uint32_t)i % 2, 70000);
    }
    rest(RUN_NS);
    end_load(&it);
    rest(20000000); /* everybody has gone to sleep, billed */
    uint64_t used_ns = hone_clock_process_cpu_ns() - hone_clock_thread_cpu_ns() - before_ns;
    uint64_t billed_ns = cpu_of(it.scheduler, 0) + cpu_of(it.scheduler, 1);
    uint64_t nobody_ns = cpu_of(it.scheduler, 2);
    double share = (double)(billed_ns + nobody_ns) / (double)used_ns;
    if (share < 0.99 || share > 1.01) {
        fail_msg("%.4f of the CPU time was billed", share);
    }
    hone_scheduler_destroy(it.scheduler);
}

typedef struct critical_order {
    hone_task task;
    _Atomic uint32_t *place;
    uint32_t came;
} critical_order;

static void note_place(void *context) {
    critical_order *it = context;
    burn(100000);
    it->came = atomic_fetch_add(it->place, 1) + 1;
    hone_futex_wake(it->place, 1);
}

static void run_order(hone_scheduler *scheduler, critical_order *tasks, uint32_t count,
                      _Atomic uint32_t *place) {
    /* submitted from a task of the only worker, so that none runs before all are queued */
    for (uint32_t i = 0; i < count; i++) {
        tasks[i].task.run = note_place;
        tasks[i].task.context = &tasks[i];
        tasks[i].place = place;
        hone_scheduler_submit(scheduler, &tasks[i].task);
    }
}

typedef struct order_run {
    hone_scheduler *scheduler;
    critical_order tasks[20];
    _Atomic uint32_t place;
} order_run;

static void submit_all(void *context) {
    order_run *it = context;
    run_order(it->scheduler, it->tasks, 20, &it->place);
}

static void critical_tasks_go_first(void **state) {
    (void)state;
    static const hone_partition_options partitions[] = {
        {.name = "control", .share = 0.1, .critical_share = 0.9},
        {.name = "rest", .share = 0.9},
    };
    order_run it = {.scheduler = start(partitions, 2, 1)};
    for (uint32_t i = 0; i < 20; i++) {
        it.tasks[i].task.partition = i >= 16 ? 0 : 1;
        it.tasks[i].task.is_critical = i >= 16;
    }
    hone_task all = {.run = submit_all, .context = &it, .partition = 1};
    hone_scheduler_submit(it.scheduler, &all);
    uint32_t place;
    while ((place = atomic_load(&it.place)) < 20) {
        hone_futex_wait(&it.place, place, UINT64_MAX);
    }
    for (uint32_t i = 16; i < 20; i++) {
        assert_true(it.tasks[i].came <= 4);
    }
    rest(20000000);
    hone_partition_stats stats;
    assert_int_equal(hone_scheduler_stats_partition(it.scheduler, 0, &stats), HONE_OK);
    assert_true(stats.critical_ns >= 400000 && stats.critical_ns <= stats.cpu_ns);
    assert_int_equal(stats.tasks_run, 4);
    hone_scheduler_destroy(it.scheduler);
}

/* A partition that always has critical work gets its critical share, not more. */
static void critical_work_is_bounded(void **state) {
    (void)state;
    static const hone_partition_options partitions[] = {
        {.name = "control", .share = 0.2, .critical_share = 0.6},
        {.name = "rest", .share = 0.8},
    };
    load it = {.scheduler = start(partitions, 2, 1)};
    for (int i = 0; i < 2; i++) {
        add_task(&it, 0, 100000, true);
        add_burner(&it, 1, 100000);
    }
    uint64_t start_ns = hone_clock_monotonic_ns();
    rest(RUN_NS);
    uint64_t control_ns = cpu_of(it.scheduler, 0), rest_ns = cpu_of(it.scheduler, 1);
    double elapsed_ns = (double)(hone_clock_monotonic_ns() - start_ns);
    end_load(&it);
    /* of the time, not of the CPU time: others on the machine may leave us little */
    if ((double)control_ns > 0.7 * elapsed_ns || control_ns < rest_ns) {
        fail_msg("critical work got %llu ns, the rest %llu", (unsigned long long)control_ns,
                 (unsigned long long)rest_ns);
    }
    hone_scheduler_destroy(it.scheduler);
}

static void burn_some(void *context) {
    (void)context;
    burn(2000000);
}

typedef struct critical_caller {
    hone_task task;
    hone_scheduler *scheduler;
    _Atomic uint32_t is_done;
} critical_caller;

static void call_critical(void *context) {
    critical_caller *it = context;
    assert_int_equal(hone_scheduler_run_critical(it->scheduler, 0, burn_some, NULL), HONE_OK);
    atomic_store(&it->is_done, 1);
    hone_futex_wake(&it->is_done, 1);
}

static void run_critical_bills_the_partition(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(seventy_thirty, 2, 1);
    assert_int_equal(hone_scheduler_run_critical(scheduler, 1, burn_some, NULL), HONE_OK);
    assert_int_equal(hone_scheduler_run_critical(scheduler, 2, burn_some, NULL),
                     HONE_STATUS_INVALID_ARGUMENT);
    critical_caller caller = {.scheduler = scheduler};
    caller.task = (hone_task){.run = call_critical, .context = &caller, .partition = 1};
    hone_scheduler_submit(scheduler, &caller.task);
    while (!atomic_load(&caller.is_done)) {
        hone_futex_wait(&caller.is_done, 0, UINT64_MAX);
    }
    rest(20000000);
    hone_partition_stats stats;
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(hone_scheduler_stats_partition(scheduler, i, &stats), HONE_OK);
        assert_true(stats.critical_ns >= 1900000);
    }
    hone_scheduler_destroy(scheduler);
}

typedef struct ticking {
    hone_task task;
    hone_timer timer;
    hone_scheduler *scheduler;
    _Atomic uint32_t fired;
} ticking;

static void tick(void *context) {
    ticking *it = context;
    burn(2000000);
    if (atomic_fetch_add(&it->fired, 1) + 1 < 10) {
        it->timer.deadline_ns = hone_clock_monotonic_ns() + 1000000;
        assert_int_equal(hone_scheduler_arm(it->scheduler, &it->timer), HONE_OK);
    }
    hone_futex_wake(&it->fired, 1);
}

/* Tasks of timers are nobody's errands either: their partition pays. */
static void tasks_of_timers_are_billed(void **state) {
    (void)state;
    ticking it = {.scheduler = start(seventy_thirty, 2, 1)};
    it.task = (hone_task){.run = tick, .context = &it, .partition = 1};
    it.timer = (hone_timer){.task = &it.task, .deadline_ns = hone_clock_monotonic_ns()};
    assert_int_equal(hone_scheduler_arm(it.scheduler, &it.timer), HONE_OK);
    uint32_t fired;
    while ((fired = atomic_load(&it.fired)) < 10) {
        hone_futex_wait(&it.fired, fired, UINT64_MAX);
    }
    rest(20000000);
    hone_partition_stats stats;
    assert_int_equal(hone_scheduler_stats_partition(it.scheduler, 1, &stats), HONE_OK);
    assert_int_equal(stats.tasks_run, 10);
    assert_true(stats.cpu_ns >= 19000000);
    assert_int_equal(cpu_of(it.scheduler, 0), 0);
    hone_scheduler_destroy(it.scheduler);
}

static void bad_partitions_are_refused(void **state) {
    (void)state;
    static const struct {
        hone_partition_options partitions[2];
        const char *word; /* in the message */
    } cases[] = {
        {{{.name = NULL, .share = 1}}, "name"},
        {{{.name = "", .share = 1}}, "name"},
        {{{.name = "a-name-that-is-longer-than-the-limit", .share = 0.1}}, "name"},
        {{{.name = "a", .share = 0}}, "'a'"},
        {{{.name = "a", .share = -0.5}}, "-0.5"},
        {{{.name = "a", .share = 1e-308}}, "1e-308"},
        {{{.name = "a", .share = (double)NAN}}, "'a'"},
        {{{.name = "a", .share = 1.5}}, "1.5"},
        {{{.name = "a", .share = 0.5, .critical_share = 0.4}}, "0.4"},
        {{{.name = "a", .share = 0.5, .critical_share = 1.01}}, "1.01"},
        {{{.name = "a", .share = 0.5}, {.name = "a", .share = 0.5}}, "'a'"},
        {{{.name = "a", .share = 0.6}, {.name = "b", .share = 0.6}}, "1.2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_scheduler *scheduler = NULL;
        hone_diag diag = {0};
        hone_scheduler_options options = {.workers_count = 1,
                                          .partitions = cases[i].partitions,
                                          .partitions_count = cases[i].partitions[1].name ? 2 : 1};
        assert_int_equal(hone_scheduler_create(&options, &diag, &scheduler),
                         HONE_STATUS_INVALID_ARGUMENT);
        assert_null(scheduler);
        assert_non_null(strstr(diag.message, cases[i].word));
    }
    static const uint64_t windows_ns[] = {1, 999999, 10000000001u};
    for (size_t i = 0; i < sizeof windows_ns / sizeof *windows_ns; i++) {
        hone_scheduler *scheduler = NULL;
        hone_scheduler_options options = {.partitions = seventy_thirty,
                                          .partitions_count = 2,
                                          .partition_window_ns = windows_ns[i]};
        assert_int_equal(hone_scheduler_create(&options, NULL, &scheduler),
                         HONE_STATUS_INVALID_ARGUMENT);
    }
    hone_scheduler *scheduler = NULL;
    hone_scheduler_options many = {.partitions = seventy_thirty, .partitions_count = 17};
    assert_int_equal(hone_scheduler_create(&many, NULL, &scheduler), HONE_STATUS_INVALID_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_hold_under_load),
        cmocka_unit_test(spare_time_is_used_and_given_back),
        cmocka_unit_test(bills_add_up),
        cmocka_unit_test(critical_tasks_go_first),
        cmocka_unit_test(critical_work_is_bounded),
        cmocka_unit_test(run_critical_bills_the_partition),
        cmocka_unit_test(tasks_of_timers_are_billed),
        cmocka_unit_test(bad_partitions_are_refused),
    };
    return cmocka_run_group_tests_name("partitions", tests, NULL, NULL);
}
