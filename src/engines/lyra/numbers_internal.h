/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numeric tower: integers of any size, rationals, machine reals, reals with significant digits,
 * complex numbers. Exact stays exact; nothing wraps.
 */
#ifndef HN_LYRA_NUMBERS_INTERNAL_H
#define HN_LYRA_NUMBERS_INTERNAL_H

#include "kernel_internal.h"

enum { HN_BITS_MAX = 1 << 27 }; /* of an exact number: larger ones are General::ovfl */

/* --- integers (integer.c). A view of one as mpz: `room` keeps the limb of a small one. */
typedef struct hn_mpz_room {
    mp_limb_t limb;
} hn_mpz_room;
const __mpz_struct *hn_mpz_view(hn_value integer, hn_mpz_room *room, mpz_t out_view);
hn_value hn_make_mpz(hone_lyra *lyra, const __mpz_struct *integer);
int hn_integer_sign(hn_value integer);
int hn_integer_compare(hn_value a, hn_value b);
hn_value hn_integer_add(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_integer_subtract(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_integer_multiply(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_integer_negate(hone_lyra *lyra, hn_value a);
hn_value hn_integer_gcd(hone_lyra *lyra, hn_value a, hn_value b);
/* Rounded towards minus infinity; b is not 0. */
hn_value hn_integer_quotient(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_integer_mod(hone_lyra *lyra, hn_value a, hn_value b);
/* b is not 0 and divides a. */
hn_value hn_integer_exact_quotient(hone_lyra *lyra, hn_value a, hn_value b);
/* HN_NONE: too large. */
hn_value hn_integer_power(hone_lyra *lyra, hn_value base, uint64_t exponent);
bool hn_integer_is_odd(hn_value integer);
size_t hn_integer_bits(hn_value integer);
hn_value hn_integer_read(hone_lyra *lyra, hone_text digits, int base);

/* --- any number (tower.c) */
hn_value hn_make_rational(hone_lyra *lyra, hn_value numerator, hn_value denominator); /* != 0 */
hn_value hn_make_complex(hone_lyra *lyra, hn_value real, hn_value imaginary);
hn_value hn_numerator(hn_value rational);
hn_value hn_denominator(hn_value rational);
hn_value hn_real_part(hn_value number);
hn_value hn_imaginary_part(hn_value number);

hn_value hn_number_add(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_number_multiply(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_number_negate(hone_lyra *lyra, hn_value a);
hn_value hn_number_subtract(hone_lyra *lyra, hn_value a, hn_value b);
/* b is not 0. */
hn_value hn_number_divide(hone_lyra *lyra, hn_value a, hn_value b);
/* HN_NONE when the exact result does not exist or is too large. `exponent` is any integer. */
hn_value hn_number_power_int(hone_lyra *lyra, hn_value base, int64_t exponent);
/* -1, 0, 1; both real. *out_is_known false with NaN. */
int hn_number_compare(hone_lyra *lyra, hn_value a, hn_value b);
bool hn_number_is_zero(hn_value number); /* also 0. */
bool hn_number_is_exact(hn_value number);
int hn_number_sign(hn_value real);
/* True for integers, rationals, reals. */
bool hn_is_real_number(hn_value value);
/* Machine number nearest to a real number. */
double hn_number_to_double(hn_value real);

/* --- reals with significant digits (bigreal.c) */
bool hn_bigreal_is_same(const hn_node *a, const hn_node *b);
void hn_bigreal_view(const hn_node *node, mpfr_t out_view);
hn_value hn_make_mpfr(hone_lyra *lyra, const __mpfr_struct *number);
/* Any real number, at `bits`. `out` is initialised. */
void hn_number_to_mpfr(hn_value real, mpfr_t out);
/* Bits of significance: of a machine real 53; exact: 0. */
uint32_t hn_number_bits(hn_value number);
hn_value hn_bigreal_add(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_bigreal_multiply(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_bigreal_divide(hone_lyra *lyra, hn_value a, hn_value b);
/* Decimal digits <-> bits. */
uint32_t hn_bits_of_digits(double digits);
double hn_digits_of_bits(uint32_t bits);

#endif
