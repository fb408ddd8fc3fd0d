/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host costs, measured once and kept: cache and memory latencies, what a page costs,
 * bandwidth, waking a thread, a system call, a clock reading. Layers take their thresholds from
 * here, through pointers that the program passes in; nothing is read behind anybody's back.
 *
 * How it measures. Each figure is the median of samples of about 0.4 ms that were not disturbed
 * (bench.h says what that means); `low` and `high` are the quartiles of those samples. The two p99
 * figures have the 95 % interval of the quantile instead. With fewer than five clean samples the
 * figure is absent, and says so: a busy machine gives no figures rather than wrong ones. Latencies
 * are those of dependent loads in random order over cache lines of 64 bytes.
 *
 * Contract: confined. Running takes some seconds, pins the calling thread meanwhile, and uses up to
 * 256 MiB, never more than a quarter of what is to be had; it starts threads that end with it.
 * Saving replaces the file as a whole, readable by its owner alone. Limits of a file: 64 KiB. The
 * struct is plain and owns nothing.
 */
#ifndef HONE_MEASURE_CALIBRATION_H
#define HONE_MEASURE_CALIBRATION_H

#include <stdbool.h>

#include "hone/base/span.h"
#include "hone/measure/bench.h"
#include "hone/platform/huge_page_advice.h"

/* identifier, name, unit, what it is. "bytes/s": higher is better; everything else is a cost. */
#define HONE_CALIBRATION_LIST(X)                                                                  \
    X(CLOCK, "clock", "ns", "reading the monotonic clock")                                        \
    X(SYSCALL, "syscall", "ns", "the cheapest system call")                                       \
    X(L1_LATENCY, "l1_latency", "ns", "load from the first-level cache")                          \
    X(L2_LATENCY, "l2_latency", "ns", "load from the second-level cache")                         \
    X(L3_LATENCY, "l3_latency", "ns", "load from the third-level cache")                          \
    X(MEMORY_LATENCY, "memory_latency", "ns", "load from memory")                                 \
    X(HOP_PACKED, "hop_packed", "ns", "load of one of 8192 lines that lie together")              \
    X(HOP_SMALL_PAGES, "hop_small_pages", "ns", "the same, each line on a small page of its own") \
    X(HOP_HUGE_PAGES, "hop_huge_pages", "ns", "the same places on huge pages")                    \
    X(CHASE_SMALL_PAGES, "chase_small_pages", "ns",                                               \
      "random access to a large block on small pages")                                            \
    X(CHASE_HUGE_PAGES, "chase_huge_pages", "ns", "the same on huge pages")                       \
    X(STREAM_SMALL_PAGES, "stream_small_pages", "bytes/s",                                        \
      "reading a large block in order, small pages")                                              \
    X(STREAM_HUGE_PAGES, "stream_huge_pages", "bytes/s", "the same on huge pages")                \
    X(POPULATE_SMALL_PAGES, "populate_small_pages", "ns/MiB",                                     \
      "first touch of memory on small pages")                                                     \
    X(POPULATE_HUGE_PAGES, "populate_huge_pages", "ns/MiB", "the same on huge pages")             \
    X(BANDWIDTH_ONE, "bandwidth_one", "bytes/s", "reading memory with one thread")                \
    X(BANDWIDTH_ALL, "bandwidth_all", "bytes/s",                                                  \
      "reading memory with a thread on each usable CPU, together")                                \
    X(WAKE_FUTEX_P50, "wake_futex_p50", "ns", "from a futex wake to the sleeper running, median") \
    X(WAKE_FUTEX_P99, "wake_futex_p99", "ns", "the same, 99th percentile")                        \
    X(WAKE_FUTEX_COST, "wake_futex_cost", "ns", "what a futex wake costs the waker")              \
    X(WAKE_POLLER_P50, "wake_poller_p50", "ns",                                                   \
      "from an eventfd write to a thread in epoll running, median")                               \
    X(WAKE_POLLER_P99, "wake_poller_p99", "ns", "the same, 99th percentile")                      \
    X(WAKE_POLLER_COST, "wake_poller_cost", "ns", "what an eventfd write costs the waker")

typedef enum hone_calibration_id {
#define HONE_CALIBRATION_ENUM(id, name, unit, title) HONE_CALIBRATION_##id,
    HONE_CALIBRATION_LIST(HONE_CALIBRATION_ENUM)
#undef HONE_CALIBRATION_ENUM
        HONE_CALIBRATION_COUNT
} hone_calibration_id;

typedef struct hone_calibration_figure {
    bool is_known;
    double value, low, high; /* low <= value <= high, all > 0 */
    uint32_t clean_count, samples_count;
    char reason[160]; /* why it is not known; "" when it is */
} hone_calibration_figure;

typedef struct hone_calibration {
    hone_bench_host host;   /* with the load at the start */
    int64_t measured_at_ns; /* UTC */
    uint64_t block_bytes;   /* of the large block */
    uint64_t huge_bytes;    /* of it that lay on huge pages in the huge-page figures; 0: none */
    double others_cpus;     /* CPUs that other programs kept busy meanwhile; negative: unknown */
    hone_calibration_figure figures[HONE_CALIBRATION_COUNT];
} hone_calibration;

typedef struct hone_calibration_options {
    const hone_allocator *allocator; /* NULL means libc; blocks of pages come from the kernel */
    bool is_quick;                   /* an eighth of the time and of the memory: rough, for tests */
    /* Called before each group of figures; may be NULL. */
    void (*progress)(void *self, const char *title, uint32_t index, uint32_t count);
    void *self;
} hone_calibration_options;

/* "l1_latency"; its unit; what it is. Never NULL. */
const char *hone_calibration_name(hone_calibration_id id);
const char *hone_calibration_unit(hone_calibration_id id);
const char *hone_calibration_title(hone_calibration_id id);

/* Measures. `options` may be NULL. What cannot be measured here is a figure with a reason.
 * OUT_OF_MEMORY; FORBIDDEN when the thread may not be pinned. */
HONE_MUST_USE hone_status hone_calibration_run(const hone_calibration_options *options,
                                               hone_diag *diag, hone_calibration *out_calibration);

/* True when the figures may be those of a busy machine: other programs used CPUs while they were
 * measured, or most samples were disturbed. The clean samples are sound all the same, but caches
 * and memory were shared. `out_reason` gets a sentence without its end, or "". */
bool hone_calibration_is_disturbed(const hone_calibration *calibration, char *out_reason,
                                   size_t size);

/* $XDG_STATE_HOME/hone/calibration or ~/.local/state/hone/calibration, in the arena. ABSENT when
 * neither variable is set. */
HONE_MUST_USE hone_status hone_calibration_directory(hone_arena *arena, hone_diag *diag,
                                                     const char **out_path);

/* DIRECTORY/FINGERPRINT.json, one file a host. Makes the directories. As hone_file_replace. */
HONE_MUST_USE hone_status hone_calibration_save(const hone_calibration *calibration,
                                                const char *directory, hone_diag *diag);

/* That of the host given. NOT_FOUND (never calibrated, or another CPU, kernel or number of CPUs
 * since), SYNTAX, CORRUPT, UNSUPPORTED (of another version: calibrate again). */
HONE_MUST_USE hone_status hone_calibration_load(const char *directory, const hone_bench_host *host,
                                                hone_diag *diag, hone_calibration *out_calibration);

/* The same from text in memory; `file` is for messages. */
HONE_MUST_USE hone_status hone_calibration_parse(hone_text text, const char *file, hone_diag *diag,
                                                 hone_calibration *out_calibration);

/* The figures that hone_huge_page_advise wants; false when one of them is not known. */
bool hone_calibration_huge_pages(const hone_calibration *calibration,
                                 hone_huge_page_figures *out_figures);

#endif
