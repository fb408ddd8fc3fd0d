/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by number.c, number_exact.c and number_format.c. */
#ifndef HONE_BASE_NUMBER_INTERNAL_H
#define HONE_BASE_NUMBER_INTERNAL_H

#include "hone/base/number.h"

__extension__ typedef unsigned __int128 hn_u128;

enum { HN_POWER_FIRST = -342, HN_POWER_LAST = 324 };

/* The 128 leading bits of 10^power, cut off; exact for powers from 0 to 55. */
typedef struct hn_power_of_ten {
    uint64_t high;
    uint64_t low;
} hn_power_of_ten;

extern const hn_power_of_ten hn_powers_of_ten[HN_POWER_LAST - HN_POWER_FIRST + 1];

/* A double without its sign: mantissa x 2^exponent, hidden bit included. */
typedef struct hn_binary {
    uint64_t mantissa;
    int32_t exponent;
} hn_binary;

enum { HN_MANTISSA_BITS = 52, HN_EXPONENT_BIAS = 1075, HN_EXPONENT_INFINITE = 2047 };

/* `bits` without sign; for infinity 2^1024, its place in the order of doubles. */
static inline hn_binary hn_binary_of(uint64_t bits) {
    int32_t biased = (int32_t)(bits >> HN_MANTISSA_BITS);
    uint64_t fraction = bits & (((uint64_t)1 << HN_MANTISSA_BITS) - 1);
    if (biased == 0) {
        return (hn_binary){fraction, 1 - HN_EXPONENT_BIAS};
    }
    return (hn_binary){fraction | (uint64_t)1 << HN_MANTISSA_BITS, biased - HN_EXPONENT_BIAS};
}

/* Which of the neighbours `lower` and lower + 1 (as bits without sign) is nearest to digits x
 * 10^exponent, ties to even. `digits` are decimal with at most one '.', which is passed over; the
 * exponent is that of the last digit. The value must lie between the two neighbours. */
uint64_t hn_number_nearest(hone_text digits, int64_t exponent, uint64_t lower);

/* Writes `value` in decimal and returns the length, at most 20; scribbles on up to 24 bytes. */
size_t hn_number_format_u64(uint64_t value, char *out_text);

#endif
