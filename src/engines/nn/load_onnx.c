/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a file to a model that runs: read, name, define node by node in the file's order (which ONNX
 * demands to be one in which each comes after its inputs), pack what weights are left, plan, copy
 * what is needed later. Everything else dies with the arena of loading.
 */
#include <stdio.h>

#include "network_internal.h"
#include "hone/base/checked.h"
#include "model_internal.h"

enum { STEPS_PER_NODE = 8, MISSING_MAX = 24 };

static const size_t MEMORY_DEFAULT_BYTES = (size_t)1 << 30;

/* ---- names ---- */

static hn_name *place_of(hn_builder *b, hone_text text) {
    uint32_t at = (uint32_t)hone_hash_bytes(text.data, text.size) & b->names_mask;
    while (b->names[at].text.data && !hone_text_is_equal(b->names[at].text, text)) {
        at = (at + 1) & b->names_mask;
    }
    if (!b->names[at].text.data) {
        b->names[at].text = text;
    }
    return &b->names[at];
}

static size_t count_names(const hn_onnx_graph *graph) {
    size_t count = graph->constants_count + graph->inputs_count + graph->outputs_count;
    for (size_t i = 0; i < graph->nodes_count; i++) {
        count += graph->nodes[i].inputs_count + graph->nodes[i].outputs_count;
    }
    return count;
}

static hone_status collect_names(hn_builder *b) {
    const hn_onnx_graph *graph = b->graph;
    uint64_t size = hone_power_of_two_ceil(2 * count_names(graph) + 2);
    if (size > UINT32_MAX || !(b->names = HONE_ARENA_NEW_ARRAY(b->work, hn_name, (size_t)size))) {
        return hn_no_memory(b);
    }
    b->names_mask = (uint32_t)size - 1;
    for (size_t i = 0; i < graph->nodes_count; i++) {
        const hn_onnx_node *node = &graph->nodes[i];
        for (size_t n = 0; n < node->inputs_count; n++) {
            if (node->inputs[n].size > 0) {
                place_of(b, node->inputs[n])->uses++;
            }
        }
        for (size_t n = 0; n < node->outputs_count; n++) {
            if (node->outputs[n].size > 0) {
                (void)place_of(b, node->outputs[n]);
            }
        }
    }
    for (size_t i = 0; i < graph->outputs_count; i++) {
        place_of(b, graph->outputs[i].name)->uses++;
    }
    return HONE_OK;
}

/* ---- the values a graph begins with ---- */

static hone_status define_constants(hn_builder *b) {
    for (size_t i = 0; i < b->graph->constants_count; i++) {
        const hn_onnx_tensor *tensor = &b->graph->constants[i];
        hn_value_id id;
        hone_status status = hn_new_value(b, tensor->type, tensor->rank, tensor->dims, &id);
        if (status != HONE_OK) {
            return status;
        }
        hn_at(b, id)->constant = tensor->data;
        place_of(b, tensor->name)->value = id;
    }
    return HONE_OK;
}

static hone_status no_shape(hn_builder *b, const hn_onnx_end *end) {
    return hone_diag_set(b->diag, HONE_STATUS_UNSUPPORTED,
                         "'%.*s' is no tensor of a supported type with a shape (element type %lld)",
                         (int)end->name.size, end->name.data, (long long)end->type);
}

static hone_status define_inputs(hn_builder *b, hone_nn_model *model) {
    for (size_t i = 0; i < b->graph->inputs_count; i++) {
        const hn_onnx_end *end = &b->graph->inputs[i];
        hn_name *name = place_of(b, end->name);
        if (name->value != HN_NONE) {
            continue; /* older files list weights as inputs, too */
        }
        if (!end->is_tensor || !end->has_shape || end->type > INT32_MAX ||
            hone_nn_type_bytes((hone_nn_type)end->type) == 0) {
            return no_shape(b, end);
        }
        if (model->inputs_count == HN_ONNX_ENDS_MAX) {
            return hone_diag_set(b->diag, HONE_STATUS_LIMIT, "more than %d inputs",
                                 HN_ONNX_ENDS_MAX);
        }
        size_t dims[HN_RANK];
        for (uint32_t d = 0; d < end->rank; d++) {
            if (end->dims[d] > INT32_MAX) {
                return hone_diag_set(b->diag, HONE_STATUS_LIMIT, "'%.*s' is too large",
                                     (int)end->name.size, end->name.data);
            }
            dims[d] = end->dims[d] >= 0 ? (size_t)end->dims[d] : b->options.free_dim;
        }
        hone_status status =
            hn_new_value(b, (hone_nn_type)end->type, end->rank, dims, &name->value);
        if (status != HONE_OK) {
            return status;
        }
        hn_at(b, name->value)->input = (int32_t)model->inputs_count;
        model->input_ids[model->inputs_count++] = name->value;
    }
    return HONE_OK;
}

/* ---- nodes ---- */

static const hn_op *find_op(const hn_builder *b, const hn_onnx_node *node) {
    bool is_standard = node->domain.size == 0 || hone_text_is(node->domain, "ai.onnx");
    for (size_t i = 0; is_standard && i < hn_ops_count; i++) {
        if (hone_text_is(node->op, hn_ops[i].name) && b->graph->opset >= hn_ops[i].since &&
            b->graph->opset <= hn_ops[i].until) {
            return &hn_ops[i];
        }
    }
    return NULL;
}

/* All operators that are missing, each once, with the first node that needs it. */
static hone_status check_ops(hn_builder *b) {
    char list[sizeof b->diag->message - 64] = "";
    size_t size = 0, missing = 0;
    for (size_t i = 0; i < b->graph->nodes_count; i++) {
        const hn_onnx_node *node = &b->graph->nodes[i];
        bool is_known = find_op(b, node) != NULL;
        for (size_t before = 0; !is_known && before < i && missing > 0; before++) {
            const hn_onnx_node *other = &b->graph->nodes[before];
            is_known = hone_text_is_equal(other->op, node->op) &&
                       hone_text_is_equal(other->domain, node->domain);
        }
        if (is_known || ++missing > MISSING_MAX) {
            continue;
        }
        int more = snprintf(list + size, sizeof list - size, "%s%.*s%s%.*s-%lld%s%.*s%s",
                            size > 0 ? ", " : "", (int)node->domain.size, node->domain.data,
                            node->domain.size > 0 ? "." : "", (int)node->op.size, node->op.data,
                            (long long)b->graph->opset, node->name.size > 0 ? " (node '" : "",
                            (int)node->name.size, node->name.data, node->name.size > 0 ? "')" : "");
        size += more > 0 ? (size_t)more : 0;
        size = size < sizeof list ? size : sizeof list - 1;
    }
    return missing == 0
               ? HONE_OK
               : hone_diag_set(b->diag, HONE_STATUS_UNSUPPORTED, "%zu operator%s not supported: %s",
                               missing, missing == 1 ? " is" : "s are", list);
}

static hone_status check_inputs(hn_builder *b, const hn_onnx_node *node, const hn_op *op) {
    for (size_t n = 0; n < node->inputs_count; n++) {
        hn_value_id id = hn_input(b, node, n);
        if (node->inputs[n].size > 0 && id == HN_NONE) {
            return hn_wrong(b, node, "an input that no node before it gives");
        }
        if (op->is_f32 && id != HN_NONE && hn_at(b, id)->type != HONE_NN_F32) {
            return hn_unsupported(b, node, "elements that are not f32");
        }
    }
    if (hn_input(b, node, 0) == HN_NONE && op->define != hn_define_constant) {
        return hn_wrong(b, node, "no input");
    }
    return HONE_OK;
}

static hone_status define_nodes(hn_builder *b) {
    for (size_t i = 0; i < b->graph->nodes_count; i++) {
        const hn_onnx_node *node = &b->graph->nodes[i];
        const hn_op *op = find_op(b, node);
        hone_status status = check_inputs(b, node, op);
        if (status == HONE_OK) {
            status = op->define(b, node);
        }
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

/* ---- the end ---- */

static hone_status find_outputs(hn_builder *b, hone_nn_model *model) {
    for (size_t i = 0; i < b->graph->outputs_count; i++) {
        const hn_onnx_end *end = &b->graph->outputs[i];
        hn_value_id id = place_of(b, end->name)->value;
        if (id == HN_NONE) {
            return hone_diag_set(b->diag, HONE_STATUS_CORRUPT, "no node gives the output '%.*s'",
                                 (int)end->name.size, end->name.data);
        }
        hone_status status = hn_plain(b, id, &id);
        if (status != HONE_OK) {
            return status;
        }
        model->output_ids[model->outputs_count++] = id;
    }
    return HONE_OK;
}

static hone_status keep_constant(hn_builder *b, hn_value_id id) {
    hn_value *value = hn_at(b, hn_at(b, id)->root);
    if (!value->constant || value->is_kept) {
        return HONE_OK;
    }
    size_t bytes = value->count * hone_nn_type_bytes(value->type);
    void *copy = hone_arena_allocate(b->keep, bytes, 64);
    if (!copy) {
        return hn_no_memory(b);
    }
    value->constant = memcpy(copy, value->constant, bytes);
    value->is_kept = true;
    return HONE_OK;
}

static hone_status finish_steps(hn_builder *b, hone_nn_model *model) {
    for (uint32_t s = 0; s < b->steps_count; s++) {
        hn_step *step = &b->steps[s];
        hone_status status = hn_is_conv(step)      ? hn_finish_conv(b, step)
                             : hn_is_product(step) ? hn_finish_product(b, step)
                                                   : HONE_OK;
        for (uint32_t i = 0; status == HONE_OK && i < step->inputs_count; i++) {
            status = keep_constant(b, step->inputs[i]);
        }
        if (status != HONE_OK) {
            return status;
        }
        if (step->scratch_bytes > model->figures.scratch_bytes) {
            model->figures.scratch_bytes = step->scratch_bytes;
        }
        model->figures.multiply_adds += step->multiply_adds;
    }
    for (size_t i = 0; i < model->outputs_count; i++) {
        hone_status status = keep_constant(b, model->output_ids[i]);
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

static hone_status describe(hn_builder *b, hone_text name, hn_value_id id, hone_nn_tensor *out) {
    const hn_value *value = hn_at(b, id);
    out->name = hone_arena_copy_text(b->keep, name);
    out->type = value->type;
    out->rank = value->rank;
    out->count = value->count;
    memcpy(out->dims, value->dims, sizeof out->dims);
    return out->name ? HONE_OK : hn_no_memory(b);
}

static hone_status describe_ends(hn_builder *b, hone_nn_model *model) {
    size_t made = 0;
    for (size_t i = 0; i < b->graph->inputs_count && made < model->inputs_count; i++) {
        const hn_onnx_end *end = &b->graph->inputs[i];
        if (place_of(b, end->name)->value == model->input_ids[made]) {
            hone_status status =
                describe(b, end->name, model->input_ids[made], &model->inputs[made]);
            if (status != HONE_OK) {
                return status;
            }
            made++;
        }
    }
    for (size_t i = 0; i < model->outputs_count; i++) {
        hone_status status =
            describe(b, b->graph->outputs[i].name, model->output_ids[i], &model->outputs[i]);
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

/* Values and steps move to where they stay; the arena and the scratch memory are taken. */
static hone_status settle(hn_builder *b, hone_nn_model *model) {
    hone_nn_figures *figures = &model->figures;
    model->values = HONE_ARENA_NEW_ARRAY(b->keep, hn_value, b->values_count);
    model->steps = HONE_ARENA_NEW_ARRAY(b->keep, hn_step, (size_t)b->steps_count + 1);
    figures->weights_bytes = model->keep.held_bytes;
    model->arena = hone_arena_allocate(b->keep, figures->arena_bytes, 64);
    model->scratch = hone_arena_allocate(b->keep, figures->scratch_bytes, 64);
    if (!model->values || !model->steps || !model->arena || !model->scratch) {
        return hn_no_memory(b);
    }
    memcpy(model->values, b->values, b->values_count * sizeof *b->values);
    memcpy(model->steps, b->steps, b->steps_count * sizeof *b->steps);
    model->steps_count = figures->steps_count = b->steps_count;
    for (size_t i = 0; i < b->graph->constants_count; i++) {
        figures->parameters_count += b->graph->constants[i].count;
    }
    return HONE_OK;
}

static hone_status build(hn_builder *b, hone_nn_model *model) {
    hone_status status;
    b->values_max = HN_VALUES_MAX;
    size_t values = b->graph->nodes_count * STEPS_PER_NODE + count_names(b->graph) + 16;
    b->values_max = values < b->values_max ? (uint32_t)values : b->values_max;
    b->steps_max = b->values_max;
    b->values = HONE_ARENA_NEW_ARRAY(b->work, hn_value, b->values_max);
    b->steps = HONE_ARENA_NEW_ARRAY(b->work, hn_step, b->steps_max);
    b->values_count = 1; /* 0 is HN_NONE */
    if (!b->values || !b->steps) {
        return hn_no_memory(b);
    }
    if ((status = collect_names(b)) != HONE_OK || (status = check_ops(b)) != HONE_OK ||
        (status = define_constants(b)) != HONE_OK ||
        (status = define_inputs(b, model)) != HONE_OK || (status = define_nodes(b)) != HONE_OK ||
        (status = find_outputs(b, model)) != HONE_OK ||
        (status = finish_steps(b, model)) != HONE_OK ||
        (status = hn_plan(b, model->output_ids, model->outputs_count, &model->figures.arena_bytes,
                          &model->figures.arena_least)) != HONE_OK ||
        (status = describe_ends(b, model)) != HONE_OK) {
        return status;
    }
    return settle(b, model);
}

hone_status hone_nn_model_load_onnx(hone_span file, const hone_nn_options *options, hone_diag *diag,
                                    hone_nn_model **out_model) {
    hone_diag own = {0};
    hone_nn_options chosen = options ? *options : (hone_nn_options){0};
    chosen.memory_max = chosen.memory_max ? chosen.memory_max : MEMORY_DEFAULT_BYTES;
    chosen.free_dim = chosen.free_dim ? chosen.free_dim : 1;
    hone_arena work;
    hn_onnx_graph graph;
    hone_nn_model *model = HONE_NEW(chosen.allocator, hone_nn_model);
    if (!model) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a model");
    }
    model->allocator = chosen.allocator;
    hone_arena_init(&model->keep, chosen.allocator, chosen.memory_max);
    hone_arena_init(&work, chosen.allocator, chosen.memory_max);
    hn_builder builder = {.keep = &model->keep,
                          .work = &work,
                          .diag = diag ? diag : &own,
                          .graph = &graph,
                          .options = chosen,
                          .variant = hone_gemm_f32_choose(chosen.features),
                          .caches = {chosen.l1_bytes, chosen.l2_bytes}};
    model->variant = builder.variant;
    model->caches = builder.caches;
    hone_status status = hn_onnx_read(file, &work, builder.diag, &graph);
    if (status == HONE_OK) {
        status = build(&builder, model);
    }
    hone_arena_deinit(&work);
    if (status != HONE_OK) {
        hone_nn_model_destroy(model);
        return status;
    }
    *out_model = model;
    return HONE_OK;
}
