/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of the thread backend: a queue and a list of what is done, both under one lock, and
 * threads that sleep on a counter of changes. A sleeper reads the counter under the lock that every
 * change is made under, so no push between its look and its sleep is lost.
 * tidy: allow errno throughout: results are error numbers
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "threads_internal.h"

static int32_t once(const hone_io_request *request) {
    bool is_here = request->offset == HONE_IO_POSITION;
    off_t offset = (off_t)request->offset;
    int fd = request->fd, vectors_count = (int)request->size;
    switch (request->kind) {
    case HONE_IO_READ:
        return (int32_t)(is_here ? read(fd, request->data, request->size)
                                 : pread(fd, request->data, request->size, offset));
    case HONE_IO_WRITE:
        return (int32_t)(is_here ? write(fd, request->source, request->size)
                                 : pwrite(fd, request->source, request->size, offset));
    case HONE_IO_READV:
        return (int32_t)(is_here ? readv(fd, request->vectors, vectors_count)
                                 : preadv(fd, request->vectors, vectors_count, offset));
    case HONE_IO_WRITEV:
        return (int32_t)(is_here ? writev(fd, request->vectors, vectors_count)
                                 : pwritev(fd, request->vectors, vectors_count, offset));
    case HONE_IO_SYNC: return request->is_data_only ? fdatasync(fd) : fsync(fd);
    case HONE_IO_OPEN:
        return openat(fd < 0 ? AT_FDCWD : fd, request->path, (int)request->flags | O_CLOEXEC,
                      (mode_t)request->mode);
    default: return close(fd);
    }
}

static int32_t run_job(const hone_io_request *request) {
    for (;;) {
        int32_t result = once(request);
        if (result >= 0) {
            return result;
        }
        if (errno != EINTR) {
            return -errno;
        }
        if (request->kind == HONE_IO_CLOSE) {
            return 0; /* Linux has closed it all the same */
        }
    }
}

static void run_worker(void *context) {
    hn_pool *pool = context;
    hone_mutex_lock(&pool->lock);
    while (!pool->is_stopping) {
        if (pool->queue.first == HN_IO_NONE) {
            uint32_t seen = atomic_load_explicit(&pool->changes, memory_order_relaxed);
            pool->sleepers_count++;
            hone_mutex_unlock(&pool->lock);
            hone_futex_wait(&pool->changes, seen, UINT64_MAX);
            hone_mutex_lock(&pool->lock);
            pool->sleepers_count--;
            continue;
        }
        hn_io_slot *slot = &pool->slots[pool->queue.first];
        hn_io_list_remove(pool->slots, &pool->queue, slot);
        slot->is_running = true;
        hone_mutex_unlock(&pool->lock);
        int32_t result = run_job(&slot->request);
        hone_mutex_lock(&pool->lock);
        bool is_first = pool->done.first == HN_IO_NONE;
        slot->result = result;
        hn_io_list_append(pool->slots, &pool->done, slot);
        if (is_first) {
            uint64_t one = 1;
            ssize_t ignored = write(pool->event_fd, &one, sizeof one);
            (void)ignored;
        }
    }
    hone_mutex_unlock(&pool->lock);
}

static void change(hn_pool *pool, uint32_t wake_count) {
    /* Relaxed: the lock orders it; the futex call compares for itself. */
    atomic_fetch_add_explicit(&pool->changes, 1, memory_order_relaxed);
    bool has_sleepers = pool->sleepers_count > 0;
    hone_mutex_unlock(&pool->lock);
    if (has_sleepers) {
        hone_futex_wake(&pool->changes, wake_count);
    }
}

hone_status hn_pool_init(hn_pool *pool, hn_io_slot *slots, uint32_t threads_count, int event_fd,
                         hone_diag *diag) {
    *pool = (hn_pool){.slots = slots,
                      .queue = {HN_IO_NONE, HN_IO_NONE},
                      .done = {HN_IO_NONE, HN_IO_NONE},
                      .event_fd = event_fd};
    hone_mutex_init(&pool->lock);
    for (; pool->threads_count < threads_count; pool->threads_count++) {
        hone_status status =
            hone_thread_create("hone-io", run_worker, pool, &pool->threads[pool->threads_count]);
        if (status != HONE_OK) {
            uint32_t made_count = pool->threads_count;
            hn_pool_deinit(pool);
            return hone_diag_set(
                diag, status,
                "only %u of %u threads could be started: %s (ulimit -u; or ask for "
                "fewer threads)",
                made_count, threads_count, hone_status_text(status));
        }
    }
    return HONE_OK;
}

void hn_pool_push(hn_pool *pool, hn_io_slot *slot) {
    hone_mutex_lock(&pool->lock);
    slot->is_running = false;
    hn_io_list_append(pool->slots, &pool->queue, slot);
    change(pool, 1);
}

bool hn_pool_remove(hn_pool *pool, hn_io_slot *slot) {
    hone_mutex_lock(&pool->lock);
    bool is_queued = !slot->is_running;
    if (is_queued) {
        hn_io_list_remove(pool->slots, &pool->queue, slot);
    }
    hone_mutex_unlock(&pool->lock);
    return is_queued;
}

hn_io_list hn_pool_collect(hn_pool *pool) {
    hone_mutex_lock(&pool->lock);
    hn_io_list done = pool->done;
    pool->done = (hn_io_list){HN_IO_NONE, HN_IO_NONE};
    hone_mutex_unlock(&pool->lock);
    return done;
}

void hn_pool_deinit(hn_pool *pool) {
    hone_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    change(pool, HONE_IO_THREADS_MAX);
    for (uint32_t i = 0; i < pool->threads_count; i++) {
        hone_thread_join(pool->threads[i]);
    }
    hone_mutex_deinit(&pool->lock);
}
