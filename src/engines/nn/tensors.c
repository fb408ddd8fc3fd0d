/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/nn/tensors.h"

#include "hone/base/npy.h"

static const struct type_row {
    hone_nn_type type;
    char kind;
} types[] = {
    {HONE_NN_F32, 'f'}, {HONE_NN_F64, 'f'}, {HONE_NN_I64, 'i'},  {HONE_NN_I32, 'i'},
    {HONE_NN_I8, 'i'},  {HONE_NN_U8, 'u'},  {HONE_NN_BOOL, 'b'},
};

static bool find_type(const hone_npy_array *array, hone_nn_type *out_type) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].kind == array->kind &&
            hone_nn_type_bytes(types[i].type) == array->element_bytes) {
            *out_type = types[i].type;
            return true;
        }
    }
    return false;
}

hone_status hone_nn_tensor_read(hone_span file, hone_diag *diag, hone_nn_tensor *out_tensor,
                                hone_span *out_elements) {
    hone_npy_array array;
    hone_span elements;
    hone_nn_tensor tensor = {.name = ""};
    hone_status status = hone_npy_read(file, diag, &array, &elements);
    if (status != HONE_OK) {
        return status;
    }
    if (!find_type(&array, &tensor.type)) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "elements of type %c%u; there are f4, f8, i1, i4, i8, u1 and b1 "
                             "(astype makes them)",
                             array.kind, array.element_bytes);
    }
    if (array.rank > HONE_NN_RANK_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "the array has %u dimensions, at most %d are "
                             "possible",
                             array.rank, HONE_NN_RANK_MAX);
    }
    for (uint32_t i = 0; i < array.rank; i++) {
        if (array.dims[i] > INT32_MAX || array.count > INT32_MAX) {
            return hone_diag_set(diag, HONE_STATUS_LIMIT,
                                 "the array has more than 2^31 - 1 elements");
        }
        tensor.dims[i] = (size_t)array.dims[i];
    }
    tensor.rank = array.rank;
    tensor.count = (size_t)array.count;
    *out_tensor = tensor;
    *out_elements = elements;
    return HONE_OK;
}

void hone_nn_tensor_write(const hone_nn_tensor *tensor, const void *elements, hone_buffer *out) {
    hone_npy_array array = {.rank = tensor->rank,
                            .element_bytes = (uint8_t)hone_nn_type_bytes(tensor->type)};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        array.kind = types[i].type == tensor->type ? types[i].kind : array.kind;
    }
    for (uint32_t i = 0; i < tensor->rank; i++) {
        array.dims[i] = tensor->dims[i];
    }
    hone_npy_write_head(&array, out);
    hone_buffer_append(out, elements, tensor->count * array.element_bytes);
}
