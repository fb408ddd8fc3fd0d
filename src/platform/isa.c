/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/isa.h"

#include <stdio.h>

#include "isa_internal.h"
#include "procfs_internal.h"

_Static_assert(HONE_ISA_COUNT <= 64, "a mask has 64 bits");

typedef struct isa_info {
    const char *name, *flag;
    hone_isa_family family;
} isa_info;

static const isa_info infos[HONE_ISA_COUNT] = {
#define ISA_INFO(id, family, name, flag) {name, flag, HONE_ISA_FAMILY_##family},
    HONE_ISA_LIST(ISA_INFO)
#undef ISA_INFO
};

#define BIT(id) HONE_ISA_BIT(HONE_ISA_##id)

/* What comes with the level, whether or not a machine has all of it. */
#define SSE42_ALLOWED (BIT(SSE42) | BIT(POPCNT) | BIT(AES) | BIT(PCLMUL) | BIT(SHA))
#define AVX2_ALLOWED \
    (SSE42_ALLOWED | BIT(BMI2) | BIT(AVX) | BIT(F16C) | BIT(FMA) | BIT(AVX2) | BIT(AVX_VNNI))
#define AVX512_ALLOWED                                                                             \
    (AVX2_ALLOWED | BIT(AVX512F) | BIT(AVX512CD) | BIT(AVX512BW) | BIT(AVX512DQ) | BIT(AVX512VL) | \
     BIT(AVX512IFMA) | BIT(AVX512VBMI) | BIT(AVX512VBMI2) | BIT(AVX512BITALG) |                    \
     BIT(AVX512POPCNT) | BIT(AVX512VNNI) | BIT(AVX512BF16) | BIT(AVX512FP16))
#define AMX_ALLOWED (AVX512_ALLOWED | BIT(AMX_TILE) | BIT(AMX_INT8) | BIT(AMX_BF16))
#define NEON_ALLOWED                                                                \
    (BIT(NEON) | BIT(ARM_FP16) | BIT(ARM_DOTPROD) | BIT(ARM_I8MM) | BIT(ARM_BF16) | \
     BIT(ARM_CRC32) | BIT(ARM_AES) | BIT(ARM_ATOMICS))
#define SVE_ALLOWED (NEON_ALLOWED | BIT(SVE) | BIT(SVE2) | BIT(SME))

/* avx512 asks for what every server and Zen 4 has (x86-64-v4), so that kernels need no finer test.
 */
static const hone_isa_level levels[] = {
    {"scalar", 0, 0},
    {"sse4.2", BIT(SSE42) | BIT(POPCNT), SSE42_ALLOWED},
    {"avx2", BIT(AVX2) | BIT(FMA) | BIT(BMI2), AVX2_ALLOWED},
    {"avx512",
     BIT(AVX512F) | BIT(AVX512CD) | BIT(AVX512BW) | BIT(AVX512DQ) | BIT(AVX512VL) | BIT(AVX2) |
         BIT(FMA) | BIT(BMI2),
     AVX512_ALLOWED},
    {"amx", BIT(AMX_TILE) | BIT(AVX512F), AMX_ALLOWED},
    {"neon", BIT(NEON), NEON_ALLOWED},
    {"sve", BIT(SVE) | BIT(NEON), SVE_ALLOWED},
};
enum { LEVELS_COUNT = sizeof levels / sizeof levels[0] };

hone_isa_mask hone_isa_detect(void) {
    hn_cpu cpu = {0};
    hn_cpu_ask(&cpu);
    return cpu.usable;
}

hone_text hn_cpuinfo_flags(hone_text cpuinfo, hone_isa_family *out_family) {
    hone_text flags = {"", 0};
    if (hn_find_field(cpuinfo, "flags", &flags)) {
        *out_family = HONE_ISA_FAMILY_X86;
    } else if (hn_find_field(cpuinfo, "Features", &flags)) {
        *out_family = HONE_ISA_FAMILY_ARM;
    }
    return flags;
}

void hn_cpu_from_cpuinfo(hone_text cpuinfo, hn_cpu *out_cpu) {
    hone_isa_family family = HONE_ISA_FAMILY_X86;
    hone_text flags = hn_cpuinfo_flags(cpuinfo, &family);
    *out_cpu = (hn_cpu){0};
    for (int i = 0; i < HONE_ISA_COUNT; i++) {
        if (infos[i].family == family && hn_has_word(flags, infos[i].flag)) {
            out_cpu->usable |= HONE_ISA_BIT(i);
        }
    }
    if (flags.size == 0) {
        return;
    }
    out_cpu->is_known = true;
    bool is_x86 = family == HONE_ISA_FAMILY_X86;
    out_cpu->has_invariant_tsc =
        is_x86 ? hn_has_word(flags, "constant_tsc") && hn_has_word(flags, "nonstop_tsc")
               : true; /* the generic timer, by architecture */
    out_cpu->has_shadow_stack = is_x86 && hn_has_word(flags, "user_shstk");
    out_cpu->has_branch_tracking = is_x86 && hn_has_word(flags, "ibt");
    out_cpu->has_bti = !is_x86 && hn_has_word(flags, "bti");
    out_cpu->has_pac = !is_x86 && hn_has_word(flags, "paca");
    out_cpu->has_mte = !is_x86 && hn_has_word(flags, "mte");
    out_cpu->prefetch = is_x86 ? "prefetcht0" : "prfm";
}

hone_isa_mask hone_isa_from_cpuinfo(hone_text cpuinfo) {
    hn_cpu cpu;
    hn_cpu_from_cpuinfo(cpuinfo, &cpu);
    return cpu.usable;
}

const char *hone_isa_name(hone_isa feature) {
    return (unsigned)feature < HONE_ISA_COUNT ? infos[feature].name : "unknown";
}

hone_isa_family hone_isa_family_of(hone_isa feature) {
    return (unsigned)feature < HONE_ISA_COUNT ? infos[feature].family : HONE_ISA_FAMILY_X86;
}

const hone_isa_level *hone_isa_levels(size_t *out_count) {
    *out_count = LEVELS_COUNT;
    return levels;
}

const hone_isa_level *hone_isa_level_of(hone_isa_mask mask) {
    const hone_isa_level *highest = &levels[0];
    for (size_t i = 1; i < LEVELS_COUNT; i++) {
        if (hone_isa_has(mask, levels[i].needed)) {
            highest = &levels[i];
        }
    }
    return highest;
}

static hone_status refuse_unknown(hone_text name, hone_diag *diag) {
    const char *names[LEVELS_COUNT + 1] = {"auto"};
    for (size_t i = 0; i < LEVELS_COUNT; i++) {
        names[i + 1] = levels[i].name;
    }
    int size = name.size < 40 ? (int)name.size : 40;
    const char *nearest = hone_text_nearest(name, names, LEVELS_COUNT + 1);
    return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                         "there is no instruction set level '%.*s'%s%s%s; use auto, scalar, "
                         "sse4.2, avx2, avx512, amx, neon or sve",
                         size, name.data ? name.data : "", nearest ? " (did you mean '" : "",
                         nearest ? nearest : "", nearest ? "'?)" : "");
}

hone_status hone_isa_restrict(hone_isa_mask mask, hone_text name, hone_diag *diag,
                              hone_isa_mask *out_mask) {
    if (hone_text_is(name, "auto")) {
        *out_mask = mask;
        return HONE_OK;
    }
    for (size_t i = 0; i < LEVELS_COUNT; i++) {
        if (!hone_text_is(name, levels[i].name)) {
            continue;
        }
        if (!hone_isa_has(mask, levels[i].needed)) {
            return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                                 "this machine does not have the level '%s'; its highest is '%s' "
                                 "(use that, a lower one, or auto)",
                                 levels[i].name, hone_isa_level_of(mask)->name);
        }
        *out_mask = mask & levels[i].allowed;
        return HONE_OK;
    }
    return refuse_unknown(name, diag);
}
