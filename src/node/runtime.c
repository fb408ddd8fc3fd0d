/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a node. Each stage is one task of the scheduler. A stage that has made something notifies
 * the stage that takes it, which then runs next on the same worker, so that a record that comes
 * alone passes the whole pipeline without a thread being woken; under load the source moves to
 * another worker and the stages run in parallel.
 *
 * A notification is never lost: the state of a task is one atomic word. Who notifies a running task
 * leaves a mark, and the task, when it wants to become idle, finds it and runs once more.
 */
#include <assert.h>
#include <stdio.h>

#include "hone/platform/clock.h"
#include "node_internal.h"

enum {
    QUANTUM_BATCHES = 8, /* batches in one turn, about 0.5 MiB of records */
    MEMORY_WAIT_NS = 1000000,
    MEMORY_WAITS_MAX = 10000,
};

/* --- notification --- */

void hn_stage_notify(hn_stage_run *run) {
    uint32_t state = atomic_load_explicit(&run->task_state, memory_order_relaxed);
    for (;;) {
        bool is_idle = state == HN_TASK_IDLE;
        if (!is_idle && state != HN_TASK_RUNNING) {
            /* queued, marked or done: it will look, or has nothing to look for. The exchange of an
             * equal value orders our writes before its look */
            if (atomic_compare_exchange_weak_explicit(&run->task_state, &state, state,
                                                      memory_order_acq_rel, memory_order_relaxed)) {
                return;
            }
            continue;
        }
        if (atomic_compare_exchange_weak_explicit(&run->task_state, &state,
                                                  is_idle ? HN_TASK_QUEUED : HN_TASK_NOTIFIED,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
            if (is_idle) {
                hone_scheduler_submit_next(run->node->scheduler, &run->task);
            }
            return;
        }
    }
}

static void notify_runner(hone_node *node) {
    atomic_fetch_add_explicit(&node->news_count, 1,
                              memory_order_release); /* pairs with hn_node_supervise */
    hone_futex_wake(&node->news_count, 1);
}

void hone_node_stop(hone_node *node) {
    if (atomic_exchange_explicit(&node->is_stopping, 1, memory_order_acq_rel) == 0) {
        notify_runner(node);
    }
}

bool hn_stage_is_stopping(const hn_stage *stage) {
    return atomic_load_explicit(&stage->run->node->is_stopping, memory_order_acquire);
}

hone_status hn_stage_wake_at(hn_stage *stage, uint64_t deadline_ns) {
    stage->run->timer.deadline_ns = deadline_ns;
    return hone_scheduler_arm(stage->run->node->scheduler, &stage->run->timer);
}

hone_status hn_stage_wake_on_fd(hn_stage *stage, int fd, bool is_write) {
    return hone_scheduler_watch(stage->run->node->scheduler, fd, is_write, &stage->run->wake_task);
}

void hn_stage_forget_fd(hn_stage *stage, int fd) {
    if (stage->run->node->scheduler) {
        hone_scheduler_unwatch(stage->run->node->scheduler, fd);
    }
}

void hn_stage_set_rows(hn_stage *stage, uint32_t rows_wanted) {
    stage->run->rows_wanted = rows_wanted;
}

/* --- sending --- */

/* How many of `rows_count` records a source may still send under --records. */
static uint32_t claim_records(hone_node *node, uint32_t rows_count) {
    if (node->records_max == UINT64_MAX) {
        return rows_count;
    }
    uint64_t before =
        atomic_fetch_add_explicit(&node->records_taken, rows_count, memory_order_relaxed);
    uint64_t left = before < node->records_max ? node->records_max - before : 0;
    if (rows_count >= left) {
        hone_node_stop(node);
    }
    return rows_count < left ? rows_count : (uint32_t)left;
}

void hn_stage_send(hn_stage *stage, hone_batch *batch) {
    hn_stage_run *run = stage->run;
    if (stage->kind->role == HN_ROLE_SOURCE) {
        batch->selected_count = claim_records(run->node, batch->selected_count);
        hn_count(&stage->live->records_in, batch->selected_count);
    }
    if (batch->selected_count == 0) {
        hn_batch_release(stage, batch);
        return;
    }
    uint64_t now_ns = hone_clock_monotonic_ns();
    batch->sent_ns = now_ns;
    if (batch->origin_ns == 0) {
        batch->origin_ns = run->current_origin_ns ? run->current_origin_ns : now_ns;
    }
    hn_count(&stage->live->records_out, batch->selected_count);
    hn_count(&stage->live->batches_out, 1);
    if (run->outputs_count > 1) { /* before the first one can be released */
        atomic_fetch_add_explicit(&batch->references, run->outputs_count - 1, memory_order_relaxed);
    }
    for (uint32_t i = 0; i < run->outputs_count; i++) {
        hn_edge_send(run->outputs[i], batch);
    }
}

static bool flush_outputs(hn_stage_run *run) {
    bool is_clear = true;
    for (uint32_t i = 0; i < run->outputs_count; i++) {
        if (run->outputs[i]->parked_count && !hn_edge_flush(run->outputs[i])) {
            is_clear = false;
        }
    }
    if (!is_clear) {
        hn_count(&run->stage.live->blocked_count, 1);
    }
    return is_clear;
}

/* --- failing and ending --- */

static void fail(hn_stage_run *run, hone_status status, const hone_diag *diag) {
    hone_node *node = run->node;
    hone_mutex_lock(&node->failure_lock);
    if (node->failure.status == HONE_OK) {
        node->failure = *diag;
        node->failure.status = status;
    } else {
        hone_log_write(node->log, HONE_LOG_ERROR, "stage '%s' failed, too: %s", run->stage.name,
                       diag->message);
    }
    hone_mutex_unlock(&node->failure_lock);
    run->phase = HN_PHASE_FAILED;
    hone_node_stop(node);
}

static void close_outputs(hn_stage_run *run) {
    for (uint32_t i = 0; i < run->outputs_count; i++) {
        hone_channel_close(run->outputs[i]->sender);
        hn_stage_notify(run->outputs[i]->consumer);
    }
    (void)hone_scheduler_disarm(run->node->scheduler, &run->timer);
    run->phase = HN_PHASE_ENDED;
}

/* After finish (or without it, when the stage has failed). */
static void begin_closing(hn_stage_run *run) {
    hone_live_stage *live = run->stage.live;
    if (run->phase == HN_PHASE_FAILED && run->stage.kind->role == HN_ROLE_SINK) {
        uint64_t in = atomic_load_explicit(&live->records_in, memory_order_relaxed);
        uint64_t out = atomic_load_explicit(&live->records_out, memory_order_relaxed);
        atomic_store_explicit(&live->records_undelivered, in > out ? in - out : 0,
                              memory_order_relaxed);
    }
    run->phase = HN_PHASE_CLOSING;
    if (flush_outputs(run)) {
        close_outputs(run);
    }
}

/* A sink's WOULD_BLOCK asks for resume in `pending_phase`; a failure is recorded; OK goes on. */
static bool settle(hn_stage_run *run, hone_status status, hn_phase pending_phase,
                   const hone_diag *diag) {
    if (status == HONE_STATUS_WOULD_BLOCK) {
        run->phase = pending_phase;
        return false;
    }
    if (status != HONE_OK) {
        fail(run, status, diag);
    }
    return true;
}

static bool finish(hn_stage_run *run) {
    const hn_stage_kind *kind = run->stage.kind;
    hone_diag diag = {0};
    run->current_origin_ns = 0;
    hone_status status = kind->finish ? kind->finish(&run->stage, &diag) : HONE_OK;
    if (!settle(run, status, HN_PHASE_FINISHING, &diag)) {
        return false;
    }
    begin_closing(run);
    return true;
}

/* --- one step of each role; true: there may be more to do at once --- */

/* A stage that never lets go of what it holds makes the wait useless: after some seconds this one
 * goes on, and what fails then says why. */
static bool waits_for_memory(hn_stage_run *run) {
    if (!hn_stage_lacks_memory(run)) {
        run->memory_waits = 0;
        return false;
    }
    uint64_t soon_ns = hone_clock_monotonic_ns() + MEMORY_WAIT_NS;
    bool has_armed =
        run->memory_waits++ < MEMORY_WAITS_MAX && hn_stage_wake_at(&run->stage, soon_ns) == HONE_OK;
    if (has_armed) {
        hn_count(&run->stage.live->blocked_count, 1);
    }
    return has_armed;
}

static bool produce_once(hn_stage_run *run) {
    hone_diag diag = {0};
    if (run->phase == HN_PHASE_FAILED) {
        begin_closing(run);
        return true;
    }
    if (hn_stage_is_stopping(&run->stage)) {
        return finish(run);
    }
    if (waits_for_memory(run)) {
        return false;
    }
    hone_status status = run->stage.kind->produce(&run->stage, &diag);
    switch (status) {
    case HONE_OK: return true;
    case HONE_STATUS_WOULD_BLOCK: return false;
    case HONE_STATUS_CLOSED: return finish(run);
    default: fail(run, status, &diag); return true;
    }
}

static hone_batch *take_any(hn_stage_run *run, bool *out_is_drained) {
    uint32_t drained_count = 0;
    for (uint32_t i = 0; i < run->inputs_count; i++) {
        hn_edge *edge = run->inputs[(run->next_input + i) % run->inputs_count];
        hone_batch *batch = edge->is_drained ? NULL : hn_edge_take(edge);
        if (batch) {
            run->next_input = (run->next_input + i + 1) % run->inputs_count;
            return batch;
        }
        drained_count += edge->is_drained;
    }
    *out_is_drained = drained_count == run->inputs_count;
    return NULL;
}

static uint32_t count_in(hn_stage_run *run, const hone_batch *batch) {
    hone_live_stage *live = run->stage.live;
    uint64_t now_ns = hone_clock_monotonic_ns();
    hn_count(&live->records_in, batch->selected_count);
    hn_count(&live->batches_in, 1);
    hone_histogram_add(&live->hop_ns, now_ns - batch->sent_ns, batch->selected_count);
    run->current_origin_ns = batch->origin_ns;
    return batch->selected_count;
}

static bool process_once(hn_stage_run *run) {
    hn_stage *stage = &run->stage;
    bool is_drained = false;
    hone_diag diag = {0};
    if (run->pool && run->phase == HN_PHASE_FLOWING && waits_for_memory(run)) {
        return false;
    }
    hone_batch *batch = take_any(run, &is_drained);
    if (!batch) {
        if (is_drained && run->phase == HN_PHASE_FAILED) {
            begin_closing(run);
            return true;
        }
        return is_drained ? finish(run) : false;
    }
    uint32_t records_count = count_in(run, batch);
    if (run->phase == HN_PHASE_FAILED) {
        hn_count(&stage->live->records_undelivered, records_count);
        hn_batch_release(stage, batch);
        return true;
    }
    hone_status status = stage->kind->process(stage, batch, &diag);
    if (status != HONE_OK && status != HONE_STATUS_WOULD_BLOCK) {
        hn_count(&stage->live->records_undelivered, records_count);
    } else if (stage->kind->role == HN_ROLE_SINK) {
        hone_histogram_add(&stage->live->end_to_end_ns,
                           hone_clock_monotonic_ns() - run->current_origin_ns, records_count);
    }
    return settle(run, status, HN_PHASE_RESUMING, &diag);
}

static bool resume(hn_stage_run *run) {
    hone_diag diag = {0};
    hn_phase pending = run->phase;
    hone_status status = run->stage.kind->resume(&run->stage, &diag);
    run->phase = HN_PHASE_FLOWING;
    if (!settle(run, status, pending, &diag)) {
        return false;
    }
    if (pending == HN_PHASE_FINISHING) {
        begin_closing(run);
    }
    return true;
}

/* True: wants another turn; false: waits to be notified, or has ended. */
static bool take_turn(hn_stage_run *run) {
    for (int i = 0; i < QUANTUM_BATCHES; i++) {
        if (!flush_outputs(run)) {
            return false;
        }
        bool has_more = true;
        switch (run->phase) {
        case HN_PHASE_RESUMING:
        case HN_PHASE_FINISHING: has_more = resume(run); break;
        case HN_PHASE_CLOSING: close_outputs(run); break;
        case HN_PHASE_FLOWING:
        case HN_PHASE_FAILED:
            has_more =
                run->stage.kind->role == HN_ROLE_SOURCE ? produce_once(run) : process_once(run);
            break;
        case HN_PHASE_ENDED: break;
        }
        if (!has_more || run->phase == HN_PHASE_ENDED) {
            return false;
        }
    }
    return true;
}

static void stage_main(void *context) {
    hn_stage_run *run = context;
    hone_node *node = run->node;
    /* acquire: pairs with hn_stage_notify, so that we see what we were notified of */
    (void)atomic_exchange_explicit(&run->task_state, HN_TASK_RUNNING, memory_order_acq_rel);
    uint64_t start_ns = hone_clock_monotonic_ns();
    bool wants_turn = take_turn(run);
    hn_count(&run->stage.live->busy_ns, hone_clock_monotonic_ns() - start_ns);
    if (run->phase == HN_PHASE_ENDED) {
        atomic_store_explicit(&run->task_state, HN_TASK_DONE, memory_order_release);
        atomic_fetch_sub_explicit(&node->stages_left, 1, memory_order_acq_rel);
        notify_runner(node);
        return;
    }
    uint32_t running = HN_TASK_RUNNING;
    if (!wants_turn &&
        atomic_compare_exchange_strong_explicit(&run->task_state, &running, HN_TASK_IDLE,
                                                memory_order_acq_rel, memory_order_acquire)) {
        return;
    }
    /* an exchange, so that what was done before a notification that left no new mark is seen too */
    (void)atomic_exchange_explicit(&run->task_state, HN_TASK_QUEUED, memory_order_acq_rel);
    hone_scheduler_submit_last(node->scheduler, &run->task);
}

/* Timers and descriptors come through a task of their own: the stage's may be queued already. */
static void wake_main(void *context) {
    hn_stage_notify(context);
}

/* --- the run --- */

static void start_stages(hone_node *node) {
    atomic_store_explicit(&node->stages_left, node->stages_count, memory_order_relaxed);
    for (uint32_t i = 0; i < node->stages_count; i++) {
        hn_stage_run *run = &node->stages[i];
        run->task = (hone_task){.run = stage_main,
                                .context = run,
                                .partition = run->partition,
                                .is_critical = run->is_critical};
        run->wake_task = (hone_task){.run = wake_main, .context = run, .partition = run->partition};
        run->timer.task = &run->wake_task;
    }
    for (uint32_t i = 0; i < node->stages_count; i++) {
        if (node->stages[i].stage.kind->role == HN_ROLE_SOURCE) {
            hn_stage_notify(&node->stages[i]);
        }
    }
}

static void read_partitions(hone_node *node) {
    hone_report *report = &node->report;
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        hone_partition_stats *stats = &report->partitions[i];
        hone_status status = hone_scheduler_stats_partition(node->scheduler, i, stats);
        assert(status == HONE_OK);
        (void)status;
        stats->name = node->partitions[i].name; /* the report outlives the scheduler */
        report->partitions_cpu_ns += stats->cpu_ns;
    }
    report->partitions_count = node->partitions_count;
}

static void complete_report(hone_node *node, uint64_t start_ns, uint64_t start_cpu_ns) {
    hone_file_stamp stamp;
    uint64_t end_ns = hone_clock_monotonic_ns();
    hn_node_update_live(node);
    atomic_store_explicit(&node->live.page->ended_ns, end_ns, memory_order_relaxed);
    atomic_store_explicit(&node->live.page->state, HONE_LIVE_ENDED, memory_order_relaxed);
    node->report = (hone_report){
        .node = node,
        .live = node->live.page,
        .status = node->failure.status,
        .diag = node->failure,
        .elapsed_ns = end_ns - start_ns,
        .cpu_ns = hone_clock_process_cpu_ns() - start_cpu_ns,
    };
    hone_scheduler_stats_total(node->scheduler, &node->report.scheduler);
    hone_node_scheduling_read(node, &node->report.scheduling);
    read_partitions(node);
    node->report.has_pressure = node->pressure != NULL;
    node->report.pressure = node->pressure_seen;
    if (node->has_file_stamp) {
        node->report.is_file_changed = hone_file_stamp_read(node->path, &stamp) != HONE_OK ||
                                       memcmp(&stamp, &node->file_stamp, sizeof stamp) != 0;
    }
    if (node->report.is_file_changed) {
        hone_log_write(
            node->log, HONE_LOG_WARNING,
            "%s was changed or removed while the node ran; this run used it as it was at the start",
            node->path);
    }
}

hone_status hone_node_run(hone_node *node, const hone_node_run_options *options, hone_diag *diag,
                          const hone_report **out_report) {
    hone_node_run_options chosen = options ? *options : (hone_node_run_options){0};
    if (node->has_run || node->is_check) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             node->is_check ? "the node was loaded to be checked only"
                                            : "a node runs only once");
    }
    hone_scheduler_options scheduling = {
        .workers_count = node->workers_count,
        .pinning = (hone_pinning)node->pinning,
        .is_one_per_core = node->is_one_per_core,
        .power = hn_power_for_scheduler(&node->power),
        .partitions = node->partitions,
        .partitions_count = node->partitions_count,
        .lone_loop_ns = node->lone_loop_ns,
        .timers_max = node->stages_count,
        .allocator = node->allocator,
    };
    hone_status status = hn_node_watch_pressure(node, &chosen, diag);
    if (status == HONE_OK) {
        status = hone_scheduler_create(&scheduling, diag, &node->scheduler);
    }
    if (status != HONE_OK) {
        return status;
    }
    node->has_run = true;
    node->records_max = chosen.records_max ? chosen.records_max : UINT64_MAX;
    uint64_t start_ns = hone_clock_monotonic_ns();
    uint64_t start_cpu_ns = hone_clock_process_cpu_ns();
    node->live.page->started_ns = start_ns;
    atomic_store_explicit(&node->live.page->state, HONE_LIVE_RUNNING, memory_order_relaxed);
    start_stages(node);
    hn_node_supervise(node, &chosen, start_ns);
    complete_report(node, start_ns, start_cpu_ns);
    hone_scheduler_destroy(node->scheduler);
    node->scheduler = NULL;
    *out_report = &node->report;
    if (diag && node->failure.status != HONE_OK) {
        *diag = node->failure;
    }
    return node->failure.status;
}

/* --- the graph --- */

const char *hone_node_name(const hone_node *node) {
    return node->name;
}

const char *hone_node_path(const hone_node *node) {
    return node->path;
}

uint64_t hone_node_budget_bytes(const hone_node *node) {
    return node->budget_bytes;
}

uint32_t hone_node_workers_count(const hone_node *node) {
    return node->workers_count;
}

void hone_node_scheduling_read(const hone_node *node, hone_node_scheduling *out_scheduling) {
    *out_scheduling = (hone_node_scheduling){
        .pinning = (hone_pinning)node->pinning,
        .is_one_per_core = node->is_one_per_core,
        .power = node->power,
        .scheduler_power = hn_power_for_scheduler(&node->power),
        .power_changes_count = node->power_changes_count,
        .batch_rows = atomic_load_explicit(&node->batch_rows, memory_order_relaxed),
        .lone_loop_ns = node->lone_loop_ns,
        .partitions = node->partitions,
        .partitions_count = node->partitions_count,
    };
}

uint32_t hone_node_stages_count(const hone_node *node) {
    return node->stages_count;
}

hone_status hone_node_stage_info_read(const hone_node *node, uint32_t index,
                                      hone_node_stage_info *out_info) {
    static const char *const on_full_names[] = {"block", "drop_oldest", "drop_newest"};
    if (index >= node->stages_count) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    const hn_stage_run *run = &node->stages[index];
    *out_info = (hone_node_stage_info){
        .name = run->stage.name,
        .kind = run->stage.kind->name,
        .line = run->stage.table->line,
        .schema = run->stage.schema,
        .inputs_count = run->inputs_count,
        .inputs = run->input_stages,
        .on_full = on_full_names[run->on_full],
        .queue_batches = (uint32_t)run->queue_batches,
        .partition = node->partitions_count ? node->partitions[run->partition].name : NULL,
        .is_critical = run->is_critical,
    };
    return HONE_OK;
}
