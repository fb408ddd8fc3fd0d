/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting. Schubfach finds the shortest decimal inside the rounding interval of a double: with k
 * chosen so that the interval, scaled by 10^-k, is between 2 and 20 wide, at most two candidates of
 * each of two lengths can lie in it. All comparisons are in units of a quarter, on products that
 * are rounded to odd, which keeps them exact (Giulietti, sections 9.5 to 9.9).
 */
#include "number_internal.h"

#include <assert.h>

enum { DIGITS_MAX = 17, PLAIN_EXPONENT_FIRST = -4, PLAIN_EXPONENT_END = 21 };

/* value = digits x 10^exponent */
typedef struct shortest {
    uint64_t digits; /* < 10^17, may end in zeros */
    int32_t exponent;
} shortest;

/* The upper 64 bits of power x scaled / 2^64, the last one set when anything was cut off. */
static uint64_t multiply_round_to_odd(hn_power_of_ten power, uint64_t scaled) {
    uint64_t carry = (uint64_t)((hn_u128)power.low * scaled >> 64);
    hn_u128 product = (hn_u128)power.high * scaled + carry;
    return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

/* The interval of decimals that read back as one double, in quarters of 10^k. */
typedef struct interval {
    uint64_t lower;
    uint64_t value;
    uint64_t upper;
    int32_t k;
} interval;

static interval interval_of(hn_binary number) {
    /* Below a power of two the neighbours are twice as near. */
    bool is_uneven = number.mantissa == (uint64_t)1 << HN_MANTISSA_BITS &&
                     number.exponent > 1 - HN_EXPONENT_BIAS;
    uint64_t is_odd = number.mantissa & 1; /* an even one owns the ends of its interval */
    uint64_t quarters = 4 * number.mantissa;
    /* k = floor(log10(2^e)), or of 3/4 x 2^e; then 10^-k's binary exponent: fixed-point logs. */
    int32_t k = (number.exponent * 1262611 - (is_uneven ? 524031 : 0)) >> 22;
    int32_t shift = number.exponent + (-k * 1741647 >> 19) + 1;
    hn_power_of_ten power = hn_powers_of_ten[-k - HN_POWER_FIRST];
    power.low += -k < 0 || -k > 55; /* the method wants inexact powers rounded up */
    return (interval){.lower = multiply_round_to_odd(power, (quarters - 2 + is_uneven) << shift) +
                               is_odd,
                      .value = multiply_round_to_odd(power, quarters << shift),
                      .upper = multiply_round_to_odd(power, (quarters + 2) << shift) - is_odd,
                      .k = k};
}

static shortest shortest_of(hn_binary number) {
    interval within = interval_of(number);
    uint64_t s = within.value / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool is_down_inside = within.lower <= 40 * tens;
        bool is_up_inside = 40 * tens + 40 <= within.upper;
        if (is_down_inside != is_up_inside) {
            return (shortest){tens + is_up_inside, within.k + 1};
        }
    }
    bool is_down_inside = within.lower <= 4 * s;
    bool is_up_inside = 4 * s + 4 <= within.upper;
    if (is_down_inside != is_up_inside) {
        return (shortest){s + is_up_inside, within.k};
    }
    uint64_t middle = 4 * s + 2;
    bool is_above = within.value > middle || (within.value == middle && (s & 1));
    return (shortest){s + is_above, within.k};
}

/* --- Digits --------------------------------------------------------------------------------- */

/* Eight decimal digits of value < 10^8, one per byte, the first one in the lowest byte. Divisions
 * by 100 and 10 are multiplications in lanes of 32 and 16 bits. */
static uint64_t split_eight_digits(uint32_t value) {
    uint64_t halves = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t hundreds = (halves * 10486 >> 20) & 0x0000007F0000007Fu;
    uint64_t pairs = hundreds | (halves - hundreds * 100) << 16;
    uint64_t tens = (pairs * 103 >> 10) & 0x000F000F000F000Fu;
    return tens | (pairs - tens * 10) << 8;
}

static void store_eight_digits(uint64_t digits, char *out_text) {
    digits |= 0x3030303030303030u;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    digits = __builtin_bswap64(digits);
#endif
    memcpy(out_text, &digits, sizeof digits);
}

/* How many digits before the first that is not zero; value is not 0. */
static uint32_t leading_zeros(uint64_t digits) {
    return (uint32_t)__builtin_ctzll(digits) / 8;
}

static uint32_t trailing_zeros(uint64_t digits) {
    return (uint32_t)__builtin_clzll(digits) / 8;
}

size_t hn_number_format_u64(uint64_t value, char *out_text) {
    char text[24];
    if (value < 100000000) {
        uint64_t digits = split_eight_digits((uint32_t)value);
        uint32_t zeros = digits ? leading_zeros(digits) : 7;
        store_eight_digits(digits >> zeros * 8, out_text);
        return 8 - zeros;
    }
    uint64_t low = split_eight_digits((uint32_t)(value % 100000000));
    uint64_t middle = split_eight_digits((uint32_t)(value / 100000000 % 100000000));
    uint64_t high = split_eight_digits((uint32_t)(value / UINT64_C(10000000000000000)));
    uint32_t start = high ? leading_zeros(high) : 8 + leading_zeros(middle);
    store_eight_digits(high, text);
    store_eight_digits(middle, text + 8);
    store_eight_digits(low, text + 16);
    memcpy(out_text, text + start, 24 - start);
    return 24 - start;
}

size_t hone_number_format_i64(int64_t value, char *out_text) {
    assert(out_text);
    if (value >= 0) {
        return hn_number_format_u64((uint64_t)value, out_text);
    }
    out_text[0] = '-';
    return 1 + hn_number_format_u64(0 - (uint64_t)value, out_text + 1);
}

/* The significant digits of value (not 0, < 10^17) as text, zeros at both ends left out; how many
 * zeros were left out behind them is added to *exponent. Returns their count. */
static uint32_t write_digits(uint64_t value, char *text, const char **out_start,
                             int32_t *exponent) {
    uint64_t low = split_eight_digits((uint32_t)(value % 100000000));
    uint64_t above = value / 100000000;
    uint64_t middle = split_eight_digits((uint32_t)(above % 100000000));
    uint32_t first = (uint32_t)(above / 100000000);
    text[0] = (char)('0' + first);
    store_eight_digits(middle, text + 1);
    store_eight_digits(low, text + 9);
    uint32_t start = first ? 0 : middle ? 1 + leading_zeros(middle) : 9 + leading_zeros(low);
    uint32_t zeros = low ? trailing_zeros(low) : middle ? 8 + trailing_zeros(middle) : 16;
    *exponent += (int32_t)zeros;
    *out_start = text + start;
    return DIGITS_MAX - start - zeros;
}

/* --- Layout --------------------------------------------------------------------------------- */

static char *put(char *out, const char *text, size_t size) {
    memcpy(out, text, size);
    return out + size;
}

static char *put_zeros(char *out, int32_t count) {
    memset(out, '0', (size_t)count);
    return out + count;
}

/* d.ddde+XX; `power` is that of the first digit. */
static char *put_scientific(char *out, const char *digits, uint32_t count, int32_t power) {
    *out++ = digits[0];
    if (count > 1) {
        *out++ = '.';
        out = put(out, digits + 1, count - 1);
    }
    *out++ = 'e';
    *out++ = power < 0 ? '-' : '+';
    uint32_t size = (uint32_t)(power < 0 ? -power : power);
    if (size >= 100) {
        *out++ = (char)('0' + size / 100);
    }
    *out++ = (char)('0' + size / 10 % 10);
    *out++ = (char)('0' + size % 10);
    return out;
}

static char *put_plain(char *out, const char *digits, uint32_t count, int32_t power) {
    int32_t before_point = power + 1;
    if (before_point <= 0) {
        out = put(out, "0.", 2);
        out = put_zeros(out, -before_point);
        return put(out, digits, count);
    }
    if ((uint32_t)before_point >= count) {
        out = put(out, digits, count);
        return put_zeros(out, before_point - (int32_t)count);
    }
    out = put(out, digits, (size_t)before_point);
    *out++ = '.';
    return put(out, digits + before_point, count - (uint32_t)before_point);
}

size_t hone_number_format_f64(double value, char *out_text) {
    assert(out_text);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool is_negative = bits >> 63;
    bits &= UINT64_MAX >> 1;
    if (bits >> HN_MANTISSA_BITS == HN_EXPONENT_INFINITE) {
        bool is_nan = bits << (64 - HN_MANTISSA_BITS) != 0;
        return (size_t)(put(out_text,
                            is_nan        ? "NaN"
                            : is_negative ? "-Inf"
                                          : "+Inf",
                            is_nan ? 3 : 4) -
                        out_text);
    }
    char *out = out_text;
    if (is_negative) {
        *out++ = '-';
    }
    hn_binary number = hn_binary_of(bits);
    /* Whole numbers below 2^53 need no search. */
    if (number.exponent <= 0 && number.exponent > -53 &&
        (number.mantissa & (((uint64_t)1 << -number.exponent) - 1)) == 0) {
        out += hn_number_format_u64(number.mantissa >> -number.exponent, out);
        return (size_t)(out - out_text);
    }
    if (bits == 0) {
        *out++ = '0';
        return (size_t)(out - out_text);
    }
    char text[DIGITS_MAX];
    const char *digits;
    shortest found = shortest_of(number);
    uint32_t count = write_digits(found.digits, text, &digits, &found.exponent);
    int32_t power = found.exponent + (int32_t)count - 1;
    bool is_plain = power >= PLAIN_EXPONENT_FIRST && power < PLAIN_EXPONENT_END;
    out =
        is_plain ? put_plain(out, digits, count, power) : put_scientific(out, digits, count, power);
    return (size_t)(out - out_text);
}
