/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and other expressions as sequences of elements; their structure. */
#include "builtins_internal.h"

static hn_value need_normal(hone_lyra *lyra, hn_call *call) {
    hn_message2(lyra, call->head, "normal", hn_of_small(1), hn_call_node(lyra, call));
    return HN_NONE;
}

static void push_all(hone_lyra *lyra, hn_value value) {
    hn_stack_need(lyra, hn_count(value));
    for (uint32_t i = 0; i < hn_count(value); i++) {
        lyra->stack[lyra->stack_top++] = hn_arg(value, i);
    }
}

static hn_value length(hone_lyra *lyra, hn_call *call) {
    (void)lyra;
    return hn_of_small(hn_is_normal(call->args[0]) ? hn_count(call->args[0]) : 0);
}

static hn_value head(hone_lyra *lyra, hn_call *call) {
    return hn_head_of(lyra, call->args[0]);
}

static hn_value depth(hone_lyra *lyra, hn_call *call) {
    return hn_of_small(hn_depth(lyra, call->args[0]));
}

static int64_t leaves(hone_lyra *lyra, hn_value value) {
    if (!hn_is_normal(value)) {
        return hn_is_kind(value, HN_RATIONAL) || hn_is_kind(value, HN_COMPLEX) ? 3 : 1;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    int64_t sum = 0;
    for (uint32_t i = 0; i <= hn_count(value); i++) {
        sum += leaves(lyra, hn_node_of(value)->words[i]);
    }
    return sum;
}

static hn_value leaf_count(hone_lyra *lyra, hn_call *call) {
    return hn_of_small(leaves(lyra, call->args[0]));
}

static hn_value append(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1) {
        return HN_NONE;
    }
    if (!hn_is_normal(call->args[0])) {
        return need_normal(lyra, call);
    }
    size_t top = lyra->stack_top;
    push_all(lyra, call->args[0]);
    hn_push(lyra, call->args[1]);
    return hn_make_pushed(lyra, hn_head(call->args[0]), top);
}

static hn_value prepend(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1) {
        return HN_NONE;
    }
    if (!hn_is_normal(call->args[0])) {
        return need_normal(lyra, call);
    }
    size_t top = lyra->stack_top;
    hn_push(lyra, call->args[1]);
    push_all(lyra, call->args[0]);
    return hn_make_pushed(lyra, hn_head(call->args[0]), top);
}

static hn_value join(hone_lyra *lyra, hn_call *call) {
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < call->count; i++) {
        if (!hn_is_normal(call->args[i])) {
            lyra->stack_top = top;
            return need_normal(lyra, call);
        }
        if (!hn_is_same(lyra, hn_head(call->args[i]), hn_head(call->args[0]))) {
            lyra->stack_top = top;
            hn_message2(lyra, call->head, "heads", hn_head(call->args[0]), hn_head(call->args[i]));
            return HN_NONE;
        }
        push_all(lyra, call->args[i]);
    }
    return hn_make_pushed(lyra, call->count ? hn_head(call->args[0]) : HN_SYM(lyra, List), top);
}

static hn_value reverse(hone_lyra *lyra, hn_call *call) {
    hn_value list = call->args[0];
    if (!hn_is_normal(list)) {
        return need_normal(lyra, call);
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = hn_count(list); i-- > 0;) {
        hn_push(lyra, hn_arg(list, i));
    }
    return hn_make_pushed(lyra, hn_head(list), top);
}

static void flatten(hone_lyra *lyra, hn_value value, hn_value wanted, int64_t levels) {
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    for (uint32_t i = 0; i < hn_count(value); i++) {
        hn_value arg = hn_arg(value, i);
        if (levels > 0 && hn_is_normal(arg) && hn_is_same(lyra, hn_head(arg), wanted)) {
            flatten(lyra, arg, wanted, levels - 1);
        } else {
            hn_push(lyra, arg);
        }
    }
}

static hn_value flatten_form(hone_lyra *lyra, hn_call *call) {
    int64_t levels = INT64_MAX;
    hn_value list = call->args[0];
    if (!hn_is_normal(list)) {
        return need_normal(lyra, call);
    }
    if (call->count > 1 && !hn_get_int(call->args[1], &levels) &&
        !HN_IS_FORM(lyra, call->args[1], DirectedInfinity)) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    flatten(lyra, list, call->count > 2 ? call->args[2] : hn_head(list), levels);
    return hn_make_pushed(lyra, hn_head(list), top);
}

/* --- order ----------------------------------------------------------------------------------- */

/* Stable merge sort by a function of the program: it says True, 1, False or -1. */
static bool is_before(hone_lyra *lyra, hn_value test, hn_value a, hn_value b) {
    hn_value answer = hn_apply2(lyra, test, a, b);
    return answer != HN_SYM(lyra, False) && answer != hn_of_small(-1);
}

static void sort_by_test(hone_lyra *lyra, hn_value test, hn_value *values, hn_value *room,
                         uint32_t count) {
    if (count < 2) {
        return;
    }
    uint32_t half = count / 2, from = 0, other = half, to = 0;
    sort_by_test(lyra, test, values, room, half);
    sort_by_test(lyra, test, values + half, room, count - half);
    memcpy(room, values, half * sizeof *values);
    while (from < half) {
        values[to++] = other < count && !is_before(lyra, test, room[from], values[other])
                           ? values[other++]
                           : room[from++];
    }
}

static hn_value sort(hone_lyra *lyra, hn_call *call) {
    hn_value list = call->args[0];
    if (!hn_is_normal(list)) {
        return need_normal(lyra, call);
    }
    size_t top = lyra->stack_top;
    uint32_t count = hn_count(list);
    push_all(lyra, list);
    if (call->count == 1) {
        hn_sort(lyra, lyra->stack + top, count);
        return hn_make_pushed(lyra, hn_head(list), top);
    }
    hn_stack_need(lyra, count);
    memset(lyra->stack + top + count, 0, count * sizeof(hn_value));
    lyra->stack_top += count;
    sort_by_test(lyra, call->args[1], lyra->stack + top, lyra->stack + top + count, count);
    lyra->stack_top = top + count;
    return hn_make_pushed(lyra, hn_head(list), top);
}

static hn_value sort_by(hone_lyra *lyra, hn_call *call) {
    hn_value list = call->args[0];
    if (call->count < 2 || !hn_is_normal(list)) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(list); i++) {
        hn_value pair[] = {hn_apply1(lyra, call->args[1], hn_arg(list, i)), hn_arg(list, i)};
        hn_push(lyra, hn_make_list(lyra, pair, 2));
    }
    hn_sort(lyra, lyra->stack + top, hn_count(list));
    for (uint32_t i = 0; i < hn_count(list); i++) {
        lyra->stack[top + i] = hn_arg(lyra->stack[top + i], 1);
    }
    return hn_make_pushed(lyra, hn_head(list), top);
}

static void unite(hone_lyra *lyra, size_t top) {
    uint32_t count = (uint32_t)(lyra->stack_top - top), kept = 0;
    hn_value *values = lyra->stack + top;
    hn_sort(lyra, values, count);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || !hn_is_same(lyra, values[kept - 1], values[i])) {
            values[kept++] = values[i];
        }
    }
    lyra->stack_top = top + kept;
}

static hn_value set_union(hone_lyra *lyra, hn_call *call) {
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < call->count; i++) {
        if (!hn_is_normal(call->args[i])) {
            lyra->stack_top = top;
            return need_normal(lyra, call);
        }
        push_all(lyra, call->args[i]);
    }
    unite(lyra, top);
    return hn_make_pushed(lyra, call->count ? hn_head(call->args[0]) : HN_SYM(lyra, List), top);
}

static bool is_element(hone_lyra *lyra, hn_value list, hn_value value) {
    for (uint32_t i = 0; i < hn_count(list); i++) {
        if (hn_is_same(lyra, hn_arg(list, i), value)) {
            return true;
        }
    }
    return false;
}

static hn_value select_set(hone_lyra *lyra, hn_call *call, bool is_wanted) {
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < call->count; i++) {
        if (!hn_is_normal(call->args[i])) {
            return need_normal(lyra, call);
        }
    }
    for (uint32_t i = 0; i < hn_count(call->args[0]); i++) {
        hn_value value = hn_arg(call->args[0], i);
        bool is_kept = true;
        for (uint32_t k = 1; k < call->count && is_kept; k++) {
            is_kept = is_element(lyra, call->args[k], value) == is_wanted;
        }
        if (is_kept) {
            hn_push(lyra, value);
        }
    }
    unite(lyra, top);
    return hn_make_pushed(lyra, hn_head(call->args[0]), top);
}

static hn_value intersection(hone_lyra *lyra, hn_call *call) {
    return select_set(lyra, call, true);
}
static hn_value complement(hone_lyra *lyra, hn_call *call) {
    return select_set(lyra, call, false);
}

static hn_value delete_duplicates(hone_lyra *lyra, hn_call *call) {
    hn_value list = call->args[0];
    if (!hn_is_normal(list)) {
        return need_normal(lyra, call);
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(list); i++) {
        bool is_new = true;
        for (size_t k = top; k < lyra->stack_top && is_new; k++) {
            is_new = call->count > 1 ? !hn_is_true(lyra, hn_apply2(lyra, call->args[1],
                                                                   lyra->stack[k], hn_arg(list, i)))
                                     : !hn_is_same(lyra, lyra->stack[k], hn_arg(list, i));
        }
        if (is_new) {
            hn_push(lyra, hn_arg(list, i));
        }
    }
    return hn_make_pushed(lyra, hn_head(list), top);
}

static hn_value tally(hone_lyra *lyra, hn_call *call) {
    hn_value list = call->args[0];
    if (!HN_IS_FORM(lyra, list, List)) {
        return need_normal(lyra, call);
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(list); i++) {
        size_t k = top;
        while (k < lyra->stack_top &&
               !hn_is_same(lyra, hn_arg(lyra->stack[k], 0), hn_arg(list, i))) {
            k++;
        }
        int64_t count = k < lyra->stack_top ? hn_integer_of(hn_arg(lyra->stack[k], 1)) : 0;
        hn_value pair[] = {hn_arg(list, i), hn_of_small(count + 1)};
        hn_value made = hn_make_list(lyra, pair, 2);
        if (k < lyra->stack_top) {
            lyra->stack[k] = made;
        } else {
            hn_push(lyra, made);
        }
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

/* --- numbers in lists ------------------------------------------------------------------------ */

static hn_value total(hone_lyra *lyra, hn_call *call) {
    hn_value list = call->args[0];
    if (!hn_is_normal(list)) {
        return need_normal(lyra, call);
    }
    bool is_association = HN_IS_FORM(lyra, list, Association);
    size_t top = lyra->stack_top;
    hn_value sum = hn_of_small(0);
    for (uint32_t i = 0; i < hn_count(list); i++) {
        hn_value arg = is_association ? hn_arg(hn_arg(list, i), 1) : hn_arg(list, i);
        if (hn_is_number(arg)) {
            sum = hn_number_add(lyra, sum, arg);
        } else {
            hn_push(lyra, arg);
        }
    }
    hn_push(lyra, sum);
    return hn_make_pushed(lyra, HN_SYM(lyra, Plus), top);
}

static hn_value accumulate(hone_lyra *lyra, hn_call *call) {
    hn_value list = call->args[0];
    if (!hn_is_normal(list)) {
        return need_normal(lyra, call);
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(list); i++) {
        hn_value arg = hn_arg(list, i);
        hn_push(lyra, i ? hn_plus(lyra, lyra->stack[lyra->stack_top - 1], arg) : arg);
    }
    return hn_make_pushed(lyra, hn_head(list), top);
}

static hn_value partition(hone_lyra *lyra, hn_call *call) {
    int64_t size, step;
    hn_value list = call->args[0];
    if (!hn_is_normal(list) || call->count < 2 || !hn_get_int(call->args[1], &size) || size < 1) {
        return HN_NONE;
    }
    step = size;
    if (call->count > 2 && (!hn_get_int(call->args[2], &step) || step < 1)) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    for (int64_t i = 0; i + size <= (int64_t)hn_count(list); i += step) {
        hn_push(lyra, hn_make(lyra, hn_head(list), hn_args(list) + i, (uint32_t)size));
    }
    return hn_make_pushed(lyra, hn_head(list), top);
}

static hn_value transpose(hone_lyra *lyra, hn_call *call) {
    hn_value matrix = call->args[0];
    if (!HN_IS_FORM(lyra, matrix, List) || hn_count(matrix) == 0 ||
        !HN_IS_FORM(lyra, hn_arg(matrix, 0), List)) {
        hn_message1(lyra, call->head, "nmtx", matrix);
        return HN_NONE;
    }
    uint32_t columns = hn_count(hn_arg(matrix, 0));
    for (uint32_t i = 0; i < hn_count(matrix); i++) {
        if (!hn_has_form(hn_arg(matrix, i), HN_SYM(lyra, List), columns)) {
            hn_message1(lyra, call->head, "nmtx", matrix);
            return HN_NONE;
        }
    }
    size_t top = lyra->stack_top;
    for (uint32_t k = 0; k < columns; k++) {
        size_t inner = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(matrix); i++) {
            hn_push(lyra, hn_arg(hn_arg(matrix, i), k));
        }
        hn_push(lyra, hn_make_pushed(lyra, HN_SYM(lyra, List), inner));
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

const hn_builtin hn_builtins_lists[] = {
    {"Length", length, HN_P, 1, 1, "Length[expr] gives the number of elements."},
    {"Head", head, HN_P, 1, 1, "Head[expr] gives the head of expr."},
    {"Depth", depth, HN_P, 1, 1, "Depth[expr] gives the largest number of levels plus 1."},
    {"LeafCount", leaf_count, HN_P, 1, 1, "LeafCount[expr] counts the parts that are atoms."},
    {"Append", append, HN_P, 1, 2, "Append[expr, elem] gives expr with elem at its end."},
    {"Prepend", prepend, HN_P, 1, 2, "Prepend[expr, elem] gives expr with elem at its front."},
    {"Join", join, HN_P | HN_FLAT | HN_ONE_IDENTITY, 0, -1,
     "Join[list1, list2, ...] puts lists together."},
    {"Reverse", reverse, HN_P, 1, 1, "Reverse[expr] reverses the elements."},
    {"Flatten", flatten_form, HN_P, 1, 3, "Flatten[list, n] removes nested lists to level n."},
    {"Sort", sort, HN_P, 1, 2, "Sort[list, p] sorts, with p as the test for order."},
    {"SortBy", sort_by, HN_P, 1, 2, "SortBy[list, f] sorts by the values of f."},
    {"Union", set_union, HN_P | HN_FLAT | HN_ONE_IDENTITY, 0, -1,
     "Union[list1, ...] gives the sorted distinct elements."},
    {"Intersection", intersection, HN_P | HN_FLAT | HN_ONE_IDENTITY, 1, -1,
     "Intersection[list1, ...] gives common elements."},
    {"Complement", complement, HN_P, 1, -1,
     "Complement[all, e1, ...] gives elements of all that are in no e."},
    {"DeleteDuplicates", delete_duplicates, HN_P, 1, 2,
     "DeleteDuplicates[list] removes repeated elements."},
    {"Tally", tally, HN_P, 1, 1, "Tally[list] gives {element, how often} for distinct elements."},
    {"Total", total, HN_P, 1, 1, "Total[list] gives the sum of the elements."},
    {"Accumulate", accumulate, HN_P, 1, 1,
     "Accumulate[list] gives the sums of the first elements."},
    {"Partition", partition, HN_P, 2, 3, "Partition[list, n, d] cuts list into pieces of n."},
    {"Transpose", transpose, HN_P, 1, 1, "Transpose[list] exchanges rows and columns."},
    {0},
};
