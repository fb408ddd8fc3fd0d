/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of [node], and what follows from them: the budget, the workers, their power. */
#include "load_internal.h"

#include "hone/platform/cpu_layout.h"
#include "hone/platform/isa.h"
#include "hone/platform/limits.h"

typedef struct node_settings {
    const char *name;
    const char *simd;
    uint64_t memory_budget;
    uint64_t workers;
    uint64_t batch_rows;
    uint32_t pinning, power;
    bool is_one_per_core;
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
    {.name = "pinning",
     .type = HN_OPTION_CHOICE,
     .offset = offsetof(node_settings, pinning),
     .fallback = "none",
     .help =
         "on which CPUs workers stay: \"none\" as the kernel likes, \"compact\" near each other "
         "(they share caches), \"scatter\" far apart (each has its own)",
     .choices = {"none", "compact", "scatter"}},
    {.name = "one_per_core",
     .type = HN_OPTION_FLAG,
     .offset = offsetof(node_settings, is_one_per_core),
     .fallback = "false",
     .help = "one worker a core, which leaves the other hyper-threads alone"},
    {.name = "power",
     .type = HN_OPTION_CHOICE,
     .offset = offsetof(node_settings, power),
     .fallback = "auto",
     .help = "latency against power: \"performance\", \"balanced\", \"power_save\", or \"auto\" as "
             "the power supply asks",
     .choices = {"auto", "performance", "balanced", "power_save"}},
    {.name = "batch_rows",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(node_settings, batch_rows),
     .fallback = "0",
     .help = "how many rows sources that read files gather at most, up to 1024; 0: as the power "
             "profile says"},
};
enum { NODE_OPTIONS_COUNT = sizeof node_options / sizeof *node_options };

bool hone_node_option_at(uint32_t option_index, hone_stage_option_info *out_info) {
    return hn_options_describe(node_options, NODE_OPTIONS_COUNT, option_index, out_info);
}

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
    static const char *const root_keys[] = {"node", "stage", "partition"};
    hone_status status =
        hn_options_check_keys(node->root, NULL, 0, root_keys, 3, "a node file", diag);
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

/* One a core needs no more workers than there are cores, and can have no more. */
static hone_status limit_to_cores(hone_node *node, const hone_toml_value *table, bool is_given,
                                  hone_diag *diag) {
    hone_cpu_layout layout;
    hone_status status = hone_cpu_layout_read(NULL, node->allocator, diag, &layout);
    if (status != HONE_OK) {
        return status;
    }
    uint32_t cores_count = layout.cores_count;
    hone_cpu_layout_deinit(&layout);
    if (node->workers_count <= cores_count) {
        return HONE_OK;
    }
    if (is_given) {
        blame_setting(table, "one_per_core", diag);
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "%u workers are more than the %u core%s that this process may use: "
                             "lower 'workers', or remove 'one_per_core'",
                             node->workers_count, cores_count, cores_count == 1 ? "" : "s");
    }
    node->workers_count = cores_count;
    return HONE_OK;
}

static hone_status set_scheduling(hone_node *node, const hone_toml_value *table,
                                  const node_settings *settings, bool has_workers,
                                  hone_diag *diag) {
    node->pinning = settings->pinning;
    node->is_one_per_core = settings->is_one_per_core;
    node->power_wanted = settings->power;
    node->batch_rows_wanted = settings->batch_rows;
    if (settings->batch_rows > HONE_BATCH_ROWS_MAX) {
        blame_setting(table, "batch_rows", diag);
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "'batch_rows' must be at most %d, or 0 for what the power profile "
                             "says",
                             HONE_BATCH_ROWS_MAX);
    }
    hone_status status =
        node->is_one_per_core ? limit_to_cores(node, table, has_workers, diag) : HONE_OK;
    if (status == HONE_OK) {
        blame_setting(table, "power", diag);
        status = hn_node_decide_power(node, diag);
    }
    return status;
}

static hone_status set_workers(hone_node *node, const hone_toml_value *table, uint64_t workers,
                               hone_diag *diag) {
    if (workers > HONE_WORKERS_MAX) {
        blame_setting(table, "workers", diag);
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "%llu workers are more than the limit of %d",
                             (unsigned long long)workers, HONE_WORKERS_MAX);
    }
    node->workers_count = (uint32_t)workers;
    return workers ? HONE_OK : count_workers(node, diag);
}

hone_status hn_node_read_settings(hone_node *node, const hone_node_options *options,
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
    if (settings.name && hn_name_has_control(hone_text_of(settings.name))) {
        blame_setting(table, "name", diag);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a node's name has no control character");
    }
    node->name = settings.name ? settings.name : node->path;
    node->budget_bytes =
        options->memory_budget_bytes ? options->memory_budget_bytes : settings.memory_budget;
    uint64_t workers = options->workers_count ? options->workers_count : settings.workers;
    status = set_workers(node, table, workers, diag);
    if (status == HONE_OK) {
        status = set_scheduling(node, table, &settings, workers > 0, diag);
    }
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
