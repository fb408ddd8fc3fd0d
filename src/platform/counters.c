/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two groups: the hardware events share one leader, so the kernel puts them on the PMU together or
 * not at all and ratios such as instructions per cycle are of the same time; the software events
 * have their own leader, so that they count where there is no PMU.
 *
 * Context switches happen in the kernel: an event that excludes the kernel (all an unprivileged
 * user may have) counts none of them, silently. They are therefore opened with the kernel included,
 * and where that is refused getrusage gives switches and faults instead, which is exact too.
 */
#include "counters_internal.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hone/base/buffer.h"
#include "hone/base/number.h"
#include "hone/platform/file.h"

enum { GROUP_HARDWARE, GROUP_SOFTWARE, FACTS_BYTES_MAX = 1 << 20 };

static const struct {
    const char *name;
    uint32_t type;
    uint64_t config;
} events[HONE_COUNTERS_COUNT] = {
    [HONE_COUNTER_CYCLES] = {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    [HONE_COUNTER_INSTRUCTIONS] = {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    [HONE_COUNTER_CACHE_REFERENCES] = {"cache-references", PERF_TYPE_HARDWARE,
                                       PERF_COUNT_HW_CACHE_REFERENCES},
    [HONE_COUNTER_CACHE_MISSES] = {"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    [HONE_COUNTER_BRANCHES] = {"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    [HONE_COUNTER_BRANCH_MISSES] = {"branch-misses", PERF_TYPE_HARDWARE,
                                    PERF_COUNT_HW_BRANCH_MISSES},
    [HONE_COUNTER_CONTEXT_SWITCHES] = {"context-switches", PERF_TYPE_SOFTWARE,
                                       PERF_COUNT_SW_CONTEXT_SWITCHES},
    [HONE_COUNTER_MIGRATIONS] = {"cpu-migrations", PERF_TYPE_SOFTWARE,
                                 PERF_COUNT_SW_CPU_MIGRATIONS},
    [HONE_COUNTER_PAGE_FAULTS] = {"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
};

const char *hone_counter_name(hone_counter_id id) {
    return id >= 0 && id < HONE_COUNTERS_COUNT ? events[id].name : "?";
}

static int group_of(int id) {
    return events[id].type == PERF_TYPE_HARDWARE ? GROUP_HARDWARE : GROUP_SOFTWARE;
}

void hn_counter_explain(int error, int paranoid, bool is_virtual_machine, char *out_reason,
                        size_t size) {
    switch (error) {
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
        (void)snprintf(out_reason, size, "%s",
                       is_virtual_machine
                           ? "no PMU: this virtual machine is given no hardware counters"
                           : "this processor has no counter for it");
        break;
    case EACCES:
    case EPERM:
        (void)snprintf(out_reason, size,
                       paranoid > 1 ? "not allowed: kernel.perf_event_paranoid is %d; set it to 1 "
                                      "or grant CAP_PERFMON"
                                    : "not allowed (kernel.perf_event_paranoid is %d): a seccomp "
                                      "filter or a security module forbids it",
                       paranoid);
        break;
    case ENOSYS: (void)snprintf(out_reason, size, "this kernel has no perf events"); break;
    case EMFILE:
    case ENFILE: (void)snprintf(out_reason, size, "no file descriptor is left"); break;
    case EINVAL:
        (void)snprintf(out_reason, size, "the processor cannot count it beside the others");
        break;
    case EBUSY: (void)snprintf(out_reason, size, "another program holds the counters"); break;
    default: (void)snprintf(out_reason, size, "perf_event_open: %s", strerror(error)); break;
    }
}

/* Reads a small file into `text`, terminated; empty when it cannot be read. Without memory the data
 * stays NULL. */
static void read_fact(const char *path, hone_buffer *text) {
    hone_buffer_clear(text);
    if (hone_file_read_all(path, FACTS_BYTES_MAX / 2, NULL, text) != HONE_OK) {
        hone_buffer_clear(text); /* forgets a failure, too: else nothing would be appended */
    }
    hone_buffer_append_byte(text, '\0');
}

static bool read_is_virtual_machine(hone_buffer *text) {
    read_fact("/proc/cpuinfo", text);
    return text->data && strstr((const char *)text->data, " hypervisor") != NULL;
}

static int read_paranoid(hone_buffer *text) {
    int64_t level = 2; /* the kernel's default */
    read_fact("/proc/sys/kernel/perf_event_paranoid", text);
    hone_status status =
        hone_number_parse_i64(hone_text_trim(hone_text_of((const char *)text->data)), &level);
    return status == HONE_OK && level >= -1 && level <= 9 ? (int)level : 2;
}

static int open_event(int id, int leader, bool with_kernel) {
    struct perf_event_attr attributes = {
        .type = events[id].type,
        .size = sizeof attributes,
        .config = events[id].config,
        .disabled = leader < 0,
        .exclude_kernel = !with_kernel,
        .exclude_hv = 1,
        .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED |
                       PERF_FORMAT_TOTAL_TIME_RUNNING,
    };
    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

void hone_counters_open(hone_counters *counters) {
    *counters = (hone_counters){.leaders = {-1, -1}};
    hone_buffer facts;
    hone_buffer_init(&facts, NULL, FACTS_BYTES_MAX);
    bool is_virtual_machine = read_is_virtual_machine(&facts);
    int paranoid = read_paranoid(&facts);
    hone_buffer_deinit(&facts);
    for (int id = 0; id < HONE_COUNTERS_COUNT; id++) {
        int *leader = &counters->leaders[group_of(id)];
        int fd = open_event(id, *leader, group_of(id) == GROUP_SOFTWARE);
        counters->fds[id] = fd;
        if (fd < 0) {
            hn_counter_explain(errno, paranoid, is_virtual_machine, counters->counters[id].reason,
                               sizeof counters->counters[id].reason);
        } else if (*leader < 0) {
            *leader = fd;
        }
    }
}

static void read_usage(uint64_t *out_switches, uint64_t *out_faults) {
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_THREAD, &usage);
    *out_switches = (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
    *out_faults = (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

void hone_counters_start(hone_counters *counters) {
    for (int group = GROUP_SOFTWARE; group >= GROUP_HARDWARE; group--) {
        if (counters->leaders[group] >= 0) {
            (void)ioctl(counters->leaders[group], PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP);
            (void)ioctl(counters->leaders[group], PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
        }
    }
    read_usage(&counters->switches_at_start, &counters->faults_at_start);
}

void hn_counter_scale(uint64_t raw, uint64_t enabled_ns, uint64_t running_ns,
                      hone_counter *out_counter) {
    *out_counter = (hone_counter){.state = HONE_COUNTER_OK, .value = raw, .counted_share = 1};
    if (running_ns >= enabled_ns) {
        return;
    }
    if (running_ns == 0) {
        out_counter->state = HONE_COUNTER_UNSUPPORTED;
        out_counter->counted_share = 0;
        (void)snprintf(out_counter->reason, sizeof out_counter->reason,
                       "the hardware counters were in use by others all the time");
        return;
    }
    out_counter->state = HONE_COUNTER_MULTIPLEXED;
    out_counter->counted_share = (double)running_ns / (double)enabled_ns;
    out_counter->value = (uint64_t)((double)raw / out_counter->counted_share);
}

/* What a group read returns: see perf_event_open(2), PERF_FORMAT_GROUP. The times are since the
 * event was opened and never reset, so their ratio is of all the time it counted. */
typedef struct group_values {
    uint64_t count, enabled_ns, running_ns;
    struct {
        uint64_t value, id;
    } values[HONE_COUNTERS_COUNT];
} group_values;

static void read_group(hone_counters *counters, int group) {
    group_values read_values = {0};
    int leader = counters->leaders[group];
    bool is_read = leader >= 0 && read(leader, &read_values, sizeof read_values) > 0;
    uint64_t position = 0;
    for (int id = 0; id < HONE_COUNTERS_COUNT; id++) {
        hone_counter *counter = &counters->counters[id];
        if (group_of(id) != group || counters->fds[id] < 0) {
            continue;
        }
        if (!is_read || position >= read_values.count) {
            counter->state = HONE_COUNTER_UNSUPPORTED;
            (void)snprintf(counter->reason, sizeof counter->reason,
                           "the kernel gave no value for it");
            continue;
        }
        /* Values come in the order of opening: the same as of the ids. */
        hn_counter_scale(read_values.values[position++].value, read_values.enabled_ns,
                         read_values.running_ns, counter);
    }
}

static void use_rusage(hone_counters *counters, hone_counter_id id, uint64_t value) {
    if (counters->fds[id] < 0) {
        counters->counters[id] =
            (hone_counter){.state = HONE_COUNTER_OK, .value = value, .counted_share = 1};
    }
}

void hone_counters_stop(hone_counters *counters) {
    uint64_t switches, faults;
    read_usage(&switches, &faults);
    for (int group = GROUP_HARDWARE; group <= GROUP_SOFTWARE; group++) {
        if (counters->leaders[group] >= 0) {
            (void)ioctl(counters->leaders[group], PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
        }
        read_group(counters, group);
    }
    use_rusage(counters, HONE_COUNTER_CONTEXT_SWITCHES, switches - counters->switches_at_start);
    use_rusage(counters, HONE_COUNTER_PAGE_FAULTS, faults - counters->faults_at_start);
}

void hone_counters_close(hone_counters *counters) {
    for (int id = 0; id < HONE_COUNTERS_COUNT; id++) {
        if (counters->fds[id] >= 0) {
            (void)close(counters->fds[id]);
        }
        counters->fds[id] = -1;
    }
    counters->leaders[GROUP_HARDWARE] = counters->leaders[GROUP_SOFTWARE] = -1;
}
