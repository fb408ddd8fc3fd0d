/* SPDX-License-Identifier: Apache-2.0 */
#include "distance_internal.h"

#include <math.h>
#include <string.h>

/* By metric and element: the functions for f32, f16 and bf16, the latter two maybe of a variant
 * below. */
#define FLOATS(f32, f16, bf16)                                              \
    {                                                                       \
        {hn_l2_f32_##f32, hn_l2_f16_##f16, hn_l2_bf16_##bf16},              \
            {hn_dot_f32_##f32, hn_dot_f16_##f16, hn_dot_bf16_##bf16}, {     \
            hn_cosine_f32_##f32, hn_cosine_f16_##f16, hn_cosine_bf16_##bf16 \
        }                                                                   \
    }

static const hone_distance_variant variants[] = {
    {"ref", 0, FLOATS(ref, ref, ref), hn_dot_i8_ref, hn_hamming_ref},
#ifdef HONE_HAVE_AVX2
    {"avx2", HONE_ISA_NEEDED_AVX2, FLOATS(avx2, avx2, avx2), hn_dot_i8_avx2, hn_hamming_avx2},
#endif
#ifdef HONE_HAVE_AVX512
    {"avx512", HONE_ISA_NEEDED_AVX512, FLOATS(avx512, avx2, avx512), hn_dot_i8_avx2,
     hn_hamming_avx2},
#endif
#ifdef HONE_HAVE_AVX512VNNI
    {"avx512vnni", HONE_ISA_NEEDED_AVX512VNNI, FLOATS(avx512, avx2, avx512), hn_dot_i8_avx512vnni,
     hn_hamming_avx2},
#endif
#ifdef HONE_HAVE_NEON
    {"neon", HONE_ISA_NEEDED_NEON, FLOATS(neon, neon, neon), hn_dot_i8_neon, hn_hamming_neon},
#endif
#ifdef HONE_HAVE_NEONDOT
    {"neondot", HONE_ISA_NEEDED_NEONDOT, FLOATS(neon, neon, neon), hn_dot_i8_neondot,
     hn_hamming_neon},
#endif
};

const hone_distance_variant *hone_distance_variants(size_t *out_count) {
    *out_count = sizeof variants / sizeof *variants;
    return variants;
}

const hone_distance_variant *hone_distance_best(hone_isa_mask features) {
    const hone_distance_variant *best = &variants[0];
    for (size_t i = 1; i < sizeof variants / sizeof *variants; i++) {
        if (hone_isa_has(features, variants[i].needed)) {
            best = &variants[i];
        }
    }
    return best;
}

float hn_cosine_of(float dot, float query_square, float row_square) {
    /* two roots: the product of the squares would leave the range of f32 sooner */
    float lengths = sqrtf(query_square) * sqrtf(row_square);
    return lengths == 0 ? 1 : 1 - dot / lengths;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float value_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t hone_distance_bf16_of(float value) {
    uint32_t bits = bits_of(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) {
        return (uint16_t)(bits >> 16 | 0x40); /* NaN: the quiet bit keeps it one */
    }
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float hone_distance_bf16_value(uint16_t half) {
    return value_of((uint32_t)half << 16);
}

uint16_t hone_distance_f16_of(float value) {
    uint32_t bits = bits_of(value), magnitude = bits & 0x7FFFFFFF;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (magnitude > 0x7F800000) {
        return sign | 0x7E00;
    }
    if (magnitude >= 0x477FF000) { /* 65520: the first that rounds up to infinity */
        return sign | 0x7C00;
    }
    if (magnitude < 0x38800000) { /* below 2^-14: a multiple of 2^-24, which the sum rounds to */
        float rounded = value_of(magnitude) + 0.5f;
        return sign | (uint16_t)(bits_of(rounded) - 0x3F000000);
    }
    uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1) - 0x38000000;
    return sign | (uint16_t)(rounded >> 13);
}

float hone_distance_f16_value(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
             fraction = half & 0x3FF;
    if (exponent == 0) {
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    if (exponent == 31) {
        return value_of(sign | 0x7F800000 | fraction << 13);
    }
    return value_of(sign | (exponent + 112) << 23 | fraction << 13);
}
