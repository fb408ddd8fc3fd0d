/* SPDX-License-Identifier: Apache-2.0 */
/* Along a dimension: softmax and its logarithm; over dimensions: sum, mean, extremes and norms. */
#include "network_internal.h"

typedef struct softmax {
    size_t outer, axis, inner;
    bool is_log;
} softmax;

/* Less the maximum, so that nothing overflows. Sums in double: their error is none of the result's.
 */
static void softmax_column(const softmax *it, const float *in, float *out) {
    float highest = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < it->axis; i++) {
        float x = in[i * it->inner];
        highest = x > highest || x != x ? x : highest;
    }
    for (size_t i = 0; i < it->axis; i++) {
        float x = in[i * it->inner] - highest, power = expf(x);
        out[i * it->inner] = it->is_log ? x : power;
        sum += (double)power;
    }
    const float factor = (float)(1 / sum), logarithm = (float)log(sum);
    for (size_t i = 0; i < it->axis; i++) {
        float *x = &out[i * it->inner];
        *x = it->is_log ? *x - logarithm : *x * factor;
    }
}

static void run_softmax(const hn_run *run, const hn_step *step) {
    const softmax *it = step->params;
    const float *in = hn_in(run, step, 0);
    float *out = hn_out(run, step);
    for (size_t o = 0; o < it->outer; o++) {
        for (size_t i = 0; i < it->inner; i++) {
            size_t first = o * it->axis * it->inner + i;
            softmax_column(it, in + first, out + first);
        }
    }
}

hone_status hn_define_softmax(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in, out;
    hone_status status = hn_plain(b, hn_input(b, node, 0), &in);
    if (status != HONE_OK) {
        return status;
    }
    const hn_value of = *hn_at(b, in);
    /* Before version 13 everything from the axis on is one dimension. */
    const bool is_flat = b->graph->opset < 13;
    uint32_t axis;
    if (!hn_axis(hn_attribute_int(node, "axis", is_flat ? 1 : -1), of.rank, &axis)) {
        return hn_wrong(b, node, "an axis out of range");
    }
    softmax *it = HONE_ARENA_NEW(b->keep, softmax);
    if (!it) {
        return hn_no_memory(b);
    }
    *it = (softmax){1, 1, 1, hone_text_is(node->op, "LogSoftmax")};
    for (uint32_t d = 0; d < of.rank; d++) {
        size_t *part = d < axis ? &it->outer : d == axis || is_flat ? &it->axis : &it->inner;
        *part *= of.dims[d];
    }
    status = hn_new_value(b, HONE_NN_F32, of.rank, of.dims, &out);
    if (status != HONE_OK) {
        return status;
    }
    hn_step step = {.run = run_softmax,
                    .name = it->is_log ? "LogSoftmax" : "Softmax",
                    .inputs = {in},
                    .inputs_count = 1,
                    .output = out,
                    .params = it};
    status = hn_add_step(b, &step);
    return status == HONE_OK ? hn_bind(b, node, 0, out) : status;
}

/* ---- over dimensions ---- */

typedef enum reduction {
    REDUCE_SUM,
    REDUCE_MEAN,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_PRODUCT,
    REDUCE_L1,
    REDUCE_L2,
    REDUCE_SQUARES,
    REDUCE_LOG_SUM,
    REDUCE_LOG_SUM_EXP
} reduction;

static const char *const reductions[] = {
    "ReduceSum", "ReduceMean", "ReduceMax",       "ReduceMin",    "ReduceProd",
    "ReduceL1",  "ReduceL2",   "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"};

typedef struct reduce {
    reduction kind;
    uint32_t kept_rank, gone_rank;
    size_t kept[HN_RANK], gone[HN_RANK];
    ptrdiff_t kept_strides[HN_RANK], gone_strides[HN_RANK];
    size_t kept_count, gone_count;
} reduce;

static ptrdiff_t offset_of(size_t index, uint32_t rank, const size_t *dims,
                           const ptrdiff_t *strides) {
    ptrdiff_t offset = 0;
    for (uint32_t d = rank; d-- > 0;) {
        offset += (ptrdiff_t)(index % dims[d]) * strides[d];
        index /= dims[d];
    }
    return offset;
}

static double fold(reduction kind, double so_far, double x) {
    switch (kind) {
    case REDUCE_MAX: return x > so_far || x != x ? x : so_far;
    case REDUCE_MIN: return x < so_far || x != x ? x : so_far;
    case REDUCE_PRODUCT: return so_far * x;
    case REDUCE_L1: return so_far + fabs(x);
    case REDUCE_L2:
    case REDUCE_SQUARES: return so_far + x * x;
    case REDUCE_LOG_SUM_EXP: return so_far + exp(x);
    default: return so_far + x;
    }
}

static double identity_of(reduction kind) {
    switch (kind) {
    case REDUCE_MAX: return -INFINITY;
    case REDUCE_MIN: return INFINITY;
    case REDUCE_PRODUCT: return 1;
    default: return 0;
    }
}

static double finish(const reduce *it, double sum) {
    switch (it->kind) {
    case REDUCE_MEAN: return sum / (double)it->gone_count;
    case REDUCE_L2: return sqrt(sum);
    case REDUCE_LOG_SUM:
    case REDUCE_LOG_SUM_EXP: return log(sum);
    default: return sum;
    }
}

static void run_reduce(const hn_run *run, const hn_step *step) {
    const reduce *it = step->params;
    const float *in = hn_in(run, step, 0);
    float *out = hn_out(run, step);
    for (size_t k = 0; k < it->kept_count; k++) {
        const float *from = in + offset_of(k, it->kept_rank, it->kept, it->kept_strides);
        double sum = identity_of(it->kind);
        for (size_t g = 0; g < it->gone_count; g++) {
            ptrdiff_t at = offset_of(g, it->gone_rank, it->gone, it->gone_strides);
            sum = fold(it->kind, sum, (double)from[at]);
        }
        out[k] = (float)finish(it, sum);
    }
}

/* Bits of the dimensions that go: by attribute, or by input where it has become one. */
static hone_status read_axes(hn_builder *b, const hn_onnx_node *node, const hn_value *in,
                             uint32_t *out_gone) {
    const hn_onnx_attribute *attribute = hn_attribute(node, "axes");
    const int64_t *axes = attribute ? attribute->ints : NULL;
    size_t count = attribute ? attribute->ints_count : 0;
    if (hn_input(b, node, 1) != HN_NONE &&
        !hn_constant_ints(b, hn_input(b, node, 1), &axes, &count)) {
        return hn_unsupported(b, node, "axes that are not constant");
    }
    *out_gone = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t axis;
        if (!hn_axis(axes[i], in->rank, &axis)) {
            return hn_wrong(b, node, "an axis out of range");
        }
        *out_gone |= 1u << axis;
    }
    if (count == 0 && hn_attribute_int(node, "noop_with_empty_axes", 0) == 0) {
        *out_gone = (1u << in->rank) - 1;
    }
    return HONE_OK;
}

hone_status hn_define_reduce(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in = hn_input(b, node, 0), out;
    const hn_value of = *hn_at(b, in);
    uint32_t gone = 0, rank = 0;
    if (of.type != HONE_NN_F32) {
        return hn_unsupported(b, node, "elements that are not f32");
    }
    hone_status status = read_axes(b, node, &of, &gone);
    reduce *it = HONE_ARENA_NEW(b->keep, reduce);
    if (status != HONE_OK || !it) {
        return it ? status : hn_no_memory(b);
    }
    while (!hone_text_is(node->op, reductions[it->kind])) {
        it->kind++;
    }
    ptrdiff_t strides[HN_RANK] = {0};
    size_t dims[HN_RANK];
    hn_strides(&of, strides);
    it->kept_count = it->gone_count = 1;
    for (uint32_t d = 0; d < of.rank; d++) {
        if (gone >> d & 1) {
            it->gone[it->gone_rank] = of.dims[d];
            it->gone_strides[it->gone_rank++] = strides[d];
            it->gone_count *= of.dims[d];
            if (hn_attribute_int(node, "keepdims", 1) != 0) {
                dims[rank++] = 1;
            }
        } else {
            it->kept[it->kept_rank] = of.dims[d];
            it->kept_strides[it->kept_rank++] = strides[d];
            it->kept_count *= of.dims[d];
            dims[rank++] = of.dims[d];
        }
    }
    status = hn_new_value(b, HONE_NN_F32, rank, dims, &out);
    if (status != HONE_OK) {
        return status;
    }
    hn_step step = {.run = run_reduce,
                    .name = reductions[it->kind],
                    .inputs = {in},
                    .inputs_count = 1,
                    .output = out,
                    .params = it};
    status = hn_add_step(b, &step);
    return status == HONE_OK ? hn_bind(b, node, 0, out) : status;
}
