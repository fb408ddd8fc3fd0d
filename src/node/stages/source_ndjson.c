/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kind `source.ndjson`: JSON objects, one a line, as records. Nested objects become fields with
 * dots in their names, arrays stay JSON in a text field. The fields are declared, or inferred from
 * the first lines.
 *
 * A line that cannot be read ends the job after everything before it has gone on its way, or is
 * skipped and counted.
 */
#include "kinds_internal.h"
#include "ndjson_internal.h"

#include "hone/base/timestamp.h"
#include "hone/platform/clock.h"

static const hn_option source_ndjson_options[] = {
    {.name = "path",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(hn_ndjson, path),
     .is_required = true,
     .help = "the file; \"-\" is standard input"},
    {.name = "fields",
     .type = HN_OPTION_VALUE,
     .offset = offsetof(hn_ndjson, declared),
     .help = "the fields and their types, as in { load = \"f64\" }; without it they are inferred "
             "from the first lines"},
    {.name = "time",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(hn_ndjson, time),
     .help = "the key with the record's time (RFC 3339, or seconds since 1970), or \"arrival\""},
    {.name = "on_error",
     .type = HN_OPTION_CHOICE,
     .offset = offsetof(hn_ndjson, on_error),
     .fallback = "stop",
     .help = "what to do with a line that cannot be read",
     .choices = {"stop", "skip"}},
    {.name = "max_line",
     .type = HN_OPTION_SIZE,
     .offset = offsetof(hn_ndjson, line_bytes_max),
     .fallback = "1MiB",
     .help = "the longest line"},
};

enum { ON_ERROR_STOP, ON_ERROR_SKIP };

/* --- open --- */

static hone_status declare_fields(hn_stage *stage, hn_ndjson *state, hone_diag *diag) {
    uint32_t count = (uint32_t)hone_toml_count(state->declared);
    hn_stage_blame(stage, "fields", diag);
    if (state->declared->type != HONE_TOML_TABLE || count == 0) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'fields' must be a table such as { load = \"f64\" }");
    }
    hone_field *fields = HONE_ARENA_NEW_ARRAY(stage->arena, hone_field, count);
    if (!fields) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u fields", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        const hone_toml_entry *entry = hone_toml_entry_at(state->declared, i);
        fields[i].name = entry->key;
        if (entry->value.type != HONE_TOML_STRING ||
            hone_type_parse(entry->value.as.string, &fields[i].type) != HONE_OK) {
            hone_diag_at(diag, NULL, entry->value.line, entry->value.column);
            return hone_diag_set(
                diag, HONE_STATUS_TYPE_MISMATCH,
                "the type of '%.*s' must be one of \"i64\", \"f64\", \"bool\", \"text\"",
                HONE_TEXT_ARGS(entry->key));
        }
    }
    return hone_schema_create(stage->arena, fields, count, state->time != NULL, diag,
                              &stage->schema);
}

/* The key with the time need not be a field; then it stands behind the fields in the names. */
static hone_status find_time(hn_stage *stage, hn_ndjson *state, hone_diag *diag) {
    state->time_field = HN_NDJSON_NO_FIELD;
    state->is_arrival_timed = state->time && strcmp(state->time, "arrival") == 0;
    if (!state->time || state->is_arrival_timed) {
        return HONE_OK;
    }
    if (hone_schema_find(stage->schema, hone_text_of(state->time), NULL, &state->time_field) ==
        HONE_OK) {
        return HONE_OK;
    }
    if (state->declared) {
        state->time_field = stage->schema->fields_count;
        return HONE_OK;
    }
    hn_stage_blame(stage, "time", diag);
    return hone_schema_find(stage->schema, hone_text_of(state->time), diag, &state->time_field);
}

static hone_status source_ndjson_open(hn_stage *stage, hone_diag *diag) {
    hn_ndjson *state = stage->state;
    if (state->line_bytes_max == 0 || state->line_bytes_max > UINT32_MAX / 2) {
        hn_stage_blame(stage, "max_line", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'max_line' must be from 1 byte to 2 GiB");
    }
    hone_status status =
        hn_input_open(&state->input, stage, state->path, state->line_bytes_max, diag);
    if (status == HONE_OK && state->declared) {
        status = declare_fields(stage, state, diag);
    } else if (status == HONE_OK) {
        status = hn_ndjson_infer(state, stage, diag);
    }
    if (status == HONE_OK) {
        status = find_time(stage, state, diag);
    }
    return status == HONE_OK ? hn_ndjson_index(state, stage, diag) : status;
}

/* --- values --- */

/* Remembers why the line cannot be read. */
static hone_status bad_value(hn_stage *stage, uint32_t field, hone_text spelled, hone_type type) {
    hn_ndjson *state = stage->state;
    hone_text name = stage->schema->fields[field].name;
    hn_stage_blame_data(stage, state->path, state->line, &state->failure);
    return hone_diag_set(&state->failure, HONE_STATUS_BAD_RECORD,
                         "field '%.*s': %.*s is no %s (the types can be declared by 'fields')",
                         (int)(name.size < 60 ? name.size : 60), name.data,
                         (int)(spelled.size < 40 ? spelled.size : 40), spelled.data,
                         hone_type_name(type));
}

static hone_status set_text(hone_batch *batch, hone_cell *cell, hone_text text, bool has_escapes) {
    hone_status status = hone_batch_add_text(batch, text, &cell->text);
    if (status == HONE_OK && has_escapes) { /* in place: it only becomes shorter */
        hone_text copy = hone_batch_text(batch, cell->text);
        char *heap = (char *)batch + (copy.data - (const char *)batch);
        cell->text.size_bytes = (uint32_t)hone_json_decode(copy, heap);
        batch->text_used_bytes = cell->text.offset_bytes + cell->text.size_bytes;
    }
    return status;
}

/* A scalar into its cell. BAD_RECORD; LIMIT when the batch has no room for its text. */
static hone_status set_scalar(hn_stage *stage, hone_batch *batch, uint32_t row, uint32_t field,
                              const hone_json_event *event) {
    hone_cell *cell = &hone_batch_cells(batch, field)[row];
    hone_type type = stage->schema->fields[field].type;
    bool is_text = event->type == HONE_JSON_TEXT;
    bool is_number = event->type == HONE_JSON_INTEGER || event->type == HONE_JSON_FLOAT;
    hone_text spelled = event->text;
    if (event->type == HONE_JSON_BOOL) {
        spelled = event->boolean ? HONE_TEXT("true") : HONE_TEXT("false");
    }
    hone_status status = HONE_OK;
    if (type == HONE_TYPE_TEXT) {
        status = set_text(batch, cell, spelled, is_text && event->has_escapes);
    } else if (type == HONE_TYPE_F64 && is_number) {
        cell->f64 = event->number;
    } else if (type == HONE_TYPE_I64 && event->type == HONE_JSON_INTEGER) {
        cell->i64 = event->integer;
    } else if (type == HONE_TYPE_BOOL && event->type == HONE_JSON_BOOL) {
        cell->i64 = event->boolean;
    } else {
        status = bad_value(stage, field, spelled, type);
    }
    if (status == HONE_OK) {
        hone_batch_missing(batch, field)[row / 64] &= ~((uint64_t)1 << (row % 64));
    }
    return status;
}

static hone_status set_time(hn_stage *stage, hone_batch *batch, uint32_t row,
                            const hone_json_event *event) {
    hn_ndjson *state = stage->state;
    int64_t *out_ns = &hone_batch_timestamps(batch)[row];
    bool is_readable = event->type == HONE_JSON_TEXT || event->type == HONE_JSON_INTEGER ||
                       event->type == HONE_JSON_FLOAT;
    if (!is_readable || hone_timestamp_parse(event->text, out_ns) != HONE_OK) {
        hone_text spelled = is_readable ? event->text : HONE_TEXT("this value");
        hn_stage_blame_data(stage, state->path, state->line, &state->failure);
        return hone_diag_set(&state->failure, HONE_STATUS_BAD_RECORD,
                             "field '%.60s': %.*s is no time (RFC 3339 or seconds since 1970)",
                             state->time, (int)(spelled.size < 40 ? spelled.size : 40),
                             spelled.data);
    }
    state->has_time = true;
    return HONE_OK;
}

static void ignore_key(hn_stage *stage, hn_ndjson *state, hone_text name) {
    if (!state->has_ignored) {
        state->has_ignored = true;
        hone_log_write(stage->log, HONE_LOG_WARNING,
                       "%s:%llu: %s: '%.*s' is not among the fields; it and others like it are "
                       "ignored",
                       state->path, (unsigned long long)state->line, stage->name,
                       (int)(name.size < 100 ? name.size : 100), name.data);
    }
}

/* An array, or an object where the field is text: as it is spelled. */
static hone_status set_raw(hn_stage *stage, hone_batch *batch, uint32_t row, uint32_t field,
                           hone_text raw) {
    hone_json_event event = {.type = HONE_JSON_TEXT, .text = raw};
    if (stage->schema->fields[field].type != HONE_TYPE_TEXT) {
        return bad_value(stage, field, raw, stage->schema->fields[field].type);
    }
    return set_scalar(stage, batch, row, field, &event);
}

/* The value that `event` begins, of the key that the walk stands at. */
static hone_status read_value(hn_stage *stage, hone_batch *batch, uint32_t row,
                              const hone_json_event *event) {
    hn_ndjson *state = stage->state;
    hone_text name = state->walk.name, raw = {0};
    uint32_t field = hn_ndjson_find(state, name);
    bool is_field = field < stage->schema->fields_count;
    bool is_time = field != HN_NDJSON_NO_FIELD && field == state->time_field;
    bool is_object = event->type == HONE_JSON_OBJECT_BEGIN;
    bool is_nested = is_object || event->type == HONE_JSON_ARRAY_BEGIN;
    hone_status status = HONE_OK;
    if (is_object && !is_field && !is_time) {
        hn_ndjson_walk_enter(&state->walk);
        return HONE_OK;
    }
    if (is_nested) {
        status = hn_ndjson_walk_skip(&state->walk, event, &raw);
    }
    if (status == HONE_OK && field == HN_NDJSON_NO_FIELD) {
        ignore_key(stage, state, name);
    }
    if (status != HONE_OK || field == HN_NDJSON_NO_FIELD || event->type == HONE_JSON_NULL) {
        return status;
    }
    if (is_time) {
        status = set_time(stage, batch, row, event);
    }
    if (status != HONE_OK || !is_field) {
        return status;
    }
    return is_nested ? set_raw(stage, batch, row, field, raw)
                     : set_scalar(stage, batch, row, field, event);
}

/* --- lines --- */

static hone_status bad_json(hn_stage *stage, hn_ndjson_walk *walk) {
    hn_ndjson *state = stage->state;
    hn_stage_blame_data(stage, state->path, state->line, &state->failure);
    (void)hone_json_reader_explain(&walk->reader, state->path, (uint32_t)state->line,
                                   &state->failure);
    return HONE_STATUS_BAD_RECORD;
}

static hone_status read_object(hn_stage *stage, hone_text line, hone_batch *batch, uint32_t row) {
    hn_ndjson *state = stage->state;
    hn_ndjson_walk *walk = &state->walk;
    hone_json_event event = {0};
    hone_status status = hn_ndjson_walk_begin(walk, line);
    if (status == HONE_STATUS_TYPE_MISMATCH) {
        hn_stage_blame_data(stage, state->path, state->line, &state->failure);
        return hone_diag_set(&state->failure, HONE_STATUS_BAD_RECORD,
                             "a line must hold a JSON object, {...}");
    }
    while (status == HONE_OK) {
        status = hn_ndjson_walk_next(walk, &event);
        if (status == HONE_STATUS_CLOSED) {
            return HONE_OK;
        }
        if (status == HONE_OK) {
            status = read_value(stage, batch, row, &event);
        }
    }
    return walk->reader.status == HONE_OK ? status : bad_json(stage, walk);
}

static hone_status read_line(hn_stage *stage, hone_text line, hone_batch *batch) {
    hn_ndjson *state = stage->state;
    uint32_t row =
        hone_batch_add_row(batch, state->is_arrival_timed ? state->arrival_ns : state->rows_count);
    for (uint32_t field = 0; field < stage->schema->fields_count; field++) {
        hone_batch_cells(batch, field)[row].i64 = 0;
        hone_batch_set_missing(batch, field, row);
    }
    state->has_time = false;
    state->next_field = 0;
    hone_status status = read_object(stage, line, batch, row);
    if (status == HONE_OK && state->time_field != HN_NDJSON_NO_FIELD && !state->has_time) {
        hn_stage_blame_data(stage, state->path, state->line, &state->failure);
        status = hone_diag_set(&state->failure, HONE_STATUS_BAD_RECORD,
                               "the record has no time: its key '%.60s' is not there", state->time);
    }
    if (status != HONE_OK) {
        hone_batch_drop_last_row(batch);
    }
    return status;
}

/* A line that cannot be read: HONE_OK when it is to be skipped. */
static hone_status bad_line(hn_stage *stage, hone_status status) {
    hn_ndjson *state = stage->state;
    if (state->on_error != ON_ERROR_SKIP) {
        return state->failure_status = status;
    }
    if (atomic_load_explicit(&stage->live->records_skipped, memory_order_relaxed) == 0) {
        char text[512];
        (void)hone_diag_format(&state->failure, text, sizeof text);
        hone_log_write(stage->log, HONE_LOG_WARNING,
                       "%s (this line and others like it are skipped and counted)", text);
    }
    hn_count(&stage->live->records_skipped, 1);
    return HONE_OK;
}

static hone_status too_long(hn_stage *stage) {
    hn_ndjson *state = stage->state;
    state->is_in_long_line = true;
    hn_stage_blame_data(stage, state->path, state->line + 1, &state->failure);
    (void)hone_diag_set(&state->failure, HONE_STATUS_LIMIT,
                        "the line is longer than the limit of %llu bytes; raise 'max_line'",
                        (unsigned long long)state->line_bytes_max);
    return bad_line(stage, HONE_STATUS_LIMIT);
}

/* The next line of the window behind *used. EMPTY: there is none that is complete. */
static hone_status next_line(hn_stage *stage, size_t *used, hone_text *out_line) {
    hn_ndjson *state = stage->state;
    hone_text rest = hn_input_window(&state->input);
    rest = (hone_text){rest.data + *used, rest.size - *used};
    const char *end = rest.size ? memchr(rest.data, '\n', rest.size) : NULL;
    size_t size = end ? (size_t)(end - rest.data) : rest.size;
    if (size > state->line_bytes_max && !state->is_in_long_line) {
        hone_status status = too_long(stage);
        if (status != HONE_OK) {
            return status;
        }
    }
    if (state->is_in_long_line) { /* up to its end nothing is read */
        *used += end ? size + 1 : size;
        state->line += end != NULL;
        state->is_in_long_line = !end;
        *out_line = (hone_text){rest.data, 0};
        return end ? HONE_OK : HONE_STATUS_EMPTY;
    }
    if (!end && (!state->input.is_ended || size == 0)) {
        return HONE_STATUS_EMPTY;
    }
    *used += end ? size + 1 : size;
    state->line++;
    *out_line = hone_text_trim((hone_text){rest.data, size});
    return HONE_OK;
}

/* Fills the batch from the window. HONE_OK: the batch is full; EMPTY: the window is used up; LIMIT:
 * the texts of *out_line do not fit. Else the reading has failed. */
static hone_status fill(hn_stage *stage, hone_batch *batch, size_t *used, hone_text *out_line) {
    hn_ndjson *state = stage->state;
    uint32_t rows_count = hn_batch_rows(stage, batch);
    while (batch->rows_count < rows_count) {
        hone_status status = next_line(stage, used, out_line);
        if (status != HONE_OK) {
            return status;
        }
        if (out_line->size == 0) {
            continue;
        }
        status = read_line(stage, *out_line, batch);
        if (status == HONE_STATUS_BAD_RECORD) {
            status = bad_line(stage, status);
        } else if (status == HONE_OK) {
            state->rows_count++;
        }
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

/* The line whose texts did not fit goes into a batch of its own. */
static hone_status send_long_line(hn_stage *stage, hone_text line, hone_diag *diag) {
    hn_ndjson *state = stage->state;
    hone_batch *batch = NULL;
    hone_status status = hn_batch_acquire_sized(stage, 1, line.size, diag, &batch);
    if (status != HONE_OK) {
        return status;
    }
    status = read_line(stage, line, batch);
    if (status == HONE_OK) {
        state->rows_count++;
    } else {
        (void)bad_line(stage, status); /* kept, and told by the next call */
    }
    hn_stage_send(stage, batch);
    return HONE_OK;
}

static hone_status source_ndjson_produce(hn_stage *stage, hone_diag *diag) {
    hn_ndjson *state = stage->state;
    hone_batch *batch = NULL;
    hone_text line = {0};
    size_t used = 0;
    if (state->failure_status != HONE_OK) {
        *diag = state->failure;
        return state->failure_status;
    }
    hone_status status = hn_batch_acquire(stage, diag, &batch);
    if (status != HONE_OK) {
        return status;
    }
    state->arrival_ns = state->is_arrival_timed ? hone_clock_realtime_ns() : 0;
    hone_status filled = fill(stage, batch, &used, &line);
    bool has_rows = batch->rows_count > 0;
    hn_stage_send(stage, batch);
    if (filled == HONE_STATUS_LIMIT && state->failure_status == HONE_OK) {
        status = send_long_line(stage, line, diag);
    }
    hn_input_consume(&state->input, used);
    if (filled != HONE_STATUS_EMPTY || status != HONE_OK) {
        return status;
    }
    if (state->input.is_ended) {
        return has_rows ? HONE_OK : HONE_STATUS_CLOSED;
    }
    return hn_input_refill(&state->input, diag);
}

static void source_ndjson_close(hn_stage *stage) {
    hn_ndjson *state = stage->state;
    hn_input_close(&state->input);
    hone_text_map_deinit(&state->names);
}

const hn_stage_kind hn_kind_source_ndjson = {
    .name = "source.ndjson",
    .summary = "JSON objects, one a line, of a file or pipe",
    .role = HN_ROLE_SOURCE,
    .state_size_bytes = sizeof(hn_ndjson),
    .options = source_ndjson_options,
    .options_count = sizeof source_ndjson_options / sizeof source_ndjson_options[0],
    .open = source_ndjson_open,
    .produce = source_ndjson_produce,
    .close = source_ndjson_close,
};
