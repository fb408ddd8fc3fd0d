/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expressions in the options of a stage, with the memory that they are evaluated in. That
 * memory grows when a batch needs more of it for new texts, up to HN_COMPILED_TEXT_BYTES_MAX.
 */
#ifndef HONE_NODE_STAGES_COMPILE_INTERNAL_H
#define HONE_NODE_STAGES_COMPILE_INTERNAL_H

#include "hone/node/expression.h"
#include "stage_internal.h"

enum { HN_COMPILED_TEXT_BYTES_MAX = 256 << 20 };

typedef struct hn_compiled {
    const hone_toml_value *value; /* in the node file */
    const hone_expression *expression;
    hone_expression_scratch *scratch;
    size_t text_bytes_max; /* what the scratch can make for one batch */
} hn_compiled;

/* Compiles the text `value` against the stage's input. On failure the diag points at the value,
 * names the stage, and quotes the expression with the column concerned. */
HONE_MUST_USE hone_status hn_compiled_open(hn_compiled *compiled, hn_stage *stage,
                                           const hone_toml_value *value, hone_diag *diag);

/* As hone_expression_evaluate and hone_expression_select, with a diag. */
HONE_MUST_USE hone_status hn_compiled_evaluate(hn_compiled *compiled, hn_stage *stage,
                                               hone_batch *batch, hone_diag *diag,
                                               hone_expression_column *out_column);
HONE_MUST_USE hone_status hn_compiled_select(hn_compiled *compiled, hn_stage *stage,
                                             hone_batch *batch, hone_diag *diag);

/* A zeroed one is allowed. */
void hn_compiled_close(hn_compiled *compiled);

#endif
