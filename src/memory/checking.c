/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of live blocks, by address, open addressing with linear probing; an entry that goes pulls
 * the ones behind it forward (Knuth, The Art of Computer Programming 3, 6.4, algorithm R), so there
 * are no graves. Behind each block lies a fence of known bytes.
 */
#include "hone/memory/checking.h"

#include <stdbool.h>
#include <string.h>

#include "hone/base/checked.h"
#include "hone/platform/thread.h"

enum { FENCE_BYTES = 16, FENCE_BYTE = 0xFB, FRESH_BYTE = 0xCD, RELEASED_BYTE = 0xDD };

typedef struct live_block {
    uint8_t *data; /* NULL: a free place */
    size_t size;
    size_t alignment;
    uint64_t serial; /* 1: the first block ever */
} live_block;

struct hone_checking {
    hone_allocator allocator;
    const hone_allocator *backing;
    hone_mutex lock; /* of everything below */
    live_block *places;
    size_t places_count; /* a power of two, at least twice blocks_max */
    size_t blocks_max;
    size_t live_count;
    uint64_t serial;
    uint64_t faults_count;
    hone_diag first_fault;
};

/* ---- the table ---- */

static size_t place_of(const hone_checking *checking, const void *data) {
    uint64_t hash = ((uint64_t)(uintptr_t)data >> 3) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(hash >> 32) & (checking->places_count - 1);
}

/* The place of the block, or the free one where it would stand. */
static size_t find(const hone_checking *checking, const void *data) {
    size_t place = place_of(checking, data);
    while (checking->places[place].data && checking->places[place].data != data) {
        place = (place + 1) & (checking->places_count - 1);
    }
    return place;
}

static void erase(hone_checking *checking, size_t hole) {
    size_t mask = checking->places_count - 1;
    live_block *places = checking->places;
    for (size_t next = (hole + 1) & mask; places[next].data; next = (next + 1) & mask) {
        size_t home = place_of(checking, places[next].data);
        /* It may move into the hole unless its home lies behind the hole. */
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            places[hole] = places[next];
            hole = next;
        }
    }
    places[hole] = (live_block){0};
    checking->live_count--;
}

/* ---- faults ---- */

/* The diag to describe a fault in: the first one is kept, later ones only count. */
static hone_diag *note_fault(hone_checking *checking) {
    return checking->faults_count++ == 0 ? &checking->first_fault : NULL;
}

static bool is_fence_whole(const live_block *block) {
    for (size_t i = 0; i < FENCE_BYTES; i++) {
        if (block->data[block->size + i] != FENCE_BYTE) {
            return false;
        }
    }
    return true;
}

static void check_fence(hone_checking *checking, const live_block *block) {
    if (!is_fence_whole(block)) {
        (void)hone_diag_set(note_fault(checking), HONE_STATUS_CORRUPT,
                            "block %llu (%zu bytes): something was written behind its end",
                            (unsigned long long)block->serial, block->size);
    }
}

/* Looks a block up that its user resizes or releases; *out_place is written when it is live. */
static bool check_use(hone_checking *checking, const void *data, size_t size, size_t alignment,
                      size_t *out_place) {
    size_t place = find(checking, data);
    const live_block *block = &checking->places[place];
    if (!block->data) {
        (void)hone_diag_set(note_fault(checking), HONE_STATUS_CORRUPT,
                            "a block of %zu bytes that is not live was given back: released twice, "
                            "or never allocated here",
                            size);
        return false;
    }
    if (block->size != size || block->alignment != alignment) {
        (void)hone_diag_set(note_fault(checking), HONE_STATUS_CORRUPT,
                            "block %llu was allocated with %zu bytes at alignment %zu, but given "
                            "back with %zu at %zu",
                            (unsigned long long)block->serial, block->size, block->alignment, size,
                            alignment);
    }
    check_fence(checking, block);
    *out_place = place;
    return true;
}

/* ---- the allocator, under the lock ---- */

static void *allocate_locked(hone_checking *checking, size_t size, size_t alignment) {
    size_t fenced;
    if (checking->live_count == checking->blocks_max) {
        (void)hone_diag_set(note_fault(checking), HONE_STATUS_LIMIT,
                            "more than %zu blocks are live: create the checking allocator with "
                            "room for more",
                            checking->blocks_max);
        return NULL;
    }
    if (!hone_is_power_of_two(alignment)) {
        (void)hone_diag_set(note_fault(checking), HONE_STATUS_INVALID_ARGUMENT,
                            "an alignment of %zu was asked for: not a power of two", alignment);
        return NULL;
    }
    uint8_t *data = hone_size_add(size, FENCE_BYTES, &fenced)
                        ? hone_allocate(checking->backing, fenced, alignment)
                        : NULL;
    if (!data) {
        return NULL;
    }
    memset(data, FRESH_BYTE, size);
    memset(data + size, FENCE_BYTE, FENCE_BYTES);
    checking->places[find(checking, data)] = (live_block){
        .data = data, .size = size, .alignment = alignment, .serial = ++checking->serial};
    checking->live_count++;
    return data;
}

static void release_locked(hone_checking *checking, size_t place) {
    live_block block = checking->places[place];
    erase(checking, place);
    memset(block.data, RELEASED_BYTE, block.size);
    hone_release(checking->backing, block.data, block.size + FENCE_BYTES, block.alignment);
}

static void *checking_allocate(void *self, size_t size, size_t alignment) {
    hone_checking *checking = self;
    hone_mutex_lock(&checking->lock);
    void *data = allocate_locked(checking, size, alignment);
    hone_mutex_unlock(&checking->lock);
    return data;
}

/* Always moves, so that pointers into the old block show. */
static void *checking_resize(void *self, void *data, size_t old_size, size_t new_size,
                             size_t alignment) {
    hone_checking *checking = self;
    uint8_t *moved = NULL;
    size_t place;
    hone_mutex_lock(&checking->lock);
    if (check_use(checking, data, old_size, alignment, &place)) {
        size_t kept = checking->places[place].size;
        moved = allocate_locked(checking, new_size, alignment);
        if (moved) {
            memcpy(moved, data, kept < new_size ? kept : new_size);
            release_locked(checking, find(checking, data));
        }
    }
    hone_mutex_unlock(&checking->lock);
    return moved;
}

static void checking_release(void *self, void *data, size_t size, size_t alignment) {
    hone_checking *checking = self;
    size_t place;
    hone_mutex_lock(&checking->lock);
    if (check_use(checking, data, size, alignment, &place)) {
        release_locked(checking, place);
    }
    hone_mutex_unlock(&checking->lock);
}

/* ---- life and verdict ---- */

hone_status hone_checking_create(const hone_allocator *backing, size_t blocks_max,
                                 hone_checking **out_checking) {
    if (blocks_max == 0 || blocks_max > SIZE_MAX / 8) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    hone_checking *checking = HONE_NEW(backing, hone_checking);
    if (!checking) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    checking->places_count = (size_t)hone_power_of_two_ceil(2 * (uint64_t)blocks_max);
    checking->places = HONE_NEW_ARRAY(backing, live_block, checking->places_count);
    if (!checking->places) {
        HONE_DELETE(backing, hone_checking, checking);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    checking->allocator =
        (hone_allocator){checking_allocate, checking_resize, checking_release, checking};
    checking->backing = backing;
    checking->blocks_max = blocks_max;
    hone_mutex_init(&checking->lock);
    *out_checking = checking;
    return HONE_OK;
}

const hone_allocator *hone_checking_allocator(const hone_checking *checking) {
    return &checking->allocator;
}

static const live_block *oldest_live(hone_checking *checking) {
    const live_block *oldest = NULL;
    for (size_t place = 0; place < checking->places_count; place++) {
        const live_block *block = &checking->places[place];
        if (!block->data) {
            continue;
        }
        check_fence(checking, block);
        if (!oldest || block->serial < oldest->serial) {
            oldest = block;
        }
    }
    return oldest;
}

hone_status hone_checking_verify(hone_checking *checking, hone_diag *diag) {
    hone_mutex_lock(&checking->lock);
    const live_block *left = oldest_live(checking);
    hone_status status = HONE_OK;
    if (checking->faults_count > 0) {
        status = hone_diag_set(diag, HONE_STATUS_CORRUPT, "%s (faults: %llu)",
                               checking->first_fault.message,
                               (unsigned long long)checking->faults_count);
    } else if (left) {
        status = hone_diag_set(diag, HONE_STATUS_INTERNAL,
                               "%zu blocks were not released; the oldest is block %llu of %zu "
                               "bytes",
                               checking->live_count, (unsigned long long)left->serial, left->size);
    }
    hone_mutex_unlock(&checking->lock);
    return status;
}

void hone_checking_destroy(hone_checking *checking) {
    if (!checking) {
        return;
    }
    for (size_t place = 0; place < checking->places_count; place++) {
        while (checking->places[place].data) { /* erase can pull another one in */
            release_locked(checking, place);
        }
    }
    hone_mutex_deinit(&checking->lock);
    HONE_DELETE_ARRAY(checking->backing, live_block, checking->places, checking->places_count);
    HONE_DELETE(checking->backing, hone_checking, checking);
}
