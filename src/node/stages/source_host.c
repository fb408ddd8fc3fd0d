/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.host: the machine's own counters as records, one every `interval`. The times of the
 * samples are planned ahead from the first one, so that a late sample does not delay all later
 * ones; samples that were missed are left out.
 */
#include "hone/platform/clock.h"
#include "hone/platform/host_stats.h"
#include "kinds_internal.h"

typedef struct source_host {
    uint64_t interval_ns;
    const char *root;
    hone_host_stats *stats;
    uint64_t due_ns;
} source_host;

static const hn_option options[] = {
    {.name = "interval",
     .type = HN_OPTION_DURATION,
     .offset = offsetof(source_host, interval_ns),
     .fallback = "1s",
     .help = "time between two records, at least 1us"},
    {.name = "root",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(source_host, root),
     .help = "folder to read proc and sys from, for looking at a recorded machine"},
};

static hone_status source_host_open(hn_stage *stage, hone_diag *diag) {
    source_host *state = stage->state;
    const hone_host_metric_info *metrics = hone_host_metrics();
    hone_field fields[HONE_HOST_METRICS_COUNT];
    if (state->interval_ns < 1000) {
        hn_stage_blame(stage, "interval", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "'interval' must be at least 1us");
    }
    for (int i = 0; i < HONE_HOST_METRICS_COUNT; i++) {
        fields[i].name = hone_text_of(metrics[i].name);
        fields[i].type = metrics[i].is_whole ? HONE_TYPE_I64 : HONE_TYPE_F64;
    }
    hn_stage_set_rows(stage, 1); /* a record waits for no other */
    hone_status status = hone_schema_create(stage->arena, fields, HONE_HOST_METRICS_COUNT, true,
                                            diag, &stage->schema);
    if (status != HONE_OK) {
        return status;
    }
    return hone_host_stats_create(state->root, stage->allocator, diag, &state->stats);
}

static void fill_row(hone_batch *batch, const hone_host_value *values) {
    const hone_host_metric_info *metrics = hone_host_metrics();
    uint32_t row = hone_batch_add_row(batch, hone_clock_realtime_ns());
    for (uint32_t i = 0; i < HONE_HOST_METRICS_COUNT; i++) {
        hone_cell *cell = &hone_batch_cells(batch, i)[row];
        if (values[i].state != HONE_FACT_PRESENT) {
            hone_batch_set_missing(batch, i, row);
            cell->i64 = 0;
        } else if (metrics[i].is_whole) {
            cell->i64 = (int64_t)values[i].value;
        } else {
            cell->f64 = values[i].value;
        }
    }
}

/* The time of the next sample: on the plan, but not in the past. */
static uint64_t next_due_ns(const source_host *state, uint64_t now_ns) {
    uint64_t due_ns = (state->due_ns ? state->due_ns : now_ns) + state->interval_ns;
    return due_ns > now_ns ? due_ns
                           : now_ns + state->interval_ns - (now_ns - due_ns) % state->interval_ns;
}

static hone_status source_host_produce(hn_stage *stage, hone_diag *diag) {
    source_host *state = stage->state;
    uint64_t now_ns = hone_clock_monotonic_ns();
    if (now_ns < state->due_ns) {
        hone_status status = hn_stage_wake_at(stage, state->due_ns);
        return status == HONE_OK ? HONE_STATUS_WOULD_BLOCK : status;
    }
    hone_host_value values[HONE_HOST_METRICS_COUNT];
    hone_batch *batch = NULL;
    hone_status status = hn_batch_acquire(stage, diag, &batch);
    if (status != HONE_OK) {
        return status;
    }
    hone_host_stats_sample(state->stats, now_ns, values);
    fill_row(batch, values);
    state->due_ns = next_due_ns(state, now_ns);
    status = hn_stage_wake_at(
        stage, state->due_ns); /* first, so that the record is not kept waiting by it */
    hn_stage_send(stage, batch);
    return status == HONE_OK ? HONE_STATUS_WOULD_BLOCK : status;
}

static void source_host_close(hn_stage *stage) {
    source_host *state = stage->state;
    hone_host_stats_destroy(state->stats);
}

const hn_stage_kind hn_kind_source_host = {
    .name = "source.host",
    .summary = "the machine's own counters: cpu, memory, pressure, disks, network",
    .role = HN_ROLE_SOURCE,
    .state_size_bytes = sizeof(source_host),
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .open = source_host_open,
    .produce = source_host_produce,
    .close = source_host_close,
};
