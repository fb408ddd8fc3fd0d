/* SPDX-License-Identifier: Apache-2.0 */
/* The front end of the lab: options, progress, files, exit codes. The only part that prints.
 * tidy: allow print throughout: it is the body of main of the bench programs. */
#include "hone/measure/bench_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hone/measure/baseline.h"
#include "hone/measure/bench_report.h"
#include "hone/platform/file.h"
#include "repeat_internal.h"

enum {
    ARENA_BYTES_MAX = 1 << 30,
    REPORT_BYTES_MAX = 256 << 20,
    PROCESSES_DEFAULT = 5, /* for baselines */
    PROCESSES_MAX = 100,
};
static const double threshold_default = 0.05;

/* What the command line asks for. */
typedef struct front {
    const char *program;
    const hone_bench_suite *suite;
    hone_bench_options bench;
    uint64_t processes_count;
    const char *json, *google_json, *markdown, *html;
    const char *save, *compare, *baselines;
    double threshold;
    bool is_strict, is_list, is_help, is_quiet, with_details;
} front;

typedef struct option_spec {
    const char *name;
    char letter;
    const char *argument, *help; /* argument "": it takes none */
} option_spec;

static const option_spec option_table[] = {
    {"peers", 'p', "", "run the peers beside hone, interleaved"},
    {"quick", 'q', "", "an eighth of the time, wider intervals"},
    {"filter", 'f', "TEXT", "only cases with TEXT in their name"},
    {"details", 'd', "", "print mean, deviation, range, counters as well"},
    {"list", 'l', "", "list the cases and their variants, run nothing"},
    {"seed", 's', "N", "of random orders and resampling (1)"},
    {"json", 'j', "FILE", "write JSON (- is standard output)"},
    {"google-json", 'g', "FILE", "write google-benchmark's JSON"},
    {"markdown", 'm', "FILE", "write Markdown"},
    {"html", 'h', "FILE", "write one HTML file with plots"},
    {"save", 'S', "NAME", "keep this run as a baseline"},
    {"compare", 'c', "NAME", "judge this run against a baseline"},
    {"baselines", 'b', "DIR", "where baselines are ($XDG_STATE_HOME/hone/baselines)"},
    {"processes", 'n', "N", "processes behind a baseline or a comparison (5)"},
    {"blocks", 'B', "N", "at most N pairs of samples a case"},
    {"threshold", 't', "N%", "what counts as a change (5%)"},
    {"strict", 'x', "", "exit with 2 when a verdict is inconclusive"},
    {"quiet", 'Q', "", "no progress on standard error"},
    {"help", 'H', "", "this text"},
};
enum { OPTIONS_COUNT = sizeof option_table / sizeof option_table[0] };

/* The one place where measure touches the standard streams. */
static FILE *stream(bool is_error) {
    return is_error ? stderr : stdout; /* tidy: allow print: this is the front end of the lab */
}

static void print_help(const char *program) {
    (void)fprintf(stream(false), "Usage: %s [OPTION]...\nMeasures the cases of a suite.\n\n",
                  program);
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        char left[40];
        (void)snprintf(left, sizeof left, "--%s %s", option_table[i].name,
                       option_table[i].argument);
        (void)fprintf(stream(false), "  %-22s %s\n", left, option_table[i].help);
    }
    (void)fprintf(
        stream(false),
        "\nExit codes: 0 ok, 1 regressed, 2 inconclusive (with --strict), 3 error: a wrong\n"
        "command line, a filter that leaves no case, or a failure.\n");
}

static int complain(const char *what, const char *about) {
    (void)fprintf(stream(true), "hone: error: %s%s%s\n", what, about ? ": " : "",
                  about ? about : "");
    return HONE_BENCH_EXIT_ERROR;
}

static int complain_diag(const hone_diag *diag, hone_status status) {
    char text[1024];
    (void)hone_diag_format(diag, text, sizeof text);
    return complain(text[0] ? text : hone_status_text(status), NULL);
}

/* A whole number from 1 to `most`. */
static bool parse_count(const char *text, uint64_t most, uint64_t *out_count) {
    char *end;
    uint64_t count = strtoull(text, &end, 10);
    *out_count = count;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && count >= 1 && count <= most;
}

/* "5%" or "5": percent. */
static bool parse_threshold(const char *text, double *out_threshold) {
    char *end;
    double percent = strtod(text, &end);
    end += *end == '%';
    *out_threshold = percent / 100;
    return end != text && *end == '\0' && percent > 0 && percent <= 1000;
}

/* Returns false after having said what is wrong. */
static bool apply_option(front *self, int option, const char *value) {
    bool is_good = true;
    uint64_t blocks = 0;
    switch (option) {
    case 'p': self->bench.with_peers = true; break;
    case 'q': self->bench.is_quick = true; break;
    case 'f': self->bench.filter = value; break;
    case 'l': self->is_list = true; break;
    case 's': is_good = parse_count(value, UINT64_MAX, &self->bench.seed); break;
    case 'n': is_good = parse_count(value, PROCESSES_MAX, &self->processes_count); break;
    case 'B': is_good = parse_count(value, 100000, &blocks); break;
    case 'j': self->json = value; break;
    case 'g': self->google_json = value; break;
    case 'm': self->markdown = value; break;
    case 'h': self->html = value; break;
    case 'S': self->save = value; break;
    case 'c': self->compare = value; break;
    case 'b': self->baselines = value; break;
    case 't': is_good = parse_threshold(value, &self->threshold); break;
    case 'x': self->is_strict = true; break;
    case 'd': self->with_details = true; break;
    case 'Q': self->is_quiet = true; break;
    case 'H': self->is_help = true; break;
    default: return false;
    }
    if (!is_good) {
        (void)complain(option == 't' ? "--threshold wants a percentage such as 5%, not"
                                     : "--seed, --processes and --blocks want a whole number "
                                       "from 1 (up to 100 processes, 100000 blocks), not",
                       value);
    }
    if (blocks) {
        self->bench.blocks_max = (uint32_t)blocks;
    }
    return is_good;
}

/* The option of that very name; NULL after having said which one is near. */
static const option_spec *find_option(hone_text name) {
    const char *names[OPTIONS_COUNT];
    char about[160];
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (hone_text_is(name, option_table[i].name)) {
            return &option_table[i];
        }
        names[i] = option_table[i].name;
    }
    const char *nearest = hone_text_nearest(name, names, OPTIONS_COUNT);
    for (size_t i = 0; i < OPTIONS_COUNT && !nearest && name.size; i++) {
        nearest = hone_text_has_prefix(hone_text_of(names[i]), name) ? names[i] : NULL;
    }
    (void)snprintf(about, sizeof about, "--%.*s%s%s%s", (int)(name.size < 80 ? name.size : 80),
                   name.data, nearest ? " (did you mean --" : "", nearest ? nearest : "",
                   nearest ? "?)" : "");
    (void)complain("unknown option (--help lists them)", about);
    return NULL;
}

/* "--name", "--name=value" or "--name value" at words[*index], which moves to the last word that
 * was used. Names in full: what begins one today might begin two tomorrow. */
static bool parse_option(front *self, char **words, int count, int *index) {
    hone_text value = hone_text_of(words[*index] + 2);
    hone_text name = hone_text_split(&value, '=');
    const option_spec *spec = find_option(name);
    if (!spec) {
        return false;
    }
    bool wants_value = spec->argument[0] != '\0', has_value = value.data != NULL;
    if (!wants_value) {
        if (has_value) {
            (void)complain("this option takes no value", words[*index]);
        }
        return !has_value && apply_option(self, spec->letter, NULL);
    }
    if (!has_value && *index + 1 >= count) {
        (void)complain("a value is missing after", words[*index]);
        return false;
    }
    return apply_option(self, spec->letter, has_value ? value.data : words[++*index]);
}

static bool parse_command_line(int argc, char **argv, front *self) {
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            if (!parse_option(self, argv, argc, &i)) {
                return false;
            }
            continue;
        }
        (void)complain(argv[i][0] == '-' ? "unknown option (--help lists them)"
                                         : "unexpected argument (--help lists the options)",
                       argv[i]);
        return false;
    }
    return true;
}

static int list_cases(const hone_bench_suite *suite) {
    for (uint32_t i = 0; i < suite->cases_count; i++) {
        const hone_bench_case *spec = &suite->cases[i];
        (void)fprintf(stream(false), "%s (%s, %s is better):", spec->name, spec->unit,
                      spec->better == HONE_BENCH_LOWER ? "lower" : "higher");
        for (int v = 0; v < HONE_BENCH_VARIANTS_MAX && spec->variants[v].name; v++) {
            const char *absent = spec->variants[v].absent;
            (void)fprintf(stream(false), " %s%s%s%s", spec->variants[v].name,
                          absent ? " (absent: " : "", absent ? absent : "", absent ? ")" : "");
        }
        (void)fprintf(stream(false), "\n");
    }
    return HONE_BENCH_EXIT_OK;
}

/* On a terminal one line that is written over, elsewhere a line each: a suite may take minutes, and
 * whoever waits for it must see that it lives. */
static void show_step(uint32_t index, uint32_t count, const char *what) {
    bool is_terminal = isatty(STDERR_FILENO) == 1;
    (void)fprintf(stream(true), "%s[%u/%u] %s%s", is_terminal ? "\r\033[K" : "", index + 1, count,
                  what, is_terminal ? "" : "\n");
    (void)fflush(stream(true));
}

static void show_progress(void *self, const char *case_name, uint32_t index, uint32_t count) {
    (void)self;
    show_step(index, count, case_name);
}

static void show_process(uint32_t index, uint32_t count) {
    show_step(index, count, "all cases once more, in a process of its own");
}

static void clear_progress(void) {
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stream(true), "\r\033[K");
    }
}

static bool has_color(void) {
    const char *none = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(none && none[0]);
}

/* Prints what is in the buffer; false when it could not be made or written. */
static bool print_buffer(const hone_buffer *buffer) {
    if (hone_buffer_status(buffer) != HONE_OK) {
        (void)complain("the report does not fit into memory", NULL);
        return false;
    }
    if (fwrite(buffer->data, 1, buffer->size, stream(false)) != buffer->size ||
        fflush(stream(false)) != 0) {
        (void)complain("cannot write to standard output", NULL);
        return false;
    }
    return true;
}

typedef void (*report_writer)(const hone_bench_report *report, hone_buffer *out);

static bool write_report(const hone_bench_report *report, report_writer writer, const char *path) {
    hone_buffer text;
    hone_diag diag = {0};
    bool is_done;
    if (!path) {
        return true;
    }
    hone_buffer_init(&text, NULL, REPORT_BYTES_MAX);
    writer(report, &text);
    if (strcmp(path, "-") == 0 || hone_buffer_status(&text) != HONE_OK) {
        is_done = print_buffer(&text);
    } else {
        hone_status status = hone_file_replace(path, hone_buffer_text(&text), NULL);
        is_done = status == HONE_OK;
        if (!is_done) { /* by the path that was typed, not by that of the file beside it */
            hone_diag_at(&diag, path, 0, 0);
            (void)complain_diag(&diag, hone_diag_set(&diag, status, "cannot be written: %s",
                                                     hone_status_text(status)));
        }
    }
    hone_buffer_deinit(&text);
    return is_done;
}

static bool is_to_stdout(const front *self) {
    const char *paths[] = {self->json, self->google_json, self->markdown, self->html};
    for (int i = 0; i < 4; i++) {
        if (paths[i] && strcmp(paths[i], "-") == 0) {
            return true;
        }
    }
    return false;
}

static bool write_reports(const front *self, const hone_bench_report *report) {
    return write_report(report, hone_bench_write_json, self->json) &&
           write_report(report, hone_bench_write_google_json, self->google_json) &&
           write_report(report, hone_bench_write_markdown, self->markdown) &&
           write_report(report, hone_bench_write_html, self->html);
}

/* The table and the verdicts, unless standard output carries a report. */
static bool print_results(const front *self, const hone_bench_report *report,
                          const hone_comparisons *comparisons) {
    hone_buffer text;
    if (is_to_stdout(self)) {
        return true;
    }
    hone_buffer_init(&text, NULL, REPORT_BYTES_MAX);
    hone_bench_write_table(report, has_color(), &text);
    if (self->with_details) {
        hone_buffer_append_byte(&text, '\n');
        hone_bench_write_details(report, &text);
    }
    if (comparisons->count) {
        hone_buffer_append_byte(&text, '\n');
        hone_bench_write_comparisons(comparisons, self->threshold, has_color(), &text);
    }
    bool is_done = print_buffer(&text);
    hone_buffer_deinit(&text);
    return is_done;
}

/* The same cases in more processes, merged with this one's. */
static hone_status repeat_suite(const front *self, hone_arena *arena, hone_diag *diag,
                                const hone_bench_report *first, hone_bench_report *out_merged) {
    const hn_repeat repeat = {
        .program = self->program,
        .suite = self->suite->name,
        .filter = self->bench.filter,
        .directory = self->baselines,
        .seed = first->seed,
        .is_quick = self->bench.is_quick,
        .progress = self->is_quiet ? NULL : show_process,
    };
    uint32_t count = (uint32_t)self->processes_count;
    hone_bench_report *reports = HONE_ARENA_NEW_ARRAY(arena, hone_bench_report, count);
    if (!reports) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the runs");
    }
    reports[0] = *first;
    hone_status status = hn_repeat_runs(&repeat, count - 1, arena, diag, reports + 1);
    return status == HONE_OK ? hone_bench_merge(reports, count, arena, diag, out_merged) : status;
}

static hone_status run_suite(front *self, hone_arena *arena, hone_diag *diag,
                             hone_bench_report *out_report, hone_comparisons *out_comparisons) {
    hone_bench_report old = {0}, merged = {0};
    hone_status status = HONE_OK;
    if ((self->save || self->compare) && !self->baselines) {
        status = hone_baseline_directory(arena, diag, &self->baselines);
    }
    if (status == HONE_OK && self->compare) { /* first: a wrong name must not cost the whole run */
        status = hone_baseline_load(self->suite->name, self->baselines, self->compare, arena, diag,
                                    &old);
    }
    if (status == HONE_OK) {
        status = hone_bench_run(self->suite, &self->bench, arena, diag, out_report);
    }
    if (status == HONE_OK && (self->save || self->compare)) {
        status = repeat_suite(self, arena, diag, out_report, &merged);
    }
    clear_progress();
    if (status == HONE_OK && self->compare) {
        status = hone_compare_reports(&old, &merged, self->threshold, arena, diag, out_comparisons);
    }
    if (status == HONE_OK && self->save) {
        status = hone_baseline_save(&merged, self->baselines, self->save, diag);
    }
    return status;
}

static int finish(const front *self, const hone_bench_report *report,
                  const hone_comparisons *comparisons) {
    if (!print_results(self, report, comparisons) || !write_reports(self, report)) {
        return HONE_BENCH_EXIT_ERROR;
    }
    return hone_compare_exit_code(comparisons, self->is_strict);
}

int hone_bench_main(int argc, char **argv, const hone_bench_suite *suite) {
    front self = {.program = argv[0],
                  .suite = suite,
                  .processes_count = PROCESSES_DEFAULT,
                  .threshold = threshold_default};
    if (!parse_command_line(argc, argv, &self)) {
        return HONE_BENCH_EXIT_ERROR;
    }
    if (self.is_help) {
        print_help(argv[0]);
        return HONE_BENCH_EXIT_OK;
    }
    if (self.is_list) {
        return list_cases(suite);
    }
    self.bench.progress = self.is_quiet ? NULL : show_progress;
    hone_arena arena;
    hone_diag diag = {0};
    hone_bench_report report = {0};
    hone_comparisons comparisons = {0};
    hone_arena_init(&arena, NULL, ARENA_BYTES_MAX);
    hone_status status = run_suite(&self, &arena, &diag, &report, &comparisons);
    int code =
        status == HONE_OK ? finish(&self, &report, &comparisons) : complain_diag(&diag, status);
    hone_arena_deinit(&arena);
    return code;
}

static hone_status compare_lines(const char *old_command, const char *new_command,
                                 const front *self, hone_arena *arena, hone_diag *diag,
                                 hone_bench_report *out_report, hone_comparisons *out_comparisons) {
    const char **old_argv, **new_argv;
    hone_status status = hone_command_split(hone_text_of(old_command), arena, diag, &old_argv);
    if (status == HONE_OK) {
        status = hone_command_split(hone_text_of(new_command), arena, diag, &new_argv);
    }
    if (status != HONE_OK) {
        return status;
    }
    const hone_compare_commands_options options = {
        .old_argv = old_argv,
        .new_argv = new_argv,
        .threshold = self->threshold,
        .bench = self->bench,
    };
    status = hone_compare_commands(&options, arena, diag, out_report, out_comparisons);
    clear_progress();
    return status;
}

int hone_bench_compare_main(const char *old_command, const char *new_command,
                            const hone_bench_front_options *options) {
    static const hone_bench_front_options defaults = {0};
    options = options ? options : &defaults;
    front self = {
        .json = options->json_path,
        .markdown = options->markdown_path,
        .html = options->html_path,
        .threshold = options->threshold > 0 ? options->threshold : threshold_default,
        .is_strict = options->is_strict,
        .bench = {.is_quick = options->is_quick, .seed = options->seed},
    };
    self.bench.progress = show_progress;
    hone_arena arena;
    hone_diag diag = {0};
    hone_bench_report report = {0};
    hone_comparisons comparisons = {0};
    hone_arena_init(&arena, NULL, ARENA_BYTES_MAX);
    hone_status status =
        compare_lines(old_command, new_command, &self, &arena, &diag, &report, &comparisons);
    int code =
        status == HONE_OK ? finish(&self, &report, &comparisons) : complain_diag(&diag, status);
    hone_arena_deinit(&arena);
    return code;
}
