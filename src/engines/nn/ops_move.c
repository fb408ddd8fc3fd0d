/* SPDX-License-Identifier: Apache-2.0 */
/* What moves elements and changes none: any type, any layout. */
#include "network_internal.h"

/* ---- moving ---- */

static void move_row(const hn_move *it, size_t count, const uint8_t *in, uint8_t *out) {
    const ptrdiff_t in_step = it->in_strides[it->rank - 1] * (ptrdiff_t)it->element_bytes;
    const ptrdiff_t out_step = it->out_strides[it->rank - 1] * (ptrdiff_t)it->element_bytes;
    if (in_step == (ptrdiff_t)it->element_bytes && out_step == in_step) {
        memcpy(out, in, count * it->element_bytes);
        return;
    }
    for (size_t i = 0; i < count; i++, in += in_step, out += out_step) {
        if (it->element_bytes == 4) {
            memcpy(out, in, 4);
        } else {
            memcpy(out, in, it->element_bytes);
        }
    }
}

void hn_move_elements(const hn_move *move, const void *in, void *out) {
    hn_move it = *move;
    if (it.rank == 0) {
        it.rank = 1;
        it.dims[0] = 1;
    }
    const uint32_t inner = it.rank - 1;
    size_t rows = 1, index[HN_RANK] = {0};
    for (uint32_t d = 0; d < inner; d++) {
        rows *= it.dims[d];
    }
    ptrdiff_t in_at = it.in_offset, out_at = it.out_offset;
    for (size_t row = 0; row < rows; row++) {
        move_row(&it, it.dims[inner], (const uint8_t *)in + in_at * (ptrdiff_t)it.element_bytes,
                 (uint8_t *)out + out_at * (ptrdiff_t)it.element_bytes);
        for (uint32_t d = inner; d-- > 0;) {
            in_at += it.in_strides[d];
            out_at += it.out_strides[d];
            if (++index[d] < it.dims[d]) {
                break;
            }
            in_at -= it.in_strides[d] * (ptrdiff_t)it.dims[d];
            out_at -= it.out_strides[d] * (ptrdiff_t)it.dims[d];
            index[d] = 0;
        }
    }
}

static void run_move(const hn_run *run, const hn_step *step) {
    hn_move_elements(step->params, hn_in(run, step, 0), hn_out(run, step));
}

hone_status hn_add_move(hn_builder *b, const char *name, const hn_move *move, hn_value_id in,
                        hn_value_id out) {
    hn_move *kept = HONE_ARENA_NEW(b->keep, hn_move);
    if (!kept) {
        return hn_no_memory(b);
    }
    *kept = *move;
    hn_step step = {.run = run_move,
                    .name = name,
                    .inputs = {in},
                    .inputs_count = 1,
                    .output = out,
                    .params = kept};
    return hn_add_step(b, &step);
}

/* A move from a new value's shape, whose strides in the input are given. */
static hone_status bind_move(hn_builder *b, const hn_onnx_node *node, const char *name,
                             hn_move *move, hn_value_id in, size_t output_index) {
    hn_value_id out;
    const hone_nn_type type = hn_at(b, in)->type;
    hone_status status = hn_new_value(b, type, move->rank, move->dims, &out);
    if (status != HONE_OK) {
        return status;
    }
    move->element_bytes = hone_nn_type_bytes(type);
    hn_strides(hn_at(b, out), move->out_strides);
    status = hn_add_move(b, name, move, in, out);
    return status == HONE_OK ? hn_bind(b, node, output_index, out) : status;
}

/* ---- other dimensions for the same elements ---- */

static hone_status bind_view(hn_builder *b, const hn_onnx_node *node, uint32_t rank,
                             const size_t *dims) {
    hn_value_id in, out;
    hone_status status = hn_plain(b, hn_input(b, node, 0), &in);
    if (status != HONE_OK || (status = hn_view(b, in, rank, dims, &out)) != HONE_OK) {
        return status;
    }
    if (hn_at(b, out)->count != hn_at(b, in)->count) {
        return hn_wrong(b, node, "a shape of another number of elements");
    }
    return hn_bind(b, node, 0, out);
}

hone_status hn_define_reshape(hn_builder *b, const hn_onnx_node *node) {
    const hn_value *in = hn_at(b, hn_input(b, node, 0));
    const hn_onnx_attribute *attribute = hn_attribute(node, "shape");
    const int64_t *shape = attribute ? attribute->ints : NULL;
    size_t count = attribute ? attribute->ints_count : 0, dims[HN_RANK], known = 1;
    if (!attribute && !hn_constant_ints(b, hn_input(b, node, 1), &shape, &count)) {
        return hn_unsupported(b, node, "a shape that is not constant");
    }
    if (count > HN_RANK) {
        return hn_unsupported(b, node, "more than 6 dimensions");
    }
    size_t open = HN_RANK;
    for (size_t i = 0; i < count; i++) {
        if (shape[i] < -1 || shape[i] > INT32_MAX || (shape[i] == -1 && open < HN_RANK) ||
            (shape[i] == 0 && i >= in->rank)) {
            return hn_wrong(b, node, "a shape that makes no sense");
        }
        bool is_copied = shape[i] == 0 && hn_attribute_int(node, "allowzero", 0) == 0;
        dims[i] = is_copied ? in->dims[i] : shape[i] == -1 ? 1 : (size_t)shape[i];
        open = shape[i] == -1 ? i : open;
        known *= dims[i] <= INT32_MAX && known <= INT32_MAX ? dims[i] : 0;
    }
    if (open < HN_RANK) {
        if (known == 0 || in->count % known != 0) {
            return hn_wrong(b, node, "a shape that does not fit");
        }
        dims[open] = in->count / known;
    }
    return bind_view(b, node, (uint32_t)count, dims);
}

hone_status hn_define_flatten(hn_builder *b, const hn_onnx_node *node) {
    const hn_value *in = hn_at(b, hn_input(b, node, 0));
    int64_t axis = hn_attribute_int(node, "axis", 1);
    axis += axis < 0 ? in->rank : 0;
    if (axis < 0 || axis > in->rank) {
        return hn_wrong(b, node, "an axis out of range");
    }
    size_t dims[2] = {1, 1};
    for (uint32_t d = 0; d < in->rank; d++) {
        dims[d >= axis] *= in->dims[d];
    }
    return bind_view(b, node, 2, dims);
}

hone_status hn_define_identity(hn_builder *b, const hn_onnx_node *node) {
    if (hone_text_is(node->op, "Dropout") &&
        (hn_input(b, node, 2) != HN_NONE || node->outputs_count > 1)) {
        return hn_unsupported(b, node, "training, and the mask as an output");
    }
    return hn_bind(b, node, 0, hn_input(b, node, 0));
}

/* Axes of Squeeze and Unsqueeze as bits of `rank` dimensions. */
static hone_status read_axis_bits(hn_builder *b, const hn_onnx_node *node, uint32_t more,
                                  uint32_t *out_bits, uint32_t *out_rank) {
    const hn_onnx_attribute *attribute = hn_attribute(node, "axes");
    const int64_t *axes = attribute ? attribute->ints : NULL;
    size_t count = attribute ? attribute->ints_count : 0;
    if (hn_input(b, node, 1) != HN_NONE &&
        !hn_constant_ints(b, hn_input(b, node, 1), &axes, &count)) {
        return hn_unsupported(b, node, "axes that are not constant");
    }
    uint32_t rank = hn_at(b, hn_input(b, node, 0))->rank;
    if (more && rank + count > HN_RANK) {
        return hn_unsupported(b, node, "more than 6 dimensions");
    }
    rank += more ? (uint32_t)count : 0;
    *out_bits = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t axis;
        if (!hn_axis(axes[i], rank, &axis) || *out_bits >> axis & 1) {
            return hn_wrong(b, node, "an axis out of range");
        }
        *out_bits |= 1u << axis;
    }
    *out_rank = rank;
    return HONE_OK;
}

hone_status hn_define_squeeze(hn_builder *b, const hn_onnx_node *node) {
    uint32_t bits, rank, kept = 0;
    hone_status status = read_axis_bits(b, node, 0, &bits, &rank);
    if (status != HONE_OK) {
        return status;
    }
    const hn_value *in = hn_at(b, hn_input(b, node, 0));
    size_t dims[HN_RANK];
    for (uint32_t d = 0; d < rank; d++) {
        bool goes = bits ? bits >> d & 1 : in->dims[d] == 1;
        if (!goes) {
            dims[kept++] = in->dims[d];
        }
    }
    return bind_view(b, node, kept, dims);
}

hone_status hn_define_unsqueeze(hn_builder *b, const hn_onnx_node *node) {
    uint32_t bits, rank;
    hone_status status = read_axis_bits(b, node, 1, &bits, &rank);
    if (status != HONE_OK) {
        return status;
    }
    const hn_value *in = hn_at(b, hn_input(b, node, 0));
    size_t dims[HN_RANK];
    for (uint32_t d = 0, from = 0; d < rank; d++) {
        dims[d] = bits >> d & 1 ? 1 : in->dims[from++];
    }
    return bind_view(b, node, rank, dims);
}

/* ---- parts and orders ---- */

hone_status hn_define_transpose(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in = hn_input(b, node, 0);
    const hn_value *of = hn_at(b, in);
    const hn_onnx_attribute *order = hn_attribute(node, "perm");
    ptrdiff_t strides[HN_RANK] = {0};
    uint32_t seen = 0;
    hn_strides(of, strides);
    hn_move move = {.rank = of->rank};
    for (uint32_t d = 0; d < of->rank; d++) {
        uint32_t from = of->rank - 1 - d;
        if (order && (order->ints_count != of->rank || !hn_axis(order->ints[d], of->rank, &from))) {
            return hn_wrong(b, node, "an order that does not fit");
        }
        seen |= 1u << from;
        move.dims[d] = of->dims[from];
        move.in_strides[d] = strides[from];
    }
    if (seen != (1u << of->rank) - 1) {
        return hn_wrong(b, node, "an order that names a dimension twice");
    }
    return bind_move(b, node, "Transpose", &move, in, 0);
}

hone_status hn_define_expand(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in = hn_input(b, node, 0);
    const hn_value *of = hn_at(b, in);
    const int64_t *shape;
    size_t count;
    if (!hn_constant_ints(b, hn_input(b, node, 1), &shape, &count) || count > HN_RANK) {
        return hn_unsupported(b, node, "a shape that is not constant");
    }
    ptrdiff_t strides[HN_RANK] = {0};
    hn_strides(of, strides);
    hn_move move = {.rank = count > of->rank ? (uint32_t)count : of->rank};
    for (uint32_t d = 0; d < move.rank; d++) {
        bool has_in = d + of->rank >= move.rank;
        size_t in_dim = has_in ? of->dims[d + of->rank - move.rank] : 1;
        int64_t wanted = d + count >= move.rank ? shape[d + count - move.rank] : 1;
        if (wanted < 0 || wanted > INT32_MAX ||
            (in_dim != 1 && wanted != 1 && (size_t)wanted != in_dim)) {
            return hn_wrong(b, node, "a shape that does not fit");
        }
        move.dims[d] = in_dim == 1 ? (size_t)wanted : in_dim;
        move.in_strides[d] = in_dim == 1 ? 0 : strides[d + of->rank - move.rank];
    }
    return bind_move(b, node, "Expand", &move, in, 0);
}

typedef struct concat {
    uint32_t count;
    hn_move *moves;
} concat;

static void run_concat(const hn_run *run, const hn_step *step) {
    const concat *it = step->params;
    for (uint32_t i = 0; i < it->count; i++) {
        hn_move_elements(&it->moves[i], hn_in(run, step, i), hn_out(run, step));
    }
}

/* Two at a time, from the left: steps have few inputs. */
static hone_status join(hn_builder *b, const hn_onnx_node *node, hn_value_id pair[2],
                        hn_value_id *out_id) {
    const hn_value x = *hn_at(b, pair[0]), y = *hn_at(b, pair[1]);
    uint32_t axis;
    if (x.rank != y.rank || x.type != y.type ||
        !hn_axis(hn_attribute_int(node, "axis", 1), x.rank, &axis)) {
        return hn_wrong(b, node, "inputs or an axis that do not fit");
    }
    size_t dims[HN_RANK];
    for (uint32_t d = 0; d < x.rank; d++) {
        dims[d] = x.dims[d] + (d == axis ? y.dims[d] : 0);
        if (d != axis && x.dims[d] != y.dims[d]) {
            return hn_wrong(b, node, "inputs that do not fit each other");
        }
    }
    hone_status status = hn_new_value(b, x.type, x.rank, dims, out_id);
    concat *it = HONE_ARENA_NEW(b->keep, concat);
    hn_move *moves = HONE_ARENA_NEW_ARRAY(b->keep, hn_move, 2);
    if (status != HONE_OK || !it || !moves) {
        return it && moves ? status : hn_no_memory(b);
    }
    hn_at(b, *out_id)->is_channels_last = x.is_channels_last && y.is_channels_last;
    *it = (concat){2, moves};
    for (int side = 0; side < 2; side++) {
        const hn_value *in = side ? &y : &x;
        moves[side] = (hn_move){.rank = x.rank, .element_bytes = hone_nn_type_bytes(x.type)};
        memcpy(moves[side].dims, in->dims, sizeof in->dims);
        hn_strides(in, moves[side].in_strides);
        hn_strides(hn_at(b, *out_id), moves[side].out_strides);
        moves[side].out_offset = side ? (ptrdiff_t)x.dims[axis] * moves[side].out_strides[axis] : 0;
    }
    hn_step step = {.run = run_concat,
                    .name = "Concat",
                    .inputs = {pair[0], pair[1]},
                    .inputs_count = 2,
                    .output = *out_id,
                    .params = it};
    return hn_add_step(b, &step);
}

hone_status hn_define_concat(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id result = hn_input(b, node, 0);
    for (size_t i = 1; i < node->inputs_count; i++) {
        hn_value_id pair[2] = {result, hn_input(b, node, i)};
        hone_status status = pair[0] != HN_NONE && pair[1] != HN_NONE
                                 ? join(b, node, pair, &result)
                                 : hn_wrong(b, node, "an input that is left out");
        if (status != HONE_OK) {
            return status;
        }
    }
    return hn_bind(b, node, 0, result);
}

/* One list of Slice, from an attribute before version 10, else from an input. */
static bool slice_list(const hn_builder *b, const hn_onnx_node *node, const char *name,
                       size_t index, const int64_t **out, size_t *out_count) {
    const hn_onnx_attribute *attribute = hn_attribute(node, name);
    if (attribute) {
        *out = attribute->ints;
        *out_count = attribute->ints_count;
        return true;
    }
    *out = NULL;
    *out_count = 0;
    hn_value_id id = hn_input(b, node, index);
    return id == HN_NONE || hn_constant_ints(b, id, out, out_count);
}

/* A begin or end, counted from the end where negative, kept in [low, high]. */
static int64_t bound(int64_t value, int64_t dim, int64_t low, int64_t high) {
    value += value < 0 ? dim : 0;
    value = value < low ? low : value;
    return value > high ? high : value;
}

static bool cut(hn_move *move, uint32_t axis, int64_t from, int64_t to, int64_t step) {
    const int64_t dim = (int64_t)move->dims[axis];
    if (step == 0 || step < -INT32_MAX || step > INT32_MAX) {
        return false;
    }
    from = step > 0 ? bound(from, dim, 0, dim) : bound(from, dim, 0, dim - 1);
    to = step > 0 ? bound(to, dim, 0, dim) : bound(to, dim, -1, dim - 1);
    int64_t count = step > 0 ? (to - from + step - 1) / step : (from - to - step - 1) / -step;
    move->dims[axis] = count > 0 && dim > 0 ? (size_t)count : 0;
    move->in_offset += (ptrdiff_t)from * move->in_strides[axis];
    move->in_strides[axis] *= (ptrdiff_t)step;
    return true;
}

hone_status hn_define_slice(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in = hn_input(b, node, 0);
    const int64_t *starts, *ends, *axes, *steps;
    size_t starts_count, ends_count, axes_count, steps_count;
    if (!slice_list(b, node, "starts", 1, &starts, &starts_count) ||
        !slice_list(b, node, "ends", 2, &ends, &ends_count) ||
        !slice_list(b, node, "axes", 3, &axes, &axes_count) ||
        !slice_list(b, node, "steps", 4, &steps, &steps_count)) {
        return hn_unsupported(b, node, "bounds that are not constant i64");
    }
    if (starts_count != ends_count || (axes && axes_count != starts_count) ||
        (steps && steps_count != starts_count)) {
        return hn_wrong(b, node, "lists of different lengths");
    }
    const hn_value *of = hn_at(b, in);
    hn_move move = {.rank = of->rank};
    memcpy(move.dims, of->dims, sizeof move.dims);
    hn_strides(of, move.in_strides);
    for (size_t i = 0; i < starts_count; i++) {
        uint32_t axis;
        if (!hn_axis(axes ? axes[i] : (int64_t)i, of->rank, &axis) ||
            !cut(&move, axis, starts[i], ends[i], steps ? steps[i] : 1)) {
            return hn_wrong(b, node, "an axis or step out of range");
        }
    }
    return bind_move(b, node, "Slice", &move, in, 0);
}

hone_status hn_define_split(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in = hn_input(b, node, 0);
    const hn_value of = *hn_at(b, in);
    const int64_t *sizes;
    size_t count, at = 0;
    uint32_t axis;
    if (!slice_list(b, node, "split", 1, &sizes, &count)) {
        return hn_unsupported(b, node, "sizes that are not constant");
    }
    if (!hn_axis(hn_attribute_int(node, "axis", 0), of.rank, &axis) ||
        (count > 0 && count != node->outputs_count) || node->outputs_count == 0) {
        return hn_wrong(b, node, "an axis or sizes that do not fit");
    }
    for (size_t i = 0; i < node->outputs_count; i++) {
        int64_t size = count > 0 ? sizes[i] : (int64_t)(of.dims[axis] / node->outputs_count);
        hn_move move = {.rank = of.rank};
        memcpy(move.dims, of.dims, sizeof move.dims);
        hn_strides(&of, move.in_strides);
        if (size < 0 || (size_t)size > of.dims[axis] - at) {
            return hn_wrong(b, node, "sizes that do not fit");
        }
        (void)cut(&move, axis, (int64_t)at, (int64_t)at + size, 1);
        at += (size_t)size;
        hone_status status = bind_move(b, node, "Split", &move, in, i);
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

/* ---- gathering ---- */

typedef struct gather {
    size_t outer, axis, inner, picks;
    size_t element_bytes;
    bool is_wide; /* indices are i64, else i32 */
} gather;

static void run_gather(const hn_run *run, const hn_step *step) {
    const gather *it = step->params;
    const uint8_t *in = hn_in(run, step, 0), *indices = hn_in(run, step, 1);
    uint8_t *out = hn_out(run, step);
    const size_t bytes = it->inner * it->element_bytes;
    for (size_t o = 0; o < it->outer; o++) {
        for (size_t i = 0; i < it->picks; i++, out += bytes) {
            int64_t wide = 0;
            int32_t narrow = 0;
            memcpy(it->is_wide ? (void *)&wide : (void *)&narrow,
                   indices + i * (it->is_wide ? 8 : 4), it->is_wide ? 8 : 4);
            int64_t at = it->is_wide ? wide : narrow;
            at += at < 0 ? (int64_t)it->axis : 0;
            if (at < 0 || at >= (int64_t)it->axis) {
                memset(out, 0, bytes); /* out of range: zeros, as the header of the model says */
            } else {
                memcpy(out, in + (o * it->axis + (size_t)at) * bytes, bytes);
            }
        }
    }
}

hone_status hn_define_gather(hn_builder *b, const hn_onnx_node *node) {
    hn_value_id in, indices = hn_input(b, node, 1), out;
    hone_status status = hn_plain(b, hn_input(b, node, 0), &in);
    if (status != HONE_OK || (status = hn_plain(b, indices, &indices)) != HONE_OK) {
        return status;
    }
    const hn_value of = *hn_at(b, in), at = *hn_at(b, indices);
    uint32_t axis, rank = 0;
    if (!hn_axis(hn_attribute_int(node, "axis", 0), of.rank, &axis) ||
        (at.type != HONE_NN_I64 && at.type != HONE_NN_I32)) {
        return hn_wrong(b, node, "an axis or indices that do not fit");
    }
    if (of.rank + at.rank - 1 > HN_RANK) {
        return hn_unsupported(b, node, "more than 6 dimensions");
    }
    gather *it = HONE_ARENA_NEW(b->keep, gather);
    if (!it) {
        return hn_no_memory(b);
    }
    *it = (gather){
        1, of.dims[axis], 1, at.count, hone_nn_type_bytes(of.type), at.type == HONE_NN_I64};
    size_t dims[HN_RANK];
    for (uint32_t d = 0; d < of.rank; d++) {
        if (d == axis) {
            memcpy(dims + rank, at.dims, at.rank * sizeof *dims);
            rank += at.rank;
            continue;
        }
        dims[rank++] = of.dims[d];
        *(d < axis ? &it->outer : &it->inner) *= of.dims[d];
    }
    status = hn_new_value(b, of.type, rank, dims, &out);
    if (status != HONE_OK) {
        return status;
    }
    hn_step step = {.run = run_gather,
                    .name = "Gather",
                    .inputs = {in, indices},
                    .inputs_count = 2,
                    .output = out,
                    .params = it};
    status = hn_add_step(b, &step);
    return status == HONE_OK ? hn_bind(b, node, 0, out) : status;
}

/* ---- what is known when loading ---- */

static hone_status bind_constant(hn_builder *b, const hn_onnx_node *node, const hn_value *like,
                                 const void *elements) {
    hn_value_id out;
    hone_status status = hn_new_value(b, like->type, like->rank, like->dims, &out);
    if (status != HONE_OK) {
        return status;
    }
    hn_at(b, out)->constant = elements;
    return hn_bind(b, node, 0, out);
}

hone_status hn_define_shape(hn_builder *b, const hn_onnx_node *node) {
    const hn_value *in = hn_at(b, hn_input(b, node, 0));
    if (hn_attribute(node, "start") || hn_attribute(node, "end")) {
        return hn_unsupported(b, node, "a part of the shape (start, end)");
    }
    int64_t *elements = HONE_ARENA_NEW_ARRAY(b->work, int64_t, HN_RANK);
    if (!elements) {
        return hn_no_memory(b);
    }
    for (uint32_t d = 0; d < in->rank; d++) {
        elements[d] = (int64_t)in->dims[d];
    }
    const hn_value like = {.type = HONE_NN_I64, .rank = 1, .dims = {in->rank}};
    return bind_constant(b, node, &like, elements);
}

hone_status hn_define_constant(hn_builder *b, const hn_onnx_node *node) {
    const hn_onnx_attribute *value = hn_attribute(node, "value");
    if (value && value->tensor) {
        hn_value like = {.type = value->tensor->type, .rank = value->tensor->rank};
        memcpy(like.dims, value->tensor->dims, sizeof like.dims);
        return bind_constant(b, node, &like, value->tensor->data);
    }
    const hn_onnx_attribute *floats = hn_attribute(node, "value_floats");
    const hn_onnx_attribute *ints = hn_attribute(node, "value_ints");
    if (floats || ints) {
        const hn_value like = {.type = floats ? HONE_NN_F32 : HONE_NN_I64,
                               .rank = 1,
                               .dims = {floats ? floats->floats_count : ints->ints_count}};
        return bind_constant(b, node, &like,
                             floats ? (const void *)floats->floats : (const void *)ints->ints);
    }
    const hn_onnx_attribute *one = hn_attribute(node, "value_float");
    const hn_onnx_attribute *whole = hn_attribute(node, "value_int");
    if (one || whole) {
        const hn_value like = {.type = one ? HONE_NN_F32 : HONE_NN_I64};
        return bind_constant(b, node, &like, one ? (const void *)&one->f : (const void *)&whole->i);
    }
    return hn_unsupported(b, node, "a value that is text or sparse");
}
