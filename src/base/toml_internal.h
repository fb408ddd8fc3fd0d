/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the parts of the TOML parser: toml.c (document, tables, arrays), toml_text.c (blanks,
 * keys, strings), toml_scalar.c (numbers, dates), toml_value.c (the tree). */
#ifndef HONE_BASE_TOML_INTERNAL_H
#define HONE_BASE_TOML_INTERNAL_H

#include "hone/base/toml.h"

/* How the document may still extend a value (hone_toml_value.state). */
enum {
    HN_TOML_CLOSED,   /* not at all: scalars, arrays in brackets, inline tables */
    HN_TOML_IMPLICIT, /* a table that headers passed through: a header may still open it */
    HN_TOML_OPENED,   /* a table with its own header, or the root: sub-headers may extend it */
    HN_TOML_DOTTED,   /* a table made by dotted keys: dotted keys and sub-headers may extend it */
    HN_TOML_TABLES    /* an array of tables: headers may append */
};

typedef struct hn_toml_parser {
    const char *start;
    const char *at;
    const char *end;
    const char *line_start;
    uint32_t line;
    const char *file_name;
    hone_arena *arena;
    hone_diag *diag;
} hn_toml_parser;

/* A place in the document. */
typedef struct hn_toml_key {
    hone_text name;
    uint32_t line;
    uint32_t column;
} hn_toml_key;

static inline uint32_t hn_toml_column(const hn_toml_parser *parser, const char *at) {
    return (uint32_t)(at - parser->line_start) + 1;
}

/* The byte at the cursor, or a line feed at the end of the document, where it ends everything that
 * a line end would. */
static inline char hn_toml_peek(const hn_toml_parser *parser) {
    return parser->at < parser->end ? *parser->at : '\n';
}

static inline bool hn_toml_is_line_end(const hn_toml_parser *parser) {
    const char *at = parser->at;
    return at == parser->end || *at == '\n' ||
           (*at == '\r' && at + 1 < parser->end && at[1] == '\n');
}

/* Errors. `at` is in the cursor's line. */
hone_status hn_toml_fail(const hn_toml_parser *parser, const char *at, hone_status status,
                         const char *format, ...) HONE_PRINTF(4, 5);
hone_status hn_toml_fail_memory(const hn_toml_parser *parser);
/* "expected <expected>, found <what stands at the cursor>" */
hone_status hn_toml_fail_expected(const hn_toml_parser *parser, const char *expected);

/* toml_text.c. Cursor in front of the thing, afterwards behind it. */
void hn_toml_skip_blanks(hn_toml_parser *parser);
hone_status hn_toml_skip_line_end(hn_toml_parser *parser);    /* [comment] line end */
hone_status hn_toml_skip_blank_lines(hn_toml_parser *parser); /* any blanks, comments, line ends */
hone_status hn_toml_parse_key(hn_toml_parser *parser, hn_toml_key *out_key); /* one part */
hone_status hn_toml_parse_string(hn_toml_parser *parser, hone_toml_value *out_value);

/* toml_scalar.c: number, boolean, date or time. */
hone_status hn_toml_parse_scalar(hn_toml_parser *parser, hone_toml_value *out_value);
hone_status hn_toml_parse_datetime(hn_toml_parser *parser, hone_toml_value *out_value);
bool hn_toml_is_datetime(hone_text rest);

/* toml_value.c. NULL: out of memory. */
hone_toml_entry *hn_toml_add_entry(hone_toml_table *table, hone_arena *arena,
                                   const hn_toml_key *key);
hone_toml_value *hn_toml_add_item(hone_toml_array *array, hone_arena *arena);

#endif
