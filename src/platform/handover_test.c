/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/platform/shared_page.h"

static const uint64_t LONG_NS = UINT64_C(10000000000);

static int make_folder(void **state) {
    static char folder[] = "/tmp/hone-handover-XXXXXX";
    *state = mkdtemp(folder);
    return *state ? 0 : -1;
}

static int remove_folder(void **state) {
    return rmdir(*state);
}

/* Two maps of what was sent over a socket are the same memory. */
static void memory_is_handed_over(void **state) {
    hone_local_listener listener;
    hone_local_peer peer;
    uint64_t size;
    uint32_t word = 42, read_word = 0;
    int memory_fd, near_fd, far_fd, carried_fd;
    void *near_memory, *far_memory;
    assert_int_equal(hone_memory_file_create("test", 5000, NULL, &memory_fd), HONE_OK);
    assert_int_equal(hone_local_listen(*state, "name", 0600, NULL, &listener), HONE_OK);
    assert_int_equal(hone_local_accept(&listener, &near_fd, &peer), HONE_STATUS_WOULD_BLOCK);
    assert_int_equal(hone_local_connect(*state, "name", NULL, &far_fd), HONE_OK);
    assert_int_equal(hone_local_accept(&listener, &near_fd, &peer), HONE_OK);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(hone_local_receive(far_fd, 1000000, &read_word, 4, &carried_fd),
                     HONE_STATUS_TIMEOUT);
    assert_int_equal(hone_local_send(near_fd, &word, sizeof word, memory_fd), HONE_OK);
    assert_int_equal(hone_local_receive(far_fd, LONG_NS, &read_word, 4, &carried_fd), HONE_OK);
    assert_int_equal(read_word, 42);
    assert_int_equal(hone_memory_file_map(memory_fd, NULL, &near_memory, &size), HONE_OK);
    assert_int_equal(hone_memory_file_map(carried_fd, NULL, &far_memory, &size), HONE_OK);
    assert_int_equal(size, 5000);
    memset(near_memory, 7, 5000);
    assert_memory_equal(near_memory, far_memory, 5000);
    /* a message of another size takes its descriptor with it */
    assert_int_equal(hone_local_send(near_fd, &word, 2, memory_fd), HONE_OK);
    assert_int_equal(hone_local_receive(far_fd, LONG_NS, &read_word, 4, &carried_fd),
                     HONE_STATUS_TRUNCATED);
    hone_descriptor_close(near_fd);
    assert_int_equal(hone_local_receive(far_fd, LONG_NS, &read_word, 4, &carried_fd),
                     HONE_STATUS_BROKEN_PIPE);
    hone_memory_file_unmap(near_memory, size);
    hone_memory_file_unmap(far_memory, size);
    hone_descriptor_close(memory_fd);
    hone_descriptor_close(carried_fd);
    hone_descriptor_close(far_fd);
    hone_local_listener_close(&listener);
}

static void a_name_is_owned_until_its_process_ends(void **state) {
    hone_local_listener listener, second;
    hone_diag diag = {0};
    int fd;
    pid_t child = fork();
    if (child == 0) { /* ends without giving anything back */
        _exit(hone_local_listen(*state, "owned", 0600, NULL, &listener) == HONE_OK ? 0 : 1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(hone_local_connect(*state, "owned", NULL, &fd), HONE_STATUS_NOT_FOUND);
    assert_int_equal(hone_local_listen(*state, "owned", 0600, NULL, &listener), HONE_OK);
    assert_int_equal(hone_local_listen(*state, "owned", 0600, &diag, &second),
                     HONE_STATUS_DUPLICATE);
    assert_non_null(strstr(diag.message, "owned by a process that lives"));
    hone_local_listener_close(&listener);
    assert_int_equal(hone_local_connect(*state, "owned", NULL, &fd), HONE_STATUS_NOT_FOUND);
    char long_name[200];
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(hone_local_connect(*state, long_name, NULL, &fd), HONE_STATUS_LIMIT);
}

static void the_end_of_a_process_is_seen(void **state) {
    (void)state;
    int watch_fd, result;
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            (void)pause();
        }
    }
    uint64_t start = hone_process_start(child);
    assert_int_equal(hone_process_watch(child, &watch_fd), HONE_OK);
    assert_false(hone_process_has_ended(child, start));
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_false(hone_process_has_ended(child, start));    /* stopped is not ended */
    assert_true(hone_process_has_ended(child, start + 1)); /* another one had this number */
    assert_int_equal(kill(child, SIGKILL), 0);
    struct pollfd end = {.fd = watch_fd, .events = POLLIN};
    assert_int_equal(poll(&end, 1, 10000), 1);
    assert_true(hone_process_has_ended(child, start)); /* though nobody has waited for it yet */
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(hone_process_has_ended(child, start));
    hone_descriptor_close(watch_fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_handed_over),
        cmocka_unit_test(a_name_is_owned_until_its_process_ends),
        cmocka_unit_test(the_end_of_a_process_is_seen),
    };
    return cmocka_run_group_tests_name("handover", tests, make_folder, remove_folder);
}
