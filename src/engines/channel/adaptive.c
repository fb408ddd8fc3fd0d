/* SPDX-License-Identifier: Apache-2.0 */
#include "adaptive_internal.h"

static const double weight = 0.25;            /* of a new figure in the running mean */
static const double margin = 0.02;            /* by which another way must be better */
static const double size_ratio_max = 1 / 1.1; /* what saves less is not worth its delay */
static const double sample_share = 0.01;      /* of all time may go into samples */

static void mix(double *mean, double figure, bool is_first) {
    *mean = is_first ? figure : *mean + weight * (figure - *mean);
}

/* ns to send one byte this way. */
static double price(const hn_adaptive *it, hn_way way) {
    if (way == HN_WAY_PLAIN) {
        return it->wire_ns_per_byte;
    }
    return it->cost_ns_per_byte[way] + it->wire_ns_per_byte * it->size_ratio[way];
}

static void choose(hn_adaptive *it) {
    hn_way best = HN_WAY_PLAIN;
    for (hn_way way = HN_WAY_CODEC; way < HN_WAY_COUNT; way++) {
        if (it->is_sampled[way] && it->size_ratio[way] <= size_ratio_max &&
            price(it, way) < price(it, best)) {
            best = way;
        }
    }
    bool is_present_bad = it->way != HN_WAY_PLAIN && it->size_ratio[it->way] > size_ratio_max;
    if (is_present_bad || price(it, best) < price(it, it->way) * (1 - margin)) {
        it->way = best;
    }
}

void hn_adaptive_init(hn_adaptive *it) {
    *it = (hn_adaptive){.is_due = true, .way = HN_WAY_PLAIN};
}

bool hn_adaptive_is_sample_due(const hn_adaptive *it) {
    return it->is_due || it->sample_ns < it->since_sample_ns * sample_share;
}

void hn_adaptive_note_sample(hn_adaptive *it, hn_way way, size_t size, size_t packed_size,
                             uint64_t duration_ns) {
    bool is_first = !it->is_sampled[way];
    mix(&it->cost_ns_per_byte[way], (double)duration_ns / (double)size, is_first);
    mix(&it->size_ratio[way], (double)packed_size / (double)size, is_first);
    it->is_sampled[way] = true;
}

void hn_adaptive_end_samples(hn_adaptive *it, uint64_t duration_ns) {
    it->sample_ns = (double)duration_ns;
    it->since_sample_ns = 0;
    it->is_due = false;
    choose(it);
}

void hn_adaptive_note_wire(hn_adaptive *it, size_t size, uint64_t duration_ns) {
    if (size == 0) {
        return;
    }
    mix(&it->wire_ns_per_byte, (double)duration_ns / (double)size, it->wire_ns_per_byte == 0);
    it->since_sample_ns += (double)duration_ns;
    choose(it);
}

void hn_adaptive_note_time(hn_adaptive *it, uint64_t duration_ns) {
    it->since_sample_ns += (double)duration_ns;
}
