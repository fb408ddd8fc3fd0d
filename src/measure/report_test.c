/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "hone/measure/bench_report.h"
#include "report_internal.h"
#include "synthetic_test.h"

static hone_arena arena;
static hone_buffer text;
static hone_bench_report report;

/* hone at 10 us, a peer at 25 us, one that is absent and has markup in its reason. */
static int set_up(void **state) {
    (void)state;
    hone_arena_init(&arena, NULL, 64 << 20);
    hone_buffer_init(&text, NULL, 16 << 20);
    report = synthetic_report(&arena, 1, 400, 10, 0.01, 1);
    hone_bench_result *result = &report.results[0];
    result->variants_count = 3;
    result->variants[1] = synthetic_variant(&arena, "peer", 1, 400, 25, 0.01, 2);
    result->variants[2] =
        (hone_bench_variant_result){.name = "gone", .absent = "not <here> | & \"there\""};
    static double scratch[SYNTHETIC_SCRATCH];
    result->ratios[1] = hn_block_ratio_estimate(result, 0, 1, 3, scratch, &result->pairs_counts[1]);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hone_buffer_deinit(&text);
    hone_arena_deinit(&arena);
    return 0;
}

static const char *written(void) {
    assert_int_equal(hone_buffer_status(&text), HONE_OK);
    hone_buffer_append_byte(&text, '\0');
    return (const char *)text.data;
}

static double number_at(const json_t *array, size_t index) {
    assert_true(json_is_number(json_array_get(array, index)));
    return json_number_value(json_array_get(array, index));
}

static void test_json_has_the_agreed_shape(void **state) {
    (void)state;
    hone_bench_write_json(&report, &text);
    json_t *root = json_loads(written(), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_object_size(root), 3);
    assert_string_equal(json_string_value(json_object_get(root, "suite")), "synthetic");
    assert_true(json_is_object(json_object_get(root, "host")));
    const json_t *first = json_array_get(json_object_get(root, "cases"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "case")), "work");
    assert_string_equal(json_string_value(json_object_get(first, "unit")), "us");
    assert_string_equal(json_string_value(json_object_get(first, "better")), "lower");
    const json_t *hone = json_object_get(first, "hone");
    assert_int_equal(json_object_size(hone), 5);
    double median = json_number_value(json_object_get(hone, "median"));
    assert_true(median > 9.9 && median < 10.1);
    assert_true(number_at(json_object_get(hone, "ci"), 0) <= median);
    assert_true(number_at(json_object_get(hone, "ci"), 1) >= median);
    assert_true(json_is_number(json_object_get(hone, "p99")));
    assert_true(json_number_value(json_object_get(hone, "clean")) == 0.9);
    const json_t *peers = json_object_get(first, "peers");
    assert_int_equal(json_object_size(peers), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(peers, "gone"), "absent")),
        "not <here> | & \"there\"");
    const json_t *ratios = json_object_get(first, "ratio");
    assert_int_equal(json_object_size(ratios), 1);
    double ratio = number_at(json_object_get(ratios, "peer"), 0);
    assert_true(ratio > 2.45 && ratio < 2.55);
    json_decref(root);
}

static void test_what_few_samples_cannot_say_is_null(void **state) {
    (void)state;
    report.results[0].variants[0] = synthetic_variant(&arena, "hone", 1, 5, 10, 0.01, 2);
    hone_bench_write_json(&report, &text);
    json_t *root = json_loads(written(), 0, NULL);
    const json_t *hone = json_object_get(json_array_get(json_object_get(root, "cases"), 0), "hone");
    assert_true(json_is_null(json_object_get(hone, "p95")));
    assert_true(json_is_null(json_object_get(hone, "p99")));
    assert_true(json_is_null(json_array_get(json_object_get(hone, "ci"), 0)));
    json_decref(root);
}

static void test_google_json(void **state) {
    (void)state;
    hone_bench_write_google_json(&report, &text);
    json_t *root = json_loads(written(), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_true(json_is_object(json_object_get(root, "context")));
    const json_t *rows = json_object_get(root, "benchmarks");
    size_t index, iterations = 0, aggregates = 0;
    json_t *row;
    json_array_foreach(rows, index, row) {
        const char *type = json_string_value(json_object_get(row, "run_type"));
        double time_ns = json_number_value(json_object_get(row, "real_time"));
        iterations += strcmp(type, "iteration") == 0;
        aggregates += strcmp(type, "aggregate") == 0;
        assert_string_equal(json_string_value(json_object_get(row, "time_unit")), "ns");
        assert_true(time_ns > 0 && time_ns < 26000);
    }
    assert_int_equal(iterations, 720); /* the clean ones of both */
    assert_int_equal(aggregates, 6);
    json_decref(root);
}

/* A peer that is missing from every case is explained once, and again for another reason. */
static void test_an_absent_peer_is_one_line(void **state) {
    (void)state;
    hone_bench_result results[3] = {report.results[0], report.results[0], report.results[0]};
    hone_bench_variant_result variants[3];
    memcpy(variants, results[2].variants, sizeof variants);
    variants[2].absent = "broke down";
    results[2].name = "last";
    results[2].variants = variants;
    hone_bench_report all = report;
    all.results = results;
    all.results_count = 3;
    hone_bench_write_table(&all, false, &text);
    const char *first = strstr(written(), "absent: gone, in 2 cases: not <here>");
    assert_non_null(first);
    assert_null(strstr(strchr(first, '\n'), "not <here>"));
    assert_non_null(strstr(first, "absent: gone, in last: broke down"));
}

/* Two commands have their own names, never hone's. */
static void test_new_and_old_are_the_columns(void **state) {
    (void)state;
    hone_bench_result *result = &report.results[0];
    result->variants_count = 2;
    result->variants[0].name = "new";
    result->variants[1].name = "old";
    hone_bench_write_table(&report, false, &text);
    const char *table = written();
    const char *new_at = strstr(table, " new "), *old_at = strstr(table, " old ");
    assert_true(new_at && old_at && new_at < old_at);
    assert_null(strstr(old_at + 1, " old "));
    assert_non_null(strstr(table, "above 1: new is better; clean: the share"));
    assert_null(strstr(table, "peer"));
    assert_null(strstr(table, "hone"));
    hone_buffer_clear(&text);
    hone_bench_write_markdown(&report, &text);
    assert_non_null(strstr(written(), "| clean | old | ratio |"));
}

static void test_table_and_markdown(void **state) {
    (void)state;
    hone_bench_write_table(&report, false, &text);
    const char *table = written();
    assert_non_null(strstr(table, "work"));
    assert_non_null(strstr(table, "2.5"));
    assert_non_null(strstr(table, "absent: gone, in work: not <here> | & \"there\""));
    assert_non_null(strstr(table, "hardware counters: n/a"));
    assert_null(strstr(table, "\033"));
    hone_buffer_clear(&text);
    hone_bench_write_table(&report, true, &text);
    assert_non_null(strstr(written(), "\033[32m"));
    hone_buffer_clear(&text);
    report.results[0].variants[1].name = "a|b";
    hone_bench_write_markdown(&report, &text);
    const char *markdown = written();
    assert_non_null(strstr(markdown, "| a\\|b |"));
    assert_non_null(strstr(markdown, "\n- absent: gone, in work: not <here> | &"));
}

static void test_details(void **state) {
    (void)state;
    hone_bench_variant_result *hone = &report.results[0].variants[0];
    hone->counters_count = HONE_COUNTERS_COUNT;
    for (int id = 0; id < HONE_COUNTERS_COUNT; id++) {
        hone->counters[id] = (hone_counter){.reason = "no PMU"};
    }
    hone->counters[HONE_COUNTER_PAGE_FAULTS] = (hone_counter){.state = HONE_COUNTER_OK};
    hone->counter_values[HONE_COUNTER_PAGE_FAULTS] = 0.25;
    hone->counters[HONE_COUNTER_BRANCHES] =
        (hone_counter){.state = HONE_COUNTER_MULTIPLEXED, .counted_share = 0.5};
    hone_bench_write_details(&report, &text);
    const char *details = written();
    assert_non_null(strstr(details, "mean 10.0"));
    assert_non_null(strstr(details, "400 samples (360 clean) of 7 iterations"));
    assert_non_null(strstr(details, "cycles per iteration: n/a (no PMU)"));
    assert_non_null(strstr(details, "page-faults per iteration: 0.25"));
    assert_non_null(strstr(details, "counted 50 % of the time"));
    assert_null(strstr(details, "gone"));
}

static void test_notes_on_disturbed_samples(void **state) {
    (void)state;
    static double scratch[SYNTHETIC_SCRATCH];
    hone_bench_variant_result *hone = &report.results[0].variants[0];
    memset(hone->disturbances, 1u << HONE_BENCH_STOLEN, 390);
    hn_variant_summarize(hone, scratch);
    hone_bench_write_table(&report, false, &text);
    assert_non_null(strstr(written(), "note: work, hone: 391 of 400 samples were disturbed"));
    assert_non_null(strstr((const char *)text.data, "stolen 390"));
    assert_non_null(strstr((const char *)text.data, "too many"));
    assert_non_null(strstr((const char *)text.data,
                           "figures are of the clean samples, and of all where fewer than 20 and "
                           "less than half are clean\n"));
    memset(hone->disturbances, 1u << HONE_BENCH_DELAYED, 400);
    hn_variant_summarize(hone, scratch);
    hone_buffer_clear(&text);
    hone_bench_write_table(&report, false, &text);
    assert_non_null(strstr(written(),
                           "note: work, hone: 400 of 400 samples were disturbed (delayed "
                           "400): none was clean, the figures are of all of them and "
                           "have in them what disturbed them\n"));
}

/* Each "n/a" has its reason, and the numbers in the legend are those of the statistics. */
static void test_missing_figures_have_reasons(void **state) {
    (void)state;
    static double scratch[SYNTHETIC_SCRATCH];
    double sorted[6] = {1, 2, 3, 4, 5, 6};
    hone_bench_variant_result *hone = &report.results[0].variants[0];
    hone_bench_write_table(&report, false, &text);
    assert_non_null(strstr(written(), "\na ratio is the median over pairs of samples taken side by "
                                      "side, of clean ones where both have enough, and need not "
                                      "be the quotient of the medians\n"));
    assert_null(strstr(written(), "too few samples"));
    hone->count = 5;
    hn_variant_summarize(hone, scratch);
    report.results[0].pairs_counts[1] = 0;
    hone_buffer_clear(&text);
    hone_bench_write_table(&report, false, &text);
    assert_non_null(strstr(written(), "[n/a, n/a]"));
    assert_non_null(strstr(written(),
                           "\nn/a: too few samples, an interval needs 6, p95 needs 59 and "
                           "p99 needs 299\n"));
    assert_non_null(strstr(written(), "\na ratio is n/a where no pair has two usable samples\n"));
    assert_non_null(strstr(written(), "note: work, hone: "));
    assert_non_null(strstr(written(), "5 samples, too few for an interval"));
    hone_buffer_clear(&text);
    hone_bench_write_markdown(&report, &text);
    assert_non_null(strstr(written(), "; n/a: too few samples, an interval needs 6, p95 needs 59"));
    hone_buffer_clear(&text);
    hone_bench_write_html(&report, &text);
    assert_non_null(strstr(written(), "; n/a: too few samples, an interval needs 6, p95 needs 59"));
    for (size_t count = 5; count <= 6; count++) {
        hone_estimate median = hone_quantile_estimate(sorted, count, 0.5, 0.95);
        assert_int_equal(median.is_low_known && median.is_high_known, count == 6);
    }
    assert_true(hone_quantile_is_supported(59, 0.95, 0.95));
    assert_false(hone_quantile_is_supported(58, 0.95, 0.95));
    assert_true(hone_quantile_is_supported(299, 0.99, 0.95));
    assert_false(hone_quantile_is_supported(298, 0.99, 0.95));
}

static void test_html_stands_alone(void **state) {
    (void)state;
    hone_bench_write_html(&report, &text);
    const char *page = written();
    assert_non_null(strstr(page, "<svg"));
    assert_non_null(strstr(page, "not &lt;here&gt; | &amp; &quot;there&quot;"));
    assert_non_null(strstr(page, "prefers-color-scheme:dark"));
    assert_null(strstr(page, "http"));
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "src="));
    assert_null(strstr(page, "nan"));
    assert_null(strstr(page, "inf"));
    assert_non_null(strstr(page, "</html>"));
}

static void test_a_small_buffer_is_an_error(void **state) {
    (void)state;
    void (*const writers[])(const hone_bench_report *,
                            hone_buffer *) = {hone_bench_write_json, hone_bench_write_google_json,
                                              hone_bench_write_markdown, hone_bench_write_html};
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        for (size_t limit = 0; limit < 300; limit += 37) {
            hone_buffer small;
            hone_buffer_init(&small, NULL, limit);
            writers[i](&report, &small);
            assert_int_not_equal(hone_buffer_status(&small), HONE_OK);
            hone_buffer_deinit(&small);
        }
    }
}

static void test_comparisons(void **state) {
    (void)state;
    hone_comparison items[] = {
        {.name = "fast", .unit = "us", .verdict = HONE_VERDICT_SAME, .note = ""},
        {.name = "slow",
         .unit = "us",
         .slowdown =
             {.value = 1.12, .low = 1.1, .high = 1.14, .is_low_known = true, .is_high_known = true},
         .verdict = HONE_VERDICT_REGRESSED,
         .note = ""},
    };
    const char *missing[] = {"lost"};
    const hone_comparisons all = {
        .items = items, .count = 2, .missing_names = missing, .missing_count = 1};
    hone_bench_write_comparisons(&all, 0.05, false, &text);
    const char *table = written();
    assert_non_null(strstr(table, "1.120 [1.100, 1.140]"));
    assert_non_null(strstr(table, "not compared: lost"));
    assert_non_null(strstr(table, "regressed: slow costs 12.0 % more"));
    assert_null(strstr(table, "regressed: fast"));
}

static void test_figures(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *wanted;
    } table[] = {{0.012345, "0.01235"}, {1.2345, "1.234"},  {12.345, "12.35"}, {123.45, "123.5"},
                 {12345.6, "12346"},    {5e9, "5.000e+09"}, {0, "0"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char figure[HN_FIGURE_BYTES];
        hn_figure(table[i].value, figure);
        assert_true(strncmp(figure, table[i].wanted, 4) == 0);
    }
}

#define WITH_REPORT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_REPORT(test_json_has_the_agreed_shape),
        WITH_REPORT(test_what_few_samples_cannot_say_is_null),
        WITH_REPORT(test_google_json),
        WITH_REPORT(test_table_and_markdown),
        WITH_REPORT(test_details),
        WITH_REPORT(test_notes_on_disturbed_samples),
        WITH_REPORT(test_missing_figures_have_reasons),
        WITH_REPORT(test_html_stands_alone),
        WITH_REPORT(test_a_small_buffer_is_an_error),
        WITH_REPORT(test_comparisons),
        WITH_REPORT(test_an_absent_peer_is_one_line),
        WITH_REPORT(test_new_and_old_are_the_columns),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
