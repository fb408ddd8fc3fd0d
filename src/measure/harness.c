/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the cases of a suite: set up, find the number of iterations that fills a sample, warm up,
 * run blocks until the intervals are narrow or time is up, summarise.
 *
 * Looking at the width of the intervals to decide when to stop is safe; looking at the verdict
 * would not be: it would stop at the first chance excursion.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness_internal.h"
#include "hone/platform/clock.h"

enum {
    WINDOW_SAMPLES = 8, /* of the warm-up */
    CHECK_BLOCKS = 16,  /* between looks at the precision */
    REFERENCES_MAX = 256,
    COUNTED_SAMPLES = 8, /* for the performance counters */
    SAMPLES_FOR_P99 = 299,
    WATCHED_NS_MIN = 100000000,
};
#define ITERATIONS_LIMIT (UINT64_C(1) << 40)
static const double steady_change = 0.015;

/* The options with their defaults filled in. */
typedef struct plan {
    uint64_t sample_ns, warm_up_max_ns, time_max_ns, seed;
    uint32_t blocks_min, blocks_max;
    double precision;
} plan;

typedef struct bench_run {
    const hone_bench_options *options;
    plan plan;
    hone_arena *arena;
    hone_random random;
    hn_sampler sampler;
    double *scratch; /* room for 4 x blocks_max + HN_RESAMPLES_COUNT */
    hone_bench_report *report;
} bench_run;

/* One case while it runs. */
typedef struct case_run {
    bench_run *run;
    const hone_bench_case *spec;
    hone_bench_result *result, *rss_result;
    hn_competitor competitors[HONE_BENCH_VARIANTS_MAX];
    uint32_t present[HONE_BENCH_VARIANTS_MAX]; /* competitors that take part */
    uint32_t present_count;
    double references[REFERENCES_MAX];
    uint32_t references_count;
    double others; /* CPUs that other programs kept busy */
} case_run;

static plan plan_of(const hone_bench_options *options) {
    bool is_quick = options->is_quick;
    return (plan){
        .sample_ns = is_quick ? 150000 : 400000,
        .warm_up_max_ns = is_quick ? 50000000 : 300000000,
        .time_max_ns = options->time_max_ns ? options->time_max_ns
                       : is_quick           ? 700000000
                                            : 5000000000,
        .seed = options->seed ? options->seed : 1,
        .blocks_min = options->blocks_min ? options->blocks_min
                      : is_quick          ? 4
                                          : 8,
        .blocks_max = options->blocks_max ? options->blocks_max
                      : is_quick          ? 300
                                          : 1500,
        .precision = options->precision > 0 ? options->precision
                     : is_quick             ? 0.02
                                            : 0.01,
    };
}

static uint32_t variants_count(const hone_bench_case *spec) {
    uint32_t count = 0;
    while (count < HONE_BENCH_VARIANTS_MAX && spec->variants[count].name) {
        count++;
    }
    return count;
}

static hone_status check_case(const hone_bench_case *spec, hone_diag *diag) {
    if (!spec->name || !spec->unit || variants_count(spec) == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a case needs a name, a unit and at least one variant");
    }
    bool is_command = spec->variants[0].command != NULL;
    for (uint32_t i = 0; i < variants_count(spec); i++) {
        const hone_bench_variant *variant = &spec->variants[i];
        int ways = !!variant->run + !!variant->measure + !!variant->command;
        if (!variant->absent && (ways != 1 || !!variant->command != is_command)) {
            hone_diag_about(diag, spec->name);
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "variant '%.60s' needs exactly one of run, measure and command, "
                                 "and commands compete with commands only",
                                 variant->name);
        }
    }
    return HONE_OK;
}

static hone_status out_of_arena(hone_diag *diag) {
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "the samples do not fit into memory");
}

static hone_bench_result *add_result(case_run *self, const char *name, const char *unit,
                                     hone_bench_better better) {
    hone_arena *arena = self->run->arena;
    uint32_t count = self->run->options->with_peers ? variants_count(self->spec) : 1;
    hone_bench_result *result = &self->run->report->results[self->run->report->results_count];
    *result = (hone_bench_result){
        .name = name,
        .unit = unit,
        .better = better,
        .variants_count = count,
        .variants = HONE_ARENA_NEW_ARRAY(arena, hone_bench_variant_result, count),
        .ratios = HONE_ARENA_NEW_ARRAY(arena, hone_estimate, count),
        .pairs_counts = HONE_ARENA_NEW_ARRAY(arena, uint32_t, count),
    };
    if (!name || !result->variants || !result->ratios || !result->pairs_counts) {
        return NULL;
    }
    self->run->report->results_count++;
    return result;
}

static bool reserve_samples(bench_run *run, hone_bench_variant_result *variant) {
    size_t count = (size_t)run->plan.blocks_max * 2;
    variant->values = HONE_ARENA_NEW_ARRAY(run->arena, double, count);
    variant->disturbances = HONE_ARENA_NEW_ARRAY(run->arena, uint8_t, count);
    variant->run_counts = HONE_ARENA_NEW(run->arena, uint32_t);
    variant->run_references_ns = HONE_ARENA_NEW(run->arena, double);
    variant->run_others = HONE_ARENA_NEW(run->arena, double);
    return variant->values && variant->disturbances && variant->run_counts &&
           variant->run_references_ns && variant->run_others;
}

static void mark_absent(hn_competitor *competitor, const char *reason) {
    competitor->result->absent = reason;
    if (competitor->rss_result) {
        competitor->rss_result->absent = reason;
    }
}

static hone_status set_up(case_run *self, hn_competitor *competitor, hone_diag *diag) {
    const hone_bench_variant *variant = competitor->spec;
    hone_diag own = {0};
    hone_status status = HONE_OK;
    if (variant->absent) {
        mark_absent(competitor, variant->absent);
        return HONE_OK;
    }
    competitor->context = (void *)self->spec->parameter;
    if (variant->setup) {
        status = variant->setup(self->spec->parameter, &own, &competitor->context);
    }
    if (status == HONE_STATUS_ABSENT) {
        const char *reason = own.message[0] ? own.message : hone_status_text(status);
        reason = hone_arena_copy_text(self->run->arena, hone_text_of(reason));
        mark_absent(competitor, reason ? reason : "n/a");
        return HONE_OK;
    }
    if (status != HONE_OK) {
        hone_diag_about(diag, self->spec->name);
        return hone_diag_set(diag, status, "setting up '%.60s' failed: %s", variant->name,
                             own.message[0] ? own.message : hone_status_text(status));
    }
    competitor->is_set_up = true;
    competitor->iterations = 1;
    if (!reserve_samples(self->run, competitor->result) ||
        (competitor->rss_result && !reserve_samples(self->run, competitor->rss_result))) {
        return out_of_arena(diag);
    }
    return HONE_OK;
}

/* A command of a peer that fails is an absent peer; one of hone's is an error. */
static hone_status take(case_run *self, hn_competitor *competitor, hone_diag *diag,
                        hn_sample *out_sample) {
    hone_diag own = {0};
    hone_status status =
        hn_sampler_take(&self->run->sampler, self->spec, competitor, &own, out_sample);
    if (status == HONE_OK) {
        return status;
    }
    if (competitor == &self->competitors[0]) {
        hone_diag_about(diag, self->spec->name);
        return hone_diag_set(diag, status, "%s", own.message);
    }
    const char *reason = hone_arena_copy_text(self->run->arena, hone_text_of(own.message));
    mark_absent(competitor, reason ? reason : "n/a");
    return HONE_OK;
}

static uint64_t iterations_limit(const case_run *self) {
    return self->spec->iterations_max ? self->spec->iterations_max : ITERATIONS_LIMIT;
}

/* As many iterations as fill a sample, if the present number takes so long. */
static void fit_iterations(const case_run *self, hn_competitor *competitor, double wall_ns) {
    double limit = (double)iterations_limit(self);
    double fitting = (double)self->run->plan.sample_ns / wall_ns * (double)competitor->iterations;
    competitor->iterations = fitting < 1 ? 1 : (uint64_t)(fitting > limit ? limit : fitting);
}

static hone_status find_iterations(case_run *self, hn_competitor *competitor, hone_diag *diag) {
    uint64_t wanted_ns = self->run->plan.sample_ns;
    uint64_t limit = iterations_limit(self);
    hn_sample sample;
    if (!competitor->spec->run) {
        return HONE_OK;
    }
    for (;;) {
        hone_status status = take(self, competitor, diag, &sample);
        if (status != HONE_OK) {
            return status;
        }
        if (sample.wall_ns >= wanted_ns / 8 || competitor->iterations >= limit) {
            break;
        }
        competitor->iterations *= 2;
    }
    if (competitor->iterations >= ITERATIONS_LIMIT) {
        hone_diag_about(diag, self->spec->name);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "variant '%.60s' takes no time: it ignores its number of iterations, "
                             "or the compiler removed the work (see hone_bench_consume)",
                             competitor->spec->name);
    }
    fit_iterations(self, competitor, (double)sample.wall_ns);
    return HONE_OK;
}

/* What only the first iterations pay (pages, tables, caches) has made them look dear: samples that
 * have become too short are filled up, else they would be as cold as the first. */
static bool refit_iterations(const case_run *self, hn_competitor *competitor, double wall_ns) {
    bool is_short = competitor->spec->run && wall_ns < (double)self->run->plan.sample_ns / 2 &&
                    competitor->iterations < iterations_limit(self);
    if (is_short) {
        fit_iterations(self, competitor, wall_ns);
    }
    return is_short;
}

/* Windows of samples until two in a row change the median by less than steady_change. */
static hone_status warm_up(case_run *self, hn_competitor *competitor, hone_diag *diag) {
    uint64_t start_ns = hone_clock_monotonic_ns(), end_ns = start_ns;
    double last = 0, window[WINDOW_SAMPLES];
    int steady_windows = 0;
    uint32_t size = competitor->spec->command ? 1 : WINDOW_SAMPLES;
    bool is_late = false;
    while (steady_windows < 2 && !is_late && !competitor->result->absent) {
        uint32_t taken = 0;
        while (taken < size && !is_late && !competitor->result->absent) {
            hn_sample sample = {0};
            hone_status status = take(self, competitor, diag, &sample);
            if (status != HONE_OK) {
                return status;
            }
            window[taken++] = (double)sample.wall_ns;
            end_ns = hone_clock_monotonic_ns();
            is_late = end_ns - start_ns > self->run->plan.warm_up_max_ns;
        }
        hone_sort_doubles(window, taken);
        double median = hone_quantile(window, taken, 0.5);
        bool is_like_last = last > 0 && fabs(median / last - 1) < steady_change;
        steady_windows = is_like_last ? steady_windows + 1 : 0;
        last = refit_iterations(self, competitor, median) ? 0 : median;
    }
    competitor->result->warm_up_ns = end_ns - start_ns;
    competitor->result->is_steady = steady_windows >= 2;
    competitor->result->iterations = competitor->iterations;
    return HONE_OK;
}

static void keep_sample(hone_bench_variant_result *variant, double value, uint8_t disturbances) {
    variant->values[variant->count] = value;
    variant->disturbances[variant->count++] = disturbances;
}

/* A competitor whose command begins to fail in the middle becomes absent and takes no more part. */
static hone_status take_and_keep(case_run *self, hn_competitor *competitor, hone_diag *diag) {
    hn_sample sample = {0};
    if (competitor->result->absent) {
        return HONE_OK;
    }
    hone_status status = take(self, competitor, diag, &sample);
    if (status != HONE_OK || competitor->result->absent) {
        return status;
    }
    keep_sample(competitor->result, sample.value, sample.disturbances);
    if (competitor->rss_result && sample.rss_absent) {
        competitor->rss_result->absent = sample.rss_absent;
        competitor->rss_result->count = 0;
    } else if (competitor->rss_result && !competitor->rss_result->absent) {
        keep_sample(competitor->rss_result, sample.rss_mib, 0);
    }
    return HONE_OK;
}

static hone_status run_block(case_run *self, hone_diag *diag) {
    uint32_t order[2 * HONE_BENCH_VARIANTS_MAX], count = self->present_count;
    memcpy(order, self->present, count * sizeof order[0]);
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)hone_random_below(&self->run->random, i), kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
    for (uint32_t i = 0; i < count; i++) {
        order[2 * count - 1 - i] = order[i];
    }
    for (uint32_t i = 0; i < 2 * count; i++) {
        hone_status status = take_and_keep(self, &self->competitors[order[i]], diag);
        if (status != HONE_OK) {
            return status;
        }
    }
    if (self->references_count < REFERENCES_MAX) {
        self->references[self->references_count++] = (double)hn_reference_sample();
    }
    return HONE_OK;
}

static bool is_narrow(const hone_estimate *estimate, double precision) {
    return estimate->is_low_known && estimate->is_high_known &&
           estimate->high - estimate->low <= 2 * precision * fabs(estimate->value);
}

static bool is_precise(case_run *self) {
    double *scratch = self->run->scratch, precision = self->run->plan.precision;
    for (uint32_t i = 0; i < self->present_count; i++) {
        hone_bench_variant_result *variant = &self->result->variants[self->present[i]];
        if (variant->absent) {
            continue;
        }
        hn_variant_summarize(variant, scratch);
        if (variant->clean_count < SAMPLES_FOR_P99 ||
            !is_narrow(&variant->summary.median, precision)) {
            return false;
        }
    }
    for (uint32_t i = 1; i < self->result->variants_count; i++) {
        uint32_t pairs = self->result->variants[i].absent || self->result->variants[0].absent
                             ? 0
                             : hn_block_ratios(self->result, 0, i, scratch);
        if (pairs) {
            hone_sort_doubles(scratch, pairs);
            hone_estimate ratio = hone_quantile_estimate(scratch, pairs, 0.5, 0.95);
            if (!is_narrow(&ratio, precision)) {
                return false;
            }
        }
    }
    return true;
}

static hone_status run_blocks(case_run *self, hone_diag *diag) {
    const plan *limits = &self->run->plan;
    uint64_t start_ns = hone_clock_monotonic_ns();
    for (uint32_t block = 0; block < limits->blocks_max; block++) {
        if (block >= limits->blocks_min &&
            (hone_clock_monotonic_ns() - start_ns > limits->time_max_ns ||
             (block % CHECK_BLOCKS == 0 && is_precise(self)))) {
            break;
        }
        hone_status status = run_block(self, diag);
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

/* The blocks, and what other programs took of the machine meanwhile. */
static hone_status run_blocks_watched(case_run *self, hone_diag *diag) {
    const hone_usage_probe *probe = &self->run->sampler.probe;
    uint64_t machine_start_ns = 0, machine_end_ns = 0, own_ns = hone_usage_own_cpu_ns();
    uint64_t start_ns = hone_clock_monotonic_ns();
    bool is_known = hone_usage_machine_cpu_ns(probe, &machine_start_ns);
    hone_status status = run_blocks(self, diag);
    is_known = is_known && hone_usage_machine_cpu_ns(probe, &machine_end_ns);
    double wall_ns = (double)(hone_clock_monotonic_ns() - start_ns);
    own_ns = hone_usage_own_cpu_ns() - own_ns;
    double others_ns = (double)(machine_end_ns - machine_start_ns) - (double)own_ns;
    /* The kernel counts in steps of 10 ms: a short span tells nothing. */
    is_known = is_known && wall_ns >= WATCHED_NS_MIN;
    self->others = is_known && others_ns > 0 ? others_ns / wall_ns : 0;
    return status;
}

static void count_events(hn_competitor *competitor) {
    hone_bench_variant_result *result = competitor->result;
    if (!competitor->spec->run) {
        return;
    }
    hone_counters counters;
    hone_counters_open(&counters);
    hone_counters_start(&counters);
    for (int i = 0; i < COUNTED_SAMPLES; i++) {
        competitor->spec->run(competitor->context, competitor->iterations);
    }
    hone_counters_stop(&counters);
    for (int id = 0; id < HONE_COUNTERS_COUNT; id++) {
        result->counters[id] = counters.counters[id];
        result->counter_values[id] = (double)counters.counters[id].value /
                                     ((double)competitor->iterations * COUNTED_SAMPLES);
    }
    result->counters_count = HONE_COUNTERS_COUNT;
    hone_counters_close(&counters);
}

static void summarize(case_run *self, hone_bench_result *result) {
    double *scratch = self->run->scratch;
    for (uint32_t i = 0; i < result->variants_count; i++) {
        if (!result->variants[i].absent) {
            hn_variant_summarize(&result->variants[i], scratch);
        }
    }
    for (uint32_t i = 1; i < result->variants_count && !result->variants[0].absent; i++) {
        if (!result->variants[i].absent) {
            result->ratios[i] = hn_block_ratio_estimate(result, 0, i, self->run->plan.seed, scratch,
                                                        &result->pairs_counts[i]);
        }
    }
    if (self->references_count) {
        memcpy(scratch, self->references, self->references_count * sizeof scratch[0]);
        hone_sort_doubles(scratch, self->references_count);
        result->reference_ns = hone_quantile(scratch, self->references_count, 0.5);
    }
    for (uint32_t i = 0; i < result->variants_count; i++) {
        hone_bench_variant_result *variant = &result->variants[i];
        if (!variant->absent) {
            variant->runs_count = 1;
            variant->run_counts[0] = variant->count;
            variant->run_references_ns[0] = result->reference_ns;
            variant->run_others[0] = self->others;
        }
    }
}

static double time_factor_of(const hone_bench_case *spec) {
    double items = spec->items_per_iteration > 0 ? spec->items_per_iteration : 1;
    double scale = spec->scale > 0 ? spec->scale : 1;
    if (spec->variants[0].measure) {
        return 0;
    }
    return spec->better == HONE_BENCH_LOWER ? items / scale : items * scale * 1e9;
}

static hone_status prepare(case_run *self, hone_diag *diag) {
    hone_arena *arena = self->run->arena;
    bool is_command = self->spec->variants[0].command != NULL;
    self->result = add_result(self, self->spec->name, self->spec->unit, self->spec->better);
    if (is_command && self->result) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s/rss", self->spec->name);
        self->rss_result = add_result(self, hone_arena_copy_text(arena, hone_text_of(name)), "MiB",
                                      HONE_BENCH_LOWER);
    }
    if (!self->result || (is_command && !self->rss_result)) {
        return out_of_arena(diag);
    }
    self->result->time_factor = time_factor_of(self->spec);
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < self->result->variants_count && status == HONE_OK; i++) {
        hn_competitor *competitor = &self->competitors[i];
        competitor->spec = &self->spec->variants[i];
        competitor->result = &self->result->variants[i];
        competitor->result->name = competitor->spec->name;
        if (is_command) {
            competitor->rss_result = &self->rss_result->variants[i];
            competitor->rss_result->name = competitor->spec->name;
        }
        status = set_up(self, competitor, diag);
    }
    return status;
}

static hone_status measure(case_run *self, hone_diag *diag) {
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < self->result->variants_count && status == HONE_OK; i++) {
        hn_competitor *competitor = &self->competitors[i];
        if (competitor->result->absent) {
            continue;
        }
        status = find_iterations(self, competitor, diag);
        if (status == HONE_OK) {
            status = warm_up(self, competitor, diag);
        }
        if (!competitor->result->absent) {
            self->present[self->present_count++] = i;
        }
    }
    if (status == HONE_OK && self->present_count) {
        status = run_blocks_watched(self, diag);
    }
    for (uint32_t i = 0; i < self->present_count && status == HONE_OK; i++) {
        count_events(&self->competitors[self->present[i]]);
    }
    return status;
}

static hone_status run_case(bench_run *run, const hone_bench_case *spec, hone_diag *diag) {
    case_run self = {.run = run, .spec = spec};
    hone_status status = prepare(&self, diag);
    if (status == HONE_OK) {
        status = measure(&self, diag);
    }
    for (uint32_t i = 0; i < HONE_BENCH_VARIANTS_MAX; i++) {
        hn_competitor *competitor = &self.competitors[i];
        if (competitor->is_set_up && competitor->spec->teardown) {
            competitor->spec->teardown(competitor->context);
        }
    }
    if (status == HONE_OK) {
        summarize(&self, self.result);
        if (self.rss_result) {
            summarize(&self, self.rss_result);
        }
    }
    return status;
}

static bool is_wanted(const hone_bench_case *spec, const char *filter) {
    return !filter || strstr(spec->name, filter) != NULL;
}

/* Names the cases that there are, as many as fit. */
static hone_status no_case(const hone_bench_suite *suite, const char *filter, hone_diag *diag) {
    char names[300] = "";
    size_t used = 0;
    uint32_t named_count = 0;
    for (; named_count < suite->cases_count; named_count++) {
        const char *name = suite->cases[named_count].name;
        if (used + strlen(name) + 3 > sizeof names) {
            break;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
    }
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND,
                         "no case of suite '%.60s' has '%.60s' in its name; it has %s%s",
                         suite->name, filter ? filter : "", names,
                         named_count < suite->cases_count ? ", ... (--list shows all)" : "");
}

static hone_status check_suite(const hone_bench_suite *suite, const char *filter, hone_diag *diag,
                               uint32_t *out_count) {
    uint32_t wanted = 0;
    if (!suite || !suite->name || suite->cases_count > HONE_BENCH_CASES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a suite needs a name and at most %d cases", HONE_BENCH_CASES_MAX);
    }
    for (uint32_t i = 0; i < suite->cases_count; i++) {
        hone_status status = check_case(&suite->cases[i], diag);
        if (status != HONE_OK) {
            return status;
        }
        wanted += is_wanted(&suite->cases[i], filter);
    }
    if (wanted == 0) {
        return no_case(suite, filter, diag);
    }
    *out_count = wanted;
    return HONE_OK;
}

hone_status hone_bench_run(const hone_bench_suite *suite, const hone_bench_options *options,
                           hone_arena *arena, hone_diag *diag, hone_bench_report *out_report) {
    static const hone_bench_options defaults = {0};
    options = options ? options : &defaults;
    uint32_t wanted = 0, index = 0;
    hone_status status = check_suite(suite, options->filter, diag, &wanted);
    if (status != HONE_OK) {
        return status;
    }
    hone_bench_report report = {.suite = suite->name};
    bench_run run = {
        .options = options, .plan = plan_of(options), .arena = arena, .report = &report};
    report.seed = run.plan.seed;
    report.results = HONE_ARENA_NEW_ARRAY(arena, hone_bench_result, (size_t)wanted * 2);
    run.scratch = HONE_ARENA_NEW_ARRAY(
        arena, double, (size_t)run.plan.blocks_max * 4 + HN_RESAMPLES_COUNT + REFERENCES_MAX);
    if (!report.results || !run.scratch) {
        return out_of_arena(diag);
    }
    hone_bench_host_read(options->root, &report.host);
    hone_random_init(&run.random, run.plan.seed);
    hn_sampler_open(&run.sampler);
    for (uint32_t i = 0; i < suite->cases_count && status == HONE_OK; i++) {
        const hone_bench_case *spec = &suite->cases[i];
        if (!is_wanted(spec, options->filter)) {
            continue;
        }
        if (options->progress) {
            options->progress(options->self, spec->name, index, wanted);
        }
        index++;
        status = run_case(&run, spec, diag);
    }
    hn_sampler_close(&run.sampler);
    if (status == HONE_OK) {
        *out_report = report;
    }
    return status;
}
