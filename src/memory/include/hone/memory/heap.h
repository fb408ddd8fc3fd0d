/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A general allocator for blocks of any size: fast as a thread cache, bounded by a maximum, and
 * accounted where its memory comes from (a budget's allocator leases slabs, not blocks). For
 * engines whose objects have many sizes; one size is a pool's, what dies together an arena's.
 *
 * Use it through one hone_heap_local per thread or worker, or, where code takes an allocator and
 * knows no thread, through hone_heap_allocator, which finds a handle by itself and is slower.
 *
 * Contract
 * - The heap is shared but for create and destroy. A handle is confined; it may be made on one
 *   thread and used on another. A block may be released through any handle of its heap, with the
 *   size and alignment it was asked with. What a handle caches goes to the others when it is
 *   destroyed; live blocks stay valid.
 * - Sizes up to 8 KiB come from slabs of 64 KiB, those up to 4 MiB are rounded up by at most a
 *   quarter and cached, larger ones and alignments above 4 KiB go to the allocator each.
 * - Errors: out of memory or at the maximum, allocate gives NULL, after the heap has given back
 *   what it cached itself. Under AddressSanitizer and with asserts every call takes the slow way:
 *   released blocks are poisoned, and a second release, the wrong size or a foreign block assert.
 * Cost: allocate and release are about ten inline instructions; one in some thirty takes a lock
 * that all users of that size share. A handle is 23 KiB and keeps at most 64 KiB a size class.
 * Sources: docs/sources.md (Bonwick & Adams 2001 for magazines and depots).
 */
#ifndef HONE_MEMORY_HEAP_H
#define HONE_MEMORY_HEAP_H

#include "hone/base/allocator.h"
#include "hone/base/hints.h"
#include "hone/base/status.h"

enum {
    HONE_HEAP_BINS_COUNT = 44,       /* size classes with a cache in each handle: to 32 KiB */
    HONE_HEAP_SLOTS_COUNT = 64,      /* blocks in such a cache, at most */
    HONE_HEAP_ALIGNMENT_MAX = 4096,  /* above it blocks come from the allocator */
    HONE_HEAP_LARGE_BINS_COUNT = 28, /* classes from there to 4 MiB: one block a handle */
};

typedef struct hone_heap hone_heap;

typedef struct hone_heap_options {
    size_t bytes_max;       /* > 0: what the heap ever takes from the allocator */
    size_t cache_bytes_max; /* of free blocks that are kept for the next, beside those in handles;
                               0: an eighth of bytes_max, at most 16 MiB */
    const hone_allocator *allocator; /* borrowed, shared; NULL means libc */
} hone_heap_options;

/* Private but for its address: what the inline calls below touch comes first. */
typedef struct hone_heap_local {
    uint32_t counts[HONE_HEAP_BINS_COUNT]; /* whole words: processors forward their stores best */
    uint32_t capacities[HONE_HEAP_BINS_COUNT];
    void *slots[HONE_HEAP_BINS_COUNT][HONE_HEAP_SLOTS_COUNT];
    hone_heap *heap;
    void *large[HONE_HEAP_LARGE_BINS_COUNT];
    size_t large_bytes;
    uint64_t shrinks_count;                        /* of the heap, when this one last gave way */
    uint32_t checked_counts[HONE_HEAP_BINS_COUNT]; /* stand in for the first two where every */
    uint32_t checked_capacities[HONE_HEAP_BINS_COUNT]; /* call is checked */
    hone_allocator allocator;
} hone_heap_local;

typedef struct hone_heap_stats {
    size_t bytes_max;
    size_t held_bytes;      /* taken from the allocator: slabs, blocks, caches, handles */
    size_t held_bytes_max;  /* the most ever */
    size_t cached_bytes;    /* of those, free blocks in depots and empty slabs */
    size_t slabs_count;     /* empty ones included */
    uint64_t refused_count; /* allocations that got NULL */
} hone_heap_stats;

/* INVALID_ARGUMENT (no maximum), OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_heap_create(const hone_heap_options *options, hone_diag *diag,
                                           hone_heap **out_heap);

/* INTERNAL when handles or blocks are still there: the heap lives on then. NULL is allowed. */
hone_status hone_heap_destroy(hone_heap *heap, hone_diag *diag);

/* A handle for one thread. OUT_OF_MEMORY (also when the maximum leaves no room for it). */
HONE_MUST_USE hone_status hone_heap_local_create(hone_heap *heap, hone_diag *diag,
                                                 hone_heap_local **out_local);

/* Hands what it caches to the heap. NULL is allowed. */
void hone_heap_local_destroy(hone_heap_local *local);

/* Hands what it caches to the heap; it can be used on. For a worker that goes to sleep. */
void hone_heap_local_flush(hone_heap_local *local);

/* What the two below do when the handle's cache is empty, or full: call those. */
HONE_MUST_USE void *hone_heap_allocate_slow(hone_heap_local *local, size_t size, size_t alignment);
void hone_heap_release_slow(hone_heap_local *local, void *block, size_t size, size_t alignment);

/* The size class of a request: steps of 8 bytes to 64, then four per power of two. A multiple of
 * the alignment is a size whose class is, too. Sizes of 0 and overflows give a class above all. */
static HONE_ALWAYS_INLINE size_t hone_heap_class_of(size_t size, size_t alignment) {
    size_t last = ((size + (alignment - 1)) & ~(alignment - 1)) - 1;
    unsigned log2 = (unsigned)__builtin_clzll((unsigned long long)last | 63) ^ 63u;
    return (size_t)(log2 - 5) * 4 + (last >> (log2 - 2));
}

/* A block of `size` bytes (> 0) at a multiple of `alignment`, a power of two; NULL when there is no
 * more. Not zeroed. */
HONE_MUST_USE static inline void *hone_heap_allocate(hone_heap_local *local, size_t size,
                                                     size_t alignment) {
    size_t bin = hone_heap_class_of(size, alignment);
    if (HONE_LIKELY(bin < HONE_HEAP_BINS_COUNT && alignment <= HONE_HEAP_ALIGNMENT_MAX)) {
        uint32_t count = local->counts[bin];
        if (HONE_LIKELY(count != 0)) {
            local->counts[bin] = count - 1;
            return local->slots[bin][count - 1];
        }
    }
    return hone_heap_allocate_slow(local, size, alignment);
}

/* Takes back a block of this heap's, from whichever handle it is. NULL is allowed. */
static inline void hone_heap_release(hone_heap_local *local, void *block, size_t size,
                                     size_t alignment) {
    size_t bin = hone_heap_class_of(size, alignment);
    if (HONE_LIKELY(bin < HONE_HEAP_BINS_COUNT && alignment <= HONE_HEAP_ALIGNMENT_MAX && block)) {
        uint32_t count = local->counts[bin];
        if (HONE_LIKELY(count < local->capacities[bin])) {
            local->slots[bin][count] = block;
            local->counts[bin] = count + 1;
            return;
        }
    }
    hone_heap_release_slow(local, block, size, alignment);
}

/* As the resize of an allocator: the content up to the smaller size is kept; on failure NULL, and
 * the block is as it was. In place where both sizes are of one class. */
HONE_MUST_USE void *hone_heap_resize(hone_heap_local *local, void *block, size_t old_size,
                                     size_t new_size, size_t alignment);

/* The handle as an allocator (confined), and the heap as one (shared). Valid as long as they are.
 */
const hone_allocator *hone_heap_local_allocator(hone_heap_local *local);
const hone_allocator *hone_heap_allocator(hone_heap *heap);

/* Gives cached memory back to the allocator until at least `bytes` are given or none is left, and
 * returns how many it were. Handles give up what they cache at their next slow call. With
 * spare_bytes, a cheap estimate, the two callbacks of a hone_budget_evictable: no lock of the
 * heap's is ever held while it allocates, so these may wait for one. Cost: linear in cached blocks.
 */
size_t hone_heap_shrink(hone_heap *heap, size_t bytes);
size_t hone_heap_spare_bytes(hone_heap *heap);

/* Each figure is exact; under concurrent use they need not belong to the same moment. */
hone_heap_stats hone_heap_read_stats(hone_heap *heap);

#endif
