/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend on io_uring: handing over, waiting, and the end. uring_setup.c makes the ring.
 *
 * The user data of an entry names the slot and the part: the operation itself (or the poll that it
 * waits with), its linked time-out, or a cancel. A slot is finished when the kernel has reported
 * all its parts, so that a late time-out can never meet the next owner of the slot. What must be
 * started again (it was not ready, or is a multishot that the kernel ended) goes into a list that
 * the next wait works off, because a queue that is being read is no place to submit from.
 *
 * Chains are not the kernel's links: a member is handed over when the one before has succeeded in
 * full, by whoever sees that first, submit or wait. So a cancel knows what has started, and nothing
 * that has not is beyond its reach. (The kernel finds no linked entry before its turn, and starts
 * linked entries when we wait, not before.)
 * tidy: allow errno throughout: results of the kernel are error numbers
 */
#include "uring_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hone/platform/clock.h"

enum { SECOND_NS = 1000000000 };

#define PART_SHIFT 62
typedef enum entry_part { PART_OPERATION, PART_TIMEOUT, PART_CANCEL } entry_part;

static uint64_t data_of(const hn_io_slot *slot, entry_part part) {
    return (uint64_t)part << PART_SHIFT | (uint64_t)slot->generation << 32 | slot->index;
}

/* ---- filling entries ---- */

static void fill_read_write(const hone_io *io, const hone_io_request *request,
                            struct io_uring_sqe *sqe) {
    bool is_write = request->kind == HONE_IO_WRITE;
    const char *data = request->data, *block = io->block.data;
    int operation = is_write ? IORING_OP_WRITE : IORING_OP_READ;
    if (io->is_buffers_native && data >= block && request->size <= io->block.size_bytes &&
        data <= block + (io->block.size_bytes - request->size)) {
        operation = is_write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
    }
    io_uring_prep_rw(operation, sqe, request->fd, data, (unsigned)request->size, request->offset);
    sqe->buf_index = 0;
}

static void fill_receive(const hone_io *io, const hn_io_slot *slot, struct io_uring_sqe *sqe) {
    const hone_io_request *request = &slot->request;
    if (!request->is_multishot) {
        io_uring_prep_recv(sqe, request->fd, request->data, request->size, 0);
    } else if (io->is_receive_native) {
        io_uring_prep_recv_multishot(sqe, request->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = HN_URING_BUFFER_GROUP;
    } else {
        io_uring_prep_recv(sqe, request->fd, hn_io_receive_buffer(io, slot->buffer),
                           io->options.receive_buffer_bytes, 0);
    }
}

static unsigned poll_mask(const hone_io_request *request) {
    switch (request->kind) {
    case HONE_IO_POLL:
        return (request->flags & HONE_IO_READABLE ? POLLIN : 0) |
               (request->flags & HONE_IO_WRITABLE ? POLLOUT : 0);
    case HONE_IO_WRITE:
    case HONE_IO_WRITEV:
    case HONE_IO_SEND: return POLLOUT;
    default: return POLLIN;
    }
}

static void fill_descriptor_operation(const hone_io *io, hn_io_slot *slot,
                                      struct io_uring_sqe *sqe) {
    const hone_io_request *request = &slot->request;
    switch (request->kind) {
    case HONE_IO_OPEN:
        io_uring_prep_openat(sqe, request->fd < 0 ? AT_FDCWD : request->fd, request->path,
                             (int)request->flags | O_CLOEXEC, request->mode);
        break;
    case HONE_IO_CLOSE: io_uring_prep_close(sqe, request->fd); break;
    case HONE_IO_ACCEPT:
        if (request->is_multishot && io->description.multishot.state == HONE_FACT_PRESENT) {
            io_uring_prep_multishot_accept(sqe, request->fd, NULL, NULL, SOCK_CLOEXEC);
        } else {
            io_uring_prep_accept(sqe, request->fd, NULL, NULL, SOCK_CLOEXEC);
        }
        break;
    case HONE_IO_CONNECT:
        io_uring_prep_connect(sqe, request->fd, request->address, (socklen_t)request->size);
        break;
    case HONE_IO_SEND:
        io_uring_prep_send(sqe, request->fd, request->source, request->size, MSG_NOSIGNAL);
        break;
    default: fill_receive(io, slot, sqe); break;
    }
}

static void fill_entry(const hone_io *io, hn_io_slot *slot, struct io_uring_sqe *sqe) {
    const hone_io_request *request = &slot->request;
    switch (slot->is_polling ? HONE_IO_POLL : request->kind) {
    case HONE_IO_NOP: io_uring_prep_nop(sqe); break;
    case HONE_IO_READ:
    case HONE_IO_WRITE: fill_read_write(io, request, sqe); break;
    case HONE_IO_READV:
        io_uring_prep_readv(sqe, request->fd, request->vectors, (unsigned)request->size,
                            request->offset);
        break;
    case HONE_IO_WRITEV:
        io_uring_prep_writev(sqe, request->fd, request->vectors, (unsigned)request->size,
                             request->offset);
        break;
    case HONE_IO_SYNC:
        io_uring_prep_fsync(sqe, request->fd, request->is_data_only ? IORING_FSYNC_DATASYNC : 0);
        break;
    case HONE_IO_POLL: io_uring_prep_poll_add(sqe, request->fd, poll_mask(request)); break;
    case HONE_IO_TIMEOUT:
        io_uring_prep_timeout(sqe, (struct __kernel_timespec *)slot->timeout, 0,
                              IORING_TIMEOUT_ETIME_SUCCESS);
        break;
    default: fill_descriptor_operation(io, slot, sqe); break;
    }
    if (request->is_registered_file) {
        sqe->flags |= IOSQE_FIXED_FILE;
    }
    io_uring_sqe_set_data64(sqe, data_of(slot, PART_OPERATION));
}

static void set_timeout(hn_io_slot *slot) {
    uint64_t left_ns = slot->request.timeout_ns;
    if (slot->deadline_ns == 0) {
        slot->deadline_ns = hone_clock_monotonic_ns() + left_ns;
    } else {
        uint64_t now_ns = hone_clock_monotonic_ns();
        left_ns = slot->deadline_ns > now_ns ? slot->deadline_ns - now_ns : 1;
    }
    slot->timeout[0] = (int64_t)(left_ns / SECOND_NS);
    slot->timeout[1] = (int64_t)(left_ns % SECOND_NS);
}

/* Puts the slot's one or two entries into the queue; there is room. */
static void start(hone_io *io, hn_io_slot *slot) {
    hn_uring *it = io->self;
    bool is_timed = slot->request.timeout_ns > 0;
    if (is_timed) {
        set_timeout(slot);
    }
    slot->entry = it->ring.sq.sqe_tail;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&it->ring);
    fill_entry(io, slot, sqe);
    slot->pending_count = 1;
    if (is_timed && slot->request.kind != HONE_IO_TIMEOUT) {
        sqe->flags |= IOSQE_IO_LINK;
        sqe = io_uring_get_sqe(&it->ring);
        io_uring_prep_link_timeout(sqe, (struct __kernel_timespec *)slot->timeout, 0);
        io_uring_sqe_set_data64(sqe, data_of(slot, PART_TIMEOUT));
        slot->pending_count = 2;
    }
    slot->state = HN_IO_KERNEL;
}

/* ---- handing over ---- */

static bool has_unsubmitted(const hn_uring *it) {
    return it->is_sq_thread ? it->ring.sq.sqe_tail != it->ring.sq.sqe_head
                            : io_uring_sq_ready(&it->ring) > 0;
}

/* A ring may be created by one thread and used by another; the first submission decides. */
static int enable(hn_uring *it) {
    if (it->is_enabled) {
        return 0;
    }
    /* liburing 2.3 declares a function for this call and does not export it. */
    long result =
        syscall(SYS_io_uring_register, it->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (result >= 0) {
        it->is_enabled = true;
        /* Saves looking up the descriptor at each call; where refused it is looked up. */
        (void)io_uring_register_ring_fd(&it->ring);
    }
    return result < 0 ? -errno : 0;
}

/* One call that submits, and waits for `missing` completions where that is not 0. */
static int enter(hn_uring *it, uint32_t missing, uint64_t deadline_ns) {
    if (missing == 0) {
        return io_uring_submit_and_get_events(&it->ring);
    }
    if (deadline_ns == UINT64_MAX) {
        return io_uring_submit_and_wait(&it->ring, missing);
    }
    uint64_t now_ns = hone_clock_monotonic_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct __kernel_timespec left = {(int64_t)(left_ns / SECOND_NS),
                                     (long long)(left_ns % SECOND_NS)};
    struct io_uring_cqe *first;
    return io_uring_submit_and_wait_timeout(&it->ring, &first, missing, &left, NULL);
}

static hone_status explain(int result, hone_diag *diag) {
    if (result == -EBUSY || result == -EAGAIN) {
        return hone_diag_set(
            diag, HONE_STATUS_WOULD_BLOCK,
            "the kernel takes no more operations just now: take completions first");
    }
    if (result == -EEXIST) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the ring belongs to the thread that submitted to it first");
    }
    return hone_diag_set(diag, hn_io_status_of(-result), "io_uring_enter: %s",
                         strerrordesc_np(-result));
}

static hone_status flush(hone_io *io, hone_diag *diag) {
    hn_uring *it = io->self;
    int result = enable(it);
    while (result >= 0 && has_unsubmitted(it)) {
        result = io_uring_submit(&it->ring);
        io->stats.submits_count++;
        if (result == -EINTR) {
            result = 0;
        } else if (result == 0) {
            result = -EAGAIN;
        }
    }
    return result < 0 ? explain(result, diag) : HONE_OK;
}

/* Room for `entries` in the queue, by handing over what is in it where that is needed. */
static bool make_room(hone_io *io, unsigned entries) {
    hn_uring *it = io->self;
    if (io_uring_sq_space_left(&it->ring) >= entries) {
        return true;
    }
    return flush(io, NULL) == HONE_OK && io_uring_sq_space_left(&it->ring) >= entries;
}

/* Puts off to the next submit or wait. */
static void start_later(hone_io *io, hn_io_slot *slot) {
    hn_uring *it = io->self;
    slot->next = HN_IO_NONE;
    if (it->later_first == HN_IO_NONE) {
        it->later_first = slot->index;
    } else {
        io->slots[it->later_last].next = slot->index;
    }
    it->later_last = slot->index;
}

static hone_status prepare(hone_io *io, hn_io_slot *slot) {
    hn_uring *it = io->self;
    if (slot->chain_previous != HN_IO_NONE) {
        it->behind_count++;
        return HONE_OK;
    }
    if (!make_room(io, 2)) {
        return HONE_STATUS_WOULD_BLOCK;
    }
    if (slot->request.is_multishot) {
        start_later(io, slot); /* where an emulated one finds its buffer */
        return HONE_OK;
    }
    start(io, slot);
    return HONE_OK;
}

/* ---- chains and cancels ---- */

/* Takes the rest of a chain from behind `slot`, which has ended: the next member starts, or, when
 * it ended badly, all complete as CANCELLED. */
static void leave_chain(hone_io *io, hn_io_slot *slot, bool is_success) {
    hn_uring *it = io->self;
    hn_io_slot *next = hn_io_unlink(io, slot);
    while (next) {
        next->is_cancel_asked = next->is_cancel_asked || !is_success;
        start_later(io, next);
        it->behind_count--;
        next = next->is_cancel_asked ? hn_io_unlink(io, next) : NULL;
    }
}

/* True when the operation is not over but will be started again. */
static bool is_again(const hn_io_slot *slot, int32_t result) {
    if (slot->is_polling) {
        return result >= 0;
    }
    switch (slot->request.kind) {
    case HONE_IO_READ:
    case HONE_IO_WRITE:
    case HONE_IO_READV:
    case HONE_IO_WRITEV:
    case HONE_IO_RECEIVE:
    case HONE_IO_SEND:
    case HONE_IO_ACCEPT: return result == -EAGAIN && !slot->is_timed_out;
    default: return false;
    }
}

/* Looks through what nobody took yet for members of chains that have ended: for submit, so that a
 * chain goes on while its owner does something else. Returns whether that made a difference. */
static bool go_on(hone_io *io) {
    hn_uring *it = io->self;
    struct io_uring_cqe *cqe;
    unsigned head;
    uint32_t before_count = it->behind_count;
    if (before_count == 0) {
        return false;
    }
    io_uring_for_each_cqe(&it->ring, head, cqe) {
        hn_io_slot *slot = &io->slots[(uint32_t)cqe->user_data];
        if (cqe->user_data >> PART_SHIFT != PART_OPERATION || slot->chain_next == HN_IO_NONE ||
            is_again(slot, cqe->res)) {
            continue;
        }
        bool is_time = slot->request.kind == HONE_IO_TIMEOUT && cqe->res == -ETIME;
        leave_chain(io, slot, is_time || hn_io_is_full_success(slot, cqe->res));
    }
    return it->behind_count != before_count;
}

/* The first entry that the kernel has not taken. */
static unsigned first_unsubmitted(const hn_uring *it) {
    return it->is_sq_thread ? it->ring.sq.sqe_head : *it->ring.sq.khead;
}

/* Makes the slot's one or two entries into ones that do nothing and say nothing. False when the
 * kernel has taken them, or there are none. */
static bool withdraw(hn_uring *it, const hn_io_slot *slot) {
    struct io_uring_sq *queue = &it->ring.sq;
    unsigned first = first_unsubmitted(it);
    if (slot->entry - first >= queue->sqe_tail - first ||
        queue->sqes[slot->entry & queue->ring_mask].user_data != data_of(slot, PART_OPERATION)) {
        return false;
    }
    for (unsigned i = 0; i < slot->pending_count; i++) {
        struct io_uring_sqe *sqe = &queue->sqes[(slot->entry + i) & queue->ring_mask];
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, data_of(slot, PART_CANCEL));
        sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    }
    return true;
}

/* Asks the kernel; there is room. */
static void ask(hn_uring *it, const hn_io_slot *slot) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&it->ring);
    io_uring_prep_cancel64(sqe, data_of(slot, PART_OPERATION), 0);
    io_uring_sqe_set_data64(sqe, data_of(slot, PART_CANCEL));
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

static hone_status cancel(hone_io *io, hn_io_slot *slot) {
    hn_uring *it = io->self;
    if (withdraw(it, slot)) {
        slot->pending_count = 0;
        start_later(io, slot);
        leave_chain(io, slot, false);
        return HONE_OK;
    }
    if (!make_room(io, 1)) {
        return HONE_STATUS_WOULD_BLOCK;
    }
    ask(it, slot);
    return HONE_OK;
}

/* ---- taking completions ---- */

/* All parts of a slot are there. Returns how many completions that makes, 0 or 1. */
static uint32_t finish(hone_io *io, hn_io_slot *slot, hone_io_completion *out) {
    int32_t result = slot->result;
    if (slot->is_timed_out && (result == -ECANCELED || result == -EINTR)) {
        result = -ETIME;
    } else if (slot->request.kind == HONE_IO_TIMEOUT && result == -ETIME) {
        result = 0;
    }
    if (is_again(slot, result)) {
        slot->is_polling = !slot->is_polling;
        start_later(io, slot);
        return 0;
    }
    if (slot->chain_next != HN_IO_NONE) {
        leave_chain(io, slot, hn_io_is_full_success(slot, result));
    }
    if (slot->request.kind == HONE_IO_POLL && result > 0) {
        result = hn_io_poll_result((uint32_t)result);
    }
    uint32_t buffer = slot->buffer;
    slot->buffer = HN_IO_NONE;
    bool is_data = slot->request.kind == HONE_IO_ACCEPT ? result >= 0 : result > 0;
    if (buffer != HN_IO_NONE && !is_data) {
        hone_io_give_back_buffer(io, hn_io_receive_buffer(io, buffer));
        buffer = HN_IO_NONE;
    }
    bool is_more = slot->request.is_multishot && is_data;
    hn_io_complete(io, slot, result, buffer, is_more, out);
    if (is_more) {
        start_later(io, slot);
    }
    return 1;
}

/* One entry of the completion queue. Returns the number of completions written, 0 or 1. */
static uint32_t take(hone_io *io, const struct io_uring_cqe *cqe, hone_io_completion *out) {
    hn_io_slot *slot = &io->slots[(uint32_t)cqe->user_data];
    switch ((entry_part)(cqe->user_data >> PART_SHIFT)) {
    case PART_CANCEL: return 0;
    case PART_TIMEOUT: slot->is_timed_out = slot->is_timed_out || cqe->res == -ETIME; break;
    default:
        if (cqe->flags & IORING_CQE_F_BUFFER) {
            slot->buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        }
        if (cqe->flags & IORING_CQE_F_MORE) {
            hn_io_complete(io, slot, cqe->res, slot->buffer, true, out);
            slot->buffer = HN_IO_NONE;
            return 1;
        }
        slot->result = cqe->res;
    }
    return --slot->pending_count == 0 ? finish(io, slot, out) : 0;
}

static uint32_t reap(hone_io *io, hone_io_completion *out, uint32_t max) {
    hn_uring *it = io->self;
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    uint32_t count = 0;
    io_uring_for_each_cqe(&it->ring, head, cqe) {
        if (count == max) {
            break;
        }
        seen++;
        count += take(io, cqe, &out[count]);
    }
    io_uring_cq_advance(&it->ring, seen);
    return count;
}

/* Takes a slot out of the list of start_later; `previous` is the one before it, or HN_IO_NONE. */
static void leave_later(hone_io *io, uint32_t previous, const hn_io_slot *slot) {
    hn_uring *it = io->self;
    *(previous == HN_IO_NONE ? &it->later_first : &io->slots[previous].next) = slot->next;
    if (it->later_last == slot->index) {
        it->later_last = previous;
    }
}

/* Completes what shall not start (a cancelled one) or cannot (an emulated one without a buffer). */
static void complete_unstarted(hone_io *io, hn_io_slot *slot, hone_io_completion *out) {
    if (slot->buffer != HN_IO_NONE) {
        hone_io_give_back_buffer(io, hn_io_receive_buffer(io, slot->buffer));
        slot->buffer = HN_IO_NONE;
    }
    leave_chain(io, slot, false); /* into the same list */
    hn_io_complete(io, slot, slot->is_cancel_asked ? -ECANCELED : -ENOBUFS, HN_IO_NONE, false, out);
}

/* Starts what was put off, or completes it where that cannot be; what there is no room to complete
 * stays, and keeps nobody behind it from starting. */
static uint32_t start_again(hone_io *io, hone_io_completion *out, uint32_t max) {
    const hn_uring *it = io->self;
    uint32_t count = 0, previous = HN_IO_NONE, index = it->later_first;
    while (index != HN_IO_NONE) {
        hn_io_slot *slot = &io->slots[index];
        bool is_emulated = slot->request.is_multishot && !io->is_receive_native &&
                           slot->request.kind == HONE_IO_RECEIVE && !slot->is_polling;
        bool is_starved = is_emulated && slot->buffer == HN_IO_NONE && io->spare_count == 0;
        bool is_over = slot->is_cancel_asked || is_starved;
        if (is_over && count == max) {
            previous = index;
        } else if (is_over) {
            leave_later(io, previous, slot);
            complete_unstarted(io, slot, &out[count++]);
        } else if (make_room(io, 2)) {
            leave_later(io, previous, slot);
            if (is_emulated && slot->buffer == HN_IO_NONE) {
                slot->buffer = hn_io_take_buffer(io);
            }
            io->stats.rearmed_count += slot->state == HN_IO_KERNEL;
            start(io, slot);
        } else {
            break;
        }
        index = previous == HN_IO_NONE ? it->later_first : io->slots[previous].next;
    }
    return count;
}

/* What has to complete instead of starting does so in a wait, and a poller must hear of it. */
static hone_status submit(hone_io *io, hone_diag *diag) {
    const hn_uring *it = io->self;
    hone_status status;
    do {
        (void)start_again(io, NULL, 0);
        status = flush(io, diag);
    } while (status == HONE_OK && go_on(io));
    if (io->descriptor >= 0 && it->later_first != HN_IO_NONE) {
        uint64_t count = 1;
        ssize_t ignored = write(io->descriptor, &count, sizeof count);
        (void)ignored;
    }
    return status;
}

/* ---- waiting ---- */

/* What a poller sees is brought up to date when all was taken that there is room for: cleared
 * first, raised again if there is more. The kernel makes a completion, or its promise of one
 * (TASKRUN), visible before it raises the event, so none can fall between the two. */
static void tell_poller(hone_io *io) {
    hn_uring *it = io->self;
    uint64_t count = 1;
    ssize_t ignored = read(io->descriptor, &count, sizeof count);
    unsigned flags = IO_URING_READ_ONCE(*it->ring.sq.kflags);
    if (io_uring_cq_ready(&it->ring) > 0 || it->later_first != HN_IO_NONE ||
        (flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN))) {
        count = 1;
        ignored = write(io->descriptor, &count, sizeof count);
    }
    (void)ignored;
}

/* HONE_OK, or why the kernel took nothing. Sets *is_over when the time is. */
static hone_status wait_once(hone_io *io, uint32_t missing, uint64_t deadline_ns, bool *is_over,
                             hone_diag *diag) {
    hn_uring *it = io->self;
    int result = enable(it);
    if (result >= 0) {
        io->stats.submits_count += has_unsubmitted(it);
        result = enter(it, missing, deadline_ns);
    }
    /* The clock decides: liburing says ETIME also when the kernel came back for other work. */
    if (missing > 0 && deadline_ns != UINT64_MAX && hone_clock_monotonic_ns() >= deadline_ns) {
        *is_over = true;
        return HONE_OK;
    }
    return result < 0 && result != -EINTR && result != -ETIME ? explain(result, diag) : HONE_OK;
}

static hone_status uring_wait(hone_io *io, uint32_t count_min, uint64_t timeout_ns,
                              hone_io_completion *out_completions, uint32_t completions_max,
                              hone_diag *diag, uint32_t *out_count) {
    hn_uring *it = io->self;
    uint64_t deadline_ns = UINT64_MAX;
    if (timeout_ns != HONE_IO_FOR_EVER && timeout_ns != 0 && count_min > 0) {
        uint64_t now_ns = hone_clock_monotonic_ns();
        deadline_ns = timeout_ns < UINT64_MAX - now_ns ? now_ns + timeout_ns : UINT64_MAX;
    }
    bool is_over = timeout_ns == 0, has_looked = false;
    hone_status status = HONE_OK;
    uint32_t count = 0;
    for (;;) {
        count += reap(io, out_completions + count, completions_max - count);
        count += start_again(io, out_completions + count, completions_max - count);
        uint32_t missing = is_over ? 0 : hn_io_wanted(io, count_min, count, completions_max);
        if (missing > 1 && it->behind_count > 0) {
            missing = 1; /* may be the one that another waits for */
        }
        if (missing == 0 && !has_unsubmitted(it) && (has_looked || count > 0) &&
            (count == completions_max || !io_uring_cq_has_overflow(&it->ring))) {
            break;
        }
        status = wait_once(io, missing, deadline_ns, &is_over, diag);
        if (status != HONE_OK) {
            break;
        }
        has_looked = true;
    }
    if (status == HONE_STATUS_WOULD_BLOCK && count == 0) {
        (void)io_uring_get_events(&it->ring); /* brings up completions that had no room */
    }
    count += reap(io, out_completions + count, completions_max - count);
    if (io->descriptor >= 0) {
        tell_poller(io);
    }
    if (count == 0 && status != HONE_OK) {
        return status;
    }
    *out_count = count; /* a trouble that is not over shows in the next call */
    return HONE_OK;
}

/* ---- registered files, receive buffers ---- */

static int register_file(hone_io *io, uint32_t index, int fd) {
    hn_uring *it = io->self;
    int result = io_uring_register_files_update(&it->ring, index, &fd, 1);
    return result < 0 ? result : 0;
}

static void give_back(hone_io *io, uint32_t buffer) {
    hn_uring *it = io->self;
    io_uring_buf_ring_add(it->receive_ring, hn_io_receive_buffer(io, buffer),
                          (unsigned)io->options.receive_buffer_bytes, (unsigned short)buffer,
                          io_uring_buf_ring_mask(it->receive_entries), 0);
    io_uring_buf_ring_advance(it->receive_ring, 1);
}

/* ---- the end ---- */

/* Forgets the entries that the kernel has not seen, and what was to be started later. */
static void forget_unsubmitted(hone_io *io) {
    hn_uring *it = io->self;
    struct io_uring_sq *queue = &it->ring.sq;
    unsigned first = first_unsubmitted(it);
    for (unsigned i = first; i != queue->sqe_tail; i++) {
        uint64_t data = queue->sqes[i & queue->ring_mask].user_data;
        if (data >> PART_SHIFT == PART_OPERATION) {
            hn_io_drop(io, &io->slots[(uint32_t)data], -ECANCELED);
        }
    }
    if (!it->is_sq_thread) {
        *queue->ktail = first;
        queue->sqe_head = first;
    }
    queue->sqe_tail = first;
    while (it->later_first != HN_IO_NONE) {
        hn_io_slot *slot = &io->slots[it->later_first];
        it->later_first = slot->next;
        hn_io_drop(io, slot, -ECANCELED);
    }
    for (uint32_t i = 0; it->behind_count > 0 && i < io->options.operations_max; i++) {
        if (io->slots[i].state == HN_IO_PREPARED) { /* members before their turn */
            hn_io_drop(io, &io->slots[i], -ECANCELED);
            it->behind_count--;
        }
    }
}

static void drop_completions(hone_io *io) {
    hn_uring *it = io->self;
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    io_uring_for_each_cqe(&it->ring, head, cqe) {
        seen++;
        entry_part part = cqe->user_data >> PART_SHIFT;
        hn_io_slot *slot = &io->slots[(uint32_t)cqe->user_data];
        if (part == PART_OPERATION && (cqe->flags & IORING_CQE_F_MORE)) {
            if (slot->request.kind == HONE_IO_ACCEPT && cqe->res >= 0) {
                (void)close(cqe->res);
            }
        } else if (part != PART_CANCEL) {
            slot->result = part == PART_OPERATION ? cqe->res : slot->result;
            if (--slot->pending_count == 0) {
                hn_io_drop(io, slot, slot->is_polling ? -ECANCELED : slot->result);
            }
        }
    }
    io_uring_cq_advance(&it->ring, seen);
}

/* Cancels all that runs and waits for its end; a round ends with at least one operation less, so
 * nothing spins. */
static void drain(hone_io *io) {
    hn_uring *it = io->self;
    while (io->in_flight_count > 0) {
        bool are_all_asked = true;
        for (uint32_t i = 0; i < io->options.operations_max; i++) {
            if (io->slots[i].state == HN_IO_KERNEL) {
                are_all_asked = make_room(io, 1);
                if (!are_all_asked) {
                    break;
                }
                ask(it, &io->slots[i]);
            }
        }
        uint32_t before = io->in_flight_count;
        if (!are_all_asked) { /* the kernel wants completions taken first */
            drop_completions(io);
            (void)io_uring_get_events(&it->ring);
        }
        while (io->in_flight_count == before && are_all_asked) {
            drop_completions(io);
            if (io->in_flight_count != before) {
                break;
            }
            int result = io_uring_submit_and_wait(&it->ring, 1);
            if (result < 0 && result != -EINTR && result != -EBUSY && result != -EAGAIN) {
                return; /* not our thread: the contract is broken, and the kernel closes the ring */
            }
        }
    }
}

static void destroy(hone_io *io) {
    forget_unsubmitted(io);
    drain(io);
    hn_uring_free(io);
}

const hn_io_backend hn_uring_backend = {
    .prepare = prepare,
    .submit = submit,
    .wait = uring_wait,
    .cancel = cancel,
    .register_file = register_file,
    .give_back = give_back,
    .destroy = destroy,
};
