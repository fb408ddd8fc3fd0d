/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id) {
    struct timespec now = {0};
    (void)clock_gettime(id, &now); /* cannot fail for these ids on Linux */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hone_clock_monotonic_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t hone_clock_realtime_ns(void) {
    return (int64_t)read_clock(CLOCK_REALTIME);
}

uint64_t hone_clock_thread_cpu_ns(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t hone_clock_process_cpu_ns(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}
