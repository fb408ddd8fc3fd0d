/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUs, cores, sockets, caches and NUMA nodes, from two independent sources: hwloc
 * (topology_hwloc.c or, where the build has none, topology_no_hwloc.c) and the files below the root
 * (topology_sysfs.c). A test holds one against the other.
 */
#ifndef HONE_PLATFORM_TOPOLOGY_INTERNAL_H
#define HONE_PLATFORM_TOPOLOGY_INTERNAL_H

#include "hone/platform/detect.h"
#include "machine_internal.h"

enum { HN_CACHES_MAX = 32, HN_NODES_MAX = 1024 };

typedef struct hn_topology {
    hone_fact source; /* text: "hwloc (API 2.8.0)" or "sysfs" */
    hone_cpu_set online;
    hone_fact cpus, cores, sockets, threads_per_core; /* numbers */
    hone_cache caches[HN_CACHES_MAX];
    size_t caches_count;
    const char *caches_reason; /* why there are none */
    hone_numa_node *nodes;     /* in the arena */
    size_t nodes_count;
    const char *nodes_reason; /* why there are none */
} hn_topology;

/* Always gives an answer; what is missing has its reason. */
void hn_topology_from_sysfs(hn_machine *machine, hn_topology *out_topology);

/* False, with a reason, when hwloc is not built in or fails. Describes this machine only. */
bool hn_topology_from_hwloc(hn_machine *machine, hn_topology *out_topology,
                            const char **out_reason);

/* The version of the hwloc in use, or absent. */
hone_fact hn_hwloc_version(hn_machine *machine);

/* Adds an instance of a cache to its kind; kinds beyond HN_CACHES_MAX are left out. */
void hn_topology_add_cache(hn_topology *topology, const hone_cache *instance);

/* Puts the kinds into their order: level, then data, instruction, unified, then size. */
void hn_topology_sort_caches(hn_topology *topology);

/* "MemTotal" or "MemFree" of one node in bytes. */
hone_fact hn_topology_node_memory(hn_machine *machine, uint32_t node, const char *name);

/* A file that is a list of CPUs or nodes. False when it is unreadable, empty or something else. */
bool hn_topology_read_set(hn_machine *machine, const char *path, hone_cpu_set *out_set);

/* The distances of a node to all nodes that are online, in the arena; NULL when not told. */
uint32_t *hn_topology_read_distances(hn_machine *machine, uint32_t node, size_t nodes_count);

/* Sorts the nodes by number and reads their distances. */
void hn_topology_finish_nodes(hn_machine *machine, hn_topology *topology);

#endif
