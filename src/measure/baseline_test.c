/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/buffer.h"
#include "hone/measure/baseline.h"
#include "hone/platform/file.h"
#include "synthetic_test.h"

#define DIRECTORY HONE_BUILD_DIR "/baseline_test"
static const char file[] = DIRECTORY "/synthetic/v1.0.json";

static hone_arena arena;

static int set_up(void **state) {
    (void)state;
    hone_arena_init(&arena, NULL, 256 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hone_arena_deinit(&arena);
    return 0;
}

static hone_status load(const char *name, hone_diag *diag, hone_bench_report *out_report) {
    hone_diag_clear(diag);
    return hone_baseline_load("synthetic", DIRECTORY, name, &arena, diag, out_report);
}

static void test_what_is_saved_is_loaded(void **state) {
    (void)state;
    hone_diag diag = {0};
    hone_bench_report loaded, saved = synthetic_report(&arena, 3, 40, 12.345, 0.1, 9);
    assert_int_equal(hone_baseline_save(&saved, DIRECTORY, "v1.0", &diag), HONE_OK);
    assert_int_equal(load("v1.0", &diag, &loaded), HONE_OK);
    const hone_bench_variant_result *before = &saved.results[0].variants[0];
    const hone_bench_variant_result *after = &loaded.results[0].variants[0];
    assert_string_equal(loaded.suite, "synthetic");
    assert_string_equal(loaded.results[0].name, "work");
    assert_string_equal(loaded.results[0].unit, "us");
    assert_true(loaded.host.fingerprint == saved.host.fingerprint);
    assert_int_equal(after->count, 120);
    assert_int_equal(after->clean_count, before->clean_count);
    assert_int_equal(after->runs_count, 3);
    assert_int_equal(after->iterations, 7);
    for (uint32_t i = 0; i < after->count; i++) {
        assert_true(after->values[i] > before->values[i] * (1 - 1e-8));
        assert_true(after->values[i] < before->values[i] * (1 + 1e-8));
        assert_int_equal(after->disturbances[i], before->disturbances[i]);
    }
}

static void test_names_that_are_not_there_or_not_allowed(void **state) {
    (void)state;
    hone_diag diag = {0};
    hone_bench_report report = synthetic_report(&arena, 1, 20, 1, 0.1, 9);
    assert_int_equal(load("v9.9", &diag, &report), HONE_STATUS_NOT_FOUND);
    assert_non_null(strstr(diag.message, "--save v9.9"));
    static const char *const bad[] = {"", ".hidden", "../up", "a/b", "a b", "\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hone_baseline_save(&report, DIRECTORY, bad[i], &diag),
                         HONE_STATUS_INVALID_ARGUMENT);
    }
    assert_int_equal(hone_baseline_save(&report, "/proc/no/such", "x", &diag), HONE_STATUS_IO);
}

static void test_the_default_directory(void **state) {
    (void)state;
    const char *path;
    hone_diag diag = {0};
    setenv("XDG_STATE_HOME", "/some/state", 1);
    assert_int_equal(hone_baseline_directory(&arena, &diag, &path), HONE_OK);
    assert_string_equal(path, "/some/state/hone/baselines");
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/home/of", 1);
    assert_int_equal(hone_baseline_directory(&arena, &diag, &path), HONE_OK);
    assert_string_equal(path, "/home/of/.local/state/hone/baselines");
    unsetenv("HOME");
    assert_int_equal(hone_baseline_directory(&arena, &diag, &path), HONE_STATUS_ABSENT);
}

#define HOST                                                                                   \
    "\"host\":{\"cpu\":\"c\",\"architecture\":\"a\",\"kernel\":\"k\",\"cpus\":2,\"compiler\":" \
    "\"g\",\"build\":\"b\",\"load\":null,\"fingerprint\":\"0\"}"
#define HEAD "{\"hone_baseline\":1,\"suite\":\"s\"," HOST ",\"cases\":["
#define CASE(runs, samples, marks)                                                              \
    HEAD "{\"case\":\"w\",\"unit\":\"ns\",\"better\":\"lower\",\"iterations\":3,\"runs\":" runs \
         ",\"samples\":" samples ",\"disturbed\":" marks "}]}"

static void test_damage_has_a_message(void **state) {
    (void)state;
    static const struct {
        const char *text;
        hone_status status;
        const char *words;
    } table[] = {
        {CASE("[[2,50.0,0.0]]", "[1.0,2]", "[0,1]"), HONE_OK, ""},
        {"", HONE_STATUS_SYNTAX, "not a baseline"},
        {"{\"hone_baseline\":1,\n  \"suite\" 7}", HONE_STATUS_SYNTAX, "near"},
        {"[]", HONE_STATUS_CORRUPT, "no version"},
        {"{\"hone_baseline\":1,\"suite\":\"s\",\"cases\":[]}", HONE_STATUS_CORRUPT, "the host"},
        {"{\"hone_baseline\":2,\"suite\":\"s\",\"cases\":[]}", HONE_STATUS_UNSUPPORTED,
         "version 2"},
        {HEAD "7]}", HONE_STATUS_CORRUPT, "lacks its name"},
        {CASE("[[2,50,0]]", "[1,2]", "[0]"), HONE_STATUS_CORRUPT, "marks"},
        {CASE("[[2,50,0]]", "[]", "[]"), HONE_STATUS_CORRUPT, "samples are missing"},
        {CASE("[[2,50,0]]", "[1,-2]", "[0,0]"), HONE_STATUS_CORRUPT, "positive"},
        {CASE("[[2,50,0]]", "[1,\"2\"]", "[0,0]"), HONE_STATUS_CORRUPT, "positive"},
        {CASE("[[2,50,0]]", "[1,2]", "[0,99]"), HONE_STATUS_CORRUPT, "mark"},
        {CASE("[[3,50,0]]", "[1,2]", "[0,0]"), HONE_STATUS_CORRUPT, "run"},
        {CASE("[[1,50,0]]", "[1,2]", "[0,0]"), HONE_STATUS_CORRUPT, "add up"},
        {CASE("[[2,0,0]]", "[1,2]", "[0,0]"), HONE_STATUS_CORRUPT, "run"},
        {CASE("7", "[1,2]", "[0,0]"), HONE_STATUS_CORRUPT, "runs are missing"},
        {"{\"a\":1,\"a\":2}", HONE_STATUS_SYNTAX, "duplicate"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        hone_diag diag = {0};
        hone_bench_report report;
        assert_int_equal(
            hone_baseline_parse(hone_text_of(table[i].text), "old.json", &arena, &diag, &report),
            table[i].status);
        if (table[i].status != HONE_OK) {
            char whole[900];
            (void)hone_diag_format(&diag, whole, sizeof whole);
            assert_non_null(strstr(whole, table[i].words));
            assert_non_null(strstr(whole, "old.json"));
        }
    }
}

/* Cut anywhere, or with any byte changed: a status with a message or a sound report, never more. */
static void test_every_cut_and_many_flips(void **state) {
    (void)state;
    hone_diag diag = {0};
    hone_bench_report report = synthetic_report(&arena, 2, 12, 5, 0.1, 3);
    assert_int_equal(hone_baseline_save(&report, DIRECTORY, "v1.0", &diag), HONE_OK);
    hone_buffer text;
    hone_buffer_init(&text, NULL, 1 << 20);
    assert_int_equal(hone_file_read_all(file, 1 << 19, &diag, &text), HONE_OK);
    for (size_t size = 0; size + 1 < text.size; size++) {
        hone_diag_clear(&diag);
        hone_status status = hone_baseline_parse((hone_text){(const char *)text.data, size}, file,
                                                 &arena, &diag, &report);
        assert_int_equal(status, HONE_STATUS_SYNTAX);
        assert_true(diag.message[0] != '\0');
    }
    hone_random random;
    hone_random_init(&random, 1);
    for (int i = 0; i < 3000; i++) {
        size_t at = hone_random_below(&random, text.size);
        uint8_t kept = text.data[at];
        hone_arena_savepoint before = hone_arena_save(&arena);
        text.data[at] = (uint8_t)hone_random_below(&random, 256);
        hone_diag_clear(&diag);
        hone_status status =
            hone_baseline_parse(hone_buffer_text(&text), file, &arena, &diag, &report);
        assert_true(status == HONE_OK || diag.message[0] != '\0');
        text.data[at] = kept;
        hone_arena_reset(&arena, before);
    }
    hone_buffer_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_saved_is_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_are_not_there_or_not_allowed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_default_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_has_a_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_cut_and_many_flips, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
