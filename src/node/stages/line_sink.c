/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch is written row by row into the output's buffer and flushed at its end, so that a record
 * is never held back; a pipe that takes no more stops the sink in the middle, with nothing lost.
 */
#include "line_sink_internal.h"

#include <assert.h>

enum { TIME_BYTES = HONE_TIMESTAMP_TEXT_MAX + 2, VALUE_BYTES = HONE_NUMBER_TEXT_MAX + 2 };

static void add_field(hn_line_sink *sink, const hone_schema *schema, uint32_t field) {
    hone_type type = schema->fields[field].type;
    sink->fields[sink->fields_count++] =
        (hn_line_field){.name = schema->fields[field].name, .field = field, .type = type};
    sink->texts_count += type == HONE_TYPE_TEXT;
    sink->line_bytes += VALUE_BYTES;
}

static hone_status add_named_fields(hn_line_sink *sink, hn_stage *stage, hone_diag *diag) {
    for (uint32_t i = 0; i < sink->names.count; i++) {
        uint32_t field;
        hone_text name = hone_text_of(sink->names.items[i]);
        hone_diag_at(diag, NULL, sink->names.values[i]->line, sink->names.values[i]->column);
        hone_status status = hone_schema_find(stage->input_schema, name, diag, &field);
        if (status != HONE_OK) {
            return status;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (sink->fields[k].field == field) {
                return hone_diag_set(diag, HONE_STATUS_DUPLICATE, "'%.*s' is listed twice",
                                     HONE_TEXT_ARGS(name));
            }
        }
        add_field(sink, stage->input_schema, field);
    }
    return HONE_OK;
}

static hone_status choose_fields(hn_line_sink *sink, hn_stage *stage, hone_diag *diag) {
    const hone_schema *schema = stage->input_schema;
    bool is_named = hone_toml_find(stage->table, HONE_TEXT("fields")) != NULL;
    uint32_t fields_max = is_named ? sink->names.count : schema->fields_count;
    hn_stage_blame(stage, "fields", diag);
    sink->fields = HONE_ARENA_NEW_ARRAY(stage->arena, hn_line_field, fields_max);
    if (!sink->fields) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u fields",
                             fields_max);
    }
    if (is_named) {
        hone_status status = add_named_fields(sink, stage, diag);
        if (status != HONE_OK) {
            return status;
        }
    }
    for (uint32_t field = 0; !is_named && field < schema->fields_count; field++) {
        add_field(sink, schema, field);
    }
    if (sink->fields_count == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no field is left to be written");
    }
    return HONE_OK;
}

static hone_status choose_time(hn_line_sink *sink, hn_stage *stage, hone_diag *diag) {
    bool is_taken = false;
    for (uint32_t i = 0; i < sink->fields_count; i++) {
        is_taken |= hone_text_is(sink->fields[i].name, "time");
    }
    hn_stage_blame(stage, "timestamp", diag);
    if (sink->timestamp == HN_LINE_TIME_UNIX && !stage->input_schema->is_timed) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "these records have no timestamps: give the source a 'time'");
    }
    if (sink->timestamp == HN_LINE_TIME_UNIX && is_taken) {
        return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                             "the records have a field 'time' already: list 'fields' without it");
    }
    sink->has_time =
        sink->timestamp != HN_LINE_TIME_NONE && stage->input_schema->is_timed && !is_taken;
    return HONE_OK;
}

hone_status hn_line_sink_choose(hn_line_sink *sink, hn_stage *stage, hone_diag *diag) {
    sink->line_bytes = TIME_BYTES + 8; /* and the line's own signs */
    hone_status status = choose_fields(sink, stage, diag);
    if (status == HONE_OK) {
        status = choose_time(sink, stage, diag);
    }
    return status;
}

hone_status hn_line_sink_open(hn_line_sink *sink, hn_stage *stage, hone_diag *diag) {
    return hn_output_open(&sink->output, stage, sink->path, sink->append, diag);
}

char *hn_line_put_time(const hn_line_sink *sink, uint32_t row, char *out) {
    int64_t time = hone_batch_timestamps(sink->batch)[row];
    size_t size = sink->timestamp == HN_LINE_TIME_UNIX ? hone_timestamp_format_seconds(time, out)
                                                       : hone_timestamp_format(time, out);
    return out + size;
}

/* The most bytes that the row's line can have. */
static size_t line_bytes_of(const hn_line_sink *sink, uint32_t row) {
    size_t bytes = sink->line_bytes;
    uint32_t texts_left = sink->texts_count;
    for (uint32_t i = 0; texts_left > 0; i++) {
        const hn_line_field *field = &sink->fields[i];
        if (field->type == HONE_TYPE_TEXT) {
            texts_left--;
            bool is_missing = hn_line_is_missing(field, row);
            bytes += is_missing ? 0 : field->cells[row].text.size_bytes * sink->text_growth;
        }
    }
    return bytes;
}

/* Goes on with the batch, if there is one, and flushes. */
static hone_status go_on(hn_line_sink *sink, hone_diag *diag) {
    hn_output *output = &sink->output;
    hone_batch *batch = sink->batch;
    hone_status status = HONE_OK;
    while (batch && status == HONE_OK && sink->next < batch->selected_count) {
        uint32_t row = hone_batch_selection(batch)[sink->next];
        size_t bytes = line_bytes_of(sink, row);
        if (hn_output_room(output) < bytes) {
            status = hn_output_reserve(output, bytes, diag);
        }
        if (status == HONE_OK) {
            char *end = sink->put_line(sink, row, hn_output_end(output));
            assert((size_t)(end - hn_output_end(output)) <= bytes);
            hn_output_commit_row(output, end);
            sink->next++;
        }
    }
    if (status == HONE_STATUS_WOULD_BLOCK) {
        return status;
    }
    hn_batch_release(output->stage, batch);
    sink->batch = NULL;
    return status == HONE_OK ? hn_output_flush(output, diag) : status;
}

hone_status hn_line_sink_process(hn_line_sink *sink, hone_batch *batch, hone_diag *diag) {
    assert(!sink->batch);
    sink->batch = batch;
    sink->next = 0;
    for (uint32_t i = 0; i < sink->fields_count; i++) {
        hn_line_field *field = &sink->fields[i];
        field->cells = hone_batch_cells(batch, field->field);
        field->missing = hone_batch_missing(batch, field->field);
    }
    return go_on(sink, diag);
}

hone_status hn_line_sink_resume(hn_line_sink *sink, hone_diag *diag) {
    hone_status status = go_on(sink, diag);
    return status == HONE_OK && sink->is_finishing ? hn_output_finish(&sink->output, diag) : status;
}

hone_status hn_line_sink_finish(hn_line_sink *sink, hone_diag *diag) {
    sink->is_finishing = true;
    return hn_output_finish(&sink->output, diag);
}

void hn_line_sink_close(hn_line_sink *sink, hn_stage *stage) {
    hn_batch_release(stage, sink->batch);
    sink->batch = NULL;
    hn_output_close(&sink->output);
}
