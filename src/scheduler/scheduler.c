/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping without losing a wake-up. A worker that found nothing counts itself as a sleeper, looks
 * once more, and only then waits in the poller; who queues a task does so first and then looks for
 * sleepers. All four accesses are seq_cst, so at least one of the two sees the other. At most one
 * wake-up is on its way at a time (is_wake_pending): its receiver takes the mark away before it
 * looks for work, and wakes the next sleeper when there is more than it can take.
 *
 * All sleepers wait on one epoll instance, so timers, descriptors and wake-ups reach whoever is
 * idle, and no worker has a special part that a long task could keep from being played.
 */
#include "scheduler_internal.h"

#include "hone/platform/clock.h"

enum {
    WORKERS_MAX = 1024,
    TIMERS_MAX_DEFAULT = 1024,
    COMMON_QUEUE_INTERVAL =
        61, /* tasks after which the common queue comes first, so that it cannot starve */
    NEXT_IN_ROW_MAX = 64, /* as above, for chains of submit_next */
    EVENTS_MAX = 32,
};

/* Whose thread this is; set once at its start.
 * tidy: allow global: only the thread itself knows who it is. */
static _Thread_local hn_worker *current_worker;

hn_worker *hn_worker_current(const hone_scheduler *scheduler) {
    return current_worker && current_worker->scheduler == scheduler ? current_worker : NULL;
}

static void count(_Atomic uint64_t *figure, uint64_t more) {
    uint64_t old = atomic_load_explicit(
        figure, memory_order_relaxed); /* one writer: no read-modify-write needed */
    atomic_store_explicit(figure, old + more, memory_order_relaxed);
}

/* --- the common queue --- */

static void queue_push(hn_queue *queue, hone_task *task) {
    task->next = NULL;
    hone_mutex_lock(&queue->lock);
    if (queue->last) {
        queue->last->next = task;
    } else {
        queue->first = task;
    }
    queue->last = task;
    atomic_fetch_add_explicit(&queue->length, 1, memory_order_seq_cst); /* see the file's head */
    hone_mutex_unlock(&queue->lock);
}

static hone_task *queue_pop(hn_queue *queue) {
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

/* --- waking --- */

void hn_scheduler_wake(hone_scheduler *scheduler) {
    if (atomic_load_explicit(&scheduler->sleepers_count, memory_order_seq_cst) == 0) {
        return;
    }
    if (atomic_exchange_explicit(&scheduler->is_wake_pending, 1, memory_order_seq_cst) == 0) {
        hone_poller_wake(&scheduler->poller);
    }
}

void hone_scheduler_submit(hone_scheduler *scheduler, hone_task *task) {
    hn_worker *worker = hn_worker_current(scheduler);
    if (!worker || !hn_deque_push(&worker->deque, task)) {
        queue_push(&scheduler->queue, task);
    }
    hn_scheduler_wake(scheduler);
}

void hone_scheduler_submit_next(hone_scheduler *scheduler, hone_task *task) {
    hn_worker *worker = hn_worker_current(scheduler);
    if (!worker) {
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
    queue_push(&scheduler->queue, task);
    hn_scheduler_wake(scheduler);
}

/* --- finding work --- */

static uint64_t next_random(hn_worker *worker) {
    uint64_t x = worker->random_state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return worker->random_state = x;
}

static hone_task *steal(hn_worker *thief) {
    hone_scheduler *scheduler = thief->scheduler;
    uint32_t workers_count = scheduler->workers_count;
    uint32_t start = (uint32_t)(next_random(thief) % workers_count);
    for (uint32_t i = 0; i < workers_count; i++) {
        hn_worker *victim = &scheduler->workers[(start + i) % workers_count];
        if (victim == thief) {
            continue;
        }
        count(&thief->steals_tried, 1);
        hone_task *task = hn_deque_steal(&victim->deque);
        if (task) {
            count(&thief->steals_won, 1);
            return task;
        }
    }
    return NULL;
}

static bool has_work(hone_scheduler *scheduler) {
    if (atomic_load_explicit(&scheduler->queue.length, memory_order_seq_cst)) {
        return true;
    }
    for (uint32_t i = 0; i < scheduler->workers_count; i++) {
        if (hn_deque_length(&scheduler->workers[i].deque)) {
            return true;
        }
    }
    return false;
}

static hone_task *take_next(hn_worker *worker) {
    hone_task *task = worker->next;
    if (task) {
        worker->next = NULL;
        worker->next_in_row++;
    }
    return task;
}

static hone_task *find_task(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    hone_task *task = NULL;
    bool is_others_turn = worker->next_in_row >= NEXT_IN_ROW_MAX;
    if (!is_others_turn && (task = take_next(worker))) {
        return task;
    }
    worker->next_in_row = 0;
    if (is_others_turn || ++worker->ticks_count % COMMON_QUEUE_INTERVAL == 0) {
        task = queue_pop(&scheduler->queue);
    }
    if (!task) {
        task = hn_deque_pop(&worker->deque);
    }
    if (!task) {
        task = queue_pop(&scheduler->queue);
    }
    if (!task) {
        task = take_next(worker);
    }
    return task ? task : steal(worker);
}

/* --- a worker's life --- */

static void run_ready(hone_scheduler *scheduler, void **tokens, uint32_t tokens_count) {
    for (uint32_t i = 0; i < tokens_count; i++) {
        hone_task *task = tokens[i];
        task->run(task->context);
    }
    hn_timers_fire(scheduler);
}

static void sleep_until_work(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    void *tokens[EVENTS_MAX];
    uint32_t tokens_count = 0;
    atomic_fetch_add_explicit(&scheduler->sleepers_count, 1, memory_order_seq_cst);
    bool is_needed =
        has_work(scheduler) || atomic_load_explicit(&scheduler->is_stopping, memory_order_seq_cst);
    if (!is_needed) {
        uint64_t start_ns = hone_clock_monotonic_ns();
        tokens_count = hone_poller_wait(&scheduler->poller, true, tokens, EVENTS_MAX);
        count(&worker->idle_ns, hone_clock_monotonic_ns() - start_ns);
        count(&worker->sleeps_count, 1);
    }
    atomic_fetch_sub_explicit(&scheduler->sleepers_count, 1, memory_order_seq_cst);
    atomic_store_explicit(&scheduler->is_wake_pending, 0,
                          memory_order_seq_cst); /* before looking for work */
    run_ready(scheduler, tokens, tokens_count);
    if (!is_needed && has_work(scheduler)) {
        hn_scheduler_wake(scheduler); /* there may be more than this worker can take */
    }
}

/* Timers and descriptors must be served while all workers are busy, too. */
static void look_outside(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    uint64_t earliest_ns =
        atomic_load_explicit(&scheduler->timers.earliest_ns, memory_order_relaxed);
    if (earliest_ns != UINT64_MAX && hone_clock_monotonic_ns() >= earliest_ns) {
        hn_timers_fire(scheduler);
    }
    if (worker->ticks_count % COMMON_QUEUE_INTERVAL == 0) {
        void *tokens[EVENTS_MAX];
        uint32_t tokens_count = hone_poller_wait(&scheduler->poller, false, tokens, EVENTS_MAX);
        run_ready(scheduler, tokens, tokens_count);
    }
}

static void worker_main(void *context) {
    hn_worker *worker = context;
    hone_scheduler *scheduler = worker->scheduler;
    current_worker = worker;
    if (worker->cpu != UINT32_MAX) {
        worker->start_status = hone_thread_pin(worker->cpu);
    }
    atomic_fetch_add_explicit(&scheduler->ready_count, 1,
                              memory_order_release); /* pairs with wait_until_ready */
    hone_futex_wake(&scheduler->ready_count, 1);
    while (!atomic_load_explicit(&scheduler->is_stopping, memory_order_seq_cst)) {
        hone_task *task = find_task(worker);
        if (!task) {
            sleep_until_work(worker);
            continue;
        }
        task->run(task->context);
        count(&worker->tasks_run, 1);
        look_outside(worker);
    }
    hone_poller_wake(&scheduler->poller); /* the next sleeper must stop, too */
}

static void wait_until_ready(hone_scheduler *scheduler) {
    uint32_t ready;
    while ((ready = atomic_load_explicit(&scheduler->ready_count, memory_order_acquire)) <
           scheduler->threads_count) {
        hone_futex_wait(&scheduler->ready_count, ready, UINT64_MAX);
    }
}

static hone_status start_workers(hone_scheduler *scheduler, bool is_pinned, hone_diag *diag) {
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < scheduler->workers_count && status == HONE_OK; i++) {
        hn_worker *worker = &scheduler->workers[i];
        worker->scheduler = scheduler;
        worker->index = i;
        worker->cpu = is_pinned ? hone_thread_cpu_allowed(i) : UINT32_MAX;
        worker->random_state = 0x9E3779B97F4A7C15u * (i + 1);
        status = hone_thread_create("hone-worker", worker_main, worker, &worker->thread);
        scheduler->threads_count += status == HONE_OK;
    }
    wait_until_ready(scheduler);
    for (uint32_t i = 0; i < scheduler->threads_count && status == HONE_OK; i++) {
        status = scheduler->workers[i].start_status;
    }
    if (status != HONE_OK) {
        (void)hone_diag_set(diag, status, "cannot start %u worker threads: %s",
                            scheduler->workers_count, hone_status_text(status));
    }
    return status;
}

hone_status hone_scheduler_create(const hone_scheduler_options *options, hone_diag *diag,
                                  hone_scheduler **out_scheduler) {
    hone_scheduler_options chosen = options ? *options : (hone_scheduler_options){0};
    uint32_t cpus_count = hone_thread_cpus_allowed_count();
    uint32_t workers_count = chosen.workers_count       ? chosen.workers_count
                             : cpus_count < WORKERS_MAX ? cpus_count
                                                        : WORKERS_MAX;
    if (workers_count > WORKERS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%u workers are more than the limit of %d", workers_count,
                             WORKERS_MAX);
    }
    hone_scheduler *scheduler = HONE_NEW(chosen.allocator, hone_scheduler);
    if (!scheduler) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a scheduler");
    }
    scheduler->allocator = chosen.allocator;
    scheduler->workers_count = workers_count;
    hone_mutex_init(&scheduler->queue.lock);
    scheduler->workers = HONE_NEW_ARRAY(chosen.allocator, hn_worker, workers_count);
    hone_status status = scheduler->workers ? HONE_OK : HONE_STATUS_OUT_OF_MEMORY;
    if (status == HONE_OK) {
        status = hn_timers_init(&scheduler->timers, chosen.allocator,
                                chosen.timers_max ? chosen.timers_max : TIMERS_MAX_DEFAULT);
    }
    if (status == HONE_OK) {
        status = hn_loops_init(scheduler);
    }
    if (status == HONE_OK) {
        status = hone_poller_init(&scheduler->poller);
    }
    if (status != HONE_OK) {
        (void)hone_diag_set(diag, status, "cannot create a scheduler: %s",
                            hone_status_text(status));
        goto fail;
    }
    status = start_workers(scheduler, chosen.is_pinned, diag);
    if (status != HONE_OK) {
        goto fail;
    }
    *out_scheduler = scheduler;
    return HONE_OK;
fail:
    hone_scheduler_destroy(scheduler);
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
    hn_loops_deinit(scheduler);
    hn_timers_deinit(&scheduler->timers, scheduler->allocator);
    hone_mutex_deinit(&scheduler->queue.lock);
    HONE_DELETE_ARRAY(scheduler->allocator, hn_worker, scheduler->workers,
                      scheduler->workers_count);
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

/* --- figures --- */

static void add_worker(const hn_worker *worker, hone_scheduler_stats *stats) {
    stats->tasks_run += atomic_load_explicit(&worker->tasks_run, memory_order_relaxed);
    stats->steals_tried += atomic_load_explicit(&worker->steals_tried, memory_order_relaxed);
    stats->steals_won += atomic_load_explicit(&worker->steals_won, memory_order_relaxed);
    stats->sleeps_count += atomic_load_explicit(&worker->sleeps_count, memory_order_relaxed);
    stats->idle_ns += atomic_load_explicit(&worker->idle_ns, memory_order_relaxed);
}

void hone_scheduler_stats_total(const hone_scheduler *scheduler, hone_scheduler_stats *out_stats) {
    *out_stats = (hone_scheduler_stats){
        .queue_length = atomic_load_explicit(&scheduler->queue.length, memory_order_relaxed),
    };
    for (uint32_t i = 0; i < scheduler->workers_count; i++) {
        add_worker(&scheduler->workers[i], out_stats);
    }
}

hone_status hone_scheduler_stats_worker(const hone_scheduler *scheduler, uint32_t worker_index,
                                        hone_scheduler_stats *out_stats) {
    if (worker_index >= scheduler->workers_count) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    *out_stats = (hone_scheduler_stats){
        .queue_length = hn_deque_length(&scheduler->workers[worker_index].deque)};
    add_worker(&scheduler->workers[worker_index], out_stats);
    return HONE_OK;
}
