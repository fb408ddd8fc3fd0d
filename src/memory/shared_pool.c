/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A confined pool behind a lock. The lock stands on a cache line of its own, so that pools that
 * lie next to each other do not slow each other down.
 */
#include "hone/memory/shared_pool.h"

#include "hone/platform/thread.h"

enum { CACHE_LINE_BYTES = 64 };

struct hone_shared_pool {
    _Alignas(CACHE_LINE_BYTES) hone_mutex lock;
    hone_pool pool;
};

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
    *out_pool = shared;
    return HONE_OK;
}

void *hone_shared_pool_acquire(hone_shared_pool *pool) {
    hone_mutex_lock(&pool->lock);
    void *object = hone_pool_acquire(&pool->pool);
    hone_mutex_unlock(&pool->lock);
    return object;
}

void hone_shared_pool_release(hone_shared_pool *pool, void *object) {
    hone_mutex_lock(&pool->lock);
    hone_pool_release(&pool->pool, object);
    hone_mutex_unlock(&pool->lock);
}

/* Growth allocates under the lock; where that makes a budget evict this very pool, waiting would be
 * for ever. So these two only try. */
size_t hone_shared_pool_try_shrink(hone_shared_pool *pool, size_t bytes) {
    if (!hone_mutex_try_lock(&pool->lock)) {
        return 0;
    }
    size_t given = hone_pool_shrink(&pool->pool, bytes);
    hone_mutex_unlock(&pool->lock);
    return given;
}

size_t hone_shared_pool_spare_bytes(hone_shared_pool *pool) {
    if (!hone_mutex_try_lock(&pool->lock)) {
        return 0;
    }
    hone_pool_stats stats = hone_pool_read_stats(&pool->pool);
    hone_mutex_unlock(&pool->lock);
    return stats.live_count == 0
               ? stats.held_bytes
               : (stats.capacity_count - stats.live_count) * pool->pool.stride_bytes;
}

hone_pool_stats hone_shared_pool_read_stats(hone_shared_pool *pool) {
    hone_mutex_lock(&pool->lock);
    hone_pool_stats stats = hone_pool_read_stats(&pool->pool);
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
