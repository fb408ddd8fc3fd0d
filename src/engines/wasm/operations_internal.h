/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that the interpreter executes, from one table per shape. An operation comes in
 * variants by where its operands are: s in a slot of the frame, r in an accumulator, i an
 * immediate of 32 bits, h one of 16, w one of 64 in the next cell; a d at the end says that the
 * result goes to a slot as well as to the accumulator. Addresses: k is a constant, w the sum of a
 * slot and an immediate, which wraps around.
 *
 * X(name, type of operands, type of result, trap, expression): `name` is that of the instruction
 * in opcodes_internal.h; `trap` is an expression of `a` and `b` that is 0 or a hone_wasm_trap.
 */
#ifndef HONE_WASM_OPERATIONS_INTERNAL_H
#define HONE_WASM_OPERATIONS_INTERNAL_H

/* clang-format off */
#define HN_WASM_COMPARES_INT(X, P, t, st) \
    X(P##_EQ, t, i32, 0, a == b) \
    X(P##_NE, t, i32, 0, a != b) \
    X(P##_LT_S, t, i32, 0, (st)a < (st)b) \
    X(P##_LT_U, t, i32, 0, a < b) \
    X(P##_GT_S, t, i32, 0, (st)a > (st)b) \
    X(P##_GT_U, t, i32, 0, a > b) \
    X(P##_LE_S, t, i32, 0, (st)a <= (st)b) \
    X(P##_LE_U, t, i32, 0, a <= b) \
    X(P##_GE_S, t, i32, 0, (st)a >= (st)b) \
    X(P##_GE_U, t, i32, 0, a >= b)

#define HN_WASM_COMPARES_FLOAT(X, P, t) \
    X(P##_EQ, t, i32, 0, a == b) \
    X(P##_NE, t, i32, 0, a != b) \
    X(P##_LT, t, i32, 0, a < b) \
    X(P##_GT, t, i32, 0, a > b) \
    X(P##_LE, t, i32, 0, a <= b) \
    X(P##_GE, t, i32, 0, a >= b)

#define HN_WASM_COMPARES(X) \
    HN_WASM_COMPARES_INT(X, I32, i32, int32_t) \
    HN_WASM_COMPARES_INT(X, I64, i64, int64_t) \
    HN_WASM_COMPARES_FLOAT(X, F32, f32) \
    HN_WASM_COMPARES_FLOAT(X, F64, f64)

#define HN_WASM_ARITHMETIC_INT(X, P, t, st, bits, lowest) \
    X(P##_ADD, t, t, 0, a + b) \
    X(P##_SUB, t, t, 0, a - b) \
    X(P##_MUL, t, t, 0, a * b) \
    X(P##_DIV_S, t, t, \
      b == 0 ? HONE_WASM_TRAP_DIVIDE_BY_ZERO \
             : a == lowest && (st)b == -1 ? HONE_WASM_TRAP_INTEGER_OVERFLOW : 0, \
      (st)a / (st)b) \
    X(P##_DIV_U, t, t, b == 0 ? HONE_WASM_TRAP_DIVIDE_BY_ZERO : 0, a / b) \
    X(P##_REM_S, t, t, b == 0 ? HONE_WASM_TRAP_DIVIDE_BY_ZERO : 0, \
      (st)b == -1 ? 0 : (st)a % (st)b) \
    X(P##_REM_U, t, t, b == 0 ? HONE_WASM_TRAP_DIVIDE_BY_ZERO : 0, a % b) \
    X(P##_AND, t, t, 0, a & b) \
    X(P##_OR, t, t, 0, a | b) \
    X(P##_XOR, t, t, 0, a ^ b) \
    X(P##_SHL, t, t, 0, a << (b & (bits - 1))) \
    X(P##_SHR_S, t, t, 0, (st)a >> (b & (bits - 1))) \
    X(P##_SHR_U, t, t, 0, a >> (b & (bits - 1))) \
    X(P##_ROTL, t, t, 0, a << (b & (bits - 1)) | a >> (-b & (bits - 1))) \
    X(P##_ROTR, t, t, 0, a >> (b & (bits - 1)) | a << (-b & (bits - 1)))

#define HN_WASM_ARITHMETIC_FLOAT(X, P, t) \
    X(P##_ADD, t, t, 0, a + b) \
    X(P##_SUB, t, t, 0, a - b) \
    X(P##_MUL, t, t, 0, a * b) \
    X(P##_DIV, t, t, 0, a / b) \
    X(P##_MIN, t, t, 0, hn_min_##t(a, b)) \
    X(P##_MAX, t, t, 0, hn_max_##t(a, b)) \
    X(P##_COPYSIGN, t, t, 0, hn_copysign_##t(a, b))

/* Two operands, one result. */
#define HN_WASM_BINARIES(X) \
    HN_WASM_COMPARES(X) \
    HN_WASM_ARITHMETIC_INT(X, I32, i32, int32_t, 32U, 0x80000000U) \
    HN_WASM_ARITHMETIC_INT(X, I64, i64, int64_t, 64U, 0x8000000000000000U) \
    HN_WASM_ARITHMETIC_FLOAT(X, F32, f32) \
    HN_WASM_ARITHMETIC_FLOAT(X, F64, f64)

#define HN_WASM_ROUNDINGS(X, P, t) \
    X(P##_ABS, t, t, 0, hn_abs_##t(a)) \
    X(P##_NEG, t, t, 0, hn_neg_##t(a)) \
    X(P##_CEIL, t, t, 0, hn_ceil_##t(a)) \
    X(P##_FLOOR, t, t, 0, hn_floor_##t(a)) \
    X(P##_TRUNC, t, t, 0, hn_trunc_##t(a)) \
    X(P##_NEAREST, t, t, 0, hn_nearest_##t(a)) \
    X(P##_SQRT, t, t, 0, hn_sqrt_##t(a))

/* The bounds are the neighbours outside of the range, or as near to them as the type goes. */
#define HN_WASM_TRUNCATIONS(X) \
    X(I32_TRUNC_F32_S, f32, i32, hn_check_f32(a, -2147483904.0f, 2147483648.0f), (int32_t)a) \
    X(I32_TRUNC_F32_U, f32, i32, hn_check_f32(a, -1.0f, 4294967296.0f), (uint32_t)a) \
    X(I32_TRUNC_F64_S, f64, i32, hn_check_f64(a, -2147483649.0, 2147483648.0), (int32_t)a) \
    X(I32_TRUNC_F64_U, f64, i32, hn_check_f64(a, -1.0, 4294967296.0), (uint32_t)a) \
    X(I64_TRUNC_F32_S, f32, i64, \
        hn_check_f32(a, -9223373136366403584.0f, 9223372036854775808.0f), (int64_t)a) \
    X(I64_TRUNC_F32_U, f32, i64, hn_check_f32(a, -1.0f, 18446744073709551616.0f), (uint64_t)a) \
    X(I64_TRUNC_F64_S, f64, i64, \
        hn_check_f64(a, -9223372036854777856.0, 9223372036854775808.0), (int64_t)a) \
    X(I64_TRUNC_F64_U, f64, i64, hn_check_f64(a, -1.0, 18446744073709551616.0), (uint64_t)a) \
    X(I32_TRUNC_SAT_F32_S, f32, i32, 0, hn_saturate_i32((double)a)) \
    X(I32_TRUNC_SAT_F32_U, f32, i32, 0, hn_saturate_u32((double)a)) \
    X(I32_TRUNC_SAT_F64_S, f64, i32, 0, hn_saturate_i32(a)) \
    X(I32_TRUNC_SAT_F64_U, f64, i32, 0, hn_saturate_u32(a)) \
    X(I64_TRUNC_SAT_F32_S, f32, i64, 0, hn_saturate_i64((double)a)) \
    X(I64_TRUNC_SAT_F32_U, f32, i64, 0, hn_saturate_u64((double)a)) \
    X(I64_TRUNC_SAT_F64_S, f64, i64, 0, hn_saturate_i64(a)) \
    X(I64_TRUNC_SAT_F64_U, f64, i64, 0, hn_saturate_u64(a))

/* One operand, one result. */
#define HN_WASM_UNARIES(X) \
    X(I32_EQZ, i32, i32, 0, a == 0) \
    X(I32_CLZ, i32, i32, 0, a ? __builtin_clz(a) : 32) \
    X(I32_CTZ, i32, i32, 0, a ? __builtin_ctz(a) : 32) \
    X(I32_POPCNT, i32, i32, 0, hn_popcount(a)) \
    X(I64_EQZ, i64, i32, 0, a == 0) \
    X(I64_CLZ, i64, i64, 0, a ? __builtin_clzll(a) : 64) \
    X(I64_CTZ, i64, i64, 0, a ? __builtin_ctzll(a) : 64) \
    X(I64_POPCNT, i64, i64, 0, hn_popcount(a)) \
    HN_WASM_ROUNDINGS(X, F32, f32) \
    HN_WASM_ROUNDINGS(X, F64, f64) \
    HN_WASM_TRUNCATIONS(X) \
    X(I32_WRAP_I64, i64, i32, 0, a) \
    X(I64_EXTEND_I32_S, i32, i64, 0, (int32_t)a) \
    X(I64_EXTEND_I32_U, i32, i64, 0, a) \
    X(F32_CONVERT_I32_S, i32, f32, 0, (float)(int32_t)a) \
    X(F32_CONVERT_I32_U, i32, f32, 0, (float)a) \
    X(F32_CONVERT_I64_S, i64, f32, 0, (float)(int64_t)a) \
    X(F32_CONVERT_I64_U, i64, f32, 0, (float)a) \
    X(F32_DEMOTE_F64, f64, f32, 0, (float)a) \
    X(F64_CONVERT_I32_S, i32, f64, 0, (double)(int32_t)a) \
    X(F64_CONVERT_I32_U, i32, f64, 0, (double)a) \
    X(F64_CONVERT_I64_S, i64, f64, 0, (double)(int64_t)a) \
    X(F64_CONVERT_I64_U, i64, f64, 0, (double)a) \
    X(F64_PROMOTE_F32, f32, f64, 0, (double)a) \
    X(I32_REINTERPRET_F32, f32, i32, 0, hn_bits_f32(a)) \
    X(I64_REINTERPRET_F64, f64, i64, 0, hn_bits_f64(a)) \
    X(F32_REINTERPRET_I32, i32, f32, 0, hn_float_of(a)) \
    X(F64_REINTERPRET_I64, i64, f64, 0, hn_double_of(a)) \
    X(I32_EXTEND8_S, i32, i32, 0, (int8_t)a) \
    X(I32_EXTEND16_S, i32, i32, 0, (int16_t)a) \
    X(I64_EXTEND8_S, i64, i64, 0, (int8_t)a) \
    X(I64_EXTEND16_S, i64, i64, 0, (int16_t)a) \
    X(I64_EXTEND32_S, i64, i64, 0, (int32_t)a)

/* X(name, type in memory, type of the value) */
#define HN_WASM_LOADS(X) \
    X(I32_LOAD, uint32_t, i32) \
    X(I64_LOAD, uint64_t, i64) \
    X(F32_LOAD, float, f32) \
    X(F64_LOAD, double, f64) \
    X(I32_LOAD8_S, int8_t, i32) \
    X(I32_LOAD8_U, uint8_t, i32) \
    X(I32_LOAD16_S, int16_t, i32) \
    X(I32_LOAD16_U, uint16_t, i32) \
    X(I64_LOAD8_S, int8_t, i64) \
    X(I64_LOAD8_U, uint8_t, i64) \
    X(I64_LOAD16_S, int16_t, i64) \
    X(I64_LOAD16_U, uint16_t, i64) \
    X(I64_LOAD32_S, int32_t, i64) \
    X(I64_LOAD32_U, uint32_t, i64)

#define HN_WASM_STORES_INT(X) \
    X(I32_STORE, uint32_t, i32) \
    X(I64_STORE, uint64_t, i64) \
    X(I32_STORE8, uint8_t, i32) \
    X(I32_STORE16, uint16_t, i32) \
    X(I64_STORE8, uint8_t, i64) \
    X(I64_STORE16, uint16_t, i64) \
    X(I64_STORE32, uint32_t, i64)

#define HN_WASM_STORES_FLOAT(X) \
    X(F32_STORE, float, f32) \
    X(F64_STORE, double, f64)

/* The variants in their order; the translator adds to the first. */
#define HN_WASM_VARIANTS_BINARY(X, name) \
    X(name##_ss) X(name##_ssd) X(name##_si) X(name##_sid) X(name##_rs) X(name##_rsd) \
    X(name##_ri) X(name##_rid) X(name##_sr) X(name##_srd)
#define HN_WASM_VARIANTS_UNARY(X, name) X(name##_s) X(name##_sd) X(name##_r) X(name##_rd)
#define HN_WASM_VARIANTS_LOAD(X, name) \
    X(name##_s) X(name##_sd) X(name##_r) X(name##_rd) X(name##_w) X(name##_wd) \
        X(name##_k) X(name##_kd)
#define HN_WASM_VARIANTS_STORE(X, name) \
    X(name##_ss) X(name##_rs) X(name##_ws) X(name##_ks) X(name##_sr) X(name##_rr) \
        X(name##_wr) X(name##_kr) \
    X(name##_sh) X(name##_rh) X(name##_wh) X(name##_kh)
#define HN_WASM_VARIANTS_BRANCH(X, name) \
    X(BR_##name##_ss) X(BR_##name##_rs) X(BR_##name##_sh) X(BR_##name##_rh) \
        X(BR_##name##_sw) X(BR_##name##_rw)
#define HN_WASM_VARIANTS_COUNT(X, name) X(BA_##name##_s) X(BA_##name##_w)
#define HN_WASM_VARIANTS_BRANCH_FLOAT(X, name) \
    X(BR_##name##_ss) X(BR_##name##_rs) X(BN_##name##_ss) X(BN_##name##_rs)

/* Operations of their own. */
#define HN_WASM_SINGLES(X) \
    X(ENTER) X(COMPILE) X(EXIT) X(RETURN) X(RETURN_s) X(RETURN_r) X(RETURN_f) X(RETURN_g) \
        X(RETURN_i) \
    X(CROSS_RETURN) X(CALL) X(CALL_IMPORT) X(CALL_INDIRECT) X(TAIL_CALL) X(TAIL_CALL_INDIRECT) \
    X(TRAP) X(JUMP) X(BR_IF_s) X(BR_IF_r) X(BR_UNLESS_s) X(BR_UNLESS_r) X(BA_IF) \
        X(BA_UNLESS) X(BR_TABLE_s) X(BR_TABLE_r) \
    X(COPY) X(SET_r) X(SET_f) X(SET_g) X(SET_i) X(SET_w) X(SELECT_s) X(SELECT_r) \
    X(GLOBAL_GET) X(GLOBAL_GETd) X(GLOBAL_GET_w) X(GLOBAL_SET_s) X(GLOBAL_SET_r) X(SLOW) X(FUEL)
/* clang-format on */

#endif
