/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What links say to each other: frames, all numbers little-endian.
 *
 *   0  magic (4 bits, 0xA) and version (4 bits)
 *   1  kind
 *   2  codec (bits 0-1) and filter (bits 2-3) of the payload; the rest 0
 *   3  element size of the filter
 *   4  u32 type       DATA: the message's; REFUSE: a hone_status
 *   8  u32 size       of the payload that follows
 *  12  u32 raw size   DATA: of the message; ACK: credits, units of 64 bytes that may be on the way
 *  16  u64 sequence   DATA: from 1, in each direction; ACK: all up to it arrived; CLOSE: its own
 *
 * The first frame of each side is HELLO; it says what the side accepts, and where it stands.
 * The first byte and the version's place in it are the same in all versions to come.
 */
#ifndef HONE_CHANNEL_FRAME_INTERNAL_H
#define HONE_CHANNEL_FRAME_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/status.h"
#include "hone/channel/compression.h"

enum {
    HN_WIRE_VERSION = 1,
    HN_FRAME_BYTES = 24,
    HN_HELLO_BYTES = 64,
    HN_REFUSE_BYTES_MAX = 256,
};

typedef enum hn_frame_kind {
    HN_FRAME_HELLO = 1,
    HN_FRAME_DATA = 2,
    HN_FRAME_ACK = 3,
    HN_FRAME_CLOSE = 4,  /* nothing follows what was sent before; numbered like a message */
    HN_FRAME_REFUSE = 5, /* why the connection ends: the payload is text */
} hn_frame_kind;

typedef struct hn_frame {
    hn_frame_kind kind;
    hone_codec codec;
    hone_filter filter;
    uint8_t element_size;
    uint32_t type, size, raw_size;
    uint64_t sequence;
} hn_frame;

/* What this side accepts, as it said in its HELLO. */
typedef struct hn_wire_limits {
    uint32_t message_max; /* bytes; 0: takes no messages */
    uint32_t codecs_mask; /* a bit for each hone_codec */
} hn_wire_limits;

typedef struct hn_hello {
    uint32_t codecs_mask;
    uint32_t message_max;
    uint32_t credit_units;
    uint64_t token;          /* of the stream this side sends; never 0 */
    uint64_t first_sequence; /* of the stream: the oldest message that is not acknowledged */
    uint64_t peer_token;     /* of the stream this side had before from the other; 0: none */
    uint64_t peer_sequence;  /* and the last of it that arrived */
} hn_hello;

void hn_frame_encode(const hn_frame *frame, uint8_t out_bytes[HN_FRAME_BYTES]);

/* UNSUPPORTED for another version (both are named); CORRUPT for what is no frame; LIMIT for a
 * message beyond the limits. Whatever comes out of it can be relied upon: sizes are within the
 * limits, and what is to be unpacked is smaller than what it gives. */
HONE_MUST_USE hone_status hn_frame_decode(const uint8_t bytes[HN_FRAME_BYTES],
                                          const hn_wire_limits *limits, hone_diag *diag,
                                          hn_frame *out_frame);

void hn_hello_encode(const hn_hello *hello, uint8_t out_bytes[HN_HELLO_BYTES]);

/* CORRUPT. */
HONE_MUST_USE hone_status hn_hello_decode(const uint8_t bytes[HN_HELLO_BYTES], hone_diag *diag,
                                          hn_hello *out_hello);

#endif
