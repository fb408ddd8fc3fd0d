/* SPDX-License-Identifier: Apache-2.0 */
/* The table of instructions by code, and names of types. */
#include "module_internal.h"

#define HN_WASM_ROW(name, code, text, immediate, params, results, alignment) \
    [code] = {text, params, results, HN_WASM_IMMEDIATE_##immediate, alignment},

static const hn_wasm_instruction core_instructions[256] = {HN_WASM_CORE_OPCODES(HN_WASM_ROW)};
static const hn_wasm_instruction misc_instructions[32] = {HN_WASM_MISC_OPCODES(HN_WASM_ROW)};
static const hn_wasm_instruction simd_instructions[256] = {HN_WASM_SIMD_OPCODES(HN_WASM_ROW)};

const hn_wasm_instruction *hn_wasm_instruction_of(uint32_t opcode) {
    const hn_wasm_instruction *row = NULL;
    uint32_t number = opcode & 0xFF;
    switch (opcode >> 8) {
    case 0: row = &core_instructions[number]; break;
    case 0xFC: row = number < 32 ? &misc_instructions[number] : NULL; break;
    case 0xFD: row = &simd_instructions[number]; break;
    default: break;
    }
    return row && row->name ? row : NULL;
}

const char *hone_wasm_type_name(hone_wasm_type type) {
    switch (type) {
    case HONE_WASM_I32: return "i32";
    case HONE_WASM_I64: return "i64";
    case HONE_WASM_F32: return "f32";
    case HONE_WASM_F64: return "f64";
    case HONE_WASM_V128: return "v128";
    case HONE_WASM_FUNCREF: return "funcref";
    case HONE_WASM_EXTERNREF: return "externref";
    }
    return "unknown";
}

const char *hone_wasm_kind_name(hone_wasm_kind kind) {
    switch (kind) {
    case HONE_WASM_FUNCTION: return "function";
    case HONE_WASM_TABLE: return "table";
    case HONE_WASM_MEMORY: return "memory";
    case HONE_WASM_GLOBAL: return "global";
    }
    return "unknown";
}
