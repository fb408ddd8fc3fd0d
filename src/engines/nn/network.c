/* SPDX-License-Identifier: Apache-2.0 */
/* The building blocks that the definitions of operators use. */
#include <stdio.h>

#include "network_internal.h"
#include "hone/base/checked.h"

/* ---- names ---- */

static hn_name *find_name(const hn_builder *b, hone_text text) {
    uint32_t at = (uint32_t)hone_hash_bytes(text.data, text.size) & b->names_mask;
    while (b->names[at].text.data && !hone_text_is_equal(b->names[at].text, text)) {
        at = (at + 1) & b->names_mask;
    }
    return &b->names[at];
}

hn_value_id hn_input(const hn_builder *b, const hn_onnx_node *node, size_t index) {
    if (index >= node->inputs_count || node->inputs[index].size == 0) {
        return HN_NONE;
    }
    return find_name(b, node->inputs[index])->value;
}

uint32_t hn_input_uses(const hn_builder *b, const hn_onnx_node *node, size_t index) {
    return index < node->inputs_count ? find_name(b, node->inputs[index])->uses : 0;
}

hone_status hn_bind(hn_builder *b, const hn_onnx_node *node, size_t index, hn_value_id value) {
    if (index >= node->outputs_count || node->outputs[index].size == 0) {
        return HONE_OK;
    }
    hn_name *name = find_name(b, node->outputs[index]);
    if (name->value != HN_NONE) {
        return hn_wrong(b, node, "gives a value that is there already");
    }
    name->value = value;
    return HONE_OK;
}

/* ---- attributes and constants ---- */

const hn_onnx_attribute *hn_attribute(const hn_onnx_node *node, const char *name) {
    for (size_t i = 0; i < node->attributes_count; i++) {
        if (hone_text_is(node->attributes[i].name, name)) {
            return &node->attributes[i];
        }
    }
    return NULL;
}

int64_t hn_attribute_int(const hn_onnx_node *node, const char *name, int64_t otherwise) {
    const hn_onnx_attribute *found = hn_attribute(node, name);
    return found && found->has_int ? found->i : otherwise;
}

float hn_attribute_float(const hn_onnx_node *node, const char *name, float otherwise) {
    const hn_onnx_attribute *found = hn_attribute(node, name);
    return found && found->has_float ? found->f : otherwise;
}

bool hn_constant_ints(const hn_builder *b, hn_value_id id, const int64_t **out, size_t *out_count) {
    const hn_value *value = hn_at(b, id);
    if (id == HN_NONE || !value->constant || value->type != HONE_NN_I64 || value->rank > 1) {
        return false;
    }
    *out = value->constant;
    *out_count = value->count;
    return true;
}

bool hn_constant_float(const hn_builder *b, hn_value_id id, float *out) {
    const hn_value *value = hn_at(b, id);
    if (id == HN_NONE || !value->constant || value->type != HONE_NN_F32 || value->count != 1) {
        return false;
    }
    *out = *(const float *)value->constant;
    return true;
}

bool hn_axis(int64_t axis, uint32_t rank, uint32_t *out_axis) {
    if (axis < -(int64_t)rank || axis >= (int64_t)rank) {
        return false;
    }
    *out_axis = (uint32_t)(axis < 0 ? axis + rank : axis);
    return true;
}

/* ---- errors ---- */

static hone_status complain(hn_builder *b, hone_status status, const hn_onnx_node *node,
                            const char *what) {
    return hone_diag_set(b->diag, status, "%.*s-%lld (node '%.*s'): %s", (int)node->op.size,
                         node->op.data, (long long)b->graph->opset, (int)node->name.size,
                         node->name.data, what);
}

hone_status hn_unsupported(hn_builder *b, const hn_onnx_node *node, const char *what) {
    return complain(b, HONE_STATUS_UNSUPPORTED, node, what);
}

hone_status hn_wrong(hn_builder *b, const hn_onnx_node *node, const char *what) {
    return complain(b, HONE_STATUS_CORRUPT, node, what);
}

hone_status hn_no_memory(hn_builder *b) {
    return hone_diag_set(b->diag, HONE_STATUS_OUT_OF_MEMORY,
                         "the model needs more memory than it may have (%zu bytes)",
                         b->options.memory_max);
}

/* ---- values ---- */

hone_status hn_new_value(hn_builder *b, hone_nn_type type, uint32_t rank, const size_t *dims,
                         hn_value_id *out_id) {
    size_t count = 1;
    for (uint32_t i = 0; i < rank; i++) {
        if (!hone_size_multiply(count, dims[i], &count) || count > INT32_MAX) {
            return hone_diag_set(b->diag, HONE_STATUS_LIMIT, "a tensor of more than 2^31 elements");
        }
    }
    if (b->values_count == b->values_max) {
        return hone_diag_set(b->diag, HONE_STATUS_LIMIT, "more than %u values", b->values_max);
    }
    hn_value_id id = b->values_count++;
    hn_value *made = hn_at(b, id);
    *made = (hn_value){.type = type, .rank = rank, .count = count, .root = id, .input = -1};
    memcpy(made->dims, dims, rank * sizeof *dims);
    *out_id = id;
    return HONE_OK;
}

void hn_strides(const hn_value *value, ptrdiff_t strides[HN_RANK]) {
    ptrdiff_t stride = 1;
    for (uint32_t i = value->rank; i-- > 0;) {
        if (value->is_channels_last && i == 1) {
            continue;
        }
        if (value->is_channels_last && i == value->rank - 1) {
            strides[1] = 1;
            stride = (ptrdiff_t)value->dims[1];
        }
        strides[i] = stride;
        stride *= (ptrdiff_t)value->dims[i];
    }
}

hone_status hn_view(hn_builder *b, hn_value_id from, uint32_t rank, const size_t *dims,
                    hn_value_id *out_id) {
    hone_status status = hn_new_value(b, hn_at(b, from)->type, rank, dims, out_id);
    if (status == HONE_OK) {
        hn_at(b, *out_id)->root = hn_at(b, from)->root;
        hn_at(b, *out_id)->constant = hn_at(b, from)->constant;
    }
    return status;
}

/* Whether the elements lie in the same order both ways. */
static bool is_both_layouts(const hn_value *value) {
    size_t pixels = 1;
    for (uint32_t i = 2; i < value->rank; i++) {
        pixels *= value->dims[i];
    }
    return value->rank < 3 || pixels == 1 || value->dims[1] == 1;
}

static hone_status convert(hn_builder *b, hn_value_id id, hn_value_id *out_id) {
    const hn_value value = *hn_at(b, id);
    if (value.other_layout != HN_NONE) {
        *out_id = value.other_layout;
        return HONE_OK;
    }
    hn_value_id other;
    hone_status status = is_both_layouts(&value)
                             ? hn_view(b, id, value.rank, value.dims, &other)
                             : hn_new_value(b, value.type, value.rank, value.dims, &other);
    if (status != HONE_OK) {
        return status;
    }
    hn_at(b, other)->is_channels_last = !value.is_channels_last;
    hn_at(b, other)->other_layout = id;
    hn_at(b, id)->other_layout = other;
    if (!is_both_layouts(&value)) {
        hn_move move = {.rank = value.rank, .element_bytes = hone_nn_type_bytes(value.type)};
        memcpy(move.dims, value.dims, sizeof move.dims);
        hn_strides(&value, move.in_strides);
        hn_strides(hn_at(b, other), move.out_strides);
        status = hn_add_move(b, "layout", &move, id, other);
    }
    *out_id = other;
    return status;
}

hone_status hn_plain(hn_builder *b, hn_value_id id, hn_value_id *out_id) {
    *out_id = id;
    return hn_at(b, id)->is_channels_last ? convert(b, id, out_id) : HONE_OK;
}

hone_status hn_channels_last(hn_builder *b, hn_value_id id, hn_value_id *out_id) {
    *out_id = id;
    return hn_at(b, id)->is_channels_last ? HONE_OK : convert(b, id, out_id);
}

/* ---- steps ---- */

hn_step *hn_last_step_of(const hn_builder *b, hn_value_id id) {
    hn_step *last = b->steps_count > 0 ? &b->steps[b->steps_count - 1] : NULL;
    return last && last->output == id ? last : NULL;
}

/* All inputs are known: the step is run now, and its output is known, too. */
static hone_status fold(hn_builder *b, const hn_step *step) {
    hn_value *output = hn_at(b, step->output);
    size_t bytes = output->count * hone_nn_type_bytes(output->type);
    uint8_t *elements = hone_arena_allocate(b->work, bytes, 64);
    uint8_t *scratch = hone_arena_allocate(b->work, step->scratch_bytes, 64);
    if (!elements || !scratch) {
        return hn_no_memory(b);
    }
    output->offset = 0;
    const hn_run run = {.values = b->values,
                        .arena = elements,
                        .scratch = scratch,
                        .variant = b->variant,
                        .caches = b->caches};
    step->run(&run, step);
    output->constant = elements;
    return HONE_OK;
}

hone_status hn_add_step(hn_builder *b, const hn_step *step) {
    bool is_constant = !step->is_costly;
    for (uint32_t i = 0; i < step->inputs_count; i++) {
        is_constant &= hn_at(b, step->inputs[i])->constant != NULL;
    }
    if (is_constant) {
        return fold(b, step);
    }
    if (b->steps_count == b->steps_max) {
        return hone_diag_set(b->diag, HONE_STATUS_LIMIT, "more than %u steps", b->steps_max);
    }
    b->steps[b->steps_count++] = *step;
    return HONE_OK;
}

bool hn_fuse_clamp(hn_builder *b, const hn_onnx_node *node, float low, float high) {
    hn_value_id in = hn_input(b, node, 0);
    hn_step *step = hn_last_step_of(b, in);
    if (!step || hn_input_uses(b, node, 0) != 1 || !(hn_is_conv(step) || hn_is_product(step))) {
        return false;
    }
    hn_clamp *clamp = step->params;
    if (clamp->low != -INFINITY || clamp->high != INFINITY) {
        return false;
    }
    *clamp = (hn_clamp){low, high};
    return true;
}
