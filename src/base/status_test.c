/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: statuses keep their numbers and names; a diag says what is known of a place, and fits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "hone/base/log.h"
#include "hone/base/status.h"

static const hone_status all[] = {HONE_OK,
#define STATUS_VALUE(name, number, text) HONE_STATUS_##name,
                                  HONE_STATUS_LIST(STATUS_VALUE)
#undef STATUS_VALUE
};

static void statuses_are_distinct_and_named(void **state) {
    (void)state;
    enum { COUNT = sizeof all / sizeof *all };
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(strlen(hone_status_name(all[i])) > 0);
        assert_true(strlen(hone_status_text(all[i])) > 0);
        assert_string_not_equal(hone_status_name(all[i]), "UNKNOWN");
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i], all[j]);
            assert_string_not_equal(hone_status_name(all[i]), hone_status_name(all[j]));
        }
    }
    assert_string_equal(hone_status_name(HONE_STATUS_OUT_OF_MEMORY), "OUT_OF_MEMORY");
    assert_string_equal(hone_status_name((hone_status)99999), "UNKNOWN");
    assert_string_equal(hone_status_text((hone_status)99999), "unknown status");
    /* Part of the ABI. */
    assert_int_equal(HONE_OK, 0);
    assert_int_equal(HONE_STATUS_INVALID_ARGUMENT, 1);
    assert_int_equal(HONE_STATUS_IO, 100);
    assert_int_equal(HONE_STATUS_BAD_RECORD, 1002);
}

static void assert_formatted(const hone_diag *diag, const char *expected) {
    char text[1200];
    assert_int_equal(hone_diag_format(diag, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
}

static void diag_says_what_is_known(void **state) {
    (void)state;
    hone_diag diag;
    hone_diag_clear(&diag);
    assert_formatted(&diag, "ok");
    assert_int_equal(hone_diag_set(&diag, HONE_STATUS_SYNTAX, "expected %d, found %s", 1, "x"),
                     HONE_STATUS_SYNTAX);
    assert_int_equal(diag.status, HONE_STATUS_SYNTAX);
    assert_formatted(&diag, "expected 1, found x");
    hone_diag_about(&diag, "stage out");
    assert_formatted(&diag, "stage out: expected 1, found x");
    hone_diag_at(&diag, NULL, 3, 0);
    assert_formatted(&diag, "line 3: stage out: expected 1, found x");
    hone_diag_at(&diag, "n.toml", 3, 7);
    assert_formatted(&diag, "n.toml:3:7: stage out: expected 1, found x");
    hone_diag_at(&diag, NULL, 0, 0);
    assert_formatted(&diag, "n.toml: stage out: expected 1, found x");
    hone_diag_about(&diag, NULL);
    (void)hone_diag_set(&diag, HONE_STATUS_LIMIT, "%s", "");
    assert_formatted(&diag, "n.toml: stage out: a stated limit was reached");
}

static void controls_do_not_reach_the_terminal(void **state) {
    (void)state;
    hone_diag diag = {0};
    (void)hone_diag_set(&diag, HONE_STATUS_IO, "'%s'",
                        "\x1b[31mr\xc3\xa9\n\x7f\xc2\x9b"
                        "A");
    hone_diag_at(&diag, "a\tb", 0, 0);
    assert_formatted(&diag, "a?b: '?[31mr\xc3\xa9????A'");
}

static void diag_may_be_null(void **state) {
    (void)state;
    char text[8] = "kept";
    hone_diag_clear(NULL);
    hone_diag_at(NULL, "x", 1, 1);
    hone_diag_about(NULL, "x");
    assert_int_equal(hone_diag_set(NULL, HONE_STATUS_IO, "x"), HONE_STATUS_IO);
    assert_int_equal(hone_diag_format(NULL, text, sizeof text), 0);
    assert_string_equal(text, "kept");
    assert_int_equal(hone_diag_format(&(hone_diag){0}, text, 0), 0);
}

static void long_text_is_cut(void **state) {
    (void)state;
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    hone_diag diag = {0};
    hone_diag_at(&diag, long_text, 1, 1);
    hone_diag_about(&diag, long_text);
    (void)hone_diag_set(&diag, HONE_STATUS_IO, "%s", long_text);
    assert_int_equal(strlen(diag.file), sizeof diag.file - 1);
    assert_int_equal(strlen(diag.subject), sizeof diag.subject - 1);
    assert_int_equal(strlen(diag.message), sizeof diag.message - 1);
    for (size_t size = 1; size < 1000; size++) {
        char text[1001];
        memset(text, '#', sizeof text);
        size_t length = hone_diag_format(&diag, text, size);
        assert_true(length < size);
        assert_int_equal(strlen(text), length);
        assert_int_equal(text[size], '#');
    }
}

/* --- Log ------------------------------------------------------------------------------------ */

typedef struct sink {
    int lines_count;
    hone_log_level level;
    char text[1100];
    size_t size;
} sink;

static void write_line(void *self, hone_log_level level, hone_text message) {
    sink *to = self;
    to->lines_count++;
    to->level = level;
    to->size = message.size;
    memcpy(to->text, message.data, message.size);
}

static void log_reaches_its_sink(void **state) {
    (void)state;
    sink to = {0};
    hone_log log = {write_line, &to, HONE_LOG_WARNING};
    hone_log_write(&log, HONE_LOG_INFO, "too low");
    hone_log_write(NULL, HONE_LOG_ERROR, "nowhere");
    hone_log_write(&(hone_log){0}, HONE_LOG_ERROR, "nowhere");
    assert_int_equal(to.lines_count, 0);
    hone_log_write(&log, HONE_LOG_ERROR, "%d %s", 7, "things");
    assert_int_equal(to.lines_count, 1);
    assert_int_equal(to.level, HONE_LOG_ERROR);
    assert_true(hone_text_is((hone_text){to.text, to.size}, "7 things"));
    hone_log_write(&log, HONE_LOG_WARNING, "%2000d", 1);
    assert_int_equal(to.size, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_are_distinct_and_named),
        cmocka_unit_test(diag_says_what_is_known),
        cmocka_unit_test(diag_may_be_null),
        cmocka_unit_test(controls_do_not_reach_the_terminal),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(log_reaches_its_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
