/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hone/measure/compare.h"
#include "synthetic_test.h"

static hone_arena arena;

static int set_up(void **state) {
    (void)state;
    hone_arena_init(&arena, NULL, 256 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hone_arena_deinit(&arena);
    return 0;
}

static void test_the_interval_decides(void **state) {
    (void)state;
    static const struct {
        double low, high, p;
        hone_verdict verdict;
    } table[] = {
        {0.99, 1.01, 0.5, HONE_VERDICT_SAME},
        {0.99, 1.01, 0.0, HONE_VERDICT_SAME}, /* different, but not by the threshold */
        {1.06, 1.10, 0.001, HONE_VERDICT_REGRESSED},
        {1.06, 1.10, 0.2, HONE_VERDICT_INCONCLUSIVE}, /* the ranks do not differ */
        {1.04, 1.10, 0.001, HONE_VERDICT_INCONCLUSIVE},
        {0.80, 0.90, 0.001, HONE_VERDICT_IMPROVED},
        {0.80, 0.96, 0.001, HONE_VERDICT_INCONCLUSIVE},
        {0.80, 1.30, 0.001, HONE_VERDICT_INCONCLUSIVE},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        hone_estimate slowdown = {.value = (table[i].low + table[i].high) / 2,
                                  .low = table[i].low,
                                  .high = table[i].high,
                                  .is_low_known = true,
                                  .is_high_known = true};
        assert_int_equal(hone_verdict_of(&slowdown, table[i].p, 0.05), table[i].verdict);
        slowdown.is_high_known = false;
        assert_int_equal(hone_verdict_of(&slowdown, table[i].p, 0.05), HONE_VERDICT_INCONCLUSIVE);
    }
}

static hone_comparison compare(const hone_bench_report *old, const hone_bench_report *fresh) {
    hone_comparisons all;
    hone_diag diag = {0};
    assert_int_equal(hone_compare_reports(old, fresh, 0.05, &arena, &diag, &all), HONE_OK);
    assert_int_equal(all.count, 1);
    return all.items[0];
}

static void test_reports_with_a_known_change(void **state) {
    (void)state;
    static const struct {
        double level;
        hone_verdict verdict;
    } table[] = {{10, HONE_VERDICT_SAME},      {10.2, HONE_VERDICT_SAME},
                 {11, HONE_VERDICT_REGRESSED}, {10.7, HONE_VERDICT_REGRESSED},
                 {9, HONE_VERDICT_IMPROVED},   {10.5, HONE_VERDICT_INCONCLUSIVE}};
    for (uint32_t runs = 1; runs <= 5; runs += 4) {
        hone_bench_report old = synthetic_report(&arena, runs, 100, 10, 0.02, 1);
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            hone_bench_report fresh =
                synthetic_report(&arena, runs, 80, table[i].level, 0.02, 100 + i);
            hone_comparison got = compare(&old, &fresh);
            assert_int_equal(got.verdict, table[i].verdict);
            assert_true(got.slowdown.low <= table[i].level / 10 + 0.004 &&
                        got.slowdown.high >= table[i].level / 10 - 0.004);
        }
    }
}

static void test_throughput_is_turned_over(void **state) {
    (void)state;
    hone_bench_report old = synthetic_report(&arena, 1, 100, 100, 0.01, 1);
    hone_bench_report fresh = synthetic_report(&arena, 1, 100, 80, 0.01, 2);
    old.results[0].better = fresh.results[0].better = HONE_BENCH_HIGHER;
    hone_comparison got = compare(&old, &fresh);
    assert_int_equal(got.verdict, HONE_VERDICT_REGRESSED);
    assert_true(fabs(got.slowdown.value - 1.25) < 0.01);
    assert_true(got.cliff_delta > 0.99);
}

static void test_a_slower_machine_is_not_slower_code(void **state) {
    (void)state;
    hone_bench_report old = synthetic_report(&arena, 1, 100, 10, 0.01, 1);
    hone_bench_report fresh = synthetic_report(&arena, 1, 100, 11, 0.01, 2);
    fresh.results[0].variants[0].run_references_ns[0] *= 1.1;
    hone_comparison got = compare(&old, &fresh);
    assert_int_equal(got.verdict, HONE_VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(got.note, "another speed"));
    assert_true(fabs(got.machine_shift - 1.1) < 1e-9);
}

/* Five runs on either side whose costs go with the machine's speed: the correction is known to be
 * right, and the verdict follows it. */
static void test_costs_that_follow_the_machine_are_corrected(void **state) {
    (void)state;
    hone_bench_report reports[2];
    for (int side = 0; side < 2; side++) {
        reports[side] = synthetic_report(&arena, 5, 60, 10, 0.005, 5 + (uint64_t)side);
        hone_bench_variant_result *variant = &reports[side].results[0].variants[0];
        for (uint32_t run = 0; run < 5; run++) {
            double speed = 1 + 0.04 * run + 0.06 * side;
            variant->run_references_ns[run] *= speed;
            for (uint32_t i = 0; i < 60; i++) {
                variant->values[run * 60 + i] *= speed;
            }
        }
    }
    hone_comparison got = compare(&reports[0], &reports[1]);
    assert_int_equal(got.verdict, HONE_VERDICT_SAME);
    assert_true(fabs(got.slowdown.value - 1) < 0.01);
}

static void test_a_busier_machine_gives_no_verdict(void **state) {
    (void)state;
    hone_bench_report old = synthetic_report(&arena, 1, 100, 10, 0.01, 1);
    hone_bench_report fresh = synthetic_report(&arena, 1, 100, 13, 0.01, 2);
    fresh.results[0].variants[0].run_others[0] = 1.5;
    assert_int_equal(compare(&old, &fresh).verdict, HONE_VERDICT_INCONCLUSIVE);
    old.results[0].variants[0].run_others[0] = 1.4;
    assert_int_equal(compare(&old, &fresh).verdict, HONE_VERDICT_REGRESSED);
}

static void test_too_few_clean_samples(void **state) {
    (void)state;
    hone_bench_report old = synthetic_report(&arena, 1, 100, 10, 0.01, 1);
    hone_bench_report fresh = synthetic_report(&arena, 1, 100, 13, 0.01, 2);
    hone_bench_variant_result *variant = &fresh.results[0].variants[0];
    memset(variant->disturbances, 1, 95);
    static double scratch[200];
    hn_variant_summarize(variant, scratch);
    assert_false(variant->is_clean_used);
    assert_int_equal(compare(&old, &fresh).verdict, HONE_VERDICT_INCONCLUSIVE);
}

/* One side has just enough clean samples, the other just too few: equal work must stay equal. */
static void test_clean_samples_are_not_held_against_all(void **state) {
    (void)state;
    enum { COUNT = 400 };
    static double scratch[3 * COUNT];
    hone_comparison got;
    hone_diag diag = {0};
    hone_bench_report report = synthetic_report(&arena, 1, COUNT, 10, 0.01, 1);
    hone_bench_result *result = &report.results[0];
    result->variants[1] = synthetic_variant(&arena, "twin", 1, COUNT, 10, 0.01, 2);
    result->variants_count = 2;
    for (uint32_t side = 0; side < 2; side++) {
        hone_bench_variant_result *variant = &result->variants[side];
        for (uint32_t i = 0; i < COUNT; i++) {
            bool is_clean = i % 20 == 0 && (side == 0 || i > 0);
            variant->disturbances[i] = !is_clean;
            variant->values[i] = (10 + (double)(i % 7) * 0.01) * (is_clean ? 1 : 2);
        }
        hn_variant_summarize(variant, scratch);
    }
    assert_true(result->variants[0].is_clean_used);
    assert_false(result->variants[1].is_clean_used);
    assert_int_equal(hone_compare_variants(result, 0, 1, 0.05, 1, &arena, &diag, &got), HONE_OK);
    assert_int_equal(got.verdict, HONE_VERDICT_SAME);
    assert_true(got.p_value > 0.05);
}

static void test_other_hosts_and_missing_cases(void **state) {
    (void)state;
    hone_comparisons all;
    hone_diag diag = {0};
    hone_bench_report old = synthetic_report(&arena, 1, 30, 10, 0.01, 1);
    hone_bench_report fresh = synthetic_report(&arena, 1, 30, 10, 0.01, 2);
    old.host.fingerprint++;
    (void)snprintf(old.host.cpu, sizeof old.host.cpu, "Z80");
    assert_int_equal(hone_compare_reports(&old, &fresh, 0.05, &arena, &diag, &all),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "Z80"));
    old.host = fresh.host;
    fresh.results[0].name = "other";
    assert_int_equal(hone_compare_reports(&old, &fresh, 0.05, &arena, &diag, &all),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "no case"));
}

static void test_exit_codes(void **state) {
    (void)state;
    hone_comparison items[] = {{.verdict = HONE_VERDICT_SAME},
                               {.verdict = HONE_VERDICT_INCONCLUSIVE},
                               {.verdict = HONE_VERDICT_REGRESSED}};
    hone_comparisons all = {.items = items, .count = 1};
    assert_int_equal(hone_compare_exit_code(&all, true), 0);
    all.count = 2;
    assert_int_equal(hone_compare_exit_code(&all, false), 0);
    assert_int_equal(hone_compare_exit_code(&all, true), 2);
    all.count = 3;
    assert_int_equal(hone_compare_exit_code(&all, false), 1);
    assert_int_equal(hone_compare_exit_code(&all, true), 1);
}

static void test_splitting_a_command(void **state) {
    (void)state;
    const char **argv;
    hone_diag diag = {0};
    assert_int_equal(hone_command_split(HONE_TEXT("  mlr --csv 'a b' \"c \\\" d\" e\\ f '' x"),
                                        &arena, &diag, &argv),
                     HONE_OK);
    const char *const wanted[] = {"mlr", "--csv", "a b", "c \" d", "e f", "", "x"};
    for (int i = 0; i < 7; i++) {
        assert_string_equal(argv[i], wanted[i]);
    }
    assert_null(argv[7]);
    assert_int_equal(hone_command_split(HONE_TEXT("a 'b"), &arena, &diag, &argv),
                     HONE_STATUS_SYNTAX);
    assert_int_equal(hone_command_split(HONE_TEXT(" \t"), &arena, &diag, &argv),
                     HONE_STATUS_SYNTAX);
}

static void test_two_commands_in_turns(void **state) {
    (void)state;
    hone_bench_report report;
    hone_comparisons all;
    hone_diag diag = {0};
    hone_compare_commands_options options = {
        .old_argv = (const char *const[]){"sleep", "0.01", NULL},
        .new_argv = (const char *const[]){"sleep", "0.04", NULL},
        .bench = {.is_quick = true, .time_max_ns = 1500000000},
    };
    assert_int_equal(hone_compare_commands(&options, &arena, &diag, &report, &all), HONE_OK);
    assert_string_equal(all.items[0].name, "command");
    assert_string_equal(report.results[1].name, "command/rss");
    assert_int_equal(all.count, report.results[1].variants[0].absent ? 1 : 2);
    assert_int_equal(all.items[0].verdict, HONE_VERDICT_REGRESSED);
    assert_true(all.items[0].slowdown.value > 1.5);
    assert_true(report.results[0].ratios[1].value < 0.7);
    options.new_argv = (const char *const[]){"false", NULL};
    assert_int_equal(hone_compare_commands(&options, &arena, &diag, &report, &all),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "exit code 1"));
    options.new_argv = options.old_argv;
    options.old_argv = (const char *const[]){"hone-no-such-program", NULL};
    assert_int_not_equal(hone_compare_commands(&options, &arena, &diag, &report, &all), HONE_OK);
    assert_non_null(strstr(diag.message, "hone-no-such-program"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_interval_decides),
        cmocka_unit_test_setup_teardown(test_reports_with_a_known_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_throughput_is_turned_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_slower_machine_is_not_slower_code, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_costs_that_follow_the_machine_are_corrected, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_busier_machine_gives_no_verdict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_few_clean_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clean_samples_are_not_held_against_all, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_other_hosts_and_missing_cases, set_up, tear_down),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test_setup_teardown(test_splitting_a_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_commands_in_turns, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
