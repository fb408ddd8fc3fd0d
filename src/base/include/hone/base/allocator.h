/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator interface: whatever allocates in hone takes one. It stands in base, not in memory/,
 * because parsers and containers need it too; memory/ has the implementations (budgets, pools,
 * failing ones for tests).
 *
 * Contract: sizes are given back on release, so that every allocator can account to the byte
 * without headers. An allocator says itself whether it is shared or confined; hone_allocator_libc()
 * is shared. Out of memory is NULL, never an abort.
 */
#ifndef HONE_BASE_ALLOCATOR_H
#define HONE_BASE_ALLOCATOR_H

#include <stddef.h>
#include <stdint.h>

#include "hone/base/status.h"

typedef struct hone_allocator {
    /* A block of `size` bytes (> 0) at a multiple of `alignment` (a power of two), or NULL. Not
     * zeroed. */
    void *(*allocate)(void *self, size_t size, size_t alignment);
    /* Changes the size of a block that this allocator gave to another one > 0; the content up to
     * the smaller size is kept. On failure NULL is returned and the block is as it was. */
    void *(*resize)(void *self, void *block, size_t old_size, size_t new_size, size_t alignment);
    /* Takes back a block with the size and alignment it was asked with. */
    void (*release)(void *self, void *block, size_t size, size_t alignment);
    void *self;
} hone_allocator;

/* malloc and its kin. Shared. */
const hone_allocator *hone_allocator_libc(void);

/* Convenience over any allocator. NULL `allocator` means hone_allocator_libc(). */
HONE_MUST_USE void *hone_allocate(const hone_allocator *allocator, size_t size, size_t alignment);

/* `count` zeroed elements of `size` bytes; NULL also when the product overflows. Released with
 * count * size. */
HONE_MUST_USE void *hone_allocate_zeroed(const hone_allocator *allocator, size_t count, size_t size,
                                         size_t alignment);
HONE_MUST_USE void *hone_reallocate(const hone_allocator *allocator, void *block, size_t old_size,
                                    size_t new_size, size_t alignment);

/* NULL `block` is allowed. */
void hone_release(const hone_allocator *allocator, void *block, size_t size, size_t alignment);

/* One zeroed object of a type, and its release. */
#define HONE_NEW(allocator, type) \
    ((type *)hone_allocate_zeroed((allocator), 1, sizeof(type), _Alignof(type)))
#define HONE_DELETE(allocator, type, object) \
    hone_release((allocator), (object), sizeof(type), _Alignof(type))

/* An array of `count` zeroed elements, and its release. */
#define HONE_NEW_ARRAY(allocator, type, count) \
    ((type *)hone_allocate_zeroed((allocator), (count), sizeof(type), _Alignof(type)))
#define HONE_DELETE_ARRAY(allocator, type, array, count) \
    hone_release((allocator), (array), (size_t)(count) * sizeof(type), _Alignof(type))

#endif
