/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expressions of the `filter` and `map` stages: `cpu_busy.mean > 0.9 and host != 'build'`.
 *
 * An expression is compiled once against the schema of the records it will see, and then evaluated
 * over whole batches, column by column. docs/expressions.md is the manual of the language.
 *
 * Contract: a compiled expression is frozen and lives in the arena it was compiled into; any number
 * of threads may evaluate it, each with a scratch of its own (confined). Evaluation allocates
 * nothing. Limits: HONE_EXPRESSION_... below; passing one is the status LIMIT with a message.
 * Method: vectors of at most HONE_BATCH_ROWS_MAX values, one loop per operation (P. Boncz,
 * M. Zukowski, N. Nes, "MonetDB/X100: Hyper-Pipelining Query Execution", CIDR 2005).
 */
#ifndef HONE_NODE_EXPRESSION_H
#define HONE_NODE_EXPRESSION_H

#include "hone/base/allocator.h"
#include "hone/base/arena.h"
#include "hone/node/batch.h"
#include "hone/node/schema.h"

enum {
    HONE_EXPRESSION_SOURCE_BYTES_MAX = 65536,
    HONE_EXPRESSION_DEPTH_MAX = 200,     /* of parentheses, calls and prefix operators */
    HONE_EXPRESSION_NODES_MAX = 4096,    /* literals, fields, operators and calls */
    HONE_EXPRESSION_ARGUMENTS_MAX = 32,  /* of one call */
    HONE_EXPRESSION_REGISTERS_MAX = 512, /* intermediate results alive at once */
    HONE_EXPRESSION_TEXT_BYTES_DEFAULT = 1 << 20,
};

typedef struct hone_expression hone_expression;
typedef struct hone_expression_scratch hone_expression_scratch;

/* The result of an evaluation: entries 0 .. rows_count - 1 belong to the rows of the batch. */
typedef struct hone_expression_column {
    hone_type type;
    const hone_cell *cells;  /* i64, f64, bool (0 or 1); NULL for text */
    const hone_text *texts;  /* text; NULL for the other types */
    const uint64_t *missing; /* bit (row % 64) of word (row / 64); bits past rows_count are void,
                              * as is the value of a missing entry */
} hone_expression_column;

/* One entry of the list of functions and operators that help prints. */
typedef struct hone_expression_function {
    const char *name;      /* "clamp", "+" */
    const char *signature; /* "clamp(x, lo, hi)", "a + b" */
    const char *summary;   /* one line */
} hone_expression_function;

/* The operators and functions of the language in the order of the manual; NULL past the last one.
 * Static storage. */
const hone_expression_function *hone_expression_function_at(uint32_t index);

/* Parses `source`, checks it against `schema` (which must outlive the expression) and puts the
 * compiled form into `arena`; `source` is not needed afterwards. What is constant is computed here.
 * On failure the arena is as before, and the diag has the line and column (in bytes) within
 * `source`, byte_offset too, and what was found and expected: SYNTAX, TYPE_MISMATCH, NOT_FOUND (a
 * field or function; with the nearest name), OVERFLOW (a literal), ENCODING, LIMIT, OUT_OF_MEMORY.
 * Temporary memory comes from the arena's allocator. Cost: linear in source and fields. */
HONE_MUST_USE hone_status hone_expression_compile(hone_text source, const hone_schema *schema,
                                                  hone_arena *arena, hone_diag *diag,
                                                  const hone_expression **out_expression);

/* The type of the result. A filter wants HONE_TYPE_BOOL. */
hone_type hone_expression_type(const hone_expression *expression);

/* The fields that the expression reads, as indices into the schema, ascending, each once. */
uint32_t hone_expression_fields_count(const hone_expression *expression);
uint32_t hone_expression_field_at(const hone_expression *expression, uint32_t index);

/* The memory that evaluations of `expression` work in: all of it is allocated here, in one block.
 * `text_bytes_max` bounds the new text that one evaluation may make (0:
 * HONE_EXPRESSION_TEXT_BYTES_DEFAULT); it is not allocated for an expression that makes none.
 * `allocator` NULL means libc. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_expression_scratch_create(const hone_expression *expression,
                                                         const hone_allocator *allocator,
                                                         size_t text_bytes_max,
                                                         hone_expression_scratch **out_scratch);

/* NULL is allowed. */
void hone_expression_scratch_destroy(hone_expression_scratch *scratch);

/* Computes all rows of the batch, selected or not. The column is valid until the next evaluation
 * with this scratch and while the batch is unchanged (it may point into either). LIMIT when the new
 * text of this batch does not fit the scratch; INVALID_ARGUMENT when the scratch or the batch
 * belongs to another expression or schema. Cost: one pass per operation; never allocates. */
HONE_MUST_USE hone_status hone_expression_evaluate(const hone_expression *expression,
                                                   hone_batch *batch,
                                                   hone_expression_scratch *scratch,
                                                   hone_expression_column *out_column);

/* Keeps of the selected rows those for which the expression, a bool one, is true (neither false nor
 * missing). The batch must be unique. Errors as above, TYPE_MISMATCH when it is not bool; the
 * selection is then unchanged. A comparison of a number field with a constant of its type takes a
 * single pass. */
HONE_MUST_USE hone_status hone_expression_select(const hone_expression *expression,
                                                 hone_batch *batch,
                                                 hone_expression_scratch *scratch);

#endif
