/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last resort of parsing: all digits D of a number D x 10^e against the midpoint M x 2^p of two
 * neighbouring doubles, in integers. With 10^e = 5^e x 2^e the side with the negative power of five
 * is multiplied over to the other, and so is the negative power of two; then both are compared.
 *
 * 800 digits are always enough: a midpoint has at most 767 significant ones, so what follows only
 * says "a little more", which one digit more says as well. The larger side then stays below 2^3900:
 * for D x 10^e near 2^-1075 it is M x 5^1125 x 2^50, for values near 2^1024 M x 2^1463 x 5^492.
 */
#include "number_internal.h"

#include <assert.h>

enum { LIMBS_MAX = 128, DIGITS_MAX = 800 };

/* Little-endian limbs of 32 bits, no leading zeros. */
typedef struct big {
    uint32_t limbs[LIMBS_MAX];
    uint32_t count;
} big;

static void big_multiply_add(big *number, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (uint32_t i = 0; i < number->count; i++) {
        carry += (uint64_t)number->limbs[i] * factor;
        number->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) {
        assert(number->count < LIMBS_MAX);
        number->limbs[number->count++] = (uint32_t)carry;
    }
}

static void big_multiply_power_of_five(big *number, int64_t power) {
    enum { POWER_STEP = 13, FIVE_TO_STEP = 1220703125 };
    for (; power >= POWER_STEP; power -= POWER_STEP) {
        big_multiply_add(number, FIVE_TO_STEP, 0);
    }
    for (; power > 0; power--) {
        big_multiply_add(number, 5, 0);
    }
}

static void big_shift_left(big *number, int64_t bits) {
    uint32_t limbs = (uint32_t)(bits / 32);
    assert(number->count + limbs <= LIMBS_MAX);
    memmove(number->limbs + limbs, number->limbs, number->count * sizeof *number->limbs);
    memset(number->limbs, 0, limbs * sizeof *number->limbs);
    number->count += limbs;
    big_multiply_add(number, (uint32_t)1 << bits % 32, 0);
}

static int big_compare(const big *a, const big *b) {
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (uint32_t i = a->count; i-- > 0;) {
        if (a->limbs[i] != b->limbs[i]) {
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Takes at most DIGITS_MAX significant digits and one that stands for the rest; *exponent becomes
 * that of the last digit taken. */
static void big_from_digits(big *number, hone_text digits, int64_t *exponent) {
    size_t taken = 0, left = 0;
    bool has_more = false;
    number->count = 0;
    for (size_t i = 0; i < digits.size; i++) {
        uint32_t digit = (uint32_t)(digits.data[i] - '0');
        if (digits.data[i] == '.' || (taken == 0 && digit == 0)) {
            continue;
        }
        if (taken < DIGITS_MAX) {
            big_multiply_add(number, 10, digit);
            taken++;
        } else {
            left++;
            has_more |= digit != 0;
        }
    }
    if (has_more) {
        big_multiply_add(number, 10, 1);
        left--;
    }
    *exponent += (int64_t)left;
}

uint64_t hn_number_nearest(hone_text digits, int64_t exponent, uint64_t lower) {
    big decimal, middle = {{0}, 0};
    hn_binary below = hn_binary_of(lower);
    int64_t two_exponent = below.exponent - 1;
    uint64_t middle_mantissa = 2 * below.mantissa + 1;
    middle.limbs[0] = (uint32_t)middle_mantissa;
    middle.limbs[1] = (uint32_t)(middle_mantissa >> 32);
    middle.count = middle.limbs[1] ? 2 : 1;
    big_from_digits(&decimal, digits, &exponent);

    if (exponent >= 0) {
        big_multiply_power_of_five(&decimal, exponent);
    } else {
        big_multiply_power_of_five(&middle, -exponent);
    }
    int64_t shift = exponent - two_exponent;
    if (shift >= 0) {
        big_shift_left(&decimal, shift);
    } else {
        big_shift_left(&middle, -shift);
    }
    int order = big_compare(&decimal, &middle);
    if (order == 0) {
        return lower + (lower & 1);
    }
    return lower + (order > 0);
}
