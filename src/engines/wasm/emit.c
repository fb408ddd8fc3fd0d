/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator's model of operands, and the choice of variants: what is a local, a constant or
 * still in an accumulator becomes an operand of the operation instead of one of its own; a compare
 * before a branch disappears in it.
 */
#include "translate_internal.h"

#include <assert.h>

#include "numeric_internal.h"

enum { SLOTS_MAX = 65535 };

/* Variants in the order of HN_WASM_VARIANTS_...: the storing one follows each. */
enum { SS = 0, SI = 2, RS = 4, RI = 6, SR = 8, VARIANTS_BINARY = 10 };
enum { S = 0, R = 2, VARIANTS_UNARY = 4 };
enum { STORE_S, STORE_R, STORE_W, STORE_K };             /* the address */
enum { STORE_SLOT = 0, STORE_ACC = 4, STORE_SMALL = 8 }; /* and the value */
enum { BRANCH_SS, BRANCH_RS, BRANCH_SH, BRANCH_RH, BRANCH_SW, BRANCH_RW, VARIANTS_BRANCH };
enum { VARIANTS_BRANCH_FLOAT = 4, VARIANTS_COUNT = 2 };
enum { UNLESS_SS = 2 };

hn_wasm_class hn_wasm_class_of(uint8_t type) {
    return type == HONE_WASM_F64   ? HN_WASM_CLASS_F64
           : type == HONE_WASM_F32 ? HN_WASM_CLASS_F32
                                   : HN_WASM_CLASS_INT;
}

static void *grow(hn_wasm_translator *t, void *array, uint32_t *capacity, size_t size) {
    uint32_t larger = *capacity ? *capacity * 2 : 256;
    const hone_allocator *allocator = t->module->allocator;
    size_t alignment = _Alignof(max_align_t);
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

/* After a failure operations go nowhere: the last cell is overwritten, or one that is not kept. */
static hn_wasm_op *next_cell(hn_wasm_translator *t) {
    if (t->ops_count == t->ops_capacity) {
        t->ops = grow(t, t->ops, &t->ops_capacity, sizeof *t->ops);
        if (!t->ops) {
            return &t->discarded;
        }
        if (t->ops_count == t->ops_capacity) {
            t->ops_count--;
        }
    }
    hn_wasm_op *op = &t->ops[t->ops_count++];
    *op = (hn_wasm_op){.x = 0};
    op->y = 0;
    return op;
}

hn_wasm_op *hn_wasm_emit(hn_wasm_translator *t, uint32_t operation) {
    hn_wasm_op *op = next_cell(t);
    op->handler = hn_wasm_handler_of(operation);
    t->before = t->last;
    t->before_operation = t->last_operation;
    t->last = (int64_t)t->ops_count - 1;
    t->last_operation = operation;
    return op;
}

hn_wasm_op *hn_wasm_emit_cell(hn_wasm_translator *t) {
    return next_cell(t);
}

uint16_t hn_wasm_own_slot(const hn_wasm_translator *t, uint32_t item) {
    return (uint16_t)(t->record + 2 + item);
}

static uint16_t slot_of(const hn_wasm_translator *t, uint32_t index) {
    const hn_wasm_item *item = &t->items[index];
    return item->kind == HN_WASM_ITEM_LOCAL ? (uint16_t)item->value : hn_wasm_own_slot(t, index);
}

/* --- accumulators ----------------------------------------------------------------------------- */

static void set_field(hn_wasm_op *op, hn_wasm_field field, uint16_t slot) {
    switch (field) {
    case HN_WASM_FIELD_A: op->a = slot; break;
    case HN_WASM_FIELD_B: op->b = slot; break;
    case HN_WASM_FIELD_D: op->d = slot; break;
    }
}

/* Changes the operation that made the accumulator's value into the one that stores it, too. */
static void store_result(hn_wasm_translator *t, hn_wasm_accumulator *acc, uint16_t slot) {
    hn_wasm_op *op = &t->ops[acc->position];
    acc->operation++;
    op->handler = hn_wasm_handler_of(acc->operation);
    set_field(op, acc->field, slot);
    if (t->last == acc->position) {
        t->last_operation = acc->operation;
    }
    acc->is_pending = false;
    acc->slot = slot;
}

void hn_wasm_spill(hn_wasm_translator *t, hn_wasm_class class_) {
    hn_wasm_accumulator *acc = &t->accumulators[class_];
    if (acc->is_pending) {
        store_result(t, acc, (uint16_t)acc->slot);
    }
}

void hn_wasm_spill_all(hn_wasm_translator *t) {
    for (int i = 0; i < HN_WASM_CLASSES_COUNT; i++) {
        hn_wasm_spill(t, (hn_wasm_class)i);
    }
}

void hn_wasm_forget(hn_wasm_translator *t) {
    for (int i = 0; i < HN_WASM_CLASSES_COUNT; i++) {
        assert(!t->accumulators[i].is_pending);
        t->accumulators[i].slot = HN_WASM_NO_SLOT;
    }
}

/* The slot gets a new value: no accumulator has it any more. */
static void forget_slot(hn_wasm_translator *t, int32_t slot) {
    for (int i = 0; i < HN_WASM_CLASSES_COUNT; i++) {
        if (t->accumulators[i].slot == slot) {
            assert(!t->accumulators[i].is_pending);
            t->accumulators[i].slot = HN_WASM_NO_SLOT;
        }
    }
}

/* --- items ------------------------------------------------------------------------------------ */

void hn_wasm_push(hn_wasm_translator *t, hn_wasm_item_kind kind, hn_wasm_class class_,
                  uint64_t value) {
    if (t->items_count == t->items_capacity) {
        t->items = grow(t, t->items, &t->items_capacity, sizeof *t->items);
    }
    uint32_t slots = t->record + 2 + t->items_count + 1;
    if (slots > SLOTS_MAX) {
        hn_wasm_fail_at(&t->reader, t->reader.at, HONE_STATUS_LIMIT,
                        "a function with more than %d locals and operands", SLOTS_MAX);
    }
    if (hn_wasm_is_failed(&t->reader)) {
        return;
    }
    t->frame_slots = slots > t->frame_slots ? slots : t->frame_slots;
    t->items[t->items_count++] = (hn_wasm_item){value, (uint8_t)kind, (uint8_t)class_};
    if (kind == HN_WASM_ITEM_LOCAL) {
        t->local_uses[value]++;
    }
}

void hn_wasm_drop_items(hn_wasm_translator *t, uint32_t count) {
    for (uint32_t i = 0; i < count && t->items_count; i++) {
        uint32_t index = --t->items_count;
        const hn_wasm_item *item = &t->items[index];
        hn_wasm_accumulator *acc = &t->accumulators[item->class_];
        if (item->kind == HN_WASM_ITEM_LOCAL) {
            t->local_uses[item->value]--;
        } else if (acc->is_pending && acc->slot == hn_wasm_own_slot(t, index)) {
            acc->is_pending = false;
            acc->slot = HN_WASM_NO_SLOT;
        }
    }
    t->settled_count = t->settled_count < t->items_count ? t->settled_count : t->items_count;
}

hn_wasm_operand hn_wasm_pop(hn_wasm_translator *t) {
    if (hn_wasm_is_failed(&t->reader) || t->items_count == 0) {
        return (hn_wasm_operand){0};
    }
    uint32_t index = t->items_count - 1;
    const hn_wasm_item *item = &t->items[index];
    hn_wasm_operand operand = {HN_WASM_IN_SLOT, slot_of(t, index), item->value};
    if (item->kind == HN_WASM_ITEM_CONSTANT) {
        operand.where = HN_WASM_IMMEDIATE;
    } else if (t->accumulators[item->class_].slot == operand.slot) {
        operand.where = HN_WASM_IN_ACC;
    }
    hn_wasm_drop_items(t, 1);
    return operand;
}

static void emit_constant(hn_wasm_translator *t, uint64_t value, uint16_t slot) {
    forget_slot(t, slot);
    if ((uint64_t)(int64_t)(int32_t)value == value) {
        hn_wasm_op *op = hn_wasm_emit(t, HN_WASM_DO_SET_i);
        op->a = slot;
        op->i = (int32_t)value;
    } else {
        hn_wasm_emit(t, HN_WASM_DO_SET_w)->a = slot;
        hn_wasm_emit_cell(t)->x = value;
    }
}

static void immediate_to_slot(hn_wasm_translator *t, hn_wasm_operand *operand) {
    if (operand->where == HN_WASM_IMMEDIATE) {
        emit_constant(t, operand->value, operand->slot);
        operand->where = HN_WASM_IN_SLOT;
    }
}

uint16_t hn_wasm_pop_slot(hn_wasm_translator *t) {
    if (hn_wasm_is_failed(&t->reader) || t->items_count == 0) {
        return 0;
    }
    uint32_t index = t->items_count - 1;
    if (t->items[index].kind != HN_WASM_ITEM_LOCAL) {
        hn_wasm_settle(t, index);
    }
    uint16_t slot = slot_of(t, index);
    hn_wasm_drop_items(t, 1);
    return slot;
}

static const uint16_t set_operations[HN_WASM_CLASSES_COUNT] = {HN_WASM_DO_SET_r, HN_WASM_DO_SET_f,
                                                               HN_WASM_DO_SET_g};

/* Copies an item to a slot that is not its own, without changing the model. */
void hn_wasm_emit_move(hn_wasm_translator *t, uint32_t index, uint16_t to) {
    const hn_wasm_item *item = &t->items[index];
    if (item->kind == HN_WASM_ITEM_CONSTANT) {
        emit_constant(t, item->value, to);
        return;
    }
    uint16_t from = slot_of(t, index);
    if (t->accumulators[item->class_].slot == from) {
        hn_wasm_emit(t, set_operations[item->class_])->d = to;
    } else {
        hn_wasm_op *op = hn_wasm_emit(t, HN_WASM_DO_COPY);
        op->a = from;
        op->d = to;
    }
}

void hn_wasm_settle(hn_wasm_translator *t, uint32_t index) {
    hn_wasm_item *item = &t->items[index];
    uint16_t own = hn_wasm_own_slot(t, index);
    hn_wasm_accumulator *acc = &t->accumulators[item->class_];
    if (item->kind == HN_WASM_ITEM_SLOT) {
        if (acc->is_pending && acc->slot == own) {
            hn_wasm_spill(t, (hn_wasm_class)item->class_);
        }
        return;
    }
    forget_slot(t, own);
    hn_wasm_emit_move(t, index, own);
    if (item->kind == HN_WASM_ITEM_LOCAL) {
        t->local_uses[item->value]--;
    }
    item->kind = HN_WASM_ITEM_SLOT;
}

void hn_wasm_push_result(hn_wasm_translator *t, hn_wasm_class class_, hn_wasm_field field) {
    int32_t own = hn_wasm_own_slot(t, t->items_count);
    forget_slot(t, own);
    t->accumulators[class_] =
        (hn_wasm_accumulator){own, true, field, (uint32_t)t->last, t->last_operation};
    hn_wasm_push(t, HN_WASM_ITEM_SLOT, class_, 0);
}

void hn_wasm_push_slot(hn_wasm_translator *t, hn_wasm_class class_, bool is_in_acc) {
    int32_t own = hn_wasm_own_slot(t, t->items_count);
    forget_slot(t, own);
    if (is_in_acc) {
        t->accumulators[class_] = (hn_wasm_accumulator){.slot = own};
    }
    hn_wasm_push(t, HN_WASM_ITEM_SLOT, class_, 0);
}

/* Items that stand for the local get its old value before it changes; those are found from the top
 * down, so that the search ends early. */
static void save_uses(hn_wasm_translator *t, uint32_t local, uint32_t below) {
    for (uint32_t i = below; i-- > 0 && t->local_uses[local];) {
        if (t->items[i].kind == HN_WASM_ITEM_LOCAL && t->items[i].value == local) {
            hn_wasm_settle(t, i);
        }
    }
}

void hn_wasm_local_set(hn_wasm_translator *t, uint32_t local) {
    if (hn_wasm_is_failed(&t->reader) || t->items_count == 0) {
        return;
    }
    uint32_t index = t->items_count - 1;
    hn_wasm_item item = t->items[index];
    if (item.kind == HN_WASM_ITEM_LOCAL && item.value == local) { /* to itself */
        hn_wasm_drop_items(t, 1);
        return;
    }
    save_uses(t, local, index);
    hn_wasm_accumulator *acc = &t->accumulators[item.class_];
    bool is_acc = item.kind != HN_WASM_ITEM_CONSTANT && acc->slot == slot_of(t, index);
    hn_wasm_accumulator before = *acc;
    if (is_acc && acc->is_pending && t->last == (int64_t)acc->position) {
        acc->is_pending = false; /* the producer writes to the local instead */
        acc->slot = HN_WASM_NO_SLOT;
        forget_slot(t, (int32_t)local);
        *acc = before;
        store_result(t, acc, (uint16_t)local);
    } else if (is_acc) {
        acc->is_pending = false;
        acc->slot = HN_WASM_NO_SLOT;
        forget_slot(t, (int32_t)local);
        hn_wasm_emit(t, set_operations[item.class_])->d = (uint16_t)local;
        *acc = (hn_wasm_accumulator){.slot = (int32_t)local};
    } else {
        forget_slot(t, (int32_t)local);
        hn_wasm_emit_move(t, index, (uint16_t)local);
    }
    hn_wasm_drop_items(t, 1);
}

/* --- operations ------------------------------------------------------------------------------- */

/* Before an operation that writes to an accumulator: whatever item is still pending there. */
static void claim(hn_wasm_translator *t, hn_wasm_class class_) {
    hn_wasm_spill(t, class_);
}

static hn_wasm_class class_of_letter(char letter) {
    return letter == 'F'   ? HN_WASM_CLASS_F64
           : letter == 'f' ? HN_WASM_CLASS_F32
                           : HN_WASM_CLASS_INT;
}

/* The instruction with its operands exchanged, or 0. */
static uint32_t exchanged(uint32_t opcode) {
    static const uint8_t ints[10] = {0, 1, 4, 5, 2, 3, 8, 9, 6, 7};
    static const uint8_t floats[6] = {0, 1, 3, 2, 5, 4};
    if (opcode >= HN_WASM_OP_I32_EQ && opcode <= HN_WASM_OP_I32_GE_U) {
        return HN_WASM_OP_I32_EQ + ints[opcode - HN_WASM_OP_I32_EQ];
    }
    if (opcode >= HN_WASM_OP_I64_EQ && opcode <= HN_WASM_OP_I64_GE_U) {
        return HN_WASM_OP_I64_EQ + ints[opcode - HN_WASM_OP_I64_EQ];
    }
    if (opcode >= HN_WASM_OP_F32_EQ && opcode <= HN_WASM_OP_F32_GE) {
        return HN_WASM_OP_F32_EQ + floats[opcode - HN_WASM_OP_F32_EQ];
    }
    if (opcode >= HN_WASM_OP_F64_EQ && opcode <= HN_WASM_OP_F64_GE) {
        return HN_WASM_OP_F64_EQ + floats[opcode - HN_WASM_OP_F64_EQ];
    }
    switch (opcode) {
    case HN_WASM_OP_I32_ADD:
    case HN_WASM_OP_I32_MUL:
    case HN_WASM_OP_I32_AND:
    case HN_WASM_OP_I32_OR:
    case HN_WASM_OP_I32_XOR:
    case HN_WASM_OP_I64_ADD:
    case HN_WASM_OP_I64_MUL:
    case HN_WASM_OP_I64_AND:
    case HN_WASM_OP_I64_OR:
    case HN_WASM_OP_I64_XOR: return opcode;
    default: return 0; /* floats: which NaN comes out depends on the order */
    }
}

/* Whether the constant of that type can stand in 32 bits of an operation; then which. */
static bool is_short(char type, uint64_t value, int32_t *out_bits) {
    *out_bits = (int32_t)value;
    if (type == 'I') {
        return (uint64_t)(int64_t)(int32_t)value == value;
    }
    if (type == 'F') {
        double wide = hn_double_of(value);
        float narrow = wide == wide && hn_abs_f64(wide) <= 1e30 ? (float)wide : 0;
        *out_bits = (int32_t)hn_bits_f32(narrow);
        return hn_bits_f64((double)narrow) == value;
    }
    return true;
}

void hn_wasm_emit_binary(hn_wasm_translator *t, uint32_t opcode, uint32_t operation) {
    const hn_wasm_instruction *row = hn_wasm_instruction_of(opcode);
    hn_wasm_class class_ = class_of_letter(row->results[0]);
    hn_wasm_operand b = hn_wasm_pop(t), a = hn_wasm_pop(t);
    uint32_t other = exchanged(opcode);
    if (a.where == HN_WASM_IMMEDIATE && b.where != HN_WASM_IMMEDIATE && other) {
        hn_wasm_operand swap = a;
        a = b;
        b = swap;
        operation =
            (uint32_t)((int32_t)operation + ((int32_t)other - (int32_t)opcode) * VARIANTS_BINARY);
    }
    int32_t bits = 0;
    immediate_to_slot(t, &a);
    if (b.where == HN_WASM_IMMEDIATE && !is_short(row->params[0], b.value, &bits)) {
        immediate_to_slot(t, &b);
    }
    claim(t, class_);
    bool is_acc = a.where == HN_WASM_IN_ACC;
    if (b.where == HN_WASM_IMMEDIATE) {
        hn_wasm_op *op = hn_wasm_emit(t, operation + (is_acc ? RI : SI));
        op->a = a.slot;
        op->i = bits;
        hn_wasm_push_result(t, class_, HN_WASM_FIELD_B);
        return;
    }
    uint32_t variant = is_acc ? RS : b.where == HN_WASM_IN_ACC ? SR : SS;
    hn_wasm_op *op = hn_wasm_emit(t, operation + variant);
    op->a = a.slot;
    op->b = b.slot;
    hn_wasm_push_result(t, class_, HN_WASM_FIELD_D);
}

/* Compares in the order of HN_WASM_COMPARES: ten of each integer type, six of each float. */
enum { COMPARES_INT = 20, COMPARES = 32 };

static bool is_compare(uint32_t operation, uint32_t *out_index, uint32_t *out_variant) {
    if (operation < HN_WASM_DO_I32_EQ_ss) {
        return false;
    }
    uint32_t distance = operation - HN_WASM_DO_I32_EQ_ss;
    *out_index = distance / VARIANTS_BINARY;
    *out_variant = distance % VARIANTS_BINARY;
    return *out_index < COMPARES;
}

/* Of integers: what holds when the compare does not. */
static uint32_t inverted(uint32_t index) {
    static const uint8_t inverse[10] = {1, 0, 8, 9, 6, 7, 4, 5, 2, 3};
    return index / 10 * 10 + inverse[index % 10];
}

/* The top item is the pending result of the operation emitted last. */
static bool is_fresh(const hn_wasm_translator *t) {
    const hn_wasm_accumulator *acc = &t->accumulators[HN_WASM_CLASS_INT];
    uint32_t top = t->items_count - 1;
    return t->items_count && t->items[top].kind == HN_WASM_ITEM_SLOT && acc->is_pending &&
           acc->slot == hn_wasm_own_slot(t, top) && t->last == (int64_t)acc->position;
}

void hn_wasm_emit_unary(hn_wasm_translator *t, uint32_t opcode, uint32_t operation) {
    const hn_wasm_instruction *row = hn_wasm_instruction_of(opcode);
    uint32_t index, variant;
    if (opcode == HN_WASM_OP_I32_EQZ && is_fresh(t) &&
        is_compare(t->last_operation, &index, &variant) && index < COMPARES_INT) {
        hn_wasm_accumulator *acc = &t->accumulators[HN_WASM_CLASS_INT];
        acc->operation = HN_WASM_DO_I32_EQ_ss + inverted(index) * VARIANTS_BINARY + variant;
        t->last_operation = acc->operation;
        t->ops[t->last].handler = hn_wasm_handler_of(acc->operation);
        return;
    }
    hn_wasm_class class_ = class_of_letter(row->results[0]);
    hn_wasm_operand a = hn_wasm_pop(t);
    immediate_to_slot(t, &a);
    claim(t, class_);
    hn_wasm_emit(t, operation + (a.where == HN_WASM_IN_ACC ? R : S))->a = a.slot;
    hn_wasm_push_result(t, class_, HN_WASM_FIELD_D);
}

/* Takes the operation emitted last back; its result, which is the top item, with it. */
static hn_wasm_op take_back(hn_wasm_translator *t) {
    hn_wasm_op op = t->ops[t->last];
    hn_wasm_drop_items(t, 1);
    t->ops_count = (uint32_t)t->last;
    t->last = t->before;
    t->last_operation = t->before_operation;
    t->before = -1;
    t->accumulators[HN_WASM_CLASS_INT].slot = HN_WASM_NO_SLOT;
    return op;
}

typedef struct address {
    uint32_t variant; /* STORE_S and so on; twice that for loads */
    uint16_t slot;
    uint32_t offset;
} address;

/* Pops an address: a constant joins the offset; an addition that made it joins the access when
 * there is no offset that it must not wrap around with. */
static address pop_address(hn_wasm_translator *t, uint32_t offset) {
    if (offset == 0 && is_fresh(t) && t->last_operation == HN_WASM_DO_I32_ADD_si) {
        hn_wasm_op sum = take_back(t);
        return (address){STORE_W, sum.a, sum.u};
    }
    hn_wasm_operand operand = hn_wasm_pop(t);
    uint64_t constant = (uint64_t)(uint32_t)operand.value + offset;
    if (operand.where == HN_WASM_IMMEDIATE && constant <= UINT32_MAX) {
        return (address){STORE_K, 0, (uint32_t)constant};
    }
    immediate_to_slot(t, &operand);
    return (address){operand.where == HN_WASM_IN_ACC ? STORE_R : STORE_S, operand.slot, offset};
}

void hn_wasm_emit_load(hn_wasm_translator *t, uint32_t operation, hn_wasm_class class_,
                       uint32_t offset) {
    address from = pop_address(t, offset);
    hn_wasm_spill(t, class_);
    hn_wasm_op *op = hn_wasm_emit(t, operation + 2 * from.variant);
    op->a = from.slot;
    op->u = from.offset;
    hn_wasm_push_result(t, class_, HN_WASM_FIELD_B);
}

/* A constant that a store can hold in 16 bits: an integer, or a float that is a small whole one. */
static bool is_small(hn_wasm_class class_, uint64_t value, uint16_t *out_bits) {
    double number =
        class_ == HN_WASM_CLASS_F64 ? hn_double_of(value) : (double)hn_float_of((uint32_t)value);
    int64_t whole = (int64_t)value;
    if (class_ != HN_WASM_CLASS_INT) {
        bool is_whole = number >= -1000 && number <= 1000 && number == (double)(int16_t)number;
        if (!is_whole || (number == 0 && value != 0)) {
            return false;
        }
        whole = (int64_t)number;
    }
    if (whole != (int16_t)whole) {
        return false;
    }
    *out_bits = (uint16_t)whole;
    return true;
}

void hn_wasm_emit_store(hn_wasm_translator *t, uint32_t operation, hn_wasm_class class_,
                        uint32_t offset) {
    hn_wasm_operand value = hn_wasm_pop(t);
    address to = pop_address(t, offset);
    uint16_t bits = value.slot;
    uint32_t variant = STORE_SMALL;
    if (value.where != HN_WASM_IMMEDIATE || !is_small(class_, value.value, &bits)) {
        immediate_to_slot(t, &value);
        variant = value.where == HN_WASM_IN_ACC ? STORE_ACC : STORE_SLOT;
    }
    hn_wasm_op *op = hn_wasm_emit(t, operation + to.variant + variant);
    op->a = to.slot;
    op->b = bits;
    op->u = to.offset;
}

void hn_wasm_emit_select(hn_wasm_translator *t) {
    if (t->items_count < 3) {
        return; /* failed before */
    }
    hn_wasm_operand condition = hn_wasm_pop(t);
    immediate_to_slot(t, &condition);
    hn_wasm_class class_ = (hn_wasm_class)t->items[t->items_count - 1].class_;
    uint16_t b = hn_wasm_pop_slot(t), a = hn_wasm_pop_slot(t);
    claim(t, HN_WASM_CLASS_INT);
    bool is_acc = condition.where == HN_WASM_IN_ACC;
    hn_wasm_op *op = hn_wasm_emit(t, is_acc ? HN_WASM_DO_SELECT_r : HN_WASM_DO_SELECT_s);
    op->a = a;
    op->b = b;
    op->d = hn_wasm_own_slot(t, t->items_count);
    op->c = condition.slot;
    t->accumulators[HN_WASM_CLASS_INT].slot = HN_WASM_NO_SLOT;
    hn_wasm_push_slot(t, class_, class_ == HN_WASM_CLASS_INT);
}

/* --- branches --------------------------------------------------------------------------------- */

/* A compare as it was emitted, and as a branch may take it. */
typedef struct compare {
    hn_wasm_op op;
    uint32_t index; /* in the order of HN_WASM_COMPARES */
    uint32_t variant;
} compare;

static uint32_t swapped(uint32_t index) {
    static const uint8_t ints[10] = {0, 1, 4, 5, 2, 3, 8, 9, 6, 7};
    static const uint8_t floats[6] = {0, 1, 3, 2, 5, 4};
    uint32_t start = index < COMPARES_INT ? index / 10 * 10 : index < 26 ? 20 : 26;
    return start + (index < COMPARES_INT ? ints : floats)[index - start];
}

static void branch_int(hn_wasm_translator *t, const compare *what, bool is_wanted) {
    bool is_acc = what->variant == RI || what->variant == RS;
    bool is_immediate = what->variant == SI || what->variant == RI;
    bool is_short_one = is_immediate && what->op.i == (int16_t)what->op.i;
    uint32_t index = is_wanted ? what->index : inverted(what->index);
    uint32_t branch = !is_immediate ? BRANCH_SS : is_short_one ? BRANCH_SH : BRANCH_SW;
    hn_wasm_op *op = hn_wasm_emit(t, HN_WASM_DO_BR_I32_EQ_ss + index * VARIANTS_BRANCH + branch +
                                         (uint32_t)is_acc);
    op->a = what->op.a;
    op->b = is_short_one ? (uint16_t)what->op.i : what->op.b;
    if (is_immediate && !is_short_one) {
        hn_wasm_emit_cell(t)->x = (uint64_t)(int64_t)what->op.i;
    }
}

static void branch_float(hn_wasm_translator *t, const compare *what, bool is_wanted) {
    uint32_t branch = (what->variant == RS ? BRANCH_RS : BRANCH_SS) + (is_wanted ? 0 : UNLESS_SS);
    hn_wasm_op *op = hn_wasm_emit(
        t, HN_WASM_DO_BR_F32_EQ_ss + (what->index - COMPARES_INT) * VARIANTS_BRANCH_FLOAT + branch);
    op->a = what->op.a;
    op->b = what->op.b;
}

/* Whether an operation adds a small constant to a local. */
static bool is_count(const hn_wasm_translator *t, int64_t position, uint32_t operation) {
    if (position < 0 || operation != HN_WASM_DO_I32_ADD_sid) {
        return false;
    }
    const hn_wasm_op *op = &t->ops[position];
    return op->a == op->b && op->a < t->locals_count && op->i == (int16_t)op->i;
}

/* The addition before the compare disappears as well. */
static void branch_count(hn_wasm_translator *t, const compare *what, bool is_wanted) {
    hn_wasm_op sum = t->ops[t->last];
    uint32_t index = is_wanted ? what->index : inverted(what->index);
    bool is_immediate = what->variant == RI;
    t->ops_count = (uint32_t)t->last;
    t->last = -1;
    hn_wasm_op *op =
        hn_wasm_emit(t, HN_WASM_DO_BA_I32_EQ_s + index * VARIANTS_COUNT + (uint32_t)is_immediate);
    op->a = sum.a;
    op->b = (uint16_t)sum.i;
    hn_wasm_op *cell = hn_wasm_emit_cell(t);
    if (is_immediate) {
        cell->x = (uint64_t)(int64_t)what->op.i;
    } else {
        cell->a = what->op.b;
    }
    t->accumulators[HN_WASM_CLASS_INT] = (hn_wasm_accumulator){.slot = sum.a};
}

/* Turns the compare that was emitted last into a branch; false when there is no such branch. */
static bool fuse_compare(hn_wasm_translator *t, bool is_wanted) {
    compare what;
    if (!is_fresh(t) || !is_compare(t->last_operation, &what.index, &what.variant)) {
        return false;
    }
    bool is_int = what.index < COMPARES_INT;
    if (!is_int && (what.variant == SI || what.variant == RI)) {
        return false;
    }
    what.op = take_back(t);
    if (what.variant == SR) {
        what.index = swapped(what.index);
        what.op.b = what.op.a;
        what.variant = RS;
    }
    bool is_acc = what.variant == RS || what.variant == RI;
    if (!is_int) {
        branch_float(t, &what, is_wanted);
    } else if (what.index < 10 && is_acc && is_count(t, t->last, t->last_operation)) {
        branch_count(t, &what, is_wanted);
    } else {
        branch_int(t, &what, is_wanted);
    }
    return true;
}

/* A loop counter that runs to zero. */
static bool fuse_count(hn_wasm_translator *t, bool is_wanted) {
    if (t->items_count == 0 || !is_count(t, t->last, t->last_operation)) {
        return false;
    }
    const hn_wasm_item *item = &t->items[t->items_count - 1];
    hn_wasm_op sum = t->ops[t->last];
    if (item->kind != HN_WASM_ITEM_LOCAL || item->value != sum.a) {
        return false;
    }
    hn_wasm_drop_items(t, 1);
    t->ops_count = (uint32_t)t->last;
    t->last = -1;
    hn_wasm_op *op = hn_wasm_emit(t, is_wanted ? HN_WASM_DO_BA_IF : HN_WASM_DO_BA_UNLESS);
    op->a = sum.a;
    op->b = (uint16_t)sum.i;
    return true;
}

/* `eqz` before a branch. */
static bool fuse_eqz(hn_wasm_translator *t, bool is_wanted) {
    if (!is_fresh(t)) {
        return false;
    }
    uint32_t operation = t->last_operation;
    uint16_t slot = t->ops[t->last].a;
    bool is_32 = operation == HN_WASM_DO_I32_EQZ_s || operation == HN_WASM_DO_I32_EQZ_r;
    if (!is_32 && operation != HN_WASM_DO_I64_EQZ_s && operation != HN_WASM_DO_I64_EQZ_r) {
        return false;
    }
    bool is_acc = operation == HN_WASM_DO_I32_EQZ_r || operation == HN_WASM_DO_I64_EQZ_r;
    (void)take_back(t);
    if (is_32) {
        uint32_t base = is_wanted ? HN_WASM_DO_BR_UNLESS_s : HN_WASM_DO_BR_IF_s;
        hn_wasm_emit(t, base + is_acc)->a = slot;
    } else {
        uint32_t base = is_wanted ? HN_WASM_DO_BR_I64_EQ_sh : HN_WASM_DO_BR_I64_NE_sh;
        hn_wasm_emit(t, base + is_acc)->a = slot;
    }
    return true;
}

uint32_t hn_wasm_emit_condition(hn_wasm_translator *t, bool is_wanted) {
    if (!fuse_compare(t, is_wanted) && !fuse_eqz(t, is_wanted) && !fuse_count(t, is_wanted)) {
        hn_wasm_operand condition = hn_wasm_pop(t);
        immediate_to_slot(t, &condition);
        uint32_t base = is_wanted ? HN_WASM_DO_BR_IF_s : HN_WASM_DO_BR_UNLESS_s;
        hn_wasm_emit(t, base + (condition.where == HN_WASM_IN_ACC))->a = condition.slot;
    }
    return (uint32_t)t->last;
}
