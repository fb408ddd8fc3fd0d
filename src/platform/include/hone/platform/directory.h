/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making directories. Contract: shared; no state.
 */
#ifndef HONE_PLATFORM_DIRECTORY_H
#define HONE_PLATFORM_DIRECTORY_H

#include "hone/base/status.h"

/* Makes `path` and the directories above it (mode 0777 less the umask); what is there already is
 * fine. FORBIDDEN, NO_SPACE, LIMIT (path too long), IO (a part of the path is a file). */
HONE_MUST_USE hone_status hone_directory_make(const char *path, hone_diag *diag);

#endif
