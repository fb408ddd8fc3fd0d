/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by translate.c (control) and emit.c (operands and operations).
 *
 * The translator keeps a model of the operand stack. An item is a local, a constant, or a value in
 * the item's own slot. Three accumulators (integers and references, f64, f32) hold the last result
 * of their class: `slot` names the slot whose value the accumulator has; while `is_pending` the
 * slot itself has not been written, and the operation that made the value is changed into its
 * storing variant if anything needs the slot.
 */
#ifndef HONE_WASM_TRANSLATE_INTERNAL_H
#define HONE_WASM_TRANSLATE_INTERNAL_H

#include "interpreter_internal.h"
#include "byte_reader_internal.h"

typedef enum hn_wasm_class {
    HN_WASM_CLASS_INT,
    HN_WASM_CLASS_F64,
    HN_WASM_CLASS_F32,
    HN_WASM_CLASSES_COUNT,
} hn_wasm_class;

typedef enum hn_wasm_item_kind {
    HN_WASM_ITEM_SLOT,
    HN_WASM_ITEM_LOCAL,
    HN_WASM_ITEM_CONSTANT,
} hn_wasm_item_kind;

typedef struct hn_wasm_item {
    uint64_t value; /* of a constant; the number of a local */
    uint8_t kind;
    uint8_t class_;
} hn_wasm_item;

/* Which field of an operation names the slot of its result. */
typedef enum hn_wasm_field {
    HN_WASM_FIELD_A,
    HN_WASM_FIELD_B,
    HN_WASM_FIELD_D,
} hn_wasm_field;

typedef struct hn_wasm_accumulator {
    int32_t slot; /* -1: nothing known */
    bool is_pending;
    hn_wasm_field field;
    uint32_t position; /* of the operation that made it */
    uint32_t operation;
} hn_wasm_accumulator;

/* An operand as an operation can take it. */
typedef struct hn_wasm_operand {
    enum { HN_WASM_IN_SLOT, HN_WASM_IN_ACC, HN_WASM_IMMEDIATE } where;
    uint16_t slot; /* also of an immediate: where it can be put */
    uint64_t value;
} hn_wasm_operand;

typedef struct hn_wasm_block {
    const hone_wasm_function_type *type; /* NULL: no parameters, `result` or nothing */
    uint8_t result;
    uint16_t opcode;
    uint32_t height;       /* items below the parameters */
    uint32_t loop_start;   /* position */
    uint32_t patches;      /* chain of branches to the end, position + 1; 0 ends it */
    uint32_t else_patches; /* of an `if` */
    uint32_t outer_meter;  /* where instructions were counted before this loop */
    bool is_reached;       /* the code that follows can be reached */
} hn_wasm_block;

typedef struct hn_wasm_translator {
    hn_wasm_reader reader;
    hone_wasm_module *module;
    const hone_wasm_function_type *type;
    hn_wasm_op *ops;
    uint32_t ops_count, ops_capacity;
    hn_wasm_op discarded; /* written to where there was no memory for the first operation */
    hn_wasm_item *items;
    uint32_t items_count, items_capacity;
    uint32_t settled_count; /* items from the bottom that are known to be no locals */
    hn_wasm_block *blocks;
    uint32_t blocks_count, blocks_capacity;
    uint8_t *local_classes;
    uint32_t *local_uses; /* items that are this local */
    uint32_t locals_count, classes_capacity, uses_capacity;
    uint32_t record; /* first of the two slots behind the locals */
    uint32_t frame_slots;
    hn_wasm_accumulator accumulators[HN_WASM_CLASSES_COUNT];
    uint32_t meter;          /* of a metered module: the operation that pays for what comes */
    int64_t last;            /* position of the last operation, -1 behind a label */
    uint32_t last_operation; /* its number */
    int64_t before;          /* the one before it */
    uint32_t before_operation;
} hn_wasm_translator;

#define HN_WASM_NO_SLOT (-1)

hn_wasm_class hn_wasm_class_of(uint8_t type);

/* emit.c. Failures stick to the reader. */
hn_wasm_op *hn_wasm_emit(hn_wasm_translator *t, uint32_t operation);
hn_wasm_op *hn_wasm_emit_cell(hn_wasm_translator *t);
uint16_t hn_wasm_own_slot(const hn_wasm_translator *t, uint32_t item);
void hn_wasm_push(hn_wasm_translator *t, hn_wasm_item_kind kind, hn_wasm_class class_,
                  uint64_t value);
void hn_wasm_drop_items(hn_wasm_translator *t, uint32_t count);
/* Pops. The accumulator counts as read by the operation that is emitted next. */
hn_wasm_operand hn_wasm_pop(hn_wasm_translator *t);
/* The same, but in a slot, whatever that takes. */
uint16_t hn_wasm_pop_slot(hn_wasm_translator *t);
/* Pushes the result of the operation emitted last, which is in the accumulator. */
void hn_wasm_push_result(hn_wasm_translator *t, hn_wasm_class class_, hn_wasm_field field);
/* Pushes a result that lies in the item's own slot, and for integers also in the accumulator. */
void hn_wasm_push_slot(hn_wasm_translator *t, hn_wasm_class class_, bool is_in_acc);
/* Makes item `index` a value in its own slot. */
void hn_wasm_settle(hn_wasm_translator *t, uint32_t index);
/* Stores what is pending. */
void hn_wasm_spill(hn_wasm_translator *t, hn_wasm_class class_);
void hn_wasm_spill_all(hn_wasm_translator *t);
/* The accumulators' content is unknown from here on; nothing may be pending. */
void hn_wasm_forget(hn_wasm_translator *t);
void hn_wasm_local_set(hn_wasm_translator *t, uint32_t local);
void hn_wasm_emit_move(hn_wasm_translator *t, uint32_t index, uint16_t to);
void hn_wasm_emit_binary(hn_wasm_translator *t, uint32_t opcode, uint32_t operation);
void hn_wasm_emit_unary(hn_wasm_translator *t, uint32_t opcode, uint32_t operation);
void hn_wasm_emit_load(hn_wasm_translator *t, uint32_t operation, hn_wasm_class class_,
                       uint32_t offset);
void hn_wasm_emit_store(hn_wasm_translator *t, uint32_t operation, hn_wasm_class class_,
                        uint32_t offset);
void hn_wasm_emit_select(hn_wasm_translator *t);
/* A conditional branch on the top item; returns the position whose distance is to be set. */
uint32_t hn_wasm_emit_condition(hn_wasm_translator *t, bool is_wanted);

#endif
