/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of an expression; shared by its lexer and its parser only. */
#ifndef HONE_NODE_EXPRESSION_LEXER_INTERNAL_H
#define HONE_NODE_EXPRESSION_LEXER_INTERNAL_H

#include "expression_internal.h"

typedef enum hn_token_kind {
    HN_TOKEN_END,
    HN_TOKEN_I64,
    HN_TOKEN_F64,
    HN_TOKEN_TEXT,
    HN_TOKEN_NAME, /* a field, a function or a word of the language */
    HN_TOKEN_QUOTED_NAME,
    HN_TOKEN_OPERATOR,
} hn_token_kind;

typedef struct hn_token {
    hn_token_kind kind;
    uint32_t offset;
    hone_text text; /* decoded, where it was quoted: then in the arena */
    hone_cell cell;
    bool is_i64_minimum;
} hn_token;

typedef struct hn_lexer {
    hone_text source;
    size_t at; /* behind the token */
    hn_token token;
    hone_arena *arena; /* of quoted texts */
    hone_diag *diag;
} hn_lexer;

/* Moves to the next token; at the end it stays at END. */
hone_status hn_lexer_next(hn_lexer *lexer);

#endif
