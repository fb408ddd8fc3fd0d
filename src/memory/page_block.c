/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries the kind of page that is asked for and then each lesser one. A try that fails leaves
 * nothing behind, neither mapping nor lease.
 */
#include "hone/memory/page_block.h"

#include <stdint.h>

#include "hone/base/checked.h"
#include "hone/platform/pages.h"

static void unmap(const hone_page_block *block) {
    if (block->obtained == HONE_HUGE_PAGES_EXPLICIT) {
        hone_pages_unmap_huge(block->data, block->size_bytes);
    } else {
        hone_pages_unmap(block->data, block->size_bytes);
    }
}

static hone_status map_explicit(hone_page_block *block, size_t alignment, hone_diag *diag) {
    if (alignment > block->page_bytes) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "reserved huge pages are aligned to %zu bytes, not to %zu",
                             block->page_bytes, alignment);
    }
    hone_status status = hone_pages_map_huge(block->size_bytes, &block->data);
    if (status == HONE_STATUS_OUT_OF_MEMORY) {
        return hone_diag_set(diag, status,
                             "the system's reserve has not %zu bytes of huge pages left: raise "
                             "/proc/sys/vm/nr_hugepages or take transparent ones",
                             block->size_bytes);
    }
    return status == HONE_OK ? status
                             : hone_diag_set(diag, status, "no reserved huge pages: %s",
                                             hone_status_text(status));
}

static hone_status map_ordinary(hone_page_block *block, size_t alignment, hone_diag *diag) {
    bool is_huge = block->obtained == HONE_HUGE_PAGES_TRANSPARENT;
    alignment = is_huge && alignment < block->page_bytes ? block->page_bytes : alignment;
    hone_status status = hone_pages_map(block->size_bytes, alignment, &block->data);
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "the system gives no %zu bytes of pages: %s",
                             block->size_bytes, hone_status_text(status));
    }
    status = hone_pages_advise(block->data, block->size_bytes,
                               is_huge ? HONE_PAGES_HUGE : HONE_PAGES_SMALL);
    /* A kernel that does not know huge pages refuses the advice not to use them. */
    if (is_huge && status != HONE_OK) {
        unmap(block);
        return hone_diag_set(diag, status,
                             "no transparent huge pages: %s (see "
                             "/sys/kernel/mm/transparent_hugepage/enabled)",
                             hone_status_text(status));
    }
    return HONE_OK;
}

/* One kind of page. Writes *out_block on success only. */
static hone_status try_kind(const hone_page_block_options *options, hone_huge_pages kind,
                            hone_diag *diag, hone_page_block *out_block) {
    hone_page_block block = {.obtained = kind, .budget = options->budget};
    size_t page = hone_pages_size_bytes();
    size_t alignment = options->alignment < page ? page : options->alignment;
    block.page_bytes = kind == HONE_HUGE_PAGES_OFF        ? page
                       : kind == HONE_HUGE_PAGES_EXPLICIT ? hone_pages_reserved_huge_bytes()
                                                          : hone_pages_transparent_huge_bytes();
    if (block.page_bytes == 0) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "this kernel has no %s huge pages",
                             kind == HONE_HUGE_PAGES_EXPLICIT ? "reserved" : "transparent");
    }
    size_t unit = kind == HONE_HUGE_PAGES_EXPLICIT ? block.page_bytes : page;
    if (!hone_size_align(options->size_bytes, unit, &block.size_bytes)) {
        return hone_diag_set(diag, HONE_STATUS_OVERFLOW, "a block of %zu bytes is too large",
                             options->size_bytes);
    }
    if (block.budget) {
        hone_status leased = hone_budget_lease(block.budget, block.size_bytes, diag);
        if (leased != HONE_OK) {
            return leased;
        }
    }
    hone_status status = kind == HONE_HUGE_PAGES_EXPLICIT ? map_explicit(&block, alignment, diag)
                                                          : map_ordinary(&block, alignment, diag);
    if (status != HONE_OK) {
        hone_budget_return(block.budget, block.size_bytes);
        return status;
    }
    *out_block = block;
    return HONE_OK;
}

hone_status hone_page_block_init(hone_page_block *block, const hone_page_block_options *options,
                                 hone_diag *diag) {
    if (!block || !options || options->size_bytes == 0 ||
        options->huge_pages > HONE_HUGE_PAGES_EXPLICIT ||
        (options->alignment != 0 && !hone_is_power_of_two(options->alignment))) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a block of pages needs a size above 0, and an alignment that is a "
                             "power of two or 0");
    }
    hone_page_block tried = {0};
    hone_huge_pages kind = options->huge_pages;
    hone_status refusal = HONE_OK;
    hone_status status = try_kind(options, kind, diag, &tried);
    while (status != HONE_OK && kind != HONE_HUGE_PAGES_OFF && !options->is_required) {
        refusal = refusal == HONE_OK ? status : refusal;
        kind = (hone_huge_pages)(kind - 1);
        status = try_kind(options, kind, diag, &tried);
    }
    if (status == HONE_OK) {
        tried.refusal = refusal;
        *block = tried;
    }
    return status;
}

hone_status hone_page_block_discard(hone_page_block *block, size_t offset_bytes,
                                    size_t size_bytes) {
    size_t end, start;
    if (!hone_size_add(offset_bytes, size_bytes, &end) || end > block->size_bytes) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    size_t unit =
        block->obtained == HONE_HUGE_PAGES_EXPLICIT ? block->page_bytes : hone_pages_size_bytes();
    if (!hone_size_align(offset_bytes, unit, &start)) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    end -= end % unit;
    return start < end
               ? hone_pages_advise((uint8_t *)block->data + start, end - start, HONE_PAGES_DISCARD)
               : HONE_OK;
}

hone_status hone_page_block_measure(const hone_page_block *block, size_t *out_huge_bytes) {
    return hone_pages_count_huge(block->data, block->size_bytes, out_huge_bytes);
}

void hone_page_block_deinit(hone_page_block *block) {
    if (block && block->data) {
        unmap(block);
        hone_budget_return(block->budget, block->size_bytes);
        *block = (hone_page_block){0};
    }
}
