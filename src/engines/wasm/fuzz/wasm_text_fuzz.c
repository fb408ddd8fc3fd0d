/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: a module in the binary format that the decoder finds well-formed, or an error with a
 * place. (That it is valid is not asked: text can say what is not.) */
#include <stdlib.h>

#include "hone/wasm/module.h"
#include "hone/wasm/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_diag diag = {0};
    hone_buffer bytes;
    hone_buffer_init(&bytes, NULL, 64 << 20);
    hone_status status =
        hone_wasm_text_encode((hone_text){(const char *)data, size}, "fuzz", NULL, &diag, &bytes);
    if (status != HONE_OK) {
        if (!diag.message[0] || diag.status != status) {
            abort();
        }
    } else {
        hone_wasm_module *module = NULL;
        (void)!hone_wasm_module_create((hone_span){bytes.data, bytes.size}, NULL, NULL, &module);
        hone_wasm_module_release(module);
    }
    hone_buffer_deinit(&bytes);
    return 0;
}
