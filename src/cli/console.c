/* SPDX-License-Identifier: Apache-2.0 */
#include "console_internal.h"

#include <string.h>

#include "hone/platform/terminal.h"

enum { ROWS_MIN = 4, COLUMNS_MIN = 20 };

/* Lets the rows above the last one scroll. The line end first makes room where the cursor stands in
 * the last row. */
static void pin(hn_console *console) {
    if (hone_terminal_size(2, &console->columns, &console->rows) || console->rows < ROWS_MIN) {
        console->mode = HN_PROGRESS_INLINE;
        return;
    }
    hn_cli_print(console->err, "\n\x1b[A\0337\x1b[1;%ur\0338", console->rows - 1);
}

static void unpin(hn_console *console) {
    hn_cli_print(console->err, "\0337\x1b[r\x1b[%u;1H\x1b[2K\0338", console->rows);
}

static void erase_line(hn_console *console) {
    if (console->has_line) {
        hn_cli_print(console->err, "\r\x1b[K");
        console->has_line = false;
    }
}

static void write_log(void *self, hone_log_level level, hone_text message) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    hn_console *console = self;
    hone_mutex_lock(&console->lock);
    erase_line(console);
    hn_cli_print(
        console->err, "hone: %s%s:%s %.*s\n",
        hn_cli_style_of(console->err, level == HONE_LOG_ERROR ? HN_STYLE_BAD : HN_STYLE_WARNING),
        names[level], hn_cli_style_of(console->err, HN_STYLE_PLAIN), HONE_TEXT_ARGS(message));
    hn_cli_output_flush(console->err);
    hone_mutex_unlock(&console->lock);
}

void hn_console_init(hn_console *console, hn_cli_output *err) {
    *console = (hn_console){.err = err, .columns = err->columns};
    console->log = (hone_log){.write = write_log, .self = console, .level_min = HONE_LOG_WARNING};
    hone_mutex_init(&console->lock);
}

void hn_console_set_mode(hn_console *console, hn_progress_mode mode) {
    hone_mutex_lock(&console->lock);
    console->mode = mode;
    if (mode == HN_PROGRESS_PINNED) {
        pin(console);
        hn_cli_output_flush(console->err);
    }
    hone_mutex_unlock(&console->lock);
}

void hn_console_close(hn_console *console) {
    hone_mutex_lock(&console->lock);
    erase_line(console);
    if (console->mode == HN_PROGRESS_PINNED) {
        unpin(console);
    }
    console->mode = HN_PROGRESS_NONE;
    hn_cli_output_flush(console->err);
    hone_mutex_unlock(&console->lock);
}

void hn_console_deinit(hn_console *console) {
    hn_console_close(console);
    hone_mutex_deinit(&console->lock);
}

void hn_console_show(hn_console *console, const char *line) {
    hn_cli_output *err = console->err;
    const char *faint = hn_cli_style_of(err, HN_STYLE_FAINT),
               *plain = hn_cli_style_of(err, HN_STYLE_PLAIN);
    hone_mutex_lock(&console->lock);
    int room = (int)(console->columns > COLUMNS_MIN ? console->columns : COLUMNS_MIN) - 1;
    switch (console->mode) {
    case HN_PROGRESS_NONE: break;
    case HN_PROGRESS_LINES: hn_cli_print(err, "%s\n", line); break;
    case HN_PROGRESS_INLINE:
        hn_cli_print(err, "\r%s%.*s%s\x1b[K", faint, room, line, plain);
        console->has_line = true;
        break;
    case HN_PROGRESS_PINNED:
        hn_cli_print(err, "\0337\x1b[%u;1H%s%.*s%s\x1b[K\0338", console->rows, faint, room, line,
                     plain);
        break;
    }
    hn_cli_output_flush(err);
    hone_mutex_unlock(&console->lock);
}

void hn_console_say(hn_console *console, const char *text) {
    hone_mutex_lock(&console->lock);
    erase_line(console);
    hn_cli_print(console->err, "hone: %s\n", text);
    hn_cli_output_flush(console->err);
    hone_mutex_unlock(&console->lock);
}

void hn_console_resize(hn_console *console) {
    hone_mutex_lock(&console->lock);
    if (console->mode == HN_PROGRESS_PINNED) {
        pin(console);
        hn_cli_output_flush(console->err);
    } else if (console->mode == HN_PROGRESS_INLINE) {
        (void)!hone_terminal_size(2, &console->columns, &console->rows);
    }
    hone_mutex_unlock(&console->lock);
}
