/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of command lines: GNU conventions without abbreviations. Options and operands may be
 * mixed; "--name=value" and "--name value", "-nvalue" and "-n value" mean the same; flags of one
 * letter may share a dash; "--" ends the options; "-" alone is an operand.
 */
#include "command_line_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/allocator.h"
#include "hone/base/units.h"

enum { OPTIONS_MAX = 64 };

typedef struct line_parser {
    hn_arguments *arguments;
    const char *const *words;
    uint32_t count;
    uint32_t at;
    hone_diag *diag;
    bool wants_help;
    bool is_after_options; /* "--" was seen */
} line_parser;

const hn_command *hn_cli_find_command(const hn_program *program, hone_text name) {
    for (uint32_t i = 0; i < program->commands_count; i++) {
        if (hone_text_is(name, program->commands[i].name)) {
            return &program->commands[i];
        }
    }
    return NULL;
}

const hn_cli_option *hn_cli_option_at(const hn_program *program, const hn_command *command,
                                      uint32_t index) {
    if (!command) {
        return index < program->options_count ? &program->options[index] : NULL;
    }
    if (index < command->options_count) {
        return &command->options[index];
    }
    index -= command->options_count;
    return index < program->common_count ? &program->options[index] : NULL;
}

static const hn_cli_option *find_option(const hn_arguments *arguments, hone_text name) {
    const hn_cli_option *option;
    for (uint32_t i = 0; (option = hn_cli_option_at(arguments->program, arguments->command, i));
         i++) {
        if (hone_text_is(name, option->name)) {
            return option;
        }
    }
    return NULL;
}

static const hn_cli_option *find_letter(const hn_arguments *arguments, char letter) {
    const hn_cli_option *option;
    for (uint32_t i = 0; (option = hn_cli_option_at(arguments->program, arguments->command, i));
         i++) {
        if (option->letter == letter) {
            return option;
        }
    }
    return NULL;
}

/* "hone run", or "hone" while no command is known. */
static const char *caller_name(const hn_arguments *arguments, char out_text[64]) {
    (void)snprintf(out_text, 64, "%s%s%s", arguments->program->name, arguments->command ? " " : "",
                   arguments->command ? arguments->command->name : "");
    return out_text;
}

const char *hn_suggest_command(const hn_program *program, hone_text name, char *out_text,
                               size_t size) {
    const char *names[OPTIONS_MAX];
    uint32_t count = 0;
    for (const char *const *topic = program->topics; topic && *topic; topic++) {
        if (hone_text_is(name, *topic)) {
            (void)snprintf(out_text, size, ": did you mean '%s help %s'?", program->name, *topic);
            return out_text;
        }
    }
    for (; count < program->commands_count && count < OPTIONS_MAX; count++) {
        names[count] = program->commands[count].name;
    }
    const char *nearest = hone_text_nearest(name, names, count);
    (void)snprintf(out_text, size, "%s%s%s", nearest ? ": did you mean '" : "",
                   nearest ? nearest : "", nearest ? "'?" : "");
    return out_text;
}

static hone_status fail_unknown_option(line_parser *parser, hone_text name) {
    const char *names[OPTIONS_MAX];
    const hn_arguments *arguments = parser->arguments;
    const hn_cli_option *option;
    uint32_t count = 0;
    while (count < OPTIONS_MAX &&
           (option = hn_cli_option_at(arguments->program, arguments->command, count))) {
        names[count++] = option->name;
    }
    char caller[64];
    const char *nearest = hone_text_nearest(name, names, count);
    return hone_diag_set(parser->diag, HONE_STATUS_INVALID_ARGUMENT,
                         "'%s' has no option '--%.*s'%s%s%s", caller_name(arguments, caller),
                         HONE_TEXT_ARGS(name), nearest ? ": did you mean '--" : "",
                         nearest ? nearest : "", nearest ? "'?" : "");
}

static bool is_choice(const hn_cli_option *option, const char *text) {
    for (const char *const *choice = option->choices; choice && *choice; choice++) {
        if (strcmp(*choice, text) == 0) {
            return true;
        }
    }
    return option->choices == NULL;
}

static hone_status fail_choice(const hn_cli_option *option, const char *text, hone_diag *diag) {
    char list[200] = "";
    for (const char *const *choice = option->choices; *choice; choice++) {
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", *choice);
    }
    return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "'%.80s' is none of: %s", text, list);
}

static hone_status parse_count(const char *text, uint64_t *out_count, hone_diag *diag) {
    uint64_t count = 0;
    bool is_valid = *text != '\0';
    for (const char *at = text; *at && is_valid; at++) {
        is_valid = *at >= '0' && *at <= '9' && !__builtin_mul_overflow(count, 10, &count) &&
                   !__builtin_add_overflow(count, (uint64_t)(*at - '0'), &count);
    }
    if (!is_valid || count == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'%.80s' is not a whole number of 1 or more", text);
    }
    *out_count = count;
    return HONE_OK;
}

static hone_status parse_percent(const char *text, double *out_real, hone_diag *diag) {
    char *end = NULL;
    double real = strtod(text, &end);
    if (end == text || *end != '\0' || !(real > 0) || real > 1e6) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "'%.80s' is not a number above 0",
                             text);
    }
    *out_real = real;
    return HONE_OK;
}

/* Judges argument->text by the option's type and fills in number and real. */
static hone_status parse_value(hn_argument *argument, hone_diag *diag) {
    const char *text = argument->text;
    switch (argument->option->type) {
    case HN_CLI_OPTION_FLAG: return HONE_OK;
    case HN_CLI_OPTION_TEXT:
        return is_choice(argument->option, text) ? HONE_OK
                                                 : fail_choice(argument->option, text, diag);
    case HN_CLI_OPTION_FILE:
    case HN_CLI_OPTION_FOLDER:
        return *text ? HONE_OK
                     : hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "the path is empty");
    case HN_CLI_OPTION_COUNT: return parse_count(text, &argument->number, diag);
    case HN_CLI_OPTION_PERCENT: return parse_percent(text, &argument->real, diag);
    case HN_CLI_OPTION_DURATION:
        if (hone_duration_parse(hone_text_of(text), &argument->number) || argument->number == 0) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "'%.80s' is not a time: write a number above 0 and its unit, "
                                 "as in 500ms, 10s or 2m",
                                 text);
        }
        return HONE_OK;
    case HN_CLI_OPTION_ASSIGNMENT:
        if (*text == '=' || !strchr(text, '=')) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "'%.80s' is no assignment: write key=value", text);
        }
        return HONE_OK;
    }
    return HONE_STATUS_INTERNAL;
}

/* The place of an option's value: a new one where every occurrence counts, else its only one. */
static hn_argument *place_of(hn_arguments *arguments, const hn_cli_option *option) {
    for (uint32_t i = 0; i < arguments->given_count && !option->repeats; i++) {
        if (arguments->given[i].option == option) {
            return &arguments->given[i];
        }
    }
    assert(arguments->given_count < arguments->capacity);
    return &arguments->given[arguments->given_count++];
}

/* Takes one option into the list. `origin` is how the person named it ("--for", "-n", a variable).
 */
static hone_status add_argument(hn_arguments *arguments, const hn_cli_option *option,
                                const char *text, const char *origin, hone_diag *diag) {
    hn_argument argument = {.option = option, .text = text};
    hone_diag detail = {0};
    hone_status status = parse_value(&argument, &detail);
    if (status) {
        return hone_diag_set(diag, status, "%s: %s", origin, detail.message);
    }
    *place_of(arguments, option) = argument;
    return HONE_OK;
}

/* The value of an option that needs one: what stands behind '=', or the next word. */
static hone_status take_value(line_parser *parser, const hn_cli_option *option,
                              const char *inline_value, const char *origin,
                              const char **out_value) {
    if (inline_value) {
        *out_value = inline_value;
        return HONE_OK;
    }
    if (parser->at >= parser->count) {
        return hone_diag_set(parser->diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%s needs %s behind it: %s", origin, option->argument, option->help);
    }
    *out_value = parser->words[parser->at++];
    return HONE_OK;
}

static hone_status take_option(line_parser *parser, const hn_cli_option *option,
                               const char *inline_value, const char *origin) {
    const char *text = NULL;
    hone_status status = HONE_OK;
    if (option->type != HN_CLI_OPTION_FLAG) {
        status = take_value(parser, option, inline_value, origin, &text);
    } else if (strcmp(option->name, "help") == 0) {
        parser->wants_help = true;
    }
    return status ? status : add_argument(parser->arguments, option, text, origin, parser->diag);
}

static hone_status parse_long(line_parser *parser, const char *word) {
    hone_text value = hone_text_of(word + 2);
    hone_text name = hone_text_split(&value, '=');
    const hn_cli_option *option = find_option(parser->arguments, name);
    if (!option) {
        return fail_unknown_option(parser, name);
    }
    char origin[80];
    (void)snprintf(origin, sizeof origin, "--%s", option->name);
    if (option->type == HN_CLI_OPTION_FLAG && value.data) {
        return hone_diag_set(parser->diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%s takes no value: leave out '=%.80s'", origin, value.data);
    }
    return take_option(parser, option, value.data, origin);
}

static hone_status parse_letters(line_parser *parser, const char *word) {
    hone_status status = HONE_OK;
    bool is_value = false;
    for (const char *at = word + 1; *at && !is_value && !status; at++) {
        const hn_cli_option *option = find_letter(parser->arguments, *at);
        char origin[8], caller[64];
        (void)snprintf(origin, sizeof origin, "-%c", *at);
        if (!option) {
            return hone_diag_set(parser->diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "'%s' has no option '%s'", caller_name(parser->arguments, caller),
                                 origin);
        }
        is_value = option->type != HN_CLI_OPTION_FLAG;
        status = take_option(parser, option, is_value && at[1] ? at + 1 : NULL, origin);
    }
    return status;
}

static bool passes_rest(const line_parser *parser) {
    const hn_arguments *arguments = parser->arguments;
    return arguments->command && arguments->command->passes_rest && arguments->operands_count > 0;
}

static void take_rest(line_parser *parser) {
    hn_arguments *arguments = parser->arguments;
    arguments->rest = arguments->words + arguments->operands_count + 1;
    while (parser->at < parser->count) {
        arguments->rest[arguments->rest_count++] = parser->words[parser->at++];
    }
}

static bool is_option_next(const line_parser *parser) {
    const char *word = parser->words[parser->at];
    return word[0] == '-' && word[1] != '\0' && !parser->is_after_options;
}

static hone_status parse_word(line_parser *parser) {
    const char *word = parser->words[parser->at];
    bool is_option = is_option_next(parser);
    if (is_option && passes_rest(parser)) {
        take_rest(parser);
        return HONE_OK;
    }
    parser->at++;
    if (!is_option) {
        parser->arguments->operands[parser->arguments->operands_count++] = word;
        return HONE_OK;
    }
    if (strcmp(word, "--") == 0) {
        parser->is_after_options = true;
        return HONE_OK;
    }
    return word[1] == '-' ? parse_long(parser, word) : parse_letters(parser, word);
}

static hone_status check_operands(const hn_arguments *arguments, hone_diag *diag) {
    const hn_command *command = arguments->command;
    char caller[64];
    if (arguments->operands_count < command->operands_min) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "'%s' needs %s",
                             caller_name(arguments, caller), command->operand);
    }
    if (arguments->operands_count > command->operands_max) {
        return hone_diag_set(
            diag, HONE_STATUS_INVALID_ARGUMENT, "'%s' does not know what to do with '%.80s'",
            caller_name(arguments, caller), arguments->operands[command->operands_max]);
    }
    return HONE_OK;
}

static bool is_given(const hn_arguments *arguments, const hn_cli_option *option) {
    for (uint32_t i = 0; i < arguments->given_count; i++) {
        if (arguments->given[i].option == option) {
            return true;
        }
    }
    return false;
}

/* What holds where nothing is typed: the environment before the table's fallback. */
static hone_status add_defaults(hn_arguments *arguments, char *(*environment)(const char *),
                                hone_diag *diag) {
    const hn_cli_option *option;
    for (uint32_t i = 0; (option = hn_cli_option_at(arguments->program, arguments->command, i));
         i++) {
        const char *text = option->env ? environment(option->env) : NULL;
        bool is_set = text && *text;
        if (is_given(arguments, option)) {
            continue;
        }
        text = is_set ? text : option->fallback;
        hone_status status =
            text ? add_argument(arguments, option, text, is_set ? option->env : option->name, diag)
                 : HONE_OK;
        if (status) {
            return status;
        }
    }
    return HONE_OK;
}

/* Options of the program itself, up to and with the name of the command. */
static hone_status parse_front(line_parser *parser) {
    hn_arguments *arguments = parser->arguments;
    while (parser->at < parser->count && !arguments->command && !parser->wants_help) {
        const char *word = parser->words[parser->at];
        if (is_option_next(parser)) {
            hone_status status = parse_word(parser);
            if (status) {
                return status;
            }
            continue;
        }
        parser->at++;
        arguments->command = hn_cli_find_command(arguments->program, hone_text_of(word));
        if (!arguments->command) {
            char hint[96];
            return hone_diag_set(
                parser->diag, HONE_STATUS_INVALID_ARGUMENT, "there is no command '%.80s'%s", word,
                hn_suggest_command(arguments->program, hone_text_of(word), hint, sizeof hint));
        }
    }
    return HONE_OK;
}

static hone_status parse_all(line_parser *parser, char *(*environment)(const char *name)) {
    hn_arguments *arguments = parser->arguments;
    hone_status status = parse_front(parser);
    while (!status && parser->at < parser->count && !parser->wants_help) {
        status = parse_word(parser);
    }
    if (status || !arguments->command || parser->wants_help) {
        return status;
    }
    status = check_operands(arguments, parser->diag);
    return status ? status : add_defaults(arguments, environment, parser->diag);
}

hone_status hn_arguments_parse(const hn_program *program, const char *const *words,
                               uint32_t words_count, char *(*environment)(const char *name),
                               hone_diag *diag, hn_arguments *out_arguments) {
    hn_arguments arguments = {.program = program};
    *out_arguments = arguments;
    if (words_count > UINT32_MAX - OPTIONS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "too many arguments");
    }
    /* Each word gives one value at most, beside what repeats of one-letter flags fold into and the
     * defaults of the table; operands and rest each end in a NULL. */
    arguments.capacity = words_count + OPTIONS_MAX;
    arguments.given = HONE_NEW_ARRAY(NULL, hn_argument, arguments.capacity);
    arguments.words = HONE_NEW_ARRAY(NULL, const char *, arguments.capacity);
    if (!arguments.given || !arguments.words) {
        hn_arguments_deinit(&arguments);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "not enough memory for arguments");
    }
    arguments.operands = arguments.words;
    arguments.rest = arguments.words + words_count + 1;
    line_parser parser = {
        .arguments = &arguments, .words = words, .count = words_count, .diag = diag};
    hone_status status = parse_all(&parser, environment);
    if (status) {
        out_arguments->command = arguments.command;
        hn_arguments_deinit(&arguments);
        return status;
    }
    *out_arguments = arguments;
    return HONE_OK;
}

void hn_arguments_deinit(hn_arguments *arguments) {
    HONE_DELETE_ARRAY(NULL, hn_argument, arguments->given, arguments->capacity);
    HONE_DELETE_ARRAY(NULL, const char *, arguments->words, arguments->capacity);
    *arguments = (hn_arguments){0};
}

const hn_argument *hn_arguments_next(const hn_arguments *arguments, const char *name,
                                     const hn_argument *previous) {
    assert(find_option(arguments, hone_text_of(name)));
    const hn_argument *end = arguments->given + arguments->given_count;
    for (const hn_argument *at = previous ? previous + 1 : arguments->given; at < end; at++) {
        if (strcmp(at->option->name, name) == 0) {
            return at;
        }
    }
    return NULL;
}

const hn_argument *hn_arguments_last(const hn_arguments *arguments, const char *name) {
    const hn_argument *last = NULL;
    for (const hn_argument *at = NULL; (at = hn_arguments_next(arguments, name, at));) {
        last = at;
    }
    return last;
}

bool hn_arguments_has(const hn_arguments *arguments, const char *name) {
    return hn_arguments_next(arguments, name, NULL) != NULL;
}

const char *hn_arguments_text(const hn_arguments *arguments, const char *name) {
    const hn_argument *argument = hn_arguments_last(arguments, name);
    return argument ? argument->text : NULL;
}

uint64_t hn_arguments_number(const hn_arguments *arguments, const char *name) {
    const hn_argument *argument = hn_arguments_last(arguments, name);
    return argument ? argument->number : 0;
}

hone_status hn_arguments_collect(const hn_arguments *arguments, const char *name, hone_diag *diag,
                                 const char *const **out_texts, uint32_t *out_count) {
    uint32_t count = 0;
    for (const hn_argument *at = NULL; (at = hn_arguments_next(arguments, name, at));) {
        count++;
    }
    const char **texts = count ? HONE_NEW_ARRAY(NULL, const char *, count) : NULL;
    if (count && !texts) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "not enough memory for --%s", name);
    }
    uint32_t index = 0;
    for (const hn_argument *at = NULL; (at = hn_arguments_next(arguments, name, at));) {
        texts[index++] = at->text;
    }
    *out_texts = texts;
    *out_count = count;
    return HONE_OK;
}

void hn_arguments_release(const char *const *texts, uint32_t count) {
    HONE_DELETE_ARRAY(NULL, const char *, (void *)texts, count);
}
