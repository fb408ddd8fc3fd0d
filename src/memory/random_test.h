/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeatable random numbers for the tests of this folder: splitmix64 (Steele, Lea, Flood, "Fast
 * splittable pseudorandom number generators", 2014). The state is the caller's.
 */
#ifndef HN_MEMORY_RANDOM_TEST_H
#define HN_MEMORY_RANDOM_TEST_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* In [0, bound); slightly uneven, which tests do not mind. */
static inline uint64_t random_below(uint64_t *state, uint64_t bound) {
    return random_next(state) % bound;
}

#endif
