/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Tokens of the poller's own descriptors: addresses that no caller can have.
 * tidy: allow global: nothing is ever read from or written to them. */
static char timer_token, wake_token;

static bool add(hone_poller *poller, int fd, uint32_t events, void *token) {
    struct epoll_event event = {.events = events, .data.ptr = token};
    return epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

hone_status hone_poller_init(hone_poller *poller) {
    poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    poller->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    poller->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (poller->epoll_fd < 0 || poller->timer_fd < 0 || poller->wake_fd < 0 ||
        !add(poller, poller->timer_fd, EPOLLIN, &timer_token) ||
        !add(poller, poller->wake_fd, EPOLLIN, &wake_token)) {
        hone_poller_deinit(poller);
        return HONE_STATUS_LIMIT;
    }
    return HONE_OK;
}

static void close_one(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void hone_poller_deinit(hone_poller *poller) {
    if (poller->epoll_fd == 0 && poller->timer_fd == 0) {
        return; /* zeroed: two descriptors of a live one are never the same */
    }
    close_one(&poller->epoll_fd);
    close_one(&poller->timer_fd);
    close_one(&poller->wake_fd);
}

static hone_status watch(hone_poller *poller, int fd, uint32_t events, void *token) {
    struct epoll_event event = {.events = events | EPOLLONESHOT, .data.ptr = token};
    int result = epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    if (result != 0 &&
        errno == EEXIST) { /* a watch that has fired stays registered until it is armed again */
        result = epoll_ctl(poller->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    }
    if (result == 0) {
        return HONE_OK;
    }
    switch (errno) {
    case EPERM: return HONE_STATUS_UNSUPPORTED;
    case EBADF: return HONE_STATUS_INVALID_ARGUMENT;
    default: return HONE_STATUS_LIMIT;
    }
}

hone_status hone_poller_watch(hone_poller *poller, int fd, bool is_write, void *token) {
    return watch(poller, fd, is_write ? EPOLLOUT : EPOLLIN, token);
}

hone_status hone_poller_watch_urgent(hone_poller *poller, int fd, void *token) {
    return watch(poller, fd, EPOLLPRI, token);
}

void hone_poller_unwatch(hone_poller *poller, int fd) {
    (void)epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void hone_poller_set_deadline(hone_poller *poller, uint64_t deadline_ns) {
    struct itimerspec when = {
        .it_value = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)},
    };
    (void)timerfd_settime(poller->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void hone_poller_wake(hone_poller *poller) {
    int error = errno;
    uint64_t one = 1;
    ssize_t ignored = write(poller->wake_fd, &one, sizeof one); /* full means: already awake */
    (void)ignored;
    errno = error;
}

static void drain(int fd) {
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
}

uint32_t hone_poller_wait(hone_poller *poller, bool is_blocking, void **out_tokens,
                          uint32_t tokens_max) {
    struct epoll_event events[64];
    int room = tokens_max < 64 ? (int)tokens_max : 64;
    int got = epoll_wait(poller->epoll_fd, events, room, is_blocking ? -1 : 0);
    uint32_t tokens_count = 0;
    for (int i = 0; i < got; i++) {
        if (events[i].data.ptr == &timer_token) {
            drain(poller->timer_fd);
        } else if (events[i].data.ptr == &wake_token) {
            if (is_blocking) { /* a wake-up is for who sleeps, not for who looks in passing */
                drain(poller->wake_fd);
            }
        } else {
            out_tokens[tokens_count++] = events[i].data.ptr;
        }
    }
    return tokens_count;
}
