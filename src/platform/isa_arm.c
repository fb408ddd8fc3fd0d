/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's hwcaps: it reports what the CPU has and the kernel supports. */
#include <asm/hwcap.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "isa_internal.h"

/* Numbers of the kernel's ABI that older headers do not have (elf_hwcaps.rst). */
enum { HWCAP2_BIT_SVE2 = 1, HWCAP2_BIT_I8MM = 13, HWCAP2_BIT_BF16 = 14 };
enum { HWCAP2_BIT_BTI = 17, HWCAP2_BIT_MTE = 18, HWCAP2_BIT_SME = 23 };
enum { HWCAP_BIT_PACA = 30 };

typedef struct hwcap_bit {
    hone_isa feature;
    bool is_second;
    uint64_t mask;
} hwcap_bit;

static const hwcap_bit hwcap_bits[] = {
    {HONE_ISA_NEON, false, HWCAP_ASIMD},
    {HONE_ISA_ARM_FP16, false, HWCAP_ASIMDHP},
    {HONE_ISA_ARM_DOTPROD, false, HWCAP_ASIMDDP},
    {HONE_ISA_ARM_CRC32, false, HWCAP_CRC32},
    {HONE_ISA_ARM_AES, false, HWCAP_AES},
    {HONE_ISA_ARM_ATOMICS, false, HWCAP_ATOMICS},
    {HONE_ISA_SVE, false, HWCAP_SVE},
    {HONE_ISA_ARM_I8MM, true, 1u << HWCAP2_BIT_I8MM},
    {HONE_ISA_ARM_BF16, true, 1u << HWCAP2_BIT_BF16},
    {HONE_ISA_SVE2, true, 1u << HWCAP2_BIT_SVE2},
    {HONE_ISA_SME, true, 1u << HWCAP2_BIT_SME},
};

void hn_cpu_ask(hn_cpu *out_cpu) {
    uint64_t first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    *out_cpu = (hn_cpu){
        .is_known = true,
        .has_invariant_tsc = true, /* the generic timer, by architecture */
        .has_bti = second >> HWCAP2_BIT_BTI & 1,
        .has_pac = first >> HWCAP_BIT_PACA & 1,
        .has_mte = second >> HWCAP2_BIT_MTE & 1,
        .prefetch = "prfm",
    };
    for (size_t i = 0; i < sizeof hwcap_bits / sizeof hwcap_bits[0]; i++) {
        uint64_t word = hwcap_bits[i].is_second ? second : first;
        if (word & hwcap_bits[i].mask) {
            out_cpu->usable |= HONE_ISA_BIT(hwcap_bits[i].feature);
        }
    }
    if (hone_isa_has(out_cpu->usable, HONE_ISA_BIT(HONE_ISA_SVE))) {
        int length = prctl(PR_SVE_GET_VL);
        out_cpu->sve_vector_bytes = length > 0 ? (uint32_t)length & PR_SVE_VL_LEN_MASK : 0;
    }
}
