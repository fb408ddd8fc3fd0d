/* SPDX-License-Identifier: Apache-2.0 */
/* Groups limits, memory and huge_pages. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detect_internal.h"
#include "limits_internal.h"
#include "procfs_internal.h"

enum { HUGE_SIZES_MAX = 32 };

#define HUGE_FOLDER "/sys/kernel/mm/hugepages"

static void detect_limits(hn_detection *detection) {
    hone_limits *limits = &detection->platform->limits;
    char list[256];
    hn_limits_fill(&detection->machine, limits);
    hn_detection_add(detection, "limits", "affinity_cpus", "cpus", limits->affinity_cpus);
    hn_detection_add(detection, "limits", "cpuset_cpus", "cpus", limits->cpuset_cpus);
    hn_detection_add(detection, "limits", "quota_cpus", "cpus", limits->quota_cpus);
    size_t size = hone_cpu_set_format(&limits->usable_cpus, list, sizeof list);
    hn_detection_add(detection, "limits", "usable_cpus", "",
                     size ? hn_fact_text(&detection->machine, (hone_text){list, size}, "")
                          : hn_fact_absent(limits->effective_cpus.reason));
    hn_detection_add(detection, "limits", "effective_cpus", "cpus", limits->effective_cpus);
    hn_detection_add(detection, "limits", "memory_limit_bytes", "bytes", limits->memory_limit);
    hn_detection_add(detection, "limits", "effective_memory_bytes", "bytes",
                     limits->memory_effective);
    hn_detection_add(detection, "limits", "cgroup_mode", "", limits->cgroup_mode);
    hn_detection_add(detection, "limits", "cgroup_path", "", limits->cgroup_path);
}

static hone_fact swap_fact(hn_machine *machine, const char *key) {
    uint64_t bytes;
    hn_content meminfo = hn_machine_read(machine, "/proc/meminfo");
    if (meminfo.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(meminfo.state, meminfo.reason);
    }
    if (!hn_find_kilobytes(meminfo.text, key, &bytes)) {
        return hn_fact_absent(
            hn_machine_format(machine, "/proc/meminfo has no readable line '%s'", key));
    }
    return hn_fact_number(machine, bytes, "");
}

static hone_fact page_fact(hn_machine *machine) {
    if (!hn_machine_is_live(machine)) {
        return hn_fact_absent("only the running machine tells");
    }
    long bytes = sysconf(_SC_PAGESIZE);
    return bytes > 0 ? hn_fact_number(machine, (uint64_t)bytes, "") : hn_fact_absent("not told");
}

static int compare_sizes(const void *a, const void *b) {
    const hone_huge_page *x = a, *y = b;
    return (x->size_bytes > y->size_bytes) - (x->size_bytes < y->size_bytes);
}

/* "hugepages-2048kB" */
static bool parse_huge_name(hone_text name, uint64_t *out_kilobytes) {
    hone_text prefix = HONE_TEXT("hugepages-");
    if (!hone_text_has_prefix(name, prefix) || name.size < prefix.size + 3 ||
        memcmp(name.data + name.size - 2, "kB", 2) != 0) {
        return false;
    }
    hone_text digits = {name.data + prefix.size, name.size - prefix.size - 2};
    return hn_parse_digits(digits, out_kilobytes) && *out_kilobytes > 0 &&
           *out_kilobytes < (uint64_t)1 << 40;
}

static hone_fact huge_count(hn_machine *machine, const char *folder, const char *file) {
    return hn_fact_read_number(machine, (uint64_t)1 << 48,
                               hn_machine_format(machine, HUGE_FOLDER "/%s/%s", folder, file));
}

static void collect_huge_pages(hn_detection *detection, const hn_names *folders) {
    hn_machine *machine = &detection->machine;
    hone_platform *platform = detection->platform;
    platform->huge_pages = HONE_ARENA_NEW_ARRAY(machine->arena, hone_huge_page, folders->count);
    if (!platform->huge_pages) {
        machine->status = HONE_STATUS_OUT_OF_MEMORY;
        return;
    }
    for (size_t i = 0; i < folders->count; i++) {
        uint64_t kilobytes;
        if (!parse_huge_name(hone_text_of(folders->names[i]), &kilobytes)) {
            continue;
        }
        platform->huge_pages[platform->huge_pages_count++] = (hone_huge_page){
            .size_bytes = kilobytes * 1024,
            .total = huge_count(machine, folders->names[i], "nr_hugepages"),
            .free = huge_count(machine, folders->names[i], "free_hugepages"),
        };
    }
    if (platform->huge_pages_count > 1) {
        qsort(platform->huge_pages, platform->huge_pages_count, sizeof *platform->huge_pages,
              compare_sizes);
    }
}

static void detect_huge_pages(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hone_platform *platform = detection->platform;
    hn_names folders = hn_machine_list(machine, HUGE_SIZES_MAX, HUGE_FOLDER);
    if (folders.count) {
        collect_huge_pages(detection, &folders);
    }
    hn_detection_add(
        detection, "huge_pages", "sizes", "",
        platform->huge_pages_count
            ? hn_fact_number(machine, platform->huge_pages_count, "")
            : hn_fact_missing(folders.state == HONE_FACT_PRESENT ? HONE_FACT_ABSENT : folders.state,
                              folders.state == HONE_FACT_PRESENT ? HUGE_FOLDER " lists no size"
                                                                 : folders.reason));
    for (size_t i = 0; i < platform->huge_pages_count; i++) {
        const hone_huge_page *page = &platform->huge_pages[i];
        unsigned long long kilobytes = page->size_bytes / 1024;
        hn_detection_add(detection, "huge_pages",
                         hn_machine_format(machine, "%llukb_reserved", kilobytes), "", page->total);
        hn_detection_add(detection, "huge_pages",
                         hn_machine_format(machine, "%llukb_free", kilobytes), "", page->free);
    }
    platform->transparent_huge_pages =
        hn_fact_read_choice(machine, "/sys/kernel/mm/transparent_hugepage/enabled");
    hn_detection_add(detection, "huge_pages", "transparent", "", platform->transparent_huge_pages);
    hn_detection_add(detection, "huge_pages", "transparent_defrag", "",
                     hn_fact_read_choice(machine, "/sys/kernel/mm/transparent_hugepage/defrag"));
    hn_detection_add(detection, "huge_pages", "transparent_bytes", "bytes",
                     hn_fact_read_number(machine, (uint64_t)1 << 40,
                                         "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"));
}

void hn_detect_memory(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    detect_limits(detection);
    const hone_limits *limits = &detection->platform->limits;
    hn_detection_add(detection, "memory", "total_bytes", "bytes", limits->memory_total);
    hn_detection_add(detection, "memory", "available_bytes", "bytes", limits->memory_available);
    hn_detection_add(detection, "memory", "swap_total_bytes", "bytes",
                     swap_fact(machine, "SwapTotal"));
    hn_detection_add(detection, "memory", "swap_free_bytes", "bytes",
                     swap_fact(machine, "SwapFree"));
    hn_detection_add(detection, "memory", "page_bytes", "bytes", page_fact(machine));
    detect_huge_pages(detection);
}
