/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static hone_status status_of(int error) {
    switch (error) {
    case EADDRINUSE: return HONE_STATUS_DUPLICATE;
    case EADDRNOTAVAIL: return HONE_STATUS_NOT_FOUND;
    case EACCES:
    case EPERM: return HONE_STATUS_FORBIDDEN;
    case EMFILE:
    case ENFILE: return HONE_STATUS_LIMIT;
    case ENOMEM:
    case ENOBUFS: return HONE_STATUS_OUT_OF_MEMORY;
    case ECONNREFUSED: return HONE_STATUS_REFUSED;
    case ETIMEDOUT: return HONE_STATUS_TIMEOUT;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED: return HONE_STATUS_BROKEN_PIPE;
    case EBADF:
    case ENOTSOCK: return HONE_STATUS_INVALID_ARGUMENT;
    case EINTR:
    case EAGAIN: return HONE_STATUS_WOULD_BLOCK;
    default: return HONE_STATUS_IO;
    }
}

static const char *advice_for(hone_status status) {
    switch (status) {
    case HONE_STATUS_DUPLICATE: return "; end who has the port, or choose another one";
    case HONE_STATUS_REFUSED: return "; nobody listens there (yet): start the other side";
    case HONE_STATUS_FORBIDDEN: return "; ports below 1024 need a right of their own";
    case HONE_STATUS_TIMEOUT: return "; is the machine up, and does a firewall let it through?";
    default: return "";
    }
}

static hone_status fail(hone_diag *diag, const char *what, const char *host, uint16_t port,
                        int error) {
    hone_status status = status_of(error);
    return hone_diag_set(diag, status, "cannot %s %.100s:%u: %s%s", what, host[0] ? host : "*",
                         port, strerror(error), advice_for(status));
}

static hone_status resolve(const char *host, uint16_t port, bool is_passive, hone_diag *diag,
                           struct addrinfo **out_addresses) {
    char port_text[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV | (is_passive ? AI_PASSIVE : 0)};
    (void)snprintf(port_text, sizeof port_text, "%u", port);
    int error = getaddrinfo(host[0] ? host : NULL, port_text, &hints, out_addresses);
    if (error == 0) {
        return HONE_OK;
    }
    hone_status status = error == EAI_MEMORY ? HONE_STATUS_OUT_OF_MEMORY : HONE_STATUS_NOT_FOUND;
    return hone_diag_set(diag, status, "cannot find the host '%.100s': %s", host,
                         gai_strerror(error));
}

/* --- making connections --- */

static int open_socket(const struct addrinfo *address) {
    return socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  address->ai_protocol);
}

/* 0, or the error. */
static int listen_at(const struct addrinfo *address, int *out_fd) {
    int yes = 1;
    int fd = open_socket(address);
    if (fd < 0) {
        return errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        (void)close(fd);
        return error;
    }
    *out_fd = fd;
    return 0;
}

hone_status hone_socket_listen(const char *host, uint16_t port, hone_diag *diag, int *out_fd) {
    struct addrinfo *addresses;
    hone_status status = resolve(host, port, true, diag, &addresses);
    if (status != HONE_OK) {
        return status;
    }
    int error = EAFNOSUPPORT; /* the host's next address is for where this kind does not exist */
    for (const struct addrinfo *it = addresses; it && error == EAFNOSUPPORT; it = it->ai_next) {
        error = listen_at(it, out_fd);
    }
    freeaddrinfo(addresses);
    return error == 0 ? HONE_OK : fail(diag, "listen at", host, port, error);
}

uint16_t hone_socket_port(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0) {
        return 0;
    }
    return address.any.sa_family == AF_INET    ? ntohs(address.v4.sin_port)
           : address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port)
                                               : 0;
}

hone_status hone_socket_accept(int listener_fd, int *out_fd) {
    int fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) { /* one that left again while it waited is none */
        return errno == ECONNABORTED ? HONE_STATUS_WOULD_BLOCK : status_of(errno);
    }
    *out_fd = fd;
    return HONE_OK;
}

/* 0, or the error. */
static int connect_to(const struct addrinfo *address, uint64_t timeout_ns, int *out_fd) {
    int error = 0;
    socklen_t size = sizeof error;
    int fd = open_socket(address);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        error = errno;
    }
    if (error == EINPROGRESS) {
        error = ETIMEDOUT;
        if (hone_socket_wait(fd, false, true, timeout_ns) &&
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
            error = errno;
        }
    }
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    *out_fd = fd;
    return 0;
}

hone_status hone_socket_connect(const char *host, uint16_t port, uint64_t timeout_ns,
                                hone_diag *diag, int *out_fd) {
    struct addrinfo *addresses;
    hone_status status = resolve(host, port, false, diag, &addresses);
    if (status != HONE_OK) {
        return status;
    }
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *it = addresses; it && error != 0; it = it->ai_next) {
        error = connect_to(it, timeout_ns, out_fd);
    }
    freeaddrinfo(addresses);
    return error == 0 ? HONE_OK : fail(diag, "connect to", host, port, error);
}

/* --- streams --- */

static bool set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

hone_status hone_socket_tune(int fd, const hone_socket_tuning *tuning) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return status_of(errno);
    }
    /* the kernel caps sizes by itself */
    bool is_set = (tuning->send_buffer_bytes == 0 ||
                   set(fd, SOL_SOCKET, SO_SNDBUF, (int)(tuning->send_buffer_bytes & INT32_MAX))) &&
                  (tuning->receive_buffer_bytes == 0 ||
                   set(fd, SOL_SOCKET, SO_RCVBUF, (int)(tuning->receive_buffer_bytes & INT32_MAX)));
    if (hone_socket_port(fd) != 0) {
        is_set = is_set && (!tuning->is_no_delay || set(fd, IPPROTO_TCP, TCP_NODELAY, 1)) &&
                 (!tuning->is_quick_ack || set(fd, IPPROTO_TCP, TCP_QUICKACK, 1));
    }
    return is_set ? HONE_OK : status_of(errno);
}

hone_status hone_socket_read(int fd, const struct iovec *parts, uint32_t parts_count,
                             size_t *out_count) {
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = parts_count};
    ssize_t count = recvmsg(fd, &message, MSG_DONTWAIT);
    if (count <= 0) {
        return count == 0 ? HONE_STATUS_BROKEN_PIPE : status_of(errno);
    }
    *out_count = (size_t)count;
    return HONE_OK;
}

hone_status hone_socket_write(int fd, const struct iovec *parts, uint32_t parts_count,
                              size_t *out_count) {
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = parts_count};
    ssize_t count = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
        return status_of(errno);
    }
    *out_count = (size_t)count;
    return HONE_OK;
}

void hone_socket_close(int fd) {
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* --- waiting --- */

bool hone_socket_wait(int fd, bool wants_read, bool wants_write, uint64_t timeout_ns) {
    struct pollfd watched = {
        .fd = fd, .events = (short)((wants_read ? POLLIN : 0) | (wants_write ? POLLOUT : 0))};
    const struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                                     (long)(timeout_ns % 1000000000u)};
    return ppoll(&watched, 1, timeout_ns == UINT64_MAX ? NULL : &timeout, NULL) != 0;
}
