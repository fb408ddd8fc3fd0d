/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From nodes to instructions in one pass: the nodes come in postorder, so a stack of operands is
 * all the state there is. Each call is checked against its row of the table, its arguments are
 * widened, and it is either computed at once (all arguments constant: the same kernel runs on one
 * row, so that folding cannot disagree with evaluation) or emitted as an instruction.
 *
 * Registers are taken when an instruction writes and given back when its arguments have been read.
 * An instruction's result never shares a register with its arguments: kernels may assume that
 * nothing overlaps.
 */
#include "expression_internal.h"

#include <assert.h>
#include <stdio.h>

typedef struct hn_registers {
    uint32_t count; /* ever used */
    uint32_t free_count;
    uint32_t free[HONE_EXPRESSION_REGISTERS_MAX];
} hn_registers;

typedef struct entry {
    hn_operand operand;
    uint32_t offset; /* in the source, for messages */
    bool is_null;    /* the literal: takes the type of its neighbours */
} entry;

typedef struct hn_builder {
    hone_text source;
    const hone_schema *schema;
    hone_arena *arena;
    hone_diag *diag;
    entry *stack;
    uint32_t stack_count;
    hn_instruction *instructions; /* temporary */
    uint32_t instructions_count;
    uint32_t instructions_capacity;
    hn_registers cells;
    hn_registers texts;
    hn_operand *fields; /* by field: how its values are reached; kind CONSTANT: not used yet */
    bool makes_text;
} hn_builder;

static const char *const type_phrases[HONE_TYPES_COUNT] = {"an i64", "an f64", "a bool", "text"};

static hone_status fail_memory(const hn_builder *builder) {
    return hone_diag_set(builder->diag, HONE_STATUS_OUT_OF_MEMORY,
                         "no memory to compile an expression");
}

/* --- Registers and instructions --- */

static hone_status take_register(hn_builder *builder, hone_type type, uint32_t offset,
                                 hn_operand *out_operand) {
    hn_registers *file = type == HONE_TYPE_TEXT ? &builder->texts : &builder->cells;
    *out_operand = (hn_operand){.kind = HN_OPERAND_REGISTER, .type = type};
    if (file->free_count > 0) {
        out_operand->index = file->free[--file->free_count];
        return HONE_OK;
    }
    if (file->count == HONE_EXPRESSION_REGISTERS_MAX) {
        return hn_expression_fail(builder->diag, builder->source, offset, HONE_STATUS_LIMIT,
                                  "the expression needs more than %d intermediate results at "
                                  "once; split it into several",
                                  HONE_EXPRESSION_REGISTERS_MAX);
    }
    out_operand->index = file->count++;
    return HONE_OK;
}

static void give_register(hn_builder *builder, const hn_operand *operand) {
    if (operand->kind == HN_OPERAND_REGISTER && !operand->is_kept) {
        hn_registers *file = operand->type == HONE_TYPE_TEXT ? &builder->texts : &builder->cells;
        file->free[file->free_count++] = operand->index;
    }
}

/* Emits `kernel` over copies of the arguments; the result is a new register. */
static hone_status emit(hn_builder *builder, hn_kernel *kernel, bool decides_missing,
                        const entry *args, uint32_t args_count, hone_type type,
                        hn_operand *out_operand) {
    assert(builder->instructions_count < builder->instructions_capacity);
    hn_operand *copies = HONE_ARENA_NEW_ARRAY(builder->arena, hn_operand, args_count);
    if (!copies) {
        return fail_memory(builder);
    }
    hn_operand out;
    uint32_t offset = args_count ? args[0].offset : 0;
    hone_status status = take_register(builder, type, offset, &out);
    if (status != HONE_OK) {
        return status;
    }
    for (uint32_t i = 0; i < args_count; i++) {
        copies[i] = args[i].operand;
        give_register(builder, &args[i].operand);
    }
    builder->instructions[builder->instructions_count++] =
        (hn_instruction){kernel, copies, args_count, decides_missing, out};
    *out_operand = out;
    return HONE_OK;
}

/* --- Constants --- */

static const uint64_t none_missing[1] = {0}, all_missing[1] = {UINT64_MAX};

static hn_vector vector_of_constant(const hn_operand *operand) {
    return (hn_vector){&operand->cell, &operand->text,
                       operand->is_missing ? all_missing : none_missing, 1};
}

/* How much new text a function can make of constants: a number's, or all its arguments' together.
 */
static size_t folded_text_bytes(const entry *args, uint32_t args_count) {
    size_t bytes = 64;
    for (uint32_t i = 0; i < args_count; i++) {
        bytes += args[i].operand.type == HONE_TYPE_TEXT ? args[i].operand.text.size : 0;
    }
    return bytes;
}

static hone_status fold(hn_builder *builder, hn_kernel *kernel, const hn_function *function,
                        const entry *args, uint32_t args_count, hone_type type,
                        hn_operand *out_operand) {
    hn_vector vectors[HONE_EXPRESSION_ARGUMENTS_MAX];
    hn_text_space space = {0};
    uint64_t missing = 0;
    hn_operand out = {.kind = HN_OPERAND_CONSTANT, .type = type, .text = HONE_TEXT("")};
    for (uint32_t i = 0; i < args_count; i++) {
        vectors[i] = vector_of_constant(&args[i].operand);
        missing |= args[i].operand.is_missing && !function->decides_missing;
    }
    if (function->makes_text) {
        space.capacity_bytes = folded_text_bytes(args, args_count);
        space.data = hone_arena_allocate(builder->arena, space.capacity_bytes, 1);
        if (!space.data) {
            return fail_memory(builder);
        }
    }
    bool is_text = type == HONE_TYPE_TEXT;
    kernel(&(hn_call){.args = vectors,
                      .args_count = args_count,
                      .rows_count = 1,
                      .cells = is_text ? NULL : &out.cell,
                      .texts = is_text ? &out.text : NULL,
                      .missing = &missing,
                      .space = &space});
    assert(!space.is_full);
    out.is_missing = missing & 1;
    *out_operand = out;
    return HONE_OK;
}

/* --- Types --- */

static char param_of(const hn_function *function, uint32_t index) {
    size_t count = strlen(function->params);
    return function->params[index < count ? index : count - 1];
}

static bool is_unified(char param) {
    return param == 'n' || param == 'o' || param == 'e' || param == 'v';
}

static bool is_number(hone_type type) {
    return type == HONE_TYPE_I64 || type == HONE_TYPE_F64;
}

static bool accepts(char param, hone_type type) {
    switch (param) {
    case 'n':
    case 'f': return is_number(type);
    case 'o': return type != HONE_TYPE_BOOL;
    case 'i': return type == HONE_TYPE_I64;
    case 'b': return type == HONE_TYPE_BOOL;
    case 't': return type == HONE_TYPE_TEXT;
    default: return true;
    }
}

static const char *wanted_by(char param) {
    switch (param) {
    case 'n':
    case 'f': return "must be a number (f64(...) and i64(...) convert)";
    case 'o': return "must be a number or text";
    case 'i': return "must be an i64 (i64(...) converts)";
    case 'b': return "must be a bool (compare it with something, or use bool(...))";
    default: return "must be text (text(...) converts)";
    }
}

/* "the left side of '+'", "argument 2 of clamp()" */
typedef struct place_text {
    char text[64];
} place_text;

static place_text place_of(const hn_function *function, uint32_t index) {
    place_text place;
    const char *name = function->help.name;
    if (!function->is_operator) {
        (void)snprintf(place.text, sizeof place.text, "argument %u of %s()", index + 1, name);
    } else if (function->args_max == 1) {
        (void)snprintf(place.text, sizeof place.text, "what follows '%s'",
                       strcmp(name, "-x") == 0 ? "-" : name);
    } else {
        (void)snprintf(place.text, sizeof place.text, "the %s side of '%s'",
                       index ? "right" : "left", name);
    }
    return place;
}

static hone_status check_null(const hn_builder *builder, const hn_function *function,
                              const entry *args, uint32_t index) {
    if (!args[index].is_null || param_of(function, index) == 'v') {
        return HONE_OK;
    }
    place_text place = place_of(function, index);
    return hn_expression_fail(builder->diag, builder->source, args[index].offset,
                              HONE_STATUS_TYPE_MISMATCH,
                              "%s is null, which would make every result missing; is_missing(x) "
                              "asks whether a value is missing",
                              place.text);
}

static hone_status check_args(const hn_builder *builder, const hn_function *function,
                              const entry *args, uint32_t args_count) {
    for (uint32_t i = 0; i < args_count; i++) {
        char param = param_of(function, i);
        hone_status status = check_null(builder, function, args, i);
        if (status != HONE_OK) {
            return status;
        }
        if (!args[i].is_null && !accepts(param, args[i].operand.type)) {
            place_text place = place_of(function, i);
            hone_type type = args[i].operand.type;
            bool is_joining = type == HONE_TYPE_TEXT && strcmp(function->help.name, "+") == 0;
            return hn_expression_fail(builder->diag, builder->source, args[i].offset,
                                      HONE_STATUS_TYPE_MISMATCH, "%s is %s; it %s%s", place.text,
                                      type_phrases[type], wanted_by(param),
                                      is_joining ? "; concat(a, b) joins texts" : "");
        }
    }
    return HONE_OK;
}

/* The one type of the arguments that must agree: the first one's, or f64 when i64 and f64 meet. */
static hone_status unify(const hn_builder *builder, const hn_function *function, const entry *args,
                         uint32_t args_count, hone_type *out_type) {
    const entry *first = NULL;
    uint32_t first_index = 0;
    hone_type type = HONE_TYPE_I64;
    for (uint32_t i = 0; i < args_count; i++) {
        if (!is_unified(param_of(function, i)) || args[i].is_null) {
            continue;
        }
        hone_type found = args[i].operand.type;
        if (!first) {
            first = &args[i];
            first_index = i;
            type = found;
        } else if (found != type && is_number(found) && is_number(type)) {
            type = HONE_TYPE_F64;
        } else if (found != type) {
            place_text a = place_of(function, first_index), b = place_of(function, i);
            return hn_expression_fail(builder->diag, builder->source, args[i].offset,
                                      HONE_STATUS_TYPE_MISMATCH,
                                      "%s is %s, but %s is %s; both must be of one type (i64(), "
                                      "f64(), bool() and text() convert)",
                                      b.text, type_phrases[found], a.text, type_phrases[type]);
        }
    }
    if (!first && args_count > 0 && is_unified(param_of(function, args_count - 1))) {
        return hn_expression_fail(builder->diag, builder->source, args[args_count - 1].offset,
                                  HONE_STATUS_TYPE_MISMATCH, "%s() of nothing but null has no type",
                                  function->help.name);
    }
    *out_type = type;
    return HONE_OK;
}

static hone_type result_type(const hn_function *function, hone_type unified) {
    switch (function->result) {
    case 'i': return HONE_TYPE_I64;
    case 'f': return HONE_TYPE_F64;
    case 'b': return HONE_TYPE_BOOL;
    case 't': return HONE_TYPE_TEXT;
    default: return unified;
    }
}

/* i64 to f64 where the parameter wants it; null to a missing constant. */
static hone_status widen(hn_builder *builder, const hn_function *function, entry *args,
                         uint32_t args_count, hone_type unified) {
    for (uint32_t i = 0; i < args_count; i++) {
        char param = param_of(function, i);
        hone_type wanted = param == 'f' ? HONE_TYPE_F64 : unified;
        hn_operand *operand = &args[i].operand;
        if (args[i].is_null) {
            *operand = (hn_operand){.kind = HN_OPERAND_CONSTANT,
                                    .type = unified,
                                    .is_missing = true,
                                    .text = HONE_TEXT("")};
            args[i].is_null = false;
        }
        if (!(is_unified(param) || param == 'f') || wanted != HONE_TYPE_F64 ||
            operand->type != HONE_TYPE_I64) {
            continue;
        }
        hone_status status = HONE_OK;
        if (operand->kind == HN_OPERAND_CONSTANT) {
            operand->type = HONE_TYPE_F64;
            operand->cell.f64 = (double)operand->cell.i64;
        } else {
            entry arg = args[i];
            status = emit(builder, hn_f64_of_i64, false, &arg, 1, HONE_TYPE_F64, operand);
        }
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

/* --- Calls --- */

static bool are_constant(const entry *args, uint32_t args_count) {
    for (uint32_t i = 0; i < args_count; i++) {
        if (args[i].operand.kind != HN_OPERAND_CONSTANT) {
            return false;
        }
    }
    return args_count > 0; /* time() is not constant */
}

static hone_status compute(hn_builder *builder, const hn_function *function, hn_kernel *kernel,
                           const entry *args, uint32_t args_count, hone_type type,
                           hn_operand *out_operand) {
    if (are_constant(args, args_count)) {
        return fold(builder, kernel, function, args, args_count, type, out_operand);
    }
    builder->makes_text = builder->makes_text || function->makes_text;
    return emit(builder, kernel, function->decides_missing, args, args_count, type, out_operand);
}

static hn_kernel *kernel_of(const hn_function *function, const entry *args, hone_type unified) {
    bool has_types = function->kernels[1] != NULL;
    hone_type type = function->params[0] == 'a' ? args[0].operand.type : unified;
    hn_kernel *kernel = function->kernels[has_types ? type : 0];
    assert(kernel);
    return kernel;
}

static hone_status build_call(hn_builder *builder, const hn_node *node) {
    const hn_function *function = node->function;
    uint32_t count = node->args_count;
    assert(builder->stack_count >= count && count <= HONE_EXPRESSION_ARGUMENTS_MAX);
    entry *args = builder->stack + builder->stack_count - count;
    hone_type unified = HONE_TYPE_I64;
    hone_status status = check_args(builder, function, args, count);
    if (status == HONE_OK) {
        status = unify(builder, function, args, count, &unified);
    }
    if (status == HONE_OK && function->kernels[0] == hn_time && !builder->schema->is_timed) {
        status = hn_expression_fail(builder->diag, builder->source, node->offset,
                                    HONE_STATUS_TYPE_MISMATCH,
                                    "time() needs timestamps, and these records have none; name "
                                    "the field of the source that holds the time");
    }
    if (status == HONE_OK) {
        status = widen(builder, function, args, count, unified);
    }
    if (status != HONE_OK) {
        return status;
    }
    hone_type type = result_type(function, unified);
    hn_kernel *kernel = kernel_of(function, args, unified);
    entry result = {.offset = function->is_operator && count == 2 ? args[0].offset : node->offset};
    uint32_t step = function->is_chained ? 2 : count;
    status = compute(builder, function, kernel, args, step, type, &result.operand);
    for (uint32_t i = step; i < count && status == HONE_OK; i++) {
        entry pair[2] = {result, args[i]};
        status = compute(builder, function, kernel, pair, 2, type, &result.operand);
    }
    builder->stack_count -= count;
    builder->stack[builder->stack_count++] = result;
    return status;
}

/* --- Leaves --- */

static hone_status find_field(const hn_builder *builder, const hn_node *node, uint32_t *out_field) {
    hone_diag found;
    hone_diag_clear(&found);
    hone_status status = hone_schema_find(builder->schema, node->text, &found, out_field);
    if (status == HONE_OK) {
        return HONE_OK;
    }
    if (hn_function_find(node->text, false)) {
        return hn_expression_fail(builder->diag, builder->source, node->offset, status,
                                  "there is no field '%.*s'; the function is written %.*s(...)",
                                  HONE_TEXT_ARGS(node->text), HONE_TEXT_ARGS(node->text));
    }
    return hn_expression_fail(builder->diag, builder->source, node->offset, status, "%s",
                              found.message);
}

static hone_status build_field(hn_builder *builder, const hn_node *node) {
    uint32_t field;
    hone_status status = find_field(builder, node, &field);
    if (status != HONE_OK) {
        return status;
    }
    hn_operand *known = &builder->fields[field];
    hone_type type = builder->schema->fields[field].type;
    if (known->kind == HN_OPERAND_CONSTANT) {
        *known = (hn_operand){.kind = HN_OPERAND_FIELD, .type = type, .index = field};
        if (type == HONE_TYPE_TEXT) {
            entry cells = {.operand = *known, .offset = node->offset};
            status = emit(builder, hn_load_text, false, &cells, 1, type, known);
            known->is_kept = true;
        }
    }
    builder->stack[builder->stack_count++] = (entry){.operand = *known, .offset = node->offset};
    return status;
}

static hone_status build_node(hn_builder *builder, const hn_node *node) {
    switch (node->kind) {
    case HN_NODE_CALL: return build_call(builder, node);
    case HN_NODE_FIELD: return build_field(builder, node);
    case HN_NODE_LITERAL:
        builder->stack[builder->stack_count++] = (entry){.operand = {.kind = HN_OPERAND_CONSTANT,
                                                                     .type = node->type,
                                                                     .cell = node->cell,
                                                                     .text = node->text},
                                                         .offset = node->offset};
        return HONE_OK;
    case HN_NODE_NULL:
        builder->stack[builder->stack_count++] = (entry){.offset = node->offset, .is_null = true};
        return HONE_OK;
    }
    return HONE_STATUS_INTERNAL;
}

/* --- The whole --- */

/* A comparison of a field with a constant is done in one pass when it selects. */
static void find_select(hone_expression *expression) {
    if (expression->instructions_count != 1 || expression->instructions[0].args_count != 2) {
        return;
    }
    const hn_operand *args = expression->instructions[0].args;
    bool is_swapped = args[0].kind == HN_OPERAND_CONSTANT;
    const hn_operand *field = &args[is_swapped], *constant = &args[!is_swapped];
    if (field->kind == HN_OPERAND_FIELD && constant->kind == HN_OPERAND_CONSTANT &&
        !constant->is_missing) {
        expression->select = hn_select_find(expression->instructions[0].kernel, is_swapped);
        expression->select_field = field->index;
        expression->select_constant = constant->cell;
    }
}

static hone_status build_result(hn_builder *builder, hn_operand *out_result) {
    assert(builder->stack_count == 1);
    entry result = builder->stack[0];
    if (result.is_null) {
        return hn_expression_fail(builder->diag, builder->source, result.offset,
                                  HONE_STATUS_TYPE_MISMATCH, "null alone has no type");
    }
    *out_result = result.operand;
    if (result.operand.kind != HN_OPERAND_CONSTANT) {
        return HONE_OK;
    }
    hn_kernel *copy = result.operand.type == HONE_TYPE_TEXT ? hn_copy_text : hn_copy_cells;
    return emit(builder, copy, false, &result, 1, result.operand.type, out_result);
}

static hone_status finish(const hn_builder *builder, const hn_operand *result,
                          const hone_expression **out_expression) {
    uint32_t fields_count = 0;
    for (uint32_t i = 0; i < builder->schema->fields_count; i++) {
        fields_count += builder->fields[i].kind != HN_OPERAND_CONSTANT;
    }
    hone_expression *expression = HONE_ARENA_NEW(builder->arena, hone_expression);
    hn_instruction *instructions =
        HONE_ARENA_NEW_ARRAY(builder->arena, hn_instruction, builder->instructions_count);
    uint32_t *fields = HONE_ARENA_NEW_ARRAY(builder->arena, uint32_t, fields_count);
    if (!expression || !instructions || !fields) {
        return fail_memory(builder);
    }
    memcpy(instructions, builder->instructions, builder->instructions_count * sizeof *instructions);
    fields_count = 0;
    for (uint32_t i = 0; i < builder->schema->fields_count; i++) {
        if (builder->fields[i].kind != HN_OPERAND_CONSTANT) {
            fields[fields_count++] = i;
        }
    }
    *expression = (hone_expression){
        .schema = builder->schema,
        .instructions = instructions,
        .instructions_count = builder->instructions_count,
        .cell_registers_count = builder->cells.count,
        .text_registers_count = builder->texts.count,
        .fields_count = fields_count,
        .fields = fields,
        .makes_text = builder->makes_text,
        .result = *result,
    };
    find_select(expression);
    *out_expression = expression;
    return HONE_OK;
}

hone_status hn_expression_build(hone_text source, const hn_nodes *nodes, const hone_schema *schema,
                                hone_arena *arena, hone_arena *temporary, hone_diag *diag,
                                const hone_expression **out_expression) {
    hn_builder *builder = HONE_ARENA_NEW(temporary, hn_builder);
    if (!builder) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory to compile an expression");
    }
    /* at most: each node itself, its widening, and one copy of the result */
    uint32_t capacity = 2 * nodes->count + 1;
    builder->source = source;
    builder->schema = schema;
    builder->arena = arena;
    builder->diag = diag;
    builder->stack = HONE_ARENA_NEW_ARRAY(temporary, entry, nodes->count);
    builder->instructions = HONE_ARENA_NEW_ARRAY(temporary, hn_instruction, capacity);
    builder->instructions_capacity = capacity;
    builder->fields = HONE_ARENA_NEW_ARRAY(temporary, hn_operand, schema->fields_count);
    if (!builder->stack || !builder->instructions || !builder->fields) {
        return fail_memory(builder);
    }
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < nodes->count && status == HONE_OK; i++) {
        status = build_node(builder, &nodes->nodes[i]);
    }
    hn_operand result;
    if (status == HONE_OK) {
        status = build_result(builder, &result);
    }
    return status == HONE_OK ? finish(builder, &result, out_expression) : status;
}
