/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler from outside: create and destroy, submitting, waking, figures. What a worker does
 * is in worker.c.
 */
#include "scheduler_internal.h"

#include "hone/base/checked.h"
#include "hone/platform/clock.h"

enum {
    TIMERS_MAX_DEFAULT = 1024,
    DEQUE_CAPACITY_DEFAULT = 256,
    DEQUE_CAPACITY_MIN = 16,
    DEQUE_CAPACITY_MAX = 65536,
    STEAL_ATTEMPTS_MAX = 1000,
    SPIN_NS_DEFAULT = 30000,
    LONE_LOOP_NS_DEFAULT = 5000,
};

/* Whose thread this is; set once at its start.
 * tidy: allow global: only the thread itself knows who it is. */
static _Thread_local hn_worker *current_worker;

hn_worker *hn_worker_current(const hone_scheduler *scheduler) {
    return current_worker && current_worker->scheduler == scheduler ? current_worker : NULL;
}

void hn_worker_set_current(hn_worker *worker) {
    current_worker = worker;
}

/* --- the common queues --- */

void hn_queue_push(hn_queue *queue, hone_task *task) {
    task->next = NULL;
    hone_mutex_lock(&queue->lock);
    if (queue->last) {
        queue->last->next = task;
    } else {
        queue->first = task;
    }
    queue->last = task;
    atomic_fetch_add_explicit(&queue->length, 1, memory_order_seq_cst); /* see worker.c's head */
    hone_mutex_unlock(&queue->lock);
}

hone_task *hn_queue_pop(hn_queue *queue) {
    if (atomic_load_explicit(&queue->length, memory_order_seq_cst) == 0) {
        return NULL;
    }
    hone_mutex_lock(&queue->lock);
    hone_task *task = queue->first;
    if (task) {
        queue->first = task->next;
        if (!queue->first) {
            queue->last = NULL;
        }
        atomic_fetch_sub_explicit(&queue->length, 1, memory_order_seq_cst);
    }
    hone_mutex_unlock(&queue->lock);
    return task;
}

/* --- waking and submitting --- */

void hn_scheduler_wake(hone_scheduler *scheduler) {
    uint32_t idlers = atomic_load_explicit(&scheduler->idlers, memory_order_seq_cst);
    if (idlers == 0 || idlers >= HN_SEARCHER) {
        return; /* nobody sleeps, or somebody is looking already */
    }
    if (atomic_exchange_explicit(&scheduler->is_wake_pending, 1, memory_order_seq_cst) == 0) {
        hn_count_shared(&scheduler->wakes_count);
        hone_poller_wake(&scheduler->poller);
    }
}

/* A queue shorter than the backlog waits for the workers that are awake, if there are any. */
void hn_scheduler_wake_for(hone_scheduler *scheduler, uint64_t length) {
    bool is_short = length < hn_get_figure(&scheduler->wake_backlog);
    if (length > 0 && !(is_short && hn_sleepers_count(scheduler) < scheduler->workers_count)) {
        hn_scheduler_wake(scheduler);
    }
}

static void submit_critical(hone_scheduler *scheduler, hone_task *task, uint32_t partition) {
    /* before it is queued: find_task looks here first, worker.c's sleepers at the queue */
    atomic_fetch_add_explicit(&scheduler->critical_count, 1, memory_order_relaxed);
    hn_queue_push(&scheduler->partitions[partition].critical_queue, task);
    hn_scheduler_wake(scheduler);
}

/* Once it is queued the task may run, and be gone: nothing of it is looked at after that. */
void hone_scheduler_submit(hone_scheduler *scheduler, hone_task *task) {
    hn_worker *worker = hn_worker_current(scheduler);
    uint32_t partition = hn_partition_of(scheduler, task);
    if (task->is_critical) {
        submit_critical(scheduler, task, partition);
        return;
    }
    uint64_t length; /* with the task itself, which may have been taken already */
    if (worker && hn_deque_push(&worker->deques[partition], task)) {
        length = hn_deque_length_owned(&worker->deques[partition]);
        hn_count_most(&worker->queue_length_max, length);
    } else {
        hn_queue *queue = &scheduler->partitions[partition].queue;
        hn_queue_push(queue, task);
        length = atomic_load_explicit(&queue->length, memory_order_relaxed);
    }
    hn_scheduler_wake_for(scheduler, length > 0 ? length : 1);
}

void hone_scheduler_submit_next(hone_scheduler *scheduler, hone_task *task) {
    hn_worker *worker = hn_worker_current(scheduler);
    bool is_same = worker && !task->is_critical &&
                   (!scheduler->is_billing || task->partition == worker->billing.partition);
    if (!is_same) {
        hone_scheduler_submit(scheduler, task);
        return;
    }
    hone_task *displaced = worker->next;
    worker->next = task;
    if (displaced) {
        hone_scheduler_submit(scheduler, displaced);
    }
}

void hone_scheduler_submit_last(hone_scheduler *scheduler, hone_task *task) {
    if (task->is_critical) {
        submit_critical(scheduler, task, hn_partition_of(scheduler, task));
        return;
    }
    hn_queue_push(&scheduler->partitions[hn_partition_of(scheduler, task)].queue, task);
    hn_scheduler_wake(scheduler);
}

/* --- critical work --- */

typedef struct critical_run {
    hone_task task;
    void (*run)(void *context);
    void *context;
    _Atomic uint32_t is_done;
} critical_run;

static void run_and_tell(void *context) {
    critical_run *it = context;
    it->run(it->context);
    /* release: pairs with the wait below. The word is gone when the waiter has seen it, a wake-up
     * for an address that is gone does no harm */
    atomic_store_explicit(&it->is_done, 1, memory_order_release);
    hone_futex_wake(&it->is_done, 1);
}

hone_status hone_scheduler_run_critical(hone_scheduler *scheduler, uint32_t partition,
                                        void (*run)(void *context), void *context) {
    if (partition >= scheduler->partitions_count) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    hn_worker *worker = hn_worker_current(scheduler);
    if (worker) {
        hn_billing before = worker->billing;
        if (scheduler->is_billing) {
            hn_billing_enter(worker, partition, true);
        }
        run(context);
        if (scheduler->is_billing) {
            hn_billing_enter(worker, before.partition, before.is_critical);
        }
        return HONE_OK;
    }
    critical_run it = {
        .task = {.run = run_and_tell, .partition = partition, .is_critical = true},
        .run = run,
        .context = context,
    };
    it.task.context = &it;
    hone_scheduler_submit(scheduler, &it.task);
    while (!atomic_load_explicit(&it.is_done, memory_order_acquire)) {
        hone_futex_wait(&it.is_done, 0, UINT64_MAX);
    }
    return HONE_OK;
}

/* --- create and destroy --- */

static void wait_until_ready(hone_scheduler *scheduler) {
    uint32_t ready;
    while ((ready = atomic_load_explicit(&scheduler->ready_count, memory_order_acquire)) <
           scheduler->threads_count) {
        hone_futex_wait(&scheduler->ready_count, ready, UINT64_MAX);
    }
}

static hone_status start_workers(hone_scheduler *scheduler, hone_diag *diag) {
    hone_status status = HONE_OK;
    scheduler->started_ns = hone_clock_monotonic_ns();
    for (uint32_t i = 0; i < scheduler->workers_count && status == HONE_OK; i++) {
        hn_worker *worker = &scheduler->workers[i];
        status = hone_thread_create("hone-worker", hn_worker_main, worker, &worker->thread);
        scheduler->threads_count += status == HONE_OK;
    }
    wait_until_ready(scheduler);
    for (uint32_t i = 0; i < scheduler->threads_count && status == HONE_OK; i++) {
        status = scheduler->workers[i].start_status;
    }
    if (status != HONE_OK) {
        (void)hone_diag_set(
            diag, status, "cannot start %u worker threads%s: %s", scheduler->workers_count,
            scheduler->reserved_ns ? " with reserved CPU time" : "", hone_status_text(status));
    }
    return status;
}

static hone_status check_options(const hone_scheduler_options *options, hone_diag *diag) {
    if (options->workers_count > HONE_WORKERS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%u workers are more than the limit of %d", options->workers_count,
                             HONE_WORKERS_MAX);
    }
    uint32_t capacity = options->deque_capacity ? options->deque_capacity : DEQUE_CAPACITY_DEFAULT;
    if (!hone_is_power_of_two(capacity) || capacity < DEQUE_CAPACITY_MIN ||
        capacity > DEQUE_CAPACITY_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a deque capacity of %u is no power of two from %d to %d", capacity,
                             DEQUE_CAPACITY_MIN, DEQUE_CAPACITY_MAX);
    }
    if (options->steal_threshold > capacity) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a steal threshold of %u tasks is above the deque capacity of %u",
                             options->steal_threshold, capacity);
    }
    if (options->steal_attempts > STEAL_ATTEMPTS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%u steal attempts are more than the limit of %d",
                             options->steal_attempts, STEAL_ATTEMPTS_MAX);
    }
    double reserved = options->reserved_share;
    if (reserved != 0 && !(reserved >= 0.001 && reserved <= 1)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a reserved share of %g is not from 0.001 to 1, or 0 for none",
                             reserved);
    }
    if (reserved != 0 && (options->pinning != HONE_PINNING_NONE || options->is_one_per_core)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a reserved share and pinning exclude each other: the kernel promises "
                             "time to threads that may run on every CPU only");
    }
    if (options->lone_loop_ns > HONE_LONE_LOOP_NS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "loops of up to %llu ns on their caller alone are more than 1 s",
                             (unsigned long long)options->lone_loop_ns);
    }
    if (options->pinning > HONE_PINNING_SCATTER) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no pinning %d",
                             (int)options->pinning);
    }
    return HONE_OK;
}

static hone_status make_worker(hone_scheduler *scheduler, uint32_t index) {
    const hone_allocator *allocator = scheduler->allocator;
    hn_worker *worker = &scheduler->workers[index];
    worker->scheduler = scheduler;
    worker->index = index;
    worker->cpu = UINT32_MAX;
    worker->random_state = 0x9E3779B97F4A7C15u * (index + 1);
    worker->billing.partition = scheduler->is_billing ? HN_NOBODY : 0;
    worker->deques = HONE_NEW_ARRAY(allocator, hn_deque, scheduler->partitions_count);
    if (!worker->deques) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < scheduler->partitions_count; i++) {
        hn_deque_place *places =
            HONE_NEW_ARRAY(allocator, hn_deque_place, scheduler->deque_capacity);
        if (!places) {
            return HONE_STATUS_OUT_OF_MEMORY;
        }
        hn_deque_init(&worker->deques[i], places, scheduler->deque_capacity);
    }
    return HONE_OK;
}

static void drop_worker(hone_scheduler *scheduler, hn_worker *worker) {
    for (uint32_t i = 0; worker->deques && i < scheduler->partitions_count; i++) {
        HONE_DELETE_ARRAY(scheduler->allocator, hn_deque_place, worker->deques[i].tasks,
                          scheduler->deque_capacity);
    }
    HONE_DELETE_ARRAY(scheduler->allocator, hn_deque, worker->deques, scheduler->partitions_count);
}

/* Workers, each with its deques and its CPU. */
static hone_status make_workers(hone_scheduler *scheduler, const hone_scheduler_options *options,
                                const hone_cpu_layout *layout, hone_diag *diag) {
    hone_status status = HONE_OK;
    uint32_t count = scheduler->workers_count;
    scheduler->workers = HONE_NEW_ARRAY(scheduler->allocator, hn_worker, count);
    uint32_t *cpus = HONE_NEW_ARRAY(scheduler->allocator, uint32_t, count);
    if (!scheduler->workers || !cpus) {
        status = HONE_STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < count && status == HONE_OK; i++) {
        status = make_worker(scheduler, i);
    }
    if (status == HONE_OK && layout) {
        status =
            hone_cpu_layout_place(layout,
                                  options->pinning == HONE_PINNING_SCATTER ? HONE_CPU_ORDER_SCATTER
                                                                           : HONE_CPU_ORDER_COMPACT,
                                  options->is_one_per_core, count, diag, cpus);
    }
    for (uint32_t i = 0; i < count && status == HONE_OK && layout; i++) {
        scheduler->workers[i].cpu = cpus[i];
    }
    if (status == HONE_OK) {
        status = hn_victims_init(scheduler, layout);
    }
    HONE_DELETE_ARRAY(scheduler->allocator, uint32_t, cpus, count);
    return status;
}

static uint32_t choose_workers_count(const hone_scheduler_options *options,
                                     const hone_cpu_layout *layout) {
    uint32_t count = options->workers_count     ? options->workers_count
                     : options->is_one_per_core ? layout->cores_count
                                                : hone_thread_cpus_allowed_count();
    return count < HONE_WORKERS_MAX ? count : HONE_WORKERS_MAX;
}

static hone_status make_parts(hone_scheduler *scheduler, const hone_scheduler_options *options,
                              const hone_cpu_layout *layout, hone_diag *diag) {
    hone_status status = hn_partitions_init(scheduler, options, diag);
    if (status == HONE_OK) {
        status = make_workers(scheduler, options, layout, diag);
    }
    if (status == HONE_OK) {
        status = hn_timers_init(&scheduler->timers, scheduler->allocator,
                                options->timers_max ? options->timers_max : TIMERS_MAX_DEFAULT);
    }
    if (status == HONE_OK) {
        status = hn_loops_init(scheduler);
    }
    if (status == HONE_OK) {
        status = hn_forks_init(scheduler);
    }
    if (status == HONE_OK) {
        status = hone_poller_init(&scheduler->poller);
    }
    return status;
}

/* `layout` is NULL where workers are not pinned. */
static hone_status create_on(const hone_scheduler_options *options, const hone_cpu_layout *layout,
                             hone_diag *diag, hone_scheduler **out_scheduler) {
    hone_scheduler *scheduler = HONE_NEW(options->allocator, hone_scheduler);
    if (!scheduler) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a scheduler");
    }
    hone_diag found = {0};
    scheduler->allocator = options->allocator;
    scheduler->workers_count = choose_workers_count(options, layout);
    scheduler->deque_capacity =
        options->deque_capacity ? options->deque_capacity : DEQUE_CAPACITY_DEFAULT;
    scheduler->steal_threshold = options->steal_threshold ? options->steal_threshold : 1;
    scheduler->steal_attempts = options->steal_attempts ? options->steal_attempts : 1;
    scheduler->is_victim_order_fixed = options->is_victim_order_fixed;
    scheduler->reserved_ns = (uint64_t)(options->reserved_share * HN_RESERVED_PERIOD_NS);
    scheduler->lone_loop_ns = options->lone_loop_ns ? options->lone_loop_ns : LONE_LOOP_NS_DEFAULT;
    hone_scheduler_set_power(scheduler, &options->power);
    hone_status status = make_parts(scheduler, options, layout, &found);
    if (status == HONE_OK) {
        status = start_workers(scheduler, &found);
    }
    if (status != HONE_OK) {
        (void)hone_diag_set(diag, status, "cannot create a scheduler: %s",
                            found.message[0] ? found.message : hone_status_text(status));
        hone_scheduler_destroy(scheduler);
        return status;
    }
    *out_scheduler = scheduler;
    return HONE_OK;
}

hone_status hone_scheduler_create(const hone_scheduler_options *options, hone_diag *diag,
                                  hone_scheduler **out_scheduler) {
    hone_scheduler_options chosen = options ? *options : (hone_scheduler_options){0};
    hone_status status = check_options(&chosen, diag);
    if (status != HONE_OK) {
        return status;
    }
    if (chosen.pinning == HONE_PINNING_NONE && !chosen.is_one_per_core) {
        return create_on(&chosen, NULL, diag, out_scheduler);
    }
    if (chosen.layout) {
        return create_on(&chosen, chosen.layout, diag, out_scheduler);
    }
    hone_cpu_layout layout;
    status = hone_cpu_layout_read(NULL, chosen.allocator, diag, &layout);
    if (status == HONE_OK) {
        status = create_on(&chosen, &layout, diag, out_scheduler);
        hone_cpu_layout_deinit(&layout);
    }
    return status;
}

void hone_scheduler_destroy(hone_scheduler *scheduler) {
    if (!scheduler) {
        return;
    }
    atomic_store_explicit(&scheduler->is_stopping, 1, memory_order_seq_cst);
    if (scheduler->threads_count) {
        hone_poller_wake(&scheduler->poller);
    }
    for (uint32_t i = 0; i < scheduler->threads_count; i++) {
        hone_thread_join(scheduler->workers[i].thread);
    }
    hone_poller_deinit(&scheduler->poller);
    hn_forks_deinit(scheduler);
    hn_loops_deinit(scheduler);
    hn_timers_deinit(&scheduler->timers, scheduler->allocator);
    hn_victims_deinit(scheduler);
    for (uint32_t i = 0; scheduler->workers && i < scheduler->workers_count; i++) {
        drop_worker(scheduler, &scheduler->workers[i]);
    }
    HONE_DELETE_ARRAY(scheduler->allocator, hn_worker, scheduler->workers,
                      scheduler->workers_count);
    hn_partitions_deinit(scheduler);
    HONE_DELETE(scheduler->allocator, hone_scheduler, scheduler);
}

uint32_t hone_scheduler_workers_count(const hone_scheduler *scheduler) {
    return scheduler->workers_count;
}

hone_status hone_scheduler_watch(hone_scheduler *scheduler, int fd, bool is_write,
                                 hone_task *task) {
    return hone_poller_watch(&scheduler->poller, fd, is_write, task);
}

void hone_scheduler_unwatch(hone_scheduler *scheduler, int fd) {
    hone_poller_unwatch(&scheduler->poller, fd);
}

void hone_scheduler_set_power(hone_scheduler *scheduler, const hone_scheduler_power *power) {
    uint64_t spin_ns = power->is_spinning_off ? 0
                       : power->spin_ns       ? power->spin_ns
                                              : SPIN_NS_DEFAULT;
    hn_set_figure(&scheduler->spin_ns, spin_ns < HONE_SPIN_NS_MAX ? spin_ns : HONE_SPIN_NS_MAX);
    hn_set_figure(&scheduler->timer_slack_ns, power->timer_slack_ns);
    hn_set_figure(&scheduler->wake_backlog, power->wake_backlog ? power->wake_backlog : 1);
}

/* --- figures --- */

static void add_stack(const hn_fork_stack *stack, hone_scheduler_stats *stats) {
    stats->calls_shared += hn_get_figure(&stack->calls_shared);
    stats->calls_stolen += hn_get_figure(&stack->calls_stolen);
    stats->joins_waited += hn_get_figure(&stack->joins_waited);
}

static void add_worker(const hone_scheduler *scheduler, uint32_t index, uint64_t now_ns,
                       hone_scheduler_stats *stats) {
    const hn_worker *worker = &scheduler->workers[index];
    const hn_fork_stack *stack = worker->stack;
    uint64_t longest = hn_get_figure(&worker->queue_length_max);
    stats->tasks_run += hn_get_figure(&worker->tasks_run);
    stats->steals_tried += hn_get_figure(&worker->steals_tried);
    stats->steals_won += hn_get_figure(&worker->steals_won);
    stats->sleeps_count += hn_get_figure(&worker->sleeps_count);
    uint64_t asleep_ns = hn_get_figure(&worker->asleep_since_ns);
    stats->idle_ns += hn_get_figure(&worker->idle_ns) +
                      (asleep_ns && asleep_ns < now_ns ? now_ns - asleep_ns : 0);
    stats->search_ns += hn_get_figure(&worker->search_ns);
    stats->elapsed_ns += now_ns - scheduler->started_ns;
    stats->queue_length_max = longest > stats->queue_length_max ? longest : stats->queue_length_max;
    add_stack(stack, stats);
    stats->loops_helped += hn_get_figure(&worker->loops_helped);
}

void hone_scheduler_stats_total(const hone_scheduler *scheduler, hone_scheduler_stats *out_stats) {
    uint64_t now_ns = hone_clock_monotonic_ns();
    *out_stats = (hone_scheduler_stats){
        .wakes_count = hn_get_figure(&scheduler->wakes_count),
        .lone_regions = hn_get_figure(&scheduler->lone_regions),
        .lone_loops = hn_get_figure(&scheduler->lone_loops),
        .is_crowded = now_ns < hn_get_figure(&scheduler->crowded_until_ns),
    };
    for (uint32_t i = 0; i < scheduler->partitions_count; i++) {
        out_stats->queue_length += hn_get_figure(&scheduler->partitions[i].queue.length) +
                                   hn_get_figure(&scheduler->partitions[i].critical_queue.length);
    }
    for (uint32_t i = 0; i < scheduler->workers_count; i++) {
        add_worker(scheduler, i, now_ns, out_stats);
    }
    for (uint32_t i = 0; i < HN_SPARE_STACKS; i++) {
        const hn_fork_stack *spare = hn_fork_stack_at(scheduler, scheduler->workers_count + i);
        if (spare) {
            add_stack(spare, out_stats);
        }
    }
}

hone_status hone_scheduler_stats_worker(const hone_scheduler *scheduler, uint32_t worker_index,
                                        hone_scheduler_stats *out_stats) {
    if (worker_index >= scheduler->workers_count) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    *out_stats = (hone_scheduler_stats){0};
    for (uint32_t i = 0; i < scheduler->partitions_count; i++) {
        out_stats->queue_length += hn_deque_length(&scheduler->workers[worker_index].deques[i]);
    }
    add_worker(scheduler, worker_index, hone_clock_monotonic_ns(), out_stats);
    return HONE_OK;
}

double hone_scheduler_utilisation(const hone_scheduler_stats *stats) {
    uint64_t unused_ns = stats->idle_ns + stats->search_ns;
    return stats->elapsed_ns > unused_ns ? 1 - (double)unused_ns / (double)stats->elapsed_ns : 0;
}
