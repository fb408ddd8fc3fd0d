/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No header is needed: whoever releases a block gives its size back, from which the size of the
 * mapping follows. That holds for small and transparent pages alike, but not for reserved ones,
 * which are rounded to another size.
 */
#include "hone/memory/page_allocator.h"

#include <string.h>

#include "hone/base/checked.h"
#include "hone/platform/pages.h"

/* The size of a mapping; of sizes that were granted, so that rounding cannot overflow. */
static size_t mapped_bytes(size_t size) {
    size_t page = hone_pages_size_bytes();
    return (size + page - 1) & ~(page - 1);
}

static void *allocate(void *self, size_t size, size_t alignment) {
    hone_page_allocator *mine = self;
    hone_page_block block;
    hone_page_block_options options = {
        .size_bytes = size,
        .alignment = alignment,
        .huge_pages = mine->huge_pages,
        .placement = mine->placement,
        .nodes = hone_cpu_set_count(&mine->nodes) > 0 ? &mine->nodes : NULL,
        .is_prefaulted = mine->is_prefaulted,
        .budget = mine->budget,
    };
    if (hone_page_block_init(&block, &options, NULL) != HONE_OK) {
        return NULL;
    }
    (void)atomic_fetch_add_explicit(&mine->live_bytes, block.size_bytes, memory_order_relaxed);
    return block.data;
}

static void release(void *self, void *block, size_t size, size_t alignment) {
    hone_page_allocator *mine = self;
    (void)alignment;
    size_t bytes = mapped_bytes(size);
    hone_pages_unmap(block, bytes);
    hone_budget_return(mine->budget, bytes);
    (void)atomic_fetch_sub_explicit(&mine->live_bytes, bytes, memory_order_relaxed);
}

static void *resize(void *self, void *block, size_t old_size, size_t new_size, size_t alignment) {
    size_t page = hone_pages_size_bytes();
    if (new_size <= SIZE_MAX - page && mapped_bytes(old_size) == mapped_bytes(new_size)) {
        return block;
    }
    void *moved = allocate(self, new_size, alignment);
    if (moved) {
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
        release(self, block, old_size, alignment);
    }
    return moved;
}

hone_status hone_page_allocator_init(hone_page_allocator *allocator,
                                     const hone_page_allocator_options *options, hone_diag *diag) {
    static const hone_page_allocator_options defaults;
    options = options ? options : &defaults;
    if (options->huge_pages > HONE_HUGE_PAGES_TRANSPARENT) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "an allocator of pages gives small or transparent huge ones; for "
                             "others take a page block");
    }
    hone_status status = hone_numa_check(options->placement, options->nodes, diag);
    if (status != HONE_OK) {
        return status;
    }
    *allocator = (hone_page_allocator){
        .allocator = {allocate, resize, release, allocator},
        .placement = options->placement,
        .huge_pages = options->huge_pages,
        .is_prefaulted = options->is_prefaulted,
        .budget = options->budget,
    };
    if (options->nodes) {
        allocator->nodes = *options->nodes;
    }
    return HONE_OK;
}

size_t hone_page_allocator_live_bytes(const hone_page_allocator *allocator) {
    return atomic_load_explicit(&allocator->live_bytes, memory_order_relaxed);
}
