/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool for objects that are acquired on one thread and released on another: batches of records,
 * tasks. As hone_pool, but for all threads.
 *
 * Contract: shared, except create and destroy. Whatever a thread wrote into an object before it
 * released it happens before the object is acquired again. Never waits for an object: at the
 * maximum acquire gives NULL. Which free object comes next is not stated. Cost: constant time.
 */
#ifndef HONE_MEMORY_SHARED_POOL_H
#define HONE_MEMORY_SHARED_POOL_H

#include "hone/memory/pool.h"

typedef struct hone_shared_pool hone_shared_pool;

/* The options' allocator must be shared. As hone_pool_init, and OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_shared_pool_create(const hone_pool_options *options, hone_diag *diag,
                                                  hone_shared_pool **out_pool);

/* One object, or NULL when the maximum is out or the allocator has no more. */
HONE_MUST_USE void *hone_shared_pool_acquire(hone_shared_pool *pool);

/* From any thread, once per acquire. NULL is allowed. */
void hone_shared_pool_release(hone_shared_pool *pool, void *object);

/* As hone_pool_shrink, but never waits: 0 when another call is in the pool at that moment. */
size_t hone_shared_pool_try_shrink(hone_shared_pool *pool, size_t bytes);

/* Bytes of objects that are not acquired, at most this much can shrink give; 0 when another call is
 * in the pool at that moment. With try_shrink the two callbacks of a hone_budget_evictable, also
 * where the pool itself allocates from that budget. */
size_t hone_shared_pool_spare_bytes(hone_shared_pool *pool);

hone_pool_stats hone_shared_pool_read_stats(hone_shared_pool *pool);

/* Gives everything back, objects that are still acquired included. NULL is allowed. */
void hone_shared_pool_destroy(hone_shared_pool *pool);

#endif
