/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VNNI multiplies unsigned by signed bytes: a row's bytes with the upper bit turned over are the
 * row plus 128, so that sum(row query) = sum((row + 128) query) - 128 sum(query). The groups of
 * four that it adds cannot saturate in 32 bits.
 */
#include "distance_internal.h"

#include <immintrin.h>

#include "hone/base/hints.h"

enum { STEP = 64, GROUP = 4 };

static HONE_ALWAYS_INLINE __m512i load_some(const int8_t *bytes, size_t count) {
    __mmask64 mask = count >= STEP ? ~(__mmask64)0 : ((__mmask64)1 << count) - 1;
    return _mm512_maskz_loadu_epi8(mask, bytes);
}

/* sum(query) x 128, by the same instruction with 1 as the unsigned factor. */
static int32_t offset_of(const int8_t *query, size_t dims) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < dims; i += STEP) {
        sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), load_some(query + i, dims - i));
    }
    return 128 * _mm512_reduce_add_epi32(sum);
}

static HONE_ALWAYS_INLINE __m256i halve(__m512i sum) {
    return _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
}

void hn_dot_i8_avx512vnni(const int8_t *query, const void *const *rows, size_t rows_count,
                          size_t dims, int32_t *out) {
    const __m512i turn = _mm512_set1_epi8((char)0x80);
    const int32_t offset = offset_of(query, dims);
    size_t r = 0;
    for (; r + GROUP <= rows_count; r += GROUP) {
        const int8_t *const row[GROUP] = {rows[r], rows[r + 1], rows[r + 2], rows[r + 3]};
        __m512i sums[GROUP];
        for (int k = 0; k < GROUP; k++) {
            sums[k] = _mm512_setzero_si512();
        }
        size_t i = 0;
        for (; i + STEP <= dims; i += STEP) {
            __m512i q = _mm512_loadu_si512(query + i);
            for (int k = 0; k < GROUP; k++) {
                __m512i x = _mm512_xor_si512(_mm512_loadu_si512(row[k] + i), turn);
                sums[k] = _mm512_dpbusd_epi32(sums[k], x, q);
            }
        }
        if (i < dims) {
            __m512i q = load_some(query + i, dims - i);
            for (int k = 0; k < GROUP; k++) {
                __m512i x = _mm512_xor_si512(load_some(row[k] + i, dims - i), turn);
                sums[k] = _mm512_dpbusd_epi32(sums[k], x, q);
            }
        }
        __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(halve(sums[0]), halve(sums[1])),
                                          _mm256_hadd_epi32(halve(sums[2]), halve(sums[3])));
        __m128i four =
            _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
        _mm_storeu_si128((void *)(out + r), _mm_sub_epi32(four, _mm_set1_epi32(offset)));
    }
    for (; r < rows_count; r++) {
        const int8_t *row = rows[r];
        __m512i sum = _mm512_setzero_si512();
        for (size_t i = 0; i < dims; i += STEP) {
            __m512i x = _mm512_xor_si512(load_some(row + i, dims - i), turn);
            sum = _mm512_dpbusd_epi32(sum, x, load_some(query + i, dims - i));
        }
        out[r] = _mm512_reduce_add_epi32(sum) - offset;
    }
}
