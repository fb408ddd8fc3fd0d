/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned symbols: found by name through contexts, with ids that never change. Symbols of System`
 * that C names lie in the kernel; the others in segments that never move. Temporary ones
 * (Module's x$12) are forgotten when nothing refers to them.
 */
#ifndef HN_LYRA_SYMBOLS_INTERNAL_H
#define HN_LYRA_SYMBOLS_INTERNAL_H

#include "kernel_internal.h"

HONE_MUST_USE hone_status hn_symbols_init(hone_lyra *lyra);
void hn_symbols_deinit(hone_lyra *lyra);
void hn_symbols_mark(hone_lyra *lyra);

/* Marks the symbol that this word of the C stack points into, if it does. */
void hn_symbols_mark_word(hone_lyra *lyra, hn_value word);

/* The symbol that a program means by `name`, by $Context and $ContextPath; makes it where there is
 * none. Unwinds when memory or symbols_max is exhausted. */
hn_symbol *hn_symbol_resolve(hone_lyra *lyra, hone_text name);
/* As above, NULL where there is none. */
hn_symbol *hn_symbol_find(hone_lyra *lyra, hone_text name);
/* With its context, exactly. */
hn_symbol *hn_symbol_of_full_name(hone_lyra *lyra, hone_text full_name, bool is_made);
/* A new one `base`$number in the current context, Temporary. */
hn_symbol *hn_symbol_unique(hone_lyra *lyra, hone_text base, uint64_t number, bool is_temporary);

/* Without context / the context with its last `. */
static inline hone_text hn_symbol_short_name(const hn_symbol *symbol) {
    return (hone_text){symbol->name + symbol->context_bytes,
                       symbol->name_bytes - symbol->context_bytes};
}
static inline hone_text hn_symbol_context(const hn_symbol *symbol) {
    return (hone_text){symbol->name, symbol->context_bytes};
}
/* As it has to be written here: short where that means the same symbol. */
hone_text hn_symbol_shown_name(hone_lyra *lyra, const hn_symbol *symbol);

hn_symbol *hn_symbol_at(const hone_lyra *lyra, uint32_t id);

HONE_COLD void hn_epoch_wrapped(hone_lyra *lyra);

/* A definition of the symbol has changed: what contains it has to be evaluated again. */
static inline void hn_symbol_changed(hone_lyra *lyra, const hn_symbol *symbol) {
    if (HONE_UNLIKELY(++lyra->epoch == UINT32_MAX)) {
        hn_epoch_wrapped(lyra);
    }
    lyra->clocks[__builtin_ctz(symbol->group)] = lyra->epoch;
}

/* True when nothing that the node contains has changed since it was found to evaluate to itself. */
static inline bool hn_is_fresh(const hone_lyra *lyra, const hn_node *node) {
    if (node->stamp == lyra->epoch) {
        return true;
    }
    if (node->stamp == 0) {
        return false;
    }
    for (uint32_t groups = node->groups; groups; groups &= groups - 1) {
        if (lyra->clocks[__builtin_ctz(groups)] > node->stamp) {
            return false;
        }
    }
    return true;
}

#endif
