/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel carries messages of varying size from one producer to one consumer without copying
 * them: the producer builds a message in the channel's own memory (loan, commit), the consumer
 * reads it there (take, release). This is the in-memory channel for stages of one process; it never
 * blocks and never allocates after creation.
 *
 * Contract
 *   Threads    one producer and one consumer at a time, which may be different threads; who plays a
 *              part may change if the change is synchronised from outside (a scheduler's queue does
 *              that). create and destroy: alone.
 *   Ownership  a loan's memory is the producer's until commit or abort; a message's memory is the
 *              consumer's until it is released. Both point into the channel. Payloads are aligned
 *              to 8 bytes, messages lie 64 bytes apart.
 *   Order      first in, first out. Messages are released in the order they were taken.
 *   Answers    FULL, EMPTY and CLOSED are not errors but states; each is its own status.
 *   Limits     capacity 256 bytes to 1 GiB; a message takes its size + 8, rounded up to 64, and at
 *              most half the capacity.
 *   Cost       some nanoseconds a message; the two sides share no cache line except what they must
 *              tell each other.
 *
 * Source: the ring is the classic single-producer single-consumer queue with cached indices
 * (L. Lamport 1977; the cached copies as in B-Queue/FastForward); eviction protects the consumer's
 * message as hazard pointers do (M. Michael 2004).
 */
#ifndef HONE_CHANNEL_CHANNEL_H
#define HONE_CHANNEL_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/allocator.h"
#include "hone/base/status.h"

typedef struct hone_channel hone_channel;

typedef struct hone_channel_options {
    size_t capacity_bytes; /* rounded up to a power of two, at least 256; 0: 64 KiB */
    bool is_evicting;      /* the producer may take the oldest messages back (hone_channel_evict) */
    const hone_allocator *allocator; /* NULL: libc; used by create and destroy only */
} hone_channel_options;

/* Memory for one message that is being built. */
typedef struct hone_loan {
    void *data;
    size_t size_bytes;
    uint64_t position; /* the channel's */
} hone_loan;

/* One message that is being read. */
typedef struct hone_message {
    const void *data;
    size_t size_bytes;
    uint64_t position; /* the channel's: what has to be given back */
} hone_message;

typedef struct hone_channel_stats {
    uint64_t sent_count, sent_bytes;
    uint64_t taken_count, taken_bytes;
    uint64_t evicted_count;
    uint64_t full_count;  /* loans refused because the channel was full */
    uint64_t empty_count; /* takes that found nothing */
} hone_channel_stats;

/* NULL options: all defaults. INVALID_ARGUMENT (capacity), OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_channel_create(const hone_channel_options *options, hone_diag *diag,
                                              hone_channel **out_channel);

/* Frees it; nothing may be on loan or taken. NULL is allowed. */
void hone_channel_destroy(hone_channel *channel);

/* --- Producer --- */

/* Room for a message of up to `size_bytes` (0 is allowed). One loan at a time. FULL; CLOSED; LIMIT
 * when a message of that size can never fit; INVALID_ARGUMENT while another loan is out. */
HONE_MUST_USE hone_status hone_channel_loan(hone_channel *channel, size_t size_bytes,
                                            hone_loan *out_loan);

/* Makes the loan smaller, before it is committed. INVALID_ARGUMENT when it would grow. */
HONE_MUST_USE hone_status hone_channel_shrink(hone_channel *channel, hone_loan *loan,
                                              size_t size_bytes);

/* Sends it: the consumer can take it from now on. */
void hone_channel_commit(hone_channel *channel, const hone_loan *loan);

/* Gives it back unsent. */
void hone_channel_abort(hone_channel *channel, const hone_loan *loan);

/* Takes the oldest message that the consumer has not taken back out of the channel: `out_message`
 * stays readable until the next loan. EMPTY when there is none; UNSUPPORTED unless the channel was
 * created with is_evicting. */
HONE_MUST_USE hone_status hone_channel_evict(hone_channel *channel, hone_message *out_message);

/* --- Consumer --- */

/* The next message. EMPTY, or CLOSED when the channel is closed and everything was taken. */
HONE_MUST_USE hone_status hone_channel_take(hone_channel *channel, hone_message *out_message);

/* Gives back this message and all that were taken before it. */
void hone_channel_release(hone_channel *channel, const hone_message *message);

/* --- Either side --- */

/* From now on nothing can be sent; what was sent can still be taken. May be called twice. */
void hone_channel_close(hone_channel *channel);
bool hone_channel_is_closed(const hone_channel *channel);

/* True when there is nothing to take now; a guess for whoever is not the consumer. */
bool hone_channel_is_empty(const hone_channel *channel);

/* Figures; each is exact at some recent moment. Shared. */
void hone_channel_stats_read(const hone_channel *channel, hone_channel_stats *out_stats);

#endif
