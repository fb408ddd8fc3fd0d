/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node of the budget tree, for the two files that work on it: budget.c grants leases and makes
 * room for them, budget_pass.c evicts ahead of need.
 */
#ifndef HN_MEMORY_BUDGET_INTERNAL_H
#define HN_MEMORY_BUDGET_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "hone/memory/budget.h"
#include "hone/memory/pressure.h"
#include "hone/platform/thread.h"

struct hone_budget {
    _Atomic size_t held_bytes;
    _Atomic size_t limit_bytes;
    _Atomic size_t peak_bytes;
    hone_budget *parent;
    hone_budget *root;
    uint32_t depth; /* 1: a root */
    _Atomic uint32_t children_count;
    _Atomic uint32_t evictables_count;
    _Atomic uint64_t refused_count;
    _Atomic uint64_t evicted_bytes;
    /* Passes: see budget_pass.c. SIZE_MAX: there are none. */
    double soft_share;
    _Atomic size_t soft_bytes;  /* a lease that ends above it may start a pass, */
    _Atomic size_t pass_bytes;  /* if it ends at or above this one, too */
    _Atomic size_t rearm_bytes; /* held at most so much: pass_bytes goes back to soft_bytes */
    _Atomic uint64_t passes_count;
    hone_pressure_window window; /* guarded by the root's eviction lock */
    const hone_allocator *allocator;
    hone_allocator accounting; /* what hone_budget_allocator() gives out */
    char name[HONE_BUDGET_NAME_BYTES_MAX + 1];
    /* The rest is used in roots only. */
    hone_mutex eviction;
    _Atomic uintptr_t evictor;         /* the thread that holds `eviction`, or 0 */
    hone_budget_evictable *evictables; /* of the whole tree, by priority, then cost */
};

static inline size_t hn_budget_limit(const hone_budget *node) {
    return atomic_load_explicit(&node->limit_bytes, memory_order_seq_cst);
}

static inline size_t hn_budget_held(const hone_budget *node) {
    return atomic_load_explicit(&node->held_bytes, memory_order_seq_cst);
}

/* Whether a pass is due where so many bytes are held. Relaxed: see hn_budget_set_marks. */
static inline bool hn_budget_is_due(const hone_budget *node, size_t held_bytes) {
    return held_bytes > atomic_load_explicit(&node->soft_bytes, memory_order_relaxed) &&
           held_bytes >= atomic_load_explicit(&node->pass_bytes, memory_order_relaxed);
}

/* ---- budget.c ---- */

/* The root's lock, waited for (or not); false when this very thread evicts already (or another). */
HONE_MUST_USE bool hn_budget_begin_exclusive(hone_budget *root);
HONE_MUST_USE bool hn_budget_try_begin_exclusive(hone_budget *root);
void hn_budget_end_exclusive(hone_budget *root);

/* With the lock: what evictables at and below the node say they have, and asking them for it. */
size_t hn_budget_evictable_bytes(const hone_budget *node);
size_t hn_budget_evict_locked(hone_budget *budget, size_t bytes);

/* ---- budget_pass.c ---- */

/* Sets the marks for a limit. */
void hn_budget_set_marks(hone_budget *budget, size_t limit_bytes);

/* After a lease left the node with so many bytes; does nothing when no pass is due there. */
void hn_budget_note_high(hone_budget *node, size_t held_bytes);

/* After a return took the node down to at most its rearm mark. */
void hn_budget_note_low(hone_budget *node);

#endif
