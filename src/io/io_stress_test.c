/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several threads with a ring each, on both backends: random files, sockets, chains, time-outs and
 * cancels, every completion counted, rings destroyed with operations in flight. The content of the
 * files is held against an array. Finds lost and doubled completions, and with tsan what the pool
 * shares by mistake.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hone/platform/thread.h"
#include "ring_test.h"

enum { THREADS = 3, ROUNDS = 300, OPERATIONS = 24, BLOCK = 256 };

typedef struct ring_user {
    /* Around create and destroy: liburing maps its rings by system calls of its own, so tsan takes
     * a ring at the address of one that is gone for the same memory. */
    hone_mutex *lock;
    hone_io_backend backend;
    uint64_t seed;
    int file;
    int pair[2];
    uint8_t twin[OPERATIONS * BLOCK], data[OPERATIONS][BLOCK];
    const char *wrong; /* NULL: all well */
} ring_user;

static uint64_t next(ring_user *user) {
    user->seed ^= user->seed << 13;
    user->seed ^= user->seed >> 7;
    user->seed ^= user->seed << 17;
    return user->seed;
}

typedef struct round_state {
    uint32_t prepared_count, completed_count;
    bool is_read[OPERATIONS], is_done[OPERATIONS + 4];
} round_state;

static bool add(hone_io *io, ring_user *user, round_state *round, hone_io_request request) {
    request.token = user->data[round->prepared_count++];
    return hone_io_prepare(io, &request, NULL, NULL) == HONE_OK;
}

/* A block of the file each, so that the order does not matter; some with a sync behind them. */
static bool add_block(hone_io *io, ring_user *user, round_state *round) {
    uint32_t i = round->prepared_count;
    bool is_write = next(user) % 2, is_chained = i + 1 < OPERATIONS && next(user) % 4 == 0;
    memset(user->data[i], is_write ? (int)(next(user) & 255) : 0xEE, BLOCK);
    if (is_write) {
        memcpy(user->twin + i * BLOCK, user->data[i], BLOCK);
    }
    round->is_read[i] = !is_write;
    hone_io_request request = {.kind = is_write ? HONE_IO_WRITE : HONE_IO_READ,
                               .fd = user->file,
                               .data = user->data[i],
                               .size = BLOCK,
                               .offset = i * BLOCK,
                               .is_linked = is_chained,
                               .timeout_ns = next(user) % 2 ? LONG_NS : 0};
    hone_io_request sync = {.kind = HONE_IO_SYNC, .fd = user->file, .is_data_only = true};
    return add(io, user, round, request) && (!is_chained || add(io, user, round, sync));
}

static bool take_all(hone_io *io, ring_user *user, round_state *round) {
    while (round->completed_count < round->prepared_count) {
        hone_io_completion done[5];
        uint32_t count;
        if (hone_io_wait(io, 1, LONG_NS, done, 1 + (uint32_t)next(user) % 5, NULL, &count) !=
                HONE_OK ||
            count == 0) {
            return false;
        }
        for (uint32_t i = 0; i < count; i++) {
            size_t index = (size_t)((uint8_t(*)[BLOCK])done[i].token - user->data);
            if (round->is_done[index] || done[i].status != HONE_OK) {
                return false;
            }
            round->is_done[index] = true;
        }
        round->completed_count += count;
    }
    return true;
}

static bool run_round(hone_io *io, ring_user *user) {
    round_state round = {0};
    char byte;
    hone_io_request receive = {
        .kind = HONE_IO_RECEIVE, .fd = user->pair[0], .data = &byte, .size = 1};
    hone_io_request send = {.kind = HONE_IO_SEND, .fd = user->pair[1], .source = "x", .size = 1};
    hone_io_request sleep = {.kind = HONE_IO_TIMEOUT, .timeout_ns = 1000 * (1 + next(user) % 50)};
    bool is_well = add(io, user, &round, receive) && add(io, user, &round, sleep) &&
                   (next(user) % 2 == 0 || hone_io_submit(io, NULL) == HONE_OK) &&
                   add(io, user, &round, send);
    while (is_well && round.prepared_count < OPERATIONS) {
        is_well = add_block(io, user, &round);
        if (next(user) % 8 == 0) {
            is_well = is_well && hone_io_submit(io, NULL) == HONE_OK;
        }
    }
    if (!is_well || !take_all(io, user, &round)) {
        return false;
    }
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        if (round.is_read[i] && memcmp(user->data[i], user->twin + i * BLOCK, BLOCK) != 0) {
            return false;
        }
    }
    return true;
}

/* Operations that cannot end are cancelled, or left to destroy. */
static bool leave_some(hone_io *io, ring_user *user) {
    char bytes[4];
    hone_io_handle handles[4];
    for (int i = 0; i < 4; i++) {
        hone_io_request request = {
            .kind = HONE_IO_RECEIVE, .fd = user->pair[i % 2], .data = bytes + i, .size = 1};
        if (hone_io_prepare(io, &request, NULL, &handles[i]) != HONE_OK) {
            return false;
        }
    }
    hone_io_request read = {
        .kind = HONE_IO_READ, .fd = user->file, .data = user->data, .size = sizeof user->data};
    bool is_well =
        hone_io_prepare(io, &read, NULL, NULL) == HONE_OK && hone_io_submit(io, NULL) == HONE_OK &&
        hone_io_cancel(io, handles[2]) == HONE_OK && hone_io_cancel(io, handles[0]) == HONE_OK;
    hone_io_completion done[3];
    uint32_t count;
    is_well = is_well && hone_io_wait(io, 3, LONG_NS, done, 3, NULL, &count) == HONE_OK &&
              count == 3 && hone_io_read_stats(io).in_flight_count == 2;
    hone_mutex_lock(user->lock);
    hone_io_destroy(io);
    hone_mutex_unlock(user->lock);
    return is_well;
}

static void run_user(void *context) {
    ring_user *user = context;
    for (int ring = 0; ring < 3 && !user->wrong; ring++) {
        hone_io_options options = {
            .operations_max = OPERATIONS + 4, .backend = user->backend, .threads_count = 3};
        hone_io *io;
        hone_mutex_lock(user->lock);
        hone_status status = hone_io_create(&options, NULL, &io);
        hone_mutex_unlock(user->lock);
        if (status != HONE_OK) {
            user->wrong = "no ring";
            return;
        }
        for (int i = 0; i < ROUNDS / 3 && !user->wrong; i++) {
            user->wrong = run_round(io, user) ? NULL : "a round";
        }
        if (!leave_some(io, user)) {
            user->wrong = "the end";
        }
    }
}

static void test_stress(void **state) {
    hone_io_destroy(make_ring(backend_of(state), (hone_io_options){0}));
    static ring_user users[THREADS];
    hone_mutex lock = HONE_MUTEX_INIT;
    hone_thread threads[THREADS];
    memset(users, 0, sizeof users);
    for (uint32_t i = 0; i < THREADS; i++) {
        users[i].backend = backend_of(state);
        users[i].lock = &lock;
        users[i].seed = 88172645463325252u + i;
        users[i].file = make_file(sizeof users[i].twin);
        make_pair(users[i].pair);
        assert_int_equal(hone_thread_create("user", run_user, &users[i], &threads[i]), HONE_OK);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        hone_thread_join(threads[i]); /* all of them, before anything is asserted */
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        static uint8_t content[sizeof users[0].twin];
        if (users[i].wrong) {
            fail_msg("thread %u: %s went wrong", i, users[i].wrong);
        }
        assert_int_equal(pread(users[i].file, content, sizeof content, 0), sizeof content);
        assert_memory_equal(content, users[i].twin, sizeof content);
        assert_int_equal(close(users[i].file), 0);
        assert_int_equal(close(users[i].pair[0]), 0);
        assert_int_equal(close(users[i].pair[1]), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {BOTH(test_stress)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
