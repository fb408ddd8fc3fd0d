/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops, and tables made by iterators. An iterator {i, a, b, d} gives i its values by its own
 * value, as Block does; what i was before comes back afterwards, also when the loop is left early.
 */
#include <math.h>

#include "builtins_internal.h"

enum { LOOP_REASONS = 1u << HN_UNWIND_BREAK | 1u << HN_UNWIND_CONTINUE | 1u << HN_UNWIND_RETURN };

typedef struct iterator {
    hn_symbol *symbol; /* NULL: only counts */
    hn_value list;     /* {i, {a, b, c}}, or HN_NONE */
    hn_value value, step, last;
    int64_t left; /* rounds that remain */
    bool is_endless;
} iterator;

static hn_value bad_iterator(hone_lyra *lyra, hn_value head, hn_value spec) {
    hn_message1(lyra, head, "iterb", spec);
    return HN_NONE;
}

/* How many steps from first to last; -1: unknown. */
static int64_t rounds(hone_lyra *lyra, hn_value first, hn_value last, hn_value step) {
    int64_t a, b, d;
    if (hn_get_int(first, &a) && hn_get_int(last, &b) && hn_get_int(step, &d)) {
        return d == 0 ? -1 : d > 0 ? (b < a ? 0 : (b - a) / d + 1) : (b > a ? 0 : (a - b) / -d + 1);
    }
    hn_value difference = hn_plus(lyra, last, hn_times(lyra, hn_of_small(-1), first));
    hn_value count = hn_times(lyra, difference, hn_raise(lyra, step, hn_of_small(-1)));
    hn_value number = hn_is_real_number(count) ? count : hn_numeric(lyra, count);
    double real;
    if (!hn_get_real(lyra, number, &real) || isnan(real)) {
        return -1;
    }
    return real < 0 ? 0 : real > 1e15 ? INT64_MAX : (int64_t)floor(real + 1e-10) + 1;
}

static bool set_range(hone_lyra *lyra, iterator *it, const hn_value *bounds, uint32_t count) {
    it->value = count > 1 ? bounds[0] : hn_of_small(1);
    it->last = bounds[count > 1];
    it->step = count > 2 ? bounds[2] : hn_of_small(1);
    if (HN_IS_FORM(lyra, it->last, DirectedInfinity)) {
        it->is_endless = true;
        it->left = INT64_MAX;
        return true;
    }
    it->left = rounds(lyra, it->value, it->last, it->step);
    return it->left >= 0;
}

static bool begin(hone_lyra *lyra, hn_value head, hn_value spec, iterator *it) {
    *it = (iterator){.list = HN_NONE, .value = hn_of_small(1), .step = hn_of_small(1)};
    if (!HN_IS_FORM(lyra, spec, List)) {
        spec = hn_evaluate(lyra, spec);
    }
    if (!HN_IS_FORM(lyra, spec, List)) {
        if (set_range(lyra, it, &spec, 1)) {
            return true;
        }
        hn_message1(lyra, head, "iterb", hn_make_list(lyra, &spec, 1));
        return false;
    }
    uint32_t count = hn_count(spec);
    if (count == 0 || count > 4) {
        return bad_iterator(lyra, head, spec) != HN_NONE;
    }
    uint32_t first = 0;
    if (count > 1) {
        hn_value name = hn_arg(spec, 0);
        if (!hn_is_symbol(name)) {
            hn_message1(lyra, head, "vloc", name);
            return false;
        }
        it->symbol = hn_symbol_of(name);
        first = 1;
    }
    hn_value bounds[3] = {HN_NONE, HN_NONE, HN_NONE};
    for (uint32_t i = first; i < count && i - first < 3; i++) {
        bounds[i - first] = hn_evaluate(lyra, hn_arg(spec, i));
    }
    if (count - first == 1 && HN_IS_FORM(lyra, bounds[0], List) && it->symbol) {
        it->list = bounds[0];
        it->left = hn_count(it->list);
        return true;
    }
    if (!set_range(lyra, it, bounds, count - first)) {
        return bad_iterator(lyra, head, spec) != HN_NONE;
    }
    return true;
}

/* Gives the variable its next value; false: the loop is over. */
static bool next(hone_lyra *lyra, iterator *it, bool is_first) {
    if (it->left == 0) {
        return false;
    }
    if (it->list != HN_NONE) {
        it->value = hn_arg(it->list, hn_count(it->list) - (uint32_t)it->left);
    } else if (!is_first) {
        it->value = hn_plus(lyra, it->value, it->step);
    }
    it->left--;
    if (it->symbol) {
        it->symbol->own = it->value;
        hn_symbol_changed(lyra, it->symbol);
    }
    return true;
}

/* --- Do, While, For -------------------------------------------------------------------------- */

/* True: go on behind the catch; false: leave, with lyra->thrown as the value. */
static bool catch_loop(hone_lyra *lyra) {
    if (lyra->reason == HN_UNWIND_CONTINUE) {
        return true;
    }
    if (lyra->reason == HN_UNWIND_BREAK) {
        lyra->thrown = HN_SYM(lyra, Null);
    }
    return false;
}

static bool do_rounds(hone_lyra *lyra, hn_value body, const hn_value *specs, uint32_t count) {
    iterator it;
    if (!begin(lyra, HN_SYM(lyra, Do), specs[0], &it)) {
        return false;
    }
    uint32_t restores = lyra->restores_count;
    if (it.symbol) {
        hn_restore_push(lyra, it.symbol, true);
    }
    for (bool is_first = true; next(lyra, &it, is_first); is_first = false) {
        hn_tick(lyra);
        if (count > 1) {
            if (!do_rounds(lyra, body, specs + 1, count - 1)) {
                hn_restore_to(lyra, restores);
                return false;
            }
        } else {
            (void)hn_evaluate(lyra, body);
        }
    }
    hn_restore_to(lyra, restores);
    return true;
}

/* Continue[] has to come back into the loop: so that only those bodies pay which may call it, a
 * body is wrapped when it is one that mentions it; Break and Return leave everything. */
static hn_value guarded_body(hone_lyra *lyra, hn_value body) {
    return hn_make2(lyra, HN_SYM(lyra, Do), body, HN_SYM(lyra, Continue));
}

static bool mentions_continue(hone_lyra *lyra, hn_value body) {
    if (!hn_is_normal(body)) {
        return body == HN_SYM(lyra, Continue);
    }
    for (uint32_t i = 0; i <= hn_count(body); i++) {
        if (mentions_continue(lyra, hn_node_of(body)->words[i])) {
            return true;
        }
    }
    return false;
}

static hn_value do_loop(hone_lyra *lyra, hn_call *call) {
    hn_catch here;
    if (call->count == 2 && call->args[1] == HN_SYM(lyra, Continue)) { /* one round, guarded */
        hn_catch_push(lyra, &here, 1u << HN_UNWIND_CONTINUE);
        if (setjmp(here.target) == 0) {
            (void)hn_evaluate(lyra, call->args[0]);
            hn_catch_pop(lyra, &here);
        }
        return HN_SYM(lyra, Null);
    }
    hn_catch_push(lyra, &here, LOOP_REASONS);
    if (setjmp(here.target) != 0) {
        (void)catch_loop(lyra);
        return lyra->thrown;
    }
    hn_value round =
        mentions_continue(lyra, call->args[0]) ? guarded_body(lyra, call->args[0]) : call->args[0];
    bool is_done = do_rounds(lyra, round, call->args + 1, call->count - 1);
    hn_catch_pop(lyra, &here);
    return is_done ? HN_SYM(lyra, Null) : HN_NONE;
}

static hn_value while_loop(hone_lyra *lyra, hn_call *call) {
    hn_catch here;
    volatile bool is_leaving = false;
    while (!is_leaving) {
        hn_catch_push(lyra, &here, LOOP_REASONS);
        if (setjmp(here.target) != 0) {
            if (!catch_loop(lyra)) {
                return lyra->thrown;
            }
            continue;
        }
        while (hn_is_true(lyra, hn_evaluate(lyra, call->args[0]))) {
            hn_tick(lyra);
            if (call->count > 1) {
                (void)hn_evaluate(lyra, call->args[1]);
            }
        }
        hn_catch_pop(lyra, &here);
        is_leaving = true;
    }
    return HN_SYM(lyra, Null);
}

static hn_value for_loop(hone_lyra *lyra, hn_call *call) {
    hn_catch here;
    volatile bool is_leaving = false, is_again = false;
    (void)hn_evaluate(lyra, call->args[0]);
    while (!is_leaving) {
        hn_catch_push(lyra, &here, LOOP_REASONS);
        if (setjmp(here.target) != 0) {
            if (!catch_loop(lyra)) {
                return lyra->thrown;
            }
            is_again = true;
            continue;
        }
        if (is_again) {
            is_again = false;
            (void)hn_evaluate(lyra, call->args[2]);
        }
        while (hn_is_true(lyra, hn_evaluate(lyra, call->args[1]))) {
            hn_tick(lyra);
            if (call->count > 3) {
                (void)hn_evaluate(lyra, call->args[3]);
            }
            (void)hn_evaluate(lyra, call->args[2]);
        }
        hn_catch_pop(lyra, &here);
        is_leaving = true;
    }
    return HN_SYM(lyra, Null);
}

/* --- Table, Sum, Product --------------------------------------------------------------------- */

static hn_value table_rounds(hone_lyra *lyra, hn_value head, hn_value body, const hn_value *specs,
                             uint32_t count) {
    iterator it;
    if (!begin(lyra, head, specs[0], &it)) {
        return HN_NONE;
    }
    uint32_t restores = lyra->restores_count;
    size_t top = lyra->stack_top;
    if (it.symbol) {
        hn_restore_push(lyra, it.symbol, true);
    }
    for (bool is_first = true; next(lyra, &it, is_first); is_first = false) {
        hn_tick(lyra);
        hn_value value = count > 1 ? table_rounds(lyra, head, body, specs + 1, count - 1)
                                   : hn_evaluate(lyra, body);
        if (value == HN_NONE) {
            hn_restore_to(lyra, restores);
            lyra->stack_top = top;
            return HN_NONE;
        }
        if (value != HN_SYM(lyra, Nothing)) {
            hn_push(lyra, value);
        }
    }
    hn_restore_to(lyra, restores);
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value table(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1) {
        return call->args[0];
    }
    return table_rounds(lyra, call->head, call->args[0], call->args + 1, call->count - 1);
}

static hn_value fold_rounds(hone_lyra *lyra, hn_call *call, uint32_t at, hn_value operation,
                            hn_value start) {
    iterator it;
    if (at == call->count) {
        return hn_evaluate(lyra, call->args[0]);
    }
    uint32_t messages = lyra->quiet_depth++;
    bool is_fine = begin(lyra, call->head, call->args[at], &it) && !it.is_endless;
    lyra->quiet_depth = messages;
    if (!is_fine) {
        return HN_NONE;
    }
    uint32_t restores = lyra->restores_count;
    size_t top = lyra->stack_top;
    if (it.symbol) {
        hn_restore_push(lyra, it.symbol, true);
    }
    hn_value total = start;
    for (bool is_first = true; next(lyra, &it, is_first); is_first = false) {
        hn_tick(lyra);
        hn_value value = fold_rounds(lyra, call, at + 1, operation, start);
        if (value == HN_NONE) {
            hn_restore_to(lyra, restores);
            lyra->stack_top = top;
            return HN_NONE;
        }
        if (hn_is_number(value) && hn_is_number(total)) {
            total = operation == HN_SYM(lyra, Plus) ? hn_number_add(lyra, total, value)
                                                    : hn_number_multiply(lyra, total, value);
        } else {
            hn_push(lyra, value);
        }
    }
    hn_restore_to(lyra, restores);
    hn_push(lyra, total);
    return hn_evaluate(lyra, hn_make_pushed(lyra, operation, top));
}

static hn_value sum(hone_lyra *lyra, hn_call *call) {
    return call->count < 2 ? HN_NONE
                           : fold_rounds(lyra, call, 1, HN_SYM(lyra, Plus), hn_of_small(0));
}

static hn_value product(hone_lyra *lyra, hn_call *call) {
    return call->count < 2 ? HN_NONE
                           : fold_rounds(lyra, call, 1, HN_SYM(lyra, Times), hn_of_small(1));
}

/* --- Range, Array, ConstantArray ------------------------------------------------------------- */

static hn_value range(hone_lyra *lyra, hn_call *call) {
    iterator it = {.list = HN_NONE};
    if (!set_range(lyra, &it, call->args, call->count) || it.is_endless) {
        hn_message1(lyra, HN_SYM(lyra, Range), "range", hn_call_node(lyra, call));
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    hn_stack_need(lyra, (size_t)it.left);
    hn_value first = it.value;
    bool is_machine = hn_is_real(first) || hn_is_real(it.step);
    for (int64_t i = 0; i < it.left; i++) {
        if (is_machine) { /* no error adds up */
            double value = hn_number_to_double(first) + (double)i * hn_number_to_double(it.step);
            hn_push(lyra, hn_make_real(lyra, value));
        } else {
            hn_push(lyra, it.value);
            it.value = i + 1 < it.left ? hn_plus(lyra, it.value, it.step) : it.value;
        }
    }
    return hn_stamp(lyra, hn_make_pushed(lyra, HN_SYM(lyra, List), top));
}

static hn_value array_level(hone_lyra *lyra, hn_value function, hn_value dims, hn_value origins,
                            uint32_t level, size_t indices) {
    bool is_list = HN_IS_FORM(lyra, dims, List);
    if (level == (is_list ? hn_count(dims) : 1)) {
        return hn_apply(lyra, function, lyra->stack + indices, level);
    }
    int64_t length;
    if (!hn_get_int(is_list ? hn_arg(dims, level) : dims, &length) || length < 0) {
        return HN_NONE;
    }
    hn_value origin = HN_IS_FORM(lyra, origins, List) && level < hn_count(origins)
                          ? hn_arg(origins, level)
                          : origins;
    size_t top = lyra->stack_top;
    for (int64_t i = 0; i < length; i++) {
        lyra->stack[indices + level] = hn_plus(lyra, origin, hn_of_small(i));
        hn_value value = array_level(lyra, function, dims, origins, level + 1, indices);
        if (value == HN_NONE) {
            lyra->stack_top = top;
            return HN_NONE;
        }
        hn_push(lyra, value);
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value array(hone_lyra *lyra, hn_call *call) {
    hn_value origins = call->count > 2 ? call->args[2] : hn_of_small(1);
    uint32_t levels = HN_IS_FORM(lyra, call->args[1], List) ? hn_count(call->args[1]) : 1;
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < levels; i++) {
        hn_push(lyra, hn_of_small(0));
    }
    hn_value made = array_level(lyra, call->args[0], call->args[1], origins, 0, top);
    lyra->stack_top = top;
    return made;
}

static hn_value constant_array(hone_lyra *lyra, hn_call *call) {
    hn_value dims = call->args[1], made = call->args[0];
    bool is_list = HN_IS_FORM(lyra, dims, List);
    for (uint32_t i = is_list ? hn_count(dims) : 1; i-- > 0;) {
        int64_t length;
        if (!hn_get_int(is_list ? hn_arg(dims, i) : dims, &length) || length < 0) {
            return HN_NONE;
        }
        size_t top = lyra->stack_top;
        hn_stack_need(lyra, (size_t)length);
        for (int64_t k = 0; k < length; k++) {
            hn_push(lyra, made);
        }
        made = hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    }
    return made;
}

const hn_builtin hn_builtins_iteration[] = {
    {"Do", do_loop, HN_P | HN_HOLD_ALL, 2, -1,
     "Do[expr, {i, imin, imax, di}] evaluates expr for each i."},
    {"While", while_loop, HN_P | HN_HOLD_ALL, 1, 2,
     "While[test, body] evaluates test and body until test is not True."},
    {"For", for_loop, HN_P | HN_HOLD_ALL, 3, 4,
     "For[start, test, incr, body] evaluates start, then body and incr while test is True."},
    {"Table", table, HN_P | HN_HOLD_ALL, 1, -1,
     "Table[expr, {i, imin, imax, di}] gives the list of values of expr."},
    {"Sum", sum, HN_P | HN_HOLD_ALL, 1, -1,
     "Sum[f, {i, imin, imax}] is the sum of the values of f."},
    {"Product", product, HN_P | HN_HOLD_ALL, 1, -1,
     "Product[f, {i, imin, imax}] is the product of the values of f."},
    {"Range", range, HN_P | HN_LISTABLE, 1, 3,
     "Range[imin, imax, di] gives {imin, imin + di, ...}."},
    {"Array", array, HN_P, 2, 3, "Array[f, {n1, n2, ...}] gives nested lists of f[i1, i2, ...]."},
    {"ConstantArray", constant_array, HN_P, 2, 2, "ConstantArray[c, n] gives a list of n times c."},
    {0},
};
