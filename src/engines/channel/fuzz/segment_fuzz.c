/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment that somebody else has damaged. Two bytes choose mode and what a full channel does,
 * one says how many of the patches behind it come before the segment is opened; a patch is an
 * offset (4 bytes) and 8 bytes to write there. The others come while it is used. Nothing outside of
 * the segment may be touched, which lies in a block of its own for the sanitizer to guard, and no
 * message may reach out of it.
 */
#include <stdlib.h>
#include <string.h>

#include "channel_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNITS_LOG2 = 3, PARTICIPANTS = 4, HEAD_BYTES = 3, PATCH_BYTES = 12, ALIGNMENT = 128 };

typedef struct patch_list {
    const uint8_t *next;
    size_t left;
} patch_list;

static void apply_one(patch_list *patches, hn_segment *segment, size_t size) {
    uint32_t offset;
    if (patches->left < PATCH_BYTES) {
        return;
    }
    memcpy(&offset, patches->next, sizeof offset);
    memcpy((uint8_t *)segment + offset % (size - 7), patches->next + sizeof offset, 8);
    patches->next += PATCH_BYTES;
    patches->left -= PATCH_BYTES;
}

static void expect_inside(const hn_ring *ring, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    size_t data_bytes = (size_t)ring->units_count * HN_UNIT_BYTES;
    if (at < ring->data || size > data_bytes || at + size > ring->data + data_bytes) {
        abort();
    }
}

static void use(hone_channel *channel, patch_list *patches) {
    hone_sender *sender = NULL;
    hone_receiver *receiver = NULL;
    hone_loan loan;
    hone_message message;
    hn_segment *segment = channel->ring.segment;
    (void)!hone_channel_open_sender(channel, NULL, &sender);
    (void)!hone_channel_open_receiver(channel, NULL, &receiver);
    for (int i = 0; i < 8; i++) {
        apply_one(patches, segment, channel->size_bytes);
        if (sender && hone_channel_loan(sender, 100, &loan) == HONE_OK) {
            expect_inside(&channel->ring, loan.data, loan.size_bytes);
            memset(loan.data, i, loan.size_bytes);
            apply_one(patches, segment, channel->size_bytes);
            hone_channel_commit(sender, &loan);
        }
        apply_one(patches, segment, channel->size_bytes);
        if (receiver && hone_channel_take(receiver, &message) == HONE_OK) {
            expect_inside(&channel->ring, message.data, message.size_bytes);
            apply_one(patches, segment, channel->size_bytes);
            hone_channel_release(receiver, &message);
        }
    }
    hone_sender_destroy(sender);
    hone_receiver_destroy(receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD_BYTES) {
        return 0;
    }
    const hone_channel_options options = {
        .mode = (hone_channel_mode)(data[0] % HONE_CHANNEL_MODES_COUNT),
        .on_full = (hone_channel_on_full)(data[1] % HONE_CHANNEL_ON_FULL_COUNT),
        .participants_max = PARTICIPANTS};
    patch_list patches = {data + HEAD_BYTES, size - HEAD_BYTES};
    size_t segment_bytes = hn_segment_size(UNITS_LOG2, PARTICIPANTS);
    void *memory = NULL;
    if (posix_memalign(&memory, ALIGNMENT, segment_bytes) != 0) {
        abort();
    }
    hn_segment *segment = memory;
    memset(memory, 0, segment_bytes);
    hn_segment_format(segment, &options, UNITS_LOG2, true);
    for (uint8_t i = 0; i < data[2]; i++) {
        apply_one(&patches, segment, segment_bytes);
    }
    hn_segment frozen;
    memcpy((void *)&frozen, segment, sizeof frozen);
    if (hn_segment_check(&frozen, segment_bytes, NULL) == HONE_OK) {
        hone_channel channel = {.size_bytes = segment_bytes, .socket_fd = -1};
        hn_ring_attach(&channel.ring, segment, &frozen);
        use(&channel, &patches);
    }
    free(segment);
    return 0;
}
