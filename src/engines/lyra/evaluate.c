/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator. For an expression, in the documented order:
 *   1. the head;
 *   2. the arguments, unless an attribute of the head holds them; Evaluate[] undoes a hold,
 *      Unevaluated[] takes part in none; Sequence[] is spliced in;
 *   3. Flat, Listable, Orderless;
 *   4. up-values of the arguments, then down-values (or sub-values) of the head, then its built-in;
 *   5. whatever that gave is evaluated again, until nothing changes.
 *
 * A body of a rule is evaluated where it is: its variables are locals, looked up in `env`, and put
 * in only where something is held or left unevaluated. So a call of a user's function allocates
 * nothing but its result. The last step of a body, and the branch of If, do not recurse: they go
 * around the loop again (docs/decisions/0041).
 *
 * What evaluates to itself is stamped with the current epoch. A definition moves the clock of its
 * symbol's group; a stamp holds while no clock of the groups in the expression is later.
 */
#include "evaluate_internal.h"

#include "make_internal.h"
#include "rules_internal.h"
#include "symbols_internal.h"
#include "unwind_internal.h"

typedef struct frame {
    hone_lyra *lyra;
    size_t base; /* of the value stack */
    size_t env;
    hn_value next; /* what comes next when a step says so */
} frame;

typedef enum step { STEP_DONE, STEP_AGAIN } step;

static hn_value evaluate(hone_lyra *lyra, hn_value value, size_t env);

hn_symbol *hn_innermost_head(hn_value value) {
    while (hn_is_normal(value)) {
        value = hn_head(value);
    }
    return hn_is_symbol(value) ? hn_symbol_of(value) : NULL;
}

/* --- locals ---------------------------------------------------------------------------------- */

/* A variable of an alternative that was not taken stands for no argument at all. */
static hn_value local_value(hone_lyra *lyra, hn_value local, size_t env) {
    hn_value value = lyra->stack[env + hn_local_of(local)];
    return HONE_LIKELY(value != HN_NONE) ? value : hn_make0(lyra, HN_SYM(lyra, Sequence));
}

hn_value hn_substitute(hone_lyra *lyra, hn_value body, size_t env) {
    if (hn_is_local(body)) {
        return local_value(lyra, body, env);
    }
    if (!hn_is_node(body) || !(hn_node_of(body)->flags & HN_FLAG_LOCALS) || !hn_is_normal(body)) {
        return body;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    size_t top = lyra->stack_top;
    hn_value head = hn_substitute(lyra, hn_head(body), env), sequence = HN_SYM(lyra, Sequence);
    for (uint32_t i = 0; i < hn_count(body); i++) {
        hn_value arg = hn_substitute(lyra, hn_arg(body, i), env);
        if (hn_is_local(hn_arg(body, i)) && hn_has_head(arg, sequence)) {
            hn_stack_need(lyra, hn_count(arg));
            for (uint32_t k = 0; k < hn_count(arg); k++) {
                hn_push(lyra, hn_arg(arg, k));
            }
        } else {
            hn_push(lyra, arg);
        }
    }
    return hn_make_pushed(lyra, head, top);
}

/* --- arguments ------------------------------------------------------------------------------- */

static bool is_held(uint32_t attributes, uint32_t index) {
    return index == 0 ? attributes & (HN_HOLD_FIRST | HN_HOLD_ALL_COMPLETE)
                      : attributes & (HN_HOLD_REST | HN_HOLD_ALL_COMPLETE);
}

/* Pushes an argument; f[a, Sequence[b, c]] becomes f[a, b, c]. */
static void push_argument(hone_lyra *lyra, hn_value arg, uint32_t attributes, bool is_list) {
    if (hn_has_head(arg, HN_SYM(lyra, Sequence)) &&
        !(attributes & (HN_SEQUENCE_HOLD | HN_HOLD_ALL_COMPLETE))) {
        for (uint32_t i = 0; i < hn_count(arg); i++) {
            push_argument(lyra, hn_arg(arg, i), attributes, is_list);
        }
    } else if (!is_list || arg != HN_SYM(lyra, Nothing)) {
        hn_push(lyra, arg);
    }
}

/* Evaluates what is not held. *out_unevaluated: some argument was Unevaluated[...], of which only
 * the inside was pushed. */
static void push_arguments(frame *it, hn_value node, hn_value head, uint32_t attributes,
                           bool *out_unevaluated) {
    hone_lyra *lyra = it->lyra;
    bool is_list = head == HN_SYM(lyra, List);
    for (uint32_t i = 0; i < hn_count(node); i++) {
        hn_value arg = hn_arg(node, i);
        if (hn_is_local(arg)) {
            arg = local_value(lyra, arg, it->env);
            if (!is_held(attributes, i)) { /* of a function that held it, perhaps */
                arg = evaluate(lyra, arg, 0);
            }
        } else if (is_held(attributes, i)) {
            if (HN_IS_FORM(lyra, arg, Evaluate) && !(attributes & HN_HOLD_ALL_COMPLETE)) {
                arg = evaluate(lyra, arg, it->env);
            } else if (HN_IS_FORM(lyra, arg, Unevaluated) && hn_count(arg) == 1 &&
                       !(attributes & HN_HOLD_ALL_COMPLETE)) {
                *out_unevaluated = true;
                hn_push(lyra, hn_substitute(lyra, hn_arg(arg, 0), it->env));
                continue;
            } else {
                arg = hn_substitute(lyra, arg, it->env);
            }
        } else if (HN_IS_FORM(lyra, arg, Unevaluated) && hn_count(arg) == 1) {
            *out_unevaluated = true;
            hn_push(lyra, hn_substitute(lyra, hn_arg(arg, 0), it->env));
            continue;
        } else {
            arg = evaluate(lyra, arg, it->env);
        }
        push_argument(lyra, arg, attributes, is_list);
    }
}

/* --- Flat, Listable, Orderless --------------------------------------------------------------- */

static void flatten(hone_lyra *lyra, hn_call *call, size_t base) {
    bool is_flat = true;
    for (uint32_t i = 0; i < call->count && is_flat; i++) {
        is_flat = !hn_has_head(call->args[i], call->head);
    }
    if (is_flat) {
        return;
    }
    /* Behind the arguments, then moved down. */
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value arg = call->args[i];
        if (!hn_has_head(arg, call->head)) {
            hn_push(lyra, arg);
            continue;
        }
        hn_stack_need(lyra, hn_count(arg));
        for (uint32_t k = 0; k < hn_count(arg); k++) {
            hn_push(lyra, hn_arg(arg, k));
        }
    }
    call->count = (uint32_t)(lyra->stack_top - top);
    memmove(lyra->stack + base, lyra->stack + top, call->count * sizeof(hn_value));
    lyra->stack_top = base + call->count;
    call->node = HN_NONE;
}

/* f[{a, b}, c] to {f[a, c], f[b, c]}; HN_NONE when there is no list, or lengths differ. */
static hn_value thread(hone_lyra *lyra, hn_call *call) {
    hn_value list = HN_SYM(lyra, List);
    uint32_t length = UINT32_MAX;
    for (uint32_t i = 0; i < call->count; i++) {
        if (!hn_has_head(call->args[i], list)) {
            continue;
        }
        if (length != UINT32_MAX && length != hn_count(call->args[i])) {
            hn_message1(lyra, HN_SYM(lyra, General), "tdlen", hn_call_node(lyra, call));
            return HN_NONE;
        }
        length = hn_count(call->args[i]);
    }
    if (length == UINT32_MAX) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    for (uint32_t k = 0; k < length; k++) {
        size_t inner = lyra->stack_top;
        for (uint32_t i = 0; i < call->count; i++) {
            hn_value arg = call->args[i];
            hn_push(lyra, hn_has_head(arg, list) ? hn_arg(arg, k) : arg);
        }
        hn_value one = hn_make_pushed(lyra, call->head, inner);
        hn_push(lyra, evaluate(lyra, one, 0));
    }
    return hn_make_pushed(lyra, list, top);
}

static void sort_arguments(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 1; i < call->count; i++) {
        if (hn_order(lyra, call->args[i - 1], call->args[i]) > 0) {
            hn_sort(lyra, call->args, call->count);
            call->node = HN_NONE;
            return;
        }
    }
}

/* --- definitions ----------------------------------------------------------------------------- */

static hn_value call_with_return(hone_lyra *lyra, hn_value body, size_t env) {
    hn_catch here;
    hn_catch_push(lyra, &here, 1u << HN_UNWIND_RETURN);
    if (setjmp(here.target) != 0) {
        return lyra->thrown;
    }
    hn_value value = evaluate(lyra, body, env);
    hn_catch_pop(lyra, &here);
    return value;
}

/* The body becomes the next thing to evaluate, its environment moves down to the frame's base. */
static step enter(frame *it, hn_value body, size_t env, uint32_t locals_count) {
    hone_lyra *lyra = it->lyra;
    it->next = body;
    it->env = 0;
    lyra->stack_top = it->base;
    if (env != 0) {
        memmove(lyra->stack + it->base, lyra->stack + env, locals_count * sizeof(hn_value));
        it->env = it->base;
        lyra->stack_top = it->base + locals_count;
    }
    return STEP_AGAIN;
}

static bool try_rules(frame *it, hn_rules *rules, hn_call *call, step *out_step) {
    hone_lyra *lyra = it->lyra;
    hn_value body = HN_NONE, rule = HN_NONE;
    size_t env = 0;
    if (!rules || !hn_rules_count(rules) ||
        !hn_rules_apply(lyra, rules, call, &body, &env, &rule)) {
        return false;
    }
    if (HONE_UNLIKELY(hn_integer_of(hn_rule_word_of(rule, HN_R_FLAGS)) & HN_RULE_HAS_RETURN)) {
        body = call_with_return(lyra, body, env);
        env = 0;
    }
    *out_step = enter(it, body, env, (uint32_t)hn_integer_of(hn_rule_word_of(rule, HN_R_LOCALS)));
    return true;
}

static bool try_up_values(frame *it, hn_call *call, step *out_step) {
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value arg = call->args[i];
        if (!hn_is_symbol(arg) && !hn_is_normal(arg)) {
            continue;
        }
        const hn_symbol *symbol = hn_innermost_head(arg);
        if (symbol && symbol->up && try_rules(it, symbol->up, call, out_step)) {
            return true;
        }
    }
    return false;
}

static bool has_right_count(hone_lyra *lyra, const hn_symbol *symbol, hn_call *call) {
    const hn_builtin *builtin = symbol->builtin;
    if ((int)call->count >= builtin->args_min &&
        (builtin->args_max < 0 || (int)call->count <= builtin->args_max)) {
        return true;
    }
    hn_message_count(lyra, call, builtin->args_min, builtin->args_max);
    return false;
}

static step become(frame *it, hn_value value) {
    it->next = value;
    it->env = 0;
    it->lyra->stack_top = it->base;
    return STEP_AGAIN;
}

static bool try_builtin(frame *it, hn_call *call, step *out_step) {
    hone_lyra *lyra = it->lyra;
    hn_value value = HN_NONE;
    if (hn_is_symbol(call->head)) {
        const hn_symbol *symbol = hn_symbol_of(call->head);
        if (!symbol->function || !has_right_count(lyra, symbol, call)) {
            return false;
        }
        value = symbol->function(lyra, call);
    } else if (HN_IS_FORM(lyra, call->head, Function)) {
        hn_value body;
        size_t env;
        if (!hn_function_enter(lyra, call->head, call, &body, &env)) {
            return false;
        }
        *out_step = enter(it, body, env, call->count);
        return true;
    } else {
        value = hn_apply_operator(lyra, call);
    }
    if (value == HN_NONE || value == call->node) {
        return false;
    }
    *out_step = become(it, value);
    return true;
}

/* Nothing applied: the value is the call itself. */
static step finish(frame *it, hn_value node, hn_call *call) {
    hone_lyra *lyra = it->lyra;
    hn_value value = call->node;
    if (value == HN_NONE) {
        bool is_same = !(hn_node_of(node)->flags & HN_FLAG_LOCALS) && call->head == hn_head(node) &&
                       call->count == hn_count(node) &&
                       memcmp(call->args, hn_args(node), call->count * sizeof(hn_value)) == 0;
        value = is_same ? node : hn_make(lyra, call->head, call->args, call->count);
    }
    hn_node_of(value)->stamp = lyra->epoch;
    it->next = value;
    lyra->stack_top = it->base;
    return STEP_DONE;
}

/* --- what the evaluator does itself ---------------------------------------------------------- */

static step unevaluated_rest(frame *it, hn_value node, uint32_t first, hn_value evaluated) {
    hone_lyra *lyra = it->lyra;
    size_t top = lyra->stack_top;
    hn_push(lyra, evaluated);
    for (uint32_t i = first + 1; i < hn_count(node); i++) {
        push_argument(lyra, hn_substitute(lyra, hn_arg(node, i), it->env), 0, false);
    }
    it->next = hn_stamp(lyra, hn_make_pushed(lyra, hn_head(node), top));
    return STEP_DONE;
}

static step evaluate_if(frame *it, hn_value node, bool *out_is_done) {
    hone_lyra *lyra = it->lyra;
    uint32_t count = hn_count(node);
    if (count < 2 || count > 4 || HN_IS_FORM(lyra, hn_arg(node, 0), Unevaluated)) {
        *out_is_done = false;
        return STEP_DONE;
    }
    hn_value test = evaluate(lyra, hn_arg(node, 0), it->env);
    if (test == HN_SYM(lyra, True)) {
        it->next = hn_arg(node, 1);
        return STEP_AGAIN;
    }
    if (test == HN_SYM(lyra, False)) {
        it->next = count > 2 ? hn_arg(node, 2) : HN_SYM(lyra, Null);
        return STEP_AGAIN;
    }
    if (HN_IS_FORM(lyra, test, Sequence)) {
        *out_is_done = false;
        return STEP_DONE;
    }
    if (count == 4) {
        it->next = hn_arg(node, 3);
        return STEP_AGAIN;
    }
    return unevaluated_rest(it, node, 0, test);
}

static step evaluate_compound(frame *it, hn_value node) {
    uint32_t count = hn_count(node);
    for (uint32_t i = 0; i + 1 < count; i++) {
        (void)evaluate(it->lyra, hn_arg(node, i), it->env);
    }
    it->next = count > 0 ? hn_arg(node, count - 1) : HN_SYM(it->lyra, Null);
    return STEP_AGAIN;
}

/* And: `stop` is False, and True is left out. Or: the other way round. */
static step evaluate_logic(frame *it, hn_value node, hn_value stop, hn_value neutral) {
    hone_lyra *lyra = it->lyra;
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(node); i++) {
        hn_value value = evaluate(lyra, hn_arg(node, i), it->env);
        if (value == stop) {
            lyra->stack_top = top;
            it->next = stop;
            return STEP_DONE;
        }
        if (hn_has_head(value, hn_head(node))) {
            for (uint32_t k = 0; k < hn_count(value); k++) {
                hn_push(lyra, hn_arg(value, k));
            }
        } else if (value != neutral) {
            push_argument(lyra, value, 0, false);
        }
    }
    size_t count = lyra->stack_top - top;
    it->next =
        count == 0 ? neutral
        : count == 1
            ? lyra->stack[top]
            : hn_stamp(lyra, hn_make(lyra, hn_head(node), lyra->stack + top, (uint32_t)count));
    lyra->stack_top = top;
    return STEP_DONE;
}

static step evaluate_special(frame *it, hn_value node, hn_special special, bool *out_is_done) {
    hone_lyra *lyra = it->lyra;
    *out_is_done = true;
    switch (special) {
    case HN_SPECIAL_IF: return evaluate_if(it, node, out_is_done);
    case HN_SPECIAL_COMPOUND: return evaluate_compound(it, node);
    case HN_SPECIAL_AND: return evaluate_logic(it, node, HN_SYM(lyra, False), HN_SYM(lyra, True));
    default: return evaluate_logic(it, node, HN_SYM(lyra, True), HN_SYM(lyra, False));
    }
}

/* --- one round ------------------------------------------------------------------------------- */

static hn_value evaluate_head(frame *it, hn_value head) {
    if (hn_is_symbol(head)) {
        const hn_symbol *symbol = hn_symbol_of(head);
        return HONE_LIKELY(symbol->own == HN_NONE && symbol->own_rule == HN_NONE)
                   ? head
                   : evaluate(it->lyra, head, 0);
    }
    return evaluate(it->lyra, head, it->env);
}

static step apply_definitions(frame *it, hn_value node, hn_call *call, uint32_t attributes) {
    step next;
    if (!(attributes & HN_HOLD_ALL_COMPLETE) && try_up_values(it, call, &next)) {
        return next;
    }
    if (hn_is_symbol(call->head)) {
        if (hn_symbol_of(call->head)->down &&
            try_rules(it, hn_symbol_of(call->head)->down, call, &next)) {
            return next;
        }
    } else {
        const hn_symbol *symbol = hn_innermost_head(call->head);
        if (symbol && symbol->sub && try_rules(it, symbol->sub, call, &next)) {
            return next;
        }
    }
    if (try_builtin(it, call, &next)) {
        return next;
    }
    return finish(it, node, call);
}

/* f[..., Unevaluated[x], ...] to which nothing applied keeps its Unevaluated. */
static step finish_unevaluated(frame *it, hn_value node, hn_call *call) {
    hone_lyra *lyra = it->lyra;
    hn_value before = hn_call_node(lyra, call);
    step next = apply_definitions(it, node, call, 0);
    if (next == STEP_DONE && hn_is_same(lyra, it->next, before)) {
        it->next = hn_substitute(lyra, node, it->env);
        (void)hn_stamp(lyra, it->next);
    }
    return next;
}

static step evaluate_node(frame *it, hn_value node) {
    hone_lyra *lyra = it->lyra;
    hn_value head = evaluate_head(it, hn_head(node));
    uint32_t attributes = 0;
    if (hn_is_symbol(head)) {
        const hn_symbol *symbol = hn_symbol_of(head);
        attributes = symbol->attributes;
        if (symbol->special && !symbol->down && head == hn_head(node)) {
            bool is_done;
            step next = evaluate_special(it, node, (hn_special)symbol->special, &is_done);
            if (is_done) {
                return next;
            }
        }
    } else if (HN_IS_FORM(lyra, head, Function) && hn_count(head) == 3) {
        attributes = hn_function_attributes(lyra, head);
    }
    bool is_unevaluated = false;
    size_t base = lyra->stack_top;
    hn_stack_need(lyra, hn_count(node) + 1);
    push_arguments(it, node, head, attributes, &is_unevaluated);
    hn_call call = {
        .head = head, .args = lyra->stack + base, .count = (uint32_t)(lyra->stack_top - base)};
    if (attributes & HN_FLAT) {
        flatten(lyra, &call, base);
    }
    if (attributes & HN_LISTABLE) {
        hn_value threaded = thread(lyra, &call);
        if (threaded != HN_NONE) {
            return become(it, threaded);
        }
    }
    if (attributes & HN_ORDERLESS) {
        sort_arguments(lyra, &call);
    }
    return is_unevaluated ? finish_unevaluated(it, node, &call)
                          : apply_definitions(it, node, &call, attributes);
}

/* --- the loop -------------------------------------------------------------------------------- */

HONE_COLD static void too_deep(hone_lyra *lyra, hn_value value) {
    hn_value held = hn_make1(lyra, HN_SYM(lyra, HoldForm), value);
    hn_message2(lyra, hn_of_symbol(hn_symbol_resolve(lyra, HONE_TEXT("System`$RecursionLimit"))),
                "reclim2", hn_make_integer(lyra, lyra->depth_max), held);
    lyra->thrown = hn_make1(
        lyra, hn_of_symbol(hn_symbol_resolve(lyra, HONE_TEXT("System`TerminatedEvaluation"))),
        hn_make_string(lyra, HONE_TEXT("RecursionLimit")));
    hn_unwind(lyra, HN_UNWIND_ABORT);
}

void hn_stack_exhausted(hone_lyra *lyra) {
    const char *limit = lyra->stack_limit;
    lyra->stack_limit -= 256 << 10; /* the message needs some, too */
    hn_message1(lyra, hn_of_symbol(hn_symbol_resolve(lyra, HONE_TEXT("System`$RecursionLimit"))),
                "stack", HN_SYM(lyra, Null));
    lyra->stack_limit = limit;
    lyra->thrown = hn_make1(
        lyra, hn_of_symbol(hn_symbol_resolve(lyra, HONE_TEXT("System`TerminatedEvaluation"))),
        hn_make_string(lyra, HONE_TEXT("RecursionLimit")));
    hn_unwind(lyra, HN_UNWIND_ABORT);
}

HONE_COLD static hn_value too_long(frame *it, hn_value value) {
    hone_lyra *lyra = it->lyra;
    hn_message1(lyra, hn_of_symbol(hn_symbol_resolve(lyra, HONE_TEXT("System`$IterationLimit"))),
                "itlim", hn_make_integer(lyra, lyra->iterations_max));
    return hn_make1(lyra, HN_SYM(lyra, Hold), hn_substitute(lyra, value, it->env));
}

static hn_value symbol_value(hone_lyra *lyra, const hn_symbol *symbol) {
    if (symbol->own != HN_NONE || symbol->own_rule == HN_NONE) {
        return symbol->own;
    }
    for (uint32_t i = 0; i < hn_count(symbol->own_rule); i++) {
        hn_value test = hn_arg(hn_arg(symbol->own_rule, i), 0);
        if (hn_is_true(lyra, hn_evaluate(lyra, test))) {
            return hn_arg(hn_arg(symbol->own_rule, i), 1);
        }
    }
    return HN_NONE;
}

/* The next value of something that is no f[...]; false: it is final. */
static bool look_up(frame *it, hn_value *value) {
    if (hn_is_local(*value)) {
        *value = local_value(it->lyra, *value, it->env);
        it->env = 0;
        return true;
    }
    if (hn_is_symbol(*value)) {
        hn_value own = symbol_value(it->lyra, hn_symbol_of(*value));
        if (own != HN_NONE && own != *value) {
            *value = own;
            it->env = 0;
            return true;
        }
    }
    return false;
}

static hn_value evaluate_loop(frame *it, hn_value value) {
    hone_lyra *lyra = it->lyra;
    if (HONE_UNLIKELY(++lyra->depth > lyra->depth_max)) {
        too_deep(lyra, hn_substitute(lyra, value, it->env));
    }
    if (HONE_UNLIKELY(hn_is_stack_low(lyra))) {
        hn_stack_exhausted(lyra);
    }
    uint32_t rounds = 0;
    for (;;) {
        if (!hn_is_normal(value)) {
            if (!look_up(it, &value)) {
                break;
            }
        } else {
            const hn_node *node = hn_node_of(value);
            if (!(node->flags & HN_FLAG_LOCALS) && hn_is_fresh(lyra, node)) {
                break;
            }
            hn_tick(lyra);
            lyra->evaluations_count++;
            step next = evaluate_node(it, value);
            value = it->next;
            if (next == STEP_DONE) {
                break;
            }
        }
        if (HONE_UNLIKELY(++rounds > lyra->iterations_max)) {
            value = too_long(it, value);
            break;
        }
    }
    lyra->depth--;
    lyra->stack_top = it->base;
    return value;
}

static hn_value evaluate(hone_lyra *lyra, hn_value value, size_t env) {
    if (hn_is_integer(value) || hn_is_flonum(value)) {
        return value;
    }
    if (hn_is_node(value)) {
        const hn_node *node = hn_node_of(value);
        if (node->kind != HN_NORMAL ||
            (!(node->flags & HN_FLAG_LOCALS) && hn_is_fresh(lyra, node))) {
            return value;
        }
    } else if (hn_is_local(value)) {
        value = local_value(lyra, value, env);
        if (!hn_is_symbol(value) && !hn_is_normal(value)) {
            return value;
        }
        env = 0;
    } else if (hn_symbol_of(value)->own == HN_NONE && hn_symbol_of(value)->own_rule == HN_NONE) {
        return value;
    }
    frame it = {.lyra = lyra, .base = lyra->stack_top, .env = env};
    return evaluate_loop(&it, value);
}

hn_value hn_evaluate(hone_lyra *lyra, hn_value expression) {
    return evaluate(lyra, expression, 0);
}

hn_value hn_evaluate_body(hone_lyra *lyra, hn_value body, size_t env) {
    return evaluate(lyra, body, env);
}

hn_value hn_apply(hone_lyra *lyra, hn_value function, const hn_value *args, uint32_t count) {
    return evaluate(lyra, hn_make(lyra, function, args, count), 0);
}

hn_value hn_apply1(hone_lyra *lyra, hn_value function, hn_value arg) {
    return hn_apply(lyra, function, &arg, 1);
}

hn_value hn_apply2(hone_lyra *lyra, hn_value function, hn_value a, hn_value b) {
    hn_value args[] = {a, b};
    return hn_apply(lyra, function, args, 2);
}
