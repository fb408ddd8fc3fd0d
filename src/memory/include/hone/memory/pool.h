/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of objects of one size: for what is made and dropped all the time (nodes of a list, tasks,
 * requests). Grows by slabs up to a maximum; empty slabs can be given back.
 *
 * Contract: confined (see shared_pool.h for the shared one). Objects are not zeroed. The storage of
 * the pool is the caller's and does not move while it holds slabs. Under AddressSanitizer a
 * released object is poisoned until it is acquired again. Cost: acquire and release take constant
 * time; growth one allocation a slab.
 */
#ifndef HONE_MEMORY_POOL_H
#define HONE_MEMORY_POOL_H

#include "hone/base/allocator.h"
#include "hone/base/status.h"

typedef struct hone_pool_options {
    size_t object_bytes;     /* > 0 */
    size_t alignment;        /* a power of two, at most 4096; 0 means that of max_align_t */
    size_t objects_per_slab; /* at least so many; slabs are powers of two in size and filled. 0:
                                slabs of 64 KiB, or larger where that holds less than 8 objects */
    size_t objects_max;      /* > 0: acquired at the same time */
    const hone_allocator *allocator; /* borrowed; NULL means libc */
} hone_pool_options;

typedef struct hone_pool_slab hone_pool_slab;

/* Read it through hone_pool_read_stats(). */
typedef struct hone_pool {
    void *free;            /* released objects, linked through their first word */
    uint8_t *fresh;        /* the next object of the newest slab that was never acquired */
    size_t fresh_count;    /* how many of those there are */
    size_t live_count;     /* acquired now */
    size_t live_count_max; /* acquired at the same time, ever */
    size_t stride_bytes;   /* from object to object */
    size_t slab_bytes;
    size_t slab_objects;
    size_t slab_start_bytes; /* of the first object in a slab */
    size_t objects_max;
    size_t objects_made; /* live, free and fresh */
    size_t slabs_count;
    hone_pool_slab *slabs;
    const hone_allocator *allocator;
} hone_pool;

typedef struct hone_pool_stats {
    size_t live_count;     /* acquired now */
    size_t live_count_max; /* the most ever */
    size_t capacity_count; /* that fit into the slabs held, and below the maximum */
    size_t slabs_count;
    size_t held_bytes; /* all slabs */
} hone_pool_stats;

/* Allocates nothing yet. INVALID_ARGUMENT, OVERFLOW (sizes that do not fit an address space). */
HONE_MUST_USE hone_status hone_pool_init(hone_pool *pool, const hone_pool_options *options,
                                         hone_diag *diag);

/* One object, or NULL when the maximum is out or the allocator has no more. */
HONE_MUST_USE void *hone_pool_acquire(hone_pool *pool);

/* Takes back an object of this pool's, once. NULL is allowed. */
void hone_pool_release(hone_pool *pool, void *object);

/* Gives empty slabs back to the allocator until at least `bytes` are given or none is left, and
 * returns how many it were. SIZE_MAX: all of them. Cost: linear in free objects and slabs. */
size_t hone_pool_shrink(hone_pool *pool, size_t bytes);

hone_pool_stats hone_pool_read_stats(const hone_pool *pool);

/* Gives everything back, objects that are still acquired included. A zeroed pool is allowed. */
void hone_pool_deinit(hone_pool *pool);

#endif
