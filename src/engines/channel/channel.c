/* SPDX-License-Identifier: Apache-2.0 */
/* The public face of a ring in private memory: creation, members, waiting, copies as sugar. */
#include "hone/channel/channel.h"

#include <string.h>

#include "channel_internal.h"
#include "hone/base/checked.h"
#include "hone/platform/barrier.h"
#include "hone/platform/clock.h"
#include "hone/platform/thread.h"

enum {
    CAPACITY_MIN = HN_UNIT_BYTES << HN_UNITS_LOG2_MIN,
    CAPACITY_MAX = HN_UNIT_BYTES << HN_UNITS_LOG2_MAX,
    CAPACITY_DEFAULT = 65536,
    PARTICIPANTS_DEFAULT = 16,
    SEGMENT_ALIGNMENT = 128,
    SPINS_MIN = 64,
    SPINS_MAX = 4096,
};

hone_status hn_channel_options_check(const hone_channel_options *options, hone_diag *diag,
                                     hone_channel_options *out_options, uint32_t *out_units_log2) {
    hone_channel_options chosen = options ? *options : (hone_channel_options){0};
    size_t capacity = chosen.capacity_bytes ? chosen.capacity_bytes : CAPACITY_DEFAULT;
    if (capacity > CAPACITY_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a channel of %zu bytes is larger than the limit of %d", capacity,
                             CAPACITY_MAX);
    }
    if ((unsigned)chosen.mode >= HONE_CHANNEL_MODES_COUNT ||
        (unsigned)chosen.on_full >= HONE_CHANNEL_ON_FULL_COUNT) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "mode %d or on_full %d does not exist", (int)chosen.mode,
                             (int)chosen.on_full);
    }
    if (chosen.participants_max > HN_PARTICIPANTS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "%u senders and receivers are more than the limit of %d",
                             chosen.participants_max, HN_PARTICIPANTS_MAX);
    }
    bool is_competing = chosen.mode == HONE_CHANNEL_SPMC || chosen.mode == HONE_CHANNEL_MPMC;
    bool is_possible = chosen.on_full == HONE_CHANNEL_ON_FULL_WAIT ||
                       (chosen.on_full == HONE_CHANNEL_ON_FULL_DROP_OLDEST && !is_competing) ||
                       chosen.mode == HONE_CHANNEL_SPSC;
    if (!is_possible) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "a channel whose receivers compete cannot drop the oldest, and only "
                             "one with one sender and one receiver can evict");
    }
    if (chosen.participants_max == 0) {
        chosen.participants_max = PARTICIPANTS_DEFAULT;
    }
    uint64_t rounded = hone_power_of_two_ceil(capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity);
    chosen.capacity_bytes = (size_t)rounded;
    *out_units_log2 = (uint32_t)__builtin_ctzll(rounded / HN_UNIT_BYTES);
    *out_options = chosen;
    return HONE_OK;
}

hone_status hone_channel_create(const hone_channel_options *options, hone_diag *diag,
                                hone_channel **out_channel) {
    hone_channel_options chosen;
    uint32_t units_log2;
    hone_status status = hn_channel_options_check(options, diag, &chosen, &units_log2);
    if (status != HONE_OK) {
        return status;
    }
    size_t size = hn_segment_size(units_log2, chosen.participants_max);
    hone_channel *channel = HONE_NEW(chosen.allocator, hone_channel);
    hn_segment *segment = hone_allocate_zeroed(chosen.allocator, 1, size, SEGMENT_ALIGNMENT);
    if (!channel || !segment) {
        hone_release(chosen.allocator, segment, size, SEGMENT_ALIGNMENT);
        HONE_DELETE(chosen.allocator, hone_channel, channel);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for a channel of %zu bytes", chosen.capacity_bytes);
    }
    hn_segment_format(segment, &chosen, units_log2, hone_barrier_prepare() != HONE_OK);
    hn_ring_attach(&channel->ring, segment, segment);
    channel->allocator = chosen.allocator;
    channel->size_bytes = size;
    channel->socket_fd = -1;
    *out_channel = channel;
    return HONE_OK;
}

void hone_channel_destroy(hone_channel *channel) {
    if (channel) {
        const hone_allocator *allocator = channel->allocator;
        if (channel->release) {
            channel->release(channel);
        } else {
            hone_release(allocator, channel->ring.segment, channel->size_bytes, SEGMENT_ALIGNMENT);
        }
        HONE_DELETE(allocator, hone_channel, channel);
    }
}

/* --- members --- */

/* With one CPU spinning only keeps the other side from running. */
static uint32_t spins_at_first(void) {
    return hone_thread_cpus_allowed_count() < 2 ? 0 : SPINS_MAX;
}

hone_status hone_channel_open_sender(hone_channel *channel, hone_diag *diag,
                                     hone_sender **out_sender) {
    uint32_t index;
    hone_sender *sender = HONE_NEW(channel->allocator, hone_sender);
    if (!sender) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a sender");
    }
    hone_status status = hn_ring_join(&channel->ring, HN_ROLE_SENDER, diag, &index);
    if (status != HONE_OK) {
        HONE_DELETE(channel->allocator, hone_sender, sender);
        return status;
    }
    sender->ring = channel->ring;
    sender->channel = channel;
    sender->index = index;
    sender->counters = channel->ring.participants[index].counters[HN_ROLE_SENDER];
    sender->spins = spins_at_first();
    hn_sender_begin(sender);
    *out_sender = sender;
    return HONE_OK;
}

hone_status hone_channel_open_receiver(hone_channel *channel, hone_diag *diag,
                                       hone_receiver **out_receiver) {
    uint32_t index;
    hone_receiver *receiver = HONE_NEW(channel->allocator, hone_receiver);
    if (!receiver) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a receiver");
    }
    hone_status status = hn_ring_join(&channel->ring, HN_ROLE_RECEIVER, diag, &index);
    if (status != HONE_OK) {
        HONE_DELETE(channel->allocator, hone_receiver, receiver);
        return status;
    }
    receiver->ring = channel->ring;
    receiver->channel = channel;
    receiver->index = index;
    receiver->counters = channel->ring.participants[index].counters[HN_ROLE_RECEIVER];
    receiver->spins = spins_at_first();
    hn_receiver_begin(receiver);
    *out_receiver = receiver;
    return HONE_OK;
}

void hone_sender_destroy(hone_sender *sender) {
    if (sender) {
        hn_ring_leave(&sender->ring, sender->index, false);
        HONE_DELETE(sender->channel->allocator, hone_sender, sender);
    }
}

void hone_receiver_destroy(hone_receiver *receiver) {
    if (receiver) {
        hn_ring_leave(&receiver->ring, receiver->index, false);
        HONE_DELETE(receiver->channel->allocator, hone_receiver, receiver);
    }
}

/* --- sending --- */

hone_status hone_channel_loan(hone_sender *sender, size_t size_bytes, hone_loan *out_loan) {
    return hn_sender_try_loan(sender, size_bytes, out_loan);
}

/* How many looks before sleeping: more when spinning brought something, and fewer and fewer when it
 * did not. */
static uint32_t adapt_spins(uint32_t spins, uint32_t used, bool is_worth_it) {
    if (spins == 0) {
        return 0;
    }
    uint32_t wanted = is_worth_it ? spins + used / 2 : spins / 2;
    return wanted < SPINS_MIN ? SPINS_MIN : wanted > SPINS_MAX ? SPINS_MAX : wanted;
}

static uint64_t deadline_after(uint64_t timeout_ns) {
    uint64_t now = hone_clock_monotonic_ns();
    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

/* What is left of the time, or of what may pass until the next look at whether the others live. */
static uint64_t time_left(const hone_channel *channel, uint64_t deadline_ns) {
    uint64_t left = UINT64_MAX;
    if (deadline_ns != UINT64_MAX) {
        uint64_t now = hone_clock_monotonic_ns();
        left = deadline_ns > now ? deadline_ns - now : 0;
    }
    return channel->look && left > channel->look_interval_ns ? channel->look_interval_ns : left;
}

static void look_for_dead(hone_channel *channel) {
    if (channel->look) {
        channel->look(channel);
    }
}

static bool is_waiting_of_use(hone_status status) {
    return status == HONE_STATUS_FULL || status == HONE_STATUS_EMPTY ||
           status == HONE_STATUS_NOT_CONNECTED;
}

hone_status hone_channel_loan_wait(hone_sender *sender, size_t size_bytes, uint64_t timeout_ns,
                                   hone_loan *out_loan) {
    hone_status status = hn_sender_try_loan(sender, size_bytes, out_loan);
    if (HONE_LIKELY(!is_waiting_of_use(status)) || timeout_ns == 0) {
        return is_waiting_of_use(status) ? HONE_STATUS_TIMEOUT : status;
    }
    hn_event *event = &sender->ring.segment->room_event;
    uint64_t deadline_ns = deadline_after(timeout_ns);
    for (uint32_t spins = 0; spins < sender->spins; spins++) {
        hone_cpu_relax();
        status = hn_sender_try_loan(sender, size_bytes, out_loan);
        if (!is_waiting_of_use(status)) {
            sender->spins = adapt_spins(sender->spins, spins, true);
            return status;
        }
    }
    sender->spins = adapt_spins(sender->spins, 0, false);
    for (;;) {
        uint32_t ticket = hn_event_prepare(&sender->ring, event);
        status = hn_sender_try_loan(sender, size_bytes, out_loan);
        if (!is_waiting_of_use(status)) {
            return status;
        }
        uint64_t left_ns = time_left(sender->channel, deadline_ns);
        if (left_ns == 0) {
            return HONE_STATUS_TIMEOUT;
        }
        hn_count(sender->counters, HONE_CHANNEL_SLEEPS, 1);
        hn_event_wait(event, ticket, left_ns);
        look_for_dead(sender->channel);
    }
}

hone_status hone_channel_send(hone_sender *sender, hone_span payload) {
    hone_loan loan;
    hone_status status = hn_sender_try_loan(sender, payload.size, &loan);
    if (status == HONE_OK) {
        if (payload.size != 0) {
            memcpy(loan.data, payload.data, payload.size);
        }
        hone_channel_commit(sender, &loan);
    }
    return status;
}

hone_status hone_channel_send_batch(hone_sender *sender, const hone_span *payloads,
                                    uint32_t payloads_count, uint32_t *out_sent_count) {
    hone_status status = HONE_OK;
    uint32_t sent = 0;
    while (sent < payloads_count &&
           (status = hone_channel_send(sender, payloads[sent])) == HONE_OK) {
        sent++;
    }
    *out_sent_count = sent;
    return status;
}

void hone_channel_close(hone_sender *sender) {
    hn_sender_close(sender);
}

/* --- receiving --- */

hone_status hone_channel_take(hone_receiver *receiver, hone_message *out_message) {
    return hn_receiver_try_take(receiver, out_message);
}

hone_status hone_channel_take_wait(hone_receiver *receiver, uint64_t timeout_ns,
                                   hone_message *out_message) {
    hone_status status = hn_receiver_try_take(receiver, out_message);
    if (HONE_LIKELY(!is_waiting_of_use(status)) || timeout_ns == 0) {
        return is_waiting_of_use(status) ? HONE_STATUS_TIMEOUT : status;
    }
    hn_event *event = &receiver->ring.segment->data_event;
    uint64_t deadline_ns = deadline_after(timeout_ns);
    for (uint32_t spins = 0; spins < receiver->spins; spins++) {
        hone_cpu_relax();
        status = hn_receiver_try_take(receiver, out_message);
        if (!is_waiting_of_use(status)) {
            receiver->spins = adapt_spins(receiver->spins, spins, true);
            return status;
        }
    }
    receiver->spins = adapt_spins(receiver->spins, 0, false);
    for (;;) {
        uint32_t ticket = hn_event_prepare(&receiver->ring, event);
        status = hn_receiver_try_take(receiver, out_message);
        if (!is_waiting_of_use(status)) {
            return status;
        }
        uint64_t left_ns = time_left(receiver->channel, deadline_ns);
        if (left_ns == 0) {
            return HONE_STATUS_TIMEOUT;
        }
        hn_count(receiver->counters, HONE_CHANNEL_SLEEPS, 1);
        hn_event_wait(event, ticket, left_ns);
        look_for_dead(receiver->channel);
    }
}

hone_status hone_channel_take_batch(hone_receiver *receiver, hone_message *out_messages,
                                    uint32_t messages_max, uint32_t *out_count) {
    hone_status status = HONE_OK;
    uint32_t count = 0;
    while (count < messages_max &&
           (status = hn_receiver_try_take(receiver, &out_messages[count])) == HONE_OK) {
        count++;
    }
    *out_count = count;
    return count > 0 ? HONE_OK : status;
}

void hone_channel_release(hone_receiver *receiver, const hone_message *message) {
    hn_receiver_release(receiver, message);
}

hone_status hone_channel_forward(hone_receiver *receiver, const hone_message *message,
                                 hone_sender *sender) {
    hone_loan loan;
    hone_status status = hn_sender_try_loan(sender, message->size_bytes, &loan);
    if (status == HONE_OK) {
        memcpy(loan.data, message->data, message->size_bytes);
        loan.type = message->type;
        hone_channel_commit(sender, &loan);
        hn_receiver_release(receiver, message);
    }
    return status;
}

/* --- anybody --- */

void hone_channel_stop(hone_channel *channel) {
    hn_segment *segment = channel->ring.segment;
    atomic_store_explicit(&segment->is_stopped, 1, memory_order_release);
    if (channel->ring.has_many_senders) {
        hone_sender nobody = {.ring = channel->ring};
        hn_sender_close(&nobody);
    }
    hn_event_wake(&segment->data_event);
    hn_event_wake(&segment->room_event);
}

bool hone_channel_is_stopped(const hone_channel *channel) {
    return atomic_load_explicit(&channel->ring.segment->is_stopped, memory_order_acquire) != 0;
}

bool hone_receiver_is_empty(const hone_receiver *receiver) {
    const hn_ring *ring = &receiver->ring;
    uint64_t head = atomic_load_explicit(&receiver->cursor->head, memory_order_seq_cst);
    uint64_t word = atomic_load_explicit(&hn_slot_at(ring, head)->word, memory_order_seq_cst);
    hn_state state = hn_word_state(word);
    return !hn_word_is_at(ring, word, head) || state == HN_STATE_CLAIMED || state == HN_STATE_END;
}

static uint64_t figure(const hn_participant *participant, hn_role role,
                       hone_channel_counter counter) {
    return atomic_load_explicit(&participant->counters[role][counter], memory_order_relaxed);
}

void hone_channel_stats_read(const hone_channel *channel, hone_channel_stats *out_stats) {
    const hn_segment *segment = channel->ring.segment;
    const _Atomic uint64_t *masks = segment->member_masks;
    hone_channel_stats stats = {
        .senders_count = (uint32_t)__builtin_popcountll(
            atomic_load_explicit(&masks[HN_ROLE_SENDER], memory_order_relaxed)),
        .receivers_count = (uint32_t)__builtin_popcountll(
            atomic_load_explicit(&masks[HN_ROLE_RECEIVER], memory_order_relaxed)),
        .lost_uncommitted_count =
            atomic_load_explicit(&segment->lost_uncommitted_count, memory_order_relaxed),
        .reclaimed_count = atomic_load_explicit(&segment->reclaimed_count, memory_order_relaxed),
    };
    for (uint32_t i = 0; i < channel->ring.participants_max; i++) {
        const hn_participant *one = &channel->ring.participants[i];
        stats.sent_count += figure(one, HN_ROLE_SENDER, HONE_CHANNEL_MESSAGES);
        stats.sent_bytes += figure(one, HN_ROLE_SENDER, HONE_CHANNEL_BYTES);
        stats.dropped_count += figure(one, HN_ROLE_SENDER, HONE_CHANNEL_DROPPED);
        stats.full_count += figure(one, HN_ROLE_SENDER, HONE_CHANNEL_BLOCKED);
        stats.taken_count += figure(one, HN_ROLE_RECEIVER, HONE_CHANNEL_MESSAGES);
        stats.taken_bytes += figure(one, HN_ROLE_RECEIVER, HONE_CHANNEL_BYTES);
        stats.empty_count += figure(one, HN_ROLE_RECEIVER, HONE_CHANNEL_BLOCKED);
    }
    *out_stats = stats;
}
