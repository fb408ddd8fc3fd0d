/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over instructions without judging their types: for code that cannot be reached, and to tell
 * a body that is not well-formed from one that is merely invalid.
 */
#include "skip_internal.h"

/* Alignment with its bit for a memory index, and an offset of up to 64 bits. */
static void skip_memory_argument(hn_wasm_reader *reader) {
    enum { HAS_MEMORY = 0x40 };
    if (hn_wasm_read_u32(reader) & HAS_MEMORY) {
        (void)hn_wasm_read_u32(reader);
    }
    (void)hn_wasm_read_unsigned(reader, 64);
}

static void skip_block_type(hn_wasm_reader *reader) {
    (void)hn_wasm_read_signed(reader, 33);
}

static void skip_indices(hn_wasm_reader *reader, uint32_t count) {
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(reader); i++) {
        (void)hn_wasm_read_u32(reader);
    }
}

static void skip_labels(hn_wasm_reader *reader) {
    uint32_t count = hn_wasm_read_u32(reader);
    skip_indices(reader, count);
    (void)hn_wasm_read_u32(reader);
}

static void skip_immediate(hn_wasm_reader *reader, hn_wasm_immediate immediate) {
    switch (immediate) {
    case HN_WASM_IMMEDIATE_NONE: break;
    case HN_WASM_IMMEDIATE_BLOCK: skip_block_type(reader); break;
    case HN_WASM_IMMEDIATE_LABELS: skip_labels(reader); break;
    case HN_WASM_IMMEDIATE_TYPES: skip_indices(reader, hn_wasm_read_u32(reader)); break;
    case HN_WASM_IMMEDIATE_MEM: skip_memory_argument(reader); break;
    case HN_WASM_IMMEDIATE_I32: (void)hn_wasm_read_signed(reader, 32); break;
    case HN_WASM_IMMEDIATE_I64: (void)hn_wasm_read_signed(reader, 64); break;
    case HN_WASM_IMMEDIATE_F32: (void)hn_wasm_read_bytes(reader, 4); break;
    case HN_WASM_IMMEDIATE_F64: (void)hn_wasm_read_bytes(reader, 8); break;
    case HN_WASM_IMMEDIATE_V128:
    case HN_WASM_IMMEDIATE_SHUFFLE: (void)hn_wasm_read_bytes(reader, 16); break;
    case HN_WASM_IMMEDIATE_REF_TYPE:
    case HN_WASM_IMMEDIATE_LANE: (void)hn_wasm_read_byte(reader); break;
    case HN_WASM_IMMEDIATE_MEM_LANE:
        skip_memory_argument(reader);
        (void)hn_wasm_read_byte(reader);
        break;
    case HN_WASM_IMMEDIATE_CALL_INDIRECT:
    case HN_WASM_IMMEDIATE_DATA_MEMORY:
    case HN_WASM_IMMEDIATE_MEMORY_MEMORY:
    case HN_WASM_IMMEDIATE_ELEM_TABLE:
    case HN_WASM_IMMEDIATE_TABLE_TABLE: skip_indices(reader, 2); break;
    case HN_WASM_IMMEDIATE_LABEL:
    case HN_WASM_IMMEDIATE_FUNC:
    case HN_WASM_IMMEDIATE_LOCAL:
    case HN_WASM_IMMEDIATE_GLOBAL:
    case HN_WASM_IMMEDIATE_TABLE:
    case HN_WASM_IMMEDIATE_MEMORY:
    case HN_WASM_IMMEDIATE_DATA:
    case HN_WASM_IMMEDIATE_ELEM: (void)hn_wasm_read_u32(reader); break;
    }
}

uint32_t hn_wasm_skip_instruction(hn_wasm_reader *reader) {
    const uint8_t *at = reader->at;
    uint32_t opcode = hn_wasm_read_opcode(reader);
    const hn_wasm_instruction *row = hn_wasm_instruction_of(opcode);
    if (!row) {
        hn_wasm_fail_at(reader, at, HONE_STATUS_MALFORMED, "illegal opcode 0x%x", opcode);
        return 0;
    }
    skip_immediate(reader, (hn_wasm_immediate)row->immediate);
    return opcode;
}

bool hn_wasm_is_block(uint32_t opcode) {
    return opcode >= HN_WASM_OP_BLOCK && opcode <= HN_WASM_OP_IF;
}
