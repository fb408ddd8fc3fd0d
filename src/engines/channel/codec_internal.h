/* SPDX-License-Identifier: Apache-2.0 */
/* What a codec is to compression.c. One file a codec, built where its library is installed. */
#ifndef HONE_CHANNEL_CODEC_INTERNAL_H
#define HONE_CHANNEL_CODEC_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "hone/base/allocator.h"
#include "hone/base/span.h"

typedef struct hn_codec {
    int level_min, level_max; /* besides 0, the default */
    size_t (*bound)(size_t size);
    /* Memory for compressing at `level` and for decompressing; NULL when there is none. Codecs
     * without a state give any other pointer. */
    void *(*create)(const hone_allocator *allocator, int level);
    void (*destroy)(const hone_allocator *allocator, void *state);
    /* The packed size, or 0 when it is more than `capacity`. OUT_OF_MEMORY. */
    hone_status (*compress)(void *state, hone_span in, void *out, size_t capacity,
                            size_t *out_size);
    /* CORRUPT unless the result is exactly `raw_size` bytes; OUT_OF_MEMORY. */
    hone_status (*decompress)(void *state, hone_span in, void *out, size_t raw_size);
} hn_codec;

extern const hn_codec hn_codec_lz4, hn_codec_zstd, hn_codec_snappy;

#endif
