/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

hone_status hone_signals_init(hone_signals *signals) {
    *signals = (hone_signals){.fd = -1};
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGWINCH);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->fd < 0) {
        return HONE_STATUS_LIMIT;
    }
    (void)pthread_sigmask(SIG_BLOCK, &set, &signals->before);
    signals->is_held = true;
    return HONE_OK;
}

void hone_signals_deinit(hone_signals *signals) {
    if (signals->is_held) {
        (void)close(signals->fd);
        (void)pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
        *signals = (hone_signals){.fd = -1};
    }
}

hone_signal hone_signals_try_take(hone_signals *signals) {
    struct signalfd_siginfo info;
    if (!signals->is_held || read(signals->fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return HONE_SIGNAL_NONE;
    }
    switch (info.ssi_signo) {
    case SIGINT: return HONE_SIGNAL_INTERRUPT;
    case SIGWINCH: return HONE_SIGNAL_WINDOW;
    default: return HONE_SIGNAL_TERMINATE;
    }
}

void hone_signals_ignore_broken_pipe(void) {
    (void)signal(SIGPIPE, SIG_IGN);
}
