/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/allocator.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/checked.h"

static void *libc_allocate(void *self, size_t size, size_t alignment) {
    (void)self;
    if (alignment <= alignof(max_align_t)) {
        return malloc(size);
    }
    size_t padded;
    return hone_size_align(size, alignment, &padded) ? aligned_alloc(alignment, padded) : NULL;
}

static void libc_release(void *self, void *block, size_t size, size_t alignment) {
    (void)self;
    (void)size;
    (void)alignment;
    free(block);
}

static void *libc_resize(void *self, void *block, size_t old_size, size_t new_size,
                         size_t alignment) {
    if (alignment <= alignof(max_align_t)) {
        return realloc(block, new_size);
    }
    void *moved = libc_allocate(self, new_size, alignment);
    if (moved) {
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
        free(block);
    }
    return moved;
}

const hone_allocator *hone_allocator_libc(void) {
    static const hone_allocator libc = {libc_allocate, libc_resize, libc_release, NULL};
    return &libc;
}

static const hone_allocator *or_libc(const hone_allocator *allocator) {
    return allocator ? allocator : hone_allocator_libc();
}

void *hone_allocate(const hone_allocator *allocator, size_t size, size_t alignment) {
    const hone_allocator *from = or_libc(allocator);
    return size ? from->allocate(from->self, size, alignment) : NULL;
}

void *hone_allocate_zeroed(const hone_allocator *allocator, size_t count, size_t size,
                           size_t alignment) {
    size_t total;
    if (!hone_size_multiply(count, size, &total)) {
        return NULL;
    }
    void *block = hone_allocate(allocator, total, alignment);
    return block ? memset(block, 0, total) : NULL;
}

void *hone_reallocate(const hone_allocator *allocator, void *block, size_t old_size,
                      size_t new_size, size_t alignment) {
    const hone_allocator *from = or_libc(allocator);
    if (!block) {
        return hone_allocate(from, new_size, alignment);
    }
    if (new_size == 0) {
        return NULL; /* realloc(block, 0) may free: a block of no bytes is never given */
    }
    return from->resize(from->self, block, old_size, new_size, alignment);
}

void hone_release(const hone_allocator *allocator, void *block, size_t size, size_t alignment) {
    if (block) {
        const hone_allocator *from = or_libc(allocator);
        from->release(from->self, block, size, alignment);
    }
}
