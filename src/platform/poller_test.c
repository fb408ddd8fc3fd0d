/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "hone/platform/clock.h"
#include "hone/platform/poller.h"
#include "hone/platform/thread.h"

enum { TOKENS_MAX = 8 };

static void test_watch(void **state) {
    (void)state;
    hone_poller poller;
    int ends[2], token;
    char byte = 'x';
    void *tokens[TOKENS_MAX];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(hone_poller_init(&poller), HONE_OK);
    assert_int_equal(hone_poller_watch(&poller, ends[0], false, &token), HONE_OK);
    assert_int_equal(hone_poller_wait(&poller, false, tokens, TOKENS_MAX), 0);
    assert_int_equal(write(ends[1], &byte, 1), 1);
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 1);
    assert_ptr_equal(tokens[0], &token);
    assert_int_equal(hone_poller_wait(&poller, false, tokens, TOKENS_MAX), 0); /* one shot */
    assert_int_equal(hone_poller_watch(&poller, ends[0], false, &byte), HONE_OK);
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 1);
    assert_ptr_equal(tokens[0], &byte); /* the second watch's token */
    assert_int_equal(hone_poller_watch(&poller, ends[1], true, &token), HONE_OK);
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 1);
    assert_int_equal(hone_poller_watch(&poller, ends[0], false, &token), HONE_OK);
    hone_poller_unwatch(&poller, ends[0]);
    assert_int_equal(hone_poller_wait(&poller, false, tokens, TOKENS_MAX), 0);
    int regular = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(regular >= 0);
    assert_int_equal(hone_poller_watch(&poller, regular, false, &token), HONE_STATUS_UNSUPPORTED);
    assert_int_equal(close(regular), 0);
    assert_int_equal(hone_poller_watch(&poller, regular, false, &token),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_poller_watch(&poller, -1, false, &token), HONE_STATUS_INVALID_ARGUMENT);
    hone_poller_deinit(&poller);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
}

/* A reader whose writer is gone is ready: the next read tells. */
static void test_hang_up(void **state) {
    (void)state;
    hone_poller poller;
    int ends[2], token;
    void *tokens[TOKENS_MAX];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(hone_poller_init(&poller), HONE_OK);
    assert_int_equal(hone_poller_watch(&poller, ends[0], false, &token), HONE_OK);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 1);
    hone_poller_deinit(&poller);
    assert_int_equal(close(ends[0]), 0);
}

static void test_deadline(void **state) {
    (void)state;
    hone_poller poller;
    void *tokens[TOKENS_MAX];
    assert_int_equal(hone_poller_init(&poller), HONE_OK);
    uint64_t start_ns = hone_clock_monotonic_ns();
    hone_poller_set_deadline(&poller, start_ns + 20000000u);
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 0);
    assert_true(hone_clock_monotonic_ns() >= start_ns + 20000000u);
    hone_poller_set_deadline(&poller, 1); /* long past: at once */
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 0);
    hone_poller_set_deadline(&poller, start_ns + 20000000u);
    hone_poller_set_deadline(&poller, 0); /* taken away: only the wake-up ends the wait */
    hone_poller_wake(&poller);
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 0);
    hone_poller_deinit(&poller);
}

static void wake_often(void *context) {
    for (int i = 0; i < 1000; i++) {
        hone_poller_wake(context);
    }
}

static void test_wake(void **state) {
    (void)state;
    hone_poller poller;
    hone_thread thread;
    void *tokens[TOKENS_MAX];
    assert_int_equal(hone_poller_init(&poller), HONE_OK);
    hone_poller_wake(&poller); /* before the wait: not lost, */
    assert_int_equal(hone_poller_wait(&poller, false, tokens, TOKENS_MAX), 0);
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 0); /* nor by a look */
    assert_int_equal(hone_thread_create("wake", wake_often, &poller, &thread), HONE_OK);
    assert_int_equal(hone_poller_wait(&poller, true, tokens, TOKENS_MAX), 0);
    hone_thread_join(thread);
    hone_poller_deinit(&poller);
    hone_poller_deinit(&poller); /* again, and a zeroed one: nothing happens */
    poller = (hone_poller){0};
    hone_poller_deinit(&poller);
}

/* Descriptor 0 is free in a program that was started without a standard input. */
static void test_descriptor_0_is_given_back(void **state) {
    (void)state;
    hone_poller poller;
    int input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(close(STDIN_FILENO), 0);
    hone_status status = hone_poller_init(&poller);
    bool has_taken = fcntl(STDIN_FILENO, F_GETFD) >= 0;
    hone_poller_deinit(&poller);
    bool has_kept = fcntl(STDIN_FILENO, F_GETFD) >= 0;
    (void)dup2(input, STDIN_FILENO);
    hone_poller zeroed = {0};
    hone_poller_deinit(&zeroed);
    bool has_closed = fcntl(STDIN_FILENO, F_GETFD) < 0;
    (void)close(input);
    assert_int_equal(status, HONE_OK);
    assert_true(has_taken);
    assert_false(has_kept);
    assert_false(has_closed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_descriptor_0_is_given_back),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
