/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters that one thread writes and anybody reads. Apart from the rest so that the
 * exhaustive tests, which stop before each atomic access, need not stop here: nothing depends on
 * them.
 */
#ifndef HONE_CHANNEL_COUNTER_INTERNAL_H
#define HONE_CHANNEL_COUNTER_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "hone/channel/channel.h"

/* One writer: no read-modify-write needed. */
static inline void hn_count(_Atomic uint64_t *counters, hone_channel_counter counter,
                            uint64_t more) {
    _Atomic uint64_t *figure = &counters[counter];
    uint64_t old = atomic_load_explicit(figure, memory_order_relaxed);
    atomic_store_explicit(figure, old + more, memory_order_relaxed);
}

#endif
