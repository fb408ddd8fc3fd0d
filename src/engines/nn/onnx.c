/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads ONNX by its field numbers (onnx.proto3 of ONNX 1.12): only what a graph is made of; other
 * fields are passed over, as the format asks. Repeated fields are counted first, then read into an
 * array of that size, so that memory follows the size of the file.
 */
#include "onnx_internal.h"

#include "hone/base/checked.h"
#include "wire_internal.h"

typedef struct reader {
    hone_arena *arena;
    hone_diag *diag;
} reader;

static hone_status bad(reader *it, hone_status status, const char *what) {
    if (status == HONE_STATUS_NOT_FOUND) {
        return HONE_OK; /* the end of a message */
    }
    return hone_diag_set(it->diag, status, "%s: %s", what,
                         status == HONE_STATUS_TRUNCATED ? "the file ends in the middle of it"
                                                         : "not in the format of ONNX");
}

static hone_status no_memory(reader *it) {
    return hone_diag_set(it->diag, HONE_STATUS_OUT_OF_MEMORY,
                         "the model needs more memory than it may have");
}

static hone_text text_of(hone_span bytes) {
    return (hone_text){(const char *)bytes.data, bytes.size};
}

/* How often a field of bytes is in a message; -1: not that often. */
static hone_status count_field(reader *it, hone_span message, uint32_t number, size_t limit,
                               size_t *out_count) {
    hn_wire_field field;
    hone_status status;
    *out_count = 0;
    while ((status = hn_wire_next(&message, &field)) == HONE_OK) {
        *out_count += field.number == number && field.kind == HN_WIRE_BYTES;
    }
    if (*out_count > limit) {
        return hone_diag_set(it->diag, HONE_STATUS_LIMIT, "%zu of what at most %zu are allowed",
                             *out_count, limit);
    }
    return bad(it, status, "a message");
}

/* ---- lists of numbers ---- */

typedef struct numbers {
    int64_t *values;
    size_t count;
} numbers;

static size_t numbers_in(hone_span packed) {
    size_t count = 0;
    for (size_t i = 0; i < packed.size; i++) {
        count += !(packed.data[i] & 0x80);
    }
    return count;
}

/* All integers of a repeated field, packed or not. */
static hone_status read_ints(reader *it, hone_span message, uint32_t number, numbers *out) {
    hone_span rest = message;
    hn_wire_field field;
    hone_status status;
    size_t count = 0;
    while ((status = hn_wire_next(&rest, &field)) == HONE_OK) {
        if (field.number == number) {
            count += field.kind == HN_WIRE_BYTES ? numbers_in(field.bytes) : 1;
        }
    }
    *out = (numbers){HONE_ARENA_NEW_ARRAY(it->arena, int64_t, count + 1), 0};
    if (status != HONE_STATUS_NOT_FOUND || !out->values) {
        return out->values ? bad(it, status, "a list of numbers") : no_memory(it);
    }
    for (rest = message; hn_wire_next(&rest, &field) == HONE_OK;) {
        if (field.number != number) {
            continue;
        }
        if (field.kind == HN_WIRE_VARINT) {
            out->values[out->count++] = (int64_t)field.value;
            continue;
        }
        if (field.kind != HN_WIRE_BYTES) {
            return bad(it, HONE_STATUS_CORRUPT, "a list of numbers");
        }
        uint64_t value;
        while ((status = hn_wire_next_varint(&field.bytes, &value)) == HONE_OK) {
            out->values[out->count++] = (int64_t)value;
        }
        if (status != HONE_STATUS_NOT_FOUND) {
            return bad(it, status, "a list of numbers");
        }
    }
    return HONE_OK;
}

/* All elements of a repeated field of fixed size (float, double), as bytes. */
static hone_status read_fixed(reader *it, hone_span message, uint32_t number, size_t element_bytes,
                              hone_span *out_bytes) {
    hone_span rest = message;
    hn_wire_field field;
    size_t size = 0;
    while (hn_wire_next(&rest, &field) == HONE_OK) {
        if (field.number == number) {
            size += field.kind == HN_WIRE_BYTES ? field.bytes.size : element_bytes;
        }
    }
    uint8_t *bytes = hone_arena_allocate(it->arena, size, 16);
    if (!bytes) {
        return no_memory(it);
    }
    *out_bytes = (hone_span){bytes, size};
    for (rest = message; hn_wire_next(&rest, &field) == HONE_OK;) {
        if (field.number != number) {
            continue;
        }
        if (field.kind == HN_WIRE_BYTES) {
            memcpy(bytes, field.bytes.data, field.bytes.size);
            bytes += field.bytes.size;
        } else {
            memcpy(bytes, &field.value, element_bytes); /* little endian, as hone's machines are */
            bytes += element_bytes;
        }
    }
    return size % element_bytes == 0 ? HONE_OK : bad(it, HONE_STATUS_CORRUPT, "a list of numbers");
}

/* ---- tensors ---- */

static hone_status set_dims(reader *it, const numbers *dims, hn_onnx_tensor *out) {
    if (dims->count > HONE_NN_RANK_MAX) {
        return hone_diag_set(it->diag, HONE_STATUS_UNSUPPORTED,
                             "tensor '%.*s' has %zu dimensions; at most %d are supported",
                             (int)out->name.size, out->name.data, dims->count, HONE_NN_RANK_MAX);
    }
    out->rank = (uint32_t)dims->count;
    out->count = 1;
    for (size_t i = 0; i < dims->count; i++) {
        if (dims->values[i] < 0 || dims->values[i] > INT32_MAX ||
            !hone_size_multiply(out->count, (size_t)dims->values[i], &out->count) ||
            out->count > INT32_MAX) {
            return hone_diag_set(it->diag, HONE_STATUS_LIMIT,
                                 "tensor '%.*s' is too large: at most 2^31 elements",
                                 (int)out->name.size, out->name.data);
        }
        out->dims[i] = (size_t)dims->values[i];
    }
    return HONE_OK;
}

/* Integers are kept one by one, whatever their type. */
static hone_status narrow(reader *it, const numbers *values, hn_onnx_tensor *out) {
    size_t element_bytes = hone_nn_type_bytes(out->type);
    uint8_t *bytes = hone_arena_allocate(it->arena, values->count * element_bytes, 16);
    if (!bytes) {
        return no_memory(it);
    }
    for (size_t i = 0; i < values->count; i++) {
        memcpy(bytes + i * element_bytes, &values->values[i], element_bytes);
    }
    out->data = bytes;
    return HONE_OK;
}

static hone_status mismatch(reader *it, const hn_onnx_tensor *tensor, size_t have) {
    return hone_diag_set(it->diag, HONE_STATUS_CORRUPT,
                         "tensor '%.*s' has data for %zu elements; its shape needs %zu",
                         (int)tensor->name.size, tensor->name.data, have, tensor->count);
}

static hone_status read_elements(reader *it, hone_span message, hone_span raw,
                                 hn_onnx_tensor *out) {
    enum { FLOAT_DATA = 4, INT32_DATA = 5, INT64_DATA = 7, DOUBLE_DATA = 10 };
    const size_t element_bytes = hone_nn_type_bytes(out->type);
    if (!raw.data && (out->type == HONE_NN_F32 || out->type == HONE_NN_F64)) {
        uint32_t number = out->type == HONE_NN_F32 ? FLOAT_DATA : DOUBLE_DATA;
        hone_status status = read_fixed(it, message, number, element_bytes, &raw);
        if (status != HONE_OK) {
            return status;
        }
    } else if (!raw.data) {
        numbers values;
        hone_status status =
            read_ints(it, message, out->type == HONE_NN_I64 ? INT64_DATA : INT32_DATA, &values);
        if (status != HONE_OK) {
            return status;
        }
        return values.count == out->count ? narrow(it, &values, out)
                                          : mismatch(it, out, values.count);
    }
    if (raw.size != out->count * element_bytes) {
        return mismatch(it, out, raw.size / element_bytes);
    }
    out->data = raw.data;
    if ((uintptr_t)raw.data % 16 != 0) {
        void *copy = hone_arena_allocate(it->arena, raw.size, 16);
        if (!copy) {
            return no_memory(it);
        }
        out->data = memcpy(copy, raw.data, raw.size);
    }
    return HONE_OK;
}

static hone_status read_tensor(reader *it, hone_span message, hn_onnx_tensor *out) {
    enum { DIMS = 1, TYPE = 2, NAME = 8, RAW = 9, LOCATION = 14 };
    hone_span rest = message, raw = {0};
    hn_wire_field field;
    hone_status status;
    uint64_t type = 0, location = 0;
    *out = (hn_onnx_tensor){0};
    while ((status = hn_wire_next(&rest, &field)) == HONE_OK) {
        if (field.number == NAME && field.kind == HN_WIRE_BYTES) {
            out->name = text_of(field.bytes);
        } else if (field.number == RAW && field.kind == HN_WIRE_BYTES) {
            raw = field.bytes;
        } else if (field.number == TYPE) {
            type = field.value;
        } else if (field.number == LOCATION) {
            location = field.value;
        }
    }
    status = bad(it, status, "a tensor");
    numbers dims;
    if (status != HONE_OK || (status = read_ints(it, message, DIMS, &dims)) != HONE_OK) {
        return status;
    }
    if (location != 0 || type > INT32_MAX || hone_nn_type_bytes((hone_nn_type)type) == 0) {
        return hone_diag_set(it->diag, HONE_STATUS_UNSUPPORTED, "tensor '%.*s': %s %d",
                             (int)out->name.size, out->name.data,
                             location ? "data in another file, location" : "element type",
                             (int)(location ? location : type));
    }
    out->type = (hone_nn_type)type;
    status = set_dims(it, &dims, out);
    return status == HONE_OK ? read_elements(it, message, raw, out) : status;
}

hone_status hn_onnx_read_tensor(hone_span message, hone_arena *arena, hone_diag *diag,
                                hn_onnx_tensor *out_tensor) {
    reader it = {arena, diag};
    return read_tensor(&it, message, out_tensor);
}

/* ---- nodes ---- */

static hone_status read_attribute(reader *it, hone_span message, hn_onnx_attribute *out) {
    enum { NAME = 1, F = 2, I = 3, S = 4, T = 5, G = 6, FLOATS = 7, INTS = 8 };
    hone_span rest = message, floats;
    hn_wire_field field;
    hone_status status;
    while ((status = hn_wire_next(&rest, &field)) == HONE_OK) {
        if (field.kind == HN_WIRE_BYTES && (field.number == NAME || field.number == S)) {
            *(field.number == NAME ? &out->name : &out->s) = text_of(field.bytes);
        } else if (field.kind == HN_WIRE_32 && field.number == F) {
            uint32_t bits = (uint32_t)field.value;
            memcpy(&out->f, &bits, sizeof bits);
            out->has_float = true;
        } else if (field.kind == HN_WIRE_VARINT && field.number == I) {
            out->i = (int64_t)field.value;
            out->has_int = true;
        } else if (field.kind == HN_WIRE_BYTES && field.number == T) {
            hn_onnx_tensor *tensor = HONE_ARENA_NEW(it->arena, hn_onnx_tensor);
            status = tensor ? read_tensor(it, field.bytes, tensor) : no_memory(it);
            if (status != HONE_OK) {
                return status;
            }
            out->tensor = tensor;
        } else if (field.number == G) {
            out->has_graph = true;
        }
    }
    numbers ints;
    status = bad(it, status, "an attribute");
    if (status != HONE_OK || (status = read_ints(it, message, INTS, &ints)) != HONE_OK ||
        (status = read_fixed(it, message, FLOATS, sizeof(float), &floats)) != HONE_OK) {
        return status;
    }
    out->ints = ints.values;
    out->ints_count = ints.count;
    out->floats = (const float *)(const void *)floats.data;
    out->floats_count = floats.size / sizeof(float);
    return HONE_OK;
}

static hone_status read_node(reader *it, hone_span message, hn_onnx_node *out) {
    enum { INPUT = 1, OUTPUT = 2, NAME = 3, OP = 4, ATTRIBUTE = 5, DOMAIN_NAME = 7 };
    size_t inputs, outputs, attributes;
    hone_status status;
    if ((status = count_field(it, message, INPUT, HN_ONNX_NAMES_MAX, &inputs)) != HONE_OK ||
        (status = count_field(it, message, OUTPUT, HN_ONNX_NAMES_MAX, &outputs)) != HONE_OK ||
        (status = count_field(it, message, ATTRIBUTE, HN_ONNX_ATTRIBUTES_MAX, &attributes)) !=
            HONE_OK) {
        return status;
    }
    hone_text *names = HONE_ARENA_NEW_ARRAY(it->arena, hone_text, inputs + outputs + 1);
    hn_onnx_attribute *list = HONE_ARENA_NEW_ARRAY(it->arena, hn_onnx_attribute, attributes + 1);
    if (!names || !list) {
        return no_memory(it);
    }
    *out = (hn_onnx_node){.inputs = names, .outputs = names + inputs, .attributes = list};
    for (hn_wire_field field; hn_wire_next(&message, &field) == HONE_OK;) {
        if (field.kind != HN_WIRE_BYTES) {
            continue;
        }
        switch (field.number) {
        case INPUT: names[out->inputs_count++] = text_of(field.bytes); break;
        case OUTPUT: names[inputs + out->outputs_count++] = text_of(field.bytes); break;
        case NAME: out->name = text_of(field.bytes); break;
        case OP: out->op = text_of(field.bytes); break;
        case DOMAIN_NAME: out->domain = text_of(field.bytes); break;
        case ATTRIBUTE:
            status = read_attribute(it, field.bytes, &list[out->attributes_count++]);
            if (status != HONE_OK) {
                return status;
            }
            break;
        default: break;
        }
    }
    return HONE_OK;
}

/* ---- inputs and outputs of the graph ---- */

static hone_status read_shape(reader *it, hone_span shape, hn_onnx_end *out) {
    enum { DIM = 1, DIM_VALUE = 1 };
    out->has_shape = true;
    for (hn_wire_field field; hn_wire_next(&shape, &field) == HONE_OK;) {
        if (field.number != DIM || field.kind != HN_WIRE_BYTES) {
            continue;
        }
        if (out->rank == HONE_NN_RANK_MAX) {
            return hone_diag_set(it->diag, HONE_STATUS_UNSUPPORTED,
                                 "'%.*s' has more than %d dimensions", (int)out->name.size,
                                 out->name.data, HONE_NN_RANK_MAX);
        }
        int64_t value = -1;
        for (hn_wire_field dim; hn_wire_next(&field.bytes, &dim) == HONE_OK;) {
            if (dim.number == DIM_VALUE && dim.kind == HN_WIRE_VARINT) {
                value = (int64_t)dim.value;
            }
        }
        out->dims[out->rank++] = value;
    }
    return HONE_OK;
}

static hone_status read_end(reader *it, hone_span message, hn_onnx_end *out) {
    enum { NAME = 1, TYPE = 2, TENSOR_TYPE = 1, ELEMENT = 1, SHAPE = 2 };
    hone_span type = {0}, tensor = {0};
    for (hn_wire_field field; hn_wire_next(&message, &field) == HONE_OK;) {
        if (field.kind == HN_WIRE_BYTES && field.number == NAME) {
            out->name = text_of(field.bytes);
        } else if (field.kind == HN_WIRE_BYTES && field.number == TYPE) {
            type = field.bytes;
        }
    }
    for (hn_wire_field field; hn_wire_next(&type, &field) == HONE_OK;) {
        if (field.kind == HN_WIRE_BYTES && field.number == TENSOR_TYPE) {
            tensor = field.bytes;
            out->is_tensor = true;
        }
    }
    for (hn_wire_field field; hn_wire_next(&tensor, &field) == HONE_OK;) {
        if (field.kind == HN_WIRE_VARINT && field.number == ELEMENT) {
            out->type = (int64_t)field.value;
        } else if (field.kind == HN_WIRE_BYTES && field.number == SHAPE) {
            hone_status status = read_shape(it, field.bytes, out);
            if (status != HONE_OK) {
                return status;
            }
        }
    }
    return HONE_OK;
}

/* ---- the graph ---- */

typedef struct lists {
    hn_onnx_node *nodes;
    hn_onnx_tensor *constants;
    hn_onnx_end *inputs, *outputs;
} lists;

enum { GRAPH_NODE = 1, GRAPH_CONSTANT = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_SPARSE = 15 };

static hone_status make_lists(reader *it, hone_span message, lists *out) {
    size_t nodes, constants, inputs, outputs;
    hone_status status;
    if ((status = count_field(it, message, GRAPH_NODE, HN_ONNX_NODES_MAX, &nodes)) != HONE_OK ||
        (status = count_field(it, message, GRAPH_CONSTANT, HN_ONNX_NODES_MAX, &constants)) !=
            HONE_OK ||
        (status = count_field(it, message, GRAPH_INPUT, HN_ONNX_NODES_MAX, &inputs)) != HONE_OK ||
        (status = count_field(it, message, GRAPH_OUTPUT, HN_ONNX_ENDS_MAX, &outputs)) != HONE_OK) {
        return status;
    }
    out->nodes = HONE_ARENA_NEW_ARRAY(it->arena, hn_onnx_node, nodes + 1);
    out->constants = HONE_ARENA_NEW_ARRAY(it->arena, hn_onnx_tensor, constants + 1);
    out->inputs = HONE_ARENA_NEW_ARRAY(it->arena, hn_onnx_end, inputs + 1);
    out->outputs = HONE_ARENA_NEW_ARRAY(it->arena, hn_onnx_end, outputs + 1);
    return out->nodes && out->constants && out->inputs && out->outputs ? HONE_OK : no_memory(it);
}

static hone_status read_graph(reader *it, hone_span message, hn_onnx_graph *out) {
    lists made = {0};
    hone_status status = make_lists(it, message, &made);
    out->nodes = made.nodes;
    out->constants = made.constants;
    out->inputs = made.inputs;
    out->outputs = made.outputs;
    for (hn_wire_field field; status == HONE_OK && hn_wire_next(&message, &field) == HONE_OK;) {
        if (field.kind != HN_WIRE_BYTES) {
            continue;
        }
        switch (field.number) {
        case GRAPH_NODE:
            status = read_node(it, field.bytes, &made.nodes[out->nodes_count++]);
            break;
        case GRAPH_CONSTANT:
            status = read_tensor(it, field.bytes, &made.constants[out->constants_count++]);
            break;
        case GRAPH_INPUT:
            status = read_end(it, field.bytes, &made.inputs[out->inputs_count++]);
            break;
        case GRAPH_OUTPUT:
            status = read_end(it, field.bytes, &made.outputs[out->outputs_count++]);
            break;
        case GRAPH_SPARSE:
            status = hone_diag_set(it->diag, HONE_STATUS_UNSUPPORTED,
                                   "the model has sparse weights, which are not supported");
            break;
        default: break;
        }
    }
    return status;
}

static void read_opset(hone_span message, hn_onnx_graph *out) {
    enum { DOMAIN_NAME = 1, VERSION = 2 };
    hone_text domain = {0};
    int64_t version = 0;
    for (hn_wire_field field; hn_wire_next(&message, &field) == HONE_OK;) {
        if (field.kind == HN_WIRE_BYTES && field.number == DOMAIN_NAME) {
            domain = text_of(field.bytes);
        } else if (field.kind == HN_WIRE_VARINT && field.number == VERSION) {
            version = (int64_t)field.value;
        }
    }
    if (domain.size == 0 || hone_text_is(domain, "ai.onnx")) {
        out->opset = version;
    }
}

hone_status hn_onnx_read(hone_span file, hone_arena *arena, hone_diag *diag,
                         hn_onnx_graph *out_graph) {
    enum { GRAPH = 7, OPSET = 8 };
    reader it = {arena, diag};
    hn_onnx_graph graph = {0};
    hone_span message = {0};
    hn_wire_field field;
    hone_status status;
    while ((status = hn_wire_next(&file, &field)) == HONE_OK) {
        if (field.kind == HN_WIRE_BYTES && field.number == GRAPH) {
            message = field.bytes;
        } else if (field.kind == HN_WIRE_BYTES && field.number == OPSET) {
            read_opset(field.bytes, &graph);
        }
    }
    status = bad(&it, status, "the model");
    if (status == HONE_OK && !message.data) {
        status = hone_diag_set(diag, HONE_STATUS_CORRUPT, "not an ONNX model: it holds no graph");
    }
    if (status == HONE_OK) {
        status = read_graph(&it, message, &graph);
    }
    if (status == HONE_OK) {
        *out_graph = graph;
    }
    return status;
}
