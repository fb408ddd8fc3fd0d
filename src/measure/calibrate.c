/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One calibration: describe the machine, pin this thread, let each part set its figures, put
 * everything back. A figure that no part has set says so.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calibrate_internal.h"
#include "hone/platform/clock.h"
#include "hone/platform/process.h"
#include "hone/platform/thread.h"

enum {
    SAMPLE_NS = 400000,
    SAMPLES_MAX = 96,
    CLEAN_ENOUGH = 31,
    CLEAN_ENOUGH_QUICK = 7,
    CLEAN_MIN = 5,
    ITERATIONS_MAX = 1 << 28,
};

/* ---- figures ---- */

void hn_calibrate_absent(hn_calibrator *calibrator, hone_calibration_id id, const char *format,
                         ...) {
    hone_calibration_figure *figure = &calibrator->calibration->figures[id];
    va_list arguments;
    *figure = (hone_calibration_figure){0};
    va_start(arguments, format);
    (void)vsnprintf(figure->reason, sizeof figure->reason, format, arguments);
    va_end(arguments);
}

void hn_calibrate_values(hn_calibrator *calibrator, hone_calibration_id id, double *values,
                         size_t count, uint32_t samples_count, double quantile) {
    hone_calibration_figure *figure = &calibrator->calibration->figures[id];
    bool is_tail = quantile > 0.5;
    hone_sort_doubles(values, count);
    if (count < CLEAN_MIN) {
        hn_calibrate_absent(calibrator, id,
                            "%zu of %u samples were undisturbed: the machine is too busy", count,
                            samples_count);
    } else if (is_tail && !hone_quantile_is_supported(count, quantile, 0.95)) {
        hn_calibrate_absent(calibrator, id, "%zu undisturbed samples are too few for this quantile",
                            count);
    } else if (is_tail) {
        hone_estimate tail = hone_quantile_estimate(values, count, quantile, 0.95);
        *figure = (hone_calibration_figure){
            .is_known = true,
            .value = tail.value,
            .low = tail.is_low_known ? tail.low : values[0],
            .high = tail.is_high_known ? tail.high : values[count - 1],
        };
    } else {
        *figure = (hone_calibration_figure){
            .is_known = true,
            .value = hone_quantile(values, count, 0.5),
            .low = hone_quantile(values, count, 0.25),
            .high = hone_quantile(values, count, 0.75),
        };
    }
    figure->clean_count = (uint32_t)count;
    figure->samples_count = samples_count;
}

/* As many iterations as a sample of the wanted length holds. */
static uint64_t find_iterations(const hn_calibrator *calibrator, const hn_calibration_work *work) {
    uint64_t iterations = 1, wanted_ns = calibrator->is_quick ? SAMPLE_NS / 4 : SAMPLE_NS;
    while (iterations < ITERATIONS_MAX) {
        uint64_t start_ns = hone_clock_monotonic_ns();
        work->run(work->context, iterations);
        uint64_t wall_ns = hone_clock_monotonic_ns() - start_ns;
        if (wall_ns >= wanted_ns / 2) {
            double scaled = (double)iterations * (double)wanted_ns / (double)wall_ns;
            return scaled < 1 ? 1 : (uint64_t)scaled;
        }
        iterations *= 2;
    }
    return iterations;
}

void hn_calibrate(hn_calibrator *calibrator, const hn_calibration_work *work) {
    hone_bench_variant variant = {.name = hone_calibration_name(work->id), .run = work->run};
    hone_bench_case spec = {.name = variant.name, .better = HONE_BENCH_LOWER};
    hn_competitor competitor = {.spec = &variant, .context = work->context, .is_set_up = true};
    double values[SAMPLES_MAX];
    size_t enough = calibrator->is_quick ? CLEAN_ENOUGH_QUICK : CLEAN_ENOUGH, count = 0;
    uint32_t samples = 0, samples_max = SAMPLES_MAX;
    if (work->samples_max > 0 && work->samples_max < samples_max) {
        samples_max = work->samples_max;
    }
    competitor.iterations = work->iterations;
    if (competitor.iterations == 0) {
        competitor.iterations = find_iterations(calibrator, work);
    }
    for (; samples < samples_max && count < enough; samples++) {
        hn_sample sample;
        if (hn_sampler_take(&calibrator->sampler, &spec, &competitor, NULL, &sample) == HONE_OK &&
            sample.disturbances == 0) {
            double value = work->bytes_per_iteration > 0
                               ? work->bytes_per_iteration / sample.value * 1e9
                               : sample.value;
            values[count++] = value * (work->scale > 0 ? work->scale : 1);
        }
    }
    hn_calibrate_values(calibrator, work->id, values, count, samples, 0.5);
}

/* ---- clock and system call ---- */

static void read_clock(void *context, uint64_t iterations) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        sum += hone_clock_monotonic_ns();
    }
    *(uint64_t *)context = hone_bench_opaque(sum);
}

static void call_kernel(void *context, uint64_t iterations) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        sum += hone_process_parent_id();
    }
    *(uint64_t *)context = hone_bench_opaque(sum);
}

static void calibrate_calls(hn_calibrator *calibrator) {
    uint64_t sink;
    hn_calibrate(
        calibrator,
        &(hn_calibration_work){.id = HONE_CALIBRATION_CLOCK, .run = read_clock, .context = &sink});
    hn_calibrate(calibrator, &(hn_calibration_work){.id = HONE_CALIBRATION_SYSCALL,
                                                    .run = call_kernel,
                                                    .context = &sink});
}

/* ---- all ---- */

static hone_status calibrate_parts(hn_calibrator *calibrator,
                                   const hone_calibration_options *options) {
    static const char *const titles[] = {
        "clock and system calls", "small pages", "huge pages", "caches", "bandwidth",
        "waking threads"};
    const uint32_t count = sizeof titles / sizeof *titles;
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < count && status == HONE_OK; i++) {
        if (options && options->progress) {
            options->progress(options->self, titles[i], i, count);
        }
        switch (i) {
        case 0: calibrate_calls(calibrator); break;
        case 1: status = hn_calibrate_pages(calibrator, false); break;
        case 2: status = hn_calibrate_pages(calibrator, true); break;
        case 3: status = hn_calibrate_caches(calibrator); break;
        case 4: status = hn_calibrate_bandwidth(calibrator); break;
        default: status = hn_calibrate_wakes(calibrator); break;
        }
    }
    return status;
}

/* A block that is large against the last cache, within what may be used. */
static uint64_t choose_block(const hn_calibrator *calibrator) {
    const hone_fact *memory = &calibrator->platform.limits.memory_effective;
    uint64_t cache_bytes = 0, block = (uint64_t)64 << 20;
    for (uint32_t level = 1; level <= 4; level++) {
        uint64_t bytes = hone_platform_cache_bytes(&calibrator->platform, level);
        cache_bytes = bytes > cache_bytes ? bytes : cache_bytes;
    }
    while (block < 8 * cache_bytes && block < (uint64_t)256 << 20) {
        block *= 2;
    }
    block = calibrator->is_quick ? block / 8 : block;
    while (memory->state == HONE_FACT_PRESENT && block > memory->value.number / 4 &&
           block > 1 << 20) {
        block /= 2;
    }
    return block;
}

static hone_status open_calibrator(hn_calibrator *calibrator, hone_diag *diag) {
    hone_platform_options options = {
        .allocator = calibrator->allocator, .is_sysfs_only = true, .is_probing_off = true};
    uint32_t cpus[2];
    hone_status status = hone_platform_detect(&options, diag, &calibrator->platform);
    if (status != HONE_OK) {
        return status;
    }
    status = hone_cpu_layout_read(NULL, calibrator->allocator, diag, &calibrator->layout);
    if (status != HONE_OK) {
        goto fail_layout;
    }
    status =
        hone_cpu_layout_place(&calibrator->layout, HONE_CPU_ORDER_SCATTER, false, 2, diag, cpus);
    if (status != HONE_OK) {
        goto fail;
    }
    calibrator->home_cpu = cpus[0];
    calibrator->other_cpu = cpus[1];
    hn_sampler_open(&calibrator->sampler);
    return HONE_OK;

fail:
    hone_cpu_layout_deinit(&calibrator->layout);
fail_layout:
    hone_platform_deinit(&calibrator->platform);
    return status;
}

static void close_calibrator(hn_calibrator *calibrator) {
    hn_sampler_close(&calibrator->sampler);
    hone_cpu_layout_deinit(&calibrator->layout);
    hone_platform_deinit(&calibrator->platform);
}

/* The parts, and how busy others kept the machine meanwhile. */
static hone_status calibrate_watched(hn_calibrator *calibrator,
                                     const hone_calibration_options *options) {
    const hone_usage_probe *probe = &calibrator->sampler.probe;
    uint64_t machine_start_ns = 0, machine_end_ns = 0, own_ns = hone_usage_own_cpu_ns();
    uint64_t start_ns = hone_clock_monotonic_ns();
    bool is_known = hone_usage_machine_cpu_ns(probe, &machine_start_ns);
    hone_status status = calibrate_parts(calibrator, options);
    is_known = is_known && hone_usage_machine_cpu_ns(probe, &machine_end_ns);
    double wall_ns = (double)(hone_clock_monotonic_ns() - start_ns);
    own_ns = hone_usage_own_cpu_ns() - own_ns;
    double others_ns = (double)(machine_end_ns - machine_start_ns) - (double)own_ns;
    calibrator->calibration->others_cpus = !is_known ? -1 : others_ns > 0 ? others_ns / wall_ns : 0;
    return status;
}

hone_status hone_calibration_run(const hone_calibration_options *options, hone_diag *diag,
                                 hone_calibration *out_calibration) {
    hone_calibration calibration = {.measured_at_ns = hone_clock_realtime_ns()};
    hn_calibrator calibrator = {.calibration = &calibration,
                                .allocator = options ? options->allocator : NULL,
                                .is_quick = options && options->is_quick};
    hone_cpu_set before;
    hone_status status = open_calibrator(&calibrator, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_random_init(&calibrator.random, 1);
    hone_bench_host_read(NULL, &calibration.host);
    calibration.block_bytes = choose_block(&calibrator);
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        hn_calibrate_absent(&calibrator, (hone_calibration_id)i, "not measured");
    }
    status = hone_cpu_set_affinity(&before);
    if (status == HONE_OK) {
        status = hone_thread_pin(calibrator.home_cpu);
    }
    if (status == HONE_OK) {
        status = calibrate_watched(&calibrator, options);
        (void)!hone_thread_pin_set(&before); /* was allowed before */
    }
    close_calibrator(&calibrator);
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "the calibration stopped: %s", hone_status_text(status));
    }
    *out_calibration = calibration;
    return HONE_OK;
}
