/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure functions. Parameters and slots become locals, so that calling one only means to evaluate
 * its compiled body beside the arguments on the value stack; compiled bodies are cached by
 * identity. Functions with ## or named slots have their slots put in for each call.
 */
#include "evaluate_internal.h"
#include "make_internal.h"
#include "rules_internal.h"
#include "symbols_internal.h"

enum { PARAMETERS_MAX = 64 };

uint32_t hn_function_attributes(hone_lyra *lyra, hn_value function) {
    hn_value names = hn_arg(function, 2);
    const hn_value *each = HN_IS_FORM(lyra, names, List) ? hn_args(names) : &names;
    uint32_t count = HN_IS_FORM(lyra, names, List) ? hn_count(names) : 1, attributes = 0;
    for (uint32_t i = 0; i < count; i++) {
        attributes |= each[i] == HN_SYM(lyra, HoldAll)           ? HN_HOLD_ALL
                      : each[i] == HN_SYM(lyra, HoldFirst)       ? HN_HOLD_FIRST
                      : each[i] == HN_SYM(lyra, HoldRest)        ? HN_HOLD_REST
                      : each[i] == HN_SYM(lyra, HoldAllComplete) ? HN_HOLD_ALL_COMPLETE
                      : each[i] == HN_SYM(lyra, Listable)        ? HN_LISTABLE
                      : each[i] == HN_SYM(lyra, Flat)            ? HN_FLAT
                      : each[i] == HN_SYM(lyra, Orderless)       ? HN_ORDERLESS
                                                                 : 0u;
    }
    return attributes;
}

/* --- slots ----------------------------------------------------------------------------------- */

typedef struct slots {
    hone_lyra *lyra;
    hn_value function;
    const hn_call *call; /* NULL: compiling to locals */
    bool has_special;    /* ##, #0 or #name occurs */
    uint32_t highest;
} slots;

static hn_value fill(slots *it, hn_value body);

static hn_value fill_slot(slots *it, hn_value slot) {
    hone_lyra *lyra = it->lyra;
    hn_value index = hn_count(slot) == 1 ? hn_arg(slot, 0) : hn_of_small(1);
    if (hn_is_integer(index) && hn_integer_of(index) > 0 && hn_integer_of(index) < PARAMETERS_MAX) {
        uint32_t number = (uint32_t)hn_integer_of(index);
        it->highest = number > it->highest ? number : it->highest;
        if (!it->call) {
            return hn_of_local(number - 1);
        }
        return number <= it->call->count ? it->call->args[number - 1] : slot;
    }
    it->has_special = true;
    if (it->call && index == hn_of_small(0)) {
        return it->function;
    }
    if (it->call && hn_is_string(index) && it->call->count > 0 &&
        HN_IS_FORM(lyra, it->call->args[0], Association)) {
        hn_value key = hn_make1(lyra, it->call->args[0], index);
        return hn_evaluate(lyra, key);
    }
    return slot;
}

static hn_value fill_args(slots *it, hn_value body) {
    hone_lyra *lyra = it->lyra;
    size_t top = lyra->stack_top;
    hn_value head = fill(it, hn_head(body));
    bool has_changed = head != hn_head(body);
    for (uint32_t i = 0; i < hn_count(body); i++) {
        hn_value arg = hn_arg(body, i);
        if (HN_IS_FORM(lyra, arg, SlotSequence)) {
            it->has_special = true;
            if (!it->call) {
                hn_push(lyra, arg);
                continue;
            }
            int64_t first = 1;
            if ((hn_count(arg) == 0 || hn_get_int(hn_arg(arg, 0), &first))) {
                has_changed = true;
                for (int64_t k = first < 1 ? 1 : first; k <= (int64_t)it->call->count; k++) {
                    hn_push(lyra, it->call->args[k - 1]);
                }
                continue;
            }
        }
        hn_value filled = fill(it, arg);
        has_changed |= filled != arg;
        hn_push(lyra, filled);
    }
    if (!has_changed) {
        lyra->stack_top = top;
        return body;
    }
    return hn_make_pushed(lyra, head, top);
}

static hn_value fill(slots *it, hn_value body) {
    hone_lyra *lyra = it->lyra;
    if (!hn_is_normal(body)) {
        return body;
    }
    if (HN_IS_FORM(lyra, body, Slot)) {
        return fill_slot(it, body);
    }
    if (HN_IS_FORM(lyra, body, Function) && hn_count(body) == 1) {
        return body; /* its slots are its own */
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    if (HN_IS_FORM(lyra, body, SlotSequence)) {
        return fill_args(it, hn_make1(lyra, HN_SYM(lyra, Sequence), body));
    }
    return fill_args(it, body);
}

/* --- application ----------------------------------------------------------------------------- */

static uint32_t cache_slot(hn_value function) {
    return (uint32_t)(function >> 4 ^ function >> 13) & (HN_FUNCTION_CACHE - 1);
}

static uint32_t parameters_of(hone_lyra *lyra, hn_value function, const hn_value **out_names) {
    hn_value *parameters = hn_args(function);
    bool is_list = HN_IS_FORM(lyra, *parameters, List);
    *out_names = is_list ? hn_args(*parameters) : parameters;
    return is_list ? hn_count(*parameters) : 1;
}

static bool has_slots(hone_lyra *lyra, hn_value function) {
    return hn_count(function) == 1 || hn_arg(function, 0) == HN_SYM(lyra, Null);
}

/* The body with locals; HN_NONE: the slots have to be filled for each call. */
static hn_value compiled_body(hone_lyra *lyra, hn_value function) {
    uint32_t slot = cache_slot(function);
    if (lyra->function_cache[slot].function == function) {
        return lyra->function_cache[slot].compiled;
    }
    hn_value body;
    if (has_slots(lyra, function)) {
        slots it = {.lyra = lyra, .function = function};
        body = fill(&it, hn_arg(function, hn_count(function) == 1 ? 0 : 1));
        body = it.has_special ? HN_NONE : body;
    } else {
        const hn_value *names;
        uint32_t count = parameters_of(lyra, function, &names);
        body = hn_body_compile(lyra, hn_arg(function, 1), names, count);
    }
    lyra->function_cache[slot].function = function;
    lyra->function_cache[slot].compiled = body;
    return body;
}

static uint32_t highest_local(hn_value body) {
    if (hn_is_local(body)) {
        return hn_local_of(body) + 1;
    }
    uint32_t highest = 0;
    if (hn_is_normal(body) && hn_node_of(body)->flags & HN_FLAG_LOCALS) {
        for (uint32_t i = 0; i <= hn_count(body); i++) {
            uint32_t one = highest_local(hn_node_of(body)->words[i]);
            highest = one > highest ? one : highest;
        }
    }
    return highest;
}

bool hn_function_enter(hone_lyra *lyra, hn_value function, hn_call *call, hn_value *out_body,
                       size_t *out_env) {
    uint32_t count = hn_count(function);
    if (count < 1 || count > 3) {
        return false;
    }
    hn_value compiled = compiled_body(lyra, function);
    *out_env = call->count > 0 ? (size_t)(call->args - lyra->stack) : 0;
    if (!has_slots(lyra, function)) {
        const hn_value *names;
        if (parameters_of(lyra, function, &names) > call->count) {
            hn_message2(lyra, HN_SYM(lyra, Function), "fpct", hn_arg(function, 0),
                        hn_call_node(lyra, call));
            return false;
        }
        *out_body = compiled;
        return true;
    }
    if (compiled != HN_NONE &&
        (!hn_is_node(compiled) || !(hn_node_of(compiled)->flags & HN_FLAG_LOCALS)) &&
        !hn_is_local(compiled)) {
        *out_body = compiled;
        return true;
    }
    if (compiled != HN_NONE && highest_local(compiled) <= call->count) {
        *out_body = compiled;
        return true;
    }
    slots it = {.lyra = lyra, .function = function, .call = call};
    *out_body = fill(&it, hn_arg(function, count == 1 ? 0 : 1));
    *out_env = 0;
    if (it.highest > call->count) {
        hn_message2(lyra, HN_SYM(lyra, Function), "slotn",
                    hn_make1(lyra, HN_SYM(lyra, Slot), hn_of_small(it.highest)), function);
    }
    return true;
}

/* --- replacing symbols ----------------------------------------------------------------------- */

typedef struct replacer {
    hone_lyra *lyra;
    const hn_value *symbols, *values;
    uint32_t count;
    uint64_t shadowed; /* bits of symbols that an inner scope has as its own */
} replacer;

static void shadow(replacer *it, hn_value name) {
    if (HN_IS_FORM(it->lyra, name, Set) || HN_IS_FORM(it->lyra, name, SetDelayed)) {
        name = hn_count(name) > 0 ? hn_arg(name, 0) : name;
    }
    for (uint32_t i = 0; i < it->count && i < 64; i++) {
        if (it->symbols[i] == name) {
            it->shadowed |= (uint64_t)1 << i;
        }
    }
}

static bool is_scope(hone_lyra *lyra, hn_value body) {
    hn_value head = hn_head(body);
    return hn_count(body) >= 2 && (head == HN_SYM(lyra, Function) || head == HN_SYM(lyra, Module) ||
                                   head == HN_SYM(lyra, With));
}

static hn_value replace(void *context, hn_value body) {
    replacer *it = context;
    hone_lyra *lyra = it->lyra;
    if (hn_is_symbol(body)) {
        for (uint32_t i = 0; i < it->count; i++) {
            if (it->symbols[i] == body && !(i < 64 && it->shadowed >> i & 1)) {
                return it->values[i];
            }
        }
        return body;
    }
    if (!hn_is_normal(body)) {
        return body;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    uint64_t shadowed = it->shadowed;
    if (is_scope(lyra, body)) {
        hn_value names = hn_arg(body, 0);
        bool is_list = HN_IS_FORM(lyra, names, List);
        for (uint32_t i = 0; i < (is_list ? hn_count(names) : 1); i++) {
            shadow(it, is_list ? hn_arg(names, i) : names);
        }
    }
    hn_value replaced = hn_map_parts(it->lyra, body, replace, it);
    it->shadowed = shadowed;
    return replaced;
}

hn_value hn_replace_symbols(hone_lyra *lyra, hn_value body, const hn_value *symbols,
                            const hn_value *values, uint32_t count) {
    replacer it = {.lyra = lyra, .symbols = symbols, .values = values, .count = count};
    return replace(&it, body);
}
