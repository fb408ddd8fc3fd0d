/* SPDX-License-Identifier: Apache-2.0 */
/* The header is a Python dictionary of exactly three keys; what NumPy writes is read, in any order,
 * and nothing else of Python. */
#include "hone/nn/npy.h"

#include <stdio.h>

#include "hone/base/checked.h"

static const struct type_row {
    hone_nn_type type;
    const char *descr;
} types[] = {
    {HONE_NN_F32, "<f4"}, {HONE_NN_F64, "<f8"}, {HONE_NN_I64, "<i8"},  {HONE_NN_I32, "<i4"},
    {HONE_NN_I8, "|i1"},  {HONE_NN_U8, "|u1"},  {HONE_NN_BOOL, "|b1"},
};

enum { MAGIC_BYTES = 6, HEADER_BYTES_MAX = 4096, ALIGNMENT = 64 };

static const uint8_t magic[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct parser {
    hone_text rest;
    hone_diag *diag;
} parser;

static hone_status corrupt(parser *it, const char *what) {
    return hone_diag_set(it->diag, HONE_STATUS_CORRUPT, "the header of the .npy file: %s", what);
}

static void skip_blanks(parser *it) {
    while (it->rest.size > 0 && (*it->rest.data == ' ' || *it->rest.data == '\n')) {
        it->rest.data++;
        it->rest.size--;
    }
}

static bool take(parser *it, const char *what) {
    skip_blanks(it);
    if (!hone_text_has_prefix(it->rest, hone_text_of(what))) {
        return false;
    }
    it->rest.data += strlen(what);
    it->rest.size -= strlen(what);
    return true;
}

static hone_status take_descr(parser *it, hone_nn_tensor *out) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char quoted[8];
        (void)snprintf(quoted, sizeof quoted, "'%s'", types[i].descr);
        if (take(it, quoted)) {
            out->type = types[i].type;
            return HONE_OK;
        }
    }
    return hone_diag_set(it->diag, HONE_STATUS_UNSUPPORTED,
                         "the .npy file's element type: little endian f32, f64, i64, i32, i8, u8 "
                         "and bool are supported");
}

static bool take_size(parser *it, size_t *out) {
    size_t digits = 0, value = 0;
    skip_blanks(it);
    for (; it->rest.size > 0 && *it->rest.data >= '0' && *it->rest.data <= '9' && digits < 10;
         digits++, it->rest.data++, it->rest.size--) {
        value = value * 10 + (size_t)(*it->rest.data - '0');
    }
    *out = value;
    return digits > 0 && value <= INT32_MAX;
}

static hone_status take_shape(parser *it, hone_nn_tensor *out) {
    if (!take(it, "(")) {
        return corrupt(it, "shape is no tuple");
    }
    out->count = 1;
    while (!take(it, ")")) {
        size_t dim;
        if (out->rank == HONE_NN_RANK_MAX) {
            return hone_diag_set(it->diag, HONE_STATUS_UNSUPPORTED,
                                 "the .npy file has more than %d dimensions", HONE_NN_RANK_MAX);
        }
        if (!take_size(it, &dim)) {
            return corrupt(it, "shape has something that is no size");
        }
        out->dims[out->rank++] = dim;
        if (!hone_size_multiply(out->count, dim, &out->count) || out->count > INT32_MAX) {
            return hone_diag_set(it->diag, HONE_STATUS_LIMIT,
                                 "the .npy file has more than 2^31 elements");
        }
        if (!take(it, ",") && !hone_text_has_prefix(it->rest, HONE_TEXT(")"))) {
            return corrupt(it, "shape lacks a comma");
        }
    }
    return HONE_OK;
}

static hone_status parse_header(parser *it, hone_nn_tensor *out) {
    bool has_descr = false, has_order = false, has_shape = false;
    hone_status status = HONE_OK;
    if (!take(it, "{")) {
        return corrupt(it, "no dictionary");
    }
    while (status == HONE_OK && !take(it, "}")) {
        if (!has_descr && take(it, "'descr':")) {
            has_descr = true;
            status = take_descr(it, out);
        } else if (!has_order && take(it, "'fortran_order':")) {
            has_order = true;
            if (!take(it, "False")) {
                return hone_diag_set(it->diag, HONE_STATUS_UNSUPPORTED,
                                     "the .npy file is in Fortran's order; save it in C order");
            }
        } else if (!has_shape && take(it, "'shape':")) {
            has_shape = true;
            status = take_shape(it, out);
        } else {
            return corrupt(it, "a key that is not descr, fortran_order or shape");
        }
        if (status == HONE_OK && !take(it, ",") &&
            !hone_text_has_prefix(it->rest, HONE_TEXT("}"))) {
            return corrupt(it, "a comma is missing");
        }
    }
    if (status == HONE_OK && !(has_descr && has_order && has_shape)) {
        return corrupt(it, "a key is missing");
    }
    return status;
}

hone_status hone_npy_read(hone_span file, hone_diag *diag, hone_nn_tensor *out_tensor,
                          hone_span *out_elements) {
    if (file.size < MAGIC_BYTES || memcmp(file.data, magic, MAGIC_BYTES) != 0) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "this is no .npy file");
    }
    if (file.size < MAGIC_BYTES + 6) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED, "the .npy file ends in its header");
    }
    const uint8_t major = file.data[MAGIC_BYTES];
    size_t start = MAGIC_BYTES + (major == 1 ? 4 : 6);
    size_t size = file.data[MAGIC_BYTES + 2] | (size_t)file.data[MAGIC_BYTES + 3] << 8;
    if (major > 1) {
        size |= (size_t)file.data[MAGIC_BYTES + 4] << 16 | (size_t)file.data[MAGIC_BYTES + 5] << 24;
    }
    if (major < 1 || major > 3 || size > HEADER_BYTES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED, "a .npy file of another version");
    }
    if (size > file.size - start) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED, "the .npy file ends in its header");
    }
    parser it = {{(const char *)file.data + start, size}, diag};
    hone_nn_tensor tensor = {.name = ""};
    hone_status status = parse_header(&it, &tensor);
    if (status != HONE_OK) {
        return status;
    }
    const size_t bytes = tensor.count * hone_nn_type_bytes(tensor.type);
    if (file.size - start - size < bytes) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "the .npy file has %zu bytes of elements; its shape needs %zu",
                             file.size - start - size, bytes);
    }
    *out_tensor = tensor;
    *out_elements = (hone_span){file.data + start + size, bytes};
    return HONE_OK;
}

void hone_npy_write(const hone_nn_tensor *tensor, const void *elements, hone_buffer *out) {
    char header[256];
    const char *descr = "";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        descr = types[i].type == tensor->type ? types[i].descr : descr;
    }
    int size = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                        descr);
    for (uint32_t d = 0; d < tensor->rank; d++) {
        size += snprintf(header + size, sizeof header - (size_t)size, "%zu,%s", tensor->dims[d],
                         d + 1 < tensor->rank ? " " : "");
    }
    size += snprintf(header + size, sizeof header - (size_t)size, "), }");
    /* The elements begin at a multiple of 64; the header ends with a line end. */
    size_t whole = MAGIC_BYTES + 4 + (size_t)size + 1;
    size_t blanks = (ALIGNMENT - whole % ALIGNMENT) % ALIGNMENT;
    size_t header_bytes = (size_t)size + blanks + 1;
    const uint8_t lead[4] = {1, 0, (uint8_t)header_bytes, (uint8_t)(header_bytes >> 8)};
    hone_buffer_append(out, magic, MAGIC_BYTES);
    hone_buffer_append(out, lead, sizeof lead);
    hone_buffer_append(out, header, (size_t)size);
    for (size_t i = 0; i < blanks; i++) {
        hone_buffer_append_byte(out, ' ');
    }
    hone_buffer_append_byte(out, '\n');
    hone_buffer_append(out, elements, tensor->count * hone_nn_type_bytes(tensor->type));
}
