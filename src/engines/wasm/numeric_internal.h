/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic where C and WebAssembly differ: rounding, minimum and maximum with NaN and signed
 * zeros, conversions to integers. Rounding is done by hand, without calls, because a call in a
 * handler of the interpreter costs more than the work.
 */
#ifndef HONE_WASM_NUMERIC_INTERNAL_H
#define HONE_WASM_NUMERIC_INTERNAL_H

#include <math.h>
#include <string.h>

#include "hone/wasm/instance.h"

static inline uint32_t hn_bits_f32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint64_t hn_bits_f64(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float hn_float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double hn_double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t hn_popcount(uint64_t a) {
    a = a - ((a >> 1) & 0x5555555555555555U);
    a = (a & 0x3333333333333333U) + ((a >> 2) & 0x3333333333333333U);
    a = (a + (a >> 4)) & 0x0F0F0F0F0F0F0F0FU;
    return (uint32_t)((a * 0x0101010101010101U) >> 56);
}

/* abs, neg and copysign move bits and leave the payload of a NaN alone. */
static inline float hn_abs_f32(float a) {
    return hn_float_of(hn_bits_f32(a) & 0x7FFFFFFFU);
}
static inline double hn_abs_f64(double a) {
    return hn_double_of(hn_bits_f64(a) & 0x7FFFFFFFFFFFFFFFU);
}
static inline float hn_neg_f32(float a) {
    return hn_float_of(hn_bits_f32(a) ^ 0x80000000U);
}
static inline double hn_neg_f64(double a) {
    return hn_double_of(hn_bits_f64(a) ^ 0x8000000000000000U);
}
static inline float hn_copysign_f32(float a, float b) {
    return hn_float_of((hn_bits_f32(a) & 0x7FFFFFFFU) | (hn_bits_f32(b) & 0x80000000U));
}
static inline double hn_copysign_f64(double a, double b) {
    return hn_double_of((hn_bits_f64(a) & 0x7FFFFFFFFFFFFFFFU) |
                        (hn_bits_f64(b) & 0x8000000000000000U));
}

/* One instruction everywhere; errno is no concern (-fno-math-errno). */
static inline float hn_sqrt_f32(float a) {
    return sqrtf(a);
}
static inline double hn_sqrt_f64(double a) {
    return sqrt(a);
}

/* Below 2^52 (2^23) a number may have a fraction; beyond, and for NaN, it is whole: a + 0 makes a
 * signalling NaN quiet. The sign is kept, that of a zero, too. */
static inline double hn_trunc_f64(double a) {
    return hn_abs_f64(a) < 4503599627370496.0 ? hn_copysign_f64((double)(int64_t)a, a) : a + 0;
}
static inline float hn_trunc_f32(float a) {
    return hn_abs_f32(a) < 8388608.0f ? hn_copysign_f32((float)(int32_t)a, a) : a + 0;
}
static inline double hn_floor_f64(double a) {
    if (!(hn_abs_f64(a) < 4503599627370496.0)) {
        return a + 0;
    }
    double whole = (double)(int64_t)a;
    return hn_copysign_f64(whole > a ? whole - 1 : whole, a);
}
static inline float hn_floor_f32(float a) {
    if (!(hn_abs_f32(a) < 8388608.0f)) {
        return a + 0;
    }
    float whole = (float)(int32_t)a;
    return hn_copysign_f32(whole > a ? whole - 1 : whole, a);
}
static inline double hn_ceil_f64(double a) {
    return hn_neg_f64(hn_floor_f64(hn_neg_f64(a)));
}
static inline float hn_ceil_f32(float a) {
    return hn_neg_f32(hn_floor_f32(hn_neg_f32(a)));
}

/* To the nearest, ties to even: adding 2^52 (2^23) rounds the fraction away in the default mode. */
static inline double hn_nearest_f64(double a) {
    double magnitude = hn_abs_f64(a);
    if (!(magnitude < 4503599627370496.0)) {
        return a + 0;
    }
    volatile double sum = magnitude + 4503599627370496.0;
    return hn_copysign_f64(sum - 4503599627370496.0, a);
}
static inline float hn_nearest_f32(float a) {
    float magnitude = hn_abs_f32(a);
    if (!(magnitude < 8388608.0f)) {
        return a + 0;
    }
    volatile float sum = magnitude + 8388608.0f;
    return hn_copysign_f32(sum - 8388608.0f, a);
}

/* NaN if one is NaN; -0 is less than +0. */
static inline float hn_min_f32(float a, float b) {
    if (a != a || b != b) {
        return a + b;
    }
    return a == b ? hn_float_of(hn_bits_f32(a) | hn_bits_f32(b)) : a < b ? a : b;
}
static inline double hn_min_f64(double a, double b) {
    if (a != a || b != b) {
        return a + b;
    }
    return a == b ? hn_double_of(hn_bits_f64(a) | hn_bits_f64(b)) : a < b ? a : b;
}
static inline float hn_max_f32(float a, float b) {
    if (a != a || b != b) {
        return a + b;
    }
    return a == b ? hn_float_of(hn_bits_f32(a) & hn_bits_f32(b)) : a > b ? a : b;
}
static inline double hn_max_f64(double a, double b) {
    if (a != a || b != b) {
        return a + b;
    }
    return a == b ? hn_double_of(hn_bits_f64(a) & hn_bits_f64(b)) : a > b ? a : b;
}

/* 0, or the trap of a conversion; `low` and `high` are just outside of what fits. */
static inline hone_wasm_trap hn_check_f64(double a, double low, double high) {
    if (a != a) {
        return HONE_WASM_TRAP_INVALID_CONVERSION;
    }
    /* -2^63 itself fits and has no double below it that differs: it is let through. */
    bool is_in = (a > low || (low == -9223372036854775808.0 && a == low)) && a < high;
    return is_in ? HONE_WASM_TRAP_NONE : HONE_WASM_TRAP_INTEGER_OVERFLOW;
}
static inline hone_wasm_trap hn_check_f32(float a, float low, float high) {
    if (a != a) {
        return HONE_WASM_TRAP_INVALID_CONVERSION;
    }
    return a > low && a < high ? HONE_WASM_TRAP_NONE : HONE_WASM_TRAP_INTEGER_OVERFLOW;
}

static inline int32_t hn_saturate_i32(double a) {
    return a != a ? 0 : a <= -2147483648.0 ? INT32_MIN : a >= 2147483647.0 ? INT32_MAX : (int32_t)a;
}
static inline uint32_t hn_saturate_u32(double a) {
    return !(a > -1.0) ? 0 : a >= 4294967295.0 ? UINT32_MAX : (uint32_t)(int64_t)a;
}
static inline int64_t hn_saturate_i64(double a) {
    return a != a                        ? 0
           : a <= -9223372036854775808.0 ? INT64_MIN
           : a >= 9223372036854775808.0  ? INT64_MAX
                                         : (int64_t)a;
}
static inline uint64_t hn_saturate_u64(double a) {
    return !(a > -1.0) ? 0 : a >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)a;
}

#endif
