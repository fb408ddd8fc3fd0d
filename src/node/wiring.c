/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the stages by their `from`, and sorts them so that each comes after what it takes from. */
#include "load_internal.h"

#include <stdio.h>

static hone_status check_from(const hone_node *node, const hn_stage_run *run, hone_diag *diag) {
    const hn_stage *stage = &run->stage;
    if (stage->kind->role == HN_ROLE_SOURCE && run->from.count) {
        hn_stage_blame(stage, "from", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a source takes no input: remove 'from'");
    }
    if (stage->kind->role != HN_ROLE_SOURCE && run->from.count == 0) {
        hn_stage_blame(stage, "from", diag);
        return hone_diag_set(diag, HONE_STATUS_UNCONNECTED,
                             "nothing comes in: name the stage it takes from, as in from = \"%s\"",
                             &node->stages[0] == run ? "source" : node->stages[0].stage.name);
    }
    return HONE_OK;
}

static hone_status unknown_input(const hone_node *node, const hn_stage_run *run, uint32_t item,
                                 hone_diag *diag) {
    const char *names[HN_STAGES_MAX];
    for (uint32_t i = 0; i < node->stages_count; i++) {
        names[i] = node->stages[i].stage.name;
    }
    const char *nearest =
        hone_text_nearest(hone_text_of(run->from.items[item]), names, node->stages_count);
    hn_stage_blame(&run->stage, "from", diag);
    hone_diag_at(diag, NULL, run->from.values[item]->line, run->from.values[item]->column);
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "there is no stage '%.60s'; %s%s%s",
                         run->from.items[item],
                         nearest ? "did you mean '" : "'from' takes the name of another stage",
                         nearest ? nearest : "", nearest ? "'?" : "");
}

static hone_status wrong_input(const hn_stage_run *run, uint32_t item, const char *why,
                               hone_diag *diag) {
    hn_stage_blame(&run->stage, "from", diag);
    hone_diag_at(diag, NULL, run->from.values[item]->line, run->from.values[item]->column);
    return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "'%.60s' %s", run->from.items[item],
                         why);
}

static hone_status resolve_inputs(const hone_node *node, hn_stage_run *run, hone_diag *diag) {
    run->input_stages = HONE_ARENA_NEW_ARRAY(run->stage.arena, uint32_t, run->from.count);
    if (!run->input_stages) {
        return hn_node_no_memory(diag);
    }
    for (uint32_t i = 0; i < run->from.count; i++) {
        hn_stage_run *input = hn_node_find_stage(node, run->from.items[i]);
        if (!input) {
            return unknown_input(node, run, i, diag);
        }
        if (input->stage.kind->role == HN_ROLE_SINK) {
            return wrong_input(run, i, "is a sink: it gives nothing", diag);
        }
        run->input_stages[i] = (uint32_t)(input - node->stages);
        for (uint32_t j = 0; j < i; j++) {
            if (run->input_stages[j] == run->input_stages[i]) {
                return wrong_input(run, i, "is named twice", diag);
            }
        }
        input->outputs_count++;
    }
    run->inputs_count = run->from.count;
    return HONE_OK;
}

/* Kahn's algorithm. order[i] is the old index of the stage that comes i-th. */
static uint32_t sort_stages(const hone_node *node, uint32_t *order) {
    uint32_t waiting[HN_STAGES_MAX], sorted = 0;
    for (uint32_t i = 0; i < node->stages_count; i++) {
        waiting[i] = node->stages[i].inputs_count;
    }
    for (uint32_t found = 1; found;) {
        found = 0;
        for (uint32_t i = 0; i < node->stages_count; i++) {
            if (waiting[i] != 0) {
                continue;
            }
            waiting[i] = UINT32_MAX;
            order[sorted++] = i;
            found++;
            for (uint32_t j = 0; j < node->stages_count; j++) {
                for (uint32_t k = 0; k < node->stages[j].inputs_count; k++) {
                    waiting[j] -= node->stages[j].input_stages[k] == i;
                }
            }
        }
    }
    return sorted;
}

static uint32_t unsorted_input(const hn_stage_run *run, const bool *is_sorted) {
    uint32_t k = 0;
    while (is_sorted[run->input_stages[k]]) { /* one is not, or the stage would be sorted */
        k++;
    }
    return run->input_stages[k];
}

/* What was not sorted is a circle, or behind one: going from such a stage to an input that was not
 * sorted, again and again, leads into the circle and then round it. */
static hone_status report_cycle(const hone_node *node, const uint32_t *order, uint32_t sorted,
                                hone_diag *diag) {
    bool is_sorted[HN_STAGES_MAX] = {false}, is_seen[HN_STAGES_MAX] = {false};
    char names[320] = "";
    size_t used = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < sorted; i++) {
        is_sorted[order[i]] = true;
    }
    while (is_sorted[at]) {
        at++;
    }
    for (; !is_seen[at]; at = unsorted_input(&node->stages[at], is_sorted)) {
        is_seen[at] = true;
    }
    uint32_t first = at;
    do {
        int length = snprintf(names + used, sizeof names - used, "'%s' takes from ",
                              node->stages[at].stage.name);
        used += length > 0 ? (size_t)length : 0;
        at = unsorted_input(&node->stages[at], is_sorted);
    } while (at != first && used < sizeof names);
    hn_stage_blame(&node->stages[first].stage, "from", diag);
    return hone_diag_set(
        diag, HONE_STATUS_CYCLE,
        "stages take from each other in a circle: %.319s'%s'; remove one of these links", names,
        node->stages[first].stage.name);
}

static hone_status apply_order(hone_node *node, const uint32_t *order, hone_diag *diag) {
    hn_stage_run *sorted = HONE_ARENA_NEW_ARRAY(&node->arena, hn_stage_run, node->stages_count);
    uint32_t place[HN_STAGES_MAX];
    if (!sorted) {
        return hn_node_no_memory(diag);
    }
    for (uint32_t i = 0; i < node->stages_count; i++) {
        place[order[i]] = i;
    }
    for (uint32_t i = 0; i < node->stages_count; i++) {
        sorted[i] = node->stages[order[i]];
        sorted[i].stage.run = &sorted[i];
        sorted[i].stage.index = i;
        for (uint32_t k = 0; k < sorted[i].inputs_count; k++) {
            sorted[i].input_stages[k] = place[sorted[i].input_stages[k]];
        }
    }
    node->stages = sorted;
    return HONE_OK;
}

static hone_status connect_edges(hone_node *node, hone_diag *diag) {
    for (uint32_t i = 0; i < node->stages_count; i++) {
        hn_stage_run *run = &node->stages[i];
        node->edges_count += run->inputs_count;
        run->inputs = HONE_ARENA_NEW_ARRAY(&node->arena, hn_edge *, run->inputs_count);
        run->outputs = HONE_ARENA_NEW_ARRAY(&node->arena, hn_edge *, run->outputs_count);
        run->outputs_count = 0;
        if (!run->inputs || !run->outputs) {
            return hn_node_no_memory(diag);
        }
    }
    node->edges = HONE_ARENA_NEW_ARRAY(&node->arena, hn_edge, node->edges_count);
    hn_edge *edge = node->edges;
    if (!edge) {
        return hn_node_no_memory(diag);
    }
    for (uint32_t i = 0; i < node->stages_count; i++) {
        for (uint32_t k = 0; k < node->stages[i].inputs_count; k++, edge++) {
            edge->consumer = &node->stages[i];
            edge->producer = &node->stages[node->stages[i].input_stages[k]];
            edge->consumer->inputs[k] = edge;
            edge->producer->outputs[edge->producer->outputs_count++] = edge;
            hone_status status = hn_edge_create(node, edge, diag);
            if (status != HONE_OK) {
                hn_stage_blame(&edge->consumer->stage, "queue", diag);
                return status;
            }
        }
    }
    return HONE_OK;
}

hone_status hn_node_wire(hone_node *node, hone_diag *diag) {
    uint32_t order[HN_STAGES_MAX];
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < node->stages_count && status == HONE_OK; i++) {
        status = check_from(node, &node->stages[i], diag);
    }
    for (uint32_t i = 0; i < node->stages_count && status == HONE_OK; i++) {
        status = resolve_inputs(node, &node->stages[i], diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    uint32_t sorted = sort_stages(node, order);
    if (sorted < node->stages_count) {
        return report_cycle(node, order, sorted, diag);
    }
    for (uint32_t i = 0; i < node->stages_count; i++) {
        const hn_stage_run *run = &node->stages[i];
        if (run->outputs_count == 0 && run->stage.kind->role != HN_ROLE_SINK) {
            hn_stage_blame(&run->stage, NULL, diag);
            return hone_diag_set(diag, HONE_STATUS_UNCONNECTED,
                                 "nothing takes what it gives: another stage needs from = \"%s\"",
                                 run->stage.name);
        }
    }
    status = apply_order(node, order, diag);
    return status == HONE_OK ? connect_edges(node, diag) : status;
}
