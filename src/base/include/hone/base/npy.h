/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays in NumPy's .npy files: what lies in one, and the head of a new one.
 *
 * Contract
 *   Threads    shared; pure functions.
 *   Ownership  the elements are a view into the file's bytes, at any alignment.
 *   Errors     CORRUPT, TRUNCATED; UNSUPPORTED for what NumPy can and this cannot: big endian,
 *              Fortran's order, other types than whole and floating-point numbers and truth values;
 *              LIMIT.
 *   Limits     versions 1 to 3; heads up to 65535 bytes; HONE_NPY_RANK_MAX dimensions.
 *
 * Source: NumPy Enhancement Proposal 1, A Simple File Format for NumPy Arrays; numpy.lib.format.
 */
#ifndef HONE_BASE_NPY_H
#define HONE_BASE_NPY_H

#include <stdint.h>

#include "hone/base/buffer.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

enum { HONE_NPY_RANK_MAX = 8 };

/* An array: little endian, rows in C order. */
typedef struct hone_npy_array {
    char kind; /* 'f' floating point, 'i' and 'u' whole with and without sign, 'b' truth */
    uint8_t element_bytes; /* 1, 2, 4, 8 */
    uint32_t rank;         /* 0: one element */
    uint64_t dims[HONE_NPY_RANK_MAX];
    uint64_t count; /* of elements: the product of dims; written by read only */
} hone_npy_array;

/* What `file` holds, and its elements. Bytes behind them are let be. */
HONE_MUST_USE hone_status hone_npy_read(hone_span file, hone_diag *diag, hone_npy_array *out_array,
                                        hone_span *out_elements);

/* Appends the head of a file of version 1, a multiple of 64 bytes; the elements come behind it. The
 * buffer remembers failures. */
void hone_npy_write_head(const hone_npy_array *array, hone_buffer *out);

#endif
