/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to expressions. No recursion: depth of brackets is bounded by a count, not by a stack.
 */
#ifndef HN_LYRA_READER_INTERNAL_H
#define HN_LYRA_READER_INTERNAL_H

#include "kernel_internal.h"

typedef struct hn_reader {
    hone_lyra *lyra;
    hone_text source;
    size_t at; /* where the next expression begins */
    const char *name;
} hn_reader;

/* The next expression of the source; HN_NONE at its end. Symbols are made as they are read, so what
 * an expression does to $Context holds for the next one. SYNTAX; TRUNCATED when the source is the
 * beginning of something longer. */
HONE_MUST_USE hone_status hn_read_next(hn_reader *reader, hone_diag *diag, hn_value *out_value);

/* lexer.c */
typedef enum hn_token_kind {
    HN_TOKEN_END,
    HN_TOKEN_NEWLINE,
    HN_TOKEN_NUMBER,
    HN_TOKEN_STRING,
    HN_TOKEN_SYMBOL,
    HN_TOKEN_BLANKS,   /* _, __, ___, with the name before and the head behind, or _. */
    HN_TOKEN_SLOT,     /* #, #1, #name, ##, ##2 */
    HN_TOKEN_OUT,      /* %, %%, %5 */
    HN_TOKEN_OPERATOR, /* index in the table of operators */
    HN_TOKEN_OPEN,     /* ( [ { <| [[ */
    HN_TOKEN_CLOSE,
    HN_TOKEN_COMMA,
    HN_TOKEN_ERROR,
} hn_token_kind;

typedef struct hn_token {
    hn_token_kind kind;
    size_t begin, end;
    hn_value value;      /* of numbers, strings, symbols, blanks, slots, outs */
    uint32_t spelling;   /* of operators and brackets: what hn_operators calls it */
    bool has_space;      /* blanks stand before it */
    const char *problem; /* of errors */
    bool is_truncated;   /* the error is that the source ends */
} hn_token;

typedef struct hn_lexer {
    hone_lyra *lyra;
    hone_text source;
    size_t at;
    bool is_file_name_next; /* behind <<, >> and >>> */
} hn_lexer;

/* Newlines are tokens; whoever reads decides whether they matter. */
void hn_lex(hn_lexer *it, hn_token *token);
/* number_reader.c */
bool hn_lex_number(hn_lexer *lexer, hn_token *token);

/* The named character \[Name], 0: there is none. And back: NULL where it has no name. */
uint32_t hn_named_character(hone_text name);
const char *hn_character_name(uint32_t code);

/* --- the operator table (operators.c) */
typedef enum hn_fixity {
    HN_PREFIX = 1,
    HN_INFIX_LEFT = 2,
    HN_INFIX_RIGHT = 4,
    HN_INFIX_FLAT = 8,
    HN_POSTFIX = 16,
    HN_INFIX_NONE = 32, /* a < b < c is one Inequality */
} hn_fixity;

typedef struct hn_operator {
    const char *spelling;
    const char *head;
    uint16_t precedence;
    uint8_t fixity;
} hn_operator;

/* Rows by spelling; a spelling may have several (prefix and infix). */
extern const hn_operator hn_operators[];
extern const uint32_t hn_operators_count;
/* The longest operator that `text` begins with; its first row, or UINT32_MAX. */
uint32_t hn_operator_find(hone_text text, size_t *out_size);
/* The row of the same spelling with this fixity, or NULL. */
const hn_operator *hn_operator_with(uint32_t spelling, unsigned fixity);
/* For printers: the row of a head with this fixity, or NULL. */
const hn_operator *hn_operator_of_head(hone_text head, unsigned fixity);

#endif
