/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reals with significant digits: MPFR's mantissa lies in the cell, behind its precision and
 * exponent. Sums lose the digits that cancel, products keep the fewer of both: the precision of the
 * result follows from that of the operands.
 *
 * words: [0] precision in bits, [1] exponent, [2...] limbs; count is the number of limbs; a zero
 * has none, and its [1] is the accuracy.
 */
#include <math.h>

#include "make_internal.h"
#include "numbers_internal.h"

enum { BITS_MIN = 2 };

uint32_t hn_bits_of_digits(double digits) {
    double bits = ceil(digits * 3.3219280948873626 - 1e-9);
    return bits < BITS_MIN ? BITS_MIN : (uint32_t)bits;
}

double hn_digits_of_bits(uint32_t bits) {
    return bits * 0.3010299956639812;
}

void hn_bigreal_view(const hn_node *node, mpfr_t out_view) {
    mpfr_prec_t precision = (mpfr_prec_t)node->words[0];
    int kind = node->count == 0 ? MPFR_ZERO_KIND : MPFR_REGULAR_KIND;
    if (node->flags & HN_FLAG_NEGATIVE) {
        kind = -kind;
    }
    mpfr_custom_init_set(out_view, kind, (mpfr_exp_t)(int64_t)node->words[1], precision,
                         (void *)(uintptr_t)(node->words + 2));
}

bool hn_bigreal_is_same(const hn_node *a, const hn_node *b) {
    mpfr_t left, right;
    hn_bigreal_view(a, left);
    hn_bigreal_view(b, right);
    if (mpfr_cmp(left, right) == 0) {
        return true;
    }
    mpfr_prec_t bits =
        mpfr_get_prec(left) < mpfr_get_prec(right) ? mpfr_get_prec(left) : mpfr_get_prec(right);
    return mpfr_eq(left, right, (unsigned long)(bits > 4 ? bits - 3 : 1)) != 0;
}

hn_value hn_make_mpfr(hone_lyra *lyra, const __mpfr_struct *number) {
    if (mpfr_nan_p(number)) {
        return HN_SYM(lyra, Indeterminate);
    }
    if (mpfr_inf_p(number)) {
        return hn_make0(lyra, HN_SYM(lyra, Overflow));
    }
    mpfr_prec_t bits = mpfr_get_prec(number);
    uint32_t limbs = mpfr_zero_p(number) ? 0 : (uint32_t)((bits + 63) / 64);
    hn_node *node = hn_node_new(lyra, HN_BIGREAL, limbs + 2);
    node->count = limbs;
    node->flags = mpfr_sgn(number) < 0 ? HN_FLAG_NEGATIVE : 0;
    node->words[0] = (hn_value)bits;
    if (limbs > 0) {
        node->words[1] = (hn_value)(int64_t)mpfr_get_exp(number);
        memcpy(node->words + 2, mpfr_custom_get_significand(number), limbs * sizeof(mp_limb_t));
    }
    return hn_of_node(node);
}

void hn_number_to_mpfr(hn_value real, mpfr_t out) {
    hn_mpz_room room, under_room;
    mpz_t view;
    if (hn_is_any_integer(real)) {
        mpfr_set_z(out, hn_mpz_view(real, &room, view), MPFR_RNDN);
    } else if (hn_is_kind(real, HN_RATIONAL)) {
        mpq_t rational;
        mpz_t under;
        *mpq_numref(rational) = *hn_mpz_view(hn_numerator(real), &room, view);
        *mpq_denref(rational) = *hn_mpz_view(hn_denominator(real), &under_room, under);
        mpfr_set_q(out, rational, MPFR_RNDN);
    } else if (hn_is_kind(real, HN_BIGREAL)) {
        mpfr_t other;
        hn_bigreal_view(hn_node_of(real), other);
        mpfr_set(out, other, MPFR_RNDN);
    } else {
        mpfr_set_d(out, hn_number_to_double(real), MPFR_RNDN);
    }
}

uint32_t hn_number_bits(hn_value number) {
    if (hn_is_kind(number, HN_COMPLEX)) {
        uint32_t real = hn_number_bits(hn_real_part(number));
        uint32_t imaginary = hn_number_bits(hn_imaginary_part(number));
        return real == 0 || (imaginary != 0 && imaginary < real) ? imaginary : real;
    }
    if (hn_is_kind(number, HN_BIGREAL)) {
        return (uint32_t)hn_node_of(number)->words[0];
    }
    return hn_is_real(number) ? 53 : 0;
}

static uint32_t common_bits(hn_value a, hn_value b) {
    uint32_t left = hn_number_bits(a), right = hn_number_bits(b);
    return left == 0 || (right != 0 && right < left) ? right : left;
}

static void load(hone_lyra *lyra, hn_value a, hn_value b, uint32_t bits) {
    mpfr_set_prec(lyra->reals[0], bits + 64);
    mpfr_set_prec(lyra->reals[1], bits + 64);
    hn_number_to_mpfr(a, lyra->reals[0]);
    hn_number_to_mpfr(b, lyra->reals[1]);
}

hn_value hn_bigreal_multiply(hone_lyra *lyra, hn_value a, hn_value b) {
    uint32_t bits = common_bits(a, b);
    load(lyra, a, b, bits);
    mpfr_set_prec(lyra->reals[2], bits);
    mpfr_mul(lyra->reals[2], lyra->reals[0], lyra->reals[1], MPFR_RNDN);
    return hn_make_mpfr(lyra, lyra->reals[2]);
}

hn_value hn_bigreal_divide(hone_lyra *lyra, hn_value a, hn_value b) {
    uint32_t bits = common_bits(a, b);
    load(lyra, a, b, bits);
    mpfr_set_prec(lyra->reals[2], bits);
    mpfr_div(lyra->reals[2], lyra->reals[0], lyra->reals[1], MPFR_RNDN);
    return hn_make_mpfr(lyra, lyra->reals[2]);
}

/* Exponent of the last bit that means something; exact numbers have none. */
static int64_t last_bit(hn_value number, const __mpfr_struct *as_real) {
    uint32_t bits = hn_number_bits(number);
    if (bits == 0) {
        return INT64_MIN;
    }
    return (mpfr_zero_p(as_real) ? 0 : (int64_t)mpfr_get_exp(as_real)) - bits;
}

hn_value hn_bigreal_add(hone_lyra *lyra, hn_value a, hn_value b) {
    uint32_t bits = hn_number_bits(a) > hn_number_bits(b) ? hn_number_bits(a) : hn_number_bits(b);
    load(lyra, a, b, bits);
    mpfr_set_prec(lyra->reals[2], bits + 64);
    mpfr_add(lyra->reals[2], lyra->reals[0], lyra->reals[1], MPFR_RNDN);
    int64_t last = last_bit(a, lyra->reals[0]), other = last_bit(b, lyra->reals[1]);
    last = other > last ? other : last;
    int64_t kept =
        mpfr_zero_p(lyra->reals[2]) ? BITS_MIN : (int64_t)mpfr_get_exp(lyra->reals[2]) - last;
    kept = kept < BITS_MIN ? BITS_MIN : kept;
    mpfr_prec_round(lyra->reals[2],
                    kept > (int64_t)bits + 64 ? (mpfr_prec_t)bits + 64 : (mpfr_prec_t)kept,
                    MPFR_RNDN);
    return hn_make_mpfr(lyra, lyra->reals[2]);
}
