/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts the source of an expression into tokens, one at a time. Errors carry the place of the
 * character that is wrong.
 */
#include "expression_lexer_internal.h"

#include <stdio.h>

#include "hone/base/number.h"

hone_status hn_expression_fail(hone_diag *diag, hone_text source, size_t offset, hone_status status,
                               const char *format, ...) {
    if (!diag) {
        return status;
    }
    uint32_t line = 1;
    size_t line_start = 0;
    for (size_t i = 0; i < offset && i < source.size; i++) {
        if (source.data[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    char message[sizeof diag->message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    hone_diag_at(diag, NULL, line, (uint32_t)(offset - line_start) + 1);
    diag->byte_offset = offset;
    return hone_diag_set(diag, status, "%s", message);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Bytes of 0x80 and above are parts of characters beyond ASCII, which names may have. */
static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_part(char c) {
    return is_name_start(c) || is_digit(c) || c == '.';
}

static char peek(const hn_lexer *lexer, size_t ahead) {
    return ahead < lexer->source.size - lexer->at ? lexer->source.data[lexer->at + ahead] : '\0';
}

static hone_text cut(const hn_lexer *lexer, size_t start) {
    return (hone_text){lexer->source.data + start, lexer->at - start};
}

static void skip_digits(hn_lexer *lexer) {
    while (is_digit(peek(lexer, 0))) {
        lexer->at++;
    }
}

/* 2^63 has no i64, but its negative has: the token says so, and the parser settles it. */
static hone_status finish_i64(hn_lexer *lexer, hone_text digits) {
    hn_token *token = &lexer->token;
    token->kind = HN_TOKEN_I64;
    hone_text significant = digits;
    while (significant.size > 1 && significant.data[0] == '0') {
        significant.data++;
        significant.size--;
    }
    token->is_i64_minimum = hone_text_is(significant, "9223372036854775808");
    if (token->is_i64_minimum) {
        token->cell.i64 = INT64_MIN;
        return HONE_OK;
    }
    if (hone_number_parse_i64(digits, &token->cell.i64) != HONE_OK) {
        return hn_expression_fail(lexer->diag, lexer->source, token->offset, HONE_STATUS_OVERFLOW,
                                  "the number %.*s does not fit an i64; with a decimal point "
                                  "(%.*s.0) it is an f64",
                                  HONE_TEXT_ARGS(token->text), HONE_TEXT_ARGS(token->text));
    }
    return HONE_OK;
}

static hone_status read_number(hn_lexer *lexer) {
    hn_token *token = &lexer->token;
    size_t start = lexer->at;
    bool is_f64 = false;
    skip_digits(lexer);
    if (peek(lexer, 0) == '.') {
        is_f64 = true;
        lexer->at++;
        skip_digits(lexer);
    }
    if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
        size_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-';
        is_f64 = true;
        lexer->at += 1 + sign;
        if (!is_digit(peek(lexer, 0))) {
            return hn_expression_fail(lexer->diag, lexer->source, start, HONE_STATUS_SYNTAX,
                                      "the exponent of the number '%.*s' has no digits",
                                      HONE_TEXT_ARGS(cut(lexer, start)));
        }
        skip_digits(lexer);
    }
    token->text = cut(lexer, start);
    if (is_name_part(peek(lexer, 0))) {
        return hn_expression_fail(
            lexer->diag, lexer->source, start, HONE_STATUS_SYNTAX,
            "a number cannot go on with '%c'; a field whose name begins with a digit is written in "
            "backquotes: `%.*s...`",
            (unsigned char)peek(lexer, 0) < 0x80 ? peek(lexer, 0) : '?',
            HONE_TEXT_ARGS(token->text));
    }
    if (!is_f64) {
        return finish_i64(lexer, token->text);
    }
    token->kind = HN_TOKEN_F64;
    if (hone_number_parse_f64(token->text, &token->cell.f64) != HONE_OK) {
        return hn_expression_fail(lexer->diag, lexer->source, start, HONE_STATUS_OVERFLOW,
                                  "the number %.*s does not fit an f64",
                                  HONE_TEXT_ARGS(token->text));
    }
    return HONE_OK;
}

static int hex_value(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* \uXXXX or \UXXXXXXXX; `at` is on the u. No escape makes more bytes than it has itself. */
static hone_status read_unicode(hn_lexer *lexer, char *out, size_t *length) {
    size_t escape = lexer->at - 1;
    size_t digits = peek(lexer, 0) == 'u' ? 4 : 8;
    uint32_t code = 0;
    bool is_valid = true;
    for (size_t i = 1; i <= digits && is_valid; i++) {
        int value = hex_value(peek(lexer, i));
        is_valid = value >= 0;
        code = code << 4 | (uint32_t)(value & 15);
    }
    if (!is_valid || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return hn_expression_fail(lexer->diag, lexer->source, escape, HONE_STATUS_SYNTAX,
                                  "'\\%c' needs the %d hexadecimal digits of a character",
                                  peek(lexer, 0), (int)digits);
    }
    lexer->at += 1 + digits;
    *length += hone_utf8_encode(code, out + *length);
    return HONE_OK;
}

/* `at` is behind the backslash. */
static hone_status read_escape(hn_lexer *lexer, char *out, size_t *length) {
    static const char from[] = "ntr\\'\"", to[] = "\n\t\r\\'\"";
    char c = peek(lexer, 0);
    if (c == 'u' || c == 'U') {
        return read_unicode(lexer, out, length);
    }
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) {
        return hn_expression_fail(lexer->diag, lexer->source, lexer->at - 1, HONE_STATUS_SYNTAX,
                                  "unknown escape in a text; known are \\n \\t \\r \\\\ \\' \\\" "
                                  "\\uXXXX \\UXXXXXXXX");
    }
    out[(*length)++] = to[found - from];
    lexer->at++;
    return HONE_OK;
}

/* The end of the quoted run that starts at `at` (on the quote), or the size of the source. A
 * backslash protects what follows it; between backquotes, only a doubled backquote is special. */
static size_t find_close(const hn_lexer *lexer, char quote) {
    const char protector = quote == '`' ? '`' : '\\';
    hone_text source = lexer->source;
    size_t i = lexer->at + 1;
    while (i < source.size) {
        bool is_protected = source.data[i] == protector && i + 1 < source.size &&
                            (quote != '`' || source.data[i + 1] == '`');
        if (source.data[i] == quote && !is_protected) {
            return i;
        }
        i += is_protected ? 2 : 1;
    }
    return source.size;
}

static hone_status read_quoted(hn_lexer *lexer, char quote) {
    hn_token *token = &lexer->token;
    size_t close = find_close(lexer, quote);
    if (close == lexer->source.size) {
        return hn_expression_fail(lexer->diag, lexer->source, lexer->at, HONE_STATUS_SYNTAX,
                                  "%s has no closing %c", quote == '`' ? "a field name" : "a text",
                                  quote);
    }
    char *out = hone_arena_allocate(lexer->arena, close - lexer->at, 1);
    if (!out) {
        return hone_diag_set(lexer->diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory to compile an expression");
    }
    size_t length = 0;
    lexer->at++;
    while (lexer->at < close) {
        char c = lexer->source.data[lexer->at++];
        if (c != '\\' || quote == '`') {
            lexer->at += c == '`' && quote == '`'; /* the second of two */
            out[length++] = c;
            continue;
        }
        hone_status status = read_escape(lexer, out, &length);
        if (status != HONE_OK) {
            return status;
        }
    }
    lexer->at = close + 1;
    token->kind = quote == '`' ? HN_TOKEN_QUOTED_NAME : HN_TOKEN_TEXT;
    token->text = (hone_text){out, length};
    return HONE_OK;
}

static hone_status read_operator(hn_lexer *lexer) {
    static const char *const operators[] = {"**", "//", "==", "!=", "<=", ">=", "&&",
                                            "||", "<",  ">",  "+",  "-",  "*",  "/",
                                            "%",  "!",  "(",  ")",  ","};
    static const char *const mistaken[][2] = {{"<>", "!="}, {"=", "=="}, {"&", "and"},
                                              {"|", "or"},  {"^", "**"}, {"~", "not"}};
    hn_token *token = &lexer->token;
    hone_text rest = {lexer->source.data + lexer->at, lexer->source.size - lexer->at};
    for (size_t i = 0; i < sizeof mistaken / sizeof mistaken[0]; i++) {
        bool is_equality = mistaken[i][0][0] == '=' && peek(lexer, 1) == '=';
        bool is_doubled = peek(lexer, 1) == peek(lexer, 0);
        if (hone_text_has_prefix(rest, hone_text_of(mistaken[i][0])) && !is_equality &&
            !is_doubled) {
            return hn_expression_fail(lexer->diag, lexer->source, lexer->at, HONE_STATUS_SYNTAX,
                                      "'%s' is no operator here; write '%s'", mistaken[i][0],
                                      mistaken[i][1]);
        }
    }
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        hone_text spelling = hone_text_of(operators[i]);
        if (hone_text_has_prefix(rest, spelling)) {
            lexer->at += spelling.size;
            token->kind = HN_TOKEN_OPERATOR;
            token->text = spelling;
            return HONE_OK;
        }
    }
    return hn_expression_fail(lexer->diag, lexer->source, lexer->at, HONE_STATUS_SYNTAX,
                              "the character '%c' (0x%02x) has no meaning in an expression",
                              rest.data[0] >= ' ' && rest.data[0] < 0x7f ? rest.data[0] : '?',
                              (unsigned)(unsigned char)rest.data[0]);
}

hone_status hn_lexer_next(hn_lexer *lexer) {
    while (lexer->at < lexer->source.size && is_blank(peek(lexer, 0))) {
        lexer->at++;
    }
    lexer->token = (hn_token){.kind = HN_TOKEN_END, .offset = (uint32_t)lexer->at};
    if (lexer->at == lexer->source.size) {
        lexer->token.text = HONE_TEXT("the end");
        return HONE_OK;
    }
    char c = peek(lexer, 0);
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) {
        return read_number(lexer);
    }
    if (c == '\'' || c == '"' || c == '`') {
        return read_quoted(lexer, c);
    }
    if (!is_name_start(c)) {
        return read_operator(lexer);
    }
    size_t start = lexer->at;
    while (is_name_part(peek(lexer, 0))) {
        lexer->at++;
    }
    lexer->token.kind = HN_TOKEN_NAME;
    lexer->token.text = cut(lexer, start);
    return HONE_OK;
}
