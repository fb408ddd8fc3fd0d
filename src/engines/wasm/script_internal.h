/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by script.c (commands) and script_values.c (constants and expected results). */
#ifndef HONE_WASM_SCRIPT_INTERNAL_H
#define HONE_WASM_SCRIPT_INTERNAL_H

#include "hone/wasm/script.h"

#include "text_internal.h"

enum { HN_SCRIPT_VALUES_MAX = 256 };

typedef enum hn_script_pattern {
    HN_SCRIPT_EXACT,
    HN_SCRIPT_NAN_CANONICAL,
    HN_SCRIPT_NAN_ARITHMETIC,
    HN_SCRIPT_ANY, /* any reference but null */
} hn_script_pattern;

typedef struct hn_script_value {
    hone_wasm_type type;
    hn_script_pattern pattern;
    uint64_t bits; /* of an externref: its number + 1, so that none is null */
} hn_script_value;

/* "(i32.const 1)" and the like, up to something else. A v128 makes *out_has_vector true. */
uint32_t hn_script_take_values(hn_wat_lexer *lexer, hn_script_value *values, bool *out_has_vector);
bool hn_script_is_match(const hn_script_value *expected, hone_wasm_value value);
/* The functions, globals, table and memory of "spectest". */
HONE_MUST_USE hone_status hn_script_define_spectest(hone_wasm_store *store);

#endif
