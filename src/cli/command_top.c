/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hone top`: one look, or the whole screen again and again until q, Ctrl-C, or the end of the one
 * node that was asked for. Waits for keys, signals and the next look at once.
 */
#include <stdio.h>
#include <string.h>

#include "cells_internal.h"
#include "session_internal.h"
#include "watch_internal.h"

#include "hone/platform/clock.h"
#include "hone/platform/poller.h"
#include "hone/platform/signals.h"
#include "hone/platform/terminal.h"

enum { COLUMNS_WITHOUT_TERMINAL = 200, TOKENS_MAX = 4, TITLE_ROWS = 2 };

typedef struct live_screen {
    hn_session *session;
    hn_watch *watch;
    hone_poller poller;
    hone_signals signals;
    hone_keyboard keyboard;
    uint64_t interval_ns;
} live_screen;

static int fail_unknown_node(hn_session *session, const hn_watch *all) {
    const char *names[HONE_LIVE_LIST_MAX];
    const char *wanted = session->arguments.operands[0];
    hone_diag diag = {0};
    for (uint32_t i = 0; i < all->count; i++) {
        names[i] = all->nodes[i].live.page->node_name;
    }
    const char *nearest = hone_text_nearest(hone_text_of(wanted), names, all->count);
    (void)hone_diag_set(&diag, HONE_STATUS_NOT_FOUND,
                        "no node of this user with the name or pid '%.64s' is running%s%.64s%s",
                        wanted, nearest ? ": did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
    return hn_cli_fail(session, HN_EXIT_INPUT, &diag);
}

static void print_names(hn_cli_output *out, const hn_watch *watch) {
    for (uint32_t i = 0; i < watch->count; i++) {
        char name[4 * HONE_LIVE_NAME_BYTES + 1];
        hn_cli_figure_name(watch->nodes[i].live.page->node_name, HONE_LIVE_NAME_BYTES,
                           HONE_LIVE_NAME_BYTES, name);
        hn_cli_print(out, "%s\n", name);
    }
}

static int print_once(hn_session *session, const hn_watch *watch, uint64_t now_ns) {
    hn_cli_output *out = &session->out;
    uint32_t columns, rows;
    if (hn_arguments_has(&session->arguments, "json")) {
        hn_watch_print_json(out, watch, now_ns);
    } else if (hn_arguments_has(&session->arguments, "list")) {
        print_names(out, watch);
    } else if (watch->count == 0) {
        hn_cli_print(out, "No node of this user is running ('hone run FILE' starts one).\n");
    } else {
        if (!out->is_terminal || hone_terminal_size(1, &columns, &rows)) {
            columns = COLUMNS_WITHOUT_TERMINAL;
        }
        hn_watch_print_table(out, watch, now_ns, columns, false);
    }
    return HN_EXIT_OK;
}

/* --- The live screen ------------------------------------------------------------------------ */

static void enter(hn_cli_output *out) {
    /* Another screen, no cursor, no wrapping. */
    hn_cli_print(out, "\x1b[?1049h\x1b[?25l\x1b[?7l");
}

static void leave(hn_cli_output *out) {
    hn_cli_print(out, "\x1b[?7h\x1b[?25h\x1b[?1049l");
    hn_cli_output_flush(out);
}

/* Puts text on the screen from the upper left corner, each line with its rest cleared, as many as
 * fit. */
static void show(hn_cli_output *out, hone_text text, uint32_t rows) {
    hn_cli_print(out, "\x1b[H");
    for (uint32_t row = 0; row < rows && text.data && text.size; row++) {
        hone_text line = hone_text_split(&text, '\n');
        hn_cli_print_text(out, line);
        hn_cli_print(out, "\x1b[0m\x1b[K%s", row + 1 < rows ? "\r\n" : "");
    }
    hn_cli_print(out, "\x1b[J");
    hn_cli_output_flush(out);
}

static void draw(live_screen *screen, uint64_t now_ns) {
    hn_cli_output *out = &screen->session->out;
    uint32_t columns = 80, rows = 24;
    (void)!hone_terminal_size(1, &columns, &rows);
    hn_cli_output page = *out; /* the same terminal, another buffer */
    hone_buffer_init(&page.buffer, NULL, out->buffer.size_max);
    hn_cli_print(&page, "%shone top%s  %u running  %s(q ends)%s\n\n",
                 hn_cli_style_of(out, HN_STYLE_TITLE), hn_cli_style_of(out, HN_STYLE_PLAIN),
                 hn_watch_running_count(screen->watch), hn_cli_style_of(out, HN_STYLE_FAINT),
                 hn_cli_style_of(out, HN_STYLE_PLAIN));
    if (screen->watch->count == 0) {
        hn_cli_print(&page, "Waiting for a node of this user ('hone run FILE' starts one).\n");
    }
    hn_watch_print_table(&page, screen->watch, now_ns, columns, true);
    show(out, hone_buffer_text(&page.buffer), rows);
    hone_buffer_deinit(&page.buffer);
}

/* Sleeps until the next look is due; true when the person wants to end. */
static bool wait_for_end(live_screen *screen, uint64_t due_ns) {
    hone_poller_set_deadline(&screen->poller, due_ns);
    while (hone_clock_monotonic_ns() < due_ns) {
        void *tokens[TOKENS_MAX];
        bool is_redraw = false;
        (void)!hone_poller_watch(&screen->poller, screen->signals.fd, false, screen);
        if (screen->keyboard.is_held) {
            (void)!hone_poller_watch(&screen->poller, 0, false, screen);
        }
        (void)hone_poller_wait(&screen->poller, true, tokens, TOKENS_MAX);
        hone_signal signal = hone_signals_try_take(&screen->signals);
        char key = hone_keyboard_try_read(&screen->keyboard);
        is_redraw = signal == HONE_SIGNAL_WINDOW;
        if ((signal && !is_redraw) || key == 'q' || key == 'Q') {
            return true;
        }
        if (is_redraw) {
            return false;
        }
    }
    return false;
}

static bool is_over(const live_screen *screen) {
    const hn_watch *watch = screen->watch;
    bool has_lost_terminal = screen->session->out.status != HONE_OK;
    bool has_ended = watch->wanted && watch->count && hn_watch_running_count(watch) == 0;
    return has_lost_terminal || has_ended;
}

static int watch_live(live_screen *screen, hone_diag *diag) {
    hone_status status = HONE_OK;
    uint64_t now_ns = hone_clock_monotonic_ns();
    enter(&screen->session->out);
    draw(screen, now_ns);
    while (!status && !is_over(screen) && !wait_for_end(screen, now_ns + screen->interval_ns)) {
        now_ns = hone_clock_monotonic_ns();
        status = hn_watch_look(screen->watch, now_ns, diag);
        draw(screen, now_ns);
    }
    leave(&screen->session->out);
    if (!status && screen->watch->wanted && is_over(screen)) {
        return print_once(screen->session, screen->watch, now_ns);
    }
    return status ? hn_cli_fail(screen->session, HN_EXIT_FAILED, diag) : HN_EXIT_OK;
}

static int run_screen(hn_session *session, hn_watch *watch) {
    live_screen screen = {.session = session,
                          .watch = watch,
                          .interval_ns = hn_arguments_number(&session->arguments, "interval")};
    hone_diag diag = {0};
    hone_status status = hone_poller_init(&screen.poller);
    status = status ? status : hone_signals_init(&screen.signals);
    int code;
    if (status) {
        (void)hone_diag_set(&diag, status, "cannot wait for keys and signals: %s",
                            hone_status_text(status));
        code = hn_cli_fail(session, HN_EXIT_FAILED, &diag);
    } else {
        (void)!hone_keyboard_hold(&screen.keyboard); /* without keys, Ctrl-C still ends it */
        code = watch_live(&screen, &diag);
    }
    hone_keyboard_release(&screen.keyboard);
    hone_signals_deinit(&screen.signals);
    hone_poller_deinit(&screen.poller);
    return code;
}

int hn_command_top(hn_session *session) {
    const hn_arguments *arguments = &session->arguments;
    hone_diag diag = {0};
    hn_watch *watch = HONE_NEW(NULL, hn_watch), *all = HONE_NEW(NULL, hn_watch);
    bool is_once = hn_arguments_has(arguments, "once") || hn_arguments_has(arguments, "json") ||
                   hn_arguments_has(arguments, "list") || !session->out.is_terminal;
    uint64_t now_ns = hone_clock_monotonic_ns();
    int code = HN_EXIT_OK;
    hone_status status = watch && all ? HONE_OK
                                      : hone_diag_set(&diag, HONE_STATUS_OUT_OF_MEMORY,
                                                      "there is not enough memory");
    if (!status) {
        watch->wanted = arguments->operands[0];
        status = hn_watch_look(watch, now_ns, &diag);
    }
    if (!status && watch->wanted && watch->count == 0) {
        status = hn_watch_look(all, now_ns, &diag);
        code = status ? code : fail_unknown_node(session, all);
    } else if (!status) {
        code = is_once ? print_once(session, watch, now_ns) : run_screen(session, watch);
    }
    if (status) {
        code = hn_cli_fail(session, HN_EXIT_FAILED, &diag);
    }
    if (watch && all) {
        hn_watch_deinit(watch);
        hn_watch_deinit(all);
    }
    HONE_DELETE(NULL, hn_watch, watch);
    HONE_DELETE(NULL, hn_watch, all);
    return code;
}
