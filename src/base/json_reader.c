/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pull reader: a state machine of what may come next, one bit per level for object or array.
 * Texts are not copied: a text is checked and its view handed out, escapes are resolved only by
 * whoever wants it. Sound characters are skipped eight at a time.
 */
#include "hone/base/json.h"

#include <assert.h>
#include <stdio.h>

#include "hone/base/number.h"

/* hone_json_reader.expects */
enum {
    EXPECTS_VALUE,
    EXPECTS_FIRST_ITEM, /* a value or ] */
    EXPECTS_FIRST_KEY,  /* a key or } */
    EXPECTS_KEY,
    EXPECTS_AFTER_VALUE /* , or the closing bracket; at depth 0 the end */
};

void hone_json_reader_init(hone_json_reader *reader, hone_text content) {
    const char *start = content.size ? content.data : "";
    *reader = (hone_json_reader){
        .start = start, .at = start, .end = start + content.size, .expects = EXPECTS_VALUE};
}

static hone_status fail(hone_json_reader *reader, const char *at, hone_status status,
                        const char *problem) {
    reader->at = at;
    reader->status = status;
    reader->problem = problem;
    return status;
}

static hone_status fail_here(hone_json_reader *reader, const char *problem) {
    bool is_at_end = reader->at == reader->end;
    return fail(reader, reader->at, is_at_end ? HONE_STATUS_TRUNCATED : HONE_STATUS_SYNTAX,
                problem);
}

static void skip_blanks(hone_json_reader *reader) {
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    reader->at = at;
}

/* --- Text ----------------------------------------------------------------------------------- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Four hex digits at `at`, or -1. */
static int32_t code_unit(const char *at, const char *end) {
    int32_t unit = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_high_surrogate(int32_t unit) {
    return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low_surrogate(int32_t unit) {
    return unit >= 0xDC00 && unit < 0xE000;
}

/* Checks the escape at `at`, a backslash, and sets the cursor behind it. */
static hone_status check_escape(hone_json_reader *reader, const char *at) {
    const char *end = reader->end;
    if (end - at < 2) {
        return fail(reader, end, HONE_STATUS_TRUNCATED, "the text is not closed");
    }
    if (at[1] != 'u') {
        if (!at[1] || !strchr("\"\\/bfnrt", at[1])) {
            return fail(reader, at, HONE_STATUS_SYNTAX,
                        "expected one of \" \\ / b f n r t uXXXX behind a backslash");
        }
        reader->at = at + 2;
        return HONE_OK;
    }
    int32_t unit = code_unit(at + 2, end);
    if (unit < 0) {
        return fail(reader, at, HONE_STATUS_SYNTAX, "expected 4 hex digits behind \\u");
    }
    reader->at = at + 6;
    if (is_high_surrogate(unit)) {
        bool has_second = end - at >= 12 && at[6] == '\\' && at[7] == 'u' &&
                          is_low_surrogate(code_unit(at + 8, end));
        reader->at = at + 12;
        unit = has_second ? 0 : unit;
    }
    if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
        return fail(reader, at, HONE_STATUS_ENCODING,
                    "half of a surrogate pair: \\uD800-\\uDBFF and \\uDC00-\\uDFFF come in pairs");
    }
    return HONE_OK;
}

/* The first byte from `at` on that is a quote, a backslash, a control character or not ASCII. */
static const char *skip_plain(const char *at, const char *end) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
        uint64_t special = (word - ones * 0x20) | (quote - ones) | (backslash - ones) | word;
        if (special & tops) {
            break;
        }
        at += 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\') {
        at++;
    }
    return at;
}

static hone_status read_text(hone_json_reader *reader, hone_json_event *event) {
    const char *start = reader->at + 1, *at = start;
    bool is_ascii = true;
    event->has_escapes = false;
    for (;;) {
        at = skip_plain(at, reader->end);
        if (at == reader->end) {
            return fail(reader, at, HONE_STATUS_TRUNCATED, "the text is not closed");
        }
        if (*at == '"') {
            break;
        }
        if (*at == '\\') {
            hone_status status = check_escape(reader, at);
            if (status != HONE_OK) {
                return status;
            }
            event->has_escapes = true;
            at = reader->at;
        } else if ((unsigned char)*at >= 0x80) {
            is_ascii = false;
            at++;
        } else {
            return fail(reader, at, HONE_STATUS_SYNTAX,
                        "a control character in a text must be escaped");
        }
    }
    event->text = (hone_text){start, (size_t)(at - start)};
    size_t bad_offset;
    if (!is_ascii && !hone_text_is_utf8(event->text, &bad_offset)) {
        return fail(reader, start + bad_offset, HONE_STATUS_ENCODING, "the text is not UTF-8");
    }
    reader->at = at + 1;
    return HONE_OK;
}

/* The character of the escape at *at, which is advanced behind it. */
static size_t decode_escape(const char **at, const char *end, char *out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = (*at)[1];
    if (c != 'u') {
        const char *name = strchr(names, c);
        assert(name && "only texts of the reader can be decoded");
        *at += 2;
        *out = values[name - names];
        return 1;
    }
    uint32_t code = (uint32_t)code_unit(*at + 2, end);
    *at += 6;
    if (is_high_surrogate((int32_t)code)) {
        code = 0x10000 + ((code - 0xD800) << 10) + (uint32_t)code_unit(*at + 2, end) - 0xDC00;
        *at += 6;
    }
    return hone_utf8_encode(code, out);
}

size_t hone_json_decode(hone_text text, char *out_text) {
    const char *at = text.data, *end = text.size ? at + text.size : at;
    char *out = out_text;
    while (at < end) {
        if (*at == '\\') {
            out += decode_escape(&at, end, out);
        } else {
            *out++ = *at++;
        }
    }
    return (size_t)(out - out_text);
}

/* --- Scalars -------------------------------------------------------------------------------- */

static bool is_digit_at(const char *at, const char *end) {
    return at < end && *at >= '0' && *at <= '9';
}

static const char *skip_digits(const char *at, const char *end) {
    while (is_digit_at(at, end)) {
        at++;
    }
    return at;
}

/* Finds the end of a number by RFC 8259's grammar. */
static hone_status scan_number(hone_json_reader *reader, bool *out_is_whole) {
    const char *at = reader->at, *end = reader->end;
    at += *at == '-';
    if (!is_digit_at(at, end)) {
        reader->at = at;
        return fail_here(reader, "expected a digit behind the minus sign");
    }
    if (*at == '0' && is_digit_at(at + 1, end)) {
        return fail(reader, at, HONE_STATUS_SYNTAX, "a number must not begin with zeros");
    }
    at = skip_digits(at, end);
    *out_is_whole = true;
    if (at < end && *at == '.') {
        *out_is_whole = false;
        reader->at = at + 1;
        if (!is_digit_at(reader->at, end)) {
            return fail_here(reader, "expected a digit behind the point");
        }
        at = skip_digits(at + 1, end);
    }
    if (at < end && (*at | 0x20) == 'e') {
        *out_is_whole = false;
        at++;
        at += at < end && (*at == '+' || *at == '-');
        reader->at = at;
        if (!is_digit_at(at, end)) {
            return fail_here(reader, "expected a digit in the exponent");
        }
        at = skip_digits(at, end);
    }
    reader->at = at;
    return HONE_OK;
}

static hone_status read_number(hone_json_reader *reader, hone_json_event *event) {
    const char *start = reader->at;
    bool is_whole;
    hone_status status = scan_number(reader, &is_whole);
    if (status != HONE_OK) {
        return status;
    }
    event->text = (hone_text){start, (size_t)(reader->at - start)};
    /* An integer cannot hold the sign of -0. */
    if (is_whole && !hone_text_is(event->text, "-0") &&
        hone_number_parse_i64(event->text, &event->integer) == HONE_OK) {
        event->type = HONE_JSON_INTEGER;
        event->number = (double)event->integer;
        return HONE_OK;
    }
    event->type = HONE_JSON_FLOAT;
    if (hone_number_parse_f64(event->text, &event->number) != HONE_OK) {
        return fail(reader, start, HONE_STATUS_OVERFLOW,
                    "the number is too large for a 64-bit float");
    }
    return HONE_OK;
}

static hone_status read_word(hone_json_reader *reader, hone_json_event *event) {
    static const struct {
        hone_text word;
        hone_json_type type;
        bool boolean;
    } words[] = {{{"true", 4}, HONE_JSON_BOOL, true},
                 {{"false", 5}, HONE_JSON_BOOL, false},
                 {{"null", 4}, HONE_JSON_NULL, false}};
    hone_text rest = {reader->at, (size_t)(reader->end - reader->at)};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (hone_text_has_prefix(rest, words[i].word)) {
            event->type = words[i].type;
            event->boolean = words[i].boolean;
            reader->at += words[i].word.size;
            return HONE_OK;
        }
    }
    return fail_here(reader, "expected a value: text in double quotes, a number, true, false, "
                             "null, [ or {");
}

/* --- Structure ------------------------------------------------------------------------------ */

static hone_status open_level(hone_json_reader *reader, hone_json_event *event, bool is_object) {
    if (reader->depth == HONE_JSON_DEPTH_MAX) {
        return fail(reader, reader->at, HONE_STATUS_LIMIT,
                    "objects and arrays are nested more than 64 deep");
    }
    uint64_t bit = (uint64_t)1 << reader->depth;
    reader->object_levels = is_object ? reader->object_levels | bit : reader->object_levels & ~bit;
    reader->depth++;
    reader->at++;
    reader->expects = is_object ? EXPECTS_FIRST_KEY : EXPECTS_FIRST_ITEM;
    event->type = is_object ? HONE_JSON_OBJECT_BEGIN : HONE_JSON_ARRAY_BEGIN;
    return HONE_OK;
}

static bool is_in_object(const hone_json_reader *reader) {
    return reader->object_levels >> (reader->depth - 1) & 1;
}

static hone_status close_level(hone_json_reader *reader, hone_json_event *event) {
    event->type = is_in_object(reader) ? HONE_JSON_OBJECT_END : HONE_JSON_ARRAY_END;
    reader->depth--;
    reader->at++;
    reader->expects = EXPECTS_AFTER_VALUE;
    return HONE_OK;
}

static hone_status read_value(hone_json_reader *reader, hone_json_event *event) {
    char c = reader->at < reader->end ? *reader->at : '\0';
    if (c == '{' || c == '[') {
        return open_level(reader, event, c == '{');
    }
    reader->expects = EXPECTS_AFTER_VALUE;
    if (c == '"') {
        event->type = HONE_JSON_TEXT;
        return read_text(reader, event);
    }
    return c == '-' || (c >= '0' && c <= '9') ? read_number(reader, event)
                                              : read_word(reader, event);
}

static hone_status read_key(hone_json_reader *reader, hone_json_event *event) {
    if (reader->at == reader->end || *reader->at != '"') {
        return fail_here(reader, reader->expects == EXPECTS_FIRST_KEY
                                     ? "expected a key in double quotes or }"
                                     : "expected a key in double quotes");
    }
    hone_status status = read_text(reader, event);
    if (status != HONE_OK) {
        return status;
    }
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != ':') {
        return fail_here(reader, "expected : behind a key");
    }
    reader->at++;
    reader->expects = EXPECTS_VALUE;
    event->type = HONE_JSON_KEY;
    return HONE_OK;
}

/* Behind a complete value: the end, a closing bracket, or a comma and what follows it. */
static hone_status read_after_value(hone_json_reader *reader, hone_json_event *event) {
    char c = reader->at < reader->end ? *reader->at : '\0';
    if (reader->depth == 0) {
        if (reader->at < reader->end) {
            return fail_here(reader, "expected nothing behind the value");
        }
        event->type = HONE_JSON_END;
        return HONE_OK;
    }
    bool is_object = is_in_object(reader);
    if (c == (is_object ? '}' : ']')) {
        return close_level(reader, event);
    }
    if (c != ',') {
        return fail_here(reader, is_object ? "expected , or }" : "expected , or ]");
    }
    reader->at++;
    skip_blanks(reader);
    event->byte_offset = (size_t)(reader->at - reader->start);
    reader->expects = EXPECTS_KEY;
    return is_object ? read_key(reader, event) : read_value(reader, event);
}

hone_status hone_json_reader_next(hone_json_reader *reader, hone_json_event *out_event) {
    if (reader->status != HONE_OK) {
        return reader->status;
    }
    skip_blanks(reader);
    char c = reader->at < reader->end ? *reader->at : '\0';
    out_event->byte_offset = (size_t)(reader->at - reader->start);
    switch (reader->expects) {
    case EXPECTS_FIRST_ITEM:
        return c == ']' ? close_level(reader, out_event) : read_value(reader, out_event);
    case EXPECTS_FIRST_KEY:
        return c == '}' ? close_level(reader, out_event) : read_key(reader, out_event);
    case EXPECTS_AFTER_VALUE: return read_after_value(reader, out_event);
    default: return read_value(reader, out_event);
    }
}

hone_status hone_json_reader_skip(hone_json_reader *reader, const hone_json_event *event) {
    if (event->type != HONE_JSON_OBJECT_BEGIN && event->type != HONE_JSON_ARRAY_BEGIN) {
        return reader->status;
    }
    hone_status status = HONE_OK;
    hone_json_event skipped = {.type = HONE_JSON_END};
    for (uint32_t depth = reader->depth; status == HONE_OK && reader->depth >= depth;) {
        status = hone_json_reader_next(reader, &skipped);
    }
    return status;
}

hone_status hone_json_reader_explain(const hone_json_reader *reader, const char *file_name,
                                     uint32_t first_line, hone_diag *diag) {
    if (!diag || reader->status == HONE_OK) {
        return reader->status;
    }
    uint32_t line = first_line;
    const char *line_start = reader->start;
    for (const char *at = reader->start; at < reader->at; at++) {
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    }
    hone_diag_at(diag, file_name, line, (uint32_t)(reader->at - line_start) + 1);
    diag->byte_offset = (uint64_t)(reader->at - reader->start);
    unsigned char c = reader->at < reader->end ? (unsigned char)*reader->at : 0;
    if (reader->at == reader->end) {
        return hone_diag_set(diag, reader->status, "bad JSON: %s, found the end", reader->problem);
    }
    if (c > 0x20 && c < 0x7F) {
        return hone_diag_set(diag, reader->status, "bad JSON: %s (at '%c')", reader->problem, c);
    }
    return hone_diag_set(diag, reader->status, "bad JSON: %s (at byte 0x%02X)", reader->problem, c);
}
