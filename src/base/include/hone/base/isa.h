/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the instruction sets that kernels have variants for. A kernel's table takes a mask of
 * these as an argument; what the machine really has is platform's to say (hone/platform), and a
 * test may pass any subset of it.
 */
#ifndef HONE_BASE_ISA_H
#define HONE_BASE_ISA_H

#include <stdint.h>

typedef enum hone_isa {
    HONE_ISA_AVX2 = 1 << 0,   /* with BMI1, BMI2, LZCNT and FMA, as in x86-64-v3 */
    HONE_ISA_AVX512 = 1 << 1, /* F, BW, CD, DQ, VL, as in x86-64-v4 */
    HONE_ISA_AVX512_VNNI = 1 << 2,
    HONE_ISA_AVX512_BF16 = 1 << 3,
    HONE_ISA_NEON = 1 << 4, /* Advanced SIMD of AArch64 */
    HONE_ISA_NEON_DOTPROD = 1 << 5,
    HONE_ISA_SVE = 1 << 6
} hone_isa;

/* A set of hone_isa bits. 0: the reference variants only. */
typedef uint32_t hone_isa_mask;

#endif
