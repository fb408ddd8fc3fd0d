/* SPDX-License-Identifier: Apache-2.0 */
/* sink.null: takes records and forgets them; for measuring what comes before it. */
#include "kinds_internal.h"

static hone_status sink_null_open(hn_stage *stage, hone_diag *diag) {
    (void)stage;
    (void)diag;
    return HONE_OK;
}

static hone_status sink_null_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    (void)diag;
    hn_count(&stage->live->records_out, batch->selected_count);
    hn_batch_release(stage, batch);
    return HONE_OK;
}

const hn_stage_kind hn_kind_sink_null = {
    .name = "sink.null",
    .summary = "takes records and forgets them",
    .role = HN_ROLE_SINK,
    .open = sink_null_open,
    .process = sink_null_process,
};
