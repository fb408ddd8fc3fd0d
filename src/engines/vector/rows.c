/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in files of other tools: where they begin, how far apart they lie, what an element is. */
#include "hone/vector/rows.h"

#include <string.h>

#include "hone/base/npy.h"
#include "hone/kernels/distance.h"
#include "hone/vector/index.h"

static uint32_t element_bytes(hone_vector_element element) {
    static const uint8_t bytes[] = {4, 8, 2, 1, 1};
    return bytes[element];
}

static uint32_t load_u32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t load_u64(const uint8_t *at) {
    return (uint64_t)load_u32(at) | (uint64_t)load_u32(at + 4) << 32;
}

static hone_status check_dims(uint64_t dims, hone_diag *diag) {
    return dims >= 1 && dims <= HONE_VECTOR_DIMS_MAX
               ? HONE_OK
               : hone_diag_set(diag, dims ? HONE_STATUS_LIMIT : HONE_STATUS_CORRUPT,
                               "a row of %llu elements; 1 to %d are possible",
                               (unsigned long long)dims, (int)HONE_VECTOR_DIMS_MAX);
}

static hone_status open_vecs(hone_vector_element element, const uint8_t *data, size_t size,
                             hone_diag *diag, hone_vector_rows *out_rows) {
    enum { PREFIX_BYTES = 4 };
    if (size < PREFIX_BYTES) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "%zu bytes, not even the length of a first row", size);
    }
    uint32_t dims = load_u32(data);
    hone_status status = check_dims(dims, diag);
    if (status != HONE_OK) {
        return status;
    }
    uint64_t stride = PREFIX_BYTES + (uint64_t)dims * element_bytes(element);
    if (size % stride != 0) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "rows of %u elements take %llu bytes each, and %zu bytes are no whole "
                             "number of them",
                             dims, (unsigned long long)stride, size);
    }
    *out_rows = (hone_vector_rows){.first = data,
                                   .count = size / stride,
                                   .stride_bytes = stride,
                                   .prefix_bytes = PREFIX_BYTES,
                                   .dims = dims,
                                   .element = element};
    return HONE_OK;
}

static hone_status find_element(const hone_npy_array *array, hone_diag *diag,
                                hone_vector_element *out_element) {
    static const char kinds[] = {[HONE_VECTOR_ELEMENT_F32] = 'f',
                                 [HONE_VECTOR_ELEMENT_F64] = 'f',
                                 [HONE_VECTOR_ELEMENT_F16] = 'f',
                                 [HONE_VECTOR_ELEMENT_I8] = 'i',
                                 [HONE_VECTOR_ELEMENT_U8] = 'u'};
    for (size_t i = 0; i < sizeof kinds; i++) {
        if (kinds[i] == array->kind &&
            element_bytes((hone_vector_element)i) == array->element_bytes) {
            *out_element = (hone_vector_element)i;
            return HONE_OK;
        }
    }
    return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                         "elements of type %c%u; there are f2, f4, f8, i1, u1 (astype makes them)",
                         array->kind, array->element_bytes);
}

static hone_status open_npy(const uint8_t *data, size_t size, hone_diag *diag,
                            hone_vector_rows *out_rows) {
    hone_npy_array array;
    hone_span elements;
    hone_vector_element element = HONE_VECTOR_ELEMENT_F32;
    hone_status status = hone_npy_read((hone_span){data, size}, diag, &array, &elements);
    if (status == HONE_OK && array.rank != 2) {
        status = hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                               "the array has %u dimensions; reshape it to (rows, elements)",
                               array.rank);
    }
    status = status == HONE_OK ? find_element(&array, diag, &element) : status;
    status = status == HONE_OK ? check_dims(array.dims[1], diag) : status;
    if (status == HONE_OK) {
        *out_rows = (hone_vector_rows){.first = elements.data,
                                       .count = array.dims[0],
                                       .stride_bytes = array.dims[1] * array.element_bytes,
                                       .dims = (uint32_t)array.dims[1],
                                       .element = element};
    }
    return status;
}

hone_status hone_vector_rows_open(hone_vector_rows_format format, const void *data,
                                  size_t size_bytes, hone_diag *diag, hone_vector_rows *out_rows) {
    if (!data || !out_rows || format > HONE_VECTOR_NPY) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no bytes, rows, or format");
    }
    if (format == HONE_VECTOR_NPY) {
        return open_npy(data, size_bytes, diag, out_rows);
    }
    return open_vecs(format == HONE_VECTOR_FVECS ? HONE_VECTOR_ELEMENT_F32 : HONE_VECTOR_ELEMENT_U8,
                     data, size_bytes, diag, out_rows);
}

/* ---- rows ---- */

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_f64(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

hone_status hone_vector_rows_read(const hone_vector_rows *rows, uint64_t index, hone_diag *diag,
                                  float *out_values) {
    if (!rows || !out_values || index >= rows->count) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no such row");
    }
    const uint8_t *row = rows->first + index * rows->stride_bytes;
    if (rows->prefix_bytes && load_u32(row) != rows->dims) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "row %llu says %u elements, the first one %u",
                             (unsigned long long)index, load_u32(row), rows->dims);
    }
    const uint8_t *at = row + rows->prefix_bytes;
    const uint32_t step = element_bytes(rows->element);
    for (uint32_t i = 0; i < rows->dims; i++, at += step) {
        switch (rows->element) {
        case HONE_VECTOR_ELEMENT_F32: out_values[i] = float_of_bits(load_u32(at)); break;
        case HONE_VECTOR_ELEMENT_F64: out_values[i] = float_of_f64(load_u64(at)); break;
        case HONE_VECTOR_ELEMENT_F16:
            out_values[i] = hone_distance_f16_value((uint16_t)(at[0] | at[1] << 8));
            break;
        case HONE_VECTOR_ELEMENT_I8: out_values[i] = (float)(int8_t)*at; break;
        case HONE_VECTOR_ELEMENT_U8: out_values[i] = (float)*at; break;
        }
    }
    return HONE_OK;
}

hone_status hone_vector_rows_format_of(const char *path, hone_diag *diag,
                                       hone_vector_rows_format *out_format) {
    static const char *const ends[] = {".fvecs", ".bvecs", ".npy"};
    size_t size = path ? strlen(path) : 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end_size = strlen(ends[i]);
        if (size > end_size && strcmp(path + size - end_size, ends[i]) == 0) {
            *out_format = (hone_vector_rows_format)i;
            return HONE_OK;
        }
    }
    return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                         "vectors are read from files named .fvecs, .bvecs or .npy");
}
