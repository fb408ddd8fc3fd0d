/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kind `sink.ndjson`: each record as a JSON object on a line of its own. A missing value is
 * null, and so are NaN and the infinities, which JSON does not have.
 */
#include <assert.h>
#include <math.h>

#include "hone/base/json.h"
#include "kinds_internal.h"
#include "line_sink_internal.h"

enum { ESCAPE_BYTES_MAX = 6 }; /* "\u001f" */

static const hn_option sink_ndjson_options[] = {
    HN_LINE_SINK_OPTIONS(0),
};

/* True when every byte can stand in JSON as it is and is ASCII. Eight at a time: a byte is below
 * 0x20, or equals a quote or backslash, exactly when subtracting makes it borrow. */
static bool is_plain(hone_text text) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t bytes;
        memcpy(&bytes, text.data + i, sizeof bytes);
        uint64_t quotes = bytes ^ (ones * '"'), slashes = bytes ^ (ones * '\\');
        uint64_t found = (bytes - ones * 0x20) | (quotes - ones) | (slashes - ones) | bytes;
        if (found & highs) {
            return false; /* perhaps only because of a neighbour: the careful way will tell */
        }
    }
    for (; i < text.size; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') {
            return false;
        }
    }
    return true;
}

static char *put_text(hone_text text, char *out) {
    if (is_plain(text)) {
        *out++ = '"';
        out = hn_line_put(out, text.data, text.size);
        *out++ = '"';
        return out;
    }
    /* a buffer over the room that the line has reserved: it never grows */
    size_t room = text.size * ESCAPE_BYTES_MAX + 2;
    hone_buffer buffer = {.data = (uint8_t *)out, .capacity = room, .size_max = room};
    hone_json_writer writer;
    hone_json_writer_init(&writer, &buffer, 0);
    hone_json_write_text(&writer, text);
    assert(hone_buffer_status(&buffer) == HONE_OK);
    return out + buffer.size;
}

static char *put_value(const hn_line_sink *lines, const hn_line_field *field, uint32_t row,
                       char *out) {
    hone_cell cell = field->cells[row];
    bool is_null =
        hn_line_is_missing(field, row) || (field->type == HONE_TYPE_F64 && !isfinite(cell.f64));
    if (is_null) {
        return hn_line_put(out, "null", 4);
    }
    switch (field->type) {
    case HONE_TYPE_I64: return out + hone_number_format_i64(cell.i64, out);
    case HONE_TYPE_F64: return out + hone_number_format_f64(cell.f64, out);
    case HONE_TYPE_BOOL: return hn_line_put_bool(out, cell.i64 != 0);
    case HONE_TYPE_TEXT: return put_text(hone_batch_text(lines->batch, cell.text), out);
    }
    return out;
}

static char *put_ndjson_line(const hn_line_sink *lines, uint32_t row, char *out) {
    if (lines->has_time) {
        bool is_text = lines->timestamp != HN_LINE_TIME_UNIX;
        out = hn_line_put(out, lines->time_prefix.data, lines->time_prefix.size);
        if (is_text) {
            *out++ = '"';
        }
        out = hn_line_put_time(lines, row, out);
        if (is_text) {
            *out++ = '"';
        }
    }
    for (uint32_t i = 0; i < lines->fields_count; i++) {
        const hn_line_field *field = &lines->fields[i];
        out = hn_line_put(out, field->prefix.data, field->prefix.size);
        out = put_value(lines, field, row, out);
    }
    return hn_line_put(out, "}\n", 2);
}

/* `{"name":` or `,"name":` */
static hone_status make_prefix(hn_stage *stage, hone_text name, bool is_first, hone_text *out) {
    size_t room = name.size * ESCAPE_BYTES_MAX + 4;
    char *text = hone_arena_allocate(stage->arena, room, 1);
    if (!text) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    char *end = text;
    *end++ = is_first ? '{' : ',';
    end = put_text(name, end);
    *end++ = ':';
    *out = (hone_text){text, (size_t)(end - text)};
    return HONE_OK;
}

static hone_status make_prefixes(hn_stage *stage, hn_line_sink *lines, hone_diag *diag) {
    hone_status status = HONE_OK;
    if (lines->has_time) {
        status = make_prefix(stage, HONE_TEXT("time"), true, &lines->time_prefix);
        lines->line_bytes += lines->time_prefix.size;
    }
    for (uint32_t i = 0; i < lines->fields_count && status == HONE_OK; i++) {
        hn_line_field *field = &lines->fields[i];
        status = make_prefix(stage, field->name, i == 0 && !lines->has_time, &field->prefix);
        lines->line_bytes += field->prefix.size;
    }
    if (status != HONE_OK) {
        hn_stage_blame(stage, NULL, diag);
        return hone_diag_set(diag, status, "no memory for %u fields; raise memory_budget",
                             lines->fields_count);
    }
    return HONE_OK;
}

static hone_status sink_ndjson_open(hn_stage *stage, hone_diag *diag) {
    hn_line_sink *lines = stage->state;
    lines->put_line = put_ndjson_line;
    lines->text_growth = ESCAPE_BYTES_MAX;
    hone_status status = hn_line_sink_choose(lines, stage, diag);
    if (status == HONE_OK) {
        status = make_prefixes(stage, lines, diag);
    }
    return status;
}

static hone_status sink_ndjson_start(hn_stage *stage, hone_diag *diag) {
    return hn_line_sink_open(stage->state, stage, diag);
}

static hone_status sink_ndjson_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    return hn_line_sink_process(stage->state, batch, diag);
}

static hone_status sink_ndjson_resume(hn_stage *stage, hone_diag *diag) {
    return hn_line_sink_resume(stage->state, diag);
}

static hone_status sink_ndjson_finish(hn_stage *stage, hone_diag *diag) {
    return hn_line_sink_finish(stage->state, diag);
}

static void sink_ndjson_close(hn_stage *stage) {
    hn_line_sink_close(stage->state, stage);
}

const hn_stage_kind hn_kind_sink_ndjson = {
    .name = "sink.ndjson",
    .summary = "records as JSON objects, one a line",
    .role = HN_ROLE_SINK,
    .state_size_bytes = sizeof(hn_line_sink),
    .options = sink_ndjson_options,
    .options_count = sizeof sink_ndjson_options / sizeof sink_ndjson_options[0],
    .open = sink_ndjson_open,
    .start = sink_ndjson_start,
    .process = sink_ndjson_process,
    .resume = sink_ndjson_resume,
    .finish = sink_ndjson_finish,
    .close = sink_ndjson_close,
};
