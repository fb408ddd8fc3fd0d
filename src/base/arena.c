/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks in a list, newest first. Chunk sizes double from 4 KiB to 1 MiB, so that small documents
 * stay small and large ones need few calls; a block that is larger than the next chunk gets a chunk
 * of its own size. Chunks that a reset empties wait in a second list; the first that is large
 * enough is taken before the allocator is asked, and all of them go back when they are in the way
 * of the maximum.
 */
#include "hone/base/arena.h"

#include "hone/base/checked.h"

enum {
    CHUNK_BYTES_FIRST = 4096,
    CHUNK_BYTES_LAST = 1 << 20,
    CHUNK_ALIGNMENT = HONE_ARENA_ALIGNMENT_MAX
};

struct hone_arena_chunk {
    _Alignas(CHUNK_ALIGNMENT) hone_arena_chunk *older;
    size_t size_bytes; /* header included */
};

void hone_arena_init(hone_arena *arena, const hone_allocator *allocator, size_t bytes_max) {
    *arena = (hone_arena){
        .allocator = allocator, .bytes_max = bytes_max, .chunk_bytes = CHUNK_BYTES_FIRST};
}

static void give_back(hone_arena *arena, hone_arena_chunk *chunk) {
    size_t size_bytes = chunk->size_bytes;
    hone_unpoison(chunk, size_bytes);
    hone_release(arena->allocator, chunk, size_bytes, CHUNK_ALIGNMENT);
}

/* Makes the chunk the newest one. */
static void open_chunk(hone_arena *arena, hone_arena_chunk *chunk) {
    chunk->older = arena->chunk;
    arena->chunk = chunk;
    arena->used_bytes = sizeof *chunk;
    arena->end_bytes = chunk->size_bytes & ~(size_t)(CHUNK_ALIGNMENT - 1);
    arena->held_bytes += chunk->size_bytes;
    hone_poison(chunk + 1, chunk->size_bytes - sizeof *chunk);
}

static bool take_spare(hone_arena *arena, size_t least) {
    for (hone_arena_chunk **place = &arena->spare; *place; place = &(*place)->older) {
        hone_arena_chunk *chunk = *place;
        if (chunk->size_bytes >= least) {
            *place = chunk->older;
            arena->spare_bytes -= chunk->size_bytes;
            open_chunk(arena, chunk);
            return true;
        }
    }
    return false;
}

static bool take_new(hone_arena *arena, size_t least) {
    size_t room = arena->bytes_max - arena->held_bytes - arena->spare_bytes;
    size_t bytes = arena->chunk_bytes > least ? arena->chunk_bytes : least;
    if (bytes > room) {
        room += hone_arena_trim(arena);
        bytes = bytes > room ? room : bytes;
    }
    if (bytes < least) {
        return false;
    }
    hone_arena_chunk *chunk = hone_allocate(arena->allocator, bytes, CHUNK_ALIGNMENT);
    if (!chunk) {
        return false;
    }
    chunk->size_bytes = bytes;
    open_chunk(arena, chunk);
    if (arena->chunk_bytes < CHUNK_BYTES_LAST) {
        arena->chunk_bytes *= 2;
    }
    return true;
}

HONE_COLD void *hone_arena_allocate_slow(hone_arena *arena, size_t size, size_t alignment) {
    size_t least; /* the end of a chunk that is no multiple of the largest alignment is not used */
    if (!hone_size_add(size, sizeof(hone_arena_chunk) + CHUNK_ALIGNMENT, &least) ||
        !(take_spare(arena, least) || take_new(arena, least))) {
        return NULL;
    }
    return hone_arena_allocate(arena, size, alignment); /* fits, whatever the alignment */
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

/* The chunk is out of the list; it waits, or goes. */
static void retire(hone_arena *arena, hone_arena_chunk *chunk) {
    arena->held_bytes -= chunk->size_bytes;
    if (chunk->size_bytes > HONE_ARENA_SPARE_BYTES_MAX - arena->spare_bytes) {
        give_back(arena, chunk);
        return;
    }
    arena->spare_bytes += chunk->size_bytes;
    chunk->older = arena->spare;
    arena->spare = chunk;
    hone_poison(chunk + 1, chunk->size_bytes - sizeof *chunk);
}

void hone_arena_reset(hone_arena *arena, hone_arena_savepoint savepoint) {
    while (arena->chunk && arena->chunk != savepoint.chunk) {
        hone_arena_chunk *chunk = arena->chunk;
        arena->chunk = chunk->older;
        retire(arena, chunk);
    }
    assert(arena->chunk == savepoint.chunk);
    arena->used_bytes = savepoint.used_bytes;
    arena->end_bytes = arena->chunk ? arena->chunk->size_bytes & ~(size_t)(CHUNK_ALIGNMENT - 1) : 0;
    if (arena->end_bytes > arena->used_bytes) {
        hone_poison((uint8_t *)arena->chunk + arena->used_bytes,
                    arena->end_bytes - arena->used_bytes);
    }
}

size_t hone_arena_trim(hone_arena *arena) {
    size_t given = arena->spare_bytes;
    while (arena->spare) {
        hone_arena_chunk *chunk = arena->spare;
        arena->spare = chunk->older;
        give_back(arena, chunk);
    }
    arena->spare_bytes = 0;
    return given;
}

void hone_arena_deinit(hone_arena *arena) {
    hone_arena_reset(arena, (hone_arena_savepoint){NULL, 0});
    (void)hone_arena_trim(arena);
}
