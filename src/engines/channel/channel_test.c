/* SPDX-License-Identifier: Apache-2.0 */
/* The channel against a naive queue on one thread; order and content between two threads, with and
 * without eviction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hone/channel/channel.h"
#include "hone/platform/thread.h"

static hone_channel *make(size_t capacity_bytes, bool is_evicting) {
    hone_channel *channel = NULL;
    hone_channel_options options = {.capacity_bytes = capacity_bytes, .is_evicting = is_evicting};
    assert_int_equal(hone_channel_create(&options, NULL, &channel), HONE_OK);
    return channel;
}

/* A message is its number, and then bytes that follow from it. */
static void fill(const hone_loan *loan, uint64_t number) {
    memcpy(loan->data, &number, sizeof number);
    memset((uint8_t *)loan->data + 8, (int)(number & 0xFF), loan->size_bytes - 8);
}

static uint64_t check(const hone_message *message) {
    uint64_t number;
    memcpy(&number, message->data, sizeof number);
    for (size_t i = 8; i < message->size_bytes; i++) {
        assert_int_equal(((const uint8_t *)message->data)[i], number & 0xFF);
    }
    return number;
}

static uint32_t next(uint32_t *random) {
    return *random = *random * 1664525u + 1013904223u;
}

typedef struct twin {
    uint64_t numbers[4096];
    size_t first, count;
} twin;

static void send_one(hone_channel *channel, twin *queue, uint64_t *sent, uint32_t *random) {
    hone_loan loan;
    hone_status status = hone_channel_loan(channel, 8 + next(random) % 900, &loan);
    if (status == HONE_STATUS_FULL) {
        assert_true(queue->count > 0);
        return;
    }
    assert_int_equal(status, HONE_OK);
    hone_loan second;
    assert_int_equal(hone_channel_loan(channel, 8, &second), HONE_STATUS_INVALID_ARGUMENT);
    if (next(random) % 8 == 0) {
        hone_channel_abort(channel, &loan);
        return;
    }
    if (next(random) % 4 == 0) {
        assert_int_equal(hone_channel_shrink(channel, &loan, 8), HONE_OK);
        assert_int_equal(hone_channel_shrink(channel, &loan, 9), HONE_STATUS_INVALID_ARGUMENT);
    }
    fill(&loan, *sent);
    hone_channel_commit(channel, &loan);
    queue->numbers[(queue->first + queue->count++) % 4096] = (*sent)++;
}

static void matches_a_naive_queue(void **state) {
    for (int is_evicting = 0; is_evicting < 2; is_evicting++) {
        hone_channel *channel = make(4096, is_evicting);
        twin queue = {.count = 0};
        uint64_t sent = 0;
        uint32_t random = 7;
        hone_message message;
        for (int step = 0; step < 100000; step++) {
            uint32_t choice = next(&random) >> 29;
            if (choice < 4) {
                send_one(channel, &queue, &sent, &random);
                continue;
            }
            bool is_evict = choice == 7 && is_evicting;
            hone_status status = is_evict ? hone_channel_evict(channel, &message)
                                          : hone_channel_take(channel, &message);
            assert_int_equal(status, queue.count ? HONE_OK : HONE_STATUS_EMPTY);
            if (status == HONE_OK) {
                assert_int_equal(check(&message), queue.numbers[queue.first]);
                queue.first = (queue.first + 1) % 4096;
                queue.count--;
                if (!is_evict) {
                    hone_channel_release(channel, &message);
                }
            }
            assert_int_equal(hone_channel_is_empty(channel), queue.count == 0);
        }
        hone_channel_destroy(channel);
    }
    (void)state;
}

static void several_taken_are_released_in_order(void **state) {
    (void)state;
    for (int is_evicting = 0; is_evicting < 2; is_evicting++) {
        hone_channel *channel = make(4096, is_evicting);
        hone_message taken[3];
        for (uint64_t round = 0; round < 1000; round++) {
            for (uint64_t i = 0; i < 3; i++) {
                hone_loan loan;
                assert_int_equal(hone_channel_loan(channel, 600, &loan), HONE_OK);
                fill(&loan, round * 3 + i);
                hone_channel_commit(channel, &loan);
            }
            for (int i = 0; i < 3; i++) {
                assert_int_equal(hone_channel_take(channel, &taken[i]), HONE_OK);
            }
            hone_channel_release(channel, &taken[0]);
            assert_int_equal(check(&taken[1]), round * 3 + 1);
            hone_channel_release(channel, &taken[2]); /* and with it taken[1] */
        }
        hone_channel_destroy(channel);
    }
}

static void sizes_have_limits(void **state) {
    (void)state;
    hone_channel *channel = make(4096, false);
    hone_loan loan;
    hone_message message;
    assert_int_equal(hone_channel_loan(channel, 2041, &loan), HONE_STATUS_LIMIT);
    assert_int_equal(hone_channel_loan(channel, SIZE_MAX, &loan), HONE_STATUS_LIMIT);
    for (int i = 0; i < 100;
         i++) { /* the largest message always fits again once all was released */
        assert_int_equal(hone_channel_loan(channel, i % 3 ? 2040 : 100, &loan), HONE_OK);
        hone_channel_commit(channel, &loan);
        assert_int_equal(hone_channel_take(channel, &message), HONE_OK);
        hone_channel_release(channel, &message);
    }
    assert_int_equal(hone_channel_loan(channel, 0, &loan), HONE_OK);
    hone_channel_commit(channel, &loan);
    assert_int_equal(hone_channel_take(channel, &message), HONE_OK);
    assert_int_equal(message.size_bytes, 0);
    hone_channel_release(channel, &message);
    assert_int_equal(hone_channel_evict(channel, &message), HONE_STATUS_UNSUPPORTED);
    hone_channel_destroy(channel);
    hone_channel_options huge = {.capacity_bytes = (size_t)1 << 40};
    assert_int_equal(hone_channel_create(&huge, NULL, &channel), HONE_STATUS_INVALID_ARGUMENT);
}

static void closing_drains(void **state) {
    (void)state;
    hone_channel *channel = make(4096, false);
    hone_loan loan;
    hone_message message;
    assert_int_equal(hone_channel_loan(channel, 8, &loan), HONE_OK);
    fill(&loan, 42);
    hone_channel_commit(channel, &loan);
    assert_int_equal(hone_channel_is_closed(channel), false);
    hone_channel_close(channel);
    hone_channel_close(channel);
    assert_int_equal(hone_channel_loan(channel, 8, &loan), HONE_STATUS_CLOSED);
    assert_int_equal(hone_channel_take(channel, &message), HONE_OK);
    assert_int_equal(check(&message), 42);
    hone_channel_release(channel, &message);
    assert_int_equal(hone_channel_take(channel, &message), HONE_STATUS_CLOSED);
    hone_channel_destroy(channel);
}

static void eviction_always_makes_room(void **state) {
    (void)state;
    hone_channel *channel = make(4096, true);
    hone_message message;
    hone_loan loan;
    for (uint64_t i = 0; i < 10000; i++) {
        hone_status status;
        while ((status = hone_channel_loan(channel, 8 + i % 1500, &loan)) == HONE_STATUS_FULL) {
            assert_int_equal(hone_channel_evict(channel, &message), HONE_OK);
            (void)check(&message);
        }
        assert_int_equal(status, HONE_OK);
        fill(&loan, i);
        hone_channel_commit(channel, &loan);
        if (i % 100 == 50) {
            assert_int_equal(hone_channel_take(channel, &message), HONE_OK);
            hone_channel_release(channel, &message);
        }
    }
    hone_channel_destroy(channel);
}

/* --- two threads --- */

enum { STRESS_COUNT = 300000 };

typedef struct stress {
    hone_channel *channel;
    uint64_t sum; /* of what the producer evicted */
    uint64_t evicted_count;
} stress;

static void producer_main(void *context) {
    stress *run = context;
    uint32_t random = 99;
    for (uint64_t i = 1; i <= STRESS_COUNT;) {
        hone_loan loan;
        hone_message message;
        hone_status status = hone_channel_loan(run->channel, 8 + next(&random) % 200, &loan);
        if (status == HONE_OK) {
            fill(&loan, i++);
            hone_channel_commit(run->channel, &loan);
        } else if (hone_channel_evict(run->channel, &message) == HONE_OK) {
            run->sum += check(&message);
            run->evicted_count++;
        } else {
            hone_thread_yield();
        }
    }
    hone_channel_close(run->channel);
}

static void nothing_is_lost_between_threads(void **state) {
    (void)state;
    for (int is_evicting = 0; is_evicting < 2; is_evicting++) {
        stress run = {.channel = make(4096, is_evicting)};
        hone_thread producer;
        uint64_t sum = 0, last = 0, taken_count = 0;
        assert_int_equal(hone_thread_create("producer", producer_main, &run, &producer), HONE_OK);
        for (;;) {
            hone_message message;
            hone_status status = hone_channel_take(run.channel, &message);
            if (status == HONE_STATUS_CLOSED) {
                break;
            }
            if (status == HONE_STATUS_EMPTY) {
                hone_thread_yield();
                continue;
            }
            uint64_t number = check(&message);
            assert_true(number > last && (is_evicting || number == last + 1));
            last = number;
            sum += number;
            taken_count++;
            hone_channel_release(run.channel, &message);
        }
        hone_thread_join(producer);
        hone_channel_stats stats;
        hone_channel_stats_read(run.channel, &stats);
        assert_int_equal(sum + run.sum, (uint64_t)STRESS_COUNT * (STRESS_COUNT + 1) / 2);
        assert_int_equal(taken_count + run.evicted_count, STRESS_COUNT);
        assert_int_equal(stats.sent_count, STRESS_COUNT);
        assert_int_equal(stats.taken_count, taken_count);
        assert_int_equal(stats.evicted_count, run.evicted_count);
        hone_channel_destroy(run.channel);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_a_naive_queue),
        cmocka_unit_test(several_taken_are_released_in_order),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(closing_drains),
        cmocka_unit_test(eviction_always_makes_room),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
