/* SPDX-License-Identifier: Apache-2.0 */
/* Associations: rules in order, one for each key. */
#include "builtins_internal.h"

uint32_t hn_association_find(hone_lyra *lyra, hn_value association, hn_value key) {
    for (uint32_t i = 0; i < hn_count(association); i++) {
        hn_value rule = hn_arg(association, i);
        if (hn_is_normal(rule) && hn_count(rule) == 2 && hn_is_same(lyra, hn_arg(rule, 0), key)) {
            return i;
        }
    }
    return UINT32_MAX;
}

hn_value hn_missing_key(hone_lyra *lyra, hn_value key) {
    return hn_make2(lyra, HN_SYM(lyra, Missing), hn_make_string(lyra, HONE_TEXT("KeyAbsent")), key);
}

static bool is_rule(hone_lyra *lyra, hn_value value) {
    return hn_has_form(value, HN_SYM(lyra, Rule), 2) ||
           hn_has_form(value, HN_SYM(lyra, RuleDelayed), 2);
}

/* Adds to what was pushed since `top`; a later value takes the place of an earlier one. */
static bool add(hone_lyra *lyra, hn_value entry, size_t top) {
    if (HN_IS_FORM(lyra, entry, List) || HN_IS_FORM(lyra, entry, Association)) {
        for (uint32_t i = 0; i < hn_count(entry); i++) {
            if (!add(lyra, hn_arg(entry, i), top)) {
                return false;
            }
        }
        return true;
    }
    if (!is_rule(lyra, entry)) {
        return false;
    }
    for (size_t i = top; i < lyra->stack_top; i++) {
        if (hn_is_same(lyra, hn_arg(lyra->stack[i], 0), hn_arg(entry, 0))) {
            lyra->stack[i] = entry;
            return true;
        }
    }
    hn_push(lyra, entry);
    return true;
}

static hn_value association(hone_lyra *lyra, hn_call *call) {
    size_t top = lyra->stack_top;
    bool is_flat = true;
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value entry = call->args[i];
        is_flat = is_flat && is_rule(lyra, entry);
        if (!add(lyra, entry, top)) {
            lyra->stack_top = top;
            return HN_NONE;
        }
    }
    if (is_flat && lyra->stack_top - top == call->count) {
        lyra->stack_top = top;
        return HN_NONE;
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, Association), top);
}

static hn_value sides(hone_lyra *lyra, hn_value value, uint32_t side) {
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(value); i++) {
        if (!is_rule(lyra, hn_arg(value, i))) {
            lyra->stack_top = top;
            return HN_NONE;
        }
        hn_push(lyra, hn_arg(hn_arg(value, i), side));
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value keys(hone_lyra *lyra, hn_call *call) {
    return HN_IS_FORM(lyra, call->args[0], Association) || HN_IS_FORM(lyra, call->args[0], List)
               ? sides(lyra, call->args[0], 0)
               : HN_NONE;
}
static hn_value values(hone_lyra *lyra, hn_call *call) {
    return HN_IS_FORM(lyra, call->args[0], Association) || HN_IS_FORM(lyra, call->args[0], List)
               ? sides(lyra, call->args[0], 1)
               : HN_NONE;
}

static hn_value key_exists(hone_lyra *lyra, hn_call *call) {
    if (call->count < 2 || !HN_IS_FORM(lyra, call->args[0], Association)) {
        return HN_NONE;
    }
    return hn_make_bool(lyra,
                        hn_association_find(lyra, call->args[0], call->args[1]) != UINT32_MAX);
}

static hn_value lookup(hone_lyra *lyra, hn_call *call) {
    if (call->count < 2 || !HN_IS_FORM(lyra, call->args[0], Association)) {
        return HN_NONE;
    }
    uint32_t at = hn_association_find(lyra, call->args[0], call->args[1]);
    if (at != UINT32_MAX) {
        return hn_arg(hn_arg(call->args[0], at), 1);
    }
    return call->count > 2 ? call->args[2] : hn_missing_key(lyra, call->args[1]);
}

static hn_value normal(hone_lyra *lyra, hn_call *call) {
    hn_value value = call->args[0];
    return HN_IS_FORM(lyra, value, Association)
               ? hn_make_list(lyra, hn_args(value), hn_count(value))
               : value;
}

static hn_value key_drop(hone_lyra *lyra, hn_call *call) {
    hn_value value = call->args[0], dropped = call->args[1];
    if (!HN_IS_FORM(lyra, value, Association)) {
        return HN_NONE;
    }
    dropped = HN_IS_FORM(lyra, dropped, List) ? dropped : hn_make_list(lyra, &dropped, 1);
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(value); i++) {
        bool is_kept = true;
        for (uint32_t k = 0; k < hn_count(dropped) && is_kept; k++) {
            is_kept = !hn_is_same(lyra, hn_arg(dropped, k), hn_arg(hn_arg(value, i), 0));
        }
        if (is_kept) {
            hn_push(lyra, hn_arg(value, i));
        }
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, Association), top);
}

const hn_builtin hn_builtins_associations[] = {
    {"Association", association, HN_P, 0, -1, "<|k1 -> v1, ...|> associates values with keys."},
    {"Keys", keys, HN_P, 1, 1, "Keys[assoc] gives the list of keys."},
    {"Values", values, HN_P, 1, 1, "Values[assoc] gives the list of values."},
    {"KeyExistsQ", key_exists, HN_P, 1, 2,
     "KeyExistsQ[assoc, key] is True when there is such a key."},
    {"Lookup", lookup, HN_P, 1, 3, "Lookup[assoc, key, default] gives the value of key."},
    {"Normal", normal, HN_P, 1, 1, "Normal[assoc] gives the list of rules."},
    {"KeyDrop", key_drop, HN_P, 2, 2, "KeyDrop[assoc, keys] gives assoc without these keys."},
    {0},
};
