/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a module, and questions about it. */
#include <assert.h>

#include "hone/base/checked.h"

#include "interpreter_internal.h"
#include "sections_internal.h"

static void set_default(uint32_t *limit, uint32_t value) {
    *limit = *limit ? *limit : value;
}

static void complete_limits(hone_wasm_module_limits *limits, size_t module_bytes) {
    limits->module_bytes_max =
        limits->module_bytes_max ? limits->module_bytes_max : (size_t)1 << 30;
    size_t decoded = ((size_t)64 << 20) + module_bytes * 16;
    limits->decoded_bytes_max = limits->decoded_bytes_max ? limits->decoded_bytes_max : decoded;
    set_default(&limits->functions_max, 1000000);
    set_default(&limits->body_bytes_max, 7654321);
    set_default(&limits->locals_max, 50000);
    set_default(&limits->depth_max, 100000);
    set_default(&limits->values_max, 1000);
}

static hone_status copy_bytes(hone_wasm_module *module, hone_span bytes, hone_diag *diag) {
    if (bytes.size == 0) {
        return HONE_OK;
    }
    uint8_t *copy = hone_allocate(module->allocator, bytes.size, 1);
    if (!copy) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a copy of the module");
    }
    memcpy(copy, bytes.data, bytes.size);
    module->bytes = (hone_span){copy, bytes.size};
    module->has_own_bytes = true;
    return HONE_OK;
}

/* Each function begins as one operation, which translates it. */
static void prepare_codes(hn_wasm_decoder *decoder) {
    hone_wasm_module *module = decoder->module;
    uint32_t count = module->functions_count - module->functions_imported;
    module->codes = hn_wasm_new_array(decoder, count, sizeof(hn_wasm_code), _Alignof(hn_wasm_code));
    for (uint32_t i = 0; i < count && module->codes; i++) {
        hn_wasm_code *code = &module->codes[i];
        code->module = module;
        code->function = module->functions_imported + i;
        code->stub.handler = hn_wasm_handler_of(HN_WASM_DO_COMPILE);
        code->stub.pointer = code;
        atomic_init(&code->entry, &code->stub);
    }
}

static void release_codes(hone_wasm_module *module) {
    uint32_t count = module->functions_count - module->functions_imported;
    for (uint32_t i = 0; i < count && module->codes; i++) {
        hn_wasm_code *code = &module->codes[i];
        hone_release(module->allocator, code->ops, code->ops_count * sizeof *code->ops,
                     _Alignof(hn_wasm_op));
    }
}

static hone_status decode(hone_wasm_module *module, hone_diag *diag) {
    hn_wasm_decoder decoder = {
        .reader = {.at = module->bytes.data,
                   .end = module->bytes.data + module->bytes.size,
                   .start = module->bytes.data,
                   .function = HN_WASM_NO_FUNCTION,
                   .diag = diag},
        .module = module,
    };
    hn_wasm_decode(&decoder);
    prepare_codes(&decoder);
    hn_wasm_validate_release(&decoder);
    return decoder.reader.status;
}

hone_status hone_wasm_module_create(hone_span bytes, const hone_wasm_module_options *options,
                                    hone_diag *diag, hone_wasm_module **out_module) {
    hone_wasm_module_options chosen = options ? *options : (hone_wasm_module_options){0};
    complete_limits(&chosen.limits, bytes.size);
    if (bytes.size > chosen.limits.module_bytes_max) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "a module of %zu bytes, at most %zu are allowed", bytes.size,
                             chosen.limits.module_bytes_max);
    }
    hone_wasm_module *module = HONE_NEW(chosen.allocator, hone_wasm_module);
    if (!module) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a module");
    }
    atomic_init(&module->references, 1);
    hone_mutex_init(&module->translating);
    module->allocator = chosen.allocator;
    module->features = chosen.features ? chosen.features : HONE_WASM_FEATURES_ALL;
    module->limits = chosen.limits;
    module->is_metered = chosen.is_metered;
    module->start = HN_WASM_NO_INDEX;
    module->data_count_stated = HN_WASM_NO_INDEX;
    module->bytes = bytes;
    hone_arena_init(&module->arena, chosen.allocator, chosen.limits.decoded_bytes_max);
    hone_status status = chosen.borrows_bytes ? HONE_OK : copy_bytes(module, bytes, diag);
    status = status ? status : decode(module, diag);
    if (status) {
        hone_wasm_module_release(module);
        return status;
    }
    *out_module = module;
    return HONE_OK;
}

void hone_wasm_module_acquire(hone_wasm_module *module) {
    (void)atomic_fetch_add_explicit(&module->references, 1, memory_order_relaxed);
}

void hone_wasm_module_release(hone_wasm_module *module) {
    /* Release: what this holder did comes before the end; acquire: the last one sees all of it. */
    if (!module || atomic_fetch_sub_explicit(&module->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (module->has_own_bytes) {
        hone_release(module->allocator, (void *)(uintptr_t)module->bytes.data, module->bytes.size,
                     1);
    }
    release_codes(module);
    hone_mutex_deinit(&module->translating);
    hone_arena_deinit(&module->arena);
    HONE_DELETE(module->allocator, hone_wasm_module, module);
}

uint32_t hone_wasm_module_count(const hone_wasm_module *module, hone_wasm_kind kind) {
    switch (kind) {
    case HONE_WASM_FUNCTION: return module->functions_count;
    case HONE_WASM_TABLE: return module->tables_count;
    case HONE_WASM_MEMORY: return module->memories_count;
    case HONE_WASM_GLOBAL: return module->globals_count;
    }
    return 0;
}

uint32_t hone_wasm_module_imports_count(const hone_wasm_module *module) {
    return module->imports_count;
}

uint32_t hone_wasm_module_exports_count(const hone_wasm_module *module) {
    return module->exports_count;
}

static hone_wasm_external_type type_of(const hone_wasm_module *module, hone_wasm_kind kind,
                                       uint32_t index) {
    hone_wasm_external_type type = {.kind = kind};
    switch (kind) {
    case HONE_WASM_FUNCTION: type.function = *hn_wasm_type_of(module, index); break;
    case HONE_WASM_TABLE:
        type.limits = module->tables[index].limits;
        type.value = (hone_wasm_type)module->tables[index].element;
        break;
    case HONE_WASM_MEMORY: type.limits = module->memories[index]; break;
    case HONE_WASM_GLOBAL:
        type.value = (hone_wasm_type)module->globals[index].type;
        type.is_mutable = module->globals[index].is_mutable;
        break;
    }
    return type;
}

void hone_wasm_module_import(const hone_wasm_module *module, uint32_t index,
                             hone_text *out_module_name, hone_text *out_name,
                             hone_wasm_external_type *out_type) {
    assert(index < module->imports_count);
    const hn_wasm_import *import = &module->imports[index];
    if (out_module_name) {
        *out_module_name = import->module_name;
    }
    *out_name = import->name;
    *out_type = type_of(module, import->kind, import->index);
}

void hone_wasm_module_export(const hone_wasm_module *module, uint32_t index, hone_text *out_name,
                             hone_wasm_external_type *out_type) {
    assert(index < module->exports_count);
    *out_name = module->exports[index].name;
    *out_type = type_of(module, module->exports[index].kind, module->exports[index].index);
}

hone_text hone_wasm_module_function_name(const hone_wasm_module *module, uint32_t index) {
    return module->names && index < module->functions_count ? module->names[index]
                                                            : (hone_text){"", 0};
}

uint32_t hone_wasm_module_sections_count(const hone_wasm_module *module) {
    return module->sections_count;
}

hone_wasm_section hone_wasm_module_section(const hone_wasm_module *module, uint32_t index) {
    assert(index < module->sections_count);
    return module->sections[index];
}
