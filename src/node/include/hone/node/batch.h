/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records on their way through a node: a batch of rows of one schema, stored by columns.
 *
 * A batch is one block of memory without pointers inside, so that the same bytes can lie in a pool,
 * in a record file or in shared memory. Every cell is 8 bytes wide; text lies in the batch's own
 * heap and the cell refers to it. A row that a filter takes out stays where it is: the selection
 * lists the rows that are still in, in ascending order.
 *
 * Contract: confined to the stage that holds it. References are counted (shared): a batch with more
 * than one reference must not be changed (hone_batch_is_unique). Sizes: at most 1024 rows; the heap
 * is bounded at creation.
 */
#ifndef HONE_NODE_BATCH_H
#define HONE_NODE_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "hone/base/allocator.h"
#include "hone/node/schema.h"

enum { HONE_BATCH_ROWS_MAX = 1024 };

/* A piece of the batch's text heap. */
typedef struct hone_text_ref {
    uint32_t offset_bytes;
    uint32_t size_bytes;
} hone_text_ref;

typedef union hone_cell {
    int64_t i64; /* also bool: 0 or 1 */
    double f64;
    hone_text_ref text;
} hone_cell;

typedef struct hone_batch {
    _Atomic uint32_t references;
    uint32_t rows_count;
    uint32_t rows_capacity;  /* a multiple of 64 */
    uint32_t selected_count; /* entries of the selection; rows_count when every row is in */
    uint32_t fields_count;
    uint32_t text_used_bytes;
    uint32_t text_capacity_bytes;
    uint32_t size_bytes;  /* of the whole block */
    uint64_t origin_ns;   /* monotonic: when the oldest row entered the node */
    uint64_t sent_ns;     /* monotonic: when it was handed to the channel it came by */
    uint32_t owner;       /* who takes the block back: the index of the stage that made it */
    uint32_t is_oversize; /* the block was made for this batch alone */
    uint64_t reserved;
} hone_batch;

/* The plan of a batch: how many rows, how much text, how many bytes in all. */
typedef struct hone_batch_layout {
    uint32_t fields_count;
    uint32_t rows_capacity;
    uint32_t text_capacity_bytes;
    uint32_t size_bytes;
} hone_batch_layout;

/* A layout of about 64 KiB for the schema (64 to 1024 rows), or, with rows_wanted > 0, for at least
 * that many rows; text_wanted_bytes is the least size of the heap (0: chosen from the schema).
 * LIMIT when it would pass 1 GiB. */
HONE_MUST_USE hone_status hone_batch_plan(const hone_schema *schema, uint32_t rows_wanted,
                                          uint64_t text_wanted_bytes,
                                          hone_batch_layout *out_layout);

/* Makes an empty batch with one reference of `layout` in `memory`, 64-byte aligned,
 * layout.size_bytes long. */
hone_batch *hone_batch_init(void *memory, const hone_batch_layout *layout);

/* Empties it: no rows, no text. */
void hone_batch_clear(hone_batch *batch);

/* --- The parts --- */
/* Layout of the block: header, timestamps, cells column by column, missing bits column by column,
 * selection, heap. */

static inline size_t hn_batch_cells_offset(const hone_batch *batch) {
    return sizeof(hone_batch) + (size_t)batch->rows_capacity * 8;
}

static inline size_t hn_batch_missing_offset(const hone_batch *batch) {
    return hn_batch_cells_offset(batch) + (size_t)batch->fields_count * batch->rows_capacity * 8;
}

static inline size_t hn_batch_selection_offset(const hone_batch *batch) {
    return hn_batch_missing_offset(batch) +
           (size_t)batch->fields_count * (batch->rows_capacity / 64) * 8;
}

static inline size_t hn_batch_heap_offset(const hone_batch *batch) {
    return hn_batch_selection_offset(batch) + (size_t)batch->rows_capacity * 2;
}

/* The timestamps, ns since 1970 UTC; rows_capacity of them. */
static inline int64_t *hone_batch_timestamps(hone_batch *batch) {
    return (int64_t *)((uint8_t *)batch + sizeof(hone_batch));
}

/* The cells of one column, rows_capacity of them. */
static inline hone_cell *hone_batch_cells(hone_batch *batch, uint32_t field) {
    return (hone_cell *)((uint8_t *)batch + hn_batch_cells_offset(batch)) +
           (size_t)field * batch->rows_capacity;
}

/* The missing bits of one column: bit (row % 64) of word (row / 64) is set when the value is
 * missing. */
static inline uint64_t *hone_batch_missing(hone_batch *batch, uint32_t field) {
    return (uint64_t *)((uint8_t *)batch + hn_batch_missing_offset(batch)) +
           (size_t)field * (batch->rows_capacity / 64);
}

/* The rows that are in, ascending; the first selected_count entries are valid. */
static inline uint16_t *hone_batch_selection(hone_batch *batch) {
    return (uint16_t *)((uint8_t *)batch + hn_batch_selection_offset(batch));
}

static inline bool hone_batch_is_missing(hone_batch *batch, uint32_t field, uint32_t row) {
    return (hone_batch_missing(batch, field)[row / 64] >> (row % 64)) & 1;
}

static inline void hone_batch_set_missing(hone_batch *batch, uint32_t field, uint32_t row) {
    hone_batch_missing(batch, field)[row / 64] |= (uint64_t)1 << (row % 64);
}

/* The text of a cell; valid while the batch is. */
static inline hone_text hone_batch_text(hone_batch *batch, hone_text_ref ref) {
    return (hone_text){(const char *)batch + hn_batch_heap_offset(batch) + ref.offset_bytes,
                       ref.size_bytes};
}

/* True when every row is in. */
static inline bool hone_batch_is_dense(const hone_batch *batch) {
    return batch->selected_count == batch->rows_count;
}

/* --- Filling --- */

/* A new row at the end, selected, with the timestamp, every field unset: the caller sets each field
 * or marks it missing. Returns its number. Requires rows_count < rows_capacity and a dense batch.
 */
uint32_t hone_batch_add_row(hone_batch *batch, int64_t timestamp_ns);

/* Copies text into the heap. LIMIT when it does not fit: send the batch and begin another. */
HONE_MUST_USE hone_status hone_batch_add_text(hone_batch *batch, hone_text text,
                                              hone_text_ref *out_ref);

/* Takes the newest row back (a row that could not be finished). Its text stays in the heap. */
void hone_batch_drop_last_row(hone_batch *batch);

/* True when nobody else holds it, so that it may be changed. */
static inline bool hone_batch_is_unique(hone_batch *batch) {
    /* pairs with the release decrement of whoever let go: what they read is read before we write */
    return atomic_load_explicit(&batch->references, memory_order_acquire) == 1;
}

#endif
