/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the heap share. Three levels: handles (heap.c) hold arrays of free blocks, one
 * per size class; the centre (heap_central.c) holds a depot of such arrays, and the slabs that
 * blocks are cut from; heap_shared.c lends handles to callers that have none. heap_checks.c knows
 * every block where calls are checked.
 */
#ifndef HN_MEMORY_HEAP_INTERNAL_H
#define HN_MEMORY_HEAP_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "hone/base/poison.h"
#include "hone/memory/heap.h"
#include "hone/platform/thread.h"

/* With asserts, and where released blocks are poisoned, every call is looked at. */
#if !defined(NDEBUG) || defined(HONE_HAS_POISON)
#define HN_HEAP_IS_CHECKED 1
#else
#define HN_HEAP_IS_CHECKED 0
#endif

enum {
    HN_HEAP_SLAB_BYTES = 64 << 10,
    HN_HEAP_SLAB_CLASSES = 36, /* to 8 KiB; blocks of the others come from the allocator each */
    HN_HEAP_CLASSES = HONE_HEAP_BINS_COUNT + HONE_HEAP_LARGE_BINS_COUNT, /* to 4 MiB */
    HN_HEAP_BATCH_BLOCKS = 32,
    HN_HEAP_SHARED_HANDLES = 16,
    HN_HEAP_BLOCKS_PER_SLAB_MAX = HN_HEAP_SLAB_BYTES / 8,
};

/* At the start of a slab, which is aligned to its size. Guarded by the lock of its class. */
typedef struct hn_heap_slab {
    struct hn_heap_slab *next, **place; /* among those of its class that have blocks; or empty */
    uint32_t free_count;
    uint32_t first_word; /* there is no free block in the words before */
    uint32_t class_index;
#if HN_HEAP_IS_CHECKED
    _Atomic uint64_t live[HN_HEAP_BLOCKS_PER_SLAB_MAX / 64]; /* a bit per block */
#endif
    uint64_t free[]; /* a bit per block: here, and not in a handle, the depot or in use */
} hn_heap_slab;

/* Free blocks in transit. */
typedef struct hn_heap_batch {
    struct hn_heap_batch *next;
    size_t count;
    void *blocks[HN_HEAP_BATCH_BLOCKS];
} hn_heap_batch;

/* One size class in the centre. */
typedef struct hn_heap_class {
    _Alignas(HONE_CACHE_LINE_BYTES) hone_mutex lock;
    hn_heap_batch *depot; /* only the first may be less than full */
    hn_heap_batch *spare; /* empty ones */
    hn_heap_slab *slabs;  /* with blocks to give */
    size_t depot_blocks_count;
    uint32_t block_bytes;
    uint32_t blocks_per_slab;
    uint32_t slab_start_bytes;
    uint32_t reciprocal; /* of block_bytes: offsets x this / 2^32 is a division, rounded down */
} hn_heap_class;

/* A handle that callers without one take turns at. */
typedef struct hn_heap_shared_handle {
    _Alignas(HONE_CACHE_LINE_BYTES) atomic_bool is_busy;
    _Atomic(hone_heap_local *) local; /* made when it is first needed; stays until the heap goes */
} hn_heap_shared_handle;

struct hone_heap {
    hn_heap_class classes[HN_HEAP_CLASSES];
    hn_heap_shared_handle shared[HN_HEAP_SHARED_HANDLES];
    _Alignas(HONE_CACHE_LINE_BYTES) _Atomic size_t held_bytes;
    _Atomic size_t held_bytes_max;
    _Atomic size_t cached_bytes; /* blocks in depots */
    _Atomic size_t slabs_count;
    _Atomic uint64_t refused_count;
    _Atomic uint64_t shrinks_count;
    _Atomic size_t locals_count; /* without those of `shared` */
    size_t bytes_max;
    size_t cache_bytes_max;
    const hone_allocator *allocator;
    hone_allocator as_allocator;
    hone_mutex empty_lock; /* taken with or without the lock of a class */
    hn_heap_slab *empty;
    size_t empty_count;
    struct hn_heap_registry *registry; /* NULL unless calls are checked */
};

/* Where a block of that size and alignment lies: a class, or HN_HEAP_CLASSES for the allocator. */
static inline size_t hn_heap_home(size_t size, size_t alignment) {
    size_t index = hone_heap_class_of(size, alignment);
    return index < HN_HEAP_CLASSES && alignment <= HONE_HEAP_ALIGNMENT_MAX ? index
                                                                           : HN_HEAP_CLASSES;
}

static inline hn_heap_slab *hn_heap_slab_of(const void *block) {
    return (hn_heap_slab *)((uintptr_t)block & ~(uintptr_t)(HN_HEAP_SLAB_BYTES - 1));
}

/* Offsets are below 2^16 and block_bytes at least 8, so that the error of the reciprocal, less than
 * offset / 2^32, never reaches the next whole number. */
static inline size_t hn_heap_block_index(const hn_heap_class *it, const hn_heap_slab *slab,
                                         const void *block) {
    uint64_t offset =
        (uint64_t)((const uint8_t *)block - (const uint8_t *)slab) - it->slab_start_bytes;
    return (size_t)(offset * it->reciprocal >> 32);
}

/* ---- heap_central.c ---- */

void hn_heap_init_classes(hone_heap *heap);
void hn_heap_deinit_classes(hone_heap *heap);

/* Memory from the allocator under the maximum, and back. */
HONE_MUST_USE void *hn_heap_take(hone_heap *heap, size_t size, size_t alignment);
void hn_heap_give(hone_heap *heap, void *memory, size_t size, size_t alignment);
HONE_MUST_USE bool hn_heap_reserve(hone_heap *heap, size_t bytes);
void hn_heap_unreserve(hone_heap *heap, size_t bytes);

/* Up to `wanted` free blocks of a class, at least one unless memory is out; and back. */
size_t hn_heap_get(hone_heap *heap, size_t class_index, void **out_blocks, size_t wanted);
void hn_heap_put(hone_heap *heap, size_t class_index, void *const *blocks, size_t count);

/* ---- heap_shared.c ---- */

void *hn_heap_shared_allocate(void *self, size_t size, size_t alignment);
void *hn_heap_shared_resize(void *self, void *block, size_t old_size, size_t new_size,
                            size_t alignment);
void hn_heap_shared_release(void *self, void *block, size_t size, size_t alignment);

/* What the handles in there cache goes to the centre; busy ones are left out. With is_last they are
 * destroyed; nobody may use them any more. */
void hn_heap_flush_shared(hone_heap *heap, bool is_last);

/* ---- heap.c: for callers without a handle ---- */

HONE_MUST_USE void *hn_heap_allocate_central(hone_heap *heap, size_t size, size_t alignment);
void hn_heap_release_central(hone_heap *heap, void *block, size_t size, size_t alignment);
HONE_MUST_USE bool hn_heap_resize_in_place(hone_heap *heap, void **block, size_t old_size,
                                           size_t new_size, size_t alignment);

/* ---- heap_checks.c: nothing but where calls are checked ---- */

HONE_MUST_USE bool hn_heap_checks_init(hone_heap *heap);
void hn_heap_checks_deinit(hone_heap *heap);
void hn_heap_note_slab(hone_heap *heap, const hn_heap_slab *slab);
void hn_heap_forget_slab(hone_heap *heap, const hn_heap_slab *slab);

/* A block goes to the caller, or comes from there. Both assert that it is the other way round
 * before. */
void hn_heap_note_allocate(hone_heap *heap, size_t class_index, void *block, size_t size);
void hn_heap_note_release(hone_heap *heap, size_t class_index, void *block, size_t size);

#endif
