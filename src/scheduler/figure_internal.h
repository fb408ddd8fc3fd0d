/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures: counters that one thread writes and anybody reads, for statistics only. Apart from the
 * rest so that the exhaustive tests, which stop before each atomic access, need not stop here:
 * nothing depends on them.
 */
#ifndef HONE_SCHEDULER_FIGURE_INTERNAL_H
#define HONE_SCHEDULER_FIGURE_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

/* One writer: no read-modify-write needed. */
static inline void hn_count(_Atomic uint64_t *figure, uint64_t more) {
    uint64_t old = atomic_load_explicit(figure, memory_order_relaxed);
    atomic_store_explicit(figure, old + more, memory_order_relaxed);
}

static inline void hn_count_most(_Atomic uint64_t *figure, uint64_t value) {
    if (value > atomic_load_explicit(figure, memory_order_relaxed)) {
        atomic_store_explicit(figure, value, memory_order_relaxed);
    }
}

static inline void hn_set_figure(_Atomic uint64_t *figure, uint64_t value) {
    atomic_store_explicit(figure, value, memory_order_relaxed);
}

/* Many writers. */
static inline void hn_count_shared(_Atomic uint64_t *figure) {
    atomic_fetch_add_explicit(figure, 1, memory_order_relaxed);
}

static inline uint64_t hn_get_figure(const _Atomic uint64_t *figure) {
    return atomic_load_explicit(figure, memory_order_relaxed);
}

#endif
