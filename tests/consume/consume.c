/* SPDX-License-Identifier: Apache-2.0 */
/* Uses the installed libraries as a stranger would: sums on the pool, hands it on by a channel. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <hone/channel/channel.h>
#include <hone/scheduler/loop.h>
#include <hone/scheduler/scheduler.h>

enum { COUNT = 100000 };

static void add_up(void *context, size_t begin, size_t end) {
    unsigned long long sum = 0;
    for (size_t i = begin; i < end; i++) {
        sum += i;
    }
    atomic_fetch_add_explicit((atomic_ullong *)context, sum, memory_order_relaxed);
}

static hone_status hand_over(hone_channel *channel, unsigned long long *value) {
    hone_sender *sender = NULL;
    hone_receiver *receiver = NULL;
    hone_message message = {0};
    hone_status status = hone_channel_open_sender(channel, NULL, &sender);
    if (status == HONE_OK) {
        status = hone_channel_open_receiver(channel, NULL, &receiver);
    }
    if (status == HONE_OK) {
        hone_span payload = {(const uint8_t *)value, sizeof *value};
        status = hone_channel_send(sender, payload);
    }
    if (status == HONE_OK) {
        status = hone_channel_take(receiver, &message);
    }
    if (status == HONE_OK) {
        memcpy(value, message.data, sizeof *value);
        hone_channel_release(receiver, &message);
    }
    hone_receiver_destroy(receiver);
    hone_sender_destroy(sender);
    return status;
}

int main(void) {
    hone_diag diag = {0};
    hone_scheduler *scheduler = NULL;
    hone_channel *channel = NULL;
    atomic_ullong sum = 0;
    hone_status status = hone_scheduler_create(NULL, &diag, &scheduler);
    if (status == HONE_OK) {
        hone_scheduler_for(scheduler, COUNT, 1000, add_up, &sum);
        status = hone_channel_create(NULL, &diag, &channel);
    }
    unsigned long long value = sum;
    if (status == HONE_OK) {
        status = hand_over(channel, &value);
    }
    hone_channel_destroy(channel);
    hone_scheduler_destroy(scheduler);
    printf("%s: %llu\n", hone_status_text(status), value);
    return status == HONE_OK && value == (unsigned long long)COUNT * (COUNT - 1) / 2 ? 0 : 1;
}
