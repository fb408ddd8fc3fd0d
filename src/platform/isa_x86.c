/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID tells what the CPU can do, XCR0 (by XGETBV) which register state the operating system
 * saves. A feature whose registers are not saved would lose its values at the next context switch,
 * so it counts as not usable. Source: Intel SDM vol. 1, 14.3, 15.2 and 18.
 */
#include <cpuid.h>

#include "isa_internal.h"

enum { REGISTER_EAX, REGISTER_EBX, REGISTER_ECX, REGISTER_EDX };

/* Bits of XCR0. */
enum {
    STATE_NONE = 0,
    STATE_AVX = 0x6,     /* XMM and YMM */
    STATE_AVX512 = 0xE6, /* and opmask, ZMM 0-15 high halves, ZMM 16-31 */
    STATE_AMX = 0x60000  /* tile configuration and data */
};

typedef struct feature_bit {
    hone_isa feature;
    uint32_t leaf, subleaf;
    uint8_t word, bit;
    uint32_t state;
} feature_bit;

static const feature_bit feature_bits[] = {
    {HONE_ISA_SSE42, 1, 0, REGISTER_ECX, 20, STATE_NONE},
    {HONE_ISA_POPCNT, 1, 0, REGISTER_ECX, 23, STATE_NONE},
    {HONE_ISA_BMI2, 7, 0, REGISTER_EBX, 8, STATE_NONE},
    {HONE_ISA_AES, 1, 0, REGISTER_ECX, 25, STATE_NONE},
    {HONE_ISA_PCLMUL, 1, 0, REGISTER_ECX, 1, STATE_NONE},
    {HONE_ISA_SHA, 7, 0, REGISTER_EBX, 29, STATE_NONE},
    {HONE_ISA_AVX, 1, 0, REGISTER_ECX, 28, STATE_AVX},
    {HONE_ISA_F16C, 1, 0, REGISTER_ECX, 29, STATE_AVX},
    {HONE_ISA_FMA, 1, 0, REGISTER_ECX, 12, STATE_AVX},
    {HONE_ISA_AVX2, 7, 0, REGISTER_EBX, 5, STATE_AVX},
    {HONE_ISA_AVX_VNNI, 7, 1, REGISTER_EAX, 4, STATE_AVX},
    {HONE_ISA_AVX512F, 7, 0, REGISTER_EBX, 16, STATE_AVX512},
    {HONE_ISA_AVX512CD, 7, 0, REGISTER_EBX, 28, STATE_AVX512},
    {HONE_ISA_AVX512BW, 7, 0, REGISTER_EBX, 30, STATE_AVX512},
    {HONE_ISA_AVX512DQ, 7, 0, REGISTER_EBX, 17, STATE_AVX512},
    {HONE_ISA_AVX512VL, 7, 0, REGISTER_EBX, 31, STATE_AVX512},
    {HONE_ISA_AVX512IFMA, 7, 0, REGISTER_EBX, 21, STATE_AVX512},
    {HONE_ISA_AVX512VBMI, 7, 0, REGISTER_ECX, 1, STATE_AVX512},
    {HONE_ISA_AVX512VBMI2, 7, 0, REGISTER_ECX, 6, STATE_AVX512},
    {HONE_ISA_AVX512BITALG, 7, 0, REGISTER_ECX, 12, STATE_AVX512},
    {HONE_ISA_AVX512POPCNT, 7, 0, REGISTER_ECX, 14, STATE_AVX512},
    {HONE_ISA_AVX512VNNI, 7, 0, REGISTER_ECX, 11, STATE_AVX512},
    {HONE_ISA_AVX512BF16, 7, 1, REGISTER_EAX, 5, STATE_AVX512},
    {HONE_ISA_AVX512FP16, 7, 0, REGISTER_EDX, 23, STATE_AVX512},
    {HONE_ISA_AMX_TILE, 7, 0, REGISTER_EDX, 24, STATE_AMX},
    {HONE_ISA_AMX_INT8, 7, 0, REGISTER_EDX, 25, STATE_AMX},
    {HONE_ISA_AMX_BF16, 7, 0, REGISTER_EDX, 22, STATE_AMX},
};

/* False, and zeros, where the CPU has no such leaf. */
static bool read_leaf(uint32_t leaf, uint32_t subleaf, uint32_t words[4]) {
    return __get_cpuid_count(leaf, subleaf, &words[0], &words[1], &words[2], &words[3]) != 0;
}

static uint64_t read_xcr0(bool is_xgetbv_allowed) {
    uint32_t low, high;
    if (!is_xgetbv_allowed) {
        return 0;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

void hn_cpu_ask(hn_cpu *out_cpu) {
    uint32_t leaf1[4] = {0}, leaf7[4] = {0}, leaf7_1[4] = {0}, power[4] = {0};
    (void)read_leaf(1, 0, leaf1);
    if (read_leaf(7, 0, leaf7) && leaf7[REGISTER_EAX] >= 1) {
        (void)read_leaf(7, 1, leaf7_1);
    }
    (void)read_leaf(0x80000007u, 0, power);
    uint64_t saved = read_xcr0(leaf1[REGISTER_ECX] >> 27 & 1); /* OSXSAVE */
    *out_cpu = (hn_cpu){
        .is_known = true,
        .has_invariant_tsc = power[REGISTER_EDX] >> 8 & 1,
        .has_shadow_stack = leaf7[REGISTER_ECX] >> 7 & 1,
        .has_branch_tracking = leaf7[REGISTER_EDX] >> 20 & 1,
        .prefetch = "prefetcht0", /* since SSE, which x86-64 includes */
    };
    for (size_t i = 0; i < sizeof feature_bits / sizeof feature_bits[0]; i++) {
        const feature_bit *f = &feature_bits[i];
        const uint32_t *words = f->leaf == 1 ? leaf1 : f->subleaf ? leaf7_1 : leaf7;
        if (!(words[f->word] >> f->bit & 1)) {
            continue;
        }
        bool is_saved = (saved & f->state) == f->state;
        *(is_saved ? &out_cpu->usable : &out_cpu->unsaved) |= HONE_ISA_BIT(f->feature);
    }
}
