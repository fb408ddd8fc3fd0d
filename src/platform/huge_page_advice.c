/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/huge_page_advice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hone/base/units.h"
#include "hone/platform/pages.h"

enum {
    LINE_BYTES = 64,
    ACCESSES_PER_LINE = 8, /* assumed where the caller does not know */
};

#define DEFAULT_FLOOR_BYTES ((uint64_t)256 << 20)
#define GAIN_MIN 1.05

const char *hone_huge_page_kind_name(hone_huge_page_kind kind) {
    switch (kind) {
    case HONE_HUGE_PAGE_KIND_OFF: return "off";
    case HONE_HUGE_PAGE_KIND_TRANSPARENT: return "transparent";
    case HONE_HUGE_PAGE_KIND_EXPLICIT: return "explicit";
    }
    return "unknown";
}

void hone_huge_page_offer_read(hone_huge_page_offer *out_offer) {
    size_t reserved = hone_pages_reserved_huge_bytes();
    size_t transparent = hone_pages_transparent_huge_bytes();
    *out_offer = (hone_huge_page_offer){
        .small_bytes = hone_pages_size_bytes(),
        .huge_bytes = transparent ? transparent : reserved,
        .reserved_free_bytes = hone_pages_reserved_free_bytes(),
        .is_transparent_allowed = transparent > 0 && hone_pages_is_transparent_allowed(),
    };
}

void hone_huge_page_offer_of(const hone_platform *platform, hone_huge_page_offer *out_offer) {
    const hone_fact *small = hone_fact_find(&platform->facts, "memory", "page_bytes");
    const hone_fact *size = hone_fact_find(&platform->facts, "huge_pages", "transparent_bytes");
    const hone_fact *mode = &platform->transparent_huge_pages;
    hone_huge_page_offer offer = {
        .small_bytes = small && small->state == HONE_FACT_PRESENT ? small->value.number : 4096,
        .huge_bytes = size && size->state == HONE_FACT_PRESENT ? size->value.number : 0,
        .is_transparent_allowed =
            mode->state == HONE_FACT_PRESENT && strcmp(mode->text, "never") != 0,
    };
    for (size_t i = 0; i < platform->huge_pages_count; i++) {
        const hone_huge_page *page = &platform->huge_pages[i];
        offer.huge_bytes = offer.huge_bytes ? offer.huge_bytes : page->size_bytes;
        if (page->size_bytes == offer.huge_bytes && page->free.state == HONE_FACT_PRESENT) {
            offer.reserved_free_bytes = page->free.value.number * page->size_bytes;
        }
    }
    *out_offer = offer;
}

HONE_PRINTF(3, 4)
static void decide(hone_huge_page_advice *advice, hone_huge_page_kind kind, const char *format,
                   ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(advice->reason, sizeof advice->reason, format, arguments);
    va_end(arguments);
    advice->kind = kind;
}

static bool is_positive(const hone_huge_page_figures *figures) {
    const double values[] = {figures->chase_small_ns,
                             figures->chase_huge_ns,
                             figures->stream_small_bytes_per_s,
                             figures->stream_huge_bytes_per_s,
                             figures->populate_small_ns_per_mib,
                             figures->populate_huge_ns_per_mib};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (!isfinite(values[i]) || values[i] <= 0) {
            return false;
        }
    }
    return true;
}

static void calculate(uint64_t heap_bytes, const hone_huge_page_figures *figures,
                      hone_huge_page_advice *advice) {
    double saved_ns = figures->chase_small_ns - figures->chase_huge_ns;
    advice->is_calibrated = true;
    advice->chase_gain = figures->chase_small_ns / figures->chase_huge_ns;
    advice->stream_gain = figures->stream_huge_bytes_per_s / figures->stream_small_bytes_per_s;
    advice->populate_extra_ns =
        (figures->populate_huge_ns_per_mib - figures->populate_small_ns_per_mib) *
        ((double)heap_bytes / (1 << 20));
    double accesses =
        advice->populate_extra_ns <= 0 ? 0 : ceil(advice->populate_extra_ns / saved_ns);
    advice->is_earned_back =
        advice->populate_extra_ns <= 0 || (saved_ns > 0 && accesses < (double)UINT64_MAX);
    advice->break_even_accesses = advice->is_earned_back ? (uint64_t)accesses : 0;
}

/* Which kind the machine can give, for a heap that huge pages pay for. `why` begins the reason. */
static void choose_kind(uint64_t heap_bytes, const hone_huge_page_offer *offer, const char *why,
                        hone_huge_page_advice *advice) {
    if (advice->is_calibrated && offer->reserved_free_bytes >= heap_bytes) {
        decide(advice, HONE_HUGE_PAGE_KIND_EXPLICIT,
               "%s; the system's reserve of huge pages holds the whole heap.", why);
    } else if (offer->is_transparent_allowed) {
        decide(advice, HONE_HUGE_PAGE_KIND_TRANSPARENT,
               "%s; the kernel gives transparent huge pages on request.", why);
    } else {
        decide(advice, HONE_HUGE_PAGE_KIND_OFF,
               "%s, but transparent huge pages are switched off and the system's reserve does not "
               "hold the heap.",
               why);
    }
}

static void decide_calibrated(uint64_t heap_bytes, uint64_t accesses_expected,
                              const hone_huge_page_offer *offer, hone_huge_page_advice *advice) {
    char why[200], count[32];
    bool is_assumed = accesses_expected == 0;
    uint64_t accesses =
        is_assumed ? heap_bytes / LINE_BYTES * ACCESSES_PER_LINE : accesses_expected;
    const char *whose = is_assumed ? "assumed, 8 to each cache line" : "expected";
    if (advice->chase_gain < GAIN_MIN) {
        decide(advice, HONE_HUGE_PAGE_KIND_OFF,
               "Random access gained %.2f times on this host, less than the 1.05 that would be "
               "worth it.",
               advice->chase_gain);
        return;
    }
    (void)snprintf(count, sizeof count, "%.3g", (double)advice->break_even_accesses);
    if (advice->break_even_accesses > accesses) {
        decide(advice, HONE_HUGE_PAGE_KIND_OFF,
               "Random access gained %.2f times on this host, but populating costs %.3g ms more, "
               "which %s accesses earn back; %.3g are %s.",
               advice->chase_gain, advice->populate_extra_ns / 1e6, count, (double)accesses, whose);
        return;
    }
    if (advice->populate_extra_ns <= 0) {
        (void)snprintf(why, sizeof why,
                       "Random access gained %.2f times on this host, and populating costs less",
                       advice->chase_gain);
    } else {
        (void)snprintf(why, sizeof why,
                       "Random access gained %.2f times on this host, and %s accesses earn back "
                       "what populating costs more (%.3g are %s)",
                       advice->chase_gain, count, (double)accesses, whose);
    }
    choose_kind(heap_bytes, offer, why, advice);
}

hone_status hone_huge_page_advise(uint64_t heap_bytes, uint64_t accesses_expected,
                                  const hone_huge_page_offer *offer,
                                  const hone_huge_page_figures *figures,
                                  hone_huge_page_advice *out_advice) {
    hone_huge_page_advice advice = {0};
    if (heap_bytes == 0 || heap_bytes > INT64_MAX || offer->small_bytes == 0 ||
        (figures && !is_positive(figures))) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    advice.entries_small = (heap_bytes + offer->small_bytes - 1) / offer->small_bytes;
    if (offer->huge_bytes > 0) {
        advice.entries_huge = (heap_bytes + offer->huge_bytes - 1) / offer->huge_bytes;
    }
    if (figures) {
        calculate(heap_bytes, figures, &advice);
    }
    if (offer->huge_bytes == 0) {
        decide(&advice, HONE_HUGE_PAGE_KIND_OFF, "This machine has no huge pages.");
    } else if (heap_bytes < 2 * offer->huge_bytes) {
        decide(&advice, HONE_HUGE_PAGE_KIND_OFF, "The heap is smaller than two huge pages.");
    } else if (figures) {
        decide_calibrated(heap_bytes, accesses_expected, offer, &advice);
    } else if (heap_bytes < DEFAULT_FLOOR_BYTES) {
        decide(&advice, HONE_HUGE_PAGE_KIND_OFF,
               "No figures of huge pages were measured on this host (hone detect --calibrate); "
               "without them only heaps of 256 MiB and more get huge pages.");
    } else {
        choose_kind(
            heap_bytes, offer,
            "No figures of huge pages were measured on this host (hone detect --calibrate); "
            "without them heaps of 256 MiB and more get huge pages",
            &advice);
    }
    *out_advice = advice;
    return HONE_OK;
}
