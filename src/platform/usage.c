/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files stay open: a pread at offset 0 makes the kernel write them anew, which is several times
 * cheaper than opening them. Only the first bytes of /proc/stat are read: the lines of the CPUs
 * come first, and 16 KiB hold some 250 of them; further CPUs have no steal figure.
 */
#include "hone/platform/usage.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hone/platform/clock.h"
#include "hone/platform/thread.h"

enum { STAT_BYTES = 16384, STEAL_COLUMN = 8, BYTES_PER_CPU_LINE = 200 };

void hone_usage_probe_open(hone_usage_probe *probe) {
    probe->schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    probe->stat_fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
}

void hone_usage_probe_close(hone_usage_probe *probe) {
    if (probe->schedstat_fd >= 0) {
        (void)close(probe->schedstat_fd);
    }
    if (probe->stat_fd >= 0) {
        (void)close(probe->stat_fd);
    }
    probe->schedstat_fd = probe->stat_fd = -1;
}

static bool read_start(int fd, char *text, size_t size) {
    ssize_t got = fd < 0 ? -1 : pread(fd, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* "cpu ns, run delay ns, slices" */
static bool read_run_delay(int fd, uint64_t *out_ns) {
    char text[96], *end;
    if (!read_start(fd, text, sizeof text)) {
        return false;
    }
    (void)strtoull(text, &end, 10);
    if (*end != ' ') {
        return false;
    }
    *out_ns = strtoull(end, NULL, 10);
    return true;
}

/* "cpuN user nice system idle iowait irq softirq steal ..." */
static bool read_steal(int fd, uint32_t cpu, uint64_t *out_ticks) {
    char text[STAT_BYTES], key[24];
    size_t wanted = ((size_t)cpu + 2) * BYTES_PER_CPU_LINE;
    if (!read_start(fd, text, wanted < sizeof text ? wanted : sizeof text)) {
        return false;
    }
    (void)snprintf(key, sizeof key, "\ncpu%u ", cpu);
    const char *at = strstr(text, key);
    if (!at) {
        return false;
    }
    at += strlen(key);
    uint64_t value = 0;
    for (int column = 0; column < STEAL_COLUMN; column++) {
        char *end;
        value = strtoull(at, &end, 10);
        if (end == at) {
            return false;
        }
        at = end;
    }
    *out_ticks = value;
    return true;
}

void hone_usage_read(const hone_usage_probe *probe, hone_usage *out_usage) {
    struct rusage mine = {0}, all = {0};
    (void)getrusage(RUSAGE_THREAD, &mine);
    (void)getrusage(RUSAGE_SELF, &all);
    hone_usage usage = {
        .voluntary_switches = (uint64_t)mine.ru_nvcsw,
        .involuntary_switches = (uint64_t)all.ru_nivcsw,
        .page_faults = (uint64_t)mine.ru_minflt + (uint64_t)mine.ru_majflt,
        .cpu = hone_thread_cpu(),
    };
    usage.has_steal = read_steal(probe->stat_fd, usage.cpu, &usage.steal_ticks);
    usage.has_run_delay = read_run_delay(probe->schedstat_fd, &usage.run_delay_ns);
    usage.cpu_ns = hone_clock_thread_cpu_ns();
    *out_usage = usage;
}

uint32_t hone_usage_cpus_count(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return (uint32_t)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* the mask did not fit: over 1024 CPUs */
    return online > 0 ? (uint32_t)online : 1;
}
