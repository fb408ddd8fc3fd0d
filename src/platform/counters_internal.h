/* SPDX-License-Identifier: Apache-2.0 */
/* Private to platform: split off so that each refusal of the kernel can be tested by table. */
#ifndef HONE_PLATFORM_COUNTERS_INTERNAL_H
#define HONE_PLATFORM_COUNTERS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/platform/counters.h"

/* Says why perf_event_open refused with `error`. `paranoid` is kernel.perf_event_paranoid. */
void hn_counter_explain(int error, int paranoid, bool is_virtual_machine, char *out_reason,
                        size_t size);

/* One value of a group read: the raw count and for how long the group was enabled and really
 * counted. */
void hn_counter_scale(uint64_t raw, uint64_t enabled_ns, uint64_t running_ns,
                      hone_counter *out_counter);

#endif
