/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping and waking (an event count). The waiter announces itself, makes sure that everybody sees
 * it, looks once more, and sleeps; whoever publishes something looks whether somebody has announced
 * himself. The order of the publisher's two steps, a store and a load of something else, is what
 * processors turn around; to forbid it would cost every message a stall. So the waiter, who has
 * time, forbids it for all others with one system call (membarrier), and only where there is no
 * such call does the publisher pay (hn_event_signal).
 *
 * A waker that is killed between taking the announcement away and waking leaves a sleeper behind:
 * hn_ring_leave wakes everybody, and waits of channels that processes share are bounded.
 */
#include "hone/platform/barrier.h"
#include "hone/platform/thread.h"
#include "ring_internal.h"

HONE_COLD void hn_event_wake(hn_event *event) {
    atomic_store_explicit(&event->is_awaited, 0, memory_order_seq_cst);
    /* seq_cst: after the announcement was taken away; whoever announces himself from now on reads
     * the new number, or finds what was published */
    atomic_fetch_add_explicit(&event->sequence, 1, memory_order_seq_cst);
    hone_futex_wake_shared(&event->sequence, UINT32_MAX >> 1);
}

uint32_t hn_event_prepare(const hn_ring *ring, hn_event *event) {
    uint32_t ticket = atomic_load_explicit(&event->sequence, memory_order_seq_cst);
    atomic_exchange_explicit(&event->is_awaited, 1, memory_order_seq_cst);
    if (!ring->is_fenced) {
        hone_barrier_everywhere(); /* pairs with the relaxed load in hn_event_signal */
    }
    return ticket;
}

void hn_event_wait(hn_event *event, uint32_t ticket, uint64_t timeout_ns) {
    hone_futex_wait_shared(&event->sequence, ticket, timeout_ns);
}
