/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in files of other tools. The head of an npy file is a literal of Python: a dictionary of
 * three keys in any order, read here by a scanner that knows strings, booleans, and one tuple.
 */
#include "hone/vector/rows.h"

#include <stdio.h>
#include <string.h>

#include "hone/base/checked.h"
#include "hone/base/number.h"
#include "hone/base/span.h"
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

/* ---- npy ---- */

typedef struct npy_head {
    hone_text descr;
    uint64_t count, dims;
    bool has_descr, has_order, has_shape;
} npy_head;

static void skip_blanks(hone_text *rest) {
    while (rest->size && (*rest->data == ' ' || *rest->data == '\n')) {
        rest->data++;
        rest->size--;
    }
}

static bool take(hone_text *rest, hone_text word) {
    skip_blanks(rest);
    if (!hone_text_has_prefix(*rest, word)) {
        return false;
    }
    rest->data += word.size;
    rest->size -= word.size;
    return true;
}

static bool take_string(hone_text *rest, hone_text *out_string) {
    skip_blanks(rest);
    const char quote = rest->size ? *rest->data : '\0';
    if (quote != '\'' && quote != '"') {
        return false;
    }
    const char *begin = rest->data + 1;
    const char *end = memchr(begin, quote, rest->size - 1);
    if (!end) {
        return false;
    }
    *out_string = (hone_text){begin, (size_t)(end - begin)};
    rest->size -= (size_t)(end + 1 - rest->data);
    rest->data = end + 1;
    return true;
}

static bool take_number(hone_text *rest, uint64_t *out_number) {
    skip_blanks(rest);
    size_t size = 0;
    while (size < rest->size && rest->data[size] >= '0' && rest->data[size] <= '9') {
        size++;
    }
    int64_t number;
    if (hone_number_parse_i64((hone_text){rest->data, size}, &number) != HONE_OK) {
        return false;
    }
    rest->data += size;
    rest->size -= size;
    *out_number = (uint64_t)number;
    return true;
}

/* One "key: value" of the three. */
static hone_status take_member(hone_text *rest, npy_head *head, hone_diag *diag) {
    hone_text key;
    bool is_right = take_string(rest, &key) && take(rest, HONE_TEXT(":"));
    if (is_right && hone_text_is(key, "descr") && !head->has_descr) {
        head->has_descr = true;
        is_right = take_string(rest, &head->descr);
    } else if (is_right && hone_text_is(key, "fortran_order") && !head->has_order) {
        head->has_order = true;
        if (take(rest, HONE_TEXT("True"))) {
            return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                                 "the array is in Fortran order; save numpy.ascontiguousarray(it)");
        }
        is_right = take(rest, HONE_TEXT("False"));
    } else if (is_right && hone_text_is(key, "shape") && !head->has_shape) {
        head->has_shape = true;
        is_right = take(rest, HONE_TEXT("(")) && take_number(rest, &head->count) &&
                   take(rest, HONE_TEXT(","));
        if (is_right && (!take_number(rest, &head->dims) ||
                         (take(rest, HONE_TEXT(",")), !take(rest, HONE_TEXT(")"))))) {
            return hone_diag_set(
                diag, HONE_STATUS_UNSUPPORTED,
                "the array has not two dimensions; reshape it to (rows, elements)");
        }
    } else {
        is_right = false;
    }
    return is_right ? HONE_OK
                    : hone_diag_set(diag, HONE_STATUS_CORRUPT,
                                    "the head of the npy file is not the dictionary that it should "
                                    "be (descr, fortran_order, shape)");
}

static hone_status read_head(hone_text rest, hone_diag *diag, npy_head *out_head) {
    npy_head head = {.count = 0};
    hone_status status = HONE_OK;
    bool is_whole = take(&rest, HONE_TEXT("{"));
    for (int member = 0; member < 3 && is_whole && status == HONE_OK; member++) {
        status = take_member(&rest, &head, diag);
        is_whole = status != HONE_OK || take(&rest, HONE_TEXT(",")) || member == 2;
    }
    if (status == HONE_OK && !(is_whole && take(&rest, HONE_TEXT("}")))) {
        status = hone_diag_set(diag, HONE_STATUS_CORRUPT,
                               "the head of the npy file is no dictionary of three members");
    }
    *out_head = head;
    return status;
}

static hone_status find_element(hone_text descr, hone_diag *diag,
                                hone_vector_element *out_element) {
    static const char *const names[][2] = {[HONE_VECTOR_ELEMENT_F32] = {"<f4", NULL},
                                           [HONE_VECTOR_ELEMENT_F64] = {"<f8", NULL},
                                           [HONE_VECTOR_ELEMENT_F16] = {"<f2", NULL},
                                           [HONE_VECTOR_ELEMENT_I8] = {"|i1", "<i1"},
                                           [HONE_VECTOR_ELEMENT_U8] = {"|u1", "<u1"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (hone_text_is(descr, names[i][0]) || (names[i][1] && hone_text_is(descr, names[i][1]))) {
            *out_element = (hone_vector_element)i;
            return HONE_OK;
        }
    }
    return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                         "elements of type '%.*s'; there are <f2, <f4, <f8, |i1, |u1 (astype does "
                         "it)",
                         descr.size < 32 ? (int)descr.size : 32, descr.data);
}

static hone_status open_npy(const uint8_t *data, size_t size, hone_diag *diag,
                            hone_vector_rows *out_rows) {
    enum { MAGIC_BYTES = 6, SHORT_BYTES = 10, LONG_BYTES = 12, HEAD_MAX = 65535 };
    if (size < LONG_BYTES || memcmp(data, "\x93NUMPY", MAGIC_BYTES) != 0) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED, "this is no npy file");
    }
    if (data[6] < 1 || data[6] > 3) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "an npy file of version %u; there are 1, 2 and 3", data[6]);
    }
    bool is_short = data[6] == 1;
    size_t begin = is_short ? SHORT_BYTES : LONG_BYTES;
    size_t head_size = is_short ? (size_t)data[8] | (size_t)data[9] << 8 : load_u32(data + 8);
    if (head_size > HEAD_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the head of the npy file is too long");
    }
    if (head_size > size - begin) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED, "the npy file ends within its head");
    }
    npy_head head;
    hone_vector_element element = HONE_VECTOR_ELEMENT_F32;
    hone_status status = read_head((hone_text){(const char *)data + begin, head_size}, diag, &head);
    if (status == HONE_OK) {
        status = find_element(head.descr, diag, &element);
    }
    if (status == HONE_OK) {
        status = check_dims(head.dims, diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    uint64_t stride = head.dims * element_bytes(element);
    uint64_t there = size - begin - head_size;
    if (head.count > there / stride) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "the npy file says %llu rows of %llu bytes, there are %llu",
                             (unsigned long long)head.count, (unsigned long long)stride,
                             (unsigned long long)(there / stride));
    }
    *out_rows = (hone_vector_rows){.first = data + begin + head_size,
                                   .count = head.count,
                                   .stride_bytes = stride,
                                   .dims = (uint32_t)head.dims,
                                   .element = element};
    return HONE_OK;
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

static float float_of_f16(uint32_t half) {
    enum { EXPONENT_MAX = 31, MANTISSA_BITS = 10 };
    uint32_t sign = (half & 0x8000u) << 16, exponent = half >> MANTISSA_BITS & EXPONENT_MAX;
    uint32_t mantissa = half & 0x3FFu;
    if (exponent == EXPONENT_MAX) {
        return float_of_bits(sign | 0x7F800000u | mantissa << 13);
    }
    if (exponent == 0) { /* a multiple of 2^-24 */
        float value = (float)mantissa * 0x1p-24f;
        return sign ? -value : value;
    }
    return float_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
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
            out_values[i] = float_of_f16((uint32_t)at[0] | (uint32_t)at[1] << 8);
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

void hone_vector_npy_header(uint64_t count, uint32_t dims,
                            char out_header[HONE_VECTOR_NPY_HEADER_BYTES]) {
    enum { PREFIX_BYTES = 10, LITERAL_BYTES = HONE_VECTOR_NPY_HEADER_BYTES - PREFIX_BYTES };
    char literal[LITERAL_BYTES];
    int length = snprintf(literal, sizeof literal,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %u), }",
                          (unsigned long long)count, dims);
    memset(out_header, ' ', HONE_VECTOR_NPY_HEADER_BYTES);
    memcpy(out_header, "\x93NUMPY\x01\x00", 8);
    out_header[8] = (char)LITERAL_BYTES;
    out_header[9] = 0;
    memcpy(out_header + PREFIX_BYTES, literal, (size_t)length);
    out_header[HONE_VECTOR_NPY_HEADER_BYTES - 1] = '\n';
}
