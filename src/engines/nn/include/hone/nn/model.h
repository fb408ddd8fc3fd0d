/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neural networks: a model is loaded once from ONNX and run many times.
 *
 *     hone_nn_model *model;
 *     status = hone_nn_model_load_onnx(file, &(hone_nn_options){.features = isa}, &diag, &model);
 *     status = hone_nn_model_run(model, (const void *[]){image}, (void *[]){scores}, &diag);
 *
 * Loading does all that depends on shapes alone: shapes are inferred, what is constant is computed,
 * batch normalisation goes into the weights before it and activations into the step before them,
 * images are laid out channels last where convolutions want them, weights are packed for this CPU's
 * vectors, and every intermediate result gets its place in one block of memory. A run allocates
 * nothing.
 *
 * Contract
 *   Threads    a model is confined; models share nothing.
 *   Ownership  a model owns copies of what it needs; the file may go after loading.
 *   Errors     operators, types and attributes that are not supported are named, all of them in
 *              one message, with version and node (UNSUPPORTED); a damaged file is CORRUPT or
 *              TRUNCATED; what exceeds a limit is LIMIT.
 *   Limits     those of hone_nn_options; 6 dimensions, 2^31 elements a tensor, 8192 nodes, 64
 *              inputs and outputs of the model.
 *   Results    the same bits for the same input on every CPU that has FMA, as kernels/gemm.h says;
 *              exp(), tanh() and their like are the C library's. An index out of range gathers
 *              zeros.
 */
#ifndef HONE_NN_MODEL_H
#define HONE_NN_MODEL_H

#include "hone/base/allocator.h"
#include "hone/base/isa_mask.h"
#include "hone/base/span.h"

enum { HONE_NN_RANK_MAX = 6 };

/* As numbered by ONNX. */
typedef enum hone_nn_type {
    HONE_NN_F32 = 1,
    HONE_NN_U8 = 2,
    HONE_NN_I8 = 3,
    HONE_NN_I32 = 6,
    HONE_NN_I64 = 7,
    HONE_NN_BOOL = 9,
    HONE_NN_F64 = 11,
} hone_nn_type;

/* Bytes of an element, or 0 for a number that is no type. And its name, "f32"; never NULL. */
size_t hone_nn_type_bytes(hone_nn_type type);
const char *hone_nn_type_name(hone_nn_type type);

/* An input or output; row by row, as ONNX orders the dimensions. Valid as long as the model. */
typedef struct hone_nn_tensor {
    const char *name;
    hone_nn_type type;
    uint32_t rank;
    size_t dims[HONE_NN_RANK_MAX];
    size_t count; /* of elements */
} hone_nn_tensor;

typedef struct hone_nn_options {
    const hone_allocator *allocator; /* NULL: libc */
    hone_isa_mask features;          /* what the kernels may use; 0: plain C */
    size_t l1_bytes, l2_bytes;       /* caches of a core; 0: usual sizes */
    size_t memory_max;               /* bytes the model may hold, weights included; 0: 1 GiB */
    size_t free_dim;                 /* what a dimension without a number becomes; 0: 1 */
} hone_nn_options;

typedef struct hone_nn_model hone_nn_model;

/* *out_model is the caller's to destroy. `options` may be NULL. See Errors above; OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_nn_model_load_onnx(hone_span file, const hone_nn_options *options,
                                                  hone_diag *diag, hone_nn_model **out_model);
/* NULL is allowed. */
void hone_nn_model_destroy(hone_nn_model *model);

const hone_nn_tensor *hone_nn_model_inputs(const hone_nn_model *model, size_t *out_count);
const hone_nn_tensor *hone_nn_model_outputs(const hone_nn_model *model, size_t *out_count);

/* Computes the outputs; `inputs` and `outputs` are the elements of each, aligned as their type is;
 * outputs overlap nothing. */
HONE_MUST_USE hone_status hone_nn_model_run(hone_nn_model *model, const void *const *inputs,
                                            void *const *outputs, hone_diag *diag);

/* What a model takes. */
typedef struct hone_nn_figures {
    size_t parameters_count; /* numbers in the file's weights */
    size_t weights_bytes;    /* as kept, packed */
    size_t arena_bytes;      /* of all intermediate results, by the plan */
    size_t arena_least;      /* what is alive at once at the worst step: no plan can be below */
    size_t scratch_bytes;    /* for the kernels */
    size_t steps_count;
    double multiply_adds; /* of products and convolutions, a run */
} hone_nn_figures;

void hone_nn_model_figures(const hone_nn_model *model, hone_nn_figures *out_figures);

#endif
