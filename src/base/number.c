/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing. The digits become a 64-bit decimal mantissa w and a power of ten q; then the first of
 * three that can decide does:
 *
 * 1. w <= 2^53 and |q| <= 22: both are exact doubles, one correctly rounded operation (Clinger).
 * 2. w x 10^q from the 128 leading bits of 10^q. Two multiplications give enough bits to round
 *    correctly for every 64-bit w (Eisel-Lemire; that no fallback is needed is proved in Mushtak
 * and Lemire, Fast number parsing without fallback, 2023).
 * 3. More than 19 digits: w was cut, so the value lies in [w, w + 1) x 10^q. Mostly both ends round
 *    to the same double; where they do not, number_exact.c compares all digits with the midpoint.
 */
#include "number_internal.h"

#include <assert.h>
#include <float.h>

enum { DIGITS_EXACT = 19, POWER_OF_TEN_EXACT = 22 };

static bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* --- Digits --------------------------------------------------------------------------------- */

/* Eight digits in one go where there are eight (Lemire, Quickly parsing eight digits, 2018). */
static bool eat_eight_digits(const char *at, uint64_t *mantissa) {
    uint64_t chunk;
    memcpy(&chunk, at, sizeof chunk);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    chunk = __builtin_bswap64(chunk);
#endif
    uint64_t above = chunk + 0x4646464646464646u, below = chunk - 0x3030303030303030u;
    if ((above | below) & 0x8080808080808080u) {
        return false;
    }
    chunk = below * 10 + (below >> 8);
    chunk = ((chunk & 0x000000FF000000FFu) * (100 + (UINT64_C(1000000) << 32)) +
             (chunk >> 16 & 0x000000FF000000FFu) * (1 + (UINT64_C(10000) << 32))) >>
            32;
    *mantissa = *mantissa * 100000000 + chunk;
    return true;
}

/* Adds the run of digits at `at` to the mantissa, modulo 2^64, and returns its end. */
static const char *eat_digits(const char *at, const char *end, uint64_t *mantissa) {
    uint64_t value = *mantissa;
    while (end - at >= 8 && eat_eight_digits(at, &value)) {
        at += 8;
    }
    for (; at < end && is_digit(*at); at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *mantissa = value;
    return at;
}

/* Digits of any number; OVERFLOW beyond 64 bits. */
static hone_status parse_digits(const char *at, const char *end, uint64_t *out_value) {
    uint64_t value = 0;
    bool is_too_large = false;
    for (; at < end; at++) {
        if (!is_digit(*at)) {
            return HONE_STATUS_SYNTAX;
        }
        is_too_large |= __builtin_mul_overflow(value, 10, &value);
        is_too_large |= __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
    }
    *out_value = value;
    return is_too_large ? HONE_STATUS_OVERFLOW : HONE_OK;
}

hone_status hone_number_parse_i64(hone_text text, int64_t *out_value) {
    if (!out_value) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    const char *at = text.data, *end = text.size ? at + text.size : at;
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end) {
        return HONE_STATUS_SYNTAX;
    }
    uint64_t value = 0;
    if (end - at <= DIGITS_EXACT) {
        if (eat_digits(at, end, &value) != end) {
            return HONE_STATUS_SYNTAX;
        }
    } else {
        hone_status status = parse_digits(at, end, &value);
        if (status != HONE_OK) {
            return status;
        }
    }
    if (value > (uint64_t)INT64_MAX + is_negative) {
        return HONE_STATUS_OVERFLOW;
    }
    *out_value = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return HONE_OK;
}

/* --- Splitting a decimal -------------------------------------------------------------------- */

typedef struct decimal {
    hone_text digits; /* with the point, if there is one */
    uint64_t mantissa;
    int64_t exponent;      /* of the mantissa's last digit */
    int64_t exponent_last; /* of the last digit of `digits` */
    bool is_negative;
    bool is_cut; /* the mantissa holds the first 19 significant digits only */
} decimal;

/* The mantissa overflowed perhaps: takes the first 19 significant digits again. */
static void cut_mantissa(decimal *number) {
    uint64_t mantissa = 0;
    size_t taken = 0, digits_left = 0;
    for (size_t i = 0; i < number->digits.size; i++) {
        char c = number->digits.data[i];
        if (c == '.') {
            continue;
        }
        if (taken == DIGITS_EXACT) {
            digits_left++;
        } else {
            mantissa = mantissa * 10 + (uint64_t)(c - '0');
            taken += mantissa != 0;
        }
    }
    number->mantissa = mantissa;
    number->exponent = number->exponent_last + (int64_t)digits_left;
    number->is_cut = digits_left > 0;
}

/* [sign] digits up to `end`; far beyond what a double can hold it stays at a large number. */
static bool parse_exponent(const char *at, const char *end, int64_t *out_exponent) {
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end) {
        return false;
    }
    int64_t value = 0;
    for (; at < end; at++) {
        if (!is_digit(*at)) {
            return false;
        }
        value = value < INT64_C(1000000000000000) ? value * 10 + (*at - '0') : value;
    }
    *out_exponent = is_negative ? -value : value;
    return true;
}

static bool split_decimal(hone_text text, decimal *out) {
    const char *at = text.data, *end = text.size ? at + text.size : at;
    uint64_t mantissa = 0;
    int64_t exponent = 0;
    size_t digits_count, fraction_count = 0;
    out->is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    const char *start = at;
    at = eat_digits(at, end, &mantissa);
    digits_count = (size_t)(at - start);
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = eat_digits(fraction, end, &mantissa);
        fraction_count = (size_t)(at - fraction);
        digits_count += fraction_count;
    }
    out->digits = (hone_text){start, (size_t)(at - start)};
    if (digits_count == 0) {
        return false;
    }
    if (at < end) {
        if ((*at | 0x20) != 'e' || !parse_exponent(at + 1, end, &exponent)) {
            return false;
        }
    }
    out->mantissa = mantissa;
    out->exponent = out->exponent_last = exponent - (int64_t)fraction_count;
    out->is_cut = false;
    if (digits_count > DIGITS_EXACT) {
        cut_mantissa(out);
    }
    return true;
}

/* --- Rounding ------------------------------------------------------------------------------- */

/* The upper 128 bits of w x 10^q's 192, exact as far as rounding to a double can tell. */
static hn_u128 multiply_power(uint64_t w, int64_t q) {
    const hn_power_of_ten *power = &hn_powers_of_ten[q - HN_POWER_FIRST];
    /* The proof wants reciprocals of exact powers rounded up. */
    uint64_t low = power->low + (q < 0 && q >= -27);
    hn_u128 product = (hn_u128)w * power->high;
    /* 55 bits are looked at; only if all below them are ones can the lower word change them. */
    if ((product >> 64 & 0x1FF) == 0x1FF) {
        product += (uint64_t)((hn_u128)w * low >> 64);
    }
    return product;
}

/* mantissa has one bit more than the result's; rounds it off, half to even was settled before. */
static uint64_t round_last_bit(uint64_t mantissa) {
    return (mantissa + (mantissa & 1)) >> 1;
}

/* w x 10^q as the bits of the nearest double; infinity where it is too large. */
static uint64_t round_decimal(uint64_t w, int64_t q) {
    if (w == 0 || q < HN_POWER_FIRST) {
        return 0;
    }
    if (q > 308) {
        return (uint64_t)HN_EXPONENT_INFINITE << HN_MANTISSA_BITS;
    }
    int leading_zeros = __builtin_clzll(w);
    hn_u128 product = multiply_power(w << leading_zeros, q);
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    int upper_bit = (int)(high >> 63);
    int shift = upper_bit + 64 - HN_MANTISSA_BITS - 3;
    uint64_t mantissa = high >> shift;
    /* floor(log2(10^q)) + 63 by a fixed-point log2(10), then the bias of doubles. */
    int64_t exponent = (217706 * q >> 16) + 63 + upper_bit - leading_zeros + 1023;
    if (exponent <= 0) {
        if (exponent <= -63) {
            return 0;
        }
        /* A subnormal; reaching 2^52 by rounding makes exactly the smallest normal one. */
        return round_last_bit(mantissa >> (1 - exponent));
    }
    /* Exactly half way, possible for these powers only: make round_last_bit go to even. */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << shift == high) {
        mantissa--;
    }
    mantissa = round_last_bit(mantissa);
    /* The hidden bit adds 1 to the exponent, and so does a carry out of the mantissa. */
    uint64_t bits = ((uint64_t)(exponent - 1) << HN_MANTISSA_BITS) + mantissa;
    uint64_t infinity = (uint64_t)HN_EXPONENT_INFINITE << HN_MANTISSA_BITS;
    return bits < infinity ? bits : infinity;
}

static bool try_exact(const decimal *number, double *out_value) {
#if FLT_EVAL_METHOD == 0
    static const double powers[POWER_OF_TEN_EXACT + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (number->mantissa > (uint64_t)1 << 53 || number->is_cut ||
        number->exponent < -POWER_OF_TEN_EXACT || number->exponent > POWER_OF_TEN_EXACT) {
        return false;
    }
    double value = (double)number->mantissa;
    value =
        number->exponent < 0 ? value / powers[-number->exponent] : value * powers[number->exponent];
    *out_value = number->is_negative ? -value : value;
    return true;
#else
    (void)number;
    (void)out_value;
    return false;
#endif
}

static bool is_word(hone_text text, const char *lower_case) {
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] | 0x20) != lower_case[i] || !lower_case[i]) {
            return false;
        }
    }
    return lower_case[text.size] == '\0';
}

static hone_status parse_special(hone_text text, double *out_value) {
    bool is_negative = text.size && text.data[0] == '-';
    if (text.size && (text.data[0] == '-' || text.data[0] == '+')) {
        text = (hone_text){text.data + 1, text.size - 1};
    }
    double value;
    if (is_word(text, "nan")) {
        value = __builtin_nan("");
    } else if (is_word(text, "inf") || is_word(text, "infinity")) {
        value = __builtin_inf();
    } else {
        return HONE_STATUS_SYNTAX;
    }
    *out_value = is_negative ? -value : value;
    return HONE_OK;
}

hone_status hone_number_parse_f64(hone_text text, double *out_value) {
    decimal number;
    if (!out_value) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    if (!split_decimal(text, &number)) {
        return parse_special(text, out_value);
    }
    if (try_exact(&number, out_value)) {
        return HONE_OK;
    }
    uint64_t bits = round_decimal(number.mantissa, number.exponent);
    if (number.is_cut && round_decimal(number.mantissa + 1, number.exponent) != bits) {
        bits = hn_number_nearest(number.digits, number.exponent_last, bits);
    }
    if (bits >> HN_MANTISSA_BITS == HN_EXPONENT_INFINITE) {
        return HONE_STATUS_OVERFLOW;
    }
    bits |= (uint64_t)number.is_negative << 63;
    memcpy(out_value, &bits, sizeof bits);
    return HONE_OK;
}
