/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control group's own memory.pressure comes first: it tells about this process and its
 * neighbours in the group, the machine's about everybody. A v1 memory controller has no such file,
 * but the v2 hierarchy beside it often does.
 */
#include "hone/platform/memory_pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_internal.h"
#include "limits_internal.h"
#include "procfs_internal.h"

#define MACHINE_FILE "/proc/pressure/memory"

enum { ARENA_BYTES_MAX = 1 << 20, WINDOW_MS_MIN = 500, WINDOW_MS_MAX = 10000 };

/* ---- reading ---- */

static void set_missing(hone_memory_pressure *pressure, const char *reason) {
    pressure->cgroup_share = hn_fact_absent(reason);
    pressure->stall_share = hn_fact_absent(reason);
}

void hone_memory_pressure_init(hone_memory_pressure *pressure, const char *root,
                               const hone_allocator *allocator) {
    *pressure = (hone_memory_pressure){.root = root};
    hone_arena_init(&pressure->arena, allocator, ARENA_BYTES_MAX);
    set_missing(pressure, "not read yet");
}

static hone_fact parse_stall(hn_machine *machine, const char *path, hn_content content) {
    double percent;
    if (content.state != HONE_FACT_PRESENT) {
        return hn_fact_missing(content.state, content.reason);
    }
    return hn_parse_pressure(content.text, &percent)
               ? hn_fact_real(machine, percent / 100, path)
               : hn_fact_garbage(machine, path, content.text, "a line 'some avg10=...'");
}

static hone_fact read_stall(hn_machine *machine) {
    hn_cgroup group;
    hn_cgroup_locate(machine, "", &group);
    if (group.version == 2) {
        hn_content content = hn_cgroup_read(machine, &group, "memory.pressure");
        if (content.state == HONE_FACT_PRESENT) {
            return parse_stall(
                machine, hn_machine_format(machine, "memory.pressure of %.300s", group.directory),
                content);
        }
    }
    return parse_stall(machine, MACHINE_FILE, hn_machine_read(machine, MACHINE_FILE));
}

hone_status hone_memory_pressure_read(hone_memory_pressure *pressure, hone_diag *diag) {
    hn_machine machine;
    hone_arena_reset(&pressure->arena, (hone_arena_savepoint){NULL, 0});
    set_missing(pressure, "it could not be read");
    hone_status status = hn_machine_init(&machine, pressure->root, &pressure->arena, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_fact cgroup_share = hn_limits_memory_share(&machine);
    hone_fact stall_share = read_stall(&machine);
    status = machine.status;
    hn_machine_deinit(&machine);
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "no memory left to read how tight memory is");
    }
    pressure->cgroup_share = cgroup_share;
    pressure->stall_share = stall_share;
    return HONE_OK;
}

void hone_memory_pressure_deinit(hone_memory_pressure *pressure) {
    hone_arena_deinit(&pressure->arena);
}

/* ---- being told ---- */

static hone_status refuse(int error, const char *path, hone_diag *diag) {
    switch (error) {
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
        return hone_diag_set(diag, HONE_STATUS_ABSENT,
                             "%s: this kernel does not count how long tasks wait for memory (it "
                             "may need psi=1 on its command line)",
                             path);
    case EACCES:
    case EPERM:
    case EROFS:
        return hone_diag_set(diag, HONE_STATUS_FORBIDDEN,
                             "%s: this process may not ask to be told (%s)", path, strerror(error));
    case EINVAL:
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%s: the kernel refuses these times; without CAP_SYS_RESOURCE the "
                             "window must be a multiple of 2000 ms",
                             path);
    default: return hone_diag_set(diag, HONE_STATUS_LIMIT, "%s: %s", path, strerror(error));
    }
}

/* The trigger lives as long as the descriptor it was written to. */
static hone_status watch_file(const char *path, const char *trigger, hone_diag *diag, int *out_fd) {
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return refuse(errno, path, diag);
    }
    ssize_t written = write(fd, trigger, strlen(trigger) + 1);
    if (written < 0) {
        int error = errno;
        (void)close(fd);
        return refuse(error, path, diag);
    }
    *out_fd = fd;
    return HONE_OK;
}

static hone_status watch_below(hn_machine *machine, const char *trigger, hone_diag *diag,
                               int *out_fd) {
    char path[HN_ROOT_SIZE_MAX + HN_PATH_SIZE_MAX + 32];
    hn_cgroup group;
    hn_cgroup_locate(machine, "", &group);
    if (group.version == 2) {
        (void)snprintf(path, sizeof path, "%s%s/memory.pressure", machine->root, group.directory);
        if (watch_file(path, trigger, NULL, out_fd) == HONE_OK) {
            return HONE_OK;
        }
    }
    (void)snprintf(path, sizeof path, "%s" MACHINE_FILE, machine->root);
    return watch_file(path, trigger, diag, out_fd);
}

hone_status hone_memory_pressure_watch(const char *root, uint32_t stall_ms, uint32_t window_ms,
                                       hone_diag *diag, int *out_fd) {
    if (window_ms < WINDOW_MS_MIN || window_ms > WINDOW_MS_MAX || stall_ms == 0 ||
        stall_ms > window_ms) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a window of %u ms with a stall of %u ms: the window is %d to %d ms, "
                             "the stall above 0 and no longer than it",
                             (unsigned)window_ms, (unsigned)stall_ms, WINDOW_MS_MIN, WINDOW_MS_MAX);
    }
    char trigger[64];
    (void)snprintf(trigger, sizeof trigger, "some %lu %lu", (unsigned long)stall_ms * 1000,
                   (unsigned long)window_ms * 1000);
    hone_arena arena;
    hn_machine machine;
    hone_arena_init(&arena, NULL, ARENA_BYTES_MAX);
    hone_status status = hn_machine_init(&machine, root, &arena, diag);
    if (status == HONE_OK) {
        status = watch_below(&machine, trigger, diag, out_fd);
        hn_machine_deinit(&machine);
    }
    hone_arena_deinit(&arena);
    return status;
}

void hone_memory_pressure_unwatch(int fd) {
    if (fd >= 0) {
        (void)close(fd);
    }
}
