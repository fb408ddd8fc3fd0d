/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and strings of the text format.
 *
 * Source: WebAssembly Core Specification 2.0, section 6.3. */
#include <math.h>
#include <stdlib.h>

#include "text_internal.h"

#include "numeric_internal.h"

enum { NUMBER_SIZE_MAX = 2000 };

static int digit_of(char c, bool is_hex) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (is_hex && c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return is_hex && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_hex(hone_text *text) {
    if (text->size > 2 && text->data[0] == '0' && text->data[1] == 'x') {
        text->data += 2;
        text->size -= 2;
        return true;
    }
    return false;
}

/* Digits with single underscores between them. *out_is_large: beyond 64 bits. */
static bool parse_digits(hone_text text, uint64_t *out_value, bool *out_is_large) {
    bool is_hex = take_hex(&text), is_digit_last = false;
    uint64_t value = 0, base = is_hex ? 16 : 10;
    *out_is_large = false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i], is_hex);
        if (digit < 0) {
            if (text.data[i] != '_' || !is_digit_last) {
                return false;
            }
            is_digit_last = false;
            continue;
        }
        is_digit_last = true;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            *out_is_large = true;
            value = 0;
        }
    }
    *out_value = value;
    return is_digit_last;
}

static uint64_t max_of(uint32_t bits) {
    return bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

uint64_t hn_wat_take_unsigned(hn_wat_lexer *lexer, uint32_t bits) {
    uint64_t value = 0;
    bool is_large = false;
    if (lexer->token.kind != HN_WAT_ATOM || !parse_digits(lexer->token.text, &value, &is_large)) {
        hn_wat_fail_token(lexer, "a number without sign");
        return 0;
    }
    if (is_large || value > max_of(bits)) {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "i%u constant out of range", bits);
    }
    hn_wat_advance(lexer);
    return value;
}

bool hn_wat_is_number(const hn_wat_lexer *lexer) {
    uint64_t value;
    bool is_large;
    return lexer->token.kind == HN_WAT_ATOM && parse_digits(lexer->token.text, &value, &is_large);
}

uint64_t hn_wat_take_integer(hn_wat_lexer *lexer, uint32_t bits) {
    hone_text text = lexer->token.text;
    bool has_sign = lexer->token.kind == HN_WAT_ATOM && text.size &&
                    (text.data[0] == '-' || text.data[0] == '+');
    bool is_negative = has_sign && text.data[0] == '-';
    if (has_sign) {
        text.data++;
        text.size--;
    }
    uint64_t value = 0;
    bool is_large = false;
    if (lexer->token.kind != HN_WAT_ATOM || !parse_digits(text, &value, &is_large)) {
        hn_wat_fail_token(lexer, "an integer");
        return 0;
    }
    uint64_t max = is_negative ? (uint64_t)1 << (bits - 1) : max_of(bits);
    if (is_large || value > max) {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "i%u constant out of range", bits);
    }
    hn_wat_advance(lexer);
    return (is_negative ? ~value + 1 : value) & max_of(bits);
}

/* --- floats ----------------------------------------------------------------------------------- */

/* Copies digits without their underscores; false when they are misplaced. */
static bool copy_digits(hone_text *text, bool is_hex, char *out, size_t *used, bool *out_any) {
    bool is_digit_last = false;
    *out_any = false;
    while (text->size && *used + 1 < NUMBER_SIZE_MAX) {
        char c = text->data[0];
        if (digit_of(c, is_hex) >= 0) {
            out[(*used)++] = c;
            is_digit_last = *out_any = true;
        } else if (c == '_' && is_digit_last) {
            is_digit_last = false;
        } else {
            break;
        }
        text->data++;
        text->size--;
    }
    return is_digit_last || !*out_any;
}

/* Checks the grammar and makes what strtod reads; in hex there is always an exponent. */
static bool normalize(hone_text text, char out[NUMBER_SIZE_MAX]) {
    size_t used = 0;
    bool is_any;
    bool is_hex = take_hex(&text);
    if (is_hex) {
        out[used++] = '0';
        out[used++] = 'x';
    }
    if (!copy_digits(&text, is_hex, out, &used, &is_any) || !is_any) {
        return false;
    }
    if (text.size && text.data[0] == '.') {
        out[used++] = '.';
        text.data++;
        text.size--;
        if (!copy_digits(&text, is_hex, out, &used, &is_any)) {
            return false;
        }
    }
    if (text.size && (text.data[0] | 0x20) == (is_hex ? 'p' : 'e')) {
        out[used++] = text.data[0];
        text.data++;
        text.size--;
        if (text.size && (text.data[0] == '+' || text.data[0] == '-')) {
            out[used++] = text.data[0];
            text.data++;
            text.size--;
        }
        if (!copy_digits(&text, false, out, &used, &is_any) || !is_any) {
            return false;
        }
    }
    out[used] = '\0';
    return text.size == 0;
}

/* "nan", "nan:0x...": the bits without sign; the mantissa has `mantissa_bits`. */
static bool parse_nan(hn_wat_lexer *lexer, hone_text text, uint32_t mantissa_bits,
                      uint64_t *out_payload) {
    *out_payload = (uint64_t)1 << (mantissa_bits - 1);
    if (hone_text_is(text, "nan")) {
        return true;
    }
    if (!hone_text_has_prefix(text, HONE_TEXT("nan:0x"))) {
        return false;
    }
    text.data += 4;
    text.size -= 4;
    bool is_large;
    if (!parse_digits(text, out_payload, &is_large)) {
        return false;
    }
    if (is_large || *out_payload == 0 || *out_payload >> mantissa_bits) {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "constant out of range: payload of a NaN");
    }
    return true;
}

/* The bits of a float of the width given by its mantissa. The C library rounds correctly. */
static uint64_t take_float(hn_wat_lexer *lexer, uint32_t mantissa_bits) {
    hone_text text = lexer->token.text;
    bool is_32 = mantissa_bits == 23;
    uint64_t sign = 0, payload, bits = 0;
    uint64_t infinity = is_32 ? 0x7F800000U : 0x7FF0000000000000U;
    if (lexer->token.kind != HN_WAT_ATOM) {
        hn_wat_fail_token(lexer, "a number");
        return 0;
    }
    if (text.data[0] == '-' || text.data[0] == '+') {
        sign = text.data[0] == '-' ? (uint64_t)1 << (is_32 ? 31 : 63) : 0;
        text.data++;
        text.size--;
    }
    char number[NUMBER_SIZE_MAX];
    if (hone_text_is(text, "inf")) {
        bits = infinity;
    } else if (parse_nan(lexer, text, mantissa_bits, &payload)) {
        bits = infinity | payload;
    } else if (normalize(text, number)) {
        bits = is_32 ? hn_bits_f32(strtof(number, NULL)) : hn_bits_f64(strtod(number, NULL));
        if (bits == infinity) {
            hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "constant out of range");
        }
    } else {
        hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "unknown operator: not a number");
    }
    hn_wat_advance(lexer);
    return bits | sign;
}

uint32_t hn_wat_take_f32(hn_wat_lexer *lexer) {
    return (uint32_t)take_float(lexer, 23);
}

uint64_t hn_wat_take_f64(hn_wat_lexer *lexer) {
    return take_float(lexer, 52);
}

/* --- strings ---------------------------------------------------------------------------------- */

/* \u{hex digits}, the cursor behind the u. */
static bool take_code_point(hone_text *text, hone_buffer *out) {
    uint64_t code = 0;
    bool is_large = false;
    const char *close =
        text->size && text->data[0] == '{' ? memchr(text->data, '}', text->size) : NULL;
    if (!close) {
        return false;
    }
    char digits[32];
    size_t size = (size_t)(close - text->data) - 1;
    if (size == 0 || size > 24) {
        return false;
    }
    memcpy(digits, "0x", 2);
    memcpy(digits + 2, text->data + 1, size);
    if (!parse_digits((hone_text){digits, size + 2}, &code, &is_large) || is_large ||
        code >= 0x110000 || (code >= 0xD800 && code < 0xE000)) {
        return false;
    }
    char utf8[4];
    hone_buffer_append(out, utf8, hone_utf8_encode((uint32_t)code, utf8));
    text->size -= (size_t)(close + 1 - text->data);
    text->data = close + 1;
    return true;
}

/* What follows a backslash. */
static bool take_escape(hone_text *text, hone_buffer *out) {
    static const char from[] = "tnr\"'\\", to[] = "\t\n\r\"'\\";
    char c = text->size ? text->data[0] : '\0';
    const char *found = c ? strchr(from, c) : NULL;
    if (found) {
        hone_buffer_append_byte(out, to[found - from]);
        text->data++;
        text->size--;
        return true;
    }
    if (c == 'u') {
        text->data++;
        text->size--;
        return take_code_point(text, out);
    }
    if (text->size < 2 || digit_of(c, true) < 0 || digit_of(text->data[1], true) < 0) {
        return false;
    }
    hone_buffer_append_byte(out, (char)(digit_of(c, true) * 16 + digit_of(text->data[1], true)));
    text->data += 2;
    text->size -= 2;
    return true;
}

void hn_wat_take_string(hn_wat_lexer *lexer, hone_buffer *out_bytes) {
    if (lexer->token.kind != HN_WAT_STRING) {
        hn_wat_fail_token(lexer, "a string");
        return;
    }
    hone_text text = lexer->token.text;
    while (text.size) {
        char c = text.data[0];
        text.data++;
        text.size--;
        if (c != '\\') {
            hone_buffer_append_byte(out_bytes, c);
        } else if (!take_escape(&text, out_bytes)) {
            hn_wat_fail(lexer, HONE_STATUS_MALFORMED, "illegal escape in a string");
            return;
        }
    }
    hn_wat_advance(lexer);
}
