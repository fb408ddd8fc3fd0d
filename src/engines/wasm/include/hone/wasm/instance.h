/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running modules: a *store* holds instances and what they share (memories, tables, globals,
 * functions of the host); all of it lives until the store is destroyed. Imports are found by name
 * among what was defined in the store.
 *
 * Contract: a store and all in it are *confined* to one thread at a time; modules are shared. What
 * goes wrong inside of a program is the status TRAP, with a hone_wasm_trap and a backtrace in the
 * store; the store can be used again afterwards. Wasm code never grows the host's stack: its own
 * stack has the size that the store was given. Calls from the host into wasm that nest through host
 * functions are bounded by host_depth_max.
 */
#ifndef HONE_WASM_INSTANCE_H
#define HONE_WASM_INSTANCE_H

#include "hone/wasm/module.h"

typedef struct hone_wasm_store hone_wasm_store;
typedef struct hone_wasm_instance hone_wasm_instance;
typedef struct hone_wasm_function hone_wasm_function;
typedef struct hone_wasm_table hone_wasm_table;
typedef struct hone_wasm_memory hone_wasm_memory;
typedef struct hone_wasm_global hone_wasm_global;

/* A value of the type that the context says. A v128 takes two in a row, the low half first. */
typedef union hone_wasm_value {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    float f32;
    double f64;
    void *reference;              /* externref; NULL is the null reference */
    hone_wasm_function *function; /* funcref */
} hone_wasm_value;

/* name, text (as the specification's tests have it) */
#define HONE_WASM_TRAP_LIST(X)                                \
    X(UNREACHABLE, "unreachable")                             \
    X(OUT_OF_BOUNDS_MEMORY, "out of bounds memory access")    \
    X(OUT_OF_BOUNDS_TABLE, "out of bounds table access")      \
    X(UNDEFINED_ELEMENT, "undefined element")                 \
    X(UNINITIALIZED_ELEMENT, "uninitialized element")         \
    X(INDIRECT_CALL_TYPE, "indirect call type mismatch")      \
    X(DIVIDE_BY_ZERO, "integer divide by zero")               \
    X(INTEGER_OVERFLOW, "integer overflow")                   \
    X(INVALID_CONVERSION, "invalid conversion to integer")    \
    X(STACK_EXHAUSTED, "call stack exhausted")                \
    X(OUT_OF_FUEL, "out of fuel")                             \
    X(UNTRANSLATABLE, "a function that cannot be translated") \
    X(HOST, "a host function failed")

typedef enum hone_wasm_trap {
    HONE_WASM_TRAP_NONE = 0,
#define HONE_WASM_TRAP_ENUM(name, text) HONE_WASM_TRAP_##name,
    HONE_WASM_TRAP_LIST(HONE_WASM_TRAP_ENUM)
#undef HONE_WASM_TRAP_ENUM
} hone_wasm_trap;

const char *hone_wasm_trap_text(hone_wasm_trap trap);

/* Zero means the default behind each. */
typedef struct hone_wasm_store_options {
    const hone_allocator *allocator; /* NULL means libc; memories of the guests come from it */
    size_t stack_bytes;              /* of wasm code: 1 MiB */
    uint32_t host_depth_max;         /* calls into wasm that are open at a time: 100 */
    uint64_t memory_pages_max;       /* of all memories together: 65536 (4 GiB) */
    uint64_t table_elements_max;     /* of all tables together: 10,000,000 */
    uint32_t objects_max;            /* instances, and definitions: 100,000 */
} hone_wasm_store_options;

/* LIMIT, OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_wasm_store_create(const hone_wasm_store_options *options,
                                                 hone_diag *diag, hone_wasm_store **out_store);
void hone_wasm_store_destroy(hone_wasm_store *store); /* NULL is allowed */

/* Something that is imported or exported; the union's member is the kind's. */
typedef struct hone_wasm_extern {
    hone_wasm_kind kind;
    union {
        hone_wasm_function *function;
        hone_wasm_table *table;
        hone_wasm_memory *memory;
        hone_wasm_global *global;
    } as;
} hone_wasm_extern;

/* A function of the host: arguments are in `values`, results go there, from the first on (there is
 * room for the longer of both). A status other than HONE_OK becomes a trap HOST and is what the
 * outermost call returns. `instance` is the caller, for its memory; NULL when the host calls. */
typedef hone_status (*hone_wasm_host_call)(void *context, hone_wasm_instance *instance,
                                           hone_wasm_value *values);

/* `type` is copied. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_wasm_function_create(hone_wasm_store *store,
                                                    const hone_wasm_function_type *type,
                                                    hone_wasm_host_call call, void *context,
                                                    hone_wasm_function **out_function);
HONE_MUST_USE hone_status hone_wasm_memory_create(hone_wasm_store *store, hone_wasm_limits limits,
                                                  hone_diag *diag, hone_wasm_memory **out_memory);
HONE_MUST_USE hone_status hone_wasm_table_create(hone_wasm_store *store, hone_wasm_type element,
                                                 hone_wasm_limits limits, hone_diag *diag,
                                                 hone_wasm_table **out_table);
HONE_MUST_USE hone_status hone_wasm_global_create(hone_wasm_store *store, hone_wasm_type type,
                                                  bool is_mutable, hone_wasm_value value,
                                                  hone_wasm_global **out_global);

/* Names an extern for the imports of instances to come; a name that is there is replaced. */
HONE_MUST_USE hone_status hone_wasm_store_define(hone_wasm_store *store, hone_text module_name,
                                                 hone_text name, hone_wasm_extern item);
/* Defines all exports of an instance under `module_name`. */
HONE_MUST_USE hone_status hone_wasm_store_define_instance(hone_wasm_store *store,
                                                          hone_text module_name,
                                                          const hone_wasm_instance *instance);

/* Finds the imports, makes memories, tables and globals, copies segments and runs the start
 * function. The module is acquired. UNLINKABLE (an import is missing or of another type), TRAP
 * (a segment does not fit, or start trapped), LIMIT, BUDGET, OUT_OF_MEMORY, UNSUPPORTED. */
HONE_MUST_USE hone_status hone_wasm_instance_create(hone_wasm_store *store,
                                                    hone_wasm_module *module, hone_diag *diag,
                                                    hone_wasm_instance **out_instance);

/* NOT_FOUND. */
HONE_MUST_USE hone_status hone_wasm_instance_export(const hone_wasm_instance *instance,
                                                    hone_text name, hone_wasm_extern *out_item);

hone_wasm_function_type hone_wasm_function_type_of(const hone_wasm_function *function);

/* Calls with arguments in `values`; results go there too, so it has room for the longer of both.
 * TRAP, or the status of a host function. The diag names the trap and the innermost functions. */
HONE_MUST_USE hone_status hone_wasm_call(hone_wasm_store *store, hone_wasm_function *function,
                                         hone_wasm_value *values, hone_diag *diag);

/* Fuel for the code of metered modules, one unit per instruction; none is there at first. Counted
 * ahead, where functions and loops begin, so the same program always stops at the same place: with
 * the trap OUT_OF_FUEL, after at most one pass through a loop or function more than was paid. */
void hone_wasm_store_set_fuel(hone_wasm_store *store, uint64_t fuel);
uint64_t hone_wasm_store_fuel(const hone_wasm_store *store);

/* What the last call that returned TRAP ran into. */
hone_wasm_trap hone_wasm_store_trap(const hone_wasm_store *store);

/* The bytes of a memory, valid until wasm code runs again; NULL and 0 when empty. */
uint8_t *hone_wasm_memory_data(const hone_wasm_memory *memory, uint64_t *out_size_bytes);
/* Memory 0 of an instance, or NULL. */
hone_wasm_memory *hone_wasm_instance_memory(const hone_wasm_instance *instance);

hone_wasm_value hone_wasm_global_get(const hone_wasm_global *global);

#endif
