/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/csv.h"
#include "hone/base/number.h"

void hone_csv_writer_init(hone_csv_writer *writer, hone_buffer *buffer, char separator) {
    *writer = (hone_csv_writer){.buffer = buffer, .separator = separator ? separator : ','};
}

static void begin_field(hone_csv_writer *writer, bool is_blank) {
    if (writer->has_fields) {
        hone_buffer_append_byte(writer->buffer, writer->separator);
    }
    writer->is_blank = is_blank && !writer->has_fields;
    writer->has_fields = true;
}

static bool needs_quotes(hone_text text, char separator) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == separator || c == '"' || c == '\n' || c == '\r') {
            return true;
        }
    }
    return false;
}

void hone_csv_write_text(hone_csv_writer *writer, hone_text text) {
    begin_field(writer, text.size == 0);
    if (!needs_quotes(text, writer->separator)) {
        hone_buffer_append_text(writer->buffer, text);
        return;
    }
    hone_buffer_append_byte(writer->buffer, '"');
    while (text.size) {
        const char *quote = memchr(text.data, '"', text.size);
        size_t size = quote ? (size_t)(quote - text.data) + 1 : text.size;
        hone_buffer_append(writer->buffer, text.data, size);
        if (quote) {
            hone_buffer_append_byte(writer->buffer, '"');
        }
        text = (hone_text){text.data + size, text.size - size};
    }
    hone_buffer_append_byte(writer->buffer, '"');
}

void hone_csv_write_i64(hone_csv_writer *writer, int64_t value) {
    char text[HONE_NUMBER_TEXT_MAX];
    hone_csv_write_text(writer, (hone_text){text, hone_number_format_i64(value, text)});
}

void hone_csv_write_f64(hone_csv_writer *writer, double value) {
    char text[HONE_NUMBER_TEXT_MAX];
    hone_csv_write_text(writer, (hone_text){text, hone_number_format_f64(value, text)});
}

void hone_csv_write_row_end(hone_csv_writer *writer) {
    if (writer->is_blank) {
        hone_buffer_append_text(writer->buffer, HONE_TEXT("\"\""));
    }
    hone_buffer_append_byte(writer->buffer, '\n');
    writer->has_fields = false;
    writer->is_blank = false;
}
