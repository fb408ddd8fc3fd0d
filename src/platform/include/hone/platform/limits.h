/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this process may use of the machine right now: CPUs after affinity, cpuset and quota; memory
 * after every control group above it. Cheap enough to be asked again when it matters (about ten
 * small files; no topology).
 *
 * Contract: confined. Control groups v1, v2 and hybrids; every ancestor up to the mount counts (128
 * levels at most). All files are read below `root`. A figure that cannot be had is a fact with its
 * reason; the call itself fails only when memory runs out.
 * Source: Linux Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */
#ifndef HONE_PLATFORM_LIMITS_H
#define HONE_PLATFORM_LIMITS_H

#include "hone/base/allocator.h"
#include "hone/base/arena.h"
#include "hone/platform/cpu_set.h"
#include "hone/platform/fact.h"

typedef struct hone_limits {
    hone_cpu_set usable_cpus;   /* affinity and cpuset together; empty when unknown */
    hone_fact affinity_cpus;    /* number: CPUs that the affinity mask allows */
    hone_fact cpuset_cpus;      /* number: CPUs in the cpuset; absent: no cpuset is readable */
    hone_fact quota_cpus;       /* real: CPU seconds per second of the tightest quota, as 1.5 */
    bool is_without_quota;      /* every level was looked at and sets none */
    hone_fact effective_cpus;   /* real: what can run at once; min(usable, quota) */
    hone_fact memory_total;     /* bytes of the machine (it may grow after boot) */
    hone_fact memory_available; /* bytes the kernel thinks can be had without swapping */
    hone_fact memory_limit;     /* bytes: the lowest max, high or limit_in_bytes above us */
    bool is_without_limit;      /* every level was looked at and sets none */
    hone_fact memory_effective; /* bytes: min of available and (limit - use) at every level; use
                                   leaves out inactive file pages, which are given back first */
    hone_fact cgroup_mode;      /* text: "v1", "v2" or "hybrid" */
    hone_fact cgroup_path;      /* text: where this process is, as /proc/self/cgroup says */
    hone_arena arena;           /* owns the texts */
} hone_limits;

/* Reads everything anew. `root` is put before every path: NULL or "" for this machine; the
 * affinity of a faked machine is Cpus_allowed_list of its proc/self/status. `allocator` NULL means
 * libc. OUT_OF_MEMORY, INVALID_ARGUMENT (over-long root). */
HONE_MUST_USE hone_status hone_limits_read(const char *root, const hone_allocator *allocator,
                                           hone_diag *diag, hone_limits *out_limits);
void hone_limits_deinit(hone_limits *limits);

/* Whole threads worth starting: effective_cpus rounded up, at least 1, never more than the usable
 * CPUs; 1 when nothing is known. */
uint32_t hone_limits_threads(const hone_limits *limits);

#endif
