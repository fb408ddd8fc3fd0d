/* SPDX-License-Identifier: Apache-2.0 */
/* Plain C: the oracle of the other variants, and what runs where there is none of them. */
#include "distance_internal.h"

#include "hone/base/hints.h"

static HONE_ALWAYS_INLINE float element_at(const void *row, size_t index,
                                           hone_distance_element element) {
    switch (element) {
    case HONE_DISTANCE_F16: return hone_distance_f16_value(((const uint16_t *)row)[index]);
    case HONE_DISTANCE_BF16: return hone_distance_bf16_value(((const uint16_t *)row)[index]);
    default: return ((const float *)row)[index];
    }
}

static HONE_ALWAYS_INLINE float distance(const float *query, const void *row, size_t dims,
                                         hone_distance_metric metric,
                                         hone_distance_element element) {
    float sum = 0, query_square = 0, row_square = 0;
    for (size_t i = 0; i < dims; i++) {
        float value = element_at(row, i, element);
        if (metric == HONE_DISTANCE_L2) {
            sum += (query[i] - value) * (query[i] - value);
        } else {
            sum += query[i] * value;
        }
        if (metric == HONE_DISTANCE_COSINE) {
            query_square += query[i] * query[i];
            row_square += value * value;
        }
    }
    return metric == HONE_DISTANCE_COSINE ? hn_cosine_of(sum, query_square, row_square) : sum;
}

static HONE_ALWAYS_INLINE void distances(const float *query, const void *const *rows,
                                         size_t rows_count, size_t dims, float *out,
                                         hone_distance_metric metric,
                                         hone_distance_element element) {
    for (size_t i = 0; i < rows_count; i++) {
        out[i] = distance(query, rows[i], dims, metric, element);
    }
}

#define HN_DISTANCE_ISA ref
#include "distance_entries_internal.h"

void hn_dot_i8_ref(const int8_t *query, const void *const *rows, size_t rows_count, size_t dims,
                   int32_t *out) {
    for (size_t r = 0; r < rows_count; r++) {
        const int8_t *row = rows[r];
        int32_t sum = 0;
        for (size_t i = 0; i < dims; i++) {
            sum += query[i] * row[i];
        }
        out[r] = sum;
    }
}

/* Bits set, by adding neighbours: fields of 2, 4, 8 bits, then all bytes by a product. */
static uint32_t count_bits(uint64_t word) {
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (uint32_t)(word * 0x0101010101010101u >> 56);
}

void hn_hamming_ref(const uint64_t *query, const void *const *rows, size_t rows_count,
                    size_t words_count, uint32_t *out) {
    for (size_t r = 0; r < rows_count; r++) {
        const uint64_t *row = rows[r];
        uint32_t sum = 0;
        for (size_t i = 0; i < words_count; i++) {
            sum += count_bits(query[i] ^ row[i]);
        }
        out[r] = sum;
    }
}
