/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large blocks of whole pages straight from the system: zeroed, aligned as asked, with huge pages
 * where they are wanted and to be had. For the big tables of engines, not for small things.
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

typedef enum hone_huge_pages {
    HONE_HUGE_PAGES_OFF,         /* small pages, even where the system would take huge ones */
    HONE_HUGE_PAGES_TRANSPARENT, /* the kernel uses huge pages as it finds them (madvise) */
    HONE_HUGE_PAGES_EXPLICIT,    /* reserved ones (hugetlb); else transparent; else small */
} hone_huge_pages;

typedef struct hone_page_block_options {
    size_t size_bytes; /* > 0; rounded up to whole pages, reserved huge ones where obtained */
    size_t alignment;  /* a power of two; 0, or less than a page: a page */
    hone_huge_pages huge_pages;
    bool is_required;    /* fail rather than take a lesser kind of page */
    hone_budget *budget; /* borrowed, outlives the block; NULL: not accounted */
} hone_page_block_options;

typedef struct hone_page_block {
    void *data;
    size_t size_bytes;
    size_t page_bytes;        /* of the kind obtained; for transparent ones the size aimed at */
    hone_huge_pages obtained; /* transparent: permitted; hone_page_block_measure tells the rest */
    hone_status refusal;      /* why it is less than asked; HONE_OK when it is not */
    hone_budget *budget;
} hone_page_block;

/* INVALID_ARGUMENT, OVERFLOW, BUDGET, OUT_OF_MEMORY, and with is_required ABSENT (no such pages
 * here), FORBIDDEN (a setting denies them) or UNSUPPORTED (an alignment above that of reserved huge
 * pages). Writes *block on success only; a failure leaves nothing behind. After a success with a
 * refusal, `diag` tells about that. */
HONE_MUST_USE hone_status hone_page_block_init(hone_page_block *block,
                                               const hone_page_block_options *options,
                                               hone_diag *diag);

/* Drops the content of whole pages in [offset, offset + size): they read as zero afterwards and the
 * memory goes back to the system; the lease stays. Parts of pages at the edges are kept.
 * INVALID_ARGUMENT (out of the block), UNSUPPORTED (reserved huge pages before Linux 5.18). */
HONE_MUST_USE hone_status hone_page_block_discard(hone_page_block *block, size_t offset_bytes,
                                                  size_t size_bytes);

/* How many bytes of the block lie on huge pages right now, as the kernel counts. ABSENT where it
 * does not tell. Cost: reads the process' whole memory map, about a millisecond. */
HONE_MUST_USE hone_status hone_page_block_measure(const hone_page_block *block,
                                                  size_t *out_huge_bytes);

/* Unmaps, and returns the lease. A zeroed block is allowed. */
void hone_page_block_deinit(hone_page_block *block);

#endif
