/* SPDX-License-Identifier: Apache-2.0 */
#include "shuffle_internal.h"

static const hone_shuffle_variant variants[] = {
    {"ref", 0, hn_shuffle_ref, hn_unshuffle_ref, hn_split_bits_ref, hn_join_bits_ref},
#ifdef HONE_HAVE_AVX2
    {"avx2", HONE_ISA_NEEDED_AVX2, hn_shuffle_avx2, hn_unshuffle_avx2, hn_split_bits_avx2,
     hn_join_bits_avx2},
#endif
#ifdef HONE_HAVE_NEON
    {"neon", HONE_ISA_NEEDED_NEON, hn_shuffle_neon, hn_unshuffle_neon, hn_split_bits_neon,
     hn_join_bits_neon},
#endif
};

const hone_shuffle_variant *hone_shuffle_variants(size_t *out_count) {
    *out_count = sizeof variants / sizeof *variants;
    return variants;
}

const hone_shuffle_variant *hone_shuffle_choose(hone_isa_mask features) {
    const hone_shuffle_variant *best = &variants[0];
    for (size_t i = 1; i < sizeof variants / sizeof *variants; i++) {
        if (hone_isa_has(features, variants[i].needed)) {
            best = &variants[i];
        }
    }
    return best;
}
