/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32 elements a step. Byte shuffle: a byte shuffle in each lane brings the bytes of one plane
 * together, then the planes of several vectors are transposed as words of 8, 4 or 16 bytes.
 * Unshuffle is the usual tree of unpack instructions. Bits: the sign mask gives one plane of 32
 * bytes, an addition moves the next bit to the sign.
 */
#include "shuffle_internal.h"

#include <string.h>

#include <immintrin.h>

enum { STEP = 32 };

static inline __m256i load(const uint8_t *at) {
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

static inline void store(uint8_t *at, __m256i value) {
    _mm256_storeu_si256((__m256i *)(void *)at, value);
}

/* In each lane, the transposition of 4 elements of 4 bytes. */
static inline __m256i transpose_4x4(__m256i value) {
    const __m256i order = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0,
                                           4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm256_shuffle_epi8(value, order);
}

static size_t shuffle_2(const uint8_t *in, size_t count, uint8_t *out) {
    const __m256i order = _mm256_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15, 0,
                                           2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        __m256i a = _mm256_shuffle_epi8(load(in + 2 * i), order);
        __m256i b = _mm256_shuffle_epi8(load(in + 2 * i + 32), order);
        a = _mm256_permute4x64_epi64(a, 0xD8);
        b = _mm256_permute4x64_epi64(b, 0xD8);
        store(out + i, _mm256_permute2x128_si256(a, b, 0x20));
        store(out + count + i, _mm256_permute2x128_si256(a, b, 0x31));
    }
    return i;
}

static size_t shuffle_4(const uint8_t *in, size_t count, uint8_t *out) {
    const __m256i pairs = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        __m256i rows[4]; /* 8 elements each; a quarter is 8 bytes of one plane */
        for (size_t row = 0; row < 4; row++) {
            rows[row] =
                _mm256_permutevar8x32_epi32(transpose_4x4(load(in + 4 * i + 32 * row)), pairs);
        }
        __m256i even_low = _mm256_unpacklo_epi64(rows[0], rows[1]); /* planes 0 and 2 */
        __m256i odd_low = _mm256_unpackhi_epi64(rows[0], rows[1]);  /* planes 1 and 3 */
        __m256i even_high = _mm256_unpacklo_epi64(rows[2], rows[3]);
        __m256i odd_high = _mm256_unpackhi_epi64(rows[2], rows[3]);
        store(out + i, _mm256_permute2x128_si256(even_low, even_high, 0x20));
        store(out + count + i, _mm256_permute2x128_si256(odd_low, odd_high, 0x20));
        store(out + 2 * count + i, _mm256_permute2x128_si256(even_low, even_high, 0x31));
        store(out + 3 * count + i, _mm256_permute2x128_si256(odd_low, odd_high, 0x31));
    }
    return i;
}

static size_t shuffle_8(const uint8_t *in, size_t count, uint8_t *out) {
    const __m256i halves = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        __m256i rows[8]; /* 4 elements each: 4 bytes of every plane */
        for (size_t row = 0; row < 8; row++) {
            rows[row] =
                transpose_4x4(_mm256_permutevar8x32_epi32(load(in + 8 * i + 32 * row), halves));
        }
        __m256i pairs[8]; /* even ones: planes 0, 1, 4, 5 of two rows; odd ones: 2, 3, 6, 7 */
        for (size_t row = 0; row < 8; row += 2) {
            pairs[row] = _mm256_unpacklo_epi32(rows[row], rows[row + 1]);
            pairs[row + 1] = _mm256_unpackhi_epi32(rows[row], rows[row + 1]);
        }
        for (size_t half = 0; half < 2; half++) { /* planes 0, 1, 4, 5, then 2, 3, 6, 7 */
            __m256i even_low = _mm256_unpacklo_epi64(pairs[half], pairs[half + 2]);
            __m256i odd_low = _mm256_unpackhi_epi64(pairs[half], pairs[half + 2]);
            __m256i even_high = _mm256_unpacklo_epi64(pairs[half + 4], pairs[half + 6]);
            __m256i odd_high = _mm256_unpackhi_epi64(pairs[half + 4], pairs[half + 6]);
            uint8_t *plane = out + 2 * half * count + i;
            store(plane, _mm256_permute2x128_si256(even_low, even_high, 0x20));
            store(plane + count, _mm256_permute2x128_si256(odd_low, odd_high, 0x20));
            store(plane + 4 * count, _mm256_permute2x128_si256(even_low, even_high, 0x31));
            store(plane + 5 * count, _mm256_permute2x128_si256(odd_low, odd_high, 0x31));
        }
    }
    return i;
}

static size_t unshuffle_2(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        __m256i low = load(in + i), high = load(in + count + i);
        __m256i first = _mm256_unpacklo_epi8(low, high), second = _mm256_unpackhi_epi8(low, high);
        store(out + 2 * i, _mm256_permute2x128_si256(first, second, 0x20));
        store(out + 2 * i + 32, _mm256_permute2x128_si256(first, second, 0x31));
    }
    return i;
}

/* The elements of 4 bytes whose planes begin at `in`, as 4 vectors that hold in their lanes the
 * elements 0-3 and 16-19, 4-7 and 20-23, 8-11 and 24-27, 12-15 and 28-31. */
static inline void zip_4(const uint8_t *in, size_t count, __m256i zipped[4]) {
    __m256i a = load(in), b = load(in + count), c = load(in + 2 * count), d = load(in + 3 * count);
    __m256i ab_low = _mm256_unpacklo_epi8(a, b), ab_high = _mm256_unpackhi_epi8(a, b);
    __m256i cd_low = _mm256_unpacklo_epi8(c, d), cd_high = _mm256_unpackhi_epi8(c, d);
    zipped[0] = _mm256_unpacklo_epi16(ab_low, cd_low);
    zipped[1] = _mm256_unpackhi_epi16(ab_low, cd_low);
    zipped[2] = _mm256_unpacklo_epi16(ab_high, cd_high);
    zipped[3] = _mm256_unpackhi_epi16(ab_high, cd_high);
}

static size_t unshuffle_4(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        __m256i zipped[4];
        zip_4(in + i, count, zipped);
        store(out + 4 * i, _mm256_permute2x128_si256(zipped[0], zipped[1], 0x20));
        store(out + 4 * i + 32, _mm256_permute2x128_si256(zipped[2], zipped[3], 0x20));
        store(out + 4 * i + 64, _mm256_permute2x128_si256(zipped[0], zipped[1], 0x31));
        store(out + 4 * i + 96, _mm256_permute2x128_si256(zipped[2], zipped[3], 0x31));
    }
    return i;
}

static size_t unshuffle_8(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        __m256i low[4], high[4];
        zip_4(in + i, count, low);
        zip_4(in + 4 * count + i, count, high);
        for (size_t quarter = 0; quarter < 4; quarter++) {
            __m256i first = _mm256_unpacklo_epi32(low[quarter], high[quarter]);
            __m256i second = _mm256_unpackhi_epi32(low[quarter], high[quarter]);
            uint8_t *at = out + 8 * i + 32 * quarter;
            store(at, _mm256_permute2x128_si256(first, second, 0x20));
            store(at + 128, _mm256_permute2x128_si256(first, second, 0x31));
        }
    }
    return i;
}

void hn_shuffle_avx2(const uint8_t *in, size_t count, size_t element_size, uint8_t *out) {
    size_t done = element_size == 2   ? shuffle_2(in, count, out)
                  : element_size == 4 ? shuffle_4(in, count, out)
                  : element_size == 8 ? shuffle_8(in, count, out)
                                      : 0;
    hn_shuffle_rest(in, done, count, element_size, out);
}

void hn_unshuffle_avx2(const uint8_t *in, size_t count, size_t element_size, uint8_t *out) {
    size_t done = element_size == 2   ? unshuffle_2(in, count, out)
                  : element_size == 4 ? unshuffle_4(in, count, out)
                  : element_size == 8 ? unshuffle_8(in, count, out)
                                      : 0;
    hn_unshuffle_rest(in, done, count, element_size, out);
}

void hn_split_bits_avx2(const uint8_t *in, size_t size_bytes, uint8_t *out) {
    size_t plane_size = size_bytes / 8, i = 0;
    for (; size_bytes - i >= STEP; i += STEP) {
        __m256i bytes = load(in + i);
        for (size_t bit = 8; bit-- > 0;) {
            int signs = _mm256_movemask_epi8(bytes);
            memcpy(out + bit * plane_size + i / 8, &signs, sizeof signs);
            bytes = _mm256_add_epi8(bytes, bytes);
        }
    }
    hn_split_bits_rest(in, i, size_bytes, out);
}

void hn_join_bits_avx2(const uint8_t *in, size_t size_bytes, uint8_t *out) {
    const __m256i spread =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i weights = _mm256_set1_epi64x((long long)0x8040201008040201u);
    size_t plane_size = size_bytes / 8, i = 0;
    for (; size_bytes - i >= STEP; i += STEP) {
        __m256i bytes = _mm256_setzero_si256();
        for (size_t bit = 0; bit < 8; bit++) {
            int plane;
            memcpy(&plane, in + bit * plane_size + i / 8, sizeof plane);
            __m256i spread_bits = _mm256_shuffle_epi8(_mm256_set1_epi32(plane), spread);
            __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(spread_bits, weights), weights);
            bytes = _mm256_or_si256(bytes,
                                    _mm256_and_si256(is_set, _mm256_set1_epi8((char)(1u << bit))));
        }
        store(out + i, bytes);
    }
    hn_join_bits_rest(in, i, size_bytes, out);
}
