/* SPDX-License-Identifier: Apache-2.0 */
/* Every mode between threads that sleep and wake: nothing is lost, doubled, torn, or out of order
 * for any of the senders. */
#include "pair_test.h"

#include <stdatomic.h>

#include "hone/platform/thread.h"

enum { ENDS_MAX = 3, PER_SENDER = 30000, FOREVER_S = 60 };

static const uint64_t FOREVER_NS = (uint64_t)FOREVER_S * 1000000000u;

typedef struct stress {
    hone_channel *channel;
    uint32_t senders_count, receivers_count;
    bool is_broadcast, is_dropping;
    _Atomic uint32_t ready_count; /* of the receivers */
    _Atomic uint32_t senders_left;
    _Atomic uint32_t failures_count; /* cmocka's asserts belong to the main thread */
    _Atomic uint64_t taken_count, lost_count;
    _Atomic uint64_t sums[ENDS_MAX]; /* of the numbers taken, by sender */
} stress;

typedef struct end_of {
    stress *run;
    uint32_t number;
} end_of;

static void expect(stress *run, bool holds) {
    if (!holds) {
        atomic_fetch_add(&run->failures_count, 1);
    }
}

/* A message is {sender, number} and then bytes that follow from both. */
static void sender_main(void *context) {
    const end_of *it = context;
    stress *run = it->run;
    hone_sender *sender = NULL;
    uint32_t random = it->number + 1;
    while (atomic_load(&run->ready_count) < run->receivers_count) {
        hone_thread_yield();
    }
    expect(run, hone_channel_open_sender(run->channel, NULL, &sender) == HONE_OK);
    for (uint32_t i = 1; sender && i <= PER_SENDER; i++) {
        hone_loan loan;
        size_t size = 8 + next_random(&random) % 300;
        hone_status status = hone_channel_loan_wait(sender, size, FOREVER_NS, &loan);
        expect(run, status == HONE_OK);
        if (status != HONE_OK) {
            break;
        }
        if (next_random(&random) % 16 == 0) {
            hone_channel_abort(sender, &loan);
            i--;
            continue;
        }
        uint32_t head[2] = {it->number, i};
        memcpy(loan.data, head, sizeof head);
        memset((uint8_t *)loan.data + 8, (int)((i + it->number) & 0xFF), size - 8);
        hone_channel_commit(sender, &loan);
    }
    if (sender && atomic_fetch_sub(&run->senders_left, 1) == 1) {
        hone_channel_close(sender);
    }
    hone_sender_destroy(sender);
}

static void note(stress *run, const hone_message *message, uint32_t *newest) {
    uint32_t head[2];
    memcpy(head, message->data, sizeof head);
    expect(run, head[0] < run->senders_count && head[1] > newest[head[0] % ENDS_MAX]);
    newest[head[0] % ENDS_MAX] = head[1];
    bool is_whole = true;
    for (size_t i = 8; i < message->size_bytes; i++) {
        is_whole = is_whole && ((const uint8_t *)message->data)[i] == ((head[0] + head[1]) & 0xFF);
    }
    expect(run, is_whole);
    atomic_fetch_add(&run->sums[head[0] % ENDS_MAX], head[1]);
    atomic_fetch_add(&run->taken_count, 1);
}

static void receiver_main(void *context) {
    const end_of *it = context;
    stress *run = it->run;
    hone_receiver *receiver = NULL;
    uint32_t newest[ENDS_MAX] = {0};
    expect(run, hone_channel_open_receiver(run->channel, NULL, &receiver) == HONE_OK);
    atomic_fetch_add(&run->ready_count, 1);
    while (receiver) {
        hone_message message;
        hone_status status = hone_channel_take_wait(receiver, FOREVER_NS, &message);
        if (status == HONE_STATUS_LOST) {
            atomic_fetch_add(&run->lost_count, message.lost_count);
            continue;
        }
        if (status != HONE_OK) {
            expect(run, status == HONE_STATUS_CLOSED);
            break;
        }
        note(run, &message, newest);
        hone_channel_release(receiver, &message);
    }
    hone_receiver_destroy(receiver);
}

static void check_sums(const stress *run) {
    uint64_t copies = run->is_broadcast ? run->receivers_count : 1;
    uint64_t sent = (uint64_t)run->senders_count * PER_SENDER * copies;
    assert_int_equal(run->failures_count, 0);
    /* what was dropped last may not have been told any more */
    hone_channel_stats stats;
    hone_channel_stats_read(run->channel, &stats);
    assert_true(run->lost_count <= stats.dropped_count);
    assert_int_equal(run->taken_count + stats.dropped_count, sent);
    for (uint32_t i = 0; i < run->senders_count && !run->is_dropping; i++) {
        assert_int_equal(run->sums[i], copies * PER_SENDER * (PER_SENDER + 1) / 2);
    }
}

static void stress_mode(const hone_channel_options *options, uint32_t senders_count,
                        uint32_t receivers_count) {
    stress run = {.senders_count = senders_count,
                  .receivers_count = receivers_count,
                  .is_broadcast = options->mode == HONE_CHANNEL_BROADCAST,
                  .is_dropping = options->on_full == HONE_CHANNEL_ON_FULL_DROP_OLDEST};
    hone_thread threads[2 * ENDS_MAX];
    end_of ends[2 * ENDS_MAX];
    atomic_store(&run.senders_left, senders_count);
    assert_int_equal(hone_channel_create(options, NULL, &run.channel), HONE_OK);
    uint32_t count = 0;
    for (uint32_t i = 0; i < receivers_count; i++, count++) {
        ends[count] = (end_of){&run, i};
        assert_int_equal(
            hone_thread_create("receiver", receiver_main, &ends[count], &threads[count]), HONE_OK);
    }
    for (uint32_t i = 0; i < senders_count; i++, count++) {
        ends[count] = (end_of){&run, i};
        assert_int_equal(hone_thread_create("sender", sender_main, &ends[count], &threads[count]),
                         HONE_OK);
    }
    for (uint32_t i = 0; i < count; i++) {
        hone_thread_join(threads[i]);
    }
    check_sums(&run);
    hone_channel_destroy(run.channel);
}

static void one_sender_one_receiver(void **state) {
    (void)state;
    stress_mode(&(hone_channel_options){.mode = HONE_CHANNEL_SPSC, .capacity_bytes = 2048}, 1, 1);
    stress_mode(&(hone_channel_options){.mode = HONE_CHANNEL_SPSC,
                                        .capacity_bytes = 2048,
                                        .on_full = HONE_CHANNEL_ON_FULL_DROP_OLDEST},
                1, 1);
}

static void many_senders_one_receiver(void **state) {
    (void)state;
    stress_mode(&(hone_channel_options){.mode = HONE_CHANNEL_MPSC, .capacity_bytes = 2048}, 3, 1);
    stress_mode(&(hone_channel_options){.mode = HONE_CHANNEL_MPSC,
                                        .capacity_bytes = 4096,
                                        .on_full = HONE_CHANNEL_ON_FULL_DROP_OLDEST},
                3, 1);
}

static void one_sender_competing_receivers(void **state) {
    (void)state;
    stress_mode(&(hone_channel_options){.mode = HONE_CHANNEL_SPMC, .capacity_bytes = 2048}, 1, 3);
}

static void many_senders_competing_receivers(void **state) {
    (void)state;
    stress_mode(&(hone_channel_options){.mode = HONE_CHANNEL_MPMC, .capacity_bytes = 2048}, 3, 3);
}

static void a_broadcast(void **state) {
    (void)state;
    stress_mode(&(hone_channel_options){.mode = HONE_CHANNEL_BROADCAST, .capacity_bytes = 4096}, 2,
                2);
    stress_mode(&(hone_channel_options){.mode = HONE_CHANNEL_BROADCAST,
                                        .capacity_bytes = 4096,
                                        .on_full = HONE_CHANNEL_ON_FULL_DROP_OLDEST},
                2, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sender_one_receiver),
        cmocka_unit_test(many_senders_one_receiver),
        cmocka_unit_test(one_sender_competing_receivers),
        cmocka_unit_test(many_senders_competing_receivers),
        cmocka_unit_test(a_broadcast),
    };
    return cmocka_run_group_tests_name("channel_stress", tests, NULL, NULL);
}
