/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops over float elements that all vector variants share. The including file defines, for its
 * registers,
 *   lanes                        a register of LANES floats
 *   lanes_zero()                 all 0
 *   lanes_load(row, i, element)  the elements from i on, as floats
 *   lanes_load_part(row, i, count, element)   count < LANES of them, 0 in the rest
 *   lanes_multiply_add(a, b, c)  a b + c
 *   lanes_subtract(a, b)         a - b
 *   lanes_add(a, b), lanes_sum(a)
 * and HN_DISTANCE_ISA. Four rows at a time: they share the loads of the query and hide each other's
 * latency; two sums a row, because four chains of additions do not fill the units. No guard: it is
 * included once by every variant.
 */
enum { GROUP = 4 };

typedef struct row_sums {
    lanes main[2], square[2];
} row_sums;

static HONE_ALWAYS_INLINE void add_terms(row_sums *sums, int half, lanes query, lanes row,
                                         hone_distance_metric metric) {
    if (metric == HONE_DISTANCE_L2) {
        lanes difference = lanes_subtract(query, row);
        sums->main[half] = lanes_multiply_add(difference, difference, sums->main[half]);
        return;
    }
    sums->main[half] = lanes_multiply_add(query, row, sums->main[half]);
    if (metric == HONE_DISTANCE_COSINE) {
        sums->square[half] = lanes_multiply_add(row, row, sums->square[half]);
    }
}

static HONE_ALWAYS_INLINE void group_distances(const float *query, const void *const *rows,
                                               int count, size_t dims, float query_square,
                                               float *out, hone_distance_metric metric,
                                               hone_distance_element element) {
    row_sums sums[GROUP];
    for (int r = 0; r < count; r++) {
        sums[r].main[0] = sums[r].main[1] = sums[r].square[0] = sums[r].square[1] = lanes_zero();
    }
    size_t i = 0;
    for (; i + 2 * LANES <= dims; i += 2 * LANES) {
        lanes low = lanes_load(query, i, HONE_DISTANCE_F32),
              high = lanes_load(query, i + LANES, HONE_DISTANCE_F32);
        for (int r = 0; r < count; r++) {
            add_terms(&sums[r], 0, low, lanes_load(rows[r], i, element), metric);
            add_terms(&sums[r], 1, high, lanes_load(rows[r], i + LANES, element), metric);
        }
    }
    for (; i < dims; i += LANES) {
        size_t left = dims - i < LANES ? dims - i : LANES;
        lanes part = lanes_load_part(query, i, left, HONE_DISTANCE_F32);
        for (int r = 0; r < count; r++) {
            add_terms(&sums[r], 0, part, lanes_load_part(rows[r], i, left, element), metric);
        }
    }
    for (int r = 0; r < count; r++) {
        float sum = lanes_sum(lanes_add(sums[r].main[0], sums[r].main[1]));
        if (metric == HONE_DISTANCE_COSINE) {
            float square = lanes_sum(lanes_add(sums[r].square[0], sums[r].square[1]));
            sum = hn_cosine_of(sum, query_square, square);
        }
        out[r] = sum;
    }
}

static HONE_ALWAYS_INLINE void distances(const float *query, const void *const *rows,
                                         size_t rows_count, size_t dims, float *out,
                                         hone_distance_metric metric,
                                         hone_distance_element element) {
    float query_square = 0;
    if (metric == HONE_DISTANCE_COSINE) {
        const void *self = query;
        group_distances(query, &self, 1, dims, 0, &query_square, HONE_DISTANCE_DOT,
                        HONE_DISTANCE_F32);
    }
    size_t r = 0;
    for (; r + GROUP <= rows_count; r += GROUP) {
        group_distances(query, rows + r, GROUP, dims, query_square, out + r, metric, element);
    }
    for (; r < rows_count; r++) {
        group_distances(query, rows + r, 1, dims, query_square, out + r, metric, element);
    }
}

#include "distance_entries_internal.h"
