/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of instruction-set features, for those who dispatch on them (the kernels' tables take a
 * mask of them as an argument) and those who find them out (hone/platform/isa.h).
 *
 * Contract: shared; constants and pure functions. A mask is a promise of its giver that the machine
 * has these features; a test may give any part of what the machine has.
 */
#ifndef HONE_BASE_ISA_MASK_H
#define HONE_BASE_ISA_MASK_H

#include <stdbool.h>
#include <stdint.h>

/* name, family, text (also the word of `hone detect`), flag in /proc/cpuinfo. */
#define HONE_ISA_LIST(X)                                     \
    X(SSE42, X86, "sse4.2", "sse4_2")                        \
    X(POPCNT, X86, "popcnt", "popcnt")                       \
    X(BMI2, X86, "bmi2", "bmi2")                             \
    X(AES, X86, "aes", "aes")                                \
    X(PCLMUL, X86, "pclmul", "pclmulqdq")                    \
    X(SHA, X86, "sha", "sha_ni")                             \
    X(AVX, X86, "avx", "avx")                                \
    X(F16C, X86, "f16c", "f16c")                             \
    X(FMA, X86, "fma", "fma")                                \
    X(AVX2, X86, "avx2", "avx2")                             \
    X(AVX_VNNI, X86, "avx-vnni", "avx_vnni")                 \
    X(AVX512F, X86, "avx512f", "avx512f")                    \
    X(AVX512CD, X86, "avx512cd", "avx512cd")                 \
    X(AVX512BW, X86, "avx512bw", "avx512bw")                 \
    X(AVX512DQ, X86, "avx512dq", "avx512dq")                 \
    X(AVX512VL, X86, "avx512vl", "avx512vl")                 \
    X(AVX512IFMA, X86, "avx512ifma", "avx512ifma")           \
    X(AVX512VBMI, X86, "avx512vbmi", "avx512vbmi")           \
    X(AVX512VBMI2, X86, "avx512vbmi2", "avx512_vbmi2")       \
    X(AVX512BITALG, X86, "avx512bitalg", "avx512_bitalg")    \
    X(AVX512POPCNT, X86, "avx512popcnt", "avx512_vpopcntdq") \
    X(AVX512VNNI, X86, "avx512vnni", "avx512_vnni")          \
    X(AVX512BF16, X86, "avx512bf16", "avx512_bf16")          \
    X(AVX512FP16, X86, "avx512fp16", "avx512_fp16")          \
    X(AMX_TILE, X86, "amx-tile", "amx_tile")                 \
    X(AMX_INT8, X86, "amx-int8", "amx_int8")                 \
    X(AMX_BF16, X86, "amx-bf16", "amx_bf16")                 \
    X(NEON, ARM, "neon", "asimd")                            \
    X(ARM_FP16, ARM, "fp16", "asimdhp")                      \
    X(ARM_DOTPROD, ARM, "dotprod", "asimddp")                \
    X(ARM_I8MM, ARM, "i8mm", "i8mm")                         \
    X(ARM_BF16, ARM, "bf16", "bf16")                         \
    X(ARM_CRC32, ARM, "crc32", "crc32")                      \
    X(ARM_AES, ARM, "aes", "aes")                            \
    X(ARM_ATOMICS, ARM, "lse", "atomics")                    \
    X(SVE, ARM, "sve", "sve")                                \
    X(SVE2, ARM, "sve2", "sve2")                             \
    X(SME, ARM, "sme", "sme")

/* A feature; its bit in a mask is HONE_ISA_BIT(feature). Numbers may change between versions. */
typedef enum hone_isa {
#define HONE_ISA_ENUM(name, family, text, flag) HONE_ISA_##name,
    HONE_ISA_LIST(HONE_ISA_ENUM)
#undef HONE_ISA_ENUM
        HONE_ISA_COUNT
} hone_isa;

/* A set of features. 0 is plain C. */
typedef uint64_t hone_isa_mask;
#define HONE_ISA_BIT(feature) ((hone_isa_mask)1 << (feature))

/* What a file compiled as NAME_avx2.c, NAME_avx512.c and so on may use: the build's flags for the
 * suffix. */
#define HONE_ISA_NEEDED_AVX2                                                                  \
    (HONE_ISA_BIT(HONE_ISA_AVX2) | HONE_ISA_BIT(HONE_ISA_FMA) | HONE_ISA_BIT(HONE_ISA_BMI2) | \
     HONE_ISA_BIT(HONE_ISA_F16C))
#define HONE_ISA_NEEDED_AVX512                                                                 \
    (HONE_ISA_NEEDED_AVX2 | HONE_ISA_BIT(HONE_ISA_AVX512F) | HONE_ISA_BIT(HONE_ISA_AVX512CD) | \
     HONE_ISA_BIT(HONE_ISA_AVX512BW) | HONE_ISA_BIT(HONE_ISA_AVX512DQ) |                       \
     HONE_ISA_BIT(HONE_ISA_AVX512VL))
#define HONE_ISA_NEEDED_AVX512VNNI (HONE_ISA_NEEDED_AVX512 | HONE_ISA_BIT(HONE_ISA_AVX512VNNI))
#define HONE_ISA_NEEDED_NEON HONE_ISA_BIT(HONE_ISA_NEON)
#define HONE_ISA_NEEDED_NEONDOT (HONE_ISA_NEEDED_NEON | HONE_ISA_BIT(HONE_ISA_ARM_DOTPROD))

static inline bool hone_isa_has(hone_isa_mask mask, hone_isa_mask needed) {
    return (mask & needed) == needed;
}

#endif
