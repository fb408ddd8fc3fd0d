/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kind `window`: statistics over the newest rows, or over the rows of the last so many seconds.
 *
 * Work goes by columns: the rows of a batch are appended to what each field remembers, the bounds
 * of every row's window are found once, and then each statistic is computed for all windows of the
 * batch. With `every`, only the last row of each interval makes a window, and since it shows only
 * in the next row that an interval is over, the newest row of each batch is held back.
 */
#include <assert.h>
#include <stdio.h>

#include "batch_copy_internal.h"
#include "kinds_internal.h"
#include "window_internal.h"

typedef struct window_state {
    uint64_t length_ns;
    uint64_t rows;
    uint64_t every_ns;
    uint64_t rows_max;
    hn_texts fields;
    hn_texts compute;
    bool keep;

    hn_statistic statistics[HN_STATISTICS_COUNT]; /* in the order of the output */
    uint32_t statistics_count;
    hn_window_column *columns; /* in the arena */
    uint32_t columns_count;
    uint64_t rows_count; /* the number of the next row */
    uint64_t begin;      /* where the newest row's window begins */
    hn_series times;     /* of the rows from `begin`; only for windows of time */
    bool has_overflowed;
    hone_batch *held; /* waits for the next row, with `every` */
    int64_t held_interval;

    /* of one batch */
    uint32_t windows_count;
    uint16_t picked[HONE_BATCH_ROWS_MAX]; /* the rows of the batch that make a window */
    uint64_t row_begins[HONE_BATCH_ROWS_MAX];
    uint64_t row_ends[HONE_BATCH_ROWS_MAX];
    uint64_t value_begins[HONE_BATCH_ROWS_MAX];
    uint64_t value_ends[HONE_BATCH_ROWS_MAX];
} window_state;

static const hn_option window_options[] = {
    {.name = "length",
     .type = HN_OPTION_DURATION,
     .offset = offsetof(window_state, length_ns),
     .help = "how far back the window reaches; the records must have timestamps"},
    {.name = "rows",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(window_state, rows),
     .help = "how many records the window holds, instead of length"},
    {.name = "fields",
     .type = HN_OPTION_TEXTS,
     .offset = offsetof(window_state, fields),
     .help = "the numeric fields to look at; without it all of them"},
    {.name = "compute",
     .type = HN_OPTION_TEXTS,
     .offset = offsetof(window_state, compute),
     .help =
         "of mean std min max sum count median p50 p90 p95 p99 rate first last delta; without it "
         "mean std min max"},
    {.name = "every",
     .type = HN_OPTION_DURATION,
     .offset = offsetof(window_state, every_ns),
     .help =
         "one record per interval, that of its last input record, instead of one per input record"},
    {.name = "keep",
     .type = HN_OPTION_FLAG,
     .offset = offsetof(window_state, keep),
     .fallback = "false",
     .help = "put the fields of the input record in front"},
    {.name = "rows_max",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(window_state, rows_max),
     .fallback = "65536",
     .help = "the most records that a window of a length holds; the oldest leave early"},
};

/* --- open --- */

static hone_status check_extent(hn_stage *stage, const window_state *state, hone_diag *diag) {
    bool has_length = hone_toml_find(stage->table, HONE_TEXT("length")) != NULL;
    bool has_rows = hone_toml_find(stage->table, HONE_TEXT("rows")) != NULL;
    const char *option = has_length ? "length" : has_rows ? "rows" : NULL;
    hn_stage_blame(stage, option, diag);
    if (has_length == has_rows) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a window needs either 'length' (\"3s\") or 'rows' (10)%s",
                             has_rows ? ", not both" : "");
    }
    if (has_length && !stage->input_schema->is_timed) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'length' needs timestamps, and these records have none: give the "
                             "source a 'time', or use 'rows'");
    }
    if (has_length && (state->length_ns == 0 || state->length_ns > INT64_MAX)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'length' must be more than 0 and less than 292 years");
    }
    if (has_rows && (state->rows == 0 || state->rows > HN_WINDOW_ROWS_MAX)) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "'rows' must be 1 to %d", HN_WINDOW_ROWS_MAX);
    }
    if (state->rows_max == 0 || state->rows_max > HN_WINDOW_ROWS_MAX) {
        hn_stage_blame(stage, "rows_max", diag);
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "'rows_max' must be 1 to %d",
                             HN_WINDOW_ROWS_MAX);
    }
    return HONE_OK;
}

static hone_status check_every(hn_stage *stage, const window_state *state, hone_diag *diag) {
    if (!hone_toml_find(stage->table, HONE_TEXT("every"))) {
        return HONE_OK;
    }
    hn_stage_blame(stage, "every", diag);
    if (!stage->input_schema->is_timed) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'every' needs timestamps, and these records have none: give the "
                             "source a 'time'");
    }
    if (state->every_ns == 0 || state->every_ns > INT64_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'every' must be more than 0 and less than 292 years");
    }
    return HONE_OK;
}

/* Says the nearest one, or else all of them. */
static hone_status unknown_statistic(hone_text name, const char *const *known, hone_diag *diag) {
    const char *nearest = hone_text_nearest(name, known, HN_STATISTICS_COUNT);
    char list[320] = "";
    size_t used = 0;
    for (uint32_t i = 0; !nearest && i < HN_STATISTICS_COUNT && used < sizeof list; i++) {
        int length = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "there is no statistic '%.60s'; %s%s%s",
                         name.data, nearest ? "did you mean '" : "there are ",
                         nearest ? nearest : list, nearest ? "'?" : "");
}

static hone_status add_statistic(hn_stage *stage, window_state *state, uint32_t index,
                                 hone_diag *diag) {
    hone_text name = hone_text_of(state->compute.items[index]);
    const char *known[HN_STATISTICS_COUNT];
    hone_diag_at(diag, NULL, state->compute.values[index]->line,
                 state->compute.values[index]->column);
    for (uint32_t i = 0; i < HN_STATISTICS_COUNT; i++) {
        known[i] = hn_statistic_name(i);
        if (!hone_text_is(name, known[i])) {
            continue;
        }
        for (uint32_t k = 0; k < state->statistics_count; k++) {
            if (state->statistics[k] == (hn_statistic)i) {
                return hone_diag_set(diag, HONE_STATUS_DUPLICATE, "'%s' is asked for twice",
                                     known[i]);
            }
        }
        if (i == HN_STATISTIC_RATE && !stage->input_schema->is_timed) {
            return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                                 "'rate' is per second and needs timestamps, and these records "
                                 "have none: give the source a 'time', or use 'delta'");
        }
        state->statistics[state->statistics_count++] = (hn_statistic)i;
        return HONE_OK;
    }
    return unknown_statistic(name, known, diag);
}

static hone_status choose_statistics(hn_stage *stage, window_state *state, hone_diag *diag) {
    static const hn_statistic usual[] = {HN_STATISTIC_MEAN, HN_STATISTIC_STD, HN_STATISTIC_MIN,
                                         HN_STATISTIC_MAX};
    hn_stage_blame(stage, "compute", diag);
    if (!hone_toml_find(stage->table, HONE_TEXT("compute"))) {
        memcpy(state->statistics, usual, sizeof usual);
        state->statistics_count = sizeof usual / sizeof usual[0];
        return HONE_OK;
    }
    for (uint32_t i = 0; i < state->compute.count; i++) {
        hone_status status = add_statistic(stage, state, i, diag);
        if (status != HONE_OK) {
            return status;
        }
    }
    if (state->statistics_count == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'compute' names no statistic; leave it out for mean, std, min, max");
    }
    return HONE_OK;
}

static bool is_numeric(hone_type type) {
    return type == HONE_TYPE_I64 || type == HONE_TYPE_F64;
}

static void add_column(window_state *state, const hone_schema *input, uint32_t field) {
    hn_window_column *column = &state->columns[state->columns_count++];
    column->field = field;
    column->type = input->fields[field].type;
    for (uint32_t i = 0; i < state->statistics_count; i++) {
        column->has_times |= state->statistics[i] == HN_STATISTIC_RATE;
    }
}

static hone_status choose_named_fields(hn_stage *stage, window_state *state, hone_diag *diag) {
    const hone_schema *input = stage->input_schema;
    for (uint32_t i = 0; i < state->fields.count; i++) {
        uint32_t field;
        const hone_toml_value *value = state->fields.values[i];
        hone_diag_at(diag, NULL, value->line, value->column);
        hone_status status =
            hone_schema_find(input, hone_text_of(state->fields.items[i]), diag, &field);
        if (status != HONE_OK) {
            return status;
        }
        if (!is_numeric(input->fields[field].type)) {
            return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                                 "field '%.100s' is %s; a window takes i64 and f64",
                                 state->fields.items[i], hone_type_name(input->fields[field].type));
        }
        add_column(state, input, field);
    }
    return HONE_OK;
}

static hone_status choose_fields(hn_stage *stage, window_state *state, hone_diag *diag) {
    const hone_schema *input = stage->input_schema;
    bool is_named = hone_toml_find(stage->table, HONE_TEXT("fields")) != NULL;
    uint32_t columns_max = is_named ? state->fields.count : input->fields_count;
    hn_stage_blame(stage, "fields", diag);
    state->columns = HONE_ARENA_NEW_ARRAY(stage->arena, hn_window_column, columns_max);
    if (!state->columns) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u fields",
                             columns_max);
    }
    if (is_named) {
        hone_status status = choose_named_fields(stage, state, diag);
        if (status != HONE_OK) {
            return status;
        }
    }
    for (uint32_t field = 0; !is_named && field < input->fields_count; field++) {
        if (is_numeric(input->fields[field].type)) {
            add_column(state, input, field);
        }
    }
    if (state->columns_count == 0) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "there is no numeric field to look at");
    }
    return HONE_OK;
}

/* "<field>.<statistic>" for each column, behind the kept fields. */
static hone_status name_outputs(hn_stage *stage, const window_state *state, hone_field *fields,
                                hone_diag *diag) {
    for (uint32_t c = 0; c < state->columns_count; c++) {
        hone_text name = stage->input_schema->fields[state->columns[c].field].name;
        for (uint32_t k = 0; k < state->statistics_count; k++, fields++) {
            hone_text statistic = hone_text_of(hn_statistic_name(state->statistics[k]));
            size_t size = name.size + 1 + statistic.size;
            char *text = hone_arena_allocate(stage->arena, size, 1);
            if (!text) {
                return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a schema");
            }
            memcpy(text, name.data, name.size);
            text[name.size] = '.';
            memcpy(text + name.size + 1, statistic.data, statistic.size);
            *fields = (hone_field){
                {text, size},
                hn_statistic_type(state->statistics[k], state->columns[c].type),
            };
        }
    }
    return HONE_OK;
}

static hone_status make_schema(hn_stage *stage, const window_state *state, hone_diag *diag) {
    const hone_schema *input = stage->input_schema;
    uint32_t kept = state->keep ? input->fields_count : 0;
    uint32_t count = kept + state->columns_count * state->statistics_count;
    hone_field *fields = HONE_ARENA_NEW_ARRAY(stage->arena, hone_field, count);
    hone_batch_layout layout;
    hn_stage_blame(stage, NULL, diag);
    if (!fields) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a schema");
    }
    memcpy(fields, input->fields, kept * sizeof *fields);
    hone_status status = name_outputs(stage, state, fields + kept, diag);
    if (status == HONE_OK) {
        status =
            hone_schema_create(stage->arena, fields, count, input->is_timed, diag, &stage->schema);
    }
    /* as many rows as the input's batches usually have, so that one batch makes one */
    if (status == HONE_OK && hone_batch_plan(input, 0, 0, &layout) == HONE_OK) {
        hn_stage_set_rows(stage, layout.rows_capacity);
    }
    return status;
}

static hone_status window_open(hn_stage *stage, hone_diag *diag) {
    window_state *state = stage->state;
    hone_status status = check_extent(stage, state, diag);
    if (status == HONE_OK) {
        status = check_every(stage, state, diag);
    }
    if (status == HONE_OK) {
        status = choose_statistics(stage, state, diag);
    }
    if (status == HONE_OK) {
        status = choose_fields(stage, state, diag);
    }
    if (status == HONE_OK) {
        status = make_schema(stage, state, diag);
    }
    return status;
}

/* --- which rows, which windows --- */

static int64_t interval_of(int64_t timestamp_ns, uint64_t every_ns) {
    int64_t every = (int64_t)every_ns;
    return timestamp_ns / every - (timestamp_ns % every < 0);
}

/* The begin of the window whose newest row has this number and time. */
static void advance_begin(hn_stage *stage, window_state *state, uint64_t row,
                          int64_t timestamp_ns) {
    if (state->rows) {
        state->begin = row + 1 > state->rows ? row + 1 - state->rows : 0;
        return;
    }
    int64_t bound;
    if (__builtin_sub_overflow(timestamp_ns, (int64_t)state->length_ns, &bound)) {
        bound = INT64_MIN;
    }
    while (state->begin < row && hn_series_at(&state->times, state->begin)->i64 <= bound) {
        state->begin++;
    }
    if (row + 1 - state->begin <= state->rows_max) {
        return;
    }
    state->begin = row + 1 - state->rows_max;
    if (!state->has_overflowed) {
        state->has_overflowed = true;
        hone_log_write(stage->log, HONE_LOG_WARNING,
                       "stage '%s': more than rows_max = %llu records within the window's length; "
                       "the oldest leave early",
                       stage->name, (unsigned long long)state->rows_max);
    }
}

static hone_status plan_windows(hn_stage *stage, window_state *state, hone_batch *batch) {
    const uint16_t *selection = hone_batch_selection(batch);
    const int64_t *timestamps = hone_batch_timestamps(batch);
    uint32_t count = batch->selected_count;
    if (!state->rows) {
        hone_status status = hn_series_reserve(&state->times, stage->allocator, count);
        if (status != HONE_OK) {
            return status;
        }
    }
    state->windows_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t row = state->rows_count + i;
        int64_t time = timestamps[selection[i]];
        if (!state->rows) {
            hn_series_at(&state->times, state->times.end++)->i64 = time;
        }
        advance_begin(stage, state, row, time);
        if (state->every_ns && i + 1 < count &&
            interval_of(time, state->every_ns) ==
                interval_of(timestamps[selection[i + 1]], state->every_ns)) {
            continue;
        }
        state->row_begins[state->windows_count] = state->begin;
        state->row_ends[state->windows_count] = row + 1;
        state->picked[state->windows_count++] = selection[i];
    }
    return HONE_OK;
}

/* The windows of a column, in numbers of its values. */
static hn_window_view view_of(window_state *state, const hn_window_column *column) {
    hn_window_view view = {
        .begins = state->row_begins,
        .ends = state->row_ends,
        .count = state->windows_count,
        .fixed_from = state->windows_count,
        .fixed_rows = (uint32_t)state->rows,
        .is_fresh = state->rows > 0 && state->rows <= HN_WINDOW_ROWS_FRESH,
    };
    if (!column->is_sparse) {
        if (state->rows && !state->every_ns) {
            uint64_t filling = state->rows - 1 > state->rows_count /* rows before the first full */
                                   ? state->rows - 1 - state->rows_count
                                   : 0;
            view.fixed_from = filling < view.count ? (uint32_t)filling : view.count;
        }
        return view;
    }
    uint64_t rows_end = column->before.end;
    for (uint32_t i = 0; i < view.count; i++) {
        state->value_begins[i] = hn_window_column_number(column, view.begins[i], rows_end);
        state->value_ends[i] = hn_window_column_number(column, view.ends[i], rows_end);
    }
    view.begins = state->value_begins;
    view.ends = state->value_ends;
    return view;
}

/* --- the output --- */

static void fill_rows(hn_stage *stage, const window_state *state, hone_batch *from,
                      hone_batch *to) {
    hn_batch_copy copy = {from, to, state->picked, state->windows_count};
    hn_batch_copy_rows(&copy);
    if (!state->keep) {
        return;
    }
    hn_batch_copy_heap(&copy);
    for (uint32_t field = 0; field < stage->input_schema->fields_count; field++) {
        hn_batch_copy_column(&copy, field, field);
    }
}

static hone_status compute_columns(hn_stage *stage, window_state *state, hone_batch *from,
                                   hone_batch *to) {
    hn_window_rows rows = {from, state->rows_count, state->times.begin};
    uint32_t field = state->keep ? stage->input_schema->fields_count : 0;
    for (uint32_t c = 0; c < state->columns_count; c++) {
        hn_window_column *column = &state->columns[c];
        hn_window_output outputs[HN_STATISTICS_COUNT] = {{0}};
        for (uint32_t k = 0; k < state->statistics_count; k++, field++) {
            outputs[state->statistics[k]] =
                (hn_window_output){hone_batch_cells(to, field), hone_batch_missing(to, field)};
        }
        hone_status status = hn_window_column_append(column, stage->allocator, &rows);
        if (status == HONE_OK) {
            hn_window_view view = view_of(state, column);
            status = hn_statistics_compute(column, stage->allocator, &view, outputs);
        }
        if (status != HONE_OK) {
            return status;
        }
        hn_window_column_trim(column, state->begin, rows.first + from->selected_count);
    }
    return HONE_OK;
}

/* Sends what waited, without its last row where that interval goes on. */
static void release_held(hn_stage *stage, window_state *state, hone_batch *next) {
    if (!state->held) {
        return;
    }
    int64_t time = hone_batch_timestamps(next)[hone_batch_selection(next)[0]];
    if (interval_of(time, state->every_ns) == state->held_interval) {
        hone_batch_drop_last_row(state->held);
    }
    hn_stage_send(stage, state->held);
    state->held = NULL;
}

static void pass_on(hn_stage *stage, window_state *state, hone_batch *made) {
    if (!state->every_ns) {
        hn_stage_send(stage, made);
        return;
    }
    int64_t newest = hone_batch_timestamps(made)[made->rows_count - 1];
    state->held_interval = interval_of(newest, state->every_ns);
    state->held = made;
}

static hone_status window_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    window_state *state = stage->state;
    hone_batch *made = NULL;
    hone_status status = HONE_OK;
    if (batch->selected_count > 0) {
        if (state->every_ns) {
            release_held(stage, state, batch);
        }
        status = plan_windows(stage, state, batch);
    }
    if (status == HONE_OK && batch->selected_count > 0) {
        uint64_t text_bytes = state->keep ? batch->text_used_bytes : 0;
        status = hn_batch_acquire_sized(stage, state->windows_count, text_bytes, diag, &made);
        if (status != HONE_OK) {
            hn_batch_release(stage, batch);
            return status;
        }
        fill_rows(stage, state, batch, made);
        status = compute_columns(stage, state, batch, made);
    }
    if (status != HONE_OK) {
        hn_stage_blame(stage, NULL, diag);
        (void)hone_diag_set(diag, status,
                            "no memory for a window of %llu rows; make it shorter or raise "
                            "memory_budget",
                            (unsigned long long)(state->rows_count - state->begin));
        hn_batch_release(stage, made);
    } else if (made) {
        state->rows_count += batch->selected_count;
        state->times.begin = state->begin;
        pass_on(stage, state, made);
    }
    hn_batch_release(stage, batch);
    return status;
}

static hone_status window_finish(hn_stage *stage, hone_diag *diag) {
    window_state *state = stage->state;
    (void)diag;
    if (state->held) {
        hn_stage_send(stage, state->held);
        state->held = NULL;
    }
    return HONE_OK;
}

static void window_close(hn_stage *stage) {
    window_state *state = stage->state;
    for (uint32_t c = 0; c < state->columns_count; c++) {
        hn_window_column_free(&state->columns[c], stage->allocator);
    }
    hn_series_free(&state->times, stage->allocator);
    hn_batch_release(stage, state->held);
    state->held = NULL;
    state->columns_count = 0;
}

const hn_stage_kind hn_kind_window = {
    .name = "window",
    .summary = "sliding statistics of numeric fields",
    .role = HN_ROLE_TRANSFORM,
    .state_size_bytes = sizeof(window_state),
    .options = window_options,
    .options_count = sizeof window_options / sizeof window_options[0],
    .open = window_open,
    .process = window_process,
    .finish = window_finish,
    .close = window_close,
};
