/* SPDX-License-Identifier: Apache-2.0 */
/* Windows that move over one or two spatial dimensions: convolution and pooling. One dimension is
 * height 1. */
#ifndef HONE_NN_WINDOWS_INTERNAL_H
#define HONE_NN_WINDOWS_INTERNAL_H

#include "network_internal.h"

typedef struct hn_windows {
    size_t in[2], out[2], kernel[2], stride[2], dilation[2], pad_before[2], pad_after[2];
} hn_windows;

/* Reads the attributes; `kernel` has the spatial dimensions of the window, or is NULL: then the
 * attribute kernel_shape has. */
hone_status hn_read_windows(hn_builder *b, const hn_onnx_node *node, const hn_value *in,
                            const size_t *kernel, hn_windows *out);

/* A channels-last value: the batch of `in`, `channels`, the windows' places. */
hone_status hn_new_windows_value(hn_builder *b, const hn_value *in, size_t channels,
                                 const hn_windows *windows, hn_value_id *out_id);

#endif
