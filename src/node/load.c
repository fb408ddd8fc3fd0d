/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a node file to a graph that is ready to run: parse, read the settings (node_table.c) and
 * the partitions (partition_table.c), make the stages (stage_table.c), wire and sort them
 * (wiring.c), open them (opening.c). All messages point into the file.
 */
#include "load_internal.h"

#include <stdio.h>

enum { NODE_FILE_BYTES_MAX = 4 << 20, ARENA_BYTES_MAX = 64 << 20 };

bool hn_name_has_control(hone_text name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = (uint8_t)name.data[i];
        if (byte < 0x20 || byte == 0x7F) {
            return true;
        }
    }
    return false;
}

hone_status hn_node_no_memory(hone_diag *diag) {
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the node");
}

static hone_status create_node(const char *name, const hone_node_options *options, hone_diag *diag,
                               hone_node **out_node) {
    hone_node *node = HONE_NEW(options->allocator, hone_node);
    if (!node) {
        return hn_node_no_memory(diag);
    }
    node->allocator = options->allocator;
    node->log = options->log;
    node->is_check = options->is_check;
    node->machine_root = options->root;
    node->lone_loop_ns = options->lone_loop_ns;
    hone_mutex_init(&node->failure_lock);
    hone_arena_init(&node->arena, options->allocator, ARENA_BYTES_MAX);
    node->path = hone_arena_copy_text(&node->arena, hone_text_of(name));
    if (!node->path) {
        hone_node_destroy(node);
        return hn_node_no_memory(diag);
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
        hone_diag_at(diag, status == HONE_OK ? name : NULL, 0, 0);
    }
    if (status == HONE_OK) {
        status = hn_node_read_settings(node, &chosen, diag);
    }
    if (status == HONE_OK) {
        status = hn_node_read_partitions(node, diag);
    }
    if (status == HONE_OK) {
        status = hn_node_read_stages(node, diag);
    }
    if (status == HONE_OK) {
        status = hn_node_assign_partitions(node, diag);
    }
    if (status == HONE_OK) {
        status = hn_node_wire(node, diag);
    }
    if (status == HONE_OK) {
        status = hn_node_open_stages(node, diag);
    }
    if (status == HONE_OK && !node->is_check) {
        status = hn_node_start_kinds(node, diag);
    }
    if (status != HONE_OK) {
        hn_settings_blame(&chosen, diag);
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
    } else if (status == HONE_STATUS_NOT_FOUND) {
        (void)hone_diag_set(diag, status,
                            "there is no node file '%.200s': look at its name and at the folder "
                            "that you are in; `hone help node` says what belongs into one",
                            path);
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
    hone_pressure_destroy(node->pressure);
    (void)hone_budget_destroy(node->budget, NULL);
    hone_mutex_deinit(&node->failure_lock);
    hone_arena_deinit(&node->arena);
    HONE_DELETE(node->allocator, hone_node, node);
}
