/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of one part of a loop: its owner takes from the front, others from the back. Both
 * ends are in one word, so that a claim is one exchange that cannot half succeed; ends only ever
 * come nearer to each other, so no value of the word comes back while the loop runs. Units, not
 * items, for a word holds two numbers of 32 bits: all of a loop's claims are whole units.
 *
 * May be included by the scheduler's own files and tests only.
 */
#ifndef HONE_SCHEDULER_SLICE_INTERNAL_H
#define HONE_SCHEDULER_SLICE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Units [begin, end). */
typedef struct hn_units {
    uint32_t begin, end;
} hn_units;

static inline uint32_t hn_units_count(hn_units units) {
    return units.end - units.begin;
}

typedef struct hn_slice {
    _Alignas(64) _Atomic uint64_t rest; /* begin | end << 32 */
} hn_slice;

static inline hn_units hn_slice_unpack(uint64_t rest) {
    return (hn_units){(uint32_t)rest, (uint32_t)(rest >> 32)};
}

static inline uint64_t hn_slice_pack(hn_units units) {
    return units.begin | (uint64_t)units.end << 32;
}

/* Before others may claim. Relaxed: whoever claims has learnt of the loop by an acquire. */
static inline void hn_slice_set(hn_slice *slice, hn_units units) {
    atomic_store_explicit(&slice->rest, hn_slice_pack(units), memory_order_relaxed);
}

static inline hn_units hn_slice_rest(const hn_slice *slice) {
    return hn_slice_unpack(atomic_load_explicit(&slice->rest, memory_order_relaxed));
}

/* Takes `count` units of `seen`, which is not empty, from the front or from the back; fewer when
 * fewer are there. False when somebody else has claimed since `seen`. Relaxed: what the body reads
 * was published by opening the loop. */
static inline bool hn_slice_take(hn_slice *slice, hn_units seen, uint32_t count, bool is_front,
                                 hn_units *out_taken) {
    uint64_t expected = hn_slice_pack(seen);
    hn_units taken = seen, rest = seen;
    if (count < hn_units_count(seen)) {
        if (is_front) {
            taken.end = rest.begin = seen.begin + count;
        } else {
            taken.begin = rest.end = seen.end - count;
        }
    } else {
        rest.begin = rest.end;
    }
    if (!atomic_compare_exchange_strong_explicit(&slice->rest, &expected, hn_slice_pack(rest),
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return false;
    }
    *out_taken = taken;
    return true;
}

#endif
