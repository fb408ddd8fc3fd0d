/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "hone/base/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) {
        abort();
    }
}

/* What can be read lies in the file; its head is written, and reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_npy_array array, again;
    hone_span elements, elements_again;
    hone_diag diag = {0};
    if (hone_npy_read((hone_span){data, size}, &diag, &array, &elements) != HONE_OK) {
        return 0;
    }
    require(elements.data >= data && elements.data + elements.size <= data + size);
    hone_buffer written;
    hone_buffer_init(&written, NULL, size + 4096);
    hone_npy_write_head(&array, &written);
    hone_buffer_append(&written, elements.data, elements.size);
    const hone_span file = {(const uint8_t *)written.data, written.size};
    if (hone_buffer_status(&written) == HONE_OK) {
        require(hone_npy_read(file, NULL, &again, &elements_again) == HONE_OK);
        require(again.count == array.count && again.rank == array.rank &&
                again.kind == array.kind && again.element_bytes == array.element_bytes);
        require(elements.size == 0 ||
                memcmp(elements.data, elements_again.data, elements.size) == 0);
    }
    hone_buffer_deinit(&written);
    return 0;
}
