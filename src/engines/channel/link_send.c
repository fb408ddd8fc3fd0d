/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side that sends. Messages are taken from the receiver, numbered and put into a batch until
 * that is full, the channel is empty or the credits are used up; one vectored write sends it. They
 * are released when the other side has acknowledged them; after a connection has ended everything
 * beyond what the other side says it has is sent again, from where it lies.
 */
#include <string.h>

#include "hone/platform/socket.h"
#include "link_internal.h"

enum { WIRE_NOTE_BYTES_MIN = 16 << 10 }; /* less says more about delays than about the wire */

static hn_flight *flight_of(const hone_link *link, uint64_t sequence) {
    return &link->out.flights[sequence & (HN_FLIGHTS_MAX - 1)];
}

hone_status hn_outgoing_init(hone_link *link) {
    hn_batch *batch = &link->out.batch;
    size_t payload = link->compression ? hone_compression_bound(link->compression) : 0;
    payload = payload > HN_COPY_BYTES_MAX ? payload : HN_COPY_BYTES_MAX;
    batch->staging_size = link->options.batch_bytes + HN_FRAME_BYTES + payload;
    batch->staging = hone_allocate(link->allocator, batch->staging_size, HN_UNIT_BYTES);
    link->out.flights = hone_allocate_zeroed(link->allocator, HN_FLIGHTS_MAX, sizeof(hn_flight),
                                             _Alignof(hn_flight));
    return batch->staging && link->out.flights ? HONE_OK : HONE_STATUS_OUT_OF_MEMORY;
}

void hn_outgoing_deinit(hone_link *link) {
    hone_release(link->allocator, link->out.batch.staging, link->out.batch.staging_size,
                 HN_UNIT_BYTES);
    hone_release(link->allocator, link->out.flights, HN_FLIGHTS_MAX * sizeof(hn_flight),
                 _Alignof(hn_flight));
}

static void empty_batch(hn_batch *batch) {
    batch->used_size = batch->bytes = 0;
    batch->parts_begin = batch->parts_end = 0;
    batch->is_sealed = false;
}

void hn_outgoing_cut(hone_link *link) {
    empty_batch(&link->out.batch);
}

void hn_outgoing_greet(const hone_link *link, hn_hello *hello) {
    hello->first_sequence = link->out.acked + 1;
    hello->credit_units = (uint32_t)link->options.outgoing->ring.units_count;
}

/* --- acknowledgements --- */

/* Gives back everything up to a sequence. */
static void release_until(hone_link *link, uint64_t sequence) {
    hn_outgoing *out = &link->out;
    bool is_competing = link->options.outgoing->ring.is_competing;
    const hone_message *newest = NULL;
    while (out->acked < sequence) {
        const hn_flight *flight = flight_of(link, ++out->acked);
        if (flight->is_end) {
            link->is_ended = true;
            continue;
        }
        newest = &flight->message;
        link->stats.messages_count++;
        if (is_competing) {
            hone_channel_release(link->options.outgoing, newest);
        }
    }
    if (newest && !is_competing) { /* it, and all before */
        hone_channel_release(link->options.outgoing, newest);
    }
}

hone_status hn_outgoing_greeted(hone_link *link, const hn_hello *hello, hone_diag *diag) {
    hn_outgoing *out = &link->out;
    if (hello->message_max == 0) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "both sides of the link send; give one of them a channel to fill");
    }
    uint64_t has = hello->peer_token == link->options.token ? hello->peer_sequence : out->acked;
    if (has < out->acked || has > out->highest_sent) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the other side has messages up to %llu, but between %llu and %llu "
                             "are on the way; was another link given the same token?",
                             (unsigned long long)has, (unsigned long long)out->acked,
                             (unsigned long long)out->highest_sent);
    }
    release_until(link, has);
    out->sent = out->acked;
    out->used_units = 0;
    out->credit_units = hello->credit_units;
    out->peer_message_max = hello->message_max;
    out->is_packing = link->compression && out->codec != HONE_CODEC_NONE &&
                      (hello->codecs_mask >> out->codec & 1u) != 0;
    out->wire_since_ns = link->now_ns;
    return HONE_OK;
}

hone_status hn_outgoing_acknowledged(hone_link *link, hone_diag *diag) {
    hn_outgoing *out = &link->out;
    uint64_t sequence = link->frame.sequence;
    size_t bytes = 0;
    if (sequence < out->acked || sequence > out->sent) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the other side acknowledges message %llu, but between %llu and %llu "
                             "are on the way",
                             (unsigned long long)sequence, (unsigned long long)out->acked,
                             (unsigned long long)out->sent);
    }
    for (uint64_t it = out->acked + 1; it <= sequence; it++) {
        const hn_flight *flight = flight_of(link, it);
        bytes += flight->wire_bytes;
        out->used_units -= flight->is_end ? 0 : hn_units_of(flight->message.size_bytes);
    }
    if (link->compression && bytes >= WIRE_NOTE_BYTES_MIN && link->now_ns > out->wire_since_ns) {
        hone_compression_note_wire(link->compression, bytes, link->now_ns - out->wire_since_ns);
    }
    out->wire_since_ns = link->now_ns;
    out->credit_units = link->frame.raw_size;
    release_until(link, sequence);
    return HONE_OK;
}

/* --- batches --- */

static void add_part(hn_batch *batch, const void *bytes, size_t size) {
    struct iovec *last = batch->parts_end ? &batch->parts[batch->parts_end - 1] : NULL;
    batch->bytes += size;
    if (last && (const uint8_t *)last->iov_base + last->iov_len == bytes) {
        last->iov_len += size;
    } else {
        batch->parts[batch->parts_end++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    }
}

/* The next one to send, which may have been sent before; NULL when there is none. */
static hn_flight *find_next(hone_link *link) {
    hn_outgoing *out = &link->out;
    if (out->sent < out->taken) {
        return flight_of(link, out->sent + 1);
    }
    if (out->is_end_taken || out->taken - out->acked == HN_FLIGHTS_MAX) {
        return NULL;
    }
    hn_flight *flight = flight_of(link, out->taken + 1);
    hone_status status = hone_channel_take(link->options.outgoing, &flight->message);
    while (status == HONE_STATUS_LOST) {
        link->stats.lost_count += flight->message.lost_count;
        status = hone_channel_take(link->options.outgoing, &flight->message);
    }
    if (status != HONE_OK && status != HONE_STATUS_CLOSED) {
        link->is_awaiting_channel = true;
        return NULL;
    }
    flight->is_end = out->is_end_taken = status == HONE_STATUS_CLOSED;
    out->taken++;
    return flight;
}

static hone_status add_message(hone_link *link, hn_flight *flight, hone_diag *diag) {
    hn_outgoing *out = &link->out;
    hn_batch *batch = &out->batch;
    const hone_message *message = &flight->message;
    uint8_t *header = batch->staging + batch->used_size, *payload = header + HN_FRAME_BYTES;
    hone_packed packed = {.bytes = message->data, .size_bytes = message->size_bytes};
    if (message->size_bytes > out->peer_message_max) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "a message of %zu bytes, but the other side takes at most %u; raise "
                             "its message_max_bytes",
                             message->size_bytes, out->peer_message_max);
    }
    if (out->is_packing) {
        hone_status status = hone_compression_pack(link->compression, message->data,
                                                   message->size_bytes, payload, &packed);
        if (status != HONE_OK) {
            return hone_diag_set(diag, status, "cannot pack a message of %zu bytes",
                                 message->size_bytes);
        }
    }
    hn_frame_encode(&(hn_frame){.kind = HN_FRAME_DATA,
                                .codec = packed.codec,
                                .filter = packed.filter,
                                .element_size = packed.element_size,
                                .type = message->type,
                                .size = (uint32_t)packed.size_bytes,
                                .raw_size = (uint32_t)message->size_bytes,
                                .sequence = out->sent + 1},
                    header);
    add_part(batch, header, HN_FRAME_BYTES);
    batch->used_size += HN_FRAME_BYTES;
    if (packed.bytes == message->data && packed.size_bytes > HN_COPY_BYTES_MAX) {
        add_part(batch, packed.bytes, packed.size_bytes);
    } else if (packed.size_bytes != 0) {
        if (packed.bytes != payload) {
            memcpy(payload, packed.bytes, packed.size_bytes);
        }
        add_part(batch, payload, packed.size_bytes);
        batch->used_size += packed.size_bytes;
    }
    flight->wire_bytes = (uint32_t)packed.size_bytes + HN_FRAME_BYTES;
    out->used_units += hn_units_of(message->size_bytes);
    return HONE_OK;
}

static void add_end(hone_link *link, hn_flight *flight) {
    hn_batch *batch = &link->out.batch;
    uint8_t *header = batch->staging + batch->used_size;
    hn_frame_encode(&(hn_frame){.kind = HN_FRAME_CLOSE, .sequence = link->out.sent + 1}, header);
    add_part(batch, header, HN_FRAME_BYTES);
    batch->used_size += HN_FRAME_BYTES;
    flight->wire_bytes = HN_FRAME_BYTES;
}

/* False where the credits do not suffice: one message at least may be on the way, so that a window
 * smaller than it does not stop everything. */
static bool has_credit(const hn_outgoing *out, const hn_flight *flight) {
    uint64_t units = flight->is_end ? 0 : hn_units_of(flight->message.size_bytes);
    return out->credit_units != 0 &&
           (out->used_units == 0 || out->used_units + units <= out->credit_units);
}

static hone_status fill_batch(hone_link *link, hone_diag *diag) {
    hn_outgoing *out = &link->out;
    hn_batch *batch = &out->batch;
    hone_status status = HONE_OK;
    /* what is added needs two parts at most */
    while (status == HONE_OK && batch->bytes < link->options.batch_bytes &&
           batch->parts_end + 2 <= HN_PARTS_MAX) {
        hn_flight *flight = find_next(link);
        if (!flight || !has_credit(out, flight)) {
            return HONE_OK;
        }
        if (batch->bytes == 0) {
            batch->since_ns = link->now_ns;
        }
        if (out->used_units == 0) {
            out->wire_since_ns = link->now_ns;
        }
        if (flight->is_end) {
            add_end(link, flight);
        } else {
            status = add_message(link, flight, diag);
        }
        if (status == HONE_OK && ++out->sent > out->highest_sent) {
            out->highest_sent = out->sent;
        } else if (status == HONE_OK) {
            link->stats.sent_again_count++;
        }
    }
    batch->is_sealed = status == HONE_OK;
    return status;
}

/* What is written of the batch is gone. */
static void advance(hn_batch *batch, size_t size) {
    while (batch->parts_begin < batch->parts_end) {
        struct iovec *part = &batch->parts[batch->parts_begin];
        if (size < part->iov_len) {
            part->iov_base = (uint8_t *)part->iov_base + size;
            part->iov_len -= size;
            return;
        }
        size -= part->iov_len;
        batch->parts_begin++;
    }
    empty_batch(batch);
}

hone_status hn_outgoing_run(hone_link *link, hone_diag *diag) {
    hn_batch *batch = &link->out.batch;
    for (int round = 0; round < HN_ROUNDS_MAX; round++) {
        if (!batch->is_sealed) {
            hone_status status = fill_batch(link, diag);
            if (status != HONE_OK) {
                return status;
            }
            batch->is_sealed =
                batch->bytes != 0 && (batch->is_sealed || link->out.is_end_taken ||
                                      link->now_ns - batch->since_ns >= link->options.max_delay_ns);
        }
        if (!batch->is_sealed) {
            return HONE_OK;
        }
        size_t size;
        hone_status status = hone_socket_write(link->fd, batch->parts + batch->parts_begin,
                                               batch->parts_end - batch->parts_begin, &size);
        if (status != HONE_OK) {
            link->is_write_broken = status != HONE_STATUS_WOULD_BLOCK;
            return HONE_OK;
        }
        link->stats.writes_count++;
        link->stats.written_bytes += size;
        advance(batch, size);
    }
    link->is_unfinished = true;
    return HONE_OK;
}

uint64_t hn_outgoing_deadline(const hone_link *link) {
    const hn_batch *batch = &link->out.batch;
    return batch->bytes == 0 || batch->is_sealed ? UINT64_MAX
                                                 : batch->since_ns + link->options.max_delay_ns;
}
