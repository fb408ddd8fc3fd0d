/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics of many windows at once.
 *
 * Short windows of a fixed number of rows: sums and deviations are made anew for each row, from the
 * oldest value to the newest, for blocks of 64 neighbouring windows side by side, which vectorises
 * without changing the order of additions within a window. Everything else of f64 fields slides by
 * two stacks (hn_stacks): sums in two doubles (Knuth's exact sum of two), deviations merged as
 * counts, means and squared deviations (Chan, Golub, LeVeque, Updating formulae, 1979). Sums of
 * integers are exact, in 128 bits.
 */
#include <assert.h>
#include <math.h>

#include "window_internal.h"

enum { BLOCK = 64, STACK_FIRST = 256 };

typedef enum operation { SUM, MOMENTS, MIN, MAX, MIN_I64, MAX_I64 } operation;

static const char *const names[HN_STATISTICS_COUNT] = {
    [HN_STATISTIC_MEAN] = "mean",     [HN_STATISTIC_STD] = "std",   [HN_STATISTIC_MIN] = "min",
    [HN_STATISTIC_MAX] = "max",       [HN_STATISTIC_SUM] = "sum",   [HN_STATISTIC_COUNT] = "count",
    [HN_STATISTIC_MEDIAN] = "median", [HN_STATISTIC_P50] = "p50",   [HN_STATISTIC_P90] = "p90",
    [HN_STATISTIC_P95] = "p95",       [HN_STATISTIC_P99] = "p99",   [HN_STATISTIC_RATE] = "rate",
    [HN_STATISTIC_FIRST] = "first",   [HN_STATISTIC_LAST] = "last", [HN_STATISTIC_DELTA] = "delta",
};

const char *hn_statistic_name(uint32_t statistic) {
    return statistic < HN_STATISTICS_COUNT ? names[statistic] : NULL;
}

hone_type hn_statistic_type(hn_statistic statistic, hone_type field_type) {
    switch (statistic) {
    case HN_STATISTIC_COUNT: return HONE_TYPE_I64;
    case HN_STATISTIC_MIN:
    case HN_STATISTIC_MAX:
    case HN_STATISTIC_SUM:
    case HN_STATISTIC_FIRST:
    case HN_STATISTIC_LAST:
    case HN_STATISTIC_DELTA: return field_type;
    default: return HONE_TYPE_F64;
    }
}

/* --- Results --- */

static inline void put_missing(const hn_window_output *output, uint32_t row) {
    if (output->cells) {
        output->missing[row / 64] |= (uint64_t)1 << (row % 64);
    }
}

static inline void put_f64(const hn_window_output *output, uint32_t row, double value) {
    if (output->cells) {
        output->cells[row].f64 = value;
    }
}

static inline void put_i64(const hn_window_output *output, uint32_t row, int64_t value) {
    if (output->cells) {
        output->cells[row].i64 = value;
    }
}

static inline bool is_wanted(const hn_window_output *outputs, hn_statistic statistic) {
    return outputs[statistic].cells != NULL;
}

/* --- Aggregates --- */

static inline void add_exactly(hn_aggregate *to, double high, double low) {
    double sum = to->of.value + high;
    double part = sum - to->of.value;
    to->low += (to->of.value - (sum - part)) + (high - part) + low;
    to->of.value = sum;
}

static inline void merge_moments(hn_aggregate *to, hn_aggregate other) {
    double count = to->count + other.count;
    if (to->count == 0 || other.count == 0) {
        *to = to->count == 0 ? other : *to;
        return;
    }
    double delta = other.of.value - to->of.value;
    to->of.value += delta * (other.count / count);
    to->low += other.low + delta * delta * (to->count * (other.count / count));
    to->count = count;
}

static inline hn_aggregate aggregate_of(operation op, const hn_window_column *column,
                                        uint64_t number, double shift) {
    bool is_integer = op == MIN_I64 || op == MAX_I64;
    const hn_series *series = is_integer ? &column->integers : &column->values;
    hn_aggregate one = {.count = 1};
    if (is_integer) {
        one.of.integer = hn_series_at(series, number)->i64;
    } else {
        one.of.value = hn_series_at(series, number)->f64 - (op == MOMENTS ? shift : 0);
    }
    return one;
}

static inline void merge(operation op, hn_aggregate *to, hn_aggregate other) {
    if (to->count == 0) {
        *to = other;
        return;
    }
    switch (op) {
    case SUM: add_exactly(to, other.of.value, other.low); break;
    case MOMENTS: merge_moments(to, other); break;
    case MIN: to->of.value = other.of.value < to->of.value ? other.of.value : to->of.value; break;
    case MAX: to->of.value = other.of.value > to->of.value ? other.of.value : to->of.value; break;
    case MIN_I64:
        to->of.integer = other.of.integer < to->of.integer ? other.of.integer : to->of.integer;
        break;
    case MAX_I64:
        to->of.integer = other.of.integer > to->of.integer ? other.of.integer : to->of.integer;
        break;
    }
}

/* `count` is how many values the window has; 0: the result means nothing. */
static inline void put(operation op, hn_aggregate result, uint64_t count, uint32_t row,
                       const hn_window_output *outputs) {
    hn_statistic statistic = op == SUM                      ? HN_STATISTIC_SUM
                             : op == MOMENTS                ? HN_STATISTIC_STD
                             : (op == MIN || op == MIN_I64) ? HN_STATISTIC_MIN
                                                            : HN_STATISTIC_MAX;
    const hn_window_output *output = &outputs[statistic];
    if (count < (op == MOMENTS ? 2 : 1)) {
        put_missing(output, row);
        if (op == SUM) {
            put_missing(&outputs[HN_STATISTIC_MEAN], row);
        }
    } else if (op == SUM) { /* beside an infinity the low part is no number */
        double sum = isfinite(result.of.value) ? result.of.value + result.low : result.of.value;
        put_f64(output, row, sum);
        put_f64(&outputs[HN_STATISTIC_MEAN], row, sum / (double)count);
    } else if (op == MOMENTS) {
        put_f64(output, row, sqrt(result.low / (double)(count - 1)));
    } else if (op == MIN || op == MAX) {
        put_f64(output, row, result.of.value);
    } else {
        put_i64(output, row, result.of.integer);
    }
}

/* --- Two stacks --- */

static hone_status reserve_front(hn_stacks *stacks, const hone_allocator *allocator,
                                 uint64_t count) {
    if (count <= stacks->capacity) {
        return HONE_OK;
    }
    uint64_t capacity = stacks->capacity ? stacks->capacity : STACK_FIRST;
    while (capacity < count) {
        capacity *= 2; /* windows are bounded by HN_WINDOW_ROWS_MAX */
    }
    hn_aggregate *front =
        hone_allocate(allocator, capacity * sizeof *front, _Alignof(hn_aggregate));
    if (!front) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_release(allocator, stacks->front, stacks->capacity * sizeof *front,
                 _Alignof(hn_aggregate));
    stacks->front = front;
    stacks->capacity = (uint32_t)capacity;
    return HONE_OK;
}

/* All of [begin, end) becomes the front; the back is empty. */
static inline void turn(operation op, hn_stacks *stacks, const hn_window_column *column,
                        uint64_t begin, uint64_t end) {
    hn_aggregate all = {0};
    double newest = hn_series_at(&column->values, end - 1)->f64;
    stacks->shift = isfinite(newest) ? newest : 0;
    for (uint64_t number = end; number-- > begin;) {
        merge(op, &all, aggregate_of(op, column, number, stacks->shift));
        stacks->front[number - begin] = all;
    }
    stacks->front_begin = begin;
    stacks->middle = stacks->back_end = end;
    stacks->back = (hn_aggregate){0};
}

static inline __attribute__((always_inline)) hone_status slide(operation op, hn_stacks *stacks,
                                                               const hn_window_column *column,
                                                               const hone_allocator *allocator,
                                                               const hn_window_view *view,
                                                               const hn_window_output *outputs) {
    for (uint32_t i = 0; i < view->count; i++) {
        uint64_t begin = view->begins[i], end = view->ends[i];
        if (begin == end) {
            put(op, (hn_aggregate){0}, 0, i, outputs);
            continue;
        }
        if (begin >= stacks->middle) {
            hone_status status = reserve_front(stacks, allocator, end - begin);
            if (status != HONE_OK) {
                return status;
            }
            turn(op, stacks, column, begin, end);
        }
        while (stacks->back_end < end) {
            merge(op, &stacks->back, aggregate_of(op, column, stacks->back_end++, stacks->shift));
        }
        hn_aggregate result = stacks->front[begin - stacks->front_begin];
        if (stacks->back.count > 0) {
            merge(op, &result, stacks->back);
        }
        put(op, result, end - begin, i, outputs);
    }
    return HONE_OK;
}

/* --- Anew for each window --- */

static const double *values_at(const hn_window_column *column, uint64_t number) {
    return &hn_series_at(&column->values, number)->f64;
}

static double sum_of(const double *values, uint64_t count) {
    double sum = values[0];
    for (uint64_t k = 1; k < count; k++) {
        sum += values[k];
    }
    return sum;
}

static double squares_of(const double *values, uint64_t count, double mean) {
    double squares = 0;
    for (uint64_t k = 0; k < count; k++) {
        squares += (values[k] - mean) * (values[k] - mean);
    }
    return squares;
}

static void fresh_window(hn_statistic statistic, const hn_window_column *column, uint32_t row,
                         const hn_window_view *view, const hn_window_output *output) {
    uint64_t count = view->ends[row] - view->begins[row];
    if (count < (statistic == HN_STATISTIC_STD ? 2 : 1)) {
        put_missing(output, row);
        return;
    }
    const double *values = values_at(column, view->begins[row]);
    double sum = sum_of(values, count);
    double mean = sum / (double)count;
    if (statistic == HN_STATISTIC_STD) {
        put_f64(output, row, sqrt(squares_of(values, count, mean) / (double)(count - 1)));
    } else {
        put_f64(output, row, statistic == HN_STATISTIC_SUM ? sum : mean);
    }
}

/* BLOCK windows of `rows` values each, the first at values[0], the next at values[1] ... */
static void fresh_block(hn_statistic statistic, const double *values, uint32_t rows,
                        hone_cell *out_cells) {
    double sums[BLOCK], squares[BLOCK];
    memcpy(sums, values, sizeof sums);
    for (uint32_t k = 1; k < rows; k++) {
        for (uint32_t i = 0; i < BLOCK; i++) {
            sums[i] += values[k + i];
        }
    }
    if (statistic == HN_STATISTIC_SUM) {
        memcpy(out_cells, sums, sizeof sums);
        return;
    }
    for (uint32_t i = 0; i < BLOCK; i++) {
        sums[i] /= (double)rows;
        squares[i] = 0;
    }
    if (statistic == HN_STATISTIC_MEAN) {
        memcpy(out_cells, sums, sizeof sums);
        return;
    }
    for (uint32_t k = 0; k < rows; k++) {
        for (uint32_t i = 0; i < BLOCK; i++) {
            squares[i] += (values[k + i] - sums[i]) * (values[k + i] - sums[i]);
        }
    }
    for (uint32_t i = 0; i < BLOCK; i++) {
        out_cells[i].f64 = sqrt(squares[i] / (double)(rows - 1));
    }
}

static void fresh_windows(hn_statistic statistic, const hn_window_column *column,
                          const hn_window_view *view, const hn_window_output *outputs) {
    const hn_window_output *output = &outputs[statistic];
    bool has_deviation = statistic != HN_STATISTIC_STD || view->fixed_rows > 1;
    uint32_t i = 0;
    while (output->cells && i < view->count) {
        if (has_deviation && i >= view->fixed_from && view->count - i >= BLOCK) {
            fresh_block(statistic, values_at(column, view->begins[i]), view->fixed_rows,
                        output->cells + i);
            i += BLOCK;
        } else {
            fresh_window(statistic, column, i, view, output);
            i++;
        }
    }
}

/* --- Integers --- */

static void put_integer_sum(hn_wide total, uint64_t count, uint32_t row,
                            const hn_window_output *outputs) {
    if (count == 0 || total > INT64_MAX || total < INT64_MIN) {
        put_missing(&outputs[HN_STATISTIC_SUM], row);
    } else {
        put_i64(&outputs[HN_STATISTIC_SUM], row, (int64_t)total);
    }
    if (count == 0) {
        put_missing(&outputs[HN_STATISTIC_MEAN], row);
    } else {
        put_f64(&outputs[HN_STATISTIC_MEAN], row, (double)total / (double)count);
    }
}

static void integer_sums(hn_window_column *column, const hn_window_view *view,
                         const hn_window_output *outputs) {
    uint64_t begin = column->total_begin, end = column->total_end;
    hn_wide total = column->total;
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->begins[i] >= end) { /* nothing of the old window is left */
            begin = end = view->begins[i];
            total = 0;
        }
        while (end < view->ends[i]) {
            total += hn_series_at(&column->integers, end++)->i64;
        }
        while (begin < view->begins[i]) {
            total -= hn_series_at(&column->integers, begin++)->i64;
        }
        put_integer_sum(total, end - begin, i, outputs);
    }
    column->total_begin = begin;
    column->total_end = end;
    column->total = total;
}

/* --- From the ends of the window --- */

static void counts(const hn_window_view *view, const hn_window_output *output) {
    for (uint32_t i = 0; i < view->count; i++) {
        put_i64(output, i, (int64_t)(view->ends[i] - view->begins[i]));
    }
}

static void put_end(hn_statistic statistic, hone_type type, hn_entry pair[2], uint32_t row,
                    const hn_window_output *output) {
    int64_t difference;
    if (statistic != HN_STATISTIC_DELTA) {
        put_i64(output, row,
                pair[statistic == HN_STATISTIC_LAST].i64); /* the bits of either type */
    } else if (type == HONE_TYPE_F64) {
        put_f64(output, row, pair[1].f64 - pair[0].f64);
    } else if (__builtin_sub_overflow(pair[1].i64, pair[0].i64, &difference)) {
        put_missing(output, row);
    } else {
        put_i64(output, row, difference);
    }
}

static void ends(hn_statistic statistic, const hn_window_column *column, const hn_window_view *view,
                 const hn_window_output *output) {
    const hn_series *series = column->type == HONE_TYPE_I64 ? &column->integers : &column->values;
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->begins[i] == view->ends[i]) {
            put_missing(output, i);
            continue;
        }
        hn_entry pair[2] = {*hn_series_at(series, view->begins[i]),
                            *hn_series_at(series, view->ends[i] - 1)};
        put_end(statistic, column->type, pair, i, output);
    }
}

/* The difference of two times or counters, which a double may be too small for. */
static double difference(const hn_series *series, uint64_t from, uint64_t to) {
    hn_wide exact = hn_series_at(series, to)->i64;
    return (double)(exact - hn_series_at(series, from)->i64);
}

static void rates(const hn_window_column *column, const hn_window_view *view,
                  const hn_window_output *output) {
    for (uint32_t i = 0; i < view->count; i++) {
        uint64_t begin = view->begins[i], last = view->ends[i] - 1;
        double ns = view->ends[i] - begin >= 2 ? difference(&column->times, begin, last) : 0;
        if (ns <= 0) {
            put_missing(output, i);
            continue;
        }
        double change = column->type == HONE_TYPE_I64
                            ? difference(&column->integers, begin, last)
                            : *values_at(column, last) - *values_at(column, begin);
        put_f64(output, i, change / (ns * 1e-9));
    }
}

/* --- Quantiles --- */

static const struct {
    hn_statistic statistic;
    double share;
} quantiles[] = {
    {HN_STATISTIC_MEDIAN, 0.5}, {HN_STATISTIC_P50, 0.5},  {HN_STATISTIC_P90, 0.9},
    {HN_STATISTIC_P95, 0.95},   {HN_STATISTIC_P99, 0.99},
};

enum { QUANTILES_COUNT = sizeof quantiles / sizeof quantiles[0] };

static bool wants_order(const hn_window_output *outputs) {
    for (uint32_t q = 0; q < QUANTILES_COUNT; q++) {
        if (is_wanted(outputs, quantiles[q].statistic)) {
            return true;
        }
    }
    return false;
}

static hone_status move_order(hn_window_column *column, const hone_allocator *allocator,
                              uint64_t begin, uint64_t end) {
    hn_order *order = &column->order;
    order->allocator = allocator;
    if (begin >= order->end) {
        hn_order_clear(order);
        order->begin = order->end = begin;
    }
    while (order->begin < begin) {
        hn_order_remove(order, *values_at(column, order->begin++));
    }
    while (order->end < end) {
        hone_status status = hn_order_insert(order, *values_at(column, order->end));
        if (status != HONE_OK) {
            return status;
        }
        order->end++;
    }
    return HONE_OK;
}

static hone_status order_statistics(hn_window_column *column, const hone_allocator *allocator,
                                    const hn_window_view *view, const hn_window_output *outputs) {
    for (uint32_t i = 0; i < view->count; i++) {
        hone_status status = move_order(column, allocator, view->begins[i], view->ends[i]);
        if (status != HONE_OK) {
            return status;
        }
        for (uint32_t q = 0; q < QUANTILES_COUNT; q++) {
            const hn_window_output *output = &outputs[quantiles[q].statistic];
            if (!output->cells) {
                continue;
            }
            if (column->order.total == 0) {
                put_missing(output, i);
            } else {
                put_f64(output, i, hn_order_quantile(&column->order, quantiles[q].share));
            }
        }
    }
    return HONE_OK;
}

/* --- All together --- */

static hone_status compute_sums(hn_window_column *column, const hone_allocator *allocator,
                                const hn_window_view *view, const hn_window_output *outputs) {
    bool is_integer = column->type == HONE_TYPE_I64;
    if (view->is_fresh) {
        fresh_windows(HN_STATISTIC_STD, column, view, outputs);
    }
    if (view->is_fresh && !is_integer) {
        fresh_windows(HN_STATISTIC_SUM, column, view, outputs);
        fresh_windows(HN_STATISTIC_MEAN, column, view, outputs);
        return HONE_OK;
    }
    hone_status status = HONE_OK;
    if (is_wanted(outputs, HN_STATISTIC_SUM) || is_wanted(outputs, HN_STATISTIC_MEAN)) {
        if (is_integer) {
            integer_sums(column, view, outputs);
        } else {
            status = slide(SUM, &column->sum, column, allocator, view, outputs);
        }
    }
    if (status == HONE_OK && !view->is_fresh && is_wanted(outputs, HN_STATISTIC_STD)) {
        status = slide(MOMENTS, &column->moments, column, allocator, view, outputs);
    }
    return status;
}

static hone_status compute_extremes(hn_window_column *column, const hone_allocator *allocator,
                                    const hn_window_view *view, const hn_window_output *outputs) {
    hone_status status = HONE_OK;
    bool is_integer = column->type == HONE_TYPE_I64;
    if (is_wanted(outputs, HN_STATISTIC_MIN)) {
        status = is_integer ? slide(MIN_I64, &column->min, column, allocator, view, outputs)
                            : slide(MIN, &column->min, column, allocator, view, outputs);
    }
    if (status == HONE_OK && is_wanted(outputs, HN_STATISTIC_MAX)) {
        status = is_integer ? slide(MAX_I64, &column->max, column, allocator, view, outputs)
                            : slide(MAX, &column->max, column, allocator, view, outputs);
    }
    return status;
}

hone_status hn_statistics_compute(hn_window_column *column, const hone_allocator *allocator,
                                  const hn_window_view *view, const hn_window_output *outputs) {
    static const hn_statistic of_ends[] = {HN_STATISTIC_FIRST, HN_STATISTIC_LAST,
                                           HN_STATISTIC_DELTA};
    if (is_wanted(outputs, HN_STATISTIC_COUNT)) {
        counts(view, &outputs[HN_STATISTIC_COUNT]);
    }
    for (uint32_t i = 0; i < sizeof of_ends / sizeof of_ends[0]; i++) {
        if (is_wanted(outputs, of_ends[i])) {
            ends(of_ends[i], column, view, &outputs[of_ends[i]]);
        }
    }
    if (is_wanted(outputs, HN_STATISTIC_RATE)) {
        rates(column, view, &outputs[HN_STATISTIC_RATE]);
    }
    hone_status status = compute_sums(column, allocator, view, outputs);
    if (status == HONE_OK) {
        status = compute_extremes(column, allocator, view, outputs);
    }
    if (status == HONE_OK && wants_order(outputs)) {
        status = order_statistics(column, allocator, view, outputs);
    }
    return status;
}
