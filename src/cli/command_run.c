/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hone run`: loads a node, runs it on this thread, and reports. A second thread waits for signals:
 * the first one stops the sources and lets the node drain, the second one gives up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calibration_view_internal.h"
#include "console_internal.h"
#include "cells_internal.h"
#include "session_internal.h"

#include "hone/base/units.h"
#include "hone/node/report.h"
#include "hone/platform/clock.h"
#include "hone/platform/poller.h"
#include "hone/platform/signals.h"
#include "hone/platform/terminal.h"

enum { REPORT_BYTES_MAX = 256 << 20, PROGRESS_LINE_BYTES = 320 };

static const uint64_t PROGRESS_TERMINAL_NS = 200000000, PROGRESS_LINES_NS = 1000000000;

typedef struct job {
    hn_session *session;
    hone_node *node;
    hn_console console;
    hone_poller poller;
    hone_signals signals;
    _Atomic uint32_t has_ended; /* release, pairs with the acquire load in wait_for_signals */
    uint32_t signals_count;
    uint64_t duration_ns;
    /* For rates, which are those of the last second or so. */
    uint64_t rated_ns, rated_in, rated_out;
    double in_per_s, out_per_s;
} job;

/* --- Signals -------------------------------------------------------------------------------- */

static void obey(job *run) {
    for (hone_signal signal; (signal = hone_signals_try_take(&run->signals)) != HONE_SIGNAL_NONE;) {
        if (signal == HONE_SIGNAL_WINDOW) {
            hn_console_resize(&run->console);
            continue;
        }
        if (run->signals_count++ > 0) {
            hn_console_say(&run->console, "killed; records in flight are lost");
            hn_console_close(&run->console);
            _Exit(HN_EXIT_KILLED);
        }
        hone_node_stop(run->node);
        hn_console_say(&run->console, "stopping: draining what is in flight (once more to kill)");
    }
}

static void wait_for_signals(void *context) {
    job *run = context;
    while (!atomic_load_explicit(&run->has_ended, memory_order_acquire)) {
        void *token;
        (void)!hone_poller_watch(&run->poller, run->signals.fd, false, run);
        (void)hone_poller_wait(&run->poller, true, &token, 1);
        obey(run);
    }
}

/* --- Progress ------------------------------------------------------------------------------- */

/* Before the first second is over: since the start. */
static void update_rates(job *run, const hone_report_totals *totals, uint64_t now_ns) {
    double elapsed_s = (double)(now_ns - run->rated_ns) / 1e9;
    bool is_first = run->rated_in == 0 && run->rated_out == 0;
    if (elapsed_s <= 0 || (elapsed_s < 1 && !is_first)) {
        return;
    }
    run->in_per_s = (double)(totals->records_in - run->rated_in) / elapsed_s;
    run->out_per_s = (double)(totals->records_out - run->rated_out) / elapsed_s;
    if (elapsed_s >= 1) {
        run->rated_ns = now_ns;
        run->rated_in = totals->records_in;
        run->rated_out = totals->records_out;
    }
}

static void show_progress(void *context, const hone_live_page *live) {
    job *run = context;
    uint64_t now_ns = hone_clock_monotonic_ns();
    hone_report_totals totals = hone_report_sum(live);
    char line[PROGRESS_LINE_BYTES], uptime[16], limit[24] = "", in[16], in_rate[16], out[16],
                                                out_rate[16], held[16], budget[16], lost[64] = "";
    (void)hone_duration_format((double)(now_ns - live->started_ns), uptime, sizeof uptime);
    if (run->duration_ns) {
        (void)snprintf(limit, sizeof limit, " of ");
        (void)hone_duration_format((double)run->duration_ns, limit + 4, sizeof limit - 4);
    }
    hn_cli_figure_count((double)totals.records_in, in, sizeof in);
    hn_cli_figure_count((double)totals.records_out, out, sizeof out);
    update_rates(run, &totals, now_ns);
    hn_cli_figure_count(run->in_per_s, in_rate, sizeof in_rate);
    hn_cli_figure_count(run->out_per_s, out_rate, sizeof out_rate);
    (void)hone_size_format((double)atomic_load_explicit(&live->held_bytes, memory_order_relaxed),
                           held, sizeof held);
    (void)hone_size_format((double)live->budget_bytes, budget, sizeof budget);
    if (totals.records_dropped || totals.records_skipped) {
        char dropped[16], skipped[16];
        hn_cli_figure_count((double)totals.records_dropped, dropped, sizeof dropped);
        hn_cli_figure_count((double)totals.records_skipped, skipped, sizeof skipped);
        (void)snprintf(lost, sizeof lost, "  dropped %s  skipped %s", dropped, skipped);
    }
    (void)snprintf(line, sizeof line, "%.40s  %s%s  in %s (%s/s)  out %s (%s/s)%s  memory %s of %s",
                   hone_node_name(run->node), uptime, limit, in, in_rate, out, out_rate, lost, held,
                   budget);
    hn_console_show(&run->console, line);
}

static hn_progress_mode choose_mode(const hn_session *session) {
    const hn_arguments *arguments = &session->arguments;
    if (hn_arguments_has(arguments, "quiet")) {
        return HN_PROGRESS_NONE;
    }
    const char *terminal = getenv("TERM");
    if (hone_terminal_is_foreground(2) && terminal && strcmp(terminal, "dumb") != 0) {
        return session->out.is_terminal ? HN_PROGRESS_PINNED : HN_PROGRESS_INLINE;
    }
    return hn_arguments_has(arguments, "progress") ? HN_PROGRESS_LINES : HN_PROGRESS_NONE;
}

/* --- The report ----------------------------------------------------------------------------- */

static bool has_suffix(const char *text, const char *suffix) {
    size_t size = strlen(text), suffix_size = strlen(suffix);
    return size > suffix_size && strcmp(text + size - suffix_size, suffix) == 0;
}

/* Fails before the run rather than after it. */
static int check_report_path(hn_session *session, const char *path) {
    hone_diag diag = {0};
    hone_file file;
    if (!path) {
        return HN_EXIT_OK;
    }
    if (!has_suffix(path, ".json") && !has_suffix(path, ".html")) {
        (void)hone_diag_set(&diag, HONE_STATUS_INVALID_ARGUMENT,
                            "--report: '%.200s' must end in .json or .html, to say which it is",
                            path);
        return hn_cli_fail(session, HN_EXIT_USAGE, &diag);
    }
    hone_status status = hone_file_open(path, HONE_FILE_APPEND, &diag, &file);
    if (status) {
        hone_diag_about(&diag, "--report");
        return hn_cli_fail(session, HN_EXIT_INPUT, &diag);
    }
    return hone_file_close(&file, &diag) ? hn_cli_fail(session, HN_EXIT_INPUT, &diag) : HN_EXIT_OK;
}

static int write_report(hn_session *session, const hone_report *report, const char *path) {
    hone_buffer content;
    hone_diag diag = {0};
    hone_buffer_init(&content, NULL, REPORT_BYTES_MAX);
    if (has_suffix(path, ".json")) {
        hone_report_write_json(report, &content);
    } else {
        hone_report_write_html(report, &content);
    }
    hone_status status = hone_buffer_status(&content);
    status = status ? hone_diag_set(&diag, status, "the report does not fit into memory")
                    : hn_cli_write_file(path, hone_buffer_text(&content), &diag);
    hone_buffer_deinit(&content);
    if (status) {
        hone_diag_about(&diag, "--report");
        return hn_cli_fail(session, HN_EXIT_INPUT, &diag);
    }
    return HN_EXIT_OK;
}

/* As with `hone run FILE | head -1`: it has what it wanted, but not all records were delivered. */
static bool has_reader_gone(hone_status status, const hone_diag *diag) {
    return status == HONE_STATUS_BROKEN_PIPE && strcmp(diag->file, "standard output") == 0;
}

static int report(hn_session *session, const hone_report *report) {
    const char *path = hn_arguments_text(&session->arguments, "report");
    if (!hn_arguments_has(&session->arguments, "quiet") &&
        !has_reader_gone(report->status, &report->diag)) {
        hone_report_write_text(report, &session->err.buffer);
        hn_cli_output_flush(&session->err);
    }
    return path ? write_report(session, report, path) : HN_EXIT_OK;
}

/* --- The job -------------------------------------------------------------------------------- */

/* One that is there but cannot be read is told; none at all is the usual case. */
static void calibrate(job *run, hone_node_options *options) {
    hn_calibration_view view;
    hn_cli_calibration_find(run->session, &view);
    if (view.is_known) {
        hone_node_calibrate(options, &view.calibration);
    } else if (view.absence.status != HONE_STATUS_NOT_FOUND &&
               view.absence.status != HONE_STATUS_ABSENT) {
        hone_log_write(options->log, HONE_LOG_WARNING,
                       "the calibration of this host is not used: %s", view.absence.message);
    }
}

static hone_status load(job *run, hone_diag *diag) {
    const hn_arguments *arguments = &run->session->arguments;
    hone_node_options options = {.log = &run->console.log,
                                 .root = hn_arguments_text(arguments, "root")};
    calibrate(run, &options);
    hone_status status =
        hn_arguments_collect(arguments, "set", diag, &options.settings, &options.settings_count);
    if (!status) {
        status = hone_node_load(arguments->operands[0], &options, diag, &run->node);
    }
    hn_arguments_release(options.settings, options.settings_count);
    return status;
}

/* Runs the loaded node while another thread waits for signals. */
static hone_status run_node(job *run, hone_diag *diag, const hone_report **out_report) {
    const hn_arguments *arguments = &run->session->arguments;
    hone_thread thread = {0};
    hone_node_run_options options = {
        .duration_ns = run->duration_ns,
        .records_max = hn_arguments_number(arguments, "records"),
        .progress = show_progress,
        .progress_context = run,
    };
    if (run->console.mode != HN_PROGRESS_NONE) {
        options.progress_ns =
            run->console.mode == HN_PROGRESS_LINES ? PROGRESS_LINES_NS : PROGRESS_TERMINAL_NS;
    }
    hone_status status = hone_poller_init(&run->poller);
    status = status ? status : hone_signals_init(&run->signals);
    status = status ? status : hone_thread_create("signals", wait_for_signals, run, &thread);
    if (status) {
        (void)hone_diag_set(diag, status, "cannot wait for signals: %s", hone_status_text(status));
    } else {
        run->rated_ns = hone_clock_monotonic_ns();
        status = hone_node_run(run->node, &options, diag, out_report);
        atomic_store_explicit(&run->has_ended, 1, memory_order_release);
        hone_poller_wake(&run->poller);
        hone_thread_join(thread);
    }
    hone_signals_deinit(&run->signals);
    hone_poller_deinit(&run->poller);
    return status;
}

int hn_command_run(hn_session *session) {
    job run = {.session = session, .duration_ns = hn_arguments_number(&session->arguments, "for")};
    hone_diag diag = {0};
    const hone_report *made = NULL;
    int code = check_report_path(session, hn_arguments_text(&session->arguments, "report"));
    if (code != HN_EXIT_OK) {
        return code;
    }
    hn_console_init(&run.console, &session->err);
    if (load(&run, &diag)) {
        hn_console_deinit(&run.console);
        return hn_cli_fail(session, HN_EXIT_INPUT, &diag);
    }
    hn_console_set_mode(&run.console, choose_mode(session));
    hone_status status = run_node(&run, &diag, &made);
    hn_console_deinit(&run.console);
    bool is_silent =
        has_reader_gone(status, &diag) && hn_arguments_has(&session->arguments, "quiet");
    code = !status     ? HN_EXIT_OK
           : is_silent ? HN_EXIT_FAILED
                       : hn_cli_fail(session, HN_EXIT_FAILED, &diag);
    int report_code = made ? report(session, made) : HN_EXIT_OK;
    hone_node_destroy(run.node);
    return code ? code : report_code;
}
