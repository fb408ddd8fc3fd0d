/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this layer share: a ring per backend, operations that are waited for, files and
 * sockets to work on. Included after cmocka. */
#ifndef HONE_IO_RING_TEST_H
#define HONE_IO_RING_TEST_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hone/io/io.h"

#define MILLISECOND_NS 1000000u
#define LONG_NS (20ull * 1000 * MILLISECOND_NS) /* never reached where all is well */

enum { COMPLETIONS_MAX = 256 };

/* A ring of that backend, or a skipped test where this machine has no io_uring. */
static inline hone_io *make_ring(hone_io_backend backend, hone_io_options options) {
    hone_io *io = NULL;
    hone_diag diag;
    hone_diag_clear(&diag);
    options.backend = backend;
    options.operations_max = options.operations_max ? options.operations_max : 64;
    hone_status status = hone_io_create(&options, &diag, &io);
    if (backend == HONE_IO_URING &&
        (status == HONE_STATUS_ABSENT || status == HONE_STATUS_FORBIDDEN)) {
        print_message("no io_uring: %s\n", diag.message);
        skip();
    }
    if (status != HONE_OK) {
        fail_msg("%s: %s", hone_status_name(status), diag.message);
    }
    return io;
}

/* A test's two rows in the table: once on each backend, which is its initial state. */
#define BOTH(test)                                                    \
    {#test " on io_uring", test, NULL, NULL, (void *)&backends[0]}, { \
#test " on threads", test, NULL, NULL, (void *)&backends[1]   \
    }
static const hone_io_backend backends[] = {HONE_IO_URING, HONE_IO_THREADS};

static inline hone_io_backend backend_of(void **state) {
    return *(const hone_io_backend *)*state;
}

static inline hone_io *plain_ring(void **state) {
    return make_ring(backend_of(state), (hone_io_options){0});
}

/* Waits for exactly `count` completions. */
static inline void wait_for(hone_io *io, hone_io_completion *completions, uint32_t count) {
    uint32_t got = 0;
    hone_diag diag;
    hone_diag_clear(&diag);
    assert_int_equal(hone_io_wait(io, count, LONG_NS, completions, count, &diag, &got), HONE_OK);
    assert_int_equal(got, count);
}

static inline hone_io_handle prepare(hone_io *io, hone_io_request request) {
    hone_io_handle handle = 0;
    hone_diag diag;
    hone_diag_clear(&diag);
    hone_status status = hone_io_prepare(io, &request, &diag, &handle);
    if (status != HONE_OK) {
        fail_msg("%s: %s", hone_status_name(status), diag.message);
    }
    assert_true(handle != 0);
    return handle;
}

/* One operation from the beginning to its end. */
static inline hone_io_completion run_one(hone_io *io, hone_io_request request) {
    hone_io_completion completion;
    hone_io_handle handle = prepare(io, request);
    wait_for(io, &completion, 1);
    assert_ptr_equal(completion.token, request.token);
    assert_true(completion.handle == handle);
    return completion;
}

/* True when nothing is there to be taken. */
static inline bool is_quiet(hone_io *io) {
    hone_io_completion completion;
    uint32_t count = 1;
    assert_int_equal(hone_io_wait(io, 0, 0, &completion, 1, NULL, &count), HONE_OK);
    return count == 0;
}

/* A file without a name, on the disk of the build. */
static inline int make_file(size_t size) {
    char path[] = HONE_BUILD_DIR "/io-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    return fd;
}

static inline void make_pair(int pair[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

/* A listening socket with an address of the kernel's choice, in the abstract name space. */
static inline int make_listener(struct sockaddr_un *out_address, socklen_t *out_size) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any.sun_family), 0);
    *out_size = sizeof *out_address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)out_address, out_size), 0);
    assert_int_equal(listen(fd, 256), 0);
    return fd;
}

static inline int make_connection(const struct sockaddr_un *address, socklen_t size) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, size), 0);
    return fd;
}

static inline uint32_t count_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    uint32_t count = 0;
    while (readdir(folder)) {
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    return count;
}

#endif
