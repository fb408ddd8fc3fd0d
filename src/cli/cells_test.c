/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cells_internal.h"

static void counts_fit_into_six_columns(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},          {7, "7"},         {999, "999"},        {12.34, "12.3"},
        {0.5, "0.5"},      {999.6, "1.00k"}, {1000, "1.00k"},     {12345, "12.3k"},
        {999949, "1.00M"}, {1e6, "1.00M"},   {123456789, "123M"}, {5e9, "5.00G"},
        {1.5e18, "1500P"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[24];
        hn_cli_figure_count(cases[i].value, text, sizeof text);
        assert_string_equal(text, cases[i].text);
        assert_true(strlen(text) <= 6);
    }
}

static void bars_are_full_or_empty(void **state) {
    (void)state;
    char text[64];
    assert_int_equal(setenv("LC_ALL", "C", 1), 0);
    hn_cli_figure_bar(0, 4, text, sizeof text);
    assert_string_equal(text, "....");
    hn_cli_figure_bar(0.5, 4, text, sizeof text);
    assert_string_equal(text, "##..");
    hn_cli_figure_bar(7, 4, text, sizeof text);
    assert_string_equal(text, "####");
    assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
    hn_cli_figure_bar(0.5, 4, text, sizeof text);
    assert_string_equal(text, "██░░");
    assert_int_equal(hn_cli_figure_width(text), 4);
}

static void sparklines_are_as_high_as_their_values(void **state) {
    (void)state;
    char text[64];
    assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
    hn_cli_figure_sparkline((const double[]){0, 1, 4, 8}, 4, text, sizeof text);
    assert_string_equal(text, " ▂▅█");
    hn_cli_figure_sparkline((const double[]){0, 0}, 2, text, sizeof text);
    assert_string_equal(text, "  ");
    hn_cli_figure_sparkline((const double[]){5, 5, 5, 5}, 4, text,
                            8); /* whole characters or none */
    assert_string_equal(text, "██");
}

static void names_cannot_speak_to_the_terminal(void **state) {
    (void)state;
    char text[4 * 8 + 1];
    hn_cli_figure_name("stage", 5, 8, text);
    assert_string_equal(text, "stage");
    hn_cli_figure_name("a\x1b[2Jb\n", 64, 8, text);
    assert_string_equal(text, "a?[2Jb?");
    hn_cli_figure_name("much too long", 64, 8, text);
    assert_string_equal(text, "much to~");
    hn_cli_figure_name("äöüäöüäöü", 64, 8, text);
    assert_string_equal(text, "äöüäöüä~");
    hn_cli_figure_name("bad\xff\xfe", 64, 8, text);
    assert_string_equal(text, "bad??");
    hn_cli_figure_name("not terminated", 3, 8, text);
    assert_string_equal(text, "not");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_fit_into_six_columns),
        cmocka_unit_test(bars_are_full_or_empty),
        cmocka_unit_test(sparklines_are_as_high_as_their_values),
        cmocka_unit_test(names_cannot_speak_to_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
