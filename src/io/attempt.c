/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream operations tried without waiting, whatever the descriptor's own mode is. Sockets have a
 * flag for that; a pipe is asked first and given at most PIPE_BUF bytes, which then fit; accept and
 * connect know neither, so the descriptor is non-blocking for the length of the call.
 * tidy: allow errno throughout: results are error numbers
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
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

/* A pipe or a device: it is ready, so a read gives what is there and PIPE_BUF bytes find room. */
static int32_t move_on_pipe(const hone_io_request *request, struct iovec *vectors, size_t count) {
    int32_t ready = look(request);
    if (ready < 0) {
        return ready;
    }
    if (request->kind == HONE_IO_READ || request->kind == HONE_IO_READV) {
        return result_of(readv(request->fd, vectors, (int)count));
    }
    while (count > 1 && vectors->iov_len == 0) {
        vectors++;
        count--;
    }
    size_t size = vectors->iov_len < PIPE_BUF ? vectors->iov_len : PIPE_BUF;
    return result_of(write(request->fd, vectors->iov_base, size));
}

static int32_t move(const hone_io_request *request) {
    struct iovec one = {request->data, request->size};
    bool is_one = request->kind == HONE_IO_READ || request->kind == HONE_IO_WRITE;
    struct iovec *vectors = is_one ? &one : (struct iovec *)request->vectors;
    size_t count = is_one ? 1 : request->size;
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
    bool is_read = request->kind == HONE_IO_READ || request->kind == HONE_IO_READV;
    ssize_t result = is_read ? recvmsg(request->fd, &message, MSG_DONTWAIT)
                             : sendmsg(request->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result < 0 && errno == ENOTSOCK) {
        return move_on_pipe(request, vectors, count);
    }
    return result_of(result);
}

static int32_t accept_or_connect(hn_io_slot *slot) {
    const hone_io_request *request = &slot->request;
    int mode = fcntl(request->fd, F_GETFL);
    if (mode < 0) {
        return -errno;
    }
    bool is_changed = !(mode & O_NONBLOCK);
    if (is_changed) {
        (void)fcntl(request->fd, F_SETFL, mode | O_NONBLOCK);
    }
    int32_t result;
    if (request->kind == HONE_IO_ACCEPT) {
        result = result_of(accept4(request->fd, NULL, NULL, SOCK_CLOEXEC));
    } else {
        result = result_of(connect(request->fd, request->address, (socklen_t)request->size));
    }
    if (is_changed) {
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
