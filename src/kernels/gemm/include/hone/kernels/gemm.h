/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products in f32: C = clamp(A B + bias), for layers whose weights B are packed once and
 * used many times, and for products of two changing matrices.
 *
 * A may also be given in segments, each with a base of its own: the rows of a convolution's input
 * below a row of output are that, so that no image is unrolled into columns (see
 * hone_gemm_f32_job).
 *
 * Contract: shared; pure functions on the caller's memory, which allocate nothing. C overlaps
 * nothing else. Any alignment; nothing is read or written beyond the elements of the matrices.
 *
 * What an element is: x = bias or 0 (or, accumulating, what lies in C); then x = fma(a, b, x) for
 * every k in rising order; then clamp. One chain, each step rounded once: the bits of an element
 * depend on its row of A and column of B alone. They are the same in every variant, for every m, n,
 * blocking, packing and split among threads; only a NaN's payload may differ. The error is at most
 * k 2^-24 / (1 - k 2^-24) times the sum of |a b|.
 *
 * Sources: Goto & van de Geijn 2008, Van Zee & van de Geijn 2015 (docs/sources.md).
 */
#ifndef HONE_KERNELS_GEMM_H
#define HONE_KERNELS_GEMM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "hone/base/isa_mask.h"

/* B by panels: columns in groups of a variant's panel width, each stored row by row, the last one
 * filled up with zeros to whole vectors. Owned by the caller, of hone_gemm_f32_packed_count()
 * floats, readable only by the variant that packed it. */

typedef struct hone_gemm_f32_job {
    size_t m, n; /* rows and columns of C; 0: nothing is done */
    /* A: segments_count bases; row i of segment s is the segment_k floats at
     * a[s] + i * a_row_stride, a_step apart. k = segments_count * segment_k. An ordinary matrix is
     * one segment. 0 segments: C is the clamped bias. */
    const float *const *a;
    size_t segments_count, segment_k;
    ptrdiff_t a_row_stride, a_step;
    const float *b_packed; /* by hone_gemm_f32_pack(); or NULL: */
    const float *b;        /* element (k, j) at b[k * b_row_stride + j * b_step] */
    ptrdiff_t b_row_stride, b_step;
    float *c; /* element (i, j) at c[i * c_row_stride + j] */
    ptrdiff_t c_row_stride;
    const float *bias;    /* n floats, or NULL */
    bool is_accumulating; /* C is added to; bias is not used */
    float low, high;      /* results are clamped to these, NaN stays; -INFINITY and INFINITY: not */
} hone_gemm_f32_job;

/* Sizes of the caches of one core, that blocks are cut for. 0 means 32 KiB and 512 KiB. */
typedef struct hone_gemm_caches {
    size_t l1_bytes, l2_bytes;
} hone_gemm_caches;

struct hn_gemm_f32_block;
struct hn_depthwise_f32_line;

typedef struct hone_gemm_f32_variant {
    const char *name;          /* "ref", "avx2", "avx512", "neon" */
    hone_isa_mask needed;      /* may run only where the machine has all of these */
    size_t lanes, panel_width; /* floats of a vector, columns of a whole panel */
    size_t rows_max;           /* rows computed at once */
    void (*run_block)(const struct hn_gemm_f32_block *block);
    void (*run_depthwise)(const struct hn_depthwise_f32_line *line);
} hone_gemm_f32_variant;

/* The variants of this build in rising order, ref first; *out_count of them. Static storage. */
const hone_gemm_f32_variant *hone_gemm_f32_variants(size_t *out_count);

/* The last variant that `features` allows; never NULL. */
const hone_gemm_f32_variant *hone_gemm_f32_choose(hone_isa_mask features);

/* Floats that a packed matrix of k x n takes. */
size_t hone_gemm_f32_packed_count(const hone_gemm_f32_variant *variant, size_t k, size_t n);

/* Packs element (p, j) at b[p * row_stride + j * step] into out_packed. O(k n). */
void hone_gemm_f32_pack(const hone_gemm_f32_variant *variant, const float *b, ptrdiff_t row_stride,
                        ptrdiff_t step, size_t k, size_t n, float *out_packed);

/* Floats of scratch memory that hone_gemm_f32_run() needs for this job; grows with no dimension of
 * it beyond a few times the caches' sizes. */
size_t hone_gemm_f32_scratch_count(const hone_gemm_f32_variant *variant,
                                   const hone_gemm_caches *caches, const hone_gemm_f32_job *job);

/* Does it, on the calling thread. `caches` may be NULL; scratch may be NULL when 0 floats are
 * needed. Parts of a job (some rows, or from a column on that is a multiple of panel_width) are
 * jobs again: that is how threads share one. */
void hone_gemm_f32_run(const hone_gemm_f32_variant *variant, const hone_gemm_caches *caches,
                       const hone_gemm_f32_job *job, float *scratch);

#endif
