/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of numbers in files of other tools: fvecs and bvecs (the sets of the field) and npy (NumPy).
 * A view of bytes that are in memory already, mapped by hone_file_map for instance:
 *
 *     hone_vector_rows rows;
 *     status = hone_vector_rows_open(HONE_VECTOR_NPY, mapping.data, mapping.size_bytes, &diag,
 *                                    &rows);
 *     for (uint64_t i = 0; i < rows.count; i++) {
 *         status = hone_vector_rows_read(&rows, i, &diag, floats);
 *     }
 *
 * Contract
 *   Threads     frozen: after open, anybody may read.
 *   Ownership   borrows the bytes.
 *   Errors      TRUNCATED, CORRUPT, UNSUPPORTED, LIMIT, each saying where and what was expected.
 *   Limits      HONE_VECTOR_DIMS_MAX elements a row. npy: versions 1 to 3, two dimensions, C order,
 *               little-endian elements f2, f4, f8, i1, u1. Values are handed on as they are, a NaN
 *               as well: the index judges them.
 *
 * Sources: http://corpus-texmex.irisa.fr (fvecs, bvecs); NumPy Enhancement Proposal 1 (npy).
 */
#ifndef HONE_VECTOR_ROWS_H
#define HONE_VECTOR_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "hone/base/status.h"

typedef enum hone_vector_rows_format {
    HONE_VECTOR_FVECS, /* each row: its number of elements as int32, then floats */
    HONE_VECTOR_BVECS, /* the same with bytes, 0 to 255 */
    HONE_VECTOR_NPY,
} hone_vector_rows_format;

typedef enum hone_vector_element {
    HONE_VECTOR_ELEMENT_F32,
    HONE_VECTOR_ELEMENT_F64,
    HONE_VECTOR_ELEMENT_F16,
    HONE_VECTOR_ELEMENT_I8,
    HONE_VECTOR_ELEMENT_U8,
} hone_vector_element;

typedef struct hone_vector_rows {
    const uint8_t *first; /* row */
    uint64_t count;
    uint64_t stride_bytes; /* from row to row */
    uint32_t prefix_bytes; /* of a row, before its elements: 4 with fvecs and bvecs */
    uint32_t dims;
    hone_vector_element element;
} hone_vector_rows;

/* Looks at the head only; no bytes at all are no rows of fvecs. Cost: constant. */
HONE_MUST_USE hone_status hone_vector_rows_open(hone_vector_rows_format format, const void *data,
                                                size_t size_bytes, hone_diag *diag,
                                                hone_vector_rows *out_rows);

/* Row `index` (below count) as dims floats. CORRUPT when it says another number of elements than
 * the first row. */
HONE_MUST_USE hone_status hone_vector_rows_read(const hone_vector_rows *rows, uint64_t index,
                                                hone_diag *diag, float *out_values);

/* By the end of the name: ".fvecs", ".bvecs", ".npy". UNSUPPORTED for others. */
HONE_MUST_USE hone_status hone_vector_rows_format_of(const char *path, hone_diag *diag,
                                                     hone_vector_rows_format *out_format);

#endif
