/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and the nodes of a machine: on which node pages are put, where they lie, moving them, and
 * which of the ways fits a workload. The raw system calls; memory/page_block.h is what most callers
 * want.
 *
 * Sets of nodes are hone_cpu_set with the kernel's numbers of the nodes.
 *
 * Contract: shared; no state but the kernel's. UNSUPPORTED: this kernel knows no nodes (or not this
 * policy). ABSENT: no such node for this process, with a message that lists those there are.
 * FORBIDDEN: a sandbox refuses the call. Whatever fails has changed nothing, unless it says so.
 * Source: set_mempolicy(2), mbind(2), get_mempolicy(2), move_pages(2).
 */
#ifndef HONE_PLATFORM_NUMA_H
#define HONE_PLATFORM_NUMA_H

#include "hone/platform/cpu_layout.h"

typedef enum hone_numa_policy {
    HONE_NUMA_DEFAULT,   /* as the thread or the system has it: mostly where first touched */
    HONE_NUMA_LOCAL,     /* on the node of the CPU that first touches a page */
    HONE_NUMA_BIND,      /* on these nodes only; fails rather than take others */
    HONE_NUMA_INTERLEAVE /* page by page around these nodes */
} hone_numa_policy;

/* "default", "local", "bind", "interleave". Never NULL. */
const char *hone_numa_policy_name(hone_numa_policy policy);

/* The nodes that this process may have memory of. UNSUPPORTED, FORBIDDEN. */
HONE_MUST_USE hone_status hone_numa_nodes(hone_cpu_set *out_nodes);

/* Whether a policy with these nodes can be had: BIND and INTERLEAVE want at least one node and only
 * such as there are; the others want none (NULL or empty). INVALID_ARGUMENT, ABSENT, UNSUPPORTED,
 * FORBIDDEN. Changes nothing. */
HONE_MUST_USE hone_status hone_numa_check(hone_numa_policy policy, const hone_cpu_set *nodes,
                                          hone_diag *diag);

/* The policy of a range of whole pages, for touches to come; with `is_moving` pages that are there
 * already and lie elsewhere are moved. As hone_numa_check; OUT_OF_MEMORY; IO when some pages could
 * not be moved (the policy then holds, and the others are moved). */
HONE_MUST_USE hone_status hone_numa_place(void *pages, size_t size_bytes, hone_numa_policy policy,
                                          const hone_cpu_set *nodes, bool is_moving,
                                          hone_diag *diag);

/* The policy of the calling thread for memory that has none of its own, and what it is. */
HONE_MUST_USE hone_status hone_numa_set_thread(hone_numa_policy policy, const hone_cpu_set *nodes,
                                               hone_diag *diag);
HONE_MUST_USE hone_status hone_numa_get_thread(hone_numa_policy *out_policy,
                                               hone_cpu_set *out_nodes);

enum { HONE_NUMA_NODE_NONE = -1 }; /* a page that is not there: never touched, or swapped out */

/* The node of each page that the addresses lie in, or HONE_NUMA_NODE_NONE. UNSUPPORTED, FORBIDDEN,
 * OUT_OF_MEMORY. Cost: about 0.1 us a page; in one call at most 512 are asked about. */
HONE_MUST_USE hone_status hone_numa_locate(void *const *pages, size_t count, int32_t *out_nodes);

/* What runs over the data. */
typedef enum hone_numa_workload {
    HONE_NUMA_WORKLOAD_THREADS, /* threads that all use all of it */
    HONE_NUMA_WORKLOAD_PIPELINE /* producers and consumers: each piece used by few */
} hone_numa_workload;

typedef struct hone_numa_strategy {
    hone_numa_policy policy;
    hone_cpu_set nodes; /* for the policy; empty for DEFAULT and LOCAL */
    bool is_pinning;    /* threads are to be pinned, in `order` */
    hone_cpu_order order;
    char reason[200]; /* one sentence */
} hone_numa_strategy;

/* Which policy and which placement of threads fit: with one node, none; one thread: pinned, memory
 * bound to its node; many threads: interleaved over the nodes that they run on (bound, where all
 * fit on one); a pipeline: local, with neighbours near each other. Pure. `threads_count` 0 counts
 * as 1. */
void hone_numa_choose(const hone_cpu_layout *layout, hone_numa_workload workload,
                      uint32_t threads_count, hone_numa_strategy *out_strategy);

#endif
