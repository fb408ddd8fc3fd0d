/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From values to codes, and distances between codes.
 *
 * I8: x = scale (code + residual / 254), where scale is the largest magnitude / 127, both rounded
 * to nearest: the code alone has 8 bits, both have 16. A distance of codes is a product of integers
 * scaled once, the fine one four such products (all of them exact), so that both are the same on
 * every machine. Under L2 |q|^2 + |x|^2 - 2 q x with the squares of the codes, not of the values:
 * then it is the distance of the two coded vectors, and never negative by more than rounding.
 *
 * COSINE stores vectors of length 1 and compares by minus the product; the 1 comes back when a hit
 * is shown. DOT likewise without the division.
 */
#include "vector_internal.h"

#include <math.h>

enum { CODE_MAX = 127, RESIDUAL_STEPS = 254 };

static hone_status not_finite(hone_diag *diag, size_t at) {
    return hone_diag_set(diag, HONE_STATUS_NOT_FINITE,
                         "element %zu of the vector is not a finite number", at);
}

static hone_status check_floats(const hone_vector_index *index, const float *values,
                                float *out_length, hone_diag *diag) {
    double square = 0;
    for (size_t i = 0; i < index->dims; i++) {
        square += (double)values[i] * (double)values[i];
    }
    if (!isfinite(square)) { /* doubles hold every square of a float */
        for (size_t i = 0; i < index->dims; i++) {
            if (!isfinite(values[i])) {
                return not_finite(diag, i);
            }
        }
    }
    double length = sqrt(square);
    if (index->metric == HONE_VECTOR_COSINE && !(length >= 1e-30 && length <= 1e30)) {
        return hone_diag_set(diag, HONE_STATUS_NOT_FINITE,
                             "a vector of length %g has no direction, which cosine compares",
                             length);
    }
    *out_length = (float)length;
    return HONE_OK;
}

static float largest_of(const float *values, size_t count) {
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        float magnitude = fabsf(values[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

/* Nearest integer, ties to even, of |value| < 2^22: by the rounding of an addition. */
static inline float round_small(float value) {
    const float shift = 0x1.8p23f;
    return (value + shift) - shift;
}

static inline int8_t clamp_code(float value) {
    return (int8_t)(value > CODE_MAX ? CODE_MAX : value < -CODE_MAX ? -CODE_MAX : (int)value);
}

static void encode_i8(const hone_vector_index *index, const hn_query_space *space,
                      hn_query *out_query) {
    size_t count = index->layout.row_elements;
    float largest = largest_of(space->floats, count);
    float inverse = largest > 0 ? CODE_MAX / largest : 0;
    if (!isfinite(inverse)) { /* below 1e-37: as good as 0 */
        inverse = 0;
        largest = 0;
    }
    int64_t square = 0, fine_square = 0;
    for (size_t i = 0; i < count; i++) {
        float scaled = space->floats[i] * inverse, nearest = round_small(scaled);
        int8_t code = clamp_code(nearest);
        int8_t residual = clamp_code(round_small((scaled - (float)code) * RESIDUAL_STEPS));
        int64_t fine = (int64_t)code * RESIDUAL_STEPS + residual;
        space->code[i] = code;
        space->residual[i] = residual;
        square += code * code;
        fine_square += fine * fine;
    }
    float scale = largest / CODE_MAX;
    double step = (double)scale / RESIDUAL_STEPS;
    *out_query = (hn_query){.values = space->floats,
                            .code = space->code,
                            .residual = space->residual,
                            .scale = scale,
                            .norm = (float)((double)square * scale * scale),
                            .fine_norm = (float)((double)fine_square * step * step)};
}

hone_status hn_vector_query_make(const hone_vector_index *index, hone_vector_values values,
                                 const hn_query_space *space, hn_query *out_query,
                                 float *out_length, hone_diag *diag) {
    size_t expected = index->storage == HONE_VECTOR_BITS ? index->dims / 64 : index->dims;
    if (!values.data) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "the vector's data is NULL");
    }
    if (values.count != expected) {
        return hone_diag_set(diag, HONE_STATUS_WRONG_DIMENSION,
                             "the vector has %zu %s, those of this index have %zu", values.count,
                             index->storage == HONE_VECTOR_BITS ? "words" : "elements", expected);
    }
    *out_length = 1;
    if (index->storage == HONE_VECTOR_BITS) {
        memcpy(space->floats, values.data, expected * sizeof(uint64_t));
        *out_query = (hn_query){.values = space->floats};
        return HONE_OK;
    }
    const float *floats = values.data;
    hone_status status = check_floats(index, floats, out_length, diag);
    if (status != HONE_OK) {
        return status;
    }
    float factor = index->metric == HONE_VECTOR_COSINE ? 1 / *out_length : 1;
    for (size_t i = 0; i < index->dims; i++) {
        space->floats[i] = floats[i] * factor;
    }
    if (index->storage == HONE_VECTOR_I8) {
        encode_i8(index, space, out_query);
    } else {
        *out_query = (hn_query){.values = space->floats};
    }
    return HONE_OK;
}

void hn_vector_store(hone_vector_index *index, uint32_t slot, const hn_query *query, float length) {
    const hn_layout *layout = &index->layout;
    uint8_t *row = hn_code_of(index, slot);
    const float *floats = query->values;
    switch (index->storage) {
    case HONE_VECTOR_I8:
        memcpy(row, query->code, layout->row_bytes);
        memcpy(hn_residual_of(index, slot), query->residual, layout->row_bytes);
        *hn_scale_of(index, slot) = query->scale;
        break;
    case HONE_VECTOR_F32: memcpy(row, floats, layout->row_bytes); break;
    case HONE_VECTOR_F16:
        for (size_t i = 0; i < index->dims; i++) {
            ((uint16_t *)(void *)row)[i] = hone_distance_f16_of(floats[i]);
        }
        break;
    case HONE_VECTOR_BF16:
        for (size_t i = 0; i < index->dims; i++) {
            ((uint16_t *)(void *)row)[i] = hone_distance_bf16_of(floats[i]);
        }
        break;
    case HONE_VECTOR_BITS: memcpy(row, query->values, index->dims / 8); break;
    }
    if (index->metric == HONE_VECTOR_COSINE) {
        *hn_norm_of(index, slot) = length;
    } else if (index->storage == HONE_VECTOR_I8 && index->metric == HONE_VECTOR_L2) {
        *hn_norm_of(index, slot) = query->norm;
        *hn_fine_norm_of(index, slot) = query->fine_norm;
    }
}

static void decode(const hone_vector_index *index, uint32_t slot, float *out_floats) {
    const uint8_t *row = hn_code_of(index, slot);
    const int8_t *code = (const int8_t *)row;
    for (size_t i = 0; i < index->dims; i++) {
        switch (index->storage) {
        case HONE_VECTOR_I8: {
            const int8_t *residual = (const int8_t *)hn_residual_of(index, slot);
            int fine = code[i] * RESIDUAL_STEPS + residual[i];
            out_floats[i] = (float)((double)*hn_scale_of(index, slot) * fine / RESIDUAL_STEPS);
            break;
        }
        case HONE_VECTOR_F16:
            out_floats[i] = hone_distance_f16_value(((const uint16_t *)(const void *)row)[i]);
            break;
        case HONE_VECTOR_BF16:
            out_floats[i] = hone_distance_bf16_value(((const uint16_t *)(const void *)row)[i]);
            break;
        default: out_floats[i] = ((const float *)(const void *)row)[i];
        }
    }
}

void hn_vector_load(const hone_vector_index *index, uint32_t slot, void *out_values) {
    if (index->storage == HONE_VECTOR_BITS) {
        memcpy(out_values, hn_code_of(index, slot), index->dims / 8);
        return;
    }
    float *floats = out_values;
    decode(index, slot, floats);
    float length = index->metric == HONE_VECTOR_COSINE ? *hn_norm_of(index, slot) : 1;
    for (size_t i = 0; i < index->dims; i++) {
        floats[i] *= length;
    }
}

hn_query hn_vector_query_of(const hone_vector_index *index, uint32_t slot,
                            const hn_query_space *space) {
    if (index->storage == HONE_VECTOR_I8) {
        bool is_l2 = index->metric == HONE_VECTOR_L2;
        return (hn_query){.code = (const int8_t *)hn_code_of(index, slot),
                          .residual = (const int8_t *)hn_residual_of(index, slot),
                          .scale = *hn_scale_of(index, slot),
                          .norm = is_l2 ? *hn_norm_of(index, slot) : 0,
                          .fine_norm = is_l2 ? *hn_fine_norm_of(index, slot) : 0};
    }
    if (index->storage == HONE_VECTOR_F16 || index->storage == HONE_VECTOR_BF16) {
        decode(index, slot, space->floats);
        return (hn_query){.values = space->floats};
    }
    return (hn_query){.values = hn_code_of(index, slot)};
}

static void float_distances(const hone_vector_index *index, const hn_query *query,
                            hn_searcher *with, size_t count) {
    hone_distance_element element = index->storage == HONE_VECTOR_F16    ? HONE_DISTANCE_F16
                                    : index->storage == HONE_VECTOR_BF16 ? HONE_DISTANCE_BF16
                                                                         : HONE_DISTANCE_F32;
    hone_distance_metric metric =
        index->metric == HONE_VECTOR_L2 ? HONE_DISTANCE_L2 : HONE_DISTANCE_DOT;
    index->kernels->floats[metric][element](query->values, with->batch_rows, count,
                                            index->layout.row_elements, with->batch_distances);
    if (metric == HONE_DISTANCE_DOT) {
        for (size_t i = 0; i < count; i++) {
            with->batch_distances[i] = -with->batch_distances[i];
        }
    }
}

static void bit_distances(const hone_vector_index *index, const hn_query *query, hn_searcher *with,
                          size_t count) {
    uint32_t bits[HN_BATCH_MAX];
    index->kernels->hamming(query->values, with->batch_rows, count, index->layout.row_elements,
                            bits);
    for (size_t i = 0; i < count; i++) {
        with->batch_distances[i] = (float)bits[i];
    }
}

void hn_vector_distances(const hone_vector_index *index, const hn_query *query, hn_searcher *with,
                         size_t count) {
    if (index->storage == HONE_VECTOR_BITS) {
        bit_distances(index, query, with, count);
        return;
    }
    if (index->storage != HONE_VECTOR_I8) {
        float_distances(index, query, with, count);
        return;
    }
    index->kernels->dot_i8(query->code, with->batch_rows, count, index->layout.row_elements,
                           with->batch_sums);
    bool is_l2 = index->metric == HONE_VECTOR_L2;
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = with->batch_slots[i];
        float product = (float)with->batch_sums[i] * (query->scale * *hn_scale_of(index, slot));
        with->batch_distances[i] =
            is_l2 ? query->norm + *hn_norm_of(index, slot) - 2 * product : -product;
    }
}

void hn_vector_run_distances(const hone_vector_index *index, const hn_query *query, uint32_t first,
                             hn_searcher *with, size_t count) {
    if (index->storage != HONE_VECTOR_I8) {
        hn_vector_distances(index, query, with, count);
        return;
    }
    const float *scales = hn_scale_of(index, first), *norms = hn_norm_of(index, first);
    float *distances = with->batch_distances, scale = query->scale, norm = query->norm;
    index->kernels->dot_i8(query->code, with->batch_rows, count, index->layout.row_elements,
                           with->batch_sums);
    if (index->metric == HONE_VECTOR_L2) {
        for (size_t i = 0; i < count; i++) {
            distances[i] = norm + norms[i] - 2 * ((float)with->batch_sums[i] * (scale * scales[i]));
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        distances[i] = -((float)with->batch_sums[i] * (scale * scales[i]));
    }
}

void hn_vector_fine_distances(const hone_vector_index *index, const hn_query *query,
                              hn_searcher *with, size_t count) {
    if (index->storage != HONE_VECTOR_I8) {
        hn_vector_distances(index, query, with, count);
        return;
    }
    hone_distance_i8_fn *dot = index->kernels->dot_i8;
    size_t elements = index->layout.row_elements;
    int32_t sums[4][HN_BATCH_MAX];
    const void *residuals[HN_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        residuals[i] = hn_residual_of(index, with->batch_slots[i]);
    }
    dot(query->code, with->batch_rows, count, elements, sums[0]);
    dot(query->code, residuals, count, elements, sums[1]);
    dot(query->residual, with->batch_rows, count, elements, sums[2]);
    dot(query->residual, residuals, count, elements, sums[3]);
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = with->batch_slots[i];
        int64_t fine = (int64_t)sums[0][i] * RESIDUAL_STEPS * RESIDUAL_STEPS +
                       ((int64_t)sums[1][i] + sums[2][i]) * RESIDUAL_STEPS + sums[3][i];
        double step = (double)query->scale * (double)*hn_scale_of(index, slot) /
                      (RESIDUAL_STEPS * RESIDUAL_STEPS);
        double product = (double)fine * step;
        with->batch_distances[i] =
            index->metric == HONE_VECTOR_L2
                ? (float)((double)query->fine_norm + (double)*hn_fine_norm_of(index, slot) -
                          2 * product)
                : (float)-product;
    }
}

float hn_vector_distance_shown(const hone_vector_index *index, float distance) {
    if (index->metric == HONE_VECTOR_COSINE) {
        distance = 1 + distance;
    }
    return index->metric != HONE_VECTOR_DOT && distance < 0 ? 0 : distance;
}
