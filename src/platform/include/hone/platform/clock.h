/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks. Contract: shared; no state; a call costs one vDSO call (about 20 to 50 ns).
 */
#ifndef HONE_PLATFORM_CLOCK_H
#define HONE_PLATFORM_CLOCK_H

#include <stdint.h>

/* Monotonic time in ns from an arbitrary start; for durations and deadlines. */
uint64_t hone_clock_monotonic_ns(void);

/* UTC in ns since 1970-01-01; may jump. For timestamps of records. */
int64_t hone_clock_realtime_ns(void);

/* CPU time used by the calling thread, and by the whole process, in ns. */
uint64_t hone_clock_thread_cpu_ns(void);
uint64_t hone_clock_process_cpu_ns(void);

#endif
