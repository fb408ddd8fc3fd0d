/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which instruction sets this process may use: what the kernels dispatch on. The CPU itself is
 * asked (CPUID and XGETBV; hwcaps on ARM), because files can be stale, hidden or faked: a feature
 * counts only when the operating system also saves the registers it needs.
 *
 * Contract: shared; pure functions. hone_isa_detect() asks the CPU at each call, which costs some
 * microseconds under a hypervisor: keep its answer.
 * Sources: Intel SDM vol. 1 ch. 13, 14 and 18; AMD APM vol. 3 app. E; Linux
 * Documentation/arch/arm64/elf_hwcaps.rst.
 */
#ifndef HONE_PLATFORM_ISA_H
#define HONE_PLATFORM_ISA_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/span.h"
#include "hone/base/status.h"

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

typedef enum hone_isa_family { HONE_ISA_FAMILY_X86, HONE_ISA_FAMILY_ARM } hone_isa_family;

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

static inline bool hone_isa_has(hone_isa_mask mask, hone_isa_mask needed) {
    return (mask & needed) == needed;
}

/* What this CPU offers to this process. AMX bits still need the process to ask the kernel
 * (arch_prctl ARCH_REQ_XCOMP_PERM) before the first tile instruction. */
hone_isa_mask hone_isa_detect(void);

/* The same from the text of /proc/cpuinfo of any machine; for descriptions and tests, never for
 * dispatch. Features of the first CPU listed. */
hone_isa_mask hone_isa_from_cpuinfo(hone_text cpuinfo);

/* "avx2". Never NULL. */
const char *hone_isa_name(hone_isa feature);
hone_isa_family hone_isa_family_of(hone_isa feature);

/* A level of the configuration key hardware.simd: all features up to it. The dispatch order of the
 * kernels, lowest first; each level includes the ones before it of its family. */
typedef struct hone_isa_level {
    const char *name;      /* "scalar", "sse4.2", "avx2", "avx512", "amx", "neon", "sve" */
    hone_isa_mask needed;  /* the machine must have these for the level to be there */
    hone_isa_mask allowed; /* what a kernel may use at this level, where the machine has it */
} hone_isa_level;

/* The levels, "scalar" first; *out_count of them. Static storage. */
const hone_isa_level *hone_isa_levels(size_t *out_count);

/* The highest level that `mask` reaches; "scalar" at least. */
const hone_isa_level *hone_isa_level_of(hone_isa_mask mask);

/* `mask` cut down to the level `name`; "auto" leaves it as it is. INVALID_ARGUMENT for an unknown
 * name (the message has the nearest one), UNSUPPORTED when `mask` does not reach that level. */
HONE_MUST_USE hone_status hone_isa_restrict(hone_isa_mask mask, hone_text name, hone_diag *diag,
                                            hone_isa_mask *out_mask);

#endif
