/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every CPU is asked in turn, but only when no CPU before it has already named it as its sibling or
 * as a sharer of its cache: a core and a cache are read once. All CPUs that are online take part
 * in this, also those that the process may not use, because the files of a cache name them.
 *
 * Both orders are sorts by one number whose digits are, from the slowest changing to the fastest:
 * compact: node, cache, core, sibling; scatter: sibling, core within the cache, cache within the
 * node, node.
 */
#include "hone/platform/cpu_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/platform/limits.h"
#include "limits_internal.h"
#include "procfs_internal.h"
#include "topology_internal.h"

enum {
    ARENA_BYTES_MAX = 16 << 20,
    CACHE_INDEXES_MAX = 16,
    CACHE_LEVEL_MAX = 9,
    RINGS_MAX = 255,
    UNKNOWN = UINT16_MAX /* more than any CPU's number */
};

#define CPU_FOLDER "/sys/devices/system/cpu"
#define NODE_FOLDER "/sys/devices/system/node"

/* What is known of each CPU while the layout is put together, by CPU number. Core and cache group
 * are named by their first CPU. */
typedef struct layout_draft {
    hn_machine *machine;
    hone_cpu_set usable, online;
    uint16_t core[HONE_CPUS_MAX], cache[HONE_CPUS_MAX], node_index[HONE_CPUS_MAX];
    int32_t package[HONE_CPUS_MAX];
    bool has_cores, has_caches, has_packages;
} layout_draft;

static void assign(uint16_t table[HONE_CPUS_MAX], const hone_cpu_set *members, uint32_t value) {
    for (uint32_t cpu = hone_cpu_set_next(members, 0); cpu < HONE_CPUS_MAX;
         cpu = hone_cpu_set_next(members, cpu + 1)) {
        if (table[cpu] == UNKNOWN) {
            table[cpu] = (uint16_t)value;
        }
    }
}

static bool read_set_of(layout_draft *draft, uint32_t cpu, const char *file,
                        hone_cpu_set *out_set) {
    char path[128];
    (void)snprintf(path, sizeof path, CPU_FOLDER "/cpu%u/%s", cpu, file);
    if (!hn_topology_read_set(draft->machine, path, out_set)) {
        return false;
    }
    *out_set = hone_cpu_set_intersect(out_set, &draft->online);
    return hone_cpu_set_has(out_set, cpu);
}

static void read_core(layout_draft *draft, uint32_t cpu) {
    hone_cpu_set siblings;
    if (read_set_of(draft, cpu, "topology/thread_siblings_list", &siblings) ||
        read_set_of(draft, cpu, "topology/core_cpus_list", &siblings)) {
        assign(draft->core, &siblings, cpu);
        draft->has_cores = true;
    }
    draft->core[cpu] = draft->core[cpu] == UNKNOWN ? (uint16_t)cpu : draft->core[cpu];
}

/* The level of a data or unified cache, or 0. */
static uint32_t read_cache_level(layout_draft *draft, uint32_t cpu, int index) {
    uint64_t level;
    hn_content content =
        hn_machine_read(draft->machine, CPU_FOLDER "/cpu%u/cache/index%d/type", cpu, index);
    if (content.state != HONE_FACT_PRESENT ||
        (!hone_text_is(content.text, "Data") && !hone_text_is(content.text, "Unified"))) {
        return 0;
    }
    content = hn_machine_read(draft->machine, CPU_FOLDER "/cpu%u/cache/index%d/level", cpu, index);
    return content.state == HONE_FACT_PRESENT && hn_parse_number(content.text, &level) &&
                   level <= CACHE_LEVEL_MAX
               ? (uint32_t)level
               : 0;
}

static void read_cache(layout_draft *draft, uint32_t cpu) {
    uint32_t best_level = 0;
    hone_cpu_set best;
    for (int index = 0; index < CACHE_INDEXES_MAX; index++) {
        char file[64];
        hone_cpu_set shared;
        if (!hn_machine_has_path(draft->machine, CPU_FOLDER "/cpu%u/cache/index%d", cpu, index)) {
            break;
        }
        (void)snprintf(file, sizeof file, "cache/index%d/shared_cpu_list", index);
        uint32_t level = read_cache_level(draft, cpu, index);
        if (level > best_level && read_set_of(draft, cpu, file, &shared)) {
            best_level = level;
            best = shared;
        }
    }
    if (best_level > 0) {
        assign(draft->cache, &best, cpu);
        draft->has_caches = true;
    }
}

static void read_package(layout_draft *draft, uint32_t cpu) {
    int64_t package;
    hn_content content =
        hn_machine_read(draft->machine, CPU_FOLDER "/cpu%u/topology/physical_package_id", cpu);
    draft->package[cpu] = -1;
    if (content.state == HONE_FACT_PRESENT && hn_parse_signed(content.text, &package) &&
        package >= 0 && package < HONE_CPUS_MAX) {
        draft->package[cpu] = (int32_t)package;
        draft->has_packages = true;
    }
}

/* CPUs whose cache is not told are one group: nothing says that they share less. */
static void read_cpus(layout_draft *draft) {
    for (uint32_t cpu = 0; cpu < HONE_CPUS_MAX; cpu++) {
        draft->core[cpu] = draft->cache[cpu] = UNKNOWN;
    }
    for (uint32_t cpu = hone_cpu_set_next(&draft->online, 0); cpu < HONE_CPUS_MAX;
         cpu = hone_cpu_set_next(&draft->online, cpu + 1)) {
        if (draft->core[cpu] == UNKNOWN) {
            read_core(draft, cpu);
        }
        if (draft->core[cpu] == cpu) {
            read_package(draft, cpu);
        } else {
            draft->package[cpu] = draft->package[draft->core[cpu]];
        }
        if (draft->cache[cpu] == UNKNOWN) {
            read_cache(draft, cpu);
        }
    }
}

/* What is usable: affinity and cpuset as limits.h has it, as far as those CPUs are online. */
static hone_fact read_usable(layout_draft *draft) {
    hone_limits limits = {0};
    hn_limits_fill(draft->machine, &limits);
    draft->usable = limits.usable_cpus;
    bool is_online_told =
        hn_topology_read_set(draft->machine, CPU_FOLDER "/online", &draft->online);
    if (!is_online_told) {
        draft->online = draft->usable;
    }
    if (hone_cpu_set_next(&draft->usable, 0) == HONE_CPUS_MAX) {
        draft->usable = draft->online; /* neither affinity nor cpuset is told */
    } else {
        hone_cpu_set both = hone_cpu_set_intersect(&draft->usable, &draft->online);
        draft->usable = hone_cpu_set_count(&both) > 0 ? both : draft->usable;
        for (size_t i = 0; i < sizeof draft->online.words / sizeof *draft->online.words; i++) {
            draft->online.words[i] |= draft->usable.words[i];
        }
    }
    uint32_t count = hone_cpu_set_count(&draft->usable);
    if (count > 0) {
        return hn_fact_number(draft->machine, count, "");
    }
    hone_cpu_set_add(&draft->usable, 0);
    hone_cpu_set_add(&draft->online, 0);
    return hn_fact_absent("no affinity, no cpuset and no list of CPUs is readable; CPU 0 is "
                          "assumed");
}

/* ---- nodes ---- */

static void read_node_cpus(layout_draft *draft, hone_cpu_layout_node *nodes, uint32_t index) {
    char path[128];
    hone_cpu_set cpus;
    (void)snprintf(path, sizeof path, NODE_FOLDER "/node%u/cpulist", nodes[index].number);
    if (hn_topology_read_set(draft->machine, path, &cpus)) {
        assign(draft->node_index, &cpus, index);
    }
}

static int compare_bytes(const void *a, const void *b) {
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

/* The different remote distances of the machine in rising order; their number. */
static uint32_t sort_distances(const uint8_t *distances, uint32_t nodes, uint8_t out_sorted[256]) {
    bool has[256] = {false};
    uint32_t count = 0;
    for (uint32_t i = 0; i < nodes * nodes; i++) {
        if (i / nodes != i % nodes && !has[distances[i]]) {
            has[distances[i]] = true;
            out_sorted[count++] = distances[i];
        }
    }
    qsort(out_sorted, count, 1, compare_bytes);
    return count;
}

/* Where a row of distances is not told, every other node is equally far (the usual 20). */
static void read_rings(layout_draft *draft, hone_cpu_layout *layout, uint8_t *rings) {
    uint32_t nodes = layout->nodes_count;
    uint8_t sorted[256], rank[256] = {0};
    for (uint32_t from = 0; from < nodes; from++) {
        uint32_t *row =
            hn_topology_read_distances(draft->machine, layout->nodes[from].number, nodes);
        for (uint32_t to = 0; to < nodes; to++) {
            rings[from * nodes + to] = row ? (uint8_t)row[to] : 20;
        }
    }
    uint32_t count = sort_distances(rings, nodes, sorted);
    for (uint32_t i = 0; i < count; i++) {
        rank[sorted[i]] = (uint8_t)(i + 1 < RINGS_MAX ? i + 1 : RINGS_MAX);
    }
    for (uint32_t i = 0; i < nodes * nodes; i++) {
        rings[i] = i / nodes == i % nodes ? 0 : rank[rings[i]];
    }
}

static void read_nodes(layout_draft *draft, hone_cpu_layout *layout) {
    hone_cpu_set online;
    bool is_told = hn_topology_read_set(draft->machine, NODE_FOLDER "/online", &online);
    uint32_t count = is_told ? hone_cpu_set_count(&online) : 0;
    if (count == 0 || count > HN_NODES_MAX) {
        layout->numa_nodes = hn_fact_absent("the kernel tells nothing about nodes in " NODE_FOLDER
                                            "; all CPUs are taken to be on node 0");
        online = (hone_cpu_set){.words = {1}};
        count = 1;
    } else {
        layout->numa_nodes = hn_fact_number(draft->machine, count, "");
    }
    hone_arena *arena = &layout->arena;
    hone_cpu_layout_node *nodes = HONE_ARENA_NEW_ARRAY(arena, hone_cpu_layout_node, count);
    uint8_t *rings = HONE_ARENA_NEW_ARRAY(arena, uint8_t, (size_t)count * count);
    if (!nodes || !rings) {
        draft->machine->status = HONE_STATUS_OUT_OF_MEMORY;
        return;
    }
    for (uint32_t cpu = 0; cpu < HONE_CPUS_MAX; cpu++) {
        draft->node_index[cpu] = UNKNOWN;
    }
    uint32_t number = hone_cpu_set_next(&online, 0);
    for (uint32_t i = 0; i < count; i++) {
        nodes[i].number = number;
        read_node_cpus(draft, nodes, i);
        number = hone_cpu_set_next(&online, number + 1);
    }
    layout->nodes = nodes;
    layout->nodes_count = count;
    layout->rings = rings;
    read_rings(draft, layout, rings);
    for (uint32_t cpu = hone_cpu_set_next(&draft->usable, 0); cpu < HONE_CPUS_MAX;
         cpu = hone_cpu_set_next(&draft->usable, cpu + 1)) {
        uint16_t *index = &draft->node_index[cpu];
        *index = *index == UNKNOWN ? 0 : *index; /* told by no node: with the first */
        nodes[*index].cpus_count++;
    }
}

/* ---- places and orders ---- */

/* Numbers what the CPUs name (a first CPU, a package id) from 0 in order of appearance. */
typedef struct name_numbers {
    uint16_t number_of[HONE_CPUS_MAX + 1];
    uint32_t count;
} name_numbers;

static uint32_t number_name(name_numbers *numbering, uint32_t name) {
    uint16_t *number = &numbering->number_of[name < HONE_CPUS_MAX ? name : HONE_CPUS_MAX];
    if (*number == 0) {
        *number = (uint16_t)++numbering->count;
    }
    return *number - 1u;
}

typedef struct layout_maker {
    layout_draft draft;
    name_numbers cores, packages, caches;
    uint16_t siblings[HONE_CPUS_MAX];                             /* by core: usable CPUs so far */
    uint32_t core_rank[HONE_CPUS_MAX], cache_rank[HONE_CPUS_MAX]; /* by index of the place */
} layout_maker;

static void make_places(layout_maker *maker, hone_cpu_place *places) {
    layout_draft *draft = &maker->draft;
    uint32_t count = 0;
    for (uint32_t cpu = hone_cpu_set_next(&draft->usable, 0); cpu < HONE_CPUS_MAX;
         cpu = hone_cpu_set_next(&draft->usable, cpu + 1)) {
        hone_cpu_place *place = &places[count++];
        place->cpu = cpu;
        place->core = number_name(&maker->cores, draft->core[cpu]);
        place->package = number_name(&maker->packages, (uint32_t)draft->package[cpu]);
        place->cache_group = number_name(&maker->caches, draft->cache[cpu]);
        place->node_index = draft->node_index[cpu];
        place->sibling = maker->siblings[place->core]++;
    }
}

typedef struct order_key {
    uint64_t key;
    uint32_t index;
} order_key;

static int compare_keys(const void *a, const void *b) {
    const order_key *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Four digits of 16 bits, the slowest first. */
static uint64_t make_key(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return (uint64_t)a << 48 | (uint64_t)b << 32 | (uint64_t)c << 16 | d;
}

static void sort_order(order_key *keys, uint32_t count, uint32_t *out_order) {
    qsort(keys, count, sizeof *keys, compare_keys);
    for (uint32_t i = 0; i < count; i++) {
        out_order[i] = keys[i].index;
    }
}

/* The ranks of a core within its cache and of a cache within its node fall out of a walk in compact
 * order. */
static void rank_places(layout_maker *maker, const hone_cpu_place *places, const uint32_t *compact,
                        uint32_t count) {
    uint32_t core_rank = 0, cache_rank = 0;
    for (uint32_t i = 0; i < count; i++) {
        const hone_cpu_place *place = &places[compact[i]];
        const hone_cpu_place *before = i > 0 ? &places[compact[i - 1]] : place;
        if (place->node_index != before->node_index) {
            core_rank = cache_rank = 0;
        } else if (place->cache_group != before->cache_group) {
            core_rank = 0;
            cache_rank++;
        } else if (place->core != before->core) {
            core_rank++;
        }
        maker->core_rank[compact[i]] = core_rank;
        maker->cache_rank[compact[i]] = cache_rank;
    }
}

static bool make_orders(layout_maker *maker, hone_cpu_layout *layout) {
    uint32_t count = layout->cpus_count;
    const hone_cpu_place *places = layout->places;
    order_key *keys = HONE_ARENA_NEW_ARRAY(&layout->arena, order_key, count);
    uint32_t *compact = HONE_ARENA_NEW_ARRAY(&layout->arena, uint32_t, count);
    uint32_t *scatter = HONE_ARENA_NEW_ARRAY(&layout->arena, uint32_t, count);
    if (!keys || !compact || !scatter) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = (order_key){make_key(places[i].node_index, places[i].cache_group, places[i].core,
                                       places[i].sibling),
                              i};
    }
    sort_order(keys, count, compact);
    rank_places(maker, places, compact, count);
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = (order_key){make_key(places[i].sibling, maker->core_rank[i], maker->cache_rank[i],
                                       places[i].node_index),
                              i};
    }
    sort_order(keys, count, scatter);
    layout->orders[HONE_CPU_ORDER_COMPACT] = compact;
    layout->orders[HONE_CPU_ORDER_SCATTER] = scatter;
    return true;
}

static hone_fact count_fact(hn_machine *machine, bool is_told, uint32_t count, const char *flat) {
    return is_told ? hn_fact_number(machine, count, "") : hn_fact_absent(flat);
}

static hone_status fill(layout_maker *maker, hone_cpu_layout *layout) {
    layout_draft *draft = &maker->draft;
    layout->usable = read_usable(draft);
    read_cpus(draft);
    read_nodes(draft, layout);
    layout->cpus_count = hone_cpu_set_count(&draft->usable);
    hone_cpu_place *places =
        HONE_ARENA_NEW_ARRAY(&layout->arena, hone_cpu_place, layout->cpus_count);
    if (!places || draft->machine->status != HONE_OK) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    make_places(maker, places);
    layout->places = places;
    layout->cores_count = maker->cores.count;
    layout->packages_count = maker->packages.count;
    layout->cache_groups_count = maker->caches.count;
    layout->cores =
        count_fact(draft->machine, draft->has_cores, layout->cores_count,
                   "no readable thread_siblings_list in " CPU_FOLDER "/cpu*/topology; each CPU is "
                   "taken for a core");
    layout->packages = count_fact(draft->machine, draft->has_packages, layout->packages_count,
                                  "no readable physical_package_id in " CPU_FOLDER
                                  "/cpu*/topology; all CPUs are taken to be in one package");
    layout->cache_groups =
        count_fact(draft->machine, draft->has_caches, layout->cache_groups_count,
                   "no readable cache in " CPU_FOLDER "/cpu*/cache; all CPUs are taken to share "
                   "one");
    return make_orders(maker, layout) ? draft->machine->status : HONE_STATUS_OUT_OF_MEMORY;
}

hone_status hone_cpu_layout_read(const char *root, const hone_allocator *allocator, hone_diag *diag,
                                 hone_cpu_layout *out_layout) {
    hone_cpu_layout layout = {0};
    hn_machine machine;
    hone_arena_init(&layout.arena, allocator, ARENA_BYTES_MAX);
    hone_status status = hn_machine_init(&machine, root, &layout.arena, diag);
    if (status != HONE_OK) {
        return status;
    }
    layout_maker *maker = HONE_NEW(allocator, layout_maker);
    if (maker) {
        maker->draft.machine = &machine;
    }
    status = maker ? fill(maker, &layout) : HONE_STATUS_OUT_OF_MEMORY;
    HONE_DELETE(allocator, layout_maker, maker);
    hn_machine_deinit(&machine);
    if (status != HONE_OK) {
        hone_arena_deinit(&layout.arena);
        return hone_diag_set(diag, status, "no memory left to describe the CPUs of this machine");
    }
    *out_layout = layout;
    return HONE_OK;
}

void hone_cpu_layout_deinit(hone_cpu_layout *layout) {
    hone_arena_deinit(&layout->arena);
}

/* ---- questions ---- */

static int compare_place(const void *key, const void *element) {
    uint32_t cpu = *(const uint32_t *)key, other = ((const hone_cpu_place *)element)->cpu;
    return (cpu > other) - (cpu < other);
}

const hone_cpu_place *hone_cpu_layout_find(const hone_cpu_layout *layout, uint32_t cpu) {
    return bsearch(&cpu, layout->places, layout->cpus_count, sizeof *layout->places, compare_place);
}

uint32_t hone_cpu_layout_distance(const hone_cpu_layout *layout, const hone_cpu_place *a,
                                  const hone_cpu_place *b) {
    if (a->core == b->core) {
        return HONE_CPU_SAME_CORE;
    }
    if (a->cache_group == b->cache_group && layout->cache_groups.state == HONE_FACT_PRESENT) {
        return HONE_CPU_SAME_CACHE;
    }
    uint32_t ring = layout->rings[a->node_index * layout->nodes_count + b->node_index];
    return ring == 0 ? HONE_CPU_SAME_NODE : HONE_CPU_REMOTE + ring - 1;
}

hone_status hone_cpu_layout_place(const hone_cpu_layout *layout, hone_cpu_order order,
                                  bool is_one_per_core, uint32_t workers_count, hone_diag *diag,
                                  uint32_t *out_cpus) {
    if (order != HONE_CPU_ORDER_COMPACT && order != HONE_CPU_ORDER_SCATTER) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the order of placement %d is neither compact nor scatter",
                             (int)order);
    }
    if (is_one_per_core && workers_count > layout->cores_count) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "%u workers were asked for, one on each core, but this process may "
                             "use %u CPUs on %u cores; ask for at most %u, or let workers share "
                             "cores",
                             workers_count, layout->cpus_count, layout->cores_count,
                             layout->cores_count);
    }
    uint32_t index = 0;
    for (uint32_t worker = 0; worker < workers_count;) {
        const hone_cpu_place *place = &layout->places[layout->orders[order][index]];
        index = index + 1 < layout->cpus_count ? index + 1 : 0;
        if (!is_one_per_core || place->sibling == 0) {
            out_cpus[worker++] = place->cpu;
        }
    }
    return HONE_OK;
}
