/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an expression goes from text to loops.
 *
 * expression_parse.c makes a list of nodes in postorder (operands before what uses them), so that
 * everything behind it is a loop over that list with a stack and no recursion. expression_check.c
 * resolves names, checks types, computes what is constant and emits instructions: a kernel, its
 * operands, the register it writes. expression_evaluate.c runs them over a batch. The kernels stand
 * in expression_numbers.c, expression_logic.c and expression_texts.c; expression_functions.c is the
 * one table that says which name means which kernel.
 */
#ifndef HONE_NODE_EXPRESSION_INTERNAL_H
#define HONE_NODE_EXPRESSION_INTERNAL_H

#include "hone/node/expression.h"
#include "suggestion_internal.h"

/* for the loops that are written once for many operations: the operation must become part of them
 */
#define HN_INLINED __attribute__((always_inline))

enum { HN_MISSING_WORDS = HONE_BATCH_ROWS_MAX / 64 };

/* --- Evaluation: what a kernel sees --- */

/* A column of values. `step` is 1, or 0 for a constant (one entry, valid for every row). The texts
 * of missing entries are valid views, too; their cells may be anything. */
typedef struct hn_vector {
    const hone_cell *cells;
    const hone_text *texts;
    const uint64_t *missing; /* a word for every 64 rows; also for a constant */
    size_t step;
} hn_vector;

/* Where new text goes during one evaluation. */
typedef struct hn_text_space {
    char *data;
    size_t used_bytes;
    size_t capacity_bytes;
    bool is_full; /* something did not fit: the evaluation fails with LIMIT */
} hn_text_space;

/* What a kernel is called with. The outputs never overlap the arguments. `missing` comes filled
 * with the union of the arguments' missing bits, unless the function decides itself
 * (decides_missing). Exactly one of `cells` and `texts` is not NULL. */
typedef struct hn_call {
    const hn_vector *args;
    uint32_t args_count;
    uint32_t rows_count; /* at least 1 */
    hone_cell *cells;
    hone_text *texts;
    uint64_t *missing;
    hn_text_space *space;
    hone_batch *batch; /* NULL while constants are computed */
} hn_call;

typedef void hn_kernel(const hn_call *call);

/* --- The table --- */

/*
 * `params` has a letter for each argument; the last one stands for all that follow.
 *   n  a number; all n of a call are widened to one type
 *   o  ordered: number or text, all of one type
 *   e  comparable: any type, all of one type
 *   v  any type, all of one type; null is allowed
 *   a  any type
 *   f  a number, widened to f64
 *   i  i64      b  bool      t  text
 * `result` is the letter of a type, or u: the one type of the n, o, e, v arguments. The kernel is
 * kernels[that type]; for `a` it is that of the argument's type, for all others kernels[0].
 */
typedef struct hn_function {
    hone_expression_function help;
    const char *params;
    uint8_t args_min;
    uint8_t args_max;
    char result;
    bool is_operator;
    bool is_chained;      /* f(a, b, c) means f(f(a, b), c); kernels take two */
    bool decides_missing; /* the kernel sets the missing words alone */
    bool makes_text;      /* needs text space */
    hn_kernel *kernels[HONE_TYPES_COUNT];
} hn_function;

/* NULL when there is none. The prefix minus is the operator "-x". */
const hn_function *hn_function_find(hone_text name, bool is_operator);
/* Adds the names of all functions. */
void hn_function_suggest(hn_suggestion *suggestion);

/* --- Parsing --- */

typedef enum hn_node_kind {
    HN_NODE_LITERAL,
    HN_NODE_NULL,
    HN_NODE_FIELD,
    HN_NODE_CALL
} hn_node_kind;

typedef struct hn_node {
    hn_node_kind kind;
    uint32_t offset;     /* of the token in the source */
    uint32_t args_count; /* CALL */
    hone_type type;      /* LITERAL */
    bool is_i64_minimum; /* 2^63, allowed only right behind a minus */
    hone_cell cell;
    hone_text text; /* LITERAL text, in the arena; FIELD: its name, temporary */
    const hn_function *function;
} hn_node;

typedef struct hn_nodes {
    hn_node *nodes; /* in postorder */
    uint32_t count;
    uint32_t capacity;
} hn_nodes;

/* Fills `out_nodes` with memory of `temporary`; texts of literals go into `arena`. */
hone_status hn_expression_parse(hone_text source, hone_arena *arena, hone_arena *temporary,
                                hone_diag *diag, hn_nodes *out_nodes);

/* Sets status, message and the position of `offset` within the source; returns status. */
hone_status hn_expression_fail(hone_diag *diag, hone_text source, size_t offset, hone_status status,
                               const char *format, ...) HONE_PRINTF(5, 6);

/* --- The compiled form --- */

typedef enum hn_operand_kind {
    HN_OPERAND_CONSTANT,
    HN_OPERAND_FIELD, /* the cells of the batch as they are; not for text */
    HN_OPERAND_REGISTER,
} hn_operand_kind;

typedef struct hn_operand {
    hn_operand_kind kind;
    hone_type type;
    uint32_t index;  /* of the field or the register; text registers count apart */
    bool is_missing; /* CONSTANT */
    bool is_kept;    /* REGISTER that holds a field's text for the whole program */
    hone_cell cell;
    hone_text text;
} hn_operand;

typedef struct hn_instruction {
    hn_kernel *kernel;
    hn_operand *args;
    uint32_t args_count;
    bool decides_missing;
    hn_operand out; /* a register */
} hn_instruction;

/* The comparisons of a field with a constant that select in one pass. */
typedef enum hn_selection {
    HN_SELECT_NONE,
    HN_SELECT_F64_EQUAL,
    HN_SELECT_F64_UNEQUAL,
    HN_SELECT_F64_LESS,
    HN_SELECT_F64_LESS_EQUAL,
    HN_SELECT_F64_GREATER,
    HN_SELECT_F64_GREATER_EQUAL,
    HN_SELECT_I64_EQUAL,
    HN_SELECT_I64_UNEQUAL,
    HN_SELECT_I64_LESS,
    HN_SELECT_I64_LESS_EQUAL,
    HN_SELECT_I64_GREATER,
    HN_SELECT_I64_GREATER_EQUAL,
} hn_selection;

struct hone_expression {
    const hone_schema *schema;
    hn_instruction *instructions;
    uint32_t instructions_count;
    uint32_t cell_registers_count;
    uint32_t text_registers_count;
    uint32_t fields_count;
    uint32_t *fields; /* ascending */
    bool makes_text;
    hn_operand result;   /* FIELD or REGISTER */
    hn_selection select; /* the one-pass form, if there is one */
    uint32_t select_field;
    hone_cell select_constant;
};

/* Checks the nodes and compiles them into `arena`. */
hone_status hn_expression_build(hone_text source, const hn_nodes *nodes, const hone_schema *schema,
                                hone_arena *arena, hone_arena *temporary, hone_diag *diag,
                                const hone_expression **out_expression);

/* The one-pass selection that does the same as a comparison kernel; is_swapped: the constant stands
 * on the left. */
hn_selection hn_select_find(hn_kernel *kernel, bool is_swapped);

/* Keeps the selected rows whose field compares as asked with the constant; returns how many. */
uint32_t hn_select(hone_batch *batch, uint32_t field, hn_selection selection, hone_cell constant);

/* Keeps the selected rows whose bool is true and not missing; returns how many. */
uint32_t hn_select_true(hone_batch *batch, const hone_cell *cells, const uint64_t *missing);

/* --- Kernels --- */

/* Sets the missing bit of a row. */
static inline HN_INLINED void hn_set_missing(uint64_t *missing, size_t row) {
    missing[row / 64] |= (uint64_t)1 << (row % 64);
}

static inline HN_INLINED bool hn_is_missing(const uint64_t *missing, size_t row) {
    return (missing[row / 64] >> (row % 64)) & 1;
}

/* Room for `size` bytes of new text, or NULL, and the space is then marked full. */
char *hn_text_space_take(hn_text_space *space, size_t size);

hn_kernel hn_add_i64, hn_add_f64, hn_subtract_i64, hn_subtract_f64, hn_multiply_i64,
    hn_multiply_f64, hn_divide_i64, hn_divide_f64, hn_floor_divide_i64, hn_floor_divide_f64,
    hn_modulo_i64, hn_modulo_f64, hn_power, hn_negate_i64, hn_negate_f64;
hn_kernel hn_abs_i64, hn_abs_f64, hn_min_i64, hn_min_f64, hn_max_i64, hn_max_f64, hn_clamp_i64,
    hn_clamp_f64, hn_sign_i64, hn_sign_f64, hn_floor, hn_ceil, hn_round, hn_trunc, hn_sqrt, hn_cbrt,
    hn_exp, hn_log, hn_log2, hn_log10, hn_sin, hn_cos, hn_tan, hn_asin, hn_acos, hn_atan, hn_atan2,
    hn_tanh, hn_hypot, hn_is_nan, hn_time;
hn_kernel hn_copy_cells, hn_i64_of_f64, hn_f64_of_i64, hn_bool_of_i64, hn_bool_of_f64;

hn_kernel hn_equal_i64, hn_equal_f64, hn_equal_text, hn_unequal_i64, hn_unequal_f64,
    hn_unequal_text, hn_less_i64, hn_less_f64, hn_less_text, hn_less_equal_i64, hn_less_equal_f64,
    hn_less_equal_text, hn_greater_i64, hn_greater_f64, hn_greater_text, hn_greater_equal_i64,
    hn_greater_equal_f64, hn_greater_equal_text;
hn_kernel hn_and, hn_or, hn_not, hn_if_cells, hn_if_text, hn_coalesce_cells, hn_coalesce_text,
    hn_is_missing_kernel;

hn_kernel hn_load_text, hn_copy_text, hn_i64_of_text, hn_f64_of_text, hn_bool_of_text,
    hn_text_of_i64, hn_text_of_f64, hn_text_of_bool, hn_length, hn_lower, hn_upper, hn_contains,
    hn_starts_with, hn_ends_with, hn_concat, hn_substring;

#endif
