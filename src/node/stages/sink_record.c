/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.record: records into a file that source.replay gives back bit for bit. A batch becomes a
 * block (several, where it has very much text), put together in memory and written in one piece, so
 * that whatever ends the process leaves complete blocks and at most one torn one behind. What a
 * full disk cuts off is taken back.
 */
#include <stdio.h>

#include "hone/platform/file.h"
#include "kinds_internal.h"
#include "record_file_internal.h"

typedef struct sink_record {
    const char *path;
    bool is_synced;

    hone_file file;
    bool is_open;
    bool is_watched;
    hone_buffer piece;     /* the head, or one block */
    size_t written_bytes;  /* of the piece */
    uint32_t piece_rows;   /* 0: the head */
    uint64_t blocks_count; /* written whole */
    hone_batch *batch;     /* being written; NULL: none */
    uint32_t batch_used;   /* of its selected rows, those that are in blocks */
} sink_record;

static const hn_option options[] = {
    {.name = "path",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(sink_record, path),
     .is_required = true,
     .help = "the file, which is replaced; \"-\" is standard output"},
    {.name = "sync",
     .type = HN_OPTION_FLAG,
     .offset = offsetof(sink_record, is_synced),
     .fallback = "false",
     .help =
         "wait after each block until it is on the device, so that it survives a power failure"},
};

static hone_status no_memory(hn_stage *stage, hone_status status, hone_diag *diag) {
    hn_stage_blame(stage, NULL, diag);
    if (status == HONE_STATUS_LIMIT) {
        return hone_diag_set(diag, status,
                             "a record (or the names of the fields) is too large to be recorded: "
                             "a block has at most %d bytes",
                             HN_RECORD_BLOCK_BYTES_MAX);
    }
    return hone_diag_set(diag, status, "no memory for a block to be recorded; raise memory_budget");
}

/* The piece could not be written whole: what there is of it goes, where that is possible. */
static hone_status fail(hn_stage *stage, hone_status status, hone_diag *diag) {
    sink_record *state = stage->state;
    char why[160];
    (void)snprintf(why, sizeof why, "%.159s", diag->message);
    bool is_clean = state->written_bytes == 0 ||
                    hone_file_take_back(&state->file, state->written_bytes, NULL) == HONE_OK;
    state->written_bytes = 0;
    hone_buffer_clear(&state->piece);
    hn_stage_blame_data(stage, state->path, 0, diag);
    return hone_diag_set(diag, status, "%s; the recording ends after %llu complete blocks%s%s", why,
                         (unsigned long long)state->blocks_count,
                         is_clean ? "" : " and a part of one, which source.replay leaves out",
                         status == HONE_STATUS_NO_SPACE ? "; make room and record again" : "");
}

/* Writes what is left of the piece. WOULD_BLOCK: the stage will be woken. */
static hone_status write_piece(hn_stage *stage, hone_diag *diag) {
    sink_record *state = stage->state;
    hone_status status = HONE_OK;
    while (status == HONE_OK && state->written_bytes < state->piece.size) {
        if (!hone_file_is_writable(&state->file)) {
            status = hn_stage_wake_on_fd(stage, state->file.fd, true);
            if (status == HONE_OK) {
                state->is_watched = true;
                return HONE_STATUS_WOULD_BLOCK;
            }
            (void)hone_diag_set(diag, status, "cannot wait for the reader of the recording");
            break;
        }
        size_t done = 0;
        status = hone_file_write(&state->file, state->piece.data + state->written_bytes,
                                 state->piece.size - state->written_bytes, &done, diag);
        state->written_bytes += done;
    }
    if (status == HONE_OK && state->is_synced && state->piece.size) {
        status = hone_file_sync(&state->file, diag);
    }
    return status == HONE_OK ? HONE_OK : fail(stage, status, diag);
}

static hone_status finish_piece(hn_stage *stage, hone_diag *diag) {
    sink_record *state = stage->state;
    hone_status status = write_piece(stage, diag);
    if (status != HONE_OK) {
        return status;
    }
    state->blocks_count += state->piece_rows > 0;
    hn_count(&stage->live->bytes, state->piece.size);
    hn_count(&stage->live->records_out, state->piece_rows);
    hone_buffer_clear(&state->piece);
    state->written_bytes = 0;
    state->piece_rows = 0;
    return HONE_OK;
}

static void drop_batch(hn_stage *stage) {
    sink_record *state = stage->state;
    hn_batch_release(stage, state->batch);
    state->batch = NULL;
    state->batch_used = 0;
}

/* Writes everything that was taken in. */
static hone_status sink_record_resume(hn_stage *stage, hone_diag *diag) {
    sink_record *state = stage->state;
    hone_status status = finish_piece(stage, diag);
    while (status == HONE_OK && state->batch && state->batch_used < state->batch->selected_count) {
        status = hn_record_block_write(stage->input_schema, state->batch, state->batch_used,
                                       state->blocks_count, &state->piece, &state->piece_rows);
        if (status != HONE_OK) {
            status = no_memory(stage, status, diag);
            break;
        }
        state->batch_used += state->piece_rows;
        status = finish_piece(stage, diag);
    }
    if (status != HONE_STATUS_WOULD_BLOCK) {
        drop_batch(stage);
    }
    return status;
}

static hone_status sink_record_open(hn_stage *stage, hone_diag *diag) {
    sink_record *state = stage->state;
    hone_buffer_init(&state->piece, stage->allocator, HN_RECORD_BLOCK_BYTES_MAX);
    hone_status status = hn_record_head_write(stage->input_schema, &state->piece);
    return status == HONE_OK ? HONE_OK : no_memory(stage, status, diag);
}

static hone_status sink_record_start(hn_stage *stage, hone_diag *diag) {
    sink_record *state = stage->state;
    hone_status status = hone_file_open(state->path, HONE_FILE_WRITE, diag, &state->file);
    if (status != HONE_OK) {
        hn_stage_blame(stage, "path", diag);
        return status;
    }
    state->is_open = true;
    if (state->is_synced && !state->file.is_regular) {
        hn_stage_blame(stage, "sync", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'sync' needs a file on a disk, but '%.160s' is none", state->path);
    }
    /* a pipe may have to wait for its reader, which only a running node can */
    return state->file.is_regular ? finish_piece(stage, diag) : HONE_OK;
}

static hone_status sink_record_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    sink_record *state = stage->state;
    state->batch = batch;
    state->batch_used = 0;
    return sink_record_resume(stage, diag);
}

static hone_status close_file(hn_stage *stage, hone_diag *diag) {
    sink_record *state = stage->state;
    if (!state->is_open) {
        return HONE_OK;
    }
    if (state->is_watched) {
        hn_stage_forget_fd(stage, state->file.fd);
    }
    state->is_open = false;
    return hone_file_close(&state->file, diag);
}

/* resume comes back to the same end after a WOULD_BLOCK; the file is closed by close then. */
static hone_status sink_record_finish(hn_stage *stage, hone_diag *diag) {
    hone_status status = sink_record_resume(stage, diag);
    if (status != HONE_OK) {
        return status;
    }
    status = close_file(stage, diag);
    return status == HONE_OK ? HONE_OK : fail(stage, status, diag);
}

static void sink_record_close(hn_stage *stage) {
    sink_record *state = stage->state;
    drop_batch(stage);
    (void)close_file(stage, NULL); /* finish has reported what there was to report */
    hone_buffer_deinit(&state->piece);
}

const hn_stage_kind hn_kind_sink_record = {
    .name = "sink.record",
    .summary = "records into a file that source.replay gives back bit for bit",
    .role = HN_ROLE_SINK,
    .state_size_bytes = sizeof(sink_record),
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .open = sink_record_open,
    .start = sink_record_start,
    .process = sink_record_process,
    .resume = sink_record_resume,
    .finish = sink_record_finish,
    .close = sink_record_close,
};
