/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow ways of fork and join, and stealing; see fork_internal.h for the stack. A join whose
 * call was stolen helps the thief and nobody else (leapfrogging): what it runs meanwhile was
 * forked by the call that it waits for, so the wait cannot grow beyond that call, and the stack
 * cannot grow beyond what the program itself would need.
 */
#include "fork_internal.h"

#include <assert.h>

#include "scheduler_internal.h"

/* How often a waiting join looks before it sleeps: some 40 us. */
enum { JOIN_LOOKS_MAX = 1500 };

static uint32_t tail_of(uint64_t shared) {
    return (uint32_t)(shared >> 32);
}

static uint32_t split_of(uint64_t shared) {
    return (uint32_t)shared;
}

static uint64_t pack(uint32_t tail, uint32_t split) {
    return (uint64_t)tail << 32 | split;
}

static uint32_t index_of(const hn_fork_stack *stack, const hone_fork_slot *slot) {
    return (uint32_t)(slot - stack->slots);
}

static void set_split(hn_fork_stack *stack, uint32_t split) {
    stack->split = split;
    atomic_store_explicit(&stack->head.private_from, stack->slots + split, memory_order_relaxed);
}

void hn_fork_stack_init(hn_fork_stack *stack, hone_scheduler *scheduler, uint32_t index) {
    size_t slots_count = (HONE_FORK_STACK_BYTES - sizeof *stack) / sizeof(hone_fork_slot);
    stack->end = stack->slots + slots_count - 1;
    set_split(stack, 0);
    stack->scheduler = scheduler;
    stack->index = index;
}

/* ---- the owner ---- */

/* Publishes half of what is private below `next`; one call at least is. */
static void share(hn_fork_stack *stack, uint32_t next) {
    /* both words before the call is shared, so that who asks again after it is heard */
    atomic_store_explicit(&stack->head.limit, stack->end, memory_order_relaxed);
    if (stack->is_all_stolen) {
        stack->is_all_stolen = false;
        set_split(stack, next);
        /* Nothing was shared, so no thief can move the tail meanwhile. release: pairs with the
         * exchange of hn_fork_steal, the thief sees the call; seq_cst: see hn_fork_has_shared */
        atomic_store_explicit(&stack->shared, pack(next - 1, next), memory_order_seq_cst);
    } else {
        uint32_t more = (next - stack->split + 1) / 2;
        assert(stack->split < next);
        set_split(stack, stack->split + more);
        atomic_fetch_add_explicit(&stack->shared, more, memory_order_seq_cst); /* as above */
    }
    hn_count(&stack->calls_shared, 1);
}

/* A thief that waits for our own thief: see await_stolen. */
static void tell_waiting_join(hn_fork_stack *stack) {
    hone_fork_slot *serving = stack->serving;
    if (serving && atomic_load_explicit(&serving->state, memory_order_seq_cst) & HN_FORK_AWAITED) {
        atomic_fetch_and_explicit(&serving->state, ~(uint32_t)HN_FORK_AWAITED,
                                  memory_order_seq_cst);
        hone_futex_wake(&serving->state, 1);
    }
}

HONE_COLD hone_fork_point hone_fork_slowly(hone_fork_point at, hone_fork_function *run,
                                           void *context) {
    hn_fork_stack *stack = hn_fork_stack_of(at);
    if (at.next == stack->end) {
        return at; /* full: it runs at its join, whose point lies past what is shared */
    }
    at.next->run = run;
    at.next->context = context;
    at.next++;
    share(stack, index_of(stack, at.next));
    hn_forks_wake(stack->scheduler);
    tell_waiting_join(stack);
    return at;
}

/* Takes the newest shared call back, `slot`, and half of the rest with it. False when all are
 * stolen. */
static bool take_back(hn_fork_stack *stack, const hone_fork_slot *slot) {
    uint64_t shared = atomic_load_explicit(&stack->shared, memory_order_relaxed);
    for (;;) {
        uint32_t tail = tail_of(shared);
        uint32_t split = split_of(shared);
        if (tail >= split) {
            return false;
        }
        assert(split == index_of(stack, slot) + 1 && "not joined in the reverse order of forks");
        uint32_t kept = tail + (split - tail) / 2;
        /* nobody learns anything from it: what was stolen before is told by the slots */
        if (atomic_compare_exchange_strong_explicit(&stack->shared, &shared, pack(tail, kept),
                                                    memory_order_relaxed, memory_order_relaxed)) {
            set_split(stack, kept);
            return true;
        }
    }
}

static hn_fork_stack *thief_of(const hn_fork_stack *stack, uint32_t state) {
    uint32_t number = state >> HN_FORK_THIEF_SHIFT;
    return number ? hn_fork_stack_at(stack->scheduler, number - 1) : NULL;
}

/* Runs something that the thief has forked; false when it shares nothing, then it is asked to. */
static bool help_thief(hn_fork_stack *stack, hone_fork_point above, uint32_t state) {
    hn_fork_stack *thief = thief_of(stack, state);
    if (!thief || thief == stack) {
        return false;
    }
    hone_fork_slot *slot = hn_fork_steal(thief);
    if (!slot) {
        hn_fork_ask_again(thief);
        return false;
    }
    hn_fork_run_stolen(above, slot);
    return true;
}

/* Until the call has run, or its thief shares something. The order is: say that we wait, ask, look
 * once more; the thief's is: share, look who waits. */
static void sleep_until_told(hn_fork_stack *stack, hone_fork_slot *slot) {
    uint32_t state = atomic_fetch_or_explicit(&slot->state, HN_FORK_AWAITED, memory_order_seq_cst) |
                     HN_FORK_AWAITED;
    hn_fork_stack *thief = thief_of(stack, state);
    if (thief) {
        hn_fork_ask(thief);
    }
    if (!(state & HN_FORK_DONE) && !(thief && hn_fork_has_shared(thief))) {
        hone_futex_wait(&slot->state, state, UINT64_MAX);
        hn_worker_has_slept(stack->scheduler);
    }
}

/* Until the stolen call has run. Who sleeps here is woken by its end, or when the thief shares. */
static void await_stolen(hn_fork_stack *stack, hone_fork_slot *slot) {
    hone_fork_point above = {slot + 1};
    uint32_t looks_max = hn_scheduler_looks_max(stack->scheduler, JOIN_LOOKS_MAX);
    uint32_t looks = 0;
    for (;;) {
        /* acquire: pairs with the end of hn_fork_run_stolen, what the call wrote is seen */
        uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
        if (state & HN_FORK_DONE) {
            break;
        }
        if (help_thief(stack, above, state)) {
            looks = 0;
        } else if (looks++ < looks_max) {
            hone_cpu_relax();
        } else {
            sleep_until_told(stack, slot);
        }
    }
    atomic_store_explicit(&slot->state, 0, memory_order_relaxed); /* ours again */
}

/* Somebody asks while we join: shares of what is private below the call that is joined. */
static void share_below(hn_fork_stack *stack, uint32_t index) {
    if (index == stack->split) {
        set_split(stack, stack->split); /* nothing is: the next fork is still asked */
        return;
    }
    share(stack, index);
    hn_forks_wake(stack->scheduler);
    tell_waiting_join(stack);
}

HONE_COLD bool hone_join_slowly(hone_fork_point at) {
    hn_fork_stack *stack = hn_fork_stack_of(at);
    if (at.next == stack->end) {
        return true; /* it was never noted, see hone_fork_slowly */
    }
    if (!stack->is_all_stolen && index_of(stack, at.next) >= stack->split) {
        share_below(stack, index_of(stack, at.next));
        return true;
    }
    if (!stack->is_all_stolen && take_back(stack, at.next)) {
        return true;
    }
    hn_count(&stack->joins_waited, 1);
    await_stolen(stack, at.next);
    /* what it helped with has used the stack meanwhile: again nothing is shared, and what is left
     * is stolen */
    stack->is_all_stolen = true;
    atomic_store_explicit(&stack->head.limit, NULL, memory_order_relaxed);
    return false;
}

/* ---- thieves ---- */

hone_fork_slot *hn_fork_steal(hn_fork_stack *victim) {
    uint64_t shared = atomic_load_explicit(&victim->shared, memory_order_relaxed);
    while (tail_of(shared) < split_of(shared)) {
        uint32_t tail = tail_of(shared);
        /* acquire: pairs with share; the word may have been here before, then the slot is what it
         * is now */
        if (atomic_compare_exchange_strong_explicit(&victim->shared, &shared,
                                                    pack(tail + 1, split_of(shared)),
                                                    memory_order_acquire, memory_order_relaxed)) {
            return victim->slots + tail;
        }
    }
    return NULL;
}

void hn_fork_run_stolen(hone_fork_point at, hone_fork_slot *slot) {
    hn_fork_stack *stack = hn_fork_stack_of(at);
    hone_fork_slot *outer = stack->serving;
    stack->serving = slot;
    /* seq_cst: pairs with sleep_until_told, which does not ask a thief that it does not know yet */
    uint32_t before = atomic_fetch_or_explicit(
        &slot->state, (stack->index + 1) << HN_FORK_THIEF_SHIFT, memory_order_seq_cst);
    if (before & HN_FORK_AWAITED) {
        hone_futex_wake(&slot->state, 1);
    }
    hn_count(&stack->calls_stolen, 1);
    slot->run(at, slot->context);
    stack->serving = outer;
    /* release: pairs with await_stolen. The slot is the owner's after it; a wake-up too many does
     * no harm */
    uint32_t state = atomic_fetch_or_explicit(&slot->state, HN_FORK_DONE, memory_order_acq_rel);
    if (state & HN_FORK_AWAITED) {
        hone_futex_wake(&slot->state, 1);
    }
}
