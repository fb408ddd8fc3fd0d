/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the channel know of each other above the ring. */
#ifndef HONE_CHANNEL_CHANNEL_INTERNAL_H
#define HONE_CHANNEL_CHANNEL_INTERNAL_H

#include "ring_internal.h"

struct hone_channel {
    hn_ring ring;
    const hone_allocator *allocator;
    size_t size_bytes;
    /* Where others can die: looks for such, and settles what they left; called after each sleep,
     * which lasts look_interval_ns at most. */
    void (*look)(hone_channel *channel);
    uint64_t look_interval_ns;
};

/* Defaults and limits. */
HONE_MUST_USE hone_status hn_channel_options_check(const hone_channel_options *options,
                                                   hone_diag *diag,
                                                   hone_channel_options *out_options,
                                                   uint32_t *out_units_log2);

#endif
