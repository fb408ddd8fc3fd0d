/* SPDX-License-Identifier: Apache-2.0 */
/* The front end as a program: this test runs itself as a bench executable (BENCH_MAIN_VALUE is set)
 * and looks at exit codes and output. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/buffer.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/file.h"
#include "hone/platform/process.h"

#define DIRECTORY HONE_BUILD_DIR "/bench_main_test"
static const char output_path[] = HONE_BUILD_DIR "/bench_main_test.out";
static const char error_path[] = HONE_BUILD_DIR "/bench_main_test.err";

static const char *program;
static hone_buffer output;

/* What BENCH_MAIN_VALUE says, with a little noise that is the same in every run. */
static double measure_given(void *context) {
    static const double noise[] = {0.999, 1.0, 1.001, 1.0005, 0.9995};
    static unsigned at; /* tidy: allow global: the state of a test */
    (void)context;
    return strtod(getenv("BENCH_MAIN_VALUE"), NULL) * noise[at++ % 5];
}

static const hone_bench_case cases[] = {
    {.name = "given",
     .unit = "us",
     .variants = {{.name = "hone", .measure = measure_given},
                  {.name = "peer", .absent = "not packaged"}}},
};
static const hone_bench_suite suite = {.name = "front", .cases = cases, .cases_count = 1};

/* Runs the bench with up to five arguments; output and errors are read back into `output`. */
static int bench(const char *value, const char *const arguments[5]) {
    const char *argv[8] = {program, "--quick"};
    memcpy(argv + 2, arguments, 5 * sizeof argv[0]);
    hone_process_result result;
    hone_diag diag = {0};
    const hone_process_options options = {.stdout_path = output_path, .stderr_path = error_path};
    if (HONE_IS_EMULATED) {
        skip(); /* an emulated program cannot start itself again */
    }
    setenv("BENCH_MAIN_VALUE", value, 1);
    assert_int_equal(hone_process_run(argv, &options, &diag, &result), HONE_OK);
    unsetenv("BENCH_MAIN_VALUE");
    hone_buffer_clear(&output);
    assert_int_equal(hone_file_read_all(output_path, 1 << 20, &diag, &output), HONE_OK);
    assert_int_equal(hone_file_read_all(error_path, 1 << 20, &diag, &output), HONE_OK);
    hone_buffer_append_byte(&output, '\0');
    return result.exit_code;
}

#define BENCH(value, ...) bench(value, (const char *const[5]){__VA_ARGS__})

static void assert_says(const char *words) {
    if (!strstr((const char *)output.data, words)) {
        fail_msg("'%s' is not in:\n%s", words, (const char *)output.data);
    }
}

static void test_plain_runs(void **state) {
    (void)state;
    assert_int_equal(BENCH("10", "--peers"), 0);
    assert_says("absent: peer, in given: not packaged");
    assert_int_equal(BENCH("10", "--list"), 0);
    assert_says("given (us, lower is better): hone peer (absent: not packaged)");
    assert_int_equal(BENCH("10", "--help"), 0);
    assert_says("--threshold N%");
    assert_says("3 error: a wrong\ncommand line, a filter that leaves no case");
    assert_int_equal(BENCH("10", "--filter=give"), 0);
    assert_says("[1/1] given\n"); /* progress, as standard error is no terminal */
    assert_int_equal(BENCH("10", "--quiet"), 0);
    assert_null(strstr((const char *)output.data, "[1/1]"));
    assert_int_equal(BENCH("10", "--json", "-"), 0);
    assert_true(output.data[0] == '{');
}

static void test_wrong_command_lines(void **state) {
    (void)state;
    assert_int_equal(BENCH("10", "--bogus"), 3);
    assert_says("hone: error: unknown option (--help lists them): --bogus\n");
    assert_int_equal(BENCH("10", "--peer"), 3); /* names in full */
    assert_says("unknown option (--help lists them): --peer (did you mean --peers?)");
    assert_int_equal(BENCH("10", "--thresh=3%"), 3);
    assert_says("--thresh (did you mean --threshold?)");
    assert_int_equal(BENCH("10", "-q"), 3);
    assert_says("unknown option (--help lists them): -q");
    assert_int_equal(BENCH("10", "--peers=all"), 3);
    assert_says("this option takes no value: --peers=all");
    assert_int_equal(BENCH("10", "extra"), 3);
    assert_says("unexpected argument");
    assert_int_equal(BENCH("10", "--threshold"), 3);
    assert_says("a value is missing after: --threshold");
    assert_int_equal(BENCH("10", "--threshold", "fast"), 3);
    assert_says("percentage such as 5%, not: fast");
    assert_int_equal(BENCH("10", "--seed", "-1"), 3);
    assert_says("whole number");
    assert_int_equal(BENCH("10", "--filter", "nothing"), 3);
    assert_says("no case of suite 'front' has 'nothing' in its name; it has given");
    assert_int_equal(BENCH("10", "--json", "/no/such/folder/x.json"), 3);
    assert_says("/no/such/folder/x.json");
    assert_int_equal(BENCH("0", NULL), 3);
    assert_says("must be positive");
}

/* A verdict waits for a quiet moment of the machine: the speed that others leave to this process
 * may shift between two runs, and then the lab rightly hesitates. */
static bool is_verdict(const char *value, int exit_code, const char *words) {
    for (int attempt = 0; attempt < 5; attempt++) {
        int got = BENCH(value, "--baselines", DIRECTORY, "--compare", "v1");
        if (got == exit_code && strstr((const char *)output.data, words)) {
            return true;
        }
    }
    return false;
}

static void test_baselines(void **state) {
    (void)state;
    assert_int_equal(BENCH("10", "--baselines", DIRECTORY, "--save", "v1"), 0);
    assert_says("[4/4] all cases once more, in a process of its own\n");
    assert_true(is_verdict("10", 0, " same"));
    assert_true(is_verdict("11", 1, "regressed: given costs 10.0 % more"));
    assert_true(is_verdict("9", 0, " improved"));
    assert_true(is_verdict("10.5", 0, " inconclusive"));
    assert_int_equal(BENCH("10.5", "--baselines=" DIRECTORY, "--compare", "v1", "--strict"), 2);
    assert_int_equal(BENCH("10", "--baselines", DIRECTORY, "--compare", "v2"), 3);
    assert_says("there is no baseline 'v2'");
    assert_int_equal(BENCH("10", "--baselines", DIRECTORY, "--save", "../x"), 3);
    assert_says("cannot name a baseline");
}

static void test_a_damaged_baseline(void **state) {
    (void)state;
    hone_diag diag = {0};
    assert_int_equal(BENCH("10", "--baselines", DIRECTORY, "--save", "bad"), 0);
    assert_int_equal(hone_file_replace(DIRECTORY "/front/bad.json", HONE_TEXT("{\"hone_"), &diag),
                     HONE_OK);
    assert_int_equal(BENCH("10", "--baselines", DIRECTORY, "--compare", "bad"), 3);
    assert_says("bad.json:1:");
    assert_says("save it again");
}

int main(int argc, char **argv) {
    if (getenv("BENCH_MAIN_VALUE")) {
        return hone_bench_main(argc, argv, &suite);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_runs),
        cmocka_unit_test(test_wrong_command_lines),
        cmocka_unit_test(test_baselines),
        cmocka_unit_test(test_a_damaged_baseline),
    };
    program = argv[0];
    hone_buffer_init(&output, NULL, 4 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hone_buffer_deinit(&output);
    return failed;
}
