/* SPDX-License-Identifier: Apache-2.0 */
/* What uring.c (running) and uring_setup.c (making and freeing) share. */
#ifndef HONE_IO_URING_INTERNAL_H
#define HONE_IO_URING_INTERNAL_H

#include <liburing.h>

#include "io_internal.h"

enum { HN_URING_ENTRIES_MIN = 32, HN_URING_BUFFER_GROUP = 0 };

typedef struct hn_uring {
    struct io_uring ring;
    uint32_t later_first, later_last; /* slots to be started (again); HN_IO_NONE: none */
    uint32_t behind_count;            /* members of chains whose turn has not come */
    struct io_uring_buf_ring *receive_ring;
    uint32_t receive_entries; /* a power of two */
    bool is_sq_thread;
    bool is_enabled; /* belongs to a thread */
} hn_uring;

extern const hn_io_backend hn_uring_backend;

/* Closes the ring and frees io->self. Nothing is in flight. */
void hn_uring_free(hone_io *io);

#endif
