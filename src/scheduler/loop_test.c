/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops and reductions: the range is covered once whatever the options, from anywhere; results do
 * not depend on the number of workers; costs are learnt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hone/platform/clock.h"
#include "hone/platform/thread.h"
#include "hone/scheduler/loop.h"

static hone_scheduler *start(uint32_t workers_count) {
    hone_scheduler *scheduler = NULL;
    hone_scheduler_options options = {.workers_count = workers_count};
    assert_int_equal(hone_scheduler_create(&options, NULL, &scheduler), HONE_OK);
    return scheduler;
}

typedef struct sum_loop {
    hone_scheduler *scheduler;
    uint8_t *seen;
    size_t inner_count;
    _Atomic uint64_t total;
} sum_loop;

static void inner_body(void *context, size_t begin, size_t end) {
    atomic_fetch_add((_Atomic uint64_t *)context, end - begin);
}

static void sum_body(void *context, size_t begin, size_t end) {
    sum_loop *sum = context;
    for (size_t i = begin; i < end; i++) {
        sum->seen[i]++;
        if (sum->inner_count && i % 1000 == 0) {
            hone_scheduler_for(sum->scheduler, sum->inner_count, 1, inner_body, &sum->total);
        }
    }
}

static void loops_cover_their_range_once(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 7, 64, 1000, 100003};
    for (uint32_t workers = 1; workers <= 4; workers++) {
        hone_scheduler *scheduler = start(workers);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (size_t grain = 0; grain <= 100; grain += 50) {
                sum_loop sum = {
                    .scheduler = scheduler, .seen = calloc(counts[c] + 1, 1), .inner_count = 33};
                hone_scheduler_for(scheduler, counts[c], grain, sum_body, &sum);
                for (size_t i = 0; i < counts[c]; i++) {
                    assert_int_equal(sum.seen[i], 1);
                }
                assert_int_equal(atomic_load(&sum.total), (counts[c] + 999) / 1000 * 33);
                free(sum.seen);
            }
        }
        hone_scheduler_destroy(scheduler);
    }
}

/* No claim may wrap around: that would run a piece twice. */
static void a_huge_loop_is_covered_once(void **state) {
    (void)state;
    static const size_t counts[] = {SIZE_MAX / 4, SIZE_MAX / 2, SIZE_MAX};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        hone_scheduler *scheduler = start(3);
        _Atomic uint64_t total = 0;
        hone_scheduler_for(scheduler, counts[c], SIZE_MAX / 4, inner_body, &total);
        usleep(20000); /* helpers that come late have run, too */
        hone_scheduler_destroy(scheduler);
        assert_true(atomic_load(&total) == counts[c]);
    }
}

/* ---- options ---- */

enum { ITEMS = 5000, CHUNKS_MAX = ITEMS };

typedef struct chunk_log {
    _Atomic uint32_t count;
    size_t lengths[CHUNKS_MAX];
    _Atomic uint32_t seen[ITEMS];
} chunk_log;

static void log_chunk(void *context, size_t begin, size_t end) {
    chunk_log *it = context;
    it->lengths[atomic_fetch_add(&it->count, 1)] = end - begin;
    for (size_t i = begin; i < end; i++) {
        atomic_fetch_add(&it->seen[i], 1);
        (void)hone_clock_thread_cpu_ns(); /* some work */
    }
}

static void check_limits(uint32_t workers_count, bool is_always_alone) {
    static const hone_loop_options cases[] = {
        {0},
        {.chunk_min = 7},
        {.chunk_min = 7, .is_chunk_fixed = true},
        {.chunk_min = 10, .chunk_max = 20},
        {.chunk_min = 20, .chunk_max = 10},
        {.chunk_max = 3},
        {.chunk_min = ITEMS * 2},
    };
    hone_scheduler *scheduler = start(workers_count);
    chunk_log *it = calloc(1, sizeof *it);
    assert_non_null(it);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        hone_loop_options options = cases[c];
        options.is_always_alone = is_always_alone;
        for (int round = 0; round < 20; round++) {
            memset(it, 0, sizeof *it);
            hone_scheduler_for_with(scheduler, ITEMS, &options, log_chunk, it);
            uint32_t count = atomic_load(&it->count);
            size_t least = options.chunk_min ? options.chunk_min : 1;
            size_t most = options.chunk_max ? options.chunk_max : ITEMS;
            most = options.is_chunk_fixed ? least : most < least ? least : most;
            uint32_t short_count = 0;
            for (uint32_t i = 0; i < count; i++) {
                assert_true(it->lengths[i] <= most);
                short_count += it->lengths[i] < least;
            }
            assert_true(short_count <= 1); /* the last */
            for (size_t i = 0; i < ITEMS; i++) {
                assert_int_equal(atomic_load(&it->seen[i]), 1);
            }
        }
    }
    free(it);
    hone_scheduler_destroy(scheduler);
}

static void chunks_keep_to_their_limits(void **state) {
    (void)state;
    check_limits(3, false);
    check_limits(1, false);
    check_limits(3, true);
}

typedef struct thread_log {
    uintptr_t thread;
    _Atomic uint32_t others_count;
} thread_log;

static void log_thread(void *context, size_t begin, size_t end) {
    thread_log *it = context;
    (void)begin;
    (void)end;
    if (hone_thread_self_id() != it->thread) {
        atomic_fetch_add(&it->others_count, 1);
    }
}

static void a_loop_can_be_kept_to_its_caller(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(4);
    thread_log it = {.thread = hone_thread_self_id()};
    hone_loop_options options = {.is_always_alone = true};
    for (int round = 0; round < 100; round++) {
        hone_scheduler_for_with(scheduler, 1000, &options, log_thread, &it);
    }
    assert_int_equal(atomic_load(&it.others_count), 0);
    hone_scheduler_stats stats;
    hone_scheduler_stats_total(scheduler, &stats);
    assert_int_equal(stats.loops_helped, 0);
    hone_scheduler_destroy(scheduler);
}

/* ---- what costs are for ---- */

static void touch(void *context, size_t begin, size_t end) {
    uint8_t *bytes = context;
    for (size_t i = begin; i < end; i++) {
        bytes[i]++;
    }
}

/* Once its cost is known, a loop below the bound wakes nobody; what a slow machine calls short is
 * set by the bound. */
static void short_loops_stay_with_their_caller(void **state) {
    (void)state;
    static uint8_t bytes[100];
    hone_scheduler_options options = {.workers_count = 2, .lone_loop_ns = HONE_LONE_LOOP_NS_MAX};
    hone_scheduler *scheduler = NULL;
    assert_int_equal(hone_scheduler_create(&options, NULL, &scheduler), HONE_OK);
    hone_scheduler_for(scheduler, sizeof bytes, 1, touch, bytes);
    hone_scheduler_stats before, after;
    usleep(20000);
    hone_scheduler_stats_total(scheduler, &before);
    for (int round = 0; round < 100; round++) {
        hone_scheduler_for(scheduler, sizeof bytes, 1, touch, bytes);
    }
    hone_scheduler_stats_total(scheduler, &after);
    assert_int_equal(after.wakes_count, before.wakes_count);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], 101);
    }
    hone_scheduler_destroy(scheduler);
}

typedef struct meeting {
    _Atomic uint32_t here;
} meeting;

/* Nobody leaves before both are here: needs two threads at a time. */
static void meet(void *context, size_t begin, size_t end) {
    meeting *it = context;
    uint32_t here;
    assert_int_equal(end - begin, 1);
    atomic_fetch_add(&it->here, 1);
    hone_futex_wake(&it->here, 2);
    while ((here = atomic_load(&it->here)) < 2) {
        hone_futex_wait(&it->here, here, UINT64_MAX);
    }
}

static void help_comes_to_a_loop_of_two_items(void **state) {
    (void)state;
    for (int round = 0; round < 300; round++) {
        hone_scheduler *scheduler = start(1 + (uint32_t)round % 3);
        meeting it = {0};
        hone_scheduler_for(scheduler, 2, 1, meet, &it);
        assert_int_equal(atomic_load(&it.here), 2);
        hone_scheduler_destroy(scheduler);
    }
}

/* ---- reductions ---- */

typedef struct float_sum {
    const double *values;
} float_sum;

static void fold_sum(void *context, size_t begin, size_t end, void *partial) {
    const float_sum *it = context;
    for (size_t i = begin; i < end; i++) {
        *(double *)partial += it->values[i];
    }
}

static void combine_sum(void *context, void *into, const void *partial) {
    (void)context;
    *(double *)into += *(const double *)partial;
}

static void sums_are_the_same_to_the_last_bit(void **state) {
    (void)state;
    enum { COUNT = 20011 };
    static double values[COUNT];
    uint64_t random = 1;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        values[i] = (double)(random >> 11) / 1e9 - 4e6;
    }
    static const size_t counts[] = {0, 1, 127, 128, 129, 5000, COUNT};
    double zero = 0;
    float_sum it = {values};
    hone_reduction reduction = {.size_bytes = sizeof(double),
                                .identity = &zero,
                                .fold = fold_sum,
                                .combine = combine_sum,
                                .context = &it};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        double first = 0;
        for (uint32_t workers = 1; workers <= 4; workers++) {
            hone_scheduler *scheduler = start(workers);
            for (int round = 0; round < 20; round++) {
                double sum = 1;
                assert_int_equal(hone_scheduler_reduce(scheduler, counts[c], 10, &reduction, &sum),
                                 HONE_OK);
                first = workers == 1 && round == 0 ? sum : first;
                assert_memory_equal(&sum, &first, sizeof sum);
            }
            hone_scheduler_destroy(scheduler);
        }
    }
}

static void bad_reductions_are_refused(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(1);
    double zero = 0, result = 7;
    hone_reduction good = {
        .size_bytes = sizeof zero, .identity = &zero, .fold = fold_sum, .combine = combine_sum};
    hone_reduction bad[5] = {good, good, good, good, good};
    bad[0].size_bytes = 0;
    bad[1].size_bytes = HONE_REDUCTION_BYTES_MAX + 1;
    bad[2].identity = NULL;
    bad[3].fold = NULL;
    bad[4].combine = NULL;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(hone_scheduler_reduce(scheduler, 10, 1, &bad[i], &result),
                         HONE_STATUS_INVALID_ARGUMENT);
        assert_true(result == 7);
    }
    hone_scheduler_destroy(scheduler);
}

/* ---- more loops at a time than there are descriptors ---- */

typedef struct tree_loop {
    hone_scheduler *scheduler;
    int depth;
    _Atomic uint64_t *leaves;
} tree_loop;

static void grow(void *context, size_t begin, size_t end) {
    const tree_loop *it = context;
    for (size_t i = begin; i < end; i++) {
        if (it->depth == 0) {
            atomic_fetch_add(it->leaves, 1);
        } else {
            tree_loop next = {it->scheduler, it->depth - 1, it->leaves};
            hone_scheduler_for(it->scheduler, 2, 1, grow, &next);
        }
    }
}

static void loops_nest_deeper_than_there_are_descriptors(void **state) {
    (void)state;
    hone_scheduler *scheduler = start(3);
    _Atomic uint64_t leaves = 0;
    tree_loop root = {scheduler, 12, &leaves};
    hone_scheduler_for(scheduler, 2, 1, grow, &root);
    assert_int_equal(atomic_load(&leaves), 1 << 13);
    hone_scheduler_destroy(scheduler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_cover_their_range_once),
        cmocka_unit_test(a_huge_loop_is_covered_once),
        cmocka_unit_test(chunks_keep_to_their_limits),
        cmocka_unit_test(a_loop_can_be_kept_to_its_caller),
        cmocka_unit_test(short_loops_stay_with_their_caller),
        cmocka_unit_test(help_comes_to_a_loop_of_two_items),
        cmocka_unit_test(sums_are_the_same_to_the_last_bit),
        cmocka_unit_test(bad_reductions_are_refused),
        cmocka_unit_test(loops_nest_deeper_than_there_are_descriptors),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
