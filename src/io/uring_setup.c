/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the ring, from the best kind down: one that runs its work only when we wait for it (Linux
 * 6.1), one that interrupts us less, a plain one. A kind that the kernel does not know is EINVAL
 * and the next is tried; any other refusal ends it. Kernels before 5.17 count as having none: what
 * they lack (cancels without an entry, time-outs that do not break a chain) would have to be made
 * up for in ways that no machine of the tests could show to be right.
 *
 * The ring starts disabled, so that the thread that uses it may be another than the one that made
 * it. Registered buffers, files and the ring of receive buffers are extras: refused ones are done
 * without, and the description says why.
 * tidy: allow errno throughout: results of the kernel are error numbers
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hone/base/checked.h"
#include "uring_internal.h"

enum { RECEIVE_RING_ALIGNMENT = 4096 };

typedef struct rung {
    unsigned flags;
    bool is_sq_thread;
    const char *text;
} rung;

static const rung rungs[] = {
    {IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_SUBMIT_ALL, true,
     "submission thread, single issuer"},
    {IORING_SETUP_SQPOLL, true, "submission thread"},
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
         IORING_SETUP_SUBMIT_ALL,
     false, "single issuer, deferred work"},
    {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, false, "cooperative work"},
    {0, false, "plain"},
};

static hone_status explain_refusal(int error, hone_diag *diag, bool *out_is_refusal) {
    *out_is_refusal = error != EMFILE && error != ENFILE;
    switch (error) {
    case EPERM:
    case EACCES:
        return hone_diag_set(diag, HONE_STATUS_FORBIDDEN,
                             "io_uring is forbidden: by seccomp (a container's profile) or by "
                             "kernel.io_uring_disabled; allow it there, or take the threads");
    case ENOSYS: return hone_diag_set(diag, HONE_STATUS_ABSENT, "this kernel has no io_uring");
    case EINVAL:
        return hone_diag_set(diag, HONE_STATUS_ABSENT,
                             "this kernel's io_uring is too old; 5.17 is needed");
    case ENOMEM:
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for the ring (old kernels count it against the limit of "
                             "locked memory: ulimit -l); ask for a smaller operations_max");
    case EMFILE:
    case ENFILE:
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "no descriptor left for the ring (ulimit -n)");
    default:
        return hone_diag_set(diag, hn_io_status_of(error), "io_uring_setup: %s",
                             strerrordesc_np(error));
    }
}

/* The queue of a submission thread cannot be emptied by us, so it has room for all. */
static unsigned entries_of(const hone_io_options *options) {
    unsigned entries = (unsigned)hone_power_of_two_ceil(options->operations_max);
    entries *= options->sq_idle_ms > 0 ? 2 : 1;
    return entries < HN_URING_ENTRIES_MIN ? HN_URING_ENTRIES_MIN : entries;
}

static int climb_down(hone_io *io, const rung **out_rung) {
    hn_uring *it = io->self;
    int result = -EINVAL;
    for (size_t i = 0; i < sizeof rungs / sizeof rungs[0] && result == -EINVAL; i++) {
        if (rungs[i].is_sq_thread != (io->options.sq_idle_ms > 0)) {
            continue;
        }
        unsigned completions = 4 * (unsigned)hone_power_of_two_ceil(io->options.operations_max);
        struct io_uring_params params = {
            .flags = rungs[i].flags | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
            .cq_entries =
                completions < 2 * HN_URING_ENTRIES_MIN ? 2 * HN_URING_ENTRIES_MIN : completions,
            .sq_thread_idle = io->options.sq_idle_ms,
        };
        result = io_uring_queue_init_params(entries_of(&io->options), &it->ring, &params);
        *out_rung = &rungs[i];
    }
    unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
    if (result >= 0 && (it->ring.features & needed) != needed) {
        io_uring_queue_exit(&it->ring);
        return -EINVAL;
    }
    return result;
}

/* ---- extras ---- */

static void explain_extra(int result, const char *what, char *out_text, size_t size,
                          hone_fact *out_fact) {
    const char *hint = result == -ENOMEM ? ": more than may be locked (ulimit -l)" : "";
    (void)snprintf(out_text, size, "%s not registered, used without: %s%s", what,
                   strerrordesc_np(-result), hint);
    *out_fact =
        hn_io_fact_missing(hn_io_status_of(-result) == HONE_STATUS_UNSUPPORTED || result == -EINVAL
                               ? HONE_FACT_ABSENT
                               : HONE_FACT_FORBIDDEN,
                           out_text);
}

static void register_buffers(hone_io *io) {
    hn_uring *it = io->self;
    hone_fact *fact = &io->description.registered_buffers;
    *fact = hn_io_fact_missing(HONE_FACT_ABSENT, "none asked for");
    if (io->options.buffers_count == 0) {
        return;
    }
    struct iovec all = {io->block.data, io->block.size_bytes};
    int result = io_uring_register_buffers(&it->ring, &all, 1);
    io->is_buffers_native = result >= 0;
    *fact = hn_io_fact_present("registered");
    if (result < 0) {
        explain_extra(result, "buffers", io->buffers_reason, sizeof io->buffers_reason, fact);
    }
}

/* io->files is all -1, which is what the kernel takes for empty slots. */
static void register_files(hone_io *io) {
    hn_uring *it = io->self;
    hone_fact *fact = &io->description.registered_files;
    *fact = hn_io_fact_missing(HONE_FACT_ABSENT, "none asked for");
    if (io->options.files_count == 0) {
        return;
    }
    int result = io_uring_register_files(&it->ring, io->files, io->options.files_count);
    io->is_files_native = result >= 0;
    *fact = hn_io_fact_present("registered");
    if (result < 0) {
        explain_extra(result, "files", io->files_reason, sizeof io->files_reason, fact);
    }
}

/* Only with the newest kind of ring, whose kernel is known to have multishot receive. Where the
 * ring of buffers is refused, buffers are picked here and multishots armed one by one. */
static hone_status make_receive_ring(hone_io *io, hone_diag *diag) {
    hn_uring *it = io->self;
    uint32_t count = io->options.receive_buffers_count;
    if (count == 0 || io->description.multishot.state != HONE_FACT_PRESENT) {
        return HONE_OK;
    }
    it->receive_entries = (uint32_t)hone_power_of_two_ceil(count);
    it->receive_ring = hone_allocate_zeroed(io->allocator, it->receive_entries,
                                            sizeof(struct io_uring_buf), RECEIVE_RING_ALIGNMENT);
    if (!it->receive_ring) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the receive buffers");
    }
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)it->receive_ring,
        .ring_entries = it->receive_entries,
        .bgid = HN_URING_BUFFER_GROUP,
    };
    if (io_uring_register_buf_ring(&it->ring, &registration, 0) < 0) {
        io->description.multishot = hn_io_fact_missing(
            HONE_FACT_ABSENT, "the kernel takes no ring of receive buffers; armed one by one");
        return HONE_OK;
    }
    io->is_receive_native = true;
    io_uring_buf_ring_init(it->receive_ring);
    for (uint32_t i = 0; i < count; i++) {
        hn_uring_backend.give_back(io, i);
    }
    io->spare_count = 0;
    return HONE_OK;
}

static hone_status make_event(hone_io *io, hone_diag *diag) {
    hn_uring *it = io->self;
    if (!io->options.is_pollable) {
        return HONE_OK;
    }
    io->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (io->descriptor < 0) {
        return hone_diag_set(diag, hn_io_status_of(errno), "no descriptor left (ulimit -n)");
    }
    int result = io_uring_register_eventfd(&it->ring, io->descriptor);
    return result >= 0
               ? HONE_OK
               : hone_diag_set(diag, hn_io_status_of(-result),
                               "the ring takes no event descriptor: %s", strerrordesc_np(-result));
}

/* ---- life ---- */

void hn_uring_free(hone_io *io) {
    hn_uring *it = io->self;
    io_uring_queue_exit(&it->ring);
    if (io->descriptor >= 0) {
        (void)close(io->descriptor);
    }
    hone_release(io->allocator, it->receive_ring, it->receive_entries * sizeof(struct io_uring_buf),
                 RECEIVE_RING_ALIGNMENT);
    HONE_DELETE(io->allocator, hn_uring, it);
    io->self = NULL;
    io->descriptor = -1;
}

hone_status hn_io_uring_create(hone_io *io, hone_diag *diag, bool *out_is_refusal) {
    hn_uring *it = HONE_NEW(io->allocator, hn_uring);
    *out_is_refusal = false;
    if (!it) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the ring");
    }
    io->self = it;
    it->later_first = it->later_last = HN_IO_NONE;
    it->is_sq_thread = io->options.sq_idle_ms > 0;
    const rung *obtained = NULL;
    int result = climb_down(io, &obtained);
    if (result < 0) {
        HONE_DELETE(io->allocator, hn_uring, it);
        io->self = NULL;
        return explain_refusal(-result, diag, out_is_refusal);
    }
    hone_io_description *description = &io->description;
    description->backend = HONE_IO_URING;
    description->uring = hn_io_fact_present(obtained->text);
    description->sq_thread = it->is_sq_thread
                                 ? hn_io_fact_present("runs")
                                 : hn_io_fact_missing(HONE_FACT_ABSENT, "none asked for");
    description->multishot =
        obtained->flags & IORING_SETUP_SINGLE_ISSUER
            ? hn_io_fact_present("the kernel's")
            : hn_io_fact_missing(HONE_FACT_ABSENT, "an older kernel's ring; armed one by one");
    register_buffers(io);
    register_files(io);
    hone_status status = make_receive_ring(io, diag);
    if (status == HONE_OK) {
        status = make_event(io, diag);
    }
    if (status != HONE_OK) {
        hn_uring_free(io);
        return status;
    }
    io->backend = &hn_uring_backend;
    return HONE_OK;
}
