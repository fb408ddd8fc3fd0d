/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions that are calls rather than operations: growth, bulk moves, tables, and loads
 * and stores in memories that are not memory 0 with 32-bit addresses. Every range is checked before
 * anything is written.
 */
#include <assert.h>

#include "instance_internal.h"

/* Whether `size` from `from` on lies within `limit`; no sum is made that could overflow. */
static bool is_inside(uint64_t from, uint64_t size, uint64_t limit) {
    return size <= limit && from <= limit - size;
}

hone_wasm_trap hn_wasm_memory_init(hone_wasm_instance *instance, uint32_t segment, uint32_t memory,
                                   uint64_t to, uint64_t from, uint64_t size) {
    hone_span bytes = instance->module->data[segment].bytes;
    uint64_t available = instance->is_data_dropped[segment] ? 0 : bytes.size;
    hone_wasm_memory *target = instance->memories[memory];
    if (!is_inside(from, size, available) || !is_inside(to, size, target->size_bytes)) {
        return HONE_WASM_TRAP_OUT_OF_BOUNDS_MEMORY;
    }
    if (size) {
        memcpy(target->data + to, bytes.data + from, size);
    }
    return HONE_WASM_TRAP_NONE;
}

static hone_wasm_value element_value(const hone_wasm_instance *instance, hn_wasm_element element) {
    hone_wasm_value value = {.u64 = 0};
    if (element.opcode == HN_WASM_OP_REF_FUNC) {
        value.function = instance->functions[element.index];
    } else if (element.opcode == HN_WASM_OP_GLOBAL_GET) {
        value.u64 = instance->globals[element.index]->value[0].i64;
    }
    return value;
}

hone_wasm_trap hn_wasm_table_init(hone_wasm_instance *instance, uint32_t segment, uint32_t table,
                                  uint64_t to, uint64_t from, uint64_t size) {
    const hn_wasm_element_segment *source = &instance->module->elements[segment];
    uint64_t available = instance->is_element_dropped[segment] ? 0 : source->elements_count;
    hone_wasm_table *target = instance->tables[table];
    if (!is_inside(from, size, available) || !is_inside(to, size, target->size)) {
        return HONE_WASM_TRAP_OUT_OF_BOUNDS_TABLE;
    }
    for (uint64_t i = 0; i < size; i++) {
        target->elements[to + i] = element_value(instance, source->elements[from + i]);
    }
    return HONE_WASM_TRAP_NONE;
}

/* An address or size of memory `index`. */
static uint64_t address_of(const hone_wasm_memory *memory, hn_wasm_slot slot) {
    return memory->limits.is_64 ? slot.i64 : slot.i32;
}

static hone_wasm_trap memory_copy(const hone_wasm_instance *instance, const hn_wasm_op *operands,
                                  const hn_wasm_slot *fp) {
    hone_wasm_memory *to = instance->memories[operands->x], *from = instance->memories[operands->y];
    uint64_t target = address_of(to, fp[0]), source = address_of(from, fp[1]);
    uint64_t size = to->limits.is_64 && from->limits.is_64 ? fp[2].i64 : fp[2].i32;
    if (!is_inside(target, size, to->size_bytes) || !is_inside(source, size, from->size_bytes)) {
        return HONE_WASM_TRAP_OUT_OF_BOUNDS_MEMORY;
    }
    if (size) {
        memmove(to->data + target, from->data + source, size);
    }
    return HONE_WASM_TRAP_NONE;
}

static hone_wasm_trap memory_fill(const hone_wasm_memory *memory, const hn_wasm_slot *fp) {
    uint64_t to = address_of(memory, fp[0]), size = address_of(memory, fp[2]);
    if (!is_inside(to, size, memory->size_bytes)) {
        return HONE_WASM_TRAP_OUT_OF_BOUNDS_MEMORY;
    }
    if (size) {
        memset(memory->data + to, (uint8_t)fp[1].i32, size);
    }
    return HONE_WASM_TRAP_NONE;
}

static hone_wasm_trap table_copy(const hone_wasm_table *to, const hone_wasm_table *from,
                                 const hn_wasm_slot *fp) {
    uint64_t target = fp[0].i32, source = fp[1].i32, size = fp[2].i32;
    if (!is_inside(target, size, to->size) || !is_inside(source, size, from->size)) {
        return HONE_WASM_TRAP_OUT_OF_BOUNDS_TABLE;
    }
    if (size) {
        memmove(to->elements + target, from->elements + source, size * sizeof *to->elements);
    }
    return HONE_WASM_TRAP_NONE;
}

static hone_wasm_trap table_fill(const hone_wasm_table *table, const hn_wasm_slot *fp) {
    uint64_t to = fp[0].i32, size = fp[2].i32;
    if (!is_inside(to, size, table->size)) {
        return HONE_WASM_TRAP_OUT_OF_BOUNDS_TABLE;
    }
    for (uint64_t i = 0; i < size; i++) {
        table->elements[to + i].u64 = fp[1].i64;
    }
    return HONE_WASM_TRAP_NONE;
}

static hone_wasm_trap table_access(const hone_wasm_table *table, bool is_set, hn_wasm_slot *fp) {
    if (fp[0].i32 >= table->size) {
        return HONE_WASM_TRAP_OUT_OF_BOUNDS_TABLE;
    }
    if (is_set) {
        table->elements[fp[0].i32].u64 = fp[1].i64;
    } else {
        fp[0].i64 = table->elements[fp[0].i32].u64;
    }
    return HONE_WASM_TRAP_NONE;
}

/* --- loads and stores far away ---------------------------------------------------------------- */

static uint32_t access_bytes(uint32_t opcode) {
    return 1U << hn_wasm_instruction_of(opcode)->alignment;
}

static uint64_t extend(uint32_t opcode, uint64_t raw) {
    switch (opcode) {
    case HN_WASM_OP_I32_LOAD8_S: return (uint32_t)(int8_t)raw;
    case HN_WASM_OP_I32_LOAD16_S: return (uint32_t)(int16_t)raw;
    case HN_WASM_OP_I64_LOAD8_S: return (uint64_t)(int8_t)raw;
    case HN_WASM_OP_I64_LOAD16_S: return (uint64_t)(int16_t)raw;
    case HN_WASM_OP_I64_LOAD32_S: return (uint64_t)(int32_t)raw;
    default: return raw;
    }
}

static hone_wasm_trap memory_access(const hone_wasm_memory *memory, uint32_t opcode,
                                    uint64_t offset, hn_wasm_slot *fp) {
    uint64_t address = address_of(memory, fp[0]), size = access_bytes(opcode);
    if (!is_inside(address, size, memory->size_bytes) ||
        !is_inside(offset, size, memory->size_bytes - address)) {
        return HONE_WASM_TRAP_OUT_OF_BOUNDS_MEMORY;
    }
    uint8_t *place = memory->data + address + offset;
    if (opcode >= HN_WASM_OP_I32_STORE) {
        memcpy(place, &fp[1], size); /* little-endian, as the memory is */
        return HONE_WASM_TRAP_NONE;
    }
    uint64_t raw = 0;
    memcpy(&raw, place, size);
    fp[0].i64 = extend(opcode, raw);
    return HONE_WASM_TRAP_NONE;
}

/* --- growth ----------------------------------------------------------------------------------- */

static void memory_grow(hone_wasm_memory *memory, hn_wasm_slot *fp) {
    int64_t old = hn_wasm_memory_grow(memory, address_of(memory, fp[0]));
    fp[0].i64 = memory->limits.is_64 ? (uint64_t)old : (uint32_t)old;
}

static void table_grow(hone_wasm_table *table, hn_wasm_slot *fp) {
    hone_wasm_value value = {.u64 = fp[0].i64};
    fp[0].i64 = (uint32_t)hn_wasm_table_grow(table, fp[1].i32, value);
}

/* long: one case per instruction. */
hone_wasm_trap hn_wasm_slow(hone_wasm_instance *instance, uint32_t opcode,
                            const hn_wasm_op *operands, hn_wasm_slot *fp) {
    uint32_t x = (uint32_t)operands->x, y = (uint32_t)operands->y;
    switch (opcode) {
    case HN_WASM_OP_MEMORY_SIZE: fp[0].i64 = instance->memories[x]->pages; break;
    case HN_WASM_OP_MEMORY_GROW: memory_grow(instance->memories[x], fp); break;
    case HN_WASM_OP_MEMORY_INIT:
        return hn_wasm_memory_init(instance, x, y, address_of(instance->memories[y], fp[0]),
                                   fp[1].i32, fp[2].i32);
    case HN_WASM_OP_DATA_DROP: instance->is_data_dropped[x] = true; break;
    case HN_WASM_OP_MEMORY_COPY: return memory_copy(instance, operands, fp);
    case HN_WASM_OP_MEMORY_FILL: return memory_fill(instance->memories[x], fp);
    case HN_WASM_OP_TABLE_INIT:
        return hn_wasm_table_init(instance, x, y, fp[0].i32, fp[1].i32, fp[2].i32);
    case HN_WASM_OP_ELEM_DROP: instance->is_element_dropped[x] = true; break;
    case HN_WASM_OP_TABLE_COPY: return table_copy(instance->tables[x], instance->tables[y], fp);
    case HN_WASM_OP_TABLE_FILL: return table_fill(instance->tables[x], fp);
    case HN_WASM_OP_TABLE_GROW: table_grow(instance->tables[x], fp); break;
    case HN_WASM_OP_TABLE_SIZE: fp[0].i64 = instance->tables[x]->size; break;
    case HN_WASM_OP_TABLE_GET:
    case HN_WASM_OP_TABLE_SET:
        return table_access(instance->tables[x], opcode == HN_WASM_OP_TABLE_SET, fp);
    case HN_WASM_OP_REF_FUNC: fp[0].i64 = (uint64_t)(uintptr_t)instance->functions[x]; break;
    default: return memory_access(instance->memories[y], opcode, operands->x, fp);
    }
    return HONE_WASM_TRAP_NONE;
}
