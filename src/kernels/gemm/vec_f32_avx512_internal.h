/* SPDX-License-Identifier: Apache-2.0 */
/* What a vector of floats is, for the body files. */
#ifndef HONE_KERNELS_VEC_F32_AVX512_INTERNAL_H
#define HONE_KERNELS_VEC_F32_AVX512_INTERNAL_H

#include <immintrin.h>

typedef __m512 vec;

enum { LANES = 16 };

static inline __mmask16 some(size_t count) {
    return (__mmask16)_bzhi_u32(0xFFFF, (unsigned)count);
}

static inline vec vec_broadcast(float value) {
    return _mm512_set1_ps(value);
}

static inline vec vec_load(const float *from) {
    return _mm512_loadu_ps(from);
}

static inline vec vec_load_some(const float *from, size_t count) {
    return _mm512_maskz_loadu_ps(some(count), from);
}

static inline void vec_store(float *to, vec value) {
    _mm512_storeu_ps(to, value);
}

static inline void vec_store_some(float *to, vec value, size_t count) {
    _mm512_mask_storeu_ps(to, some(count), value);
}

static inline vec vec_fma(vec a, vec b, vec sum) {
    return _mm512_fmadd_ps(a, b, sum);
}

/* Of two operands with a NaN the second one is given back. */
static inline vec vec_max(vec value, vec low) {
    return _mm512_max_ps(low, value);
}

static inline vec vec_min(vec value, vec high) {
    return _mm512_min_ps(high, value);
}

#endif
