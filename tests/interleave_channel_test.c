/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every mode of the channel in every order of its members' steps, and with a member that dies at
 * any of them: nothing is lost without being counted, nothing comes twice, torn, or out of order,
 * nobody waits for ever, and the channel goes on working.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "channel_internal.h"

enum { MEMBERS_MAX = 4, MESSAGES_MAX = 4 };

typedef struct channel_run {
    const char *name;
    hone_channel_options options;
    uint32_t senders_count, receivers_count;
    uint32_t messages_count;      /* of the first sender */
    uint32_t more_messages_count; /* of each other one */
    bool is_holding;              /* receivers hold two before they release */
    uint32_t mortals, preemptions_max;

    hone_channel *channel;
    hone_sender *senders[MEMBERS_MAX];
    hone_receiver *receivers[MEMBERS_MAX];
    uint32_t dead; /* a thread; MEMBERS_MAX: nobody */
    bool is_committed[MEMBERS_MAX][MESSAGES_MAX];
    uint32_t seen_counts[MEMBERS_MAX][MEMBERS_MAX][MESSAGES_MAX]; /* receiver, sender, message */
    uint32_t lost_counts[MEMBERS_MAX];
    uint64_t deaths_count, lost_uncommitted_total, reclaimed_total; /* over all executions */
} channel_run;

/* --- the dead --- */

static uint32_t place_of(const channel_run *it, uint32_t thread) {
    return thread < it->senders_count ? it->senders[thread]->index
                                      : it->receivers[thread - it->senders_count]->index;
}

/* tidy: allow global: what looks for the dead is given the channel only. */
static channel_run *current;

/* The last sender to leave stops the channel, for receivers that would wait for the next one. */
static void stop_behind_the_last(hone_channel *channel) {
    if (!atomic_load_explicit(&channel->ring.segment->member_masks[HN_ROLE_SENDER],
                              memory_order_relaxed)) {
        hone_channel_stop(channel);
    }
}

static void look(hone_channel *channel) {
    channel_run *it = current;
    uint32_t dead = interleave_death();
    if (dead != UINT32_MAX) {
        interleave_forget_death(); /* from now on it is ours */
        it->dead = dead;
        hn_ring_leave(&channel->ring, place_of(it, dead), true);
        stop_behind_the_last(channel);
    }
}

/* --- one execution --- */

static void channel_begin(void *context) {
    channel_run *it = context;
    current = it;
    assert_int_equal(hone_channel_create(&it->options, NULL, &it->channel), HONE_OK);
    it->channel->look = look;
    it->channel->look_interval_ns = UINT64_MAX;
    for (uint32_t i = 0; i < it->receivers_count; i++) {
        assert_int_equal(hone_channel_open_receiver(it->channel, NULL, &it->receivers[i]), HONE_OK);
        it->receivers[i]->spins = 0;
    }
    for (uint32_t i = 0; i < it->senders_count; i++) {
        assert_int_equal(hone_channel_open_sender(it->channel, NULL, &it->senders[i]), HONE_OK);
        it->senders[i]->spins = 0;
    }
    it->dead = MEMBERS_MAX;
    memset(it->is_committed, 0, sizeof it->is_committed);
    memset(it->seen_counts, 0, sizeof it->seen_counts);
    memset(it->lost_counts, 0, sizeof it->lost_counts);
}

/* One unit and two take turns, so that padding comes at the end of the memory. */
static size_t size_of(uint32_t message) {
    return message % 2 ? 70 : 40;
}

static void send_all(channel_run *it, uint32_t number) {
    hone_sender *sender = it->senders[number];
    uint32_t messages_count = number == 0 ? it->messages_count : it->more_messages_count;
    for (uint32_t i = 0; i < messages_count; i++) {
        hone_loan loan;
        hone_status status = hone_channel_loan_wait(sender, size_of(i), UINT64_MAX, &loan);
        if (status != HONE_OK) {
            interleave_check(status == HONE_STATUS_PEER_DEAD, "no room, and nobody died");
            break;
        }
        memset(loan.data, (int)(number * 16 + i), loan.size_bytes / 2);
        interleave_point();
        memset((uint8_t *)loan.data + loan.size_bytes / 2, (int)(number * 16 + i),
               loan.size_bytes - loan.size_bytes / 2);
        hone_channel_commit(sender, &loan);
        it->is_committed[number][i] = true;
    }
    hn_ring_leave(&it->channel->ring, sender->index, false);
}

/* With a point in the middle: whoever overwrites it too early shows. */
static uint8_t read_message(const channel_run *it, const hone_message *message) {
    const uint8_t *bytes = message->data;
    uint8_t first = bytes[0];
    interleave_check(first / 16 < it->senders_count && first % 16 < it->messages_count,
                     "a message that was never sent");
    interleave_check(message->size_bytes == size_of(first % 16), "a message of the wrong size");
    for (int half = 0; half < 2; half++) {
        for (size_t i = 0; i < message->size_bytes; i++) {
            interleave_check(bytes[i] == first, "a message was overwritten while it was read");
        }
        interleave_point();
    }
    return first;
}

static void note(channel_run *it, uint32_t receiver, const hone_message *message, int32_t *newest) {
    const uint8_t *bytes = message->data;
    uint32_t sender = bytes[0] / 16, number = bytes[0] % 16;
    interleave_check((int32_t)number > newest[sender], "messages of a sender out of order");
    newest[sender] = (int32_t)number;
    it->seen_counts[receiver][sender][number]++; /* at once: it may die at the next point */
    (void)read_message(it, message);
}

static void release_all(channel_run *it, hone_receiver *receiver, hone_message *held,
                        uint32_t *count) {
    for (uint32_t i = 0; i < *count; i++) {
        (void)read_message(it, &held[i]);
    }
    if (receiver->ring.is_competing && *count == 2) { /* in any order */
        hone_channel_release(receiver, &held[1]);
        hone_channel_release(receiver, &held[0]);
    } else if (*count > 0) {
        hone_channel_release(receiver, &held[*count - 1]);
    }
    *count = 0;
}

static void receive_all(channel_run *it, uint32_t number) {
    hone_receiver *receiver = it->receivers[number];
    hone_message held[2];
    uint32_t count = 0, held_max = it->is_holding ? 2 : 1;
    int32_t newest[MEMBERS_MAX] = {-1, -1, -1, -1};
    for (;;) {
        hone_status status = hone_channel_take(receiver, &held[count]);
        if (status == HONE_STATUS_EMPTY || status == HONE_STATUS_NOT_CONNECTED) {
            release_all(it, receiver, held, &count);
            if (status == HONE_STATUS_NOT_CONNECTED) {
                break;
            }
            status = hone_channel_take_wait(receiver, UINT64_MAX, &held[count]);
        }
        if (status == HONE_STATUS_LOST) {
            it->lost_counts[number] += (uint32_t)held[count].lost_count;
            continue;
        }
        if (status != HONE_OK) {
            interleave_check(status == HONE_STATUS_CLOSED || status == HONE_STATUS_PEER_DEAD,
                             "not a state that a receiver can be in");
            release_all(it, receiver, held, &count);
            break;
        }
        note(it, number, &held[count++], newest);
        if (count == held_max) {
            release_all(it, receiver, held, &count);
        }
    }
    if (!receiver->ring.is_broadcast || number > 0) { /* what is left is taken at the end */
        hn_ring_leave(&it->channel->ring, receiver->index, false);
    }
}

static void channel_step(void *context, uint32_t thread) {
    channel_run *it = context;
    if (thread < it->senders_count) {
        send_all(it, thread);
        stop_behind_the_last(it->channel);
    } else {
        receive_all(it, thread - it->senders_count);
    }
}

/* --- what came out --- */

/* Takes what nobody took, as a successor would. */
static void drain(channel_run *it) {
    hone_receiver *receiver = NULL;
    hone_message message;
    hone_status status;
    if (it->options.mode == HONE_CHANNEL_BROADCAST) {
        return; /* a new one starts at the end */
    }
    if (it->dead == MEMBERS_MAX && interleave_death() != UINT32_MAX) {
        look(it->channel);
    }
    assert_int_equal(hone_channel_open_receiver(it->channel, NULL, &receiver), HONE_OK);
    while ((status = hone_channel_take(receiver, &message)) == HONE_OK ||
           status == HONE_STATUS_LOST) {
        if (status == HONE_STATUS_LOST) {
            it->lost_counts[0] += (uint32_t)message.lost_count;
            continue;
        }
        const uint8_t *bytes = message.data;
        it->seen_counts[MEMBERS_MAX - 1][bytes[0] / 16][bytes[0] % 16]++;
        hone_channel_release(receiver, &message);
    }
    hone_receiver_destroy(receiver);
}

static uint32_t count_seen(const channel_run *it, uint32_t sender, uint32_t message) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < MEMBERS_MAX; i++) {
        count += it->seen_counts[i][sender][message];
    }
    return count;
}

static void check_delivery(const channel_run *it, const hone_channel_stats *stats) {
    uint64_t unseen = 0, lost = 0;
    for (uint32_t s = 0; s < it->senders_count; s++) {
        for (uint32_t i = 0; i < it->messages_count; i++) {
            uint32_t seen = count_seen(it, s, i);
            assert_true(seen <= 1);
            unseen += it->is_committed[s][i] && seen == 0;
        }
    }
    for (uint32_t i = 0; i < MEMBERS_MAX; i++) {
        lost += it->lost_counts[i];
    }
    lost +=
        atomic_load_explicit(&it->channel->ring.segment->cursor.lost_count, memory_order_relaxed);
    bool has_dead_receiver = it->dead != MEMBERS_MAX && it->dead >= it->senders_count;
    if (it->options.on_full == HONE_CHANNEL_ON_FULL_DROP_OLDEST) {
        assert_true(unseen <= lost + stats->reclaimed_count + has_dead_receiver);
        assert_true(has_dead_receiver || it->dead != MEMBERS_MAX || unseen == lost);
    } else {
        assert_true(unseen <= stats->reclaimed_count);
    }
}

/* Each live receiver saw each message that was committed. */
static void check_broadcast(const channel_run *it) {
    for (uint32_t r = 0; r < it->receivers_count; r++) {
        uint64_t missing = 0;
        for (uint32_t s = 0; s < it->senders_count; s++) {
            for (uint32_t i = 0; i < it->messages_count; i++) {
                assert_true(it->seen_counts[r][s][i] <= 1);
                missing += it->is_committed[s][i] && it->seen_counts[r][s][i] == 0;
            }
        }
        uint64_t untold = atomic_load_explicit(
            &it->channel->ring.participants[it->receivers[r]->index].cursor.lost_count,
            memory_order_relaxed);
        assert_true(it->dead == it->senders_count + r || missing == it->lost_counts[r] + untold);
    }
}

/* With a new sender and a new receiver messages go through as ever. */
static void check_it_works_on(channel_run *it) {
    hone_sender *sender = NULL;
    hone_receiver *receiver = NULL;
    hone_message message;
    atomic_store_explicit(&it->channel->ring.segment->is_stopped, 0, memory_order_relaxed);
    assert_int_equal(hone_channel_open_receiver(it->channel, NULL, &receiver), HONE_OK);
    assert_int_equal(hone_channel_open_sender(it->channel, NULL, &sender), HONE_OK);
    if (sender->is_closed || it->options.mode >= HONE_CHANNEL_MPMC ||
        it->options.mode == HONE_CHANNEL_MPSC) {
        /* closed by the last that left: nothing to send, but the end must be found */
        hone_loan loan;
        hone_status status = hone_channel_loan(sender, 1, &loan);
        assert_true(status == HONE_STATUS_CLOSED || status == HONE_OK);
        if (status == HONE_OK) {
            hone_channel_abort(sender, &loan);
        }
    } else {
        for (uint8_t i = 0; i < 9; i++) {
            assert_int_equal(hone_channel_send(sender, (hone_span){&i, 1}), HONE_OK);
            assert_int_equal(hone_channel_take(receiver, &message), HONE_OK);
            assert_int_equal(*(const uint8_t *)message.data, i);
            hone_channel_release(receiver, &message);
        }
    }
    hone_sender_destroy(sender);
    hone_receiver_destroy(receiver);
}

static void channel_end(void *context) {
    channel_run *it = context;
    hone_channel_stats stats;
    if (interleave_death() != UINT32_MAX) {
        look(it->channel);
    }
    drain(it);
    hone_channel_stats_read(it->channel, &stats);
    if (it->options.mode == HONE_CHANNEL_BROADCAST) {
        check_broadcast(it);
    } else {
        check_delivery(it, &stats);
    }
    it->deaths_count += it->dead != MEMBERS_MAX;
    it->lost_uncommitted_total += stats.lost_uncommitted_count;
    it->reclaimed_total += stats.reclaimed_count;
    if (it->options.mode == HONE_CHANNEL_BROADCAST && it->dead != it->senders_count) {
        hn_ring_leave(&it->channel->ring, it->receivers[0]->index, false);
    }
    check_it_works_on(it);
    for (uint32_t i = 0; i < it->senders_count; i++) {
        HONE_DELETE(it->channel->allocator, hone_sender, it->senders[i]);
    }
    for (uint32_t i = 0; i < it->receivers_count; i++) {
        HONE_DELETE(it->channel->allocator, hone_receiver, it->receivers[i]);
    }
    hone_channel_destroy(it->channel);
}

static void explore(channel_run it) {
    it.senders_count = it.senders_count ? it.senders_count : 1;
    it.receivers_count = it.receivers_count ? it.receivers_count : 1;
    it.preemptions_max = it.preemptions_max ? it.preemptions_max : 2;
    interleave_program program = {.name = it.name,
                                  .threads_count = it.senders_count + it.receivers_count,
                                  .preemptions_max = it.preemptions_max,
                                  .executions_max = 400000,
                                  .begin = channel_begin,
                                  .run = channel_step,
                                  .end = channel_end,
                                  .context = &it,
                                  .mortals = it.mortals};
    it.options.capacity_bytes = 256;
    it.options.participants_max = MEMBERS_MAX + 1;
    uint64_t executions_count = interleave_explore(&program);
    print_message("%s: %llu executions, %llu deaths, %llu lost, %llu reclaimed\n", it.name,
                  (unsigned long long)executions_count, (unsigned long long)it.deaths_count,
                  (unsigned long long)it.lost_uncommitted_total,
                  (unsigned long long)it.reclaimed_total);
    assert_true(executions_count > 100);
    if (it.mortals & ((1u << it.senders_count) - 1)) {
        assert_true(it.deaths_count > 20);
        /* one sender's loan that is lost leaves no trace, hence is not counted */
        bool has_trace =
            it.options.mode != HONE_CHANNEL_SPSC && it.options.mode != HONE_CHANNEL_SPMC;
        assert_int_equal(it.lost_uncommitted_total > 0, has_trace);
    } else if (it.mortals != 0) {
        assert_true(it.deaths_count > 20 && it.reclaimed_total > 0);
    }
}

static void in_every_order(void **state) {
    (void)state;
    static const channel_run runs[] = {
        {.name = "spsc", .options = {.mode = HONE_CHANNEL_SPSC}, .messages_count = 4},
        {.name = "spsc, holding",
         .options = {.mode = HONE_CHANNEL_SPSC},
         .messages_count = 4,
         .is_holding = true},
        {.name = "spsc, dropping",
         .options = {.mode = HONE_CHANNEL_SPSC, .on_full = HONE_CHANNEL_ON_FULL_DROP_OLDEST},
         .messages_count = 4},
        {.name = "spsc, dropping, holding",
         .options = {.mode = HONE_CHANNEL_SPSC, .on_full = HONE_CHANNEL_ON_FULL_DROP_OLDEST},
         .messages_count = 4,
         .is_holding = true},
        /* the first sender goes around the ring while the other one stands anywhere */
        {.name = "mpsc",
         .options = {.mode = HONE_CHANNEL_MPSC},
         .senders_count = 2,
         .messages_count = 4,
         .more_messages_count = 1,
         .preemptions_max = 1},
        {.name = "mpsc, two each",
         .options = {.mode = HONE_CHANNEL_MPSC},
         .senders_count = 2,
         .messages_count = 2,
         .more_messages_count = 2,
         .preemptions_max = 1},
        {.name = "mpsc, dropping",
         .options = {.mode = HONE_CHANNEL_MPSC, .on_full = HONE_CHANNEL_ON_FULL_DROP_OLDEST},
         .senders_count = 2,
         .messages_count = 4,
         .more_messages_count = 1,
         .preemptions_max = 1},
        {.name = "spmc",
         .options = {.mode = HONE_CHANNEL_SPMC},
         .receivers_count = 2,
         .messages_count = 4,
         .preemptions_max = 1},
        {.name = "mpmc",
         .options = {.mode = HONE_CHANNEL_MPMC},
         .senders_count = 2,
         .receivers_count = 2,
         .messages_count = 1,
         .more_messages_count = 1,
         .preemptions_max = 1},
        {.name = "broadcast",
         .options = {.mode = HONE_CHANNEL_BROADCAST},
         .receivers_count = 2,
         .messages_count = 3,
         .preemptions_max = 1},
        {.name = "broadcast, dropping",
         .options = {.mode = HONE_CHANNEL_BROADCAST, .on_full = HONE_CHANNEL_ON_FULL_DROP_OLDEST},
         .senders_count = 2,
         .messages_count = 4,
         .more_messages_count = 1,
         .preemptions_max = 1},
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        explore(runs[i]);
    }
}

/* One preemption and one death, in every order. */
static void with_a_sender_that_dies(void **state) {
    (void)state;
    static const char *const names[] = {"spsc, sender dies", "mpsc, sender dies",
                                        "spmc, sender dies", "mpmc, sender dies",
                                        "broadcast, sender dies"};
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        explore((channel_run){.name = names[mode],
                              .options = {.mode = (hone_channel_mode)mode},
                              .senders_count = mode == HONE_CHANNEL_MPSC ? 2 : 1,
                              .messages_count = mode == HONE_CHANNEL_MPSC ? 2 : 3,
                              .more_messages_count = 1,
                              .mortals = 1,
                              .preemptions_max = 1});
    }
}

static void with_a_receiver_that_dies(void **state) {
    (void)state;
    static const char *const names[] = {"spsc, receiver dies", "mpsc, receiver dies",
                                        "spmc, receiver dies", "mpmc, receiver dies",
                                        "broadcast, receiver dies"};
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        explore((channel_run){.name = names[mode],
                              .options = {.mode = (hone_channel_mode)mode},
                              .receivers_count = mode > HONE_CHANNEL_MPSC ? 2 : 1,
                              .messages_count = mode > HONE_CHANNEL_MPSC ? 1 : 3,
                              .mortals = 2,
                              .preemptions_max = 1});
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_every_order),
        cmocka_unit_test(with_a_sender_that_dies),
        cmocka_unit_test(with_a_receiver_that_dies),
    };
    return cmocka_run_group_tests_name("interleave_channel", tests, NULL, NULL);
}
