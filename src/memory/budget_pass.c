/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eviction ahead of want. A node's marks:
 *
 *     limit ---- pass_bytes: the next pass, if a lease ends here or above
 *                    (soft_bytes at first; after a pass, held + a step)
 *           ---- soft_bytes: below it a lease compares once and is done
 *           ---- rearm_bytes: a return that ends here or below puts pass_bytes back to soft_bytes
 *
 * The step, a sixteenth of the limit, is the hysteresis: where nothing can be evicted, or where
 * what was evicted is taken again at once, passes come once a step and not at every lease.
 */
#include "budget_internal.h"

enum { STEPS_PER_LIMIT = 16 };

static size_t step_of(size_t limit_bytes) {
    return limit_bytes / STEPS_PER_LIMIT;
}

void hn_budget_set_marks(hone_budget *budget, size_t limit_bytes) {
    size_t soft_bytes = SIZE_MAX, rearm_bytes = SIZE_MAX; /* none */
    if (budget->soft_share > 0 && limit_bytes != HONE_BUDGET_UNLIMITED) {
        /* As a double a large limit may be one more than any size. */
        double mark = budget->soft_share * (double)limit_bytes;
        soft_bytes = mark < (double)limit_bytes ? (size_t)mark : limit_bytes;
        size_t step = step_of(limit_bytes);
        rearm_bytes = soft_bytes > step ? soft_bytes - step : 0;
    }
    /* Relaxed, all of them: a lease that sees an old mark starts a pass a little early or late. */
    atomic_store_explicit(&budget->soft_bytes, soft_bytes, memory_order_relaxed);
    atomic_store_explicit(&budget->pass_bytes, soft_bytes, memory_order_relaxed);
    atomic_store_explicit(&budget->rearm_bytes, rearm_bytes, memory_order_relaxed);
}

void hn_budget_note_low(hone_budget *node) {
    atomic_store_explicit(&node->pass_bytes,
                          atomic_load_explicit(&node->soft_bytes, memory_order_relaxed),
                          memory_order_relaxed);
}

static size_t run_pass(hone_budget *node, double pressure) {
    size_t wanted = hone_pressure_share_of(pressure, hn_budget_evictable_bytes(node));
    size_t given = wanted > 0 ? hn_budget_evict_locked(node, wanted) : 0;
    atomic_fetch_add_explicit(&node->passes_count, 1, memory_order_relaxed);
    return given;
}

void hn_budget_note_high(hone_budget *node, size_t held_bytes) {
    if (!hn_budget_is_due(node, held_bytes) || !hn_budget_try_begin_exclusive(node->root)) {
        return;
    }
    /* Another pass may have come first. */
    held_bytes = hn_budget_held(node);
    if (hn_budget_is_due(node, held_bytes)) {
        size_t limit_bytes = hn_budget_limit(node);
        hone_pressure_window_add(&node->window, (double)held_bytes / (double)limit_bytes);
        (void)run_pass(node, hone_pressure_window_value(&node->window));
        size_t next = hn_budget_held(node) + step_of(limit_bytes);
        size_t soft_bytes = atomic_load_explicit(&node->soft_bytes, memory_order_relaxed);
        next = next > limit_bytes ? limit_bytes : next;
        atomic_store_explicit(&node->pass_bytes, next > soft_bytes ? next : soft_bytes,
                              memory_order_relaxed);
    }
    hn_budget_end_exclusive(node->root);
}

size_t hone_budget_evict_pass(hone_budget *budget, double pressure) {
    if (!budget || !hn_budget_begin_exclusive(budget->root)) {
        return 0;
    }
    size_t given = run_pass(budget, pressure);
    hn_budget_end_exclusive(budget->root);
    return given;
}
