/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CPU says of itself: one file per architecture answers hn_cpu_ask (isa_x86.c, isa_arm.c,
 * isa_generic.c; the build picks one).
 */
#ifndef HONE_PLATFORM_ISA_INTERNAL_H
#define HONE_PLATFORM_ISA_INTERNAL_H

#include "hone/platform/isa.h"

typedef struct hn_cpu {
    bool is_known;                /* else everything below is zero and says nothing */
    hone_isa_mask usable;         /* by the CPU and the operating system */
    hone_isa_mask unsaved;        /* the CPU has them, the operating system does not enable them */
    bool has_invariant_tsc;       /* a cycle counter of constant rate that never stops */
    bool has_shadow_stack;        /* x86 CET, the hardware's half */
    bool is_shadow_stack_offered; /* and the kernel's: programs may use it */
    bool has_branch_tracking;     /* x86 IBT, the hardware's half */
    bool has_bti, has_pac, has_mte;
    const char *prefetch;      /* the instruction, or NULL */
    uint32_t sve_vector_bytes; /* 0: none or unknown */
} hn_cpu;

void hn_cpu_ask(hn_cpu *out_cpu);

/* The same from /proc/cpuinfo, where flags of x86 and ARM can be told apart. */
void hn_cpu_from_cpuinfo(hone_text cpuinfo, hn_cpu *out_cpu);

/* The words of the first "flags" or "Features" line; empty when there is none. */
hone_text hn_cpuinfo_flags(hone_text cpuinfo, hone_isa_family *out_family);

#endif
