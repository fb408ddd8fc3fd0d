/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running another program to its end, and what it cost: wall time, CPU time, peak memory.
 *
 * Contract: shared. The child gets the environment of this process, an empty standard input (or a
 * file), and its outputs go to a file or nowhere; it blocks and ignores no signal. It is killed
 * when the time limit passes. Only the child itself is killed, not what it may have started.
 */
#ifndef HONE_PLATFORM_PROCESS_H
#define HONE_PLATFORM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/status.h"

typedef struct hone_process_options {
    const char *stdin_path;  /* NULL: /dev/null */
    const char *stdout_path; /* NULL: /dev/null; created or truncated */
    const char *stderr_path; /* NULL: /dev/null; created or truncated */
    uint64_t timeout_ns;     /* 0: no limit */
    /* Also measures the peak memory. For that the program is traced (ptrace): it gets no rights
     * from a set-user-ID file, cannot stop itself and cannot be traced by others (LeakSanitizer).
     * Costs some 0.03 ms a run; the time that it is held is not in wall_ns. */
    bool with_rss;
} hone_process_options;

typedef struct hone_process_result {
    uint64_t wall_ns; /* from before the start until its end was seen */
    uint64_t cpu_ns;  /* user and system, of the program and the children it waited for */
    /* Peak resident memory of the program itself, not of those it starts, up to the end of its
     * first thread; 0 where rss_absent (static text) says why it is not known. */
    uint64_t rss_max_bytes;
    const char *rss_absent;
    uint64_t involuntary_switches;
    int exit_code; /* -1 when a signal ended it */
    int signal;    /* 0 unless a signal ended it */
} hone_process_result;

/* Runs argv[0] (looked up in PATH when it has no slash) until it ends. `argv` ends with NULL;
 * `options` may be NULL. An exit code other than 0 is not an error of this call. NOT_FOUND,
 * FORBIDDEN, TIMEOUT, LIMIT, IO. */
HONE_MUST_USE hone_status hone_process_run(const char *const *argv,
                                           const hone_process_options *options, hone_diag *diag,
                                           hone_process_result *out_result);

/* The number of the process that started this one. The kernel is always asked: it is also the
 * cheapest system call there is, for measuring what one costs. */
uint32_t hone_process_parent_id(void);

/* True when hone_process_run would find an executable file for `program`. */
bool hone_process_is_runnable(const char *program);

#endif
