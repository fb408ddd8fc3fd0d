/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of function bodies: one pass with a stack of types and a stack of open blocks, both on
 * the heap, so that nesting costs memory up to a stated depth and never the host's stack. Behind an
 * unconditional branch the stack of types is polymorphic: what is popped beyond the block's own
 * values has the type UNKNOWN, which agrees with every other.
 *
 * Source: WebAssembly Core Specification 2.0, section 3.3 and appendix A.3 (the algorithm).
 */
#include <assert.h>

#include "decoder_internal.h"
#include "skip_internal.h"

enum { UNKNOWN = 0, GROWTH_MIN = 64 };

struct hn_wasm_frame {
    const uint8_t *params; /* of the block's type */
    const uint8_t *results;
    uint32_t params_count;
    uint32_t results_count;
    uint32_t height; /* of the stack of types below the block's own values */
    uint16_t opcode; /* BLOCK, LOOP, IF, ELSE; BLOCK for the function itself */
    bool is_unreachable;
};

#define INVALID(decoder, ...) HN_WASM_INVALID((decoder), (decoder)->instruction, __VA_ARGS__)

static const char *name_of(uint8_t type) {
    return type == UNKNOWN ? "any type" : hone_wasm_type_name((hone_wasm_type)type);
}

/* Room for one element more; doubles. False, and the reader failed, without memory. */
static bool grow(hn_wasm_decoder *decoder, void **array, uint32_t *capacity, size_t size) {
    uint32_t larger = *capacity ? *capacity * 2 : GROWTH_MIN;
    void *moved =
        *array ? hone_reallocate(decoder->module->allocator, *array, *capacity * size,
                                 larger * size, _Alignof(max_align_t))
               : hone_allocate(decoder->module->allocator, larger * size, _Alignof(max_align_t));
    if (!moved) {
        hn_wasm_fail_at(&decoder->reader, decoder->reader.at, HONE_STATUS_OUT_OF_MEMORY,
                        "no memory for the stacks of validation");
        return false;
    }
    *array = moved;
    *capacity = larger;
    return true;
}

static void push(hn_wasm_decoder *decoder, uint8_t type) {
    /* Bounded by the size of the body and of the types that it names. */
    if (decoder->values_count == decoder->values_capacity) {
        void *values = decoder->values;
        if (!grow(decoder, &values, &decoder->values_capacity, 1)) {
            return;
        }
        decoder->values = values;
    }
    decoder->values[decoder->values_count++] = type;
}

static hn_wasm_frame *top(const hn_wasm_decoder *decoder) {
    assert(decoder->frames_count > 0);
    return &decoder->frames[decoder->frames_count - 1];
}

static uint8_t pop_any(hn_wasm_decoder *decoder) {
    const hn_wasm_frame *frame = top(decoder);
    if (decoder->values_count == frame->height) {
        if (!frame->is_unreachable) {
            INVALID(decoder, "type mismatch: the operand stack is empty");
        }
        return UNKNOWN;
    }
    return decoder->values[--decoder->values_count];
}

static uint8_t pop(hn_wasm_decoder *decoder, uint8_t expected) {
    uint8_t found = pop_any(decoder);
    if (found != expected && found != UNKNOWN && expected != UNKNOWN) {
        INVALID(decoder, "type mismatch: expected %s, found %s", name_of(expected), name_of(found));
    }
    return found == UNKNOWN ? expected : found;
}

static void push_all(hn_wasm_decoder *decoder, const uint8_t *types, uint32_t count) {
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        push(decoder, types[i]);
    }
}

static void pop_all(hn_wasm_decoder *decoder, const uint8_t *types, uint32_t count) {
    for (uint32_t i = count; i-- > 0 && !hn_wasm_is_failed(&decoder->reader);) {
        (void)pop(decoder, types[i]);
    }
}

static void push_frame(hn_wasm_decoder *decoder, uint32_t opcode,
                       const hone_wasm_function_type *type) {
    uint32_t depth_max = decoder->module->limits.depth_max;
    if (decoder->frames_count >= depth_max) {
        hn_wasm_fail_at(&decoder->reader, decoder->reader.at, HONE_STATUS_LIMIT,
                        "blocks nested more than %u deep", depth_max);
        return;
    }
    if (decoder->frames_count == decoder->frames_capacity) {
        void *frames = decoder->frames;
        if (!grow(decoder, &frames, &decoder->frames_capacity, sizeof(hn_wasm_frame))) {
            return;
        }
        decoder->frames = frames;
    }
    decoder->frames[decoder->frames_count++] = (hn_wasm_frame){
        .params = type->params,
        .results = type->results,
        .params_count = type->params_count,
        .results_count = type->results_count,
        .height = decoder->values_count,
        .opcode = (uint16_t)opcode,
    };
    push_all(decoder, type->params, type->params_count);
}

static void set_unreachable(hn_wasm_decoder *decoder) {
    hn_wasm_frame *frame = top(decoder);
    decoder->values_count = frame->height;
    frame->is_unreachable = true;
}

/* --- blocks and branches ---------------------------------------------------------------------- */

/* What a branch to the frame carries: parameters of a loop, results of the others. */
static const uint8_t *label_types(const hn_wasm_frame *frame, uint32_t *out_count) {
    bool is_loop = frame->opcode == HN_WASM_OP_LOOP;
    *out_count = is_loop ? frame->params_count : frame->results_count;
    return is_loop ? frame->params : frame->results;
}

/* A type index, a type, or nothing. The array of one type lies in the bytes themselves. */
static hone_wasm_function_type read_block_type(hn_wasm_decoder *decoder) {
    hn_wasm_reader *reader = &decoder->reader;
    const uint8_t *at = reader->at;
    hone_wasm_function_type type = {0};
    if (reader->at < reader->end && *reader->at == 0x40) {
        reader->at++;
        return type;
    }
    if (reader->at < reader->end && (*reader->at & 0xC0) == 0x40) {
        (void)hn_wasm_read_value_type(decoder);
        type.results = at;
        type.results_count = 1;
        return type;
    }
    int64_t index = hn_wasm_read_signed(reader, 33);
    if (index < 0) {
        HN_WASM_MALFORMED(decoder, at, "malformed block type");
    } else if (index >= decoder->module->types_count) {
        HN_WASM_INVALID(decoder, at, "unknown type %lld", (long long)index);
    } else {
        type = decoder->module->types[index];
    }
    return type;
}

static void open_block(hn_wasm_decoder *decoder, uint32_t opcode) {
    hone_wasm_function_type type = read_block_type(decoder);
    if (opcode == HN_WASM_OP_IF) {
        (void)pop(decoder, HONE_WASM_I32);
    }
    pop_all(decoder, type.params, type.params_count);
    if (!hn_wasm_is_failed(&decoder->reader)) {
        push_frame(decoder, opcode, &type);
    }
}

static hn_wasm_frame close_frame(hn_wasm_decoder *decoder) {
    hn_wasm_frame frame = *top(decoder);
    pop_all(decoder, frame.results, frame.results_count);
    if (!hn_wasm_is_failed(&decoder->reader) && decoder->values_count != frame.height) {
        INVALID(decoder, "type mismatch: %u values remain on the stack at the end of the block",
                decoder->values_count - frame.height);
    }
    decoder->frames_count--;
    return frame;
}

static void else_block(hn_wasm_decoder *decoder) {
    if (top(decoder)->opcode != HN_WASM_OP_IF) {
        HN_WASM_MALFORMED(decoder, decoder->reader.at, "else without if");
        return;
    }
    hn_wasm_frame frame = close_frame(decoder);
    hone_wasm_function_type type = {frame.params, frame.results, frame.params_count,
                                    frame.results_count};
    if (!hn_wasm_is_failed(&decoder->reader)) {
        push_frame(decoder, HN_WASM_OP_ELSE, &type);
    }
}

static void end_block(hn_wasm_decoder *decoder) {
    hn_wasm_frame frame = close_frame(decoder);
    if (frame.opcode == HN_WASM_OP_IF) { /* the missing else passes the parameters on */
        bool is_same = frame.params_count == frame.results_count &&
                       (frame.params_count == 0 ||
                        memcmp(frame.params, frame.results, frame.params_count) == 0);
        if (!is_same) {
            INVALID(decoder, "type mismatch: an if without else changes the stack");
        }
    }
    push_all(decoder, frame.results, frame.results_count);
}

static const hn_wasm_frame *read_label(hn_wasm_decoder *decoder) {
    uint32_t depth = hn_wasm_read_u32(&decoder->reader);
    if (depth >= decoder->frames_count) {
        INVALID(decoder, "unknown label %u", depth);
        return NULL;
    }
    return &decoder->frames[decoder->frames_count - 1 - depth];
}

static void branch(hn_wasm_decoder *decoder, bool is_conditional) {
    const hn_wasm_frame *frame = read_label(decoder);
    if (is_conditional) {
        (void)pop(decoder, HONE_WASM_I32);
    }
    if (!frame || hn_wasm_is_failed(&decoder->reader)) {
        return;
    }
    uint32_t count;
    const uint8_t *types = label_types(frame, &count);
    pop_all(decoder, types, count);
    if (is_conditional) {
        push_all(decoder, types, count);
    } else {
        set_unreachable(decoder);
    }
}

/* The operands must agree with every label; they are looked at in place, not popped. */
static void check_branch(hn_wasm_decoder *decoder, const hn_wasm_frame *label, uint32_t arity) {
    uint32_t count;
    const uint8_t *types = label_types(label, &count);
    if (count != arity) {
        INVALID(decoder, "type mismatch: labels of br_table with %u and %u values", arity, count);
        return;
    }
    const hn_wasm_frame *frame = top(decoder);
    uint32_t own = decoder->values_count - frame->height;
    for (uint32_t i = 0; i < count; i++) { /* from the top of the stack down */
        uint8_t found = i < own ? decoder->values[decoder->values_count - 1 - i] : UNKNOWN;
        if (i >= own && !frame->is_unreachable) {
            INVALID(decoder, "type mismatch: br_table lacks operands");
            return;
        }
        uint8_t expected = types[count - 1 - i];
        if (found != UNKNOWN && found != expected) {
            INVALID(decoder, "type mismatch: expected %s, found %s", name_of(expected),
                    name_of(found));
            return;
        }
    }
}

static void branch_table(hn_wasm_decoder *decoder) {
    uint32_t count = hn_wasm_read_count(decoder, "labels of br_table");
    (void)pop(decoder, HONE_WASM_I32);
    const uint8_t *first = decoder->reader.at;
    hn_wasm_reader *reader = &decoder->reader;
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(reader); i++) {
        (void)hn_wasm_read_u32(reader);
    }
    const hn_wasm_frame *last = read_label(decoder);
    if (!last || hn_wasm_is_failed(reader)) {
        return;
    }
    uint32_t arity;
    (void)label_types(last, &arity);
    const uint8_t *behind = reader->at;
    reader->at = first;
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(reader); i++) {
        const hn_wasm_frame *label = read_label(decoder);
        if (label) {
            check_branch(decoder, label, arity);
        }
    }
    check_branch(decoder, last, arity);
    if (!hn_wasm_is_failed(reader)) {
        reader->at = behind;
        set_unreachable(decoder);
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

static void call(hn_wasm_decoder *decoder, const hone_wasm_function_type *type, bool is_tail) {
    pop_all(decoder, type->params, type->params_count);
    if (!is_tail) {
        push_all(decoder, type->results, type->results_count);
        return;
    }
    const hn_wasm_frame *function = &decoder->frames[0];
    if (type->results_count != function->results_count ||
        (type->results_count &&
         memcmp(type->results, function->results, type->results_count) != 0)) {
        INVALID(decoder, "type mismatch: a tail call with other results than its function");
    }
    set_unreachable(decoder);
}

static void call_function(hn_wasm_decoder *decoder, bool is_tail) {
    uint32_t index = hn_wasm_read_index(decoder, decoder->module->functions_count, "function");
    if (!hn_wasm_is_failed(&decoder->reader)) {
        call(decoder, hn_wasm_type_of(decoder->module, index), is_tail);
    }
}

static void call_indirect(hn_wasm_decoder *decoder, bool is_tail) {
    const hone_wasm_module *module = decoder->module;
    uint32_t type = hn_wasm_read_index(decoder, module->types_count, "type");
    uint32_t table = hn_wasm_read_index(decoder, module->tables_count, "table");
    if (hn_wasm_is_failed(&decoder->reader)) {
        return;
    }
    if (module->tables[table].element != HONE_WASM_FUNCREF) {
        INVALID(decoder, "type mismatch: call_indirect through a table of externref");
    }
    (void)pop(decoder, HONE_WASM_I32);
    call(decoder, &module->types[type], is_tail);
}

/* --- variables, tables, memories -------------------------------------------------------------- */

static void local(hn_wasm_decoder *decoder, uint32_t opcode) {
    uint32_t index = hn_wasm_read_index(decoder, decoder->locals_count, "local");
    if (hn_wasm_is_failed(&decoder->reader)) {
        return;
    }
    uint8_t type = decoder->locals[index];
    if (opcode != HN_WASM_OP_LOCAL_GET) {
        (void)pop(decoder, type);
    }
    if (opcode != HN_WASM_OP_LOCAL_SET) {
        push(decoder, type);
    }
}

static void global(hn_wasm_decoder *decoder, bool is_set) {
    uint32_t index = hn_wasm_read_index(decoder, decoder->module->globals_count, "global");
    if (hn_wasm_is_failed(&decoder->reader)) {
        return;
    }
    const hn_wasm_global *variable = &decoder->module->globals[index];
    if (!is_set) {
        push(decoder, variable->type);
        return;
    }
    if (!variable->is_mutable) {
        INVALID(decoder, "global %u is immutable", index);
    }
    (void)pop(decoder, variable->type);
}

static uint8_t read_table(hn_wasm_decoder *decoder) {
    uint32_t index = hn_wasm_read_index(decoder, decoder->module->tables_count, "table");
    return hn_wasm_is_failed(&decoder->reader) ? 0 : decoder->module->tables[index].element;
}

/* The type of addresses of the memory whose index comes; without multi-memory that is a zero. */
static uint8_t read_memory(hn_wasm_decoder *decoder) {
    const uint8_t *at = decoder->reader.at;
    uint32_t index = 0;
    if (hn_wasm_has(decoder, HONE_WASM_FEATURE_MULTI_MEMORY)) {
        index = hn_wasm_read_u32(&decoder->reader);
    } else if (hn_wasm_read_byte(&decoder->reader) != 0) {
        HN_WASM_MALFORMED(decoder, at, "zero byte expected");
    }
    if (index >= decoder->module->memories_count) {
        HN_WASM_INVALID(decoder, at, "unknown memory %u", index);
        return 0;
    }
    return decoder->module->memories[index].is_64 ? HONE_WASM_I64 : HONE_WASM_I32;
}

/* Alignment, memory and offset of a load or store; returns the type of the address. */
static uint8_t read_memory_argument(hn_wasm_decoder *decoder, uint32_t alignment_max) {
    enum { HAS_MEMORY = 0x40, ALIGNMENT_END = 0x80 };
    const uint8_t *at = decoder->reader.at;
    uint32_t alignment = hn_wasm_read_u32(&decoder->reader), memory = 0;
    if (alignment >= ALIGNMENT_END) {
        HN_WASM_MALFORMED(decoder, at, "malformed memop flags 0x%x", alignment);
    }
    if ((alignment & HAS_MEMORY) && hn_wasm_has(decoder, HONE_WASM_FEATURE_MULTI_MEMORY)) {
        alignment -= HAS_MEMORY;
        memory = hn_wasm_read_u32(&decoder->reader);
    }
    if (memory >= decoder->module->memories_count) {
        HN_WASM_INVALID(decoder, at, "unknown memory %u", memory);
        return 0;
    }
    bool is_64 = decoder->module->memories[memory].is_64;
    (void)hn_wasm_read_unsigned(&decoder->reader, is_64 ? 64 : 32);
    if (alignment > alignment_max) {
        HN_WASM_INVALID(decoder, at, "alignment must not be larger than natural: 2^%u of 2^%u",
                        alignment, alignment_max);
    }
    return is_64 ? HONE_WASM_I64 : HONE_WASM_I32;
}

static void read_data(hn_wasm_decoder *decoder) {
    int64_t count = decoder->module->data_count_stated;
    if (count == HN_WASM_NO_INDEX) {
        HN_WASM_MALFORMED(decoder, decoder->reader.at, "data count section required");
        return;
    }
    (void)hn_wasm_read_index(decoder, (uint32_t)count, "data segment");
}

static void memory_copy(hn_wasm_decoder *decoder) {
    uint8_t to = read_memory(decoder), from = read_memory(decoder);
    bool is_both_64 = to == HONE_WASM_I64 && from == HONE_WASM_I64;
    (void)pop(decoder, is_both_64 ? HONE_WASM_I64 : HONE_WASM_I32);
    (void)pop(decoder, from);
    (void)pop(decoder, to);
}

static void table_init(hn_wasm_decoder *decoder) {
    const hone_wasm_module *module = decoder->module;
    uint32_t segment = hn_wasm_read_index(decoder, module->elements_count, "elem segment");
    uint8_t element = read_table(decoder);
    if (!hn_wasm_is_failed(&decoder->reader) && module->elements[segment].type != element) {
        INVALID(decoder, "type mismatch: segment and table hold different references");
    }
    pop_all(decoder, (const uint8_t[]){HONE_WASM_I32, HONE_WASM_I32, HONE_WASM_I32}, 3);
}

static void table_copy(hn_wasm_decoder *decoder) {
    uint8_t to = read_table(decoder), from = read_table(decoder);
    if (to != from) {
        INVALID(decoder, "type mismatch: tables hold different references");
    }
    pop_all(decoder, (const uint8_t[]){HONE_WASM_I32, HONE_WASM_I32, HONE_WASM_I32}, 3);
}

static void misc(hn_wasm_decoder *decoder, uint32_t opcode) {
    uint8_t type;
    switch (opcode) {
    case HN_WASM_OP_MEMORY_INIT:
        read_data(decoder);
        type = read_memory(decoder);
        pop_all(decoder, (const uint8_t[]){type, HONE_WASM_I32, HONE_WASM_I32}, 3);
        break;
    case HN_WASM_OP_DATA_DROP: read_data(decoder); break;
    case HN_WASM_OP_MEMORY_COPY: memory_copy(decoder); break;
    case HN_WASM_OP_MEMORY_FILL:
        type = read_memory(decoder);
        pop_all(decoder, (const uint8_t[]){type, HONE_WASM_I32, type}, 3);
        break;
    case HN_WASM_OP_TABLE_INIT: table_init(decoder); break;
    case HN_WASM_OP_ELEM_DROP:
        (void)hn_wasm_read_index(decoder, decoder->module->elements_count, "elem segment");
        break;
    case HN_WASM_OP_TABLE_COPY: table_copy(decoder); break;
    case HN_WASM_OP_TABLE_GROW:
        type = read_table(decoder);
        pop_all(decoder, (const uint8_t[]){type, HONE_WASM_I32}, 2);
        push(decoder, HONE_WASM_I32);
        break;
    case HN_WASM_OP_TABLE_SIZE:
        (void)read_table(decoder);
        push(decoder, HONE_WASM_I32);
        break;
    case HN_WASM_OP_TABLE_FILL:
        type = read_table(decoder);
        pop_all(decoder, (const uint8_t[]){HONE_WASM_I32, type, HONE_WASM_I32}, 3);
        break;
    default: assert(false); break;
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

static void select_untyped(hn_wasm_decoder *decoder) {
    (void)pop(decoder, HONE_WASM_I32);
    uint8_t a = pop_any(decoder), b = pop_any(decoder);
    if (hn_wasm_is_reference(a) || hn_wasm_is_reference(b) ||
        (a != b && a != UNKNOWN && b != UNKNOWN)) {
        INVALID(decoder, "type mismatch: select of %s and %s", name_of(b), name_of(a));
    }
    push(decoder, a == UNKNOWN ? b : a);
}

static void select_typed(hn_wasm_decoder *decoder) {
    uint32_t count = hn_wasm_read_count(decoder, "types of select");
    if (count != 1) {
        INVALID(decoder, "invalid result arity: select of %u values", count);
        return;
    }
    uint8_t type = hn_wasm_read_value_type(decoder);
    pop_all(decoder, (const uint8_t[]){type, type, HONE_WASM_I32}, 3);
    push(decoder, type);
}

static void reference(hn_wasm_decoder *decoder, uint32_t opcode) {
    if (opcode == HN_WASM_OP_REF_NULL) {
        push(decoder, hn_wasm_read_reference_type(decoder));
        return;
    }
    if (opcode == HN_WASM_OP_REF_IS_NULL) {
        uint8_t type = pop_any(decoder);
        if (type != UNKNOWN && !hn_wasm_is_reference(type)) {
            INVALID(decoder, "type mismatch: ref.is_null of %s", name_of(type));
        }
        push(decoder, HONE_WASM_I32);
        return;
    }
    uint32_t index = hn_wasm_read_index(decoder, decoder->module->functions_count, "function");
    if (!hn_wasm_is_failed(&decoder->reader) && !decoder->module->is_declared[index]) {
        INVALID(decoder, "undeclared function reference %u", index);
    }
    push(decoder, HONE_WASM_FUNCREF);
}

static uint8_t type_of_letter(char letter, uint8_t address) {
    switch (letter) {
    case 'i': return HONE_WASM_I32;
    case 'I': return HONE_WASM_I64;
    case 'f': return HONE_WASM_F32;
    case 'F': return HONE_WASM_F64;
    case 'v': return HONE_WASM_V128;
    default: assert(letter == 'a'); return address;
    }
}

static void check_lane(hn_wasm_decoder *decoder, uint32_t lanes_count) {
    uint8_t lane = hn_wasm_read_byte(&decoder->reader);
    if (lane >= lanes_count) {
        INVALID(decoder, "invalid lane index %u of %u", lane, lanes_count);
    }
}

/* Lanes of "i8x16.extract_lane_s" and the like. */
static uint32_t lanes_of(const char *name) {
    const char *times = strchr(name, 'x');
    assert(times);
    return times[1] == '1' ? 16 : (uint32_t)(times[1] - '0');
}

/* Instructions whose operands and results stand in the table. */
static void plain(hn_wasm_decoder *decoder, const hn_wasm_instruction *row) {
    hn_wasm_reader *reader = &decoder->reader;
    uint8_t address = 0;
    switch (row->immediate) {
    case HN_WASM_IMMEDIATE_NONE: break;
    case HN_WASM_IMMEDIATE_I32: (void)hn_wasm_read_signed(reader, 32); break;
    case HN_WASM_IMMEDIATE_I64: (void)hn_wasm_read_signed(reader, 64); break;
    case HN_WASM_IMMEDIATE_F32: (void)hn_wasm_read_bytes(reader, 4); break;
    case HN_WASM_IMMEDIATE_F64: (void)hn_wasm_read_bytes(reader, 8); break;
    case HN_WASM_IMMEDIATE_V128: (void)hn_wasm_read_bytes(reader, 16); break;
    case HN_WASM_IMMEDIATE_MEM: address = read_memory_argument(decoder, row->alignment); break;
    case HN_WASM_IMMEDIATE_LANE: check_lane(decoder, lanes_of(row->name)); break;
    case HN_WASM_IMMEDIATE_MEM_LANE:
        address = read_memory_argument(decoder, row->alignment);
        check_lane(decoder, 16U >> row->alignment);
        break;
    case HN_WASM_IMMEDIATE_SHUFFLE:
        for (int i = 0; i < 16; i++) {
            check_lane(decoder, 32);
        }
        break;
    default: assert(false); break;
    }
    for (size_t i = strlen(row->params); i-- > 0;) {
        (void)pop(decoder, type_of_letter(row->params[i], address));
    }
    if (row->results[0]) {
        push(decoder, type_of_letter(row->results[0], address));
    }
}

/* long: one case per kind of instruction. */
static void special(hn_wasm_decoder *decoder, uint32_t opcode) {
    switch (opcode) {
    case HN_WASM_OP_UNREACHABLE: set_unreachable(decoder); break;
    case HN_WASM_OP_NOP: break;
    case HN_WASM_OP_BLOCK:
    case HN_WASM_OP_LOOP:
    case HN_WASM_OP_IF: open_block(decoder, opcode); break;
    case HN_WASM_OP_ELSE: else_block(decoder); break;
    case HN_WASM_OP_END: end_block(decoder); break;
    case HN_WASM_OP_BR: branch(decoder, false); break;
    case HN_WASM_OP_BR_IF: branch(decoder, true); break;
    case HN_WASM_OP_BR_TABLE: branch_table(decoder); break;
    case HN_WASM_OP_RETURN:
        pop_all(decoder, decoder->frames[0].results, decoder->frames[0].results_count);
        set_unreachable(decoder);
        break;
    case HN_WASM_OP_CALL: call_function(decoder, false); break;
    case HN_WASM_OP_CALL_INDIRECT: call_indirect(decoder, false); break;
    case HN_WASM_OP_RETURN_CALL: call_function(decoder, true); break;
    case HN_WASM_OP_RETURN_CALL_INDIRECT: call_indirect(decoder, true); break;
    case HN_WASM_OP_DROP: (void)pop_any(decoder); break;
    case HN_WASM_OP_SELECT: select_untyped(decoder); break;
    case HN_WASM_OP_SELECT_TYPED: select_typed(decoder); break;
    case HN_WASM_OP_LOCAL_GET:
    case HN_WASM_OP_LOCAL_SET:
    case HN_WASM_OP_LOCAL_TEE: local(decoder, opcode); break;
    case HN_WASM_OP_GLOBAL_GET: global(decoder, false); break;
    case HN_WASM_OP_GLOBAL_SET: global(decoder, true); break;
    case HN_WASM_OP_TABLE_GET: {
        uint8_t type = read_table(decoder);
        (void)pop(decoder, HONE_WASM_I32);
        push(decoder, type);
        break;
    }
    case HN_WASM_OP_TABLE_SET: {
        uint8_t type = read_table(decoder);
        pop_all(decoder, (const uint8_t[]){HONE_WASM_I32, type}, 2);
        break;
    }
    case HN_WASM_OP_MEMORY_SIZE: push(decoder, read_memory(decoder)); break;
    case HN_WASM_OP_MEMORY_GROW: {
        uint8_t type = read_memory(decoder);
        (void)pop(decoder, type);
        push(decoder, type);
        break;
    }
    case HN_WASM_OP_REF_NULL:
    case HN_WASM_OP_REF_IS_NULL:
    case HN_WASM_OP_REF_FUNC: reference(decoder, opcode); break;
    default: misc(decoder, opcode); break;
    }
}

static bool is_enabled(const hn_wasm_decoder *decoder, uint32_t opcode) {
    if (opcode == HN_WASM_OP_RETURN_CALL || opcode == HN_WASM_OP_RETURN_CALL_INDIRECT) {
        return hn_wasm_has(decoder, HONE_WASM_FEATURE_TAIL_CALL);
    }
    return opcode >> 8 != 0xFD || hn_wasm_has(decoder, HONE_WASM_FEATURE_SIMD);
}

static void step(hn_wasm_decoder *decoder) {
    const uint8_t *at = decoder->instruction = decoder->reader.at;
    uint32_t opcode = hn_wasm_read_opcode(&decoder->reader);
    const hn_wasm_instruction *row = hn_wasm_instruction_of(opcode);
    if (hn_wasm_is_failed(&decoder->reader)) {
        return;
    }
    if (!row || !is_enabled(decoder, opcode)) {
        HN_WASM_MALFORMED(decoder, at, "illegal opcode 0x%x%s", opcode,
                          row ? ": its feature is switched off" : "");
    } else if (row->params[0] == '*') {
        special(decoder, opcode);
    } else {
        plain(decoder, row);
    }
}

static void add_locals(hn_wasm_decoder *decoder, uint64_t count, uint8_t type) {
    if (decoder->locals_count + count > decoder->module->limits.locals_max) {
        hn_wasm_fail_at(&decoder->reader, decoder->reader.at, HONE_STATUS_LIMIT,
                        "%llu locals, at most %u are allowed",
                        (unsigned long long)decoder->locals_count + count,
                        decoder->module->limits.locals_max);
        return;
    }
    while (decoder->locals_count + count > decoder->locals_capacity) {
        void *locals = decoder->locals;
        if (!grow(decoder, &locals, &decoder->locals_capacity, 1)) {
            return;
        }
        decoder->locals = locals;
    }
    if (count) {
        memset(decoder->locals + decoder->locals_count, type, count);
        decoder->locals_count += (uint32_t)count;
    }
}

static void read_locals(hn_wasm_decoder *decoder, const hone_wasm_function_type *type) {
    hn_wasm_reader *reader = &decoder->reader;
    const uint8_t *at = reader->at;
    decoder->locals_count = 0;
    for (uint32_t i = 0; i < type->params_count && !hn_wasm_is_failed(reader); i++) {
        add_locals(decoder, 1, type->params[i]);
    }
    uint32_t groups = hn_wasm_read_count(decoder, "groups of locals");
    hn_wasm_reader ahead = *reader; /* more than 2^32 is malformed, more than allowed a limit */
    uint64_t total = type->params_count;
    for (uint32_t i = 0; i < groups && !hn_wasm_is_failed(&ahead); i++) {
        ahead.diag = NULL;
        total += hn_wasm_read_u32(&ahead);
        (void)hn_wasm_read_byte(&ahead);
    }
    if (total > UINT32_MAX) {
        HN_WASM_MALFORMED(decoder, at, "too many locals");
    }
    for (uint32_t i = 0; i < groups && !hn_wasm_is_failed(reader); i++) {
        uint32_t count = hn_wasm_read_u32(reader);
        uint8_t value_type = hn_wasm_read_value_type(decoder);
        if (!hn_wasm_is_failed(reader)) {
            add_locals(decoder, count, value_type);
        }
    }
}

static void validate_instructions(hn_wasm_decoder *decoder, uint32_t function) {
    hn_wasm_reader *reader = &decoder->reader;
    const hone_wasm_function_type *type = hn_wasm_type_of(decoder->module, function);
    hone_wasm_function_type body = {NULL, type->results, 0, type->results_count};
    decoder->values_count = decoder->frames_count = 0;
    push_frame(decoder, HN_WASM_OP_BLOCK, &body);
    while (!hn_wasm_is_failed(reader) && decoder->frames_count) {
        step(decoder);
    }
    if (reader->at != reader->end) {
        HN_WASM_MALFORMED(decoder, reader->at, "bytes behind the end of a function body");
    }
}

/* Validation stops at the first rule that is broken. When what follows is not even well-formed,
 * that is the graver answer. `whole` begins at the instructions. */
static void check_well_formed(hn_wasm_decoder *decoder, hn_wasm_reader whole) {
    uint32_t depth = 1;
    while (!hn_wasm_is_failed(&whole) && depth) {
        uint32_t opcode = hn_wasm_skip_instruction(&whole);
        depth += hn_wasm_is_block(opcode);
        depth -= opcode == HN_WASM_OP_END && !hn_wasm_is_failed(&whole);
    }
    if (whole.status == HONE_STATUS_MALFORMED) {
        decoder->reader.status = whole.status;
    }
}

void hn_wasm_validate_body(hn_wasm_decoder *decoder, uint32_t function) {
    hn_wasm_reader *reader = &decoder->reader;
    read_locals(decoder, hn_wasm_type_of(decoder->module, function));
    if (hn_wasm_is_failed(reader)) {
        return;
    }
    hn_wasm_reader whole = *reader;
    validate_instructions(decoder, function);
    if (reader->status == HONE_STATUS_INVALID_MODULE) {
        check_well_formed(decoder, whole);
    }
}

void hn_wasm_validate_release(hn_wasm_decoder *decoder) {
    const hone_allocator *allocator = decoder->module->allocator;
    size_t alignment = _Alignof(max_align_t);
    hone_release(allocator, decoder->values, decoder->values_capacity, alignment);
    hone_release(allocator, decoder->locals, decoder->locals_capacity, alignment);
    hone_release(allocator, decoder->frames, decoder->frames_capacity * sizeof(hn_wasm_frame),
                 alignment);
}
