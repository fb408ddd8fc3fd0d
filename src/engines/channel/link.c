/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a link, greeting, and what both directions have in common: reading frames and ending
 * connections. Each side sends HELLO at once and nothing else before it has the other's; the
 * receiving side's says up to where it has the stream, and the sending side goes on there.
 */
#include <string.h>

#include "hone/platform/socket.h"
#include "link_internal.h"

/* --- life --- */

static hone_status check_options(const hone_link_options *options, hone_diag *diag) {
    const char *wrong = NULL;
    if (!options->outgoing == !options->incoming) {
        wrong = "a link needs either a receiver to send from or a sender to receive into";
    } else if (options->token == 0) {
        wrong = "a link needs a token, a random number other than 0";
    } else if (options->batch_bytes > HN_BATCH_BYTES_MAX) {
        wrong = "batch_bytes is 65536 at most";
    } else if (options->window_bytes > HONE_COMPRESSION_MESSAGE_MAX) {
        wrong = "window_bytes is 1 GiB at most";
    } else if (options->outgoing && (options->message_max_bytes || options->window_bytes)) {
        wrong = "the receiving side of a link sets message_max_bytes and window_bytes";
    } else if (options->incoming && (options->batch_bytes || options->max_delay_ns)) {
        wrong = "the sending side of a link sets batch_bytes and max_delay_ns";
    }
    return wrong ? hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "%s", wrong) : HONE_OK;
}

/* The greatest message that can go through the channel. */
static uint32_t message_max_of(const hone_link_options *options) {
    const hn_ring *ring = options->outgoing ? &options->outgoing->ring : &options->incoming->ring;
    uint64_t half = ring->units_count / 2 * HN_UNIT_BYTES;
    return half < HONE_COMPRESSION_MESSAGE_MAX ? (uint32_t)half : HONE_COMPRESSION_MESSAGE_MAX;
}

static hone_status init_compression(hone_link *link, uint32_t message_max, hone_diag *diag) {
    hone_compression_options options = *link->options.compression;
    options.message_max_bytes = message_max;
    options.allocator = link->allocator;
    link->out.codec = options.codec;
    for (unsigned codec = 0; codec < HONE_CODEC_COUNT && link->options.incoming; codec++) {
        link->limits.codecs_mask |= (uint32_t)hone_codec_is_present((hone_codec)codec) << codec;
    }
    return hone_compression_create(&options, diag, &link->compression);
}

static hone_status init(hone_link *link, hone_diag *diag) {
    hone_link_options *options = &link->options;
    uint32_t message_max = message_max_of(options);
    if (options->message_max_bytes > message_max) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "messages of %u bytes do not fit into a channel that takes %u at most",
                             options->message_max_bytes, message_max);
    }
    options->batch_bytes = options->batch_bytes ? options->batch_bytes : HN_BATCH_BYTES_MAX;
    options->window_bytes = options->window_bytes ? options->window_bytes : HN_WINDOW_BYTES_DEFAULT;
    message_max = options->message_max_bytes ? options->message_max_bytes : message_max;
    link->limits.message_max = options->incoming ? message_max : 0;
    link->limits.codecs_mask = 1u << HONE_CODEC_NONE;
    hone_status status = options->compression ? init_compression(link, message_max, diag) : HONE_OK;
    options->compression = NULL; /* the caller's, who may take it away */
    if (status == HONE_OK) {
        link->in = hone_allocate(link->allocator, HN_IN_BYTES, HN_UNIT_BYTES);
        status = link->in ? HONE_OK : HONE_STATUS_OUT_OF_MEMORY;
    }
    if (status == HONE_OK) {
        status = options->outgoing ? hn_outgoing_init(link) : hn_incoming_init(link, diag);
    }
    return status;
}

hone_status hone_link_create(const hone_link_options *options, hone_diag *diag,
                             hone_link **out_link) {
    hone_status status = check_options(options, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_link *link =
        hone_allocate_zeroed(options->allocator, 1, sizeof *link, _Alignof(hone_link));
    if (!link) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    link->options = *options;
    link->allocator = options->allocator;
    link->fd = -1;
    status = init(link, diag);
    if (status != HONE_OK) {
        hone_link_destroy(link);
        return status;
    }
    *out_link = link;
    return HONE_OK;
}

void hone_link_destroy(hone_link *link) {
    if (!link) {
        return;
    }
    hone_link_detach(link);
    hn_outgoing_deinit(link);
    hn_incoming_deinit(link);
    hone_release(link->allocator, link->in, HN_IN_BYTES, HN_UNIT_BYTES);
    hone_compression_destroy(link->compression);
    hone_release(link->allocator, link, sizeof *link, _Alignof(hone_link));
}

void hone_link_stats_read(const hone_link *link, hone_link_stats *out_stats) {
    *out_stats = link->stats;
    out_stats->on_the_way_count = link->out.taken - link->out.acked;
}

/* --- connections --- */

void hone_link_detach(hone_link *link) {
    if (link->options.outgoing) {
        hn_outgoing_cut(link);
    } else if (link->options.incoming) {
        hn_incoming_cut(link);
    }
    link->phase = HN_LINK_DETACHED;
    link->fd = -1;
    link->has_frame = link->is_write_broken = link->is_refused = false;
    link->in_begin = link->in_end = link->control_begin = link->control_end = 0;
}

hone_status hone_link_attach(hone_link *link, int fd) {
    hone_link_detach(link);
    hone_status status = hone_socket_tune(fd, &(hone_socket_tuning){.is_no_delay = true});
    if (status != HONE_OK) {
        return status;
    }
    hn_hello hello = {.token = link->options.token, .codecs_mask = 1u << HONE_CODEC_NONE};
    if (link->options.outgoing) {
        hn_outgoing_greet(link, &hello);
    } else {
        hn_incoming_greet(link, &hello);
    }
    hn_frame_encode(&(hn_frame){.kind = HN_FRAME_HELLO, .size = HN_HELLO_BYTES}, link->control);
    hn_hello_encode(&hello, link->control + HN_FRAME_BYTES);
    link->control_end = HN_FRAME_BYTES + HN_HELLO_BYTES;
    link->phase = HN_LINK_GREETING;
    link->fd = fd;
    return HONE_OK;
}

static void write_control(hone_link *link) {
    const struct iovec part = {link->control + link->control_begin,
                               link->control_end - link->control_begin};
    size_t size;
    if (part.iov_len == 0) {
        return;
    }
    hone_status status = hone_socket_write(link->fd, &part, 1, &size);
    if (status == HONE_OK) {
        link->control_begin += (uint32_t)size;
        link->stats.written_bytes += size;
        link->stats.writes_count++;
    } else {
        link->is_write_broken = status != HONE_STATUS_WOULD_BLOCK;
    }
}

/* Tells the other side why, if it can be told. */
static void refuse(hone_link *link, hone_status status, const hone_diag *diag) {
    uint8_t bytes[HN_FRAME_BYTES + HN_REFUSE_BYTES_MAX];
    size_t size = strnlen(diag->message, HN_REFUSE_BYTES_MAX), written;
    write_control(link);
    if (link->control_begin != link->control_end || link->out.batch.is_sealed) {
        return; /* it would come in the middle of something else */
    }
    hn_frame_encode(
        &(hn_frame){.kind = HN_FRAME_REFUSE, .type = (uint32_t)status, .size = (uint32_t)size},
        bytes);
    memcpy(bytes + HN_FRAME_BYTES, diag->message, size);
    const struct iovec part = {bytes, HN_FRAME_BYTES + size};
    /* best effort: the connection ends in any case */
    (void)!hone_socket_write(link->fd, &part, 1, &written);
}

/* --- frames --- */

static hone_status handle_hello(hone_link *link, hone_diag *diag) {
    hn_hello hello;
    hone_status status = hn_hello_decode(link->in + link->in_begin, diag, &hello);
    link->in_begin += HN_HELLO_BYTES;
    if (status == HONE_OK) {
        status = link->options.outgoing ? hn_outgoing_greeted(link, &hello, diag)
                                        : hn_incoming_greeted(link, &hello, diag);
    }
    if (status == HONE_OK) {
        link->phase = HN_LINK_OPEN;
        link->stats.connections_count++;
    }
    return status;
}

static hone_status handle_refusal(hone_link *link, hone_diag *diag) {
    char text[HN_REFUSE_BYTES_MAX + 1] = {0};
    for (uint32_t i = 0; i < link->frame.size; i++) {
        uint8_t byte = link->in[link->in_begin + i];
        text[i] = (char)(byte < ' ' || byte == 127 ? '?' : byte);
    }
    link->is_refused = true;
    return hone_diag_set(diag, HONE_STATUS_REFUSED, "the other side ended the connection: %s",
                         text);
}

static bool is_expected(const hone_link *link, hn_frame_kind kind) {
    switch (kind) {
    case HN_FRAME_REFUSE: return true;
    case HN_FRAME_HELLO: return link->phase == HN_LINK_GREETING;
    case HN_FRAME_ACK: return link->phase == HN_LINK_OPEN && link->options.outgoing;
    default: return link->phase == HN_LINK_OPEN && link->options.incoming;
    }
}

/* Goes on with the frame whose header has been read. */
static hone_status handle(hone_link *link, hone_diag *diag, bool *out_is_done) {
    hn_frame_kind kind = link->frame.kind;
    if (kind == HN_FRAME_DATA || kind == HN_FRAME_CLOSE) {
        return hn_incoming_handle(link, diag, out_is_done);
    }
    if (link->in_end - link->in_begin < link->frame.size) {
        return HONE_OK;
    }
    *out_is_done = true;
    return kind == HN_FRAME_HELLO ? handle_hello(link, diag)
           : kind == HN_FRAME_ACK ? hn_outgoing_acknowledged(link, diag)
                                  : handle_refusal(link, diag);
}

/* Everything in the read-ahead, until something is incomplete or has to wait. */
static hone_status consume(hone_link *link, hone_diag *diag) {
    for (;;) {
        bool is_done = false;
        if (!link->has_frame) {
            if (link->in_end - link->in_begin < HN_FRAME_BYTES) {
                return HONE_OK;
            }
            hone_status status =
                hn_frame_decode(link->in + link->in_begin, &link->limits, diag, &link->frame);
            if (status != HONE_OK) {
                return status;
            }
            if (!is_expected(link, link->frame.kind)) {
                return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                                     "a frame of kind %u out of its turn",
                                     (unsigned)link->frame.kind);
            }
            link->in_begin += HN_FRAME_BYTES;
            link->has_frame = true;
        }
        hone_status status = handle(link, diag, &is_done);
        if (!is_done) {
            return status;
        }
        link->has_frame = false;
        if (status != HONE_OK) {
            return status;
        }
    }
}

static hone_status read_more(hone_link *link) {
    struct iovec parts[2];
    uint32_t count = 0;
    size_t target_size = 0, size;
    link->in_end -= link->in_begin;
    memmove(link->in, link->in + link->in_begin, link->in_end); /* less than a control frame */
    link->in_begin = 0;
    void *target = hn_incoming_target(link, &target_size);
    if (target) {
        parts[count++] = (struct iovec){target, target_size};
    }
    parts[count++] = (struct iovec){link->in + link->in_end, HN_IN_BYTES - link->in_end};
    hone_status status = hone_socket_read(link->fd, parts, count, &size);
    if (status != HONE_OK) {
        return status;
    }
    size_t direct = size < target_size ? size : target_size;
    link->stats.read_bytes += size;
    link->inc.filled_size += (uint32_t)direct;
    link->in_end += (uint32_t)(size - direct);
    return HONE_OK;
}

static hone_status receive(hone_link *link, hone_diag *diag) {
    for (int round = 0; round < HN_ROUNDS_MAX; round++) {
        hone_status status = consume(link, diag);
        if (status != HONE_OK || link->is_awaiting_channel) {
            return status;
        }
        status = read_more(link);
        if (status == HONE_STATUS_WOULD_BLOCK) {
            return HONE_OK;
        }
        if (status != HONE_OK) {
            return hone_diag_set(diag, status, "the connection was cut%s: %s",
                                 link->phase == HN_LINK_GREETING ? " before the other side greeted"
                                                                 : "",
                                 hone_status_text(status));
        }
    }
    link->is_unfinished = true;
    return HONE_OK;
}

/* --- running --- */

static hone_status run(hone_link *link, hone_diag *diag) {
    hone_status status = receive(link, diag);
    if (status != HONE_OK) {
        return status;
    }
    if (link->options.incoming) {
        hn_incoming_acknowledge(link);
    }
    write_control(link);
    bool is_open = link->phase == HN_LINK_OPEN && link->control_begin == link->control_end;
    if (is_open && link->options.outgoing && !link->is_ended) {
        status = hn_outgoing_run(link, diag);
    }
    if (status == HONE_OK && link->is_write_broken) {
        status = receive(link, diag); /* perhaps it has said why */
        return status != HONE_OK ? status
                                 : hone_diag_set(diag, HONE_STATUS_BROKEN_PIPE,
                                                 "the connection was cut: the other side is gone");
    }
    if (status == HONE_OK && is_open && link->is_ended && link->inc.acked == link->inc.last) {
        return hone_diag_set(diag, HONE_STATUS_CLOSED, "everything has arrived");
    }
    return status;
}

hone_status hone_link_run(hone_link *link, uint64_t now_ns, hone_diag *diag,
                          hone_link_wants *out_wants) {
    hone_diag own_diag;
    if (link->phase == HN_LINK_DETACHED) {
        return hone_diag_set(diag, HONE_STATUS_NOT_CONNECTED, "the link has no connection");
    }
    diag = diag ? diag : &own_diag;
    hone_diag_clear(diag);
    link->now_ns = now_ns;
    link->is_awaiting_channel = link->is_unfinished = false;
    hone_status status = run(link, diag);
    if (status != HONE_OK) {
        bool is_cut = status == HONE_STATUS_BROKEN_PIPE || link->is_write_broken;
        if (status != HONE_STATUS_CLOSED && !is_cut && !link->is_refused) {
            refuse(link, status, diag);
        }
        hone_link_detach(link);
        return status;
    }
    bool is_outgoing = link->options.outgoing != NULL;
    uint64_t deadline_ns = is_outgoing ? hn_outgoing_deadline(link) : hn_incoming_deadline(link);
    *out_wants = (hone_link_wants){
        .wants_read = is_outgoing || !link->is_awaiting_channel,
        .wants_write = link->control_begin != link->control_end || link->out.batch.is_sealed,
        .wants_channel = link->is_awaiting_channel,
        .deadline_ns = link->is_unfinished ? now_ns : deadline_ns,
    };
    return HONE_OK;
}
