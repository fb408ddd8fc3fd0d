/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel carries messages of varying size from senders to receivers without copying them: a
 * sender builds a message in the channel's own memory (loan, commit), a receiver reads it there
 * (take, release). The memory is this process' own, or shared with others (ipc.h); the calls and
 * the format are the same.
 *
 * Contract
 *   Threads    channel: shared. A sender or a receiver: confined, one thread at a time; who uses it
 *              may change where that is synchronised from outside. Each thread opens its own.
 *   Ownership  a loan's memory is the sender's until commit or abort; a message's memory is the
 *              receiver's until it is released. Both point into the channel, at multiples of 64
 *              bytes.
 *   Order      the messages of one sender arrive in the order they were loaned. Where receivers
 *              compete each message goes to one of them; in a broadcast each gets every message
 *              that was loaned after it joined.
 *   Answers    FULL, EMPTY, NOT_CONNECTED, PEER_DEAD, CLOSED, TIMEOUT and LOST are not errors but
 *              states, and different ones.
 *   Limits     capacity 256 bytes to 1 GiB; a message takes its size rounded up to 64 and at most
 *              half the capacity; 63 senders and receivers. Nothing is allocated after creation
 *              but by opening senders and receivers.
 *   Cost       some nanoseconds a message; no lock; nobody enters the kernel unless somebody
 *              sleeps.
 *
 * Sources: docs/sources.md; how it works: ring_internal.h, docs/channel.md.
 */
#ifndef HONE_CHANNEL_CHANNEL_H
#define HONE_CHANNEL_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/allocator.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

typedef struct hone_channel hone_channel;
typedef struct hone_sender hone_sender;
typedef struct hone_receiver hone_receiver;

/* How many may send and receive at a time. The fewer are allowed, the less a message costs. */
typedef enum hone_channel_mode {
    HONE_CHANNEL_SPSC, /* one sender, one receiver */
    HONE_CHANNEL_MPSC, /* many senders, one receiver */
    HONE_CHANNEL_SPMC, /* one sender, receivers that compete: each message goes to one of them */
    HONE_CHANNEL_MPMC,
    HONE_CHANNEL_BROADCAST, /* many senders; each receiver gets every message */
    HONE_CHANNEL_MODES_COUNT
} hone_channel_mode;

/* What a full channel does; receivers that compete allow WAIT only. */
typedef enum hone_channel_on_full {
    HONE_CHANNEL_ON_FULL_WAIT,        /* a loan answers FULL, or waits when told to */
    HONE_CHANNEL_ON_FULL_DROP_OLDEST, /* receivers lose what they have not taken yet, and are told:
                                         LOST */
    HONE_CHANNEL_ON_FULL_EVICT,       /* the sender may take the oldest back (SPSC only) */
    HONE_CHANNEL_ON_FULL_COUNT
} hone_channel_on_full;

typedef struct hone_channel_options {
    hone_channel_mode mode;
    hone_channel_on_full on_full;
    size_t capacity_bytes;           /* rounded up to a power of two; 0: 64 KiB */
    uint32_t participants_max;       /* senders and receivers together; 0: 16 */
    const hone_allocator *allocator; /* NULL: libc */
    /* Below: for channels that processes share, see uri.h. */
    const char *type;   /* what the messages are, up to 255 bytes; NULL: anything */
    const char *folder; /* where the name lies; NULL: the user's runtime folder */
    uint32_t rights;    /* of the name's file, which decide who may connect; 0: 0600 */
} hone_channel_options;

/* Memory for one message that is being built. */
typedef struct hone_loan {
    void *data;
    size_t size_bytes;
    uint32_t type; /* a number of the sender's own that travels along; 0 at first */
    uint32_t capacity_units;
    uint64_t position; /* the channel's */
} hone_loan;

/* One message that is being read. */
typedef struct hone_message {
    const void *data;
    size_t size_bytes;
    uint32_t type;
    uint32_t capacity_units;
    uint64_t position;   /* the channel's: what has to be given back */
    uint64_t lost_count; /* with LOST: how many messages were dropped; nothing else is set */
} hone_message;

/* What each sender and receiver counts; in shared memory others can read it, too. */
typedef enum hone_channel_counter {
    HONE_CHANNEL_MESSAGES, /* committed or taken */
    HONE_CHANNEL_BYTES,
    HONE_CHANNEL_BLOCKED, /* loans that found it full, takes that found it empty */
    HONE_CHANNEL_SLEEPS,  /* waits that went to the kernel */
    HONE_CHANNEL_DROPPED, /* sender: evicted or dropped; receiver: lost */
    HONE_CHANNEL_ABORTED, /* sender: loans given back */
    HONE_CHANNEL_COUNTERS_COUNT
} hone_channel_counter;

typedef struct hone_channel_stats {
    uint64_t sent_count, sent_bytes; /* of the senders that are open now, and of those that left */
    uint64_t taken_count, taken_bytes;
    uint64_t dropped_count;
    uint64_t full_count, empty_count;
    uint64_t lost_uncommitted_count; /* loans of processes that died before the commit */
    uint64_t reclaimed_count;        /* messages that a process took and died before the release */
    uint32_t senders_count, receivers_count;
} hone_channel_stats;

/* A channel in this process' memory. NULL options: all defaults. INVALID_ARGUMENT, UNSUPPORTED (a
 * mode that cannot drop), OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_channel_create(const hone_channel_options *options, hone_diag *diag,
                                              hone_channel **out_channel);

/* Frees it, after all its senders and receivers were closed. NULL is allowed. */
void hone_channel_destroy(hone_channel *channel);

/* LIMIT when the mode allows no more of them, or all places are taken; OUT_OF_MEMORY. A receiver of
 * a broadcast gets what is loaned from now on; any other begins with the oldest message. */
HONE_MUST_USE hone_status hone_channel_open_sender(hone_channel *channel, hone_diag *diag,
                                                   hone_sender **out_sender);
HONE_MUST_USE hone_status hone_channel_open_receiver(hone_channel *channel, hone_diag *diag,
                                                     hone_receiver **out_receiver);

/* Leaves the channel; loans that are still out are aborted by the one who holds them before, and
 * messages that were taken count as released. What was sent stays. NULL is allowed. */
void hone_sender_destroy(hone_sender *sender);
void hone_receiver_destroy(hone_receiver *receiver);

/* --- Sender --- */

/* Room for a message of up to `size_bytes` (0 is allowed). More than one loan may be out; receivers
 * get them in the order of the loans. FULL; NOT_CONNECTED (full and nobody receives; a broadcast:
 * nobody receives); PEER_DEAD (the same, and the last one that did died); CLOSED; LIMIT when a
 * message of that size can never fit. */
HONE_MUST_USE hone_status hone_channel_loan(hone_sender *sender, size_t size_bytes,
                                            hone_loan *out_loan);

/* The same, and waits until there is room, at most `timeout_ns` (UINT64_MAX: for ever). TIMEOUT. */
HONE_MUST_USE hone_status hone_channel_loan_wait(hone_sender *sender, size_t size_bytes,
                                                 uint64_t timeout_ns, hone_loan *out_loan);

/* Makes the loan smaller, or larger within the units of 64 bytes that it has. LIMIT. */
HONE_MUST_USE hone_status hone_channel_resize(hone_loan *loan, size_t size_bytes);

/* Sends it: it is the receiver's from now on, and the loan must not be used again. */
void hone_channel_commit(hone_sender *sender, const hone_loan *loan);

/* Gives it back unsent. */
void hone_channel_abort(hone_sender *sender, const hone_loan *loan);

/* Loan, copy, commit. The statuses of hone_channel_loan. */
HONE_MUST_USE hone_status hone_channel_send(hone_sender *sender, hone_span payload);

/* The same for many, until one does not fit: *out_sent_count were sent, in every case. */
HONE_MUST_USE hone_status hone_channel_send_batch(hone_sender *sender, const hone_span *payloads,
                                                  uint32_t payloads_count,
                                                  uint32_t *out_sent_count);

/* Takes the oldest message that the receiver has not taken back out of the channel; it stays
 * readable until the next loan. EMPTY; UNSUPPORTED unless the channel is EVICT. */
HONE_MUST_USE hone_status hone_channel_evict(hone_sender *sender, hone_message *out_message);

/* Ends the stream: from now on every loan on the channel answers CLOSED, and receivers get CLOSED
 * after everything that was loaned before. Loans that are out can still be committed. */
void hone_channel_close(hone_sender *sender);

/* --- Receiver --- */

/* The next message. EMPTY; NOT_CONNECTED (empty, and nobody sends) or PEER_DEAD (the same, and the
 * last sender died); CLOSED when the channel is closed and everything was taken; LOST: messages
 * were dropped, out_message->lost_count of them, and the next call goes on. */
HONE_MUST_USE hone_status hone_channel_take(hone_receiver *receiver, hone_message *out_message);

/* The same, and waits for one, at most `timeout_ns` (UINT64_MAX: for ever): TIMEOUT. It also waits
 * while nobody has connected yet. First it spins for a time that is adapted to what waiting brought
 * so far (not at all on one CPU), then it sleeps. */
HONE_MUST_USE hone_status hone_channel_take_wait(hone_receiver *receiver, uint64_t timeout_ns,
                                                 hone_message *out_message);

/* Up to messages_max at once: at least one, or the status of hone_channel_take. */
HONE_MUST_USE hone_status hone_channel_take_batch(hone_receiver *receiver,
                                                  hone_message *out_messages, uint32_t messages_max,
                                                  uint32_t *out_count);

/* Gives a message back. Where receivers compete: this one, in any order. Else this one and all that
 * were taken before it. */
void hone_channel_release(hone_receiver *receiver, const hone_message *message);

/* Releases the message and sends what it held to the next channel, with one copy: both happen, or
 * (FULL and the other statuses of hone_channel_loan) neither. */
HONE_MUST_USE hone_status hone_channel_forward(hone_receiver *receiver, const hone_message *message,
                                               hone_sender *sender);

/* --- Anybody --- */

/* Asks the senders to end: each gets CLOSED at its next loan. What was sent can still be taken; the
 * stream ends with CLOSED where many may send, and with the sender's own next call where one may.
 */
void hone_channel_stop(hone_channel *channel);
bool hone_channel_is_stopped(const hone_channel *channel);

/* True when there is nothing to take now; a guess for whoever is not the receiver. */
bool hone_receiver_is_empty(const hone_receiver *receiver);

/* Figures; each is exact at some recent moment. */
void hone_channel_stats_read(const hone_channel *channel, hone_channel_stats *out_stats);

#endif
