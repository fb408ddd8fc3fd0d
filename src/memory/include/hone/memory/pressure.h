/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory pressure as one number from 0 to 1, what it is made of, and how much is evicted for it.
 * The window and the bands are plain arithmetic that budgets use themselves; the monitor adds what
 * only the system knows (control groups, stalls) and evicts at its ticks.
 *
 * Pressure = the average of the last samples + half the trend (the last minus the first of them),
 * clamped to 0..1: rising use counts as more than it is. A sample is a share in use, 0 to 1.
 *
 * Contract: confined. A monitor reads files at each tick and sleeps never: call it from a timer, or
 * when its descriptor is ready. Below its root everything can be faked.
 * Cost: a tick is about ten small files, and the eviction, if it comes to one.
 */
#ifndef HONE_MEMORY_PRESSURE_H
#define HONE_MEMORY_PRESSURE_H

#include <stdbool.h>

#include "hone/base/allocator.h"
#include "hone/base/status.h"
#include "hone/platform/fact.h"

enum { HONE_PRESSURE_SAMPLES = 8 };

/* The last samples. A zeroed one is empty. */
typedef struct hone_pressure_window {
    double samples[HONE_PRESSURE_SAMPLES];
    uint32_t count; /* ever added */
} hone_pressure_window;

/* Adds a sample, clamped to 0..1 (what is no number counts as 0). */
void hone_pressure_window_add(hone_pressure_window *window, double sample);

/* The pressure; 0 without a sample. */
double hone_pressure_window_value(const hone_pressure_window *window);

/* The bands: 10, 20, 30 or 50 percent for a pressure below .70, below .85, below .95, or else; and
 * that share of `bytes`, rounded up. */
uint32_t hone_pressure_percent(double pressure);
size_t hone_pressure_share_of(double pressure, size_t bytes);

/* ---- the monitor ---- */

typedef struct hone_budget hone_budget;
typedef struct hone_pressure_monitor hone_pressure_monitor;

typedef struct hone_pressure_options {
    hone_budget *budget; /* borrowed; where it evicts, and whose use counts */
    const char *root;    /* put before /proc and /sys; NULL or "": this machine's */
    double start;        /* evicts once the pressure is at least this; 0 means .70 */
    double stop;         /* and until it is below this; 0 means .65, or start if lower */
    bool with_descriptor;
    uint32_t stall_ms, window_ms; /* of the descriptor; 0 means 150 and 2000 */
    const hone_allocator *allocator;
} hone_pressure_options;

/* What a tick saw and did. */
typedef struct hone_pressure_state {
    hone_fact own;    /* real: held / limit of the budget; absent when it has no limit */
    hone_fact cgroup; /* real: use / limit of the fullest control group above us */
    hone_fact stall;  /* real: share of the last 10 s that some task waited for memory */
    double sample;    /* the highest of those that are present; 0 when none is */
    double pressure;
    bool is_evicting; /* between start and stop */
    size_t evicted_bytes;
} hone_pressure_state;

/* INVALID_ARGUMENT (no budget; stop above start, or either out of 0..1 or no number; over-long
 * root), OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_pressure_create(const hone_pressure_options *options,
                                               hone_diag *diag,
                                               hone_pressure_monitor **out_monitor);

/* Reads the sources, adds their highest to the window, and runs one pass at the budget while it is
 * evicting. Texts of facts live until the next tick. OUT_OF_MEMORY, INVALID_ARGUMENT (the root is
 * no directory): then *out_state is unchanged and nothing was evicted. */
HONE_MUST_USE hone_status hone_pressure_tick(hone_pressure_monitor *monitor, hone_diag *diag,
                                             hone_pressure_state *out_state);

/* A descriptor for hone_poller_watch_urgent that is ready when tasks had to wait for memory: a tick
 * is due. *out_reason (may be NULL) tells why there is none: then the state is ABSENT or FORBIDDEN
 * and *out_fd is -1. */
hone_fact_state hone_pressure_descriptor(const hone_pressure_monitor *monitor, int *out_fd,
                                         const char **out_reason);

/* NULL is allowed. */
void hone_pressure_destroy(hone_pressure_monitor *monitor);

#endif
