/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver hands to a variant. */
#ifndef HONE_KERNELS_GEMM_INTERNAL_H
#define HONE_KERNELS_GEMM_INTERNAL_H

#include "hone/kernels/gemm.h"

/* All rows by some columns by some part of k. */
typedef struct hn_gemm_f32_block {
    size_t m, n;
    const float *const *a; /* as in the job, from the first k of this block on */
    size_t segments_count, segment_k;
    ptrdiff_t a_row_stride, a_step;
    /* Row p of whole panel j is at b + j * b_panel_stride + p * b_row_stride. A last panel that is
     * not whole follows; in packed panels, its rows lie closer, also the packed_before ones that
     * belong to earlier parts of k. */
    const float *b;
    ptrdiff_t b_panel_stride, b_row_stride;
    bool is_packed;
    size_t packed_before;
    float *c;
    ptrdiff_t c_row_stride;
    const float *bias;            /* of column 0 of the block, or NULL */
    bool is_first;                /* begin with the bias, else with C */
    bool clamps_low, clamps_high; /* in the last part of k, if the job does */
    float low, high;
    float *row_copy; /* rows_max x row_copy_stride floats to copy rows of A to, or NULL: do not */
    ptrdiff_t row_copy_stride;
} hn_gemm_f32_block;

void hn_gemm_f32_block_ref(const hn_gemm_f32_block *block);
void hn_gemm_f32_block_avx2(const hn_gemm_f32_block *block);
void hn_gemm_f32_block_avx512(const hn_gemm_f32_block *block);
void hn_gemm_f32_block_neon(const hn_gemm_f32_block *block);

/* A line of output pixels, each channel by itself: out[x][c] = clamp(bias[c] + the sum over taps of
 * in[tap][x * in_stride + c] * weights[tap * channels + c]). */
typedef struct hn_depthwise_f32_line {
    size_t pixels, channels;
    const float *const *in; /* per tap: where its input for pixel 0 is */
    size_t taps;
    ptrdiff_t in_stride;
    const float *weights, *bias; /* bias may be NULL */
    float *out;                  /* pixels x channels */
    float low, high;
} hn_depthwise_f32_line;

void hn_depthwise_f32_line_ref(const hn_depthwise_f32_line *line);
void hn_depthwise_f32_line_avx2(const hn_depthwise_f32_line *line);
void hn_depthwise_f32_line_avx512(const hn_depthwise_f32_line *line);
void hn_depthwise_f32_line_neon(const hn_depthwise_f32_line *line);

#endif
