/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The centre of a heap: what handles fetch free blocks from and bring them back to, thirty at a
 * time. A class has a depot of batches (arrays of pointers) and, up to 8 KiB, slabs, which have a
 * bit per block. Neither touches the blocks themselves: one that is made on one core and dropped on
 * another costs no transfer of its cache line, and one that was not used for long no miss. What
 * bounds a depot is cache_bytes_max, which all depots of the heap share; batches beyond it are
 * taken apart: blocks go home to their slabs, and slabs that become whole to a list that all
 * classes share, or to the allocator.
 *
 * Locks: one a class, and one for the list of empty slabs, taken inside it. None is held while the
 * allocator is called, because a budget may then ask this very heap to shrink.
 *
 * Source: Bonwick, Adams, "Magazines and vmem", USENIX 2001 (see docs/sources.md).
 */
#include <assert.h>
#include <string.h>

#include "heap_internal.h"
#include "hone/base/checked.h"

enum {
    EMPTY_SLABS_MAX = 8, /* kept for whichever class needs one next */
    ALLOCATOR_ALIGNMENT_MAX = HONE_HEAP_ALIGNMENT_MAX,
};

static size_t block_bytes_of(size_t class_index) {
    if (class_index < 4) {
        return (class_index + 1) * 8;
    }
    size_t log2 = 5 + (class_index - 4) / 4, quarter = (class_index - 4) % 4;
    return (5 + quarter) << (log2 - 2);
}

/* The largest power of two that divides it: what its blocks are aligned to. */
static size_t alignment_of(size_t block_bytes) {
    return block_bytes & (~block_bytes + 1);
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* As many blocks as fit beside the header, which has a bit for each. */
static void plan_slab(hn_heap_class *it) {
    size_t alignment = alignment_of(it->block_bytes);
    size_t blocks = HN_HEAP_SLAB_BYTES / it->block_bytes, start;
    do {
        size_t header = sizeof(hn_heap_slab) + (blocks + 63) / 64 * sizeof(uint64_t);
        start = (header + alignment - 1) & ~(alignment - 1);
    } while (start + blocks * it->block_bytes > HN_HEAP_SLAB_BYTES && blocks-- > 0);
    it->slab_start_bytes = (uint32_t)start;
    it->blocks_per_slab = (uint32_t)blocks;
    it->reciprocal = (uint32_t)(UINT32_MAX / it->block_bytes + 1);
}

void hn_heap_init_classes(hone_heap *heap) {
    for (size_t i = 0; i < HN_HEAP_CLASSES; i++) {
        hone_mutex_init(&heap->classes[i].lock);
        heap->classes[i].block_bytes = (uint32_t)block_bytes_of(i);
        if (i < HN_HEAP_SLAB_CLASSES) {
            plan_slab(&heap->classes[i]);
        }
    }
}

void hn_heap_deinit_classes(hone_heap *heap) {
    for (size_t i = 0; i < HN_HEAP_CLASSES; i++) {
        hone_mutex_deinit(&heap->classes[i].lock);
    }
}

/* ---- memory under the maximum ---- */

bool hn_heap_reserve(hone_heap *heap, size_t bytes) {
    size_t held = atomic_load_explicit(&heap->held_bytes, memory_order_relaxed);
    do {
        if (bytes > heap->bytes_max - held) {
            return false;
        }
        /* A counter: nothing is published by it. */
    } while (!atomic_compare_exchange_weak_explicit(&heap->held_bytes, &held, held + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    size_t peak = atomic_load_explicit(&heap->held_bytes_max, memory_order_relaxed);
    while (held + bytes > peak &&
           !atomic_compare_exchange_weak_explicit(&heap->held_bytes_max, &peak, held + bytes,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    return true;
}

void hn_heap_unreserve(hone_heap *heap, size_t bytes) {
    atomic_fetch_sub_explicit(&heap->held_bytes, bytes, memory_order_relaxed);
}

static void *take_once(hone_heap *heap, size_t size, size_t alignment) {
    if (!hn_heap_reserve(heap, size)) {
        return NULL;
    }
    void *memory = hone_allocate(heap->allocator, size, alignment);
    if (!memory) {
        hn_heap_unreserve(heap, size);
    }
    return memory;
}

void *hn_heap_take(hone_heap *heap, size_t size, size_t alignment) {
    void *memory = take_once(heap, size, alignment);
    if (HONE_UNLIKELY(!memory) && hone_heap_shrink(heap, SIZE_MAX) > 0) {
        memory = take_once(heap, size, alignment);
    }
    return memory;
}

void hn_heap_give(hone_heap *heap, void *memory, size_t size, size_t alignment) {
    hone_unpoison(memory, size);
    hone_release(heap->allocator, memory, size, alignment);
    hn_heap_unreserve(heap, size);
}

/* ---- slabs ---- */

static void link_slab(hn_heap_slab **list, hn_heap_slab *slab) {
    slab->next = *list;
    slab->place = list;
    if (slab->next) {
        slab->next->place = &slab->next;
    }
    *list = slab;
}

static void unlink_slab(hn_heap_slab *slab) {
    *slab->place = slab->next;
    if (slab->next) {
        slab->next->place = slab->place;
    }
    slab->place = NULL;
}

static void give_slabs(hone_heap *heap, hn_heap_slab *slabs) {
    while (slabs) {
        hn_heap_slab *slab = slabs;
        slabs = slab->next;
        hn_heap_forget_slab(heap, slab);
        atomic_fetch_sub_explicit(&heap->slabs_count, 1, memory_order_relaxed);
        hn_heap_give(heap, slab, HN_HEAP_SLAB_BYTES, HN_HEAP_SLAB_BYTES);
    }
}

static hn_heap_slab *take_empty(hone_heap *heap) {
    hone_mutex_lock(&heap->empty_lock);
    hn_heap_slab *slab = heap->empty;
    if (slab) {
        unlink_slab(slab);
        heap->empty_count--;
    }
    hone_mutex_unlock(&heap->empty_lock);
    return slab;
}

/* Keeps a whole slab for others, or puts it onto the list of those that go. */
static void retire_slab(hone_heap *heap, hn_heap_slab *slab, hn_heap_slab **leaving) {
    hone_mutex_lock(&heap->empty_lock);
    bool is_kept = heap->empty_count < EMPTY_SLABS_MAX;
    if (is_kept) {
        link_slab(&heap->empty, slab);
        heap->empty_count++;
    }
    hone_mutex_unlock(&heap->empty_lock);
    if (!is_kept) {
        slab->next = *leaving;
        *leaving = slab;
    }
}

/* A slab whose blocks are all there, in no list. */
static hn_heap_slab *make_slab(hone_heap *heap, size_t class_index) {
    const hn_heap_class *it = &heap->classes[class_index];
    hn_heap_slab *slab = take_empty(heap);
    if (!slab) {
        slab = hn_heap_take(heap, HN_HEAP_SLAB_BYTES, HN_HEAP_SLAB_BYTES);
        if (!slab) {
            return NULL;
        }
        atomic_fetch_add_explicit(&heap->slabs_count, 1, memory_order_relaxed);
        hn_heap_note_slab(heap, slab);
    }
    hone_unpoison(slab, it->slab_start_bytes);
    memset(slab, 0, it->slab_start_bytes);
    hone_poison((uint8_t *)slab + it->slab_start_bytes, HN_HEAP_SLAB_BYTES - it->slab_start_bytes);
    slab->class_index = (uint32_t)class_index;
    slab->free_count = it->blocks_per_slab;
    memset(slab->free, 0xFF, it->blocks_per_slab / 64 * sizeof(uint64_t));
    if (it->blocks_per_slab % 64) {
        slab->free[it->blocks_per_slab / 64] = ((uint64_t)1 << it->blocks_per_slab % 64) - 1;
    }
    return slab;
}

/* The lowest blocks of a slab, downwards: handles give out the last one first. */
static size_t cut(const hn_heap_class *it, hn_heap_slab *slab, void **out_blocks, size_t wanted) {
    size_t count = least(wanted, slab->free_count), left = count;
    uint8_t *start = (uint8_t *)slab + it->slab_start_bytes;
    uint32_t word = slab->first_word;
    while (left > 0) {
        uint64_t bits = slab->free[word];
        uint8_t *blocks = start + (size_t)word * 64 * it->block_bytes;
        for (; bits && left > 0; bits &= bits - 1) {
            out_blocks[--left] = blocks + (size_t)__builtin_ctzll(bits) * it->block_bytes;
        }
        slab->free[word] = bits;
        word += !bits;
    }
    slab->first_word = word;
    slab->free_count -= (uint32_t)count;
    return count;
}

static size_t take_from_slabs(hn_heap_class *it, void **out_blocks, size_t wanted) {
    size_t got = 0;
    while (got < wanted && it->slabs) {
        hn_heap_slab *slab = it->slabs;
        got += cut(it, slab, out_blocks + got, wanted - got);
        if (slab->free_count == 0) {
            unlink_slab(slab);
        }
    }
    return got;
}

static void put_into_slabs(hone_heap *heap, hn_heap_class *it, void *const *blocks, size_t count,
                           hn_heap_slab **leaving) {
    for (size_t i = 0; i < count; i++) {
        hn_heap_slab *slab = hn_heap_slab_of(blocks[i]);
        size_t index = hn_heap_block_index(it, slab, blocks[i]);
        uint32_t word = (uint32_t)(index / 64);
        slab->free[word] |= (uint64_t)1 << index % 64;
        slab->first_word = word < slab->first_word ? word : slab->first_word;
        if (slab->free_count++ == 0) {
            link_slab(&it->slabs, slab);
        }
        if (slab->free_count == it->blocks_per_slab) {
            unlink_slab(slab);
            retire_slab(heap, slab, leaving);
        }
    }
}

/* ---- depots ---- */

static size_t take_from_depot(hn_heap_class *it, void **out_blocks, size_t wanted) {
    size_t got = 0;
    while (got < wanted && it->depot) {
        hn_heap_batch *batch = it->depot;
        size_t count = least(batch->count, wanted - got);
        memcpy(out_blocks + got, batch->blocks + batch->count - count, count * sizeof(void *));
        got += count;
        batch->count -= count;
        if (batch->count == 0) {
            it->depot = batch->next;
            batch->next = it->spare;
            it->spare = batch;
        }
    }
    it->depot_blocks_count -= got;
    return got;
}

/* The blocks into the first batch, or into that and a spare one. False without either. */
static bool put_into_depot(hn_heap_class *it, void *const *blocks, size_t count) {
    size_t room = it->depot ? HN_HEAP_BATCH_BLOCKS - it->depot->count : 0;
    if (count > room && !it->spare) {
        return false;
    }
    size_t first = least(count, room);
    if (first > 0) {
        memcpy(it->depot->blocks + it->depot->count, blocks, first * sizeof(void *));
        it->depot->count += first;
    }
    if (count > first) {
        hn_heap_batch *batch = it->spare;
        it->spare = batch->next;
        batch->count = count - first;
        memcpy(batch->blocks, blocks + first, batch->count * sizeof(void *));
        batch->next = it->depot;
        it->depot = batch;
    }
    it->depot_blocks_count += count;
    return true;
}

/* As put_into_depot, making a batch where one is missing; called and left with the lock held. */
static bool put_into_depot_growing(hone_heap *heap, hn_heap_class *it, void *const *blocks,
                                   size_t count) {
    if (put_into_depot(it, blocks, count)) {
        return true;
    }
    hone_mutex_unlock(&it->lock);
    hn_heap_batch *batch = take_once(heap, sizeof *batch, _Alignof(hn_heap_batch));
    hone_mutex_lock(&it->lock);
    if (!batch) {
        return false;
    }
    batch->next = it->spare;
    it->spare = batch;
    return put_into_depot(it, blocks, count);
}

/* Whether so many more bytes may be cached; then they are counted. */
static bool may_cache(hone_heap *heap, size_t bytes) {
    size_t cached = atomic_fetch_add_explicit(&heap->cached_bytes, bytes, memory_order_relaxed);
    if (cached + bytes <= heap->cache_bytes_max) {
        return true;
    }
    atomic_fetch_sub_explicit(&heap->cached_bytes, bytes, memory_order_relaxed);
    return false;
}

static void count_uncached(hone_heap *heap, const hn_heap_class *it, size_t blocks_count) {
    atomic_fetch_sub_explicit(&heap->cached_bytes, blocks_count * it->block_bytes,
                              memory_order_relaxed);
}

/* ---- blocks that come from the allocator each ---- */

static size_t block_alignment_of(const hn_heap_class *it) {
    return least(alignment_of(it->block_bytes), ALLOCATOR_ALIGNMENT_MAX);
}

static void give_blocks(hone_heap *heap, const hn_heap_class *it, void *const *blocks,
                        size_t count) {
    for (size_t i = 0; i < count; i++) {
        hn_heap_give(heap, blocks[i], it->block_bytes, block_alignment_of(it));
    }
}

/* ---- what handles call ---- */

/* For a class that has nothing left: a slab, or a block. */
static size_t get_new(hone_heap *heap, size_t class_index, void **out_blocks, size_t wanted) {
    hn_heap_class *it = &heap->classes[class_index];
    if (class_index >= HN_HEAP_SLAB_CLASSES) {
        out_blocks[0] = hn_heap_take(heap, it->block_bytes, block_alignment_of(it));
        return out_blocks[0] != NULL;
    }
    hn_heap_slab *slab = make_slab(heap, class_index);
    hone_mutex_lock(&it->lock);
    if (slab) {
        link_slab(&it->slabs, slab);
    }
    size_t got = take_from_slabs(it, out_blocks, wanted); /* others may have brought some, too */
    hone_mutex_unlock(&it->lock);
    return got;
}

size_t hn_heap_get(hone_heap *heap, size_t class_index, void **out_blocks, size_t wanted) {
    hn_heap_class *it = &heap->classes[class_index];
    hone_mutex_lock(&it->lock);
    size_t cached = take_from_depot(it, out_blocks, wanted);
    size_t got = cached > 0 ? cached : take_from_slabs(it, out_blocks, wanted);
    hone_mutex_unlock(&it->lock);
    if (cached > 0) {
        count_uncached(heap, it, cached);
    }
    return got > 0 ? got : get_new(heap, class_index, out_blocks, wanted);
}

void hn_heap_put(hone_heap *heap, size_t class_index, void *const *blocks, size_t count) {
    hn_heap_class *it = &heap->classes[class_index];
    hn_heap_slab *leaving = NULL;
    bool is_allowed = may_cache(heap, count * it->block_bytes);
    hone_mutex_lock(&it->lock);
    bool is_kept = is_allowed && put_into_depot_growing(heap, it, blocks, count);
    if (!is_kept && class_index < HN_HEAP_SLAB_CLASSES) {
        put_into_slabs(heap, it, blocks, count, &leaving);
    }
    hone_mutex_unlock(&it->lock);
    if (is_allowed && !is_kept) {
        count_uncached(heap, it, count);
    }
    if (!is_kept && class_index >= HN_HEAP_SLAB_CLASSES) {
        give_blocks(heap, it, blocks, count);
    }
    give_slabs(heap, leaving);
}

/* ---- giving back ---- */

/* Empties the depot of a class. */
static void drain(hone_heap *heap, size_t class_index) {
    hn_heap_class *it = &heap->classes[class_index];
    hn_heap_slab *leaving = NULL;
    hone_mutex_lock(&it->lock);
    hn_heap_batch *batches = it->depot, *spare = it->spare;
    size_t blocks_count = it->depot_blocks_count;
    it->depot = NULL;
    it->spare = NULL;
    it->depot_blocks_count = 0;
    if (class_index < HN_HEAP_SLAB_CLASSES) {
        for (const hn_heap_batch *batch = batches; batch; batch = batch->next) {
            put_into_slabs(heap, it, batch->blocks, batch->count, &leaving);
        }
    }
    hone_mutex_unlock(&it->lock);
    count_uncached(heap, it, blocks_count);
    if (class_index >= HN_HEAP_SLAB_CLASSES) {
        for (const hn_heap_batch *batch = batches; batch; batch = batch->next) {
            give_blocks(heap, it, batch->blocks, batch->count);
        }
    }
    give_slabs(heap, leaving);
    for (int i = 0; i < 2; i++) {
        for (hn_heap_batch *batch = i ? spare : batches; batch;) {
            hn_heap_batch *next = batch->next;
            hn_heap_give(heap, batch, sizeof *batch, _Alignof(hn_heap_batch));
            batch = next;
        }
    }
}

static void give_empty(hone_heap *heap) {
    hone_mutex_lock(&heap->empty_lock);
    hn_heap_slab *slabs = heap->empty;
    heap->empty = NULL;
    heap->empty_count = 0;
    hone_mutex_unlock(&heap->empty_lock);
    give_slabs(heap, slabs);
}

/* Large blocks first: few calls give much. What others take or give meanwhile makes the result an
 * estimate; it is exact for one thread. */
size_t hone_heap_shrink(hone_heap *heap, size_t bytes) {
    size_t before = atomic_load_explicit(&heap->held_bytes, memory_order_relaxed), given = 0;
    atomic_fetch_add_explicit(&heap->shrinks_count, 1, memory_order_relaxed);
    give_empty(heap);
    hn_heap_flush_shared(heap, false);
    for (size_t i = HN_HEAP_CLASSES; i > 0 && given < bytes; i--) {
        drain(heap, i - 1);
        give_empty(heap);
        size_t held = atomic_load_explicit(&heap->held_bytes, memory_order_relaxed);
        given = held < before ? before - held : 0;
    }
    return given;
}

size_t hone_heap_spare_bytes(hone_heap *heap) {
    hone_mutex_lock(&heap->empty_lock);
    size_t empty_count = heap->empty_count;
    hone_mutex_unlock(&heap->empty_lock);
    return atomic_load_explicit(&heap->cached_bytes, memory_order_relaxed) +
           empty_count * HN_HEAP_SLAB_BYTES;
}
