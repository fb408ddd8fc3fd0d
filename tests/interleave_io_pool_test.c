/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of io's thread backend in every order of its steps: workers that go to sleep while work
 * is pushed, taken back and collected, and that are told to stop. On a simulated platform, with
 * jobs that end at once. Work that nobody wakes up for, or a result whose event was not raised,
 * leaves everybody waiting, which the exploration reports.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "interleave.h"
#include "threads_internal.h"

enum { SLOTS_MAX = 3 };

typedef struct pool_run {
    uint32_t workers_count, pushes_count;
    bool is_one_by_one;   /* collects each before the next is pushed */
    bool is_last_removed; /* asked back as soon as it is pushed */
    bool is_stopped_early;
    hn_pool pool;
    int event_fd, zero_fd;
    hn_io_slot slots[SLOTS_MAX];
    char bytes[SLOTS_MAX];
    uint32_t done_counts[SLOTS_MAX];
    uint32_t collected_count;
    bool was_removed;
} pool_run;

static bool is_event_raised(void *context) {
    struct pollfd one = {((const pool_run *)context)->event_fd, POLLIN, 0};
    return poll(&one, 1, 0) == 1;
}

static void pool_begin(void *context) {
    pool_run *it = context;
    it->collected_count = 0;
    it->was_removed = false;
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        it->bytes[i] = 'x';
        it->done_counts[i] = 0;
        it->slots[i] = (hn_io_slot){.index = i,
                                    .request = {.kind = HONE_IO_READ,
                                                .fd = it->zero_fd,
                                                .data = &it->bytes[i],
                                                .size = 1,
                                                .offset = HONE_IO_POSITION}};
    }
}

/* As the ring does when its event is raised: clears it first, then takes what is done. */
static void collect(pool_run *it) {
    interleave_block(is_event_raised, it);
    uint64_t count;
    interleave_check(read(it->event_fd, &count, sizeof count) == (ssize_t)sizeof count,
                     "the event was raised and cannot be read");
    hn_io_list list = hn_pool_collect(&it->pool);
    while (list.first != HN_IO_NONE) {
        hn_io_slot *slot = &it->slots[list.first];
        hn_io_list_remove(it->slots, &list, slot);
        it->done_counts[slot->index]++;
        it->collected_count++;
    }
}

/* The ring's thread. Starting is explored, too: a worker may come to the queue late. */
static void pool_step(void *context, uint32_t thread) {
    pool_run *it = context;
    (void)thread;
    interleave_check(hn_pool_init(&it->pool, it->slots, it->workers_count, it->event_fd, NULL) ==
                         HONE_OK,
                     "the pool could not be made");
    for (uint32_t i = 0; i < it->pushes_count; i++) {
        hn_pool_push(&it->pool, &it->slots[i]);
        while (it->is_one_by_one && it->collected_count <= i) {
            collect(it);
        }
    }
    if (it->is_last_removed) {
        it->was_removed = hn_pool_remove(&it->pool, &it->slots[it->pushes_count - 1]);
    }
    while (!it->is_stopped_early && it->collected_count + it->was_removed < it->pushes_count) {
        collect(it);
    }
    hn_pool_deinit(&it->pool);
    uint64_t ignored_count;
    ssize_t ignored = read(it->event_fd, &ignored_count, sizeof ignored_count);
    (void)ignored;
}

/* Each job ran once or, when it was taken back or came too late, not at all. */
static void pool_end(void *context) {
    pool_run *it = context;
    for (uint32_t i = it->pool.done.first; i != HN_IO_NONE; i = it->slots[i].next) {
        it->done_counts[i]++;
    }
    for (uint32_t i = it->pool.queue.first; i != HN_IO_NONE; i = it->slots[i].next) {
        assert_true(it->is_stopped_early && !it->slots[i].is_running);
        assert_int_equal(it->bytes[i], 'x');
        it->done_counts[i]++;
    }
    for (uint32_t i = 0; i < it->pushes_count; i++) {
        bool is_removed = it->was_removed && i + 1 == it->pushes_count;
        assert_int_equal(it->done_counts[i], is_removed ? 0 : 1);
        assert_int_equal(it->bytes[i], is_removed || !it->slots[i].is_running ? 'x' : 0);
        assert_true(!it->slots[i].is_running || it->slots[i].result == 1);
    }
    assert_int_equal(it->pool.sleepers_count, 0);
}

static void explore(const char *name, pool_run it, uint32_t preemptions_max) {
    it.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    it.zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_true(it.event_fd >= 0 && it.zero_fd >= 0);
    interleave_program program = {.name = name,
                                  .threads_count = 1,
                                  .preemptions_max = preemptions_max,
                                  .executions_max = 200000,
                                  .begin = pool_begin,
                                  .run = pool_step,
                                  .end = pool_end,
                                  .context = &it};
    uint64_t executions = interleave_explore(&program);
    assert_true(executions > 20);
    print_message("%s: %llu executions\n", name, (unsigned long long)executions);
    assert_int_equal(close(it.event_fd), 0);
    assert_int_equal(close(it.zero_fd), 0);
}

static void no_push_is_slept_through(void **state) {
    (void)state;
    explore("one worker, one push", (pool_run){.workers_count = 1, .pushes_count = 1}, 3);
    explore("one worker, one push after the other",
            (pool_run){.workers_count = 1, .pushes_count = 3, .is_one_by_one = true}, 2);
    explore("two workers, three pushes", (pool_run){.workers_count = 2, .pushes_count = 3}, 2);
    explore("two workers, one push after the other",
            (pool_run){.workers_count = 2, .pushes_count = 2, .is_one_by_one = true}, 2);
}

static void what_is_taken_back_does_not_run(void **state) {
    (void)state;
    explore("one worker, the second is taken back",
            (pool_run){.workers_count = 1, .pushes_count = 2, .is_last_removed = true}, 3);
    explore("two workers, the second is taken back",
            (pool_run){.workers_count = 2, .pushes_count = 2, .is_last_removed = true}, 2);
}

static void stopping_reaches_every_worker(void **state) {
    (void)state;
    explore("no work", (pool_run){.workers_count = 2}, 3);
    explore("work that is not waited for",
            (pool_run){.workers_count = 2, .pushes_count = 2, .is_stopped_early = true}, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_push_is_slept_through),
        cmocka_unit_test(what_is_taken_back_does_not_run),
        cmocka_unit_test(stopping_reaches_every_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
