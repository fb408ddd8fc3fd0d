/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of free objects for the whole pool, linked through their first word, last in first out:
 * acquire and release touch nothing else and are in the header. A new slab's objects are cut off
 * one by one as they are needed, so that growth does not touch memory that is not used yet.
 *
 * Nothing is counted per operation. An object is cut off only when no free one is left, and then
 * all that were cut off are acquired: the most ever acquired is seen right there. How many are
 * acquired now is all that were cut off less those on the list.
 *
 * Slabs are powers of two in size and aligned to it: the slab of an object is its address with the
 * low bits cleared. Only what gives slabs back needs it: it sorts the free objects by slab, drops
 * those of the slabs that leave, and joins the others again.
 *
 * Invariant: objects_made = live + on the free list + fresh + unopened = the sum of made_count over
 * the slabs <= objects_max.
 */
#include "hone/memory/pool.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "hone/base/checked.h"

enum { ALIGNMENT_MAX = 4096, SLAB_BYTES_DEFAULT = 65536, SLAB_OBJECTS_DEFAULT_MIN = 8 };

static const double growth_max = 4;

struct hone_pool_slab {
    hone_pool_slab *next;
    hone_pool_slab *next_unopened;
    const hone_pool *pool; /* to recognise objects of other pools */
    size_t made_count;     /* objects it was given; less than fit where objects_max cut it short */
    bool is_unopened;
    /* While slabs are looked through: */
    bool is_leaving;
    size_t free_count; /* fresh and unopened ones included */
    hone_pool_free *free;
};

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
    bool is_one_by_one = options->growth >= 0 && options->growth <= 0;
    if (!(is_one_by_one || (options->growth >= 1 && options->growth <= growth_max)) ||
        !(options->shrink_below >= 0 && options->shrink_below <= 1)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a pool grows by a factor of 1 to %g (0: one by one), not %g, and "
                             "shrinks below a share of 0 to 1, not %g",
                             growth_max, options->growth, options->shrink_below);
    }
    return HONE_OK;
}

/* Stride, slab size and objects per slab; false on overflow. */
static bool plan_slabs(hone_pool *pool, const hone_pool_options *options) {
    size_t alignment = options->alignment ? options->alignment : alignof(max_align_t);
    alignment = alignment < alignof(hone_pool_free) ? alignof(hone_pool_free) : alignment;
    size_t least = options->object_bytes < sizeof(hone_pool_free) ? sizeof(hone_pool_free)
                                                                  : options->object_bytes;
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
    hone_pool planned = {.objects_max = options->objects_max,
                         .growth = options->growth,
                         .shrink_below = options->shrink_below,
                         .allocator = options->allocator};
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
    *slab = (hone_pool_slab){.next = pool->slabs,
                             .next_unopened = pool->unopened,
                             .pool = pool,
                             .made_count = made,
                             .is_unopened = true};
    pool->slabs = slab;
    pool->unopened = slab;
    pool->slabs_count++;
    pool->objects_made += made;
    pool->unopened_count += made;
    hone_poison((uint8_t *)slab + pool->slab_start_bytes,
                pool->slab_bytes - pool->slab_start_bytes);
    return true;
}

/* As many slabs as the growth asks for; one that is got is enough. */
static bool grow(hone_pool *pool) {
    double more = (double)pool->slabs_count * (pool->growth - 1);
    size_t wanted = more > 1 ? (size_t)more : 1;
    size_t got = 0;
    while (got < wanted && add_slab(pool)) {
        got++;
    }
    return got > 0;
}

static bool open_slab(hone_pool *pool) {
    if (!pool->unopened && !grow(pool)) {
        return false;
    }
    hone_pool_slab *slab = pool->unopened;
    pool->unopened = slab->next_unopened;
    pool->unopened_count -= slab->made_count;
    slab->is_unopened = false;
    pool->fresh = (uint8_t *)slab + pool->slab_start_bytes;
    pool->fresh_count = slab->made_count;
    return true;
}

/* Objects that were ever cut off and are still there. */
static size_t opened_count(const hone_pool *pool) {
    return pool->objects_made - pool->fresh_count - pool->unopened_count;
}

void *hone_pool_acquire_fresh(hone_pool *pool) {
    if (pool->fresh_count == 0 && !open_slab(pool)) {
        return NULL;
    }
    uint8_t *object = pool->fresh;
    hone_unpoison(object, pool->stride_bytes);
    pool->fresh_count--;
    pool->fresh = object + pool->stride_bytes;
    size_t live_count = opened_count(pool); /* no object is free: see the head comment */
    if (live_count > pool->live_count_max) {
        pool->live_count_max = live_count;
    }
    return object;
}

void hone_pool_check_home(const hone_pool *pool, const void *object) {
    const hone_pool_slab *slab = slab_of(pool, object);
    assert(slab->pool == pool && "an object of another pool");
    size_t offset = (size_t)((const uint8_t *)object - (const uint8_t *)slab);
    assert(offset >= pool->slab_start_bytes &&
           (offset - pool->slab_start_bytes) % pool->stride_bytes == 0 && "not a whole object");
    (void)offset;
}

void hone_pool_check_release(const hone_pool *pool, const void *object) {
    assert(object != pool->free && "released twice");
    hone_pool_check_home(pool, object);
}

/* ---- giving slabs back ---- */

static hone_pool_free *next_of(hone_pool_free *object) {
    hone_unpoison(object, sizeof *object);
    hone_pool_free *next = object->next;
    hone_poison(object, sizeof *object);
    return next;
}

static void link_free(hone_pool_free **list, hone_pool_free *object) {
    hone_unpoison(object, sizeof *object);
    object->next = *list;
    hone_poison(object, sizeof *object);
    *list = object;
}

/* Hands the free objects to their slabs. */
static void sort_by_slab(hone_pool *pool) {
    for (hone_pool_slab *slab = pool->slabs; slab; slab = slab->next) {
        slab->is_leaving = false;
        slab->free_count = slab->is_unopened ? slab->made_count : 0;
        slab->free = NULL;
    }
    while (pool->free) {
        hone_pool_free *object = pool->free;
        pool->free = next_of(object);
        hone_pool_slab *slab = slab_of(pool, object);
        link_free(&slab->free, object);
        slab->free_count++;
    }
    if (pool->fresh_count > 0) {
        slab_of(pool, pool->fresh)->free_count += pool->fresh_count;
    }
}

/* Marks empty slabs until they make up `bytes`; returns how many bytes they do. */
static size_t mark_leaving(hone_pool *pool, size_t bytes) {
    size_t given = 0;
    for (hone_pool_slab *slab = pool->slabs; slab && given < bytes; slab = slab->next) {
        slab->is_leaving = slab->free_count == slab->made_count;
        given += slab->is_leaving ? pool->slab_bytes : 0;
    }
    return given;
}

static void drop_slab(hone_pool *pool, hone_pool_slab *slab) {
    pool->objects_made -= slab->made_count;
    pool->unopened_count -= slab->is_unopened ? slab->made_count : 0;
    pool->slabs_count--;
    hone_unpoison(slab, pool->slab_bytes);
    hone_release(pool->allocator, slab, pool->slab_bytes, pool->slab_bytes);
}

static void drop_leaving(hone_pool *pool) {
    if (pool->fresh_count > 0 && slab_of(pool, pool->fresh)->is_leaving) {
        pool->fresh_count = 0;
    }
    for (hone_pool_slab **place = &pool->unopened; *place;) {
        if ((*place)->is_leaving) {
            *place = (*place)->next_unopened;
        } else {
            place = &(*place)->next_unopened;
        }
    }
    for (hone_pool_slab **place = &pool->slabs; *place;) {
        hone_pool_slab *slab = *place;
        if (slab->is_leaving) {
            *place = slab->next;
            drop_slab(pool, slab);
        } else {
            place = &slab->next;
        }
    }
}

/* Takes the free objects back from their slabs, slab by slab and always in the same order of slabs:
 * the next objects come from few slabs, and the others run empty. Putting the fullest slabs first
 * empties hardly more of them. */
static void join_slabs(hone_pool *pool) {
    for (hone_pool_slab *slab = pool->slabs; slab; slab = slab->next) {
        while (slab->free) {
            hone_pool_free *object = slab->free;
            slab->free = next_of(object);
            link_free(&pool->free, object);
        }
    }
}

size_t hone_pool_shrink(hone_pool *pool, size_t bytes) {
    if (bytes == 0) {
        return 0;
    }
    sort_by_slab(pool);
    size_t given = mark_leaving(pool, bytes);
    drop_leaving(pool);
    join_slabs(pool);
    return given;
}

size_t hone_pool_trim(hone_pool *pool) {
    size_t live_count = hone_pool_read_stats(pool).live_count;
    double fits = pool->shrink_below > 0 ? (double)live_count / pool->shrink_below : 0;
    if (pool->shrink_below <= 0 || fits >= (double)pool->objects_made) {
        return 0;
    }
    size_t slabs_enough = (size_t)(fits / (double)pool->slab_objects) + (fits > 0);
    return slabs_enough < pool->slabs_count
               ? hone_pool_shrink(pool, (pool->slabs_count - slabs_enough) * pool->slab_bytes)
               : 0;
}

hone_pool_stats hone_pool_read_stats(const hone_pool *pool) {
    size_t free_count = 0;
    for (hone_pool_free *object = pool->free; object; object = next_of(object)) {
        free_count++;
    }
    return (hone_pool_stats){
        .live_count = opened_count(pool) - free_count,
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
