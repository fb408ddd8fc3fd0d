/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one element and of two, of which either may be repeated along dimensions of 1. */
#include "network_internal.h"

/* ---- one ---- */

typedef struct unary {
    float (*apply)(float x, float alpha, float beta);
    float alpha, beta;
} unary;

static float relu(float x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return x < 0 ? 0 : x;
}
static float leaky_relu(float x, float alpha, float beta) {
    (void)beta;
    return x < 0 ? alpha * x : x;
}
static float elu(float x, float alpha, float beta) {
    (void)beta;
    return x < 0 ? alpha * expm1f(x) : x;
}
static float selu(float x, float alpha, float beta) {
    return beta * (x > 0 ? x : alpha * expm1f(x));
}
static float sigmoid(float x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return 1 / (1 + expf(-x));
}
static float hard_sigmoid(float x, float alpha, float beta) {
    float y = alpha * x + beta;
    y = y < 0 ? 0 : y;
    return y > 1 ? 1 : y;
}
static float hard_swish(float x, float alpha, float beta) {
    return x * hard_sigmoid(x, alpha, beta);
}
static float clip(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}
static float softplus(float x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x));
}
static float softsign(float x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return x / (1 + fabsf(x));
}
static float negative(float x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return -x;
}
static float reciprocal(float x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return 1 / x;
}
static float thresholded_relu(float x, float alpha, float beta) {
    (void)beta;
    return x > alpha ? x : 0;
}
static float sign(float x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return (float)((x > 0) - (x < 0));
}

#define OF_LIBM(name)                                        \
    static float name##_(float x, float alpha, float beta) { \
        (void)alpha;                                         \
        (void)beta;                                          \
        return name##f(x);                                   \
    }
OF_LIBM(tanh)
OF_LIBM(exp)
OF_LIBM(log)
OF_LIBM(sqrt)
OF_LIBM(fabs)
OF_LIBM(floor)
OF_LIBM(ceil)
OF_LIBM(rint)
OF_LIBM(erf)
OF_LIBM(sin)
OF_LIBM(cos)
OF_LIBM(tan)
OF_LIBM(asin)
OF_LIBM(acos)
OF_LIBM(atan)
OF_LIBM(sinh)
OF_LIBM(cosh)
OF_LIBM(asinh)
OF_LIBM(acosh)
OF_LIBM(atanh)

static const struct unary_row {
    const char *op;
    float (*apply)(float x, float alpha, float beta);
    float alpha, beta; /* where the attributes are left out */
} unaries[] = {
    {"Relu", relu, 0, 0},
    {"LeakyRelu", leaky_relu, 0.01f, 0},
    {"Elu", elu, 1, 0},
    {"Selu", selu, 1.67326319217681884765625f, 1.05070102214813232421875f},
    {"Sigmoid", sigmoid, 0, 0},
    {"HardSigmoid", hard_sigmoid, 0.2f, 0.5f},
    {"HardSwish", hard_swish, 1.0f / 6, 0.5f},
    {"Softplus", softplus, 0, 0},
    {"Softsign", softsign, 0, 0},
    {"ThresholdedRelu", thresholded_relu, 1, 0},
    {"Sign", sign, 0, 0},
    {"Neg", negative, 0, 0},
    {"Reciprocal", reciprocal, 0, 0},
    {"Tanh", tanh_, 0, 0},
    {"Exp", exp_, 0, 0},
    {"Log", log_, 0, 0},
    {"Sqrt", sqrt_, 0, 0},
    {"Abs", fabs_, 0, 0},
    {"Floor", floor_, 0, 0},
    {"Ceil", ceil_, 0, 0},
    {"Round", rint_, 0, 0},
    {"Erf", erf_, 0, 0},
    {"Sin", sin_, 0, 0},
    {"Cos", cos_, 0, 0},
    {"Tan", tan_, 0, 0},
    {"Asin", asin_, 0, 0},
    {"Acos", acos_, 0, 0},
    {"Atan", atan_, 0, 0},
    {"Sinh", sinh_, 0, 0},
    {"Cosh", cosh_, 0, 0},
    {"Asinh", asinh_, 0, 0},
    {"Acosh", acosh_, 0, 0},
    {"Atanh", atanh_, 0, 0},
};

static void run_unary(const hn_run *run, const hn_step *step) {
    const unary *it = step->params;
    const float *in = hn_in(run, step, 0);
    float *out = hn_out(run, step);
    const size_t count = run->values[step->output].count;
    if (it->apply == clip || it->apply == relu) { /* in the open, for the compiler's vectors */
        const float low = it->alpha, high = it->apply == relu ? INFINITY : it->beta;
        for (size_t i = 0; i < count; i++) {
            out[i] = clip(in[i], low, high);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = it->apply(in[i], it->alpha, it->beta);
    }
}

static hone_status add_unary(hn_builder *b, const hn_onnx_node *node, const unary *like,
                             const char *name) {
    hn_value_id in = hn_input(b, node, 0), out;
    const hn_value of = *hn_at(b, in);
    if (of.type != HONE_NN_F32) {
        return hn_unsupported(b, node, "elements that are not f32");
    }
    hone_status status = hn_new_value(b, of.type, of.rank, of.dims, &out);
    unary *it = HONE_ARENA_NEW(b->keep, unary);
    if (status != HONE_OK || !it) {
        return it ? status : hn_no_memory(b);
    }
    *it = *like;
    hn_at(b, out)->is_channels_last = of.is_channels_last;
    hn_step step = {.run = run_unary,
                    .name = name,
                    .inputs = {in},
                    .inputs_count = 1,
                    .output = out,
                    .params = it,
                    .can_be_in_place = true};
    status = hn_add_step(b, &step);
    return status == HONE_OK ? hn_bind(b, node, 0, out) : status;
}

hone_status hn_define_unary(hn_builder *b, const hn_onnx_node *node) {
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++) {
        if (!hone_text_is(node->op, unaries[i].op)) {
            continue;
        }
        if (unaries[i].apply == relu && hn_fuse_clamp(b, node, 0, INFINITY)) {
            return hn_bind(b, node, 0, hn_input(b, node, 0));
        }
        bool is_selu = unaries[i].apply == selu, is_swish = unaries[i].apply == hard_swish;
        unary it = {unaries[i].apply, unaries[i].alpha, unaries[i].beta};
        if (!is_swish) {
            it.alpha = hn_attribute_float(node, "alpha", it.alpha);
            it.beta = hn_attribute_float(node, is_selu ? "gamma" : "beta", it.beta);
        }
        return add_unary(b, node, &it, unaries[i].op);
    }
    return hn_unsupported(b, node, "this function");
}

hone_status hn_define_clip(hn_builder *b, const hn_onnx_node *node) {
    unary it = {clip, hn_attribute_float(node, "min", -INFINITY),
                hn_attribute_float(node, "max", INFINITY)};
    hn_value_id low = hn_input(b, node, 1), high = hn_input(b, node, 2);
    if ((low != HN_NONE && !hn_constant_float(b, low, &it.alpha)) ||
        (high != HN_NONE && !hn_constant_float(b, high, &it.beta))) {
        return hn_unsupported(b, node, "limits that are not constant f32 scalars");
    }
    if (hn_fuse_clamp(b, node, it.alpha, it.beta)) {
        return hn_bind(b, node, 0, hn_input(b, node, 0));
    }
    return add_unary(b, node, &it, "Clip");
}

/* ---- two ---- */

typedef struct binary {
    float (*apply)(float x, float y);
    uint32_t rank; /* dimensions as they lie in the output, the innermost last */
    size_t dims[HN_RANK];
    ptrdiff_t strides[2][HN_RANK];
} binary;

static float add(float x, float y) {
    return x + y;
}
static float subtract(float x, float y) {
    return x - y;
}
static float multiply(float x, float y) {
    return x * y;
}
static float divide(float x, float y) {
    return x / y;
}
static float larger(float x, float y) {
    return x > y || x != x ? x : y;
}
static float smaller(float x, float y) {
    return x < y || x != x ? x : y;
}
static float prelu(float x, float slope) {
    return x < 0 ? x * slope : x;
}

static const struct binary_row {
    const char *op;
    float (*apply)(float x, float y);
} binaries[] = {
    {"Add", add},    {"Sub", subtract}, {"Mul", multiply}, {"Div", divide}, {"Pow", powf},
    {"Max", larger}, {"Min", smaller},  {"PRelu", prelu},  {"Sum", add},
};

/* A row of the innermost dimension. The usual functions in the open, for the compiler's vectors. */
static void run_row(const binary *it, const float *x, const float *y, float *out) {
    const size_t count = it->dims[it->rank - 1];
    const ptrdiff_t x_step = it->strides[0][it->rank - 1], y_step = it->strides[1][it->rank - 1];
    if (x_step == 1 && y_step == 1 && it->apply == add) {
        for (size_t i = 0; i < count; i++) {
            out[i] = x[i] + y[i];
        }
    } else if (x_step == 1 && y_step == 1 && it->apply == multiply) {
        for (size_t i = 0; i < count; i++) {
            out[i] = x[i] * y[i];
        }
    } else {
        for (size_t i = 0; i < count; i++, x += x_step, y += y_step) {
            out[i] = it->apply(*x, *y);
        }
    }
}

static void run_binary(const hn_run *run, const hn_step *step) {
    const binary *it = step->params;
    const float *x = hn_in(run, step, 0), *y = hn_in(run, step, 1);
    float *out = hn_out(run, step);
    size_t rows = 1;
    for (uint32_t d = 0; d + 1 < it->rank; d++) {
        rows *= it->dims[d];
    }
    for (size_t row = 0; row < rows; row++, out += it->dims[it->rank - 1]) {
        ptrdiff_t x_offset = 0, y_offset = 0;
        size_t rest = row;
        for (uint32_t d = it->rank - 1; d-- > 0;) {
            x_offset += (ptrdiff_t)(rest % it->dims[d]) * it->strides[0][d];
            y_offset += (ptrdiff_t)(rest % it->dims[d]) * it->strides[1][d];
            rest /= it->dims[d];
        }
        run_row(it, x + x_offset, y + y_offset, out);
    }
}

/* Neighbouring dimensions that lie side by side in both inputs become one. */
static void collapse(binary *it) {
    uint32_t kept = 0;
    for (uint32_t d = 1; d < it->rank; d++) {
        bool is_one = true;
        for (int side = 0; side < 2; side++) {
            is_one &= it->strides[side][kept] == it->strides[side][d] * (ptrdiff_t)it->dims[d];
        }
        if (is_one) {
            it->dims[kept] *= it->dims[d];
        } else {
            kept++;
            it->dims[kept] = it->dims[d];
        }
        it->strides[0][kept] = it->strides[0][d];
        it->strides[1][kept] = it->strides[1][d];
    }
    it->rank = kept + 1;
}

static bool broadcast(const hn_value *x, const hn_value *y, uint32_t rank, size_t *dims) {
    for (uint32_t d = 0; d < rank; d++) {
        size_t in_x = d + x->rank >= rank ? x->dims[d + x->rank - rank] : 1;
        size_t in_y = d + y->rank >= rank ? y->dims[d + y->rank - rank] : 1;
        if (in_x != in_y && in_x != 1 && in_y != 1) {
            return false;
        }
        dims[d] = in_x == 1 ? in_y : in_x;
    }
    return true;
}

static void set_strides(const hn_value *in, const hn_value *out, ptrdiff_t strides[HN_RANK]) {
    ptrdiff_t of_in[HN_RANK] = {0}, logical[HN_RANK] = {0};
    hn_strides(in, of_in);
    for (uint32_t d = 0; d < out->rank; d++) {
        if (d + in->rank >= out->rank) {
            uint32_t from = d + in->rank - out->rank;
            logical[d] = in->dims[from] == 1 ? 0 : of_in[from];
        }
    }
    /* as the dimensions lie in the output */
    for (uint32_t d = 0, at = 0; d < out->rank; d++) {
        if (!(out->is_channels_last && d == 1)) {
            strides[at++] = logical[d];
        }
    }
    if (out->is_channels_last) {
        strides[out->rank - 1] = logical[1];
    }
}

static hone_status add_binary(hn_builder *b, const hn_onnx_node *node, const struct binary_row *row,
                              hn_value_id inputs[2], hn_value_id *out_id) {
    const hn_value x = *hn_at(b, inputs[0]), y = *hn_at(b, inputs[1]);
    const uint32_t rank = x.rank > y.rank ? x.rank : y.rank;
    size_t dims[HN_RANK];
    if (x.type != HONE_NN_F32 || y.type != HONE_NN_F32) {
        return hn_unsupported(b, node, "elements that are not f32");
    }
    if (!broadcast(&x, &y, rank, dims)) {
        return hn_wrong(b, node, "shapes that do not fit each other");
    }
    hone_status status = hn_new_value(b, HONE_NN_F32, rank, dims, out_id);
    binary *it = HONE_ARENA_NEW(b->keep, binary);
    if (status != HONE_OK || !it) {
        return it ? status : hn_no_memory(b);
    }
    hn_value *out = hn_at(b, *out_id);
    out->is_channels_last =
        (x.is_channels_last && x.rank == rank) || (y.is_channels_last && y.rank == rank);
    it->apply = row->apply;
    it->rank = rank > 0 ? rank : 1;
    it->dims[0] = 1;
    for (uint32_t d = 0, at = 0; d < rank; d++) {
        if (!(out->is_channels_last && d == 1)) {
            it->dims[at++] = dims[d];
        }
    }
    if (out->is_channels_last) {
        it->dims[rank - 1] = dims[1];
    }
    set_strides(&x, out, it->strides[0]);
    set_strides(&y, out, it->strides[1]);
    collapse(it);
    hn_step step = {.run = run_binary,
                    .name = row->op,
                    .inputs = {inputs[0], inputs[1]},
                    .inputs_count = 2,
                    .output = *out_id,
                    .params = it};
    step.can_be_in_place = x.count == out->count && x.is_channels_last == out->is_channels_last;
    return hn_add_step(b, &step);
}

/* Max, Min and Sum take any number of inputs: they are folded from the left. */
hone_status hn_define_binary(hn_builder *b, const hn_onnx_node *node) {
    const struct binary_row *row = binaries;
    while (!hone_text_is(node->op, row->op)) {
        row++;
    }
    hn_value_id result = hn_input(b, node, 0);
    for (size_t i = 1; i < node->inputs_count; i++) {
        hn_value_id inputs[2] = {result, hn_input(b, node, i)};
        if (inputs[0] == HN_NONE || inputs[1] == HN_NONE) {
            return hn_wrong(b, node, "an input that is left out");
        }
        hone_status status = add_binary(b, node, row, inputs, &result);
        if (status != HONE_OK) {
            return status;
        }
    }
    return hn_bind(b, node, 0, result);
}
