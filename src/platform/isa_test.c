/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/buffer.h"
#include "hone/platform/file.h"
#include "hone/platform/isa.h"

#define BIT(id) HONE_ISA_BIT(HONE_ISA_##id)

static hone_isa_family family_of(hone_isa_mask mask) {
    return hone_isa_family_of((hone_isa)__builtin_ctzll(mask));
}

/* The CPU's own answer against the kernel's list of it. Under an emulator of another architecture
 * /proc/cpuinfo may be the host's: then there is nothing to compare. */
static void test_cpu_agrees_with_kernel(void **state) {
    (void)state;
    hone_buffer cpuinfo;
    hone_buffer_init(&cpuinfo, NULL, 4 << 20);
    if (hone_file_read_all("/proc/cpuinfo", 1 << 20, NULL, &cpuinfo) != HONE_OK) {
        hone_buffer_deinit(&cpuinfo);
        skip();
    }
    hone_isa_mask told = hone_isa_from_cpuinfo(hone_buffer_text(&cpuinfo));
    hone_buffer_deinit(&cpuinfo);
    hone_isa_mask asked = hone_isa_detect();
    if (told == 0 || (asked != 0 && family_of(asked) != family_of(told))) {
        skip();
    }
    assert_int_equal(asked, told);
}

static void test_cpuinfo(void **state) {
    (void)state;
    assert_int_equal(hone_isa_from_cpuinfo(HONE_TEXT("flags\t\t: sse4_2 avx2x fma\n")),
                     BIT(SSE42) | BIT(FMA));
    /* "aes" means one thing on ARM and another on x86. */
    assert_int_equal(hone_isa_from_cpuinfo(HONE_TEXT("Features\t: asimd aes\n")),
                     BIT(NEON) | BIT(ARM_AES));
    assert_int_equal(hone_isa_from_cpuinfo(HONE_TEXT("flags: aes")), BIT(AES));
    assert_int_equal(hone_isa_from_cpuinfo(HONE_TEXT("")), 0);
}

static void test_levels(void **state) {
    (void)state;
    size_t count;
    const hone_isa_level *levels = hone_isa_levels(&count);
    assert_string_equal(levels[0].name, "scalar");
    for (size_t i = 0; i < count; i++) {
        /* A level allows what it needs, and reaching it means being at it. */
        assert_true(hone_isa_has(levels[i].allowed, levels[i].needed));
        assert_string_equal(hone_isa_level_of(levels[i].needed)->name, levels[i].name);
    }
    assert_string_equal(hone_isa_level_of(0)->name, "scalar");
    /* AVX-512F alone (Knights Landing) is not the level that kernels are written for. */
    assert_string_equal(hone_isa_level_of(BIT(AVX512F) | BIT(AVX2) | BIT(FMA) | BIT(BMI2))->name,
                        "avx2");
}

static void test_restrict(void **state) {
    (void)state;
    hone_isa_mask machine =
        BIT(SSE42) | BIT(POPCNT) | BIT(AVX) | BIT(AVX2) | BIT(FMA) | BIT(BMI2) | BIT(AVX_VNNI);
    hone_isa_mask mask = 1;
    hone_diag diag;
    assert_int_equal(hone_isa_restrict(machine, HONE_TEXT("scalar"), NULL, &mask), HONE_OK);
    assert_int_equal(mask, 0);
    assert_int_equal(hone_isa_restrict(machine, HONE_TEXT("auto"), NULL, &mask), HONE_OK);
    assert_int_equal(mask, machine);
    assert_int_equal(hone_isa_restrict(machine, HONE_TEXT("sse4.2"), NULL, &mask), HONE_OK);
    assert_int_equal(mask, BIT(SSE42) | BIT(POPCNT));
    assert_int_equal(hone_isa_restrict(machine, HONE_TEXT("avx2"), NULL, &mask), HONE_OK);
    assert_int_equal(mask, machine);
    assert_int_equal(hone_isa_restrict(machine, HONE_TEXT("avx512"), &diag, &mask),
                     HONE_STATUS_UNSUPPORTED);
    assert_non_null(strstr(diag.message, "'avx2'"));
    assert_int_equal(mask, machine); /* untouched on failure */
    assert_int_equal(hone_isa_restrict(machine, HONE_TEXT("avx3"), &diag, &mask),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "did you mean 'avx2'"));
    assert_int_equal(hone_isa_restrict(machine, HONE_TEXT(""), &diag, &mask),
                     HONE_STATUS_INVALID_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_agrees_with_kernel),
        cmocka_unit_test(test_cpuinfo),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_restrict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
