/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: a binary heap under a lock, its earliest deadline programmed into the poller's timerfd,
 * so that a sleeping worker wakes for it; busy workers look at earliest_ns between tasks. Timers
 * are armed at most some thousand times a second, so the lock is rarely contended. The heap orders
 * by a copy of each deadline, taken under the lock: an owner sets the next deadline while the timer
 * may still be armed.
 */
#include "scheduler_internal.h"

#include "hone/platform/clock.h"

hone_status hn_timers_init(hn_timers *timers, const hone_allocator *allocator, uint32_t count_max) {
    timers->heap = HONE_NEW_ARRAY(allocator, hone_timer *, (size_t)count_max + 1);
    if (!timers->heap) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_mutex_init(&timers->lock);
    timers->count_max = count_max;
    atomic_init(&timers->earliest_ns, UINT64_MAX);
    return HONE_OK;
}

void hn_timers_deinit(hn_timers *timers, const hone_allocator *allocator) {
    if (timers->heap) {
        hone_mutex_deinit(&timers->lock);
    }
    HONE_DELETE_ARRAY(allocator, hone_timer *, timers->heap, (size_t)timers->count_max + 1);
}

static void place(hn_timers *timers, uint32_t index, hone_timer *timer) {
    timers->heap[index] = timer;
    timer->heap_index = index;
}

static void sift_up(hn_timers *timers, uint32_t index) {
    hone_timer *timer = timers->heap[index];
    for (; index > 1 && timers->heap[index / 2]->armed_ns > timer->armed_ns; index /= 2) {
        place(timers, index, timers->heap[index / 2]);
    }
    place(timers, index, timer);
}

static void sift_down(hn_timers *timers, uint32_t index) {
    hone_timer *timer = timers->heap[index];
    for (;;) {
        uint32_t child = index * 2;
        if (child < timers->count &&
            timers->heap[child + 1]->armed_ns < timers->heap[child]->armed_ns) {
            child++;
        }
        if (child > timers->count || timers->heap[child]->armed_ns >= timer->armed_ns) {
            break;
        }
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, timer);
}

static void take_out(hn_timers *timers, hone_timer *timer) {
    uint32_t index = timer->heap_index;
    hone_timer *last = timers->heap[timers->count--];
    timer->heap_index = 0;
    if (last != timer) {
        place(timers, index, last);
        sift_up(timers, index);
        sift_down(timers, last->heap_index);
    }
}

/* Under the lock: tells the poller when the earliest deadline has changed. */
static void publish_earliest(hone_scheduler *scheduler) {
    hn_timers *timers = &scheduler->timers;
    uint64_t earliest_ns = timers->count ? timers->heap[1]->armed_ns : UINT64_MAX;
    if (earliest_ns != atomic_load_explicit(&timers->earliest_ns, memory_order_relaxed)) {
        atomic_store_explicit(&timers->earliest_ns, earliest_ns, memory_order_relaxed);
        /* sleepers are woken for it with some slack, so that one wake-up serves several */
        uint64_t slack_ns = hn_get_figure(&scheduler->timer_slack_ns);
        uint64_t wake_ns = earliest_ns + (earliest_ns < UINT64_MAX - slack_ns ? slack_ns : 0);
        hone_poller_set_deadline(&scheduler->poller, earliest_ns == UINT64_MAX ? 0
                                                     : wake_ns                 ? wake_ns
                                                                               : 1);
    }
}

hone_status hone_scheduler_arm(hone_scheduler *scheduler, hone_timer *timer) {
    hn_timers *timers = &scheduler->timers;
    hone_status status = HONE_OK;
    hone_mutex_lock(&timers->lock);
    if (timer->heap_index) {
        take_out(timers, timer);
    }
    if (timers->count < timers->count_max) {
        timer->armed_ns = timer->deadline_ns;
        timers->heap[++timers->count] = timer;
        sift_up(timers, timers->count);
        publish_earliest(scheduler);
    } else {
        status = HONE_STATUS_LIMIT;
    }
    hone_mutex_unlock(&timers->lock);
    return status;
}

bool hone_scheduler_disarm(hone_scheduler *scheduler, hone_timer *timer) {
    hn_timers *timers = &scheduler->timers;
    hone_mutex_lock(&timers->lock);
    bool was_armed = timer->heap_index != 0;
    if (was_armed) {
        take_out(timers, timer);
        publish_earliest(scheduler);
    }
    hone_mutex_unlock(&timers->lock);
    return was_armed;
}

/* The task of one timer that is due, or NULL. */
static hone_task *take_due(hone_scheduler *scheduler, uint64_t now_ns) {
    hn_timers *timers = &scheduler->timers;
    hone_task *task = NULL;
    hone_mutex_lock(&timers->lock);
    if (timers->count && timers->heap[1]->armed_ns <= now_ns) {
        task = timers->heap[1]->task;
        take_out(timers, timers->heap[1]);
        publish_earliest(scheduler);
    }
    hone_mutex_unlock(&timers->lock);
    return task;
}

void hn_timers_fire(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    uint64_t now_ns = hone_clock_monotonic_ns();
    while (atomic_load_explicit(&scheduler->timers.earliest_ns, memory_order_relaxed) <= now_ns) {
        hone_task *task = take_due(scheduler, now_ns);
        if (!task) {
            return; /* another worker was faster */
        }
        hn_worker_run(worker, task); /* may arm the timer anew */
    }
}
