/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of detection share: the description under construction. */
#ifndef HONE_PLATFORM_DETECT_INTERNAL_H
#define HONE_PLATFORM_DETECT_INTERNAL_H

#include "hone/platform/detect.h"
#include "isa_internal.h"
#include "machine_internal.h"

typedef struct hn_detection {
    hn_machine machine;
    hone_platform *platform;
    size_t facts_capacity;
    bool is_sysfs_only, is_probing;
    hn_cpu cpu;
    hone_fact cpu_unknown; /* the answer about the CPU where cpu.is_known is false */
} hn_detection;

/* Appends to the flat list. `group`, `name` and `unit` live in the arena or are literals. */
void hn_detection_add(hn_detection *detection, const char *group, const char *name,
                      const char *unit, hone_fact fact);

/* A name made from what the machine gives: lower case, other characters than letters and digits
 * become '_'. */
const char *hn_detection_name(hn_detection *detection, const char *format, ...) HONE_PRINTF(2, 3);

/* Each fills its groups, in this order. */
void hn_detect_machine(hn_detection *detection);  /* machine, isa */
void hn_detect_topology(hn_detection *detection); /* cpu, cache, numa */
void hn_detect_memory(hn_detection *detection);   /* limits, memory, huge_pages */
void hn_detect_clock(hn_detection *detection);    /* clock */
void hn_detect_power(hn_detection *detection);    /* power */
void hn_detect_security(hn_detection *detection); /* security */
void hn_detect_kernel(hn_detection *detection);   /* kernel */

#endif
