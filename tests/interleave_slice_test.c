/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claims of a loop in every order of their steps: an owner at the front of a slice, thieves at
 * its back. Every unit comes out exactly once, and whoever finds a slice empty is right.
 */
#include "interleave_atomics.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "slice_internal.h"

enum { UNITS_MAX = 8 };

typedef struct slice_run {
    hn_slice slice;
    hn_units whole;
    uint32_t owners_chunk, thiefs_chunk;
    uint32_t taken_counts[UNITS_MAX];  /* from whole.begin on */
    uint64_t lost_races, stolen_count; /* over all executions */
    bool is_order_kept;                /* the owner's ascend, a thief's descend */
} slice_run;

static void slice_begin(void *context) {
    slice_run *it = context;
    memset(it->taken_counts, 0, sizeof it->taken_counts);
    hn_slice_set(&it->slice, it->whole);
}

static void slice_step(void *context, uint32_t thread) {
    slice_run *it = context;
    bool is_owner = thread == 0;
    uint32_t chunk = is_owner ? it->owners_chunk : it->thiefs_chunk;
    uint32_t edge = is_owner ? it->whole.begin : it->whole.end;
    for (;;) {
        hn_units taken, seen = hn_slice_rest(&it->slice);
        if (hn_units_count(seen) == 0) {
            return;
        }
        if (!hn_slice_take(&it->slice, seen, chunk, is_owner, &taken)) {
            it->lost_races++;
            continue;
        }
        it->stolen_count += !is_owner;
        it->is_order_kept = it->is_order_kept && hn_units_count(taken) > 0 &&
                            (is_owner ? taken.begin >= edge : taken.end <= edge);
        edge = is_owner ? taken.end : taken.begin;
        for (uint32_t unit = taken.begin; unit < taken.end; unit++) {
            it->taken_counts[unit - it->whole.begin]++;
        }
    }
}

static void slice_end(void *context) {
    slice_run *it = context;
    assert_int_equal(hn_units_count(hn_slice_rest(&it->slice)), 0);
    for (uint32_t i = 0; i < hn_units_count(it->whole); i++) {
        assert_int_equal(it->taken_counts[i], 1);
    }
    assert_true(it->is_order_kept);
}

static void each_unit_comes_out_once(void **state) {
    (void)state;
    static const hn_units wholes[] = {{0, 1}, {0, 5}, {7, 12}, {UINT32_MAX - 5, UINT32_MAX}};
    static const uint32_t chunks[][2] = {{1, 1}, {2, 1}, {1, 3}, {9, 9}};
    for (uint32_t thieves = 1; thieves <= 2; thieves++) {
        uint64_t executions = 0, lost_races = 0, stolen_count = 0;
        for (size_t w = 0; w < sizeof wholes / sizeof *wholes; w++) {
            for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
                slice_run it = {.whole = wholes[w],
                                .owners_chunk = chunks[c][0],
                                .thiefs_chunk = chunks[c][1],
                                .is_order_kept = true};
                interleave_program program = {.name = "slice",
                                              .threads_count = 1 + thieves,
                                              .preemptions_max = thieves == 1 ? 4 : 2,
                                              .executions_max = 100000,
                                              .begin = slice_begin,
                                              .run = slice_step,
                                              .end = slice_end,
                                              .context = &it};
                executions += interleave_explore(&program);
                lost_races += it.lost_races;
                stolen_count += it.stolen_count;
            }
        }
        assert_true(executions > 1000 && lost_races > 0 && stolen_count > 0);
        print_message("%u thieves: %llu executions\n", thieves, (unsigned long long)executions);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_unit_comes_out_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
