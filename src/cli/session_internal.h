/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One invocation of hone: what was asked, and where answers go. Contract: confined.
 */
#ifndef HN_CLI_SESSION_INTERNAL_H
#define HN_CLI_SESSION_INTERNAL_H

#include "command_line_internal.h"
#include "printing_internal.h"

/* The exit codes of every command, as help and man page list them (commands.c). */
typedef enum hn_exit {
    HN_EXIT_OK = 0,
    HN_EXIT_FAILED = 1,
    HN_EXIT_USAGE = 2,
    HN_EXIT_INPUT = 3,
    HN_EXIT_KILLED = 130, /* by a second Ctrl-C */
} hn_exit;

struct hn_session {
    const hn_program *program;
    hn_arguments arguments;
    hn_cli_output out; /* answers */
    hn_cli_output err; /* complaints and progress */
};

/* The table of all commands. */
extern const hn_program hn_hone;

/* Prints "hone: file:line:column: subject: message" to standard error and returns `code`. */
int hn_cli_fail(hn_session *session, int code, const hone_diag *diag);

/* One per command; each returns an exit code. */
int hn_command_run(hn_session *session);
int hn_command_check(hn_session *session);
int hn_command_detect(hn_session *session);
int hn_command_doctor(hn_session *session);
int hn_command_bench(hn_session *session);
int hn_command_model(hn_session *session);
int hn_command_top(hn_session *session);
int hn_command_lyra(hn_session *session);
int hn_command_vector(hn_session *session);
int hn_command_version(hn_session *session);
int hn_command_help(hn_session *session);

#endif
