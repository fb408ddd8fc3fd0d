/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HONE_PLATFORM_LIMITS_INTERNAL_H
#define HONE_PLATFORM_LIMITS_INTERNAL_H

#include "hone/platform/limits.h"
#include "machine_internal.h"

/* Fills everything but the arena; texts go to the machine's. */
void hn_limits_fill(hn_machine *machine, hone_limits *limits);

#endif
