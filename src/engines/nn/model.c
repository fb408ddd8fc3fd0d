/* SPDX-License-Identifier: Apache-2.0 */
/* Running a model, and what it says of itself. */
#include "hone/nn/model.h"

#include "model_internal.h"

size_t hone_nn_type_bytes(hone_nn_type type) {
    switch (type) {
    case HONE_NN_U8:
    case HONE_NN_I8:
    case HONE_NN_BOOL: return 1;
    case HONE_NN_F32:
    case HONE_NN_I32: return 4;
    case HONE_NN_I64:
    case HONE_NN_F64: return 8;
    }
    return 0;
}

const char *hone_nn_type_name(hone_nn_type type) {
    switch (type) {
    case HONE_NN_F32: return "f32";
    case HONE_NN_U8: return "u8";
    case HONE_NN_I8: return "i8";
    case HONE_NN_I32: return "i32";
    case HONE_NN_I64: return "i64";
    case HONE_NN_BOOL: return "bool";
    case HONE_NN_F64: return "f64";
    }
    return "unknown";
}

void hone_nn_model_destroy(hone_nn_model *model) {
    if (model) {
        hone_arena_deinit(&model->keep);
        HONE_DELETE(model->allocator, hone_nn_model, model);
    }
}

const hone_nn_tensor *hone_nn_model_inputs(const hone_nn_model *model, size_t *out_count) {
    *out_count = model->inputs_count;
    return model->inputs;
}

const hone_nn_tensor *hone_nn_model_outputs(const hone_nn_model *model, size_t *out_count) {
    *out_count = model->outputs_count;
    return model->outputs;
}

void hone_nn_model_figures(const hone_nn_model *model, hone_nn_figures *out_figures) {
    *out_figures = model->figures;
}

hone_status hone_nn_model_run(hone_nn_model *model, const void *const *inputs, void *const *outputs,
                              hone_diag *diag) {
    for (size_t i = 0; i < model->inputs_count; i++) {
        if (!inputs || (!inputs[i] && model->inputs[i].count > 0)) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "input '%s' is not given",
                                 model->inputs[i].name);
        }
    }
    for (size_t i = 0; i < model->outputs_count; i++) {
        if (!outputs || (!outputs[i] && model->outputs[i].count > 0)) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "there is no place for output '%s'", model->outputs[i].name);
        }
    }
    const hn_run run = {.values = model->values,
                        .inputs = inputs,
                        .arena = model->arena,
                        .scratch = model->scratch,
                        .variant = model->variant,
                        .caches = model->caches};
    for (size_t s = 0; s < model->steps_count; s++) {
        model->steps[s].run(&run, &model->steps[s]);
    }
    for (size_t i = 0; i < model->outputs_count; i++) {
        const hone_nn_tensor *output = &model->outputs[i];
        memcpy(outputs[i], hn_elements(&run, model->output_ids[i]),
               output->count * hone_nn_type_bytes(output->type));
    }
    return HONE_OK;
}
