/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link joins a channel to one on another machine: over a stream (TCP, or a local socket) the
 * messages that one link takes from a receiver here are loaned and committed by the other link's
 * sender there. Use one link for each direction.
 *
 * A link has no thread. Its owner gives it a connected stream and calls hone_link_run() whenever
 * that stream, the local channel or a deadline asks for it; run never blocks. When a connection
 * ends the owner makes another and attaches it: the stream of messages goes on where it stood.
 *
 * Contract
 *   Threads    confined, together with the receiver or sender that it has.
 *   Ownership  receiver, sender and descriptor stay the caller's, and out of other use while the
 *              link has them. A message stays in the local channel until the other side has it in
 *              its own, and is released then.
 *   Delivery   in order, each message once, over any number of connections, as long as both links
 *              live. Where the receiving one is replaced, its successor gets what was not
 *              acknowledged; where the sending one is, what was acknowledged by nobody may come
 *              twice or be gone with its channel.
 *   Pressure   at most the window that the receiving side grants is on the way; a channel that is
 *              full there fills this one, and its senders get FULL.
 *   Trust      nothing that comes from the other side is trusted; what cannot be right ends the
 *              connection. There is neither encryption nor authentication.
 *   Limits     4096 messages on the way; all memory is allocated at creation.
 *
 * How it looks on the wire: frame_internal.h.
 */
#ifndef HONE_CHANNEL_LINK_H
#define HONE_CHANNEL_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/channel/channel.h"
#include "hone/channel/compression.h"

typedef struct hone_link hone_link;

typedef struct hone_link_options {
    /* One of both: what goes out comes from `outgoing`, what comes in goes to `incoming`. */
    hone_receiver *outgoing;
    hone_sender *incoming;
    uint64_t token; /* names this end; random, never 0 and never used again */

    /* incoming */
    uint32_t message_max_bytes; /* refuses greater ones; 0: half of the channel, 1 GiB at most */
    uint32_t window_bytes;      /* may be on the way; 0: 1 MiB, and at least one message */

    /* outgoing */
    uint32_t batch_bytes;  /* one write takes messages up to this sum; 0: 64 KiB, the maximum */
    uint64_t max_delay_ns; /* waits so long for a batch to fill; 0: sends what is there */

    /* Outgoing: what is packed, where the other side can unpack it. Incoming: that packed messages
     * are accepted, in any codec of this build. NULL: neither. message_max_bytes is the link's. */
    const hone_compression_options *compression;
    const hone_allocator *allocator; /* NULL: libc */
} hone_link_options;

/* When to call hone_link_run() again: at the first of these. */
typedef struct hone_link_wants {
    bool wants_read, wants_write; /* of the stream */
    bool wants_channel;           /* outgoing: a message to take; incoming: room for one */
    uint64_t deadline_ns;         /* monotonic; UINT64_MAX: none */
} hone_link_wants;

typedef struct hone_link_stats {
    uint64_t messages_count;    /* acknowledged, or committed here */
    uint64_t on_the_way_count;  /* outgoing: taken, not acknowledged */
    uint64_t sent_again_count;  /* outgoing: after a connection had ended */
    uint64_t duplicates_count;  /* incoming: came twice, dropped */
    uint64_t lost_count;        /* outgoing: dropped by the local channel (LOST) */
    uint64_t connections_count; /* greeted */
    uint64_t writes_count, written_bytes, read_bytes;
} hone_link_stats;

/* INVALID_ARGUMENT (what, in the diag), ABSENT (the codec), OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_link_create(const hone_link_options *options, hone_diag *diag,
                                           hone_link **out_link);

/* Messages that were not acknowledged stay taken: they go when the receiver is destroyed. NULL is
 * allowed. */
void hone_link_destroy(hone_link *link);

/* Begins a connection over a stream that is connected, after ending the one before. The descriptor
 * is used until a run returns anything but HONE_OK, or hone_link_detach. INVALID_ARGUMENT, IO (the
 * descriptor is no open stream). */
HONE_MUST_USE hone_status hone_link_attach(hone_link *link, int fd);

/* Ends the connection, not the stream of messages. */
void hone_link_detach(hone_link *link);

/*
 * Does what can be done now, a bounded amount. HONE_OK: go on, when *out_wants says. Anything else
 * has ended the connection, with a diag:
 *   CLOSED         the channel was closed, and everything before that has arrived. Incoming: keep
 *                  the link until the other side knows, too; it may connect once more to ask.
 *   BROKEN_PIPE    it was cut; IO: for another reason; attach another
 *   NOT_CONNECTED  there is none
 *   UNSUPPORTED    another version (both are named), or both sides want the same direction
 *   CORRUPT        what came is not what a link says
 *   LIMIT          a message is greater than the other side takes
 *   REFUSED        the other side ended it, for the reason in the diag; or the channel here was
 *                  closed or stopped
 */
HONE_MUST_USE hone_status hone_link_run(hone_link *link, uint64_t now_ns, hone_diag *diag,
                                        hone_link_wants *out_wants);

void hone_link_stats_read(const hone_link *link, hone_link_stats *out_stats);

#endif
