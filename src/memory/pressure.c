/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of seed 001 (samples, half the trend, four bands), and a monitor over it.
 */
#include "hone/memory/pressure.h"

#include <stdio.h>
#include <string.h>

#include "hone/memory/budget.h"
#include "hone/platform/memory_pressure.h"

enum { STALL_MS_DEFAULT = 150, WINDOW_MS_DEFAULT = 2000, REASON_SIZE = 512, ROOT_SIZE_MAX = 1024 };

static const double start_default = 0.70, stop_default = 0.65;

/* ---- arithmetic ---- */

void hone_pressure_window_add(hone_pressure_window *window, double sample) {
    double clamped = sample > 1 ? 1 : sample > 0 ? sample : 0; /* also for NaN */
    window->samples[window->count % HONE_PRESSURE_SAMPLES] = clamped;
    window->count++;
    if (window->count == 2 * HONE_PRESSURE_SAMPLES) { /* so that it never overflows */
        window->count = HONE_PRESSURE_SAMPLES;
    }
}

double hone_pressure_window_value(const hone_pressure_window *window) {
    uint32_t count = window->count < HONE_PRESSURE_SAMPLES ? window->count : HONE_PRESSURE_SAMPLES;
    if (count == 0) {
        return 0;
    }
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += window->samples[i];
    }
    double first = window->samples[(window->count - count) % HONE_PRESSURE_SAMPLES];
    double last = window->samples[(window->count - 1) % HONE_PRESSURE_SAMPLES];
    double value = sum / count + (last - first) / 2;
    return value > 1 ? 1 : value < 0 ? 0 : value;
}

uint32_t hone_pressure_percent(double pressure) {
    return pressure < 0.70 ? 10 : pressure < 0.85 ? 20 : pressure < 0.95 ? 30 : 50;
}

size_t hone_pressure_share_of(double pressure, size_t bytes) {
    uint32_t percent = hone_pressure_percent(pressure);
    return bytes / 100 * percent + (bytes % 100 * percent + 99) / 100;
}

/* ---- the monitor ---- */

struct hone_pressure_monitor {
    hone_budget *budget;
    hone_memory_pressure system;
    hone_pressure_window window;
    double start, stop;
    bool is_evicting;
    int fd; /* -1: none, for the reason */
    hone_fact_state fd_state;
    char reason[REASON_SIZE];
    char own_text[64];
    const hone_allocator *allocator;
    char root[];
};

static size_t monitor_bytes(const char *root) {
    return sizeof(hone_pressure_monitor) + strlen(root) + 1;
}

static void open_descriptor(hone_pressure_monitor *monitor, const hone_pressure_options *options) {
    monitor->fd = -1;
    monitor->fd_state = HONE_FACT_ABSENT;
    (void)snprintf(monitor->reason, sizeof monitor->reason, "none was asked for");
    if (!options->with_descriptor) {
        return;
    }
    hone_diag diag = {0};
    hone_status status = hone_memory_pressure_watch(
        monitor->root, options->stall_ms ? options->stall_ms : STALL_MS_DEFAULT,
        options->window_ms ? options->window_ms : WINDOW_MS_DEFAULT, &diag, &monitor->fd);
    monitor->fd_state = status == HONE_OK ? HONE_FACT_PRESENT
                        : status == HONE_STATUS_FORBIDDEN || status == HONE_STATUS_INVALID_ARGUMENT
                            ? HONE_FACT_FORBIDDEN
                            : HONE_FACT_ABSENT;
    (void)snprintf(monitor->reason, sizeof monitor->reason, "%s", diag.message);
}

/* Not so for NaN. */
static bool is_zero(double value) {
    return value >= 0 && value <= 0;
}

hone_status hone_pressure_create(const hone_pressure_options *options, hone_diag *diag,
                                 hone_pressure_monitor **out_monitor) {
    if (!options || !options->budget) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a pressure monitor needs a budget to evict at");
    }
    double start = is_zero(options->start) ? start_default : options->start;
    double stop = !is_zero(options->stop) ? options->stop
                  : start < stop_default  ? start
                                          : stop_default;
    if (!(stop >= 0 && stop <= start && start <= 1)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a pressure monitor starts at %g and stops below %g: both are 0 to 1, "
                             "and it stops no higher than it starts",
                             start, stop);
    }
    const char *root = options->root ? options->root : "";
    if (strlen(root) >= ROOT_SIZE_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the root prefix has %zu bytes; at most %d are allowed", strlen(root),
                             ROOT_SIZE_MAX - 1);
    }
    hone_pressure_monitor *monitor = hone_allocate_zeroed(
        options->allocator, 1, monitor_bytes(root), _Alignof(hone_pressure_monitor));
    if (!monitor) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a pressure monitor");
    }
    monitor->budget = options->budget;
    monitor->start = start;
    monitor->stop = stop;
    monitor->allocator = options->allocator;
    memcpy(monitor->root, root, strlen(root));
    hone_memory_pressure_init(&monitor->system, monitor->root, options->allocator);
    open_descriptor(monitor, options);
    *out_monitor = monitor;
    return HONE_OK;
}

static hone_fact read_own(hone_pressure_monitor *monitor) {
    hone_budget_usage usage = hone_budget_read_usage(monitor->budget);
    if (usage.limit_bytes == HONE_BUDGET_UNLIMITED) {
        return (hone_fact){.state = HONE_FACT_ABSENT,
                           .kind = HONE_FACT_REAL,
                           .text = "",
                           .reason = "the budget has no limit"};
    }
    double share = (double)usage.held_bytes / (double)usage.limit_bytes;
    (void)snprintf(monitor->own_text, sizeof monitor->own_text, "%.6g", share);
    return (hone_fact){.state = HONE_FACT_PRESENT,
                       .kind = HONE_FACT_REAL,
                       .value.real = share,
                       .text = monitor->own_text,
                       .reason = usage.name};
}

static double highest(const hone_fact *facts[], size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        if (facts[i]->state == HONE_FACT_PRESENT && facts[i]->value.real > most) {
            most = facts[i]->value.real;
        }
    }
    return most;
}

hone_status hone_pressure_tick(hone_pressure_monitor *monitor, hone_diag *diag,
                               hone_pressure_state *out_state) {
    hone_status status = hone_memory_pressure_read(&monitor->system, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_pressure_state state = {.own = read_own(monitor),
                                 .cgroup = monitor->system.cgroup_share,
                                 .stall = monitor->system.stall_share};
    const hone_fact *facts[] = {&state.own, &state.cgroup, &state.stall};
    state.sample = highest(facts, sizeof facts / sizeof *facts);
    hone_pressure_window_add(&monitor->window, state.sample);
    state.pressure = hone_pressure_window_value(&monitor->window);
    monitor->is_evicting =
        state.pressure >= (monitor->is_evicting ? monitor->stop : monitor->start);
    state.is_evicting = monitor->is_evicting;
    if (state.is_evicting) {
        state.evicted_bytes = hone_budget_evict_pass(monitor->budget, state.pressure);
    }
    *out_state = state;
    return HONE_OK;
}

hone_fact_state hone_pressure_descriptor(const hone_pressure_monitor *monitor, int *out_fd,
                                         const char **out_reason) {
    *out_fd = monitor->fd;
    if (out_reason) {
        *out_reason = monitor->reason;
    }
    return monitor->fd_state;
}

void hone_pressure_destroy(hone_pressure_monitor *monitor) {
    if (monitor) {
        hone_memory_pressure_unwatch(monitor->fd);
        hone_memory_pressure_deinit(&monitor->system);
        hone_release(monitor->allocator, monitor, monitor_bytes(monitor->root),
                     _Alignof(hone_pressure_monitor));
    }
}
