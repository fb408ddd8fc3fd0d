/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder: sections in their order, each read once from front to back. The code section is
 * validated body by body as it is met, because everything that it can name stands before it.
 *
 * Source: WebAssembly Core Specification 2.0, section 5.5.
 */
#include "sections_internal.h"

#include <assert.h>

#include "hone/base/checked.h"

enum {
    SECTION_CUSTOM,
    SECTION_TYPE,
    SECTION_IMPORT,
    SECTION_FUNCTION,
    SECTION_TABLE,
    SECTION_MEMORY,
    SECTION_GLOBAL,
    SECTION_EXPORT,
    SECTION_START,
    SECTION_ELEMENT,
    SECTION_CODE,
    SECTION_DATA,
    SECTION_DATA_COUNT,
    SECTIONS_END,
};

enum { SECTIONS_MAX = 100000, TABLES_MAX = 100000, MEMORIES_MAX = 100 };

void *hn_wasm_new_array(hn_wasm_decoder *decoder, uint64_t count, size_t size, size_t alignment) {
    if (count == 0 || hn_wasm_is_failed(&decoder->reader)) {
        return NULL;
    }
    void *array =
        hone_arena_allocate_zeroed(&decoder->module->arena, (size_t)count, size, alignment);
    if (!array) {
        hn_wasm_fail_at(&decoder->reader, decoder->reader.at, HONE_STATUS_OUT_OF_MEMORY,
                        "no memory for %llu elements, or more than decoded_bytes_max",
                        (unsigned long long)count);
    }
    return array;
}

#define NEW_ARRAY(decoder, type, count) \
    ((type *)hn_wasm_new_array((decoder), (count), sizeof(type), _Alignof(type)))

static void check_maximum(hn_wasm_decoder *decoder, uint64_t count, uint64_t max,
                          const char *what) {
    if (count > max) {
        hn_wasm_fail_at(&decoder->reader, decoder->reader.at, HONE_STATUS_LIMIT,
                        "%llu %s, at most %llu are allowed", (unsigned long long)count, what,
                        (unsigned long long)max);
    }
}

uint32_t hn_wasm_read_count(hn_wasm_decoder *decoder, const char *what) {
    const uint8_t *at = decoder->reader.at;
    uint32_t count = hn_wasm_read_u32(&decoder->reader);
    if (count > hn_wasm_left(&decoder->reader)) { /* each takes a byte at least */
        HN_WASM_MALFORMED(decoder, at, "unexpected end: %u %s do not fit into the section", count,
                          what);
        return 0;
    }
    check_maximum(decoder, count, decoder->module->limits.functions_max, what);
    return hn_wasm_is_failed(&decoder->reader) ? 0 : count;
}

uint32_t hn_wasm_read_index(hn_wasm_decoder *decoder, uint32_t count, const char *what) {
    const uint8_t *at = decoder->reader.at;
    uint32_t index = hn_wasm_read_u32(&decoder->reader);
    if (index >= count) {
        HN_WASM_INVALID(decoder, at, "unknown %s %u: there are %u", what, index, count);
        return 0;
    }
    return index;
}

uint8_t hn_wasm_read_value_type(hn_wasm_decoder *decoder) {
    const uint8_t *at = decoder->reader.at;
    uint8_t type = hn_wasm_read_byte(&decoder->reader);
    bool is_number = type >= HONE_WASM_F64 && type <= HONE_WASM_I32;
    bool is_vector = type == HONE_WASM_V128 && hn_wasm_has(decoder, HONE_WASM_FEATURE_SIMD);
    if (!is_number && !is_vector && !hn_wasm_is_reference(type)) {
        HN_WASM_MALFORMED(decoder, at, "malformed value type 0x%02x", type);
    }
    return type;
}

uint8_t hn_wasm_read_reference_type(hn_wasm_decoder *decoder) {
    const uint8_t *at = decoder->reader.at;
    uint8_t type = hn_wasm_read_byte(&decoder->reader);
    if (!hn_wasm_is_reference(type)) {
        HN_WASM_MALFORMED(decoder, at, "malformed reference type 0x%02x", type);
    }
    return type;
}

/* --- types ------------------------------------------------------------------------------------ */

static const uint8_t *read_types(hn_wasm_decoder *decoder, uint32_t *out_count) {
    uint32_t count = hn_wasm_read_count(decoder, "values in a function type");
    check_maximum(decoder, count, decoder->module->limits.values_max, "values in a function type");
    const uint8_t *types = decoder->reader.at;
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        (void)hn_wasm_read_value_type(decoder);
    }
    *out_count = count;
    return types;
}

bool hn_wasm_is_same_type(const hone_wasm_function_type *a, const hone_wasm_function_type *b) {
    return a->params_count == b->params_count && a->results_count == b->results_count &&
           (a->params_count == 0 || memcmp(a->params, b->params, a->params_count) == 0) &&
           (a->results_count == 0 || memcmp(a->results, b->results, a->results_count) == 0);
}

static uint64_t hash_type(const hone_wasm_function_type *type) {
    return hone_hash_bytes(type->params, type->params_count) * 31 +
           hone_hash_bytes(type->results, type->results_count);
}

/* Equal types get the number of the first of them, so that call_indirect compares numbers. */
static void make_canonical(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint64_t slots_count = hone_power_of_two_ceil((uint64_t)module->types_count * 2 + 1);
    module->canonical = NEW_ARRAY(decoder, uint32_t, module->types_count);
    hone_arena_savepoint savepoint = hone_arena_save(&module->arena);
    uint32_t *slots = NEW_ARRAY(decoder, uint32_t, slots_count);
    for (uint32_t i = 0; slots && i < module->types_count; i++) {
        uint64_t slot = hash_type(&module->types[i]) & (slots_count - 1);
        while (slots[slot] &&
               !hn_wasm_is_same_type(&module->types[slots[slot] - 1], &module->types[i])) {
            slot = (slot + 1) & (slots_count - 1);
        }
        if (!slots[slot]) {
            slots[slot] = i + 1;
        }
        module->canonical[i] = slots[slot] - 1;
    }
    hone_arena_reset(&module->arena, savepoint);
}

static void decode_types(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "types");
    module->types = NEW_ARRAY(decoder, hone_wasm_function_type, count);
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        const uint8_t *at = decoder->reader.at;
        uint8_t form = hn_wasm_read_byte(&decoder->reader);
        if (form != 0x60) {
            HN_WASM_MALFORMED(decoder, at, "malformed type form 0x%02x, expected 0x60", form);
            return;
        }
        hone_wasm_function_type *type = &module->types[i];
        type->params = read_types(decoder, &type->params_count);
        type->results = read_types(decoder, &type->results_count);
    }
    module->types_count = count;
    if (!hn_wasm_is_failed(&decoder->reader)) {
        make_canonical(decoder);
    }
}

static hone_wasm_limits read_limits(hn_wasm_decoder *decoder, bool is_memory) {
    const uint8_t *at = decoder->reader.at;
    uint8_t flags = hn_wasm_read_byte(&decoder->reader);
    bool can_64 = is_memory && hn_wasm_has(decoder, HONE_WASM_FEATURE_MEMORY64);
    if (flags > (can_64 ? 5 : 1) || (flags & 2)) {
        HN_WASM_MALFORMED(decoder, at, "malformed limits flags 0x%02x", flags);
        return (hone_wasm_limits){0};
    }
    hone_wasm_limits limits = {.has_max = flags & 1, .is_64 = (flags & 4) != 0};
    uint32_t bits = limits.is_64 ? 64 : 32;
    limits.min = hn_wasm_read_unsigned(&decoder->reader, bits);
    limits.max = limits.has_max ? hn_wasm_read_unsigned(&decoder->reader, bits) : 0;
    uint64_t max = !is_memory ? UINT32_MAX : limits.is_64 ? (uint64_t)1 << 48 : 65536;
    if (limits.min > max || (limits.has_max && limits.max > max)) {
        HN_WASM_INVALID(decoder, at, "memory size must be at most %llu pages",
                        (unsigned long long)max);
    }
    if (limits.has_max && limits.min > limits.max) {
        HN_WASM_INVALID(decoder, at, "size minimum must not be greater than maximum");
    }
    return limits;
}

static hn_wasm_table_type read_table_type(hn_wasm_decoder *decoder) {
    hn_wasm_table_type type = {.element = hn_wasm_read_reference_type(decoder)};
    type.limits = read_limits(decoder, false);
    return type;
}

static hn_wasm_global read_global_type(hn_wasm_decoder *decoder) {
    hn_wasm_global global = {.type = hn_wasm_read_value_type(decoder)};
    const uint8_t *at = decoder->reader.at;
    uint8_t mutability = hn_wasm_read_byte(&decoder->reader);
    if (mutability > 1) {
        HN_WASM_MALFORMED(decoder, at, "malformed mutability 0x%02x", mutability);
    }
    global.is_mutable = mutability == 1;
    return global;
}

static uint32_t read_function_type(hn_wasm_decoder *decoder) {
    uint32_t index = hn_wasm_read_index(decoder, decoder->module->types_count, "type");
    return hn_wasm_is_failed(&decoder->reader) ? 0 : decoder->module->canonical[index];
}

/* --- imports, functions, tables, memories, globals -------------------------------------------- */

/* Room for `more` elements behind `*array`, which holds what imports brought. */
static void *extend(hn_wasm_decoder *decoder, const void *array, uint32_t count, uint32_t more,
                    size_t size) {
    uint8_t *longer = hn_wasm_new_array(decoder, (uint64_t)count + more, size, 8);
    if (longer && count) {
        memcpy(longer, array, count * size);
    }
    return longer;
}

static void decode_import(hn_wasm_decoder *decoder, hn_wasm_import *import) {
    hone_wasm_module *module = decoder->module;
    import->module_name = hn_wasm_read_name(&decoder->reader);
    import->name = hn_wasm_read_name(&decoder->reader);
    const uint8_t *at = decoder->reader.at;
    uint8_t kind = hn_wasm_read_byte(&decoder->reader);
    if (kind > HONE_WASM_GLOBAL) {
        HN_WASM_MALFORMED(decoder, at, "malformed import kind 0x%02x", kind);
    }
    if (hn_wasm_is_failed(&decoder->reader)) {
        return;
    }
    import->kind = (hone_wasm_kind)kind;
    switch (import->kind) {
    case HONE_WASM_FUNCTION:
        import->index = module->functions_count;
        module->functions[module->functions_count++] = read_function_type(decoder);
        break;
    case HONE_WASM_TABLE:
        import->index = module->tables_count;
        module->tables[module->tables_count++] = read_table_type(decoder);
        break;
    case HONE_WASM_MEMORY:
        import->index = module->memories_count;
        module->memories[module->memories_count++] = read_limits(decoder, true);
        break;
    case HONE_WASM_GLOBAL:
        import->index = module->globals_count;
        module->globals[module->globals_count++] = read_global_type(decoder);
        break;
    }
}

static void decode_imports(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "imports");
    module->imports = NEW_ARRAY(decoder, hn_wasm_import, count);
    module->functions = NEW_ARRAY(decoder, uint32_t, count);
    module->tables = NEW_ARRAY(decoder, hn_wasm_table_type, count);
    module->memories = NEW_ARRAY(decoder, hone_wasm_limits, count);
    module->globals = NEW_ARRAY(decoder, hn_wasm_global, count);
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        decode_import(decoder, &module->imports[i]);
    }
    module->imports_count = count;
    module->functions_imported = module->functions_count;
    module->globals_imported = module->globals_count;
}

static void decode_functions(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "functions");
    check_maximum(decoder, (uint64_t)module->functions_count + count, module->limits.functions_max,
                  "functions");
    module->functions = extend(decoder, module->functions, module->functions_count, count,
                               sizeof *module->functions);
    module->bodies = NEW_ARRAY(decoder, hn_wasm_body, count);
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        module->functions[module->functions_count + i] = read_function_type(decoder);
    }
    if (!hn_wasm_is_failed(&decoder->reader)) {
        module->functions_count += count;
        decoder->function_section_count = count;
    }
}

static void decode_tables(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "tables");
    check_maximum(decoder, (uint64_t)module->tables_count + count, TABLES_MAX, "tables");
    module->tables =
        extend(decoder, module->tables, module->tables_count, count, sizeof *module->tables);
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        module->tables[module->tables_count++] = read_table_type(decoder);
    }
}

static void decode_memories(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "memories");
    check_maximum(decoder, (uint64_t)module->memories_count + count, MEMORIES_MAX, "memories");
    module->memories =
        extend(decoder, module->memories, module->memories_count, count, sizeof *module->memories);
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        module->memories[module->memories_count++] = read_limits(decoder, true);
    }
}

static void decode_globals(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = hn_wasm_read_count(decoder, "globals");
    module->globals =
        extend(decoder, module->globals, module->globals_count, count, sizeof *module->globals);
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        hn_wasm_global global = read_global_type(decoder);
        global.init = hn_wasm_read_constant(decoder, global.type);
        if (!hn_wasm_is_failed(&decoder->reader)) {
            module->globals[module->globals_count++] = global;
        }
    }
}

/* --- exports, start --------------------------------------------------------------------------- */

static uint32_t count_of(const hone_wasm_module *module, hone_wasm_kind kind) {
    switch (kind) {
    case HONE_WASM_FUNCTION: return module->functions_count;
    case HONE_WASM_TABLE: return module->tables_count;
    case HONE_WASM_MEMORY: return module->memories_count;
    case HONE_WASM_GLOBAL: return module->globals_count;
    }
    return 0;
}

/* Names of exports are unique: a hash table of their numbers, open addressing. */
static void check_unique_exports(hn_wasm_decoder *decoder, const uint8_t *at) {
    hone_wasm_module *module = decoder->module;
    uint64_t slots_count = hone_power_of_two_ceil((uint64_t)module->exports_count * 2 + 1);
    hone_arena_savepoint savepoint = hone_arena_save(&module->arena);
    uint32_t *slots = NEW_ARRAY(decoder, uint32_t, slots_count);
    for (uint32_t i = 0; slots && i < module->exports_count; i++) {
        hone_text name = module->exports[i].name;
        uint64_t slot = hone_hash_bytes(name.data, name.size) & (slots_count - 1);
        while (slots[slot]) {
            if (hone_text_is_equal(module->exports[slots[slot] - 1].name, name)) {
                HN_WASM_INVALID(decoder, at, "duplicate export name \"%.64s\"",
                                name.size ? "" : name.data);
                break;
            }
            slot = (slot + 1) & (slots_count - 1);
        }
        slots[slot] = i + 1;
    }
    hone_arena_reset(&module->arena, savepoint);
}

static void decode_exports(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    const uint8_t *start = decoder->reader.at;
    uint32_t count = hn_wasm_read_count(decoder, "exports");
    module->exports = NEW_ARRAY(decoder, hn_wasm_export, count);
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(&decoder->reader); i++) {
        hn_wasm_export *export = &module->exports[i];
        export->name = hn_wasm_read_name(&decoder->reader);
        const uint8_t *at = decoder->reader.at;
        uint8_t kind = hn_wasm_read_byte(&decoder->reader);
        if (kind > HONE_WASM_GLOBAL) {
            HN_WASM_MALFORMED(decoder, at, "malformed export kind 0x%02x", kind);
            return;
        }
        export->kind = (hone_wasm_kind)kind;
        export->index = hn_wasm_read_index(decoder, count_of(module, export->kind),
                                           hone_wasm_kind_name(export->kind));
        if (export->kind == HONE_WASM_FUNCTION && !hn_wasm_is_failed(&decoder->reader)) {
            module->is_declared[export->index] = 1;
        }
    }
    if (!hn_wasm_is_failed(&decoder->reader)) {
        module->exports_count = count;
        check_unique_exports(decoder, start);
    }
}

static void decode_start(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    const uint8_t *at = decoder->reader.at;
    uint32_t index = hn_wasm_read_index(decoder, module->functions_count, "function");
    if (hn_wasm_is_failed(&decoder->reader)) {
        return;
    }
    const hone_wasm_function_type *type = hn_wasm_type_of(module, index);
    if (type->params_count || type->results_count) {
        HN_WASM_INVALID(decoder, at, "start function %u has parameters or results", index);
    }
    module->start = index;
}

/* --- code ------------------------------------------------------------------------------------- */

static void decode_code(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    hn_wasm_reader *reader = &decoder->reader;
    const uint8_t *section_end = reader->end;
    uint32_t count = hn_wasm_read_count(decoder, "bodies");
    decoder->has_code = true;
    if (count != decoder->function_section_count) {
        HN_WASM_MALFORMED(decoder, reader->at,
                          "function and code section have inconsistent lengths: %u and %u",
                          decoder->function_section_count, count);
        return;
    }
    for (uint32_t i = 0; i < count && !hn_wasm_is_failed(reader); i++) {
        uint32_t size = hn_wasm_read_u32(reader);
        check_maximum(decoder, size, module->limits.body_bytes_max, "bytes in a function body");
        if (size > hn_wasm_left(reader)) {
            HN_WASM_MALFORMED(decoder, reader->at, "unexpected end: a body of %u bytes", size);
            return;
        }
        module->bodies[i] = (hn_wasm_body){reader->at, reader->at + size};
        reader->end = reader->at + size;
        reader->function = (int64_t)module->functions_imported + i;
        hn_wasm_validate_body(decoder, module->functions_imported + i);
        if (!hn_wasm_is_failed(reader)) {
            reader->function = HN_WASM_NO_FUNCTION;
            reader->end = section_end;
        }
    }
}

/* --- the module ------------------------------------------------------------------------------- */

static void decode_data_count(hn_wasm_decoder *decoder) {
    decoder->module->data_count_stated = hn_wasm_read_u32(&decoder->reader);
}

/* Which functions `ref.func` may name is known before their bodies: from exports, globals and
 * element segments. The room for it, once all functions are counted. */
static void prepare_declared(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    if (module->functions_count != decoder->functions_capacity) {
        module->is_declared = NEW_ARRAY(decoder, uint8_t, module->functions_count);
        decoder->functions_capacity = module->functions_count;
    }
}

static void decode_section(hn_wasm_decoder *decoder, uint8_t id) {
    switch (id) {
    case SECTION_TYPE: decode_types(decoder); break;
    case SECTION_IMPORT: decode_imports(decoder); break;
    case SECTION_FUNCTION: decode_functions(decoder); break;
    case SECTION_TABLE: decode_tables(decoder); break;
    case SECTION_MEMORY: decode_memories(decoder); break;
    case SECTION_GLOBAL:
        prepare_declared(decoder);
        decode_globals(decoder);
        break;
    case SECTION_EXPORT:
        prepare_declared(decoder);
        decode_exports(decoder);
        break;
    case SECTION_START: decode_start(decoder); break;
    case SECTION_ELEMENT:
        prepare_declared(decoder);
        hn_wasm_decode_elements(decoder);
        break;
    case SECTION_DATA_COUNT: decode_data_count(decoder); break;
    case SECTION_CODE:
        prepare_declared(decoder);
        decode_code(decoder);
        break;
    case SECTION_DATA: hn_wasm_decode_data(decoder); break;
    default: break;
    }
    if (decoder->reader.at != decoder->reader.end) {
        HN_WASM_MALFORMED(decoder, decoder->reader.at, "section size mismatch: %zu bytes are left",
                          hn_wasm_left(&decoder->reader));
    }
}

/* The place of a section in the order that the specification asks for. */
static uint32_t order_of(uint8_t id) {
    static const uint8_t order[SECTIONS_END] = {
        [SECTION_TYPE] = 1,        [SECTION_IMPORT] = 2, [SECTION_FUNCTION] = 3,
        [SECTION_TABLE] = 4,       [SECTION_MEMORY] = 5, [SECTION_GLOBAL] = 6,
        [SECTION_EXPORT] = 7,      [SECTION_START] = 8,  [SECTION_ELEMENT] = 9,
        [SECTION_DATA_COUNT] = 10, [SECTION_CODE] = 11,  [SECTION_DATA] = 12,
    };
    return order[id];
}

static void decode_custom(hn_wasm_decoder *decoder, hone_wasm_section *section,
                          hone_span *out_names) {
    section->name = hn_wasm_read_name(&decoder->reader);
    hone_span content = hn_wasm_read_bytes(&decoder->reader, hn_wasm_left(&decoder->reader));
    if (hone_text_is(section->name, "name")) {
        *out_names = content;
    }
}

static bool check_header(hn_wasm_decoder *decoder) {
    static const uint8_t magic[4] = {0, 'a', 's', 'm'}, version[4] = {1, 0, 0, 0};
    hn_wasm_reader *reader = &decoder->reader;
    hone_span bytes = hn_wasm_read_bytes(reader, sizeof magic);
    if (!hn_wasm_is_failed(reader) && memcmp(bytes.data, magic, sizeof magic) != 0) {
        HN_WASM_MALFORMED(decoder, bytes.data, "magic header not detected: no WebAssembly module");
    }
    bytes = hn_wasm_read_bytes(reader, sizeof version);
    if (!hn_wasm_is_failed(reader) && memcmp(bytes.data, version, sizeof version) != 0) {
        HN_WASM_MALFORMED(decoder, bytes.data,
                          "unknown binary version: 1 is supported (a component is none)");
    }
    return !hn_wasm_is_failed(reader);
}

/* Counts them first, so that the table of sections has its size. */
static uint32_t count_sections(const hn_wasm_decoder *decoder) {
    hn_wasm_reader reader = decoder->reader;
    reader.diag = NULL;
    uint32_t count = 0;
    while (hn_wasm_left(&reader) && count < SECTIONS_MAX) {
        (void)hn_wasm_read_byte(&reader);
        (void)hn_wasm_read_bytes(&reader, hn_wasm_read_u32(&reader));
        if (hn_wasm_is_failed(&reader)) {
            break;
        }
        count++;
    }
    return count;
}

static void check_counts(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    if (!decoder->has_code && decoder->function_section_count) {
        HN_WASM_MALFORMED(decoder, decoder->reader.at,
                          "function and code section have inconsistent lengths: %u and 0",
                          decoder->function_section_count);
    }
    if (module->data_count_stated != HN_WASM_NO_INDEX &&
        module->data_count_stated != (int64_t)module->data_count) {
        HN_WASM_MALFORMED(decoder, decoder->reader.at,
                          "data count and data section have inconsistent lengths");
    }
}

static void check_memories(hn_wasm_decoder *decoder) {
    if (decoder->module->memories_count > 1 &&
        !hn_wasm_has(decoder, HONE_WASM_FEATURE_MULTI_MEMORY)) {
        HN_WASM_INVALID(decoder, decoder->reader.at, "multiple memories");
    }
}

void hn_wasm_decode(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    hn_wasm_reader *reader = &decoder->reader;
    const uint8_t *module_end = reader->end;
    if (!check_header(decoder)) {
        return;
    }
    uint32_t order = 0;
    hone_span names = {0};
    uint32_t sections_count = count_sections(decoder);
    module->sections = NEW_ARRAY(decoder, hone_wasm_section, sections_count);
    while (!hn_wasm_is_failed(reader) && reader->at != module_end) {
        const uint8_t *at = reader->at;
        uint8_t id = hn_wasm_read_byte(reader);
        uint32_t size = hn_wasm_read_u32(reader);
        if (size > hn_wasm_left(reader)) {
            HN_WASM_MALFORMED(decoder, at, "unexpected end: length out of bounds");
            return;
        }
        check_maximum(decoder, (uint64_t)module->sections_count + 1, SECTIONS_MAX, "sections");
        if (hn_wasm_is_failed(reader)) {
            return;
        }
        hone_wasm_section *section = &module->sections[module->sections_count++];
        *section = (hone_wasm_section){id, {0}, (size_t)(reader->at - reader->start), size};
        reader->end = reader->at + size;
        if (id == SECTION_CUSTOM) {
            decode_custom(decoder, section, &names);
        } else if (id >= SECTIONS_END) {
            HN_WASM_MALFORMED(decoder, at, "malformed section id %u", id);
        } else if (order_of(id) <= order) {
            HN_WASM_MALFORMED(decoder, at, "unexpected content after last section: section %u", id);
        } else {
            order = order_of(id);
            decode_section(decoder, id);
            check_memories(decoder);
        }
        if (!hn_wasm_is_failed(reader)) {
            reader->end = module_end;
        }
    }
    check_counts(decoder);
    prepare_declared(decoder);
    if (names.size && !hn_wasm_is_failed(reader)) {
        hn_wasm_decode_names(decoder, names);
    }
}
