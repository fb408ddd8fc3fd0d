/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile model file: refused or loaded, and run if that is quick. */
#include <stdlib.h>

#include "hone/nn/model.h"

enum { ENDS_MAX = 64, ELEMENTS_MAX = 1 << 16 };

static const double MULTIPLY_ADDS_MAX = 1e6;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Zeros for everything, if there is little of it. */
static void run_on_zeros(hone_nn_model *model) {
    void *buffers[2][ENDS_MAX] = {{0}};
    size_t counts[2], elements = 0;
    const hone_nn_tensor *ends[2] = {hone_nn_model_inputs(model, &counts[0]),
                                     hone_nn_model_outputs(model, &counts[1])};
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < counts[side]; i++) {
            elements += ends[side][i].count;
        }
    }
    bool is_complete = elements <= ELEMENTS_MAX;
    for (int side = 0; side < 2 && is_complete; side++) {
        for (size_t i = 0; i < counts[side]; i++) {
            buffers[side][i] = calloc(ends[side][i].count + 1, 8);
            is_complete &= buffers[side][i] != NULL;
        }
    }
    if (is_complete) {
        (void)!hone_nn_model_run(model, (const void *const *)buffers[0], buffers[1], NULL);
    }
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < ENDS_MAX; i++) {
            free(buffers[side][i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_nn_model *model;
    const hone_nn_options options = {.memory_max = 16 << 20};
    hone_diag diag = {0};
    if (hone_nn_model_load_onnx((hone_span){data, size}, &options, &diag, &model) != HONE_OK) {
        return 0;
    }
    hone_nn_figures figures;
    hone_nn_model_figures(model, &figures);
    if (figures.multiply_adds <= MULTIPLY_ADDS_MAX && figures.arena_bytes <= 1 << 20) {
        run_on_zeros(model);
    }
    hone_nn_model_destroy(model);
    return 0;
}
