/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator whose blocks are whole pages of their own, on the memory nodes and of the kind of
 * page that were asked for. Give it to an arena, a pool or a buffer, and what these hold lies
 * there: one such allocator per node gives each node's threads memory of their own.
 *
 * Contract: shared, as the budget is; nothing changes after init but the count of live bytes. The
 * caller owns the struct, which must not move and outlives its blocks. Meant for chunks of 64 KiB
 * and more: each block takes at least a page, and two pages of address space around it. Fresh
 * memory is zero. Cost: some system calls a block, and a page fault at the first touch of each page
 * unless it is prefaulted.
 */
#ifndef HONE_MEMORY_PAGE_ALLOCATOR_H
#define HONE_MEMORY_PAGE_ALLOCATOR_H

#include <stdatomic.h>

#include "hone/memory/page_block.h"

typedef struct hone_page_allocator_options {
    hone_numa_policy placement;
    const hone_cpu_set *nodes;  /* BIND and INTERLEAVE; copied */
    hone_huge_pages huge_pages; /* OFF, or TRANSPARENT where there are some */
    bool is_prefaulted;
    hone_budget *budget; /* borrowed; NULL: not accounted */
} hone_page_allocator_options;

typedef struct hone_page_allocator {
    hone_allocator allocator; /* hand out &it.allocator */
    hone_numa_policy placement;
    hone_cpu_set nodes;
    hone_huge_pages huge_pages;
    bool is_prefaulted;
    hone_budget *budget;
    _Atomic size_t live_bytes; /* whole pages */
} hone_page_allocator;

/* As hone_numa_check; INVALID_ARGUMENT also for another kind of huge pages. `options` may be NULL:
 * all defaults. Needs no deinit. */
HONE_MUST_USE hone_status hone_page_allocator_init(hone_page_allocator *allocator,
                                                   const hone_page_allocator_options *options,
                                                   hone_diag *diag);

/* Bytes of all blocks that are not released yet, in whole pages. */
size_t hone_page_allocator_live_bytes(const hone_page_allocator *allocator);

#endif
