/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of output is one product: row i of A is the input below pixel i, which begins stride_x *
 * channels floats after that below pixel i - 1. The columns of a kernel's row lie side by side in
 * the input, so A is kernel_height segments; with dilation or groups, one segment per tap.
 *
 * Where the kernel reaches over the left or right edge, input lines are copied between zeros. The
 * copies form a ring of as many lines as the kernel is high: each line of input is copied once.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "gemm_internal.h"
#include "hone/kernels/gemm/conv.h"

/* How the lines of a job are read, and where its parts of the scratch memory are. */
typedef struct layout {
    bool is_product; /* the whole is one product: 1 x 1, stride 1 */
    bool copies;     /* lines are copied between zeros */
    bool by_taps;    /* a segment per tap, not per row of the kernel */
    size_t segments, segment_k;
    size_t line_floats; /* of a copied line */
    size_t ring_lines;
    size_t bases_bytes, zeros_bytes, ring_bytes, product_bytes; /* in this order */
} layout;

static size_t round_up(size_t value, size_t unit) {
    return (value + unit - 1) / unit * unit;
}

static bool needs_columns_beyond(const hone_conv_f32_job *job) {
    size_t last = (job->out_width - 1) * job->stride_x + (job->kernel_width - 1) * job->dilation_x;
    return job->pad_left > 0 || last >= job->width;
}

static hone_gemm_f32_job line_product(const hone_conv_f32_job *job, const layout *of) {
    size_t in_step = job->stride_x * job->channels;
    return (hone_gemm_f32_job){
        .m = of->is_product ? job->batch * job->height * job->width : job->out_width,
        .n = job->out_channels / job->groups,
        .segments_count = of->segments,
        .segment_k = of->segment_k,
        .a_row_stride = (ptrdiff_t)in_step,
        .a_step = 1,
        .b_packed = job->weights,
        .c_row_stride = (ptrdiff_t)job->out_channels,
        .low = job->low,
        .high = job->high,
    };
}

static layout make_layout(const hone_gemm_f32_variant *variant, const hone_gemm_caches *caches,
                          const hone_conv_f32_job *job) {
    assert(job->groups > 0 && job->stride_x > 0 && job->stride_y > 0);
    const bool is_depthwise = hone_conv_f32_is_depthwise(job);
    layout made = {.copies = needs_columns_beyond(job)};
    made.is_product = job->kernel_height == 1 && job->kernel_width == 1 && job->stride_x == 1 &&
                      job->stride_y == 1 && job->groups == 1 && job->pad_top == 0 && !made.copies &&
                      job->out_height == job->height && job->out_width == job->width;
    made.by_taps = is_depthwise || job->groups > 1 || job->dilation_x > 1;
    made.segments = job->kernel_height * (made.by_taps ? job->kernel_width : 1);
    made.segment_k = job->channels / job->groups * (made.by_taps ? 1 : job->kernel_width);
    size_t reach = (job->out_width - 1) * job->stride_x + (job->kernel_width - 1) * job->dilation_x;
    size_t columns = reach + 1;
    if (columns < job->pad_left + job->width) {
        columns = job->pad_left + job->width;
    }
    made.line_floats = round_up(columns * job->channels, 16);
    made.ring_lines = (job->kernel_height - 1) * job->dilation_y + 1;
    made.bases_bytes = round_up(made.segments * sizeof(float *), 64);
    made.zeros_bytes = made.is_product ? 0 : made.line_floats * sizeof(float);
    made.ring_bytes = made.copies ? made.ring_lines * made.line_floats * sizeof(float) : 0;
    if (!is_depthwise) {
        hone_gemm_f32_job product = line_product(job, &made);
        made.product_bytes = hone_gemm_f32_scratch_count(variant, caches, &product) * sizeof(float);
    }
    return made;
}

size_t hone_conv_f32_scratch_bytes(const hone_gemm_f32_variant *variant,
                                   const hone_gemm_caches *caches, const hone_conv_f32_job *job) {
    layout of = make_layout(variant, caches, job);
    return of.bases_bytes + of.zeros_bytes + of.ring_bytes + of.product_bytes;
}

/* ---- weights ---- */

static size_t group_k(const hone_conv_f32_job *job) {
    return job->kernel_height * job->kernel_width * (job->channels / job->groups);
}

static size_t group_packed_count(const hone_gemm_f32_variant *variant,
                                 const hone_conv_f32_job *job) {
    return hone_gemm_f32_packed_count(variant, group_k(job), job->out_channels / job->groups);
}

size_t hone_conv_f32_packed_count(const hone_gemm_f32_variant *variant,
                                  const hone_conv_f32_job *job) {
    if (hone_conv_f32_is_depthwise(job)) {
        return job->kernel_height * job->kernel_width * job->channels;
    }
    return job->groups * group_packed_count(variant, job);
}

/* The panels of one group, tap by tap: within a tap, k steps through the channels. */
static void pack_group(const hone_gemm_f32_variant *variant, const hone_conv_f32_job *job,
                       const float *weights, float *out_packed) {
    const size_t taps = job->kernel_height * job->kernel_width, k = group_k(job);
    const size_t channels = job->channels / job->groups, n = job->out_channels / job->groups;
    for (size_t j = 0; j < n; j += variant->panel_width) {
        size_t columns = n - j < variant->panel_width ? n - j : variant->panel_width;
        size_t width = round_up(columns, variant->lanes);
        for (size_t t = 0; t < taps; t++) {
            hone_gemm_f32_pack(variant, weights + j * k + t, (ptrdiff_t)taps, (ptrdiff_t)k,
                               channels, columns, out_packed);
            out_packed += channels * width;
        }
    }
}

void hone_conv_f32_pack(const hone_gemm_f32_variant *variant, const hone_conv_f32_job *job,
                        const float *weights, float *out_packed) {
    if (hone_conv_f32_is_depthwise(job)) {
        const size_t taps = job->kernel_height * job->kernel_width;
        for (size_t t = 0; t < taps; t++) {
            for (size_t c = 0; c < job->channels; c++) {
                out_packed[t * job->channels + c] = weights[c * taps + t];
            }
        }
        return;
    }
    const size_t n = job->out_channels / job->groups;
    for (size_t g = 0; g < job->groups; g++) {
        pack_group(variant, job, weights + g * n * group_k(job),
                   out_packed + g * group_packed_count(variant, job));
    }
}

/* ---- lines ---- */

typedef struct walk {
    const hone_gemm_f32_variant *variant;
    const hone_gemm_caches *caches;
    const hone_conv_f32_job *job;
    layout of;
    const float **bases;
    float *zeros, *ring, *product_scratch;
    const float *image;  /* of the batch's member */
    ptrdiff_t next_line; /* of input: those before it are in the ring */
} walk;

/* Input line y with its zeros, from column -pad_left on; y lies in the image. */
static const float *copied_line(walk *it, ptrdiff_t y) {
    const hone_conv_f32_job *job = it->job;
    const size_t line = job->width * job->channels, left = job->pad_left * job->channels;
    for (; it->next_line <= y; it->next_line++) {
        if (it->next_line + (ptrdiff_t)it->of.ring_lines <= y) {
            continue; /* no line of the kernel looks at it */
        }
        float *to = it->ring + (size_t)it->next_line % it->of.ring_lines * it->of.line_floats;
        memcpy(to + left, it->image + (size_t)it->next_line * line, line * sizeof *to);
    }
    return it->ring + (size_t)y % it->of.ring_lines * it->of.line_floats;
}

static void set_bases(walk *it, size_t out_y) {
    const hone_conv_f32_job *job = it->job;
    size_t s = 0;
    for (size_t r = 0; r < job->kernel_height; r++) {
        ptrdiff_t y =
            (ptrdiff_t)(out_y * job->stride_y + r * job->dilation_y) - (ptrdiff_t)job->pad_top;
        const float *line = it->zeros;
        if (y >= 0 && y < (ptrdiff_t)job->height) {
            line = it->of.copies ? copied_line(it, y)
                                 : it->image + (size_t)y * job->width * job->channels;
        }
        if (!it->of.by_taps) {
            it->bases[s++] = line;
            continue;
        }
        for (size_t q = 0; q < job->kernel_width; q++) {
            it->bases[s++] = line + q * job->dilation_x * job->channels;
        }
    }
}

static void run_depthwise_line(const walk *it, float *out) {
    const hone_conv_f32_job *job = it->job;
    const hn_depthwise_f32_line line = {
        .pixels = job->out_width,
        .channels = job->channels,
        .in = it->bases,
        .taps = it->of.segments,
        .in_stride = (ptrdiff_t)(job->stride_x * job->channels),
        .weights = job->weights,
        .bias = job->bias,
        .out = out,
        .low = job->low,
        .high = job->high,
    };
    it->variant->run_depthwise(&line);
}

static void run_product_line(const walk *it, float *out) {
    const hone_conv_f32_job *job = it->job;
    const size_t n = job->out_channels / job->groups, channels = job->channels / job->groups;
    hone_gemm_f32_job product = line_product(job, &it->of);
    for (size_t g = 0; g < job->groups; g++) {
        product.a = it->bases;
        product.c = out + g * n;
        product.bias = job->bias ? job->bias + g * n : NULL;
        product.b_packed = job->weights + g * group_packed_count(it->variant, job);
        hone_gemm_f32_run(it->variant, it->caches, &product, it->product_scratch);
        for (size_t s = 0; s < it->of.segments; s++) {
            it->bases[s] += channels; /* of the next group */
        }
    }
}

/* All lines of some are one product: 1 x 1. */
static void run_whole(const walk *it, size_t first_line, size_t last_line) {
    const hone_conv_f32_job *job = it->job;
    const float *in = job->in + first_line * job->width * job->channels;
    hone_gemm_f32_job product = line_product(job, &it->of);
    product.m = (last_line - first_line) * job->width;
    product.a = &in;
    product.c = job->out + first_line * job->width * job->out_channels;
    product.bias = job->bias;
    hone_gemm_f32_run(it->variant, it->caches, &product, it->product_scratch);
}

void hone_conv_f32_run(const hone_gemm_f32_variant *variant, const hone_gemm_caches *caches,
                       const hone_conv_f32_job *job, size_t first_line, size_t last_line,
                       void *scratch) {
    assert((uintptr_t)scratch % sizeof(void *) == 0);
    uint8_t *memory = scratch;
    walk it = {.variant = variant, .caches = caches, .job = job};
    it.of = make_layout(variant, caches, job);
    if (first_line >= last_line) {
        return;
    }
    it.bases = (const float **)(void *)memory;
    it.zeros = (float *)(void *)(memory + it.of.bases_bytes);
    it.ring = (float *)(void *)(memory + it.of.bases_bytes + it.of.zeros_bytes);
    it.product_scratch = it.ring + it.of.ring_bytes / sizeof(float);
    if (it.of.is_product) {
        run_whole(&it, first_line, last_line);
        return;
    }
    memset(it.zeros, 0, it.of.zeros_bytes + it.of.ring_bytes);
    const size_t image_floats = job->height * job->width * job->channels;
    size_t member = (size_t)-1;
    for (size_t line = first_line; line < last_line; line++) {
        if (line / job->out_height != member) {
            member = line / job->out_height;
            it.image = job->in + member * image_floats;
            it.next_line = 0;
        }
        set_bases(&it, line % job->out_height);
        float *out = job->out + line * job->out_width * job->out_channels;
        if (hone_conv_f32_is_depthwise(job)) {
            run_depthwise_line(&it, out);
        } else {
            run_product_line(&it, out);
        }
    }
}
