/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lab under test: compares a piece of work with a twin that does the same work (100) or a known
 * share more (110), and prints the verdict. tools/lab-check calls it many times.
 *
 *     lab_twin functions WORK SEED        two functions of one process
 *     lab_twin commands WORK SEED         two runs of this program
 *     lab_twin spin WORK                  does the work and ends
 *     LAB_TWIN_WORK=WORK lab_twin [OPTION]...    a bench suite, for --save and --compare
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/allocator.h"
#include "hone/measure/bench_main.h"

enum { BUFFER_WORDS = 2048, WORK_BASE = 100, SPIN_ROUNDS = 600, ARENA_BYTES_MAX = 64 << 20 };

typedef struct workload {
    uint64_t words[BUFFER_WORDS];
    uint64_t state;
    uint64_t units; /* of work an iteration */
} workload;

/* What the setup functions get: how much work either side does. */
typedef struct workloads {
    uint64_t old_units, new_units;
} workloads;

static workload *make_work(uint64_t units) {
    workload *made = HONE_NEW(NULL, workload);
    if (made) {
        made->units = units;
        made->state = 1;
        for (int i = 0; i < BUFFER_WORDS; i++) {
            made->words[i] = (uint64_t)i * 0x9e3779b97f4a7c15u;
        }
    }
    return made;
}

static hone_status set_up_old(const void *parameter, hone_diag *diag, void **out_context) {
    (void)diag;
    *out_context = make_work(((const workloads *)parameter)->old_units);
    return *out_context ? HONE_OK : HONE_STATUS_OUT_OF_MEMORY;
}

static hone_status set_up_new(const void *parameter, hone_diag *diag, void **out_context) {
    (void)diag;
    *out_context = make_work(((const workloads *)parameter)->new_units);
    return *out_context ? HONE_OK : HONE_STATUS_OUT_OF_MEMORY;
}

static void drop_work(void *context) {
    HONE_DELETE(NULL, workload, context);
}

/* A unit is 32 dependent steps through the buffer: arithmetic, loads and stores. */
static void work(void *context, uint64_t iterations) {
    workload *self = context;
    for (uint64_t i = 0; i < iterations; i++) {
        uint64_t steps = hone_bench_opaque(self->units) * 32, state = self->state;
        for (uint64_t step = 0; step < steps; step++) {
            uint64_t *word = &self->words[state % BUFFER_WORDS];
            state = (state ^ *word) * 0xbf58476d1ce4e5b9u + step;
            *word += state >> 32;
        }
        self->state = state;
        hone_bench_consume(self);
    }
}

static int print_verdict(const hone_comparison *comparison) {
    (void)printf("%s %.4f [%.4f, %.4f] %s\n", hone_verdict_name(comparison->verdict),
                 comparison->slowdown.value, comparison->slowdown.low, comparison->slowdown.high,
                 comparison->note);
    return EXIT_SUCCESS;
}

static int fail(const hone_diag *diag) {
    (void)fprintf(stderr, "error: %s\n", diag->message);
    return HONE_BENCH_EXIT_ERROR;
}

static int compare_functions(uint64_t units, uint64_t seed, hone_arena *arena) {
    const workloads parameter = {.old_units = WORK_BASE, .new_units = units};
    const hone_bench_case twin = {
        .name = "work",
        .unit = "us",
        .scale = 1e-3,
        .parameter = &parameter,
        .variants = {{.name = "new", .setup = set_up_new, .run = work, .teardown = drop_work},
                     {.name = "old", .setup = set_up_old, .run = work, .teardown = drop_work}},
    };
    const hone_bench_suite suite = {.name = "twin", .cases = &twin, .cases_count = 1};
    const hone_bench_options options = {.is_quick = true, .with_peers = true, .seed = seed};
    hone_bench_report report;
    hone_comparison comparison;
    hone_diag diag = {0};
    if (hone_bench_run(&suite, &options, arena, &diag, &report) != HONE_OK ||
        hone_compare_variants(&report.results[0], 1, 0, 0.05, seed, arena, &diag, &comparison) !=
            HONE_OK) {
        return fail(&diag);
    }
    return print_verdict(&comparison);
}

static int compare_commands(const char *program, uint64_t units, uint64_t seed, hone_arena *arena) {
    char base[24], other[24];
    (void)snprintf(base, sizeof base, "%d", WORK_BASE);
    (void)snprintf(other, sizeof other, "%llu", (unsigned long long)units);
    const char *const old_argv[] = {program, "spin", base, NULL};
    const char *const new_argv[] = {program, "spin", other, NULL};
    const hone_compare_commands_options options = {
        .old_argv = old_argv,
        .new_argv = new_argv,
        .bench = {.is_quick = true, .seed = seed, .time_max_ns = 2500000000},
    };
    hone_bench_report report;
    hone_comparisons comparisons;
    hone_diag diag = {0};
    if (hone_compare_commands(&options, arena, &diag, &report, &comparisons) != HONE_OK) {
        return fail(&diag);
    }
    return print_verdict(&comparisons.items[0]);
}

static int run_suite(uint64_t units, int argc, char **argv) {
    const workloads parameter = {.old_units = units, .new_units = units};
    const hone_bench_case twin = {
        .name = "work",
        .unit = "us",
        .scale = 1e-3,
        .parameter = &parameter,
        .variants = {{.name = "hone", .setup = set_up_new, .run = work, .teardown = drop_work}},
    };
    const hone_bench_suite suite = {.name = "twin", .cases = &twin, .cases_count = 1};
    return hone_bench_main(argc, argv, &suite);
}

static int spin(uint64_t units) {
    workload *self = make_work(units);
    if (!self) {
        return EXIT_FAILURE;
    }
    work(self, SPIN_ROUNDS);
    drop_work(self);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    const char *suite_work = getenv("LAB_TWIN_WORK");
    if (suite_work) {
        return run_suite(strtoull(suite_work, NULL, 10), argc, argv);
    }
    const char *mode = argc > 2 ? argv[1] : "";
    uint64_t units = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    int code = HONE_BENCH_EXIT_ERROR;
    hone_arena arena;
    hone_arena_init(&arena, NULL, ARENA_BYTES_MAX);
    if (units == 0) {
        (void)fprintf(stderr, "usage: lab_twin functions|commands|spin WORK [SEED]\n");
    } else if (strcmp(mode, "functions") == 0) {
        code = compare_functions(units, seed, &arena);
    } else if (strcmp(mode, "commands") == 0) {
        code = compare_commands(argv[0], units, seed, &arena);
    } else if (strcmp(mode, "spin") == 0) {
        code = spin(units);
    }
    hone_arena_deinit(&arena);
    return code;
}
