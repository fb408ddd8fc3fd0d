/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When does compression pay? Sending n bytes over a wire of w ns a byte takes n w; packed at c ns a
 * byte to 1/r of its size it takes n (c + w / r), for the same thread packs and sends. The policy
 * knows r and c of every way from samples, w from what sending took, and takes the cheapest way;
 * another way must be better by a margin, so that it does not swing. Samples cost time that buys
 * nothing: the next one waits until the last one is a small part of the time spent since.
 *
 * Pure arithmetic on what its owner measured: confined, no clock.
 */
#ifndef HONE_CHANNEL_ADAPTIVE_INTERNAL_H
#define HONE_CHANNEL_ADAPTIVE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ways to send: as it is, by the codec alone, by filter and codec. */
typedef enum hn_way { HN_WAY_PLAIN, HN_WAY_CODEC, HN_WAY_FILTER, HN_WAY_COUNT } hn_way;

typedef struct hn_adaptive {
    double wire_ns_per_byte;                                         /* 0: not known */
    double cost_ns_per_byte[HN_WAY_COUNT], size_ratio[HN_WAY_COUNT]; /* size: packed / raw */
    bool is_sampled[HN_WAY_COUNT];
    double sample_ns;       /* what the last round of samples took */
    double since_sample_ns; /* time spent on sending since then */
    bool is_due;            /* nothing was sampled yet */
    hn_way way;             /* the present choice */
} hn_adaptive;

void hn_adaptive_init(hn_adaptive *it);

/* Whether the owner should measure the ways on the next message. */
bool hn_adaptive_is_sample_due(const hn_adaptive *it);

/* One way on one piece of a message. `size` and `packed_size` are at least 1. */
void hn_adaptive_note_sample(hn_adaptive *it, hn_way way, size_t size, size_t packed_size,
                             uint64_t duration_ns);

/* After the samples of one round, which took `duration_ns` in all. */
void hn_adaptive_end_samples(hn_adaptive *it, uint64_t duration_ns);

/* What sending, or packing a whole message, took. */
void hn_adaptive_note_wire(hn_adaptive *it, size_t size, uint64_t duration_ns);
void hn_adaptive_note_time(hn_adaptive *it, uint64_t duration_ns);

#endif
