/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/memory/budget.h"
#include "hone/memory/failing.h"
#include "hone/memory/pressure.h"
#include "random_test.h"

/* ---- arithmetic ---- */

static void test_bands(void **state) {
    (void)state;
    static const struct {
        double pressure;
        uint32_t percent;
    } cases[] = {{0, 10},   {0.6999, 10}, {0.70, 20}, {0.8499, 20}, {0.85, 30},
                 {0.9, 30}, {0.9499, 30}, {0.95, 50}, {1, 50}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t percent = cases[i].percent;
        assert_int_equal(hone_pressure_percent(cases[i].pressure), percent);
        for (size_t bytes = 0; bytes < 1000; bytes++) { /* rounded up, in whole numbers */
            assert_int_equal(hone_pressure_share_of(cases[i].pressure, bytes),
                             (bytes * percent + 99) / 100);
        }
        assert_true(hone_pressure_share_of(cases[i].pressure, SIZE_MAX) >=
                    SIZE_MAX / 100 * percent);
    }
}

static void test_window_matches_a_naive_one(void **state) {
    (void)state;
    uint64_t random = 5;
    double all[100];
    hone_pressure_window window = {0};
    assert_true(hone_pressure_window_value(&window) <= 0);
    for (int n = 0; n < 100; n++) {
        double sample = (double)random_below(&random, 1500) / 1000 - 0.2;
        hone_pressure_window_add(&window, sample);
        all[n] = sample < 0 ? 0 : sample > 1 ? 1 : sample;
        int first = n < HONE_PRESSURE_SAMPLES ? 0 : n - HONE_PRESSURE_SAMPLES + 1;
        double sum = 0;
        for (int i = first; i <= n; i++) {
            sum += all[i];
        }
        double value = sum / (n - first + 1) + 0.5 * (all[n] - all[first]);
        value = value < 0 ? 0 : value > 1 ? 1 : value;
        assert_true(fabs(hone_pressure_window_value(&window) - value) < 1e-12);
    }
    window = (hone_pressure_window){0};
    hone_pressure_window_add(&window, NAN);
    assert_true(hone_pressure_window_value(&window) <= 0);
}

/* ---- when passes come ---- */

typedef struct cache {
    hone_budget *budget;
    size_t bytes, asked_bytes;
    uint32_t calls_count;
} cache;

static size_t cache_size(void *self) {
    return ((cache *)self)->bytes;
}

static size_t cache_shrink(void *self, size_t bytes) {
    cache *it = self;
    size_t given = bytes < it->bytes ? bytes : it->bytes;
    it->asked_bytes = bytes;
    it->calls_count++;
    it->bytes -= given;
    hone_budget_return(it->budget, given);
    return given;
}

static hone_budget *make_budget(size_t limit_bytes, double soft_share) {
    hone_budget *budget = NULL;
    hone_budget_options options = {
        .name = "node", .limit_bytes = limit_bytes, .soft_share = soft_share};
    assert_int_equal(hone_budget_create(&options, NULL, &budget), HONE_OK);
    return budget;
}

static void fill(cache *it, size_t bytes) {
    assert_int_equal(hone_budget_lease(it->budget, bytes, NULL), HONE_OK);
    it->bytes += bytes;
}

static uint64_t passes(const cache *it) {
    return hone_budget_read_usage(it->budget).passes_count;
}

static void test_a_soft_mark_is_checked(void **state) {
    (void)state;
    static const struct {
        size_t limit;
        double share;
    } cases[] = {{1000, -0.1}, {1000, 1.1}, {1000, NAN}, {HONE_BUDGET_UNLIMITED, 0.5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_budget *budget = NULL;
        hone_budget_options options = {
            .name = "node", .limit_bytes = cases[i].limit, .soft_share = cases[i].share};
        hone_diag diag = {0};
        assert_int_equal(hone_budget_create(&options, &diag, &budget),
                         HONE_STATUS_INVALID_ARGUMENT);
        assert_true(diag.message[0]);
    }
}

/* Limit 1600, mark 1200, step 100. */
static void test_passes_have_hysteresis(void **state) {
    (void)state;
    cache it = {.budget = make_budget(1600, 0.75)};
    hone_budget_evictable evictable = {
        .name = "cache", .size_bytes = cache_size, .shrink = cache_shrink, .self = &it};
    assert_int_equal(hone_budget_register(it.budget, &evictable, NULL), HONE_OK);
    fill(&it, 1200);
    assert_int_equal(passes(&it), 0); /* at the mark, not above it */
    assert_int_equal(hone_budget_try_lease(it.budget, 10, NULL), HONE_OK);
    assert_int_equal(passes(&it), 0); /* try_lease starts none */
    hone_budget_return(it.budget, 10);
    fill(&it, 8); /* 1208 / 1600 = .755: 20 %; the 8 are not in the cache yet when it is asked */
    assert_int_equal(passes(&it), 1);
    assert_int_equal(it.asked_bytes, 240);
    assert_int_equal(it.bytes, 968);
    /* The next one at 968 + 100, but not below the mark: above 1200. */
    fill(&it, 232);
    assert_int_equal(passes(&it), 1);
    fill(&it, 1);
    assert_int_equal(passes(&it), 2);
    /* Where little can be evicted, it takes a step to the next pass. */
    size_t kept = it.bytes;
    it.bytes = 0;
    fill(&it, 1250 - kept);
    assert_int_equal(passes(&it), 3);
    it.bytes = 0;
    assert_int_equal(hone_budget_lease(it.budget, 99, NULL), HONE_OK); /* 1349 */
    assert_int_equal(passes(&it), 3);
    assert_int_equal(hone_budget_lease(it.budget, 1, NULL), HONE_OK); /* 1350 = 1250 + 100 */
    assert_int_equal(passes(&it), 4);
    /* Down to a step below the mark and up again: it is armed anew. */
    hone_budget_return(it.budget, 249); /* 1101: not low enough */
    assert_int_equal(hone_budget_lease(it.budget, 200, NULL), HONE_OK);
    assert_int_equal(passes(&it), 4);
    hone_budget_return(it.budget, 201);                                 /* 1100 */
    assert_int_equal(hone_budget_lease(it.budget, 101, NULL), HONE_OK); /* 1201 */
    assert_int_equal(passes(&it), 5);
    hone_budget_return(it.budget, 1201);
    hone_budget_unregister(&evictable);
    assert_int_equal(hone_budget_destroy(it.budget, NULL), HONE_OK);
}

/* A parent above its mark whose pass is not due leaves the turn to its child. */
static void test_a_child_has_its_passes_below_a_parent_above_its_mark(void **state) {
    (void)state;
    cache top = {.budget = make_budget(1600, 0.5)}, below = {0};
    hone_budget_options options = {
        .name = "child", .limit_bytes = 100, .soft_share = 0.5, .parent = top.budget};
    assert_int_equal(hone_budget_create(&options, NULL, &below.budget), HONE_OK);
    assert_int_equal(hone_budget_lease(top.budget, 801, NULL), HONE_OK);
    assert_int_equal(passes(&top), 1); /* the next one at 901 */
    assert_int_equal(hone_budget_lease(below.budget, 51, NULL), HONE_OK);
    assert_int_equal(passes(&top), 1);
    assert_int_equal(passes(&below), 1);
    assert_int_equal(hone_budget_lease(below.budget, 49, NULL), HONE_OK);
    assert_int_equal(passes(&top), 2); /* 901: the higher one comes first */
    assert_int_equal(passes(&below), 1);
    hone_budget_return(below.budget, 100);
    hone_budget_return(top.budget, 801);
    assert_int_equal(hone_budget_destroy(below.budget, NULL), HONE_OK);
    assert_int_equal(hone_budget_destroy(top.budget, NULL), HONE_OK);
}

static void test_a_mark_at_the_largest_limit(void **state) {
    (void)state;
    cache it = {.budget = make_budget(SIZE_MAX - 1, 1)}; /* as a double it is 2^64 */
    assert_int_equal(hone_budget_lease(it.budget, SIZE_MAX / 2, NULL), HONE_OK);
    assert_int_equal(passes(&it), 0);
    hone_budget_return(it.budget, SIZE_MAX / 2);
    assert_int_equal(hone_budget_destroy(it.budget, NULL), HONE_OK);
}

static void test_a_new_limit_moves_the_marks(void **state) {
    (void)state;
    cache it = {.budget = make_budget(1600, 0.5)};
    hone_budget_evictable evictable = {
        .name = "cache", .size_bytes = cache_size, .shrink = cache_shrink, .self = &it};
    assert_int_equal(hone_budget_register(it.budget, &evictable, NULL), HONE_OK);
    assert_int_equal(hone_budget_set_limit(it.budget, 3200, NULL), HONE_OK);
    fill(&it, 1600);
    assert_int_equal(passes(&it), 0);
    fill(&it, 1);
    assert_int_equal(passes(&it), 1);
    assert_int_equal(it.asked_bytes, 160); /* .5: 10 % */
    assert_int_equal(it.bytes, 1441);
    assert_int_equal(hone_budget_evict_pass(it.budget, 0.96), 721); /* half, rounded up */
    hone_budget_return(it.budget, it.bytes);
    hone_budget_unregister(&evictable);
    assert_int_equal(hone_budget_destroy(it.budget, NULL), HONE_OK);
}

/* ---- the monitor on faked machines ---- */

typedef struct machine {
    char root[64];
} machine;

static void write_file(const machine *it, const char *path, const char *text) {
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", it->root, path);
    for (char *slash = strchr(full + strlen(it->root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0755);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make_machine(machine *it) {
    (void)snprintf(it->root, sizeof it->root, "/tmp/hone-pressure-XXXXXX");
    assert_non_null(mkdtemp(it->root));
    write_file(it, "/proc/self/cgroup", "0::/app\n");
    write_file(it, "/proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    write_file(it, "/sys/fs/cgroup/app/memory.max", "1000\n");
    write_file(it, "/sys/fs/cgroup/app/memory.current", "100\n");
    write_file(it, "/proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
}

static void drop_machine(const machine *it) {
    static const char *const paths[] = {"/proc/self/cgroup",
                                        "/proc/self/mountinfo",
                                        "/proc/self",
                                        "/proc/pressure/memory",
                                        "/proc/pressure",
                                        "/proc",
                                        "/sys/fs/cgroup/app/memory.max",
                                        "/sys/fs/cgroup/app/memory.current",
                                        "/sys/fs/cgroup/app",
                                        "/sys/fs/cgroup",
                                        "/sys/fs",
                                        "/sys",
                                        ""};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char full[512];
        (void)snprintf(full, sizeof full, "%s%s", it->root, paths[i]);
        assert_int_equal(remove(full), 0);
    }
}

static void test_the_highest_source_counts(void **state) {
    (void)state;
    machine faked;
    make_machine(&faked);
    cache it = {.budget = make_budget(1000, 0)};
    hone_budget_evictable evictable = {
        .name = "cache", .size_bytes = cache_size, .shrink = cache_shrink, .self = &it};
    assert_int_equal(hone_budget_register(it.budget, &evictable, NULL), HONE_OK);
    fill(&it, 400);
    hone_pressure_monitor *monitor = NULL;
    hone_pressure_options options = {
        .budget = it.budget, .root = faked.root, .start = 0.6, .stop = 0.45};
    assert_int_equal(hone_pressure_create(&options, NULL, &monitor), HONE_OK);
    hone_pressure_state seen;
    assert_int_equal(hone_pressure_tick(monitor, NULL, &seen), HONE_OK);
    assert_true(fabs(seen.sample - 0.4) < 1e-9); /* our own use */
    assert_false(seen.is_evicting);
    write_file(&faked, "/sys/fs/cgroup/app/memory.current", "600\n");
    assert_int_equal(hone_pressure_tick(monitor, NULL, &seen), HONE_OK);
    assert_true(fabs(seen.sample - 0.6) < 1e-9); /* the control group */
    assert_true(fabs(seen.pressure - (0.5 + 0.1)) < 1e-9);
    assert_true(seen.is_evicting);
    assert_int_equal(seen.evicted_bytes, 40); /* below .70: 10 % */
    write_file(&faked, "/proc/pressure/memory", "some avg10=98.00 avg60=0 avg300=0 total=0\n");
    assert_int_equal(hone_pressure_tick(monitor, NULL, &seen), HONE_OK);
    assert_true(fabs(seen.sample - 0.98) < 1e-9); /* stalls */
    assert_true(fabs(seen.pressure - (1.98 / 3 + 0.29)) < 1e-9);
    assert_int_equal(seen.evicted_bytes, 180); /* .95: 50 % of 360 */
    write_file(&faked, "/proc/pressure/memory", "some avg10=0.00 avg60=0 avg300=0 total=0\n");
    write_file(&faked, "/sys/fs/cgroup/app/memory.current", "500\n");
    assert_int_equal(hone_pressure_tick(monitor, NULL, &seen), HONE_OK);
    assert_true(fabs(seen.pressure - (2.48 / 4 + 0.05)) < 1e-9);
    assert_true(seen.is_evicting); /* below start, not below stop */
    write_file(&faked, "/sys/fs/cgroup/app/memory.current", "10\n");
    for (int i = 0; i < HONE_PRESSURE_SAMPLES; i++) {
        assert_int_equal(hone_pressure_tick(monitor, NULL, &seen), HONE_OK);
    }
    assert_false(seen.is_evicting);
    assert_int_equal(seen.evicted_bytes, 0);
    hone_pressure_destroy(monitor);
    hone_budget_return(it.budget, it.bytes);
    hone_budget_unregister(&evictable);
    assert_int_equal(hone_budget_destroy(it.budget, NULL), HONE_OK);
    drop_machine(&faked);
}

static void test_what_is_missing_says_so(void **state) {
    (void)state;
    machine faked;
    make_machine(&faked);
    write_file(&faked, "/sys/fs/cgroup/app/memory.max", "max\n");
    write_file(&faked, "/proc/pressure/memory", "");
    hone_budget *budget = make_budget(HONE_BUDGET_UNLIMITED, 0);
    hone_pressure_monitor *monitor = NULL;
    hone_pressure_options options = {.budget = budget, .root = faked.root};
    hone_pressure_state seen;
    const char *reason;
    int fd;
    assert_int_equal(hone_pressure_create(&options, NULL, &monitor), HONE_OK);
    assert_int_equal(hone_pressure_tick(monitor, NULL, &seen), HONE_OK);
    const hone_fact *facts[] = {&seen.own, &seen.cgroup, &seen.stall};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(facts[i]->state, HONE_FACT_ABSENT);
        assert_true(facts[i]->reason[0]);
    }
    assert_true(seen.sample <= 0 && seen.pressure <= 0 && !seen.is_evicting);
    assert_int_equal(hone_pressure_descriptor(monitor, &fd, &reason), HONE_FACT_ABSENT);
    assert_true(fd == -1 && reason[0]);
    hone_pressure_destroy(monitor);
    options.with_descriptor = true;
    assert_int_equal(hone_pressure_create(&options, NULL, &monitor), HONE_OK);
    assert_int_equal(hone_pressure_descriptor(monitor, &fd, NULL), HONE_FACT_PRESENT);
    assert_true(fd >= 0);
    hone_pressure_destroy(monitor);
    options.window_ms = 20000;
    assert_int_equal(hone_pressure_create(&options, NULL, &monitor), HONE_OK);
    assert_int_equal(hone_pressure_descriptor(monitor, &fd, &reason), HONE_FACT_FORBIDDEN);
    assert_true(fd == -1 && reason[0]);
    hone_pressure_destroy(monitor);
    hone_pressure_destroy(NULL);
    assert_int_equal(hone_budget_destroy(budget, NULL), HONE_OK);
    drop_machine(&faked);
}

static void test_bad_options_and_lack_of_memory(void **state) {
    (void)state;
    hone_budget *budget = make_budget(1000, 0);
    const hone_pressure_options bad[] = {{.budget = NULL},
                                         {.budget = budget, .start = 0.5, .stop = 0.6},
                                         {.budget = budget, .start = 1.5},
                                         {.budget = budget, .stop = -1},
                                         {.budget = budget, .start = NAN},
                                         {.budget = budget, .stop = NAN}};
    hone_pressure_monitor *monitor = NULL;
    hone_pressure_options low = {.budget = budget, .start = 0.5}; /* it stops there, too */
    assert_int_equal(hone_pressure_create(&low, NULL, &monitor), HONE_OK);
    hone_pressure_destroy(monitor);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hone_pressure_create(&bad[i], NULL, &monitor),
                         HONE_STATUS_INVALID_ARGUMENT);
    }
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        hone_pressure_options options = {.budget = budget, .allocator = &failing.allocator};
        hone_pressure_state seen;
        hone_status status = hone_pressure_create(&options, NULL, &monitor);
        if (status == HONE_OK) {
            status = hone_pressure_tick(monitor, NULL, &seen);
            hone_pressure_destroy(monitor);
        }
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
    assert_int_equal(hone_budget_destroy(budget, NULL), HONE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bands),
        cmocka_unit_test(test_window_matches_a_naive_one),
        cmocka_unit_test(test_a_soft_mark_is_checked),
        cmocka_unit_test(test_passes_have_hysteresis),
        cmocka_unit_test(test_a_child_has_its_passes_below_a_parent_above_its_mark),
        cmocka_unit_test(test_a_mark_at_the_largest_limit),
        cmocka_unit_test(test_a_new_limit_moves_the_marks),
        cmocka_unit_test(test_the_highest_source_counts),
        cmocka_unit_test(test_what_is_missing_says_so),
        cmocka_unit_test(test_bad_options_and_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
