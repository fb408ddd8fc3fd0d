/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which fork stack. Each worker owns one, the spare ones go to threads that are no workers
 * and to regions within regions; they are mapped when the first one needs them and stay. Idle
 * workers steal from all of them. A thread that is no worker uses a CPU that a worker would use:
 * while it is in a region, one worker less steals, so that nobody who holds a stolen call has to
 * wait for a CPU.
 */
#include "scheduler_internal.h"

#include "hone/platform/pages.h"

static hn_fork_stack *map_stack(hone_scheduler *scheduler, uint32_t index) {
    void *pages = NULL;
    if (hone_pages_map(HONE_FORK_STACK_BYTES, HONE_FORK_STACK_BYTES, &pages) != HONE_OK) {
        return NULL;
    }
    hn_fork_stack_init(pages, scheduler, index);
    return pages;
}

static uint32_t stacks_count(const hone_scheduler *scheduler) {
    return scheduler->workers_count + HN_SPARE_STACKS;
}

hone_status hn_forks_init(hone_scheduler *scheduler) {
    uint32_t count = stacks_count(scheduler);
    scheduler->stacks = HONE_NEW_ARRAY(scheduler->allocator, _Atomic(hn_fork_stack *), count);
    scheduler->stack_owners =
        HONE_NEW_ARRAY(scheduler->allocator, _Atomic uint32_t, HN_SPARE_STACKS);
    if (!scheduler->stacks || !scheduler->stack_owners) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < scheduler->workers_count; i++) {
        hn_fork_stack *stack = map_stack(scheduler, i);
        if (!stack) {
            return HONE_STATUS_OUT_OF_MEMORY;
        }
        scheduler->workers[i].stack = stack;
        atomic_init(&scheduler->stacks[i], stack);
    }
    return HONE_OK;
}

static void unmap_stack(hn_fork_stack *stack) {
    if (stack) {
        hone_pages_unmap(stack, HONE_FORK_STACK_BYTES);
    }
}

void hn_forks_deinit(hone_scheduler *scheduler) {
    uint32_t count = stacks_count(scheduler);
    for (uint32_t i = 0; scheduler->stacks && i < count; i++) {
        unmap_stack(hn_fork_stack_at(scheduler, i));
    }
    HONE_DELETE_ARRAY(scheduler->allocator, _Atomic(hn_fork_stack *), scheduler->stacks, count);
    HONE_DELETE_ARRAY(scheduler->allocator, _Atomic uint32_t, scheduler->stack_owners,
                      HN_SPARE_STACKS);
}

/* ---- regions ---- */

/* A spare stack that nobody else has, or NULL. */
static hn_fork_stack *take_spare(hone_scheduler *scheduler) {
    for (uint32_t i = 0; i < HN_SPARE_STACKS; i++) {
        uint32_t expected = 0;
        /* acquire: pairs with give_spare, the stack is as its last owner left it */
        if (!atomic_compare_exchange_strong_explicit(&scheduler->stack_owners[i], &expected, 1,
                                                     memory_order_acquire, memory_order_relaxed)) {
            continue;
        }
        uint32_t index = scheduler->workers_count + i;
        hn_fork_stack *stack = hn_fork_stack_at(scheduler, index);
        if (!stack) {
            stack = map_stack(scheduler, index);
            /* release: who sees it sees an empty stack */
            atomic_store_explicit(&scheduler->stacks[index], stack, memory_order_release);
        }
        if (!stack) {
            atomic_store_explicit(&scheduler->stack_owners[i], 0, memory_order_relaxed);
        }
        return stack;
    }
    return NULL;
}

static void give_spare(hone_scheduler *scheduler, const hn_fork_stack *stack) {
    atomic_store_explicit(&scheduler->stack_owners[stack->index - scheduler->workers_count], 0,
                          memory_order_release);
}

static hone_fork_point open_stack(hn_fork_stack *stack, uint32_t partition) {
    stack->partition = partition;
    /* who sleeps already cannot ask: the first fork is shared, and wakes somebody */
    atomic_store_explicit(&stack->head.limit, NULL, memory_order_relaxed);
    atomic_store_explicit(&stack->cpu, hone_thread_cpu(), memory_order_relaxed);
    atomic_store_explicit(&stack->is_in_use, 1, memory_order_relaxed);
    /* seq_cst: who does not see it, and sleeps, is seen by the first fork */
    atomic_fetch_add_explicit(&stack->scheduler->stacks_open, 1, memory_order_seq_cst);
    return hn_fork_bottom(stack);
}

static void close_stack(hn_fork_stack *stack) {
    atomic_store_explicit(&stack->is_in_use, 0, memory_order_relaxed);
    atomic_fetch_sub_explicit(&stack->scheduler->stacks_open, 1, memory_order_relaxed);
}

hone_fork_point hone_fork_enter(hone_scheduler *scheduler) {
    hn_worker *worker = hn_worker_current(scheduler);
    uint32_t partition = worker ? worker->billing.partition : 0;
    if (worker && !worker->is_in_region) {
        worker->is_in_region = true;
        worker->is_hot = true;
        return open_stack(worker->stack, partition);
    }
    hn_fork_stack *stack = take_spare(scheduler);
    if (!stack) {
        hn_count_shared(&scheduler->lone_regions);
        /* the end of any stack: full from the start, nothing is ever written there */
        return (hone_fork_point){scheduler->workers[0].stack->end};
    }
    if (!worker) {
        atomic_fetch_add_explicit(&scheduler->guests_count, 1, memory_order_relaxed);
    }
    return open_stack(stack, partition);
}

void hone_fork_leave(hone_fork_point at) {
    hn_fork_stack *stack = hn_fork_stack_of(at);
    hone_scheduler *scheduler = stack->scheduler;
    if (at.next == stack->end) {
        return;
    }
    close_stack(stack);
    if (stack->index < scheduler->workers_count) {
        scheduler->workers[stack->index].is_in_region = false;
        return;
    }
    if (!hn_worker_current(scheduler)) {
        atomic_fetch_sub_explicit(&scheduler->guests_count, 1, memory_order_relaxed);
    }
    give_spare(scheduler, stack);
}

/* ---- stealing ---- */

bool hn_forks_have_room(const hone_scheduler *scheduler) {
    uint32_t guests = atomic_load_explicit(&scheduler->guests_count, memory_order_relaxed);
    uint32_t workers = scheduler->workers_count;
    uint32_t thieves_max = guests < workers ? workers - guests : 1;
    return atomic_load_explicit(&scheduler->thieves_count, memory_order_relaxed) < thieves_max;
}

void hn_forks_wake(hone_scheduler *scheduler) {
    if (hn_forks_have_room(scheduler)) {
        hn_scheduler_wake(scheduler);
    }
}

static hone_fork_slot *steal_from(hn_worker *thief, uint32_t index, hn_fork_stack **out_victim) {
    hn_fork_stack *victim = hn_fork_stack_at(thief->scheduler, index);
    if (!victim || !atomic_load_explicit(&victim->is_in_use, memory_order_relaxed)) {
        return NULL;
    }
    hn_worker_part_from(thief, atomic_load_explicit(&victim->cpu, memory_order_relaxed));
    hn_count(&thief->steals_tried, 1);
    hone_fork_slot *slot = hn_fork_steal(victim);
    if (slot) {
        *out_victim = victim;
    } else {
        hn_fork_ask_again(victim);
    }
    return slot;
}

/* The workers' stacks near ones first, then the spare ones. */
static hone_fork_slot *steal_any(hn_worker *thief, hn_fork_stack **out_victim) {
    hone_scheduler *scheduler = thief->scheduler;
    hone_fork_slot *slot = NULL;
    for (uint32_t i = 0; i + 1 < scheduler->workers_count && !slot; i++) {
        slot = steal_from(thief, thief->victims[i], out_victim);
    }
    for (uint32_t i = scheduler->workers_count; i < stacks_count(scheduler) && !slot; i++) {
        slot = steal_from(thief, i, out_victim);
    }
    return slot;
}

bool hn_forks_help(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    hn_fork_stack *victim = NULL;
    if (atomic_load_explicit(&scheduler->stacks_open, memory_order_relaxed) == 0 ||
        !hn_forks_have_room(scheduler)) {
        return false;
    }
    hone_fork_slot *slot = steal_any(worker, &victim);
    if (!slot) {
        return false;
    }
    hn_count(&worker->steals_won, 1);
    atomic_fetch_add_explicit(&scheduler->thieves_count, 1, memory_order_relaxed);
    if (hn_sleepers_count(scheduler)) {
        hn_fork_ask(victim); /* for the next sleeper: its own asking may be what woke us */
    }
    if (scheduler->is_billing) {
        hn_billing_enter(worker, victim->partition, false);
    }
    worker->is_in_region = true;
    hn_fork_run_stolen(open_stack(worker->stack, victim->partition), slot);
    close_stack(worker->stack);
    worker->is_in_region = false;
    atomic_fetch_sub_explicit(&scheduler->thieves_count, 1, memory_order_relaxed);
    return true;
}

bool hn_forks_ask_and_look(hone_scheduler *scheduler) {
    bool is_any = false;
    if (atomic_load_explicit(&scheduler->stacks_open, memory_order_seq_cst) == 0 ||
        !hn_forks_have_room(scheduler)) {
        return false;
    }
    for (uint32_t i = 0; i < stacks_count(scheduler); i++) {
        hn_fork_stack *stack = hn_fork_stack_at(scheduler, i);
        if (stack && atomic_load_explicit(&stack->is_in_use, memory_order_relaxed)) {
            hn_fork_ask(stack);
            is_any = is_any || hn_fork_has_shared(stack);
        }
    }
    return is_any;
}
