/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"hone_baseline": 1, "suite": TEXT, "host": {...}, "cases": [{"case", "unit", "better",
 *  "iterations", "runs": [[SAMPLES, REFERENCE_NS, OTHERS]...], "samples": [NUMBER...],
 *  "disturbed": [BITS...]}]}
 *
 * The fingerprint is not taken from the file but computed again from what the file says of the
 * host. Every number is checked before it reaches the statistics, which want finite values.
 */
#include "hone/measure/baseline.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness_internal.h"
#include "hone/platform/directory.h"
#include "hone/platform/file.h"
#include "json_internal.h"

enum {
    VERSION = 1,
    FILE_BYTES_MAX = 64 << 20,
    SAMPLES_MAX = 1000000,
    NAME_BYTES_MAX = 100,
    PATH_BYTES_MAX = 2048,
};

hone_status hone_baseline_directory(hone_arena *arena, hone_diag *diag, const char **out_path) {
    return hn_state_directory("baselines", arena, diag, out_path);
}

static bool is_name(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length > NAME_BYTES_MAX || name[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr(".-_", name[i])) {
            return false;
        }
    }
    return true;
}

/* DIRECTORY/SUITE, and DIRECTORY/SUITE/NAME.json. */
static hone_status make_paths(const char *directory, const char *suite, const char *name,
                              hone_diag *diag, char out_folder[PATH_BYTES_MAX],
                              char out_file[PATH_BYTES_MAX]) {
    if (!is_name(name) || !is_name(suite)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'%.100s' cannot name a baseline: use letters, digits, '.', '-' and "
                             "'_', at most %d",
                             is_name(suite) ? name : suite, NAME_BYTES_MAX);
    }
    int folder = snprintf(out_folder, PATH_BYTES_MAX, "%s/%s", directory, suite);
    int file = snprintf(out_file, PATH_BYTES_MAX, "%s/%s/%s.json", directory, suite, name);
    if (folder < 0 || file < 0 || file >= PATH_BYTES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the path of the baselines is too long");
    }
    return HONE_OK;
}

static json_t *case_tree(const hone_bench_result *result) {
    const hone_bench_variant_result *variant = &result->variants[0];
    json_t *samples = json_array(), *disturbed = json_array(), *runs = json_array();
    for (uint32_t i = 0; i < variant->runs_count; i++) {
        (void)json_array_append_new(runs, json_pack("[I,f,f]", (json_int_t)variant->run_counts[i],
                                                    variant->run_references_ns[i],
                                                    variant->run_others[i]));
    }
    for (uint32_t i = 0; i < variant->count; i++) {
        (void)json_array_append_new(samples, json_real(variant->values[i]));
        (void)json_array_append_new(disturbed, json_integer(variant->disturbances[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "case", result->name, "unit",
                     result->unit, "better", hn_better_name(result->better), "iterations",
                     (json_int_t)variant->iterations, "runs", runs, "samples", samples, "disturbed",
                     disturbed);
}

hone_status hone_baseline_save(const hone_bench_report *report, const char *directory,
                               const char *name, hone_diag *diag) {
    char folder[PATH_BYTES_MAX], file[PATH_BYTES_MAX];
    hone_status status = make_paths(directory, report->suite, name, diag, folder, file);
    if (status == HONE_OK) {
        status = hone_directory_make(folder, diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    json_t *cases = json_array();
    for (uint32_t i = 0; i < report->results_count; i++) {
        if (!report->results[i].variants[0].absent) {
            (void)json_array_append_new(cases, case_tree(&report->results[i]));
        }
    }
    hone_buffer text;
    hone_buffer_init(&text, NULL, FILE_BYTES_MAX);
    hn_json_write(json_pack("{s:i, s:s, s:o, s:o}", "hone_baseline", VERSION, "suite",
                            report->suite, "host", hn_json_host(&report->host), "cases", cases),
                  JSON_COMPACT | JSON_REAL_PRECISION(9), &text);
    status = hone_buffer_status(&text);
    status = status == HONE_OK
                 ? hone_file_replace(file, hone_buffer_text(&text), diag)
                 : hone_diag_set(diag, status, "the baseline does not fit into memory");
    hone_buffer_deinit(&text);
    return status;
}

/* What a reader of one file needs everywhere. */
typedef struct reader {
    hone_arena *arena;
    hone_diag *diag;
    const char *file;
} reader;

static hone_status damaged(reader *self, const char *subject, const char *what) {
    hone_diag_at(self->diag, self->file, 0, 0);
    hone_diag_about(self->diag, subject);
    return hone_diag_set(self->diag, HONE_STATUS_CORRUPT,
                         "not a sound baseline: %s; save it again (--save NAME)", what);
}

static const char *read_text(reader *self, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    /* A zero byte inside would cut the text unnoticed. */
    if (!text || strlen(text) != json_string_length(value)) {
        return NULL;
    }
    return hone_arena_copy_text(self->arena, hone_text_of(text));
}

static hone_status read_samples(reader *self, const json_t *object, const char *name,
                                hone_bench_variant_result *variant) {
    const json_t *samples = json_object_get(object, "samples");
    const json_t *disturbed = json_object_get(object, "disturbed");
    size_t count = json_array_size(samples);
    if (count == 0 || count > SAMPLES_MAX || json_array_size(disturbed) != count) {
        return damaged(self, name, "its samples are missing, too many or without their marks");
    }
    variant->values = HONE_ARENA_NEW_ARRAY(self->arena, double, count);
    variant->disturbances = HONE_ARENA_NEW_ARRAY(self->arena, uint8_t, count);
    double *scratch = HONE_ARENA_NEW_ARRAY(self->arena, double, 2 * count);
    if (!variant->values || !variant->disturbances || !scratch) {
        return hone_diag_set(self->diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the baseline");
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(samples, i), *mark = json_array_get(disturbed, i);
        double number = json_number_value(value);
        json_int_t bits = json_integer_value(mark);
        if (!json_is_number(value) || !isfinite(number) || number <= 0 || number > 1e300 ||
            number < 1e-300) {
            return damaged(self, name, "a sample is not a positive number");
        }
        if (!json_is_integer(mark) || bits < 0 || bits >> HONE_BENCH_CAUSES_COUNT != 0) {
            return damaged(self, name, "the mark of a sample is unknown");
        }
        variant->values[i] = number;
        variant->disturbances[i] = (uint8_t)bits;
    }
    variant->count = (uint32_t)count;
    hn_variant_summarize(variant, scratch);
    return HONE_OK;
}

static hone_status read_runs(reader *self, const json_t *object, const char *name,
                             hone_bench_variant_result *variant) {
    const json_t *runs = json_object_get(object, "runs");
    size_t count = json_array_size(runs);
    uint64_t total = 0;
    if (count == 0 || count > variant->count) {
        return damaged(self, name, "its runs are missing or too many");
    }
    variant->run_counts = HONE_ARENA_NEW_ARRAY(self->arena, uint32_t, count);
    variant->run_references_ns = HONE_ARENA_NEW_ARRAY(self->arena, double, count);
    variant->run_others = HONE_ARENA_NEW_ARRAY(self->arena, double, count);
    if (!variant->run_counts || !variant->run_references_ns || !variant->run_others) {
        return hone_diag_set(self->diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the baseline");
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *run = json_array_get(runs, i);
        json_int_t samples = json_integer_value(json_array_get(run, 0));
        double reference_ns = json_number_value(json_array_get(run, 1));
        double others = json_number_value(json_array_get(run, 2));
        if (samples < 1 || samples > variant->count || !isfinite(reference_ns) ||
            reference_ns <= 0 || !(others >= 0 && others < 1e6)) {
            return damaged(self, name, "a run is neither samples nor a reference");
        }
        variant->run_counts[i] = (uint32_t)samples;
        variant->run_references_ns[i] = reference_ns;
        variant->run_others[i] = others;
        total += (uint64_t)samples;
    }
    variant->runs_count = (uint32_t)count;
    return total == variant->count ? HONE_OK
                                   : damaged(self, name, "its runs do not add up to its samples");
}

static hone_status read_case(reader *self, const json_t *object, hone_bench_result *out_result) {
    hone_bench_result result = {
        .name = read_text(self, object, "case"),
        .unit = read_text(self, object, "unit"),
        .variants_count = 1,
        .variants = HONE_ARENA_NEW(self->arena, hone_bench_variant_result),
        .ratios = HONE_ARENA_NEW(self->arena, hone_estimate),
        .pairs_counts = HONE_ARENA_NEW(self->arena, uint32_t),
    };
    const char *better = json_string_value(json_object_get(object, "better"));
    json_int_t iterations = json_integer_value(json_object_get(object, "iterations"));
    if (!result.name || !result.unit || !better || iterations < 0) {
        return damaged(self, result.name, "a case lacks its name, unit or direction");
    }
    if (!result.variants || !result.ratios || !result.pairs_counts) {
        return hone_diag_set(self->diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the baseline");
    }
    bool is_lower = strcmp(better, "lower") == 0;
    if (!is_lower && strcmp(better, "higher") != 0) {
        return damaged(self, result.name, "'better' is neither \"lower\" nor \"higher\"");
    }
    result.better = is_lower ? HONE_BENCH_LOWER : HONE_BENCH_HIGHER;
    result.variants[0].name = "hone";
    result.variants[0].iterations = (uint64_t)iterations;
    hone_status status = read_samples(self, object, result.name, &result.variants[0]);
    if (status == HONE_OK) {
        status = read_runs(self, object, result.name, &result.variants[0]);
    }
    if (status == HONE_OK) {
        result.reference_ns = result.variants[0].run_references_ns[0];
        *out_result = result;
    }
    return status;
}

static hone_status read_report(reader *self, const json_t *root, hone_bench_report *out_report) {
    const json_t *version = json_object_get(root, "hone_baseline");
    const json_t *cases = json_object_get(root, "cases");
    size_t count = json_array_size(cases);
    hone_bench_report report = {.suite = read_text(self, root, "suite")};
    if (!json_is_integer(version) || !report.suite || !json_is_array(cases) ||
        count > 2 * HONE_BENCH_CASES_MAX) {
        return damaged(self, NULL, "it has no version, suite or cases");
    }
    if (json_integer_value(version) != VERSION) {
        hone_diag_at(self->diag, self->file, 0, 0);
        return hone_diag_set(self->diag, HONE_STATUS_UNSUPPORTED,
                             "the baseline has version %lld, this program reads %d; save it again",
                             (long long)json_integer_value(version), VERSION);
    }
    hone_status status = hn_json_read_host(json_object_get(root, "host"), &report.host)
                             ? HONE_OK
                             : damaged(self, "host", "the host is not described");
    report.results = HONE_ARENA_NEW_ARRAY(self->arena, hone_bench_result, count);
    if (status == HONE_OK && !report.results) {
        status = hone_diag_set(self->diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the baseline");
    }
    for (size_t i = 0; i < count && status == HONE_OK; i++) {
        status = read_case(self, json_array_get(cases, i), &report.results[i]);
    }
    report.results_count = (uint32_t)count;
    if (status == HONE_OK) {
        *out_report = report;
    }
    return status;
}

hone_status hone_baseline_parse(hone_text text, const char *file, hone_arena *arena,
                                hone_diag *diag, hone_bench_report *out_report) {
    reader self = {.arena = arena, .diag = diag, .file = file};
    json_error_t error;
    json_t *root =
        json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        hone_diag_at(diag, file, error.line > 0 ? (uint32_t)error.line : 0,
                     error.column > 0 ? (uint32_t)error.column : 0);
        return hone_diag_set(diag, HONE_STATUS_SYNTAX,
                             "not a baseline: %.200s; save it again (--save NAME)", error.text);
    }
    hone_status status = read_report(&self, root, out_report);
    json_decref(root);
    return status;
}

hone_status hone_baseline_load(const char *suite, const char *directory, const char *name,
                               hone_arena *arena, hone_diag *diag, hone_bench_report *out_report) {
    char folder[PATH_BYTES_MAX], file[PATH_BYTES_MAX];
    hone_status status = make_paths(directory, suite, name, diag, folder, file);
    if (status != HONE_OK) {
        return status;
    }
    hone_buffer text;
    hone_buffer_init(&text, NULL, FILE_BYTES_MAX + (1 << 20));
    status = hone_file_read_all(file, FILE_BYTES_MAX, diag, &text);
    if (status == HONE_STATUS_NOT_FOUND) {
        status = hone_diag_set(diag, status,
                               "there is no baseline '%s' of suite '%s' (%.300s); "
                               "make one with --save %s",
                               name, suite, file, name);
    } else if (status == HONE_OK) {
        const char *copy = hone_arena_copy_text(arena, hone_text_of(file));
        status = hone_baseline_parse(hone_buffer_text(&text), copy ? copy : name, arena, diag,
                                     out_report);
    }
    hone_buffer_deinit(&text);
    return status;
}
