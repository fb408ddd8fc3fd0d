/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instance is counted where it is seen from its first CPU: a core at the first of its thread
 * siblings, a cache at the first CPU that shares it. Source: Linux
 * Documentation/admin-guide/cputopology.rst, Documentation/ABI/testing/sysfs-devices-system-cpu.
 */
#include <stdio.h>
#include <string.h>

#include "procfs_internal.h"
#include "topology_internal.h"

enum { CACHE_INDEXES_MAX = 16, PACKAGES_MAX = 4096 };

#define CPU_FOLDER "/sys/devices/system/cpu"
#define NODE_FOLDER "/sys/devices/system/node"

static bool read_cpu_set_of(hn_machine *machine, uint32_t cpu, const char *file,
                            hone_cpu_set *out_set) {
    hn_content content = hn_machine_read(machine, CPU_FOLDER "/cpu%u/%s", cpu, file);
    return content.state == HONE_FACT_PRESENT && content.text.size &&
           hone_cpu_set_parse(content.text, out_set) == HONE_OK;
}

typedef struct core_count {
    uint32_t cores, threads_max, sockets;
    bool is_core_known, is_socket_known;
    hone_cpu_set packages; /* ids seen */
    bool has_package_minus_one;
} core_count;

static void count_cpu(hn_machine *machine, const hone_cpu_set *online, uint32_t cpu,
                      core_count *count) {
    hone_cpu_set siblings;
    if (read_cpu_set_of(machine, cpu, "topology/thread_siblings_list", &siblings) ||
        read_cpu_set_of(machine, cpu, "topology/core_cpus_list", &siblings)) {
        siblings = hone_cpu_set_intersect(&siblings, online);
        uint32_t threads = hone_cpu_set_count(&siblings);
        if (hone_cpu_set_next(&siblings, 0) == cpu) {
            count->cores++;
            count->threads_max = threads > count->threads_max ? threads : count->threads_max;
        }
        count->is_core_known = true;
    }
    int64_t package;
    hn_content content =
        hn_machine_read(machine, CPU_FOLDER "/cpu%u/topology/physical_package_id", cpu);
    if (content.state == HONE_FACT_PRESENT && hn_parse_signed(content.text, &package) &&
        package >= -1 && package < PACKAGES_MAX) {
        count->is_socket_known = true;
        if (package < 0) { /* firmware that does not say: one socket */
            count->has_package_minus_one = true;
        } else {
            hone_cpu_set_add(&count->packages, (uint32_t)package);
        }
    }
}

static bool parse_cache_type(hone_text text, hone_cache_type *out_type) {
    if (hone_text_is(text, "Data")) {
        *out_type = HONE_CACHE_DATA;
    } else if (hone_text_is(text, "Instruction")) {
        *out_type = HONE_CACHE_INSTRUCTION;
    } else if (hone_text_is(text, "Unified")) {
        *out_type = HONE_CACHE_UNIFIED;
    } else {
        return false;
    }
    return true;
}

static uint64_t read_cache_number(hn_machine *machine, uint32_t cpu, int index, const char *file) {
    uint64_t number;
    hn_content content =
        hn_machine_read(machine, CPU_FOLDER "/cpu%u/cache/index%d/%s", cpu, index, file);
    bool is_good = content.state == HONE_FACT_PRESENT && hn_parse_number(content.text, &number) &&
                   number <= UINT32_MAX;
    return is_good ? number : 0;
}

/* False when the CPU has no such index. */
static bool add_cache(hn_machine *machine, const hone_cpu_set *online, uint32_t cpu, int index,
                      hn_topology *topology) {
    char file[48];
    hone_cpu_set shared = {{0}};
    if (!hn_machine_has_path(machine, CPU_FOLDER "/cpu%u/cache/index%d", cpu, index)) {
        return false;
    }
    (void)snprintf(file, sizeof file, "cache/index%d/shared_cpu_list", index);
    if (read_cpu_set_of(machine, cpu, file, &shared)) {
        shared = hone_cpu_set_intersect(&shared, online);
        if (hone_cpu_set_next(&shared, 0) != cpu) {
            return true;
        }
    } else {
        hone_cpu_set_add(&shared, cpu); /* its sharing is not told: take it for the CPU's own */
    }
    hone_cache cache = {.shared_by_count = hone_cpu_set_count(&shared)};
    hn_content content =
        hn_machine_read(machine, CPU_FOLDER "/cpu%u/cache/index%d/type", cpu, index);
    if (content.state != HONE_FACT_PRESENT || !parse_cache_type(content.text, &cache.type)) {
        return true;
    }
    content = hn_machine_read(machine, CPU_FOLDER "/cpu%u/cache/index%d/size", cpu, index);
    if (content.state != HONE_FACT_PRESENT ||
        !hn_parse_cache_size(content.text, &cache.size_bytes) || cache.size_bytes == 0 ||
        cache.size_bytes > (uint64_t)1 << 40) {
        return true;
    }
    uint64_t level = read_cache_number(machine, cpu, index, "level");
    if (level < 1 || level > 9) {
        return true;
    }
    cache.level = (uint32_t)level;
    cache.line_bytes = (uint32_t)read_cache_number(machine, cpu, index, "coherency_line_size");
    cache.ways = (uint32_t)read_cache_number(machine, cpu, index, "ways_of_associativity");
    hn_topology_add_cache(topology, &cache);
    return true;
}

static void fill_cpus(hn_machine *machine, hn_topology *topology) {
    if (!hn_topology_read_set(machine, CPU_FOLDER "/online", &topology->online)) {
        hone_fact missing = hn_fact_read_text(machine, CPU_FOLDER "/online");
        if (missing.state == HONE_FACT_PRESENT) {
            missing = hn_fact_absent(CPU_FOLDER "/online is no list of CPUs");
        }
        topology->cpus = topology->cores = topology->sockets = topology->threads_per_core = missing;
        topology->caches_reason = missing.reason;
        return;
    }
    core_count count = {0};
    const hone_cpu_set *online = &topology->online;
    for (uint32_t cpu = hone_cpu_set_next(online, 0); cpu < HONE_CPUS_MAX;
         cpu = hone_cpu_set_next(online, cpu + 1)) {
        count_cpu(machine, online, cpu, &count);
        for (int index = 0; index < CACHE_INDEXES_MAX; index++) {
            if (!add_cache(machine, online, cpu, index, topology)) {
                break;
            }
        }
    }
    hn_topology_sort_caches(topology);
    count.sockets = hone_cpu_set_count(&count.packages);
    count.sockets += count.sockets == 0 && count.has_package_minus_one;
    hone_fact untold = hn_fact_absent("no readable topology of the CPUs in " CPU_FOLDER);
    topology->cpus = hn_fact_number(machine, hone_cpu_set_count(online), "");
    topology->cores =
        count.is_core_known && count.cores ? hn_fact_number(machine, count.cores, "") : untold;
    topology->threads_per_core = count.is_core_known && count.cores
                                     ? hn_fact_number(machine, count.threads_max, "")
                                     : untold;
    topology->sockets = count.is_socket_known ? hn_fact_number(machine, count.sockets, "") : untold;
    topology->caches_reason = topology->caches_count
                                  ? ""
                                  : "the firmware tells nothing about caches (no readable "
                                    "cache/index0 in " CPU_FOLDER "/cpu*)";
}

static void fill_nodes(hn_machine *machine, hn_topology *topology) {
    hone_cpu_set online;
    if (!hn_topology_read_set(machine, NODE_FOLDER "/online", &online)) {
        topology->nodes_reason = "the kernel tells nothing about nodes in " NODE_FOLDER;
        return;
    }
    size_t count = hone_cpu_set_count(&online);
    if (count > HN_NODES_MAX) {
        topology->nodes_reason = NODE_FOLDER "/online names more than 1024 nodes";
        return;
    }
    topology->nodes = HONE_ARENA_NEW_ARRAY(machine->arena, hone_numa_node, count);
    if (!topology->nodes) {
        machine->status = HONE_STATUS_OUT_OF_MEMORY;
        return;
    }
    topology->nodes_reason = "";
    for (uint32_t index = hone_cpu_set_next(&online, 0); index < HONE_CPUS_MAX;
         index = hone_cpu_set_next(&online, index + 1)) {
        hone_numa_node *node = &topology->nodes[topology->nodes_count++];
        char path[64];
        node->index = index;
        (void)snprintf(path, sizeof path, NODE_FOLDER "/node%u/cpulist", index);
        (void)hn_topology_read_set(machine, path, &node->cpus);
        node->memory_bytes = hn_topology_node_memory(machine, index, "MemTotal");
        node->free_bytes = hn_topology_node_memory(machine, index, "MemFree");
    }
    hn_topology_finish_nodes(machine, topology);
}

void hn_topology_from_sysfs(hn_machine *machine, hn_topology *out_topology) {
    memset(out_topology, 0, sizeof *out_topology);
    out_topology->source = hn_fact_text(machine, HONE_TEXT("sysfs"), "");
    out_topology->nodes_reason = "";
    fill_cpus(machine, out_topology);
    fill_nodes(machine, out_topology);
}
