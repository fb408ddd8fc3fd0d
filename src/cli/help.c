/* SPDX-License-Identifier: Apache-2.0 */
#include "help_internal.h"

#include <stdio.h>
#include <string.h>

enum { INDENT = 2, HELP_COLUMN = 26 };

void hn_cli_option_format(const hn_cli_option *option, char *out_text, size_t size) {
    char letter[8] = "    ";
    if (option->letter) {
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    (void)snprintf(out_text, size, "%s--%s%s%s", letter, option->name, option->argument ? " " : "",
                   option->argument ? option->argument : "");
}

void hn_help_print_title(hn_cli_output *output, const char *title) {
    hn_cli_print(output, "\n%s%s%s\n", hn_cli_style_of(output, HN_STYLE_TITLE), title,
                 hn_cli_style_of(output, HN_STYLE_PLAIN));
}

/* "  name      text", the text wrapped in its own column. */
void hn_help_print_row(hn_cli_output *output, const char *name, const char *text) {
    uint32_t width = (uint32_t)strlen(name) + INDENT;
    hn_cli_print(output, "%*s%s%s%s", INDENT, "", hn_cli_style_of(output, HN_STYLE_NAME), name,
                 hn_cli_style_of(output, HN_STYLE_PLAIN));
    if (width + 2 > HELP_COLUMN) {
        hn_cli_print(output, "\n");
        width = 0;
    }
    hn_cli_print_wrapped(output, hone_text_of(text), HELP_COLUMN, width);
}

static void print_notes(hn_cli_output *output, const char *title, const hn_note *notes,
                        uint32_t count) {
    hn_help_print_title(output, title);
    for (uint32_t i = 0; i < count; i++) {
        hn_help_print_row(output, notes[i].name, notes[i].text);
    }
}

static void print_option(hn_cli_output *output, const hn_cli_option *option) {
    char name[96], text[600];
    hn_cli_option_format(option, name, sizeof name);
    size_t used = (size_t)snprintf(text, sizeof text, "%s", option->help);
    for (const char *const *choice = option->choices; choice && *choice; choice++) {
        const char *joint = choice == option->choices ? ": " : choice[1] ? ", " : " or ";
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", joint, *choice);
    }
    if (option->repeats) {
        used += (size_t)snprintf(text + used, sizeof text - used, "; may be given several times");
    }
    if (option->fallback) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, " (default %s)", option->fallback);
    }
    if (option->env) {
        (void)snprintf(text + used, sizeof text - used, " [%s]", option->env);
    }
    hn_help_print_row(output, name, text);
}

void hn_help_print_usage(hn_cli_output *output, const hn_program *program,
                         const hn_command *command) {
    if (!command) {
        hn_cli_print(output, "Usage: %s COMMAND [ARGUMENT]... [OPTION]...\n", program->name);
        return;
    }
    const char *open = command->operands_min ? "" : "[", *close = command->operands_min ? "" : "]";
    hn_cli_print(output, "Usage: %s %s", program->name, command->name);
    if (command->operand) {
        hn_cli_print(output, " %s%s%s%s", open, command->operand, close,
                     command->operands_max > 1 ? "..." : "");
    }
    hn_cli_print(output, " [OPTION]...\n");
}

void hn_help_print_overview(hn_cli_output *output, const hn_program *program) {
    hn_cli_print(output, "%s%s%s: %s\n\n", hn_cli_style_of(output, HN_STYLE_TITLE), program->name,
                 hn_cli_style_of(output, HN_STYLE_PLAIN), program->summary);
    hn_help_print_usage(output, program, NULL);
    hn_help_print_title(output, "Commands");
    for (uint32_t i = 0; i < program->commands_count; i++) {
        const hn_command *command = &program->commands[i];
        char name[64];
        const char *open = command->operands_min ? "" : "[";
        (void)snprintf(name, sizeof name, "%s%s%s%s%s", command->name, command->operand ? " " : "",
                       command->operand ? open : "", command->operand ? command->operand : "",
                       command->operand && !command->operands_min ? "]" : "");
        hn_help_print_row(output, name, command->summary);
    }
    hn_help_print_title(output, "Options");
    for (uint32_t i = 0; i < program->options_count; i++) {
        print_option(output, &program->options[i]);
    }
    print_notes(output, "Exit codes", program->exit_codes, program->exit_codes_count);
    print_notes(output, "Environment", program->variables, program->variables_count);
    hn_cli_print(output, "\n");
    hn_cli_print_wrapped(output,
                         HONE_TEXT("'hone help COMMAND' tells more about a command and shows "
                                   "examples."),
                         0, 0);
}

/* Lines "command line  # what it does": the comment goes above, so that the line can be copied. */
static void print_examples(hn_cli_output *output, hone_text examples) {
    hn_help_print_title(output, "Examples");
    while (examples.data && examples.size) {
        hone_text comment = hone_text_split(&examples, '\n');
        hone_text line = hone_text_trim(hone_text_split(&comment, '#'));
        comment = hone_text_trim(comment);
        hn_cli_print(output, "%*s%s# %.*s%s\n", INDENT, "", hn_cli_style_of(output, HN_STYLE_FAINT),
                     HONE_TEXT_ARGS(comment), hn_cli_style_of(output, HN_STYLE_PLAIN));
        hn_cli_print(output, "%*s%.*s\n", INDENT, "", HONE_TEXT_ARGS(line));
    }
}

void hn_help_print_command(hn_cli_output *output, const hn_program *program,
                           const hn_command *command) {
    hn_help_print_usage(output, program, command);
    hone_text text = hone_text_of(command->description);
    while (text.data && text.size) {
        hone_text paragraph = hone_text_split(&text, '\n');
        if (paragraph.size == 0) {
            continue;
        }
        hn_cli_print(output, "\n");
        hn_cli_print_wrapped(output, paragraph, 0, 0);
    }
    hn_help_print_title(output, "Options");
    const hn_cli_option *option;
    for (uint32_t i = 0; (option = hn_cli_option_at(program, command, i)); i++) {
        print_option(output, option);
    }
    if (command->examples) {
        print_examples(output, hone_text_of(command->examples));
    }
}
