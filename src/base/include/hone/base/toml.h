/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict TOML 1.0.0 parser whose tree remembers where everything stood, so that whoever reads a
 * configuration can point at the line when it makes no sense.
 *
 * Contract: the tree is frozen once parsed and lives in the caller's arena; it borrows nothing from
 * the content. Tables keep the order of the file. Limits: HONE_TOML_SIZE_MAX bytes,
 * HONE_TOML_DEPTH_MAX levels of tables and arrays (the root counts as one), and the arena's own
 * maximum. On error the arena may hold parts of the tree; the caller resets or deinits it.
 * Source: toml.io/en/v1.0.0.
 */
#ifndef HONE_BASE_TOML_H
#define HONE_BASE_TOML_H

#include "hone/base/arena.h"
#include "hone/base/status.h"

enum { HONE_TOML_SIZE_MAX = 16 << 20, HONE_TOML_DEPTH_MAX = 64 };

typedef enum hone_toml_type {
    HONE_TOML_STRING,
    HONE_TOML_INTEGER,
    HONE_TOML_FLOAT,
    HONE_TOML_BOOL,
    HONE_TOML_OFFSET_DATETIME,
    HONE_TOML_LOCAL_DATETIME,
    HONE_TOML_LOCAL_DATE,
    HONE_TOML_LOCAL_TIME,
    HONE_TOML_ARRAY,
    HONE_TOML_TABLE
} hone_toml_type;

/* Parts that the type does not have are 0. */
typedef struct hone_toml_datetime {
    uint16_t year;  /* 0 to 9999 */
    uint8_t month;  /* 1 to 12 */
    uint8_t day;    /* 1 to 31, checked against the month */
    uint8_t hour;   /* 0 to 23 */
    uint8_t minute; /* 0 to 59 */
    uint8_t second; /* 0 to 60: RFC 3339 knows leap seconds */
    uint32_t nanosecond;
    int16_t offset_minutes; /* east of UTC; OFFSET_DATETIME only */
} hone_toml_datetime;

typedef struct hone_toml_value hone_toml_value;
typedef struct hone_toml_entry hone_toml_entry;

typedef struct hone_toml_array {
    hone_toml_value **items;
    uint32_t count;
    uint32_t capacity;
} hone_toml_array;

typedef struct hone_toml_table {
    hone_toml_entry **entries; /* in the order of the file */
    uint32_t *slots;           /* private: hash index of larger tables */
    uint32_t count;
    uint32_t capacity;
} hone_toml_table;

struct hone_toml_value {
    hone_toml_type type;
    uint32_t line;   /* 1-based: where the value starts; for a table its header or first key */
    uint32_t column; /* 1-based, in bytes */
    uint32_t state;  /* private: how the parser may still extend it */
    union {
        hone_text string; /* UTF-8, escapes resolved; terminated behind its size */
        int64_t integer;
        double number; /* FLOAT */
        bool boolean;
        hone_toml_datetime datetime;
        hone_toml_array array;
        hone_toml_table table;
    } as;
};

struct hone_toml_entry {
    hone_text key; /* UTF-8, unquoted; terminated behind its size */
    uint32_t key_line;
    uint32_t key_column;
    hone_toml_value value;
};

/* Parses a whole document into `arena`. *out_root is a TABLE. `file_name` (may be NULL) is for
 * messages only. Errors, each with line, column, what was found and what was expected: SYNTAX,
 * ENCODING, OVERFLOW (a number), DUPLICATE (a key or table defined twice), LIMIT, OUT_OF_MEMORY
 * (also the arena's maximum). Cost: one pass, about 10 ns a byte. */
HONE_MUST_USE hone_status hone_toml_parse(hone_text content, const char *file_name,
                                          hone_arena *arena, hone_diag *diag,
                                          const hone_toml_value **out_root);

/* Gives `key` of `table` another value (shallow: what it points to is shared), or adds it; for
 * settings from outside the file, before anybody else reads the tree. Messages will point at where
 * the old value stood, or at the table. `key` must outlive the tree. TYPE_MISMATCH when `table` is
 * none; OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_toml_put(hone_toml_value *table, hone_text key,
                                        const hone_toml_value *value, hone_arena *arena);

/* The entry or the value of `key`; NULL when there is none or `table` is NULL or no table. Constant
 * time. */
const hone_toml_entry *hone_toml_find_entry(const hone_toml_value *table, hone_text key);
const hone_toml_value *hone_toml_find(const hone_toml_value *table, hone_text key);

/* How many entries a table or items an array has; 0 for everything else. */
size_t hone_toml_count(const hone_toml_value *value);

/* Entry or item number `index`, NULL when there is none or the value is of another type. */
const hone_toml_entry *hone_toml_entry_at(const hone_toml_value *table, size_t index);
const hone_toml_value *hone_toml_item_at(const hone_toml_value *array, size_t index);

/* "a string", "an integer", "a table": for messages. */
const char *hone_toml_type_name(hone_toml_type type);

/* Writes a date-time as RFC 3339 ("1979-05-27T07:32:00.5Z"), terminated, and returns the length;
 * HONE_TOML_DATETIME_MAX bytes are enough. 0 when `value` is none of the four types. */
enum { HONE_TOML_DATETIME_MAX = 40 };
size_t hone_toml_format_datetime(const hone_toml_value *value, char *out_text);

#endif
