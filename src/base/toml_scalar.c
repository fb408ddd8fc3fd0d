/* SPDX-License-Identifier: Apache-2.0 */
/* Booleans, integers, floats, dates and times: everything that is one unquoted token. */
#include "toml_internal.h"

#include "hone/base/number.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_token(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '+' || c == '.' || c == ':';
}

/* The token at the cursor; it can be empty. */
static hone_text token_of(const hn_toml_parser *parser) {
    const char *at = parser->at;
    while (at < parser->end && is_token(*at)) {
        at++;
    }
    return (hone_text){parser->at, (size_t)(at - parser->at)};
}

static hone_status fail_token(const hn_toml_parser *parser, hone_text token, const char *problem) {
    int size = token.size > 40 ? 40 : (int)token.size;
    return hn_toml_fail(parser, token.data, HONE_STATUS_SYNTAX, "'%.*s': %s", size, token.data,
                        problem);
}

/* --- Numbers -------------------------------------------------------------------------------- */

/* `digits` without its underscores, each of which must stand between two digits, as a copy in the
 * arena; *out_problem says what is wrong. A false return without a problem is out of memory. */
static bool without_underscores(const hn_toml_parser *parser, hone_text digits, bool is_hex,
                                hone_text *out_text, const char **out_problem) {
    *out_problem = NULL;
    if (!memchr(digits.data, '_', digits.size)) {
        *out_text = digits;
        return true;
    }
    char *copy = hone_arena_copy_text(parser->arena, digits);
    size_t size = 0;
    for (size_t i = 0; copy && i < digits.size; i++) {
        char before = i ? digits.data[i - 1] : '_';
        char after = i + 1 < digits.size ? digits.data[i + 1] : '_';
        if (digits.data[i] != '_') {
            copy[size++] = digits.data[i];
        } else if (!(is_digit(before) && is_digit(after)) &&
                   !(is_hex && before != '_' && after != '_')) {
            *out_problem = "an underscore must stand between two digits";
            return false;
        }
    }
    *out_text = (hone_text){copy, size};
    return copy != NULL;
}

static int digit_value(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

/* 0x, 0o, 0b */
static hone_status parse_prefixed(hn_toml_parser *parser, hone_text token,
                                  hone_toml_value *out_value) {
    int base = token.data[1] == 'x' ? 16 : token.data[1] == 'o' ? 8 : 2;
    hone_text digits = {token.data + 2, token.size - 2};
    const char *problem;
    uint64_t value = 0;
    if (digits.size == 0) {
        return fail_token(parser, token, "digits are missing behind the prefix");
    }
    if (!without_underscores(parser, digits, base == 16, &digits, &problem)) {
        return problem ? fail_token(parser, token, problem) : hn_toml_fail_memory(parser);
    }
    for (size_t i = 0; i < digits.size; i++) {
        int digit = digit_value(digits.data[i]);
        if (digit >= base) {
            return fail_token(parser, token,
                              base == 16  ? "not a hexadecimal integer"
                              : base == 8 ? "not an octal integer"
                                          : "not a binary integer");
        }
        if (value > (uint64_t)INT64_MAX / (uint64_t)base ||
            value * (uint64_t)base > (uint64_t)INT64_MAX - (uint64_t)digit) {
            return hn_toml_fail(parser, token.data, HONE_STATUS_OVERFLOW,
                                "the integer does not fit 64 bits");
        }
        value = value * (uint64_t)base + (uint64_t)digit;
    }
    out_value->type = HONE_TOML_INTEGER;
    out_value->as.integer = (int64_t)value;
    return HONE_OK;
}

static size_t digits_at(hone_text text, size_t from) {
    size_t i = from;
    while (i < text.size && is_digit(text.data[i])) {
        i++;
    }
    return i - from;
}

/* What keeps `text` (no underscores) from being a TOML number, or NULL. */
static const char *check_number(hone_text text, bool *out_is_float) {
    static const char hint[] =
        "expected a value: a string in quotes, a number, true, false, a date, [ or {";
    size_t i = text.size && (text.data[0] == '+' || text.data[0] == '-') ? 1 : 0;
    size_t whole = digits_at(text, i);
    *out_is_float = false;
    if (whole == 0) {
        return i < text.size && text.data[i] == '.' ? "a digit is missing in front of the point"
                                                    : hint;
    }
    if (whole > 1 && text.data[i] == '0') {
        return "a number must not begin with zeros";
    }
    i += whole;
    if (i < text.size && text.data[i] == '.') {
        size_t fraction = digits_at(text, i + 1);
        *out_is_float = true;
        if (fraction == 0) {
            return "a digit is missing behind the point";
        }
        i += 1 + fraction;
    }
    if (i < text.size && (text.data[i] | 0x20) == 'e') {
        i++;
        i += i < text.size && (text.data[i] == '+' || text.data[i] == '-');
        size_t exponent = digits_at(text, i);
        *out_is_float = true;
        if (exponent == 0) {
            return "digits are missing in the exponent";
        }
        i += exponent;
    }
    return i == text.size ? NULL : "not a number (text needs quotes)";
}

static hone_status parse_decimal(hn_toml_parser *parser, hone_text token,
                                 hone_toml_value *out_value) {
    hone_text digits;
    const char *problem;
    bool is_float;
    if (!without_underscores(parser, token, false, &digits, &problem)) {
        return problem ? fail_token(parser, token, problem) : hn_toml_fail_memory(parser);
    }
    problem = check_number(digits, &is_float);
    if (problem) {
        return fail_token(parser, token, problem);
    }
    hone_status status;
    if (is_float) {
        out_value->type = HONE_TOML_FLOAT;
        status = hone_number_parse_f64(digits, &out_value->as.number);
    } else {
        out_value->type = HONE_TOML_INTEGER;
        status = hone_number_parse_i64(digits, &out_value->as.integer);
    }
    if (status == HONE_STATUS_OVERFLOW) {
        return hn_toml_fail(parser, token.data, status, "the %s",
                            is_float ? "number is too large for a 64-bit float"
                                     : "integer does not fit 64 bits");
    }
    return status;
}

/* inf and nan with an optional sign. */
static bool parse_special(hone_text token, hone_toml_value *out_value) {
    hone_text word = token;
    bool has_sign = token.size && (token.data[0] == '+' || token.data[0] == '-');
    if (has_sign) {
        word = (hone_text){token.data + 1, token.size - 1};
    }
    if (!hone_text_is(word, "inf") && !hone_text_is(word, "nan")) {
        return false;
    }
    out_value->type = HONE_TOML_FLOAT;
    return hone_number_parse_f64(token, &out_value->as.number) == HONE_OK;
}

hone_status hn_toml_parse_scalar(hn_toml_parser *parser, hone_toml_value *out_value) {
    hone_text token = token_of(parser);
    hone_status status = HONE_OK;
    if (token.size == 0) {
        return hn_toml_fail_expected(
            parser, "a value: a string in quotes, a number, true, false, a date, [ or {");
    }
    if (hn_toml_is_datetime(token)) {
        return hn_toml_parse_datetime(parser, out_value);
    }
    if (hone_text_is(token, "true") || hone_text_is(token, "false")) {
        out_value->type = HONE_TOML_BOOL;
        out_value->as.boolean = token.size == 4;
    } else if (token.size >= 2 && token.data[0] == '0' && strchr("xob", token.data[1])) {
        status = parse_prefixed(parser, token, out_value);
    } else if (!parse_special(token, out_value)) {
        status = parse_decimal(parser, token, out_value);
    }
    if (status == HONE_OK) {
        parser->at += token.size;
    }
    return status;
}

/* --- Dates and times ------------------------------------------------------------------------ */

bool hn_toml_is_datetime(hone_text rest) {
    size_t digits = digits_at(rest, 0);
    return digits < rest.size &&
           ((digits == 4 && rest.data[4] == '-') || (digits == 2 && rest.data[2] == ':'));
}

/* Exactly `digits_count` digits, between the limits. */
static hone_status parse_part(hn_toml_parser *parser, int digits_count, uint32_t low, uint32_t high,
                              uint32_t *out_part) {
    const char *start = parser->at;
    uint32_t value = 0;
    for (int i = 0; i < digits_count; i++) {
        if (!is_digit(hn_toml_peek(parser))) {
            return hn_toml_fail_expected(parser, digits_count == 2
                                                     ? "a digit (this part of a date or time has 2)"
                                                     : "a digit (a year has 4)");
        }
        value = value * 10 + (uint32_t)(*parser->at++ - '0');
    }
    if (value < low || value > high) {
        return hn_toml_fail(parser, start, HONE_STATUS_SYNTAX,
                            "%.*s is out of range: expected %02u to %02u", digits_count, start, low,
                            high);
    }
    *out_part = value;
    return HONE_OK;
}

static hone_status take_byte(hn_toml_parser *parser, char c, const char *expected) {
    if (hn_toml_peek(parser) != c) {
        return hn_toml_fail_expected(parser, expected);
    }
    parser->at++;
    return HONE_OK;
}

static uint32_t days_in_month(uint32_t year, uint32_t month) {
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

static hone_status parse_date(hn_toml_parser *parser, hone_toml_datetime *out) {
    uint32_t year = 0, month = 0, day = 0;
    hone_status status = parse_part(parser, 4, 0, 9999, &year);
    if (status == HONE_OK) {
        status = take_byte(parser, '-', "- behind the year");
    }
    if (status == HONE_OK) {
        status = parse_part(parser, 2, 1, 12, &month);
    }
    if (status == HONE_OK) {
        status = take_byte(parser, '-', "- behind the month");
    }
    if (status == HONE_OK) {
        status = parse_part(parser, 2, 1, days_in_month(year, month), &day);
    }
    out->year = (uint16_t)year;
    out->month = (uint8_t)month;
    out->day = (uint8_t)day;
    return status;
}

/* Digits behind the point; those beyond nanoseconds are cut off, as the specification asks. */
static hone_status parse_fraction(hn_toml_parser *parser, uint32_t *out_nanosecond) {
    uint32_t scale = 100000000, value = 0;
    if (!is_digit(hn_toml_peek(parser))) {
        return hn_toml_fail_expected(parser, "a digit behind the point");
    }
    for (; is_digit(hn_toml_peek(parser)); parser->at++) {
        value += (uint32_t)(*parser->at - '0') * scale;
        scale /= 10;
    }
    *out_nanosecond = value;
    return HONE_OK;
}

static hone_status parse_time(hn_toml_parser *parser, hone_toml_datetime *out) {
    uint32_t hour = 0, minute = 0, second = 0;
    hone_status status = parse_part(parser, 2, 0, 23, &hour);
    if (status == HONE_OK) {
        status = take_byte(parser, ':', ": behind the hour");
    }
    if (status == HONE_OK) {
        status = parse_part(parser, 2, 0, 59, &minute);
    }
    if (status == HONE_OK) {
        status = take_byte(parser, ':', ": and seconds behind the minute");
    }
    if (status == HONE_OK) {
        status = parse_part(parser, 2, 0, 60, &second);
    }
    if (status == HONE_OK && hn_toml_peek(parser) == '.') {
        parser->at++;
        status = parse_fraction(parser, &out->nanosecond);
    }
    out->hour = (uint8_t)hour;
    out->minute = (uint8_t)minute;
    out->second = (uint8_t)second;
    return status;
}

/* Z or +HH:MM, if one stands at the cursor. */
static hone_status parse_offset(hn_toml_parser *parser, hone_toml_value *out_value) {
    uint32_t hour = 0, minute = 0;
    char sign = hn_toml_peek(parser);
    if ((sign | 0x20) == 'z') {
        parser->at++;
        out_value->type = HONE_TOML_OFFSET_DATETIME;
        return HONE_OK;
    }
    if (sign != '+' && sign != '-') {
        return HONE_OK;
    }
    parser->at++;
    hone_status status = parse_part(parser, 2, 0, 23, &hour);
    if (status == HONE_OK) {
        status = take_byte(parser, ':', ": behind the hour of the offset");
    }
    if (status == HONE_OK) {
        status = parse_part(parser, 2, 0, 59, &minute);
    }
    int minutes = (int)(hour * 60 + minute);
    out_value->as.datetime.offset_minutes = (int16_t)(sign == '-' ? -minutes : minutes);
    out_value->type = HONE_TOML_OFFSET_DATETIME;
    return status;
}

/* Whether a time follows a date: T, or a blank and a digit. */
static bool has_time(const hn_toml_parser *parser) {
    char c = hn_toml_peek(parser);
    return (c | 0x20) == 't' ||
           (c == ' ' && parser->end - parser->at >= 2 && is_digit(parser->at[1]));
}

hone_status hn_toml_parse_datetime(hn_toml_parser *parser, hone_toml_value *out_value) {
    hone_toml_datetime *datetime = &out_value->as.datetime;
    *datetime = (hone_toml_datetime){0};
    if (parser->at[2] == ':') {
        out_value->type = HONE_TOML_LOCAL_TIME;
        return parse_time(parser, datetime);
    }
    out_value->type = HONE_TOML_LOCAL_DATE;
    hone_status status = parse_date(parser, datetime);
    if (status != HONE_OK || !has_time(parser)) {
        return status;
    }
    parser->at++;
    out_value->type = HONE_TOML_LOCAL_DATETIME;
    status = parse_time(parser, datetime);
    return status == HONE_OK ? parse_offset(parser, out_value) : status;
}
