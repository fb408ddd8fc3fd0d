/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of free objects for the whole pool, linked through their first word, last in first out:
 * acquire and release touch nothing else. A new slab's objects are cut off one by one as they are
 * needed, so that growth does not touch memory that is not used yet.
 *
 * Slabs are powers of two in size and aligned to it: the slab of an object is its address with the
 * low bits cleared. Only shrink needs it; it counts the free objects per slab, drops those of empty
 * slabs from the list, and gives the slabs back.
 *
 * Invariant: objects_made = live + on the free list + fresh = the sum of made_count over the slabs
 * <= objects_max.
 */
#include "hone/memory/pool.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "hone/base/checked.h"
#include "poison_internal.h"

enum { ALIGNMENT_MAX = 4096, SLAB_BYTES_DEFAULT = 65536, SLAB_OBJECTS_DEFAULT_MIN = 8 };

struct hone_pool_slab {
    hone_pool_slab *next;
    const hone_pool *pool; /* to recognise objects of other pools */
    size_t made_count;     /* objects it was given; less than fit where objects_max cut it short */
    size_t free_count;     /* of those, while shrink runs */
    bool is_leaving;       /* likewise */
};

typedef struct free_object {
    struct free_object *next;
} free_object;

static hone_pool_slab *slab_of(const hone_pool *pool, const void *object) {
    return (hone_pool_slab *)((uintptr_t)object & ~(uintptr_t)(pool->slab_bytes - 1));
}

static hone_status check_options(const hone_pool_options *options, hone_diag *diag) {
    if (!options || options->object_bytes == 0 || options->objects_max == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a pool needs an object size and a maximum, both above 0");
    }
    if (options->alignment != 0 &&
        (!hone_is_power_of_two(options->alignment) || options->alignment > ALIGNMENT_MAX)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a pool's alignment must be a power of two up to %d, not %zu",
                             ALIGNMENT_MAX, options->alignment);
    }
    return HONE_OK;
}

/* Stride, slab size and objects per slab; false on overflow. */
static bool plan_slabs(hone_pool *pool, const hone_pool_options *options) {
    size_t alignment = options->alignment ? options->alignment : alignof(max_align_t);
    alignment = alignment < alignof(free_object) ? alignof(free_object) : alignment;
    size_t least =
        options->object_bytes < sizeof(free_object) ? sizeof(free_object) : options->object_bytes;
    size_t bytes;
    if (!hone_size_align(least, alignment, &pool->stride_bytes) ||
        !hone_size_align(sizeof(hone_pool_slab), alignment, &pool->slab_start_bytes)) {
        return false;
    }
    size_t wanted = options->objects_per_slab;
    if (wanted == 0) {
        wanted = (SLAB_BYTES_DEFAULT - pool->slab_start_bytes) / pool->stride_bytes;
        wanted = wanted < SLAB_OBJECTS_DEFAULT_MIN ? SLAB_OBJECTS_DEFAULT_MIN : wanted;
    }
    wanted = wanted > options->objects_max ? options->objects_max : wanted;
    if (!hone_size_multiply(pool->stride_bytes, wanted, &bytes) ||
        !hone_size_add(bytes, pool->slab_start_bytes, &bytes) || bytes > SIZE_MAX / 4) {
        return false;
    }
    pool->slab_bytes = (size_t)hone_power_of_two_ceil(bytes);
    pool->slab_objects = (pool->slab_bytes - pool->slab_start_bytes) / pool->stride_bytes;
    return true;
}

hone_status hone_pool_init(hone_pool *pool, const hone_pool_options *options, hone_diag *diag) {
    hone_status status = check_options(options, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_pool planned = {.objects_max = options->objects_max, .allocator = options->allocator};
    if (!plan_slabs(&planned, options)) {
        return hone_diag_set(diag, HONE_STATUS_OVERFLOW,
                             "a slab of %zu objects of %zu bytes does not fit an address space",
                             options->objects_per_slab, options->object_bytes);
    }
    *pool = planned;
    return HONE_OK;
}

static bool add_slab(hone_pool *pool) {
    if (pool->objects_made == pool->objects_max) {
        return false;
    }
    hone_pool_slab *slab = hone_allocate(pool->allocator, pool->slab_bytes, pool->slab_bytes);
    if (!slab) {
        return false;
    }
    size_t room = pool->objects_max - pool->objects_made;
    size_t made = pool->slab_objects < room ? pool->slab_objects : room;
    *slab = (hone_pool_slab){.next = pool->slabs, .pool = pool, .made_count = made};
    pool->slabs = slab;
    pool->slabs_count++;
    pool->fresh = (uint8_t *)slab + pool->slab_start_bytes;
    pool->fresh_count = made;
    pool->objects_made += made;
    hn_poison(pool->fresh, pool->slab_bytes - pool->slab_start_bytes);
    return true;
}

static void *take_free(hone_pool *pool) {
    free_object *object = pool->free;
    if (object) {
        hn_unpoison(object, pool->stride_bytes);
        pool->free = object->next;
    }
    return object;
}

static void *take_fresh(hone_pool *pool) {
    if (pool->fresh_count == 0 && !add_slab(pool)) {
        return NULL;
    }
    uint8_t *object = pool->fresh;
    hn_unpoison(object, pool->stride_bytes);
    pool->fresh_count--;
    pool->fresh = object + pool->stride_bytes;
    return object;
}

void *hone_pool_acquire(hone_pool *pool) {
    void *object = take_free(pool);
    if (!object) {
        object = take_fresh(pool);
    }
    if (object && ++pool->live_count > pool->live_count_max) {
        pool->live_count_max = pool->live_count;
    }
    return object;
}

void hone_pool_release(hone_pool *pool, void *object) {
    if (!object) {
        return;
    }
    assert(slab_of(pool, object)->pool == pool && "an object of another pool");
    assert(pool->live_count > 0 && "released more often than acquired");
    free_object *released = object;
    released->next = pool->free; /* a second release faults here under AddressSanitizer */
    hn_poison(released, pool->stride_bytes);
    pool->free = released;
    pool->live_count--;
}

/* ---- giving slabs back ---- */

static free_object *next_of(free_object *object) {
    hn_unpoison(object, sizeof *object);
    free_object *next = object->next;
    hn_poison(object, sizeof *object);
    return next;
}

static void link_free(hone_pool *pool, free_object *object) {
    hn_unpoison(object, sizeof *object);
    object->next = pool->free;
    hn_poison(object, sizeof *object);
    pool->free = object;
}

static void count_free(hone_pool *pool) {
    for (hone_pool_slab *slab = pool->slabs; slab; slab = slab->next) {
        slab->free_count = 0;
    }
    for (free_object *object = pool->free; object; object = next_of(object)) {
        slab_of(pool, object)->free_count++;
    }
    if (pool->fresh_count > 0) {
        slab_of(pool, pool->fresh)->free_count += pool->fresh_count;
    }
}

/* Marks empty slabs until they make up `bytes`; returns how many bytes they do. */
static size_t mark_leaving(hone_pool *pool, size_t bytes) {
    size_t given = 0;
    for (hone_pool_slab *slab = pool->slabs; slab; slab = slab->next) {
        slab->is_leaving = given < bytes && slab->free_count == slab->made_count;
        if (slab->is_leaving) {
            given += pool->slab_bytes;
        }
    }
    return given;
}

static void forget_objects_leaving(hone_pool *pool) {
    free_object *object = pool->free;
    pool->free = NULL;
    while (object) {
        free_object *next = next_of(object);
        if (!slab_of(pool, object)->is_leaving) {
            link_free(pool, object);
        }
        object = next;
    }
    if (pool->fresh_count > 0 && slab_of(pool, pool->fresh)->is_leaving) {
        pool->fresh_count = 0;
    }
}

static void drop_slab(hone_pool *pool, hone_pool_slab *slab) {
    pool->objects_made -= slab->made_count;
    pool->slabs_count--;
    hn_unpoison(slab, pool->slab_bytes);
    hone_release(pool->allocator, slab, pool->slab_bytes, pool->slab_bytes);
}

size_t hone_pool_shrink(hone_pool *pool, size_t bytes) {
    if (bytes == 0) {
        return 0;
    }
    count_free(pool);
    size_t given = mark_leaving(pool, bytes);
    if (given == 0) {
        return 0;
    }
    forget_objects_leaving(pool);
    hone_pool_slab **place = &pool->slabs;
    while (*place) {
        hone_pool_slab *slab = *place;
        if (slab->is_leaving) {
            *place = slab->next;
            drop_slab(pool, slab);
        } else {
            place = &slab->next;
        }
    }
    return given;
}

hone_pool_stats hone_pool_read_stats(const hone_pool *pool) {
    return (hone_pool_stats){
        .live_count = pool->live_count,
        .live_count_max = pool->live_count_max,
        .capacity_count = pool->objects_made,
        .slabs_count = pool->slabs_count,
        .held_bytes = pool->slabs_count * pool->slab_bytes,
    };
}

void hone_pool_deinit(hone_pool *pool) {
    while (pool->slabs) {
        hone_pool_slab *slab = pool->slabs;
        pool->slabs = slab->next;
        drop_slab(pool, slab);
    }
    *pool = (hone_pool){0};
}
