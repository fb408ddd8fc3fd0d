/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>

#include "hone/platform/clock.h"
#include "hone/platform/cpu_set.h"
#include "hone/platform/thread.h"

typedef struct seen {
    char name[32];
    bool is_signal_blocked;
    uintptr_t id;
} seen;

static void look_around(void *context) {
    seen *mine = context;
    sigset_t blocked;
    (void)pthread_getname_np(pthread_self(), mine->name, sizeof mine->name);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    mine->is_signal_blocked = sigismember(&blocked, SIGINT) == 1;
    mine->id = hone_thread_self_id();
}

static void test_create(void **state) {
    (void)state;
    hone_thread thread;
    seen mine = {.id = 0};
    sigset_t before, after;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(hone_thread_create("a-name-of-more-than-15", look_around, &mine, &thread),
                     HONE_OK);
    hone_thread_join(thread);
    assert_string_equal(mine.name, "a-name-of-more-");
    assert_true(mine.is_signal_blocked);
    assert_true(mine.id != 0 && mine.id != hone_thread_self_id());
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
}

static void pin_each(void *context) {
    uint32_t *failures = context;
    hone_cpu_set mine;
    if (hone_cpu_set_affinity(&mine) != HONE_OK) {
        *failures = 1;
        return;
    }
    for (uint32_t cpu = hone_cpu_set_next(&mine, 0); cpu < HONE_CPUS_MAX;
         cpu = hone_cpu_set_next(&mine, cpu + 1)) {
        *failures += hone_thread_pin(cpu) != HONE_OK || hone_thread_cpu() != cpu;
        *failures += hone_thread_cpus_allowed_count() != 1 || hone_thread_cpu_allowed(5) != cpu;
    }
    *failures += hone_thread_pin(HONE_CPUS_MAX - 1) != HONE_STATUS_ABSENT;
    *failures += hone_thread_pin(UINT32_MAX) != HONE_STATUS_ABSENT;
    /* a CPU that there is not beside those that there are does no harm */
    hone_cpu_set more = mine, after, none = {{0}};
    hone_cpu_set_add(&more, HONE_CPUS_MAX - 1);
    *failures += hone_thread_pin_set(&none) != HONE_STATUS_ABSENT;
    *failures += hone_thread_pin_set(&more) != HONE_OK;
    *failures += hone_cpu_set_affinity(&after) != HONE_OK;
    *failures += memcmp(&after, &mine, sizeof mine) != 0;
    *failures += hone_thread_cpus_allowed_count() != hone_cpu_set_count(&mine);
    *failures += hone_thread_cpu_allowed(0) != hone_cpu_set_next(&mine, 0);
}

enum { MOVES_COUNT = 100 };

/* The kernel may move the thread, too, and back again: so most moves must be seen, not all. */
static void move_around(void *context) {
    uint32_t *failures = context;
    hone_cpu_set before, after;
    *failures += hone_cpu_set_affinity(&before) != HONE_OK;
    bool has_others = hone_cpu_set_count(&before) > 1;
    uint32_t moves_count = 0;
    for (int i = 0; i < MOVES_COUNT; i++) {
        uint32_t cpu = hone_thread_cpu();
        *failures += hone_thread_leave_cpu() != (has_others ? HONE_OK : HONE_STATUS_ABSENT);
        moves_count += hone_thread_cpu() != cpu;
    }
    *failures += has_others && moves_count < MOVES_COUNT / 2;
    *failures += hone_cpu_set_affinity(&after) != HONE_OK;
    *failures += memcmp(&after, &before, sizeof before) != 0;
    *failures += hone_thread_pin(hone_thread_cpu()) != HONE_OK;
    *failures += hone_thread_leave_cpu() != HONE_STATUS_ABSENT;
}

static void test_leave_cpu(void **state) {
    (void)state;
    hone_thread thread;
    uint32_t failures = 0;
    assert_int_equal(hone_thread_create("move", move_around, &failures, &thread), HONE_OK);
    hone_thread_join(thread);
    assert_int_equal(failures, 0);
}

static void test_pin(void **state) {
    (void)state;
    hone_thread thread;
    uint32_t failures = 0;
    assert_int_equal(hone_thread_create("pin", pin_each, &failures, &thread), HONE_OK);
    hone_thread_join(thread);
    assert_int_equal(failures, 0);
}

enum { THREADS_COUNT = 4, ROUNDS_COUNT = 20000 };

typedef struct shared_sum {
    hone_mutex mutex;
    uint64_t sum; /* guarded by the mutex */
} shared_sum;

static void add_up(void *context) {
    shared_sum *shared = context;
    for (int i = 0; i < ROUNDS_COUNT; i++) {
        if (i % 3 != 0 || !hone_mutex_try_lock(&shared->mutex)) {
            hone_mutex_lock(&shared->mutex);
        }
        shared->sum++;
        hone_mutex_unlock(&shared->mutex);
    }
}

static void test_mutex(void **state) {
    (void)state;
    hone_thread threads[THREADS_COUNT];
    shared_sum shared = {.sum = 0};
    hone_mutex_init(&shared.mutex);
    for (int i = 0; i < THREADS_COUNT; i++) {
        assert_int_equal(hone_thread_create("add", add_up, &shared, &threads[i]), HONE_OK);
    }
    for (int i = 0; i < THREADS_COUNT; i++) {
        hone_thread_join(threads[i]);
    }
    assert_int_equal(shared.sum, THREADS_COUNT * ROUNDS_COUNT);
    hone_mutex_lock(&shared.mutex);
    assert_false(hone_mutex_try_lock(&shared.mutex));
    hone_mutex_unlock(&shared.mutex);
    hone_mutex_deinit(&shared.mutex);
}

typedef struct ping_pong {
    _Atomic uint32_t turn; /* 0: first's, 1: second's */
    uint32_t rounds_count;
} ping_pong;

static void play(ping_pong *game, uint32_t mine) {
    for (uint32_t i = 0; i < game->rounds_count; i++) {
        uint32_t turn;
        /* Acquire and release hand the turn over with everything before it. */
        while ((turn = atomic_load_explicit(&game->turn, memory_order_acquire)) != mine) {
            hone_futex_wait(&game->turn, turn, UINT64_MAX);
        }
        atomic_store_explicit(&game->turn, 1 - mine, memory_order_release);
        hone_futex_wake(&game->turn, 1);
    }
}

static void play_second(void *context) {
    play(context, 1);
}

static void test_futex(void **state) {
    (void)state;
    hone_thread thread;
    ping_pong game = {.rounds_count = 2000};
    assert_int_equal(hone_thread_create("pong", play_second, &game, &thread), HONE_OK);
    play(&game, 0);
    hone_thread_join(thread);
    assert_int_equal(atomic_load(&game.turn), 0);

    _Atomic uint32_t word = 7;
    uint64_t start = hone_clock_monotonic_ns();
    hone_futex_wait(&word, 6, UINT64_MAX); /* differs: at once */
    hone_futex_wait(&word, 7, 0);
    assert_true(hone_clock_monotonic_ns() - start < UINT64_C(5000000000));
    start = hone_clock_monotonic_ns();
    while (hone_clock_monotonic_ns() - start < 20000000u) { /* may wake early without a reason */
        hone_futex_wait(&word, 7, 20000000u);
    }
    hone_thread_yield();
    hone_cpu_relax();
}

static void reserving_is_checked(void **state) {
    (void)state;
    static const uint64_t bad[][2] = {{0, 10000000},
                                      {1023, 10000000},
                                      {20000000, 10000000},
                                      {5000, 99999},
                                      {1000000, 4000000001}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hone_thread_reserve(bad[i][0], bad[i][1]), HONE_STATUS_INVALID_ARGUMENT);
    }
}

enum { RWLOCK_ROUNDS = 2000 };

typedef struct guarded {
    hone_rwlock lock;
    uint64_t low, high; /* equal but while the lock is held to write */
    uint32_t torn;
} guarded;

static void write_guarded(void *context) {
    guarded *with = context;
    for (int i = 0; i < RWLOCK_ROUNDS; i++) {
        hone_rwlock_lock(&with->lock);
        with->low++;
        hone_thread_yield();
        with->high++;
        hone_rwlock_unlock(&with->lock);
    }
}

static void test_rwlock(void **state) {
    (void)state;
    guarded with = {.torn = 0};
    hone_thread writers[2];
    hone_rwlock_init(&with.lock);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hone_thread_create("writer", write_guarded, &with, &writers[i]), HONE_OK);
    }
    for (bool is_over = false; !is_over;) {
        hone_rwlock_lock_shared(&with.lock);
        with.torn += with.low != with.high;
        is_over = with.high == 2 * RWLOCK_ROUNDS;
        hone_rwlock_unlock_shared(&with.lock);
    }
    for (int i = 0; i < 2; i++) {
        hone_thread_join(writers[i]);
    }
    assert_int_equal(with.torn, 0);
    assert_int_equal(with.low, 2 * RWLOCK_ROUNDS);
    hone_rwlock_deinit(&with.lock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserving_is_checked),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_pin),
        cmocka_unit_test(test_leave_cpu),
        cmocka_unit_test(test_mutex),
        cmocka_unit_test(test_rwlock),
        cmocka_unit_test(test_futex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
