/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of functions: Map, Apply, Fold, Nest, Select, Thread; operator forms. */
#include "builtins_internal.h"

/* --- Map, Apply ------------------------------------------------------------------------------ */

typedef struct mapper {
    hone_lyra *lyra;
    hn_value function;
    hn_levels levels;
    bool is_apply;
} mapper;

static hn_value map_value(mapper *it, hn_value value) {
    hone_lyra *lyra = it->lyra;
    if (!it->is_apply) {
        return hn_make1(lyra, it->function, value);
    }
    if (!hn_is_normal(value)) {
        return value;
    }
    if (HN_IS_FORM(lyra, value, Association)) {
        size_t top = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(value); i++) {
            hn_push(lyra, hn_arg(hn_arg(value, i), 1));
        }
        return hn_make_pushed(lyra, it->function, top);
    }
    return hn_make(lyra, it->function, hn_args(value), hn_count(value));
}

static hn_value map_level(mapper *it, hn_value value, int64_t level) {
    hone_lyra *lyra = it->lyra;
    bool is_deep = it->levels.least < 0 || it->levels.most < 0;
    int64_t depth = is_deep ? hn_depth(lyra, value) : 0;
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    if (hn_is_normal(value) && (it->levels.most < 0 || level < it->levels.most)) {
        size_t top = lyra->stack_top;
        bool is_association = HN_IS_FORM(lyra, value, Association);
        for (uint32_t i = 0; i < hn_count(value); i++) {
            hn_value arg = hn_arg(value, i);
            bool is_rule = is_association && hn_is_normal(arg) && hn_count(arg) == 2;
            hn_value mapped = map_level(it, is_rule ? hn_arg(arg, 1) : arg, level + 1);
            hn_push(lyra, is_rule ? hn_replace_arg(lyra, arg, 1, mapped) : mapped);
        }
        value = hn_make_pushed(lyra, hn_head(value), top);
    }
    bool is_low = it->levels.least < 0 ? depth <= -it->levels.least : level >= it->levels.least;
    bool is_high = it->levels.most < 0 ? depth >= -it->levels.most : level <= it->levels.most;
    return is_low && is_high ? map_value(it, value) : value;
}

/* The usual case: level 1 of a list, each value evaluated at once, in place. */
static hn_value map_list(hone_lyra *lyra, hn_value function, hn_value list) {
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(list); i++) {
        hn_value value = hn_apply1(lyra, function, hn_arg(list, i));
        if (HN_IS_FORM(lyra, value, Sequence)) {
            for (uint32_t k = 0; k < hn_count(value); k++) {
                hn_push(lyra, hn_arg(value, k));
            }
        } else if (value != HN_SYM(lyra, Nothing)) {
            hn_push(lyra, value);
        }
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value map_or_apply(hone_lyra *lyra, hn_call *call, bool is_apply, hn_levels levels) {
    if (call->count == 1) {
        return HN_NONE;
    }
    mapper it = {.lyra = lyra, .function = call->args[0], .levels = levels, .is_apply = is_apply};
    if (call->count > 2 && !hn_get_levels(lyra, call->args[2], &it.levels)) {
        hn_message1(lyra, call->head, "level", call->args[2]);
        return HN_NONE;
    }
    if (!is_apply && call->count == 2 && HN_IS_FORM(lyra, call->args[1], List)) {
        return map_list(lyra, call->args[0], call->args[1]);
    }
    return map_level(&it, call->args[1], 0);
}

static hn_value map(hone_lyra *lyra, hn_call *call) {
    return map_or_apply(lyra, call, false, (hn_levels){1, 1});
}
static hn_value apply(hone_lyra *lyra, hn_call *call) {
    return map_or_apply(lyra, call, true, (hn_levels){0, 0});
}
static hn_value map_apply(hone_lyra *lyra, hn_call *call) {
    return map_or_apply(lyra, call, true, (hn_levels){1, 1});
}
static hn_value map_all(hone_lyra *lyra, hn_call *call) {
    return map_or_apply(lyra, call, false, (hn_levels){0, INT64_MAX});
}

static hn_value map_indexed(hone_lyra *lyra, hn_call *call) {
    if (call->count != 2 || !hn_is_normal(call->args[1])) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(call->args[1]); i++) {
        hn_value index = hn_of_small(i + 1);
        hn_push(lyra, hn_apply2(lyra, call->args[0], hn_arg(call->args[1], i),
                                hn_make_list(lyra, &index, 1)));
    }
    return hn_make_pushed(lyra, hn_head(call->args[1]), top);
}

static hn_value scan(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1 || !hn_is_normal(call->args[1])) {
        return HN_NONE;
    }
    hn_catch here;
    hn_catch_push(lyra, &here, 1u << HN_UNWIND_RETURN);
    if (setjmp(here.target) != 0) {
        return lyra->thrown;
    }
    for (uint32_t i = 0; i < hn_count(call->args[1]); i++) {
        (void)hn_apply1(lyra, call->args[0], hn_arg(call->args[1], i));
    }
    hn_catch_pop(lyra, &here);
    return HN_SYM(lyra, Null);
}

static hn_value thread_lists(hone_lyra *lyra, hn_value function, hn_value lists) {
    uint32_t count = hn_count(lists) ? hn_count(hn_arg(lists, 0)) : 0;
    size_t top = lyra->stack_top;
    for (uint32_t k = 0; k < count; k++) {
        size_t inner = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(lists); i++) {
            hn_push(lyra, hn_arg(hn_arg(lists, i), k));
        }
        hn_push(lyra, hn_make_pushed(lyra, function, inner));
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value map_thread(hone_lyra *lyra, hn_call *call) {
    if (call->count != 2 || !HN_IS_FORM(lyra, call->args[1], List)) {
        return HN_NONE;
    }
    hn_value lists = call->args[1];
    for (uint32_t i = 0; i < hn_count(lists); i++) {
        if (!HN_IS_FORM(lyra, hn_arg(lists, i), List) ||
            hn_count(hn_arg(lists, i)) != hn_count(hn_arg(lists, 0))) {
            return HN_NONE;
        }
    }
    return thread_lists(lyra, call->args[0], lists);
}

static hn_value thread_form(hone_lyra *lyra, hn_call *call) {
    hn_value value = call->args[0];
    hn_value wanted = call->count > 1 ? call->args[1] : HN_SYM(lyra, List);
    if (!hn_is_normal(value)) {
        return value;
    }
    uint32_t length = UINT32_MAX;
    for (uint32_t i = 0; i < hn_count(value); i++) {
        if (hn_has_head(hn_arg(value, i), wanted)) {
            if (length != UINT32_MAX && length != hn_count(hn_arg(value, i))) {
                hn_message1(lyra, call->head, "tdlen", value);
                return value;
            }
            length = hn_count(hn_arg(value, i));
        }
    }
    if (length == UINT32_MAX) {
        return value;
    }
    size_t top = lyra->stack_top;
    for (uint32_t k = 0; k < length; k++) {
        size_t inner = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(value); i++) {
            hn_value arg = hn_arg(value, i);
            hn_push(lyra, hn_has_head(arg, wanted) ? hn_arg(arg, k) : arg);
        }
        hn_push(lyra, hn_make_pushed(lyra, hn_head(value), inner));
    }
    return hn_make_pushed(lyra, wanted, top);
}

/* --- Fold, Nest, FixedPoint ------------------------------------------------------------------ */

static hn_value fold(hone_lyra *lyra, hn_call *call, bool is_list) {
    if (call->count < 2) {
        return HN_NONE;
    }
    hn_value list = call->args[call->count - 1];
    if (!hn_is_normal(list)) {
        hn_message2(lyra, call->head, "normal", hn_of_small(call->count), hn_call_node(lyra, call));
        return HN_NONE;
    }
    uint32_t from = call->count == 2;
    if (from && hn_count(list) == 0) {
        return is_list ? list : HN_NONE;
    }
    hn_value value = from ? hn_arg(list, 0) : call->args[1];
    size_t top = lyra->stack_top;
    hn_push(lyra, value);
    for (uint32_t i = from; i < hn_count(list); i++) {
        value = hn_apply2(lyra, call->args[0], value, hn_arg(list, i));
        if (is_list) {
            hn_push(lyra, value);
        }
    }
    if (is_list) {
        return hn_make_pushed(lyra, hn_head(list), top);
    }
    lyra->stack_top = top;
    return value;
}

static hn_value fold_value(hone_lyra *lyra, hn_call *call) {
    return fold(lyra, call, false);
}
static hn_value fold_list(hone_lyra *lyra, hn_call *call) {
    return fold(lyra, call, true);
}

static hn_value nest(hone_lyra *lyra, hn_call *call, bool is_list) {
    int64_t rounds;
    if (call->count != 3 || !hn_get_int(call->args[2], &rounds) || rounds < 0) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    hn_value value = call->args[1];
    hn_push(lyra, value);
    for (int64_t i = 0; i < rounds; i++) {
        value = hn_apply1(lyra, call->args[0], value);
        if (is_list) {
            hn_push(lyra, value);
        }
    }
    if (is_list) {
        return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    }
    lyra->stack_top = top;
    return value;
}

static hn_value nest_value(hone_lyra *lyra, hn_call *call) {
    return nest(lyra, call, false);
}
static hn_value nest_list(hone_lyra *lyra, hn_call *call) {
    return nest(lyra, call, true);
}

static hn_value fixed_point(hone_lyra *lyra, hn_call *call, bool is_list) {
    int64_t most = INT64_MAX;
    if (call->count < 2 || (call->count > 2 && !hn_get_int(call->args[2], &most))) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    hn_value value = call->args[1];
    hn_push(lyra, value);
    for (int64_t i = 0; i < most; i++) {
        hn_tick(lyra);
        hn_value next = hn_apply1(lyra, call->args[0], value);
        if (is_list) {
            hn_push(lyra, next);
        }
        bool is_same = hn_is_same(lyra, next, value);
        value = next;
        if (is_same) {
            break;
        }
    }
    if (is_list) {
        return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    }
    lyra->stack_top = top;
    return value;
}

static hn_value fixed_point_value(hone_lyra *lyra, hn_call *call) {
    return fixed_point(lyra, call, false);
}
static hn_value fixed_point_list(hone_lyra *lyra, hn_call *call) {
    return fixed_point(lyra, call, true);
}

static hn_value nest_while(hone_lyra *lyra, hn_call *call) {
    if (call->count != 3) {
        return HN_NONE;
    }
    hn_value value = call->args[1];
    while (hn_is_true(lyra, hn_apply1(lyra, call->args[2], value))) {
        hn_tick(lyra);
        value = hn_apply1(lyra, call->args[0], value);
    }
    return value;
}

/* --- Select ---------------------------------------------------------------------------------- */

static hn_value select_values(hone_lyra *lyra, hn_call *call) {
    int64_t most = INT64_MAX;
    if (call->count == 1 || !hn_is_normal(call->args[0]) ||
        (call->count > 2 && !hn_get_int(call->args[2], &most))) {
        return HN_NONE;
    }
    hn_value list = call->args[0];
    bool is_association = HN_IS_FORM(lyra, list, Association);
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(list) && (int64_t)(lyra->stack_top - top) < most; i++) {
        hn_value arg = hn_arg(list, i);
        if (hn_is_true(lyra,
                       hn_apply1(lyra, call->args[1], is_association ? hn_arg(arg, 1) : arg))) {
            hn_push(lyra, arg);
        }
    }
    return hn_make_pushed(lyra, hn_head(list), top);
}

static hn_value all_true(hone_lyra *lyra, hn_call *call, hn_value stop, hn_value otherwise) {
    if (call->count == 1 || !hn_is_normal(call->args[0])) {
        return HN_NONE;
    }
    for (uint32_t i = 0; i < hn_count(call->args[0]); i++) {
        if (hn_apply1(lyra, call->args[1], hn_arg(call->args[0], i)) == stop) {
            return stop == HN_SYM(lyra, True) && otherwise == HN_SYM(lyra, True)
                       ? HN_SYM(lyra, False)
                       : stop;
        }
    }
    return otherwise;
}

static hn_value all_true_q(hone_lyra *lyra, hn_call *call) {
    return all_true(lyra, call, HN_SYM(lyra, False), HN_SYM(lyra, True));
}
static hn_value any_true_q(hone_lyra *lyra, hn_call *call) {
    return all_true(lyra, call, HN_SYM(lyra, True), HN_SYM(lyra, False));
}
static hn_value none_true_q(hone_lyra *lyra, hn_call *call) {
    return all_true(lyra, call, HN_SYM(lyra, True), HN_SYM(lyra, True));
}

static hn_value identity(hone_lyra *lyra, hn_call *call) {
    (void)lyra;
    return call->args[0];
}

static hn_value through(hone_lyra *lyra, hn_call *call) {
    hn_value value = call->args[0];
    if (!hn_is_normal(value) || !hn_is_normal(hn_head(value))) {
        return value;
    }
    hn_value functions = hn_head(value);
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(functions); i++) {
        hn_push(lyra, hn_make(lyra, hn_arg(functions, i), hn_args(value), hn_count(value)));
    }
    return hn_make_pushed(lyra, hn_head(functions), top);
}

static hn_value outer_level(hone_lyra *lyra, hn_value function, const hn_value *lists,
                            uint32_t count, size_t args) {
    if (count == 0) {
        return hn_make(lyra, function, lyra->stack + args, (uint32_t)(lyra->stack_top - args));
    }
    hn_value list = lists[0];
    if (!HN_IS_FORM(lyra, list, List)) {
        hn_push(lyra, list);
        hn_value made = outer_level(lyra, function, lists + 1, count - 1, args);
        lyra->stack_top--;
        return made;
    }
    hn_value made = hn_make(lyra, HN_SYM(lyra, List), hn_args(list), hn_count(list));
    for (uint32_t i = 0; i < hn_count(list); i++) {
        hn_value one[1] = {hn_arg(list, i)};
        hn_value inner;
        if (HN_IS_FORM(lyra, one[0], List)) {
            hn_value replaced[8];
            if (count > 8) {
                return HN_NONE;
            }
            memcpy(replaced, lists, count * sizeof *lists);
            replaced[0] = one[0];
            inner = outer_level(lyra, function, replaced, count, args);
        } else {
            hn_push(lyra, one[0]);
            inner = outer_level(lyra, function, lists + 1, count - 1, args);
            lyra->stack_top--;
        }
        if (inner == HN_NONE) {
            return HN_NONE;
        }
        hn_args(made)[i] = inner;
    }
    hn_node_settle(hn_node_of(made));
    return made;
}

static hn_value outer(hone_lyra *lyra, hn_call *call) {
    return call->count < 2
               ? HN_NONE
               : outer_level(lyra, call->args[0], call->args + 1, call->count - 1, lyra->stack_top);
}

/* --- operator forms -------------------------------------------------------------------------- */

static bool is_operator(hone_lyra *lyra, hn_value head, bool *out_is_first) {
    static const struct {
        const char *name;
        bool is_first; /* f[x][y] is f[x, y], else f[y, x] */
    } forms[] = {{"Map", true},
                 {"Apply", true},
                 {"MapApply", true},
                 {"Scan", true},
                 {"MapIndexed", true},
                 {"MapThread", true},
                 {"Fold", true},
                 {"MapAll", true},
                 {"Select", false},
                 {"Cases", false},
                 {"Count", false},
                 {"Position", false},
                 {"DeleteCases", false},
                 {"FreeQ", false},
                 {"MemberQ", false},
                 {"MatchQ", false},
                 {"ReplaceAll", false},
                 {"Replace", false},
                 {"ReplaceRepeated", false},
                 {"Append", false},
                 {"Prepend", false},
                 {"SortBy", false},
                 {"AllTrue", false},
                 {"AnyTrue", false},
                 {"NoneTrue", false},
                 {"FirstCase", false},
                 {"KeyExistsQ", false},
                 {"Lookup", false},
                 {"EqualTo", false},
                 {"GroupBy", false},
                 {"KeyMap", true},
                 {"StringContainsQ", false}};
    (void)lyra;
    if (!hn_is_symbol(head)) {
        return false;
    }
    hone_text name = hn_symbol_short_name(hn_symbol_of(head));
    for (size_t i = 0; hn_symbol_of(head)->is_system && i < sizeof forms / sizeof *forms; i++) {
        if (hone_text_is(name, forms[i].name)) {
            *out_is_first = forms[i].is_first;
            return true;
        }
    }
    return false;
}

static hn_value compose(hone_lyra *lyra, hn_value functions, hn_call *call, bool is_right) {
    uint32_t count = hn_count(functions);
    if (count == 0) {
        return call->count == 1 ? call->args[0]
                                : hn_make(lyra, HN_SYM(lyra, Identity), call->args, call->count);
    }
    hn_value value =
        hn_make(lyra, hn_arg(functions, is_right ? 0 : count - 1), call->args, call->count);
    for (uint32_t i = 1; i < count; i++) {
        value = hn_make1(lyra, hn_arg(functions, is_right ? i : count - 1 - i), value);
    }
    return value;
}

hn_value hn_apply_operator(hone_lyra *lyra, hn_call *call) {
    bool is_first;
    hn_value operator_form = call->head;
    if (!hn_is_normal(operator_form)) {
        return HN_NONE;
    }
    if (HN_IS_FORM(lyra, operator_form, Composition) ||
        HN_IS_FORM(lyra, operator_form, RightComposition)) {
        return compose(lyra, operator_form, call,
                       HN_IS_FORM(lyra, operator_form, RightComposition));
    }
    if (HN_IS_FORM(lyra, operator_form, Association) && call->count == 1) {
        hn_value key = hn_has_form(call->args[0], HN_SYM(lyra, Key), 1) ? hn_arg(call->args[0], 0)
                                                                        : call->args[0];
        uint32_t at = hn_association_find(lyra, operator_form, key);
        return at != UINT32_MAX ? hn_arg(hn_arg(operator_form, at), 1) : hn_missing_key(lyra, key);
    }
    if (hn_has_form(operator_form, HN_SYM(lyra, Key), 1) && call->count == 1 &&
        HN_IS_FORM(lyra, call->args[0], Association)) {
        return hn_make1(lyra, call->args[0], hn_arg(operator_form, 0));
    }
    if (hn_count(operator_form) != 1 || call->count != 1 ||
        !is_operator(lyra, hn_head(operator_form), &is_first)) {
        return HN_NONE;
    }
    hn_value inner = hn_arg(operator_form, 0);
    return is_first ? hn_make2(lyra, hn_head(operator_form), inner, call->args[0])
                    : hn_make2(lyra, hn_head(operator_form), call->args[0], inner);
}

const hn_builtin hn_builtins_functional[] = {
    {"Map", map, HN_P, 1, 3, "f /@ expr applies f to each element of expr."},
    {"Apply", apply, HN_P, 1, 3, "f @@ expr replaces the head of expr by f."},
    {"MapApply", map_apply, HN_P, 1, 2, "f @@@ expr replaces the heads at level 1 by f."},
    {"MapAll", map_all, HN_P, 1, 2, "f //@ expr applies f to every part of expr."},
    {"MapIndexed", map_indexed, HN_P, 1, 2,
     "MapIndexed[f, expr] gives f elements with their positions."},
    {"MapThread", map_thread, HN_P, 1, 2,
     "MapThread[f, {{a1, ...}, {b1, ...}}] gives {f[a1, b1], ...}."},
    {"Thread", thread_form, HN_P, 1, 2, "Thread[f[args]] threads f over lists in args."},
    {"Scan", scan, HN_P, 1, 2, "Scan[f, expr] evaluates f for each element."},
    {"Fold", fold_value, HN_P, 1, 3, "Fold[f, x, list] gives f[f[f[x, e1], e2], ...]."},
    {"FoldList", fold_list, HN_P, 1, 3, "FoldList[f, x, list] gives all steps of Fold."},
    {"Nest", nest_value, HN_P, 3, 3, "Nest[f, expr, n] applies f n times."},
    {"NestList", nest_list, HN_P, 3, 3, "NestList[f, expr, n] gives all steps of Nest."},
    {"NestWhile", nest_while, HN_P, 3, 3, "NestWhile[f, expr, test] applies f while test is True."},
    {"FixedPoint", fixed_point_value, HN_P, 2, 3,
     "FixedPoint[f, expr] applies f until nothing changes."},
    {"FixedPointList", fixed_point_list, HN_P, 2, 3,
     "FixedPointList[f, expr] gives all steps of FixedPoint."},
    {"Select", select_values, HN_P, 1, 3,
     "Select[list, crit] gives the elements for which crit is True."},
    {"AllTrue", all_true_q, HN_P, 1, 2, "AllTrue[list, test] is True when test is True for all."},
    {"AnyTrue", any_true_q, HN_P, 1, 2, "AnyTrue[list, test] is True when test is True for some."},
    {"NoneTrue", none_true_q, HN_P, 1, 2,
     "NoneTrue[list, test] is True when test is True for none."},
    {"Identity", identity, HN_P, 1, 1, "Identity[expr] gives expr."},
    {"Through", through, HN_P, 1, 1, "Through[p[f, g][x]] gives p[f[x], g[x]]."},
    {"Outer", outer, HN_P, 2, -1, "Outer[f, list1, list2] gives f of all combinations."},
    {0},
};
