/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where this process stands in the control groups: the directory of a controller, and the way up
 * from there to the mount, whose every level binds.
 */
#ifndef HONE_PLATFORM_CGROUP_INTERNAL_H
#define HONE_PLATFORM_CGROUP_INTERNAL_H

#include "machine_internal.h"

typedef struct hn_cgroup {
    int version;                      /* 1 or 2; 0: none, see reason */
    const char *reason;               /* why there is none */
    hone_fact_state state;            /* of a missing one: ABSENT or FORBIDDEN */
    const char *path;                 /* as /proc/self/cgroup says */
    char directory[HN_PATH_SIZE_MAX]; /* the present level, without the root prefix */
    size_t mount_size;                /* bytes of `directory` that are the mount point */
} hn_cgroup;

/* The place for one controller ("cpu", "cpuset", "memory"): v1 where that controller is mounted so,
 * else v2. A path that climbs ("/../x": a process outside its namespace) gives version 0. */
void hn_cgroup_locate(hn_machine *machine, const char *controller, hn_cgroup *out_cgroup);

/* One level up. False at the mount. */
bool hn_cgroup_ascend(hn_cgroup *cgroup);

/* Reads a file of the present level. */
hn_content hn_cgroup_read(hn_machine *machine, const hn_cgroup *cgroup, const char *file);

#endif
