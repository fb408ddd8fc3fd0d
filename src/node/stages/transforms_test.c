/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds filter and map. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "stages/kinds_internal.h"
#include "stages/stage_fake_test.h"

#define FIELDS "load:f64 n:i64 host:text up:bool"
#define ROWS "10|0.5|1|alpha|true\n20|0.95|2|beta|false\n30|-|3|-|true\n40|0.99|-|alpha|-"

static const struct {
    const hn_stage_kind *kind;
    const char *toml;
    const char *schema; /* what the output's fields are */
    const char *expected;
} examples[] = {
    {&hn_kind_filter, "where = 'load > 0.9'", FIELDS, "20|0.95|2|beta|false\n40|0.99|-|alpha|-\n"},
    {&hn_kind_filter, "where = \"host == 'alpha' and up\"", FIELDS, "10|0.5|1|alpha|true\n"},
    {&hn_kind_filter, "where = 'load > 2'", FIELDS, ""},
    {&hn_kind_map, "set = { pct = 'load * 100' }", FIELDS " pct:f64",
     "10|0.5|1|alpha|true|50\n20|0.95|2|beta|false|95\n30|-|3|-|true|-\n40|0.99|-|alpha|-|99\n"},
    {&hn_kind_map, "set = { n = 'load * 2', m = 'n + 1' }\nkeep = ['up', 'n']",
     "up:bool n:f64 m:i64", "10|true|1|2\n20|false|1.9|3\n30|true|-|4\n40|-|1.98|-\n"},
    {&hn_kind_map, "set = { big = 'upper(host)', is = 'n > 1' }\nkeep = false", "big:text is:bool",
     "10|ALPHA|false\n20|BETA|true\n30|-|true\n40|ALPHA|-\n"},
    {&hn_kind_map, "keep = ['host', 'load']", "host:text load:f64",
     "10|alpha|0.5\n20|beta|0.95\n30|-|-\n40|alpha|0.99\n"},
    {&hn_kind_map, "set = { host = 'upper(host)' }", FIELDS,
     "10|0.5|1|ALPHA|true\n20|0.95|2|BETA|false\n30|-|3|-|true\n40|0.99|-|ALPHA|-\n"},
};

static void test_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        static hn_fake fake;
        hn_fake_init(&fake);
        print_message("%s\n", examples[i].toml);
        hone_status status = hn_fake_open(&fake, examples[i].kind, examples[i].toml,
                                          hn_fake_schema(&fake, FIELDS, true));
        if (status != HONE_OK) {
            fail_msg("%s", hn_fake_message(&fake));
        }
        assert_true(hone_schema_is_equal(fake.stage.schema,
                                         hn_fake_schema(&fake, examples[i].schema, true)));
        assert_int_equal(hn_fake_process(&fake, ROWS), HONE_OK);
        assert_string_equal(hn_fake_sent_text(&fake), examples[i].expected);
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

static const struct {
    const hn_stage_kind *kind;
    const char *toml;
    hone_status status;
    const char *message;
} mistakes[] = {
    {&hn_kind_filter, "x = 1", HONE_STATUS_NOT_FOUND, "'where' is missing"},
    {&hn_kind_filter, "where = 3", HONE_STATUS_TYPE_MISMATCH,
     "node.toml:1:9: it: an expression must be a text in quotes, but this is an integer"},
    {&hn_kind_filter, "\nwhere = 'laod > 1'", HONE_STATUS_NOT_FOUND, "node.toml:2:9: it: "},
    {&hn_kind_filter, "\nwhere = 'laod > 1'", HONE_STATUS_NOT_FOUND, "(column 1 of \"laod > 1\")"},
    {&hn_kind_filter, "where = 'load >'", HONE_STATUS_SYNTAX, "of \"load >\")"},
    {&hn_kind_filter, "where = 'load + 1'", HONE_STATUS_TYPE_MISMATCH,
     "'where' must be true or false, but this expression is f64: \"load + 1\""},
    {&hn_kind_map, "x = 1", HONE_STATUS_TYPE_MISMATCH, "a map needs 'set'"},
    {&hn_kind_map, "set = 'load'", HONE_STATUS_TYPE_MISMATCH, "node.toml:1:1: it: a map needs"},
    {&hn_kind_map, "set = {}\nkeep = false", HONE_STATUS_INVALID_ARGUMENT, "no field is left"},
    {&hn_kind_map, "keep = ['load', 'hots']", HONE_STATUS_NOT_FOUND,
     "node.toml:1:17: it: there is no field 'hots'; did you mean 'host'?"},
    {&hn_kind_map, "keep = ['load', 3]", HONE_STATUS_TYPE_MISMATCH, "'keep' lists names"},
    {&hn_kind_map, "keep = ['load', 'load']", HONE_STATUS_DUPLICATE, "'load'"},
    {&hn_kind_map, "set = { a = '1' }\nkeep = 'load'", HONE_STATUS_TYPE_MISMATCH,
     "'keep' must be true, false or a list"},
    {&hn_kind_map, "[set]\na = 'load'\nb = 'host + 1'", HONE_STATUS_TYPE_MISMATCH,
     "node.toml:3:5: it: "},
    {&hn_kind_map, "set = { a = 1 }", HONE_STATUS_TYPE_MISMATCH, "must be a text in quotes"},
};

static void test_mistakes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        static hn_fake fake;
        hn_fake_init(&fake);
        print_message("%s\n", mistakes[i].toml);
        hone_status status = hn_fake_open(&fake, mistakes[i].kind, mistakes[i].toml,
                                          hn_fake_schema(&fake, FIELDS, true));
        if (!strstr(hn_fake_message(&fake), mistakes[i].message)) {
            assert_string_equal(hn_fake_message(&fake), mistakes[i].message);
        }
        assert_int_equal(status, mistakes[i].status);
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

/* A batch that others hold, too, is not changed by a filter. */
static void test_filter_leaves_shared_batches_alone(void **state) {
    (void)state;
    static hn_fake fake;
    hn_fake_init(&fake);
    const hone_schema *schema = hn_fake_schema(&fake, FIELDS, true);
    assert_int_equal(hn_fake_open(&fake, &hn_kind_filter, "where = 'load > 0.9'", schema), HONE_OK);
    hone_batch *batch = hn_fake_batch(&fake, schema, ROWS);
    atomic_fetch_add(&batch->references, 1);
    assert_int_equal(fake.stage.kind->process(&fake.stage, batch, &fake.diag), HONE_OK);
    assert_int_equal(batch->selected_count, 4);
    assert_int_equal(fake.sent[0]->selected_count, 2);
    assert_true(fake.sent[0] != batch);
    hn_batch_release(&fake.stage, batch);
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

/* Behind a filter, a map sees only the rows that are in. */
static void test_map_takes_selected_rows(void **state) {
    (void)state;
    static hn_fake fake;
    hn_fake_init(&fake);
    const hone_schema *schema = hn_fake_schema(&fake, FIELDS, true);
    assert_int_equal(
        hn_fake_open(&fake, &hn_kind_map, "set = { h = 'upper(host)', t = 'n * 3' }", schema),
        HONE_OK);
    hone_batch *batch = hn_fake_batch(&fake, schema, ROWS);
    memcpy(hone_batch_selection(batch), (uint16_t[]){1, 3}, 4);
    batch->selected_count = 2;
    assert_int_equal(fake.stage.kind->process(&fake.stage, batch, &fake.diag), HONE_OK);
    assert_string_equal(hn_fake_sent_text(&fake),
                        "20|0.95|2|beta|false|BETA|6\n40|0.99|-|alpha|-|ALPHA|-\n");
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

/* More new text than the first scratch can make. */
static void test_long_texts_get_more_room(void **state) {
    (void)state;
    static const hn_stage_kind *const kinds[] = {&hn_kind_map, &hn_kind_filter};
    static const char *const options[] = {"set = { h = 'upper(s)' }", "where = \"upper(s) > 'A'\""};
    static char row[3000002];
    memset(row, 'a', sizeof row - 1);
    memcpy(row, "1|", 2);
    for (int i = 0; i < 2; i++) {
        static hn_fake fake;
        hn_fake_init(&fake);
        assert_int_equal(
            hn_fake_open(&fake, kinds[i], options[i], hn_fake_schema(&fake, "s:text", false)),
            HONE_OK);
        assert_int_equal(hn_fake_process(&fake, row), HONE_OK);
        assert_int_equal(strlen(hn_fake_sent_text(&fake)), 3 + (size_t)(2 - i) * 2999999 + 1 - i);
        assert_int_equal(hn_fake_deinit(&fake), 0);
    }
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        static hn_fake fake;
        hn_fake_init(&fake);
        const hone_schema *schema = hn_fake_schema(&fake, FIELDS, true);
        hone_batch *batch = hn_fake_batch(&fake, schema, ROWS);
        fake.failing.fail_at = hone_failing_read_stats(&fake.failing).calls_count + n;
        hone_status status =
            hn_fake_open(&fake, &hn_kind_map, "set = { h = 'upper(host)', t = 'n * 3' }", schema);
        if (status == HONE_OK) {
            status = fake.stage.kind->process(&fake.stage, batch, &fake.diag);
        } else {
            hn_batch_release(&fake.stage, batch);
        }
        bool has_failed = hone_failing_has_failed(&fake.failing);
        assert_int_equal(status, has_failed ? HONE_STATUS_OUT_OF_MEMORY : HONE_OK);
        assert_int_equal(hn_fake_deinit(&fake), 0);
        if (!has_failed) {
            assert_true(n > 3);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_filter_leaves_shared_batches_alone),
        cmocka_unit_test(test_map_takes_selected_rows),
        cmocka_unit_test(test_long_texts_get_more_room),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
