/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "help_internal.h"
#include "session_internal.h"

enum { NAMES_MAX = 128, PART_BYTES_MIN = 3 };

static const struct {
    const char *name;
    void (*print)(hn_cli_output *output);
} topics[] = {
    {"stages", hn_help_print_stages},
    {"node", hn_help_print_node},
    {"expressions", hn_help_print_expressions},
};
enum { TOPICS_COUNT = sizeof topics / sizeof *topics };

/* "replay" for "source.replay" */
static const char *find_part(hone_text name, const char *const *names, uint32_t count) {
    for (uint32_t i = 0; i < count && name.size >= PART_BYTES_MIN; i++) {
        if (strstr(names[i], name.data)) {
            return names[i];
        }
    }
    return NULL;
}

static int fail_unknown(hn_session *session, hone_text name) {
    const char *names[NAMES_MAX];
    uint32_t count = 0;
    for (size_t i = 0; i < TOPICS_COUNT; i++) {
        names[count++] = topics[i].name;
    }
    for (uint32_t i = 0; i < session->program->commands_count && count < NAMES_MAX; i++) {
        names[count++] = session->program->commands[i].name;
    }
    count += hn_help_stage_names(names + count, NAMES_MAX - count);
    const char *nearest = find_part(name, names, count);
    nearest = nearest ? nearest : hone_text_nearest(name, names, count);
    hone_diag diag = {0};
    (void)hone_diag_set(&diag, HONE_STATUS_INVALID_ARGUMENT,
                        "there is no command or stage kind '%.80s'%s%s%s ('hone help' lists the "
                        "commands, 'hone help stages' the kinds)",
                        name.data, nearest ? ": did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
    return hn_cli_fail(session, HN_EXIT_USAGE, &diag);
}

/* A command, a topic, or a stage kind. */
static int explain(hn_session *session, hone_text name) {
    const hn_command *command = hn_cli_find_command(session->program, name);
    if (command) {
        hn_help_print_command(&session->out, session->program, command);
        return HN_EXIT_OK;
    }
    for (size_t i = 0; i < TOPICS_COUNT; i++) {
        if (hone_text_is(name, topics[i].name)) {
            topics[i].print(&session->out);
            return HN_EXIT_OK;
        }
    }
    return hn_help_print_stage(&session->out, name) ? HN_EXIT_OK : fail_unknown(session, name);
}

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
    return explain(session, hone_text_of(arguments->operands[0]));
}
