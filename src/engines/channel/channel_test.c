/* SPDX-License-Identifier: Apache-2.0 */
/* The channel in every mode against a naive queue on one thread, and each answer it gives. */
#include "pair_test.h"

typedef struct twin {
    uint64_t numbers[4096];
    size_t first, count;
} twin;

static void send_one(hone_sender *sender, twin *queue, uint64_t *sent, uint32_t *random) {
    hone_loan loan;
    hone_status status = hone_channel_loan(sender, 8 + next_random(random) % 900, &loan);
    if (status == HONE_STATUS_FULL) {
        assert_true(queue->count > 0);
        return;
    }
    assert_int_equal(status, HONE_OK);
    assert_int_equal((uintptr_t)loan.data % 64, 0);
    if (next_random(random) % 8 == 0) {
        hone_channel_abort(sender, &loan);
        return;
    }
    if (next_random(random) % 4 == 0) {
        assert_int_equal(hone_channel_resize(&loan, 8), HONE_OK);
        assert_int_equal(hone_channel_resize(&loan, 1024), HONE_STATUS_LIMIT);
    }
    fill(&loan, *sent);
    hone_channel_commit(sender, &loan);
    queue->numbers[(queue->first + queue->count++) % 4096] = (*sent)++;
}

static void matches_a_naive_queue_in(hone_channel_mode mode, hone_channel_on_full on_full) {
    pair it = make_pair(mode, on_full, 4096);
    twin queue = {.count = 0};
    uint64_t sent = 0;
    uint32_t random = 7;
    hone_message message;
    for (int step = 0; step < 50000; step++) {
        uint32_t choice = next_random(&random) >> 29;
        if (choice < 4) {
            send_one(it.sender, &queue, &sent, &random);
            continue;
        }
        bool is_evict = choice == 7 && on_full == HONE_CHANNEL_ON_FULL_EVICT;
        hone_status status = is_evict ? hone_channel_evict(it.sender, &message)
                                      : hone_channel_take(it.receiver, &message);
        assert_int_equal(status, queue.count ? HONE_OK : HONE_STATUS_EMPTY);
        if (status == HONE_OK) {
            assert_int_equal(check(&message), queue.numbers[queue.first]);
            queue.first = (queue.first + 1) % 4096;
            queue.count--;
            if (!is_evict) {
                hone_channel_release(it.receiver, &message);
            }
        }
    }
    free_pair(&it);
}

static void matches_a_naive_queue(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        matches_a_naive_queue_in((hone_channel_mode)mode, HONE_CHANNEL_ON_FULL_WAIT);
    }
    matches_a_naive_queue_in(HONE_CHANNEL_SPSC, HONE_CHANNEL_ON_FULL_EVICT);
}

static void several_taken_are_released_in_order(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        pair it = make_pair((hone_channel_mode)mode, HONE_CHANNEL_ON_FULL_WAIT, 4096);
        hone_message taken[3];
        for (uint64_t round = 0; round < 1000; round++) {
            for (uint64_t i = 0; i < 3; i++) {
                assert_int_equal(send_number(it.sender, 600, round * 3 + i), HONE_OK);
            }
            uint32_t count;
            assert_int_equal(hone_channel_take_batch(it.receiver, taken, 3, &count), HONE_OK);
            assert_int_equal(count, 3);
            hone_channel_release(it.receiver, &taken[0]);
            assert_int_equal(check(&taken[1]), round * 3 + 1);
            if (mode == HONE_CHANNEL_SPMC || mode == HONE_CHANNEL_MPMC) {
                hone_channel_release(it.receiver, &taken[2]); /* in any order */
                hone_channel_release(it.receiver, &taken[1]);
            } else {
                hone_channel_release(it.receiver, &taken[2]); /* and with it taken[1] */
            }
        }
        free_pair(&it);
    }
}

static void loans_arrive_in_their_own_order(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        pair it = make_pair((hone_channel_mode)mode, HONE_CHANNEL_ON_FULL_WAIT, 4096);
        hone_loan loans[4];
        for (int round = 0; round < 500; round++) {
            for (int i = 0; i < 4; i++) {
                assert_int_equal(hone_channel_loan(it.sender, 200, &loans[i]), HONE_OK);
                fill(&loans[i], (uint64_t)i);
            }
            hone_channel_commit(it.sender, &loans[3]);
            hone_channel_commit(it.sender, &loans[1]);
            assert_int_equal(take_number(it.receiver), UINT64_MAX);
            hone_channel_abort(it.sender, &loans[2]);
            hone_channel_commit(it.sender, &loans[0]);
            assert_int_equal(take_number(it.receiver), 0);
            assert_int_equal(take_number(it.receiver), 1);
            assert_int_equal(take_number(it.receiver), 3);
        }
        free_pair(&it);
    }
}

static void sizes_have_limits(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        pair it = make_pair((hone_channel_mode)mode, HONE_CHANNEL_ON_FULL_WAIT, 4096);
        hone_loan loan;
        hone_message message;
        assert_int_equal(hone_channel_loan(it.sender, 2049, &loan), HONE_STATUS_LIMIT);
        assert_int_equal(hone_channel_loan(it.sender, SIZE_MAX, &loan), HONE_STATUS_LIMIT);
        for (int i = 0; i < 100; i++) { /* the largest always fits again once all was released */
            assert_int_equal(send_number(it.sender, i % 3 ? 2048 : 100, (uint64_t)i), HONE_OK);
            assert_int_equal(take_number(it.receiver), i);
        }
        assert_int_equal(hone_channel_send(it.sender, (hone_span){0}), HONE_OK);
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_OK);
        assert_int_equal(message.size_bytes, 0);
        hone_channel_release(it.receiver, &message);
        assert_int_equal(hone_channel_evict(it.sender, &message), HONE_STATUS_UNSUPPORTED);
        free_pair(&it);
    }
}

static void bad_options_are_refused(void **state) {
    (void)state;
    hone_channel *channel;
    const struct {
        hone_channel_options options;
        hone_status status;
    } cases[] = {
        {{.capacity_bytes = ((size_t)1 << 30) + 1}, HONE_STATUS_INVALID_ARGUMENT},
        {{.capacity_bytes = SIZE_MAX}, HONE_STATUS_INVALID_ARGUMENT},
        {{.mode = (hone_channel_mode)9}, HONE_STATUS_INVALID_ARGUMENT},
        {{.on_full = (hone_channel_on_full)9}, HONE_STATUS_INVALID_ARGUMENT},
        {{.participants_max = 64}, HONE_STATUS_INVALID_ARGUMENT},
        {{.mode = HONE_CHANNEL_MPMC, .on_full = HONE_CHANNEL_ON_FULL_DROP_OLDEST},
         HONE_STATUS_UNSUPPORTED},
        {{.mode = HONE_CHANNEL_MPSC, .on_full = HONE_CHANNEL_ON_FULL_EVICT},
         HONE_STATUS_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_diag diag = {0};
        assert_int_equal(hone_channel_create(&cases[i].options, &diag, &channel), cases[i].status);
        assert_true(strlen(diag.message) > 20);
    }
}

static void modes_limit_their_members(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        pair it = make_pair_of(
            &(hone_channel_options){.mode = (hone_channel_mode)mode, .participants_max = 3});
        hone_sender *sender = NULL;
        hone_receiver *receiver = NULL, *third = NULL;
        hone_diag diag = {0};
        bool has_senders = mode != HONE_CHANNEL_SPSC && mode != HONE_CHANNEL_SPMC;
        bool has_receivers = mode > HONE_CHANNEL_MPSC;
        assert_int_equal(hone_channel_open_sender(it.channel, &diag, &sender),
                         has_senders ? HONE_OK : HONE_STATUS_LIMIT);
        hone_sender_destroy(sender);
        assert_int_equal(hone_channel_open_receiver(it.channel, &diag, &receiver),
                         has_receivers ? HONE_OK : HONE_STATUS_LIMIT);
        if (has_receivers) {
            assert_int_equal(hone_channel_open_receiver(it.channel, &diag, &third),
                             HONE_STATUS_LIMIT);
            assert_non_null(strstr(diag.message, "participants_max"));
        }
        hone_receiver_destroy(receiver);
        free_pair(&it);
    }
}

static void closing_drains(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        pair it = make_pair((hone_channel_mode)mode, HONE_CHANNEL_ON_FULL_WAIT, 256);
        hone_loan loan, late;
        hone_message message;
        assert_int_equal(send_number(it.sender, 64, 1), HONE_OK);
        assert_int_equal(send_number(it.sender, 64, 2), HONE_OK);
        assert_int_equal(hone_channel_loan(it.sender, 64, &late), HONE_OK);
        assert_int_equal(hone_channel_loan(it.sender, 64, &loan), HONE_STATUS_FULL);
        hone_channel_close(it.sender); /* there is always a place for the end */
        hone_channel_close(it.sender);
        assert_int_equal(hone_channel_loan(it.sender, 8, &loan), HONE_STATUS_CLOSED);
        assert_int_equal(take_number(it.receiver), 1);
        assert_int_equal(take_number(it.receiver), 2);
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_STATUS_EMPTY);
        fill(&late, 3);
        hone_channel_commit(it.sender, &late); /* it was loaned before */
        assert_int_equal(take_number(it.receiver), 3);
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_STATUS_CLOSED);
        assert_int_equal(hone_channel_take_wait(it.receiver, UINT64_MAX, &message),
                         HONE_STATUS_CLOSED);
        hone_sender_destroy(it.sender);
        assert_int_equal(hone_channel_open_sender(it.channel, NULL, &it.sender), HONE_OK);
        assert_int_equal(hone_channel_loan(it.sender, 8, &loan), HONE_STATUS_CLOSED);
        free_pair(&it);
    }
}

static void stopping_ends_the_stream(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        pair it = make_pair((hone_channel_mode)mode, HONE_CHANNEL_ON_FULL_WAIT, 4096);
        hone_loan loan;
        hone_message message;
        assert_int_equal(send_number(it.sender, 64, 1), HONE_OK);
        assert_false(hone_channel_is_stopped(it.channel));
        hone_channel_stop(it.channel);
        assert_true(hone_channel_is_stopped(it.channel));
        assert_int_equal(hone_channel_loan(it.sender, 64, &loan), HONE_STATUS_CLOSED);
        assert_int_equal(take_number(it.receiver), 1);
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_STATUS_CLOSED);
        free_pair(&it);
    }
}

static void answers_differ(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        bool is_broadcast = mode == HONE_CHANNEL_BROADCAST;
        pair it = make_pair((hone_channel_mode)mode, HONE_CHANNEL_ON_FULL_WAIT, 256);
        hone_message message;
        hone_loan loan;
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_STATUS_EMPTY);
        assert_int_equal(hone_channel_take_wait(it.receiver, 1000, &message), HONE_STATUS_TIMEOUT);
        hone_receiver_destroy(it.receiver);
        it.receiver = NULL;
        for (uint64_t i = 0; i < 3; i++) {
            assert_int_equal(send_number(it.sender, 64, i),
                             is_broadcast ? HONE_STATUS_NOT_CONNECTED : HONE_OK);
        }
        assert_int_equal(hone_channel_loan(it.sender, 8, &loan), HONE_STATUS_NOT_CONNECTED);
        assert_int_equal(hone_channel_loan_wait(it.sender, 8, 1000, &loan), HONE_STATUS_TIMEOUT);
        assert_int_equal(hone_channel_open_receiver(it.channel, NULL, &it.receiver), HONE_OK);
        hone_sender_destroy(it.sender);
        it.sender = NULL;
        for (uint64_t i = 0; i < 3 && !is_broadcast; i++) {
            assert_int_equal(take_number(it.receiver), i);
        }
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_STATUS_NOT_CONNECTED);
        free_pair(&it);
    }
}

/* A new member goes on exactly where the old one stopped, wherever that is in the ring. */
static void members_are_replaced(void **state) {
    (void)state;
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        pair it = make_pair((hone_channel_mode)mode, HONE_CHANNEL_ON_FULL_WAIT, 1024);
        uint64_t expected = 0;
        uint32_t random = 3;
        for (uint64_t i = 0; i < 2000; i++) {
            hone_loan loan;
            assert_int_equal(hone_channel_loan(it.sender, 300, &loan), HONE_OK);
            hone_channel_abort(it.sender, &loan);
            assert_int_equal(send_number(it.sender, 8 + next_random(&random) % 300, i), HONE_OK);
            if (next_random(&random) >> 31) {
                hone_sender_destroy(it.sender);
                assert_int_equal(hone_channel_open_sender(it.channel, NULL, &it.sender), HONE_OK);
            }
            assert_int_equal(take_number(it.receiver), expected++);
            if (next_random(&random) >> 31) {
                hone_receiver_destroy(it.receiver);
                assert_int_equal(hone_channel_open_receiver(it.channel, NULL, &it.receiver),
                                 HONE_OK);
            }
        }
        hone_channel_stats stats;
        hone_channel_stats_read(it.channel, &stats);
        assert_int_equal(stats.sent_count, 2000);
        assert_int_equal(stats.taken_count, 2000);
        assert_int_equal(stats.sent_bytes, stats.taken_bytes);
        free_pair(&it);
    }
}

static void a_broadcast_reaches_everybody_from_when_they_join(void **state) {
    (void)state;
    pair it = make_pair(HONE_CHANNEL_BROADCAST, HONE_CHANNEL_ON_FULL_WAIT, 1024);
    hone_receiver *late;
    assert_int_equal(send_number(it.sender, 64, 1), HONE_OK);
    assert_int_equal(hone_channel_open_receiver(it.channel, NULL, &late), HONE_OK);
    assert_int_equal(send_number(it.sender, 64, 2), HONE_OK);
    assert_int_equal(take_number(it.receiver), 1);
    assert_int_equal(take_number(it.receiver), 2);
    assert_int_equal(take_number(late), 2);
    /* the slowest holds the sender back */
    hone_status status = HONE_OK;
    for (uint64_t i = 0; i < 40 && status == HONE_OK; i++) {
        status = send_number(it.sender, 64, i);
        (void)take_number(it.receiver);
    }
    assert_int_equal(status, HONE_STATUS_FULL);
    hone_receiver_destroy(late);
    assert_int_equal(send_number(it.sender, 64, 9), HONE_OK);
    free_pair(&it);
}

/* A loan that is out when all receivers leave is still the sender's after the ring went around. */
static void a_broadcast_spares_loans_that_are_out(void **state) {
    (void)state;
    pair it = make_pair(HONE_CHANNEL_BROADCAST, HONE_CHANNEL_ON_FULL_WAIT, 1024);
    hone_sender *other;
    hone_loan slow;
    assert_int_equal(hone_channel_open_sender(it.channel, NULL, &other), HONE_OK);
    assert_int_equal(hone_channel_loan(other, 64, &slow), HONE_OK);
    fill(&slow, 77);
    hone_receiver_destroy(it.receiver);
    assert_int_equal(hone_channel_open_receiver(it.channel, NULL, &it.receiver), HONE_OK);
    uint64_t sent = 0;
    while (send_number(it.sender, 64, 5) == HONE_OK) {
        assert_true(++sent < 16);
        assert_int_equal(take_number(it.receiver), 5);
    }
    assert_int_equal(*(uint64_t *)slow.data, 77);
    hone_channel_commit(other, &slow);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(send_number(it.sender, 64, 6), HONE_OK);
        assert_int_equal(take_number(it.receiver), 6);
    }
    hone_sender_destroy(other);
    free_pair(&it);
}

static void dropping_tells_how_many_were_lost(void **state) {
    (void)state;
    const hone_channel_mode modes[] = {HONE_CHANNEL_SPSC, HONE_CHANNEL_MPSC,
                                       HONE_CHANNEL_BROADCAST};
    for (size_t m = 0; m < 3; m++) {
        pair it = make_pair(modes[m], HONE_CHANNEL_ON_FULL_DROP_OLDEST, 1024);
        hone_message message;
        for (uint64_t i = 0; i < 100; i++) {
            assert_int_equal(send_number(it.sender, 64, i), HONE_OK);
        }
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_STATUS_LOST);
        uint64_t lost = message.lost_count;
        assert_int_equal(lost, 100 - 15);
        for (uint64_t i = lost; i < 100; i++) {
            assert_int_equal(take_number(it.receiver), i);
        }
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_STATUS_EMPTY);
        /* what is being read is never dropped: then the sender has to wait after all */
        assert_int_equal(send_number(it.sender, 64, 500), HONE_OK);
        assert_int_equal(hone_channel_take(it.receiver, &message), HONE_OK);
        hone_status status = HONE_OK;
        for (uint64_t i = 0; i < 100 && status == HONE_OK; i++) {
            status = send_number(it.sender, 64, i);
        }
        assert_int_equal(status, HONE_STATUS_FULL);
        assert_int_equal(check(&message), 500);
        hone_channel_release(it.receiver, &message);
        free_pair(&it);
    }
}

static void eviction_always_makes_room(void **state) {
    (void)state;
    pair it = make_pair(HONE_CHANNEL_SPSC, HONE_CHANNEL_ON_FULL_EVICT, 4096);
    hone_message message;
    for (uint64_t i = 0; i < 10000; i++) {
        hone_status status;
        while ((status = send_number(it.sender, 8 + i % 1500, i)) == HONE_STATUS_FULL) {
            assert_int_equal(hone_channel_evict(it.sender, &message), HONE_OK);
            (void)check(&message);
        }
        assert_int_equal(status, HONE_OK);
        if (i % 100 == 50) {
            assert_int_not_equal(take_number(it.receiver), UINT64_MAX);
        }
    }
    free_pair(&it);
}

static void forwarding_moves_a_message_on(void **state) {
    (void)state;
    pair first = make_pair(HONE_CHANNEL_SPSC, HONE_CHANNEL_ON_FULL_WAIT, 1024);
    pair second = make_pair(HONE_CHANNEL_SPSC, HONE_CHANNEL_ON_FULL_WAIT, 256);
    hone_message message;
    hone_span payloads[2] = {{(const uint8_t *)"one", 3}, {(const uint8_t *)"three", 5}};
    uint32_t sent;
    assert_int_equal(hone_channel_send_batch(first.sender, payloads, 2, &sent), HONE_OK);
    assert_int_equal(sent, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hone_channel_take(first.receiver, &message), HONE_OK);
        assert_int_equal(hone_channel_forward(first.receiver, &message, second.sender), HONE_OK);
        assert_int_equal(hone_channel_take(second.receiver, &message), HONE_OK);
        assert_int_equal(message.size_bytes, payloads[i].size);
        assert_memory_equal(message.data, payloads[i].data, payloads[i].size);
        hone_channel_release(second.receiver, &message);
    }
    free_pair(&first);
    free_pair(&second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_a_naive_queue),
        cmocka_unit_test(several_taken_are_released_in_order),
        cmocka_unit_test(loans_arrive_in_their_own_order),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(modes_limit_their_members),
        cmocka_unit_test(closing_drains),
        cmocka_unit_test(stopping_ends_the_stream),
        cmocka_unit_test(answers_differ),
        cmocka_unit_test(members_are_replaced),
        cmocka_unit_test(a_broadcast_reaches_everybody_from_when_they_join),
        cmocka_unit_test(a_broadcast_spares_loans_that_are_out),
        cmocka_unit_test(dropping_tells_how_many_were_lost),
        cmocka_unit_test(eviction_always_makes_room),
        cmocka_unit_test(forwarding_moves_a_message_on),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
