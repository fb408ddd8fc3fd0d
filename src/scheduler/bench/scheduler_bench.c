/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What parallel work costs, beside plain calls, oneTBB and libgomp where they are installed. In all
 * runtimes the calling thread takes part: "2 threads" are this one and one more.
 *
 * A sample on two threads begins with two milliseconds of rounds that are not counted, after which
 * all threads are at work. Idle threads of libgomp spin for some milliseconds and would take the
 * second CPU from whoever is measured next, so they are ended after each sample.
 *
 * fib/...          a fork for every call, nothing else: the price of a fork with its join. Plain
 *                  calls are a function that the compiler may inline into itself, as in hone.
 * queens, tree, matrix   a fork for every call again, with some work in it
 * for-1000         a loop over 1000 floats, each set: the price of a loop
 *   /hot           again and again
 *   /after-5ms     once after 5 ms of sleep, when workers sleep, too
 *   /crowded-p99   the 99th percentile of 300 loops while two other threads use both CPUs
 * for-large        y += a x over 2^20 floats: memory bound
 * for-skewed       item i costs i steps: chunks must adapt
 * partitions       how far off, in percentage points: a share of 70 % under full load, the sum of
 *                  the bills, and the use of an idle partition's share
 */
#include <stdlib.h>
#include <string.h>

#include "hone/measure/bench_main.h"
#include "hone/measure/statistics.h"
#include "hone/platform/clock.h"
#include "hone/platform/thread.h"
#include "partitions_bench_internal.h"
#include "workload_internal.h"

enum {
    FIB_N = 22,
    FIB_NODES = 28656,
    FIB_LARGE_N = 26, /* on two threads: long enough that beginning and end do not count */
    FIB_LARGE_NODES = 196417,
    QUEENS_N = 9,
    CROWD_LOOPS = 300,
    CROWD_MAX = 2
};

enum { WAKE_NS = 2000000, SAMPLE_NS = 500000 };

typedef struct job {
    const runtime *runtime;
    void *self;
    float *values; /* 2 x LOOP_LARGE */
    float *matrices;
    hone_thread crowd[CROWD_MAX];
    uint32_t crowd_count;
    _Atomic uint32_t is_crowd_over;
    uint64_t rounds; /* of a sample, once known */
} job;

static void drop(void *context) {
    job *it = context;
    atomic_store_explicit(&it->is_crowd_over, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < it->crowd_count; i++) {
        hone_thread_join(it->crowd[i]);
    }
    if (it->runtime->stop) {
        it->runtime->stop(it->self);
    }
    free(it->values);
    free(it->matrices);
    free(it);
}

static hone_status make(const runtime *kind, uint32_t threads, hone_diag *diag,
                        void **out_context) {
    job *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    it->runtime = kind;
    it->values = calloc((size_t)2 * LOOP_LARGE, sizeof(float));
    it->matrices = calloc((size_t)3 * MATRIX_SIZE * MATRIX_SIZE, sizeof(float));
    if (it->values && it->matrices) {
        it->self = kind->start ? kind->start(threads) : NULL;
    }
    if (!it->values || !it->matrices || (kind->start && !it->self)) {
        free(it->values);
        free(it->matrices);
        free(it);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "%s could not be started",
                             kind->name);
    }
    *out_context = it;
    if (kind->fib(it->self, 15) != 610 || kind->queens(it->self, 6) != 4 ||
        kind->tree(it->self) != runtime_serial.tree(NULL)) {
        drop(it);
        return hone_diag_set(diag, HONE_STATUS_INTERNAL, "%s computes something else", kind->name);
    }
    return HONE_OK;
}

static hone_status make_serial(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make(&runtime_serial, 1, diag, out_context);
}

static hone_status make_hone_1(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make(&runtime_hone, 1, diag, out_context);
}

static hone_status make_hone_2(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make(&runtime_hone, 2, diag, out_context);
}

#if HONE_BENCH_TBB
static hone_status make_tbb_1(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make(&runtime_tbb, 1, diag, out_context);
}

static hone_status make_tbb_2(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make(&runtime_tbb, 2, diag, out_context);
}

static hone_status make_tbb_auto_2(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make(&runtime_tbb_auto, 2, diag, out_context);
}
#endif

#if HONE_BENCH_OPENMP
static hone_status make_openmp_1(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make(&runtime_openmp, 1, diag, out_context);
}

static hone_status make_openmp_2(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make(&runtime_openmp, 2, diag, out_context);
}
#endif

/* ---- the work ---- */

static void run_fib(void *context, uint64_t iterations) {
    job *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        long result = it->runtime->fib(it->self, (long)hone_bench_opaque(FIB_N));
        hone_bench_consume(&result);
    }
}

static void run_fib_large(void *context, uint64_t iterations) {
    job *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        long result = it->runtime->fib(it->self, (long)hone_bench_opaque(FIB_LARGE_N));
        hone_bench_consume(&result);
    }
}

static void run_queens(void *context, uint64_t iterations) {
    job *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        long result = it->runtime->queens(it->self, (int)hone_bench_opaque(QUEENS_N));
        hone_bench_consume(&result);
    }
}

static void run_tree(void *context, uint64_t iterations) {
    job *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        long result = it->runtime->tree(it->self);
        hone_bench_consume(&result);
    }
}

static void run_matrix(void *context, uint64_t iterations) {
    job *it = context;
    enum { CELLS = MATRIX_SIZE * MATRIX_SIZE };
    matrix_job whole = {it->matrices, it->matrices + CELLS, it->matrices + 2 * CELLS, MATRIX_SIZE};
    for (uint64_t i = 0; i < iterations; i++) {
        it->runtime->matrix(it->self, whole);
        hone_bench_consume(it->matrices);
    }
}

static void run_loop_small(void *context, uint64_t iterations) {
    job *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        it->runtime->loop_small(it->self, it->values);
        hone_bench_consume(it->values);
    }
}

static void run_loop_large(void *context, uint64_t iterations) {
    job *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        it->runtime->loop_large(it->self, it->values);
        hone_bench_consume(it->values);
    }
}

static void run_loop_skewed(void *context, uint64_t iterations) {
    job *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        it->runtime->loop_skewed(it->self, it->values);
        hone_bench_consume(it->values);
    }
}

/* ---- with all threads awake ---- */

typedef void work(void *context, uint64_t iterations);

static void pause_ns(uint64_t ns) {
    _Atomic uint32_t never = 0;
    hone_futex_wait(&never, 0, ns);
}

static double time_rounds(job *it, work *run, uint64_t rounds) {
    uint64_t start_ns = hone_clock_monotonic_ns();
    run(it, rounds);
    return (double)(hone_clock_monotonic_ns() - start_ns);
}

/* ns of one round; a sample takes about SAMPLE_NS. */
static double measure_awake(void *context, work *run) {
    job *it = context;
    uint64_t start_ns = hone_clock_monotonic_ns();
    double round_ns;
    do { /* until all threads, and the CPUs they woke, are at work */
        round_ns = time_rounds(it, run, 1);
    } while (hone_clock_monotonic_ns() - start_ns < WAKE_NS);
    if (it->rounds == 0) {
        it->rounds = round_ns < SAMPLE_NS ? (uint64_t)(SAMPLE_NS / (round_ns + 1)) + 1 : 1;
    }
    round_ns = time_rounds(it, run, it->rounds) / (double)it->rounds;
    if (it->runtime->relax) {
        it->runtime->relax();
    }
    return round_ns;
}

static double measure_fib(void *context) {
    return measure_awake(context, run_fib_large);
}

static double measure_queens(void *context) {
    return measure_awake(context, run_queens);
}

static double measure_tree(void *context) {
    return measure_awake(context, run_tree);
}

static double measure_matrix(void *context) {
    return measure_awake(context, run_matrix);
}

static double measure_loop_small(void *context) {
    return measure_awake(context, run_loop_small);
}

static double measure_loop_large(void *context) {
    return measure_awake(context, run_loop_large);
}

static double measure_loop_skewed(void *context) {
    return measure_awake(context, run_loop_skewed);
}

static double time_one_loop(job *it) {
    uint64_t start_ns = hone_clock_monotonic_ns();
    it->runtime->loop_small(it->self, it->values);
    return (double)(hone_clock_monotonic_ns() - start_ns);
}

/* The CPU's own sleep is left within a millisecond of work. */
static double measure_after_sleep(void *context) {
    pause_ns(5000000);
    return time_one_loop(context) + 1;
}

static void crowd_main(void *context) {
    job *it = context;
    while (!atomic_load_explicit(&it->is_crowd_over, memory_order_relaxed)) {
        for (int i = 0; i < 1000; i++) {
            (void)hone_bench_opaque((uint64_t)i);
        }
    }
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Others begin with the first loop and end with the last: each variant has its own crowd. */
static double measure_crowded(void *context) {
    job *it = context;
    static double times_ns[CROWD_LOOPS];
    atomic_store_explicit(&it->is_crowd_over, 0, memory_order_relaxed);
    for (it->crowd_count = 0; it->crowd_count < CROWD_MAX; it->crowd_count++) {
        if (hone_thread_create("crowd", crowd_main, it, &it->crowd[it->crowd_count]) != HONE_OK) {
            break;
        }
    }
    for (int i = 0; i < CROWD_LOOPS; i++) {
        times_ns[i] = time_one_loop(it);
        if (i % 10 == 9) {
            pause_ns(1000000);
        }
    }
    atomic_store_explicit(&it->is_crowd_over, 1, memory_order_relaxed);
    while (it->crowd_count > 0) {
        hone_thread_join(it->crowd[--it->crowd_count]);
    }
    qsort(times_ns, CROWD_LOOPS, sizeof *times_ns, by_value);
    return times_ns[CROWD_LOOPS * 99 / 100];
}

/* ---- the suite ---- */

/* clang-format off */
#define VARIANT(variant_name, function, way) \
    {.name = variant_name, .setup = make_##function, .way, .teardown = drop}
#if HONE_BENCH_TBB
#define TBB(variant_name, function, way) VARIANT(variant_name, function, way)
#else
#define TBB(variant_name, function, way) \
    {.name = variant_name, .absent = "built without TBB (Debian: libtbb-dev and g++)"}
#endif
#if HONE_BENCH_OPENMP
#define OPENMP(variant_name, function, way) VARIANT(variant_name, function, way)
#else
#define OPENMP(variant_name, function, way) \
    {.name = variant_name, .absent = "built without OpenMP"}
#endif
#define ON_TWO(way) \
    VARIANT("hone", hone_2, way), VARIANT("serial", serial, way), TBB("tbb", tbb_2, way), \
    OPENMP("libgomp", openmp_2, way)
/* clang-format on */

static const hone_bench_case cases[] = {
    {.name = "fib/1-thread",
     .unit = "ns",
     .items_per_iteration = FIB_NODES,
     .variants = {VARIANT("hone", hone_1, run = run_fib), VARIANT("serial", serial, run = run_fib),
                  TBB("tbb", tbb_1, run = run_fib), OPENMP("libgomp", openmp_1, run = run_fib)}},
    {.name = "fib/2-threads",
     .unit = "ns",
     .scale = 1.0 / FIB_LARGE_NODES,
     .variants = {ON_TWO(measure = measure_fib),
                  VARIANT("hone-1-thread", hone_1, measure = measure_fib)}},
    {.name = "queens/2-threads",
     .unit = "us",
     .scale = 1e-3,
     .variants = {ON_TWO(measure = measure_queens)}},
    {.name = "tree/2-threads",
     .unit = "us",
     .scale = 1e-3,
     .variants = {ON_TWO(measure = measure_tree)}},
    {.name = "matrix/2-threads",
     .unit = "us",
     .scale = 1e-3,
     .variants = {ON_TWO(measure = measure_matrix)}},
    {.name = "for-1000/hot",
     .unit = "us",
     .scale = 1e-3,
     .variants = {ON_TWO(measure = measure_loop_small),
                  TBB("tbb-auto", tbb_auto_2, measure = measure_loop_small)}},
    {.name = "for-1000/after-5ms",
     .unit = "us",
     .scale = 1e-3,
     .variants = {ON_TWO(measure = measure_after_sleep),
                  TBB("tbb-auto", tbb_auto_2, measure = measure_after_sleep)}},
    {.name = "for-1000/crowded-p99",
     .unit = "us",
     .scale = 1e-3,
     .variants = {ON_TWO(measure = measure_crowded),
                  TBB("tbb-auto", tbb_auto_2, measure = measure_crowded)}},
    {.name = "for-large",
     .unit = "us",
     .scale = 1e-3,
     .variants = {ON_TWO(measure = measure_loop_large),
                  TBB("tbb-auto", tbb_auto_2, measure = measure_loop_large)}},
    {.name = "for-skewed",
     .unit = "us",
     .scale = 1e-3,
     .variants = {ON_TWO(measure = measure_loop_skewed),
                  TBB("tbb-auto", tbb_auto_2, measure = measure_loop_skewed)}},
    {.name = "partitions/share",
     .unit = "points",
     .variants = {{.name = "hone", .measure = hn_measure_share}}},
    {.name = "partitions/bills",
     .unit = "points",
     .variants = {{.name = "hone", .measure = hn_measure_bills}}},
    {.name = "partitions/spare",
     .unit = "points",
     .variants = {{.name = "hone", .measure = hn_measure_spare}}},
};

static const hone_bench_suite suite = {
    .name = "scheduler", .cases = cases, .cases_count = sizeof cases / sizeof cases[0]};

int main(int argc, char **argv) {
    return hone_bench_main(argc, argv, &suite);
}
