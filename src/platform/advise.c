/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/advise.h"

#include <stdio.h>
#include <string.h>

enum { LARGE_CACHE_BYTES = 8 << 20 };

const char *hone_optimisation_name(hone_optimisation optimisation) {
    switch (optimisation) {
    case HONE_OPTIMISATION_SIMD: return "simd";
    case HONE_OPTIMISATION_PREFETCH: return "prefetch";
    case HONE_OPTIMISATION_HUGE_PAGES: return "huge_pages";
    case HONE_OPTIMISATION_NUMA: return "numa";
    case HONE_OPTIMISATION_LARGE_CACHE: return "large_cache";
    case HONE_OPTIMISATION_COUNT: break;
    }
    return "unknown";
}

HONE_PRINTF(3, 4)
static void set(hone_advice *advice, bool is_on, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(advice->reason, sizeof advice->reason, format, arguments);
    va_end(arguments);
    advice->is_on = is_on;
}

static void advise_simd(const hone_platform *platform, hone_advice *advice) {
    const hone_isa_level *level = hone_isa_level_of(platform->isa);
    const hone_fact *told = hone_fact_find(&platform->facts, "isa", "level");
    if (told && told->state != HONE_FACT_PRESENT) {
        set(advice, false, "It is not known what the CPU can do: %.150s.", told->reason);
    } else if (level->needed == 0) {
        set(advice, false, "This machine offers no instruction set that hone has kernels for.");
    } else {
        set(advice, true, "The CPU and the operating system offer %s.", level->name);
    }
}

static void advise_prefetch(const hone_platform *platform, hone_advice *advice) {
    const hone_fact *prefetch = hone_fact_find(&platform->facts, "isa", "prefetch");
    if (prefetch && prefetch->state == HONE_FACT_PRESENT) {
        set(advice, true, "The CPU has %s.", prefetch->text);
    } else {
        set(advice, false, "No prefetch instruction is known for this CPU.");
    }
}

static void advise_huge_pages(const hone_platform *platform, hone_advice *advice) {
    const hone_fact *transparent = &platform->transparent_huge_pages;
    for (size_t i = 0; i < platform->huge_pages_count; i++) {
        const hone_huge_page *page = &platform->huge_pages[i];
        if (page->free.state == HONE_FACT_PRESENT && page->free.value.number > 0) {
            set(advice, true, "%llu pages of %llu KiB are reserved and free.",
                (unsigned long long)page->free.value.number,
                (unsigned long long)(page->size_bytes / 1024));
            return;
        }
    }
    if (transparent->state != HONE_FACT_PRESENT) {
        set(advice, false, "No page is reserved, and transparent ones are not there: %.150s.",
            transparent->reason);
    } else if (strcmp(transparent->text, "never") == 0) {
        set(advice, false, "No page is reserved, and transparent ones are switched off (never).");
    } else {
        set(advice, true, "No page is reserved, but the kernel gives transparent ones (%.20s).",
            transparent->text);
    }
}

static void advise_numa(const hone_platform *platform, hone_advice *advice) {
    size_t usable_count = 0;
    for (size_t i = 0; i < platform->nodes_count; i++) {
        hone_cpu_set mine =
            hone_cpu_set_intersect(&platform->nodes[i].cpus, &platform->limits.usable_cpus);
        usable_count += hone_cpu_set_count(&mine) > 0;
    }
    if (platform->nodes_count == 0) {
        set(advice, false, "The kernel tells nothing about memory nodes.");
    } else if (platform->nodes_count == 1) {
        set(advice, false, "There is one memory node: all memory is local.");
    } else if (usable_count <= 1) {
        set(advice, false, "Of %zu memory nodes this process may use the CPUs of one only.",
            platform->nodes_count);
    } else {
        set(advice, true, "This process may use the CPUs of %zu memory nodes.", usable_count);
    }
}

static void advise_large_cache(const hone_platform *platform, hone_advice *advice) {
    uint64_t bytes = hone_platform_cache_bytes(platform, 3);
    if (bytes == 0) {
        set(advice, false, "No level 3 cache is known of this machine.");
    } else {
        bool is_large = bytes > LARGE_CACHE_BYTES;
        set(advice, is_large, "The level 3 cache has %llu KiB, %s than 8 MiB.",
            (unsigned long long)(bytes / 1024), is_large ? "more" : "not more");
    }
}

static void overrule(hone_switch wish, hone_advice *advice) {
    char found[sizeof advice->reason];
    (void)snprintf(found, sizeof found, "%s", advice->reason);
    if (wish == HONE_SWITCH_OFF) {
        set(advice, false, "Switched off by configuration.");
    } else if (wish == HONE_SWITCH_ON && !advice->is_on) {
        set(advice, false, "Switched on by configuration, but: %.160s", found);
    } else if (wish == HONE_SWITCH_ON) {
        set(advice, true, "Switched on by configuration: %.160s", found);
    }
}

/* The large-cache blocking is a choice, not a capability: it can be forced on any machine. */
static void overrule_large_cache(hone_switch wish, hone_advice *advice) {
    if (wish == HONE_SWITCH_ON) {
        set(advice, true, "Switched on by configuration.");
    } else {
        overrule(wish, advice);
    }
}

void hone_platform_advise(const hone_platform *platform, const hone_switch *switches,
                          hone_advice out_advice[HONE_OPTIMISATION_COUNT]) {
    static void (*const advisors[HONE_OPTIMISATION_COUNT])(const hone_platform *, hone_advice *) = {
        [HONE_OPTIMISATION_SIMD] = advise_simd,
        [HONE_OPTIMISATION_PREFETCH] = advise_prefetch,
        [HONE_OPTIMISATION_HUGE_PAGES] = advise_huge_pages,
        [HONE_OPTIMISATION_NUMA] = advise_numa,
        [HONE_OPTIMISATION_LARGE_CACHE] = advise_large_cache,
    };
    for (int i = 0; i < HONE_OPTIMISATION_COUNT; i++) {
        hone_advice *advice = &out_advice[i];
        hone_switch wish = switches ? switches[i] : HONE_SWITCH_AUTO;
        *advice = (hone_advice){.optimisation = (hone_optimisation)i};
        advisors[i](platform, advice);
        if (i == HONE_OPTIMISATION_LARGE_CACHE) {
            overrule_large_cache(wish, advice);
        } else {
            overrule(wish, advice);
        }
    }
}
