/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help_internal.h"

static const char *const sizes[] = {"small", "large", NULL};

static const hn_cli_option cook_options[] = {
    {.name = "time",
     .letter = 't',
     .type = HN_CLI_OPTION_DURATION,
     .argument = "T",
     .help = "how long"},
    {.name = "count",
     .letter = 'n',
     .type = HN_CLI_OPTION_COUNT,
     .argument = "N",
     .help = "how many"},
    {.name = "rate",
     .type = HN_CLI_OPTION_PERCENT,
     .argument = "P",
     .fallback = "5",
     .help = "rate"},
    {.name = "size", .type = HN_CLI_OPTION_TEXT, .argument = "S", .choices = sizes, .help = "size"},
    {.name = "set",
     .letter = 's',
     .type = HN_CLI_OPTION_ASSIGNMENT,
     .repeats = true,
     .argument = "K=V",
     .help = "change"},
    {.name = "root",
     .type = HN_CLI_OPTION_FOLDER,
     .argument = "D",
     .env = "COOK_ROOT",
     .help = "root"},
    {.name = "quiet", .letter = 'q', .type = HN_CLI_OPTION_FLAG, .help = "don't talk"},
    {.name = "verbose", .letter = 'v', .type = HN_CLI_OPTION_FLAG, .help = "talk"},
};

static const hn_cli_option pass_options[] = {
    {.name = "list", .letter = 'l', .type = HN_CLI_OPTION_FLAG, .help = "list"},
};

static const hn_command commands[] = {
    {.name = "cook",
     .summary = "Cook",
     .description = "Cooks.\n\n.dots and 'quotes' - all of it.",
     .operand = "DISH",
     .operands_min = 1,
     .operands_max = 2,
     .completion = HN_COMPLETION_NODE_FILES,
     .options = cook_options,
     .options_count = sizeof cook_options / sizeof *cook_options,
     .examples = "kitchen cook soup  # a soup"},
    {.name = "pass",
     .summary = "Pass on",
     .description = "Passes.",
     .operand = "WHERE",
     .operands_max = 9,
     .passes_rest = true,
     .options = pass_options,
     .options_count = 1},
};

static const hn_cli_option program_options[] = {
    {.name = "help", .letter = 'h', .type = HN_CLI_OPTION_FLAG, .help = "explain"},
    {.name = "version", .letter = 'V', .type = HN_CLI_OPTION_FLAG, .help = "version"},
};

static const hn_program kitchen = {
    .name = "kitchen",
    .version = "1.0",
    .summary = "a test",
    .description = "A test.",
    .commands = commands,
    .commands_count = 2,
    .options = program_options,
    .options_count = 2,
    .common_count = 1,
};

static char *no_environment(const char *name) {
    (void)name;
    return NULL;
}

static char *full_environment(const char *name) {
    static char root[] = "/from/env";
    return strcmp(name, "COOK_ROOT") == 0 ? root : NULL;
}

static char *empty_environment(const char *name) {
    static char nothing[] = "";
    (void)name;
    return nothing;
}

enum { WORDS_MAX = 16 };

/* Splits at blanks, parses; the words live in `storage`. */
static hone_status parse(const char *line, char storage[256], hone_diag *diag,
                         hn_arguments *out_arguments) {
    const char *words[WORDS_MAX];
    uint32_t count = 0;
    (void)snprintf(storage, 256, "%s", line);
    for (char *at = storage; *at && count < WORDS_MAX;) {
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at) {
            *at++ = '\0';
        }
    }
    return hn_arguments_parse(&kitchen, words, count, no_environment, diag, out_arguments);
}

static void takes_every_spelling(void **state) {
    (void)state;
    static const char *const lines[] = {
        "cook soup --time 10s --count 3 --quiet",
        "cook --time=10s soup --count=3 -q",
        "cook -t 10s -n3 -q soup",
        "cook -qt10s -n 3 -- soup",
        "cook soup -qqn3 --time 1s --time 10s",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char storage[256];
        hone_diag diag = {0};
        hn_arguments arguments;
        assert_int_equal(parse(lines[i], storage, &diag, &arguments), HONE_OK);
        assert_string_equal(arguments.command->name, "cook");
        assert_int_equal(hn_arguments_number(&arguments, "time"), 10000000000);
        assert_int_equal(hn_arguments_number(&arguments, "count"), 3);
        assert_true(hn_arguments_has(&arguments, "quiet"));
        assert_false(hn_arguments_has(&arguments, "verbose"));
        assert_int_equal(arguments.operands_count, 1);
        assert_string_equal(arguments.operands[0], "soup");
        assert_null(arguments.operands[1]);
        hn_arguments_deinit(&arguments);
    }
}

static void rejects_with_a_message(void **state) {
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"coook soup", "there is no command 'coook': did you mean 'cook'?"},
        {"zzzzzzzzz", "there is no command 'zzzzzzzzz'"},
        {"cook soup --tmie 10s", "'kitchen cook' has no option '--tmie': did you mean '--time'?"},
        {"cook soup -x", "'kitchen cook' has no option '-x'"},
        {"--bogus", "'kitchen' has no option '--bogus'"},
        {"cook soup --time", "--time needs T behind it: how long"},
        {"cook soup -t", "-t needs T behind it: how long"},
        {"cook soup --time 10",
         "--time: '10' is not a time: write a number above 0 and its unit, as in 500ms, 10s or 2m"},
        {"cook soup --time 0s", "--time: '0s' is not a time: write a number above 0 and its unit, "
                                "as in 500ms, 10s or 2m"},
        {"cook soup -n 0", "-n: '0' is not a whole number of 1 or more"},
        {"cook soup -n -1", "-n: '-1' is not a whole number of 1 or more"},
        {"cook soup -n 18446744073709551616",
         "-n: '18446744073709551616' is not a whole number of 1 or more"},
        {"cook soup --rate=nan", "--rate: 'nan' is not a number above 0"},
        {"cook soup --size tiny", "--size: 'tiny' is none of: small, large"},
        {"cook soup --set novalue", "--set: 'novalue' is no assignment: write key=value"},
        {"cook soup --set =5", "--set: '=5' is no assignment: write key=value"},
        {"cook soup --quiet=yes", "--quiet takes no value: leave out '=yes'"},
        {"cook soup --root=", "--root: the path is empty"},
        {"cook", "'kitchen cook' needs DISH"},
        {"cook a b c", "'kitchen cook' does not know what to do with 'c'"},
        {"cook soup --version", "'kitchen cook' has no option '--version'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char storage[256];
        hone_diag diag = {0};
        hn_arguments arguments;
        assert_int_equal(parse(cases[i].line, storage, &diag, &arguments),
                         HONE_STATUS_INVALID_ARGUMENT);
        if (strncmp(diag.message, cases[i].message, strlen(cases[i].message)) != 0) {
            assert_string_equal(diag.message, cases[i].message);
        }
    }
}

static void repeated_values_keep_their_order(void **state) {
    (void)state;
    char storage[256];
    hn_arguments arguments;
    assert_int_equal(parse("cook soup -s a=1 --set=b=2 -sc=", storage, NULL, &arguments), HONE_OK);
    static const char *const expected[] = {"a=1", "b=2", "c="};
    const hn_argument *at = NULL;
    for (size_t i = 0; i < 3; i++) {
        at = hn_arguments_next(&arguments, "set", at);
        assert_non_null(at);
        assert_string_equal(at->text, expected[i]);
    }
    assert_null(hn_arguments_next(&arguments, "set", at));
    hn_arguments_deinit(&arguments);
}

static void typed_beats_environment_beats_fallback(void **state) {
    (void)state;
    const char *bare[] = {"cook", "soup"};
    const char *typed[] = {"cook", "soup", "--root", "/typed", "--rate", "7.5"};
    hn_arguments arguments;
    assert_int_equal(hn_arguments_parse(&kitchen, bare, 2, full_environment, NULL, &arguments),
                     HONE_OK);
    assert_string_equal(hn_arguments_text(&arguments, "root"), "/from/env");
    assert_true(hn_arguments_last(&arguments, "rate")->real == 5.0);
    hn_arguments_deinit(&arguments);
    assert_int_equal(hn_arguments_parse(&kitchen, typed, 6, full_environment, NULL, &arguments),
                     HONE_OK);
    assert_string_equal(hn_arguments_text(&arguments, "root"), "/typed");
    assert_true(hn_arguments_last(&arguments, "rate")->real == 7.5);
    hn_arguments_deinit(&arguments);
    assert_int_equal(hn_arguments_parse(&kitchen, bare, 2, empty_environment, NULL, &arguments),
                     HONE_OK);
    assert_null(hn_arguments_text(&arguments, "root"));
    hn_arguments_deinit(&arguments);
}

static void the_rest_is_passed_on(void **state) {
    (void)state;
    char storage[256];
    hn_arguments arguments;
    assert_int_equal(parse("pass -l here there --peers x --", storage, NULL, &arguments), HONE_OK);
    assert_true(hn_arguments_has(&arguments, "list"));
    assert_int_equal(arguments.operands_count, 2);
    assert_string_equal(arguments.operands[1], "there");
    assert_null(arguments.operands[2]);
    assert_int_equal(arguments.rest_count, 3);
    assert_string_equal(arguments.rest[0], "--peers");
    assert_string_equal(arguments.rest[2], "--");
    assert_null(arguments.rest[3]);
    hn_arguments_deinit(&arguments);
}

static void help_needs_nothing_else(void **state) {
    (void)state;
    static const char *const lines[] = {"cook --help", "cook -qh --nonsense", "--help cook", "-h"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char storage[256];
        hn_arguments arguments;
        assert_int_equal(parse(lines[i], storage, NULL, &arguments), HONE_OK);
        assert_true(hn_arguments_has(&arguments, "help"));
        hn_arguments_deinit(&arguments);
    }
}

/* Any words at all: no crash, and success always leaves typed values behind. */
static void survives_any_words(void **state) {
    (void)state;
    static const char *const pool[] = {
        "cook",  "pass", "-",   "--", "-q", "-s",      "a=1",     "-t",     "10s",
        "--set", "",     "--=", "-n", "5",  "--quiet", "--help=", "--set=", "-qqqqq"};
    uint64_t random = 42;
    uint32_t accepted = 0;
    for (int round = 0; round < 20000; round++) {
        const char *words[8];
        uint32_t count = 0;
        random = random * 6364136223846793005u + 1442695040888963407u;
        for (uint64_t left = random >> 33; count < (random >> 29) % 8; left /= 18) {
            words[count++] = pool[left % (sizeof pool / sizeof *pool)];
        }
        hone_diag diag = {0};
        hn_arguments arguments;
        if (hn_arguments_parse(&kitchen, words, count, no_environment, &diag, &arguments)) {
            assert_true(diag.message[0] != '\0');
            continue;
        }
        accepted++;
        for (uint32_t i = 0; i < arguments.given_count; i++) {
            const hn_argument *given = &arguments.given[i];
            assert_true((given->option->type == HN_CLI_OPTION_FLAG) == (given->text == NULL));
        }
        hn_arguments_deinit(&arguments);
    }
    assert_true(accepted > 100);
}

static char *print(void (*write)(hn_cli_output *, const hn_program *), size_t *out_size) {
    hn_cli_output output;
    hn_cli_output_init(&output, 1);
    output.columns = 60;
    output.has_colour = false;
    write(&output, &kitchen);
    hone_text text = hone_buffer_text(&output.buffer);
    char *copy = test_malloc(text.size + 1);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *out_size = text.size;
    hone_buffer_deinit(&output.buffer);
    return copy;
}

static void write_help(hn_cli_output *output, const hn_program *program) {
    hn_help_print_command(output, program, &program->commands[0]);
}

static void help_wraps_and_names_everything(void **state) {
    (void)state;
    size_t size;
    char *text = print(write_help, &size);
    for (size_t i = 0; i < commands[0].options_count; i++) {
        char name[40];
        (void)snprintf(name, sizeof name, "--%s", cook_options[i].name);
        assert_non_null(strstr(text, name));
        assert_non_null(strstr(text, cook_options[i].help));
    }
    assert_non_null(strstr(text, "Usage: kitchen cook DISH... [OPTION]..."));
    assert_non_null(strstr(text, "(default 5)"));
    assert_non_null(strstr(text, "[COOK_ROOT]"));
    assert_non_null(strstr(text, "small or large"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 60);
    }
    test_free(text);
}

static void manual_hides_what_roff_would_obey(void **state) {
    (void)state;
    size_t size;
    char *text = print(hn_manual_print, &size);
    assert_non_null(strstr(text, "\n\\&.dots and 'quotes' \\- all of it.\n"));
    assert_non_null(strstr(text, ".TH HONE 1"));
    assert_non_null(strstr(text, "\\fB\\-\\-quiet\\fR"));
    test_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_spelling),
        cmocka_unit_test(rejects_with_a_message),
        cmocka_unit_test(repeated_values_keep_their_order),
        cmocka_unit_test(typed_beats_environment_beats_fallback),
        cmocka_unit_test(the_rest_is_passed_on),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(survives_any_words),
        cmocka_unit_test(help_wraps_and_names_everything),
        cmocka_unit_test(manual_hides_what_roff_would_obey),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
