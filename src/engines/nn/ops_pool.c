/* SPDX-License-Identifier: Apache-2.0 */
/* Maximum and average over windows, and over whole images. Channels last: the inner loop runs over
 * channels, which compilers turn into vectors. */
#include "network_internal.h"
#include "windows_internal.h"

typedef struct pool {
    hn_windows windows;
    size_t batch, channels;
    bool is_average, counts_padding;
} pool;

typedef struct range {
    size_t begin, end; /* of taps that lie in the image */
} range;

static range taps_in(const hn_windows *w, uint32_t d, size_t at) {
    range taps = {0, 0};
    for (size_t t = 0; t < w->kernel[d]; t++) {
        size_t place = at * w->stride[d] + t * w->dilation[d]; /* in the padded image */
        if (place < w->pad_before[d]) {
            taps.begin = t + 1;
        }
        if (place < w->pad_before[d] + w->in[d]) {
            taps.end = t + 1;
        }
    }
    taps.end = taps.end < taps.begin ? taps.begin : taps.end;
    return taps;
}

/* How many taps count for the average: those in the image, or also those in the padding. */
static size_t weight_of(const pool *it, uint32_t d, size_t at, range taps) {
    if (!it->counts_padding) {
        return taps.end - taps.begin;
    }
    const hn_windows *w = &it->windows;
    size_t count = 0;
    for (size_t t = 0; t < w->kernel[d]; t++) {
        count +=
            at * w->stride[d] + t * w->dilation[d] < w->pad_before[d] + w->in[d] + w->pad_after[d];
    }
    return count;
}

static void fold_pixel(const pool *it, const float *in, float *out) {
    if (it->is_average) {
        for (size_t c = 0; c < it->channels; c++) {
            out[c] += in[c];
        }
        return;
    }
    for (size_t c = 0; c < it->channels; c++) {
        out[c] = out[c] > in[c] || out[c] != out[c] ? out[c] : in[c]; /* a NaN stays */
    }
}

static void run_window(const pool *it, const float *image, size_t y, size_t x, float *out) {
    const hn_windows *w = &it->windows;
    range rows = taps_in(w, 0, y), columns = taps_in(w, 1, x);
    for (size_t c = 0; c < it->channels; c++) {
        out[c] = it->is_average ? 0 : -INFINITY;
    }
    for (size_t r = rows.begin; r < rows.end; r++) {
        size_t in_y = y * w->stride[0] + r * w->dilation[0] - w->pad_before[0];
        for (size_t q = columns.begin; q < columns.end; q++) {
            size_t in_x = x * w->stride[1] + q * w->dilation[1] - w->pad_before[1];
            fold_pixel(it, image + (in_y * w->in[1] + in_x) * it->channels, out);
        }
    }
    if (it->is_average) {
        size_t count = weight_of(it, 0, y, rows) * weight_of(it, 1, x, columns);
        for (size_t c = 0; c < it->channels; c++) {
            out[c] /= (float)count;
        }
    }
}

static void run_pool(const hn_run *run, const hn_step *step) {
    const pool *it = step->params;
    const hn_windows *w = &it->windows;
    const float *image = hn_in(run, step, 0);
    float *out = hn_out(run, step);
    for (size_t n = 0; n < it->batch; n++, image += w->in[0] * w->in[1] * it->channels) {
        for (size_t y = 0; y < w->out[0]; y++) {
            for (size_t x = 0; x < w->out[1]; x++, out += it->channels) {
                run_window(it, image, y, x, out);
            }
        }
    }
}

static hone_status add_pool(hn_builder *b, const hn_onnx_node *node, hn_value_id in,
                            const pool *like) {
    hn_value_id out;
    hone_status status = hn_channels_last(b, in, &in);
    pool *it = HONE_ARENA_NEW(b->keep, pool);
    if (!it) {
        return hn_no_memory(b);
    }
    if (status != HONE_OK) {
        return status;
    }
    const hn_value of = *hn_at(b, in);
    *it = *like;
    it->batch = of.dims[0];
    it->channels = of.dims[1];
    status = hn_new_windows_value(b, &of, of.dims[1], &it->windows, &out);
    if (status != HONE_OK) {
        return status;
    }
    hn_step step = {.run = run_pool,
                    .name = it->is_average ? "AveragePool" : "MaxPool",
                    .inputs = {in},
                    .inputs_count = 1,
                    .output = out,
                    .params = it,
                    .is_costly = true};
    status = hn_add_step(b, &step);
    return status == HONE_OK ? hn_bind(b, node, 0, out) : status;
}

hone_status hn_define_pool(hn_builder *b, const hn_onnx_node *node) {
    pool it = {.is_average = hone_text_is(node->op, "AveragePool"),
               .counts_padding = hn_attribute_int(node, "count_include_pad", 0) != 0};
    if (node->outputs_count > 1) {
        return hn_unsupported(b, node, "a second output (indices)");
    }
    hn_value_id in = hn_input(b, node, 0);
    hone_status status = hn_read_windows(b, node, hn_at(b, in), NULL, &it.windows);
    return status == HONE_OK ? add_pool(b, node, in, &it) : status;
}

hone_status hn_define_global_pool(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in = hn_input(b, node, 0);
    const hn_value *of = hn_at(b, in);
    if (of->rank != 3 && of->rank != 4) {
        return hn_unsupported(b, node, "images of other than 1 or 2 dimensions");
    }
    pool it = {
        .is_average = hone_text_is(node->op, "GlobalAveragePool"),
        .windows = {
            .in = {1, 1}, .out = {1, 1}, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}}};
    for (uint32_t d = 4 - of->rank; d < 2; d++) {
        it.windows.in[d] = it.windows.kernel[d] = of->dims[d - (4 - of->rank) + 2];
    }
    return add_pool(b, node, in, &it);
}
