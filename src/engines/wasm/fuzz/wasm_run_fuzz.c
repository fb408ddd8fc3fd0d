/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes that are a valid module without imports are run: every exported function, with little
 * fuel, memory and stack. Whatever it does ends in results or a status. */
#include <stdlib.h>

#include "hone/wasm/instance.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUEL = 20000, VALUES_MAX = 2100 };

static void call_all(hone_wasm_store *store, const hone_wasm_module *module,
                     const hone_wasm_instance *instance) {
    hone_wasm_value *values = calloc(VALUES_MAX, sizeof *values);
    for (uint32_t i = 0; values && i < hone_wasm_module_exports_count(module); i++) {
        hone_text name;
        hone_wasm_external_type type;
        hone_wasm_extern item;
        hone_wasm_module_export(module, i, &name, &type);
        if (type.kind != HONE_WASM_FUNCTION ||
            hone_wasm_instance_export(instance, name, &item) != HONE_OK) {
            continue;
        }
        for (uint32_t n = 0; n < VALUES_MAX; n++) {
            values[n].u64 = 0;
        }
        hone_wasm_store_set_fuel(store, FUEL);
        hone_diag diag = {0};
        hone_status status = hone_wasm_call(store, item.as.function, values, &diag);
        if (status != HONE_OK && !diag.message[0]) {
            abort();
        }
    }
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_wasm_module_options options = {.is_metered = true};
    hone_wasm_module *module = NULL;
    if (hone_wasm_module_create((hone_span){data, size}, &options, NULL, &module) != HONE_OK) {
        return 0;
    }
    hone_wasm_store_options limits = {
        .stack_bytes = 1 << 16, .memory_pages_max = 64, .table_elements_max = 10000};
    hone_wasm_store *store = NULL;
    hone_wasm_instance *instance = NULL;
    if (hone_wasm_store_create(&limits, NULL, &store) == HONE_OK) {
        hone_wasm_store_set_fuel(store, FUEL);
        if (hone_wasm_instance_create(store, module, NULL, &instance) == HONE_OK) {
            call_all(store, module, instance);
        }
    }
    hone_wasm_store_destroy(store);
    hone_wasm_module_release(module);
    return 0;
}
