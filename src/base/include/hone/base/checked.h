/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checked arithmetic for sizes and counts, and small bit helpers. Each checked operation returns
 * true on success and writes *out only then.
 *
 * Contract: inline and pure; any thread.
 */
#ifndef HONE_BASE_CHECKED_H
#define HONE_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool hone_size_add(size_t a, size_t b, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

static inline bool hone_size_multiply(size_t a, size_t b, size_t *out) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

static inline bool hone_is_power_of_two(uint64_t n) {
    return n != 0 && (n & (n - 1)) == 0;
}

/* `n` rounded up to a multiple of `alignment`, a power of two. */
static inline bool hone_size_align(size_t n, size_t alignment, size_t *out) {
    size_t padded;
    if (!hone_size_add(n, alignment - 1, &padded)) {
        return false;
    }
    *out = padded & ~(alignment - 1);
    return true;
}

/* The smallest power of two >= n, for 1 <= n <= 2^63. */
static inline uint64_t hone_power_of_two_ceil(uint64_t n) {
    return n <= 1 ? 1 : (uint64_t)1 << (64 - __builtin_clzll(n - 1));
}

#endif
