/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that other processes of the same user can map: files named PID.SUFFIX in one folder of the
 * user's (HONE_RUNTIME_DIR, else XDG_RUNTIME_DIR/hone, else /dev/shm/hone-UID, mode 0700, owned by
 * the user).
 *
 * Contract: create, open and close belong to one thread; the memory itself is as shared as its
 * content. Nothing here follows symbolic links or trusts a folder that belongs to somebody else.
 */
#ifndef HONE_PLATFORM_SHARED_PAGE_H
#define HONE_PLATFORM_SHARED_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/status.h"

typedef struct hone_shared_page {
    void *memory; /* page aligned */
    uint64_t size_bytes;
    char path[256]; /* "" when the memory is private */
    bool is_owner;
} hone_shared_page;

/* Zeroed memory of `size_bytes` in a file PID.suffix of this process, replacing an older one.
 * FORBIDDEN, NO_SPACE, OUT_OF_MEMORY, LIMIT (the size is 0 or over 1 GiB; no descriptors left; a
 * path that is too long); the diag says why. */
HONE_MUST_USE hone_status hone_shared_page_create(const char *suffix, uint64_t size_bytes,
                                                  hone_diag *diag, hone_shared_page *out_page);

/* The same memory, private to this process: for where no file can be made. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_shared_page_create_private(uint64_t size_bytes,
                                                          hone_shared_page *out_page);

/* Maps the page of process `pid`, read only, all of the file. NOT_FOUND, FORBIDDEN, LIMIT, CORRUPT
 * (no plain file, empty, or larger than 1 GiB). */
HONE_MUST_USE hone_status hone_shared_page_open(const char *suffix, int64_t pid, hone_diag *diag,
                                                hone_shared_page *out_page);

/* Unmaps; the creator also removes the file. A zeroed one is allowed. */
void hone_shared_page_close(hone_shared_page *page);

/* The processes that have a page with this suffix and are alive; files of dead ones are removed. */
HONE_MUST_USE hone_status hone_shared_page_list(const char *suffix, int64_t *out_pids,
                                                uint32_t pids_max, uint32_t *out_pids_count);

/* The pid of this process, and when a process began in clock ticks since boot (0: no such process):
 * pid and start together never name two processes. */
int64_t hone_process_id(void);
uint64_t hone_process_start(int64_t pid);

#endif
