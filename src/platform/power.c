/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/power.h"

#include <stdio.h>
#include <string.h>

#include "hone/base/arena.h"
#include "power_internal.h"

enum { SUPPLIES_MAX = 64, ARENA_BYTES_MAX = 1 << 20 };
enum { PERFORMANCE_PERCENT = 80, BALANCED_PERCENT = 20 };

static const char *const profile_names[] = {
    [HONE_POWER_AUTO] = "auto",
    [HONE_POWER_PERFORMANCE] = "performance",
    [HONE_POWER_BALANCED] = "balanced",
    [HONE_POWER_SAVE] = "power_save",
};

static const hone_power_policy default_policies[] = {
    [HONE_POWER_PERFORMANCE] = {1000, 0},
    [HONE_POWER_BALANCED] = {100, 1000000},
    [HONE_POWER_SAVE] = {10, 10000000},
};

/* ---- reading ---- */

static bool is_supply_text(hn_machine *machine, const char *name, const char *file,
                           const char *text) {
    hn_content content = hn_machine_read(machine, HN_SUPPLY_FOLDER "/%s/%s", name, file);
    return content.state == HONE_FACT_PRESENT && hone_text_is(content.text, text);
}

static void look_at_battery(hn_machine *machine, const char *name, hn_supplies *found) {
    bool is_discharging = is_supply_text(machine, name, "status", "Discharging");
    found->has_battery = true;
    if (found->batteries_count < HN_BATTERIES_MAX) {
        found->batteries[found->batteries_count++] = name;
    }
    found->is_discharging = found->is_discharging || is_discharging;
    found->is_status_known = found->is_status_known || is_discharging ||
                             is_supply_text(machine, name, "status", "Charging") ||
                             is_supply_text(machine, name, "status", "Not charging") ||
                             is_supply_text(machine, name, "status", "Full");
}

static void look_at_supply(hn_machine *machine, const char *name, hn_supplies *found) {
    if (is_supply_text(machine, name, "scope", "Device")) {
        return;
    }
    if (is_supply_text(machine, name, "type", "Battery")) {
        look_at_battery(machine, name, found);
    } else if (is_supply_text(machine, name, "type", "Mains") ||
               is_supply_text(machine, name, "type", "USB")) {
        found->has_mains = true;
        found->is_mains_online =
            found->is_mains_online || is_supply_text(machine, name, "online", "1");
    }
}

hn_supplies hn_supplies_find(hn_machine *machine) {
    hn_names names = hn_machine_list(machine, SUPPLIES_MAX, HN_SUPPLY_FOLDER);
    hn_supplies found = {.reason = names.reason, .state = HONE_FACT_ABSENT};
    for (size_t i = 0; i < names.count; i++) {
        look_at_supply(machine, names.names[i], &found);
    }
    if (names.state != HONE_FACT_PRESENT) {
        found.state = names.state;
    } else if (!found.has_battery && !found.has_mains) {
        found.reason = "the kernel knows of no power supply of the machine";
    }
    return found;
}

hone_fact hn_supplies_charge(hn_machine *machine, const char *battery) {
    return hn_fact_read_number(
        machine, 100, hn_machine_format(machine, HN_SUPPLY_FOLDER "/%s/capacity", battery));
}

void hn_power_describe(hn_machine *machine, hone_power_supply *out_supply) {
    hn_supplies found = hn_supplies_find(machine);
    uint64_t sum = 0, count = 0;
    const char *reason = found.has_battery ? "" : found.reason;
    for (size_t i = 0; i < found.batteries_count; i++) {
        hone_fact charge = hn_supplies_charge(machine, found.batteries[i]);
        bool is_told = charge.state == HONE_FACT_PRESENT;
        sum += is_told ? charge.value.number : 0;
        count += is_told;
        reason = is_told ? reason : charge.reason;
    }
    bool is_mains_known = found.has_mains || found.is_status_known;
    if (found.has_battery && !is_mains_known && reason[0] == '\0') {
        reason = "neither a mains supply nor the state of the battery tells";
    }
    *out_supply = (hone_power_supply){
        .has_battery = found.has_battery,
        .is_charge_known = count > 0,
        .charge_percent = count > 0 ? (uint32_t)(sum / count) : 0,
        .is_mains_known = is_mains_known,
        .is_on_mains =
            is_mains_known && (found.has_mains ? found.is_mains_online : !found.is_discharging),
    };
    (void)snprintf(out_supply->reason, sizeof out_supply->reason, "%s", reason);
}

hone_status hone_power_read(const char *root, const hone_allocator *allocator, hone_diag *diag,
                            hone_power_supply *out_supply) {
    hone_arena arena;
    hn_machine machine;
    hone_power_supply supply;
    hone_arena_init(&arena, allocator, ARENA_BYTES_MAX);
    hone_status status = hn_machine_init(&machine, root, &arena, diag);
    if (status != HONE_OK) {
        hone_arena_deinit(&arena);
        return status;
    }
    hn_power_describe(&machine, &supply);
    status = machine.status;
    hn_machine_deinit(&machine);
    hone_arena_deinit(&arena);
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "no memory left to read the power supplies");
    }
    *out_supply = supply;
    return HONE_OK;
}

/* ---- deciding ---- */

const char *hone_power_profile_name(hone_power_profile profile) {
    return profile < HONE_POWER_PROFILES_COUNT ? profile_names[profile] : "unknown";
}

hone_status hone_power_profile_parse(const char *name, hone_diag *diag,
                                     hone_power_profile *out_profile) {
    for (int i = 0; i < HONE_POWER_PROFILES_COUNT; i++) {
        if (strcmp(name, profile_names[i]) == 0) {
            *out_profile = (hone_power_profile)i;
            return HONE_OK;
        }
    }
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND,
                         "there is no power profile '%.60s'; there are auto, performance, balanced "
                         "and power_save",
                         name);
}

static hone_power_profile choose(const hone_power_supply *supply, char *out_reason, size_t size) {
    if (supply->is_mains_known && supply->is_on_mains) {
        (void)snprintf(out_reason, size, "The machine is on mains power.");
        return HONE_POWER_PERFORMANCE;
    }
    if (!supply->has_battery) {
        (void)snprintf(out_reason, size, "The machine has no battery%s%s.",
                       supply->reason[0] ? ": " : "", supply->reason);
        return HONE_POWER_PERFORMANCE;
    }
    if (!supply->is_charge_known) {
        (void)snprintf(out_reason, size, "On battery, and its charge is not known: %s.",
                       supply->reason);
        return HONE_POWER_SAVE;
    }
    hone_power_profile profile = supply->charge_percent >= PERFORMANCE_PERCENT
                                     ? HONE_POWER_PERFORMANCE
                                 : supply->charge_percent >= BALANCED_PERCENT ? HONE_POWER_BALANCED
                                                                              : HONE_POWER_SAVE;
    (void)snprintf(out_reason, size, "On battery, charged to %u %%%s.", supply->charge_percent,
                   profile == HONE_POWER_PERFORMANCE ? " (80 % and more)"
                   : profile == HONE_POWER_BALANCED  ? " (20 to 79 %)"
                                                     : " (below 20 %)");
    return profile;
}

hone_status hone_power_decide(const hone_power_supply *supply, const hone_power_options *options,
                              hone_diag *diag, hone_power *out_power) {
    hone_power power = {.profile = options ? options->forced : HONE_POWER_AUTO};
    if (power.profile >= HONE_POWER_PROFILES_COUNT) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no power profile %d",
                             (int)power.profile);
    }
    if (supply->is_charge_known && supply->charge_percent > 100) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a battery cannot be charged to %u %%; at most 100",
                             supply->charge_percent);
    }
    if (power.profile == HONE_POWER_AUTO) {
        power.profile = choose(supply, power.reason, sizeof power.reason);
    } else {
        (void)snprintf(power.reason, sizeof power.reason, "The configuration forces it.");
    }
    power.policy = default_policies[power.profile];
    if (options && options->policies[power.profile].batch_size > 0) {
        power.policy = options->policies[power.profile];
    }
    *out_power = power;
    return HONE_OK;
}
