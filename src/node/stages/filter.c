/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kind `filter`: keeps the records for which an expression is true. Nothing is copied unless
 * somebody else holds the batch: rows that are out only leave the selection.
 */
#include "compile_internal.h"
#include "kinds_internal.h"

typedef struct filter_state {
    const hone_toml_value *where;
    hn_compiled compiled;
} filter_state;

static const hn_option filter_options[] = {
    {.name = "where",
     .type = HN_OPTION_VALUE,
     .offset = offsetof(filter_state, where),
     .is_required = true,
     .help = "the expression that must be true, as in \"load > 0.9 and host != 'build'\""},
};

static hone_status filter_open(hn_stage *stage, hone_diag *diag) {
    filter_state *state = stage->state;
    stage->schema = stage->input_schema;
    hone_status status = hn_compiled_open(&state->compiled, stage, state->where, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_type type = hone_expression_type(state->compiled.expression);
    if (type != HONE_TYPE_BOOL) {
        hn_stage_blame(stage, "where", diag);
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'where' must be true or false, but this expression is %s: \"%.200s\"",
                             hone_type_name(type), state->where->as.string.data);
    }
    return HONE_OK;
}

static hone_status filter_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    filter_state *state = stage->state;
    hone_status status = hn_batch_own(stage, &batch, diag);
    if (status != HONE_OK) {
        return status;
    }
    status = hn_compiled_select(&state->compiled, stage, batch, diag);
    if (status != HONE_OK) {
        hn_batch_release(stage, batch);
        return status;
    }
    hn_stage_send(stage, batch); /* an empty one is released there */
    return HONE_OK;
}

static void filter_close(hn_stage *stage) {
    filter_state *state = stage->state;
    hn_compiled_close(&state->compiled);
}

const hn_stage_kind hn_kind_filter = {
    .name = "filter",
    .summary = "keeps the records for which an expression is true",
    .role = HN_ROLE_TRANSFORM,
    .state_size_bytes = sizeof(filter_state),
    .options = filter_options,
    .options_count = sizeof filter_options / sizeof filter_options[0],
    .open = filter_open,
    .process = filter_process,
    .close = filter_close,
};
