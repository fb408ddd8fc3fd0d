/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_copy_internal.h"

#include <assert.h>

static bool is_whole(const hn_batch_copy *copy) {
    return copy->rows_count == copy->from->rows_count;
}

void hn_batch_copy_rows(const hn_batch_copy *copy) {
    const int64_t *from = hone_batch_timestamps(copy->from);
    int64_t *to = hone_batch_timestamps(copy->to);
    uint16_t *selection = hone_batch_selection(copy->to);
    for (uint32_t i = 0; i < copy->rows_count; i++) {
        to[i] = from[copy->rows[i]];
        selection[i] = (uint16_t)i;
    }
    copy->to->rows_count = copy->to->selected_count = copy->rows_count;
    copy->to->origin_ns = copy->from->origin_ns;
}

void hn_batch_copy_cells(const hn_batch_copy *copy, const hone_cell *cells, const uint64_t *missing,
                         uint32_t to_field) {
    hone_cell *to = hone_batch_cells(copy->to, to_field);
    uint32_t words = (copy->from->rows_count + 63) / 64;
    if (is_whole(copy)) {
        memcpy(to, cells, (size_t)copy->rows_count * sizeof *cells);
        memcpy(hone_batch_missing(copy->to, to_field), missing, (size_t)words * 8);
        return;
    }
    uint64_t any = 0;
    for (uint32_t word = 0; word < words; word++) {
        any |= missing[word];
    }
    for (uint32_t i = 0; i < copy->rows_count; i++) {
        to[i] = cells[copy->rows[i]];
    }
    for (uint32_t i = 0; any && i < copy->rows_count; i++) {
        uint32_t row = copy->rows[i];
        if ((missing[row / 64] >> (row % 64)) & 1) {
            hone_batch_set_missing(copy->to, to_field, i);
        }
    }
}

void hn_batch_copy_column(const hn_batch_copy *copy, uint32_t from_field, uint32_t to_field) {
    hn_batch_copy_cells(copy, hone_batch_cells(copy->from, from_field),
                        hone_batch_missing(copy->from, from_field), to_field);
}

void hn_batch_copy_heap(const hn_batch_copy *copy) {
    hone_batch *from = copy->from, *to = copy->to;
    assert(to->text_used_bytes == 0 && from->text_used_bytes <= to->text_capacity_bytes);
    memcpy((uint8_t *)to + hn_batch_heap_offset(to), (uint8_t *)from + hn_batch_heap_offset(from),
           from->text_used_bytes);
    to->text_used_bytes = from->text_used_bytes;
}
