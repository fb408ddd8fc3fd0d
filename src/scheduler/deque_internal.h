/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work-stealing deque of one worker: the owner pushes and pops at the bottom, thieves take from
 * the top (Chase and Lev 2005, orders as in Le et al. 2013, with seq_cst accesses in the place of
 * their fences, which the thread sanitizer does not understand). Fixed capacity: a full deque
 * refuses and the task goes to the common queue, so there is no growing buffer to reclaim.
 *
 * May be included by the scheduler's own files and tests only.
 */
#ifndef HONE_SCHEDULER_DEQUE_INTERNAL_H
#define HONE_SCHEDULER_DEQUE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hone/scheduler/scheduler.h"

typedef _Atomic(hone_task *) hn_deque_place;

typedef struct hn_deque {
    /* next to steal; moved by thieves and by the owner's last pop */
    _Alignas(64) _Atomic int64_t top;
    /* next free place; written by the owner only */
    _Alignas(64) _Atomic int64_t bottom;
    hn_deque_place *tasks; /* the rest is frozen after init */
    int64_t capacity;      /* a power of two */
} hn_deque;

/* Empty, in `capacity` places of the caller's. */
static inline void hn_deque_init(hn_deque *deque, hn_deque_place *places, uint32_t capacity) {
    *deque = (hn_deque){.tasks = places, .capacity = capacity};
}

/* Owner only. False when full. */
static inline bool hn_deque_push(hn_deque *deque, hone_task *task) {
    int64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_relaxed);
    int64_t top =
        atomic_load_explicit(&deque->top, memory_order_acquire); /* pairs with the CAS of a thief */
    if (bottom - top >= deque->capacity) {
        return false;
    }
    atomic_store_explicit(&deque->tasks[bottom & (deque->capacity - 1)], task,
                          memory_order_relaxed);
    /* pairs with the load of bottom in hn_deque_steal: who sees the new bottom sees the task and
     * what it points to; seq_cst because the pusher then looks for sleepers, who look here before
     * they sleep */
    atomic_store_explicit(&deque->bottom, bottom + 1, memory_order_seq_cst);
    return true;
}

/* Owner only: the newest task, or NULL. */
static inline hone_task *hn_deque_pop(hn_deque *deque) {
    int64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_relaxed) - 1;
    /* the store must be seen before top is read (store-load order against a thief's two loads):
     * both seq_cst */
    atomic_store_explicit(&deque->bottom, bottom, memory_order_seq_cst);
    int64_t top = atomic_load_explicit(&deque->top, memory_order_seq_cst);
    if (top > bottom) {
        atomic_store_explicit(&deque->bottom, bottom + 1, memory_order_relaxed);
        return NULL;
    }
    hone_task *task =
        atomic_load_explicit(&deque->tasks[bottom & (deque->capacity - 1)], memory_order_relaxed);
    if (top == bottom) { /* the last one: race the thieves for it */
        if (!atomic_compare_exchange_strong_explicit(&deque->top, &top, top + 1,
                                                     memory_order_seq_cst, memory_order_relaxed)) {
            task = NULL;
        }
        atomic_store_explicit(&deque->bottom, bottom + 1, memory_order_relaxed);
    }
    return task;
}

/* Any thread: the oldest task, or NULL when empty or when another thief was faster. */
static inline hone_task *hn_deque_steal(hn_deque *deque) {
    int64_t top = atomic_load_explicit(&deque->top, memory_order_seq_cst);
    int64_t bottom =
        atomic_load_explicit(&deque->bottom, memory_order_seq_cst); /* pairs with push and pop */
    if (top >= bottom) {
        return NULL;
    }
    hone_task *task =
        atomic_load_explicit(&deque->tasks[top & (deque->capacity - 1)], memory_order_relaxed);
    bool is_ours = atomic_compare_exchange_strong_explicit(
        &deque->top, &top, top + 1, memory_order_seq_cst, memory_order_relaxed);
    return is_ours ? task : NULL;
}

/* As far as the owner knows: thieves may have taken some of them. */
static inline uint64_t hn_deque_length_owned(const hn_deque *deque) {
    return (uint64_t)(atomic_load_explicit(&deque->bottom, memory_order_relaxed) -
                      atomic_load_explicit(&deque->top, memory_order_relaxed));
}

/* A guess from outside. */
static inline uint64_t hn_deque_length(const hn_deque *deque) {
    int64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_seq_cst);
    int64_t top = atomic_load_explicit(&deque->top, memory_order_seq_cst);
    return bottom > top ? (uint64_t)(bottom - top) : 0;
}

#endif
