/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/units.h"

#include <stdio.h>

typedef struct unit {
    const char *name;
    double factor;
} unit;

static const unit duration_units[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6},   {"s", 1e9},
                                      {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}};
static const unit size_units[] = {{"", 1},
                                  {"B", 1},
                                  {"KiB", 1024},
                                  {"MiB", 1048576},
                                  {"GiB", 1073741824.0},
                                  {"TiB", 1099511627776.0},
                                  {"kB", 1e3},
                                  {"MB", 1e6},
                                  {"GB", 1e9},
                                  {"TB", 1e12}};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* digits [ . digits ] [space] unit. Doubles hold every whole quantity below 2^53 units exactly. */
static hone_status parse_quantity(hone_text text, const unit *units, size_t units_count,
                                  uint64_t *out) {
    double value = 0, scale = 1;
    size_t i = 0;
    for (; i < text.size && is_digit(text.data[i]); i++) {
        value = value * 10 + (text.data[i] - '0');
    }
    if (i == 0) {
        return HONE_STATUS_SYNTAX;
    }
    if (i + 1 < text.size && text.data[i] == '.' && is_digit(text.data[i + 1])) {
        for (i++; i < text.size && is_digit(text.data[i]); i++) {
            value = value * 10 + (text.data[i] - '0');
            scale *= 10;
        }
    }
    hone_text name = hone_text_trim((hone_text){text.data + i, text.size - i});
    for (size_t u = 0; u < units_count; u++) {
        if (hone_text_is(name, units[u].name)) {
            double total = value * units[u].factor / scale;
            if (!(total < 9.2e18)) {
                return HONE_STATUS_OVERFLOW;
            }
            *out = (uint64_t)(total + 0.5);
            return HONE_OK;
        }
    }
    return HONE_STATUS_SYNTAX;
}

hone_status hone_duration_parse(hone_text text, uint64_t *out_ns) {
    return parse_quantity(text, duration_units, sizeof duration_units / sizeof *duration_units,
                          out_ns);
}

hone_status hone_size_parse(hone_text text, uint64_t *out_bytes) {
    return parse_quantity(text, size_units, sizeof size_units / sizeof *size_units, out_bytes);
}

/* What snprintf wrote, which is less than what it wanted to where the text was cut. */
static size_t written(int length, size_t size) {
    return length < 0 || size == 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

static size_t format_scaled(double value, const unit *units, size_t units_count, char *out_text,
                            size_t size) {
    size_t u = 0;
    while (u + 1 < units_count && value >= units[u + 1].factor) {
        u++;
    }
    double scaled = value / units[u].factor;
    int decimals = scaled >= 100 || units[u].factor == 1 ? 0 : scaled >= 10 ? 1 : 2;
    int length = snprintf(out_text, size, "%.*f %s", decimals, scaled, units[u].name);
    return written(length, size);
}

size_t hone_duration_format(double ns, char *out_text, size_t size) {
    if (ns < 100 && ns > 0) {
        int length = snprintf(out_text, size, "%.*f ns", ns >= 10 ? 1 : 2, ns);
        return written(length, size);
    }
    return format_scaled(ns, duration_units, 4, out_text, size);
}

size_t hone_size_format(double bytes, char *out_text, size_t size) {
    return format_scaled(bytes, size_units + 1, 5, out_text, size);
}
