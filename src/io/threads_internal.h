/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the thread backend share: the pool for files, and attempts for the rest. */
#ifndef HONE_IO_THREADS_INTERNAL_H
#define HONE_IO_THREADS_INTERNAL_H

#include "hone/platform/thread.h"
#include "io_internal.h"

/* Lists are of slots, by `next` and `previous`. */
typedef struct hn_io_list {
    uint32_t first, last; /* HN_IO_NONE: empty */
} hn_io_list;

static inline void hn_io_list_append(hn_io_slot *slots, hn_io_list *list, hn_io_slot *slot) {
    slot->next = HN_IO_NONE;
    slot->previous = list->last;
    if (list->last == HN_IO_NONE) {
        list->first = slot->index;
    } else {
        slots[list->last].next = slot->index;
    }
    list->last = slot->index;
}

static inline void hn_io_list_remove(hn_io_slot *slots, hn_io_list *list, hn_io_slot *slot) {
    if (slot->previous == HN_IO_NONE) {
        list->first = slot->next;
    } else {
        slots[slot->previous].next = slot->next;
    }
    if (slot->next == HN_IO_NONE) {
        list->last = slot->previous;
    } else {
        slots[slot->next].previous = slot->previous;
    }
}

/* thread_pool.c: runs what may wait for a disk. */
typedef struct hn_pool {
    hone_mutex lock;
    hn_io_slot *slots;
    hn_io_list queue, done;   /* under the lock */
    uint32_t sleepers_count;  /* under the lock */
    bool is_stopping;         /* under the lock */
    _Atomic uint32_t changes; /* what sleepers wait on: a push or the end */
    int event_fd;             /* raised when `done` stops being empty */
    uint32_t threads_count;
    hone_thread threads[HONE_IO_THREADS_MAX];
} hn_pool;

/* LIMIT, OUT_OF_MEMORY, FORBIDDEN; leaves nothing behind then. */
HONE_MUST_USE hone_status hn_pool_init(hn_pool *pool, hn_io_slot *slots, uint32_t threads_count,
                                       int event_fd, hone_diag *diag);
void hn_pool_push(hn_pool *pool, hn_io_slot *slot);

/* False when it runs or has run. */
bool hn_pool_remove(hn_pool *pool, hn_io_slot *slot);

/* Everything that has run: a list that is the caller's. */
hn_io_list hn_pool_collect(hn_pool *pool);

/* Waits for what runs; what is queued is not started. */
void hn_pool_deinit(hn_pool *pool);

#define HN_IO_TO_POOL INT32_MIN

/* attempt.c: tries a stream operation without waiting. The count, or minus an error number;
 * -EAGAIN: not ready; HN_IO_TO_POOL: ready, but only a call that may wait can tell. `buffer`: where
 * a multishot RECEIVE writes. */
int32_t hn_io_attempt(hn_io_slot *slot, void *buffer, size_t buffer_bytes);

/* POLLIN and POLLOUT as what the operation waits for. */
uint32_t hn_io_events_of(const hone_io_request *request);

#endif
