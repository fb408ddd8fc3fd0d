/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who takes part: joining, leaving, and settling what a dead member left.
 *
 * Every claim has its owner in its slot, so settling is a walk over the records between what is
 * free and the tail. A record that is claimed stops every receiver, so the walk, which begins
 * anew when what it stands on is overwritten meanwhile, finds them all. Each step is a
 * compare-and-swap that does nothing the second time: whoever dies while settling leaves the rest
 * to the next one.
 */
#include "hone/platform/shared_page.h"
#include "ring_internal.h"

enum { WALKS_MAX = 1000 }; /* a hostile member could move what is walked over for ever */

static bool allows_many(const hn_ring *ring, hn_role role) {
    return role == HN_ROLE_SENDER ? ring->has_many_senders
                                  : ring->is_competing || ring->is_broadcast;
}

/* In modes with one sender (receiver): true when it is this place's member. */
static bool become_single(const hn_ring *ring, hn_role role, uint32_t index) {
    uint32_t nobody = 0;
    return allows_many(ring, role) || atomic_compare_exchange_strong_explicit(
                                          &ring->segment->single_members[role], &nobody, index + 1,
                                          memory_order_seq_cst, memory_order_relaxed);
}

hone_status hn_ring_join(const hn_ring *ring, hn_role role, hone_diag *diag, uint32_t *out_index) {
    hn_segment *segment = ring->segment;
    uint64_t pid = ring->self_pid;
    uint64_t identity = pid << 32 | (uint64_t)role << 8 | HN_LIFE_JOINING;
    uint32_t index = 0;
    for (; index < ring->participants_max; index++) {
        uint64_t nobody = 0;
        if (atomic_compare_exchange_strong_explicit(&ring->participants[index].identity, &nobody,
                                                    identity, memory_order_seq_cst,
                                                    memory_order_relaxed)) {
            break;
        }
    }
    if (index == ring->participants_max) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "all %u places of the channel are taken; create it with a larger "
                             "participants_max",
                             ring->participants_max);
    }
    hn_participant *self = &ring->participants[index];
    if (!become_single(ring, role, index)) {
        atomic_store_explicit(&self->identity, 0, memory_order_release);
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "the channel has a %s already, and its mode allows one",
                             role == HN_ROLE_SENDER ? "sender" : "receiver");
    }
    atomic_store_explicit(&self->start_ticks, hone_process_start(hone_process_id()),
                          memory_order_relaxed);
    /* A broadcast: keeps everything from here on until hn_receiver_begin knows better. */
    uint64_t tail = atomic_load_explicit(&segment->tail, memory_order_seq_cst);
    atomic_store_explicit(&self->cursor.head, tail, memory_order_relaxed);
    atomic_store_explicit(&self->cursor.held, tail, memory_order_relaxed);
    atomic_store_explicit(&self->cursor.lost_count, 0, memory_order_relaxed);
    /* seq_cst: pairs with find_limit */
    atomic_store_explicit(&self->identity, identity - HN_LIFE_JOINING + HN_LIFE_ACTIVE,
                          memory_order_seq_cst);
    atomic_fetch_or_explicit(&segment->member_masks[role], (uint64_t)1 << index,
                             memory_order_seq_cst);
    *out_index = index;
    return HONE_OK;
}

/* --- settling --- */

typedef struct settling {
    hn_state from, to;
    uint32_t owner;
} settling;

/* Where every record begins that is not settled. */
static uint64_t oldest_position(const hn_ring *ring) {
    return ring->is_broadcast
               ? atomic_load_explicit(&ring->segment->cursor.held, memory_order_seq_cst)
               : hn_cursor_freed(ring, &ring->segment->cursor);
}

/* Changes every record of the owner that is in the state `from`. Returns how many. */
static uint64_t settle(const hn_ring *ring, settling what) {
    uint64_t settled_count = 0;
    for (uint32_t walk = 0; walk < WALKS_MAX; walk++) {
        uint64_t begin = oldest_position(ring), position = begin;
        while (position - begin < ring->units_count) {
            _Atomic uint64_t *word_at = &hn_slot_at(ring, position)->word;
            uint64_t word = atomic_load_explicit(word_at, memory_order_seq_cst);
            if (!hn_word_is_at(ring, word, position) || hn_word_state(word) == HN_STATE_END) {
                break;
            }
            uint64_t units = hn_word_units(ring, word, position);
            if (hn_word_state(word) == what.from && hn_word_owner(word) == what.owner) {
                uint64_t settled = hn_word_make(ring, position, what.to, what.owner, units);
                settled_count += atomic_compare_exchange_strong_explicit(
                    word_at, &word, settled, memory_order_seq_cst, memory_order_relaxed);
            }
            position += units;
        }
        if (oldest_position(ring) == begin) {
            break; /* nothing was overwritten under our feet */
        }
    }
    return settled_count;
}

/* The messages that were taken and not released: between the two positions of a cursor. */
static uint64_t count_held(const hn_ring *ring, uint64_t held, uint64_t head) {
    uint64_t count = 0;
    for (uint64_t position = held; position < head && head - position <= ring->units_count;) {
        uint64_t word =
            atomic_load_explicit(&hn_slot_at(ring, position)->word, memory_order_acquire);
        if (!hn_word_is_at(ring, word, position)) {
            break;
        }
        count += hn_word_state(word) == HN_STATE_COMMITTED;
        position += hn_word_units(ring, word, position);
    }
    return count;
}

static uint64_t settle_receiver(const hn_ring *ring, uint32_t index) {
    if (ring->is_competing) {
        uint64_t count = settle(ring, (settling){HN_STATE_TAKEN, HN_STATE_RELEASED, index});
        hn_ring_advance_freed(ring);
        return count;
    }
    hn_cursor *cursor =
        ring->is_broadcast ? &ring->participants[index].cursor : &ring->segment->cursor;
    uint64_t head = atomic_load_explicit(&cursor->head, memory_order_seq_cst);
    uint64_t held = atomic_load_explicit(&cursor->held, memory_order_seq_cst);
    if (ring->is_evicting) {
        /* an announcement that was not followed by the claim holds nothing */
        uint64_t count = held != HN_NOTHING_HELD && held < head;
        atomic_store_explicit(&cursor->held, HN_NOTHING_HELD, memory_order_seq_cst);
        return count;
    }
    uint64_t count = count_held(ring, held, head);
    atomic_store_explicit(&cursor->held, head, memory_order_seq_cst);
    return count;
}

/* What a member of this identity leaves behind in the ring. */
static void settle_member(const hn_ring *ring, uint32_t index, uint64_t identity, bool is_dead) {
    hn_segment *segment = ring->segment;
    hn_role role = hn_identity_role(identity);
    bool is_in = hn_identity_life(identity) == HN_LIFE_ACTIVE;
    uint32_t single = atomic_load_explicit(&segment->single_members[role], memory_order_seq_cst);
    if (is_in && (allows_many(ring, role) || single == index + 1)) {
        uint64_t count = role == HN_ROLE_SENDER
                             ? settle(ring, (settling){HN_STATE_CLAIMED, HN_STATE_PADDING, index})
                             : settle_receiver(ring, index);
        if (is_dead) {
            atomic_fetch_add_explicit(role == HN_ROLE_SENDER ? &segment->lost_uncommitted_count
                                                             : &segment->reclaimed_count,
                                      count, memory_order_relaxed);
        }
        atomic_store_explicit(&segment->is_last_dead[role], is_dead, memory_order_relaxed);
    }
    if (single == index + 1) {
        atomic_store_explicit(&segment->single_members[role], 0, memory_order_seq_cst);
    }
    /* release: pairs with explain_nothing, which then sees what this sender published */
    atomic_fetch_and_explicit(&segment->member_masks[role], ~((uint64_t)1 << index),
                              memory_order_seq_cst);
}

void hn_ring_leave(const hn_ring *ring, uint32_t index, bool is_dead) {
    hn_participant *member = &ring->participants[index];
    uint64_t identity = atomic_load_explicit(&member->identity, memory_order_seq_cst);
    if (hn_identity_life(identity) != HN_LIFE_FREE) {
        settle_member(ring, index, identity, is_dead);
        atomic_store_explicit(&member->identity, 0, memory_order_seq_cst);
    }
    /* in any case: it may have died just before it woke somebody */
    hn_event_wake(&ring->segment->data_event);
    hn_event_wake(&ring->segment->room_event);
}
