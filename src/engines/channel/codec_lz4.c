/* SPDX-License-Identifier: Apache-2.0 */
/* Levels 1 and 2 are LZ4's fast compressor, 1 with acceleration; from 3 on its high compression. */
#include "codec_internal.h"

#include <lz4.h>
#include <lz4hc.h>

enum { ACCELERATION_OF_LEVEL_1 = 8, HC_LEVEL_MIN = 3 };

typedef struct lz4_state {
    int level;
    size_t memory_size;
    void *memory; /* the library's; not for decompressing */
} lz4_state;

static size_t bound(size_t size) {
    return (size_t)LZ4_compressBound((int)size);
}

static void destroy(const hone_allocator *allocator, void *state) {
    lz4_state *it = state;
    if (it) {
        hone_release(allocator, it->memory, it->memory_size, _Alignof(max_align_t));
        HONE_DELETE(allocator, lz4_state, it);
    }
}

static void *create(const hone_allocator *allocator, int level) {
    lz4_state *made = HONE_NEW(allocator, lz4_state);
    if (!made) {
        return NULL;
    }
    made->level = level;
    made->memory_size = (size_t)(level >= HC_LEVEL_MIN ? LZ4_sizeofStateHC() : LZ4_sizeofState());
    made->memory = hone_allocate(allocator, made->memory_size, _Alignof(max_align_t));
    if (!made->memory) {
        destroy(allocator, made);
        return NULL;
    }
    return made;
}

static hone_status compress(void *state, hone_span in, void *out, size_t capacity,
                            size_t *out_size) {
    lz4_state *it = state;
    const char *from = (const char *)in.data;
    int written =
        it->level >= HC_LEVEL_MIN
            ? LZ4_compress_HC_extStateHC(it->memory, from, out, (int)in.size, (int)capacity,
                                         it->level)
            : LZ4_compress_fast_extState(it->memory, from, out, (int)in.size, (int)capacity,
                                         it->level == 1 ? ACCELERATION_OF_LEVEL_1 : 1);
    *out_size = written > 0 ? (size_t)written : 0;
    return HONE_OK;
}

static hone_status decompress(void *state, hone_span in, void *out, size_t raw_size) {
    (void)state;
    int written = LZ4_decompress_safe((const char *)in.data, out, (int)in.size, (int)raw_size);
    return written == (int)raw_size ? HONE_OK : HONE_STATUS_CORRUPT;
}

const hn_codec hn_codec_lz4 = {1, LZ4HC_CLEVEL_MAX, bound, create, destroy, compress, decompress};
