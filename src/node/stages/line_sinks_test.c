/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds sink.csv and sink.ndjson, and what they share. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stages/kinds_internal.h"
#include "stages/stage_fake_test.h"

#define FIELDS "n:i64 x:f64 up:bool s:text"
#define ROWS "1500000000|1|0.5|true|alpha\n2000000000|-7|-|false|-\n-1|-|1e+21|-|a\"b,c"

static char folder[] = "/tmp/hone-line-sinks-XXXXXX";
static char path[128];
static char options[4096];
static hn_fake fake;

static const char *content(void) {
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    return text;
}

static hone_status open_sink(const hn_stage_kind *kind, const char *toml, const char *fields,
                             bool is_timed) {
    (void)snprintf(options, sizeof options, "path = '%s'\n%s", path, toml);
    hn_fake_init(&fake);
    return hn_fake_open(&fake, kind, options, hn_fake_schema(&fake, fields, is_timed));
}

static const struct {
    const hn_stage_kind *kind;
    const char *toml;
    bool is_timed;
    const char *expected;
} examples[] = {
    {&hn_kind_sink_csv, "", false,
     "n,x,up,s\n1,0.5,true,alpha\n-7,,false,\n,1e+21,,\"a\"\"b,c\"\n"},
    {&hn_kind_sink_csv, "separator = ';'\nheader = false", false,
     "1;0.5;true;alpha\n-7;;false;\n;1e+21;;\"a\"\"b,c\"\n"},
    {&hn_kind_sink_csv, "fields = ['s', 'n']\nheader = ['text', 'number, whole']", false,
     "text,\"number, whole\"\nalpha,1\n,-7\n\"a\"\"b,c\",\n"},
    {&hn_kind_sink_csv, "fields = 'x'", false, "x\n0.5\n\"\"\n1e+21\n"},
    {&hn_kind_sink_csv, "fields = 'n'", true,
     "time,n\n1970-01-01T00:00:01.5Z,1\n1970-01-01T00:00:02Z,-7\n"
     "1969-12-31T23:59:59.999999999Z,\n"},
    {&hn_kind_sink_csv, "fields = 'n'\ntimestamp = 'unix'", true,
     "time,n\n1.5,1\n2,-7\n-0.000000001,\n"},
    {&hn_kind_sink_csv, "fields = 'n'\ntimestamp = 'none'", true, "n\n1\n-7\n\"\"\n"},
    {&hn_kind_sink_ndjson, "", false,
     "{\"n\":1,\"x\":0.5,\"up\":true,\"s\":\"alpha\"}\n"
     "{\"n\":-7,\"x\":null,\"up\":false,\"s\":null}\n"
     "{\"n\":null,\"x\":1e+21,\"up\":null,\"s\":\"a\\\"b,c\"}\n"},
    {&hn_kind_sink_ndjson, "fields = ['s']", true,
     "{\"time\":\"1970-01-01T00:00:01.5Z\",\"s\":\"alpha\"}\n"
     "{\"time\":\"1970-01-01T00:00:02Z\",\"s\":null}\n"
     "{\"time\":\"1969-12-31T23:59:59.999999999Z\",\"s\":\"a\\\"b,c\"}\n"},
    {&hn_kind_sink_ndjson, "fields = ['n']\ntimestamp = 'unix'", true,
     "{\"time\":1.5,\"n\":1}\n{\"time\":2,\"n\":-7}\n{\"time\":-0.000000001,\"n\":null}\n"},
};

static void test_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        print_message("%s %s\n", examples[i].kind->name, examples[i].toml);
        if (open_sink(examples[i].kind, examples[i].toml, FIELDS, examples[i].is_timed)) {
            fail_msg("%s", hn_fake_message(&fake));
        }
        assert_int_equal(hn_fake_process(&fake, ROWS), HONE_OK);
        assert_int_equal(fake.live.records_out, 3);
        assert_string_equal(content(), examples[i].expected); /* flushed with the batch */
        assert_int_equal(hn_fake_finish(&fake), HONE_OK);
        assert_int_equal(fake.live.bytes, strlen(examples[i].expected));
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

static void test_special_values(void **state) {
    (void)state;
    static const char *const expected[] = {
        "x,s\nNaN,\"a\nb\"\n+Inf,\x01\xC3\xA9\n-Inf,\n",
        "{\"x\":null,\"s\":\"a\\nb\"}\n{\"x\":null,\"s\":\"\\u0001\xC3\xA9\"}\n"
        "{\"x\":null,\"s\":\"\"}\n",
    };
    static const hn_stage_kind *const kinds[] = {&hn_kind_sink_csv, &hn_kind_sink_ndjson};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(open_sink(kinds[i], "", "x:f64 s:text", false), HONE_OK);
        hone_batch *batch =
            hn_fake_batch(&fake, fake.stage.input_schema, "0|nan|-\n0|inf|\x01\xC3\xA9\n0|-inf|");
        hone_batch_missing(batch, 1)[0] = 0;
        assert_int_equal(
            hone_batch_add_text(batch, HONE_TEXT("a\nb"), &hone_batch_cells(batch, 1)[0].text),
            HONE_OK);
        assert_int_equal(fake.stage.kind->process(&fake.stage, batch, &fake.diag), HONE_OK);
        assert_string_equal(content(), expected[i]);
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

/* A field of the records named time is written as it is; append keeps what is there and writes no
 * second header; rows that are filtered out are not written; only checking creates nothing. */
static void test_time_append_selection_check(void **state) {
    (void)state;
    assert_int_equal(open_sink(&hn_kind_sink_csv, "", "time:text n:i64", true), HONE_OK);
    hone_batch *batch =
        hn_fake_batch(&fake, fake.stage.input_schema, "0|noon|1\n1|dusk|2\n2|dawn|3");
    memcpy(hone_batch_selection(batch), (uint16_t[]){0, 2}, 4);
    batch->selected_count = 2;
    assert_int_equal(fake.stage.kind->process(&fake.stage, batch, &fake.diag), HONE_OK);
    assert_int_equal(hn_fake_finish(&fake), HONE_OK);
    assert_int_equal(hn_fake_deinit(&fake), 0);
    assert_int_equal(open_sink(&hn_kind_sink_csv, "append = true", "time:text n:i64", true),
                     HONE_OK);
    assert_int_equal(hn_fake_process(&fake, "0|noon|4"), HONE_OK);
    assert_int_equal(hn_fake_finish(&fake), HONE_OK);
    assert_int_equal(hn_fake_deinit(&fake), 0);
    assert_string_equal(content(), "time,n\nnoon,1\ndawn,3\nnoon,4\n");
    assert_int_equal(unlink(path), 0);
    (void)snprintf(options, sizeof options, "path = '%s'", path);
    hn_fake_init(&fake);
    fake.is_check = true;
    assert_int_equal(
        hn_fake_open(&fake, &hn_kind_sink_ndjson, options, hn_fake_schema(&fake, FIELDS, true)),
        HONE_OK);
    assert_int_equal(hn_fake_finish(&fake), HONE_OK);
    assert_int_equal(hn_fake_deinit(&fake), 0);
    assert_int_not_equal(access(path, F_OK), 0);
}

static const struct {
    const hn_stage_kind *kind;
    const char *toml;
    bool is_timed;
    hone_status status;
    const char *message;
} mistakes[] = {
    {&hn_kind_sink_csv, "fields = ['n', 'xx']", false, HONE_STATUS_NOT_FOUND,
     "node.toml:2:16: it: there is no field 'xx'"},
    {&hn_kind_sink_csv, "fields = ['n', 'n']", false, HONE_STATUS_DUPLICATE, "'n' is listed twice"},
    {&hn_kind_sink_csv, "fields = []", false, HONE_STATUS_INVALID_ARGUMENT, "no field is left"},
    {&hn_kind_sink_csv, "header = 'x'", false, HONE_STATUS_TYPE_MISMATCH,
     "node.toml:2:1: it: 'header' must be"},
    {&hn_kind_sink_csv, "header = ['x']", false, HONE_STATUS_INVALID_ARGUMENT,
     "lists 1 names for 4 fields"},
    {&hn_kind_sink_csv, "header = [1, 2, 3, 4]", false, HONE_STATUS_TYPE_MISMATCH,
     "lists names, but this is an integer"},
    {&hn_kind_sink_csv, "separator = ''", false, HONE_STATUS_INVALID_ARGUMENT,
     "node.toml:2:1: it: 'separator'"},
    {&hn_kind_sink_csv, "separator = '\"'", false, HONE_STATUS_INVALID_ARGUMENT, "'separator'"},
    {&hn_kind_sink_ndjson, "timestamp = 'unix'", false, HONE_STATUS_TYPE_MISMATCH, "no timestamps"},
    {&hn_kind_sink_ndjson, "timestamp = 'iso'", false, HONE_STATUS_INVALID_ARGUMENT,
     "one of \"auto\", \"none\", \"unix\""},
};

static void test_mistakes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        (void)unlink(path);
        hone_status status =
            open_sink(mistakes[i].kind, mistakes[i].toml, FIELDS, mistakes[i].is_timed);
        if (!strstr(hn_fake_message(&fake), mistakes[i].message)) {
            assert_string_equal(hn_fake_message(&fake), mistakes[i].message);
        }
        assert_int_equal(status, mistakes[i].status);
        assert_int_equal(hn_fake_deinit(&fake), 0);
        assert_int_not_equal(access(path, F_OK), 0); /* nothing was created or truncated */
    }
}

static void test_bad_paths(void **state) {
    (void)state;
    char saved[sizeof path];
    memcpy(saved, path, sizeof path);
    memcpy(path, folder, sizeof folder);
    assert_int_equal(open_sink(&hn_kind_sink_csv, "", FIELDS, false), HONE_STATUS_IS_DIRECTORY);
    assert_non_null(
        strstr(hn_fake_message(&fake), "node.toml:1:1: it: cannot write '/tmp/hone-line"));
    assert_int_equal(hn_fake_deinit(&fake), 0);
    (void)snprintf(path, sizeof path, "%s/none/x", folder);
    assert_int_equal(open_sink(&hn_kind_sink_csv, "", FIELDS, false), HONE_STATUS_NOT_FOUND);
    assert_int_equal(hn_fake_deinit(&fake), 0);
    memcpy(path, saved, sizeof path);
}

/* --- when writing fails --- */

/* The file may not grow beyond 1000 bytes: what is there ends with a complete line, and exactly
 * these lines are counted. */
static void test_full_disk(void **state) {
    (void)state;
    struct rlimit old, small = {1000, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    static const hn_stage_kind *const kinds[] = {&hn_kind_sink_csv, &hn_kind_sink_ndjson};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(open_sink(kinds[i], "", "s:text n:i64", false), HONE_OK);
        hone_batch *batch = hn_fake_batch(&fake, fake.stage.input_schema, "");
        for (uint32_t row = 0; row < 100; row++) {
            (void)hone_batch_add_row(batch, 0);
            hone_batch_cells(batch, 1)[row].i64 = row;
            assert_int_equal(hone_batch_add_text(batch, HONE_TEXT("two\n\"lines\""),
                                                 &hone_batch_cells(batch, 0)[row].text),
                             HONE_OK);
        }
        small.rlim_max = old.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        hone_status status = fake.stage.kind->process(&fake.stage, batch, &fake.diag);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(status, HONE_STATUS_NO_SPACE);
        char expected[300];
        (void)snprintf(expected, sizeof expected,
                       "%s: it: no space is left after %llu records, the last of which is complete",
                       path, (unsigned long long)fake.live.records_out);
        assert_string_equal(hn_fake_message(&fake), expected);
        const char *text = content();
        size_t size = strlen(text);
        assert_true(size > 900 && size <= 1000 && text[size - 1] == '\n');
        assert_int_equal(fake.live.bytes, size);
        char last[16];
        (void)snprintf(last, sizeof last, i ? ":%llu}\n" : ",%llu\n",
                       (unsigned long long)fake.live.records_out - 1);
        assert_string_equal(text + size - strlen(last), last);
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

static void test_full_device(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    char saved[sizeof path];
    memcpy(saved, path, sizeof path);
    (void)snprintf(path, sizeof path, "/dev/full");
    assert_int_equal(open_sink(&hn_kind_sink_csv, "", FIELDS, false), HONE_OK);
    assert_int_equal(hn_fake_process(&fake, ROWS), HONE_STATUS_NO_SPACE);
    assert_non_null(
        strstr(hn_fake_message(&fake), "/dev/full: it: no space is left after 0 records"));
    assert_int_equal(fake.live.records_out, 0);
    assert_int_equal(hn_fake_deinit(&fake), 0);
    memcpy(path, saved, sizeof path);
}

/* --- pipes --- */

static int open_pipe_sink(const hn_stage_kind *kind) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char saved[sizeof path];
    memcpy(saved, path, sizeof path);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    assert_int_equal(open_sink(kind, "", "n:i64", false), HONE_OK);
    memcpy(path, saved, sizeof path);
    assert_int_equal(close(ends[1]), 0);
    return ends[0];
}

static hone_batch *numbers(int64_t first) {
    hone_batch *batch = hn_fake_batch(&fake, fake.stage.input_schema, "");
    for (uint32_t row = 0; row < HONE_BATCH_ROWS_MAX; row++) {
        (void)hone_batch_add_row(batch, 0);
        hone_batch_cells(batch, 0)[row].i64 = INT64_MAX - first - row;
    }
    return batch;
}

/* A full pipe stops the sink without blocking; nothing is lost or doubled. */
static void test_slow_reader(void **state) {
    (void)state;
    enum { BATCHES = 40 };
    int reader = open_pipe_sink(&hn_kind_sink_csv);
    static char got[BATCHES * HONE_BATCH_ROWS_MAX * 24], expected[sizeof got];
    size_t size = 0, expected_size = (size_t)snprintf(expected, sizeof expected, "n\n");
    uint32_t waits_count = 0;
    for (int b = 0; b <= BATCHES; b++) {
        hone_status status =
            b < BATCHES ? fake.stage.kind->process(&fake.stage, numbers(b * 1024), &fake.diag)
                        : hn_fake_finish(&fake);
        while (status == HONE_STATUS_WOULD_BLOCK) {
            waits_count++;
            assert_int_not_equal(fake.watched_fd, -1);
            ssize_t more = read(reader, got + size, 10000);
            assert_true(more > 0);
            size += (size_t)more;
            status = fake.stage.kind->resume(&fake.stage, &fake.diag);
        }
        assert_int_equal(status, HONE_OK);
    }
    assert_int_equal(fake.live.records_out, BATCHES * HONE_BATCH_ROWS_MAX);
    assert_true(waits_count > 10);
    for (int64_t i = 0; i < BATCHES * HONE_BATCH_ROWS_MAX; i++) {
        expected_size += (size_t)snprintf(expected + expected_size, sizeof expected - expected_size,
                                          "%lld\n", (long long)(INT64_MAX - i));
    }
    for (ssize_t more = 1; more > 0; size += (size_t)more) { /* the sink has closed its end */
        more = read(reader, got + size, sizeof got - size);
        assert_true(more >= 0);
    }
    assert_int_equal(size, expected_size);
    assert_memory_equal(got, expected, size);
    assert_int_equal(close(reader), 0);
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

static void test_reader_goes_away(void **state) {
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    int reader = open_pipe_sink(&hn_kind_sink_ndjson);
    assert_int_equal(hn_fake_process(&fake, "0|1\n0|2"), HONE_OK);
    assert_int_equal(close(reader), 0);
    assert_int_equal(hn_fake_process(&fake, "0|3"), HONE_STATUS_BROKEN_PIPE);
    assert_non_null(strstr(hn_fake_message(&fake), "it: the reader has gone away after 2 records"));
    assert_int_equal(fake.live.records_out, 2);
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

/* Longer than the buffer, every byte escaped. */
static void test_long_line(void **state) {
    (void)state;
    enum { SIZE = 150000 };
    static char row[SIZE + 3];
    memset(row, 1, sizeof row - 1);
    memcpy(row, "0|", 2);
    assert_int_equal(open_sink(&hn_kind_sink_ndjson, "", "s:text", false), HONE_OK);
    assert_int_equal(hn_fake_process(&fake, row), HONE_OK);
    assert_int_equal(strlen(content()), strlen("{\"s\":\"\"}\n") + (size_t)SIZE * 6);
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        hn_fake_init(&fake);
        const hone_schema *schema = hn_fake_schema(&fake, FIELDS, true);
        hone_batch *batch = hn_fake_batch(&fake, schema, ROWS);
        fake.failing.fail_at = hone_failing_read_stats(&fake.failing).calls_count + n;
        (void)snprintf(options, sizeof options, "path = '%s'", path);
        hone_status status = hn_fake_open(&fake, &hn_kind_sink_csv, options, schema);
        if (status == HONE_OK) {
            status = fake.stage.kind->process(&fake.stage, batch, &fake.diag);
        } else {
            hn_batch_release(&fake.stage, batch);
        }
        bool has_failed = hone_failing_has_failed(&fake.failing);
        assert_int_equal(status, has_failed ? HONE_STATUS_OUT_OF_MEMORY : HONE_OK);
        assert_int_equal(hn_fake_deinit(&fake), 0);
        if (!has_failed) {
            assert_true(n > 1);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_time_append_selection_check),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_full_device),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_reader_goes_away),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_each_allocation_fails),
    };
    if (!mkdtemp(folder)) {
        return 1;
    }
    (void)snprintf(path, sizeof path, "%s/out", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(folder);
    return failed;
}
