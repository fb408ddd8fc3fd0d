/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blanks, comments, keys and the four kinds of strings. The whole document was checked for UTF-8
 * before, so that bytes from 0x80 on can be passed through.
 */
#include "toml_internal.h"

void hn_toml_skip_blanks(hn_toml_parser *parser) {
    while (parser->at < parser->end && (*parser->at == ' ' || *parser->at == '\t')) {
        parser->at++;
    }
}

static void skip_newline(hn_toml_parser *parser) {
    parser->at += *parser->at == '\r' ? 2 : 1;
    parser->line++;
    parser->line_start = parser->at;
}

/* Control characters that TOML allows nowhere; line ends and tab are not among them. */
static bool is_control(char c) {
    unsigned char byte = (unsigned char)c;
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
}

static hone_status skip_comment(hn_toml_parser *parser) {
    if (hn_toml_peek(parser) != '#') {
        return HONE_OK;
    }
    while (!hn_toml_is_line_end(parser)) {
        if (is_control(*parser->at)) {
            return hn_toml_fail_expected(parser, "text or tabs in a comment");
        }
        parser->at++;
    }
    return HONE_OK;
}

hone_status hn_toml_skip_line_end(hn_toml_parser *parser) {
    hn_toml_skip_blanks(parser);
    hone_status status = skip_comment(parser);
    if (status != HONE_OK) {
        return status;
    }
    if (!hn_toml_is_line_end(parser)) {
        return hn_toml_fail_expected(parser, "the end of the line");
    }
    if (parser->at < parser->end) {
        skip_newline(parser);
    }
    return HONE_OK;
}

hone_status hn_toml_skip_blank_lines(hn_toml_parser *parser) {
    for (;;) {
        hn_toml_skip_blanks(parser);
        hone_status status = skip_comment(parser);
        if (status != HONE_OK || parser->at == parser->end || !hn_toml_is_line_end(parser)) {
            return status;
        }
        skip_newline(parser);
    }
}

/* --- Escapes -------------------------------------------------------------------------------- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* uXXXX or UXXXXXXXX, cursor behind the backslash. */
static hone_status parse_code_point(hn_toml_parser *parser, char *out, size_t *out_size) {
    const char *escape = parser->at - 1;
    int digits_count = *parser->at == 'u' ? 4 : 8;
    uint32_t code = 0;
    parser->at++;
    for (int i = 0; i < digits_count; i++, parser->at++) {
        int digit = hex_digit(hn_toml_peek(parser));
        if (digit < 0) {
            return hn_toml_fail_expected(parser, digits_count == 4 ? "4 hex digits behind \\u"
                                                                   : "8 hex digits behind \\U");
        }
        code = code << 4 | (uint32_t)digit;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        return hn_toml_fail(parser, escape, HONE_STATUS_ENCODING,
                            "%.*s is no Unicode character: expected 0 to D7FF or E000 to 10FFFF",
                            digits_count + 2, escape);
    }
    *out_size += hone_utf8_encode(code, out + *out_size);
    return HONE_OK;
}

/* Cursor behind the backslash. */
static hone_status parse_escape(hn_toml_parser *parser, char *out, size_t *out_size) {
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    char c = hn_toml_peek(parser);
    if (c == 'u' || c == 'U') {
        return parse_code_point(parser, out, out_size);
    }
    const char *name = c ? strchr(names, c) : NULL;
    if (!name) {
        return hn_toml_fail_expected(
            parser, "one of b t n f r \" \\ uXXXX UXXXXXXXX behind a backslash (a string in "
                    "single quotes has no escapes)");
    }
    out[(*out_size)++] = values[name - names];
    parser->at++;
    return HONE_OK;
}

/* --- Strings -------------------------------------------------------------------------------- */

static bool is_tripled(const hn_toml_parser *parser, const char *at, char quote) {
    return parser->end - at >= 3 && at[0] == quote && at[1] == quote && at[2] == quote;
}

/* Where the content that starts at the cursor may end at most: bounds the copy. */
static const char *content_end_max(const hn_toml_parser *parser, char quote, bool is_multiline) {
    const char *at = parser->at;
    for (; at < parser->end; at++) {
        if (*at == '\\' && quote == '"' && at + 1 < parser->end) {
            at++;
        } else if (is_multiline ? is_tripled(parser, at, quote) : *at == quote || *at == '\n') {
            break;
        }
    }
    /* Up to two quotes may stand in front of the closing three. */
    for (int i = 0; is_multiline && i < 2 && at < parser->end; i++) {
        at++;
    }
    return at;
}

/* A backslash at the end of a line of a multi-line string: it and all blanks and line ends up to
 * the next character vanish. Cursor on the backslash; false when it is another escape. */
static bool skip_line_ending_backslash(hn_toml_parser *parser) {
    hn_toml_parser ahead = *parser;
    ahead.at++;
    hn_toml_skip_blanks(&ahead);
    if (ahead.at == ahead.end || !hn_toml_is_line_end(&ahead)) {
        return false;
    }
    while (ahead.at < ahead.end && hn_toml_is_line_end(&ahead)) {
        skip_newline(&ahead);
        hn_toml_skip_blanks(&ahead);
    }
    *parser = ahead;
    return true;
}

static hone_status parse_character(hn_toml_parser *parser, char quote, bool is_multiline, char *out,
                                   size_t *out_size) {
    if (*parser->at == '\\' && quote == '"') {
        if (is_multiline && skip_line_ending_backslash(parser)) {
            return HONE_OK;
        }
        parser->at++;
        return parse_escape(parser, out, out_size);
    }
    if (hn_toml_is_line_end(parser)) {
        if (!is_multiline) {
            return hn_toml_fail(parser, parser->at, HONE_STATUS_SYNTAX,
                                "the string is not closed: expected %c before the end of the line",
                                quote);
        }
        out[(*out_size)++] = '\n';
        skip_newline(parser);
        return HONE_OK;
    }
    if (is_control(*parser->at)) {
        return hn_toml_fail_expected(parser,
                                     "text in a string (write control characters as \\uXXXX "
                                     "in double quotes)");
    }
    out[(*out_size)++] = *parser->at++;
    return HONE_OK;
}

/* At the quotes that close a multi-line string: takes up to two that belong to it. */
static void take_last_quotes(hn_toml_parser *parser, char quote, char *out, size_t *out_size) {
    for (int i = 0; i < 2 && is_tripled(parser, parser->at + 1, quote); i++) {
        out[(*out_size)++] = quote;
        parser->at++;
    }
}

/* Cursor behind the opening quotes, afterwards behind the closing ones. */
static hone_status parse_content(hn_toml_parser *parser, char quote, bool is_multiline,
                                 hone_text *out_text) {
    uint32_t first_line = parser->line;
    size_t size = 0;
    if (is_multiline && parser->at < parser->end && hn_toml_is_line_end(parser)) {
        skip_newline(parser);
    }
    size_t size_max = (size_t)(content_end_max(parser, quote, is_multiline) - parser->at);
    char *out = hone_arena_allocate(parser->arena, size_max + 1, 1);
    if (!out) {
        return hn_toml_fail_memory(parser);
    }
    for (;;) {
        if (parser->at == parser->end) {
            return hn_toml_fail(parser, parser->at, HONE_STATUS_SYNTAX,
                                "the string that starts in line %u is not closed", first_line);
        }
        if (is_multiline ? is_tripled(parser, parser->at, quote) : *parser->at == quote) {
            break;
        }
        hone_status status = parse_character(parser, quote, is_multiline, out, &size);
        if (status != HONE_OK) {
            return status;
        }
    }
    if (is_multiline) {
        take_last_quotes(parser, quote, out, &size);
    }
    parser->at += is_multiline ? 3 : 1;
    out[size] = '\0';
    *out_text = (hone_text){out, size};
    return HONE_OK;
}

hone_status hn_toml_parse_string(hn_toml_parser *parser, hone_toml_value *out_value) {
    char quote = *parser->at;
    bool is_multiline = is_tripled(parser, parser->at, quote);
    parser->at += is_multiline ? 3 : 1;
    out_value->type = HONE_TOML_STRING;
    return parse_content(parser, quote, is_multiline, &out_value->as.string);
}

/* --- Keys ----------------------------------------------------------------------------------- */

static bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

hone_status hn_toml_parse_key(hn_toml_parser *parser, hn_toml_key *out_key) {
    const char *start = parser->at;
    char first = hn_toml_peek(parser);
    out_key->line = parser->line;
    out_key->column = hn_toml_column(parser, start);
    if (first == '"' || first == '\'') {
        if (is_tripled(parser, start, first)) {
            return hn_toml_fail(parser, start, HONE_STATUS_SYNTAX,
                                "a key cannot be a multi-line string: expected one quote");
        }
        parser->at++;
        return parse_content(parser, first, false, &out_key->name);
    }
    while (is_bare(hn_toml_peek(parser))) {
        parser->at++;
    }
    if (parser->at == start) {
        return hn_toml_fail_expected(parser,
                                     "a key (letters, digits, _ and -, or any text in quotes)");
    }
    out_key->name.size = (size_t)(parser->at - start);
    out_key->name.data =
        hone_arena_copy_text(parser->arena, (hone_text){start, out_key->name.size});
    return out_key->name.data ? HONE_OK : hn_toml_fail_memory(parser);
}
