/* SPDX-License-Identifier: Apache-2.0 */
/* What detect and doctor share. Contract: confined. */
#ifndef HN_CLI_COMMAND_MACHINE_INTERNAL_H
#define HN_CLI_COMMAND_MACHINE_INTERNAL_H

#include "session_internal.h"

#include "hone/platform/detect.h"

/* Describes the machine, or the one below --root. HN_EXIT_OK, and *out_platform is to be
 * deinitialised; else the exit code, after the complaint. */
int hn_cli_describe_machine(hn_session *session, hone_platform *out_platform);

#endif
