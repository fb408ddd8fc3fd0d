/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolution of a line, for any vector length (gemm_f32_body_internal.h says how such
 * files are used). A block of pixels x one vector of channels stays in registers over all taps, so
 * that a load of weights serves all its pixels.
 */
#ifndef HONE_KERNELS_DEPTHWISE_F32_BODY_INTERNAL_H
#define HONE_KERNELS_DEPTHWISE_F32_BODY_INTERNAL_H

#include "gemm_internal.h"

#define INLINED __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 8")

enum { PIXELS = 8 };

/* `count` channels from `first` on (all LANES of them if is_whole), of some pixels from x on. */
static inline INLINED void pixel_block(const hn_depthwise_f32_line *line, size_t x, size_t first,
                                       size_t count, size_t pixels, bool is_whole) {
    const ptrdiff_t stride = line->in_stride;
    const vec low = vec_broadcast(line->low), high = vec_broadcast(line->high);
    vec start = vec_broadcast(0), sums[PIXELS];
    if (line->bias) {
        start = is_whole ? vec_load(line->bias + first) : vec_load_some(line->bias + first, count);
    }
    UNROLLED for (size_t i = 0; i < pixels; i++) {
        sums[i] = start;
    }
    const float *weights = line->weights + first;
    for (size_t t = 0; t < line->taps; t++, weights += line->channels) {
        const float *in = line->in[t] + (ptrdiff_t)x * stride + (ptrdiff_t)first;
        vec weight = is_whole ? vec_load(weights) : vec_load_some(weights, count);
        UNROLLED for (size_t i = 0; i < pixels; i++, in += stride) {
            vec value = is_whole ? vec_load(in) : vec_load_some(in, count);
            sums[i] = vec_fma(value, weight, sums[i]);
        }
    }
    float *out = line->out + x * line->channels + first;
    UNROLLED for (size_t i = 0; i < pixels; i++, out += line->channels) {
        vec value = vec_min(vec_max(sums[i], low), high);
        if (is_whole) {
            vec_store(out, value);
        } else {
            vec_store_some(out, value, count);
        }
    }
}

static inline INLINED void channel_blocks(const hn_depthwise_f32_line *line, size_t x,
                                          size_t pixels) {
    size_t first = 0;
    for (; first + LANES <= line->channels; first += LANES) {
        pixel_block(line, x, first, LANES, pixels, true);
    }
    if (first < line->channels) {
        pixel_block(line, x, first, line->channels - first, pixels, false);
    }
}

static void run_line(const hn_depthwise_f32_line *line) {
    size_t x = 0;
    for (; x + PIXELS <= line->pixels; x += PIXELS) {
        channel_blocks(line, x, PIXELS);
    }
    for (; x + 2 <= line->pixels; x += 2) {
        channel_blocks(line, x, 2);
    }
    for (; x < line->pixels; x++) {
        channel_blocks(line, x, 1);
    }
}

#endif
