/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of a segment: where its parts lie, and the view of it that a process has. */
#include <string.h>

#include "channel_internal.h"
#include "hone/platform/shared_page.h"

static size_t participants_offset(void) {
    return sizeof(hn_segment);
}

static size_t slots_offset(uint32_t participants_max) {
    return participants_offset() + (size_t)participants_max * sizeof(hn_participant);
}

static size_t data_offset(uint32_t units_log2, uint32_t participants_max) {
    size_t end = slots_offset(participants_max) + ((size_t)1 << units_log2) * sizeof(hn_slot);
    return (end + HN_UNIT_BYTES - 1) & ~(size_t)(HN_UNIT_BYTES - 1);
}

/* Cannot overflow: the limits of the arguments give less than 2 GiB. */
size_t hn_segment_size(uint32_t units_log2, uint32_t participants_max) {
    return data_offset(units_log2, participants_max) + ((size_t)HN_UNIT_BYTES << units_log2);
}

void hn_segment_format(hn_segment *segment, const hone_channel_options *options,
                       uint32_t units_log2, bool is_fenced) {
    segment->version = HN_SEGMENT_VERSION;
    segment->units_log2 = units_log2;
    segment->participants_max = options->participants_max;
    segment->mode = (uint32_t)options->mode;
    segment->on_full = (uint32_t)options->on_full;
    segment->is_fenced = is_fenced;
    segment->size_bytes = hn_segment_size(units_log2, options->participants_max);
    segment->magic = HN_SEGMENT_MAGIC;
    bool is_hazard =
        options->on_full != HONE_CHANNEL_ON_FULL_WAIT && options->mode != HONE_CHANNEL_BROADCAST;
    atomic_init(&segment->cursor.held, is_hazard ? HN_NOTHING_HELD : 0);
}

hone_status hn_segment_check(const hn_segment *frozen, uint64_t size_bytes, hone_diag *diag) {
    if (size_bytes < sizeof *frozen || frozen->magic != HN_SEGMENT_MAGIC) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "what was handed over is no channel");
    }
    if (frozen->version != HN_SEGMENT_VERSION) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "the channel has format %u, this program knows format %d; use the "
                             "same release of hone on both sides",
                             frozen->version, HN_SEGMENT_VERSION);
    }
    hone_channel_options options = {.mode = (hone_channel_mode)frozen->mode,
                                    .on_full = (hone_channel_on_full)frozen->on_full};
    uint32_t unused;
    bool has_limits = frozen->units_log2 >= HN_UNITS_LOG2_MIN &&
                      frozen->units_log2 <= HN_UNITS_LOG2_MAX && frozen->participants_max >= 1 &&
                      frozen->participants_max <= HN_PARTICIPANTS_MAX &&
                      hn_channel_options_check(&options, NULL, &options, &unused) == HONE_OK;
    bool has_texts = memchr(frozen->name, 0, sizeof frozen->name) &&
                     memchr(frozen->type_text, 0, sizeof frozen->type_text);
    if (!has_limits || !has_texts ||
        frozen->size_bytes != hn_segment_size(frozen->units_log2, frozen->participants_max) ||
        frozen->size_bytes > size_bytes) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the channel that was handed over contradicts itself");
    }
    return HONE_OK;
}

void hn_ring_attach(hn_ring *ring, hn_segment *segment, const hn_segment *frozen) {
    uint8_t *base = (uint8_t *)segment;
    uint64_t units_count = (uint64_t)1 << frozen->units_log2;
    hone_channel_mode mode = (hone_channel_mode)frozen->mode;
    *ring = (hn_ring){
        .segment = segment,
        .participants = (hn_participant *)(void *)(base + participants_offset()),
        .slots = (hn_slot *)(void *)(base + slots_offset(frozen->participants_max)),
        .data = base + data_offset(frozen->units_log2, frozen->participants_max),
        .units_count = units_count,
        .mask = units_count - 1,
        .self_pid = (uint64_t)hone_process_id(),
        .units_log2 = frozen->units_log2,
        .participants_max = frozen->participants_max,
        .mode = mode,
        .on_full = (hone_channel_on_full)frozen->on_full,
        .is_fenced = frozen->is_fenced != 0,
        .has_many_senders = mode == HONE_CHANNEL_MPSC || mode == HONE_CHANNEL_MPMC ||
                            mode == HONE_CHANNEL_BROADCAST,
        .is_competing = mode == HONE_CHANNEL_SPMC || mode == HONE_CHANNEL_MPMC,
        .is_broadcast = mode == HONE_CHANNEL_BROADCAST,
        .is_evicting = frozen->on_full != HONE_CHANNEL_ON_FULL_WAIT,
    };
}
