/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator for things that die together: parse trees, loaded configuration, plans.
 *
 * Contract: confined. Chunks come from the allocator given at init; nothing is freed one by one;
 * the maximum is set at birth. Blocks live until the arena is reset to a savepoint before them, or
 * deinit. Cost: a few instructions a block.
 */
#ifndef HONE_BASE_ARENA_H
#define HONE_BASE_ARENA_H

#include "hone/base/allocator.h"
#include "hone/base/span.h"

typedef struct hone_arena_chunk hone_arena_chunk;

typedef struct hone_arena {
    const hone_allocator *allocator; /* borrowed */
    hone_arena_chunk *chunk;         /* the newest; older ones hang behind it */
    size_t used_bytes;               /* in the newest chunk */
    size_t held_bytes;               /* in all chunks, their headers included */
    size_t bytes_max;
    size_t chunk_bytes;
} hone_arena;

typedef struct hone_arena_savepoint {
    hone_arena_chunk *chunk;
    size_t used_bytes;
} hone_arena_savepoint;

/* `allocator` NULL means libc. `bytes_max` bounds what the arena ever holds; nothing is allocated
 * yet. */
void hone_arena_init(hone_arena *arena, const hone_allocator *allocator, size_t bytes_max);

/* A block of `size` bytes (0 is allowed and gives a unique address) at a multiple of `alignment`, a
 * power of two up to 64. NULL when memory or the maximum is exhausted. */
HONE_MUST_USE void *hone_arena_allocate(hone_arena *arena, size_t size, size_t alignment);
HONE_MUST_USE void *hone_arena_allocate_zeroed(hone_arena *arena, size_t count, size_t size,
                                               size_t alignment);

/* A terminated copy of `text`, or NULL. */
HONE_MUST_USE char *hone_arena_copy_text(hone_arena *arena, hone_text text);

#define HONE_ARENA_NEW(arena, type) \
    ((type *)hone_arena_allocate_zeroed((arena), 1, sizeof(type), _Alignof(type)))
#define HONE_ARENA_NEW_ARRAY(arena, type, count) \
    ((type *)hone_arena_allocate_zeroed((arena), (count), sizeof(type), _Alignof(type)))

/* Everything allocated after the savepoint dies on reset; chunks that came after it are given back.
 */
hone_arena_savepoint hone_arena_save(const hone_arena *arena);
void hone_arena_reset(hone_arena *arena, hone_arena_savepoint savepoint);

/* Gives everything back; the arena can be used again after another init. A zeroed arena is allowed.
 */
void hone_arena_deinit(hone_arena *arena);

#endif
