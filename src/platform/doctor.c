/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a check; each ends in exactly one verdict: ok, advice or n/a. Thresholds are stated
 * where they are used. Nothing here is changed or tried: that is the caller's and the person's.
 */
#include "hone/platform/doctor.h"

#include <string.h>

#include "machine_internal.h"
#include "procfs_internal.h"

enum { ARENA_BYTES_MAX = 1 << 20, CHECKS_MAX = 32, SWAPPINESS_MAX = 10 };

/* Numbers of linux/capability.h. */
enum { CAPABILITY_IPC_LOCK = 14, CAPABILITY_SYS_ADMIN = 21, CAPABILITY_SYS_NICE = 23 };
enum { CAPABILITY_PERFMON = 38 };

typedef struct examination {
    const hone_platform *platform;
    hn_machine machine;
    hone_doctor *doctor;
} examination;

static void add(examination *exam, hone_doctor_check check) {
    hone_doctor *doctor = exam->doctor;
    if (doctor->checks_count < CHECKS_MAX) {
        doctor->checks[doctor->checks_count++] = check;
        doctor->advice_count += check.state == HONE_DOCTOR_ADVICE;
    }
}

static void say_ok(examination *exam, const char *name, const char *title, const char *finding) {
    add(exam, (hone_doctor_check){name, title, HONE_DOCTOR_OK, finding, "", ""});
}

static void say_na(examination *exam, const char *name, const char *title, const char *reason) {
    add(exam, (hone_doctor_check){name, title, HONE_DOCTOR_NOT_APPLICABLE, reason, "", ""});
}

static void advise(examination *exam, const char *name, const char *title, const char *finding,
                   const char *cost, const char *remedy) {
    add(exam, (hone_doctor_check){name, title, HONE_DOCTOR_ADVICE, finding, cost, remedy});
}

static const hone_fact *find(const examination *exam, const char *group, const char *name) {
    static const hone_fact none = {
        .state = HONE_FACT_ABSENT, .text = "", .reason = "not part of the description"};
    const hone_fact *fact = hone_fact_find(&exam->platform->facts, group, name);
    return fact ? fact : &none;
}

static bool has_capability(examination *exam, int number) {
    uint64_t mask;
    hn_content status = hn_machine_read(&exam->machine, "/proc/self/status");
    return status.state == HONE_FACT_PRESENT && hn_find_hex(status.text, "CapEff", &mask) &&
           (mask >> number & 1);
}

static void check_affinity(examination *exam) {
    const char *name = "affinity", *title = "CPUs this process may use";
    const hone_platform *platform = exam->platform;
    uint32_t online = hone_cpu_set_count(&platform->online_cpus);
    uint32_t usable = hone_cpu_set_count(&platform->limits.usable_cpus);
    char list[128];
    if (usable == 0 || online == 0) {
        say_na(exam, name, title,
               usable ? platform->cpus.reason : platform->limits.effective_cpus.reason);
        return;
    }
    (void)hone_cpu_set_format(&platform->limits.usable_cpus, list, sizeof list);
    const char *finding =
        hn_machine_format(&exam->machine, "%u of %u online CPUs (%s)", usable, online, list);
    if (usable >= online) {
        say_ok(exam, name, title, finding);
        return;
    }
    (void)hone_cpu_set_format(&platform->online_cpus, list, sizeof list);
    advise(exam, name, title, finding, "the other CPUs stay idle for this process",
           hn_machine_format(&exam->machine,
                             "taskset -c %s hone ... (and widen the cpuset where one is set)",
                             list));
}

static void check_quota(examination *exam) {
    const char *name = "cpu_quota", *title = "CPU quota";
    const hone_fact *quota = &exam->platform->limits.quota_cpus;
    uint32_t usable = hone_cpu_set_count(&exam->platform->limits.usable_cpus);
    if (quota->state != HONE_FACT_PRESENT) {
        bool is_none = exam->platform->limits.is_without_quota;
        (is_none ? say_ok : say_na)(exam, name, title, quota->reason);
        return;
    }
    const char *finding =
        hn_machine_format(&exam->machine, "%s CPUs by %.300s", quota->text, quota->reason);
    if (quota->value.real >= usable) {
        say_ok(exam, name, title, finding);
        return;
    }
    advise(exam, name, title, finding,
           "once the quota of a period (mostly 100 ms) is used up, every thread stands still until "
           "the next one",
           "docker update --cpus N CONTAINER, or systemctl set-property UNIT CPUQuota=N00%");
}

static void check_governor(examination *exam) {
    const char *name = "governor", *title = "CPU frequency governor";
    const hone_platform *platform = exam->platform;
    const hone_fact *first = find(exam, "power", "governor");
    const char *other = NULL;
    if (first->state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, first->reason);
        return;
    }
    for (uint32_t cpu = hone_cpu_set_next(&platform->online_cpus, 0); cpu < HONE_CPUS_MAX && !other;
         cpu = hone_cpu_set_next(&platform->online_cpus, cpu + 1)) {
        hn_content governor = hn_machine_read(
            &exam->machine, "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", cpu);
        if (governor.state == HONE_FACT_PRESENT && !hone_text_is(governor.text, "performance")) {
            hone_text shown = {governor.text.data,
                               governor.text.size < 40 ? governor.text.size : 40};
            other = hn_machine_format(&exam->machine, "%.*s (CPU %u)", HONE_TEXT_ARGS(shown), cpu);
        }
    }
    if (!other) {
        say_ok(exam, name, title, first->text);
    } else if (platform->is_on_battery.state == HONE_FACT_PRESENT &&
               platform->is_on_battery.value.flag) {
        say_ok(exam, name, title,
               hn_machine_format(&exam->machine, "%s, which is right on battery", other));
    } else {
        advise(exam, name, title, other,
               "the clock rises only some ms after the load: short bursts run slow, and "
               "measurements scatter",
               "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor");
    }
}

static void check_throttling(examination *exam) {
    const char *name = "throttling", *title = "Thermal throttling";
    const hone_fact *count = find(exam, "power", "throttle_count");
    if (count->state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, count->reason);
    } else if (count->value.number == 0) {
        say_ok(exam, name, title, "never since the machine started");
    } else {
        advise(exam, name, title,
               hn_machine_format(&exam->machine, "%s times since the machine started", count->text),
               "a hot CPU lowers its clock on its own",
               "clean or improve the cooling; watch cat "
               "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count");
    }
}

static void check_transparent(examination *exam) {
    const char *name = "transparent_huge_pages", *title = "Transparent huge pages";
    const char *remedy = "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled";
    const hone_fact *mode = &exam->platform->transparent_huge_pages;
    if (mode->state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, mode->reason);
    } else if (strcmp(mode->text, "madvise") == 0) {
        say_ok(exam, name, title, mode->text);
    } else if (strcmp(mode->text, "always") == 0) {
        advise(exam, name, title, mode->text,
               "any first touch may clear 2 MiB, which takes about a millisecond, and memory use "
               "grows",
               remedy);
    } else {
        advise(exam, name, title, mode->text, "large arenas must do with 4 KiB pages", remedy);
    }
}

static void check_huge_pages(examination *exam) {
    const char *name = "huge_pages", *title = "Reserved huge pages";
    const hone_platform *platform = exam->platform;
    const hone_fact *mode = &platform->transparent_huge_pages;
    if (platform->huge_pages_count == 0) {
        say_na(exam, name, title, find(exam, "huge_pages", "sizes")->reason);
        return;
    }
    for (size_t i = 0; i < platform->huge_pages_count; i++) {
        const hone_huge_page *page = &platform->huge_pages[i];
        if (page->total.state == HONE_FACT_PRESENT && page->total.value.number > 0) {
            say_ok(exam, name, title,
                   hn_machine_format(&exam->machine, "%s of %llu KiB, %s free", page->total.text,
                                     (unsigned long long)(page->size_bytes / 1024),
                                     page->free.state == HONE_FACT_PRESENT ? page->free.text
                                                                           : "unknown"));
            return;
        }
    }
    if (mode->state == HONE_FACT_PRESENT && strcmp(mode->text, "never") != 0) {
        say_ok(exam, name, title, "none; transparent ones serve where memory is not fragmented");
        return;
    }
    advise(exam, name, title, "none, and transparent ones are off",
           "random access over large arenas misses the TLB",
           "sudo sysctl vm.nr_hugepages=128   # 256 MiB in pages of 2 MiB");
}

/* A resource limit at or above `enough` is fine. */
typedef struct limit_rule {
    const char *name, *title, *line; /* `line` of /proc/self/limits */
    uint64_t enough;
    int capability; /* that makes the limit moot; -1: none */
    const char *cost, *remedy;
} limit_rule;

static const limit_rule limit_rules[] = {
    {"limit_memlock", "Limit on locked memory", "Max locked memory", 64u << 20, CAPABILITY_IPC_LOCK,
     "registered I/O buffers and memory locked for real-time work fail beyond it",
     "ulimit -l unlimited (or LimitMEMLOCK=infinity in the systemd unit)"},
    {"limit_nofile", "Limit on open files", "Max open files", 4096, -1,
     "channels, sockets and files together may reach it",
     "ulimit -n 65536 (or LimitNOFILE=65536 in the systemd unit)"},
    {"limit_rtprio", "Limit on real-time priority", "Max realtime priority", 1, CAPABILITY_SYS_NICE,
     "no thread of this user can run with real-time priority",
     "echo \"$USER - rtprio 50\" | sudo tee /etc/security/limits.d/hone.conf   # then log in "
     "again"},
};

static void check_limit(examination *exam, const limit_rule *rule) {
    uint64_t soft;
    hn_content limits = hn_machine_read(&exam->machine, "/proc/self/limits");
    if (limits.state != HONE_FACT_PRESENT) {
        say_na(exam, rule->name, rule->title, limits.reason);
        return;
    }
    if (!hn_find_resource_limit(limits.text, rule->line, &soft)) {
        say_na(exam, rule->name, rule->title,
               hn_machine_format(&exam->machine, "/proc/self/limits has no readable line '%s'",
                                 rule->line));
        return;
    }
    const char *finding = soft == UINT64_MAX
                              ? "unlimited"
                              : hn_machine_format(&exam->machine, "%llu", (unsigned long long)soft);
    if (soft >= rule->enough) {
        say_ok(exam, rule->name, rule->title, finding);
    } else if (rule->capability >= 0 && has_capability(exam, rule->capability)) {
        say_ok(exam, rule->name, rule->title,
               hn_machine_format(&exam->machine, "%s, which a capability of this process overrides",
                                 finding));
    } else {
        advise(exam, rule->name, rule->title, finding, rule->cost, rule->remedy);
    }
}

/* A handler that the kernel pipes cores to gets them whatever the limit is. */
static void check_core(examination *exam) {
    const char *name = "limit_core", *title = "Core dumps";
    uint64_t soft;
    hn_content pattern = hn_machine_read(&exam->machine, "/proc/sys/kernel/core_pattern");
    if (pattern.state == HONE_FACT_PRESENT && pattern.text.size && pattern.text.data[0] == '|') {
        say_ok(exam, name, title, "the kernel pipes them to a handler");
        return;
    }
    hn_content limits = hn_machine_read(&exam->machine, "/proc/self/limits");
    if (limits.state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, limits.reason);
    } else if (!hn_find_resource_limit(limits.text, "Max core file size", &soft)) {
        say_na(exam, name, title, "/proc/self/limits has no readable line 'Max core file size'");
    } else if (soft > 0) {
        say_ok(exam, name, title,
               soft == UINT64_MAX ? "of any size"
                                  : hn_machine_format(&exam->machine, "of up to %llu bytes",
                                                      (unsigned long long)soft));
    } else {
        advise(exam, name, title, "switched off", "a crash leaves nothing to look at",
               "ulimit -c unlimited (or LimitCORE=infinity in the systemd unit)");
    }
}

static void check_deadline(examination *exam) {
    const char *name = "sched_deadline", *title = "Deadline scheduling";
    hn_content period =
        hn_machine_read(&exam->machine, "/proc/sys/kernel/sched_deadline_period_max_us");
    if (period.state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, period.reason);
    } else if (has_capability(exam, CAPABILITY_SYS_NICE)) {
        say_ok(exam, name, title, "this process may ask for it (CAP_SYS_NICE)");
    } else {
        advise(exam, name, title, "this process may not ask for it",
               "no thread can be given a guaranteed share of each period (SCHED_DEADLINE)",
               "sudo setcap cap_sys_nice+ep \"$(command -v hone)\"");
    }
}

static void check_realtime(examination *exam) {
    const char *name = "realtime", *title = "Real-time scheduling";
    const char *remedy = "sudo sysctl kernel.sched_rt_runtime_us=950000";
    int64_t runtime_us;
    hn_content preempt = hn_machine_read(&exam->machine, "/sys/kernel/realtime");
    bool is_rt_kernel = preempt.state == HONE_FACT_PRESENT && hone_text_is(preempt.text, "1");
    hn_content runtime = hn_machine_read(&exam->machine, "/proc/sys/kernel/sched_rt_runtime_us");
    if (runtime.state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, runtime.reason);
    } else if (!hn_parse_signed(runtime.text, &runtime_us)) {
        say_na(exam, name, title, "/proc/sys/kernel/sched_rt_runtime_us is no number");
    } else if (runtime_us == 0) {
        advise(exam, name, title, "the kernel gives real-time threads no time at all",
               "SCHED_FIFO and SCHED_RR are refused", remedy);
    } else {
        say_ok(exam, name, title,
               hn_machine_format(&exam->machine, "%s; %s",
                                 runtime_us < 0
                                     ? "real-time threads may take a CPU for ever"
                                     : "the kernel keeps a share of each second for the others",
                                 is_rt_kernel ? "a PREEMPT_RT kernel" : "not a PREEMPT_RT kernel"));
    }
}

static void check_perf(examination *exam) {
    const char *name = "perf_event_paranoid", *title = "Performance counters for users";
    int64_t level;
    hn_content content = hn_machine_read(&exam->machine, "/proc/sys/kernel/perf_event_paranoid");
    if (content.state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, content.reason);
        return;
    }
    if (!hn_parse_signed(content.text, &level)) {
        say_na(exam, name, title, "/proc/sys/kernel/perf_event_paranoid is no number");
        return;
    }
    const char *finding = hn_machine_format(&exam->machine, "level %lld", (long long)level);
    if (level <= 2) { /* a program may count itself, without the kernel's part */
        say_ok(exam, name, title, finding);
    } else if (has_capability(exam, CAPABILITY_PERFMON) ||
               has_capability(exam, CAPABILITY_SYS_ADMIN)) {
        say_ok(exam, name, title,
               hn_machine_format(&exam->machine, "%s, which a capability of this process overrides",
                                 finding));
    } else {
        advise(exam, name, title, finding, "hone bench and profile have no hardware counters",
               "sudo sysctl kernel.perf_event_paranoid=2");
    }
}

static void check_numa_balancing(examination *exam) {
    const char *name = "numa_balancing", *title = "Automatic NUMA balancing";
    uint64_t mode;
    if (exam->platform->nodes_count <= 1) {
        say_na(exam, name, title,
               exam->platform->nodes_count ? "one memory node"
                                           : find(exam, "numa", "nodes")->reason);
        return;
    }
    hn_content content = hn_machine_read(&exam->machine, "/proc/sys/kernel/numa_balancing");
    if (content.state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, content.reason);
    } else if (!hn_parse_number(content.text, &mode)) {
        say_na(exam, name, title, "/proc/sys/kernel/numa_balancing is no number");
    } else if (mode == 0) {
        say_ok(exam, name, title, "off");
    } else {
        advise(exam, name, title, "on",
               "the kernel unmaps pages to see who uses them: extra page faults in programs that "
               "place their memory themselves",
               "sudo sysctl kernel.numa_balancing=0");
    }
}

static void check_swap(examination *exam) {
    const char *name = "swap", *title = "Swapping";
    const hone_fact *total = find(exam, "memory", "swap_total_bytes");
    const hone_fact *unused = find(exam, "memory", "swap_free_bytes");
    if (total->state != HONE_FACT_PRESENT || unused->state != HONE_FACT_PRESENT) {
        say_na(exam, name, title,
               total->state != HONE_FACT_PRESENT ? total->reason : unused->reason);
    } else if (total->value.number == 0) {
        say_ok(exam, name, title, "there is no swap space");
    } else if (unused->value.number >= total->value.number) {
        say_ok(exam, name, title, "there is swap space, and none of it is in use");
    } else {
        advise(exam, name, title,
               hn_machine_format(&exam->machine, "%llu MiB are swapped out",
                                 (unsigned long long)(total->value.number - unused->value.number) >>
                                     20),
               "a touched page that was swapped out costs a disk access (0.1 to 10 ms)",
               "sudo sysctl vm.swappiness=10; free memory, then sudo swapoff -a && sudo swapon -a");
    }
}

static void check_swappiness(examination *exam) {
    const char *name = "swappiness", *title = "Swapping out of idle pages";
    const hone_fact *total = find(exam, "memory", "swap_total_bytes");
    hone_fact level = hn_fact_read_number(&exam->machine, 200, "/proc/sys/vm/swappiness");
    if (level.state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, level.reason);
        return;
    }
    const char *finding = hn_machine_format(&exam->machine, "vm.swappiness is %s", level.text);
    if (total->state == HONE_FACT_PRESENT && total->value.number == 0) {
        say_ok(exam, name, title,
               hn_machine_format(&exam->machine, "%s, and there is no swap space", finding));
    } else if (level.value.number <= SWAPPINESS_MAX) {
        say_ok(exam, name, title, finding);
    } else {
        advise(exam, name, title, finding,
               "memory that is idle for a while is swapped out to keep files in memory; touching "
               "it again costs a disk access",
               "sudo sysctl vm.swappiness=10   # and in /etc/sysctl.d/ to keep it");
    }
}

static void check_mitigations(examination *exam) {
    const char *name = "mitigations", *title = "Weaknesses of the CPU";
    char open[512] = "";
    size_t seen_count = 0, open_count = 0, used = 0;
    const char *prefix = "mitigation_";
    const hone_fact_list *facts = &exam->platform->facts;
    for (size_t i = 0; i < facts->count; i++) {
        const hone_fact_entry *entry = &facts->entries[i];
        if (strcmp(entry->group, "security") != 0 ||
            strncmp(entry->name, prefix, strlen(prefix)) != 0 ||
            entry->fact.state != HONE_FACT_PRESENT) {
            continue;
        }
        seen_count++;
        size_t size = strlen(entry->name + strlen(prefix));
        if (strncmp(entry->fact.text, "Vulnerable", 10) == 0 && used + size + 3 < sizeof open) {
            memcpy(open + used, open_count ? ", " : "", open_count ? 2 : 0);
            used += open_count ? 2 : 0;
            memcpy(open + used, entry->name + strlen(prefix), size + 1);
            used += size;
            open_count++;
        }
    }
    if (seen_count == 0) {
        say_na(exam, name, title, find(exam, "security", "mitigations")->reason);
    } else if (open_count == 0) {
        say_ok(exam, name, title, "none is open");
    } else {
        advise(exam, name, title, hn_machine_format(&exam->machine, "open: %s", open),
               "code of others on this machine may read memory it should not; the mitigations "
               "themselves cost time in system calls",
               "sudo apt-get update && sudo apt-get upgrade, then reboot; grep mitigations= "
               "/proc/cmdline shows whether they were switched off");
    }
}

/* Whether this library was compiled with the marks that the CPU's checks need. */
#if defined(__CET__) && (__CET__ & 2)
static const bool has_shadow_stack_marks = true;
#else
static const bool has_shadow_stack_marks = false;
#endif
#if defined(__ARM_FEATURE_BTI_DEFAULT)
static const bool has_bti_marks = true;
#else
static const bool has_bti_marks = false;
#endif

static void check_shadow_stack(examination *exam) {
    const char *name = "cet", *title = "Control-flow protection (CET)";
    const hone_fact *offered = find(exam, "security", "cet_shadow_stack");
    const hone_fact *active = find(exam, "security", "cet_shadow_stack_active");
    if (offered->state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, offered->reason);
    } else if (active->state == HONE_FACT_PRESENT && active->value.flag) {
        say_ok(exam, name, title, "this process runs with a shadow stack");
    } else {
        advise(exam, name, title, "offered by CPU and kernel, not used by this process",
               "an overwritten return address is not caught",
               has_shadow_stack_marks
                   ? "GLIBC_TUNABLES=glibc.cpu.x86_shstk=on hone ...   # glibc 2.39 or later"
                   : "cmake -DHONE_HARDENING=ON ..., and start with "
                     "GLIBC_TUNABLES=glibc.cpu.x86_shstk=on (glibc 2.39 or later)");
    }
}

static void check_arm_feature(examination *exam, const char *name, const char *title,
                              const char *fact_name) {
    const hone_fact *fact = find(exam, "security", fact_name);
    bool is_marked = strcmp(name, "bti") != 0 || has_bti_marks;
    if (fact->state == HONE_FACT_PRESENT) {
        say_ok(exam, name, title,
               is_marked ? "offered by CPU and kernel"
                         : "offered by CPU and kernel; this build is not marked for it");
    } else {
        say_na(exam, name, title, fact->reason);
    }
}

static void check_atomics(examination *exam) {
    const char *name = "lock_free_atomics", *title = "Lock-free atomics";
    bool is_free8 = __atomic_always_lock_free(8, 0), is_free16 = __atomic_always_lock_free(16, 0);
    if (is_free8) {
        say_ok(exam, name, title,
               is_free16 ? "8 and 16 bytes, in this build"
                         : "8 bytes, in this build (16 are not needed)");
    } else {
        advise(exam, name, title, "not even 8 bytes, in this build",
               "rings and deques take locks inside the compiler's library",
               "build for a 64-bit target, or with -march=native");
    }
}

static void check_clocksource(examination *exam) {
    const char *name = "clocksource", *title = "Clock source";
    static const char *const fast[] = {"tsc", "kvm-clock", "arch_sys_counter",
                                       "hyperv_clocksource_tsc_page"};
    const hone_fact *source = find(exam, "clock", "source");
    const hone_fact *available = find(exam, "clock", "available");
    if (source->state != HONE_FACT_PRESENT) {
        say_na(exam, name, title, source->reason);
        return;
    }
    for (size_t i = 0; i < sizeof fast / sizeof fast[0]; i++) {
        if (strcmp(source->text, fast[i]) == 0) {
            say_ok(exam, name, title, source->text);
            return;
        }
    }
    bool has_tsc = hn_has_word(hone_text_of(available->text), "tsc");
    advise(exam, name, title, source->text,
           "each reading of the clock is a system call (about 1 us instead of 0.03)",
           has_tsc ? "echo tsc | sudo tee "
                     "/sys/devices/system/clocksource/clocksource0/current_clocksource"
                   : "start the kernel with tsc=reliable if the machine's counters are in step");
}

static void check_io_uring(examination *exam) {
    const char *name = "io_uring", *title = "io_uring";
    const char *cost = "file and socket I/O goes through a pool of threads instead";
    const hone_fact *tried = find(exam, "kernel", "io_uring");
    const hone_fact *disabled = find(exam, "kernel", "io_uring_disabled");
    bool is_switched_off = disabled->state == HONE_FACT_PRESENT && strcmp(disabled->text, "0") != 0;
    if (tried->state == HONE_FACT_PRESENT) {
        say_ok(exam, name, title, "allowed");
    } else if (is_switched_off) {
        advise(
            exam, name, title,
            hn_machine_format(&exam->machine, "kernel.io_uring_disabled is %.40s", disabled->text),
            cost, "sudo sysctl kernel.io_uring_disabled=0");
    } else if (tried->state == HONE_FACT_FORBIDDEN) {
        advise(exam, name, title, tried->reason, cost,
               "allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile "
               "(docker run --security-opt seccomp=PROFILE.json)");
    } else {
        say_na(exam, name, title, tried->reason);
    }
}

static void examine_all(examination *exam) {
    check_affinity(exam);
    check_quota(exam);
    check_governor(exam);
    check_throttling(exam);
    check_transparent(exam);
    check_huge_pages(exam);
    for (size_t i = 0; i < sizeof limit_rules / sizeof limit_rules[0]; i++) {
        check_limit(exam, &limit_rules[i]);
    }
    check_core(exam);
    check_realtime(exam);
    check_deadline(exam);
    check_perf(exam);
    check_numa_balancing(exam);
    check_swap(exam);
    check_swappiness(exam);
    check_mitigations(exam);
    check_shadow_stack(exam);
    check_arm_feature(exam, "bti", "Branch target identification (BTI)", "bti");
    check_arm_feature(exam, "mte", "Memory tagging (MTE)", "mte");
    check_atomics(exam);
    check_clocksource(exam);
    check_io_uring(exam);
}

const char *hone_doctor_state_name(hone_doctor_state state) {
    switch (state) {
    case HONE_DOCTOR_OK: return "ok";
    case HONE_DOCTOR_ADVICE: return "advice";
    case HONE_DOCTOR_NOT_APPLICABLE: return "n/a";
    }
    return "unknown";
}

hone_status hone_doctor_examine(const hone_platform *platform, const hone_allocator *allocator,
                                hone_doctor *out_doctor) {
    hone_doctor doctor = {0};
    examination exam = {.platform = platform, .doctor = &doctor};
    hone_arena_init(&doctor.arena, allocator, ARENA_BYTES_MAX);
    doctor.checks = HONE_ARENA_NEW_ARRAY(&doctor.arena, hone_doctor_check, CHECKS_MAX);
    if (!doctor.checks) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_status status = hn_machine_init(&exam.machine, platform->root, &doctor.arena, NULL);
    if (status == HONE_OK) {
        examine_all(&exam);
        status = exam.machine.status;
        hn_machine_deinit(&exam.machine);
    }
    if (status != HONE_OK) {
        hone_arena_deinit(&doctor.arena);
        return status;
    }
    *out_doctor = doctor;
    return HONE_OK;
}

void hone_doctor_deinit(hone_doctor *doctor) {
    hone_arena_deinit(&doctor->arena);
}
