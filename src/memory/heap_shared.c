/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap as an allocator for everybody. A few handles are lent for the time of one call: the
 * caller's own, by a hash of its thread, or, where that is busy, the next; where none is free the
 * call goes to the centre. So nobody waits for a handle, and the usual cost is one exchange.
 */
#include <string.h>

#include "heap_internal.h"

enum { TRIES = 3 };

/* The exchange pairs with the release store in give_handle: what the last user did to the handle
 * is seen. */
static bool try_take(hn_heap_shared_handle *shared) {
    return !atomic_load_explicit(&shared->is_busy, memory_order_relaxed) &&
           !atomic_exchange_explicit(&shared->is_busy, true, memory_order_acquire);
}

static void give_handle(hn_heap_shared_handle *shared) {
    atomic_store_explicit(&shared->is_busy, false, memory_order_release);
}

/* The handle of a place that is taken, made where there is none yet; NULL without memory. */
static hone_heap_local *make_local(hone_heap *heap, hn_heap_shared_handle *shared) {
    hone_heap_local *local = atomic_load_explicit(&shared->local, memory_order_relaxed);
    if (!local && hone_heap_local_create(heap, NULL, &local) == HONE_OK) {
        atomic_fetch_sub_explicit(&heap->locals_count, 1, memory_order_relaxed);
        atomic_store_explicit(&shared->local, local, memory_order_relaxed);
    }
    return local;
}

/* A taken place and its handle, or NULL. The handle's address is read before the exchange, which
 * lets no later load begin before it is done; what the handle holds is read after it. */
static hn_heap_shared_handle *take_handle(hone_heap *heap, hone_heap_local **out_local) {
    /* Multiplicative hashing: the highest bits of the product are the best mixed. */
    uint64_t hash = (uint64_t)hone_thread_self_id() * UINT64_C(0x9E3779B97F4A7C15);
    size_t index = (size_t)(hash >> 60);
    for (int i = 0; i < TRIES; i++) {
        hn_heap_shared_handle *shared = &heap->shared[(index + (size_t)i) % HN_HEAP_SHARED_HANDLES];
        hone_heap_local *local = atomic_load_explicit(&shared->local, memory_order_relaxed);
        if (!try_take(shared)) {
            continue;
        }
        local = HONE_LIKELY(local != NULL) ? local : make_local(heap, shared);
        if (local) {
            *out_local = local;
            return shared;
        }
        give_handle(shared);
        return NULL;
    }
    return NULL;
}

void *hn_heap_shared_allocate(void *self, size_t size, size_t alignment) {
    hone_heap *heap = self;
    hone_heap_local *local;
    hn_heap_shared_handle *shared = take_handle(heap, &local);
    if (!shared) {
        return hn_heap_allocate_central(heap, size, alignment);
    }
    void *block = hone_heap_allocate(local, size, alignment);
    give_handle(shared);
    return block;
}

void hn_heap_shared_release(void *self, void *block, size_t size, size_t alignment) {
    hone_heap *heap = self;
    hone_heap_local *local;
    hn_heap_shared_handle *shared = take_handle(heap, &local);
    if (!shared) {
        if (block) {
            hn_heap_release_central(heap, block, size, alignment);
        }
        return;
    }
    hone_heap_release(local, block, size, alignment);
    give_handle(shared);
}

void *hn_heap_shared_resize(void *self, void *block, size_t old_size, size_t new_size,
                            size_t alignment) {
    if (hn_heap_resize_in_place(self, &block, old_size, new_size, alignment)) {
        return block;
    }
    void *moved = hn_heap_shared_allocate(self, new_size, alignment);
    if (moved) {
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
        hn_heap_shared_release(self, block, old_size, alignment);
    }
    return moved;
}

void hn_heap_flush_shared(hone_heap *heap, bool is_last) {
    for (size_t i = 0; i < HN_HEAP_SHARED_HANDLES; i++) {
        hn_heap_shared_handle *shared = &heap->shared[i];
        if (!try_take(shared)) {
            continue;
        }
        hone_heap_local *local = atomic_load_explicit(&shared->local, memory_order_relaxed);
        if (local && is_last) {
            atomic_store_explicit(&shared->local, NULL, memory_order_relaxed);
            atomic_fetch_add_explicit(&heap->locals_count, 1, memory_order_relaxed);
            hone_heap_local_destroy(local);
        } else if (local) {
            hone_heap_local_flush(local);
        }
        give_handle(shared);
    }
}
