/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of scripts, what results are compared with, and the module that scripts import from. */
#include "script_internal.h"

static bool take_nan(hn_wat_lexer *lexer, hn_script_value *value) {
    if (hn_wat_take_atom(lexer, "nan:canonical")) {
        value->pattern = HN_SCRIPT_NAN_CANONICAL;
    } else if (hn_wat_take_atom(lexer, "nan:arithmetic")) {
        value->pattern = HN_SCRIPT_NAN_ARITHMETIC;
    } else {
        return false;
    }
    return true;
}

static bool take_number(hn_wat_lexer *lexer, hn_script_value *value) {
    if (hn_wat_take_open(lexer, "i32.const")) {
        value->type = HONE_WASM_I32;
        value->bits = hn_wat_take_integer(lexer, 32);
    } else if (hn_wat_take_open(lexer, "i64.const")) {
        value->type = HONE_WASM_I64;
        value->bits = hn_wat_take_integer(lexer, 64);
    } else if (hn_wat_take_open(lexer, "f32.const")) {
        value->type = HONE_WASM_F32;
        value->bits = take_nan(lexer, value) ? 0 : hn_wat_take_f32(lexer);
    } else if (hn_wat_take_open(lexer, "f64.const")) {
        value->type = HONE_WASM_F64;
        value->bits = take_nan(lexer, value) ? 0 : hn_wat_take_f64(lexer);
    } else {
        return false;
    }
    hn_wat_close(lexer);
    return true;
}

static bool take_reference(hn_wat_lexer *lexer, hn_script_value *value) {
    if (hn_wat_take_open(lexer, "ref.null")) {
        value->type = hn_wat_is_atom(lexer, "func") ? HONE_WASM_FUNCREF : HONE_WASM_EXTERNREF;
        hn_wat_advance(lexer);
    } else if (hn_wat_take_open(lexer, "ref.extern")) {
        value->type = HONE_WASM_EXTERNREF;
        value->pattern = hn_wat_is_number(lexer) ? HN_SCRIPT_EXACT : HN_SCRIPT_ANY;
        value->bits = hn_wat_is_number(lexer) ? hn_wat_take_unsigned(lexer, 32) + 1 : 0;
    } else if (hn_wat_take_open(lexer, "ref.func")) {
        value->type = HONE_WASM_FUNCREF;
        value->pattern = HN_SCRIPT_ANY;
        if (lexer->token.kind == HN_WAT_ATOM) {
            hn_wat_advance(lexer);
        }
    } else {
        return false;
    }
    hn_wat_close(lexer);
    return true;
}

uint32_t hn_script_take_values(hn_wat_lexer *lexer, hn_script_value *values, bool *out_has_vector) {
    uint32_t count = 0;
    *out_has_vector = false;
    while (lexer->token.kind == HN_WAT_OPEN && !hn_wat_is_failed(lexer)) {
        if (count == HN_SCRIPT_VALUES_MAX) {
            hn_wat_fail(lexer, HONE_STATUS_LIMIT, "more than %d values", HN_SCRIPT_VALUES_MAX);
            break;
        }
        values[count] = (hn_script_value){.type = HONE_WASM_I32};
        if (hn_wat_is_open(lexer, "v128.const")) {
            *out_has_vector = true;
            hn_wat_skip(lexer);
        } else if (!take_number(lexer, &values[count]) && !take_reference(lexer, &values[count])) {
            hn_wat_fail_token(lexer, "a constant");
        }
        count++;
    }
    return count;
}

bool hn_script_is_match(const hn_script_value *expected, hone_wasm_value value) {
    bool is_32 = expected->type == HONE_WASM_I32 || expected->type == HONE_WASM_F32;
    uint64_t bits = is_32 ? value.u32 : value.u64;
    uint64_t quiet = is_32 ? 0x7FC00000U : 0x7FF8000000000000U;
    uint64_t sign = is_32 ? 0x80000000U : 0x8000000000000000U;
    switch (expected->pattern) {
    case HN_SCRIPT_EXACT: return bits == expected->bits;
    case HN_SCRIPT_NAN_CANONICAL: return (bits & ~sign) == quiet;
    case HN_SCRIPT_NAN_ARITHMETIC: return (bits & quiet) == quiet;
    case HN_SCRIPT_ANY: return bits != 0;
    }
    return false;
}

/* --- spectest --------------------------------------------------------------------------------- */

static hone_status do_nothing(void *context, hone_wasm_instance *instance,
                              hone_wasm_value *values) {
    (void)context, (void)instance, (void)values;
    return HONE_OK;
}

static hone_status define(hone_wasm_store *store, const char *name, hone_wasm_extern item) {
    return hone_wasm_store_define(store, HONE_TEXT("spectest"), hone_text_of(name), item);
}

static hone_status define_functions(hone_wasm_store *store) {
    static const struct {
        const char *name;
        uint8_t params[2];
        uint32_t count;
    } rows[] = {
        {"print", {0}, 0},
        {"print_i32", {HONE_WASM_I32}, 1},
        {"print_i64", {HONE_WASM_I64}, 1},
        {"print_f32", {HONE_WASM_F32}, 1},
        {"print_f64", {HONE_WASM_F64}, 1},
        {"print_i32_f32", {HONE_WASM_I32, HONE_WASM_F32}, 2},
        {"print_f64_f64", {HONE_WASM_F64, HONE_WASM_F64}, 2},
    };
    hone_status status = HONE_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !status; i++) {
        hone_wasm_function_type type = {rows[i].params, rows[i].params, rows[i].count, 0};
        hone_wasm_extern item = {.kind = HONE_WASM_FUNCTION};
        status = hone_wasm_function_create(store, &type, do_nothing, NULL, &item.as.function);
        status = status ? status : define(store, rows[i].name, item);
    }
    return status;
}

static hone_status define_globals(hone_wasm_store *store) {
    const struct {
        const char *name;
        hone_wasm_type type;
        hone_wasm_value value;
    } rows[] = {
        {"global_i32", HONE_WASM_I32, {.u64 = 666}},
        {"global_i64", HONE_WASM_I64, {.u64 = 666}},
        {"global_f32", HONE_WASM_F32, {.f32 = 666.6f}},
        {"global_f64", HONE_WASM_F64, {.f64 = 666.6}},
    };
    hone_status status = HONE_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !status; i++) {
        hone_wasm_extern item = {.kind = HONE_WASM_GLOBAL};
        status =
            hone_wasm_global_create(store, rows[i].type, false, rows[i].value, &item.as.global);
        status = status ? status : define(store, rows[i].name, item);
    }
    return status;
}

hone_status hn_script_define_spectest(hone_wasm_store *store) {
    hone_status status = define_functions(store);
    status = status ? status : define_globals(store);
    hone_wasm_extern table = {.kind = HONE_WASM_TABLE}, memory = {.kind = HONE_WASM_MEMORY};
    if (!status) {
        hone_wasm_limits limits = {.min = 10, .max = 20, .has_max = true};
        status = hone_wasm_table_create(store, HONE_WASM_FUNCREF, limits, NULL, &table.as.table);
        status = status ? status : define(store, "table", table);
    }
    if (!status) {
        hone_wasm_limits limits = {.min = 1, .max = 2, .has_max = true};
        status = hone_wasm_memory_create(store, limits, NULL, &memory.as.memory);
        status = status ? status : define(store, "memory", memory);
    }
    return status;
}
