/* SPDX-License-Identifier: Apache-2.0 */
/* The man page, in the man(7) macros that every renderer knows. */
#include <string.h>

#include "help_internal.h"

/* Text as roff prints it literally: '\' and '-' are special anywhere, '.' and ''' at a line start.
 */
static void print_literal(hn_cli_output *output, hone_text text) {
    if (text.size && (text.data[0] == '.' || text.data[0] == '\'')) {
        hn_cli_print(output, "\\&");
    }
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '\\': hn_cli_print(output, "\\e"); break;
        case '-': hn_cli_print(output, "\\-"); break;
        default: hn_cli_print_text(output, (hone_text){text.data + i, 1}); break;
        }
    }
}

static void print_string(hn_cli_output *output, const char *string) {
    print_literal(output, hone_text_of(string));
}

/* One option as a tagged paragraph: bold name, italic argument. */
static void print_option(hn_cli_output *output, const hn_cli_option *option) {
    hn_cli_print(output, ".TP\n");
    if (option->letter) {
        hn_cli_print(output, "\\fB\\-%c\\fR, ", option->letter);
    }
    hn_cli_print(output, "\\fB\\-\\-");
    print_string(output, option->name);
    hn_cli_print(output, "\\fR");
    if (option->argument) {
        hn_cli_print(output, " \\fI");
        print_string(output, option->argument);
        hn_cli_print(output, "\\fR");
    }
    hn_cli_print(output, "\n");
    print_string(output, option->help);
    for (const char *const *choice = option->choices; choice && *choice; choice++) {
        const char *joint = choice == option->choices ? ": " : choice[1] ? ", " : " or ";
        hn_cli_print(output, "%s\\fB%s\\fR", joint, *choice);
    }
    hn_cli_print(output, ".");
    if (option->repeats) {
        hn_cli_print(output, "\nMay be given several times.");
    }
    if (option->fallback) {
        hn_cli_print(output, "\nDefault: ");
        print_string(output, option->fallback);
        hn_cli_print(output, ".");
    }
    if (option->env) {
        hn_cli_print(output, "\nThe variable \\fB%s\\fR stands in for it.", option->env);
    }
    hn_cli_print(output, "\n");
}

static void print_notes(hn_cli_output *output, const char *title, const hn_note *notes,
                        uint32_t count) {
    hn_cli_print(output, ".SH %s\n", title);
    for (uint32_t i = 0; i < count; i++) {
        hn_cli_print(output, ".TP\n.B ");
        print_string(output, notes[i].name);
        hn_cli_print(output, "\n");
        print_string(output, notes[i].text);
        hn_cli_print(output, ".\n");
    }
}

static void print_paragraphs(hn_cli_output *output, const char *text) {
    hone_text rest = hone_text_of(text);
    bool is_first = true;
    while (rest.data && rest.size) {
        hone_text paragraph = hone_text_split(&rest, '\n');
        if (paragraph.size) {
            hn_cli_print(output, is_first ? "" : ".PP\n");
            print_literal(output, paragraph);
            hn_cli_print(output, "\n");
            is_first = false;
        }
    }
}

static void print_command(hn_cli_output *output, const hn_program *program,
                          const hn_command *command) {
    const char *open = command->operands_min ? "" : "[", *close = command->operands_min ? "" : "]";
    hn_cli_print(output, ".SS ");
    hn_cli_print(output, "\"%s %s", program->name, command->name);
    if (command->operand) {
        hn_cli_print(output, " %s\\fI%s\\fR%s%s", open, command->operand, close,
                     command->operands_max > 1 ? "..." : "");
    }
    hn_cli_print(output, " [\\fIOPTION\\fR]...\"\n");
    print_paragraphs(output, command->description);
    for (uint32_t i = 0; i < command->options_count; i++) {
        print_option(output, &command->options[i]);
    }
}

static void print_examples(hn_cli_output *output, const hn_program *program) {
    hn_cli_print(output, ".SH EXAMPLES\n");
    for (uint32_t i = 0; i < program->commands_count; i++) {
        hone_text examples = hone_text_of(program->commands[i].examples);
        while (examples.data && examples.size) {
            hone_text comment = hone_text_split(&examples, '\n');
            hone_text line = hone_text_trim(hone_text_split(&comment, '#'));
            comment = hone_text_trim(comment);
            bool is_question = comment.size && comment.data[comment.size - 1] == '?';
            hn_cli_print(output, ".TP\n\\fB");
            print_literal(output, line);
            hn_cli_print(output, "\\fR\n");
            print_literal(output, comment);
            hn_cli_print(output, is_question ? "\n" : ".\n");
        }
    }
}

void hn_manual_print(hn_cli_output *output, const hn_program *program) {
    hn_cli_print(output, ".\\\" Made from the table of commands and options: hone help --man\n");
    hn_cli_print(output, ".TH HONE 1 \"\" \"%s %s\" \"User Commands\"\n", program->name,
                 program->version);
    hn_cli_print(output, ".SH NAME\n%s \\- ", program->name);
    print_string(output, program->summary);
    hn_cli_print(output, "\n.SH SYNOPSIS\n");
    for (uint32_t i = 0; i < program->commands_count; i++) {
        const hn_command *command = &program->commands[i];
        bool is_optional = command->operands_min == 0;
        hn_cli_print(output, "%s.B %s %s\n", i ? ".br\n" : "", program->name, command->name);
        if (command->operand) {
            hn_cli_print(output, "%s\\fI%s\\fR%s%s\n", is_optional ? "[" : "", command->operand,
                         is_optional ? "]" : "", command->operands_max > 1 ? "..." : "");
        }
        hn_cli_print(output, "[\\fIOPTION\\fR]...\n");
    }
    hn_cli_print(output, ".SH DESCRIPTION\n");
    print_paragraphs(output, program->description);
    hn_cli_print(output, ".SH COMMANDS\n");
    for (uint32_t i = 0; i < program->commands_count; i++) {
        print_command(output, program, &program->commands[i]);
    }
    hn_cli_print(output, ".SH OPTIONS\nBehind any command, and without one:\n");
    for (uint32_t i = 0; i < program->options_count; i++) {
        hn_cli_print(output, i == program->common_count ? ".PP\nWithout a command:\n" : "");
        print_option(output, &program->options[i]);
    }
    print_notes(output, "EXIT STATUS", program->exit_codes, program->exit_codes_count);
    print_notes(output, "ENVIRONMENT", program->variables, program->variables_count);
    print_examples(output, program);
}
