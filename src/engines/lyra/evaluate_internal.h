/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation. See evaluate.c for the order of things. */
#ifndef HN_LYRA_EVALUATE_INTERNAL_H
#define HN_LYRA_EVALUATE_INTERNAL_H

#include "kernel_internal.h"

/* To the fixed point. */
hn_value hn_evaluate(hone_lyra *lyra, hn_value expression);
/* A compiled body with the values of its locals at stack[env]; env 0: it has none. */
hn_value hn_evaluate_body(hone_lyra *lyra, hn_value body, size_t env);
/* The body with its locals put in, not evaluated. */
hn_value hn_substitute(hone_lyra *lyra, hn_value body, size_t env);
/* Evaluates function[args...]. */
hn_value hn_apply(hone_lyra *lyra, hn_value function, const hn_value *args, uint32_t count);
hn_value hn_apply1(hone_lyra *lyra, hn_value function, hn_value arg);
hn_value hn_apply2(hone_lyra *lyra, hn_value function, hn_value a, hn_value b);

/* Says that a value needs no evaluation (its parts have been evaluated, and its head does nothing
 * with them). */
static inline hn_value hn_stamp(hone_lyra *lyra, hn_value value) {
    if (hn_is_normal(value)) {
        hn_node_of(value)->stamp = lyra->epoch;
    }
    return value;
}

/* functions.c: body and env of Function[...][args]; false: not applicable, said why. */
bool hn_function_enter(hone_lyra *lyra, hn_value function, hn_call *call, hn_value *out_body,
                       size_t *out_env);
/* HoldFirst and its like in the third argument of Function. */
uint32_t hn_function_attributes(hone_lyra *lyra, hn_value function);
/* operators.c: calls whose head is an expression with a built-in head, as Composition[f, g][x]. */
hn_value hn_apply_operator(hone_lyra *lyra, hn_call *call);
/* The symbol f in f, f[x], f[x][y]; NULL: there is none. */
hn_symbol *hn_innermost_head(hn_value value);

/* Replaces symbols by values in an expression, respecting inner scopes. */
hn_value hn_replace_symbols(hone_lyra *lyra, hn_value body, const hn_value *symbols,
                            const hn_value *values, uint32_t count);

/* messages.c: Message[symbol::tag, args...]. Counts, even when it is off or quiet. */
void hn_message(hone_lyra *lyra, hn_value symbol, const char *tag, const hn_value *args,
                uint32_t count);
/* With one argument. */
void hn_message1(hone_lyra *lyra, hn_value symbol, const char *tag, hn_value arg);
void hn_message2(hone_lyra *lyra, hn_value symbol, const char *tag, hn_value a, hn_value b);
/* Of an expression MessageName[symbol, tag]. */
void hn_message_value(hone_lyra *lyra, hn_value name, const hn_value *args, uint32_t count);
/* The text of symbol::tag, or HN_NONE. */
hn_value hn_message_text(hone_lyra *lyra, hn_value symbol, hn_value tag);
/* For the number of arguments: argx, argr, argt, argrx, argb, argm, argmu. */
void hn_message_count(hone_lyra *lyra, hn_call *call, int least, int most);

#endif
