/* SPDX-License-Identifier: Apache-2.0 */
/* The only main() of hone: reads the command line, runs one command, and answers for the output. */
#include <stdlib.h>
#include <string.h>

#include "help_internal.h"
#include "session_internal.h"

#include "hone/platform/program.h"
#include "hone/platform/signals.h"

int hn_cli_fail(hn_session *session, int code, const hone_diag *diag) {
    char text[1024];
    hn_cli_output_flush(&session->out); /* what was answered comes before the complaint */
    (void)hone_diag_format(diag, text, sizeof text);
    hn_cli_print(&session->err, "%s%s:%s %s\n", hn_cli_style_of(&session->err, HN_STYLE_BAD),
                 session->program->name, hn_cli_style_of(&session->err, HN_STYLE_PLAIN), text);
    hn_cli_output_flush(&session->err);
    return code;
}

static int fail_usage(hn_session *session, const hone_diag *diag) {
    const hn_command *command = session->arguments.command;
    (void)hn_cli_fail(session, HN_EXIT_USAGE, diag);
    hn_cli_print(&session->err, "Try '%s help%s%s'.\n", session->program->name, command ? " " : "",
                 command ? command->name : "");
    return HN_EXIT_USAGE;
}

static int run_command(hn_session *session) {
    const hn_arguments *arguments = &session->arguments;
    if (hn_arguments_has(arguments, "help")) {
        if (arguments->command) {
            hn_help_print_command(&session->out, session->program, arguments->command);
        } else {
            hn_help_print_overview(&session->out, session->program);
        }
        return HN_EXIT_OK;
    }
    if (arguments->command) {
        return arguments->command->run(session);
    }
    if (hn_arguments_has(arguments, "version")) {
        hn_cli_print(&session->out, "%s %s\n", session->program->name, session->program->version);
        return HN_EXIT_OK;
    }
    hn_help_print_overview(&session->err, session->program);
    return HN_EXIT_USAGE;
}

/* A reader that went away (`hone help | head -1`) has what it wanted; any other loss is an error.
 */
static int finish(hn_session *session, int code) {
    hone_status status = hn_cli_output_finish(&session->out);
    if (status && status != HONE_STATUS_BROKEN_PIPE) {
        hone_diag_about(&session->out.diag, "standard output");
        code = hn_cli_fail(session, code ? code : HN_EXIT_INPUT, &session->out.diag);
    }
    (void)hn_cli_output_finish(&session->err); /* there is nowhere left to complain */
    return code;
}

int main(int argc, char **argv) {
    hn_session session = {.program = &hn_hone};
    hone_diag diag = {0};
    hone_program_guard_standard_streams();
    hone_signals_ignore_broken_pipe();
    hn_cli_output_init(&session.out, 1);
    hn_cli_output_init(&session.err, 2);
    uint32_t words_count = argc > 0 ? (uint32_t)argc - 1 : 0;
    hone_status status = hn_arguments_parse(&hn_hone, (const char *const *)argv + (argc > 0),
                                            words_count, getenv, &diag, &session.arguments);
    int code = status ? fail_usage(&session, &diag) : run_command(&session);
    code = finish(&session, code);
    hn_arguments_deinit(&session.arguments);
    return code;
}
