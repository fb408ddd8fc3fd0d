/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which optimisations fit this machine, each with its reason: what `hone detect` ends with and what
 * the engines are built from. Whether huge pages or NUMA placement pay is for a calibration to
 * show; this is only about what the machine offers.
 *
 * Contract: shared; pure function of a description; no allocation.
 */
#ifndef HONE_PLATFORM_ADVISE_H
#define HONE_PLATFORM_ADVISE_H

#include <stdbool.h>

#include "hone/platform/detect.h"

typedef enum hone_optimisation {
    HONE_OPTIMISATION_SIMD,        /* vector kernels */
    HONE_OPTIMISATION_PREFETCH,    /* software prefetch in walks over pointers and rows */
    HONE_OPTIMISATION_HUGE_PAGES,  /* for arenas and pools of 2 MiB and more */
    HONE_OPTIMISATION_NUMA,        /* memory placed by node, threads pinned */
    HONE_OPTIMISATION_LARGE_CACHE, /* blocks sized for a last-level cache of more than 8 MiB */
    HONE_OPTIMISATION_COUNT
} hone_optimisation;

/* How a configuration may overrule the machine. */
typedef enum hone_switch { HONE_SWITCH_AUTO, HONE_SWITCH_ON, HONE_SWITCH_OFF } hone_switch;

typedef struct hone_advice {
    hone_optimisation optimisation;
    bool is_on;
    char reason[256]; /* one sentence */
} hone_advice;

/* "simd", "prefetch", "huge_pages", "numa", "large_cache". Never NULL. */
const char *hone_optimisation_name(hone_optimisation optimisation);

/* `switches` (HONE_OPTIMISATION_COUNT of them, or NULL for all AUTO) come from the configuration.
 * ON cannot make what the machine does not have: the advice is then off and says why (blocks for a
 * large cache are a choice and can be had anywhere). */
void hone_platform_advise(const hone_platform *platform, const hone_switch *switches,
                          hone_advice out_advice[HONE_OPTIMISATION_COUNT]);

#endif
