/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HONE_NN_MODEL_INTERNAL_H
#define HONE_NN_MODEL_INTERNAL_H

#include "network_internal.h"

struct hone_nn_model {
    const hone_allocator *allocator;
    hone_arena keep; /* all below */
    const hone_gemm_f32_variant *variant;
    hone_gemm_caches caches;
    hn_value *values;
    hn_step *steps;
    size_t steps_count;
    uint8_t *arena, *scratch;
    hone_nn_tensor inputs[HN_ONNX_ENDS_MAX], outputs[HN_ONNX_ENDS_MAX];
    hn_value_id input_ids[HN_ONNX_ENDS_MAX], output_ids[HN_ONNX_ENDS_MAX];
    size_t inputs_count, outputs_count;
    hone_nn_figures figures;
};

#endif
