/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring, on both backends: every test of the table runs once on each, so that what a caller sees
 * is the same. Files, chains, limits, a naive twin, and the end with operations in flight; streams
 * are in io_stream_test.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hone/memory/checking.h"
#include "hone/platform/thread.h"
#include "ring_test.h"

/* ---- files ---- */

static void test_file(void **state) {
    hone_io *io = plain_ring(state);
    char path[] = HONE_BUILD_DIR "/io-file-XXXXXX", text[16] = {0};
    int token, other = mkstemp(path);
    assert_true(other >= 0);
    hone_io_completion done = run_one(io, (hone_io_request){.kind = HONE_IO_OPEN,
                                                            .fd = -1,
                                                            .path = path,
                                                            .flags = O_RDWR | O_CREAT,
                                                            .mode = 0600,
                                                            .token = &token});
    assert_int_equal(done.status, HONE_OK);
    int fd = (int)done.count;
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    done = run_one(
        io, (hone_io_request){
                .kind = HONE_IO_WRITE, .fd = fd, .source = "0123456789", .size = 10, .offset = 5});
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(done.count, 10);
    done = run_one(io, (hone_io_request){.kind = HONE_IO_SYNC, .fd = fd});
    assert_int_equal(done.status, HONE_OK);
    done = run_one(
        io, (hone_io_request){
                .kind = HONE_IO_READ, .fd = fd, .data = text, .size = sizeof text, .offset = 3});
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(done.count, 12); /* short: the end of the file */
    assert_memory_equal(text,
                        "\0\0"
                        "0123456789",
                        12);
    done = run_one(
        io, (hone_io_request){
                .kind = HONE_IO_READ, .fd = fd, .data = text, .size = sizeof text, .offset = 15});
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(done.count, 0); /* behind it */
    char pieces[] = "abcde";
    struct iovec out[2] = {{pieces, 2}, {pieces + 2, 3}}, in[2] = {{text, 1}, {text + 8, 4}};
    done = run_one(io,
                   (hone_io_request){
                       .kind = HONE_IO_WRITEV, .fd = fd, .vectors = out, .size = 2, .offset = 100});
    assert_int_equal(done.count, 5);
    done =
        run_one(io, (hone_io_request){
                        .kind = HONE_IO_READV, .fd = fd, .vectors = in, .size = 2, .offset = 100});
    assert_int_equal(done.count, 5);
    assert_memory_equal(text, "a", 1);
    assert_memory_equal(text + 8, "bcde", 4);
    /* At the file's own position, which moves. */
    done = run_one(
        io,
        (hone_io_request){
            .kind = HONE_IO_READ, .fd = fd, .data = text, .size = 6, .offset = HONE_IO_POSITION});
    assert_int_equal(done.count, 6);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);
    done = run_one(io, (hone_io_request){.kind = HONE_IO_CLOSE, .fd = fd});
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    hone_io_destroy(io);
    assert_int_equal(close(other), 0);
    assert_int_equal(unlink(path), 0);
}

static void test_errors(void **state) {
    hone_io *io = plain_ring(state);
    char byte;
    int readable = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), pair[2];
    make_pair(pair);
    const struct {
        const char *comment;
        hone_io_request request;
        hone_status status;
    } cases[] = {
        {"no such file",
         {.kind = HONE_IO_OPEN, .fd = -1, .path = "/nowhere/x"},
         HONE_STATUS_NOT_FOUND},
        {"a folder",
         {.kind = HONE_IO_OPEN, .fd = -1, .path = "/", .flags = O_WRONLY},
         HONE_STATUS_IS_DIRECTORY},
        {"exists",
         {.kind = HONE_IO_OPEN, .fd = -1, .path = "/proc", .flags = O_CREAT | O_EXCL},
         HONE_STATUS_DUPLICATE},
        {"not open",
         {.kind = HONE_IO_READ, .fd = 9999, .data = &byte, .size = 1},
         HONE_STATUS_INVALID_ARGUMENT},
        {"sync of none", {.kind = HONE_IO_SYNC, .fd = 9999}, HONE_STATUS_INVALID_ARGUMENT},
        {"close of none", {.kind = HONE_IO_CLOSE, .fd = 9999}, HONE_STATUS_INVALID_ARGUMENT},
        {"poll of none",
         {.kind = HONE_IO_POLL, .fd = 9999, .flags = HONE_IO_READABLE},
         HONE_STATUS_INVALID_ARGUMENT},
        {"read only",
         {.kind = HONE_IO_WRITE, .fd = readable, .source = &byte, .size = 1},
         HONE_STATUS_INVALID_ARGUMENT},
        {"no socket",
         {.kind = HONE_IO_RECEIVE, .fd = readable, .data = &byte, .size = 1},
         HONE_STATUS_INVALID_ARGUMENT},
        {"does not listen", {.kind = HONE_IO_ACCEPT, .fd = pair[0]}, HONE_STATUS_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_io_completion done = run_one(io, cases[i].request);
        if (done.status != cases[i].status || done.code <= 0 || done.count != 0) {
            fail_msg("%s: %s", cases[i].comment, hone_status_name(done.status));
        }
        hone_diag diag;
        hone_diag_clear(&diag);
        assert_int_equal(hone_io_explain(&done, &diag), done.status);
        assert_non_null(strstr(diag.message, "the kernel says: "));
    }
    assert_int_equal(close(readable), 0);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
    hone_io_destroy(io);
}

static void test_read_now(void **state) {
    hone_io *io = plain_ring(state);
    int fd = make_file(0), token;
    char text[8];
    assert_int_equal(pwrite(fd, "0123456789", 10, 0), 10);
    hone_io_request request = {
        .kind = HONE_IO_READ, .fd = fd, .data = text, .size = 8, .token = &token};
    hone_io_completion now;
    hone_status status = hone_io_read_now(io, &request, NULL, &now);
    hone_io_completion done = now;
    if (status != HONE_OK) { /* just written, so only where the system cannot look (qemu) */
        assert_int_equal(status, HONE_STATUS_WOULD_BLOCK);
        wait_for(io, &done, 1);
        assert_true(done.handle == now.handle);
    }
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(done.count, 8);
    assert_ptr_equal(done.token, &token);
    assert_memory_equal(text, "01234567", 8);
    assert_true(is_quiet(io));
    request.offset = 5; /* over the end: the ring finds out */
    assert_int_equal(hone_io_read_now(io, &request, NULL, &now), HONE_STATUS_WOULD_BLOCK);
    wait_for(io, &done, 1);
    assert_true(done.handle == now.handle);
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(done.count, 5);
    assert_memory_equal(text, "56789", 5);
    request.may_wait = true; /* reads at once, whatever the cache has */
    memset(text, 0, sizeof text);
    assert_int_equal(hone_io_read_now(io, &request, NULL, &now), HONE_OK);
    assert_int_equal(now.count, 5);
    assert_memory_equal(text, "56789", 5);
    assert_true(is_quiet(io));
    request.fd = 9999;
    assert_int_equal(hone_io_read_now(io, &request, NULL, &now), HONE_STATUS_WOULD_BLOCK);
    wait_for(io, &done, 1);
    assert_int_equal(done.status, HONE_STATUS_INVALID_ARGUMENT);
    request.offset = HONE_IO_POSITION;
    assert_int_equal(hone_io_read_now(io, &request, NULL, &now), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(close(fd), 0);
    hone_io_destroy(io);
}

static void test_registered(void **state) {
    hone_io *io =
        make_ring(backend_of(state),
                  (hone_io_options){.files_count = 2, .buffers_count = 3, .buffer_bytes = 5000});
    hone_io_description description;
    hone_io_describe(io, &description);
    if (backend_of(state) == HONE_IO_URING) {
        assert_int_equal(description.registered_files.state, HONE_FACT_PRESENT);
    } else {
        assert_int_equal(description.registered_files.state, HONE_FACT_ABSENT);
    }
    int fd = make_file(0);
    hone_diag diag;
    assert_int_equal(hone_io_register_file(io, 2, fd, &diag), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_io_register_file(io, 1, 9999, &diag), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_io_register_file(io, 1, fd, &diag), HONE_OK);
    char *a = hone_io_buffer(io, 0), *b = hone_io_buffer(io, 2);
    assert_true((uintptr_t)a % 4096 == 0 && (uintptr_t)b % 4096 == 0 && b >= a + 2 * 5000);
    assert_null(hone_io_buffer(io, 3));
    memset(a, 'x', 5000);
    hone_io_completion done = run_one(
        io,
        (hone_io_request){
            .kind = HONE_IO_WRITE, .fd = 1, .is_registered_file = true, .source = a, .size = 5000});
    assert_int_equal(done.status, HONE_OK);
    assert_int_equal(done.count, 5000);
    assert_int_equal(close(fd), 0); /* the ring has its own */
    done = run_one(io, (hone_io_request){.kind = HONE_IO_READ,
                                         .fd = 1,
                                         .is_registered_file = true,
                                         .data = b + 10,
                                         .size = 2000,
                                         .offset = 3500});
    assert_int_equal(done.count, 1500);
    assert_memory_equal(b + 10, a, 1500);
    assert_int_equal(b[9], 0);
    hone_io_request none = {.kind = HONE_IO_SYNC, .fd = 0, .is_registered_file = true};
    assert_int_equal(hone_io_prepare(io, &none, &diag, NULL), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_io_register_file(io, 1, -1, &diag), HONE_OK);
    none.fd = 1;
    assert_int_equal(hone_io_prepare(io, &none, &diag, NULL), HONE_STATUS_INVALID_ARGUMENT);
    hone_io_destroy(io);
}

static void test_direct(void **state) {
    hone_io *io =
        make_ring(backend_of(state), (hone_io_options){.buffers_count = 8, .buffer_bytes = 4096});
    char path[] = HONE_BUILD_DIR "/io-direct-XXXXXX";
    int made = mkstemp(path);
    assert_true(made >= 0);
    assert_int_equal(close(made), 0);
    int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    assert_int_equal(unlink(path), 0);
    if (fd < 0) { /* a file system that has no such thing, as tmpfs */
        hone_io_destroy(io);
        skip();
    }
    hone_io_completion done[8];
    for (uint32_t i = 0; i < 8; i++) {
        memset(hone_io_buffer(io, i), 'a' + (int)i, 4096);
        prepare(io, (hone_io_request){.kind = HONE_IO_WRITE,
                                      .fd = fd,
                                      .source = hone_io_buffer(io, i),
                                      .size = 4096,
                                      .offset = i * 4096});
    }
    wait_for(io, done, 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(done[i].status, HONE_OK);
        assert_int_equal(done[i].count, 4096);
        prepare(io, (hone_io_request){.kind = HONE_IO_READ,
                                      .fd = fd,
                                      .data = hone_io_buffer(io, i),
                                      .size = 4096,
                                      .offset = (7 - i) * 4096});
    }
    wait_for(io, done, 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(*(char *)hone_io_buffer(io, i), 'a' + 7 - (int)i);
    }
    assert_int_equal(close(fd), 0);
    hone_io_destroy(io);
}

/* ---- chains ---- */

static void test_chain(void **state) {
    hone_io *io = plain_ring(state);
    int fd = make_file(0), tokens[4];
    char text[8] = {0};
    hone_io_completion done[4];
    prepare(io, (hone_io_request){.kind = HONE_IO_WRITE,
                                  .fd = fd,
                                  .source = "abcdefgh",
                                  .size = 8,
                                  .is_linked = true,
                                  .token = &tokens[0]});
    prepare(io, (hone_io_request){.kind = HONE_IO_SYNC,
                                  .fd = fd,
                                  .is_data_only = true,
                                  .is_linked = true,
                                  .token = &tokens[1]});
    prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT,
                                  .timeout_ns = MILLISECOND_NS,
                                  .is_linked = true,
                                  .token = &tokens[2]});
    prepare(io, (hone_io_request){.kind = HONE_IO_READ,
                                  .fd = fd,
                                  .data = text,
                                  .size = 8,
                                  .timeout_ns = LONG_NS,
                                  .token = &tokens[3]});
    wait_for(io, done, 4);
    for (int i = 0; i < 4; i++) { /* in order, each whole */
        assert_ptr_equal(done[i].token, &tokens[i]);
        assert_int_equal(done[i].status, HONE_OK);
    }
    assert_memory_equal(text, "abcdefgh", 8);
    /* Short: 4 of 8 bytes; what follows must not run. */
    prepare(io, (hone_io_request){.kind = HONE_IO_READ,
                                  .fd = fd,
                                  .data = text,
                                  .size = 8,
                                  .offset = 4,
                                  .is_linked = true,
                                  .token = &tokens[0]});
    prepare(io, (hone_io_request){.kind = HONE_IO_WRITE,
                                  .fd = fd,
                                  .source = "X",
                                  .size = 1,
                                  .is_linked = true,
                                  .token = &tokens[1]});
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .token = &tokens[2]});
    /* A neighbour that is no part of it. */
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .token = &tokens[3]});
    wait_for(io, done, 4);
    for (int i = 0; i < 4; i++) {
        hone_status expected = done[i].token == &tokens[1] || done[i].token == &tokens[2]
                                   ? HONE_STATUS_CANCELLED
                                   : HONE_OK;
        assert_int_equal(done[i].status, expected);
    }
    assert_int_equal(pread(fd, text, 1, 0), 1);
    assert_int_equal(text[0], 'a');
    assert_int_equal(close(fd), 0);
    hone_io_destroy(io);
}

static void test_chain_failure(void **state) {
    hone_io *io = plain_ring(state);
    int pair[2];
    char byte;
    hone_io_completion done[3];
    make_pair(pair);
    prepare(io, (hone_io_request){.kind = HONE_IO_SYNC, .fd = 9999, .is_linked = true});
    prepare(io, (hone_io_request){.kind = HONE_IO_SEND,
                                  .fd = pair[0],
                                  .source = "x",
                                  .size = 1,
                                  .timeout_ns = LONG_NS,
                                  .is_linked = true});
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
    wait_for(io, done, 3);
    assert_int_equal(done[0].status, HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(done[1].status, HONE_STATUS_CANCELLED);
    assert_int_equal(done[2].status, HONE_STATUS_CANCELLED);
    assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
    /* A submit ends a chain: the second one does not hang on the first. */
    prepare(io, (hone_io_request){.kind = HONE_IO_SYNC, .fd = 9999, .is_linked = true});
    assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
    wait_for(io, done, 2);
    assert_true(done[0].status == HONE_OK || done[1].status == HONE_OK);
    /* A chain that is too long; and a refused member leaves the chain as it was. */
    hone_io_request member = {.kind = HONE_IO_NOP, .is_linked = true}, bad = {.kind = HONE_IO_OPEN};
    for (int i = 0; i < HONE_IO_CHAIN_MAX - 1; i++) {
        prepare(io, member);
        assert_int_equal(hone_io_prepare(io, &bad, NULL, NULL), HONE_STATUS_INVALID_ARGUMENT);
    }
    assert_int_equal(hone_io_prepare(io, &member, NULL, NULL), HONE_STATUS_LIMIT);
    member.is_linked = false;
    prepare(io, member);
    hone_io_completion all[HONE_IO_CHAIN_MAX];
    wait_for(io, all, HONE_IO_CHAIN_MAX);
    for (int i = 0; i < HONE_IO_CHAIN_MAX; i++) {
        assert_int_equal(all[i].status, HONE_OK);
    }
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
    hone_io_destroy(io);
}

/* Long chains of two-entry operations through a small ring: none is torn apart. */
static void test_many_chains(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.operations_max = 40});
    int fd = make_file(0);
    for (int round = 0; round < 50; round++) {
        hone_io_completion done[40];
        int lengths[] = {16, 5, 16, 3};
        for (int chain = 0; chain < 4; chain++) {
            for (int i = 0; i < lengths[chain]; i++) {
                prepare(io, (hone_io_request){.kind = i == 0 ? HONE_IO_SYNC : HONE_IO_NOP,
                                              .fd = chain % 2 ? 9999 : fd,
                                              .timeout_ns = i > 0 ? 0 : LONG_NS,
                                              .is_linked = i + 1 < lengths[chain],
                                              .token = &lengths[chain]});
            }
        }
        wait_for(io, done, 40);
        for (int i = 0; i < 40; i++) {
            long chain = (int *)done[i].token - lengths;
            assert_true((done[i].status == HONE_OK) == (chain % 2 == 0));
        }
    }
    assert_int_equal(close(fd), 0);
    hone_io_destroy(io);
}

/* ---- limits ---- */

static void test_in_flight_limit(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.operations_max = 3});
    hone_io_request request = {.kind = HONE_IO_NOP};
    hone_io_completion done[3];
    for (int round = 0; round < 100; round++) {
        hone_diag diag;
        hone_diag_clear(&diag);
        for (int i = 0; i < 3; i++) {
            prepare(io, request);
        }
        assert_int_equal(hone_io_prepare(io, &request, &diag, NULL), HONE_STATUS_LIMIT);
        assert_non_null(strstr(diag.message, "take completions first"));
        assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
        assert_int_equal(hone_io_prepare(io, &request, &diag, NULL), HONE_STATUS_LIMIT);
        wait_for(io, done, 2);
        wait_for(io, done + 2, 1);
    }
    hone_io_stats stats = hone_io_read_stats(io);
    assert_int_equal(stats.prepared_count, 300);
    assert_int_equal(stats.completed_count, 300);
    assert_int_equal(stats.in_flight_count, 0);
    assert_true(stats.submits_count >= 100);
    hone_io_destroy(io);
}

/* Everything at its stated maximum, all of it in flight at once. */
static void test_largest(void **state) {
    hone_io_options options = {.operations_max = HONE_IO_OPERATIONS_MAX,
                               .threads_count = HONE_IO_THREADS_MAX,
                               .files_count = HONE_IO_FILES_MAX,
                               .receive_buffers_count = HONE_IO_RECEIVE_BUFFERS_MAX,
                               .receive_buffer_bytes = 1};
    hone_io *io = make_ring(backend_of(state), options);
    static hone_io_completion done[HONE_IO_OPERATIONS_MAX];
    hone_io_request request = {.kind = HONE_IO_NOP, .timeout_ns = LONG_NS};
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < HONE_IO_OPERATIONS_MAX; i++) {
            prepare(io, request);
        }
        assert_int_equal(hone_io_prepare(io, &request, NULL, NULL), HONE_STATUS_LIMIT);
        wait_for(io, done, HONE_IO_OPERATIONS_MAX);
        for (uint32_t i = 0; i < HONE_IO_OPERATIONS_MAX; i++) {
            assert_int_equal(done[i].status, HONE_OK);
        }
    }
    int file = make_file(0);
    assert_int_equal(hone_io_register_file(io, HONE_IO_FILES_MAX - 1, file, NULL), HONE_OK);
    hone_io_request sync = {
        .kind = HONE_IO_SYNC, .fd = HONE_IO_FILES_MAX - 1, .is_registered_file = true};
    assert_int_equal(run_one(io, sync).status, HONE_OK);
    hone_io_destroy(io);
    assert_int_equal(close(file), 0);
}

static void test_bad_requests(void **state) {
    hone_io *io = plain_ring(state);
    char byte;
    struct iovec vector = {&byte, 1};
    const hone_io_request cases[] = {
        {.kind = HONE_IO_KINDS_COUNT},
        {.kind = (hone_io_kind)-1},
        {.kind = HONE_IO_READ, .fd = -1, .data = &byte, .size = 1},
        {.kind = HONE_IO_READ, .fd = 0, .size = 1},
        {.kind = HONE_IO_READ, .fd = 0, .data = &byte, .size = (size_t)HONE_IO_BYTES_MAX + 1},
        {.kind = HONE_IO_READ, .fd = 0, .data = &byte, .size = 1, .offset = (uint64_t)1 << 63},
        {.kind = HONE_IO_READ, .fd = 0, .data = &byte, .size = 1, .is_registered_file = true},
        {.kind = HONE_IO_READ, .fd = 0, .data = &byte, .size = 1, .is_multishot = true},
        {.kind = HONE_IO_READV, .fd = 0, .vectors = &vector, .size = 0},
        {.kind = HONE_IO_READV, .fd = 0, .vectors = &vector, .size = HONE_IO_VECTORS_MAX + 1},
        {.kind = HONE_IO_WRITEV, .fd = 0, .size = 1},
        {.kind = HONE_IO_OPEN, .fd = -1},
        {.kind = HONE_IO_CLOSE, .fd = 0, .is_registered_file = true},
        {.kind = HONE_IO_CONNECT, .fd = 0, .size = 16},
        {.kind = HONE_IO_CONNECT, .fd = 0, .address = &byte, .size = 129},
        {.kind = HONE_IO_POLL, .fd = 0},
        {.kind = HONE_IO_POLL, .fd = 0, .flags = 8},
        {.kind = HONE_IO_TIMEOUT},
        {.kind = HONE_IO_NOP, .timeout_ns = UINT64_MAX},
        {.kind = HONE_IO_RECEIVE, .fd = 0, .is_multishot = true},
        {.kind = HONE_IO_ACCEPT, .fd = 0, .is_multishot = true, .timeout_ns = 1},
        {.kind = HONE_IO_ACCEPT, .fd = 0, .is_multishot = true, .is_linked = true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_diag diag;
        hone_diag_clear(&diag);
        hone_io_handle handle = 5;
        if (hone_io_prepare(io, &cases[i], &diag, &handle) != HONE_STATUS_INVALID_ARGUMENT ||
            handle != 5 || diag.message[0] == '\0') {
            fail_msg("case %zu was taken", i);
        }
    }
    uint32_t count;
    assert_int_equal(hone_io_wait(io, 1, 0, NULL, 0, NULL, &count), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_io_read_stats(io).prepared_count, 0);
    assert_true(is_quiet(io));
    hone_io_destroy(io);
}

static void test_bad_options(void **state) {
    (void)state;
    const struct {
        const char *name;
        hone_io_options options;
        hone_status status;
    } cases[] = {
        {"operations_max", {.operations_max = 0}, HONE_STATUS_INVALID_ARGUMENT},
        {"operations_max", {.operations_max = (uint32_t)-1}, HONE_STATUS_LIMIT},
        {"operations_max", {.operations_max = HONE_IO_OPERATIONS_MAX + 1}, HONE_STATUS_LIMIT},
        {"backend",
         {.operations_max = 1, .backend = (hone_io_backend)3},
         HONE_STATUS_INVALID_ARGUMENT},
        {"threads_count", {.operations_max = 1, .threads_count = 65}, HONE_STATUS_LIMIT},
        {"sq_idle_ms", {.operations_max = 1, .sq_idle_ms = 60001}, HONE_STATUS_LIMIT},
        {"files_count", {.operations_max = 1, .files_count = 32769}, HONE_STATUS_LIMIT},
        {"buffer_bytes", {.operations_max = 1, .buffers_count = 1}, HONE_STATUS_INVALID_ARGUMENT},
        {"buffer_bytes",
         {.operations_max = 1, .buffers_count = 1, .buffer_bytes = SIZE_MAX},
         HONE_STATUS_LIMIT},
        {"buffers",
         {.operations_max = 1, .buffers_count = UINT32_MAX, .buffer_bytes = 1 << 30},
         HONE_STATUS_LIMIT},
        {"receive_buffer_bytes",
         {.operations_max = 1, .receive_buffers_count = 1},
         HONE_STATUS_INVALID_ARGUMENT},
        {"receive_buffers_count",
         {.operations_max = 1, .receive_buffers_count = 32769, .receive_buffer_bytes = 1},
         HONE_STATUS_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_io *io = (hone_io *)&io;
        hone_diag diag;
        hone_diag_clear(&diag);
        if (hone_io_create(&cases[i].options, &diag, &io) != cases[i].status ||
            io != (hone_io *)&io || !strstr(diag.message, cases[i].name)) {
            fail_msg("case %zu (%s): %s", i, cases[i].name, diag.message);
        }
    }
}

static void test_budget(void **state) {
    hone_budget *budget;
    hone_budget_options limits = {.name = "rings", .limit_bytes = 64 << 10};
    assert_int_equal(hone_budget_create(&limits, NULL, &budget), HONE_OK);
    hone_io_options options = {.operations_max = 4,
                               .backend = backend_of(state),
                               .buffers_count = 17,
                               .buffer_bytes = 4096,
                               .budget = budget};
    hone_io *io;
    hone_diag diag;
    hone_diag_clear(&diag);
    assert_int_equal(hone_io_create(&options, &diag, &io), HONE_STATUS_BUDGET);
    assert_non_null(strstr(diag.message, "rings"));
    options.buffers_count = 16;
    io = make_ring(backend_of(state), options);
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, 64 << 10);
    hone_io_destroy(io);
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, 0);
    assert_int_equal(hone_budget_destroy(budget, NULL), HONE_OK);
}

/* ---- the end ---- */

static void test_destroy_in_flight(void **state) {
    hone_io_destroy(NULL);
    hone_checking *checking;
    assert_int_equal(hone_checking_create(NULL, 100, &checking), HONE_OK);
    hone_io_destroy(plain_ring(state)); /* skips here, before anything is to be given back */
    struct sockaddr_un address;
    socklen_t size;
    int pair[2], file = make_file(1 << 20), listener = make_listener(&address, &size);
    make_pair(pair);
    uint32_t before = count_descriptors();
    for (int is_submitted = 0; is_submitted < 3; is_submitted++) {
        hone_io_options options = {.allocator = hone_checking_allocator(checking),
                                   .is_pollable = true,
                                   .files_count = 4,
                                   .receive_buffers_count = 2,
                                   .receive_buffer_bytes = 64};
        hone_io *io = make_ring(backend_of(state), options);
        static char bytes[32][4096];
        int client; /* marks what gives a descriptor */
        assert_int_equal(hone_io_register_file(io, 3, file, NULL), HONE_OK);
        prepare(io, (hone_io_request){
                        .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = bytes, .size = 1});
        prepare(io,
                (hone_io_request){.kind = HONE_IO_RECEIVE, .fd = pair[0], .is_multishot = true});
        prepare(io, (hone_io_request){.kind = HONE_IO_ACCEPT,
                                      .fd = listener,
                                      .is_multishot = true,
                                      .token = &client});
        prepare(io, (hone_io_request){
                        .kind = HONE_IO_TIMEOUT, .timeout_ns = LONG_NS, .is_linked = true});
        prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT, .timeout_ns = LONG_NS});
        for (int i = 0; i < 32; i++) {
            prepare(io, (hone_io_request){.kind = i % 2 ? HONE_IO_WRITE : HONE_IO_READ,
                                          .fd = 3,
                                          .is_registered_file = true,
                                          .data = bytes[i],
                                          .size = 4096,
                                          .offset = (uint64_t)i * 4096});
        }
        prepare(io,
                (hone_io_request){
                    .kind = HONE_IO_OPEN, .fd = -1, .path = "/proc/self/exe", .token = &client});
        if (is_submitted > 0) { /* never, not taken, or looked at */
            assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
        }
        client = make_connection(&address, size);         /* accepted, and mostly never taken */
        for (int i = 0; is_submitted > 1 && i < 2; i++) { /* some are taken */
            hone_io_completion done;
            wait_for(io, &done, 1);
            if (done.token == &client && done.status == HONE_OK) {
                assert_int_equal(close((int)done.count), 0);
            }
        }
        hone_io_destroy(io);
        assert_int_equal(close(client), 0);
        assert_int_equal(count_descriptors(), before);
    }
    hone_diag diag;
    hone_diag_clear(&diag);
    if (hone_checking_verify(checking, &diag) != HONE_OK) {
        fail_msg("%s", diag.message);
    }
    hone_checking_destroy(checking);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(close(listener), 0);
}

/* What was prepared and never submitted must not happen. */
static void test_destroy_unsubmitted(void **state) {
    hone_io *io = plain_ring(state);
    int file = make_file(0);
    for (int is_used = 0; is_used < 2; is_used++) {
        if (is_used) {
            (void)run_one(io, (hone_io_request){.kind = HONE_IO_NOP});
        }
        prepare(io, (hone_io_request){.kind = HONE_IO_WRITE,
                                      .fd = file,
                                      .source = "x",
                                      .size = 1,
                                      .timeout_ns = LONG_NS});
        hone_io_destroy(io);
        assert_int_equal(lseek(file, 0, SEEK_END), 0);
        io = plain_ring(state);
    }
    hone_io_destroy(io);
    assert_int_equal(close(file), 0);
}

static void use_elsewhere(void *context) {
    hone_io *io = context;
    assert_int_equal(run_one(io, (hone_io_request){.kind = HONE_IO_NOP}).status, HONE_OK);
    hone_io_destroy(io);
}

static void test_other_thread(void **state) {
    hone_io *io = make_ring(backend_of(state), (hone_io_options){.is_pollable = true});
    hone_thread thread;
    assert_int_equal(hone_thread_create("user", use_elsewhere, io, &thread), HONE_OK);
    hone_thread_join(thread);
}

static void test_sq_thread(void **state) {
    if (backend_of(state) == HONE_IO_THREADS) {
        hone_io *io = make_ring(HONE_IO_THREADS, (hone_io_options){.sq_idle_ms = 5});
        hone_io_description description;
        hone_io_describe(io, &description);
        assert_int_equal(description.sq_thread.state, HONE_FACT_ABSENT);
        hone_io_destroy(io);
        return;
    }
    hone_io *io = make_ring(HONE_IO_URING, (hone_io_options){.sq_idle_ms = 5});
    hone_io_description description;
    hone_io_describe(io, &description);
    assert_int_equal(description.sq_thread.state, HONE_FACT_PRESENT);
    int file = make_file(0);
    for (int round = 0; round < 30; round++) {
        hone_io_completion done[64];
        for (int i = 0; i < 64; i++) {
            prepare(io, (hone_io_request){.kind = HONE_IO_WRITE,
                                          .fd = file,
                                          .source = "x",
                                          .size = 1,
                                          .offset = (uint64_t)i,
                                          .timeout_ns = LONG_NS});
        }
        wait_for(io, done, 64);
        for (int i = 0; i < 64; i++) {
            assert_int_equal(done[i].status, HONE_OK);
        }
    }
    prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT, .timeout_ns = LONG_NS});
    assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
    prepare(io, (hone_io_request){.kind = HONE_IO_TIMEOUT, .timeout_ns = LONG_NS});
    hone_io_destroy(io);
    assert_int_equal(close(file), 0);
}

/* ---- a naive twin ---- */

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Random reads and writes, many at a time, against an array. Those of one batch do not overlap,
 * because nothing orders them. */
static void test_twin(void **state) {
    enum { BLOCK = 512, BLOCKS = 64, BATCHES = 200 };
    hone_io *io = make_ring(backend_of(state),
                            (hone_io_options){.buffers_count = BLOCKS, .buffer_bytes = 4096});
    int file = make_file(BLOCK * BLOCKS);
    static uint8_t twin[BLOCK * BLOCKS], plain[BLOCKS][BLOCK];
    memset(twin, 0, sizeof twin);
    uint64_t seed = 20240607;
    for (int batch = 0; batch < BATCHES; batch++) {
        uint8_t *data[BLOCKS];
        bool is_write[BLOCKS];
        uint32_t count = 0;
        for (uint32_t i = 0; i < BLOCKS; i++) {
            data[i] = next_random(&seed) % 2 ? plain[i] : hone_io_buffer(io, i);
            is_write[i] = next_random(&seed) % 2;
            memset(data[i], is_write[i] ? (int)(next_random(&seed) & 255) : 0xEE, BLOCK);
            if (next_random(&seed) % 4 == 0) {
                data[i] = NULL;
                continue;
            }
            prepare(io, (hone_io_request){.kind = is_write[i] ? HONE_IO_WRITE : HONE_IO_READ,
                                          .fd = file,
                                          .data = data[i],
                                          .size = BLOCK,
                                          .offset = (uint64_t)i * BLOCK});
            count++;
            if (is_write[i]) {
                memcpy(twin + (size_t)i * BLOCK, data[i], BLOCK);
            }
        }
        hone_io_completion done[BLOCKS];
        wait_for(io, done, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(done[i].count, BLOCK);
        }
        for (uint32_t i = 0; i < BLOCKS; i++) {
            if (data[i]) {
                assert_memory_equal(data[i], twin + (size_t)i * BLOCK, BLOCK);
            }
        }
    }
    static uint8_t content[BLOCK * BLOCKS];
    assert_int_equal(pread(file, content, sizeof content, 0), sizeof content);
    assert_memory_equal(content, twin, sizeof twin);
    assert_int_equal(close(file), 0);
    hone_io_destroy(io);
}

static void test_describe(void **state) {
    hone_io *io = plain_ring(state);
    hone_io_description description;
    hone_io_describe(io, &description);
    assert_int_equal(description.backend, backend_of(state));
    if (description.backend == HONE_IO_URING) {
        assert_int_equal(description.uring.state, HONE_FACT_PRESENT);
        assert_true(description.uring.text[0] != '\0' && description.threads_count == 0);
    } else {
        assert_int_equal(description.uring.state, HONE_FACT_ABSENT);
        assert_non_null(strstr(description.uring.reason, "the options ask for threads"));
        assert_int_equal(description.threads_count, HONE_IO_THREADS_DEFAULT);
    }
    hone_io_destroy(io);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_describe),
        BOTH(test_file),
        BOTH(test_errors),
        BOTH(test_read_now),
        BOTH(test_registered),
        BOTH(test_direct),
        BOTH(test_chain),
        BOTH(test_chain_failure),
        BOTH(test_many_chains),
        BOTH(test_in_flight_limit),
        BOTH(test_largest),
        BOTH(test_bad_requests),
        cmocka_unit_test(test_bad_options),
        BOTH(test_budget),
        BOTH(test_destroy_in_flight),
        BOTH(test_destroy_unsubmitted),
        BOTH(test_other_thread),
        BOTH(test_sq_thread),
        BOTH(test_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
