/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "harness_internal.h"
#include "hone/platform/clock.h"
#include "hone/platform/thread.h"

static hone_arena arena;
static int live_contexts;

static int set_up(void **state) {
    (void)state;
    live_contexts = 0;
    hone_arena_init(&arena, NULL, 256 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hone_arena_deinit(&arena);
    return live_contexts; /* each setup has had its teardown */
}

static void test_what_counts_as_disturbed(void **state) {
    (void)state;
    const hone_usage quiet = {.cpu_ns = 1000000, .has_run_delay = true, .has_steal = true};
    hone_usage after = quiet;
    after.cpu_ns += 400000;
    assert_int_equal(hn_sample_judge(&quiet, &after, 400000), 0);
    assert_int_equal(hn_sample_judge(&quiet, &after, 405000), 0); /* an interrupt's worth */
    assert_int_equal(hn_sample_judge(&quiet, &after, 500000), 1u << HONE_BENCH_DELAYED);
    hone_usage slept = after;
    slept.voluntary_switches++;
    assert_int_equal(hn_sample_judge(&quiet, &slept, 500000), 0);
    slept.run_delay_ns += 60000;
    assert_int_equal(hn_sample_judge(&quiet, &slept, 500000), 1u << HONE_BENCH_DELAYED);
    hone_usage preempted = after;
    preempted.involuntary_switches++;
    assert_int_equal(hn_sample_judge(&quiet, &preempted, 400000), 1u << HONE_BENCH_PREEMPTED);
    hone_usage moved = after;
    moved.cpu = 1;
    moved.steal_ticks = 99; /* of another CPU: means nothing */
    assert_int_equal(hn_sample_judge(&quiet, &moved, 400000), 1u << HONE_BENCH_MIGRATED);
    hone_usage stolen = after;
    stolen.steal_ticks = 1;
    assert_int_equal(hn_sample_judge(&quiet, &stolen, 400000), 1u << HONE_BENCH_STOLEN);
}

static void test_what_counts_as_a_disturbed_process(void **state) {
    (void)state;
    hone_process_result process = {.wall_ns = 100000000, .cpu_ns = 98000000};
    process.involuntary_switches = 3;
    assert_int_equal(hn_process_judge(&process, 0), 0);
    assert_int_equal(hn_process_judge(&process, 30000000), 1u << HONE_BENCH_STOLEN);
    process.cpu_ns = 90000000;
    assert_int_equal(hn_process_judge(&process, 0), 1u << HONE_BENCH_PREEMPTED);
    process.involuntary_switches = 0; /* it slept */
    assert_int_equal(hn_process_judge(&process, 0), 0);
    process.cpu_ns = 180000000;
    process.involuntary_switches = 30;
    assert_int_equal(hn_process_judge(&process, 0), 1u << HONE_BENCH_PREEMPTED);
}

static hone_status make_units(const void *parameter, hone_diag *diag, void **out_context) {
    (void)diag;
    live_contexts++;
    *out_context = (void *)parameter;
    return HONE_OK;
}

static void drop_units(void *context) {
    (void)context;
    live_contexts--;
}

static void work(void *context, uint64_t iterations, uint64_t units) {
    uint64_t word = hone_bench_opaque(1);
    for (uint64_t i = 0; i < iterations * units; i++) {
        word = (word ^ (word >> 29)) * 0xbf58476d1ce4e5b9u;
    }
    (void)hone_bench_opaque(word);
    (void)context;
}

static void work_100(void *context, uint64_t iterations) {
    work(context, iterations, 100);
}

static void work_300(void *context, uint64_t iterations) {
    work(context, iterations, 300);
}

static hone_status not_here(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    (void)out_context;
    return hone_diag_set(diag, HONE_STATUS_ABSENT, "libfoo-dev is not installed");
}

static hone_status broken(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    (void)out_context;
    return hone_diag_set(diag, HONE_STATUS_IO, "the input is gone");
}

static double measure_seven(void *context) {
    (void)context;
    return 7;
}

static double measure_nothing(void *context) {
    (void)context;
    return 0;
}

enum { DEAR_COUNT = 100 };

/* The first iterations cost a thousand times what the others do: pages, tables. */
static void work_dear_first(void *context, uint64_t iterations) {
    static uint64_t done_count;
    uint64_t dear = done_count < DEAR_COUNT ? DEAR_COUNT - done_count : 0;
    dear = dear < iterations ? dear : iterations;
    done_count += iterations;
    work(context, dear, 1000);
    work(context, iterations - dear, 1);
}

static void ignore_iterations(void *context, uint64_t iterations) {
    (void)context;
    (void)iterations;
}

static const hone_bench_options quick = {.is_quick = true, .with_peers = true};

static hone_status run_case(const hone_bench_case *spec, hone_diag *diag,
                            hone_bench_report *out_report) {
    const hone_bench_suite suite = {.name = "t", .cases = spec, .cases_count = 1};
    return hone_bench_run(&suite, &quick, &arena, diag, out_report);
}

/* Samples are as long as they should be all the same: as the other's, with a hundred times as many
 * iterations. */
static void test_a_dear_beginning(void **state) {
    (void)state;
    if (HONE_IS_EMULATED) {
        skip();
    }
    const hone_bench_case spec = {
        .name = "dear",
        .unit = "ns",
        .variants = {{.name = "hone", .run = work_dear_first}, {.name = "even", .run = work_100}}};
    hone_bench_report report;
    assert_int_equal(run_case(&spec, NULL, &report), HONE_OK);
    const hone_bench_variant_result *variants = report.results[0].variants;
    assert_true(variants[0].iterations > 10 * variants[1].iterations);
}

static void test_a_known_ratio(void **state) {
    (void)state;
    if (HONE_IS_EMULATED) {
        skip();
    }
    const hone_bench_case spec = {
        .name = "work",
        .unit = "ns",
        .variants =
            {{.name = "hone", .setup = make_units, .run = work_100, .teardown = drop_units},
             {.name = "thrice", .setup = make_units, .run = work_300, .teardown = drop_units},
             {.name = "gone", .absent = "not packaged"},
             {.name = "missing", .setup = not_here, .run = work_100}},
    };
    hone_bench_report report;
    hone_diag diag = {0};
    assert_int_equal(run_case(&spec, &diag, &report), HONE_OK);
    const hone_bench_result *result = &report.results[0];
    assert_int_equal(report.results_count, 1);
    assert_int_equal(result->variants_count, 4);
    assert_true(result->ratios[1].value > 2.7 && result->ratios[1].value < 3.3);
    assert_true(result->ratios[1].low <= result->ratios[1].value);
    assert_true(result->pairs_counts[1] > 0);
    assert_string_equal(result->variants[2].absent, "not packaged");
    assert_string_equal(result->variants[3].absent, "libfoo-dev is not installed");
    assert_true(result->variants[0].iterations > 10);
    assert_int_equal(result->variants[0].count % 2, 0);
    assert_int_equal(result->variants[0].count, result->variants[1].count);
    assert_true(result->reference_ns > 0);
    assert_int_equal(result->variants[0].counters_count, HONE_COUNTERS_COUNT);
}

static void test_throughput_and_scale(void **state) {
    (void)state;
    if (HONE_IS_EMULATED) {
        skip();
    }
    const hone_bench_case specs[] = {
        {.name = "time",
         .unit = "us",
         .scale = 1e-3,
         .items_per_iteration = 10,
         .variants = {{.name = "hone", .run = work_100}}},
        {.name = "rate",
         .unit = "M items/s",
         .scale = 1e-6,
         .better = HONE_BENCH_HIGHER,
         .items_per_iteration = 10,
         .variants = {{.name = "hone", .run = work_100}, {.name = "thrice", .run = work_300}}},
    };
    const hone_bench_suite suite = {.name = "t", .cases = specs, .cases_count = 2};
    hone_bench_report report;
    hone_diag diag = {0};
    assert_int_equal(hone_bench_run(&suite, &quick, &arena, &diag, &report), HONE_OK);
    double us = report.results[0].variants[0].summary.median.value;
    double rate = report.results[1].variants[0].summary.median.value;
    assert_true(us * rate > 0.7 && us * rate < 1.4);      /* us an item x M items/s = 1 */
    assert_true(report.results[1].ratios[1].value > 2.5); /* above 1: hone is better */
    double each_ns = us * report.results[0].time_factor;
    assert_true(each_ns > 50 && each_ns < 50000); /* 100 multiplications */
}

static void test_values_and_single_operations(void **state) {
    (void)state;
    const hone_bench_case specs[] = {
        {.name = "value", .unit = "x", .variants = {{.name = "hone", .measure = measure_seven}}},
        {.name = "single",
         .unit = "ns",
         .iterations_max = 1,
         .variants = {{.name = "hone", .run = work_300}}},
    };
    const hone_bench_suite suite = {.name = "t", .cases = specs, .cases_count = 2};
    hone_bench_report report;
    assert_int_equal(hone_bench_run(&suite, &quick, &arena, NULL, &report), HONE_OK);
    assert_true(report.results[0].variants[0].summary.median.value == 7);
    assert_true(report.results[0].time_factor == 0);
    assert_int_equal(report.results[1].variants[0].iterations, 1);
}

static const char *const *true_command(void *context) {
    static const char *const argv[] = {"true", NULL};
    (void)context;
    return argv;
}

static const char *const *false_command(void *context) {
    static const char *const argv[] = {"false", NULL};
    (void)context;
    return argv;
}

static void test_commands_with_their_memory(void **state) {
    (void)state;
    const hone_bench_case spec = {
        .name = "program",
        .unit = "ms",
        .scale = 1e-6,
        .variants = {{.name = "hone", .command = true_command},
                     {.name = "same", .command = true_command},
                     {.name = "failing", .command = false_command}},
    };
    hone_bench_report report;
    hone_diag diag = {0};
    assert_int_equal(run_case(&spec, &diag, &report), HONE_OK);
    assert_int_equal(report.results_count, 2);
    assert_string_equal(report.results[1].name, "program/rss");
    assert_true(report.results[1].variants[1].absent ||
                report.results[1].variants[1].summary.median.value > 0.1);
    assert_non_null(strstr(report.results[0].variants[2].absent, "exit code 1"));
    assert_non_null(report.results[1].variants[2].absent);
}

static void test_suites_that_break_the_rules(void **state) {
    (void)state;
    static const struct {
        hone_bench_case spec;
        hone_status status;
        const char *words;
    } table[] = {
        {{.name = "x", .variants = {{.name = "hone", .run = work_100}}},
         HONE_STATUS_INVALID_ARGUMENT,
         "needs a name"},
        {{.name = "x", .unit = "ns"}, HONE_STATUS_INVALID_ARGUMENT, "needs a name"},
        {{.name = "x", .unit = "ns", .variants = {{.name = "hone"}}},
         HONE_STATUS_INVALID_ARGUMENT,
         "exactly one"},
        {{.name = "x",
          .unit = "ns",
          .variants = {{.name = "hone", .run = work_100, .measure = measure_seven}}},
         HONE_STATUS_INVALID_ARGUMENT,
         "exactly one"},
        {{.name = "x",
          .unit = "ns",
          .variants = {{.name = "hone", .run = work_100},
                       {.name = "peer", .command = true_command}}},
         HONE_STATUS_INVALID_ARGUMENT,
         "commands compete"},
        {{.name = "x", .unit = "ns", .variants = {{.name = "hone", .run = ignore_iterations}}},
         HONE_STATUS_INVALID_ARGUMENT,
         "takes no time"},
        {{.name = "x", .unit = "x", .variants = {{.name = "hone", .measure = measure_nothing}}},
         HONE_STATUS_INVALID_ARGUMENT,
         "positive"},
        {{.name = "x",
          .unit = "ns",
          .variants = {{.name = "hone", .setup = broken, .run = work_100}}},
         HONE_STATUS_IO,
         "the input is gone"},
        {{.name = "x", .unit = "ms", .variants = {{.name = "hone", .command = false_command}}},
         HONE_STATUS_INVALID_ARGUMENT,
         "exit code 1"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        hone_bench_report report;
        hone_diag diag = {0};
        assert_int_equal(run_case(&table[i].spec, &diag, &report), table[i].status);
        assert_non_null(strstr(diag.message, table[i].words));
    }
}

static void test_filter_and_absent_hone(void **state) {
    (void)state;
    const hone_bench_case specs[] = {
        {.name = "alpha", .unit = "x", .variants = {{.name = "hone", .measure = measure_seven}}},
        {.name = "beta",
         .unit = "ns",
         .variants = {{.name = "hone", .absent = "no AVX-512"}, {.name = "peer", .run = work_100}}},
    };
    const hone_bench_suite suite = {.name = "t", .cases = specs, .cases_count = 2};
    hone_bench_options options = quick;
    hone_bench_report report;
    hone_diag diag = {0};
    options.filter = "bet";
    assert_int_equal(hone_bench_run(&suite, &options, &arena, &diag, &report), HONE_OK);
    assert_int_equal(report.results_count, 1);
    assert_string_equal(report.results[0].variants[0].absent, "no AVX-512");
    assert_true(report.results[0].variants[1].count > 0);
    options.filter = "gamma";
    assert_int_equal(hone_bench_run(&suite, &options, &arena, &diag, &report),
                     HONE_STATUS_NOT_FOUND);
    options.filter = NULL;
    options.with_peers = false;
    assert_int_equal(hone_bench_run(&suite, &options, &arena, &diag, &report), HONE_OK);
    assert_int_equal(report.results[1].variants_count, 1);
}

static void test_memory_that_runs_out(void **state) {
    (void)state;
    const hone_bench_case spec = {
        .name = "work",
        .unit = "ns",
        .variants =
            {{.name = "hone", .setup = make_units, .run = work_100, .teardown = drop_units},
             {.name = "peer", .setup = make_units, .run = work_300, .teardown = drop_units}},
    };
    const hone_bench_suite suite = {.name = "t", .cases = &spec, .cases_count = 1};
    bool has_succeeded = false;
    for (size_t limit = 1000; !has_succeeded && limit < 1 << 20; limit += 12000) {
        hone_arena small;
        hone_bench_report report;
        hone_bench_options options = quick;
        options.blocks_max = 20;
        hone_arena_init(&small, NULL, limit);
        hone_status status = hone_bench_run(&suite, &options, &small, NULL, &report);
        assert_true(status == HONE_OK || status == HONE_STATUS_OUT_OF_MEMORY);
        has_succeeded = status == HONE_OK;
        hone_arena_deinit(&small);
        assert_int_equal(live_contexts, 0);
    }
    assert_true(has_succeeded);
}

static void test_merging_runs(void **state) {
    (void)state;
    const hone_bench_case spec = {
        .name = "work", .unit = "ns", .variants = {{.name = "hone", .run = work_100}}};
    hone_bench_report reports[2], merged;
    hone_diag diag = {0};
    assert_int_equal(run_case(&spec, &diag, &reports[0]), HONE_OK);
    assert_int_equal(run_case(&spec, &diag, &reports[1]), HONE_OK);
    assert_int_equal(hone_bench_merge(reports, 2, &arena, &diag, &merged), HONE_OK);
    const hone_bench_variant_result *variant = &merged.results[0].variants[0];
    assert_int_equal(variant->runs_count, 2);
    assert_int_equal(variant->count, reports[0].results[0].variants[0].count +
                                         reports[1].results[0].variants[0].count);
    reports[1].results[0].name = "other";
    assert_int_equal(hone_bench_merge(reports, 2, &arena, &diag, &merged), HONE_OK);
    assert_int_equal(merged.results_count, 0);
}

static void test_the_host_of_a_faked_root(void **state) {
    (void)state;
    hone_bench_host host, nothing;
    hone_bench_host_read(NULL, &host);
    hone_bench_host_read("/proc/self/fdinfo", &nothing); /* has no /proc below it */
    assert_string_equal(nothing.cpu, "n/a");
    assert_string_equal(nothing.kernel, "n/a");
    assert_true(nothing.load_average < 0);
    assert_true(host.fingerprint != nothing.fingerprint);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_counts_as_disturbed),
        cmocka_unit_test(test_what_counts_as_a_disturbed_process),
        cmocka_unit_test_setup_teardown(test_a_known_ratio, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_dear_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_throughput_and_scale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_and_single_operations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commands_with_their_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_suites_that_break_the_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_filter_and_absent_hone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_that_runs_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merging_runs, set_up, tear_down),
        cmocka_unit_test(test_the_host_of_a_faked_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
