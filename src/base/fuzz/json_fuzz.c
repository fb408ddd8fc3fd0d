/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: what the reader accepts, the writer writes again so that reading it once more gives
 * the same bytes; what it refuses has a place inside the content. */
#include <stdlib.h>

#include "hone/base/json.h"

enum { BUFFER_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) {
        abort();
    }
}

static void copy_text(hone_json_writer *writer, const hone_json_event *event) {
    char *decoded = malloc(event->text.size + 1);
    require(decoded != NULL);
    hone_text text = {decoded, hone_json_decode(event->text, decoded)};
    require(text.size <= event->text.size && hone_text_is_utf8(text, NULL));
    if (event->type == HONE_JSON_KEY) {
        hone_json_write_key(writer, text);
    } else {
        hone_json_write_text(writer, text);
    }
    free(decoded);
}

static void copy_event(hone_json_writer *writer, const hone_json_event *event) {
    switch (event->type) {
    case HONE_JSON_END: break;
    case HONE_JSON_OBJECT_BEGIN: hone_json_write_object_begin(writer); break;
    case HONE_JSON_OBJECT_END: hone_json_write_object_end(writer); break;
    case HONE_JSON_ARRAY_BEGIN: hone_json_write_array_begin(writer); break;
    case HONE_JSON_ARRAY_END: hone_json_write_array_end(writer); break;
    case HONE_JSON_KEY:
    case HONE_JSON_TEXT: copy_text(writer, event); break;
    case HONE_JSON_INTEGER: hone_json_write_i64(writer, event->integer); break;
    case HONE_JSON_FLOAT: hone_json_write_f64(writer, event->number); break;
    case HONE_JSON_BOOL: hone_json_write_bool(writer, event->boolean); break;
    case HONE_JSON_NULL: hone_json_write_null(writer); break;
    }
}

/* Reads `content` and writes it into `out`. */
static hone_status copy(hone_text content, hone_buffer *out) {
    hone_json_reader reader;
    hone_json_writer writer;
    hone_json_event event;
    hone_status status;
    hone_diag diag = {0};
    hone_json_reader_init(&reader, content);
    hone_json_writer_init(&writer, out, 0);
    do {
        status = hone_json_reader_next(&reader, &event);
        if (status == HONE_OK) {
            require(event.byte_offset <= content.size);
            copy_event(&writer, &event);
        }
    } while (status == HONE_OK && event.type != HONE_JSON_END);
    require(hone_json_reader_explain(&reader, "fuzz", 1, &diag) == status);
    require(status == HONE_OK || (diag.message[0] && diag.byte_offset <= content.size));
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_buffer once, twice;
    hone_buffer_init(&once, NULL, BUFFER_MAX);
    hone_buffer_init(&twice, NULL, BUFFER_MAX);
    if (copy((hone_text){(const char *)data, size}, &once) == HONE_OK) {
        require(hone_buffer_status(&once) == HONE_OK);
        require(copy(hone_buffer_text(&once), &twice) == HONE_OK);
        require(hone_text_is_equal(hone_buffer_text(&once), hone_buffer_text(&twice)));
    }
    hone_buffer_deinit(&once);
    hone_buffer_deinit(&twice);
    return 0;
}
