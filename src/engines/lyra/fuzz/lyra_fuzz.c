/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a program, under tight limits: the kernel survives, errors have a place inside
 * it. */
#include <stdlib.h>

#include "hone/lyra/lyra.h"

enum { TEXT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_lyra_options options = {
        .memory_bytes_max = 16 << 20, .stack_bytes_max = 512 << 10, .symbols_max = 8000};
    hone_lyra *lyra;
    hone_buffer text;
    hone_diag diag = {0};
    if (hone_lyra_create(&options, NULL, NULL, &lyra)) {
        return 0;
    }
    hone_buffer_init(&text, NULL, TEXT_MAX);
    hone_text source = {(const char *)data, size};
    hone_status status = hone_lyra_reformat(lyra, source, HONE_LYRA_FULL_FORM, &diag, &text);
    require((status != HONE_STATUS_SYNTAX && status != HONE_STATUS_TRUNCATED) ||
            (diag.message[0] && diag.byte_offset <= size));
    hone_buffer_clear(&text);
    hone_lyra_interrupt(lyra); /* the evaluation ends at the first look */
    (void)!hone_lyra_evaluate(lyra, "fuzz", source, HONE_LYRA_INPUT_FORM, &diag, &text);
    hone_buffer_deinit(&text);
    hone_lyra_destroy(lyra);
    return 0;
}
