/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/json.h"

#include <assert.h>

#include "number_internal.h"

void hone_json_writer_init(hone_json_writer *writer, hone_buffer *buffer, uint32_t indent_spaces) {
    *writer = (hone_json_writer){.buffer = buffer, .indent_spaces = indent_spaces};
}

/* The innermost level must be an object, or an array. Levels beyond the limit are counted but not
 * known: the buffer says LIMIT by then, and nothing is written any more. */
static void expect_level(const hone_json_writer *writer, bool is_object) {
    assert(writer->depth > 0);
    assert(writer->depth > HONE_JSON_DEPTH_MAX ||
           (writer->object_levels >> (writer->depth - 1) & 1) == is_object);
    (void)writer;
    (void)is_object;
}

static void put_line(hone_json_writer *writer) {
    if (writer->indent_spaces == 0) {
        return;
    }
    hone_buffer_append_byte(writer->buffer, '\n');
    for (uint32_t i = 0; i < writer->indent_spaces * writer->depth; i++) {
        hone_buffer_append_byte(writer->buffer, ' ');
    }
}

/* What belongs between the item before and the next one of an array or object. */
static void put_separator(hone_json_writer *writer) {
    if (writer->has_items) {
        hone_buffer_append_byte(writer->buffer, ',');
    }
    if (writer->depth) {
        put_line(writer);
    }
    writer->has_items = writer->depth > 0;
}

static void begin_value(hone_json_writer *writer) {
    if (!writer->has_key && writer->depth) {
        expect_level(writer, false);
    }
    if (writer->has_key) {
        writer->has_key = false;
    } else {
        put_separator(writer);
    }
}

static void begin_level(hone_json_writer *writer, bool is_object, char bracket) {
    begin_value(writer);
    if (writer->depth < HONE_JSON_DEPTH_MAX) {
        uint64_t bit = (uint64_t)1 << writer->depth;
        writer->object_levels =
            is_object ? writer->object_levels | bit : writer->object_levels & ~bit;
    } else if (writer->buffer->status == HONE_OK) {
        writer->buffer->status = HONE_STATUS_LIMIT;
    }
    writer->depth++;
    writer->has_items = false;
    hone_buffer_append_byte(writer->buffer, bracket);
}

static void end_level(hone_json_writer *writer, bool is_object, char bracket) {
    expect_level(writer, is_object);
    assert(!writer->has_key);
    bool had_items = writer->has_items;
    writer->depth--;
    if (had_items) {
        put_line(writer);
    }
    writer->has_items = writer->depth > 0;
    hone_buffer_append_byte(writer->buffer, bracket);
}

void hone_json_write_object_begin(hone_json_writer *writer) {
    begin_level(writer, true, '{');
}

void hone_json_write_object_end(hone_json_writer *writer) {
    end_level(writer, true, '}');
}

void hone_json_write_array_begin(hone_json_writer *writer) {
    begin_level(writer, false, '[');
}

void hone_json_write_array_end(hone_json_writer *writer) {
    end_level(writer, false, ']');
}

/* --- Text ----------------------------------------------------------------------------------- */

static bool is_plain(unsigned char c) {
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x80;
}

static void put_escape(hone_buffer *buffer, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    const char *name = strchr("\"\\\bb\ff\nn\rr\tt", c);
    if (c == '"' || c == '\\') {
        hone_buffer_append(buffer, (char[]){'\\', (char)c}, 2);
    } else if (c && name) {
        hone_buffer_append(buffer, (char[]){'\\', name[1]}, 2);
    } else {
        hone_buffer_append(buffer, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
}

/* Appends the run of bytes >= 0x80 that the text begins with; returns its size. The run is measured
 * once and each check goes on where the last one stopped, so garbage costs no more than text. */
static size_t put_not_ascii(hone_buffer *buffer, hone_text text) {
    size_t size = 0;
    while (size < text.size && (unsigned char)text.data[size] >= 0x80) {
        size++;
    }
    for (hone_text rest = {text.data, size}; rest.size;) {
        size_t valid;
        if (hone_text_is_utf8(rest, &valid)) {
            hone_buffer_append_text(buffer, rest);
            break;
        }
        hone_buffer_append(buffer, rest.data, valid);
        hone_buffer_append_text(buffer, HONE_TEXT("\xEF\xBF\xBD"));
        rest = (hone_text){rest.data + valid + 1, rest.size - valid - 1};
    }
    return size;
}

static void put_text(hone_buffer *buffer, hone_text text) {
    hone_buffer_append_byte(buffer, '"');
    for (size_t i = 0; i < text.size;) {
        size_t plain = i;
        while (plain < text.size && is_plain((unsigned char)text.data[plain])) {
            plain++;
        }
        hone_buffer_append(buffer, text.data + i, plain - i);
        i = plain;
        if (i == text.size) {
            break;
        }
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x80) {
            i += put_not_ascii(buffer, (hone_text){text.data + i, text.size - i});
        } else {
            put_escape(buffer, c);
            i++;
        }
    }
    hone_buffer_append_byte(buffer, '"');
}

void hone_json_write_text(hone_json_writer *writer, hone_text text) {
    begin_value(writer);
    put_text(writer->buffer, text);
}

void hone_json_write_key(hone_json_writer *writer, hone_text key) {
    expect_level(writer, true);
    assert(!writer->has_key);
    put_separator(writer);
    put_text(writer->buffer, key);
    hone_buffer_append(writer->buffer, ": ", writer->indent_spaces ? 2 : 1);
    writer->has_key = true;
}

/* --- Scalars -------------------------------------------------------------------------------- */

void hone_json_write_i64(hone_json_writer *writer, int64_t value) {
    char text[HONE_NUMBER_TEXT_MAX];
    begin_value(writer);
    hone_buffer_append(writer->buffer, text, hone_number_format_i64(value, text));
}

void hone_json_write_u64(hone_json_writer *writer, uint64_t value) {
    char text[HONE_NUMBER_TEXT_MAX];
    begin_value(writer);
    hone_buffer_append(writer->buffer, text, hn_number_format_u64(value, text));
}

void hone_json_write_f64(hone_json_writer *writer, double value) {
    char text[HONE_NUMBER_TEXT_MAX];
    if (!__builtin_isfinite(value)) {
        hone_json_write_null(writer);
        return;
    }
    begin_value(writer);
    hone_buffer_append(writer->buffer, text, hone_number_format_f64(value, text));
}

void hone_json_write_bool(hone_json_writer *writer, bool value) {
    begin_value(writer);
    hone_buffer_append_text(writer->buffer, value ? HONE_TEXT("true") : HONE_TEXT("false"));
}

void hone_json_write_null(hone_json_writer *writer) {
    begin_value(writer);
    hone_buffer_append_text(writer->buffer, HONE_TEXT("null"));
}

void hone_json_write_raw(hone_json_writer *writer, hone_text json) {
    begin_value(writer);
    hone_buffer_append_text(writer->buffer, json);
}
