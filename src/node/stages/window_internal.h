/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the `window` kind: what it remembers of each field, and how the statistics of many
 * windows are computed at once.
 *
 * Rows and values are numbered from the start of the stream, so that a window is a pair of numbers
 * [begin, end) and stays valid when memory is moved. Windows come in order: neither their begins
 * nor their ends ever go back.
 *
 * May be included by window.c, window_column.c, window_statistics.c, window_order.c and their
 * tests.
 */
#ifndef HONE_NODE_STAGES_WINDOW_INTERNAL_H
#define HONE_NODE_STAGES_WINDOW_INTERNAL_H

#include "hone/base/allocator.h"
#include "hone/node/batch.h"

enum {
    HN_WINDOW_ROWS_MAX = 1 << 20, /* the most that `rows` and `rows_max` may ask for */
    HN_WINDOW_ROWS_FRESH = 64,    /* up to here sums are made anew for each row, oldest first */
    HN_ORDER_BLOCK = 512,         /* values in one block of an order */
};

typedef enum hn_statistic {
    HN_STATISTIC_MEAN,
    HN_STATISTIC_STD,
    HN_STATISTIC_MIN,
    HN_STATISTIC_MAX,
    HN_STATISTIC_SUM,
    HN_STATISTIC_COUNT,
    HN_STATISTIC_MEDIAN,
    HN_STATISTIC_P50,
    HN_STATISTIC_P90,
    HN_STATISTIC_P95,
    HN_STATISTIC_P99,
    HN_STATISTIC_RATE,
    HN_STATISTIC_FIRST,
    HN_STATISTIC_LAST,
    HN_STATISTIC_DELTA,
    HN_STATISTICS_COUNT
} hn_statistic;

__extension__ typedef __int128 hn_wide; /* exact sums of integers */

/* --- Series: the newest entries of an endless sequence, in one piece --- */

typedef union hn_entry {
    double f64;
    int64_t i64;
    uint64_t u64;
} hn_entry;

typedef struct hn_series {
    hn_entry *data;
    uint64_t base; /* the number of data[0] */
    uint64_t begin, end;
    uint32_t capacity;
} hn_series;

/* Room for `count` more behind the end; entries before begin may go. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hn_series_reserve(hn_series *series, const hone_allocator *allocator,
                                            uint32_t count);
void hn_series_free(hn_series *series, const hone_allocator *allocator);

static inline hn_entry *hn_series_at(const hn_series *series, uint64_t number) {
    return series->data + (number - series->base);
}

/* --- Order: the values of a window in ascending order --- */

typedef struct hn_order {
    const hone_allocator *allocator; /* borrowed */
    double *values;                  /* slots of HN_ORDER_BLOCK */
    uint32_t *positions; /* in ascending order: the slot of each block; then free slots */
    uint32_t *counts;    /* per slot */
    uint32_t blocks_count;
    uint32_t capacity; /* in slots */
    uint64_t total;
    uint64_t begin, end; /* the window whose values it holds */
} hn_order;

HONE_MUST_USE hone_status hn_order_insert(hn_order *order, double value);
void hn_order_remove(hn_order *order, double value); /* it must be there */
void hn_order_clear(hn_order *order);
void hn_order_free(hn_order *order);

/* Quantile 0 <= p <= 1 of total > 0 values, interpolated as R's type 7. */
double hn_order_quantile(const hn_order *order, double p);

/* --- Two stacks: a sliding aggregate that only ever adds --- */

typedef struct hn_aggregate {
    union {
        double value; /* a sum's high part, an extreme, a mean */
        int64_t integer;
    } of;
    double low; /* a sum's low part, the sum of squared deviations */
    double count;
} hn_aggregate;

/* front[i] speaks of [front_begin + i, middle), back of [middle, back_end): a window's aggregate is
 * one of the front and the back together. When the window has left the front behind, a new front is
 * made from all that is there. Each value is added twice, nothing is ever subtracted: no drift, and
 * an infinity is forgotten when it has left. */
typedef struct hn_stacks {
    hn_aggregate *front;
    uint32_t capacity;
    uint64_t front_begin, middle, back_end;
    hn_aggregate back;
    double shift; /* moments are of value - shift, which keeps what a large offset would drown */
} hn_stacks;

/* --- Column: what the window remembers of one field --- */

typedef struct hn_window_column {
    uint32_t field;
    hone_type type;     /* I64 or F64 */
    bool has_times;     /* keeps the time of each value, for `rate` */
    bool is_sparse;     /* a value was missing: numbers of values and of rows differ */
    hn_series values;   /* present ones; of integers the nearest doubles */
    hn_series integers; /* of an I64 field */
    hn_series times;
    hn_series before; /* sparse: by row, how many values came before it */
    hn_stacks sum, moments, min, max;
    hn_order order;
    hn_wide total; /* of the integers in [total_begin, total_end) */
    uint64_t total_begin, total_end;
} hn_window_column;

/* Windows to be computed, as numbers of values. */
typedef struct hn_window_view {
    const uint64_t *begins;
    const uint64_t *ends;
    uint32_t count;
    uint32_t fixed_from; /* from here on: one value further each time, `fixed_rows` values each */
    uint32_t fixed_rows;
    bool is_fresh; /* sums and deviations are made anew for each window */
} hn_window_view;

/* The rows of a batch that are taken in now. */
typedef struct hn_window_rows {
    hone_batch *batch;
    uint64_t first; /* number of the first of them */
    uint64_t live;  /* number of the oldest row that a window may still want */
} hn_window_rows;

/* Appends the column's values of the selected rows. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hn_window_column_append(hn_window_column *column,
                                                  const hone_allocator *allocator,
                                                  const hn_window_rows *rows);

/* The number of the first value that is not before this row; rows_end is behind the newest row. */
uint64_t hn_window_column_number(const hn_window_column *column, uint64_t row, uint64_t rows_end);

/* No window will want rows before this one. */
void hn_window_column_trim(hn_window_column *column, uint64_t row, uint64_t rows_end);
void hn_window_column_free(hn_window_column *column, const hone_allocator *allocator);

/* --- Statistics --- */

/* The text names them as in the node file; NULL beyond the last. */
const char *hn_statistic_name(uint32_t statistic);

/* The type of a statistic over a field of this type. */
hone_type hn_statistic_type(hn_statistic statistic, hone_type field_type);

/* Where the results of one statistic go; cells NULL: it is not wanted. */
typedef struct hn_window_output {
    hone_cell *cells;
    uint64_t *missing;
} hn_window_output;

/* Computes all wanted statistics (outputs[HN_STATISTICS_COUNT]) of all windows of the view. No
 * values, or too few: missing. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hn_statistics_compute(hn_window_column *column,
                                                const hone_allocator *allocator,
                                                const hn_window_view *view,
                                                const hn_window_output *outputs);

#endif
