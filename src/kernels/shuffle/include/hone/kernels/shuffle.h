/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte shuffle and bit shuffle: the transposition of an array of elements into planes. Numbers that
 * lie next to each other mostly agree in their high bytes; in planes these become runs that a
 * general compressor finds. (The shuffle and bitshuffle filters of Blosc and HDF5 do the same.)
 *
 * Contract: shared; pure functions on the caller's memory, at any alignment. `in` and `out` have
 * the same size and do not overlap. Nothing is read or written beyond it. Every variant gives the
 * bytes of the first one, ref. Cost: one pass over memory.
 */
#ifndef HONE_KERNELS_SHUFFLE_H
#define HONE_KERNELS_SHUFFLE_H

#include <stddef.h>
#include <stdint.h>

#include "hone/base/isa_mask.h"

/* One transposition of `count` elements of `element_size` bytes, at least 1. Sizes 2, 4 and 8 run
 * in vectors, any other runs as ref. */
typedef void hone_shuffle_fn(const uint8_t *in, size_t count, size_t element_size, uint8_t *out);

/* One transposition of the bits of `size_bytes` bytes, a multiple of 8. */
typedef void hone_shuffle_bits_fn(const uint8_t *in, size_t size_bytes, uint8_t *out);

typedef struct hone_shuffle_variant {
    const char *name;     /* "ref", "avx2", "neon" */
    hone_isa_mask needed; /* may run only where the machine has all of these */
    /* byte j of element i, in[i * element_size + j], becomes out[j * count + i] */
    hone_shuffle_fn *shuffle;
    hone_shuffle_fn *unshuffle; /* the inverse */
    /* bit b of byte i becomes bit i % 8 of out[b * size_bytes / 8 + i / 8]; bit 0 is the lowest */
    hone_shuffle_bits_fn *split_bits;
    hone_shuffle_bits_fn *join_bits; /* the inverse */
} hone_shuffle_variant;

/* The variants of this build in rising order, ref first; *out_count of them. Static storage. */
const hone_shuffle_variant *hone_shuffle_variants(size_t *out_count);

/* The last variant that `features` allows; never NULL. Static storage. */
const hone_shuffle_variant *hone_shuffle_choose(hone_isa_mask features);

#endif
