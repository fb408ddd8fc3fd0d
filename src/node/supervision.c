/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calling thread's part of a run: it stops the sources when the time is over or somebody asked,
 * keeps the live page up to date, shows progress, and looks now and then at what the node must
 * adapt to: the power supply and memory pressure. Between these it sleeps.
 *
 * Memory pressure is looked at by the clock alone. A descriptor of the kernel's (PSI) would tell of
 * stalls a little earlier, but what counts is their share of ten seconds, and the other two sources
 * have no descriptor. See docs/decisions/0018.
 */
#include <string.h>

#include "hone/platform/clock.h"
#include "node_internal.h"

_Static_assert((int)HONE_LIVE_PARTITIONS_MAX == (int)HONE_PARTITIONS_MAX,
               "the page has room for all");

enum {
    LIVE_INTERVAL_NS = 250000000,
    PRESSURE_INTERVAL_NS = 1000000000,
    PRESSURE_INTERVAL_NS_MIN = 1000000,
    LOOKS_WHEN_HIGH = 4,
};
static const uint64_t POWER_INTERVAL_NS = 10000000000;

/* From here on the looks come closer together; a pass comes at 0.70 (hone/memory/pressure.h). */
static const double high_pressure = 0.5;

/* What is due when; UINT64_MAX: never. */
typedef struct agenda {
    uint64_t stop_ns, progress_ns, live_ns, power_ns, pressure_ns;
} agenda;

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void set(_Atomic uint64_t *figure, uint64_t value) {
    /* relaxed: readers see each figure whole, and are promised no more (live.h) */
    atomic_store_explicit(figure, value, memory_order_relaxed);
}

/* --- the live page --- */

static void update_partitions(hone_node *node) {
    hone_live_page *page = node->live.page;
    uint64_t waiting_counts[HONE_PARTITIONS_MAX] = {0};
    for (uint32_t i = 0; i < node->stages_count; i++) {
        const hn_stage_run *run = &node->stages[i];
        uint32_t state = atomic_load_explicit(&run->task_state, memory_order_relaxed);
        waiting_counts[run->partition] += state == HN_TASK_QUEUED;
    }
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        hone_partition_stats stats;
        if (hone_scheduler_stats_partition(node->scheduler, i, &stats) == HONE_OK) {
            set(&page->partitions[i].cpu_ns, stats.cpu_ns);
            set(&page->partitions[i].critical_ns, stats.critical_ns);
        }
        set(&page->partitions[i].waiting_count, waiting_counts[i]);
    }
}

void hn_node_update_live(hone_node *node) {
    hone_budget_usage usage = hone_budget_read_usage(node->budget);
    set(&node->live.page->held_bytes, usage.held_bytes);
    set(&node->live.page->peak_bytes, usage.peak_bytes);
    update_partitions(node);
    for (uint32_t i = 0; i < node->stages_count; i++) {
        const hn_stage_run *run = &node->stages[i];
        uint64_t queued = 0;
        for (uint32_t k = 0; k < run->inputs_count; k++) {
            hone_channel_stats stats;
            hone_channel_stats_read(run->inputs[k]->channel, &stats);
            uint64_t gone = stats.taken_count + stats.dropped_count;
            queued += stats.sent_count > gone ? stats.sent_count - gone : 0;
        }
        set(&run->stage.live->queued_count, queued);
    }
}

/* --- memory pressure --- */

hone_status hn_node_watch_pressure(hone_node *node, const hone_node_run_options *options,
                                   hone_diag *diag) {
    hone_pressure_options wanted = {
        .budget = node->budget, .root = node->machine_root, .allocator = node->allocator};
    if (options->pressure_interval_ns == HONE_NODE_NEVER) {
        return HONE_OK;
    }
    return hone_pressure_create(&wanted, diag, &node->pressure);
}

static uint64_t to_ppm(double share) {
    return (uint64_t)(share * 1e6 + 0.5);
}

static uint64_t fact_ppm(const hone_fact *fact) {
    return fact->state == HONE_FACT_PRESENT ? to_ppm(fact->value.real) : HONE_LIVE_UNKNOWN;
}

/* A look that fails changes nothing; the first one is told. */
static void look_at_pressure(hone_node *node) {
    hone_live_pressure *live = &node->live.page->pressure;
    hone_pressure_state *seen = &node->pressure_seen;
    hone_diag diag = {0};
    if (hone_pressure_tick(node->pressure, &diag, seen) != HONE_OK) {
        if (!node->has_pressure_failed) {
            hone_log_write(node->log, HONE_LOG_WARNING, "memory pressure cannot be read: %s",
                           diag.message);
        }
        node->has_pressure_failed = true;
        return;
    }
    uint64_t pressure_ppm = to_ppm(seen->pressure);
    uint64_t peak_ppm = atomic_load_explicit(&live->pressure_peak_ppm, memory_order_relaxed);
    set(&live->pressure_ppm, pressure_ppm);
    set(&live->pressure_peak_ppm, pressure_ppm > peak_ppm ? pressure_ppm : peak_ppm);
    set(&live->own_ppm, fact_ppm(&seen->own));
    set(&live->cgroup_ppm, fact_ppm(&seen->cgroup));
    set(&live->stall_ppm, fact_ppm(&seen->stall));
    hn_count(&live->looks_count, 1);
    hn_count(&live->passes_count, seen->is_evicting);
    hn_count(&live->evicted_bytes, seen->evicted_bytes);
}

static uint64_t pressure_interval(const hone_node *node, const hone_node_run_options *options) {
    uint64_t interval_ns =
        options->pressure_interval_ns ? options->pressure_interval_ns : PRESSURE_INTERVAL_NS;
    if (node->pressure_seen.pressure >= high_pressure) {
        interval_ns /= LOOKS_WHEN_HIGH;
    }
    return interval_ns > PRESSURE_INTERVAL_NS_MIN ? interval_ns : PRESSURE_INTERVAL_NS_MIN;
}

/* --- the loop --- */

static uint64_t power_interval(const hone_node_run_options *options) {
    return options->power_interval_ns ? options->power_interval_ns : POWER_INTERVAL_NS;
}

static agenda first_agenda(const hone_node *node, const hone_node_run_options *options,
                           uint64_t start_ns) {
    bool has_progress = options->progress && options->progress_ns;
    bool follows_supply = node->power_wanted == HONE_POWER_AUTO;
    /* not at once: the rise from nothing to what a node holds is no trend */
    uint64_t pressure_ns = least(pressure_interval(node, options), LIVE_INTERVAL_NS);
    return (agenda){
        .stop_ns = options->duration_ns ? start_ns + options->duration_ns : UINT64_MAX,
        .progress_ns = has_progress ? start_ns + options->progress_ns : UINT64_MAX,
        .live_ns = start_ns + LIVE_INTERVAL_NS,
        .power_ns = follows_supply ? start_ns + power_interval(options) : UINT64_MAX,
        .pressure_ns = node->pressure ? start_ns + pressure_ns : UINT64_MAX,
    };
}

static void do_what_is_due(hone_node *node, const hone_node_run_options *options, agenda *due,
                           uint64_t now_ns) {
    if (now_ns >= due->pressure_ns) {
        look_at_pressure(node);
        due->pressure_ns = now_ns + pressure_interval(node, options);
    }
    if (now_ns >= due->live_ns || now_ns >= due->progress_ns) {
        hn_node_update_live(node);
        due->live_ns = now_ns + LIVE_INTERVAL_NS;
    }
    if (now_ns >= due->progress_ns) {
        options->progress(options->progress_context, node->live.page);
        due->progress_ns = now_ns + options->progress_ns;
    }
    if (now_ns >= due->power_ns) {
        hn_node_review_power(node);
        due->power_ns = now_ns + power_interval(options);
    }
}

/* The sources look at is_stopping when they run, so each is made to. */
static void begin_draining(hone_node *node) {
    atomic_store_explicit(&node->live.page->state, HONE_LIVE_DRAINING, memory_order_relaxed);
    for (uint32_t i = 0; i < node->stages_count; i++) {
        hn_stage_notify(&node->stages[i]);
    }
}

void hn_node_supervise(hone_node *node, const hone_node_run_options *options, uint64_t start_ns) {
    agenda due = first_agenda(node, options, start_ns);
    bool has_stopped = false;
    for (;;) {
        /* acquire: pairs with notify_runner in runtime.c */
        uint32_t news = atomic_load_explicit(&node->news_count, memory_order_acquire);
        if (atomic_load_explicit(&node->stages_left, memory_order_acquire) == 0) {
            return;
        }
        uint64_t now_ns = hone_clock_monotonic_ns();
        if (now_ns >= due.stop_ns) {
            hone_node_stop(node);
            due.stop_ns = UINT64_MAX;
        }
        if (!has_stopped && atomic_load_explicit(&node->is_stopping, memory_order_acquire)) {
            has_stopped = true;
            begin_draining(node);
            continue;
        }
        do_what_is_due(node, options, &due, now_ns);
        uint64_t next_ns = least(least(due.stop_ns, due.progress_ns),
                                 least(least(due.live_ns, due.power_ns), due.pressure_ns));
        hone_futex_wait(&node->news_count, news, next_ns - now_ns);
    }
}
