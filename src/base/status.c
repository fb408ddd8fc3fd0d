/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/status.h"

#include <stdio.h>
#include <string.h>

const char *hone_status_name(hone_status status) {
    switch (status) {
    case HONE_OK: return "OK";
#define STATUS_NAME(name, number, text) \
    case HONE_STATUS_##name: return #name;
        HONE_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    return "UNKNOWN";
}

const char *hone_status_text(hone_status status) {
    switch (status) {
    case HONE_OK: return "ok";
#define STATUS_TEXT(name, number, text) \
    case HONE_STATUS_##name: return text;
        HONE_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

void hone_diag_clear(hone_diag *diag) {
    if (diag) {
        *diag = (hone_diag){0};
    }
}

hone_status hone_diag_set(hone_diag *diag, hone_status status, const char *format, ...) {
    if (diag) {
        diag->status = status;
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(diag->message, sizeof diag->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

static void copy_cut(char *to, size_t size, const char *from) {
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

void hone_diag_at(hone_diag *diag, const char *file, uint32_t line, uint32_t column) {
    if (!diag) {
        return;
    }
    if (file) {
        copy_cut(diag->file, sizeof diag->file, file);
    }
    diag->line = line;
    diag->column = column;
}

void hone_diag_about(hone_diag *diag, const char *subject) {
    if (diag && subject) {
        copy_cut(diag->subject, sizeof diag->subject, subject);
    }
}

/* Appends to a terminated string of `size` bytes that holds `*used` already; cuts silently. */
HONE_PRINTF(4, 5)
static void append(char *text, size_t size, size_t *used, const char *format, ...) {
    if (*used + 1 >= size) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text + *used, size - *used, format, arguments);
    va_end(arguments);
    if (length > 0) {
        size_t room = size - *used - 1;
        *used += (size_t)length < room ? (size_t)length : room;
    }
}

/* Names and data may hold what a terminal would obey: ASCII and C1 control characters. */
static void mask_controls(char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)text[i], next = (uint8_t)text[i + 1]; /* text is terminated */
        if (byte < 0x20 || byte == 0x7F) {
            text[i] = '?';
        } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {
            text[i] = text[i + 1] = '?';
        }
    }
}

size_t hone_diag_format(const hone_diag *diag, char *out_text, size_t size) {
    if (!diag || !out_text || size == 0) {
        return 0;
    }
    size_t used = 0;
    out_text[0] = '\0';
    if (diag->file[0]) {
        append(out_text, size, &used, "%s:", diag->file);
    }
    if (diag->line) {
        append(out_text, size, &used, diag->file[0] ? "%u:" : "line %u:", (unsigned)diag->line);
    }
    if (diag->line && diag->column) {
        append(out_text, size, &used, "%u:", (unsigned)diag->column);
    }
    if (used) {
        append(out_text, size, &used, " ");
    }
    if (diag->subject[0]) {
        append(out_text, size, &used, "%s: ", diag->subject);
    }
    append(out_text, size, &used, "%s",
           diag->message[0] ? diag->message : hone_status_text(diag->status));
    mask_controls(out_text, used);
    return used;
}
