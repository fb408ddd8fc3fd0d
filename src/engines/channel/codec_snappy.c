/* SPDX-License-Identifier: Apache-2.0 */
/* Snappy has neither levels nor a state that could be kept. */
#include "codec_internal.h"

#include <snappy-c.h>

static const char no_state;

static void *create(const hone_allocator *allocator, int level) {
    (void)allocator;
    (void)level;
    return (void *)(uintptr_t)&no_state;
}

static void destroy(const hone_allocator *allocator, void *state) {
    (void)allocator;
    (void)state;
}

/* snappy_compress() wants room for its bound, whatever comes out. */
static hone_status compress(void *state, hone_span in, void *out, size_t capacity,
                            size_t *out_size) {
    (void)state;
    bool is_packed = snappy_compress((const char *)in.data, in.size, out, &capacity) == SNAPPY_OK;
    *out_size = is_packed ? capacity : 0;
    return HONE_OK;
}

static hone_status decompress(void *state, hone_span in, void *out, size_t raw_size) {
    (void)state;
    const char *from = (const char *)in.data;
    size_t written = 0;
    bool is_whole =
        snappy_uncompressed_length(from, in.size, &written) == SNAPPY_OK && written == raw_size &&
        snappy_uncompress(from, in.size, out, &written) == SNAPPY_OK && written == raw_size;
    return is_whole ? HONE_OK : HONE_STATUS_CORRUPT;
}

const hn_codec hn_codec_snappy = {
    0, 0, snappy_max_compressed_length, create, destroy, compress, decompress};
