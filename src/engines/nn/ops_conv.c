/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution and batch normalisation, which goes into the weights of the convolution before it. */
#include "network_internal.h"
#include "hone/kernels/gemm/conv.h"
#include "windows_internal.h"

typedef struct conv {
    hn_clamp clamp; /* first: see hn_fuse_clamp */
    hone_conv_f32_job job;
    const float *weights; /* as in ONNX, until they are packed */
    float *bias;
    float *packed;
} conv;

static void run_conv(const hn_run *run, const hn_step *step) {
    const conv *it = step->params;
    hone_conv_f32_job job = it->job;
    job.in = hn_in(run, step, 0);
    job.weights = it->packed;
    job.bias = it->bias;
    job.out = hn_out(run, step);
    job.low = it->clamp.low;
    job.high = it->clamp.high;
    hone_conv_f32_run(run->variant, &run->caches, &job, 0, job.batch * job.out_height,
                      run->scratch);
}

bool hn_is_conv(const hn_step *step) {
    return step->run == run_conv;
}

hone_status hn_finish_conv(hn_builder *b, hn_step *step) {
    conv *it = step->params;
    size_t count = hone_conv_f32_packed_count(b->variant, &it->job);
    it->packed = hone_arena_allocate(b->keep, count * sizeof(float), 64);
    if (!it->packed) {
        return hn_no_memory(b);
    }
    hone_conv_f32_pack(b->variant, &it->job, it->weights, it->packed);
    it->weights = NULL;
    step->scratch_bytes = hone_conv_f32_scratch_bytes(b->variant, &b->caches, &it->job);
    return HONE_OK;
}

/* Bias of the input, or zeros; a copy, which may be changed. */
static float *copy_bias(hn_builder *b, hn_value_id id, size_t count) {
    float *bias = HONE_ARENA_NEW_ARRAY(b->keep, float, count);
    if (bias && id != HN_NONE) {
        memcpy(bias, hn_at(b, id)->constant, count * sizeof *bias);
    }
    return bias;
}

static bool fits(const hn_value *in, const hn_value *weights, int64_t groups) {
    return groups >= 1 && weights->rank == in->rank &&
           in->dims[1] == weights->dims[1] * (size_t)groups &&
           weights->dims[0] % (size_t)groups == 0 && weights->count > 0 && in->count > 0;
}

static void fill_job(const hn_windows *windows, const hn_value *in, const hn_value *weights,
                     size_t groups, hone_conv_f32_job *out) {
    *out = (hone_conv_f32_job){
        .batch = in->dims[0],
        .height = windows->in[0],
        .width = windows->in[1],
        .channels = in->dims[1],
        .out_height = windows->out[0],
        .out_width = windows->out[1],
        .out_channels = weights->dims[0],
        .kernel_height = windows->kernel[0],
        .kernel_width = windows->kernel[1],
        .stride_y = windows->stride[0],
        .stride_x = windows->stride[1],
        .dilation_y = windows->dilation[0],
        .dilation_x = windows->dilation[1],
        .pad_top = windows->pad_before[0],
        .pad_left = windows->pad_before[1],
        .groups = groups,
    };
}

hone_status hn_define_conv(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in = hn_input(b, node, 0), weights_id = hn_input(b, node, 1);
    hn_value_id bias_id = hn_input(b, node, 2), out;
    const hn_value *weights = hn_at(b, weights_id);
    int64_t groups = hn_attribute_int(node, "group", 1);
    if (!weights->constant || (bias_id != HN_NONE && !hn_at(b, bias_id)->constant)) {
        return hn_unsupported(b, node, "weights that are not constant");
    }
    if (!fits(hn_at(b, in), weights, groups) ||
        (bias_id != HN_NONE && hn_at(b, bias_id)->count != weights->dims[0])) {
        return hn_wrong(b, node, "input, weights and bias do not fit each other");
    }
    hn_windows windows;
    hone_status status = hn_read_windows(b, node, hn_at(b, in), weights->dims + 2, &windows);
    if (status != HONE_OK || (status = hn_channels_last(b, in, &in)) != HONE_OK) {
        return status;
    }
    conv *it = HONE_ARENA_NEW(b->keep, conv);
    if (!it || !(it->bias = copy_bias(b, bias_id, hn_at(b, weights_id)->dims[0]))) {
        return hn_no_memory(b);
    }
    weights = hn_at(b, weights_id);
    it->clamp = (hn_clamp){-INFINITY, INFINITY};
    it->weights = weights->constant;
    fill_job(&windows, hn_at(b, in), weights, (size_t)groups, &it->job);
    status = hn_new_windows_value(b, hn_at(b, in), weights->dims[0], &windows, &out);
    if (status != HONE_OK) {
        return status;
    }
    hn_step step = {.run = run_conv,
                    .name = "Conv",
                    .inputs = {in},
                    .inputs_count = 1,
                    .output = out,
                    .params = it,
                    .is_costly = true};
    step.multiply_adds =
        (double)hn_at(b, out)->count * (double)weights->count / (double)weights->dims[0];
    status = hn_add_step(b, &step);
    return status == HONE_OK ? hn_bind(b, node, 0, out) : status;
}

/* ---- batch normalisation ---- */

typedef struct norm {
    float *scale, *shift; /* per channel */
    size_t channels;
} norm;

static void run_norm(const hn_run *run, const hn_step *step) {
    const norm *it = step->params;
    const float *in = hn_in(run, step, 0);
    float *out = hn_out(run, step);
    size_t pixels = run->values[step->output].count / it->channels;
    for (size_t p = 0; p < pixels; p++, in += it->channels, out += it->channels) {
        for (size_t c = 0; c < it->channels; c++) {
            out[c] = in[c] * it->scale[c] + it->shift[c];
        }
    }
}

static bool fold_into_conv(hn_builder *b, const hn_step *step, const norm *of) {
    conv *it = step->params;
    if (it->clamp.low != -INFINITY || it->clamp.high != INFINITY) {
        return false;
    }
    const size_t per_channel =
        it->job.kernel_height * it->job.kernel_width * (it->job.channels / it->job.groups);
    float *scaled = HONE_ARENA_NEW_ARRAY(b->work, float, per_channel * of->channels);
    if (!scaled) {
        return false;
    }
    for (size_t c = 0; c < of->channels; c++) {
        for (size_t i = 0; i < per_channel; i++) {
            scaled[c * per_channel + i] = it->weights[c * per_channel + i] * of->scale[c];
        }
        it->bias[c] = it->bias[c] * of->scale[c] + of->shift[c];
    }
    it->weights = scaled;
    return true;
}

static hone_status read_norm(hn_builder *b, const hn_onnx_node *node, size_t channels, norm *out) {
    const float *inputs[5] = {0}; /* scale, bias, mean, variance */
    for (size_t i = 1; i < 5; i++) {
        const hn_value *value = hn_at(b, hn_input(b, node, i));
        if (!value->constant || value->type != HONE_NN_F32) {
            return hn_unsupported(b, node, "parameters that are not constant");
        }
        if (value->count != channels) {
            return hn_wrong(b, node, "parameters that do not fit the channels");
        }
        inputs[i] = value->constant;
    }
    *out = (norm){HONE_ARENA_NEW_ARRAY(b->keep, float, channels),
                  HONE_ARENA_NEW_ARRAY(b->keep, float, channels), channels};
    if (!out->scale || !out->shift) {
        return hn_no_memory(b);
    }
    const double epsilon = (double)hn_attribute_float(node, "epsilon", 1e-5f);
    for (size_t c = 0; c < channels; c++) {
        double scale = (double)inputs[1][c] / sqrt((double)inputs[4][c] + epsilon);
        out->scale[c] = (float)scale;
        out->shift[c] = (float)((double)inputs[2][c] - (double)inputs[3][c] * scale);
    }
    return HONE_OK;
}

hone_status hn_define_batch_norm(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in = hn_input(b, node, 0), out;
    norm read;
    if (hn_attribute_int(node, "training_mode", 0) != 0) {
        return hn_unsupported(b, node, "training_mode");
    }
    if (hn_at(b, in)->rank < 2 || hn_at(b, in)->dims[1] == 0) {
        return hn_wrong(b, node, "an input without channels");
    }
    hone_status status = read_norm(b, node, hn_at(b, in)->dims[1], &read);
    if (status != HONE_OK) {
        return status;
    }
    hn_step *before = hn_last_step_of(b, in);
    if (before && hn_is_conv(before) && hn_input_uses(b, node, 0) == 1 &&
        fold_into_conv(b, before, &read)) {
        return hn_bind(b, node, 0, in);
    }
    if (hn_at(b, in)->rank > 2 && (status = hn_channels_last(b, in, &in)) != HONE_OK) {
        return status;
    }
    norm *it = HONE_ARENA_NEW(b->keep, norm);
    if (!it) {
        return hn_no_memory(b);
    }
    *it = read;
    const hn_value like = *hn_at(b, in);
    status = hn_new_value(b, like.type, like.rank, like.dims, &out);
    if (status != HONE_OK) {
        return status;
    }
    hn_at(b, out)->is_channels_last = like.is_channels_last;
    hn_step step = {.run = run_norm,
                    .name = "BatchNormalization",
                    .inputs = {in},
                    .inputs_count = 1,
                    .output = out,
                    .params = it,
                    .can_be_in_place = true};
    status = hn_add_step(b, &step);
    return status == HONE_OK ? hn_bind(b, node, 0, out) : status;
}
