/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How tight memory is for this process, in the system's eyes: how full its control groups are, and
 * how long tasks had to wait for memory (PSI, pressure stall information). Read now and then, or
 * told by a descriptor that becomes ready when tasks have waited for too long.
 *
 * Contract: confined. All files are read below the root given. What cannot be had is a fact with
 * its reason; the texts of facts live until the next read. Cost: about ten small files a read, and
 * a buffer that is released at its end.
 * Source: Linux Documentation/accounting/psi.rst, admin-guide/cgroup-v2.rst.
 */
#ifndef HONE_PLATFORM_MEMORY_PRESSURE_H
#define HONE_PLATFORM_MEMORY_PRESSURE_H

#include "hone/base/allocator.h"
#include "hone/base/arena.h"
#include "hone/platform/fact.h"

typedef struct hone_memory_pressure {
    hone_fact cgroup_share; /* real: use / limit at the fullest level above us, inactive file pages
                               left out; absent where no level sets a limit */
    hone_fact stall_share;  /* real, 0 to 1: of the last 10 s, how long some task of our control
                               group (else of the machine) waited for memory */
    /* private */
    hone_arena arena;
    const char *root;
} hone_memory_pressure;

/* `root` is borrowed; NULL or "" for this machine. `allocator` NULL means libc. Reads nothing yet:
 * both facts are absent. */
void hone_memory_pressure_init(hone_memory_pressure *pressure, const char *root,
                               const hone_allocator *allocator);

/* Reads both facts anew. OUT_OF_MEMORY, INVALID_ARGUMENT (the root is no directory, or too long);
 * the facts are absent then. */
HONE_MUST_USE hone_status hone_memory_pressure_read(hone_memory_pressure *pressure,
                                                    hone_diag *diag);
void hone_memory_pressure_deinit(hone_memory_pressure *pressure);

/* A descriptor that becomes ready with priority (EPOLLPRI; see hone_poller_watch_urgent) whenever
 * tasks waited for memory for `stall_ms` within `window_ms` (500 to 10000): of our control group
 * where it lets us ask for that, else of the machine. Closed with hone_memory_pressure_unwatch, or
 * by the end of the process. Without privileges the kernel takes windows of whole 2 s only.
 * INVALID_ARGUMENT (bounds; an unprivileged window), ABSENT (no PSI here), FORBIDDEN, LIMIT; `diag`
 * says which file refused, and why. */
HONE_MUST_USE hone_status hone_memory_pressure_watch(const char *root, uint32_t stall_ms,
                                                     uint32_t window_ms, hone_diag *diag,
                                                     int *out_fd);
void hone_memory_pressure_unwatch(int fd);

#endif
