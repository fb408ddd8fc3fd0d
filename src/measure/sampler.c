/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sample: read what the kernel knows of this thread, run, read again. The slow readings (/proc)
 * lie outside the timed span, so the judged span is a little longer than the timed one: a sample
 * called clean is clean.
 */
#include <assert.h>
#include <math.h>

#include "harness_internal.h"
#include "hone/platform/clock.h"
#include "hone/platform/process.h"

enum {
    CLOCK_TRIALS = 200,
    REFERENCE_STEPS = 30000, /* about 0.05 ms */
    GAP_FIXED_NS = 8000,     /* what interrupts may take off the CPU time of a clean sample ... */
    GAP_SHARE = 64,          /* ... and 1/64 of the sample */
    TICK_NS = 10000000,      /* of /proc/stat: USER_HZ is 100 on every Linux */
    PROCESS_SWITCH_NS = 5000000,
    PROCESS_GAP_FIXED_NS = 500000, /* of starting and ending it */
    PROCESS_GAP_SHARE = 32,
};

#define PROCESS_TIME_MAX_NS UINT64_C(600000000000)

void hn_sampler_open(hn_sampler *sampler) {
    hone_usage_probe_open(&sampler->probe);
    sampler->clock_cost_ns = UINT64_MAX;
    for (int i = 0; i < CLOCK_TRIALS; i++) {
        uint64_t start_ns = hone_clock_monotonic_ns();
        uint64_t cost_ns = hone_clock_monotonic_ns() - start_ns;
        sampler->clock_cost_ns =
            cost_ns < sampler->clock_cost_ns ? cost_ns : sampler->clock_cost_ns;
    }
}

void hn_sampler_close(hn_sampler *sampler) {
    hone_usage_probe_close(&sampler->probe);
}

uint8_t hn_sample_judge(const hone_usage *before, const hone_usage *after, uint64_t wall_ns) {
    uint8_t causes = 0;
    uint64_t margin_ns = GAP_FIXED_NS + wall_ns / GAP_SHARE;
    if (after->involuntary_switches != before->involuntary_switches) {
        causes |= 1u << HONE_BENCH_PREEMPTED;
    }
    if (after->cpu != before->cpu) {
        causes |= 1u << HONE_BENCH_MIGRATED;
    } else if (after->has_steal && before->has_steal && after->steal_ticks != before->steal_ticks) {
        causes |= 1u << HONE_BENCH_STOLEN;
    }
    /* A thread that slept of its own will was off the CPU for a good reason: then only waiting for
     * a CPU counts. */
    uint64_t cpu_ns = after->cpu_ns - before->cpu_ns;
    bool has_slept = after->voluntary_switches != before->voluntary_switches;
    bool is_short_of_cpu = !has_slept && cpu_ns + margin_ns < wall_ns;
    bool has_waited = after->has_run_delay && before->has_run_delay &&
                      after->run_delay_ns - before->run_delay_ns > margin_ns;
    if (is_short_of_cpu || has_waited) {
        causes |= 1u << HONE_BENCH_DELAYED;
    }
    return causes;
}

uint8_t hn_process_judge(const hone_process_result *process, uint64_t stolen_ns) {
    uint8_t causes = 0;
    uint64_t wall_ns = process->wall_ns, switches_count = process->involuntary_switches;
    uint64_t margin_ns = PROCESS_GAP_FIXED_NS + wall_ns / PROCESS_GAP_SHARE;
    bool has_waited = switches_count > 0 && process->cpu_ns + margin_ns < wall_ns;
    if (has_waited || switches_count > 1 + wall_ns / PROCESS_SWITCH_NS) {
        causes |= 1u << HONE_BENCH_PREEMPTED;
    }
    if (stolen_ns > TICK_NS && stolen_ns > wall_ns / 100) {
        causes |= 1u << HONE_BENCH_STOLEN;
    }
    return causes;
}

static double value_of(const hone_bench_case *spec, uint64_t wall_ns, uint64_t iterations) {
    double each = spec->items_per_iteration > 0 ? spec->items_per_iteration : 1;
    double items = each * (double)iterations, scale = spec->scale > 0 ? spec->scale : 1;
    return spec->better == HONE_BENCH_LOWER ? (double)wall_ns / items * scale
                                            : items / ((double)wall_ns * 1e-9) * scale;
}

static hone_status take_command(const hn_sampler *sampler, const hone_bench_case *spec,
                                const hn_competitor *competitor, hone_diag *diag,
                                hn_sample *out_sample) {
    hone_usage before, after;
    hone_process_result process;
    const hone_process_options options = {.timeout_ns = PROCESS_TIME_MAX_NS, .with_rss = true};
    const char *const *argv = competitor->spec->command(competitor->context);
    hone_usage_read(&sampler->probe, &before);
    hone_status status = hone_process_run(argv, &options, diag, &process);
    hone_usage_read(&sampler->probe, &after);
    if (status != HONE_OK) {
        return status;
    }
    if (process.exit_code != 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             process.signal ? "'%.160s' was ended by signal %d"
                                            : "'%.160s' ended with exit code %d; run it by hand "
                                              "to see why",
                             argv[0], process.signal ? process.signal : process.exit_code);
    }
    bool has_steal = before.has_steal && after.has_steal && before.cpu == after.cpu;
    uint64_t stolen_ns = has_steal ? (after.steal_ticks - before.steal_ticks) * TICK_NS : 0;
    *out_sample = (hn_sample){
        .wall_ns = process.wall_ns,
        .value = value_of(spec, process.wall_ns, 1),
        .rss_absent = process.rss_absent,
        .rss_mib = (double)process.rss_max_bytes / (1 << 20),
        .disturbances = hn_process_judge(&process, stolen_ns),
    };
    return HONE_OK;
}

static void take_function(const hn_sampler *sampler, const hone_bench_case *spec,
                          const hn_competitor *competitor, hn_sample *out_sample) {
    const hone_bench_variant *variant = competitor->spec;
    hone_usage before, after;
    double measured = 0;
    hone_usage_read(&sampler->probe, &before);
    uint64_t start_ns = hone_clock_monotonic_ns();
    if (variant->run) {
        variant->run(competitor->context, competitor->iterations);
    } else {
        measured = variant->measure(competitor->context);
    }
    uint64_t wall_ns = hone_clock_monotonic_ns() - start_ns;
    hone_usage_read(&sampler->probe, &after);
    wall_ns = wall_ns > sampler->clock_cost_ns ? wall_ns - sampler->clock_cost_ns : 1;
    *out_sample = (hn_sample){
        .wall_ns = wall_ns,
        .value = variant->run ? value_of(spec, wall_ns, competitor->iterations)
                              : measured * (spec->scale > 0 ? spec->scale : 1),
        .disturbances = hn_sample_judge(&before, &after, wall_ns),
    };
}

hone_status hn_sampler_take(const hn_sampler *sampler, const hone_bench_case *spec,
                            const hn_competitor *competitor, hone_diag *diag,
                            hn_sample *out_sample) {
    assert(competitor->is_set_up && competitor->iterations > 0);
    if (competitor->spec->command) {
        return take_command(sampler, spec, competitor, diag, out_sample);
    }
    take_function(sampler, spec, competitor, out_sample);
    if (!isfinite(out_sample->value) || out_sample->value <= 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'%.60s' measured %g: a value must be positive",
                             competitor->spec->name, out_sample->value);
    }
    return HONE_OK;
}

uint64_t hn_reference_sample(void) {
    uint64_t word = hone_bench_opaque(1), start_ns = hone_clock_monotonic_ns();
    for (int i = 0; i < REFERENCE_STEPS; i++) {
        word = (word ^ (word >> 29)) * 0xbf58476d1ce4e5b9u;
    }
    (void)hone_bench_opaque(word);
    return hone_clock_monotonic_ns() - start_ns;
}
