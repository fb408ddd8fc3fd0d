/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on any two numbers. The kind of the result is that of the less exact operand: exact,
 * then reals with digits, then machine reals; complex numbers work on their parts.
 */
#include <math.h>

#include "make_internal.h"
#include "numbers_internal.h"
#include "unwind_internal.h"

hn_value hn_numerator(hn_value rational) {
    return hn_is_kind(rational, HN_RATIONAL) ? hn_node_of(rational)->words[0] : rational;
}

hn_value hn_denominator(hn_value rational) {
    return hn_is_kind(rational, HN_RATIONAL) ? hn_node_of(rational)->words[1] : hn_of_small(1);
}

static hn_value make_pair(hone_lyra *lyra, hn_kind kind, hn_value first, hn_value second) {
    hn_node *node = hn_node_new(lyra, kind, 2);
    node->count = 2;
    node->words[0] = first;
    node->words[1] = second;
    return hn_of_node(node);
}

hn_value hn_make_rational(hone_lyra *lyra, hn_value numerator, hn_value denominator) {
    if (hn_integer_sign(denominator) < 0) {
        numerator = hn_integer_negate(lyra, numerator);
        denominator = hn_integer_negate(lyra, denominator);
    }
    hn_value common = hn_integer_gcd(lyra, numerator, denominator);
    if (common != hn_of_small(1)) {
        numerator = hn_integer_exact_quotient(lyra, numerator, common);
        denominator = hn_integer_exact_quotient(lyra, denominator, common);
    }
    return denominator == hn_of_small(1) ? numerator
                                         : make_pair(lyra, HN_RATIONAL, numerator, denominator);
}

hn_value hn_make_complex(hone_lyra *lyra, hn_value real, hn_value imaginary) {
    if (imaginary == hn_of_small(0)) {
        return real;
    }
    if (hn_is_real(real) != hn_is_real(imaginary) && (hn_is_real(real) || hn_is_real(imaginary))) {
        real = hn_make_real(lyra, hn_number_to_double(real));
        imaginary = hn_make_real(lyra, hn_number_to_double(imaginary));
    }
    return make_pair(lyra, HN_COMPLEX, real, imaginary);
}

hn_value hn_real_part(hn_value number) {
    return hn_is_kind(number, HN_COMPLEX) ? hn_node_of(number)->words[0] : number;
}

hn_value hn_imaginary_part(hn_value number) {
    return hn_is_kind(number, HN_COMPLEX) ? hn_node_of(number)->words[1] : hn_of_small(0);
}

bool hn_is_real_number(hn_value value) {
    return hn_is_number(value) && !hn_is_kind(value, HN_COMPLEX);
}

static double real_of(hn_value value) {
    if (hn_is_flonum(value)) {
        return hn_flonum_of(value);
    }
    double real;
    memcpy(&real, hn_node_of(value)->words, sizeof real);
    return real;
}

/* GMP truncates; with two more limbs than a double needs, rounding by MPFR is right. */
double hn_number_to_double(hn_value real) {
    if (hn_is_integer(real)) {
        return (double)hn_integer_of(real);
    }
    if (hn_is_real(real)) {
        return real_of(real);
    }
    mpfr_t number;
    mpfr_init2(number, 53);
    hn_number_to_mpfr(real, number);
    double result = mpfr_get_d(number, MPFR_RNDN);
    mpfr_clear(number);
    return result;
}

bool hn_get_real(hone_lyra *lyra, hn_value value, double *out_real) {
    (void)lyra;
    if (!hn_is_real_number(value)) {
        return false;
    }
    *out_real = hn_number_to_double(value);
    return true;
}

bool hn_number_is_exact(hn_value number) {
    if (hn_is_kind(number, HN_COMPLEX)) {
        return hn_number_is_exact(hn_real_part(number)) &&
               hn_number_is_exact(hn_imaginary_part(number));
    }
    return hn_is_rational(number);
}

int hn_number_sign(hn_value real) {
    if (hn_is_any_integer(real)) {
        return hn_integer_sign(real);
    }
    if (hn_is_kind(real, HN_RATIONAL)) {
        return hn_integer_sign(hn_numerator(real));
    }
    if (hn_is_kind(real, HN_BIGREAL)) {
        mpfr_t view;
        hn_bigreal_view(hn_node_of(real), view);
        return mpfr_sgn(view);
    }
    double number = real_of(real);
    return (number > 0) - (number < 0);
}

bool hn_number_is_zero(hn_value number) {
    if (hn_is_kind(number, HN_COMPLEX)) {
        return hn_number_is_zero(hn_real_part(number)) &&
               hn_number_is_zero(hn_imaginary_part(number));
    }
    return hn_number_sign(number) == 0 && !(hn_is_real(number) && isnan(real_of(number)));
}

/* --- exact ----------------------------------------------------------------------------------- */

static hn_value rational_add(hone_lyra *lyra, hn_value a, hn_value b) {
    hn_value da = hn_denominator(a), db = hn_denominator(b);
    hn_value left = hn_integer_multiply(lyra, hn_numerator(a), db);
    hn_value right = hn_integer_multiply(lyra, hn_numerator(b), da);
    return hn_make_rational(lyra, hn_integer_add(lyra, left, right),
                            hn_integer_multiply(lyra, da, db));
}

static hn_value rational_multiply(hone_lyra *lyra, hn_value a, hn_value b) {
    return hn_make_rational(lyra, hn_integer_multiply(lyra, hn_numerator(a), hn_numerator(b)),
                            hn_integer_multiply(lyra, hn_denominator(a), hn_denominator(b)));
}

static bool are_bigreals(hn_value a, hn_value b) {
    return !hn_is_real(a) && !hn_is_real(b);
}

/* --- any ------------------------------------------------------------------------------------- */

hn_value hn_number_add(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_any_integer(a) && hn_is_any_integer(b)) {
        return hn_integer_add(lyra, a, b);
    }
    if (hn_is_kind(a, HN_COMPLEX) || hn_is_kind(b, HN_COMPLEX)) {
        hn_value real = hn_number_add(lyra, hn_real_part(a), hn_real_part(b));
        return hn_make_complex(lyra, real,
                               hn_number_add(lyra, hn_imaginary_part(a), hn_imaginary_part(b)));
    }
    if (hn_is_rational(a) && hn_is_rational(b)) {
        return rational_add(lyra, a, b);
    }
    return are_bigreals(a, b) ? hn_bigreal_add(lyra, a, b)
                              : hn_make_real(lyra, hn_number_to_double(a) + hn_number_to_double(b));
}

hn_value hn_number_multiply(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_any_integer(a) && hn_is_any_integer(b)) {
        return hn_integer_multiply(lyra, a, b);
    }
    if (a == hn_of_small(0) || b == hn_of_small(0)) {
        return hn_of_small(0);
    }
    if (hn_is_kind(a, HN_COMPLEX) || hn_is_kind(b, HN_COMPLEX)) {
        hn_value ar = hn_real_part(a), ai = hn_imaginary_part(a);
        hn_value br = hn_real_part(b), bi = hn_imaginary_part(b);
        hn_value real = hn_number_subtract(lyra, hn_number_multiply(lyra, ar, br),
                                           hn_number_multiply(lyra, ai, bi));
        hn_value imaginary =
            hn_number_add(lyra, hn_number_multiply(lyra, ar, bi), hn_number_multiply(lyra, ai, br));
        return hn_make_complex(lyra, real, imaginary);
    }
    if (hn_is_rational(a) && hn_is_rational(b)) {
        return rational_multiply(lyra, a, b);
    }
    return are_bigreals(a, b) ? hn_bigreal_multiply(lyra, a, b)
                              : hn_make_real(lyra, hn_number_to_double(a) * hn_number_to_double(b));
}

hn_value hn_number_negate(hone_lyra *lyra, hn_value a) {
    return hn_number_multiply(lyra, hn_of_small(-1), a);
}

hn_value hn_number_subtract(hone_lyra *lyra, hn_value a, hn_value b) {
    return hn_number_add(lyra, a, hn_number_negate(lyra, b));
}

hn_value hn_number_divide(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_kind(b, HN_COMPLEX)) { /* a conj(b) / |b|^2 */
        hn_value br = hn_real_part(b), bi = hn_imaginary_part(b);
        hn_value norm =
            hn_number_add(lyra, hn_number_multiply(lyra, br, br), hn_number_multiply(lyra, bi, bi));
        hn_value conjugate = hn_make_complex(lyra, br, hn_number_negate(lyra, bi));
        return hn_number_divide(lyra, hn_number_multiply(lyra, a, conjugate), norm);
    }
    if (hn_is_kind(a, HN_COMPLEX)) {
        hn_value real = hn_number_divide(lyra, hn_real_part(a), b);
        return hn_make_complex(lyra, real, hn_number_divide(lyra, hn_imaginary_part(a), b));
    }
    if (hn_is_rational(a) && hn_is_rational(b)) {
        hn_value numerator = hn_integer_multiply(lyra, hn_numerator(a), hn_denominator(b));
        return hn_make_rational(lyra, numerator,
                                hn_integer_multiply(lyra, hn_denominator(a), hn_numerator(b)));
    }
    if (a == hn_of_small(0)) {
        return a;
    }
    return are_bigreals(a, b) ? hn_bigreal_divide(lyra, a, b)
                              : hn_make_real(lyra, hn_number_to_double(a) / hn_number_to_double(b));
}

static hn_value power_by_squaring(hone_lyra *lyra, hn_value base, uint64_t exponent) {
    hn_value result = hn_of_small(1);
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) {
            result = hn_number_multiply(lyra, result, base);
        }
        if (exponent > 1) {
            base = hn_number_multiply(lyra, base, base);
        }
    }
    return result;
}

hn_value hn_number_power_int(hone_lyra *lyra, hn_value base, int64_t exponent) {
    uint64_t size = exponent < 0 ? -(uint64_t)exponent : (uint64_t)exponent;
    hn_value result;
    if (hn_is_rational(base)) {
        hn_value over = hn_integer_power(lyra, hn_numerator(base), size);
        hn_value under = hn_integer_power(lyra, hn_denominator(base), size);
        if (over == HN_NONE || under == HN_NONE) {
            return HN_NONE;
        }
        return exponent < 0 ? hn_make_rational(lyra, under, over)
                            : hn_make_rational(lyra, over, under);
    }
    if (hn_is_real(base)) {
        return hn_make_real(lyra, pow(real_of(base), (double)exponent));
    }
    if (hn_is_kind(base, HN_COMPLEX) && hn_number_is_exact(base) && size > 1 << 20) {
        return HN_NONE;
    }
    result = power_by_squaring(lyra, base, size);
    return exponent < 0 ? hn_number_divide(lyra, hn_of_small(1), result) : result;
}

int hn_number_compare(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_any_integer(a) && hn_is_any_integer(b)) {
        return hn_integer_compare(a, b);
    }
    if (hn_is_rational(a) && hn_is_rational(b)) {
        return hn_integer_compare(hn_integer_multiply(lyra, hn_numerator(a), hn_denominator(b)),
                                  hn_integer_multiply(lyra, hn_numerator(b), hn_denominator(a)));
    }
    if (hn_is_real(a) && hn_is_real(b)) {
        double left = real_of(a), right = real_of(b);
        return (left > right) - (left < right);
    }
    mpfr_t left, right; /* 2 bits more than both, so that equality is decided as it should be */
    mpfr_init2(left, 64 + (mpfr_prec_t)(hn_is_kind(a, HN_BIG) ? hn_integer_bits(a)
                                                              : 64 + hn_number_bits(a)));
    mpfr_init2(right, 64 + (mpfr_prec_t)(hn_is_kind(b, HN_BIG) ? hn_integer_bits(b)
                                                               : 64 + hn_number_bits(b)));
    hn_number_to_mpfr(a, left);
    hn_number_to_mpfr(b, right);
    int order = mpfr_cmp(left, right);
    mpfr_clear(left);
    mpfr_clear(right);
    return (order > 0) - (order < 0);
}
