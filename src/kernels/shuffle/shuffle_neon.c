/* SPDX-License-Identifier: Apache-2.0 */
/* 16 elements a step. The loads and stores of structures transpose sizes 2 and 4 by themselves;
 * size 8 is taken as four words of 2 bytes, whose bytes are then parted. */
#include "shuffle_internal.h"

#include <arm_neon.h>

enum { STEP = 16 };

static size_t shuffle_2(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        uint8x16x2_t planes = vld2q_u8(in + 2 * i);
        vst1q_u8(out + i, planes.val[0]);
        vst1q_u8(out + count + i, planes.val[1]);
    }
    return i;
}

static size_t shuffle_4(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        uint8x16x4_t planes = vld4q_u8(in + 4 * i);
        for (size_t j = 0; j < 4; j++) {
            vst1q_u8(out + j * count + i, planes.val[j]);
        }
    }
    return i;
}

/* Element i as four words: word j holds the planes 2 j and 2 j + 1. */
static size_t shuffle_8(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        uint16x8x4_t low = vld4q_u16((const uint16_t *)(const void *)(in + 8 * i));
        uint16x8x4_t high = vld4q_u16((const uint16_t *)(const void *)(in + 8 * i + 64));
        for (size_t j = 0; j < 4; j++) {
            uint8x16_t first = vreinterpretq_u8_u16(low.val[j]);
            uint8x16_t second = vreinterpretq_u8_u16(high.val[j]);
            vst1q_u8(out + 2 * j * count + i, vuzp1q_u8(first, second));
            vst1q_u8(out + (2 * j + 1) * count + i, vuzp2q_u8(first, second));
        }
    }
    return i;
}

static size_t unshuffle_2(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        uint8x16x2_t planes = {{vld1q_u8(in + i), vld1q_u8(in + count + i)}};
        vst2q_u8(out + 2 * i, planes);
    }
    return i;
}

static size_t unshuffle_4(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        uint8x16x4_t planes = {{vld1q_u8(in + i), vld1q_u8(in + count + i),
                                vld1q_u8(in + 2 * count + i), vld1q_u8(in + 3 * count + i)}};
        vst4q_u8(out + 4 * i, planes);
    }
    return i;
}

static size_t unshuffle_8(const uint8_t *in, size_t count, uint8_t *out) {
    size_t i = 0;
    for (; count - i >= STEP; i += STEP) {
        uint16x8x4_t low, high;
        for (size_t j = 0; j < 4; j++) {
            uint8x16_t even = vld1q_u8(in + 2 * j * count + i);
            uint8x16_t odd = vld1q_u8(in + (2 * j + 1) * count + i);
            low.val[j] = vreinterpretq_u16_u8(vzip1q_u8(even, odd));
            high.val[j] = vreinterpretq_u16_u8(vzip2q_u8(even, odd));
        }
        vst4q_u16((uint16_t *)(void *)(out + 8 * i), low);
        vst4q_u16((uint16_t *)(void *)(out + 8 * i + 64), high);
    }
    return i;
}

void hn_shuffle_neon(const uint8_t *in, size_t count, size_t element_size, uint8_t *out) {
    size_t done = element_size == 2   ? shuffle_2(in, count, out)
                  : element_size == 4 ? shuffle_4(in, count, out)
                  : element_size == 8 ? shuffle_8(in, count, out)
                                      : 0;
    hn_shuffle_rest(in, done, count, element_size, out);
}

void hn_unshuffle_neon(const uint8_t *in, size_t count, size_t element_size, uint8_t *out) {
    size_t done = element_size == 2   ? unshuffle_2(in, count, out)
                  : element_size == 4 ? unshuffle_4(in, count, out)
                  : element_size == 8 ? unshuffle_8(in, count, out)
                                      : 0;
    hn_unshuffle_rest(in, done, count, element_size, out);
}

static const uint8_t weights_bytes[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};

/* Each byte keeps the weight of its place where its bit is set; three rounds of pairwise additions
 * bring the 16 places of a plane to 2 bytes, of all 8 planes to one vector. */
void hn_split_bits_neon(const uint8_t *in, size_t size_bytes, uint8_t *out) {
    const uint8x16_t weights = vld1q_u8(weights_bytes);
    size_t plane_size = size_bytes / 8, i = 0;
    for (; size_bytes - i >= STEP; i += STEP) {
        uint8x16_t bytes = vld1q_u8(in + i), planes[8];
        for (size_t bit = 0; bit < 8; bit++) {
            planes[bit] = vandq_u8(vtstq_u8(bytes, vdupq_n_u8((uint8_t)(1u << bit))), weights);
        }
        for (size_t width = 8; width > 1; width /= 2) {
            for (size_t j = 0; j < width / 2; j++) {
                planes[j] = vpaddq_u8(planes[2 * j], planes[2 * j + 1]);
            }
        }
        uint8_t pairs[16];
        vst1q_u8(pairs, planes[0]);
        for (size_t bit = 0; bit < 8; bit++) {
            out[bit * plane_size + i / 8] = pairs[2 * bit];
            out[bit * plane_size + i / 8 + 1] = pairs[2 * bit + 1];
        }
    }
    hn_split_bits_rest(in, i, size_bytes, out);
}

void hn_join_bits_neon(const uint8_t *in, size_t size_bytes, uint8_t *out) {
    const uint8x16_t weights = vld1q_u8(weights_bytes);
    size_t plane_size = size_bytes / 8, i = 0;
    for (; size_bytes - i >= STEP; i += STEP) {
        uint8x16_t bytes = vdupq_n_u8(0);
        for (size_t bit = 0; bit < 8; bit++) {
            const uint8_t *pair = in + bit * plane_size + i / 8;
            uint8x16_t spread = vcombine_u8(vdup_n_u8(pair[0]), vdup_n_u8(pair[1]));
            uint8x16_t is_set = vtstq_u8(spread, weights);
            bytes = vorrq_u8(bytes, vandq_u8(is_set, vdupq_n_u8((uint8_t)(1u << bit))));
        }
        vst1q_u8(out + i, bytes);
    }
    hn_join_bits_rest(in, i, size_bytes, out);
}
