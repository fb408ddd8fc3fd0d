/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "procfs_internal.h"
#include "topology_internal.h"

void hn_topology_add_cache(hn_topology *topology, const hone_cache *instance) {
    for (size_t i = 0; i < topology->caches_count; i++) {
        hone_cache *kind = &topology->caches[i];
        if (kind->level == instance->level && kind->type == instance->type &&
            kind->size_bytes == instance->size_bytes) {
            kind->instances_count++;
            if (instance->shared_by_count > kind->shared_by_count) {
                kind->shared_by_count = instance->shared_by_count;
            }
            return;
        }
    }
    if (topology->caches_count < HN_CACHES_MAX) {
        topology->caches[topology->caches_count] = *instance;
        topology->caches[topology->caches_count++].instances_count = 1;
    }
}

static int compare_caches(const void *a, const void *b) {
    const hone_cache *x = a, *y = b;
    if (x->level != y->level) {
        return x->level < y->level ? -1 : 1;
    }
    if (x->type != y->type) {
        return x->type < y->type ? -1 : 1;
    }
    return (x->size_bytes > y->size_bytes) - (x->size_bytes < y->size_bytes);
}

void hn_topology_sort_caches(hn_topology *topology) {
    if (topology->caches_count > 1) {
        qsort(topology->caches, topology->caches_count, sizeof topology->caches[0], compare_caches);
    }
}

#define NODE_FOLDER "/sys/devices/system/node"

/* "Node 0 MemTotal:  1234 kB" */
hone_fact hn_topology_node_memory(hn_machine *machine, uint32_t node, const char *name) {
    char key[64];
    uint64_t bytes;
    (void)snprintf(key, sizeof key, "Node %u %s", node, name);
    hn_content content = hn_machine_read(machine, NODE_FOLDER "/node%u/meminfo", node);
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    if (!hn_find_kilobytes(content.text, key, &bytes)) {
        return hn_fact_absent(hn_machine_format(
            machine, NODE_FOLDER "/node%u/meminfo has no readable line '%s'", node, key));
    }
    return hn_fact_number(machine, bytes, "");
}

bool hn_topology_read_set(hn_machine *machine, const char *path, hone_cpu_set *out_set) {
    hn_content content = hn_machine_read(machine, "%s", path);
    return content.state == HONE_FACT_PRESENT && content.text.size &&
           hone_cpu_set_parse(content.text, out_set) == HONE_OK;
}

uint32_t *hn_topology_read_distances(hn_machine *machine, uint32_t node, size_t nodes_count) {
    hn_content content = hn_machine_read(machine, NODE_FOLDER "/node%u/distance", node);
    if (content.state != HONE_FACT_PRESENT) {
        return NULL;
    }
    uint32_t *distances = HONE_ARENA_NEW_ARRAY(machine->arena, uint32_t, nodes_count);
    if (!distances) {
        machine->status = HONE_STATUS_OUT_OF_MEMORY;
        return NULL;
    }
    for (size_t i = 0; i < nodes_count; i++) {
        uint64_t number;
        if (!hn_parse_number(hn_next_word(&content.text), &number) || number > 255) {
            return NULL;
        }
        distances[i] = (uint32_t)number;
    }
    return hn_next_word(&content.text).size == 0 ? distances : NULL;
}

static int compare_nodes(const void *a, const void *b) {
    const hone_numa_node *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

void hn_topology_finish_nodes(hn_machine *machine, hn_topology *topology) {
    if (topology->nodes_count > 1) {
        qsort(topology->nodes, topology->nodes_count, sizeof *topology->nodes, compare_nodes);
    }
    for (size_t i = 0; i < topology->nodes_count; i++) {
        topology->nodes[i].distances =
            hn_topology_read_distances(machine, topology->nodes[i].index, topology->nodes_count);
    }
}
