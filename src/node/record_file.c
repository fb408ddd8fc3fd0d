/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing gathers the selected rows column by column straight into the output; reading checks a
 * block once, whole, before anything of it is used. XXH3: https://github.com/Cyan4973/xxHash.
 */
#include "record_file_internal.h"

#include <assert.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are stored as they are");

enum { HEAD_FIELDS_OFFSET = 24, FIELD_BYTES = 8, CHECKSUM_BYTES = 8, FRAME_CHECKED_BYTES = 32 };
enum { FLAG_TIMED = 1 };

static const uint8_t head_magic[8] = {0x89, 'H', 'N', 'R', 'E', 'C', '\r', '\n'};
static const uint8_t block_magic[4] = {'H', 'B', 'L', 'K'};

typedef struct frame {
    uint8_t magic[4];
    uint32_t rows_count;
    uint64_t number;
    uint32_t text_bytes;
    uint32_t body_bytes;
    uint64_t body_checksum;
    uint64_t checksum;
} frame;

_Static_assert(sizeof(frame) == HN_RECORD_FRAME_BYTES, "the frame has no gaps");

static uint32_t read_u32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint64_t read_u64(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint64_t pad(uint64_t size) {
    return (size + 7) & ~(uint64_t)7;
}

static uint32_t words_for(uint32_t rows_count) {
    return (rows_count + 63) / 64;
}

static uint64_t cells_bytes(uint32_t fields_count, uint32_t rows_count) {
    return (uint64_t)fields_count * rows_count * 8;
}

/* At most 34 MiB more than the text. */
static uint64_t body_bytes_for(uint32_t fields_count, uint32_t rows_count, uint64_t text_bytes) {
    return (uint64_t)rows_count * 8 + cells_bytes(fields_count, rows_count) +
           (uint64_t)fields_count * words_for(rows_count) * 8 + pad(text_bytes);
}

/* --- the head --- */

/* The numbers are part of the format; those of hone_type may change. */
static const uint32_t type_numbers[HONE_TYPES_COUNT] = {
    [HONE_TYPE_I64] = 1, [HONE_TYPE_F64] = 2, [HONE_TYPE_BOOL] = 3, [HONE_TYPE_TEXT] = 4};

hone_status hn_record_head_write(const hone_schema *schema, hone_buffer *out) {
    size_t begin = out->size;
    uint64_t size = HEAD_FIELDS_OFFSET;
    for (uint32_t i = 0; i < schema->fields_count; i++) {
        size += FIELD_BYTES + schema->fields[i].name.size;
        if (size > HN_RECORD_HEAD_BYTES_MAX - 2 * CHECKSUM_BYTES) {
            return HONE_STATUS_LIMIT;
        }
    }
    size_t padding = (size_t)(pad(size) - size);
    uint32_t numbers[4] = {HN_RECORD_VERSION, schema->is_timed ? FLAG_TIMED : 0,
                           schema->fields_count, (uint32_t)pad(size) + CHECKSUM_BYTES};
    hone_buffer_append(out, head_magic, sizeof head_magic);
    hone_buffer_append(out, numbers, sizeof numbers);
    for (uint32_t i = 0; i < schema->fields_count; i++) {
        const hone_field *field = &schema->fields[i];
        uint32_t about[2] = {type_numbers[field->type], (uint32_t)field->name.size};
        hone_buffer_append(out, about, sizeof about);
        hone_buffer_append_text(out, field->name);
    }
    hone_buffer_append(out, "\0\0\0\0\0\0\0", padding);
    hone_status status = hone_buffer_status(out);
    if (status != HONE_OK) {
        return status;
    }
    uint64_t checksum = XXH3_64bits(out->data + begin, out->size - begin);
    hone_buffer_append(out, &checksum, sizeof checksum);
    return hone_buffer_status(out);
}

hone_status hn_record_head_measure(hone_span bytes, hone_diag *diag, uint32_t *out_size_bytes) {
    size_t compared = bytes.size < sizeof head_magic ? bytes.size : sizeof head_magic;
    if (compared && memcmp(bytes.data, head_magic, compared) != 0) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "this is no recording: it does not begin as what sink.record writes");
    }
    if (bytes.size < HN_RECORD_HEAD_BYTES_MIN) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "the recording ends after %zu bytes, within its head: it was "
                             "interrupted before the first record",
                             bytes.size);
    }
    uint32_t version = read_u32(bytes.data + 8);
    uint32_t fields_count = read_u32(bytes.data + 16);
    uint32_t size = read_u32(bytes.data + 20);
    if (version != HN_RECORD_VERSION) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "the recording has format version %u, but only version %d can be read "
                             "here; use the hone that recorded it",
                             version, HN_RECORD_VERSION);
    }
    if (size % 8 != 0 || size < HN_RECORD_HEAD_BYTES_MIN || size > HN_RECORD_HEAD_BYTES_MAX ||
        fields_count > HONE_SCHEMA_FIELDS_MAX ||
        (uint64_t)fields_count * FIELD_BYTES > size - HN_RECORD_HEAD_BYTES_MIN) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the head of the recording is damaged: its sizes cannot be");
    }
    *out_size_bytes = size;
    return HONE_OK;
}

static hone_status bad_head(hone_diag *diag, const char *what) {
    return hone_diag_set(diag, HONE_STATUS_CORRUPT, "the head of the recording is damaged: %s",
                         what);
}

/* One field at *offset, which moves on. */
static hone_status read_field(hone_span head, size_t *offset, hone_field *out_field,
                              hone_diag *diag) {
    if (head.size - *offset < FIELD_BYTES) {
        return bad_head(diag, "a field does not fit into it");
    }
    uint32_t number = read_u32(head.data + *offset);
    uint32_t name_bytes = read_u32(head.data + *offset + 4);
    *offset += FIELD_BYTES;
    if (name_bytes > head.size - *offset) {
        return bad_head(diag, "a field's name does not fit into it");
    }
    hone_text name = {(const char *)head.data + *offset, name_bytes};
    *offset += name_bytes;
    for (int type = 0; type < HONE_TYPES_COUNT; type++) {
        if (type_numbers[type] == number) {
            *out_field = (hone_field){name, (hone_type)type};
            return hone_text_is_utf8(name, NULL) ? HONE_OK
                                                 : bad_head(diag, "a field's name is no UTF-8");
        }
    }
    return bad_head(diag, "a field has an unknown type");
}

static bool is_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

hone_status hn_record_head_read(hone_span bytes, hone_arena *arena, hone_diag *diag,
                                const hone_schema **out_schema) {
    uint32_t size = 0;
    hone_status status = hn_record_head_measure(bytes, diag, &size);
    if (status != HONE_OK) {
        return status;
    }
    if (bytes.size < size) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "the recording ends after %zu of the %u bytes of its head: it was "
                             "interrupted before the first record",
                             bytes.size, size);
    }
    hone_span head = {bytes.data, size - CHECKSUM_BYTES};
    if (XXH3_64bits(head.data, head.size) != read_u64(head.data + head.size)) {
        return bad_head(diag, "its checksum does not match");
    }
    uint32_t flags = read_u32(head.data + 12);
    uint32_t fields_count = read_u32(head.data + 16);
    hone_field *fields = HONE_ARENA_NEW_ARRAY(arena, hone_field, fields_count);
    if (!fields) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u fields",
                             fields_count);
    }
    size_t offset = HEAD_FIELDS_OFFSET;
    for (uint32_t i = 0; i < fields_count && status == HONE_OK; i++) {
        status = read_field(head, &offset, &fields[i], diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    if (flags > FLAG_TIMED || pad(offset) != head.size ||
        !is_zero(head.data + offset, head.size - offset)) {
        return bad_head(diag, "it has more in it than it should");
    }
    return hone_schema_create(arena, fields, fields_count, flags & FLAG_TIMED, diag, out_schema);
}

/* --- writing a block --- */

/* The rows of a batch that go into one block. */
typedef struct gather {
    const hone_schema *schema;
    hone_batch *batch;
    const uint16_t *rows;
    uint32_t rows_count;
    uint64_t text_bytes;
} gather;

static uint64_t text_bytes_of(const gather *from, uint32_t row) {
    uint64_t sum = 0;
    for (uint32_t field = 0; field < from->schema->fields_count; field++) {
        if (from->schema->fields[field].type == HONE_TYPE_TEXT &&
            !hone_batch_is_missing(from->batch, field, row)) {
            sum += hone_batch_cells(from->batch, field)[row].text.size_bytes;
        }
    }
    return sum;
}

static bool has_text(const hone_schema *schema) {
    for (uint32_t i = 0; i < schema->fields_count; i++) {
        if (schema->fields[i].type == HONE_TYPE_TEXT) {
            return true;
        }
    }
    return false;
}

/* Takes the first rows of `rows_count` whose text fits into one block. Texts may be shared between
 * cells, so that there can be more of it than the batch holds. */
static void take_rows(gather *from, uint32_t rows_count) {
    from->rows_count = rows_count;
    from->text_bytes = 0;
    if (!has_text(from->schema)) {
        return;
    }
    for (uint32_t i = 0; i < rows_count; i++) {
        uint64_t more = text_bytes_of(from, from->rows[i]);
        if (i > 0 && from->text_bytes + more > HN_RECORD_TEXT_BYTES_WANTED) {
            from->rows_count = i;
            return;
        }
        from->text_bytes += more;
    }
}

/* One column: cells and missing bits, and the texts behind *text_used. */
static void write_column(const gather *from, uint32_t field, uint8_t *cells, uint8_t *missing,
                         uint8_t *text, uint32_t *text_used) {
    hone_type type = from->schema->fields[field].type;
    const hone_cell *source = hone_batch_cells(from->batch, field);
    uint64_t bits[HONE_BATCH_ROWS_MAX / 64] = {0};
    for (uint32_t i = 0; i < from->rows_count; i++) {
        uint32_t row = from->rows[i];
        hone_cell cell = source[row];
        if (hone_batch_is_missing(from->batch, field, row)) {
            bits[i / 64] |= (uint64_t)1 << (i % 64);
            cell.i64 = 0;
        } else if (type == HONE_TYPE_TEXT) {
            hone_text value = hone_batch_text(from->batch, cell.text);
            cell.text.offset_bytes = *text_used;
            memcpy(text + *text_used, value.data, value.size);
            *text_used += (uint32_t)value.size;
        } else if (type == HONE_TYPE_BOOL) {
            cell.i64 = cell.i64 != 0;
        }
        memcpy(cells + (size_t)i * 8, &cell, 8);
    }
    memcpy(missing, bits, (size_t)words_for(from->rows_count) * 8);
}

static void write_body(const gather *from, uint8_t *body, size_t body_bytes) {
    uint32_t fields_count = from->schema->fields_count;
    uint32_t text_used = 0;
    size_t column_bytes = (size_t)from->rows_count * 8;
    size_t bits_bytes = (size_t)words_for(from->rows_count) * 8;
    uint8_t *cells = body + column_bytes;
    uint8_t *missing = cells + column_bytes * fields_count;
    uint8_t *text = missing + bits_bytes * fields_count;
    const int64_t *timestamps = hone_batch_timestamps(from->batch);
    for (uint32_t i = 0; i < from->rows_count; i++) {
        memcpy(body + (size_t)i * 8, &timestamps[from->rows[i]], 8);
    }
    for (uint32_t field = 0; field < fields_count; field++) {
        write_column(from, field, cells + field * column_bytes, missing + field * bits_bytes, text,
                     &text_used);
    }
    assert(text_used == from->text_bytes);
    memset(text + text_used, 0, (size_t)(body + body_bytes - (text + text_used)));
}

hone_status hn_record_block_write(const hone_schema *schema, hone_batch *batch,
                                  uint32_t first_selected, uint64_t number, hone_buffer *out,
                                  uint32_t *out_rows) {
    assert(first_selected < batch->selected_count);
    gather from = {
        .schema = schema, .batch = batch, .rows = hone_batch_selection(batch) + first_selected};
    take_rows(&from, batch->selected_count - first_selected);
    uint64_t body_bytes = body_bytes_for(schema->fields_count, from.rows_count, from.text_bytes);
    if (body_bytes > HN_RECORD_BLOCK_BYTES_MAX - HN_RECORD_FRAME_BYTES) {
        return HONE_STATUS_LIMIT;
    }
    hone_status status = hone_buffer_reserve(out, HN_RECORD_FRAME_BYTES + (size_t)body_bytes);
    if (status != HONE_OK) {
        return status;
    }
    uint8_t *begin = out->data + out->size;
    uint8_t *body = begin + HN_RECORD_FRAME_BYTES;
    write_body(&from, body, (size_t)body_bytes);
    frame head = {
        .rows_count = from.rows_count,
        .number = number,
        .text_bytes = (uint32_t)from.text_bytes,
        .body_bytes = (uint32_t)body_bytes,
        .body_checksum = XXH3_64bits(body, (size_t)body_bytes),
    };
    memcpy(head.magic, block_magic, sizeof head.magic);
    head.checksum = XXH3_64bits(&head, FRAME_CHECKED_BYTES);
    memcpy(begin, &head, sizeof head);
    out->size += HN_RECORD_FRAME_BYTES + (size_t)body_bytes;
    *out_rows = from.rows_count;
    return HONE_OK;
}

/* --- reading a block --- */

hone_status hn_record_block_measure(hone_span bytes, const hone_schema *schema, uint64_t number,
                                    hone_diag *diag, hn_record_block *out_block) {
    frame head;
    if (bytes.size < sizeof head) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED, "the frame has %zu of its %d bytes",
                             bytes.size, HN_RECORD_FRAME_BYTES);
    }
    memcpy(&head, bytes.data, sizeof head);
    if (memcmp(head.magic, block_magic, sizeof head.magic) != 0) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "no block begins here");
    }
    if (head.checksum != XXH3_64bits(&head, FRAME_CHECKED_BYTES)) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "the checksum of its frame does not match");
    }
    if (head.number != number) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "it says that it is block %llu: blocks are lost or out of order",
                             (unsigned long long)head.number);
    }
    uint64_t body_bytes = body_bytes_for(schema->fields_count, head.rows_count, head.text_bytes);
    if (head.rows_count == 0 || head.rows_count > HONE_BATCH_ROWS_MAX ||
        body_bytes > HN_RECORD_BLOCK_BYTES_MAX - HN_RECORD_FRAME_BYTES ||
        body_bytes != head.body_bytes) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "its sizes cannot be");
    }
    *out_block = (hn_record_block){
        .body_checksum = head.body_checksum,
        .rows_count = head.rows_count,
        .fields_count = schema->fields_count,
        .text_bytes = head.text_bytes,
        .size_bytes = HN_RECORD_FRAME_BYTES + head.body_bytes,
    };
    return HONE_OK;
}

static const uint8_t *cells_of(const hn_record_block *block, uint32_t field) {
    return block->body + ((size_t)field + 1) * block->rows_count * 8;
}

static const uint8_t *missing_of(const hn_record_block *block, uint32_t field) {
    return cells_of(block, block->fields_count) + (size_t)field * words_for(block->rows_count) * 8;
}

static const uint8_t *text_of(const hn_record_block *block) {
    return missing_of(block, block->fields_count);
}

static bool is_missing(const uint8_t *missing, uint32_t row) {
    return (missing[row / 8] >> (row % 8)) & 1; /* little-endian */
}

/* NULL, or what is wrong with the column. Texts are expected one behind the other: *text_used. */
static const char *check_column(const hn_record_block *block, uint32_t field, hone_type type,
                                uint32_t *text_used) {
    const uint8_t *cells = cells_of(block, field);
    const uint8_t *missing = missing_of(block, field);
    for (uint32_t row = 0; row < words_for(block->rows_count) * 64; row++) {
        if (row >= block->rows_count) {
            if (is_missing(missing, row)) {
                return "a value beyond the last record is marked missing";
            }
            continue;
        }
        hone_cell cell;
        memcpy(&cell, cells + (size_t)row * 8, 8);
        if (is_missing(missing, row)) {
            if (cell.i64 != 0) {
                return "a missing value has a content";
            }
        } else if (type == HONE_TYPE_BOOL) {
            if (cell.i64 != 0 && cell.i64 != 1) {
                return "a bool is neither true nor false";
            }
        } else if (type == HONE_TYPE_TEXT) {
            if (cell.text.offset_bytes != *text_used ||
                cell.text.size_bytes > block->text_bytes - *text_used) {
                return "a text is not where it should be";
            }
            hone_text text = {(const char *)text_of(block) + *text_used, cell.text.size_bytes};
            if (!hone_text_is_utf8(text, NULL)) {
                return "a text is not valid UTF-8";
            }
            *text_used += cell.text.size_bytes;
        }
    }
    return NULL;
}

hone_status hn_record_block_read(hone_span bytes, const hone_schema *schema, hone_diag *diag,
                                 hn_record_block *block) {
    assert(block->size_bytes >= HN_RECORD_FRAME_BYTES &&
           schema->fields_count == block->fields_count);
    if (bytes.size < block->size_bytes) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED, "it has %zu of its %u bytes", bytes.size,
                             block->size_bytes);
    }
    size_t body_bytes = block->size_bytes - HN_RECORD_FRAME_BYTES;
    block->body = bytes.data + HN_RECORD_FRAME_BYTES;
    if (XXH3_64bits(block->body, body_bytes) != block->body_checksum) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "its checksum does not match");
    }
    uint32_t text_used = 0;
    for (uint32_t field = 0; field < block->fields_count; field++) {
        const char *problem = check_column(block, field, schema->fields[field].type, &text_used);
        if (problem) {
            return hone_diag_set(
                diag, HONE_STATUS_CORRUPT, "%s in field '%.*s'", problem,
                (int)(schema->fields[field].name.size < 60 ? schema->fields[field].name.size : 60),
                schema->fields[field].name.data);
        }
    }
    const uint8_t *text_end = text_of(block) + text_used;
    if (text_used != block->text_bytes ||
        !is_zero(text_end, (size_t)(block->body + body_bytes - text_end))) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "it has text that no record refers to");
    }
    return HONE_OK;
}

int64_t hn_record_block_timestamp(const hn_record_block *block, uint32_t row) {
    return (int64_t)read_u64(block->body + (size_t)row * 8);
}

static void copy_texts(const hn_record_block *block, uint32_t field, uint32_t first_row,
                       hone_batch *batch) {
    hone_cell *cells = hone_batch_cells(batch, field);
    for (uint32_t row = 0; row < batch->rows_count; row++) {
        hone_text_ref ref;
        memcpy(&ref, cells_of(block, field) + ((size_t)first_row + row) * 8, sizeof ref);
        hone_text text = {(const char *)text_of(block) + ref.offset_bytes, ref.size_bytes};
        hone_status status = hone_batch_add_text(batch, text, &cells[row].text);
        assert(status == HONE_OK); /* the batch has room for all text of the block */
        (void)status;
    }
}

void hn_record_block_copy(const hn_record_block *block, const hone_schema *schema,
                          uint32_t first_row, uint32_t rows_count, hone_batch *batch) {
    assert(first_row + rows_count <= block->rows_count && batch->rows_count == 0);
    for (uint32_t row = 0; row < rows_count; row++) {
        (void)hone_batch_add_row(batch, hn_record_block_timestamp(block, first_row + row));
    }
    for (uint32_t field = 0; field < block->fields_count; field++) {
        const uint8_t *missing = missing_of(block, field);
        if (schema->fields[field].type == HONE_TYPE_TEXT) {
            copy_texts(block, field, first_row, batch);
        } else {
            memcpy(hone_batch_cells(batch, field), cells_of(block, field) + (size_t)first_row * 8,
                   (size_t)rows_count * 8);
        }
        for (uint32_t row = 0; row < rows_count; row++) {
            if (is_missing(missing, first_row + row)) {
                hone_batch_set_missing(batch, field, row);
            }
        }
    }
}
