/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's error numbers as statuses. This layer is an OS seam of its own beside platform:
 * completions carry error numbers in their result, so they have to be read here.
 * tidy: allow errno throughout: see above
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "io_internal.h"

hone_status hn_io_status_of(int error) {
    switch (error) {
    case 0: return HONE_OK;
    case EBADF:
    case EINVAL:
    case EFAULT:
    case ENOTSOCK:
    case EDESTADDRREQ:
    case ENOTCONN:
    case EISCONN:
    case EAFNOSUPPORT:
    case ESPIPE: return HONE_STATUS_INVALID_ARGUMENT;
    case ENOENT:
    case ENOTDIR:
    case ENXIO: return HONE_STATUS_NOT_FOUND;
    case EEXIST:
    case EADDRINUSE: return HONE_STATUS_DUPLICATE;
    case EACCES:
    case EPERM:
    case EROFS: return HONE_STATUS_FORBIDDEN;
    case EISDIR: return HONE_STATUS_IS_DIRECTORY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return HONE_STATUS_NO_SPACE;
    case ENOMEM: return HONE_STATUS_OUT_OF_MEMORY;
    case EMFILE:
    case ENFILE:
    case ENOBUFS: return HONE_STATUS_LIMIT;
    case EPIPE:
    case ECONNRESET: return HONE_STATUS_BROKEN_PIPE;
    case ECONNREFUSED: return HONE_STATUS_REFUSED;
    case EAGAIN: return HONE_STATUS_WOULD_BLOCK;
    case ETIME:
    case ETIMEDOUT: return HONE_STATUS_TIMEOUT;
    case ECANCELED: return HONE_STATUS_CANCELLED;
    case EINTR: return HONE_STATUS_INTERRUPTED;
    case EOPNOTSUPP:
    case ENOSYS: return HONE_STATUS_UNSUPPORTED;
    default: return HONE_STATUS_IO;
    }
}

int hn_io_error(void) {
    return -errno;
}

uint32_t hn_io_poll_result(uint32_t events) {
    return (events & POLLIN ? HONE_IO_READABLE : 0) | (events & POLLOUT ? HONE_IO_WRITABLE : 0) |
           (events & (POLLHUP | POLLERR) ? HONE_IO_HANG_UP : 0);
}

hone_fact hn_io_fact_present(const char *text) {
    return (hone_fact){
        .state = HONE_FACT_PRESENT, .kind = HONE_FACT_TEXT, .text = text, .reason = ""};
}

hone_fact hn_io_fact_missing(hone_fact_state state, const char *reason) {
    return (hone_fact){.state = state, .kind = HONE_FACT_TEXT, .text = "", .reason = reason};
}

hone_status hone_io_explain(const hone_io_completion *completion, hone_diag *diag) {
    if (completion->status == HONE_OK) {
        hone_diag_clear(diag);
        return HONE_OK;
    }
    switch (completion->code) {
    case 0:
        return hone_diag_set(diag, completion->status, "%s", hone_status_text(completion->status));
    case ENOBUFS:
        return hone_diag_set(diag, completion->status,
                             "no buffer was left (of the kernel's, or no receive buffer: give them "
                             "back with hone_io_give_back_buffer)");
    case ECANCELED:
        return hone_diag_set(diag, completion->status,
                             "cancelled, by hone_io_cancel or because the operation that it was "
                             "linked to did not fully succeed");
    default:
        return hone_diag_set(diag, completion->status, "the kernel says: %s",
                             strerrordesc_np(completion->code));
    }
}
