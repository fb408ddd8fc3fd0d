/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a node file to a graph that is ready to run: parse, make the stages, wire them, sort them so
 * that each comes after what it takes from, and open them in that order, so that every stage knows
 * its input's schema when it checks its options. All messages point into the file.
 */
#include <stdio.h>

#include "hone/base/units.h"
#include "hone/platform/isa.h"
#include "hone/platform/limits.h"
#include "node_internal.h"
#include "suggestion_internal.h"

enum { NODE_FILE_BYTES_MAX = 4 << 20, ARENA_BYTES_MAX = 64 << 20, WORKERS_MAX = 1024 };

typedef struct node_settings {
    const char *name;
    const char *simd;
    uint64_t memory_budget;
    uint64_t workers;
} node_settings;

static const hn_option node_options[] = {
    {.name = "name",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(node_settings, name),
     .help = "the node's name"},
    {.name = "memory_budget",
     .type = HN_OPTION_SIZE,
     .offset = offsetof(node_settings, memory_budget),
     .fallback = "64MiB",
     .help = "how much memory records in flight may take"},
    {.name = "workers",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(node_settings, workers),
     .fallback = "0",
     .help = "worker threads; 0: as many CPUs as this process may use"},
    {.name = "simd",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(node_settings, simd),
     .fallback = "auto",
     .help = "the highest instruction set to use, as `hone detect` names them; \"scalar\": none"},
};
enum { NODE_OPTIONS_COUNT = sizeof node_options / sizeof *node_options };

static const char *const stage_keys[] = {"name", "kind", "from", "on_full", "queue"};
enum { STAGE_KEYS_COUNT = sizeof stage_keys / sizeof *stage_keys };

static const hn_option wiring_options[] = {
    {.name = "from",
     .type = HN_OPTION_TEXTS,
     .offset = offsetof(hn_stage_run, from),
     .help = "the stage it takes its records from, or a list of them; must be given"},
    {.name = "queue",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(hn_stage_run, queue_batches),
     .fallback = "16",
     .help = "how many batches may wait at each input"},
    {.name = "on_full",
     .type = HN_OPTION_CHOICE,
     .offset = offsetof(hn_stage_run, on_full),
     .fallback = "block",
     .help = "what happens when they do: the stage before waits, or records are dropped",
     .choices = {"block", "drop_oldest", "drop_newest"}},
};
enum { WIRING_OPTIONS_COUNT = sizeof wiring_options / sizeof *wiring_options };

static bool describe_at(const hn_option *options, uint32_t count, uint32_t index,
                        hone_stage_option_info *out_info) {
    if (index < count) {
        *out_info = hn_option_describe(&options[index]);
    }
    return index < count;
}

bool hone_stage_input_option_at(uint32_t option_index, hone_stage_option_info *out_info) {
    return describe_at(wiring_options, WIRING_OPTIONS_COUNT, option_index, out_info);
}

bool hone_node_option_at(uint32_t option_index, hone_stage_option_info *out_info) {
    return describe_at(node_options, NODE_OPTIONS_COUNT, option_index, out_info);
}

/* --- messages --- */

void hn_stage_blame(const hn_stage *stage, const char *option, hone_diag *diag) {
    char subject[96];
    const hone_node *node = stage->run->node;
    const hone_toml_entry *entry =
        option ? hone_toml_find_entry(stage->table, hone_text_of(option)) : NULL;
    (void)snprintf(subject, sizeof subject, "stage '%.80s'", stage->name);
    hone_diag_about(diag, subject);
    if (entry) {
        hone_diag_at(diag, node->path, entry->value.line, entry->value.column);
    } else {
        hone_diag_at(diag, node->path, stage->table->line, stage->table->column);
    }
}

void hn_stage_blame_data(const hn_stage *stage, const char *file, uint64_t line, hone_diag *diag) {
    char subject[96];
    (void)snprintf(subject, sizeof subject, "stage '%.80s'", stage->name);
    hone_diag_about(diag, subject);
    if (file && strcmp(file, "-") == 0) {
        file = stage->kind->role == HN_ROLE_SOURCE ? "standard input" : "standard output";
    }
    hone_diag_at(diag, file, line > UINT32_MAX ? UINT32_MAX : (uint32_t)line, 0);
}

/* Names are printed as they are: in the report, in the graph, by `hone top`. */
static bool has_control(hone_text name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = (uint8_t)name.data[i];
        if (byte < 0x20 || byte == 0x7F) {
            return true;
        }
    }
    return false;
}

static hone_status no_memory(hone_diag *diag) {
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the node");
}

/* --- kinds and names --- */

static const hn_stage_kind *find_kind(hone_text name) {
    const hn_stage_kind *kind;
    for (uint32_t i = 0; (kind = hn_stage_kind_at(i)); i++) {
        if (hone_text_is(name, kind->name)) {
            return kind;
        }
    }
    return NULL;
}

static hone_status unknown_kind(const hn_stage *stage, hone_text name, hone_diag *diag) {
    hn_suggestion suggestion = {.wanted = name};
    const hn_stage_kind *kind;
    for (uint32_t i = 0; (kind = hn_stage_kind_at(i)); i++) {
        hn_suggestion_add(&suggestion, kind->name);
    }
    const char *advice = hn_suggestion_text(&suggestion);
    hn_stage_blame(stage, "kind", diag);
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "there is no stage kind '%.*s'%s",
                         (int)(name.size < 60 ? name.size : 60), name.data,
                         advice[0] ? advice : "; `hone help stages` lists them");
}

static hn_stage_run *find_stage(const hone_node *node, const char *name) {
    for (uint32_t i = 0; i < node->stages_count; i++) {
        if (strcmp(node->stages[i].stage.name, name) == 0) {
            return &node->stages[i];
        }
    }
    return NULL;
}

static hone_status need_text(const hone_toml_value *table, const char *key, hone_diag *diag,
                             hone_text *out_text) {
    const hone_toml_value *value = hone_toml_find(table, hone_text_of(key));
    hone_diag_at(diag, NULL, value ? value->line : table->line,
                 value ? value->column : table->column);
    if (!value) {
        return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "a stage needs '%s'", key);
    }
    if (value->type != HONE_TOML_STRING || value->as.string.size == 0) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'%s' must be a text in quotes, and not an empty one", key);
    }
    *out_text = value->as.string;
    return HONE_OK;
}

/* --- reading one [[stage]] --- */

static hone_status read_stage_options(hn_stage_run *run, hone_diag *diag) {
    hn_stage *stage = &run->stage;
    char what[96];
    (void)snprintf(what, sizeof what, "kind '%s'", stage->kind->name);
    hn_stage_blame(stage, NULL, diag);
    hone_status status =
        hn_options_check_keys(stage->table, stage->kind->options, stage->kind->options_count,
                              stage_keys, STAGE_KEYS_COUNT, what, diag);
    if (status == HONE_OK) {
        status = hn_options_read_table(stage->table, wiring_options, WIRING_OPTIONS_COUNT, run,
                                       stage->arena, diag);
    }
    if (status == HONE_OK) {
        status =
            hn_options_read_table(stage->table, stage->kind->options, stage->kind->options_count,
                                  stage->state, stage->arena, diag);
    }
    if (status == HONE_OK && (run->queue_batches == 0 || run->queue_batches > HN_QUEUE_MAX)) {
        hn_stage_blame(stage, "queue", diag);
        status = hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                               "'queue' must be from 1 to %d batches", HN_QUEUE_MAX);
    }
    return status;
}

static hone_status read_stage(hone_node *node, const hone_toml_value *table, hone_diag *diag) {
    hn_stage_run *run = &node->stages[node->stages_count];
    hone_text name, kind;
    hone_diag_at(diag, node->path, table->line, table->column);
    hone_status status = need_text(table, "name", diag, &name);
    if (status == HONE_OK) {
        status = need_text(table, "kind", diag, &kind);
    }
    if (status != HONE_OK) {
        return status;
    }
    run->node = node;
    run->stage = (hn_stage){
        .name = name.data, .table = table, .arena = &node->arena, .log = node->log, .run = run};
    run->stage.allocator = hone_budget_allocator(node->budget);
    run->stage.isa = node->isa;
    const hn_stage_run *namesake = find_stage(node, name.data);
    if (namesake) {
        hn_stage_blame(&run->stage, "name", diag);
        return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                             "the stage in line %u has this name, too: give each its own",
                             namesake->stage.table->line);
    }
    if (name.size >= HONE_LIVE_NAME_BYTES || has_control(name)) {
        hn_stage_blame(&run->stage, "name", diag);
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "a stage's name has at most %d bytes and no control character",
                             HONE_LIVE_NAME_BYTES - 1);
    }
    run->stage.kind = find_kind(kind);
    if (!run->stage.kind) {
        return unknown_kind(&run->stage, kind, diag);
    }
    run->stage.state = hone_arena_allocate_zeroed(
        &node->arena, 1, run->stage.kind->state_size_bytes ? run->stage.kind->state_size_bytes : 1,
        64);
    if (!run->stage.state) {
        return no_memory(diag);
    }
    node->stages_count++;
    return read_stage_options(run, diag);
}

static hone_status read_stages(hone_node *node, hone_diag *diag) {
    const hone_toml_value *list = hone_toml_find(node->root, HONE_TEXT("stage"));
    size_t count = hone_toml_count(list);
    if (list && list->type == HONE_TOML_TABLE) {
        hone_diag_at(diag, node->path, list->line, list->column);
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "[stage] is a single table: begin each stage with a line [[stage]], "
                             "in double brackets");
    }
    if (!list || list->type != HONE_TOML_ARRAY || count == 0) {
        hone_diag_at(diag, node->path, list ? list->line : 0, list ? list->column : 0);
        return hone_diag_set(diag, HONE_STATUS_NOT_FOUND,
                             "a node needs at least one stage: begin it with a line [[stage]]");
    }
    if (count > HN_STAGES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "%zu stages are more than the limit of %d",
                             count, HN_STAGES_MAX);
    }
    node->stages = HONE_ARENA_NEW_ARRAY(&node->arena, hn_stage_run, count);
    hone_status status = node->stages ? HONE_OK : no_memory(diag);
    for (size_t i = 0; i < count && status == HONE_OK; i++) {
        const hone_toml_value *table = hone_toml_item_at(list, i);
        if (table->type != HONE_TOML_TABLE) {
            hone_diag_at(diag, node->path, table->line, table->column);
            return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                                 "'stage' must be a list of tables: [[stage]]");
        }
        status = read_stage(node, table, diag);
    }
    return status;
}

/* --- wiring --- */

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
        return no_memory(diag);
    }
    for (uint32_t i = 0; i < run->from.count; i++) {
        hn_stage_run *input = find_stage(node, run->from.items[i]);
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
        return no_memory(diag);
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
            return no_memory(diag);
        }
    }
    node->edges = HONE_ARENA_NEW_ARRAY(&node->arena, hn_edge, node->edges_count);
    hn_edge *edge = node->edges;
    if (!edge) {
        return no_memory(diag);
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

static hone_status wire(hone_node *node, hone_diag *diag) {
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

/* --- opening --- */

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

static hone_status open_stages(hone_node *node, hone_diag *diag) {
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
    node->live.page->budget_bytes = node->budget_bytes;
    node->live.page->workers_count = node->workers_count;
    for (uint32_t i = 0; i < node->stages_count && status == HONE_OK; i++) {
        hn_stage *stage = &node->stages[i].stage;
        stage->live = &node->live.page->stages[i];
        (void)snprintf(stage->live->name, sizeof stage->live->name, "%s", stage->name);
        (void)snprintf(stage->live->kind, sizeof stage->live->kind, "%s", stage->kind->name);
        stage->live->role = (uint32_t)stage->kind->role; /* the same three, in the same order */
        stage->live->inputs_count = node->stages[i].inputs_count;
        status = open_stage(&node->stages[i], diag);
    }
    return status;
}

/* After all have been opened, so that a mistake in one stage costs no other one's file. */
static hone_status start_kinds(hone_node *node, hone_diag *diag) {
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

/* --- the whole --- */

/* As many as affinity, cpuset and quota let this process run at once. */
static hone_status count_workers(hone_node *node, hone_diag *diag) {
    hone_limits limits;
    hone_status status = hone_limits_read(NULL, node->allocator, diag, &limits);
    if (status == HONE_OK) {
        node->workers_count = hone_limits_threads(&limits);
        hone_limits_deinit(&limits);
    }
    return status;
}

/* Points the diag at a key of [node], where it is given there. */
static void blame_setting(const hone_toml_value *table, const char *key, hone_diag *diag) {
    const hone_toml_value *value = table ? hone_toml_find(table, hone_text_of(key)) : NULL;
    hone_diag_at(diag, NULL, value ? value->line : 0, value ? value->column : 0);
}

/* Checks the keys of the file's top level and of [node], and reads the latter. */
static hone_status read_node_table(hone_node *node, const hone_toml_value *table,
                                   node_settings *settings, hone_diag *diag) {
    static const char *const root_keys[] = {"node", "stage"};
    hone_status status =
        hn_options_check_keys(node->root, NULL, 0, root_keys, 2, "a node file", diag);
    if (status == HONE_OK && table && table->type != HONE_TOML_TABLE) {
        hone_diag_at(diag, NULL, table->line, table->column);
        status = hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH, "'node' must be a table: [node]");
    }
    if (status == HONE_OK && table) {
        status =
            hn_options_check_keys(table, node_options, NODE_OPTIONS_COUNT, NULL, 0, "[node]", diag);
    }
    if (status == HONE_OK) {
        /* without [node] the root serves: it has none of the keys, so every fallback is taken */
        status = hn_options_read_table(table ? table : node->root, node_options, NODE_OPTIONS_COUNT,
                                       settings, &node->arena, diag);
    }
    return status;
}

static hone_status set_workers(hone_node *node, const hone_toml_value *table, uint64_t workers,
                               hone_diag *diag) {
    if (workers > WORKERS_MAX) {
        blame_setting(table, "workers", diag);
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "%llu workers are more than the limit of %d",
                             (unsigned long long)workers, WORKERS_MAX);
    }
    node->workers_count = (uint32_t)workers;
    return workers ? HONE_OK : count_workers(node, diag);
}

static hone_status read_settings(hone_node *node, const hone_node_options *options,
                                 hone_diag *diag) {
    const hone_toml_value *table = hone_toml_find(node->root, HONE_TEXT("node"));
    node_settings settings = {0};
    hone_status status = read_node_table(node, table, &settings, diag);
    if (status != HONE_OK) {
        return status;
    }
    if (settings.memory_budget == 0) {
        blame_setting(table, "memory_budget", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'memory_budget' must be above 0, such as \"64MiB\"");
    }
    if (settings.name && has_control(hone_text_of(settings.name))) {
        blame_setting(table, "name", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a node's name has no control character");
    }
    node->name = settings.name ? settings.name : node->path;
    node->budget_bytes =
        options->memory_budget_bytes ? options->memory_budget_bytes : settings.memory_budget;
    uint64_t workers = options->workers_count ? options->workers_count : settings.workers;
    status = set_workers(node, table, workers, diag);
    if (status != HONE_OK) {
        return status;
    }
    blame_setting(table, "simd", diag);
    status = hone_isa_restrict(hone_isa_detect(), hone_text_of(settings.simd), diag, &node->isa);
    if (status != HONE_OK) {
        return status;
    }
    hone_budget_options budget = {
        .name = "node", .limit_bytes = node->budget_bytes, .allocator = node->allocator};
    return hone_budget_create(&budget, diag, &node->budget);
}

static hone_status create_node(const char *name, const hone_node_options *options, hone_diag *diag,
                               hone_node **out_node) {
    hone_node *node = HONE_NEW(options->allocator, hone_node);
    if (!node) {
        return no_memory(diag);
    }
    node->allocator = options->allocator;
    node->log = options->log;
    node->is_check = options->is_check;
    hone_mutex_init(&node->failure_lock);
    hone_arena_init(&node->arena, options->allocator, ARENA_BYTES_MAX);
    node->path = hone_arena_copy_text(&node->arena, hone_text_of(name));
    if (!node->path) {
        hone_node_destroy(node);
        return no_memory(diag);
    }
    *out_node = node;
    return HONE_OK;
}

static hone_text line_at(hone_text content, uint32_t line) {
    hone_text found = hone_text_split(&content, '\n');
    for (uint32_t i = 1; i < line && content.data; i++) {
        found = hone_text_split(&content, '\n');
    }
    return found;
}

/* What newcomers to TOML stumble on: [stage] twice, and quotes within quotes. */
static hone_status advise(hone_text content, hone_status status, hone_diag *diag) {
    char message[sizeof diag->message];
    hone_text line = line_at(content, diag->line), trimmed = hone_text_trim(line);
    const char *advice = NULL;
    if (status == HONE_STATUS_DUPLICATE && hone_text_is(trimmed, "[stage]")) {
        advice = "begin each stage with a line [[stage]], in double brackets";
    } else if (status == HONE_STATUS_SYNTAX && diag->column > 2 && diag->column <= line.size &&
               line.data[diag->column - 2] == '"' && line.data[diag->column - 1] != '"') {
        advice = "a text ends at the next \"; within it, as in expressions, write 'text'";
    }
    if (!advice) {
        return status;
    }
    (void)snprintf(message, sizeof message, "%s", diag->message);
    return hone_diag_set(diag, status, "%.400s: %s", message, advice);
}

hone_status hone_node_load_text(hone_text content, const char *name,
                                const hone_node_options *options, hone_diag *diag,
                                hone_node **out_node) {
    hone_node_options chosen = options ? *options : (hone_node_options){0};
    hone_diag ignored = {0};
    hone_node *node = NULL;
    diag = diag ? diag : &ignored;
    hone_status status = create_node(name, &chosen, diag, &node);
    if (status != HONE_OK) {
        return status;
    }
    hone_diag_at(diag, name, 0, 0);
    status = hone_toml_parse(content, name, &node->arena, diag, &node->root);
    if (status != HONE_OK) {
        status = advise(content, status, diag);
    } else {
        status = hn_settings_apply(&chosen, node->root, &node->arena, diag);
    }
    if (status == HONE_OK) {
        status = read_settings(node, &chosen, diag);
    }
    if (status == HONE_OK) {
        status = read_stages(node, diag);
    }
    if (status == HONE_OK) {
        status = wire(node, diag);
    }
    if (status == HONE_OK) {
        status = open_stages(node, diag);
    }
    if (status == HONE_OK && !node->is_check) {
        status = start_kinds(node, diag);
    }
    if (status != HONE_OK) {
        hone_node_destroy(node);
        return status;
    }
    hone_diag_clear(diag);
    *out_node = node;
    return HONE_OK;
}

hone_status hone_node_load(const char *path, const hone_node_options *options, hone_diag *diag,
                           hone_node **out_node) {
    hone_node_options chosen = options ? *options : (hone_node_options){0};
    hone_file_stamp stamp = {0};
    hone_buffer content;
    bool has_stamp = hone_file_stamp_read(path, &stamp) == HONE_OK; /* before the content is read */
    hone_buffer_init(&content, chosen.allocator, NODE_FILE_BYTES_MAX + 65536);
    hone_status status = hone_file_read_all(path, NODE_FILE_BYTES_MAX, diag, &content);
    if (status == HONE_OK) {
        status = hone_node_load_text(hone_buffer_text(&content), path, options, diag, out_node);
    }
    hone_buffer_deinit(&content);
    if (status == HONE_OK) {
        (*out_node)->file_stamp = stamp;
        (*out_node)->has_file_stamp = has_stamp;
    }
    return status;
}

void hone_node_destroy(hone_node *node) {
    if (!node) {
        return;
    }
    for (uint32_t i = 0; i < node->edges_count; i++) {
        hn_edge_destroy(&node->edges[i]);
    }
    for (uint32_t i = 0; i < node->stages_count; i++) {
        hn_stage_run *run = &node->stages[i];
        if (run->is_opened && run->stage.kind->close) {
            run->stage.kind->close(&run->stage);
        }
    }
    for (uint32_t i = 0; i < node->stages_count; i++) { /* now nobody holds a batch */
        hn_stage_pool_destroy(&node->stages[i]);
    }
    hone_live_close(&node->live);
    (void)hone_budget_destroy(node->budget, NULL);
    hone_mutex_deinit(&node->failure_lock);
    hone_arena_deinit(&node->arena);
    HONE_DELETE(node->allocator, hone_node, node);
}
