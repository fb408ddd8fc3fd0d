/* SPDX-License-Identifier: Apache-2.0 */
#include "scan_internal.h"

static const hone_scan_variant variants[] = {
    {"ref", 0, hone_csv_mask_ref},
#ifdef HONE_HAVE_AVX2
    {"avx2", HONE_ISA_NEEDED_AVX2, hn_csv_mask_avx2},
#endif
#ifdef HONE_HAVE_AVX512
    {"avx512", HONE_ISA_NEEDED_AVX512, hn_csv_mask_avx512},
#endif
#ifdef HONE_HAVE_NEON
    {"neon", HONE_ISA_NEEDED_NEON, hn_csv_mask_neon},
#endif
};

const hone_scan_variant *hone_scan_variants(size_t *out_count) {
    *out_count = sizeof variants / sizeof *variants;
    return variants;
}

hone_csv_mask_fn *hone_scan_csv_mask(hone_isa_mask features) {
    hone_csv_mask_fn *best = hone_csv_mask_ref;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        if (hone_isa_has(features, variants[i].needed)) {
            best = variants[i].csv_mask;
        }
    }
    return best;
}
