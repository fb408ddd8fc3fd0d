/* SPDX-License-Identifier: Apache-2.0 */
/* The power supplies of the machine, for detection and for power.h. */
#ifndef HONE_PLATFORM_POWER_INTERNAL_H
#define HONE_PLATFORM_POWER_INTERNAL_H

#include "hone/platform/power.h"
#include "machine_internal.h"

#define HN_SUPPLY_FOLDER "/sys/class/power_supply"

enum { HN_BATTERIES_MAX = 8 };

typedef struct hn_supplies {
    bool has_mains, is_mains_online;
    bool has_battery, is_discharging, is_status_known;
    const char *batteries[HN_BATTERIES_MAX]; /* names of those of the machine, in the arena */
    size_t batteries_count;
    const char *reason; /* why nothing is known */
    hone_fact_state state;
} hn_supplies;

/* A supply with scope "Device" (a mouse's battery) is left out. */
hn_supplies hn_supplies_find(hn_machine *machine);

/* The charge of one battery as a number, 0 to 100. */
hone_fact hn_supplies_charge(hn_machine *machine, const char *battery);

/* What hone_power_read gives. */
void hn_power_describe(hn_machine *machine, hone_power_supply *out_supply);

#endif
