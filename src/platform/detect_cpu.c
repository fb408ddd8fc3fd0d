/* SPDX-License-Identifier: Apache-2.0 */
/* Groups machine, isa, cpu, cache and numa. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "detect_internal.h"
#include "procfs_internal.h"
#include "topology_internal.h"

/* uname(2) on this machine; else what the files give away. */
static hone_fact find_architecture(hn_machine *machine, hone_text cpuinfo) {
    struct utsname name;
    hone_text ignored;
    if (hn_machine_is_live(machine) && uname(&name) == 0) {
        return hn_fact_text(machine, hone_text_of(name.machine), "uname");
    }
    hone_fact fact = hn_fact_read_text(machine, "/proc/sys/kernel/arch");
    if (fact.state == HONE_FACT_PRESENT) {
        return fact;
    }
    hone_isa_family family;
    hone_text flags = hn_cpuinfo_flags(cpuinfo, &family);
    if (hn_find_field(cpuinfo, "CPU implementer", &ignored)) {
        return hn_fact_text(machine, HONE_TEXT("aarch64"), "/proc/cpuinfo names an implementer");
    }
    if (flags.size && hn_has_word(flags, "lm")) {
        return hn_fact_text(machine, HONE_TEXT("x86_64"), "/proc/cpuinfo has the flag lm");
    }
    return hn_fact_absent("neither /proc/sys/kernel/arch nor /proc/cpuinfo tells");
}

static hone_fact find_model(hn_machine *machine, const hn_content *cpuinfo) {
    static const char *const keys[] = {"model name", "Model", "Hardware", "cpu model"};
    hone_text value;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (cpuinfo->state == HONE_FACT_PRESENT && hn_find_field(cpuinfo->text, keys[i], &value)) {
            return hn_fact_text(machine, value, "/proc/cpuinfo");
        }
    }
    return cpuinfo->state == HONE_FACT_PRESENT ? hn_fact_absent("/proc/cpuinfo does not name it")
                                               : hn_fact_missing(cpuinfo->state, cpuinfo->reason);
}

static hone_fact find_board(hn_machine *machine) {
    hone_fact board = hn_fact_read_text(machine, "/sys/firmware/devicetree/base/model");
    return board.state == HONE_FACT_PRESENT
               ? board
               : hn_fact_read_text(machine, "/sys/class/dmi/id/product_name");
}

static hone_fact find_hypervisor(const hn_content *cpuinfo) {
    hone_isa_family family = HONE_ISA_FAMILY_ARM;
    hone_text flags = {"", 0};
    if (cpuinfo->state == HONE_FACT_PRESENT) {
        flags = hn_cpuinfo_flags(cpuinfo->text, &family);
    }
    return flags.size && family == HONE_ISA_FAMILY_X86
               ? hn_fact_flag(hn_has_word(flags, "hypervisor"), "/proc/cpuinfo")
               : hn_fact_absent("only x86 CPUs tell whether they are virtual");
}

static hone_fact isa_fact(const hn_detection *detection, hone_isa feature) {
    bool is_amx = feature == HONE_ISA_AMX_TILE || feature == HONE_ISA_AMX_INT8 ||
                  feature == HONE_ISA_AMX_BF16;
    if (hone_isa_has(detection->cpu.usable, HONE_ISA_BIT(feature))) {
        return hn_fact_flag(true, is_amx ? "once arch_prctl(ARCH_REQ_XCOMP_PERM) is granted" : "");
    }
    if (hone_isa_has(detection->cpu.unsaved, HONE_ISA_BIT(feature))) {
        return hn_fact_absent(
            "the CPU has it, but the operating system does not save its registers");
    }
    return detection->cpu.is_known ? hn_fact_absent("this CPU does not have it")
                                   : detection->cpu_unknown;
}

static void detect_isa(hn_detection *detection, bool is_arm) {
    hn_machine *machine = &detection->machine;
    hone_isa_family family = is_arm ? HONE_ISA_FAMILY_ARM : HONE_ISA_FAMILY_X86;
    const char *source = hn_machine_is_live(machine) ? "the CPU itself" : "/proc/cpuinfo";
    const hone_isa_level *level = hone_isa_level_of(detection->cpu.usable);
    hn_detection_add(detection, "isa", "level", "",
                     detection->cpu.is_known
                         ? hn_fact_text(machine, hone_text_of(level->name), source)
                         : detection->cpu_unknown);
    for (int i = 0; i < HONE_ISA_COUNT; i++) {
        if (hone_isa_family_of((hone_isa)i) == family) {
            hn_detection_add(detection, "isa",
                             hn_detection_name(detection, "%s", hone_isa_name((hone_isa)i)), "",
                             isa_fact(detection, (hone_isa)i));
        }
    }
    if (is_arm && hone_isa_has(detection->cpu.usable, HONE_ISA_BIT(HONE_ISA_SVE))) {
        uint32_t bytes = detection->cpu.sve_vector_bytes;
        hn_detection_add(detection, "isa", "sve_vector_bytes", "bytes",
                         bytes ? hn_fact_number(machine, bytes, "")
                               : hn_fact_absent("only the running machine tells"));
    }
    const char *prefetch = detection->cpu.prefetch;
    hn_detection_add(detection, "isa", "prefetch", "",
                     prefetch ? hn_fact_text(machine, hone_text_of(prefetch), source)
                     : detection->cpu.is_known
                         ? hn_fact_absent("no prefetch instruction is known for this CPU")
                         : detection->cpu_unknown);
}

void hn_detect_machine(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hone_platform *platform = detection->platform;
    hn_content cpuinfo = hn_machine_read_large(machine, "/proc/cpuinfo");
    hone_text text = cpuinfo.state == HONE_FACT_PRESENT ? cpuinfo.text : (hone_text){"", 0};
    /* Everything from this text before the next file is read. */
    hone_fact model = find_model(machine, &cpuinfo);
    hone_fact hypervisor = find_hypervisor(&cpuinfo);
    if (hn_machine_is_live(machine)) {
        hn_cpu_ask(&detection->cpu);
        hn_cpu told;
        hn_cpu_from_cpuinfo(text, &told); /* whether the kernel offers user shadow stacks */
        detection->cpu.is_shadow_stack_offered = told.has_shadow_stack;
    } else {
        hn_cpu_from_cpuinfo(text, &detection->cpu);
        detection->cpu.is_shadow_stack_offered = detection->cpu.has_shadow_stack;
    }
    detection->cpu_unknown =
        cpuinfo.state != HONE_FACT_PRESENT
            ? hn_fact_missing(cpuinfo.state, cpuinfo.reason)
            : hn_fact_absent("/proc/cpuinfo does not tell what the CPU can do");
    hone_isa_family family = HONE_ISA_FAMILY_X86;
    bool has_flags = hn_cpuinfo_flags(text, &family).size > 0;
    platform->architecture = find_architecture(machine, text);
    platform->isa = detection->cpu.usable;
    hn_detection_add(detection, "machine", "architecture", "", platform->architecture);
    hn_detection_add(detection, "machine", "kernel", "",
                     hn_fact_read_text(machine, "/proc/sys/kernel/osrelease"));
    hn_detection_add(detection, "machine", "cpu_model", "", model);
    hn_detection_add(detection, "machine", "board", "", find_board(machine));
    hn_detection_add(detection, "machine", "hypervisor", "", hypervisor);
    const hone_fact *architecture = &platform->architecture;
    bool is_arm = architecture->state == HONE_FACT_PRESENT
                      ? strcmp(architecture->text, "aarch64") == 0
                      : has_flags && family == HONE_ISA_FAMILY_ARM;
    detect_isa(detection, is_arm);
}

static void detect_smt(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hone_fact active = hn_fact_read_number(machine, 1, "/sys/devices/system/cpu/smt/active");
    if (active.state == HONE_FACT_PRESENT) {
        active = hn_fact_flag(active.value.number == 1, "");
    }
    hn_detection_add(detection, "cpu", "smt_active", "", active);
}

static hone_fact set_fact(hn_machine *machine, const hone_cpu_set *set, const char *reason) {
    char list[256];
    size_t size = hone_cpu_set_format(set, list, sizeof list);
    return size ? hn_fact_text(machine, (hone_text){list, size}, "") : hn_fact_absent(reason);
}

static void detect_cpus(hn_detection *detection, const hn_topology *topology) {
    hn_machine *machine = &detection->machine;
    hn_detection_add(detection, "cpu", "source", "", topology->source);
    hn_detection_add(detection, "cpu", "logical", "cpus", topology->cpus);
    hn_detection_add(detection, "cpu", "online", "",
                     set_fact(machine, &topology->online, topology->cpus.reason));
    hn_detection_add(detection, "cpu", "cores", "", topology->cores);
    hn_detection_add(detection, "cpu", "sockets", "", topology->sockets);
    hn_detection_add(detection, "cpu", "threads_per_core", "", topology->threads_per_core);
    detect_smt(detection);
    hn_content isolated = hn_machine_read(machine, "/sys/devices/system/cpu/isolated");
    bool is_none = isolated.state == HONE_FACT_PRESENT && isolated.text.size == 0;
    hn_detection_add(detection, "cpu", "isolated", "",
                     is_none ? hn_fact_absent("no CPU is isolated")
                             : hn_fact_read_text(machine, "/sys/devices/system/cpu/isolated"));
}

static const char *cache_prefix(hn_detection *detection, const hn_topology *topology, size_t at) {
    static const char *const letters[] = {"d", "i", ""};
    const hone_cache *cache = &topology->caches[at];
    unsigned same = 1;
    for (size_t i = 0; i < at; i++) {
        same +=
            topology->caches[i].level == cache->level && topology->caches[i].type == cache->type;
    }
    const char *letter = letters[cache->type];
    return same == 1
               ? hn_machine_format(&detection->machine, "l%u%s", cache->level, letter)
               : hn_machine_format(&detection->machine, "l%u%s_%u", cache->level, letter, same);
}

static void add_cache_number(hn_detection *detection, const char *prefix, const char *name,
                             const char *unit, uint64_t number) {
    hn_detection_add(detection, "cache",
                     hn_machine_format(&detection->machine, "%s_%s", prefix, name), unit,
                     number ? hn_fact_number(&detection->machine, number, "")
                            : hn_fact_absent("the firmware does not tell"));
}

static void detect_caches(hn_detection *detection, const hn_topology *topology) {
    hn_machine *machine = &detection->machine;
    uint32_t line_bytes = 0;
    uint64_t l3_bytes = hone_platform_cache_bytes(detection->platform, 3);
    for (size_t i = 0; i < topology->caches_count; i++) {
        const hone_cache *cache = &topology->caches[i];
        const char *prefix = cache_prefix(detection, topology, i);
        add_cache_number(detection, prefix, "bytes", "bytes", cache->size_bytes);
        add_cache_number(detection, prefix, "line_bytes", "bytes", cache->line_bytes);
        add_cache_number(detection, prefix, "ways", "", cache->ways);
        add_cache_number(detection, prefix, "instances", "", cache->instances_count);
        add_cache_number(detection, prefix, "shared_by", "cpus", cache->shared_by_count);
        if (cache->type != HONE_CACHE_INSTRUCTION && cache->line_bytes > line_bytes) {
            line_bytes = cache->line_bytes;
        }
    }
    const char *untold =
        topology->caches_count ? "no cache tells its line size" : topology->caches_reason;
    detection->platform->cache_line_bytes =
        line_bytes ? hn_fact_number(machine, line_bytes, "") : hn_fact_absent(untold);
    hn_detection_add(detection, "cache", "line_bytes", "bytes",
                     detection->platform->cache_line_bytes);
    hn_detection_add(detection, "cache", "is_large", "",
                     l3_bytes ? hn_fact_flag(l3_bytes > 8u << 20, "level 3 of more than 8 MiB")
                     : topology->caches_count ? hn_fact_flag(false, "no level 3")
                                              : hn_fact_absent(topology->caches_reason));
}

static hone_fact distances_fact(hn_machine *machine, const hone_numa_node *node, size_t count) {
    char text[256];
    size_t used = 0;
    if (!node->distances) {
        return hn_fact_absent("the firmware does not tell");
    }
    for (size_t i = 0; i < count && used + 8 < sizeof text; i++) {
        int length =
            snprintf(text + used, sizeof text - used, i ? " %u" : "%u", node->distances[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    return hn_fact_text(machine, (hone_text){text, used}, "");
}

static void detect_nodes(hn_detection *detection, const hn_topology *topology) {
    hn_machine *machine = &detection->machine;
    hn_detection_add(detection, "numa", "nodes", "",
                     topology->nodes_count ? hn_fact_number(machine, topology->nodes_count, "")
                                           : hn_fact_absent(topology->nodes_reason));
    for (size_t i = 0; i < topology->nodes_count; i++) {
        const hone_numa_node *node = &topology->nodes[i];
        hn_detection_add(detection, "numa", hn_machine_format(machine, "node%u_cpus", node->index),
                         "", set_fact(machine, &node->cpus, "a node of memory only"));
        hn_detection_add(detection, "numa",
                         hn_machine_format(machine, "node%u_memory_bytes", node->index), "bytes",
                         node->memory_bytes);
        hn_detection_add(detection, "numa",
                         hn_machine_format(machine, "node%u_free_bytes", node->index), "bytes",
                         node->free_bytes);
        hn_detection_add(detection, "numa",
                         hn_machine_format(machine, "node%u_distances", node->index), "",
                         distances_fact(machine, node, topology->nodes_count));
    }
}

void hn_detect_topology(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hone_platform *platform = detection->platform;
    hn_topology *topology = HONE_ARENA_NEW(machine->arena, hn_topology);
    if (!topology) {
        machine->status = HONE_STATUS_OUT_OF_MEMORY;
        return;
    }
    const char *reason = "";
    bool is_hwloc_wanted = hn_machine_is_live(machine) && !detection->is_sysfs_only;
    if (!is_hwloc_wanted || !hn_topology_from_hwloc(machine, topology, &reason)) {
        hn_topology_from_sysfs(machine, topology);
        topology->source.reason = reason;
    }
    platform->online_cpus = topology->online;
    platform->cpus = topology->cpus;
    platform->cores = topology->cores;
    platform->sockets = topology->sockets;
    platform->threads_per_core = topology->threads_per_core;
    platform->caches = topology->caches; /* both live in the arena */
    platform->caches_count = topology->caches_count;
    platform->nodes = topology->nodes;
    platform->nodes_count = topology->nodes_count;
    detect_cpus(detection, topology);
    detect_caches(detection, topology);
    detect_nodes(detection, topology);
}
