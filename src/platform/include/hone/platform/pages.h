/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages from the kernel: mapping, unmapping, advice. memory/page_block.h is what most callers want;
 * this is its seam.
 *
 * Contract: shared; no state. Fresh pages are zero and take memory when they are first touched.
 */
#ifndef HONE_PLATFORM_PAGES_H
#define HONE_PLATFORM_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "hone/base/status.h"

typedef enum hone_pages_advice {
    HONE_PAGES_HUGE,    /* use huge pages where there are some */
    HONE_PAGES_SMALL,   /* do not */
    HONE_PAGES_DISCARD, /* drop the content: reads as zero afterwards */
} hone_pages_advice;

/* Of an ordinary page. A power of two. */
size_t hone_pages_size_bytes(void);

/* Of the reserved huge pages that hone_pages_map_huge gives, and of the transparent ones; 0 where
 * the kernel has none. Cost: reads a file. */
size_t hone_pages_reserved_huge_bytes(void);
size_t hone_pages_transparent_huge_bytes(void);

/* How much of the reserve is free and not promised to anybody; and whether transparent huge pages
 * are given to whoever asks (neither the system nor the process says "never"). Cost: a file each.
 */
size_t hone_pages_reserved_free_bytes(void);
bool hone_pages_is_transparent_allowed(void);

/* `size_bytes` (> 0, a multiple of the page) at a multiple of `alignment` (a power of two, at least
 * a page), between two pages without access. INVALID_ARGUMENT, OVERFLOW, OUT_OF_MEMORY. Unmapped
 * with hone_pages_unmap. */
HONE_MUST_USE hone_status hone_pages_map(size_t size_bytes, size_t alignment, void **out_pages);
void hone_pages_unmap(void *pages, size_t size_bytes);

/* The same from the system's reserve of huge pages, aligned to them and without pages around.
 * ABSENT (no such pages in this kernel), OUT_OF_MEMORY (the reserve has not enough left: see
 * /proc/sys/vm/nr_hugepages), FORBIDDEN, INVALID_ARGUMENT. Unmapped with hone_pages_unmap_huge. */
HONE_MUST_USE hone_status hone_pages_map_huge(size_t size_bytes, void **out_pages);
void hone_pages_unmap_huge(void *pages, size_t size_bytes);

/* Touches every page, so that no later access faults: in one system call where the kernel has it
 * (Linux 5.14), else by writing to each page what it holds. OUT_OF_MEMORY. A stall in a path that
 * must not stall: do this at the start. Pages whose policy binds them to full nodes may end in the
 * kernel's out-of-memory killer. */
HONE_MUST_USE hone_status hone_pages_populate(void *pages, size_t size_bytes);

/* Whole pages only. UNSUPPORTED (the kernel cannot, or not for these pages), OUT_OF_MEMORY; for
 * HUGE also FORBIDDEN: the setting of the system or of the process is "never". */
HONE_MUST_USE hone_status hone_pages_advise(void *pages, size_t size_bytes,
                                            hone_pages_advice advice);

/* Bytes of [pages, pages + size_bytes) on huge pages, from /proc/self/smaps. Counts mappings that
 * lie inside the range, so the range is what one of the calls above mapped. ABSENT where that
 * cannot be read. Cost: the kernel walks the whole address space. */
HONE_MUST_USE hone_status hone_pages_count_huge(const void *pages, size_t size_bytes,
                                                size_t *out_huge_bytes);

#endif
