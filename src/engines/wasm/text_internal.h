/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the parts of the text reader: text_lexer.c (tokens), text_values.c (numbers, strings),
 * text_code.c (instructions), text_module.c (fields and sections). The first failure sticks, and
 * the token is then the end for ever.
 */
#ifndef HONE_WASM_TEXT_INTERNAL_H
#define HONE_WASM_TEXT_INTERNAL_H

#include "hone/wasm/text.h"

#include "hone/base/arena.h"
#include "hone/base/text_map.h"

#include "module_internal.h"

typedef enum hn_wat_kind {
    HN_WAT_END,
    HN_WAT_OPEN,
    HN_WAT_CLOSE,
    HN_WAT_ATOM,
    HN_WAT_STRING, /* the text is what stands between the quotes, escapes included */
} hn_wat_kind;

typedef struct hn_wat_token {
    hn_wat_kind kind;
    hone_text text;
    uint32_t line;
    uint32_t column;
} hn_wat_token;

typedef struct hn_wat_lexer {
    const char *at;
    const char *end;
    const char *line_start;
    uint32_t line;
    hn_wat_token token; /* the one that is looked at */
    hone_status status;
    hone_diag *diag;
    const char *file_name;
} hn_wat_lexer;

void hn_wat_lexer_init(hn_wat_lexer *lexer, hone_text text, const char *file_name, hone_diag *diag);
void hn_wat_advance(hn_wat_lexer *lexer);
void hn_wat_fail(hn_wat_lexer *lexer, hone_status status, const char *format, ...)
    HONE_PRINTF(3, 4);
/* "unexpected token" */
void hn_wat_fail_token(hn_wat_lexer *lexer, const char *expected);

static inline bool hn_wat_is_failed(const hn_wat_lexer *lexer) {
    return lexer->status != HONE_OK;
}
bool hn_wat_is_atom(const hn_wat_lexer *lexer, const char *word);
/* "(word" comes; take: and is passed. */
bool hn_wat_is_open(const hn_wat_lexer *lexer, const char *word);
bool hn_wat_take_open(hn_wat_lexer *lexer, const char *word);
bool hn_wat_take_atom(hn_wat_lexer *lexer, const char *word);
void hn_wat_close(hn_wat_lexer *lexer);
/* From an open parenthesis to behind the closing one. */
void hn_wat_skip(hn_wat_lexer *lexer);
/* "$name" if it comes; else the empty text. */
hone_text hn_wat_take_name(hn_wat_lexer *lexer);

/* text_values.c. Take the token. */
uint64_t hn_wat_take_unsigned(hn_wat_lexer *lexer, uint32_t bits);
uint64_t hn_wat_take_integer(hn_wat_lexer *lexer, uint32_t bits); /* signed or not; its bits */
uint32_t hn_wat_take_f32(hn_wat_lexer *lexer);
uint64_t hn_wat_take_f64(hn_wat_lexer *lexer);
void hn_wat_take_string(hn_wat_lexer *lexer, hone_buffer *out_bytes);
bool hn_wat_is_number(const hn_wat_lexer *lexer); /* an atom that begins as an integer does */

/* --- the encoder ------------------------------------------------------------------------------ */

typedef struct hn_wat_label {
    hone_text name;
    uint16_t opcode;
    bool is_folded;
} hn_wat_label;

typedef struct hn_wat_fold {
    uint8_t kind;
    bool has_then;
    size_t pending; /* where its bytes begin among the pending ones */
    uint32_t labels_count;
    hone_text label;
} hn_wat_fold;

typedef struct hn_wat_space {
    hone_text_map names;
    uint32_t count;
    uint32_t fields_seen; /* in the second pass */
} hn_wat_space;

enum {
    HN_WAT_TYPES,
    HN_WAT_FUNCTIONS,
    HN_WAT_TABLES,
    HN_WAT_MEMORIES,
    HN_WAT_GLOBALS,
    HN_WAT_ELEMENTS,
    HN_WAT_DATA,
    HN_WAT_LOCALS,
    HN_WAT_SPACES_COUNT,
    HN_WAT_SECTIONS_COUNT = 13,
};

typedef struct hn_wat_section {
    hone_buffer bytes;
    uint32_t count;
} hn_wat_section;

typedef struct hn_wat {
    hn_wat_lexer lexer;
    hone_arena arena;
    const hone_allocator *allocator;
    hone_text_map instructions;
    hn_wat_space spaces[HN_WAT_SPACES_COUNT];
    hn_wat_section sections[HN_WAT_SECTIONS_COUNT];
    hone_wasm_function_type *types;
    uint32_t types_count, types_capacity;
    hn_wat_label *labels;
    uint32_t labels_count, labels_capacity;
    hn_wat_fold *folds;
    uint32_t folds_count, folds_capacity;
    hone_buffer pending; /* instructions whose operands come first */
    hone_buffer body;    /* the code that is being read */
    hone_buffer scratch;
    hone_buffer names; /* of functions, for the name section */
    uint32_t names_count;
    bool has_definition; /* an import may not follow */
    bool uses_data;
} hn_wat;

/* LEB128. */
void hn_wat_put_unsigned(hone_buffer *buffer, uint64_t value);
void hn_wat_put_signed(hone_buffer *buffer, int64_t value);
void hn_wat_put_bytes(hone_buffer *buffer, uint64_t value, uint32_t count); /* little-endian */

/* Grows an array in the arena. */
void *hn_wat_grow(hn_wat *wat, void *array, uint32_t count, uint32_t *capacity, size_t size);

/* An index, as a number or a name. */
uint32_t hn_wat_take_index(hn_wat *wat, uint32_t space);
bool hn_wat_is_index(const hn_wat *wat);
uint8_t hn_wat_take_value_type(hn_wat *wat);
uint8_t hn_wat_take_reference_type(hn_wat *wat);

typedef struct hn_wat_type_use {
    hone_wasm_function_type type;
    bool has_index; /* (type x) stood there */
    uint32_t index; /* of the type */
    uint32_t named; /* parameters that stood there themselves */
} hn_wat_type_use;

/* (type x)? (param ...)* (result ...)*; names of parameters go to the space of locals when
 * `takes_names`. With `makes_type` the type gets an index where it has none. */
hn_wat_type_use hn_wat_take_type_use(hn_wat *wat, bool takes_names, bool makes_type);
void hn_wat_name(hn_wat *wat, uint32_t space, hone_text name, uint32_t index);

/* text_code.c: instructions up to the closing parenthesis that belongs to the caller, or with
 * `is_single` one in parentheses; into wat->body. */
void hn_wat_take_code(hn_wat *wat, bool is_single);

#endif
