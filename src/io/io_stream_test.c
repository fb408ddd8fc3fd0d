/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams on both backends: pipes, sockets, multishots, time-outs, cancels, and what a poller sees.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "hone/platform/clock.h"
#include "hone/platform/poller.h"
#include "ring_test.h"

/* ---- pipes and sockets ---- */

static void test_pipe(void **state) {
    hone_io *io = plain_ring(state);
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        int ends[2];
        char text[8] = {0};
        hone_io_completion done;
        assert_int_equal(pipe2(ends, O_CLOEXEC | flags), 0);
        prepare(io, (hone_io_request){.kind = HONE_IO_READ,
                                      .fd = ends[0],
                                      .data = text,
                                      .size = sizeof text,
                                      .offset = HONE_IO_POSITION});
        assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
        assert_true(is_quiet(io)); /* it waits, whatever the mode of the descriptor */
        assert_int_equal(write(ends[1], "abc", 3), 3);
        wait_for(io, &done, 1);
        assert_int_equal(done.status, HONE_OK);
        assert_int_equal(done.count, 3);
        assert_memory_equal(text, "abc", 3);
        /* Everything gets through, in pieces. */
        enum { BYTES = 200000 };
        char *out = malloc(BYTES), *in = malloc(BYTES);
        size_t written = 0, got = 0;
        for (size_t i = 0; i < BYTES; i++) {
            out[i] = (char)(i * 7 >> 3);
        }
        while (got < BYTES) {
            if (written < BYTES) {
                prepare(io,
                        (hone_io_request){.kind = HONE_IO_WRITE,
                                          .fd = ends[1],
                                          .source = out + written,
                                          .token = out,
                                          .size = BYTES - written > 3000 ? 3000 : BYTES - written,
                                          .offset = HONE_IO_POSITION});
            }
            prepare(io, (hone_io_request){.kind = HONE_IO_READ,
                                          .fd = ends[0],
                                          .data = in + got,
                                          .size = BYTES - got,
                                          .token = in,
                                          .offset = HONE_IO_POSITION});
            uint32_t expected = written < BYTES ? 2 : 1;
            hone_io_completion both[2];
            wait_for(io, both, expected);
            for (uint32_t i = 0; i < expected; i++) {
                assert_int_equal(both[i].status, HONE_OK);
                assert_true(both[i].count > 0);
                *(both[i].token == out ? &written : &got) += both[i].count;
            }
        }
        assert_memory_equal(in, out, BYTES);
        free(out);
        free(in);
        assert_int_equal(close(ends[1]), 0);
        done = run_one(io, (hone_io_request){.kind = HONE_IO_READ,
                                             .fd = ends[0],
                                             .data = text,
                                             .size = 1,
                                             .offset = HONE_IO_POSITION});
        assert_int_equal(done.status, HONE_OK);
        assert_int_equal(done.count, 0); /* the end */
        assert_int_equal(close(ends[0]), 0);
    }
    hone_io_destroy(io);
}

static void test_poll(void **state) {
    hone_io *io = plain_ring(state);
    int ends[2], file = make_file(0), tokens[2];
    hone_io_completion done[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    prepare(io, (hone_io_request){.kind = HONE_IO_POLL,
                                  .fd = ends[0],
                                  .flags = HONE_IO_READABLE,
                                  .token = &tokens[0]});
    prepare(io, (hone_io_request){.kind = HONE_IO_POLL,
                                  .fd = ends[1],
                                  .token = &tokens[1],
                                  .flags = HONE_IO_READABLE | HONE_IO_WRITABLE});
    wait_for(io, done, 1);
    assert_ptr_equal(done[0].token, &tokens[1]);
    assert_int_equal(done[0].count, HONE_IO_WRITABLE);
    assert_true(is_quiet(io));
    assert_int_equal(close(ends[1]), 0);
    wait_for(io, done, 1);
    assert_ptr_equal(done[0].token, &tokens[0]);
    assert_int_equal(done[0].status, HONE_OK);
    assert_int_equal(done[0].count, HONE_IO_HANG_UP);
    done[0] = run_one(io, (hone_io_request){.kind = HONE_IO_POLL,
                                            .fd = file,
                                            .flags = HONE_IO_READABLE | HONE_IO_WRITABLE});
    assert_int_equal(done[0].count, HONE_IO_READABLE | HONE_IO_WRITABLE); /* files always are */
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(file), 0);
    hone_io_destroy(io);
}

static void test_unix_sockets(void **state) {
    hone_io *io = plain_ring(state);
    struct sockaddr_un address;
    socklen_t size;
    int listener = make_listener(&address, &size), tokens[2];
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[8] = {0};
    hone_io_completion done[2];
    prepare(io, (hone_io_request){.kind = HONE_IO_ACCEPT, .fd = listener, .token = &tokens[0]});
    prepare(io, (hone_io_request){.kind = HONE_IO_CONNECT,
                                  .fd = client,
                                  .address = &address,
                                  .size = size,
                                  .token = &tokens[1]});
    wait_for(io, done, 2);
    int server = (int)(done[0].token == &tokens[0] ? done[0] : done[1]).count;
    assert_int_equal(done[0].status, HONE_OK);
    assert_int_equal(done[1].status, HONE_OK);
    assert_int_equal(fcntl(server, F_GETFD), FD_CLOEXEC);
    prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_RECEIVE, .fd = server, .data = text, .size = 8, .token = &tokens[0]});
    assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
    assert_true(is_quiet(io));
    prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_SEND, .fd = client, .source = "hello", .size = 5, .token = &tokens[1]});
    wait_for(io, done, 2);
    assert_int_equal(done[0].count, 5);
    assert_int_equal(done[1].count, 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(close(client), 0);
    done[0] = run_one(
        io, (hone_io_request){.kind = HONE_IO_RECEIVE, .fd = server, .data = text, .size = 8});
    assert_int_equal(done[0].status, HONE_OK);
    assert_int_equal(done[0].count, 0);
    done[0] = run_one(
        io, (hone_io_request){
                .kind = HONE_IO_SEND, .fd = server, .source = "x", .size = 1}); /* and no signal */
    assert_int_equal(done[0].status, HONE_STATUS_BROKEN_PIPE);
    assert_int_equal(close(server), 0);
    assert_int_equal(close(listener), 0);
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    done[0] =
        run_one(io, (hone_io_request){
                        .kind = HONE_IO_CONNECT, .fd = client, .address = &address, .size = size});
    assert_int_equal(done[0].status, HONE_STATUS_REFUSED);
    assert_int_equal(close(client), 0);
    hone_io_destroy(io);
}

static void test_tcp(void **state) {
    hone_io *io = plain_ring(state);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    hone_io_completion done =
        run_one(io, (hone_io_request){
                        .kind = HONE_IO_CONNECT, .fd = client, .address = &address, .size = size});
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
    done = run_one(io, (hone_io_request){.kind = HONE_IO_ACCEPT, .fd = listener});
    assert_int_equal(done.status, HONE_OK);
    /* On threads it stays in the mode that no other ring at it can be surprised by. */
    assert_true(!(fcntl(listener, F_GETFL) & O_NONBLOCK) == (backend_of(state) == HONE_IO_URING));
    assert_int_equal(fcntl((int)done.count, F_GETFL) & O_NONBLOCK, 0);
    int server = (int)done.count;
    char text[4];
    /* WRITE and READ work on sockets, too. */
    done = run_one(io, (hone_io_request){.kind = HONE_IO_WRITE,
                                         .fd = server,
                                         .source = "abcd",
                                         .size = 4,
                                         .offset = HONE_IO_POSITION});
    assert_int_equal(done.count, 4);
    done = run_one(io, (hone_io_request){.kind = HONE_IO_READ,
                                         .fd = client,
                                         .data = text,
                                         .size = 4,
                                         .offset = HONE_IO_POSITION});
    assert_int_equal(done.count, 4);
    assert_memory_equal(text, "abcd", 4);
    assert_int_equal(close(listener), 0);
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    done = run_one(
        io,
        (hone_io_request){.kind = HONE_IO_CONNECT, .fd = other, .address = &address, .size = size});
    assert_int_equal(done.status, HONE_STATUS_REFUSED);
    assert_int_equal(close(other), 0);
    assert_int_equal(close(server), 0);
    assert_int_equal(close(client), 0);
    hone_io_destroy(io);
}

static void test_multishot_accept(void **state) {
    enum { CLIENTS = 150 }; /* more than the completion queue of so small a ring holds */
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.operations_max = 1});
    struct sockaddr_un address;
    socklen_t size;
    int listener = make_listener(&address, &size), clients[CLIENTS], token;
    hone_io_handle handle = prepare(
        io, (hone_io_request){
                .kind = HONE_IO_ACCEPT, .fd = listener, .is_multishot = true, .token = &token});
    assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = make_connection(&address, size);
    }
    for (int i = 0; i < CLIENTS; i++) {
        hone_io_completion done;
        wait_for(io, &done, 1);
        assert_int_equal(done.status, HONE_OK);
        assert_true(done.is_more && done.handle == handle && done.token == &token);
        assert_int_equal(close((int)done.count), 0);
    }
    assert_int_equal(hone_io_read_stats(io).in_flight_count, 1);
    assert_int_equal(hone_io_cancel(io, handle), HONE_OK);
    hone_io_completion done;
    wait_for(io, &done, 1);
    assert_int_equal(done.status, HONE_STATUS_CANCELLED);
    assert_false(done.is_more);
    assert_int_equal(hone_io_cancel(io, handle), HONE_STATUS_NOT_FOUND);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(close(clients[i]), 0);
    }
    assert_int_equal(close(listener), 0);
    hone_io_destroy(io);
}

static void test_multishot_receive(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.receive_buffers_count = 3,
                                                                 .receive_buffer_bytes = 100});
    int pair[2], token;
    make_pair(pair);
    hone_io_request request = {
        .kind = HONE_IO_RECEIVE, .fd = pair[0], .is_multishot = true, .token = &token};
    hone_io_completion done, kept[3];
    prepare(io, request);
    for (int round = 0; round < 20; round++) { /* each buffer several times */
        char text[8];
        (void)snprintf(text, sizeof text, "m%03d", round);
        assert_int_equal(send(pair[1], text, 4, 0), 4);
        wait_for(io, &done, 1);
        assert_int_equal(done.status, HONE_OK);
        assert_true(done.is_more);
        assert_int_equal(done.count, 4);
        assert_memory_equal(done.data, text, 4);
        hone_io_give_back_buffer(io, done.data);
    }
    /* All kept: the data that finds no buffer ends it, and is not lost. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(pair[1], &"abc"[i], 1, 0), 1);
        wait_for(io, &kept[i], 1);
        assert_true(kept[i].is_more);
    }
    assert_int_equal(send(pair[1], "d", 1, 0), 1);
    wait_for(io, &done, 1);
    assert_int_equal(done.status, HONE_STATUS_LIMIT);
    assert_false(done.is_more);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(*(char *)kept[i].data, "abc"[i]);
        hone_io_give_back_buffer(io, kept[i].data);
    }
    prepare(io, request);
    wait_for(io, &done, 1);
    assert_int_equal(*(char *)done.data, 'd');
    hone_io_give_back_buffer(io, done.data);
    assert_int_equal(close(pair[1]), 0);
    wait_for(io, &done, 1);
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(done.count, 0);
    assert_false(done.is_more); /* the end of the stream */
    assert_int_equal(hone_io_read_stats(io).in_flight_count, 0);
    assert_int_equal(close(pair[0]), 0);
    hone_io_destroy(io);
}

/* ---- time-outs and cancels ---- */

static void test_timeouts(void **state) {
    hone_io *io = plain_ring(state);
    int pair[2], tokens[3];
    char byte;
    hone_io_completion done[3];
    make_pair(pair);
    uint64_t start_ns = hone_clock_monotonic_ns();
    prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT,
                                  .timeout_ns = 30 * MILLISECOND_NS,
                                  .token = &tokens[2]});
    prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT,
                                  .timeout_ns = 10 * MILLISECOND_NS,
                                  .token = &tokens[0]});
    prepare(io, (hone_io_request){.kind = HONE_IO_RECEIVE,
                                  .fd = pair[0],
                                  .data = &byte,
                                  .size = 1,
                                  .timeout_ns = 20 * MILLISECOND_NS,
                                  .token = &tokens[1]});
    wait_for(io, done, 3);
    assert_true(hone_clock_monotonic_ns() - start_ns >= 30 * MILLISECOND_NS);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(done[i].token, &tokens[i]);
        assert_int_equal(done[i].status, i == 1 ? HONE_STATUS_TIMEOUT : HONE_OK);
    }
    /* One that is in time; and the time-out of a wait, which takes nothing away. */
    prepare(io, (hone_io_request){.kind = HONE_IO_RECEIVE,
                                  .fd = pair[0],
                                  .data = &byte,
                                  .size = 1,
                                  .timeout_ns = LONG_NS});
    uint32_t count = 9;
    assert_int_equal(hone_io_wait(io, 1, MILLISECOND_NS, done, 1, NULL, &count), HONE_OK);
    assert_int_equal(count, 0);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    wait_for(io, done, 1);
    assert_int_equal(done[0].status, HONE_OK);
    assert_int_equal(done[0].count, 1);
    /* Nothing in flight: a wait for ever comes back. */
    assert_int_equal(hone_io_wait(io, 1, HONE_IO_FOR_EVER, done, 1, NULL, &count), HONE_OK);
    assert_int_equal(count, 0);
    /* On a non-blocking pipe, where the wait is made in two steps. */
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    done[0] = run_one(io, (hone_io_request){.kind = HONE_IO_READ,
                                            .fd = ends[0],
                                            .data = &byte,
                                            .size = 1,
                                            .offset = HONE_IO_POSITION,
                                            .timeout_ns = 5 * MILLISECOND_NS});
    assert_int_equal(done[0].status, HONE_STATUS_TIMEOUT);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
    hone_io_destroy(io);
}

static void test_cancel(void **state) {
    hone_io *io = plain_ring(state);
    int pair[2], ends[2];
    char bytes[8];
    make_pair(pair);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const hone_io_request cases[] = {
        {.kind = HONE_IO_RECEIVE, .fd = pair[0], .data = bytes, .size = 1},
        {.kind = HONE_IO_RECEIVE, .fd = pair[0], .data = bytes, .size = 1, .timeout_ns = LONG_NS},
        {.kind = HONE_IO_READ, .fd = ends[0], .data = bytes, .size = 1, .offset = HONE_IO_POSITION},
        {.kind = HONE_IO_POLL, .fd = pair[0], .flags = HONE_IO_READABLE},
        {.kind = HONE_IO_TIMEOUT, .timeout_ns = LONG_NS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int is_submitted = 0; is_submitted < 2; is_submitted++) {
            hone_io_completion done;
            hone_io_handle handle = prepare(io, cases[i]);
            assert_true(!is_submitted || is_quiet(io));
            assert_int_equal(hone_io_cancel(io, handle), HONE_OK);
            wait_for(io, &done, 1);
            assert_int_equal(done.status, HONE_STATUS_CANCELLED);
            assert_true(done.handle == handle);
            assert_int_equal(hone_io_cancel(io, handle), HONE_STATUS_NOT_FOUND);
        }
    }
    /* A member of a chain: what runs ends, and the rest does not start. */
    hone_io_completion done[3];
    prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = bytes, .size = 1, .is_linked = true});
    prepare(io,
            (hone_io_request){
                .kind = HONE_IO_SEND, .fd = pair[0], .source = "x", .size = 1, .is_linked = true});
    hone_io_handle last = prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
    assert_true(is_quiet(io));
    assert_int_equal(hone_io_cancel(io, last), HONE_OK);
    wait_for(io, done, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(done[i].status, HONE_STATUS_CANCELLED);
    }
    assert_int_equal(recv(pair[1], bytes, 1, MSG_DONTWAIT), -1);
    assert_int_equal(hone_io_cancel(io, 0), HONE_STATUS_NOT_FOUND);
    assert_int_equal(hone_io_cancel(io, UINT64_MAX), HONE_STATUS_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(close(pair[i]), 0);
        assert_int_equal(close(ends[i]), 0);
    }
    hone_io_destroy(io);
}

/* What the kernel gives without a name and a type is waited for as a stream: its time-out comes, a
 * cancel reaches it, and the ring ends with it in flight. */
static void test_anonymous(void **state) {
    char watched[] = HONE_BUILD_DIR "/io-watched-XXXXXX";
    int watched_fd = mkstemp(watched);
    for (int mode = 0; mode < 2; mode++) {
        const int descriptors[] = {
            eventfd(0, EFD_CLOEXEC | (mode ? EFD_NONBLOCK : 0)),
            timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | (mode ? TFD_NONBLOCK : 0)),
            inotify_init1(IN_CLOEXEC | (mode ? IN_NONBLOCK : 0)),
        };
        assert_true(inotify_add_watch(descriptors[2], watched, IN_MODIFY) >= 0);
        for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
            /* Fewer threads than operations that might keep one. */
            hone_io *io = make_ring(backend_of(state), (hone_io_options){.threads_count = 1});
            _Alignas(8) char bytes[64];
            hone_io_completion done;
            hone_io_request request = {.kind = HONE_IO_READ,
                                       .fd = descriptors[i],
                                       .data = bytes,
                                       .size = sizeof bytes,
                                       .offset = HONE_IO_POSITION,
                                       .timeout_ns = MILLISECOND_NS};
            assert_int_equal(run_one(io, request).status, HONE_STATUS_TIMEOUT);
            request.timeout_ns = 0;
            hone_io_handle handle = prepare(io, request);
            assert_true(is_quiet(io));
            assert_int_equal(hone_io_cancel(io, handle), HONE_OK);
            wait_for(io, &done, 1);
            assert_int_equal(done.status, HONE_STATUS_CANCELLED);
            prepare(io, request);
            assert_true(is_quiet(io));
            uint64_t one = 1;
            struct itimerspec soon = {.it_value.tv_nsec = 1};
            switch (i) {
            case 0: assert_int_equal(write(descriptors[0], &one, sizeof one), sizeof one); break;
            case 1: assert_int_equal(timerfd_settime(descriptors[1], 0, &soon, NULL), 0); break;
            default: assert_int_equal(write(watched_fd, "x", 1), 1);
            }
            wait_for(io, &done, 1);
            assert_int_equal(done.status, HONE_OK);
            assert_int_equal(done.count, i < 2 ? sizeof one : sizeof(struct inotify_event));
            prepare(io, request);
            assert_true(is_quiet(io));
            hone_io_destroy(io);
            assert_int_equal(close(descriptors[i]), 0);
        }
    }
    assert_int_equal(unlink(watched), 0);
    assert_int_equal(close(watched_fd), 0);
}

/* A FIFO that nobody has opened for writing yet is not at its end. */
static void test_fifo_without_writer(void **state) {
    hone_io *io = plain_ring(state);
    char folder[] = HONE_BUILD_DIR "/io-fifo-XXXXXX", path[sizeof folder + 2], text[4];
    hone_io_completion done;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/f", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_int_equal(fcntl(reader, F_SETFL, 0), 0);
    hone_io_request request = {.kind = HONE_IO_READ,
                               .fd = reader,
                               .data = text,
                               .size = sizeof text,
                               .offset = HONE_IO_POSITION};
    prepare(io, request);
    assert_true(is_quiet(io));
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_true(is_quiet(io));
    assert_int_equal(write(writer, "abc", 3), 3);
    wait_for(io, &done, 1);
    assert_int_equal(done.count, 3);
    assert_int_equal(close(writer), 0);
    done = run_one(io, request); /* and now it is */
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(done.count, 0);
    hone_io_destroy(io);
    assert_int_equal(close(reader), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* The descriptor is closed under a waiting operation, its number used again: the cancel still finds
 * the old one, and the new file is not disturbed. */
static void test_close_in_flight(void **state) {
    hone_io *io = plain_ring(state);
    int first[2], second[2];
    char bytes[2];
    hone_io_completion done;
    make_pair(first);
    hone_io_handle handle = prepare(
        io, (hone_io_request){.kind = HONE_IO_RECEIVE, .fd = first[0], .data = bytes, .size = 1});
    assert_true(is_quiet(io));
    assert_int_equal(close(first[0]), 0);
    assert_int_equal(hone_io_cancel(io, handle), HONE_OK);
    wait_for(io, &done, 1);
    assert_int_equal(done.status, HONE_STATUS_CANCELLED);
    make_pair(second);
    prepare(io,
            (hone_io_request){.kind = HONE_IO_RECEIVE, .fd = second[0], .data = bytes, .size = 2});
    assert_true(is_quiet(io));
    assert_int_equal(send(second[1], "ab", 2, 0), 2);
    wait_for(io, &done, 1);
    assert_int_equal(done.count, 2);
    assert_int_equal(close(first[1]), 0);
    assert_int_equal(close(second[0]), 0);
    assert_int_equal(close(second[1]), 0);
    hone_io_destroy(io);
}

/* Two readers of one stream: first come, first served; and a writer beside them. */
static void test_shared_descriptor(void **state) {
    hone_io *io = plain_ring(state);
    int pair[2], tokens[3];
    char a, b, c;
    hone_io_completion done[3];
    make_pair(pair);
    prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = &a, .size = 1, .token = &tokens[0]});
    prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = &b, .size = 1, .token = &tokens[1]});
    assert_true(is_quiet(io));
    prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_SEND, .fd = pair[0], .source = "w", .size = 1, .token = &tokens[2]});
    wait_for(io, done, 1);
    assert_ptr_equal(done[0].token, &tokens[2]);
    assert_int_equal(recv(pair[1], &c, 1, 0), 1);
    assert_int_equal(send(pair[1], "1", 1, 0), 1);
    wait_for(io, done, 1);
    assert_int_equal(send(pair[1], "2", 1, 0), 1);
    wait_for(io, done + 1, 1);
    assert_int_equal(a + b, '1' + '2');
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
    hone_io_destroy(io);
}

/* ---- a poller's view ---- */

static bool is_readable(int fd, int timeout_ms) {
    struct pollfd one = {fd, POLLIN, 0};
    return poll(&one, 1, timeout_ms) == 1;
}

static void test_descriptor(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.is_pollable = true});
    int fd = hone_io_descriptor(io), pair[2], file = make_file(4096);
    char bytes[16];
    hone_io_completion done;
    make_pair(pair);
    assert_false(is_readable(fd, 0));
    for (int round = 0; round < 50; round++) {
        prepare(io, (hone_io_request){
                        .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = bytes, .size = 1});
        prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT, .timeout_ns = MILLISECOND_NS});
        prepare(io,
                (hone_io_request){.kind = HONE_IO_READ, .fd = file, .data = bytes + 1, .size = 8});
        prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
        assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
        for (int taken = 0; taken < 4;) { /* one at a time: what is left must still show */
            if (taken == 3) {
                assert_int_equal(send(pair[1], "x", 1, 0), 1);
            }
            assert_true(is_readable(fd, 20000));
            uint32_t count;
            assert_int_equal(hone_io_wait(io, 0, 0, &done, 1, NULL, &count), HONE_OK);
            taken += (int)count;
        }
        assert_true(is_quiet(io));
        assert_false(is_readable(fd, 0));
    }
    hone_io_handle handle = prepare(
        io, (hone_io_request){.kind = HONE_IO_RECEIVE, .fd = pair[0], .data = bytes, .size = 1});
    assert_true(is_quiet(io));
    assert_int_equal(hone_io_cancel(io, handle), HONE_OK);
    assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
    assert_true(is_readable(fd, 20000));
    wait_for(io, &done, 1);
    hone_io_destroy(io);
    io = plain_ring(state);
    assert_int_equal(hone_io_descriptor(io), -1);
    hone_io_destroy(io);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
    assert_int_equal(close(file), 0);
}

/* A file whose bytes the cache has: writing over them needs nobody to wait. */
static int make_written_file(void) {
    int fd = make_file(0);
    assert_int_equal(pwrite(fd, "----", 4, 0), 4);
    return fd;
}

static bool is_untouched(int fd) {
    char text[8];
    return pread(fd, text, sizeof text, 0) == 4 && memcmp(text, "----", 4) == 0;
}

/* Whichever member of a chain is named, and when: what has not started does not start. */
typedef enum cancel_moment {
    BEFORE_SUBMIT,
    WHILE_HEAD_WAITS,
    WHEN_HEAD_HAS_DATA,  /* and nobody has seen it yet */
    WHILE_HEAD_SYNCS,    /* cannot be stopped where it runs */
    BEHIND_A_CANCELLED,  /* the head has ended, and a cancelled stranger is to be taken first */
    WHEN_HEAD_HAS_ENDED, /* and nobody has taken its completion */
    MOMENTS_COUNT
} cancel_moment;

static void cancel_chain(hone_io *io, cancel_moment moment, int named) {
    enum { DIRTY_BYTES = 8 << 20 };
    int pair[2], file = make_written_file(), dirty = make_file(DIRTY_BYTES), tokens[3];
    char byte;
    hone_io_handle handles[3];
    hone_io_completion done[4];
    bool has_stranger = moment == BEHIND_A_CANCELLED, has_ended = moment >= BEHIND_A_CANCELLED;
    make_pair(pair);
    hone_io_request head = {
        .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = &byte, .size = 1, .is_linked = true};
    hone_io_request waiting = head;
    hone_io_request member = {
        .kind = HONE_IO_WRITE, .fd = file, .source = "late", .size = 4, .is_linked = true};
    if (has_stranger) {
        assert_int_equal(hone_io_cancel(io, prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT,
                                                                          .timeout_ns = LONG_NS})),
                         HONE_OK);
    }
    if (has_ended) {
        head = (hone_io_request){.kind = HONE_IO_NOP, .is_linked = true};
    } else if (moment == BEFORE_SUBMIT) {
        head = member;
    } else if (moment == WHILE_HEAD_SYNCS) {
        char *bytes = calloc(1, DIRTY_BYTES);
        assert_int_equal(pwrite(dirty, bytes, DIRTY_BYTES, 0), DIRTY_BYTES);
        free(bytes);
        head = (hone_io_request){.kind = HONE_IO_SYNC, .fd = dirty, .is_linked = true};
    }
    for (int i = 0; i < 3; i++) {
        hone_io_request *request = i == 0 ? &head : i == 1 && has_ended ? &waiting : &member;
        request->token = &tokens[i];
        request->is_linked = i < 2;
        handles[i] = prepare(io, *request);
    }
    assert_true(moment != WHILE_HEAD_WAITS || is_quiet(io));
    assert_true(moment != WHEN_HEAD_HAS_DATA || is_quiet(io));
    assert_int_equal(moment == BEFORE_SUBMIT ? HONE_OK : hone_io_submit(io, NULL), HONE_OK);
    assert_int_equal(moment == WHILE_HEAD_SYNCS ? poll(NULL, 0, 2) : 0, 0); /* likely runs now */
    assert_int_equal(moment == WHEN_HEAD_HAS_DATA ? send(pair[1], "x", 1, 0) : 1, 1);
    assert_int_equal(hone_io_cancel(io, handles[named]), HONE_OK);
    wait_for(io, done, has_stranger ? 4 : 3);
    if (has_stranger) { /* the one without a token, wherever it came */
        int at = 0;
        while (at < 3 && done[at].token) {
            at++;
        }
        assert_true(!done[at].token && done[at].status == HONE_STATUS_CANCELLED);
        memmove(&done[at], &done[at + 1], (size_t)(3 - at) * sizeof done[0]);
    }
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(done[i].token, &tokens[i]);
        bool is_stopped = done[i].status == HONE_STATUS_CANCELLED;
        bool may_succeed = i == 0 && moment >= WHEN_HEAD_HAS_DATA;
        bool must_succeed = i == 0 && has_ended;
        assert_true((is_stopped && !must_succeed) || (may_succeed && done[i].status == HONE_OK));
        assert_int_equal(hone_io_cancel(io, handles[i]), HONE_STATUS_NOT_FOUND);
    }
    assert_true(is_untouched(file));
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(close(dirty), 0);
}

static void test_cancel_chain(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.is_pollable = true});
    for (int moment = 0; moment < MOMENTS_COUNT; moment++) {
        for (int named = 0; named < 3; named++) {
            cancel_chain(io, (cancel_moment)moment, named);
        }
    }
    hone_io_destroy(io);
}

/* An operation that was not handed over yet does not run, and a poller hears of its end. */
static void test_cancel_prepared(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.is_pollable = true});
    int file = make_written_file(), tokens[2];
    hone_io_completion done[2];
    const uint64_t timeouts_ns[] = {0, LONG_NS};
    for (size_t i = 0; i < 2; i++) {
        hone_io_request request = {.kind = HONE_IO_WRITE,
                                   .fd = file,
                                   .source = "late",
                                   .size = 4,
                                   .timeout_ns = timeouts_ns[i],
                                   .token = &tokens[0]};
        hone_io_handle handle = prepare(io, request);
        assert_int_equal(hone_io_cancel(io, handle), HONE_OK);
        assert_int_equal(hone_io_cancel(io, handle), HONE_OK); /* once more is no harm */
        assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
        struct pollfd one = {hone_io_descriptor(io), POLLIN, 0};
        assert_int_equal(poll(&one, 1, 20000), 1);
        wait_for(io, done, 1);
        assert_ptr_equal(done[0].token, &tokens[0]);
        assert_int_equal(done[0].status, HONE_STATUS_CANCELLED);
        assert_true(is_untouched(file));
        assert_true(is_quiet(io));
        assert_int_equal(poll(&one, 1, 0), 0);
        /* Its neighbours do, the one before and the one behind. */
        request.kind = HONE_IO_NOP;
        prepare(io, request);
        request.kind = HONE_IO_WRITE;
        handle = prepare(io, request);
        request.token = &tokens[1];
        request.kind = HONE_IO_SYNC;
        prepare(io, request);
        assert_int_equal(hone_io_cancel(io, handle), HONE_OK);
        uint32_t cancelled_count = 0;
        for (int n = 0; n < 3; n++) {
            wait_for(io, done, 1);
            cancelled_count += done[0].status == HONE_STATUS_CANCELLED;
            assert_true(done[0].status == HONE_OK || done[0].handle == handle);
        }
        assert_int_equal(cancelled_count, 1);
        assert_true(is_untouched(file));
    }
    hone_io_destroy(io);
    assert_int_equal(close(file), 0);
}

/* A member that finds its non-blocking pipe empty waits, as alone. */
static void test_chain_on_nonblocking(void **state) {
    hone_io *io = plain_ring(state);
    int ends[2], file = make_file(0), tokens[3];
    char byte = 0;
    hone_io_completion done[3];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .is_linked = true, .token = &tokens[0]});
    prepare(io, (hone_io_request){.kind = HONE_IO_READ,
                                  .fd = ends[0],
                                  .data = &byte,
                                  .size = 1,
                                  .offset = HONE_IO_POSITION,
                                  .is_linked = true,
                                  .token = &tokens[1]});
    prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_WRITE, .fd = file, .source = &byte, .size = 1, .token = &tokens[2]});
    wait_for(io, done, 1);
    assert_true(is_quiet(io));
    assert_int_equal(write(ends[1], "z", 1), 1);
    wait_for(io, done + 1, 2);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(done[i].token, &tokens[i]);
        assert_int_equal(done[i].status, HONE_OK);
    }
    assert_int_equal(pread(file, &byte, 1, 0), 1);
    assert_int_equal(byte, 'z');
    hone_io_destroy(io);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(close(file), 0);
}

/* Members that need nobody to wait for them are started by submit: the last is done before a wait
 * asks. */
static void test_chain_goes_on_in_submit(void **state) {
    hone_io *io = plain_ring(state);
    int pair[2];
    char byte;
    hone_io_completion done[4];
    make_pair(pair);
    for (int i = 0; i < 2; i++) { /* also behind what a wait has to complete first */
        hone_io_handle handle =
            prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT, .timeout_ns = LONG_NS});
        assert_int_equal(hone_io_cancel(io, handle), HONE_OK);
        prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .is_linked = true});
        prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .is_linked = true});
        prepare(io,
                (hone_io_request){.kind = HONE_IO_SEND, .fd = pair[0], .source = "x", .size = 1});
        assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
        assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), 1);
        wait_for(io, done, 4);
        assert_true(is_quiet(io));
    }
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .is_linked = true});
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .is_linked = true});
    prepare(io, (hone_io_request){.kind = HONE_IO_SEND, .fd = pair[0], .source = "x", .size = 1});
    assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
    assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), 1);
    wait_for(io, done, 3);
    /* And one that is not over when the ring ends is not started. */
    prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = &byte, .size = 1, .is_linked = true});
    prepare(io, (hone_io_request){.kind = HONE_IO_SEND, .fd = pair[0], .source = "x", .size = 1});
    assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
    hone_io_destroy(io);
    assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
}

/* A slot for files keeps its file for the operations that name it, from prepare to completion. */
static void test_registered_file_in_use(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.files_count = 1});
    int first = make_file(0), second = make_file(0);
    hone_io_completion done;
    assert_int_equal(hone_io_register_file(io, 0, first, NULL), HONE_OK);
    hone_io_request write_request = {
        .kind = HONE_IO_WRITE, .is_registered_file = true, .source = "secret", .size = 6};
    prepare(io, write_request);
    assert_int_equal(hone_io_register_file(io, 0, second, NULL), HONE_STATUS_WOULD_BLOCK);
    assert_int_equal(hone_io_register_file(io, 0, -1, NULL), HONE_STATUS_WOULD_BLOCK);
    int stranger = make_file(0); /* would get the number of a duplicate that was closed too early */
    wait_for(io, &done, 1);
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(lseek(first, 0, SEEK_END), 6);
    assert_int_equal(lseek(stranger, 0, SEEK_END), 0);
    assert_int_equal(hone_io_register_file(io, 0, second, NULL), HONE_OK);
    assert_int_equal(run_one(io, write_request).status, HONE_OK);
    assert_int_equal(lseek(second, 0, SEEK_END), 6);
    hone_io_destroy(io);
    assert_int_equal(close(first), 0);
    assert_int_equal(close(second), 0);
    assert_int_equal(close(stranger), 0);
}

/* The poller that the scheduler sleeps in: watched once per event, as it does. */
static void test_poller(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.is_pollable = true});
    hone_poller poller;
    int pair[2], token;
    make_pair(pair);
    assert_int_equal(hone_poller_init(&poller), HONE_OK);
    for (int round = 0; round < 20; round++) {
        char byte;
        void *tokens[4];
        hone_io_completion done;
        uint32_t count = 0;
        prepare(io, (hone_io_request){
                        .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = &byte, .size = 1});
        assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
        assert_int_equal(hone_poller_watch(&poller, hone_io_descriptor(io), false, &token),
                         HONE_OK);
        assert_int_equal(hone_poller_wait(&poller, false, tokens, 4), 0);
        assert_int_equal(send(pair[1], "x", 1, 0), 1);
        while (count ==
               0) { /* an event is a hint: it may come before the completion can be taken */
            assert_int_equal(hone_poller_wait(&poller, true, tokens, 4), 1);
            assert_ptr_equal(tokens[0], &token);
            assert_int_equal(hone_io_wait(io, 0, 0, &done, 1, NULL, &count), HONE_OK);
            assert_int_equal(hone_poller_watch(&poller, hone_io_descriptor(io), false, &token),
                             HONE_OK);
        }
        assert_int_equal(done.count, 1);
        hone_poller_unwatch(&poller, hone_io_descriptor(io));
    }
    hone_poller_deinit(&poller);
    hone_io_destroy(io);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_pipe),
        BOTH(test_poll),
        BOTH(test_unix_sockets),
        BOTH(test_tcp),
        BOTH(test_multishot_accept),
        BOTH(test_multishot_receive),
        BOTH(test_timeouts),
        BOTH(test_cancel),
        BOTH(test_anonymous),
        BOTH(test_fifo_without_writer),
        BOTH(test_close_in_flight),
        BOTH(test_shared_descriptor),
        BOTH(test_descriptor),
        BOTH(test_poller),
        BOTH(test_cancel_chain),
        BOTH(test_cancel_prepared),
        BOTH(test_chain_on_nonblocking),
        BOTH(test_chain_goes_on_in_submit),
        BOTH(test_registered_file_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
