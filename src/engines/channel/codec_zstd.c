/* SPDX-License-Identifier: Apache-2.0 */
/* One context for each direction, kept between messages: that is what makes small ones cheap. */
#include "codec_internal.h"

#include <zstd.h>
#include <zstd_errors.h>

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

static bool is_lack_of_memory(size_t result) {
    return ZSTD_isError(result) && ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation;
}

static hone_status compress(void *state, hone_span in, void *out, size_t capacity,
                            size_t *out_size) {
    zstd_state *it = state;
    size_t written = ZSTD_compressCCtx(it->packer, out, capacity, in.data, in.size, it->level);
    if (is_lack_of_memory(written)) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *out_size = ZSTD_isError(written) ? 0 : written;
    return HONE_OK;
}

static hone_status decompress(void *state, hone_span in, void *out, size_t raw_size) {
    zstd_state *it = state;
    size_t written = ZSTD_decompressDCtx(it->unpacker, out, raw_size, in.data, in.size);
    if (is_lack_of_memory(written)) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    return written == raw_size ? HONE_OK : HONE_STATUS_CORRUPT;
}

const hn_codec hn_codec_zstd = {1,       LEVEL_MAX, ZSTD_compressBound, create,
                                destroy, compress,  decompress};
