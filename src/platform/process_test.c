/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "hone/platform/clock.h"
#include "hone/platform/process.h"
#include "hone/platform/thread.h"
#include "hone/platform/usage.h"

static hone_process_result run(const char *const *argv) {
    hone_process_result result = {0};
    hone_diag diag = {0};
    assert_int_equal(hone_process_run(argv, NULL, &diag, &result), HONE_OK);
    return result;
}

static void test_exit_codes_and_signals(void **state) {
    (void)state;
    assert_int_equal(run((const char *const[]){"true", NULL}).exit_code, 0);
    assert_int_equal(run((const char *const[]){"sh", "-c", "exit 7", NULL}).exit_code, 7);
    hone_process_result killed = run((const char *const[]){"sh", "-c", "kill -TERM $$", NULL});
    assert_int_equal(killed.exit_code, -1);
    assert_int_equal(killed.signal, 15);
}

static void test_costs_are_measured(void **state) {
    (void)state;
    hone_process_result slept = run((const char *const[]){"sleep", "0.05", NULL});
    assert_in_range(slept.wall_ns, 50000000, 30000000000);
    assert_in_range(slept.cpu_ns, 0, 50000000);
    assert_int_equal(slept.rss_max_bytes, 0);
    assert_string_equal(slept.rss_absent, "not asked for");
}

static hone_process_result run_with_rss(const char *const *argv) {
    hone_process_result result = {0};
    hone_diag diag = {0};
    const hone_process_options options = {.with_rss = true, .timeout_ns = 60000000000};
    assert_int_equal(hone_process_run(argv, &options, &diag, &result), HONE_OK);
    if (result.rss_absent) {
        print_message("not seen: %s\n", result.rss_absent);
        assert_int_equal(result.rss_max_bytes, 0);
        skip();
    }
    return result;
}

/* The peak of the calling process is not that of the program, which the kernel mixes up. */
static void test_memory_is_that_of_the_program(void **state) {
    (void)state;
    const size_t size = (size_t)100 << 20;
    (void)run_with_rss((const char *const[]){"true", NULL}); /* skips where it cannot be seen */
    volatile char *held = test_malloc(size);
    for (size_t at = 0; at < size; at += 4096) {
        held[at] = 1;
    }
    hone_process_result small = run_with_rss((const char *const[]){"true", NULL});
    hone_process_result large = run_with_rss(
        (const char *const[]){"dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1", NULL});
    test_free((void *)held);
    assert_in_range(small.rss_max_bytes, 64 << 10, 10 << 20);
    assert_in_range(large.rss_max_bytes, 64 << 20, 80 << 20);
}

/* Being traced changes nothing of what a program does: signals reach it, it may exec and fork. */
static void test_a_traced_program_runs_as_usual(void **state) {
    (void)state;
    const char *trapped = "trap 'exit 5' USR1; kill -USR1 $$; exit 6";
    const char *replaced = "(exit 3); exec sh -c 'exit 9'";
    assert_int_equal(run_with_rss((const char *const[]){"sh", "-c", trapped, NULL}).exit_code, 5);
    assert_int_equal(run_with_rss((const char *const[]){"sh", "-c", replaced, NULL}).exit_code, 9);
    hone_process_result ended =
        run_with_rss((const char *const[]){"sh", "-c", "kill -TERM $$", NULL});
    assert_int_equal(ended.signal, SIGTERM);
    hone_process_result result;
    hone_diag diag = {0};
    const hone_process_options brief = {.with_rss = true, .timeout_ns = 30000000};
    assert_int_equal(
        hone_process_run((const char *const[]){"sleep", "60", NULL}, &brief, &diag, &result),
        HONE_STATUS_TIMEOUT);
    assert_int_equal(hone_process_run((const char *const[]){"hone-no-such-program", NULL}, &brief,
                                      &diag, &result),
                     HONE_STATUS_NOT_FOUND);
}

static void test_output_goes_to_a_file(void **state) {
    (void)state;
    const char *path = HONE_BUILD_DIR "/process_test.out";
    const hone_process_options options = {.stdout_path = path};
    hone_process_result result;
    assert_int_equal(
        hone_process_run((const char *const[]){"echo", "42", NULL}, &options, NULL, &result),
        HONE_OK);
    const hone_process_options input = {.stdin_path = path};
    assert_int_equal(
        hone_process_run((const char *const[]){"grep", "-q", "42", NULL}, &input, NULL, &result),
        HONE_OK);
    assert_int_equal(result.exit_code, 0);
}

static void test_errors(void **state) {
    (void)state;
    hone_process_result result;
    hone_diag diag = {0};
    assert_int_equal(
        hone_process_run((const char *const[]){"hone-no-such-program", NULL}, NULL, &diag, &result),
        HONE_STATUS_NOT_FOUND);
    assert_non_null(strstr(diag.message, "hone-no-such-program"));
    assert_int_equal(hone_process_run((const char *const[]){NULL}, NULL, &diag, &result),
                     HONE_STATUS_INVALID_ARGUMENT);
    const hone_process_options short_time = {.timeout_ns = 30000000};
    uint64_t start_ns = hone_clock_monotonic_ns();
    assert_int_equal(
        hone_process_run((const char *const[]){"sleep", "60", NULL}, &short_time, &diag, &result),
        HONE_STATUS_TIMEOUT);
    assert_true(hone_clock_monotonic_ns() - start_ns < 50000000000u);
}

static void test_a_huge_time_limit_is_none(void **state) {
    (void)state;
    const hone_process_options options = {.timeout_ns = UINT64_MAX};
    hone_process_result result;
    assert_int_equal(
        hone_process_run((const char *const[]){"sleep", "0.05", NULL}, &options, NULL, &result),
        HONE_OK);
    assert_int_equal(result.exit_code, 0);
}

/* What the calling thread ignores or blocks is not the child's: threads of hone block all. */
static void test_signals_are_as_usual(void **state) {
    (void)state;
    sigset_t all, before;
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    hone_process_result piped = run((const char *const[]){"sh", "-c", "kill -PIPE $$", NULL});
    hone_process_result ended = run((const char *const[]){"sh", "-c", "kill -TERM $$", NULL});
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)signal(SIGPIPE, pipe_before);
    assert_int_equal(piped.signal, SIGPIPE);
    assert_int_equal(ended.signal, SIGTERM);
}

static void test_is_runnable(void **state) {
    (void)state;
    assert_true(hone_process_is_runnable("sh"));
    assert_true(hone_process_is_runnable("/bin/sh"));
    assert_false(hone_process_is_runnable("/bin"));
    assert_false(hone_process_is_runnable("hone-no-such-program"));
    assert_false(hone_process_is_runnable(""));
}

static void test_usage_counts_a_sleep_as_voluntary(void **state) {
    (void)state;
    hone_usage_probe probe;
    hone_usage before, after;
    _Atomic uint32_t word = 0;
    hone_usage_probe_open(&probe);
    hone_usage_read(&probe, &before);
    for (int i = 0; i < 3; i++) {
        hone_futex_wait(&word, 0, 1000000);
    }
    hone_usage_read(&probe, &after);
    hone_usage_probe_close(&probe);
    assert_in_range(after.voluntary_switches - before.voluntary_switches, 3, 100);
    assert_true(after.cpu_ns > before.cpu_ns);
    assert_int_equal(before.has_run_delay, after.has_run_delay);
    assert_true(after.run_delay_ns >= before.run_delay_ns);
    assert_in_range(hone_thread_cpus_allowed_count(), 1, 1 << 20);
    assert_true(after.cpu < 1u << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_codes_and_signals),
        cmocka_unit_test(test_costs_are_measured),
        cmocka_unit_test(test_memory_is_that_of_the_program),
        cmocka_unit_test(test_a_traced_program_runs_as_usual),
        cmocka_unit_test(test_output_goes_to_a_file),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_a_huge_time_limit_is_none),
        cmocka_unit_test(test_signals_are_as_usual),
        cmocka_unit_test(test_is_runnable),
        cmocka_unit_test(test_usage_counts_a_sleep_as_voluntary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
