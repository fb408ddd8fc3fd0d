/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "stages/kinds_internal.h"
#include "stages/stage_fake_test.h"
#include "stages/window_internal.h"

/* --- tables --- */

typedef struct example {
    const char *name;
    const char *toml;
    const char *fields;
    bool is_timed;
    const char *batches[4];
    const char *expected;
} example;

static const example examples[] = {
    {"mean of three rows",
     "rows = 3\ncompute = 'mean'",
     "a:f64",
     false,
     {"0|1\n1|2\n2|6", "3|7"},
     "0|1\n1|1.5\n2|3\n3|5\n"},
    {"integers stay integers",
     "rows = 2\ncompute = ['sum', 'min', 'max', 'first', 'last', 'delta']",
     "a:i64",
     false,
     {"0|5\n1|-2\n2|9"},
     "0|5|5|5|5|5|0\n1|3|-2|5|5|-2|-7\n2|7|-2|9|-2|9|11\n"},
    {"integer sum that does not fit is missing",
     "rows = 2\ncompute = ['sum', 'mean']",
     "a:i64",
     false,
     {"0|9223372036854775807\n1|9223372036854775807\n2|-7"},
     "0|9223372036854775807|9223372036854776000\n1|-|9223372036854776000\n"
     "2|9223372036854775800|4611686018427388000\n"},
    {"default statistics, std of one is missing",
     "rows = 2",
     "a:f64",
     false,
     {"0|1\n1|3"},
     "0|1|-|1|1\n1|2|1.4142135623730951|1|3\n"},
    {"missing and NaN are left out",
     "rows = 2\ncompute = ['count', 'mean', 'last']",
     "a:f64",
     false,
     {"0|1\n1|-\n2|nan", "3|5\n4|7"},
     "0|1|1|1\n1|1|1|1\n2|0|-|-\n3|1|5|5\n4|2|6|7\n"},
    {"time window, open at its old end",
     "length = '2s'\ncompute = ['count', 'sum']",
     "a:f64",
     true,
     {"0|1\n1000000000|2\n2000000000|4", "2500000000|8\n9000000000|16"},
     "0|1|1\n1000000000|2|3\n2000000000|2|6\n2500000000|3|14\n9000000000|1|16\n"},
    {"rate per second",
     "rows = 3\ncompute = 'rate'",
     "a:i64",
     true,
     {"0|10\n500000000|20\n2000000000|50"},
     "0|-\n500000000|20\n2000000000|20\n"},
    {"quantiles, type 7",
     "rows = 4\ncompute = ['median', 'p50', 'p90']",
     "a:f64",
     false,
     {"0|4\n1|1\n2|3\n3|2\n4|10"},
     "0|4|4|4\n1|2.5|2.5|3.7\n2|3|3|3.8\n3|2.5|2.5|3.7\n4|2.5|2.5|7.900000000000001\n"},
    {"keep puts the input in front",
     "rows = 2\nkeep = true\ncompute = 'sum'",
     "s:text a:i64 b:bool",
     false,
     {"0|x|1|true\n1|yy|-|-", "2|z|5|false"},
     "0|x|1|true|1\n1|yy|-|-|1\n2|z|5|false|5\n"},
    {"only the named fields",
     "rows = 2\nfields = ['b']\ncompute = 'last'",
     "a:f64 b:f64",
     false,
     {"0|1|2"},
     "0|2\n"},
    {"every: the last record of each interval",
     "length = '10s'\nevery = '1s'\ncompute = 'count'",
     "a:f64",
     true,
     {"0|1\n500000000|1\n1200000000|1", "1900000000|1", "2000000000|1\n2100000000|1",
      "5000000000|1"},
     "500000000|2\n1900000000|4\n2100000000|6\n5000000000|7\n"},
    {"every with keep and text",
     "rows = 2\nevery = '1s'\nkeep = true\ncompute = 'last'",
     "s:text a:i64",
     true,
     {"0|one|1\n500000000|two|2\n1200000000|three|3", "1900000000|four|-"},
     "500000000|two|2|2\n1900000000|four|-|3\n"},
    {"infinities are forgotten",
     "rows = 65\ncompute = ['sum', 'max']",
     "a:f64",
     false,
     {"0|inf\n1|1"},
     "0|+Inf|+Inf\n1|+Inf|+Inf\n"},
    {"rows_max bounds a long window",
     "length = '1h'\nrows_max = 2\ncompute = 'count'",
     "a:f64",
     true,
     {"0|1\n1|2\n2|3\n3|4"},
     "0|1\n1|2\n2|2\n3|2\n"},
};

static void test_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const example *e = &examples[i];
        hn_fake fake;
        hn_fake_init(&fake);
        print_message("%s\n", e->name);
        hone_status status = hn_fake_open(&fake, &hn_kind_window, e->toml,
                                          hn_fake_schema(&fake, e->fields, e->is_timed));
        assert_string_equal(hn_fake_message(&fake),
                            status == HONE_OK ? hn_fake_message(&fake) : "");
        for (int b = 0; b < 4 && e->batches[b]; b++) {
            assert_int_equal(hn_fake_process(&fake, e->batches[b]), HONE_OK);
        }
        assert_int_equal(hn_fake_finish(&fake), HONE_OK);
        assert_string_equal(hn_fake_sent_text(&fake), e->expected);
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

static const struct {
    const char *toml, *fields;
    bool is_timed;
    hone_status status;
    const char *message;
} mistakes[] = {
    {"compute = 'mean'", "a:f64", true, HONE_STATUS_INVALID_ARGUMENT,
     "node.toml:1: it: a window needs either 'length' (\"3s\") or 'rows' (10)"},
    {"rows = 1\nlength = '1s'", "a:f64", true, HONE_STATUS_INVALID_ARGUMENT, "not both"},
    {"length = '1s'", "a:f64", false, HONE_STATUS_TYPE_MISMATCH,
     "node.toml:1:1: it: 'length' needs timestamps"},
    {"rows = 0", "a:f64", false, HONE_STATUS_LIMIT, "'rows' must be 1 to 1048576"},
    {"rows = 2000000", "a:f64", false, HONE_STATUS_LIMIT, "'rows' must be 1 to 1048576"},
    {"rows = 2\nrows_max = 0", "a:f64", false, HONE_STATUS_LIMIT, "node.toml:2:1: it: 'rows_max'"},
    {"rows = 2\ncompute = ['mean', 'meen']", "a:f64", false, HONE_STATUS_NOT_FOUND,
     "node.toml:2:20: it: there is no statistic 'meen'; did you mean 'mean'?"},
    {"rows = 2\ncompute = ['mean', 'kurtosis']", "a:f64", false, HONE_STATUS_NOT_FOUND,
     "there is no statistic 'kurtosis'; there are mean, std, min, max, "},
    {"rows = 2\ncompute = ['mean', 'mean']", "a:f64", false, HONE_STATUS_DUPLICATE,
     "'mean' is asked for twice"},
    {"rows = 2\ncompute = []", "a:f64", false, HONE_STATUS_INVALID_ARGUMENT, "names no statistic"},
    {"rows = 2\ncompute = 'rate'", "a:f64", false, HONE_STATUS_TYPE_MISMATCH,
     "'rate' is per second"},
    {"rows = 2\nfields = ['bb']", "aa:f64 bc:f64", false, HONE_STATUS_NOT_FOUND,
     "node.toml:2:11: it: there is no field 'bb'"},
    {"rows = 2\nfields = 's'", "s:text", false, HONE_STATUS_TYPE_MISMATCH,
     "field 's' is text; a window takes i64 and f64"},
    {"rows = 2", "s:text", false, HONE_STATUS_TYPE_MISMATCH, "no numeric field"},
    {"rows = 2\nevery = '1s'", "a:f64", false, HONE_STATUS_TYPE_MISMATCH,
     "node.toml:2:1: it: 'every' needs timestamps"},
    {"rows = 2\nkeep = true\ncompute = 'mean'", "a:f64 a.mean:f64", false, HONE_STATUS_DUPLICATE,
     "a.mean"},
};

static void test_mistakes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        hn_fake fake;
        hn_fake_init(&fake);
        hone_status status =
            hn_fake_open(&fake, &hn_kind_window, mistakes[i].toml,
                         hn_fake_schema(&fake, mistakes[i].fields, mistakes[i].is_timed));
        assert_int_equal(status, mistakes[i].status);
        if (!strstr(hn_fake_message(&fake), mistakes[i].message)) {
            assert_string_equal(hn_fake_message(&fake), mistakes[i].message);
        }
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

/* --- naive twin: every window from all rows so far, the slow way --- */

enum { TWIN_ROWS = 6000 };

typedef struct twin {
    uint32_t count;
    int64_t times[TWIN_ROWS];
    double values[TWIN_ROWS]; /* NaN: missing */
    uint64_t seed;
} twin;

static uint64_t draw(twin *t) {
    t->seed ^= t->seed << 13;
    t->seed ^= t->seed >> 7;
    t->seed ^= t->seed << 17;
    return t->seed;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values of the window that ends with `row`; returns their count. */
static uint32_t twin_window(const twin *t, uint32_t row, uint64_t rows, int64_t length,
                            double *out_values, int64_t *out_times) {
    uint32_t count = 0;
    for (uint32_t i = 0; i <= row; i++) {
        bool is_in = rows ? i + rows > row : t->times[i] > t->times[row] - length;
        if (is_in && t->values[i] == t->values[i]) {
            out_times[count] = t->times[i];
            out_values[count++] = t->values[i];
        }
    }
    return count;
}

static double twin_statistic(hn_statistic statistic, const double *values, const int64_t *times,
                             uint32_t n) {
    long double sum = 0, squares = 0;
    double low = values[0], high = values[0];
    for (uint32_t i = 0; i < n; i++) {
        sum += values[i];
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        squares += (values[i] - sum / n) * (values[i] - sum / n);
    }
    double p = statistic == HN_STATISTIC_P99   ? 0.99
               : statistic == HN_STATISTIC_P95 ? 0.95
               : statistic == HN_STATISTIC_P90 ? 0.9
                                               : 0.5;
    switch (statistic) {
    case HN_STATISTIC_MEAN: return (double)(sum / n);
    case HN_STATISTIC_STD: return n < 2 ? NAN : (double)sqrtl(squares / (n - 1));
    case HN_STATISTIC_MIN: return low;
    case HN_STATISTIC_MAX: return high;
    case HN_STATISTIC_SUM: return (double)sum;
    case HN_STATISTIC_FIRST: return values[0];
    case HN_STATISTIC_LAST: return values[n - 1];
    case HN_STATISTIC_DELTA: return values[n - 1] - values[0];
    case HN_STATISTIC_RATE:
        return times[n - 1] > times[0]
                   ? (values[n - 1] - values[0]) / ((double)(times[n - 1] - times[0]) * 1e-9)
                   : NAN;
    default: break;
    }
    static double in_order[TWIN_ROWS];
    memcpy(in_order, values, n * sizeof *values);
    qsort(in_order, n, sizeof *in_order, compare_doubles);
    double place = (n - 1) * p;
    uint32_t rank = (uint32_t)place;
    return place == rank ? in_order[rank]
                         : in_order[rank] + (place - rank) * (in_order[rank + 1] - in_order[rank]);
}

static void check_row(twin *t, uint32_t row, hone_batch *batch, uint32_t batch_row, uint64_t rows,
                      int64_t length) {
    static double values[TWIN_ROWS];
    static int64_t times[TWIN_ROWS];
    uint32_t n = twin_window(t, row, rows, length, values, times);
    double scale = 0;
    for (uint32_t i = 0; i < n; i++) {
        scale = fmax(scale, fabs(values[i]));
    }
    for (uint32_t s = 0; s < HN_STATISTICS_COUNT; s++) {
        hone_cell cell = hone_batch_cells(batch, s)[batch_row];
        if (s == HN_STATISTIC_COUNT) {
            assert_int_equal(cell.i64, n);
            continue;
        }
        double expected = n ? twin_statistic((hn_statistic)s, values, times, n) : NAN;
        bool is_missing = hone_batch_is_missing(batch, s, batch_row);
        assert_int_equal(is_missing, expected != expected);
        if (!is_missing &&
            !(fabs(cell.f64 - expected) <= scale * (s == HN_STATISTIC_RATE ? 1e-3 : 1e-12))) {
            fail_msg("%s in row %u of %u values: %.17g, expected %.17g", hn_statistic_name(s), row,
                     n, cell.f64, expected);
        }
    }
}

static void make_batch(twin *t, hone_batch *batch, uint32_t gaps_percent) {
    uint32_t count = (uint32_t)(1 + draw(t) % 200);
    uint16_t *selection = hone_batch_selection(batch);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t time = (t->count ? t->times[t->count - 1] : 0) + (int64_t)(draw(t) % 1000000);
        uint32_t row = hone_batch_add_row(batch, time);
        double value = (double)(draw(t) % 100000) / 7 - 5000;
        if (gaps_percent && draw(t) % 100 < gaps_percent) {
            hone_batch_set_missing(batch, 0, row);
            value = NAN;
        }
        hone_batch_cells(batch, 0)[row].f64 = value;
        if (!gaps_percent || draw(t) % 10) { /* the others are filtered out */
            t->times[t->count] = time;
            t->values[t->count++] = value;
            selection[kept++] = (uint16_t)row;
        }
    }
    batch->selected_count = kept;
}

static void run_twin(const char *toml, uint64_t rows, int64_t length, uint32_t gaps_percent) {
    static twin t;
    static hn_fake fake;
    t = (twin){.seed = 88172645463325252u + rows};
    hn_fake_init(&fake);
    char options[256];
    (void)snprintf(options, sizeof options,
                   "%s\ncompute = ['mean','std','min','max','sum','count','median','p50','p90',"
                   "'p95','p99','rate','first','last','delta']",
                   toml);
    const hone_schema *schema = hn_fake_schema(&fake, "a:f64", true);
    assert_int_equal(hn_fake_open(&fake, &hn_kind_window, options, schema), HONE_OK);
    uint32_t checked = 0;
    while (t.count + 200 < TWIN_ROWS) {
        hone_batch *batch = hn_fake_batch(&fake, schema, "");
        make_batch(&t, batch, gaps_percent);
        assert_int_equal(fake.stage.kind->process(&fake.stage, batch, &fake.diag), HONE_OK);
        for (uint32_t i = 0; fake.sent_count && i < fake.sent[0]->rows_count; i++, checked++) {
            if (checked % 7 == 0 || checked < 200) {
                check_row(&t, checked, fake.sent[0], i, rows, length);
            }
        }
        hn_fake_drop_sent(&fake);
    }
    assert_int_equal(checked, t.count);
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

static void test_twin(void **state) {
    (void)state;
    run_twin("rows = 1", 1, 0, 0);
    run_twin("rows = 10", 10, 0, 0);
    run_twin("rows = 64", 64, 0, 0);
    run_twin("rows = 65", 65, 0, 0);
    run_twin("rows = 10", 10, 0, 30);
    run_twin("rows = 100", 100, 0, 5);
    run_twin("rows = 2000", 2000, 0, 2);
    run_twin("length = '50ms'", 0, 50000000, 0);
    run_twin("length = '800ms'", 0, 800000000, 10);
    run_twin("length = '3ms'", 0, 3000000, 60);
}

/* --- exactness --- */

/* Short windows: bit for bit what adding oldest to newest gives. */
static void test_short_sums_are_in_order(void **state) {
    (void)state;
    static hn_fake fake;
    static twin t;
    static double values[4096];
    t.seed = 12345;
    hn_fake_init(&fake);
    const hone_schema *schema = hn_fake_schema(&fake, "a:f64", false);
    assert_int_equal(
        hn_fake_open(&fake, &hn_kind_window, "rows = 10\ncompute = ['mean', 'sum']", schema),
        HONE_OK);
    uint32_t count = 0;
    for (int b = 0; b < 4; b++) {
        hone_batch *batch = hn_fake_batch(&fake, schema, "");
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t row = hone_batch_add_row(batch, 0);
            values[count] = ldexp((double)draw(&t), (int)(draw(&t) % 100) - 80);
            hone_batch_cells(batch, 0)[row].f64 = values[count++];
        }
        assert_int_equal(fake.stage.kind->process(&fake.stage, batch, &fake.diag), HONE_OK);
    }
    for (uint32_t row = 0; row < count; row++) {
        uint32_t first = row < 9 ? 0 : row - 9;
        double sum = values[first];
        for (uint32_t i = first + 1; i <= row; i++) {
            sum += values[i];
        }
        hone_batch *batch = fake.sent[row / 1000];
        assert_true(hone_batch_cells(batch, 0)[row % 1000].f64 == sum / (row - first + 1));
        assert_true(hone_batch_cells(batch, 1)[row % 1000].f64 == sum);
    }
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

/* A million rows of small noise on changing huge offsets: the last windows are as exact as the
 * first. */
static void test_no_drift(void **state) {
    (void)state;
    enum { ROWS = 1000000, WINDOW = 1000, CALM = 3000 };
    static hn_fake fake;
    static twin t;
    static double newest[WINDOW];
    t.seed = 777;
    hn_fake_init(&fake);
    const hone_schema *schema = hn_fake_schema(&fake, "a:f64", false);
    assert_int_equal(hn_fake_open(&fake, &hn_kind_window,
                                  "rows = 1000\ncompute = ['mean', 'std', 'sum']", schema),
                     HONE_OK);
    double mean = 0, deviation = 0;
    for (uint32_t made = 0; made < ROWS;) {
        hone_batch *batch = hn_fake_batch(&fake, schema, "");
        for (uint32_t i = 0; i < 1000; i++, made++) {
            double offset = made + CALM < ROWS ? ldexp(1, (int)(draw(&t) % 200)) : 1e9;
            double value = offset + (double)(draw(&t) % 1000) / 1000;
            newest[made % WINDOW] = value;
            hone_batch_cells(batch, 0)[hone_batch_add_row(batch, 0)].f64 = value;
        }
        assert_int_equal(fake.stage.kind->process(&fake.stage, batch, &fake.diag), HONE_OK);
        mean = hone_batch_cells(fake.sent[0], 0)[999].f64;
        deviation = hone_batch_cells(fake.sent[0], 1)[999].f64;
        hn_fake_drop_sent(&fake);
    }
    long double sum = 0, squares = 0;
    for (uint32_t i = 0; i < WINDOW; i++) {
        sum += newest[i];
    }
    for (uint32_t i = 0; i < WINDOW; i++) {
        squares += (newest[i] - sum / WINDOW) * (newest[i] - sum / WINDOW);
    }
    assert_true(fabs(mean - (double)(sum / WINDOW)) <= 1.2e-7); /* one unit in the last place */
    assert_true(fabs(deviation - (double)sqrtl(squares / (WINDOW - 1))) <= 1e-9);
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

/* --- order --- */

static void test_order_is_sorted(void **state) {
    (void)state;
    enum { VALUES = 20000 };
    static double model[VALUES], in_order[VALUES];
    twin t = {.seed = 4711};
    hn_order order = {0};
    uint32_t first = 0;
    for (uint32_t i = 0; i < VALUES; i++) {
        model[i] = i < VALUES / 2 ? (double)(draw(&t) % 50) : (double)(draw(&t) % 1000000);
        assert_int_equal(hn_order_insert(&order, model[i]), HONE_OK);
        if (i - first > 9000 || draw(&t) % 3 == 0) {
            hn_order_remove(&order, model[first++]);
        }
    }
    uint32_t count = VALUES - first;
    memcpy(in_order, model + first, count * sizeof *in_order);
    qsort(in_order, count, sizeof *in_order, compare_doubles);
    assert_int_equal(order.total, count);
    assert_true(order.blocks_count <= count / 64 + 2);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(fabs(hn_order_quantile(&order, (double)i / (count - 1)) - in_order[i]) <
                    1e-3 * (1 + in_order[i]));
    }
    assert_true(hn_order_quantile(&order, 0) == in_order[0]);
    assert_true(hn_order_quantile(&order, 1) == in_order[count - 1]);
    while (first < VALUES) {
        hn_order_remove(&order, model[first++]);
    }
    assert_int_equal(order.total, 0);
    hn_order_free(&order);
}

/* --- memory --- */

static hone_status run_with(hn_fake *fake, uint64_t fail_at) {
    hn_fake_init(fake);
    const hone_schema *schema = hn_fake_schema(fake, "a:f64 b:i64", true);
    hone_status status = hn_fake_open(
        fake, &hn_kind_window,
        "length = '1s'\nevery = '1ms'\nkeep = true\ncompute = ['std', 'min', 'sum', 'p99', 'rate']",
        schema);
    hone_batch *batches[2] = {
        hn_fake_batch(fake, schema, "0|1|1\n2000000|2|-\n4000000|3|5"),
        hn_fake_batch(fake, schema, "5000000|-|1\n6000000|2|9"),
    };
    hone_failing_stats stats = hone_failing_read_stats(&fake->failing);
    fake->failing.fail_at = fail_at ? stats.calls_count + fail_at : 0;
    for (int i = 0; i < 2; i++) {
        if (status == HONE_OK) {
            status = fake->stage.kind->process(&fake->stage, batches[i], &fake->diag);
        } else {
            hn_batch_release(&fake->stage, batches[i]);
        }
    }
    return status;
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        static hn_fake fake;
        hone_status status = run_with(&fake, n);
        bool has_failed = hone_failing_has_failed(&fake.failing);
        if (has_failed) {
            assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
            assert_non_null(strstr(hn_fake_message(&fake), "no memory for"));
        }
        assert_int_equal(hn_fake_deinit(&fake), 0);
        if (!has_failed) {
            assert_int_equal(status, HONE_OK);
            assert_true(n > 10);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_short_sums_are_in_order),
        cmocka_unit_test(test_no_drift),
        cmocka_unit_test(test_order_is_sorted),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
