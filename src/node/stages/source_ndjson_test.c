/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stages/kinds_internal.h"
#include "stages/stage_fake_test.h"

static char folder[] = "/tmp/hone-source-ndjson-XXXXXX";
static char path[128];
static char options[1024];
static hn_fake fake;

static void write_file(const char *content, size_t size) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static hone_status open_source(const char *toml) {
    (void)snprintf(options, sizeof options, "path = '%s'\n%s", path, toml);
    hn_fake_init(&fake);
    return hn_fake_open(&fake, &hn_kind_source_ndjson, options, NULL);
}

static const struct {
    const char *toml;
    const char *content;
    const char *schema;
    bool is_timed;
    const char *expected;
} examples[] = {
    {"", "{\"a\":1,\"b\":2.5,\"c\":true,\"d\":\"x\"}\n{\"b\":3,\"a\":-2}\n",
     "a:i64 b:f64 c:bool d:text", false, "0|1|2.5|true|x\n1|-2|3|-|-\n"},
    {"", "{\"a\":{\"b\":1,\"c\":{\"d\":\"y\"}},\"e\":[1, {\"z\": 2}]}", "a.b:i64 a.c.d:text e:text",
     false, "0|1|y|[1, {\"z\": 2}]\n"},
    {"", "\n  \n{\"a\":null}\r\n{\"a\":1.5}\n", "a:f64", false, "0|-\n1|1.5\n"},
    {"", "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":true}", "a:text", false, "0|1\n1|x\n2|true\n"},
    {"", "{\"a\\u00e9\":\"\\ud83d\\ude00 \\\"q\\\"\",\"b\":{\"c\\n\":1}}",
     "a\xC3\xA9:text b.c\n:i64", false, "0|\xF0\x9F\x98\x80 \"q\"|1\n"},
    {"fields = { b = 'f64', o = 'text' }", "{\"a\":1,\"b\":2,\"o\":{\"k\": [1]}}\n{}\n",
     "b:f64 o:text", false, "0|2|{\"k\": [1]}\n1|-|-\n"},
    {"time = 't'", "{\"t\":\"1970-01-01T00:00:02.5Z\",\"a\":1}\n{\"a\":2,\"t\":3.25}",
     "t:text a:i64", true, "2500000000|1970-01-01T00:00:02.5Z|1\n3250000000|3.25|2\n"},
    {"time = 't'\nfields = { a = 'i64' }", "{\"t\":7,\"a\":1}\n{\"a\":2,\"t\":8}", "a:i64", true,
     "7000000000|1\n8000000000|2\n"},
    {"", "\xEF\xBB\xBF{\"a\":1}\n", "a:i64", false, "0|1\n"},
    {"", "{\"a\":1,\"a\":2}\n", "a:i64", false, "0|2\n"},
    {"on_error = 'skip'", "{\"a\":1}\nnot json\n{\"a\":2.5}\n{\"a\":\n[3]\n{\"a\":4}", "a:f64",
     false, "0|1\n1|2.5\n2|4\n"},
};

static void test_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        print_message("%s\n", examples[i].content);
        write_file(examples[i].content, strlen(examples[i].content));
        if (open_source(examples[i].toml) != HONE_OK) {
            fail_msg("%s", hn_fake_message(&fake));
        }
        const hone_schema *expected =
            hn_fake_schema(&fake, examples[i].schema, examples[i].is_timed);
        assert_int_equal(fake.stage.schema->fields_count, expected->fields_count);
        for (uint32_t f = 0; f < expected->fields_count; f++) {
            assert_string_equal(fake.stage.schema->fields[f].name.data,
                                expected->fields[f].name.data);
            assert_int_equal(fake.stage.schema->fields[f].type, expected->fields[f].type);
        }
        assert_int_equal(hn_fake_produce(&fake, 100), HONE_STATUS_CLOSED);
        assert_string_equal(hn_fake_sent_text(&fake), examples[i].expected);
        assert_int_equal(fake.live.bytes + (examples[i].content[0] == '\xEF' ? 3 : 0),
                         strlen(examples[i].content));
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

/* Before the first row that is bad, everything has gone on its way. */
static const struct {
    const char *toml;
    const char *content;
    hone_status status;
    const char *message; /* behind the path */
    const char *sent;
} bad_lines[] = {
    {"", "{\"a\":1}\n\n{\"a\":2}\n{\"a\":x}\n", HONE_STATUS_BAD_RECORD, ":4:6: it: ", "0|1\n1|2\n"},
    {"", "{\"a\":1}\n[1]\n", HONE_STATUS_BAD_RECORD, ":2: it: a line must hold a JSON object",
     "0|1\n"},
    {"", "{\"a\":1}\n{\"a\":1} {}\n", HONE_STATUS_BAD_RECORD, ":2:9: it: ", "0|1\n"},
    {"", "{\"a\":1}\n{\"a\":", HONE_STATUS_BAD_RECORD, ":2:6: it: ", "0|1\n"},
    {"fields = { a = 'i64' }", "{\"a\":1}\n{\"a\":1.5}\n", HONE_STATUS_BAD_RECORD,
     ":2: it: field 'a': 1.5 is no i64", "0|1\n"},
    {"fields = { a = 'f64' }", "{\"a\":\"1\"}\n", HONE_STATUS_BAD_RECORD,
     ":1: it: field 'a': 1 is no f64", ""},
    {"fields = { a = 'bool' }", "{\"a\":[1]}\n", HONE_STATUS_BAD_RECORD,
     ":1: it: field 'a': [1] is no bool", ""},
    {"fields = { a = 'i64' }", "{\"a\":{\"b\":1}}\n", HONE_STATUS_BAD_RECORD,
     ":1: it: field 'a': {\"b\":1} is no i64", ""},
    {"time = 'a'", "{\"a\":1}\n{\"a\":\"noon\"}\n", HONE_STATUS_BAD_RECORD,
     ":2: it: field 'a': noon is no time", "1000000000|1\n"},
    {"time = 'a'", "{\"a\":1}\n{\"b\":1}\n", HONE_STATUS_BAD_RECORD,
     ":2: it: the record has no time: its key 'a'", "1000000000|1|-\n"},
    {"max_line = 20", "{\"a\":1}\n{\"a\":1,                   \"b\":2}\n", HONE_STATUS_LIMIT,
     ":2: it: the line is longer than the limit of 20 bytes; raise 'max_line'", "0|1|-\n"},
    {"", "{\"a\":\"\xFF\"}\n{\"a\":1}", HONE_STATUS_BAD_RECORD, ":1:7: it: ", ""},
};

static void test_bad_lines(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_lines / sizeof bad_lines[0]; i++) {
        char expected[300];
        print_message("%s\n", bad_lines[i].content);
        write_file(bad_lines[i].content, strlen(bad_lines[i].content));
        assert_int_equal(open_source(bad_lines[i].toml), HONE_OK);
        assert_int_equal(hn_fake_produce(&fake, 100), bad_lines[i].status);
        (void)snprintf(expected, sizeof expected, "%s%s", path, bad_lines[i].message);
        if (strncmp(hn_fake_message(&fake), expected, strlen(expected)) != 0) {
            assert_string_equal(hn_fake_message(&fake), expected);
        }
        assert_string_equal(hn_fake_sent_text(&fake), bad_lines[i].sent);
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

static const struct {
    const char *toml;
    const char *content; /* NULL: there is no file */
    hone_status status;
    const char *message;
} mistakes[] = {
    {"", NULL, HONE_STATUS_NOT_FOUND, "node.toml:1:1: it: cannot read '"},
    {"", "", HONE_STATUS_TRUNCATED, ":1: it: there is no JSON object in the first lines"},
    {"", "a,b\n1,2\n", HONE_STATUS_TRUNCATED, "there is no JSON object"},
    {"fields = 'a'", "{}", HONE_STATUS_TYPE_MISMATCH,
     "node.toml:2:1: it: 'fields' must be a table"},
    {"fields = { a = 'int' }", "{}", HONE_STATUS_TYPE_MISMATCH,
     "node.toml:2:16: it: the type of 'a' must be one of"},
    {"time = 'tme'", "{\"time\":1}", HONE_STATUS_NOT_FOUND,
     "node.toml:2:1: it: there is no field 'tme'; did you mean 'time'?"},
    {"on_error = 'ignore'", "{}", HONE_STATUS_INVALID_ARGUMENT, "one of \"stop\", \"skip\""},
    {"max_line = 0", "{}", HONE_STATUS_INVALID_ARGUMENT, "'max_line' must be from 1 byte"},
};

static void test_mistakes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        (void)unlink(path);
        if (mistakes[i].content) {
            write_file(mistakes[i].content, strlen(mistakes[i].content));
        }
        hone_status status = open_source(mistakes[i].toml);
        if (!strstr(hn_fake_message(&fake), mistakes[i].message)) {
            assert_string_equal(hn_fake_message(&fake), mistakes[i].message);
        }
        assert_int_equal(status, mistakes[i].status);
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

/* Skipped lines are counted, and told once; so are keys that are no fields. */
static void test_skip_is_told_once(void **state) {
    (void)state;
    static const char content[] =
        "{\"a\":1,\"z\":0}\n{\"a\":x}\n{\"a\":2,\"y\":{\"q\":1}}\n{\"a\"}\n{\"a\":3}\n";
    write_file(content, sizeof content - 1);
    assert_int_equal(open_source("on_error = 'skip'\nfields = { a = 'i64' }"), HONE_OK);
    assert_int_equal(hn_fake_produce(&fake, 100), HONE_STATUS_CLOSED);
    assert_string_equal(hn_fake_sent_text(&fake), "0|1\n1|2\n2|3\n");
    assert_int_equal(fake.live.records_skipped, 2);
    hone_buffer_append_byte(&fake.logged, '\0');
    const char *log = (const char *)fake.logged.data;
    assert_non_null(
        strstr(log, ":1: it: 'z' is not among the fields; it and others like it are ignored\n"));
    assert_non_null(strstr(log, ":2:6: it: "));
    assert_null(strstr(log, "'y.q'"));
    assert_null(strstr(log, ":4:"));
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

/* A line of a hundred megabytes between others does not need a hundred megabytes. */
static void test_huge_line_is_skipped(void **state) {
    (void)state;
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("{\"a\":1}\n{\"a\":\"", file);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fwrite(block, 1, sizeof block, file), sizeof block);
    }
    (void)fputs("\"}\n{\"a\":2}\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_source("on_error = 'skip'\nfields = { a = 'i64' }\nmax_line = '64KiB'"),
                     HONE_OK);
    assert_int_equal(hn_fake_produce(&fake, 10000), HONE_STATUS_CLOSED);
    assert_string_equal(hn_fake_sent_text(&fake), "0|1\n1|2\n");
    assert_int_equal(fake.live.records_skipped, 1);
    assert_int_equal(hn_fake_deinit(&fake), 0);
    assert_int_equal(open_source("fields = { a = 'i64' }"), HONE_OK);
    assert_int_equal(hn_fake_produce(&fake, 10000), HONE_STATUS_LIMIT);
    assert_string_equal(hn_fake_sent_text(&fake), "0|1\n");
    assert_non_null(
        strstr(hn_fake_message(&fake), ":2: it: the line is longer than the limit of 1048576"));
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

/* Texts larger than a batch, and lines that lie across the window's end. */
static void test_long_texts_and_many_lines(void **state) {
    (void)state;
    enum { LINES = 3000, LONG = 300000 };
    static char expected[LONG + 1];
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < LINES; i++) {
        (void)fprintf(file, "{\"n\":%d,\"s\":\"%0*d\"}\n", i, i == 1234 ? LONG : i % 500, i);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_source(""), HONE_OK);
    assert_int_equal(hn_fake_produce(&fake, 100000), HONE_STATUS_CLOSED);
    int64_t seen = 0;
    for (uint32_t b = 0; b < fake.sent_count; b++) {
        hone_batch *batch = fake.sent[b];
        for (uint32_t row = 0; row < batch->rows_count; row++, seen++) {
            assert_int_equal(hone_batch_cells(batch, 0)[row].i64, seen);
            hone_text text = hone_batch_text(batch, hone_batch_cells(batch, 1)[row].text);
            int length = snprintf(expected, sizeof expected, "%0*d",
                                  seen == 1234 ? LONG : (int)seen % 500, (int)seen);
            assert_int_equal(text.size, length);
            assert_memory_equal(text.data, expected, text.size);
        }
    }
    assert_int_equal(seen, LINES);
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

static void test_pipe_is_waited_for_without_blocking(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char saved[sizeof path];
    memcpy(saved, path, sizeof path);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(write(ends[1], "{\"a\":1}\n{\"a\"", 12), 12);
    assert_int_equal(open_source(""), HONE_OK);
    memcpy(path, saved, sizeof path);
    assert_int_equal(hn_fake_produce(&fake, 10), HONE_STATUS_WOULD_BLOCK);
    assert_string_equal(hn_fake_sent_text(&fake), "0|1\n");
    assert_int_not_equal(fake.watched_fd, -1);
    assert_int_equal(write(ends[1], ":2}\n", 4), 4);
    assert_int_equal(hn_fake_produce(&fake, 10), HONE_STATUS_WOULD_BLOCK);
    assert_string_equal(hn_fake_sent_text(&fake), "0|1\n1|2\n");
    assert_int_equal(write(ends[1], "{\"a\":3}", 7), 7);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(hn_fake_produce(&fake, 10), HONE_STATUS_CLOSED);
    assert_string_equal(hn_fake_sent_text(&fake), "0|1\n1|2\n2|3\n");
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    static const char content[] = "{\"a\":1,\"b\":\"some text\"}\n{\"a\":2}\n";
    write_file(content, sizeof content - 1);
    (void)snprintf(options, sizeof options, "path = '%s'", path);
    for (uint64_t n = 1;; n++) {
        hn_fake_init(&fake);
        fake.failing.fail_at = n;
        hone_status status = hn_fake_open(&fake, &hn_kind_source_ndjson, options, NULL);
        if (status == HONE_OK) {
            status = hn_fake_produce(&fake, 100);
        }
        bool has_failed = hone_failing_has_failed(&fake.failing);
        assert_int_equal(status, has_failed ? HONE_STATUS_OUT_OF_MEMORY : HONE_STATUS_CLOSED);
        assert_true(!has_failed || strstr(hn_fake_message(&fake), "no memory") != NULL);
        assert_int_equal(hn_fake_deinit(&fake), 0);
        if (!has_failed) {
            assert_true(n > 4);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_skip_is_told_once),
        cmocka_unit_test(test_huge_line_is_skipped),
        cmocka_unit_test(test_long_texts_and_many_lines),
        cmocka_unit_test(test_pipe_is_waited_for_without_blocking),
        cmocka_unit_test(test_each_allocation_fails),
    };
    if (!mkdtemp(folder)) {
        return 1;
    }
    (void)snprintf(path, sizeof path, "%s/in", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(folder);
    return failed;
}
