/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/platform/file.h"
#include "hone/platform/memory_pressure.h"
#include "hone/platform/poller.h"
#include "machine_test_internal.h"

#define MOUNTS "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
#define GROUP "/sys/fs/cgroup/pod/app/"

static void make_machine(char *out_root, size_t size) {
    hn_test_make_folder(out_root, size);
    hn_test_write_file(out_root, "/proc/self/cgroup", "0::/pod/app\n");
    hn_test_write_file(out_root, "/proc/self/mountinfo", MOUNTS);
    hn_test_make_directory(out_root, GROUP);
}

static void test_the_fullest_level_and_the_own_stall_count(void **state) {
    (void)state;
    char root[256];
    make_machine(root, sizeof root);
    hone_memory_pressure pressure;
    hone_memory_pressure_init(&pressure, root, NULL);
    assert_int_equal(pressure.cgroup_share.state, HONE_FACT_ABSENT);
    assert_int_equal(hone_memory_pressure_read(&pressure, NULL), HONE_OK);
    assert_int_equal(pressure.cgroup_share.state, HONE_FACT_ABSENT);
    assert_int_equal(pressure.stall_share.state, HONE_FACT_ABSENT);
    assert_true(pressure.cgroup_share.reason[0] && pressure.stall_share.reason[0]);

    /* The machine's file where the group has none, then the group's. */
    hn_test_write_file(root, "/proc/pressure/memory",
                       "some avg10=12.50 avg60=0.00 avg300=0.00 total=0\n");
    assert_int_equal(hone_memory_pressure_read(&pressure, NULL), HONE_OK);
    assert_true(fabs(pressure.stall_share.value.real - 0.125) < 1e-9);
    assert_string_equal(pressure.stall_share.reason, "/proc/pressure/memory");
    hn_test_write_file(root, GROUP "memory.pressure",
                       "some avg10=50.00 avg60=0.00 avg300=0.00 total=0\n");
    assert_int_equal(hone_memory_pressure_read(&pressure, NULL), HONE_OK);
    assert_true(fabs(pressure.stall_share.value.real - 0.5) < 1e-9);
    hn_test_write_file(root, GROUP "memory.pressure", "nonsense\n");
    assert_int_equal(hone_memory_pressure_read(&pressure, NULL), HONE_OK);
    assert_int_equal(pressure.stall_share.state, HONE_FACT_ABSENT);
    assert_non_null(strstr(pressure.stall_share.reason, "nonsense"));

    hn_test_write_file(root, GROUP "memory.max", "max\n");
    hn_test_write_file(root, GROUP "memory.current", "600\n");
    hn_test_write_file(root, "/sys/fs/cgroup/pod/memory.max", "1000\n");
    assert_int_equal(hone_memory_pressure_read(&pressure, NULL), HONE_OK);
    assert_int_equal(pressure.cgroup_share.state, HONE_FACT_ABSENT); /* its use is not told */
    hn_test_write_file(root, "/sys/fs/cgroup/pod/memory.current", "900\n");
    hn_test_write_file(root, "/sys/fs/cgroup/pod/memory.stat", "inactive_file 150\n");
    assert_int_equal(hone_memory_pressure_read(&pressure, NULL), HONE_OK);
    assert_int_equal(pressure.cgroup_share.state, HONE_FACT_PRESENT);
    assert_true(fabs(pressure.cgroup_share.value.real - 0.75) < 1e-9);
    hn_test_write_file(root, GROUP "memory.max", "700\n");
    assert_int_equal(hone_memory_pressure_read(&pressure, NULL), HONE_OK);
    assert_true(fabs(pressure.cgroup_share.value.real - 600.0 / 700) < 1e-9);
    assert_non_null(strstr(pressure.cgroup_share.reason, "/pod/app"));
    hone_memory_pressure_deinit(&pressure);
    hn_test_remove_folder(root);
}

static void test_lack_of_memory_is_told(void **state) {
    (void)state;
    char root[256];
    make_machine(root, sizeof root);
    hn_test_write_file(root, "/proc/pressure/memory",
                       "some avg10=12.50 avg60=0.00 avg300=0.00 total=0\n");
    for (size_t n = 0;; n++) {
        test_allocator failing;
        hn_test_allocator_init(&failing, n);
        hone_memory_pressure pressure;
        hone_memory_pressure_init(&pressure, root, &failing.allocator);
        hone_status status = hone_memory_pressure_read(&pressure, NULL);
        hone_memory_pressure_deinit(&pressure);
        assert_int_equal(failing.held_bytes, 0);
        if (status == HONE_OK) {
            assert_true(n > 1);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
    hone_memory_pressure nowhere;
    hone_memory_pressure_init(&nowhere, "/nonexistent", NULL);
    assert_int_equal(hone_memory_pressure_read(&nowhere, NULL), HONE_STATUS_INVALID_ARGUMENT);
    hone_memory_pressure_deinit(&nowhere);
    hn_test_remove_folder(root);
}

static void test_a_watch_asks_the_right_file(void **state) {
    (void)state;
    char root[256], path[512];
    int fd = -1;
    hone_diag diag = {0};
    make_machine(root, sizeof root);
    assert_int_equal(hone_memory_pressure_watch(root, 150, 2000, &diag, &fd), HONE_STATUS_ABSENT);
    assert_non_null(strstr(diag.message, "/proc/pressure/memory"));
    assert_int_equal(hone_memory_pressure_watch(root, 0, 2000, NULL, &fd),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_memory_pressure_watch(root, 3000, 2000, NULL, &fd),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_memory_pressure_watch(root, 150, 20000, NULL, &fd),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(fd, -1);
    static const char *const files[] = {"/proc/pressure/memory", GROUP "memory.pressure"};
    for (int i = 0; i < 2; i++) { /* the group's own wins once it is there */
        hn_test_write_file(root, files[i], "");
        assert_int_equal(hone_memory_pressure_watch(root, 150, 2000, &diag, &fd), HONE_OK);
        hone_memory_pressure_unwatch(fd);
        (void)snprintf(path, sizeof path, "%s%s", root, files[i]);
        hone_buffer content;
        hone_buffer_init(&content, NULL, 1000);
        assert_int_equal(hone_file_read_all(path, 1000, NULL, &content), HONE_OK);
        assert_string_equal((const char *)content.data, "some 150000 2000000");
        hone_buffer_deinit(&content);
    }
    if (getuid() != 0) { /* root may open anything */
        fd = -1;
        for (int i = 0; i < 2; i++) {
            (void)snprintf(path, sizeof path, "%s%s", root, files[i]);
            assert_int_equal(chmod(path, 0), 0);
        }
        assert_int_equal(hone_memory_pressure_watch(root, 150, 2000, &diag, &fd),
                         HONE_STATUS_FORBIDDEN);
    }
    hn_test_remove_folder(root);
}

/* Here, whatever here is: a descriptor that a poller takes and that is silent, or a reason. */
static void test_this_machine_answers(void **state) {
    (void)state;
    int fd = -1, token;
    hone_diag diag = {0};
    hone_status status = hone_memory_pressure_watch(NULL, 1990, 2000, &diag, &fd);
    if (status != HONE_OK) {
        assert_true(status == HONE_STATUS_ABSENT || status == HONE_STATUS_FORBIDDEN);
        assert_true(diag.message[0]);
        return;
    }
    hone_poller poller = {0};
    void *ready = NULL;
    assert_int_equal(hone_poller_init(&poller), HONE_OK);
    assert_int_equal(hone_poller_watch_urgent(&poller, fd, &token), HONE_OK);
    assert_int_equal(hone_poller_wait(&poller, false, &ready, 1), 0);
    hone_poller_unwatch(&poller, fd);
    hone_poller_deinit(&poller);
    hone_memory_pressure_unwatch(fd);
    hone_memory_pressure pressure;
    hone_memory_pressure_init(&pressure, "", NULL);
    assert_int_equal(hone_memory_pressure_read(&pressure, NULL), HONE_OK);
    assert_true(pressure.stall_share.value.real >= 0 && pressure.stall_share.value.real <= 1);
    hone_memory_pressure_deinit(&pressure);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_fullest_level_and_the_own_stall_count),
        cmocka_unit_test(test_lack_of_memory_is_told),
        cmocka_unit_test(test_a_watch_asks_the_right_file),
        cmocka_unit_test(test_this_machine_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
