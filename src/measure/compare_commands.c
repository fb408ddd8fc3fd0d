/* SPDX-License-Identifier: Apache-2.0 */
/* Two programs as a suite of one case: the new one in hone's place, the old one as its peer. */
#include <string.h>

#include "hone/base/checked.h"
#include "hone/measure/compare.h"

enum { COMMAND_BYTES_MAX = 1 << 20 };
#define COMMANDS_TIME_NS UINT64_C(20000000000)

static hone_status set_up_old(const void *parameter, hone_diag *diag, void **out_context) {
    (void)diag;
    *out_context = (void *)((const hone_compare_commands_options *)parameter)->old_argv;
    return HONE_OK;
}

static hone_status set_up_new(const void *parameter, hone_diag *diag, void **out_context) {
    (void)diag;
    *out_context = (void *)((const hone_compare_commands_options *)parameter)->new_argv;
    return HONE_OK;
}

static const char *const *command_of(void *context) {
    return context;
}

hone_status hone_compare_commands(const hone_compare_commands_options *options, hone_arena *arena,
                                  hone_diag *diag, hone_bench_report *out_report,
                                  hone_comparisons *out_comparisons) {
    if (!options->old_argv || !options->old_argv[0] || !options->new_argv ||
        !options->new_argv[0]) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "two commands are needed");
    }
    const hone_bench_case command = {
        .name = "command",
        .unit = "ms",
        .scale = 1e-6,
        .parameter = options,
        .variants = {{.name = "new", .setup = set_up_new, .command = command_of},
                     {.name = "old", .setup = set_up_old, .command = command_of}},
    };
    const hone_bench_suite suite = {.name = "compare", .cases = &command, .cases_count = 1};
    hone_bench_options bench = options->bench;
    double threshold = options->threshold > 0 ? options->threshold : 0.05;
    bench.with_peers = true;
    bench.filter = NULL;
    bench.time_max_ns = bench.time_max_ns ? bench.time_max_ns : COMMANDS_TIME_NS;
    hone_bench_report report;
    hone_status status = hone_bench_run(&suite, &bench, arena, diag, &report);
    hone_comparisons all = {.items = HONE_ARENA_NEW_ARRAY(arena, hone_comparison, 2)};
    if (status == HONE_OK && !all.items) {
        status = hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory to compare");
    }
    for (uint32_t i = 0; status == HONE_OK && i < report.results_count; i++) {
        const hone_bench_result *result = &report.results[i];
        if (i > 0 && (result->variants[0].absent || result->variants[1].absent)) {
            continue; /* the memory could not be measured here: the report says why */
        }
        status = hone_compare_variants(result, 1, 0, threshold, report.seed, arena, diag,
                                       &all.items[all.count++]);
    }
    if (status == HONE_OK) {
        *out_report = report;
        *out_comparisons = all;
    }
    return status;
}

/* Where the splitting of a line stands. */
typedef struct splitter {
    hone_text line;
    size_t at;
    char *out; /* the words, terminated, one behind the other */
} splitter;

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n';
}

/* Copies one word; false for an open quote. */
static bool copy_word(splitter *self) {
    char quote = 0;
    for (; self->at < self->line.size; self->at++) {
        char byte = self->line.data[self->at];
        if (!quote && is_blank(byte)) {
            break;
        }
        if (byte == '\\' && quote != '\'' && self->at + 1 < self->line.size) {
            *self->out++ = self->line.data[++self->at];
        } else if (byte == quote) {
            quote = 0;
        } else if (!quote && (byte == '\'' || byte == '"')) {
            quote = byte;
        } else {
            *self->out++ = byte;
        }
    }
    *self->out++ = '\0';
    return quote == 0;
}

hone_status hone_command_split(hone_text line, hone_arena *arena, hone_diag *diag,
                               const char ***out_argv) {
    if (line.size > COMMAND_BYTES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the command is longer than %d bytes",
                             COMMAND_BYTES_MAX);
    }
    /* A word takes at least one byte and a blank, so there are at most size / 2 + 1 of them. */
    const char **argv = HONE_ARENA_NEW_ARRAY(arena, const char *, line.size / 2 + 2);
    char *words = hone_arena_allocate(arena, line.size + 2, 1);
    if (!argv || !words) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the command");
    }
    splitter self = {.line = line, .out = words};
    size_t count = 0;
    for (;;) {
        while (self.at < line.size && is_blank(line.data[self.at])) {
            self.at++;
        }
        if (self.at == line.size) {
            break;
        }
        argv[count++] = self.out;
        if (!copy_word(&self)) {
            return hone_diag_set(diag, HONE_STATUS_SYNTAX, "a quote is not closed in: %.200s",
                                 words);
        }
    }
    if (count == 0) {
        return hone_diag_set(diag, HONE_STATUS_SYNTAX, "the command is empty");
    }
    *out_argv = argv;
    return HONE_OK;
}
