/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles. A bin is an array of free blocks, last in first out; the header has what happens while
 * it is neither empty nor full. An empty bin is filled to one half by the centre, a full one hands
 * over its older half, so that the next thirty calls of either kind need nobody.
 *
 * Because every release tells the size, a block needs no header, and its slab is not looked at
 * until it goes home.
 *
 * Where calls are checked the public counts and capacities stay 0, which sends every call here; the
 * bins then go by their checked_ twins.
 */
#include "hone/memory/heap.h"

#include <assert.h>
#include <string.h>

#include "heap_internal.h"
#include "hone/base/checked.h"

enum {
    BIN_BYTES = 64 << 10, /* what a bin holds at most, unless a block is larger */
    BIN_BLOCKS_MIN = 2,
    LOCAL_LARGE_BYTES = 2 << 20, /* blocks above 32 KiB in a handle */
    CACHE_SHARE = 8,
    CACHE_BYTES_DEFAULT_MAX = 16 << 20,
};

static uint32_t *counts_of(hone_heap_local *local) {
    return HN_HEAP_IS_CHECKED ? local->checked_counts : local->counts;
}

static size_t capacity_of(const hone_heap_local *local, size_t bin) {
    return HN_HEAP_IS_CHECKED ? local->checked_capacities[bin] : local->capacities[bin];
}

/* ---- what a handle holds goes to the centre ---- */

void hone_heap_local_flush(hone_heap_local *local) {
    hone_heap *heap = local->heap;
    uint32_t *counts = counts_of(local);
    /* Relaxed: a hint; a handle that misses it gives way one call later. */
    local->shrinks_count = atomic_load_explicit(&heap->shrinks_count, memory_order_relaxed);
    for (size_t bin = 0; bin < HONE_HEAP_BINS_COUNT; bin++) {
        while (counts[bin] > 0) {
            size_t count = counts[bin] < HN_HEAP_BATCH_BLOCKS ? counts[bin] : HN_HEAP_BATCH_BLOCKS;
            counts[bin] = (uint32_t)(counts[bin] - count);
            hn_heap_put(heap, bin, &local->slots[bin][counts[bin]], count);
        }
    }
    for (size_t i = 0; i < HONE_HEAP_LARGE_BINS_COUNT; i++) {
        void *block = local->large[i];
        if (block) {
            local->large[i] = NULL;
            hn_heap_put(heap, HONE_HEAP_BINS_COUNT + i, &block, 1);
        }
    }
    local->large_bytes = 0;
}

static void give_way(hone_heap_local *local) {
    if (atomic_load_explicit(&local->heap->shrinks_count, memory_order_relaxed) !=
        local->shrinks_count) {
        hone_heap_local_flush(local);
    }
}

/* ---- bins ---- */

static void *take_from_bin(hone_heap_local *local, size_t bin) {
    uint32_t *counts = counts_of(local);
    if (counts[bin] == 0) {
        size_t wanted = capacity_of(local, bin) / 2;
        counts[bin] = (uint32_t)hn_heap_get(local->heap, bin, local->slots[bin], wanted);
        if (counts[bin] == 0) {
            return NULL;
        }
    }
    return local->slots[bin][--counts[bin]];
}

static void put_into_bin(hone_heap_local *local, size_t bin, void *block) {
    uint32_t *counts = counts_of(local);
    size_t capacity = capacity_of(local, bin);
    if (counts[bin] == capacity) {
        size_t half = capacity / 2;
        void *older[HONE_HEAP_SLOTS_COUNT / 2];
        memcpy(older, local->slots[bin], half * sizeof(void *));
        memmove(local->slots[bin], local->slots[bin] + half, (capacity - half) * sizeof(void *));
        counts[bin] = (uint32_t)(capacity - half);
        hn_heap_put(local->heap, bin, older, half);
    }
    local->slots[bin][counts[bin]++] = block;
}

static void *take_large(hone_heap_local *local, size_t index) {
    void *block = local->large[index - HONE_HEAP_BINS_COUNT];
    if (block) {
        local->large[index - HONE_HEAP_BINS_COUNT] = NULL;
        local->large_bytes -= local->heap->classes[index].block_bytes;
        return block;
    }
    return hn_heap_get(local->heap, index, &block, 1) ? block : NULL;
}

static void put_large(hone_heap_local *local, size_t index, void *block) {
    void **slot = &local->large[index - HONE_HEAP_BINS_COUNT];
    size_t bytes = local->heap->classes[index].block_bytes;
    if (!*slot && local->large_bytes + bytes <= LOCAL_LARGE_BYTES) {
        *slot = block;
        local->large_bytes += bytes;
        return;
    }
    hn_heap_put(local->heap, index, &block, 1);
}

/* ---- calls that the header does not finish ---- */

/* Of a home's blocks: how many bytes lie there, whatever was asked. */
static size_t bytes_at(const hone_heap *heap, size_t home, size_t size) {
    return home < HN_HEAP_CLASSES ? heap->classes[home].block_bytes : size;
}

static void *hand_out(hone_heap *heap, size_t home, void *block, size_t size) {
    if (!block) {
        atomic_fetch_add_explicit(&heap->refused_count, 1, memory_order_relaxed);
        return NULL;
    }
    if (HN_HEAP_IS_CHECKED) {
        hn_heap_note_allocate(heap, home, block, size);
        hone_unpoison(block, size);
    }
    return block;
}

static void take_in(hone_heap *heap, size_t home, void *block, size_t size) {
    if (HN_HEAP_IS_CHECKED) {
        hn_heap_note_release(heap, home, block, size);
        hone_poison(block, bytes_at(heap, home, size));
    }
}

void *hone_heap_allocate_slow(hone_heap_local *local, size_t size, size_t alignment) {
    assert(hone_is_power_of_two(alignment));
    hone_heap *heap = local->heap;
    size_t home = hn_heap_home(size, alignment);
    give_way(local);
    void *block = NULL;
    if (home < HONE_HEAP_BINS_COUNT) {
        block = take_from_bin(local, home);
    } else if (home < HN_HEAP_CLASSES) {
        block = take_large(local, home);
    } else if (size > 0) {
        block = hn_heap_take(heap, size, alignment);
    }
    return hand_out(heap, home, block, size);
}

void hone_heap_release_slow(hone_heap_local *local, void *block, size_t size, size_t alignment) {
    if (!block) {
        return;
    }
    assert(size > 0 && hone_is_power_of_two(alignment));
    size_t home = hn_heap_home(size, alignment);
    take_in(local->heap, home, block, size);
    give_way(local);
    if (home < HONE_HEAP_BINS_COUNT) {
        put_into_bin(local, home, block);
    } else if (home < HN_HEAP_CLASSES) {
        put_large(local, home, block);
    } else {
        hn_heap_give(local->heap, block, size, alignment);
    }
}

void *hn_heap_allocate_central(hone_heap *heap, size_t size, size_t alignment) {
    size_t home = hn_heap_home(size, alignment);
    void *block = NULL;
    if (home < HN_HEAP_CLASSES) {
        block = hn_heap_get(heap, home, &block, 1) ? block : NULL;
    } else if (size > 0) {
        block = hn_heap_take(heap, size, alignment);
    }
    return hand_out(heap, home, block, size);
}

void hn_heap_release_central(hone_heap *heap, void *block, size_t size, size_t alignment) {
    size_t home = hn_heap_home(size, alignment);
    take_in(heap, home, block, size);
    if (home < HN_HEAP_CLASSES) {
        hn_heap_put(heap, home, &block, 1);
    } else {
        hn_heap_give(heap, block, size, alignment);
    }
}

/* True when that settles it: *block is the resized block, or NULL. */
bool hn_heap_resize_in_place(hone_heap *heap, void **block, size_t old_size, size_t new_size,
                             size_t alignment) {
    size_t old_home = hn_heap_home(old_size, alignment);
    size_t new_home = hn_heap_home(new_size, alignment);
    if (old_home != new_home || new_size == 0) {
        return false;
    }
    if (new_home < HN_HEAP_CLASSES) {
        take_in(heap, old_home, *block, old_size);
        *block = hand_out(heap, new_home, *block, new_size);
        return true;
    }
    size_t more = new_size > old_size ? new_size - old_size : 0;
    if (!hn_heap_reserve(heap, more)) {
        return false; /* moving it asks the caches, too; it will most likely fail */
    }
    if (HN_HEAP_IS_CHECKED) {
        hn_heap_note_release(heap, old_home, *block, old_size);
    }
    void *resized = hone_reallocate(heap->allocator, *block, old_size, new_size, alignment);
    if (HN_HEAP_IS_CHECKED) {
        hn_heap_note_allocate(heap, new_home, resized ? resized : *block,
                              resized ? new_size : old_size);
    }
    hn_heap_unreserve(heap, resized ? old_size + more - new_size : more);
    if (!resized) {
        return false;
    }
    *block = resized;
    return true;
}

void *hone_heap_resize(hone_heap_local *local, void *block, size_t old_size, size_t new_size,
                       size_t alignment) {
    if (hn_heap_resize_in_place(local->heap, &block, old_size, new_size, alignment)) {
        return block;
    }
    void *moved = hone_heap_allocate(local, new_size, alignment);
    if (moved) {
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
        hone_heap_release(local, block, old_size, alignment);
    }
    return moved;
}

/* ---- a handle as an allocator ---- */

static void *local_allocate(void *self, size_t size, size_t alignment) {
    return hone_heap_allocate(self, size, alignment);
}

static void *local_resize(void *self, void *block, size_t old_size, size_t new_size,
                          size_t alignment) {
    return hone_heap_resize(self, block, old_size, new_size, alignment);
}

static void local_release(void *self, void *block, size_t size, size_t alignment) {
    hone_heap_release(self, block, size, alignment);
}

const hone_allocator *hone_heap_local_allocator(hone_heap_local *local) {
    return &local->allocator;
}

const hone_allocator *hone_heap_allocator(hone_heap *heap) {
    return &heap->as_allocator;
}

/* ---- life ---- */

hone_status hone_heap_local_create(hone_heap *heap, hone_diag *diag, hone_heap_local **out_local) {
    hone_heap_local *local = hn_heap_take(heap, sizeof *local, HONE_CACHE_LINE_BYTES);
    if (!local) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for a handle of a heap of at most %zu bytes: %zu bytes are "
                             "needed; give memory back, or raise the maximum",
                             heap->bytes_max, sizeof *local);
    }
    memset(local, 0, sizeof *local);
    local->heap = heap;
    local->allocator = (hone_allocator){local_allocate, local_resize, local_release, local};
    local->shrinks_count = atomic_load_explicit(&heap->shrinks_count, memory_order_relaxed);
    uint32_t *capacities = HN_HEAP_IS_CHECKED ? local->checked_capacities : local->capacities;
    for (size_t bin = 0; bin < HONE_HEAP_BINS_COUNT; bin++) {
        size_t blocks = BIN_BYTES / heap->classes[bin].block_bytes;
        blocks = blocks > HONE_HEAP_SLOTS_COUNT ? HONE_HEAP_SLOTS_COUNT : blocks;
        capacities[bin] = (uint32_t)(blocks < BIN_BLOCKS_MIN ? BIN_BLOCKS_MIN : blocks);
    }
    atomic_fetch_add_explicit(&heap->locals_count, 1, memory_order_relaxed);
    *out_local = local;
    return HONE_OK;
}

void hone_heap_local_destroy(hone_heap_local *local) {
    if (local) {
        hone_heap *heap = local->heap;
        hone_heap_local_flush(local);
        hn_heap_give(heap, local, sizeof *local, HONE_CACHE_LINE_BYTES);
        atomic_fetch_sub_explicit(&heap->locals_count, 1, memory_order_relaxed);
    }
}

static size_t default_cache_bytes(size_t bytes_max) {
    size_t share = bytes_max / CACHE_SHARE;
    return share < CACHE_BYTES_DEFAULT_MAX ? share : CACHE_BYTES_DEFAULT_MAX;
}

hone_status hone_heap_create(const hone_heap_options *options, hone_diag *diag,
                             hone_heap **out_heap) {
    if (!options || options->bytes_max == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a heap needs a maximum above 0 bytes");
    }
    hone_heap *heap = HONE_NEW(options->allocator, hone_heap);
    if (!heap) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a heap itself");
    }
    heap->bytes_max = options->bytes_max;
    heap->cache_bytes_max = options->cache_bytes_max ? options->cache_bytes_max
                                                     : default_cache_bytes(options->bytes_max);
    heap->allocator = options->allocator;
    heap->as_allocator = (hone_allocator){hn_heap_shared_allocate, hn_heap_shared_resize,
                                          hn_heap_shared_release, heap};
    if (!hn_heap_checks_init(heap)) {
        HONE_DELETE(options->allocator, hone_heap, heap);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for the table that a heap checks its calls with");
    }
    hone_mutex_init(&heap->empty_lock);
    hn_heap_init_classes(heap);
    *out_heap = heap;
    return HONE_OK;
}

hone_status hone_heap_destroy(hone_heap *heap, hone_diag *diag) {
    if (!heap) {
        return HONE_OK;
    }
    size_t locals = atomic_load_explicit(&heap->locals_count, memory_order_relaxed);
    hn_heap_flush_shared(heap, locals == 0);
    (void)hone_heap_shrink(heap, SIZE_MAX);
    size_t held = atomic_load_explicit(&heap->held_bytes, memory_order_relaxed);
    if (locals > 0 || held > 0) {
        return hone_diag_set(diag, HONE_STATUS_INTERNAL,
                             "a heap cannot go: %zu handles and blocks in %zu bytes must be given "
                             "back first",
                             locals, held);
    }
    const hone_allocator *allocator = heap->allocator;
    hn_heap_deinit_classes(heap);
    hone_mutex_deinit(&heap->empty_lock);
    hn_heap_checks_deinit(heap);
    HONE_DELETE(allocator, hone_heap, heap);
    return HONE_OK;
}

hone_heap_stats hone_heap_read_stats(hone_heap *heap) {
    return (hone_heap_stats){
        .bytes_max = heap->bytes_max,
        .held_bytes = atomic_load_explicit(&heap->held_bytes, memory_order_relaxed),
        .held_bytes_max = atomic_load_explicit(&heap->held_bytes_max, memory_order_relaxed),
        .cached_bytes = hone_heap_spare_bytes(heap),
        .slabs_count = atomic_load_explicit(&heap->slabs_count, memory_order_relaxed),
        .refused_count = atomic_load_explicit(&heap->refused_count, memory_order_relaxed),
    };
}
