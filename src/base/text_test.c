/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: views, UTF-8, nearest names and units. Method: tables; every code point and a decoding twin
 * for UTF-8.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hone/base/span.h"
#include "hone/base/units.h"

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void texts_are_compared_trimmed_and_split(void **state) {
    (void)state;
    hone_text nothing = {NULL, 0};
    assert_true(hone_text_is_equal(nothing, HONE_TEXT("")));
    assert_true(hone_text_is(hone_text_of(NULL), ""));
    assert_false(hone_text_is(HONE_TEXT("ab"), "abc"));
    assert_true(hone_text_compare(HONE_TEXT("a"), HONE_TEXT("b")) < 0);
    assert_true(hone_text_compare(HONE_TEXT("ab"), HONE_TEXT("a")) > 0);
    assert_true(hone_text_compare(HONE_TEXT("\xFF"), HONE_TEXT("a")) > 0);
    assert_int_equal(hone_text_compare(nothing, HONE_TEXT("")), 0);
    assert_true(hone_text_has_prefix(HONE_TEXT("abc"), HONE_TEXT("ab")));
    assert_true(hone_text_has_prefix(HONE_TEXT("abc"), nothing));
    assert_false(hone_text_has_prefix(HONE_TEXT("ab"), HONE_TEXT("abc")));
    assert_true(hone_text_is(hone_text_trim(HONE_TEXT(" \t\r\na b \n")), "a b"));
    assert_int_equal(hone_text_trim(HONE_TEXT(" \n ")).size, 0);
    assert_int_equal(hone_text_trim(nothing).size, 0);

    hone_text rest = HONE_TEXT("a,,b,");
    static const char *const parts[] = {"a", "", "b", ""};
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(rest.data);
        assert_true(hone_text_is(hone_text_split(&rest, ','), parts[i]));
    }
    assert_null(rest.data);
    /* FNV-1a's published values. */
    assert_true(hone_hash_bytes("", 0) == 0xCBF29CE484222325u);
    assert_true(hone_hash_bytes("foobar", 6) == 0x85944171F73967E8u);
}

/* --- UTF-8 ----------------------------------------------------------------------------------- */

/* The size of the sequence at `s` by decoding it and looking whether its value needs that size. */
static size_t naive_sequence_size(const uint8_t *s, size_t size) {
    size_t length = s[0] < 0x80             ? 1
                    : (s[0] & 0xE0) == 0xC0 ? 2
                    : (s[0] & 0xF0) == 0xE0 ? 3
                    : (s[0] & 0xF8) == 0xF0 ? 4
                                            : 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (length == 0 || length > size) {
        return 0;
    }
    uint32_t code = length == 1 ? s[0] : s[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (s[i] & 0x3F);
    }
    bool is_valid = code >= least[length] && code <= 0x10FFFF && !(code >= 0xD800 && code < 0xE000);
    return is_valid ? length : 0;
}

static void every_code_point_encodes_to_valid_utf8(void **state) {
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char text[4];
        size_t size = hone_utf8_encode(code, text);
        uint8_t lead = (uint8_t)text[0];
        uint32_t back = size == 1 ? lead : lead & (0x7Fu >> size);
        for (size_t i = 1; i < size; i++) {
            back = back << 6 | ((uint8_t)text[i] & 0x3F);
        }
        assert_int_equal(back, code);
        bool is_surrogate = code >= 0xD800 && code < 0xE000;
        assert_int_equal(hone_text_is_utf8((hone_text){text, size}, NULL), !is_surrogate);
    }
}

static void utf8_is_checked_like_the_twin(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits++) {
        uint8_t s[4] = {(uint8_t)(bits >> 16 | 0x80), (uint8_t)(bits >> 8), (uint8_t)bits, 0x80};
        size_t size = (s[0] & 0xF0) == 0xF0 ? 4 : 3, offset = 99, at = 0, length = 1;
        while (at < size && (length = naive_sequence_size(s + at, size - at)) > 0) {
            at += length;
        }
        bool is_valid = hone_text_is_utf8((hone_text){(const char *)s, size}, &offset);
        if (is_valid != (length > 0) || (!is_valid && offset != at)) {
            fail_msg("%02x %02x %02x", s[0], s[1], s[2]);
        }
        if (bits >> 23) {
            break; /* the upper half repeats the lower one */
        }
    }
    assert_true(hone_text_is_utf8(HONE_TEXT(""), NULL));
    assert_false(hone_text_is_utf8(HONE_TEXT("a\xE2\x82"), NULL));
}

static void long_utf8_is_checked_at_any_place(void **state) {
    (void)state;
    uint64_t seed = 31;
    for (int i = 0; i < 20000; i++) {
        char text[200];
        size_t size = next_random(&seed) % sizeof text, offset;
        for (size_t c = 0; c < size; c++) {
            text[c] = (char)(next_random(&seed) % 128);
        }
        assert_true(hone_text_is_utf8((hone_text){text, size}, &offset));
        if (size) {
            size_t bad = next_random(&seed) % size;
            text[bad] = (char)(0x80 + next_random(&seed) % 64);
            assert_false(hone_text_is_utf8((hone_text){text, size}, &offset));
            assert_int_equal(offset, bad);
        }
    }
}

/* --- Nearest --------------------------------------------------------------------------------- */

static void nearest_name_is_found(void **state) {
    (void)state;
    static const char *const kinds[] = {"source.host", "source.csv", "window",  "filter",
                                        "map",         "sink.null",  "sink.csv"};
    static const struct {
        const char *text;
        const char *nearest;
    } cases[] = {{"source.cvs", "source.csv"}, {"widnow", "window"},         {"filtr", "filter"},
                 {"sink.cs", "sink.csv"},      {"fitler", "filter"},         {"mpa", "map"},
                 {"elephant", NULL},           {"sourcehost", "source.host"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *nearest = hone_text_nearest(hone_text_of(cases[i].text), kinds, 7);
        if (cases[i].nearest) {
            assert_non_null(nearest);
            assert_string_equal(nearest, cases[i].nearest);
        } else {
            assert_null(nearest);
        }
    }
    char long_text[65];
    memset(long_text, 'a', sizeof long_text);
    assert_null(hone_text_nearest((hone_text){long_text, 65}, kinds, 7));
    assert_null(hone_text_nearest(HONE_TEXT("x"), kinds, 0));
}

/* --- Units ----------------------------------------------------------------------------------- */

static void quantities_are_parsed(void **state) {
    (void)state;
    static const struct {
        const char *text;
        hone_status status;
        uint64_t value;
    } durations[] = {{"100ms", HONE_OK, 100000000},
                     {"1.5s", HONE_OK, 1500000000},
                     {"3 s", HONE_OK, UINT64_C(3000000000)},
                     {"0ns", HONE_OK, 0},
                     {"2m", HONE_OK, UINT64_C(120000000000)},
                     {"1h", HONE_OK, UINT64_C(3600000000000)},
                     {"7d", HONE_OK, UINT64_C(604800000000000)},
                     {"0.1us", HONE_OK, 100},
                     {"100", HONE_STATUS_SYNTAX, 0},
                     {"ms", HONE_STATUS_SYNTAX, 0},
                     {"", HONE_STATUS_SYNTAX, 0},
                     {"-1s", HONE_STATUS_SYNTAX, 0},
                     {"1.s", HONE_STATUS_SYNTAX, 0},
                     {"1 week", HONE_STATUS_SYNTAX, 0},
                     {"1S", HONE_STATUS_SYNTAX, 0},
                     {"99999999999d", HONE_STATUS_OVERFLOW, 0}},
      sizes[] = {{"64MiB", HONE_OK, 64 << 20},
                 {"1.5KiB", HONE_OK, 1536},
                 {"4096", HONE_OK, 4096},
                 {"4096B", HONE_OK, 4096},
                 {"2kB", HONE_OK, 2000},
                 {"1 GiB", HONE_OK, 1 << 30},
                 {"1TB", HONE_OK, UINT64_C(1000000000000)},
                 {"1MIB", HONE_STATUS_SYNTAX, 0},
                 {"99999999TiB", HONE_STATUS_OVERFLOW, 0}};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        uint64_t value = 42;
        assert_int_equal(hone_duration_parse(hone_text_of(durations[i].text), &value),
                         durations[i].status);
        assert_int_equal(value, durations[i].status == HONE_OK ? durations[i].value : 42);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t value = 42;
        assert_int_equal(hone_size_parse(hone_text_of(sizes[i].text), &value), sizes[i].status);
        assert_int_equal(value, sizes[i].status == HONE_OK ? sizes[i].value : 42);
    }
}

static void quantities_are_formatted(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } durations[] = {{0, "0 ns"},        {3.14159, "3.14 ns"}, {12.34, "12.3 ns"}, {123, "123 ns"},
                     {12345, "12.3 us"}, {4e9, "4.00 s"},      {250e6, "250 ms"}},
      sizes[] = {{0, "0 B"},
                 {512, "512 B"},
                 {1536, "1.50 KiB"},
                 {64 << 20, "64.0 MiB"},
                 {3e12, "2.73 TiB"}};
    char text[16];
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        assert_int_equal(hone_duration_format(durations[i].value, text, sizeof text),
                         strlen(durations[i].text));
        assert_string_equal(text, durations[i].text);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        hone_size_format(sizes[i].value, text, sizeof text);
        assert_string_equal(text, sizes[i].text);
    }
    char small[4] = "xyz";
    assert_int_equal(hone_duration_format(12345, small, 3), 2);
    assert_string_equal(small, "12");
    assert_int_equal(hone_duration_format(12.3, small, 3), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_compared_trimmed_and_split),
        cmocka_unit_test(every_code_point_encodes_to_valid_utf8),
        cmocka_unit_test(utf8_is_checked_like_the_twin),
        cmocka_unit_test(long_utf8_is_checked_at_any_place),
        cmocka_unit_test(nearest_name_is_found),
        cmocka_unit_test(quantities_are_parsed),
        cmocka_unit_test(quantities_are_formatted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
