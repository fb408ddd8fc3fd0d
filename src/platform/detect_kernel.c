/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group kernel: features are tried, not guessed from version numbers, because containers, seccomp
 * filters and sysctls take them away one by one. Each try makes a thing and closes it at once; the
 * errno of a refusal is kept in the reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "detect_internal.h"

/* Numbers of the kernel's ABI, the same on all architectures hone runs on; older headers lack them.
 */
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

enum { URING_PARAMS_BYTES = 120, UFFD_USER_MODE_ONLY = 1, MEMBARRIER_QUERY = 0 };

static hone_fact refused(hn_machine *machine, const char *call, int error) {
    bool is_forbidden = error == EPERM || error == EACCES;
    return hn_fact_missing(
        is_forbidden ? HONE_FACT_FORBIDDEN : HONE_FACT_ABSENT,
        hn_machine_format(machine, "%s: %s (errno %d)", call, strerror(error), error));
}

/* A descriptor is a yes. */
static hone_fact tried(hn_machine *machine, const char *call, long descriptor) {
    if (descriptor < 0) {
        return refused(machine, call, errno);
    }
    (void)close((int)descriptor);
    return hn_fact_flag(true, call);
}

static hone_fact try_io_uring(hn_machine *machine) {
    unsigned char params[URING_PARAMS_BYTES] = {0};
    return tried(machine, "io_uring_setup", syscall(SYS_io_uring_setup, 2u, params));
}

static hone_fact try_perf(hn_machine *machine, uint32_t type, uint64_t config) {
    struct perf_event_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.type = type;
    attributes.config = config;
    attributes.disabled = 1;
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    return tried(machine, "perf_event_open",
                 syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0ul));
}

static hone_fact try_membarrier(hn_machine *machine) {
    long commands = syscall(SYS_membarrier, MEMBARRIER_QUERY, 0, 0);
    return commands < 0 ? refused(machine, "membarrier", errno) : hn_fact_flag(true, "membarrier");
}

/* One page of the smallest huge size; nothing is touched, so nothing is taken but a reservation. */
static hone_fact try_huge_map(const hone_platform *platform, hn_machine *machine) {
    if (platform->huge_pages_count == 0) {
        return hn_fact_absent("the kernel lists no huge page size");
    }
    uint64_t bytes = platform->huge_pages[0].size_bytes;
    int size_flag = bytes ? __builtin_ctzll(bytes) << MAP_HUGE_SHIFT : 0;
    void *page = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size_flag, -1, 0);
    if (page == MAP_FAILED) {
        return refused(machine, "mmap with MAP_HUGETLB", errno);
    }
    (void)munmap(page, (size_t)bytes);
    return hn_fact_flag(true, "mmap with MAP_HUGETLB");
}

static void add_tries(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hn_detection_add(detection, "kernel", "io_uring", "", try_io_uring(machine));
    hn_detection_add(detection, "kernel", "perf_software", "",
                     try_perf(machine, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK));
    hn_detection_add(detection, "kernel", "perf_hardware", "",
                     try_perf(machine, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES));
    hn_detection_add(
        detection, "kernel", "memfd", "",
        tried(machine, "memfd_create", syscall(SYS_memfd_create, "hone-try", MFD_CLOEXEC)));
    hn_detection_add(
        detection, "kernel", "userfaultfd", "",
        tried(machine, "userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)));
    hn_detection_add(detection, "kernel", "membarrier", "", try_membarrier(machine));
    hn_detection_add(detection, "kernel", "pidfd", "",
                     tried(machine, "pidfd_open", syscall(SYS_pidfd_open, getpid(), 0u)));
    hn_detection_add(detection, "kernel", "huge_map", "",
                     try_huge_map(detection->platform, machine));
}

void hn_detect_kernel(hn_detection *detection) {
    static const char *const names[] = {"io_uring", "perf_software", "perf_hardware",
                                        "memfd",    "userfaultfd",   "membarrier",
                                        "pidfd",    "huge_map"};
    hn_machine *machine = &detection->machine;
    const char *reason = hn_machine_is_live(machine)
                             ? "not tried: probing is switched off"
                             : "not tried: this is a description of files, not a running machine";
    if (detection->is_probing) {
        add_tries(detection);
    }
    for (size_t i = 0; !detection->is_probing && i < sizeof names / sizeof names[0]; i++) {
        hn_detection_add(detection, "kernel", names[i], "", hn_fact_absent(reason));
    }
    hn_detection_add(detection, "kernel", "perf_event_paranoid", "",
                     hn_fact_read_text(machine, "/proc/sys/kernel/perf_event_paranoid"));
    hn_detection_add(detection, "kernel", "io_uring_disabled", "",
                     hn_fact_read_text(machine, "/proc/sys/kernel/io_uring_disabled"));
}
