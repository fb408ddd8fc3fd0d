/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kind `sink.csv`: RFC 4180 with LF line ends. A value is quoted only where it must be; a
 * missing value is an empty field, and so is an empty text.
 */
#include "kinds_internal.h"
#include "line_sink_internal.h"

typedef struct sink_csv {
    hn_line_sink lines; /* first: put_csv_line finds the rest from it */
    const hone_toml_value *header;
    const char *separator;
    bool is_special[256]; /* bytes that make quotes necessary */
} sink_csv;

static const hn_option sink_csv_options[] = {
    HN_LINE_SINK_OPTIONS(offsetof(sink_csv, lines)),
    {.name = "header",
     .type = HN_OPTION_VALUE,
     .offset = offsetof(sink_csv, header),
     .fallback = "true",
     .help = "a first line with the names of the fields: true, false, or a list of other names"},
    {.name = "separator",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(sink_csv, separator),
     .fallback = ",",
     .help = "one character between fields"},
};

static char *put_quoted(const sink_csv *sink, hone_text text, char *out) {
    size_t i = 0;
    while (i < text.size && !sink->is_special[(uint8_t)text.data[i]]) {
        i++;
    }
    if (i == text.size) {
        return hn_line_put(out, text.data, text.size);
    }
    *out++ = '"';
    for (i = 0; i < text.size; i++) {
        if (text.data[i] == '"') {
            *out++ = '"';
        }
        *out++ = text.data[i];
    }
    *out++ = '"';
    return out;
}

static char *put_value(const sink_csv *sink, const hn_line_field *field, uint32_t row, char *out) {
    hone_cell cell = field->cells[row];
    switch (field->type) {
    case HONE_TYPE_I64: return out + hone_number_format_i64(cell.i64, out);
    case HONE_TYPE_F64: return out + hone_number_format_f64(cell.f64, out);
    case HONE_TYPE_BOOL: return hn_line_put_bool(out, cell.i64 != 0);
    case HONE_TYPE_TEXT:
        return put_quoted(sink, hone_batch_text(sink->lines.batch, cell.text), out);
    }
    return out;
}

static char *put_csv_line(const hn_line_sink *lines, uint32_t row, char *out) {
    const sink_csv *sink = (const sink_csv *)lines;
    char *start = out;
    if (lines->has_time) {
        out = hn_line_put_time(lines, row, out);
        *out++ = sink->separator[0];
    }
    for (uint32_t i = 0; i < lines->fields_count; i++) {
        const hn_line_field *field = &lines->fields[i];
        if (!hn_line_is_missing(field, row)) {
            out = put_value(sink, field, row, out);
        }
        *out++ = sink->separator[0];
    }
    out--;
    if (out == start) { /* an empty line would be no record */
        out = hn_line_put(out, "\"\"", 2);
    }
    *out++ = '\n';
    return out;
}

/* --- open --- */

static hone_status check_separator(hn_stage *stage, const sink_csv *sink, hone_diag *diag) {
    char separator = sink->separator[0];
    bool is_digit_sign = separator && strchr("0123456789+-.", separator) != NULL;
    if (strlen(sink->separator) != 1 || separator == '"' || separator == '\n' ||
        separator == '\r' || is_digit_sign) {
        hn_stage_blame(stage, "separator", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'separator' must be one character, and neither a quote, nor a line "
                             "end, nor part of a number");
    }
    return HONE_OK;
}

/* The names in `header`, as many as there are fields, take the place of the fields' own. */
static hone_status rename_fields(hn_stage *stage, sink_csv *sink, hone_diag *diag) {
    const hone_toml_value *header = sink->header;
    hn_stage_blame(stage, "header", diag);
    if (!header || header->type == HONE_TOML_BOOL) {
        return HONE_OK;
    }
    if (header->type != HONE_TOML_ARRAY) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'header' must be true, false or a list of names, but is %s",
                             hone_toml_type_name(header->type));
    }
    if (hone_toml_count(header) != sink->lines.fields_count) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'header' lists %zu names for %u fields (the time is not among them)",
                             hone_toml_count(header), sink->lines.fields_count);
    }
    for (uint32_t i = 0; i < sink->lines.fields_count; i++) {
        const hone_toml_value *item = hone_toml_item_at(header, i);
        if (item->type != HONE_TOML_STRING) {
            hone_diag_at(diag, NULL, item->line, item->column);
            return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                                 "'header' lists names, but this is %s",
                                 hone_toml_type_name(item->type));
        }
        sink->lines.fields[i].name = item->as.string;
    }
    return HONE_OK;
}

static hone_status put_header(sink_csv *sink, hone_diag *diag) {
    hn_line_sink *lines = &sink->lines;
    size_t bytes = 16;
    for (uint32_t i = 0; i < lines->fields_count; i++) {
        bytes += lines->fields[i].name.size * 2 + 3;
    }
    hone_status status = hn_output_reserve(&lines->output, bytes, diag);
    if (status != HONE_OK) {
        return status;
    }
    char *out = hn_output_end(&lines->output);
    if (lines->has_time) {
        out = hn_line_put(out, "time", 4);
        *out++ = sink->separator[0];
    }
    for (uint32_t i = 0; i < lines->fields_count; i++) {
        out = put_quoted(sink, lines->fields[i].name, out);
        *out++ = sink->separator[0];
    }
    out[-1] = '\n';
    hn_output_commit_head(&lines->output, out);
    return HONE_OK;
}

static hone_status sink_csv_open(hn_stage *stage, hone_diag *diag) {
    sink_csv *sink = stage->state;
    hone_status status = check_separator(stage, sink, diag);
    if (status != HONE_OK) {
        return status;
    }
    sink->is_special['"'] = sink->is_special['\n'] = sink->is_special['\r'] = true;
    sink->is_special[(uint8_t)sink->separator[0]] = true;
    sink->lines.put_line = put_csv_line;
    sink->lines.text_growth = 2;
    status = hn_line_sink_choose(&sink->lines, stage, diag);
    if (status == HONE_OK) {
        status = rename_fields(stage, sink, diag);
    }
    return status;
}

static hone_status sink_csv_start(hn_stage *stage, hone_diag *diag) {
    sink_csv *sink = stage->state;
    hone_status status = hn_line_sink_open(&sink->lines, stage, diag);
    sink->lines.output.has_quoted_lines = true;
    bool is_wanted =
        !sink->header || sink->header->type != HONE_TOML_BOOL || sink->header->as.boolean;
    bool is_empty = !sink->lines.append || sink->lines.output.file.size_bytes == 0;
    if (status == HONE_OK && is_wanted && is_empty) {
        status = put_header(sink, diag);
    }
    return status;
}

static hone_status sink_csv_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    return hn_line_sink_process(&((sink_csv *)stage->state)->lines, batch, diag);
}

static hone_status sink_csv_resume(hn_stage *stage, hone_diag *diag) {
    return hn_line_sink_resume(&((sink_csv *)stage->state)->lines, diag);
}

static hone_status sink_csv_finish(hn_stage *stage, hone_diag *diag) {
    return hn_line_sink_finish(&((sink_csv *)stage->state)->lines, diag);
}

static void sink_csv_close(hn_stage *stage) {
    hn_line_sink_close(&((sink_csv *)stage->state)->lines, stage);
}

const hn_stage_kind hn_kind_sink_csv = {
    .name = "sink.csv",
    .summary = "records as lines of a CSV file or pipe",
    .role = HN_ROLE_SINK,
    .state_size_bytes = sizeof(sink_csv),
    .options = sink_csv_options,
    .options_count = sizeof sink_csv_options / sizeof sink_csv_options[0],
    .open = sink_csv_open,
    .start = sink_csv_start,
    .process = sink_csv_process,
    .resume = sink_csv_resume,
    .finish = sink_csv_finish,
    .close = sink_csv_close,
};
