/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what instances share, the stack of wasm code, growth of memories and tables, calls. */
#include "store_internal.h"

#include <assert.h>

#include "hone/base/checked.h"

enum {
    STACK_BYTES = 1 << 20,
    STACK_BYTES_MIN = 4096,
    HOST_DEPTH_MAX = 100,
    OBJECTS_MAX = 100000,
    TABLE_ELEMENTS_MAX = 10000000,
    CROSSINGS_MAX = 20000,
};

const char *hone_wasm_trap_text(hone_wasm_trap trap) {
    switch (trap) {
    case HONE_WASM_TRAP_NONE: return "no trap";
#define TRAP_TEXT(name, text) \
    case HONE_WASM_TRAP_##name: return text;
        HONE_WASM_TRAP_LIST(TRAP_TEXT)
#undef TRAP_TEXT
    }
    return "unknown trap";
}

static void complete_options(hone_wasm_store_options *options) {
    options->stack_bytes = options->stack_bytes ? options->stack_bytes : STACK_BYTES;
    options->host_depth_max = options->host_depth_max ? options->host_depth_max : HOST_DEPTH_MAX;
    options->memory_pages_max = options->memory_pages_max ? options->memory_pages_max : 65536;
    options->table_elements_max =
        options->table_elements_max ? options->table_elements_max : TABLE_ELEMENTS_MAX;
    options->objects_max = options->objects_max ? options->objects_max : OBJECTS_MAX;
}

hone_status hone_wasm_store_create(const hone_wasm_store_options *options, hone_diag *diag,
                                   hone_wasm_store **out_store) {
    hone_wasm_store_options chosen = options ? *options : (hone_wasm_store_options){0};
    complete_options(&chosen);
    if (chosen.stack_bytes < STACK_BYTES_MIN) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "a stack of %zu bytes, at least %d are needed", chosen.stack_bytes,
                             STACK_BYTES_MIN);
    }
    hone_wasm_store *store = HONE_NEW(chosen.allocator, hone_wasm_store);
    if (!store) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a store");
    }
    store->allocator = chosen.allocator;
    store->options = chosen;
    store->stack_slots = chosen.stack_bytes / sizeof(hn_wasm_slot);
    hone_arena_init(&store->arena, chosen.allocator, (size_t)1 << 32);
    store->stack = hone_allocate(chosen.allocator, store->stack_slots * sizeof *store->stack, 64);
    store->crossings_capacity = CROSSINGS_MAX;
    store->crossings = HONE_NEW_ARRAY(chosen.allocator, hn_wasm_crossing, CROSSINGS_MAX);
    if (!store->stack || !store->crossings) {
        hone_wasm_store_destroy(store);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the stack of a store");
    }
    store->stack_top = store->stack;
    *out_store = store;
    return HONE_OK;
}

void hone_wasm_store_destroy(hone_wasm_store *store) {
    if (!store) {
        return;
    }
    const hone_allocator *allocator = store->allocator;
    for (uint32_t i = 0; i < store->memories_count; i++) {
        hone_release(allocator, store->memories[i]->data, store->memories[i]->size_bytes, 64);
    }
    for (uint32_t i = 0; i < store->tables_count; i++) {
        hone_wasm_table *table = store->tables[i];
        HONE_DELETE_ARRAY(allocator, hone_wasm_value, table->elements, table->capacity);
    }
    for (hone_wasm_instance *instance = store->instances; instance; instance = instance->next) {
        hone_wasm_module_release(instance->module);
    }
    hone_release(allocator, store->stack, store->stack_slots * sizeof *store->stack, 64);
    HONE_DELETE_ARRAY(allocator, hn_wasm_crossing, store->crossings, CROSSINGS_MAX);
    hone_arena_deinit(&store->arena);
    HONE_DELETE(allocator, hone_wasm_store, store);
}

bool hn_wasm_store_grow(hone_wasm_store *store, void *array, uint32_t count, uint32_t *capacity,
                        size_t size) {
    if (count < *capacity) {
        return true;
    }
    if (count >= store->options.objects_max) {
        return false;
    }
    void *old;
    memcpy(&old, array, sizeof old);
    uint32_t larger = *capacity ? *capacity * 2 : 16;
    void *moved = hone_arena_allocate_zeroed(&store->arena, larger, size, _Alignof(max_align_t));
    if (!moved) {
        return false;
    }
    if (count) {
        memcpy(moved, old, count * size);
    }
    memcpy(array, &moved, sizeof moved);
    *capacity = larger;
    return true;
}

uint32_t hn_wasm_type_id(hone_wasm_store *store, const hone_wasm_function_type *type) {
    for (uint32_t i = 0; i < store->types_count; i++) {
        if (hn_wasm_is_same_type(store->types[i], type)) {
            return i;
        }
    }
    if (!hn_wasm_store_grow(store, &store->types, store->types_count, &store->types_capacity,
                            sizeof(void *))) {
        return UINT32_MAX;
    }
    store->types[store->types_count] = type;
    return store->types_count++;
}

/* --- objects ---------------------------------------------------------------------------------- */

static const uint8_t *copy_types(hone_wasm_store *store, const uint8_t *types, uint32_t count) {
    uint8_t *copy = hone_arena_allocate(&store->arena, count, 1);
    if (copy && count) {
        memcpy(copy, types, count);
    }
    return copy;
}

hone_status hone_wasm_function_create(hone_wasm_store *store, const hone_wasm_function_type *type,
                                      hone_wasm_host_call call, void *context,
                                      hone_wasm_function **out_function) {
    hone_wasm_function *function = HONE_ARENA_NEW(&store->arena, hone_wasm_function);
    hone_wasm_function_type *copy = HONE_ARENA_NEW(&store->arena, hone_wasm_function_type);
    if (!function || !copy) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *copy = *type;
    copy->params = copy_types(store, type->params, type->params_count);
    copy->results = copy_types(store, type->results, type->results_count);
    uint32_t type_id = copy->params && copy->results ? hn_wasm_type_id(store, copy) : UINT32_MAX;
    if (type_id == UINT32_MAX) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *function =
        (hone_wasm_function){.type_id = type_id, .type = copy, .call = call, .context = context};
    *out_function = function;
    return HONE_OK;
}

hone_status hone_wasm_memory_create(hone_wasm_store *store, hone_wasm_limits limits,
                                    hone_diag *diag, hone_wasm_memory **out_memory) {
    hone_wasm_memory *memory = HONE_ARENA_NEW(&store->arena, hone_wasm_memory);
    if (!memory || !hn_wasm_store_grow(store, &store->memories, store->memories_count,
                                       &store->memories_capacity, sizeof(void *))) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a memory");
    }
    memory->limits = limits;
    memory->store = store;
    if (hn_wasm_memory_grow(memory, limits.min) < 0) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "a memory of %llu pages: the store may have %llu, or memory is short",
                             (unsigned long long)limits.min,
                             (unsigned long long)store->options.memory_pages_max);
    }
    store->memories[store->memories_count++] = memory;
    *out_memory = memory;
    return HONE_OK;
}

int64_t hn_wasm_memory_grow(hone_wasm_memory *memory, uint64_t pages) {
    hone_wasm_store *store = memory->store;
    uint64_t old = memory->pages;
    uint64_t max = memory->limits.has_max ? memory->limits.max : UINT64_MAX;
    if (!memory->limits.is_64 && max > 65536) {
        max = 65536;
    }
    if (old > max || pages > max - old || pages > store->options.memory_pages_max - store->pages) {
        return -1;
    }
    if (pages == 0) {
        return (int64_t)old;
    }
    size_t old_bytes = (size_t)memory->size_bytes, more = (size_t)pages * HN_WASM_PAGE_BYTES;
    uint8_t *data =
        old_bytes ? hone_reallocate(store->allocator, memory->data, old_bytes, old_bytes + more, 64)
                  : hone_allocate(store->allocator, more, 64);
    if (!data) {
        return -1;
    }
    memset(data + old_bytes, 0, more);
    memory->data = data;
    memory->size_bytes = old_bytes + more;
    memory->pages += pages;
    store->pages += pages;
    return (int64_t)old;
}

hone_status hone_wasm_table_create(hone_wasm_store *store, hone_wasm_type element,
                                   hone_wasm_limits limits, hone_diag *diag,
                                   hone_wasm_table **out_table) {
    hone_wasm_table *table = HONE_ARENA_NEW(&store->arena, hone_wasm_table);
    if (!table || !hn_wasm_store_grow(store, &store->tables, store->tables_count,
                                      &store->tables_capacity, sizeof(void *))) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a table");
    }
    table->limits = limits;
    table->element = (uint8_t)element;
    table->store = store;
    if (hn_wasm_table_grow(table, limits.min, (hone_wasm_value){.u64 = 0}) < 0) {
        return hone_diag_set(
            diag, HONE_STATUS_LIMIT,
            "a table of %llu elements: the store may have %llu, or memory is short",
            (unsigned long long)limits.min, (unsigned long long)store->options.table_elements_max);
    }
    store->tables[store->tables_count++] = table;
    *out_table = table;
    return HONE_OK;
}

int64_t hn_wasm_table_grow(hone_wasm_table *table, uint64_t count, hone_wasm_value value) {
    hone_wasm_store *store = table->store;
    uint64_t old = table->size, max = table->limits.has_max ? table->limits.max : UINT32_MAX;
    if (old > max || count > max - old ||
        count > store->options.table_elements_max - store->table_elements) {
        return -1;
    }
    uint32_t size = (uint32_t)(old + count);
    if (size > table->capacity) {
        size_t bytes = (size_t)size * sizeof *table->elements;
        size_t alignment = _Alignof(hone_wasm_value);
        hone_wasm_value *elements =
            table->capacity
                ? hone_reallocate(store->allocator, table->elements,
                                  table->capacity * sizeof *table->elements, bytes, alignment)
                : hone_allocate(store->allocator, bytes, alignment);
        if (!elements) {
            return -1;
        }
        table->elements = elements;
        table->capacity = size;
    }
    for (uint32_t i = (uint32_t)old; i < size; i++) {
        table->elements[i] = value;
    }
    table->size = size;
    store->table_elements += count;
    return (int64_t)old;
}

hone_status hone_wasm_global_create(hone_wasm_store *store, hone_wasm_type type, bool is_mutable,
                                    hone_wasm_value value, hone_wasm_global **out_global) {
    hone_wasm_global *global = HONE_ARENA_NEW(&store->arena, hone_wasm_global);
    if (!global) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    global->type = (uint8_t)type;
    global->is_mutable = is_mutable;
    global->value[0].i64 = value.u64;
    *out_global = global;
    return HONE_OK;
}

/* --- names ------------------------------------------------------------------------------------ */

hn_wasm_definition *hn_wasm_store_find(const hone_wasm_store *store, hone_text module_name,
                                       hone_text name) {
    for (uint32_t i = 0; i < store->definitions_count; i++) {
        hn_wasm_definition *definition = &store->definitions[i];
        if (hone_text_is_equal(definition->name, name) &&
            hone_text_is_equal(definition->module_name, module_name)) {
            return definition;
        }
    }
    return NULL;
}

hone_status hone_wasm_store_define(hone_wasm_store *store, hone_text module_name, hone_text name,
                                   hone_wasm_extern item) {
    hn_wasm_definition *definition = hn_wasm_store_find(store, module_name, name);
    if (definition) {
        definition->item = item;
        return HONE_OK;
    }
    if (!hn_wasm_store_grow(store, &store->definitions, store->definitions_count,
                            &store->definitions_capacity, sizeof *store->definitions)) {
        return HONE_STATUS_LIMIT;
    }
    char *module_copy = hone_arena_copy_text(&store->arena, module_name);
    char *name_copy = hone_arena_copy_text(&store->arena, name);
    if (!module_copy || !name_copy) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    store->definitions[store->definitions_count++] =
        (hn_wasm_definition){{module_copy, module_name.size}, {name_copy, name.size}, item};
    return HONE_OK;
}

/* --- calls ------------------------------------------------------------------------------------ */

hone_wasm_function_type hone_wasm_function_type_of(const hone_wasm_function *function) {
    return *function->type;
}

/* Runs wasm at the top of the stack; everything is as before afterwards, whatever happened. */
static hone_wasm_trap run(hone_wasm_store *store, hone_wasm_function *function,
                          hone_wasm_value *values, uint32_t params, uint32_t results) {
    hn_wasm_slot *fp = store->stack_top;
    size_t room = (size_t)(store->stack + store->stack_slots - fp);
    if (store->host_depth >= store->options.host_depth_max || params > room || results > room) {
        return store->trap = HONE_WASM_TRAP_STACK_EXHAUSTED;
    }
    uint32_t crossings = store->crossings_count;
    if (params) {
        memcpy(fp, values, params * sizeof *fp);
    }
    store->host_depth++;
    hone_wasm_trap trap = hn_wasm_run(function, fp);
    store->host_depth--;
    store->crossings_count = crossings;
    store->stack_top = fp;
    if (!trap && results) {
        memcpy(values, fp, results * sizeof *fp);
    }
    return trap;
}

/* A v128 takes two slots. */
static uint32_t slots_of(const uint8_t *types, uint32_t count) {
    uint32_t slots = count;
    for (uint32_t i = 0; i < count; i++) {
        slots += types[i] == HONE_WASM_V128;
    }
    return slots;
}

hone_status hone_wasm_call(hone_wasm_store *store, hone_wasm_function *function,
                           hone_wasm_value *values, hone_diag *diag) {
    if (!function->code) {
        return function->call(function->context, NULL, values);
    }
    const hone_wasm_function_type *type = function->type;
    hone_diag *outer = store->diag;
    store->diag = diag;
    store->host_status = HONE_OK;
    hone_wasm_trap trap = run(store, function, values, slots_of(type->params, type->params_count),
                              slots_of(type->results, type->results_count));
    store->diag = outer;
    if (!trap) {
        return HONE_OK;
    }
    store->trap = trap;
    bool is_told = trap == HONE_WASM_TRAP_HOST || trap == HONE_WASM_TRAP_UNTRANSLATABLE;
    if (is_told && store->host_status) {
        return store->host_status;
    }
    return hone_diag_set(diag, HONE_STATUS_TRAP, "%s", hone_wasm_trap_text(trap));
}

void hone_wasm_store_set_fuel(hone_wasm_store *store, uint64_t fuel) {
    store->fuel = fuel;
}

uint64_t hone_wasm_store_fuel(const hone_wasm_store *store) {
    return store->fuel;
}

hone_wasm_trap hone_wasm_store_trap(const hone_wasm_store *store) {
    return store->trap;
}

uint8_t *hone_wasm_memory_data(const hone_wasm_memory *memory, uint64_t *out_size_bytes) {
    *out_size_bytes = memory->size_bytes;
    return memory->data;
}

hone_wasm_value hone_wasm_global_get(const hone_wasm_global *global) {
    hone_wasm_value value = {.u64 = global->value[0].i64};
    return value;
}
