/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) without a tree: a writer onto a buffer, and a strict pull reader over text that
 * is in memory, such as one line of NDJSON.
 *
 * Contract: confined; neither side allocates (the writer's buffer grows up to its own maximum).
 * Nesting is limited to HONE_JSON_DEPTH_MAX on both sides.
 */
#ifndef HONE_BASE_JSON_H
#define HONE_BASE_JSON_H

#include "hone/base/buffer.h"
#include "hone/base/status.h"

enum { HONE_JSON_DEPTH_MAX = 64 };

/* --- Writer --------------------------------------------------------------------------------- */

/* Calls must form one JSON value (in an object: key, value, key, value ...): that is the program's
 * duty and asserted. Whether everything fitted is asked once, with hone_buffer_status(); deeper
 * nesting than the limit marks the buffer LIMIT. Several values can follow each other; for NDJSON
 * append the line end to the buffer in between. */
typedef struct hone_json_writer {
    hone_buffer *buffer;    /* borrowed */
    uint64_t object_levels; /* bit d: level d is an object */
    uint32_t depth;
    uint32_t indent_spaces; /* per level; 0 writes everything on one line */
    bool has_items;         /* something was written on this level */
    bool has_key;           /* a key waits for its value */
} hone_json_writer;

void hone_json_writer_init(hone_json_writer *writer, hone_buffer *buffer, uint32_t indent_spaces);

void hone_json_write_object_begin(hone_json_writer *writer);
void hone_json_write_object_end(hone_json_writer *writer);
void hone_json_write_array_begin(hone_json_writer *writer);
void hone_json_write_array_end(hone_json_writer *writer);
void hone_json_write_key(hone_json_writer *writer, hone_text key);

void hone_json_write_i64(hone_json_writer *writer, int64_t value);
void hone_json_write_u64(hone_json_writer *writer, uint64_t value);
/* Shortest digits that read back the same; NaN and the infinities, which JSON lacks, become null.
 */
void hone_json_write_f64(hone_json_writer *writer, double value);
void hone_json_write_bool(hone_json_writer *writer, bool value);
void hone_json_write_null(hone_json_writer *writer);
/* Quotes and escapes; bytes that are not UTF-8 become U+FFFD, one each, so that the output is
 * always valid. */
void hone_json_write_text(hone_json_writer *writer, hone_text text);
/* JSON that is put together already (one whole value), as it is. */
void hone_json_write_raw(hone_json_writer *writer, hone_text json);

/* --- Reader --------------------------------------------------------------------------------- */

typedef enum hone_json_type {
    HONE_JSON_END, /* the value is complete and nothing but blanks follows */
    HONE_JSON_OBJECT_BEGIN,
    HONE_JSON_OBJECT_END,
    HONE_JSON_ARRAY_BEGIN,
    HONE_JSON_ARRAY_END,
    HONE_JSON_KEY,
    HONE_JSON_TEXT,
    HONE_JSON_INTEGER, /* no point, no exponent, fits int64_t, not -0 */
    HONE_JSON_FLOAT,   /* every other number, as the nearest double */
    HONE_JSON_BOOL,
    HONE_JSON_NULL
} hone_json_type;

typedef struct hone_json_event {
    hone_json_type type;
    bool has_escapes;   /* KEY and TEXT: `text` must go through hone_json_decode */
    bool boolean;       /* BOOL */
    int64_t integer;    /* INTEGER */
    double number;      /* INTEGER and FLOAT */
    hone_text text;     /* KEY and TEXT: what stands between the quotes; numbers: as spelled.
                           A view of the content */
    size_t byte_offset; /* where the token starts in the content */
} hone_json_event;

typedef struct hone_json_reader {
    const char *start; /* borrowed: the content */
    const char *at;
    const char *end;
    uint64_t object_levels;
    uint32_t depth;
    uint32_t expects;    /* private: what may come next */
    hone_status status;  /* sticky */
    const char *problem; /* what was expected, for a person; NULL while all is well */
} hone_json_reader;

/* Reads one value with nothing but blanks around it. `content` must outlive reader and events. */
void hone_json_reader_init(hone_json_reader *reader, hone_text content);

/* The next event; END again and again at the end. SYNTAX, TRUNCATED (the content ends too early),
 * ENCODING (text is not UTF-8, or half a surrogate pair is escaped), OVERFLOW (a number beyond
 * DBL_MAX), LIMIT (depth); errors are final. Double keys are reported as they come. Keys and texts
 * are checked here, escapes included. */
HONE_MUST_USE hone_status hone_json_reader_next(hone_json_reader *reader,
                                                hone_json_event *out_event);

/* After an OBJECT_BEGIN or ARRAY_BEGIN event: skips, still checking, behind its end. After any
 * other event: nothing. */
HONE_MUST_USE hone_status hone_json_reader_skip(hone_json_reader *reader,
                                                const hone_json_event *event);

/* Fills `diag` after an error: what and where; `first_line` is the line number of the content's
 * first line (for NDJSON: of the record). Returns the reader's status. */
hone_status hone_json_reader_explain(const hone_json_reader *reader, const char *file_name,
                                     uint32_t first_line, hone_diag *diag);

/* Resolves the escapes of a KEY's or TEXT's `text` into `out_text` of at least text.size bytes (it
 * never grows) and returns the size. In place (out_text == text.data) is allowed. */
size_t hone_json_decode(hone_text text, char *out_text);

#endif
