/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side that receives. A message is loaned as soon as its header is known, so what is not in the
 * read-ahead yet is read straight into the channel. When that has no room the link stops reading:
 * nothing is acknowledged, the credits of the other side run out, and its channel fills.
 */
#include <string.h>

#include "link_internal.h"

hone_status hn_incoming_init(hone_link *link, hone_diag *diag) {
    hn_incoming *inc = &link->inc;
    uint32_t window = link->options.window_bytes;
    inc->window_units =
        hn_units_of(window > link->limits.message_max ? window : link->limits.message_max);
    if (link->compression) {
        inc->packed = hone_allocate(link->allocator, link->limits.message_max, HN_UNIT_BYTES);
        if (!inc->packed) {
            return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                                 "no memory for messages of %u bytes", link->limits.message_max);
        }
    }
    return HONE_OK;
}

void hn_incoming_deinit(hone_link *link) {
    hone_release(link->allocator, link->inc.packed, link->limits.message_max, HN_UNIT_BYTES);
}

void hn_incoming_cut(hone_link *link) {
    hn_incoming *inc = &link->inc;
    if (inc->has_loan) {
        hone_channel_abort(link->options.incoming, &inc->loan);
        inc->has_loan = false;
    }
    inc->filled_size = 0;
}

void hn_incoming_greet(const hone_link *link, hn_hello *hello) {
    const hn_incoming *inc = &link->inc;
    hello->first_sequence = 1;
    hello->codecs_mask = link->limits.codecs_mask;
    hello->message_max = link->limits.message_max;
    hello->credit_units = inc->window_units;
    hello->peer_token = inc->stream_token;
    hello->peer_sequence = inc->last;
}

hone_status hn_incoming_greeted(hone_link *link, const hn_hello *hello, hone_diag *diag) {
    hn_incoming *inc = &link->inc;
    if (hello->message_max != 0) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "both sides of the link receive; give one of them a channel to send");
    }
    if (hello->token != inc->stream_token) {
        inc->stream_token = hello->token;
        inc->last = hello->first_sequence - 1;
        link->is_ended = false;
    } else if (hello->first_sequence - 1 > inc->last) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the other side goes on at message %llu, but only %llu have arrived",
                             (unsigned long long)hello->first_sequence,
                             (unsigned long long)inc->last);
    }
    /* A quarter of what the other side can hold: it never waits for the delay. */
    uint64_t units =
        hello->credit_units < inc->window_units ? hello->credit_units : inc->window_units;
    inc->ack_units = units / 4 < HN_ACK_UNITS_MAX ? units / 4 : HN_ACK_UNITS_MAX;
    inc->acked = inc->last;
    inc->unacked_units = 0;
    return HONE_OK;
}

/* --- messages --- */

static uint32_t take_bytes(hone_link *link, void *out, uint32_t size) {
    uint32_t there = link->in_end - link->in_begin;
    size = size < there ? size : there;
    if (out && size != 0) {
        memcpy(out, link->in + link->in_begin, size);
    }
    link->in_begin += size;
    return size;
}

static uint8_t *target_of(hn_incoming *inc, const hn_frame *frame) {
    return frame->codec == HONE_CODEC_NONE ? inc->loan.data : inc->packed;
}

void *hn_incoming_target(hone_link *link, size_t *out_size) {
    hn_incoming *inc = &link->inc;
    if (!link->has_frame || !inc->has_loan) {
        return NULL;
    }
    *out_size = link->frame.size - inc->filled_size;
    return target_of(inc, &link->frame) + inc->filled_size;
}

static hone_status complete(hone_link *link, hone_diag *diag) {
    hn_incoming *inc = &link->inc;
    const hn_frame *frame = &link->frame;
    if (frame->codec != HONE_CODEC_NONE) {
        hone_status status =
            hone_compression_unpack(link->compression,
                                    &(hone_packed){.bytes = inc->packed,
                                                   .size_bytes = frame->size,
                                                   .raw_bytes = frame->raw_size,
                                                   .codec = frame->codec,
                                                   .filter = frame->filter,
                                                   .element_size = frame->element_size},
                                    inc->loan.data);
        if (status != HONE_OK) {
            return hone_diag_set(diag, status, "message %llu cannot be unpacked",
                                 (unsigned long long)frame->sequence);
        }
    }
    inc->loan.type = frame->type;
    hone_channel_commit(link->options.incoming, &inc->loan);
    inc->has_loan = false;
    inc->last = frame->sequence;
    if (inc->unacked_units == 0) {
        inc->ack_since_ns = link->now_ns;
    }
    inc->unacked_units += hn_units_of(frame->raw_size);
    link->stats.messages_count++;
    return HONE_OK;
}

/* HONE_OK without a loan: there is no room now. */
static hone_status begin(hone_link *link, hone_diag *diag) {
    hn_incoming *inc = &link->inc;
    hone_status status =
        hone_channel_loan(link->options.incoming, link->frame.raw_size, &inc->loan);
    if (status == HONE_STATUS_CLOSED || status == HONE_STATUS_LIMIT) {
        return hone_diag_set(diag, HONE_STATUS_REFUSED,
                             "the receiving channel takes no more messages: %s",
                             hone_status_text(status));
    }
    inc->has_loan = status == HONE_OK;
    link->is_awaiting_channel = !inc->has_loan;
    return HONE_OK;
}

static hone_status handle_message(hone_link *link, hone_diag *diag, bool *out_is_done) {
    hn_incoming *inc = &link->inc;
    const hn_frame *frame = &link->frame;
    bool is_new = frame->sequence == inc->last + 1;
    if (is_new && !inc->has_loan) {
        hone_status status = begin(link, diag);
        if (status != HONE_OK || !inc->has_loan) {
            return status;
        }
    }
    uint8_t *target = is_new ? target_of(inc, frame) + inc->filled_size : NULL;
    inc->filled_size += take_bytes(link, target, frame->size - inc->filled_size);
    if (inc->filled_size < frame->size) {
        return HONE_OK;
    }
    inc->filled_size = 0;
    *out_is_done = true;
    if (is_new) {
        return complete(link, diag);
    }
    link->stats.duplicates_count++;
    return HONE_OK;
}

hone_status hn_incoming_handle(hone_link *link, hone_diag *diag, bool *out_is_done) {
    hn_incoming *inc = &link->inc;
    uint64_t sequence = link->frame.sequence;
    if (sequence > inc->last + 1 || (link->is_ended && sequence > inc->last)) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "message %llu comes after message %llu%s",
                             (unsigned long long)sequence, (unsigned long long)inc->last,
                             link->is_ended ? ", which was the end" : "");
    }
    if (link->frame.kind == HN_FRAME_DATA) {
        return handle_message(link, diag, out_is_done);
    }
    inc->last = sequence > inc->last ? sequence : inc->last;
    link->is_ended = true;
    *out_is_done = true;
    return HONE_OK;
}

/* --- acknowledgements --- */

void hn_incoming_acknowledge(hone_link *link) {
    hn_incoming *inc = &link->inc;
    bool is_due = inc->unacked_units > inc->ack_units || link->is_ended ||
                  link->now_ns >= inc->ack_since_ns + HN_ACK_DELAY_NS;
    if (link->phase != HN_LINK_OPEN || inc->acked == inc->last || !is_due ||
        link->control_begin != link->control_end) {
        return;
    }
    hn_frame_encode(
        &(hn_frame){.kind = HN_FRAME_ACK, .raw_size = inc->window_units, .sequence = inc->last},
        link->control);
    link->control_begin = 0;
    link->control_end = HN_FRAME_BYTES;
    inc->acked = inc->last;
    inc->unacked_units = 0;
}

uint64_t hn_incoming_deadline(const hone_link *link) {
    const hn_incoming *inc = &link->inc;
    return link->phase != HN_LINK_OPEN || inc->acked == inc->last
               ? UINT64_MAX
               : inc->ack_since_ns + HN_ACK_DELAY_NS;
}
