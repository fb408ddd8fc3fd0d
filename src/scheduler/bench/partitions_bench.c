/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well partitions keep their promises: two of them at 70 and 30 per cent, on as many workers as
 * there are CPUs, for a second a sample. All in CPU time, so load by others matters little.
 */
#include <math.h>

#include "hone/platform/clock.h"
#include "hone/platform/thread.h"
#include "hone/scheduler/scheduler.h"
#include "partitions_bench_internal.h"

enum { BURNERS = 8, TASK_NS = 100000, REST_NS = 20000000 };

#define RUN_NS 1000000000u

static const hone_partition_options seventy_thirty[] = {
    {.name = "seventy", .share = 0.7},
    {.name = "thirty", .share = 0.3},
};

typedef struct burner {
    hone_task task;
    struct burners *all;
} burner;

typedef struct burners {
    hone_scheduler *scheduler;
    burner each[BURNERS];
    _Atomic uint32_t is_over, alive;
} burners;

static void run_burner(void *context) {
    burner *it = context;
    uint64_t end_ns = hone_clock_thread_cpu_ns() + TASK_NS;
    while (hone_clock_thread_cpu_ns() < end_ns) {
    }
    if (atomic_load_explicit(&it->all->is_over, memory_order_relaxed)) {
        atomic_fetch_sub_explicit(&it->all->alive, 1, memory_order_release);
        hone_futex_wake(&it->all->alive, 1);
        return;
    }
    hone_scheduler_submit(it->all->scheduler, &it->task);
}

static void pause_ns(uint64_t ns) {
    _Atomic uint32_t never = 0;
    uint64_t end_ns = hone_clock_monotonic_ns() + ns;
    for (uint64_t now_ns; (now_ns = hone_clock_monotonic_ns()) < end_ns;) {
        hone_futex_wait(&never, 0, end_ns - now_ns);
    }
}

typedef struct outcome {
    double seventy_ns, thirty_ns, nobody_ns; /* billed */
    double used_ns;                          /* by the workers, as the kernel counts it */
} outcome;

static double cpu_ns(const hone_scheduler *scheduler, uint32_t partition) {
    hone_partition_stats stats = {0};
    (void)!hone_scheduler_stats_partition(scheduler, partition, &stats);
    return (double)stats.cpu_ns;
}

/* With `first` 1 only the second partition has work. */
static outcome run(uint32_t first) {
    outcome out = {0};
    burners all = {0};
    uint64_t before_ns = hone_clock_process_cpu_ns() - hone_clock_thread_cpu_ns();
    hone_scheduler_options options = {.partitions = seventy_thirty, .partitions_count = 2};
    if (hone_scheduler_create(&options, NULL, &all.scheduler) != HONE_OK) {
        return out;
    }
    for (uint32_t i = 0; i < BURNERS; i++) {
        all.each[i] =
            (burner){.task = {.run = run_burner, .partition = first ? 1 : i % 2}, .all = &all};
        all.each[i].task.context = &all.each[i];
        atomic_fetch_add_explicit(&all.alive, 1, memory_order_relaxed);
        hone_scheduler_submit(all.scheduler, &all.each[i].task);
    }
    pause_ns(RUN_NS);
    atomic_store_explicit(&all.is_over, 1, memory_order_relaxed);
    uint32_t alive;
    while ((alive = atomic_load_explicit(&all.alive, memory_order_acquire)) > 0) {
        hone_futex_wait(&all.alive, alive, UINT64_MAX);
    }
    pause_ns(REST_NS); /* all have gone to sleep, and were billed before it */
    out.used_ns = (double)(hone_clock_process_cpu_ns() - hone_clock_thread_cpu_ns() - before_ns);
    out.seventy_ns = cpu_ns(all.scheduler, 0);
    out.thirty_ns = cpu_ns(all.scheduler, 1);
    out.nobody_ns = cpu_ns(all.scheduler, 2);
    hone_scheduler_destroy(all.scheduler);
    return out;
}

/* The lab takes values above 0 only. */
static double off_by(double percent, double expected) {
    return fabs(percent - expected) + 1e-6;
}

double hn_measure_share(void *context) {
    (void)context;
    outcome out = run(0);
    return off_by(100 * out.seventy_ns / (out.seventy_ns + out.thirty_ns), 70);
}

double hn_measure_bills(void *context) {
    (void)context;
    outcome out = run(0);
    return off_by(100 * (out.seventy_ns + out.thirty_ns + out.nobody_ns) / out.used_ns, 100);
}

double hn_measure_spare(void *context) {
    (void)context;
    outcome out = run(1);
    return off_by(100 * out.thirty_ns / out.used_ns, 100);
}
