/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors in NumPy's .npy files: how they come in and go out.
 *
 * Contract: shared; pure functions. As hone/base/npy.h, for the types of hone_nn_type, at most
 * HONE_NN_RANK_MAX dimensions and 2^31 - 1 elements; others are UNSUPPORTED or LIMIT.
 */
#ifndef HONE_NN_TENSORS_H
#define HONE_NN_TENSORS_H

#include "hone/base/buffer.h"
#include "hone/nn/model.h"

/* *out_tensor (its name is "") and *out_elements, which lie in `file` and may be misaligned. */
HONE_MUST_USE hone_status hone_nn_tensor_read(hone_span file, hone_diag *diag,
                                              hone_nn_tensor *out_tensor, hone_span *out_elements);

/* Appends a file. The buffer remembers failures. */
void hone_nn_tensor_write(const hone_nn_tensor *tensor, const void *elements, hone_buffer *out);

#endif
