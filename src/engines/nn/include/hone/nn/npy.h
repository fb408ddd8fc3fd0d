/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays in NumPy's .npy files: how tensors come in and go out.
 *
 * Contract: shared; pure functions. Reads versions 1 to 3, little endian, rows in C order, the
 * types of hone_nn_type, at most 6 dimensions and 2^31 elements; anything else is UNSUPPORTED or
 * LIMIT, a damaged file is CORRUPT or TRUNCATED. Source: numpy.lib.format.
 */
#ifndef HONE_NN_NPY_H
#define HONE_NN_NPY_H

#include "hone/base/buffer.h"
#include "hone/nn/model.h"

/* *out_tensor (its name is "") and *out_elements, which lie in `file` and may be misaligned. */
HONE_MUST_USE hone_status hone_npy_read(hone_span file, hone_diag *diag, hone_nn_tensor *out_tensor,
                                        hone_span *out_elements);

/* Appends a file of version 1. The buffer remembers failures. */
void hone_npy_write(const hone_nn_tensor *tensor, const void *elements, hone_buffer *out);

#endif
