/* SPDX-License-Identifier: Apache-2.0 */
/* One context for each direction, kept between messages: that is what makes small ones cheap. */
#include "codec_internal.h"

#include <zstd.h>

enum { LEVEL_MAX = 19 };

typedef struct zstd_state {
    ZSTD_CCtx *packer;
    ZSTD_DCtx *unpacker;
    int level;
} zstd_state;

static void destroy(const hone_allocator *allocator, void *state) {
    zstd_state *it = state;
    if (it) {
        ZSTD_freeCCtx(it->packer);
        ZSTD_freeDCtx(it->unpacker);
        HONE_DELETE(allocator, zstd_state, it);
    }
}

static void *create(const hone_allocator *allocator, int level) {
    zstd_state *made = HONE_NEW(allocator, zstd_state);
    if (!made) {
        return NULL;
    }
    made->level = level ? level : ZSTD_CLEVEL_DEFAULT;
    made->packer = ZSTD_createCCtx();
    made->unpacker = ZSTD_createDCtx();
    if (!made->packer || !made->unpacker) {
        destroy(allocator, made);
        return NULL;
    }
    return made;
}

static size_t compress(void *state, const void *in, size_t size, void *out, size_t capacity) {
    zstd_state *it = state;
    size_t written = ZSTD_compressCCtx(it->packer, out, capacity, in, size, it->level);
    return ZSTD_isError(written) ? 0 : written;
}

static bool decompress(void *state, const void *in, size_t size, void *out, size_t raw_size) {
    zstd_state *it = state;
    return ZSTD_decompressDCtx(it->unpacker, out, raw_size, in, size) == raw_size;
}

const hn_codec hn_codec_zstd = {1,       LEVEL_MAX, ZSTD_compressBound, create,
                                destroy, compress,  decompress};
