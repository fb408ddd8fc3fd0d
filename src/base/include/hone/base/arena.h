/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator for things that die together: parse trees, loaded configuration, plans.
 *
 * Contract: confined. Chunks come from the allocator given at init; nothing is freed one by one;
 * the maximum is set at birth. Blocks live until the arena is reset to a savepoint before them, or
 * deinit. A reset keeps a few MiB of the chunks it empties for the blocks that come next, so that
 * work in rounds takes nothing from the allocator after the first. Under AddressSanitizer what no
 * block covers is poisoned. Cost: a block is a few inline instructions, a chunk one allocation.
 */
#ifndef HONE_BASE_ARENA_H
#define HONE_BASE_ARENA_H

#include <assert.h>

#include "hone/base/allocator.h"
#include "hone/base/hints.h"
#include "hone/base/poison.h"
#include "hone/base/span.h"

enum {
    HONE_ARENA_ALIGNMENT_MAX = 64,
    HONE_ARENA_SPARE_BYTES_MAX = 4 << 20, /* what resets keep, in all */
};

typedef struct hone_arena_chunk hone_arena_chunk;

typedef struct hone_arena {
    hone_arena_chunk *chunk;         /* the newest; older ones hang behind it */
    size_t used_bytes;               /* in the newest chunk */
    size_t end_bytes;                /* of the newest chunk; a multiple of the largest alignment */
    const hone_allocator *allocator; /* borrowed */
    hone_arena_chunk *spare;         /* emptied by resets */
    size_t held_bytes;               /* in all chunks but spares, their headers included */
    size_t spare_bytes;
    size_t bytes_max;
    size_t chunk_bytes;
} hone_arena;

typedef struct hone_arena_savepoint {
    hone_arena_chunk *chunk;
    size_t used_bytes;
} hone_arena_savepoint;

/* `allocator` NULL means libc. `bytes_max` bounds what the arena ever holds, spares included;
 * nothing is allocated yet. */
void hone_arena_init(hone_arena *arena, const hone_allocator *allocator, size_t bytes_max);

/* What hone_arena_allocate does when the newest chunk has no room: call that one. */
HONE_MUST_USE void *hone_arena_allocate_slow(hone_arena *arena, size_t size, size_t alignment);

/* A block of `size` bytes (0 is allowed and gives a unique address) at a multiple of `alignment`, a
 * power of two up to 64. NULL when memory or the maximum is exhausted. */
HONE_MUST_USE static inline void *hone_arena_allocate(hone_arena *arena, size_t size,
                                                      size_t alignment) {
    assert(alignment != 0 && (alignment & (alignment - 1)) == 0 &&
           alignment <= HONE_ARENA_ALIGNMENT_MAX);
    size += size == 0;
    /* end_bytes is a multiple of every alignment, so start never passes it. */
    size_t start = (arena->used_bytes + (alignment - 1)) & ~(alignment - 1);
    if (HONE_UNLIKELY(size > arena->end_bytes - start)) {
        return hone_arena_allocate_slow(arena, size, alignment);
    }
    arena->used_bytes = start + size;
    uint8_t *block = (uint8_t *)arena->chunk + start;
    hone_unpoison(block, size);
    return block;
}

HONE_MUST_USE void *hone_arena_allocate_zeroed(hone_arena *arena, size_t count, size_t size,
                                               size_t alignment);

/* A terminated copy of `text`, or NULL. */
HONE_MUST_USE char *hone_arena_copy_text(hone_arena *arena, hone_text text);

#define HONE_ARENA_NEW(arena, type) \
    ((type *)hone_arena_allocate_zeroed((arena), 1, sizeof(type), _Alignof(type)))
#define HONE_ARENA_NEW_ARRAY(arena, type, count) \
    ((type *)hone_arena_allocate_zeroed((arena), (count), sizeof(type), _Alignof(type)))

/* Everything allocated after the savepoint dies on reset; chunks that came after it become spares,
 * or are given back where there are enough of those. */
hone_arena_savepoint hone_arena_save(const hone_arena *arena);
void hone_arena_reset(hone_arena *arena, hone_arena_savepoint savepoint);

/* Gives the spares back to the allocator and returns how many bytes they were. */
size_t hone_arena_trim(hone_arena *arena);

/* Gives everything back; the arena can be used again after another init. A zeroed arena is allowed.
 */
void hone_arena_deinit(hone_arena *arena);

#endif
