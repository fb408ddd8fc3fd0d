/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream operations tried without waiting, whatever the descriptor's own mode is: between a look
 * and a read another reader may have been faster, so each attempt says for itself that it does not
 * wait. Sockets have a flag for that, and so have anonymous pipes and the simple devices from Linux
 * 6.4. A FIFO, or a pipe of an older kernel, is opened once more in a mode of our own, which
 * nobody else sees. What is left (a terminal, a timerfd, an inotify instance) is looked at, and
 * when it is ready a thread goes on.
 *
 * accept has no such flag, and nobody can be sure of a mode that another ring sets back: its
 * descriptor stays non-blocking. That of connect is so for the length of the call only; it belongs
 * to one.
 * tidy: allow errno throughout: results are error numbers
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "threads_internal.h"

static int32_t result_of(ssize_t result) {
    return result >= 0 ? (int32_t)result : errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

uint32_t hn_io_events_of(const hone_io_request *request) {
    switch (request->kind) {
    case HONE_IO_POLL:
        return (request->flags & HONE_IO_READABLE ? POLLIN : 0) |
               (request->flags & HONE_IO_WRITABLE ? POLLOUT : 0);
    case HONE_IO_WRITE:
    case HONE_IO_WRITEV:
    case HONE_IO_SEND:
    case HONE_IO_CONNECT: return POLLOUT;
    default: return POLLIN;
    }
}

static int32_t look(const hone_io_request *request) {
    struct pollfd one = {request->fd, (short)hn_io_events_of(request), 0};
    int result = poll(&one, 1, 0);
    if (result < 0) {
        return -errno;
    }
    if (one.revents & POLLNVAL) {
        return -EBADF;
    }
    return one.revents == 0 ? -EAGAIN : one.revents;
}

typedef struct transfer {
    const struct iovec *vectors;
    size_t count;
    bool is_read;
} transfer;

/* glibc makes it the plain call where there are no flags, and ENOTSUP where the kernel lacks it. */
static ssize_t transfer_at(int fd, const transfer *it, int flags) {
    return it->is_read ? preadv2(fd, it->vectors, (int)it->count, -1, flags)
                       : pwritev2(fd, it->vectors, (int)it->count, -1, flags);
}

/* By a descriptor of our own; HN_IO_TO_POOL when there can be none. */
static int32_t transfer_reopened(int fd, const transfer *it) {
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int mine = open(path, (it->is_read ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_CLOEXEC);
    if (mine < 0) {
        return errno == ENXIO ? -EPIPE : HN_IO_TO_POOL; /* ENXIO: nobody reads from it */
    }
    int32_t result = result_of(transfer_at(mine, it, 0));
    (void)close(mine);
    return result;
}

/* Neither a socket nor what knows the flag. */
static int32_t transfer_without_flag(const hone_io_request *request, const transfer *it) {
    struct stat about;
    int mode = fcntl(request->fd, F_GETFL);
    if (mode < 0 || fstat(request->fd, &about) < 0) {
        return -errno;
    }
    if (it->is_read && S_ISFIFO(about.st_mode)) { /* a read takes one without a writer for ended */
        int32_t ready = look(request);
        if (ready < 0) {
            return ready;
        }
    }
    if (mode & O_NONBLOCK) {
        return result_of(transfer_at(request->fd, it, 0));
    }
    int32_t result = S_ISFIFO(about.st_mode) ? transfer_reopened(request->fd, it) : HN_IO_TO_POOL;
    if (result == HN_IO_TO_POOL) {
        int32_t ready = look(request);
        return ready < 0 ? ready : result;
    }
    return result;
}

static int32_t move(const hone_io_request *request) {
    struct iovec one = {request->data, request->size};
    bool is_one = request->kind == HONE_IO_READ || request->kind == HONE_IO_WRITE;
    transfer it = {.vectors = is_one ? &one : request->vectors,
                   .count = is_one ? 1 : request->size,
                   .is_read = request->kind == HONE_IO_READ || request->kind == HONE_IO_READV};
    struct msghdr message = {.msg_iov = (struct iovec *)it.vectors, .msg_iovlen = it.count};
    ssize_t result = it.is_read ? recvmsg(request->fd, &message, MSG_DONTWAIT)
                                : sendmsg(request->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result < 0 && errno == ENOTSOCK) {
        result = transfer_at(request->fd, &it, RWF_NOWAIT);
        if (result < 0 && errno == ENOTSUP) {
            return transfer_without_flag(request, &it);
        }
    }
    return result_of(result);
}

static int32_t accept_or_connect(hn_io_slot *slot) {
    const hone_io_request *request = &slot->request;
    int mode = fcntl(request->fd, F_GETFL);
    if (mode < 0) {
        return -errno;
    }
    bool is_accept = request->kind == HONE_IO_ACCEPT, is_changed = !(mode & O_NONBLOCK);
    if (is_changed) {
        (void)fcntl(request->fd, F_SETFL, mode | O_NONBLOCK);
    }
    int32_t result;
    if (is_accept) {
        result = result_of(accept4(request->fd, NULL, NULL, SOCK_CLOEXEC));
    } else {
        result = result_of(connect(request->fd, request->address, (socklen_t)request->size));
    }
    if (is_changed && !is_accept) {
        (void)fcntl(request->fd, F_SETFL, mode);
    }
    if (result == -EINPROGRESS) {
        slot->is_connecting = true;
        return -EAGAIN;
    }
    return result;
}

static int32_t finish_connect(const hone_io_request *request) {
    int32_t ready = look(request);
    int error = 0;
    socklen_t size = sizeof error;
    if (ready < 0) {
        return ready;
    }
    return getsockopt(request->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

static int32_t attempt_once(hn_io_slot *slot, void *buffer, size_t buffer_bytes) {
    const hone_io_request *request = &slot->request;
    switch (request->kind) {
    case HONE_IO_RECEIVE:
        return result_of(request->is_multishot
                             ? recv(request->fd, buffer, buffer_bytes, MSG_DONTWAIT)
                             : recv(request->fd, request->data, request->size, MSG_DONTWAIT));
    case HONE_IO_SEND:
        return result_of(
            send(request->fd, request->source, request->size, MSG_DONTWAIT | MSG_NOSIGNAL));
    case HONE_IO_ACCEPT: return accept_or_connect(slot);
    case HONE_IO_CONNECT:
        return slot->is_connecting ? finish_connect(request) : accept_or_connect(slot);
    case HONE_IO_POLL: {
        int32_t events = look(request);
        return events < 0 ? events : (int32_t)hn_io_poll_result((uint32_t)events);
    }
    default: return move(request);
    }
}

int32_t hn_io_attempt(hn_io_slot *slot, void *buffer, size_t buffer_bytes) {
    int32_t result;
    do {
        result = attempt_once(slot, buffer, buffer_bytes);
    } while (result == -EINTR);
    return result;
}
