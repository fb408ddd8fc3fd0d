/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel did to the calling thread: CPU time, switches, page faults, time spent waiting
 * for a CPU, and time a hypervisor took away. Two readings around a piece of work tell whether the
 * work ran undisturbed.
 *
 * Contract: a probe is confined to the thread that opened it (it reads that thread's files).
 * Cost: about 5 us a reading, most of it /proc.
 */
#ifndef HONE_PLATFORM_USAGE_H
#define HONE_PLATFORM_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/status.h"

typedef struct hone_usage_probe {
    int schedstat_fd; /* -1: this kernel does not offer it */
    int stat_fd;
} hone_usage_probe;

typedef struct hone_usage {
    uint64_t cpu_ns;               /* of this thread */
    uint64_t voluntary_switches;   /* of this thread */
    uint64_t involuntary_switches; /* of the whole process: helpers of a parallel case count too */
    uint64_t page_faults;          /* of this thread, minor and major */
    uint64_t run_delay_ns;         /* runnable but not running; 0 unless has_run_delay */
    uint64_t steal_ticks;          /* of the CPU the thread is on; 0 unless has_steal */
    uint32_t cpu;
    bool has_run_delay, has_steal;
} hone_usage;

void hone_usage_probe_open(hone_usage_probe *probe);
void hone_usage_probe_close(hone_usage_probe *probe);

void hone_usage_read(const hone_usage_probe *probe, hone_usage *out_usage);

/* CPU time that all programs of the machine used since it started (in steps of 10 ms); false where
 * /proc/stat does not say. And that of this process with the children it has waited for. Their
 * difference over a span tells how busy others kept the machine. */
bool hone_usage_machine_cpu_ns(const hone_usage_probe *probe, uint64_t *out_ns);
uint64_t hone_usage_own_cpu_ns(void);

#endif
