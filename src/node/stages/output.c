/* SPDX-License-Identifier: Apache-2.0 */
#include "output_internal.h"

#include <assert.h>
#include <stdio.h>

enum { CAPACITY_FIRST = 256 << 10 };

hone_status hn_output_open(hn_output *output, hn_stage *stage, const char *path, bool is_append,
                           hone_diag *diag) {
    *output = (hn_output){.stage = stage, .path = path, .file.fd = -1};
    hone_status status =
        hone_file_open(path, is_append ? HONE_FILE_APPEND : HONE_FILE_WRITE, diag, &output->file);
    if (status != HONE_OK) {
        hn_stage_blame(stage, "path", diag);
        return status;
    }
    output->is_open = true;
    output->data = hone_allocate(stage->allocator, CAPACITY_FIRST, 64);
    if (!output->data) {
        hn_stage_blame(stage, NULL, diag);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for an output buffer of %d bytes; raise memory_budget",
                             CAPACITY_FIRST);
    }
    output->capacity = CAPACITY_FIRST;
    return HONE_OK;
}

static hone_status grow(hn_output *output, size_t needed, hone_diag *diag) {
    size_t capacity = output->capacity;
    while (capacity < needed) {
        if (capacity > SIZE_MAX / 2) {
            return HONE_STATUS_LIMIT;
        }
        capacity *= 2;
    }
    char *data =
        hone_reallocate(output->stage->allocator, output->data, output->capacity, capacity, 64);
    if (!data) {
        hn_stage_blame_data(output->stage, output->path, 0, diag);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for a line of up to %zu bytes; raise memory_budget",
                             needed);
    }
    output->data = data;
    output->capacity = capacity;
    return HONE_OK;
}

hone_status hn_output_reserve(hn_output *output, size_t size_bytes, hone_diag *diag) {
    if (hn_output_room(output) >= size_bytes) {
        return HONE_OK;
    }
    hone_status status = hn_output_flush(output, diag);
    if (status == HONE_OK && hn_output_room(output) < size_bytes) {
        status = grow(output, size_bytes, diag);
    }
    return status;
}

void hn_output_commit_head(hn_output *output, const char *end) {
    assert(output->size == 0);
    output->size = (size_t)(end - output->data);
    output->heads_count = 1;
}

/* --- what is really there after a failure --- */

typedef struct written_lines {
    uint64_t count;
    size_t bytes; /* up to the end of the last one */
} written_lines;

static written_lines lines_written(const hn_output *output) {
    written_lines lines = {0};
    bool is_quoted = false;
    for (size_t i = 0; i < output->written; i++) {
        is_quoted ^= output->has_quoted_lines && output->data[i] == '"';
        if (output->data[i] == '\n' && !is_quoted) {
            lines.count++;
            lines.bytes = i + 1;
        }
    }
    return lines;
}

static hone_status fail(hn_output *output, hone_status status, hone_diag *diag) {
    written_lines lines = lines_written(output);
    size_t torn_bytes = output->written - lines.bytes;
    uint64_t rows_count = lines.count > output->heads_count ? lines.count - output->heads_count : 0;
    hone_live_stage *live = output->stage->live;
    bool is_torn = torn_bytes > 0;
    if (is_torn && hone_file_take_back(&output->file, torn_bytes, NULL) == HONE_OK) {
        is_torn = false;
        hn_count(&live->bytes, (uint64_t)0 - torn_bytes);
    }
    hn_count(&live->records_out, rows_count);
    char reason[160] = "writing failed";
    if (diag && diag->message[0]) { /* says why, as the system does */
        (void)snprintf(reason, sizeof reason, "%.150s", diag->message);
    }
    hn_stage_blame_data(output->stage, output->path, 0, diag);
    uint64_t all_count = atomic_load_explicit(&live->records_out, memory_order_relaxed);
    output->size = output->written = output->rows_count = output->heads_count = 0;
    return hone_diag_set(diag, status, "%s after %llu record%s%s",
                         status == HONE_STATUS_NO_SPACE      ? "no space is left"
                         : status == HONE_STATUS_BROKEN_PIPE ? "the reader has gone away"
                                                             : reason,
                         (unsigned long long)all_count, all_count == 1 ? "" : "s",
                         is_torn     ? "; the line behind them was written in part only"
                         : all_count ? ", the last of which is complete"
                                     : "");
}

/* --- writing --- */

static void begin_anew(hn_output *output) {
    hn_count(&output->stage->live->records_out, output->rows_count);
    output->size = output->written = output->rows_count = output->heads_count = 0;
}

static hone_status wait_for_room(hn_output *output, hone_diag *diag) {
    hone_status status = hn_stage_wake_on_fd(output->stage, output->file.fd, true);
    if (status != HONE_OK) {
        hn_stage_blame_data(output->stage, output->path, 0, diag);
        return hone_diag_set(diag, status, "cannot wait for the reader: %s",
                             hone_status_text(status));
    }
    output->is_watched = true;
    return HONE_STATUS_WOULD_BLOCK;
}

hone_status hn_output_flush(hn_output *output, hone_diag *diag) {
    while (output->written < output->size) {
        if (!output->file.is_regular && !hone_file_is_writable(&output->file)) {
            return wait_for_room(output, diag);
        }
        size_t done;
        hone_status status = hone_file_write(&output->file, output->data + output->written,
                                             output->size - output->written, &done, diag);
        output->written += done;
        hn_count(&output->stage->live->bytes, done);
        if (status == HONE_STATUS_WOULD_BLOCK) { /* the reader's end was made non-blocking */
            return wait_for_room(output, diag);
        }
        if (status != HONE_OK) {
            return fail(output, status, diag);
        }
    }
    begin_anew(output);
    return HONE_OK;
}

hone_status hn_output_finish(hn_output *output, hone_diag *diag) {
    if (!output->is_open) {
        return HONE_OK;
    }
    hone_status status = hn_output_flush(output, diag);
    if (status != HONE_OK) {
        return status;
    }
    if (output->is_watched) {
        hn_stage_forget_fd(output->stage, output->file.fd);
        output->is_watched = false;
    }
    status = hone_file_close(&output->file, diag);
    if (status != HONE_OK) {
        hn_stage_blame_data(output->stage, output->path, 0, diag);
    }
    return status;
}

void hn_output_close(hn_output *output) {
    if (output->is_watched) {
        hn_stage_forget_fd(output->stage, output->file.fd);
    }
    if (output->is_open) {
        (void)hone_file_close(&output->file, NULL); /* finish has told what there was to tell */
        hone_release(output->stage->allocator, output->data, output->capacity, 64);
    }
    *output = (hn_output){.file.fd = -1};
}
