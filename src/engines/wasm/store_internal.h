/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HONE_WASM_STORE_INTERNAL_H
#define HONE_WASM_STORE_INTERNAL_H

#include "instance_internal.h"
#include "sections_internal.h"

/* The definition of that name, or NULL. */
hn_wasm_definition *hn_wasm_store_find(const hone_wasm_store *store, hone_text module_name,
                                       hone_text name);

#endif
