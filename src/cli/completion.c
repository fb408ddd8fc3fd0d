/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts for bash, zsh and fish. What only the program knows at that moment (bench
 * suites, running nodes) the scripts ask the program for, with --list.
 */
#include <assert.h>
#include <string.h>

#include "help_internal.h"

/* Text inside single quotes of any of the three shells. */
static void print_quoted(hn_cli_output *output, const char *text) {
    for (const char *at = text; *at; at++) {
        if (*at == '\'') {
            hn_cli_print(output, "'\\''");
        } else {
            hn_cli_print(output, "%c", *at);
        }
    }
}

/* As above, inside a _arguments specification, where brackets and colons mean something, too. */
static void print_specification(hn_cli_output *output, const char *text) {
    for (const char *at = text; *at; at++) {
        bool is_special = *at == '[' || *at == ']' || *at == ':' || *at == '\\';
        char single[2] = {*at, '\0'};
        hn_cli_print(output, "%s", is_special ? "\\" : "");
        print_quoted(output, single);
    }
}

static void print_choices(hn_cli_output *output, const hn_cli_option *option) {
    for (const char *const *choice = option->choices; choice && *choice; choice++) {
        hn_cli_print(output, "%s%s", choice == option->choices ? "" : " ", *choice);
    }
}

static void print_command_names(hn_cli_output *output, const hn_program *program) {
    for (uint32_t i = 0; i < program->commands_count; i++) {
        hn_cli_print(output, "%s%s", i ? " " : "", program->commands[i].name);
    }
}

/* --- bash ----------------------------------------------------------------------------------- */

static void print_bash_values(hn_cli_output *output, const hn_program *program,
                              const hn_command *command) {
    const hn_cli_option *option;
    for (uint32_t i = 0; (option = hn_cli_option_at(program, command, i)); i++) {
        if (option->type == HN_CLI_OPTION_FLAG) {
            continue;
        }
        hn_cli_print(output, "        %s,--%s", command->name, option->name);
        if (option->letter) {
            hn_cli_print(output, " | %s,-%c", command->name, option->letter);
        }
        hn_cli_print(output, ") ");
        if (option->type == HN_CLI_OPTION_FILE) {
            hn_cli_print(output, "COMPREPLY=($(compgen -f -- \"$current\"))");
        } else if (option->type == HN_CLI_OPTION_FOLDER) {
            hn_cli_print(output, "COMPREPLY=($(compgen -d -- \"$current\"))");
        } else if (option->choices) {
            hn_cli_print(output, "COMPREPLY=($(compgen -W '");
            print_choices(output, option);
            hn_cli_print(output, "' -- \"$current\"))");
        } else {
            hn_cli_print(output, ":");
        }
        hn_cli_print(output, "; return ;;\n");
    }
}

static void print_bash_operands(hn_cli_output *output, const hn_program *program,
                                const hn_command *command) {
    hn_cli_print(output, "        %s) words='", command->name);
    const hn_cli_option *option;
    for (uint32_t i = 0; (option = hn_cli_option_at(program, command, i)); i++) {
        hn_cli_print(output, "%s--%s", i ? " " : "", option->name);
    }
    hn_cli_print(output, "'");
    switch (command->completion) {
    case HN_COMPLETION_NONE: break;
    case HN_COMPLETION_NODE_FILES: hn_cli_print(output, "; files=1"); break;
    case HN_COMPLETION_COMMANDS:
        hn_cli_print(output, "; operands='");
        print_command_names(output, program);
        hn_cli_print(output, "'");
        break;
    case HN_COMPLETION_SUITES:
    case HN_COMPLETION_NODES:
        hn_cli_print(output, "; operands=$(\"${COMP_WORDS[0]}\" %s --list 2>/dev/null)",
                     command->name);
        break;
    }
    hn_cli_print(output, " ;;\n");
}

static void print_bash(hn_cli_output *output, const hn_program *program) {
    const char *name = program->name;
    hn_cli_print(output, "# bash completion for %s; made by: %s help --completion bash\n", name,
                 name);
    hn_cli_print(
        output,
        "_%s() {\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    local command=${COMP_WORDS[1]} words='' operands='' files=''\n"
        "    COMPREPLY=()\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        COMPREPLY=($(compgen -W '",
        name);
    print_command_names(output, program);
    for (uint32_t i = 0; i < program->options_count; i++) {
        hn_cli_print(output, " --%s", program->options[i].name);
    }
    hn_cli_print(output, "' -- \"$current\"))\n        return\n    fi\n"
                         "    case \"$command,$previous\" in\n");
    for (uint32_t i = 0; i < program->commands_count; i++) {
        print_bash_values(output, program, &program->commands[i]);
    }
    hn_cli_print(output, "    esac\n    case \"$command\" in\n");
    for (uint32_t i = 0; i < program->commands_count; i++) {
        print_bash_operands(output, program, &program->commands[i]);
    }
    hn_cli_print(output,
                 "    esac\n"
                 "    case \"$current\" in\n"
                 "        -*) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
                 "        *)\n"
                 "            COMPREPLY=($(compgen -W \"$operands\" -- \"$current\"))\n"
                 "            if [ -n \"$files\" ]; then\n"
                 "                COMPREPLY+=($(compgen -f -X '!*.toml' -- \"$current\")"
                 " $(compgen -d -- \"$current\"))\n"
                 "            fi ;;\n"
                 "    esac\n"
                 "}\n"
                 "complete -o filenames -F _%s %s\n",
                 name, name);
}

/* --- zsh ------------------------------------------------------------------------------------ */

static void print_zsh_option(hn_cli_output *output, const hn_cli_option *option) {
    hn_cli_print(output, " \\\n                '%s--%s%s[", option->repeats ? "*" : "",
                 option->name, option->type == HN_CLI_OPTION_FLAG ? "" : "=");
    print_specification(output, option->help);
    hn_cli_print(output, "]");
    if (option->type != HN_CLI_OPTION_FLAG) {
        hn_cli_print(output, ":");
        print_specification(output, option->argument);
        hn_cli_print(output, ":");
        if (option->choices) {
            hn_cli_print(output, "(");
            print_choices(output, option);
            hn_cli_print(output, ")");
        } else if (option->type == HN_CLI_OPTION_FILE) {
            hn_cli_print(output, "_files");
        } else if (option->type == HN_CLI_OPTION_FOLDER) {
            hn_cli_print(output, "_files -/");
        }
    }
    hn_cli_print(output, "'");
}

static void print_zsh_operands(hn_cli_output *output, const hn_program *program,
                               const hn_command *command) {
    if (!command->operand) {
        return;
    }
    hn_cli_print(output, " \\\n                '%s:%s:", command->operands_max > 1 ? "*" : "1",
                 command->operand);
    switch (command->completion) {
    case HN_COMPLETION_NONE: break;
    case HN_COMPLETION_NODE_FILES: hn_cli_print(output, "_files -g \"*.toml\""); break;
    case HN_COMPLETION_COMMANDS:
        hn_cli_print(output, "(");
        print_command_names(output, program);
        hn_cli_print(output, ")");
        break;
    case HN_COMPLETION_SUITES:
    case HN_COMPLETION_NODES:
        hn_cli_print(output, "($(%s %s --list 2>/dev/null))", program->name, command->name);
        break;
    }
    hn_cli_print(output, "'");
}

static void print_zsh(hn_cli_output *output, const hn_program *program) {
    const char *name = program->name;
    hn_cli_print(output, "#compdef %s\n# made by: %s help --completion zsh\n", name, name);
    hn_cli_print(output,
                 "_%s() {\n"
                 "    local -a commands\n"
                 "    if (( CURRENT == 2 )); then\n"
                 "        commands=(\n",
                 name);
    for (uint32_t i = 0; i < program->commands_count; i++) {
        hn_cli_print(output, "            '%s:", program->commands[i].name);
        print_specification(output, program->commands[i].summary);
        hn_cli_print(output, "'\n");
    }
    hn_cli_print(output, "        )\n"
                         "        _describe command commands\n"
                         "        return\n"
                         "    fi\n"
                         "    local command=${words[2]}\n"
                         "    words=(\"${words[@]:1}\")\n"
                         "    (( CURRENT-- ))\n"
                         "    case $command in\n");
    for (uint32_t i = 0; i < program->commands_count; i++) {
        const hn_command *command = &program->commands[i];
        hn_cli_print(output, "        %s)\n            _arguments", command->name);
        const hn_cli_option *option;
        for (uint32_t j = 0; (option = hn_cli_option_at(program, command, j)); j++) {
            print_zsh_option(output, option);
        }
        print_zsh_operands(output, program, command);
        hn_cli_print(output, " ;;\n");
    }
    hn_cli_print(output, "    esac\n}\n_%s \"$@\"\n", name);
}

/* --- fish ----------------------------------------------------------------------------------- */

static void print_fish_option(hn_cli_output *output, const hn_program *program,
                              const hn_command *command, const hn_cli_option *option) {
    hn_cli_print(output, "complete -c %s -n '__fish_seen_subcommand_from %s' -l %s", program->name,
                 command->name, option->name);
    if (option->letter) {
        hn_cli_print(output, " -s %c", option->letter);
    }
    if (option->type == HN_CLI_OPTION_FILE) {
        hn_cli_print(output, " -r -F");
    } else if (option->type == HN_CLI_OPTION_FOLDER) {
        hn_cli_print(output, " -x -a '(__fish_complete_directories)'");
    } else if (option->choices) {
        hn_cli_print(output, " -x -a '");
        print_choices(output, option);
        hn_cli_print(output, "'");
    } else if (option->type != HN_CLI_OPTION_FLAG) {
        hn_cli_print(output, " -x");
    }
    hn_cli_print(output, " -d '");
    print_quoted(output, option->help);
    hn_cli_print(output, "'\n");
}

static void print_fish_operands(hn_cli_output *output, const hn_program *program,
                                const hn_command *command) {
    hn_cli_print(output, "complete -c %s -n '__fish_seen_subcommand_from %s'", program->name,
                 command->name);
    switch (command->completion) {
    case HN_COMPLETION_NONE: hn_cli_print(output, " -f\n"); break;
    case HN_COMPLETION_NODE_FILES: hn_cli_print(output, " -F\n"); break;
    case HN_COMPLETION_COMMANDS:
        hn_cli_print(output, " -f -a '");
        print_command_names(output, program);
        hn_cli_print(output, "'\n");
        break;
    case HN_COMPLETION_SUITES:
    case HN_COMPLETION_NODES:
        hn_cli_print(output, " -f -a '(%s %s --list 2>/dev/null)'\n", program->name, command->name);
        break;
    }
}

static void print_fish(hn_cli_output *output, const hn_program *program) {
    const char *name = program->name;
    hn_cli_print(output, "# fish completion for %s; made by: %s help --completion fish\n", name,
                 name);
    for (uint32_t i = 0; i < program->commands_count; i++) {
        const hn_command *command = &program->commands[i];
        hn_cli_print(output, "complete -c %s -n __fish_use_subcommand -f -a %s -d '", name,
                     command->name);
        print_quoted(output, command->summary);
        hn_cli_print(output, "'\n");
        const hn_cli_option *option;
        for (uint32_t j = 0; (option = hn_cli_option_at(program, command, j)); j++) {
            print_fish_option(output, program, command, option);
        }
        print_fish_operands(output, program, command);
    }
}

void hn_completion_print(hn_cli_output *output, const hn_program *program, const char *shell) {
    assert(strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0 || strcmp(shell, "fish") == 0);
    if (strcmp(shell, "bash") == 0) {
        print_bash(output, program);
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh(output, program);
    } else {
        print_fish(output, program);
    }
}
