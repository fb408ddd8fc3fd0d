/* SPDX-License-Identifier: Apache-2.0 */
/* The variants that this architecture can have; the build defines HONE_HAVE_... for those it has.
 */
#ifndef HONE_KERNELS_SHUFFLE_INTERNAL_H
#define HONE_KERNELS_SHUFFLE_INTERNAL_H

#include "hone/kernels/shuffle.h"

hone_shuffle_fn hn_shuffle_ref, hn_unshuffle_ref;
hone_shuffle_fn hn_shuffle_avx2, hn_unshuffle_avx2;
hone_shuffle_fn hn_shuffle_neon, hn_unshuffle_neon;

hone_shuffle_bits_fn hn_split_bits_ref, hn_join_bits_ref;
hone_shuffle_bits_fn hn_split_bits_avx2, hn_join_bits_avx2;
hone_shuffle_bits_fn hn_split_bits_neon, hn_join_bits_neon;

/* A part of a transposition: the elements from `begin` on, of `count`. What a vector variant leaves
 * over. */
void hn_shuffle_rest(const uint8_t *in, size_t begin, size_t count, size_t element_size,
                     uint8_t *out);
void hn_unshuffle_rest(const uint8_t *in, size_t begin, size_t count, size_t element_size,
                       uint8_t *out);
void hn_split_bits_rest(const uint8_t *in, size_t begin, size_t size_bytes, uint8_t *out);
void hn_join_bits_rest(const uint8_t *in, size_t begin, size_t size_bytes, uint8_t *out);

#endif
