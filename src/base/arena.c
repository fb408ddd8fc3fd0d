/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks in a list, newest first. Chunk sizes double from 4 KiB to 1 MiB, so that small documents
 * stay small and large ones need few calls; a block that is larger than the next chunk gets a chunk
 * of its own size.
 */
#include "hone/base/arena.h"

#include <assert.h>

#include "hone/base/checked.h"

enum { CHUNK_BYTES_FIRST = 4096, CHUNK_BYTES_LAST = 1 << 20, CHUNK_ALIGNMENT = 64 };

struct hone_arena_chunk {
    _Alignas(CHUNK_ALIGNMENT) hone_arena_chunk *older;
    size_t size_bytes; /* header included */
};

void hone_arena_init(hone_arena *arena, const hone_allocator *allocator, size_t bytes_max) {
    *arena = (hone_arena){
        .allocator = allocator, .bytes_max = bytes_max, .chunk_bytes = CHUNK_BYTES_FIRST};
}

static void *take_from_chunk(hone_arena *arena, size_t size, size_t alignment) {
    size_t start, end;
    if (!arena->chunk || !hone_size_align(arena->used_bytes, alignment, &start) ||
        !hone_size_add(start, size, &end) || end > arena->chunk->size_bytes) {
        return NULL;
    }
    arena->used_bytes = end;
    return (uint8_t *)arena->chunk + start;
}

static bool add_chunk(hone_arena *arena, size_t size) {
    size_t least;
    if (!hone_size_add(size, sizeof(hone_arena_chunk) + CHUNK_ALIGNMENT, &least)) {
        return false;
    }
    size_t room = arena->bytes_max - arena->held_bytes;
    size_t bytes = arena->chunk_bytes > least ? arena->chunk_bytes : least;
    bytes = bytes > room ? room : bytes;
    if (bytes < least) {
        return false;
    }
    hone_arena_chunk *chunk = hone_allocate(arena->allocator, bytes, CHUNK_ALIGNMENT);
    if (!chunk) {
        return false;
    }
    *chunk = (hone_arena_chunk){arena->chunk, bytes};
    arena->chunk = chunk;
    arena->used_bytes = sizeof *chunk;
    arena->held_bytes += bytes;
    if (arena->chunk_bytes < CHUNK_BYTES_LAST) {
        arena->chunk_bytes *= 2;
    }
    return true;
}

void *hone_arena_allocate(hone_arena *arena, size_t size, size_t alignment) {
    assert(hone_is_power_of_two(alignment) && alignment <= CHUNK_ALIGNMENT);
    size = size ? size : 1;
    void *block = take_from_chunk(arena, size, alignment);
    if (!block && add_chunk(arena, size)) {
        block = take_from_chunk(arena, size, alignment);
    }
    return block;
}

void *hone_arena_allocate_zeroed(hone_arena *arena, size_t count, size_t size, size_t alignment) {
    size_t total;
    if (!hone_size_multiply(count, size, &total)) {
        return NULL;
    }
    void *block = hone_arena_allocate(arena, total, alignment);
    return block ? memset(block, 0, total ? total : 1) : NULL;
}

char *hone_arena_copy_text(hone_arena *arena, hone_text text) {
    size_t size;
    if (!hone_size_add(text.size, 1, &size)) {
        return NULL;
    }
    char *copy = hone_arena_allocate(arena, size, 1);
    if (copy) {
        if (text.size) {
            memcpy(copy, text.data, text.size);
        }
        copy[text.size] = '\0';
    }
    return copy;
}

hone_arena_savepoint hone_arena_save(const hone_arena *arena) {
    return (hone_arena_savepoint){arena->chunk, arena->used_bytes};
}

void hone_arena_reset(hone_arena *arena, hone_arena_savepoint savepoint) {
    while (arena->chunk && arena->chunk != savepoint.chunk) {
        hone_arena_chunk *older = arena->chunk->older;
        arena->held_bytes -= arena->chunk->size_bytes;
        hone_release(arena->allocator, arena->chunk, arena->chunk->size_bytes, CHUNK_ALIGNMENT);
        arena->chunk = older;
    }
    assert(arena->chunk == savepoint.chunk);
    arena->used_bytes = savepoint.used_bytes;
}

void hone_arena_deinit(hone_arena *arena) {
    hone_arena_reset(arena, (hone_arena_savepoint){NULL, 0});
}
