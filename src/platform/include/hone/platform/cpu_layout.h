/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each logical CPU that this process may use lies: core, package, last-level cache, NUMA
 * node; how far two of them are apart; and in which order workers are put on them. What a scheduler
 * pins and steals by, and what memory is placed by.
 *
 * Contract: frozen after the read; owned by the caller. Read from sysfs below `root` (no hwloc). A
 * machine that does not tell gives the flat answer (every CPU a core of its own; one package, one
 * cache, node 0), and the fact beside the count says why; CPUs of an untold cache are at
 * SAME_NODE, never at SAME_CACHE. Limits: 8192 CPUs, 1024 nodes. Cost of
 * reading: three small files per core and cache, so about a millisecond on a desktop.
 * Source: Linux Documentation/ABI/testing/sysfs-devices-system-cpu and -node.
 */
#ifndef HONE_PLATFORM_CPU_LAYOUT_H
#define HONE_PLATFORM_CPU_LAYOUT_H

#include "hone/base/arena.h"
#include "hone/platform/cpu_set.h"
#include "hone/platform/fact.h"

/* One logical CPU. Core, package and cache group are counted from 0 in the order of their first
 * CPU; the node index goes into `nodes` of the layout. */
typedef struct hone_cpu_place {
    uint32_t cpu; /* the kernel's number */
    uint32_t core;
    uint32_t package;
    uint32_t cache_group; /* CPUs that share a last-level cache */
    uint32_t node_index;
    uint32_t sibling; /* 0 for the first usable CPU of a core, 1 for the second ... */
} hone_cpu_place;

typedef struct hone_cpu_layout_node {
    uint32_t number;     /* the kernel's */
    uint32_t cpus_count; /* usable ones; 0 for a node of memory alone */
} hone_cpu_layout_node;

typedef struct hone_cpu_layout {
    const hone_cpu_place *places; /* by number of the CPU; at least one */
    uint32_t cpus_count;
    const hone_cpu_layout_node *nodes; /* by number; all that are online, at least one */
    uint32_t nodes_count;
    /* How many the usable CPUs lie on. A present fact is that number; an absent one says why the
     * count is the flat answer. */
    uint32_t cores_count, packages_count, cache_groups_count;
    hone_fact cores, packages, cache_groups, numa_nodes;
    hone_fact usable; /* number: CPUs; absent: the kernel names none, and CPU 0 is assumed */

    const uint8_t *rings; /* nodes x nodes: 0 for itself, else the rank of the distance from 1 */
    const uint32_t *orders[2]; /* by hone_cpu_order: indexes into places */
    hone_arena arena;
} hone_cpu_layout;

/* `root` NULL or "" for this machine; `allocator` NULL means libc. OUT_OF_MEMORY; INVALID_ARGUMENT
 * (over-long root, no directory). Deinitialise (only) after HONE_OK. */
HONE_MUST_USE hone_status hone_cpu_layout_read(const char *root, const hone_allocator *allocator,
                                               hone_diag *diag, hone_cpu_layout *out_layout);
void hone_cpu_layout_deinit(hone_cpu_layout *layout);

/* The place of a CPU by its number, or NULL when this process may not use it. Cost: a binary
 * search. */
const hone_cpu_place *hone_cpu_layout_find(const hone_cpu_layout *layout, uint32_t cpu);

enum {
    HONE_CPU_SAME_CORE = 0,  /* the same CPU too */
    HONE_CPU_SAME_CACHE = 1, /* also where a cache spans nodes */
    HONE_CPU_SAME_NODE = 2,
    HONE_CPU_REMOTE =
        3 /* the nearest other node; each larger distance in the machine is one more */
};

/* How far two places of this layout are apart: small numbers are near. Cost: a few loads. */
uint32_t hone_cpu_layout_distance(const hone_cpu_layout *layout, const hone_cpu_place *a,
                                  const hone_cpu_place *b);

/* Compact fills the siblings of a core, then its cache, then its node, then the next: for workers
 * that share data. Scatter spreads over nodes, then caches, then cores, and uses siblings last: for
 * workers that need cache and bandwidth of their own. */
typedef enum hone_cpu_order { HONE_CPU_ORDER_COMPACT, HONE_CPU_ORDER_SCATTER } hone_cpu_order;

/* Fills `out_cpus` with the numbers of the CPUs for `workers_count` workers. More workers than CPUs
 * begin again at the first, except with `is_one_per_core`, which takes one CPU of each core and is
 * LIMIT when there are fewer cores than workers (nothing is written then). */
HONE_MUST_USE hone_status hone_cpu_layout_place(const hone_cpu_layout *layout, hone_cpu_order order,
                                                bool is_one_per_core, uint32_t workers_count,
                                                hone_diag *diag, uint32_t *out_cpus);

#endif
