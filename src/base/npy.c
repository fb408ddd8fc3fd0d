/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an npy file is a literal of Python: a dictionary of exactly three keys in any order,
 * read here by a scanner that knows strings, truth values and one tuple of whole numbers. */
#include "hone/base/npy.h"

#include <stdio.h>

#include "hone/base/checked.h"
#include "hone/base/number.h"

enum {
    MAGIC_BYTES = 6,
    SHORT_BYTES = 10, /* magic, version and length of version 1 */
    LONG_BYTES = 12,
    HEAD_MAX = 65535,
    ALIGNMENT = 64
};

static const char magic[] = "\x93NUMPY";

/* ---- scanning ---- */

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

/* ---- the head ---- */

typedef struct head {
    hone_npy_array array;
    bool has_descr, has_order, has_shape;
} head;

static hone_status corrupt(hone_diag *diag, const char *what) {
    return hone_diag_set(diag, HONE_STATUS_CORRUPT, "the head of the npy file: %s", what);
}

static hone_status read_descr(hone_text descr, hone_diag *diag, hone_npy_array *array) {
    bool is_known = descr.size == 3 && memchr("<|", descr.data[0], 2) &&
                    memchr("fiub", descr.data[1], 4) && memchr("1248", descr.data[2], 4);
    array->kind = is_known ? descr.data[1] : '\0';
    array->element_bytes = is_known ? (uint8_t)(descr.data[2] - '0') : 0;
    is_known = is_known && (array->kind != 'f' || array->element_bytes > 1) &&
               (array->kind != 'b' || array->element_bytes == 1);
    return is_known ? HONE_OK
                    : hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                                    "elements of type '%.*s'; there are <f2 <f4 <f8, |i1 to <i8, "
                                    "|u1 to <u8 and |b1 (astype makes them)",
                                    descr.size < 32 ? (int)descr.size : 32, descr.data);
}

static hone_status take_shape(hone_text *rest, hone_diag *diag, hone_npy_array *array) {
    if (!take(rest, HONE_TEXT("("))) {
        return corrupt(diag, "the shape is no tuple");
    }
    while (!take(rest, HONE_TEXT(")"))) {
        uint64_t dim;
        if (!take_number(rest, &dim)) {
            return corrupt(diag, "the shape has something that is no size");
        }
        if (array->rank == HONE_NPY_RANK_MAX) {
            return hone_diag_set(diag, HONE_STATUS_LIMIT,
                                 "the npy file has more than %d dimensions", HONE_NPY_RANK_MAX);
        }
        array->dims[array->rank++] = dim;
        if (!take(rest, HONE_TEXT(",")) && !hone_text_has_prefix(*rest, HONE_TEXT(")"))) {
            return corrupt(diag, "the shape lacks a comma");
        }
    }
    return HONE_OK;
}

/* One "key: value" of the three. */
static hone_status take_member(hone_text *rest, hone_diag *diag, head *it) {
    hone_text key, descr;
    if (!take_string(rest, &key) || !take(rest, HONE_TEXT(":"))) {
        return corrupt(diag, "no dictionary of descr, fortran_order and shape");
    }
    if (hone_text_is(key, "descr") && !it->has_descr) {
        it->has_descr = true;
        return take_string(rest, &descr) ? read_descr(descr, diag, &it->array)
                                         : corrupt(diag, "descr is no text");
    }
    if (hone_text_is(key, "fortran_order") && !it->has_order) {
        it->has_order = true;
        if (take(rest, HONE_TEXT("True"))) {
            return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                                 "the array is in Fortran's order; save "
                                 "numpy.ascontiguousarray(it)");
        }
        return take(rest, HONE_TEXT("False")) ? HONE_OK
                                              : corrupt(diag, "fortran_order is no truth value");
    }
    if (hone_text_is(key, "shape") && !it->has_shape) {
        it->has_shape = true;
        return take_shape(rest, diag, &it->array);
    }
    return corrupt(diag, "a key that is not descr, fortran_order or shape, or is there twice");
}

static hone_status read_head(hone_text rest, hone_diag *diag, hone_npy_array *out_array) {
    head it = {.has_descr = false};
    if (!take(&rest, HONE_TEXT("{"))) {
        return corrupt(diag, "no dictionary");
    }
    while (!take(&rest, HONE_TEXT("}"))) {
        hone_status status = take_member(&rest, diag, &it);
        if (status != HONE_OK) {
            return status;
        }
        if (!take(&rest, HONE_TEXT(",")) && !hone_text_has_prefix(rest, HONE_TEXT("}"))) {
            return corrupt(diag, "a comma is missing");
        }
    }
    if (!it.has_descr || !it.has_order || !it.has_shape) {
        return corrupt(diag, "a key is missing");
    }
    *out_array = it.array;
    return HONE_OK;
}

/* ---- files ---- */

/* Where the elements begin, and the text of the head. */
static hone_status find_head(hone_span file, hone_diag *diag, hone_text *out_head,
                             size_t *out_begin) {
    if (file.size < MAGIC_BYTES || memcmp(file.data, magic, MAGIC_BYTES) != 0) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "this is no npy file");
    }
    if (file.size < LONG_BYTES) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED, "the npy file ends within its head");
    }
    const uint8_t version = file.data[MAGIC_BYTES], *length = file.data + MAGIC_BYTES + 2;
    if (version < 1 || version > 3) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "an npy file of version %u; there are 1, 2 and 3", version);
    }
    size_t begin = version == 1 ? SHORT_BYTES : LONG_BYTES;
    size_t size = length[0] | (size_t)length[1] << 8;
    if (version > 1) {
        size |= (size_t)length[2] << 16 | (size_t)length[3] << 24;
    }
    if (size > HEAD_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the head of the npy file is too long");
    }
    if (size > file.size - begin) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED, "the npy file ends within its head");
    }
    *out_head = (hone_text){(const char *)file.data + begin, size};
    *out_begin = begin + size;
    return HONE_OK;
}

hone_status hone_npy_read(hone_span file, hone_diag *diag, hone_npy_array *out_array,
                          hone_span *out_elements) {
    hone_text text;
    hone_npy_array array;
    size_t begin = 0, count = 1, bytes = 0;
    hone_status status = find_head(file, diag, &text, &begin);
    status = status == HONE_OK ? read_head(text, diag, &array) : status;
    if (status != HONE_OK) {
        return status;
    }
    bool has_zero = false, fits = true;
    for (uint32_t i = 0; i < array.rank; i++) {
        has_zero = has_zero || array.dims[i] == 0;
        fits = fits && hone_size_multiply(count, (size_t)array.dims[i], &count);
    }
    count = has_zero ? 0 : count; /* whatever the other sizes are */
    fits = has_zero || (fits && hone_size_multiply(count, array.element_bytes, &bytes));
    if (!fits || bytes > file.size - begin) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "the npy file has %zu bytes of elements; its shape needs more",
                             file.size - begin);
    }
    array.count = count;
    *out_array = array;
    *out_elements = (hone_span){file.data + begin, bytes};
    return HONE_OK;
}

void hone_npy_write_head(const hone_npy_array *array, hone_buffer *out) {
    char text[256]; /* 8 sizes of 20 digits, and what stands around them */
    int size = snprintf(text, sizeof text, "{'descr': '%c%c%u', 'fortran_order': False, 'shape': (",
                        array->element_bytes == 1 ? '|' : '<', array->kind, array->element_bytes);
    for (uint32_t d = 0; d < array->rank; d++) {
        size += snprintf(text + size, sizeof text - (size_t)size, "%llu,%s",
                         (unsigned long long)array->dims[d], d + 1 < array->rank ? " " : "");
    }
    size += snprintf(text + size, sizeof text - (size_t)size, "), }");
    /* the head ends with a line end */
    size_t whole = SHORT_BYTES + (size_t)size + 1;
    size_t blanks = (ALIGNMENT - whole % ALIGNMENT) % ALIGNMENT;
    size_t length = (size_t)size + blanks + 1;
    const uint8_t lead[4] = {1, 0, (uint8_t)length, (uint8_t)(length >> 8)};
    hone_buffer_append(out, magic, MAGIC_BYTES);
    hone_buffer_append(out, lead, sizeof lead);
    hone_buffer_append(out, text, (size_t)size);
    for (size_t i = 0; i < blanks; i++) {
        hone_buffer_append_byte(out, ' ');
    }
    hone_buffer_append_byte(out, '\n');
}
