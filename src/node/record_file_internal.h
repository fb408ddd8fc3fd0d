/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of recorded streams: what sink.record writes and source.replay reads.
 * docs/record-format.md says the same for people who write a reader of their own.
 *
 * A file is one head, then blocks. Numbers are little-endian; head and blocks are multiples of 8
 * bytes long, so that every 8-byte number lies at a multiple of 8. Checksums are XXH3-64 with seed
 * 0.
 *
 *     head   0  magic 89 48 4E 52 45 43 0D 0A ("\x89HNREC\r\n")
 *            8  u32 version (1)
 *           12  u32 flags: bit 0: timestamps come from the data or the clock
 *           16  u32 fields_count, at most 4096
 *           20  u32 size of the head in bytes, checksum included
 *           24  fields: u32 type (1 i64, 2 f64, 3 bool, 4 text), u32 name size, name (UTF-8)
 *               zero bytes up to the next multiple of 8
 *         last  u64 checksum of all bytes before it
 *
 *     block  0  magic "HBLK"
 *            4  u32 rows_count, 1 to 1024
 *            8  u64 number, from 0
 *           16  u32 text_bytes, in all cells together
 *           20  u32 size of the body in bytes; follows from rows_count, fields and text_bytes
 *           24  u64 checksum of the body
 *           32  u64 checksum of bytes 0 to 31
 *           40  body: timestamps, i64 ns since 1970 UTC, rows_count of them
 *               per field, rows_count cells of 8 bytes: i64; f64; bool as i64 0 or 1; text as u32
 *               offset and u32 size in the block's text
 *               per field, the missing bits: bit (row % 64) of u64 (row / 64), (rows + 63) / 64 of
 *               them
 *               text, padded with zero bytes to a multiple of 8
 *
 * There is one byte sequence for every content: the cells of missing values and all bits and bytes
 * that mean nothing are zero, and texts lie in the order of fields, then rows, without gaps. The
 * reader insists on it, so that what was replayed and recorded again is the same file.
 *
 * The frame has a checksum of its own, so that its length can be trusted: a file that ends within a
 * block was torn by a crash; anything else that is wrong is damage.
 *
 * Contract: pure functions on views; confined. May be included by node/ and node/stages/.
 */
#ifndef HONE_NODE_RECORD_FILE_INTERNAL_H
#define HONE_NODE_RECORD_FILE_INTERNAL_H

#include "hone/base/buffer.h"
#include "hone/node/batch.h"

enum {
    HN_RECORD_VERSION = 1,
    HN_RECORD_HEAD_BYTES_MIN = 32,       /* of a schema without fields */
    HN_RECORD_HEAD_BYTES_MAX = 64 << 20, /* long names of many fields */
    HN_RECORD_FRAME_BYTES = 40,
    HN_RECORD_BLOCK_BYTES_MAX = 1 << 30,
    /* The writer begins a new block before this much text, so that its buffer stays small; one row
     * may have more. */
    HN_RECORD_TEXT_BYTES_WANTED = 4 << 20,
};

/* A block in memory that belongs to somebody else. */
typedef struct hn_record_block {
    const uint8_t *body;
    uint64_t body_checksum;
    uint32_t rows_count;
    uint32_t fields_count;
    uint32_t text_bytes;
    uint32_t size_bytes; /* of frame and body */
} hn_record_block;

/* --- Writing --- */

/* Appends the head. LIMIT, OUT_OF_MEMORY; no diag. */
HONE_MUST_USE hone_status hn_record_head_write(const hone_schema *schema, hone_buffer *out);

/* Appends a block of selected rows of the batch, from the first_selected-th on: as many as
 * HN_RECORD_TEXT_BYTES_WANTED allows, at least one; *out_rows says how many. Requires one row.
 * LIMIT (one row is too large), OUT_OF_MEMORY, and nothing is appended. */
HONE_MUST_USE hone_status hn_record_block_write(const hone_schema *schema, hone_batch *batch,
                                                uint32_t first_selected, uint64_t number,
                                                hone_buffer *out, uint32_t *out_rows);

/* --- Reading; the diags have a message, the caller adds file and stage --- */

/* The length of the head from the first HN_RECORD_HEAD_BYTES_MIN bytes of a file (or all, if it is
 * shorter). TRUNCATED, CORRUPT (no recording, or damaged), UNSUPPORTED (another version). */
HONE_MUST_USE hone_status hn_record_head_measure(hone_span bytes, hone_diag *diag,
                                                 uint32_t *out_size_bytes);

/* The schema, from a head of the length measured (TRUNCATED when it is shorter). CORRUPT and what
 * hone_schema_create returns. */
HONE_MUST_USE hone_status hn_record_head_read(hone_span bytes, hone_arena *arena, hone_diag *diag,
                                              const hone_schema **out_schema);

/* The sizes from the first bytes behind a head or block. TRUNCATED when there are fewer than
 * HN_RECORD_FRAME_BYTES; CORRUPT. *out_block has no body yet. */
HONE_MUST_USE hone_status hn_record_block_measure(hone_span bytes, const hone_schema *schema,
                                                  uint64_t number, hone_diag *diag,
                                                  hn_record_block *out_block);

/* Takes the body from the bytes of the block that was measured, and checks all of it: afterwards
 * every number in it can be relied upon. TRUNCATED, CORRUPT. */
HONE_MUST_USE hone_status hn_record_block_read(hone_span bytes, const hone_schema *schema,
                                               hone_diag *diag, hn_record_block *block);

int64_t hn_record_block_timestamp(const hn_record_block *block, uint32_t row);

/* Copies rows into an empty batch that has room for so many rows and for the block's text. */
void hn_record_block_copy(const hn_record_block *block, const hone_schema *schema,
                          uint32_t first_row, uint32_t rows_count, hone_batch *batch);

#endif
