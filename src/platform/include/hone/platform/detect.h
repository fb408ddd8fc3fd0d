/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a machine as it offers itself to this process: instruction sets, topology,
 * caches, NUMA, huge pages, effective CPUs and memory, clocks, power, hardware security, kernel
 * features. What `hone detect` shows, and what the engines are configured from.
 *
 * Two views of the same answers: `facts` is flat and easy to walk (group, name, unit, state, value,
 * reason); the typed members are for programs.
 *
 * Contract: confined while it is filled, frozen afterwards; owned by the caller, texts by its
 * arena. Everything that comes from /proc and /sys is read below options.root, so any machine can
 * be described from a copy of its files; what only a running machine can answer (kernel features,
 * clock resolution) is then absent with that reason. Wrong, missing, huge or unreadable files give
 * facts with reasons. Limits: 64 KiB a file (1 MiB of mountinfo and cpuinfo), 8192 CPUs, 1024
 * nodes, 4096 facts. Cost: some ms and 100 to 500 system calls; with hwloc some ms more.
 */
#ifndef HONE_PLATFORM_DETECT_H
#define HONE_PLATFORM_DETECT_H

#include "hone/base/arena.h"
#include "hone/platform/cpu_set.h"
#include "hone/platform/fact.h"
#include "hone/platform/isa.h"
#include "hone/platform/limits.h"

typedef struct hone_platform_options {
    const char *root;                /* put before every path; NULL or "" for this machine */
    const hone_allocator *allocator; /* NULL means libc */
    bool is_sysfs_only;              /* leave hwloc aside (leaner; it is never used below a root) */
    bool is_probing_off; /* do not try kernel features: their facts are absent, "not tried" */
} hone_platform_options;

typedef enum hone_cache_type {
    HONE_CACHE_DATA,
    HONE_CACHE_INSTRUCTION,
    HONE_CACHE_UNIFIED
} hone_cache_type;

/* Caches of one level, type and size; a machine with unlike cores has several of one level. */
typedef struct hone_cache {
    uint32_t level;
    hone_cache_type type;
    uint64_t size_bytes; /* of one instance */
    uint32_t line_bytes; /* 0: not told */
    uint32_t ways;       /* 0: not told or fully associative */
    uint32_t instances_count;
    uint32_t shared_by_count; /* most logical CPUs that share one instance */
} hone_cache;

typedef struct hone_numa_node {
    uint32_t index;         /* the kernel's number */
    hone_cpu_set cpus;      /* may be empty: memory only */
    hone_fact memory_bytes; /* number */
    hone_fact free_bytes;   /* number */
    uint32_t *distances;    /* to nodes[0 .. nodes_count), 10 = local; NULL when not told */
} hone_numa_node;

typedef struct hone_huge_page {
    uint64_t size_bytes;
    hone_fact total; /* number of pages reserved by the administrator */
    hone_fact free;  /* number */
} hone_huge_page;

typedef struct hone_platform {
    hone_fact_list facts;

    hone_isa_mask isa;        /* of a faked machine: what its cpuinfo says */
    hone_fact architecture;   /* text: "x86_64", "aarch64" */
    hone_limits limits;       /* effective CPUs and memory */
    hone_cpu_set online_cpus; /* empty when unknown */
    hone_fact cpus, cores, sockets, threads_per_core; /* numbers */
    hone_fact cache_line_bytes;                       /* number: the largest data line */
    hone_cache *caches; /* by level, data before instruction before unified */
    size_t caches_count;
    hone_numa_node *nodes;
    size_t nodes_count;         /* 0 when the kernel tells nothing about nodes */
    hone_huge_page *huge_pages; /* by size */
    size_t huge_pages_count;
    hone_fact transparent_huge_pages; /* text: "always", "madvise" or "never" */
    hone_fact battery_percent;        /* number 0 .. 100 */
    hone_fact is_on_battery;          /* flag */

    char root[1024]; /* "" for this machine */
    hone_arena arena;
} hone_platform;

/* Fills `out_platform`, which the caller deinitialises (only) after HONE_OK. `options` NULL means
 * all defaults. OUT_OF_MEMORY, LIMIT (more facts than allowed), INVALID_ARGUMENT (root too long or
 * no directory). */
HONE_MUST_USE hone_status hone_platform_detect(const hone_platform_options *options,
                                               hone_diag *diag, hone_platform *out_platform);
void hone_platform_deinit(hone_platform *platform);

/* The size of the largest data or unified cache of that level in bytes, or 0 when there is none or
 * it is not told. */
uint64_t hone_platform_cache_bytes(const hone_platform *platform, uint32_t level);

#endif
