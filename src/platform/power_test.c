/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "hone/platform/power.h"
#include "machine_test_internal.h"

static hone_power decide(const hone_power_supply *supply, const hone_power_options *options) {
    hone_power power = {0};
    assert_int_equal(hone_power_decide(supply, options, NULL, &power), HONE_OK);
    assert_true(strlen(power.reason) > 0);
    return power;
}

static void test_every_charge(void **state) {
    (void)state;
    for (uint32_t percent = 0; percent <= 100; percent++) {
        hone_power_supply battery = {.has_battery = true,
                                     .is_charge_known = true,
                                     .charge_percent = percent,
                                     .is_mains_known = true};
        hone_power_supply plugged = battery, untold = battery;
        plugged.is_on_mains = true;
        untold.is_mains_known = false;
        hone_power_profile expected = percent >= 80   ? HONE_POWER_PERFORMANCE
                                      : percent >= 20 ? HONE_POWER_BALANCED
                                                      : HONE_POWER_SAVE;
        uint32_t batch = percent >= 80 ? 1000 : percent >= 20 ? 100 : 10;
        assert_int_equal(decide(&battery, NULL).profile, expected);
        assert_int_equal(decide(&battery, NULL).policy.batch_size, batch);
        assert_int_equal(decide(&untold, NULL).profile, expected);
        assert_int_equal(decide(&plugged, NULL).profile, HONE_POWER_PERFORMANCE);
        assert_int_equal(decide(&plugged, NULL).policy.wake_delay_ns, 0);
    }
}

static void test_unknown(void **state) {
    (void)state;
    hone_power_supply desktop = {.reason = "no such file"};
    hone_power power = decide(&desktop, NULL);
    assert_int_equal(power.profile, HONE_POWER_PERFORMANCE);
    assert_non_null(strstr(power.reason, "no battery: no such file"));
    hone_power_supply silent = {.has_battery = true, .reason = "it says 'x'"};
    power = decide(&silent, NULL);
    assert_int_equal(power.profile, HONE_POWER_SAVE);
    assert_non_null(strstr(power.reason, "it says 'x'"));

    hone_power_supply absurd = {
        .has_battery = true, .is_charge_known = true, .charge_percent = 101};
    hone_diag diag = {0};
    memset(&power, 0x55, sizeof power);
    hone_power before = power;
    assert_int_equal(hone_power_decide(&absurd, NULL, &diag, &power), HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "101 %"));
    hone_power_options wrong = {.forced = HONE_POWER_PROFILES_COUNT};
    assert_int_equal(hone_power_decide(&desktop, &wrong, &diag, &power),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_memory_equal(&power, &before, sizeof power);
}

static void test_options(void **state) {
    (void)state;
    hone_power_supply low = {.has_battery = true, .is_charge_known = true, .charge_percent = 5};
    hone_power_options options = {
        .policies = {[HONE_POWER_SAVE] = {500, 25000000}, [HONE_POWER_BALANCED] = {0, 7}}};
    hone_power power = decide(&low, &options);
    assert_int_equal(power.profile, HONE_POWER_SAVE);
    assert_int_equal(power.policy.batch_size, 500);
    assert_int_equal(power.policy.wake_delay_ns, 25000000);
    low.charge_percent = 50;
    assert_int_equal(decide(&low, &options).policy.batch_size, 100); /* 0: the default of both */
    assert_int_equal(decide(&low, &options).policy.wake_delay_ns, 1000000);
    for (int i = HONE_POWER_PERFORMANCE; i < HONE_POWER_PROFILES_COUNT; i++) {
        options.forced = (hone_power_profile)i;
        power = decide(&low, &options);
        assert_int_equal(power.profile, i);
        assert_non_null(strstr(power.reason, "forces"));
    }
}

static void test_names(void **state) {
    (void)state;
    hone_power_profile profile;
    hone_diag diag = {0};
    for (int i = 0; i < HONE_POWER_PROFILES_COUNT; i++) {
        const char *name = hone_power_profile_name((hone_power_profile)i);
        assert_int_equal(hone_power_profile_parse(name, NULL, &profile), HONE_OK);
        assert_int_equal(profile, i);
    }
    assert_string_equal(hone_power_profile_name(HONE_POWER_PROFILES_COUNT), "unknown");
    assert_int_equal(hone_power_profile_parse("turbo", &diag, &profile), HONE_STATUS_NOT_FOUND);
    assert_non_null(strstr(diag.message, "'turbo'"));
}

/* One file of a supply; "" for none. */
typedef struct supply_files {
    const char *name, *type, *scope, *capacity, *status, *online;
} supply_files;

typedef struct supply_case {
    supply_files supplies[3];
    hone_power_profile profile;
    const char *reason; /* a part of it */
} supply_case;

static const supply_case supply_cases[] = {
    {{{"BAT0", "Battery", "", "79", "Discharging", ""}}, HONE_POWER_BALANCED, "79 %"},
    {{{"BAT0", "Battery", "", "80", "Discharging", ""}}, HONE_POWER_PERFORMANCE, "80 %"},
    {{{"BAT0", "Battery", "", "19", "Discharging", ""}}, HONE_POWER_SAVE, "19 %"},
    {{{"BAT0", "Battery", "", "5", "Charging", ""}}, HONE_POWER_PERFORMANCE, "mains"},
    {{{"BAT0", "Battery", "", "5", "Charging", ""}, {"AC", "Mains", "", "", "", "0"}},
     HONE_POWER_SAVE,
     "5 %"},
    {{{"BAT0", "Battery", "", "5", "Discharging", ""}, {"AC", "Mains", "", "", "", "1"}},
     HONE_POWER_PERFORMANCE,
     "mains"},
    {{{"BAT0", "Battery", "", "10", "Discharging", ""},
      {"BAT1", "Battery", "", "90", "Unknown", ""}},
     HONE_POWER_BALANCED,
     "50 %"},
    {{{"BAT0", "Battery", "", "10", "Discharging", ""},
      {"BAT1", "Battery", "", "full", "Unknown", ""}},
     HONE_POWER_SAVE,
     "10 %"},
    {{{"BAT0", "Battery", "", "", "Discharging", ""}}, HONE_POWER_SAVE, "no such file"},
    {{{"BAT0", "Battery", "", "101", "Discharging", ""}}, HONE_POWER_SAVE, "up to 100"},
    {{{"BAT0", "Battery", "", "-5", "Discharging", ""}}, HONE_POWER_SAVE, "'-5'"},
    {{{"BAT0", "Battery", "", "30", "Levitating", ""}}, HONE_POWER_BALANCED, "30 %"},
    {{{"mouse", "Battery", "Device", "3", "Discharging", ""}},
     HONE_POWER_PERFORMANCE,
     "no power supply"},
};

static void write_supply(const char *root, const supply_files *supply) {
    const char *const files[] = {"type",     supply->type,     "scope",  supply->scope,
                                 "capacity", supply->capacity, "status", supply->status,
                                 "online",   supply->online};
    for (size_t i = 0; i < sizeof files / sizeof *files; i += 2) {
        char path[128];
        (void)snprintf(path, sizeof path, "/sys/class/power_supply/%s/%s", supply->name, files[i]);
        if (files[i + 1][0]) {
            hn_test_write_file(root, path, files[i + 1]);
        }
    }
}

static void test_files(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof supply_cases / sizeof *supply_cases; i++) {
        char root[512];
        hone_power_supply supply;
        hn_test_make_folder(root, sizeof root);
        for (size_t j = 0; j < 3 && supply_cases[i].supplies[j].name; j++) {
            write_supply(root, &supply_cases[i].supplies[j]);
        }
        assert_int_equal(hone_power_read(root, NULL, NULL, &supply), HONE_OK);
        hone_power power = decide(&supply, NULL);
        assert_int_equal(power.profile, supply_cases[i].profile);
        assert_non_null(strstr(power.reason, supply_cases[i].reason));
        hn_test_remove_folder(root);
    }
}

static void test_machines(void **state) {
    (void)state;
    static const struct {
        const char *machine;
        hone_power_profile profile;
    } machines[] = {
        {"laptop-on-battery", HONE_POWER_BALANCED},
        {"arm-board", HONE_POWER_PERFORMANCE},
        {"server-two-sockets", HONE_POWER_PERFORMANCE},
        {"nothing-readable", HONE_POWER_PERFORMANCE},
        {"nonsense", HONE_POWER_SAVE},
    };
    hone_power_supply supply;
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        char root[512];
        (void)snprintf(root, sizeof root, MACHINES_FOLDER "%s", machines[i].machine);
        assert_int_equal(hone_power_read(root, NULL, NULL, &supply), HONE_OK);
        assert_int_equal(decide(&supply, NULL).profile, machines[i].profile);
    }
    assert_int_equal(hone_power_read(NULL, NULL, NULL, &supply), HONE_OK); /* this machine */
    (void)decide(&supply, NULL);
    hone_diag diag = {0};
    assert_int_equal(hone_power_read("/nowhere", NULL, &diag, &supply),
                     HONE_STATUS_INVALID_ARGUMENT);
}

static void test_failing_allocations(void **state) {
    (void)state;
    hone_power_supply supply;
    hone_status status = HONE_STATUS_OUT_OF_MEMORY;
    size_t fail_at = 0;
    for (; status != HONE_OK; fail_at++) {
        test_allocator test;
        hn_test_allocator_init(&test, fail_at);
        status =
            hone_power_read(MACHINES_FOLDER "laptop-on-battery", &test.allocator, NULL, &supply);
        assert_true(status == HONE_OK || status == HONE_STATUS_OUT_OF_MEMORY);
        assert_int_equal(test.held_bytes, 0);
    }
    assert_true(fail_at > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_charge),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_machines),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
