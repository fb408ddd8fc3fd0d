/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing: the message goes through the filter into scratch memory, from there through the codec
 * into the caller's output; unpacking is the same backwards. What does not get smaller travels as
 * it is, so a packed message is never greater than the message. The filters take whole elements;
 * what is left over at the end of a message is carried along unfiltered.
 */
#include "hone/channel/compression.h"

#include <string.h>

#include "adaptive_internal.h"
#include "codec_internal.h"
#include "hone/kernels/shuffle.h"
#include "hone/platform/clock.h"

enum { SAMPLE_BYTES = 16 << 10, BITS = 8 };

static const char *const codec_names[HONE_CODEC_COUNT] = {"none", "lz4", "zstd", "snappy"};

/* NULL: not in this build. */
static const hn_codec *const codecs[HONE_CODEC_COUNT] = {
    [HONE_CODEC_NONE] = NULL,
#ifdef HONE_HAVE_LZ4
    [HONE_CODEC_LZ4] = &hn_codec_lz4,
#endif
#ifdef HONE_HAVE_ZSTD
    [HONE_CODEC_ZSTD] = &hn_codec_zstd,
#endif
#ifdef HONE_HAVE_SNAPPY
    [HONE_CODEC_SNAPPY] = &hn_codec_snappy,
#endif
};

struct hone_compression {
    hone_compression_options options;
    const hone_shuffle_variant *kernels;
    void *states[HONE_CODEC_COUNT]; /* the codec's own, and the others' when unpack meets them */
    uint8_t *scratch, *bit_scratch; /* message_max_bytes each, where the filters need them */
    hn_adaptive adaptive;
    hone_compression_stats stats;
};

bool hone_codec_is_present(hone_codec codec) {
    return codec == HONE_CODEC_NONE || ((unsigned)codec < HONE_CODEC_COUNT && codecs[codec]);
}

const char *hone_codec_name(hone_codec codec) {
    return (unsigned)codec < HONE_CODEC_COUNT ? codec_names[codec] : NULL;
}

hone_status hone_codec_parse(hone_text name, hone_codec *out_codec) {
    for (unsigned codec = 0; codec < HONE_CODEC_COUNT; codec++) {
        if (hone_text_is(name, codec_names[codec])) {
            *out_codec = (hone_codec)codec;
            return HONE_OK;
        }
    }
    return HONE_STATUS_NOT_FOUND;
}

/* ---- life ---- */

static hone_status check_codec(const hone_compression_options *options, hone_diag *diag) {
    const char *name = hone_codec_name(options->codec);
    if (!name) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no codec %d",
                             (int)options->codec);
    }
    if (!hone_codec_is_present(options->codec)) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT,
                             "this build has no %s: its library was not installed when hone was "
                             "built",
                             name);
    }
    int level_min = 0, level_max = 0;
    if (codecs[options->codec]) {
        level_min = codecs[options->codec]->level_min;
        level_max = codecs[options->codec]->level_max;
    }
    if (options->level && (options->level < level_min || options->level > level_max)) {
        return level_max ? hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                         "level %d of %s: give %d to %d, or 0 for its default",
                                         options->level, name, level_min, level_max)
                         : hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                                         "level %d of %s: it has no levels, give 0", options->level,
                                         name);
    }
    return HONE_OK;
}

static hone_status check_options(const hone_compression_options *options, hone_diag *diag) {
    hone_status status = check_codec(options, diag);
    if (status) {
        return status;
    }
    if ((unsigned)options->filter >= HONE_FILTER_COUNT) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no filter %d",
                             (int)options->filter);
    }
    if (options->filter != HONE_FILTER_NONE && options->element_size == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a filter needs element_size, the bytes of a number in the messages");
    }
    if (options->message_max_bytes == 0 ||
        options->message_max_bytes > HONE_COMPRESSION_MESSAGE_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "message_max_bytes %zu: give 1 to %d", options->message_max_bytes,
                             HONE_COMPRESSION_MESSAGE_MAX);
    }
    return HONE_OK;
}

/* The state of a codec that this build has; NULL when there is no memory. */
static void *state_of(hone_compression *it, hone_codec codec) {
    if (!it->states[codec]) {
        int level = codec == it->options.codec ? it->options.level : 0;
        it->states[codec] = codecs[codec]->create(it->options.allocator, level);
    }
    return it->states[codec];
}

/* Memory for what a filter leaves; false when there is none. */
static bool has_scratch(hone_compression *it, hone_filter filter) {
    size_t size = it->options.message_max_bytes;
    if (filter != HONE_FILTER_NONE && !it->scratch) {
        it->scratch = hone_allocate(it->options.allocator, size, 1);
    }
    if (filter == HONE_FILTER_BITSHUFFLE && !it->bit_scratch) {
        it->bit_scratch = hone_allocate(it->options.allocator, size, 1);
    }
    return (filter == HONE_FILTER_NONE || it->scratch) &&
           (filter != HONE_FILTER_BITSHUFFLE || it->bit_scratch);
}

hone_status hone_compression_create(const hone_compression_options *options, hone_diag *diag,
                                    hone_compression **out_compression) {
    hone_status status = check_options(options, diag);
    if (status) {
        return status;
    }
    hone_compression *made = HONE_NEW(options->allocator, hone_compression);
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a compression");
    }
    made->options = *options;
    if (made->options.min_size_bytes == 0) {
        made->options.min_size_bytes = HONE_COMPRESSION_MIN_SIZE_DEFAULT;
    }
    made->kernels = hone_shuffle_choose(options->features);
    hn_adaptive_init(&made->adaptive);
    if ((options->codec != HONE_CODEC_NONE && !state_of(made, options->codec)) ||
        !has_scratch(made, options->filter)) {
        hone_compression_destroy(made);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for messages of %zu bytes",
                             options->message_max_bytes);
    }
    *out_compression = made;
    return HONE_OK;
}

void hone_compression_destroy(hone_compression *compression) {
    if (!compression) {
        return;
    }
    const hone_allocator *allocator = compression->options.allocator;
    for (unsigned codec = 0; codec < HONE_CODEC_COUNT; codec++) {
        if (compression->states[codec]) {
            codecs[codec]->destroy(allocator, compression->states[codec]);
        }
    }
    hone_release(allocator, compression->scratch, compression->options.message_max_bytes, 1);
    hone_release(allocator, compression->bit_scratch, compression->options.message_max_bytes, 1);
    HONE_DELETE(allocator, hone_compression, compression);
}

size_t hone_compression_bound(const hone_compression *compression) {
    const hn_codec *codec = codecs[compression->options.codec];
    return codec ? codec->bound(compression->options.message_max_bytes)
                 : compression->options.message_max_bytes;
}

/* ---- filters ---- */

/* How many elements a filter takes: the bit filter only whole groups of 8. */
static size_t elements_of(hone_filter filter, size_t size, size_t element_size) {
    size_t count = size / element_size;
    return filter == HONE_FILTER_BITSHUFFLE ? count / BITS * BITS : count;
}

static const uint8_t *filtered(hone_compression *it, hone_filter filter, const uint8_t *in,
                               size_t size) {
    size_t element_size = it->options.element_size;
    size_t count = filter ? elements_of(filter, size, element_size) : 0;
    if (count == 0) {
        return in;
    }
    uint8_t *out = it->scratch;
    it->kernels->shuffle(in, count, element_size, out);
    if (filter == HONE_FILTER_BITSHUFFLE) {
        for (size_t plane = 0; plane < element_size; plane++) {
            it->kernels->split_bits(it->scratch + plane * count, count,
                                    it->bit_scratch + plane * count);
        }
        out = it->bit_scratch;
    }
    memcpy(out + count * element_size, in + count * element_size, size - count * element_size);
    return out;
}

static void unfilter(hone_compression *it, const hone_packed *packed, const uint8_t *in,
                     uint8_t *out) {
    size_t element_size = packed->element_size;
    size_t count = elements_of(packed->filter, packed->raw_bytes, element_size);
    const uint8_t *planes = in;
    if (packed->filter == HONE_FILTER_BITSHUFFLE) {
        for (size_t plane = 0; plane < element_size; plane++) {
            it->kernels->join_bits(in + plane * count, count, it->bit_scratch + plane * count);
        }
        planes = it->bit_scratch;
    }
    it->kernels->unshuffle(planes, count, element_size, out);
    memcpy(out + count * element_size, in + count * element_size,
           packed->raw_bytes - count * element_size);
}

/* ---- packing ---- */

/* The packed size, or 0 when it would not be smaller. OUT_OF_MEMORY. */
static hone_status pack_by(hone_compression *it, hone_filter filter, hone_span message, void *out,
                           size_t *out_size) {
    const hn_codec *codec = codecs[it->options.codec];
    const hone_span in = {filtered(it, filter, message.data, message.size), message.size};
    size_t packed_size = 0;
    hone_status status = codec->compress(it->states[it->options.codec], in, out,
                                         codec->bound(in.size), &packed_size);
    *out_size = packed_size < in.size ? packed_size : 0;
    return status;
}

/* Measures the ways on the beginning of a message; `out` is overwritten. */
static hone_status sample(hone_compression *it, const void *message, size_t size, void *out) {
    hone_status status = HONE_OK;
    const hone_span piece = {message, size < SAMPLE_BYTES ? size : SAMPLE_BYTES};
    uint64_t begin_ns = hone_clock_monotonic_ns(), way_begin_ns = begin_ns;
    hn_way ways_end = it->options.filter == HONE_FILTER_NONE ? HN_WAY_FILTER : HN_WAY_COUNT;
    for (hn_way way = HN_WAY_CODEC; way < ways_end && status == HONE_OK; way++) {
        hone_filter filter = way == HN_WAY_FILTER ? it->options.filter : HONE_FILTER_NONE;
        size_t packed_size = 0;
        status = pack_by(it, filter, piece, out, &packed_size);
        uint64_t end_ns = hone_clock_monotonic_ns();
        hn_adaptive_note_sample(&it->adaptive, way, piece.size,
                                packed_size ? packed_size : piece.size, end_ns - way_begin_ns);
        way_begin_ns = end_ns;
    }
    hn_adaptive_end_samples(&it->adaptive, way_begin_ns - begin_ns);
    it->stats.samples_count++;
    return status;
}

static hone_status choose_way(hone_compression *it, const void *message, size_t size, void *out,
                              hn_way *out_way) {
    hone_status status = HONE_OK;
    if (it->options.codec == HONE_CODEC_NONE || size < it->options.min_size_bytes) {
        *out_way = HN_WAY_PLAIN;
        return HONE_OK;
    }
    if (!it->options.is_adaptive) {
        *out_way = it->options.filter == HONE_FILTER_NONE ? HN_WAY_CODEC : HN_WAY_FILTER;
        return HONE_OK;
    }
    if (hn_adaptive_is_sample_due(&it->adaptive)) {
        status = sample(it, message, size, out);
    }
    *out_way = it->adaptive.way;
    return status;
}

hone_status hone_compression_pack(hone_compression *compression, const void *message,
                                  size_t size_bytes, void *out, hone_packed *out_packed) {
    if (size_bytes > compression->options.message_max_bytes) {
        return HONE_STATUS_LIMIT;
    }
    *out_packed =
        (hone_packed){.bytes = message, .size_bytes = size_bytes, .raw_bytes = size_bytes};
    hn_way way;
    hone_status status = choose_way(compression, message, size_bytes, out, &way);
    if (status == HONE_OK && way != HN_WAY_PLAIN) {
        hone_filter filter = way == HN_WAY_FILTER ? compression->options.filter : HONE_FILTER_NONE;
        bool is_timed = compression->options.is_adaptive;
        uint64_t begin_ns = is_timed ? hone_clock_monotonic_ns() : 0;
        size_t packed_size = 0;
        status = pack_by(compression, filter, (hone_span){message, size_bytes}, out, &packed_size);
        if (is_timed) {
            hn_adaptive_note_time(&compression->adaptive, hone_clock_monotonic_ns() - begin_ns);
        }
        if (packed_size) {
            out_packed->bytes = out;
            out_packed->size_bytes = packed_size;
            out_packed->codec = compression->options.codec;
            out_packed->filter = filter;
            out_packed->element_size = filter ? compression->options.element_size : 0;
            compression->stats.packed_count++;
        }
    }
    if (status != HONE_OK) {
        return status;
    }
    compression->stats.messages_count++;
    compression->stats.raw_bytes += size_bytes;
    compression->stats.packed_bytes += out_packed->size_bytes;
    return HONE_OK;
}

/* ---- unpacking ---- */

static hone_status check_packed(const hone_compression *it, const hone_packed *packed) {
    if (packed->raw_bytes > it->options.message_max_bytes) {
        return HONE_STATUS_LIMIT;
    }
    if ((unsigned)packed->codec >= HONE_CODEC_COUNT ||
        (unsigned)packed->filter >= HONE_FILTER_COUNT) {
        return HONE_STATUS_CORRUPT;
    }
    if (packed->codec == HONE_CODEC_NONE) {
        return packed->filter == HONE_FILTER_NONE && packed->size_bytes == packed->raw_bytes
                   ? HONE_OK
                   : HONE_STATUS_CORRUPT;
    }
    /* pack never sends what did not get smaller */
    if (packed->size_bytes == 0 || packed->size_bytes >= packed->raw_bytes ||
        (packed->filter != HONE_FILTER_NONE && packed->element_size == 0)) {
        return HONE_STATUS_CORRUPT;
    }
    return codecs[packed->codec] ? HONE_OK : HONE_STATUS_UNSUPPORTED;
}

hone_status hone_compression_unpack(hone_compression *compression, const hone_packed *packed,
                                    void *out) {
    hone_status status = check_packed(compression, packed);
    if (status) {
        return status;
    }
    if (packed->codec == HONE_CODEC_NONE) {
        if (packed->raw_bytes) {
            memcpy(out, packed->bytes, packed->raw_bytes);
        }
        return HONE_OK;
    }
    void *state = state_of(compression, packed->codec);
    bool is_filtered = packed->filter != HONE_FILTER_NONE &&
                       elements_of(packed->filter, packed->raw_bytes, packed->element_size) > 0;
    if (!state || (is_filtered && !has_scratch(compression, packed->filter))) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    void *target = is_filtered ? compression->scratch : out;
    status = codecs[packed->codec]->decompress(
        state, (hone_span){packed->bytes, packed->size_bytes}, target, packed->raw_bytes);
    if (status == HONE_OK && is_filtered) {
        unfilter(compression, packed, target, out);
    }
    return status;
}

void hone_compression_note_wire(hone_compression *compression, size_t size_bytes,
                                uint64_t duration_ns) {
    hn_adaptive_note_wire(&compression->adaptive, size_bytes, duration_ns);
}

void hone_compression_stats_read(const hone_compression *compression,
                                 hone_compression_stats *out_stats) {
    *out_stats = compression->stats;
}
