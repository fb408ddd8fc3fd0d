/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A buffer with a begin and an end: what is left of the window is moved to the front when the room
 * behind it is short, which costs less than a line a refill; only a line that does not fit lets the
 * buffer grow.
 */
#include "input_internal.h"

#include <assert.h>

enum { WINDOW_BYTES_FIRST = 256 << 10, READ_BYTES_MIN = 64 << 10 };

static const uint8_t byte_order_mark[3] = {0xEF, 0xBB, 0xBF};

hone_status hn_input_open(hn_input *input, hn_stage *stage, const char *path,
                          uint64_t piece_bytes_max, hone_diag *diag) {
    *input = (hn_input){.stage = stage, .path = path};
    hone_status status = hone_file_open(path, HONE_FILE_READ, diag, &input->file);
    if (status != HONE_OK) {
        hn_stage_blame(stage, "path", diag);
        return status;
    }
    input->is_open = true;
    /* one byte more than the piece, so that its end is seen */
    input->capacity_max =
        piece_bytes_max < WINDOW_BYTES_FIRST ? WINDOW_BYTES_FIRST : (size_t)piece_bytes_max + 1;
    input->data = hone_allocate(stage->allocator, WINDOW_BYTES_FIRST, 64);
    if (!input->data) {
        hn_stage_blame(stage, NULL, diag);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for a reading window of %d bytes; raise memory_budget",
                             WINDOW_BYTES_FIRST);
    }
    input->capacity = WINDOW_BYTES_FIRST;
    return HONE_OK;
}

static hone_status grow(hn_input *input, hone_diag *diag) {
    if (input->capacity == input->capacity_max) {
        return HONE_STATUS_LIMIT;
    }
    size_t capacity =
        input->capacity > input->capacity_max / 2 ? input->capacity_max : input->capacity * 2;
    uint8_t *data =
        hone_reallocate(input->stage->allocator, input->data, input->capacity, capacity, 64);
    if (!data) {
        hn_stage_blame_data(input->stage, input->path, 0, diag);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for a reading window of %zu bytes; raise memory_budget",
                             capacity);
    }
    input->data = data;
    input->capacity = capacity;
    return HONE_OK;
}

static hone_status make_room(hn_input *input, hone_diag *diag) {
    if (input->capacity - input->end >= READ_BYTES_MIN) {
        return HONE_OK;
    }
    if (input->begin > 0) {
        memmove(input->data, input->data + input->begin, input->end - input->begin);
        input->end -= input->begin;
        input->begin = 0;
    }
    return input->end < input->capacity ? HONE_OK : grow(input, diag);
}

static void skip_byte_order_mark(hn_input *input) {
    size_t size = input->end - input->begin;
    size_t compared = size < sizeof byte_order_mark ? size : sizeof byte_order_mark;
    bool is_mark = memcmp(input->data + input->begin, byte_order_mark, compared) == 0;
    if (is_mark && compared < sizeof byte_order_mark && !input->is_ended) {
        return; /* perhaps: one more byte will tell */
    }
    input->is_past_mark = true;
    if (is_mark && compared == sizeof byte_order_mark) {
        input->begin += sizeof byte_order_mark;
    }
}

static hone_status read_once(hn_input *input, hone_diag *diag) {
    size_t got;
    hone_status status = make_room(input, diag);
    if (status != HONE_OK) {
        return status;
    }
    status = hone_file_read(&input->file, input->data + input->end, input->capacity - input->end,
                            &got, diag);
    if (status != HONE_OK) {
        hn_stage_blame_data(input->stage, input->path, 0, diag);
        return status;
    }
    input->end += got;
    input->is_ended = got == 0;
    if (!input->is_past_mark) {
        skip_byte_order_mark(input);
    }
    return HONE_OK;
}

static bool has_line(const hn_input *input) {
    hone_text window = hn_input_window(input);
    return window.size && memchr(window.data, '\n', window.size) != NULL;
}

hone_status hn_input_peek(hn_input *input, size_t bytes_wanted, hone_diag *diag) {
    hone_status status = HONE_OK;
    while (status == HONE_OK && !input->is_ended && hn_input_window(input).size < bytes_wanted &&
           (input->file.is_regular || !has_line(input) || hone_file_is_readable(&input->file))) {
        status = read_once(input, diag);
    }
    if (status == HONE_STATUS_LIMIT && !has_line(input)) {
        hn_stage_blame_data(input->stage, input->path, 1, diag);
        return hone_diag_set(diag, status, "the first line is longer than %zu bytes",
                             input->capacity_max);
    }
    return status == HONE_STATUS_LIMIT ? HONE_OK : status;
}

hone_status hn_input_peek_bytes(hn_input *input, size_t bytes_wanted, hone_diag *diag) {
    hone_status status = HONE_OK;
    while (status == HONE_OK && !input->is_ended && hn_input_window(input).size < bytes_wanted) {
        status = read_once(input, diag);
    }
    return status;
}

hone_status hn_input_refill(hn_input *input, hone_diag *diag) {
    if (input->is_ended) {
        return HONE_OK;
    }
    if (!input->file.is_regular && !hone_file_is_readable(&input->file)) {
        hone_status status = hn_stage_wake_on_fd(input->stage, input->file.fd, false);
        input->is_watched |= status == HONE_OK;
        if (status != HONE_OK) {
            hn_stage_blame_data(input->stage, input->path, 0, diag);
            return hone_diag_set(diag, status, "cannot wait for more input: %s",
                                 hone_status_text(status));
        }
        return HONE_STATUS_WOULD_BLOCK;
    }
    return read_once(input, diag);
}

hone_status hn_input_rewind(hn_input *input, uint64_t offset_bytes, hone_diag *diag) {
    hone_status status = hone_file_seek(&input->file, offset_bytes, diag);
    if (status != HONE_OK) {
        hn_stage_blame_data(input->stage, input->path, 0, diag);
        return status;
    }
    input->begin = 0;
    input->end = 0;
    input->counted = 0;
    input->is_ended = false;
    return HONE_OK;
}

void hn_input_consume(hn_input *input, size_t size_bytes) {
    assert(size_bytes <= input->end - input->begin);
    hn_input_count(input, size_bytes);
    input->begin += size_bytes;
    input->counted -= size_bytes;
}

void hn_input_count(hn_input *input, size_t size_bytes) {
    if (size_bytes > input->counted) {
        hn_count(&input->stage->live->bytes, size_bytes - input->counted);
        input->counted = size_bytes;
    }
}

void hn_input_close(hn_input *input) {
    if (input->is_watched) {
        hn_stage_forget_fd(input->stage, input->file.fd);
    }
    if (input->is_open) {
        (void)hone_file_close(&input->file, NULL); /* only read: there is nothing to lose */
        hone_release(input->stage->allocator, input->data, input->capacity, 64);
    }
    *input = (hn_input){0};
}
