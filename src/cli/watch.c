/* SPDX-License-Identifier: Apache-2.0 */
#include "watch_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t load(const _Atomic uint64_t *figure) {
    /* Relaxed: counters that only grow; the page promises no more (live.h). */
    return atomic_load_explicit(figure, memory_order_relaxed);
}

static bool is_wanted(const hn_watch *watch, const hone_live_page *page) {
    if (!watch->wanted) {
        return true;
    }
    char pid[32];
    (void)snprintf(pid, sizeof pid, "%lld", (long long)page->pid);
    return strcmp(watch->wanted, pid) == 0 ||
           strncmp(watch->wanted, page->node_name, HONE_LIVE_NAME_BYTES) == 0;
}

static hn_watch_node *find_node(hn_watch *watch, int64_t pid) {
    for (uint32_t i = 0; i < watch->count; i++) {
        if (watch->nodes[i].pid == pid && !watch->nodes[i].has_ended) {
            return &watch->nodes[i];
        }
    }
    return NULL;
}

static void close_node(hn_watch_node *node) {
    HONE_DELETE_ARRAY(NULL, hn_watch_stage, node->stages, node->stages_count);
    HONE_DELETE(NULL, hone_histogram, node->end_to_end_ns);
    hone_live_close(&node->live);
    *node = (hn_watch_node){0};
}

/* Makes room for a node that runs by forgetting one that ended. */
static void forget_ended(hn_watch *watch) {
    for (uint32_t i = 0; i < watch->count; i++) {
        if (watch->nodes[i].has_ended) {
            close_node(&watch->nodes[i]);
            memmove(&watch->nodes[i], &watch->nodes[i + 1],
                    (watch->count - i - 1) * sizeof watch->nodes[0]);
            watch->count--;
            return;
        }
    }
}

static hone_status open_node(hn_watch *watch, int64_t pid, hone_diag *diag) {
    hn_watch_node node = {.pid = pid};
    if (hone_live_open(pid, NULL, &node.live)) {
        return HONE_OK; /* it ended between list and open: not there any more */
    }
    if (!is_wanted(watch, node.live.page)) {
        hone_live_close(&node.live);
        return HONE_OK;
    }
    if (watch->count == HONE_LIVE_LIST_MAX) {
        forget_ended(watch);
    }
    /* copies: the page may change under our hands; its size was checked for some count only */
    node.stages_count = node.live.page->stages_count;
    node.partitions_count = node.live.page->partitions_count;
    uint64_t stages_bytes = node.live.memory.size_bytes - sizeof *node.live.page;
    if (node.stages_count > stages_bytes / sizeof(hone_live_stage) ||
        node.partitions_count > HONE_LIVE_PARTITIONS_MAX) {
        hone_live_close(&node.live);
        return HONE_OK;
    }
    node.stages = HONE_NEW_ARRAY(NULL, hn_watch_stage, node.stages_count);
    node.end_to_end_ns = HONE_NEW(NULL, hone_histogram);
    if (!node.stages || !node.end_to_end_ns || watch->count == HONE_LIVE_LIST_MAX) {
        close_node(&node);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "there is not enough memory to watch this many nodes");
    }
    watch->nodes[watch->count++] = node;
    return HONE_OK;
}

static void look_at_stage(hn_watch_stage *stage, const hone_live_stage *live, double elapsed_s) {
    uint64_t in = load(&live->records_in), out = load(&live->records_out);
    uint64_t busy_ns = load(&live->busy_ns);
    stage->in_per_s = (double)(in - stage->records_in) / elapsed_s;
    stage->out_per_s = (double)(out - stage->records_out) / elapsed_s;
    stage->busy_share = (double)(busy_ns - stage->busy_ns) / (elapsed_s * 1e9);
    stage->records_in = in;
    stage->records_out = out;
    stage->busy_ns = busy_ns;
    memmove(stage->history, stage->history + 1, sizeof stage->history - sizeof stage->history[0]);
    stage->history[HN_WATCH_HISTORY - 1] = stage->in_per_s;
}

/* So that the next look is at everything since the start. */
static void forget_figures(hn_watch_stage *stage) {
    stage->records_in = stage->records_out = stage->busy_ns = 0;
}

static void look_at_partitions(hn_watch_node *node, bool is_from_start) {
    const hone_live_page *page = node->live.page;
    double used_ns[HONE_LIVE_PARTITIONS_MAX], sum_ns = 0;
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        uint64_t cpu_ns = load(&page->partitions[i].cpu_ns);
        used_ns[i] = (double)(cpu_ns - (is_from_start ? 0 : node->partitions[i].cpu_ns));
        sum_ns += used_ns[i];
        node->partitions[i].cpu_ns = cpu_ns;
    }
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        node->partitions[i].share_used = sum_ns > 0 ? used_ns[i] / sum_ns : (double)NAN;
    }
}

static void look_at_node(hn_watch_node *node, uint64_t now_ns) {
    const hone_live_page *page = node->live.page;
    uint64_t ended_ns = load(&page->ended_ns);
    uint64_t since_ns = node->looked_ns && !ended_ns ? node->looked_ns : page->started_ns;
    uint64_t until_ns = ended_ns ? ended_ns : now_ns;
    /* At least a ms, so that a look right after the start makes no infinite rates. */
    double elapsed_s = until_ns > since_ns + 1000000 ? (double)(until_ns - since_ns) / 1e9 : 1e-3;
    hone_histogram_clear(node->end_to_end_ns);
    for (uint32_t i = 0; i < node->stages_count; i++) {
        if (ended_ns) {
            forget_figures(&node->stages[i]);
        }
        look_at_stage(&node->stages[i], &page->stages[i], elapsed_s);
        if (hone_histogram_count(&page->stages[i].end_to_end_ns)) {
            hone_histogram_merge(node->end_to_end_ns, &page->stages[i].end_to_end_ns);
        }
    }
    look_at_partitions(node, ended_ns != 0);
    node->looked_ns = until_ns;
}

static bool is_listed(const int64_t *pids, uint32_t count, int64_t pid) {
    for (uint32_t i = 0; i < count; i++) {
        if (pids[i] == pid) {
            return true;
        }
    }
    return false;
}

static int compare_nodes(const void *a, const void *b) {
    const hn_watch_node *left = a, *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

hone_status hn_watch_look(hn_watch *watch, uint64_t now_ns, hone_diag *diag) {
    int64_t pids[HONE_LIVE_LIST_MAX];
    uint32_t pids_count = 0;
    hone_status status = hone_live_list(pids, HONE_LIVE_LIST_MAX, &pids_count);
    if (status) {
        return hone_diag_set(diag, status, "cannot list the nodes that run: %s",
                             hone_status_text(status));
    }
    for (uint32_t i = 0; i < pids_count && !status; i++) {
        status = find_node(watch, pids[i]) ? HONE_OK : open_node(watch, pids[i], diag);
    }
    qsort(watch->nodes, watch->count, sizeof watch->nodes[0], compare_nodes);
    for (uint32_t i = 0; i < watch->count; i++) {
        hn_watch_node *node = &watch->nodes[i];
        if (!node->has_ended) {
            look_at_node(node, now_ns);
            node->has_ended =
                load(&node->live.page->ended_ns) != 0 || !is_listed(pids, pids_count, node->pid);
        }
    }
    return status;
}

void hn_watch_deinit(hn_watch *watch) {
    for (uint32_t i = 0; i < watch->count; i++) {
        close_node(&watch->nodes[i]);
    }
    watch->count = 0;
}

uint32_t hn_watch_running_count(const hn_watch *watch) {
    uint32_t running_count = 0;
    for (uint32_t i = 0; i < watch->count; i++) {
        running_count += !watch->nodes[i].has_ended;
    }
    return running_count;
}

double hn_watch_uptime_s(const hn_watch_node *node, uint64_t now_ns) {
    uint64_t ended_ns = load(&node->live.page->ended_ns);
    uint64_t until_ns = ended_ns ? ended_ns : node->has_ended ? node->looked_ns : now_ns;
    uint64_t started_ns = node->live.page->started_ns;
    return until_ns > started_ns ? (double)(until_ns - started_ns) / 1e9 : 0;
}

const char *hn_watch_state_name(const hn_watch_node *node) {
    uint32_t state = atomic_load_explicit(&node->live.page->state, memory_order_relaxed);
    if (node->has_ended) {
        return "ended";
    }
    switch (state) {
    case HONE_LIVE_LOADED: return "loaded";
    case HONE_LIVE_RUNNING: return "running";
    case HONE_LIVE_DRAINING: return "draining";
    default: return "ended";
    }
}
