/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts of the specification's test suite (.wast): modules, and what is asserted about them.
 *
 * Contract: confined. Everything runs in a store of its own, with the module `spectest` that the
 * suite expects. A script that is no script is MALFORMED; an assertion that does not hold is
 * counted and told, and the script goes on.
 *
 * Source: the WebAssembly reference interpreter, "Scripts".
 */
#ifndef HONE_WASM_SCRIPT_H
#define HONE_WASM_SCRIPT_H

#include "hone/wasm/instance.h"

typedef struct hone_wasm_script_counts {
    uint64_t passed;
    uint64_t failed;
    uint64_t skipped; /* need what this engine does not execute yet: SIMD */
} hone_wasm_script_counts;

typedef struct hone_wasm_script_options {
    const hone_allocator *allocator; /* NULL means libc */
    uint32_t features;               /* as for modules */
    /* Told of each assertion that does not hold; may be NULL. The diag is valid during the call. */
    void (*on_failure)(void *context, const hone_diag *diag);
    void *context;
} hone_wasm_script_options;

/* Runs a script; adds to `counts`. MALFORMED, OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_wasm_script_run(hone_text text, const char *file_name,
                                               const hone_wasm_script_options *options,
                                               hone_diag *diag, hone_wasm_script_counts *counts);

#endif
