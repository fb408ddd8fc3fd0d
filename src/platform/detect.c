/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/detect.h"

#include <stdio.h>
#include <string.h>

#include "detect_internal.h"
#include "topology_internal.h"

enum { FACTS_FIRST = 256, FACTS_MAX = 4096, ARENA_BYTES_MAX = 32 << 20 };

static bool grow_facts(hn_detection *detection) {
    hone_fact_list *facts = &detection->platform->facts;
    size_t capacity = detection->facts_capacity ? detection->facts_capacity * 2 : FACTS_FIRST;
    if (capacity > FACTS_MAX) {
        detection->machine.status = HONE_STATUS_LIMIT;
        return false;
    }
    hone_fact_entry *entries =
        HONE_ARENA_NEW_ARRAY(detection->machine.arena, hone_fact_entry, capacity);
    if (!entries) {
        detection->machine.status = HONE_STATUS_OUT_OF_MEMORY;
        return false;
    }
    if (facts->count) {
        memcpy(entries, facts->entries, facts->count * sizeof *entries);
    }
    facts->entries = entries;
    detection->facts_capacity = capacity;
    return true;
}

void hn_detection_add(hn_detection *detection, const char *group, const char *name,
                      const char *unit, hone_fact fact) {
    hone_fact_list *facts = &detection->platform->facts;
    if (facts->count == detection->facts_capacity && !grow_facts(detection)) {
        return;
    }
    facts->entries[facts->count++] = (hone_fact_entry){group, name, unit, fact};
}

const char *hn_detection_name(hn_detection *detection, const char *format, ...) {
    char name[128];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return "";
    }
    for (char *c = name; *c; c++) {
        bool is_upper = *c >= 'A' && *c <= 'Z';
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        *c = (char)(is_upper ? *c - 'A' + 'a' : is_plain ? *c : '_');
    }
    return hn_machine_copy(&detection->machine, hone_text_of(name));
}

static void detect_libraries(hn_detection *detection) {
    hn_detection_add(detection, "libraries", "hwloc", "", hn_hwloc_version(&detection->machine));
}

static hone_status finish(hn_detection *detection, hone_diag *diag) {
    hone_status status = detection->machine.status;
    hn_machine_deinit(&detection->machine);
    if (status == HONE_STATUS_LIMIT) {
        return hone_diag_set(diag, status, "this machine has more than %d things to tell",
                             FACTS_MAX);
    }
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "no memory left to describe this machine");
    }
    return HONE_OK;
}

hone_status hone_platform_detect(const hone_platform_options *options, hone_diag *diag,
                                 hone_platform *out_platform) {
    static const hone_platform_options defaults = {0};
    options = options ? options : &defaults;
    hone_platform platform = {0};
    hn_detection detection = {.platform = &platform, .is_sysfs_only = options->is_sysfs_only};
    hone_arena_init(&platform.arena, options->allocator, ARENA_BYTES_MAX);
    hone_status status = hn_machine_init(&detection.machine, options->root, &platform.arena, diag);
    if (status != HONE_OK) {
        return status;
    }
    (void)snprintf(platform.root, sizeof platform.root, "%s", detection.machine.root);
    detection.is_probing = !options->is_probing_off && hn_machine_is_live(&detection.machine);
    hn_detect_machine(&detection);
    hn_detect_topology(&detection);
    hn_detect_memory(&detection);
    hn_detect_clock(&detection);
    hn_detect_power(&detection);
    hn_detect_security(&detection);
    hn_detect_kernel(&detection);
    detect_libraries(&detection);
    status = finish(&detection, diag);
    if (status != HONE_OK) {
        hone_arena_deinit(&platform.arena);
        return status;
    }
    *out_platform = platform;
    return HONE_OK;
}

void hone_platform_deinit(hone_platform *platform) {
    hone_arena_deinit(&platform->arena);
}

uint64_t hone_platform_cache_bytes(const hone_platform *platform, uint32_t level) {
    uint64_t largest = 0;
    for (size_t i = 0; i < platform->caches_count; i++) {
        const hone_cache *cache = &platform->caches[i];
        if (cache->level == level && cache->type != HONE_CACHE_INSTRUCTION &&
            cache->size_bytes > largest) {
            largest = cache->size_bytes;
        }
    }
    return largest;
}
