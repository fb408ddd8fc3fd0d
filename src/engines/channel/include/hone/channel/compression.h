/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of messages: a general codec (LZ4, Zstandard, Snappy) behind a filter that turns
 * numbers into byte or bit planes, and a policy that stops where compression does not pay. A
 * connection to another machine packs what it sends with one of these and unpacks what it receives
 * with another; within a machine compression is pure cost, so channels in memory have none.
 *
 * Contract
 *   Threads    confined: one thread at a time packs or unpacks with a compression.
 *   Ownership  the caller's memory throughout; a packed message points into the caller's output, or
 *              to the message itself when that is sent as it is.
 *   Errors     what was packed elsewhere is not trusted: unpack checks every size before it writes
 *              and answers CORRUPT, LIMIT or UNSUPPORTED.
 *   Limits     messages of at most `message_max_bytes`, which sets the memory taken at creation:
 *              once that for a byte shuffle, twice for a bit shuffle, and LZ4's state. Zstandard
 *              and Snappy take theirs by malloc, and with the first messages.
 *   Cost       `./dev bench compression` prints ratio and speed of every codec, filter and kind of
 *              data, and of the adaptive policy on wires of several speeds.
 *
 * Sources: LZ4, Zstandard and Snappy by their libraries; the filters are those of Blosc and HDF5
 * (hone/kernels/shuffle.h).
 */
#ifndef HONE_CHANNEL_COMPRESSION_H
#define HONE_CHANNEL_COMPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/allocator.h"
#include "hone/base/isa_mask.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

/* Numbers are part of the wire format. */
typedef enum hone_codec {
    HONE_CODEC_NONE = 0,
    HONE_CODEC_LZ4 = 1,
    HONE_CODEC_ZSTD = 2,
    HONE_CODEC_SNAPPY = 3,
    HONE_CODEC_COUNT
} hone_codec;

typedef enum hone_filter {
    HONE_FILTER_NONE = 0,
    HONE_FILTER_SHUFFLE = 1,    /* byte planes: for floats and wide integers */
    HONE_FILTER_BITSHUFFLE = 2, /* bit planes: for numbers that vary in few bits */
    HONE_FILTER_COUNT
} hone_filter;

enum { HONE_COMPRESSION_MIN_SIZE_DEFAULT = 128, HONE_COMPRESSION_MESSAGE_MAX = 1 << 30 };

typedef struct hone_compression_options {
    hone_codec codec;
    int level; /* 0: the codec's own default; LZ4 1 (fast) to 12, Zstandard 1 to 19, Snappy 0 */
    hone_filter filter;
    uint8_t element_size;     /* bytes of a number in the messages; needed by a filter */
    bool is_adaptive;         /* packs only where it pays; see hone_compression_note_wire() */
    size_t min_size_bytes;    /* smaller messages go as they are; 0: 128 */
    size_t message_max_bytes; /* 1 to HONE_COMPRESSION_MESSAGE_MAX */
    hone_isa_mask features;   /* what the filters may use: hone_isa_detect(); 0: plain C */
    const hone_allocator *allocator; /* NULL: libc */
} hone_compression_options;

/* A message as it travels: what the other side needs besides the bytes. */
typedef struct hone_packed {
    const void *bytes;
    size_t size_bytes;
    size_t raw_bytes; /* the message's own size */
    hone_codec codec; /* NONE: `bytes` are the message */
    hone_filter filter;
    uint8_t element_size;
} hone_packed;

typedef struct hone_compression_stats {
    uint64_t messages_count, packed_count; /* packed: sent smaller than it was */
    uint64_t raw_bytes, packed_bytes;      /* before and after, of all messages */
    uint64_t samples_count;                /* how often the adaptive policy measured */
} hone_compression_stats;

typedef struct hone_compression hone_compression;

/* True where this build has the codec; NONE always. */
bool hone_codec_is_present(hone_codec codec);

/* "none", "lz4", "zstd", "snappy"; NULL for a number that is none of them. */
const char *hone_codec_name(hone_codec codec);

/* NOT_FOUND when no codec has that name, whether this build has it or not. */
HONE_MUST_USE hone_status hone_codec_parse(hone_text name, hone_codec *out_codec);

/* INVALID_ARGUMENT (what, in the diag), ABSENT (this build lacks the codec's library),
 * OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_compression_create(const hone_compression_options *options,
                                                  hone_diag *diag,
                                                  hone_compression **out_compression);

/* NULL is allowed. */
void hone_compression_destroy(hone_compression *compression);

/* Room that pack needs for a message of the greatest size. */
size_t hone_compression_bound(const hone_compression *compression);

/* Packs a message of `size_bytes` into `out`, hone_compression_bound() bytes, or leaves it as it
 * is: below min_size_bytes, where it would not get smaller, or where the policy says so. LIMIT when
 * it is greater than message_max_bytes; OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_compression_pack(hone_compression *compression, const void *message,
                                                size_t size_bytes, void *out,
                                                hone_packed *out_packed);

/* Writes the message, packed->raw_bytes bytes, to `out`. LIMIT when that is more than
 * message_max_bytes, UNSUPPORTED for a codec that this build does not have, CORRUPT when the bytes
 * are not what their description says, OUT_OF_MEMORY; `out` then holds anything. The codec need not
 * be the one of the options. */
HONE_MUST_USE hone_status hone_compression_unpack(hone_compression *compression,
                                                  const hone_packed *packed, void *out);

/* Tells the adaptive policy that sending `size_bytes` took `duration_ns`. Until the first call the
 * wire counts as infinitely fast, so nothing is packed. */
void hone_compression_note_wire(hone_compression *compression, size_t size_bytes,
                                uint64_t duration_ns);

void hone_compression_stats_read(const hone_compression *compression,
                                 hone_compression_stats *out_stats);

#endif
