/* SPDX-License-Identifier: Apache-2.0 */
/* The lab's own parts: what a clock read, a histogram and the statistics cost. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hone/base/allocator.h"
#include "hone/measure/bench_main.h"
#include "hone/measure/histogram.h"
#include "hone/measure/statistics.h"
#include "hone/platform/clock.h"

enum { VALUES_COUNT = 2000 };

/* Input of the cases on arrays, and a place to work in. */
typedef struct arrays {
    double input[VALUES_COUNT];
    double work[VALUES_COUNT + 1000];
} arrays;

static hone_status make_arrays(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    arrays *made = HONE_NEW(NULL, arrays);
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the input");
    }
    hone_random random;
    hone_random_init(&random, 42);
    for (int i = 0; i < VALUES_COUNT; i++) {
        made->input[i] = (double)hone_random_below(&random, 1u << 30);
    }
    *out_context = made;
    return HONE_OK;
}

static void drop_arrays(void *context) {
    HONE_DELETE(NULL, arrays, context);
}

static void run_clock(void *context, uint64_t iterations) {
    (void)context;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        sum += hone_clock_monotonic_ns();
    }
    (void)hone_bench_opaque(sum);
}

static void run_clock_gettime(void *context, uint64_t iterations) {
    (void)context;
    struct timespec now = {0};
    for (uint64_t i = 0; i < iterations; i++) {
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        hone_bench_consume(&now);
    }
}

static hone_status make_histogram(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    *out_context = HONE_NEW(NULL, hone_histogram);
    return *out_context ? HONE_OK
                        : hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for it");
}

static void drop_histogram(void *context) {
    HONE_DELETE(NULL, hone_histogram, context);
}

static void run_histogram_add(void *context, uint64_t iterations) {
    uint64_t value = hone_bench_opaque(12345);
    for (uint64_t i = 0; i < iterations; i++) {
        hone_histogram_add(context, value >> 30, 1);
        value = value * 6364136223846793005u + 1442695040888963407u;
    }
    hone_bench_consume(context);
}

static void run_histogram_quantile(void *context, uint64_t iterations) {
    uint64_t sum = 0;
    run_histogram_add(context, 1000);
    for (uint64_t i = 0; i < iterations; i++) {
        sum += hone_histogram_quantile(context, 0.99);
    }
    (void)hone_bench_opaque(sum);
}

static void run_sort(void *context, uint64_t iterations) {
    arrays *data = context;
    for (uint64_t i = 0; i < iterations; i++) {
        memcpy(data->work, data->input, sizeof data->input);
        hone_sort_doubles(data->work, VALUES_COUNT);
        hone_bench_consume(data->work);
    }
}

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void run_qsort(void *context, uint64_t iterations) {
    arrays *data = context;
    for (uint64_t i = 0; i < iterations; i++) {
        memcpy(data->work, data->input, sizeof data->input);
        qsort(data->work, VALUES_COUNT, sizeof data->work[0], compare_doubles);
        hone_bench_consume(data->work);
    }
}

static void run_bootstrap(void *context, uint64_t iterations) {
    arrays *data = context;
    const hone_bootstrap_options options = {
        .confidence = 0.95, .resamples_count = 100, .seed = hone_bench_opaque(1)};
    for (uint64_t i = 0; i < iterations; i++) {
        hone_estimate got = hone_bootstrap_median(data->input, 100, &options, data->work);
        hone_bench_consume(&got);
    }
}

static const char *const *command_true(void *context) {
    static const char *const argv[] = {"true", NULL};
    (void)context;
    return argv;
}

static const hone_bench_case cases[] = {
    {.name = "clock",
     .unit = "ns",
     .variants = {{.name = "hone", .run = run_clock},
                  {.name = "clock_gettime", .run = run_clock_gettime}}},
    {.name = "histogram-add",
     .unit = "M values/s",
     .better = HONE_BENCH_HIGHER,
     .scale = 1e-6,
     .variants = {{.name = "hone",
                   .setup = make_histogram,
                   .run = run_histogram_add,
                   .teardown = drop_histogram},
                  {.name = "hdr_histogram",
                   .absent = "libhdr-histogram is not packaged in Debian 12"}}},
    {.name = "histogram-p99",
     .unit = "us",
     .scale = 1e-3,
     .variants = {{.name = "hone",
                   .setup = make_histogram,
                   .run = run_histogram_quantile,
                   .teardown = drop_histogram}}},
    {.name = "sort-2000",
     .unit = "us",
     .scale = 1e-3,
     .variants =
         {{.name = "hone", .setup = make_arrays, .run = run_sort, .teardown = drop_arrays},
          {.name = "qsort", .setup = make_arrays, .run = run_qsort, .teardown = drop_arrays}}},
    {.name = "bootstrap-100x100",
     .unit = "us",
     .scale = 1e-3,
     .variants =
         {{.name = "hone", .setup = make_arrays, .run = run_bootstrap, .teardown = drop_arrays}}},
    {.name = "process",
     .unit = "ms",
     .scale = 1e-6,
     .variants = {{.name = "hone", .command = command_true}}},
};

static const hone_bench_suite suite = {
    .name = "lab", .cases = cases, .cases_count = sizeof cases / sizeof cases[0]};

int main(int argc, char **argv) {
    return hone_bench_main(argc, argv, &suite);
}
