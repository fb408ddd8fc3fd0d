/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant expressions: read once here for their type, computed when an instance is made
 * (linker.c). A stack of few types is enough: with extended constants i32 and i64 arithmetic may
 * nest, as deep as CONSTANT_DEPTH_MAX.
 *
 * Source: WebAssembly Core Specification 2.0, section 3.3.8; proposal extended-const.
 */
#include "constant_internal.h"

typedef struct types {
    uint8_t types[HN_WASM_CONSTANT_DEPTH_MAX];
    uint32_t count;
} types;

static void push(hn_wasm_decoder *decoder, types *stack, uint8_t type) {
    if (stack->count == HN_WASM_CONSTANT_DEPTH_MAX) {
        hn_wasm_fail_at(&decoder->reader, decoder->reader.at, HONE_STATUS_LIMIT,
                        "a constant expression with more than %d operands pending",
                        HN_WASM_CONSTANT_DEPTH_MAX);
        return;
    }
    stack->types[stack->count++] = type;
}

static void pop(hn_wasm_decoder *decoder, types *stack, uint8_t type, const uint8_t *at) {
    if (stack->count == 0) {
        HN_WASM_INVALID(decoder, at, "type mismatch: expected %s, the stack is empty",
                        hone_wasm_type_name((hone_wasm_type)type));
        return;
    }
    uint8_t found = stack->types[--stack->count];
    if (found != type) {
        HN_WASM_INVALID(decoder, at, "type mismatch: expected %s, found %s",
                        hone_wasm_type_name((hone_wasm_type)type),
                        hone_wasm_type_name((hone_wasm_type)found));
    }
}

static void global_get(hn_wasm_decoder *decoder, types *stack, const uint8_t *at) {
    hone_wasm_module *module = decoder->module;
    uint32_t index = hn_wasm_read_index(decoder, module->globals_imported, "imported global");
    if (hn_wasm_is_failed(&decoder->reader)) {
        return;
    }
    if (module->globals[index].is_mutable) {
        HN_WASM_INVALID(decoder, at, "constant expression required: global %u is mutable", index);
    }
    push(decoder, stack, module->globals[index].type);
}

static void ref_func(hn_wasm_decoder *decoder, types *stack) {
    hone_wasm_module *module = decoder->module;
    uint32_t index = hn_wasm_read_index(decoder, module->functions_count, "function");
    if (!hn_wasm_is_failed(&decoder->reader)) {
        module->is_declared[index] = 1;
        push(decoder, stack, HONE_WASM_FUNCREF);
    }
}

static void step(hn_wasm_decoder *decoder, types *stack, uint32_t opcode, const uint8_t *at) {
    hn_wasm_reader *reader = &decoder->reader;
    switch (opcode) {
    case HN_WASM_OP_I32_CONST:
        (void)hn_wasm_read_signed(reader, 32);
        push(decoder, stack, HONE_WASM_I32);
        break;
    case HN_WASM_OP_I64_CONST:
        (void)hn_wasm_read_signed(reader, 64);
        push(decoder, stack, HONE_WASM_I64);
        break;
    case HN_WASM_OP_F32_CONST:
        (void)hn_wasm_read_bytes(reader, 4);
        push(decoder, stack, HONE_WASM_F32);
        break;
    case HN_WASM_OP_F64_CONST:
        (void)hn_wasm_read_bytes(reader, 8);
        push(decoder, stack, HONE_WASM_F64);
        break;
    case HN_WASM_OP_V128_CONST:
        (void)hn_wasm_read_bytes(reader, 16);
        push(decoder, stack, HONE_WASM_V128);
        break;
    case HN_WASM_OP_REF_NULL: push(decoder, stack, hn_wasm_read_reference_type(decoder)); break;
    case HN_WASM_OP_REF_FUNC: ref_func(decoder, stack); break;
    case HN_WASM_OP_GLOBAL_GET: global_get(decoder, stack, at); break;
    case HN_WASM_OP_I32_ADD:
    case HN_WASM_OP_I32_SUB:
    case HN_WASM_OP_I32_MUL:
        pop(decoder, stack, HONE_WASM_I32, at);
        pop(decoder, stack, HONE_WASM_I32, at);
        push(decoder, stack, HONE_WASM_I32);
        break;
    case HN_WASM_OP_I64_ADD:
    case HN_WASM_OP_I64_SUB:
    case HN_WASM_OP_I64_MUL:
        pop(decoder, stack, HONE_WASM_I64, at);
        pop(decoder, stack, HONE_WASM_I64, at);
        push(decoder, stack, HONE_WASM_I64);
        break;
    default: break;
    }
}

static bool is_extended(uint32_t opcode) {
    return (opcode >= HN_WASM_OP_I32_ADD && opcode <= HN_WASM_OP_I32_MUL) ||
           (opcode >= HN_WASM_OP_I64_ADD && opcode <= HN_WASM_OP_I64_MUL);
}

static bool is_constant(const hn_wasm_decoder *decoder, uint32_t opcode) {
    switch (opcode) {
    case HN_WASM_OP_I32_CONST:
    case HN_WASM_OP_I64_CONST:
    case HN_WASM_OP_F32_CONST:
    case HN_WASM_OP_F64_CONST:
    case HN_WASM_OP_REF_NULL:
    case HN_WASM_OP_REF_FUNC:
    case HN_WASM_OP_GLOBAL_GET: return true;
    case HN_WASM_OP_V128_CONST: return hn_wasm_has(decoder, HONE_WASM_FEATURE_SIMD);
    default: return is_extended(opcode) && hn_wasm_has(decoder, HONE_WASM_FEATURE_EXTENDED_CONST);
    }
}

hn_wasm_expression hn_wasm_read_constant(hn_wasm_decoder *decoder, uint8_t type) {
    hn_wasm_reader *reader = &decoder->reader;
    hn_wasm_expression expression = {reader->at, NULL};
    types stack = {.count = 0};
    while (!hn_wasm_is_failed(reader)) {
        const uint8_t *at = reader->at;
        uint32_t opcode = hn_wasm_read_opcode(reader);
        if (hn_wasm_is_failed(reader)) {
            break;
        }
        if (opcode == HN_WASM_OP_END) {
            pop(decoder, &stack, type, at);
            if (stack.count) {
                HN_WASM_INVALID(decoder, at, "type mismatch: values remain on the stack");
            }
            break;
        }
        if (!hn_wasm_instruction_of(opcode)) {
            HN_WASM_MALFORMED(decoder, at, "illegal opcode 0x%x", opcode);
        } else if (!is_constant(decoder, opcode)) {
            HN_WASM_INVALID(decoder, at, "constant expression required");
        } else {
            step(decoder, &stack, opcode, at);
        }
    }
    expression.end = reader->at;
    return expression;
}
