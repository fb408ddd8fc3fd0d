/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a compiled expression over a batch: each instruction is one pass of its kernel over all
 * rows, from registers or the batch's own columns into a register. The scratch is one block: the
 * header, the registers (values, then missing words), the text space.
 */
#include "expression_internal.h"

#include <assert.h>

#include "hone/base/checked.h"

enum { REGISTER_ALIGNMENT = 64 };

typedef struct cell_register {
    hone_cell cells[HONE_BATCH_ROWS_MAX];
    uint64_t missing[HN_MISSING_WORDS];
} cell_register;

typedef struct text_register {
    hone_text texts[HONE_BATCH_ROWS_MAX];
    uint64_t missing[HN_MISSING_WORDS];
} text_register;

_Static_assert(sizeof(cell_register) % REGISTER_ALIGNMENT == 0, "registers stay aligned");
_Static_assert(sizeof(text_register) % REGISTER_ALIGNMENT == 0, "registers stay aligned");

struct hone_expression_scratch {
    const hone_allocator *allocator;
    const hone_expression *expression; /* whose registers these are */
    size_t size_bytes;
    cell_register *cells;
    text_register *texts;
    hn_text_space space;
};

static const uint64_t none_missing[HN_MISSING_WORDS];
static const uint64_t all_missing[HN_MISSING_WORDS] = {
    UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
    UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
};

_Static_assert(HN_MISSING_WORDS == 16, "all_missing has an entry for every word");

/* --- Compiling and asking --- */

static size_t compile_bytes_max(hone_text source, const hone_schema *schema) {
    size_t nodes =
        source.size < HONE_EXPRESSION_NODES_MAX ? source.size + 1 : HONE_EXPRESSION_NODES_MAX + 1;
    size_t per_node = sizeof(hn_node) + 2 * sizeof(hn_instruction) + sizeof(hn_operand) + 64;
    return nodes * per_node + (size_t)schema->fields_count * sizeof(hn_operand) + (1 << 16);
}

static hone_status compile(hone_text source, const hone_schema *schema, hone_arena *arena,
                           hone_diag *diag, const hone_expression **out_expression) {
    hone_arena temporary;
    hn_nodes nodes;
    hone_arena_init(&temporary, arena->allocator, 2 * compile_bytes_max(source, schema));
    hone_status status = hn_expression_parse(source, arena, &temporary, diag, &nodes);
    if (status == HONE_OK) {
        status =
            hn_expression_build(source, &nodes, schema, arena, &temporary, diag, out_expression);
    }
    hone_arena_deinit(&temporary);
    return status;
}

hone_status hone_expression_compile(hone_text source, const hone_schema *schema, hone_arena *arena,
                                    hone_diag *diag, const hone_expression **out_expression) {
    size_t bad;
    if (!schema || !arena || !out_expression || (!source.data && source.size)) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    if (source.size > HONE_EXPRESSION_SOURCE_BYTES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "the expression has %zu bytes; at most %d are allowed", source.size,
                             HONE_EXPRESSION_SOURCE_BYTES_MAX);
    }
    if (!hone_text_is_utf8(source, &bad)) {
        return hn_expression_fail(diag, source, bad, HONE_STATUS_ENCODING,
                                  "the expression is not valid UTF-8 here");
    }
    hone_arena_savepoint savepoint = hone_arena_save(arena);
    hone_status status = compile(source, schema, arena, diag, out_expression);
    if (status != HONE_OK) {
        hone_arena_reset(arena, savepoint);
    }
    return status;
}

hone_type hone_expression_type(const hone_expression *expression) {
    return expression->result.type;
}

uint32_t hone_expression_fields_count(const hone_expression *expression) {
    return expression->fields_count;
}

uint32_t hone_expression_field_at(const hone_expression *expression, uint32_t index) {
    assert(index < expression->fields_count);
    return expression->fields[index];
}

/* --- Scratch --- */

hone_status hone_expression_scratch_create(const hone_expression *expression,
                                           const hone_allocator *allocator, size_t text_bytes_max,
                                           hone_expression_scratch **out_scratch) {
    size_t text_bytes = text_bytes_max ? text_bytes_max : HONE_EXPRESSION_TEXT_BYTES_DEFAULT;
    size_t header, registers, size;
    text_bytes = expression->makes_text ? text_bytes : 0;
    /* at most 512 registers of each kind: no overflow */
    registers = expression->cell_registers_count * sizeof(cell_register) +
                expression->text_registers_count * sizeof(text_register);
    if (!hone_size_align(sizeof(hone_expression_scratch), REGISTER_ALIGNMENT, &header) ||
        !hone_size_add(header + registers, text_bytes, &size)) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    uint8_t *block = hone_allocate(allocator, size, REGISTER_ALIGNMENT);
    if (!block) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_expression_scratch *scratch = (hone_expression_scratch *)block;
    *scratch = (hone_expression_scratch){
        .allocator = allocator,
        .expression = expression,
        .size_bytes = size,
        .cells = (cell_register *)(block + header),
        .space = {.data = (char *)block + header + registers, .capacity_bytes = text_bytes},
    };
    scratch->texts = (text_register *)(scratch->cells + expression->cell_registers_count);
    *out_scratch = scratch;
    return HONE_OK;
}

void hone_expression_scratch_destroy(hone_expression_scratch *scratch) {
    if (scratch) {
        hone_release(scratch->allocator, scratch, scratch->size_bytes, REGISTER_ALIGNMENT);
    }
}

/* --- Evaluation --- */

static hn_vector vector_of(const hn_operand *operand, hone_batch *batch,
                           hone_expression_scratch *scratch) {
    if (operand->kind == HN_OPERAND_CONSTANT) {
        return (hn_vector){&operand->cell, &operand->text,
                           operand->is_missing ? all_missing : none_missing, 0};
    }
    if (operand->kind == HN_OPERAND_FIELD) {
        return (hn_vector){hone_batch_cells(batch, operand->index), NULL,
                           hone_batch_missing(batch, operand->index), 1};
    }
    if (operand->type == HONE_TYPE_TEXT) {
        const text_register *from = &scratch->texts[operand->index];
        return (hn_vector){NULL, from->texts, from->missing, 1};
    }
    const cell_register *from = &scratch->cells[operand->index];
    return (hn_vector){from->cells, NULL, from->missing, 1};
}

static void union_missing(const hn_call *call) {
    size_t words = ((size_t)call->rows_count + 63) / 64;
    memset(call->missing, 0, words * 8);
    for (uint32_t k = 0; k < call->args_count; k++) {
        for (size_t word = 0; word < words; word++) {
            call->missing[word] |= call->args[k].missing[word];
        }
    }
}

static void run(const hn_instruction *instruction, hone_batch *batch,
                hone_expression_scratch *scratch) {
    hn_vector args[HONE_EXPRESSION_ARGUMENTS_MAX];
    for (uint32_t k = 0; k < instruction->args_count; k++) {
        args[k] = vector_of(&instruction->args[k], batch, scratch);
    }
    hn_call call = {.args = args,
                    .args_count = instruction->args_count,
                    .rows_count = batch->rows_count,
                    .space = &scratch->space,
                    .batch = batch};
    if (instruction->out.type == HONE_TYPE_TEXT) {
        call.texts = scratch->texts[instruction->out.index].texts;
        call.missing = scratch->texts[instruction->out.index].missing;
    } else {
        call.cells = scratch->cells[instruction->out.index].cells;
        call.missing = scratch->cells[instruction->out.index].missing;
    }
    if (!instruction->decides_missing) {
        union_missing(&call);
    }
    instruction->kernel(&call);
}

hone_status hone_expression_evaluate(const hone_expression *expression, hone_batch *batch,
                                     hone_expression_scratch *scratch,
                                     hone_expression_column *out_column) {
    if (!expression || !batch || !scratch || !out_column || scratch->expression != expression ||
        batch->fields_count != expression->schema->fields_count ||
        batch->rows_count > HONE_BATCH_ROWS_MAX) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    scratch->space.used_bytes = 0;
    scratch->space.is_full = false;
    for (uint32_t i = 0; i < expression->instructions_count && batch->rows_count > 0; i++) {
        run(&expression->instructions[i], batch, scratch);
        if (scratch->space.is_full) {
            return HONE_STATUS_LIMIT;
        }
    }
    hn_vector result = vector_of(&expression->result, batch, scratch);
    *out_column = (hone_expression_column){expression->result.type, result.cells, result.texts,
                                           result.missing};
    return HONE_OK;
}

/* --- Selection --- */

hone_status hone_expression_select(const hone_expression *expression, hone_batch *batch,
                                   hone_expression_scratch *scratch) {
    hone_expression_column column;
    if (expression && expression->result.type != HONE_TYPE_BOOL) {
        return HONE_STATUS_TYPE_MISMATCH;
    }
    if (expression && batch && scratch && expression->select != HN_SELECT_NONE &&
        scratch->expression == expression &&
        batch->fields_count == expression->schema->fields_count) {
        batch->selected_count = hn_select(batch, expression->select_field, expression->select,
                                          expression->select_constant);
        return HONE_OK;
    }
    hone_status status = hone_expression_evaluate(expression, batch, scratch, &column);
    if (status == HONE_OK) {
        batch->selected_count = hn_select_true(batch, column.cells, column.missing);
    }
    return status;
}
