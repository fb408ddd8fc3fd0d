/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a link share: life and greeting (link.c), one side that sends (link_send.c),
 * one that receives (link_receive.c). */
#ifndef HONE_CHANNEL_LINK_INTERNAL_H
#define HONE_CHANNEL_LINK_INTERNAL_H

#include <sys/uio.h>

#include "hone/channel/link.h"
#include "ring_internal.h"
#include "frame_internal.h"

enum {
    HN_BATCH_BYTES_MAX = 64 << 10,
    HN_IN_BYTES = 64 << 10,   /* read ahead; holds any frame but a message's */
    HN_FLIGHTS_MAX = 4096,    /* a power of two */
    HN_PARTS_MAX = 64,        /* of one vectored write */
    HN_COPY_BYTES_MAX = 1024, /* smaller payloads are copied behind their headers */
    HN_ROUNDS_MAX = 16,       /* reads or writes in one run */
    HN_ACK_UNITS_MAX = 1024,  /* acknowledged at once, whatever the window */
    HN_WINDOW_BYTES_DEFAULT = 1 << 20,
};

/* So long may an acknowledgement wait for more to acknowledge. */
#define HN_ACK_DELAY_NS UINT64_C(500000)

typedef enum hn_link_phase {
    HN_LINK_DETACHED,
    HN_LINK_GREETING, /* nothing but the other side's HELLO is understood */
    HN_LINK_OPEN,
} hn_link_phase;

/* A message on its way, at its sequence modulo HN_FLIGHTS_MAX. */
typedef struct hn_flight {
    hone_message message;
    bool is_end; /* no message: the end of the stream */
    uint32_t wire_bytes;
} hn_flight;

/* Headers and small payloads lie in `staging`, great payloads where they are. */
typedef struct hn_batch {
    uint8_t *staging;
    size_t staging_size, used_size;
    struct iovec parts[HN_PARTS_MAX];
    uint32_t parts_begin, parts_end; /* written, added */
    size_t bytes;
    uint64_t since_ns;
    bool is_sealed; /* is being written: nothing is added */
} hn_batch;

/* acked <= sent <= taken: sent ones are in a batch or beyond; those between it and taken come again
 * after a connection has ended. */
typedef struct hn_outgoing {
    hn_flight *flights;
    uint64_t acked, sent, taken, highest_sent;
    uint64_t credit_units, used_units;
    uint32_t peer_message_max;
    hone_codec codec;
    bool is_end_taken, is_packing;
    uint64_t wire_since_ns;
    hn_batch batch;
} hn_outgoing;

typedef struct hn_incoming {
    uint64_t stream_token; /* of the other side's; 0: none so far */
    uint64_t last, acked;  /* committed; and what the other side was told */
    uint64_t unacked_units, ack_units, ack_since_ns;
    uint32_t window_units;
    uint8_t *packed; /* a message before it is unpacked */
    hone_loan loan;
    bool has_loan;
    uint32_t filled_size; /* of the frame's payload */
} hn_incoming;

struct hone_link {
    hone_link_options options;
    const hone_allocator *allocator;
    hone_compression *compression;
    hn_wire_limits limits;
    int fd;
    hn_link_phase phase;
    uint64_t now_ns;
    bool is_ended;        /* everything has arrived */
    bool is_write_broken; /* there may be something to read yet: why */
    bool is_refused;      /* the other side said why; it needs no answer */
    bool is_awaiting_channel;
    bool is_unfinished; /* run again at once */
    uint8_t *in;
    uint32_t in_begin, in_end;
    hn_frame frame;
    bool has_frame;
    uint8_t control[HN_FRAME_BYTES + HN_REFUSE_BYTES_MAX];
    uint32_t control_begin, control_end;
    hn_outgoing out;
    hn_incoming inc;
    hone_link_stats stats;
};

/* --- link_send.c --- */

HONE_MUST_USE hone_status hn_outgoing_init(hone_link *link);
void hn_outgoing_deinit(hone_link *link);
void hn_outgoing_cut(hone_link *link);
void hn_outgoing_greet(const hone_link *link, hn_hello *hello);
HONE_MUST_USE hone_status hn_outgoing_greeted(hone_link *link, const hn_hello *hello,
                                              hone_diag *diag);
HONE_MUST_USE hone_status hn_outgoing_acknowledged(hone_link *link, hone_diag *diag);
HONE_MUST_USE hone_status hn_outgoing_run(hone_link *link, hone_diag *diag);
uint64_t hn_outgoing_deadline(const hone_link *link);

/* --- link_receive.c --- */

HONE_MUST_USE hone_status hn_incoming_init(hone_link *link, hone_diag *diag);
void hn_incoming_deinit(hone_link *link);
void hn_incoming_cut(hone_link *link);
void hn_incoming_greet(const hone_link *link, hn_hello *hello);
HONE_MUST_USE hone_status hn_incoming_greeted(hone_link *link, const hn_hello *hello,
                                              hone_diag *diag);
/* Goes on with a message or the end; *out_is_done when it is complete. */
HONE_MUST_USE hone_status hn_incoming_handle(hone_link *link, hone_diag *diag, bool *out_is_done);
/* Where the rest of the message is to be read to; NULL: nowhere in particular. */
void *hn_incoming_target(hone_link *link, size_t *out_size);
/* Queues an acknowledgement when one is due. */
void hn_incoming_acknowledge(hone_link *link);
uint64_t hn_incoming_deadline(const hone_link *link);

#endif
