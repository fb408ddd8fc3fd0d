/* SPDX-License-Identifier: Apache-2.0 */
#include "cells_internal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/span.h"

static bool has_blocks(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) {
            return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8") ||
                   strstr(value, "utf-8");
        }
    }
    return false;
}

void hn_cli_figure_count(double value, char *out_text, size_t size) {
    static const char suffixes[] = {'\0', 'k', 'M', 'G', 'T', 'P'};
    size_t step = 0;
    double magnitude = value < 0 ? -value : value;
    while (magnitude >= 999.5 && step + 1 < sizeof suffixes) {
        magnitude /= 1000;
        value /= 1000;
        step++;
    }
    bool is_whole = step == 0 && value == (double)(long long)value;
    int decimals = is_whole || magnitude >= 99.95 ? 0 : magnitude >= 9.995 || step == 0 ? 1 : 2;
    char suffix[2] = {suffixes[step], '\0'};
    (void)snprintf(out_text, size, "%.*f%s", decimals, value, suffix);
}

static void append(char *text, size_t size, size_t *used, const char *more) {
    size_t length = strlen(more);
    if (*used + length < size) {
        memcpy(text + *used, more, length + 1);
        *used += length;
    }
}

void hn_cli_figure_bar(double share, uint32_t cells, char *out_text, size_t size) {
    bool is_block = has_blocks();
    double filled = (share < 0 ? 0 : share > 1 ? 1 : share) * cells;
    size_t used = 0;
    out_text[0] = '\0';
    for (uint32_t i = 0; i < cells; i++) {
        bool is_full = filled >= (double)i + 0.5;
        append(out_text, size, &used, is_full ? (is_block ? "█" : "#") : (is_block ? "░" : "."));
    }
}

void hn_cli_figure_sparkline(const double *values, uint32_t count, char *out_text, size_t size) {
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ".", "-", "-", "=", "=", "#", "#"};
    const char *const *cells = has_blocks() ? blocks : plain;
    double highest = 0;
    size_t used = 0;
    out_text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        highest = values[i] > highest ? values[i] : highest;
    }
    for (uint32_t i = 0; i < count; i++) {
        double share = highest > 0 && values[i] > 0 ? values[i] / highest : 0;
        uint32_t level = share > 0 ? 1 + (uint32_t)(share * 7 + 0.5) : 0;
        append(out_text, size, &used, cells[level]);
    }
}

uint32_t hn_cli_figure_width(const char *text) {
    uint32_t width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

void hn_cli_figure_name(const char *name, size_t name_size_max, uint32_t columns, char *out_text) {
    hone_text text = {name, strnlen(name, name_size_max)};
    bool is_text = hone_text_is_utf8(text, NULL);
    size_t used = 0;
    uint32_t width = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool starts = (byte & 0xC0) != 0x80 || !is_text;
        if (starts && width == columns) {
            /* One too many: the last character makes room for the mark. */
            while (used > 0 && ((unsigned char)out_text[used - 1] & 0xC0) == 0x80) {
                used--;
            }
            out_text[used ? used - 1 : 0] = '~';
            break;
        }
        width += starts;
        out_text[used++] =
            byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !is_text) ? '?' : (char)byte;
    }
    out_text[used] = '\0';
}
