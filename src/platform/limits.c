/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tightest bound wins, whoever set it: each kind of limit is looked for at every level from the
 * process's own control group up to the mount. A file that is there but says nonsense is reported
 * in the reason and does not bind.
 */
#include "hone/platform/limits.h"

#include <math.h>
#include <string.h>

#include "cgroup_internal.h"
#include "limits_internal.h"
#include "procfs_internal.h"

enum { ARENA_BYTES_MAX = 1 << 20, LEVELS_MAX = 128 };

/* v1 writes "no limit" as the largest multiple of a page in a signed 64-bit number. */
#define NO_LIMIT_BYTES ((uint64_t)1 << 62)

static hone_fact read_affinity(hn_machine *machine, hone_cpu_set *out_set) {
    hone_text list;
    if (hn_machine_is_live(machine)) {
        hone_status status = hone_cpu_set_affinity(out_set);
        if (status != HONE_OK) {
            return hn_fact_missing(status == HONE_STATUS_FORBIDDEN ? HONE_FACT_FORBIDDEN
                                                                   : HONE_FACT_ABSENT,
                                   "sched_getaffinity failed");
        }
        return hn_fact_number(machine, hone_cpu_set_count(out_set), "sched_getaffinity");
    }
    hn_content content = hn_machine_read(machine, "/proc/self/status");
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    if (!hn_find_field(content.text, "Cpus_allowed_list", &list)) {
        return hn_fact_absent("/proc/self/status has no Cpus_allowed_list");
    }
    if (hone_cpu_set_parse(list, out_set) != HONE_OK || hone_cpu_set_count(out_set) == 0) {
        return hn_fact_garbage(machine, "/proc/self/status", list, "a list of CPUs");
    }
    return hn_fact_number(machine, hone_cpu_set_count(out_set), "/proc/self/status");
}

/* The set that binds: the nearest level that has one (children are subsets of their parents). */
static hone_fact read_cpuset(hn_machine *machine, hone_cpu_set *out_set) {
    static const char *const files[3][2] = {
        {NULL, NULL},
        {"cpuset.effective_cpus", "cpuset.cpus"},
        {"cpuset.cpus.effective", "cpuset.cpus"},
    };
    hn_cgroup group;
    hn_cgroup_locate(machine, "cpuset", &group);
    if (group.version == 0) {
        return hn_fact_missing(group.state, group.reason);
    }
    const char *garbage = NULL;
    int levels = 0;
    do {
        for (int i = 0; i < 2; i++) {
            const char *file = files[group.version][i];
            hn_content content = hn_cgroup_read(machine, &group, file);
            if (content.state != HONE_FACT_PRESENT || content.text.size == 0) {
                continue;
            }
            if (hone_cpu_set_parse(content.text, out_set) == HONE_OK) {
                return hn_fact_number(
                    machine, hone_cpu_set_count(out_set),
                    hn_machine_format(machine, "%.300s/%s", group.directory, file));
            }
            garbage = hn_fact_garbage(machine, file, content.text, "a list of CPUs").reason;
        }
    } while (++levels < LEVELS_MAX && hn_cgroup_ascend(&group));
    return hn_fact_absent(garbage ? garbage : "no control group of this process names CPUs");
}

/* The quota of one level in CPUs: INFINITY when it sets none. False: not told, *garbage says why
 * when there was something. */
static bool read_quota(hn_machine *machine, const hn_cgroup *group, double *out_cpus,
                       const char **garbage) {
    if (group->version == 2) {
        hn_content content = hn_cgroup_read(machine, group, "cpu.max");
        if (content.state != HONE_FACT_PRESENT) {
            return false;
        }
        if (hn_parse_cpu_max(content.text, out_cpus)) {
            return true;
        }
        *garbage =
            hn_fact_garbage(machine, "cpu.max", content.text, "'QUOTA PERIOD' or 'max PERIOD'")
                .reason;
        return false;
    }
    int64_t quota_us, period_us;
    hn_content content = hn_cgroup_read(machine, group, "cpu.cfs_quota_us");
    if (content.state != HONE_FACT_PRESENT) {
        return false;
    }
    if (!hn_parse_signed(content.text, &quota_us) || quota_us == 0) {
        *garbage =
            hn_fact_garbage(machine, "cpu.cfs_quota_us", content.text, "microseconds or -1").reason;
        return false;
    }
    if (quota_us < 0) {
        *out_cpus = INFINITY;
        return true;
    }
    content = hn_cgroup_read(machine, group, "cpu.cfs_period_us");
    if (content.state != HONE_FACT_PRESENT || !hn_parse_signed(content.text, &period_us) ||
        period_us <= 0) {
        *garbage =
            hn_fact_garbage(machine, "cpu.cfs_period_us", content.text, "microseconds").reason;
        return false;
    }
    *out_cpus = (double)quota_us / (double)period_us;
    return true;
}

static hone_fact find_quota(hn_machine *machine, bool *out_is_none) {
    hn_cgroup group;
    hn_cgroup_locate(machine, "cpu", &group);
    if (group.version == 0) {
        return hn_fact_missing(group.state, group.reason);
    }
    double least = INFINITY;
    const char *where = "", *garbage = NULL;
    int levels = 0;
    do {
        double cpus;
        if (read_quota(machine, &group, &cpus, &garbage) && cpus < least) {
            least = cpus;
            where = hn_machine_format(machine, "%s of %.300s",
                                      group.version == 2 ? "cpu.max" : "cpu.cfs_quota_us",
                                      group.directory);
        }
    } while (++levels < LEVELS_MAX && hn_cgroup_ascend(&group));
    *out_is_none = isinf(least) && !garbage;
    if (isinf(least)) {
        return hn_fact_absent(
            garbage ? garbage
                    : hn_machine_format(machine, "no quota (control group levels looked at: %d)",
                                        levels));
    }
    return hn_fact_real(machine, least, where);
}

static void fill_cpus(hn_machine *machine, hone_limits *limits) {
    hone_cpu_set affinity = {{0}}, cpuset = {{0}}, online = {{0}};
    const char *basis = "affinity";
    limits->affinity_cpus = read_affinity(machine, &affinity);
    limits->cpuset_cpus = read_cpuset(machine, &cpuset);
    limits->quota_cpus = find_quota(machine, &limits->is_without_quota);
    bool has_affinity = limits->affinity_cpus.state == HONE_FACT_PRESENT;
    limits->usable_cpus = affinity;
    if (limits->cpuset_cpus.state == HONE_FACT_PRESENT) {
        hone_cpu_set both = has_affinity ? hone_cpu_set_intersect(&affinity, &cpuset) : cpuset;
        bool is_possible = hone_cpu_set_count(&both) > 0;
        limits->usable_cpus = is_possible ? both : affinity;
        basis = !is_possible   ? "affinity (the cpuset has none of its CPUs)"
                : has_affinity ? "affinity and cpuset"
                               : "cpuset (the affinity is not known)";
    } else if (!has_affinity) {
        hn_content content = hn_machine_read(machine, "/sys/devices/system/cpu/online");
        if (content.state == HONE_FACT_PRESENT &&
            hone_cpu_set_parse(content.text, &online) == HONE_OK) {
            limits->usable_cpus = online;
            basis = "all CPUs online (neither affinity nor cpuset is known)";
        }
    }
    uint32_t count = hone_cpu_set_count(&limits->usable_cpus);
    if (count == 0) {
        limits->effective_cpus =
            hn_fact_absent("neither affinity nor cpuset nor the CPUs online are known");
        return;
    }
    const hone_fact *quota = &limits->quota_cpus;
    if (quota->state == HONE_FACT_PRESENT && quota->value.real < count) {
        limits->effective_cpus =
            hn_fact_real(machine, quota->value.real,
                         hn_machine_format(machine, "quota of %.400s", quota->reason));
    } else {
        limits->effective_cpus = hn_fact_real(machine, count, basis);
    }
}

/* What the memory files of a version are called. */
typedef struct memory_files {
    const char *limits[2];
    const char *use, *inactive_key;
} memory_files;

typedef struct memory_scan {
    uint64_t limit_bytes;     /* the lowest; UINT64_MAX: none */
    const char *limit_reason; /* where it stands */
    uint64_t room_bytes;      /* the least (limit - use); UINT64_MAX: none */
    const char *room_reason;
    double share; /* the highest use / limit; negative: none is known */
    const char *share_reason;
    const char *garbage;
} memory_scan;

/* Bytes in use that will not be given back at once. False when the level does not tell. */
static bool read_use(hn_machine *machine, const hn_cgroup *group, const memory_files *files,
                     uint64_t *out_bytes) {
    uint64_t use, inactive = 0;
    hn_content content = hn_cgroup_read(machine, group, files->use);
    if (content.state != HONE_FACT_PRESENT || !hn_parse_number(content.text, &use)) {
        return false;
    }
    content = hn_cgroup_read(machine, group, "memory.stat");
    if (content.state == HONE_FACT_PRESENT) {
        (void)hn_find_counter(content.text, files->inactive_key, &inactive);
    }
    *out_bytes = use > inactive ? use - inactive : 0;
    return true;
}

static void note_limit(hn_machine *machine, const hn_cgroup *group, const memory_files *files,
                       const char *file, uint64_t limit, memory_scan *scan) {
    uint64_t use = 0;
    if (limit < scan->limit_bytes) {
        scan->limit_bytes = limit;
        scan->limit_reason = hn_machine_format(machine, "%s of %.300s", file, group->directory);
    }
    bool is_use_known = read_use(machine, group, files, &use);
    double share = limit > 0 ? (double)use / (double)limit : 1;
    if (is_use_known && share > scan->share) {
        scan->share = share;
        scan->share_reason = hn_machine_format(machine, "%s of %.300s", file, group->directory);
    }
    uint64_t room = limit > use ? limit - use : 0;
    if (room < scan->room_bytes) {
        scan->room_bytes = room;
        scan->room_reason =
            hn_machine_format(machine, "%s of %.300s%s", file, group->directory,
                              is_use_known ? ", less what is in use" : " (its use is not told)");
    }
}

static void scan_level(hn_machine *machine, const hn_cgroup *group, memory_scan *scan) {
    static const memory_files files_of[3] = {
        {{NULL, NULL}, NULL, NULL},
        {{"memory.limit_in_bytes", NULL}, "memory.usage_in_bytes", "total_inactive_file"},
        {{"memory.max", "memory.high"}, "memory.current", "inactive_file"},
    };
    const memory_files *files = &files_of[group->version];
    for (int i = 0; i < 2 && files->limits[i]; i++) {
        uint64_t limit;
        hn_content content = hn_cgroup_read(machine, group, files->limits[i]);
        if (content.state != HONE_FACT_PRESENT) {
            continue;
        }
        if (!hn_parse_limit(content.text, &limit)) {
            scan->garbage =
                hn_fact_garbage(machine, files->limits[i], content.text, "bytes or 'max'").reason;
        } else if (limit < NO_LIMIT_BYTES) {
            note_limit(machine, group, files, files->limits[i], limit, scan);
        }
    }
    if (group->version == 1) {
        /* Counts ancestors that a container does not see. */
        uint64_t limit;
        hn_content stat = hn_cgroup_read(machine, group, "memory.stat");
        if (stat.state == HONE_FACT_PRESENT &&
            hn_find_counter(stat.text, "hierarchical_memory_limit", &limit) &&
            limit < scan->limit_bytes && limit < NO_LIMIT_BYTES) {
            note_limit(machine, group, files, "memory.stat", limit, scan);
        }
    }
}

static void fill_memory_effective(hn_machine *machine, const memory_scan *scan,
                                  hone_limits *limits) {
    const hone_fact *available = &limits->memory_available;
    bool is_known = available->state == HONE_FACT_PRESENT;
    if (scan->room_bytes == UINT64_MAX) {
        limits->memory_effective =
            is_known ? hn_fact_number(machine, available->value.number, "MemAvailable")
                     : *available;
        return;
    }
    bool is_room_less = !is_known || scan->room_bytes < available->value.number;
    limits->memory_effective =
        is_room_less ? hn_fact_number(machine, scan->room_bytes, scan->room_reason)
                     : hn_fact_number(machine, available->value.number, "MemAvailable");
}

static hone_fact find_kilobytes(hn_machine *machine, const hn_content *meminfo, const char *key) {
    uint64_t bytes;
    if (meminfo->state != HONE_FACT_PRESENT) {
        return hn_fact_missing(meminfo->state, meminfo->reason);
    }
    if (!hn_find_kilobytes(meminfo->text, key, &bytes) || bytes > (uint64_t)INT64_MAX) {
        return hn_fact_absent(
            hn_machine_format(machine, "/proc/meminfo has no readable line '%s: NUMBER kB'", key));
    }
    return hn_fact_number(machine, bytes, "/proc/meminfo");
}

/* All levels from the group up; it has ascended to the mount afterwards. */
static memory_scan scan_levels(hn_machine *machine, hn_cgroup *group, int *out_levels) {
    memory_scan scan = {.limit_bytes = UINT64_MAX, .room_bytes = UINT64_MAX, .share = -1};
    *out_levels = 0;
    if (group->version != 0) {
        do {
            scan_level(machine, group, &scan);
        } while (++*out_levels < LEVELS_MAX && hn_cgroup_ascend(group));
    }
    return scan;
}

static hone_fact no_limit(hn_machine *machine, const memory_scan *scan, int levels) {
    return hn_fact_absent(
        scan->garbage
            ? scan->garbage
            : hn_machine_format(machine, "no limit (control group levels looked at: %d)", levels));
}

hone_fact hn_limits_memory_share(hn_machine *machine) {
    hn_cgroup group;
    hn_cgroup_locate(machine, "memory", &group);
    int levels;
    memory_scan scan = scan_levels(machine, &group, &levels);
    if (group.version == 0) {
        return hn_fact_missing(group.state, group.reason);
    }
    if (scan.share >= 0) {
        return hn_fact_real(machine, scan.share, scan.share_reason);
    }
    return scan.limit_bytes != UINT64_MAX
               ? hn_fact_absent("there is a limit, but no level tells how much is in use")
               : no_limit(machine, &scan, levels);
}

static void fill_memory(hn_machine *machine, hone_limits *limits) {
    hn_content meminfo = hn_machine_read(machine, "/proc/meminfo");
    limits->memory_total = find_kilobytes(machine, &meminfo, "MemTotal");
    limits->memory_available = find_kilobytes(machine, &meminfo, "MemAvailable");

    hn_cgroup group;
    hn_cgroup_locate(machine, "memory", &group);
    int levels;
    memory_scan scan = scan_levels(machine, &group, &levels);
    if (group.version == 0) {
        limits->memory_limit = hn_fact_missing(group.state, group.reason);
    } else {
        limits->is_without_limit = scan.limit_bytes == UINT64_MAX && !scan.garbage;
        limits->memory_limit = scan.limit_bytes != UINT64_MAX
                                   ? hn_fact_number(machine, scan.limit_bytes, scan.limit_reason)
                                   : no_limit(machine, &scan, levels);
    }
    fill_memory_effective(machine, &scan, limits);
}

static void fill_cgroup(hn_machine *machine, hone_limits *limits) {
    static const char *const v1_controllers[] = {"cpu", "cpuset", "memory"};
    hn_cgroup_mount mount;
    hone_text path;
    hn_content mounts = hn_machine_read_large(machine, "/proc/self/mountinfo");
    if (mounts.state != HONE_FACT_PRESENT) {
        limits->cgroup_mode = hn_fact_missing(mounts.state, mounts.reason);
    } else {
        bool has_v1 = false, has_v2 = hn_find_cgroup_mount(mounts.text, "", &mount);
        for (int i = 0; i < 3; i++) {
            has_v1 = has_v1 || hn_find_cgroup_mount(mounts.text, v1_controllers[i], &mount);
        }
        limits->cgroup_mode = has_v1 || has_v2
                                  ? hn_fact_text(machine,
                                                 hone_text_of(has_v1 && has_v2 ? "hybrid"
                                                              : has_v1         ? "v1"
                                                                               : "v2"),
                                                 "/proc/self/mountinfo")
                                  : hn_fact_absent("no control group file system is mounted");
    }
    hn_content groups = hn_machine_read(machine, "/proc/self/cgroup");
    if (groups.state != HONE_FACT_PRESENT) {
        limits->cgroup_path = hn_fact_missing(groups.state, groups.reason);
    } else if (hn_find_cgroup_path(groups.text, "memory", &path) ||
               hn_find_cgroup_path(groups.text, "", &path)) {
        limits->cgroup_path = hn_fact_text(machine, path, "/proc/self/cgroup");
    } else {
        limits->cgroup_path = hn_fact_absent("/proc/self/cgroup names no control group");
    }
}

void hn_limits_fill(hn_machine *machine, hone_limits *limits) {
    fill_cpus(machine, limits);
    fill_memory(machine, limits);
    fill_cgroup(machine, limits);
}

hone_status hone_limits_read(const char *root, const hone_allocator *allocator, hone_diag *diag,
                             hone_limits *out_limits) {
    hone_limits limits = {0};
    hn_machine machine;
    hone_arena_init(&limits.arena, allocator, ARENA_BYTES_MAX);
    hone_status status = hn_machine_init(&machine, root, &limits.arena, diag);
    if (status != HONE_OK) {
        return status;
    }
    hn_limits_fill(&machine, &limits);
    status = machine.status;
    hn_machine_deinit(&machine);
    if (status != HONE_OK) {
        hone_arena_deinit(&limits.arena);
        return hone_diag_set(diag, status, "no memory left to describe the limits of this process");
    }
    *out_limits = limits;
    return HONE_OK;
}

void hone_limits_deinit(hone_limits *limits) {
    hone_arena_deinit(&limits->arena);
}

uint32_t hone_limits_threads(const hone_limits *limits) {
    uint32_t usable = hone_cpu_set_count(&limits->usable_cpus);
    if (limits->effective_cpus.state != HONE_FACT_PRESENT || usable == 0) {
        return 1;
    }
    double whole = ceil(limits->effective_cpus.value.real);
    return whole >= usable ? usable : whole < 1 ? 1 : (uint32_t)whole;
}
