/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of objects of one size: for what is made and dropped all the time (nodes of a list, tasks,
 * requests). Grows by slabs up to a maximum; empty slabs can be given back.
 *
 * Contract: confined (see shared_pool.h for the shared one). Objects are not zeroed. The storage of
 * the pool is the caller's and does not move while it holds slabs. Under AddressSanitizer a
 * released object is poisoned until it is acquired again; with asserts on, the release of an object
 * of another pool, or twice in a row, is caught. Cost: acquire and release are a few inline
 * instructions and count nothing; growth is one allocation a slab. What asks how many objects are
 * free walks over them: shrink, trim and the statistics.
 */
#ifndef HONE_MEMORY_POOL_H
#define HONE_MEMORY_POOL_H

#include "hone/base/allocator.h"
#include "hone/base/hints.h"
#include "hone/base/poison.h"
#include "hone/base/status.h"

typedef struct hone_pool_options {
    size_t object_bytes;     /* > 0 */
    size_t alignment;        /* a power of two, at most 4096; 0 means that of max_align_t */
    size_t objects_per_slab; /* at least so many; slabs are powers of two in size and filled. 0:
                                slabs of 64 KiB, or larger where that holds less than 8 objects */
    size_t objects_max;      /* > 0: acquired at the same time */
    double growth;           /* slabs grow by this factor at a time, 1 to 4; 0 or 1: one by one */
    double shrink_below;     /* hone_pool_trim acts when a smaller share of the objects that fit is
                                acquired, 0 to 1; 0: it never does */
    const hone_allocator *allocator; /* borrowed; NULL means libc */
} hone_pool_options;

typedef struct hone_pool_slab hone_pool_slab;

/* A released object. */
typedef struct hone_pool_free {
    struct hone_pool_free *next;
} __attribute__((may_alias)) hone_pool_free;

/* Read it through hone_pool_read_stats(). */
typedef struct hone_pool {
    hone_pool_free *free;  /* released objects, linked through their first word */
    size_t stride_bytes;   /* from object to object */
    uint8_t *fresh;        /* the next object of the slab in use that was never acquired */
    size_t fresh_count;    /* how many of those there are */
    size_t unopened_count; /* objects of slabs that are not in use yet */
    size_t live_count_max; /* acquired at the same time, ever */
    size_t slab_bytes;
    size_t slab_objects;
    size_t slab_start_bytes; /* of the first object in a slab */
    size_t objects_max;
    size_t objects_made; /* live, free, fresh and unopened */
    size_t slabs_count;
    double growth, shrink_below;
    hone_pool_slab *slabs;
    hone_pool_slab *unopened; /* those of them whose objects were never acquired */
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

/* What acquire does when no released object is there, and what release asserts first (the
 * second: that it is an object of the pool's): call the two below. */
HONE_MUST_USE void *hone_pool_acquire_fresh(hone_pool *pool);
void hone_pool_check_release(const hone_pool *pool, const void *object);
void hone_pool_check_home(const hone_pool *pool, const void *object);

/* One object, or NULL when the maximum is out or the allocator has no more. */
HONE_MUST_USE static inline void *hone_pool_acquire(hone_pool *pool) {
    hone_pool_free *object = pool->free;
    if (HONE_UNLIKELY(!object)) {
        return hone_pool_acquire_fresh(pool);
    }
    hone_unpoison(object, pool->stride_bytes);
    pool->free = object->next;
    return object;
}

/* Takes back an object of this pool's, once. NULL is allowed. */
static inline void hone_pool_release(hone_pool *pool, void *object) {
    if (!object) {
        return;
    }
#ifndef NDEBUG
    hone_pool_check_release(pool, object);
#endif
    hone_pool_free *released = (hone_pool_free *)object;
    released->next = pool->free; /* a second release faults here under AddressSanitizer */
    hone_poison(released, pool->stride_bytes);
    pool->free = released;
}

/* Compaction: gives empty slabs back to the allocator until at least `bytes` are given or none is
 * left, and returns how many it were. SIZE_MAX: all of them. Objects do not move, but the next ones
 * come from as few slabs as there is room in, so that the others run empty until the next call.
 * Cost: linear in free objects and slabs. */
size_t hone_pool_shrink(hone_pool *pool, size_t bytes);

/* Applies shrink_below: where a smaller share is acquired, gives empty slabs back until the share
 * is reached or none is left, and returns the bytes. For calm moments; nothing shrinks by itself.
 * Cost: as shrink. */
size_t hone_pool_trim(hone_pool *pool);

/* Cost: linear in free objects. */
hone_pool_stats hone_pool_read_stats(const hone_pool *pool);

/* Gives everything back, objects that are still acquired included. A zeroed pool is allowed. */
void hone_pool_deinit(hone_pool *pool);

#endif
