/* SPDX-License-Identifier: Apache-2.0 */
/* Floats only: halves as f16 and bytes are faster by AVX2 where there is no VNNI (suite
 * `distance`).
 */
#include "distance_internal.h"

#include <immintrin.h>

#include "hone/base/hints.h"

#define HN_DISTANCE_ISA avx512
#define HN_DISTANCE_WITHOUT_F16
enum { LANES = 16 };
typedef __m512 lanes;

static HONE_ALWAYS_INLINE lanes lanes_zero(void) {
    return _mm512_setzero_ps();
}

static HONE_ALWAYS_INLINE lanes lanes_multiply_add(lanes a, lanes b, lanes c) {
    return _mm512_fmadd_ps(a, b, c);
}

static HONE_ALWAYS_INLINE lanes lanes_subtract(lanes a, lanes b) {
    return _mm512_sub_ps(a, b);
}

static HONE_ALWAYS_INLINE lanes lanes_add(lanes a, lanes b) {
    return _mm512_add_ps(a, b);
}

static HONE_ALWAYS_INLINE float lanes_sum(lanes a) {
    return _mm512_reduce_add_ps(a);
}

static HONE_ALWAYS_INLINE lanes lanes_of_bf16(__m256i halves) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

static HONE_ALWAYS_INLINE lanes lanes_load(const void *row, size_t index,
                                           hone_distance_element element) {
    if (element == HONE_DISTANCE_F32) {
        return _mm512_loadu_ps((const float *)row + index);
    }
    return lanes_of_bf16(_mm256_loadu_si256((const void *)((const uint16_t *)row + index)));
}

static HONE_ALWAYS_INLINE lanes lanes_load_part(const void *row, size_t index, size_t count,
                                                hone_distance_element element) {
    __mmask16 mask = (__mmask16)((1u << count) - 1);
    if (element == HONE_DISTANCE_F32) {
        return _mm512_maskz_loadu_ps(mask, (const float *)row + index);
    }
    return lanes_of_bf16(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)row + index));
}

#include "distance_body_internal.h"
