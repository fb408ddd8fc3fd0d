/* SPDX-License-Identifier: Apache-2.0 */
/* What a vector of floats is, for the body files. */
#ifndef HONE_KERNELS_VEC_F32_NEON_INTERNAL_H
#define HONE_KERNELS_VEC_F32_NEON_INTERNAL_H

#include <arm_neon.h>
#include <stddef.h>
#include <string.h>

typedef float32x4_t vec;

enum { LANES = 4 };

static inline vec vec_broadcast(float value) {
    return vdupq_n_f32(value);
}

static inline vec vec_load(const float *from) {
    return vld1q_f32(from);
}

static inline vec vec_load_some(const float *from, size_t count) {
    float lanes[LANES] = {0};
    memcpy(lanes, from, count * sizeof *from);
    return vld1q_f32(lanes);
}

static inline void vec_store(float *to, vec value) {
    vst1q_f32(to, value);
}

static inline void vec_store_some(float *to, vec value, size_t count) {
    float lanes[LANES];
    vst1q_f32(lanes, value);
    memcpy(to, lanes, count * sizeof *to);
}

static inline vec vec_fma(vec a, vec b, vec sum) {
    return vfmaq_f32(sum, a, b);
}

static inline vec vec_max(vec value, vec low) {
    return vmaxq_f32(low, value);
}

static inline vec vec_min(vec value, vec high) {
    return vminq_f32(high, value);
}

#endif
