/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the stages in their order, so that each knows its input's schema when it checks its
 * options, and starts those that write once no stage has a mistake.
 */
#include "load_internal.h"

#include <stdio.h>

#include "hone/base/units.h"

/* What the live page says from the start. */
static void describe_node(const hone_node *node) {
    hone_live_page *page = node->live.page;
    page->budget_bytes = node->budget_bytes;
    page->workers_count = node->workers_count;
    page->partitions_count = node->partitions_count;
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        const hone_partition_options *partition = &node->partitions[i];
        hone_live_partition *live = &page->partitions[i];
        (void)snprintf(live->name, sizeof live->name, "%s", partition->name);
        live->share = partition->share;
        live->critical_share =
            partition->critical_share > 0 ? partition->critical_share : partition->share;
    }
    _Atomic uint64_t *const unknown[] = {&page->pressure.own_ppm, &page->pressure.cgroup_ppm,
                                         &page->pressure.stall_ppm, &page->pressure.pressure_ppm};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        atomic_store_explicit(unknown[i], HONE_LIVE_UNKNOWN, memory_order_relaxed);
    }
}

/* No memory for a stage is the budget's doing when the budget has refused something. */
hone_status hn_node_explain_no_memory(const hone_node *node, size_t bytes, hone_diag *diag) {
    char limit[24];
    hone_status status = hone_budget_explain(node->budget, bytes, NULL);
    if (status == HONE_OK && hone_budget_read_usage(node->budget).refused_count == 0) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "this machine has no memory for %zu bytes more", bytes);
    }
    (void)hone_size_format((double)node->budget_bytes, limit, sizeof limit);
    return hone_diag_set(diag, HONE_STATUS_BUDGET,
                         "%zu bytes more do not fit into the memory budget of %s; raise "
                         "'memory_budget' in [node]",
                         bytes, limit);
}

_Static_assert((int)HN_ROLE_SOURCE == HONE_LIVE_SOURCE &&
                   (int)HN_ROLE_TRANSFORM == HONE_LIVE_TRANSFORM &&
                   (int)HN_ROLE_SINK == HONE_LIVE_SINK,
               "roles of kinds and of live stages are the same");

static hone_status schemas_differ(const hn_stage_run *run, const hn_stage_run *first,
                                  const hn_stage_run *other, hone_diag *diag) {
    const hone_schema *a = first->stage.schema, *b = other->stage.schema;
    uint32_t i = 0;
    while (i < a->fields_count && i < b->fields_count && a->fields[i].type == b->fields[i].type &&
           hone_text_is_equal(a->fields[i].name, b->fields[i].name)) {
        i++;
    }
    hone_text name = i < a->fields_count   ? a->fields[i].name
                     : i < b->fields_count ? b->fields[i].name
                                           : HONE_TEXT("time");
    hn_stage_blame(&run->stage, "from", diag);
    return hone_diag_set(
        diag, HONE_STATUS_TYPE_MISMATCH,
        "'%.40s' and '%.40s' give different records: the first difference is field '%.*s'",
        first->stage.name, other->stage.name, HONE_TEXT_ARGS(name));
}

static hone_status open_stage(hn_stage_run *run, hone_diag *diag) {
    hn_stage *stage = &run->stage;
    hone_status status = hn_stage_check_file(stage, diag);
    if (status != HONE_OK) {
        return status;
    }
    for (uint32_t i = 0; i < run->inputs_count; i++) {
        const hn_stage_run *input = run->inputs[i]->producer;
        if (i == 0) {
            stage->input_schema = input->stage.schema;
        } else if (!hone_schema_is_equal(stage->input_schema, input->stage.schema)) {
            return schemas_differ(run, run->inputs[0]->producer, input, diag);
        }
    }
    hn_stage_blame(stage, NULL, diag); /* kinds point closer where they can */
    run->is_opened = true;
    status = stage->kind->open(stage, diag);
    if (status == HONE_OK && stage->schema) {
        status = hn_stage_pool_create(run, diag);
    }
    return status;
}

hone_status hn_node_open_stages(hone_node *node, hone_diag *diag) {
    hone_diag why = {0};
    hone_status status =
        node->is_check ? hone_live_create_private(node->name, node->stages_count, &why, &node->live)
                       : hone_live_create(node->name, node->stages_count, &why, &node->live);
    if (status != HONE_OK) {
        *diag = why;
        return status;
    }
    if (!node->live.is_shared && !node->is_check) {
        hone_log_write(node->log, HONE_LOG_WARNING, "`hone top` cannot see this node: %s",
                       why.message);
    }
    describe_node(node);
    for (uint32_t i = 0; i < node->stages_count && status == HONE_OK; i++) {
        hn_stage *stage = &node->stages[i].stage;
        stage->live = &node->live.page->stages[i];
        (void)snprintf(stage->live->name, sizeof stage->live->name, "%s", stage->name);
        (void)snprintf(stage->live->kind, sizeof stage->live->kind, "%s", stage->kind->name);
        stage->live->role = (uint32_t)stage->kind->role; /* the same three, in the same order */
        stage->live->inputs_count = node->stages[i].inputs_count;
        status = open_stage(&node->stages[i], diag);
    }
    if (status == HONE_OK) {
        hone_live_publish(&node->live);
    }
    return status;
}

hone_status hn_node_start_kinds(hone_node *node, hone_diag *diag) {
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < node->stages_count && status == HONE_OK; i++) {
        hn_stage *stage = &node->stages[i].stage;
        if (stage->kind->start) {
            status = hn_stage_check_file(stage, diag); /* a sink before may have created it */
            hn_stage_blame(stage, NULL, status == HONE_OK ? diag : NULL);
        }
        if (status == HONE_OK && stage->kind->start) {
            status = stage->kind->start(stage, diag);
        }
    }
    return status;
}
