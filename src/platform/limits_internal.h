/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HONE_PLATFORM_LIMITS_INTERNAL_H
#define HONE_PLATFORM_LIMITS_INTERNAL_H

#include "hone/platform/limits.h"
#include "machine_internal.h"

/* Fills everything but the arena; texts go to the machine's. */
void hn_limits_fill(hn_machine *machine, hone_limits *limits);

/* Real: use / limit of memory at the fullest level of the control groups. */
hone_fact hn_limits_memory_share(hn_machine *machine);

#endif
