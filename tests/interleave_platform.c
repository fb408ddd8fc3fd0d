/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated platform. It is stricter than the real one where that is allowed: nobody wakes
 * without a reason, a wake-up reaches one sleeper only, and time stands still, so no timer helps a
 * wake-up that was lost.
 */
#include "hone/platform/clock.h"
#include "hone/platform/poller.h"
#include "hone/platform/thread.h"
#include "interleave.h"

#include <string.h>

/* Declared here again rather than by interleave_platform.h, whose macros this file must not see. */
hone_status interleave_thread_create(const char *name, void (*run)(void *context), void *context,
                                     hone_thread *out_thread);
void interleave_thread_join(hone_thread thread);
void interleave_mutex_init(hone_mutex *mutex);
void interleave_mutex_lock(hone_mutex *mutex);
void interleave_mutex_unlock(hone_mutex *mutex);
hone_status interleave_barrier_prepare(void);
void interleave_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void interleave_futex_wake(_Atomic uint32_t *word, uint32_t count);
hone_status interleave_poller_init(hone_poller *poller);
void interleave_poller_deinit(hone_poller *poller);
void interleave_poller_wake(hone_poller *poller);
void interleave_poller_set_deadline(hone_poller *poller, uint64_t deadline_ns);
uint32_t interleave_poller_wait(hone_poller *poller, bool is_blocking, void **out_tokens,
                                uint32_t tokens_max);
uint64_t interleave_clock_ns(void);

/* ---- threads ---- */

hone_status interleave_thread_create(const char *name, void (*run)(void *context), void *context,
                                     hone_thread *out_thread) {
    (void)name;
    out_thread->handle = (pthread_t)interleave_spawn(run, context);
    return HONE_OK;
}

void interleave_thread_join(hone_thread thread) {
    interleave_join((uint32_t)thread.handle);
}

/* ---- locks: the first byte of the mutex says whether it is taken ---- */

static bool is_unlocked(void *context) {
    return *(const unsigned char *)context == 0;
}

void interleave_mutex_init(hone_mutex *mutex) {
    memset(mutex, 0, sizeof *mutex);
}

void interleave_mutex_lock(hone_mutex *mutex) {
    interleave_point();
    interleave_block(is_unlocked, mutex);
    *(unsigned char *)mutex = 1;
}

void interleave_mutex_unlock(hone_mutex *mutex) {
    *(unsigned char *)mutex = 0;
}

/* ---- futex: a sleeper goes on when somebody woke him, not because the word changed ---- */

static struct sleeper {
    _Atomic uint32_t *word; /* NULL: none */
    bool is_woken;
} sleepers[INTERLEAVE_THREADS_MAX];

/* A death comes with the end of a time-out: others look for the dead then. */
static bool is_woken(void *context) {
    return ((const struct sleeper *)context)->is_woken || interleave_death() != UINT32_MAX;
}

void interleave_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
    (void)timeout_ns;
    interleave_point();
    if (atomic_load_explicit(word, memory_order_relaxed) != expected) {
        return;
    }
    struct sleeper *mine = sleepers;
    while (mine->word) { /* as many as there can be threads */
        mine++;
    }
    *mine = (struct sleeper){.word = word};
    interleave_block(is_woken, mine);
    mine->word = NULL;
}

void interleave_futex_wake(_Atomic uint32_t *word, uint32_t count) {
    interleave_point();
    for (uint32_t i = 0; i < INTERLEAVE_THREADS_MAX && count > 0; i++) {
        if (sleepers[i].word == word && !sleepers[i].is_woken) {
            sleepers[i].is_woken = true;
            count--;
        }
    }
}

hone_status interleave_barrier_prepare(void) {
    return HONE_OK;
}

/* ---- poller: wake_fd is 1 while a wake-up waits to be taken ---- */

static bool is_awake(void *context) {
    return ((const hone_poller *)context)->wake_fd == 1;
}

hone_status interleave_poller_init(hone_poller *poller) {
    *poller = (hone_poller){0};
    return HONE_OK;
}

void interleave_poller_deinit(hone_poller *poller) {
    (void)poller;
}

void interleave_poller_wake(hone_poller *poller) {
    interleave_point();
    poller->wake_fd = 1;
}

void interleave_poller_set_deadline(hone_poller *poller, uint64_t deadline_ns) {
    (void)poller;
    (void)deadline_ns;
}

uint32_t interleave_poller_wait(hone_poller *poller, bool is_blocking, void **out_tokens,
                                uint32_t tokens_max) {
    (void)out_tokens;
    (void)tokens_max;
    interleave_point();
    if (is_blocking) {
        interleave_block(is_awake, poller);
        poller->wake_fd = 0;
    }
    return 0;
}

uint64_t interleave_clock_ns(void) {
    return 1;
}
