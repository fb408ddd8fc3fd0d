/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64 KiB is about what one stage reads and the next one finds again in the second-level cache; 1024
 * rows bound the delay that a batch adds and let a selection be 16 bits wide.
 */
#include "hone/node/batch.h"

#include <assert.h>

enum {
    BATCH_BYTES_TARGET = 65536,
    BATCH_ROWS_STEP = 64,
    TEXT_BYTES_PER_CELL = 24,
    BATCH_BYTES_MAX = 1 << 30,
};

_Static_assert(sizeof(hone_batch) == 64, "the header is one cache line");
_Static_assert(sizeof(hone_cell) == 8, "every cell is 8 bytes");

static uint32_t rows_for(const hone_schema *schema, uint32_t rows_wanted) {
    uint32_t rows =
        rows_wanted ? rows_wanted : BATCH_BYTES_TARGET / (8 * (schema->fields_count + 1));
    rows = rows < BATCH_ROWS_STEP ? BATCH_ROWS_STEP : rows;
    rows = rows > HONE_BATCH_ROWS_MAX ? HONE_BATCH_ROWS_MAX : rows;
    return (rows + BATCH_ROWS_STEP - 1) / BATCH_ROWS_STEP * BATCH_ROWS_STEP;
}

hone_status hone_batch_plan(const hone_schema *schema, uint32_t rows_wanted,
                            uint64_t text_wanted_bytes, hone_batch_layout *out_layout) {
    uint64_t texts_count = 0;
    for (uint32_t i = 0; i < schema->fields_count; i++) {
        texts_count += schema->fields[i].type == HONE_TYPE_TEXT;
    }
    uint64_t rows = rows_for(schema, rows_wanted);
    uint64_t text = texts_count * rows * TEXT_BYTES_PER_CELL;
    text = text < text_wanted_bytes ? text_wanted_bytes : text;
    uint64_t fields = schema->fields_count;
    uint64_t size = sizeof(hone_batch) + rows * 8 + fields * rows * 8 + fields * (rows / 64) * 8 +
                    rows * 2 + text;
    size = (size + 63) & ~(uint64_t)63;
    if (text > BATCH_BYTES_MAX || size > BATCH_BYTES_MAX) {
        return HONE_STATUS_LIMIT;
    }
    *out_layout = (hone_batch_layout){
        .fields_count = schema->fields_count,
        .rows_capacity = (uint32_t)rows,
        .text_capacity_bytes = (uint32_t)text,
        .size_bytes = (uint32_t)size,
    };
    return HONE_OK;
}

hone_batch *hone_batch_init(void *memory, const hone_batch_layout *layout) {
    hone_batch *batch = memory;
    *batch = (hone_batch){
        .rows_capacity = layout->rows_capacity,
        .fields_count = layout->fields_count,
        .text_capacity_bytes = layout->text_capacity_bytes,
        .size_bytes = layout->size_bytes,
    };
    atomic_init(&batch->references, 1);
    memset((uint8_t *)batch + hn_batch_missing_offset(batch), 0,
           hn_batch_selection_offset(batch) - hn_batch_missing_offset(batch));
    return batch;
}

void hone_batch_clear(hone_batch *batch) {
    uint32_t words = (batch->rows_count + 63) / 64;
    for (uint32_t field = 0; field < batch->fields_count; field++) {
        memset(hone_batch_missing(batch, field), 0, (size_t)words * 8);
    }
    batch->rows_count = 0;
    batch->selected_count = 0;
    batch->text_used_bytes = 0;
    batch->origin_ns = 0;
    batch->sent_ns = 0;
}

uint32_t hone_batch_add_row(hone_batch *batch, int64_t timestamp_ns) {
    assert(batch->rows_count < batch->rows_capacity && hone_batch_is_dense(batch));
    uint32_t row = batch->rows_count++;
    hone_batch_timestamps(batch)[row] = timestamp_ns;
    hone_batch_selection(batch)[row] = (uint16_t)row;
    batch->selected_count = batch->rows_count;
    return row;
}

hone_status hone_batch_add_text(hone_batch *batch, hone_text text, hone_text_ref *out_ref) {
    if (text.size > batch->text_capacity_bytes - batch->text_used_bytes) {
        return HONE_STATUS_LIMIT;
    }
    *out_ref = (hone_text_ref){batch->text_used_bytes, (uint32_t)text.size};
    if (text.size) {
        memcpy((uint8_t *)batch + hn_batch_heap_offset(batch) + batch->text_used_bytes, text.data,
               text.size);
    }
    batch->text_used_bytes += (uint32_t)text.size;
    return HONE_OK;
}

void hone_batch_drop_last_row(hone_batch *batch) {
    assert(batch->rows_count > 0 && hone_batch_is_dense(batch));
    uint32_t row = --batch->rows_count;
    batch->selected_count = batch->rows_count;
    for (uint32_t field = 0; field < batch->fields_count; field++) {
        hone_batch_missing(batch, field)[row / 64] &= ~((uint64_t)1 << (row % 64));
    }
}
