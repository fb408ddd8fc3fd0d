/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hwloc knows the quirks of many machines. It is asked for the whole machine (also what this
 * process may not use), without devices, which would cost time and memory.
 */
#include <hwloc.h>
#include <string.h>

#include "topology_internal.h"

static void copy_cpus(hwloc_const_cpuset_t from, hone_cpu_set *out_set) {
    int cpu;
    hwloc_bitmap_foreach_begin(cpu, from) {
        if (cpu >= HONE_CPUS_MAX) {
            break;
        }
        hone_cpu_set_add(out_set, (uint32_t)cpu);
    }
    hwloc_bitmap_foreach_end();
}

/* Objects of a type with a CPU in them. */
static hone_fact count_objects(hn_machine *machine, hwloc_topology_t topology,
                               hwloc_obj_type_t type) {
    int count = hwloc_get_nbobjs_by_type(topology, type);
    return count > 0 ? hn_fact_number(machine, (uint64_t)count, "")
                     : hn_fact_absent("hwloc does not tell");
}

static void fill_cpus(hn_machine *machine, hwloc_topology_t topology, hn_topology *out) {
    copy_cpus(hwloc_topology_get_topology_cpuset(topology), &out->online);
    out->cpus = count_objects(machine, topology, HWLOC_OBJ_PU);
    out->cores = count_objects(machine, topology, HWLOC_OBJ_CORE);
    out->sockets = count_objects(machine, topology, HWLOC_OBJ_PACKAGE);
    int threads_max = 0;
    hwloc_obj_t core = NULL;
    while ((core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core)) != NULL) {
        int threads = hwloc_bitmap_weight(core->cpuset);
        threads_max = threads > threads_max ? threads : threads_max;
    }
    out->threads_per_core = threads_max ? hn_fact_number(machine, (uint64_t)threads_max, "")
                                        : hn_fact_absent("hwloc does not tell");
}

static hone_cache_type cache_type(hwloc_obj_cache_type_t type) {
    return type == HWLOC_OBJ_CACHE_DATA          ? HONE_CACHE_DATA
           : type == HWLOC_OBJ_CACHE_INSTRUCTION ? HONE_CACHE_INSTRUCTION
                                                 : HONE_CACHE_UNIFIED;
}

static void fill_caches(hwloc_topology_t topology, hn_topology *out) {
    int depth_count = hwloc_topology_get_depth(topology);
    for (int depth = 0; depth < depth_count; depth++) {
        if (!hwloc_obj_type_is_cache(hwloc_get_depth_type(topology, depth))) {
            continue;
        }
        hwloc_obj_t object = NULL;
        while ((object = hwloc_get_next_obj_by_depth(topology, depth, object)) != NULL) {
            const struct hwloc_cache_attr_s *cache = &object->attr->cache;
            int shared = hwloc_bitmap_weight(object->cpuset);
            if (cache->size == 0) {
                continue; /* firmware that does not say */
            }
            hn_topology_add_cache(
                out, &(hone_cache){
                         .level = cache->depth,
                         .type = cache_type(cache->type),
                         .size_bytes = cache->size,
                         .line_bytes = cache->linesize,
                         .ways = cache->associativity > 0 ? (uint32_t)cache->associativity : 0,
                         .shared_by_count = shared > 0 ? (uint32_t)shared : 0,
                     });
        }
    }
    hn_topology_sort_caches(out);
    out->caches_reason = out->caches_count ? "" : "hwloc knows of no cache";
}

static void fill_nodes(hn_machine *machine, hwloc_topology_t topology, hn_topology *out) {
    int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    if (count <= 0 || count > HN_NODES_MAX) {
        out->nodes_reason = "hwloc knows of no memory node";
        return;
    }
    out->nodes = HONE_ARENA_NEW_ARRAY(machine->arena, hone_numa_node, (size_t)count);
    if (!out->nodes) {
        machine->status = HONE_STATUS_OUT_OF_MEMORY;
        return;
    }
    out->nodes_reason = "";
    hwloc_obj_t object = NULL;
    while (out->nodes_count < (size_t)count &&
           (object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, object)) != NULL) {
        hone_numa_node *node = &out->nodes[out->nodes_count++];
        node->index = object->os_index;
        copy_cpus(object->cpuset, &node->cpus);
        node->memory_bytes = hn_fact_number(machine, object->attr->numanode.local_memory, "");
        /* hwloc has no figure that moves; the kernel's file does. */
        node->free_bytes = hn_topology_node_memory(machine, node->index, "MemFree");
    }
    hn_topology_finish_nodes(machine, out);
}

static bool load(hwloc_topology_t *out_topology) {
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0) {
        return false;
    }
    if (hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) != 0 ||
        hwloc_topology_set_icache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL) != 0 ||
        hwloc_topology_load(topology) != 0) {
        hwloc_topology_destroy(topology);
        return false;
    }
    *out_topology = topology;
    return true;
}

bool hn_topology_from_hwloc(hn_machine *machine, hn_topology *out_topology,
                            const char **out_reason) {
    hwloc_topology_t topology;
    memset(out_topology, 0, sizeof *out_topology);
    if (!load(&topology)) {
        *out_reason = "hwloc could not load the topology";
        return false;
    }
    out_topology->source = hn_hwloc_version(machine);
    fill_cpus(machine, topology, out_topology);
    fill_caches(topology, out_topology);
    fill_nodes(machine, topology, out_topology);
    hwloc_topology_destroy(topology);
    return true;
}

hone_fact hn_hwloc_version(hn_machine *machine) {
    unsigned version = hwloc_get_api_version();
    const char *text = hn_machine_format(machine, "hwloc (API %u.%u.%u)", version >> 16,
                                         version >> 8 & 0xFF, version & 0xFF);
    return hn_fact_text(machine, hone_text_of(text), "");
}
