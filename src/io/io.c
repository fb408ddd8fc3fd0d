/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of the ring that both backends share: options, slots, checks of requests, chains,
 * buffers and registered files.
 *
 * A slot is free, or belongs to one operation from prepare until its completion is taken; its
 * generation changes when it is freed, so that an old handle finds nothing. Chains are doubly
 * linked through the slots that have not finished. A ring has as many slots as operations_max, and
 * its completion queue has room for more than they can fill: only multishots can overflow it, and
 * the kernel keeps those.
 */
#include "hone/io/io.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hone/base/checked.h"
#include "hone/platform/pages.h"
#include "io_internal.h"

enum { RECEIVE_ALIGNMENT = 64, ADDRESS_BYTES_MAX = 128 };

/* ---- what a request may have ---- */

enum {
    TAKES_FD = 1 << 0,
    TAKES_DATA = 1 << 1,
    TAKES_VECTORS = 1 << 2,
    TAKES_OFFSET = 1 << 3,
    MAY_MULTISHOT = 1 << 4,
    MAY_REGISTERED = 1 << 5,
};

static const struct {
    const char *name;
    uint32_t takes;
} kinds[HONE_IO_KINDS_COUNT] = {
    [HONE_IO_NOP] = {"nop", 0},
    [HONE_IO_READ] = {"read", TAKES_FD | TAKES_DATA | TAKES_OFFSET | MAY_REGISTERED},
    [HONE_IO_WRITE] = {"write", TAKES_FD | TAKES_DATA | TAKES_OFFSET | MAY_REGISTERED},
    [HONE_IO_READV] = {"readv", TAKES_FD | TAKES_VECTORS | TAKES_OFFSET | MAY_REGISTERED},
    [HONE_IO_WRITEV] = {"writev", TAKES_FD | TAKES_VECTORS | TAKES_OFFSET | MAY_REGISTERED},
    [HONE_IO_SYNC] = {"sync", TAKES_FD | MAY_REGISTERED},
    [HONE_IO_OPEN] = {"open", 0},
    [HONE_IO_CLOSE] = {"close", TAKES_FD},
    [HONE_IO_ACCEPT] = {"accept", TAKES_FD | MAY_MULTISHOT | MAY_REGISTERED},
    [HONE_IO_CONNECT] = {"connect", TAKES_FD | MAY_REGISTERED},
    [HONE_IO_RECEIVE] = {"receive", TAKES_FD | TAKES_DATA | MAY_MULTISHOT | MAY_REGISTERED},
    [HONE_IO_SEND] = {"send", TAKES_FD | TAKES_DATA | MAY_REGISTERED},
    [HONE_IO_POLL] = {"poll", TAKES_FD | MAY_REGISTERED},
    [HONE_IO_TIMEOUT] = {"timeout", 0},
};

static hone_status check_fd(const hone_io *io, const hone_io_request *request, hone_diag *diag) {
    const char *name = kinds[request->kind].name;
    if (request->is_registered_file) {
        if (!(kinds[request->kind].takes & MAY_REGISTERED)) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "%s takes a plain descriptor, not a registered file", name);
        }
        if (request->fd < 0 || (uint32_t)request->fd >= io->options.files_count ||
            io->files[request->fd] < 0) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "%s: no file is registered at index %d (files_count is %u)", name,
                                 request->fd, io->options.files_count);
        }
    } else if ((kinds[request->kind].takes & TAKES_FD) && request->fd < 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "%s: %d is no descriptor", name,
                             request->fd);
    }
    return HONE_OK;
}

static hone_status check_sizes(const hone_io_request *request, hone_diag *diag) {
    const char *name = kinds[request->kind].name;
    uint32_t takes = kinds[request->kind].takes;
    if ((takes & TAKES_VECTORS) &&
        (!request->vectors || request->size == 0 || request->size > HONE_IO_VECTORS_MAX)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "%s takes 1 to %d vectors", name,
                             HONE_IO_VECTORS_MAX);
    }
    if ((takes & TAKES_DATA) && !request->is_multishot) {
        if (request->size > HONE_IO_BYTES_MAX) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "%s of %zu bytes: one operation moves at most %d", name,
                                 request->size, HONE_IO_BYTES_MAX);
        }
        if (!request->data && request->size > 0) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "%s has no data", name);
        }
    }
    if ((takes & TAKES_OFFSET) && request->offset > INT64_MAX &&
        request->offset != HONE_IO_POSITION) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%s: the offset is beyond the end of every file", name);
    }
    return HONE_OK;
}

static const char *find_multishot_fault(const hone_io *io, const hone_io_request *request) {
    if (!(kinds[request->kind].takes & MAY_MULTISHOT)) {
        return "cannot be multishot";
    }
    if (request->is_linked || io->chain_last != HN_IO_NONE) {
        return "cannot be linked when it is multishot";
    }
    if (request->timeout_ns > 0) {
        return "has no time-out when it is multishot: cancel it";
    }
    if (request->kind == HONE_IO_RECEIVE && io->options.receive_buffers_count == 0) {
        return "is multishot, but the ring was created without receive_buffers_count";
    }
    return NULL;
}

/* What is wrong with the parts that only one kind has, or NULL. */
static const char *find_fault(const hone_io *io, const hone_io_request *request) {
    if (request->is_multishot) {
        return find_multishot_fault(io, request);
    }
    if (request->timeout_ns > INT64_MAX) {
        return "has a time-out of more than 292 years";
    }
    uint32_t events = request->flags;
    switch (request->kind) {
    case HONE_IO_TIMEOUT: return request->timeout_ns > 0 ? NULL : "needs timeout_ns";
    case HONE_IO_OPEN: return request->path ? NULL : "needs a path";
    case HONE_IO_CONNECT:
        return request->address && request->size > 0 && request->size <= ADDRESS_BYTES_MAX
                   ? NULL
                   : "needs an address and its size";
    case HONE_IO_POLL:
        return events != 0 && !(events & ~(uint32_t)(HONE_IO_READABLE | HONE_IO_WRITABLE))
                   ? NULL
                   : "needs HONE_IO_READABLE or HONE_IO_WRITABLE, or both";
    default: return NULL;
    }
}

static hone_status check_request(const hone_io *io, const hone_io_request *request,
                                 hone_diag *diag) {
    if ((uint32_t)request->kind >= HONE_IO_KINDS_COUNT) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no operation %d",
                             (int)request->kind);
    }
    const char *wrong = find_fault(io, request);
    if (wrong) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "%s %s", kinds[request->kind].name,
                             wrong);
    }
    hone_status status = check_fd(io, request, diag);
    return status == HONE_OK ? check_sizes(request, diag) : status;
}

/* ---- slots ---- */

static hn_io_slot *find_slot(const hone_io *io, hone_io_handle handle) {
    uint32_t index = (uint32_t)handle;
    if (index >= io->options.operations_max) {
        return NULL;
    }
    hn_io_slot *slot = &io->slots[index];
    return slot->state != HN_IO_FREE && slot->generation == handle >> 32 ? slot : NULL;
}

static hn_io_slot *take_slot(hone_io *io, const hone_io_request *request) {
    hn_io_slot *slot = &io->slots[io->free_slot];
    io->free_slot = slot->next;
    io->in_flight_count++;
    slot->request = *request;
    slot->state = HN_IO_PREPARED;
    slot->is_cancel_asked = slot->is_polling = slot->is_timed_out = false;
    slot->is_running = slot->is_connecting = false;
    slot->pending_count = 0;
    slot->deadline_ns = 0;
    if (request->is_registered_file && !io->is_files_native) {
        slot->request.fd = io->files[request->fd];
        slot->request.is_registered_file = false;
    }
    return slot;
}

void hn_io_drop(hone_io *io, hn_io_slot *slot, int32_t result) {
    bool is_descriptor = slot->request.kind == HONE_IO_OPEN || slot->request.kind == HONE_IO_ACCEPT;
    if (is_descriptor && result >= 0) {
        (void)close(result);
    }
    hn_io_free_slot(io, slot);
}

bool hn_io_is_full_success(const hn_io_slot *slot, int32_t result) {
    const hone_io_request *request = &slot->request;
    if (result < 0) {
        return false;
    }
    size_t full = 0;
    if (request->kind == HONE_IO_READ || request->kind == HONE_IO_WRITE) {
        full = request->size;
    } else if (request->kind == HONE_IO_READV || request->kind == HONE_IO_WRITEV) {
        for (size_t i = 0; i < request->size; i++) {
            full += request->vectors[i].iov_len;
        }
    }
    return (size_t)result >= full;
}

/* ---- buffers ---- */

void *hone_io_buffer(hone_io *io, uint32_t index) {
    if (index >= io->options.buffers_count) {
        return NULL;
    }
    return (char *)io->block.data + (size_t)index * io->options.buffer_bytes;
}

void *hn_io_receive_buffer(const hone_io *io, uint32_t buffer) {
    return (char *)io->block.data + io->buffers_bytes + buffer * io->options.receive_buffer_bytes;
}

uint32_t hn_io_take_buffer(hone_io *io) {
    return io->spare_count == 0 ? HN_IO_NONE : io->spare_buffers[--io->spare_count];
}

void hone_io_give_back_buffer(hone_io *io, void *data) {
    if (!data) {
        return;
    }
    size_t offset = (size_t)((char *)data - (char *)hn_io_receive_buffer(io, 0));
    uint32_t buffer = (uint32_t)(offset / io->options.receive_buffer_bytes);
    assert(buffer < io->options.receive_buffers_count);
    if (io->is_receive_native) {
        io->backend->give_back(io, buffer);
    } else if (io->spare_count < io->options.receive_buffers_count) {
        io->spare_buffers[io->spare_count++] = buffer;
    }
}

static hone_status make_buffers(hone_io *io, hone_diag *diag) {
    hone_io_options *options = &io->options;
    size_t receive_bytes, total_bytes;
    if (!hone_size_align(options->buffer_bytes, hone_pages_size_bytes(), &options->buffer_bytes) ||
        !hone_size_align(options->receive_buffer_bytes, RECEIVE_ALIGNMENT,
                         &options->receive_buffer_bytes) ||
        !hone_size_multiply(options->buffers_count, options->buffer_bytes, &io->buffers_bytes) ||
        !hone_size_multiply(options->receive_buffers_count, options->receive_buffer_bytes,
                            &receive_bytes) ||
        !hone_size_add(io->buffers_bytes, receive_bytes, &total_bytes) ||
        total_bytes > HONE_IO_BUFFER_BYTES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "the buffers of a ring take at most %d bytes together; ask for fewer "
                             "or smaller ones",
                             HONE_IO_BUFFER_BYTES_MAX);
    }
    if (total_bytes == 0) {
        return HONE_OK;
    }
    hone_status status = hone_page_block_init(
        &io->block,
        &(hone_page_block_options){.size_bytes = total_bytes, .budget = options->budget}, diag);
    if (status != HONE_OK || options->receive_buffers_count == 0) {
        return status;
    }
    io->spare_buffers = HONE_NEW_ARRAY(io->allocator, uint32_t, options->receive_buffers_count);
    if (!io->spare_buffers) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the buffers' list");
    }
    for (uint32_t i = 0; i < options->receive_buffers_count; i++) {
        io->spare_buffers[io->spare_count++] = options->receive_buffers_count - 1 - i;
    }
    return HONE_OK;
}

/* ---- registered files ---- */

static hone_status make_files(hone_io *io, hone_diag *diag) {
    if (io->options.files_count == 0) {
        return HONE_OK;
    }
    io->files = HONE_NEW_ARRAY(io->allocator, int, io->options.files_count);
    if (!io->files) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u registered files",
                             io->options.files_count);
    }
    for (uint32_t i = 0; i < io->options.files_count; i++) {
        io->files[i] = -1;
    }
    return HONE_OK;
}

/* True while an operation names that file: its number, or ours for it, must not change then. */
static bool is_file_used(const hone_io *io, uint32_t index) {
    int fd = io->is_files_native ? (int)index : io->files[index];
    for (uint32_t i = 0; io->files[index] >= 0 && i < io->options.operations_max; i++) {
        const hn_io_slot *slot = &io->slots[i];
        if (slot->state != HN_IO_FREE && slot->request.fd == fd &&
            (kinds[slot->request.kind].takes & MAY_REGISTERED) &&
            slot->request.is_registered_file == io->is_files_native) {
            return true;
        }
    }
    return false;
}

hone_status hone_io_register_file(hone_io *io, uint32_t index, int fd, hone_diag *diag) {
    if (index >= io->options.files_count || fd < -1) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "index %u, descriptor %d: the ring has %u slots for files, and -1 "
                             "empties one",
                             index, fd, io->options.files_count);
    }
    if (is_file_used(io, index)) {
        return hone_diag_set(diag, HONE_STATUS_WOULD_BLOCK,
                             "operations in flight use the file at index %u: take their "
                             "completions first",
                             index);
    }
    int error = 0, mine = fd;
    if (io->is_files_native) {
        error = io->backend->register_file(io, index, fd);
    } else if (fd >= 0) { /* as with the kernel's, the caller may close its own afterwards */
        mine = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        error = mine < 0 ? hn_io_error() : 0;
    }
    if (error != 0) {
        return hone_diag_set(diag, hn_io_status_of(-error),
                             "descriptor %d cannot be registered: %s", fd, strerrordesc_np(-error));
    }
    if (!io->is_files_native && io->files[index] >= 0) {
        (void)close(io->files[index]);
    }
    io->files[index] = mine;
    return HONE_OK;
}

static void drop_files(hone_io *io) {
    for (uint32_t i = 0; io->files && i < io->options.files_count; i++) {
        if (!io->is_files_native && io->files[i] >= 0) {
            (void)close(io->files[i]);
        }
    }
    HONE_DELETE_ARRAY(io->allocator, int, io->files, io->options.files_count);
}

/* ---- life ---- */

static hone_status check_options(const hone_io_options *options, hone_diag *diag) {
    if (options->backend < HONE_IO_AUTO || options->backend > HONE_IO_THREADS) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no backend %d",
                             (int)options->backend);
    }
    const struct {
        const char *name;
        size_t value, min, max;
    } limits[] = {
        {"operations_max", options->operations_max, 1, HONE_IO_OPERATIONS_MAX},
        {"threads_count", options->threads_count, 0, HONE_IO_THREADS_MAX},
        {"sq_idle_ms", options->sq_idle_ms, 0, HONE_IO_SQ_IDLE_MS_MAX},
        {"files_count", options->files_count, 0, HONE_IO_FILES_MAX},
        {"buffer_bytes", options->buffer_bytes, options->buffers_count > 0,
         HONE_IO_BUFFER_BYTES_MAX},
        {"receive_buffers_count", options->receive_buffers_count, 0, HONE_IO_RECEIVE_BUFFERS_MAX},
        {"receive_buffer_bytes", options->receive_buffer_bytes, options->receive_buffers_count > 0,
         HONE_IO_BUFFER_BYTES_MAX},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].value < limits[i].min || limits[i].value > limits[i].max) {
            return hone_diag_set(
                diag, limits[i].value == 0 ? HONE_STATUS_INVALID_ARGUMENT : HONE_STATUS_LIMIT,
                "%s is %zu; it must be %zu to %zu", limits[i].name, limits[i].value, limits[i].min,
                limits[i].max);
        }
    }
    return HONE_OK;
}

static hone_status make_slots(hone_io *io, hone_diag *diag) {
    uint32_t count = io->options.operations_max;
    io->slots = HONE_NEW_ARRAY(io->allocator, hn_io_slot, count);
    if (!io->slots) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u operations", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        io->slots[i].index = i;
        io->slots[i].generation = 1;
        io->slots[i].next = i + 1 < count ? i + 1 : HN_IO_NONE;
        io->slots[i].chain_next = io->slots[i].chain_previous = HN_IO_NONE;
        io->slots[i].buffer = io->slots[i].heap_index = io->slots[i].watch = HN_IO_NONE;
    }
    return HONE_OK;
}

static hone_status make_backend(hone_io *io, hone_diag *diag) {
    bool is_refusal = false;
    hone_diag refusal;
    hone_diag_clear(&refusal);
    if (io->options.backend == HONE_IO_THREADS) {
        io->description.uring =
            hn_io_fact_missing(HONE_FACT_ABSENT, "not tried: the options ask for threads");
        return hn_io_threads_create(io, diag);
    }
    hone_status status = hn_io_uring_create(io, &refusal, &is_refusal);
    if (status == HONE_OK) {
        return status;
    }
    if (io->options.backend == HONE_IO_URING || !is_refusal) {
        return hone_diag_set(diag, status, "%s", refusal.message);
    }
    memcpy(io->uring_reason, refusal.message, sizeof io->uring_reason - 1);
    io->description.uring = hn_io_fact_missing(
        status == HONE_STATUS_FORBIDDEN ? HONE_FACT_FORBIDDEN : HONE_FACT_ABSENT, io->uring_reason);
    return hn_io_threads_create(io, diag);
}

hone_status hone_io_create(const hone_io_options *options, hone_diag *diag, hone_io **out_io) {
    hone_status status = check_options(options, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_io *io = HONE_NEW(options->allocator, hone_io);
    if (!io) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a ring");
    }
    io->allocator = options->allocator;
    io->options = *options;
    io->chain_last = HN_IO_NONE;
    io->descriptor = -1;
    status = make_slots(io, diag);
    if (status == HONE_OK) {
        status = make_buffers(io, diag);
    }
    if (status == HONE_OK) {
        status = make_files(io, diag);
    }
    if (status == HONE_OK) {
        status = make_backend(io, diag);
    }
    if (status != HONE_OK) {
        hone_io_destroy(io);
        return status;
    }
    *out_io = io;
    return HONE_OK;
}

void hone_io_destroy(hone_io *io) {
    if (!io) {
        return;
    }
    if (io->backend) {
        io->backend->destroy(io);
    }
    drop_files(io);
    HONE_DELETE_ARRAY(io->allocator, uint32_t, io->spare_buffers,
                      io->options.receive_buffers_count);
    hone_page_block_deinit(&io->block);
    HONE_DELETE_ARRAY(io->allocator, hn_io_slot, io->slots, io->options.operations_max);
    HONE_DELETE(io->allocator, hone_io, io);
}

void hone_io_describe(const hone_io *io, hone_io_description *out_description) {
    *out_description = io->description;
}

hone_io_stats hone_io_read_stats(const hone_io *io) {
    hone_io_stats stats = io->stats;
    stats.in_flight_count = io->in_flight_count;
    return stats;
}

int hone_io_descriptor(const hone_io *io) {
    return io->descriptor;
}

/* ---- operations ---- */

static void end_chain(hone_io *io) {
    io->chain_last = HN_IO_NONE;
    io->chain_count = 0;
}

hone_status hone_io_prepare(hone_io *io, const hone_io_request *request, hone_diag *diag,
                            hone_io_handle *out_handle) {
    hone_status status = check_request(io, request, diag);
    if (status != HONE_OK) {
        return status;
    }
    if (io->free_slot == HN_IO_NONE) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "%u operations are in flight, which is operations_max: take "
                             "completions first",
                             io->in_flight_count);
    }
    if (io->chain_count + (request->is_linked ? 1 : 0) >= HONE_IO_CHAIN_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "a chain has at most %d operations",
                             HONE_IO_CHAIN_MAX);
    }
    hn_io_slot *slot = take_slot(io, request);
    hn_io_slot *previous = hn_io_slot_at(io, io->chain_last);
    if (previous) {
        previous->chain_next = slot->index;
        slot->chain_previous = previous->index;
        slot->chain = previous->chain + 1;
    } else {
        slot->chain = request->is_linked ? ++io->chains_count * HONE_IO_CHAIN_MAX : 0;
    }
    status = io->backend->prepare(io, slot);
    if (status != HONE_OK) {
        hn_io_free_slot(io, slot);
        return hone_diag_set(
            diag, status, "the kernel takes no more operations just now: take completions first");
    }
    io->chain_last = request->is_linked ? slot->index : HN_IO_NONE;
    io->chain_count = request->is_linked ? io->chain_count + 1 : 0;
    io->stats.prepared_count++;
    if (out_handle) {
        *out_handle = hn_io_handle_of(slot);
    }
    return HONE_OK;
}

hone_status hone_io_submit(hone_io *io, hone_diag *diag) {
    end_chain(io);
    return io->backend->submit(io, diag);
}

hone_status hone_io_wait(hone_io *io, uint32_t count_min, uint64_t timeout_ns,
                         hone_io_completion *out_completions, uint32_t completions_max,
                         hone_diag *diag, uint32_t *out_count) {
    if (completions_max == 0 || !out_completions) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no room for completions");
    }
    end_chain(io);
    return io->backend->wait(io, count_min, timeout_ns, out_completions, completions_max, diag,
                             out_count);
}

hone_status hone_io_read_now(hone_io *io, const hone_io_request *request, hone_diag *diag,
                             hone_io_completion *out_completion) {
    if (request->kind != HONE_IO_READ || request->is_registered_file || request->is_linked ||
        io->chain_last != HN_IO_NONE || request->offset == HONE_IO_POSITION) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "read_now reads from a plain descriptor at an offset, outside chains");
    }
    hone_status status = check_request(io, request, diag);
    if (status != HONE_OK) {
        return status;
    }
    off_t offset = (off_t)request->offset;
    struct iovec vector = {request->data, request->size};
    ssize_t got = request->may_wait ? pread(request->fd, request->data, request->size, offset)
                                    : preadv2(request->fd, &vector, 1, offset, RWF_NOWAIT);
    if (got >= 0 && (request->may_wait || (size_t)got == request->size)) {
        *out_completion = (hone_io_completion){.token = request->token, .count = (uint32_t)got};
        return HONE_OK;
    }
    /* A part, the end, an error, not there, or a file system that cannot look: left to the ring. */
    hone_io_handle handle;
    status = hone_io_prepare(io, request, diag, &handle);
    if (status != HONE_OK) {
        return status;
    }
    *out_completion = (hone_io_completion){.token = request->token, .handle = handle};
    return HONE_STATUS_WOULD_BLOCK;
}

/* The last member of the slot's chain, to which all are linked that have not ended: one that has
 * is not, though its completion may wait to be taken. */
static hn_io_slot *find_chain_end(const hone_io *io, hn_io_slot *slot) {
    uint64_t number = slot->chain / HONE_IO_CHAIN_MAX;
    bool is_alone = slot->chain_next == HN_IO_NONE && slot->chain_previous == HN_IO_NONE;
    for (uint32_t i = 0; number != 0 && is_alone && i < io->options.operations_max; i++) {
        hn_io_slot *other = &io->slots[i];
        if (other->state != HN_IO_FREE && other->chain / HONE_IO_CHAIN_MAX == number &&
            other->chain > slot->chain) {
            slot = other;
        }
    }
    return slot;
}

hone_status hone_io_cancel(hone_io *io, hone_io_handle handle) {
    hn_io_slot *slot = find_slot(io, handle);
    if (!slot) {
        return HONE_STATUS_NOT_FOUND;
    }
    slot = find_chain_end(io, slot);
    while (slot->chain_previous != HN_IO_NONE) {
        slot = &io->slots[slot->chain_previous];
    }
    hone_status status = io->backend->cancel(io, slot);
    if (status != HONE_OK) {
        return status; /* and nothing is changed */
    }
    end_chain(io);
    for (hn_io_slot *member = slot; member; member = hn_io_slot_at(io, member->chain_next)) {
        member->is_cancel_asked = true; /* the head may run to its end; the rest need not start */
    }
    return HONE_OK;
}
