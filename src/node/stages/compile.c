/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_internal.h"

enum { QUOTED_BYTES_MAX = 200 };

static void blame(const hn_stage *stage, const hone_toml_value *value, hone_diag *diag) {
    hn_stage_blame(stage, NULL, diag);
    hone_diag_at(diag, NULL, value->line, value->column);
}

static hone_status make_scratch(hn_compiled *compiled, hn_stage *stage, hone_diag *diag) {
    hone_expression_scratch_destroy(compiled->scratch);
    compiled->scratch = NULL;
    hone_status status = hone_expression_scratch_create(
        compiled->expression, stage->allocator, compiled->text_bytes_max, &compiled->scratch);
    if (status != HONE_OK) {
        blame(stage, compiled->value, diag);
        return hone_diag_set(diag, status, "no memory for the expression; raise memory_budget");
    }
    return HONE_OK;
}

hone_status hn_compiled_open(hn_compiled *compiled, hn_stage *stage, const hone_toml_value *value,
                             hone_diag *diag) {
    hone_diag inner = {0};
    *compiled = (hn_compiled){.value = value, .text_bytes_max = HONE_EXPRESSION_TEXT_BYTES_DEFAULT};
    if (value->type != HONE_TOML_STRING) {
        blame(stage, value, diag);
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "an expression must be a text in quotes, but this is %s",
                             hone_toml_type_name(value->type));
    }
    hone_text source = value->as.string;
    hone_status status = hone_expression_compile(source, stage->input_schema, stage->arena, &inner,
                                                 &compiled->expression);
    if (status != HONE_OK) {
        bool is_cut = source.size > QUOTED_BYTES_MAX;
        blame(stage, value, diag);
        return hone_diag_set(diag, status, "%.250s (column %u of \"%.*s%s\")",
                             inner.message[0] ? inner.message : hone_status_text(status),
                             inner.column, is_cut ? QUOTED_BYTES_MAX : (int)source.size,
                             source.data, is_cut ? "..." : "");
    }
    return make_scratch(compiled, stage, diag);
}

/* After a LIMIT: more room for texts, then HONE_OK means: try again. */
static hone_status grow(hn_compiled *compiled, hn_stage *stage, hone_status status,
                        hone_diag *diag) {
    if (status == HONE_STATUS_LIMIT && compiled->text_bytes_max < HN_COMPILED_TEXT_BYTES_MAX) {
        compiled->text_bytes_max *= 2;
        return make_scratch(compiled, stage, diag);
    }
    blame(stage, compiled->value, diag);
    if (status == HONE_STATUS_LIMIT) {
        return hone_diag_set(diag, status,
                             "the expression makes more than %d bytes of text for one batch of "
                             "records",
                             HN_COMPILED_TEXT_BYTES_MAX);
    }
    return hone_diag_set(diag, status, "the expression could not be evaluated: %s",
                         hone_status_text(status));
}

hone_status hn_compiled_evaluate(hn_compiled *compiled, hn_stage *stage, hone_batch *batch,
                                 hone_diag *diag, hone_expression_column *out_column) {
    hone_status status =
        hone_expression_evaluate(compiled->expression, batch, compiled->scratch, out_column);
    while (status != HONE_OK) {
        status = grow(compiled, stage, status, diag);
        if (status != HONE_OK) {
            return status;
        }
        status =
            hone_expression_evaluate(compiled->expression, batch, compiled->scratch, out_column);
    }
    return HONE_OK;
}

hone_status hn_compiled_select(hn_compiled *compiled, hn_stage *stage, hone_batch *batch,
                               hone_diag *diag) {
    hone_status status = hone_expression_select(compiled->expression, batch, compiled->scratch);
    while (status != HONE_OK) {
        status = grow(compiled, stage, status, diag);
        if (status != HONE_OK) {
            return status;
        }
        status = hone_expression_select(compiled->expression, batch, compiled->scratch);
    }
    return HONE_OK;
}

void hn_compiled_close(hn_compiled *compiled) {
    hone_expression_scratch_destroy(compiled->scratch);
    *compiled = (hn_compiled){0};
}
