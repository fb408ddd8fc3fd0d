/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a recording. It is read as source.replay reads one, first as it is and then with its
 * checksums put right, because no fuzzer finds those. What is accepted is copied into a batch and
 * written again, which must give the same bytes: there is one byte sequence for every content.
 */
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "record_file_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void require_explained(hone_status status, const hone_diag *diag) {
    require(status == HONE_OK || (diag->status == status && diag->message[0] != '\0'));
}

static void check_same(const hone_buffer *written, const uint8_t *data, size_t size) {
    require(written->size == size && memcmp(written->data, data, size) == 0);
}

static void check_block(const hn_record_block *block, const hone_schema *schema, uint64_t number,
                        const uint8_t *data) {
    hone_batch_layout layout;
    hone_buffer again;
    uint32_t rows_count = 0;
    require(hone_batch_plan(schema, block->rows_count, block->text_bytes, &layout) == HONE_OK);
    void *memory = aligned_alloc(64, layout.size_bytes);
    require(memory != NULL);
    hone_batch *batch = hone_batch_init(memory, &layout);
    hn_record_block_copy(block, schema, 0, block->rows_count, batch);
    hone_buffer_init(&again, NULL, HN_RECORD_BLOCK_BYTES_MAX);
    require(hn_record_block_write(schema, batch, 0, number, &again, &rows_count) == HONE_OK);
    if (rows_count == block->rows_count) { /* else it has more text than the writer puts into one */
        check_same(&again, data, block->size_bytes);
    }
    uint32_t half = block->rows_count / 2; /* as at a pace */
    hone_batch_clear(batch);
    hn_record_block_copy(block, schema, half, block->rows_count - half, batch);
    require(batch->rows_count == block->rows_count - half);
    require(hone_batch_timestamps(batch)[0] == hn_record_block_timestamp(block, half));
    hone_buffer_deinit(&again);
    free(memory);
}

static void check_head(const hone_schema *schema, const uint8_t *data, size_t size) {
    hone_buffer again;
    hone_buffer_init(&again, NULL, HN_RECORD_HEAD_BYTES_MAX);
    require(hn_record_head_write(schema, &again) == HONE_OK);
    check_same(&again, data, size);
    hone_buffer_deinit(&again);
}

static void read_blocks(hone_span rest, const hone_schema *schema) {
    for (uint64_t number = 0; rest.size; number++) {
        hone_diag diag = {0};
        hn_record_block block;
        hone_status status = hn_record_block_measure(rest, schema, number, &diag, &block);
        if (status == HONE_OK) {
            status = hn_record_block_read(rest, schema, &diag, &block);
        }
        require_explained(status, &diag);
        require(status == HONE_OK || status == HONE_STATUS_TRUNCATED ||
                status == HONE_STATUS_CORRUPT);
        if (status != HONE_OK) {
            return;
        }
        check_block(&block, schema, number, rest.data);
        rest.data += block.size_bytes;
        rest.size -= block.size_bytes;
    }
}

static void read_file(hone_span bytes) {
    hone_arena arena;
    hone_diag diag = {0};
    uint32_t head_bytes = 0;
    const hone_schema *schema = NULL;
    hone_arena_init(&arena, NULL, 64 << 20);
    hone_status status = hn_record_head_measure(bytes, &diag, &head_bytes);
    require_explained(status, &diag);
    if (status == HONE_OK) {
        status = hn_record_head_read(bytes, &arena, &diag, &schema);
        require_explained(status, &diag);
    }
    if (status == HONE_OK) {
        check_head(schema, bytes.data, head_bytes);
        read_blocks((hone_span){bytes.data + head_bytes, bytes.size - head_bytes}, schema);
    }
    hone_arena_deinit(&arena);
}

static uint32_t u32_at(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static void put_checksum(uint8_t *at, const uint8_t *data, size_t size) {
    uint64_t checksum = XXH3_64bits(data, size);
    memcpy(at, &checksum, sizeof checksum);
}

static void repair(uint8_t *data, size_t size) {
    uint32_t head_bytes = size < HN_RECORD_HEAD_BYTES_MIN ? 0 : u32_at(data + 20);
    if (head_bytes < HN_RECORD_HEAD_BYTES_MIN || head_bytes > size) {
        return;
    }
    put_checksum(data + head_bytes - 8, data, head_bytes - 8);
    size_t offset = head_bytes;
    while (size - offset >= HN_RECORD_FRAME_BYTES) {
        uint8_t *frame = data + offset;
        size_t body_bytes = u32_at(frame + 20);
        offset += HN_RECORD_FRAME_BYTES;
        body_bytes = body_bytes < size - offset ? body_bytes : size - offset;
        put_checksum(frame + 24, data + offset, body_bytes);
        put_checksum(frame + 32, frame, 32);
        offset += body_bytes;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_file((hone_span){data, size});
    uint8_t *repaired = malloc(size ? size : 1);
    require(repaired != NULL);
    memcpy(repaired, data, size);
    repair(repaired, size);
    read_file((hone_span){repaired, size});
    free(repaired);
    return 0;
}
