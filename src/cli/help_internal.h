/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is made from the table of commands and options: help for people, the man page, and
 * completion for three shells. Contract: confined; pure functions of the table onto the output.
 */
#ifndef HN_CLI_HELP_INTERNAL_H
#define HN_CLI_HELP_INTERNAL_H

#include "command_line_internal.h"
#include "printing_internal.h"

/* The list of commands, exit codes and variables. */
void hn_help_print_overview(hn_cli_output *output, const hn_program *program);

/* Everything about one command. */
void hn_help_print_command(hn_cli_output *output, const hn_program *program,
                           const hn_command *command);

/* Building blocks of help: a headline, and a name with its wrapped text. */
void hn_help_print_title(hn_cli_output *output, const char *title);
void hn_help_print_row(hn_cli_output *output, const char *name, const char *text);

/* The stage kinds of a node file, and the keys of one of them (false: there is no such kind). */
void hn_help_print_stages(hn_cli_output *output);
bool hn_help_print_stage(hn_cli_output *output, hone_text name);

/* The keys of [node]; the operators and functions of expressions. */
void hn_help_print_node(hn_cli_output *output);
void hn_help_print_expressions(hn_cli_output *output);

/* The names of the stage kinds, at most names_max; returns how many. */
uint32_t hn_help_stage_names(const char **out_names, uint32_t names_max);

/* "Usage: hone run FILE [OPTION]...", one line. */
void hn_help_print_usage(hn_cli_output *output, const hn_program *program,
                         const hn_command *command);

/* The man page, hone(1), in man(7) macros. */
void hn_manual_print(hn_cli_output *output, const hn_program *program);

/* A completion script; `shell` is "bash", "zsh" or "fish" (asserted). */
void hn_completion_print(hn_cli_output *output, const hn_program *program, const char *shell);

/* "--for=DURATION" and the like as help and man page write it: `out_text` gets "-n, --records N".
 */
void hn_cli_option_format(const hn_cli_option *option, char *out_text, size_t size);

#endif
