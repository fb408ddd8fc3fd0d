/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Narrowing a selection: by a column of bools, or, the commonest filter, by comparing a number
 * field with a constant, without registers, in one pass. Each row is written to the next place and
 * counted only if it stays, so that there is no branch to mispredict; the write position never
 * passes the read position. When every row is in, the old selection is not read: it is 0, 1, 2...
 */
#include "expression_internal.h"

typedef bool cell_test(hone_cell value, hone_cell constant);

static inline HN_INLINED uint32_t select_dense(hone_batch *batch, const hone_cell *restrict cells,
                                               const uint64_t *restrict missing, hone_cell constant,
                                               cell_test *test) {
    uint16_t *restrict selection = hone_batch_selection(batch);
    const uint32_t rows = batch->rows_count;
    uint32_t kept = 0;
    for (uint32_t first = 0; first < rows; first += 64) {
        const uint32_t end = rows - first < 64 ? rows : first + 64;
        const uint64_t absent = missing[first / 64];
        if (absent == 0) {
            for (uint32_t row = first; row < end; row++) {
                selection[kept] = (uint16_t)row;
                kept += test(cells[row], constant);
            }
            continue;
        }
        for (uint32_t row = first; row < end; row++) {
            selection[kept] = (uint16_t)row;
            kept += test(cells[row], constant) & ~(absent >> (row % 64)) & 1;
        }
    }
    return kept;
}

static inline HN_INLINED uint32_t select_sparse(hone_batch *batch, const hone_cell *restrict cells,
                                                const uint64_t *restrict missing,
                                                hone_cell constant, cell_test *test) {
    uint16_t *restrict selection = hone_batch_selection(batch);
    uint32_t kept = 0;
    for (uint32_t j = 0; j < batch->selected_count; j++) {
        uint32_t row = selection[j];
        selection[kept] = (uint16_t)row;
        kept += test(cells[row], constant) & ~(missing[row / 64] >> (row % 64)) & 1;
    }
    return kept;
}

static inline HN_INLINED uint32_t select_cells(hone_batch *batch, uint32_t field,
                                               hone_cell constant, cell_test *test) {
    const hone_cell *cells = hone_batch_cells(batch, field);
    const uint64_t *missing = hone_batch_missing(batch, field);
    return hone_batch_is_dense(batch) ? select_dense(batch, cells, missing, constant, test)
                                      : select_sparse(batch, cells, missing, constant, test);
}

static inline HN_INLINED bool is_true(hone_cell x, hone_cell unused) {
    (void)unused;
    return x.i64 & 1;
}

uint32_t hn_select_true(hone_batch *batch, const hone_cell *cells, const uint64_t *missing) {
    const hone_cell unused = {0};
    return hone_batch_is_dense(batch) ? select_dense(batch, cells, missing, unused, is_true)
                                      : select_sparse(batch, cells, missing, unused, is_true);
}

/* clang-format off: one line each reads as the table that it is */
static inline HN_INLINED bool f64_equal(hone_cell x, hone_cell c) {
    return x.f64 == c.f64;
}
static inline HN_INLINED bool f64_unequal(hone_cell x, hone_cell c) {
    return x.f64 != c.f64;
}
static inline HN_INLINED bool f64_less(hone_cell x, hone_cell c) {
    return x.f64 < c.f64;
}
static inline HN_INLINED bool f64_less_equal(hone_cell x, hone_cell c) {
    return x.f64 <= c.f64;
}
static inline HN_INLINED bool f64_greater(hone_cell x, hone_cell c) {
    return x.f64 > c.f64;
}
static inline HN_INLINED bool f64_greater_equal(hone_cell x, hone_cell c) {
    return x.f64 >= c.f64;
}
static inline HN_INLINED bool i64_equal(hone_cell x, hone_cell c) {
    return x.i64 == c.i64;
}
static inline HN_INLINED bool i64_unequal(hone_cell x, hone_cell c) {
    return x.i64 != c.i64;
}
static inline HN_INLINED bool i64_less(hone_cell x, hone_cell c) {
    return x.i64 < c.i64;
}
static inline HN_INLINED bool i64_less_equal(hone_cell x, hone_cell c) {
    return x.i64 <= c.i64;
}
static inline HN_INLINED bool i64_greater(hone_cell x, hone_cell c) {
    return x.i64 > c.i64;
}
static inline HN_INLINED bool i64_greater_equal(hone_cell x, hone_cell c) {
    return x.i64 >= c.i64;
}

uint32_t hn_select(hone_batch *batch, uint32_t field, hn_selection selection, hone_cell c) {
    switch (selection) {
    case HN_SELECT_F64_EQUAL: return select_cells(batch, field, c, f64_equal);
    case HN_SELECT_F64_UNEQUAL: return select_cells(batch, field, c, f64_unequal);
    case HN_SELECT_F64_LESS: return select_cells(batch, field, c, f64_less);
    case HN_SELECT_F64_LESS_EQUAL: return select_cells(batch, field, c, f64_less_equal);
    case HN_SELECT_F64_GREATER: return select_cells(batch, field, c, f64_greater);
    case HN_SELECT_F64_GREATER_EQUAL: return select_cells(batch, field, c, f64_greater_equal);
    case HN_SELECT_I64_EQUAL: return select_cells(batch, field, c, i64_equal);
    case HN_SELECT_I64_UNEQUAL: return select_cells(batch, field, c, i64_unequal);
    case HN_SELECT_I64_LESS: return select_cells(batch, field, c, i64_less);
    case HN_SELECT_I64_LESS_EQUAL: return select_cells(batch, field, c, i64_less_equal);
    case HN_SELECT_I64_GREATER: return select_cells(batch, field, c, i64_greater);
    case HN_SELECT_I64_GREATER_EQUAL: return select_cells(batch, field, c, i64_greater_equal);
    case HN_SELECT_NONE: break;
    }
    return batch->selected_count;
}
/* clang-format on */

hn_selection hn_select_find(hn_kernel *kernel, bool is_swapped) {
    /* with the field on the left, with the field on the right: c < x is x > c */
    static const struct {
        hn_kernel *kernel;
        hn_selection selections[2];
    } table[] = {
        {hn_equal_f64, {HN_SELECT_F64_EQUAL, HN_SELECT_F64_EQUAL}},
        {hn_unequal_f64, {HN_SELECT_F64_UNEQUAL, HN_SELECT_F64_UNEQUAL}},
        {hn_less_f64, {HN_SELECT_F64_LESS, HN_SELECT_F64_GREATER}},
        {hn_less_equal_f64, {HN_SELECT_F64_LESS_EQUAL, HN_SELECT_F64_GREATER_EQUAL}},
        {hn_greater_f64, {HN_SELECT_F64_GREATER, HN_SELECT_F64_LESS}},
        {hn_greater_equal_f64, {HN_SELECT_F64_GREATER_EQUAL, HN_SELECT_F64_LESS_EQUAL}},
        {hn_equal_i64, {HN_SELECT_I64_EQUAL, HN_SELECT_I64_EQUAL}},
        {hn_unequal_i64, {HN_SELECT_I64_UNEQUAL, HN_SELECT_I64_UNEQUAL}},
        {hn_less_i64, {HN_SELECT_I64_LESS, HN_SELECT_I64_GREATER}},
        {hn_less_equal_i64, {HN_SELECT_I64_LESS_EQUAL, HN_SELECT_I64_GREATER_EQUAL}},
        {hn_greater_i64, {HN_SELECT_I64_GREATER, HN_SELECT_I64_LESS}},
        {hn_greater_equal_i64, {HN_SELECT_I64_GREATER_EQUAL, HN_SELECT_I64_LESS_EQUAL}},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].kernel == kernel) {
            return table[i].selections[is_swapped];
        }
    }
    return HN_SELECT_NONE;
}
