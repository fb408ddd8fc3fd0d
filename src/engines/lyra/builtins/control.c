/* SPDX-License-Identifier: Apache-2.0 */
/* Conditionals, sequencing, leaving early, messages, limits of time and memory. */
#include <math.h>

#include "builtins_internal.h"

#include "hone/platform/clock.h"

/* If, CompoundExpression, And, Or are done by the evaluator; these see what it leaves to them. */
static hn_value unevaluated(hone_lyra *lyra, hn_call *call) {
    (void)lyra;
    (void)call;
    return HN_NONE;
}

static hn_value compound(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i + 1 < call->count; i++) {
        (void)hn_evaluate(lyra, call->args[i]);
    }
    return call->count ? call->args[call->count - 1] : HN_SYM(lyra, Null);
}

static hn_value if_then(hone_lyra *lyra, hn_call *call) {
    hn_value test = hn_evaluate(lyra, call->args[0]);
    if (hn_is_true(lyra, test)) {
        return call->args[1];
    }
    if (test == HN_SYM(lyra, False)) {
        return call->count > 2 ? call->args[2] : HN_SYM(lyra, Null);
    }
    return call->count > 3 ? call->args[3] : HN_NONE;
}

static hn_value which(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i + 1 < call->count; i += 2) {
        hn_value test = hn_evaluate(lyra, call->args[i]);
        if (hn_is_true(lyra, test)) {
            return call->args[i + 1];
        }
        if (test != HN_SYM(lyra, False)) {
            if (i == 0 && hn_is_same(lyra, test, call->args[0])) {
                return HN_NONE;
            }
            size_t top = lyra->stack_top;
            hn_push(lyra, test);
            for (uint32_t k = i + 1; k < call->count; k++) {
                hn_push(lyra, call->args[k]);
            }
            return hn_stamp(lyra, hn_make_pushed(lyra, call->head, top));
        }
    }
    return HN_SYM(lyra, Null);
}

static hn_value switch_form(hone_lyra *lyra, hn_call *call) {
    if (call->count % 2 == 0) {
        return HN_NONE;
    }
    hn_value value = hn_evaluate(lyra, call->args[0]);
    for (uint32_t i = 1; i + 1 < call->count; i += 2) {
        hn_value pattern = hn_evaluate(lyra, call->args[i]);
        if (hn_matches(lyra, hn_pattern_compile(lyra, pattern), value)) {
            return call->args[i + 1];
        }
    }
    return hn_is_same(lyra, value, call->args[0])
               ? HN_NONE
               : hn_replace_arg(lyra, hn_call_node(lyra, call), 0, value);
}

/* --- leaving early --------------------------------------------------------------------------- */

static hn_value throw_value(hone_lyra *lyra, hn_call *call) {
    hn_value tag = call->count > 1 ? call->args[1] : HN_NONE;
    lyra->thrown = call->args[0];
    lyra->thrown_tag = tag;
    for (hn_catch *at = lyra->catches; at; at = at->outer) {
        bool is_fit =
            at->reasons == 1u << HN_UNWIND_THROW &&
            (at->form == HN_NONE
                 ? tag == HN_NONE
                 : tag != HN_NONE && hn_matches(lyra, hn_pattern_compile(lyra, at->form), tag));
        if (is_fit) {
            at->condition = HN_SYM(lyra, True);
            hn_unwind(lyra, HN_UNWIND_THROW);
        }
    }
    hn_value held = hn_make1(lyra, HN_SYM(lyra, HoldForm), hn_call_node(lyra, call));
    hn_message2(lyra, HN_SYM(lyra, Throw), "nocatch", held, HN_SYM(lyra, Null));
    lyra->thrown = hn_make1(lyra, HN_SYM(lyra, Hold), hn_call_node(lyra, call));
    hn_unwind(lyra, HN_UNWIND_ABORT);
}

/* Unwinding stops at every Catch on its way; those that Throw did not mean pass it on. */
static hn_value catch_value(hone_lyra *lyra, hn_call *call) {
    hn_value form = call->count > 1 ? hn_evaluate(lyra, call->args[1]) : HN_NONE;
    hn_catch here;
    hn_catch_push(lyra, &here, 1u << HN_UNWIND_THROW);
    here.form = form;
    if (setjmp(here.target) != 0) {
        if (here.condition == HN_NONE) {
            hn_unwind(lyra, HN_UNWIND_THROW);
        }
        hn_value thrown = lyra->thrown;
        lyra->thrown = HN_NONE;
        if (call->count > 2) {
            return hn_apply2(lyra, hn_evaluate(lyra, call->args[2]), thrown, lyra->thrown_tag);
        }
        return thrown;
    }
    hn_value value = hn_evaluate(lyra, call->args[0]);
    hn_catch_pop(lyra, &here);
    return value;
}

static hn_value leave(hone_lyra *lyra, hn_call *call, hn_unwind_reason reason) {
    bool is_caught = false;
    for (const hn_catch *at = lyra->catches; at && !is_caught; at = at->outer) {
        is_caught = at->reasons != ~0u && at->reasons >> reason & 1;
    }
    if (!is_caught) {
        return HN_NONE;
    }
    lyra->thrown = call->count > 0 ? call->args[0] : HN_SYM(lyra, Null);
    hn_unwind(lyra, reason);
}

static hn_value return_value(hone_lyra *lyra, hn_call *call) {
    return leave(lyra, call, HN_UNWIND_RETURN);
}

static hn_value break_loop(hone_lyra *lyra, hn_call *call) {
    return leave(lyra, call, HN_UNWIND_BREAK);
}

static hn_value continue_loop(hone_lyra *lyra, hn_call *call) {
    return leave(lyra, call, HN_UNWIND_CONTINUE);
}

static hn_value abort_all(hone_lyra *lyra, hn_call *call) {
    (void)call;
    lyra->thrown = HN_NONE;
    hn_unwind(lyra, HN_UNWIND_ABORT);
}

static hn_value check_abort(hone_lyra *lyra, hn_call *call) {
    hn_catch here;
    hn_catch_push(lyra, &here, 1u << HN_UNWIND_ABORT);
    if (setjmp(here.target) != 0) {
        return call->args[1];
    }
    hn_value value = hn_evaluate(lyra, call->args[0]);
    hn_catch_pop(lyra, &here);
    return value;
}

static hn_value quit(hone_lyra *lyra, hn_call *call) {
    int64_t code = 0;
    if (call->count > 0 && hn_get_int(call->args[0], &code)) {
        lyra->exit_code = (int)(code & 255);
    }
    hn_unwind(lyra, HN_UNWIND_QUIT);
}

/* --- limits ---------------------------------------------------------------------------------- */

static hn_value time_constrained(hone_lyra *lyra, hn_call *call) {
    double seconds;
    hn_value limit = hn_evaluate(lyra, call->args[1]);
    if (!hn_get_real(lyra, limit, &seconds) || seconds <= 0) {
        return limit == HN_SYM(lyra, Infinity) || HN_IS_FORM(lyra, limit, DirectedInfinity)
                   ? call->args[0]
                   : HN_NONE;
    }
    uint64_t outer = lyra->deadline_ns;
    uint64_t mine = hone_clock_monotonic_ns() + (uint64_t)(fmin(seconds, 1e9) * 1e9);
    bool is_mine = outer == 0 || mine < outer;
    hn_catch here;
    hn_catch_push(lyra, &here, 1u << HN_UNWIND_TIME);
    if (setjmp(here.target) != 0) {
        if (!is_mine) {
            hn_unwind(lyra, HN_UNWIND_TIME);
        }
        lyra->deadline_ns = outer;
        return call->count > 2
                   ? call->args[2]
                   : hn_of_symbol(hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Aborted"), true));
    }
    lyra->deadline_ns = is_mine ? mine : outer;
    hn_value value = hn_evaluate(lyra, call->args[0]);
    hn_catch_pop(lyra, &here);
    lyra->deadline_ns = outer;
    return value;
}

/* Counts what is held: collections happen inside, so what is garbage does not count for long. */
static hn_value memory_constrained(hone_lyra *lyra, hn_call *call) {
    int64_t bytes;
    if (!hn_get_int(hn_evaluate(lyra, call->args[1]), &bytes) || bytes <= 0) {
        return HN_NONE;
    }
    size_t outer = lyra->collector.bytes_max;
    size_t limit = lyra->collector.held_bytes + (size_t)bytes;
    hn_catch here;
    hn_catch_push(lyra, &here, 1u << HN_UNWIND_MEMORY);
    if (setjmp(here.target) != 0) {
        lyra->collector.bytes_max = outer;
        return call->count > 2
                   ? call->args[2]
                   : hn_of_symbol(hn_symbol_of_full_name(lyra, HONE_TEXT("System`$Aborted"), true));
    }
    lyra->collector.bytes_max = limit < outer ? limit : outer;
    hn_value value = hn_evaluate(lyra, call->args[0]);
    lyra->collector.bytes_max = outer;
    hn_catch_pop(lyra, &here);
    return value;
}

/* --- messages -------------------------------------------------------------------------------- */

static bool is_message_name(hone_lyra *lyra, hn_value value) {
    return HN_IS_FORM(lyra, value, MessageName) && hn_count(value) >= 2 &&
           hn_is_symbol(hn_arg(value, 0)) && hn_is_string(hn_arg(value, 1));
}

static hn_value message(hone_lyra *lyra, hn_call *call) {
    if (!is_message_name(lyra, call->args[0])) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 1; i < call->count; i++) {
        hn_push(lyra, hn_evaluate(lyra, call->args[i]));
    }
    hn_message_value(lyra, call->args[0], lyra->stack + top, call->count - 1);
    lyra->stack_top = top;
    return HN_SYM(lyra, Null);
}

static hn_value message_name(hone_lyra *lyra, hn_call *call) {
    if (!hn_is_symbol(call->args[0])) {
        return HN_NONE;
    }
    hn_value tag = hn_evaluate(lyra, call->args[1]);
    hn_value list = hn_is_string(tag) ? hn_symbol_of(call->args[0])->messages : HN_NONE;
    for (uint32_t i = 0; list != HN_NONE && i < hn_count(list); i++) {
        if (hn_is_same(lyra, hn_arg(hn_arg(list, i), 0), tag)) {
            return hn_arg(hn_arg(list, i), 1);
        }
    }
    const hn_builtin *builtin = hn_symbol_of(call->args[0])->builtin;
    if (builtin && hn_is_string(tag) && hone_text_is(hn_text_of(tag), "usage")) {
        return hn_make_string(lyra, hone_text_of(builtin->usage));
    }
    return HN_NONE;
}

static hn_value quiet(hone_lyra *lyra, hn_call *call) {
    uint32_t outer = lyra->quiet_depth;
    lyra->quiet_depth++;
    hn_value value = hn_evaluate(lyra, call->args[0]);
    lyra->quiet_depth = outer;
    return value;
}

static bool has_message_since(hone_lyra *lyra, hn_value before, hn_call *call) {
    for (hn_value list = lyra->messages_list; list != before && HN_IS_FORM(lyra, list, List);
         list = hn_arg(list, 1)) {
        for (uint32_t i = 2; i < call->count; i++) {
            hn_value wanted = call->args[i];
            bool is_list = HN_IS_FORM(lyra, wanted, List);
            for (uint32_t k = 0; k < (is_list ? hn_count(wanted) : 1); k++) {
                hn_value name = is_list ? hn_arg(wanted, k) : wanted;
                if (hn_is_same(lyra, name, hn_arg(hn_arg(list, 0), 0))) {
                    return true;
                }
            }
        }
        if (call->count == 2) {
            return true;
        }
    }
    return false;
}

static hn_value check(hone_lyra *lyra, hn_call *call) {
    hn_value before = lyra->messages_list;
    hn_value value = hn_evaluate(lyra, call->args[0]);
    return has_message_since(lyra, before, call) ? call->args[1] : value;
}

static hn_value off(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i < call->count; i++) {
        if (is_message_name(lyra, call->args[i])) {
            lyra->quieted = hn_make2(lyra, HN_SYM(lyra, List), call->args[i], lyra->quieted);
        }
    }
    return HN_SYM(lyra, Null);
}

static hn_value on(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value kept = HN_SYM(lyra, Null);
        for (hn_value at = lyra->quieted; HN_IS_FORM(lyra, at, List); at = hn_arg(at, 1)) {
            if (!hn_is_same(lyra, hn_arg(at, 0), call->args[i])) {
                kept = hn_make2(lyra, HN_SYM(lyra, List), hn_arg(at, 0), kept);
            }
        }
        lyra->quieted = kept;
    }
    return HN_SYM(lyra, Null);
}

static hn_value print(hone_lyra *lyra, hn_call *call) {
    hone_buffer *out = &lyra->text;
    size_t before = out->size;
    for (uint32_t i = 0; i < call->count; i++) {
        hn_print(lyra, call->args[i], HONE_LYRA_OUTPUT_FORM, out);
    }
    if (lyra->options.print) {
        lyra->options.print(lyra->options.self,
                            (hone_text){(const char *)out->data + before, out->size - before});
    }
    out->size = before;
    return HN_SYM(lyra, Null);
}

static hn_value echo(hone_lyra *lyra, hn_call *call) {
    (void)print(lyra, &(hn_call){.head = call->head, .args = call->args, .count = 1});
    return call->args[0];
}

static hn_value evaluate_now(hone_lyra *lyra, hn_call *call) {
    return call->count == 1 ? call->args[0]
                            : hn_make(lyra, HN_SYM(lyra, Sequence), call->args, call->count);
}

static hn_value release_hold(hone_lyra *lyra, hn_call *call) {
    hn_value held = call->args[0];
    if (HN_IS_FORM(lyra, held, Hold) || HN_IS_FORM(lyra, held, HoldForm) ||
        HN_IS_FORM(lyra, held, HoldPattern) || HN_IS_FORM(lyra, held, HoldComplete)) {
        return hn_count(held) == 1
                   ? hn_arg(held, 0)
                   : hn_make(lyra, HN_SYM(lyra, Sequence), hn_args(held), hn_count(held));
    }
    return held;
}

static hn_value timing(hone_lyra *lyra, hn_call *call, bool is_cpu) {
    uint64_t begin = is_cpu ? hone_clock_thread_cpu_ns() : hone_clock_monotonic_ns();
    hn_value value = hn_evaluate(lyra, call->args[0]);
    uint64_t end = is_cpu ? hone_clock_thread_cpu_ns() : hone_clock_monotonic_ns();
    hn_value pair[] = {hn_make_real(lyra, (double)(end - begin) / 1e9), value};
    return hn_make_list(lyra, pair, 2);
}

static hn_value timing_cpu(hone_lyra *lyra, hn_call *call) {
    return timing(lyra, call, true);
}

static hn_value timing_absolute(hone_lyra *lyra, hn_call *call) {
    return timing(lyra, call, false);
}

static hn_value sow(hone_lyra *lyra, hn_call *call) {
    hn_value tag = call->count > 1 ? call->args[1] : HN_SYM(lyra, None);
    hn_value entry = hn_make2(lyra, HN_SYM(lyra, List), tag, call->args[0]);
    lyra->sown = hn_make2(lyra, HN_SYM(lyra, List), entry, lyra->sown);
    return call->args[0];
}

/* Sown values form a chain with the latest first; an entry is {tag, value}. */
static hn_value gather_sown(hone_lyra *lyra, hn_value chain) {
    size_t top = lyra->stack_top;
    for (; HN_IS_FORM(lyra, chain, List); chain = hn_arg(chain, 1)) {
        hn_push(lyra, hn_arg(chain, 0));
    }
    size_t end = lyra->stack_top;
    hn_value *entries = lyra->stack + top;
    size_t count = end - top;
    for (size_t i = 0; i < count / 2; i++) {
        hn_value moved = entries[i];
        entries[i] = entries[count - 1 - i];
        entries[count - 1 - i] = moved;
    }
    size_t lists = lyra->stack_top;
    for (size_t i = 0; i < count; i++) {
        hn_value tag = hn_arg(entries[i], 0);
        bool is_first = true;
        for (size_t k = 0; k < i && is_first; k++) {
            is_first = !hn_is_same(lyra, hn_arg(entries[k], 0), tag);
        }
        if (!is_first) {
            continue;
        }
        size_t inner = lyra->stack_top;
        for (size_t k = i; k < count; k++) {
            if (hn_is_same(lyra, hn_arg(entries[k], 0), tag)) {
                hn_push(lyra, hn_arg(entries[k], 1));
            }
        }
        hn_push(lyra, hn_make_pushed(lyra, HN_SYM(lyra, List), inner));
    }
    hn_value result = hn_make_pushed(lyra, HN_SYM(lyra, List), lists);
    lyra->stack_top = top;
    return result;
}

static hn_value reap(hone_lyra *lyra, hn_call *call) {
    hn_value outer = lyra->sown;
    lyra->sown = HN_SYM(lyra, Null);
    hn_value value = hn_evaluate(lyra, call->args[0]);
    hn_value pair[] = {value, gather_sown(lyra, lyra->sown)};
    lyra->sown = outer;
    return hn_make_list(lyra, pair, 2);
}

const hn_builtin hn_builtins_control[] = {
    {"If", if_then, HN_P | HN_HOLD_REST, 2, 4,
     "If[test, then, else] evaluates to then if test is True, and to else if it is False."},
    {"CompoundExpression", compound, HN_P | HN_HOLD_ALL | HN_READ_PROTECTED, 0, -1,
     "expr1; expr2; ... evaluates the expressions in turn and gives the last one."},
    {"Which", which, HN_P | HN_HOLD_ALL, 0, -1,
     "Which[test1, value1, test2, value2, ...] gives the value of the first test that is True."},
    {"Switch", switch_form, HN_P | HN_HOLD_REST, 1, -1,
     "Switch[expr, form1, value1, ...] gives the value of the first form that matches expr."},
    {"Throw", throw_value, HN_P, 1, 2,
     "Throw[value, tag] ends the evaluation of the Catch around it."},
    {"Catch", catch_value, HN_P | HN_HOLD_FIRST, 1, 3,
     "Catch[expr] gives what was thrown in expr, or its value."},
    {"Return", return_value, HN_P, 0, 2, "Return[expr] returns expr from the function around it."},
    {"Break", break_loop, HN_P, 0, 0, "Break[] ends the loop around it."},
    {"Continue", continue_loop, HN_P, 0, 0,
     "Continue[] begins the next round of the loop around it."},
    {"Abort", abort_all, HN_P, 0, 0, "Abort[] ends the evaluation."},
    {"CheckAbort", check_abort, HN_P | HN_HOLD_ALL, 2, 2,
     "CheckAbort[expr, failexpr] gives failexpr when an abort occurs in expr."},
    {"Quit", quit, HN_P, 0, 1, "Quit[] ends the session."},
    {"Exit", quit, HN_P, 0, 1, "Exit[] ends the session."},
    {"TimeConstrained", time_constrained, HN_P | HN_HOLD_ALL, 2, 3,
     "TimeConstrained[expr, t, failexpr] stops after t seconds and gives failexpr."},
    {"MemoryConstrained", memory_constrained, HN_P | HN_HOLD_ALL, 2, 3,
     "MemoryConstrained[expr, b, failexpr] stops when more than b bytes are needed."},
    {"Message", message, HN_P | HN_HOLD_FIRST, 1, -1,
     "Message[symbol::tag, e1, ...] prints a message."},
    {"MessageName", message_name, HN_P | HN_HOLD_FIRST, 2, 3,
     "symbol::tag is a name for a message."},
    {"Quiet", quiet, HN_P | HN_HOLD_ALL, 1, 3, "Quiet[expr] evaluates expr without messages."},
    {"Check", check, HN_P | HN_HOLD_ALL, 2, -1,
     "Check[expr, failexpr] gives failexpr when messages were generated."},
    {"Off", off, HN_P | HN_HOLD_ALL, 0, -1, "Off[symbol::tag] switches a message off."},
    {"On", on, HN_P | HN_HOLD_ALL, 0, -1, "On[symbol::tag] switches a message on."},
    {"Print", print, HN_P, 0, -1, "Print[e1, e2, ...] prints the expressions."},
    {"Echo", echo, HN_P, 1, 1, "Echo[expr] prints expr and gives it."},
    {"Evaluate", evaluate_now, HN_P, 0, -1,
     "Evaluate[expr] evaluates expr even where it would be held."},
    {"ReleaseHold", release_hold, HN_P, 1, 1, "ReleaseHold[expr] removes Hold and its like."},
    {"Hold", unevaluated, HN_P | HN_HOLD_ALL, 0, -1, "Hold[expr] keeps expr unevaluated."},
    {"HoldForm", unevaluated, HN_P | HN_HOLD_ALL, 0, -1,
     "HoldForm[expr] prints as expr, unevaluated."},
    {"HoldPattern", unevaluated, HN_P | HN_HOLD_ALL, 0, -1,
     "HoldPattern[expr] is expr for pattern matching, kept unevaluated."},
    {"HoldComplete", unevaluated, HN_P | HN_HOLD_ALL_COMPLETE, 0, -1,
     "HoldComplete[expr] shields expr from every evaluation."},
    {"Unevaluated", unevaluated, HN_P | HN_HOLD_ALL_COMPLETE, 0, -1,
     "Unevaluated[expr] gives expr to a function unevaluated."},
    {"Timing", timing_cpu, HN_P | HN_HOLD_ALL | HN_SEQUENCE_HOLD, 1, 1,
     "Timing[expr] gives {seconds of CPU time, value}."},
    {"AbsoluteTiming", timing_absolute, HN_P | HN_HOLD_ALL | HN_SEQUENCE_HOLD, 1, 1,
     "AbsoluteTiming[expr] gives {seconds, value}."},
    {"Sow", sow, HN_P, 1, 2, "Sow[e, tag] gives e to the Reap around it."},
    {"Reap", reap, HN_P | HN_HOLD_FIRST, 1, 3, "Reap[expr] gives {value, {what was sown}}."},
    {0},
};
