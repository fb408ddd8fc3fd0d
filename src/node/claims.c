/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stage reads or writes which file, so that no sink empties what another stage, or the node
 * itself, reads or writes. Files are compared by what they are, not by their names.
 */
#include "node_internal.h"

/* The file that a source reads or a sink writes, by the option that all kinds call so; or NULL. */
static const char *path_of(const hn_stage *stage) {
    const hone_toml_value *value = hone_toml_find(stage->table, HONE_TEXT("path"));
    return value && value->type == HONE_TOML_STRING ? value->as.string.data : NULL;
}

hone_status hn_stage_check_file(const hn_stage *stage, hone_diag *diag) {
    const hone_node *node = stage->run->node;
    const char *path = path_of(stage);
    bool is_sink = stage->kind->role == HN_ROLE_SINK;
    hone_file_mode mode = is_sink ? HONE_FILE_WRITE : HONE_FILE_READ;
    hn_stage_blame(stage, "path", diag);
    if (path && is_sink && hone_file_is_contended(path, mode, node->path, HONE_FILE_READ)) {
        return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                             "'%.160s' is the node file itself: write to another one", path);
    }
    for (uint32_t i = 0; path && i < node->stages_count; i++) {
        const hn_stage *other = &node->stages[i].stage;
        const char *other_path = path_of(other);
        bool is_other_sink = other->kind->role == HN_ROLE_SINK;
        if (other == stage || !other_path ||
            !hone_file_is_contended(path, mode, other_path,
                                    is_other_sink ? HONE_FILE_WRITE : HONE_FILE_READ)) {
            continue;
        }
        return hone_diag_set(
            diag, HONE_STATUS_DUPLICATE, "stage '%s' %s the same file, '%.160s': %s", other->name,
            is_other_sink ? "writes" : "reads", other_path,
            is_sink && is_other_sink   ? "give each sink a path of its own"
            : is_sink || is_other_sink ? "write to another file than the one that is read"
                                       : "let one stage read it, and others take from that one");
    }
    return HONE_OK;
}
