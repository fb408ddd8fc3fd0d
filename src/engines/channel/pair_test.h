/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests share: messages that can be checked, and a channel with its two ends. */
#ifndef HONE_CHANNEL_PAIR_TEST_H
#define HONE_CHANNEL_PAIR_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hone/channel/channel.h"

typedef struct pair {
    hone_channel *channel;
    hone_sender *sender;
    hone_receiver *receiver;
} pair;

static inline pair make_pair_of(const hone_channel_options *options) {
    pair it = {0};
    assert_int_equal(hone_channel_create(options, NULL, &it.channel), HONE_OK);
    assert_int_equal(hone_channel_open_sender(it.channel, NULL, &it.sender), HONE_OK);
    assert_int_equal(hone_channel_open_receiver(it.channel, NULL, &it.receiver), HONE_OK);
    return it;
}

static inline pair make_pair(hone_channel_mode mode, hone_channel_on_full on_full,
                             size_t capacity_bytes) {
    return make_pair_of(&(hone_channel_options){
        .mode = mode, .on_full = on_full, .capacity_bytes = capacity_bytes});
}

static inline void free_pair(pair *it) {
    hone_sender_destroy(it->sender);
    hone_receiver_destroy(it->receiver);
    hone_channel_destroy(it->channel);
}

/* A message is its number, and then bytes that follow from it. */
static inline void fill(const hone_loan *loan, uint64_t number) {
    memcpy(loan->data, &number, sizeof number);
    memset((uint8_t *)loan->data + 8, (int)(number & 0xFF), loan->size_bytes - 8);
}

static inline uint64_t check(const hone_message *message) {
    uint64_t number;
    assert_true(message->size_bytes >= sizeof number);
    memcpy(&number, message->data, sizeof number);
    for (size_t i = 8; i < message->size_bytes; i++) {
        if (((const uint8_t *)message->data)[i] != (number & 0xFF)) {
            fail_msg("message %llu is torn at byte %zu", (unsigned long long)number, i);
        }
    }
    return number;
}

static inline hone_status send_number(hone_sender *sender, size_t size_bytes, uint64_t number) {
    hone_loan loan;
    hone_status status = hone_channel_loan(sender, size_bytes, &loan);
    if (status == HONE_OK) {
        fill(&loan, number);
        hone_channel_commit(sender, &loan);
    }
    return status;
}

/* Takes, checks and releases one; UINT64_MAX when there is none. */
static inline uint64_t take_number(hone_receiver *receiver) {
    hone_message message;
    if (hone_channel_take(receiver, &message) != HONE_OK) {
        return UINT64_MAX;
    }
    uint64_t number = check(&message);
    hone_channel_release(receiver, &message);
    return number;
}

static inline uint32_t next_random(uint32_t *random) {
    return *random = *random * 1664525u + 1013904223u;
}

#endif
