/* SPDX-License-Identifier: Apache-2.0 */
/* Days and dates by the proleptic Gregorian calendar; the algorithms are H. Hinnant's
 * "chrono-compatible low-level date algorithms" (2013): years begin in March, so that the leap day
 * is the last of its year. */
#include "hone/base/timestamp.h"

#include <stdio.h>

#define NS_PER_SECOND INT64_C(1000000000)

static int64_t days_of_date(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void date_of_days(int64_t days, int64_t *out_year, unsigned *out_month, unsigned *out_day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    *out_day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1);
    *out_month = (unsigned)(month < 10 ? month + 3 : month - 9);
    *out_year = year_of_era + era * 400 + (*out_month <= 2);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Exactly `count` digits. */
static bool take_digits(hone_text *text, size_t count, unsigned *out_value) {
    unsigned value = 0;
    if (text->size < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(text->data[i])) {
            return false;
        }
        value = value * 10 + (unsigned)(text->data[i] - '0');
    }
    text->data += count;
    text->size -= count;
    *out_value = value;
    return true;
}

static bool take_one_of(hone_text *text, const char *set) {
    if (text->size == 0 || text->data[0] == '\0' || !strchr(set, text->data[0])) {
        return false;
    }
    text->data++;
    text->size--;
    return true;
}

/* ".123" as ns; digits beyond the ninth are cut. */
static bool take_fraction(hone_text *text, int64_t *out_ns) {
    int64_t ns = 0, scale = NS_PER_SECOND;
    *out_ns = 0;
    if (!take_one_of(text, ".")) {
        return true;
    }
    if (text->size == 0 || !is_digit(text->data[0])) {
        return false;
    }
    for (; text->size && is_digit(text->data[0]); text->data++, text->size--) {
        if (scale > 1) {
            scale /= 10;
            ns += (text->data[0] - '0') * scale;
        }
    }
    *out_ns = ns;
    return true;
}

static bool take_offset(hone_text *text, int64_t *out_seconds) {
    unsigned hours, minutes;
    *out_seconds = 0;
    if (text->size == 0 || take_one_of(text, "Zz")) {
        return true;
    }
    bool is_west = text->data[0] == '-';
    if (!take_one_of(text, "+-") || !take_digits(text, 2, &hours) || !take_one_of(text, ":") ||
        !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *out_seconds = (int64_t)(hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month) {
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

static hone_status assemble(int64_t seconds, int64_t fraction_ns, int64_t *out_ns) {
    int64_t ns;
    if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &ns) ||
        __builtin_add_overflow(ns, fraction_ns, &ns)) {
        return HONE_STATUS_OVERFLOW;
    }
    *out_ns = ns;
    return HONE_OK;
}

static hone_status parse_date(hone_text text, int64_t *out_ns) {
    unsigned year, month, day, hour, minute, second = 0;
    int64_t fraction_ns = 0, offset;
    bool is_date =
        take_digits(&text, 4, &year) && take_one_of(&text, "-") && take_digits(&text, 2, &month) &&
        take_one_of(&text, "-") && take_digits(&text, 2, &day) && take_one_of(&text, "Tt ") &&
        take_digits(&text, 2, &hour) && take_one_of(&text, ":") && take_digits(&text, 2, &minute);
    if (is_date && take_one_of(&text, ":")) {
        is_date = take_digits(&text, 2, &second) && take_fraction(&text, &fraction_ns);
    }
    if (!is_date || !take_offset(&text, &offset) || text.size) {
        return HONE_STATUS_SYNTAX;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 60) {
        return HONE_STATUS_SYNTAX;
    }
    int64_t seconds =
        days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return assemble(seconds, fraction_ns, out_ns);
}

static hone_status parse_seconds(hone_text text, int64_t *out_ns) {
    int64_t seconds = 0, fraction_ns = 0;
    bool is_negative = take_one_of(&text, "-");
    size_t digits_count = 0;
    for (; text.size && is_digit(text.data[0]); text.data++, text.size--, digits_count++) {
        if (digits_count >= 12) {
            return HONE_STATUS_OVERFLOW;
        }
        seconds = seconds * 10 + (text.data[0] - '0');
    }
    if (digits_count == 0 || !take_fraction(&text, &fraction_ns) || text.size) {
        return HONE_STATUS_SYNTAX;
    }
    return is_negative ? assemble(-seconds, -fraction_ns, out_ns)
                       : assemble(seconds, fraction_ns, out_ns);
}

hone_status hone_timestamp_parse(hone_text text, int64_t *out_ns) {
    return text.size > 4 && text.data[4] == '-' ? parse_date(text, out_ns)
                                                : parse_seconds(text, out_ns);
}

/* Exactly `count` digits, then `end`; sinks write a time with every record, too often for printf.
 */
static char *put_digits(char *out_text, uint32_t value, int count, char end) {
    for (int i = count - 1; i >= 0; i--) {
        out_text[i] = (char)('0' + value % 10);
        value /= 10;
    }
    out_text[count] = end;
    return out_text + count + 1;
}

/* Appends ".5" for half a second, nothing for none. */
static size_t format_fraction(int64_t ns, char *out_text) {
    size_t length = 0;
    if (ns) {
        out_text[0] = '.';
        length = (size_t)(put_digits(out_text + 1, (uint32_t)ns, 9, '0') - out_text) - 1;
    }
    while (length && out_text[length - 1] == '0') {
        length--;
    }
    return length;
}

size_t hone_timestamp_format(int64_t ns, char *out_text) {
    int64_t seconds = ns / NS_PER_SECOND - (ns % NS_PER_SECOND < 0);
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    unsigned of_day = (unsigned)(seconds - days * 86400);
    int64_t year;
    unsigned month, day;
    date_of_days(days, &year, &month, &day);
    char *end = put_digits(out_text, (uint32_t)year, 4, '-'); /* 1678 to 2261 */
    end = put_digits(end, month, 2, '-');
    end = put_digits(end, day, 2, 'T');
    end = put_digits(end, of_day / 3600, 2, ':');
    end = put_digits(end, of_day / 60 % 60, 2, ':');
    end = put_digits(end, of_day % 60, 2, 'Z');
    size_t length = (size_t)(end - out_text) - 1;
    length += format_fraction(ns - seconds * NS_PER_SECOND, out_text + length);
    out_text[length++] = 'Z';
    out_text[length] = '\0';
    return length;
}

size_t hone_timestamp_format_seconds(int64_t ns, char *out_text) {
    int64_t seconds = ns / NS_PER_SECOND, fraction_ns = ns % NS_PER_SECOND;
    bool is_negative = ns < 0;
    size_t length =
        (size_t)snprintf(out_text, HONE_TIMESTAMP_TEXT_MAX, "%s%lld", is_negative ? "-" : "",
                         (long long)(is_negative ? -seconds : seconds));
    length += format_fraction(is_negative ? -fraction_ns : fraction_ns, out_text + length);
    out_text[length] = '\0';
    return length;
}
