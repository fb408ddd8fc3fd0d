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
static size_t compress(void *state, const void *in, size_t size, void *out, size_t capacity) {
    (void)state;
    return snappy_compress(in, size, out, &capacity) == SNAPPY_OK ? capacity : 0;
}

static bool decompress(void *state, const void *in, size_t size, void *out, size_t raw_size) {
    (void)state;
    size_t written = 0;
    return snappy_uncompressed_length(in, size, &written) == SNAPPY_OK && written == raw_size &&
           snappy_uncompress(in, size, out, &written) == SNAPPY_OK && written == raw_size;
}

const hn_codec hn_codec_snappy = {
    0, 0, snappy_max_compressed_length, create, destroy, compress, decompress};
