/* SPDX-License-Identifier: Apache-2.0 */
/* The operations by number, as translator and disassembler see them. */
#ifndef HONE_WASM_INTERPRETER_INTERNAL_H
#define HONE_WASM_INTERPRETER_INTERNAL_H

#include "instance_internal.h"
#include "operations_internal.h"

/* Everything that has a handler: SINGLE(name) for the single ones, the others with the rows of
 * their tables. The order is that of the numbers. */
#define HN_WASM_ALL_OPERATIONS(SINGLE, BINARY, UNARY, BRANCH, BRANCH_FLOAT, COUNT, LOAD, STORE) \
    HN_WASM_SINGLES(SINGLE)                                                                     \
    HN_WASM_BINARIES(BINARY)                                                                    \
    HN_WASM_UNARIES(UNARY)                                                                      \
    HN_WASM_COMPARES_INT(BRANCH, I32, i32, int32_t)                                             \
    HN_WASM_COMPARES_INT(BRANCH, I64, i64, int64_t)                                             \
    HN_WASM_COMPARES_FLOAT(BRANCH_FLOAT, F32, f32)                                              \
    HN_WASM_COMPARES_FLOAT(BRANCH_FLOAT, F64, f64)                                              \
    HN_WASM_COMPARES_INT(COUNT, I32, i32, int32_t)                                              \
    HN_WASM_LOADS(LOAD)                                                                         \
    HN_WASM_STORES_INT(STORE)                                                                   \
    HN_WASM_STORES_FLOAT(STORE)

#define HN_WASM_ENUM(variant) HN_WASM_DO_##variant,
#define HN_WASM_ENUM_BINARY(name, t, rt, trap, e) HN_WASM_VARIANTS_BINARY(HN_WASM_ENUM, name)
#define HN_WASM_ENUM_UNARY(name, t, rt, trap, e) HN_WASM_VARIANTS_UNARY(HN_WASM_ENUM, name)
#define HN_WASM_ENUM_BRANCH(name, t, rt, trap, e) HN_WASM_VARIANTS_BRANCH(HN_WASM_ENUM, name)
#define HN_WASM_ENUM_BRANCH_FLOAT(name, t, rt, trap, e) \
    HN_WASM_VARIANTS_BRANCH_FLOAT(HN_WASM_ENUM, name)
#define HN_WASM_ENUM_COUNT(name, t, rt, trap, e) HN_WASM_VARIANTS_COUNT(HN_WASM_ENUM, name)
#define HN_WASM_ENUM_LOAD(name, m, t) HN_WASM_VARIANTS_LOAD(HN_WASM_ENUM, name)
#define HN_WASM_ENUM_STORE(name, m, t) HN_WASM_VARIANTS_STORE(HN_WASM_ENUM, name)

typedef enum hn_wasm_operation {
    HN_WASM_ALL_OPERATIONS(HN_WASM_ENUM, HN_WASM_ENUM_BINARY, HN_WASM_ENUM_UNARY,
                           HN_WASM_ENUM_BRANCH, HN_WASM_ENUM_BRANCH_FLOAT, HN_WASM_ENUM_COUNT,
                           HN_WASM_ENUM_LOAD, HN_WASM_ENUM_STORE) HN_WASM_OPERATIONS_COUNT
} hn_wasm_operation;

/* Whether a place to return to is the boundary between instances, or to the host. */
bool hn_wasm_is_crossing(const hn_wasm_op *pc);
bool hn_wasm_is_exit(const hn_wasm_op *pc);

#endif
