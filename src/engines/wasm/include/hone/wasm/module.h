/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebAssembly module: bytes of unknown origin, decoded and validated once, then shared by as many
 * instances and threads as one likes (hone/wasm/instance.h).
 *
 * Contract: *shared* after creation and counted; everything that a query returns lives as long as
 * the module. Decoding does not recurse; every table that the bytes can grow has a maximum
 * (hone_wasm_module_limits). A module that is not well-formed is MALFORMED, one that breaks a rule
 * of validation INVALID_MODULE; the diag's subject names byte and function.
 *
 * Source: WebAssembly Core Specification 2.0.
 */
#ifndef HONE_WASM_MODULE_H
#define HONE_WASM_MODULE_H

#include "hone/base/allocator.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

/* Types of values, by their codes in the binary format. */
typedef enum hone_wasm_type {
    HONE_WASM_I32 = 0x7F,
    HONE_WASM_I64 = 0x7E,
    HONE_WASM_F32 = 0x7D,
    HONE_WASM_F64 = 0x7C,
    HONE_WASM_V128 = 0x7B,
    HONE_WASM_FUNCREF = 0x70,
    HONE_WASM_EXTERNREF = 0x6F,
} hone_wasm_type;

typedef enum hone_wasm_kind {
    HONE_WASM_FUNCTION,
    HONE_WASM_TABLE,
    HONE_WASM_MEMORY,
    HONE_WASM_GLOBAL,
} hone_wasm_kind;

/* What a module may use beyond the first version of WebAssembly. */
typedef enum hone_wasm_feature {
    HONE_WASM_FEATURE_SIMD = 1 << 0,
    HONE_WASM_FEATURE_TAIL_CALL = 1 << 1,
    HONE_WASM_FEATURE_EXTENDED_CONST = 1 << 2,
    HONE_WASM_FEATURE_MULTI_MEMORY = 1 << 3,
    HONE_WASM_FEATURE_MEMORY64 = 1 << 4,
} hone_wasm_feature;

enum {
    /* Of version 2.0 of the specification, and all that are known. */
    HONE_WASM_FEATURES_2_0 = HONE_WASM_FEATURE_SIMD,
    HONE_WASM_FEATURES_ALL = HONE_WASM_FEATURE_SIMD | HONE_WASM_FEATURE_TAIL_CALL |
                             HONE_WASM_FEATURE_EXTENDED_CONST | HONE_WASM_FEATURE_MULTI_MEMORY |
                             HONE_WASM_FEATURE_MEMORY64,
};

/* Parameters and results: arrays of hone_wasm_type, a byte each. */
typedef struct hone_wasm_function_type {
    const uint8_t *params;
    const uint8_t *results;
    uint32_t params_count;
    uint32_t results_count;
} hone_wasm_function_type;

/* Sizes of a table in elements, of a memory in pages of 64 KiB. */
typedef struct hone_wasm_limits {
    uint64_t min;
    uint64_t max; /* meaningful with has_max */
    bool has_max;
    bool is_64; /* addressed by i64 */
} hone_wasm_limits;

/* What an import asks for, or an export gives. */
typedef struct hone_wasm_external_type {
    hone_wasm_kind kind;
    hone_wasm_function_type function;
    hone_wasm_limits limits; /* of a table or memory */
    hone_wasm_type value;    /* of a table's elements, or a global */
    bool is_mutable;         /* of a global */
} hone_wasm_external_type;

/* How large a module may be. Zero means the default behind each. */
typedef struct hone_wasm_module_limits {
    size_t module_bytes_max;  /* 1 GiB */
    size_t decoded_bytes_max; /* what decoding may allocate: 64 MiB and 16 times the module */
    uint32_t functions_max;   /* 1,000,000; so for types, imports, exports, globals, segments */
    uint32_t body_bytes_max;  /* of one function: 7,654,321 */
    uint32_t locals_max;      /* of one function, with its parameters: 50,000 */
    uint32_t depth_max;       /* nested blocks in a function: 100,000 */
    uint32_t values_max;      /* parameters, or results, of one function type: 1,000 */
} hone_wasm_module_limits;

typedef struct hone_wasm_module_options {
    const hone_allocator *allocator; /* NULL means libc; must be shared if the module is */
    uint32_t features;               /* of hone_wasm_feature; 0 means HONE_WASM_FEATURES_ALL */
    hone_wasm_module_limits limits;
    bool borrows_bytes; /* the bytes outlive the module: do not copy them */
    bool is_metered;    /* its code uses fuel (hone/wasm/instance.h) */
} hone_wasm_module_options;

typedef struct hone_wasm_module hone_wasm_module;

/* Decodes and validates `bytes`. `options` NULL means all defaults. MALFORMED, INVALID_MODULE,
 * LIMIT, OUT_OF_MEMORY. Cost: linear in the size. */
HONE_MUST_USE hone_status hone_wasm_module_create(hone_span bytes,
                                                  const hone_wasm_module_options *options,
                                                  hone_diag *diag, hone_wasm_module **out_module);
void hone_wasm_module_acquire(hone_wasm_module *module);
/* NULL is allowed. */
void hone_wasm_module_release(hone_wasm_module *module);

/* How many of a kind there are, imported ones included and first. */
uint32_t hone_wasm_module_count(const hone_wasm_module *module, hone_wasm_kind kind);
uint32_t hone_wasm_module_imports_count(const hone_wasm_module *module);
uint32_t hone_wasm_module_exports_count(const hone_wasm_module *module);

/* Import or export `index`, below its count. out_module_name may be NULL. */
void hone_wasm_module_import(const hone_wasm_module *module, uint32_t index,
                             hone_text *out_module_name, hone_text *out_name,
                             hone_wasm_external_type *out_type);
void hone_wasm_module_export(const hone_wasm_module *module, uint32_t index, hone_text *out_name,
                             hone_wasm_external_type *out_type);

/* The name that the name section gives a function, or the empty text. */
hone_text hone_wasm_module_function_name(const hone_wasm_module *module, uint32_t index);

/* A section as it stands in the bytes; id 0 is a custom one, with its name. */
typedef struct hone_wasm_section {
    uint8_t id;
    hone_text name;
    uint64_t offset_bytes; /* of the content, from the start of the module */
    uint64_t size_bytes;
} hone_wasm_section;
uint32_t hone_wasm_module_sections_count(const hone_wasm_module *module);
hone_wasm_section hone_wasm_module_section(const hone_wasm_module *module, uint32_t index);

/* "i32", "funcref" ...; of a kind "function", "table" ... Never NULL. */
const char *hone_wasm_type_name(hone_wasm_type type);
const char *hone_wasm_kind_name(hone_wasm_kind kind);

#endif
