/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/self/cgroup names the group, /proc/self/mountinfo the directory it is under. Both change
 * their form with the version and with namespaces: a container often sees only its own group,
 * mounted as if it were the top one (mount root "/docker/abc"), while /proc/self/cgroup still has
 * the host's path; that part of the path is then cut off. Source: cgroups(7), proc(5).
 */
#include "cgroup_internal.h"

#include <stdio.h>
#include <string.h>

#include "procfs_internal.h"

static void set_missing(hn_cgroup *cgroup, hone_fact_state state, const char *reason) {
    cgroup->version = 0;
    cgroup->state = state;
    cgroup->reason = reason;
}

/* What of `path` lies below the mount's root: "" for the mount itself. NULL when it lies outside.
 */
static const char *below_mount(const char *path, const char *mount_root) {
    size_t size = strlen(mount_root);
    if (strcmp(mount_root, "/") == 0) {
        return strcmp(path, "/") == 0 ? "" : path;
    }
    if (strncmp(path, mount_root, size) == 0 && (path[size] == '/' || path[size] == '\0')) {
        return path + size;
    }
    /* In a group namespace the path is already relative to what is mounted. */
    return strcmp(path, "/") == 0 ? "" : NULL;
}

static void place(hn_machine *machine, const hn_cgroup_mount *mount, hn_cgroup *cgroup) {
    char root[HN_PATH_SIZE_MAX], point[HN_PATH_SIZE_MAX];
    if (!hn_decode_path(mount->root, root, sizeof root) ||
        !hn_decode_path(mount->point, point, sizeof point)) {
        set_missing(cgroup, HONE_FACT_ABSENT,
                    "the mount of the control groups lies outside of what this process can see");
        return;
    }
    const char *rest = below_mount(cgroup->path, root);
    if (!rest) {
        set_missing(cgroup, HONE_FACT_ABSENT,
                    hn_machine_format(machine,
                                      "control group %.200s is not below the mounted %.200s",
                                      cgroup->path, root));
        return;
    }
    int length = snprintf(cgroup->directory, sizeof cgroup->directory, "%s%s", point, rest);
    if (length < 0 || (size_t)length >= sizeof cgroup->directory) {
        set_missing(cgroup, HONE_FACT_ABSENT, "the path of the control group is too long");
        return;
    }
    cgroup->mount_size = strlen(point);
}

/* Finds the line of the process in one hierarchy and keeps its path. */
static bool find_path(hn_machine *machine, const char *controller, hn_cgroup *cgroup) {
    hn_content groups = hn_machine_read(machine, "/proc/self/cgroup");
    hone_text path;
    char decoded[HN_PATH_SIZE_MAX];
    if (groups.state != HONE_FACT_PRESENT) {
        set_missing(cgroup, groups.state, groups.reason);
        return false;
    }
    if (!hn_find_cgroup_path(groups.text, controller, &path)) {
        set_missing(cgroup, HONE_FACT_ABSENT, "/proc/self/cgroup names no control group for it");
        return false;
    }
    cgroup->path = hn_machine_copy(machine, path);
    if (!hn_decode_path(path, decoded, sizeof decoded)) {
        set_missing(cgroup, HONE_FACT_ABSENT,
                    "the control group in /proc/self/cgroup climbs out of what this process can "
                    "see");
        return false;
    }
    cgroup->path = hn_machine_copy(machine, hone_text_of(decoded));
    return true;
}

static bool locate_in(hn_machine *machine, const char *controller, hn_cgroup *cgroup) {
    hn_cgroup_mount mount;
    if (!find_path(machine, controller, cgroup)) {
        return false;
    }
    hn_content mounts = hn_machine_read_large(machine, "/proc/self/mountinfo");
    if (mounts.state != HONE_FACT_PRESENT) {
        set_missing(cgroup, mounts.state, mounts.reason);
        return false;
    }
    if (!hn_find_cgroup_mount(mounts.text, controller, &mount)) {
        set_missing(cgroup, HONE_FACT_ABSENT, "no control group file system is mounted for it");
        return false;
    }
    cgroup->version = controller[0] ? 1 : 2;
    place(machine, &mount, cgroup);
    return cgroup->version != 0;
}

void hn_cgroup_locate(hn_machine *machine, const char *controller, hn_cgroup *out_cgroup) {
    hn_cgroup first = {.reason = ""};
    if (locate_in(machine, controller, &first)) {
        *out_cgroup = first;
        return;
    }
    /* A v1 group that this process has, but cannot see, must not be taken for a v2 one. */
    bool is_v1_hidden = first.path != NULL;
    *out_cgroup = (hn_cgroup){.reason = ""};
    if (is_v1_hidden || !locate_in(machine, "", out_cgroup)) {
        if (is_v1_hidden) {
            *out_cgroup = first;
        }
        out_cgroup->version = 0;
    }
}

bool hn_cgroup_ascend(hn_cgroup *cgroup) {
    size_t size = strlen(cgroup->directory);
    if (size <= cgroup->mount_size) {
        return false;
    }
    while (size > cgroup->mount_size && cgroup->directory[size - 1] != '/') {
        size--;
    }
    cgroup->directory[size > cgroup->mount_size ? size - 1 : size] = '\0';
    return true;
}

hn_content hn_cgroup_read(hn_machine *machine, const hn_cgroup *cgroup, const char *file) {
    return hn_machine_read(machine, "%s/%s", cgroup->directory, file);
}
