/* SPDX-License-Identifier: Apache-2.0 */
/* What a vector of floats is, for the body files. */
#ifndef HONE_KERNELS_VEC_F32_AVX2_INTERNAL_H
#define HONE_KERNELS_VEC_F32_AVX2_INTERNAL_H

#include <immintrin.h>

typedef __m256 vec;

enum { LANES = 8 };

static inline __m256i some(size_t count) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lanes);
}

static inline __m256 vec_broadcast(float value) {
    return _mm256_set1_ps(value);
}

static inline vec vec_load(const float *from) {
    return _mm256_loadu_ps(from);
}

static inline vec vec_load_some(const float *from, size_t count) {
    return _mm256_maskload_ps(from, some(count));
}

static inline void vec_store(float *to, vec value) {
    _mm256_storeu_ps(to, value);
}

static inline void vec_store_some(float *to, vec value, size_t count) {
    _mm256_maskstore_ps(to, some(count), value);
}

static inline vec vec_fma(vec a, vec b, vec sum) {
    return _mm256_fmadd_ps(a, b, sum);
}

/* Of two operands with a NaN the second one is given back. */
static inline vec vec_max(vec value, vec low) {
    return _mm256_max_ps(low, value);
}

static inline vec vec_min(vec value, vec high) {
    return _mm256_min_ps(high, value);
}

#endif
