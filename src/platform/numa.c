/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls are made raw: libnuma prints and exits where it does not like what it finds. Masks are
 * as wide as a hone_cpu_set; the kernel takes any width whose bits beyond its own nodes are zero,
 * and counts one bit less than it is told.
 */
#include "hone/platform/numa.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MASK_BITS = HONE_CPUS_MAX + 1, LOCATE_MAX = 512 };

static const struct policy_text {
    const char *name;
    int mode;
    bool has_nodes;
} policies[] = {
    [HONE_NUMA_DEFAULT] = {"default", MPOL_DEFAULT, false},
    [HONE_NUMA_LOCAL] = {"local", MPOL_LOCAL, false},
    [HONE_NUMA_BIND] = {"bind", MPOL_BIND, true},
    [HONE_NUMA_INTERLEAVE] = {"interleave", MPOL_INTERLEAVE, true},
};

#define POLICIES_COUNT (sizeof policies / sizeof *policies)

const char *hone_numa_policy_name(hone_numa_policy policy) {
    return policy < POLICIES_COUNT ? policies[policy].name : "unknown";
}

static hone_status status_of_errno(int error) {
    switch (error) {
    case ENOSYS: return HONE_STATUS_UNSUPPORTED;
    case EPERM:
    case EACCES: return HONE_STATUS_FORBIDDEN;
    case ENOMEM: return HONE_STATUS_OUT_OF_MEMORY;
    case EIO: return HONE_STATUS_IO;
    case EINVAL: return HONE_STATUS_ABSENT;
    default: return HONE_STATUS_INVALID_ARGUMENT;
    }
}

static hone_status fail(hone_diag *diag, int error, const char *call, hone_numa_policy policy) {
    hone_status status = status_of_errno(error);
    return hone_diag_set(diag, status, "%s (policy %s): %s", call, hone_numa_policy_name(policy),
                         strerror(error));
}

hone_status hone_numa_nodes(hone_cpu_set *out_nodes) {
    hone_cpu_set nodes = {{0}};
    if (syscall(SYS_get_mempolicy, NULL, nodes.words, MASK_BITS, NULL, MPOL_F_MEMS_ALLOWED) != 0) {
        return status_of_errno(errno);
    }
    *out_nodes = nodes;
    return HONE_OK;
}

hone_status hone_numa_check(hone_numa_policy policy, const hone_cpu_set *nodes, hone_diag *diag) {
    uint32_t count = nodes ? hone_cpu_set_count(nodes) : 0;
    if (policy >= POLICIES_COUNT || (count > 0) != policies[policy].has_nodes) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "policy %s of memory nodes, with %u nodes: bind and interleave want "
                             "nodes, default and local want none",
                             hone_numa_policy_name(policy), count);
    }
    if (count == 0) {
        return HONE_OK;
    }
    hone_cpu_set there;
    hone_status status = hone_numa_nodes(&there);
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "the kernel does not tell about memory nodes: %s",
                             hone_status_text(status));
    }
    hone_cpu_set both = hone_cpu_set_intersect(nodes, &there);
    if (hone_cpu_set_count(&both) == count) {
        return HONE_OK;
    }
    char wanted[96], list[160];
    (void)hone_cpu_set_format(nodes, wanted, sizeof wanted);
    (void)hone_cpu_set_format(&there, list, sizeof list);
    return hone_diag_set(diag, HONE_STATUS_ABSENT,
                         "there is no memory node %s for this process; there are: %s", wanted,
                         list);
}

hone_status hone_numa_place(void *pages, size_t size_bytes, hone_numa_policy policy,
                            const hone_cpu_set *nodes, bool is_moving, hone_diag *diag) {
    hone_status status = hone_numa_check(policy, nodes, diag);
    if (status != HONE_OK) {
        return status;
    }
    /* Without STRICT the kernel is silent about pages that it could not move. */
    unsigned flags = is_moving ? MPOL_MF_MOVE | MPOL_MF_STRICT : 0;
    bool has_nodes = policies[policy].has_nodes;
    long result = syscall(SYS_mbind, pages, size_bytes, policies[policy].mode,
                          has_nodes ? nodes->words : NULL, has_nodes ? MASK_BITS : 0, flags);
    return result == 0 ? HONE_OK : fail(diag, errno, "mbind", policy);
}

hone_status hone_numa_set_thread(hone_numa_policy policy, const hone_cpu_set *nodes,
                                 hone_diag *diag) {
    hone_status status = hone_numa_check(policy, nodes, diag);
    if (status != HONE_OK) {
        return status;
    }
    bool has_nodes = policies[policy].has_nodes;
    long result = syscall(SYS_set_mempolicy, policies[policy].mode, has_nodes ? nodes->words : NULL,
                          has_nodes ? MASK_BITS : 0);
    return result == 0 ? HONE_OK : fail(diag, errno, "set_mempolicy", policy);
}

hone_status hone_numa_get_thread(hone_numa_policy *out_policy, hone_cpu_set *out_nodes) {
    int mode = 0;
    hone_cpu_set nodes = {{0}};
    if (syscall(SYS_get_mempolicy, &mode, nodes.words, MASK_BITS, NULL, 0) != 0) {
        return status_of_errno(errno);
    }
    for (size_t i = 0; i < POLICIES_COUNT; i++) {
        if (policies[i].mode == mode) {
            *out_policy = (hone_numa_policy)i;
            *out_nodes = policies[i].has_nodes ? nodes : (hone_cpu_set){{0}};
            return HONE_OK;
        }
    }
    return HONE_STATUS_UNSUPPORTED; /* preferred, weighted: somebody else's */
}

hone_status hone_numa_locate(void *const *pages, size_t count, int32_t *out_nodes) {
    int found[LOCATE_MAX];
    if (count > LOCATE_MAX) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    if (count > 0 && syscall(SYS_move_pages, 0, count, pages, NULL, found, 0) != 0) {
        return status_of_errno(errno);
    }
    for (size_t i = 0; i < count; i++) {
        out_nodes[i] = found[i] >= 0 ? found[i] : HONE_NUMA_NODE_NONE;
    }
    return HONE_OK;
}

/* ---- what fits ---- */

HONE_PRINTF(2, 3)
static void say(hone_numa_strategy *strategy, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(strategy->reason, sizeof strategy->reason, format, arguments);
    va_end(arguments);
}

/* The nodes that the first `threads_count` CPUs of an order lie on. */
static void collect_nodes(const hone_cpu_layout *layout, hone_cpu_order order,
                          uint32_t threads_count, hone_cpu_set *out_nodes) {
    for (uint32_t i = 0; i < threads_count && i < layout->cpus_count; i++) {
        const hone_cpu_place *place = &layout->places[layout->orders[order][i]];
        hone_cpu_set_add(out_nodes, layout->nodes[place->node_index].number);
    }
}

static void choose_threads(const hone_cpu_layout *layout, uint32_t threads_count,
                           hone_numa_strategy *strategy) {
    strategy->is_pinning = true;
    strategy->order = HONE_CPU_ORDER_COMPACT;
    collect_nodes(layout, strategy->order, threads_count, &strategy->nodes);
    uint32_t nodes_count = hone_cpu_set_count(&strategy->nodes);
    if (threads_count <= 1) {
        strategy->policy = HONE_NUMA_BIND;
        say(strategy, "One thread: it is pinned, and its memory is bound to its node.");
    } else if (nodes_count == 1) {
        strategy->policy = HONE_NUMA_BIND;
        say(strategy, "The %u threads fit on one node: they are pinned there, with the memory.",
            threads_count);
    } else {
        strategy->policy = HONE_NUMA_INTERLEAVE;
        say(strategy,
            "The %u threads run on %u nodes and share the data: pages alternate between these, so "
            "that no node's memory is the narrow place.",
            threads_count, nodes_count);
    }
}

void hone_numa_choose(const hone_cpu_layout *layout, hone_numa_workload workload,
                      uint32_t threads_count, hone_numa_strategy *out_strategy) {
    hone_numa_strategy strategy = {.policy = HONE_NUMA_DEFAULT};
    uint32_t nodes_with_cpus = 0;
    for (uint32_t i = 0; i < layout->nodes_count; i++) {
        nodes_with_cpus += layout->nodes[i].cpus_count > 0;
    }
    threads_count = threads_count ? threads_count : 1;
    if (nodes_with_cpus <= 1) {
        say(&strategy, "The CPUs that this process may use lie on one node.");
    } else if (workload == HONE_NUMA_WORKLOAD_PIPELINE) {
        strategy.policy = HONE_NUMA_LOCAL;
        strategy.is_pinning = true;
        strategy.order = HONE_CPU_ORDER_COMPACT;
        say(&strategy, "Producers and consumers: neighbours are pinned near each other, and memory "
                       "lies where it is first touched.");
    } else {
        choose_threads(layout, threads_count, &strategy);
    }
    *out_strategy = strategy;
}
