/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the text format. Source: WebAssembly Core Specification 2.0, section 6.3. */
#include <stdio.h>

#include "text_internal.h"

void hn_wat_fail(hn_wat_lexer *lexer, hone_status status, const char *format, ...) {
    if (lexer->status) {
        return;
    }
    lexer->status = status;
    if (lexer->diag) {
        char message[sizeof lexer->diag->message];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        hone_diag_at(lexer->diag, lexer->file_name, lexer->token.line, lexer->token.column);
        (void)hone_diag_set(lexer->diag, status, "%s", message);
    }
    lexer->at = lexer->end;
    lexer->token.kind = HN_WAT_END;
}

void hn_wat_fail_token(hn_wat_lexer *lexer, const char *expected) {
    static const char *const names[] = {"the end", "(", ")"};
    const hn_wat_token *token = &lexer->token;
    if (token->kind <= HN_WAT_CLOSE) {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "unexpected token: %s, expected %s",
                    names[token->kind], expected);
    } else {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "unexpected token: %.*s, expected %s",
                    (int)(token->text.size < 60 ? token->text.size : 60), token->text.data,
                    expected);
    }
}

static bool is_word(char c) {
    return c > ' ' && c < 0x7F && !strchr("\"(),;[]{}", c);
}

/* (; ... ;), which nest; the cursor is behind the first two. False at the end. */
static bool skip_comment(hn_wat_lexer *lexer) {
    uint32_t depth = 1;
    while (depth && lexer->at < lexer->end) {
        bool has_next = lexer->at + 1 < lexer->end;
        if (*lexer->at == '\n') {
            lexer->line++;
            lexer->line_start = lexer->at + 1;
        } else if (has_next && lexer->at[0] == '(' && lexer->at[1] == ';') {
            depth++;
            lexer->at++;
        } else if (has_next && lexer->at[0] == ';' && lexer->at[1] == ')') {
            depth--;
            lexer->at++;
        }
        lexer->at++;
    }
    return depth == 0;
}

/* To the next token. */
static void skip_blanks(hn_wat_lexer *lexer) {
    while (lexer->at < lexer->end) {
        char c = *lexer->at;
        bool has_next = lexer->at + 1 < lexer->end;
        if (c == '\n') {
            lexer->line++;
            lexer->line_start = ++lexer->at;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            lexer->at++;
        } else if (c == ';' && has_next && lexer->at[1] == ';') {
            while (lexer->at < lexer->end && *lexer->at != '\n') {
                lexer->at++;
            }
        } else if (c == '(' && has_next && lexer->at[1] == ';') {
            lexer->at += 2;
            if (!skip_comment(lexer)) {
                hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "unclosed comment");
            }
        } else {
            return;
        }
    }
}

static void take_string(hn_wat_lexer *lexer) {
    const char *start = ++lexer->at;
    while (lexer->at < lexer->end && *lexer->at != '"') {
        if ((uint8_t)*lexer->at < 0x20 || *lexer->at == 0x7F) {
            hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "illegal character in a string");
            return;
        }
        lexer->at += *lexer->at == '\\' && lexer->at + 1 < lexer->end ? 2 : 1;
    }
    if (lexer->at >= lexer->end) {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "unclosed string");
        return;
    }
    lexer->token.kind = HN_WAT_STRING;
    lexer->token.text = (hone_text){start, (size_t)(lexer->at - start)};
    lexer->at++;
}

void hn_wat_advance(hn_wat_lexer *lexer) {
    if (lexer->status) {
        return;
    }
    skip_blanks(lexer);
    hn_wat_token *token = &lexer->token;
    if (lexer->status) {
        return;
    }
    token->line = lexer->line;
    token->column = (uint32_t)(lexer->at - lexer->line_start) + 1;
    token->text = (hone_text){lexer->at, 0};
    if (lexer->at == lexer->end) {
        token->kind = HN_WAT_END;
        return;
    }
    char c = *lexer->at;
    if (c == '(' || c == ')') {
        token->kind = c == '(' ? HN_WAT_OPEN : HN_WAT_CLOSE;
        lexer->at++;
        return;
    }
    if (c == '"') {
        take_string(lexer);
    } else if (is_word(c)) {
        token->kind = HN_WAT_ATOM;
        while (lexer->at < lexer->end && is_word(*lexer->at)) {
            lexer->at++;
        }
        token->text.size = (size_t)(lexer->at - token->text.data);
    } else {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "illegal character 0x%02x", (uint8_t)c);
        return;
    }
    if (lexer->at < lexer->end && (*lexer->at == '"' || is_word(*lexer->at))) {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "unknown operator: tokens need space between");
    }
}

void hn_wat_lexer_init(hn_wat_lexer *lexer, hone_text text, const char *file_name,
                       hone_diag *diag) {
    *lexer = (hn_wat_lexer){.at = text.data,
                            .end = text.data + text.size,
                            .line_start = text.data,
                            .line = 1,
                            .diag = diag,
                            .file_name = file_name};
    lexer->token.line = lexer->token.column = 1;
    size_t offset = 0;
    if (!hone_text_is_utf8(text, &offset)) {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "malformed UTF-8 encoding at byte %zu", offset);
        return;
    }
    hn_wat_advance(lexer);
}

bool hn_wat_is_atom(const hn_wat_lexer *lexer, const char *word) {
    return lexer->token.kind == HN_WAT_ATOM && hone_text_is(lexer->token.text, word);
}

bool hn_wat_is_open(const hn_wat_lexer *lexer, const char *word) {
    if (lexer->token.kind != HN_WAT_OPEN) {
        return false;
    }
    hn_wat_lexer ahead = *lexer;
    ahead.diag = NULL;
    hn_wat_advance(&ahead);
    return hn_wat_is_atom(&ahead, word);
}

bool hn_wat_take_open(hn_wat_lexer *lexer, const char *word) {
    if (!hn_wat_is_open(lexer, word)) {
        return false;
    }
    hn_wat_advance(lexer);
    hn_wat_advance(lexer);
    return true;
}

bool hn_wat_take_atom(hn_wat_lexer *lexer, const char *word) {
    if (!hn_wat_is_atom(lexer, word)) {
        return false;
    }
    hn_wat_advance(lexer);
    return true;
}

void hn_wat_close(hn_wat_lexer *lexer) {
    if (lexer->token.kind != HN_WAT_CLOSE) {
        hn_wat_fail_token(lexer, ")");
        return;
    }
    hn_wat_advance(lexer);
}

void hn_wat_skip(hn_wat_lexer *lexer) {
    uint32_t depth = 0;
    do {
        if (lexer->token.kind == HN_WAT_END) {
            hn_wat_fail_token(lexer, ")");
            return;
        }
        depth += lexer->token.kind == HN_WAT_OPEN;
        depth -= lexer->token.kind == HN_WAT_CLOSE;
        hn_wat_advance(lexer);
    } while (depth);
}

hone_text hn_wat_take_name(hn_wat_lexer *lexer) {
    hone_text text = lexer->token.text;
    if (lexer->token.kind != HN_WAT_ATOM || text.data[0] != '$') {
        return (hone_text){"", 0};
    }
    if (text.size == 1) {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "an empty identifier");
    }
    hn_wat_advance(lexer);
    return text;
}
