/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard error while a node runs: warnings of any thread, and a progress line that stays in one
 * place. Where standard output goes to the same terminal, the line has the last row for itself and
 * the node's records scroll above it.
 *
 * Contract: shared between init and deinit; a lock keeps lines whole.
 */
#ifndef HN_CLI_CONSOLE_INTERNAL_H
#define HN_CLI_CONSOLE_INTERNAL_H

#include "printing_internal.h"

#include "hone/base/log.h"
#include "hone/platform/thread.h"

typedef enum hn_progress_mode {
    HN_PROGRESS_NONE,
    HN_PROGRESS_LINES,  /* no terminal: a new line each time */
    HN_PROGRESS_INLINE, /* written over again and again */
    HN_PROGRESS_PINNED, /* in the last row */
} hn_progress_mode;

typedef struct hn_console {
    hone_mutex lock;
    hn_cli_output *err; /* borrowed */
    hn_progress_mode mode;
    uint32_t rows, columns; /* of the terminal; PINNED: rows without the last one scroll */
    bool has_line;          /* INLINE: the cursor is behind a progress line */
    hone_log log;           /* writes warnings and errors here */
} hn_console;

/* Begins without progress, for warnings only. */
void hn_console_init(hn_console *console, hn_cli_output *err);

/* Begins to show progress; PINNED takes the last row of the terminal. */
void hn_console_set_mode(hn_console *console, hn_progress_mode mode);

/* Takes the progress line away and gives the last row back; nothing is shown from then on. */
void hn_console_close(hn_console *console);
void hn_console_deinit(hn_console *console);

/* Shows one line of progress, cut to the terminal. */
void hn_console_show(hn_console *console, const char *line);

/* Prints a line of its own, "hone: text". */
void hn_console_say(hn_console *console, const char *text);

/* The terminal has another size. */
void hn_console_resize(hn_console *console);

#endif
