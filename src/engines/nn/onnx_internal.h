/* SPDX-License-Identifier: Apache-2.0 */
/* An ONNX file as it is written: names, attributes and tensors, nothing judged yet but the format.
 */
#ifndef HONE_NN_ONNX_INTERNAL_H
#define HONE_NN_ONNX_INTERNAL_H

#include "hone/base/arena.h"
#include "hone/nn/model.h"

enum {
    HN_ONNX_NODES_MAX = 8192,
    HN_ONNX_NAMES_MAX = 1024, /* inputs or outputs of a node */
    HN_ONNX_ATTRIBUTES_MAX = 64,
    HN_ONNX_INTS_MAX = 1 << 20,
    HN_ONNX_ENDS_MAX = 64, /* inputs or outputs of the graph */
};

/* Elements in the machine's order, aligned; in the arena or, if they lie well there, in the file.
 */
typedef struct hn_onnx_tensor {
    hone_text name;
    hone_nn_type type;
    uint32_t rank;
    size_t dims[HONE_NN_RANK_MAX];
    size_t count;
    const void *data;
} hn_onnx_tensor;

typedef struct hn_onnx_attribute {
    hone_text name;
    bool has_int, has_float, has_graph;
    int64_t i;
    float f;
    hone_text s;
    const int64_t *ints;
    size_t ints_count;
    const float *floats;
    size_t floats_count;
    const hn_onnx_tensor *tensor;
} hn_onnx_attribute;

typedef struct hn_onnx_node {
    hone_text name, op, domain;
    const hone_text *inputs, *outputs; /* "" where one is left out */
    size_t inputs_count, outputs_count;
    const hn_onnx_attribute *attributes;
    size_t attributes_count;
} hn_onnx_node;

/* An input or output of the graph. */
typedef struct hn_onnx_end {
    hone_text name;
    bool is_tensor, has_shape;
    int64_t type;
    uint32_t rank;
    int64_t dims[HONE_NN_RANK_MAX]; /* -1: not a number */
} hn_onnx_end;

typedef struct hn_onnx_graph {
    int64_t opset; /* of the standard domain; 0: none is given */
    const hn_onnx_node *nodes;
    const hn_onnx_tensor *constants;
    const hn_onnx_end *inputs, *outputs;
    size_t nodes_count, constants_count, inputs_count, outputs_count;
} hn_onnx_graph;

/* Reads a model file. What *out_graph points to lies in `arena` or in the file. */
HONE_MUST_USE hone_status hn_onnx_read(hone_span file, hone_arena *arena, hone_diag *diag,
                                       hn_onnx_graph *out_graph);

/* Reads one tensor by itself (a TensorProto, as test data are kept). */
HONE_MUST_USE hone_status hn_onnx_read_tensor(hone_span message, hone_arena *arena, hone_diag *diag,
                                              hn_onnx_tensor *out_tensor);

#endif
