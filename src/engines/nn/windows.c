/* SPDX-License-Identifier: Apache-2.0 */
/* Source: the descriptions of Conv and MaxPool in ONNX's Operators.md. */
#include "windows_internal.h"

enum { WINDOW_MAX = 1 << 20 };

/* Values of a list attribute, one per spatial dimension, from `first` on; 1 or 0 where it is left
 * out. false: too few, too many or out of range. */
static bool read_list(const hn_onnx_node *node, const char *name, uint32_t count, size_t otherwise,
                      size_t *out) {
    const hn_onnx_attribute *list = hn_attribute(node, name);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = otherwise;
        if (list && list->ints_count > 0) {
            if (list->ints_count != count || list->ints[i] < 0 || list->ints[i] > WINDOW_MAX) {
                return false;
            }
            out[i] = (size_t)list->ints[i];
        }
    }
    return true;
}

static size_t reach_of(const hn_windows *it, uint32_t d) {
    return (it->kernel[d] - 1) * it->dilation[d] + 1;
}

/* SAME: as many outputs as strides fit; what is missing is padded, the odd one at the named end. */
static void pad_same(hn_windows *it, uint32_t d, bool is_lower) {
    it->out[d] = (it->in[d] + it->stride[d] - 1) / it->stride[d];
    size_t needed = (it->out[d] - 1) * it->stride[d] + reach_of(it, d);
    size_t missing = needed > it->in[d] ? needed - it->in[d] : 0;
    it->pad_before[d] = is_lower ? missing - missing / 2 : missing / 2;
    it->pad_after[d] = missing - it->pad_before[d];
}

static bool count_out(hn_windows *it, uint32_t d, bool is_ceil) {
    size_t padded = it->in[d] + it->pad_before[d] + it->pad_after[d];
    if (padded < reach_of(it, d)) {
        return false;
    }
    size_t room = padded - reach_of(it, d);
    it->out[d] = (room + (is_ceil ? it->stride[d] - 1 : 0)) / it->stride[d] + 1;
    /* A window must begin in the image or the padding before it. */
    if (is_ceil && (it->out[d] - 1) * it->stride[d] >= it->in[d] + it->pad_before[d]) {
        it->out[d]--;
    }
    return true;
}

static bool set_padding(const hn_onnx_node *node, uint32_t first, hn_windows *it) {
    const hn_onnx_attribute *automatic = hn_attribute(node, "auto_pad");
    const hone_text way = automatic ? automatic->s : HONE_TEXT("NOTSET");
    bool is_same = hone_text_is(way, "SAME_UPPER") || hone_text_is(way, "SAME_LOWER");
    size_t pads[4] = {0};
    if (!is_same && !hone_text_is(way, "VALID") &&
        !read_list(node, "pads", 2 * (2 - first), 0, pads)) {
        return false;
    }
    for (uint32_t d = first; d < 2; d++) {
        if (is_same) {
            pad_same(it, d, hone_text_is(way, "SAME_LOWER"));
            continue;
        }
        it->pad_before[d] = pads[d - first];
        it->pad_after[d] = pads[2 - first + d - first];
        if (!count_out(it, d, hn_attribute_int(node, "ceil_mode", 0) != 0)) {
            return false;
        }
    }
    return true;
}

hone_status hn_read_windows(hn_builder *b, const hn_onnx_node *node, const hn_value *in,
                            const size_t *kernel, hn_windows *out) {
    if (in->rank != 3 && in->rank != 4) {
        return hn_unsupported(b, node, "images of other than 1 or 2 dimensions");
    }
    const uint32_t first = 4 - in->rank, count = 2 - first;
    hn_windows it = {
        .in = {1, 1}, .out = {1, 1}, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    memcpy(it.in + first, in->dims + 2, count * sizeof *it.in);
    bool is_right = read_list(node, "kernel_shape", count, 0, it.kernel + first);
    if (kernel) {
        memcpy(it.kernel + first, kernel, count * sizeof *kernel);
    }
    is_right = is_right && read_list(node, "strides", count, 1, it.stride + first) &&
               read_list(node, "dilations", count, 1, it.dilation + first);
    for (uint32_t d = 0; is_right && d < 2; d++) {
        is_right = it.kernel[d] >= 1 && it.stride[d] >= 1 && it.dilation[d] >= 1 && it.in[d] >= 1 &&
                   it.kernel[d] <= WINDOW_MAX;
    }
    if (!is_right || !set_padding(node, first, &it)) {
        return hn_wrong(b, node, "windows that do not fit the image");
    }
    *out = it;
    return HONE_OK;
}

hone_status hn_new_windows_value(hn_builder *b, const hn_value *in, size_t channels,
                                 const hn_windows *windows, hn_value_id *out_id) {
    const uint32_t rank = in->rank, first = 4 - rank;
    size_t dims[4] = {in->dims[0], channels};
    memcpy(dims + 2, windows->out + first, (2 - first) * sizeof *dims);
    hone_status status = hn_new_value(b, HONE_NN_F32, rank, dims, out_id);
    if (status == HONE_OK) {
        hn_at(b, *out_id)->is_channels_last = true;
    }
    return status;
}
