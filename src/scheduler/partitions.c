/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares of CPU time by virtual time (weighted fair queueing): each partition has a clock that
 * advances by what it used divided by its share, and the one furthest behind goes next. So while
 * all have work the times used are as their shares, and what one does not use the others get in
 * proportion. A partition that had no work does not save up: its clock is never further behind than
 * one window.
 *
 * Billing is by the thread's CPU time as the kernel counts it, so time during which other programs
 * had the CPU is nobody's. Reading it is a system call, so a worker stays with a partition for a
 * quantum and bills at its end, when it changes the partition and before it sleeps.
 *
 * Sources: A. Demers, S. Keshav, S. Shenker, Analysis and simulation of a fair queueing algorithm,
 * SIGCOMM 1989; QNX adaptive partitioning (windows, critical budgets, micro-billing).
 */
#include <string.h>

#include "scheduler_internal.h"

#include "hone/platform/clock.h"

enum { QUANTUM_NS = 500000 };

#define WINDOW_NS_DEFAULT 100000000u
#define WINDOW_NS_MIN 1000000u
#define WINDOW_NS_MAX 10000000000u

/* ---- options ---- */

static hone_status check_one(const hone_partition_options *options, uint32_t index,
                             hone_diag *diag) {
    const char *name = options[index].name;
    double share = options[index].share;
    double critical = options[index].critical_share;
    if (!name || !name[0] || strlen(name) > HONE_PARTITION_NAME_BYTES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "partition %u needs a name of 1 to %d bytes", index,
                             HONE_PARTITION_NAME_BYTES_MAX);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "two partitions have the name '%s'", name);
        }
    }
    if (!(share >= HONE_PARTITION_SHARE_MIN && share <= 1)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "partition '%s': a share of %g is not from %g to 1", name, share,
                             HONE_PARTITION_SHARE_MIN);
    }
    if (critical != 0 && !(critical >= share && critical <= 1)) {
        return hone_diag_set(
            diag, HONE_STATUS_INVALID_ARGUMENT,
            "partition '%s': a critical share of %g is not between its share of %g and 1", name,
            critical, share);
    }
    return HONE_OK;
}

static hone_status check_options(const hone_scheduler_options *options, hone_diag *diag) {
    if (options->partitions_count > HONE_PARTITIONS_MAX ||
        (options->partitions_count && !options->partitions)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%u partitions are more than the limit of %d, or are not there",
                             options->partitions_count, HONE_PARTITIONS_MAX);
    }
    uint64_t window_ns = options->partition_window_ns;
    if (window_ns && (window_ns < WINDOW_NS_MIN || window_ns > WINDOW_NS_MAX)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a partition window of %llu ns is not between 1 ms and 10 s",
                             (unsigned long long)window_ns);
    }
    double sum = 0;
    for (uint32_t i = 0; i < options->partitions_count; i++) {
        hone_status status = check_one(options->partitions, i, diag);
        if (status != HONE_OK) {
            return status;
        }
        sum += options->partitions[i].share;
    }
    if (sum > 1 + 1e-9) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the shares of the partitions add up to %g, more than 1", sum);
    }
    return HONE_OK;
}

static void init_one(hn_partition *partition, const hone_partition_options *options) {
    (void)memcpy(partition->name, options->name, strlen(options->name));
    partition->share = options->share;
    partition->critical_share =
        options->critical_share != 0 ? options->critical_share : options->share;
    hone_mutex_init(&partition->queue.lock);
    hone_mutex_init(&partition->critical_queue.lock);
}

hone_status hn_partitions_init(hone_scheduler *scheduler, const hone_scheduler_options *options,
                               hone_diag *diag) {
    static const hone_partition_options everything = {.name = "all", .share = 1};
    hone_status status = check_options(options, diag);
    if (status != HONE_OK) {
        return status;
    }
    scheduler->is_billing = options->partitions_count > 0;
    uint32_t count = scheduler->is_billing ? options->partitions_count : 1;
    scheduler->partitions = HONE_NEW_ARRAY(scheduler->allocator, hn_partition, count);
    if (!scheduler->partitions) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u partitions", count);
    }
    scheduler->partitions_count = count;
    for (uint32_t i = 0; i < count; i++) {
        init_one(&scheduler->partitions[i],
                 scheduler->is_billing ? &options->partitions[i] : &everything);
    }
    (void)memcpy(scheduler->nobody.name, "nobody", sizeof "nobody");
    hone_mutex_init(&scheduler->billing_lock);
    uint64_t window_ns =
        options->partition_window_ns ? options->partition_window_ns : WINDOW_NS_DEFAULT;
    scheduler->slice_ns = window_ns / HN_WINDOW_SLICES;
    scheduler->slice_number = hone_clock_monotonic_ns() / scheduler->slice_ns;
    return HONE_OK;
}

void hn_partitions_deinit(hone_scheduler *scheduler) {
    if (!scheduler->partitions) {
        return;
    }
    for (uint32_t i = 0; i < scheduler->partitions_count; i++) {
        hone_mutex_deinit(&scheduler->partitions[i].queue.lock);
        hone_mutex_deinit(&scheduler->partitions[i].critical_queue.lock);
    }
    hone_mutex_deinit(&scheduler->billing_lock);
    HONE_DELETE_ARRAY(scheduler->allocator, hn_partition, scheduler->partitions,
                      scheduler->partitions_count);
}

/* ---- billing ---- */

static void turn_slices(hn_partition *partition, uint64_t from, uint64_t to) {
    uint64_t count = to - from > HN_WINDOW_SLICES ? HN_WINDOW_SLICES : to - from;
    uint64_t window_ns = hn_get_figure(&partition->window_ns);
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t *slice_ns = &partition->slices_ns[(from + i) % HN_WINDOW_SLICES];
        window_ns -= *slice_ns;
        *slice_ns = 0;
    }
    hn_set_figure(&partition->window_ns, window_ns);
}

/* Under the billing lock: the window moves on to the present slice. */
static void move_window(hone_scheduler *scheduler, uint64_t now_ns) {
    uint64_t slice = now_ns / scheduler->slice_ns;
    if (slice <= scheduler->slice_number) {
        return;
    }
    for (uint32_t i = 0; i < scheduler->partitions_count; i++) {
        turn_slices(&scheduler->partitions[i], scheduler->slice_number, slice);
    }
    turn_slices(&scheduler->nobody, scheduler->slice_number, slice);
    scheduler->slice_number = slice;
}

/* What a partition's clock counts as: not further behind than one window. Clocks are in us: with
 * the smallest share that is good for fifty years. */
static uint64_t virtual_time(const hone_scheduler *scheduler, const hn_partition *partition) {
    uint64_t now_us = hn_get_figure(&scheduler->virtual_now_us);
    uint64_t saved_max_us = scheduler->slice_ns * HN_WINDOW_SLICES / 1000;
    uint64_t least_us = now_us > saved_max_us ? now_us - saved_max_us : 0;
    uint64_t virtual_us = hn_get_figure(&partition->virtual_us);
    return virtual_us > least_us ? virtual_us : least_us;
}

/* Under the billing lock. What is less than a us is kept for the next bill. */
static void advance_clock(hone_scheduler *scheduler, hn_partition *partition, uint64_t used_ns) {
    uint64_t before_us = virtual_time(scheduler, partition);
    double more_us = partition->virtual_rest_us + (double)used_ns / (1000 * partition->share);
    uint64_t whole_us = (uint64_t)more_us;
    partition->virtual_rest_us = more_us - (double)whole_us;
    hn_set_figure(&partition->virtual_us, before_us + whole_us);
    if (before_us > hn_get_figure(&scheduler->virtual_now_us)) {
        hn_set_figure(&scheduler->virtual_now_us, before_us);
    }
}

void hn_billing_settle(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    hn_billing *billing = &worker->billing;
    uint64_t cpu_ns = hone_clock_thread_cpu_ns();
    uint64_t used_ns = cpu_ns - billing->cpu_ns;
    bool is_anybody = billing->partition != HN_NOBODY;
    hn_partition *partition =
        is_anybody ? &scheduler->partitions[billing->partition] : &scheduler->nobody;
    billing->cpu_ns = cpu_ns;
    uint64_t now_ns = hone_clock_monotonic_ns();
    billing->quantum_end_ns = now_ns + QUANTUM_NS;
    hone_mutex_lock(&scheduler->billing_lock);
    move_window(scheduler, now_ns);
    partition->slices_ns[scheduler->slice_number % HN_WINDOW_SLICES] += used_ns;
    hn_count(&partition->window_ns, used_ns);
    hn_count(&partition->cpu_ns, used_ns);
    if (billing->is_critical) {
        hn_count(&partition->critical_ns, used_ns);
    }
    if (is_anybody) {
        advance_clock(scheduler, partition, used_ns);
    }
    hone_mutex_unlock(&scheduler->billing_lock);
}

void hn_billing_enter(hn_worker *worker, uint32_t partition, bool is_critical) {
    hn_billing *billing = &worker->billing;
    if (partition != billing->partition || is_critical != billing->is_critical) {
        hn_billing_settle(worker);
        billing->partition = partition;
        billing->is_critical = is_critical;
    }
}

/* ---- whose turn it is ---- */

uint32_t hn_partitions_best(const hone_scheduler *scheduler, uint32_t tried) {
    uint32_t best = HN_NOBODY;
    uint64_t best_us = UINT64_MAX;
    for (uint32_t i = 0; i < scheduler->partitions_count; i++) {
        if (!(tried & 1u << i)) {
            uint64_t virtual_us = virtual_time(scheduler, &scheduler->partitions[i]);
            if (best == HN_NOBODY || virtual_us < best_us) {
                best = i;
                best_us = virtual_us;
            }
        }
    }
    return best;
}

static bool may_go_first(const hone_scheduler *scheduler, const hn_partition *partition) {
    double window_ns = (double)(scheduler->slice_ns * HN_WINDOW_SLICES) * scheduler->workers_count;
    return (double)hn_get_figure(&partition->window_ns) < partition->critical_share * window_ns;
}

/* What was used is known up to the last bill; when that is long ago, the window has moved on. */
static void refresh_window(hone_scheduler *scheduler) {
    uint64_t now_ns = hone_clock_monotonic_ns();
    hone_mutex_lock(&scheduler->billing_lock);
    move_window(scheduler, now_ns);
    hone_mutex_unlock(&scheduler->billing_lock);
}

hone_task *hn_partitions_take_critical(hone_scheduler *scheduler) {
    if (scheduler->is_billing) {
        refresh_window(scheduler);
    }
    for (uint32_t i = 0; i < scheduler->partitions_count; i++) {
        hn_partition *partition = &scheduler->partitions[i];
        if (!scheduler->is_billing || may_go_first(scheduler, partition)) {
            hone_task *task = hn_queue_pop(&partition->critical_queue);
            if (task) {
                atomic_fetch_sub_explicit(&scheduler->critical_count, 1, memory_order_relaxed);
                return task;
            }
        }
    }
    return NULL;
}

/* ---- figures ---- */

hone_status hone_scheduler_stats_partition(const hone_scheduler *scheduler, uint32_t partition,
                                           hone_partition_stats *out_stats) {
    if (!scheduler->is_billing || partition > scheduler->partitions_count) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    const hn_partition *it = partition == scheduler->partitions_count
                                 ? &scheduler->nobody
                                 : &scheduler->partitions[partition];
    *out_stats = (hone_partition_stats){
        .name = it->name,
        .share = it->share,
        .critical_share = it->critical_share,
        .cpu_ns = hn_get_figure(&it->cpu_ns),
        .critical_ns = hn_get_figure(&it->critical_ns),
        .window_ns = hn_get_figure(&it->window_ns),
        .tasks_run = hn_get_figure(&it->tasks_run),
    };
    return HONE_OK;
}
