/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving evaluations early: Throw, Return, Break, aborts, exhausted memory or time. A built-in
 * that can stop one pushes a hn_catch and calls setjmp on it; hn_unwind goes to the innermost that
 * takes the reason, after putting back what Blocks on the way had changed.
 *
 *     hn_catch here;
 *     hn_catch_push(lyra, &here, 1u << HN_UNWIND_BREAK);
 *     if (setjmp(here.target) == 0) {
 *         ... evaluates; locals changed here and used after must be volatile
 *         hn_catch_pop(lyra, &here);
 *     } else {
 *         ... came here by hn_unwind, which has popped it; lyra->reason says why
 *     }
 *
 * Between a push and whatever may unwind, C code holds nothing that needs a release: memory comes
 * from the collector, temporary arrays from the value stack.
 */
#ifndef HN_LYRA_UNWIND_INTERNAL_H
#define HN_LYRA_UNWIND_INTERNAL_H

#include "kernel_internal.h"

void hn_catch_push(hone_lyra *lyra, hn_catch *here, uint32_t reasons);
void hn_catch_pop(hone_lyra *lyra, hn_catch *here);

#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void hn_unwind(hone_lyra *lyra, hn_unwind_reason reason);

/* Remembers what a symbol has now (its own value only, or everything), to be put back by
 * hn_restore_to, also when unwinding passes. */
void hn_restore_push(hone_lyra *lyra, hn_symbol *symbol, bool is_own_only);
void hn_restore_to(hone_lyra *lyra, uint32_t count);

/* Looks for interrupts and time limits now and then. */
void hn_tick_slow(hone_lyra *lyra);
static inline void hn_tick(hone_lyra *lyra) {
    if (HONE_UNLIKELY(--lyra->ticks == 0)) {
        hn_tick_slow(lyra);
    }
}

#endif
