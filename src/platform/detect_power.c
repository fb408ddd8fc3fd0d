/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups clock and power. Source: Linux Documentation/ABI/testing/sysfs-class-power,
 * admin-guide/pm/cpufreq.rst, power/powercap/powercap.rst.
 */
#include <string.h>
#include <time.h>

#include "detect_internal.h"
#include "power_internal.h"
#include "procfs_internal.h"

enum { ZONES_MAX = 64 };

#define CLOCK_FOLDER "/sys/devices/system/clocksource/clocksource0"
#define CPUFREQ_FOLDER "/sys/devices/system/cpu/cpu0/cpufreq"
#define POWERCAP_FOLDER "/sys/class/powercap"
#define THERMAL_FOLDER "/sys/class/thermal"

void hn_detect_clock(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    struct timespec step;
    hone_fact resolution = hn_fact_absent("only the running machine tells");
    hone_fact source = hn_fact_read_text(machine, CLOCK_FOLDER "/current_clocksource");
    hn_detection_add(detection, "clock", "source", "", source);
    hn_detection_add(detection, "clock", "available", "",
                     hn_fact_read_text(machine, CLOCK_FOLDER "/available_clocksource"));
    hn_detection_add(detection, "clock", "invariant_counter", "",
                     detection->cpu.is_known
                         ? hn_fact_flag(detection->cpu.has_invariant_tsc,
                                        "a cycle counter of constant rate that never stops")
                         : detection->cpu_unknown);
    if (hn_machine_is_live(machine) && clock_getres(CLOCK_MONOTONIC, &step) == 0) {
        resolution = hn_fact_number(
            machine, (uint64_t)step.tv_sec * 1000000000u + (uint64_t)step.tv_nsec, "clock_getres");
    }
    hn_detection_add(detection, "clock", "resolution_ns", "ns", resolution);
}

static void detect_supplies(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hone_platform *platform = detection->platform;
    hn_supplies found = hn_supplies_find(machine);
    hone_fact unknown = hn_fact_missing(found.state, found.reason);
    const char *no_battery = found.has_mains ? "this machine has no battery" : found.reason;
    hn_detection_add(detection, "power", "mains_online", "",
                     found.has_mains     ? hn_fact_flag(found.is_mains_online, "")
                     : found.has_battery ? hn_fact_absent("the kernel knows of no mains supply")
                                         : unknown);
    platform->battery_percent = hn_fact_missing(found.state, no_battery);
    hone_fact status = platform->battery_percent;
    platform->is_on_battery =
        found.has_mains ? hn_fact_flag(false, "this machine has no battery") : unknown;
    if (found.has_battery) {
        const char *battery = found.batteries[0];
        platform->battery_percent = hn_supplies_charge(machine, battery);
        status = hn_fact_read_text(
            machine, hn_machine_format(machine, HN_SUPPLY_FOLDER "/%s/status", battery));
        bool is_on = found.has_mains ? !found.is_mains_online : found.is_discharging;
        platform->is_on_battery =
            !found.has_mains && !found.is_status_known
                ? hn_fact_absent("neither a mains supply nor the state of the battery tells")
                : hn_fact_flag(is_on, found.has_mains ? "by the mains supply"
                                                      : "by the state of the battery");
    }
    hn_detection_add(detection, "power", "on_battery", "", platform->is_on_battery);
    hn_detection_add(detection, "power", "battery_percent", "percent", platform->battery_percent);
    hn_detection_add(detection, "power", "battery_status", "", status);
}

static hone_fact frequency_fact(hn_machine *machine, const char *path) {
    hone_fact fact = hn_fact_read_number(machine, 100000000u, path); /* kHz; 100 GHz is absurd */
    if (fact.state != HONE_FACT_PRESENT) {
        return fact;
    }
    return fact.value.number ? hn_fact_number(machine, fact.value.number * 1000, "")
                             : hn_fact_absent("the driver reports 0");
}

static hone_fact boost_fact(hn_machine *machine) {
    hone_fact boost = hn_fact_read_number(machine, 1, "/sys/devices/system/cpu/cpufreq/boost");
    if (boost.state == HONE_FACT_PRESENT) {
        return hn_fact_flag(boost.value.number == 1, "cpufreq");
    }
    hone_fact no_turbo =
        hn_fact_read_number(machine, 1, "/sys/devices/system/cpu/intel_pstate/no_turbo");
    return no_turbo.state == HONE_FACT_PRESENT
               ? hn_fact_flag(no_turbo.value.number == 0, "intel_pstate")
               : boost;
}

static void detect_frequency(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hn_detection_add(detection, "power", "governor", "",
                     hn_fact_read_text(machine, CPUFREQ_FOLDER "/scaling_governor"));
    hn_detection_add(detection, "power", "frequency_driver", "",
                     hn_fact_read_text(machine, CPUFREQ_FOLDER "/scaling_driver"));
    hn_detection_add(detection, "power", "frequency_min_hz", "hz",
                     frequency_fact(machine, CPUFREQ_FOLDER "/cpuinfo_min_freq"));
    hn_detection_add(detection, "power", "frequency_max_hz", "hz",
                     frequency_fact(machine, CPUFREQ_FOLDER "/cpuinfo_max_freq"));
    hn_detection_add(detection, "power", "boost", "", boost_fact(machine));
}

/* Top zones only ("intel-rapl:0"); their parts ("intel-rapl:0:1") are counted in them. */
static bool is_top_zone(const char *name) {
    const char *colon = strchr(name, ':');
    return colon && !strchr(colon + 1, ':');
}

static void detect_energy(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hn_names zones = hn_machine_list(machine, ZONES_MAX, POWERCAP_FOLDER);
    size_t count = 0;
    for (size_t i = 0; i < zones.count; i++) {
        if (!is_top_zone(zones.names[i])) {
            continue;
        }
        hone_fact energy = hn_fact_read_number(
            machine, UINT64_MAX,
            hn_machine_format(machine, POWERCAP_FOLDER "/%s/energy_uj", zones.names[i]));
        if (energy.state == HONE_FACT_PRESENT) {
            energy = hn_fact_real(machine, (double)energy.value.number / 1e6,
                                  "counts up and wraps around");
        }
        hn_detection_add(detection, "power",
                         hn_detection_name(detection, "energy_%s_joules", zones.names[i]), "joules",
                         energy);
        count++;
    }
    if (count == 0) {
        hn_detection_add(detection, "power", "energy_joules", "joules",
                         zones.state == HONE_FACT_PRESENT
                             ? hn_fact_absent("no energy counter in " POWERCAP_FOLDER)
                             : hn_fact_missing(zones.state, zones.reason));
    }
}

static hone_fact temperature_fact(hn_machine *machine, const char *zone) {
    int64_t millidegrees;
    hn_content content = hn_machine_read(machine, THERMAL_FOLDER "/%s/temp", zone);
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    /* A sensor that is switched off often reads -273 or far beyond what silicon survives. */
    if (!hn_parse_signed(content.text, &millidegrees) || millidegrees < -100000 ||
        millidegrees > 200000) {
        return hn_fact_garbage(machine, hn_machine_format(machine, THERMAL_FOLDER "/%s/temp", zone),
                               content.text, "a temperature in 1/1000 degrees Celsius");
    }
    return hn_fact_real(machine, (double)millidegrees / 1000, "");
}

static void detect_thermal(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    hn_names names = hn_machine_list(machine, ZONES_MAX, THERMAL_FOLDER);
    size_t count = 0;
    for (size_t i = 0; i < names.count; i++) {
        const char *prefix = "thermal_zone";
        if (strncmp(names.names[i], prefix, strlen(prefix)) != 0) {
            continue;
        }
        hone_fact type = hn_fact_read_text(
            machine, hn_machine_format(machine, THERMAL_FOLDER "/%s/type", names.names[i]));
        const char *zone = type.state == HONE_FACT_PRESENT ? type.text : "unnamed";
        hn_detection_add(detection, "power",
                         hn_detection_name(detection, "temperature_%s_%s",
                                           names.names[i] + strlen(prefix), zone),
                         "celsius", temperature_fact(machine, names.names[i]));
        count++;
    }
    if (count == 0) {
        hn_detection_add(detection, "power", "temperature", "celsius",
                         names.state == HONE_FACT_PRESENT
                             ? hn_fact_absent("no thermal zone in " THERMAL_FOLDER)
                             : hn_fact_missing(names.state, names.reason));
    }
    hn_detection_add(
        detection, "power", "throttle_count", "",
        hn_fact_read_number(machine, UINT64_MAX,
                            "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"));
}

static void detect_profile(hn_detection *detection) {
    hone_power_supply supply;
    hone_power power;
    hn_power_describe(&detection->machine, &supply);
    if (hone_power_decide(&supply, NULL, NULL, &power) == HONE_OK) {
        const char *reason = hn_machine_format(&detection->machine, "%s", power.reason);
        hone_text name = hone_text_of(hone_power_profile_name(power.profile));
        hn_detection_add(detection, "power", "profile", "",
                         hn_fact_text(&detection->machine, name, reason));
    }
}

void hn_detect_power(hn_detection *detection) {
    detect_supplies(detection);
    detect_profile(detection);
    detect_frequency(detection);
    detect_energy(detection);
    detect_thermal(detection);
}
