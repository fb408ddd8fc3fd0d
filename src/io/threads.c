/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend without io_uring. Files go to a pool of threads, because only a thread can wait for a
 * disk; terminals and the like do once they are ready, because another reader may be faster.
 * Sockets, pipes and time-outs need none: the ring's own thread tries them, and what is not ready
 * waits in an epoll instance of the ring's, together with the pool's event and a timer. That
 * instance is also the descriptor that a poller can sleep on. So all but the pool's two lists
 * belongs to one thread.
 *
 * Descriptors that somebody waits on have a watch: the list of waiting operations and the events
 * that epoll reports for them, level-triggered, found by a hash of the number. Deadlines are in a
 * binary heap. A chain's next member is started when the one before has finished.
 * tidy: allow errno throughout: results are error numbers
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "hone/base/checked.h"
#include "hone/platform/clock.h"
#include "threads_internal.h"

enum { EVENTS_COUNT = 64, SECOND_NS = 1000000000, MILLISECOND_NS = 1000000 };

/* What epoll gives back for the two descriptors that are no number of a caller's. */
#define POOL_EVENT UINT64_MAX
#define TIMER_EVENT (UINT64_MAX - 1)

typedef struct fd_watch {
    int fd;
    uint32_t events; /* as registered */
    hn_io_list waiting;
    uint32_t next; /* in its bucket, or in the free list */
} fd_watch;

typedef struct threads {
    hn_pool pool;
    hn_io_list prepared, done;
    int epoll_fd, timer_fd, event_fd;
    uint32_t *heap; /* slots by deadline, the earliest first */
    uint32_t heap_count;
    uint64_t armed_ns; /* what the timer is set to; 0: off */
    fd_watch *watches;
    uint32_t free_watch;
    uint32_t *buckets;
    uint32_t buckets_count; /* a power of two */
} threads;

static void start(hone_io *io, hn_io_slot *slot);

/* ---- deadlines ---- */

static void heap_place(hone_io *io, uint32_t position, uint32_t index) {
    threads *it = io->self;
    it->heap[position] = index;
    io->slots[index].heap_index = position;
}

static void heap_sift(hone_io *io, uint32_t position, uint32_t index) {
    threads *it = io->self;
    uint64_t deadline_ns = io->slots[index].deadline_ns;
    while (position > 0) {
        uint32_t parent = (position - 1) / 2;
        if (io->slots[it->heap[parent]].deadline_ns <= deadline_ns) {
            break;
        }
        heap_place(io, position, it->heap[parent]);
        position = parent;
    }
    for (;;) {
        uint32_t child = 2 * position + 1;
        if (child + 1 < it->heap_count &&
            io->slots[it->heap[child + 1]].deadline_ns < io->slots[it->heap[child]].deadline_ns) {
            child++;
        }
        if (child >= it->heap_count || io->slots[it->heap[child]].deadline_ns >= deadline_ns) {
            break;
        }
        heap_place(io, position, it->heap[child]);
        position = child;
    }
    heap_place(io, position, index);
}

static void heap_add(hone_io *io, hn_io_slot *slot) {
    threads *it = io->self;
    slot->deadline_ns = hone_clock_monotonic_ns() + slot->request.timeout_ns;
    it->heap_count++;
    heap_sift(io, it->heap_count - 1, slot->index);
}

static void heap_remove(hone_io *io, hn_io_slot *slot) {
    threads *it = io->self;
    uint32_t position = slot->heap_index;
    if (position == HN_IO_NONE) {
        return;
    }
    slot->heap_index = HN_IO_NONE;
    it->heap_count--;
    if (position < it->heap_count) {
        heap_sift(io, position, it->heap[it->heap_count]);
    }
}

static void arm_timer(hone_io *io) {
    threads *it = io->self;
    uint64_t next_ns = it->heap_count > 0 ? io->slots[it->heap[0]].deadline_ns : 0;
    if (next_ns == it->armed_ns) {
        return;
    }
    struct itimerspec when = {
        .it_value = {(time_t)(next_ns / SECOND_NS), (long)(next_ns % SECOND_NS)}};
    (void)timerfd_settime(it->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    it->armed_ns = next_ns;
}

/* ---- watches ---- */

static uint32_t *bucket_of(threads *it, int fd) {
    return &it->buckets[((uint32_t)fd * 2654435761u) >> 7 & (it->buckets_count - 1)];
}

static fd_watch *find_watch(threads *it, int fd) {
    uint32_t index = *bucket_of(it, fd);
    while (index != HN_IO_NONE && it->watches[index].fd != fd) {
        index = it->watches[index].next;
    }
    return index == HN_IO_NONE ? NULL : &it->watches[index];
}

static fd_watch *make_watch(threads *it, int fd) {
    fd_watch *found = find_watch(it, fd);
    if (found) {
        return found;
    }
    uint32_t index = it->free_watch; /* there are as many as slots */
    fd_watch *made = &it->watches[index];
    it->free_watch = made->next;
    *made = (fd_watch){.fd = fd, .waiting = {HN_IO_NONE, HN_IO_NONE}, .next = *bucket_of(it, fd)};
    *bucket_of(it, fd) = index;
    return made;
}

static void free_watch(threads *it, fd_watch *watch) {
    uint32_t index = (uint32_t)(watch - it->watches);
    uint32_t *place = bucket_of(it, watch->fd);
    while (*place != index) {
        place = &it->watches[*place].next;
    }
    *place = watch->next;
    watch->next = it->free_watch;
    it->free_watch = index;
}

/* Tells epoll what the watch waits for now; frees an empty one. Minus an error number. */
static int update_watch(hone_io *io, fd_watch *watch) {
    threads *it = io->self;
    uint32_t events = 0;
    for (uint32_t i = watch->waiting.first; i != HN_IO_NONE; i = io->slots[i].next) {
        events |= hn_io_events_of(&io->slots[i].request);
    }
    if (watch->waiting.first == HN_IO_NONE) {
        (void)epoll_ctl(it->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL); /* closed ones are gone */
        free_watch(it, watch);
        return 0;
    }
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)watch->fd};
    int result =
        epoll_ctl(it->epoll_fd, watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event);
    if (result < 0 && errno == ENOENT) { /* the number was closed and is another file now */
        result = epoll_ctl(it->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event);
    }
    watch->events = events;
    return result < 0 ? -errno : 0;
}

static void leave_watch(hone_io *io, hn_io_slot *slot) {
    threads *it = io->self;
    if (slot->watch != HN_IO_NONE) {
        fd_watch *watch = &it->watches[slot->watch];
        hn_io_list_remove(io->slots, &watch->waiting, slot);
        slot->watch = HN_IO_NONE;
        (void)update_watch(io, watch);
    }
}

static int enter_watch(hone_io *io, hn_io_slot *slot) {
    threads *it = io->self;
    fd_watch *watch = make_watch(it, slot->request.fd);
    hn_io_list_append(io->slots, &watch->waiting, slot);
    slot->watch = (uint32_t)(watch - it->watches);
    int result = update_watch(io, watch);
    if (result < 0) {
        leave_watch(io, slot);
    }
    return result;
}

/* ---- operations ---- */

static void finish(hone_io *io, hn_io_slot *slot, int32_t result) {
    threads *it = io->self;
    heap_remove(io, slot);
    leave_watch(io, slot);
    slot->result = result;
    slot->state = HN_IO_DONE;
    hn_io_list_append(io->slots, &it->done, slot);
    hn_io_slot *next = hn_io_unlink(io, slot);
    if (next && hn_io_is_full_success(slot, result)) {
        start(io, next);
    } else if (next) {
        finish(io, next, -ECANCELED); /* at most HONE_IO_CHAIN_MAX deep */
    }
}

static void push(hone_io *io, hn_io_slot *slot) {
    threads *it = io->self;
    slot->state = HN_IO_IN_POOL;
    hn_pool_push(&it->pool, slot);
}

/* True when an earlier operation waits for the same event: streams go in the order of arrival. */
static bool is_behind(hone_io *io, const hn_io_slot *slot) {
    const fd_watch *watch = find_watch(io->self, slot->request.fd);
    return watch && (watch->events & hn_io_events_of(&slot->request));
}

static void start_stream(hone_io *io, hn_io_slot *slot) {
    hone_io_kind kind = slot->request.kind;
    if (!slot->request.is_multishot && !is_behind(io, slot)) {
        int32_t result = hn_io_attempt(slot, NULL, 0);
        if (result == HN_IO_TO_POOL) {
            push(io, slot);
            return;
        }
        if (result != -EAGAIN || (kind == HONE_IO_CONNECT && !slot->is_connecting)) {
            finish(io, slot, result);
            return;
        }
    }
    int result = enter_watch(io, slot);
    if (result == -EPERM && (kind == HONE_IO_READ || kind == HONE_IO_WRITE ||
                             kind == HONE_IO_READV || kind == HONE_IO_WRITEV)) {
        push(io, slot); /* a device that is always ready, in its own words */
    } else if (result < 0) {
        finish(io, slot, result);
    }
}

/* Only what lies on a disk keeps a thread for a time that ends; all else may wait for ever, also
 * what has no type (an eventfd, a timerfd, an inotify instance). */
static void start_file(hone_io *io, hn_io_slot *slot) {
    struct stat about;
    if (fstat(slot->request.fd, &about) < 0) {
        finish(io, slot, -errno);
    } else if (S_ISREG(about.st_mode) || S_ISBLK(about.st_mode) || S_ISDIR(about.st_mode)) {
        push(io, slot);
    } else {
        start_stream(io, slot);
    }
}

static void start(hone_io *io, hn_io_slot *slot) {
    slot->state = HN_IO_WAITING;
    if (slot->is_cancel_asked) {
        finish(io, slot, -ECANCELED);
        return;
    }
    if (slot->request.timeout_ns > 0) {
        heap_add(io, slot);
    }
    switch (slot->request.kind) {
    case HONE_IO_NOP: finish(io, slot, 0); break;
    case HONE_IO_TIMEOUT: break;
    case HONE_IO_SYNC:
    case HONE_IO_OPEN:
    case HONE_IO_CLOSE: push(io, slot); break;
    case HONE_IO_READ:
    case HONE_IO_WRITE:
    case HONE_IO_READV:
    case HONE_IO_WRITEV: start_file(io, slot); break;
    default: start_stream(io, slot);
    }
}

static hone_status prepare(hone_io *io, hn_io_slot *slot) {
    threads *it = io->self;
    if (slot->chain_previous == HN_IO_NONE) { /* the others wait for their turn */
        hn_io_list_append(io->slots, &it->prepared, slot);
    }
    return HONE_OK;
}

static void raise_event(const threads *it) {
    uint64_t one = 1;
    ssize_t ignored = write(it->event_fd, &one, sizeof one);
    (void)ignored;
}

/* A poller must see what is there to be taken. */
static void tell_poller(hone_io *io) {
    threads *it = io->self;
    if (io->options.is_pollable && it->done.first != HN_IO_NONE) {
        raise_event(it);
    }
    arm_timer(io);
}

static void start_prepared(hone_io *io) {
    threads *it = io->self;
    io->stats.submits_count += it->prepared.first != HN_IO_NONE;
    while (it->prepared.first != HN_IO_NONE) {
        hn_io_slot *slot = &io->slots[it->prepared.first];
        hn_io_list_remove(io->slots, &it->prepared, slot);
        start(io, slot);
    }
}

static hone_status submit(hone_io *io, hone_diag *diag) {
    (void)diag;
    start_prepared(io);
    tell_poller(io);
    return HONE_OK;
}

static hone_status cancel(hone_io *io, hn_io_slot *slot) {
    threads *it = io->self;
    if (slot->state == HN_IO_WAITING ||
        (slot->state == HN_IO_IN_POOL && hn_pool_remove(&it->pool, slot))) {
        finish(io, slot, -ECANCELED);
        tell_poller(io);
    }
    return HONE_OK; /* one that is only prepared completes when it would start */
}

/* ---- taking completions ---- */

static uint32_t take_done(hone_io *io, hone_io_completion *out, uint32_t max) {
    threads *it = io->self;
    uint32_t count = 0;
    while (count < max && it->done.first != HN_IO_NONE) {
        hn_io_slot *slot = &io->slots[it->done.first];
        hn_io_list_remove(io->slots, &it->done, slot);
        hn_io_complete(io, slot, slot->result, HN_IO_NONE, false, &out[count++]);
    }
    return count;
}

static void collect_pool(hone_io *io) {
    threads *it = io->self;
    uint64_t ignored_count;
    ssize_t ignored = read(it->event_fd, &ignored_count, sizeof ignored_count);
    (void)ignored;
    hn_io_list list = hn_pool_collect(&it->pool);
    while (list.first != HN_IO_NONE) {
        hn_io_slot *slot = &io->slots[list.first];
        hn_io_list_remove(io->slots, &list, slot);
        finish(io, slot, slot->result);
    }
}

static void expire(hone_io *io) {
    threads *it = io->self;
    uint64_t ignored_count, now_ns = hone_clock_monotonic_ns();
    ssize_t ignored = read(it->timer_fd, &ignored_count, sizeof ignored_count);
    (void)ignored;
    it->armed_ns = 0;
    while (it->heap_count > 0 && io->slots[it->heap[0]].deadline_ns <= now_ns) {
        hn_io_slot *slot = &io->slots[it->heap[0]];
        heap_remove(io, slot);
        if (slot->state != HN_IO_IN_POOL || hn_pool_remove(&it->pool, slot)) {
            finish(io, slot, slot->request.kind == HONE_IO_TIMEOUT ? 0 : -ETIME);
        } /* else it runs, and completes with what becomes of it */
    }
}

/* Everything that is there for a multishot, as long as there is room. */
static uint32_t run_multishot(hone_io *io, hn_io_slot *slot, hone_io_completion *out,
                              uint32_t max) {
    bool is_receive = slot->request.kind == HONE_IO_RECEIVE;
    uint32_t count = 0;
    while (count < max) {
        uint32_t buffer = is_receive ? hn_io_take_buffer(io) : HN_IO_NONE;
        if (is_receive && buffer == HN_IO_NONE) {
            finish(io, slot, -ENOBUFS);
            break;
        }
        void *data = is_receive ? hn_io_receive_buffer(io, buffer) : NULL;
        int32_t result = hn_io_attempt(slot, data, io->options.receive_buffer_bytes);
        if (is_receive && result <= 0) {
            hone_io_give_back_buffer(io, data);
        }
        if (result == -EAGAIN) {
            break;
        }
        if (result < 0 || (is_receive && result == 0)) {
            finish(io, slot, result);
            break;
        }
        hn_io_complete(io, slot, result, buffer, true, &out[count++]);
        io->stats.rearmed_count++;
    }
    return count;
}

static uint32_t run_watch(hone_io *io, int fd, hone_io_completion *out, uint32_t max) {
    threads *it = io->self;
    fd_watch *watch = find_watch(it, fd);
    uint32_t count = 0;
    uint32_t index = watch ? watch->waiting.first : HN_IO_NONE;
    while (index != HN_IO_NONE) {
        hn_io_slot *slot = &io->slots[index];
        index = slot->next; /* finishing takes out this slot only, and adds at the end */
        if (slot->request.is_multishot) {
            count += run_multishot(io, slot, out + count, max - count);
            continue;
        }
        int32_t result = hn_io_attempt(slot, NULL, 0);
        if (result == HN_IO_TO_POOL) {
            leave_watch(io, slot);
            push(io, slot);
        } else if (result != -EAGAIN) {
            finish(io, slot, result);
        }
    }
    return count;
}

/* One look at all there is, for at most `timeout_ms`; -1: until something happens. */
static uint32_t gather(hone_io *io, int timeout_ms, hone_io_completion *out, uint32_t max) {
    threads *it = io->self;
    struct epoll_event events[EVENTS_COUNT];
    uint32_t count = take_done(io, out, max);
    arm_timer(io);
    int got = epoll_wait(it->epoll_fd, events, EVENTS_COUNT, count > 0 ? 0 : timeout_ms);
    for (int i = 0; i < got; i++) {
        if (events[i].data.u64 == POOL_EVENT) {
            collect_pool(io);
        } else if (events[i].data.u64 == TIMER_EVENT) {
            expire(io);
        } else {
            count += run_watch(io, (int)events[i].data.u64, out + count, max - count);
        }
    }
    return count + take_done(io, out + count, max - count);
}

static int milliseconds_until(uint64_t deadline_ns) {
    if (deadline_ns == UINT64_MAX) {
        return -1;
    }
    uint64_t now_ns = hone_clock_monotonic_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    uint64_t left_ms = left_ns / MILLISECOND_NS + (left_ns % MILLISECOND_NS > 0);
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

static hone_status threads_wait(hone_io *io, uint32_t count_min, uint64_t timeout_ns,
                                hone_io_completion *out_completions, uint32_t completions_max,
                                hone_diag *diag, uint32_t *out_count) {
    (void)diag;
    uint64_t now_ns = hone_clock_monotonic_ns();
    uint64_t deadline_ns = timeout_ns < UINT64_MAX - now_ns ? now_ns + timeout_ns : UINT64_MAX;
    uint32_t count = 0;
    start_prepared(io);
    for (;;) {
        uint32_t missing = hn_io_wanted(io, count_min, count, completions_max);
        int timeout_ms = missing > 0 ? milliseconds_until(deadline_ns) : 0;
        count += gather(io, timeout_ms, out_completions + count, completions_max - count);
        if (hn_io_wanted(io, count_min, count, completions_max) == 0 ||
            hone_clock_monotonic_ns() >= deadline_ns) {
            break;
        }
    }
    tell_poller(io);
    *out_count = count;
    return HONE_OK;
}

/* ---- life ---- */

static void free_all(hone_io *io) {
    threads *it = io->self;
    uint32_t count = io->options.operations_max;
    int *descriptors[] = {&it->epoll_fd, &it->timer_fd, &it->event_fd};
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        if (*descriptors[i] >= 0) {
            (void)close(*descriptors[i]);
        }
    }
    HONE_DELETE_ARRAY(io->allocator, uint32_t, it->heap, count);
    HONE_DELETE_ARRAY(io->allocator, fd_watch, it->watches, count);
    HONE_DELETE_ARRAY(io->allocator, uint32_t, it->buckets, it->buckets_count);
    HONE_DELETE(io->allocator, threads, it);
    io->self = NULL;
    io->descriptor = -1;
}

static void destroy(hone_io *io) {
    threads *it = io->self;
    hn_pool_deinit(&it->pool); /* nobody else touches its lists any more */
    hn_io_list lists[] = {it->pool.done, it->done};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        while (lists[i].first != HN_IO_NONE) {
            hn_io_slot *slot = &io->slots[lists[i].first];
            hn_io_list_remove(io->slots, &lists[i], slot);
            hn_io_drop(io, slot, slot->result);
        }
    }
    free_all(io);
}

static const hn_io_backend threads_backend = {
    .prepare = prepare,
    .submit = submit,
    .wait = threads_wait,
    .cancel = cancel,
    .destroy = destroy,
};

static hone_status make_tables(hone_io *io, hone_diag *diag) {
    threads *it = io->self;
    uint32_t count = io->options.operations_max;
    it->buckets_count = (uint32_t)hone_power_of_two_ceil(count);
    it->heap = HONE_NEW_ARRAY(io->allocator, uint32_t, count);
    it->watches = HONE_NEW_ARRAY(io->allocator, fd_watch, count);
    it->buckets = HONE_NEW_ARRAY(io->allocator, uint32_t, it->buckets_count);
    if (!it->heap || !it->watches || !it->buckets) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u operations", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        it->watches[i].next = i + 1 < count ? i + 1 : HN_IO_NONE;
    }
    for (uint32_t i = 0; i < it->buckets_count; i++) {
        it->buckets[i] = HN_IO_NONE;
    }
    return HONE_OK;
}

static hone_status make_descriptors(hone_io *io, hone_diag *diag) {
    threads *it = io->self;
    struct epoll_event pool = {.events = EPOLLIN, .data.u64 = POOL_EVENT};
    struct epoll_event timer = {.events = EPOLLIN, .data.u64 = TIMER_EVENT};
    it->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    it->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    it->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (it->epoll_fd < 0 || it->timer_fd < 0 || it->event_fd < 0 ||
        epoll_ctl(it->epoll_fd, EPOLL_CTL_ADD, it->event_fd, &pool) < 0 ||
        epoll_ctl(it->epoll_fd, EPOLL_CTL_ADD, it->timer_fd, &timer) < 0) {
        return hone_diag_set(diag, hn_io_status_of(errno),
                             "a ring on threads needs three descriptors: %s (ulimit -n)",
                             strerrordesc_np(errno));
    }
    return HONE_OK;
}

hone_status hn_io_threads_create(hone_io *io, hone_diag *diag) {
    threads *it = HONE_NEW(io->allocator, threads);
    if (!it) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a ring on threads");
    }
    io->self = it;
    it->epoll_fd = it->timer_fd = it->event_fd = -1;
    it->prepared = it->done = (hn_io_list){HN_IO_NONE, HN_IO_NONE};
    uint32_t threads_count =
        io->options.threads_count > 0 ? io->options.threads_count : HONE_IO_THREADS_DEFAULT;
    hone_status status = make_tables(io, diag);
    if (status == HONE_OK) {
        status = make_descriptors(io, diag);
    }
    if (status == HONE_OK) {
        status = hn_pool_init(&it->pool, io->slots, threads_count, it->event_fd, diag);
    }
    if (status != HONE_OK) {
        free_all(io);
        return status;
    }
    hone_fact absent = hn_io_fact_missing(HONE_FACT_ABSENT, "the ring runs on threads");
    hone_io_description *description = &io->description;
    description->backend = HONE_IO_THREADS;
    description->threads_count = threads_count;
    description->sq_thread = description->registered_buffers = absent;
    description->registered_files = description->multishot = absent;
    io->descriptor = io->options.is_pollable ? it->epoll_fd : -1;
    io->backend = &threads_backend;
    return HONE_OK;
}
