/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP sockets, and reading and writing of any stream without blocking: for connections that one
 * thread drives by itself. Many sockets at once are better off on a ring (hone/io/io.h).
 *
 * Contract: shared; no state. Descriptors belong to the caller, never block and are closed on exec.
 * Errors: a diag names host and port, the reason and what to do. No call raises SIGPIPE.
 */
#ifndef HONE_PLATFORM_SOCKET_H
#define HONE_PLATFORM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hone/base/status.h"

/* Listens at a host's address and port; "" is any address, port 0 one that the kernel chooses. A
 * port whose last owner left connections behind can be taken at once. DUPLICATE (the port is in
 * use), NOT_FOUND (no such host, or its address is not of this machine), FORBIDDEN, LIMIT, IO. */
HONE_MUST_USE hone_status hone_socket_listen(const char *host, uint16_t port, hone_diag *diag,
                                             int *out_fd);

/* The port that a socket is bound to; 0 when it is none of TCP. */
uint16_t hone_socket_port(int fd);

/* WOULD_BLOCK when nobody waits; LIMIT; IO. */
HONE_MUST_USE hone_status hone_socket_accept(int listener_fd, int *out_fd);

/* Connects to the first of the host's addresses that answers, and waits at most `timeout_ns` for
 * each; looking up a name that is no address may take longer. REFUSED (nobody listens there),
 * NOT_FOUND (no such host), TIMEOUT, FORBIDDEN, LIMIT, IO (no way there, say). */
HONE_MUST_USE hone_status hone_socket_connect(const char *host, uint16_t port, uint64_t timeout_ns,
                                              hone_diag *diag, int *out_fd);

typedef struct hone_socket_tuning {
    bool is_no_delay;  /* small segments leave at once (TCP_NODELAY) */
    bool is_quick_ack; /* the first bytes are acknowledged at once (TCP_QUICKACK; the kernel goes
                          back to its own ways after a while) */
    uint32_t send_buffer_bytes, receive_buffer_bytes; /* 0: the kernel adapts them by itself */
} hone_socket_tuning;

/* Makes a stream non-blocking and sets what it knows of the tuning: a local socket has no delays.
 * INVALID_ARGUMENT when it is no open descriptor; IO. */
HONE_MUST_USE hone_status hone_socket_tune(int fd, const hone_socket_tuning *tuning);

/* As much as is there, or as fits, in one call; *out_count >= 1. WOULD_BLOCK; BROKEN_PIPE (the
 * other end is gone; for a reader also: has ended the stream); IO. */
HONE_MUST_USE hone_status hone_socket_read(int fd, const struct iovec *parts, uint32_t parts_count,
                                           size_t *out_count);
HONE_MUST_USE hone_status hone_socket_write(int fd, const struct iovec *parts, uint32_t parts_count,
                                            size_t *out_count);

/* Of any of these descriptors; -1 is allowed. */
void hone_socket_close(int fd);

/* Sleeps until the stream can be read or written, as wanted, or fails, or the time is over
 * (UINT64_MAX: never). False when the time was over; signals may end it early. */
bool hone_socket_wait(int fd, bool wants_read, bool wants_write, uint64_t timeout_ns);

#endif
