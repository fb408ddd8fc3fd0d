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

#include "hone/base/isa_mask.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

typedef enum hone_isa_family { HONE_ISA_FAMILY_X86, HONE_ISA_FAMILY_ARM } hone_isa_family;

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
