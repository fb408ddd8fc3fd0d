/* SPDX-License-Identifier: Apache-2.0 */
/* Known points in time, texts that are none, and format -> parse for random times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "hone/base/timestamp.h"

static void known_times(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29 12:00:00.25", 951825600250000000},
        {"2026-11-20T23:11:53.5+01:00", 1795212713500000000},
        {"1969-12-31T23:59:59.999999999Z", -1},
        {"2026-11-20T23:11", 1795216260000000000},
        {"1795216260.000000001", 1795216260000000001},
        {"-1.5", -1500000000},
        {"0", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns = 42;
        assert_int_equal(hone_timestamp_parse(hone_text_of(cases[i].text), &ns), HONE_OK);
        assert_int_equal(ns, cases[i].ns);
    }
}

static void not_times(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        "-",
                                        "x",
                                        "2026-13-01T00:00:00Z",
                                        "2026-02-29T00:00:00Z",
                                        "2026-01-01",
                                        "2026-01-01T24:00:00Z",
                                        "1.",
                                        "1e3",
                                        "2026-01-01T00:00:00+1:00",
                                        "2026-01-01T00:00:00Zx",
                                        "2026-01-01T00:00:00.Z",
                                        "2026-01-01T00:61:00Z",
                                        " 1"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns;
        assert_int_equal(hone_timestamp_parse(hone_text_of(cases[i]), &ns), HONE_STATUS_SYNTAX);
    }
    int64_t ns;
    assert_int_equal(hone_timestamp_parse(HONE_TEXT("9999-01-01T00:00:00Z"), &ns),
                     HONE_STATUS_OVERFLOW);
    assert_int_equal(hone_timestamp_parse(HONE_TEXT("99999999999"), &ns), HONE_STATUS_OVERFLOW);
}

static void round_trips_and_agrees_with_gmtime(void **state) {
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int64_t ns = (int64_t)random, back = 0;
        if (i % 2) {
            ns = ns / 1000000000 * 1000000000;
        }
        char text[HONE_TIMESTAMP_TEXT_MAX], date[32];
        size_t length = hone_timestamp_format(ns, text);
        assert_int_equal(hone_timestamp_parse((hone_text){text, length}, &back), HONE_OK);
        assert_int_equal(back, ns);
        time_t seconds = (time_t)(ns / 1000000000 - (ns % 1000000000 < 0));
        struct tm parts;
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &parts));
        assert_memory_equal(text, date, 19);
        length = hone_timestamp_format_seconds(ns, text);
        assert_int_equal(hone_timestamp_parse((hone_text){text, length}, &back), HONE_OK);
        assert_int_equal(back, ns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times),
        cmocka_unit_test(not_times),
        cmocka_unit_test(round_trips_and_agrees_with_gmtime),
    };
    return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
