/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions of images in f32, channels last, on the products of gemm.h: no image is unrolled. A
 * line of output pixels is a product whose A is some lines of input, read where they lie; only
 * where the left or right edge is padded are lines copied, each once, into a ring that stays in L1.
 *
 * Contract: as gemm.h. An element starts with its bias and takes fma(input, weight, x) over the
 * kernel's rows, columns and the group's channels, in this order; padding takes part as zeros. The
 * output overlaps nothing else. Lengths of one-dimensional signals: height 1.
 */
#ifndef HONE_KERNELS_GEMM_CONV_H
#define HONE_KERNELS_GEMM_CONV_H

#include "hone/kernels/gemm.h"

typedef struct hone_conv_f32_job {
    size_t batch, height, width, channels; /* of the input: batch x height x width x channels */
    size_t out_height, out_width, out_channels;
    size_t kernel_height, kernel_width;
    size_t stride_y, stride_x, dilation_y, dilation_x; /* >= 1 */
    size_t pad_top, pad_left; /* what lies beyond the image on any side counts as 0 */
    size_t groups;            /* divides channels and out_channels */
    const float *in;
    const float *weights; /* by hone_conv_f32_pack() */
    const float *bias;    /* out_channels, or NULL */
    float *out;           /* batch x out_height x out_width x out_channels */
    float low, high;      /* as in gemm.h */
} hone_conv_f32_job;

/* Whether each channel is convolved by itself, with code of its own. */
static inline bool hone_conv_f32_is_depthwise(const hone_conv_f32_job *job) {
    return job->groups > 1 && job->groups == job->channels && job->groups == job->out_channels;
}

/* Floats that the packed weights take. */
size_t hone_conv_f32_packed_count(const hone_gemm_f32_variant *variant,
                                  const hone_conv_f32_job *job);

/* Packs weights given as out_channels x (channels / groups) x kernel_height x kernel_width. */
void hone_conv_f32_pack(const hone_gemm_f32_variant *variant, const hone_conv_f32_job *job,
                        const float *weights, float *out_packed);

/* Bytes of scratch memory that hone_conv_f32_run() needs, aligned as a pointer is. */
size_t hone_conv_f32_scratch_bytes(const hone_gemm_f32_variant *variant,
                                   const hone_gemm_caches *caches, const hone_conv_f32_job *job);

/* Lines first_line <= y < last_line of the output, counted over the batch (batch x out_height in
 * all): threads take lines of their own, with scratch memory of their own. */
void hone_conv_f32_run(const hone_gemm_f32_variant *variant, const hone_gemm_caches *caches,
                       const hone_conv_f32_job *job, size_t first_line, size_t last_line,
                       void *scratch);

#endif
