/* SPDX-License-Identifier: Apache-2.0 */
/* A packed message from outside: 5 bytes of description (codec, filter, element size, raw size),
 * then the bytes. Whatever is answered, nothing beyond the stated size is written. */
#include <stdlib.h>
#include <string.h>

#include "hone/channel/compression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DESCRIPTION_BYTES = 5, MESSAGE_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < DESCRIPTION_BYTES) {
        return 0;
    }
    hone_compression *it = NULL;
    const hone_compression_options options = {.message_max_bytes = MESSAGE_MAX};
    hone_packed packed = {
        .bytes = data + DESCRIPTION_BYTES,
        .size_bytes = size - DESCRIPTION_BYTES,
        .codec = (hone_codec)(data[0] % (HONE_CODEC_COUNT + 1)),
        .filter = (hone_filter)(data[1] % (HONE_FILTER_COUNT + 1)),
        .element_size = data[2],
        .raw_bytes = (size_t)data[3] | (size_t)data[4] << 8,
    };
    uint8_t *out = malloc(packed.raw_bytes + 1);
    if (!out || hone_compression_create(&options, NULL, &it)) {
        abort();
    }
    out[packed.raw_bytes] = 0xA5;
    (void)!hone_compression_unpack(it, &packed, out);
    if (out[packed.raw_bytes] != 0xA5) {
        abort();
    }
    hone_compression_destroy(it);
    free(out);
    return 0;
}
