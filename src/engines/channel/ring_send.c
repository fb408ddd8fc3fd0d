/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The senders' side, without waiting.
 *
 * One sender keeps its position to itself and publishes a record with one release store, of the
 * word COMMITTED. Many senders claim: the slot at the tail goes from whatever an earlier lap left
 * to CLAIMED by compare-and-swap, and then the tail moves behind it; whoever finds the tail at a
 * claimed slot moves it on for the other one (as in the queue of M. Michael and M. Scott, 1996).
 * The claim and its owner appear in the same instant, so a sender that dies anywhere leaves either
 * nothing or a record with its name on it.
 *
 * A slot is claimed only when everything up to the claim's end is free, and `freed` never goes
 * back, so a sender that slept over many laps finds a word of a later lap and starts anew.
 */
#include "ring_internal.h"

#include <assert.h>

uint64_t hn_ring_find_tail(const hn_ring *ring) {
    uint64_t position = atomic_load_explicit(&ring->segment->tail, memory_order_acquire);
    for (uint64_t walked = 0; walked < ring->units_count;) {
        uint64_t word =
            atomic_load_explicit(&hn_slot_at(ring, position)->word, memory_order_acquire);
        if (!hn_word_is_at(ring, word, position) || hn_word_state(word) == HN_STATE_END) {
            break;
        }
        uint64_t units = hn_word_units(ring, word, position);
        position += units;
        walked += units;
    }
    return position;
}

void hn_sender_begin(hone_sender *sender) {
    const hn_ring *ring = &sender->ring;
    sender->tail = hn_ring_find_tail(ring);
    uint64_t word =
        atomic_load_explicit(&hn_slot_at(ring, sender->tail)->word, memory_order_acquire);
    /* the state, too: by now another sender may have put a record there */
    sender->is_closed =
        hn_word_is_at(ring, word, sender->tail) && hn_word_state(word) == HN_STATE_END;
}

/* --- room --- */

/* A broadcast: moves the mark before which no loan is out. Without it, one that is still being
 * written would be overwritten when all receivers that stood before it left. */
static uint64_t advance_settled(const hn_ring *ring) {
    _Atomic uint64_t *settled = &ring->segment->cursor.held;
    for (;;) {
        uint64_t position = atomic_load_explicit(settled, memory_order_acquire);
        uint64_t word =
            atomic_load_explicit(&hn_slot_at(ring, position)->word, memory_order_acquire);
        hn_state state = hn_word_state(word);
        if (!hn_word_is_at(ring, word, position) ||
            (state != HN_STATE_COMMITTED && state != HN_STATE_PADDING)) {
            return position;
        }
        uint64_t next = position + hn_word_units(ring, word, position);
        (void)atomic_compare_exchange_strong_explicit(settled, &position, next,
                                                      memory_order_acq_rel, memory_order_relaxed);
    }
}

/* The first position that must not be written: the oldest that any receiver may still read, plus
 * all units but the one for END. False when nobody receives a broadcast. */
static bool find_limit(const hn_ring *ring, uint64_t *out_limit) {
    uint64_t span = ring->units_count - 1;
    if (!ring->is_broadcast) {
        *out_limit = hn_cursor_freed(ring, &ring->segment->cursor) + span;
        return true;
    }
    uint64_t oldest = advance_settled(ring);
    bool has_receiver = false;
    for (uint32_t i = 0; i < ring->participants_max; i++) {
        hn_participant *participant = &ring->participants[i];
        /* seq_cst: pairs with hn_receiver_begin, which reads the tail after it became active */
        uint64_t identity = atomic_load_explicit(&participant->identity, memory_order_seq_cst);
        if (hn_identity_life(identity) != HN_LIFE_ACTIVE ||
            hn_identity_role(identity) != HN_ROLE_RECEIVER) {
            continue;
        }
        uint64_t freed = hn_cursor_freed(ring, &participant->cursor);
        oldest = freed < oldest ? freed : oldest;
        has_receiver = true;
    }
    *out_limit = oldest + span;
    return has_receiver;
}

static bool drop_for(hone_sender *sender, uint64_t end);

/* True when everything before `end` is free. */
static bool has_room(hone_sender *sender, uint64_t end) {
    if (HONE_LIKELY(end <= sender->limit)) {
        return true;
    }
    const hn_ring *ring = &sender->ring;
    uint64_t limit;
    if (ring->is_competing) {
        hn_ring_advance_freed(ring);
    }
    if (!find_limit(ring, &limit)) {
        return false;
    }
    if (end > limit && ring->on_full == HONE_CHANNEL_ON_FULL_DROP_OLDEST &&
        !(drop_for(sender, end) && find_limit(ring, &limit))) {
        return false;
    }
    sender->limit = limit;
    return end <= limit;
}

/* FULL, or why it will stay full. */
static hone_status explain_full(hone_sender *sender) {
    const hn_segment *segment = sender->ring.segment;
    hn_count(sender->counters, HONE_CHANNEL_BLOCKED, 1);
    if (atomic_load_explicit(&segment->member_masks[HN_ROLE_RECEIVER], memory_order_relaxed)) {
        return HONE_STATUS_FULL;
    }
    return atomic_load_explicit(&segment->is_last_dead[HN_ROLE_RECEIVER], memory_order_relaxed)
               ? HONE_STATUS_PEER_DEAD
               : HONE_STATUS_NOT_CONNECTED;
}

/* --- dropping the oldest --- */

/* Moves a cursor past its oldest message. False when there is none that can be dropped. */
static bool drop_one(const hn_ring *ring, hn_cursor *cursor, uint32_t *out_dropped_count,
                     hone_message *out_message) {
    uint64_t position = atomic_load_explicit(&cursor->head, memory_order_seq_cst);
    hn_slot *slot = hn_slot_at(ring, position);
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    hn_state state = hn_word_state(word);
    if (!hn_word_is_at(ring, word, position) ||
        (state != HN_STATE_COMMITTED && state != HN_STATE_PADDING)) {
        return atomic_load_explicit(&cursor->head, memory_order_seq_cst) != position;
    }
    *out_message =
        (hone_message){.data = hn_data_at(ring, position),
                       .size_bytes = atomic_load_explicit(&slot->size_bytes, memory_order_relaxed),
                       .type = atomic_load_explicit(&slot->type, memory_order_relaxed),
                       .position = position};
    uint64_t next = position + hn_word_units(ring, word, position);
    if (atomic_compare_exchange_strong_explicit(&cursor->head, &position, next,
                                                memory_order_seq_cst, memory_order_seq_cst)) {
        *out_dropped_count = state == HN_STATE_COMMITTED;
    }
    return true;
}

/* Drops from one cursor until it lets [.., end) be written, or what is held is in the way. */
static bool drop_from(hone_sender *sender, hn_cursor *cursor, uint64_t end) {
    const hn_ring *ring = &sender->ring;
    while (hn_cursor_freed(ring, cursor) + ring->units_count - 1 < end) {
        uint64_t head = atomic_load_explicit(&cursor->head, memory_order_seq_cst);
        uint32_t dropped_count = 0;
        hone_message dropped;
        if (head + ring->units_count - 1 >= end ||
            !drop_one(ring, cursor, &dropped_count, &dropped)) {
            return false;
        }
        if (dropped_count != 0) {
            atomic_fetch_add_explicit(&cursor->lost_count, 1, memory_order_relaxed);
            hn_count(sender->counters, HONE_CHANNEL_DROPPED, 1);
        }
    }
    return true;
}

static bool drop_for(hone_sender *sender, uint64_t end) {
    const hn_ring *ring = &sender->ring;
    if (!ring->is_broadcast) {
        return drop_from(sender, &ring->segment->cursor, end);
    }
    for (uint32_t i = 0; i < ring->participants_max; i++) {
        hn_participant *participant = &ring->participants[i];
        uint64_t identity = atomic_load_explicit(&participant->identity, memory_order_seq_cst);
        if (hn_identity_life(identity) == HN_LIFE_ACTIVE &&
            hn_identity_role(identity) == HN_ROLE_RECEIVER &&
            !drop_from(sender, &participant->cursor, end)) {
            return false;
        }
    }
    return true;
}

hone_status hone_channel_evict(hone_sender *sender, hone_message *out_message) {
    const hn_ring *ring = &sender->ring;
    if (ring->on_full != HONE_CHANNEL_ON_FULL_EVICT) {
        return HONE_STATUS_UNSUPPORTED;
    }
    hn_cursor *cursor = &ring->segment->cursor;
    for (;;) {
        uint32_t evicted_count = 0;
        hone_message message;
        if (!drop_one(ring, cursor, &evicted_count, &message)) {
            return HONE_STATUS_EMPTY;
        }
        if (evicted_count != 0) {
            hn_count(sender->counters, HONE_CHANNEL_DROPPED, 1);
            *out_message = message;
            return HONE_OK;
        }
    }
}

/* --- one sender --- */

static void put_word(const hn_ring *ring, uint64_t position, hn_state state, uint32_t owner,
                     uint64_t units) {
    /* release: pairs with the receivers' acquire, which then see the payload */
    atomic_store_explicit(&hn_slot_at(ring, position)->word,
                          hn_word_make(ring, position, state, owner, units), memory_order_release);
}

/* Before something is written behind it, the newest loan gets its name into its slot: the way from
 * record to record must not have a hole. */
static void mark_newest(hone_sender *sender) {
    if (sender->newest_units != 0) {
        put_word(&sender->ring, sender->newest_position, HN_STATE_CLAIMED, sender->index,
                 sender->newest_units);
        sender->newest_units = 0;
    }
}

static void put_end(hone_sender *sender) {
    mark_newest(sender);
    put_word(&sender->ring, sender->tail, HN_STATE_END, sender->index, 1);
    sender->is_closed = true;
    hn_event_wake(&sender->ring.segment->data_event);
}

/* A hint for those that join: they walk on from there (hn_ring_find_tail). */
static void hint_tail(const hn_ring *ring, uint64_t position) {
    atomic_store_explicit(&ring->segment->tail, position, memory_order_relaxed);
}

static uint64_t padding_before(const hn_ring *ring, uint64_t position, uint64_t units) {
    uint64_t to_end = ring->units_count - (position & ring->mask);
    return units > to_end ? to_end : 0;
}

static hone_status claim_single(hone_sender *sender, uint32_t units, uint64_t *out_position) {
    hn_ring *ring = &sender->ring;
    uint64_t tail = sender->tail;
    uint64_t padding = padding_before(ring, tail, units);
    if (HONE_UNLIKELY(!has_room(sender, tail + padding + units))) {
        return explain_full(sender);
    }
    mark_newest(sender);
    if (HONE_UNLIKELY(padding != 0)) {
        put_word(ring, tail, HN_STATE_PADDING, sender->index, padding);
        hint_tail(ring, tail);
        tail += padding;
    }
    sender->tail = tail + units;
    sender->newest_position = tail;
    sender->newest_units = units;
    *out_position = tail;
    return HONE_OK;
}

static void commit_single(hone_sender *sender, const hone_loan *loan) {
    hn_ring *ring = &sender->ring;
    if (HONE_LIKELY(loan->position == sender->newest_position)) {
        sender->newest_units = 0;
    }
    put_word(ring, loan->position, HN_STATE_COMMITTED, sender->index, loan->capacity_units);
    hint_tail(ring, loan->position);
}

/* --- many senders --- */

static void help_tail(const hn_ring *ring, uint64_t tail, uint64_t next) {
    /* Whoever is first; release: pairs with the acquire of the tail, whose reader then finds the
     * word before it. */
    (void)atomic_compare_exchange_strong_explicit(&ring->segment->tail, &tail, next,
                                                  memory_order_seq_cst, memory_order_relaxed);
}

/* Puts a record of `units` at the tail, padding where the memory ends. CLOSED behind an END. */
static hone_status claim_many(hone_sender *sender, hn_state state, uint32_t units,
                              uint64_t *out_position) {
    hn_ring *ring = &sender->ring;
    for (;;) {
        uint64_t tail = atomic_load_explicit(&ring->segment->tail, memory_order_seq_cst);
        _Atomic uint64_t *word_at = &hn_slot_at(ring, tail)->word;
        uint64_t word = atomic_load_explicit(word_at, memory_order_acquire);
        if (hn_word_is_at(ring, word, tail)) {
            if (hn_word_state(word) == HN_STATE_END) {
                return HONE_STATUS_CLOSED;
            }
            help_tail(ring, tail, tail + hn_word_units(ring, word, tail));
            continue;
        }
        if (HONE_UNLIKELY(!hn_word_is_before(ring, word, tail))) {
            /* the others have gone around the ring since the look at the tail */
            if (atomic_load_explicit(&ring->segment->tail, memory_order_seq_cst) == tail) {
                return HONE_STATUS_CORRUPT; /* or somebody has damaged it */
            }
            continue;
        }
        uint64_t padding = padding_before(ring, tail, units);
        if (state != HN_STATE_END && !has_room(sender, tail + padding + units)) {
            if (atomic_load_explicit(&ring->segment->tail, memory_order_seq_cst) != tail) {
                continue; /* the look was at an old tail */
            }
            return explain_full(sender);
        }
        uint64_t desired = padding != 0 ? hn_word_make(ring, tail, HN_STATE_PADDING, 0, padding)
                                        : hn_word_make(ring, tail, state, sender->index, units);
        if (!atomic_compare_exchange_strong_explicit(word_at, &word, desired, memory_order_acq_rel,
                                                     memory_order_relaxed)) {
            continue;
        }
        if (state == HN_STATE_END) {
            return HONE_OK; /* the tail stays before it, for all to see */
        }
        help_tail(ring, tail, tail + (padding != 0 ? padding : units));
        if (padding == 0) {
            *out_position = tail;
            return HONE_OK;
        }
    }
}

/* --- both --- */

hone_status hn_sender_try_loan(hone_sender *sender, size_t size_bytes, hone_loan *out_loan) {
    hn_ring *ring = &sender->ring;
    if (size_bytes > ring->units_count / 2 * HN_UNIT_BYTES) {
        return HONE_STATUS_LIMIT;
    }
    if (atomic_load_explicit(&ring->segment->is_stopped, memory_order_relaxed) != 0) {
        hn_sender_close(sender);
    }
    if (sender->is_closed) {
        return HONE_STATUS_CLOSED;
    }
    if (ring->is_broadcast && !atomic_load_explicit(&ring->segment->member_masks[HN_ROLE_RECEIVER],
                                                    memory_order_relaxed)) {
        return explain_full(sender);
    }
    uint32_t units = hn_units_of(size_bytes);
    uint64_t position = 0;
    hone_status status = ring->has_many_senders
                             ? claim_many(sender, HN_STATE_CLAIMED, units, &position)
                             : claim_single(sender, units, &position);
    if (status != HONE_OK) {
        return status;
    }
    sender->loans_count++;
    *out_loan = (hone_loan){.data = hn_data_at(ring, position),
                            .size_bytes = size_bytes,
                            .capacity_units = units,
                            .position = position};
    return HONE_OK;
}

hone_status hone_channel_resize(hone_loan *loan, size_t size_bytes) {
    if (size_bytes > (size_t)loan->capacity_units * HN_UNIT_BYTES) {
        return HONE_STATUS_LIMIT;
    }
    loan->size_bytes = size_bytes;
    return HONE_OK;
}

void hone_channel_commit(hone_sender *sender, const hone_loan *loan) {
    hn_ring *ring = &sender->ring;
    assert(sender->loans_count > 0);
    sender->loans_count--;
    hn_slot *slot = hn_slot_at(ring, loan->position);
    atomic_store_explicit(&slot->size_bytes, (uint32_t)loan->size_bytes, memory_order_relaxed);
    atomic_store_explicit(&slot->type, loan->type, memory_order_relaxed);
    hn_count(sender->counters, HONE_CHANNEL_MESSAGES, 1);
    hn_count(sender->counters, HONE_CHANNEL_BYTES, loan->size_bytes);
    if (ring->has_many_senders) {
        put_word(ring, loan->position, HN_STATE_COMMITTED, sender->index, loan->capacity_units);
    } else {
        commit_single(sender, loan);
    }
    hn_event_signal(ring, &ring->segment->data_event);
}

void hone_channel_abort(hone_sender *sender, const hone_loan *loan) {
    hn_ring *ring = &sender->ring;
    assert(sender->loans_count > 0);
    sender->loans_count--;
    hn_count(sender->counters, HONE_CHANNEL_ABORTED, 1);
    if (!ring->has_many_senders && sender->newest_units != 0 &&
        loan->position == sender->newest_position) {
        sender->tail = loan->position; /* nobody has seen it */
        sender->newest_units = 0;
        return;
    }
    put_word(ring, loan->position, HN_STATE_PADDING, sender->index, loan->capacity_units);
    if (!ring->has_many_senders) {
        hint_tail(ring, loan->position);
    }
    hn_event_signal(ring, &ring->segment->data_event); /* what follows can be taken now */
}

void hn_sender_close(hone_sender *sender) {
    uint64_t position;
    if (sender->is_closed) {
        return;
    }
    if (sender->ring.has_many_senders) {
        (void)claim_many(sender, HN_STATE_END, 1, &position); /* OK, or somebody else's is there */
        sender->is_closed = true;
        hn_event_wake(&sender->ring.segment->data_event);
    } else {
        put_end(sender);
    }
    hn_event_wake(&sender->ring.segment->room_event); /* who waits for room learns of it */
}
