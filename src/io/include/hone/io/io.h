/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion rings: reads, writes, syncs, sockets, time-outs. Operations are prepared, handed over
 * in one batch, and come back as completions in whatever order they end. Two backends behind the
 * same calls: the kernel's io_uring, and threads for where the kernel refuses it. Worth it for many
 * operations at once (a disk at depth 64, many sockets); for one read that the page cache most
 * likely has, hone_io_read_now asks the cache first.
 *
 *     hone_io *io;
 *     hone_status status = hone_io_create(&(hone_io_options){.operations_max = 64}, &diag, &io);
 *     ...
 *     hone_io_request write = {.kind = HONE_IO_WRITE, .fd = fd, .source = text, .size = size,
 *                              .offset = 0, .is_linked = true, .token = &log};
 *     hone_io_request sync = {.kind = HONE_IO_SYNC, .fd = fd, .is_data_only = true, .token = &log};
 *     status = hone_io_prepare(io, &write, &diag, NULL);       // and the sync after it: it starts
 *     status = hone_io_prepare(io, &sync, &diag, NULL);        // when all bytes are written
 *     hone_io_completion ended[2];
 *     uint32_t count;
 *     status = hone_io_wait(io, 2, HONE_IO_FOR_EVER, ended, 2, &diag, &count);
 *
 * Contract
 * - Confined: one thread, from the first submit or wait to destroy; another one may have created
 *   it. No hidden threads: the thread backend has as many as its options say, made by create and
 *   ended by destroy; with sq_idle_ms the kernel has one for the ring, which spins so long. Nothing
 *   else does.
 * - What a request points to (data, vectors, path, address) must stay until its completion.
 * - Every operation prepared completes exactly once (a multishot: once with is_more false), unless
 *   destroy comes first. Only links promise an order.
 * - Counts may be short as with read(2) and write(2): at the end of a file, on pipes and sockets.
 * - Cancel what waits on a descriptor before closing it. Programs ignore SIGPIPE, as for hone_file;
 *   SEND never raises it. An O_NONBLOCK descriptor waits as any other.
 * - Errors: a refused prepare changes nothing. An operation's failure is its completion's status.
 * - Limits: operations_max at birth; sizes up to HONE_IO_BYTES_MAX.
 * Cost: steady state allocates nothing; one system call per batch. `hone bench io` has the figures.
 * Sources: io_uring(7), io_uring_enter(2).
 */
#ifndef HONE_IO_IO_H
#define HONE_IO_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hone/memory/budget.h"
#include "hone/platform/fact.h"

typedef struct hone_io hone_io;

enum {
    HONE_IO_OPERATIONS_MAX = 16384,
    HONE_IO_CHAIN_MAX = 16, /* operations linked into one chain */
    HONE_IO_VECTORS_MAX = 1024,
    HONE_IO_FILES_MAX = 32768,
    HONE_IO_RECEIVE_BUFFERS_MAX = 32768,
    HONE_IO_THREADS_MAX = 64,
    HONE_IO_THREADS_DEFAULT = 4,
    HONE_IO_BYTES_MAX = 0x7ffff000,     /* of one operation; the kernel's own limit */
    HONE_IO_BUFFER_BYTES_MAX = 1 << 30, /* of all buffers together */
    HONE_IO_SQ_IDLE_MS_MAX = 60000,
};
#define HONE_IO_FOR_EVER UINT64_MAX
#define HONE_IO_POSITION UINT64_MAX /* as offset: the file's own position; pipes and sockets */

typedef enum hone_io_backend {
    HONE_IO_AUTO, /* io_uring, or threads and the reason (hone_io_describe) */
    HONE_IO_URING,
    HONE_IO_THREADS,
} hone_io_backend;

typedef struct hone_io_options {
    hone_io_backend backend;
    uint32_t
        operations_max;     /* prepared, in flight and not yet taken: 1 .. HONE_IO_OPERATIONS_MAX */
    uint32_t threads_count; /* of the thread backend; 0: HONE_IO_THREADS_DEFAULT */
    uint32_t sq_idle_ms;    /* > 0: a thread of the kernel's takes the submissions and sleeps after
                                  so long; it keeps a CPU busy until then. 0: none */
    bool is_pollable;       /* hone_io_descriptor gives one; costs a call per wait */
    uint32_t files_count;   /* slots for registered files */
    uint32_t buffers_count; /* of the ring's own buffers, for O_DIRECT and registered reads */
    size_t buffer_bytes;    /* of each; rounded up to whole pages */
    uint32_t receive_buffers_count; /* for multishot RECEIVE */
    size_t receive_buffer_bytes;    /* of each; rounded up to 64 */
    hone_budget *budget; /* borrowed; the buffers are leased from it; NULL: not accounted */
    const hone_allocator *allocator; /* borrowed; NULL: libc */
} hone_io_options;

typedef enum hone_io_kind {
    HONE_IO_NOP,
    HONE_IO_READ,    /* data, size, offset */
    HONE_IO_WRITE,   /* source, size, offset */
    HONE_IO_READV,   /* vectors, size of them, offset */
    HONE_IO_WRITEV,  /* as READV */
    HONE_IO_SYNC,    /* is_data_only: fdatasync */
    HONE_IO_OPEN,    /* fd of the folder (or -1: the current one), path, flags (O_..., O_CLOEXEC is
                        added), mode. A FIFO wants O_NONBLOCK: waiting for its other end cannot be
                        cancelled on threads */
    HONE_IO_CLOSE,   /* a plain descriptor */
    HONE_IO_ACCEPT,  /* the new descriptor is close-on-exec; is_multishot: again and again. On
                        threads the listening one becomes O_NONBLOCK and stays so */
    HONE_IO_CONNECT, /* address, size of it */
    HONE_IO_RECEIVE, /* data, size; is_multishot: again and again into the receive buffers */
    HONE_IO_SEND,    /* source, size */
    HONE_IO_POLL,    /* flags: HONE_IO_READABLE, HONE_IO_WRITABLE; completes once one is so */
    HONE_IO_TIMEOUT, /* timeout_ns; completes with HONE_OK when it is over */
    HONE_IO_KINDS_COUNT
} hone_io_kind;

enum { HONE_IO_READABLE = 1, HONE_IO_WRITABLE = 2, HONE_IO_HANG_UP = 4 /* result only */ };

typedef struct hone_io_request {
    hone_io_kind kind;
    int fd;                  /* or a registered file's index */
    bool is_registered_file; /* not for OPEN and CLOSE */
    bool is_linked; /* the next one prepared starts only when this one succeeded in full; if
                                not, the rest of the chain is CANCELLED. A short read, write, readv
                                or writev is no full success. submit and wait start what has its
                                turn. They and cancel end a chain */
    bool is_multishot;
    bool is_data_only;
    bool may_wait; /* hone_io_read_now only */
    uint32_t flags, mode;
    union {
        void *data;
        const void *source;
        const struct iovec *vectors;
        const char *path;
        const void *address; /* a struct sockaddr */
    };
    size_t size;
    uint64_t offset;
    /* > 0: after so long the operation is cancelled and completes with TIMEOUT, unless it cannot be
     * stopped any more. 0: no limit. Not with is_multishot. */
    uint64_t timeout_ns;
    void *token; /* given back by the completion */
} hone_io_request;

/* Names an operation in flight; never 0. One that has completed is not known any more. */
typedef uint64_t hone_io_handle;

typedef struct hone_io_completion {
    void *token;
    hone_io_handle handle;
    hone_status status; /* CANCELLED, TIMEOUT, or why it failed */
    uint32_t count;     /* bytes; OPEN, ACCEPT: the descriptor; POLL: what is ready */
    void *data;         /* multishot RECEIVE: the bytes, until hone_io_give_back_buffer */
    bool is_more;       /* multishot: this is not the last one */
    int32_t code;       /* the kernel's number of the error, for hone_io_explain only */
} hone_io_completion;

/* INVALID_ARGUMENT, LIMIT and OVERFLOW for options; OUT_OF_MEMORY; BUDGET; LIMIT (descriptors,
 * threads); with HONE_IO_URING also FORBIDDEN and ABSENT. `diag` says what to do. */
HONE_MUST_USE hone_status hone_io_create(const hone_io_options *options, hone_diag *diag,
                                         hone_io **out_io);

/* What was obtained. Reasons live as long as the ring. */
typedef struct hone_io_description {
    hone_io_backend backend; /* URING or THREADS */
    hone_fact uring;         /* text: how the ring is set up */
    hone_fact sq_thread;
    hone_fact registered_buffers; /* absent or forbidden: they work, unregistered */
    hone_fact registered_files;   /* the same */
    hone_fact multishot; /* absent: single operations are armed again, with equal results */
    uint32_t threads_count;
} hone_io_description;

void hone_io_describe(const hone_io *io, hone_io_description *out_description);

typedef struct hone_io_stats {
    uint64_t prepared_count, completed_count; /* operations; multishots count once */
    uint64_t submits_count;                   /* batches handed over */
    uint64_t rearmed_count;   /* operations started again: not ready, or multishot */
    uint32_t in_flight_count; /* prepared and not yet taken */
} hone_io_stats;

hone_io_stats hone_io_read_stats(const hone_io *io);

/* The index-th of the ring's buffers: page-aligned, zero at first. Reads and writes of bytes that
 * lie in them are registered ones by themselves. NULL when there is no such one. */
void *hone_io_buffer(hone_io *io, uint32_t index);

/* Puts a descriptor into a slot, in place of what was there; -1 empties it. The caller may close
 * its own afterwards. WOULD_BLOCK while operations that name the slot are prepared or not yet
 * taken: each means the file that was there when it was prepared. INVALID_ARGUMENT, LIMIT, IO.
 * Cost: looks at operations_max slots. */
HONE_MUST_USE hone_status hone_io_register_file(hone_io *io, uint32_t index, int fd,
                                                hone_diag *diag);

/* Adds an operation to the next batch. INVALID_ARGUMENT; LIMIT when operations_max are in flight
 * (take completions) or a chain is too long; WOULD_BLOCK when the kernel takes no more just now
 * (take completions). `out_handle` may be NULL. */
HONE_MUST_USE hone_status hone_io_prepare(hone_io *io, const hone_io_request *request,
                                          hone_diag *diag, hone_io_handle *out_handle);

/* Hands the batch over. WOULD_BLOCK: the kernel wants completions taken first; what it did not take
 * goes with the next submit or wait. */
HONE_MUST_USE hone_status hone_io_submit(hone_io *io, hone_diag *diag);

/* Hands the batch over and takes up to `completions_max` completions, waiting at most `timeout_ns`
 * for `count_min` of them; 0 only looks. Never waits for more than is in flight. *out_count is less
 * than count_min when the time was over; signals do not end it. On threads the time is rounded up
 * to a millisecond. INVALID_ARGUMENT (no room, or the ring is another thread's), WOULD_BLOCK as for
 * submit, IO. */
HONE_MUST_USE hone_status hone_io_wait(hone_io *io, uint32_t count_min, uint64_t timeout_ns,
                                       hone_io_completion *out_completions,
                                       uint32_t completions_max, hone_diag *diag,
                                       uint32_t *out_count);

/* A read that the page cache may have: takes it from there at once when all of it is there, and
 * else prepares it. HONE_OK: *out_completion is the result. WOULD_BLOCK: prepared,
 * out_completion->handle names it, submit and wait as ever. Else as hone_io_prepare. Only READ of a
 * plain descriptor at an offset, not linked. With may_wait it does not ask but reads, which is
 * cheaper where the cache has it, and where it has not stops the thread for a disk's time.
 * Cost: a tenth above pread (the kernel's preadv2 is so much dearer); with may_wait, pread's. */
HONE_MUST_USE hone_status hone_io_read_now(hone_io *io, const hone_io_request *request,
                                           hone_diag *diag, hone_io_completion *out_completion);

/* Asks an operation to end. It still completes: as CANCELLED, or with its result when that was
 * there already or nothing can stop it any more: a file operation that runs, and on threads a read
 * or write in blocking mode of a terminal, timerfd or inotify instance that was ready, but that
 * another reader or writer got to first: it ends when there is something again, and destroy waits
 * for it. O_NONBLOCK, or one reader each, avoids that. What has not started does not start: that
 * is, what was not handed over yet, and a chain's member before its turn. A chain is cancelled as
 * a whole, whichever of its operations is named, as long as its completion was not taken: the one
 * that runs is asked, and none behind it starts, whatever becomes of that one. Both backends keep
 * to this alike. Takes effect at once or with the next submit or wait. NOT_FOUND: its completion
 * was taken. WOULD_BLOCK: nothing is changed, take completions first. Cost: looks at
 * operations_max slots for a chain. */
HONE_MUST_USE hone_status hone_io_cancel(hone_io *io, hone_io_handle handle);

/* Gives a receive buffer back for the next RECEIVE. `data` is a completion's. When none is left a
 * multishot RECEIVE ends with LIMIT. */
void hone_io_give_back_buffer(hone_io *io, void *data);

/* A descriptor that is readable while hone_io_wait(io, 0, ...) would find completions: for a
 * poller. -1 without is_pollable. Owned by the ring. */
int hone_io_descriptor(const hone_io *io);

/* Writes what failed into `diag`, and returns the completion's status. */
hone_status hone_io_explain(const hone_io_completion *completion, hone_diag *diag);

/* Drops what was not submitted, cancels the rest and waits until nothing touches the callers'
 * memory any more; descriptors of completions that were not taken are closed. NULL is allowed. */
void hone_io_destroy(hone_io *io);

#endif
