/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring: one format for private memory and for memory that processes share.
 *
 *   segment | participants | slots (16 bytes a unit) | data (64 bytes a unit)
 *
 * Positions count units of 64 bytes since the beginning and never wrap in practice. A record covers
 * whole units that lie one behind the other; the slot of its first unit says what it is, in one
 * word:
 *
 *   lap + 1 | units | owner | state          (1 bit shift each: see hn_word_make)
 *
 * The words lie apart from the data on purpose: no byte of a payload can be taken for a word, and a
 * word only ever grows in lap, so a compare-and-swap against what was read long ago fails. Owner
 * and state change together in one word, so that whatever a dead process had claimed is found by
 * looking: there is no instant at which a claim has no owner.
 *
 *   senders    nothing -> CLAIMED -> COMMITTED | PADDING     one sender goes straight to COMMITTED
 *   receivers  COMMITTED -> TAKEN -> RELEASED                only where they compete
 *
 * Invariants: freed <= head <= tail <= freed + units - 1. One unit stays free for the mark END that
 * a close leaves at the tail.
 */
#ifndef HONE_CHANNEL_RING_INTERNAL_H
#define HONE_CHANNEL_RING_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counter_internal.h"
#include "hone/base/hints.h"
#include "hone/channel/channel.h"

enum {
    HN_UNIT_BYTES = 64,
    HN_UNITS_LOG2_MIN = 2,
    HN_UNITS_LOG2_MAX = 24,
    HN_PARTICIPANTS_MAX = 63,
    HN_NAME_BYTES = 64,
    HN_TYPE_TEXT_BYTES = 256,
    HN_WORD_STATE_BITS = 3,
    HN_WORD_LOW_BITS = 9, /* state, and 6 of the owner */
    HN_SEGMENT_VERSION = 1,
};

#define HN_NOTHING_HELD UINT64_MAX
#define HN_SEGMENT_MAGIC UINT64_C(0x6c6e6e6168634e48) /* "HNchannl" */

typedef enum hn_state {
    HN_STATE_NONE,
    HN_STATE_CLAIMED,
    HN_STATE_COMMITTED,
    HN_STATE_PADDING, /* nothing to read: the end of the memory, an abort, a dead sender's claim */
    HN_STATE_TAKEN,
    HN_STATE_RELEASED,
    HN_STATE_END, /* the channel was closed here */
} hn_state;

typedef struct hn_slot {
    _Atomic uint64_t word;
    _Atomic uint32_t size_bytes; /* of the payload; written before the word says COMMITTED */
    _Atomic uint32_t type;
} hn_slot;

/* Where reading stands. One for all receivers, but one each in a broadcast. */
typedef struct hn_cursor {
    _Alignas(128) _Atomic uint64_t head; /* next to take */
    /* Everything before may be overwritten; where senders may take old messages back instead: the
     * oldest record that is being looked at, or HN_NOTHING_HELD. */
    _Atomic uint64_t held;
    _Atomic uint64_t lost_count; /* dropped since the receiver was last told */
} hn_cursor;

/* What one side waits for, and whether somebody does. */
typedef struct hn_event {
    _Alignas(128) _Atomic uint32_t sequence; /* the futex */
    _Atomic uint32_t is_awaited;
} hn_event;

typedef enum hn_life { HN_LIFE_FREE, HN_LIFE_JOINING, HN_LIFE_ACTIVE } hn_life;

/* identity: pid << 32 | role << 8 | life, changed as one */
typedef struct hn_participant {
    hn_cursor cursor; /* of a receiver in a broadcast */
    _Alignas(128) _Atomic uint64_t identity;
    _Atomic uint64_t start_ticks; /* of the process; 0 while joining */
    /* By role: senders, receivers. Of all that had this place so far; written by who has it. */
    _Atomic uint64_t counters[2][HONE_CHANNEL_COUNTERS_COUNT];
} hn_participant;

typedef struct hn_segment {
    /* frozen before anybody else sees it */
    uint64_t magic;
    uint32_t version;
    uint32_t units_log2;
    uint32_t participants_max;
    uint32_t mode;
    uint32_t on_full;
    uint32_t is_fenced; /* senders and receivers order their own steps: see hn_event_signal */
    uint64_t size_bytes;
    uint64_t type_hash;
    uint64_t pid_namespace; /* of the one who made it: in another one pids mean other processes */
    char name[HN_NAME_BYTES];
    char type_text[HN_TYPE_TEXT_BYTES];

    _Alignas(128) _Atomic uint64_t tail; /* one sender: after what it committed last, or before */
    /* Of the receivers; in a broadcast `held` is where the oldest loan still out may lie. */
    hn_cursor cursor;
    hn_event data_event; /* receivers wait for it */
    hn_event room_event; /* senders do */

    /* rarely written, often read */
    _Alignas(128) _Atomic uint32_t is_stopped;
    _Atomic uint64_t member_masks[2];   /* senders, receivers: a bit for each place */
    _Atomic uint32_t single_members[2]; /* place + 1, where the mode has one of this role */
    _Atomic uint32_t is_last_dead[2];   /* the last of this role that left had died */
    _Atomic uint64_t lost_uncommitted_count, reclaimed_count;
    _Atomic uint64_t recovery_owner; /* who clears up after the dead; 0: nobody */
} hn_segment;

/* One process' view of a segment. Everything here is its own: what is frozen was copied and
 * checked, so nobody else can move it. */
typedef struct hn_ring {
    hn_segment *segment;
    hn_participant *participants;
    hn_slot *slots;
    uint8_t *data;
    uint64_t units_count, mask;
    uint64_t self_pid; /* of this process, as the one that made the segment sees it */
    uint32_t units_log2;
    uint32_t participants_max;
    hone_channel_mode mode;
    hone_channel_on_full on_full;
    bool is_fenced;
    bool has_many_senders, is_competing, is_broadcast, is_evicting;
} hn_ring;

struct hone_sender {
    hn_ring ring;
    hone_channel *channel;
    _Atomic uint64_t *counters;
    uint32_t index;
    uint32_t spins; /* before it sleeps */
    uint32_t loans_count;
    uint64_t tail;  /* one sender: the next position */
    uint64_t limit; /* positions below it are free, as last looked */
    uint64_t newest_position;
    uint32_t newest_units; /* one sender: its newest loan when its slot says nothing; else 0 */
    bool is_closed;
};

struct hone_receiver {
    hn_ring ring;
    hone_channel *channel;
    _Atomic uint64_t *counters;
    hn_cursor *cursor;
    uint32_t index;
    uint32_t spins; /* before it sleeps */
    uint64_t head;  /* a cursor of one's own: as in the cursor unless evicting */
    uint64_t held;  /* the same, of held */
};

/* --- words --- */

static inline uint32_t hn_units_of(size_t size_bytes) {
    return size_bytes == 0 ? 1 : (uint32_t)((size_bytes + HN_UNIT_BYTES - 1) / HN_UNIT_BYTES);
}

static inline uint64_t hn_word_make(const hn_ring *ring, uint64_t position, hn_state state,
                                    uint32_t owner, uint64_t units) {
    uint64_t lap = (position >> ring->units_log2) + 1;
    return lap << (HN_WORD_LOW_BITS + ring->units_log2) | units << HN_WORD_LOW_BITS |
           (uint64_t)owner << HN_WORD_STATE_BITS | (uint64_t)state;
}

/* True when the word is of a record that begins at `position`, and not of an earlier lap. */
static inline bool hn_word_is_at(const hn_ring *ring, uint64_t word, uint64_t position) {
    uint64_t lap = (position >> ring->units_log2) + 1;
    uint32_t shift = HN_WORD_LOW_BITS + ring->units_log2;
    return word >> shift == (lap << shift) >> shift;
}

/* True when the word is of an earlier lap than `position`. */
static inline bool hn_word_is_before(const hn_ring *ring, uint64_t word, uint64_t position) {
    return word >> (HN_WORD_LOW_BITS + ring->units_log2) < (position >> ring->units_log2) + 1;
}

static inline hn_state hn_word_state(uint64_t word) {
    return (hn_state)(word & ((1u << HN_WORD_STATE_BITS) - 1));
}

static inline uint32_t hn_word_owner(uint64_t word) {
    return (uint32_t)(word >> HN_WORD_STATE_BITS) & 63u;
}

/* Never more than to the end of the memory and never 0, whatever a hostile word says. */
static inline uint64_t hn_word_units(const hn_ring *ring, uint64_t word, uint64_t position) {
    uint64_t units = word >> HN_WORD_LOW_BITS & ring->mask;
    uint64_t to_end = ring->units_count - (position & ring->mask);
    return units == 0 || units > to_end ? to_end : units;
}

static inline hn_slot *hn_slot_at(const hn_ring *ring, uint64_t position) {
    return &ring->slots[position & ring->mask];
}

static inline void *hn_data_at(const hn_ring *ring, uint64_t position) {
    return ring->data + (position & ring->mask) * HN_UNIT_BYTES;
}

/* --- format (ring.c) --- */

/* The bytes of a segment. */
size_t hn_segment_size(uint32_t units_log2, uint32_t participants_max);

/* Zeroed memory becomes an empty ring. */
void hn_segment_format(hn_segment *segment, const hone_channel_options *options,
                       uint32_t units_log2, bool is_fenced);

/* Checks what somebody else has written at the beginning of `size_bytes` of memory. Pass a private
 * copy: the original may change at any time. CORRUPT, UNSUPPORTED (another version). */
HONE_MUST_USE hone_status hn_segment_check(const hn_segment *frozen, uint64_t size_bytes,
                                           hone_diag *diag);

/* A view of a segment that was checked, or made by this process. */
void hn_ring_attach(hn_ring *ring, hn_segment *segment, const hn_segment *frozen);

/* --- members (ring_members.c) --- */

typedef enum hn_role { HN_ROLE_SENDER, HN_ROLE_RECEIVER } hn_role;

/* LIMIT when all places are taken or the mode allows no more of this role. */
HONE_MUST_USE hone_status hn_ring_join(const hn_ring *ring, hn_role role, hone_diag *diag,
                                       uint32_t *out_index);

/* Settles what the member of a place had claimed, and frees the place: claims become padding, what
 * it held counts as read. For one that died it is counted, and everybody is woken. Doing it twice,
 * or again after it was broken off anywhere, does no harm; two at a time must not
 * (recovery_owner). */
void hn_ring_leave(const hn_ring *ring, uint32_t index, bool is_dead);

static inline hn_role hn_identity_role(uint64_t identity) {
    return (hn_role)(identity >> 8 & 1u);
}
static inline hn_life hn_identity_life(uint64_t identity) {
    return (hn_life)(identity & 0xFFu);
}
static inline uint32_t hn_identity_pid(uint64_t identity) {
    return (uint32_t)(identity >> 32);
}

/* --- sending (ring_send.c) and taking (ring_take.c), without waiting --- */

void hn_sender_begin(hone_sender *sender);
hone_status hn_sender_try_loan(hone_sender *sender, size_t size_bytes, hone_loan *out_loan);
void hn_sender_close(hone_sender *sender);

/* Where the next record will begin, as far as everybody can see. */
uint64_t hn_ring_find_tail(const hn_ring *ring);

void hn_receiver_begin(hone_receiver *receiver);
hone_status hn_receiver_try_take(hone_receiver *receiver, hone_message *out_message);
void hn_receiver_release(hone_receiver *receiver, const hone_message *message);

/* Everything before this position may be overwritten, as far as one cursor is concerned. */
uint64_t hn_cursor_freed(const hn_ring *ring, const hn_cursor *cursor);

/* Competing receivers: moves the common mark past what has been released. */
void hn_ring_advance_freed(const hn_ring *ring);

/* --- waiting (ring_wait.c) --- */

/* After something was published: wakes whoever waits. Cheap when nobody does. */
void hn_event_wake(hn_event *event);

static inline void hn_event_signal(const hn_ring *ring, hn_event *event) {
    /* Pairs with hn_event_prepare. Where the waiter cannot make everybody's stores visible itself
     * (membarrier), reading by an RMW orders it behind what was published before. */
    uint32_t is_awaited =
        ring->is_fenced ? atomic_fetch_add_explicit(&event->is_awaited, 0, memory_order_seq_cst)
                        : atomic_load_explicit(&event->is_awaited, memory_order_relaxed);
    if (HONE_UNLIKELY(is_awaited != 0)) {
        hn_event_wake(event);
    }
}

/* Announces that the caller is going to wait, and returns what hn_event_wait has to be told. Look
 * once more at what you wait for in between. */
uint32_t hn_event_prepare(const hn_ring *ring, hn_event *event);
void hn_event_wait(hn_event *event, uint32_t ticket, uint64_t timeout_ns);

#endif
