/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What io.c and the two backends share: the ring object, and the slot that an operation lives in
 * from prepare until its completion is taken. A backend is a table of functions; io.c has checked
 * every argument before it calls one.
 */
#ifndef HONE_IO_INTERNAL_H
#define HONE_IO_INTERNAL_H

#include "hone/io/io.h"
#include "hone/memory/page_block.h"

#define HN_IO_NONE UINT32_MAX /* an index of no slot */

enum { HN_IO_GENERATIONS_MAX = 1 << 29 };

typedef enum hn_io_state {
    HN_IO_FREE,
    HN_IO_PREPARED, /* not handed over yet, or behind an unfinished link */
    HN_IO_KERNEL,   /* uring */
    HN_IO_IN_POOL,  /* threads: queued, running, or run and not collected */
    HN_IO_WAITING,  /* threads: for a descriptor or its time */
    HN_IO_DONE,     /* threads: the result is there, nobody took it yet */
} hn_io_state;

/* The fields that each operation touches come first; what is marked "kept" is as it was at the
 * start again when the slot is freed, so that taking one need not write it. */
typedef struct hn_io_slot {
    hone_io_request request; /* fd resolved, unless the kernel knows the registered file */
    uint32_t index, generation;
    hn_io_state state;
    int32_t result; /* count, or minus the kernel's error number */
    bool is_cancel_asked;
    bool is_polling;                     /* uring: waits for readiness, to be started again then */
    bool is_timed_out;                   /* uring: its own time-out fired */
    bool is_running;                     /* threads: in the pool; under its lock */
    bool is_connecting;                  /* threads: CONNECT, the kernel works on it */
    uint8_t pending_count;               /* uring: completions of the kernel to come, its time-out's
                                            included */
    uint32_t next, previous;             /* in the one list that the state says */
    uint32_t entry;                      /* uring: where in the submission queue it went last */
    uint32_t chain_next, chain_previous; /* neighbours in a chain that have not finished; kept */
    uint64_t chain;  /* its chain's number and the place in it, also when it has ended; 0: none */
    uint32_t buffer; /* receive buffer it was armed with; kept HN_IO_NONE */
    uint32_t heap_index, watch; /* threads; kept HN_IO_NONE */
    uint64_t deadline_ns;       /* with a time-out; 0: not started yet */
    int64_t timeout[2];         /* uring: struct __kernel_timespec, read at submission */
} hn_io_slot;

typedef struct hn_io_backend {
    hone_status (*prepare)(hone_io *io, hn_io_slot *slot);
    hone_status (*submit)(hone_io *io, hone_diag *diag);
    hone_status (*wait)(hone_io *io, uint32_t count_min, uint64_t timeout_ns,
                        hone_io_completion *out_completions, uint32_t completions_max,
                        hone_diag *diag, uint32_t *out_count);
    hone_status (*cancel)(hone_io *io, hn_io_slot *slot);
    /* Returns 0 or minus an error number. Only where is_files_native. */
    int (*register_file)(hone_io *io, uint32_t index, int fd);
    /* Only where is_receive_native: the kernel picks the buffers. */
    void (*give_back)(hone_io *io, uint32_t buffer);
    void (*destroy)(hone_io *io);
} hn_io_backend;

struct hone_io {
    const hn_io_backend *backend;
    void *self; /* the backend's own */
    const hone_allocator *allocator;
    hone_io_options options;
    hn_io_slot *slots;
    uint32_t free_slot; /* list by `next` */
    uint32_t in_flight_count;
    uint32_t chain_last, chain_count; /* the chain under construction, or HN_IO_NONE */
    uint64_t chains_count;            /* that there ever were: their numbers */
    int descriptor;                   /* hone_io_descriptor */
    hone_page_block block;            /* buffers, then receive buffers */
    size_t buffers_bytes;             /* of the former: where the latter begin */
    uint32_t *spare_buffers;          /* stack of receive buffers, where not is_receive_native */
    uint32_t spare_count;
    int *files; /* registered: the caller's number, or our duplicate unless is_files_native; -1 */
    bool is_files_native, is_receive_native, is_buffers_native;
    hone_io_description description;
    hone_io_stats stats;
    char uring_reason[256], buffers_reason[160], files_reason[160];
};

/* Both create io->self and set backend and description; on failure they leave nothing behind. The
 * uring one says in *out_is_refusal whether it is the kernel (or the build) that refuses, which
 * auto takes for an answer. */
HONE_MUST_USE hone_status hn_io_uring_create(hone_io *io, hone_diag *diag, bool *out_is_refusal);
HONE_MUST_USE hone_status hn_io_threads_create(hone_io *io, hone_diag *diag);

/* io_status.c. `error` is positive. */
hone_status hn_io_status_of(int error);
hone_fact hn_io_fact_present(const char *text);
hone_fact hn_io_fact_missing(hone_fact_state state, const char *reason);

/* The result of a POLL from what poll(2) and epoll call it: the numbers are the same. */
uint32_t hn_io_poll_result(uint32_t events);

/* Minus the error number of the last failed call. */
int hn_io_error(void);

/* Frees a slot without a completion; a descriptor that the result holds is closed. */
void hn_io_drop(hone_io *io, hn_io_slot *slot, int32_t result);

/* Where receive buffer `buffer` lies; and taking one of the spare ones, or HN_IO_NONE. */
void *hn_io_receive_buffer(const hone_io *io, uint32_t buffer);
uint32_t hn_io_take_buffer(hone_io *io);

/* True when a result lets the chain go on. */
bool hn_io_is_full_success(const hn_io_slot *slot, int32_t result);

static inline hn_io_slot *hn_io_slot_at(const hone_io *io, uint32_t index) {
    return index == HN_IO_NONE ? NULL : &io->slots[index];
}

static inline hone_io_handle hn_io_handle_of(const hn_io_slot *slot) {
    return (uint64_t)slot->generation << 32 | slot->index;
}

/* Takes a slot out of its chain and returns the one behind it, or NULL. */
static inline hn_io_slot *hn_io_unlink(hone_io *io, hn_io_slot *slot) {
    hn_io_slot *next = hn_io_slot_at(io, slot->chain_next);
    hn_io_slot *previous = hn_io_slot_at(io, slot->chain_previous);
    if (next) {
        next->chain_previous = slot->chain_previous;
    }
    if (previous) {
        previous->chain_next = slot->chain_next;
    }
    slot->chain_next = slot->chain_previous = HN_IO_NONE;
    return next;
}

static inline void hn_io_free_slot(hone_io *io, hn_io_slot *slot) {
    (void)hn_io_unlink(io, slot);
    slot->state = HN_IO_FREE;
    slot->generation = slot->generation == HN_IO_GENERATIONS_MAX ? 1 : slot->generation + 1;
    slot->next = io->free_slot;
    io->free_slot = slot->index;
    io->in_flight_count--;
}

/* Writes the completion of a result; with is_more the slot lives on, else it is free afterwards. */
static inline void hn_io_complete(hone_io *io, hn_io_slot *slot, int32_t result, uint32_t buffer,
                                  bool is_more, hone_io_completion *out_completion) {
    *out_completion = (hone_io_completion){
        .token = slot->request.token,
        .handle = hn_io_handle_of(slot),
        .status = result < 0 ? hn_io_status_of(-result) : HONE_OK,
        .count = result < 0 ? 0 : (uint32_t)result,
        .data = buffer == HN_IO_NONE ? NULL : hn_io_receive_buffer(io, buffer),
        .is_more = is_more,
        .code = result < 0 ? -result : 0,
    };
    if (!is_more) {
        io->stats.completed_count++;
        hn_io_free_slot(io, slot);
    }
}

/* How many more completions a wait wants: never more than there can be. */
static inline uint32_t hn_io_wanted(const hone_io *io, uint32_t count_min, uint32_t count,
                                    uint32_t completions_max) {
    uint32_t target = count_min < completions_max ? count_min : completions_max;
    uint32_t missing = target > count ? target - count : 0;
    return missing < io->in_flight_count ? missing : io->in_flight_count;
}

#endif
