/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, the first one of which says how large the windows are: read in one window and in many,
 * rows and errors are the same; what is written is read back. */
#include <stdlib.h>

#include "hone/base/csv.h"

enum { FIELDS_MAX = 16, BUFFER_MAX = 16 << 20, ROW_BYTES_MAX = 500 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) {
        abort();
    }
}

static void write_row(hone_csv_writer *writer, const hone_csv_field *fields, size_t count) {
    char text[ROW_BYTES_MAX];
    for (size_t i = 0; i < count && i < FIELDS_MAX; i++) {
        hone_text view = hone_csv_text(fields[i]);
        require(view.size <= sizeof text);
        if (fields[i].flags & HONE_CSV_ESCAPED) {
            view = (hone_text){text, hone_csv_unescape(fields[i], text)};
        }
        hone_csv_write_text(writer, view);
    }
    hone_csv_write_row_end(writer);
}

/* Scans in windows that grow by `step` bytes, writes what was read, and says how it ended. */
static hone_status copy(hone_text content, size_t step, hone_buffer *out, uint64_t *out_line) {
    hone_csv_scanner scanner;
    hone_csv_writer writer;
    hone_csv_field fields[FIELDS_MAX];
    size_t count, start = 0, end = 0;
    hone_status status;
    require(hone_csv_scanner_init(&scanner, &(hone_csv_options){.row_bytes_max = ROW_BYTES_MAX}) ==
            HONE_OK);
    hone_csv_writer_init(&writer, out, ',');
    do {
        end = content.size - end > step ? end + step : content.size;
        char *window = malloc(end - start + 1);
        require(window != NULL);
        if (end > start) {
            memcpy(window, content.data + start, end - start);
        }
        hone_csv_scanner_feed(&scanner, (hone_text){window, end - start}, end == content.size);
        while ((status = hone_csv_scan_row(&scanner, fields, FIELDS_MAX, &count)) == HONE_OK) {
            write_row(&writer, fields, count);
        }
        start += scanner.consumed_bytes;
        free(window);
    } while (status == HONE_STATUS_EMPTY && end < content.size);
    *out_line = scanner.next_line;
    require(status != HONE_STATUS_EMPTY || start == content.size);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    hone_text content = {(const char *)data + 1, size - 1};
    hone_buffer once, twice;
    uint64_t line, line_again;
    hone_buffer_init(&once, NULL, BUFFER_MAX);
    hone_buffer_init(&twice, NULL, BUFFER_MAX);
    hone_status status = copy(content, size, &once, &line);
    hone_status status_again = copy(content, 1 + data[0], &twice, &line_again);
    /* Of two errors in one row, a small window may meet the other one first. */
    require((status == HONE_STATUS_EMPTY) == (status_again == HONE_STATUS_EMPTY));
    require(line == line_again);
    require(hone_text_is_equal(hone_buffer_text(&once), hone_buffer_text(&twice)));
    if (status == HONE_STATUS_EMPTY) {
        hone_buffer_clear(&twice);
        /* Quotes may make a row longer than it was. */
        hone_status again = copy(hone_buffer_text(&once), 100, &twice, &line_again);
        require(again == HONE_STATUS_LIMIT ||
                hone_text_is_equal(hone_buffer_text(&once), hone_buffer_text(&twice)));
    }
    hone_buffer_deinit(&once);
    hone_buffer_deinit(&twice);
    return 0;
}
