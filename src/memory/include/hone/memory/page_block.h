/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large blocks of whole pages straight from the system: zeroed, aligned as asked, with huge pages
 * where they are wanted and to be had, on the memory nodes that are asked for. For the big tables
 * of engines, not for small things.
 *
 * Contract: the struct is the caller's and confined; the memory is whoever's the caller gives it
 * to. A page without access lies on both sides of a block of small or transparent pages: running
 * over the end faults at once. With a budget, the rounded size is leased for the life of the block.
 * Huge pages are an order, not a hope: the block says what was obtained and why it is less.
 * Cost: a few system calls, and a page fault at the first touch of each page.
 */
#ifndef HONE_MEMORY_PAGE_BLOCK_H
#define HONE_MEMORY_PAGE_BLOCK_H

#include <stdbool.h>

#include "hone/memory/budget.h"
#include "hone/platform/huge_page_advice.h"
#include "hone/platform/numa.h"

typedef enum hone_huge_pages {
    HONE_HUGE_PAGES_OFF,         /* small pages, even where the system would take huge ones */
    HONE_HUGE_PAGES_TRANSPARENT, /* the kernel uses huge pages as it finds them (madvise) */
    HONE_HUGE_PAGES_EXPLICIT,    /* reserved ones (hugetlb); else transparent; else small */
    HONE_HUGE_PAGES_ADVISED, /* whichever hone_huge_page_advise names for this size and `figures` */
} hone_huge_pages;

typedef struct hone_page_block_options {
    size_t size_bytes; /* > 0; rounded up to whole pages, reserved huge ones where obtained */
    size_t alignment;  /* a power of two; 0, or less than a page: a page */
    hone_huge_pages huge_pages;
    bool is_required;                      /* fail rather than take a lesser kind of page */
    const hone_huge_page_figures *figures; /* ADVISED: of this host; NULL: not calibrated */
    uint64_t accesses_expected; /* ADVISED: random ones in the block's life; 0: unknown */
    hone_numa_policy placement;
    const hone_cpu_set *nodes; /* BIND and INTERLEAVE: the nodes; else NULL. For this call */
    bool is_prefaulted;        /* every page is there when the call returns */
    hone_budget *budget;       /* borrowed, outlives the block; NULL: not accounted */
} hone_page_block_options;

typedef struct hone_page_block {
    void *data;
    size_t size_bytes;
    size_t page_bytes;        /* of the kind obtained; for transparent ones the size aimed at */
    hone_huge_pages obtained; /* transparent: permitted; hone_page_block_measure tells the rest */
    hone_status refusal;      /* why it is less than asked; HONE_OK when it is not */
    hone_numa_policy placement;
    hone_cpu_set nodes; /* of BIND and INTERLEAVE; else empty */
    hone_budget *budget;
} hone_page_block;

enum { HONE_PAGE_PLACEMENT_NODES_MAX = 64 };

/* Where the pages of a block lie, counted in ordinary pages. */
typedef struct hone_page_placement {
    uint64_t pages_count, resident_count;                /* of the block; of them, in memory */
    uint64_t node_counts[HONE_PAGE_PLACEMENT_NODES_MAX]; /* resident, by the node's number */
    uint64_t other_count; /* resident on nodes numbered beyond that */
    uint64_t hit_count;   /* resident on a node that the policy asks for */
    /* hits / resident; < 0 when there is nothing to hit: no page resident, or policy DEFAULT. For
     * LOCAL the node meant is that of the CPU that asks. */
    double hit_rate;
} hone_page_placement;

/* INVALID_ARGUMENT, OVERFLOW, BUDGET, OUT_OF_MEMORY, and with is_required ABSENT (no such pages
 * here), FORBIDDEN (a setting denies them) or UNSUPPORTED (an alignment above that of reserved
 * huge pages). A placement that cannot be had is an error too, never another one: ABSENT (no such
 * node; the message lists those there are), UNSUPPORTED, FORBIDDEN. Writes *block on success
 * only; a failure leaves nothing behind. After a success with a refusal, `diag` tells. */
HONE_MUST_USE hone_status hone_page_block_init(hone_page_block *block,
                                               const hone_page_block_options *options,
                                               hone_diag *diag);

/* Drops the content of whole pages in [offset, offset + size): they read as zero afterwards and the
 * memory goes back to the system; the lease stays. Parts of pages at the edges are kept.
 * INVALID_ARGUMENT (out of the block), UNSUPPORTED (reserved huge pages before Linux 5.18). */
HONE_MUST_USE hone_status hone_page_block_discard(hone_page_block *block, size_t offset_bytes,
                                                  size_t size_bytes);

/* Touches every page, so that no later access faults. As hone_pages_populate. */
HONE_MUST_USE hone_status hone_page_block_prefault(hone_page_block *block);

/* Moves the pages that are there, and binds those to come, to one node. ABSENT (no such node; the
 * message lists those there are; nothing has changed), IO (some pages could not be moved; the
 * others are, and hone_page_block_placement counts them), OUT_OF_MEMORY, UNSUPPORTED, FORBIDDEN.
 * Cost: copies the block; about 1 us a page. */
HONE_MUST_USE hone_status hone_page_block_migrate(hone_page_block *block, uint32_t node,
                                                  hone_diag *diag);

/* Asks the kernel where each page lies. UNSUPPORTED, FORBIDDEN. Cost: about 0.1 us a page. */
HONE_MUST_USE hone_status hone_page_block_placement(const hone_page_block *block,
                                                    hone_page_placement *out_placement);

/* How many bytes of the block lie on huge pages right now, as the kernel counts. ABSENT where it
 * does not tell. Cost: reads the process' whole memory map, about a millisecond. */
HONE_MUST_USE hone_status hone_page_block_measure(const hone_page_block *block,
                                                  size_t *out_huge_bytes);

/* Unmaps, and returns the lease. A zeroed block is allowed. */
void hone_page_block_deinit(hone_page_block *block);

#endif
