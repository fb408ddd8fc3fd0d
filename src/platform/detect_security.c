/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group security: control-flow protection and memory tagging, by hardware and by kernel, and what
 * the kernel does about the CPU's known weaknesses. Source: Linux Documentation/arch/x86/shstk.rst,
 * arch/arm64/memory-tagging-extension.rst, ABI/testing/sysfs-devices-system-cpu.
 */
#include <string.h>

#include "detect_internal.h"
#include "procfs_internal.h"

enum { WEAKNESSES_MAX = 64 };

#define WEAKNESS_FOLDER "/sys/devices/system/cpu/vulnerabilities"

static hone_fact shadow_stack_fact(const hn_cpu *cpu) {
    if (cpu->is_shadow_stack_offered) {
        return hn_fact_flag(true, "the CPU has it and the kernel offers it (user_shstk)");
    }
    return hn_fact_absent(cpu->has_shadow_stack
                              ? "the CPU has it, but this kernel does not offer it to programs "
                                "(Linux 6.6 with X86_USER_SHADOW_STACK does)"
                              : "this CPU does not have it");
}

/* Whether this very process runs with a shadow stack. */
static hone_fact active_fact(hn_machine *machine) {
    hone_text features;
    hn_content content = hn_machine_read(machine, "/proc/self/status");
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    if (!hn_find_field(content.text, "x86_Thread_features", &features)) {
        return hn_fact_absent("/proc/self/status has no x86_Thread_features");
    }
    return hn_fact_flag(hn_has_word(features, "shstk"), "/proc/self/status");
}

static void detect_control_flow(hn_detection *detection, bool is_arm) {
    const hn_cpu *cpu = &detection->cpu;
    hone_fact not_x86 = hn_fact_absent("a feature of x86 CPUs");
    hone_fact not_arm = hn_fact_absent("a feature of ARM CPUs");
    hone_fact lacking = cpu->is_known ? hn_fact_absent("this CPU or this kernel does not have it")
                                      : detection->cpu_unknown;
    hone_fact yes = hn_fact_flag(true, "");
    hn_detection_add(detection, "security", "cet_shadow_stack", "",
                     is_arm          ? not_x86
                     : cpu->is_known ? shadow_stack_fact(cpu)
                                     : lacking);
    hn_detection_add(detection, "security", "cet_shadow_stack_active", "",
                     is_arm ? not_x86 : active_fact(&detection->machine));
    hn_detection_add(detection, "security", "cet_branch_tracking", "",
                     is_arm ? not_x86
                     : cpu->has_branch_tracking
                         ? hn_fact_flag(true, "the CPU has it; Linux uses it for the kernel only")
                         : lacking);
    hn_detection_add(detection, "security", "bti", "",
                     !is_arm        ? not_arm
                     : cpu->has_bti ? yes
                                    : lacking);
    hn_detection_add(detection, "security", "pac", "",
                     !is_arm        ? not_arm
                     : cpu->has_pac ? yes
                                    : lacking);
    hn_detection_add(detection, "security", "mte", "",
                     !is_arm        ? not_arm
                     : cpu->has_mte ? yes
                                    : lacking);
}

static hone_fact seccomp_fact(hn_machine *machine) {
    static const char *const modes[] = {"off", "strict", "filter"};
    hone_text value;
    uint64_t mode;
    hn_content content = hn_machine_read(machine, "/proc/self/status");
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    if (!hn_find_field(content.text, "Seccomp", &value)) {
        return hn_fact_absent("/proc/self/status has no line 'Seccomp'");
    }
    if (!hn_parse_number(value, &mode) || mode > 2) {
        return hn_fact_garbage(machine, "/proc/self/status", value, "a seccomp mode");
    }
    return hn_fact_text(machine, hone_text_of(modes[mode]), "");
}

void hn_detect_security(hn_detection *detection) {
    hn_machine *machine = &detection->machine;
    const hone_fact *architecture = &detection->platform->architecture;
    bool is_arm =
        architecture->state == HONE_FACT_PRESENT && strcmp(architecture->text, "aarch64") == 0;
    detect_control_flow(detection, is_arm);
    hn_detection_add(detection, "security", "seccomp", "", seccomp_fact(machine));
    hn_names names = hn_machine_list(machine, WEAKNESSES_MAX, WEAKNESS_FOLDER);
    for (size_t i = 0; i < names.count; i++) {
        hn_detection_add(
            detection, "security", hn_detection_name(detection, "mitigation_%s", names.names[i]),
            "",
            hn_fact_read_text(machine,
                              hn_machine_format(machine, WEAKNESS_FOLDER "/%s", names.names[i])));
    }
    if (names.count == 0) {
        hn_detection_add(detection, "security", "mitigations", "",
                         names.state == HONE_FACT_PRESENT
                             ? hn_fact_absent("the kernel lists no weakness of this CPU")
                             : hn_fact_missing(names.state, names.reason));
    }
}
