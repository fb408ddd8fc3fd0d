/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why hot data gets cache lines of its own, and why walks over rows prefetch. False sharing: two
 * threads count, each for itself, on one line or on two. Prefetch: rows in random order, and a
 * branch on what they hold, so that the CPU cannot run ahead on its own; their order is known.
 */
#include <stdatomic.h>
#include <string.h>

#include "hone/base/allocator.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/clock.h"
#include "hone/platform/cpu_layout.h"
#include "hone/platform/thread.h"

enum {
    LINE_BYTES = 64,
    COUNTS_PER_SAMPLE = 20000,
    ROWS_COUNT = 1 << 20, /* 64 MiB */
    ORDER_COUNT = 1 << 20,
};

/* ---- false sharing ---- */

typedef struct counters {
    _Alignas(2 * LINE_BYTES) _Atomic uint64_t values[2 * LINE_BYTES / sizeof(uint64_t)];
    size_t other_index;                                    /* of the helper's counter */
    _Alignas(2 * LINE_BYTES) _Atomic uint32_t is_counting; /* 2: end */
    _Atomic uint32_t is_ready;
    hone_thread helper;
    uint32_t helper_cpu;
} counters;

static void count_along(void *context) {
    counters *mine = context;
    (void)!hone_thread_pin(mine->helper_cpu);
    for (;;) {
        uint32_t state;
        /* Acquire: pairs with the release stores of measure_counting and end_counting. */
        while ((state = atomic_load_explicit(&mine->is_counting, memory_order_acquire)) == 0) {
            hone_futex_wait(&mine->is_counting, 0, UINT64_MAX);
        }
        if (state == 2) {
            return;
        }
        atomic_store_explicit(&mine->is_ready, 1, memory_order_release);
        while (atomic_load_explicit(&mine->is_counting, memory_order_relaxed) == 1) {
            atomic_fetch_add_explicit(&mine->values[mine->other_index], 1, memory_order_relaxed);
        }
        atomic_store_explicit(&mine->is_ready, 0, memory_order_release);
    }
}

/* `apart_bytes`: how far the two counters are apart. */
static hone_status begin_counting(size_t apart_bytes, hone_diag *diag, void **out_context) {
    hone_cpu_layout layout;
    uint32_t cpus[2];
    hone_status status = hone_cpu_layout_read(NULL, NULL, diag, &layout);
    if (status != HONE_OK) {
        return status;
    }
    status = hone_cpu_layout_place(&layout, HONE_CPU_ORDER_SCATTER, true, 2, diag, cpus);
    hone_cpu_layout_deinit(&layout);
    if (status != HONE_OK) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "two cores are needed");
    }
    counters *made = HONE_NEW(NULL, counters);
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the counters");
    }
    made->other_index = apart_bytes / sizeof(uint64_t);
    made->helper_cpu = hone_thread_cpu() == cpus[1] ? cpus[0] : cpus[1];
    status = hone_thread_create("count", count_along, made, &made->helper);
    if (status != HONE_OK) {
        HONE_DELETE(NULL, counters, made);
        return hone_diag_set(diag, status, "no second thread");
    }
    *out_context = made;
    return HONE_OK;
}

static void await_ready(const counters *mine, uint32_t wanted) {
    while (atomic_load_explicit(&mine->is_ready, memory_order_acquire) != wanted) {
        hone_cpu_relax();
    }
}

/* ns of one count while the other thread counts too. */
static double measure_counting(void *context) {
    counters *mine = context;
    atomic_store_explicit(&mine->is_counting, 1, memory_order_release);
    hone_futex_wake(&mine->is_counting, 1);
    await_ready(mine, 1);
    uint64_t start_ns = hone_clock_monotonic_ns();
    for (int i = 0; i < COUNTS_PER_SAMPLE; i++) {
        atomic_fetch_add_explicit(&mine->values[0], 1, memory_order_relaxed);
    }
    uint64_t wall_ns = hone_clock_monotonic_ns() - start_ns;
    atomic_store_explicit(&mine->is_counting, 0, memory_order_release);
    await_ready(mine, 0);
    return (double)wall_ns / COUNTS_PER_SAMPLE;
}

static void end_counting(void *context) {
    counters *mine = context;
    atomic_store_explicit(&mine->is_counting, 2, memory_order_release);
    hone_futex_wake(&mine->is_counting, 1);
    hone_thread_join(mine->helper);
    HONE_DELETE(NULL, counters, mine);
}

/* ---- prefetch ---- */

typedef struct row {
    _Alignas(LINE_BYTES) uint64_t words[LINE_BYTES / sizeof(uint64_t)];
} row;

typedef struct table {
    row *rows;
    uint32_t *order;
    uint32_t next;
} table;

static void drop_table(void *context) {
    table *mine = context;
    HONE_DELETE_ARRAY(NULL, row, mine->rows, ROWS_COUNT);
    HONE_DELETE_ARRAY(NULL, uint32_t, mine->order, ORDER_COUNT);
    HONE_DELETE(NULL, table, mine);
}

static hone_status make_table(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    table *made = HONE_NEW(NULL, table);
    hone_random random;
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the rows");
    }
    made->rows = HONE_NEW_ARRAY(NULL, row, ROWS_COUNT);
    made->order = HONE_NEW_ARRAY(NULL, uint32_t, ORDER_COUNT);
    if (!made->rows || !made->order) {
        drop_table(made);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the rows");
    }
    hone_random_init(&random, 7);
    for (uint32_t i = 0; i < ROWS_COUNT; i++) {
        made->rows[i].words[0] = hone_random_next(&random);
    }
    for (uint32_t i = 0; i < ORDER_COUNT; i++) {
        made->order[i] = (uint32_t)hone_random_below(&random, ROWS_COUNT);
    }
    *out_context = made;
    return HONE_OK;
}

/* The branch cannot be guessed before the row is there. Kept a branch by the opaque value. */
static uint64_t look_at(const row *at, uint64_t sum) {
    if (at->words[0] & 1) {
        return hone_bench_opaque(sum * 31 + at->words[1]);
    }
    return sum + at->words[2];
}

/* Inlined for each distance, which is then a constant. */
static inline __attribute__((always_inline)) void walk_rows(void *context, uint64_t iterations,
                                                            uint32_t distance) {
    table *mine = context;
    uint64_t sum = 0;
    uint32_t next = mine->next;
    for (uint64_t i = 0; i < iterations; i++, next++) {
        if (distance > 0) {
            __builtin_prefetch(&mine->rows[mine->order[(next + distance) % ORDER_COUNT]]);
        }
        sum = look_at(&mine->rows[mine->order[next % ORDER_COUNT]], sum);
    }
    mine->next = next % ORDER_COUNT;
    (void)hone_bench_opaque(sum);
}

static void walk_without(void *context, uint64_t iterations) {
    walk_rows(context, iterations, 0);
}

static void walk_8(void *context, uint64_t iterations) {
    walk_rows(context, iterations, 8);
}

static void walk_32(void *context, uint64_t iterations) {
    walk_rows(context, iterations, 32);
}

static void walk_64(void *context, uint64_t iterations) {
    walk_rows(context, iterations, 64);
}

static hone_status begin_apart(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return begin_counting(LINE_BYTES, diag, out_context);
}

static hone_status begin_together(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return begin_counting(sizeof(uint64_t), diag, out_context);
}

static const hone_bench_case cases[] = {
    {.name = "count-beside-another",
     .unit = "ns",
     .variants = {{.name = "hone",
                   .setup = begin_apart,
                   .measure = measure_counting,
                   .teardown = end_counting},
                  {.name = "same line",
                   .setup = begin_together,
                   .measure = measure_counting,
                   .teardown = end_counting}}},
    {.name = "rows-in-random-order",
     .unit = "ns",
     .variants =
         {{.name = "hone", .setup = make_table, .run = walk_32, .teardown = drop_table},
          {.name = "no prefetch", .setup = make_table, .run = walk_without, .teardown = drop_table},
          {.name = "8 ahead", .setup = make_table, .run = walk_8, .teardown = drop_table},
          {.name = "64 ahead", .setup = make_table, .run = walk_64, .teardown = drop_table}}},
};

static const hone_bench_suite suite = {
    .name = "machine", .cases = cases, .cases_count = sizeof cases / sizeof cases[0]};

int main(int argc, char **argv) {
    return hone_bench_main(argc, argv, &suite);
}
