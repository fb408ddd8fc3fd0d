/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fork stack: one owner, who forks and joins at its top, and thieves, who take from its bottom.
 *
 *     0 ... tail ... split ... next
 *       stolen  shared  private
 *
 * tail and split are one atomic word. Thieves move the tail up by compare-and-exchange; only the
 * owner moves the split: up without condition (more is shared), down by compare-and-exchange (it
 * takes back what nobody stole). Above the split nobody else looks, so fork and join need no
 * atomics there. Who looks for work and finds nothing shared overwrites both words of the head: the
 * owner's next fork or join then goes the slow way, shares half of what is private and wakes
 * somebody. The owner keeps the true split for itself.
 *
 * Invariants (owner's view): tail <= split <= next. A slot at or above `next` has state 0. When
 * `is_all_stolen`, nothing is shared, and all below `next` is stolen: the next fork starts the
 * shared part anew at its own slot.
 *
 * May be included by the scheduler's own files and tests only.
 */
#ifndef HONE_SCHEDULER_FORK_INTERNAL_H
#define HONE_SCHEDULER_FORK_INTERNAL_H

#include <stddef.h>

#include "hone/scheduler/fork.h"

/* The state of a slot: these bits, and above them 1 + the number of the thief's stack. */
enum { HN_FORK_DONE = 1, HN_FORK_AWAITED = 2, HN_FORK_THIEF_SHIFT = 2 };

typedef struct hn_fork_stack {
    hone_fork_head head; /* first: found by the address of a slot */
    hone_fork_slot *end; /* the last slot: never used, it means "full" */
    hone_scheduler *scheduler;
    hone_fork_slot *serving; /* owner only: the stolen call that it runs, the innermost */
    uint32_t index;          /* of the scheduler's stacks */
    uint32_t split;          /* owner only: of `shared` */
    uint32_t partition;      /* that pays for what is stolen from here */
    bool is_all_stolen;      /* owner only */
    _Alignas(64) _Atomic uint64_t shared; /* tail << 32 | split */
    _Atomic uint32_t is_in_use;           /* a region is open: it is worth asking */
    _Atomic uint32_t cpu;                 /* that its owner was on when it opened the region */
    _Alignas(64) _Atomic uint64_t calls_shared, calls_stolen, joins_waited; /* by the owner */
    _Alignas(64) hone_fork_slot slots[];
} hn_fork_stack;

/* In aligned memory of HONE_FORK_STACK_BYTES, all zero. */
void hn_fork_stack_init(hn_fork_stack *stack, hone_scheduler *scheduler, uint32_t index);

/* Any thread: the oldest call that is shared, or NULL. Whoever got it must run it. */
hone_fork_slot *hn_fork_steal(hn_fork_stack *victim);

/* Runs a stolen call at a point of the thief's own and tells the owner. */
void hn_fork_run_stolen(hone_fork_point at, hone_fork_slot *slot);

static inline hn_fork_stack *hn_fork_stack_of(hone_fork_point at) {
    return (hn_fork_stack *)(void *)hone_fork_head_of(at);
}

static inline hone_fork_point hn_fork_bottom(hn_fork_stack *stack) {
    return (hone_fork_point){stack->slots};
}

/* Whether anything can be stolen now. seq_cst: sleepers look here before they sleep, and who
 * shares looks for sleepers after it. */
static inline bool hn_fork_has_shared(hn_fork_stack *stack) {
    uint64_t shared = atomic_load_explicit(&stack->shared, memory_order_seq_cst);
    return (uint32_t)(shared >> 32) < (uint32_t)shared;
}

/* Asks the owner to share at its next fork or join. seq_cst: who then sleeps has either seen what
 * was shared or is seen by who shares. The second word is only to be quicker. */
static inline void hn_fork_ask(hn_fork_stack *stack) {
    atomic_store_explicit(&stack->head.private_from, HONE_FORK_ASKED, memory_order_relaxed);
    atomic_store_explicit(&stack->head.limit, NULL, memory_order_seq_cst);
}

/* For who looks again and again: leaves the owner's line alone when it has been asked already. */
static inline void hn_fork_ask_again(hn_fork_stack *stack) {
    if (atomic_load_explicit(&stack->head.limit, memory_order_relaxed)) {
        atomic_store_explicit(&stack->head.limit, NULL, memory_order_relaxed);
    }
    if (atomic_load_explicit(&stack->head.private_from, memory_order_relaxed) != HONE_FORK_ASKED) {
        atomic_store_explicit(&stack->head.private_from, HONE_FORK_ASKED, memory_order_relaxed);
    }
}

#endif
