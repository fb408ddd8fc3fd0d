/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <time.h>

#include "hone/platform/clock.h"

static void test_monotonic(void **state) {
    (void)state;
    uint64_t last = hone_clock_monotonic_ns();
    assert_true(last > 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t now = hone_clock_monotonic_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void test_realtime(void **state) {
    (void)state;
    time_t before = time(NULL);
    int64_t now_ns = hone_clock_realtime_ns();
    assert_in_range((uint64_t)(now_ns / 1000000000), (uint64_t)before - 1, (uint64_t)before + 60);
}

/* CPU time passes with work and hardly in sleep. */
static void test_cpu_time(void **state) {
    (void)state;
    uint64_t process_start = hone_clock_process_cpu_ns();
    uint64_t start = hone_clock_thread_cpu_ns();
    volatile uint64_t sum = 0;
    while (hone_clock_thread_cpu_ns() - start < 5000000u) {
        sum = sum + 1;
    }
    assert_true(hone_clock_process_cpu_ns() - process_start >= 5000000u);
    uint64_t rested = hone_clock_thread_cpu_ns(), wall = hone_clock_monotonic_ns();
    struct timespec rest = {0, 50000000};
    (void)nanosleep(&rest, NULL);
    assert_true(hone_clock_monotonic_ns() - wall >= 50000000u);
    assert_true(hone_clock_thread_cpu_ns() - rested < 40000000u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_realtime),
        cmocka_unit_test(test_cpu_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
