/* SPDX-License-Identifier: Apache-2.0 */
/* Gemm and MatMul. A constant right side is packed once, when nothing is fused any more. */
#include "network_internal.h"

typedef struct product {
    hn_clamp clamp; /* first: see hn_fuse_clamp */
    size_t m, n, k;
    ptrdiff_t a_row_stride, a_step, b_row_stride, b_step;
    const float *b_constant; /* until it is packed */
    float *packed, *bias;
    /* Stacks of matrices: how many, and how far apart they are in each dimension. */
    uint32_t stack_rank;
    size_t stack_dims[HN_RANK];
    ptrdiff_t a_stack[HN_RANK], b_stack[HN_RANK];
} product;

static hone_gemm_f32_job job_of(const product *it) {
    return (hone_gemm_f32_job){.m = it->m,
                               .n = it->n,
                               .segments_count = 1,
                               .segment_k = it->k,
                               .a_row_stride = it->a_row_stride,
                               .a_step = it->a_step,
                               .b_packed = it->packed,
                               .b_row_stride = it->b_row_stride,
                               .b_step = it->b_step,
                               .c_row_stride = (ptrdiff_t)it->n,
                               .bias = it->bias,
                               .low = it->clamp.low,
                               .high = it->clamp.high};
}

static void run_product(const hn_run *run, const hn_step *step) {
    const product *it = step->params;
    const float *a = hn_in(run, step, 0);
    hone_gemm_f32_job job = job_of(it);
    const float *matrix_b = it->packed ? NULL : hn_in(run, step, 1);
    job.c = hn_out(run, step);
    size_t index[HN_RANK] = {0}, stacks = 1;
    for (uint32_t d = 0; d < it->stack_rank; d++) {
        stacks *= it->stack_dims[d];
    }
    for (size_t s = 0; s < stacks; s++, job.c += it->m * it->n) {
        ptrdiff_t a_offset = 0, b_offset = 0;
        size_t rest = s;
        for (uint32_t d = it->stack_rank; d-- > 0;) {
            index[d] = rest % it->stack_dims[d];
            rest /= it->stack_dims[d];
            a_offset += (ptrdiff_t)index[d] * it->a_stack[d];
            b_offset += (ptrdiff_t)index[d] * it->b_stack[d];
        }
        const float *base = a + a_offset;
        job.a = &base;
        job.b = matrix_b ? matrix_b + b_offset : NULL;
        hone_gemm_f32_run(run->variant, &run->caches, &job, (float *)(void *)run->scratch);
    }
}

bool hn_is_product(const hn_step *step) {
    return step->run == run_product;
}

hone_status hn_finish_product(hn_builder *b, hn_step *step) {
    product *it = step->params;
    if (it->b_constant) {
        size_t count = hone_gemm_f32_packed_count(b->variant, it->k, it->n);
        it->packed = hone_arena_allocate(b->keep, count * sizeof(float), 64);
        if (!it->packed) {
            return hn_no_memory(b);
        }
        hone_gemm_f32_pack(b->variant, it->b_constant, it->b_row_stride, it->b_step, it->k, it->n,
                           it->packed);
        it->b_constant = NULL;
    }
    hone_gemm_f32_job job = job_of(it);
    step->scratch_bytes = hone_gemm_f32_scratch_count(b->variant, &b->caches, &job) * sizeof(float);
    return HONE_OK;
}

static hone_status add_product(hn_builder *b, const hn_onnx_node *node, product *it, hn_step *step,
                               hn_value_id right) {
    step->run = run_product;
    step->params = it;
    step->is_costly = true;
    it->clamp = (hn_clamp){-INFINITY, INFINITY};
    const hn_value *value = hn_at(b, right);
    if (value->constant && it->stack_rank == 0) {
        it->b_constant = value->constant;
        step->inputs_count = 1;
    }
    step->multiply_adds = (double)hn_at(b, step->output)->count * (double)it->k;
    hone_status status = hn_add_step(b, step);
    return status == HONE_OK ? hn_bind(b, node, 0, step->output) : status;
}

/* ---- Gemm ---- */

/* bias = beta c, where c has one row, or one element. */
static hone_status read_bias(hn_builder *b, const hn_onnx_node *node, hn_value_id id, product *it) {
    const hn_value *c = hn_at(b, id);
    float beta = hn_attribute_float(node, "beta", 1);
    if (id == HN_NONE || beta == 0) {
        return HONE_OK;
    }
    size_t columns = c->rank > 0 ? c->dims[c->rank - 1] : 1;
    if (!c->constant || c->count != columns) {
        return hn_unsupported(b, node, "a third input that is not one constant row");
    }
    if (columns != it->n && columns != 1) {
        return hn_wrong(b, node, "a third input that does not fit");
    }
    it->bias = HONE_ARENA_NEW_ARRAY(b->keep, float, it->n);
    if (!it->bias) {
        return hn_no_memory(b);
    }
    for (size_t j = 0; j < it->n; j++) {
        it->bias[j] = beta * ((const float *)c->constant)[columns == 1 ? 0 : j];
    }
    return HONE_OK;
}

/* A constant factor goes into the constant side. */
static hone_status scale_right(hn_builder *b, const hn_onnx_node *node, hn_value_id *right) {
    const float alpha = hn_attribute_float(node, "alpha", 1);
    const hn_value value = *hn_at(b, *right);
    if (alpha == 1) {
        return HONE_OK;
    }
    if (!value.constant) {
        return hn_unsupported(b, node, "a factor alpha without constant weights");
    }
    float *scaled = HONE_ARENA_NEW_ARRAY(b->work, float, value.count);
    hone_status status = hn_new_value(b, value.type, value.rank, value.dims, right);
    if (status != HONE_OK || !scaled) {
        return scaled ? status : hn_no_memory(b);
    }
    for (size_t i = 0; i < value.count; i++) {
        scaled[i] = alpha * ((const float *)value.constant)[i];
    }
    hn_at(b, *right)->constant = scaled;
    return HONE_OK;
}

hone_status hn_define_gemm(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id left, right, out;
    const bool flips_a = hn_attribute_int(node, "transA", 0) != 0;
    const bool flips_b = hn_attribute_int(node, "transB", 0) != 0;
    hone_status status = hn_plain(b, hn_input(b, node, 0), &left);
    if (status != HONE_OK || (status = hn_plain(b, hn_input(b, node, 1), &right)) != HONE_OK ||
        (status = scale_right(b, node, &right)) != HONE_OK) {
        return status;
    }
    const hn_value *a = hn_at(b, left), *w = hn_at(b, right);
    product *it = HONE_ARENA_NEW(b->keep, product);
    if (!it) {
        return hn_no_memory(b);
    }
    if (a->rank != 2 || w->rank != 2 || a->dims[!flips_a] != w->dims[flips_b]) {
        return hn_wrong(b, node, "matrices that do not fit each other");
    }
    it->m = a->dims[flips_a];
    it->n = w->dims[!flips_b];
    it->k = a->dims[!flips_a];
    it->a_row_stride = flips_a ? 1 : (ptrdiff_t)a->dims[1];
    it->a_step = flips_a ? (ptrdiff_t)a->dims[1] : 1;
    it->b_row_stride = flips_b ? 1 : (ptrdiff_t)w->dims[1];
    it->b_step = flips_b ? (ptrdiff_t)w->dims[1] : 1;
    status = read_bias(b, node, hn_input(b, node, 2), it);
    if (status != HONE_OK ||
        (status = hn_new_value(b, HONE_NN_F32, 2, (size_t[]){it->m, it->n}, &out)) != HONE_OK) {
        return status;
    }
    hn_step step = {.name = "Gemm", .inputs = {left, right}, .inputs_count = 2, .output = out};
    return add_product(b, node, it, &step, right);
}

/* ---- MatMul ---- */

/* Distances of stacked matrices, where dimensions of 1 are repeated. false: they do not fit. */
static bool stack(const hn_value *a, const hn_value *w, product *it, size_t dims[HN_RANK],
                  uint32_t *out_rank) {
    const uint32_t rank = a->rank > w->rank ? a->rank : w->rank;
    ptrdiff_t a_strides[HN_RANK] = {0}, w_strides[HN_RANK] = {0};
    hn_strides(a, a_strides);
    hn_strides(w, w_strides);
    it->stack_rank = rank - 2;
    for (uint32_t d = 0; d + 2 < rank; d++) {
        uint32_t from_a = d + a->rank - rank, from_w = d + w->rank - rank; /* may wrap */
        size_t in_a = d + a->rank >= rank ? a->dims[from_a] : 1;
        size_t in_w = d + w->rank >= rank ? w->dims[from_w] : 1;
        if (in_a != in_w && in_a != 1 && in_w != 1) {
            return false;
        }
        dims[d] = it->stack_dims[d] = in_a == 1 ? in_w : in_a;
        it->a_stack[d] = in_a == 1 ? 0 : a_strides[from_a];
        it->b_stack[d] = in_w == 1 ? 0 : w_strides[from_w];
    }
    *out_rank = rank;
    return true;
}

hone_status hn_define_matmul(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id left, right, out;
    hone_status status = hn_plain(b, hn_input(b, node, 0), &left);
    if (status != HONE_OK || (status = hn_plain(b, hn_input(b, node, 1), &right)) != HONE_OK) {
        return status;
    }
    const hn_value *a = hn_at(b, left), *w = hn_at(b, right);
    if (a->rank < 2 || w->rank < 2) {
        return hn_unsupported(b, node, "vectors (inputs of one dimension)");
    }
    product *it = HONE_ARENA_NEW(b->keep, product);
    if (!it) {
        return hn_no_memory(b);
    }
    size_t dims[HN_RANK];
    uint32_t rank;
    it->m = a->dims[a->rank - 2];
    it->k = a->dims[a->rank - 1];
    it->n = w->dims[w->rank - 1];
    if (w->dims[w->rank - 2] != it->k || !stack(a, w, it, dims, &rank)) {
        return hn_wrong(b, node, "matrices that do not fit each other");
    }
    dims[rank - 2] = it->m;
    dims[rank - 1] = it->n;
    it->a_row_stride = (ptrdiff_t)it->k;
    it->a_step = it->b_step = 1;
    it->b_row_stride = (ptrdiff_t)it->n;
    if (w->rank == 2) { /* all stacked rows with the same matrix: one product */
        it->m = it->k > 0 ? a->count / it->k : it->m;
        it->stack_rank = 0;
    }
    status = hn_new_value(b, HONE_NN_F32, rank, dims, &out);
    if (status != HONE_OK) {
        return status;
    }
    hn_step step = {.name = "MatMul", .inputs = {left, right}, .inputs_count = 2, .output = out};
    return add_product(b, node, it, &step, right);
}
