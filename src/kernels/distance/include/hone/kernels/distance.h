/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distances between one query and a batch of gathered rows: what a vector index spends its time on.
 *
 * Contract
 *   Threads    shared; pure functions on the caller's memory.
 *   Shapes     `rows` points to rows_count rows of `dims` elements each, at any addresses of the
 *              element's alignment; a row may be there twice. The query has `dims` elements.
 * Exactly these are read, tails included; rows_count and dims may be 0. `out` has rows_count places
 * and overlaps nothing that is read. L2         sum of (q - x)^2, no root taken. DOT        sum of
 * q x, as it is (the larger, the nearer). COSINE     1 - dot / (|q| |x|); 1 where either is all
 * zero. Rows that are known to be of length 1 want DOT, which does a third of the work. Floats
 * queries are f32 whatever the rows are; f16 is IEEE binary16, bf16 the upper half of an f32. The
 * sums are made in f32 in an order of the variant's own: they differ from ref by at most dims x
 * 2^-23 x the sum of the terms' magnitudes. NaN and infinities go through as in plain arithmetic.
 *   Integers   dot_i8 takes elements from -127 to 127 (-128 in a row is allowed, too) and is exact,
 *              and so the same in all variants, up to HONE_DISTANCE_I8_DIMS_MAX elements. Squared
 *              distances follow from it: |q|^2 + |x|^2 - 2 dot.
 *   Hamming    bits that differ; rows of whole 64-bit words.
 *   Errors     none. Costs: suite `distance`.
 */
#ifndef HONE_KERNELS_DISTANCE_H
#define HONE_KERNELS_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

#include "hone/base/isa_mask.h"

typedef enum hone_distance_metric {
    HONE_DISTANCE_L2,
    HONE_DISTANCE_DOT,
    HONE_DISTANCE_COSINE,
    HONE_DISTANCE_METRICS_COUNT
} hone_distance_metric;

typedef enum hone_distance_element {
    HONE_DISTANCE_F32,  /* rows of float */
    HONE_DISTANCE_F16,  /* of uint16_t that hold binary16 */
    HONE_DISTANCE_BF16, /* of uint16_t that hold bfloat16 */
    HONE_DISTANCE_ELEMENTS_COUNT
} hone_distance_element;

enum { HONE_DISTANCE_I8_DIMS_MAX = 1 << 17 };

typedef void hone_distance_fn(const float *query, const void *const *rows, size_t rows_count,
                              size_t dims, float *out);
typedef void hone_distance_i8_fn(const int8_t *query, const void *const *rows, size_t rows_count,
                                 size_t dims, int32_t *out);
typedef void hone_distance_bits_fn(const uint64_t *query, const void *const *rows,
                                   size_t rows_count, size_t words_count, uint32_t *out);

typedef struct hone_distance_variant {
    const char *name;     /* "ref", "avx2", "avx512", "avx512vnni", "neon", "neondot" */
    hone_isa_mask needed; /* may run only where the machine has all of these */
    hone_distance_fn *floats[HONE_DISTANCE_METRICS_COUNT][HONE_DISTANCE_ELEMENTS_COUNT];
    hone_distance_i8_fn *dot_i8;
    hone_distance_bits_fn *hamming;
} hone_distance_variant;

/* The variants of this build in rising order, ref first; *out_count of them. Static storage. A
 * variant takes from the one below what its instruction set does not do faster. */
const hone_distance_variant *hone_distance_variants(size_t *out_count);

/* The last variant that `features` allows; never NULL. */
const hone_distance_variant *hone_distance_best(hone_isa_mask features);

/* ---- elements ---- */

/* Rounded to nearest, ties to even; what is too large becomes infinity; NaN stays NaN. */
uint16_t hone_distance_f16_of(float value);
uint16_t hone_distance_bf16_of(float value);

/* Exact. */
float hone_distance_f16_value(uint16_t half);
float hone_distance_bf16_value(uint16_t half);

#endif
