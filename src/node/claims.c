/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stage reads or writes which file, so that no sink empties what another stage of the node
 * reads or writes. Files are compared by device and inode at the moment of the claim: names may
 * differ, and a sink's file may have been created by the sink before.
 */
#include "node_internal.h"

static bool is_same_file(const char *path, const hone_file_stamp *stamp) {
    hone_file_stamp other;
    return hone_file_stamp_read(path, &other) == HONE_OK && other.device == stamp->device &&
           other.inode == stamp->inode;
}

/* Two stages on one descriptor: a wake-up would reach only one of them, and lines would be torn. */
static hone_status claim_standard(hn_stage *stage, hone_diag *diag) {
    const hone_node *node = stage->run->node;
    bool is_sink = stage->kind->role == HN_ROLE_SINK;
    stage->run->claimed_path = "-";
    for (uint32_t i = 0; i < node->stages_count; i++) {
        const hn_stage_run *other = &node->stages[i];
        if (other != stage->run && other->claimed_path && strcmp(other->claimed_path, "-") == 0 &&
            (other->stage.kind->role == HN_ROLE_SINK) == is_sink) {
            hn_stage_blame(stage, "path", diag);
            return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                                 is_sink ? "stage '%.60s' writes to standard output, too: give one "
                                           "of them another path"
                                         : "stage '%.60s' reads standard input, too: let one stage "
                                           "read it, and others take from that one",
                                 other->stage.name);
        }
    }
    return HONE_OK;
}

hone_status hn_stage_claim_file(hn_stage *stage, const char *path, hone_diag *diag) {
    hone_node *node = stage->run->node;
    bool is_sink = stage->kind->role == HN_ROLE_SINK;
    hone_file_stamp stamp;
    if (strcmp(path, "-") == 0) {
        return claim_standard(stage, diag);
    }
    stage->run->claimed_path = path;
    if (!is_sink || hone_file_stamp_read(path, &stamp) != HONE_OK || !stamp.is_regular) {
        return HONE_OK;
    }
    if (is_same_file(node->path, &stamp)) {
        hn_stage_blame(stage, "path", diag);
        return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                             "'%.160s' is the node file itself: write to another one", path);
    }
    for (uint32_t i = 0; i < node->stages_count; i++) {
        const hn_stage_run *other = &node->stages[i];
        if (other != stage->run && other->claimed_path &&
            is_same_file(other->claimed_path, &stamp)) {
            hn_stage_blame(stage, "path", diag);
            return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                                 "'%.160s' is what stage '%.60s' %s: it would be overwritten", path,
                                 other->stage.name,
                                 other->stage.kind->role == HN_ROLE_SINK ? "writes" : "reads");
        }
    }
    return HONE_OK;
}
