/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the power supply asks of a program: a profile, and from it how much work is gathered before
 * a sleeping CPU is woken for it. On battery, few long bursts with the CPU asleep between them cost
 * less than many short ones (race to sleep).
 *
 * Rules. Mains, or a charge of 80 to 100 %: performance; 20 to 79 %: balanced; below: power save. A
 * machine with no battery is a desktop: performance. On battery with an unreadable charge: power
 * save. A profile can be forced.
 *
 * Contract: plain values, no state; the reading is confined, hone_power_decide is pure. Files are
 * read below `root`. The default batches (1000, 100, 10) get smaller with the charge, so that what
 * is lost with the power is small; alone they would wake the CPU more often, which is what the
 * delays (0, 1 ms, 10 ms) are for. Both can be configured. Cost of reading: five small files a
 * supply; ask again every some seconds, not per batch.
 * Source: Linux Documentation/ABI/testing/sysfs-class-power.
 */
#ifndef HONE_PLATFORM_POWER_H
#define HONE_PLATFORM_POWER_H

#include <stdbool.h>

#include "hone/base/allocator.h"

typedef enum hone_power_profile {
    HONE_POWER_AUTO, /* in options: decide by the supply; never a result */
    HONE_POWER_PERFORMANCE,
    HONE_POWER_BALANCED,
    HONE_POWER_SAVE,
    HONE_POWER_PROFILES_COUNT
} hone_power_profile;

/* What the machine says of its supply. */
typedef struct hone_power_supply {
    bool has_battery; /* of the machine; a mouse's does not count */
    bool is_charge_known;
    uint32_t charge_percent;          /* 0 .. 100, mean of the batteries that tell */
    bool is_mains_known, is_on_mains; /* by a mains or USB supply, else by the batteries' status */
    char reason[160]; /* why charge or mains are not known, or there is no battery; "" else */
} hone_power_supply;

/* Work waits until `batch_size` items are there or the oldest has waited `wake_delay_ns`. */
typedef struct hone_power_policy {
    uint32_t batch_size;    /* items; 0 in options: the default */
    uint64_t wake_delay_ns; /* 0: wake at once */
} hone_power_policy;

typedef struct hone_power_options {
    hone_power_profile forced; /* AUTO: by the supply */
    /* By profile; [HONE_POWER_AUTO] is not used. A batch_size of 0 takes the default of both. */
    hone_power_policy policies[HONE_POWER_PROFILES_COUNT];
} hone_power_options;

typedef struct hone_power {
    hone_power_profile profile;
    hone_power_policy policy;
    char reason[256]; /* one sentence: why this profile */
} hone_power;

/* "auto", "performance", "balanced", "power_save". Never NULL. */
const char *hone_power_profile_name(hone_power_profile profile);

/* The profile of that name. NOT_FOUND with a message that names them all. */
HONE_MUST_USE hone_status hone_power_profile_parse(const char *name, hone_diag *diag,
                                                   hone_power_profile *out_profile);

/* Reads the supplies below `root` (NULL or "": this machine). `allocator` NULL means libc; it gets
 * everything back. OUT_OF_MEMORY; INVALID_ARGUMENT (over-long root, no directory). A machine that
 * does not tell is an answer, not an error. */
HONE_MUST_USE hone_status hone_power_read(const char *root, const hone_allocator *allocator,
                                          hone_diag *diag, hone_power_supply *out_supply);

/* `options` may be NULL: all defaults. INVALID_ARGUMENT for a profile that there is not, and for a
 * charge above 100 %. */
HONE_MUST_USE hone_status hone_power_decide(const hone_power_supply *supply,
                                            const hone_power_options *options, hone_diag *diag,
                                            hone_power *out_power);

#endif
