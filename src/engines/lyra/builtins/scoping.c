/* SPDX-License-Identifier: Apache-2.0 */
/* Module, With, Block, and names of one's own. */
#include "builtins_internal.h"

enum { VARIABLES_MAX = 256 };

typedef struct variables {
    hn_value names[VARIABLES_MAX], values[VARIABLES_MAX]; /* HN_NONE: no value */
    uint32_t count;
} variables;

/* {x, y = v, z := w} */
static bool read_variables(hone_lyra *lyra, hn_call *call, variables *it, bool needs_values) {
    hn_value list = call->args[0];
    it->count = 0;
    if (!HN_IS_FORM(lyra, list, List)) {
        hn_message1(lyra, call->head, "lvlist", list);
        return false;
    }
    for (uint32_t i = 0; i < hn_count(list) && i < VARIABLES_MAX; i++) {
        hn_value entry = hn_arg(list, i), value = HN_NONE;
        bool is_delayed = hn_has_form(entry, HN_SYM(lyra, SetDelayed), 2);
        if (is_delayed || hn_has_form(entry, HN_SYM(lyra, Set), 2)) {
            value = hn_arg(entry, 1);
            value = is_delayed ? value : hn_evaluate(lyra, value);
            entry = hn_arg(entry, 0);
        }
        if (!hn_is_symbol(entry) || (needs_values && value == HN_NONE)) {
            hn_message2(lyra, call->head, "lvsym", list, hn_arg(list, i));
            return false;
        }
        it->names[it->count] = entry;
        it->values[it->count++] = value;
    }
    return true;
}

static hn_value module(hone_lyra *lyra, hn_call *call) {
    variables it;
    if (!read_variables(lyra, call, &it, false)) {
        return HN_NONE;
    }
    hn_value fresh[VARIABLES_MAX];
    uint64_t number = ++lyra->module_number;
    for (uint32_t i = 0; i < it.count; i++) {
        hn_symbol *symbol =
            hn_symbol_unique(lyra, hn_symbol_short_name(hn_symbol_of(it.names[i])), number, true);
        fresh[i] = hn_of_symbol(symbol);
        symbol->own = it.values[i];
        hn_symbol_changed(lyra, symbol);
    }
    return hn_replace_symbols(lyra, call->args[1], it.names, fresh, it.count);
}

static hn_value with(hone_lyra *lyra, hn_call *call) {
    variables it;
    if (call->count > 2) { /* With[{a = 1}, {b = a}, body] */
        size_t top = lyra->stack_top;
        for (uint32_t i = 1; i < call->count; i++) {
            hn_push(lyra, call->args[i]);
        }
        hn_value inner = hn_make_pushed(lyra, call->head, top);
        return hn_make2(lyra, call->head, call->args[0], inner);
    }
    if (!read_variables(lyra, call, &it, true)) {
        return HN_NONE;
    }
    return hn_replace_symbols(lyra, call->args[1], it.names, it.values, it.count);
}

static hn_value block(hone_lyra *lyra, hn_call *call) {
    variables it;
    if (!read_variables(lyra, call, &it, false)) {
        return HN_NONE;
    }
    uint32_t restores = lyra->restores_count;
    for (uint32_t i = 0; i < it.count; i++) {
        hn_symbol *symbol = hn_symbol_of(it.names[i]);
        hn_restore_push(lyra, symbol, false);
        symbol->own = it.values[i];
        hn_symbol_changed(lyra, symbol);
    }
    hn_value value = hn_evaluate(lyra, call->args[1]);
    hn_restore_to(lyra, restores);
    return value;
}

static hn_value unique(hone_lyra *lyra, hn_call *call) {
    hn_value base = call->count > 0 ? call->args[0] : HN_NONE;
    uint64_t number = ++lyra->module_number;
    if (base == HN_NONE) {
        return hn_of_symbol(hn_symbol_unique(lyra, HONE_TEXT(""), number, true));
    }
    if (hn_is_symbol(base)) {
        return hn_of_symbol(
            hn_symbol_unique(lyra, hn_symbol_short_name(hn_symbol_of(base)), number, true));
    }
    if (hn_is_string(base)) {
        return hn_of_symbol(hn_symbol_unique(lyra, hn_text_of(base), number, false));
    }
    if (HN_IS_FORM(lyra, base, List)) {
        size_t top = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(base); i++) {
            hn_push(lyra, hn_apply1(lyra, call->head, hn_arg(base, i)));
        }
        return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    }
    return HN_NONE;
}

const hn_builtin hn_builtins_scoping[] = {
    {"Module", module, HN_P | HN_HOLD_ALL, 2, 2,
     "Module[{x, y = v}, expr] evaluates expr with names of its own for x and y."},
    {"With", with, HN_P | HN_HOLD_ALL, 2, -1, "With[{x = v}, expr] puts v in for x in expr."},
    {"Block", block, HN_P | HN_HOLD_ALL, 2, 2,
     "Block[{x, y = v}, expr] evaluates expr with other values for x and y."},
    {"Unique", unique, HN_P, 0, 2, "Unique[x] gives a new symbol x$nnn."},
    {0},
};
