/* SPDX-License-Identifier: Apache-2.0 */
#include "help_internal.h"
#include "session_internal.h"

int hn_command_help(hn_session *session) {
    const hn_arguments *arguments = &session->arguments;
    const char *shell = hn_arguments_text(arguments, "completion");
    if (shell) {
        hn_completion_print(&session->out, session->program, shell);
        return HN_EXIT_OK;
    }
    if (hn_arguments_has(arguments, "man")) {
        hn_manual_print(&session->out, session->program);
        return HN_EXIT_OK;
    }
    if (arguments->operands_count == 0) {
        hn_help_print_overview(&session->out, session->program);
        return HN_EXIT_OK;
    }
    hone_text name = hone_text_of(arguments->operands[0]);
    const hn_command *command = hn_program_find(session->program, name);
    if (!command) {
        char hint[96];
        hone_diag diag = {0};
        (void)hone_diag_set(&diag, HONE_STATUS_INVALID_ARGUMENT,
                            "there is no command '%.80s'%s ('hone help' lists them)", name.data,
                            hn_suggest_command(session->program, name, hint, sizeof hint));
        return hn_fail(session, HN_EXIT_USAGE, &diag);
    }
    hn_help_print_command(&session->out, session->program, command);
    return HN_EXIT_OK;
}
