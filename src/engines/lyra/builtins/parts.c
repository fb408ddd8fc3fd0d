/* SPDX-License-Identifier: Apache-2.0 */
/* Part, Span, Take, Drop, First and their like. */
#include "builtins_internal.h"

static bool get_index(hn_value index, uint32_t count, uint32_t *out) {
    int64_t number;
    if (!hn_get_int(index, &number) || number == 0 || number > (int64_t)count ||
        -number > (int64_t)count) {
        return false;
    }
    *out = (uint32_t)(number < 0 ? number + count : number - 1);
    return true;
}

/* a;;b;;c as first, last (from 1) and step; last may be first - 1. */
static bool get_span(hone_lyra *lyra, hn_value span, int64_t count, int64_t *first, int64_t *last,
                     int64_t *step) {
    *step = 1;
    if (hn_count(span) < 2 || (hn_count(span) > 2 && !hn_get_int(hn_arg(span, 2), step)) ||
        *step == 0) {
        return false;
    }
    *first = *step > 0 ? 1 : count;
    *last = *step > 0 ? count : 1;
    if (hn_arg(span, 0) != HN_SYM(lyra, All) && !hn_get_int(hn_arg(span, 0), first)) {
        return false;
    }
    if (hn_arg(span, 1) != HN_SYM(lyra, All) && !hn_get_int(hn_arg(span, 1), last)) {
        return false;
    }
    *first += *first < 0 ? count + 1 : 0;
    *last += *last < 0 ? count + 1 : 0;
    if (*step < 0) {
        return *first <= count && *last >= 1;
    }
    return *first >= 1 && *last <= count && *last >= *first - 1;
}

static hn_value element(hone_lyra *lyra, hn_value value, uint32_t at) {
    hn_value part = hn_arg(value, at);
    return HN_IS_FORM(lyra, value, Association) && hn_is_normal(part) && hn_count(part) == 2
               ? hn_arg(part, 1)
               : part;
}

hn_value hn_part(hone_lyra *lyra, hn_value value, hn_value index) {
    uint32_t at;
    if (index == hn_of_small(0)) {
        return hn_head_of(lyra, value);
    }
    if (!hn_is_normal(value)) {
        return HN_NONE;
    }
    if (get_index(index, hn_count(value), &at)) {
        return element(lyra, value, at);
    }
    if (index == HN_SYM(lyra, All)) {
        return value;
    }
    size_t top = lyra->stack_top;
    if (HN_IS_FORM(lyra, index, Span)) {
        int64_t first, last, step;
        if (!get_span(lyra, index, hn_count(value), &first, &last, &step)) {
            return HN_NONE;
        }
        for (int64_t i = first; step > 0 ? i <= last : i >= last; i += step) {
            hn_push(lyra, hn_arg(value, (uint32_t)i - 1));
        }
        return hn_make_pushed(lyra, hn_head(value), top);
    }
    if (HN_IS_FORM(lyra, index, List)) {
        for (uint32_t i = 0; i < hn_count(index); i++) {
            hn_value part = hn_part(lyra, value, hn_arg(index, i));
            if (part == HN_NONE) {
                lyra->stack_top = top;
                return HN_NONE;
            }
            hn_push(lyra, part);
        }
        return hn_make_pushed(lyra, hn_head(value), top);
    }
    if (HN_IS_FORM(lyra, value, Association)) {
        hn_value key = hn_has_form(index, HN_SYM(lyra, Key), 1) ? hn_arg(index, 0) : index;
        uint32_t found = hn_association_find(lyra, value, key);
        return found != UINT32_MAX ? hn_arg(hn_arg(value, found), 1) : hn_missing_key(lyra, key);
    }
    return HN_NONE;
}

static bool is_many(hone_lyra *lyra, hn_value index) {
    return index == HN_SYM(lyra, All) || HN_IS_FORM(lyra, index, Span) ||
           HN_IS_FORM(lyra, index, List);
}

static hn_value part_path(hone_lyra *lyra, hn_value value, const hn_value *path, uint32_t count) {
    if (count == 0) {
        return value;
    }
    hn_value part = hn_part(lyra, value, path[0]);
    if (part == HN_NONE || count == 1) {
        return part;
    }
    if (!is_many(lyra, path[0])) {
        return part_path(lyra, part, path + 1, count - 1);
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(part); i++) {
        hn_value inner = part_path(lyra, element(lyra, part, i), path + 1, count - 1);
        if (inner == HN_NONE) {
            lyra->stack_top = top;
            return HN_NONE;
        }
        hn_push(lyra, inner);
    }
    return hn_make_pushed(lyra, hn_head(part), top);
}

static hn_value part(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1) {
        return call->args[0];
    }
    hn_value found = part_path(lyra, call->args[0], call->args + 1, call->count - 1);
    if (found == HN_NONE) {
        hn_value path =
            call->count == 2 ? call->args[1] : hn_make_list(lyra, call->args + 1, call->count - 1);
        const char *tag = "partw";
        if (hn_is_symbol(path)) {
            tag = "pkspec1";
        } else if (!hn_is_normal(call->args[0])) {
            hn_message1(lyra, call->head, "partd", hn_call_node(lyra, call));
            return HN_NONE;
        }
        hn_message2(lyra, call->head, tag, path, call->args[0]);
    }
    return found;
}

/* Take and Drop: n, -n, {m, n}, {m, n, s}, All, None. */
static bool get_sequence(hone_lyra *lyra, hn_value spec, int64_t count, int64_t *first,
                         int64_t *last, int64_t *step) {
    int64_t n;
    *first = 1;
    *last = count;
    *step = 1;
    if (hn_get_int(spec, &n)) {
        if (n > count || -n > count) {
            return false;
        }
        *first = n < 0 ? count + n + 1 : 1;
        *last = n < 0 ? count : n;
        return true;
    }
    if (spec == HN_SYM(lyra, All)) {
        return true;
    }
    if (spec == HN_SYM(lyra, None)) {
        *last = 0;
        return true;
    }
    if (HN_IS_FORM(lyra, spec, List) && hn_count(spec) == 1) {
        return hn_get_int(hn_arg(spec, 0), first) && (*first += *first < 0 ? count + 1 : 0) >= 1 &&
               (*last = *first) <= count;
    }
    return HN_IS_FORM(lyra, spec, List) && get_span(lyra, spec, count, first, last, step);
}

static hn_value take_drop(hone_lyra *lyra, hn_call *call, bool is_drop) {
    hn_value value = call->args[0];
    int64_t first, last, step;
    if (call->count != 2 || !hn_is_normal(value)) {
        return HN_NONE;
    }
    if (!get_sequence(lyra, call->args[1], hn_count(value), &first, &last, &step)) {
        hn_value args[] = {hn_of_small(1), call->args[1], value};
        hn_message(lyra, call->head, is_drop ? "drop" : "take", args, 3);
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    if (!is_drop) {
        for (int64_t i = first; step > 0 ? i <= last : i >= last; i += step) {
            hn_push(lyra, hn_arg(value, (uint32_t)i - 1));
        }
    } else {
        for (int64_t i = 1; i <= (int64_t)hn_count(value); i++) {
            bool is_in = step > 0 ? i >= first && i <= last : i <= first && i >= last;
            if (!is_in || (i - first) % step != 0) {
                hn_push(lyra, hn_arg(value, (uint32_t)i - 1));
            }
        }
    }
    return hn_make_pushed(lyra, hn_head(value), top);
}

static hn_value take(hone_lyra *lyra, hn_call *call) {
    return take_drop(lyra, call, false);
}
static hn_value drop(hone_lyra *lyra, hn_call *call) {
    return take_drop(lyra, call, true);
}

static hn_value end_element(hone_lyra *lyra, hn_call *call, bool is_last, const char *tag) {
    hn_value value = call->args[0];
    if (!hn_is_normal(value)) {
        hn_message2(lyra, call->head, "normal", hn_of_small(1), hn_call_node(lyra, call));
        return HN_NONE;
    }
    if (hn_count(value) == 0) {
        if (call->count > 1) {
            return call->args[1];
        }
        hn_message1(lyra, call->head, tag, value);
        return HN_NONE;
    }
    return element(lyra, value, is_last ? hn_count(value) - 1 : 0);
}

static hn_value first(hone_lyra *lyra, hn_call *call) {
    return end_element(lyra, call, false, "nofirst");
}
static hn_value last(hone_lyra *lyra, hn_call *call) {
    return end_element(lyra, call, true, "nolast");
}

static hn_value without_end(hone_lyra *lyra, hn_call *call, bool is_most, const char *tag) {
    hn_value value = call->args[0];
    if (!hn_is_normal(value) || hn_count(value) == 0) {
        hn_message1(lyra, call->head, tag, value);
        return HN_NONE;
    }
    return hn_make(lyra, hn_head(value), hn_args(value) + !is_most, hn_count(value) - 1);
}

static hn_value rest(hone_lyra *lyra, hn_call *call) {
    return without_end(lyra, call, false, "norest");
}
static hn_value most(hone_lyra *lyra, hn_call *call) {
    return without_end(lyra, call, true, "nomost");
}

const hn_builtin hn_builtins_parts[] = {
    {"Part", part, HN_P, 1, -1, "expr[[i]] gives the i-th part of expr."},
    {"Take", take, HN_P, 2, 2, "Take[list, n] gives the first n elements."},
    {"Drop", drop, HN_P, 2, 2, "Drop[list, n] gives list without its first n elements."},
    {"First", first, HN_P, 1, 2, "First[list] gives the first element."},
    {"Last", last, HN_P, 1, 2, "Last[list] gives the last element."},
    {"Rest", rest, HN_P, 1, 1, "Rest[list] gives list without its first element."},
    {"Most", most, HN_P, 1, 1, "Most[list] gives list without its last element."},
    {0},
};
