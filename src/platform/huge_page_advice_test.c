/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "hone/platform/huge_page_advice.h"
#include "machine_test_internal.h"

#define MIB ((uint64_t)1 << 20)

static const hone_huge_page_offer on_request = {4096, 2 * MIB, 0, true};
static const hone_huge_page_offer reserved = {4096, 2 * MIB, 600 * MIB, true};
static const hone_huge_page_offer never = {4096, 2 * MIB, 0, false};
static const hone_huge_page_offer none = {4096, 0, 0, false};

/* Gains 1.25 times; 40 ns an access earn back 1 ms a MiB: 25000 accesses a MiB, where 8 to a line
 * are 131072. */
static const hone_huge_page_figures gaining = {200, 160, 2e10, 2e10, 1e6, 2e6};
static const hone_huge_page_figures level = {200, 196, 2e10, 2e10, 1e6, 2e6};  /* 1.02 times */
static const hone_huge_page_figures losing = {160, 200, 2e10, 1e10, 1e6, 2e6}; /* slower */
static const hone_huge_page_figures dear = {200, 190, 2e10, 2e10, 1e6, 1e7};   /* 1.05; 900000 */
static const hone_huge_page_figures cheap = {200, 160, 2e10, 2e10, 2e6, 1e6}; /* also to populate */

typedef struct advice_case {
    uint64_t heap_bytes, accesses;
    const hone_huge_page_offer *offer;
    const hone_huge_page_figures *figures;
    int kind;
    const char *reason; /* a part of it */
} advice_case;

enum {
    OFF = HONE_HUGE_PAGE_KIND_OFF,
    TRANSPARENT = HONE_HUGE_PAGE_KIND_TRANSPARENT,
    EXPLICIT = HONE_HUGE_PAGE_KIND_EXPLICIT
};

static const advice_case cases[] = {
    {64 * MIB, 0, &on_request, NULL, OFF, "No figures"},
    {256 * MIB - 1, 0, &on_request, NULL, OFF, "No figures"},
    {256 * MIB, 0, &on_request, NULL, TRANSPARENT, "No figures"},
    {256 * MIB, 0, &reserved, NULL, TRANSPARENT, "No figures"}, /* never explicit on a guess */
    {256 * MIB, 0, &never, NULL, OFF, "switched off"},
    {64 * MIB, 0, &none, &gaining, OFF, "no huge pages"},
    {4 * MIB - 1, 0, &on_request, &gaining, OFF, "smaller than two"},
    {4 * MIB, 0, &on_request, &gaining, TRANSPARENT, "1.25 times"},
    {64 * MIB, 0, &reserved, &gaining, EXPLICIT, "holds the whole heap"},
    {600 * MIB, 0, &reserved, &gaining, EXPLICIT, "holds the whole heap"},
    {600 * MIB + 1, 0, &reserved, &gaining, TRANSPARENT, "on request"},
    {64 * MIB, 0, &never, &gaining, OFF, "switched off"},
    {64 * MIB, 0, &on_request, &level, OFF, "less than the 1.05"},
    {64 * MIB, 0, &on_request, &losing, OFF, "less than the 1.05"},
    {64 * MIB, 0, &on_request, &dear, OFF, "assumed"},
    {64 * MIB, 64 * 25000 - 1, &on_request, &gaining, OFF, "expected"},
    {64 * MIB, 64 * 25000, &on_request, &gaining, TRANSPARENT, "expected"},
    {64 * MIB, 1, &on_request, &cheap, TRANSPARENT, "populating costs less"},
};

static void test_cases(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const advice_case *one = &cases[i];
        hone_huge_page_advice advice;
        assert_int_equal(hone_huge_page_advise(one->heap_bytes, one->accesses, one->offer,
                                               one->figures, &advice),
                         HONE_OK);
        assert_int_equal(advice.kind, one->kind);
        assert_non_null(strstr(advice.reason, one->reason));
        assert_true(advice.reason[strlen(advice.reason) - 1] == '.');
        assert_int_equal(advice.is_calibrated, one->figures != NULL);
    }
}

static void test_figures(void **state) {
    (void)state;
    hone_huge_page_advice advice;
    assert_int_equal(hone_huge_page_advise(256 * MIB, 0, &on_request, &gaining, &advice), HONE_OK);
    assert_int_equal(advice.entries_small, 65536);
    assert_int_equal(advice.entries_huge, 128);
    assert_true(fabs(advice.chase_gain - 1.25) < 1e-9);
    assert_true(fabs(advice.stream_gain - 1) < 1e-9);
    assert_true(fabs(advice.populate_extra_ns - 256e6) < 1);
    assert_int_equal(advice.break_even_accesses, 256 * 25000);
    assert_true(advice.is_earned_back);
    assert_int_equal(hone_huge_page_advise(2 * MIB + 1, 0, &on_request, &losing, &advice), HONE_OK);
    assert_int_equal(advice.entries_small, 513);
    assert_int_equal(advice.entries_huge, 2);
    assert_false(advice.is_earned_back);
    assert_int_equal(hone_huge_page_advise(8 * MIB, 0, &on_request, &cheap, &advice), HONE_OK);
    assert_int_equal(advice.break_even_accesses, 0);
    assert_true(advice.populate_extra_ns < 0 && advice.is_earned_back);
}

/* The larger the gain and the number of accesses, the sooner huge pages are advised: never back. */
static void test_monotonic(void **state) {
    (void)state;
    for (int huge_ns = 100; huge_ns < 220; huge_ns += 5) {
        bool was_on = false;
        for (uint64_t accesses = 1; accesses < UINT64_C(1) << 40; accesses *= 4) {
            hone_huge_page_figures figures = gaining;
            hone_huge_page_advice advice;
            figures.chase_huge_ns = (double)huge_ns;
            assert_int_equal(
                hone_huge_page_advise(64 * MIB, accesses, &on_request, &figures, &advice), HONE_OK);
            bool is_on = advice.kind != HONE_HUGE_PAGE_KIND_OFF;
            assert_true(is_on || !was_on);
            assert_true(!is_on || accesses >= advice.break_even_accesses);
            was_on = is_on;
        }
        assert_int_equal(was_on, 200.0 / huge_ns >= 1.05);
    }
}

static void test_nonsense(void **state) {
    (void)state;
    hone_huge_page_advice advice;
    hone_huge_page_offer empty = {0};
    const double bad[] = {0, -1, (double)NAN, (double)INFINITY};
    assert_int_equal(hone_huge_page_advise(0, 0, &on_request, NULL, &advice),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_huge_page_advise(UINT64_MAX, 0, &on_request, NULL, &advice),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_huge_page_advise(MIB, 0, &empty, NULL, &advice),
                     HONE_STATUS_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t field = 0; field < sizeof gaining / sizeof(double); field++) {
            hone_huge_page_figures figures = gaining;
            ((double *)&figures)[field] = bad[i];
            assert_int_equal(hone_huge_page_advise(64 * MIB, 0, &on_request, &figures, &advice),
                             HONE_STATUS_INVALID_ARGUMENT);
        }
    }
}

static void test_offers(void **state) {
    (void)state;
    hone_huge_page_offer offer;
    hone_platform platform;
    hone_platform_options options = {.root = MACHINES_FOLDER "huge-pages"};
    assert_int_equal(hone_platform_detect(&options, NULL, &platform), HONE_OK);
    hone_huge_page_offer_of(&platform, &offer);
    assert_true(offer.small_bytes >= 4096);
    assert_true(offer.huge_bytes > offer.small_bytes);
    hone_platform_deinit(&platform);
    options.root = MACHINES_FOLDER "nothing-readable";
    assert_int_equal(hone_platform_detect(&options, NULL, &platform), HONE_OK);
    hone_huge_page_offer_of(&platform, &offer);
    assert_int_equal(offer.huge_bytes, 0);
    assert_false(offer.is_transparent_allowed);
    hone_platform_deinit(&platform);
    /* The two ways to read this machine agree. */
    hone_huge_page_offer live;
    assert_int_equal(hone_platform_detect(NULL, NULL, &platform), HONE_OK);
    hone_huge_page_offer_of(&platform, &offer);
    hone_huge_page_offer_read(&live);
    assert_int_equal(offer.small_bytes, live.small_bytes);
    assert_int_equal(offer.huge_bytes, live.huge_bytes);
    assert_int_equal(offer.is_transparent_allowed, live.is_transparent_allowed);
    hone_platform_deinit(&platform);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),     cmocka_unit_test(test_figures),
        cmocka_unit_test(test_monotonic), cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
