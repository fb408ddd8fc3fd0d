/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances: imports are found and their types compared, then memories, tables and globals are
 * made, active segments copied, and the start function run, in the order of the specification: what
 * an early segment wrote stays when a later one does not fit.
 *
 * Source: WebAssembly Core Specification 2.0, section 4.5.4.
 */
#include <assert.h>

#include "constant_internal.h"
#include "store_internal.h"

#define NEW(store, type, count) HONE_ARENA_NEW_ARRAY(&(store)->arena, type, (count) ? (count) : 1)

static hone_status no_memory(hone_diag *diag) {
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for an instance");
}

/* The arrays of an instance, as long as the module's. */
static hone_wasm_instance *make_arrays(hone_wasm_store *store, hone_wasm_module *module) {
    hone_wasm_instance *instance = NEW(store, hone_wasm_instance, 1);
    if (!instance) {
        return NULL;
    }
    instance->stack_end = store->stack + store->stack_slots;
    instance->store = store;
    instance->module = module;
    instance->globals = NEW(store, hone_wasm_global *, module->globals_count);
    instance->functions = NEW(store, hone_wasm_function *, module->functions_count);
    instance->tables = NEW(store, hone_wasm_table *, module->tables_count);
    instance->memories = NEW(store, hone_wasm_memory *, module->memories_count);
    instance->is_data_dropped = NEW(store, bool, module->data_count);
    instance->is_element_dropped = NEW(store, bool, module->elements_count);
    uint32_t *type_ids = NEW(store, uint32_t, module->types_count);
    instance->type_ids = type_ids;
    if (!instance->globals || !instance->functions || !instance->tables || !instance->memories ||
        !instance->is_data_dropped || !instance->is_element_dropped || !type_ids) {
        return NULL;
    }
    for (uint32_t i = 0; i < module->types_count; i++) {
        uint32_t canonical = module->canonical[i];
        type_ids[i] =
            canonical == i ? hn_wasm_type_id(store, &module->types[i]) : type_ids[canonical];
        if (type_ids[i] == UINT32_MAX) {
            return NULL;
        }
    }
    return instance;
}

/* --- imports ---------------------------------------------------------------------------------- */

static bool fits(hone_wasm_limits asked, uint64_t size, hone_wasm_limits given) {
    return size >= asked.min && asked.is_64 == given.is_64 &&
           (!asked.has_max || (given.has_max && given.max <= asked.max));
}

static bool link_import(hone_wasm_instance *instance, const hn_wasm_import *import,
                        hone_wasm_extern item) {
    const hone_wasm_module *module = instance->module;
    uint32_t index = import->index;
    switch (import->kind) {
    case HONE_WASM_FUNCTION:
        instance->functions[index] = item.as.function;
        return item.as.function->type_id == instance->type_ids[module->functions[index]];
    case HONE_WASM_TABLE:
        instance->tables[index] = item.as.table;
        return item.as.table->element == module->tables[index].element &&
               fits(module->tables[index].limits, item.as.table->size, item.as.table->limits);
    case HONE_WASM_MEMORY:
        instance->memories[index] = item.as.memory;
        return fits(module->memories[index], item.as.memory->pages, item.as.memory->limits);
    case HONE_WASM_GLOBAL:
        instance->globals[index] = item.as.global;
        return item.as.global->type == module->globals[index].type &&
               item.as.global->is_mutable == module->globals[index].is_mutable;
    }
    return false;
}

static hone_status link_imports(hone_wasm_instance *instance, hone_diag *diag) {
    const hone_wasm_module *module = instance->module;
    for (uint32_t i = 0; i < module->imports_count; i++) {
        const hn_wasm_import *import = &module->imports[i];
        const hn_wasm_definition *definition =
            hn_wasm_store_find(instance->store, import->module_name, import->name);
        if (!definition) {
            return hone_diag_set(diag, HONE_STATUS_UNLINKABLE,
                                 "unknown import: %s \"%.*s\" \"%.*s\" is not defined",
                                 hone_wasm_kind_name(import->kind),
                                 HONE_TEXT_ARGS(import->module_name), HONE_TEXT_ARGS(import->name));
        }
        if (definition->item.kind != import->kind ||
            !link_import(instance, import, definition->item)) {
            return hone_diag_set(diag, HONE_STATUS_UNLINKABLE,
                                 "incompatible import type: %s \"%.*s\" \"%.*s\" is of another",
                                 hone_wasm_kind_name(import->kind),
                                 HONE_TEXT_ARGS(import->module_name), HONE_TEXT_ARGS(import->name));
        }
    }
    return HONE_OK;
}

/* --- constants -------------------------------------------------------------------------------- */

static void arithmetic(uint32_t opcode, hn_wasm_slot *a, const hn_wasm_slot *b) {
    switch (opcode) {
    case HN_WASM_OP_I32_ADD: a->i32 += b->i32; break;
    case HN_WASM_OP_I32_SUB: a->i32 -= b->i32; break;
    case HN_WASM_OP_I32_MUL: a->i32 *= b->i32; break;
    case HN_WASM_OP_I64_ADD: a->i64 += b->i64; break;
    case HN_WASM_OP_I64_SUB: a->i64 -= b->i64; break;
    case HN_WASM_OP_I64_MUL: a->i64 *= b->i64; break;
    default: assert(false); break;
    }
}

/* One instruction of a constant expression; the value pushed, if any, goes to out_value. */
static bool read_operand(const hone_wasm_instance *instance, hn_wasm_reader *reader,
                         uint32_t opcode, hn_wasm_slot out_value[2]) {
    out_value[0].i64 = out_value[1].i64 = 0;
    switch (opcode) {
    case HN_WASM_OP_I32_CONST: out_value->i32 = (uint32_t)hn_wasm_read_signed(reader, 32); break;
    case HN_WASM_OP_I64_CONST: out_value->i64 = (uint64_t)hn_wasm_read_signed(reader, 64); break;
    case HN_WASM_OP_F32_CONST: memcpy(out_value, hn_wasm_read_bytes(reader, 4).data, 4); break;
    case HN_WASM_OP_F64_CONST: memcpy(out_value, hn_wasm_read_bytes(reader, 8).data, 8); break;
    case HN_WASM_OP_V128_CONST: memcpy(out_value, hn_wasm_read_bytes(reader, 16).data, 16); break;
    case HN_WASM_OP_REF_NULL: (void)hn_wasm_read_byte(reader); break;
    case HN_WASM_OP_REF_FUNC:
        out_value->i64 = (uint64_t)(uintptr_t)instance->functions[hn_wasm_read_u32(reader)];
        break;
    case HN_WASM_OP_GLOBAL_GET:
        memcpy(out_value, instance->globals[hn_wasm_read_u32(reader)]->value,
               2 * sizeof *out_value);
        break;
    default: return false;
    }
    return true;
}

static void evaluate(const hone_wasm_instance *instance, hn_wasm_expression expression,
                     hn_wasm_slot out_value[2]) {
    hn_wasm_slot stack[HN_WASM_CONSTANT_DEPTH_MAX][2];
    uint32_t count = 0;
    hn_wasm_reader reader = {.at = expression.start, .end = expression.end};
    for (;;) {
        uint32_t opcode = hn_wasm_read_opcode(&reader);
        if (opcode == HN_WASM_OP_END) {
            break;
        }
        if (read_operand(instance, &reader, opcode, stack[count])) {
            count++;
        } else {
            count--;
            arithmetic(opcode, stack[count - 1], stack[count]);
        }
    }
    assert(count == 1);
    memcpy(out_value, stack[0], sizeof stack[0]);
}

/* --- what the module defines ------------------------------------------------------------------ */

static hone_status make_functions(hone_wasm_instance *instance, hone_diag *diag) {
    hone_wasm_module *module = instance->module;
    uint32_t first = module->functions_imported, count = module->functions_count - first;
    hone_wasm_function *functions = NEW(instance->store, hone_wasm_function, count);
    if (!functions) {
        return no_memory(diag);
    }
    for (uint32_t i = 0; i < count; i++) {
        functions[i] = (hone_wasm_function){
            .code = &module->codes[i],
            .instance = instance,
            .type_id = instance->type_ids[module->functions[first + i]],
            .type = hn_wasm_type_of(module, first + i),
        };
        instance->functions[first + i] = &functions[i];
    }
    return HONE_OK;
}

static hone_status make_globals(hone_wasm_instance *instance, hone_diag *diag) {
    hone_wasm_module *module = instance->module;
    uint32_t first = module->globals_imported, count = module->globals_count - first;
    hone_wasm_global *globals = NEW(instance->store, hone_wasm_global, count);
    if (!globals) {
        return no_memory(diag);
    }
    for (uint32_t i = 0; i < count; i++) {
        const hn_wasm_global *description = &module->globals[first + i];
        globals[i].type = description->type;
        globals[i].is_mutable = description->is_mutable;
        evaluate(instance, description->init, globals[i].value);
        instance->globals[first + i] = &globals[i];
    }
    return HONE_OK;
}

static hone_status make_tables_and_memories(hone_wasm_instance *instance, hone_diag *diag) {
    hone_wasm_module *module = instance->module;
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < module->tables_count && !status; i++) {
        const hn_wasm_table_type *type = &module->tables[i];
        if (!instance->tables[i]) {
            status = hone_wasm_table_create(instance->store, (hone_wasm_type)type->element,
                                            type->limits, diag, &instance->tables[i]);
        }
    }
    for (uint32_t i = 0; i < module->memories_count && !status; i++) {
        if (!instance->memories[i]) {
            status = hone_wasm_memory_create(instance->store, module->memories[i], diag,
                                             &instance->memories[i]);
        }
    }
    return status;
}

static hone_wasm_trap copy_elements(hone_wasm_instance *instance) {
    const hone_wasm_module *module = instance->module;
    hone_wasm_trap trap = HONE_WASM_TRAP_NONE;
    for (uint32_t i = 0; i < module->elements_count && !trap; i++) {
        const hn_wasm_element_segment *segment = &module->elements[i];
        if (segment->mode == HN_WASM_SEGMENT_ACTIVE) {
            hn_wasm_slot offset[2];
            evaluate(instance, segment->offset, offset);
            trap = hn_wasm_table_init(instance, i, segment->table, offset->i32, 0,
                                      segment->elements_count);
        }
        if (segment->mode != HN_WASM_SEGMENT_PASSIVE && !trap) {
            instance->is_element_dropped[i] = true;
        }
    }
    return trap;
}

static hone_wasm_trap copy_data(hone_wasm_instance *instance) {
    const hone_wasm_module *module = instance->module;
    hone_wasm_trap trap = HONE_WASM_TRAP_NONE;
    for (uint32_t i = 0; i < module->data_count && !trap; i++) {
        const hn_wasm_data_segment *segment = &module->data[i];
        if (segment->mode == HN_WASM_SEGMENT_ACTIVE) {
            hn_wasm_slot offset[2];
            evaluate(instance, segment->offset, offset);
            bool is_64 = module->memories[segment->memory].is_64;
            trap = hn_wasm_memory_init(instance, i, segment->memory,
                                       is_64 ? offset->i64 : offset->i32, 0, segment->bytes.size);
            instance->is_data_dropped[i] = !trap;
        }
    }
    return trap;
}

static hone_status run_segments_and_start(hone_wasm_instance *instance, hone_diag *diag) {
    hone_wasm_store *store = instance->store;
    hone_wasm_trap trap = copy_elements(instance);
    trap = trap ? trap : copy_data(instance);
    if (trap) {
        store->trap = trap;
        return hone_diag_set(diag, HONE_STATUS_TRAP, "%s: a segment of the module does not fit",
                             hone_wasm_trap_text(trap));
    }
    if (instance->module->start == HN_WASM_NO_INDEX) {
        return HONE_OK;
    }
    hone_wasm_value none = {.u64 = 0};
    return hone_wasm_call(store, instance->functions[instance->module->start], &none, diag);
}

hone_status hone_wasm_instance_create(hone_wasm_store *store, hone_wasm_module *module,
                                      hone_diag *diag, hone_wasm_instance **out_instance) {
    hone_wasm_instance *instance = make_arrays(store, module);
    if (!instance) {
        return no_memory(diag);
    }
    /* An instance that fails stays: others may hold its functions in their tables by then. */
    hone_wasm_module_acquire(module);
    instance->next = store->instances;
    store->instances = instance;
    hone_status status = link_imports(instance, diag);
    status = status ? status : make_functions(instance, diag);
    status = status ? status : make_globals(instance, diag);
    status = status ? status : make_tables_and_memories(instance, diag);
    status = status ? status : run_segments_and_start(instance, diag);
    if (!status) {
        *out_instance = instance;
    }
    return status;
}

/* --- exports ---------------------------------------------------------------------------------- */

static hone_wasm_extern export_of(const hone_wasm_instance *instance,
                                  const hn_wasm_export *export) {
    hone_wasm_extern item = {.kind = export->kind};
    switch (export->kind) {
    case HONE_WASM_FUNCTION: item.as.function = instance->functions[export->index]; break;
    case HONE_WASM_TABLE: item.as.table = instance->tables[export->index]; break;
    case HONE_WASM_MEMORY: item.as.memory = instance->memories[export->index]; break;
    case HONE_WASM_GLOBAL: item.as.global = instance->globals[export->index]; break;
    }
    return item;
}

hone_status hone_wasm_instance_export(const hone_wasm_instance *instance, hone_text name,
                                      hone_wasm_extern *out_item) {
    const hone_wasm_module *module = instance->module;
    for (uint32_t i = 0; i < module->exports_count; i++) {
        if (hone_text_is_equal(module->exports[i].name, name)) {
            *out_item = export_of(instance, &module->exports[i]);
            return HONE_OK;
        }
    }
    return HONE_STATUS_NOT_FOUND;
}

hone_status hone_wasm_store_define_instance(hone_wasm_store *store, hone_text module_name,
                                            const hone_wasm_instance *instance) {
    const hone_wasm_module *module = instance->module;
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < module->exports_count && !status; i++) {
        status = hone_wasm_store_define(store, module_name, module->exports[i].name,
                                        export_of(instance, &module->exports[i]));
    }
    return status;
}

hone_wasm_memory *hone_wasm_instance_memory(const hone_wasm_instance *instance) {
    return instance->module->memories_count ? instance->memories[0] : NULL;
}
