/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's life: find something, run it, look outside; with nothing to find, search for a while
 * after parallel work, then sleep.
 *
 * Sleeping without losing a wake-up: a worker that found nothing counts itself as a sleeper, looks
 * once more, and only then waits in the poller; who queues a task does so first and then looks for
 * sleepers. All four accesses are seq_cst, so at least one of the two sees the other. At most one
 * wake-up is on its way at a time (is_wake_pending): its receiver takes the mark away before it
 * looks for work, and wakes the next sleeper when there is more than it has taken. While somebody
 * searches nobody is woken; whose search ends looks once more as a sleeper does, and whose search
 * was successful wakes another for what it left.
 *
 * All sleepers wait on one epoll instance, so timers, descriptors and wake-ups reach whoever is
 * idle, and no worker has a special part that a long task could keep from being played.
 */
#include "scheduler_internal.h"

#include "hone/platform/clock.h"

enum {
    /* tasks after which the common queue comes first, so that it cannot starve */
    COMMON_QUEUE_INTERVAL = 61,
    NEXT_IN_ROW_MAX = 64, /* as above, for chains of submit_next */
    EVENTS_MAX = 32,
    LOOKS_PER_CLOCK = 16,       /* of a search, between two looks at the clock */
    CROWD_SAMPLE_NS = 1000000,  /* over which CPU time is compared with time */
    CROWD_MEMORY_NS = 50000000, /* how long others are believed to be there */
    CROWD_SHARE_PERCENT = 80,   /* less of the CPU than that: somebody else has it */
    PART_INTERVAL_NS = 200000,  /* between two moves of a worker to another CPU */
};

/* ---- others on our CPUs ---- */

static bool is_crowded(const hone_scheduler *scheduler) {
    uint64_t until_ns = atomic_load_explicit(&scheduler->crowded_until_ns, memory_order_relaxed);
    return until_ns && hone_clock_monotonic_ns() < until_ns;
}

uint32_t hn_scheduler_looks_max(const hone_scheduler *scheduler, uint32_t looks_max) {
    return hn_get_figure(&scheduler->spin_ns) == 0 || is_crowded(scheduler) ? 0 : looks_max;
}

/* A worker that was always busy but had less CPU time than time passed has lost its CPU to somebody
 * else. Once is chance (two workers that the kernel put on one CPU), twice in a row is a crowd. */
static void look_for_crowd(hn_worker *worker) {
    uint64_t now_ns = hone_clock_monotonic_ns();
    if (worker->crowd_ns && now_ns - worker->crowd_ns < CROWD_SAMPLE_NS) {
        return;
    }
    uint64_t cpu_ns = hone_clock_thread_cpu_ns();
    if (worker->crowd_ns) {
        bool is_lost = (cpu_ns - worker->crowd_cpu_ns) * 100 <
                       (now_ns - worker->crowd_ns) * CROWD_SHARE_PERCENT;
        if (is_lost && worker->has_lost_cpu) {
            atomic_store_explicit(&worker->scheduler->crowded_until_ns, now_ns + CROWD_MEMORY_NS,
                                  memory_order_relaxed);
        }
        worker->has_lost_cpu = is_lost;
    }
    worker->crowd_ns = now_ns;
    worker->crowd_cpu_ns = cpu_ns;
}

void hn_worker_has_slept(const hone_scheduler *scheduler) {
    hn_worker *worker = hn_worker_current(scheduler);
    if (worker) {
        worker->crowd_ns = 0;
    }
}

void hn_worker_part_from(hn_worker *worker, uint32_t cpu) {
    if (hone_thread_cpu() != cpu || worker->cpu != UINT32_MAX || worker->scheduler->reserved_ns) {
        return;
    }
    worker->crowd_ns = 0; /* the CPU time that it had not was the caller's */
    worker->has_lost_cpu = false;
    uint64_t now_ns = hone_clock_monotonic_ns();
    if (now_ns - worker->parted_ns >= PART_INTERVAL_NS) {
        worker->parted_ns = now_ns;
        (void)!hone_thread_leave_cpu(); /* it helps where it is, then */
    }
}

/* ---- finding work ---- */

static hone_task *steal_from(hn_worker *thief, hn_deque *deque) {
    uint32_t threshold = thief->scheduler->steal_threshold;
    if (threshold > 1 && hn_deque_length(deque) < threshold) {
        return NULL;
    }
    hn_count(&thief->steals_tried, 1);
    hone_task *task = hn_deque_steal(deque);
    if (task) {
        hn_count(&thief->steals_won, 1);
    }
    return task;
}

static hone_task *steal(hn_worker *thief, uint32_t partition) {
    hone_scheduler *scheduler = thief->scheduler;
    hone_task *task = NULL;
    if (!scheduler->is_victim_order_fixed) {
        hn_victims_shuffle(thief);
    }
    for (uint32_t attempt = 0; attempt < scheduler->steal_attempts && !task; attempt++) {
        for (uint32_t i = 0; i + 1 < scheduler->workers_count && !task; i++) {
            hn_worker *victim = &scheduler->workers[thief->victims[i]];
            task = steal_from(thief, &victim->deques[partition]);
        }
    }
    return task;
}

static bool has_tasks(hone_scheduler *scheduler) {
    if (atomic_load_explicit(&scheduler->critical_count, memory_order_seq_cst)) {
        return true;
    }
    for (uint32_t p = 0; p < scheduler->partitions_count; p++) {
        if (atomic_load_explicit(&scheduler->partitions[p].queue.length, memory_order_seq_cst)) {
            return true;
        }
        for (uint32_t i = 0; i < scheduler->workers_count; i++) {
            if (hn_deque_length(&scheduler->workers[i].deques[p]) >= scheduler->steal_threshold) {
                return true;
            }
        }
    }
    return false;
}

/* About how many there are, for a decision that may be wrong. */
static uint64_t count_tasks(hone_scheduler *scheduler) {
    uint64_t count = atomic_load_explicit(&scheduler->critical_count, memory_order_relaxed);
    for (uint32_t p = 0; p < scheduler->partitions_count; p++) {
        count += atomic_load_explicit(&scheduler->partitions[p].queue.length, memory_order_seq_cst);
        for (uint32_t i = 0; i < scheduler->workers_count; i++) {
            count += hn_deque_length(&scheduler->workers[i].deques[p]);
        }
    }
    return count;
}

static bool has_work(hone_scheduler *scheduler) {
    return has_tasks(scheduler) || hn_loops_want_help(scheduler) ||
           hn_forks_ask_and_look(scheduler);
}

static hone_task *take_next(hn_worker *worker) {
    hone_task *task = worker->next;
    if (task) {
        worker->next = NULL;
        worker->next_in_row++;
    }
    return task;
}

/* A task of one partition. */
static hone_task *find_of(hn_worker *worker, uint32_t partition, bool is_queue_first) {
    hn_queue *queue = &worker->scheduler->partitions[partition].queue;
    hone_task *task = is_queue_first ? hn_queue_pop(queue) : NULL;
    if (!task) {
        task = hn_deque_pop(&worker->deques[partition]);
    }
    if (!task && !is_queue_first) {
        task = hn_queue_pop(queue);
    }
    return task ? task : steal(worker, partition);
}

/* A critical one that has overdrawn goes with the others of its partition, before them. */
static hone_task *find_of_either(hn_worker *worker, uint32_t partition, bool is_queue_first) {
    hone_scheduler *scheduler = worker->scheduler;
    hone_task *task = hn_queue_pop(&scheduler->partitions[partition].critical_queue);
    if (!task) {
        return find_of(worker, partition, is_queue_first);
    }
    atomic_fetch_sub_explicit(&scheduler->critical_count, 1, memory_order_relaxed);
    return task;
}

static hone_task *find_in_turn(hn_worker *worker, bool is_queue_first) {
    hone_scheduler *scheduler = worker->scheduler;
    hone_task *task = NULL;
    uint32_t tried = 0, best;
    uint32_t present = worker->billing.partition;
    if (present != HN_NOBODY && hone_clock_monotonic_ns() < worker->billing.quantum_end_ns) {
        task = find_of_either(worker, present, is_queue_first);
        tried = 1u << present;
    }
    while (!task && (best = hn_partitions_best(scheduler, tried)) != HN_NOBODY) {
        task = find_of_either(worker, best, is_queue_first);
        tried |= 1u << best;
    }
    return task;
}

static hone_task *find_task(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    hone_task *task = NULL;
    if (atomic_load_explicit(&scheduler->critical_count, memory_order_relaxed) &&
        (task = hn_partitions_take_critical(scheduler))) {
        return task;
    }
    bool is_others_turn = worker->next_in_row >= NEXT_IN_ROW_MAX;
    if (!is_others_turn && (task = take_next(worker))) {
        return task;
    }
    worker->next_in_row = 0;
    bool is_queue_first = is_others_turn || ++worker->ticks_count % COMMON_QUEUE_INTERVAL == 0;
    task = scheduler->is_billing ? find_in_turn(worker, is_queue_first)
                                 : find_of(worker, 0, is_queue_first);
    return task ? task : take_next(worker);
}

/* ---- running ---- */

void hn_worker_run(hn_worker *worker, hone_task *task) {
    hone_scheduler *scheduler = worker->scheduler;
    if (scheduler->is_billing) {
        uint32_t partition = hn_partition_of(scheduler, task);
        hn_billing_enter(worker, partition, task->is_critical);
        hn_count_shared(&scheduler->partitions[partition].tasks_run);
        if (hone_clock_monotonic_ns() >= worker->billing.quantum_end_ns) {
            hn_billing_settle(worker);
        }
    }
    task->run(task->context);
    hn_count(&worker->tasks_run, 1);
}

static void run_ready(hn_worker *worker, void **tokens, uint32_t tokens_count) {
    for (uint32_t i = 0; i < tokens_count; i++) {
        hn_worker_run(worker, tokens[i]);
    }
    hn_timers_fire(worker);
}

static uint64_t earliest_timer_ns(const hone_scheduler *scheduler) {
    return atomic_load_explicit(&scheduler->timers.earliest_ns, memory_order_relaxed);
}

/* Timers and descriptors must be served while all workers are busy, too. */
static void look_outside(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    uint64_t earliest_ns = earliest_timer_ns(scheduler);
    if (earliest_ns != UINT64_MAX && hone_clock_monotonic_ns() >= earliest_ns) {
        hn_timers_fire(worker);
    }
    if (worker->ticks_count % COMMON_QUEUE_INTERVAL == 0) {
        void *tokens[EVENTS_MAX];
        uint32_t tokens_count = hone_poller_wait(&scheduler->poller, false, tokens, EVENTS_MAX);
        run_ready(worker, tokens, tokens_count);
        look_for_crowd(worker);
    }
}

/* ---- nothing to do ---- */

static bool is_stopping(const hone_scheduler *scheduler) {
    return atomic_load_explicit(&scheduler->is_stopping, memory_order_seq_cst);
}

/* Looks for more for a while, if there was parallel work just now and nobody needs the CPU. */
static bool search(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    uint64_t spin_ns = hn_get_figure(&scheduler->spin_ns);
    if (!worker->is_hot || spin_ns == 0) {
        return false;
    }
    look_for_crowd(worker);
    if (is_crowded(scheduler)) {
        return false;
    }
    bool is_found = false;
    uint64_t start_ns = hone_clock_monotonic_ns();
    uint64_t now_ns = start_ns;
    atomic_fetch_add_explicit(&scheduler->idlers, HN_SEARCHER, memory_order_seq_cst);
    while (!is_found && now_ns - start_ns < spin_ns && !is_stopping(scheduler)) {
        for (uint32_t i = 0; i < LOOKS_PER_CLOCK && !is_found; i++) {
            hone_cpu_relax();
            is_found = has_work(scheduler);
        }
        now_ns = hone_clock_monotonic_ns();
        if (now_ns >= earliest_timer_ns(scheduler)) {
            break; /* it is served before the sleep that follows */
        }
    }
    atomic_fetch_sub_explicit(&scheduler->idlers, HN_SEARCHER, memory_order_seq_cst);
    hn_count(&worker->search_ns, now_ns - start_ns);
    worker->is_hot = is_found;
    worker->has_found = is_found;
    return is_found;
}

static void sleep_until_work(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    void *tokens[EVENTS_MAX];
    uint32_t tokens_count = 0;
    if (scheduler->is_billing) {
        hn_billing_settle(worker); /* also what it did for nobody: it may sleep for long */
        hn_billing_enter(worker, HN_NOBODY, false);
    }
    worker->crowd_ns = 0; /* a new sample after it */
    atomic_fetch_add_explicit(&scheduler->idlers, 1, memory_order_seq_cst);
    bool is_needed = has_work(scheduler) || is_stopping(scheduler);
    if (!is_needed) {
        uint64_t start_ns = hone_clock_monotonic_ns();
        hn_set_figure(&worker->asleep_since_ns, start_ns);
        tokens_count = hone_poller_wait(&scheduler->poller, true, tokens, EVENTS_MAX);
        hn_set_figure(&worker->asleep_since_ns, 0);
        hn_count(&worker->idle_ns, hone_clock_monotonic_ns() - start_ns);
        hn_count(&worker->sleeps_count, 1);
    }
    atomic_fetch_sub_explicit(&scheduler->idlers, 1, memory_order_seq_cst);
    atomic_store_explicit(&scheduler->is_wake_pending, 0,
                          memory_order_seq_cst); /* before looking for work */
    worker->has_found = true; /* whoever was not woken because of this one is its to wake */
    run_ready(worker, tokens, tokens_count);
}

/* What others have begun; false when there is nothing of that kind. */
static bool help_others(hn_worker *worker) {
    bool is_helped = hn_loops_help(worker) || hn_forks_help(worker);
    worker->is_hot = worker->is_hot || is_helped;
    return is_helped;
}

void hn_worker_main(void *context) {
    hn_worker *worker = context;
    hone_scheduler *scheduler = worker->scheduler;
    hn_worker_set_current(worker);
    if (worker->cpu != UINT32_MAX) {
        worker->start_status = hone_thread_pin(worker->cpu);
    }
    if (scheduler->reserved_ns) {
        worker->start_status = hone_thread_reserve(scheduler->reserved_ns, HN_RESERVED_PERIOD_NS);
    }
    atomic_fetch_add_explicit(&scheduler->ready_count, 1,
                              memory_order_release); /* pairs with wait_until_ready */
    hone_futex_wake(&scheduler->ready_count, 1);
    while (!is_stopping(scheduler)) {
        hone_task *task = find_task(worker);
        if (worker->has_found && task) {
            worker->has_found = false;
            hn_scheduler_wake_for(scheduler, count_tasks(scheduler)); /* the rest is for another */
        }
        if (task) {
            hn_worker_run(worker, task);
            look_outside(worker);
        } else if (help_others(worker)) {
            look_outside(worker);
        } else if (!search(worker)) {
            sleep_until_work(worker);
        }
    }
    hone_poller_wake(&scheduler->poller); /* the next sleeper must stop, too */
}
