/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: where the running one lies, and starting others.
 *
 * Contract: shared. Argument lists end in NULL, as for main(); arguments[0] is the program's path
 * and is not searched for in PATH. Started programs get the usual signal dispositions back.
 */
#ifndef HONE_PLATFORM_PROGRAM_H
#define HONE_PLATFORM_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/buffer.h"
#include "hone/base/status.h"

/* The absolute path of the running executable, terminated. LIMIT when it is longer than `size`;
 * ABSENT without /proc. */
HONE_MUST_USE hone_status hone_program_path(char *out_path, size_t size);

/* Becomes another program; returns only when that fails: NOT_FOUND, FORBIDDEN, LIMIT, IO. */
HONE_MUST_USE hone_status hone_program_replace(const char *const *arguments, hone_diag *diag);

/* Runs another program to its end on the same standard streams. *out_exit is its exit code, or 128
 * plus the number of the signal that ended it. As replace. */
HONE_MUST_USE hone_status hone_program_run(const char *const *arguments, hone_diag *diag,
                                           int *out_exit);

/* Calls visit(context, name) for each entry of a folder that the process may execute, in no order.
 * NOT_FOUND, FORBIDDEN, IO. */
HONE_MUST_USE hone_status hone_program_list(const char *folder,
                                            void (*visit)(void *context, const char *name),
                                            void *context, hone_diag *diag);

/* Makes sure that descriptors 0, 1 and 2 are taken, so that no file a program opens later can pass
 * for one of them. A stream that was closed stays useless: reading or writing it fails. */
void hone_program_guard_standard_streams(void);

#endif
