/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "counters_internal.h"
#include "hone/platform/thread.h"

static void test_each_refusal_has_its_reason(void **state) {
    (void)state;
    static const struct {
        int error, paranoid;
        bool is_virtual;
        const char *words;
    } table[] = {
        {ENOENT, 2, true, "virtual machine"},
        {ENOENT, 2, false, "processor has no counter"},
        {EOPNOTSUPP, 2, false, "processor has no counter"},
        {EACCES, 3, false, "perf_event_paranoid is 3; set it to 1"},
        {EPERM, 1, false, "seccomp"},
        {ENOSYS, 2, true, "no perf events"},
        {EMFILE, 2, true, "file descriptor"},
        {EBUSY, 2, false, "another program"},
        {EINVAL, 2, false, "beside the others"},
        {ENOMEM, 2, false, "perf_event_open"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char reason[160] = "";
        hn_counter_explain(table[i].error, table[i].paranoid, table[i].is_virtual, reason,
                           sizeof reason);
        assert_non_null(strstr(reason, table[i].words));
    }
}

static void test_multiplexed_values_are_scaled_and_flagged(void **state) {
    (void)state;
    hone_counter counter;
    hn_counter_scale(1000, 500, 500, &counter);
    assert_int_equal(counter.state, HONE_COUNTER_OK);
    assert_int_equal(counter.value, 1000);
    hn_counter_scale(1000, 400, 100, &counter);
    assert_int_equal(counter.state, HONE_COUNTER_MULTIPLEXED);
    assert_int_equal(counter.value, 4000);
    assert_true(fabs(counter.counted_share - 0.25) < 1e-12);
    hn_counter_scale(0, 400, 0, &counter);
    assert_int_equal(counter.state, HONE_COUNTER_UNSUPPORTED);
    assert_true(strlen(counter.reason) > 0);
}

/* Whatever the machine offers, each counter is ok with a value or says why not. */
static void test_every_counter_counts_or_says_why(void **state) {
    (void)state;
    enum { PAGES = 64, PAGE = 65536 };
    hone_counters counters;
    hone_counters_open(&counters);
    hone_counters_start(&counters);
    volatile char *block = malloc((size_t)PAGES * PAGE);
    assert_non_null((void *)block);
    for (size_t i = 0; i < PAGES; i++) {
        block[i * PAGE] = 1;
    }
    hone_counters_stop(&counters);
    free((void *)block);
    for (int id = 0; id < HONE_COUNTERS_COUNT; id++) {
        const hone_counter *counter = &counters.counters[id];
        assert_true((counter->state == HONE_COUNTER_UNSUPPORTED) == (counter->reason[0] != '\0'));
        print_message("%s: %s %llu %s\n", hone_counter_name((hone_counter_id)id),
                      counter->state == HONE_COUNTER_UNSUPPORTED ? "n/a" : "ok",
                      (unsigned long long)counter->value, counter->reason);
    }
    assert_int_equal(counters.counters[HONE_COUNTER_CONTEXT_SWITCHES].state, HONE_COUNTER_OK);
    const hone_counter *faults = &counters.counters[HONE_COUNTER_PAGE_FAULTS];
    assert_int_equal(faults->state, HONE_COUNTER_OK);
    assert_in_range(faults->value, 1, 100000);
    hone_counters_close(&counters);
}

static void test_software_counters_survive_a_refusing_kernel(void **state) {
    (void)state;
    hone_counters counters;
    hone_counters_open(&counters);
    hone_counters_close(&counters); /* as if every perf_event_open had been refused */
    hone_counters_start(&counters);
    _Atomic uint32_t word = 0;
    for (int i = 0; i < 5; i++) {
        hone_futex_wait(&word, 0, 100000);
    }
    hone_counters_stop(&counters);
    assert_int_equal(counters.counters[HONE_COUNTER_CONTEXT_SWITCHES].state, HONE_COUNTER_OK);
    assert_in_range(counters.counters[HONE_COUNTER_CONTEXT_SWITCHES].value, 5, 1000);
    assert_int_equal(counters.counters[HONE_COUNTER_PAGE_FAULTS].state, HONE_COUNTER_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_refusal_has_its_reason),
        cmocka_unit_test(test_multiplexed_values_are_scaled_and_flagged),
        cmocka_unit_test(test_every_counter_counts_or_says_why),
        cmocka_unit_test(test_software_counters_survive_a_refusing_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
