/* SPDX-License-Identifier: Apache-2.0 */
#include "distance_internal.h"

#include <immintrin.h>
#include <string.h>

#include "hone/base/hints.h"

#define HN_DISTANCE_ISA avx2
enum { LANES = 8 };
typedef __m256 lanes;

static HONE_ALWAYS_INLINE lanes lanes_zero(void) {
    return _mm256_setzero_ps();
}

static HONE_ALWAYS_INLINE lanes lanes_multiply_add(lanes a, lanes b, lanes c) {
    return _mm256_fmadd_ps(a, b, c);
}

static HONE_ALWAYS_INLINE lanes lanes_subtract(lanes a, lanes b) {
    return _mm256_sub_ps(a, b);
}

static HONE_ALWAYS_INLINE lanes lanes_add(lanes a, lanes b) {
    return _mm256_add_ps(a, b);
}

static HONE_ALWAYS_INLINE float lanes_sum(lanes a) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static HONE_ALWAYS_INLINE lanes lanes_of_halves(__m128i halves, hone_distance_element element) {
    if (element == HONE_DISTANCE_F16) {
        return _mm256_cvtph_ps(halves);
    }
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

static HONE_ALWAYS_INLINE lanes lanes_load(const void *row, size_t index,
                                           hone_distance_element element) {
    if (element == HONE_DISTANCE_F32) {
        return _mm256_loadu_ps((const float *)row + index);
    }
    const uint16_t *halves = (const uint16_t *)row + index;
    return lanes_of_halves(_mm_loadu_si128((const __m128i *)(const void *)halves), element);
}

static HONE_ALWAYS_INLINE lanes lanes_load_part(const void *row, size_t index, size_t count,
                                                hone_distance_element element) {
    if (element == HONE_DISTANCE_F32) {
        const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), order);
        return _mm256_maskload_ps((const float *)row + index, mask);
    }
    __m128i halves = _mm_setzero_si128();
    memcpy(&halves, (const uint16_t *)row + index, count * sizeof(uint16_t));
    return lanes_of_halves(halves, element);
}

#include "distance_body_internal.h"

static HONE_ALWAYS_INLINE __m256i add_products(__m256i sum, __m128i a, __m128i b) {
    return _mm256_add_epi32(sum,
                            _mm256_madd_epi16(_mm256_cvtepi8_epi16(a), _mm256_cvtepi8_epi16(b)));
}

static HONE_ALWAYS_INLINE __m128i load_bytes(const int8_t *bytes, size_t count) {
    __m128i part = _mm_setzero_si128();
    if (count >= 16) {
        return _mm_loadu_si128((const __m128i *)(const void *)bytes);
    }
    memcpy(&part, bytes, count);
    return part;
}

void hn_dot_i8_avx2(const int8_t *query, const void *const *rows, size_t rows_count, size_t dims,
                    int32_t *out) {
    for (size_t r = 0; r < rows_count; r++) {
        const int8_t *row = rows[r];
        __m256i even = _mm256_setzero_si256(), odd = even;
        size_t i = 0;
        for (; i + 32 <= dims; i += 32) {
            even = add_products(even, load_bytes(query + i, 16), load_bytes(row + i, 16));
            odd = add_products(odd, load_bytes(query + i + 16, 16), load_bytes(row + i + 16, 16));
        }
        for (; i < dims; i += 16) {
            even =
                add_products(even, load_bytes(query + i, dims - i), load_bytes(row + i, dims - i));
        }
        even = _mm256_add_epi32(even, odd);
        __m128i four =
            _mm_add_epi32(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
        __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
        out[r] = _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 1);
    }
}

void hn_hamming_avx2(const uint64_t *query, const void *const *rows, size_t rows_count,
                     size_t words_count, uint32_t *out) {
    for (size_t r = 0; r < rows_count; r++) {
        const uint64_t *row = rows[r];
        uint64_t sum = 0;
        for (size_t i = 0; i < words_count; i++) {
            sum += (uint64_t)_mm_popcnt_u64(query[i] ^ row[i]);
        }
        out[r] = (uint32_t)sum;
    }
}
