/* SPDX-License-Identifier: Apache-2.0 */
/* The definition in plain C; also what the vector variants call for their last elements. */
#include "shuffle_internal.h"

void hn_shuffle_rest(const uint8_t *in, size_t begin, size_t count, size_t element_size,
                     uint8_t *out) {
    for (size_t j = 0; j < element_size; j++) {
        for (size_t i = begin; i < count; i++) {
            out[j * count + i] = in[i * element_size + j];
        }
    }
}

void hn_unshuffle_rest(const uint8_t *in, size_t begin, size_t count, size_t element_size,
                       uint8_t *out) {
    for (size_t i = begin; i < count; i++) {
        for (size_t j = 0; j < element_size; j++) {
            out[i * element_size + j] = in[j * count + i];
        }
    }
}

void hn_split_bits_rest(const uint8_t *in, size_t begin, size_t size_bytes, uint8_t *out) {
    size_t plane_size = size_bytes / 8;
    for (size_t group = begin / 8; group < plane_size; group++) {
        for (size_t bit = 0; bit < 8; bit++) {
            unsigned bits = 0;
            for (size_t i = 0; i < 8; i++) {
                bits |= (in[group * 8 + i] >> bit & 1u) << i;
            }
            out[bit * plane_size + group] = (uint8_t)bits;
        }
    }
}

void hn_join_bits_rest(const uint8_t *in, size_t begin, size_t size_bytes, uint8_t *out) {
    size_t plane_size = size_bytes / 8;
    for (size_t group = begin / 8; group < plane_size; group++) {
        for (size_t i = 0; i < 8; i++) {
            unsigned byte = 0;
            for (size_t bit = 0; bit < 8; bit++) {
                byte |= (in[bit * plane_size + group] >> i & 1u) << bit;
            }
            out[group * 8 + i] = (uint8_t)byte;
        }
    }
}

void hn_shuffle_ref(const uint8_t *in, size_t count, size_t element_size, uint8_t *out) {
    hn_shuffle_rest(in, 0, count, element_size, out);
}

void hn_unshuffle_ref(const uint8_t *in, size_t count, size_t element_size, uint8_t *out) {
    hn_unshuffle_rest(in, 0, count, element_size, out);
}

void hn_split_bits_ref(const uint8_t *in, size_t size_bytes, uint8_t *out) {
    hn_split_bits_rest(in, 0, size_bytes, out);
}

void hn_join_bits_ref(const uint8_t *in, size_t size_bytes, uint8_t *out) {
    hn_join_bits_rest(in, 0, size_bytes, out);
}
