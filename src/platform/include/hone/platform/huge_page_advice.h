/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a heap of some size should lie on huge pages, as a figure and not as a belief: how many
 * translations (TLB entries) it needs either way, what huge pages gained where it was measured,
 * what populating them costs more, and after how many accesses that is earned back.
 *
 * The figures come from a calibration of this host (measure/calibration.h) and are passed in;
 * without them a conservative default holds: huge pages only for heaps of 256 MiB and more, and
 * only transparent ones. With them: off when the measured gain is below 5 %, or when the accesses
 * to be expected do not earn back what populating costs; explicit when the system's reserve holds
 * the whole heap; else transparent where the kernel gives them on request.
 *
 * Contract: shared; pure functions but for the two that read an offer. Gains are for dependent
 * random access, the case that huge pages help most; reading in order gains next to nothing.
 */
#ifndef HONE_PLATFORM_HUGE_PAGE_ADVICE_H
#define HONE_PLATFORM_HUGE_PAGE_ADVICE_H

#include <stdbool.h>

#include "hone/platform/detect.h"

/* What was measured, all > 0. */
typedef struct hone_huge_page_figures {
    double chase_small_ns, chase_huge_ns; /* one dependent random access to a large block */
    double stream_small_bytes_per_s, stream_huge_bytes_per_s; /* reading it in order */
    double populate_small_ns_per_mib, populate_huge_ns_per_mib;
} hone_huge_page_figures;

/* What the machine has. */
typedef struct hone_huge_page_offer {
    uint64_t small_bytes, huge_bytes; /* sizes of a page; huge 0: there are none */
    uint64_t reserved_free_bytes;     /* of the system's reserve of huge pages */
    bool is_transparent_allowed;      /* on request or always */
} hone_huge_page_offer;

typedef enum hone_huge_page_kind {
    HONE_HUGE_PAGE_KIND_OFF,
    HONE_HUGE_PAGE_KIND_TRANSPARENT,
    HONE_HUGE_PAGE_KIND_EXPLICIT
} hone_huge_page_kind;

typedef struct hone_huge_page_advice {
    hone_huge_page_kind kind;
    uint64_t entries_small, entries_huge; /* translations of the whole heap; huge 0: no such page */
    bool is_calibrated;                   /* false: nothing below but `reason` is set */
    double chase_gain, stream_gain;       /* times faster; below 1: slower */
    double populate_extra_ns;             /* for the heap; negative: huge pages are cheaper */
    bool is_earned_back;                  /* whether any number of accesses is enough */
    uint64_t break_even_accesses;         /* random accesses that earn it back */
    char reason[320];                     /* one sentence or two */
} hone_huge_page_advice;

/* "off", "transparent", "explicit". Never NULL. */
const char *hone_huge_page_kind_name(hone_huge_page_kind kind);

/* The offer of this machine, as its files are right now, and that of a description. Cost: three
 * small files, and none. */
void hone_huge_page_offer_read(hone_huge_page_offer *out_offer);
void hone_huge_page_offer_of(const hone_platform *platform, hone_huge_page_offer *out_offer);

/* `figures` NULL: not calibrated. `accesses_expected`: random accesses in the heap's life; 0 when
 * unknown, and then eight to each of its cache lines of 64 bytes are assumed. INVALID_ARGUMENT
 * for a heap of 0 bytes, an offer without a page size, and figures that are not positive. */
HONE_MUST_USE hone_status hone_huge_page_advise(uint64_t heap_bytes, uint64_t accesses_expected,
                                                const hone_huge_page_offer *offer,
                                                const hone_huge_page_figures *figures,
                                                hone_huge_page_advice *out_advice);

#endif
