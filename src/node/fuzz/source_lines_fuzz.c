/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.csv and source.ndjson (FUZZ_KIND says which): the first byte of the input chooses options,
 * the rest is the file. Whatever it holds, the source ends, gives everything back, and what it sent
 * keeps the promises of a batch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stages/kinds_internal.h"
#include "stages/stage_fake_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static hn_fake fake;

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void check_column(hone_batch *batch, uint32_t field, hone_type type) {
    for (uint32_t row = 0; row < batch->rows_count; row++) {
        hone_cell cell = hone_batch_cells(batch, field)[row];
        if (hone_batch_is_missing(batch, field, row)) {
            continue;
        }
        require(type != HONE_TYPE_BOOL || cell.i64 == 0 || cell.i64 == 1);
        if (type == HONE_TYPE_TEXT) {
            require(cell.text.offset_bytes <= batch->text_used_bytes &&
                    cell.text.size_bytes <= batch->text_used_bytes - cell.text.offset_bytes);
            require(hone_text_is_utf8(hone_batch_text(batch, cell.text), NULL));
        }
    }
}

static void check_sent(void) {
    for (uint32_t b = 0; b < fake.sent_count; b++) {
        hone_batch *batch = fake.sent[b];
        require(batch->rows_count > 0 && batch->rows_count <= batch->rows_capacity);
        require(hone_batch_is_dense(batch) && batch->text_used_bytes <= batch->text_capacity_bytes);
        for (uint32_t field = 0; field < fake.stage.schema->fields_count; field++) {
            check_column(batch, field, fake.stage.schema->fields[field].type);
        }
    }
    hn_fake_drop_sent(&fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const choices[] = {
        "",
        "on_error = 'skip'",
        "time = 'a'",
        "on_error = 'skip'\nfields = { a = 'i64', b = 'text', c = 'bool' }",
        "max_line = 16\non_error = 'skip'",
        "fields = { a = 'f64' }\ntime = 'b'\non_error = 'skip'",
    };
    if (size == 0) {
        return 0;
    }
    char options[256];
    int fd = memfd_create("fuzz", 0);
    require(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
    (void)snprintf(options, sizeof options, "path = '/dev/fd/%d'\n%s", fd,
                   choices[data[0] % (sizeof choices / sizeof choices[0])]);
    hn_fake_init(&fake);
    hone_status status = hn_fake_open(&fake, &FUZZ_KIND, options, NULL);
    while (status == HONE_OK) {
        status = hn_fake_produce(&fake, 1);
        check_sent();
    }
    require(status == HONE_STATUS_CLOSED || hn_fake_message(&fake)[0] != '\0');
    require(hn_fake_deinit(&fake) == 0);
    (void)close(fd);
    return 0;
}
