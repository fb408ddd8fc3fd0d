/* SPDX-License-Identifier: Apache-2.0 */
/* A file of rows: its first byte names the format, the rest is the file. What opens can be read to
 * its end. */
#include <stdlib.h>
#include <string.h>

#include "hone/vector/index.h"
#include "hone/vector/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static float values[HONE_VECTOR_DIMS_MAX];
    hone_vector_rows rows;
    uint8_t *copy = size ? malloc(size) : NULL; /* of its own size: reads beyond are seen */
    if (!copy) {
        return 0;
    }
    memcpy(copy, data + 1, size - 1);
    if (hone_vector_rows_open((hone_vector_rows_format)(data[0] % 3), copy, size - 1, NULL,
                              &rows) == HONE_OK) {
        for (uint64_t i = 0; i < rows.count && i < 1000; i++) {
            (void)!hone_vector_rows_read(&rows, rows.count - 1 - i, NULL, values);
        }
    }
    free(copy);
    return 0;
}
