/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of logical CPUs (or of NUMA nodes), by the numbers the kernel gives them.
 *
 * Contract: plain values of 1 KiB, no allocation. CPUs from HONE_CPUS_MAX on (the most that a Linux
 * kernel can be built for) do not exist.
 */
#ifndef HONE_PLATFORM_CPU_SET_H
#define HONE_PLATFORM_CPU_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/span.h"
#include "hone/base/status.h"

enum { HONE_CPUS_MAX = 8192 };

typedef struct hone_cpu_set {
    uint64_t words[HONE_CPUS_MAX / 64];
} hone_cpu_set;

/* The kernel's list form: "0-3,8,10-11", also with strides "0-31:2/8"; blanks around it and the
 * empty list are allowed. SYNTAX for anything else, OVERFLOW for numbers from HONE_CPUS_MAX on. */
HONE_MUST_USE hone_status hone_cpu_set_parse(hone_text text, hone_cpu_set *out_set);

/* Writes the list form, terminated and cut to fit after a whole range; returns its length. */
size_t hone_cpu_set_format(const hone_cpu_set *set, char *out_text, size_t size);

void hone_cpu_set_add(hone_cpu_set *set, uint32_t cpu);
bool hone_cpu_set_has(const hone_cpu_set *set, uint32_t cpu);
uint32_t hone_cpu_set_count(const hone_cpu_set *set);
hone_cpu_set hone_cpu_set_intersect(const hone_cpu_set *a, const hone_cpu_set *b);

/* The first member at or after `from`, or HONE_CPUS_MAX when there is none:
 * for (cpu = next(set, 0); cpu < HONE_CPUS_MAX; cpu = next(set, cpu + 1)). */
uint32_t hone_cpu_set_next(const hone_cpu_set *set, uint32_t from);

/* What the kernel lets the calling thread run on. FORBIDDEN, IO. */
HONE_MUST_USE hone_status hone_cpu_set_affinity(hone_cpu_set *out_set);

#endif
