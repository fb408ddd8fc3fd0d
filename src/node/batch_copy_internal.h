/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is taken over from one batch into another: rows, columns, text. Transforms make their
 * outputs so, and a batch that others see is copied so before it is changed.
 *
 * `rows` lists the rows of `from` that become rows 0, 1, ... of `to`, ascending. Whole columns are
 * copied where that is all of them.
 */
#ifndef HONE_NODE_BATCH_COPY_INTERNAL_H
#define HONE_NODE_BATCH_COPY_INTERNAL_H

#include "hone/node/batch.h"

typedef struct hn_batch_copy {
    hone_batch *from;
    hone_batch *to; /* fresh, with room enough */
    const uint16_t *rows;
    uint32_t rows_count;
} hn_batch_copy;

/* The rows themselves: count, selection, timestamps, origin. */
void hn_batch_copy_rows(const hn_batch_copy *copy);

/* A column of the input; its text needs hn_batch_copy_heap. */
void hn_batch_copy_column(const hn_batch_copy *copy, uint32_t from_field, uint32_t to_field);

/* A column that belongs to the input's rows but lies elsewhere. */
void hn_batch_copy_cells(const hn_batch_copy *copy, const hone_cell *cells, const uint64_t *missing,
                         uint32_t to_field);

/* All text of the input, at the same place, so that copied cells refer to it as before. Comes
 * before any other text. */
void hn_batch_copy_heap(const hn_batch_copy *copy);

#endif
