/* SPDX-License-Identifier: Apache-2.0 */
/* What the interpreter runs on: functions, instances, stores. */
#ifndef HONE_WASM_INSTANCE_INTERNAL_H
#define HONE_WASM_INSTANCE_INTERNAL_H

#include "hone/wasm/instance.h"

#include "hone/base/arena.h"

#include "module_internal.h"

/* A slot of the frame. What an i32 or f32 leaves in its upper half has no meaning: whoever reads
 * one reads 32 bits. */
typedef union hn_wasm_slot {
    uint32_t i32;
    uint64_t i64;
    float f32;
    double f64;
} hn_wasm_slot;

typedef struct hn_wasm_op hn_wasm_op;

/* pc, frame, memory and its size, instance, the accumulators for integers and floats. Returns when
 * the outermost function does, or on a trap. */
typedef uint32_t hn_wasm_handler(const hn_wasm_op *pc, hn_wasm_slot *fp, uint8_t *memory,
                                 uint64_t memory_bytes, hone_wasm_instance *instance, uint64_t r0,
                                 double f0, float g0);

/* An operation, or 16 bytes of operands behind one. */
struct hn_wasm_op {
    union {
        hn_wasm_handler *handler;
        uint64_t x;
    };
    union {
        struct {
            uint16_t a;
            uint16_t b;
            union {
                struct {
                    uint16_t d;
                    uint16_t c;
                };
                int32_t i;
                uint32_t u;
                float f;
            };
        };
        uint64_t y;
        const void *pointer;
    };
};

/* The code of a function, shared by all instances of a module. */
typedef struct hn_wasm_code {
    _Atomic(const hn_wasm_op *) entry; /* first the operation that translates */
    hn_wasm_op *ops;                   /* NULL until translated */
    uint32_t ops_count;
    uint32_t function;
    hn_wasm_op stub; /* the operation that translates */
    hone_wasm_module *module;
} hn_wasm_code;

struct hone_wasm_function {
    hn_wasm_code *code;           /* NULL: a host function */
    hone_wasm_instance *instance; /* of code */
    uint32_t type_id;             /* equal types of a store have equal ones */
    const hone_wasm_function_type *type;
    hone_wasm_host_call call;
    void *context;
};

struct hone_wasm_table {
    hone_wasm_value *elements;
    uint32_t size;
    uint32_t capacity;
    hone_wasm_limits limits;
    uint8_t element;
    hone_wasm_store *store;
};

struct hone_wasm_memory {
    uint8_t *data;
    uint64_t size_bytes;
    uint64_t pages;
    hone_wasm_limits limits;
    hone_wasm_store *store;
};

struct hone_wasm_global {
    hn_wasm_slot value[2];
    uint8_t type;
    bool is_mutable;
};

struct hone_wasm_instance {
    hn_wasm_slot *stack_end; /* of the store */
    hone_wasm_global **globals;
    hone_wasm_function **functions; /* imported ones point elsewhere */
    hone_wasm_table **tables;
    hone_wasm_memory **memories;
    const uint32_t *type_ids; /* of the module's types */
    hone_wasm_store *store;
    hone_wasm_module *module;
    bool *is_data_dropped;
    bool *is_element_dropped;
    hone_wasm_instance *next; /* in the store */
};

/* Where a call left one instance for another, or the host for wasm. */
typedef struct hn_wasm_crossing {
    const hn_wasm_op *pc; /* to go on at */
    hn_wasm_slot *fp;
    hone_wasm_instance *instance;
} hn_wasm_crossing;

typedef struct hn_wasm_definition {
    hone_text module_name;
    hone_text name;
    hone_wasm_extern item;
} hn_wasm_definition;

struct hone_wasm_store {
    const hone_allocator *allocator;
    hone_arena arena; /* all objects; memories, tables and the stack apart */
    hone_wasm_store_options options;
    hn_wasm_slot *stack;
    size_t stack_slots;
    hn_wasm_slot *stack_top; /* free from here on, while a host function runs */
    hn_wasm_crossing *crossings;
    uint32_t crossings_count;
    uint32_t crossings_capacity;
    uint32_t host_depth;
    uint64_t fuel;
    uint64_t pages; /* of all memories */
    uint64_t table_elements;
    hone_wasm_instance *instances;
    hone_wasm_memory **memories;
    uint32_t memories_count, memories_capacity;
    hone_wasm_table **tables;
    uint32_t tables_count, tables_capacity;
    hn_wasm_definition *definitions;
    uint32_t definitions_count, definitions_capacity;
    const hone_wasm_function_type **types; /* by type_id */
    uint32_t types_count, types_capacity;
    /* of the trap at hand */
    hone_wasm_trap trap;
    hone_status host_status;
    const hn_wasm_op *trap_pc;
    hn_wasm_slot *trap_fp;
    hone_wasm_instance *trap_instance;
    hone_diag *diag; /* of the call at hand, for host functions' failures */
};

/* interpreter.c */
hn_wasm_handler *hn_wasm_handler_of(uint32_t operation);
/* Runs a function of wasm whose arguments lie at `fp`; results are left there. */
hone_wasm_trap hn_wasm_run(hone_wasm_function *function, hn_wasm_slot *fp);

/* translate.c: makes code->entry the translated code. */
HONE_MUST_USE hone_status hn_wasm_translate(hn_wasm_code *code, hone_diag *diag);

/* store.c, memory.c: growth; the old size, or -1. */
int64_t hn_wasm_memory_grow(hone_wasm_memory *memory, uint64_t pages);
int64_t hn_wasm_table_grow(hone_wasm_table *table, uint64_t count, hone_wasm_value value);

/* slow.c: the rare instructions; operands and result in slots from `fp` on. */
hone_wasm_trap hn_wasm_slow(hone_wasm_instance *instance, uint32_t opcode,
                            const hn_wasm_op *operands, hn_wasm_slot *fp);
hone_wasm_trap hn_wasm_memory_init(hone_wasm_instance *instance, uint32_t segment, uint32_t memory,
                                   uint64_t to, uint64_t from, uint64_t size);
hone_wasm_trap hn_wasm_table_init(hone_wasm_instance *instance, uint32_t segment, uint32_t table,
                                  uint64_t to, uint64_t from, uint64_t size);

/* store.c: the number of a type in the store, or UINT32_MAX without memory. */
uint32_t hn_wasm_type_id(hone_wasm_store *store, const hone_wasm_function_type *type);
/* Room for one element more in an array of the store's, doubled in its arena; false without
 * memory. */
bool hn_wasm_store_grow(hone_wasm_store *store, void *array, uint32_t count, uint32_t *capacity,
                        size_t size);

#endif
