/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, definitions, contexts, names, the session. */
#include "builtins_internal.h"

static const struct {
    hn_system_symbol symbol;
    uint32_t bits;
} attributes[] = {
    {HN_S_Constant, HN_CONSTANT},          {HN_S_Flat, HN_FLAT},
    {HN_S_HoldAll, HN_HOLD_ALL},           {HN_S_HoldAllComplete, HN_HOLD_ALL_COMPLETE},
    {HN_S_HoldFirst, HN_HOLD_FIRST},       {HN_S_HoldRest, HN_HOLD_REST},
    {HN_S_Listable, HN_LISTABLE},          {HN_S_Locked, HN_LOCKED},
    {HN_S_NHoldAll, HN_N_HOLD_ALL},        {HN_S_NHoldFirst, HN_N_HOLD_FIRST},
    {HN_S_NHoldRest, HN_N_HOLD_REST},      {HN_S_NumericFunction, HN_NUMERIC_FUNCTION},
    {HN_S_OneIdentity, HN_ONE_IDENTITY},   {HN_S_Orderless, HN_ORDERLESS},
    {HN_S_Protected, HN_PROTECTED},        {HN_S_ReadProtected, HN_READ_PROTECTED},
    {HN_S_SequenceHold, HN_SEQUENCE_HOLD}, {HN_S_Stub, HN_STUB},
    {HN_S_Temporary, HN_TEMPORARY},
};

enum { ATTRIBUTES_COUNT = sizeof attributes / sizeof *attributes };

static bool read_attributes(hone_lyra *lyra, hn_value head, hn_value names, uint32_t *out_bits) {
    bool is_list = HN_IS_FORM(lyra, names, List);
    *out_bits = 0;
    for (uint32_t i = 0; i < (is_list ? hn_count(names) : 1); i++) {
        hn_value name = is_list ? hn_arg(names, i) : names;
        bool is_found = false;
        for (uint32_t k = 0; k < ATTRIBUTES_COUNT; k++) {
            if (name == hn_of_symbol(&lyra->system[attributes[k].symbol])) {
                *out_bits |= attributes[k].bits;
                is_found = true;
            }
        }
        if (!is_found) {
            hn_message1(lyra, head, "attnf", name);
            return false;
        }
    }
    return true;
}

static bool change(hone_lyra *lyra, hn_value head, hn_value value, uint32_t add, uint32_t remove) {
    if (HN_IS_FORM(lyra, value, List)) {
        for (uint32_t i = 0; i < hn_count(value); i++) {
            if (!change(lyra, head, hn_arg(value, i), add, remove)) {
                return false;
            }
        }
        return true;
    }
    hn_symbol *symbol = hn_is_symbol(value)   ? hn_symbol_of(value)
                        : hn_is_string(value) ? hn_symbol_resolve(lyra, hn_text_of(value))
                                              : NULL;
    if (!symbol || symbol->attributes & HN_LOCKED) {
        hn_message1(lyra, head, symbol ? "locked" : "sym", value);
        return false;
    }
    symbol->attributes = (symbol->attributes & ~remove) | add;
    hn_symbol_changed(lyra, symbol);
    return true;
}

bool hn_set_attributes(hone_lyra *lyra, hn_value symbol, hn_value names) {
    uint32_t bits;
    return read_attributes(lyra, HN_SYM(lyra, Attributes), names, &bits) &&
           change(lyra, HN_SYM(lyra, Attributes), symbol, bits, ~(uint32_t)HN_TEMPORARY);
}

static hn_value get_attributes(hone_lyra *lyra, hn_call *call) {
    hn_value value = call->args[0];
    const hn_symbol *symbol = hn_is_symbol(value)   ? hn_symbol_of(value)
                              : hn_is_string(value) ? hn_symbol_find(lyra, hn_text_of(value))
                                                    : NULL;
    if (!symbol) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    uint32_t bits = symbol->attributes;
    for (uint32_t i = 0; i < ATTRIBUTES_COUNT; i++) {
        bool is_part =
            (attributes[i].bits == HN_HOLD_FIRST || attributes[i].bits == HN_HOLD_REST) &&
            (bits & HN_HOLD_ALL) == HN_HOLD_ALL;
        is_part |=
            (attributes[i].bits == HN_N_HOLD_FIRST || attributes[i].bits == HN_N_HOLD_REST) &&
            (bits & HN_N_HOLD_ALL) == HN_N_HOLD_ALL;
        if ((bits & attributes[i].bits) == attributes[i].bits && !is_part) {
            hn_push(lyra, hn_of_symbol(&lyra->system[attributes[i].symbol]));
        }
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value set_attributes(hone_lyra *lyra, hn_call *call) {
    uint32_t bits;
    return read_attributes(lyra, call->head, call->args[1], &bits) &&
                   change(lyra, call->head, call->args[0], bits, 0)
               ? HN_SYM(lyra, Null)
               : HN_NONE;
}

static hn_value clear_attributes(hone_lyra *lyra, hn_call *call) {
    uint32_t bits;
    return read_attributes(lyra, call->head, call->args[1], &bits) &&
                   change(lyra, call->head, call->args[0], 0, bits)
               ? HN_SYM(lyra, Null)
               : HN_NONE;
}

static hn_value protect(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i < call->count; i++) {
        (void)change(lyra, call->head, call->args[i], HN_PROTECTED, 0);
    }
    return hn_make_list(lyra, NULL, 0);
}

static hn_value unprotect(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i < call->count; i++) {
        (void)change(lyra, call->head, call->args[i], 0, HN_PROTECTED);
    }
    return hn_make_list(lyra, NULL, 0);
}

/* --- removing definitions -------------------------------------------------------------------- */

static void clear_symbol(hone_lyra *lyra, hn_value head, hn_symbol *symbol, bool is_all) {
    if (symbol->attributes & HN_PROTECTED) {
        hn_message1(lyra, head, "wrsym", hn_of_symbol(symbol));
        return;
    }
    symbol->own = symbol->own_rule = HN_NONE;
    hn_rules_clear(lyra, symbol->down);
    hn_rules_clear(lyra, symbol->up);
    hn_rules_clear(lyra, symbol->sub);
    if (is_all) {
        symbol->attributes &= HN_TEMPORARY;
        symbol->messages = symbol->options = HN_NONE;
        hn_rules_clear(lyra, symbol->defaults);
        hn_rules_clear(lyra, symbol->formats);
        hn_rules_clear(lyra, symbol->numeric);
    }
    hn_symbol_changed(lyra, symbol);
}

static void clear_each(hone_lyra *lyra, hn_value head, hn_value value, bool is_all) {
    if (HN_IS_FORM(lyra, value, List)) {
        for (uint32_t i = 0; i < hn_count(value); i++) {
            clear_each(lyra, head, hn_arg(value, i), is_all);
        }
        return;
    }
    if (hn_is_symbol(value)) {
        clear_symbol(lyra, head, hn_symbol_of(value), is_all);
    } else if (hn_is_string(value)) {
        hn_symbol *symbol = hn_symbol_find(lyra, hn_text_of(value));
        if (symbol) {
            clear_symbol(lyra, head, symbol, is_all);
        }
    } else {
        hn_message2(lyra, head, "ssle", hn_make1(lyra, head, value), hn_of_small(1));
    }
}

static hn_value clear(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i < call->count; i++) {
        clear_each(lyra, call->head, call->args[i], false);
    }
    return HN_SYM(lyra, Null);
}

static hn_value clear_all(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i < call->count; i++) {
        clear_each(lyra, call->head, call->args[i], true);
    }
    return HN_SYM(lyra, Null);
}

/* --- reading definitions --------------------------------------------------------------------- */

static hn_value list_rules(hone_lyra *lyra, const hn_rules *rules) {
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_rules_count(rules); i++) {
        hn_value rule = hn_rules_at(rules, i);
        hn_value left = hn_make1(lyra, HN_SYM(lyra, HoldPattern), hn_rule_word_of(rule, HN_R_LEFT));
        hn_push(lyra,
                hn_make2(lyra, HN_SYM(lyra, RuleDelayed), left, hn_rule_word_of(rule, HN_R_RIGHT)));
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value down_values(hone_lyra *lyra, hn_call *call) {
    return hn_is_symbol(call->args[0]) ? list_rules(lyra, hn_symbol_of(call->args[0])->down)
                                       : HN_NONE;
}
static hn_value up_values(hone_lyra *lyra, hn_call *call) {
    return hn_is_symbol(call->args[0]) ? list_rules(lyra, hn_symbol_of(call->args[0])->up)
                                       : HN_NONE;
}
static hn_value sub_values(hone_lyra *lyra, hn_call *call) {
    return hn_is_symbol(call->args[0]) ? list_rules(lyra, hn_symbol_of(call->args[0])->sub)
                                       : HN_NONE;
}
static hn_value own_values(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_symbol(call->args[0])) {
        return HN_NONE;
    }
    hn_value own = hn_symbol_of(call->args[0])->own;
    if (own == HN_NONE) {
        return hn_make_list(lyra, NULL, 0);
    }
    hn_value left = hn_make1(lyra, HN_SYM(lyra, HoldPattern), call->args[0]);
    hn_value rule = hn_make2(lyra, HN_SYM(lyra, RuleDelayed), left, own);
    return hn_make_list(lyra, &rule, 1);
}

static hn_value value_q(hone_lyra *lyra, hn_call *call) {
    hn_value value = call->args[0];
    if (hn_is_symbol(value)) {
        return hn_make_bool(lyra, hn_symbol_of(value)->own != HN_NONE);
    }
    return hn_make_bool(lyra,
                        hn_is_normal(value) && !hn_is_same(lyra, hn_evaluate(lyra, value), value));
}

static hn_value symbol_name(hone_lyra *lyra, hn_call *call) {
    return hn_is_symbol(call->args[0])
               ? hn_make_string(lyra, hn_symbol_short_name(hn_symbol_of(call->args[0])))
               : HN_NONE;
}

static hn_value make_symbol(hone_lyra *lyra, hn_call *call) {
    return hn_is_string(call->args[0]) && hn_count(call->args[0]) > 0
               ? hn_of_symbol(hn_symbol_resolve(lyra, hn_text_of(call->args[0])))
               : HN_NONE;
}

static hn_value context(hone_lyra *lyra, hn_call *call) {
    if (call->count == 0) {
        return hn_make_string(lyra, hone_text_of(lyra->context));
    }
    return hn_is_symbol(call->args[0])
               ? hn_make_string(lyra, hn_symbol_context(hn_symbol_of(call->args[0])))
               : HN_NONE;
}

/* --- contexts -------------------------------------------------------------------------------- */

static bool set_context(hone_lyra *lyra, hone_text name) {
    char *copy = hone_allocate(lyra->allocator, name.size + 1, 1);
    if (!copy) {
        hn_unwind(lyra, HN_UNWIND_MEMORY);
    }
    memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    hone_release(lyra->allocator, lyra->context, lyra->context_bytes, 1);
    lyra->context = copy;
    lyra->context_bytes = (uint32_t)name.size + 1;
    return true;
}

static bool is_context(hn_value value) {
    hone_text text = hn_is_string(value) ? hn_text_of(value) : HONE_TEXT("");
    return text.size > 1 && text.data[text.size - 1] == '`';
}

static hn_value begin_context(hone_lyra *lyra, hn_call *call) {
    if (!is_context(call->args[0])) {
        return HN_NONE;
    }
    hn_value old = hn_make_string(lyra, hone_text_of(lyra->context));
    lyra->context_stack =
        hn_make3(lyra, HN_SYM(lyra, List), old, lyra->context_path, lyra->context_stack);
    hone_text name = hn_text_of(call->args[0]);
    char full[1024];
    if (name.data[0] == '`') {
        hone_text outer = hone_text_of(lyra->context);
        if (outer.size + name.size > sizeof full) {
            return HN_NONE;
        }
        memcpy(full, outer.data, outer.size);
        memcpy(full + outer.size, name.data + 1, name.size - 1);
        name = (hone_text){full, outer.size + name.size - 1};
    }
    (void)set_context(lyra, name);
    return hn_make_string(lyra, hone_text_of(lyra->context));
}

static hn_value end_context(hone_lyra *lyra, hn_call *call) {
    (void)call;
    if (!HN_IS_FORM(lyra, lyra->context_stack, List)) {
        return HN_NONE;
    }
    hn_value ended = hn_make_string(lyra, hone_text_of(lyra->context));
    (void)set_context(lyra, hn_text_of(hn_arg(lyra->context_stack, 0)));
    lyra->context_stack = hn_arg(lyra->context_stack, 2);
    return ended;
}

static hn_value begin_package(hone_lyra *lyra, hn_call *call) {
    hn_value name = begin_context(lyra, call);
    if (name != HN_NONE) {
        hn_value path[] = {name, hn_make_string(lyra, HONE_TEXT("System`"))};
        lyra->context_path = hn_make_list(lyra, path, 2);
    }
    return name;
}

static hn_value end_package(hone_lyra *lyra, hn_call *call) {
    if (!HN_IS_FORM(lyra, lyra->context_stack, List)) {
        return HN_NONE;
    }
    hn_value path = hn_arg(lyra->context_stack, 1), name = end_context(lyra, call);
    size_t top = lyra->stack_top;
    hn_push(lyra, name);
    for (uint32_t i = 0; i < hn_count(path); i++) {
        hn_push(lyra, hn_arg(path, i));
    }
    lyra->context_path = hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    return HN_SYM(lyra, Null);
}

/* --- options --------------------------------------------------------------------------------- */

static hn_value options(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_symbol(call->args[0])) {
        return HN_NONE;
    }
    hn_value list = hn_symbol_of(call->args[0])->options;
    return list == HN_NONE ? hn_make_list(lyra, NULL, 0) : list;
}

/* Names of options are the same as symbols of any context and as strings. */
static bool is_option(hn_value name, hn_value wanted) {
    hone_text a = hn_is_symbol(name)   ? hn_symbol_short_name(hn_symbol_of(name))
                  : hn_is_string(name) ? hn_text_of(name)
                                       : HONE_TEXT("");
    hone_text b = hn_is_symbol(wanted)   ? hn_symbol_short_name(hn_symbol_of(wanted))
                  : hn_is_string(wanted) ? hn_text_of(wanted)
                                         : HONE_TEXT("");
    return a.size > 0 && hone_text_is_equal(a, b);
}

static hn_value find_option(hone_lyra *lyra, hn_value list, hn_value name) {
    for (uint32_t i = 0; HN_IS_FORM(lyra, list, List) && i < hn_count(list); i++) {
        hn_value rule = hn_arg(list, i);
        if (HN_IS_FORM(lyra, rule, List)) {
            hn_value found = find_option(lyra, rule, name);
            if (found != HN_NONE) {
                return found;
            }
        } else if ((hn_has_form(rule, HN_SYM(lyra, Rule), 2) ||
                    hn_has_form(rule, HN_SYM(lyra, RuleDelayed), 2)) &&
                   is_option(hn_arg(rule, 0), name)) {
            return hn_arg(rule, 1);
        }
    }
    return HN_NONE;
}

static hn_value option_value(hone_lyra *lyra, hn_call *call) {
    if (call->count < 2) {
        return HN_NONE;
    }
    hn_value defaults = call->args[0], name = call->args[call->count - 1];
    if (HN_IS_FORM(lyra, name, List)) {
        size_t top = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(name); i++) {
            hn_push(lyra, hn_evaluate(lyra, hn_replace_arg(lyra, hn_call_node(lyra, call),
                                                           call->count - 1, hn_arg(name, i))));
        }
        return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    }
    hn_value found = call->count > 2 ? find_option(lyra, call->args[1], name) : HN_NONE;
    if (found == HN_NONE) {
        hn_value list = hn_is_symbol(defaults) ? hn_symbol_of(defaults)->options : defaults;
        found = list == HN_NONE ? HN_NONE : find_option(lyra, list, name);
    }
    if (found == HN_NONE) {
        hn_message2(lyra, call->head, "optnf", defaults, name);
        return name;
    }
    return found;
}

/* --- the session ----------------------------------------------------------------------------- */

static hn_value out(hone_lyra *lyra, hn_call *call) {
    int64_t number = -1;
    if (call->count > 0 && !hn_get_int(call->args[0], &number)) {
        return HN_NONE;
    }
    int64_t count = hn_count(lyra->history);
    number = number < 0 ? count + number : number - 1;
    return number >= 0 && number < count ? hn_arg(lyra->history, (uint32_t)number) : HN_NONE;
}

static hn_value usage(hone_lyra *lyra, hn_call *call) {
    return hn_evaluate(lyra, hn_make2(lyra, HN_SYM(lyra, MessageName), call->args[0],
                                      hn_make_string(lyra, HONE_TEXT("usage"))));
}

const hn_builtin hn_builtins_definitions[] = {
    {"Attributes", get_attributes, HN_P | HN_HOLD_ALL, 1, 1,
     "Attributes[symbol] gives the attributes of a symbol."},
    {"SetAttributes", set_attributes, HN_P | HN_HOLD_FIRST, 2, 2,
     "SetAttributes[s, attr] adds attributes."},
    {"ClearAttributes", clear_attributes, HN_P | HN_HOLD_FIRST, 2, 2,
     "ClearAttributes[s, attr] removes attributes."},
    {"Protect", protect, HN_P | HN_HOLD_ALL, 0, -1,
     "Protect[s1, ...] protects symbols from changes."},
    {"Unprotect", unprotect, HN_P | HN_HOLD_ALL, 0, -1, "Unprotect[s1, ...] allows changes."},
    {"Clear", clear, HN_P | HN_HOLD_ALL, 0, -1, "Clear[s1, ...] removes the values of symbols."},
    {"ClearAll", clear_all, HN_P | HN_HOLD_ALL, 0, -1,
     "ClearAll[s1, ...] removes values, attributes, messages."},
    {"DownValues", down_values, HN_P | HN_HOLD_ALL, 1, 1,
     "DownValues[f] gives the rules for f[...]."},
    {"UpValues", up_values, HN_P | HN_HOLD_ALL, 1, 1,
     "UpValues[f] gives the rules for g[..., f, ...]."},
    {"SubValues", sub_values, HN_P | HN_HOLD_ALL, 1, 1,
     "SubValues[f] gives the rules for f[...][...]."},
    {"OwnValues", own_values, HN_P | HN_HOLD_ALL, 1, 1, "OwnValues[x] gives the rule for x."},
    {"ValueQ", value_q, HN_P | HN_HOLD_ALL, 1, 1, "ValueQ[expr] is True when expr has a value."},
    {"SymbolName", symbol_name, HN_P, 1, 1, "SymbolName[s] gives the name of s as a string."},
    {"Symbol", make_symbol, HN_P, 1, 1, "Symbol[\"name\"] is the symbol with that name."},
    {"Context", context, HN_P | HN_HOLD_FIRST, 0, 1, "Context[s] gives the context of s."},
    {"Begin", begin_context, HN_P, 1, 1, "Begin[\"context`\"] makes a context the current one."},
    {"End", end_context, HN_P, 0, 0, "End[] goes back to the context before Begin."},
    {"BeginPackage", begin_package, HN_P, 1, 2, "BeginPackage[\"context`\"] begins a package."},
    {"EndPackage", end_package, HN_P, 0, 0, "EndPackage[] ends a package."},
    {"Options", options, HN_P, 1, 1, "Options[f] gives the default options of f."},
    {"OptionValue", option_value, HN_P, 1, 3, "OptionValue[name] gives the value of an option."},
    {"Out", out, HN_P | HN_LISTABLE, 0, 1, "%n, Out[n] is the n-th result."},
    {"Information", usage, HN_P | HN_HOLD_FIRST, 1, 1, "Information[s] gives the help text of s."},
    {0},
};
