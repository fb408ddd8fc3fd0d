/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts: the engine's own, and the specification's test suite where HONE_WASM_TESTSUITE names its
 * folder. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "hone/base/buffer.h"
#include "hone/memory/failing.h"
#include "hone/platform/file.h"
#include "hone/wasm/script.h"

enum { SCRIPT_BYTES_MAX = 64 << 20 };

static void print_failure(void *context, const hone_diag *diag) {
    (void)context;
    char text[1024];
    (void)hone_diag_format(diag, text, sizeof text);
    print_error("%s\n", text);
}

static hone_wasm_script_counts run_file(const char *path) {
    hone_wasm_script_counts counts = {0};
    hone_wasm_script_options options = {.features = HONE_WASM_FEATURES_2_0,
                                        .on_failure = print_failure};
    hone_buffer text;
    hone_buffer_init(&text, NULL, SCRIPT_BYTES_MAX);
    assert_int_equal(hone_file_read_all(path, SCRIPT_BYTES_MAX, NULL, &text), HONE_OK);
    hone_diag diag = {0};
    hone_status status =
        hone_wasm_script_run(hone_buffer_text(&text), path, &options, &diag, &counts);
    if (status) {
        print_failure(NULL, &diag);
    }
    assert_int_equal(status, HONE_OK);
    hone_buffer_deinit(&text);
    return counts;
}

static void test_own_script(void **state) {
    (void)state;
    hone_wasm_script_counts counts =
        run_file(HONE_SOURCE_DIR "/tests/corpora/wasm_text/engine.wast");
    assert_int_equal(counts.failed, 0);
    assert_int_equal(counts.skipped, 0);
    assert_true(counts.passed > 40);
}

/* What is wrong must be counted as wrong. */
static void test_failures_are_found(void **state) {
    (void)state;
    static const char *const scripts[] = {
        "(module (func (export \"f\") (result i32) (i32.const 1)))"
        "(assert_return (invoke \"f\") (i32.const 2))",
        "(module (func (export \"f\")))(assert_trap (invoke \"f\") \"unreachable\")",
        "(module (func (export \"f\") unreachable))"
        "(assert_trap (invoke \"f\") \"integer overflow\")",
        "(assert_invalid (module) \"anything\")",
        "(assert_malformed (module quote \"(func)\") \"anything\")",
        "(module (func (result i32)))",
        "(module)(assert_return (invoke \"absent\"))",
        "(module (func (export \"f\") (result f32) (f32.const nan:0x200000)))"
        "(assert_return (invoke \"f\") (f32.const nan:canonical))",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        hone_wasm_script_counts counts = {0};
        hone_status status =
            hone_wasm_script_run(hone_text_of(scripts[i]), "script", NULL, NULL, &counts);
        assert_int_equal(status, HONE_OK);
        assert_int_equal(counts.failed, 1);
        assert_int_equal(counts.passed, 0);
    }
}

static void test_not_a_script(void **state) {
    (void)state;
    static const char *const scripts[] = {"(", ")", "(assert_wrong)", "(module", "\"x\"", "(; x"};
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        hone_wasm_script_counts counts = {0};
        hone_diag diag = {0};
        assert_int_equal(
            hone_wasm_script_run(hone_text_of(scripts[i]), "script", NULL, &diag, &counts),
            HONE_STATUS_MALFORMED);
        assert_true(diag.line == 1 && diag.column >= 1 && diag.message[0]);
    }
}

/* Every allocation fails once; nothing is lost, and nothing is called right. */
static void test_memory_runs_out(void **state) {
    (void)state;
    static const char text[] =
        "(module (memory 1) (table 2 funcref) (func $f (export \"f\") (param i32) (result i32)"
        "(if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))"
        "(elem (i32.const 0) $f))(assert_return (invoke \"f\" (i32.const 1)) (i32.const 1))";
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        hone_wasm_script_options options = {.allocator = &failing.allocator};
        hone_wasm_script_counts counts = {0};
        hone_status status =
            hone_wasm_script_run(hone_text_of(text), "script", &options, NULL, &counts);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            assert_int_equal(counts.passed, 1);
            break;
        }
        assert_true(status != HONE_OK || counts.failed > 0 || counts.passed == 1);
    }
}

static void test_official_suite(void **state) {
    (void)state;
    const char *folder = getenv("HONE_WASM_TESTSUITE");
    if (!folder) {
        skip();
    }
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    hone_wasm_script_counts total = {0};
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".wast") != 0) {
            continue;
        }
        char path[4096];
        assert_true(snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) > 0);
        hone_wasm_script_counts counts = run_file(path);
        total.passed += counts.passed;
        total.failed += counts.failed;
        total.skipped += counts.skipped;
    }
    (void)closedir(directory);
    print_message("%llu passed, %llu failed, %llu skipped\n", (unsigned long long)total.passed,
                  (unsigned long long)total.failed, (unsigned long long)total.skipped);
    assert_int_equal(total.failed, 0);
    assert_true(total.passed > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_script),     cmocka_unit_test(test_failures_are_found),
        cmocka_unit_test(test_not_a_script),   cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_official_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
