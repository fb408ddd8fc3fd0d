/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwinding is longjmp to a catch, as in Lua: what evaluates need not look at a flag after each
 * call. It is sound because nothing between holds foreign resources (docs/decisions/0042).
 */
#include "unwind_internal.h"

#include <assert.h>

#include "hone/platform/clock.h"

#include "rules_internal.h"
#include "symbols_internal.h"

enum { TICKS = 1024 };

void hn_catch_push(hone_lyra *lyra, hn_catch *here, uint32_t reasons) {
    here->outer = lyra->catches;
    here->stack_top = lyra->stack_top;
    here->restores_count = lyra->restores_count;
    here->depth = lyra->depth;
    here->quiet_depth = lyra->quiet_depth;
    here->reasons = reasons;
    here->sown = lyra->sown;
    here->condition = here->form = HN_NONE;
    lyra->catches = here;
}

void hn_catch_pop(hone_lyra *lyra, hn_catch *here) {
    assert(lyra->catches == here);
    lyra->catches = here->outer;
}

void hn_unwind(hone_lyra *lyra, hn_unwind_reason reason) {
    hn_catch *at = lyra->catches;
    while (at->outer && !(at->reasons >> reason & 1)) {
        at = at->outer;
    }
    lyra->reason = reason;
    lyra->catches = at->outer;
    hn_restore_to(lyra, at->restores_count);
    lyra->stack_top = at->stack_top;
    lyra->depth = at->depth;
    lyra->sown = at->sown;
    lyra->quiet_depth = at->quiet_depth;
    longjmp(at->target, 1);
}

void hn_restore_push(hone_lyra *lyra, hn_symbol *symbol, bool is_own_only) {
    if (lyra->restores_count == lyra->restores_capacity) {
        uint32_t capacity = lyra->restores_capacity ? lyra->restores_capacity * 2 : 64;
        hn_restore *grown = hone_reallocate(lyra->allocator, lyra->restores,
                                            lyra->restores_capacity * sizeof(hn_restore),
                                            capacity * sizeof(hn_restore), _Alignof(hn_restore));
        if (!grown) {
            hn_unwind(lyra, HN_UNWIND_MEMORY);
        }
        lyra->restores = grown;
        lyra->restores_capacity = capacity;
    }
    lyra->restores[lyra->restores_count++] = (hn_restore){.symbol = symbol,
                                                          .own = symbol->own,
                                                          .own_rule = symbol->own_rule,
                                                          .down = symbol->down,
                                                          .up = symbol->up,
                                                          .sub = symbol->sub,
                                                          .attributes = symbol->attributes,
                                                          .is_own_only = is_own_only};
    symbol->own = symbol->own_rule = HN_NONE;
    if (!is_own_only) {
        symbol->down = symbol->up = symbol->sub = NULL;
    }
    hn_symbol_changed(lyra, symbol);
}

void hn_restore_to(hone_lyra *lyra, uint32_t count) {
    while (lyra->restores_count > count) {
        hn_restore *it = &lyra->restores[--lyra->restores_count];
        hn_symbol *symbol = it->symbol;
        symbol->own = it->own;
        symbol->own_rule = it->own_rule;
        if (!it->is_own_only) {
            hn_rules_destroy(lyra, symbol->down);
            hn_rules_destroy(lyra, symbol->up);
            hn_rules_destroy(lyra, symbol->sub);
            symbol->down = it->down;
            symbol->up = it->up;
            symbol->sub = it->sub;
        }
        hn_symbol_changed(lyra, symbol);
    }
}

HONE_COLD void hn_tick_slow(hone_lyra *lyra) {
    lyra->ticks = TICKS;
    if (atomic_load_explicit(&lyra->is_interrupted, memory_order_relaxed)) {
        atomic_store_explicit(&lyra->is_interrupted, 0, memory_order_relaxed);
        hn_unwind(lyra, HN_UNWIND_ABORT);
    }
    if (lyra->deadline_ns && hone_clock_monotonic_ns() >= lyra->deadline_ns) {
        lyra->deadline_ns = 0;
        hn_unwind(lyra, HN_UNWIND_TIME);
    }
}
