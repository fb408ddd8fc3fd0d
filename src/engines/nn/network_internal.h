/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network while it is built and as it is run: values in single assignment, and steps that make
 * one value each.
 *
 * Dimensions are always those of ONNX. How elements lie is the value's `is_channels_last`: with it,
 * dimension 1 lies innermost. Steps that only move elements take strides and work on either; those
 * that need one ask for it by hn_plain() or hn_channels_last(), which add a step where there is
 * none yet.
 */
#ifndef HONE_NN_NETWORK_INTERNAL_H
#define HONE_NN_NETWORK_INTERNAL_H

#include "hone/base/arena.h"
#include "hone/kernels/gemm.h"
#include "hone/nn/model.h"
#include "onnx_internal.h"

enum { HN_RANK = HONE_NN_RANK_MAX, HN_NONE = 0, HN_STEP_INPUTS_MAX = 4, HN_VALUES_MAX = 1 << 18 };

typedef uint32_t hn_value_id; /* HN_NONE: no value */

typedef struct hn_value {
    hone_nn_type type;
    uint32_t rank;
    size_t dims[HN_RANK];
    size_t count;
    bool is_channels_last;
    hn_value_id other_layout; /* the same elements the other way round, once there is one */
    const void *constant;     /* elements, or NULL */
    /* The plan */
    hn_value_id root;   /* whose memory it shares; itself mostly */
    uint32_t first_use; /* steps: the one that makes it, the last one that reads it */
    uint32_t last_use;
    size_t offset;
    int32_t input; /* of the model, or -1 */
    bool is_kept;  /* the constant lies in `keep` */
} hn_value;

/* Where the elements of a run are. */
typedef struct hn_run {
    const hn_value *values;
    const void *const *inputs;
    uint8_t *arena, *scratch;
    const hone_gemm_f32_variant *variant;
    hone_gemm_caches caches;
} hn_run;

struct hn_step;
typedef void hn_step_fn(const hn_run *run, const struct hn_step *step);

typedef struct hn_step {
    hn_step_fn *run;
    const char *name; /* of the operator */
    hn_value_id inputs[HN_STEP_INPUTS_MAX];
    uint32_t inputs_count;
    hn_value_id output;
    void *params;
    size_t scratch_bytes;
    bool can_be_in_place; /* element i of the output depends on element i of input 0 alone */
    bool is_costly;       /* not done while loading, even if all is known */
    double multiply_adds;
} hn_step;

/* Results are kept between these; -INFINITY, INFINITY: as they are. First in the params of steps
 * that can do it. */
typedef struct hn_clamp {
    float low, high;
} hn_clamp;

typedef struct hn_name {
    hone_text text;
    hn_value_id value;
    uint32_t uses; /* by nodes and outputs of the graph */
} hn_name;

typedef struct hn_builder {
    hone_arena *keep, *work; /* as long as the model; as long as loading */
    hone_diag *diag;
    const hn_onnx_graph *graph;
    hone_nn_options options;
    const hone_gemm_f32_variant *variant;
    hone_gemm_caches caches;
    hn_value *values;
    uint32_t values_count, values_max;
    hn_step *steps;
    uint32_t steps_count, steps_max;
    hn_name *names; /* open addressing */
    uint32_t names_mask;
} hn_builder;

/* An operator of ONNX. */
typedef struct hn_op {
    const char *name;
    uint32_t since, until; /* versions of the operator set it is right for */
    bool is_f32;           /* every input must be f32, which is checked before */
    hone_status (*define)(hn_builder *b, const hn_onnx_node *node);
} hn_op;

extern const hn_op hn_ops[];
extern const size_t hn_ops_count;

/* ---- for the definitions of operators ---- */

/* The value of an input, or HN_NONE where it is left out. */
hn_value_id hn_input(const hn_builder *b, const hn_onnx_node *node, size_t index);
/* How often the name of a node's input is used. */
uint32_t hn_input_uses(const hn_builder *b, const hn_onnx_node *node, size_t index);
hone_status hn_bind(hn_builder *b, const hn_onnx_node *node, size_t index, hn_value_id value);
static inline hn_value *hn_at(const hn_builder *b, hn_value_id id) {
    return &b->values[id];
}

const hn_onnx_attribute *hn_attribute(const hn_onnx_node *node, const char *name);
int64_t hn_attribute_int(const hn_onnx_node *node, const char *name, int64_t otherwise);
float hn_attribute_float(const hn_onnx_node *node, const char *name, float otherwise);
/* Elements of an i64 constant (an input or a former attribute). false: not constant. */
bool hn_constant_ints(const hn_builder *b, hn_value_id id, const int64_t **out, size_t *out_count);
/* A constant f32 scalar. */
bool hn_constant_float(const hn_builder *b, hn_value_id id, float *out);

/* UNSUPPORTED with version and node, or CORRUPT for what the file gets wrong. */
hone_status hn_unsupported(hn_builder *b, const hn_onnx_node *node, const char *what);
hone_status hn_wrong(hn_builder *b, const hn_onnx_node *node, const char *what);
hone_status hn_no_memory(hn_builder *b);

/* A new value; checks its size. *out_id. */
hone_status hn_new_value(hn_builder *b, hone_nn_type type, uint32_t rank, const size_t *dims,
                         hn_value_id *out_id);
/* Adds a step, or runs it at once if all its inputs are constant. params lie in `keep`. */
hone_status hn_add_step(hn_builder *b, const hn_step *step);
/* The same elements under other dimensions. The value must be plain. */
hone_status hn_view(hn_builder *b, hn_value_id from, uint32_t rank, const size_t *dims,
                    hn_value_id *out_id);
hone_status hn_plain(hn_builder *b, hn_value_id id, hn_value_id *out_id);
hone_status hn_channels_last(hn_builder *b, hn_value_id id, hn_value_id *out_id);

/* Elements from one of a dimension to the next. */
void hn_strides(const hn_value *value, ptrdiff_t strides[HN_RANK]);
/* The step that makes a value, if it is the last one. */
hn_step *hn_last_step_of(const hn_builder *b, hn_value_id id);

/* Normalises an axis that may count from the end. false: out of range. */
bool hn_axis(int64_t axis, uint32_t rank, uint32_t *out_axis);

/* ---- for the steps ---- */

static inline const void *hn_elements(const hn_run *run, hn_value_id id) {
    const hn_value *value = &run->values[run->values[id].root];
    if (value->constant) {
        return value->constant;
    }
    return value->input >= 0 ? run->inputs[value->input] : run->arena + value->offset;
}
static inline const void *hn_in(const hn_run *run, const hn_step *step, size_t index) {
    return hn_elements(run, step->inputs[index]);
}
static inline void *hn_out(const hn_run *run, const hn_step *step) {
    return run->arena + run->values[run->values[step->output].root].offset;
}

/* ---- moving elements ---- */

typedef struct hn_move {
    uint32_t rank;
    size_t dims[HN_RANK];
    ptrdiff_t in_strides[HN_RANK], out_strides[HN_RANK]; /* in elements */
    ptrdiff_t in_offset, out_offset;
    size_t element_bytes;
} hn_move;

void hn_move_elements(const hn_move *move, const void *in, void *out);
/* A step of one move; `move` is copied. */
hone_status hn_add_move(hn_builder *b, const char *name, const hn_move *move, hn_value_id in,
                        hn_value_id out);

/* ---- the end of building ---- */

/* Gives every value its place in the arena. Returns its size; *out_least: what is alive at once. */
hone_status hn_plan(hn_builder *b, const hn_value_id *outputs, size_t outputs_count,
                    size_t *out_arena_bytes, size_t *out_least);

/* Fuses a clamp into the step that makes the node's input, if that is its only use. */
bool hn_fuse_clamp(hn_builder *b, const hn_onnx_node *node, float low, float high);

/* Definitions by file. */
hone_status hn_define_conv(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_batch_norm(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_pool(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_global_pool(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_gemm(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_matmul(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_unary(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_clip(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_binary(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_softmax(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_reduce(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_reshape(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_flatten(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_squeeze(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_unsqueeze(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_identity(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_transpose(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_concat(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_slice(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_split(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_gather(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_shape(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_constant(hn_builder *b, const hn_onnx_node *node);
hone_status hn_define_expand(hn_builder *b, const hn_onnx_node *node);

/* What the steps of products and convolutions do once nothing is fused into them any more: weights
 * are packed. */
hone_status hn_finish_conv(hn_builder *b, hn_step *step);
hone_status hn_finish_product(hn_builder *b, hn_step *step);
bool hn_is_conv(const hn_step *step);
bool hn_is_product(const hn_step *step);

#endif
