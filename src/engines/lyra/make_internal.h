/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making values, and comparing them. Everything here may collect, and unwinds when memory is
 * exhausted.
 */
#ifndef HN_LYRA_MAKE_INTERNAL_H
#define HN_LYRA_MAKE_INTERNAL_H

#include "kernel_internal.h"

/* head[args...]. `args` may lie on the value stack or in another node. */
hn_value hn_make(hone_lyra *lyra, hn_value head, const hn_value *args, uint32_t count);
hn_value hn_make0(hone_lyra *lyra, hn_value head);
hn_value hn_make1(hone_lyra *lyra, hn_value head, hn_value a);
hn_value hn_make2(hone_lyra *lyra, hn_value head, hn_value a, hn_value b);
hn_value hn_make3(hone_lyra *lyra, hn_value head, hn_value a, hn_value b, hn_value c);
hn_value hn_make_list(hone_lyra *lyra, const hn_value *args, uint32_t count);
hn_value hn_make_string(hone_lyra *lyra, hone_text text);
hn_value hn_make_integer(hone_lyra *lyra, int64_t integer);
hn_value hn_make_real(hone_lyra *lyra, double real);
static inline hn_value hn_make_bool(hone_lyra *lyra, bool is_true) {
    return is_true ? HN_SYM(lyra, True) : HN_SYM(lyra, False);
}
/* f[...] as an expression, made once. */
hn_value hn_call_node(hone_lyra *lyra, hn_call *call);
/* The same with another argument at `index`. */
hn_value hn_replace_arg(hone_lyra *lyra, hn_value expression, uint32_t index, hn_value arg);

/* After words were set by hand: what groups and flags follow from them. */
void hn_node_settle(hn_node *node);

/* The value stack: temporary arrays, and what a built-in gathers. Tops are restored by whoever
 * pushed. It never moves; when it is full, the evaluation ends as when memory is. */
void hn_stack_full(hone_lyra *lyra);
static inline void hn_stack_need(hone_lyra *lyra, size_t more) {
    if (HONE_UNLIKELY(lyra->stack_capacity - lyra->stack_top < more)) {
        hn_stack_full(lyra);
    }
}
static inline void hn_push(hone_lyra *lyra, hn_value value) {
    hn_stack_need(lyra, 1);
    lyra->stack[lyra->stack_top++] = value;
}
/* head[everything pushed since `top`], which is taken off again. */
hn_value hn_make_pushed(hone_lyra *lyra, hn_value head, size_t top);

/* `body`, no leaf, with each(context, part) in the place of its head and arguments; itself when
 * nothing changes. */
hn_value hn_map_parts(hone_lyra *lyra, hn_value body,
                      hn_value (*each)(void *context, hn_value part), void *context);

/* SameQ: equal structure. */
bool hn_is_same_slow(hone_lyra *lyra, hn_value a, hn_value b);
static inline bool hn_is_same(hone_lyra *lyra, hn_value a, hn_value b) {
    return a == b || (hn_is_node(a) && hn_is_node(b) && hn_is_same_slow(lyra, a, b));
}
/* Never 0; equal for what is the same. */
uint32_t hn_hash(hone_lyra *lyra, hn_value value);

/* The canonical order: < 0 when a comes first, 0 when they are the same. (order.c) */
int hn_order(hone_lyra *lyra, hn_value a, hn_value b);
void hn_sort(hone_lyra *lyra, hn_value *values, uint32_t count);

/* An integer that fits int64_t; false for anything else. */
bool hn_get_int(hn_value value, int64_t *out_integer);
/* A machine number for any real number; false for anything else. */
bool hn_get_real(hone_lyra *lyra, hn_value value, double *out_real);
bool hn_is_true(const hone_lyra *lyra, hn_value value);

/* True when the C stack has no room for another level; tests depth of structures, too. */
static inline bool hn_is_stack_low(const hone_lyra *lyra) {
    return (const char *)__builtin_frame_address(0) < lyra->stack_limit;
}
/* Says so ($RecursionLimit::reclim2) and aborts. */
void hn_stack_exhausted(hone_lyra *lyra);

#endif
