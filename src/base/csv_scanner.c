/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every 64 bytes of the window become two masks: where a field may end (separator or line feed),
 * and where quotes are. Rows are split by taking the bits of the first mask one by one; the bytes
 * between are never looked at. Where quotes are, the prefix xor of their mask tells which bytes are
 * inside, and ends inside do not count. That pairing is right only for well-formed fields, so each
 * field of a row with quotes is then checked byte by byte; a quote at a wrong place cannot hide,
 * because the field that it stands in is checked from its true start.
 *
 * Invariant between calls: consumed_bytes is a true row start; ends holds the unused bits of the
 * current block, all at or behind it; inside is 0 unless a row was left unfinished.
 */
#include "hone/base/csv.h"

#include <assert.h>

enum { ROW_BYTES_DEFAULT = 1 << 20 };

/* --- Masks ---------------------------------------------------------------------------------- */

/* The top bit of every byte of `word` that equals the byte in `pattern`, repeated. Exact, unlike
 * the shorter forms with a borrow (Warren, Hacker's Delight, 6-1). */
static uint64_t equal_bytes(uint64_t word, uint64_t pattern) {
    const uint64_t low_bits = 0x7F7F7F7F7F7F7F7Fu;
    uint64_t different = word ^ pattern;
    return ~(((different & low_bits) + low_bits) | different | low_bits);
}

/* The top bits of eight bytes as eight bits. */
static uint64_t gather_bits(uint64_t tops) {
    return (tops >> 7) * 0x0102040810204080u >> 56;
}

void hone_csv_mask_ref(const uint8_t *bytes, size_t blocks_count, char separator,
                       hone_csv_masks *out_masks) {
    const uint64_t ones = 0x0101010101010101u;
    for (size_t block = 0; block < blocks_count; block++) {
        uint64_t ends = 0, quotes = 0;
        for (int i = 0; i < 8; i++, bytes += 8) {
            uint64_t word;
            memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            word = __builtin_bswap64(word);
#endif
            uint64_t row_ends = equal_bytes(word, ones * '\n');
            uint64_t field_ends = equal_bytes(word, ones * (uint8_t)separator);
            ends |= gather_bits(row_ends | field_ends) << 8 * i;
            quotes |= gather_bits(equal_bytes(word, ones * '"')) << 8 * i;
        }
        out_masks[block] = (hone_csv_masks){ends, quotes};
    }
}

/* Bit i: the xor of bits 0 to i. */
static uint64_t prefix_xor(uint64_t bits) {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    return bits;
}

/* Fills masks[] from `offset` of the window on; what is left at its end goes through a zeroed
 * block. */
static void load_batch(hone_csv_scanner *scanner, size_t offset) {
    const uint8_t *bytes = (const uint8_t *)scanner->window + offset;
    size_t left = scanner->window_bytes - offset;
    size_t blocks = left / HONE_CSV_BLOCK_BYTES;
    scanner->batch_offset = offset;
    scanner->block = 0;
    if (blocks == 0) {
        uint8_t tail[HONE_CSV_BLOCK_BYTES] = {0};
        memcpy(tail, bytes, left);
        scanner->mask(tail, 1, scanner->separator, scanner->masks);
        scanner->batch_blocks = 1;
        return;
    }
    scanner->batch_blocks =
        blocks < HONE_CSV_BATCH_BLOCKS ? (uint32_t)blocks : HONE_CSV_BATCH_BLOCKS;
    scanner->mask(bytes, scanner->batch_blocks, scanner->separator, scanner->masks);
}

/* Goes to the next block and sets `ends` to those outside quotes; false at the window's end. */
static bool next_block(hone_csv_scanner *scanner) {
    scanner->block++;
    if (scanner->block >= scanner->batch_blocks) {
        size_t offset =
            scanner->batch_offset + (size_t)scanner->batch_blocks * HONE_CSV_BLOCK_BYTES;
        if (offset >= scanner->window_bytes) {
            scanner->block = scanner->batch_blocks;
            return false;
        }
        load_batch(scanner, offset);
    }
    hone_csv_masks masks = scanner->masks[scanner->block];
    scanner->ends = masks.ends;
    if (masks.quotes | scanner->inside) {
        uint64_t inside = prefix_xor(masks.quotes) ^ scanner->inside;
        scanner->ends &= ~inside;
        scanner->inside = 0 - (inside >> 63);
        scanner->has_quotes = true;
    }
    return true;
}

/* --- Life ----------------------------------------------------------------------------------- */

hone_status hone_csv_scanner_init(hone_csv_scanner *scanner, const hone_csv_options *options) {
    hone_csv_options chosen = options ? *options : (hone_csv_options){0};
    char separator = chosen.separator ? chosen.separator : ',';
    if (!scanner || separator == '"' || separator == '\n' || separator == '\r') {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    *scanner = (hone_csv_scanner){.mask = chosen.mask ? chosen.mask : hone_csv_mask_ref,
                                  .row_bytes_max = chosen.row_bytes_max ? chosen.row_bytes_max
                                                                        : ROW_BYTES_DEFAULT,
                                  .separator = separator,
                                  .line = 1,
                                  .next_line = 1};
    return HONE_OK;
}

void hone_csv_scanner_feed(hone_csv_scanner *scanner, hone_text window, bool is_final) {
    scanner->window = window.data;
    scanner->window_bytes = window.size;
    scanner->is_final = is_final;
    scanner->consumed_bytes = 0;
    scanner->batch_offset = 0;
    scanner->batch_blocks = 0;
    scanner->block = 0;
    scanner->ends = 0;
    scanner->inside = 0;
    scanner->has_quotes = false;
    scanner->is_drained = false;
}

/* --- Errors --------------------------------------------------------------------------------- */

static uint64_t count_lines(const char *at, const char *end) {
    uint64_t lines = 0;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        lines++;
        at++;
    }
    return lines;
}

/* The line of `at`, a byte of the row that starts at consumed_bytes. */
static hone_status fail(hone_csv_scanner *scanner, const char *at, hone_status status,
                        const char *problem) {
    scanner->error_line =
        scanner->next_line + count_lines(scanner->window + scanner->consumed_bytes, at);
    scanner->status = status;
    scanner->problem = problem;
    return status;
}

hone_status hone_csv_scanner_explain(const hone_csv_scanner *scanner, const char *file_name,
                                     hone_diag *diag) {
    if (!diag || scanner->status == HONE_OK) {
        return scanner->status;
    }
    uint32_t line = scanner->error_line < UINT32_MAX ? (uint32_t)scanner->error_line : UINT32_MAX;
    hone_diag_at(diag, file_name, line, 0);
    if (scanner->status == HONE_STATUS_LIMIT) {
        return hone_diag_set(diag, scanner->status,
                             "the row that starts here is longer than the maximum of %u bytes: "
                             "is a line end or a closing quote missing?",
                             scanner->row_bytes_max);
    }
    return hone_diag_set(diag, scanner->status, "%s", scanner->problem);
}

/* --- Fields --------------------------------------------------------------------------------- */

/* A field that starts with a quote: `size` bytes at `data`. EMPTY when its closing quote is not
 * among them. */
static hone_status check_quoted(hone_csv_scanner *scanner, const char *data, size_t size,
                                hone_csv_field *out_field) {
    const char *at = data + 1, *end = data + size;
    uint32_t flags = HONE_CSV_QUOTED;
    for (;;) {
        at = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
        if (!at) {
            return HONE_STATUS_EMPTY;
        }
        if (at + 1 == end) {
            break;
        }
        if (at[1] != '"') {
            return fail(scanner, at, HONE_STATUS_SYNTAX,
                        "text behind a closing quote: expected a separator or the end of the line "
                        "(a quote inside quotes is written twice)");
        }
        flags |= HONE_CSV_ESCAPED;
        at += 2;
    }
    *out_field = (hone_csv_field){data + 1, (uint32_t)(size - 2), flags};
    return HONE_OK;
}

/* A field of a row that has quotes somewhere. */
static hone_status check_field(hone_csv_scanner *scanner, const char *data, size_t size,
                               hone_csv_field *out_field) {
    if (size && *data == '"') {
        return check_quoted(scanner, data, size, out_field);
    }
    const char *quote = size ? memchr(data, '"', size) : NULL;
    if (quote) {
        return fail(scanner, quote, HONE_STATUS_SYNTAX,
                    "a quote inside a field that is not quoted: put the whole field in quotes and "
                    "write the inner quote twice");
    }
    *out_field = (hone_csv_field){data, (uint32_t)size, 0};
    return HONE_OK;
}

static size_t without_cr(const hone_csv_scanner *scanner, size_t start, size_t end) {
    return end > start && scanner->window[end - 1] == '\r' ? end - 1 : end;
}

/* --- Rows ----------------------------------------------------------------------------------- */

/* The row being read: what the caller gave, and how far it is. */
typedef struct open_row {
    hone_csv_field *fields;
    size_t fields_max;
    size_t fields_count;
    size_t field_start; /* in the window */
} open_row;

/* The field window[row->field_start .. end). */
static inline hone_status take_field(hone_csv_scanner *scanner, open_row *row, size_t end) {
    hone_csv_field surplus;
    hone_csv_field *field =
        row->fields_count < row->fields_max ? &row->fields[row->fields_count] : &surplus;
    const char *data = scanner->window + row->field_start;
    size_t size = end - row->field_start;
    row->fields_count++;
    if (scanner->has_quotes) {
        return check_field(scanner, data, size, field);
    }
    *field = (hone_csv_field){data, (uint32_t)size, 0};
    return HONE_OK;
}

/* The row ends in front of window[end]. */
static hone_status end_row(hone_csv_scanner *scanner, size_t end) {
    size_t start = scanner->consumed_bytes;
    if (end - start > scanner->row_bytes_max) {
        return fail(scanner, scanner->window + start, HONE_STATUS_LIMIT, NULL);
    }
    scanner->line = scanner->next_line;
    scanner->next_line++;
    if (scanner->has_quotes) {
        /* The row's own line feed, its last byte, is counted already. */
        scanner->next_line += count_lines(scanner->window + start, scanner->window + end - 1);
        scanner->has_quotes =
            scanner->block < scanner->batch_blocks && scanner->masks[scanner->block].quotes != 0;
    }
    scanner->consumed_bytes = end;
    return HONE_OK;
}

/* The fields that end in the current block. OK: the row ends there, too; EMPTY: it goes on. */
static inline hone_status scan_block(hone_csv_scanner *scanner, open_row *row) {
    size_t block_start = scanner->batch_offset + (size_t)scanner->block * HONE_CSV_BLOCK_BYTES;
    uint64_t ends = scanner->ends;
    while (ends) {
        size_t end = block_start + (size_t)__builtin_ctzll(ends);
        ends &= ends - 1;
        bool is_row_end = scanner->window[end] == '\n';
        size_t field_end = is_row_end ? without_cr(scanner, row->field_start, end) : end;
        hone_status status = take_field(scanner, row, field_end);
        if (status != HONE_OK) {
            assert(status == HONE_STATUS_SYNTAX);
            return status;
        }
        row->field_start = end + 1;
        if (is_row_end) {
            scanner->ends = ends;
            return end_row(scanner, end + 1);
        }
    }
    scanner->ends = 0;
    return HONE_STATUS_EMPTY;
}

/* No row end is left in the window. OK: at the end of everything, the last row needs none. */
static hone_status end_window(hone_csv_scanner *scanner, open_row *row) {
    size_t end = scanner->window_bytes;
    size_t row_bytes = end - scanner->consumed_bytes;
    hone_status status = HONE_STATUS_EMPTY;
    if (row_bytes) {
        /* Checked also while more may come: a misplaced quote must not make the caller read on. */
        const char *field = scanner->window + row->field_start;
        status = take_field(scanner, row, without_cr(scanner, row->field_start, end));
        if (status == HONE_STATUS_SYNTAX) {
            return status;
        }
        if (row_bytes > scanner->row_bytes_max) {
            return fail(scanner, scanner->window + scanner->consumed_bytes, HONE_STATUS_LIMIT,
                        NULL);
        }
        if (scanner->is_final) {
            return status == HONE_OK ? end_row(scanner, end)
                                     : fail(scanner, field, HONE_STATUS_SYNTAX,
                                            "the quote that opens here is never closed");
        }
    }
    scanner->is_drained = true;
    return HONE_STATUS_EMPTY;
}

hone_status hone_csv_scan_row(hone_csv_scanner *scanner, hone_csv_field *out_fields,
                              size_t fields_max, size_t *out_fields_count) {
    if (!scanner || !out_fields_count || (!out_fields && fields_max)) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    if (scanner->status != HONE_OK || scanner->is_drained) {
        return scanner->status != HONE_OK ? scanner->status : HONE_STATUS_EMPTY;
    }
    open_row row = {out_fields, fields_max, 0, scanner->consumed_bytes};
    hone_status status = HONE_STATUS_EMPTY;
    while (status == HONE_STATUS_EMPTY) {
        if (scanner->ends == 0 && !next_block(scanner)) {
            status = end_window(scanner, &row);
            break;
        }
        status = scan_block(scanner, &row);
    }
    if (status == HONE_OK) {
        *out_fields_count = row.fields_count;
    }
    return status;
}

size_t hone_csv_unescape(hone_csv_field field, char *out_text) {
    char *out = out_text;
    for (uint32_t i = 0; i < field.size; i++) {
        *out++ = field.data[i];
        i += field.data[i] == '"';
    }
    return (size_t)(out - out_text);
}
