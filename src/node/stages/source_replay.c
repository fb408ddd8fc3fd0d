/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.replay: the records of a file that sink.record wrote, as fast as they are taken or at the
 * pace of their timestamps. One block becomes one batch, so that what comes behind sees the same
 * batches as behind the original source; at a pace it becomes one batch per moment at which
 * records are due.
 *
 * The reading window holds whole blocks: a block is measured from its frame, then the window grows
 * until the block is in it, as far as the file really goes.
 */
#include <stdio.h>

#include "hone/base/number.h"
#include "hone/platform/clock.h"
#include "input_internal.h"
#include "kinds_internal.h"
#include "record_file_internal.h"

#define FACTOR_MIN 1e-6
#define FACTOR_MAX 1e6
#define WAIT_NS_MAX 9e18 /* 285 years */

typedef struct source_replay {
    const char *path;
    const char *speed;
    uint64_t loops_count; /* 0: for ever */

    double factor; /* 0: as fast as possible */
    hn_input input;
    uint32_t head_bytes;
    uint64_t offset_bytes; /* of the block at the start of the window */
    uint64_t number;       /* of that block */
    uint64_t records_count;
    uint64_t loop; /* from 0 */
    hn_record_block block;
    bool has_block; /* it lies at the start of the window */
    uint32_t next_row;
    bool has_start; /* of the pace: this timestamp belongs to this time */
    bool has_warned;
    int64_t start_timestamp_ns;
    uint64_t start_ns;
} source_replay;

static const hn_option options[] = {
    {.name = "path",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(source_replay, path),
     .is_required = true,
     .help = "the file that sink.record wrote; \"-\" is standard input"},
    {.name = "speed",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(source_replay, speed),
     .fallback = "max",
     .help = "\"max\", \"recorded\" (at the pace of the timestamps), or a multiple such as \"2x\""},
    {.name = "loop",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(source_replay, loops_count),
     .fallback = "1",
     .help = "how many times; 0: for ever"},
};

/* --- opening --- */

static hone_status read_speed(hn_stage *stage, hone_diag *diag) {
    source_replay *state = stage->state;
    hone_text speed = hone_text_of(state->speed);
    if (hone_text_is(speed, "max")) {
        return HONE_OK;
    }
    hn_stage_blame(stage, "speed", diag);
    state->factor = hone_text_is(speed, "recorded") ? 1 : 0;
    if (state->factor == 0) {
        hone_text number = {speed.data, speed.size ? speed.size - 1 : 0};
        bool is_factor = speed.size && speed.data[speed.size - 1] == 'x' &&
                         hone_number_parse_f64(number, &state->factor) == HONE_OK;
        if (!is_factor || !(state->factor >= FACTOR_MIN && state->factor <= FACTOR_MAX)) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "'speed = \"%.60s\"' is not \"max\", \"recorded\" or a multiple "
                                 "from \"0.000001x\" to \"1000000x\"",
                                 state->speed);
        }
    }
    return stage->schema->is_timed
               ? HONE_OK
               : hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                               "the records have no times to keep a pace by: leave 'speed' at "
                               "\"max\", or record from a source with 'time'");
}

static hone_span window_of(const source_replay *state) {
    hone_text window = hn_input_window(&state->input);
    return (hone_span){(const uint8_t *)window.data, window.size};
}

static hone_status read_head(hn_stage *stage, hone_diag *diag) {
    source_replay *state = stage->state;
    hone_status status = hn_input_peek_bytes(&state->input, HN_RECORD_HEAD_BYTES_MIN, diag);
    if (status != HONE_OK) {
        return status;
    }
    hn_stage_blame_data(stage, state->path, 0, diag);
    status = hn_record_head_measure(window_of(state), diag, &state->head_bytes);
    if (status == HONE_OK) {
        status = hn_input_peek_bytes(&state->input, state->head_bytes, diag);
    }
    if (status == HONE_OK) {
        status = hn_record_head_read(window_of(state), stage->arena, diag, &stage->schema);
    }
    if (status == HONE_OK) {
        hn_input_consume(&state->input, state->head_bytes);
        state->offset_bytes = state->head_bytes;
    }
    return status;
}

static hone_status source_replay_open(hn_stage *stage, hone_diag *diag) {
    source_replay *state = stage->state;
    hone_status status =
        hn_input_open(&state->input, stage, state->path, HN_RECORD_BLOCK_BYTES_MAX, diag);
    if (status == HONE_OK) {
        status = read_head(stage, diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    if (state->loops_count != 1 && !state->input.file.is_regular) {
        hn_stage_blame(stage, "loop", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'loop' needs a file that can be read again, but '%.160s' is none",
                             state->path);
    }
    return read_speed(stage, diag);
}

/* --- blocks --- */

static hone_status bad_block(hn_stage *stage, hone_status status, hone_diag *diag) {
    source_replay *state = stage->state;
    char why[160];
    (void)snprintf(why, sizeof why, "%.159s", diag->message);
    hn_stage_blame_data(stage, state->path, 0, diag);
    return hone_diag_set(diag, status,
                         "block %llu at byte %llu is damaged: %s; the %llu records before it were "
                         "replayed",
                         (unsigned long long)state->number, (unsigned long long)state->offset_bytes,
                         why, (unsigned long long)state->records_count);
}

/* The file ends within a block: what a crash leaves. Everything before it is good. */
static void warn_of_torn_block(hn_stage *stage) {
    source_replay *state = stage->state;
    if (state->has_warned) {
        return;
    }
    state->has_warned = true;
    hone_log_write(stage->log, HONE_LOG_WARNING,
                   "stage '%s': %s ends within block %llu, at byte %llu: the recording was "
                   "interrupted there; the %llu records before it are replayed",
                   stage->name, state->path, (unsigned long long)state->number,
                   (unsigned long long)state->offset_bytes + window_of(state).size,
                   (unsigned long long)state->records_count);
}

/* CLOSED after the last loop, else HONE_OK at the first block again. */
static hone_status end_of_file(hn_stage *stage, hone_diag *diag) {
    source_replay *state = stage->state;
    if (window_of(state).size) {
        warn_of_torn_block(stage);
    }
    state->loop++;
    if (state->records_count == 0 || state->loop == state->loops_count) {
        return HONE_STATUS_CLOSED;
    }
    state->number = 0;
    state->records_count = 0;
    state->offset_bytes = state->head_bytes;
    state->has_start = false;
    return hn_input_rewind(&state->input, state->head_bytes, diag);
}

/* HONE_OK with has_block set; else HONE_OK: look again. */
static hone_status find_block(hn_stage *stage, hone_diag *diag) {
    source_replay *state = stage->state;
    hone_span window = window_of(state);
    hone_status status =
        hn_record_block_measure(window, stage->schema, state->number, diag, &state->block);
    if (status == HONE_OK) {
        status = hn_record_block_read(window, stage->schema, diag, &state->block);
    }
    if (status == HONE_STATUS_TRUNCATED) {
        hone_diag_clear(diag);
        if (state->input.is_ended) {
            return end_of_file(stage, diag);
        }
        status = hn_input_refill(&state->input, diag);
        return status == HONE_STATUS_LIMIT ? HONE_STATUS_INTERNAL : status;
    }
    if (status != HONE_OK) {
        return bad_block(stage, status, diag);
    }
    state->has_block = true;
    state->next_row = 0;
    return HONE_OK;
}

static void end_block(source_replay *state) {
    hn_input_consume(&state->input, state->block.size_bytes);
    state->offset_bytes += state->block.size_bytes;
    state->number++;
    state->has_block = false;
}

/* --- the pace --- */

/* When the row is due, in monotonic time. */
static uint64_t due_ns(source_replay *state, uint32_t row, uint64_t now_ns) {
    int64_t timestamp_ns = hn_record_block_timestamp(&state->block, row);
    if (!state->has_start) {
        state->has_start = true;
        state->start_timestamp_ns = timestamp_ns;
        state->start_ns = now_ns;
    }
    if (timestamp_ns <= state->start_timestamp_ns) {
        return state->start_ns;
    }
    uint64_t after_ns = (uint64_t)timestamp_ns - (uint64_t)state->start_timestamp_ns;
    double wait_ns = (double)after_ns / state->factor;
    return state->start_ns + (uint64_t)(wait_ns < WAIT_NS_MAX ? wait_ns : WAIT_NS_MAX);
}

/* How many rows from next_row on are due now; *out_wake_ns is when the next one is, if none. */
static uint32_t count_due(source_replay *state, uint64_t *out_wake_ns) {
    uint32_t left = state->block.rows_count - state->next_row;
    if (state->factor == 0) {
        return left;
    }
    uint64_t now_ns = hone_clock_monotonic_ns();
    for (uint32_t i = 0; i < left; i++) {
        *out_wake_ns = due_ns(state, state->next_row + i, now_ns);
        if (*out_wake_ns > now_ns) {
            return i;
        }
    }
    return left;
}

static hone_status source_replay_produce(hn_stage *stage, hone_diag *diag) {
    source_replay *state = stage->state;
    hone_batch *batch = NULL;
    uint64_t wake_ns = 0;
    if (!state->has_block) {
        hone_status status = find_block(stage, diag);
        if (status != HONE_OK || !state->has_block) {
            return status;
        }
    }
    uint32_t rows_count = count_due(state, &wake_ns);
    if (rows_count == 0) {
        hone_status status = hn_stage_wake_at(stage, wake_ns);
        return status == HONE_OK ? HONE_STATUS_WOULD_BLOCK : status;
    }
    hone_status status =
        hn_batch_acquire_sized(stage, rows_count, state->block.text_bytes, diag, &batch);
    if (status != HONE_OK) {
        return status;
    }
    hn_record_block_copy(&state->block, stage->schema, state->next_row, rows_count, batch);
    state->next_row += rows_count;
    state->records_count += rows_count;
    if (state->next_row == state->block.rows_count) {
        end_block(state);
    }
    hn_stage_send(stage, batch);
    return HONE_OK;
}

static void source_replay_close(hn_stage *stage) {
    source_replay *state = stage->state;
    hn_input_close(&state->input);
}

const hn_stage_kind hn_kind_source_replay = {
    .name = "source.replay",
    .summary = "the records of a file that sink.record wrote",
    .role = HN_ROLE_SOURCE,
    .state_size_bytes = sizeof(source_replay),
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .open = source_replay_open,
    .produce = source_replay_produce,
    .close = source_replay_close,
};
