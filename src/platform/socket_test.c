/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: connections are made or say why not, and nothing blocks. Method: loopback; ports that are
 * taken or that nobody has, names that nobody can have; a stream that is full, empty and ended.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>

#include "hone/platform/socket.h"

#define LONG_NS UINT64_C(10000000000)

static void test_connects_on_loopback(void **state) {
    (void)state;
    int listener, client, server;
    size_t count;
    char text[8] = {0};
    hone_diag diag = {0};
    assert_int_equal(hone_socket_listen("127.0.0.1", 0, &diag, &listener), HONE_OK);
    uint16_t port = hone_socket_port(listener);
    assert_true(port != 0);
    assert_int_equal(hone_socket_accept(listener, &server), HONE_STATUS_WOULD_BLOCK);
    assert_int_equal(hone_socket_connect("127.0.0.1", port, LONG_NS, &diag, &client), HONE_OK);
    assert_true(hone_socket_wait(listener, true, false, LONG_NS));
    assert_int_equal(hone_socket_accept(listener, &server), HONE_OK);
    const hone_socket_tuning tuning = {true, true, 1 << 16, 1 << 16};
    assert_int_equal(hone_socket_tune(client, &tuning), HONE_OK);

    char begin[] = "on", end[] = "e\n";
    struct iovec in = {text, sizeof text}, out[] = {{begin, 2}, {end, 2}};
    assert_int_equal(hone_socket_read(server, &in, 1, &count), HONE_STATUS_WOULD_BLOCK);
    assert_false(hone_socket_wait(server, true, false, 0));
    assert_int_equal(hone_socket_write(client, out, 2, &count), HONE_OK);
    assert_int_equal(count, 4);
    assert_true(hone_socket_wait(server, true, false, LONG_NS));
    assert_int_equal(hone_socket_read(server, &in, 1, &count), HONE_OK);
    assert_int_equal(count, 4);
    assert_memory_equal(text, "one\n", 4);
    hone_socket_close(client);
    assert_true(hone_socket_wait(server, true, false, LONG_NS));
    assert_int_equal(hone_socket_read(server, &in, 1, &count), HONE_STATUS_BROKEN_PIPE);
    hone_socket_close(server);

    /* the port can be taken again at once, but not twice */
    int second;
    assert_int_equal(hone_socket_listen("127.0.0.1", port, &diag, &second), HONE_STATUS_DUPLICATE);
    assert_non_null(strstr(diag.message, "127.0.0.1"));
    hone_socket_close(listener);
    assert_int_equal(hone_socket_listen("127.0.0.1", port, &diag, &listener), HONE_OK);
    hone_socket_close(listener);
}

static void test_says_why_not(void **state) {
    (void)state;
    int listener, fd = -1;
    hone_diag diag = {0};
    assert_int_equal(hone_socket_listen("127.0.0.1", 0, &diag, &listener), HONE_OK);
    uint16_t port = hone_socket_port(listener);
    hone_socket_close(listener);
    assert_int_equal(hone_socket_connect("127.0.0.1", port, LONG_NS, &diag, &fd),
                     HONE_STATUS_REFUSED);
    assert_non_null(strstr(diag.message, "nobody listens"));
    assert_int_equal(hone_socket_connect("no such host", 80, LONG_NS, &diag, &fd),
                     HONE_STATUS_NOT_FOUND);
    assert_non_null(strstr(diag.message, "no such host"));
    /* an address of documentation (RFC 5737), which is never this machine's */
    assert_int_equal(hone_socket_listen("192.0.2.1", 0, &diag, &fd), HONE_STATUS_NOT_FOUND);
    const hone_socket_tuning tuning = {0};
    assert_int_equal(hone_socket_tune(-1, &tuning), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(fd, -1);
    assert_int_equal(hone_socket_port(-1), 0);
    hone_socket_close(-1);
}

static void test_full_and_broken_streams(void **state) {
    (void)state;
    int pair[2];
    char block[4096] = {0};
    struct iovec part = {block, sizeof block};
    size_t count;
    hone_status status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const hone_socket_tuning tuning = {.is_no_delay = true, .is_quick_ack = true};
    assert_int_equal(hone_socket_tune(pair[0], &tuning), HONE_OK);
    do {
        status = hone_socket_write(pair[0], &part, 1, &count);
    } while (status == HONE_OK);
    assert_int_equal(status, HONE_STATUS_WOULD_BLOCK);
    assert_false(hone_socket_wait(pair[0], true, true, 0));
    hone_socket_close(pair[1]);
    assert_int_equal(hone_socket_write(pair[0], &part, 1, &count), HONE_STATUS_BROKEN_PIPE);
    hone_socket_close(pair[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects_on_loopback),
        cmocka_unit_test(test_says_why_not),
        cmocka_unit_test(test_full_and_broken_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
