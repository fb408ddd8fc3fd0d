/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of one field that windows may still want, without gaps: a missing value is left out,
 * so that no statistic ever has to look for one. As long as none was missing, values have the
 * numbers of their rows; from the first gap on `before` translates. NaN counts as missing.
 */
#include <assert.h>

#include "hone/base/checked.h"
#include "window_internal.h"

/* Few, so that a slow node is soon through all of its memory: what it has not touched yet would
 * look like growth for as long as it takes. */
enum { SERIES_ENTRIES_FIRST = 256 };

hone_status hn_series_reserve(hn_series *series, const hone_allocator *allocator, uint32_t count) {
    uint64_t live = series->end - series->begin;
    if (series->end - series->base + count <= series->capacity) {
        return HONE_OK;
    }
    uint64_t needed = (live + count) * 2; /* so that moving costs less than a move per entry */
    hn_entry *live_data = series->data ? hn_series_at(series, series->begin) : NULL;
    if (needed <= series->capacity) {
        memmove(series->data, live_data, live * sizeof(hn_entry));
    } else {
        uint64_t capacity =
            hone_power_of_two_ceil(needed < SERIES_ENTRIES_FIRST ? SERIES_ENTRIES_FIRST : needed);
        hn_entry *data = hone_allocate(allocator, capacity * sizeof(hn_entry), _Alignof(hn_entry));
        if (!data) {
            return HONE_STATUS_OUT_OF_MEMORY;
        }
        if (live) {
            memcpy(data, live_data, live * sizeof(hn_entry));
        }
        hn_series_free(&(hn_series){.data = series->data, .capacity = series->capacity}, allocator);
        series->data = data;
        series->capacity = (uint32_t)capacity;
    }
    series->base = series->begin;
    return HONE_OK;
}

void hn_series_free(hn_series *series, const hone_allocator *allocator) {
    hone_release(allocator, series->data, (size_t)series->capacity * sizeof(hn_entry),
                 _Alignof(hn_entry));
    *series = (hn_series){0};
}

/* --- without gaps --- */

static bool has_gaps(const hn_window_rows *rows, const hn_window_column *column) {
    const uint64_t *missing = hone_batch_missing(rows->batch, column->field);
    uint64_t any = 0;
    for (uint32_t word = 0; word < (rows->batch->rows_count + 63) / 64; word++) {
        any |= missing[word];
    }
    if (any || column->type != HONE_TYPE_F64) {
        return any != 0;
    }
    const hone_cell *cells = hone_batch_cells(rows->batch, column->field);
    uint32_t nans_count = 0;
    if (hone_batch_is_dense(rows->batch)) {
        for (uint32_t row = 0; row < rows->batch->rows_count; row++) {
            nans_count += cells[row].f64 != cells[row].f64;
        }
        return nans_count != 0;
    }
    const uint16_t *selection = hone_batch_selection(rows->batch);
    for (uint32_t i = 0; i < rows->batch->selected_count; i++) {
        double value = cells[selection[i]].f64; /* rows that are out need not hold a number */
        nans_count += value != value;
    }
    return nans_count != 0;
}

static void append_cells(hn_series *series, hone_batch *batch, const hone_cell *cells) {
    hn_entry *to = hn_series_at(series, series->end);
    uint32_t count = batch->selected_count;
    if (hone_batch_is_dense(batch)) {
        memcpy(to, cells, (size_t)count * sizeof *to);
    } else {
        const uint16_t *selection = hone_batch_selection(batch);
        for (uint32_t i = 0; i < count; i++) {
            to[i].i64 = cells[selection[i]].i64;
        }
    }
    series->end += count;
}

static void append_all(hn_window_column *column, hone_batch *batch) {
    const hone_cell *cells = hone_batch_cells(batch, column->field);
    if (column->type == HONE_TYPE_I64) {
        append_cells(&column->integers, batch, cells);
        hn_entry *to = hn_series_at(&column->values, column->values.end);
        const hn_entry *from =
            hn_series_at(&column->integers, column->integers.end - batch->selected_count);
        for (uint32_t i = 0; i < batch->selected_count; i++) {
            to[i].f64 = (double)from[i].i64;
        }
        column->values.end += batch->selected_count;
    } else {
        append_cells(&column->values, batch, cells);
    }
    if (column->has_times) {
        append_cells(&column->times, batch, (const hone_cell *)hone_batch_timestamps(batch));
    }
}

/* --- with gaps --- */

static void append_value(hn_window_column *column, hone_cell cell, int64_t timestamp_ns) {
    double value = column->type == HONE_TYPE_I64 ? (double)cell.i64 : cell.f64;
    hn_series_at(&column->values, column->values.end++)->f64 = value;
    if (column->type == HONE_TYPE_I64) {
        hn_series_at(&column->integers, column->integers.end++)->i64 = cell.i64;
    }
    if (column->has_times) {
        hn_series_at(&column->times, column->times.end++)->i64 = timestamp_ns;
    }
}

static void append_present(hn_window_column *column, hone_batch *batch) {
    const hone_cell *cells = hone_batch_cells(batch, column->field);
    const uint16_t *selection = hone_batch_selection(batch);
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        uint16_t row = selection[i];
        bool is_present = !hone_batch_is_missing(batch, column->field, row) &&
                          !(column->type == HONE_TYPE_F64 && cells[row].f64 != cells[row].f64);
        hn_series_at(&column->before, column->before.end++)->u64 = column->values.end;
        if (is_present) {
            append_value(column, cells[row], hone_batch_timestamps(batch)[row]);
        }
    }
}

/* Until now value n stood in row n. */
static hone_status become_sparse(hn_window_column *column, const hone_allocator *allocator,
                                 const hn_window_rows *rows) {
    hn_series *before = &column->before;
    before->base = before->begin = before->end = rows->live;
    hone_status status =
        hn_series_reserve(before, allocator, (uint32_t)(rows->first - rows->live) + 1);
    if (status != HONE_OK) {
        return status;
    }
    for (uint64_t row = rows->live; row < rows->first; row++) {
        hn_series_at(before, before->end++)->u64 = row;
    }
    column->is_sparse = true;
    return HONE_OK;
}

static hone_status reserve(hn_window_column *column, const hone_allocator *allocator,
                           uint32_t count) {
    hone_status status = hn_series_reserve(&column->values, allocator, count);
    if (status == HONE_OK && column->type == HONE_TYPE_I64) {
        status = hn_series_reserve(&column->integers, allocator, count);
    }
    if (status == HONE_OK && column->has_times) {
        status = hn_series_reserve(&column->times, allocator, count);
    }
    return status;
}

hone_status hn_window_column_append(hn_window_column *column, const hone_allocator *allocator,
                                    const hn_window_rows *rows) {
    uint32_t count = rows->batch->selected_count;
    hone_status status = reserve(column, allocator, count);
    if (status == HONE_OK && !column->is_sparse && has_gaps(rows, column)) {
        status = become_sparse(column, allocator, rows);
    }
    if (status == HONE_OK && column->is_sparse) {
        status = hn_series_reserve(&column->before, allocator, count);
    }
    if (status != HONE_OK) {
        return status;
    }
    if (column->is_sparse) {
        append_present(column, rows->batch);
    } else {
        append_all(column, rows->batch);
    }
    return HONE_OK;
}

uint64_t hn_window_column_number(const hn_window_column *column, uint64_t row, uint64_t rows_end) {
    if (!column->is_sparse) {
        return row;
    }
    assert(row <= rows_end);
    return row == rows_end ? column->values.end : hn_series_at(&column->before, row)->u64;
}

void hn_window_column_trim(hn_window_column *column, uint64_t row, uint64_t rows_end) {
    uint64_t number = hn_window_column_number(column, row, rows_end);
    column->values.begin = number;
    column->integers.begin = column->type == HONE_TYPE_I64 ? number : 0;
    column->times.begin = column->has_times ? number : 0;
    column->before.begin = column->is_sparse ? row : 0;
}

void hn_window_column_free(hn_window_column *column, const hone_allocator *allocator) {
    hn_stacks *stacks[] = {&column->sum, &column->moments, &column->min, &column->max};
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        hone_release(allocator, stacks[i]->front,
                     (size_t)stacks[i]->capacity * sizeof(hn_aggregate), _Alignof(hn_aggregate));
        *stacks[i] = (hn_stacks){0};
    }
    hn_series_free(&column->values, allocator);
    hn_series_free(&column->integers, allocator);
    hn_series_free(&column->times, allocator);
    hn_series_free(&column->before, allocator);
    hn_order_free(&column->order);
}
