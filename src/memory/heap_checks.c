/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knows what the heap gave out, so that a block that comes back wrongly asserts at once: a bit per
 * block in each slab, and a table of the addresses of slabs and of live blocks outside of slabs.
 * The table has a fixed size; an address lies within PROBES places of its hash. Should those ever
 * be taken, the table counts as incomplete, and addresses that it does not have are believed.
 */
#include <assert.h>

#include "heap_internal.h"
#include "hone/base/checked.h"

#if HN_HEAP_IS_CHECKED

enum { PROBES = 16, PLACES_MIN = 256, PLACES_MAX = 1 << 16, BYTES_PER_PLACE = 4096 };

typedef struct hn_heap_registry {
    size_t places_count; /* a power of two */
    atomic_bool is_incomplete;
    _Atomic uintptr_t places[];
} hn_heap_registry;

static size_t registry_bytes(size_t places_count) {
    return sizeof(hn_heap_registry) + places_count * sizeof(_Atomic uintptr_t);
}

bool hn_heap_checks_init(hone_heap *heap) {
    size_t places = heap->bytes_max / BYTES_PER_PLACE;
    places = places < PLACES_MIN ? PLACES_MIN : places > PLACES_MAX ? PLACES_MAX : places;
    places = (size_t)hone_power_of_two_ceil(places);
    heap->registry = hone_allocate_zeroed(heap->allocator, 1, registry_bytes(places),
                                          _Alignof(hn_heap_registry));
    if (heap->registry) {
        heap->registry->places_count = places;
    }
    return heap->registry != NULL;
}

void hn_heap_checks_deinit(hone_heap *heap) {
    hone_release(heap->allocator, heap->registry, registry_bytes(heap->registry->places_count),
                 _Alignof(hn_heap_registry));
}

/* Replaces `from` by `to` at one of the places for `address`. All relaxed: whoever passes a block
 * on to another thread orders that itself, and must. */
static bool exchange(hn_heap_registry *it, uintptr_t address, uintptr_t from, uintptr_t to) {
    size_t hash = (size_t)((uint64_t)address * UINT64_C(0x9E3779B97F4A7C15) >> 32);
    for (size_t i = 0; i < PROBES; i++) {
        _Atomic uintptr_t *place = &it->places[(hash + i) & (it->places_count - 1)];
        uintptr_t expected = from;
        if (atomic_load_explicit(place, memory_order_relaxed) == from &&
            atomic_compare_exchange_strong_explicit(place, &expected, to, memory_order_relaxed,
                                                    memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

static void insert(hn_heap_registry *it, const void *address) {
    if (!exchange(it, (uintptr_t)address, 0, (uintptr_t)address)) {
        atomic_store_explicit(&it->is_incomplete, true, memory_order_relaxed);
    }
}

/* Whether it is there, for all that is known. */
static bool has(hn_heap_registry *it, const void *address) {
    return exchange(it, (uintptr_t)address, (uintptr_t)address, (uintptr_t)address) ||
           atomic_load_explicit(&it->is_incomplete, memory_order_relaxed);
}

static bool take_out(hn_heap_registry *it, const void *address) {
    return exchange(it, (uintptr_t)address, (uintptr_t)address, 0) ||
           atomic_load_explicit(&it->is_incomplete, memory_order_relaxed);
}

void hn_heap_note_slab(hone_heap *heap, const hn_heap_slab *slab) {
    insert(heap->registry, slab);
}

void hn_heap_forget_slab(hone_heap *heap, const hn_heap_slab *slab) {
    (void)take_out(heap->registry, slab);
}

/* The bit of a block, with what must hold for a block of that class on its way. */
static _Atomic uint64_t *live_bits(hone_heap *heap, size_t class_index, const void *block,
                                   uint64_t *out_mask) {
    const hn_heap_class *it = &heap->classes[class_index];
    hn_heap_slab *slab = hn_heap_slab_of(block);
    bool is_ours = has(heap->registry, slab);
    assert(is_ours && "a block of another heap, or of none");
    (void)is_ours;
    assert(slab->class_index == class_index && "released with another size");
    size_t offset = (size_t)((const uint8_t *)block - (const uint8_t *)slab);
    assert(offset >= it->slab_start_bytes &&
           (offset - it->slab_start_bytes) % it->block_bytes == 0 && "not the start of a block");
    (void)offset;
    size_t index = hn_heap_block_index(it, slab, block);
    *out_mask = (uint64_t)1 << index % 64;
    return &slab->live[index / 64];
}

void hn_heap_note_allocate(hone_heap *heap, size_t class_index, void *block, size_t size) {
    (void)size;
    if (class_index >= HN_HEAP_SLAB_CLASSES) {
        insert(heap->registry, block);
        return;
    }
    uint64_t mask;
    _Atomic uint64_t *bits = live_bits(heap, class_index, block, &mask);
    uint64_t before = atomic_fetch_or_explicit(bits, mask, memory_order_relaxed);
    assert(!(before & mask) && "given out twice");
    (void)before;
}

void hn_heap_note_release(hone_heap *heap, size_t class_index, void *block, size_t size) {
    (void)size;
    if (class_index >= HN_HEAP_SLAB_CLASSES) {
        bool is_known = take_out(heap->registry, block);
        assert(is_known && "released twice, or a block of another heap, or of none");
        (void)is_known;
        return;
    }
    uint64_t mask;
    _Atomic uint64_t *bits = live_bits(heap, class_index, block, &mask);
    uint64_t before = atomic_fetch_and_explicit(bits, ~mask, memory_order_relaxed);
    assert((before & mask) && "released twice");
    (void)before;
}

#else

bool hn_heap_checks_init(hone_heap *heap) {
    (void)heap;
    return true;
}

void hn_heap_checks_deinit(hone_heap *heap) {
    (void)heap;
}

void hn_heap_note_slab(hone_heap *heap, const hn_heap_slab *slab) {
    (void)heap;
    (void)slab;
}

void hn_heap_forget_slab(hone_heap *heap, const hn_heap_slab *slab) {
    (void)heap;
    (void)slab;
}

void hn_heap_note_allocate(hone_heap *heap, size_t class_index, void *block, size_t size) {
    (void)heap;
    (void)class_index;
    (void)block;
    (void)size;
}

void hn_heap_note_release(hone_heap *heap, size_t class_index, void *block, size_t size) {
    (void)heap;
    (void)class_index;
    (void)block;
    (void)size;
}

#endif
