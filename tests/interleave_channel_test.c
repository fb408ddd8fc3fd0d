/* SPDX-License-Identifier: Apache-2.0 */
/* The channel in every order of both sides' steps: nothing is lost, doubled, torn or out of order,
 * and nobody is left waiting. */
#include "interleave_atomics.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "hone/channel/channel.h"

enum { MESSAGES_MAX = 8, CAPACITY = 256 };

typedef struct channel_run {
    hone_channel *channel;
    bool is_evicting;
    uint32_t batch; /* the consumer releases after so many */
    uint32_t messages_count;
    size_t sizes[MESSAGES_MAX];
    uint32_t seen_counts[MESSAGES_MAX]; /* taken or evicted */
    uint32_t taken_count;
    uint64_t evicted_count; /* over all executions */
    uint64_t taken_total;
} channel_run;

static void channel_begin(void *context) {
    channel_run *it = context;
    hone_channel_options options = {.capacity_bytes = CAPACITY, .is_evicting = it->is_evicting};
    assert_int_equal(hone_channel_create(&options, NULL, &it->channel), HONE_OK);
    memset(it->seen_counts, 0, sizeof it->seen_counts);
    it->taken_count = 0;
}

static void channel_end(void *context) {
    channel_run *it = context;
    for (uint32_t i = 0; i < it->messages_count; i++) {
        assert_int_equal(it->seen_counts[i], 1);
    }
    hone_channel_destroy(it->channel);
}

/* Reads a message with a point in the middle: a side that overwrites it too early shows. Returns
 * its number. */
static uint32_t read_message(const channel_run *it, const hone_message *message) {
    const uint8_t *bytes = message->data;
    uint8_t number = bytes[0];
    interleave_check(number < it->messages_count, "a message that was never sent");
    interleave_check(message->size_bytes == it->sizes[number], "a message of the wrong size");
    for (int half = 0; half < 2; half++) {
        interleave_point();
        for (size_t i = 0; i < message->size_bytes; i++) {
            interleave_check(bytes[i] == number, "a message was overwritten while it was read");
        }
    }
    return number;
}

/* For waiting: looked at from outside, without points. */
static bool has_changed_for_producer(void *context) {
    const channel_run *it = context;
    hone_channel_stats stats;
    interleave_set_exploring(false);
    hone_channel_stats_read(it->channel, &stats);
    interleave_set_exploring(true);
    return it->is_evicting || it->taken_count >= stats.sent_count;
}

static void make_room(channel_run *it) {
    hone_message evicted;
    if (!it->is_evicting) {
        interleave_block(has_changed_for_producer, it);
    } else if (hone_channel_evict(it->channel, &evicted) == HONE_OK) {
        it->seen_counts[read_message(it, &evicted)]++;
        it->evicted_count++;
    }
}

/* Evicting: the room may still be held by the consumer; then the producer waits for a release. */
static bool is_room_likely(void *context) {
    channel_run *it = context;
    hone_loan loan;
    interleave_set_exploring(false);
    bool is_room = hone_channel_loan(it->channel, CAPACITY / 2 - 8, &loan) == HONE_OK;
    if (is_room) {
        hone_channel_abort(it->channel, &loan);
    }
    is_room = is_room || !hone_channel_is_empty(it->channel);
    interleave_set_exploring(true);
    return is_room;
}

static void produce(channel_run *it) {
    for (uint32_t i = 0; i < it->messages_count; i++) {
        hone_loan loan;
        while (hone_channel_loan(it->channel, it->sizes[i], &loan) == HONE_STATUS_FULL) {
            make_room(it);
            if (it->is_evicting) {
                interleave_block(is_room_likely, it);
            }
        }
        uint8_t *bytes = loan.data;
        memset(bytes, (int)i, it->sizes[i] / 2);
        interleave_point();
        memset(bytes + it->sizes[i] / 2, (int)i, it->sizes[i] - it->sizes[i] / 2);
        hone_channel_commit(it->channel, &loan);
    }
    hone_channel_close(it->channel);
}

static bool has_changed_for_consumer(void *context) {
    const channel_run *it = context;
    interleave_set_exploring(false);
    bool has_changed = hone_channel_is_closed(it->channel) || !hone_channel_is_empty(it->channel);
    interleave_set_exploring(true);
    return has_changed;
}

static void note_taken(channel_run *it, uint32_t number, int64_t *newest) {
    interleave_check((int64_t)number > *newest, "messages out of order");
    *newest = number;
    it->seen_counts[number]++;
    it->taken_total++;
}

/* Everything taken is checked once more before it is released. */
static void release_all(channel_run *it, hone_message *taken, uint32_t *count) {
    for (uint32_t i = 0; i < *count; i++) {
        (void)read_message(it, &taken[i]);
    }
    if (*count > 0) {
        hone_channel_release(it->channel, &taken[*count - 1]);
        it->taken_count += *count;
    }
    *count = 0;
}

static void consume(channel_run *it) {
    hone_message taken[MESSAGES_MAX];
    uint32_t count = 0;
    int64_t newest = -1;
    for (;;) {
        hone_status status = hone_channel_take(it->channel, &taken[count]);
        if (status == HONE_OK) {
            note_taken(it, read_message(it, &taken[count]), &newest);
            count++;
        }
        if (status != HONE_OK || count == it->batch) {
            release_all(it, taken, &count);
        }
        if (status == HONE_STATUS_CLOSED) {
            return;
        }
        if (status == HONE_STATUS_EMPTY) {
            interleave_block(has_changed_for_consumer, it);
        }
    }
}

static void channel_step(void *context, uint32_t thread) {
    if (thread == 0) {
        produce(context);
    } else {
        consume(context);
    }
}

static void explore(channel_run *it, uint32_t preemptions_max) {
    interleave_program program = {.name = it->is_evicting ? "evicting channel" : "channel",
                                  .threads_count = 2,
                                  .preemptions_max = preemptions_max,
                                  .executions_max = 200000,
                                  .begin = channel_begin,
                                  .run = channel_step,
                                  .end = channel_end,
                                  .context = it};
    assert_true(interleave_explore(&program) > 100);
    assert_true(it->taken_total > 0);
    assert_int_equal(it->evicted_count > 0, it->is_evicting);
}

/* 100 bytes take two units of 64, 40 bytes one: four units in all, with padding at the end. */
static void messages_arrive_in_every_order_of_steps(void **state) {
    (void)state;
    for (uint32_t batch = 1; batch <= 2; batch++) {
        channel_run it = {.batch = batch, .messages_count = 5, .sizes = {100, 40, 100, 40, 100}};
        explore(&it, 2);
    }
}

static void eviction_spares_what_is_read(void **state) {
    (void)state;
    for (uint32_t batch = 1; batch <= 2; batch++) {
        channel_run it = {.is_evicting = true,
                          .batch = batch,
                          .messages_count = 5,
                          .sizes = {100, 40, 100, 40, 100}};
        explore(&it, 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_in_every_order_of_steps),
        cmocka_unit_test(eviction_spares_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
