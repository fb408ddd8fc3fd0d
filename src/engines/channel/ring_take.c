/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receivers' side, without waiting. Three ways to read:
 *
 * A cursor of one's own (one receiver, or a broadcast): the receiver follows the words and moves
 * its head with plain stores.
 *
 * The same where senders may take old messages back: both sides move the head by compare-and-swap.
 * A record that is about to be taken must not be overwritten when the sender overtakes the
 * receiver, so the receiver announces the position (`held`), then takes. The sender reads the head
 * before `held`: if it sees the head moved past a record by the receiver, it also sees the
 * announcement, which came earlier in the one order of seq_cst operations. (A hazard pointer, M.
 * Michael 2004, with one word.)
 *
 * Competing receivers: COMMITTED becomes TAKEN by compare-and-swap, with the taker's name, then the
 * common head moves on, by whoever comes by. RELEASED records at the beginning are what `held`, the
 * common mark of freed memory, moves past.
 */
#include "ring_internal.h"

/* --- what is free --- */

uint64_t hn_cursor_freed(const hn_ring *ring, const hn_cursor *cursor) {
    if (!ring->is_evicting) {
        return atomic_load_explicit(&cursor->held, memory_order_acquire); /* pairs with release */
    }
    uint64_t head = atomic_load_explicit(&cursor->head, memory_order_seq_cst); /* before held */
    uint64_t held = atomic_load_explicit(&cursor->held, memory_order_seq_cst);
    return held < head ? held : head;
}

void hn_ring_advance_freed(const hn_ring *ring) {
    _Atomic uint64_t *freed = &ring->segment->cursor.held;
    for (;;) {
        /* seq_cst throughout: of two that release neighbours, one must see both */
        uint64_t position = atomic_load_explicit(freed, memory_order_seq_cst);
        uint64_t word =
            atomic_load_explicit(&hn_slot_at(ring, position)->word, memory_order_seq_cst);
        if (!hn_word_is_at(ring, word, position) || hn_word_state(word) != HN_STATE_RELEASED) {
            if (atomic_load_explicit(freed, memory_order_seq_cst) == position) {
                return;
            }
            continue;
        }
        uint64_t next = position + hn_word_units(ring, word, position);
        (void)atomic_compare_exchange_strong_explicit(freed, &position, next, memory_order_seq_cst,
                                                      memory_order_seq_cst);
    }
}

/* --- beginning --- */

void hn_receiver_begin(hone_receiver *receiver) {
    const hn_ring *ring = &receiver->ring;
    hn_cursor *cursor =
        ring->is_broadcast ? &ring->participants[receiver->index].cursor : &ring->segment->cursor;
    receiver->cursor = cursor;
    if (ring->is_broadcast) {
        /* hn_ring_join has put the tail of that time into the cursor before this place became
         * active, so nothing from there on is overwritten; only what comes from now on is read. */
        uint64_t tail = atomic_load_explicit(&ring->segment->tail, memory_order_seq_cst);
        atomic_store_explicit(&cursor->head, tail, memory_order_seq_cst);
        atomic_store_explicit(&cursor->held, ring->is_evicting ? HN_NOTHING_HELD : tail,
                              memory_order_seq_cst);
    }
    receiver->head = atomic_load_explicit(&cursor->head, memory_order_seq_cst);
    receiver->held = receiver->head;
    if (!ring->is_evicting && !ring->is_competing) {
        atomic_store_explicit(&cursor->held, receiver->held, memory_order_release);
    }
}

/* --- taking --- */

/* Nothing to take at the position whose slot says `word`: why. */
static hone_status explain_nothing(hone_receiver *receiver, uint64_t word, uint64_t position) {
    const hn_ring *ring = &receiver->ring;
    const hn_segment *segment = ring->segment;
    bool is_here = hn_word_is_at(ring, word, position);
    if (is_here && hn_word_state(word) == HN_STATE_END) {
        return HONE_STATUS_CLOSED;
    }
    hn_count(receiver->counters, HONE_CHANNEL_BLOCKED, 1);
    /* acquire: pairs with hn_ring_leave; whatever the last sender published is visible then */
    if (is_here ||
        atomic_load_explicit(&segment->member_masks[HN_ROLE_SENDER], memory_order_acquire) != 0) {
        return HONE_STATUS_EMPTY;
    }
    if (atomic_load_explicit(&hn_slot_at(ring, position)->word, memory_order_acquire) != word) {
        return HONE_STATUS_EMPTY; /* it came just now: the next call takes it */
    }
    if (atomic_load_explicit(&segment->is_stopped, memory_order_acquire) != 0) {
        return HONE_STATUS_CLOSED;
    }
    return atomic_load_explicit(&segment->is_last_dead[HN_ROLE_SENDER], memory_order_relaxed) != 0
               ? HONE_STATUS_PEER_DEAD
               : HONE_STATUS_NOT_CONNECTED;
}

static void fill_message(const hn_ring *ring, uint64_t position, uint64_t units,
                         hone_message *out_message) {
    hn_slot *slot = hn_slot_at(ring, position);
    size_t size = atomic_load_explicit(&slot->size_bytes, memory_order_relaxed);
    size_t room = (size_t)units * HN_UNIT_BYTES;
    *out_message = (hone_message){
        .data = hn_data_at(ring, position),
        .size_bytes = size < room ? size : room, /* whatever somebody else wrote there */
        .type = atomic_load_explicit(&slot->type, memory_order_relaxed),
        .capacity_units = (uint32_t)units,
        .position = position};
}

static void count_taken(hone_receiver *receiver, const hone_message *message) {
    hn_count(receiver->counters, HONE_CHANNEL_MESSAGES, 1);
    hn_count(receiver->counters, HONE_CHANNEL_BYTES, message->size_bytes);
}

static hone_status take_alone(hone_receiver *receiver, hone_message *out_message) {
    const hn_ring *ring = &receiver->ring;
    hn_cursor *cursor = receiver->cursor;
    for (;;) {
        uint64_t position = receiver->head;
        /* acquire: pairs with put_word */
        uint64_t word =
            atomic_load_explicit(&hn_slot_at(ring, position)->word, memory_order_acquire);
        hn_state state = hn_word_state(word);
        if (HONE_UNLIKELY(!hn_word_is_at(ring, word, position) ||
                          (state != HN_STATE_COMMITTED && state != HN_STATE_PADDING))) {
            return explain_nothing(receiver, word, position);
        }
        uint64_t units = hn_word_units(ring, word, position);
        receiver->head = position + units;
        if (HONE_LIKELY(state == HN_STATE_COMMITTED)) {
            /* A successor goes on from here, even if this process dies with the next instruction:
             * a message is never given twice. */
            atomic_store_explicit(&cursor->head, receiver->head, memory_order_release);
            fill_message(ring, position, units, out_message);
            return HONE_OK;
        }
        atomic_store_explicit(&cursor->head, receiver->head, memory_order_release);
        if (receiver->held == position) { /* nothing is held: the padding is free at once */
            receiver->held = receiver->head;
            atomic_store_explicit(&cursor->held, receiver->held, memory_order_release);
            hn_event_signal(ring, &ring->segment->room_event);
        }
    }
}

static hone_status take_evicting(hone_receiver *receiver, hone_message *out_message) {
    const hn_ring *ring = &receiver->ring;
    hn_cursor *cursor = receiver->cursor;
    bool is_holding = atomic_load_explicit(&cursor->held, memory_order_relaxed) != HN_NOTHING_HELD;
    uint64_t lost_count = atomic_load_explicit(&cursor->lost_count, memory_order_relaxed);
    if (HONE_UNLIKELY(lost_count != 0)) {
        lost_count = atomic_exchange_explicit(&cursor->lost_count, 0, memory_order_relaxed);
        hn_count(receiver->counters, HONE_CHANNEL_DROPPED, lost_count);
        *out_message = (hone_message){.lost_count = lost_count};
        return HONE_STATUS_LOST;
    }
    for (;;) {
        uint64_t position = atomic_load_explicit(&cursor->head, memory_order_seq_cst);
        if (!is_holding) { /* before the look and the claim: see the file's head */
            atomic_store_explicit(&cursor->held, position, memory_order_seq_cst);
            if (atomic_load_explicit(&cursor->head, memory_order_seq_cst) != position) {
                continue;
            }
        }
        uint64_t word =
            atomic_load_explicit(&hn_slot_at(ring, position)->word, memory_order_acquire);
        hn_state state = hn_word_state(word);
        if (!hn_word_is_at(ring, word, position) ||
            (state != HN_STATE_COMMITTED && state != HN_STATE_PADDING)) {
            if (atomic_load_explicit(&cursor->head, memory_order_seq_cst) != position) {
                continue;
            }
            if (!is_holding) {
                atomic_store_explicit(&cursor->held, HN_NOTHING_HELD, memory_order_release);
            }
            return explain_nothing(receiver, word, position);
        }
        uint64_t units = hn_word_units(ring, word, position);
        fill_message(ring, position, units, out_message);
        uint64_t expected = position;
        if (atomic_compare_exchange_strong_explicit(&cursor->head, &expected, position + units,
                                                    memory_order_seq_cst, memory_order_seq_cst) &&
            state == HN_STATE_COMMITTED) {
            receiver->head = position + units; /* the end of the newest that was taken */
            return HONE_OK;
        }
    }
}

static hone_status take_competing(hone_receiver *receiver, hone_message *out_message) {
    const hn_ring *ring = &receiver->ring;
    hn_cursor *cursor = receiver->cursor;
    for (;;) {
        uint64_t position = atomic_load_explicit(&cursor->head, memory_order_acquire);
        hn_slot *slot = hn_slot_at(ring, position);
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
        uint64_t units = hn_word_units(ring, word, position);
        hn_state state = hn_word_state(word);
        bool is_here = hn_word_is_at(ring, word, position);
        bool is_ready = is_here && state != HN_STATE_CLAIMED && state != HN_STATE_END;
        if (!is_ready) {
            if (atomic_load_explicit(&cursor->head, memory_order_acquire) != position) {
                continue; /* the look was at an old place */
            }
            return explain_nothing(receiver, word, position);
        }
        uint64_t old_word = word;
        bool is_mine = false;
        if (state == HN_STATE_COMMITTED) {
            uint64_t taken = hn_word_make(ring, position, HN_STATE_TAKEN, receiver->index, units);
            is_mine = atomic_compare_exchange_strong_explicit(
                &slot->word, &old_word, taken, memory_order_seq_cst, memory_order_relaxed);
        } else if (state == HN_STATE_PADDING) {
            uint64_t released = hn_word_make(ring, position, HN_STATE_RELEASED, 0, units);
            if (atomic_compare_exchange_strong_explicit(
                    &slot->word, &old_word, released, memory_order_seq_cst, memory_order_relaxed)) {
                hn_ring_advance_freed(ring);
                hn_event_signal(ring, &ring->segment->room_event);
            }
        }
        if (state == HN_STATE_COMMITTED && !is_mine) {
            continue; /* somebody else's now: look what it says */
        }
        uint64_t expected = position;
        (void)atomic_compare_exchange_strong_explicit(&cursor->head, &expected, position + units,
                                                      memory_order_acq_rel, memory_order_relaxed);
        if (is_mine) {
            fill_message(ring, position, units, out_message);
            return HONE_OK;
        }
    }
}

hone_status hn_receiver_try_take(hone_receiver *receiver, hone_message *out_message) {
    const hn_ring *ring = &receiver->ring;
    hone_status status = ring->is_competing  ? take_competing(receiver, out_message)
                         : ring->is_evicting ? take_evicting(receiver, out_message)
                                             : take_alone(receiver, out_message);
    if (HONE_LIKELY(status == HONE_OK)) {
        count_taken(receiver, out_message);
    }
    return status;
}

/* --- giving back --- */

void hn_receiver_release(hone_receiver *receiver, const hone_message *message) {
    const hn_ring *ring = &receiver->ring;
    uint64_t end = message->position + message->capacity_units;
    if (ring->is_competing) {
        atomic_exchange_explicit(
            &hn_slot_at(ring, message->position)->word,
            hn_word_make(ring, message->position, HN_STATE_RELEASED, 0, message->capacity_units),
            memory_order_seq_cst);
        hn_ring_advance_freed(ring);
    } else if (ring->is_evicting) {
        /* When nothing of ours is left: the sender may have moved the head far beyond. */
        uint64_t held = end == receiver->head ? HN_NOTHING_HELD : end;
        atomic_store_explicit(&receiver->cursor->held, held, memory_order_release);
    } else {
        receiver->held = end;
        /* release: pairs with hn_cursor_freed, so that senders overwrite only what was read */
        atomic_store_explicit(&receiver->cursor->held, end, memory_order_release);
    }
    hn_event_signal(ring, &ring->segment->room_event);
}
