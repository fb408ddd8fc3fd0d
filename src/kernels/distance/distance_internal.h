/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the variants; the build defines HONE_HAVE_... for those it has. */
#ifndef HONE_KERNELS_DISTANCE_INTERNAL_H
#define HONE_KERNELS_DISTANCE_INTERNAL_H

#include "hone/kernels/distance.h"

#define HN_DISTANCE_DECLARE(isa)                                                     \
    hone_distance_fn hn_l2_f32_##isa, hn_l2_f16_##isa, hn_l2_bf16_##isa;             \
    hone_distance_fn hn_dot_f32_##isa, hn_dot_f16_##isa, hn_dot_bf16_##isa;          \
    hone_distance_fn hn_cosine_f32_##isa, hn_cosine_f16_##isa, hn_cosine_bf16_##isa; \
    hone_distance_i8_fn hn_dot_i8_##isa;                                             \
    hone_distance_bits_fn hn_hamming_##isa

HN_DISTANCE_DECLARE(ref);
HN_DISTANCE_DECLARE(avx2);
HN_DISTANCE_DECLARE(neon);
hone_distance_fn hn_l2_f32_avx512, hn_l2_bf16_avx512, hn_dot_f32_avx512, hn_dot_bf16_avx512,
    hn_cosine_f32_avx512, hn_cosine_bf16_avx512;
hone_distance_i8_fn hn_dot_i8_avx512vnni, hn_dot_i8_neondot;

/* 1 - dot / sqrt(query x row), where both are sums of squares; 1 where one of them is 0. */
float hn_cosine_of(float dot, float query_square, float row_square);

#endif
