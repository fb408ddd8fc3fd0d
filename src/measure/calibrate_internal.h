/* SPDX-License-Identifier: Apache-2.0 */
/* Private to measure: what the parts of a calibration share. */
#ifndef HONE_MEASURE_CALIBRATE_INTERNAL_H
#define HONE_MEASURE_CALIBRATE_INTERNAL_H

#include "hone/measure/calibration.h"
#include "hone/platform/cpu_layout.h"
#include "hone/platform/detect.h"
#include "harness_internal.h"

enum { HN_CALIBRATION_VALUES_MAX = 1024 };

typedef struct hn_calibrator {
    const hone_allocator *allocator;
    hn_sampler sampler;
    hone_cpu_layout layout;
    hone_platform platform;
    uint32_t home_cpu, other_cpu; /* of the calling thread and of a helper; equal with one CPU */
    bool is_quick;
    hone_random random;
    hone_calibration *calibration;
} hn_calibrator;

/* Samples run(context, iterations) and sets the figure: ns per iteration or, with
 * `bytes_per_iteration`, bytes per second. `iterations` 0: as many as a sample holds. */
typedef struct hn_calibration_work {
    hone_calibration_id id;
    void (*run)(void *context, uint64_t iterations);
    void *context;
    double bytes_per_iteration;
    double scale; /* of the value; 0 means 1 */
    uint64_t iterations;
    uint32_t samples_max; /* 0: the default */
} hn_calibration_work;
void hn_calibrate(hn_calibrator *calibrator, const hn_calibration_work *work);

/* Sets a figure from `count` values of clean samples, which are sorted in place: the median, or
 * `quantile` where that is above 0.5. */
void hn_calibrate_values(hn_calibrator *calibrator, hone_calibration_id id, double *values,
                         size_t count, uint32_t samples_count, double quantile);

void hn_calibrate_absent(hn_calibrator *calibrator, hone_calibration_id id, const char *format, ...)
    HONE_PRINTF(3, 4);

/* The parts, in their order. OUT_OF_MEMORY, and what starting a thread can return. */
HONE_MUST_USE hone_status hn_calibrate_pages(hn_calibrator *calibrator, bool is_huge);
HONE_MUST_USE hone_status hn_calibrate_caches(hn_calibrator *calibrator);
HONE_MUST_USE hone_status hn_calibrate_bandwidth(hn_calibrator *calibrator);
HONE_MUST_USE hone_status hn_calibrate_wakes(hn_calibrator *calibrator);

/* A large run of pages, on huge ones where asked and obtained. */
typedef struct hn_calibration_block {
    uint8_t *data;
    size_t size_bytes;
    bool is_reserved;   /* from the system's reserve */
    hone_status status; /* why there is none */
} hn_calibration_block;
void hn_calibration_block_init(hn_calibration_block *block, size_t size_bytes, bool is_huge);
void hn_calibration_block_deinit(hn_calibration_block *block);

/* Reads `size_bytes`, a multiple of 256, in order; the sum keeps the reading alive. */
uint64_t hn_calibration_sum(const uint8_t *data, size_t size_bytes);

#endif
