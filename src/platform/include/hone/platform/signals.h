/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as something to read instead of something that interrupts: from init to deinit, interrupt
 * (Ctrl-C), terminate, hang-up and window-size signals wait in a descriptor that a hone_poller can
 * watch. So a program needs no handler, no global, and no async-signal-safe code.
 *
 * Contract: one object per process, made by the first thread before it starts others (they inherit
 * the mask). take is shared. Signals that nobody took before deinit have their usual effect then.
 */
#ifndef HONE_PLATFORM_SIGNALS_H
#define HONE_PLATFORM_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#include "hone/base/status.h"

typedef enum hone_signal {
    HONE_SIGNAL_NONE,
    HONE_SIGNAL_INTERRUPT, /* SIGINT */
    HONE_SIGNAL_TERMINATE, /* SIGTERM, SIGHUP */
    HONE_SIGNAL_WINDOW     /* the terminal has another size */
} hone_signal;

typedef struct hone_signals {
    sigset_t before;
    int fd; /* for hone_poller_watch; -1 when closed */
    bool is_held;
} hone_signals;

/* LIMIT when the process may not open more descriptors. A zeroed object may be deinitialised. */
HONE_MUST_USE hone_status hone_signals_init(hone_signals *signals);
void hone_signals_deinit(hone_signals *signals);

/* The next signal that came, or NONE. Never waits. */
hone_signal hone_signals_try_take(hone_signals *signals);

/* Writing to a pipe that nobody reads gives BROKEN_PIPE from then on, instead of ending the
 * process. */
void hone_signals_ignore_broken_pipe(void);

#endif
