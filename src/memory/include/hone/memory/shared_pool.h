/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool for objects that are acquired on one thread and released on another: batches of records,
 * tasks. As hone_pool, but for all threads.
 *
 * Free objects wait in magazines, small arrays that are filled from the pool and emptied into it by
 * halves, so that its lock is taken once in about sixteen calls. A thread that acquires often has a
 * hone_pool_magazine of its own; calls without one share a few.
 *
 * Contract: shared, except create and destroy; a magazine is confined, and a release may go through
 * any magazine of the pool or none. Whatever a thread wrote into an object before it released it
 * happens before the object is acquired again. Never waits for an object: at the maximum acquire
 * gives NULL. Objects in magazines of threads count as acquired, those in the shared ones do not:
 * when the maximum is out they are looked for there, and NULL may come only while another thread is
 * in the middle of a call on one. Pools of few or large objects have no magazines and take the lock
 * each time. Which free object comes next is not stated. Misuse is caught as by hone_pool.
 * Cost: with a magazine, as hone_pool; without, one atomic exchange more.
 */
#ifndef HONE_MEMORY_SHARED_POOL_H
#define HONE_MEMORY_SHARED_POOL_H

#include "hone/memory/pool.h"

typedef struct hone_shared_pool hone_shared_pool;

enum { HONE_POOL_MAGAZINE_OBJECTS = 32 };

/* In storage of the caller's; private. */
typedef struct hone_pool_magazine {
    uint32_t count;
    uint32_t capacity; /* 0: the pool has none */
    size_t stride_bytes;
    hone_shared_pool *pool;
    void *objects[HONE_POOL_MAGAZINE_OBJECTS];
} hone_pool_magazine;

/* The options' allocator must be shared. As hone_pool_init, and OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_shared_pool_create(const hone_pool_options *options, hone_diag *diag,
                                                  hone_shared_pool **out_pool);

/* One object, or NULL when the maximum is out or the allocator has no more. */
HONE_MUST_USE void *hone_shared_pool_acquire(hone_shared_pool *pool);

/* From any thread, once per acquire. NULL is allowed. */
void hone_shared_pool_release(hone_shared_pool *pool, void *object);

/* An empty magazine of the pool's, and the end of one: what it holds goes to the pool. A zeroed one
 * may be deinitialised. */
void hone_pool_magazine_init(hone_pool_magazine *magazine, hone_shared_pool *pool);
void hone_pool_magazine_deinit(hone_pool_magazine *magazine);

/* What the two below do when the magazine is empty, or full, and what is asserted first: call
 * those. */
HONE_MUST_USE void *hone_pool_magazine_acquire_slow(hone_pool_magazine *magazine);
void hone_pool_magazine_release_slow(hone_pool_magazine *magazine, void *object);
void hone_pool_magazine_check_release(const hone_pool_magazine *magazine, const void *object);

/* As hone_shared_pool_acquire and release. */
HONE_MUST_USE static inline void *hone_pool_magazine_acquire(hone_pool_magazine *magazine) {
    if (HONE_UNLIKELY(magazine->count == 0)) {
        return hone_pool_magazine_acquire_slow(magazine);
    }
    void *object = magazine->objects[--magazine->count];
    hone_unpoison(object, magazine->stride_bytes);
    return object;
}

static inline void hone_pool_magazine_release(hone_pool_magazine *magazine, void *object) {
    if (!object) {
        return;
    }
#ifndef NDEBUG
    hone_pool_magazine_check_release(magazine, object);
#endif
    if (HONE_UNLIKELY(magazine->count == magazine->capacity)) {
        hone_pool_magazine_release_slow(magazine, object);
        return;
    }
    hone_poison(object, magazine->stride_bytes);
    magazine->objects[magazine->count++] = object;
}

/* As hone_pool_shrink, but never waits: 0 when another call is in the pool at that moment. Shared
 * magazines are emptied first. */
size_t hone_shared_pool_try_shrink(hone_shared_pool *pool, size_t bytes);

/* Bytes of objects that are not acquired, at most this much can shrink give; 0 when another call is
 * in the pool at that moment. With try_shrink the two callbacks of a hone_budget_evictable, also
 * where the pool itself allocates from that budget. */
size_t hone_shared_pool_spare_bytes(hone_shared_pool *pool);

/* live_count_max counts what was in magazines, too. */
hone_pool_stats hone_shared_pool_read_stats(hone_shared_pool *pool);

/* Gives everything back, objects that are still acquired included. Magazines of threads must be
 * gone. NULL is allowed. */
void hone_shared_pool_destroy(hone_shared_pool *pool);

#endif
