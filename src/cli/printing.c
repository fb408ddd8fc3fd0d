/* SPDX-License-Identifier: Apache-2.0 */
#include "printing_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/platform/terminal.h"

enum {
    OUTPUT_BYTES_MAX = 64 << 20,
    LINE_BYTES_MAX = 4096,
    COLUMNS_DEFAULT = 80,
    COLUMNS_MAX = 100
};

static bool is_colour_wanted(void) {
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return (!no_colour || !*no_colour) && terminal && strcmp(terminal, "dumb") != 0;
}

void hn_cli_output_init(hn_cli_output *output, int fd) {
    *output = (hn_cli_output){.columns = COLUMNS_DEFAULT};
    output->file = (hone_file){.fd = fd, .is_standard = true, .is_regular = false};
    hone_buffer_init(&output->buffer, NULL, OUTPUT_BYTES_MAX);
    output->is_terminal = hone_terminal_is_at(fd);
    output->has_colour = output->is_terminal && is_colour_wanted();
    uint32_t columns, rows;
    if (output->is_terminal && hone_terminal_size(fd, &columns, &rows) == HONE_OK) {
        output->columns = columns > COLUMNS_MAX ? COLUMNS_MAX : columns < 40 ? 40 : columns;
    }
}

void hn_cli_print(hn_cli_output *output, const char *format, ...) {
    char line[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > 0) {
        size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
        hone_buffer_append(&output->buffer, line, size);
    }
}

void hn_cli_print_text(hn_cli_output *output, hone_text text) {
    hone_buffer_append_text(&output->buffer, text);
}

/* Columns that UTF-8 text takes, one per character: what the tables hold has no wide ones. */
static uint32_t width_of(hone_text text) {
    uint32_t width = 0;
    for (size_t i = 0; i < text.size; i++) {
        width += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return width;
}

void hn_cli_print_wrapped(hn_cli_output *output, hone_text text, uint32_t indent, uint32_t column) {
    bool is_line_empty = true;
    while (text.data) {
        hone_text word = hone_text_split(&text, ' ');
        if (word.size == 0) {
            continue;
        }
        uint32_t width = width_of(word);
        if (!is_line_empty && column + 1 + width > output->columns) {
            hn_cli_print(output, "\n");
            column = 0;
            is_line_empty = true;
        }
        if (column < indent) {
            hn_cli_print(output, "%*s", (int)(indent - column), "");
            column = indent;
        }
        hn_cli_print(output, "%s%.*s", is_line_empty ? "" : " ", HONE_TEXT_ARGS(word));
        column += width + !is_line_empty;
        is_line_empty = false;
    }
    hn_cli_print(output, "\n");
}

const char *hn_cli_style_of(const hn_cli_output *output, hn_style style) {
    static const char *const sequences[] = {
        [HN_STYLE_PLAIN] = "\x1b[0m",  [HN_STYLE_TITLE] = "\x1b[1m",
        [HN_STYLE_NAME] = "\x1b[36m",  [HN_STYLE_FAINT] = "\x1b[2m",
        [HN_STYLE_GOOD] = "\x1b[32m",  [HN_STYLE_WARNING] = "\x1b[33m",
        [HN_STYLE_BAD] = "\x1b[1;31m",
    };
    return output->has_colour ? sequences[style] : "";
}

void hn_cli_output_flush(hn_cli_output *output) {
    hone_text text = hone_buffer_text(&output->buffer);
    if (!output->status && hone_buffer_status(&output->buffer)) {
        output->status = hone_diag_set(&output->diag, hone_buffer_status(&output->buffer),
                                       "there is not enough memory for the output");
    }
    while (!output->status && text.size) {
        size_t written = 0;
        output->status =
            hone_file_write(&output->file, text.data, text.size, &written, &output->diag);
        text.data += written;
        text.size -= written;
    }
    hone_buffer_clear(&output->buffer);
}

hone_status hn_cli_output_finish(hn_cli_output *output) {
    hn_cli_output_flush(output);
    hone_status status = hone_file_close(&output->file, output->status ? NULL : &output->diag);
    output->status = output->status ? output->status : status;
    hone_buffer_deinit(&output->buffer);
    return output->status;
}

hone_status hn_cli_write_file(const char *path, hone_text content, hone_diag *diag) {
    char beside[512];
    hone_status status = hone_file_replace(path, content, diag);
    (void)snprintf(beside, sizeof beside, "'%s.", path);
    if (status != HONE_OK && diag && strstr(diag->message, beside)) {
        const char *reason =
            status == HONE_STATUS_NOT_FOUND ? "there is no such folder" : hone_status_text(status);
        (void)hone_diag_set(diag, status, "cannot be written: %s", reason);
    }
    hone_diag_at(diag, path, 0, 0);
    return status;
}
