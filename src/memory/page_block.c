/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries the kind of page that is asked for and then each lesser one. A try that fails leaves
 * nothing behind, neither mapping nor lease. The policy of memory nodes is set before any page is
 * touched, so that no page has to move.
 */
#include "hone/memory/page_block.h"

#include <stdint.h>

#include "hone/base/checked.h"
#include "hone/platform/pages.h"
#include "hone/platform/thread.h"

enum { PAGES_AT_ONCE = 512 };

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

/* Nodes and presence of a block that is mapped. */
static hone_status settle(const hone_page_block_options *options, hone_page_block *block,
                          hone_diag *diag) {
    hone_status status = HONE_OK;
    if (options->placement != HONE_NUMA_DEFAULT) {
        status = hone_numa_place(block->data, block->size_bytes, options->placement, options->nodes,
                                 false, diag);
    }
    if (status == HONE_OK && options->is_prefaulted) {
        status = hone_pages_populate(block->data, block->size_bytes);
        (void)(status == HONE_OK ||
               hone_diag_set(diag, status, "the system has not %zu bytes of memory for a block",
                             block->size_bytes));
    }
    return status;
}

/* One kind of page. Writes *out_block on success only. */
static hone_status try_kind(const hone_page_block_options *options, hone_huge_pages kind,
                            hone_diag *diag, hone_page_block *out_block) {
    hone_page_block block = {
        .obtained = kind, .placement = options->placement, .budget = options->budget};
    block.nodes = options->nodes ? *options->nodes : block.nodes;
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
    if (status == HONE_OK) {
        status = settle(options, &block, diag);
        if (status != HONE_OK) {
            unmap(&block);
        }
    }
    if (status != HONE_OK) {
        hone_budget_return(block.budget, block.size_bytes);
        return status;
    }
    *out_block = block;
    return HONE_OK;
}

/* What is advised, as the kind to try. */
static hone_status take_advice(const hone_page_block_options *options, hone_diag *diag,
                               hone_huge_pages *out_kind) {
    static const hone_huge_pages kinds[] = {
        [HONE_HUGE_PAGE_KIND_OFF] = HONE_HUGE_PAGES_OFF,
        [HONE_HUGE_PAGE_KIND_TRANSPARENT] = HONE_HUGE_PAGES_TRANSPARENT,
        [HONE_HUGE_PAGE_KIND_EXPLICIT] = HONE_HUGE_PAGES_EXPLICIT,
    };
    hone_huge_page_offer offer;
    hone_huge_page_advice advice;
    hone_huge_page_offer_read(&offer);
    hone_status status = hone_huge_page_advise(options->size_bytes, options->accesses_expected,
                                               &offer, options->figures, &advice);
    if (status == HONE_OK) {
        *out_kind = kinds[advice.kind];
        return status;
    }
    return hone_diag_set(diag, status,
                         "nothing can be advised about huge pages for %zu bytes: the figures of "
                         "the calibration are not positive, or the block is too large",
                         options->size_bytes);
}

hone_status hone_page_block_init(hone_page_block *block, const hone_page_block_options *options,
                                 hone_diag *diag) {
    if (!block || !options || options->size_bytes == 0 ||
        options->huge_pages > HONE_HUGE_PAGES_ADVISED ||
        (options->alignment != 0 && !hone_is_power_of_two(options->alignment))) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a block of pages needs a size above 0, and an alignment that is a "
                             "power of two or 0");
    }
    hone_page_block tried = {0};
    hone_huge_pages kind = options->huge_pages;
    hone_status refusal = HONE_OK;
    hone_status status = hone_numa_check(options->placement, options->nodes, diag);
    if (status == HONE_OK && kind == HONE_HUGE_PAGES_ADVISED) {
        status = take_advice(options, diag, &kind);
    }
    if (status != HONE_OK) {
        return status;
    }
    status = try_kind(options, kind, diag, &tried);
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

/* ---- nodes ---- */

hone_status hone_page_block_prefault(hone_page_block *block) {
    return hone_pages_populate(block->data, block->size_bytes);
}

hone_status hone_page_block_migrate(hone_page_block *block, uint32_t node, hone_diag *diag) {
    hone_cpu_set nodes = {{0}};
    hone_cpu_set_add(&nodes, node);
    if (node >= HONE_CPUS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "there is no memory node %u; they end at %d",
                             node, HONE_CPUS_MAX - 1);
    }
    hone_status status =
        hone_numa_place(block->data, block->size_bytes, HONE_NUMA_BIND, &nodes, true, diag);
    if (status == HONE_OK || status == HONE_STATUS_IO) { /* the policy holds either way */
        block->placement = HONE_NUMA_BIND;
        block->nodes = nodes;
    }
    return status;
}

/* The nodes that pages should be on by the block's policy. */
static void find_wanted(const hone_page_block *block, hone_cpu_set *out_nodes) {
    hone_cpu_layout layout;
    *out_nodes = block->nodes;
    if (block->placement == HONE_NUMA_LOCAL &&
        hone_cpu_layout_read(NULL, NULL, NULL, &layout) == HONE_OK) {
        const hone_cpu_place *here = hone_cpu_layout_find(&layout, hone_thread_cpu());
        if (here) {
            hone_cpu_set_add(out_nodes, layout.nodes[here->node_index].number);
        }
        hone_cpu_layout_deinit(&layout);
    }
}

static void count_node(hone_page_placement *placement, int32_t node, const hone_cpu_set *wanted) {
    if (node == HONE_NUMA_NODE_NONE) {
        return;
    }
    placement->resident_count++;
    placement->hit_count += hone_cpu_set_has(wanted, (uint32_t)node);
    if (node < HONE_PAGE_PLACEMENT_NODES_MAX) {
        placement->node_counts[node]++;
    } else {
        placement->other_count++;
    }
}

hone_status hone_page_block_placement(const hone_page_block *block,
                                      hone_page_placement *out_placement) {
    size_t page = hone_pages_size_bytes();
    hone_page_placement placement = {.pages_count = block->size_bytes / page, .hit_rate = -1};
    hone_cpu_set wanted;
    find_wanted(block, &wanted);
    for (uint64_t first = 0; first < placement.pages_count; first += PAGES_AT_ONCE) {
        void *pages[PAGES_AT_ONCE];
        int32_t nodes[PAGES_AT_ONCE];
        uint64_t left = placement.pages_count - first;
        size_t count = left < PAGES_AT_ONCE ? (size_t)left : PAGES_AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            pages[i] = (uint8_t *)block->data + (first + i) * page;
        }
        hone_status status = hone_numa_locate(pages, count, nodes);
        if (status != HONE_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            count_node(&placement, nodes[i], &wanted);
        }
    }
    if (placement.resident_count > 0 && block->placement != HONE_NUMA_DEFAULT) {
        placement.hit_rate = (double)placement.hit_count / (double)placement.resident_count;
    }
    *out_placement = placement;
    return HONE_OK;
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
