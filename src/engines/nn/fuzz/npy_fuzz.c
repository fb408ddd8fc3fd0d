/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "hone/nn/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What can be read is written, and reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_nn_tensor tensor, again;
    hone_span elements, elements_again;
    hone_diag diag = {0};
    if (hone_npy_read((hone_span){data, size}, &diag, &tensor, &elements) != HONE_OK) {
        return 0;
    }
    hone_buffer written;
    hone_buffer_init(&written, NULL, size + 4096);
    hone_npy_write(&tensor, elements.data, &written);
    const hone_span file = {(const uint8_t *)written.data, written.size};
    if (hone_buffer_status(&written) == HONE_OK &&
        (hone_npy_read(file, NULL, &again, &elements_again) != HONE_OK ||
         again.count != tensor.count || again.rank != tensor.rank || again.type != tensor.type ||
         (elements.size > 0 && memcmp(elements.data, elements_again.data, elements.size) != 0))) {
        abort();
    }
    hone_buffer_deinit(&written);
    return 0;
}
