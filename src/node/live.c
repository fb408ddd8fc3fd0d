/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/node/live.h"

#include <stdio.h>
#include <string.h>

static const char suffix[] = "live";

static uint64_t page_bytes(uint32_t stages_count) {
    return sizeof(hone_live_page) + (uint64_t)stages_count * sizeof(hone_live_stage);
}

static void fill_head(const char *node_name, uint32_t stages_count, hone_live *live) {
    live->page = live->memory.memory;
    live->page->version = HONE_LIVE_VERSION;
    live->page->stages_count = stages_count;
    live->page->size_bytes = page_bytes(stages_count);
    live->page->pid = hone_process_id();
    live->page->process_start = hone_process_start(live->page->pid);
    (void)snprintf(live->page->node_name, sizeof live->page->node_name, "%s", node_name);
}

void hone_live_publish(hone_live *live) {
    /* release: pairs with the acquire of hone_live_open, in another process */
    atomic_store_explicit(&live->page->magic, HONE_LIVE_MAGIC, memory_order_release);
}

hone_status hone_live_create_private(const char *node_name, uint32_t stages_count, hone_diag *diag,
                                     hone_live *out_live) {
    hone_live live = {0};
    if (stages_count > HONE_LIVE_STAGES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "%u stages are more than the limit of %d",
                             stages_count, HONE_LIVE_STAGES_MAX);
    }
    if (hone_shared_page_create_private(page_bytes(stages_count), &live.memory) != HONE_OK) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the live counters");
    }
    fill_head(node_name, stages_count, &live);
    *out_live = live;
    return HONE_OK;
}

hone_status hone_live_create(const char *node_name, uint32_t stages_count, hone_diag *diag,
                             hone_live *out_live) {
    hone_live live = {.is_shared = true};
    int64_t pids[HONE_LIVE_LIST_MAX];
    uint32_t pids_count;
    hone_status listed = hone_live_list(pids, HONE_LIVE_LIST_MAX, &pids_count);
    (void)listed; /* asked for its other effect: what killed nodes have left behind is removed */
    if (stages_count > HONE_LIVE_STAGES_MAX ||
        hone_shared_page_create(suffix, page_bytes(stages_count), diag, &live.memory) != HONE_OK) {
        return hone_live_create_private(node_name, stages_count, diag, out_live);
    }
    fill_head(node_name, stages_count, &live);
    *out_live = live;
    return HONE_OK;
}

hone_status hone_live_open(int64_t pid, hone_diag *diag, hone_live *out_live) {
    hone_live live = {.is_shared = true};
    hone_status status = hone_shared_page_open(suffix, pid, diag, &live.memory);
    if (status != HONE_OK) {
        return status;
    }
    hone_live_page *page = live.page = live.memory.memory;
    bool is_page = live.memory.size_bytes >= sizeof *page &&
                   atomic_load_explicit(&page->magic, memory_order_acquire) == HONE_LIVE_MAGIC &&
                   page->version == HONE_LIVE_VERSION &&
                   page->stages_count <= HONE_LIVE_STAGES_MAX &&
                   page->partitions_count <= HONE_LIVE_PARTITIONS_MAX &&
                   page->size_bytes == live.memory.size_bytes &&
                   page->size_bytes == page_bytes(page->stages_count) && page->pid == pid;
    if (!is_page || page->process_start != hone_process_start(pid)) {
        hone_live_close(&live);
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             is_page ? "process %lld has ended"
                                     : "process %lld runs another version of hone",
                             (long long)pid);
    }
    *out_live = live;
    return HONE_OK;
}

void hone_live_close(hone_live *live) {
    hone_shared_page_close(&live->memory);
    *live = (hone_live){0};
}

hone_status hone_live_list(int64_t *out_pids, uint32_t pids_max, uint32_t *out_pids_count) {
    return hone_shared_page_list(suffix, out_pids, pids_max, out_pids_count);
}
