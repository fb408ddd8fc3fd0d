/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV (RFC 4180) on the record path: a scanner that splits rows and fields in place, in bytes that
 * the caller reads block by block, and a writer onto a buffer.
 *
 * The caller owns a window of bytes. hone_csv_scanner_feed() shows it to the scanner;
 * hone_csv_scan_row() returns row after row as views into it, until EMPTY says that no complete row
 * is left. Then the caller keeps the bytes from consumed_bytes on, puts more behind them (in a
 * larger window when nothing was consumed) and feeds again; the last time with is_final.
 *
 * Contract: confined; no allocation. Rows end with LF or CRLF; a last row needs no line end. A
 * quoted field may hold separators, line ends and doubled quotes. An empty line is a row of one
 * empty field. Bytes are not checked for UTF-8. A byte order mark is the caller's to remove. Errors
 * are final: the scanner then repeats its status. Cost: >= 1 GB/s a core for numeric data with the
 * vector masks of kernels/scan; rows with quotes are checked byte by byte.
 * Source: Langdale & Lemire, Parsing gigabytes of JSON per second, 2019 (masks of 64 bytes).
 */
#ifndef HONE_BASE_CSV_H
#define HONE_BASE_CSV_H

#include "hone/base/buffer.h"
#include "hone/base/status.h"

/* --- Masks ---------------------------------------------------------------------------------- */

/* Bit i speaks of byte i of a block of 64. */
typedef struct hone_csv_masks {
    uint64_t ends;   /* separators and line feeds */
    uint64_t quotes; /* '"' */
} hone_csv_masks;

enum { HONE_CSV_BLOCK_BYTES = 64, HONE_CSV_BATCH_BLOCKS = 32 };

/* Fills out_masks[0 .. blocks_count) from blocks_count x 64 bytes, any alignment. Variants for
 * vector units: hone/kernels/scan.h. */
typedef void hone_csv_mask_fn(const uint8_t *bytes, size_t blocks_count, char separator,
                              hone_csv_masks *out_masks);

/* The portable one, the oracle of all others. */
void hone_csv_mask_ref(const uint8_t *bytes, size_t blocks_count, char separator,
                       hone_csv_masks *out_masks);

/* --- Scanner -------------------------------------------------------------------------------- */

typedef enum hone_csv_flag {
    HONE_CSV_QUOTED = 1, /* stood in quotes; the span is what is between them */
    HONE_CSV_ESCAPED = 2 /* holds doubled quotes: read it through hone_csv_unescape */
} hone_csv_flag;

typedef struct hone_csv_field {
    const char *data; /* view into the window, valid until the caller changes it */
    uint32_t size;
    uint32_t flags; /* hone_csv_flag */
} hone_csv_field;

typedef struct hone_csv_options {
    char separator;         /* 0 means ','; never a quote, CR or LF */
    uint32_t row_bytes_max; /* 0 means 1 MiB: a longer row is an error, not a larger window */
    hone_csv_mask_fn *mask; /* NULL means hone_csv_mask_ref */
} hone_csv_options;

typedef struct hone_csv_scanner {
    size_t consumed_bytes; /* of the window: where the next row starts */
    uint64_t line;         /* 1-based: where the row returned last starts */
    uint64_t next_line;    /* where the next row starts: line breaks inside quotes count too */

    /* private */
    hone_csv_mask_fn *mask;
    const char *window;
    size_t window_bytes;
    size_t batch_offset; /* of the first block in masks[] */
    uint32_t batch_blocks;
    uint32_t block;  /* index in masks[] */
    uint64_t ends;   /* of that block, those not used yet */
    uint64_t inside; /* all ones when that block starts inside quotes, else 0 */
    uint64_t error_line;
    uint32_t row_bytes_max;
    char separator;
    bool is_final;
    bool has_quotes; /* the row being read may have some */
    bool is_drained; /* EMPTY was said: until the next feed */
    hone_status status;
    const char *problem;
    hone_csv_masks masks[HONE_CSV_BATCH_BLOCKS];
} hone_csv_scanner;

/* INVALID_ARGUMENT for an impossible separator. `options` NULL means the defaults. */
HONE_MUST_USE hone_status hone_csv_scanner_init(hone_csv_scanner *scanner,
                                                const hone_csv_options *options);

/* Shows the window: the bytes not consumed so far and what came after them. `is_final`: nothing
 * more will come. Any byte of the window may be read, none is written. */
void hone_csv_scanner_feed(hone_csv_scanner *scanner, hone_text window, bool is_final);

/* The fields of the next row. *out_fields_count is how many the row has, also when that is more
 * than fields_max; only fields_max are stored. EMPTY: no complete row is left (at is_final: the
 * end). SYNTAX: a quote inside an unquoted field, text behind a closing quote, a quote never
 * closed. LIMIT: a row longer than row_bytes_max. */
HONE_MUST_USE hone_status hone_csv_scan_row(hone_csv_scanner *scanner, hone_csv_field *out_fields,
                                            size_t fields_max, size_t *out_fields_count);

/* Fills `diag` after an error with file, line and what to do. Returns the scanner's status. */
hone_status hone_csv_scanner_explain(const hone_csv_scanner *scanner, const char *file_name,
                                     hone_diag *diag);

static inline hone_text hone_csv_text(hone_csv_field field) {
    return (hone_text){field.data, field.size};
}

/* Halves the doubled quotes of an ESCAPED field into `out_text` of at least field.size bytes and
 * returns the size. */
size_t hone_csv_unescape(hone_csv_field field, char *out_text);

/* --- Writer --------------------------------------------------------------------------------- */

/* Puts separators and line ends (LF) between what is written; quotes a text only where its bytes
 * ask for it (separator, quote, CR, LF) or an only, empty field would look like an empty line.
 * Whether all fitted: hone_buffer_status(). */
typedef struct hone_csv_writer {
    hone_buffer *buffer; /* borrowed */
    char separator;
    bool has_fields; /* the row has at least one */
    bool is_blank;   /* the row is one empty field so far */
} hone_csv_writer;

/* `separator` 0 means ','. */
void hone_csv_writer_init(hone_csv_writer *writer, hone_buffer *buffer, char separator);
void hone_csv_write_text(hone_csv_writer *writer, hone_text text);
void hone_csv_write_i64(hone_csv_writer *writer, int64_t value);
void hone_csv_write_f64(hone_csv_writer *writer, double value);
void hone_csv_write_row_end(hone_csv_writer *writer);

#endif
