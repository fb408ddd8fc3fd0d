/* SPDX-License-Identifier: Apache-2.0 */
/* Power, and roots of exact numbers in the form in which the language leaves them. */
#include <complex.h>
#include <math.h>

#include "builtins_internal.h"

enum { TRIAL_DIVISORS = 10000 };

static hn_value held_power(hone_lyra *lyra, hn_value base, hn_value exponent) {
    return hn_make1(lyra, HN_SYM(lyra, HoldForm),
                    hn_make2(lyra, HN_SYM(lyra, Power), base, exponent));
}

static hn_value complex_infinity(hone_lyra *lyra, hn_value base, hn_value exponent) {
    hn_message1(lyra, HN_SYM(lyra, Power), "infy", held_power(lyra, base, exponent));
    return hn_make0(lyra, HN_SYM(lyra, DirectedInfinity));
}

static hn_value zero_power(hone_lyra *lyra, hn_value base, hn_value exponent) {
    if (!hn_is_number(exponent)) {
        return HN_NONE;
    }
    hn_value real = hn_real_part(exponent);
    int sign = hn_number_sign(real);
    if (sign < 0) {
        return complex_infinity(lyra, base, exponent);
    }
    if (sign == 0) {
        hn_message1(lyra, HN_SYM(lyra, Power), "indet", held_power(lyra, base, exponent));
        return HN_SYM(lyra, Indeterminate);
    }
    return hn_number_is_exact(exponent) ? base : hn_make_real(lyra, 0.0);
}

/* Pulls d-th powers of small primes out of n: n = outside^d * inside. */
static void pull_out(hone_lyra *lyra, hn_value n, uint64_t d, hn_value *outside, hn_value *inside) {
    *outside = hn_of_small(1);
    *inside = hn_of_small(1);
    int64_t small;
    hn_mpz_room room;
    mpz_t view;
    if (mpz_root(lyra->integers[1], hn_mpz_view(n, &room, view), d)) {
        *outside = hn_make_mpz(lyra, lyra->integers[1]);
        return;
    }
    for (int64_t prime = 2; prime < TRIAL_DIVISORS; prime += prime == 2 ? 1 : 2) {
        if (hn_get_int(n, &small) && prime * prime > small) {
            break;
        }
        uint64_t count = 0;
        hn_value p = hn_of_small(prime);
        while (hn_integer_mod(lyra, n, p) == hn_of_small(0)) {
            n = hn_integer_exact_quotient(lyra, n, p);
            count++;
        }
        if (count > 0) {
            *outside = hn_integer_multiply(lyra, *outside, hn_integer_power(lyra, p, count / d));
            *inside = hn_integer_multiply(lyra, *inside, hn_integer_power(lyra, p, count % d));
        }
    }
    *inside = hn_integer_multiply(lyra, *inside, n);
}

static hn_value raw_power(hone_lyra *lyra, hn_value base, hn_value exponent) {
    return hn_stamp(lyra, hn_make2(lyra, HN_SYM(lyra, Power), base, exponent));
}

/* The exponent is brought between 0 and 1: 2^(5/2) is 4 Sqrt[2], 2^(-1/2) is 1/Sqrt[2]. */
static hn_value integer_to_rational(hone_lyra *lyra, hn_value base, hn_value exponent) {
    hn_value p = hn_numerator(exponent), q = hn_denominator(exponent);
    int64_t numerator, degree;
    if (!hn_get_int(p, &numerator) || !hn_get_int(q, &degree)) {
        return HN_NONE;
    }
    hn_value outside, inside;
    pull_out(lyra, base, (uint64_t)degree, &outside, &inside);
    hn_value front = hn_number_power_int(lyra, outside, numerator);
    if (front == HN_NONE) {
        return HN_NONE;
    }
    if (inside == hn_of_small(1)) {
        return front;
    }
    /* inside^(p/q): whole powers come out, the rest is a proper fraction */
    hn_value whole = hn_integer_quotient(lyra, p, q);
    hn_value rest = hn_integer_mod(lyra, p, q);
    int64_t whole_number;
    (void)hn_get_int(whole, &whole_number);
    hn_value sign_rest = hn_make_rational(lyra, rest, q);
    if (numerator < 0) { /* 2^(-1/2) rather than Sqrt[2]/2 */
        whole_number++;
        sign_rest = hn_number_subtract(lyra, sign_rest, hn_of_small(1));
    }
    hn_value more = hn_number_power_int(lyra, inside, whole_number);
    if (more == HN_NONE) {
        return HN_NONE;
    }
    front = hn_number_multiply(lyra, front, more);
    if (front == hn_of_small(1) && hn_is_same(lyra, inside, base) &&
        hn_is_same(lyra, sign_rest, exponent)) {
        return HN_NONE;
    }
    hn_value root = raw_power(lyra, inside, sign_rest);
    return front == hn_of_small(1) ? root : hn_times(lyra, front, root);
}

static hn_value minus_one_power(hone_lyra *lyra, hn_value exponent) {
    hn_value p = hn_numerator(exponent), q = hn_denominator(exponent);
    if (q == hn_of_small(2)) {
        bool is_plus = hn_integer_mod(lyra, p, hn_of_small(4)) == hn_of_small(1);
        return hn_make_complex(lyra, hn_of_small(0), hn_of_small(is_plus ? 1 : -1));
    }
    hn_value rest = hn_number_subtract(
        lyra, exponent,
        hn_integer_multiply(lyra, hn_of_small(2),
                            hn_integer_quotient(lyra, hn_integer_add(lyra, p, q),
                                                hn_integer_multiply(lyra, hn_of_small(2), q))));
    if (hn_is_same(lyra, rest, exponent)) {
        return HN_NONE;
    }
    return raw_power(lyra, hn_of_small(-1), rest);
}

static hn_value exact_root(hone_lyra *lyra, hn_value base, hn_value exponent) {
    if (hn_number_sign(base) < 0) {
        if (base == hn_of_small(-1)) {
            return minus_one_power(lyra, exponent);
        }
        hn_value positive = hn_raise(lyra, hn_number_negate(lyra, base), exponent);
        return hn_times(lyra, hn_raise(lyra, hn_of_small(-1), exponent), positive);
    }
    if (hn_is_any_integer(base)) {
        return base == hn_of_small(1) ? base : integer_to_rational(lyra, base, exponent);
    }
    hn_value over = hn_raise(lyra, hn_numerator(base), exponent);
    hn_value under = hn_raise(lyra, hn_denominator(base), hn_number_negate(lyra, exponent));
    return hn_times(lyra, over, under);
}

static double complex as_complex(hn_value number) {
    return hn_number_to_double(hn_real_part(number)) +
           hn_number_to_double(hn_imaginary_part(number)) * I;
}

static hn_value from_complex(hone_lyra *lyra, double complex number) {
    return hn_make_complex(lyra, hn_make_real(lyra, creal(number)),
                           hn_make_real(lyra, cimag(number)));
}

static hn_value inexact_power(hone_lyra *lyra, hn_value base, hn_value exponent) {
    bool is_real = hn_is_real_number(base) && hn_is_real_number(exponent);
    bool is_big = hn_number_bits(base) != 53 && hn_number_bits(exponent) != 53;
    if (is_big && is_real && hn_number_sign(base) >= 0) {
        uint32_t left = hn_number_bits(base), right = hn_number_bits(exponent);
        uint32_t bits = left == 0 || (right != 0 && right < left) ? right : left;
        mpfr_set_prec(lyra->reals[0], bits + 64);
        mpfr_set_prec(lyra->reals[1], bits + 64);
        mpfr_set_prec(lyra->reals[2], bits);
        hn_number_to_mpfr(base, lyra->reals[0]);
        hn_number_to_mpfr(exponent, lyra->reals[1]);
        mpfr_pow(lyra->reals[2], lyra->reals[0], lyra->reals[1], MPFR_RNDN);
        return hn_make_mpfr(lyra, lyra->reals[2]);
    }
    if (is_real && hn_number_sign(base) >= 0) {
        double value = pow(hn_number_to_double(base), hn_number_to_double(exponent));
        if (isinf(value)) {
            hn_message(lyra, HN_SYM(lyra, General), "ovfl", NULL, 0);
            return hn_make0(lyra, HN_SYM(lyra, Overflow));
        }
        return hn_make_real(lyra, value);
    }
    return from_complex(lyra, cpow(as_complex(base), as_complex(exponent)));
}

static hn_value number_power(hone_lyra *lyra, hn_value base, hn_value exponent) {
    int64_t integer;
    if (hn_number_is_zero(base)) {
        return zero_power(lyra, base, exponent);
    }
    if (hn_get_int(exponent, &integer)) {
        hn_value power = hn_number_power_int(lyra, base, integer);
        if (power == HN_NONE) {
            hn_message(lyra, HN_SYM(lyra, General), "ovfl", NULL, 0);
            return hn_make0(lyra, HN_SYM(lyra, Overflow));
        }
        return power;
    }
    if (!hn_number_is_exact(base) || !hn_number_is_exact(exponent)) {
        return inexact_power(lyra, base, exponent);
    }
    if (base == hn_of_small(1)) {
        return base;
    }
    if (hn_is_rational(base) && hn_is_kind(exponent, HN_RATIONAL)) {
        return exact_root(lyra, base, exponent);
    }
    return HN_NONE;
}

/* (x^a)^n and (x y)^n for whole n. */
static hn_value integer_power_of(hone_lyra *lyra, hn_value base, hn_value exponent) {
    if (hn_has_form(base, HN_SYM(lyra, Power), 2)) {
        return hn_raise(lyra, hn_arg(base, 0), hn_times(lyra, hn_arg(base, 1), exponent));
    }
    if (HN_IS_FORM(lyra, base, Times)) {
        size_t top = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(base); i++) {
            hn_push(lyra, hn_raise(lyra, hn_arg(base, i), exponent));
        }
        return hn_make_pushed(lyra, HN_SYM(lyra, Times), top);
    }
    return HN_NONE;
}

/* (2 x)^(1/2) is Sqrt[2] Sqrt[x] for positive numbers in front. */
static hn_value split_number(hone_lyra *lyra, hn_value base, hn_value exponent) {
    if (!HN_IS_FORM(lyra, base, Times) || !hn_is_rational(hn_arg(base, 0)) ||
        hn_number_sign(hn_arg(base, 0)) <= 0) {
        return HN_NONE;
    }
    hn_value rest = hn_count(base) == 2
                        ? hn_arg(base, 1)
                        : hn_make(lyra, HN_SYM(lyra, Times), hn_args(base) + 1, hn_count(base) - 1);
    return hn_times(lyra, hn_raise(lyra, hn_arg(base, 0), exponent),
                    hn_raise(lyra, rest, exponent));
}

static hn_value infinity_power(hone_lyra *lyra, hn_value base, hn_value exponent) {
    if (!hn_is_real_number(exponent)) {
        return HN_NONE;
    }
    int sign = hn_number_sign(exponent);
    if (sign < 0) {
        return hn_of_small(0);
    }
    if (sign == 0) {
        hn_message1(lyra, HN_SYM(lyra, Power), "indet", held_power(lyra, base, exponent));
        return HN_SYM(lyra, Indeterminate);
    }
    if (hn_count(base) == 0) {
        return base;
    }
    return hn_make1(lyra, HN_SYM(lyra, DirectedInfinity),
                    hn_raise(lyra, hn_arg(base, 0), exponent));
}

static hn_value power(hone_lyra *lyra, hn_call *call) {
    if (call->count != 2) {
        if (call->count == 0) {
            return hn_of_small(1);
        }
        if (call->count == 1) {
            return call->args[0];
        }
        hn_value rest = hn_make(lyra, HN_SYM(lyra, Power), call->args + 1, call->count - 1);
        return hn_make2(lyra, HN_SYM(lyra, Power), call->args[0], rest);
    }
    hn_value base = call->args[0], exponent = call->args[1];
    if (hn_is_number(base) && hn_is_number(exponent)) {
        return number_power(lyra, base, exponent);
    }
    if (base == HN_SYM(lyra, Indeterminate) || exponent == HN_SYM(lyra, Indeterminate)) {
        return HN_SYM(lyra, Indeterminate);
    }
    if (exponent == hn_of_small(1)) {
        return base;
    }
    if (HN_IS_FORM(lyra, base, DirectedInfinity)) {
        return infinity_power(lyra, base, exponent);
    }
    if (exponent == hn_of_small(0)) {
        return hn_of_small(1);
    }
    if (base == hn_of_small(1)) {
        return base;
    }
    if (hn_is_number(base) && hn_number_is_zero(base) &&
        HN_IS_FORM(lyra, exponent, DirectedInfinity)) {
        return hn_has_form(exponent, HN_SYM(lyra, DirectedInfinity), 1) &&
                       hn_arg(exponent, 0) == hn_of_small(1)
                   ? hn_of_small(0)
                   : HN_NONE;
    }
    if (hn_is_any_integer(exponent)) {
        return integer_power_of(lyra, base, exponent);
    }
    if (base == HN_SYM(lyra, E) && (hn_is_number(exponent) && !hn_number_is_exact(exponent))) {
        return inexact_power(lyra, hn_make_real(lyra, M_E), exponent);
    }
    if (base == HN_SYM(lyra, E) && HN_IS_FORM(lyra, exponent, Log) && hn_count(exponent) == 1) {
        return hn_arg(exponent, 0);
    }
    return hn_is_kind(exponent, HN_RATIONAL) ? split_number(lyra, base, exponent) : HN_NONE;
}

static hn_value square_root(hone_lyra *lyra, hn_call *call) {
    return hn_make2(lyra, HN_SYM(lyra, Power), call->args[0],
                    hn_make_rational(lyra, hn_of_small(1), hn_of_small(2)));
}

static hn_value exponential(hone_lyra *lyra, hn_call *call) {
    return hn_make2(lyra, HN_SYM(lyra, Power), HN_SYM(lyra, E), call->args[0]);
}

static hn_value cube_root(hone_lyra *lyra, hn_call *call) {
    hn_value third = hn_make_rational(lyra, hn_of_small(1), hn_of_small(3));
    if (hn_is_real_number(call->args[0]) && hn_number_sign(call->args[0]) < 0) {
        hn_value positive = hn_raise(lyra, hn_number_negate(lyra, call->args[0]), third);
        return hn_times(lyra, hn_of_small(-1), positive);
    }
    return hn_is_number(call->args[0]) ? hn_raise(lyra, call->args[0], third) : HN_NONE;
}

const hn_builtin hn_builtins_powers[] = {
    {"Power", power, HN_NUMERIC | HN_ONE_IDENTITY, 0, -1, "x^y is x to the power y."},
    {"Sqrt", square_root, HN_NUMERIC, 1, 1, "Sqrt[z] is the square root of z."},
    {"Exp", exponential, HN_NUMERIC, 1, 1, "Exp[z] is the exponential of z."},
    {"CubeRoot", cube_root, HN_NUMERIC, 1, 1, "CubeRoot[x] is the real cube root of x."},
    {0},
};
