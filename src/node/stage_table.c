/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a stage of every [[stage]] table: its name, its kind and its options. */
#include "load_internal.h"

#include <stdio.h>

#include "suggestion_internal.h"

static const char *const stage_keys[] = {"name",  "kind",      "from",    "on_full",
                                         "queue", "partition", "critical"};
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

static const hn_option common_options[] = {
    {.name = "partition",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(hn_stage_run, partition_name),
     .help = "the [[partition]] whose CPU time it uses; without it \"default\" or else what the "
             "partitions leave"},
    {.name = "critical",
     .type = HN_OPTION_FLAG,
     .offset = offsetof(hn_stage_run, is_critical),
     .fallback = "false",
     .help = "goes before all stages that are not, while its partition's critical share lasts"},
};
enum { COMMON_OPTIONS_COUNT = sizeof common_options / sizeof *common_options };

bool hone_stage_common_option_at(uint32_t option_index, hone_stage_option_info *out_info) {
    return hn_options_describe(common_options, COMMON_OPTIONS_COUNT, option_index, out_info);
}

bool hone_stage_input_option_at(uint32_t option_index, hone_stage_option_info *out_info) {
    return hn_options_describe(wiring_options, WIRING_OPTIONS_COUNT, option_index, out_info);
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

hn_stage_run *hn_node_find_stage(const hone_node *node, const char *name) {
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

/* Blames the one that was named by a setting, where one was. */
static hone_status refuse_namesake(const hn_stage *first, const hn_stage *second, hone_diag *diag) {
    const hone_toml_value *name = hone_toml_find(first->table, HONE_TEXT("name"));
    const bool is_first_set = hn_settings_is_line(name->line);
    const hn_stage *other = is_first_set ? second : first;
    hn_stage_blame(is_first_set ? first : second, "name", diag);
    return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                         "the stage in line %u has this name, too: give each its own",
                         other->table->line);
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
        status = hn_options_read_table(stage->table, common_options, COMMON_OPTIONS_COUNT, run,
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
    run->stage.batch_rows = &node->batch_rows;
    const hn_stage_run *namesake = hn_node_find_stage(node, name.data);
    if (namesake) {
        return refuse_namesake(&namesake->stage, &run->stage, diag);
    }
    if (name.size >= HONE_LIVE_NAME_BYTES || hn_name_has_control(name)) {
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
        return hn_node_no_memory(diag);
    }
    node->stages_count++;
    return read_stage_options(run, diag);
}

hone_status hn_node_read_stages(hone_node *node, hone_diag *diag) {
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
    hone_status status = node->stages ? HONE_OK : hn_node_no_memory(diag);
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
