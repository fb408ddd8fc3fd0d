/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings from outside the node file ("telemetry.interval=1s"): they change the parsed tree before
 * anything reads it, so they are checked like what stands in the file. What comes from a setting
 * has a line that no file has, so that a message about it can name the setting instead.
 */
#include "node_internal.h"

#include <stdio.h>

/* The line of the first setting; a file of some MiB has fewer. */
enum { SETTING_LINE = 1 << 30 };

static hone_status unknown_stage(const hone_toml_value *stages, hone_text name, hone_diag *diag) {
    const char *names[HN_STAGES_MAX + 1] = {"node"};
    uint32_t count = 1;
    for (size_t i = 0; i < hone_toml_count(stages) && count <= HN_STAGES_MAX; i++) {
        const hone_toml_value *value =
            hone_toml_find(hone_toml_item_at(stages, i), HONE_TEXT("name"));
        if (value && value->type == HONE_TOML_STRING) {
            names[count++] = value->as.string.data;
        }
    }
    const char *nearest = hone_text_nearest(name, names, count);
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "there is no stage '%.*s'%s%s%s",
                         (int)(name.size < 60 ? name.size : 60), name.data,
                         nearest ? "; did you mean '" : "", nearest ? nearest : "",
                         nearest ? "'?" : "");
}

/* The table of that name, or NULL. The tree was made for this load alone, so it may be changed. */
static hone_toml_value *find_table(const hone_toml_value *root, hone_text name) {
    const hone_toml_value *stages = hone_toml_find(root, HONE_TEXT("stage"));
    if (hone_text_is(name, "node")) {
        return (hone_toml_value *)hone_toml_find(root, name);
    }
    for (size_t i = 0; i < hone_toml_count(stages); i++) {
        const hone_toml_value *table = hone_toml_item_at(stages, i);
        const hone_toml_value *value = hone_toml_find(table, HONE_TEXT("name"));
        if (value && value->type == HONE_TOML_STRING &&
            hone_text_is_equal(value->as.string, name)) {
            return (hone_toml_value *)table;
        }
    }
    return NULL;
}

/* `text` as TOML, or else as the text that it is. */
static hone_status parse_value(hone_text text, hone_arena *arena, hone_toml_value *out_value) {
    hone_buffer line;
    const hone_toml_value *root = NULL;
    hone_arena_savepoint savepoint = hone_arena_save(arena);
    hone_buffer_init(&line, NULL, text.size + 16);
    hone_buffer_append_text(&line, HONE_TEXT("value = "));
    hone_buffer_append_text(&line, text);
    hone_status status = hone_buffer_status(&line);
    bool is_toml = status == HONE_OK &&
                   hone_toml_parse(hone_buffer_text(&line), NULL, arena, NULL, &root) == HONE_OK &&
                   hone_toml_count(root) == 1;
    hone_buffer_deinit(&line);
    if (is_toml) {
        *out_value = *hone_toml_find(root, HONE_TEXT("value"));
        return HONE_OK;
    }
    hone_arena_reset(arena, savepoint);
    char *copy = hone_arena_copy_text(arena, text);
    *out_value = (hone_toml_value){.type = HONE_TOML_STRING, .as.string = {copy, text.size}};
    return status != HONE_OK ? status : copy ? HONE_OK : HONE_STATUS_OUT_OF_MEMORY;
}

/* Everything in `value` comes from that line. As deep as the TOML parser lets values nest. */
static void move_to_line(hone_toml_value *value, uint32_t line) {
    value->line = line;
    for (uint32_t i = 0; value->type == HONE_TOML_ARRAY && i < value->as.array.count; i++) {
        move_to_line(value->as.array.items[i], line);
    }
    for (uint32_t i = 0; value->type == HONE_TOML_TABLE && i < value->as.table.count; i++) {
        hone_toml_entry *entry = value->as.table.entries[i];
        entry->key_line = line;
        move_to_line(&entry->value, line);
    }
}

static hone_status put(hone_toml_value *table, hone_text key, const hone_toml_value *value,
                       uint32_t line, hone_arena *arena) {
    char *kept_key = hone_arena_copy_text(arena, key);
    hone_text kept = {kept_key, key.size};
    hone_status status =
        kept_key ? hone_toml_put(table, kept, value, arena) : HONE_STATUS_OUT_OF_MEMORY;
    if (status == HONE_OK) { /* the tree is this load's own, as above */
        hone_toml_entry *entry = (hone_toml_entry *)hone_toml_find_entry(table, key);
        entry->key_line = line;
        move_to_line(&entry->value, line);
    }
    return status;
}

static void name_setting(const char *setting, hone_diag *diag) {
    char place[120];
    (void)snprintf(place, sizeof place, "setting '%.100s'", setting);
    hone_diag_at(diag, place, 0, 0);
}

static hone_status apply(const char *setting, uint32_t line, const hone_toml_value *root,
                         hone_arena *arena, hone_diag *diag) {
    hone_text value = hone_text_of(setting);
    hone_text path = hone_text_trim(hone_text_split(&value, '='));
    hone_text name = path;
    while (name.size && name.data[name.size - 1] != '.') {
        name.size--;
    }
    hone_text key = {path.data + name.size, path.size - name.size};
    name_setting(setting, diag);
    if (!value.data || name.size < 2 || key.size == 0) {
        return hone_diag_set(diag, HONE_STATUS_SYNTAX, "write STAGE.KEY=VALUE or node.KEY=VALUE");
    }
    name.size--;
    hone_toml_value *table = find_table(root, name);
    if (!table) {
        return hone_text_is(name, "node")
                   ? hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "the file has no [node] table")
                   : unknown_stage(hone_toml_find(root, HONE_TEXT("stage")), name, diag);
    }
    hone_toml_value parsed;
    hone_status status = parse_value(hone_text_trim(value), arena, &parsed);
    status = status ? status : put(table, key, &parsed, line, arena);
    return status == HONE_OK ? HONE_OK
                             : hone_diag_set(diag, status, "%s", hone_status_text(status));
}

bool hn_settings_is_line(uint32_t line) {
    return line >= SETTING_LINE;
}

void hn_settings_blame(const hone_node_options *options, hone_diag *diag) {
    if (diag->line >= SETTING_LINE && diag->line - SETTING_LINE < options->settings_count) {
        name_setting(options->settings[diag->line - SETTING_LINE], diag);
    }
}

hone_status hn_settings_apply(const hone_node_options *options, const hone_toml_value *root,
                              hone_arena *arena, hone_diag *diag) {
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < options->settings_count && status == HONE_OK; i++) {
        status = apply(options->settings[i], SETTING_LINE + i, root, arena, diag);
    }
    return status;
}
