/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bench harness. A suite is a table of cases; a case measures hone and, beside it in the same
 * interleaved run, its peers. A bench executable is a suite and `return hone_bench_main(...)`
 * (bench_main.h).
 *
 *     static const hone_bench_case cases[] = {
 *         {.name = "sort", .unit = "us", .scale = 1e-3,
 *          .variants = {{.name = "hone", .setup = make_input, .run = sort_ours, .teardown = free},
 *                       {.name = "qsort", .setup = make_input, .run = sort_libc, .teardown =
 * free}}},
 *     };
 *     static const hone_bench_suite suite = {.name = "lab", .cases = cases, .cases_count = 1};
 *
 * How it measures. Samples of about 0.4 ms: shorter than a slice of the kernel's scheduler, so that
 * most of them run undisturbed even on a busy machine. Each is judged clean or disturbed
 * (preempted, migrated, delayed, time stolen by a hypervisor); statistics are of the clean ones,
 * and the clean share is reported. Each variant is warmed up until it is steady. Then come blocks:
 * every variant once in random order and once in the reverse order; the ratio of two variants is
 * the median of the ratios within blocks, with a bootstrap interval over blocks, so that slow
 * drifts of the machine cancel. It stops when the intervals are narrow, or at its time limit.
 *
 * Percentiles are of samples, that is of means over the iterations of a sample. For percentiles of
 * single operations set iterations_max = 1 (operations of a few us and more).
 *
 * Contract: confined; runs on the calling thread. Allocates its report in the arena given. Case
 * functions must not print. Sources: docs/sources.md (Kalibera & Jones 2013 for the method).
 */
#ifndef HONE_MEASURE_BENCH_H
#define HONE_MEASURE_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/arena.h"
#include "hone/base/status.h"
#include "hone/measure/statistics.h"
#include "hone/platform/counters.h"

enum {
    HONE_BENCH_VARIANTS_MAX = 12, /* hone and its peers, per case */
    HONE_BENCH_CASES_MAX = 512,
};

typedef enum hone_bench_better { HONE_BENCH_LOWER, HONE_BENCH_HIGHER } hone_bench_better;

/* One competitor of a case. Exactly one of run, measure and command is set, or `absent`. */
typedef struct hone_bench_variant {
    const char *name;   /* the first variant of a case is "hone" */
    const char *absent; /* why this peer is not in this build ("libtbb-dev is not installed") */
    /* Makes the input. May be NULL: then the context is the case's parameter. ABSENT with a diag
     * message lists the peer as absent with that message. Not timed. */
    hone_status (*setup)(const void *parameter, hone_diag *diag, void **out_context);
    /* Does the work `iterations` times. Timed. */
    void (*run)(void *context, uint64_t iterations);
    /* Or: measures by itself and returns one value (> 0) in the case's unit, before scale. */
    double (*measure)(void *context);
    /* Or: the command line (ends with NULL) of a program whose whole run is timed; the peak of its
     * resident memory (its own, not that of programs it starts) becomes a second case "NAME/rss",
     * absent where the system does not let us see it. It is traced for that: see
     * hone_process_options.with_rss. After ten minutes it is killed. */
    const char *const *(*command)(void *context);
    void (*teardown)(void *context); /* may be NULL */
} hone_bench_variant;

typedef struct hone_bench_case {
    const char *name;
    const char *unit; /* as printed */
    hone_bench_better better;
    /* What one iteration (or one run of a command) works on: records, bytes; 0 means 1. */
    double items_per_iteration;
    /* To the unit: of ns per item where lower is better, of items per second where higher is, of
     * what `measure` returns; 0 means 1. "us": 1e-3; "M records/s": 1e-6. */
    double scale;
    uint64_t iterations_max; /* per sample; 0: as many as fit into a sample */
    const void *parameter;   /* for setup */
    hone_bench_variant variants[HONE_BENCH_VARIANTS_MAX]; /* up to the first without a name */
} hone_bench_case;

typedef struct hone_bench_suite {
    const char *name;
    const hone_bench_case *cases;
    uint32_t cases_count;
} hone_bench_suite;

/* Why samples were disturbed. */
typedef enum hone_bench_cause {
    HONE_BENCH_PREEMPTED, /* involuntary context switches */
    HONE_BENCH_MIGRATED,  /* to another CPU */
    HONE_BENCH_DELAYED,   /* off the CPU though it did not sleep */
    HONE_BENCH_STOLEN,    /* the hypervisor ran somebody else */
    HONE_BENCH_CAUSES_COUNT
} hone_bench_cause;

typedef struct hone_bench_variant_result {
    const char *name;
    const char *absent;    /* not NULL: nothing below is set */
    double *values;        /* of every sample in order, two a block, in the case's unit */
    uint8_t *disturbances; /* of each: a bit (1 << cause) per cause; 0 is clean */
    uint32_t count, clean_count;
    uint32_t caused_counts[HONE_BENCH_CAUSES_COUNT];
    uint64_t iterations; /* per sample */
    uint64_t warm_up_ns; /* how long it took to become steady */
    bool is_steady;      /* false: the warm-up reached its limit */
    bool is_clean_used;  /* false: too few clean samples, the summary is of all */
    hone_summary summary;
    /* The processes the samples come from, in order: one, unless reports were merged. */
    uint32_t runs_count;
    uint32_t *run_counts;      /* samples of each */
    double *run_references_ns; /* the reference loop beside each */
    double *run_others;        /* CPUs other programs kept busy meanwhile; 0: none, or unknown */
    /* Per iteration; counters_count is 0 for commands and for self-measuring cases. */
    double counter_values[HONE_COUNTERS_COUNT];
    hone_counter counters[HONE_COUNTERS_COUNT];
    uint32_t counters_count;
} hone_bench_variant_result;

typedef struct hone_bench_result {
    const char *name, *unit;
    hone_bench_better better;
    uint32_t variants_count;
    hone_bench_variant_result *variants; /* [0] is hone */
    /* By variant: how many times better hone is (above 1: hone wins). [0] and absent ones, and
     * those without a pair of samples, have is_low_known false. */
    hone_estimate *ratios;
    uint32_t *pairs_counts; /* blocks behind each ratio */
    /* The ns of one iteration: value x time_factor where lower is better, time_factor / value where
     * higher is. 0 where the case does not measure time. */
    double time_factor;
    /* A fixed loop run beside the case: tells a slower machine from slower code. */
    double reference_ns;
} hone_bench_result;

/* The machine the numbers are of. Texts are never NULL; "n/a" where the system does not say. */
typedef struct hone_bench_host {
    char cpu[96], architecture[24], kernel[80], compiler[80], build[24];
    uint32_t cpus_count;
    double load_average;  /* of the last minute, at the start; negative: unknown */
    uint64_t fingerprint; /* of cpu, architecture, kernel and cpus_count */
} hone_bench_host;

typedef struct hone_bench_report {
    const char *suite;
    hone_bench_host host;
    hone_bench_result *results;
    uint32_t results_count;
    uint64_t seed;
} hone_bench_report;

typedef struct hone_bench_options {
    const char *filter;              /* only cases whose name contains it; NULL: all */
    bool with_peers;                 /* else hone alone */
    bool is_quick;                   /* shorter samples, wider intervals, an eighth of the time */
    uint64_t seed;                   /* of orders and resampling; 0 means 1 */
    double precision;                /* half-width of the intervals aimed at; 0 means 0.01 */
    uint64_t time_max_ns;            /* per case; 0 means 5 s (quick: 0.7 s) */
    uint32_t blocks_min, blocks_max; /* 0 means the defaults */
    const char *root; /* prefix of /proc and /sys, for tests; NULL or "" means the real ones */
    /* Called before each case; may be NULL. */
    void (*progress)(void *self, const char *case_name, uint32_t index, uint32_t count);
    void *self;
} hone_bench_options;

/* Runs the suite. The report and all it points to live in `arena` and borrow the suite's texts.
 * `options` may be NULL. NOT_FOUND when the filter leaves nothing; INVALID_ARGUMENT for a suite
 * that breaks the rules above; else what a setup or a command of hone's own returned. */
HONE_MUST_USE hone_status hone_bench_run(const hone_bench_suite *suite,
                                         const hone_bench_options *options, hone_arena *arena,
                                         hone_diag *diag, hone_bench_report *out_report);

/* One report of the hone variants of several runs of the same suite, one process each: where a
 * process happens to lie in memory makes a difference that no number of samples in one process
 * shows. Cases that a run lacks are left out. Values are copied into the arena, texts are borrowed.
 * OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_bench_merge(const hone_bench_report *reports, uint32_t count,
                                           hone_arena *arena, hone_diag *diag,
                                           hone_bench_report *out_report);

/* Reads what identifies the machine; `root` as in the options. */
void hone_bench_host_read(const char *root, hone_bench_host *out_host);

/* Keeps a value from being computed away: the compiler must assume it is read and changed. */
static inline void hone_bench_consume(const void *pointer) {
    __asm__ volatile("" : : "g"(pointer) : "memory");
}
static inline uint64_t hone_bench_opaque(uint64_t value) {
    __asm__ volatile("" : "+r"(value));
    return value;
}

#endif
