/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hone bench`: finds the suites of the lab, which are programs named hone-bench-NAME, and becomes
 * the one that is asked for; or lets the lab compare two command lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_info.h"
#include "json_members_internal.h"
#include "session_internal.h"

#include "hone/measure/bench_main.h"
#include "hone/platform/program.h"

enum { PATH_BYTES = 4096, NAME_BYTES = 64, SUITES_MAX = 128 };

static const char prefix[] = "hone-bench-";

typedef struct suites {
    char folder[PATH_BYTES];
    char names[SUITES_MAX][NAME_BYTES]; /* sorted, without the prefix */
    size_t count;
} suites;

static void take_suite(void *context, const char *file_name) {
    suites *found = context;
    hone_text name = hone_text_of(file_name);
    bool is_suite = hone_text_has_prefix(name, HONE_TEXT("hone-bench-"));
    if (is_suite && name.size - (sizeof prefix - 1) < NAME_BYTES && found->count < SUITES_MAX) {
        (void)snprintf(found->names[found->count++], NAME_BYTES, "%s",
                       file_name + sizeof prefix - 1);
    }
}

static int compare_names(const void *a, const void *b) {
    return strcmp(a, b);
}

static void cut_last_part(char *path) {
    char *slash = strrchr(path, '/');
    *(slash ? slash : path) = '\0';
}

/* ../libexec/hone beside the program: the same in the build tree and where it is installed. */
static hone_status find_folder(const char *given, char out_folder[PATH_BYTES], hone_diag *diag) {
    if (given) {
        int length = snprintf(out_folder, PATH_BYTES, "%s", given);
        return length < PATH_BYTES ? HONE_OK
                                   : hone_diag_set(diag, HONE_STATUS_LIMIT, "the path is too long");
    }
    static const char beside[] = "/libexec/hone";
    hone_status status = hone_program_path(out_folder, PATH_BYTES - sizeof beside);
    if (status) {
        return hone_diag_set(diag, status,
                             "cannot tell where this program lies (no /proc?): say --suites DIR");
    }
    cut_last_part(out_folder); /* the program itself */
    cut_last_part(out_folder); /* bin */
    memcpy(out_folder + strlen(out_folder), beside, sizeof beside);
    return HONE_OK;
}

static hone_status no_suites(const char *given, const char *folder, hone_status status,
                             const hone_diag *detail, hone_diag *diag) {
    const char *advice = "build hone with HONE_BENCHES=ON, or say --suites DIR";
    if (given) {
        advice = "name the folder with the hone-bench-NAME of a build with HONE_BENCHES=ON";
    } else if (HONE_BENCHES) {
        advice = "not built yet: ./dev build, or say --suites DIR";
    }
    bool has_reason = status && status != HONE_STATUS_NOT_FOUND;
    return hone_diag_set(diag, status ? status : HONE_STATUS_NOT_FOUND,
                         "no bench suites in '%.200s': %s%s%s", folder, advice,
                         has_reason ? ": " : "", has_reason ? detail->message : "");
}

static hone_status find_suites(const char *given, hone_diag *diag, suites *out_suites) {
    hone_diag detail = {0};
    out_suites->count = 0;
    hone_status status = find_folder(given, out_suites->folder, diag);
    if (status) {
        return status;
    }
    status = hone_program_list(out_suites->folder, take_suite, out_suites, &detail);
    if (status || out_suites->count == 0) {
        return no_suites(given, out_suites->folder, status, &detail, diag);
    }
    qsort(out_suites->names, out_suites->count, NAME_BYTES, compare_names);
    return HONE_OK;
}

static void print_list(hn_session *session, const suites *found) {
    if (!hn_arguments_has(&session->arguments, "json")) {
        for (size_t i = 0; i < found->count; i++) {
            hn_cli_print(&session->out, "%s\n", found->names[i]);
        }
        return;
    }
    hone_json_writer writer;
    hone_json_writer_init(&writer, &session->out.buffer, 2);
    hone_json_write_object_begin(&writer);
    hn_json_text(&writer, "folder", found->folder);
    hn_json_key(&writer, "suites");
    hone_json_write_array_begin(&writer);
    for (size_t i = 0; i < found->count; i++) {
        hone_json_write_text(&writer, hone_text_of(found->names[i]));
    }
    hone_json_write_array_end(&writer);
    hone_json_write_object_end(&writer);
    hn_cli_print(&session->out, "\n");
}

static hone_status check_suite(const suites *found, const char *name, hone_diag *diag) {
    const char *candidates[SUITES_MAX];
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->names[i], name) == 0) {
            return HONE_OK;
        }
        candidates[i] = found->names[i];
    }
    const char *nearest = hone_text_nearest(hone_text_of(name), candidates, found->count);
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND,
                         "there is no bench suite '%.64s'%s%s%s ('hone bench --list' lists them)",
                         name, nearest ? ": did you mean '" : "", nearest ? nearest : "",
                         nearest ? "'?" : "");
}

/* The only suite takes the place of this process; of several, each runs to its end, and the highest
 * exit code is the answer. */
static int run_suites(hn_session *session, const suites *found) {
    const hn_arguments *arguments = &session->arguments;
    hone_diag diag = {0};
    char path[PATH_BYTES + NAME_BYTES + 16];
    size_t words_count = (size_t)arguments->rest_count + 2;
    const char **words = HONE_NEW_ARRAY(NULL, const char *, words_count);
    hone_status status = words ? HONE_OK
                               : hone_diag_set(&diag, HONE_STATUS_OUT_OF_MEMORY,
                                               "not enough memory for the arguments");
    int code = HN_EXIT_OK;
    for (uint32_t i = 0; i < arguments->operands_count && !status; i++) {
        int suite_code = 0;
        (void)snprintf(path, sizeof path, "%s/%s%s", found->folder, prefix, arguments->operands[i]);
        words[0] = path;
        for (uint32_t j = 0; j < arguments->rest_count; j++) {
            words[j + 1] = arguments->rest[j];
        }
        status = arguments->operands_count == 1 ? hone_program_replace(words, &diag)
                                                : hone_program_run(words, &diag, &suite_code);
        code = suite_code > code ? suite_code : code;
    }
    HONE_DELETE_ARRAY(NULL, const char *, words, words_count);
    return status ? hn_cli_fail(session, HN_EXIT_INPUT, &diag) : code;
}

static int compare(hn_session *session) {
    const hn_arguments *arguments = &session->arguments;
    const hn_argument *threshold = hn_arguments_last(arguments, "threshold");
    hone_bench_front_options options = {
        .threshold = threshold->real / 100,
        .is_quick = hn_arguments_has(arguments, "quick"),
        .is_strict = hn_arguments_has(arguments, "strict"),
        .json_path = hn_arguments_has(arguments, "json") ? "-" : NULL,
        .html_path = hn_arguments_text(arguments, "html"),
    };
    return hone_bench_compare_main(hn_arguments_text(arguments, "old"),
                                   hn_arguments_text(arguments, "new"), &options);
}

/* What belongs to a comparison has no meaning without one. */
static hone_status check_no_comparison(const hn_arguments *arguments, hone_diag *diag) {
    static const char *const names[] = {"threshold", "quick", "strict", "html"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const hn_argument *given = hn_arguments_last(arguments, names[i]);
        const char *fallback = given ? given->option->fallback : NULL;
        if (given && (!fallback || given->text != fallback)) {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "--%s goes with --old and --new, or behind the name of a suite "
                                 "('hone bench' lists them)",
                                 names[i]);
        }
    }
    return HONE_OK;
}

/* The suites find it among their own words, and do not know it. */
static hone_status check_rest(const hn_arguments *arguments, hone_diag *diag) {
    static const char option[] = "--suites";
    for (uint32_t i = 0; i < arguments->rest_count; i++) {
        const char *word = arguments->rest[i];
        char next = strncmp(word, option, sizeof option - 1) == 0 ? word[sizeof option - 1] : 'x';
        if (next == '\0' || next == '=') {
            return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                 "--suites stands before the suite: hone bench --suites DIR %.64s",
                                 arguments->operands[0]);
        }
    }
    return HONE_OK;
}

/* --old and --new come together, and without a suite. */
static hone_status check_comparison(const hn_arguments *arguments, hone_diag *diag) {
    bool has_old = hn_arguments_has(arguments, "old"), has_new = hn_arguments_has(arguments, "new");
    if (has_old != has_new) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "--%s needs --%s, too: the two command lines to compare",
                             has_old ? "old" : "new", has_old ? "new" : "old");
    }
    if (has_old && arguments->operands_count) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "--old and --new compare two command lines: leave out '%.64s'",
                             arguments->operands[0]);
    }
    return has_old ? HONE_OK : check_no_comparison(arguments, diag);
}

int hn_command_bench(hn_session *session) {
    const hn_arguments *arguments = &session->arguments;
    hone_diag diag = {0};
    if (check_comparison(arguments, &diag) || check_rest(arguments, &diag)) {
        return hn_cli_fail(session, HN_EXIT_USAGE, &diag);
    }
    if (hn_arguments_has(arguments, "old")) {
        return compare(session);
    }
    suites *found = HONE_NEW(NULL, suites);
    if (!found) {
        (void)hone_diag_set(&diag, HONE_STATUS_OUT_OF_MEMORY, "not enough memory");
        return hn_cli_fail(session, HN_EXIT_FAILED, &diag);
    }
    bool is_list = hn_arguments_has(arguments, "list") || arguments->operands_count == 0;
    int code = HN_EXIT_OK;
    hone_status status = find_suites(hn_arguments_text(arguments, "suites"), &diag, found);
    for (uint32_t i = 0; i < arguments->operands_count && !status; i++) {
        status = check_suite(found, arguments->operands[i], &diag);
    }
    if (status) {
        code = hn_cli_fail(session, HN_EXIT_INPUT, &diag);
    } else if (is_list) {
        print_list(session, found);
    } else {
        code = run_suites(session, found);
    }
    HONE_DELETE(NULL, suites, found);
    return code;
}
