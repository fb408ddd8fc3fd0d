/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files stay open: a pread at offset 0 makes the kernel write them anew, which is several times
 * cheaper than opening them. Only the first bytes of /proc/stat are read: the lines of the CPUs
 * come first, and 16 KiB hold some 250 of them; further CPUs have no steal figure.
 */
#include "hone/platform/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hone/platform/clock.h"
#include "hone/platform/thread.h"

enum {
    STAT_BYTES = 16384,
    STEAL_COLUMN = 8,
    BYTES_PER_CPU_LINE = 200,
    TICK_NS = 10000000, /* USER_HZ is 100 on every Linux */
};

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

/* The columns of a line of /proc/stat: user nice system idle iowait irq softirq steal. */
static bool read_columns(const char *at, uint64_t out_ticks[STEAL_COLUMN]) {
    for (int column = 0; column < STEAL_COLUMN; column++) {
        char *end;
        out_ticks[column] = strtoull(at, &end, 10);
        if (end == at) {
            return false;
        }
        at = end;
    }
    return true;
}

static bool read_steal(int fd, uint32_t cpu, uint64_t *out_ticks) {
    char text[STAT_BYTES], key[24];
    uint64_t ticks[STEAL_COLUMN];
    size_t wanted = ((size_t)cpu + 2) * BYTES_PER_CPU_LINE;
    if (!read_start(fd, text, wanted < sizeof text ? wanted : sizeof text)) {
        return false;
    }
    (void)snprintf(key, sizeof key, "\ncpu%u ", cpu);
    const char *at = strstr(text, key);
    if (!at || !read_columns(at + strlen(key), ticks)) {
        return false;
    }
    *out_ticks = ticks[STEAL_COLUMN - 1];
    return true;
}

bool hone_usage_machine_cpu_ns(const hone_usage_probe *probe, uint64_t *out_ns) {
    char text[BYTES_PER_CPU_LINE];
    uint64_t ticks[STEAL_COLUMN];
    if (!read_start(probe->stat_fd, text, sizeof text) || strncmp(text, "cpu ", 4) != 0 ||
        !read_columns(text + 4, ticks)) {
        return false;
    }
    *out_ns = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * TICK_NS;
    return true;
}

static uint64_t ns_of(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

uint64_t hone_usage_own_cpu_ns(void) {
    struct rusage children = {0};
    (void)getrusage(RUSAGE_CHILDREN, &children);
    return hone_clock_process_cpu_ns() + ns_of(children.ru_utime) + ns_of(children.ru_stime);
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
