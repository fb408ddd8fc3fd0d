/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From validated bytes to operations of the interpreter, in one pass over a function. Control:
 * blocks and branches, calls, returns; operands are emit.c's. What a branch carries is moved to the
 * slots where its target expects it. Code that cannot be reached is walked over.
 */
#include "translate_internal.h"

#include <assert.h>

#include "skip_internal.h"

typedef struct operation_row {
    uint16_t operation;
    uint8_t shape;
    uint8_t class_;
} operation_row;

enum { SHAPE_NONE, SHAPE_BINARY, SHAPE_UNARY, SHAPE_LOAD, SHAPE_STORE };

#define CLASS_i32 HN_WASM_CLASS_INT
#define CLASS_i64 HN_WASM_CLASS_INT
#define CLASS_f32 HN_WASM_CLASS_F32
#define CLASS_f64 HN_WASM_CLASS_F64
#define BINARY_ROW(name, t, rt, trap, e) \
    [HN_WASM_OP_##name & 0x1FF] = {HN_WASM_DO_##name##_ss, SHAPE_BINARY, CLASS_##rt},
#define UNARY_ROW(name, t, rt, trap, e) \
    [(HN_WASM_OP_##name & 0xFF) +       \
        (HN_WASM_OP_##name > 0xFF ? 256 : 0)] = {HN_WASM_DO_##name##_s, SHAPE_UNARY, CLASS_##rt},
#define LOAD_ROW(name, m, t) [HN_WASM_OP_##name] = {HN_WASM_DO_##name##_s, SHAPE_LOAD, CLASS_##t},
#define STORE_ROW(name, m, t) \
    [HN_WASM_OP_##name] = {HN_WASM_DO_##name##_ss, SHAPE_STORE, CLASS_##t},

/* By instruction; those behind the prefix 0xFC from 256 on. */
static const operation_row rows[256 + 32] = {
    HN_WASM_BINARIES(BINARY_ROW) HN_WASM_UNARIES(UNARY_ROW) HN_WASM_LOADS(LOAD_ROW)
        HN_WASM_STORES_INT(STORE_ROW) HN_WASM_STORES_FLOAT(STORE_ROW)};

static const operation_row *row_of(uint32_t opcode) {
    static const operation_row none = {0};
    uint32_t index = opcode > 0xFF ? 256 + (opcode & 0xFF) : opcode;
    return opcode >> 8 == 0xFD || index >= sizeof rows / sizeof rows[0] ? &none : &rows[index];
}

static hn_wasm_block *top(const hn_wasm_translator *t) {
    return &t->blocks[t->blocks_count - 1];
}

static void *grow(hn_wasm_translator *t, void *array, uint32_t *capacity, size_t size,
                  uint32_t wanted) {
    uint32_t larger = *capacity ? *capacity * 2 : 64;
    larger = larger < wanted ? wanted : larger;
    size_t alignment = _Alignof(max_align_t);
    const hone_allocator *allocator = t->module->allocator;
    void *moved =
        array ? hone_reallocate(allocator, array, *capacity * size, larger * size, alignment)
              : hone_allocate(allocator, larger * size, alignment);
    if (!moved) {
        hn_wasm_fail_at(&t->reader, t->reader.at, HONE_STATUS_OUT_OF_MEMORY,
                        "no memory to translate a function");
        return array;
    }
    *capacity = larger;
    return moved;
}

/* --- labels ----------------------------------------------------------------------------------- */

static uint32_t params_of(const hn_wasm_block *block) {
    return block->type ? block->type->params_count : 0;
}

static uint32_t results_of(const hn_wasm_block *block) {
    return block->type ? block->type->results_count : block->result != 0;
}

static uint8_t result_type(const hn_wasm_block *block, uint32_t index) {
    return block->type ? block->type->results[index] : block->result;
}

/* Lets the branches of a chain go to the next operation. */
static void bind(hn_wasm_translator *t, uint32_t chain) {
    while (chain) {
        hn_wasm_op *op = &t->ops[chain - 1];
        uint32_t next = op->u;
        op->i = (int32_t)t->ops_count - (int32_t)(chain - 1);
        chain = next;
    }
    t->last = -1;
}

/* Sends the branch at `position` to a block: back to a loop, or to an end that is yet to come. */
static void aim(hn_wasm_translator *t, uint32_t position, hn_wasm_block *block) {
    if (hn_wasm_is_failed(&t->reader)) {
        return;
    }
    if (block->opcode == HN_WASM_OP_LOOP) {
        t->ops[position].i = (int32_t)block->loop_start - (int32_t)position;
    } else {
        t->ops[position].u = block->patches;
        block->patches = position + 1;
    }
}

static uint32_t emit_jump(hn_wasm_translator *t) {
    (void)hn_wasm_emit(t, HN_WASM_DO_JUMP);
    return (uint32_t)t->last;
}

static void settle_top(hn_wasm_translator *t, uint32_t count) {
    if (hn_wasm_is_failed(&t->reader) || t->items_count < count) {
        return;
    }
    for (uint32_t i = t->items_count - count; i < t->items_count; i++) {
        hn_wasm_settle(t, i);
    }
}

/* The items that a branch carries are at the block's slots already. */
static bool is_in_place(const hn_wasm_translator *t, const hn_wasm_block *block, uint32_t count) {
    if (count == 0) {
        return true;
    }
    if (t->items_count - count != block->height) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (t->items[block->height + i].kind != HN_WASM_ITEM_SLOT) {
            return false;
        }
    }
    return true;
}

/* Moves them there, lowest first: they come from above, so none is overwritten before its turn. */
static void move_to_block(hn_wasm_translator *t, const hn_wasm_block *block, uint32_t count) {
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&t->reader); i++) {
        uint32_t item = t->items_count - count + i;
        uint16_t to = hn_wasm_own_slot(t, block->height + i);
        if (t->items[item].kind != HN_WASM_ITEM_SLOT || hn_wasm_own_slot(t, item) != to) {
            hn_wasm_emit_move(t, item, to);
        }
    }
}

static uint32_t carried(const hn_wasm_block *block) {
    return block->opcode == HN_WASM_OP_LOOP ? params_of(block) : results_of(block);
}

/* --- returns ---------------------------------------------------------------------------------- */

static void emit_return_one(hn_wasm_translator *t) {
    static const uint16_t operations[HN_WASM_CLASSES_COUNT] = {
        HN_WASM_DO_RETURN_r, HN_WASM_DO_RETURN_f, HN_WASM_DO_RETURN_g};
    uint32_t index = t->items_count - 1;
    hn_wasm_item item = t->items[index];
    hn_wasm_accumulator *acc = &t->accumulators[item.class_];
    hn_wasm_op *op;
    if (item.kind == HN_WASM_ITEM_CONSTANT && item.class_ == HN_WASM_CLASS_INT &&
        (uint64_t)(int64_t)(int16_t)item.value == item.value) {
        op = hn_wasm_emit(t, HN_WASM_DO_RETURN_i);
        op->a = (uint16_t)item.value;
    } else {
        uint16_t slot =
            item.kind == HN_WASM_ITEM_LOCAL ? (uint16_t)item.value : hn_wasm_own_slot(t, index);
        bool is_acc = item.kind != HN_WASM_ITEM_CONSTANT && acc->slot == slot;
        if (item.kind == HN_WASM_ITEM_CONSTANT) {
            hn_wasm_settle(t, index);
        }
        op = hn_wasm_emit(t, is_acc ? operations[item.class_] : HN_WASM_DO_RETURN_s);
        op->a = slot;
    }
    op->d = (uint16_t)t->record;
}

static void emit_return(hn_wasm_translator *t) {
    uint32_t count = t->type->results_count;
    if (hn_wasm_is_failed(&t->reader) || t->items_count < count) {
        return;
    }
    if (count == 1) {
        emit_return_one(t);
        return;
    }
    settle_top(t, count);
    for (uint32_t i = 0; i < count; i++) {
        hn_wasm_op *op = hn_wasm_emit(t, HN_WASM_DO_COPY);
        op->a = hn_wasm_own_slot(t, t->items_count - count + i);
        op->d = (uint16_t)i;
    }
    hn_wasm_emit(t, HN_WASM_DO_RETURN)->d = (uint16_t)t->record;
}

/* What follows is not executed: nothing needs to be stored any more. */
static void set_unreachable(hn_wasm_translator *t) {
    hn_wasm_drop_items(t, t->items_count - top(t)->height);
    hn_wasm_spill_all(t); /* items below the block */
    top(t)->is_reached = false;
}

/* --- branches --------------------------------------------------------------------------------- */

static void branch(hn_wasm_translator *t) {
    uint32_t depth = hn_wasm_read_u32(&t->reader);
    if (depth == t->blocks_count - 1) {
        emit_return(t);
    } else {
        hn_wasm_block *block = &t->blocks[t->blocks_count - 1 - depth];
        hn_wasm_spill_all(t);
        move_to_block(t, block, carried(block));
        aim(t, emit_jump(t), block);
    }
    set_unreachable(t);
}

/* The way out of a conditional branch that has more to do than to jump. The model of the operands
 * is left as it was: the other way goes on with it. */
static void leave_aside(hn_wasm_translator *t, hn_wasm_block *block, bool is_return) {
    hn_wasm_accumulator saved[HN_WASM_CLASSES_COUNT];
    memcpy(saved, t->accumulators, sizeof saved);
    if (is_return) {
        hn_wasm_item kept = {0};
        bool is_one = t->type->results_count == 1;
        if (is_one) { /* a constant is settled to be returned */
            kept = t->items[t->items_count - 1];
        }
        emit_return(t);
        if (is_one) {
            t->items[t->items_count - 1] = kept;
        }
    } else {
        move_to_block(t, block, carried(block));
        aim(t, emit_jump(t), block);
    }
    memcpy(t->accumulators, saved, sizeof saved);
}

/* When values have to be moved, or the function returned from, the branch goes around that code. */
static void branch_if(hn_wasm_translator *t) {
    uint32_t depth = hn_wasm_read_u32(&t->reader);
    bool is_return = depth == t->blocks_count - 1;
    hn_wasm_block *block = &t->blocks[t->blocks_count - 1 - depth];
    uint32_t count = carried(block);
    if (hn_wasm_is_failed(&t->reader) || t->items_count < count + 1) {
        return;
    }
    t->items_count--; /* the condition */
    bool is_direct = !is_return && is_in_place(t, block, count);
    t->items_count++;
    if (!is_direct && count > 1) {
        for (uint32_t i = t->items_count - 1 - count; i < t->items_count - 1; i++) {
            hn_wasm_settle(t, i);
        }
    }
    uint32_t position = hn_wasm_emit_condition(t, is_direct);
    hn_wasm_spill_all(t); /* what the target finds in slots; its makers can still be changed */
    if (is_direct) {
        aim(t, position, block);
    } else if (!hn_wasm_is_failed(&t->reader)) {
        t->ops[position].u = 0;
        leave_aside(t, block, is_return);
        bind(t, position + 1);
    }
}

/* Each entry that must move values, or return, gets a piece of code behind the table. */
static void branch_table(hn_wasm_translator *t) {
    hn_wasm_reader *reader = &t->reader;
    uint32_t count = hn_wasm_read_u32(reader);
    hn_wasm_operand index = hn_wasm_pop(t);
    if (index.where == HN_WASM_IMMEDIATE) {
        hn_wasm_push(t, HN_WASM_ITEM_CONSTANT, HN_WASM_CLASS_INT, index.value);
        index.slot = hn_wasm_pop_slot(t);
    }
    hn_wasm_reader ahead = *reader; /* all labels carry the same number of values */
    uint32_t first = hn_wasm_read_u32(&ahead);
    settle_top(t, carried(&t->blocks[t->blocks_count - 1 - first]));
    hn_wasm_spill_all(t);
    bool is_acc = index.where == HN_WASM_IN_ACC;
    hn_wasm_op *op = hn_wasm_emit(t, is_acc ? HN_WASM_DO_BR_TABLE_r : HN_WASM_DO_BR_TABLE_s);
    op->a = index.slot;
    op->u = count;
    uint32_t cells = t->ops_count;
    for (uint32_t i = 0; i <= count && !hn_wasm_is_failed(reader); i++) {
        (void)hn_wasm_emit_cell(t);
    }
    t->last = -1;
    for (uint32_t i = 0; i <= count && !hn_wasm_is_failed(reader); i++) {
        uint32_t depth = hn_wasm_read_u32(reader);
        hn_wasm_block *block = &t->blocks[t->blocks_count - 1 - depth];
        bool is_return = depth == t->blocks_count - 1;
        if (!is_return && is_in_place(t, block, carried(block))) {
            aim(t, cells + i, block);
            continue;
        }
        t->ops[cells + i].i = (int32_t)(t->ops_count - (cells + i));
        hn_wasm_forget(t);
        if (is_return) {
            emit_return(t);
        } else {
            move_to_block(t, block, carried(block));
            aim(t, emit_jump(t), block);
        }
    }
    set_unreachable(t);
}

/* Instructions are counted for the innermost loop that they are in. */
static void emit_meter(hn_wasm_translator *t) {
    if (t->module->is_metered) {
        hn_wasm_emit(t, HN_WASM_DO_FUEL)->u = 1;
        t->meter = (uint32_t)t->last;
        t->last = -1;
    }
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void read_block_type(hn_wasm_translator *t, hn_wasm_block *block) {
    const uint8_t *at = t->reader.at;
    int64_t index = hn_wasm_read_signed(&t->reader, 33);
    if (index >= 0) {
        block->type = &t->module->types[index];
    } else if (*at != 0x40) {
        block->result = *at;
    }
}

/* What the block may change, or expects in slots: locals on the stack, and its parameters. The
 * condition of an `if` stays where it is; when nothing has to be moved, a compare that made it is
 * still the last operation and becomes the branch. */
static void settle_for_block(hn_wasm_translator *t, uint32_t params, uint32_t condition) {
    if (hn_wasm_is_failed(&t->reader) || t->items_count < params + condition) {
        return;
    }
    uint32_t end = t->items_count - condition;
    for (uint32_t i = t->settled_count; i < end - params; i++) {
        if (t->items[i].kind == HN_WASM_ITEM_LOCAL) {
            hn_wasm_settle(t, i);
        }
    }
    for (uint32_t i = end - params; i < end; i++) {
        if (t->items[i].kind != HN_WASM_ITEM_SLOT) {
            hn_wasm_settle(t, i);
        }
    }
    t->settled_count = end;
}

static void begin_block(hn_wasm_translator *t, uint32_t opcode) {
    if (t->blocks_count == t->blocks_capacity) {
        t->blocks = grow(t, t->blocks, &t->blocks_capacity, sizeof *t->blocks, 0);
    }
    if (hn_wasm_is_failed(&t->reader)) {
        return;
    }
    hn_wasm_block block = {.opcode = (uint16_t)opcode, .is_reached = true};
    read_block_type(t, &block);
    bool is_if = opcode == HN_WASM_OP_IF;
    settle_for_block(t, params_of(&block), is_if);
    if (is_if) {
        block.else_patches = hn_wasm_emit_condition(t, false) + 1;
    }
    hn_wasm_spill_all(t);
    if (hn_wasm_is_failed(&t->reader)) {
        return;
    }
    if (is_if) {
        t->ops[block.else_patches - 1].u = 0;
    }
    if (opcode == HN_WASM_OP_LOOP) {
        hn_wasm_forget(t);
        t->last = -1;
        block.loop_start = t->ops_count;
        block.outer_meter = t->meter;
        emit_meter(t);
    }
    block.height = t->items_count - params_of(&block);
    t->blocks[t->blocks_count++] = block;
}

/* The results of a block lie in their slots, whichever way it was left. */
static void push_results(hn_wasm_translator *t, const hn_wasm_block *block) {
    for (uint32_t i = 0; i < results_of(block) && !hn_wasm_is_failed(&t->reader); i++) {
        hn_wasm_push_slot(t, hn_wasm_class_of(result_type(block, i)), false);
    }
}

static void push_params(hn_wasm_translator *t, const hn_wasm_block *block) {
    for (uint32_t i = 0; i < params_of(block) && !hn_wasm_is_failed(&t->reader); i++) {
        hn_wasm_push_slot(t, hn_wasm_class_of(block->type->params[i]), false);
    }
}

/* The end of a piece of code that goes on behind its block: values into their slots. */
static void leave(hn_wasm_translator *t) {
    hn_wasm_block *block = top(t);
    if (block->is_reached && !hn_wasm_is_failed(&t->reader)) {
        settle_top(t, results_of(block));
        hn_wasm_spill_all(t);
    }
    hn_wasm_drop_items(t, t->items_count - block->height);
    hn_wasm_spill_all(t);
}

static void else_block(hn_wasm_translator *t) {
    hn_wasm_block *block = top(t);
    bool is_reached = block->is_reached;
    leave(t);
    if (is_reached) {
        aim(t, emit_jump(t), block);
    }
    bind(t, block->else_patches);
    hn_wasm_forget(t);
    block->else_patches = 0;
    block->is_reached = true;
    block->opcode = HN_WASM_OP_ELSE;
    push_params(t, block);
}

static void end_block(hn_wasm_translator *t) {
    hn_wasm_block block = *top(t);
    if (t->blocks_count == 1) {
        if (block.is_reached) {
            emit_return(t);
        }
        t->blocks_count--;
        return;
    }
    leave(t);
    if (block.opcode == HN_WASM_OP_LOOP) {
        t->meter = block.outer_meter;
    }
    t->blocks_count--;
    if (hn_wasm_is_failed(&t->reader)) {
        return;
    }
    bool is_label = block.patches || block.else_patches;
    bind(t, block.patches);
    bind(t, block.else_patches);
    if (is_label || !block.is_reached) {
        hn_wasm_forget(t);
    }
    push_results(t, &block);
    if (!block.is_reached && !is_label) { /* nobody comes here */
        hn_wasm_drop_items(t, t->items_count - top(t)->height);
        top(t)->is_reached = false;
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Arguments into their slots, which become the callee's first locals. */
static uint16_t prepare_call(hn_wasm_translator *t, const hone_wasm_function_type *type) {
    if (t->items_count < type->params_count) {
        return 0; /* failed before */
    }
    settle_top(t, type->params_count);
    uint16_t base = hn_wasm_own_slot(t, t->items_count - type->params_count);
    hn_wasm_drop_items(t, type->params_count);
    hn_wasm_spill_all(t);
    return base;
}

static void finish_call(hn_wasm_translator *t, const hone_wasm_function_type *type) {
    t->last = -1;
    hn_wasm_forget(t);
    for (uint32_t i = 0; i < type->results_count && !hn_wasm_is_failed(&t->reader); i++) {
        hn_wasm_class class_ = hn_wasm_class_of(type->results[i]);
        hn_wasm_push_slot(t, class_, type->results_count == 1 && class_ == HN_WASM_CLASS_INT);
    }
}

static void call(hn_wasm_translator *t, bool is_tail) {
    uint32_t index = hn_wasm_read_u32(&t->reader);
    const hone_wasm_function_type *type = hn_wasm_type_of(t->module, index);
    uint16_t base = prepare_call(t, type);
    if (is_tail) {
        hn_wasm_op *op = hn_wasm_emit(t, HN_WASM_DO_TAIL_CALL);
        op->a = base;
        op->b = (uint16_t)type->params_count;
        op->d = (uint16_t)t->record;
        hn_wasm_emit_cell(t)->x = index;
        set_unreachable(t);
        return;
    }
    bool is_import = index < t->module->functions_imported;
    hn_wasm_emit(t, is_import ? HN_WASM_DO_CALL_IMPORT : HN_WASM_DO_CALL)->a = base;
    hn_wasm_op *cell = hn_wasm_emit_cell(t);
    if (is_import) {
        cell->x = index;
        cell->y = 0;
    } else {
        cell->pointer = &t->module->codes[index - t->module->functions_imported];
    }
    finish_call(t, type);
}

static void call_indirect(hn_wasm_translator *t, bool is_tail) {
    uint32_t type_index = hn_wasm_read_u32(&t->reader);
    uint64_t table = hn_wasm_read_u32(&t->reader);
    const hone_wasm_function_type *type = &t->module->types[type_index];
    if (t->items_count < type->params_count + 1) {
        return; /* failed before */
    }
    if (is_tail) { /* the index stays behind the arguments */
        settle_top(t, 1);
        hn_wasm_drop_items(t, 1);
    }
    uint16_t index = is_tail ? 0 : hn_wasm_pop_slot(t);
    uint16_t base = prepare_call(t, type);
    hn_wasm_op *op =
        hn_wasm_emit(t, is_tail ? HN_WASM_DO_TAIL_CALL_INDIRECT : HN_WASM_DO_CALL_INDIRECT);
    op->a = base;
    op->b = is_tail ? (uint16_t)type->params_count : index;
    op->d = (uint16_t)t->record;
    hn_wasm_emit_cell(t)->y = table << 32 | t->module->canonical[type_index];
    if (is_tail) {
        set_unreachable(t);
    } else {
        finish_call(t, type);
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

static void global_get(hn_wasm_translator *t) {
    uint32_t index = hn_wasm_read_u32(&t->reader);
    hn_wasm_class class_ = hn_wasm_class_of(t->module->globals[index].type);
    if (class_ == HN_WASM_CLASS_INT) {
        hn_wasm_spill(t, class_);
        hn_wasm_emit(t, HN_WASM_DO_GLOBAL_GET)->u = index;
        hn_wasm_push_result(t, class_, HN_WASM_FIELD_A);
        return;
    }
    hn_wasm_op *op = hn_wasm_emit(t, HN_WASM_DO_GLOBAL_GET_w);
    op->a = hn_wasm_own_slot(t, t->items_count);
    op->u = index;
    hn_wasm_push_slot(t, class_, false);
}

static void global_set(hn_wasm_translator *t) {
    uint32_t index = hn_wasm_read_u32(&t->reader);
    bool is_int = hn_wasm_class_of(t->module->globals[index].type) == HN_WASM_CLASS_INT;
    if (is_int && t->items_count && t->items[t->items_count - 1].kind != HN_WASM_ITEM_CONSTANT) {
        hn_wasm_operand value = hn_wasm_pop(t);
        bool is_acc = value.where == HN_WASM_IN_ACC;
        hn_wasm_op *op =
            hn_wasm_emit(t, is_acc ? HN_WASM_DO_GLOBAL_SET_r : HN_WASM_DO_GLOBAL_SET_s);
        op->a = value.slot;
        op->u = index;
        return;
    }
    uint16_t slot = hn_wasm_pop_slot(t);
    hn_wasm_op *op = hn_wasm_emit(t, HN_WASM_DO_GLOBAL_SET_s);
    op->a = slot;
    op->u = index;
}

/* Instructions that are calls into slow.c: operands in a row of slots, the result in the first. */
static void emit_slow(hn_wasm_translator *t, uint32_t opcode, uint32_t params, int result_class,
                      hn_wasm_op operands) {
    if (t->items_count < params) {
        return; /* failed before */
    }
    settle_top(t, params);
    uint16_t base = hn_wasm_own_slot(t, t->items_count - params);
    hn_wasm_drop_items(t, params);
    hn_wasm_spill_all(t);
    hn_wasm_op *op = hn_wasm_emit(t, HN_WASM_DO_SLOW);
    op->a = base;
    op->u = opcode;
    *hn_wasm_emit_cell(t) = operands;
    t->last = -1;
    t->accumulators[HN_WASM_CLASS_INT].slot = HN_WASM_NO_SLOT;
    if (result_class >= 0) {
        hn_wasm_push_slot(t, (hn_wasm_class)result_class, result_class == HN_WASM_CLASS_INT);
    } else if (params == 0) { /* slow.c writes no result, but the frame must have the slot */
        uint32_t slots = (uint32_t)base + 1;
        t->frame_slots = slots > t->frame_slots ? slots : t->frame_slots;
    }
}

static void memory_access(hn_wasm_translator *t, uint32_t opcode, const operation_row *row) {
    enum { HAS_MEMORY = 0x40 };
    uint32_t memory = 0;
    if (hn_wasm_read_u32(&t->reader) & HAS_MEMORY) {
        memory = hn_wasm_read_u32(&t->reader);
    }
    uint64_t offset = hn_wasm_read_unsigned(&t->reader, 64);
    bool is_store = row->shape == SHAPE_STORE;
    if (memory || t->module->memories[0].is_64) {
        hn_wasm_op operands = {.x = offset};
        operands.y = memory;
        emit_slow(t, opcode, is_store ? 2 : 1, is_store ? -1 : row->class_, operands);
    } else if (is_store) {
        hn_wasm_emit_store(t, row->operation, (hn_wasm_class)row->class_, (uint32_t)offset);
    } else {
        hn_wasm_emit_load(t, row->operation, (hn_wasm_class)row->class_, (uint32_t)offset);
    }
}

static void slow(hn_wasm_translator *t, uint32_t opcode) {
    const hn_wasm_instruction *row = hn_wasm_instruction_of(opcode);
    hn_wasm_op operands = {.x = hn_wasm_read_u32(&t->reader)};
    operands.y = 0;
    if (row->immediate == HN_WASM_IMMEDIATE_DATA_MEMORY ||
        row->immediate == HN_WASM_IMMEDIATE_MEMORY_MEMORY ||
        row->immediate == HN_WASM_IMMEDIATE_ELEM_TABLE ||
        row->immediate == HN_WASM_IMMEDIATE_TABLE_TABLE) {
        operands.y = hn_wasm_read_u32(&t->reader);
    }
    uint32_t params = 3;
    int result = -1;
    switch (opcode) {
    case HN_WASM_OP_DATA_DROP:
    case HN_WASM_OP_ELEM_DROP: params = 0; break;
    case HN_WASM_OP_TABLE_SET: params = 2; break;
    case HN_WASM_OP_MEMORY_SIZE:
    case HN_WASM_OP_TABLE_SIZE:
    case HN_WASM_OP_REF_FUNC:
        params = 0;
        result = HN_WASM_CLASS_INT;
        break;
    case HN_WASM_OP_MEMORY_GROW:
    case HN_WASM_OP_TABLE_GET:
        params = 1;
        result = HN_WASM_CLASS_INT;
        break;
    case HN_WASM_OP_TABLE_GROW:
        params = 2;
        result = HN_WASM_CLASS_INT;
        break;
    default: break;
    }
    emit_slow(t, opcode, params, result, operands);
}

static void constant(hn_wasm_translator *t, uint32_t opcode) {
    hn_wasm_reader *reader = &t->reader;
    uint64_t bits = 0;
    switch (opcode) {
    case HN_WASM_OP_I32_CONST:
        /* sign-extended: the form in which 32-bit operands stand in operations */
        bits = (uint64_t)(int64_t)(int32_t)hn_wasm_read_signed(reader, 32);
        hn_wasm_push(t, HN_WASM_ITEM_CONSTANT, HN_WASM_CLASS_INT, bits);
        break;
    case HN_WASM_OP_I64_CONST:
        bits = (uint64_t)hn_wasm_read_signed(reader, 64);
        hn_wasm_push(t, HN_WASM_ITEM_CONSTANT, HN_WASM_CLASS_INT, bits);
        break;
    case HN_WASM_OP_F32_CONST:
        memcpy(&bits, hn_wasm_read_bytes(reader, 4).data, 4);
        hn_wasm_push(t, HN_WASM_ITEM_CONSTANT, HN_WASM_CLASS_F32, bits);
        break;
    default:
        memcpy(&bits, hn_wasm_read_bytes(reader, 8).data, 8);
        hn_wasm_push(t, HN_WASM_ITEM_CONSTANT, HN_WASM_CLASS_F64, bits);
        break;
    }
}

static void local(hn_wasm_translator *t, uint32_t opcode) {
    uint32_t index = hn_wasm_read_u32(&t->reader);
    if (opcode != HN_WASM_OP_LOCAL_GET) {
        hn_wasm_local_set(t, index);
    }
    if (opcode != HN_WASM_OP_LOCAL_SET) {
        hn_wasm_push(t, HN_WASM_ITEM_LOCAL, (hn_wasm_class)t->local_classes[index], index);
    }
}

static void select_value(hn_wasm_translator *t, uint32_t opcode) {
    if (opcode == HN_WASM_OP_SELECT_TYPED) {
        (void)hn_wasm_read_u32(&t->reader);
        (void)hn_wasm_read_byte(&t->reader);
    }
    hn_wasm_emit_select(t);
}

/* long: one case per kind of instruction. */
static void special(hn_wasm_translator *t, uint32_t opcode) {
    switch (opcode) {
    case HN_WASM_OP_UNREACHABLE:
        hn_wasm_emit(t, HN_WASM_DO_TRAP)->u = HONE_WASM_TRAP_UNREACHABLE;
        set_unreachable(t);
        break;
    case HN_WASM_OP_NOP: break;
    case HN_WASM_OP_BLOCK:
    case HN_WASM_OP_LOOP:
    case HN_WASM_OP_IF: begin_block(t, opcode); break;
    case HN_WASM_OP_ELSE: else_block(t); break;
    case HN_WASM_OP_END: end_block(t); break;
    case HN_WASM_OP_BR: branch(t); break;
    case HN_WASM_OP_BR_IF: branch_if(t); break;
    case HN_WASM_OP_BR_TABLE: branch_table(t); break;
    case HN_WASM_OP_RETURN:
        emit_return(t);
        set_unreachable(t);
        break;
    case HN_WASM_OP_CALL: call(t, false); break;
    case HN_WASM_OP_RETURN_CALL: call(t, true); break;
    case HN_WASM_OP_CALL_INDIRECT: call_indirect(t, false); break;
    case HN_WASM_OP_RETURN_CALL_INDIRECT: call_indirect(t, true); break;
    case HN_WASM_OP_DROP: hn_wasm_drop_items(t, 1); break;
    case HN_WASM_OP_SELECT:
    case HN_WASM_OP_SELECT_TYPED: select_value(t, opcode); break;
    case HN_WASM_OP_LOCAL_GET:
    case HN_WASM_OP_LOCAL_SET:
    case HN_WASM_OP_LOCAL_TEE: local(t, opcode); break;
    case HN_WASM_OP_GLOBAL_GET: global_get(t); break;
    case HN_WASM_OP_GLOBAL_SET: global_set(t); break;
    case HN_WASM_OP_I32_CONST:
    case HN_WASM_OP_I64_CONST:
    case HN_WASM_OP_F32_CONST:
    case HN_WASM_OP_F64_CONST: constant(t, opcode); break;
    case HN_WASM_OP_REF_NULL:
        (void)hn_wasm_read_byte(&t->reader);
        hn_wasm_push(t, HN_WASM_ITEM_CONSTANT, HN_WASM_CLASS_INT, 0);
        break;
    case HN_WASM_OP_REF_IS_NULL:
        hn_wasm_emit_unary(t, HN_WASM_OP_I64_EQZ, HN_WASM_DO_I64_EQZ_s);
        break;
    default: slow(t, opcode); break;
    }
}

/* SIMD has no operations yet: a clear answer instead of a wrong one. */
static void refuse_vectors(hn_wasm_translator *t, const uint8_t *at) {
    hn_wasm_fail_at(&t->reader, at, HONE_STATUS_UNSUPPORTED,
                    "SIMD is validated but not executed yet: build the module without it");
}

static void step(hn_wasm_translator *t) {
    const uint8_t *at = t->reader.at;
    uint32_t opcode = hn_wasm_read_opcode(&t->reader);
    if (opcode >> 8 == 0xFD) {
        refuse_vectors(t, at);
        return;
    }
    if (t->module->is_metered) {
        t->ops[t->meter].u++;
    }
    const operation_row *row = row_of(opcode);
    switch (row->shape) {
    case SHAPE_BINARY: hn_wasm_emit_binary(t, opcode, row->operation); break;
    case SHAPE_UNARY: hn_wasm_emit_unary(t, opcode, row->operation); break;
    case SHAPE_LOAD:
    case SHAPE_STORE: memory_access(t, opcode, row); break;
    default: special(t, opcode); break;
    }
}

/* To the `else` or `end` of the block that is left. */
static void skip_unreachable(hn_wasm_translator *t) {
    uint32_t depth = 0;
    while (!hn_wasm_is_failed(&t->reader)) {
        hn_wasm_reader before = t->reader;
        uint32_t opcode = hn_wasm_skip_instruction(&t->reader);
        if (depth == 0 && (opcode == HN_WASM_OP_END || opcode == HN_WASM_OP_ELSE)) {
            t->reader = before;
            return;
        }
        depth += hn_wasm_is_block(opcode);
        depth -= opcode == HN_WASM_OP_END;
    }
}

/* --- functions -------------------------------------------------------------------------------- */

static void add_locals(hn_wasm_translator *t, uint32_t count, uint8_t type) {
    uint32_t wanted = t->locals_count + count;
    if (type == HONE_WASM_V128) {
        refuse_vectors(t, t->reader.at);
        return;
    }
    if (wanted > t->classes_capacity) {
        t->local_classes = grow(t, t->local_classes, &t->classes_capacity, 1, wanted);
        t->local_uses = grow(t, t->local_uses, &t->uses_capacity, sizeof *t->local_uses, wanted);
    }
    if (hn_wasm_is_failed(&t->reader)) {
        return;
    }
    for (; t->locals_count < wanted; t->locals_count++) {
        t->local_classes[t->locals_count] = (uint8_t)hn_wasm_class_of(type);
        t->local_uses[t->locals_count] = 0;
    }
}

static void read_locals(hn_wasm_translator *t) {
    for (uint32_t i = 0; i < t->type->params_count; i++) {
        add_locals(t, 1, t->type->params[i]);
    }
    for (uint32_t i = 0; i < t->type->results_count; i++) {
        if (t->type->results[i] == HONE_WASM_V128) {
            refuse_vectors(t, t->reader.at);
        }
    }
    uint32_t groups = hn_wasm_read_u32(&t->reader);
    for (uint32_t i = 0; i < groups && !hn_wasm_is_failed(&t->reader); i++) {
        uint32_t count = hn_wasm_read_u32(&t->reader);
        uint8_t type = hn_wasm_read_byte(&t->reader);
        add_locals(t, count, type);
    }
    uint32_t results = t->type->results_count;
    t->record = t->locals_count > results ? t->locals_count : results;
    t->frame_slots = t->record + 2;
}

static void translate_body(hn_wasm_translator *t) {
    read_locals(t);
    if (hn_wasm_is_failed(&t->reader)) {
        return;
    }
    t->blocks = grow(t, t->blocks, &t->blocks_capacity, sizeof *t->blocks, 0);
    t->last = t->before = -1;
    (void)hn_wasm_emit(t, HN_WASM_DO_ENTER);
    emit_meter(t);
    hn_wasm_forget(t);
    if (hn_wasm_is_failed(&t->reader)) {
        return;
    }
    t->blocks[t->blocks_count++] =
        (hn_wasm_block){.type = t->type, .opcode = HN_WASM_OP_BLOCK, .is_reached = true};
    while (!hn_wasm_is_failed(&t->reader) && t->blocks_count) {
        if (!top(t)->is_reached) {
            skip_unreachable(t);
        }
        step(t);
    }
    if (!hn_wasm_is_failed(&t->reader)) {
        hn_wasm_op *enter = &t->ops[0];
        enter->a = (uint16_t)t->type->params_count;
        enter->b = (uint16_t)t->locals_count;
        enter->d = (uint16_t)t->record;
        enter->c = (uint16_t)t->frame_slots;
    }
}

static void release(hn_wasm_translator *t) {
    const hone_allocator *allocator = t->module->allocator;
    size_t alignment = _Alignof(max_align_t);
    hone_release(allocator, t->ops, t->ops_capacity * sizeof *t->ops, alignment);
    hone_release(allocator, t->items, t->items_capacity * sizeof *t->items, alignment);
    hone_release(allocator, t->blocks, t->blocks_capacity * sizeof *t->blocks, alignment);
    hone_release(allocator, t->local_classes, t->classes_capacity, alignment);
    hone_release(allocator, t->local_uses, t->uses_capacity * sizeof *t->local_uses, alignment);
}

/* The operations in a block of their exact size; the entry is set last. */
static hone_status keep(hn_wasm_translator *t, hn_wasm_code *code, hone_diag *diag) {
    hn_wasm_op *ops =
        hone_allocate(t->module->allocator, t->ops_count * sizeof *ops, _Alignof(hn_wasm_op));
    if (!ops) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for translated code");
    }
    memcpy(ops, t->ops, t->ops_count * sizeof *ops);
    code->ops = ops;
    code->ops_count = t->ops_count;
    /* Pairs with the acquire load in interpreter.c: who sees the entry sees the operations. */
    atomic_store_explicit(&code->entry, ops, memory_order_release);
    return HONE_OK;
}

hone_status hn_wasm_translate(hn_wasm_code *code, hone_diag *diag) {
    hone_wasm_module *module = code->module;
    hone_status status = HONE_OK;
    hone_mutex_lock(&module->translating);
    if (!code->ops) { /* another thread may have been first */
        const hn_wasm_body *body = &module->bodies[code->function - module->functions_imported];
        hn_wasm_translator t = {
            .reader = {.at = body->start,
                       .end = body->end,
                       .start = module->bytes.data,
                       .function = code->function,
                       .diag = diag},
            .module = module,
            .type = hn_wasm_type_of(module, code->function),
        };
        translate_body(&t);
        status = t.reader.status ? t.reader.status : keep(&t, code, diag);
        release(&t);
    }
    hone_mutex_unlock(&module->translating);
    return status;
}
