/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding and decoding of frames. Strict: every bit that means nothing has to be 0, so that it can
 * mean something in a version to come. */
#include "frame_internal.h"

#include <string.h>

#define HELLO_MAGIC UINT64_C(0x6b6e696c656e6f68) /* "honelink" */

enum { MAGIC = 0xA, CODEC_MASK = 3, FILTER_SHIFT = 2, KNOWN_FLAGS = 15 };

static void put(uint8_t *bytes, uint64_t value, int count) {
    for (int i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

void hn_frame_encode(const hn_frame *frame, uint8_t out_bytes[HN_FRAME_BYTES]) {
    out_bytes[0] = MAGIC << 4 | HN_WIRE_VERSION;
    out_bytes[1] = (uint8_t)frame->kind;
    out_bytes[2] = (uint8_t)((unsigned)frame->codec | (unsigned)frame->filter << FILTER_SHIFT);
    out_bytes[3] = frame->element_size;
    put(out_bytes + 4, frame->type, 4);
    put(out_bytes + 8, frame->size, 4);
    put(out_bytes + 12, frame->raw_size, 4);
    put(out_bytes + 16, frame->sequence, 8);
}

static hone_status check_data(const hn_frame *frame, const hn_wire_limits *limits,
                              hone_diag *diag) {
    if (frame->sequence == 0) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "a message without a number");
    }
    if (frame->raw_size > limits->message_max) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "a message of %u bytes, where at most %u were agreed on",
                             frame->raw_size, limits->message_max);
    }
    bool is_plain = frame->codec == HONE_CODEC_NONE;
    if (is_plain ? frame->size != frame->raw_size || frame->filter != HONE_FILTER_NONE
                 : frame->size == 0 || frame->size >= frame->raw_size) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "a message of %u bytes cannot have %u bytes %s", frame->raw_size,
                             frame->size, is_plain ? "as it is" : "packed");
    }
    if ((limits->codecs_mask >> frame->codec & 1u) == 0 || frame->filter >= HONE_FILTER_COUNT ||
        (frame->filter == HONE_FILTER_NONE) != (frame->element_size == 0)) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "a message in codec %u, filter %u, elements of %u bytes, which was "
                             "not agreed on",
                             (unsigned)frame->codec, (unsigned)frame->filter, frame->element_size);
    }
    return HONE_OK;
}

/* What each of the other kinds may say. */
static bool is_control_valid(const hn_frame *frame) {
    bool is_bare = frame->codec == HONE_CODEC_NONE && frame->filter == HONE_FILTER_NONE &&
                   frame->element_size == 0;
    switch (frame->kind) {
    case HN_FRAME_HELLO:
        return is_bare && frame->type == 0 && frame->size == HN_HELLO_BYTES &&
               frame->raw_size == 0 && frame->sequence == 0;
    case HN_FRAME_ACK: return is_bare && frame->type == 0 && frame->size == 0;
    case HN_FRAME_CLOSE:
        return is_bare && frame->type == 0 && frame->size == 0 && frame->raw_size == 0 &&
               frame->sequence != 0;
    case HN_FRAME_REFUSE:
        return is_bare && frame->type != 0 && frame->size <= HN_REFUSE_BYTES_MAX &&
               frame->raw_size == 0 && frame->sequence == 0;
    default: return false;
    }
}

hone_status hn_frame_decode(const uint8_t bytes[HN_FRAME_BYTES], const hn_wire_limits *limits,
                            hone_diag *diag, hn_frame *out_frame) {
    if (bytes[0] >> 4 != MAGIC) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the other side does not speak the language of links: it says 0x%02x "
                             "where a frame has to begin",
                             bytes[0]);
    }
    if ((bytes[0] & 15) != HN_WIRE_VERSION) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "the other side has version %d of the protocol, this one version %d; "
                             "bring both to the same release",
                             bytes[0] & 15, HN_WIRE_VERSION);
    }
    const hn_frame frame = {
        .kind = (hn_frame_kind)bytes[1],
        .codec = (hone_codec)(bytes[2] & CODEC_MASK),
        .filter = (hone_filter)(bytes[2] >> FILTER_SHIFT & 3),
        .element_size = bytes[3],
        .type = (uint32_t)get(bytes + 4, 4),
        .size = (uint32_t)get(bytes + 8, 4),
        .raw_size = (uint32_t)get(bytes + 12, 4),
        .sequence = get(bytes + 16, 8),
    };
    hone_status status = HONE_OK;
    if ((bytes[2] & ~KNOWN_FLAGS) != 0) {
        status =
            hone_diag_set(diag, HONE_STATUS_CORRUPT, "a frame with unknown flags 0x%02x", bytes[2]);
    } else if (frame.kind == HN_FRAME_DATA) {
        status = check_data(&frame, limits, diag);
    } else if (!is_control_valid(&frame)) {
        status = hone_diag_set(diag, HONE_STATUS_CORRUPT,
                               "a frame of kind %u with fields that it cannot have",
                               (unsigned)frame.kind);
    }
    if (status == HONE_OK) {
        *out_frame = frame;
    }
    return status;
}

void hn_hello_encode(const hn_hello *hello, uint8_t out_bytes[HN_HELLO_BYTES]) {
    memset(out_bytes, 0, HN_HELLO_BYTES);
    put(out_bytes, HELLO_MAGIC, 8);
    put(out_bytes + 8, hello->codecs_mask, 4);
    put(out_bytes + 12, hello->message_max, 4);
    put(out_bytes + 16, hello->credit_units, 4);
    put(out_bytes + 24, hello->token, 8);
    put(out_bytes + 32, hello->first_sequence, 8);
    put(out_bytes + 40, hello->peer_token, 8);
    put(out_bytes + 48, hello->peer_sequence, 8);
}

hone_status hn_hello_decode(const uint8_t bytes[HN_HELLO_BYTES], hone_diag *diag,
                            hn_hello *out_hello) {
    const hn_hello hello = {
        .codecs_mask = (uint32_t)get(bytes + 8, 4),
        .message_max = (uint32_t)get(bytes + 12, 4),
        .credit_units = (uint32_t)get(bytes + 16, 4),
        .token = get(bytes + 24, 8),
        .first_sequence = get(bytes + 32, 8),
        .peer_token = get(bytes + 40, 8),
        .peer_sequence = get(bytes + 48, 8),
    };
    bool is_valid = get(bytes, 8) == HELLO_MAGIC && get(bytes + 20, 4) == 0 &&
                    get(bytes + 56, 8) == 0 && hello.token != 0 && hello.first_sequence != 0 &&
                    hello.message_max <= HONE_COMPRESSION_MESSAGE_MAX &&
                    (hello.peer_token != 0 || hello.peer_sequence == 0);
    if (!is_valid) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the other side's greeting is not one of a link");
    }
    *out_hello = hello;
    return HONE_OK;
}
