/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: a module whose every import, export and section can be looked at, or an error with a
 * place and a message. */
#include <stdlib.h>

#include "hone/wasm/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) {
        abort();
    }
}

static void visit_type(const hone_wasm_external_type *type) {
    const hone_wasm_function_type *function = &type->function;
    for (uint32_t i = 0; i < function->params_count; i++) {
        require(hone_wasm_type_name((hone_wasm_type)function->params[i])[0] != 'u');
    }
    for (uint32_t i = 0; i < function->results_count; i++) {
        require(hone_wasm_type_name((hone_wasm_type)function->results[i])[0] != 'u');
    }
    require(!type->limits.has_max || type->limits.min <= type->limits.max);
}

static void visit(const hone_wasm_module *module, size_t size) {
    hone_text module_name, name;
    hone_wasm_external_type type;
    for (uint32_t i = 0; i < hone_wasm_module_imports_count(module); i++) {
        hone_wasm_module_import(module, i, &module_name, &name, &type);
        visit_type(&type);
        require(hone_text_is_utf8(module_name, NULL) && hone_text_is_utf8(name, NULL));
    }
    for (uint32_t i = 0; i < hone_wasm_module_exports_count(module); i++) {
        hone_wasm_module_export(module, i, &name, &type);
        visit_type(&type);
        require(hone_text_is_utf8(name, NULL));
    }
    for (uint32_t i = 0; i < hone_wasm_module_sections_count(module); i++) {
        hone_wasm_section section = hone_wasm_module_section(module, i);
        require(section.offset_bytes + section.size_bytes <= size);
    }
    for (uint32_t i = 0; i < hone_wasm_module_count(module, HONE_WASM_FUNCTION); i++) {
        require(hone_text_is_utf8(hone_wasm_module_function_name(module, i), NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_diag diag = {0};
    hone_wasm_module *module = NULL;
    hone_status status = hone_wasm_module_create((hone_span){data, size}, NULL, &diag, &module);
    if (status == HONE_OK) {
        visit(module, size);
    } else {
        require(!module && diag.status == status && diag.message[0] && diag.byte_offset <= size);
    }
    hone_wasm_module_release(module);
    return 0;
}
