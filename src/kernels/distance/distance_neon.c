/* SPDX-License-Identifier: Apache-2.0 */
#include "distance_internal.h"

#include <arm_neon.h>
#include <string.h>

#include "hone/base/hints.h"

#define HN_DISTANCE_ISA neon
enum { LANES = 4 };
typedef float32x4_t lanes;

static HONE_ALWAYS_INLINE lanes lanes_zero(void) {
    return vdupq_n_f32(0);
}

static HONE_ALWAYS_INLINE lanes lanes_multiply_add(lanes a, lanes b, lanes c) {
    return vfmaq_f32(c, a, b);
}

static HONE_ALWAYS_INLINE lanes lanes_subtract(lanes a, lanes b) {
    return vsubq_f32(a, b);
}

static HONE_ALWAYS_INLINE lanes lanes_add(lanes a, lanes b) {
    return vaddq_f32(a, b);
}

static HONE_ALWAYS_INLINE float lanes_sum(lanes a) {
    return vaddvq_f32(a);
}

static HONE_ALWAYS_INLINE lanes lanes_of_halves(uint16x4_t halves, hone_distance_element element) {
    if (element == HONE_DISTANCE_F16) {
        return vcvt_f32_f16(vreinterpret_f16_u16(halves));
    }
    return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
}

static HONE_ALWAYS_INLINE lanes lanes_load(const void *row, size_t index,
                                           hone_distance_element element) {
    if (element == HONE_DISTANCE_F32) {
        return vld1q_f32((const float *)row + index);
    }
    return lanes_of_halves(vld1_u16((const uint16_t *)row + index), element);
}

static HONE_ALWAYS_INLINE lanes lanes_load_part(const void *row, size_t index, size_t count,
                                                hone_distance_element element) {
    if (element == HONE_DISTANCE_F32) {
        float values[LANES] = {0};
        memcpy(values, (const float *)row + index, count * sizeof(float));
        return vld1q_f32(values);
    }
    uint16_t halves[LANES] = {0};
    memcpy(halves, (const uint16_t *)row + index, count * sizeof(uint16_t));
    return lanes_of_halves(vld1_u16(halves), element);
}

#include "distance_body_internal.h"

static HONE_ALWAYS_INLINE int8x16_t load_bytes(const int8_t *bytes, size_t count) {
    if (count >= 16) {
        return vld1q_s8(bytes);
    }
    int8_t part[16] = {0};
    memcpy(part, bytes, count);
    return vld1q_s8(part);
}

void hn_dot_i8_neon(const int8_t *query, const void *const *rows, size_t rows_count, size_t dims,
                    int32_t *out) {
    for (size_t r = 0; r < rows_count; r++) {
        const int8_t *row = rows[r];
        int32x4_t low = vdupq_n_s32(0), high = low;
        for (size_t i = 0; i < dims; i += 16) {
            int8x16_t q = load_bytes(query + i, dims - i), x = load_bytes(row + i, dims - i);
            low = vpadalq_s16(low, vmull_s8(vget_low_s8(q), vget_low_s8(x)));
            high = vpadalq_s16(high, vmull_high_s8(q, x));
        }
        out[r] = vaddvq_s32(vaddq_s32(low, high));
    }
}

void hn_hamming_neon(const uint64_t *query, const void *const *rows, size_t rows_count,
                     size_t words_count, uint32_t *out) {
    for (size_t r = 0; r < rows_count; r++) {
        const uint64_t *row = rows[r];
        uint64x2_t sums = vdupq_n_u64(0);
        size_t i = 0;
        for (; i + 2 <= words_count; i += 2) {
            uint64x2_t differ = veorq_u64(vld1q_u64(query + i), vld1q_u64(row + i));
            uint8x16_t bits = vcntq_u8(vreinterpretq_u8_u64(differ));
            sums = vpadalq_u32(sums, vpaddlq_u16(vpaddlq_u8(bits)));
        }
        uint64_t sum = vaddvq_u64(sums);
        if (i < words_count) {
            sum += vaddv_u8(vcnt_u8(vcreate_u8(query[i] ^ row[i])));
        }
        out[r] = (uint32_t)sum;
    }
}
