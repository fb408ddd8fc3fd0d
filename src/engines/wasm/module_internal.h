/* SPDX-License-Identifier: Apache-2.0 */
/* A decoded module, as decoder, validator, translator and linker see it. */
#ifndef HONE_WASM_MODULE_INTERNAL_H
#define HONE_WASM_MODULE_INTERNAL_H

#include <stdatomic.h>

#include "hone/wasm/module.h"

#include "hone/base/arena.h"
#include "hone/platform/thread.h"

#include "opcodes_internal.h"

enum {
    HN_WASM_NO_INDEX = -1,
    HN_WASM_PAGE_BYTES = 65536,
};

/* Codes: one byte, or prefix and number below it. */
typedef enum hn_wasm_opcode {
#define HN_WASM_ENUM(name, code, text, immediate, params, results, alignment) \
    HN_WASM_OP_##name = (code),
    HN_WASM_CORE_OPCODES(HN_WASM_ENUM)
#undef HN_WASM_ENUM
#define HN_WASM_ENUM(name, code, text, immediate, params, results, alignment) \
    HN_WASM_OP_##name = 0xFC00 + (code),
        HN_WASM_MISC_OPCODES(HN_WASM_ENUM)
#undef HN_WASM_ENUM
#define HN_WASM_ENUM(name, code, text, immediate, params, results, alignment) \
    HN_WASM_OP_##name = 0xFD00 + (code),
            HN_WASM_SIMD_OPCODES(HN_WASM_ENUM)
#undef HN_WASM_ENUM
} hn_wasm_opcode;

typedef enum hn_wasm_immediate {
    HN_WASM_IMMEDIATE_NONE,
    HN_WASM_IMMEDIATE_BLOCK,
    HN_WASM_IMMEDIATE_LABEL,
    HN_WASM_IMMEDIATE_LABELS,
    HN_WASM_IMMEDIATE_FUNC,
    HN_WASM_IMMEDIATE_CALL_INDIRECT,
    HN_WASM_IMMEDIATE_TYPES,
    HN_WASM_IMMEDIATE_LOCAL,
    HN_WASM_IMMEDIATE_GLOBAL,
    HN_WASM_IMMEDIATE_TABLE,
    HN_WASM_IMMEDIATE_MEM,
    HN_WASM_IMMEDIATE_MEMORY,
    HN_WASM_IMMEDIATE_I32,
    HN_WASM_IMMEDIATE_I64,
    HN_WASM_IMMEDIATE_F32,
    HN_WASM_IMMEDIATE_F64,
    HN_WASM_IMMEDIATE_REF_TYPE,
    HN_WASM_IMMEDIATE_DATA_MEMORY,
    HN_WASM_IMMEDIATE_DATA,
    HN_WASM_IMMEDIATE_MEMORY_MEMORY,
    HN_WASM_IMMEDIATE_ELEM_TABLE,
    HN_WASM_IMMEDIATE_ELEM,
    HN_WASM_IMMEDIATE_TABLE_TABLE,
    HN_WASM_IMMEDIATE_V128,
    HN_WASM_IMMEDIATE_SHUFFLE,
    HN_WASM_IMMEDIATE_LANE,
    HN_WASM_IMMEDIATE_MEM_LANE,
} hn_wasm_immediate;

typedef struct hn_wasm_instruction {
    const char *name; /* NULL: no such instruction */
    const char *params;
    const char *results;
    uint8_t immediate;
    uint8_t alignment;
} hn_wasm_instruction;

/* The row of a code, or NULL. */
const hn_wasm_instruction *hn_wasm_instruction_of(uint32_t opcode);

/* An expression in the bytes, its `end` included. */
typedef struct hn_wasm_expression {
    const uint8_t *start;
    const uint8_t *end;
} hn_wasm_expression;

typedef struct hn_wasm_table_type {
    hone_wasm_limits limits;
    uint8_t element;
} hn_wasm_table_type;

typedef struct hn_wasm_global {
    uint8_t type;
    bool is_mutable;
    hn_wasm_expression init; /* empty: imported */
} hn_wasm_global;

typedef struct hn_wasm_import {
    hone_text module_name;
    hone_text name;
    hone_wasm_kind kind;
    uint32_t index; /* in the index space of its kind */
} hn_wasm_import;

typedef struct hn_wasm_export {
    hone_text name;
    hone_wasm_kind kind;
    uint32_t index;
} hn_wasm_export;

typedef enum hn_wasm_segment_mode {
    HN_WASM_SEGMENT_ACTIVE,
    HN_WASM_SEGMENT_PASSIVE,
    HN_WASM_SEGMENT_DECLARED,
} hn_wasm_segment_mode;

/* One element of a segment: a null, a function, or the value of a global. */
typedef struct hn_wasm_element {
    uint16_t opcode; /* REF_NULL, REF_FUNC, GLOBAL_GET */
    uint32_t index;
} hn_wasm_element;

typedef struct hn_wasm_element_segment {
    hn_wasm_segment_mode mode;
    uint8_t type;
    uint32_t table;
    hn_wasm_expression offset;
    hn_wasm_element *elements;
    uint32_t elements_count;
} hn_wasm_element_segment;

typedef struct hn_wasm_data_segment {
    hn_wasm_segment_mode mode;
    uint32_t memory;
    hn_wasm_expression offset;
    hone_span bytes;
} hn_wasm_data_segment;

/* A function of the module's own: its code from the declarations of locals on. */
typedef struct hn_wasm_body {
    const uint8_t *start;
    const uint8_t *end;
} hn_wasm_body;

struct hn_wasm_code; /* instance_internal.h */

struct hone_wasm_module {
    atomic_uint references;
    const hone_allocator *allocator;
    hone_arena arena; /* everything below but copied bytes */
    hone_span bytes;
    bool has_own_bytes;
    bool is_metered;
    uint32_t features;
    hone_wasm_module_limits limits;

    hone_wasm_function_type *types;
    uint32_t types_count;
    uint32_t *canonical; /* per type: the first that is equal to it */
    hn_wasm_import *imports;
    uint32_t imports_count;
    uint32_t *functions; /* type of each, canonical: equal types have equal numbers */
    uint32_t functions_count;
    uint32_t functions_imported;
    hn_wasm_body *bodies; /* of functions functions_imported and on */
    hn_wasm_table_type *tables;
    uint32_t tables_count;
    hone_wasm_limits *memories;
    uint32_t memories_count;
    hn_wasm_global *globals;
    uint32_t globals_count;
    uint32_t globals_imported;
    hn_wasm_export *exports;
    uint32_t exports_count;
    int64_t start; /* HN_WASM_NO_INDEX: none */
    hn_wasm_element_segment *elements;
    uint32_t elements_count;
    hn_wasm_data_segment *data;
    uint32_t data_count;
    int64_t data_count_stated; /* HN_WASM_NO_INDEX: no such section */
    uint8_t *is_declared;      /* per function: `ref.func` in bodies may name it */
    hone_text *names;          /* per function; NULL: no name section */
    hone_wasm_section *sections;
    uint32_t sections_count;
    struct hn_wasm_code *codes; /* of the bodies */
    hone_mutex translating;     /* held while one of them is translated */
};

static inline const hone_wasm_function_type *hn_wasm_type_of(const hone_wasm_module *module,
                                                             uint32_t function) {
    return &module->types[module->functions[function]];
}

static inline bool hn_wasm_is_reference(uint8_t type) {
    return type == HONE_WASM_FUNCREF || type == HONE_WASM_EXTERNREF;
}

#endif
