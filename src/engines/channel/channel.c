/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring. Positions are byte counts since creation, so they never wrap in practice and "used" is
 * a subtraction. A record is an 8-byte header and its payload, rounded up to 64 bytes; what does
 * not fit before the end of the memory is preceded by a padding record that fills the end.
 *
 *   freed <= held <= read <= written <= freed + capacity
 *
 * The producer moves `written`, the consumer moves `read` and what is free again. Each side works
 * on its own copy of the other side's position and looks at the true one only when its copy says
 * full (empty).
 *
 * Eviction. Where the producer may take old messages back, both sides move `read` by
 * compare-and-swap. A message that the consumer is about to take must not be overwritten when the
 * producer overtakes it, so the consumer first announces the position (`held`), then takes. The
 * producer reads `read` before `held`: if it sees `read` moved past a message by the consumer, it
 * also sees the announcement, which came earlier in the one order of seq_cst operations. What the
 * consumer reads of a header that loses the race is thrown away.
 */
#include "hone/channel/channel.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "hone/base/checked.h"

enum {
    RECORD_ALIGNMENT = 64,
    CAPACITY_MIN = 256,
    CAPACITY_MAX = 1 << 30,
    CAPACITY_DEFAULT = 65536,
};

#define NOTHING_HELD UINT64_MAX

typedef struct record_header {
    _Atomic uint32_t size_bytes; /* of the payload */
    _Atomic uint32_t is_padding;
} record_header;

struct hone_channel {
    /* frozen after creation */
    uint8_t *memory;
    uint64_t capacity;
    uint64_t mask;
    bool is_evicting;
    const hone_allocator *allocator;

    /* the producer's line */
    _Alignas(64) _Atomic uint64_t written;
    uint64_t freed_copy;
    bool is_loaned;
    _Atomic uint64_t sent_count, sent_bytes, evicted_count, full_count;

    /* the consumer's line */
    _Alignas(
        64) _Atomic uint64_t read; /* next to take; the producer moves it, too, when evicting */
    _Atomic uint64_t held; /* evicting: the oldest record the consumer looks at; else: freed */
    uint64_t written_copy;
    uint64_t taken_end; /* where the newest record that the consumer took ends */
    _Atomic uint64_t taken_count, taken_bytes, empty_count;

    _Alignas(64) _Atomic uint32_t is_closed;
};

static void count(_Atomic uint64_t *figure, uint64_t more) {
    uint64_t old = atomic_load_explicit(figure, memory_order_relaxed); /* one writer */
    atomic_store_explicit(figure, old + more, memory_order_relaxed);
}

static record_header *header_at(const hone_channel *channel, uint64_t position) {
    return (record_header *)(channel->memory + (position & channel->mask));
}

static uint64_t record_bytes(size_t size_bytes) {
    return (sizeof(record_header) + size_bytes + RECORD_ALIGNMENT - 1) &
           ~(uint64_t)(RECORD_ALIGNMENT - 1);
}

hone_status hone_channel_create(const hone_channel_options *options, hone_diag *diag,
                                hone_channel **out_channel) {
    hone_channel_options chosen = options ? *options : (hone_channel_options){0};
    size_t capacity = chosen.capacity_bytes ? chosen.capacity_bytes : CAPACITY_DEFAULT;
    if (capacity > CAPACITY_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a channel of %zu bytes is larger than the limit of %d", capacity,
                             CAPACITY_MAX);
    }
    capacity = (size_t)hone_power_of_two_ceil(capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity);
    hone_channel *channel = HONE_NEW(chosen.allocator, hone_channel);
    uint8_t *memory = hone_allocate(chosen.allocator, capacity, RECORD_ALIGNMENT);
    if (!channel || !memory) {
        hone_release(chosen.allocator, memory, capacity, RECORD_ALIGNMENT);
        HONE_DELETE(chosen.allocator, hone_channel, channel);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for a channel of %zu bytes", capacity);
    }
    channel->memory = memory;
    channel->capacity = capacity;
    channel->mask = capacity - 1;
    channel->is_evicting = chosen.is_evicting;
    channel->allocator = chosen.allocator;
    atomic_init(&channel->held, chosen.is_evicting ? NOTHING_HELD : 0);
    *out_channel = channel;
    return HONE_OK;
}

void hone_channel_destroy(hone_channel *channel) {
    if (channel) {
        hone_release(channel->allocator, channel->memory, channel->capacity, RECORD_ALIGNMENT);
        HONE_DELETE(channel->allocator, hone_channel, channel);
    }
}

/* --- producer --- */

/* Everything before this position may be overwritten. */
static uint64_t freed_position(hone_channel *channel) {
    if (!channel->is_evicting) {
        return atomic_load_explicit(&channel->held,
                                    memory_order_acquire); /* pairs with hone_channel_release */
    }
    uint64_t read = atomic_load_explicit(
        &channel->read, memory_order_seq_cst); /* before held: see the file's head */
    uint64_t held = atomic_load_explicit(&channel->held, memory_order_seq_cst);
    return held < read ? held : read;
}

static bool has_room(hone_channel *channel, uint64_t written, uint64_t bytes) {
    if (written + bytes - channel->freed_copy <= channel->capacity) {
        return true;
    }
    channel->freed_copy = freed_position(channel);
    return written + bytes - channel->freed_copy <= channel->capacity;
}

static void write_header(hone_channel *channel, uint64_t position, uint32_t size_bytes,
                         uint32_t is_padding) {
    record_header *header = header_at(channel, position);
    atomic_store_explicit(&header->size_bytes, size_bytes, memory_order_relaxed);
    atomic_store_explicit(&header->is_padding, is_padding, memory_order_relaxed);
}

hone_status hone_channel_loan(hone_channel *channel, size_t size_bytes, hone_loan *out_loan) {
    if (size_bytes > channel->capacity / 2 - sizeof(record_header)) {
        return HONE_STATUS_LIMIT;
    }
    if (channel->is_loaned) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    if (atomic_load_explicit(&channel->is_closed, memory_order_acquire)) {
        return HONE_STATUS_CLOSED;
    }
    uint64_t written = atomic_load_explicit(&channel->written, memory_order_relaxed);
    uint64_t bytes = record_bytes(size_bytes);
    uint64_t to_end = channel->capacity - (written & channel->mask);
    uint64_t padding = bytes > to_end ? to_end : 0;
    if (!has_room(channel, written, padding + bytes)) {
        count(&channel->full_count, 1);
        return HONE_STATUS_FULL;
    }
    if (padding) { /* seen by the consumer only with the commit, so that an abort leaves no trace */
        write_header(channel, written, (uint32_t)(padding - sizeof(record_header)), 1);
        written += padding;
    }
    channel->is_loaned = true;
    *out_loan = (hone_loan){(uint8_t *)header_at(channel, written) + sizeof(record_header),
                            size_bytes, written};
    return HONE_OK;
}

hone_status hone_channel_shrink(hone_channel *channel, hone_loan *loan, size_t size_bytes) {
    if (!channel->is_loaned || size_bytes > loan->size_bytes) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    loan->size_bytes = size_bytes;
    return HONE_OK;
}

void hone_channel_commit(hone_channel *channel, const hone_loan *loan) {
    assert(channel->is_loaned);
    write_header(channel, loan->position, (uint32_t)loan->size_bytes, 0);
    channel->is_loaned = false;
    count(&channel->sent_count, 1);
    count(&channel->sent_bytes, loan->size_bytes);
    /* release: pairs with the consumer's acquire of written, which then sees header and payload */
    atomic_store_explicit(&channel->written, loan->position + record_bytes(loan->size_bytes),
                          memory_order_release);
}

void hone_channel_abort(hone_channel *channel, const hone_loan *loan) {
    assert(channel->is_loaned);
    (void)loan;
    channel->is_loaned = false;
}

/* --- taking, by the consumer or (evicting) by the producer --- */

/* Moves `read` past one record at `position`. Without eviction nobody else moves it. */
static bool claim(hone_channel *channel, uint64_t position, uint64_t bytes) {
    if (!channel->is_evicting) {
        atomic_store_explicit(&channel->read, position + bytes, memory_order_relaxed);
        return true;
    }
    return atomic_compare_exchange_strong_explicit(&channel->read, &position, position + bytes,
                                                   memory_order_seq_cst, memory_order_seq_cst);
}

/* One attempt at the record at `position`: true when it was claimed and is a message, not padding.
 */
static bool claim_message(hone_channel *channel, uint64_t position, hone_message *out_message) {
    record_header *header = header_at(channel, position);
    uint32_t size_bytes = atomic_load_explicit(&header->size_bytes, memory_order_relaxed);
    uint32_t is_padding = atomic_load_explicit(&header->is_padding, memory_order_relaxed);
    if (!claim(channel, position, record_bytes(size_bytes)) || is_padding) {
        return false;
    }
    *out_message = (hone_message){header + 1, size_bytes, position};
    return true;
}

hone_status hone_channel_evict(hone_channel *channel, hone_message *out_message) {
    if (!channel->is_evicting) {
        return HONE_STATUS_UNSUPPORTED;
    }
    uint64_t written = atomic_load_explicit(&channel->written, memory_order_relaxed);
    for (;;) {
        uint64_t position = atomic_load_explicit(&channel->read, memory_order_seq_cst);
        if (position >= written) {
            return HONE_STATUS_EMPTY;
        }
        if (claim_message(channel, position, out_message)) {
            count(&channel->evicted_count, 1);
            return HONE_OK;
        }
    }
}

/* Nothing to take at `position`: EMPTY; CLOSED when nothing can come any more; OK when, after all,
 * there is something. */
static hone_status nothing(hone_channel *channel, uint64_t position) {
    if (!atomic_load_explicit(&channel->is_closed, memory_order_acquire)) {
        count(&channel->empty_count, 1);
        return HONE_STATUS_EMPTY;
    }
    /* what was committed before the close is visible now: look once more */
    channel->written_copy = atomic_load_explicit(&channel->written, memory_order_acquire);
    return position < channel->written_copy ? HONE_OK : HONE_STATUS_CLOSED;
}

/* Evicting: keeps the record at `position` from being overwritten, unless an older one is held
 * already. */
static bool announce(hone_channel *channel, uint64_t position, bool is_holding) {
    if (!channel->is_evicting || is_holding) {
        return true;
    }
    atomic_store_explicit(&channel->held, position,
                          memory_order_seq_cst); /* before the claim: see the file's head */
    return atomic_load_explicit(&channel->read, memory_order_seq_cst) == position;
}

hone_status hone_channel_take(hone_channel *channel, hone_message *out_message) {
    bool is_holding = channel->is_evicting &&
                      atomic_load_explicit(&channel->held, memory_order_relaxed) != NOTHING_HELD;
    for (;;) {
        uint64_t position = atomic_load_explicit(
            &channel->read, channel->is_evicting ? memory_order_seq_cst : memory_order_relaxed);
        if (position >= channel->written_copy) {
            channel->written_copy =
                atomic_load_explicit(&channel->written, memory_order_acquire); /* of commit */
        }
        if (position >= channel->written_copy) {
            hone_status status = nothing(channel, position);
            if (status == HONE_OK) {
                continue;
            }
            if (channel->is_evicting && !is_holding) {
                atomic_store_explicit(&channel->held, NOTHING_HELD, memory_order_release);
            }
            return status;
        }
        if (!announce(channel, position, is_holding) ||
            !claim_message(channel, position, out_message)) {
            continue; /* evicted under our hands, or padding */
        }
        channel->taken_end = position + record_bytes(out_message->size_bytes);
        count(&channel->taken_count, 1);
        count(&channel->taken_bytes, out_message->size_bytes);
        return HONE_OK;
    }
}

void hone_channel_release(hone_channel *channel, const hone_message *message) {
    uint64_t end = message->position + record_bytes(message->size_bytes);
    if (channel->is_evicting && end == channel->taken_end) {
        end = NOTHING_HELD; /* the producer may have moved `read` far beyond: nothing of ours is
                               left in between */
    }
    /* release: pairs with freed_position, so that the producer overwrites only what we have read to
     * the end */
    atomic_store_explicit(&channel->held, end, memory_order_release);
}

void hone_channel_close(hone_channel *channel) {
    atomic_store_explicit(&channel->is_closed, 1,
                          memory_order_release); /* pairs with loan and nothing() */
}

bool hone_channel_is_closed(const hone_channel *channel) {
    return atomic_load_explicit(&channel->is_closed, memory_order_acquire);
}

bool hone_channel_is_empty(const hone_channel *channel) {
    uint64_t read = atomic_load_explicit(&channel->read, memory_order_seq_cst);
    return read >= atomic_load_explicit(&channel->written, memory_order_seq_cst);
}

void hone_channel_stats_read(const hone_channel *channel, hone_channel_stats *out_stats) {
    *out_stats = (hone_channel_stats){
        .sent_count = atomic_load_explicit(&channel->sent_count, memory_order_relaxed),
        .sent_bytes = atomic_load_explicit(&channel->sent_bytes, memory_order_relaxed),
        .taken_count = atomic_load_explicit(&channel->taken_count, memory_order_relaxed),
        .taken_bytes = atomic_load_explicit(&channel->taken_bytes, memory_order_relaxed),
        .evicted_count = atomic_load_explicit(&channel->evicted_count, memory_order_relaxed),
        .full_count = atomic_load_explicit(&channel->full_count, memory_order_relaxed),
        .empty_count = atomic_load_explicit(&channel->empty_count, memory_order_relaxed),
    };
}
