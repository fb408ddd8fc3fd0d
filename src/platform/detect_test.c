/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/platform/advise.h"
#include "hone/platform/detect.h"
#include "hone/platform/doctor.h"
#include "machine_test_internal.h"
#include "topology_internal.h"

enum { ABSENT = HONE_FACT_ABSENT, FORBIDDEN = HONE_FACT_FORBIDDEN, PRESENT = HONE_FACT_PRESENT };

typedef struct expected_fact {
    const char *machine, *group, *name;
    int state;
    const char *text; /* the value when present, else a part of the reason */
} expected_fact;

static const expected_fact expected_facts[] = {
    {"laptop-on-battery", "machine", "architecture", PRESENT, "x86_64"},
    {"laptop-on-battery", "machine", "kernel", PRESENT, "6.8.0-41-generic"},
    {"laptop-on-battery", "machine", "hypervisor", PRESENT, "no"},
    {"laptop-on-battery", "isa", "level", PRESENT, "avx2"},
    {"laptop-on-battery", "isa", "avx_vnni", PRESENT, "yes"},
    {"laptop-on-battery", "isa", "avx512f", ABSENT, "does not have it"},
    {"laptop-on-battery", "cpu", "logical", PRESENT, "4"},
    {"laptop-on-battery", "cpu", "cores", PRESENT, "2"},
    {"laptop-on-battery", "cpu", "sockets", PRESENT, "1"},
    {"laptop-on-battery", "cpu", "threads_per_core", PRESENT, "2"},
    {"laptop-on-battery", "cpu", "smt_active", PRESENT, "yes"},
    {"laptop-on-battery", "cpu", "isolated", ABSENT, "no CPU is isolated"},
    {"laptop-on-battery", "cache", "l1d_bytes", PRESENT, "49152"},
    {"laptop-on-battery", "cache", "l1d_instances", PRESENT, "2"},
    {"laptop-on-battery", "cache", "l1d_shared_by", PRESENT, "2"},
    {"laptop-on-battery", "cache", "l3_shared_by", PRESENT, "4"},
    {"laptop-on-battery", "cache", "line_bytes", PRESENT, "64"},
    {"laptop-on-battery", "cache", "is_large", PRESENT, "yes"},
    {"laptop-on-battery", "numa", "nodes", PRESENT, "1"},
    {"laptop-on-battery", "limits", "quota_cpus", ABSENT, "levels looked at: 6"},
    {"laptop-on-battery", "limits", "memory_limit_bytes", ABSENT, "levels looked at: 6"},
    {"laptop-on-battery", "limits", "effective_cpus", PRESENT, "4"},
    {"laptop-on-battery", "limits", "effective_memory_bytes", PRESENT, "10113580032"},
    {"laptop-on-battery", "memory", "total_bytes", PRESENT, "16506380288"},
    {"laptop-on-battery", "huge_pages", "transparent", PRESENT, "madvise"},
    {"laptop-on-battery", "huge_pages", "2048kb_reserved", PRESENT, "0"},
    {"laptop-on-battery", "clock", "invariant_counter", PRESENT, "yes"},
    {"laptop-on-battery", "clock", "resolution_ns", ABSENT, "running machine"},
    {"laptop-on-battery", "power", "mains_online", PRESENT, "no"},
    {"laptop-on-battery", "power", "on_battery", PRESENT, "yes"},
    {"laptop-on-battery", "power", "battery_percent", PRESENT, "37"},
    {"laptop-on-battery", "power", "battery_status", PRESENT, "Discharging"},
    {"laptop-on-battery", "power", "profile", PRESENT, "balanced"},
    {"nothing-readable", "power", "profile", PRESENT, "performance"},
    {"laptop-on-battery", "power", "governor", PRESENT, "powersave"},
    {"laptop-on-battery", "power", "frequency_max_hz", PRESENT, "4400000000"},
    {"laptop-on-battery", "power", "boost", PRESENT, "yes"},
    {"laptop-on-battery", "power", "energy_intel_rapl_0_joules", PRESENT, "182736.4555"},
    {"laptop-on-battery", "power", "temperature_0_x86_pkg_temp", PRESENT, "61.5"},
    {"laptop-on-battery", "power", "temperature_1_int3400_thermal", ABSENT, "'-274000'"},
    {"laptop-on-battery", "power", "throttle_count", PRESENT, "17"},
    {"laptop-on-battery", "security", "cet_shadow_stack", PRESENT, "yes"},
    {"laptop-on-battery", "security", "cet_shadow_stack_active", PRESENT, "no"},
    {"laptop-on-battery", "security", "cet_branch_tracking", PRESENT, "yes"},
    {"laptop-on-battery", "security", "bti", ABSENT, "ARM"},
    {"laptop-on-battery", "security", "mitigation_meltdown", PRESENT, "Not affected"},
    {"laptop-on-battery", "kernel", "io_uring", ABSENT, "not tried"},

    {"server-two-sockets", "machine", "architecture", PRESENT, "x86_64"},
    {"server-two-sockets", "isa", "level", PRESENT, "avx512"},
    {"server-two-sockets", "cpu", "logical", PRESENT, "8"},
    {"server-two-sockets", "cpu", "cores", PRESENT, "4"},
    {"server-two-sockets", "cpu", "sockets", PRESENT, "2"},
    {"server-two-sockets", "cpu", "isolated", PRESENT, "6-7"},
    {"server-two-sockets", "cache", "l3_instances", PRESENT, "2"},
    {"server-two-sockets", "cache", "l3_bytes", PRESENT, "34603008"},
    {"server-two-sockets", "cache", "l3_shared_by", PRESENT, "4"},
    {"server-two-sockets", "numa", "nodes", PRESENT, "2"},
    {"server-two-sockets", "numa", "node1_cpus", PRESENT, "1,3,5,7"},
    {"server-two-sockets", "numa", "node0_distances", PRESENT, "10 21"},
    {"server-two-sockets", "numa", "node1_free_bytes", PRESENT, "245760001024"},
    {"server-two-sockets", "limits", "cpuset_cpus", PRESENT, "8"},
    {"server-two-sockets", "power", "battery_percent", ABSENT, "no power supply"},
    {"server-two-sockets", "power", "boost", PRESENT, "yes"},
    {"server-two-sockets", "clock", "source", PRESENT, "hpet"},

    {"container-v2", "limits", "cgroup_mode", PRESENT, "v2"},
    {"container-v2", "limits", "cgroup_path", PRESENT, "/kubepods.slice/pod7/app"},
    {"container-v2", "limits", "affinity_cpus", PRESENT, "16"},
    {"container-v2", "limits", "cpuset_cpus", PRESENT, "4"},
    {"container-v2", "limits", "usable_cpus", PRESENT, "4-7"},
    {"container-v2", "limits", "quota_cpus", PRESENT, "1.5"}, /* the parent's is the tighter one */
    {"container-v2", "limits", "effective_cpus", PRESENT, "1.5"},
    {"container-v2", "limits", "memory_limit_bytes", PRESENT, "419430400"},
    /* memory.high of the leaf leaves 314572800; the parent's max less its use, without inactive
     * file pages, leaves 335544320. */
    {"container-v2", "limits", "effective_memory_bytes", PRESENT, "314572800"},
    {"container-v2", "cpu", "cores", ABSENT, "no readable topology"},
    {"container-v2", "numa", "nodes", ABSENT, "tells nothing"},

    {"container-v1", "limits", "cgroup_mode", PRESENT, "hybrid"},
    {"container-v1", "limits", "quota_cpus", PRESENT, "0.5"},
    {"container-v1", "limits", "usable_cpus", PRESENT, "1,3"},
    {"container-v1", "limits", "memory_limit_bytes", PRESENT, "268435456"},
    {"container-v1", "limits", "effective_memory_bytes", PRESENT, "167772160"},

    {"arm-board", "machine", "architecture", PRESENT, "aarch64"},
    {"arm-board", "machine", "board", PRESENT, "Example Board Rev 1.2"},
    {"arm-board", "machine", "hypervisor", ABSENT, "only x86"},
    {"arm-board", "isa", "level", PRESENT, "neon"},
    {"arm-board", "isa", "crc32", PRESENT, "yes"},
    {"arm-board", "isa", "sve", ABSENT, "does not have it"},
    {"arm-board", "isa", "prefetch", PRESENT, "prfm"},
    {"arm-board", "cpu", "cores", PRESENT, "6"},
    {"arm-board", "cache", "l1i_bytes", PRESENT, "32768"},
    {"arm-board", "cache", "l1i_instances", PRESENT, "4"},
    {"arm-board", "cache", "l1i_2_bytes", PRESENT, "49152"},
    {"arm-board", "cache", "l2_bytes", PRESENT, "524288"},
    {"arm-board", "cache", "l2_2_shared_by", PRESENT, "2"},
    {"arm-board", "cache", "is_large", PRESENT, "no"},
    {"arm-board", "power", "mains_online", PRESENT, "yes"},
    {"arm-board", "power", "on_battery", PRESENT, "no"},
    {"arm-board", "power", "battery_percent", ABSENT, "no battery"},
    {"arm-board", "security", "bti", PRESENT, "yes"},
    {"arm-board", "security", "pac", PRESENT, "yes"},
    {"arm-board", "security", "mte", ABSENT, "does not have it"},
    {"arm-board", "security", "cet_shadow_stack", ABSENT, "x86"},

    {"huge-pages", "huge_pages", "sizes", PRESENT, "2"},
    {"huge-pages", "huge_pages", "2048kb_reserved", PRESENT, "512"},
    {"huge-pages", "huge_pages", "2048kb_free", PRESENT, "500"},
    {"huge-pages", "huge_pages", "1048576kb_free", PRESENT, "0"},
    {"huge-pages", "huge_pages", "transparent", PRESENT, "never"},

    {"nothing-readable", "machine", "architecture", ABSENT, "tells"},
    {"nothing-readable", "isa", "level", ABSENT, "/proc/cpuinfo"},
    {"nothing-readable", "isa", "avx2", ABSENT, "/proc/cpuinfo"},
    {"nothing-readable", "cpu", "logical", ABSENT, "no such file"},
    {"nothing-readable", "limits", "effective_cpus", ABSENT, "known"},
    {"nothing-readable", "limits", "effective_memory_bytes", ABSENT, "/proc/meminfo"},
    {"nothing-readable", "clock", "invariant_counter", ABSENT, "/proc/cpuinfo"},
    {"nothing-readable", "power", "battery_percent", ABSENT, "no such file"},
    {"nothing-readable", "security", "mitigations", ABSENT, "no such file"},

    {"nonsense", "machine", "cpu_model", PRESENT, "?[31mred?"},
    {"nonsense", "cpu", "logical", ABSENT, "no list of CPUs"},
    {"nonsense", "numa", "nodes", ABSENT, "tells nothing"},
    {"nonsense", "limits", "affinity_cpus", ABSENT, "'9-3,x'"},
    {"nonsense", "limits", "quota_cpus", ABSENT, "climbs"}, /* not the 1 CPU of sys/escape */
    {"nonsense", "limits", "memory_limit_bytes", ABSENT, "climbs"},
    {"nonsense", "memory", "total_bytes", ABSENT, "MemTotal"},
    {"nonsense", "memory", "available_bytes", ABSENT, "MemAvailable"},
    {"nonsense", "huge_pages", "2048kb_reserved", ABSENT, "a number"},
    {"nonsense", "huge_pages", "transparent", ABSENT, "brackets"},
    {"nonsense", "huge_pages", "transparent_defrag", ABSENT, "not a regular file"},
    {"nonsense", "power", "battery_percent", ABSENT, "up to 100"},
    {"nonsense", "power", "on_battery", ABSENT, "neither"},
    {"nonsense", "power", "mains_online", ABSENT, "no mains"},
    {"nonsense", "power", "frequency_min_hz", ABSENT, "reports 0"},
    {"nonsense", "power", "frequency_max_hz", ABSENT, "999999999999"},
    {"nonsense", "power", "temperature_0_unnamed", ABSENT, "'hot'"},
    {"nonsense", "power", "energy_intel_rapl_0_joules", ABSENT, "'-1'"},
    {"nonsense", "security", "seccomp", ABSENT, "'7'"},

    {"nonsense-topology", "cpu", "logical", PRESENT, "2"},
    {"nonsense-topology", "cpu", "cores", PRESENT, "1"},
    {"nonsense-topology", "cpu", "sockets", ABSENT, "no readable topology"},
    {"nonsense-topology", "cache", "line_bytes", ABSENT, "caches"},
    {"nonsense-topology", "numa", "node0_cpus", ABSENT, "memory only"},
    {"nonsense-topology", "numa", "node0_memory_bytes", ABSENT, "Node 0 MemTotal"},
    {"nonsense-topology", "numa", "node0_distances", ABSENT, "does not tell"},
    {"nonsense-topology", "numa", "node1_memory_bytes", ABSENT, "no such file"},
    {"nonsense-topology", "limits", "quota_cpus", PRESENT, "2"}, /* the parent's still binds */
    {"nonsense-topology", "limits", "memory_limit_bytes", PRESENT, "1048576"},
};

static void detect(const char *machine, const hone_allocator *allocator, hone_platform *out) {
    char root[1024];
    hone_diag diag = {0};
    (void)snprintf(root, sizeof root, "%s%s", MACHINES_FOLDER, machine);
    hone_platform_options options = {.root = root, .allocator = allocator};
    hone_status status = hone_platform_detect(&options, &diag, out);
    if (status != HONE_OK) {
        fail_msg("%s: %s", machine, diag.message);
    }
}

static void check_fact(const hone_platform *platform, const expected_fact *expected) {
    const hone_fact *fact = hone_fact_find(&platform->facts, expected->group, expected->name);
    if (!fact) {
        fail_msg("%s: no fact %s.%s", expected->machine, expected->group, expected->name);
        return;
    }
    bool is_right =
        fact->state == (hone_fact_state)expected->state &&
        (fact->state == HONE_FACT_PRESENT ? strcmp(fact->text, expected->text) == 0
                                          : strstr(fact->reason, expected->text) != NULL);
    if (!is_right) {
        fail_msg("%s: %s.%s is %s '%s' (%s); expected '%s'", expected->machine, expected->group,
                 expected->name, hone_fact_state_name(fact->state), fact->text, fact->reason,
                 expected->text);
    }
}

static void test_faked_machines(void **state) {
    (void)state;
    hone_platform platform = {0};
    const char *machine = "";
    for (size_t i = 0; i < sizeof expected_facts / sizeof expected_facts[0]; i++) {
        if (strcmp(machine, expected_facts[i].machine) != 0) {
            hone_platform_deinit(&platform);
            machine = expected_facts[i].machine;
            detect(machine, NULL, &platform);
        }
        check_fact(&platform, &expected_facts[i]);
    }
    hone_platform_deinit(&platform);
}

/* What holds on any machine: no fact without an answer, none twice. */
static void check_well_formed(const hone_platform *platform) {
    const hone_fact_list *facts = &platform->facts;
    for (size_t i = 0; i < facts->count; i++) {
        const hone_fact_entry *entry = &facts->entries[i];
        bool is_present = entry->fact.state == HONE_FACT_PRESENT;
        assert_true(entry->group[0] && entry->name[0] && entry->unit);
        if ((entry->fact.text[0] != '\0') != is_present) {
            fail_msg("%s.%s: text '%s'", entry->group, entry->name, entry->fact.text);
        }
        if (!is_present && entry->fact.reason[0] == '\0') {
            fail_msg("%s.%s is missing without a reason", entry->group, entry->name);
        }
        if (hone_fact_find(facts, entry->group, entry->name) != &entry->fact) {
            fail_msg("%s.%s is there twice", entry->group, entry->name);
        }
    }
}

static const char *const machines[] = {
    "laptop-on-battery", "server-two-sockets", "container-v2", "container-v1",      "arm-board",
    "huge-pages",        "nothing-readable",   "nonsense",     "nonsense-topology", "../../../src"};
enum { MACHINES_COUNT = sizeof machines / sizeof machines[0] };

static void test_well_formed(void **state) {
    (void)state;
    hone_platform platform;
    for (size_t i = 0; i < MACHINES_COUNT; i++) {
        detect(machines[i], NULL, &platform);
        check_well_formed(&platform);
        hone_platform_deinit(&platform);
    }
    assert_int_equal(hone_platform_detect(NULL, NULL, &platform), HONE_OK);
    check_well_formed(&platform);
    hone_platform_deinit(&platform);
}

static void test_threads(void **state) {
    (void)state;
    static const struct {
        const char *machine;
        uint32_t threads;
    } cases[] = {{"laptop-on-battery", 4}, {"server-two-sockets", 8}, {"container-v2", 2},
                 {"container-v1", 1},      {"nothing-readable", 1},   {"nonsense", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_limits limits;
        char root[1024];
        (void)snprintf(root, sizeof root, "%s%s", MACHINES_FOLDER, cases[i].machine);
        assert_int_equal(hone_limits_read(root, NULL, NULL, &limits), HONE_OK);
        assert_int_equal(hone_limits_threads(&limits), cases[i].threads);
        hone_limits_deinit(&limits);
    }
}

typedef struct expected_advice {
    const char *machine;
    bool is_on[HONE_OPTIMISATION_COUNT]; /* simd, prefetch, huge pages, numa, large cache */
} expected_advice;

static void test_advice(void **state) {
    (void)state;
    static const expected_advice cases[] = {
        {"laptop-on-battery", {true, true, true, false, true}},
        {"server-two-sockets", {true, true, true, true, true}},
        {"arm-board", {true, true, false, false, false}},
        {"huge-pages", {true, true, true, false, false}},
        {"nothing-readable", {false, false, false, false, false}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_platform platform;
        hone_advice advice[HONE_OPTIMISATION_COUNT], forced[HONE_OPTIMISATION_COUNT];
        hone_switch off[HONE_OPTIMISATION_COUNT], on[HONE_OPTIMISATION_COUNT];
        detect(cases[i].machine, NULL, &platform);
        hone_platform_advise(&platform, NULL, advice);
        for (int k = 0; k < HONE_OPTIMISATION_COUNT; k++) {
            if (advice[k].is_on != cases[i].is_on[k]) {
                fail_msg("%s: %s is %d: %s", cases[i].machine,
                         hone_optimisation_name((hone_optimisation)k), advice[k].is_on,
                         advice[k].reason);
            }
            assert_int_equal(advice[k].reason[strlen(advice[k].reason) - 1], '.');
            off[k] = HONE_SWITCH_OFF;
            on[k] = HONE_SWITCH_ON;
        }
        hone_platform_advise(&platform, off, forced);
        for (int k = 0; k < HONE_OPTIMISATION_COUNT; k++) {
            assert_false(forced[k].is_on);
        }
        hone_platform_advise(&platform, on, forced);
        for (int k = 0; k < HONE_OPTIMISATION_COUNT; k++) {
            bool is_choice = k == HONE_OPTIMISATION_LARGE_CACHE;
            assert_int_equal(forced[k].is_on, is_choice || advice[k].is_on);
        }
        hone_platform_deinit(&platform);
    }
}

typedef struct expected_check {
    const char *machine, *name;
    hone_doctor_state state;
    const char *part; /* of the finding, or of the remedy when it is advice */
} expected_check;

static const expected_check expected_checks[] = {
    {"laptop-on-battery", "affinity", HONE_DOCTOR_OK, "4 of 4"},
    {"laptop-on-battery", "cpu_quota", HONE_DOCTOR_OK, "no quota"},
    {"laptop-on-battery", "governor", HONE_DOCTOR_OK, "right on battery"},
    {"laptop-on-battery", "throttling", HONE_DOCTOR_ADVICE, "core_throttle_count"},
    {"laptop-on-battery", "transparent_huge_pages", HONE_DOCTOR_OK, "madvise"},
    {"laptop-on-battery", "limit_memlock", HONE_DOCTOR_ADVICE, "ulimit -l"},
    {"laptop-on-battery", "limit_nofile", HONE_DOCTOR_ADVICE, "ulimit -n"},
    {"laptop-on-battery", "limit_rtprio", HONE_DOCTOR_ADVICE, "rtprio"},
    {"laptop-on-battery", "perf_event_paranoid", HONE_DOCTOR_ADVICE, "paranoid=2"},
    {"laptop-on-battery", "numa_balancing", HONE_DOCTOR_NOT_APPLICABLE, "one memory node"},
    {"laptop-on-battery", "swap", HONE_DOCTOR_ADVICE, "swappiness"},
    {"laptop-on-battery", "swappiness", HONE_DOCTOR_ADVICE, "vm.swappiness=10"},
    {"laptop-on-battery", "limit_core", HONE_DOCTOR_OK, "handler"},
    {"laptop-on-battery", "sched_deadline", HONE_DOCTOR_ADVICE, "cap_sys_nice"},
    {"laptop-on-battery", "cet", HONE_DOCTOR_ADVICE, "x86_shstk=on"},
    {"laptop-on-battery", "bti", HONE_DOCTOR_NOT_APPLICABLE, "ARM"},
    {"laptop-on-battery", "clocksource", HONE_DOCTOR_OK, "tsc"},
    {"laptop-on-battery", "mitigations", HONE_DOCTOR_OK, "none"},
    {"server-two-sockets", "governor", HONE_DOCTOR_ADVICE, "performance"},
    {"server-two-sockets", "transparent_huge_pages", HONE_DOCTOR_ADVICE, "echo madvise"},
    {"server-two-sockets", "numa_balancing", HONE_DOCTOR_ADVICE, "numa_balancing=0"},
    {"server-two-sockets", "clocksource", HONE_DOCTOR_ADVICE, "echo tsc"},
    {"server-two-sockets", "io_uring", HONE_DOCTOR_ADVICE, "io_uring_disabled=0"},
    {"server-two-sockets", "limit_rtprio", HONE_DOCTOR_OK, "99"},
    {"server-two-sockets", "realtime", HONE_DOCTOR_OK, "PREEMPT_RT kernel"},
    {"server-two-sockets", "mitigations", HONE_DOCTOR_ADVICE, "reboot"},
    {"server-two-sockets", "swap", HONE_DOCTOR_OK, "no swap"},
    {"server-two-sockets", "swappiness", HONE_DOCTOR_OK, "there is no swap space"},
    {"server-two-sockets", "limit_core", HONE_DOCTOR_ADVICE, "ulimit -c"},
    {"server-two-sockets", "sched_deadline", HONE_DOCTOR_OK, "CAP_SYS_NICE"},
    {"nothing-readable", "sched_deadline", HONE_DOCTOR_NOT_APPLICABLE, "no such file"},
    {"nothing-readable", "swappiness", HONE_DOCTOR_NOT_APPLICABLE, "no such file"},
    {"nothing-readable", "limit_core", HONE_DOCTOR_NOT_APPLICABLE, "no such file"},
    {"nonsense", "swappiness", HONE_DOCTOR_NOT_APPLICABLE, "where a number"},
    {"container-v2", "affinity", HONE_DOCTOR_ADVICE, "0-15"},
    {"container-v2", "cpu_quota", HONE_DOCTOR_ADVICE, "--cpus"},
    {"huge-pages", "huge_pages", HONE_DOCTOR_OK, "512 of 2048 KiB, 500 free"},
    {"arm-board", "bti", HONE_DOCTOR_OK, "offered"},
    {"arm-board", "mte", HONE_DOCTOR_NOT_APPLICABLE, "does not have it"},
    {"arm-board", "clocksource", HONE_DOCTOR_OK, "arch_sys_counter"},
    {"nothing-readable", "affinity", HONE_DOCTOR_NOT_APPLICABLE, "known"},
    {"nothing-readable", "cpu_quota", HONE_DOCTOR_NOT_APPLICABLE, "no such file"},
    {"nothing-readable", "limit_nofile", HONE_DOCTOR_NOT_APPLICABLE, "no such file"},
    {"nothing-readable", "swap", HONE_DOCTOR_NOT_APPLICABLE, "/proc/meminfo"},
    {"nonsense", "realtime", HONE_DOCTOR_NOT_APPLICABLE, "no number"},
    {"nonsense", "cpu_quota", HONE_DOCTOR_NOT_APPLICABLE, "climbs"},
    {"nonsense", "limit_nofile", HONE_DOCTOR_NOT_APPLICABLE, "no readable line"},
};

static void test_doctor(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof expected_checks / sizeof expected_checks[0]; i++) {
        hone_platform platform;
        hone_doctor doctor;
        const hone_doctor_check *found = NULL;
        size_t advice_count = 0;
        detect(expected_checks[i].machine, NULL, &platform);
        assert_int_equal(hone_doctor_examine(&platform, NULL, &doctor), HONE_OK);
        for (size_t k = 0; k < doctor.checks_count; k++) {
            const hone_doctor_check *check = &doctor.checks[k];
            bool is_advice = check->state == HONE_DOCTOR_ADVICE;
            advice_count += is_advice;
            assert_true(check->finding[0] != '\0');
            assert_int_equal(check->cost[0] != '\0', is_advice);
            assert_int_equal(check->remedy[0] != '\0', is_advice);
            found = strcmp(check->name, expected_checks[i].name) == 0 ? check : found;
        }
        assert_int_equal(doctor.advice_count, advice_count);
        assert_non_null(found);
        const char *text = found->state == HONE_DOCTOR_ADVICE ? found->remedy : found->finding;
        if (found->state != expected_checks[i].state || !strstr(text, expected_checks[i].part)) {
            fail_msg("%s: %s is %s: %s / %s", expected_checks[i].machine, expected_checks[i].name,
                     hone_doctor_state_name(found->state), found->finding, found->remedy);
        }
        hone_doctor_deinit(&doctor);
        hone_platform_deinit(&platform);
    }
}

/* Files that are too large, and things that are no files: a reason each, and nobody waits. */
static void test_hostile_files(void **state) {
    (void)state;
    char root[512], path[1024];
    hone_platform platform;
    enum { HUGE_BYTES = 3 << 20 };
    hn_test_make_folder(root, sizeof root);
    char *huge = malloc(HUGE_BYTES + 1);
    assert_non_null(huge);
    memset(huge, '7', HUGE_BYTES);
    huge[HUGE_BYTES] = '\0';
    hn_test_write_file(root, "/proc/meminfo", huge);
    hn_test_write_file(root, "/proc/cpuinfo", huge);
    hn_test_write_file(root, "/proc/self/mountinfo", huge);
    hn_test_write_file(root, "/proc/self/cgroup", "0::/a\n");
    hn_test_write_file(root, "/sys/devices/system/cpu/smt/active", "1");
    free(huge);
    (void)snprintf(path, sizeof path, "%s/sys/devices/system/cpu/online", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    hone_platform_options options = {.root = root};
    assert_int_equal(hone_platform_detect(&options, NULL, &platform), HONE_OK);
    check_well_formed(&platform);
    static const expected_fact expected[] = {
        {"hostile", "memory", "total_bytes", ABSENT, "larger than 65536 bytes"},
        {"hostile", "isa", "level", ABSENT, "larger than 1048576 bytes"},
        {"hostile", "limits", "cgroup_mode", ABSENT, "larger than 1048576 bytes"},
        {"hostile", "cpu", "logical", ABSENT, "not a regular file"},
        {"hostile", "cpu", "smt_active", PRESENT, "yes"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        check_fact(&platform, &expected[i]);
    }
    hone_platform_deinit(&platform);
    hn_test_remove_folder(root);
}

/* In a child without root's rights, because root may read everything. 0: as it should be. */
static int run_without_rights(const char *root) {
    hone_platform platform;
    hone_platform_options options = {.root = root};
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 2;
    }
    if (hone_platform_detect(&options, NULL, &platform) != HONE_OK) {
        return 3;
    }
    bool is_right = platform.limits.memory_total.state == HONE_FACT_FORBIDDEN &&
                    strstr(platform.limits.memory_total.reason, "Permission denied") &&
                    platform.limits.memory_effective.state == HONE_FACT_FORBIDDEN &&
                    platform.transparent_huge_pages.state == HONE_FACT_ABSENT;
    hone_platform_deinit(&platform);
    return is_right ? 0 : 4;
}

static void test_forbidden(void **state) {
    (void)state;
    char root[512], path[1024];
    int result;
    hn_test_make_folder(root, sizeof root);
    assert_int_equal(chmod(root, 0755), 0);
    hn_test_write_file(root, "/proc/meminfo", "MemTotal: 100 kB\n");
    (void)snprintf(path, sizeof path, "%s/proc/meminfo", root);
    assert_int_equal(chmod(path, 0), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(run_without_rights(root));
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    hn_test_remove_folder(root);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void test_bad_root(void **state) {
    (void)state;
    char long_root[2000];
    hone_platform platform;
    hone_limits limits;
    hone_diag diag = {0};
    memset(long_root, 'a', sizeof long_root - 1);
    long_root[sizeof long_root - 1] = '\0';
    const char *const roots[] = {long_root, "/no/such/folder", HONE_SOURCE_DIR "/CMakeLists.txt"};
    for (size_t i = 0; i < 3; i++) {
        hone_platform_options options = {.root = roots[i]};
        assert_int_equal(hone_platform_detect(&options, &diag, &platform),
                         HONE_STATUS_INVALID_ARGUMENT);
        assert_true(diag.message[0] != '\0');
        assert_int_equal(hone_limits_read(roots[i], NULL, &diag, &limits),
                         HONE_STATUS_INVALID_ARGUMENT);
    }
}

/* Whichever allocation fails: OUT_OF_MEMORY, and nothing is kept. */
static void test_failing_allocations(void **state) {
    (void)state;
    char root[1024];
    (void)snprintf(root, sizeof root, "%sserver-two-sockets", MACHINES_FOLDER);
    hone_status status = HONE_STATUS_OUT_OF_MEMORY;
    for (size_t fail_at = 0; status != HONE_OK; fail_at++) {
        test_allocator test;
        hone_platform platform;
        hone_doctor doctor;
        hone_limits limits;
        hn_test_allocator_init(&test, fail_at);
        hone_platform_options options = {.root = root, .allocator = &test.allocator};
        status = hone_platform_detect(&options, NULL, &platform);
        if (status == HONE_OK) {
            hn_test_allocator_init(&test, SIZE_MAX);
            hone_status examined = HONE_STATUS_OUT_OF_MEMORY;
            for (size_t at = 0; examined != HONE_OK; at++) {
                test_allocator again;
                hn_test_allocator_init(&again, at);
                examined = hone_doctor_examine(&platform, &again.allocator, &doctor);
                if (examined == HONE_OK) {
                    hone_doctor_deinit(&doctor);
                }
                assert_int_equal(again.held_bytes, 0);
            }
            hone_platform_deinit(&platform);
        } else {
            assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
            assert_int_equal(test.held_bytes, 0);
        }
        hn_test_allocator_init(&test, fail_at);
        if (hone_limits_read(root, &test.allocator, NULL, &limits) == HONE_OK) {
            hone_limits_deinit(&limits);
        }
        assert_int_equal(test.held_bytes, 0);
        assert_true(fail_at < 100);
    }
}

static void assert_same_number(const hone_fact *a, const hone_fact *b) {
    assert_int_equal(a->state, b->state);
    assert_true(a->state != HONE_FACT_PRESENT || a->value.number == b->value.number);
}

/* hwloc and the own parser must say the same of this machine. */
static void test_hwloc_agrees(void **state) {
    (void)state;
    hone_arena arena;
    hn_machine machine;
    const char *reason = "";
    hn_topology *pair = calloc(2, sizeof *pair);
    assert_non_null(pair);
    hone_arena_init(&arena, NULL, 16 << 20);
    assert_int_equal(hn_machine_init(&machine, NULL, &arena, NULL), HONE_OK);
    bool has_hwloc = hn_topology_from_hwloc(&machine, &pair[0], &reason);
    hn_topology_from_sysfs(&machine, &pair[1]);
    if (has_hwloc) {
        const hn_topology *a = &pair[0], *b = &pair[1];
        assert_same_number(&a->cpus, &b->cpus);
        assert_same_number(&a->cores, &b->cores);
        assert_same_number(&a->sockets, &b->sockets);
        assert_same_number(&a->threads_per_core, &b->threads_per_core);
        assert_memory_equal(&a->online, &b->online, sizeof a->online);
        assert_int_equal(a->caches_count, b->caches_count);
        for (size_t i = 0; i < a->caches_count; i++) {
            assert_memory_equal(&a->caches[i], &b->caches[i], sizeof a->caches[i]);
        }
        assert_int_equal(a->nodes_count, b->nodes_count);
        for (size_t i = 0; i < a->nodes_count; i++) {
            assert_int_equal(a->nodes[i].index, b->nodes[i].index);
            assert_memory_equal(&a->nodes[i].cpus, &b->nodes[i].cpus, sizeof a->nodes[i].cpus);
            assert_same_number(&a->nodes[i].memory_bytes, &b->nodes[i].memory_bytes);
        }
    }
    hn_machine_deinit(&machine);
    hone_arena_deinit(&arena);
    free(pair);
    if (!has_hwloc) {
        skip();
    }
}

/* Machines that hwloc makes up: nodes, and which CPUs they have. */
static void test_hwloc_synthetic(void **state) {
    (void)state;
    static const struct {
        const char *description;
        uint64_t cpus, cores, sockets;
        size_t nodes;
        const char *last_node_cpus;
    } cases[] = {
        {"pack:2 [numa] l3:1 l2:4 l1d:1 core:1 pu:2", 16, 8, 2, 2, "8-15"},
        {"pack:1 [numa] core:4 pu:1", 4, 4, 1, 1, "0-3"},
        {"pack:4 [numa] l3:2 core:3 pu:2", 48, 24, 4, 4, "36-47"},
    };
    hn_topology *topology = calloc(1, sizeof *topology);
    bool has_hwloc = true;
    assert_non_null(topology);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] && has_hwloc; i++) {
        hone_arena arena;
        hn_machine machine;
        const char *reason = "";
        hone_cpu_set last;
        assert_int_equal(hone_cpu_set_parse(hone_text_of(cases[i].last_node_cpus), &last), HONE_OK);
        hone_arena_init(&arena, NULL, 16 << 20);
        assert_int_equal(hn_machine_init(&machine, NULL, &arena, NULL), HONE_OK);
        assert_int_equal(setenv("HWLOC_SYNTHETIC", cases[i].description, 1), 0);
        has_hwloc = hn_topology_from_hwloc(&machine, topology, &reason);
        assert_int_equal(unsetenv("HWLOC_SYNTHETIC"), 0);
        if (has_hwloc) {
            assert_int_equal(topology->cpus.value.number, cases[i].cpus);
            assert_int_equal(topology->cores.value.number, cases[i].cores);
            assert_int_equal(topology->sockets.value.number, cases[i].sockets);
            assert_int_equal(topology->nodes_count, cases[i].nodes);
            assert_memory_equal(&topology->nodes[cases[i].nodes - 1].cpus, &last, sizeof last);
        }
        hn_machine_deinit(&machine);
        hone_arena_deinit(&arena);
    }
    free(topology);
    if (!has_hwloc) {
        skip();
    }
}

/* A value of lscpu, or UINT64_MAX. */
static uint64_t ask_lscpu(const char *key) {
    char line[512];
    uint64_t number = UINT64_MAX;
    FILE *output = popen("LC_ALL=C lscpu 2>/dev/null", "r");
    if (!output) {
        return number;
    }
    while (fgets(line, sizeof line, output)) {
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') {
            number = strtoull(line + strlen(key) + 1, NULL, 10);
        }
    }
    (void)pclose(output);
    return number;
}

static void test_lscpu_agrees(void **state) {
    (void)state;
    hone_platform platform;
    uint64_t cpus = ask_lscpu("CPU(s)");
    if (cpus == UINT64_MAX) {
        skip();
    }
    assert_int_equal(hone_platform_detect(NULL, NULL, &platform), HONE_OK);
    assert_int_equal(hone_cpu_set_count(&platform.online_cpus), cpus);
    const struct {
        const char *key;
        const hone_fact *fact;
    } pairs[] = {{"Thread(s) per core", &platform.threads_per_core},
                 {"Socket(s)", &platform.sockets}};
    for (size_t i = 0; i < 2; i++) {
        uint64_t told = ask_lscpu(pairs[i].key);
        if (told != UINT64_MAX && told != 0 && pairs[i].fact->state == HONE_FACT_PRESENT) {
            assert_int_equal(pairs[i].fact->value.number, told);
        }
    }
    uint64_t nodes = ask_lscpu("NUMA node(s)");
    if (nodes != UINT64_MAX) {
        assert_int_equal(platform.nodes_count, nodes);
    }
    hone_platform_deinit(&platform);
}

/* What this process is allowed binds: after a narrower affinity there is less. */
static void test_live_affinity(void **state) {
    (void)state;
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        hone_limits limits;
        hone_cpu_set mine;
        cpu_set_t one;
        if (hone_cpu_set_affinity(&mine) != HONE_OK) {
            _exit(2);
        }
        CPU_ZERO(&one);
        CPU_SET(hone_cpu_set_next(&mine, 0), &one);
        bool is_bound = sched_setaffinity(0, sizeof one, &one) == 0;
        if (!is_bound || hone_limits_read(NULL, NULL, NULL, &limits) != HONE_OK) {
            _exit(3);
        }
        bool is_right = limits.affinity_cpus.value.number == 1 &&
                        hone_cpu_set_count(&limits.usable_cpus) == 1 &&
                        limits.effective_cpus.value.real <= 1 && hone_limits_threads(&limits) == 1;
        hone_limits_deinit(&limits);
        _exit(is_right ? 0 : 4);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

enum { NO_FILTER = 77 };

/* In a child: takes io_uring away as containers do, then describes the machine. */
static int run_without_io_uring(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 425 /* io_uring_setup */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    hone_platform platform;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        return NO_FILTER;
    }
    if (hone_platform_detect(NULL, NULL, &platform) != HONE_OK) {
        return 2;
    }
    const hone_fact *io_uring = hone_fact_find(&platform.facts, "kernel", "io_uring");
    const hone_fact *memfd = hone_fact_find(&platform.facts, "kernel", "memfd");
    const hone_fact *seccomp = hone_fact_find(&platform.facts, "security", "seccomp");
    bool is_right = io_uring->state == HONE_FACT_FORBIDDEN &&
                    strstr(io_uring->reason, "errno 1)") && memfd->state == HONE_FACT_PRESENT &&
                    strcmp(seccomp->text, "filter") == 0;
    hone_platform_deinit(&platform);
    return is_right ? 0 : 3;
}

static void test_seccomp(void **state) {
    (void)state;
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(run_without_io_uring());
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    if (WEXITSTATUS(result) == NO_FILTER) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(result), 0);
}

/* A call that makes, changes or removes a file ends the process. */
#define DENY_CALL(number)                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

/* In a child: with everything that could change a file denied, detects and examines. */
static int run_read_only(const char *root) {
    const uint32_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        DENY_CALL(SYS_mkdirat),
        DENY_CALL(SYS_unlinkat),
        DENY_CALL(SYS_renameat2),
        DENY_CALL(SYS_symlinkat),
        DENY_CALL(SYS_linkat),
        DENY_CALL(SYS_fchmodat),
        DENY_CALL(SYS_fchownat),
        DENY_CALL(SYS_truncate),
        DENY_CALL(SYS_mknodat),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, writing, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    hone_platform platform;
    hone_doctor doctor;
    hone_platform_options options = {.root = root};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        return NO_FILTER;
    }
    if (!root[0]) { /* the filter itself is put to the test */
        (void)open("/tmp/hone-must-not-be-made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        return 4;
    }
    if (hone_platform_detect(&options, NULL, &platform) != HONE_OK ||
        hone_doctor_examine(&platform, NULL, &doctor) != HONE_OK) {
        return 2;
    }
    hone_doctor_deinit(&doctor);
    hone_platform_deinit(&platform);
    return 0;
}

static int status_of_child(const char *root) {
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(run_read_only(root));
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    return result;
}

static void test_nothing_is_changed(void **state) {
    (void)state;
    int result = status_of_child("");
    if (WIFEXITED(result) && WEXITSTATUS(result) == NO_FILTER) {
        skip();
    }
    assert_true(WIFSIGNALED(result)); /* the filter does see an open for writing */
    assert_int_equal(access("/tmp/hone-must-not-be-made", F_OK), -1);
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        char root[512];
        (void)snprintf(root, sizeof root, MACHINES_FOLDER "%s", machines[i]);
        result = status_of_child(root);
        assert_true(WIFEXITED(result));
        assert_int_equal(WEXITSTATUS(result), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faked_machines),
        cmocka_unit_test(test_well_formed),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_hostile_files),
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_bad_root),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_hwloc_agrees),
        cmocka_unit_test(test_hwloc_synthetic),
        cmocka_unit_test(test_lscpu_agrees),
        cmocka_unit_test(test_live_affinity),
        cmocka_unit_test(test_seccomp),
        cmocka_unit_test(test_nothing_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
