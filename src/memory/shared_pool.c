/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A confined pool behind a lock, and magazines before it. Calls without a magazine of their own
 * borrow one of a few for a moment: the one that their thread hashes to, or else the next; where
 * none of three is free they go to the pool.
 *
 * Locks: the pool's may be taken while a shared magazine is borrowed, never the other way round
 * unless by a try. Growth allocates under the pool's lock; where that makes a budget evict this
 * very pool, waiting would be for ever: what evictables call only tries.
 */
#include "hone/memory/shared_pool.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "hone/platform/thread.h"

enum {
    SHARED_MAGAZINES = 8,
    TRIES = 3,
    MAGAZINE_BYTES_MAX = 64 << 10, /* of objects in one */
    SWEEPS = 2,
};

typedef struct shared_magazine {
    _Alignas(HONE_CACHE_LINE_BYTES) atomic_bool is_borrowed;
    hone_pool_magazine magazine;
} shared_magazine;

struct hone_shared_pool {
    _Alignas(HONE_CACHE_LINE_BYTES) hone_mutex lock;
    hone_pool pool;
    size_t out_count; /* objects that are not in the pool: acquired, or in magazines */
    uint32_t magazine_capacity;
    shared_magazine shared[SHARED_MAGAZINES];
};

/* ---- the pool ---- */

static bool has_more(const hone_pool *pool) {
    return pool->free || pool->fresh_count > 0;
}

/* The pool grows for the first object only: magazines take what is there. */
static size_t take_locked(hone_shared_pool *pool, void **out_objects, size_t wanted) {
    size_t got = 0;
    while (got < wanted && (got == 0 || has_more(&pool->pool)) &&
           (out_objects[got] = hone_pool_acquire(&pool->pool))) {
        got++;
    }
    pool->out_count += got;
    return got;
}

static void give_locked(hone_shared_pool *pool, void *const *objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hone_unpoison(objects[i], pool->pool.stride_bytes);
        hone_pool_release(&pool->pool, objects[i]);
    }
    pool->out_count -= count;
}

static size_t take(hone_shared_pool *pool, void **out_objects, size_t wanted) {
    hone_mutex_lock(&pool->lock);
    size_t got = take_locked(pool, out_objects, wanted);
    hone_mutex_unlock(&pool->lock);
    return got;
}

static void give(hone_shared_pool *pool, void *const *objects, size_t count) {
    hone_mutex_lock(&pool->lock);
    give_locked(pool, objects, count);
    hone_mutex_unlock(&pool->lock);
}

/* ---- shared magazines ---- */

/* The exchange pairs with the release in hand_back: the magazine is as its last user left it, and
 * what was written into objects before their release is there. */
static bool try_borrow(shared_magazine *it) {
    return !atomic_load_explicit(&it->is_borrowed, memory_order_relaxed) &&
           !atomic_exchange_explicit(&it->is_borrowed, true, memory_order_acquire);
}

static void hand_back(shared_magazine *it) {
    atomic_store_explicit(&it->is_borrowed, false, memory_order_release);
}

static shared_magazine *borrow(hone_shared_pool *pool) {
    if (pool->magazine_capacity == 0) {
        return NULL;
    }
    uint64_t hash = (uint64_t)hone_thread_self_id() * UINT64_C(0x9E3779B97F4A7C15);
    for (size_t i = 0; i < TRIES; i++) {
        shared_magazine *it = &pool->shared[((size_t)(hash >> 56) + i) % SHARED_MAGAZINES];
        if (try_borrow(it)) {
            return it;
        }
    }
    return NULL;
}

/* An object out of any shared magazine: for when the pool has no more. */
static void *scavenge(hone_shared_pool *pool) {
    void *object = NULL;
    for (int sweep = 0; sweep < SWEEPS && pool->magazine_capacity > 0 && !object; sweep++) {
        bool is_any_busy = false;
        for (size_t i = 0; i < SHARED_MAGAZINES && !object; i++) {
            shared_magazine *it = &pool->shared[i];
            if (!try_borrow(it)) {
                is_any_busy = true;
                continue;
            }
            if (it->magazine.count > 0) {
                object = hone_pool_magazine_acquire(&it->magazine);
            }
            hand_back(it);
        }
        if (!is_any_busy) {
            break;
        }
        hone_thread_yield();
    }
    return object;
}

static void *take_one(hone_shared_pool *pool) {
    void *object;
    return take(pool, &object, 1) ? object : scavenge(pool);
}

void *hone_shared_pool_acquire(hone_shared_pool *pool) {
    shared_magazine *it = borrow(pool);
    if (!it) {
        return take_one(pool);
    }
    void *object = hone_pool_magazine_acquire(&it->magazine);
    hand_back(it);
    return object;
}

void hone_shared_pool_release(hone_shared_pool *pool, void *object) {
    if (!object) {
        return;
    }
    shared_magazine *it = borrow(pool);
    if (!it) {
        give(pool, &object, 1);
        return;
    }
    hone_pool_magazine_release(&it->magazine, object);
    hand_back(it);
}

/* ---- magazines ---- */

void hone_pool_magazine_init(hone_pool_magazine *magazine, hone_shared_pool *pool) {
    *magazine = (hone_pool_magazine){
        .capacity = pool->magazine_capacity,
        .stride_bytes = pool->pool.stride_bytes,
        .pool = pool,
    };
}

void *hone_pool_magazine_acquire_slow(hone_pool_magazine *magazine) {
    size_t wanted = magazine->capacity / 2;
    if (wanted == 0) {
        return take_one(magazine->pool);
    }
    uint32_t count = (uint32_t)take(magazine->pool, magazine->objects, wanted);
    if (count == 0) {
        return scavenge(magazine->pool);
    }
    for (uint32_t i = 0; i + 1 < count; i++) {
        hone_poison(magazine->objects[i], magazine->stride_bytes);
    }
    magazine->count = count - 1;
    return magazine->objects[count - 1];
}

void hone_pool_magazine_release_slow(hone_pool_magazine *magazine, void *object) {
    uint32_t half = magazine->capacity / 2;
    if (half == 0) {
        give(magazine->pool, &object, 1);
        return;
    }
    magazine->count -= half;
    give(magazine->pool, magazine->objects + magazine->count, half);
    hone_poison(object, magazine->stride_bytes);
    magazine->objects[magazine->count++] = object;
}

void hone_pool_magazine_check_release(const hone_pool_magazine *magazine, const void *object) {
    for (uint32_t i = 0; i < magazine->count; i++) {
        assert(magazine->objects[i] != object && "released twice");
    }
    hone_pool_check_home(&magazine->pool->pool, object);
}

void hone_pool_magazine_deinit(hone_pool_magazine *magazine) {
    if (magazine->count > 0) {
        give(magazine->pool, magazine->objects, magazine->count);
    }
    *magazine = (hone_pool_magazine){0};
}

/* ---- the whole ---- */

hone_status hone_shared_pool_create(const hone_pool_options *options, hone_diag *diag,
                                    hone_shared_pool **out_pool) {
    hone_pool pool;
    hone_status status = hone_pool_init(&pool, options, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_shared_pool *shared = HONE_NEW(options->allocator, hone_shared_pool);
    if (!shared) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a shared pool");
    }
    hone_mutex_init(&shared->lock);
    shared->pool = pool;
    /* All the shared ones together hold at most a quarter of the objects. */
    size_t capacity = options->objects_max / (4 * SHARED_MAGAZINES);
    size_t fitting = MAGAZINE_BYTES_MAX / pool.stride_bytes;
    capacity = capacity < fitting ? capacity : fitting;
    capacity = capacity < HONE_POOL_MAGAZINE_OBJECTS ? capacity : HONE_POOL_MAGAZINE_OBJECTS;
    shared->magazine_capacity = capacity < 2 ? 0 : (uint32_t)capacity;
    for (size_t i = 0; i < SHARED_MAGAZINES; i++) {
        hone_pool_magazine_init(&shared->shared[i].magazine, shared);
    }
    *out_pool = shared;
    return HONE_OK;
}

/* Objects in shared magazines that nobody has borrowed; with `is_emptied` they go to the pool. Its
 * lock is held. */
static size_t visit_magazines(hone_shared_pool *pool, bool is_emptied) {
    size_t count = 0;
    for (size_t i = 0; i < SHARED_MAGAZINES; i++) {
        shared_magazine *it = &pool->shared[i];
        if (try_borrow(it)) {
            count += it->magazine.count;
            if (is_emptied) {
                give_locked(pool, it->magazine.objects, it->magazine.count);
                it->magazine.count = 0;
            }
            hand_back(it);
        }
    }
    return count;
}

size_t hone_shared_pool_try_shrink(hone_shared_pool *pool, size_t bytes) {
    if (!hone_mutex_try_lock(&pool->lock)) {
        return 0;
    }
    (void)visit_magazines(pool, true);
    size_t given = hone_pool_shrink(&pool->pool, bytes);
    hone_mutex_unlock(&pool->lock);
    return given;
}

size_t hone_shared_pool_spare_bytes(hone_shared_pool *pool) {
    if (!hone_mutex_try_lock(&pool->lock)) {
        return 0;
    }
    size_t live_count = pool->out_count - visit_magazines(pool, false);
    size_t bytes = live_count == 0
                       ? pool->pool.slabs_count * pool->pool.slab_bytes
                       : (pool->pool.objects_made - live_count) * pool->pool.stride_bytes;
    hone_mutex_unlock(&pool->lock);
    return bytes;
}

hone_pool_stats hone_shared_pool_read_stats(hone_shared_pool *pool) {
    hone_mutex_lock(&pool->lock);
    hone_pool_stats stats = hone_pool_read_stats(&pool->pool);
    stats.live_count = pool->out_count - visit_magazines(pool, false);
    hone_mutex_unlock(&pool->lock);
    return stats;
}

void hone_shared_pool_destroy(hone_shared_pool *pool) {
    if (pool) {
        const hone_allocator *allocator = pool->pool.allocator;
        hone_pool_deinit(&pool->pool);
        hone_mutex_deinit(&pool->lock);
        HONE_DELETE(allocator, hone_shared_pool, pool);
    }
}
