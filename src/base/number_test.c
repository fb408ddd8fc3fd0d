/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every parsed number is the nearest one, every formatted number is the shortest that reads
 * back. Method: tables of the nasty cases, then seeded random cases against libc (strtod and
 * printf, whose glibc versions are exact).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "hone/base/number.h"

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void integers_are_parsed(void **state) {
    (void)state;
    static const struct {
        const char *text;
        hone_status status;
        int64_t value;
    } cases[] = {
        {"0", HONE_OK, 0},
        {"-0", HONE_OK, 0},
        {"+7", HONE_OK, 7},
        {"007", HONE_OK, 7},
        {"9223372036854775807", HONE_OK, INT64_MAX},
        {"-9223372036854775808", HONE_OK, INT64_MIN},
        {"000000000000000000000000000000001", HONE_OK, 1},
        {"9223372036854775808", HONE_STATUS_OVERFLOW, 0},
        {"-9223372036854775809", HONE_STATUS_OVERFLOW, 0},
        {"18446744073709551616", HONE_STATUS_OVERFLOW, 0},
        {"99999999999999999999999", HONE_STATUS_OVERFLOW, 0},
        {"99999999999999999999999x", HONE_STATUS_SYNTAX, 0},
        {"", HONE_STATUS_SYNTAX, 0},
        {"-", HONE_STATUS_SYNTAX, 0},
        {"+-1", HONE_STATUS_SYNTAX, 0},
        {" 1", HONE_STATUS_SYNTAX, 0},
        {"1 ", HONE_STATUS_SYNTAX, 0},
        {"1.0", HONE_STATUS_SYNTAX, 0},
        {"0x1", HONE_STATUS_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 42;
        assert_int_equal(hone_number_parse_i64(hone_text_of(cases[i].text), &value),
                         cases[i].status);
        assert_int_equal(value, cases[i].status == HONE_OK ? cases[i].value : 42);
    }
    assert_int_equal(hone_number_parse_i64(HONE_TEXT("1"), NULL), HONE_STATUS_INVALID_ARGUMENT);
}

static void integers_make_the_round_trip(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        int64_t value = (int64_t)(next_random(&seed) >> (i % 64));
        value = i & 1 ? -value : value;
        char text[HONE_NUMBER_TEXT_MAX], expected[HONE_NUMBER_TEXT_MAX];
        size_t size = hone_number_format_i64(value, text);
        int expected_size = snprintf(expected, sizeof expected, "%lld", (long long)value);
        assert_int_equal(size, expected_size);
        assert_memory_equal(text, expected, size);
        int64_t again;
        assert_int_equal(hone_number_parse_i64((hone_text){text, size}, &again), HONE_OK);
        assert_int_equal(again, value);
    }
}

static void doubles_have_the_stated_look(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {5.0, "5"},
        {-0.0, "-0"},
        {0.0, "0"},
        {0.1, "0.1"},
        {-1.5, "-1.5"},
        {100.0, "100"},
        {123456789.125, "123456789.125"},
        {0.0001, "0.0001"},
        {0.00012, "0.00012"},
        {0.00001, "1e-05"},
        {0.000015, "1.5e-05"},
        {1e20, "100000000000000000000"},
        {123456789012345678901.0, "123456789012345680000"},
        {1e21, "1e+21"},
        {1.5e21, "1.5e+21"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {9007199254740991.0, "9007199254740991"},
        {9007199254740992.0, "9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {9.5367431640625e-7, "9.5367431640625e-07"},
        {2e-7, "2e-07"},
        {NAN, "NaN"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[HONE_NUMBER_TEXT_MAX + 1];
        text[hone_number_format_f64(cases[i].value, text)] = '\0';
        assert_string_equal(text, cases[i].text);
        double again;
        assert_int_equal(hone_number_parse_f64(hone_text_of(text), &again), HONE_OK);
        assert_true(isnan(cases[i].value) ? isnan(again)
                                          : bits_of(again) == bits_of(cases[i].value));
    }
}

static void bad_doubles_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",      "+",    "-",     ".",     "e5",   "1e",    "1e+",
                                      "1e5.0", "1..2", "1.2.",  " 1",    "1 ",   "0x10",  "1_0",
                                      "--1",   "+-1",  "1,5",   "1f",    "na",   "nan()", "infi",
                                      "infx",  "in",   "1e5e5", "12a.5", "1.5-", "1e-",   "+e1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 42;
        assert_int_equal(hone_number_parse_f64(hone_text_of(bad[i]), &value), HONE_STATUS_SYNTAX);
        assert_true(value == 42);
    }
    static const char *const large[] = {
        "1e309", "-1e309", "1.7976931348623159e308", "1e99999999999999999999999",
        "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490"
        "1797758720709633028641669288791094655554785194040263065748867150582068190890200070838367"
        "6273854845817711531764475730270069855571366959622842914819860834936475292719074168444365"
        "510704342711559699508093042880177904174497792"};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        double value = 42;
        assert_int_equal(hone_number_parse_f64(hone_text_of(large[i]), &value),
                         HONE_STATUS_OVERFLOW);
        assert_true(value == 42);
    }
    assert_int_equal(hone_number_parse_f64(HONE_TEXT("1"), NULL), HONE_STATUS_INVALID_ARGUMENT);
}

static void assert_parsed_like_libc(const char *text) {
    double expected = strtod(text, NULL), value = 42;
    hone_status status = hone_number_parse_f64(hone_text_of(text), &value);
    if (isinf(expected)) {
        assert_int_equal(status, HONE_STATUS_OVERFLOW);
        return;
    }
    if (status != HONE_OK || bits_of(value) != bits_of(expected)) {
        fail_msg("%s: %s, %.17g instead of %.17g", text, hone_status_name(status), value, expected);
    }
}

static void nasty_doubles_are_parsed_exactly(void **state) {
    (void)state;
    static const char *const cases[] = {
        "0",
        "-0",
        "+0.0",
        ".5",
        "5.",
        "0.000",
        "0e999999999999999999999",
        "1e-99999999999999999999",
        "0.0000000000000000000000000000000000000000000000000000000000000000000000000001e76",
        "2.2250738585072012e-308",
        "2.2250738585072011e-308",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "4.9406564584124654e-324",
        "7.4109846876186981e-324",
        "9007199254740993",
        "9007199254740993.00000000000000000000000000000000000000000001",
        "9007199254740992.99999999999999999999999999999999999999999999",
        "9007199254740995",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "8.5e22",
        "1e23",
        "8.41e21",
        "6.3e-322",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e19",
        "12345678",
        "123456789012345678901234567890",
        "0.123456789012345678901234567890e-290",
        "7.2057594037927933e16",
        "1448997445238699",
        "3.5844466002796428e298",
        "1e-322"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_parsed_like_libc(cases[i]);
    }
}

static void random_texts_are_parsed_like_libc(void **state) {
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 300000; i++) {
        char text[96];
        size_t size = 0;
        uint64_t random = next_random(&seed);
        int digits_count = 1 + (int)(random % 40), point = (int)(random >> 8 & 63);
        for (int d = 0; d < digits_count; d++) {
            if (d == point) {
                text[size++] = '.';
            }
            text[size++] = (char)('0' + next_random(&seed) % 10);
        }
        int exponent = (int)(random >> 16 & 1023) - 512;
        text[size] = '\0';
        if (i % 3) {
            (void)snprintf(text + size, sizeof text - size, "e%d",
                           exponent % (i % 3 == 1 ? 24 : 400));
        }
        assert_parsed_like_libc(text);
    }
}

/* All digits of a midpoint between two doubles, a little less, and a little more. */
static void midpoints_are_parsed_like_libc(void **state) {
    (void)state;
    uint64_t seed = 3;
    if (LDBL_MANT_DIG == DBL_MANT_DIG) {
        skip();
    }
    for (int i = 0; i < 4000; i++) {
        static char text[1600];
        uint64_t random = next_random(&seed) >> 1;
        uint64_t bits = i % 4 == 0 ? random >> 11 : random % (UINT64_C(2046) << 52);
        /* Exact where long double has more bits than double; elsewhere there is nothing to test. */
        uint64_t mantissa =
            bits >> 52 ? (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52 : bits;
        int exponent = (int)(bits >> 52 ? bits >> 52 : 1) - 1075 - 1;
        long double middle = ldexpl((long double)(2 * mantissa + 1), exponent);
        (void)snprintf(text, sizeof text - 2, "%.1100Le", middle);
        char *mark = strchr(text, 'e');
        assert_parsed_like_libc(text);
        mark[-1] = '1';
        assert_parsed_like_libc(text);
        mark[-1] = '0';
        (void)snprintf(text, sizeof text - 2, "%.18Le", middle);
        assert_parsed_like_libc(text);
        (void)snprintf(text, sizeof text - 2, "%.24Le", middle);
        assert_parsed_like_libc(text);
    }
}

/* No text with one digit less reads back the same. */
static void assert_is_shortest(double value, const char *text) {
    int digits = 0;
    for (const char *c = text; *c && *c != 'e'; c++) {
        digits += *c >= '0' && *c <= '9' && (digits || *c != '0');
    }
    const char *end = text + strcspn(text, "e");
    for (const char *c = end; !strchr(text, '.') && c > text && c[-1] == '0'; c--) {
        digits--;
    }
    if (digits > 1) {
        char shorter[64];
        (void)snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
        assert_true(strtod(shorter, NULL) != value);
    }
}

static void random_doubles_make_the_round_trip(void **state) {
    (void)state;
    uint64_t seed = 4;
    for (int i = 0; i < 1000000; i++) {
        uint64_t bits = next_random(&seed);
        bits = i % 8 == 0 ? bits & ~(UINT64_MAX >> 12) : bits; /* powers of two */
        double value = i % 8 == 1   ? (double)(int64_t)(bits >> 20) / 1e4
                       : i % 8 == 2 ? ldexp(1, (int)(bits % 2000) - 1000) * 3
                                    : double_of(bits);
        if (!isfinite(value)) {
            continue;
        }
        char text[HONE_NUMBER_TEXT_MAX + 1];
        size_t size = hone_number_format_f64(value, text);
        assert_true(size <= 26);
        text[size] = '\0';
        double again;
        assert_int_equal(hone_number_parse_f64((hone_text){text, size}, &again), HONE_OK);
        if (bits_of(again) != bits_of(value)) {
            fail_msg("%.17g became %s", value, text);
        }
        if (i % 16 < 3) {
            assert_true(bits_of(strtod(text, NULL)) == bits_of(value));
            assert_is_shortest(value, text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_parsed),
        cmocka_unit_test(integers_make_the_round_trip),
        cmocka_unit_test(doubles_have_the_stated_look),
        cmocka_unit_test(bad_doubles_are_refused),
        cmocka_unit_test(nasty_doubles_are_parsed_exactly),
        cmocka_unit_test(random_texts_are_parsed_like_libc),
        cmocka_unit_test(midpoints_are_parsed_like_libc),
        cmocka_unit_test(random_doubles_make_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
