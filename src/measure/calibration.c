/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"hone_calibration": 2, "host": {...}, "measured_at_ns": N, "block_bytes": N, "huge_bytes": N,
 *  "others_cpus": X or null, "figures": {NAME: {"unit", "value", "low", "high", "clean", "samples"}
 *  or {"unit", "reason", "clean", "samples"}}}
 *
 * A file has exactly the figures of its version, each exactly these members: what layers compute
 * with is either sound or not there.
 */
#include "hone/measure/calibration.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/platform/directory.h"
#include "hone/platform/file.h"
#include "json_internal.h"

enum {
    VERSION = 2,
    FILE_BYTES_MAX = 64 << 10,
    PATH_BYTES_MAX = 2048,
    SAMPLES_MAX = 1000000,
};

#define VALUE_MAX 1e15
#define OTHERS_MAX 1e6

/* From here on somebody else was at work: more CPUs than a machine's own housekeeping uses, fewer
 * clean samples than an idle one gives. */
static const double others_cpus_max = 0.2, clean_share_min = 0.5;

typedef struct figure_text {
    const char *name, *unit, *title;
} figure_text;

static const figure_text texts[] = {
#define FIGURE_TEXT(id, name, unit, title) {name, unit, title},
    HONE_CALIBRATION_LIST(FIGURE_TEXT)
#undef FIGURE_TEXT
};

const char *hone_calibration_name(hone_calibration_id id) {
    return id < HONE_CALIBRATION_COUNT ? texts[id].name : "unknown";
}

const char *hone_calibration_unit(hone_calibration_id id) {
    return id < HONE_CALIBRATION_COUNT ? texts[id].unit : "";
}

const char *hone_calibration_title(hone_calibration_id id) {
    return id < HONE_CALIBRATION_COUNT ? texts[id].title : "unknown";
}

/* ---- where ---- */

hone_status hone_calibration_directory(hone_arena *arena, hone_diag *diag, const char **out_path) {
    return hn_state_directory("calibration", arena, diag, out_path);
}

static hone_status make_path(const char *directory, const hone_bench_host *host, hone_diag *diag,
                             char out_path[PATH_BYTES_MAX]) {
    int length =
        snprintf(out_path, PATH_BYTES_MAX, "%s/%016" PRIx64 ".json", directory, host->fingerprint);
    return length > 0 && length < PATH_BYTES_MAX
               ? HONE_OK
               : hone_diag_set(diag, HONE_STATUS_LIMIT, "the path of the calibration is too long");
}

/* ---- writing ---- */

static json_t *figure_tree(hone_calibration_id id, const hone_calibration_figure *figure) {
    json_t *tree =
        json_pack("{s:s, s:I, s:I}", "unit", hone_calibration_unit(id), "clean",
                  (json_int_t)figure->clean_count, "samples", (json_int_t)figure->samples_count);
    bool is_made = figure->is_known
                       ? json_object_set_new(tree, "value", json_real(figure->value)) == 0 &&
                             json_object_set_new(tree, "low", json_real(figure->low)) == 0 &&
                             json_object_set_new(tree, "high", json_real(figure->high)) == 0
                       : json_object_set_new(tree, "reason", json_string(figure->reason)) == 0;
    if (!is_made) {
        json_decref(tree);
        return NULL;
    }
    return tree;
}

static json_t *calibration_tree(const hone_calibration *calibration) {
    json_t *figures = json_object();
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        hone_calibration_id id = (hone_calibration_id)i;
        (void)json_object_set_new(figures, hone_calibration_name(id),
                                  figure_tree(id, &calibration->figures[i]));
    }
    json_t *others =
        calibration->others_cpus >= 0 ? json_real(calibration->others_cpus) : json_null();
    return json_pack(
        "{s:i, s:o, s:I, s:I, s:I, s:o, s:o}", "hone_calibration", VERSION, "host",
        hn_json_host(&calibration->host), "measured_at_ns", (json_int_t)calibration->measured_at_ns,
        "block_bytes", (json_int_t)calibration->block_bytes, "huge_bytes",
        (json_int_t)calibration->huge_bytes, "others_cpus", others, "figures", figures);
}

hone_status hone_calibration_save(const hone_calibration *calibration, const char *directory,
                                  hone_diag *diag) {
    char path[PATH_BYTES_MAX];
    hone_buffer text;
    hone_status status = make_path(directory, &calibration->host, diag, path);
    if (status == HONE_OK) {
        status = hone_directory_make(directory, diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    hone_buffer_init(&text, NULL, FILE_BYTES_MAX);
    hn_json_write(calibration_tree(calibration), JSON_INDENT(1) | JSON_REAL_PRECISION(9), &text);
    status = hone_buffer_status(&text);
    status = status == HONE_OK
                 ? hone_file_replace_private(path, hone_buffer_text(&text), diag)
                 : hone_diag_set(diag, status, "the calibration does not fit into memory");
    hone_buffer_deinit(&text);
    return status;
}

/* ---- reading ---- */

typedef struct reader {
    hone_diag *diag;
    const char *file;
} reader;

static hone_status damaged(const reader *self, const char *subject, const char *what) {
    hone_diag_at(self->diag, self->file, 0, 0);
    hone_diag_about(self->diag, subject);
    return hone_diag_set(self->diag, HONE_STATUS_CORRUPT,
                         "not a sound calibration: %s; measure again (hone detect --calibrate)",
                         what);
}

/* An integer member from `low` to `high`. */
static bool read_integer(const json_t *object, const char *key, json_int_t low, json_int_t high,
                         json_int_t *out_value) {
    const json_t *value = json_object_get(object, key);
    *out_value = json_integer_value(value);
    return json_is_integer(value) && *out_value >= low && *out_value <= high;
}

static bool read_value(const json_t *object, const char *key, double *out_value) {
    const json_t *value = json_object_get(object, key);
    *out_value = json_number_value(value);
    return json_is_number(value) && isfinite(*out_value) && *out_value > 0 &&
           *out_value <= VALUE_MAX;
}

/* How busy others were: a number from 0, or null where nobody knows. */
static bool read_others(const json_t *root, double *out_cpus) {
    const json_t *value = json_object_get(root, "others_cpus");
    *out_cpus = json_is_null(value) ? -1 : json_number_value(value);
    return json_is_null(value) || (json_is_number(value) && isfinite(*out_cpus) && *out_cpus >= 0 &&
                                   *out_cpus <= OTHERS_MAX);
}

/* A reason is shown to people: printable, not empty, and as long as the field allows. */
static bool read_reason(const json_t *object, char *out_text, size_t size) {
    const json_t *value = json_object_get(object, "reason");
    const char *text = json_string_value(value);
    if (!text || text[0] == '\0' || strlen(text) != json_string_length(value) ||
        strlen(text) >= size) {
        return false;
    }
    for (const char *at = text; *at; at++) {
        if (iscntrl((unsigned char)*at)) {
            return false;
        }
    }
    memcpy(out_text, text, strlen(text) + 1);
    return true;
}

static hone_status read_figure(const reader *self, const json_t *object, hone_calibration_id id,
                               hone_calibration_figure *out_figure) {
    const char *name = hone_calibration_name(id);
    const char *unit = json_string_value(json_object_get(object, "unit"));
    hone_calibration_figure figure = {0};
    json_int_t clean, samples;
    if (!unit || strcmp(unit, hone_calibration_unit(id)) != 0) {
        return damaged(self, name, "a figure is missing or of another unit");
    }
    if (!read_integer(object, "samples", 0, SAMPLES_MAX, &samples) ||
        !read_integer(object, "clean", 0, samples, &clean)) {
        return damaged(self, name, "its numbers of samples are missing or wrong");
    }
    figure.samples_count = (uint32_t)samples;
    figure.clean_count = (uint32_t)clean;
    figure.is_known = json_object_get(object, "value") != NULL;
    bool is_sound = figure.is_known ? read_value(object, "value", &figure.value) &&
                                          read_value(object, "low", &figure.low) &&
                                          read_value(object, "high", &figure.high) &&
                                          figure.low <= figure.value && figure.value <= figure.high
                                    : read_reason(object, figure.reason, sizeof figure.reason);
    if (!is_sound || json_object_size(object) != (figure.is_known ? 6u : 4u)) {
        return damaged(self, name,
                       figure.is_known ? "a figure is no positive number within its spread"
                                       : "a missing figure has no reason");
    }
    *out_figure = figure;
    return HONE_OK;
}

static hone_status read_calibration(const reader *self, const json_t *root,
                                    hone_calibration *out_calibration) {
    hone_calibration calibration = {0};
    json_int_t version, measured_at_ns, block_bytes, huge_bytes;
    const json_t *figures = json_object_get(root, "figures");
    if (!read_integer(root, "hone_calibration", 1, INT32_MAX, &version)) {
        return damaged(self, NULL, "it has no version");
    }
    if (version != VERSION) {
        hone_diag_at(self->diag, self->file, 0, 0);
        return hone_diag_set(self->diag, HONE_STATUS_UNSUPPORTED,
                             "the calibration has version %lld, this program reads %d; measure "
                             "again (hone detect --calibrate)",
                             (long long)version, VERSION);
    }
    if (!hn_json_read_host(json_object_get(root, "host"), &calibration.host)) {
        return damaged(self, "host", "the host is not described");
    }
    if (!read_integer(root, "measured_at_ns", 0, INT64_MAX, &measured_at_ns) ||
        !read_integer(root, "block_bytes", 0, INT64_MAX, &block_bytes) ||
        !read_integer(root, "huge_bytes", 0, block_bytes, &huge_bytes)) {
        return damaged(self, NULL, "its time or the size of its block is missing or wrong");
    }
    if (!read_others(root, &calibration.others_cpus)) {
        return damaged(self, "others_cpus", "it does not say how busy other programs were");
    }
    if (json_object_size(root) != 7 || json_object_size(figures) != HONE_CALIBRATION_COUNT) {
        return damaged(self, NULL, "it has members or figures that do not belong there");
    }
    calibration.measured_at_ns = measured_at_ns;
    calibration.block_bytes = (uint64_t)block_bytes;
    calibration.huge_bytes = (uint64_t)huge_bytes;
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        hone_calibration_id id = (hone_calibration_id)i;
        const json_t *object = json_object_get(figures, hone_calibration_name(id));
        hone_status status = read_figure(self, object, id, &calibration.figures[i]);
        if (status != HONE_OK) {
            return status;
        }
    }
    *out_calibration = calibration;
    return HONE_OK;
}

hone_status hone_calibration_parse(hone_text text, const char *file, hone_diag *diag,
                                   hone_calibration *out_calibration) {
    reader self = {.diag = diag, .file = file};
    json_error_t error;
    if (text.size > FILE_BYTES_MAX) {
        return damaged(&self, NULL, "it is larger than 64 KiB");
    }
    json_t *root =
        json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        hone_diag_at(diag, file, error.line > 0 ? (uint32_t)error.line : 0,
                     error.column > 0 ? (uint32_t)error.column : 0);
        return hone_diag_set(diag, HONE_STATUS_SYNTAX,
                             "not a calibration: %.200s; measure again (hone detect --calibrate)",
                             error.text);
    }
    hone_status status = read_calibration(&self, root, out_calibration);
    json_decref(root);
    return status;
}

hone_status hone_calibration_load(const char *directory, const hone_bench_host *host,
                                  hone_diag *diag, hone_calibration *out_calibration) {
    char path[PATH_BYTES_MAX];
    hone_buffer text;
    hone_calibration calibration;
    hone_status status = make_path(directory, host, diag, path);
    if (status != HONE_OK) {
        return status;
    }
    hone_buffer_init(&text, NULL, 2 * FILE_BYTES_MAX);
    status = hone_file_read_all(path, FILE_BYTES_MAX, diag, &text);
    if (status == HONE_STATUS_NOT_FOUND) {
        status = hone_diag_set(diag, status,
                               "this host is not calibrated (no %.300s); measure with "
                               "hone detect --calibrate",
                               path);
    } else if (status == HONE_OK) {
        status = hone_calibration_parse(hone_buffer_text(&text), path, diag, &calibration);
    }
    hone_buffer_deinit(&text);
    if (status == HONE_OK && calibration.host.fingerprint != host->fingerprint) {
        reader self = {.diag = diag, .file = path};
        status = damaged(&self, "host", "it describes another host than its name says");
    }
    if (status == HONE_OK) {
        *out_calibration = calibration;
    }
    return status;
}

/* ---- use ---- */

bool hone_calibration_is_disturbed(const hone_calibration *calibration, char *out_reason,
                                   size_t size) {
    uint64_t clean_count = 0, samples_count = 0;
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        clean_count += calibration->figures[i].clean_count;
        samples_count += calibration->figures[i].samples_count;
    }
    out_reason[0] = '\0';
    if (calibration->others_cpus > others_cpus_max) {
        (void)snprintf(out_reason, size, "other programs kept %.1f CPUs busy meanwhile",
                       calibration->others_cpus);
    } else if ((double)clean_count < clean_share_min * (double)samples_count) {
        (void)snprintf(out_reason, size,
                       "only %.0f %% of the samples were undisturbed: other programs or machines "
                       "took the CPU away",
                       100 * (double)clean_count / (double)samples_count);
    }
    return out_reason[0] != '\0';
}

bool hone_calibration_huge_pages(const hone_calibration *calibration,
                                 hone_huge_page_figures *out_figures) {
    static const hone_calibration_id needed[] = {
        HONE_CALIBRATION_CHASE_SMALL_PAGES,    HONE_CALIBRATION_CHASE_HUGE_PAGES,
        HONE_CALIBRATION_STREAM_SMALL_PAGES,   HONE_CALIBRATION_STREAM_HUGE_PAGES,
        HONE_CALIBRATION_POPULATE_SMALL_PAGES, HONE_CALIBRATION_POPULATE_HUGE_PAGES};
    const hone_calibration_figure *figures = calibration->figures;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!figures[needed[i]].is_known) {
            return false;
        }
    }
    *out_figures = (hone_huge_page_figures){
        .chase_small_ns = figures[needed[0]].value,
        .chase_huge_ns = figures[needed[1]].value,
        .stream_small_bytes_per_s = figures[needed[2]].value,
        .stream_huge_bytes_per_s = figures[needed[3]].value,
        .populate_small_ns_per_mib = figures[needed[4]].value,
        .populate_huge_ns_per_mib = figures[needed[5]].value,
    };
    return true;
}
