/* SPDX-License-Identifier: Apache-2.0 */
#include "calibration_view_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json_members_internal.h"

#include "hone/base/units.h"
#include "hone/platform/clock.h"

enum { NAME_COLUMN = 24, ADVICE_COLUMN = 23 };

static const uint64_t heaps_bytes[] = {UINT64_C(64) << 20, UINT64_C(256) << 20, UINT64_C(1) << 30};

/* ---- getting it ---- */

static void show_progress(void *self, const char *title, uint32_t index, uint32_t count) {
    hn_session *session = self;
    if (session->err.is_terminal) {
        hn_cli_print(&session->err, "\r\x1b[Kcalibrating %u/%u: %s", index + 1, count, title);
        hn_cli_output_flush(&session->err);
    }
}

static int measure_and_save(hn_session *session, const char *directory,
                            hone_calibration *out_calibration) {
    hone_diag diag = {0};
    hone_calibration_options options = {.progress = show_progress, .self = session};
    hone_status status = hone_calibration_run(&options, &diag, out_calibration);
    if (session->err.is_terminal) {
        hn_cli_print(&session->err, "\r\x1b[K");
        hn_cli_output_flush(&session->err);
    }
    if (status != HONE_OK) {
        return hn_cli_fail(session, HN_EXIT_FAILED, &diag);
    }
    char reason[160];
    if (hone_calibration_is_disturbed(out_calibration, reason, sizeof reason) &&
        !hn_arguments_has(&session->arguments, "force")) {
        (void)hone_diag_set(&diag, HONE_STATUS_INCONCLUSIVE,
                            "the calibration was not kept: %s; measure again when the machine is "
                            "idle, or keep it all the same with --force",
                            reason);
        return hn_cli_fail(session, HN_EXIT_FAILED, &diag);
    }
    status = hone_calibration_save(out_calibration, directory, &diag);
    return status == HONE_OK ? HN_EXIT_OK : hn_cli_fail(session, HN_EXIT_INPUT, &diag);
}

static int get_from(hn_session *session, const char *directory, bool is_measuring,
                    hn_calibration_view *view) {
    hone_bench_host host;
    if (is_measuring) {
        int code = measure_and_save(session, directory, &view->calibration);
        if (code != HN_EXIT_OK) {
            return code;
        }
        view->is_known = true;
    } else {
        hone_bench_host_read(NULL, &host);
        view->is_known =
            hone_calibration_load(directory, &host, &view->absence, &view->calibration) == HONE_OK;
    }
    view->age_ns = hone_clock_realtime_ns() - view->calibration.measured_at_ns;
    return HN_EXIT_OK;
}

static int get(hn_session *session, bool is_measuring, hn_calibration_view *out_view) {
    const char *root = hn_arguments_text(&session->arguments, "root");
    const char *directory = hn_arguments_text(&session->arguments, "calibration");
    hone_diag diag = {0};
    memset(out_view, 0, sizeof *out_view);
    if (root && root[0]) {
        (void)hone_diag_set(&out_view->absence, HONE_STATUS_ABSENT,
                            "a machine that is described by files cannot be measured");
        return is_measuring ? hn_cli_fail(session, HN_EXIT_USAGE, &out_view->absence) : HN_EXIT_OK;
    }
    hone_arena arena;
    hone_arena_init(&arena, NULL, 1 << 16);
    hone_status status =
        directory ? HONE_OK : hone_calibration_directory(&arena, &diag, &directory);
    int code = HN_EXIT_OK;
    if (status == HONE_OK) {
        code = get_from(session, directory, is_measuring, out_view);
    } else if (is_measuring) {
        code = hn_cli_fail(session, HN_EXIT_INPUT, &diag);
    } else {
        out_view->absence = diag;
    }
    hone_arena_deinit(&arena);
    return code;
}

int hn_cli_calibration_get(hn_session *session, hn_calibration_view *out_view) {
    bool is_measuring = hn_arguments_has(&session->arguments, "calibrate");
    if (!is_measuring && hn_arguments_has(&session->arguments, "force")) {
        hone_diag diag = {0};
        (void)hone_diag_set(&diag, HONE_STATUS_INVALID_ARGUMENT,
                            "--force says what to do with a new calibration: it needs --calibrate");
        return hn_cli_fail(session, HN_EXIT_USAGE, &diag);
    }
    return get(session, is_measuring, out_view);
}

void hn_cli_calibration_find(hn_session *session, hn_calibration_view *out_view) {
    (void)get(session, false, out_view); /* fails only when it measures */
}

/* ---- for people ---- */

static void format_figure(double value, const char *unit, char *out_text, size_t size) {
    char amount[40];
    if (strcmp(unit, "bytes/s") == 0) {
        (void)snprintf(out_text, size, "%.1f GB/s", value / 1e9);
        return;
    }
    (void)hone_duration_format(value, amount, sizeof amount);
    (void)snprintf(out_text, size, "%s%s", amount, strcmp(unit, "ns/MiB") == 0 ? "/MiB" : "");
}

static void print_title(hn_cli_output *out, const char *title) {
    hn_cli_print(out, "\n%s%s%s\n", hn_cli_style_of(out, HN_STYLE_TITLE), title,
                 hn_cli_style_of(out, HN_STYLE_PLAIN));
}

static void print_name(hn_cli_output *out, const char *name, int column) {
    char spaced[48];
    (void)snprintf(spaced, sizeof spaced, "%s", name);
    for (char *at = spaced; *at; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
    hn_cli_print(out, "  %s%-*s%s", hn_cli_style_of(out, HN_STYLE_NAME), column - 2, spaced,
                 hn_cli_style_of(out, HN_STYLE_PLAIN));
}

static void print_figure(hn_cli_output *out, hone_calibration_id id,
                         const hone_calibration_figure *figure) {
    char line[400], value[48], low[48], high[48];
    const char *unit = hone_calibration_unit(id);
    print_name(out, hone_calibration_name(id), NAME_COLUMN);
    if (figure->is_known) {
        format_figure(figure->value, unit, value, sizeof value);
        format_figure(figure->low, unit, low, sizeof low);
        format_figure(figure->high, unit, high, sizeof high);
        (void)snprintf(line, sizeof line, "%s (%s to %s, %u of %u samples clean): %s", value, low,
                       high, figure->clean_count, figure->samples_count,
                       hone_calibration_title(id));
    } else {
        (void)snprintf(line, sizeof line, "n/a: %s", figure->reason);
    }
    hn_cli_print_wrapped(out, hone_text_of(line), NAME_COLUMN, NAME_COLUMN);
}

static void print_provenance(hn_cli_output *out, const hn_calibration_view *view) {
    char line[300], age[40], load[48] = "under unknown load", block[40], huge[40];
    const hone_calibration *calibration = &view->calibration;
    if (view->age_ns >= 0) {
        (void)hone_duration_format((double)view->age_ns, age, sizeof age);
    }
    if (calibration->host.load_average >= 0) {
        (void)snprintf(load, sizeof load, "under load %.2f", calibration->host.load_average);
    }
    (void)hone_size_format((double)calibration->block_bytes, block, sizeof block);
    (void)hone_size_format((double)calibration->huge_bytes, huge, sizeof huge);
    (void)snprintf(line, sizeof line, "%s%s %s, with a block of %s (%s of it on huge pages)",
                   view->age_ns >= 0 ? age : "in the future by this clock",
                   view->age_ns >= 0 ? " ago" : "", load, block, huge);
    print_name(out, "measured", NAME_COLUMN);
    hn_cli_print_wrapped(out, hone_text_of(line), NAME_COLUMN, NAME_COLUMN);
}

/* Kept by --force: whoever reads the figures must know. */
static void print_disturbance(hn_cli_output *out, const hone_calibration *calibration) {
    char reason[160], line[300];
    if (!hone_calibration_is_disturbed(calibration, reason, sizeof reason)) {
        return;
    }
    (void)snprintf(line, sizeof line, "%s; measure again when the machine is idle", reason);
    hn_cli_print(out, "  %s%-*s%s", hn_cli_style_of(out, HN_STYLE_WARNING), NAME_COLUMN - 2,
                 "warning", hn_cli_style_of(out, HN_STYLE_PLAIN));
    hn_cli_print_wrapped(out, hone_text_of(line), NAME_COLUMN, NAME_COLUMN);
}

void hn_cli_calibration_print(hn_cli_output *out, const hn_calibration_view *view) {
    print_title(out, "calibration");
    if (!view->is_known) {
        char line[600];
        (void)snprintf(line, sizeof line, "n/a: %s", view->absence.message);
        hn_cli_print(out, "  ");
        hn_cli_print_wrapped(out, hone_text_of(line), 2, 2);
        return;
    }
    print_provenance(out, view);
    print_disturbance(out, &view->calibration);
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        print_figure(out, (hone_calibration_id)i, &view->calibration.figures[i]);
    }
}

/* ---- huge pages ---- */

static hone_status advise(const hone_platform *platform, const hn_calibration_view *view,
                          uint64_t heap_bytes, hone_huge_page_advice *out_advice) {
    hone_huge_page_offer offer;
    hone_huge_page_figures figures;
    bool has_figures = view->is_known && hone_calibration_huge_pages(&view->calibration, &figures);
    hone_huge_page_offer_of(platform, &offer);
    return hone_huge_page_advise(heap_bytes, 0, &offer, has_figures ? &figures : NULL, out_advice);
}

void hn_cli_huge_pages_print(hn_cli_output *out, const hone_platform *platform,
                             const hn_calibration_view *view) {
    print_title(out, "huge pages for a heap");
    for (size_t i = 0; i < sizeof heaps_bytes / sizeof *heaps_bytes; i++) {
        hone_huge_page_advice advice;
        char name[40], line[600];
        (void)hone_size_format((double)heaps_bytes[i], name, sizeof name);
        if (advise(platform, view, heaps_bytes[i], &advice) != HONE_OK) {
            continue; /* the sizes above are fine, and figures are checked when they are read */
        }
        hn_cli_print(out, "  %s%-8s%s %s%-12s%s", hn_cli_style_of(out, HN_STYLE_NAME), name,
                     hn_cli_style_of(out, HN_STYLE_PLAIN),
                     hn_cli_style_of(out, advice.kind == HONE_HUGE_PAGE_KIND_OFF ? HN_STYLE_FAINT
                                                                                 : HN_STYLE_GOOD),
                     hone_huge_page_kind_name(advice.kind), hn_cli_style_of(out, HN_STYLE_PLAIN));
        (void)snprintf(line, sizeof line,
                       "%" PRIu64 " translations on small pages, %" PRIu64 " on huge ones. %s",
                       advice.entries_small, advice.entries_huge, advice.reason);
        hn_cli_print_wrapped(out, hone_text_of(line), ADVICE_COLUMN, ADVICE_COLUMN);
    }
}

/* ---- for programs ---- */

static void write_figure(hone_json_writer *writer, hone_calibration_id id,
                         const hone_calibration_figure *figure) {
    hn_json_key(writer, hone_calibration_name(id));
    hone_json_write_object_begin(writer);
    hn_json_text(writer, "unit", hone_calibration_unit(id));
    const char *const keys[] = {"value", "low", "high"};
    const double values[] = {figure->value, figure->low, figure->high};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        hn_json_key(writer, keys[i]);
        if (figure->is_known) {
            hone_json_write_f64(writer, values[i]);
        } else {
            hone_json_write_null(writer);
        }
    }
    hn_json_u64(writer, "clean", figure->clean_count);
    hn_json_u64(writer, "samples", figure->samples_count);
    hn_json_text(writer, "reason", figure->reason);
    hone_json_write_object_end(writer);
}

static void write_disturbance(hone_json_writer *writer, const hone_calibration *calibration) {
    char reason[160];
    hn_json_key(writer, "others_cpus");
    if (calibration->others_cpus >= 0) {
        hone_json_write_f64(writer, calibration->others_cpus);
    } else {
        hone_json_write_null(writer);
    }
    hn_json_key(writer, "disturbance");
    if (hone_calibration_is_disturbed(calibration, reason, sizeof reason)) {
        hone_json_write_text(writer, hone_text_of(reason));
    } else {
        hone_json_write_null(writer);
    }
}

void hn_cli_calibration_write(hone_json_writer *writer, const hn_calibration_view *view) {
    hn_json_key(writer, "calibration");
    hone_json_write_object_begin(writer);
    hn_json_bool(writer, "is_known", view->is_known);
    hn_json_text(writer, "reason", view->is_known ? "" : view->absence.message);
    if (view->is_known) {
        const hone_calibration *calibration = &view->calibration;
        hn_json_u64(writer, "measured_at_ns", (uint64_t)calibration->measured_at_ns);
        hn_json_f64(writer, "age_s", (double)view->age_ns / 1e9);
        hn_json_u64(writer, "block_bytes", calibration->block_bytes);
        hn_json_u64(writer, "huge_bytes", calibration->huge_bytes);
        hn_json_key(writer, "load");
        if (calibration->host.load_average >= 0) {
            hone_json_write_f64(writer, calibration->host.load_average);
        } else {
            hone_json_write_null(writer);
        }
        write_disturbance(writer, calibration);
        hn_json_key(writer, "figures");
        hone_json_write_object_begin(writer);
        for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
            write_figure(writer, (hone_calibration_id)i, &calibration->figures[i]);
        }
        hone_json_write_object_end(writer);
    }
    hone_json_write_object_end(writer);
}

void hn_cli_huge_pages_write(hone_json_writer *writer, const hone_platform *platform,
                             const hn_calibration_view *view) {
    hn_json_key(writer, "huge_page_advice");
    hone_json_write_array_begin(writer);
    for (size_t i = 0; i < sizeof heaps_bytes / sizeof *heaps_bytes; i++) {
        hone_huge_page_advice advice;
        if (advise(platform, view, heaps_bytes[i], &advice) != HONE_OK) {
            continue;
        }
        hone_json_write_object_begin(writer);
        hn_json_u64(writer, "heap_bytes", heaps_bytes[i]);
        hn_json_text(writer, "kind", hone_huge_page_kind_name(advice.kind));
        hn_json_u64(writer, "entries_small", advice.entries_small);
        hn_json_u64(writer, "entries_huge", advice.entries_huge);
        hn_json_bool(writer, "is_calibrated", advice.is_calibrated);
        if (advice.is_calibrated) {
            hn_json_f64(writer, "chase_gain", advice.chase_gain);
            hn_json_f64(writer, "stream_gain", advice.stream_gain);
            hn_json_f64(writer, "populate_extra_ns", advice.populate_extra_ns);
        }
        if (advice.is_earned_back) {
            hn_json_u64(writer, "break_even_accesses", advice.break_even_accesses);
        }
        hn_json_text(writer, "reason", advice.reason);
        hone_json_write_object_end(writer);
    }
    hone_json_write_array_end(writer);
}
