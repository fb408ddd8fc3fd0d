/* SPDX-License-Identifier: Apache-2.0 */
/* Set, SetDelayed, UpSet, TagSet, Unset, Clear, and assignments that compute. */
#include "builtins_internal.h"

static bool is_protected(hone_lyra *lyra, hn_value head, const hn_symbol *symbol, hn_value left) {
    if (!(symbol->attributes & HN_PROTECTED)) {
        return false;
    }
    if (hn_is_symbol(left)) {
        hn_message1(lyra, head, "wrsym", left);
    } else {
        hn_message2(lyra, head, "write", hn_of_symbol(symbol), left);
    }
    return true;
}

/* What is assigned to a symbol of the kernel's own. */
static void note_special(hone_lyra *lyra, const hn_symbol *symbol, hn_value value) {
    if (!symbol->is_system) {
        return;
    }
    hone_text name = hn_symbol_short_name(symbol);
    int64_t limit;
    bool is_endless = HN_IS_FORM(lyra, value, DirectedInfinity);
    if (is_endless || (hn_get_int(value, &limit) && limit >= 20 && limit < 1 << 30)) {
        uint32_t number = is_endless ? UINT32_MAX : (uint32_t)limit;
        if (hone_text_is(name, "$RecursionLimit")) {
            lyra->depth_max = number;
        } else if (hone_text_is(name, "$IterationLimit")) {
            lyra->iterations_max = number;
        }
    }
}

static bool assign_symbol(hone_lyra *lyra, hn_symbol *symbol, hn_value value) {
    symbol->own = value;
    symbol->own_rule = HN_NONE;
    hn_symbol_changed(lyra, symbol);
    note_special(lyra, symbol, value);
    return true;
}

static bool assign_message(hone_lyra *lyra, hn_value left, hn_value value) {
    if (!hn_is_symbol(hn_arg(left, 0))) {
        return false;
    }
    hn_symbol *symbol = hn_symbol_of(hn_arg(left, 0));
    hn_value tag = hn_evaluate(lyra, hn_arg(left, 1)), list = symbol->messages;
    hn_value rule = hn_make2(lyra, HN_SYM(lyra, Rule), tag, value);
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; list != HN_NONE && i < hn_count(list); i++) {
        if (!hn_is_same(lyra, hn_arg(hn_arg(list, i), 0), tag)) {
            hn_push(lyra, hn_arg(list, i));
        }
    }
    hn_push(lyra, rule);
    symbol->messages = hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    hn_symbol_changed(lyra, symbol);
    return true;
}

/* The left side with its arguments evaluated, as the language does before it looks for the head. */
static hn_value evaluated_left(hone_lyra *lyra, hn_value left) {
    if (HN_IS_FORM(lyra, left, Condition) || HN_IS_FORM(lyra, left, HoldPattern)) {
        if (hn_count(left) == 0) {
            return left;
        }
        return HN_IS_FORM(lyra, left, HoldPattern)
                   ? left
                   : hn_replace_arg(lyra, left, 0, evaluated_left(lyra, hn_arg(left, 0)));
    }
    hn_value head = hn_head(left);
    head = hn_is_normal(head) ? evaluated_left(lyra, head) : hn_evaluate(lyra, head);
    uint32_t attributes = hn_is_symbol(head) ? hn_symbol_of(head)->attributes : 0;
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(left); i++) {
        bool is_held = i == 0 ? attributes & (HN_HOLD_FIRST | HN_HOLD_ALL_COMPLETE)
                              : attributes & (HN_HOLD_REST | HN_HOLD_ALL_COMPLETE);
        hn_value arg = hn_arg(left, i);
        arg = is_held ? arg : hn_evaluate(lyra, arg);
        if (HN_IS_FORM(lyra, arg, Sequence) && !is_held) {
            for (uint32_t k = 0; k < hn_count(arg); k++) {
                hn_push(lyra, hn_arg(arg, k));
            }
        } else {
            hn_push(lyra, arg);
        }
    }
    uint32_t count = (uint32_t)(lyra->stack_top - top);
    if (attributes & HN_ORDERLESS) {
        hn_sort(lyra, lyra->stack + top, count);
    }
    return hn_make_pushed(lyra, head, top);
}

static hn_value stripped(hone_lyra *lyra, hn_value left) {
    while (hn_is_normal(left) && hn_count(left) > 0 &&
           (HN_IS_FORM(lyra, left, Condition) || HN_IS_FORM(lyra, left, HoldPattern) ||
            HN_IS_FORM(lyra, left, Verbatim))) {
        left = hn_arg(left, 0);
    }
    return left;
}

/* Pattern objects and conditions around a head: which symbol does an argument belong to? */
static hn_symbol *tag_of_argument(hone_lyra *lyra, hn_value arg) {
    for (;;) {
        arg = stripped(lyra, arg);
        if ((HN_IS_FORM(lyra, arg, Pattern) || HN_IS_FORM(lyra, arg, Optional)) &&
            hn_count(arg) > 1) {
            arg = hn_arg(arg, HN_IS_FORM(lyra, arg, Pattern) ? 1 : 0);
        } else if (HN_IS_FORM(lyra, arg, PatternTest) && hn_count(arg) > 0) {
            arg = hn_arg(arg, 0);
        } else if (HN_IS_FORM(lyra, arg, Blank) || HN_IS_FORM(lyra, arg, BlankSequence) ||
                   HN_IS_FORM(lyra, arg, BlankNullSequence)) {
            return hn_count(arg) == 1 && hn_is_symbol(hn_arg(arg, 0)) ? hn_symbol_of(hn_arg(arg, 0))
                                                                      : NULL;
        } else {
            return hn_innermost_head(arg);
        }
    }
}

static bool assign_rule(hone_lyra *lyra, hn_value head, hn_value left, hn_value right,
                        bool is_delayed, hn_value tag) {
    hn_value whole = evaluated_left(lyra, left), form = stripped(lyra, whole);
    if (hn_is_symbol(form)) { /* x /; test := value */
        hn_symbol *symbol = hn_symbol_of(form);
        if (is_protected(lyra, head, symbol, form) || !HN_IS_FORM(lyra, whole, Condition)) {
            return false;
        }
        hn_value rule = hn_make2(lyra, HN_SYM(lyra, RuleDelayed), hn_arg(whole, 1), right);
        symbol->own_rule = hn_make_list(lyra, &rule, 1);
        hn_symbol_changed(lyra, symbol);
        return true;
    }
    hn_symbol *owner = tag != HN_NONE ? hn_symbol_of(tag) : hn_innermost_head(form);
    if (!owner) {
        hn_message1(lyra, head, "setraw", form);
        return false;
    }
    if (is_protected(lyra, head, owner, form)) {
        return false;
    }
    hn_rules **rules = hn_is_symbol(hn_head(form)) ? &owner->down : &owner->sub;
    if (tag != HN_NONE && hn_innermost_head(form) != owner) {
        bool is_found = false;
        for (uint32_t i = 0; i < hn_count(form) && !is_found; i++) {
            is_found = tag_of_argument(lyra, hn_arg(form, i)) == owner;
        }
        if (!is_found) {
            hn_message2(lyra, head, "tagnf", tag, form);
            return false;
        }
        rules = &owner->up;
    }
    hn_rules_add(lyra, rules, hn_rule_compile(lyra, whole, right, is_delayed));
    hn_symbol_changed(lyra, owner);
    return true;
}

static bool assign_list(hone_lyra *lyra, hn_value left, hn_value right, bool is_delayed) {
    if (!HN_IS_FORM(lyra, right, List) || hn_count(left) != hn_count(right)) {
        hn_message2(lyra, HN_SYM(lyra, Set), "shape", left, right);
        return false;
    }
    for (uint32_t i = 0; i < hn_count(left); i++) {
        if (!hn_assign(lyra, hn_arg(left, i), hn_arg(right, i), is_delayed, HN_NONE)) {
            return false;
        }
    }
    return true;
}

/* --- x[[i, j]] = value ----------------------------------------------------------------------- */

static hn_value with_part(hone_lyra *lyra, hn_value whole, const hn_value *path, uint32_t count,
                          hn_value value);

static hn_value with_position(hone_lyra *lyra, hn_value whole, int64_t position,
                              const hn_value *path, uint32_t count, hn_value value) {
    int64_t length = hn_count(whole);
    int64_t index = position < 0 ? length + position : position - 1;
    if (position == 0) {
        return count > 1 ? HN_NONE : hn_make(lyra, value, hn_args(whole), hn_count(whole));
    }
    if (index < 0 || index >= length) {
        return HN_NONE;
    }
    bool is_association = HN_IS_FORM(lyra, whole, Association);
    hn_value old = hn_arg(whole, (uint32_t)index);
    hn_value inner = is_association ? hn_arg(old, 1) : old;
    hn_value part = with_part(lyra, inner, path + 1, count - 1, value);
    if (part == HN_NONE) {
        return HN_NONE;
    }
    part = is_association ? hn_make2(lyra, HN_SYM(lyra, Rule), hn_arg(old, 0), part) : part;
    return hn_replace_arg(lyra, whole, (uint32_t)index, part);
}

static hn_value with_positions(hone_lyra *lyra, hn_value whole, hn_value positions,
                               const hn_value *path, uint32_t count, hn_value value) {
    bool is_each = HN_IS_FORM(lyra, value, List) && hn_count(value) == hn_count(positions);
    for (uint32_t i = 0; i < hn_count(positions); i++) {
        int64_t position;
        if (!hn_get_int(hn_arg(positions, i), &position)) {
            return HN_NONE;
        }
        whole =
            with_position(lyra, whole, position, path, count, is_each ? hn_arg(value, i) : value);
        if (whole == HN_NONE) {
            return HN_NONE;
        }
    }
    return whole;
}

static hn_value with_key(hone_lyra *lyra, hn_value whole, hn_value key, const hn_value *path,
                         uint32_t count, hn_value value) {
    uint32_t at = hn_association_find(lyra, whole, key);
    if (at != UINT32_MAX) {
        return with_position(lyra, whole, (int64_t)at + 1, path, count, value);
    }
    if (count > 1) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(whole); i++) {
        hn_push(lyra, hn_arg(whole, i));
    }
    hn_push(lyra, hn_make2(lyra, HN_SYM(lyra, Rule), key, value));
    return hn_make_pushed(lyra, hn_head(whole), top);
}

static hn_value with_part(hone_lyra *lyra, hn_value whole, const hn_value *path, uint32_t count,
                          hn_value value) {
    if (count == 0) {
        return value;
    }
    int64_t position;
    hn_value index = path[0];
    if (!hn_is_normal(whole)) {
        return HN_NONE;
    }
    if (HN_IS_FORM(lyra, whole, Association) && !hn_is_integer(index) &&
        !HN_IS_FORM(lyra, index, List) && index != HN_SYM(lyra, All)) {
        index = hn_has_form(index, HN_SYM(lyra, Key), 1) ? hn_arg(index, 0) : index;
        return with_key(lyra, whole, index, path, count, value);
    }
    if (hn_get_int(index, &position)) {
        return with_position(lyra, whole, position, path, count, value);
    }
    if (index == HN_SYM(lyra, All) || HN_IS_FORM(lyra, index, Span)) {
        hn_value all = hn_apply1(lyra, HN_SYM(lyra, Range), hn_of_small(hn_count(whole)));
        hn_value positions = index == HN_SYM(lyra, All) ? all : hn_part(lyra, all, index);
        return positions == HN_NONE ? HN_NONE
                                    : with_positions(lyra, whole, positions, path, count, value);
    }
    return HN_IS_FORM(lyra, index, List) ? with_positions(lyra, whole, index, path, count, value)
                                         : HN_NONE;
}

static bool assign_part(hone_lyra *lyra, hn_value left, hn_value value) {
    hn_value target = hn_arg(left, 0);
    if (!hn_is_symbol(target)) {
        hn_message1(lyra, HN_SYM(lyra, Set), "setps", target);
        return false;
    }
    hn_symbol *symbol = hn_symbol_of(target);
    if (is_protected(lyra, HN_SYM(lyra, Set), symbol, target)) {
        return false;
    }
    if (symbol->own == HN_NONE) {
        hn_message1(lyra, HN_SYM(lyra, Set), "noval", target);
        return false;
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 1; i < hn_count(left); i++) {
        hn_push(lyra, hn_evaluate(lyra, hn_arg(left, i)));
    }
    uint32_t count = (uint32_t)(lyra->stack_top - top);
    hn_value whole = with_part(lyra, hn_evaluate(lyra, target), lyra->stack + top, count, value);
    hn_value path = hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    if (whole == HN_NONE) {
        hn_message2(lyra, HN_SYM(lyra, Part), "partw", hn_count(path) == 1 ? hn_arg(path, 0) : path,
                    hn_evaluate(lyra, target));
        return false;
    }
    return assign_symbol(lyra, symbol, whole);
}

/* --- forms ----------------------------------------------------------------------------------- */

static bool assign_key(hone_lyra *lyra, hn_value left, hn_value value) {
    hn_symbol *symbol = hn_symbol_of(hn_head(left));
    hn_value key = hn_evaluate(lyra, hn_arg(left, 0));
    hn_value whole = with_key(lyra, symbol->own, key, &key, 1, value);
    return whole != HN_NONE && assign_symbol(lyra, symbol, whole);
}

bool hn_assign(hone_lyra *lyra, hn_value left, hn_value right, bool is_delayed, hn_value tag) {
    hn_value head = is_delayed ? HN_SYM(lyra, SetDelayed) : HN_SYM(lyra, Set);
    if (hn_is_symbol(left)) {
        return !is_protected(lyra, head, hn_symbol_of(left), left) &&
               assign_symbol(lyra, hn_symbol_of(left), right);
    }
    if (!hn_is_normal(left)) {
        hn_message1(lyra, head, "setraw", left);
        return false;
    }
    if (tag == HN_NONE && HN_IS_FORM(lyra, left, List)) {
        return assign_list(lyra, left, right, is_delayed);
    }
    if (tag == HN_NONE && HN_IS_FORM(lyra, left, Part) && hn_count(left) > 1) {
        return assign_part(lyra, left, right);
    }
    if (tag == HN_NONE && hn_has_form(left, HN_SYM(lyra, MessageName), 2)) {
        return assign_message(lyra, left, right);
    }
    if (hn_is_symbol(hn_head(left)) && hn_count(left) == 1 &&
        HN_IS_FORM(lyra, hn_symbol_of(hn_head(left))->own, Association)) {
        return assign_key(lyra, left, right);
    }
    return assign_rule(lyra, head, left, right, is_delayed, tag);
}

static hn_value set(hone_lyra *lyra, hn_call *call) {
    hn_value left = call->args[0], right = call->args[1];
    if (hn_has_form(left, HN_SYM(lyra, Attributes), 1) && hn_is_symbol(hn_arg(left, 0))) {
        return hn_set_attributes(lyra, hn_arg(left, 0), right) ? right : HN_NONE;
    }
    if (hn_has_form(left, HN_SYM(lyra, Options), 1) && hn_is_symbol(hn_arg(left, 0))) {
        hn_symbol_of(hn_arg(left, 0))->options = right;
        hn_symbol_changed(lyra, hn_symbol_of(hn_arg(left, 0)));
        return right;
    }
    (void)hn_assign(lyra, left, right, false, HN_NONE);
    return right;
}

static hn_value set_delayed(hone_lyra *lyra, hn_call *call) {
    return hn_assign(lyra, call->args[0], call->args[1], true, HN_NONE)
               ? HN_SYM(lyra, Null)
               : hn_of_symbol(hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Failed"), true));
}

static hn_value up_set(hone_lyra *lyra, hn_call *call, bool is_delayed) {
    hn_value left = stripped(lyra, call->args[0]);
    for (uint32_t i = 0; hn_is_normal(left) && i < hn_count(left); i++) {
        const hn_symbol *owner = tag_of_argument(lyra, hn_arg(left, i));
        if (owner && !(owner->attributes & HN_PROTECTED) && hn_innermost_head(left) != owner) {
            (void)assign_rule(lyra, call->head, call->args[0], call->args[1], is_delayed,
                              hn_of_symbol(owner));
        }
    }
    return is_delayed ? HN_SYM(lyra, Null) : call->args[1];
}

static hn_value up_set_now(hone_lyra *lyra, hn_call *call) {
    return up_set(lyra, call, false);
}

static hn_value up_set_delayed(hone_lyra *lyra, hn_call *call) {
    return up_set(lyra, call, true);
}

static hn_value tag_set(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_symbol(call->args[0])) {
        return HN_NONE;
    }
    hn_value value = hn_evaluate(lyra, call->args[2]);
    (void)hn_assign(lyra, call->args[1], value, false, call->args[0]);
    return value;
}

static hn_value tag_set_delayed(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_symbol(call->args[0])) {
        return HN_NONE;
    }
    (void)hn_assign(lyra, call->args[1], call->args[2], true, call->args[0]);
    return HN_SYM(lyra, Null);
}

static hn_value unset(hone_lyra *lyra, hn_call *call) {
    hn_value left = call->args[0];
    if (hn_is_symbol(left)) {
        if (is_protected(lyra, call->head, hn_symbol_of(left), left)) {
            return HN_NONE;
        }
        hn_symbol_of(left)->own = hn_symbol_of(left)->own_rule = HN_NONE;
        hn_symbol_changed(lyra, hn_symbol_of(left));
        return HN_SYM(lyra, Null);
    }
    if (!hn_is_normal(left)) {
        return HN_NONE;
    }
    hn_value whole = evaluated_left(lyra, left);
    hn_symbol *owner = hn_innermost_head(stripped(lyra, whole));
    hn_rules *rules = !owner                                         ? NULL
                      : hn_is_symbol(hn_head(stripped(lyra, whole))) ? owner->down
                                                                     : owner->sub;
    if (!rules || !hn_rules_remove(lyra, rules, whole)) {
        hn_message2(lyra, HN_SYM(lyra, Unset), "norep", whole, owner ? hn_of_symbol(owner) : left);
        return hn_of_symbol(hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Failed"), true));
    }
    hn_symbol_changed(lyra, owner);
    return HN_SYM(lyra, Null);
}

/* --- x += 1 and its like --------------------------------------------------------------------- */

static hn_value change(hone_lyra *lyra, hn_call *call, hn_value operation, hn_value operand,
                       bool gives_old) {
    hn_value left = call->args[0], old;
    if (hn_is_symbol(left) && hn_symbol_of(left)->own == HN_NONE) {
        hn_message1(lyra, call->head, "rvalue", left);
        return HN_NONE;
    }
    if (!hn_is_symbol(left) && !hn_is_normal(left)) {
        hn_message1(lyra, call->head, "rvalue", left);
        return HN_NONE;
    }
    old = hn_evaluate(lyra, left);
    hn_value changed = operation == HN_SYM(lyra, Plus) ? hn_plus(lyra, old, operand)
                                                       : hn_times(lyra, old, operand);
    if (!hn_assign(lyra, left, changed, false, HN_NONE)) {
        return HN_NONE;
    }
    return gives_old ? old : changed;
}

static hn_value increment(hone_lyra *lyra, hn_call *call) {
    return change(lyra, call, HN_SYM(lyra, Plus), hn_of_small(1), true);
}
static hn_value decrement(hone_lyra *lyra, hn_call *call) {
    return change(lyra, call, HN_SYM(lyra, Plus), hn_of_small(-1), true);
}
static hn_value pre_increment(hone_lyra *lyra, hn_call *call) {
    return change(lyra, call, HN_SYM(lyra, Plus), hn_of_small(1), false);
}
static hn_value pre_decrement(hone_lyra *lyra, hn_call *call) {
    return change(lyra, call, HN_SYM(lyra, Plus), hn_of_small(-1), false);
}
static hn_value add_to(hone_lyra *lyra, hn_call *call) {
    return change(lyra, call, HN_SYM(lyra, Plus), call->args[1], false);
}
static hn_value subtract_from(hone_lyra *lyra, hn_call *call) {
    return change(lyra, call, HN_SYM(lyra, Plus), hn_times(lyra, hn_of_small(-1), call->args[1]),
                  false);
}
static hn_value times_by(hone_lyra *lyra, hn_call *call) {
    return change(lyra, call, HN_SYM(lyra, Times), call->args[1], false);
}
static hn_value divide_by(hone_lyra *lyra, hn_call *call) {
    return change(lyra, call, HN_SYM(lyra, Times), hn_raise(lyra, call->args[1], hn_of_small(-1)),
                  false);
}

static hn_value grow(hone_lyra *lyra, hn_call *call, hn_value function) {
    if (!hn_is_symbol(call->args[0]) && !hn_is_normal(call->args[0])) {
        hn_message1(lyra, call->head, "rvalue", call->args[0]);
        return HN_NONE;
    }
    hn_value old = hn_evaluate(lyra, call->args[0]);
    if (hn_is_same(lyra, old, call->args[0])) {
        hn_message1(lyra, call->head, "rvalue", call->args[0]);
        return HN_NONE;
    }
    hn_value grown = hn_apply2(lyra, function, old, call->args[1]);
    (void)hn_assign(lyra, call->args[0], grown, false, HN_NONE);
    return grown;
}

static hn_value append_to(hone_lyra *lyra, hn_call *call) {
    return grow(lyra, call, HN_SYM(lyra, Append));
}

static hn_value prepend_to(hone_lyra *lyra, hn_call *call) {
    return grow(lyra, call, HN_SYM(lyra, Prepend));
}

const hn_builtin hn_builtins_assign[] = {
    {"Set", set, HN_P | HN_HOLD_FIRST | HN_SEQUENCE_HOLD, 2, 2,
     "lhs = rhs evaluates rhs and assigns it to lhs."},
    {"SetDelayed", set_delayed, HN_P | HN_HOLD_ALL | HN_SEQUENCE_HOLD, 2, 2,
     "lhs := rhs assigns rhs to lhs, to be evaluated each time."},
    {"UpSet", up_set_now, HN_P | HN_HOLD_FIRST | HN_SEQUENCE_HOLD, 2, 2,
     "lhs ^= rhs assigns to the symbols in the arguments of lhs."},
    {"UpSetDelayed", up_set_delayed, HN_P | HN_HOLD_ALL | HN_SEQUENCE_HOLD, 2, 2,
     "lhs ^:= rhs is the delayed form of lhs ^= rhs."},
    {"TagSet", tag_set, HN_P | HN_HOLD_ALL | HN_SEQUENCE_HOLD, 3, 3,
     "f/: lhs = rhs associates the rule with f."},
    {"TagSetDelayed", tag_set_delayed, HN_P | HN_HOLD_ALL | HN_SEQUENCE_HOLD, 3, 3,
     "f/: lhs := rhs associates the delayed rule with f."},
    {"Unset", unset, HN_P | HN_HOLD_FIRST, 1, 1, "lhs =. removes the definition of lhs."},
    {"Increment", increment, HN_P | HN_HOLD_FIRST | HN_READ_PROTECTED, 1, 1,
     "x++ adds 1 to x, gives the old value."},
    {"Decrement", decrement, HN_P | HN_HOLD_FIRST | HN_READ_PROTECTED, 1, 1,
     "x-- subtracts 1, gives the old value."},
    {"PreIncrement", pre_increment, HN_P | HN_HOLD_FIRST | HN_READ_PROTECTED, 1, 1,
     "++x adds 1 to x, gives the new value."},
    {"PreDecrement", pre_decrement, HN_P | HN_HOLD_FIRST | HN_READ_PROTECTED, 1, 1,
     "--x subtracts 1, gives the new value."},
    {"AddTo", add_to, HN_P | HN_HOLD_FIRST, 2, 2, "x += dx adds dx to x."},
    {"SubtractFrom", subtract_from, HN_P | HN_HOLD_FIRST, 2, 2, "x -= dx subtracts dx from x."},
    {"TimesBy", times_by, HN_P | HN_HOLD_FIRST, 2, 2, "x *= c multiplies x by c."},
    {"DivideBy", divide_by, HN_P | HN_HOLD_FIRST, 2, 2, "x /= c divides x by c."},
    {"AppendTo", append_to, HN_P | HN_HOLD_FIRST, 2, 2,
     "AppendTo[x, e] appends e to the value of x."},
    {"PrependTo", prepend_to, HN_P | HN_HOLD_FIRST, 2, 2,
     "PrependTo[x, e] prepends e to the value of x."},
    {0},
};
