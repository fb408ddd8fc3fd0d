/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of the table of commands and options (commands.c fills it), and the reader of command
 * lines that works from it. Help, man page and shell completion are made from the same table, so a
 * command line that one of them shows is one that the parser takes.
 *
 * Contract: tables are static and frozen. Parsed arguments are confined and borrow the command
 * line; hn_arguments_deinit gives back what they hold.
 */
#ifndef HN_CLI_COMMAND_LINE_INTERNAL_H
#define HN_CLI_COMMAND_LINE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/span.h"
#include "hone/base/status.h"

typedef enum hn_cli_option_type {
    HN_CLI_OPTION_FLAG,       /* takes no argument */
    HN_CLI_OPTION_TEXT,       /* anything, or one of `choices` */
    HN_CLI_OPTION_FILE,       /* a path; completion offers files */
    HN_CLI_OPTION_FOLDER,     /* a path; completion offers folders */
    HN_CLI_OPTION_COUNT,      /* a whole number, 1 or more: number */
    HN_CLI_OPTION_PERCENT,    /* a decimal number above 0: real */
    HN_CLI_OPTION_DURATION,   /* "10s", "500ms": number, in ns */
    HN_CLI_OPTION_ASSIGNMENT, /* key=value */
} hn_cli_option_type;

typedef struct hn_cli_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    hn_cli_option_type type;
    bool repeats;               /* every occurrence counts; otherwise the last one */
    const char *argument;       /* as help names it, "FILE"; NULL for a flag */
    const char *fallback;       /* what holds when it is not given; NULL: nothing */
    const char *env;            /* a variable that stands in for the option; NULL: none */
    const char *const *choices; /* TEXT: NULL-terminated, or NULL for anything */
    const char *help;           /* starts small, ends without a full stop */
} hn_cli_option;

/* What shell completion offers for operands. */
typedef enum hn_completion {
    HN_COMPLETION_NONE,
    HN_COMPLETION_NODE_FILES, /* *.toml */
    HN_COMPLETION_COMMANDS,
    HN_COMPLETION_SUITES, /* what `hone bench --list` prints */
    HN_COMPLETION_NODES,  /* what `hone top --list` prints */
} hn_completion;

typedef struct hn_session hn_session;

typedef struct hn_command {
    const char *name;
    const char *summary;     /* one line for the list of commands */
    const char *description; /* paragraphs, separated by "\n\n"; lines that start with a blank stay
                                as they are */
    const char *operand;     /* as help names it, "FILE"; NULL: takes none */
    uint32_t operands_min;
    uint32_t operands_max;
    hn_completion completion;
    bool passes_rest; /* options behind the first operand belong to another program */
    const hn_cli_option *options;
    uint32_t options_count;
    const char *examples;            /* lines "command line  # what it does", or NULL */
    int (*run)(hn_session *session); /* returns an exit code */
} hn_command;

/* A row of the tables of exit codes, variables and files in help. */
typedef struct hn_note {
    const char *name;
    const char *text;
} hn_note;

typedef struct hn_program {
    const char *name;    /* "hone" */
    const char *version; /* "0.1.0" */
    const char *summary;
    const char *description;
    const hn_command *commands;
    uint32_t commands_count;
    const hn_cli_option *options; /* of the program itself, before a command is named */
    uint32_t options_count;
    uint32_t common_count;     /* the first of these options work behind every command, too */
    const char *const *topics; /* of `help` besides commands, ended by NULL; NULL: none */
    const hn_note *exit_codes;
    uint32_t exit_codes_count;
    const hn_note *variables;
    uint32_t variables_count;
} hn_program;

/* One option as it was given. */
typedef struct hn_argument {
    const hn_cli_option *option;
    const char *text; /* NULL for a flag */
    uint64_t number;  /* COUNT, DURATION */
    double real;      /* PERCENT */
} hn_argument;

typedef struct hn_arguments {
    const hn_program *program;
    const hn_command *command; /* NULL: none was named */
    hn_argument *given; /* one for each option that has a value, more for those that repeat */
    uint32_t given_count;
    const char **operands; /* NULL-terminated */
    uint32_t operands_count;
    const char **rest; /* passes_rest: NULL-terminated, what was not looked at */
    uint32_t rest_count;
    const char **words; /* operands and rest, in one block */
    uint32_t capacity;  /* of given, and of words */
} hn_arguments;

/* Reads words[0 .. words_count), the command line without the program's name. `environment` looks a
 * variable up (getenv). INVALID_ARGUMENT with a message for the person who typed; OUT_OF_MEMORY. On
 * failure out_arguments->command is set when it was known, for a pointer to its help; nothing needs
 * deinit then. Behind --help nothing is judged any more. */
HONE_MUST_USE hone_status hn_arguments_parse(const hn_program *program, const char *const *words,
                                             uint32_t words_count,
                                             char *(*environment)(const char *name),
                                             hone_diag *diag, hn_arguments *out_arguments);
void hn_arguments_deinit(hn_arguments *arguments);

/* Answers about one option of the command, by its long name (asserted to be in the table). */
bool hn_arguments_has(const hn_arguments *arguments, const char *name);

/* The last value, or NULL when there is none. */
const hn_argument *hn_arguments_last(const hn_arguments *arguments, const char *name);

/* Its text, or NULL. */
const char *hn_arguments_text(const hn_arguments *arguments, const char *name);

/* Its number, or 0. */
uint64_t hn_arguments_number(const hn_arguments *arguments, const char *name);

/* The value behind `previous` (NULL: the first) of an option that repeats, or NULL. */
const hn_argument *hn_arguments_next(const hn_arguments *arguments, const char *name,
                                     const hn_argument *previous);

/* The texts of all values of an option that repeats, as an array that hn_arguments_release gives
 * back. NULL and 0 when there is none. OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hn_arguments_collect(const hn_arguments *arguments, const char *name,
                                               hone_diag *diag, const char *const **out_texts,
                                               uint32_t *out_count);
void hn_arguments_release(const char *const *texts, uint32_t count);

/* The command of that name, or NULL. */
const hn_command *hn_cli_find_command(const hn_program *program, hone_text name);

/* Option number `index` of a command, the common ones last; NULL behind the last. `command` NULL
 * means the program itself. */
const hn_cli_option *hn_cli_option_at(const hn_program *program, const hn_command *command,
                                      uint32_t index);

/* ": did you mean 'x'?" or "", written into the caller's text, which it returns. */
const char *hn_suggest_command(const hn_program *program, hone_text name, char *out_text,
                               size_t size);

#endif
