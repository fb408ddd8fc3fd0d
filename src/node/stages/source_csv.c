/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.csv: rows of a CSV file as records. The types of the columns are declared, or inferred
 * from the rows that the first window holds: i64 if every value is a whole number, else f64, bool,
 * text; a number with leading zeros is text, because it is a name. An empty field is a missing
 * value.
 *
 * A row that cannot be read ends the job after everything before it has gone on its way, or is
 * skipped and counted.
 */
#include <stdio.h>

#include "hone/base/csv.h"
#include "hone/base/number.h"
#include "hone/base/timestamp.h"
#include "hone/kernels/scan.h"
#include "hone/platform/clock.h"
#include "input_internal.h"
#include "kinds_internal.h"

enum {
    COLUMNS_MAX = HONE_SCHEMA_FIELDS_MAX,
    INFER_ROWS_MAX = 1000,
    PEEK_BYTES = 128 << 10,
    SHOWN_BYTES_MAX = 40
};

typedef enum on_error { ON_ERROR_STOP, ON_ERROR_SKIP } on_error;

typedef struct source_csv {
    const char *path;
    const char *separator;
    bool has_header;
    const hone_toml_value *declared; /* table of name = type */
    const char *time;
    uint32_t on_error;
    uint64_t line_bytes_max;

    hn_input input;
    hone_csv_scanner scanner, fresh_scanner;
    hone_csv_field *row; /* room for one field more than there are columns */
    uint32_t columns_count;
    const hone_type *types;
    uint32_t time_column; /* UINT32_MAX: none */
    bool is_arrival_timed;
    int64_t rows_count;
    hone_status
        failure_status; /* of the row that ends the reading, once what came before it was sent */
    hone_diag failure;
} source_csv;

static const hn_option options[] = {
    {.name = "path",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(source_csv, path),
     .is_required = true,
     .help = "the file; \"-\" is standard input"},
    {.name = "separator",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(source_csv, separator),
     .fallback = ",",
     .help = "one character between fields"},
    {.name = "header",
     .type = HN_OPTION_FLAG,
     .offset = offsetof(source_csv, has_header),
     .fallback = "true",
     .help = "the first row has the names of the columns"},
    {.name = "fields",
     .type = HN_OPTION_VALUE,
     .offset = offsetof(source_csv, declared),
     .help =
         "types of columns, as in { load = \"f64\" }; the others are inferred from the first rows"},
    {.name = "time",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(source_csv, time),
     .help = "the column with the record's time (RFC 3339, or seconds since 1970), or \"arrival\""},
    {.name = "on_error",
     .type = HN_OPTION_CHOICE,
     .offset = offsetof(source_csv, on_error),
     .fallback = "stop",
     .help = "what to do with a row that cannot be read",
     .choices = {"stop", "skip"}},
    {.name = "max_line",
     .type = HN_OPTION_SIZE,
     .offset = offsetof(source_csv, line_bytes_max),
     .fallback = "1MiB",
     .help = "the longest row"},
};

static hone_type type_of_text(hone_text text) {
    int64_t whole;
    double number;
    size_t digits = text.size && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    bool has_leading_zero = text.size > digits + 1 && text.data[digits] == '0' &&
                            text.data[digits + 1] >= '0' && text.data[digits + 1] <= '9';
    if (has_leading_zero) {
        return HONE_TYPE_TEXT;
    }
    if (hone_number_parse_i64(text, &whole) == HONE_OK) {
        return HONE_TYPE_I64;
    }
    if (hone_number_parse_f64(text, &number) == HONE_OK) {
        return HONE_TYPE_F64;
    }
    return hone_text_is(text, "true") || hone_text_is(text, "false") ? HONE_TYPE_BOOL
                                                                     : HONE_TYPE_TEXT;
}

/* The narrowest type that holds both. */
static hone_type join_types(hone_type a, hone_type b) {
    bool are_numbers =
        (a == HONE_TYPE_I64 || a == HONE_TYPE_F64) && (b == HONE_TYPE_I64 || b == HONE_TYPE_F64);
    return a == b ? a : are_numbers ? HONE_TYPE_F64 : HONE_TYPE_TEXT;
}

/* --- the columns: names and types --- */

typedef struct column_guess {
    hone_type type;
    bool is_seen;
} column_guess;

/* Looks at the rows in the window without using them. */
static void infer_types(source_csv *state, column_guess *guesses) {
    hone_csv_scanner scanner = state->scanner;
    size_t fields_count = 0;
    hone_csv_scanner_feed(&scanner, hn_input_window(&state->input), state->input.is_ended);
    for (int i = 0; i < INFER_ROWS_MAX; i++) {
        if (hone_csv_scan_row(&scanner, state->row, state->columns_count, &fields_count) !=
            HONE_OK) {
            return;
        }
        for (uint32_t c = 0; c < state->columns_count && c < fields_count; c++) {
            hone_text text = hone_csv_text(state->row[c]);
            if (text.size == 0) {
                continue;
            }
            hone_type type =
                state->row[c].flags & HONE_CSV_QUOTED ? HONE_TYPE_TEXT : type_of_text(text);
            guesses[c].type = guesses[c].is_seen ? join_types(guesses[c].type, type) : type;
            guesses[c].is_seen = true;
        }
    }
}

static hone_status column_name(hn_stage *stage, hone_csv_field field, uint32_t column,
                               hone_text *out_name) {
    source_csv *state = stage->state;
    char number[24];
    (void)snprintf(number, sizeof number, "c%u", column + 1);
    bool is_named = state->has_header && field.size;
    char *copy =
        hone_arena_copy_text(stage->arena, is_named ? hone_csv_text(field) : hone_text_of(number));
    if (!copy) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *out_name = hone_text_of(copy);
    if (is_named) {
        out_name->size =
            field.flags & HONE_CSV_ESCAPED ? hone_csv_unescape(field, copy) : field.size;
    }
    return hone_text_is_utf8(*out_name, NULL) ? HONE_OK : HONE_STATUS_ENCODING;
}

/* The first row of the file, which the first window holds whole. */
static hone_status scan_first_row(hn_stage *stage, hone_csv_field *row, size_t *out_count,
                                  hone_diag *diag) {
    source_csv *state = stage->state;
    hone_csv_scanner_feed(&state->scanner, hn_input_window(&state->input), state->input.is_ended);
    hone_status status;
    do { /* empty lines before it are nothing */
        status = hone_csv_scan_row(&state->scanner, row, COLUMNS_MAX, out_count);
    } while (status == HONE_OK && *out_count == 1 && row[0].size == 0 && row[0].flags == 0);
    hn_stage_blame_data(stage, state->path, 1, diag);
    if (status == HONE_OK && *out_count > COLUMNS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "%zu columns are more than the limit of %d",
                             *out_count, COLUMNS_MAX);
    }
    if (status == HONE_STATUS_EMPTY) {
        return state->input.is_ended
                   ? hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                                   "the file is empty: a first row was expected")
                   : hone_diag_set(diag, HONE_STATUS_LIMIT,
                                   "the first row is longer than %llu bytes; raise 'max_line'",
                                   (unsigned long long)state->line_bytes_max);
    }
    return status == HONE_OK ? HONE_OK
                             : hone_csv_scanner_explain(&state->scanner, state->path, diag);
}

static hone_status apply_declared(hn_stage *stage, hone_field *fields, hone_diag *diag) {
    source_csv *state = stage->state;
    hone_schema names = {.fields = fields, .fields_count = state->columns_count};
    if (!state->declared) {
        return HONE_OK;
    }
    hn_stage_blame(stage, "fields", diag);
    if (state->declared->type != HONE_TOML_TABLE) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'fields' must be a table such as { load = \"f64\" }");
    }
    for (size_t i = 0; i < hone_toml_count(state->declared); i++) {
        const hone_toml_entry *entry = hone_toml_entry_at(state->declared, i);
        uint32_t column;
        hone_diag_at(diag, NULL, entry->key_line, entry->key_column);
        hone_status status = hone_schema_find(&names, entry->key, diag, &column);
        if (status != HONE_OK) {
            return status;
        }
        if (entry->value.type != HONE_TOML_STRING ||
            hone_type_parse(entry->value.as.string, &fields[column].type) != HONE_OK) {
            return hone_diag_set(
                diag, HONE_STATUS_TYPE_MISMATCH,
                "the type of '%.*s' must be one of \"i64\", \"f64\", \"bool\", \"text\"",
                HONE_TEXT_ARGS(entry->key));
        }
    }
    return HONE_OK;
}

static hone_status apply_time(hn_stage *stage, const hone_field *fields, hone_diag *diag) {
    source_csv *state = stage->state;
    hone_schema names = {.fields = fields, .fields_count = state->columns_count};
    state->time_column = UINT32_MAX;
    state->is_arrival_timed = state->time && strcmp(state->time, "arrival") == 0;
    if (!state->time || state->is_arrival_timed) {
        return HONE_OK;
    }
    hn_stage_blame(stage, "time", diag);
    return hone_schema_find(&names, hone_text_of(state->time), diag, &state->time_column);
}

/* On a pipe the header may come long before the first row, which must be seen where a type is to be
 * inferred. A row that is too long is told by the run, which knows its line. */
static hone_status wait_for_rows(hn_stage *stage, hone_diag *diag) {
    source_csv *state = stage->state;
    if (hone_toml_count(state->declared) >= state->columns_count) {
        return HONE_OK;
    }
    hone_status status = hn_input_peek(&state->input, PEEK_BYTES, diag);
    return status == HONE_STATUS_LIMIT ? HONE_OK : status;
}

static hone_status make_schema(hn_stage *stage, const hone_csv_field *row, hone_diag *diag) {
    source_csv *state = stage->state;
    hone_field *fields = HONE_ARENA_NEW_ARRAY(stage->arena, hone_field, state->columns_count);
    column_guess *guesses = HONE_ARENA_NEW_ARRAY(stage->arena, column_guess, state->columns_count);
    hone_type *types = HONE_ARENA_NEW_ARRAY(stage->arena, hone_type, state->columns_count);
    state->row =
        HONE_ARENA_NEW_ARRAY(stage->arena, hone_csv_field, (size_t)state->columns_count + 1);
    if (!fields || !guesses || !types || !state->row) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u columns",
                             state->columns_count);
    }
    for (uint32_t c = 0; c < state->columns_count; c++) {
        hone_status named = column_name(stage, row[c], c, &fields[c].name);
        if (named != HONE_OK) {
            return hone_diag_set(diag, named, "the name of column %u is not readable: %s", c + 1,
                                 hone_status_text(named));
        }
    }
    if (state->has_header) {
        hn_input_consume(&state->input, state->scanner.consumed_bytes);
    } else { /* the first row is read again, as a record */
        state->scanner = state->fresh_scanner;
    }
    hone_status status = wait_for_rows(stage, diag);
    if (status != HONE_OK) {
        return status;
    }
    infer_types(state, guesses);
    for (uint32_t c = 0; c < state->columns_count; c++) {
        fields[c].type = guesses[c].is_seen ? guesses[c].type : HONE_TYPE_TEXT;
    }
    status = apply_declared(stage, fields, diag);
    if (status == HONE_OK) {
        status = apply_time(stage, fields, diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    for (uint32_t c = 0; c < state->columns_count; c++) {
        types[c] = fields[c].type;
    }
    state->types = types;
    return hone_schema_create(stage->arena, fields, state->columns_count, state->time != NULL, diag,
                              &stage->schema);
}

static hone_status source_csv_open(hn_stage *stage, hone_diag *diag) {
    source_csv *state = stage->state;
    if (strlen(state->separator) != 1 || state->line_bytes_max == 0 ||
        state->line_bytes_max > UINT32_MAX / 2) {
        hn_stage_blame(stage, strlen(state->separator) != 1 ? "separator" : "max_line", diag);
        return hone_diag_set(
            diag, HONE_STATUS_INVALID_ARGUMENT,
            "'separator' must be one character, and 'max_line' from 1 byte to 2 GiB");
    }
    hone_csv_options scanning = {.mask = hone_scan_csv_mask(stage->isa),
                                 .separator = state->separator[0],
                                 .row_bytes_max = (uint32_t)state->line_bytes_max};
    if (hone_csv_scanner_init(&state->scanner, &scanning) != HONE_OK) {
        hn_stage_blame(stage, "separator", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a quote or a line end cannot be the separator");
    }
    state->fresh_scanner = state->scanner;
    hone_status status =
        hn_input_open(&state->input, stage, state->path, state->line_bytes_max, diag);
    if (status == HONE_OK) {
        status = hn_input_peek(&state->input, PEEK_BYTES, diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    size_t columns_count = 0;
    hone_arena scratch;
    hone_arena_init(&scratch, stage->allocator, SIZE_MAX);
    hone_csv_field *row = HONE_ARENA_NEW_ARRAY(&scratch, hone_csv_field, COLUMNS_MAX);
    status = row ? scan_first_row(stage, row, &columns_count, diag) : HONE_STATUS_OUT_OF_MEMORY;
    if (status == HONE_OK) {
        state->columns_count = (uint32_t)columns_count;
        status = make_schema(stage, row, diag);
    }
    hone_arena_deinit(&scratch);
    hone_csv_scanner_feed(&state->scanner, hn_input_window(&state->input), state->input.is_ended);
    return status;
}

/* --- rows --- */

/* Remembers why a row cannot be read. */
static hone_status bad_field(hn_stage *stage, uint32_t column, hone_text text, const char *why) {
    source_csv *state = stage->state;
    hone_diag *diag = &state->failure;
    hone_text name = stage->schema->fields[column].name;
    hn_stage_blame_data(stage, state->path, state->scanner.line, diag);
    if (!hone_text_is_utf8(text, NULL)) {
        return hone_diag_set(diag, HONE_STATUS_BAD_RECORD,
                             "field '%.*s' is not valid UTF-8: save the file as UTF-8",
                             HONE_TEXT_ARGS(name));
    }
    size_t shown = text.size < SHOWN_BYTES_MAX ? text.size : SHOWN_BYTES_MAX;
    while (shown < text.size && shown > 0 && ((uint8_t)text.data[shown] & 0xC0) == 0x80) {
        shown--; /* not in the middle of a character */
    }
    return hone_diag_set(diag, HONE_STATUS_BAD_RECORD, "field '%.*s': '%.*s'%s %s%s",
                         HONE_TEXT_ARGS(name), (int)shown, text.data,
                         shown < text.size ? "..." : "", why,
                         hone_type_name(stage->schema->fields[column].type));
}

/* LIMIT when the heap has no room for the text, doubled quotes included. */
static hone_status read_text(hn_stage *stage, hone_batch *batch, const hone_csv_field *field,
                             uint32_t column, hone_cell *cell) {
    if (field->size > batch->text_capacity_bytes - batch->text_used_bytes) {
        return HONE_STATUS_LIMIT;
    }
    hone_text text = hone_csv_text(*field);
    if (field->flags & HONE_CSV_ESCAPED) { /* the heap's own room takes what it becomes */
        char *room = (char *)batch + hn_batch_heap_offset(batch) + batch->text_used_bytes;
        text = (hone_text){room, hone_csv_unescape(*field, room)};
    }
    if (!hone_text_is_utf8(text, NULL)) {
        return bad_field(stage, column, text, "");
    }
    if (field->flags & HONE_CSV_ESCAPED) {
        cell->text = (hone_text_ref){batch->text_used_bytes, (uint32_t)text.size};
        batch->text_used_bytes += (uint32_t)text.size;
        return HONE_OK;
    }
    return hone_batch_add_text(batch, text, &cell->text);
}

static hone_status read_bool(hn_stage *stage, const hone_csv_field *field, uint32_t column,
                             hone_cell *cell) {
    hone_text text = hone_csv_text(*field);
    cell->i64 = hone_text_is(text, "true");
    return cell->i64 || hone_text_is(text, "false") ? HONE_OK
                                                    : bad_field(stage, column, text, "is no ");
}

/* One field into its cell. BAD_RECORD with state->failure set; LIMIT when the batch has no room for
 * its text. */
static hone_status read_field(hn_stage *stage, hone_batch *batch, uint32_t row, uint32_t column) {
    source_csv *state = stage->state;
    const hone_csv_field *field = &state->row[column];
    hone_cell *cell = &hone_batch_cells(batch, column)[row];
    if (field->size == 0 && !(field->flags & HONE_CSV_QUOTED)) {
        cell->i64 = 0;
        hone_batch_set_missing(batch, column, row);
        return HONE_OK;
    }
    switch (state->types[column]) {
    case HONE_TYPE_I64:
        if (hone_number_parse_i64(hone_csv_text(*field), &cell->i64) != HONE_OK) {
            return bad_field(stage, column, hone_csv_text(*field), "is no ");
        }
        return HONE_OK;
    case HONE_TYPE_F64:
        if (hone_number_parse_f64(hone_csv_text(*field), &cell->f64) != HONE_OK) {
            return bad_field(stage, column, hone_csv_text(*field), "is no ");
        }
        return HONE_OK;
    case HONE_TYPE_BOOL: return read_bool(stage, field, column, cell);
    case HONE_TYPE_TEXT: return read_text(stage, batch, field, column, cell);
    }
    return HONE_STATUS_INTERNAL;
}

static hone_status read_time(hn_stage *stage, int64_t *out_ns) {
    source_csv *state = stage->state;
    *out_ns = state->rows_count;
    if (state->time_column == UINT32_MAX) {
        *out_ns = state->is_arrival_timed ? hone_clock_realtime_ns() : state->rows_count;
        return HONE_OK;
    }
    hone_text text = hone_csv_text(state->row[state->time_column]);
    if (hone_timestamp_parse(text, out_ns) != HONE_OK) {
        return bad_field(stage, state->time_column, text,
                         "is no time (RFC 3339 or seconds since 1970), but ");
    }
    return HONE_OK;
}

static hone_status read_row(hn_stage *stage, hone_batch *batch, size_t fields_count) {
    source_csv *state = stage->state;
    int64_t time_ns;
    if (fields_count != state->columns_count) {
        hn_stage_blame_data(stage, state->path, state->scanner.line, &state->failure);
        return hone_diag_set(&state->failure, HONE_STATUS_BAD_RECORD,
                             "the row has %zu field%s, but %u are expected", fields_count,
                             fields_count == 1 ? "" : "s", state->columns_count);
    }
    hone_status status = read_time(stage, &time_ns);
    if (status != HONE_OK) {
        return status;
    }
    uint32_t row = hone_batch_add_row(batch, time_ns);
    for (uint32_t c = 0; c < state->columns_count && status == HONE_OK; c++) {
        status = read_field(stage, batch, row, c);
    }
    if (status != HONE_OK) {
        hone_batch_drop_last_row(batch);
    }
    return status;
}

/* An empty line is nothing, unless the file has a single column, where it is an empty field. */
static bool is_blank_line(const source_csv *state, size_t fields_count) {
    return fields_count == 1 && state->columns_count > 1 && state->row[0].size == 0 &&
           state->row[0].flags == 0;
}

/* A row that cannot be read: HONE_OK when it is to be skipped. */
static hone_status bad_row(hn_stage *stage) {
    source_csv *state = stage->state;
    if (state->on_error == ON_ERROR_SKIP) {
        if (atomic_load_explicit(&stage->live->records_skipped, memory_order_relaxed) == 0) {
            char text[512];
            (void)hone_diag_format(&state->failure, text, sizeof text);
            hone_log_write(stage->log, HONE_LOG_WARNING,
                           "%s (this row and others like it are skipped and counted)", text);
        }
        hn_count(&stage->live->records_skipped, 1);
        return HONE_OK;
    }
    state->failure_status = HONE_STATUS_BAD_RECORD;
    return HONE_STATUS_BAD_RECORD;
}

/* Fills the batch from the window. HONE_OK: the batch is full; EMPTY: the window has no complete
 * row; LIMIT: the text of the row scanned last does not fit. Else the reading has failed. */
static hone_status fill(hn_stage *stage, hone_batch *batch) {
    source_csv *state = stage->state;
    size_t fields_count = 0;
    uint32_t rows_count = hn_batch_rows(stage, batch);
    while (batch->rows_count < rows_count) {
        hone_status status = hone_csv_scan_row(&state->scanner, state->row,
                                               (size_t)state->columns_count + 1, &fields_count);
        if (status == HONE_STATUS_EMPTY) {
            return status;
        }
        if (status != HONE_OK) {
            hn_stage_blame_data(stage, state->path, state->scanner.line, &state->failure);
            state->failure_status =
                hone_csv_scanner_explain(&state->scanner, state->path, &state->failure);
            return status;
        }
        if (is_blank_line(state, fields_count)) {
            continue;
        }
        status = read_row(stage, batch, fields_count);
        if (status == HONE_STATUS_BAD_RECORD) {
            status = bad_row(stage);
        } else if (status == HONE_OK) {
            state->rows_count++;
        }
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

/* The row that did not fit goes into a batch of its own size, or begins the next one. */
static hone_status send_long_row(hn_stage *stage, hone_diag *diag) {
    source_csv *state = stage->state;
    uint64_t text_bytes = 0;
    hone_batch *batch = NULL;
    for (uint32_t c = 0; c < state->columns_count; c++) {
        text_bytes += state->types[c] == HONE_TYPE_TEXT ? state->row[c].size : 0;
    }
    hone_status status = hn_batch_acquire_sized(stage, 1, text_bytes, diag, &batch);
    if (status != HONE_OK) {
        return status;
    }
    status = read_row(stage, batch, state->columns_count);
    if (status == HONE_STATUS_BAD_RECORD) {
        status = bad_row(stage);
    } else if (status == HONE_OK) {
        state->rows_count++;
    }
    hn_stage_send(stage, batch);
    return status == HONE_STATUS_BAD_RECORD ? HONE_OK : status; /* told by the next call */
}

static hone_status refill(hn_stage *stage, hone_diag *diag) {
    source_csv *state = stage->state;
    hn_input_consume(&state->input, state->scanner.consumed_bytes);
    hone_status status = hn_input_refill(&state->input, diag);
    hone_csv_scanner_feed(&state->scanner, hn_input_window(&state->input), state->input.is_ended);
    if (status == HONE_STATUS_LIMIT) {
        hn_stage_blame_data(stage, state->path, state->scanner.next_line, diag);
        return hone_diag_set(diag, status,
                             "the line is longer than the limit of %llu bytes; raise 'max_line'",
                             (unsigned long long)state->line_bytes_max);
    }
    return status;
}

static hone_status report_failure(const source_csv *state, hone_diag *diag) {
    *diag = state->failure;
    if (state->failure_status != HONE_STATUS_BAD_RECORD) {
        return state->failure_status;
    }
    return hone_diag_set(diag, state->failure_status,
                         "%.400s; with on_error = \"skip\" such rows are left out and counted",
                         state->failure.message);
}

static hone_status source_csv_produce(hn_stage *stage, hone_diag *diag) {
    source_csv *state = stage->state;
    hone_batch *batch = NULL;
    if (state->failure_status != HONE_OK) {
        return report_failure(state, diag);
    }
    hone_status status = hn_batch_acquire(stage, diag, &batch);
    if (status != HONE_OK) {
        return status;
    }
    hone_status filled = fill(stage, batch);
    hn_input_count(&state->input, state->scanner.consumed_bytes);
    bool has_rows = batch->rows_count > 0;
    hn_stage_send(stage, batch);
    if (filled == HONE_STATUS_LIMIT && state->failure_status == HONE_OK) {
        return send_long_row(stage, diag);
    }
    if (filled == HONE_STATUS_EMPTY) {
        if (state->input.is_ended) {
            return has_rows ? HONE_OK : HONE_STATUS_CLOSED;
        }
        return refill(stage, diag);
    }
    return HONE_OK;
}

static void source_csv_close(hn_stage *stage) {
    source_csv *state = stage->state;
    hn_input_close(&state->input);
}

const hn_stage_kind hn_kind_source_csv = {
    .name = "source.csv",
    .summary = "rows of a CSV file or pipe",
    .role = HN_ROLE_SOURCE,
    .state_size_bytes = sizeof(source_csv),
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .open = source_csv_open,
    .produce = source_csv_produce,
    .close = source_csv_close,
};
